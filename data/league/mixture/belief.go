package mixture

import (
	"fmt"
	"math"
	"slices"

	"transcend/internal/bitboard"
)

// Belief is who plays a game, as far as its moves tell: the posterior g(i|x) over the pool's
// players by Bayes' rule, which a perfect imitator of the pool's transcripts applies, because it
// sees the moves so far. It weighs pairs of players by the moves of both: for who cannot be
// his own opponent, or must be near him by rating, the other side's moves tell something, too.
// One goroutine at a time may use it.
type Belief struct {
	mixture *Mixture
	game    *bitboard.Game
	// logs are the logarithms of the likelihoods of each color's moves, by player.
	logs [2][]float64
	// impossible counts moves that no pair that was left could have played.
	impossible int
	next       []float64
}

// NewBelief returns a belief before the first move.
func (m *Mixture) NewBelief(start bitboard.Position) *Belief {
	n := len(m.pool.Players)
	return &Belief{mixture: m, game: bitboard.NewGame(start), logs: [2][]float64{make([]float64, n), make([]float64, n)}, next: make([]float64, n)}
}

// Game is the game so far. It must not be changed.
func (b *Belief) Game() *bitboard.Game { return b.game }

// Impossible returns the number of moves that no pair of players could have played; they
// tell nothing. The games of a pool have none.
func (b *Belief) Impossible() int { return b.impossible }

// See takes the next move into account; it must be legal.
func (b *Belief) See(move bitboard.Move) error {
	at, err := b.mixture.At(b.game)
	if err != nil {
		return err
	}
	side := b.game.Position().SideToMove()
	if err := b.game.Make(move); err != nil {
		return fmt.Errorf("mixture: ply %d: %w", b.game.Ply()+1, err)
	}
	k, _ := slices.BinarySearch(at.Moves, move)
	for i, l := range b.logs[side] {
		b.next[i] = l + math.Log(at.Player(i)[k])
	}
	b.logs[side], b.next = b.next, b.logs[side]
	if !b.possible() {
		b.logs[side], b.next = b.next, b.logs[side]
		b.impossible++
	}
	return nil
}

// possible reports whether some pair of players can have played the game.
func (b *Belief) possible() bool {
	for i, l := range b.meetings(bitboard.White, nil) {
		if !math.IsInf(b.logs[bitboard.White][i]+l, -1) {
			return true
		}
	}
	return false
}

// Follow makes the belief that of g: it goes on from the moves they have in common, or
// begins again.
func (b *Belief) Follow(g *bitboard.Game) error {
	moves, seen := g.Moves(), b.game.Moves()
	if g.StartPosition() != b.game.StartPosition() || len(seen) > len(moves) || !slices.Equal(seen, moves[:len(seen)]) {
		*b = *b.mixture.NewBelief(g.StartPosition())
		seen = nil
	}
	for _, move := range moves[len(seen):] {
		if err := b.See(move); err != nil {
			return err
		}
	}
	return nil
}

// Weights writes the posterior of a color's player into dst, which is made longer as needed,
// and returns it.
func (b *Belief) Weights(dst []float64, side bitboard.Color) []float64 {
	dst = b.meetings(side, dst)
	best := math.Inf(-1)
	for i := range dst {
		dst[i] += b.logs[side][i]
		best = max(best, dst[i])
	}
	sum := 0.0
	for i := range dst {
		dst[i] = math.Exp(dst[i] - best)
		sum += dst[i]
	}
	for i := range dst {
		dst[i] /= sum
	}
	return dst
}

// meetings returns, for each player that side may be, the logarithm of the sum over opponents
// of the prior of the pair times the likelihood of the opponent's moves.
func (b *Belief) meetings(side bitboard.Color, dst []float64) []float64 {
	n := len(b.logs[0])
	if cap(dst) < n {
		dst = make([]float64, n)
	}
	dst = dst[:n]
	for i := range dst {
		dst[i] = math.Inf(-1)
	}
	logs := b.logs[side.Other()]
	opponents := b.mixture.opponents
	if opponents == nil {
		// All others, evenly: the sum of those before and of those after. A difference of
		// sums would lose what is much smaller than the one left out.
		sum := math.Inf(-1)
		for i := range n {
			dst[i] = sum
			sum = logAdd(sum, logs[i])
		}
		sum = math.Inf(-1)
		for i := n - 1; i >= 0; i-- {
			dst[i] = logAdd(dst[i], sum)
			sum = logAdd(sum, logs[i])
		}
		return dst
	}
	for white, blacks := range opponents {
		prior := -math.Log(float64(len(blacks)))
		for _, black := range blacks {
			i, j := white, black
			if side == bitboard.Black {
				i, j = black, white
			}
			dst[i] = logAdd(dst[i], prior+logs[j])
		}
	}
	return dst
}

// logAdd returns log(exp(a)+exp(b)).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

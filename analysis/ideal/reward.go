package ideal

import (
	"errors"
	"fmt"
	"math"

	"transcend/data/league/search"
	"transcend/internal/bitboard"
)

// Judge gives every move of a position its reward: the mover's probability to win after it, by a
// search of the league's with more depth than the players have. All moves are searched with
// open bounds, so all rewards are exact scores.
type Judge struct {
	Depth int // plies; 0: no bound
	Nodes int // positions; 0: no bound. The last depth that they reach for all moves counts.
}

// DefaultJudge sees four plies or more, and the captures behind them.
var DefaultJudge = Judge{Nodes: 40_000}

// String returns "depth=4", "nodes=40000" or both.
func (j Judge) String() string {
	switch {
	case j.Nodes == 0:
		return fmt.Sprintf("depth=%d", j.Depth)
	case j.Depth == 0:
		return fmt.Sprintf("nodes=%d", j.Nodes)
	}
	return fmt.Sprintf("depth=%d,nodes=%d", j.Depth, j.Nodes)
}

// Validate reports a judge without bounds.
func (j Judge) Validate() error {
	if j.Depth < 0 || j.Nodes < 0 || j.Depth == 0 && j.Nodes == 0 {
		return errors.New("ideal: rewards need a search with a depth or a number of nodes")
	}
	return nil
}

// Rewards writes the reward of every legal move, in the order of moves, into dst, which is made
// longer as needed. moves are the legal ones in the order of their codes.
func (j Judge) Rewards(dst []float64, s *search.Searcher, g *bitboard.Game, moves []bitboard.Move) []float64 {
	dst = append(dst[:0], make([]float64, len(moves))...)
	result := s.Search(g, search.Options{Depth: j.Depth, Nodes: j.Nodes, Margin: 2 * search.Mate})
	for _, r := range result.Moves {
		for i, m := range moves {
			if m == r.Move {
				dst[i] = winProbability(r.Score)
			}
		}
	}
	return dst
}

// mateCentipawns is what a mate counts (Zhang et al. 2024, released favor analysis).
const mateCentipawns = 10_000

// winProbability is the reward of a score of package search.
func winProbability(score int) float64 { return WinChance(score, search.MateIn(score)) }

// WinChance is the reward of a score in centipawns, or of a mate in so many moves if that is not 0,
// negative for being mated: 1/(1+exp(-0.00368208 cp)), Lichess's formula, as the released favor analysis
// applies it, without its rounding to three decimals.
func WinChance(centipawns, mate int) float64 {
	if mate > 0 {
		centipawns = mateCentipawns
	} else if mate < 0 {
		centipawns = -mateCentipawns
	}
	return 1 / (1 + math.Exp(-0.00368208*float64(centipawns)))
}

// Expected returns the expected reward of a distribution over moves.
func Expected(f, rewards []float64) float64 {
	sum := 0.0
	for i, x := range f {
		sum += x * rewards[i]
	}
	return sum
}

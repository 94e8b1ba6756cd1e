package league

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"transcend/data/league/search"
	"transcend/internal/bitboard"
	"transcend/internal/draw"
)

// Player is a simulated player: how it searches and how it errs. It is a value
// without state: what it plays in a position of a game follows from it and the
// game's seed. The zero Player searches without a bound of its own.
//
// A move comes about in this order, and each step may be left out:
//
//  1. Repertoire: where the position is on one of its lines, it plays on along
//     one of them, chosen by their weights.
//  2. Noise: with probability Noise it plays a legal move, each as likely as the
//     others. A specialist does so with probability Weak outside its Phase.
//  3. Oversight: with probability Miss it does not see the moves of Blind.
//  4. Search to Depth or Nodes, whichever ends first.
//  5. Taste: every move's score gets a fixed offset, 0 to Taste, that follows from
//     the position, the move and Seed: an opinion that does not change from game
//     to game and differs from player to player.
//  6. Boltzmann: a move is played with a probability in proportion to
//     exp(score/Temperature); at temperature 0 the best one is. Moves that are Cutoff
//     temperatures or more below the best are not played.
//
// The draws of 2, 3 and 6 are independent for each player, game and ply, or, with
// Shared, follow from the position and SharedSeed alone: then all players
// that share a seed err at the same places in the same way, and each of them always plays
// the same move in a position off its repertoire, as far as the positions before it and the move
// counters, which decide on draws and phases, leave its search the same.
type Player struct {
	Name string // what tables and PGN call it; "" is its text

	Depth int // plies; 0: no bound
	Nodes int // 0: no bound

	Noise       float64 // rho of the papers, 0 to 1
	Temperature float64 // in centipawns, 0 to MaxTemperature
	Taste       int     // in centipawns, 0 to MaxTaste

	Blind search.Blindness
	Miss  float64 // 0 to 1; meant only with Blind

	Phase Phase   // that it is a specialist of; AnyPhase for none
	Weak  float64 // 0 to 1; meant only with a Phase

	Repertoire Repertoire

	Shared     bool
	SharedSeed uint64

	Seed uint64
}

// Bounds of parameters.
const (
	MaxTemperature = 10_000 // centipawns
	MaxTaste       = 1_000  // centipawns
	MaxNodes       = 1_000_000_000

	// Cutoff is how many temperatures below the best score a move is no longer
	// played: it would be once in exp(10) = 22,026 times as often.
	Cutoff = 10
)

// ErrUnbounded is the cause when a player without depth and nodes is asked for a
// move that nothing else bounds.
var ErrUnbounded = errors.New("the player has neither depth nor nodes")

// Validate reports parameters that mean nothing.
func (p *Player) Validate() error {
	share := func(x float64) bool { return x >= 0 && x <= 1 }
	switch {
	case p.Depth < 0 || p.Depth > search.MaxDepth:
		return fmt.Errorf("league: depth %d: must be 1 to %d", p.Depth, search.MaxDepth)
	case p.Nodes < 0 || p.Nodes > MaxNodes:
		return fmt.Errorf("league: nodes %d: must be 1 to %d", p.Nodes, MaxNodes)
	case !share(p.Noise):
		return fmt.Errorf("league: rho %v: must be a probability", p.Noise)
	case !(p.Temperature >= 0 && p.Temperature <= MaxTemperature) || p.Temperature > 0 && p.Temperature < 0.01:
		return fmt.Errorf("league: t %v: must be 0, or 0.01 to %d centipawns", p.Temperature, MaxTemperature)
	case p.Taste < 0 || p.Taste > MaxTaste:
		return fmt.Errorf("league: taste %d: must be 0 to %d centipawns", p.Taste, MaxTaste)
	case !share(p.Miss):
		return fmt.Errorf("league: miss %v: must be a probability", p.Miss)
	case (p.Blind == 0) != (p.Miss == 0):
		return errors.New("league: blind and miss belong together: what is overlooked, and how often")
	case p.Phase > Endgame:
		return fmt.Errorf("league: %v is no phase", p.Phase)
	case !share(p.Weak):
		return fmt.Errorf("league: weak %v: must be a probability", p.Weak)
	case p.Phase == AnyPhase && p.Weak != 0:
		return errors.New("league: weak needs a phase outside which it applies")
	case p.SharedSeed != 0 && !p.Shared:
		return errors.New("league: a shared seed without shared noise")
	}
	return nil
}

// Bounded reports whether the player needs no bound on its search from outside.
func (p *Player) Bounded() bool {
	return p.Depth > 0 || p.Nodes > 0 || p.Noise == 1 && p.Phase == AnyPhase
}

// UsesSeed reports whether Distribution depends on Seed: players who differ in nothing else then
// have other opinions. Of the others it decides on draws alone.
func (p *Player) UsesSeed() bool { return p.Taste > 0 }

// Title is the player's name, its text when it has none.
func (p *Player) Title() string {
	if p.Name != "" {
		return p.Name
	}
	return p.String()
}

// Phase is a part of the game.
type Phase uint8

// The phases. In the endgame the pieces beside kings and pawns, counted as 1 for
// knight and bishop, 2 for rook and 4 for queen, are 10 or less of the 24 there were; before that
// the first ten moves are the opening.
const (
	AnyPhase Phase = iota
	Opening
	Middlegame
	Endgame
)

var phaseNames = [...]string{"any", "opening", "middlegame", "endgame"}

func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return fmt.Sprintf("Phase(%d)", uint8(p))
}

const (
	openingMoves  = 10
	endgamePieces = 10
)

// PhaseOf returns the phase of a position: never AnyPhase.
func PhaseOf(p *bitboard.Position) Phase {
	count := func(t bitboard.PieceType) int {
		return bits.OnesCount64(p.Pieces(bitboard.White, t) | p.Pieces(bitboard.Black, t))
	}
	pieces := count(bitboard.Knight) + count(bitboard.Bishop) + 2*count(bitboard.Rook) + 4*count(bitboard.Queen)
	switch {
	case pieces <= endgamePieces:
		return Endgame
	case p.FullmoveNumber() <= openingMoves:
		return Opening
	}
	return Middlegame
}

// noise is the probability of a random move in a position.
func (p *Player) noise(pos *bitboard.Position) float64 {
	if p.Phase != AnyPhase && PhaseOf(pos) != p.Phase {
		return p.Weak
	}
	return p.Noise
}

// Chance is how likely a player plays a move.
type Chance struct {
	Move bitboard.Move
	P    float64
}

// Mover moves for players. It holds the memory of a search, so that choosing a
// move allocates nothing; one goroutine at a time may use it.
type Mover struct {
	search *search.Searcher
	legal  [bitboard.MaxMoves]bitboard.Move
	order  []Chance
	shared *sharedSearches // nil: every search is made
}

// NewMover returns a mover whose searches have a transposition table of about
// tableBytes; 0 is what suits searches of up to some 100,000 nodes.
func NewMover(tableBytes int) *Mover {
	if tableBytes == 0 {
		tableBytes = 1 << 20
	}
	return &Mover{search: search.New(tableBytes), order: make([]Chance, 0, bitboard.MaxMoves)}
}

// Draws of one move, each with its own random number.
const (
	drawLine   = 1 + iota // along which line of the repertoire
	drawNoise             // whether to play at random
	drawRandom            // which move then
	drawMiss              // whether to overlook
	drawMove              // which move at a temperature
)

// uniform returns a number in [0, 1) that follows from key and the draw's number.
func uniform(key uint64, number uint64) float64 {
	return float64(draw.Mix(key, number)>>11) * 0x1p-53
}

// keys returns what the draws of a move follow from: those of the repertoire and
// those of the errors.
func (p *Player) keys(g *bitboard.Game, seed uint64) (own, errs uint64) {
	own = draw.Mix(draw.Mix(draw.Mix(seed, 0x6c6561677565), p.Seed), uint64(g.Ply()))
	if p.Shared {
		return own, draw.Mix(draw.Mix(p.SharedSeed, 0x736861726564), g.Position().Hash())
	}
	return own, own
}

// Played is a move and how it came about.
type Played struct {
	Move bitboard.Move
	// Book and Random say that the move is the repertoire's, or one of noise; then nothing was
	// searched.
	Book, Random bool
	// Search is what the search found, valid until the Mover's next search.
	Search search.Result
}

// Play chooses p's move in g's position; NoMove when there is none. seed is the
// game's: the same player with the same seed plays the same move at the same ply of the same
// game. limit bounds the search beside the player's own bounds; its Blind and Margin are
// not used. Under a limit in time the move depends on the machine.
func (m *Mover) Play(p *Player, g *bitboard.Game, seed uint64, limit search.Options) Played {
	pos := g.Position()
	own, errs := p.keys(g, seed)
	if line := p.Repertoire.at(pos); line != nil {
		return Played{Move: sample(line, uniform(own, drawLine)), Book: true}
	}
	if noise := p.noise(pos); noise > 0 && uniform(errs, drawNoise) < noise {
		moves := m.sorted(pos)
		if len(moves) == 0 {
			return Played{}
		}
		return Played{Move: moves[int(uniform(errs, drawRandom)*float64(len(moves)))], Random: true}
	}
	blind := p.Blind
	if blind != 0 && uniform(errs, drawMiss) >= p.Miss {
		blind = 0
	}
	result := m.searchFor(p, g, limit, blind)
	if result.Move == bitboard.NoMove {
		return Played{}
	}
	if p.Temperature == 0 && p.Taste == 0 {
		return Played{Move: result.Move, Search: result}
	}
	return Played{Move: sample(m.soft(p, pos, result), uniform(errs, drawMove)), Search: result}
}

// Distribution returns the exact probability of every legal move with which p plays it in
// g's position, in the order of the moves' codes; the probabilities sum to 1, up to rounding. Without Shared
// it does not depend on a seed. The error is ErrUnbounded, wrapped.
func (m *Mover) Distribution(p *Player, g *bitboard.Game) ([]Chance, error) {
	if !p.Bounded() {
		return nil, fmt.Errorf("league: the distribution of %s: %w", p, ErrUnbounded)
	}
	pos := g.Position()
	moves := m.sorted(pos)
	all := make([]Chance, len(moves))
	for i, move := range moves {
		all[i].Move = move
	}
	add := func(share float64, some []Chance) {
		for _, c := range some {
			i, ok := slices.BinarySearchFunc(all, c.Move, func(a Chance, move bitboard.Move) int { return int(a.Move) - int(move) })
			if ok {
				all[i].P += share * c.P
			}
		}
	}
	if len(moves) == 0 {
		return all, nil
	}
	if line := p.Repertoire.at(pos); line != nil {
		add(1, line)
		return all, nil
	}
	if p.Shared {
		// Off the repertoire a shared seed leaves nothing to chance.
		add(1, []Chance{{m.Play(p, g, 0, search.Options{}).Move, 1}})
		return all, nil
	}
	noise := p.noise(pos)
	for i := range all {
		all[i].P = noise / float64(len(all))
	}
	sees := 1 - noise
	if p.Blind != 0 && sees > 0 {
		add(sees*p.Miss, m.intended(p, g, p.Blind))
		sees *= 1 - p.Miss
	}
	if sees > 0 {
		add(sees, m.intended(p, g, 0))
	}
	return all, nil
}

// Intended returns the move that p plays without its noise, oversights and temperature: the
// best by its search and taste; NoMove when there is none. It is what agreement with an expert is
// measured against.
func (m *Mover) Intended(p *Player, g *bitboard.Game) (bitboard.Move, error) {
	if p.Depth == 0 && p.Nodes == 0 {
		return bitboard.NoMove, fmt.Errorf("league: what %s intends: %w", p, ErrUnbounded)
	}
	calm := *p
	calm.Temperature = 0
	if chances := m.intended(&calm, g, 0); len(chances) > 0 {
		return chances[0].Move, nil // without temperature there is one
	}
	return bitboard.NoMove, nil
}

// sorted returns the legal moves in the order of their codes, so that a seed means the
// same move whatever order they are generated in.
func (m *Mover) sorted(pos *bitboard.Position) []bitboard.Move {
	moves := pos.Legal(m.legal[:0])
	slices.Sort(moves)
	return moves
}

// intended is the distribution of p's moves with its search but without noise. The
// slice is the Mover's.
func (m *Mover) intended(p *Player, g *bitboard.Game, blind search.Blindness) []Chance {
	result := m.searchFor(p, g, search.Options{}, blind)
	if result.Move == bitboard.NoMove {
		return nil
	}
	if p.Temperature == 0 && p.Taste == 0 {
		m.order = append(m.order[:0], Chance{result.Move, 1})
		return m.order
	}
	return m.soft(p, g.Position(), result)
}

// searchFor searches with p's bounds and the limit's.
func (m *Mover) searchFor(p *Player, g *bitboard.Game, limit search.Options, blind search.Blindness) search.Result {
	limit.Blind = blind
	limit.Margin = p.Taste
	if p.Temperature > 0 {
		limit.Margin += int(math.Ceil(Cutoff * p.Temperature))
	}
	limit.Depth = tighter(limit.Depth, p.Depth)
	limit.Nodes = tighter(limit.Nodes, p.Nodes)
	if m.shared != nil {
		return m.shared.search(m.search, g, limit)
	}
	return m.search.Search(g, limit)
}

// tighter returns the smaller of two bounds of which 0 is none.
func tighter(a, b int) int {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// soft returns the distribution of moves by taste and temperature.
func (m *Mover) soft(p *Player, pos *bitboard.Position, result search.Result) []Chance {
	m.order = m.order[:0]
	best := math.Inf(-1)
	for _, r := range result.Moves {
		if !r.Exact {
			continue
		}
		score := float64(r.Score)
		if p.Taste > 0 {
			key := draw.Mix(draw.Mix(p.Seed, 0x7461737465), pos.Hash())
			score += math.Floor(uniform(key, uint64(r.Move)) * float64(p.Taste+1))
		}
		m.order = append(m.order, Chance{r.Move, score})
		best = max(best, score)
	}
	slices.SortFunc(m.order, func(a, b Chance) int { return int(a.Move) - int(b.Move) })
	n, sum := 0, 0.0
	for _, c := range m.order {
		var weight float64
		switch below := best - c.P; {
		case p.Temperature == 0 && below == 0 && n == 0:
			weight = 1 // of equals the one with the smallest code
		case p.Temperature > 0 && below < Cutoff*p.Temperature:
			weight = math.Exp(-below / p.Temperature)
		default:
			continue
		}
		m.order[n] = Chance{c.Move, weight}
		sum += weight
		n++
	}
	m.order = m.order[:n]
	for i := range m.order {
		m.order[i].P /= sum
	}
	return m.order
}

// sample returns the move of a distribution at u, a number in [0, 1).
func sample(chances []Chance, u float64) bitboard.Move {
	for _, c := range chances {
		if u -= c.P; u < 0 {
			return c.Move
		}
	}
	return chances[len(chances)-1].Move
}

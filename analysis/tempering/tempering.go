// Package tempering compares a low temperature over moves with one over characters, on the same
// distribution over moves.
//
// A model of characters that is sampled at a low temperature chooses character by character: moves that begin
// alike vote together, and the greedy path may end in a move that is not the likeliest. In two of the five
// positions that the paper works through the move at T=0.001 is not the mode of the moves at T=1.
//
// Here both temperatures are applied to one distribution, the model's at T=1 over the legal moves: to the moves
// themselves, and to the characters that write them (mixture.Texts). So a model of moves can be
// asked what it would play had it written characters, and illegal moves play no part. What a model of characters does
// by itself, with the characters of illegal moves among its choices, stands beside it.
package tempering

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"transcend/analysis/favor"
	"transcend/analysis/ideal"
	"transcend/data"
	"transcend/data/league/mixture"
	"transcend/engine"
	"transcend/engine/match"
	"transcend/internal/bitboard"
	"transcend/model"
)

// Level is what a temperature is applied to.
type Level int

// The levels. Written is a model of characters as it plays, illegal moves and all.
const (
	Moves Level = iota
	Characters
	Written
	levels
)

// String returns "moves", "characters" or "as written".
func (l Level) String() string { return [...]string{"moves", "characters", "as written"}[l] }

// Reader reads the distributions of a model. One goroutine at a time uses it.
type Reader struct {
	player       *engine.ModelPlayer
	temperatures []float64
	characters   bool // the model's own tokens

	moves []bitboard.Move
	p     []float64
}

// NewReader returns a reader; Close frees it.
func NewReader(m *model.Model, tok data.Tokenizer, temperatures []float64) (*Reader, error) {
	player, err := engine.NewModelPlayer(engine.ModelConfig{Model: m, Tokenizer: tok})
	if err != nil {
		return nil, err
	}
	return &Reader{player: player, temperatures: temperatures, characters: !data.WholeMoves(tok)}, nil
}

// Close frees the reader.
func (r *Reader) Close() { r.player.Close() }

// Begin begins a game.
func (r *Reader) Begin(ctx context.Context) error { return r.player.NewGame(ctx, 0) }

// base reads the distribution over the legal moves at T=1, normalized, into r. ok is false where the context is
// full, or where none of them has a probability.
func (r *Reader) base(ctx context.Context, g *bitboard.Game) (ok bool, err error) {
	chances, err := r.player.Chances(ctx, g, 1)
	if errors.Is(err, engine.ErrContextFull) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	r.moves, r.p = r.moves[:0], r.p[:0]
	sum := 0.0
	for _, c := range chances {
		r.moves, r.p = append(r.moves, c.Move), append(r.p, c.P)
		sum += c.P
	}
	if sum <= 0 {
		return false, nil
	}
	for i := range r.p {
		r.p[i] /= sum
	}
	return true, nil
}

// Tempered is a distribution at a temperature of a level, other than Written.
func (r *Reader) tempered(pos *bitboard.Position, level Level, temperature float64) []float64 {
	if level == Moves {
		return mixture.Temper(nil, r.p, temperature)
	}
	return mixture.NewTexts(pos, r.moves).Temper(nil, r.p, temperature)
}

// State is what the levels make of a position.
type State struct {
	Ply int    `json:"ply"`
	FEN string `json:"fen"`
	// Rewards are the expected ones by level and temperature, and Legal how likely a move is legal, which is 1
	// but for Written. Without legal moves there, the reward is 0.
	Rewards [levels][]float64 `json:"rewards"`
	Legal   [levels][]float64 `json:"legal"`
	// Mode is the likeliest move, Greedy the one that the greedy path over the characters of legal moves ends in, with
	// their probabilities at T=1 and rewards. GreedyWritten is that of the model itself, "" where its path ends in
	// none that is legal.
	Mode          Choice  `json:"mode"`
	Greedy        Choice  `json:"greedy"`
	GreedyWritten *Choice `json:"greedy_written,omitempty"`
}

// Choice is a move.
type Choice struct {
	Move   string  `json:"move"` // SAN; "" for none
	P      float64 `json:"p"`
	Reward float64 `json:"reward"`
}

// tie is how much less likely a move may be and count as equally likely.
const tie = 1e-9

// Differs reports whether the greedy path ends in a move that is less likely than the mode.
func (s *State) Differs() bool { return s.Greedy.P < s.Mode.P*(1-tie) }

// WrittenDiffers is Differs of the model's own path; a path to no legal move does not count.
func (s *State) WrittenDiffers() bool {
	return s.GreedyWritten != nil && s.GreedyWritten.Move != "" && s.GreedyWritten.P < s.Mode.P*(1-tie)
}

// Read measures a position; false where the model has nothing to say about it.
func (r *Reader) Read(ctx context.Context, g *bitboard.Game, cache *favor.Cache, scorer favor.Scorer) (*State, bool, error) {
	pos := g.Position()
	ok, err := r.base(ctx, g)
	if err != nil || !ok {
		return nil, false, err
	}
	scores, err := cache.Scores(ctx, scorer, pos)
	if err != nil {
		return nil, false, err
	}
	rewards := make([]float64, len(r.moves))
	for _, s := range scores {
		rewards[slices.Index(r.moves, s.Move)] = s.Reward()
	}
	s := &State{Ply: g.Ply(), FEN: pos.FEN()}
	choice := func(f []float64) Choice {
		best := 0
		for i := range f {
			if f[i] > f[best] {
				best = i
			}
		}
		return Choice{pos.SAN(r.moves[best]), r.p[best], rewards[best]}
	}
	s.Mode, s.Greedy = choice(r.tempered(pos, Moves, 0)), choice(r.tempered(pos, Characters, 0))
	for _, level := range []Level{Moves, Characters} {
		for _, t := range r.temperatures {
			s.Rewards[level] = append(s.Rewards[level], ideal.Expected(r.tempered(pos, level, t), rewards))
			s.Legal[level] = append(s.Legal[level], 1)
		}
	}
	if !r.characters {
		return s, true, nil
	}
	written := func(t float64) (f []float64, legal float64, err error) {
		chances, err := r.player.Chances(ctx, g, t)
		f = make([]float64, len(r.moves))
		for _, c := range chances {
			f[slices.Index(r.moves, c.Move)] = c.P
			legal += c.P
		}
		return f, legal, err
	}
	f, legal, err := written(0)
	if err != nil {
		return nil, false, err
	}
	s.GreedyWritten = new(Choice)
	if legal > 0 {
		*s.GreedyWritten = choice(f)
	}
	for _, t := range r.temperatures {
		if f, legal, err = written(t); err != nil {
			return nil, false, err
		}
		s.Rewards[Written] = append(s.Rewards[Written], ideal.Expected(f, rewards))
		s.Legal[Written] = append(s.Legal[Written], legal)
	}
	return s, true, nil
}

// Player plays a model's moves at a temperature of a level, Moves or Characters. It is an engine.Player; where its
// context is full, or no legal move has a probability, it fails as a model does.
type Player struct {
	*Reader
	level       Level
	temperature float64
	rng         *rand.Rand
}

// NewPlayer returns a player; Close frees it.
func NewPlayer(m *model.Model, tok data.Tokenizer, level Level, temperature float64) (*Player, error) {
	r, err := NewReader(m, tok, nil)
	if err != nil {
		return nil, err
	}
	return &Player{Reader: r, level: level, temperature: temperature}, nil
}

// Name implements engine.Player.
func (p *Player) Name() string { return fmt.Sprintf("T=%v over %v", p.temperature, p.level) }

// Spec implements engine.Player.
func (p *Player) Spec() map[string]string {
	spec := p.player.Spec()
	spec["temperature"], spec["level"] = fmt.Sprint(p.temperature), p.level.String()
	return spec
}

// NewGame implements engine.Player.
func (p *Player) NewGame(ctx context.Context, seed uint64) error {
	p.rng = rand.New(rand.NewPCG(seed, 0x6465636f6465))
	return p.player.NewGame(ctx, seed)
}

// Close implements engine.Player.
func (p *Player) Close() error { return p.player.Close() }

// Move implements engine.Player; the limit does not apply.
func (p *Player) Move(ctx context.Context, g *bitboard.Game, _ engine.Limit) (engine.Reply, error) {
	start := time.Now()
	ok, err := p.base(ctx, g)
	if err != nil {
		return engine.Reply{}, err
	}
	if !ok {
		return engine.Reply{}, fmt.Errorf("%s: ply %d: %w", p.Name(), g.Ply()+1, engine.ErrContextFull)
	}
	f := p.tempered(g.Position(), p.level, p.temperature)
	u, move := p.rng.Float64(), bitboard.NoMove
	for i, x := range f {
		if x == 0 {
			continue
		}
		move = p.moves[i] // the last one, where rounding leaves a rest
		if u -= x; u < 0 {
			break
		}
	}
	return engine.Reply{Move: move, Elapsed: time.Since(start), Attempts: 1, Text: g.Position().SAN(move)}, nil
}

// Duel is a game between both levels.
type Duel struct {
	// Characters is the score of the player over characters: 1, 0.5 or 0.
	Characters float64 `json:"characters"`
	Ended      string  `json:"ended"`
	Plies      int     `json:"plies"`
}

// maxPlies ends games as draws.
const maxPlies = 200

// Play plays one game between both levels on an opening; slots 2k and 2k+1 have the same one with colors
// reversed. A game that a context cannot hold is a draw: it ends for both alike.
func Play(ctx context.Context, moves, characters *Player, openings *match.Openings, slot int, seed uint64) (*Duel, error) {
	g, err := match.Play(ctx, [2]engine.Player{characters, moves}, match.White(slot), match.SlotSeed(seed, slot), openings.At(slot), match.Rules{MaxPlies: maxPlies})
	if err != nil {
		return nil, fmt.Errorf("tempering: game %d: %w", slot+1, err)
	}
	d := &Duel{Characters: g.Score(0), Ended: g.Termination, Plies: len(g.Moves)}
	if g.Cause == match.CauseLength {
		d.Characters = 0.5
	}
	return d, nil
}

// worst are the examples with the largest differences of reward.
func worst(games []Game, n int) []State {
	var all []State
	for _, g := range games {
		for _, s := range g.States {
			if s.Differs() {
				all = append(all, s)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b State) int {
		return cmp.Compare(math.Abs(b.Greedy.Reward-b.Mode.Reward), math.Abs(a.Greedy.Reward-a.Mode.Reward))
	})
	return all[:min(n, len(all))]
}

// Game is the states of a game.
type Game struct {
	States []State `json:"states"`
}

// ReadGame measures the positions of a game, given in UCI notation, of the sides that are set.
func (r *Reader) ReadGame(ctx context.Context, moves []string, sides [2]bool, cache *favor.Cache, scorer favor.Scorer) (*Game, error) {
	if err := r.Begin(ctx); err != nil {
		return nil, err
	}
	out := new(Game)
	err := favor.Replay(moves, func(g *bitboard.Game) (bool, error) {
		if !sides[g.Position().SideToMove()] {
			return true, nil
		}
		s, ok, err := r.Read(ctx, g, cache, scorer)
		if ok {
			out.States = append(out.States, *s)
		}
		return true, err
	})
	return out, err
}

var _ engine.Player = (*Player)(nil)

package favor

import (
	"context"
	"errors"
	"fmt"
	"math"

	"transcend/data"
	"transcend/engine"
	"transcend/internal/bitboard"
	"transcend/model"
	"transcend/model/sampling"
)

// Reader asks a model for its moves at several temperatures in the positions of a game. One
// goroutine at a time uses it.
type Reader struct {
	// Temperatures are at which Read reads; they may be 0, the greedy choice.
	Temperatures []float64
	// Samples is how many moves are drawn for each instead of taking the model's whole distribution; 0:
	// that. The paper draws 100.
	Samples int
	// Round rounds rewards to thousandths, as the released code does.
	Round bool

	exact  *engine.ModelPlayer
	drawer []*engine.ModelPlayer // by temperature, where samples are drawn
}

// NewReader returns a reader of a model. batch decodes for several readers together; nil:
// for this one. Close frees what it holds.
func NewReader(m *model.Model, tok data.Tokenizer, batch *engine.Batch, temperatures []float64, samples int, round bool) (*Reader, error) {
	r := &Reader{Temperatures: temperatures, Samples: samples, Round: round}
	var err error
	if r.exact, err = engine.NewModelPlayer(engine.ModelConfig{Model: m, Tokenizer: tok, Batch: batch}); err != nil {
		return nil, err
	}
	if samples > 0 {
		for _, t := range temperatures {
			p, err := engine.NewModelPlayer(engine.ModelConfig{
				Model: m, Tokenizer: tok, Batch: batch, Sampling: sampling.Settings{Temperature: t}, Policy: engine.IllegalPolicy{Kind: engine.ForfeitAfter, Attempts: 1},
			})
			if err != nil {
				r.Close()
				return nil, err
			}
			r.drawer = append(r.drawer, p)
		}
	}
	return r, nil
}

// Close frees the reader.
func (r *Reader) Close() {
	for _, p := range append(r.drawer, r.exact) {
		p.Close()
	}
}

// Begin begins a game; what is drawn in it follows from the seed.
func (r *Reader) Begin(ctx context.Context, seed uint64) error {
	for i, p := range append(r.drawer, r.exact) {
		if err := p.NewGame(ctx, seed+uint64(i)*0x9e3779b97f4a7c15); err != nil {
			return err
		}
	}
	return nil
}

// Distributions returns, for each temperature, the probabilities of the legal moves in the order of moves,
// or their shares of the draws. What is missing to a sum of 1 is on moves that are not legal.
// It is false where the game is longer than the model's context.
func (r *Reader) Distributions(ctx context.Context, g *bitboard.Game, moves []bitboard.Move) ([][]float64, bool, error) {
	at := make(map[bitboard.Move]int, len(moves))
	for i, m := range moves {
		at[m] = i
	}
	all := make([][]float64, len(r.Temperatures))
	for i, t := range r.Temperatures {
		f := make([]float64, len(moves))
		all[i] = f
		if r.Samples == 0 {
			chances, err := r.exact.Chances(ctx, g, t)
			if errors.Is(err, engine.ErrContextFull) {
				return nil, false, nil
			}
			if err != nil {
				return nil, false, err
			}
			for _, c := range chances {
				f[at[c.Move]] = c.P
			}
			continue
		}
		for range r.Samples {
			reply, err := r.drawer[i].Move(ctx, g, engine.Limit{})
			switch engine.FailureOf(err) {
			case engine.NoFailure:
				f[at[reply.Move]] += 1 / float64(r.Samples)
			case engine.IllegalMove, engine.Resignation: // of no reward
			case engine.Length:
				return nil, false, nil
			default:
				return nil, false, err
			}
		}
	}
	return all, true, nil
}

// State is a position and what the model makes of it at each temperature.
type State struct {
	Ply   int    `json:"ply"` // moves were played before
	FEN   string `json:"fen"`
	Moves int    `json:"moves"` // legal ones
	// Best is the reward of the best move, Uniform that of a move drawn at random.
	Best    float64 `json:"best"`
	Uniform float64 `json:"uniform"`
	// By temperature: the expected reward with moves that are not legal at 0, and how likely a
	// move is legal.
	Reward []float64 `json:"reward"`
	Legal  []float64 `json:"legal"`
	// Top is how likely a move is among the engine's best, by temperature and size of Tops.
	Top [][]float64 `json:"top"`
}

// Tops are the sizes of the sets of best moves of the paper's Table 1.
var Tops = []int{1, 3, 5}

// Given is the expected reward at a temperature given that the move is legal, false where none is.
func (s *State) Given(temperature int) (float64, bool) {
	if s.Legal[temperature] <= 0 {
		return 0, false
	}
	return s.Reward[temperature] / s.Legal[temperature], true
}

// Read measures the position of a game; false where the model's context cannot hold it.
func (r *Reader) Read(ctx context.Context, g *bitboard.Game, cache *Cache, scorer Scorer) (*State, bool, error) {
	pos := g.Position()
	var buf [bitboard.MaxMoves]bitboard.Move
	moves := pos.Legal(buf[:0])
	if len(moves) == 0 {
		return nil, false, fmt.Errorf("favor: there is no legal move in %s", pos.FEN())
	}
	f, ok, err := r.Distributions(ctx, g, moves)
	if err != nil || !ok {
		return nil, false, err
	}
	scores, err := cache.Scores(ctx, scorer, pos)
	if err != nil {
		return nil, false, err
	}
	s := r.newState(moves, f, scores)
	s.Ply, s.FEN = g.Ply(), pos.FEN()
	return s, true, nil
}

// newState takes expectations of the rewards over distributions over moves. scores have all of them,
// the best first.
func (r *Reader) newState(moves []bitboard.Move, f [][]float64, scores []MoveScore) *State {
	at := make(map[bitboard.Move]int, len(moves))
	for i, m := range moves {
		at[m] = i
	}
	s := &State{Moves: len(moves)}
	for rank, score := range scores {
		reward := r.reward(score)
		if rank == 0 {
			s.Best = reward
		}
		s.Uniform += reward / float64(len(moves))
		for t := range f {
			if rank == 0 {
				s.Reward, s.Legal, s.Top = append(s.Reward, 0), append(s.Legal, 0), append(s.Top, make([]float64, len(Tops)))
			}
			p := f[t][at[score.Move]]
			s.Reward[t] += p * reward
			s.Legal[t] += p
			for k, size := range Tops {
				if rank < size {
					s.Top[t][k] += p
				}
			}
		}
	}
	return s
}

// reward is that of a move, rounded where that is asked for.
func (r *Reader) reward(s MoveScore) float64 {
	if r.Round {
		return math.Round(s.Reward()*1000) / 1000
	}
	return s.Reward()
}

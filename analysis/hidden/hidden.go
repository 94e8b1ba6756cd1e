// Package hidden reads the states of a model after the moves of a game: what probes and maps are made of.
package hidden

import (
	"context"
	"fmt"
	"slices"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/model"
)

// Game is a game and the half-moves after which its states are wanted: numbers from 0, the initial position, to
// len(Moves), rising.
type Game struct {
	Moves []bitboard.Move
	Plies []int
}

// batchTokens bounds the tokens that go through the network together.
const batchTokens = 2048

// Visit gets a state: of Game number game, after Plies[k], the residual stream after block layer (0: the embeddings,
// see model.Evaluator.EachStream). position is the position there. state has Config.Width numbers and may be read until
// Visit returns.
type Visit func(game, k, layer int, position *bitboard.Position, state []float32)

// Collect shows the states of games at the last token of the prompt for the next move, which is the state that
// the move is predicted from: with characters that is the dot of the move number when White is to
// move. Layers are those wanted. Prefixes that the model's context does not hold are left out, and so is a
// game's end, if more would have to be predicted than there is: Plies decides. progress, if given, is
// told how many games are done. One goroutine calls visit.
func Collect(ctx context.Context, m *model.Model, tok data.Tokenizer, games []Game, layers []int, visit Visit, progress func(games int)) error {
	enc, err := data.EncoderOf(tok, m.Config())
	if err != nil {
		return fmt.Errorf("analysis: hidden states: %w", err)
	}
	for _, l := range layers {
		if l < 0 || l > m.Config().Layers {
			return fmt.Errorf("analysis: hidden states: layer %d: the model has 0 (embeddings) to %d", l, m.Config().Layers)
		}
	}
	c := collector{config: m.Config(), enc: enc, evaluator: m.NewEvaluator(), layers: layers, visit: visit}
	for i, g := range games {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("analysis: hidden states: %w", err)
		}
		if err := c.add(i, g); err != nil {
			return fmt.Errorf("analysis: hidden states: game %d: %w", i+1, err)
		}
		if c.tokens() >= batchTokens || i == len(games)-1 {
			if err := c.flush(); err != nil {
				return fmt.Errorf("analysis: hidden states: %w", err)
			}
			if progress != nil {
				progress(i + 1)
			}
		}
	}
	return nil
}

type collector struct {
	config    model.Config
	enc       data.Encoder
	evaluator *model.Evaluator
	layers    []int
	visit     Visit
	waiting   []row
	longest   int
	batch     model.Batch
}

// row is a game that waits for the network.
type row struct {
	number int
	board  *bitboard.Game
	tokens []int32
	extras []int32
	at     []place
}

// place is where a wanted state is.
type place struct{ k, ply, token int }

func (c *collector) tokens() int { return len(c.waiting) * c.longest }

func (c *collector) add(number int, g Game) error {
	r := row{number: number, board: bitboard.NewGame(bitboard.Start())}
	for i, ply := range g.Plies {
		if ply < 0 || ply > len(g.Moves) || i > 0 && ply <= g.Plies[i-1] {
			return fmt.Errorf("state after ply %d of %d: plies must be in the game and rise", ply, len(g.Moves))
		}
		for r.board.Ply() < ply {
			if err := r.board.Make(g.Moves[r.board.Ply()]); err != nil {
				return fmt.Errorf("ply %d: %w", r.board.Ply()+1, err)
			}
		}
		// Every prompt is the beginning of the next one (data.Tokenizer).
		prompt := c.enc.Tokenizer.AppendPrompt(nil, g.Moves[:ply])
		if len(prompt) > c.config.Context {
			break
		}
		r.tokens = prompt
		r.at = append(r.at, place{i, ply, len(prompt) - 1})
	}
	if len(r.at) == 0 {
		return nil
	}
	r.extras = c.enc.AppendExtras(nil, r.board, 0, len(r.tokens))
	c.longest = max(c.longest, len(r.tokens))
	c.waiting = append(c.waiting, r)
	return nil
}

// flush runs the games that wait, a row each, padded to the longest.
func (c *collector) flush() error {
	if len(c.waiting) == 0 {
		return nil
	}
	b, slots, width := &c.batch, c.config.ExtraSlots, c.config.Width
	b.ExtraSlots = slots
	b.Resize(len(c.waiting), c.longest)
	clear(b.SegmentStart)
	for i, r := range c.waiting {
		for t := range c.longest {
			at := i*c.longest + t
			b.Targets[at], b.Positions[at], b.Tokens[at] = -1, int32(t), c.enc.Tokenizer.Pad()
			extras := b.Extras[at*slots : (at+1)*slots]
			if t < len(r.tokens) {
				b.Tokens[at] = r.tokens[t]
				copy(extras, r.extras[t*slots:(t+1)*slots])
			} else {
				// What follows a token does not change its state.
				for k := range extras {
					extras[k] = -1
				}
			}
		}
	}
	err := c.evaluator.EachStream(b, func(layer int, stream []float32) {
		if !slices.Contains(c.layers, layer) {
			return
		}
		for i, r := range c.waiting {
			for _, p := range r.at {
				at := (i*c.longest + p.token) * width
				c.visit(r.number, p.k, layer, r.board.PositionAt(p.ply), stream[at:at+width])
			}
		}
	})
	c.waiting, c.longest = c.waiting[:0], 0
	return err
}

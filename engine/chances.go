package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"transcend/internal/bitboard"
	"transcend/model/sampling"
)

// Chance is how likely a model holds a legal move.
type Chance struct {
	Move bitboard.Move
	P    float64
}

// Chances returns the probability of every legal move in g's position, the
// likeliest first, at the temperature given and without a mask: they sum to the
// probability that one draw is legal. TopK and TopP do not apply.
//
// With the character tokenizer the probability of a move is that of its
// characters, as the training data have them, and of one that ends it: an odd
// spelling that is understood all the same does not count. It costs a pass of the model for every
// prefix that two legal moves share.
//
// It draws nothing: the moves of the game are the same whether it was called or
// not. Errors are those of Move, resignations and illegal moves excepted.
func (p *ModelPlayer) Chances(ctx context.Context, g *bitboard.Game, temperature float64) ([]Chance, error) {
	p.busy.Lock()
	chances, err := p.chances(ctx, g, temperature)
	p.rest()
	if err != nil {
		return nil, fmt.Errorf("engine: %s: ply %d: %w", p.cfg.Name, g.Ply()+1, err)
	}
	return chances, nil
}

func (p *ModelPlayer) chances(ctx context.Context, g *bitboard.Game, temperature float64) ([]Chance, error) {
	pos := g.Position()
	switch {
	case p.closed.Load():
		return nil, ErrClosed
	case g.StartPosition() != p.initial:
		return nil, fmt.Errorf("%w, not from %s", ErrSetUpPosition, g.PositionAt(0).FEN())
	case !pos.HasLegalMove():
		return nil, fmt.Errorf("%w: %s", ErrGameOver, pos.FEN())
	}
	if !p.shown(g.Moves()) {
		if err := p.show(g, nil); err != nil {
			return nil, err
		}
	}
	p.writeLegal(pos)
	p.sampled = p.sampled[:0]
	w := chanceWalk{p: p, ctx: ctx, sampling: sampling.Settings{Temperature: temperature}}
	if err := w.below(p.candidates, p.logits, 1); err != nil {
		return nil, err
	}
	slices.SortFunc(w.found, func(a, b Chance) int {
		return cmp.Or(cmp.Compare(b.P, a.P), cmp.Compare(a.Move, b.Move))
	})
	return w.found, nil
}

// shown reports whether the logits are already those of the prompt for the move
// after moves, as they are right after Move.
func (p *ModelPlayer) shown(moves []bitboard.Move) bool {
	prompt := p.cfg.Tokenizer.AppendPrompt(nil, moves)
	return len(p.logits) > 0 && slices.Equal(prompt, p.prompt) &&
		len(p.cached) >= len(prompt) && slices.Equal(p.cached[:len(prompt)], prompt)
}

// chanceWalk goes over the tree of what the legal moves can begin with.
type chanceWalk struct {
	p        *ModelPlayer
	ctx      context.Context
	sampling sampling.Settings
	found    []Chance
}

// below adds the moves of candidates, which all begin with p.sampled, whose
// probability is given; logits are of what follows it.
func (w *chanceWalk) below(candidates []candidate, logits []float32, probability float64) error {
	p := w.p
	n := len(p.sampled)
	next := w.sampling.Probabilities(nil, logits, p.free)
	rest := slices.Clone(candidates)
	slices.SortStableFunc(rest, func(a, b candidate) int { return cmp.Compare(tokenAt(a, n), tokenAt(b, n)) })
	for len(rest) > 0 {
		id := tokenAt(rest[0], n)
		same := 1
		for same < len(rest) && tokenAt(rest[same], n) == id {
			same++
		}
		group := rest[:same]
		rest = rest[same:]
		if id == whole {
			ends := 0.0
			for _, end := range p.ends {
				ends += next[end]
			}
			w.found = append(w.found, Chance{group[0].move, probability * ends})
			continue
		}
		if p.ends == nil {
			w.found = append(w.found, Chance{group[0].move, probability * next[id]})
			continue
		}
		if err := w.ctx.Err(); err != nil {
			return err
		}
		p.sampled = append(p.sampled[:n], id)
		following, err := p.follow(nil)
		if err != nil {
			return err
		}
		if err := w.below(group, following, probability*next[id]); err != nil {
			return err
		}
		p.sampled = p.sampled[:n]
	}
	return nil
}

// whole is the token "after" the last one of a move.
const whole = -1

func tokenAt(c candidate, i int) int32 {
	if i < len(c.tokens) {
		return c.tokens[i]
	}
	return whole
}

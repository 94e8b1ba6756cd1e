// Package analysis looks into why and how well a model plays.
package analysis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"transcend/data"
	"transcend/engine"
	"transcend/internal/bitboard"
	"transcend/internal/parallel"
	"transcend/model"
)

// MoveCounts are counts over positions of games that people played: how often
// the model's first choice is their move, and how often a move of the model is
// legal. The model is asked once and not helped: no legal-move mask, no second
// try.
type MoveCounts struct {
	Positions    int `json:"positions"`
	Match        int `json:"match"`         // argmax is the move that was played
	LegalArgmax  int `json:"legal_argmax"`  // argmax is legal
	LegalSampled int `json:"legal_sampled"` // one sample at T=1 is legal
}

func (c *MoveCounts) add(d MoveCounts) {
	c.Positions += d.Positions
	c.Match += d.Match
	c.LegalArgmax += d.LegalArgmax
	c.LegalSampled += d.LegalSampled
}

// PlyCounts are the counts over the half-moves From to To, counted from 1.
type PlyCounts struct {
	From int `json:"from_ply"`
	To   int `json:"to_ply"`
	MoveCounts
}

// Moves is the result of MoveQuality.
type Moves struct {
	MoveCounts
	Games int         `json:"games"`
	ByPly []PlyCounts `json:"by_ply"`
}

// plyBands are the lower ends of the bands of half-moves that Moves tells
// apart: a blindfold player loses track of the board as the game goes on.
var plyBands = []int{1, 11, 21, 41, 61, 81, 121, 161}

// MoveQualityOptions configure MoveQuality.
type MoveQualityOptions struct {
	Positions int // positions to look at; 0: all
	Seed      uint64
}

// MoveQuality walks through games in an order drawn from the seed until it has
// seen enough positions: every position of a game counts that the model's
// context can hold.
func MoveQuality(ctx context.Context, m *model.Model, tok data.Tokenizer, games *data.Corpus, o MoveQualityOptions) (Moves, error) {
	order := rand.New(rand.NewPCG(o.Seed, 0x4d6f766573)).Perm(games.Len())
	// The games are chosen by their lengths before any is walked, so that the
	// result does not depend on the number of workers.
	if o.Positions > 0 {
		n := 0
		for i, g := range order {
			if n += len(games.Game(g).Moves); n >= o.Positions {
				order = order[:i+1]
				break
			}
		}
	}
	var (
		mu    sync.Mutex
		total Moves
	)
	bands := make([]MoveCounts, len(plyBands))
	err := parallel.Each(ctx, runtime.GOMAXPROCS(0), len(order), func() (func(context.Context, int) error, func(), error) {
		w, err := newMoveWalker(m, tok)
		if err != nil {
			return nil, nil, err
		}
		return func(ctx context.Context, i int) error {
			counts := make([]MoveCounts, len(plyBands))
			if err := w.walk(ctx, games.Game(order[i]), mix(o.Seed, uint64(order[i])), counts); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			total.Games++
			for b := range counts {
				bands[b].add(counts[b])
			}
			return nil
		}, w.close, nil
	})
	if err != nil {
		return Moves{}, fmt.Errorf("analysis: move quality: %w", err)
	}
	for b, c := range bands {
		if c.Positions == 0 {
			continue
		}
		p := PlyCounts{From: plyBands[b], MoveCounts: c}
		if b+1 < len(plyBands) {
			p.To = plyBands[b+1] - 1
		} else {
			p.To = m.Config().Context
		}
		total.ByPly = append(total.ByPly, p)
		total.add(c)
	}
	return total, nil
}

func mix(seed, i uint64) uint64 { return rand.New(rand.NewPCG(seed, i)).Uint64() }

// moveWalker asks the model at every position of a game, once for its argmax
// and once for a sample.
type moveWalker struct {
	argmax, sampled *engine.ModelPlayer
}

func newMoveWalker(m *model.Model, tok data.Tokenizer) (*moveWalker, error) {
	once := engine.ModelConfig{Model: m, Tokenizer: tok, Policy: engine.IllegalPolicy{Kind: engine.ForfeitAfter, Attempts: 1}}
	argmax, err := engine.NewModelPlayer(once)
	if err != nil {
		return nil, err
	}
	once.Sampling.Temperature = 1
	sampled, err := engine.NewModelPlayer(once)
	if err != nil {
		return nil, err
	}
	return &moveWalker{argmax, sampled}, nil
}

func (w *moveWalker) close() {
	w.argmax.Close()
	w.sampled.Close()
}

func (w *moveWalker) walk(ctx context.Context, g data.Game, seed uint64, counts []MoveCounts) error {
	for _, p := range []*engine.ModelPlayer{w.argmax, w.sampled} {
		if err := p.NewGame(ctx, seed); err != nil {
			return err
		}
	}
	board := bitboard.NewGame(bitboard.Start())
	for ply, played := range g.Moves {
		move, legal, full, err := ask(ctx, w.argmax, board)
		if err != nil || full {
			return err
		}
		_, sampledLegal, _, err := ask(ctx, w.sampled, board)
		if err != nil {
			return err
		}
		band, found := slices.BinarySearch(plyBands, ply+1)
		if !found {
			band--
		}
		c := &counts[band]
		c.Positions++
		if legal {
			c.LegalArgmax++
			if move == played {
				c.Match++
			}
		}
		if sampledLegal {
			c.LegalSampled++
		}
		if err := board.Make(played); err != nil {
			return fmt.Errorf("the corpus has an illegal move: %w", err)
		}
	}
	return nil
}

// ask lets p try to move once. full tells that the context holds no more.
func ask(ctx context.Context, p *engine.ModelPlayer, board *bitboard.Game) (m bitboard.Move, legal, full bool, err error) {
	reply, err := p.Move(ctx, board, engine.Limit{})
	switch engine.FailureOf(err) {
	case engine.NoFailure:
		return reply.Move, true, false, nil
	case engine.IllegalMove, engine.Resignation:
		return 0, false, false, nil
	case engine.Length:
		return 0, false, true, nil
	}
	return 0, false, false, err
}

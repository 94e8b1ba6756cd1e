package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"transcend/internal/bitboard"
)

// RandomPlayer plays every legal move with the same probability. It is the
// anchor at the bottom of every scale.
type RandomPlayer struct {
	rng    *rand.Rand
	buf    []bitboard.Move
	closed atomic.Bool
}

// NewRandomPlayer returns a random mover; NewGame seeds it.
func NewRandomPlayer() *RandomPlayer {
	return &RandomPlayer{rng: gameRand(0, randomStream), buf: make([]bitboard.Move, 0, bitboard.MaxMoves)}
}

// Streams of the generators that players make from a game's seed. Different
// kinds of players that were given one seed should not draw alike.
const (
	randomStream = 0x72616e646f6d // "random"
	sampleStream = 0x73616d706c65 // "sample"
)

func gameRand(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// Name implements Player.
func (p *RandomPlayer) Name() string { return "random" }

// Spec implements Player.
func (p *RandomPlayer) Spec() map[string]string {
	return map[string]string{"kind": "random", "version": "1"}
}

// NewGame implements Player.
func (p *RandomPlayer) NewGame(ctx context.Context, seed uint64) error {
	if p.closed.Load() {
		return fmt.Errorf("engine: random: %w", ErrClosed)
	}
	p.rng = gameRand(seed, randomStream)
	return ctx.Err()
}

// Move implements Player.
func (p *RandomPlayer) Move(ctx context.Context, g *bitboard.Game, _ Limit) (Reply, error) {
	start := time.Now()
	pos := g.Position()
	if p.closed.Load() {
		return Reply{}, fmt.Errorf("engine: random: %w", ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return Reply{}, fmt.Errorf("engine: random: %w", err)
	}
	p.buf = pos.Legal(p.buf[:0])
	if len(p.buf) == 0 {
		return Reply{}, fmt.Errorf("engine: random: %w: %s", ErrGameOver, pos.FEN())
	}
	// A seed means the same game whatever order the moves are generated in.
	slices.Sort(p.buf)
	m := p.buf[p.rng.IntN(len(p.buf))]
	return Reply{Move: m, Elapsed: time.Since(start), Attempts: 1, Text: m.String()}, nil
}

// Close implements Player.
func (p *RandomPlayer) Close() error {
	p.closed.Store(true)
	return nil
}

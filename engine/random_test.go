package engine

import (
	"context"
	"errors"
	"math"
	"reflect"
	"testing"

	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
)

func TestRandomPlayer(t *testing.T) {
	play := func(seed uint64) []bitboard.Move {
		p := NewRandomPlayer()
		wantNoError(t, p.NewGame(t.Context(), seed))
		g := boardtest.Game(t, "")
		for g.Ply() < 100 && g.Position().HasLegalMove() {
			if err := g.Make(mustMove(t, p, g, Limit{}).Move); err != nil {
				t.Fatal(err)
			}
		}
		return g.Moves()
	}
	if !reflect.DeepEqual(play(1), play(1)) || reflect.DeepEqual(play(1), play(2)) {
		t.Error("the game does not follow from the seed")
	}

	// Each of the 20 first moves, by a chi-squared test with 19 degrees of freedom:
	// 43.8 is exceeded with probability 0.001; the seed is fixed.
	p := NewRandomPlayer()
	wantNoError(t, p.NewGame(t.Context(), 3))
	counts := make(map[bitboard.Move]int)
	const n = 20_000
	for range n {
		counts[mustMove(t, p, boardtest.Game(t, ""), Limit{}).Move]++
	}
	chi2 := 0.0
	for _, c := range counts {
		chi2 += math.Pow(float64(c)-n/20, 2) / (n / 20)
	}
	if len(counts) != 20 || chi2 > 43.8 {
		t.Errorf("%d moves, chi-squared %.1f: %v", len(counts), chi2, counts)
	}

	if _, err := p.Move(t.Context(), boardtest.Game(t, "7k/5KQ1/8/8/8/8/8/8 b - - 0 1"), Limit{}); !errors.Is(err, ErrGameOver) {
		t.Errorf("mated: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Move(ctx, boardtest.Game(t, ""), Limit{}); FailureOf(err) != Canceled {
		t.Errorf("canceled: %v", err)
	}
	wantNoError(t, p.Close())
	if _, err := p.Move(t.Context(), boardtest.Game(t, ""), Limit{}); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := p.NewGame(t.Context(), 1); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

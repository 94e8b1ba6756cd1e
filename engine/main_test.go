package engine

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"transcend/internal/bitboard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newGame is a game from a FEN, "" for the initial position, after some moves.
func newGame(t testing.TB, fen string, moves ...string) *bitboard.Game {
	t.Helper()
	pos := bitboard.Start()
	if fen != "" {
		var err error
		if pos, err = bitboard.ParseFEN(fen); err != nil {
			t.Fatal(err)
		}
	}
	g := bitboard.NewGame(pos)
	for _, s := range moves {
		m, err := g.Position().ParseUCIMove(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Make(m); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// mustMove is a move that must succeed.
func mustMove(t testing.TB, p Player, g *bitboard.Game, limit Limit) Reply {
	t.Helper()
	r, err := p.Move(context.Background(), g, limit)
	if err != nil {
		t.Fatal(err)
	}
	if !g.Position().IsLegal(r.Move) {
		t.Fatalf("%s played %v in %s", p.Name(), r.Move, g.Position().FEN())
	}
	return r
}

func wantNoError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("got %v, want no error", err)
	}
}

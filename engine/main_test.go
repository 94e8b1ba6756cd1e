package engine

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"transcend/internal/bitboard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

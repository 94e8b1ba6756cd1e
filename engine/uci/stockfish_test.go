package uci

import (
	"strings"
	"testing"
	"time"

	"transcend/engine"
	"transcend/internal/boardtest"
)

// TestStockfish plays a short game with the real one.
func TestStockfish(t *testing.T) {
	path, err := Find("stockfish")
	if err != nil {
		t.Skipf("Stockfish is not installed: %v", err)
	}
	c := start(t, Config{Path: path, Options: []Option{{"Skill Level", "3"}, {"Hash", "16"}, {"Threads", "1"}}})
	if !strings.HasPrefix(c.Name(), "Stockfish") {
		t.Errorf("the name is %q", c.Name())
	}
	spec := c.Spec()
	if spec["option.Skill Level"] != "3" || len(spec["sha256"]) != 64 || !strings.HasPrefix(spec["name"], "Stockfish") || spec["version"] == "" {
		t.Errorf("spec %v", spec)
	}
	wantNoError(t, c.NewGame(t.Context(), 1))
	g := boardtest.Game(t, "")
	for ply := range 12 {
		limit := engine.Limit{MoveTime: 10 * time.Millisecond}
		switch ply % 4 {
		case 1:
			limit = engine.Limit{Nodes: 200}
		case 2:
			limit = engine.Limit{Depth: 4}
		case 3:
			limit = engine.Limit{White: time.Second, Black: time.Second, WhiteInc: 10 * time.Millisecond}
		}
		r := mustMove(t, c, g, limit)
		if r.Score == nil || r.Score.Depth == 0 || r.Score.Nodes == 0 || r.Score.PV == "" || r.Elapsed <= 0 {
			t.Errorf("reply %+v, score %+v", r, r.Score)
		}
		if limit.Depth > 0 && r.Score.Depth > limit.Depth {
			t.Errorf("depth %d with the limit %d", r.Score.Depth, limit.Depth)
		}
		if err := g.Make(r.Move); err != nil {
			t.Fatal(err)
		}
	}
	// The view is that of the side to move: it has a mate in one, then is lost.
	r := mustMove(t, c, boardtest.Game(t, "6k1/5ppp/8/8/8/8/8/K2R4 w - - 0 1"), engine.Limit{Depth: 8})
	if r.Score == nil || !r.Score.IsMate || r.Score.Mate != 1 {
		t.Errorf("score %+v, want mate in 1", r.Score)
	}
	if n := c.Traffic().Stray; n != 0 {
		t.Errorf("%d stray lines", n)
	}
	wantNoError(t, c.Close())

	if _, err := Start(t.Context(), Config{Path: path, Options: []Option{{"Skill Level", "21"}}}); engine.FailureOf(err) != engine.Setup {
		t.Errorf("Skill Level 21: %v", err)
	}
}

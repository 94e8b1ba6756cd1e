package match

import (
	"encoding/json"
	"testing"

	"transcend/cmd/arena/internal/arenatest"
	"transcend/engine/arena"
	"transcend/internal/cli"
)

// TestXBoardMatch plays an engine of each protocol, and one that needs a process
// for every game.
func TestXBoardMatch(t *testing.T) {
	dir, fake := t.TempDir(), arenatest.Fake(t)
	code, out, errs := play(t, dir, "--games", "4", "--maxmoves", "8", "--concurrency", "1", "--json", "-q",
		"--engine", "cmd="+fake+" name=x args=-xboard proto=xboard option.Hash=2", "--engine", "cmd="+fake+" name=once args='-xboard -features once' proto=xboard",
		"--engine", "cmd="+fake+" name=uci option.Hash=2", "--each", "depth=1")
	if code != cli.ExitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var s arena.Summary
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err, out)
	}
	for _, e := range s.Standings {
		for cause, n := range e.Losses {
			if n > 0 && cause != "board" {
				t.Errorf("%s lost %d games by %s", e.Name, n, cause)
			}
		}
	}
	if s.Games != 12 || len(s.Standings) != 3 {
		t.Errorf("%d games, %d players", s.Games, len(s.Standings))
	}
}

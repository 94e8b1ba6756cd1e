package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"transcend/cmd/arena/internal/arenatest"
	"transcend/engine/arena"
	"transcend/internal/cli"
	"transcend/pgn"
)

func TestMatchPlayStoreResumeExtend(t *testing.T) {
	dir, fake := t.TempDir(), arenatest.Fake(t)
	args := append([]string{"match", "--maxmoves", "30", "--pgn-out", "games.pgn", "--json", "--games", "10"}, arenatest.Fakes(fake, "one", "two")...)
	code, out, errs := arenaIn(t, dir, args...)
	if code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	var s arena.Summary
	if err := json.Unmarshal([]byte(out), &s); err != nil || s.Games != 10 || len(s.Standings) != 2 || s.Standings[0].Rating == nil || len(s.Crosstable) != 1 || s.Crosstable[0].Pairs.Count() != 5 {
		t.Fatalf("%v in %s", err, out)
	}
	if n := strings.Count(errs, "slot "); n != 10 {
		t.Errorf("%d lines of finished games:\n%s", n, errs)
	}
	code, again, errs := arenaIn(t, dir, args...)
	if code != cli.ExitOK || again != out || !strings.Contains(errs, "all 10 games were already played") {
		t.Errorf("second start: exit %d, same output: %v\n%s", code, again == out, errs)
	}
	code, _, errs = arenaIn(t, dir, append(args, "--games", "12")...)
	if code != cli.ExitOK || !strings.Contains(errs, "10 games were already played, 2 are missing") {
		t.Errorf("extension: exit %d\n%s", code, errs)
	}
	// The PGN is complete, and what "arena pgn" makes of the database is the same.
	read := func(path string) (games []string) {
		r, err := pgn.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for r.Scan() {
			if r.BadGame() != nil {
				t.Fatal(r.BadGame())
			}
			g := r.Game()
			games = append(games, fmt.Sprint(g.Tags, g.Moves, g.Result))
		}
		slices.Sort(games)
		return games
	}
	if code, _, errs := arenaIn(t, dir, "pgn", "--tournament", "1", "--out", "again.pgn"); code != cli.ExitOK {
		t.Fatalf("arena pgn: exit %d\n%s", code, errs)
	}
	if a, b := read("games.pgn"), read("again.pgn"); len(a) != 12 || !slices.Equal(a, b) {
		t.Errorf("%d games in the PGN, %d in the one made again, equal: %v", len(a), len(b), slices.Equal(a, b))
	}
}

// TestOneEngineAtSeveralLimits: everywhere an engine has the name that the tournament
// gave it at a limit, and not that of its first limit.
func TestOneEngineAtSeveralLimits(t *testing.T) {
	dir, fake := t.TempDir(), arenatest.Fake(t)
	args := []string{"match", "--games", "4", "--maxmoves", "8", "-q"}
	for i, name := range []string{"slow", "quick", "quickest"} {
		args = append(args, "--engine", fmt.Sprintf("cmd=%s name=%s nodes=%d", fake, name, 9-i))
	}
	if code, _, errs := arenaIn(t, dir, args...); code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	for _, command := range [][]string{{"leaderboard"}, {"leaderboard", "--json"}, {"elo", "--db", "arena.db"}, {"watch", "--once"}, {"report", "--out", "-", "-q"}} {
		_, out, _ := arenaIn(t, dir, command...)
		for _, name := range []string{"slow", "quick", "quickest"} {
			if !regexp.MustCompile(`\b` + name + `\b`).MatchString(out) {
				t.Errorf("%s: no player %q in\n%s", command, name, out)
			}
		}
	}
}

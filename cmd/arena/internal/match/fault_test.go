package match

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"transcend/cmd/arena/internal/arenatest"
	"transcend/elo/leaderboard"
	"transcend/engine/arena"
	"transcend/internal/cli"
)

// TestFailuresInAMatch: what an engine's failure does to the match, the table, the
// exit code and the database. The verdicts themselves are engine/match's
// TestFaultMatrix.
func TestFailuresInAMatch(t *testing.T) {
	dir, fake := t.TempDir(), arenatest.Fake(t)
	for _, tt := range []struct {
		name, flags string
		more        []string
		code        int
		games       int
		cause       leaderboard.LossCause // counted in the table for the faulty one
		lost        int
		say         string
	}{
		{"crash stops the match", "-crash go -after 3 -stderr 80", nil, cli.ExitFailure, 1, leaderboard.LostCrash, 1, "hint: the game is stored as lost"},
		{"crash, recovered", "-crash go -after 3 -stderr 80", []string{"--recover"}, cli.ExitFailure, 6, leaderboard.LostCrash, 6, "engines failed in 6 games: bad"},
		{"illegal moves go on", "-bestmove illegal -after 2", nil, cli.ExitFailure, 6, leaderboard.LostIllegal, 6, "engines failed in 6 games: bad"},
		{"protocol", "-bestmove garbage -after 2", []string{"--recover"}, cli.ExitFailure, 6, leaderboard.LostFormat, 6, "engines failed in 6 games: bad"},
		{"lost time is no defect", "-until-stop", []string{"--each", "movetime=20ms"}, cli.ExitOK, 6, leaderboard.LostTime, 6, ""},
		{"crash at the start", "-crash uci", nil, cli.ExitFailure, 0, "", 0, "crashed (uci)"},
		{"crash at a game's start", "-crash ucinewgame", []string{"--retries", "1"}, cli.ExitFailure, 0, "", 0, "given up after 2 tries"},
		{"crash at the second game's start", "-crash ucinewgame -after 2", nil, cli.ExitFailure, 6, "", 0, "engines failed in"},
		{"crash at quit", "-crash quit", nil, cli.ExitFailure, 6, "", 0, "failed when they were told to quit: bad"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db := strings.ReplaceAll(tt.name, " ", "_") + ".db"
			args := []string{"--games", "6", "--maxmoves", "8", "--concurrency", "1", "--openings", "startpos", "--json", "-q", "--db", db}
			limit := "nodes=1 "
			if len(tt.more) > 1 && tt.more[0] == "--each" {
				limit = ""
			}
			args = append(args, "--engine", limit+"cmd="+fake+" name=bad args='"+tt.flags+"'", "--engine", limit+"cmd="+fake+" name=good")
			code, out, errs := play(t, dir, append(args, tt.more...)...)
			if code != tt.code || !strings.Contains(errs, tt.say) {
				t.Errorf("exit %d, want %d and %q:\n%s", code, tt.code, tt.say, errs)
			}
			if tt.games == 0 {
				if out != "" {
					t.Errorf("a result without games: %s", out)
				}
				return
			}
			var s arena.Summary
			if err := json.Unmarshal([]byte(out), &s); err != nil {
				t.Fatal(err, out)
			}
			if s.Games != tt.games {
				t.Errorf("%d games, want %d", s.Games, tt.games)
			}
			for _, e := range s.Standings {
				want := 0
				if e.Name == "bad" {
					want = tt.lost
				}
				if tt.cause != "" && e.Losses[tt.cause] != want {
					t.Errorf("%s lost %v by %s, want %d", e.Name, e.Losses, tt.cause, want)
				}
			}
			store, err := leaderboard.OpenReadOnly(db)
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			for g, err := range store.Games(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if tt.lost > 0 && (g.LossCause != tt.cause || g.Error == "") {
					t.Errorf("slot %d is stored as %q, %q", g.Slot, g.LossCause, g.Error)
				}
				if strings.Contains(tt.flags, "-stderr") && !strings.Contains(g.Stderr, "last words") {
					t.Errorf("standard error kept: %q", g.Stderr)
				}
			}
		})
	}
}

// TestMatchDatabases: what is wrong with the database is said before a game is
// played, with its name and what to do, and nothing is changed.
func TestMatchDatabases(t *testing.T) {
	dir, fake := t.TempDir(), arenatest.Fake(t)
	if err := os.WriteFile(filepath.Join(dir, "garbage.db"), bytes.Repeat([]byte("garbage "), 200), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"newer.db", "corrupt.db"} {
		if code, _, errs := play(t, dir, append([]string{"--games", "20", "--maxmoves", "8", "-q", "--db", name}, arenatest.Fakes(fake, "a", "b")...)...); code != cli.ExitOK {
			t.Fatal(errs)
		}
	}
	raw, err := sql.Open("sqlite", filepath.Join(dir, "newer.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Exec("PRAGMA user_version=99"); err != nil {
		t.Fatal(err)
	}
	raw.Close()
	b, err := os.ReadFile(filepath.Join(dir, "corrupt.db"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(b); i += 512 {
		copy(b[i:], "xxxxxxxxxxxxxxxx")
	}
	if err := os.WriteFile(filepath.Join(dir, "corrupt.db"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"garbage.db": "not an SQLite database", "newer.db": "newer version", "corrupt.db": "damaged", "none/x.db": "no directory"} {
		before, _ := os.ReadFile(filepath.Join(dir, name)) // one is not there
		code, out, errs := play(t, dir, append([]string{"--games", "40", "--maxmoves", "8", "-q", "--db", name}, arenatest.Fakes(fake, "a", "b")...)...)
		if code != cli.ExitFailure || out != "" || !strings.Contains(errs, name) || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d, %q\n%s", name, code, out, errs)
		}
		if after, _ := os.ReadFile(filepath.Join(dir, name)); !bytes.Equal(before, after) {
			t.Errorf("%s was changed", name)
		}
	}
}

// TestTwoArenas: two of them on one tournament share its games; nothing is played
// twice, and both tell the same result.
func TestTwoArenas(t *testing.T) {
	dir, fake := t.TempDir(), arenatest.Fake(t)
	args := append([]string{"--games", "60", "--maxmoves", "10", "-q", "--json", "--concurrency", "2"}, arenatest.Fakes(fake, "a", "b")...)
	t.Chdir(dir)
	type end struct {
		err  error
		out  string
		errs string
	}
	ends := make(chan end)
	for range 2 {
		go func() {
			var out, errs bytes.Buffer
			err := Play(context.Background(), &out, &errs, args)
			ends <- end{err, out.String(), errs.String()}
		}()
	}
	one, two := <-ends, <-ends
	if one.err != nil || two.err != nil || one.out != two.out {
		t.Errorf("errors %v and %v, the same result: %v\n%s%s", one.err, two.err, one.out == two.out, one.errs, two.errs)
	}
	if games := arenatest.TournamentGames(t, filepath.Join(dir, "arena.db")); len(games) != 60 {
		t.Errorf("%d games", len(games))
	}
}

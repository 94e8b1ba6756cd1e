package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"transcend/cmd/arena/internal/arenatest"
	"transcend/internal/cli"
	"transcend/pgn"
)

// arenaIn runs the whole command in a directory of its own.
func arenaIn(t *testing.T, dir string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Chdir(dir)
	var out, errs bytes.Buffer
	code = execute(context.Background(), strings.NewReader(""), &out, &errs, args)
	return code, out.String(), errs.String()
}

func TestPlayStoreAndResume(t *testing.T) {
	dir := t.TempDir()
	checkpoint := arenatest.WriteModel(t, dir)
	args := []string{"--engine", "random", "--model", checkpoint, "--temp", "0,1", "--illegal", "mask", "--max-moves", "20", "--games", "4"}
	code, out, errs := arenaIn(t, dir, append(args, "--pgn-out", "games.pgn")...)
	if code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	for _, want := range []string{"T=0", "T=1", "random"} {
		if !strings.Contains(out, want) {
			t.Errorf("output lacks %q:\n%s", want, out)
		}
	}
	r, err := pgn.Open("games.pgn")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := 0
	for r.Scan() {
		if r.BadGame() != nil {
			t.Errorf("our PGN: %v", r.BadGame())
		}
		n++
	}
	if n != 8 || r.Err() != nil {
		t.Errorf("PGN has %d games, %v; want 8", n, r.Err())
	}
	code, again, errs := arenaIn(t, dir, args...)
	if code != cli.ExitOK || !strings.Contains(errs, "already played") || again != out {
		t.Errorf("second start: exit %d, %q, same output: %v", code, errs, again == out)
	}
	// More games extend the match.
	code, _, errs = arenaIn(t, dir, append(args[:len(args)-1], "6")...)
	if code != cli.ExitOK || !strings.Contains(errs, "4 are missing") {
		t.Errorf("extending: exit %d, %q", code, errs)
	}
	// One match of the two, and both.
	for file, n := range map[string]int{"one.pgn": 6, "both.pgn": 12} {
		args := []string{"pgn", "--out", file}
		if n == 6 {
			args = append(args, "--match", "2")
		}
		if code, _, errs := arenaIn(t, dir, args...); code != cli.ExitOK {
			t.Fatalf("pgn: exit %d\n%s", code, errs)
		}
		arenatest.CheckPGN(t, file, n)
	}
	code, out, _ = arenaIn(t, dir, "leaderboard", "--json")
	var board struct {
		Rows []struct {
			Record struct{ Wins, Draws, Losses int }
		}
	}
	if err := json.Unmarshal([]byte(out), &board); code != cli.ExitOK || err != nil || len(board.Rows) != 2 {
		t.Fatalf("leaderboard: exit %d, %v\n%s", code, err, out)
	}
	for _, row := range board.Rows {
		if n := row.Record.Wins + row.Record.Draws + row.Record.Losses; n != 6 {
			t.Errorf("a row of the leaderboard has %d games, want 6", n)
		}
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	checkpoint := arenatest.WriteModel(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "garbage.db"), bytes.Repeat([]byte("garbage "), 200), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		code int
		want []string
	}{
		{"--engine league --level 3", cli.ExitUsage, []string{"no levels"}},
		{"--engine random --tmp 1", cli.ExitUsage, []string{"unknown flag --tmp", "did you mean --temp?"}},
		{"--engine random --temp -1", cli.ExitUsage, []string{"temperature"}},
		{"--engine random --temp 1,1", cli.ExitUsage, []string{"twice"}},
		{"--engine random --illegal shrug", cli.ExitUsage, []string{"--illegal shrug", "hint: forfeit-after-5"}},
		{"--engine random --level 3", cli.ExitUsage, []string{"no levels"}},
		{"--engine random --games 0", cli.ExitUsage, []string{"--games 0"}},
		{"--engine x --level 99", cli.ExitUsage, []string{"--level 99"}},
		{"--engine x --nodes 5 --depth 2", cli.ExitUsage, []string{"exclude each other"}},
		{"--engine random --anchors paper-cod", cli.ExitUsage, []string{"no anchor set", "did you mean --anchors paper-code?"}},
		{"--engine random --model nowhere", cli.ExitFailure, []string{"nowhere", "hint: name a run"}},
		{"--engine random --model empty", cli.ExitFailure, []string{"no checkpoint there"}},
		{"--engine nosuchengine --model " + checkpoint, cli.ExitFailure, []string{"nosuchengine", "hint:"}},
		{"--engine random --db garbage.db --model " + checkpoint, cli.ExitFailure, []string{"garbage.db"}},
		{"leaderbord", cli.ExitUsage, []string{"did you mean arena leaderboard?"}},
		{"leaderboard", cli.ExitFailure, []string{"arena.db", "play some games first"}},
		{"leaderboard --db garbage.db", cli.ExitFailure, []string{"garbage.db"}},
	} {
		t.Run(tt.args, func(t *testing.T) {
			code, out, errs := arenaIn(t, dir, strings.Fields(tt.args)...)
			if code != tt.code || out != "" {
				t.Errorf("exit %d, want %d; printed %q", code, tt.code, out)
			}
			for _, want := range tt.want {
				if !strings.Contains(errs, want) {
					t.Errorf("message lacks %q:\n%s", want, errs)
				}
			}
			for line := range strings.Lines(errs) {
				if !strings.HasPrefix(line, "arena: error: ") && !strings.HasPrefix(line, "arena: hint: ") {
					t.Errorf("a line is neither error nor hint: %q", line)
				}
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"leaderboard", "--help"}} {
		code, out, errs := arenaIn(t, t.TempDir(), args...)
		if code != cli.ExitOK || errs != "" || !strings.Contains(out, "examples:") || !strings.Contains(out, "--db") {
			t.Errorf("%v: exit %d, stderr %q, output:\n%s", args, code, errs, out)
		}
	}
	_, out, _ := arenaIn(t, t.TempDir(), "--help")
	_, usage, _ := strings.Cut(out, "usage: ")
	usage, _, _ = strings.Cut(usage, "\n\n")
	for name := range subcommands {
		if !slices.Contains(strings.Fields(usage), name) {
			t.Errorf("arena --help does not name %s", name)
		}
		if code, out, errs := arenaIn(t, t.TempDir(), name, "--help"); code != cli.ExitOK || errs != "" || !strings.Contains(out, "usage: arena "+name) {
			t.Errorf("%s --help: exit %d, stderr %q, output:\n%s", name, code, errs, out)
		}
		if code, out, errs := arenaIn(t, t.TempDir(), name, "--version"); code != cli.ExitOK || errs != "" || !strings.HasPrefix(out, "arena ") {
			t.Errorf("%s --version: exit %d, stderr %q, output %q", name, code, errs, out)
		}
	}
	if code, out, _ := arenaIn(t, t.TempDir(), "--version"); code != cli.ExitOK || !strings.HasPrefix(out, "arena ") {
		t.Errorf("version: exit %d, %q", code, out)
	}
}

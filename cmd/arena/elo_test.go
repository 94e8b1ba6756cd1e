package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"transcend/cmd/arena/internal/arenatest"
	"transcend/internal/cli"
	"transcend/internal/fakeengine"
)

func TestEloCounts(t *testing.T) {
	for _, test := range []struct {
		args string
		want []string
	}{
		{"--wins 12 --draws 3 --losses 5", []string{"12 won, 3 drawn, 5 lost", "Elo        +127.0 [-17.9, +283.4] (95%)", "LOS        96.68%", "126.97 +/- 163.19"}},
		{"--ptnml 34,54,63,64,75 --sprt elo0=0,elo1=5", []string{"290 (580 games)", "+55.6 [+27.9, +83.4]", "pairs won/lost 1.58", "nElo: 57.94 +/- 28.28", "LLR: 1.30 (44.2%) (-2.94, 2.94) [0.00, 5.00] go on, normalized Elo"}},
		{"--wins 36433 --draws 68692 --losses 36027 --sprt elo0=0,elo1=2", []string{"LLR: 0.92 "}},
		{"--wins 61 --draws 9 --losses 30 --opponent-elo 1320+-17", []string{"rating     1431 [1364, 1501] against 1320", "1431 [1357, 1508] with the opponent's error"}},
		{"--ptnml 0,0,0,0,9 --opponent-elo 1500±30", []string{"> +161.3 (95%, one-sided)", "rating     > 16"}},
		{"--losses 8 --opponent-elo 1500", []string{"Elo        < -137.0 (95%, one-sided)", "rating     < 1363", "play weaker opponents"}},
		{"--draws 7", []string{"+0.0 [-135.7, +135.7]"}},
		{"--wins 5 --losses 5 --confidence 0.9", []string{"(90%)"}},
	} {
		code, out, errs := arenaIn(t, t.TempDir(), append([]string{"elo"}, strings.Fields(test.args)...)...)
		if code != cli.ExitOK || errs != "" {
			t.Errorf("%s: exit %d: %s", test.args, code, errs)
		}
		for _, w := range test.want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: no %q in\n%s", test.args, w, out)
			}
		}
		if strings.Contains(out, "NaN") || strings.Contains(out, "Inf") {
			t.Errorf("%s:\n%s", test.args, out)
		}
		if code, out, _ = arenaIn(t, t.TempDir(), append([]string{"elo", "--json"}, strings.Fields(test.args)...)...); code != cli.ExitOK || !json.Valid([]byte(out)) {
			t.Errorf("%s: exit %d, JSON %s", test.args, code, out)
		}
	}
}

func TestEloUsage(t *testing.T) {
	for _, test := range []struct{ args, want, hint string }{
		{"", "no results", "arena elo --wins 12"},
		{"--wins 0", "all counts are 0", ""},
		{"--wins -3", "cannot be negative", ""},
		{"--wins 9999999999999", "not believed", ""},
		{"--ptnml 1,2,3", "has 3 numbers", "--ptnml 34,54,63,64,75"},
		{"--ptnml 0,0,0,0,0", "all counts are 0", ""},
		{"--wins 1 --ptnml 0,0,0,0,1", "exclude each other", ""},
		{"--wins 3 --confidence 95", "between 0.5 and 1", "--confidence 0.95"},
		{"--wins 3 --confidence 0.3", "between 0.5 and 1", ""},
		{"games.pgn", "unexpected argument", "arena elo --pgn games.pgn"},
		{"--wins 1 --sprt elo0=5", "both elo0 and elo1", "--sprt elo0=0,elo1=5"},
		{"--wins 1 --sprt elo0=5,elo1=1", "less than", ""},
		{"--wins 1 --opponent-elo strong", "is no rating", "1500+-30"},
		{"--wins 1 --opponent-elo 99999", "not within", ""},
		{"--wins 1 --opponent-elo 1500+--3", "standard error", ""},
		{"--wins 1 --anchor A=1500", "needs games", "--opponent-elo"},
		{"--pgn x.pgn --anchor A", "names no player and rating", "Stash"},
		{"--pgn x.pgn --anchor A=x", "is no rating", "Stash"},
		{"--pgn x.pgn --anchor A=1 --anchor A=2", "twice", ""},
		{"--pgn x.pgn --opponent-elo 1500", "goes with counts", "--anchor"},
		{"--pgn x.pgn --anchors paper-code", "goes with --db", "--anchor"},
		{"--pgn x.pgn --bootstrap 1", "must be 2", "--bootstrap 1000"},
		{"--pgn x.pgn --draws-model david", "must be one of", ""},
		{"--wins 1 --win 2", "unknown flag", "did you mean"},
	} {
		code, out, errs := arenaIn(t, t.TempDir(), append([]string{"elo"}, strings.Fields(test.args)...)...)
		if code != cli.ExitUsage || out != "" || !strings.Contains(errs, test.want) || !strings.Contains(errs, test.hint) {
			t.Errorf("%s: exit %d, want %q and hint %q:\n%s%s", test.args, code, test.want, test.hint, out, errs)
		}
	}
}

// writeGames writes a PGN file of results alone: "white black result" a line.
func writeResults(t *testing.T, path string, lines ...string) {
	t.Helper()
	var b strings.Builder
	for _, l := range lines {
		f := strings.Fields(l)
		fmt.Fprintf(&b, "[Event \"x\"]\n[White \"%s\"]\n[Black \"%s\"]\n", f[0], f[1])
		if f[2] != "-" { // a game without a Result tag
			fmt.Fprintf(&b, "[Result \"%s\"]\n\n1. e4 e5 %s\n\n", f[2], f[2])
		} else {
			fmt.Fprintf(&b, "\n1. e4 e5 %s\n\n", f[3])
		}
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestEloPGN(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "games.pgn")
	var lines []string
	for range 10 {
		lines = append(lines, "A B 1-0", "B A 1/2-1/2", "B C 1-0", "C B 1-0", "A C 0-1", "C A 0-1")
	}
	lines = append(lines, "D A 1-0", "A A 1-0", "A B *", "B A - 1-0")
	writeResults(t, path, lines...)
	code, out, errs := arenaIn(t, dir, "elo", "--pgn", path, "--anchor", "C=1500", "--bootstrap", "50")
	if code != cli.ExitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	t.Log("\n" + out)
	for _, want := range []string{"anchor", "one-sided", "62 games, 30 pairs", "1 without a result", "1 of a player against itself", "draws between equals", "first move's advantage"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	// Two files, JSON, and the order of the players by strength.
	code, out, errs = arenaIn(t, dir, "elo", "--pgn", path, path, "--json", "--average", "1000")
	var report struct {
		Games   int
		Ratings []struct {
			Name   string
			Rating float64
			Side   string
		}
		Pools []struct{ Core int }
	}
	if err := json.Unmarshal([]byte(out), &report); code != cli.ExitOK || err != nil {
		t.Fatalf("exit %d %v: %s%s", code, err, out, errs)
	}
	mean := 0.0
	for _, r := range report.Ratings[:3] {
		mean += r.Rating / 3
	}
	if report.Games != 124 || report.Pools[0].Core != 3 || math.Abs(mean-1000) > 1e-6 || report.Ratings[3].Side != "above" || report.Ratings[0].Rating < report.Ratings[1].Rating {
		t.Errorf("%+v", report)
	}
	// A match of two has the statistics of pairs.
	writeResults(t, path, "A B 1-0", "B A 0-1", "A B 1-0", "B A 1-0", "A B 1/2-1/2", "B A 1-0")
	code, out, errs = arenaIn(t, dir, "elo", "--pgn", path, "--sprt", "elo0=0,elo1=10")
	if code != cli.ExitOK || !strings.Contains(out, "Ptnml(0-2): [0 1 1 0 1]") || !strings.Contains(out, "LLR") {
		t.Errorf("exit %d:\n%s%s", code, out, errs)
	}
	code, _, errs = arenaIn(t, dir, "elo", "--pgn", path, "--anchor", "a=1500")
	if code != cli.ExitUsage || !strings.Contains(errs, `did you mean "A"?`) && !strings.Contains(errs, "the players are A, B") {
		t.Errorf("exit %d: %s", code, errs)
	}
	writeResults(t, path, "A B *", "A A 1-0")
	if code, _, errs = arenaIn(t, dir, "elo", "--pgn", path); code != cli.ExitFailure || !strings.Contains(errs, "no finished games") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, _, errs = arenaIn(t, dir, "elo", "--pgn", filepath.Join(dir, "none.pgn")); code != cli.ExitFailure || !strings.Contains(errs, "none.pgn") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestEloDatabase(t *testing.T) {
	dir := t.TempDir()
	fake, err := fakeengine.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := arenatest.WriteModel(t, dir)
	code, _, errs := arenaIn(t, dir, "--engine", "random", "--model", checkpoint, "--temp", "0,1", "--illegal", "mask", "--max-moves", "20", "--games", "4")
	if code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	code, out, errs := arenaIn(t, dir, "elo", "--db", "arena.db")
	if code != cli.ExitOK || !strings.Contains(out, "8 games") || !strings.Contains(out, "random") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	// An opponent at another limit is another player; the models are the same.
	for _, nodes := range []string{"1", "7"} {
		code, _, errs = arenaIn(t, dir, "--engine", fake, "--model", checkpoint, "--temp", "0,1", "--illegal", "mask", "--max-moves", "20", "--games", "4", "--nodes", nodes)
		if code != cli.ExitOK {
			t.Fatalf("exit %d\n%s", code, errs)
		}
	}
	_, out, _ = arenaIn(t, dir, "elo", "--db", "arena.db")
	if n := strings.Count(out, "T=0 ") + strings.Count(out, "T=1 "); n != 2 || strings.Count(out, "Fake 1.0 (") != 2 || !strings.Contains(out, "24 games") {
		t.Errorf("%d rows of models, want 2, and 2 of opponents:\n%s", n, out)
	}
	// Games under other rules are rated apart, and JSON says so.
	code, _, errs = arenaIn(t, dir, "--engine", fake, "--model", checkpoint, "--temp", "0", "--illegal", "mask", "--max-moves", "30", "--games", "4", "--nodes", "1")
	if code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	_, out, _ = arenaIn(t, dir, "elo", "--db", "arena.db")
	for _, want := range []string{"protocol sound but max-moves 20,", "protocol sound but max-moves 30,", "24 games", "\n4 games", "under 2 different conditions"} {
		if strings.Count(out, want) != 1 {
			t.Errorf("not one %q in\n%s", want, out)
		}
	}
	var report struct {
		Fits []struct {
			Games      int
			Conditions struct{ Protocol string }
		}
	}
	_, out, _ = arenaIn(t, dir, "elo", "--db", "arena.db", "--json")
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Fits) != 2 || report.Fits[0].Games != 24 || report.Fits[1].Games != 4 || report.Fits[0].Conditions.Protocol == report.Fits[1].Conditions.Protocol {
		t.Errorf("%v, %+v", err, report)
	}
	if code, _, errs = arenaIn(t, dir, "elo", "--db", "arena.db", "--anchor", "Nobody=1000"); code != cli.ExitUsage || !strings.Contains(errs, "no such player") {
		t.Errorf("exit %d: %s", code, errs)
	}
	// What the temperatures show is said in words, against a rating that is known.
	code, _, errs = arenaIn(t, dir, "--engine", fake, "--model", checkpoint, "--temp", "0.5,1", "--illegal", "mask", "--max-moves", "20", "--games", "4", "--db", "b.db", "--nodes", "1",
		"--engine-arg=-name=Stockfish 15.1", "--level", "0")
	if code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	if _, out, _ = arenaIn(t, dir, "elo", "--db", "b.db"); !strings.Contains(out, "2 temperatures") {
		t.Errorf("no verdict in\n%s", out)
	}
	if code, _, errs = arenaIn(t, dir, "elo", "--db", "none.db"); code != cli.ExitFailure {
		t.Errorf("exit %d: %s", code, errs)
	}
}

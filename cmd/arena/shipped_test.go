package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"transcend/analysis/card"
	"transcend/analysis/checkpoint"
	"transcend/cmd/arena/internal/arenatest"
	"transcend/internal/cli"
	"transcend/model/shipped"
)

// Where nothing was trained the shipped model plays, and what it is is said; a run goes before it.
func TestFreshDirectory(t *testing.T) {
	c, err := card.Read(shipped.Open())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	code, out, errs := arenaIn(t, dir, "--games", "2", "--json")
	if code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	for _, want := range append(c.Lines(), "no run below runs/: the model that comes with the program plays") {
		if !strings.Contains(errs, want) {
			t.Errorf("what is said lacks %q:\n%s", want, errs)
		}
	}
	// What arena prints is what a card's rating is read from.
	rating, err := card.ReadRating(strings.NewReader(out), c.Weights, "0.001")
	if err != nil {
		t.Fatal(err)
	}
	if rating.Record.Games() != 2 || rating.Scale == "" || rating.Policy != "forfeit-after-5" || rating.Player != "shipped:"+c.Name+" T=0.001 board input" {
		t.Errorf("rating %+v", rating)
	}
	if _, err := card.ReadRating(strings.NewReader(out), c.Weights, "1"); err == nil {
		t.Error("a rating at a temperature that was not played")
	}
	if _, err := card.ReadRating(strings.NewReader(out), "other", "0.001"); err == nil {
		t.Error("a rating of other weights")
	}
	code, again, errs := arenaIn(t, dir, "--model", "shipped", "--games", "2", "--json")
	if code != cli.ExitOK || again != out || !strings.Contains(errs, "already played") || strings.Contains(errs, "comes with the program") {
		t.Errorf("--model shipped: exit %d, other output: %v\n%s", code, again != out, errs)
	}

	// As an entrant, beside a directory of the same name, which is asked for by ./
	if err := os.Mkdir("shipped", 0o755); err != nil {
		t.Fatal(err)
	}
	code, out, errs = arenaIn(t, dir, "match", "--engine", "model=shipped illegal=mask", "--engine", "cmd=random", "--rounds", "1", "--json")
	if code != cli.ExitOK || !strings.Contains(out, "shipped:"+c.Name) {
		t.Errorf("match: exit %d\n%s%s", code, out, errs)
	}
	if code, _, errs = arenaIn(t, dir, "--engine", "random", "--model", "./shipped"); code != cli.ExitFailure || !strings.Contains(errs, "no checkpoint there") {
		t.Errorf("./shipped: exit %d\n%s", code, errs)
	}

	// As a UCI engine, the lines about it are not the protocol's.
	var stdout, stderr strings.Builder
	if code := execute(context.Background(), strings.NewReader("uci\nquit\n"), &stdout, &stderr, []string{"uci"}); code != cli.ExitOK ||
		!strings.Contains(stdout.String(), "id name Transcend shipped:"+c.Name) || !strings.Contains(stderr.String(), c.Lines()[0]) || strings.Contains(stdout.String(), c.Lines()[0]) {
		t.Errorf("uci: exit %d\n%s\n%s", code, stdout.String(), stderr.String())
	}

	run := filepath.Join(checkpoint.RunsDir, "mine")
	saved := arenatest.WriteModel(t, run)
	if err := os.WriteFile(filepath.Join(run, "run.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := checkpoint.Find(""); err != nil || got != saved {
		t.Errorf("with a run below runs/: %s, %v; want %s", got, err, saved)
	}
}

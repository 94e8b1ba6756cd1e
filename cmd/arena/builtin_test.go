package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"transcend/data/league"
	"transcend/elo"
	"transcend/internal/cli"
)

func TestBuiltinPlayers(t *testing.T) {
	ctx := context.Background()
	for word, name := range map[string]string{
		"random": "random", "league:random": "league:random", "league:ply1:rho=0.3": "league:ply1:rho=0.3",
		"ideal:pool=noise": "ideal:noise T=0.001", "ideal:pool=specialists,temp=1,chars=true,posterior=true": "ideal:specialists posterior chars T=1",
	} {
		if !isBuiltin(word) {
			t.Errorf("%s is taken for a program", word)
		}
		factory, err := builtin(word)
		if err != nil {
			t.Errorf("%s: %v", word, err)
			continue
		}
		p, err := factory(ctx)
		if err != nil || p.Name() != name {
			t.Errorf("%s is %v, %v; want %s", word, p, err, name)
			continue
		}
		p.Close()
	}
	if isBuiltin("stockfish") || isBuiltin("randomizer") {
		t.Error("programs are taken for players of our own")
	}
	for _, word := range []string{"league", "league:", "league:search", "league:9000", "league:pawn"} {
		if _, err := builtin(word); err == nil || !strings.Contains(err.Error(), "league") {
			t.Errorf("%s: error %v", word, err)
		}
	}
	for _, word := range []string{"ideal:", "ideal:pool=nowhere", "ideal:pool=noise,temp=-1"} {
		if _, err := builtin(word); err == nil || !strings.Contains(err.Error(), "ideal") {
			t.Errorf("%s: error %v", word, err)
		}
	}
	factory, err := idealModel("pool=noise")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := factory(0.5)(ctx); err != nil || p.Name() != "ideal:noise T=0.5" {
		t.Errorf("an ideal learner as a model: %v, %v", p, err)
	}
	if _, err := idealModel("pool=noise,temp=1"); err == nil || !strings.Contains(err.Error(), "--temp") {
		t.Errorf("two temperatures: %v", err)
	}
	players, err := parsePlayers(ctx, "league-pool=specialists")
	if err != nil || len(players) != 3 {
		t.Errorf("a pool of three: %v, %v", players, err)
	}
	if _, err := parsePlayers(ctx, "league-pool=nowhere"); err == nil {
		t.Error("a pool that is not there has players")
	}
}

// TestPlayModelAgainstTheLeague plays without an engine's name: against the ladder, chosen by
// ratings, on the scale of the calibration.
func TestPlayModelAgainstTheLeague(t *testing.T) {
	dir := t.TempDir()
	checkpoint := writeModel(t, dir)
	model := []string{"--model", checkpoint, "--temp", "1", "--illegal", "mask"}
	code, out, errs := arenaIn(t, dir, append(model, "--games", "4")...)
	scale := elo.LeagueScale().ID
	if code != cli.ExitOK || !strings.Contains(out, "league "+scale) || !strings.Contains(out, "4") {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	// The database alone knows the scale, too.
	if code, out, errs := arenaIn(t, dir, "leaderboard"); code != cli.ExitOK || !strings.Contains(out, "league "+scale) {
		t.Errorf("leaderboard: exit %d\n%s%s", code, out, errs)
	}
	// A cap among people is another scale than the rating; one among the league's players is not.
	for _, tt := range []struct {
		settings string
		other    string // what is said of two scales
	}{
		{`{"max_elo": 1000}`, "The cap is a rating among the people"},
		{`{"max_elo": 1000, "league": {"scale": "nominal"}}`, "The cap is a rating on the scale nominal"},
		{fmt.Sprintf(`{"max_elo": 1000, "league": {"scale": %q}}`, league.Ratings().Scale), ""},
		{fmt.Sprintf(`{"max_elo": 1000, "corpus_scale": %q}`, league.Ratings().Scale), ""},
	} {
		if err := os.WriteFile(filepath.Join(checkpoint, "run.json"), []byte(tt.settings), 0o644); err != nil {
			t.Fatal(err)
		}
		db := fmt.Sprintf("%d.db", len(tt.settings))
		code, out, errs := arenaIn(t, dir, append(model, "--games", "4", "--db", db)...)
		if code != cli.ExitOK || !strings.Contains(out, "cap of 1000") || !strings.Contains(out, tt.other) ||
			tt.other == "" && strings.Contains(out, "The cap is a rating") {
			t.Errorf("%s: exit %d\n%s%s", tt.settings, code, out, errs)
		}
	}
	pool, err := league.OpenPool(league.Ladder)
	if err != nil {
		t.Fatal(err)
	}
	nearest := pool.Players[0]
	for _, p := range pool.Players {
		if max(p.Elo-800, 800-p.Elo) < max(nearest.Elo-800, 800-nearest.Elo) {
			nearest = p
		}
	}
	code, out, errs = arenaIn(t, dir, append(model, "--engine", "league:800", "--games", "2")...)
	want := fmt.Sprintf("league:800 is %s, rated %d (", &nearest.Player, nearest.Elo)
	if code != cli.ExitOK || !strings.Contains(errs, want) || !strings.Contains(out, "league "+scale) {
		t.Errorf("exit %d, want %q\n%s%s", code, want, out, errs)
	}
	// A player that was not calibrated has no rating.
	code, out, errs = arenaIn(t, dir, append(model, "--engine", "league:ply1:rho=0.123", "--games", "2", "--db", "other.db")...)
	if code != cli.ExitOK || strings.Contains(out, "league "+scale+" (") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"transcend/cmd/arena/internal/arenatest"
	"transcend/data/league"
	"transcend/elo"
	"transcend/internal/cli"
)

// TestPlayModelAgainstTheLeague plays without an engine's name: against the ladder, chosen by
// ratings, on the scale of the calibration.
func TestPlayModelAgainstTheLeague(t *testing.T) {
	dir := t.TempDir()
	checkpoint := arenatest.WriteModel(t, dir)
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

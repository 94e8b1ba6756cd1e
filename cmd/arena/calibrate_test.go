package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"transcend/cmd/arena/internal/arenatest"
	"transcend/elo"
	"transcend/internal/cli"
	"transcend/internal/fakeengine"
)

// TestCalibrate stops a calibration, goes on with it, and compares with one that
// nobody stopped; then a model is rated on the scale.
func TestCalibrate(t *testing.T) {
	dir := t.TempDir()
	fake, err := fakeengine.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	players := fake + ":level=0..1:nodes=1,random," + fake + ":elo=1400:depth=2"
	args := func(out, games string) []string {
		return []string{"calibrate", "--players", players, "--games", games, "--out", out, "--seed", "3", "--max-moves", "30", "--first-rating", "1000"}
	}
	code, out, errs := arenaIn(t, dir, args("whole.json", "8")...)
	if code != cli.ExitOK || !strings.Contains(errs, "4 players") || !strings.Contains(errs, "48 games to play") {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	if code, _, errs := arenaIn(t, dir, args("parts.json", "4")...); code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	// Killed in the middle of a line.
	log, err := os.ReadFile("parts.json.games")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(log), "\n")
	torn := strings.Join(lines[:15], "") + lines[15][:20]
	if err := os.WriteFile("parts.json.games", []byte(torn), 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, errs = arenaIn(t, dir, args("parts.json", "8")...)
	if code != cli.ExitOK || !strings.Contains(errs, "34 games to play, 14 played before") {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	var scales []*elo.LocalScale
	for _, name := range []string{"whole.json", "parts.json"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := elo.ParseLocalScale(b)
		if err != nil {
			t.Fatal(err)
		}
		scales = append(scales, s)
	}
	if scales[0].ID != scales[1].ID {
		t.Errorf("the scale of one go is %s, in parts %s", scales[0].ID, scales[1].ID)
	}
	s := scales[0]
	if s.Players[0].Rating != 1000 || len(s.Players) != 4 || len(s.Meetings) != 6 || s.Players[3].Limit != "depth 2" || s.Players[0].Spec["option.Skill Level"] != "0" {
		t.Errorf("%+v", s)
	}
	for _, p := range s.Players {
		if p.Record.Games() != 24 {
			t.Errorf("%s has %d games", p.Name, p.Record.Games())
		}
	}

	checkpoint := arenatest.WriteModel(t, dir)
	code, out, errs = arenaIn(t, dir, "--engine", fake, "--level", "0,1", "--nodes", "1", "--model", checkpoint, "--temp", "1", "--illegal", "mask", "--games", "2",
		"--max-moves", "20", "--anchors", "whole.json", "--choose", "even")
	if code != cli.ExitOK || !strings.Contains(out, "local "+s.ID) {
		t.Errorf("rating a model on it: exit %d\n%s%s", code, out, errs)
	}
	// At another limit the scale says nothing of these engines.
	code, out, _ = arenaIn(t, dir, "--engine", fake, "--level", "0", "--nodes", "2", "--model", checkpoint, "--temp", "1", "--illegal", "mask", "--games", "2",
		"--max-moves", "20", "--anchors", "whole.json", "--choose", "even", "--db", "other.db")
	if code != cli.ExitOK || strings.Contains(out, "local "+s.ID+" (") || !strings.Contains(out, "rates this opponent at nodes 1, not at nodes 2") {
		t.Errorf("at another limit: exit %d\n%s", code, out)
	}

	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"calibrate --players random,random --out x.json", cli.ExitUsage, "twice"},
		{"calibrate --players random --out x.json", cli.ExitUsage, "nobody to compare"},
		{"calibrate --out x.json", cli.ExitUsage, "hint: --players random"},
		{"calibrate --players random," + fake + ":level=0 --out x.json", cli.ExitUsage, "a limit of thinking is missing"},
		{"calibrate --players random," + fake + ":level=5..1:nodes=1 --out x.json", cli.ExitUsage, "is no number"},
		{"calibrate --players random," + fake + ":nodes=1:depth=level+1 --out x.json", cli.ExitUsage, "needs a level"},
		{"calibrate --players random," + fake + ":leval=1 --out x.json", cli.ExitUsage, `no setting "leval"`},
		{"calibrate --players random," + fake + ":nodes=1:option.Nonsense=1 --out x.json", cli.ExitFailure, "Nonsense"},
		{"calibrate --players lichess-ai=9,random --out x.json", cli.ExitUsage, "levels 1 to 8"},
		{"calibrate --players random," + fake + ":nodes=1 --out whole.json", cli.ExitUsage, "games of another calibration"},
		{"calibrate --players random," + fake + ":nodes=1 --out no/where.json", cli.ExitFailure, "no such file"},
		{"leaderboard --anchors missing.json", cli.ExitUsage, "hint: arena calibrate"},
		{"leaderboard --anchors whole.json.games", cli.ExitUsage, "no anchor set"},
	} {
		code, _, errs := arenaIn(t, dir, strings.Fields(tt.args)...)
		if code != tt.code || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: exit %d, %q", tt.args, code, errs)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "x.json*")); len(left) > 0 {
		t.Errorf("a refused calibration left %v", left)
	}
}

// TestCalibrateAgainstAnchors holds engines at the ratings of a set, plays pairs as the rules say,
// and finds the players of the league where they are.
func TestCalibrateAgainstAnchors(t *testing.T) {
	dir := t.TempDir()
	fake, err := fakeengine.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pool.txt"), []byte("ply1:rho=0.9 1300\nply1:rho=0.8 1500\nply1:rho=0.3 2500\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, errs := arenaIn(t, dir, "calibrate", "--players", fake+":level=0..1:nodes=1", "--players", "league-pool=pool.txt", "--anchors", elo.StockfishCCRL2019,
		"--gap", "1000", "--games", "10", "--pair-games", "* vs * level 1*=4", "--pair-games", "*level* vs *level*=0", "--out", "held.json", "--max-moves", "20")
	if code != cli.ExitOK {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	b, err := os.ReadFile("held.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := elo.ParseLocalScale(b)
	if err != nil {
		t.Fatal(err)
	}
	set, err := elo.AnchorSetNamed(elo.StockfishCCRL2019)
	if err != nil {
		t.Fatal(err)
	}
	for level := range 2 {
		anchor, err := set.Anchor(elo.SkillLevel, level)
		if p := s.Players[level]; err != nil || p.Rating != anchor.Rating || p.StandardError != 0 {
			t.Errorf("%s is at %v +- %v, want %v (%v)", p.Name, p.Rating, p.StandardError, anchor.Rating, err)
		}
	}
	played := map[[2]int]int{}
	for _, m := range s.Meetings {
		played[[2]int{m.First, m.Second}] = m.Record.Games()
	}
	// The last of the pool is too far from all but the one with 1500.
	want := map[[2]int]int{{0, 2}: 10, {0, 3}: 10, {1, 2}: 4, {1, 3}: 4, {2, 3}: 10, {3, 4}: 10}
	if !maps.Equal(played, want) {
		t.Errorf("games %v, want %v", played, want)
	}
	if s.Anchors != set.ID() || !(s.ScaleError > 0) || !strings.Contains(out, "held") {
		t.Errorf("anchors %q, error of the scale %v\n%s", s.Anchors, s.ScaleError, out)
	}
	for i, p := range s.Players[2:] {
		if p.Side == elo.TwoSided && !(p.StandardError > 0) {
			t.Errorf("player %d: %+v", i, p)
		}
	}
	// Changed ratings are found out.
	if _, err := elo.ParseLocalScale(bytes.Replace(b, []byte(set.ID()), []byte("mine"), 1)); err == nil {
		t.Error("a scale on other anchors has the same ID")
	}
	for _, tt := range []struct{ args, want string }{
		{"--anchors nowhere", "no anchor set"},
		{"--anchors " + elo.StockfishCCRL2019, "rates none of the players"},
		{"--anchors " + elo.StockfishCCRL2019 + " --first-rating 5", "both say where the scale lies"},
		{"--pair-games random=5", "is not of the form"},
		{"--pair-games a_vs_b=x", "is not of the form"},
	} {
		code, _, errs := arenaIn(t, dir, append([]string{"calibrate", "--players", "random,league:ply1:rho=0.5", "--out", "x.json"}, strings.Fields(tt.args)...)...)
		if code != cli.ExitUsage || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: exit %d, %s", tt.args, code, errs)
		}
	}
}

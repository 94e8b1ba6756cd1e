package calibrate

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"transcend/elo"
	"transcend/elo/joint"
	"transcend/elo/leaderboard"
	"transcend/engine"
	"transcend/engine/match"
)

// somebody are players who move at random under different names.
func somebody(names ...string) *Plan {
	p := &Plan{Games: 4, MaxMoves: 5, Seed: 3, Openings: new(match.Openings)}
	for _, name := range names {
		p.Players = append(p.Players, Player{Name: name, Spec: map[string]string{"name": name},
			New: func(context.Context) (engine.Player, error) { return engine.NewRandomPlayer(), nil }})
	}
	return p
}

// TestSlotsOfPairs: no two pairs play with the same seeds, and a pair's games come in pairs of one opening.
func TestSlotsOfPairs(t *testing.T) {
	g := &Games{plan: &Plan{Players: make([]Player, 4), Games: 4}}
	seen := map[int]bool{}
	for _, task := range g.missing() {
		if seen[task.Slot] || task.Slot%MaxPairGames >= 4 {
			t.Errorf("slot %d of %d and %d", task.Slot, task.First, task.Second)
		}
		seen[task.Slot] = true
	}
	if len(seen) != 6*4 {
		t.Errorf("%d games", len(seen))
	}
}

// TestGamesOf: the last rule that fits is the one; pairs too far apart do not play.
func TestGamesOf(t *testing.T) {
	p := somebody("a", "b=1", "c", "d")
	for i, rating := range []float64{100, 0, 350, 300} {
		p.Players[i].Rating = rating
	}
	p.Within, p.Gap = 2, 200
	for _, text := range []string{"a vs *=6", "b=* vs a=8", "* vs d=0"} {
		r, err := ParsePairRule(text)
		if err != nil {
			t.Fatal(err)
		}
		p.Rules = append(p.Rules, r)
	}
	for pair, want := range map[[2]int]int{{0, 1}: 8, {0, 2}: 0, {0, 3}: 0, {1, 2}: 4, {1, 3}: 0, {2, 3}: 0} {
		if got := p.gamesOf(pair[0], pair[1]); got != want {
			t.Errorf("%v: %d games, want %d", pair, got, want)
		}
	}
	for _, text := range []string{"", "a vs b", "a=3", "a vs b=-1", "a vs b=1048577", "a vs b=x"} {
		if _, err := ParsePairRule(text); !errors.Is(err, ErrPairRule) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := ParsePairRule("a vs [=3"); err == nil || errors.Is(err, ErrPairRule) {
		t.Errorf("a broken pattern: %v", err)
	}
}

// TestGoesOn: games that were stopped, with half a line at the end, come to the scale of those that
// nobody stopped.
func TestGoesOn(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	scale := func(path string, stops ...int) (*elo.LocalScale, error) {
		p := somebody("a", "b", "c")
		p.HoldFirst(1000)
		for _, n := range append(stops, 12) {
			g, err := Open(path, p)
			if err != nil {
				return nil, err
			}
			o := PlayOptions{Concurrency: 2}
			if n < 12 {
				o.Budget = time.Nanosecond // one game
				o.Concurrency = 1
			}
			before, told := g.Played(), 0
			o.Played = func(n int) { told = n }
			err = g.Play(ctx, o)
			if err != nil || g.Played()-before != told || g.Played()+g.Missing() != 12 || n < 12 && told != 1 {
				t.Errorf("played %d, told of %d, missing %d: %v", g.Played()-before, told, g.Missing(), err)
			}
			if n == 12 {
				s, _, err := g.Scale()
				return s, errors.Join(err, g.Close())
			}
			if err := g.Close(); err != nil {
				return nil, err
			}
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return nil, err
			}
			if _, err := f.WriteString(`{"first":0,"second":`); err != nil {
				return nil, err
			}
			if err := f.Close(); err != nil {
				return nil, err
			}
		}
		panic("unreachable")
	}
	whole, err := scale(filepath.Join(dir, "whole"))
	if err != nil {
		t.Fatal(err)
	}
	parts, err := scale(filepath.Join(dir, "parts"), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(whole, parts) {
		t.Errorf("in one go\n%+v\nin parts\n%+v", whole, parts)
	}
	if whole.Players[0].Rating != 1000 || len(whole.Meetings) != 3 || whole.Anchors != "" {
		t.Errorf("%+v", whole)
	}
	for _, m := range whole.Meetings {
		if m.Record.Games() != 4 {
			t.Errorf("%+v", m)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "games")
	p := somebody("a", "b")
	first, err := json.Marshal(p.header())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ text, want string }{
		{"no JSON\n", "holds no games"},
		{`{"format":"something"}` + "\n", "holds no games"},
		{string(first) + "\n" + `{"first":1,"second":0,"slot":0,"score":1}` + "\n", "line 2 is no game"},
		{string(first) + "\n" + `{"first":0,"second":2,"slot":0,"score":1}` + "\n", "line 2 is no game"},
		{string(first) + "\n" + `{"first":0,"second":1,"slot":-1,"score":1}` + "\n", "line 2 is no game"},
		{string(first) + "\n" + `{"first":0,"second":1,"slot":0,"score":0.25}` + "\n", "line 2 is no game"},
	} {
		if err := os.WriteFile(path, []byte(tt.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, p); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v", tt.text, err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != tt.text {
			t.Errorf("a refused file was changed to %q (%v)", b, err)
		}
	}
	if err := os.WriteFile(path, append(first, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	p.Seed++
	var other *OtherPlanError
	if _, err := Open(path, p); !errors.As(err, &other) || len(other.Players) != 2 {
		t.Errorf("another seed: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "no", "where"), p); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestHoldRated: who is in the set keeps its rating, and a set that rates nobody says why.
func TestHoldRated(t *testing.T) {
	p := somebody("a", "b", "c")
	by := func(rated string) leaderboard.AnchorFunc {
		return func(q leaderboard.Player, _ string) (elo.AnchorSet, elo.Anchor, error) {
			switch {
			case q.Name == rated:
				return elo.AnchorSet{Name: "mine"}, elo.Anchor{Rating: 1500, StandardError: 9}, nil
			case rated == "fails":
				return elo.AnchorSet{}, elo.Anchor{}, os.ErrInvalid
			}
			return elo.AnchorSet{}, elo.Anchor{}, elo.ErrNoAnchor
		}
	}
	if err := p.HoldRated(by("nobody")); !errors.Is(err, elo.ErrNoAnchor) {
		t.Error(err)
	}
	if err := p.HoldRated(by("fails")); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
	if err := p.HoldRated(by("b")); err != nil || p.Players[0].Held() || !p.Players[1].Held() || p.Players[1].Rating != 1500 {
		t.Errorf("%v, %+v", err, p.Players)
	}
	g, err := Open(filepath.Join(t.TempDir(), "games"), p)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := g.Play(t.Context(), PlayOptions{Concurrency: 2}); err != nil {
		t.Fatal(err)
	}
	s, fit, err := g.Scale()
	if err != nil || s.Players[1].Rating != 1500 || s.Players[1].StandardError != 0 || s.Anchors == "" || !(s.ScaleError > 0) {
		t.Errorf("%v\n%+v", err, s)
	}
	// The mean of a and c.
	want := math.Sqrt(fit.Covariance(0, 0)+fit.Covariance(2, 2)+2*fit.Covariance(0, 2)) / 2
	if math.Abs(s.ScaleError-want) > 1e-9*want {
		t.Errorf("the error of the scale is %v, want %v", s.ScaleError, want)
	}
}

// TestOutcomes: colors alternate, and a score is the first player's.
func TestOutcomes(t *testing.T) {
	g := &Games{played: map[slotOf]game{{0, 2, 0}: {Score: 0.5}, {0, 1, 1}: {Score: 1}, {0, 1, 0}: {Score: 1}, {0, 1, 3}: {Score: 0}}}
	games, meetings := g.outcomes()
	want := []joint.Game{
		{White: 0, Black: 1, Outcome: elo.Win}, {White: 1, Black: 0, Outcome: elo.Loss}, {White: 1, Black: 0, Outcome: elo.Win},
		{White: 0, Black: 2, Outcome: elo.Draw},
	}
	if !slices.Equal(games, want) {
		t.Errorf("%+v", games)
	}
	if len(meetings) != 2 || meetings[0] != (elo.Meeting{First: 0, Second: 1, Record: elo.Record{Wins: 2, Losses: 1}}) {
		t.Errorf("%+v", meetings)
	}
}

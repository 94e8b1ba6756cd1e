package elo

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
)

func localScale() *LocalScale {
	engine := func(level string) map[string]string {
		return map[string]string{"kind": "uci", "name": "Fish 1", "sha256": "aa", "program": "fish", "option.Skill Level": level}
	}
	return NewLocalScale(LocalScale{
		Openings: "startpos", Seed: 3,
		Players: []LocalPlayer{
			{Name: "level 1, 100ms", Spec: engine("1"), Limit: "movetime 100ms", Side: TwoSided, Record: Record{3, 1, 2}},
			{Name: "level 1, 10ms", Spec: engine("1"), Limit: "movetime 10ms", Side: TwoSided, Rating: -30, StandardError: 20, Record: Record{2, 1, 3}},
			{Name: "level 2", Spec: engine("2"), Limit: "movetime 10ms", Side: TwoSided, Rating: 130, StandardError: 25},
			{Name: "random", Spec: map[string]string{"kind": "random", "version": "1"}, Side: Below, Interval: Interval{High: -500}},
		},
		Meetings: []Meeting{{0, 1, Record{3, 1, 2}}},
	})
}

func TestLocalScaleReadsBack(t *testing.T) {
	s := localScale()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseLocalScale(b)
	if err != nil || back.ID != s.ID || len(back.Players) != 4 || back.Players[1].StandardError != 20 {
		t.Fatalf("%+v, %v", back, err)
	}
	for _, tt := range []struct{ old, new, want string }{
		{`"rating":0`, `"rating":1500`, "changed by hand"},
		{`"rating":130`, `"rating":230`, "changed by hand"},
		{`"movetime 10ms"`, `"movetime 11ms"`, "changed by hand"},
		{`"wins":3`, `"wins":4`, "changed by hand"},
		{`"transcend-scale"`, `"other"`, "the file is none"},
		{`"version":1,"id"`, `"version":2,"id"`, "version 2"},
		{`"first":0`, `"first":7`, "impossible meeting"},
		{`"first":0`, `"first":-1`, "impossible meeting"},
		{`"rating":130`, `"rating":1e300`, "rating 1e+300"},
		{`"standard_error":25`, `"standard_error":-1`, "error -1"},
		{`"wins":2`, `"wins":-2`, "impossible record"},
		{`{`, `[`, "local scale"},
	} {
		text := strings.Replace(string(b), tt.old, tt.new, 1)
		if text == string(b) {
			t.Fatalf("nothing to change: %s", tt.old)
		}
		if _, err := ParseLocalScale([]byte(text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s for %s: %v", tt.new, tt.old, err)
		}
	}
}

// TestLocalScaleID: what the games were is in it, where the engine lies is not.
func TestLocalScaleID(t *testing.T) {
	s := localScale()
	for _, tt := range []struct {
		name   string
		change func(*LocalScale)
		same   bool
	}{
		{"nothing", func(*LocalScale) {}, true},
		{"the program's file name", func(s *LocalScale) { s.Players[0].Spec["program"] = "fish-2" }, true},
		{"our version", func(s *LocalScale) { s.Program = "x" }, true},
		{"an engine's hash", func(s *LocalScale) { s.Players[0].Spec["sha256"] = "bb" }, false},
		{"a limit", func(s *LocalScale) { s.Players[0].Limit = "depth 2" }, false},
		{"a result", func(s *LocalScale) { s.Meetings[0].Record.Wins++ }, false},
		{"the zero", func(s *LocalScale) { s.Players[0].Rating = 1500 }, false},
		{"the seed", func(s *LocalScale) { s.Seed++ }, false},
	} {
		other := localScale()
		tt.change(other)
		if same := other.ContentID() == s.ID; same != tt.same {
			t.Errorf("%s: same ID: %v", tt.name, same)
		}
	}
}

func TestLocalAnchor(t *testing.T) {
	s := localScale()
	spec := maps.Clone(s.Players[0].Spec)
	spec["program"] = "elsewhere"
	for _, tt := range []struct {
		spec   map[string]string
		limit  string
		rating float64
		err    string
	}{
		{spec, "movetime 100ms", 0, ""},
		{spec, "movetime 10ms", -30, ""},
		{spec, "depth 9", 0, "at movetime 100ms, movetime 10ms, not at depth 9"},
		{spec, "", 0, "several limits"},
		{s.Players[2].Spec, "", 130, ""},
		{map[string]string{"kind": "uci"}, "movetime 10ms", 0, "does not have this opponent"},
		{map[string]string{"kind": "random", "version": "1"}, "movetime 10ms", 0, "only a bound"},
	} {
		a, err := s.Anchor(tt.spec, tt.limit)
		if tt.err == "" && (err != nil || a.Rating != tt.rating) || tt.err != "" && (!errors.Is(err, ErrNoAnchor) || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%v %q: %+v, %v", tt.spec, tt.limit, a, err)
		}
	}
}

func FuzzParseLocalScale(f *testing.F) {
	b, _ := json.Marshal(localScale())
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseLocalScale(b); err == nil {
			_ = s.Set()
			_, _ = s.Anchor(s.Players[0].Spec, "")
		}
	})
}

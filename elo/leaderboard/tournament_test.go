package leaderboard

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestTournaments(t *testing.T) {
	ctx := context.Background()
	s := tempStore(t)
	m := simpleMatch(t, s)
	cup := Tournament{Name: "cup", Kind: Swiss, Seed: 1 << 63, Config: json.RawMessage(`{"a":1}`), Identity: map[string]string{"games": "2"},
		Entrants: []Entrant{{1, "one", "nodes 1"}, {2, "two", "nodes 1"}, {1, "three", "nodes 2"}}, Program: "v3"}
	id, err := s.EnsureTournament(ctx, cup)
	if err != nil {
		t.Fatal(err)
	}
	// Name and configuration do not make another tournament; anything else does.
	renamed := cup
	renamed.Name, renamed.Config = "cup 2", json.RawMessage(`{"a":2}`)
	if again, err := s.EnsureTournament(ctx, renamed); err != nil || again != id {
		t.Errorf("the same tournament is %d, was %d (%v)", again, id, err)
	}
	seen := map[int64]bool{id: true}
	for name, change := range map[string]func(*Tournament){
		"seed":     func(c *Tournament) { c.Seed = 2 },
		"kind":     func(c *Tournament) { c.Kind = Gauntlet },
		"identity": func(c *Tournament) { c.Identity = nil },
		"limit":    func(c *Tournament) { c.Entrants = []Entrant{{1, "one", "nodes 1"}, {2, "two", "nodes 2"}} },
		"order":    func(c *Tournament) { c.Entrants = []Entrant{{2, "two", "nodes 1"}, {1, "one", "nodes 1"}} },
	} {
		other := cup
		change(&other)
		n, err := s.EnsureTournament(ctx, other)
		if err != nil || seen[n] {
			t.Errorf("another %s: tournament %d, %v", name, n, err)
		}
		seen[n] = true
	}
	got, err := s.Tournament(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "cup 2" || got.Seed != cup.Seed || string(got.Config) != `{"a":2}` || got.Kind != Swiss || !slices.Equal(got.Entrants, cup.Entrants) || got.CreatedAt.IsZero() {
		t.Errorf("read %+v", got)
	}
	pairings := []Pairing{{Round: 1, Board: 0, First: 0, Second: 1, MatchID: m, FirstSlot: 2, Games: 2}, {Round: 1, Board: 1, First: 2, Second: -1}}
	for range 2 { // replaces
		if err := s.SetPairings(ctx, id, 1, pairings); err != nil {
			t.Fatal(err)
		}
	}
	if ps, err := s.Pairings(ctx, id); err != nil || !reflect.DeepEqual(ps, pairings) {
		t.Errorf("pairings %+v, %v", ps, err)
	}
	if names, err := s.MatchNames(ctx); err != nil || !reflect.DeepEqual(names, map[int64][2]string{m: {"one", "two"}}) {
		t.Errorf("names %v, %v", names, err)
	}
	other := cup
	other.Entrants = []Entrant{{1, "uno", "nodes 1"}, {2, "two", "nodes 1"}}
	twice, err := s.EnsureTournament(ctx, other)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetPairings(ctx, twice, 0, []Pairing{{First: 0, Second: 1, MatchID: m, Games: 2}}); err != nil {
		t.Fatal(err)
	}
	if names, err := s.MatchNames(ctx); err != nil || len(names) != 0 {
		t.Errorf("two tournaments disagree, and the names are %v, %v", names, err)
	}
	for name, bad := range map[string]Tournament{
		"kind":   {Kind: "knockout"},
		"config": {Kind: Swiss, Config: json.RawMessage("{")},
		"player": {Kind: Swiss, Entrants: []Entrant{{PlayerID: 99}}},
	} {
		if _, err := s.EnsureTournament(ctx, bad); err == nil {
			t.Errorf("bad %s was stored", name)
		}
	}
	if _, err := s.Tournament(ctx, 99); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown tournament: %v", err)
	}
}

// TestClaims: a slot is given to one arena; what a dead one left may be taken.
func TestClaims(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "arena.db")
	s, other := mustOpen(t, path), mustOpen(t, path)
	m := simpleMatch(t, s)
	claim := func(s *Store, arena string, slot int, want bool) {
		t.Helper()
		if ok, err := s.Claim(ctx, arena, m, slot, true); ok != want || err != nil {
			t.Errorf("claim of slot %d by %s: %v, %v, want %v", slot, arena, ok, err, want)
		}
	}
	claim(s, "a", 0, true)
	claim(s, "a", 0, true) // again
	claim(other, "b", 0, false)
	claim(other, "b", 1, true)
	if err := s.RecordGame(ctx, simpleGame(m, 0)); err != nil {
		t.Fatal(err)
	}
	claim(s, "a", 0, false) // played
	live := Live{MatchID: m, Slot: 1, StartFEN: "x", BookPlies: 1, Moves: []uint16{1, 2}, Evals: []Eval{{Ply: 1, Centipawns: 7}}, WhiteClock: time.Second, BlackClock: -1}
	if err := s.Refresh(ctx, "a", []Live{live}); err != nil { // not its own
		t.Fatal(err)
	}
	if err := other.Refresh(ctx, "b", []Live{live}); err != nil {
		t.Fatal(err)
	}
	games, err := s.Live(ctx)
	if err != nil || len(games) != 1 {
		t.Fatalf("in play: %+v, %v", games, err)
	}
	live.Arena, live.PlayerWhite, live.UpdatedAt = "b", true, games[0].UpdatedAt
	live.BlackClock = -time.Millisecond
	if !reflect.DeepEqual(games[0], live) {
		t.Errorf("in play: %+v, want %+v", games[0], live)
	}
	claim(s, "a", 1, false)
	if _, err := s.live.Exec("UPDATE live SET updated_at = ?", stamp(time.Now().Add(-2*StaleAfter))); err != nil {
		t.Fatal(err)
	}
	claim(s, "a", 1, true)
	claim(s, "a", 2, true)
	claim(s, "a", 3, true)
	if err := s.Release(ctx, "a", m, 1); err != nil {
		t.Fatal(err)
	}
	claim(other, "b", 1, true)
	claim(other, "b", 2, false)
	if err := s.Release(ctx, "a", 0, 0); err != nil {
		t.Fatal(err)
	}
	claim(other, "b", 2, true)
	claim(other, "b", 3, true)
}

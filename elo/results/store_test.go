package results

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"transcend/elo"
	"transcend/elo/joint"
	"transcend/elo/leaderboard"
	"transcend/internal/cli"
)

// database is a store of matches between players that are called as the test likes.
type database struct {
	*leaderboard.Store
	t *testing.T
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	s, err := leaderboard.Open(filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &database{s, t}
}

// player is the player defined by key, with a name that others may have too.
func (d *database) player(key, name string) int64 {
	d.t.Helper()
	id, err := d.EnsurePlayer(d.t.Context(), leaderboard.Player{Name: name, Spec: map[string]string{"kind": "x", "key": key}})
	if err != nil {
		d.t.Fatal(err)
	}
	return id
}

// games stores the results of a match, as its player sees them: "1=0" is a win, a draw and
// a loss. The player has White in even slots.
func (d *database) games(m leaderboard.Match, results string) int64 {
	d.t.Helper()
	id, err := d.EnsureMatch(d.t.Context(), m)
	if err != nil {
		d.t.Fatal(err)
	}
	for slot, r := range results {
		g := leaderboard.Game{MatchID: id, Slot: slot, PlayerWhite: slot%2 == 0, Opening: fmt.Sprint(slot / 2), Result: "1/2-1/2"}
		if r != '=' {
			g.Result = "0-1"
			if (r == '1') == g.PlayerWhite {
				g.Result = "1-0"
			}
			if r == '0' {
				g.LossCause = leaderboard.LostBoard
			}
		}
		if err := d.RecordGame(d.t.Context(), g); err != nil {
			d.t.Fatal(err)
		}
	}
	return id
}

func names(l *List) []string {
	var names []string
	for _, p := range l.players {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return names
}

// TestNamesFromStore: who is who when names, limits and tournaments disagree.
func TestNamesFromStore(t *testing.T) {
	d := newDatabase(t)
	a, b, twin := d.player("a", "A"), d.player("b", "B"), d.player("b2", "B")
	d.games(leaderboard.Match{PlayerID: a, OpponentID: b, OpponentLimit: "nodes 1"}, "11")
	d.games(leaderboard.Match{PlayerID: a, OpponentID: b}, "01")
	d.games(leaderboard.Match{PlayerID: a, OpponentID: twin, OpponentLimit: "nodes 1"}, "=1")
	lists, err := FromStore(t.Context(), d.Store, nil)
	if err != nil || len(lists) != 1 {
		t.Fatal(lists, err)
	}
	want := []string{"A", "B #3", "B (no limit) #2", "B (nodes 1) #2"}
	if got := names(lists[0]); !slices.Equal(got, want) || len(lists[0].games) != 6 {
		t.Errorf("players %q of %d games, want %q", got, len(lists[0].games), want)
	}
	// Games on one opening with reversed colors are pairs.
	if r, err := lists[0].Rate(Options{Confidence: 0.95}); err != nil || r.Pairs != 3 {
		t.Errorf("%+v, %v", r, err)
	}

	// Two tournaments that call one player differently: its own name.
	d = newDatabase(t)
	a, b = d.player("a", "A"), d.player("b", "B")
	for i, name := range []string{"uno", "one"} {
		m := d.games(leaderboard.Match{PlayerID: a, OpponentID: b, Seed: uint64(i)}, "10")
		cup, err := d.EnsureTournament(t.Context(), leaderboard.Tournament{Name: name, Kind: leaderboard.RoundRobin,
			Entrants: []leaderboard.Entrant{{PlayerID: a, Name: name}, {PlayerID: b, Name: "the other"}}})
		if err == nil {
			err = d.SetPairings(t.Context(), cup, 0, []leaderboard.Pairing{{First: 0, Second: 1, MatchID: m, Games: 2}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	lists, err = FromStore(t.Context(), d.Store, nil)
	if err != nil || len(lists) != 1 || !slices.Equal(names(lists[0]), []string{"A", "the other"}) {
		t.Errorf("%q, %v", names(lists[0]), err)
	}

	// A match that is begun while this is read is left out, and invents no player.
	r, err := readStore(t.Context(), d.Store, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.games(leaderboard.Match{PlayerID: d.player("new", "New"), OpponentID: b}, "11")
	lists, err = r.lists(t.Context(), d.Store)
	if err != nil || len(lists) != 1 || !slices.Equal(names(lists[0]), []string{"A", "the other"}) || len(lists[0].games) != 4 {
		t.Errorf("%q, %v", names(lists[0]), err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := FromStore(ended, d.Store, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if _, err := r.lists(ended, d.Store); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestAnchorsFromStore: players that are known are held at their ratings, and games at other
// limits than those of the measurement are said.
func TestAnchorsFromStore(t *testing.T) {
	d := newDatabase(t)
	a, b, c := d.player("a", "A"), d.player("b", "B"), d.player("c", "C")
	d.games(leaderboard.Match{PlayerID: a, OpponentID: b, OpponentLimit: "nodes 1"}, "10")
	d.games(leaderboard.Match{PlayerID: a, OpponentID: c, OpponentLimit: "measured"}, "10")
	broken := errors.New("no scale")
	anchors := func(p leaderboard.Player, limit string) (elo.AnchorSet, elo.Anchor, error) {
		switch p.Spec["key"] {
		case "b":
			return elo.AnchorSet{Conditions: "measured"}, elo.Anchor{Name: "b", Rating: 1500}, nil
		case "c":
			return elo.AnchorSet{Conditions: "measured"}, elo.Anchor{Name: "c", Rating: 1500}, nil
		}
		return elo.AnchorSet{}, elo.Anchor{}, elo.ErrNoAnchor
	}
	lists, err := FromStore(t.Context(), d.Store, anchors)
	if err != nil || len(lists) != 1 {
		t.Fatal(lists, err)
	}
	r, err := lists[0].Rate(Options{Confidence: 0.95})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range r.Ratings {
		if math.Abs(x.Rating-1500) > 1e-6 || x.Anchor != (x.Name != "A") { // half the points against 1500
			t.Errorf("%+v", x)
		}
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if want := "note: the anchors' ratings were measured at measured, these games were played at nodes 1: "; strings.Count(text.String(), want) != 1 {
		t.Errorf("no %q in\n%s", want, text.String())
	}
	if _, err := FromStore(t.Context(), d.Store, func(leaderboard.Player, string) (elo.AnchorSet, elo.Anchor, error) {
		return elo.AnchorSet{}, elo.Anchor{}, broken
	}); !errors.Is(err, broken) {
		t.Errorf("a scale that cannot be read: %v", err)
	}
}

// pgnOf is a file of games "white black result".
func pgnOf(t *testing.T, lines ...string) string {
	t.Helper()
	var b strings.Builder
	for _, l := range lines {
		f := strings.Fields(l)
		fmt.Fprintf(&b, "[Event \"x\"]\n[White \"%s\"]\n[Black \"%s\"]\n[Result \"%s\"]\n\n1. e4 %s\n\n", f[0], f[1], f[2], f[2])
	}
	path := filepath.Join(t.TempDir(), "games.pgn")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func reportOf(t *testing.T, path string, o Options) (*Report, string) {
	t.Helper()
	l, err := FromPGN(t.Context(), nil, path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Rate(o)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	return r, text.String()
}

// TestLeftOut: who has too few games is left out, and then who has too few without him;
// games without names or a readable text are counted.
func TestLeftOut(t *testing.T) {
	// C has 3 games, 2 of them against D, who has only these.
	path := pgnOf(t, "A B 1-0", "B A 1-0", "A B 1/2-1/2", "B A 1-0", "A C 1-0", "C D 1-0", "D C 1-0", "? A 1-0", "A ? 0-1")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	// Without a Result tag the moves are read, and these are no moves.
	fmt.Fprint(f, "[Event \"x\"]\n[White \"A\"]\n[Black \"B\"]\n\n1. e5 1-0\n\n")
	f.Close()
	r, text := reportOf(t, path, Options{Confidence: 0.95, MinGames: 3})
	if r.Games != 4 || !strings.Contains(text, "left out: 3 by --min-games, 1 that cannot be read, 2 without players' names") {
		t.Errorf("%d games\n%s", r.Games, text)
	}
	l, err := FromPGN(t.Context(), nil, path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Rate(Options{MinGames: 99}); !errors.Is(err, ErrNoGames) || !strings.Contains(err.Error(), "7 by --min-games") {
		t.Errorf("%v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := FromPGN(ended, nil, path); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	// A file that is cut off is an error, not fewer games.
	cut := filepath.Join(t.TempDir(), "cut.pgn.gz")
	if err := os.WriteFile(cut, []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := FromPGN(t.Context(), nil, cut); err == nil || !strings.Contains(err.Error(), cut) {
		t.Errorf("cut off: %v", err)
	}
}

// TestReportsInWords: what cannot be rated is not given a number.
func TestReportsInWords(t *testing.T) {
	for _, test := range []struct {
		name  string
		games []string
		o     Options
		want  []string
	}{
		{"everything lost", []string{"A B 1-0", "B A 1-0", "C A 0-1", "B C 1-0"}, Options{}, []string{"one-sided", "< "}},
		{"two groups", []string{"A B 1-0", "B A 1-0", "C D 1-0", "D C 1-0"}, Options{}, []string{"no game connects the following players with those above"}},
		{"one way only", []string{"A B 1-0", "B C 1-0"}, Options{}, []string{"nobody took points from another who took some back", "the zero"}},
		{"one color", []string{"A B 1-0", "A B 0-1", "A B 1-0"}, Options{Joint: joint.Options{NoAdvantage: true}}, []string{"first move's advantage taken as 0", "2 won, 0 drawn, 1 lost"}},
	} {
		test.o.Confidence = 0.95
		_, text := reportOf(t, pgnOf(t, test.games...), test.o)
		for _, want := range test.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", test.name, want, text)
			}
		}
		if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
			t.Errorf("%s:\n%s", test.name, text)
		}
	}
	// Many names are not all listed.
	l := newList("x")
	for i := range 12 {
		l.player(fmt.Sprintf("player number %d", i))
	}
	err := Hold([]*List{l}, []elo.Anchor{{Name: "somebody else"}})
	if hints := cli.Hints(err); len(hints) != 1 || !strings.HasSuffix(hints[0], "player number 7 and 4 more") {
		t.Errorf("%v: %q", err, hints)
	}
}

// TestOrderWithBounds: who won all of a few games has a bound far below those that it beat, and stands
// above them; who lost to them all, below. So does who beat only those who have a bound themselves.
func TestOrderWithBounds(t *testing.T) {
	var games []string
	for range 5 {
		for _, pair := range [][2]string{{"Best", "Mean"}, {"Mean", "Least"}} {
			there, back := pair[0]+" "+pair[1], pair[1]+" "+pair[0]
			games = append(games, there+" 1-0", there+" 1-0", there+" 0-1", back+" 0-1", back+" 0-1", back+" 1-0")
		}
	}
	games = append(games, "Unbeaten Best 1-0", "Worst Least 0-1", "Above Unbeaten 1-0", "Under Worst 0-1", "Above Worst 1-0")
	r, text := reportOf(t, pgnOf(t, games...), Options{Confidence: 0.95})
	var order []string
	for _, line := range r.table(&r.Pools[0])[1:] {
		order = append(order, line[1])
	}
	if want := []string{"Above", "Unbeaten", "Best", "Mean", "Least", "Worst", "Under"}; !slices.Equal(order, want) {
		t.Errorf("the order is %q, want %q\n%s", order, want, text)
	}
}

// TestRatingFromPairs: the rating of a match is the opponent's plus the difference, its
// interval that of the difference with the opponent's error added in squares.
func TestRatingFromPairs(t *testing.T) {
	opponent := elo.Anchor{Name: "o", Rating: 1500, StandardError: 30}
	r, err := Count(elo.Record{}, &elo.Pairs{3, 5, 20, 9, 6}, Options{Confidence: 0.95, Opponent: &opponent})
	if err != nil {
		t.Fatal(err)
	}
	c := r.Comparison
	z := 1.959963984540054
	low, high := 1500+c.Elo-math.Hypot(c.Elo-c.Interval.Low, z*30), 1500+c.Elo+math.Hypot(c.Interval.High-c.Elo, z*30)
	if got := r.PairsRating; got.Rating == nil || math.Abs(*got.Rating-1500-c.Elo) > 1e-9 || math.Abs(got.Interval.Low-low) > 1e-6 || math.Abs(got.Interval.High-high) > 1e-6 {
		t.Errorf("%+v, want %v [%v, %v]", got, 1500+c.Elo, low, high)
	}
	for _, test := range []struct {
		pairs elo.Pairs
		want  string
	}{
		{elo.Pairs{3, 5, 20, 9, 6}, fmt.Sprintf("rating     %.0f [%.0f, %.0f] against 1500±30", 1500+c.Elo, low, high)},
		{elo.Pairs{9, 0, 0, 0, 0}, "rating     < "},
		{elo.Pairs{0, 0, 0, 0, 9}, "rating     > "},
	} {
		r, err := Count(elo.Record{}, &test.pairs, Options{Confidence: 0.95, Opponent: &opponent})
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), test.want) {
			t.Errorf("no %q in\n%s%v", test.want, text.String(), err)
		}
		// A bound lies beyond that of the difference by what the opponent's error is worth.
		if lost := test.pairs[0] == 9; lost && math.Abs(r.PairsRating.Interval.High-(1500+r.Comparison.Interval.High+z*30)) > 1e-6 || lost && !math.IsInf(r.PairsRating.Interval.Low, -1) {
			t.Errorf("%+v", r.PairsRating)
		}
	}
	for _, pairs := range []*elo.Pairs{{}, nil} {
		if _, err := Count(elo.Record{}, pairs, Options{Confidence: 0.95}); err == nil {
			t.Error("no games have a rating")
		}
	}
	if _, err := Count(elo.Record{Wins: 1}, nil, Options{Confidence: 0.95, Opponent: &elo.Anchor{Rating: math.NaN()}}); err == nil {
		t.Error("an opponent without a rating rates")
	}
}

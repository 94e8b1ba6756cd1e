package arena

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"transcend/elo"
	"transcend/elo/joint"
	"transcend/elo/leaderboard"
	"transcend/engine"
	"transcend/engine/match"
	"transcend/internal/bitboard"
	"transcend/pgn"
)

// moving is a player whose moves a test decides.
type moving struct {
	engine.Player
	move func() error // nil: a random move
}

func (p moving) Move(ctx context.Context, g *bitboard.Game, l engine.Limit) (engine.Reply, error) {
	if p.move != nil {
		if err := p.move(); err != nil {
			return engine.Reply{}, err
		}
	}
	return p.Player.Move(ctx, g, l)
}

// entrant is one that moves at random, after move was asked.
func entrant(name string, move func() error) Entrant {
	return Entrant{Name: name, Entrant: match.Entrant{New: func(context.Context) (engine.Player, error) {
		return moving{engine.NewRandomPlayer(), move}, nil
	}}, Player: leaderboard.Player{Name: name, Spec: map[string]string{"kind": "random", "name": name}}}
}

func resigns() error { return engine.ErrResigned }

// open is a database and another connection to it, for what a test does to the file.
func open(t *testing.T) (*leaderboard.Store, *sql.DB) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.db")
	store, err := leaderboard.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return store, db
}

func games(t *testing.T, store *leaderboard.Store) []leaderboard.Game {
	t.Helper()
	var all []leaderboard.Game
	for g, err := range store.Games(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, g)
	}
	return all
}

// play plays a tournament to its end.
func play(t *testing.T, store *leaderboard.Store, o TournamentOptions) (*Tournament, error) {
	t.Helper()
	c, err := NewTournament(t.Context(), store, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c, c.Play(t.Context())
}

// TestTournaments plays each kind, with a player that beats all and one that loses to all,
// and reads the table, the PGN file and the database, which have to agree.
func TestTournaments(t *testing.T) {
	for _, test := range []struct {
		kind         leaderboard.TournamentKind
		rounds, want int
	}{
		{leaderboard.RoundRobin, 1, 6 * 2}, // of four players
		{leaderboard.Gauntlet, 2, 3 * 2 * 2},
		{leaderboard.Swiss, 2, 2 * 2 * 2},
	} {
		store, _ := open(t)
		path := filepath.Join(t.TempDir(), "games.pgn")
		// What an arena that was killed left, what one that begins has, and a stranger's.
		stale, fresh, strange := filepath.Join(filepath.Dir(path), ".games.pgn.123"), filepath.Join(filepath.Dir(path), ".games.pgn.77"), filepath.Join(filepath.Dir(path), ".games.pgn.swp")
		for _, name := range []string{stale, fresh, strange} {
			if err := os.WriteFile(name, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			if old := time.Now().Add(-time.Hour); name != fresh {
				if err := os.Chtimes(name, old, old); err != nil {
					t.Fatal(err)
				}
			}
		}
		o := TournamentOptions{Kind: test.kind, Rounds: test.rounds, Games: 2, Seeds: 1, Rules: match.Rules{MaxPlies: 20, NoClaims: true}, Seed: 3, Concurrency: 2, PGN: path,
			Entrants: []Entrant{entrant("a", nil), entrant("b", nil), entrant("loser", resigns), entrant("d", nil)}}
		first, err := play(t, store, o)
		if err != nil || first.New() != test.want || first.Played() != test.want || first.Wanted() != test.want {
			t.Fatalf("%s: %d new, %d played of %d, want %d, %v", test.kind, first.New(), first.Played(), first.Wanted(), test.want, err)
		}
		all := games(t, store)
		if len(all) != test.want {
			t.Errorf("%s: %d games stored", test.kind, len(all))
		}
		for _, g := range all {
			if m, err := store.Match(t.Context(), g.MatchID); err != nil || m.Options["claims"] != "none" {
				t.Errorf("%s: match %+v, %v", test.kind, m, err)
			}
		}
		written, err := os.ReadFile(path)
		if err != nil || bytes.Count(written, []byte("[Event ")) != test.want {
			t.Errorf("%s: %d games in the file, %v", test.kind, bytes.Count(written, []byte("[Event ")), err)
		}
		for name, want := range map[string]bool{stale: false, fresh: true, strange: true} {
			if _, err := os.Stat(name); (err == nil) != want {
				t.Errorf("%s: %v, want it there: %v", name, err, want)
			}
		}
		s := first.Summary(false)
		at := slices.IndexFunc(s.Standings, func(s Standing) bool { return s.Name == "loser" })
		if last := s.Standings[at]; last.Record.Wins+last.Record.Draws > 0 || last.Record.Losses == 0 || last.Losses[leaderboard.LostResign] != last.Record.Losses {
			t.Errorf("%s: %+v", test.kind, last)
		}
		points := 0.0
		for _, line := range s.Standings {
			points += line.Points - float64(2*line.Byes)
		}
		if points != float64(test.want) {
			t.Errorf("%s: %v points in %d games", test.kind, points, test.want)
		}
		if err := first.Failures(); err != nil { // to resign is no failure
			t.Errorf("%s: %v", test.kind, err)
		}
		// The same tournament again has nothing to play, and the same table and file.
		again, err := play(t, store, o)
		if err != nil || again.New() != 0 || again.Played() != test.want {
			t.Errorf("%s, again: %d new, %d played, %v", test.kind, again.New(), again.Played(), err)
		}
		if a, b := record(s), record(again.Summary(true)); a != b {
			t.Errorf("%s: the table was %s, is %s", test.kind, a, b)
		}
		if b, err := os.ReadFile(path); err != nil || bytes.Count(b, []byte("[Event ")) != test.want {
			t.Errorf("%s: the file was written with %d games, %v", test.kind, bytes.Count(b, []byte("[Event ")), err)
		}
	}
}

func record(s Summary) string {
	var lines []string
	for _, l := range s.Standings {
		lines = append(lines, fmt.Sprint(l.Name, l.Record, l.Points))
	}
	slices.Sort(lines)
	return strings.Join(lines, " ")
}

// TestStandingsWithBounds: who won or lost everything has a bound and no rating, stands
// where it belongs, and is JSON.
func TestStandingsWithBounds(t *testing.T) {
	store, _ := open(t)
	n := 0
	// Two that share the points between them, one that loses all.
	o := TournamentOptions{Kind: leaderboard.RoundRobin, Rounds: 1, Games: 4, Rules: match.Rules{MaxPlies: 10}, Seed: 3, Concurrency: 1,
		Entrants: []Entrant{entrant("loser", resigns), entrant("a", nil), entrant("b", nil)}}
	o.Show.Finished = func(Result) { n++ }
	c, err := play(t, store, o)
	if err != nil || n != 12 {
		t.Fatalf("%d games, %v", n, err)
	}
	s := c.Summary(true)
	loser := s.Standings[2]
	if loser.Name != "loser" || loser.Rating == nil || !math.IsInf(*loser.Rating, -1) || math.IsInf(loser.Interval.High, 0) {
		t.Errorf("the last: %+v", loser)
	}
	b, err := json.Marshal(s)
	var read struct {
		Standings []struct {
			Name   string
			Rating *float64
		}
	}
	if err != nil || json.Unmarshal(b, &read) != nil || read.Standings[2].Rating != nil || read.Standings[0].Rating == nil {
		t.Errorf("%s, %v", b, err)
	}
	// Who won all of two games has a wide bound, far below those that it won against, and is
	// the first all the same; so is the last who lost all.
	won := []joint.Game{{White: 0, Black: 1, Outcome: elo.Win}, {White: 2, Black: 0, Outcome: elo.Loss}}
	lost := []joint.Game{{White: 3, Black: 1, Outcome: elo.Loss}, {White: 2, Black: 3, Outcome: elo.Win}}
	table := []Standing{{Name: "winner", Score: 1}, {Name: "b"}, {Name: "c"}, {Name: "loser"}}
	rate(table, slices.Concat(won, lost, []joint.Game{{White: 1, Black: 2, Outcome: elo.Draw}, {White: 2, Black: 1, Outcome: elo.Draw}}), true)
	if low := table[0].Interval.Low; low >= *table[1].Rating || compareRatings(table[0], table[1]) >= 0 || compareRatings(table[2], table[3]) >= 0 {
		t.Errorf("%+v, the winner's bound %v", table, low)
	}
	if none := (Standing{}); compareRatings(none, table[3]) <= 0 || compareRatings(table[3], none) >= 0 || compareRatings(none, none) != 0 {
		t.Error("who has no rating is not at the end")
	}
	store2, _ := open(t)
	o.Entrants = []Entrant{entrant("loser", resigns), entrant("other loser", resigns), entrant("winner", nil)}
	if c, err = play(t, store2, o); err != nil {
		t.Fatal(err)
	}
	if s = c.Summary(false); s.Standings[0].Name != "winner" || s.Standings[0].Rating == nil || !math.IsInf(*s.Standings[0].Rating, 1) {
		t.Errorf("the first: %+v", s.Standings[0])
	}
	if b, err := json.Marshal(s); err != nil || !bytes.Contains(b, []byte(`"name":"winner"`)) {
		t.Errorf("%s, %v", b, err)
	}
}

// TestDatabaseFailsInTheMiddle: a game that cannot be stored ends tournament and sweep with
// the reason; those before it stay, and played again everything is there once.
func TestDatabaseFailsInTheMiddle(t *testing.T) {
	refuse := "CREATE TRIGGER refuse BEFORE INSERT ON games WHEN (SELECT count(*) FROM games) >= 5 BEGIN SELECT RAISE(ABORT, 'refused'); END"
	for name, run := range map[string]func(*leaderboard.Store) error{
		"tournament": func(store *leaderboard.Store) error {
			_, err := play(t, store, TournamentOptions{Kind: leaderboard.RoundRobin, Rounds: 1, Games: 4, Rules: match.Rules{MaxPlies: 10}, Concurrency: 2,
				Entrants: []Entrant{entrant("a", nil), entrant("b", nil), entrant("c", nil)}, PGN: filepath.Join(t.TempDir(), "x.pgn")})
			return err
		},
		"sweep": func(store *leaderboard.Store) error {
			var games atomic.Int64
			s := sweepOf(t, store, true, &games)
			defer s.Close()
			return s.Play(t.Context())
		},
	} {
		store, db := open(t)
		if _, err := db.Exec(refuse); err != nil {
			t.Fatal(err)
		}
		if err := run(store); err == nil || !strings.Contains(err.Error(), "refused") || !strings.Contains(err.Error(), store.Path()) {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(games(t, store)); n != 5 {
			t.Errorf("%s: %d games stored, want the 5 before the fault", name, n)
		}
		if live, err := store.Live(t.Context()); err != nil || len(live) != 0 {
			t.Errorf("%s: %d slots are still claimed, %v", name, len(live), err)
		}
		if _, err := db.Exec("DROP TRIGGER refuse"); err != nil {
			t.Fatal(err)
		}
		if err := run(store); err != nil {
			t.Errorf("%s, with the fault gone: %v", name, err)
		}
		want := map[string]int{"tournament": 12, "sweep": 160}[name]
		if n := len(games(t, store)); n != want {
			t.Errorf("%s: %d games in the end, want %d", name, n, want)
		}
	}
	// Neither begins where players, matches and pairings cannot be stored, nor the games read.
	for _, statement := range []string{
		"CREATE TRIGGER refuse BEFORE INSERT ON players BEGIN SELECT RAISE(ABORT, 'refused'); END",
		"CREATE TRIGGER refuse BEFORE INSERT ON matches BEGIN SELECT RAISE(ABORT, 'refused'); END",
		"CREATE TRIGGER refuse BEFORE INSERT ON tournaments BEGIN SELECT RAISE(ABORT, 'refused'); END",
		"CREATE TRIGGER refuse BEFORE INSERT ON pairings BEGIN SELECT RAISE(ABORT, 'refused'); END",
		"CREATE TRIGGER refuse BEFORE INSERT ON live BEGIN SELECT RAISE(ABORT, 'refused'); END",
	} {
		store, db := open(t)
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
		c, err := NewTournament(t.Context(), store, TournamentOptions{Kind: leaderboard.RoundRobin, Rounds: 1, Games: 2, Rules: match.Rules{MaxPlies: 10}, Concurrency: 1,
			Entrants: []Entrant{entrant("a", nil), entrant("b", nil)}})
		if err == nil {
			err = c.Play(t.Context())
			c.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "refused") || len(games(t, store)) != 0 {
			t.Errorf("%s: %v, %d games", statement, err, len(games(t, store)))
		}
	}
}

// TestSlotPlayedElsewhere: another arena, which took this one for dead, stores the game of a
// slot that is being played here. The stored game counts, here too.
func TestSlotPlayedElsewhere(t *testing.T) {
	store, _ := open(t)
	other, err := leaderboard.Open(store.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	played := false
	steal := func() error {
		if played {
			return nil
		}
		played = true
		return other.RecordGame(t.Context(), leaderboard.Game{MatchID: 1, Slot: 0, PlayerWhite: true, Result: "1-0", Termination: "elsewhere"})
	}
	path := filepath.Join(t.TempDir(), "x.pgn")
	c, err := play(t, store, TournamentOptions{Kind: leaderboard.RoundRobin, Rounds: 1, Games: 2, Rules: match.Rules{MaxPlies: 10}, Concurrency: 1, PGN: path,
		Entrants: []Entrant{entrant("a", steal), entrant("b", nil)}})
	if err != nil || c.New() != 1 || c.Played() != 2 {
		t.Fatalf("%d new, %d played, %v", c.New(), c.Played(), err)
	}
	if s := c.Summary(true); s.Standings[0].Name != "a" || s.Standings[0].Record != (elo.Record{Wins: 1, Draws: 1}) {
		t.Errorf("%+v", s.Standings)
	}
	if b, err := os.ReadFile(path); err != nil || bytes.Count(b, []byte("[Event ")) != 2 || bytes.Count(b, []byte("elsewhere")) != 1 {
		t.Errorf("%s, %v", b, err)
	}

	// The same in a sweep, which is told of it.
	store, _ = open(t)
	if other, err = leaderboard.Open(store.Path()); err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	played = false
	elsewhere, finished := 0, 0
	contest := &Contest{Label: "model", New: entrant("", steal).New, Player: leaderboard.Player{Name: "m", Spec: map[string]string{"kind": "random", "n": "1"}}}
	o := SweepOptions{Even: true, Games: 2, Rules: match.Rules{MaxPlies: 10, NoClaims: true}, Concurrency: 1, Contests: []*Contest{contest}, BlackFirst: true,
		Opponents: []*Opponent{{Label: "o", Short: "o", New: entrant("", nil).New, Tried: true, Player: leaderboard.Player{Name: "o", Spec: map[string]string{"kind": "random"}}}}}
	o.Show.Elsewhere = func(*Contest) { elsewhere++ }
	o.Show.Finished = func(*Contest) { finished++ }
	s, err := NewSweep(t.Context(), store, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Play(t.Context()); err != nil {
		t.Fatal(err)
	}
	if elsewhere != 1 || finished != 1 || contest.Record() != (elo.Record{Wins: 1, Draws: 1}) {
		t.Errorf("%d elsewhere, %d here, %+v", elsewhere, finished, contest.Record())
	}
}

// TestVoidGames: who cannot be started spoils its games and loses none; they are stored with
// who is to blame, and are an error in the end.
func TestVoidGames(t *testing.T) {
	store, db := open(t)
	broken := entrant("broken", nil)
	broken.New = func(context.Context) (engine.Player, error) { return nil, errors.New("no such file") }
	var warnings []string
	o := TournamentOptions{Kind: leaderboard.RoundRobin, Rounds: 1, Games: 1, Rules: match.Rules{MaxPlies: 10}, Concurrency: 1,
		Entrants: []Entrant{entrant("a", nil), broken}, Show: Show{Warn: func(text string) { warnings = append(warnings, text) }}}
	c, err := play(t, store, o)
	voids, voidsErr := store.Voids(t.Context())
	if voidsErr != nil || len(voids) == 0 || len(games(t, store)) != 0 {
		t.Fatalf("%d void games, %v; %v", len(voids), voidsErr, err)
	}
	if v := voids[0]; v.By != leaderboard.ByOpponent || !strings.Contains(v.Message, "no such file") {
		t.Errorf("%+v", v)
	}
	if err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("the run ends with %v", err)
	}
	if err := c.Failures(); err == nil || !strings.Contains(err.Error(), "broken") || strings.Contains(err.Error(), "a,") {
		t.Errorf("%v", err)
	}
	// What cannot be stored is a warning beside the one of the game.
	if _, err := db.Exec("CREATE TRIGGER refuse BEFORE INSERT ON voids BEGIN SELECT RAISE(ABORT, 'refused'); END"); err != nil {
		t.Fatal(err)
	}
	warnings = nil
	if _, err := play(t, store, o); err == nil {
		t.Error("no error")
	}
	if text := strings.Join(warnings, "\n"); !strings.Contains(text, "is void") || !strings.Contains(text, "refused") {
		t.Errorf("warnings %q", warnings)
	}
}

// TestWrongPGNFile: a file that cannot be written ends a tournament before its first game.
func TestWrongPGNFile(t *testing.T) {
	dir := t.TempDir()
	directory := filepath.Join(dir, "games.pgn")
	if err := os.Mkdir(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "none", "games.pgn"), directory} {
		store, _ := open(t)
		c, err := play(t, store, TournamentOptions{Kind: leaderboard.Swiss, Rounds: 1, Games: 1, Rules: match.Rules{MaxPlies: 10}, Concurrency: 1, PGN: path,
			Entrants: []Entrant{entrant("a", nil), entrant("b", nil)}})
		if err == nil || !strings.Contains(err.Error(), "--pgn-out") || c.New() != 0 || len(games(t, store)) != 0 {
			t.Errorf("%s: %v, %d games", path, err, len(games(t, store)))
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	// One that takes no more: the game is in the database, the run ends with the reason.
	full, err := os.Open(os.DevNull) // for reading
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	p := &pgnFile{path: "x.pgn", file: full, w: pgn.NewWriter(full)}
	if err := p.write(leaderboard.Game{Result: "1-0"}, "a", "b"); err == nil || !strings.Contains(err.Error(), "--pgn-out") {
		t.Errorf("a file that cannot be written: %v", err)
	}
	for say, g := range map[string]leaderboard.Game{"result": {Result: "2-0"}, "FEN": {Result: "1-0", StartFEN: "8/8"}} {
		err := WritePGN(filepath.Join(dir, "out.pgn"), func(write func(leaderboard.Game, string, string) error) error {
			g.MatchID, g.Slot = 7, 3
			return write(g, "a", "b")
		})
		if err == nil || !strings.Contains(err.Error(), "game 3 of match 7") {
			t.Errorf("%s: %v", say, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "out.pgn")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the file is there, %v", say, err)
		}
	}
	out, err := ToPGN(leaderboard.Game{Result: "1-0", Error: "illegal \xff move"}, "a", "b")
	if err != nil || out.Tag("Error") != "illegal ? move" {
		t.Errorf("%q, %v", out.Tag("Error"), err)
	}
}

// TestStoredFromMatch: what the store keeps of a game beside its moves.
func TestStoredFromMatch(t *testing.T) {
	v := voidOf(4, 5, fmt.Errorf("worker 1: %w", &match.StartingError{Player: 1, Err: errors.New("no such file")}))
	if v.By != leaderboard.ByOpponent || v.MatchID != 4 || v.Slot != 5 || !strings.Contains(v.Message, "no such file") {
		t.Errorf("%+v", v)
	}
	if v := voidOf(4, 5, errors.New("anything")); v.By != leaderboard.ByArena || v.Cause != "internal" {
		t.Errorf("%+v", v)
	}
	g := &match.Game{Latency: [2]time.Duration{3 * time.Microsecond, 1500 * time.Microsecond}, Result: bitboard.WhiteWins, Loser: 1}
	if d := string(stored(1, g).Details); d != `{"latency_us":[3,1500]}` {
		t.Errorf("details %s", d)
	}
}

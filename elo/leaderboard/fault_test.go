package leaderboard

// Statements that fail: injected by triggers that refuse a write, tables that are gone, and
// contexts that have ended.

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// everyTable is a store with rows in every table.
func everyTable(t *testing.T, path string) *Store {
	t.Helper()
	ctx := context.Background()
	s := mustOpen(t, path)
	m := simpleMatch(t, s)
	for slot := range 2 {
		if err := s.RecordGame(ctx, simpleGame(m, slot)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RecordVoid(ctx, Void{MatchID: m, Slot: 2, By: ByArena, Cause: "crash"}); err != nil {
		t.Fatal(err)
	}
	id, err := s.EnsureTournament(ctx, cup)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetPairings(ctx, id, 0, []Pairing{{First: 0, Second: 1, MatchID: m, Games: 2}}); err != nil {
		t.Fatal(err)
	}
	if ok, err := s.Claim(ctx, "a", m, 3, true); !ok || err != nil {
		t.Fatal(ok, err)
	}
	return s
}

var cup = Tournament{Name: "cup", Kind: Swiss, Entrants: []Entrant{{1, "one", "nodes 1"}, {2, "two", "nodes 1"}}}

func tables(t *testing.T, s *Store) []string {
	t.Helper()
	rows, err := s.writer.Query("SELECT name FROM sqlite_schema WHERE type = 'table'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if len(names) < 8 || rows.Err() != nil {
		t.Fatalf("tables %v, %v", names, rows.Err())
	}
	return names
}

// writes are all methods that write, each with what it needs to change something in a
// store of everyTable.
func writes(ctx context.Context, s *Store) map[string]func() error {
	return map[string]func() error{
		"EnsurePlayer": func() error { _, err := s.EnsurePlayer(ctx, Player{Spec: modelSpec("0.7")}); return err },
		"EnsureMatch": func() error {
			_, err := s.EnsureMatch(ctx, Match{PlayerID: 1, OpponentID: 2, Protocol: "another"})
			return err
		},
		"EnsureTournament": func() error { other := cup; other.Seed = 77; _, err := s.EnsureTournament(ctx, other); return err },
		"SetPairings": func() error {
			return s.SetPairings(ctx, 1, 0, []Pairing{{First: 0, Second: -1}, {Board: 1, First: 1, Second: -1}})
		},
		"RecordGame": func() error { return s.RecordGame(ctx, simpleGame(1, 3)) },
		"RecordVoid": func() error { return s.RecordVoid(ctx, Void{MatchID: 1, By: ByPlayer, Cause: "stall"}) },
		"Claim":      func() error { _, err := s.Claim(ctx, "a", 1, 4, false); return err },
		"Refresh":    func() error { return s.Refresh(ctx, "a", []Live{{MatchID: 1, Slot: 3, Moves: []uint16{9}}}) },
		"Release":    func() error { return s.Release(ctx, "a", 0, 0) },
	}
}

// TestFailedStatements lets every statement of every writing method fail in turn: the error
// names the file and what was being done, nothing of the transaction stays, and the same
// call goes through when the fault is gone.
func TestFailedStatements(t *testing.T) {
	ctx := context.Background()
	want := map[string][]string{
		"EnsurePlayer":     {"INSERT players"},
		"EnsureMatch":      {"INSERT matches"},
		"EnsureTournament": {"INSERT entrants", "INSERT tournaments"},
		"SetPairings":      {"DELETE pairings", "INSERT pairings"},
		"RecordGame":       {"DELETE live", "INSERT games"},
		"RecordVoid":       {"INSERT voids"},
		"Claim":            {"INSERT live"},
		"Refresh":          {"UPDATE live"},
		"Release":          {"DELETE live"},
	}
	s := everyTable(t, filepath.Join(t.TempDir(), "arena.db"))
	refused := map[string][]string{}
	for _, table := range tables(t, s) {
		for _, verb := range []string{"INSERT", "UPDATE", "DELETE"} {
			if _, err := s.writer.Exec(fmt.Sprintf("CREATE TRIGGER refuse BEFORE %s ON %s BEGIN SELECT RAISE(ABORT, 'refused'); END", verb, table)); err != nil {
				t.Fatal(err)
			}
			for name, write := range writes(ctx, s) {
				if !slices.Contains(want[name], verb+" "+table) {
					continue
				}
				before := dump(t, s)
				err := write()
				var e *Error
				if !errors.As(err, &e) || e.Op == "" || e.Path != s.path || !strings.Contains(err.Error(), "refused") {
					t.Errorf("%s, %s %s refused: %v", name, verb, table, err)
					continue
				}
				refused[name] = append(refused[name], verb+" "+table)
				if after := dump(t, s); after != before {
					t.Errorf("%s, %s %s refused: before\n%s\nafter\n%s", name, verb, table, before, after)
				}
			}
			if _, err := s.writer.Exec("DROP TRIGGER refuse"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, write := range writes(ctx, s) {
		slices.Sort(refused[name])
		if !slices.Equal(refused[name], want[name]) {
			t.Errorf("%s failed at %v, want %v", name, refused[name], want[name])
		}
		before := dump(t, s)
		if err := write(); err != nil {
			t.Errorf("%s, with the fault gone: %v", name, err)
		}
		if name != "Refresh" && name != "Release" && dump(t, s) == before { // these two may meet what the other has left
			t.Errorf("%s wrote nothing", name)
		}
	}
}

// reads are all methods that read, with the tables that each needs.
func reads(ctx context.Context, s *Store) map[string]struct {
	tables string
	read   func() error
} {
	type reading = struct {
		tables string
		read   func() error
	}
	return map[string]reading{
		"Players": {"players", func() error { _, err := s.Players(ctx); return err }},
		"Player":  {"players", func() error { _, err := s.Player(ctx, 1); return err }},
		"Matches": {"matches", func() error { _, err := s.Matches(ctx); return err }},
		"Match":   {"matches", func() error { _, err := s.Match(ctx, 1); return err }},
		"Games": {"games", func() error {
			for _, err := range s.Games(ctx) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		"Game":        {"games", func() error { _, err := s.Game(ctx, 1, 0); return err }},
		"FindGames":   {"games", func() error { _, _, err := s.FindGames(ctx, Filter{}, 0, 0); return err }},
		"GamesAfter":  {"games", func() error { _, _, err := s.GamesAfter(ctx, 0, 10); return err }},
		"Tallies":     {"games", func() error { _, err := s.Tallies(ctx); return err }},
		"Voids":       {"voids", func() error { _, err := s.Voids(ctx); return err }},
		"Live":        {"live", func() error { _, err := s.Live(ctx); return err }},
		"Tournament":  {"tournaments entrants", func() error { _, err := s.Tournament(ctx, 1); return err }},
		"Tournaments": {"tournaments entrants", func() error { _, err := s.Tournaments(ctx); return err }},
		"Pairings":    {"pairings", func() error { _, err := s.Pairings(ctx, 1); return err }},
		"MatchNames":  {"pairings entrants", func() error { _, err := s.MatchNames(ctx); return err }},
		"Revision":    {"games voids matches players", func() error { _, err := s.Revision(ctx); return err }},
		"Leaderboard": {"players matches games voids pairings entrants", func() error { _, err := s.Leaderboard(ctx, BoardOptions{}); return err }},
	}
}

// TestFailedReads: what cannot be read is an error and never an empty answer, for every
// method and every table that it reads; so is a context that has ended.
func TestFailedReads(t *testing.T) {
	s := everyTable(t, filepath.Join(t.TempDir(), "arena.db"))
	ctx := context.Background()
	for name, r := range reads(ctx, s) {
		if err := r.read(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, table := range tables(t, s) {
		// Without legacy_alter_table the references of other tables would follow.
		if _, err := s.writer.Exec("PRAGMA legacy_alter_table=ON; ALTER TABLE " + table + " RENAME TO gone"); err != nil {
			t.Fatal(err)
		}
		for name, r := range reads(ctx, s) {
			err := r.read()
			if needs := slices.Contains(strings.Fields(r.tables), table); needs != (err != nil) {
				t.Errorf("%s, without %s: %v", name, table, err)
			}
			var e *Error
			if err != nil && (!errors.As(err, &e) || e.Path != s.path || e.Op == "") {
				t.Errorf("%s, without %s: %v: names no file", name, table, err)
			}
		}
		if _, err := s.writer.Exec("ALTER TABLE gone RENAME TO " + table); err != nil {
			t.Fatal(err)
		}
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	for name, r := range reads(ended, s) {
		if err := r.read(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, canceled: %v", name, err)
		}
	}
	before := dump(t, s)
	for name, write := range writes(ended, s) {
		if err := write(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, canceled: %v", name, err)
		}
	}
	if err := s.Check(ended); !errors.Is(err, context.Canceled) || errors.Is(err, ErrCorrupt) {
		t.Errorf("Check, canceled: %v", err)
	}
	if dump(t, s) != before {
		t.Error("a canceled call has written")
	}
}

// TestLookupsThatFail: a player or match that cannot be looked up is not taken for one that
// is not there.
func TestLookupsThatFail(t *testing.T) {
	ctx := context.Background()
	s := everyTable(t, filepath.Join(t.TempDir(), "arena.db"))
	for table, names := range map[string][]string{"players": {"EnsureMatch", "EnsureTournament"}, "matches": {"RecordGame"}} {
		if _, err := s.writer.Exec("PRAGMA legacy_alter_table=ON; PRAGMA foreign_keys=OFF; ALTER TABLE " + table + " RENAME TO gone"); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if err := writes(ctx, s)[name](); err == nil || errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "no such table") {
				t.Errorf("%s, without %s: %v", name, table, err)
			}
		}
		if _, err := s.writer.Exec("ALTER TABLE gone RENAME TO " + table); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNewGames reads games as they are added, by a mark.
func TestNewGames(t *testing.T) {
	ctx := context.Background()
	s := tempStore(t)
	m := simpleMatch(t, s)
	// Stored in an order that is not that of the slots.
	for _, slot := range []int{5, 1, 9, 0} {
		if err := s.RecordGame(ctx, simpleGame(m, slot)); err != nil {
			t.Fatal(err)
		}
	}
	var slots []int
	mark := int64(0)
	for range 3 {
		games, last, err := s.GamesAfter(ctx, mark, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range games {
			slots = append(slots, g.Slot)
		}
		if len(games) == 0 && last != mark {
			t.Errorf("nothing new moved the mark from %d to %d", mark, last)
		}
		mark = last
	}
	if !slices.Equal(slots, []int{5, 1, 9, 0}) {
		t.Errorf("slots %v", slots)
	}
	if err := s.RecordGame(ctx, simpleGame(m, 3)); err != nil {
		t.Fatal(err)
	}
	if games, _, err := s.GamesAfter(ctx, mark, 3); err != nil || len(games) != 1 || games[0].Slot != 3 {
		t.Errorf("after one more: %d games, %v", len(games), err)
	}
	if _, err := s.writer.Exec("UPDATE games SET seed = 'x' WHERE slot = 3"); err != nil {
		t.Fatal(err)
	}
	if games, last, err := s.GamesAfter(ctx, mark, 3); !errors.Is(err, ErrCorrupt) || games != nil || last != mark {
		t.Errorf("a damaged game: %d games, mark %d (was %d), %v", len(games), last, mark, err)
	}
	if _, _, err := s.FindGames(ctx, Filter{}, 0, 0); !errors.Is(err, ErrCorrupt) {
		t.Errorf("finding a damaged game: %v", err)
	}
}

// TestDamagedRows: rows beside the games that this program cannot have written.
func TestDamagedRows(t *testing.T) {
	ctx := context.Background()
	for statement, test := range map[string]struct{ read, say string }{
		"UPDATE voids SET moves = x'00'":                                                   {"Voids", "void game 2 of match 1: moves"},
		"UPDATE voids SET happened_at = 'then'":                                            {"Voids", "void game 2 of match 1"},
		"UPDATE live SET moves = x'010203'":                                                {"Live", "slot 3 of match 1: moves"},
		"UPDATE live SET evals = '{'":                                                      {"Live", "slot 3 of match 1: evaluations"},
		"UPDATE live SET updated_at = '9999-in the future'":                                {"Live", "slot 3 of match 1"},
		"UPDATE tournaments SET seed = '-3'":                                               {"Tournaments", "tournament 1: seed"},
		"UPDATE tournaments SET created_at = '25 o''clock'":                                {"Tournament", "tournament 1"},
		"PRAGMA ignore_check_constraints=1; UPDATE games SET score = 7":                    {"Tallies", "score 7"},
		"PRAGMA ignore_check_constraints=1; UPDATE games SET score = 7 WHERE slot = 1":     {"Leaderboard", "match 1 with score 7"},
		"PRAGMA foreign_keys=OFF; UPDATE games SET match_id = 40 WHERE slot = 1":           {"Leaderboard", "match 40"},
		"PRAGMA ignore_check_constraints=1; UPDATE games SET moves = x'00' WHERE slot = 1": {"Games", "game 1 of match 1: moves"},
	} {
		s := everyTable(t, filepath.Join(t.TempDir(), "arena.db"))
		if _, err := s.writer.Exec(statement); err != nil {
			t.Fatal(err)
		}
		if err := reads(ctx, s)[test.read].read(); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), test.say) || !strings.Contains(err.Error(), s.path) {
			t.Errorf("%s, %s: %v", statement, test.read, err)
		}
		s.Close()
	}
}

// TestMissingReferences: Check finds rows that refer to nothing, which the structure of the
// file does not show.
func TestMissingReferences(t *testing.T) {
	ctx := context.Background()
	s := everyTable(t, filepath.Join(t.TempDir(), "arena.db"))
	if err := s.Check(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := s.writer.Exec("PRAGMA foreign_keys=OFF; UPDATE voids SET match_id = 40; UPDATE games SET white_id = 50 WHERE slot = 1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(ctx); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "2 references to missing rows") {
		t.Errorf("two rows that refer to nothing: %v", err)
	}
}

// TestImpossibleGames are refused before they are written.
func TestImpossibleGames(t *testing.T) {
	ctx := context.Background()
	s := tempStore(t)
	m := simpleMatch(t, s)
	for say, change := range map[string]func(*Game){
		"the opponent's loss \"time\"":                     func(g *Game) { g.OpponentCause = LostTime },
		"the opponent's loss \"boredom\"":                  func(g *Game) { g.Result, g.OpponentCause = "1-0", "boredom" },
		"plies of the opening":                             func(g *Game) { g.BookPlies = len(g.Moves) + 1 },
		"-1 plies of the opening":                          func(g *Game) { g.BookPlies = -1 },
		"opponent: 1 moves, 1 attempts, 2 of them illegal": func(g *Game) { g.OpponentMoves, g.OpponentAttempts, g.OpponentIllegal = 1, 1, 2 },
		"opponent: -1 moves":                               func(g *Game) { g.OpponentMoves = -1 },
	} {
		g := simpleGame(m, 0)
		change(&g)
		if err := s.RecordGame(ctx, g); err == nil || !strings.Contains(err.Error(), say) || !strings.Contains(err.Error(), "recording game 0 of match 1") {
			t.Errorf("%s: %v", say, err)
		}
	}
	if games := collect(t, s); len(games) != 0 {
		t.Errorf("%d games were stored", len(games))
	}
}

// TestKindsOfErrors: what SQLite answers, sorted into what a user can do about it.
func TestKindsOfErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "arena.db")
	filled(t, path, 1)
	for say, test := range map[string]struct {
		dsn  string
		kind error
	}{
		"change the permissions":   {"file:" + path + "?mode=ro", ErrReadOnly},
		"name a file elsewhere":    {"file:" + filepath.Join(t.TempDir(), "none", "arena.db"), ErrCannotOpen},
		"give the name of another": {"file:" + textFile(t), ErrNotDatabase},
	} {
		db, err := sql.Open("sqlite", test.dsn)
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.Exec("DELETE FROM live")
		db.Close()
		s := &Store{path: "x.db"}
		if wrapped := s.wrap("trying", err); !errors.Is(wrapped, test.kind) || !errors.Is(wrapped, err) || !strings.Contains(wrapped.Error(), say) || !strings.Contains(wrapped.Error(), "trying: x.db") {
			t.Errorf("%s: %v", test.dsn, wrapped)
		}
	}
}

func textFile(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte(strings.Repeat("1. e4 e5 ", 500)), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

package leaderboard

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"transcend/elo"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func mustOpen(t testing.TB, path string) *Store {
	t.Helper()
	s, err := OpenWith(path, Config{BusyTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func tempStore(t testing.TB) *Store { return mustOpen(t, filepath.Join(t.TempDir(), "arena.db")) }

func modelSpec(temperature string) map[string]string {
	return map[string]string{
		"kind": "model", "weights": "c0ffee", "tokenizer": "move", "temperature": temperature, "top-k": "0", "top-p": "1",
		"policy": "forfeit-after-5", "parameters": "123456",
	}
}

func stockfishSpec(version, level string) map[string]string {
	return map[string]string{
		"kind": "uci", "name": "Stockfish " + version, "version": version, "sha256": "abc123", "program": "stockfish", "option.Skill Level": level,
	}
}

// newMatch stores two players and a match between them.
func newMatch(t testing.TB, s *Store, player, opponent Player, m Match) int64 {
	t.Helper()
	ctx := context.Background()
	var err error
	if m.PlayerID, err = s.EnsurePlayer(ctx, player); err != nil {
		t.Fatal(err)
	}
	if m.OpponentID, err = s.EnsurePlayer(ctx, opponent); err != nil {
		t.Fatal(err)
	}
	id, err := s.EnsureMatch(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func simpleMatch(t testing.TB, s *Store) int64 {
	return newMatch(t, s, Player{Name: "model T=0.1", Spec: modelSpec("0.1")}, Player{Name: "Stockfish 17.1 level 1", Spec: stockfishSpec("17.1", "1")},
		Match{Protocol: "sound", Openings: "startpos", OpponentLimit: "movetime 100ms", Seed: 1, Program: "test"})
}

// simpleGame is a game that depends on its slot in every part.
func simpleGame(match int64, slot int) Game {
	g := Game{MatchID: match, Slot: slot, PlayerWhite: slot%2 == 0, Seed: uint64(slot) * 0x9e3779b97f4a7c15, Result: "1/2-1/2", Termination: "stalemate",
		Moves: make([]uint16, 40+slot%20), PlayerMoves: 20, Attempts: 22, Illegal: 2, StartedAt: time.Unix(1700000000+int64(slot), 0).UTC(), Elapsed: time.Second, Program: "test"}
	for i := range g.Moves {
		g.Moves[i] = uint16(slot*31 + i*7)
	}
	g.MoveText = strings.Repeat("e2e4 ", len(g.Moves))
	return g
}

func collect(t testing.TB, s *Store, ids ...int64) []Game {
	t.Helper()
	var games []Game
	for g, err := range s.Games(context.Background(), ids...) {
		if err != nil {
			t.Fatal(err)
		}
		games = append(games, g)
	}
	return games
}

// TestRoundTrip stores players, a match and games with every field set, and
// with every field empty, closes the file, and reads them back.
func TestRoundTrip(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "arena.db")
	s := mustOpen(t, path)
	player := Player{Name: "model ☃ T=0.1", Spec: modelSpec("0.1")}
	opponent := Player{Name: "Stockfish", Spec: stockfishSpec("17.1", "1")}
	match := Match{Protocol: "sound", Openings: "book.epd sha256:12", PlayerLimit: "nodes 1", OpponentLimit: "movetime 100ms", MaxPlies: 178,
		Adjudication: "resign 900cp", Seed: math.MaxUint64, Options: map[string]string{"no claims": "true"}, Program: "v1"}
	full := newMatch(t, s, player, opponent, match)
	empty := newMatch(t, s, Player{Spec: map[string]string{"kind": "random"}}, opponent, Match{})
	games := []Game{
		{MatchID: full, Slot: 0, PlayerWhite: true, Opening: "Ruy Lopez", StartFEN: "8/8/8/8/8/8/8/K1k5 w - - 0 1", Seed: math.MaxUint64, Result: "0-1",
			Termination: "illegal move", LossCause: LostIllegal, Moves: []uint16{0, 1, 0x7fff, 0xffff, 796}, MoveText: "e2e4 e7e5", BookPlies: 2,
			Evals: []Eval{{Ply: 1, Centipawns: -35, Depth: 7, Nodes: 1 << 40, Millis: 99}, {Ply: 3, Mate: -2, IsMate: true},
				{Ply: 4, SelDepth: 9, Bound: "lower", NoScore: true, ClockMillis: 1234}},
			Error: "illegal move", Stderr: "oops\n", OpponentMoves: 4, OpponentAttempts: 9, OpponentIllegal: 2,
			PlayerMoves: 3, Attempts: 7, Illegal: 5, Details: json.RawMessage(`{"text": "Qxh9"}`),
			StartedAt: time.Date(2024, 2, 29, 23, 59, 59, 123456789, time.UTC), Elapsed: 90*time.Second + 7*time.Microsecond, Program: "v1.2"},
		{MatchID: full, Slot: 7, PlayerWhite: false, Result: "0-1", Termination: "checkmate", Moves: []uint16{5}, OpponentCause: LostStall},
		{MatchID: empty, Slot: 0, Result: "1/2-1/2"},
		{MatchID: empty, Slot: 1, Result: "1-0", LossCause: LostBoard},
		{MatchID: empty, Slot: 2, PlayerWhite: true, Result: "1-0", OpponentCause: LostBoard},
		{MatchID: empty, Slot: 3, PlayerWhite: true, Result: "0-1", LossCause: LostCrash},
	}
	at := time.Date(2025, 1, 2, 3, 4, 5, 6, time.UTC)
	// Recorded backwards: reading sorts.
	for i := len(games) - 1; i >= 0; i-- {
		if err := s.RecordGame(ctx, games[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RecordVoid(ctx, Void{MatchID: full, Slot: 3, By: ByOpponent, Cause: "crash", Message: "exit status 139", Stderr: "out of memory", Moves: []uint16{796, 7}, At: at}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = mustOpen(t, path)
	players, err := s.Players(ctx)
	if err != nil || len(players) != 3 {
		t.Fatalf("players %+v, %v", players, err)
	}
	player.ID, opponent.ID = 1, 2
	if !reflect.DeepEqual(players[:2], []Player{player, opponent}) {
		t.Errorf("players %+v, stored %+v and %+v", players, player, opponent)
	}
	if players[2].Name != "random" || players[2].Kind() != "random" {
		t.Errorf("a player without a name: %+v", players[2])
	}
	got, err := s.Match(ctx, full)
	if err != nil || time.Since(got.CreatedAt) > time.Hour {
		t.Fatalf("match %+v, %v", got, err)
	}
	match.ID, match.PlayerID, match.OpponentID, match.CreatedAt = full, 1, 2, got.CreatedAt
	if !reflect.DeepEqual(got, match) {
		t.Errorf("match %+v, stored %+v", got, match)
	}
	if ms, err := s.Matches(ctx); err != nil || len(ms) != 2 || ms[1].ID != empty {
		t.Errorf("matches %+v, %v", ms, err)
	}
	for i := range games {
		p, o := int64(1), int64(2)
		if games[i].MatchID == empty {
			p = 3
		}
		games[i].White, games[i].Black = o, p
		if games[i].PlayerWhite {
			games[i].White, games[i].Black = p, o
		}
	}
	if read := collect(t, s); !reflect.DeepEqual(read, games) {
		t.Errorf("read back\n%+v\nstored\n%+v", read, games)
	}
	if read := collect(t, s, empty); !reflect.DeepEqual(read, games[2:]) {
		t.Errorf("games of one match: %+v", read)
	}
	if err := s.Check(ctx); err != nil {
		t.Error(err)
	}
	// What queries by hand rely on.
	var engine, version, checkpoint, illegal string
	var level int
	var temperature, topP float64
	if err := s.reader.QueryRow("SELECT engine, version, skill_level FROM players WHERE id = 2").Scan(&engine, &version, &level); err != nil || engine != "Stockfish 17.1" || version != "17.1" || level != 1 {
		t.Errorf("engine columns %q %q %d, %v", engine, version, level, err)
	}
	if err := s.reader.QueryRow("SELECT weights, temperature, top_p, illegal_policy FROM players WHERE id = 1").Scan(&checkpoint, &temperature, &topP, &illegal); err != nil || checkpoint != "c0ffee" || temperature != 0.1 || topP != 1 || illegal != "forfeit-after-5" {
		t.Errorf("model columns %q %v %v %q, %v", checkpoint, temperature, topP, illegal, err)
	}
	var cause, message string
	if err := s.reader.QueryRow("SELECT cause, message FROM voids WHERE match_id = ? AND slot = 3", full).Scan(&cause, &message); err != nil || cause != "crash" || message != "exit status 139" {
		t.Errorf("void %q %q, %v", cause, message, err)
	}
}

// TestGamesStops: a loop that breaks off frees the connection.
func TestGamesStops(t *testing.T) {
	s := tempStore(t)
	m := simpleMatch(t, s)
	for i := range 20 {
		if err := s.RecordGame(context.Background(), simpleGame(m, i)); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		for _, err := range s.Games(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	n := 0
	for _, err := range s.Games(ctx) {
		n++
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a canceled context gave %v", err)
		}
	}
	if n != 1 {
		t.Errorf("%d items from a canceled context", n)
	}
}

// TestIdentity: the same configuration is the same row, any difference in what
// decides results is another.
func TestIdentity(t *testing.T) {
	ctx := context.Background()
	s := tempStore(t)
	ensure := func(p Player) int64 {
		t.Helper()
		id, err := s.EnsurePlayer(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	base := ensure(Player{Name: "a", Spec: modelSpec("0.1")})
	same := modelSpec("0.10")
	same["absent"] = ""
	if id := ensure(Player{Name: "another name", Spec: same}); id != base {
		t.Error("name, zeros and empty values make another player")
	}
	if p, err := s.Player(ctx, base); err != nil || p.Name != "a" {
		t.Errorf("%+v, %v: the first name stays", p, err)
	}
	if id := ensure(Player{Spec: modelSpec("0.10000000001")}); id == base {
		t.Error("another temperature is the same player")
	}
	seen := map[int64]string{base: "base"}
	for _, key := range []string{"kind", "weights", "tokenizer", "policy", "parameters", "new key"} {
		spec := modelSpec("0.1")
		spec[key] = "different"
		id := ensure(Player{Name: "a", Spec: spec})
		if was, ok := seen[id]; ok {
			t.Errorf("a different %s is the same player as %s", key, was)
		}
		seen[id] = key
	}
	opponent := ensure(Player{Spec: stockfishSpec("17.1", "1")})
	match := Match{PlayerID: base, OpponentID: opponent, Protocol: "sound", Openings: "startpos", Seed: 1}
	ensureMatch := func(m Match) int64 {
		t.Helper()
		id, err := s.EnsureMatch(ctx, m)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	first := ensureMatch(match)
	match.Program, match.CreatedAt, match.Options = "newer", time.Now(), map[string]string{}
	if ensureMatch(match) != first {
		t.Error("program version, date and empty options make another match")
	}
	ids := map[int64]string{first: "base"}
	for name, change := range map[string]func(*Match){
		"player": func(m *Match) { m.PlayerID = opponent }, "opponent": func(m *Match) { m.OpponentID = base },
		"protocol": func(m *Match) { m.Protocol = "paper" }, "openings": func(m *Match) { m.Openings = "book" },
		"player limit": func(m *Match) { m.PlayerLimit = "depth 1" }, "opponent limit": func(m *Match) { m.OpponentLimit = "depth 1" },
		"max plies": func(m *Match) { m.MaxPlies = 178 }, "adjudication": func(m *Match) { m.Adjudication = "x" },
		"seed": func(m *Match) { m.Seed = 2 }, "options": func(m *Match) { m.Options = map[string]string{"seed": "1"} },
	} {
		m := match
		change(&m)
		id := ensureMatch(m)
		if was, ok := ids[id]; ok {
			t.Errorf("a different %s is the same match as %s", name, was)
		}
		ids[id] = name
	}
}

func TestBadInput(t *testing.T) {
	ctx := context.Background()
	s := tempStore(t)
	m := simpleMatch(t, s)
	for name, spec := range map[string]map[string]string{
		"no spec": nil, "no kind": {"name": "x"}, "level": {"kind": "uci", "option.Skill Level": "high"},
		"temperature": {"kind": "model", "temperature": "hot"}, "NaN": {"kind": "model", "temperature": "NaN"}, "negative top_p": {"kind": "model", "top-p": "-1"},
	} {
		if id, err := s.EnsurePlayer(ctx, Player{Spec: spec}); err == nil {
			t.Errorf("%s: stored as %d", name, id)
		}
	}
	if _, err := s.EnsureMatch(ctx, Match{PlayerID: 1, OpponentID: 99}); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown opponent: %v", err)
	}
	if _, err := s.EnsureMatch(ctx, Match{PlayerID: 1, OpponentID: 2, MaxPlies: -1}); err == nil {
		t.Error("negative length accepted")
	}
	if _, err := s.Player(ctx, 99); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown player: %v", err)
	}
	if _, err := s.Match(ctx, 99); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown match: %v", err)
	}
	if err := s.RecordGame(ctx, simpleGame(99, 0)); !errors.Is(err, ErrNotFound) {
		t.Errorf("game of an unknown match: %v", err)
	}
	for name, change := range map[string]func(*Game){
		"result":          func(g *Game) { g.Result = "*" },
		"slot":            func(g *Game) { g.Slot = -1 },
		"cause of a draw": func(g *Game) { g.LossCause = LostBoard },
		"cause of a win":  func(g *Game) { g.Result, g.LossCause = "1-0", LostBoard },
		"loss, no cause":  func(g *Game) { g.Result = "0-1" },
		"unknown cause":   func(g *Game) { g.Result, g.LossCause = "0-1", "boredom" },
		"illegal":         func(g *Game) { g.Illegal = g.Attempts + 1 },
		"negative":        func(g *Game) { g.Attempts, g.Illegal = -1, -1 },
		"elapsed":         func(g *Game) { g.Elapsed = -1 },
		"details":         func(g *Game) { g.Details = json.RawMessage("{") },
	} {
		g := simpleGame(m, 0)
		change(&g)
		err := s.RecordGame(ctx, g)
		var ofFile *Error // the caller's mistake must not be blamed on the file
		if err == nil || !strings.HasPrefix(err.Error(), "leaderboard: recording game") || errors.As(err, &ofFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.RecordVoid(ctx, Void{MatchID: 99, By: ByPlayer, Cause: "crash"}); err == nil {
		t.Error("void game of an unknown match stored")
	}
	if err := s.RecordVoid(ctx, Void{MatchID: m, By: "nobody", Cause: "crash"}); err == nil {
		t.Error("void game by an unknown culprit stored")
	}
	if games := collect(t, s); len(games) != 0 {
		t.Errorf("%d games stored", len(games))
	}
}

func TestSlotTaken(t *testing.T) {
	ctx := context.Background()
	s := tempStore(t)
	m := simpleMatch(t, s)
	first := simpleGame(m, 5)
	if err := s.RecordGame(ctx, first); err != nil {
		t.Fatal(err)
	}
	second := first
	second.Termination = "something else"
	err := s.RecordGame(ctx, second)
	if !errors.Is(err, ErrSlotTaken) || !strings.Contains(err.Error(), "game 5 of match 1") {
		t.Errorf("second game in a slot: %v", err)
	}
	if games := collect(t, s); len(games) != 1 || games[0].Termination != "stalemate" {
		t.Errorf("%+v", games)
	}
	if err := s.RecordGame(ctx, simpleGame(m, 6)); err != nil {
		t.Errorf("the store is unusable after a taken slot: %v", err)
	}
}

// TestConcurrentUse: one Store from many goroutines, all racing for the same
// slots; each slot is won once.
func TestConcurrentUse(t *testing.T) {
	ctx := context.Background()
	s := tempStore(t)
	m := simpleMatch(t, s)
	const workers, slots = 8, 40
	var mu sync.Mutex
	won := map[int]int{}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for slot := range slots {
				switch err := s.RecordGame(ctx, simpleGame(m, slot)); {
				case err == nil:
					mu.Lock()
					won[slot]++
					mu.Unlock()
				case !errors.Is(err, ErrSlotTaken):
					t.Error(err)
				}
				if _, err := s.Leaderboard(ctx, BoardOptions{Orders: -1}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for slot := range slots {
		if won[slot] != 1 {
			t.Errorf("slot %d won %d times", slot, won[slot])
		}
	}
}

// TestMigration migrates artificial older files: step by step, keeping the
// data, stamping the version, and leaving everything as it was when a step
// fails.
func TestMigration(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "arena.db")
	steps := []string{
		"CREATE TABLE a (x INTEGER PRIMARY KEY, y TEXT) STRICT; CREATE TABLE b (x INTEGER REFERENCES a (x)) STRICT; INSERT INTO a VALUES (1, 'one'); INSERT INTO b VALUES (1)",
		// A rebuilt table, as SQLite's ALTER TABLE cannot do everything.
		"CREATE TABLE a2 (x INTEGER PRIMARY KEY, y TEXT NOT NULL, z INTEGER NOT NULL DEFAULT 7) STRICT; INSERT INTO a2 (x, y) SELECT x, y FROM a; DROP TABLE a; ALTER TABLE a2 RENAME TO a",
		"UPDATE a SET z = z + 1",
	}
	openAt := func(n int, steps ...string) (*Store, error) {
		return open(path, Config{BusyTimeout: time.Second}, steps[:n])
	}
	s, err := openAt(1, steps...)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	// A step that fails half-way changes nothing.
	broken := []string{steps[0], "UPDATE a SET y = 'spoiled'; INSERT INTO nowhere VALUES (1)"}
	if _, err := openAt(2, broken...); err == nil || !strings.Contains(err.Error(), "migrating from schema 1 to 2") {
		t.Errorf("a broken step: %v", err)
	}
	// So does one that leaves a reference to nothing.
	dangling := []string{steps[0], "DELETE FROM a"}
	if _, err := openAt(2, dangling...); err == nil {
		t.Error("a step that breaks a reference was committed")
	}
	// Older programs do not open read-only what they would have to migrate.
	if _, err := open(path, Config{ReadOnly: true}, steps[:2]); !errors.Is(err, ErrOlderSchema) {
		t.Errorf("read-only, older schema: %v", err)
	}
	s, err = openAt(3, steps...)
	if err != nil {
		t.Fatal(err)
	}
	var y string
	var z, version, id int
	if err := s.reader.QueryRowContext(ctx, "SELECT y, z FROM a JOIN b USING (x)").Scan(&y, &z); err != nil || y != "one" || z != 8 {
		t.Errorf("migrated row %q %d, %v", y, z, err)
	}
	if err := s.reader.QueryRow("PRAGMA user_version").Scan(&version); err != nil || version != 3 {
		t.Errorf("version %d, %v", version, err)
	}
	if err := s.reader.QueryRow("PRAGMA application_id").Scan(&id); err != nil || id != applicationID {
		t.Errorf("application id %x, %v", id, err)
	}
	s.Close()
	// Opening again changes nothing; an older program refuses.
	s, err = openAt(3, steps...)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.reader.QueryRow("SELECT z FROM a").Scan(&z); err != nil || z != 8 {
		t.Errorf("migrated again: %d, %v", z, err)
	}
	s.Close()
	for _, readOnly := range []bool{false, true} {
		_, err := open(path, Config{ReadOnly: readOnly}, steps[:2])
		if !errors.Is(err, ErrNewerSchema) || !strings.Contains(err.Error(), "schema is 3, this program knows up to 2") {
			t.Errorf("newer schema (read-only %v): %v", readOnly, err)
		}
	}
}

// oldFile is a file made from a dump of one of an older or this schema, which
// every later version has to open.
func oldFile(t *testing.T, golden string) *Store {
	t.Helper()
	script, err := os.ReadFile(filepath.Join("testdata", golden))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "old.db")
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Exec(string(script)); err != nil {
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, path)
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	return s
}

// guardSchema: a released schema is the one in its dump, which has a row in every
// table; who changes it should make a migration instead.
func guardSchema(t *testing.T, golden string, rows int, schemas ...string) {
	t.Helper()
	script, err := os.ReadFile(filepath.Join("testdata", golden))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(script), "\nINSERT INTO") - strings.Count(strings.Join(schemas, ""), "\nINSERT INTO"); !strings.Contains(string(script), strings.Join(schemas, "")) || n != rows {
		t.Errorf("the schema differs from the one in %s, or a table has no row there (%d rows)", golden, n)
	}
}

// TestSchema1: what the first version wrote is migrated and read as it was.
func TestSchema1(t *testing.T) {
	ctx := context.Background()
	guardSchema(t, "v1.sql", 5, schema1)
	s := oldFile(t, "v1.sql")
	want := simpleGame(1, 3)
	want.Evals, want.Details = []Eval{{Ply: 1, Centipawns: 20}}, json.RawMessage(`{"a": 1}`)
	want.White, want.Black = 2, 1
	if games := collect(t, s); len(games) != 1 || !reflect.DeepEqual(games[0], want) {
		t.Errorf("read %+v, want %+v", games, want)
	}
	b, err := s.Leaderboard(ctx, BoardOptions{})
	if err != nil || len(b.Rows) != 1 || b.Rows[0].Record != (elo.Record{Draws: 1}) || b.Rows[0].Voids[ByOpponent] != 1 {
		t.Errorf("%+v, %v", b, err)
	}
	if id := simpleMatch(t, s); id != 1 {
		t.Errorf("the match of the older file was not found again: %d", id)
	}
}

// TestMigrationOfWinsAndLosses: a game of schema 1 that was won has a cause in
// schema 2.
func TestMigrationOfWinsAndLosses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "old.db")
	old, err := open(path, Config{}, []string{schema1})
	if err != nil {
		t.Fatal(err)
	}
	m := simpleMatch(t, old)
	for slot, score := range []int{0, 1, 2} {
		if _, err := old.writer.Exec(`INSERT INTO games (match_id, slot, white_id, black_id, player_white, opening, start_fen, seed, result, score, termination,
			loss_cause, plies, moves, move_text, player_moves, attempts, illegal_attempts, started_at, elapsed_us, program)
			VALUES (?, ?, 1, 2, 1, '', '', '1', ?, ?, 'x', ?, 0, x'', '', 0, 0, 0, '', 0, '')`,
			m, slot, []string{"0-1", "1/2-1/2", "1-0"}[score], score, []string{"length", "", ""}[score]); err != nil {
			t.Fatal(err)
		}
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, path)
	var got []LossCause
	for _, g := range collect(t, s) {
		got = append(got, g.LossCause, g.OpponentCause)
	}
	if want := []LossCause{LostLength, "", "", "", "", LostBoard}; !slices.Equal(got, want) {
		t.Errorf("causes %q, want %q", got, want)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestSchema2 guards the present schema, with a row in every table.
func TestSchema2(t *testing.T) {
	ctx := context.Background()
	want := simpleGame(1, 3)
	want.Evals, want.Details = []Eval{{Ply: 1, Centipawns: 20}}, json.RawMessage(`{"a": 1}`)
	tournament := Tournament{Name: "cup", Kind: RoundRobin, Seed: 5, Config: json.RawMessage(`{"games": 2}`), Entrants: []Entrant{{1, "one", "nodes 1"}, {2, "two", ""}}}
	pairing := Pairing{Round: 0, Board: 0, First: 0, Second: 1, MatchID: 1, FirstSlot: 0, Games: 4}
	if *update {
		s := tempStore(t)
		m := simpleMatch(t, s)
		if err := s.RecordGame(ctx, want); err != nil {
			t.Fatal(err)
		}
		if err := s.RecordVoid(ctx, Void{MatchID: m, Slot: 4, By: ByOpponent, Cause: "crash", Message: "signal: segmentation fault", Stderr: "oops"}); err != nil {
			t.Fatal(err)
		}
		id, err := s.EnsureTournament(ctx, tournament)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetPairings(ctx, id, 0, []Pairing{pairing}); err != nil {
			t.Fatal(err)
		}
		if ok, err := s.Claim(ctx, "an arena", m, 5, true); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if _, err := s.live.Exec("UPDATE live SET updated_at = ?", stamp(time.Unix(1700000000, 0))); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("testdata", "v2.sql"), []byte(dump(t, s)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	guardSchema(t, "v2.sql", 10, schema1, schema2)
	s := oldFile(t, "v2.sql")
	want.White, want.Black = 2, 1
	if games := collect(t, s); len(games) != 1 || !reflect.DeepEqual(games[0], want) {
		t.Errorf("read %+v, want %+v", games, want)
	}
	if id, err := s.EnsureTournament(ctx, tournament); err != nil || id != 1 {
		t.Errorf("the tournament was not found again: %d, %v", id, err)
	}
	if ps, err := s.Pairings(ctx, 1); err != nil || len(ps) != 1 || ps[0] != pairing {
		t.Errorf("pairings %+v, %v", ps, err)
	}
	if vs, err := s.Voids(ctx); err != nil || len(vs) != 1 || vs[0].Stderr != "oops" {
		t.Errorf("voids %+v, %v", vs, err)
	}
	if live, err := s.Live(ctx); err != nil || len(live) != 0 {
		t.Errorf("a game of a dead arena is in play: %+v, %v", live, err)
	}
}

// dump is the database as SQL.
func dump(t *testing.T, s *Store) string {
	var out strings.Builder
	fmt.Fprintf(&out, "PRAGMA application_id=%d;\nPRAGMA user_version=%d;\n%s", applicationID, len(migrations()), schema1+schema2)
	for _, table := range []string{"players", "matches", "games", "voids", "tournaments", "entrants", "pairings", "live"} {
		var columns []string
		rows, err := s.reader.Query("SELECT name FROM pragma_table_info(?)", table)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var c string
			if err := rows.Scan(&c); err != nil {
				t.Fatal(err)
			}
			columns = append(columns, "quote("+c+")")
		}
		rows.Close()
		rows, err = s.reader.Query("SELECT " + strings.Join(columns, " || ', ' || ") + " FROM " + table)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var values string
			if err := rows.Scan(&values); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, "INSERT INTO %s VALUES (%s);\n", table, values)
		}
		rows.Close()
	}
	return out.String()
}

// TestPragmas: what durability and consistency rest on is really in force, on
// the connection that writes.
func TestPragmas(t *testing.T) {
	s := tempStore(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000"} {
		var got string
		if err := s.writer.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, want %q (%v)", pragma, got, want, err)
		}
	}
	if _, err := s.reader.Exec("DELETE FROM players"); err == nil {
		t.Error("the reading connections can write")
	}
}

func TestOddFileNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"with space.db", "q?mode=memory.db", "100%41.db", "hash#1.db", ":memory:", "ümläut ☃.db", "a&b;c.db", "-dash", "'quote\".db"} {
		path := filepath.Join(dir, name)
		s, err := Open(path)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if s.Path() != path {
			t.Errorf("%q: path %q", name, s.Path())
		}
		simpleMatch(t, s)
		s.Close()
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%q: the database is somewhere else: %v", name, err)
		}
	}
	t.Chdir(dir)
	s, err := Open("relative.db")
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := os.Stat(filepath.Join(dir, "relative.db")); err != nil {
		t.Error(err)
	}
}

func TestReadOnly(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	path := filepath.Join(dir, "arena.db")
	_, err := OpenReadOnly(path)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("opening for reading created the file")
	}
	s := mustOpen(t, path)
	m := simpleMatch(t, s)
	if err := s.RecordGame(ctx, simpleGame(m, 0)); err != nil {
		t.Fatal(err)
	}
	// While another has it open, and after.
	for range 2 {
		ro, err := OpenReadOnly(path)
		if err != nil {
			t.Fatal(err)
		}
		if games := collect(t, ro); len(games) != 1 {
			t.Errorf("%d games", len(games))
		}
		if b, err := ro.Leaderboard(ctx, BoardOptions{}); err != nil || len(b.Rows) != 1 {
			t.Errorf("%+v, %v", b, err)
		}
		if err := ro.Check(ctx); err != nil {
			t.Error(err)
		}
		if err := ro.RecordGame(ctx, simpleGame(m, 1)); !errors.Is(err, ErrReadOnly) {
			t.Errorf("writing: %v", err)
		}
		if _, err := ro.EnsurePlayer(ctx, Player{Spec: modelSpec("1")}); !errors.Is(err, ErrReadOnly) {
			t.Errorf("writing: %v", err)
		}
		ro.Close()
		s.Close()
	}
}

func BenchmarkRecordGame(b *testing.B) {
	ctx := context.Background()
	s := tempStore(b)
	m := simpleMatch(b, s)
	slot := 0
	for b.Loop() {
		if err := s.RecordGame(ctx, simpleGame(m, slot)); err != nil {
			b.Fatal(err)
		}
		slot++
	}
	games := float64(slot) / b.Elapsed().Seconds()
	b.ReportMetric(games, "games/s")

	// The ceiling: overwriting blocks of a plain file, with one fsync each.
	f, err := os.Create(filepath.Join(b.TempDir(), "plain"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	const blocks, syncs = 1000, 300
	if _, err := f.Write(make([]byte, blocks*len(block))); err != nil {
		b.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	for i := range syncs {
		if _, err := f.WriteAt(block, int64(i%blocks*len(block))); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	ceiling := syncs / time.Since(start).Seconds()
	b.ReportMetric(ceiling, "fsync/s")
	b.ReportMetric(100*games/ceiling, "%ceiling")
}

func BenchmarkLeaderboard(b *testing.B) {
	ctx := context.Background()
	s := tempStore(b)
	m := simpleMatch(b, s)
	const games = 2000
	if err := s.write(ctx, "filling", func(tx *sql.Tx) error {
		_, err := tx.Exec(`WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
			INSERT INTO games (match_id, slot, white_id, black_id, player_white, opening, start_fen, seed, result, score, termination, loss_cause,
			plies, moves, move_text, player_moves, attempts, illegal_attempts, started_at, elapsed_us, program)
			SELECT ?, i, 1, 2, 1, '', '', '1', CASE i % 3 WHEN 0 THEN '1-0' WHEN 1 THEN '1/2-1/2' ELSE '0-1' END, 2 - i % 3, 'x', CASE i % 3 WHEN 2 THEN 'board' ELSE '' END,
			80, randomblob(160), '', 40, 40, 0, '', 1, '' FROM n`, games-1, m)
		return err
	}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Leaderboard(ctx, BoardOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*games)/b.Elapsed().Seconds(), "games/s")
}

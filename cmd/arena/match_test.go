package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"transcend/elo/leaderboard"
	"transcend/engine/arena"
	"transcend/internal/cli"
	"transcend/internal/fakeengine"
	"transcend/pgn"
)

// fakePath builds the fake engine.
func fakePath(t testing.TB) string {
	t.Helper()
	fake, err := fakeengine.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return fake
}

// fakes are --engine flags for fake engines of these names; a name may be
// followed by the engine's flags.
func fakes(fake string, names ...string) []string {
	var args []string
	for _, name := range names {
		name, flags, _ := strings.Cut(name, " ")
		args = append(args, "--engine", fmt.Sprintf("cmd=%s name=%s nodes=1 args='%s'", fake, name, flags))
	}
	return args
}

// games reads all games of a database, by the names of a tournament's players,
// the number of the pairing and the slot, as text.
func tournamentGames(t *testing.T, path string) map[string]string {
	t.Helper()
	store, err := leaderboard.OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
	ts, err := store.Tournaments(t.Context())
	if err != nil || len(ts) != 1 {
		t.Fatalf("%d tournaments, %v", len(ts), err)
	}
	pairings, err := store.Pairings(t.Context(), ts[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	names := map[int64]string{}
	for _, p := range pairings {
		if p.Second >= 0 {
			names[p.MatchID] = ts[0].Entrants[p.First].Name + "-" + ts[0].Entrants[p.Second].Name
		}
	}
	games := map[string]string{}
	for g, err := range store.Games(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprintf("%s/%d", names[g.MatchID], g.Slot)
		if _, twice := games[key]; twice {
			t.Fatalf("game %s is there twice", key)
		}
		games[key] = fmt.Sprint(g.PlayerWhite, g.Seed, g.Opening, g.BookPlies, g.Result, g.Termination, g.LossCause, g.OpponentCause, g.MoveText)
	}
	return games
}

func TestMatchPlayStoreResumeExtend(t *testing.T) {
	dir, fake := t.TempDir(), fakePath(t)
	args := append([]string{"match", "--maxmoves", "30", "--pgn-out", "games.pgn", "--json", "--games", "10"}, fakes(fake, "one", "two")...)
	code, out, errs := arenaIn(t, dir, args...)
	if code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	var s arena.Summary
	if err := json.Unmarshal([]byte(out), &s); err != nil || s.Games != 10 || len(s.Standings) != 2 || s.Standings[0].Rating == nil || len(s.Crosstable) != 1 || s.Crosstable[0].Pairs.Count() != 5 {
		t.Fatalf("%v in %s", err, out)
	}
	if n := strings.Count(errs, "slot "); n != 10 {
		t.Errorf("%d lines of finished games:\n%s", n, errs)
	}
	code, again, errs := arenaIn(t, dir, args...)
	if code != cli.ExitOK || again != out || !strings.Contains(errs, "all 10 games were already played") {
		t.Errorf("second start: exit %d, same output: %v\n%s", code, again == out, errs)
	}
	code, _, errs = arenaIn(t, dir, append(args, "--games", "12")...)
	if code != cli.ExitOK || !strings.Contains(errs, "10 games were already played, 2 are missing") {
		t.Errorf("extension: exit %d\n%s", code, errs)
	}
	// The PGN is complete, and what "arena pgn" makes of the database is the same.
	read := func(path string) (games []string) {
		r, err := pgn.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for r.Scan() {
			if r.BadGame() != nil {
				t.Fatal(r.BadGame())
			}
			g := r.Game()
			games = append(games, fmt.Sprint(g.Tags, g.Moves, g.Result))
		}
		slices.Sort(games)
		return games
	}
	if code, _, errs := arenaIn(t, dir, "pgn", "--tournament", "1", "--out", "again.pgn"); code != cli.ExitOK {
		t.Fatalf("arena pgn: exit %d\n%s", code, errs)
	}
	if a, b := read("games.pgn"), read("again.pgn"); len(a) != 12 || !slices.Equal(a, b) {
		t.Errorf("%d games in the PGN, %d in the one made again, equal: %v", len(a), len(b), slices.Equal(a, b))
	}
}

// TestGamesDoNotDependOnConcurrency: nor on which pairing a worker plays when.
func TestGamesDoNotDependOnConcurrency(t *testing.T) {
	dir, fake := t.TempDir(), fakePath(t)
	var all []map[string]string
	for _, n := range []string{"1", "5"} {
		args := append([]string{"match", "--maxmoves", "12", "--games", "4", "--rounds", "2", "--concurrency", n, "--db", n + ".db", "-q"}, fakes(fake, "a", "b", "c")...)
		if code, _, errs := arenaIn(t, dir, args...); code != cli.ExitOK {
			t.Fatalf("exit %d\n%s", code, errs)
		}
		all = append(all, tournamentGames(t, filepath.Join(dir, n+".db")))
	}
	compare(t, all[0], all[1], 3*2*4)
}

func TestSwissTournament(t *testing.T) {
	dir, fake := t.TempDir(), fakePath(t)
	args := append([]string{"match", "--tournament", "swiss", "--rounds", "3", "--maxmoves", "12", "--games", "2", "--json"}, fakes(fake, "a", "b", "c", "d", "e")...)
	code, out, errs := arenaIn(t, dir, args...)
	var s arena.Summary
	if err := json.Unmarshal([]byte(out), &s); code != cli.ExitOK || err != nil || s.Games != 12 {
		t.Fatalf("exit %d, %v, %d games\n%s", code, err, s.Games, errs)
	}
	points := 0.0
	for _, e := range s.Standings {
		points += e.Points
		if e.Byes > 1 || e.Record.Games()+2*e.Byes != 6 {
			t.Errorf("%s has %d byes and %d games", e.Name, e.Byes, e.Record.Games())
		}
	}
	if points != 12+3*2 {
		t.Errorf("%v points given", points)
	}
	if code, again, _ := arenaIn(t, dir, args...); code != cli.ExitOK || again != out {
		t.Errorf("started again: exit %d, the same: %v", code, again == out)
	}
}

// TestOpeningsFromPositions plays from an EPD file, Black to move in one of them.
func TestOpeningsFromPositions(t *testing.T) {
	dir, fake := t.TempDir(), fakePath(t)
	epd := "r1bqkbnr/pppp1ppp/2n5/4p3/4P3/5N2/PPPP1PPP/RNBQKB1R w KQkq - id \"open\";\nrnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq e3\n"
	if err := os.WriteFile(filepath.Join(dir, "two.epd"), []byte(epd), 0o644); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"match", "--openings", "two.epd", "--order", "sequential", "--maxmoves", "8", "--games", "4", "--pgn-out", "g.pgn", "-q"}, fakes(fake, "a", "b")...)
	if code, _, errs := arenaIn(t, dir, args...); code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	r, err := pgn.Open("g.pgn")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	starts := map[string]int{}
	for r.Scan() {
		if r.BadGame() != nil {
			t.Fatal(r.BadGame())
		}
		g := r.Game()
		starts[g.Start.FEN()+" "+g.Tag("Opening")+" "+g.Tag("White")]++
	}
	if len(starts) != 4 {
		t.Errorf("openings and colors: %v", starts)
	}
	checkpoint := writeModel(t, dir)
	code, _, errs := arenaIn(t, dir, append([]string{"match", "--openings", "two.epd", "--engine", "model=" + checkpoint}, fakes(fake, "a")...)...)
	if code != cli.ExitUsage || !strings.Contains(errs, "by its moves alone") {
		t.Errorf("a model on set-up positions: exit %d\n%s", code, errs)
	}
}

func TestModelsInAMatch(t *testing.T) {
	dir, fake := t.TempDir(), fakePath(t)
	checkpoint := writeModel(t, dir)
	code, out, errs := arenaIn(t, dir, append([]string{"match", "--maxmoves", "20", "--games", "4", "--json",
		"--engine", "model=" + checkpoint + " temp=1 illegal=mask name=m", "--engine", "cmd=random"}, fakes(fake, "a")...)...)
	var s arena.Summary
	if err := json.Unmarshal([]byte(out), &s); code != cli.ExitOK || err != nil || s.Games != 12 {
		t.Errorf("exit %d, %v\n%s%s", code, err, out, errs)
	}
}

// TestOneEngineAtSeveralLimits: everywhere an engine has the name that the tournament
// gave it at a limit, and not that of its first limit.
func TestOneEngineAtSeveralLimits(t *testing.T) {
	dir, fake := t.TempDir(), fakePath(t)
	args := []string{"match", "--games", "4", "--maxmoves", "8", "-q"}
	for i, name := range []string{"slow", "quick", "quickest"} {
		args = append(args, "--engine", fmt.Sprintf("cmd=%s name=%s nodes=%d", fake, name, 9-i))
	}
	if code, _, errs := arenaIn(t, dir, args...); code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	for _, command := range [][]string{{"leaderboard"}, {"leaderboard", "--json"}, {"elo", "--db", "arena.db"}, {"watch", "--once"}, {"report", "--out", "-", "-q"}} {
		_, out, _ := arenaIn(t, dir, command...)
		for _, name := range []string{"slow", "quick", "quickest"} {
			if !regexp.MustCompile(`\b` + name + `\b`).MatchString(out) {
				t.Errorf("%s: no player %q in\n%s", command, name, out)
			}
		}
	}
}

func TestMatchConfigFile(t *testing.T) {
	dir, fake := t.TempDir(), fakePath(t)
	args := append([]string{"match", "--games", "2", "--maxmoves", "5", "--seed", "9", "--save-config", "cup.json", "-q"}, fakes(fake, "a", "b")...)
	code, out, errs := arenaIn(t, dir, args...)
	if code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	if code, again, errs := arenaIn(t, dir, "match", "--config", "cup.json", "-q"); code != cli.ExitOK || again != out {
		t.Errorf("from the file: exit %d, same result: %v\n%s", code, again == out, errs)
	}
	if code, _, errs := arenaIn(t, dir, "match", "--config", "cup.json", "--games", "4"); code != cli.ExitOK || !strings.Contains(errs, "2 are missing") {
		t.Errorf("a flag on top of the file: exit %d\n%s", code, errs)
	}
	if err := os.WriteFile("bad.json", []byte(`{"gamse": 3}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := arenaIn(t, dir, "match", "--config", "bad.json"); code != cli.ExitFailure || !strings.Contains(errs, "gamse") {
		t.Errorf("a misspelt key: exit %d\n%s", code, errs)
	}
}

func TestSPRTStops(t *testing.T) {
	dir, fake := t.TempDir(), fakePath(t)
	// One side loses every game by illegal moves.
	code, out, _ := arenaIn(t, dir, append([]string{"match", "--games", "2000", "--maxmoves", "10", "--sprt", "elo0=0,elo1=100,model=logistic", "--json"},
		fakes(fake, "good", "bad -bestmove=illegal")...)...)
	var s arena.Summary
	if err := json.Unmarshal([]byte(out), &s); err != nil || s.SPRT == nil || s.SPRT.Decision != "H1" || s.Games >= 1000 {
		t.Errorf("%v, %d games, %+v", err, s.Games, s.SPRT)
	}
	if code != cli.ExitFailure {
		t.Errorf("exit %d although an engine moved illegally", code)
	}
}

// TestJudge: games that come to their maximum length are decided by the judge's score, and
// a judge that cannot judge is found before the first game.
func TestJudge(t *testing.T) {
	dir, fake := t.TempDir(), fakePath(t)
	args := append([]string{"match", "--games", "4", "--maxmoves", "6", "-q"}, fakes(fake, "a", "b")...)
	for i, test := range []struct {
		score  int // of White, which is to move
		result string
	}{{400, "1-0"}, {149, "1/2-1/2"}, {-150, "0-1"}} {
		db, file := fmt.Sprintf("%d.db", i), fmt.Sprintf("%d.pgn", i)
		judge := fmt.Sprintf(`cmd=%s depth=3 win=150 args='-scores "info depth 3 score cp %d nodes 9"'`, fake, test.score)
		if code, _, errs := arenaIn(t, dir, append(args, "--db", db, "--pgn-out", file, "--judge", judge)...); code != cli.ExitOK {
			t.Fatalf("%s: exit %d\n%s", judge, code, errs)
		}
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		why := fmt.Sprintf(`[Termination "length, judged %+.2f by `, float64(test.score)/100)
		if games := string(b); strings.Count(games, `[Result "`+test.result+`"]`) != 4 || strings.Count(games, why) != 4 {
			t.Errorf("judged %d:\n%s", test.score, games)
		}
	}
	for judge, want := range map[string]string{
		"cmd=" + fake: "has no limit", "cmd=" + fake + " tc=1+1": "has no clock", "cmd=random depth=3": "tells no scores", "cmd=nosuchengine depth=3": "nosuchengine",
		"cmd=" + fake + " depth=3 args=-crash=start": "--judge", "cmd=" + fake + " depth=3 win=x": "want centipawns",
	} {
		code, _, errs := arenaIn(t, dir, append(args, "--db", "none.db", "--judge", judge)...)
		if _, err := os.Stat(filepath.Join(dir, "none.db")); code == cli.ExitOK || !strings.Contains(errs, want) || strings.Contains(errs, "void") || err == nil {
			t.Errorf("%s: exit %d, database %v\n%s", judge, code, err, errs)
		}
	}
}

func TestMatchErrors(t *testing.T) {
	dir := t.TempDir()
	two := "--engine cmd=x --engine cmd=y "
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"", cli.ExitUsage, "a match needs two"},
		{two + "--tournament knockout", cli.ExitUsage, "--tournament knockout"},
		{two + "--order reversed", cli.ExitUsage, "--order reversed"},
		{two + "--resign score=x", cli.ExitUsage, "--resign score=x"},
		{two + "--resign score=600", cli.ExitUsage, "must be positive"},
		{two + "--draw moves=8,socre=10", cli.ExitUsage, `unknown key "socre"`},
		{two + "--judge cmd=x", cli.ExitUsage, "--judge without --maxmoves"},
		{two + "--sprt elo0=0", cli.ExitUsage, "hint: --sprt"},
		{two + "--affinity 3-1", cli.ExitUsage, "--affinity 3-1"},
		{two + "--affinity 0 --concurrency 2", cli.ExitUsage, "need 2 processors"},
		{two + "--cpu-limit 5", cli.ExitUsage, "--cpu-limit 5"},
		{two + "--games 0", cli.ExitUsage, "--games 0"},
		{two + "--tournament gauntlet --seeds 2", cli.ExitUsage, "--seeds 2"},
		{two + "extra", cli.ExitUsage, "quote an engine's words"},
		{two + "--openings nowhere.epd", cli.ExitFailure, "nowhere.epd"},
		{two, cli.ExitUsage, "x has no limit"},
		{"--engine cmd --engine cmd=y", cli.ExitUsage, "is not key=value"},
		{"--engine cdm=x --engine cmd=y", cli.ExitUsage, "did you mean cmd="},
		{"--engine cmd=x,tc=1 --engine tc=1", cli.ExitUsage, "no limit"},
		{two + "--each tc=fast", cli.ExitFailure, "time control"},
		{two + "--each proto=winboard", cli.ExitUsage, "want uci or xboard"},
		{two + "--each nodes=1", cli.ExitFailure, "no engine named"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			code, out, errs := arenaIn(t, dir, append([]string{"match"}, strings.Fields(tt.args)...)...)
			if code != tt.code || out != "" || !strings.Contains(errs, tt.want) {
				t.Errorf("exit %d, want %d and %q; printed %q\n%s", code, tt.code, tt.want, out, errs)
			}
		})
	}
}

// storedGames counts the games of a database that a killed program left.
func storedGames(t *testing.T, path string) int {
	t.Helper()
	store, err := leaderboard.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range store.Games(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// checkPGN reads a PGN file of n games.
func checkPGN(t *testing.T, path string, n int) {
	t.Helper()
	r, err := pgn.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	games := 0
	for r.Scan() {
		if r.BadGame() != nil {
			t.Error(r.BadGame())
		}
		games++
	}
	if games != n || r.Err() != nil {
		t.Errorf("%s has %d games, want %d (%v)", path, games, n, r.Err())
	}
}

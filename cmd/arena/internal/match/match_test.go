package match

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"transcend/cmd/arena/internal/arenatest"
	"transcend/engine/arena"
	"transcend/internal/cli"
	"transcend/pgn"
)

// play is Play in a directory.
func play(t *testing.T, dir string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return arenatest.Run(t, dir, Play, args...)
}

// TestGamesDoNotDependOnConcurrency: nor on which pairing a worker plays when.
func TestGamesDoNotDependOnConcurrency(t *testing.T) {
	dir, fake := t.TempDir(), arenatest.Fake(t)
	var all []map[string]string
	for _, n := range []string{"1", "5"} {
		args := append([]string{"--maxmoves", "12", "--games", "4", "--rounds", "2", "--concurrency", n, "--db", n + ".db", "-q"}, arenatest.Fakes(fake, "a", "b", "c")...)
		if code, _, errs := play(t, dir, args...); code != cli.ExitOK {
			t.Fatalf("exit %d\n%s", code, errs)
		}
		all = append(all, arenatest.TournamentGames(t, filepath.Join(dir, n+".db")))
	}
	arenatest.Compare(t, all[0], all[1], 3*2*4)
}

func TestSwissTournament(t *testing.T) {
	dir, fake := t.TempDir(), arenatest.Fake(t)
	args := append([]string{"--tournament", "swiss", "--rounds", "3", "--maxmoves", "12", "--games", "2", "--json"}, arenatest.Fakes(fake, "a", "b", "c", "d", "e")...)
	code, out, errs := play(t, dir, args...)
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
	if code, again, _ := play(t, dir, args...); code != cli.ExitOK || again != out {
		t.Errorf("started again: exit %d, the same: %v", code, again == out)
	}
}

// TestOpeningsFromPositions plays from an EPD file, Black to move in one of them.
func TestOpeningsFromPositions(t *testing.T) {
	dir, fake := t.TempDir(), arenatest.Fake(t)
	epd := "r1bqkbnr/pppp1ppp/2n5/4p3/4P3/5N2/PPPP1PPP/RNBQKB1R w KQkq - id \"open\";\nrnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq e3\n"
	if err := os.WriteFile(filepath.Join(dir, "two.epd"), []byte(epd), 0o644); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"--openings", "two.epd", "--order", "sequential", "--maxmoves", "8", "--games", "4", "--pgn-out", "g.pgn", "-q"}, arenatest.Fakes(fake, "a", "b")...)
	if code, _, errs := play(t, dir, args...); code != cli.ExitOK {
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
	checkpoint := arenatest.WriteModel(t, dir)
	code, _, errs := play(t, dir, append([]string{"--openings", "two.epd", "--engine", "model=" + checkpoint}, arenatest.Fakes(fake, "a")...)...)
	if code != cli.ExitUsage || !strings.Contains(errs, "by its moves alone") {
		t.Errorf("a model on set-up positions: exit %d\n%s", code, errs)
	}
}

func TestModelsInAMatch(t *testing.T) {
	dir, fake := t.TempDir(), arenatest.Fake(t)
	checkpoint := arenatest.WriteModel(t, dir)
	code, out, errs := play(t, dir, append([]string{"--maxmoves", "20", "--games", "4", "--json",
		"--engine", "model=" + checkpoint + " temp=1 illegal=mask name=m", "--engine", "cmd=random"}, arenatest.Fakes(fake, "a")...)...)
	var s arena.Summary
	if err := json.Unmarshal([]byte(out), &s); code != cli.ExitOK || err != nil || s.Games != 12 {
		t.Errorf("exit %d, %v\n%s%s", code, err, out, errs)
	}
}

func TestMatchConfigFile(t *testing.T) {
	dir, fake := t.TempDir(), arenatest.Fake(t)
	args := append([]string{"--games", "2", "--maxmoves", "5", "--seed", "9", "--save-config", "cup.json", "-q"}, arenatest.Fakes(fake, "a", "b")...)
	code, out, errs := play(t, dir, args...)
	if code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	if code, again, errs := play(t, dir, "--config", "cup.json", "-q"); code != cli.ExitOK || again != out {
		t.Errorf("from the file: exit %d, same result: %v\n%s", code, again == out, errs)
	}
	if code, _, errs := play(t, dir, "--config", "cup.json", "--games", "4"); code != cli.ExitOK || !strings.Contains(errs, "2 are missing") {
		t.Errorf("a flag on top of the file: exit %d\n%s", code, errs)
	}
	if err := os.WriteFile("bad.json", []byte(`{"gamse": 3}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := play(t, dir, "--config", "bad.json"); code != cli.ExitFailure || !strings.Contains(errs, "gamse") {
		t.Errorf("a misspelt key: exit %d\n%s", code, errs)
	}
}

func TestSPRTStops(t *testing.T) {
	dir, fake := t.TempDir(), arenatest.Fake(t)
	// One side loses every game by illegal moves.
	code, out, _ := play(t, dir, append([]string{"--games", "2000", "--maxmoves", "10", "--sprt", "elo0=0,elo1=100,model=logistic", "--json"},
		arenatest.Fakes(fake, "good", "bad -bestmove=illegal")...)...)
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
	dir, fake := t.TempDir(), arenatest.Fake(t)
	args := append([]string{"--games", "4", "--maxmoves", "6", "-q"}, arenatest.Fakes(fake, "a", "b")...)
	for i, test := range []struct {
		score  int // of White, which is to move
		result string
	}{{400, "1-0"}, {149, "1/2-1/2"}, {-150, "0-1"}} {
		db, file := fmt.Sprintf("%d.db", i), fmt.Sprintf("%d.pgn", i)
		judge := fmt.Sprintf(`cmd=%s depth=3 win=150 args='-scores "info depth 3 score cp %d nodes 9"'`, fake, test.score)
		if code, _, errs := play(t, dir, append(args, "--db", db, "--pgn-out", file, "--judge", judge)...); code != cli.ExitOK {
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
		code, _, errs := play(t, dir, append(args, "--db", "none.db", "--judge", judge)...)
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
			code, out, errs := play(t, dir, strings.Fields(tt.args)...)
			if code != tt.code || out != "" || !strings.Contains(errs, tt.want) {
				t.Errorf("exit %d, want %d and %q; printed %q\n%s", code, tt.code, tt.want, out, errs)
			}
		})
	}
}

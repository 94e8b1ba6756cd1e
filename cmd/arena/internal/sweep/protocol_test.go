package sweep

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"transcend/cmd/arena/internal/arenatest"
	"transcend/elo/leaderboard"
	"transcend/engine/match"
	"transcend/internal/bitboard"
	"transcend/internal/cli"
	"transcend/internal/fakeengine"
)

// run is the command in a directory, or with "table" or "figure" first one of those.
func run(t *testing.T, dir string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	switch args[0] {
	case "table":
		return arenatest.Run(t, dir, Table, args[1:]...)
	case "figure":
		return arenatest.Run(t, dir, Figure, args[1:]...)
	}
	play := func(ctx context.Context, stdout, stderr io.Writer, args []string) error {
		return Play(ctx, stdout, stderr, args, Program{Subcommands: []string{"table", "watch"}})
	}
	return arenatest.Run(t, dir, play, args...)
}

// parsed is what the flags come to.
func parsed(t *testing.T, args ...string) *settings {
	t.Helper()
	s, err := parseFlags(args, io.Discard, Program{})
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return s
}

func TestPaperProtocol(t *testing.T) {
	s := parsed(t, "--protocol", "paper")
	if s.engine != "stockfish" || !slices.Equal(s.levels, []int{1, 3, 5}) || s.games != 100 || s.limit.String() != "movetime 100ms" ||
		s.maxMoves != 89 || !s.noClaims || s.policy.String() != "forfeit-after-5" || s.openings != match.NoOpenings || s.choose != chooseEven ||
		!slices.Equal(s.temps, []float64{0.001, 0.01, 0.1, 0.3, 0.5, 0.75, 1, 1.5}) || len(s.options) != 0 {
		t.Errorf("the paper's protocol: %+v", s)
	}
	for _, d := range paperDefects {
		if !s.defects[d.name] {
			t.Errorf("%s is not reproduced", d.name)
		}
	}
	if g := s.defects.glicko(); g != (leaderboard.GlickoOptions{}) {
		t.Errorf("glicko %+v", g)
	}
}

// The name of a protocol tells every change of the games, and nothing else.
func TestProtocolNames(t *testing.T) {
	for args, want := range map[string]string{
		"--protocol paper": "paper",
		"--protocol paper --movetime 100ms --max-moves 89 --games 10":        "paper",
		"--protocol paper --temp 1 --level 2 --seed 9":                       "paper",
		"--protocol paper --paper-defects -glicko-order,-black-first":        "paper",
		"--protocol paper --movetime 10ms":                                   "paper but movetime 10ms",
		"--protocol paper --nodes 500":                                       "paper but nodes 500",
		"--protocol paper --paper-defects none":                              "paper but without length-draws, without shared-hash, without same-retries, without white-stalemate",
		"--protocol paper --paper-defects all,-shared-hash":                  "paper but without shared-hash",
		"--protocol paper --paper-defects length-draws --illegal mask":       "paper but without shared-hash, without same-retries, without white-stalemate, illegal mask",
		"--protocol paper --no-claims=false --openings builtin --top-k 5":    "paper but draws claimed, openings builtin, top-k 5",
		"--protocol paper --max-moves 0 --option Hash=64":                    "paper but max-moves 0, option Hash=64",
		"--protocol paper --engine random":                                   "",
		"--protocol paper --engine ./other --engine-arg -x":                  "paper but engine ./other, engine-arg -x",
		"--engine stockfish":                                                 "sound",
		"--engine stockfish --protocol sound --illegal mask --movetime 10ms": "sound",
		"--engine stockfish --max-moves 89 --no-claims --openings none":      "sound but max-moves 89, no-claims, openings none",
	} {
		s, err := parseFlags(strings.Fields(args), io.Discard, Program{})
		if want == "" {
			if err == nil {
				t.Errorf("%s: accepted", args)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", args, err)
		} else if got := s.protocolName(); got != want {
			t.Errorf("%s\nis named %q, want %q", args, got, want)
		}
	}
}

// Without its defects the paper's protocol plays without them.
func TestMendedDefects(t *testing.T) {
	s := parsed(t, "--protocol", "paper", "--paper-defects", "none")
	if s.maxMoves != 0 || s.policy.String() != "forfeit-after-5-rising" || s.defects[defectStalemate] || s.defects[defectSharedHash] ||
		s.defects.glicko() != (leaderboard.GlickoOptions{OnePeriod: true, Alternate: true}) {
		t.Errorf("mended: %+v", s)
	}
	for text, want := range map[string]string{
		"all,-shared-hash": "length-draws same-retries white-stalemate glicko-order black-first", "-shared-hash": "length-draws same-retries white-stalemate glicko-order black-first",
		"glicko-order": "glicko-order", "none,black-first": "black-first", "none": "",
	} {
		set, err := parseDefects(text)
		var names []string
		for _, d := range paperDefects {
			if set[d.name] {
				names = append(names, d.name)
			}
		}
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	help, err := parseFlags([]string{"--help"}, io.Discard, Program{})
	if help != nil || err == nil {
		t.Error("--help goes on")
	}
}

func TestWhiteStalemate(t *testing.T) {
	mate := bitboard.Checkmate.String()
	for _, tt := range []struct {
		plies, white int
		why          string
		result       bitboard.Result
		loser        int
	}{
		{41, 0, bitboard.Stalemate.String(), bitboard.WhiteWins, 1},
		{41, 1, bitboard.Stalemate.String(), bitboard.WhiteWins, 0},
		{40, 0, bitboard.Stalemate.String(), bitboard.Draw, -1},
		{41, 0, bitboard.ThreefoldRepetition.String(), bitboard.Draw, -1},
		{41, 0, mate, bitboard.Draw, -1},
	} {
		g := &match.Game{White: tt.white, Moves: make([]bitboard.Move, tt.plies), Result: bitboard.Draw, Termination: tt.why, Loser: -1}
		scoreWhiteStalemate(g)
		if g.Result != tt.result || g.Loser != tt.loser {
			t.Errorf("%s after %d plies: %v, loser %d", tt.why, tt.plies, g.Result, g.Loser)
		}
	}
}

// TestPaperCommand plays the paper's protocol against a fake engine: which games in
// which order, with an engine that is told of one new game, and all of it again from
// the database alone.
func TestPaperCommand(t *testing.T) {
	dir := t.TempDir()
	fake, err := fakeengine.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := arenatest.WriteModel(t, dir)
	if err := os.WriteFile(filepath.Join(checkpoint, "run.json"), []byte(`{"max_elo": 1700, "other": 1}`), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"--protocol", "paper", "--engine", fake, "--engine-arg=-name=Stockfish 15.1", "--model", checkpoint, "--nodes", "1", "--games", "4",
		"--temps", "0.001,1", "--concurrency", "1", "--plot", "a.svg", "--plot", "a.png"}
	code, out, errs := run(t, dir, args...)
	if code != cli.ExitOK {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	for _, want := range []string{"Lichess bots (paper, figure)", "all 24 games were lost", "below the cap of 1700", "two pools of players", "vs Stockfish 15.1 level 3 at nodes 1", "claims none"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	store, err := leaderboard.Open(filepath.Join(dir, "arena.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	matches, err := store.Matches(context.Background())
	if err != nil || len(matches) != 6 {
		t.Fatalf("%d matches, %v", len(matches), err)
	}
	for _, m := range matches {
		if !strings.HasPrefix(m.Protocol, "paper but nodes 1, engine ") || m.MaxPlies != 178 || m.Openings != "startpos" || m.Options["claims"] != "none" {
			t.Errorf("match %+v", m)
		}
		var began []leaderboard.Game
		for g, err := range store.Games(context.Background(), m.ID) {
			if err != nil {
				t.Fatal(err)
			}
			began = append(began, g)
		}
		slices.SortFunc(began, func(a, b leaderboard.Game) int { return a.StartedAt.Compare(b.StartedAt) })
		var colors string
		for _, g := range began {
			colors += map[bool]string{false: "B", true: "W"}[g.PlayerWhite]
		}
		if colors != "BBWW" {
			t.Errorf("colors in the order of play: %s", colors)
		}
	}
	// The table and the picture once more.
	if err := os.Rename(filepath.Join(dir, "a.svg"), filepath.Join(dir, "first.svg")); err != nil {
		t.Fatal(err)
	}
	code, table, errs := run(t, dir, "table")
	verdict := out[strings.Index(out, "all 24 games"):]
	if code != cli.ExitOK || !strings.HasSuffix(table, verdict) || strings.Count(table, "\n0.001") != 1 {
		t.Errorf("table: exit %d\n%s%s", code, errs, table)
	}
	if code, _, errs := run(t, dir, "figure", "--plot", "a.svg", "--plot", "p.png", "--with-paper"); code != cli.ExitOK {
		t.Errorf("figure: exit %d\n%s", code, errs)
	}
	if code, _, errs := run(t, dir, "figure", "--plot", "a.svg"); code != cli.ExitOK {
		t.Errorf("figure: exit %d\n%s", code, errs)
	}
	first, _ := os.ReadFile(filepath.Join(dir, "first.svg"))
	again, _ := os.ReadFile(filepath.Join(dir, "a.svg"))
	if len(first) == 0 || !bytes.Equal(first, again) {
		t.Error("the picture from the database is another")
	}
	code, out, _ = run(t, dir, "table", "--json")
	var j struct {
		Rows   []json.RawMessage
		Sweeps []struct {
			Curves []struct {
				Cap     int
				Verdict struct{ Text string }
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &j); code != cli.ExitOK || err != nil || len(j.Rows) != 2 || len(j.Sweeps) != 1 || j.Sweeps[0].Curves[0].Cap != 1700 {
		t.Errorf("table --json: exit %d, %v\n%s", code, err, out)
	}
}

func TestSoundCommand(t *testing.T) {
	dir := t.TempDir()
	fake, err := fakeengine.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := arenatest.WriteModel(t, dir)
	code, out, errs := run(t, dir, arenatest.SweepArgs(fake, checkpoint)...)
	if code != cli.ExitOK || !strings.Contains(out, "CCRL Blitz") || !strings.Contains(out, "protocol sound but max-moves 30") {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	store, err := leaderboard.Open(filepath.Join(dir, "arena.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	type pair struct {
		match int64
		n     int
	}
	games := map[pair][]leaderboard.Game{}
	byPlayer := map[int64]int{}
	openings := map[string]bool{}
	for g, err := range store.Games(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		m, err := store.Match(context.Background(), g.MatchID)
		if err != nil {
			t.Fatal(err)
		}
		byPlayer[m.PlayerID]++
		games[pair{g.MatchID, g.Slot / 2}] = append(games[pair{g.MatchID, g.Slot / 2}], g)
		openings[g.Opening] = true
		if g.BookPlies < 4 || g.StartFEN != "" {
			t.Errorf("game %d of match %d begins with %d moves from %q", g.Slot, g.MatchID, g.BookPlies, g.StartFEN)
		}
	}
	for p, n := range byPlayer {
		if n != 40 {
			t.Errorf("player %d has %d games", p, n)
		}
	}
	for k, both := range games {
		if len(both) != 2 || both[0].Opening != both[1].Opening || both[0].PlayerWhite == both[1].PlayerWhite {
			t.Errorf("%+v: no pair: %d games", k, len(both))
		}
	}
	if len(byPlayer) != 2 || len(openings) < 5 {
		t.Errorf("%d players, %d openings", len(byPlayer), len(openings))
	}
	code, again, errs := run(t, dir, arenatest.SweepArgs(fake, checkpoint)...)
	if code != cli.ExitOK || again != out || !strings.Contains(errs, "already played") {
		t.Errorf("again: exit %d, same output: %v\n%s", code, again == out, errs)
	}
	if code, _, errs := run(t, dir, "--engine", fake, "--engine-arg=-name=Nobody 1", "--model", checkpoint, "--level", "1,2", "--nodes", "1"); code != cli.ExitFailure ||
		!strings.Contains(errs, "no opponent has a rating") || !strings.Contains(errs, "--choose even") {
		t.Errorf("opponents without ratings: exit %d\n%s", code, errs)
	}
}

func TestProtocolErrors(t *testing.T) {
	dir := t.TempDir()
	for args, want := range map[string]string{
		"--protocol papr": "did you mean --protocol paper?",
		"--protocol paper --paper-defects shared-hsh":           "did you mean shared-hash?",
		"--engine x --paper-defects none":                       "--paper-defects goes with --protocol paper",
		"--engine x --temps papers":                             "no temperature",
		"--engine x --plot a.gif":                               "must end in .svg, .png or .pdf",
		"--engine x --games 5":                                  "hint: --games 6",
		"--engine x --interval -1":                              "--interval",
		"--engine x --interval 20 --choose even":                "exclude each other",
		"--engine x --choose best":                              "must be one of",
		"figure":                                                "--plot is missing",
		"tabel":                                                 "did you mean arena table?",
		"table --paper-defects nothing":                         "no defect",
		"--engine random --openings nowhere.pgn --model " + dir: "nowhere.pgn",
	} {
		if code, _, errs := run(t, dir, strings.Fields(args)...); code == cli.ExitOK || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d, no %q:\n%s", args, code, want, errs)
		}
	}
}

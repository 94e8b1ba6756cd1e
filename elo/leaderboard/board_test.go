package leaderboard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"

	"transcend/elo"
)

// play records a record of games with the given cause for all losses; the games
// come interleaved, and differ unless same is set.
func play(t testing.TB, s *Store, match int64, r elo.Record, cause LossCause, same bool) {
	t.Helper()
	for slot := range r.Games() {
		g := simpleGame(match, slot)
		g.PlayerWhite = slot%2 == 0
		// Spread the outcomes evenly over the slots.
		outcome := elo.Loss
		switch n := slot * 37 % r.Games(); {
		case r.Games()%37 == 0:
			t.Fatal("37 divides the number of games")
		case n < r.Wins:
			outcome = elo.Win
		case n < r.Wins+r.Draws:
			outcome = elo.Draw
		}
		g.Result = map[elo.Outcome]string{elo.Win: "1-0", elo.Draw: "1/2-1/2", elo.Loss: "0-1"}[outcome]
		if !g.PlayerWhite {
			g.Result = map[elo.Outcome]string{elo.Win: "0-1", elo.Draw: "1/2-1/2", elo.Loss: "1-0"}[outcome]
		}
		if outcome == elo.Loss {
			g.LossCause = cause
		}
		g.Moves[0], g.Moves[1] = uint16(match), uint16(slot)
		if same {
			g.Moves = []uint16{1, 2, 3}
		}
		if err := s.RecordGame(context.Background(), g); err != nil {
			t.Fatal(err)
		}
	}
}

// sample is a database with every kind of row.
func sample(t testing.TB) *Store {
	s := tempStore(t)
	cold, hot := Player{Name: "m1500 T=0.1", Spec: modelSpec("0.1")}, Player{Name: "m1500 T=1", Spec: modelSpec("1")}
	strong := Player{Name: "Sröng \x1b[31m engine", Spec: map[string]string{"kind": "uci", "name": "Strong 1"}}
	level := func(version, l string) Player {
		return Player{Name: "Stockfish " + version + " level " + l, Spec: stockfishSpec(version, l)}
	}
	sound := Match{Protocol: "sound", Openings: "startpos", OpponentLimit: "movetime 100ms", Seed: 1}
	again := sound
	again.Seed = 2
	depth := sound
	depth.OpponentLimit = "depth 2"
	paper := Match{Protocol: "paper", Openings: "startpos", OpponentLimit: "movetime 100ms", MaxPlies: 178, Seed: 1, Options: map[string]string{"claims": "off"}}

	play(t, s, newMatch(t, s, cold, level("17.1", "1"), sound), elo.Record{Wins: 38, Draws: 11, Losses: 51}, LostBoard, false)
	play(t, s, newMatch(t, s, cold, level("17.1", "0"), sound), elo.Record{Wins: 31, Draws: 5, Losses: 14}, LostIllegal, false)
	play(t, s, newMatch(t, s, cold, level("17.1", "0"), again), elo.Record{Wins: 30, Draws: 4, Losses: 16}, LostLength, false)
	play(t, s, newMatch(t, s, cold, level("17.1", "0"), depth), elo.Record{Wins: 5, Draws: 1, Losses: 4}, LostBoard, false)
	play(t, s, newMatch(t, s, cold, level("17.1", "1"), paper), elo.Record{Wins: 4, Draws: 2, Losses: 4}, LostResign, true)
	play(t, s, newMatch(t, s, cold, level("15.1", "1"), sound), elo.Record{Wins: 10, Draws: 0, Losses: 10}, LostBoard, false)
	play(t, s, newMatch(t, s, cold, Player{Name: "random", Spec: map[string]string{"kind": "random", "version": "1"}}, sound), elo.Record{Wins: 9, Draws: 1}, NotLost, false)
	lost := newMatch(t, s, hot, level("17.1", "0"), sound)
	play(t, s, lost, elo.Record{Losses: 12}, LostIllegal, false)
	play(t, s, newMatch(t, s, strong, level("17.1", "1"), sound), elo.Record{Wins: 40}, NotLost, false)
	newMatch(t, s, hot, level("17.1", "1"), paper) // begun, no games
	for _, by := range []Culprit{ByOpponent, ByOpponent, ByArena, ByPlayer} {
		if err := s.RecordVoid(context.Background(), Void{MatchID: lost, Slot: 3, By: by, Cause: "crash", Message: "signal: killed"}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func board(t testing.TB, s *Store, opt BoardOptions) *Board {
	t.Helper()
	b, err := s.Leaderboard(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBoardText compares the tables with a golden file.
func TestBoardText(t *testing.T) {
	var got bytes.Buffer
	b := board(t, sample(t), BoardOptions{Seed: 1})
	if err := b.WriteText(&got); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "board.txt")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
	if strings.ContainsRune(got.String(), '\x1b') {
		t.Error("a control character of a name reached the terminal")
	}
	// Errors of the writer come back.
	if err := b.WriteText(failingWriter{}); err == nil {
		t.Error("write error lost")
	}
	if err := b.WriteJSON(failingWriter{}); err == nil {
		t.Error("write error lost")
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("pipe closed") }

func TestBoardJSON(t *testing.T) {
	b := board(t, sample(t), BoardOptions{Seed: 1})
	var out bytes.Buffer
	if err := b.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var back Board
	if err := json.Unmarshal(out.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	for i := range b.Rows { // empty maps and single games are left out of JSON
		r := &b.Rows[i]
		r.Played = nil
		if len(r.Voids) == 0 {
			r.Voids = nil
		}
		if len(r.Losses) == 0 {
			r.Losses = nil
		}
		if len(r.Conditions.Options) == 0 {
			r.Conditions.Options = nil
		}
	}
	if !reflect.DeepEqual(&back, b) {
		t.Errorf("read back\n%+v\nwas\n%+v", back, b)
	}
	var loose struct {
		Rows []map[string]any `json:"rows"`
	}
	if err := json.Unmarshal(out.Bytes(), &loose); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"player", "scale", "record", "rating", "paper_glicko2", "losses", "legal_rate", "opponents", "distinct_games", "warnings"} {
		if _, ok := loose.Rows[0][key]; !ok {
			t.Errorf("no %q in the first row", key)
		}
	}
}

// TestBoardNumbers computes the first row's numbers again from the games, and
// checks what is kept apart.
func TestBoardNumbers(t *testing.T) {
	s := sample(t)
	b := board(t, s, BoardOptions{Seed: 1, Confidence: 0.9})
	find := func(name, scale, protocol string) Row {
		t.Helper()
		var found []Row
		for _, r := range b.Rows {
			if r.Player.Name == name && strings.HasPrefix(r.Scale, scale) && (scale == "") == (r.Scale == "") && r.Conditions.Protocol == protocol {
				found = append(found, r)
			}
		}
		if len(found) != 1 {
			t.Fatalf("%d rows of %s on %q under %s", len(found), name, scale, protocol)
		}
		return found[0]
	}
	if len(b.Rows) != 6 {
		t.Errorf("%d rows, want 6", len(b.Rows))
	}
	r := find("m1500 T=0.1", "CCRL Blitz", "sound")
	if want := (elo.Record{Wins: 104, Draws: 21, Losses: 85}); r.Record != want || r.Score != want.Score() {
		t.Errorf("record %+v, want %+v", r.Record, want)
	}
	if want := map[LossCause]int{LostBoard: 55, LostIllegal: 14, LostLength: 16}; !reflect.DeepEqual(r.Losses, want) {
		t.Errorf("losses %v, want %v", r.Losses, want)
	}
	if r.Moves != 20*210 || r.Attempts != 22*210 || r.Illegal != 2*210 || math.Abs(*r.LegalRate-20.0/22) > 1e-12 || r.Distinct != 210 {
		t.Errorf("%d moves, %d attempts, %d illegal, rate %v, %d distinct", r.Moves, r.Attempts, r.Illegal, *r.LegalRate, r.Distinct)
	}
	// The two seeds against level 0 are one opponent, the other limit is another.
	if len(r.Opponents) != 3 || r.Opponents[0].Limit != "depth 2" || r.Opponents[1].Record.Games() != 100 || r.Opponents[2].Anchor.Rating != 1467.6 {
		t.Errorf("opponents %+v", r.Opponents)
	}
	var results []elo.Result
	for _, o := range r.Opponents {
		results = append(results, elo.Result{Anchor: *o.Anchor, Record: o.Record})
	}
	want, err := elo.EstimateRating(results, elo.Options{Confidence: 0.9, ScaleError: 51})
	// The order of the opponents may move the last bit.
	if err != nil || math.Abs(want.Rating-r.Rating.Rating) > 1e-6 || math.Abs(want.Sampling.Low-r.Rating.Sampling.Low) > 1e-6 || math.Abs(want.Total.High-r.Rating.Total.High) > 1e-6 || r.Rating.Confidence != 0.9 {
		t.Errorf("rating %+v, want %+v, %v", r.Rating, want, err)
	}
	// paper-glicko2 takes the games in the paper's order: match by match, those with
	// Black first.
	var order, alternate []elo.PaperGame
	for _, match := range []int64{1, 2, 3, 4} {
		m, err := s.Match(context.Background(), match)
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.Player(context.Background(), m.OpponentID)
		if err != nil {
			t.Fatal(err)
		}
		rating := map[string]float64{"0": 1320.1, "1": 1467.6}[p.Spec[SpecSkillLevel]]
		var late []elo.PaperGame
		for _, g := range collect(t, s, match) {
			one := elo.PaperGame{Opponent: rating, Outcome: g.Outcome()}
			if alternate = append(alternate, one); g.PlayerWhite {
				late = append(late, one)
			} else {
				order = append(order, one)
			}
		}
		order = append(order, late...)
	}
	glicko, err := elo.PaperGlicko2(order)
	if err != nil || r.PaperGlicko2.Glicko2 != glicko {
		t.Errorf("paper-glicko2 %+v, want %+v, %v", r.PaperGlicko2.Glicko2, glicko, err)
	}
	testMendedGlicko(t, s, order, alternate)
	spread, err := elo.PaperGlicko2Spread(order, 200, 1)
	if err != nil || *r.PaperGlicko2.Orders != spread {
		t.Errorf("spread %+v, want %+v, %v", r.PaperGlicko2.Orders, spread, err)
	}

	other := find("m1500 T=0.1", "CCRL 40/4", "sound")
	if other.Record.Games() != 20 || math.Abs(other.Rating.Rating-1490) > 0.1 {
		t.Errorf("the other scale: %+v", other)
	}
	unrated := find("m1500 T=0.1", "", "sound")
	if unrated.Rating != nil || unrated.PaperGlicko2 != nil || !strings.Contains(unrated.Unrated, "random") || unrated.Record.Games() != 10 {
		t.Errorf("against the random mover: %+v", unrated)
	}
	repeated := find("m1500 T=0.1", "Lichess bots (paper, figure)", "paper")
	if repeated.Distinct != 1 || !hasWarning(repeated, elo.WarnRepeatedGames) || hasWarning(r, elo.WarnRepeatedGames) {
		t.Errorf("repeated games: %d distinct, %v", repeated.Distinct, repeated.Warnings)
	}
	lost := find("m1500 T=1", "CCRL Blitz", "sound")
	if lost.Rating.Side != elo.Below || lost.Voids[ByOpponent] != 2 || lost.Voids[ByPlayer] != 1 || lost.Losses[LostIllegal] != 12 {
		t.Errorf("the row that lost everything: %+v", lost)
	}
	if !hasWarning(r, elo.WarnConditions) {
		t.Errorf("no word about the limit: %v", r.Warnings)
	}
	for i := 1; i < len(b.Rows); i++ {
		if a, b := b.Rows[i-1], b.Rows[i]; a.Scale == b.Scale && strengthOf(a) < strengthOf(b) {
			t.Errorf("%s before the stronger %s", a.Player.Name, b.Player.Name)
		}
	}
}

// testMendedGlicko checks the numbers without the paper's orders.
func testMendedGlicko(t *testing.T, s *Store, paper, alternate []elo.PaperGame) {
	t.Helper()
	glicko := func(opt GlickoOptions) elo.Glicko2 {
		b, err := s.Leaderboard(context.Background(), BoardOptions{Matches: []int64{1, 2, 3, 4}, Glicko: opt})
		if err != nil || len(b.Rows) != 1 {
			t.Fatalf("%d rows, %v", len(b.Rows), err)
		}
		return b.Rows[0].PaperGlicko2.Glicko2
	}
	want, err := elo.PaperGlicko2(alternate)
	if got := glicko(GlickoOptions{Alternate: true}); err != nil || got != want {
		t.Errorf("alternating: %+v, want %+v, %v", got, want, err)
	}
	var period []elo.Glicko2Game
	for _, g := range paper {
		period = append(period, elo.Glicko2Game{Opponent: g.Opponent, Outcome: g.Outcome})
	}
	want, err = elo.Glicko2Config{}.Update(elo.PaperGlicko2Start(), period)
	got := glicko(GlickoOptions{OnePeriod: true})
	if err != nil || math.Abs(got.Rating-want.Rating) > 1e-6 || got.RD > 40 {
		t.Errorf("one period: %+v, want %+v, %v", got, want, err)
	}
}

// TestConditionsApart: games under different conditions are in different rows;
// the seed is no condition.
func TestConditionsApart(t *testing.T) {
	s := tempStore(t)
	base := Match{Protocol: "sound", Openings: "startpos", OpponentLimit: "movetime 100ms"}
	matches := []Match{base}
	for _, change := range []func(*Match){
		func(m *Match) { m.Protocol = "paper" }, func(m *Match) { m.Openings = "book" }, func(m *Match) { m.PlayerLimit = "nodes 1" },
		func(m *Match) { m.MaxPlies = 178 }, func(m *Match) { m.Adjudication = "resign" }, func(m *Match) { m.Options = map[string]string{"x": "y"} },
		func(m *Match) { m.Seed = 2 },
	} {
		m := base
		change(&m)
		matches = append(matches, m)
	}
	for _, m := range matches {
		id := newMatch(t, s, Player{Spec: modelSpec("0.1")}, Player{Spec: stockfishSpec("17.1", "1")}, m)
		play(t, s, id, elo.Record{Wins: 2, Losses: 1}, LostBoard, false)
	}
	b := board(t, s, BoardOptions{})
	if len(b.Rows) != len(matches)-1 {
		t.Errorf("%d rows, want %d", len(b.Rows), len(matches)-1)
	}
	for _, r := range b.Rows {
		if want := map[bool]int{true: 6, false: 3}[reflect.DeepEqual(r.Conditions, Conditions{Protocol: "sound", Openings: "startpos", Options: map[string]string{}})]; r.Record.Games() != want {
			t.Errorf("%d games under %+v, want %d", r.Record.Games(), r.Conditions, want)
		}
	}
}

func hasWarning(r Row, code elo.WarningCode) bool {
	for _, w := range r.Warnings {
		if w.Code == code {
			return true
		}
	}
	return false
}

func TestBoardOptions(t *testing.T) {
	s := sample(t)
	b := board(t, s, BoardOptions{Matches: []int64{2, 3}, Orders: -1})
	if len(b.Rows) != 1 || b.Rows[0].Record.Games() != 100 || b.Rows[0].PaperGlicko2.Orders != nil || b.Rows[0].Losses[LostBoard] != 0 {
		t.Errorf("two matches only: %+v", b)
	}
	set, err := elo.AnchorSetNamed(elo.PaperCode)
	if err != nil {
		t.Fatal(err)
	}
	b = board(t, s, BoardOptions{Anchors: AnchorsFrom(set)})
	scales := map[string]int{}
	for _, r := range b.Rows {
		scales[r.Scale]++
		if r.Scale == set.Scale && hasWarning(r, elo.WarnConditions) {
			t.Errorf("warned of the limit that the set was measured at: %v", r.Warnings)
		}
		if r.Scale == "" && r.Player.Name == "m1500 T=1" && !strings.Contains(r.Unrated, "levels 1 to 5, not 0") {
			t.Errorf("why not: %q", r.Unrated)
		}
	}
	if len(scales) != 2 || scales[""] == 0 {
		t.Errorf("scales %v", scales)
	}
	// Sets that share a name are still different scales.
	b = board(t, s, BoardOptions{Anchors: func(p Player, _ string) (elo.AnchorSet, elo.Anchor, error) {
		return elo.AnchorSet{Name: "own", Version: "1", Scale: "by " + p.Name}, elo.Anchor{Name: p.Name, Rating: 1000}, nil
	}})
	for _, r := range b.Rows {
		for _, o := range r.Opponents {
			if r.Scale != "by "+o.Opponent.Name {
				t.Errorf("opponent %s in a row of the scale %q", o.Opponent.Name, r.Scale)
			}
		}
	}
	broken := errors.New("the calibration file is unreadable")
	if _, err := s.Leaderboard(context.Background(), BoardOptions{Anchors: func(Player, string) (elo.AnchorSet, elo.Anchor, error) {
		return elo.AnchorSet{}, elo.Anchor{}, broken
	}}); !errors.Is(err, broken) {
		t.Errorf("an error of the anchors: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Leaderboard(ctx, BoardOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

func TestEmptyBoard(t *testing.T) {
	s := tempStore(t)
	b := board(t, s, BoardOptions{})
	var text, js bytes.Buffer
	if err := errors.Join(b.WriteText(&text), b.WriteJSON(&js)); err != nil {
		t.Fatal(err)
	}
	if text.String() != "no games yet\n" || js.String() != "{\n  \"rows\": []\n}\n" {
		t.Errorf("%q %q", text.String(), js.String())
	}
	// A match with nothing but void games is a row without a rating.
	m := simpleMatch(t, s)
	if err := s.RecordVoid(context.Background(), Void{MatchID: m, By: ByPlayer, Cause: "crash"}); err != nil {
		t.Fatal(err)
	}
	text.Reset()
	if err := board(t, s, BoardOptions{}).WriteText(&text); err != nil || !strings.Contains(text.String(), "void games by failure of the player, played again: 1") {
		t.Errorf("%s %v", text.String(), err)
	}
}

func TestDefaultAnchors(t *testing.T) {
	for _, test := range []struct {
		spec map[string]string
		want string // anchor's name, or part of the error
	}{
		{stockfishSpec("17.1", "3"), "Stockfish 17.1 level 3"},
		{map[string]string{"kind": "uci", "name": "Stockfish 16", "option.UCI_LimitStrength": "true", "option.UCI_Elo": "1500", "option.Skill Level": "20"}, "Stockfish 16 UCI_Elo 1500"},
		{map[string]string{"kind": "uci", "name": "Stockfish 16", "option.UCI_Elo": "1500"}, "full strength"},
		{map[string]string{"kind": "uci", "name": "Stockfish 16"}, "full strength"},
		{map[string]string{"kind": "uci", "name": "Crafty", "option.Skill Level": "1"}, "there are " + elo.StockfishBlitz2023},
		{map[string]string{"kind": "model"}, "no UCI engine"},
	} {
		_, a, err := DefaultAnchors(Player{Name: "x", Spec: test.spec}, "")
		if err == nil && a.Name != test.want || err != nil && (!errors.Is(err, elo.ErrNoAnchor) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%v: %+v, %v; want %s", test.spec, a, err, test.want)
		}
	}
}

func ExampleBoard_WriteText() {
	b := &Board{}
	if err := b.WriteText(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output: no games yet
}

// TestLocalScaleIsNeverMixed rates the same games by a local scale and by the
// published one: the rows are different ones, on different scales, and opponents
// that the scale does not have stay unrated.
func TestLocalScaleIsNeverMixed(t *testing.T) {
	ctx := context.Background()
	s := tempStore(t)
	spec := func(level string) map[string]string {
		return map[string]string{"kind": "uci", SpecName: "Stockfish 15.1", "sha256": "aa", SpecSkillLevel: level}
	}
	subject, err := s.EnsurePlayer(ctx, Player{Name: "model", Spec: map[string]string{"kind": "model"}})
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range []struct{ level, limit string }{{"0", "movetime 10ms"}, {"1", "movetime 10ms"}, {"1", "movetime 100ms"}, {"2", "movetime 10ms"}} {
		id, err := s.EnsurePlayer(ctx, Player{Name: "Stockfish 15.1 level " + o.level, Spec: spec(o.level)})
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.EnsureMatch(ctx, Match{PlayerID: subject, OpponentID: id, Openings: "startpos", OpponentLimit: o.limit, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		for slot, result := range []string{"1-0", "1/2-1/2"} {
			if err := s.RecordGame(ctx, Game{MatchID: m, Slot: slot, PlayerWhite: true, Opening: "startpos", Result: result, Termination: "checkmate",
				Moves: []uint16{uint16(100*i + slot)}, MoveText: fmt.Sprint(i, slot)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	scale := elo.NewLocalScale(elo.LocalScale{Openings: "startpos", Players: []elo.LocalPlayer{
		{Name: "a", Spec: spec("0"), Limit: "movetime 10ms", Side: elo.TwoSided},
		{Name: "b", Spec: spec("1"), Limit: "movetime 10ms", Side: elo.TwoSided, Rating: 100, StandardError: 15},
	}})
	b := board(t, s, BoardOptions{Anchors: LocalAnchors(scale)})
	rated, unrated := 0, 0
	for _, r := range b.Rows {
		for _, o := range r.Opponents {
			if inScale := o.Anchor != nil; inScale != (r.AnchorSet == "local@"+scale.ID) || inScale != (r.Rating != nil) {
				t.Errorf("opponent %s (%s) in a row of %q", o.Opponent.Name, o.Limit, r.AnchorSet)
			} else if inScale {
				rated++
			} else {
				unrated++
			}
		}
		if r.Rating != nil && (r.Rating.AnchorError == 0 || hasWarning(r, elo.WarnConditions)) {
			t.Errorf("the scale's own error is %v, warnings %v", r.Rating.AnchorError, r.Warnings)
		}
	}
	if rated != 2 || unrated != 2 {
		t.Errorf("%d opponents are rated, %d are not, want 2 and 2", rated, unrated)
	}
	for _, r := range board(t, s, BoardOptions{}).Rows {
		if strings.HasPrefix(r.AnchorSet, "local") {
			t.Errorf("the local scale in the table of the published one: %+v", r)
		}
	}
}

// TestTableColumns: columns are as wide as what a terminal makes of their cells, in any
// script.
func TestTableColumns(t *testing.T) {
	var out strings.Builder
	Table{{"#", "player", "Elo"}, {"1", "棋王", "7"}, {"2", "e\u0301tude", "12"}, {"3", "abcdef", "-"}}.Write(&out)
	for _, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		if w := runewidth.StringWidth(line); w != 14 {
			t.Errorf("%d columns, want 14: %q", w, line)
		}
	}
}

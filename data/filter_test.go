package data

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"transcend/internal/bitboard"
	"transcend/pgn"
)

var update = flag.Bool("update", false, "rewrite golden files")

func reader(t testing.TB, text string) *pgn.Reader {
	t.Helper()
	r, err := pgn.NewReader("games.pgn", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// record writes one game: tags as "Name value" and movetext.
func record(movetext string, tags ...string) string {
	var b strings.Builder
	b.WriteString("[Event \"x\"]\n")
	for _, tag := range tags {
		name, value, _ := strings.Cut(tag, " ")
		fmt.Fprintf(&b, "[%s %q]\n", name, value)
	}
	return b.String() + "\n" + movetext + "\n\n"
}

const fourPlies = "1. e4 e5 2. Nf3 Nc6 1-0"

func TestFilterRules(t *testing.T) {
	capped := Filter{MaxElo: 1500}
	both := func(white, black string) []string { return []string{"WhiteElo " + white, "BlackElo " + black} }
	for name, test := range map[string]struct {
		f    Filter
		pgn  string
		rule string // "": kept; "broken"
	}{
		"everything":                  {Filter{}, record(fourPlies), ""},
		"no rating, no rule":          {Filter{}, record(fourPlies, "WhiteElo 900"), ""},
		"at the cap":                  {capped, record(fourPlies, both("1500", "1500")...), ""},
		"white above":                 {capped, record(fourPlies, both("1501", "800")...), RuleMaxElo},
		"black above":                 {capped, record(fourPlies, both("800", "1501")...), RuleMaxElo},
		"mean below, maximum above":   {capped, record(fourPlies, both("900", "1600")...), RuleMaxElo},
		"no white":                    {capped, record(fourPlies, "BlackElo 800"), RuleNoRating},
		"black unknown":               {capped, record(fourPlies, both("800", "?")...), RuleNoRating},
		"zero":                        {capped, record(fourPlies, both("0", "800")...), RuleNoRating},
		"provisional":                 {capped, record(fourPlies, both("1400?", "800")...), ""},
		"floor needs ratings":         {Filter{MinElo: 1000}, record(fourPlies), RuleNoRating},
		"at the floor":                {Filter{MinElo: 1000}, record(fourPlies, both("1000", "1000")...), ""},
		"one below the floor":         {Filter{MinElo: 1000}, record(fourPlies, both("2000", "999")...), RuleMinElo},
		"white below the floor":       {Filter{MinElo: 1000}, record(fourPlies, both("999", "2000")...), RuleMinElo},
		"cap before floor":            {Filter{MaxElo: 1500, MinElo: 1000}, record(fourPlies, both("2000", "999")...), RuleMaxElo},
		"variant":                     {capped, record(fourPlies, "Variant Atomic"), RuleVariant},
		"standard variant":            {Filter{}, record(fourPlies, "Variant Standard"), ""},
		"variant before rating":       {capped, record(fourPlies, append(both("1", "2000"), "Variant Chess960")...), RuleVariant},
		"setup":                       {Filter{}, record("1. Ke2 *", "SetUp 1", "FEN 4k3/8/8/8/8/8/8/4K3 w - - 0 1"), RuleSetup},
		"FEN without SetUp":           {Filter{}, record("1. Ke2 *", "FEN 4k3/8/8/8/8/8/8/4K3 w - - 0 1"), RuleSetup},
		"FEN of the start":            {Filter{}, record(fourPlies, "SetUp 1", "FEN rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"), ""},
		"FEN switched off":            {Filter{}, record(fourPlies, "SetUp 0", "FEN 4k3/8/8/8/8/8/8/4K3 w - - 0 1"), ""},
		"start without castling":      {Filter{}, record(fourPlies, "SetUp 1", "FEN rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w - - 0 1"), RuleSetup},
		"unfinished":                  {Filter{}, record("1. e4 *", "Result *"), RuleResult},
		"no result at all":            {Filter{}, record("1. e4"), RuleResult},
		"result in the movetext":      {Filter{}, record(fourPlies, "Result *"), ""},
		"unfinished and weak":         {capped, record("1. e4 *", both("1600", "1600")...), RuleMaxElo},
		"enough plies":                {Filter{MinPlies: 4}, record(fourPlies), ""},
		"too few plies":               {Filter{MinPlies: 5}, record(fourPlies), RuleMinPlies},
		"no move":                     {Filter{}, record("0-1"), RuleMinPlies},
		"illegal":                     {Filter{}, record("1. e4 e5 2. Ke3 1-0"), "broken"},
		"illegal in a dropped game":   {capped, record("1. e4 e5 2. Ke3 1-0", both("1600", "1")...), RuleMaxElo},
		"SetUp without FEN is broken": {Filter{}, record(fourPlies, "SetUp 1"), "broken"},
	} {
		t.Run(name, func(t *testing.T) {
			// Neighbors that are kept by every filter here.
			good := record("1. d4 d5 2. c4 c6 3. Nf3 Nf6 0-1", both("1200", "1200")...)
			c, report, err := ReadCorpus(t.Context(), reader(t, good+test.pgn+good), test.f)
			if err != nil {
				t.Fatal(err)
			}
			kept, dropped, examples := 2, 0, 0
			for _, d := range report.Dropped {
				dropped += d.Count
				examples += len(d.Examples)
				if d.Count > 0 && d.Rule != test.rule {
					t.Errorf("dropped by %s, want %q", d.Rule, test.rule)
				}
			}
			switch test.rule {
			case "":
				kept = 3
			case "broken":
				if report.Errors != 1 || len(report.Broken) != 1 || report.Broken[0].Game != 2 || report.Broken[0].Why == "" {
					t.Errorf("broken games: %d %+v", report.Errors, report.Broken)
				}
			default:
				if dropped != 1 || examples != 1 {
					t.Fatalf("dropped %d, examples %d", dropped, examples)
				}
				if report.DroppedBy(test.rule) != 1 {
					t.Errorf("DroppedBy(%s) = %d", test.rule, report.DroppedBy(test.rule))
				}
				for _, d := range report.Dropped {
					for _, e := range d.Examples {
						if e.File != "games.pgn" || e.Game != 2 || e.Why == "" {
							t.Errorf("example %+v", e)
						}
					}
				}
			}
			if report.Seen != 3 || report.Kept != kept || c.Len() != kept || report.Kept+report.Errors+dropped != report.Seen {
				t.Errorf("%+v", report)
			}
		})
	}
}

func TestFilterDuplicates(t *testing.T) {
	a := record(fourPlies, "WhiteElo 900", "BlackElo 901", "Site one")
	b := record(fourPlies, "WhiteElo 900", "BlackElo 901", "Site two")
	other := record(fourPlies, "WhiteElo 900", "BlackElo 902")
	text := a + b + other + a
	for _, drop := range []bool{false, true} {
		c, report, err := ReadCorpus(t.Context(), reader(t, text), Filter{DropDuplicates: drop})
		if err != nil {
			t.Fatal(err)
		}
		want := 4
		if drop {
			want = 2
			if report.DroppedBy(RuleDuplicate) != 2 {
				t.Errorf("%+v", report)
			}
		}
		if c.Len() != want || c.WithoutDuplicates().Len() != 2 {
			t.Errorf("drop %v: %d games, %d of them different", drop, c.Len(), c.WithoutDuplicates().Len())
		}
	}
}

func TestFilterValidate(t *testing.T) {
	for _, f := range []Filter{{MaxElo: -1}, {MinElo: -1}, {MinPlies: -1}, {MaxElo: 1000, MinElo: 1001}} {
		if _, err := ReadPGN(t.Context(), reader(t, ""), f, nil); err == nil {
			t.Errorf("%+v is accepted", f)
		}
	}
}

func TestGameFields(t *testing.T) {
	text := record(fourPlies, "White Anna", "Black Bernd", "Termination Time forfeit", "Site https://lichess.org/x", "Date 2018.06.02", "UTCDate 2018.06.01", "TimeControl 300+5", "WhiteElo 1500", "BlackElo 1501?", "Result 0-1") +
		record(fourPlies, "Site ?", "Date ????.??.??", "TimeControl ?") +
		record(fourPlies, "White ?", "Date 2018.??.??", "TimeControl -", "Termination ?") +
		strings.Replace(record(fourPlies), `"x"`, `"Rated Blitz tournament https://lichess.org/tournament/abc"`, 1) +
		strings.Replace(record(fourPlies), `"x"`, `"Casual Blitz game"`, 1)
	c, _, err := ReadCorpus(t.Context(), reader(t, text), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	moves := game(t, 0, "e4 e5 Nf3 Nc6").Moves
	for i, want := range []Game{
		{"Anna", "Bernd", 1500, 1501, bitboard.BlackWins, "300+5", "2018.06.01", "https://lichess.org/x", "Time forfeit", RatedUnknown, moves},
		{Result: bitboard.WhiteWins, Moves: moves},
		{Result: bitboard.WhiteWins, TimeControl: "-", Date: "2018.??.??", Moves: moves},
		{Result: bitboard.WhiteWins, Rated: RatedYes, Moves: moves},
		{Result: bitboard.WhiteWins, Rated: RatedNo, Moves: moves},
	} {
		if got := c.Game(i); !sameGame(got, want) {
			t.Errorf("game %d = %+v, want %+v", i, got, want)
		}
	}
}

// messy has something for every rule.
func messy() string {
	var b strings.Builder
	elo := func(w, bl int) []string {
		return []string{fmt.Sprintf("WhiteElo %d", w), fmt.Sprintf("BlackElo %d", bl)}
	}
	for i := range 1200 {
		b.WriteString(record(fourPlies, elo(900+i%100, 1000+i)...))
	}
	b.WriteString(record("1. e4 e5 2. Ke3 1-0", elo(900, 900)...))
	b.WriteString(record("1. e4 *", elo(900, 900)...))
	b.WriteString(record(fourPlies, append(elo(900, 900), "Variant Horde")...))
	b.WriteString(record("1. e4 1-0", "WhiteElo 1000", "BlackElo ?"))
	b.WriteString(record("1-0", elo(900, 900)...))
	b.WriteString(record(fourPlies, elo(900, 1000)...))
	return b.String()
}

func TestFilterReport(t *testing.T) {
	f := Filter{MaxElo: 1500, MinElo: 800, MinPlies: 2, DropDuplicates: true}
	_, report, err := ReadCorpus(t.Context(), reader(t, messy()), f)
	if err != nil {
		t.Fatal(err)
	}
	j, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.txt", report.String())
	golden(t, "report-verbose.txt", report.Verbose())
	golden(t, "report.json", string(j)+"\n")

	var machine struct {
		Seen, Kept, Errors int
		Dropped            map[string]int
	}
	if err := json.Unmarshal(j, &machine); err != nil {
		t.Fatal(err)
	}
	sum := machine.Kept + machine.Errors
	for _, n := range machine.Dropped {
		sum += n
	}
	if machine.Seen != 1206 || sum != machine.Seen {
		t.Errorf("%+v", machine)
	}
	var back FilterReport
	if err := json.Unmarshal(j, &back); err != nil || !reflect.DeepEqual(back, report) {
		t.Errorf("read back: %v\n%+v\n%+v", err, back, report)
	}
	if err := back.UnmarshalJSON([]byte("[]")); err == nil {
		t.Error("an array is a report")
	}
	if s := (FilterReport{}).String(); !strings.Contains(s, "games seen") || strings.Contains(s, "NaN") {
		t.Errorf("the empty report:\n%s", s)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

func TestReadPGNStops(t *testing.T) {
	errFull := errors.New("disk full")
	n := 0
	report, err := ReadPGN(t.Context(), reader(t, messy()), Filter{}, func(*Game) error {
		if n++; n == 5 {
			return errFull
		}
		return nil
	})
	if !errors.Is(err, errFull) || report.Kept != 5 || report.Seen != 5 {
		t.Errorf("emit's error: %v %+v", err, report)
	}
	n = 0
	report, err = ReadPGN(t.Context(), reader(t, messy()), Filter{}, func(*Game) error {
		if n++; n == 7 {
			return fmt.Errorf("seven: %w", ErrStop)
		}
		return nil
	})
	if err != nil || report.Kept != 7 {
		t.Errorf("enough games: %v %+v", err, report)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	report, err = ReadPGN(ctx, reader(t, messy()), Filter{}, func(*Game) error {
		cancel(errFull)
		return nil
	})
	if !errors.Is(err, errFull) || report.Kept != 1 {
		t.Errorf("canceled: %v %+v", err, report)
	}
	// Where every game is dropped by its tags, too.
	ctx, cancel = context.WithCancelCause(t.Context())
	endless := &endlessGames{game: record(fourPlies, "WhiteElo 2000", "BlackElo 2000"), after: 1 << 20, then: func() { cancel(errFull) }}
	r, err := pgn.NewReader("endless", endless)
	if err != nil {
		t.Fatal(err)
	}
	report, err = ReadPGN(ctx, r, Filter{MaxElo: 1000}, func(*Game) error { return nil })
	if !errors.Is(err, errFull) || report.Kept != 0 || report.Seen != report.DroppedBy(RuleMaxElo) || report.Seen == 0 {
		t.Errorf("canceled among dropped games: %v %+v", err, report)
	}
	if endless.read > 50*endless.after {
		t.Error("nothing stopped the reading of games that are dropped")
	}
	r.Close()
	// An input that breaks off delivers the games before it.
	r, err = pgn.NewReader("cut", io.MultiReader(strings.NewReader(messy()[:5000]), iotest.ErrReader(errFull)))
	if err != nil {
		t.Fatal(err)
	}
	c, report, err := ReadCorpus(t.Context(), r, Filter{})
	if !errors.Is(err, errFull) || c.Len() == 0 || report.Kept != c.Len() {
		t.Errorf("broken input: %v, %d games", err, c.Len())
	}
}

// endlessGames is the same game again and again; then is called once after many
// bytes. It ends at some point so that a test that fails does, too.
type endlessGames struct {
	game  string
	read  int
	after int
	then  func()
}

func (e *endlessGames) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		k := copy(b[n:], e.game[e.read%len(e.game):])
		n, e.read = n+k, e.read+k
	}
	if e.read >= e.after && e.then != nil {
		e.then()
		e.then = nil
	}
	if e.read > 100*e.after {
		return n, errors.New("nobody stops reading")
	}
	return n, nil
}

// The games under the caps of the paper are as many as the page about the real
// games says. It counts ratings below the cap, where the filter has at most.
func TestRealCaps(t *testing.T) {
	dir := realData(t)
	page, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Skip("no page that says how many games there are")
	}
	for _, file := range []string{"chesscom_misc", "lichess_db_excerpts", "lichess_players_misc", "lichess_kaggle_20k"} {
		path := filepath.Join(dir, "lichess", file+".pgn.zst")
		row := tableRow(t, page, file)
		for column, limit := range map[int]int{2: 1000, 4: 1300, 5: 1500} {
			count := func(f Filter) int {
				r, err := pgn.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				report, err := ReadPGN(t.Context(), r, f, func(*Game) error { return nil })
				if err != nil {
					t.Fatal(err)
				}
				if report.Seen != row[1] || report.Errors != 0 {
					t.Errorf("%s: %d games, %d broken, want %d", file, report.Seen, report.Errors, row[1])
				}
				return report.Kept
			}
			if got := count(Filter{MaxElo: limit - 1}); got != row[column] {
				t.Errorf("%s: %d games below %d, the page says %d", file, got, limit, row[column])
			}
			at := 0
			both, one := 0, Filter{MaxElo: limit}
			r, err := pgn.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ReadPGN(t.Context(), r, one, func(g *Game) error {
				both++
				if max(g.WhiteElo, g.BlackElo) == limit {
					at++
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if both != row[column]+at {
				t.Errorf("%s: %d games at most %d, want %d below and %d at it", file, both, limit, row[column], at)
			}
		}
	}
}

// tableRow returns the numbers of a file's row in the table of files: from index
// 1 on games, below 1000, 1100, 1300, 1500.
func tableRow(t *testing.T, page []byte, file string) []int {
	t.Helper()
	for line := range bytes.Lines(page) {
		cells := strings.Split(string(line), "|")
		if len(cells) < 12 || !strings.Contains(cells[1], file) {
			continue
		}
		var row []int
		for _, cell := range cells[1:8] {
			n := 0
			fmt.Sscan(strings.ReplaceAll(cell, ",", ""), &n)
			row = append(row, n)
		}
		return row
	}
	t.Fatalf("the page has no row for %s", file)
	return nil
}

// A reading that is ended early reports the games up to that one, however far ahead
// of it the reader was.
func TestReportAtStop(t *testing.T) {
	var text strings.Builder
	for i := range 3000 {
		switch {
		case i%11 == 5:
			text.WriteString("[Event \"x\"]\n[White]\n\n1. e4 *\n\n") // broken
		case i%7 == 3:
			text.WriteString("[Event \"x\"]\n[WhiteElo \"900\"]\n[BlackElo \"950\"]\n\n1. e4 e5 1-0\n\n")
		case i%2 == 0:
			text.WriteString("[Event \"x\"]\n\n1. e4 e5 1-0\n\n")
		default:
			text.WriteString("[Event \"x\"]\n[WhiteElo \"1900\"]\n[BlackElo \"950\"]\n\n1. e4 e5 1-0\n\n")
		}
	}
	for _, stop := range []int{1, 2, 50, 500, 600, 700, 1 << 30} {
		var reports []FilterReport
		for _, workers := range []int{1, 2, 4} {
			r := reader(t, strings.Repeat(text.String(), 2))
			r.Workers(workers)
			n := 0
			report, err := ReadPGN(t.Context(), r, Filter{MaxElo: 1000}, func(*Game) error {
				if n++; n == stop {
					return ErrStop
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			dropped := 0
			for _, d := range report.Dropped {
				dropped += d.Count
			}
			if report.Seen != report.Kept+report.Errors+dropped || report.Kept != n || dropped == 0 {
				t.Errorf("stop %d, %d workers: %+v", stop, workers, report)
			}
			reports = append(reports, report)
		}
		for i, report := range reports {
			if !reflect.DeepEqual(report, reports[0]) {
				t.Errorf("stop %d:\n got %+v\nwant %+v", stop, reports[i], reports[0])
			}
		}
	}
}

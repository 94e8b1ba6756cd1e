package stats

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"unsafe"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/internal/golden"
)

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\ngot  %+v\nwant %+v", what, got, want)
	}
}

// Every number here was counted by hand from handGames.
func TestByHand(t *testing.T) {
	d := describe(handGames(t))
	score := func(f float64) *float64 { return &f }
	equal(t, "games", d.Games, 6)
	equal(t, "results", d.Results, Results{WhiteWins: 2, Draws: 2, BlackWins: 1, Unfinished: 1, WhiteScore: score(0.6)})
	equal(t, "plies", d.Plies.Total, 21)
	equal(t, "lengths", d.Plies.Summary, Summary{Count: 6, Mean: 3.5, Min: 0, P5: 0, P25: 1, Median: 3, P75: 4, P95: 10, Max: 10})
	equal(t, "lengths by ten", d.Plies.Histogram, []Bin{{0, 9, 5}, {10, 19, 1}})
	equal(t, "lengths of draws", d.Plies.Draws.Summary, Summary{Count: 2, Mean: 1.5, Min: 0, P5: 0, P25: 0, Median: 0, P75: 3, P95: 3, Max: 3})

	// 1000 1199 1200 1001 1100 1300 1100 1399 1399
	equal(t, "players' ratings", d.Ratings.Players, Distribution{
		Summary{Count: 9, Mean: 10698.0 / 9, Min: 1000, P5: 1000, P25: 1100, Median: 1199, P75: 1300, P95: 1399, Max: 1399},
		[]Bin{{1000, 1099, 2}, {1100, 1199, 3}, {1200, 1299, 1}, {1300, 1399, 3}}})
	equal(t, "missing", []int{d.Ratings.UnknownPlayers, d.Ratings.UnknownGames}, []int{3, 2})
	// 1199 1200 1300 1399
	equal(t, "maximum", d.Ratings.Maximum, Distribution{
		Summary{Count: 4, Mean: 5098.0 / 4, Min: 1199, P5: 1199, P25: 1199, Median: 1200, P75: 1300, P95: 1399, Max: 1399},
		[]Bin{{1100, 1199, 1}, {1200, 1299, 1}, {1300, 1399, 2}}})
	// 199 199 200 0
	equal(t, "difference", d.Ratings.Difference, Summary{Count: 4, Mean: 149.5, Min: 0, P5: 0, P25: 0, Median: 199, P75: 199, P95: 200, Max: 200})

	equal(t, "speeds", d.Speeds, Speeds{Bullet: 1, Blitz: 2, Correspondence: 1, Unknown: 2})
	equal(t, "bands", d.Bands, []Band{
		{From: 1100, To: 1199, Games: 1, Speeds: Speeds{Blitz: 1}, Results: Results{WhiteWins: 1, WhiteScore: score(1)}},
		{From: 1200, To: 1299, Games: 1, Speeds: Speeds{Blitz: 1}, Results: Results{BlackWins: 1, WhiteScore: score(0)}},
		{From: 1300, To: 1399, Games: 2, Speeds: Speeds{Bullet: 1, Unknown: 1}, Results: Results{Draws: 2, WhiteScore: score(0.5)}},
		{Unknown: true, Games: 2, Speeds: Speeds{Correspondence: 1, Unknown: 1}, Results: Results{WhiteWins: 1, Unfinished: 1, WhiteScore: score(1)}},
	})
	equal(t, "time controls", d.TimeControls, Names{Distinct: 4, Unknown: 1, Top: []NameCount{{"300+0", 2}, {"-", 1}, {"60+0", 1}, {"nonsense", 1}}})
	equal(t, "terminations", d.Terminations, Names{Distinct: 2, Unknown: 2, Top: []NameCount{{"Normal", 3}, {"Time forfeit", 1}}})
	equal(t, "rated", d.Rated, RatedAndNot{Rated: 2, Casual: 2, Unknown: 2})

	equal(t, "dates", d.Dates, Dates{First: "2018.06.??", Last: "2020.01.01", Unknown: 2,
		Years: []Period{{"2018", 3}, {"2019", 0}, {"2020", 1}}, Months: []Period{{"2018.06", 3}, {"2020.01", 1}}})
	equal(t, "players", d.Players, Players{Distinct: 5, Places: 10, Unknown: 2,
		Top:  []NameCount{{"anna", 5}, {"ben", 2}, {"\x1b[2Jeve", 1}, {"carl", 1}, {"dora", 1}},
		Top1: 0.5, Top10: 1, Top100: 1})

	one := func(games int, r Results) OpeningResults { return OpeningResults{games, r} }
	won := one(1, Results{WhiteWins: 1, WhiteScore: score(1)})
	lost := one(1, Results{BlackWins: 1, WhiteScore: score(0)})
	gambit := one(2, Results{WhiteWins: 1, Draws: 1, WhiteScore: score(0.75)})
	open := one(1, Results{Unfinished: 1})
	equal(t, "first moves", d.Openings.FirstMoves, []FirstMove{
		{"e4", one(2, Results{WhiteWins: 1, Unfinished: 1, WhiteScore: score(1)})},
		{"c4", won}, {"d4", one(1, Results{Draws: 1, WhiteScore: score(0.5)})}, {"f3", lost}})
	equal(t, "families", d.Openings.Families, []Family{
		{"Queen's Gambit", gambit}, {"Barnes Opening", lost}, {"King's Pawn", open}, {"Sicilian Defense", won}})
	equal(t, "codes", d.Openings.ECO, []ECO{{"A00", lost}, {"B00", open}, {"B90", won}, {"D06", gambit}})
	equal(t, "openings", d.Openings.Names, []Opening{
		{"D06", "Queen's Gambit", gambit}, {"A00", "Barnes Opening: Fool's Mate", lost},
		{"B00", "King's Pawn", open}, {"B90", "Sicilian Defense: Najdorf Variation", won}})
	equal(t, "without an opening", d.Openings.Unnamed, 1)
}

// Many bands are shown as fewer that are twice as wide, with the same games.
func TestWideBands(t *testing.T) {
	games := handGames(t)
	equal(t, "few bands", describe(games).wideBands(), describe(games).Bands)
	games[0].WhiteElo, games[0].BlackElo = 150, 250
	games[1].WhiteElo = 3099
	d := describe(games)
	score := func(f float64) *float64 { return &f }
	wide := d.wideBands()
	if len(d.Bands) != 30 || len(wide) != 16 {
		t.Fatalf("%d bands, %d wide", len(d.Bands), len(wide))
	}
	equal(t, "the first", wide[0], Band{From: 200, To: 399, Games: 1, Speeds: Speeds{Blitz: 1}, Results: Results{WhiteWins: 1, WhiteScore: score(1)}})
	equal(t, "1300s", wide[5], Band{From: 1200, To: 1399, Games: 2, Speeds: Speeds{Bullet: 1, Unknown: 1}, Results: Results{Draws: 2, WhiteScore: score(0.5)}})
	equal(t, "the last", wide[14], Band{From: 3000, To: 3199, Games: 1, Speeds: Speeds{Blitz: 1}, Results: Results{BlackWins: 1, WhiteScore: score(0)}})
	equal(t, "unknown", wide[15], d.Bands[29])
	games[0].WhiteElo, games[1].WhiteElo, games[1].BlackElo = 350, 3100, 3000
	games[0].BlackElo = 300
	if b := describe(games).wideBands()[0]; b.From != 200 || b.To != 399 || b.Games != 1 {
		t.Errorf("the first begins in the middle: %+v", b)
	}
}

// The JSON form comes back as the same Description; its keys do not change
// unnoticed.
func TestJSON(t *testing.T) {
	for name, games := range map[string][]data.Game{"hand.json": handGames(t), "empty.json": nil} {
		d := describe(games)
		b, err := json.MarshalIndent(d, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden.Check(t, name, string(b)+"\n")
		var back Description
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		equal(t, name, &back, d)
	}
}

func TestParseDate(t *testing.T) {
	for s, want := range map[string]string{
		"2018.06.12": "2018.06.12", "2018.06.??": "2018.06.??", "2018.??.??": "2018.??.??", "2018": "2018.??.??",
		"2018.06": "2018.06.??", "2018-06-12": "2018.06.12", "2018/06/12": "2018.06.12", "2000.10.10": "2000.10.10",
		"2018.??.12": "2018.??.??", "1400.01.01": "1400.01.01", "2199.12.31": "2199.12.31",
		"": "", "????.??.??": "", "1399.01.01": "", "2200.01.01": "", "2018.13.01": "", "2018.12.32": "",
		"2018.6.1": "", "201": "", "2018.": "", "2018.06.": "", "2018.06.1": "", "2018.06.123": "", "2018x06x12": "", "-018.01.01": "",
	} {
		d, ok := parseDate(s)
		if got := d.String(); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v, want %q", s, got, ok, want)
		}
	}
}

// Quantiles against their definition, on lists written out.
func TestSummaries(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		counts := make([]int, 1+rng.IntN(40))
		var values []int
		for v := range counts {
			if rng.IntN(3) > 0 {
				counts[v] = rng.IntN(4)
			}
			for range counts[v] {
				values = append(values, v)
			}
		}
		s := summarize(counts, 0)
		if len(values) == 0 {
			equal(t, "nothing", s, Summary{})
			continue
		}
		at := func(p float64) int { return values[max(0, int(math.Ceil(p*float64(len(values))-1e-9))-1)] }
		total := 0
		for _, v := range values {
			total += v
		}
		equal(t, "summary", s, Summary{len(values), float64(total) / float64(len(values)), values[0], at(.05), at(.25), at(.5), at(.75), at(.95), values[len(values)-1]})
		bins, n := histogram(counts, 0, 7), 0
		for i, b := range bins {
			n += b.Count
			if b.From%7 != 0 || b.To != b.From+6 || i > 0 && b.From != bins[i-1].To+1 {
				t.Fatalf("bins %+v", bins)
			}
		}
		if n != len(values) || bins[0].Count == 0 || bins[len(bins)-1].Count == 0 {
			t.Fatalf("bins %+v for %v", bins, values)
		}
	}
}

// The order of the games is of no importance, and a game's texts may lie in a
// buffer that its reader uses again.
func TestOrderAndBuffers(t *testing.T) {
	games := handGames(t)
	want := describe(games)
	a := New()
	for i := len(games) - 1; i >= 0; i-- {
		g := games[i]
		buf := []byte(g.White + g.Black)
		shared := unsafe.String(unsafe.SliceData(buf), len(buf))
		g.White, g.Black = shared[:len(g.White)], shared[len(g.White):]
		a.Add(&g)
		clear(buf)
	}
	equal(t, "backwards", a.Description(), want)
}

// Whatever a game says of itself, all counts add up and nothing panics: not for
// ratings, results and moves that package data would not let through.
func TestAddsUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	a := New()
	const games = 3000
	for range games {
		text := func() string {
			b := make([]byte, rng.IntN(12))
			for i := range b {
				b[i] = byte(rng.IntN(256))
			}
			return string(b)
		}
		g := data.Game{
			White: text(), Black: text(), WhiteElo: rng.IntN(12000) - 1000, BlackElo: rng.IntN(12000) - 1000,
			Result: bitboard.Result(rng.IntN(256)), TimeControl: text(), Date: text(), Termination: text(), Rated: data.Rated(rng.IntN(256)),
			Moves: make([]bitboard.Move, rng.IntN(100)),
		}
		for i := range g.Moves {
			g.Moves[i] = bitboard.Move(rng.IntN(1 << 16))
		}
		if rng.IntN(500) == 0 { // some, of 3000
			g.Moves = make([]bitboard.Move, maxPlies+5)
		}
		a.Add(&g)
	}
	d := a.Description()
	all := func(what string, n int) {
		t.Helper()
		if n != games {
			t.Errorf("%s: %d games of %d", what, n, games)
		}
	}
	all("results", d.Results.Games())
	all("speeds", sum(listOf(d.Speeds)))
	all("rated", d.Rated.Rated+d.Rated.Casual+d.Rated.Unknown)
	bands := 0
	for _, b := range d.Bands {
		bands += b.Games
		if b.Games != b.Results.Games() || b.Games != sum(listOf(b.Speeds)) {
			t.Errorf("band %+v", b)
		}
	}
	all("bands", bands)
	openings, codes, families := d.Openings.Unnamed, d.Openings.Unnamed, d.Openings.Unnamed
	for _, o := range d.Openings.Names {
		openings += o.Games
	}
	for _, o := range d.Openings.ECO {
		codes += o.Games
	}
	for _, o := range d.Openings.Families {
		families += o.Games
	}
	all("openings", openings)
	all("codes", codes)
	all("families", families)
	dates := d.Dates.Unknown
	for _, y := range d.Dates.Years {
		dates += y.Games
	}
	all("dates", dates)
	all("lengths", d.Plies.Count)
	equal(t, "the longest", d.Plies.Max, maxPlies)
	all("ratings", d.Ratings.Maximum.Count+d.Ratings.UnknownGames)
	all("players", (d.Players.Places+d.Players.Unknown)/2)
	b, err := json.Marshal(d)
	if err != nil || !json.Valid(b) {
		t.Error(err)
	}
}

func listOf(s Speeds) []int {
	l := s.list()
	return l[:]
}

// Once a collection's names have been seen, a game allocates nothing.
func TestAddDoesNotAllocate(t *testing.T) {
	a := New()
	games := handGames(t)
	add := func() {
		for i := range games {
			a.Add(&games[i])
		}
	}
	add()
	if n := testing.AllocsPerRun(100, add); n != 0 {
		t.Errorf("%v allocations for %d games", n, len(games))
	}
}

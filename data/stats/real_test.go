package stats

import (
	"path/filepath"
	"testing"

	"github.com/notnil/chess/opening"

	"transcend/data"
	"transcend/data/filter"
	"transcend/internal/realgames"
	"transcend/pgn"
)

// describePGN describes the games of one file.
func describePGN(t testing.TB, path string, f filter.Filter) *Description {
	t.Helper()
	r, err := pgn.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	a := New()
	report, err := data.ReadPGN(t.Context(), r, f, func(g *data.Game) error {
		a.Add(g)
		return nil
	})
	if err != nil || report.Errors != 0 {
		t.Fatalf("%v\n%s", err, report)
	}
	return a.Description()
}

// The tables of the README of the real games, which were counted by a program in
// another language. Where a file has no time controls the README goes by the Event
// tag; here these games are unknown.
func TestRealTables(t *testing.T) {
	dir := realgames.Dir(t)
	for _, c := range []struct {
		file                                       string
		games, white, black, draws                 int
		bullet, blitz, rapid, classical, corr      int
		players                                    int     // 0: not given
		plies                                      float64 // mean, to a tenth
		below1000, below1500, white1000, black1000 int
	}{
		{"lichess/chesscom_misc.pgn.zst", 4112, 1977, 1953, 182, 172, 559, 3139, 132, 110, 6193, 64.7, 1698, 3847, 776, 820},
		{"lichess/lichess_2018-06_rating_bands.pgn.zst", 23167, 12674, 9473, 1020, 0, 0, 0, 0, 0, 0, 64.8, 9302, 11566, 4644, 4332},
		{"lichess/lichess_db_excerpts.pgn.zst", 2786, 1376, 1322, 88, 694, 1244, 795, 46, 7, 1652, 69.4, 18, 491, 6, 11},
		{"lichess/lichess_kaggle_20k.pgn.zst", 14310, 7120, 6567, 623, 0, 4, 12436, 1870, 0, 12469, 63.4, 23, 3871, 11, 12},
		{"lichess/lichess_one_player_37k.pgn.zst", 33198, 16356, 15303, 1539, 26450, 6641, 79, 27, 1, 23288, 76.3, 0, 2829, 0, 0},
		{"lichess/lichess_players_misc.pgn.zst", 5830, 2791, 2711, 328, 1569, 4063, 185, 12, 1, 5382, 68.7, 7, 1799, 4, 3},
		{"lichess/lichess_titled.pgn.zst", 9853, 4793, 4270, 790, 9131, 705, 17, 0, 0, 613, 84.7, 0, 0, 0, 0},
		{"otb/twic_otb_below_2000.pgn.zst", 90732, 38081, 32259, 20392, 0, 0, 0, 0, 0, 27321, 80.7, 0, 3476, 0, 0},
		{"otb/twic_otb_2000_plus_sample.pgn.zst", 313457, 121330, 96539, 95588, 0, 0, 0, 0, 0, 46335, 84.4, 0, 0, 0, 0},
	} {
		t.Run(filepath.Base(c.file), func(t *testing.T) {
			if testing.Short() && c.games > 50_000 {
				t.Skip("large")
			}
			d := describePGN(t, filepath.Join(dir, c.file), filter.Filter{})
			equal(t, "games", d.Games, c.games)
			equal(t, "results", []int{d.Results.WhiteWins, d.Results.BlackWins, d.Results.Draws, d.Results.Unfinished}, []int{c.white, c.black, c.draws, 0})
			known := c.bullet + c.blitz + c.rapid + c.classical + c.corr
			equal(t, "speeds", []int{d.Speeds.UltraBullet + d.Speeds.Bullet, d.Speeds.Blitz, d.Speeds.Rapid, d.Speeds.Classical, d.Speeds.Correspondence, d.Speeds.Unknown},
				[]int{c.bullet, c.blitz, c.rapid, c.classical, c.corr, c.games - known})
			if c.players > 0 {
				equal(t, "players", d.Players.Distinct, c.players)
			}
			if m := d.Plies.Mean; m < c.plies-0.05001 || m > c.plies+0.05001 {
				t.Errorf("%.4f plies a game, want %.1f", m, c.plies)
			}
			var low Results
			below := 0
			for _, b := range d.Bands {
				if !b.Unknown && b.To < 1000 {
					low.WhiteWins += b.Results.WhiteWins
					low.BlackWins += b.Results.BlackWins
					below += b.Games
				}
			}
			equal(t, "both below 1000", []int{below, low.WhiteWins, low.BlackWins}, []int{c.below1000, c.white1000, c.black1000})
			below = 0
			for _, b := range d.Ratings.Maximum.Histogram {
				if b.To < 1500 {
					below += b.Count
				}
			}
			equal(t, "both below 1500", below, c.below1500)
		})
	}
}

// BenchmarkAdd describes real games: games/s on one core. In the steady state
// nothing is allocated.
func BenchmarkAdd(b *testing.B) {
	dir := realgames.Dir(b)
	r, err := pgn.Open(filepath.Join(dir, "lichess", "lichess_one_player_37k.pgn.zst"), filepath.Join(dir, "lichess", "lichess_kaggle_20k.pgn.zst"))
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	c, _, err := data.ReadCorpus(b.Context(), r, filter.Filter{})
	if err != nil {
		b.Fatal(err)
	}
	a := New()
	var games []data.Game
	for _, g := range c.All() {
		a.Add(&g)
		games = append(games, g)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		a.Add(&games[i])
		if i++; i == len(games) {
			i = 0
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "games/s")
}

// BenchmarkNew is what the first New of a process costs: the table of openings.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := newBook(opening.NewBookECO().Possible(nil)); err != nil {
			b.Fatal(err)
		}
	}
}

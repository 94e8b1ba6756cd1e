package sweep

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"transcend/elo"
	"transcend/internal/trials"
)

// world is a simulated sweep: every player meets every opponent on the same
// openings, once with each color.
type world struct {
	opponents []float64
	openings  int     // per opponent
	hard      float64 // sd in points of how hard an opening is, for both games
	color     float64 // sd in points of how much it favors a color
	share     float64 // of the largest draw rate possible
	apart     bool    // each player has openings of its own
	repeat    float64 // probability that the second game repeats the first one's result
}

func (w world) play(rng *rand.Rand, skill []float64) []Block {
	var blocks []Block
	game := func(d float64) elo.Outcome {
		p := elo.Expected(d, 0)
		draw := w.share * 2 * min(p, 1-p)
		switch u := rng.Float64(); {
		case u < p-draw/2:
			return elo.Win
		case u < p+draw/2:
			return elo.Draw
		}
		return elo.Loss
	}
	for o, rating := range w.opponents {
		for range w.openings {
			b := Block{Opponent: o, Records: make([]elo.Record, len(skill))}
			hard, color := w.hard*rng.NormFloat64(), w.color*rng.NormFloat64()
			for i, r := range skill {
				if w.apart {
					b = Block{Opponent: o, Records: make([]elo.Record, len(skill))}
					hard, color = w.hard*rng.NormFloat64(), w.color*rng.NormFloat64()
				}
				first := game(r - rating - hard + color)
				b.Records[i].Add(first)
				if rng.Float64() < w.repeat {
					b.Records[i].Add(first)
				} else {
					b.Records[i].Add(game(r - rating - hard - color))
				}
				if w.apart {
					blocks = append(blocks, b)
				}
			}
			if !w.apart {
				blocks = append(blocks, b)
			}
		}
	}
	return blocks
}

// truth is the rating that endless games would give: the hardness of openings
// flattens the curve.
func (w world) truth(skill float64) float64 {
	sd := math.Hypot(w.hard, w.color)
	var rs []elo.Result
	for _, rating := range w.opponents {
		sum, weights := 0.0, 0.0
		for i := -400; i <= 400; i++ {
			x := float64(i) / 50
			weight := math.Exp(-x * x / 2)
			sum += weight * elo.Expected(skill+sd*x, rating)
			weights += weight
		}
		n := int(sum / weights * 1e9)
		rs = append(rs, elo.Result{Anchor: elo.Anchor{Rating: rating}, Record: elo.Record{Wins: n, Losses: 1e9 - n}})
	}
	r, _ := elo.Performance(rs)
	return r
}

func anchors(w world, shift []float64, se float64) []elo.Anchor {
	var as []elo.Anchor
	for j, r := range w.opponents {
		as = append(as, elo.Anchor{Name: fmt.Sprint(j), Rating: r + shift[j], StandardError: se})
	}
	return as
}

func mustRate(t testing.TB, as []elo.Anchor, k int, blocks []Block, opt Options) *Sweep {
	t.Helper()
	s, err := Rate(as, k, blocks, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestCoverage: every interval against known truth, with openings that are hard
// for everybody, with opponents whose ratings are off by their errors, with games
// that repeat each other.
func TestCoverage(t *testing.T) {
	n := trials.Or(200)
	for _, test := range []struct {
		name  string
		w     world
		skill []float64
		se    float64 // of the opponents
		scale float64
	}{
		{"8 players at 150 openings", world{opponents: []float64{1320, 1468}, openings: 75, color: 150, share: 0.2},
			[]float64{1300, 1310, 1320, 1330, 1340, 1350, 1360, 1370}, 0, 0},
		{"the same, openings hard for all", world{opponents: []float64{1320, 1468}, openings: 75, hard: 250, share: 0.2},
			[]float64{1300, 1300, 1300, 1300, 1300, 1300, 1300, 1300}, 0, 0},
		{"the same, games that repeat", world{opponents: []float64{1320, 1468}, openings: 75, repeat: 0.8},
			[]float64{1300, 1300, 1300, 1300}, 0, 0},
		{"opponents off by 30, scale by 51", world{opponents: []float64{1320, 1468}, openings: 75, color: 100, share: 0.3},
			[]float64{1200, 1300, 1400, 1450}, 30, 51},
		{"10 openings for each of 3", world{opponents: []float64{1400, 1500, 1600}, openings: 10, color: 100, share: 0.3},
			[]float64{1400, 1450, 1500, 1550}, 0, 0},
		{"far below the opponents", world{opponents: []float64{1554, 1867}, openings: 50, share: 0.1},
			[]float64{1150, 1150, 1200}, 0, 0},
	} {
		rng := rand.New(rand.NewPCG(11, 12))
		k := len(test.skill)
		var truth []float64
		for _, r := range test.skill {
			truth = append(truth, test.w.truth(r))
		}
		single, difference, simultaneous, independent, paired, unpaired := 0, 0, 0, 0, 0.0, 0.0
		for trial := range n {
			scale := test.scale * rng.NormFloat64()
			shift := make([]float64, len(test.w.opponents))
			for j := range shift {
				shift[j] = scale + test.se*rng.NormFloat64()
			}
			s := mustRate(t, anchors(test.w, shift, test.se), k, test.w.play(rng, test.skill), Options{ScaleError: test.scale, Seed: uint64(trial), Draws: 2000})
			if s.Interval(0).Contains(truth[0]) {
				single++
			}
			if s.Estimates[0].Total.Contains(truth[0]) {
				independent++
			}
			d, err := s.Difference(1, 0)
			if err != nil {
				t.Fatal(err)
			}
			if d.Interval.Contains(truth[1] - truth[0]) {
				difference++
			}
			paired += d.StandardError / float64(n)
			unpaired += d.Unpaired / float64(n)
			all := true
			for i, iv := range s.Simultaneous() {
				all = all && iv.Contains(truth[i])
			}
			if all {
				simultaneous++
			}
		}
		share := func(c int) float64 { return float64(c) / float64(n) }
		t.Logf("| %s | %.3f | %.3f | %.3f | %.3f | %.1f | %.1f |", test.name, share(single), share(independent), share(difference), share(simultaneous), paired, unpaired)
		slack := 3 * math.Sqrt(0.95*0.05/float64(n))
		for name, c := range map[string]int{"single": single, "difference": difference, "simultaneous": simultaneous} {
			if share(c) < 0.94-slack || share(c) > 0.97+slack+0.01 {
				t.Errorf("%s: %s intervals cover %.3f, want 0.95", test.name, name, share(c))
			}
		}
	}
}

// TestFalseClaims: with all players at the cap, the corrected verdict claims
// "above" in at most 2.5% of sweeps (the upper half of 5%), the uncorrected one far more
// often; one player well above is found.
func TestFalseClaims(t *testing.T) {
	n := trials.Or(200)
	w := world{opponents: []float64{1000, 1100}, openings: 50, color: 100, share: 0.2}
	for _, test := range []struct {
		name     string
		skill    []float64
		min, max float64 // of the corrected claim "above"
	}{
		{"8 at the cap", []float64{1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000}, 0, 0.025},
		{"7 at the cap, one 120 above", []float64{1120, 1000, 1000, 1000, 1000, 1000, 1000, 1000}, 0.8, 1},
		{"all 100 below", []float64{900, 900, 900, 900}, 0, 0.001},
	} {
		rng := rand.New(rand.NewPCG(21, 22))
		limit := w.truth(1000)
		claims, naive, below, small, optimism, excess := 0, 0, 0, 0, 0.0, 0.0
		for trial := range n {
			s := mustRate(t, anchors(w, make([]float64, 2), 0), len(test.skill), w.play(rng, test.skill), Options{Seed: uint64(trial), Draws: 2000})
			v := s.Verdict(limit)
			switch v.Claim {
			case AboveCap:
				claims++
			case BelowCap:
				below++
			}
			if v.SingleClaim == AboveCap {
				naive++
			}
			if v.P <= 0.05 {
				small++
			}
			if math.Abs(v.P-0.05) > 0.002 && (v.P < 0.05) != !v.Simultaneous.Contains(0) {
				t.Errorf("P %v, interval %v", v.P, v.Simultaneous)
			}
			optimism += v.Optimism / float64(n)
			excess += (v.Margin - (w.truth(test.skill[v.Best]) - limit)) / float64(n)
		}
		share := func(c int) float64 { return float64(c) / float64(n) }
		t.Logf("| %s | %.3f | %.3f | %.3f | %.3f | %.1f | %.1f |", test.name, share(claims), share(naive), share(below), share(small), excess, optimism)
		slack := 3 * math.Sqrt(max(test.max*(1-test.max), 1e-4)/float64(n))
		if share(claims) < test.min || share(claims) > test.max+slack {
			t.Errorf("%s: claimed above in %.3f, want %v to %v", test.name, share(claims), test.min, test.max)
		}
		if strings.HasPrefix(test.name, "8 at") && (share(naive) < 0.06 || optimism < 10 || math.Abs(excess-optimism) > 12) {
			t.Errorf("%s: uncorrected %.3f, highest too high by %.1f, predicted %.1f: the simulation does not show what is corrected", test.name, share(naive), excess, optimism)
		}
		if strings.HasPrefix(test.name, "all 100") && share(below) < 0.6 {
			t.Errorf("%s: claimed below in %.3f", test.name, share(below))
		}
	}
}

// TestPairedDifference by hand: two players, the same blocks against an equal
// opponent, differences of points 1, 1, 0, 1.
func TestPairedDifference(t *testing.T) {
	block := func(a, b elo.Record) Block { return Block{0, []elo.Record{a, b}} }
	w, d, l := elo.Record{Wins: 1}, elo.Record{Draws: 1}, elo.Record{Losses: 1}
	s := mustRate(t, []elo.Anchor{{Rating: 1500}}, 2, []Block{block(w, l), block(w, d), block(l, l), block(w, d)}, Options{})
	x, err := s.Difference(0, 1)
	if err != nil {
		t.Fatal(err)
	}
	// Three differences that are not 0 (2, 1 and 1 half points): of the 8
	// exchanges the observed one and its mirror are as extreme.
	if x.Blocks != 4 || x.P != 0.25 {
		t.Errorf("%+v", x)
	}
	// p is 3/4 and 1/4; influences are (x - p)/(4 * 3/16) in units of 400/ln 10.
	unit := 400 / math.Ln10 / 0.75
	sum := 0.0
	for _, u := range [][2]float64{{0.25, -0.25}, {0.25, 0.25}, {-0.75, -0.25}, {0.25, 0.25}} {
		sum += (u[0] - u[1]) * (u[0] - u[1])
	}
	if want := unit * math.Sqrt(sum*4/3); math.Abs(x.StandardError-want) > 1e-6*want || math.Abs(x.Value-2*elo.Difference(0.75)) > 1e-6 {
		t.Errorf("%+v, want %v ± %v", x, 2*elo.Difference(0.75), want)
	}
	back, _ := s.Difference(1, 0)
	if back.Value != -x.Value || back.P != x.P || back.Interval.Low != -x.Interval.High {
		t.Errorf("%+v, the other way %+v", x, back)
	}
	// Players that are copies of each other differ by nothing at all.
	// The opponents' errors cancel.
	s = mustRate(t, []elo.Anchor{{Rating: 1500, StandardError: 40}}, 3, []Block{{0, []elo.Record{w, w, l}}, {0, []elo.Record{l, l, w}}, {0, []elo.Record{w, w, w}}}, Options{})
	if x, _ = s.Difference(0, 1); x.StandardError > 1e-6 || x.P != 1 || x.Unpaired < 10 {
		t.Errorf("copies: %+v", x)
	}
}

// TestOneSided: players who won or lost everything keep honest bounds.
func TestOneSided(t *testing.T) {
	var blocks []Block
	for i := range 40 {
		r := elo.Record{Wins: 2}
		if i%2 == 0 {
			r = elo.Record{Wins: 1, Losses: 1}
		}
		blocks = append(blocks, Block{0, []elo.Record{r, {Wins: 2}, {Losses: 2}}})
	}
	s := mustRate(t, []elo.Anchor{{Rating: 1000}}, 3, blocks, Options{})
	v := s.Verdict(1200)
	t.Logf("%v; %+v", v, v)
	all := s.Simultaneous()
	if v.Best != 1 || v.Claim != AboveCap || v.P != 0 || !math.IsInf(v.Margin, 1) || !(all[1].Low > 1200) || !math.IsInf(all[2].Low, -1) || !(all[2].High < 1000) {
		t.Errorf("%+v, %v", v, all)
	}
	if got := v.String(); !strings.Contains(got, "at least") {
		t.Error(got)
	}
	for _, pair := range [][2]int{{1, 0}, {0, 2}, {1, 2}} {
		d, err := s.Difference(pair[0], pair[1])
		if err != nil || !(d.Interval.Low > 0) || !math.IsInf(d.Interval.High, 1) || !(d.P < 0.001) {
			t.Errorf("%v: %+v %v", pair, d, err)
		}
	}
	// One player, one block, all lost.
	s = mustRate(t, []elo.Anchor{{Rating: 1000}}, 1, []Block{{0, []elo.Record{{Losses: 2}}}}, Options{})
	if v := s.Verdict(5000); v.Claim != BelowCap || v.Optimism != 0 {
		t.Errorf("%+v", v)
	}
	// One game each.
	s = mustRate(t, []elo.Anchor{{Rating: 1000}}, 2, []Block{{0, []elo.Record{{Draws: 1}, {Draws: 1}}}}, Options{})
	if v := s.Verdict(1000); v.Claim != Undecided || math.IsNaN(v.P) {
		t.Errorf("%+v", v)
	}
}

func TestVerdictWords(t *testing.T) {
	for _, test := range []struct {
		v    Verdict
		want string
	}{
		{Verdict{Cap: 1000, Margin: 62, Players: 8, Claim: AboveCap, Simultaneous: elo.Interval{Low: 12, High: 118}},
			"above the cap of 1000 by 62, corrected for the best of 8 [+12, +118]"},
		{Verdict{Cap: 1500, Margin: -70, Players: 8, Claim: BelowCap, Simultaneous: elo.Interval{Low: -120, High: -20}},
			"below the cap of 1500 by 70, corrected for the best of 8 [-120, -20]"},
		{Verdict{Cap: 1300, Margin: 30, Players: 8, Claim: Undecided, SingleClaim: AboveCap, Single: elo.Interval{Low: 2, High: 58}, Simultaneous: elo.Interval{Low: -9, High: 70}},
			"not decided: +30 from the cap of 1300, corrected for the best of 8 [-9, +70]; [+2, +58] would be above it had it been the only one tried"},
	} {
		if got := test.v.String(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

func TestErrors(t *testing.T) {
	as := []elo.Anchor{{Rating: 1500}}
	ok := []Block{{0, []elo.Record{{Wins: 1}}}}
	for name, f := range map[string]func() (*Sweep, error){
		"no players":  func() (*Sweep, error) { return Rate(as, 0, ok, Options{}) },
		"no blocks":   func() (*Sweep, error) { return Rate(as, 1, nil, Options{}) },
		"opponent":    func() (*Sweep, error) { return Rate(as, 1, []Block{{1, []elo.Record{{Wins: 1}}}}, Options{}) },
		"records":     func() (*Sweep, error) { return Rate(as, 2, ok, Options{}) },
		"negative":    func() (*Sweep, error) { return Rate(as, 1, []Block{{0, []elo.Record{{Wins: -1}}}}, Options{}) },
		"confidence":  func() (*Sweep, error) { return Rate(as, 1, ok, Options{Confidence: 2}) },
		"scale error": func() (*Sweep, error) { return Rate(as, 1, ok, Options{ScaleError: math.NaN()}) },
		"no games": func() (*Sweep, error) {
			return Rate(as, 2, []Block{{0, []elo.Record{{Wins: 1}, {}}}}, Options{})
		},
	} {
		if s, err := f(); err == nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
	s := mustRate(t, as, 1, ok, Options{})
	for _, pair := range [][2]int{{0, 0}, {0, 1}, {-1, 0}} {
		if d, err := s.Difference(pair[0], pair[1]); err == nil {
			t.Errorf("%v: %+v", pair, d)
		}
	}
}

// TestBestOfEqual: of players with the same results the first is the best, in any number.
func TestBestOfEqual(t *testing.T) {
	for _, r := range []elo.Record{{Wins: 3, Losses: 1}, {Wins: 4}, {Losses: 4}} {
		blocks := []Block{{0, []elo.Record{r, r, r}}, {0, []elo.Record{r, r, r}}}
		s := mustRate(t, []elo.Anchor{{Rating: 1000}}, 3, blocks, Options{})
		if v := s.Verdict(1000); v.Best != 0 || v.Players != 3 {
			t.Errorf("%+v: %+v", r, v)
		}
	}
}

package elo

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

func one(rating float64, w, d, l int) []Result {
	return []Result{{Anchor{"a", rating, 0}, Record{w, d, l}}}
}

func mustEstimate(t testing.TB, rs []Result, opt Options) Estimate {
	t.Helper()
	e, err := EstimateRating(rs, opt)
	if err != nil {
		t.Fatalf("%+v: %v", rs, err)
	}
	return e
}

func TestExpected(t *testing.T) {
	for _, test := range []struct{ diff, want float64 }{
		{0, 0.5}, {400, 10.0 / 11}, {-400, 1.0 / 11}, {200, 0.7597}, {100, 0.6401}, {-800, 1.0 / 101},
	} {
		got := Expected(1500+test.diff, 1500)
		if math.Abs(got-test.want) > 5e-5 {
			t.Errorf("Expected(%+v) = %v, want %v", test.diff, got, test.want)
		}
		if back := Difference(got); math.Abs(back-test.diff) > 1e-9 {
			t.Errorf("Difference(Expected(%v)) = %v", test.diff, back)
		}
	}
	if !math.IsInf(Difference(0), -1) || !math.IsInf(Difference(1), 1) || !math.IsNaN(Difference(1.5)) {
		t.Error("Difference at the ends of its range")
	}
}

func TestRecord(t *testing.T) {
	var r Record
	if r.Score() != 0 {
		t.Errorf("an empty record scores %v", r.Score())
	}
	for _, o := range []Outcome{Win, Win, Draw, Loss} {
		r.Add(o)
	}
	if want := (Record{2, 1, 1}); r != want || r.Games() != 4 || r.Points() != 2.5 || r.Score() != 0.625 {
		t.Errorf("%+v: %d games, %v points, score %v", r, r.Games(), r.Points(), r.Score())
	}
	if got := r.Plus(r.Inverse()); got != (Record{3, 2, 3}) {
		t.Errorf("record plus inverse: %+v", got)
	}
	if s := fmt.Sprint(Win, Draw, Loss, Outcome(9)); s != "win draw loss Outcome(9)" {
		t.Error(s)
	}
}

// TestScoreEquation: the rating is where the score obtained is expected, for
// one opponent by the closed form, for several by putting it in.
func TestScoreEquation(t *testing.T) {
	e := mustEstimate(t, one(1554, 60, 10, 30), Options{})
	if want := 1554 + 400*math.Log10(0.65/0.35); math.Abs(e.Rating-want) > 1e-6 {
		t.Errorf("rating %v, want %v", e.Rating, want)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		rs := randomResults(rng)
		e := mustEstimate(t, rs, Options{})
		if p, err := Performance(rs); err != nil || p != e.Rating {
			t.Errorf("Performance %v, %v; Rating %v", p, err, e.Rating)
		}
		if e.Side != TwoSided {
			continue
		}
		sum := 0.0
		for _, r := range rs {
			sum += float64(r.Record.Games()) * Expected(e.Rating, r.Anchor.Rating)
		}
		if math.Abs(sum-Total(rs).Points()) > 1e-6 {
			t.Errorf("%+v: expected %v points at %v, obtained %v", rs, sum, e.Rating, Total(rs).Points())
		}
	}
}

func randomResults(rng *rand.Rand) []Result {
	rs := make([]Result, 1+rng.IntN(4))
	for i := range rs {
		rs[i].Anchor = Anchor{fmt.Sprint("a", i), float64(800 + rng.IntN(2000)), float64(rng.IntN(2) * rng.IntN(60))}
		rs[i].Record = Record{rng.IntN(40), rng.IntN(2) * rng.IntN(40), rng.IntN(40)}
	}
	rs[0].Record.Draws++
	return rs
}

// TestIntervalAgainstDirectSearch finds the interval's ends again with another
// arithmetic: a fine walk over r, the likelihood in plain powers of ten, and
// the draw rate by ternary search.
func TestIntervalAgainstDirectSearch(t *testing.T) {
	loglik := func(rs []Result, r float64) float64 {
		sum := 0.0
		for _, x := range rs {
			p := 1 / (1 + math.Pow(10, (x.Anchor.Rating-r)/400))
			sum += x.Record.Points()*math.Log(p) + x.Record.Inverse().Points()*math.Log(1-p)
		}
		return sum
	}
	dispersion := func(rs []Result, r float64) float64 {
		num, den := 0.0, 0.0
		for _, x := range rs {
			p := 1 / (1 + math.Pow(10, (x.Anchor.Rating-r)/400))
			n := float64(x.Record.Games())
			term := func(k int, p float64) float64 {
				if k == 0 {
					return 0
				}
				return float64(k) * math.Log(p)
			}
			tri := func(d float64) float64 {
				return term(x.Record.Wins, p-d/2) + term(x.Record.Draws, d) + term(x.Record.Losses, 1-p-d/2)
			}
			lo, hi := 0.0, 2*min(p, 1-p)
			for range 200 {
				a, b := lo+(hi-lo)/3, hi-(hi-lo)/3
				if tri(a) < tri(b) {
					lo = a
				} else {
					hi = b
				}
			}
			num += n * (p*(1-p) - lo/4)
			den += n * p * (1 - p)
		}
		return num / den
	}
	for _, test := range []struct {
		name string
		rs   []Result
	}{
		{"no draws", one(1500, 60, 0, 40)},
		{"draws", one(1500, 40, 40, 20)},
		{"only draws", one(1500, 0, 10, 0)},
		{"wins and draws", one(1500, 3, 7, 0)},
		{"one loss", one(1500, 99, 0, 1)},
		{"three levels", []Result{{Anchor{"1", 1554, 0}, Record{30, 10, 60}}, {Anchor{"3", 1867, 0}, Record{4, 5, 91}}, {Anchor{"5", 2148, 0}, Record{0, 1, 99}}}},
	} {
		e := mustEstimate(t, test.rs, Options{})
		max := loglik(test.rs, e.Rating)
		inside := func(r float64) bool {
			return 2*(max-loglik(test.rs, r)) <= 1.959963984540054*1.959963984540054*dispersion(test.rs, r)
		}
		lo, hi := e.Rating, e.Rating
		for lo > e.Rating-2000 && (inside(lo-0.05) || lo > e.Rating-0.2) {
			lo -= 0.05
		}
		for hi < e.Rating+2000 && (inside(hi+0.05) || hi < e.Rating+0.2) {
			hi += 0.05
		}
		t.Logf("%s: %v, direct search [%.1f, %.1f]", test.name, e, lo, hi)
		if math.Abs(lo-e.Sampling.Low) > 0.11 || math.Abs(hi-e.Sampling.High) > 0.11 {
			t.Errorf("%s: interval [%.2f, %.2f], direct search [%.2f, %.2f]", test.name, e.Sampling.Low, e.Sampling.High, lo, hi)
		}
	}
}

// TestStatisticRises: the statistic rises on both sides of the maximum, so that
// what it cuts out is one interval, for any results.
func TestStatisticRises(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	for range 3000 {
		rs := randomResults(rng)
		l, err := newLikelihood(rs)
		if err != nil {
			t.Fatal(err)
		}
		tot := Total(l)
		if tot.Games() == tot.Wins || tot.Games() == tot.Losses {
			continue
		}
		top := l.maximum()
		logMax := l.logLikelihood(top)
		for _, sign := range []float64{-1, 1} {
			last := 0.0
			for step := 0.5; step < 3000; step *= 1.2 {
				now := l.statistic(top+sign*step, top, logMax)
				// Only up to where an interval could end matters.
				if now < last-1e-7 && last < 15 {
					t.Fatalf("%+v: statistic falls from %v to %v at %+v from the maximum", rs, last, now, sign*step)
				}
				last = now
			}
		}
	}
}

// TestFisherInformation compares with the survey's figures: a 1500 player, 300
// games over the paper's three levels, 300 and 1000 against the first alone.
func TestFisherInformation(t *testing.T) {
	split := func(n int, ratings ...float64) (rs []Result) {
		for _, a := range ratings {
			w := int(math.Round(float64(n) * Expected(1500, a)))
			rs = append(rs, Result{Anchor{fmt.Sprint(a), a, 0}, Record{w, 0, n - w}})
		}
		return rs
	}
	for _, test := range []struct {
		rs   []Result
		want float64
	}{
		{split(100, 1554, 1867, 2148), 56}, {split(300, 1554), 40}, {split(1000, 1554), 22},
	} {
		e := mustEstimate(t, test.rs, Options{})
		if got := 1.96 * e.SamplingError; math.Abs(got-test.want) > 1 {
			t.Errorf("±%.1f, want ±%v: %v", got, test.want, e)
		}
		if half := (e.Sampling.High - e.Sampling.Low) / 2; math.Abs(half-test.want) > 2 {
			t.Errorf("interval half-width %.1f, want about %v", half, test.want)
		}
	}
}

// TestSymmetries: shifting all ratings shifts the answer, and exchanging wins
// and losses mirrors it.
func TestSymmetries(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	for i := range 300 {
		rs := randomResults(rng)
		switch i % 10 {
		case 0:
			for j := range rs {
				rs[j].Record.Draws, rs[j].Record.Losses = 0, 0
			}
			rs[0].Record.Wins++
		case 1:
			for j := range rs {
				rs[j].Record.Draws, rs[j].Record.Wins = 0, 0
			}
			rs[0].Record.Losses++
		}
		opt := Options{Confidence: 0.5 + 0.499*rng.Float64(), ScaleError: float64(rng.IntN(2) * 51)}
		e := mustEstimate(t, rs, opt)
		shifted, mirrored := make([]Result, len(rs)), make([]Result, len(rs))
		for j, r := range rs {
			shifted[j], mirrored[j] = r, r
			shifted[j].Anchor.Rating += 250
			mirrored[j].Anchor.Rating *= -1
			mirrored[j].Record = r.Record.Inverse()
		}
		near := func(a, b float64) bool { return a == b || math.Abs(a-b) < 1e-5 }
		s, m := mustEstimate(t, shifted, opt), mustEstimate(t, mirrored, opt)
		if !near(s.Rating, e.Rating+250) || !near(s.Sampling.Low, e.Sampling.Low+250) || !near(s.Total.High, e.Total.High+250) {
			t.Errorf("shift: %v %+v, %v %+v", e, e.Total, s, s.Total)
		}
		if !near(m.Rating, -e.Rating) || !near(m.Sampling.Low, -e.Sampling.High) || !near(m.Total.High, -e.Total.Low) || !near(m.SamplingError, e.SamplingError) || !near(m.AnchorError, e.AnchorError) {
			t.Errorf("mirror: %+v, %+v", e, m)
		}
		if !(e.Total.Low <= e.Sampling.Low+1e-6 && e.Total.High >= e.Sampling.High-1e-6) {
			t.Errorf("anchors' errors made the interval narrower: %+v", e)
		}
		if e.Side == TwoSided && !e.Sampling.Contains(e.Rating) {
			t.Errorf("rating outside its interval: %+v", e)
		}
	}
}

// TestOneSided: against one anchor the bound is Clopper and Pearson's, and it
// is printed as a bound, rounded to the weaker side.
func TestOneSided(t *testing.T) {
	for _, n := range []int{1, 5, 20, 100, 1000} {
		// The Clopper-Pearson lower bound at n of n is the alpha quantile of Beta(n, 1).
		p := distuv.Beta{Alpha: float64(n), Beta: 1}.Quantile(0.05)
		want := 1500 + Difference(p)
		e := mustEstimate(t, one(1500, n, 0, 0), Options{})
		if e.Side != Above || !math.IsInf(e.Rating, 1) || math.Abs(e.Sampling.Low-want) > 1e-4 || !math.IsInf(e.Sampling.High, 1) || e.Total != e.Sampling {
			t.Errorf("%d wins: %+v, want a bound at %v", n, e, want)
		}
		if s := fmt.Sprintf("> %.0f", math.Floor(want)); e.String() != s {
			t.Errorf("%q, want %q", e, s)
		}
		m := mustEstimate(t, one(1500, 0, 0, n), Options{})
		if s := fmt.Sprintf("< %.0f", math.Ceil(3000-want)); m.String() != s || m.Side != Below {
			t.Errorf("%q, want %q", m, s)
		}
	}
	// Several anchors: the probability of the result at the bound.
	rs := []Result{{Anchor{"a", 1400, 0}, Record{10, 0, 0}}, {Anchor{"b", 1700, 0}, Record{5, 0, 0}}, {Anchor{"c", 2500, 0}, Record{}}}
	e := mustEstimate(t, rs, Options{Confidence: 0.99})
	if p := math.Pow(Expected(e.Sampling.Low, 1400), 10) * math.Pow(Expected(e.Sampling.Low, 1700), 5); math.Abs(p-0.01) > 1e-8 {
		t.Errorf("probability %v of the result at the 99 %% bound %v", p, e.Sampling.Low)
	}
	if e.Opponents != 2 {
		t.Errorf("%d opponents counted, 2 had games", e.Opponents)
	}
	// With only draws or draws and wins there is a rating.
	if e := mustEstimate(t, one(1500, 5, 1, 0), Options{}); e.Side != TwoSided || math.IsInf(e.Sampling.High, 0) {
		t.Errorf("wins and a draw: %+v", e)
	}
}

func TestAnchorErrors(t *testing.T) {
	rs := []Result{
		{Anchor{"a", 1500, 17}, Record{50, 0, 50}},
		{Anchor{"b", 1600, 16}, Record{40, 0, 60}},
	}
	plain := mustEstimate(t, rs[:1], Options{})
	if math.Abs(plain.AnchorError-17) > 1e-9 {
		t.Errorf("one anchor: error %v, want 17", plain.AnchorError)
	}
	if share := 17 * 17 / (17*17 + plain.SamplingError*plain.SamplingError); math.Abs(plain.AnchorShare()-share) > 1e-9 {
		t.Errorf("share %v, want %v", plain.AnchorShare(), share)
	}
	e := mustEstimate(t, rs, Options{ScaleError: 51})
	// The weights by finite differences: how far the rating moves with an anchor.
	want := 51.0 * 51
	for i := range rs {
		moved := append([]Result(nil), rs...)
		moved[i].Anchor.Rating += 0.01
		h := (mustEstimate(t, moved, Options{}).Rating - e.Rating) / 0.01
		want += h * h * rs[i].Anchor.StandardError * rs[i].Anchor.StandardError
	}
	if math.Abs(e.AnchorError-math.Sqrt(want)) > 1e-3 {
		t.Errorf("anchor error %v, by finite differences %v", e.AnchorError, math.Sqrt(want))
	}
	if got, want := e.Total.High-e.Rating, math.Hypot(e.Sampling.High-e.Rating, 1.959963984540054*e.AnchorError); math.Abs(got-want) > 1e-6 {
		t.Errorf("total interval's upper side %v, want %v", got, want)
	}
	// The bound averaged over the anchor's error, by a plain Riemann sum.
	b := mustEstimate(t, []Result{{Anchor{"a", 1500, 60}, Record{30, 0, 0}}}, Options{ScaleError: 80})
	sum, weights := 0.0, 0.0
	for x := -6.0; x <= 6; x += 0.001 {
		w := math.Exp(-x * x / 2)
		sum += w * math.Pow(Expected(b.Total.Low, 1500+100*x), 30)
		weights += w
	}
	if p := sum / weights; math.Abs(p-0.05) > 1e-5 || b.AnchorError != 100 {
		t.Errorf("averaged probability %v at the bound %v, anchor error %v", p, b.Total.Low, b.AnchorError)
	}
}

func TestWarnings(t *testing.T) {
	codes := func(e Estimate) string {
		var s []string
		for _, w := range e.Warnings {
			s = append(s, string(w.Code))
			if w.Text == "" || w.String() != w.Text {
				t.Errorf("warning %+v", w)
			}
		}
		return strings.Join(s, " ")
	}
	withError := func(rs []Result) []Result { rs[0].Anchor.StandardError = 20; return rs }
	for _, test := range []struct {
		name string
		rs   []Result
		want string
	}{
		{"nothing to warn of", withError(one(1500, 60, 0, 60)), ""},
		{"few", withError(one(1500, 5, 0, 5)), "few-games"},
		{"won all", withError(one(1500, 50, 0, 0)), "one-sided"},
		{"lost all of few", withError(one(1500, 0, 0, 5)), "few-games one-sided"},
		{"one point in 200", withError(one(1500, 1, 0, 199)), "saturated extrapolated"},
		{"all but one in 200", withError(one(1500, 199, 0, 1)), "saturated extrapolated"},
		{"5 %", withError(one(1500, 5, 0, 95)), "extrapolated"},
		{"no anchor error", one(1500, 50, 0, 50), "anchor-error-unknown"},
	} {
		if got := codes(mustEstimate(t, test.rs, Options{})); got != test.want {
			t.Errorf("%s: warnings %q, want %q", test.name, got, test.want)
		}
	}
}

func TestEstimateErrors(t *testing.T) {
	for name, f := range map[string]func() error{
		"negative wins": func() error { _, err := EstimateRating(one(1500, -1, 0, 5), Options{}); return err },
		"huge draws":    func() error { _, err := EstimateRating(one(1500, 1, 1<<50, 5), Options{}); return err },
		"NaN anchor":    func() error { _, err := EstimateRating(one(math.NaN(), 1, 0, 5), Options{}); return err },
		"far anchor":    func() error { _, err := Performance(one(1e6, 1, 0, 5)); return err },
		"confidence":    func() error { _, err := EstimateRating(one(1500, 1, 0, 5), Options{Confidence: 95}); return err },
		"NaN confidence": func() error {
			_, err := EstimateRating(one(1500, 1, 0, 5), Options{Confidence: math.NaN()})
			return err
		},
		"scale error": func() error { _, err := EstimateRating(one(1500, 1, 0, 5), Options{ScaleError: -1}); return err },
		"anchor error": func() error {
			_, err := EstimateRating([]Result{{Anchor{"a", 1500, math.Inf(1)}, Record{1, 0, 1}}}, Options{})
			return err
		},
	} {
		if err := f(); err == nil || !strings.HasPrefix(err.Error(), "elo: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, rs := range [][]Result{nil, one(1500, 0, 0, 0)} {
		if _, err := EstimateRating(rs, Options{}); !errors.Is(err, ErrNoGames) {
			t.Errorf("no games: %v", err)
		}
	}
	if p, err := Performance(one(1500, 0, 0, 3)); err != nil || !math.IsInf(p, -1) {
		t.Errorf("performance of three losses: %v, %v", p, err)
	}
}

func TestEstimateJSON(t *testing.T) {
	for _, rs := range [][]Result{one(1500, 12, 3, 5), one(1500, 12, 0, 0), one(1500, 0, 0, 5)} {
		e := mustEstimate(t, rs, Options{ScaleError: 51})
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var back Estimate
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(e, back) {
			t.Errorf("%s\nread back as %+v\nwas %+v", b, back, e)
		}
		if want := e.Side != TwoSided; strings.Contains(string(b), `"rating":null`) != want {
			t.Errorf("%s", b)
		}
	}
}

func FuzzEstimateRating(f *testing.F) {
	f.Add(1500.0, 10, 5, 3, 1800.0, 0, 0, 20, 51.0, 0.95)
	f.Add(-10000.0, 1, 0, 0, 10000.0, 0, 0, 1, 0.0, 0.999999)
	f.Add(1500.0, 0, 1, 0, 1500.0, 0, 1, 0, 10000.0, 0.51)
	f.Add(0.0, 1<<40, 0, 1, 10000.0, 1, 1<<40, 0, 0.0, 0.95)
	f.Fuzz(func(t *testing.T, a float64, w1, d1, l1 int, b float64, w2, d2, l2 int, scale, confidence float64) {
		e, err := EstimateRating([]Result{{Anchor{"a", a, 10}, Record{w1, d1, l1}}, {Anchor{"b", b, 0}, Record{w2, d2, l2}}}, Options{confidence, scale})
		if err != nil {
			return
		}
		for _, x := range []float64{e.Rating, e.Sampling.Low, e.Sampling.High, e.Total.Low, e.Total.High, e.SamplingError, e.AnchorError} {
			if math.IsNaN(x) {
				t.Fatalf("NaN in %+v", e)
			}
		}
		if e.Side == TwoSided && (math.IsInf(e.Rating, 0) || math.IsInf(e.Sampling.Low, 0) || math.IsInf(e.Sampling.High, 0)) {
			t.Fatalf("two-sided and infinite: %+v", e)
		}
		if !(e.Sampling.Low <= e.Sampling.High) || !(e.Total.Low <= e.Sampling.Low+1e-3) || !(e.Total.High >= e.Sampling.High-1e-3) {
			t.Fatalf("intervals out of order: %+v", e)
		}
		if _, err := json.Marshal(e); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkEstimateRating(b *testing.B) {
	rs := []Result{{Anchor{"1", 1554, 10}, Record{30, 10, 60}}, {Anchor{"3", 1867, 10}, Record{4, 5, 91}}, {Anchor{"5", 2148, 10}, Record{0, 1, 99}}}
	for b.Loop() {
		if _, err := EstimateRating(rs, Options{ScaleError: 51}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ratings/s")
}

func TestIntervalJSON(t *testing.T) {
	for _, iv := range []Interval{{1, 2}, {math.Inf(-1), 2}, {1, math.Inf(1)}, {math.Inf(-1), math.Inf(1)}} {
		b, err := json.Marshal(iv)
		var got Interval
		if err != nil || json.Unmarshal(b, &got) != nil || got != iv {
			t.Errorf("%v: %s, %v, read as %v", iv, b, err, got)
		}
	}
	kept := Interval{3, 4}
	if err := kept.UnmarshalJSON([]byte(`{"low": "x"}`)); err == nil || kept != (Interval{3, 4}) {
		t.Errorf("garbage was read as %v, %v", kept, err)
	}
}

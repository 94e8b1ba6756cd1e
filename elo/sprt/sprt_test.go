package sprt

import (
	"math"
	"testing"

	"transcend/elo"
	"transcend/elo/internal/multinomial"
)

// TestAgainstFastchess compares with all LLRs of the two models in fastchess's own tests
// (app/tests/sprt_test.cpp), which stop at two digits. Where only one kind of result
// occurred, older versions of that file have 2.97 and 2.94 for the same counts: until
// January 2025 the LLR was half of n log(var0/var1), variances about the two scores, with
// counts of 0 replaced by 1/2; the exact likelihood, which both have now, gives 120.56 and
// 111.82 (fastchess stops its iteration at 1e-4, ours at 1e-9). The last two cases are from
// an independent implementation (testdata/llr.py).
func TestAgainstFastchess(t *testing.T) {
	for _, test := range []struct {
		model      Model
		elo0, elo1 float64
		record     elo.Record // wins, draws, losses
		pairs      elo.Pairs
		want       float64
	}{
		{Normalized, 0, 2, elo.Record{Wins: 36433, Draws: 68692, Losses: 36027}, elo.Pairs{}, 0.92},
		{Normalized, -1.75, 0.25, elo.Record{Wins: 10871, Draws: 20431, Losses: 10650}, elo.Pairs{}, 2.30},
		{Normalized, 0, 10, elo.Record{Wins: 4250}, elo.Pairs{}, 120.56},
		{Logistic, 0.5, 2.5, elo.Record{Wins: 21404, Draws: 40708, Losses: 21184}, elo.Pairs{}, -1.57},
		{Logistic, 0, 2, elo.Record{Wins: 57433, Draws: 106593, Losses: 57030}, elo.Pairs{}, -2.59},
		{Normalized, 0, 2, elo.Record{}, elo.Pairs{365, 16618, 36229, 16974, 390}, 2.25},
		{Normalized, -1.75, 0.25, elo.Record{}, elo.Pairs{127, 4883, 10712, 5150, 104}, 3.01},
		{Normalized, 0, 5, elo.Record{}, elo.Pairs{0, 0, 0, 0, 5550}, 111.82},
		{Logistic, 0.5, 2.5, elo.Record{}, elo.Pairs{223, 9863, 21279, 10037, 246}, -3.07},
		{Logistic, 0, 2, elo.Record{}, elo.Pairs{871, 26175, 55983, 26678, 821}, -4.98},
		{Normalized, 0, 5, elo.Record{Draws: 16700}, elo.Pairs{}, -3.4505},
		{Normalized, 0, 5, elo.Record{}, elo.Pairs{0, 0, 0, 0, 104}, 2.0950},
	} {
		s := Test{test.elo0, test.elo1, 0.05, 0.05, test.model}
		got := s.LLR(test.record) + s.PairsLLR(test.pairs)
		t.Logf("%v %v %v: %.4f, fastchess %.2f", s, test.record, test.pairs, got, test.want)
		// Half of the last digit, and what fastchess's iteration leaves open.
		if math.Abs(got-test.want) > max(0.0051, 0.0003*math.Abs(test.want)) {
			t.Errorf("%v %v %v: LLR %.4f, fastchess has %.2f", s, test.record, test.pairs, got, test.want)
		}
	}
	lower, upper := New(0, 2).Bounds()
	if math.Abs(lower+2.9444) > 1e-4 || math.Abs(upper-2.9444) > 1e-4 {
		t.Errorf("bounds %v %v", lower, upper)
	}
}

// TestLikeliest: for games the constraint leaves one parameter, the share of
// draws, over which the likelihood is maximized here by a search.
func TestLikeliest(t *testing.T) {
	for _, test := range []struct {
		counts []float64
		t      float64
	}{{[]float64{20, 60, 45}, 0}, {[]float64{20, 60, 45}, 0.4}, {[]float64{10, 5, 200}, 1}, {[]float64{100, 10, 30}, -0.2}, {[]float64{5, 300, 9}, 0.3}} {
		p := withT(test.counts, test.t)
		mean, variance, _, _ := multinomial.Moments(p)
		if math.Abs((mean-0.5)/math.Sqrt(variance)-test.t) > 1e-7 {
			t.Errorf("%v: %v has t %v, want %v", test.counts, p, (mean-0.5)/math.Sqrt(variance), test.t)
		}
		best := math.Inf(-1)
		for d := 0.0005; d < 1; d += 0.0005 {
			// t rises with the share of wins.
			lo, hi := 0.0, 1-d
			for range 60 {
				w := (lo + hi) / 2
				m, v, _, _ := multinomial.Moments([]float64{1 - d - w, d, w})
				if m-0.5 < test.t*math.Sqrt(v) {
					lo = w
				} else {
					hi = w
				}
			}
			q := []float64{1 - d - lo, d, lo}
			if m, v, _, _ := multinomial.Moments(q); math.Abs(m-0.5-test.t*math.Sqrt(v)) < 1e-9 && q[0] > 0 {
				best = max(best, multinomial.LogLikelihood(test.counts, q))
			}
		}
		if got := multinomial.LogLikelihood(test.counts, p); math.Abs(got-best) > 1e-3 {
			t.Errorf("%v at %v: log-likelihood %v, by search %v", test.counts, test.t, got, best)
		}
	}
}

func TestRun(t *testing.T) {
	r, err := NewRun(New(0, 10))
	if err != nil {
		t.Fatal(err)
	}
	if s := r.Status(); s.Decision != Continue || s.LLR != 0 || s.Fraction() != 0 {
		t.Errorf("%+v", s)
	}
	var s Status
	n := 0
	for s.Decision != AcceptH1 {
		if n++; n > 10000 {
			t.Fatal("no decision")
		}
		s = r.AddPair(elo.Win, []elo.Outcome{elo.Loss, elo.Draw, elo.Draw, elo.Win}[n%4])
	}
	if s.LLR < s.Upper || s.Fraction() < 1 || r.Pairs.Count() != n || s.LLR != r.Test.PairsLLR(r.Pairs) || r.Test.PairsStatus(r.Pairs) != s {
		t.Errorf("%+v after %d pairs %v", s, n, r.Pairs)
	}
	// Games that were under way do not take the decision back.
	for s.LLR > s.Lower {
		s = r.AddPair(elo.Loss, elo.Loss)
	}
	if s.Decision != AcceptH1 || r.Test.PairsStatus(r.Pairs).Decision != AcceptH0 {
		t.Errorf("%+v", s)
	}
	g, _ := NewRun(New(0, 200))
	for s = g.Status(); s.Decision == Continue; s = g.AddGame(elo.Loss) {
	}
	if s.Decision != AcceptH0 || s.Fraction() > -1 || g.Test.Status(g.Record) != s {
		t.Errorf("%+v", s)
	}
}

func TestParse(t *testing.T) {
	got, err := Parse("elo0=-1.75,elo1=0.25,alpha=0.1,model=logistic")
	if want := (Test{-1.75, 0.25, 0.1, 0.05, Logistic}); err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	if again, err := Parse(got.String()); err != nil || again != got {
		t.Errorf("%+v %v", again, err)
	}
	for _, bad := range []string{"", "elo0=0", "elo0=5,elo1=0", "elo0=0,elo1=x", "elo0=0,elo1=5,elo1=6", "elo0=0,elo1=5,model=bayesian",
		"elo0=0,elo1=5,alpha=0", "elo0=0,elo1=5,alpha=0.6,beta=0.6", "elo0=NaN,elo1=5", "elo0=0,elo1=1e9", "elo0=0,elo1=5,gamma=1"} {
		if s, err := Parse(bad); err == nil {
			t.Errorf("%q: %+v", bad, s)
		}
	}
	if _, err := NewRun(Test{}); err == nil {
		t.Error("the zero Test was accepted")
	}
}

// TestOldFastchess: what older versions of fastchess told where results were
// the same is explained by their formula.
func TestOldFastchess(t *testing.T) {
	old := func(counts []float64, elo1, gamesEach float64) float64 {
		for i := range counts {
			counts[i] = max(counts[i], 0.5)
		}
		n := multinomial.Total(counts)
		mean, around := 0.0, func(x float64) (v float64) {
			for i, c := range counts {
				d := multinomial.Score(i, len(counts)) - x
				v += c / n * d * d
			}
			return v
		}
		for i, c := range counts {
			mean += c / n * multinomial.Score(i, len(counts))
		}
		score1 := 0.5 + elo1/unit*math.Sqrt(gamesEach*around(mean))
		return n / 2 * math.Log(around(0.5)/around(score1))
	}
	for _, test := range []struct{ got, want float64 }{
		{old([]float64{0, 0, 4250}, 10, 1), 2.97},
		{old([]float64{0, 0, 0, 0, 5550}, 5, 2), 2.94},
	} {
		if math.Abs(test.got-test.want) > 0.005 {
			t.Errorf("%.4f, they had %v", test.got, test.want)
		}
	}
}

package elo

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"transcend/elo/internal/multinomial"
	"transcend/internal/trials"
)

// TestComparisonAgainstPeers compares with figures that fishtest printed ("Elo:
// -0.53 ± 2.0 (95%) LOS: 30.4% ... Ptnml(0-2): 102, 3617, 7614, 3559, 108, nElo:
// -1.03 ± 3.9") and with those in fastchess's own tests (app/tests/elo_test.cpp),
// in the digits that they have.
func TestComparisonAgainstPeers(t *testing.T) {
	nan := math.NaN()
	for _, test := range []struct {
		name                             string
		record                           Record
		pairs                            Pairs
		elo, err, nElo, nErr, los, close float64
	}{
		{"fishtest", Record{}, Pairs{102, 3617, 7614, 3559, 108}, -0.53, 2.0, -1.03, 3.9, 0.304, 0.05},
		{"games 1", Record{76, 123, 89}, Pairs{}, nan, nan, -20.76, 40.13, 0.1553, 0.01},
		{"games 2", Record{136, 111, 96}, Pairs{}, 40.70, 30.43, 49.77, 36.77, 0.9960, 0.01},
		{"games 3", Record{34, 0, 356}, Pairs{}, nan, nan, -508.44, 34.48, 0, 0.01},
		{"pairs 1", Record{}, Pairs{34, 54, 63, 64, 75}, 55.58, 27.65, 57.94, 28.28, 1, 0.01},
		{"pairs 2", Record{}, Pairs{332, 433, 498, 333, 334}, -8.64, 10.33, -9.17, 10.96, 0.0505, 0.01},
		{"pairs 3", Record{}, Pairs{7895, 8757, 5685, 568, 9999}, -21.04, 2.95, -19.01, 2.65, nan, 0.01},
	} {
		c, err := test.record.Compare(0)
		if test.pairs.Count() > 0 {
			c, err = test.pairs.Compare(0)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %v %v", test.name, c, c.Interval)
		if n := test.record.Games() + 2*test.pairs.Count(); c.Games != n || math.IsNaN(c.PairRatio) != (c.Pairs == 0) {
			t.Errorf("%s: %d games, want %d; pair ratio %v", test.name, c.Games, n, c.PairRatio)
		}
		for _, x := range []struct {
			name      string
			got, want float64
			tolerance float64
		}{
			{"Elo", c.Elo, test.elo, 0.0051}, {"error", c.Error, test.err, test.close}, {"nElo", c.NormalizedElo, test.nElo, 0.0051},
			{"nElo error", c.NormalizedError, test.nErr, test.close}, {"LOS", c.LOS, test.los, 0.00051},
		} {
			if !math.IsNaN(x.want) && math.Abs(x.got-x.want) > x.tolerance {
				t.Errorf("%s: %s %.4f, want %v", test.name, x.name, x.got, x.want)
			}
		}
	}
}

func TestPairs(t *testing.T) {
	var p Pairs
	for _, g := range [][2]Outcome{{Win, Win}, {Win, Draw}, {Draw, Draw}, {Loss, Win}, {Loss, Loss}, {Loss, Draw}} {
		p.Add(g[0], g[1])
	}
	if p != (Pairs{1, 1, 2, 1, 1}) || p.Count() != 6 || p.Plus(p) != (Pairs{2, 2, 4, 2, 2}) {
		t.Errorf("%v", p)
	}
	c, err := p.Compare(0.9)
	if err != nil || c.Elo != 0 || c.LOS != 0.5 || c.NormalizedElo != 0 || math.Abs(c.Interval.Low+c.Interval.High) > 1e-6 ||
		c.DrawRatio != 2.0/6 || c.PairRatio != 1 || c.Games != 12 || c.Pairs != 6 || c.Confidence != 0.9 {
		t.Errorf("%+v %v", c, err)
	}
	for _, bad := range []Pairs{{}, {-1, 0, 0, 0, 3}, {1 << 50}} {
		if c, err := bad.Compare(0); err == nil {
			t.Errorf("%v: %+v", bad, c)
		}
	}
	if _, err := (Pairs{}).Compare(0); !errors.Is(err, ErrNoGames) {
		t.Error(err)
	}
	for _, confidence := range []float64{0.5, 1, math.NaN(), -1} {
		if _, err := p.Compare(confidence); err == nil {
			t.Errorf("confidence %v accepted", confidence)
		}
	}
}

// TestComparisonEdges: what fastchess prints as nan or inf.
func TestComparisonEdges(t *testing.T) {
	for _, test := range []struct {
		c    func() (Comparison, error)
		want string
	}{
		{func() (Comparison, error) { return Record{Wins: 20}.Compare(0) }, "Elo: > 316.6, LOS: 100.00 %, DrawRatio: 0.00 %"},
		{func() (Comparison, error) { return Record{Losses: 20}.Compare(0) }, "Elo: < -316.6, LOS: 0.00 %, DrawRatio: 0.00 %"},
		{func() (Comparison, error) { return Pairs{4: 10}.Compare(0) }, "Elo: > 182.7, LOS: 100.00 %, DrawRatio: 0.00 %"},
		{func() (Comparison, error) { return Pairs{0: 10}.Compare(0) }, "Elo: < -182.7, LOS: 0.00 %, DrawRatio: 0.00 %, PairsRatio: 0.00"},
		{func() (Comparison, error) { return Pairs{2: 10}.Compare(0) }, "Elo: 0.00 [-79.81, 79.81], LOS: 50.00 %, DrawRatio: 100.00 %"},
		{func() (Comparison, error) { return Pairs{3: 1}.Compare(0) }, ""},
		{func() (Comparison, error) { return Pairs{1, 0, 0, 0, 1}.Compare(0) }, ""},
	} {
		c, err := test.c()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%v  %+v", c, c.Interval)
		if c.Side == TwoSided && !(c.Interval.Contains(c.Elo)) || math.IsNaN(c.Interval.Low) || math.IsNaN(c.NormalizedElo) || math.IsNaN(c.LOS) {
			t.Errorf("%+v", c)
		}
		if got := c.String(); test.want != "" && got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
		if _, err := json.Marshal(c); err != nil {
			t.Error(err)
		}
	}
}

// pairDistribution is the distribution of a pair's result at a difference in
// strength, when openings favor a color by a normal amount with standard
// deviation bias, and the draw rate is a share of the largest possible.
func pairDistribution(diff, bias, share float64) (p [5]float64) {
	weights := 0.0
	for i := -200; i <= 200; i++ {
		x := float64(i) / 25
		w := math.Exp(-x * x / 2)
		weights += w
		var game [2][3]float64
		for g, d := range []float64{diff + bias*x, diff - bias*x} {
			m := Expected(d, 0)
			draw := share * 2 * min(m, 1-m)
			game[g] = [3]float64{1 - m - draw/2, draw, m - draw/2}
		}
		for a, pa := range game[0] {
			for b, pb := range game[1] {
				p[a+b] += w * pa * pb
			}
		}
	}
	for i := range p {
		p[i] /= weights
	}
	return p
}

func drawPairs(rng *rand.Rand, p [5]float64, n int) (pairs Pairs) {
	for range n {
		u, i := rng.Float64(), 0
		for u >= p[i] && i < 4 {
			u -= p[i]
			i++
		}
		pairs[i]++
	}
	return pairs
}

// TestCoveragePairs: the likelihood interval of a difference from pairs, the
// interval of normalized Elo, and for comparison fastchess's ±.
func TestCoveragePairs(t *testing.T) {
	n := trials.Or(1500)
	for _, test := range []struct {
		pairs             int
		diff, bias, share float64
		low               float64 // accepted coverage of the likelihood interval
	}{
		{10, 0, 100, 0.5, 0.93}, {10, 150, 100, 0.3, 0.93}, {10, 400, 0, 0.2, 0.93},
		{30, 0, 200, 0.6, 0.94}, {30, 200, 100, 0.3, 0.94}, {30, 500, 100, 0.1, 0.93},
		{100, 0, 300, 0.7, 0.94}, {100, 100, 100, 0.5, 0.94}, {100, 500, 0, 0.3, 0.94},
		{1000, 5, 200, 0.8, 0.94},
	} {
		rng := rand.New(rand.NewPCG(31, 32))
		p := pairDistribution(test.diff, test.bias, test.share)
		mean, variance, _, _ := multinomial.Moments(p[:])
		truth, normalized := Difference(mean), (mean-0.5)/math.Sqrt(2*variance)*2*pointsPerNat
		hit, hitNormalized, wald, waldNormalized, width := 0, 0, 0, 0, 0.0
		for range n {
			c, err := drawPairs(rng, p, test.pairs).Compare(0)
			if err != nil {
				t.Fatal(err)
			}
			if c.Interval.Contains(truth) {
				hit++
			}
			if c.NormalizedInterval.Contains(normalized) {
				hitNormalized++
			}
			// Half the width about the middle, as it is printed.
			if math.Abs(truth-c.Elo) <= c.Error {
				wald++
			}
			if math.Abs(normalized-c.NormalizedElo) <= c.NormalizedError {
				waldNormalized++
			}
			width += (min(c.Interval.High, 2000) - max(c.Interval.Low, -2000)) / float64(n)
		}
		share := func(c int) float64 { return float64(c) / float64(n) }
		t.Logf("| %d | %.0f | %.3f | %.3f | %.3f | %.3f |", test.pairs, truth, share(hit), share(wald), share(hitNormalized), share(waldNormalized))
		slack := 3 * math.Sqrt(0.05*0.95/float64(n))
		high := 0.97
		if test.pairs < 100 {
			high = 1 // steps, and results that are nearly all the same
		}
		if share(hit) < test.low-slack || share(hit) > high+slack {
			t.Errorf("%+v: coverage %.3f", test, share(hit))
		}
		if low := 0.925; test.pairs >= 30 && test.diff < 500 && share(hitNormalized) < low-slack {
			t.Errorf("%+v: coverage of nElo %.3f", test, share(hitNormalized))
		}
	}
}

// TestLikelihoodIntervalByHand: with pairs of only two kinds the likelihood is
// binomial between them unless mass elsewhere does better, which it does not here.
func TestLikelihoodIntervalByHand(t *testing.T) {
	p := Pairs{0: 30, 4: 70}
	low, high := multinomial.ScoreInterval([]float64{30, 0, 0, 0, 70}, 3.841458820694124)
	for _, s := range []float64{low, high} {
		ratio := 2 * (30*math.Log(0.3/(1-s)) + 70*math.Log(0.7/s))
		if math.Abs(ratio-3.841458820694124) > 1e-6 {
			t.Errorf("%v: end %v has ratio %v", p, s, ratio)
		}
	}
	// All pairs 1-1: the mean s is reached with the least mass 2|s-1/2| at an end.
	low, _ = multinomial.ScoreInterval([]float64{0, 0, 10, 0, 0}, 3.841458820694124)
	if want := 0.5 - (1-math.Exp(-3.841458820694124/20))/2; math.Abs(low-want) > 1e-9 {
		t.Errorf("all drawn: %v, want %v", low, want)
	}
}

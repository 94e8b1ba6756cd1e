package elo

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
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

// playPairs draws n pairs with a bias of the opening that favors one color:
// within a pair it helps one game and hurts the other.
func playPairs(rng *rand.Rand, n int, diff, bias, share float64) Pairs {
	var p Pairs
	game := func(d float64) Outcome {
		r := play(rng, 1, Expected(d, 0), share)
		return Outcome(int(2 * r.Points()))
	}
	for range n {
		b := bias * rng.NormFloat64()
		p.Add(game(diff+b), game(diff-b))
	}
	return p
}

// pairScore is the expected score of playPairs by a long quadrature over the
// bias, so that the truth is known.
func pairScore(diff, bias float64) float64 {
	sum, weights := 0.0, 0.0
	for i := -400; i <= 400; i++ {
		x := float64(i) / 50
		w := math.Exp(-x * x / 2)
		sum += w * (Expected(diff+bias*x, 0) + Expected(diff-bias*x, 0)) / 2
		weights += w
	}
	return sum / weights
}

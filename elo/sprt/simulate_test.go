package sprt

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"transcend/elo"
	"transcend/internal/trials"
)

// TestErrorRates: tests looked at after every observation, at both hypotheses and
// between: how often H1 is accepted and after how many observations, beside what Plan says.
func TestErrorRates(t *testing.T) {
	n := trials.Or(400)
	penta := []float64{0.03, 0.22, 0.48, 0.23, 0.04}
	lopsided := []float64{0.02, 0.08, 0.25, 0.35, 0.30}
	tri := []float64{0.2, 0.6, 0.2}
	for _, test := range []struct {
		name  string
		test  Test
		base  []float64 // the distribution before it is tilted to the true difference
		truth float64   // in units of the model
		min   float64   // of the share of H1
		max   float64
	}{
		{"pairs, normalized, at H0", Test{0, 40, 0.05, 0.05, Normalized}, penta, 0, 0.02, 0.05},
		{"pairs, normalized, at H1", Test{0, 40, 0.05, 0.05, Normalized}, penta, 40, 0.95, 0.98},
		{"pairs, normalized, between", Test{0, 40, 0.05, 0.05, Normalized}, penta, 20, 0.4, 0.6},
		{"pairs, logistic, at H0", Test{0, 25, 0.05, 0.1, Logistic}, penta, 0, 0.02, 0.05},
		{"pairs, logistic, at H1", Test{0, 25, 0.05, 0.1, Logistic}, penta, 25, 0.9, 0.95},
		{"games, normalized, at H0", Test{-10, 40, 0.05, 0.05, Normalized}, tri, -10, 0.02, 0.05},
		{"games, logistic, at H1", Test{0, 30, 0.1, 0.05, Logistic}, tri, 30, 0.95, 0.98},
		{"pairs, normalized, strong, at H0", Test{150, 210, 0.05, 0.05, Normalized}, lopsided, 150, 0.01, 0.06},
		{"pairs, normalized, strong, at H1", Test{150, 210, 0.05, 0.05, Normalized}, lopsided, 210, 0.94, 0.99},
	} {
		counts := make([]float64, len(test.base))
		for i, p := range test.base {
			counts[i] = 1e6 * p
		}
		gamesEach := float64(len(counts)-1) / 2
		p := withT(counts, test.truth/unit*math.Sqrt(gamesEach))
		if test.test.Model == Logistic {
			p = withScore(counts, elo.Expected(test.truth, 0))
		}
		plan, err := test.test.Plan(p)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(41, 42))
		accepted, observations := 0, 0
		for range n {
			run, err := NewRun(test.test)
			if err != nil {
				t.Fatal(err)
			}
			s := run.Status()
			for s.Decision == Continue {
				u, i := rng.Float64(), 0
				for i < len(p)-1 && u >= p[i] {
					u -= p[i]
					i++
				}
				observations++
				if len(p) == 5 {
					first := elo.Outcome(min(i, 2))
					s = run.AddPair(first, elo.Outcome(i)-first)
				} else {
					s = run.AddGame(elo.Outcome(i))
				}
			}
			if s.Decision == AcceptH1 {
				accepted++
			}
		}
		share, length := float64(accepted)/float64(n), float64(observations)/float64(n)
		t.Logf("| %s | %v | %.3f | %.3f | %.0f | %.0f |", test.name, test.test, share, plan.AcceptH1, length, plan.Observations)
		slack := 3 * math.Sqrt(test.max*(1-test.min)/float64(n))
		if test.max < 0.5 {
			slack = 3 * math.Sqrt(test.max*(1-test.max)/float64(n))
		} else if test.min > 0.5 {
			slack = 3 * math.Sqrt(test.min*(1-test.min)/float64(n))
		}
		if share < test.min-slack || share > test.max+slack {
			t.Errorf("%s: H1 accepted in %.3f, want %v to %v", test.name, share, test.min, test.max)
		}
		if math.Abs(length-plan.Observations) > (0.12+3/math.Sqrt(float64(n)))*plan.Observations || math.Abs(share-plan.AcceptH1) > 0.03+slack {
			t.Errorf("%s: H1 accepted in %.3f after %.0f, planned %+v", test.name, share, length, plan)
		}
	}
}

// TestPlan: the planned error rates are the stated ones, and bad input is refused.
func TestPlan(t *testing.T) {
	s := Test{0, 5, 0.03, 0.07, Logistic}
	counts := []float64{30000, 220000, 480000, 230000, 40000}
	for _, x := range []struct{ truth, want float64 }{{0, 0.03}, {5, 0.93}} {
		plan, err := s.Plan(withScore(counts, elo.Expected(x.truth, 0)))
		if err != nil || math.Abs(plan.AcceptH1-x.want) > 0.002 {
			t.Errorf("at %v: %+v, %v", x.truth, plan, err)
		}
	}
	middle, err := s.Plan(withScore(counts, elo.Expected(2.4, 0)))
	if err != nil || !(middle.Observations > 5000) {
		t.Errorf("%+v %v", middle, err)
	}
	for _, bad := range [][]float64{nil, {1}, {0.5, 0.5, 0.5}, {math.NaN(), 0.5, 0.5}, {-1, 1, 1}, {0.2, 0.2, 0.2, 0.4}} {
		if p, err := s.Plan(bad); err == nil {
			t.Errorf("%v: %+v", bad, p)
		}
	}
	if _, err := (Test{}).Plan(counts); err == nil {
		t.Error("the zero Test has a plan")
	}
	if p, err := s.Plan([]float64{0, 0, 1, 0, 0}); err == nil {
		t.Errorf("only draws: %+v", p)
	}
}

// BenchmarkPairsLLR is what one look at a running test costs.
func BenchmarkPairsLLR(b *testing.B) {
	for _, m := range []Model{Logistic, Normalized} {
		b.Run(fmt.Sprint(m), func(b *testing.B) {
			s := Test{0, 5, 0.05, 0.05, m}
			for b.Loop() {
				s.PairsLLR(elo.Pairs{34, 54, 63, 64, 75})
			}
		})
	}
}

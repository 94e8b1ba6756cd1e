package ideal

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestAboveBest makes evaluations whose truth is known: ten experts of equal reward, and a policy that
// is better by a little. How often an interval misses is counted.
func TestAboveBest(t *testing.T) {
	const experts, games, repeats = 10, 60, 60
	rng := rand.New(rand.NewPCG(9, 9))
	for _, gain := range []float64{0, 0.05} {
		low, high := 0, 0
		for range repeats {
			e := &Evaluation{games: make([]gameSums, games)}
			for range experts {
				e.Rows = append(e.Rows, Row{Kind: "expert"})
			}
			e.Rows = append(e.Rows, Row{Kind: "mixture"})
			for i := range e.games {
				g := &e.games[i]
				g.n[All] = float64(1 + rng.IntN(5))
				g.rows = make([][parts][metrics]float64, len(e.Rows))
				game := 0.5 + 0.2*rng.NormFloat64()
				for row := range g.rows {
					own := 0.1 * rng.NormFloat64()
					if row == experts {
						own += gain
					}
					g.rows[row][All][Reward] = g.n[All] * (game + own)
				}
			}
			x := e.AboveBest(experts, All)
			if x.Low > x.Value || x.High < x.Value {
				t.Fatalf("%+v is not around its value", x)
			}
			if x.Low > gain {
				low++
			}
			if x.High < gain {
				high++
			}
		}
		// Each end may miss in 2.5% of the cases, 1.5 of 60.
		if low > 5 || high > 5 {
			t.Errorf("gain %v: of %d intervals %d lie above it and %d below", gain, repeats, low, high)
		}
	}
	empty := &Evaluation{games: make([]gameSums, 3), Rows: []Row{{Kind: "expert"}}}
	for i := range empty.games {
		empty.games[i].rows = make([][parts][metrics]float64, 1)
	}
	if x := empty.AboveBest(0, All); math.IsNaN(x.Value) || x != (Estimate{}) {
		t.Errorf("of no positions %+v", x)
	}
}

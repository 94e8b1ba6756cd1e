package elo

import (
	"math"
	"testing"
)

// TestPairsAgainstFishtest compares with figures that fishtest and fastchess
// printed for the same counts: "Elo: -0.53 ± 2.0 (95%) LOS: 30.4% ... Ptnml(0-2):
// 102, 3617, 7614, 3559, 108, nElo: -1.03 ± 3.9".
func TestPairsAgainstFishtest(t *testing.T) {
	d, err := Pairs{102, 3617, 7614, 3559, 108}.Difference(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", d)
	half := (d.Interval.High - d.Interval.Low) / 2
	if d.Pairs != 15000 || math.Abs(d.Elo+0.53) > 0.005 || math.Abs(half-2.0) > 0.05 || math.Abs(d.LOS-0.304) > 0.0005 || math.Abs(d.NormalizedElo+1.03) > 0.005 {
		t.Errorf("%+v, half-width %.2f", d, half)
	}
}

func TestPairs(t *testing.T) {
	var p Pairs
	for _, g := range [][2]Outcome{{Win, Win}, {Win, Draw}, {Draw, Draw}, {Loss, Win}, {Loss, Loss}, {Loss, Draw}} {
		p.Add(g[0], g[1])
	}
	if p != (Pairs{1, 1, 2, 1, 1}) || p.Count() != 6 {
		t.Errorf("%v", p)
	}
	d, err := p.Difference(0.9)
	if err != nil || d.Elo != 0 || math.Abs(d.LOS-0.5) > 1e-12 || d.NormalizedElo != 0 || math.Abs(d.Interval.Low+d.Interval.High) > 1e-9 {
		t.Errorf("%+v %v", d, err)
	}
	// A wide interval has open ends, not NaN.
	if d, err := (Pairs{0, 0, 1, 0, 1}).Difference(0.999); err != nil || !math.IsInf(d.Interval.High, 1) || math.IsNaN(d.Interval.Low) {
		t.Errorf("%+v %v", d, err)
	}
	for _, bad := range []Pairs{{}, {-1, 0, 0, 0, 3}, {0, 0, 0, 0, 9}} {
		if d, err := bad.Difference(0); err == nil {
			t.Errorf("%v: %+v", bad, d)
		}
	}
	if _, err := p.Difference(2); err == nil {
		t.Error("confidence 2 accepted")
	}
}

func TestLOS(t *testing.T) {
	// 1/2 + 1/2 erf((W-L)/sqrt(2(W+L))), cutechess's formula.
	for _, r := range []Record{{60, 10, 40}, {10, 80, 20}, {1, 0, 0}} {
		want := 0.5 + 0.5*math.Erf(float64(r.Wins-r.Losses)/math.Sqrt(2*float64(r.Wins+r.Losses)))
		if got := r.LOS(); math.Abs(got-want) > 1e-12 {
			t.Errorf("%+v: LOS %v, want %v", r, got, want)
		}
		if sum := r.LOS() + r.Inverse().LOS(); math.Abs(sum-1) > 1e-12 {
			t.Errorf("%+v: LOS of both sides sums to %v", r, sum)
		}
	}
}

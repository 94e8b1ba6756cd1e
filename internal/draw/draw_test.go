package draw

import (
	"math"
	"slices"
	"testing"
)

// The first numbers of SplitMix64 from state 0, as its authors publish them.
func TestSplitMix(t *testing.T) {
	s := Stream{}
	for _, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		if got := s.Uint64(); got != want {
			t.Errorf("%x, want %x", got, want)
		}
	}
	s = Stream{state: 77}
	for i := range uint64(5) {
		if got, want := Mix(77, i+1), s.Uint64(); got != want {
			t.Errorf("number %d: %x, want %x", i+1, got, want)
		}
	}
}

func TestPathsDiffer(t *testing.T) {
	seen := map[uint64]bool{}
	for a := range uint64(50) {
		for b := range uint64(50) {
			for _, s := range []Stream{New(1, a, b), New(2, a, b), New(1, a, b, 0)} {
				seen[s.Uint64()] = true
			}
		}
	}
	if len(seen) != 7500 {
		t.Errorf("%d different streams of 7500", len(seen))
	}
}

func TestMoments(t *testing.T) {
	s := New(1)
	const n = 200000
	var u, z, zz float64
	counts := make([]float64, 7)
	for range n {
		u += s.Float64()
		x := s.Normal()
		z += x
		zz += x * x
		counts[s.IntN(7)]++
	}
	if math.Abs(u/n-0.5) > 0.005 || math.Abs(z/n) > 0.01 || math.Abs(zz/n-1) > 0.02 {
		t.Errorf("means %g %g %g, want 0.5 0 1", u/n, z/n, zz/n)
	}
	for i, c := range counts {
		if math.Abs(c*7/n-1) > 0.03 {
			t.Errorf("%d came %g times, want %g", i, c, n/7.0)
		}
	}
	x := []int{0, 1, 2, 3, 4, 5}
	Shuffle(&s, x)
	slices.Sort(x)
	if !slices.Equal(x, []int{0, 1, 2, 3, 4, 5}) {
		t.Errorf("shuffled into %v", x)
	}
}

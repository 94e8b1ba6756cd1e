package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"transcend/model/internal/vec"
)

func TestSoftmaxRow(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for n := 1; n < 20; n++ {
		x := make([]float32, n)
		var z float64
		for i := range x {
			x[i] = float32(8 * rng.NormFloat64())
			z += math.Exp(float64(x[i]))
		}
		want := append([]float32(nil), x...)
		softmaxRow(want)
		if got := softmaxRow(append([]float32(nil), x...)); math.Abs(float64(got)-math.Log(z)) > 1e-6*max(1, math.Abs(math.Log(z))) {
			t.Errorf("log of the denominator = %v, want %v", got, math.Log(z))
		}
		for i := range x {
			if p := math.Exp(float64(x[i])) / z; math.Abs(float64(want[i])-p) > 3e-7 {
				t.Errorf("p[%d] = %v, want %v", i, want[i], p)
			}
		}
	}
	// Values whose exponentials overflow or vanish.
	x := []float32{1e30, -1e30, 1e30}
	if l := softmaxRow(x); l != 1e30 || x[0] != 0.5 || x[1] != 0 || x[2] != 0.5 {
		t.Errorf("softmax of huge values = %v, log %v", x, l)
	}
}

func TestIsFirstMaximum(t *testing.T) {
	x := []float32{1, 3, 2, 3}
	for i, want := range []bool{false, true, false, false} {
		if isFirstMaximum(x, i, 3) != want {
			t.Errorf("isFirstMaximum(%v, %d) = %v", x, i, !want)
		}
	}
	if !isFirstMaximum([]float32{2, 2}, 0, 2) {
		t.Error("the first of equals is not the first maximum")
	}
}

// softmaxRow replaces x, which is not empty, by its softmax and returns log Σ eˣ.
func softmaxRow(x []float32) (logSum float32) {
	return scaledSoftmax(x, vec.Max(x), 1)
}

package model

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestExp32(t *testing.T) {
	worst := 0.0
	for x := -87.3; x < 88.6; x += 0.00137 {
		want := math.Exp(float64(float32(x)))
		worst = max(worst, math.Abs(float64(exp32(float32(x)))-want)/want)
	}
	if worst > 2e-7 {
		t.Errorf("relative error %.2e, documented below 2e-7", worst)
	}
	inf := float32(math.Inf(1))
	for _, c := range []struct{ x, want float32 }{
		{0, 1}, {-87.4, 0}, {-1e30, 0}, {-inf, 0}, {89, inf}, {1e30, inf}, {inf, inf},
	} {
		if got := exp32(c.x); got != c.want {
			t.Errorf("exp32(%v) = %v, want %v", c.x, got, c.want)
		}
	}
	if got := exp32(float32(math.NaN())); got == got {
		t.Errorf("exp32(NaN) = %v", got)
	}
}

func TestGELU(t *testing.T) {
	const h = 1e-5
	exact := func(x float64) float64 { return x * 0.5 * math.Erfc(-x/math.Sqrt2) }
	tanh := func(x float64) float64 {
		return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	}
	for _, c := range []struct {
		name              string
		want              func(float64) float64
		forward, backward func(dst, src []float32)
	}{
		{"erf", exact, geluForward, geluBackward},
		{"tanh", tanh, geluTanhForward, geluTanhBackward},
	} {
		var src []float32
		for x := -30.0; x <= 30; x += 0.0113 {
			src = append(src, float32(x))
		}
		src = append(src, 0, 1e4, -1e4, 1e25, -1e25)
		value, again, slope := make([]float32, len(src)), make([]float32, len(src)), append([]float32(nil), src...)
		c.forward(value, src)
		c.backward(again, slope)
		for i, x := range src {
			x := float64(x)
			if value[i] != again[i] {
				t.Fatalf("%s: forward gives %v at %v, backward's value %v", c.name, value[i], x, again[i])
			}
			if math.Abs(x) > 100 {
				if want := max(x, 0); float64(value[i]) != want && value[i] != float32(want) {
					t.Errorf("%s(%v) = %v", c.name, x, value[i])
				}
				continue
			}
			if d := math.Abs(float64(value[i]) - c.want(x)); d > 2e-7*max(1, math.Abs(x)) {
				t.Errorf("%s(%v) = %v, want %v", c.name, x, value[i], c.want(x))
			}
			want := (c.want(x+h) - c.want(x-h)) / (2 * h)
			if d := math.Abs(float64(slope[i]) - want); d > 2e-6 {
				t.Errorf("%s'(%v) = %v, want %v", c.name, x, slope[i], want)
			}
		}
	}
}

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
		if a, b := logSumExp(x), softmaxRow(want); a != b {
			t.Errorf("logSumExp %v, softmaxRow %v", a, b)
		}
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

func TestRenormGivesTheSameBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for _, n := range []int{1, 2, 3, 5, 8, 63, 128} {
		src, w, b := make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range src {
			src[i], w[i], b[i] = float32(rng.NormFloat64()+3), float32(rng.NormFloat64()), float32(rng.NormFloat64())
		}
		for _, bias := range [][]float32{nil, b} {
			first, second := make([]float32, n), make([]float32, n)
			mean, rstd := layerNormRow(first, src, w, bias)
			renormRow(second, src, w, bias, mean, rstd)
			for i := range first {
				if first[i] != second[i] {
					t.Fatalf("n=%d: [%d] = %v, then %v", n, i, first[i], second[i])
				}
			}
		}
	}
}

func TestPoolRunsEveryChunkOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		p := newPool()
		p.setThreads(threads)
		for _, chunks := range []int{0, 1, 2, 3, 100} {
			op := &countOp{counts: make([]int32, chunks), workers: make([]int32, threads)}
			p.run(chunks, op)
			for i, n := range op.counts {
				if n != 1 {
					t.Errorf("%d threads: chunk %d of %d ran %d times", threads, i, chunks, n)
				}
			}
		}
	}
}

// countOp counts runs without synchronization: chunks are disjoint, and so
// are workers, or the race detector speaks up.
type countOp struct{ counts, workers []int32 }

func (op *countOp) run(chunk, worker int) {
	op.counts[chunk]++
	op.workers[worker]++
}

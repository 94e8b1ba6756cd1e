package attention

import (
	"math"
	"math/rand/v2"
	"testing"
)

func randoms(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// near wants |a−b| ≤ bound·scale for every number, and NaN where there is NaN.
func near(t *testing.T, what string, got, want []float32, bound float64) {
	t.Helper()
	for i := range want {
		a, b := float64(got[i]), float64(want[i])
		if math.IsNaN(a) != math.IsNaN(b) || math.Abs(a-b) > bound {
			t.Fatalf("%s: number %d is %v, plain Go %v", what, i, a, b)
		}
	}
}

// eachAssembly runs a test for the levels that are not plain Go.
func eachAssembly(t *testing.T, test func(t *testing.T, k *kernels, rng *rand.Rand)) {
	eachLevel(t, func(t *testing.T, k *kernels) {
		if k == &plain {
			t.Skip("plain Go is what is compared with")
		}
		test(t, k, rand.New(rand.NewPCG(15, 16)))
	})
}

// unit is the rounding error of float32. A sum of n products of numbers x and y
// in any order has an error of at most n·unit·Σ|xy|, twice that for two orders.
const unit = 1.0 / (1 << 24)

func TestProductTwin(t *testing.T) {
	eachAssembly(t, func(t *testing.T, k *kernels, rng *rand.Rand) {
		for range 400 {
			rows, panels, depth := 1+rng.IntN(k.rows), 1+rng.IntN(20), 1+rng.IntN(80)
			aRow, aStep := depth+rng.IntN(9), 1
			if rng.IntN(2) == 0 { // transposed
				aRow, aStep = 1, rows+rng.IntN(9)
			}
			bStep, bPanel := Panel, Panel*depth
			if rng.IntN(2) == 0 { // rows
				bStep, bPanel = Panel*panels, Panel
			}
			cRow := Panel*panels + rng.IntN(9)
			a, b := randoms(rng, (rows-1)*aRow+(depth-1)*aStep+1), randoms(rng, panels*depth*Panel)
			got := randoms(rng, (rows-1)*cRow+panels*Panel)
			want := append([]float32(nil), got...)
			add := rng.IntN(2) == 0
			if !add {
				got[0] = nan // must not be read
			}
			k.product(rows, panels, depth, a, aRow, aStep, b, bStep, bPanel, got, cRow, add)
			productPlain(rows, panels, depth, a, aRow, aStep, b, bStep, bPanel, want, cRow, add)
			near(t, "product", got, want, 2*float64(depth+1)*unit*5*float64(depth+1))
		}
	})
}

func TestRowTwins(t *testing.T) {
	eachAssembly(t, func(t *testing.T, k *kernels, rng *rand.Rand) {
		for range 300 {
			rows, cols := 1+rng.IntN(30), 1+rng.IntN(70)
			width, srcRow, dstRow := cols, cols+rng.IntN(9), Padded(cols)+rng.IntN(9)
			if rng.IntN(2) == 0 {
				width = Padded(cols)
			}
			src, factor := randoms(rng, (rows-1)*srcRow+cols), randoms(rng, rows)
			got := randoms(rng, (rows-1)*dstRow+width)
			want := append([]float32(nil), got...)
			step := rng.IntN(2)
			k.copyRows(rows, cols, width, src, srcRow, got, dstRow, factor, step)
			copyRowsPlain(rows, cols, width, src, srcRow, want, dstRow, factor, step)
			near(t, "copyRows", got, want, 0)

			other := randoms(rng, (rows-1)*dstRow+cols)
			got, want = randoms(rng, rows), make([]float32, rows)
			k.rowDots(rows, cols, src, srcRow, other, dstRow, got)
			rowDotsPlain(rows, cols, src, srcRow, other, dstRow, want)
			near(t, "rowDots", got, want, 2*float64(cols)*unit*5*float64(cols))

			panels := 1 + rng.IntN(5)
			row := panels*Panel + rng.IntN(9)
			values := randoms(rng, (rows-1)*row+panels*Panel)
			got, want = randoms(rng, panels*Panel), make([]float32, panels*Panel)
			k.weightedSum(rows, panels, factor, values, row, got)
			weightedSumPlain(rows, panels, factor, values, row, want)
			near(t, "weightedSum", got, want, 2*float64(rows)*unit*5*float64(rows))

			cols = 4 * (1 + rng.IntN(12))
			src = randoms(rng, 15*(cols+3)+cols)
			got, want = randoms(rng, cols*Panel), make([]float32, cols*Panel)
			k.transpose(cols, src, cols+3, got)
			transposePlain(cols, src, cols+3, want)
			near(t, "transpose", got, want, 0)
		}
	})
}

// TestTileTwins compares weights, which are at most 1, and what is made of them.
// Both have errors of 2e-7 from exp2 and one rounding of a difference of up to 8.
func TestTileTwins(t *testing.T) {
	eachAssembly(t, func(t *testing.T, k *kernels, rng *rand.Rand) {
		for range 300 {
			rows, limit := 1+rng.IntN(k.rows), 1+rng.IntN(100)
			seen := rng.IntN(limit+25) - 12 // rows above the tile's diagonal and beyond
			row := Padded(limit) + 16*rng.IntN(3)
			s := randoms(rng, (rows-1)*row+Padded(limit))
			dp := randoms(rng, len(s))
			s2, dp2 := append([]float32(nil), s...), append([]float32(nil), dp...)
			p, p2 := append([]float32(nil), s...), append([]float32(nil), s...)
			var a, b stats
			for i := range a.max {
				a.max[i], a.sum[i] = float32(rng.NormFloat64()), 1+rng.Float32()
			}
			b = a
			k.softmax(rows, limit, seen, s, row, &a)
			softmaxPlain(rows, limit, seen, s2, row, &b)
			k.finish(rows, &a)
			finishPlain(rows, &b)
			near(t, "softmax", s, s2, 1e-6)
			near(t, "max + log₂ sum", a.max[:rows], b.max[:rows], 2e-6)
			near(t, "1/sum", a.factor[:rows], b.factor[:rows], 1e-6)

			lse, delta := randoms(rng, rows), randoms(rng, rows)
			for i := range lse {
				lse[i] += 4 // about what it is: weights below 1
			}
			k.gradient(rows, limit, seen, p, dp, row, lse, delta)
			gradientPlain(rows, limit, seen, p2, dp2, row, lse, delta)
			near(t, "gradient's weights", p, p2, 4e-6)
			near(t, "gradient", dp, dp2, 2e-5)
		}
	})
}

// TestExp2 goes through the kernels by way of gradient, whose weights are 2ˣ.
func TestExp2(t *testing.T) {
	var x []float32
	for v := -125.4; v <= 127; v += 0.0037 {
		x = append(x, float32(v))
	}
	x = append(x, 0, 1, -1, 0.5, -0.5, 127, float32(math.Copysign(0, -1)), 1e-30, -1e-30)
	zero := []float32{-125.6, -126, -1000, -3e38, float32(math.Inf(-1))}
	eachLevel(t, func(t *testing.T, k *kernels) {
		exp2 := func(x []float32) []float32 {
			y := append(append([]float32(nil), x...), make([]float32, Padded(len(x))-len(x))...)
			k.gradient(1, len(x), len(x), y, make([]float32, len(y)), len(y), []float32{0}, []float32{0})
			return y[:len(x)]
		}
		worst := 0.0
		for i, y := range exp2(x) {
			want := math.Exp2(float64(x[i]))
			worst = max(worst, math.Abs(float64(y)-want)/want)
		}
		t.Logf("relative error %.3g", worst)
		if !(worst < 2e-7) {
			t.Errorf("relative error %.3g", worst)
		}
		for i, y := range exp2(zero) {
			if y != 0 {
				t.Errorf("2^%v = %v", zero[i], y)
			}
		}
		for _, bits := range []uint32{0x7fc00000, 0xffc00000, 0x7fc00001, 0x7f800001, 0xffffffff} {
			if y := exp2([]float32{math.Float32frombits(bits)})[0]; y == y {
				t.Errorf("2^NaN (%#x) = %v", bits, y)
			}
		}
	})
}

package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"transcend/model/blas"
)

// levels are the implementations that run here, beside plain.
func levels() map[string]*kernels {
	m := map[string]*kernels{}
	for l := blas.Gonum + 1; l <= blas.Supported(); l++ {
		m[l.String()] = kernelsOf(l)
	}
	return m
}

// function is one of kernels, called with n numbers in each of its slices.
type function struct {
	name   string
	slices int
	// call runs it, changes its slices, and returns what it returned.
	call func(k *kernels, x [][]float32) []float64
	// want is the same in float64, and terms the sizes of what was added up.
	want func(x [][]float64) []float64
	// rounding is how many roundings an element may be off by, relative to the
	// largest number that takes part; returned sums get one more an addition.
	rounding float64
}

const (
	testMean, testRstd = 0.375, 1.7
	testG, testH       = -0.2, 0.45
)

var testAdamW = AdamW{
	Scale: 0.7, Decay: 0.999, Beta1: 0.9, Beta2: 0.95, OneMinusBeta1: 0.1, OneMinusBeta2: 0.05,
	StepSize: 3e-3, RootBias: 2.5, Epsilon: 1e-8,
}

func (c AdamW) array() *[9]float32 {
	return &[9]float32{c.Scale, c.Decay, c.Beta1, c.Beta2, c.OneMinusBeta1, c.OneMinusBeta2, c.StepSize, c.RootBias, c.Epsilon}
}

func each(n int, f func(i int)) []float64 {
	for i := range n {
		f(i)
	}
	return nil
}

func total(n int, f func(i int) float64) []float64 {
	t := 0.0
	for i := range n {
		t += f(i)
	}
	return []float64{t}
}

func erfGELU(x float64) float64 { return x * 0.5 * math.Erfc(-x/math.Sqrt2) }
func erfSlope(x float64) float64 {
	return 0.5*math.Erfc(-x/math.Sqrt2) + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
}
func tanhArgument(x float64) float64 { return math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x) }
func tanhGELU(x float64) float64     { return 0.5 * x * (1 + math.Tanh(tanhArgument(x))) }
func tanhSlope(x float64) float64 {
	t := math.Tanh(tanhArgument(x))
	return 0.5*(1+t) + 0.5*x*(1-t*t)*math.Sqrt(2/math.Pi)*(1+3*0.044715*x*x)
}

var functions = []function{
	{"add", 3, func(k *kernels, x [][]float32) []float64 { k.add(x[0], x[1], x[2]); return nil },
		func(x [][]float64) []float64 {
			return each(len(x[0]), func(i int) { x[0][i] = x[1][i] + x[2][i] })
		}, 1},
	{"addSum", 3, func(k *kernels, x [][]float32) []float64 { return []float64{float64(k.addSum(x[0], x[1], x[2]))} },
		func(x [][]float64) []float64 {
			return total(len(x[0]), func(i int) float64 { x[0][i] = x[1][i] + x[2][i]; return x[0][i] })
		}, 1},
	{"scale", 1, func(k *kernels, x [][]float32) []float64 { k.scale(x[0], testRstd); return nil },
		func(x [][]float64) []float64 {
			return each(len(x[0]), func(i int) { x[0][i] *= float64(float32(testRstd)) })
		}, 1},
	{"mix", 2, func(k *kernels, x [][]float32) []float64 { k.mix(x[0], x[1], testMean, testRstd); return nil },
		func(x [][]float64) []float64 {
			return each(len(x[0]), func(i int) { x[0][i] = testMean*x[0][i] + testRstd*x[1][i] })
		}, 3},
	{"addRows", 2, func(k *kernels, x [][]float32) []float64 { k.addRows(x[0], x[1], []int32{0, 0}); return nil },
		func(x [][]float64) []float64 {
			return each(len(x[0]), func(i int) { x[0][i] += 2 * x[1][i] })
		}, 2},
	{"sum", 1, func(k *kernels, x [][]float32) []float64 { return []float64{float64(k.sum(x[0]))} },
		func(x [][]float64) []float64 { return total(len(x[0]), func(i int) float64 { return x[0][i] }) }, 1},
	{"maximum", 1, func(k *kernels, x [][]float32) []float64 { return []float64{float64(k.maximum(x[0]))} },
		func(x [][]float64) []float64 {
			m := math.Inf(-1)
			for _, v := range x[0] {
				m = max(m, v)
			}
			return []float64{m}
		}, 0},
	{"squaredDistance", 1, func(k *kernels, x [][]float32) []float64 {
		return []float64{float64(k.squaredDistance(x[0], testMean))}
	}, func(x [][]float64) []float64 {
		return total(len(x[0]), func(i int) float64 { d := x[0][i] - testMean; return d * d })
	}, 3},
	{"normalizeBias", 4, func(k *kernels, x [][]float32) []float64 {
		k.normalizeBias(x[0], x[1], x[2], x[3], testMean, testRstd)
		return nil
	}, func(x [][]float64) []float64 {
		return each(len(x[0]), func(i int) { x[0][i] = (x[1][i]-testMean)*testRstd*x[2][i] + x[3][i] })
	}, 5},
	{"normalize", 3, func(k *kernels, x [][]float32) []float64 {
		k.normalize(x[0], x[1], x[2], testMean, testRstd)
		return nil
	}, func(x [][]float64) []float64 {
		return each(len(x[0]), func(i int) { x[0][i] = (x[1][i] - testMean) * testRstd * x[2][i] })
	}, 4},
	{"normBackwardSums", 4, func(k *kernels, x [][]float32) []float64 {
		g, h := k.normBackwardSums(x[0], x[1], x[2], x[3], testMean, testRstd)
		return []float64{float64(g), float64(h)}
	}, func(x [][]float64) []float64 {
		var g, h float64
		for i, dy := range x[1] {
			norm := (x[2][i] - testMean) * testRstd
			x[0][i] += dy * norm
			g += dy * x[3][i]
			h += dy * x[3][i] * norm
		}
		return []float64{g, h}
	}, 6},
	{"normBackwardApply", 4, func(k *kernels, x [][]float32) []float64 {
		k.normBackwardApply(x[0], x[1], x[2], x[3], testMean, testRstd, testG, testH)
		return nil
	}, func(x [][]float64) []float64 {
		return each(len(x[0]), func(i int) {
			norm := (x[2][i] - testMean) * testRstd
			x[0][i] += testRstd * (x[1][i]*x[3][i] - testG - norm*testH)
		})
	}, 8},
	{"expSum", 2, func(k *kernels, x [][]float32) []float64 {
		return []float64{float64(k.expSum(x[0], x[1], testMean))}
	}, func(x [][]float64) []float64 {
		return total(len(x[0]), func(i int) float64 { x[0][i] = math.Exp(x[1][i] - testMean); return x[0][i] })
	}, 6},
	{"geluErf", 2, func(k *kernels, x [][]float32) []float64 { k.geluErf(x[0], x[1]); return nil },
		func(x [][]float64) []float64 {
			return each(len(x[0]), func(i int) { x[0][i] = erfGELU(x[1][i]) })
		}, 4},
	{"geluTanh", 2, func(k *kernels, x [][]float32) []float64 { k.geluTanh(x[0], x[1]); return nil },
		func(x [][]float64) []float64 {
			return each(len(x[0]), func(i int) { x[0][i] = tanhGELU(x[1][i]) })
		}, 4},
	{"geluErfGrad", 3, func(k *kernels, x [][]float32) []float64 { k.geluErfGrad(x[0], x[1], x[2]); return nil },
		func(x [][]float64) []float64 {
			return each(len(x[0]), func(i int) {
				x[2][i] *= erfSlope(x[1][i])
				x[0][i] = erfGELU(x[1][i])
			})
		}, 12},
	{"geluTanhGrad", 3, func(k *kernels, x [][]float32) []float64 { k.geluTanhGrad(x[0], x[1], x[2]); return nil },
		func(x [][]float64) []float64 {
			return each(len(x[0]), func(i int) {
				x[2][i] *= tanhSlope(x[1][i])
				x[0][i] = tanhGELU(x[1][i])
			})
		}, 12},
	{"sumSquares", 1, func(k *kernels, x [][]float32) []float64 { return []float64{k.sumSquares(x[0])} },
		func(x [][]float64) []float64 {
			return total(len(x[0]), func(i int) float64 { return x[0][i] * x[0][i] })
		}, 1e-8},
	{"adamW", 4, func(k *kernels, x [][]float32) []float64 {
		k.adamW(x[0], x[1], x[2], x[3], testAdamW.array())
		return nil
	}, func(x [][]float64) []float64 {
		c := testAdamW.array()
		f := func(i int) float64 { return float64(c[i]) }
		return each(len(x[0]), func(i int) {
			g := x[1][i] * f(0)
			x[2][i] = x[2][i]*f(2) + g*f(4)
			x[3][i] = x[3][i]*f(3) + g*g*f(5)
			x[0][i] = x[0][i]*f(1) - f(6)*x[2][i]/(math.Sqrt(x[3][i])*f(7)+f(8))
		})
	}, 8},
}

// guard surrounds every slice with NaNs, which must neither change nor be read
// into a result.
const guard = 24

type arrays struct {
	whole, x [][]float32
}

func newArrays(slices, n int, fill func() float32) *arrays {
	a := &arrays{}
	for s := range slices {
		w := make([]float32, n+2*guard)
		for i := range w {
			w[i] = float32(math.NaN())
			if i >= guard && i < guard+n {
				w[i] = fill()
				if s == 3 { // a second moment, which is not negative
					w[i] = float32(math.Abs(float64(w[i])))
				}
			}
		}
		a.whole = append(a.whole, w)
		a.x = append(a.x, w[guard:guard+n:guard+n])
	}
	return a
}

func (a *arrays) clone() *arrays {
	i, n := -1, len(a.x[0])
	return newArrays(len(a.x), n, func() float32 { i++; return a.x[i/n][i%n] })
}

func (a *arrays) float64s() [][]float64 {
	var d [][]float64
	for _, x := range a.x {
		y := make([]float64, len(x))
		for i, v := range x {
			y[i] = float64(v)
		}
		d = append(d, y)
	}
	return d
}

// sameBits also takes any NaN for any other.
func sameBits(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// twins runs f on every level and compares all bits with plain Go.
func (f *function) twins(t *testing.T, in *arrays) {
	t.Helper()
	want := in.clone()
	wantSums := f.call(&plain, want.x)
	for level, k := range levels() {
		got := in.clone()
		gotSums := f.call(k, got.x)
		for i, w := range want.whole {
			for j, v := range w {
				if !sameBits(got.whole[i][j], v) {
					t.Fatalf("%s, %s, n=%d: slice %d [%d] is %v, plain Go says %v", f.name, level, len(in.x[0]), i, j-guard, got.whole[i][j], v)
				}
			}
		}
		for i, v := range wantSums {
			if math.Float64bits(v) != math.Float64bits(gotSums[i]) && (v == v || gotSums[i] == gotSums[i]) {
				t.Fatalf("%s, %s, n=%d: returned %v, plain Go %v", f.name, level, len(in.x[0]), gotSums[i], v)
			}
		}
	}
}

// lengths has every remainder modulo 16, with and without whole vectors.
func lengths() []int {
	var ns []int
	for n := range 67 {
		ns = append(ns, n)
	}
	return append(ns, 127, 128, 129, 512, 1023, 2048)
}

// TestKernelsAreComplete: every implementation has every function, and each of them is tested.
func TestKernelsAreComplete(t *testing.T) {
	all := levels()
	all["plain"] = &plain
	for level, k := range all {
		v := reflect.ValueOf(k).Elem()
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if v.Field(i).IsNil() {
				t.Errorf("%s has no %s", level, name)
			}
			if !slices.ContainsFunc(functions, func(f function) bool { return f.name == name }) {
				t.Errorf("%s is not among functions, which are tested", name)
			}
		}
	}
}

func TestTwins(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	inf := float32(math.Inf(1))
	specials := []float32{0, float32(math.Copysign(0, -1)), inf, -inf, float32(math.NaN()), 1e-45, -1e-45, 1e-38,
		math.MaxFloat32, -math.MaxFloat32, 88.7, 88.5, -87.33, -87.5, -88.1, 200, 1, -1, 1e20, -1e20,
		math.Float32frombits(0x7fc00001), math.Float32frombits(0xffc00001)}
	for i := range functions {
		f := &functions[i]
		t.Run(f.name, func(t *testing.T) {
			for _, n := range lengths() {
				f.twins(t, newArrays(f.slices, n, func() float32 { return float32(3 * rng.NormFloat64()) }))
				f.twins(t, newArrays(f.slices, n, func() float32 { return math.Float32frombits(rng.Uint32()) }))
				f.twins(t, newArrays(f.slices, n, func() float32 { return specials[rng.IntN(len(specials))] }))
			}
		})
	}
}

// TestAddRows: which rows, in which order, and none; TestTwins sees to what lies
// beside them.
func TestAddRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	all := levels()
	all["plain"] = &plain
	for _, n := range lengths() {
		table := make([]float32, 9*n)
		for i := range table {
			table[i] = float32(math.Exp(8 * rng.NormFloat64()))
		}
		for _, index := range [][]int32{nil, {3}, {8, 0, 8, 2, 7, 7, 1}} {
			want := make([]float32, n)
			for j := range want {
				want[j] = float32(j)
				for _, i := range index {
					want[j] += table[int(i)*n+j]
				}
			}
			for level, k := range all {
				got := make([]float32, n)
				for j := range got {
					got[j] = float32(j)
				}
				k.addRows(got, table, index)
				if !slices.Equal(got, want) {
					t.Fatalf("%s, n=%d, rows %v: %v, want %v", level, n, index, got, want)
				}
			}
		}
	}
	for _, bad := range []int32{-1, 3, math.MinInt32, math.MaxInt32} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("row %d of 3 was added", bad)
				}
			}()
			AddRows(make([]float32, 5), make([]float32, 15), []int32{1, bad})
		}()
	}
}

func TestAgainstFloat64(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const u = 1.0 / (1 << 24)
	for i := range functions {
		f := &functions[i]
		for _, n := range lengths() {
			in := newArrays(f.slices, n, func() float32 { return float32(2 * rng.NormFloat64()) })
			want := in.float64s()
			wantSums := f.want(want)
			got := in.clone()
			gotSums := f.call(&plain, got.x)
			for s := range want {
				for j, w := range want[s] {
					size := math.Abs(w) + 1
					for _, x := range in.x {
						size = max(size, math.Abs(float64(x[j])))
						for _, y := range in.x {
							size = max(size, math.Abs(3*float64(x[j]*y[j])))
						}
					}
					if d := math.Abs(float64(got.x[s][j]) - w); !(d <= f.rounding*u*size) {
						t.Fatalf("%s, n=%d: slice %d [%d] is %v, want %v", f.name, n, s, j, got.x[s][j], w)
					}
				}
			}
			for s, w := range wantSums {
				size := math.Abs(w)
				for j := range n {
					e := 1.0
					for _, x := range in.x {
						e *= 1 + math.Abs(float64(x[j]))
					}
					size += 2 * e
				}
				bound := (f.rounding + float64(n/16+4)*min(1, f.rounding)) * u * size
				if d := math.Abs(gotSums[s] - w); !(d <= bound) && gotSums[s] != w {
					t.Fatalf("%s, n=%d: returned %v, want %v", f.name, n, gotSums[s], w)
				}
			}
		}
	}
}

// TestExp measures the exponential as ExpSum has it, over its range in steps of a
// few units in the last place, and at what lies outside.
func TestExp(t *testing.T) {
	const lowest = -87.33654
	worst, at := 0.0, 0.0
	step := uint32(97)
	if testing.Short() {
		step = 9973
	}
	check := func(bits, last uint32) {
		for ; bits <= last; bits += step {
			x := math.Float32frombits(bits)
			want := math.Exp(float64(x))
			if e := math.Abs(float64(exp(x))-want) / want; e > worst {
				worst, at = e, float64(x)
			}
		}
	}
	check(0, math.Float32bits(88.37))
	check(1<<31, math.Float32bits(lowest))
	t.Logf("relative error at most %.3g, at %v", worst, at)
	if worst > 2e-7 {
		t.Errorf("relative error %.3g at %v, documented below 2e-7", worst, at)
	}
	inf := float32(math.Inf(1))
	for _, c := range []struct{ x, want float32 }{
		{0, 1}, {-88.1, 0}, {-1e30, 0}, {-inf, 0}, {88.4, inf}, {89, inf}, {1e30, inf}, {inf, inf},
	} {
		if got := exp(c.x); got != c.want {
			t.Errorf("exp(%v) = %v, want %v", c.x, got, c.want)
		}
	}
	for _, bits := range []uint32{0x7fc00000, 0x7fc00001, 0xffffffff, 0x7f800001} {
		if got := exp(math.Float32frombits(bits)); got == got {
			t.Errorf("exp(NaN %x) = %v", bits, got)
		}
	}
}

func TestGELU(t *testing.T) {
	for _, c := range []struct {
		name        string
		tanh        bool
		want, slope func(float64) float64
	}{{"erf", false, erfGELU, erfSlope}, {"tanh", true, tanhGELU, tanhSlope}} {
		var src []float32
		for x := -30.0; x <= 30; x += 0.00113 {
			src = append(src, float32(x))
		}
		src = append(src, 0, 1e4, -1e4, 1e25, -1e25)
		value, again, slope := make([]float32, len(src)), append([]float32(nil), src...), make([]float32, len(src))
		for i := range slope {
			slope[i] = 1
		}
		GELU(value, src, c.tanh)
		GELUGrad(again, again, slope, c.tanh)
		worst, worstSlope := 0.0, 0.0
		for i, x := range src {
			x := float64(x)
			if value[i] != again[i] {
				t.Fatalf("%s: GELU gives %v at %v, GELUGrad %v", c.name, value[i], x, again[i])
			}
			if math.Abs(x) > 100 {
				if want := max(x, 0); value[i] != float32(want) {
					t.Errorf("%s(%v) = %v", c.name, x, value[i])
				}
				continue
			}
			worst = max(worst, math.Abs(float64(value[i])-c.want(x))/max(1, math.Abs(x)))
			worstSlope = max(worstSlope, math.Abs(float64(slope[i])-c.slope(x)))
		}
		t.Logf("%s: error %.2g, of the derivative %.2g", c.name, worst, worstSlope)
		if worst > 2e-7 || worstSlope > 3e-6 {
			t.Errorf("%s: error %.2g, of the derivative %.2g", c.name, worst, worstSlope)
		}
	}
}

func TestChoose(t *testing.T) {
	best := kernelsOf(blas.Supported())
	for name, want := range map[string]*kernels{"": best, "auto": best, "gonum": &plain, "nonsense": best} {
		if choose(name) != want {
			t.Errorf("%q does not choose what it should", name)
		}
	}
	for l := blas.Gonum; l <= blas.AVX512BF16; l++ {
		if got := choose(l.String()); got != kernelsOf(min(l, blas.Supported())) {
			t.Errorf("%v does not choose what it should", l)
		}
	}
}

// BenchmarkFunctions measures each function on arrays that lie in the cache and on
// such that do not, against plain Go and the copying of memory.
func BenchmarkFunctions(b *testing.B) {
	all := levels()
	all["gonum"] = &plain
	for _, n := range []int{512, 1 << 20} {
		for i := range functions {
			f := &functions[i]
			for level, k := range all {
				b.Run(fmt.Sprintf("%s/n=%d/%s", f.name, n, level), func(b *testing.B) {
					rng := rand.New(rand.NewPCG(5, 6))
					x := newArrays(f.slices, n, func() float32 { return float32(rng.NormFloat64()) }).x
					b.SetBytes(int64(4 * n * f.slices))
					start := time.Now()
					for b.Loop() {
						f.call(k, x)
					}
					b.ReportMetric(float64(n)*float64(b.N)/float64(time.Since(start).Nanoseconds()), "elem/ns")
					b.ReportMetric(0, "ns/op")
				})
			}
		}
	}
}

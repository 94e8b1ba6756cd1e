package blas

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// form is the transposition of a product: forward y = x W (NN) or logits x Eᵀ (NT),
// backward dx = dy Wᵀ (NT) and dW = xᵀ dy (TN).
type form struct{ a, b blas.Transpose }

func (f form) String() string {
	return string([]byte{byte(f.a), byte(f.b)})
}

var (
	formNN = form{blas.NoTrans, blas.NoTrans}
	formNT = form{blas.NoTrans, blas.Trans}
	formTN = form{blas.Trans, blas.NoTrans}
	formTT = form{blas.Trans, blas.Trans}
)

type benchShape struct {
	form    form
	m, n, k int
	beta    float32
}

// modelShapes are the products of a training step at three widths, with the tokens of
// a batch: for each linear layer the forward pass, the gradient of its input, and the
// gradient of its weights, which is added up; and the same for 1,024 rows of logits.
func modelShapes() []benchShape {
	const vocabulary = 2048
	shapes := []benchShape{{form: formNN, m: 1024, n: 1024, k: 1024}, {form: formNT, m: 1024, n: 1024, k: 1024}, {form: formTN, m: 1024, n: 1024, k: 1024}}
	for _, c := range []struct{ width, tokens int }{{128, 8192}, {256, 4096}, {512, 4096}} {
		w := c.width
		for _, l := range []struct{ in, out int }{{w, 3 * w}, {w, w}, {w, 4 * w}, {4 * w, w}} {
			shapes = append(shapes,
				benchShape{formNN, c.tokens, l.out, l.in, 0},
				benchShape{formNT, c.tokens, l.in, l.out, 0},
				benchShape{formTN, l.in, l.out, c.tokens, 1})
		}
		shapes = append(shapes,
			benchShape{formNT, 1024, vocabulary, w, 0},
			benchShape{formNN, 1024, w, vocabulary, 0},
			benchShape{formTN, vocabulary, w, 1024, 1})
	}
	return shapes
}

// smallShapes are those of attention heads and of decoding a few positions.
func smallShapes() []benchShape {
	var shapes []benchShape
	for _, s := range [][3]int{{64, 64, 32}, {64, 32, 64}, {128, 128, 32}, {128, 128, 64}, {128, 64, 128}} {
		for _, f := range []form{formNN, formNT, formTN} {
			shapes = append(shapes, benchShape{f, s[0], s[1], s[2], 0})
		}
	}
	for _, m := range []int{1, 2, 4, 8, 16, 32, 64} {
		for _, s := range [][2]int{{256, 768}, {1024, 256}, {512, 2048}} {
			shapes = append(shapes, benchShape{formNN, m, s[1], s[0], 0})
		}
		shapes = append(shapes, benchShape{formNT, m, 2048, 256, 0})
	}
	return shapes
}

// operands are the arguments of a product of a shape.
func (s benchShape) operands(rng *rand.Rand) (a []float32, lda int, b []float32, ldb int, c []float32) {
	random := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		return x
	}
	lda, ldb = s.k, s.n
	if s.form.a == blas.Trans {
		lda = s.m
	}
	if s.form.b == blas.Trans {
		ldb = s.k
	}
	return random(s.m * s.k), lda, random(s.k * s.n), ldb, make([]float32, s.m*s.n)
}

// rate is the speed of one run of f in GFLOP/s, of as many calls as fill about half
// a millisecond.
func rate(flops float64, f func()) float64 {
	calls := 1 + int(1e8/flops)
	start := time.Now()
	for range calls {
		f()
	}
	return flops * float64(calls) / float64(time.Since(start).Nanoseconds())
}

// benchLevels are the kernels of this machine, each in the precision it is for.
func benchLevels() []Options {
	var all []Options
	for _, l := range Levels()[1:] {
		o := Options{Level: l}
		if l >= AVX512BF16 {
			o.Precision = BF16
		}
		if l <= Supported() {
			all = append(all, o)
		}
	}
	return all
}

// benchmarkShapes reports the rate of every shape, level and thread count, also as
// a share of the peak, with gonum's beside where it does not take too long. For AMX
// the peak is that of TDPBF16PS; the share of VDPBF16PS's is given as well. Peak and product take turns, and the best
// run of each counts: what else the machine does can only take away. Give it
// -benchtime 30x or so.
func benchmarkShapes(b *testing.B, shapes []benchShape, threadCounts []int) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, s := range shapes {
		x, ldx, y, ldy, z := s.operands(rng)
		flops := 2 * float64(s.m) * float64(s.n) * float64(s.k)
		call := func(impl blas.Float32) func() {
			return func() {
				impl.Sgemm(s.form.a, s.form.b, s.m, s.n, s.k, 1, x, ldx, y, ldy, s.beta, z, s.n)
			}
		}
		peers := 0.0
		for range 3 {
			if flops < 3e9 { // it takes a tenth of a second for these
				peers = max(peers, rate(flops, call(gonum.Implementation{})))
			}
		}
		for _, o := range benchLevels() {
			for _, threads := range threadCounts {
				o.Threads = threads
				impl := newImplementation(b, o)
				b.Run(fmt.Sprintf("%v_%dx%dx%d/%v/threads=%d", s.form, s.m, s.n, s.k, o.Level, threads), func(b *testing.B) {
					var ours, peak, dot float64
					for b.Loop() {
						peak = max(peak, Peak(o.Level, o.Precision, threads, 0))
						if o.Level == AMX {
							dot = max(dot, Peak(AVX512BF16, BF16, threads, 0))
						}
						ours = max(ours, rate(flops, call(impl)))
					}
					if dot > 0 {
						b.ReportMetric(100*ours/dot, "%vdpbf16ps-peak")
					}
					b.ReportMetric(ours, "GFLOP/s")
					b.ReportMetric(100*ours/peak, "%peak")
					if peers > 0 {
						b.ReportMetric(peers, "gonum-GFLOP/s")
					}
					b.ReportMetric(0, "ns/op")
				})
			}
		}
	}
}

// BenchmarkModel measures the products of training.
func BenchmarkModel(b *testing.B) { benchmarkShapes(b, modelShapes(), []int{1, 2}) }

// BenchmarkSmall measures attention-sized products and decoding, on one thread:
// callers run many of them side by side.
func BenchmarkSmall(b *testing.B) { benchmarkShapes(b, smallShapes(), []int{1}) }

// BenchmarkTiles measures what keeps AMX from its peak, on one thread: multiplication alone,
// of packed operands that stay in the caches or do not, whole products of factors in
// bf16 and in float32, and, as if it were a product, what it takes only to read the float32
// factors and to write C.
func BenchmarkTiles(b *testing.B) {
	if Supported() < AMX {
		b.Skip("no AMX here")
	}
	impl := newImplementation(b, Options{Level: AMX, Precision: BF16, Threads: 1})
	rng := rand.New(rand.NewPCG(5, 6))
	for _, s := range []struct{ m, n, k int }{{32, 32, 256}, {128, 256, 512}, {1024, 1024, 1024}, {8192, 512, 128}, {4096, 2048, 512}} {
		shape := benchShape{form: formNN, m: s.m, n: s.n, k: s.k}
		x, ldx, y, ldy, z := shape.operands(rng)
		a, w := Factor{F32: x, Stride: ldx}, Factor{F32: y, Stride: ldy}
		narrow, narrowW := Factor{BF16: make([]uint16, len(x)), Stride: ldx}, Factor{BF16: make([]uint16, len(y)), Stride: ldy}
		impl.RoundBF16(narrow.BF16, x)
		impl.RoundBF16(narrowW.BF16, y)
		panelsA, panelsB, scratch := resize(nil, s.m*s.k/2), resize(nil, s.n*s.k/2), make([]float32, tileScratch)
		copy(panelsA, x)
		copy(panelsB, y)
		steps := s.k / tileSide
		for _, c := range []struct {
			name string
			run  func()
		}{
			{"packed", func() {
				for i := 0; i < s.m; i += tileSide {
					impl.e.tiles.multiply(tileSide, s.n, steps, &panelsA[i/tileSide*steps*tileWords], &panelsB[0], &z[i*s.n], 4*uintptr(s.n), 1, 0, tileOverwrite, &scratch[0])
				}
			}},
			{"bf16", func() { impl.GemmBF16(s.m, s.n, s.k, narrow, narrowW, 0, z, s.n, nil) }},
			{"f32", func() { impl.GemmBF16(s.m, s.n, s.k, a, w, 0, z, s.n, nil) }},
			{"moved", func() {
				near := scratch[:min(len(scratch), 4096)] // stays in the first-level cache
				for _, far := range [][]float32{x, y} {
					for len(far) > 0 {
						far = far[copy(near, far):]
					}
				}
				for far := z; len(far) > 0; {
					far = far[copy(far, near):]
				}
			}},
		} {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", s.m, s.n, s.k, c.name), func(b *testing.B) {
				var ours, peak float64
				for b.Loop() {
					peak = max(peak, Peak(AMX, BF16, 1, 0))
					ours = max(ours, rate(2*float64(s.m)*float64(s.n)*float64(s.k), c.run))
				}
				b.ReportMetric(ours, "GFLOP/s")
				b.ReportMetric(100*ours/peak, "%peak")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkPeak measures the ceilings.
func BenchmarkPeak(b *testing.B) {
	for _, o := range benchLevels() {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%v/threads=%d", o.Level, threads), func(b *testing.B) {
				var peak float64
				for b.Loop() {
					peak = max(peak, Peak(o.Level, o.Precision, threads, 0))
				}
				b.ReportMetric(peak, "GFLOP/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

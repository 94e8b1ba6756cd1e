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
}

// modelShapes are the products of a training step of 2,048 tokens: for each linear
// layer of k inputs and n outputs the forward pass, the gradient of its input and
// the gradient of its weights.
func modelShapes() []benchShape {
	const tokens = 2048
	shapes := []benchShape{{formNN, 1024, 1024, 1024}, {formNT, 1024, 1024, 1024}, {formTN, 1024, 1024, 1024}}
	for _, l := range []struct{ k, n int }{
		{128, 384}, {128, 512}, {512, 128}, {256, 768}, {256, 1024}, {1024, 256}, {512, 1536}, {512, 2048}, {2048, 512}, {256, 2048},
	} {
		shapes = append(shapes,
			benchShape{formNN, tokens, l.n, l.k},
			benchShape{formNT, tokens, l.k, l.n},
			benchShape{formTN, l.k, l.n, tokens})
	}
	return shapes
}

// smallShapes are those of attention heads and of decoding a few positions.
func smallShapes() []benchShape {
	var shapes []benchShape
	for _, s := range [][3]int{{64, 64, 32}, {64, 32, 64}, {128, 128, 32}, {128, 128, 64}, {128, 64, 128}} {
		for _, f := range []form{formNN, formNT, formTN} {
			shapes = append(shapes, benchShape{f, s[0], s[1], s[2]})
		}
	}
	for _, m := range []int{1, 2, 4, 8, 16, 32, 64} {
		for _, s := range [][2]int{{256, 768}, {1024, 256}, {512, 2048}} {
			shapes = append(shapes, benchShape{formNN, m, s[1], s[0]})
		}
		shapes = append(shapes, benchShape{formNT, m, 2048, 256})
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
	for _, o := range []Options{{Level: AVX2}, {Level: AVX512}, {Level: AVX512BF16, Precision: BF16}, {Level: AMX, Precision: BF16}} {
		if o.Level <= Supported() {
			all = append(all, o)
		}
	}
	return all
}

// benchmarkShapes reports the rate of every shape, level and thread count, also as
// a share of the peak, with gonum's beside. Peak and product take turns, and the best
// run of each counts: what else the machine does can only take away. Give it
// -benchtime 30x or so.
func benchmarkShapes(b *testing.B, shapes []benchShape, threadCounts []int) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, s := range shapes {
		x, ldx, y, ldy, z := s.operands(rng)
		flops := 2 * float64(s.m) * float64(s.n) * float64(s.k)
		call := func(impl blas.Float32) func() {
			return func() {
				impl.Sgemm(s.form.a, s.form.b, s.m, s.n, s.k, 1, x, ldx, y, ldy, 0, z, s.n)
			}
		}
		peers := 0.0
		for range 3 {
			peers = max(peers, rate(flops, call(gonum.Implementation{})))
		}
		for _, o := range benchLevels() {
			for _, threads := range threadCounts {
				o.Threads = threads
				impl := newImplementation(b, o)
				b.Run(fmt.Sprintf("%v_%dx%dx%d/%v/threads=%d", s.form, s.m, s.n, s.k, o.Level, threads), func(b *testing.B) {
					var ours, peak float64
					for b.Loop() {
						peak = max(peak, Peak(o.Level, o.Precision, threads, 0))
						ours = max(ours, rate(flops, call(impl)))
					}
					b.ReportMetric(ours, "GFLOP/s")
					b.ReportMetric(100*ours/peak, "%peak")
					b.ReportMetric(peers, "gonum-GFLOP/s")
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

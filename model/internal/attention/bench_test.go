package attention

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"gonum.org/v1/gonum/blas/blas32"

	"transcend/model/blas"
)

// BenchmarkAttention measures one head over one sequence that lies in rows of
// qkv, width 8 heads, on one thread. GFLOP/s counts what causal attention
// needs, two products forward and five backward over n·(n+1)/2 pairs; %peak is
// of the level's own f32 multiply-adds.
func BenchmarkAttention(b *testing.B) {
	for _, s := range []struct{ n, d int }{{16, 32}, {70, 32}, {128, 32}, {70, 64}, {256, 64}, {1023, 32}, {1023, 64}, {4096, 64}} {
		width := 8 * s.d
		rng := rand.New(rand.NewPCG(1, 1))
		random := func(cols int) []float32 {
			x := make([]float32, s.n*cols)
			for i := range x {
				x[i] = float32(rng.NormFloat64())
			}
			return x
		}
		qkv, dqkv, out, dout, lse := random(3*width), random(3*width), random(width), random(width), make([]float32, s.n)
		part := func(x []float32, i int) blas32.General {
			return blas32.General{Rows: s.n, Cols: s.d, Stride: 3 * width, Data: x[i*width:]}
		}
		head := func(x []float32) blas32.General {
			return blas32.General{Rows: s.n, Cols: s.d, Stride: width, Data: x}
		}
		for _, l := range levels() {
			level, _ := blas.ParseLevel(l.name)
			peak := blas.Peak(level, blas.F32, 1, 20*time.Millisecond)
			w := newWorkspace(l.k)
			forward := func() {
				w.Forward(head(out), part(qkv, 0), part(qkv, 1), part(qkv, 2), lse)
			}
			backward := func() {
				w.Backward(part(dqkv, 0), part(dqkv, 1), part(dqkv, 2), head(dout), head(out), part(qkv, 0), part(qkv, 1), part(qkv, 2), lse)
			}
			for _, pass := range []struct {
				name     string
				run      func()
				products float64
			}{{"forward", forward, 2}, {"backward", backward, 5}} {
				b.Run(fmt.Sprintf("n=%d/d=%d/pass=%s/level=%s", s.n, s.d, pass.name, l.name), func(b *testing.B) {
					forward()
					b.ReportAllocs()
					for b.Loop() {
						pass.run()
					}
					flops := pass.products * float64(s.n) * float64(s.n+1) * float64(s.d)
					gflops := flops * float64(b.N) / b.Elapsed().Seconds() / 1e9
					b.ReportMetric(gflops, "GFLOP/s")
					if level != blas.Auto && peak > 0 {
						b.ReportMetric(100*gflops/peak, "%peak")
					}
				})
			}
		}
	}
}

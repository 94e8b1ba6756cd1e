package model

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	kernels "transcend/model/blas"
)

// eachBLAS runs a benchmark with gonum's own products and with ours, which is
// the peer of the other in the same run. peak is the f32 FMA rate of the
// machine, all threads, in GFLOP/s; 0 where it cannot be measured.
func eachBLAS(b *testing.B, bench func(b *testing.B, peak float64)) {
	ours, err := kernels.New(kernels.Options{})
	if err != nil {
		b.Fatal(err)
	}
	bf16, err := kernels.New(kernels.Options{Precision: kernels.BF16})
	if err != nil {
		b.Logf("without bf16: %v", err)
	}
	peak := kernels.Peak(kernels.Auto, kernels.F32, runtime.GOMAXPROCS(0), 50*time.Millisecond)
	for _, c := range []struct {
		name string
		impl blas.Float32
		ok   bool
	}{{"gonum", blas32.Implementation(), true}, {"f32", ours, true}, {"bf16", bf16, err == nil}} {
		if !c.ok {
			continue
		}
		b.Run("blas="+c.name, func(b *testing.B) {
			useBLAS(b, c.impl)
			bench(b, peak)
		})
	}
}

// BenchmarkTrain measures whole training steps of one micro batch on packed
// segments. GFLOP/s counts Config.FLOPsPerToken at the full context.
func BenchmarkTrain(b *testing.B) {
	for _, s := range []struct {
		cfg  Config
		rows int
	}{
		{Config{Layers: 4, Heads: 4, Width: 128, Context: 128, Vocab: 2048, Activation: GELU}, 8},
		{Config{Layers: 4, Heads: 4, Width: 128, Context: 128, Vocab: 2048, Activation: GELU}, 64},
		{Config{Layers: 8, Heads: 8, Width: 256, Context: 128, Vocab: 2048, Activation: GELU}, 32},
	} {
		c := s.cfg
		b.Run(fmt.Sprintf("shape=%d,%d,%d,%d,%d,%d", c.Layers, c.Heads, c.Width, c.Context, c.Vocab, s.rows), func(b *testing.B) {
			eachBLAS(b, func(b *testing.B, peak float64) {
				tc := DefaultTrainConfig()
				tc.Rows, tc.Steps = s.rows, 1<<20
				tr, err := NewTrainer(mustNew(b, c, 1), tc, newSyntheticSource(c.Vocab, 1))
				if err != nil {
					b.Fatal(err)
				}
				mustStep(b, tr)
				b.ReportAllocs()
				for b.Loop() {
					mustStep(b, tr)
				}
				tokens := float64(s.rows*c.Context*b.N) / b.Elapsed().Seconds()
				gflops := tokens * c.FLOPsPerToken(c.Context) / 1e9
				b.ReportMetric(tokens, "tok/s")
				b.ReportMetric(gflops, "GFLOP/s")
				if peak > 0 {
					b.ReportMetric(100*gflops/peak, "%peak-f32")
				}
				b.ReportMetric(0, "ns/op")
			})
		})
	}
}

// BenchmarkDecode measures one sequence, token by token, over the whole
// context, and the prefill of a context in one call.
func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"tiny", "small"} {
		cfg, _ := Preset(name)
		cfg.Context, cfg.Vocab = 128, 1970
		m := mustNew(b, cfg, 1)
		for _, piece := range []int{1, cfg.Context} {
			b.Run(fmt.Sprintf("preset=%s/tokens=%d", name, piece), func(b *testing.B) {
				eachBLAS(b, func(b *testing.B, _ float64) {
					tokens := randomTokens(piece, cfg.Vocab, 1)
					d := m.NewDecoder()
					for b.Loop() {
						if d.Len() == cfg.Context {
							d.Truncate(0)
						}
						if _, err := d.Append(tokens...); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(piece*b.N)/b.Elapsed().Seconds(), "tok/s")
					b.ReportMetric(0, "ns/op")
				})
			})
		}
	}
}

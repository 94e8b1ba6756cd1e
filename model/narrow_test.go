package model

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/blas"

	kernels "transcend/model/blas"
	"transcend/model/internal/phases"
)

// plainBLAS hides that a BLAS is ours.
type plainBLAS struct{ blas.Float32 }

// TestNarrowFactorsChangeNothing compares the passes whose intermediate results are
// rounded once with those that round them in every product: loss and gradient must have
// the same bits, for any number of threads, with recompute and when targets are sparse.
func TestNarrowFactorsChangeNothing(t *testing.T) {
	impl, err := kernels.New(kernels.Options{Precision: kernels.BF16, Threads: 3})
	if err != nil {
		t.Fatal(err)
	}
	if !impl.TakesBF16() {
		t.Skipf("level %v has no tiles", impl.Level())
	}
	for i, activation := range []string{GELU, GELUTanh} {
		// Every product is large enough for tiles.
		cfg := Config{Layers: 2, Heads: 2, Width: 72, Context: 80, Vocab: 101, Activation: activation}
		if i == 1 {
			cfg.ExtraVocab, cfg.ExtraSlots = 30, 7
		}
		m := mustNew(t, cfg, 1)
		batches := []*Batch{randomBatch(cfg, 4, 80, 1), randomBatch(cfg, 3, 77, 2)}
		for i := range 77 {
			batches[1].Targets[i] = 5 // tokens side by side, too
		}
		pass := func(b blas.Float32, threads int, recompute bool) (losses []float64, g []float32) {
			useBLAS(t, b)
			pool := phases.NewPool()
			pool.SetThreads(threads)
			nw, grads := newNetwork(m, pool, true), newParams(cfg)
			nw.recompute = recompute
			for i, b := range batches {
				losses = append(losses, nw.lossAndGradient(b, grads, 1.0/400, i == 0).Sum)
			}
			if want := b == blas.Float32(impl); nw.narrow != want {
				t.Fatalf("narrow is %v", nw.narrow)
			}
			e, err := m.NewEvaluator().Evaluate(batches[0])
			if err != nil {
				t.Fatal(err)
			}
			return append(losses, e.Sum), grads.flat
		}
		wantLosses, want := pass(plainBLAS{impl}, 1, false)
		for threads := 1; threads <= 3; threads++ {
			for _, recompute := range []bool{false, true} {
				losses, got := pass(impl, threads, recompute)
				for i := range losses {
					if losses[i] != wantLosses[i] {
						t.Errorf("%v, %d threads, recompute %v: loss %d is %v, want %v", activation, threads, recompute, i, losses[i], wantLosses[i])
					}
				}
				for i := range got {
					if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
						t.Fatalf("%v, %d threads, recompute %v: gradient %d is %v, want %v", activation, threads, recompute, i, got[i], want[i])
					}
				}
			}
		}
	}
}

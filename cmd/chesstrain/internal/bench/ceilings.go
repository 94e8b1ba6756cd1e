package bench

import (
	"math/rand/v2"
	"runtime"
	"time"

	gonumblas "gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"transcend/model/blas"
)

// share is a rate as a part of a ceiling, 0 where that was not measured.
func share(rate, ceiling float64) float64 {
	if ceiling == 0 {
		return 0
	}
	return rate / ceiling
}

// kernels says which are in use.
func (r *measured) kernels() error {
	impl, err := blas.New(blas.Options{Threads: r.Threads})
	r.Kernels = impl.Level().String()
	return err
}

// ceilings measures the peaks and the products.
func (r *measured) ceilings() error {
	f32, err := blas.New(blas.Options{Threads: r.Threads})
	if err != nil {
		return err
	}
	bf16, err := blas.New(blas.Options{Threads: r.Threads, Precision: blas.BF16})
	if err != nil {
		return err
	}
	r.Kernels = f32.Level().String()
	runtime.GOMAXPROCS(r.Threads)
	// In turn, because other work on the machine comes and goes.
	const rounds, during = 4, 80 * time.Millisecond
	for range rounds {
		r.FMAF32 = max(r.FMAF32, blas.Peak(f32.Level(), blas.F32, r.Threads, during))
		for level := blas.AVX2; level <= f32.Level(); level++ {
			if peak := blas.Peak(level, blas.BF16, r.Threads, during); peak > r.DotBF16 {
				r.DotBF16, r.DotBF16With = peak, dotInstruction(level)
			}
		}
		r.SgemmF32 = max(r.SgemmF32, sgemmRate(f32, during))
		if bf16.Precision() == blas.BF16 {
			r.SgemmBF16 = max(r.SgemmBF16, sgemmRate(bf16, during))
		}
	}
	r.F32Share, r.BF16Share = share(r.SgemmF32, r.FMAF32), share(r.SgemmBF16, r.DotBF16)
	return nil
}

// dotInstruction names the bf16 dot product of a level.
func dotInstruction(level blas.Level) string {
	if level == blas.AVX512BF16 {
		return "VDPBF16PS"
	}
	return "TDPBF16PS"
}

// sgemmRate is the best GFLOP/s of a product of 1024 cubed.
func sgemmRate(impl blas.Implementation, during time.Duration) float64 {
	const n = 1024
	var m [3]blas32.General
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range m {
		m[i] = blas32.General{Rows: n, Cols: n, Stride: n, Data: make([]float32, n*n)}
		for j := range m[i].Data {
			m[i].Data[j] = rng.Float32() - 0.5
		}
	}
	best := time.Duration(1 << 62)
	for begin := time.Now(); time.Since(begin) < during; {
		start := time.Now()
		impl.Sgemm(gonumblas.NoTrans, gonumblas.NoTrans, n, n, n, 1, m[0].Data, n, m[1].Data, n, 0, m[2].Data, n)
		best = min(best, time.Since(start))
	}
	return 2 * n * n * n / float64(best.Nanoseconds())
}

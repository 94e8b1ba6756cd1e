package blas

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
)

func TestQuick(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, lv := range []Level{AVX2, AVX512, AVX512BF16} {
		pr := F32
		if lv == AVX512BF16 {
			pr = BF16
		}
		impl, err := New(Options{Level: lv, Precision: pr, Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		for it := 0; it < 400; it++ {
			m, n, k := 1+rng.IntN(150), 1+rng.IntN(200), 1+rng.IntN(300)
			if it < 50 {
				m, n, k = 1+rng.IntN(20), 1+rng.IntN(40), 1+rng.IntN(40)
			}
			ta, tb := rng.IntN(2), rng.IntN(2)
			lda, ldb := k, n
			if ta == 1 {
				lda = m
			}
			if tb == 1 {
				ldb = k
			}
			a := make([]float32, m*k)
			b := make([]float32, n*k)
			c := make([]float32, m*n)
			for i := range a {
				a[i] = rng.Float32() - .5
			}
			for i := range b {
				b[i] = rng.Float32() - .5
			}
			tr := []blas.Transpose{blas.NoTrans, blas.Trans}
			impl.Sgemm(tr[ta], tr[tb], m, n, k, 1, a, lda, b, ldb, 0, c, n)
			for i := range m {
				for j := range n {
					s := 0.0
					for l := range k {
						x := a[min(i*lda+l, m*k-1)]
						if ta == 1 {
							x = a[l*lda+i]
						}
						y := b[min(l*ldb+j, n*k-1)]
						if tb == 1 {
							y = b[j*ldb+l]
						}
						s += float64(x) * float64(y)
					}
					tol := 1e-4
					if pr == BF16 {
						tol = 0.1
					}
					if math.Abs(s-float64(c[i*n+j])) > tol {
						t.Fatalf("%v %d %d %d ta %d tb %d: (%d,%d): %v want %v", lv, m, n, k, ta, tb, i, j, c[i*n+j], s)
					}
				}
			}
		}
	}
}

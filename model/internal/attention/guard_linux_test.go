package attention

import (
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"transcend/internal/guardpage"
)

// TestNothingPastTheEnd runs calls whose matrices and workspace end at memory that
// faults.
func TestNothingPastTheEnd(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	eachLevel(t, func(t *testing.T, k *kernels) {
		for range 30 {
			n, d := 1+rng.IntN(60), 1+rng.IntN(70)
			p := newProblem(rng, n, n, d)
			end := func(m blas32.General) blas32.General {
				m.Data = guardpage.Copy(t, m.Data)
				return m
			}
			p.q, p.k, p.v, p.dout = end(p.q), end(p.k), end(p.v), end(p.dout)
			out, dq, dk, dv := end(blank(p.dout)), end(blank(p.q)), end(blank(p.k)), end(blank(p.v))
			lse := guardpage.Copy(t, make([]float32, n))
			w := newWorkspace(k)
			w.buf = guardpage.Copy(t, make([]float32, w.forwardSize(n, d)))
			w.Forward(out, p.q, p.k, p.v, lse)
			w.buf = guardpage.Copy(t, make([]float32, w.backwardSize(n, d)))
			w.Backward(dq, dk, dv, p.dout, out, p.q, p.k, p.v, lse)
			compare(t, "dk", dk, p.dk, 1e-4)

			keys, values := newCache(n, d)
			keys, values = guardpage.Copy(t, keys), guardpage.Copy(t, values)
			w.buf = guardpage.Copy(t, make([]float32, w.querySize(n, d)))
			w.Append(keys, values, 0, p.k, p.v)
			w.Query(out.Data[:d], p.q.Data[:d], keys, values, n)

			k16, v16 := newCacheBF16(n, d)
			k16, v16 = guardpage.Copy(t, k16), guardpage.Copy(t, v16)
			w.words = guardpage.Copy(t, make([]uint16, Padded(d)))
			w.buf = guardpage.Copy(t, make([]float32, w.querySize(n, d)))
			w.AppendBF16(k16, v16, 0, p.k, p.v)
			w.QueryBF16(out.Data[:d], p.q.Data[:d], k16, v16, n)
			w.buf = guardpage.Copy(t, make([]float32, w.wideSize(n, d)))
			w.ForwardCachedBF16(out, p.q, k16, v16, n)
		}
	})
}

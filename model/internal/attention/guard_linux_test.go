package attention

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
	"gonum.org/v1/gonum/blas/blas32"
)

// atPageEnd returns a copy of x that ends where memory does: the next byte cannot
// be touched.
func atPageEnd(t *testing.T, x []float32) []float32 {
	t.Helper()
	page := unix.Getpagesize()
	size := (4*len(x) + page - 1) / page * page
	m, err := unix.Mmap(-1, 0, size+page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(m); err != nil {
			t.Error(err)
		}
	})
	if err := unix.Mprotect(m[size:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	y := unsafe.Slice((*float32)(unsafe.Pointer(&m[size-4*len(x)])), len(x))
	copy(y, x)
	return y
}

// TestNothingPastTheEnd runs calls whose matrices and workspace end at memory that
// faults.
func TestNothingPastTheEnd(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	eachLevel(t, func(t *testing.T, k *kernels) {
		for range 30 {
			n, d := 1+rng.IntN(60), 1+rng.IntN(70)
			p := newProblem(rng, n, n, d)
			end := func(m blas32.General) blas32.General {
				m.Data = atPageEnd(t, m.Data)
				return m
			}
			p.q, p.k, p.v, p.dout = end(p.q), end(p.k), end(p.v), end(p.dout)
			out, dq, dk, dv := end(blank(p.dout)), end(blank(p.q)), end(blank(p.k)), end(blank(p.v))
			lse := atPageEnd(t, make([]float32, n))
			w := newWorkspace(k)
			w.buf = atPageEnd(t, make([]float32, w.forwardSize(n, d)))
			w.Forward(out, p.q, p.k, p.v, lse)
			w.buf = atPageEnd(t, make([]float32, w.backwardSize(n, d)))
			w.Backward(dq, dk, dv, p.dout, out, p.q, p.k, p.v, lse)
			compare(t, "dk", dk, p.dk, 1e-4)

			keys, values := newCache(n, d)
			keys, values = atPageEnd(t, keys), atPageEnd(t, values)
			w.buf = atPageEnd(t, make([]float32, w.querySize(n, d)))
			w.Append(keys, values, 0, p.k, p.v)
			w.Query(out.Data[:d], p.q.Data[:d], keys, values, n)
		}
	})
}

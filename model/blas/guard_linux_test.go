package blas

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// atPageEnd returns a copy of x that ends where memory does: the next byte cannot be
// read.
func atPageEnd(t *testing.T, x []float32) []float32 {
	t.Helper()
	if len(x) == 0 {
		return nil
	}
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

// TestNothingPastTheEnd runs products whose operands end at memory that faults.
func TestNothingPastTheEnd(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 20))
	all := paths(t, 1)
	for range 200 {
		p := newProblem(rng, transposes[rng.IntN(2)], transposes[rng.IntN(2)], 1+rng.IntN(33), 1+rng.IntN(70), rng.IntN(70), 1, scalars[rng.IntN(2)], false)
		p.a, p.b = atPageEnd(t, p.a), atPageEnd(t, p.b)
		want, products, old := p.reference()
		for _, path := range all {
			q := p
			q.c = atPageEnd(t, p.c)
			q.inPlace(path.impl)
			p.check(t, path.name, q.c, want, products, old, p.inBF16(path.impl))
		}
	}
}

// inPlace calls Sgemm in place.
func (p problem) inPlace(impl Implementation) {
	impl.Sgemm(p.tA, p.tB, p.m, p.n, p.k, p.alpha, p.a, p.lda, p.b, p.ldb, p.beta, p.c, p.ldc)
}

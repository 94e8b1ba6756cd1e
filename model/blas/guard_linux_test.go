package blas

import (
	"math/rand/v2"
	"testing"

	"transcend/internal/guardpage"
)

// TestNothingPastTheEnd runs products whose operands end at memory that faults.
func TestNothingPastTheEnd(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 20))
	all := paths(t, 1)
	for range 200 {
		p := newProblem(rng, transposes[rng.IntN(2)], transposes[rng.IntN(2)], 1+rng.IntN(33), 1+rng.IntN(70), rng.IntN(70), 1, scalars[rng.IntN(2)], false)
		p.a, p.b = guardpage.Copy(t, p.a), guardpage.Copy(t, p.b)
		want, products, old := p.reference()
		for _, path := range all {
			q := p
			q.c = guardpage.Copy(t, p.c)
			q.inPlace(path.impl)
			p.check(t, path.name, q.c, want, products, old, p.inBF16(path.impl))
		}
	}
}

// inPlace calls Sgemm in place.
func (p problem) inPlace(impl Implementation) {
	impl.Sgemm(p.tA, p.tB, p.m, p.n, p.k, p.alpha, p.a, p.lda, p.b, p.ldb, p.beta, p.c, p.ldc)
}

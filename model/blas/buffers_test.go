package blas

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

// TestBuffersHoldEveryPass plans products of many shapes and counts the words that the tasks of
// each pass write: passes differ in size, and a short one has tasks of more rows.
func TestBuffersHoldEveryPass(t *testing.T) {
	rng := rand.New(rand.NewPCG(61, 62))
	row := make([]float32, 9000)
	for range 60 {
		m, n, k := 1+rng.IntN(300), 1+rng.IntN(300), 1+rng.IntN(300)
		if rng.IntN(3) == 0 { // as the shapes of models, against the borders as they are measured
			m, n, k = 1+rng.IntN(9000), 1+rng.IntN(2100), 1+rng.IntN(3000)
		}
		for _, threads := range []int{1, 2, 3, 7} {
			for _, path := range paths(t, threads) {
				e := path.impl.e
				if e == nil || e.f32 == nil {
					continue // gonum's code
				}
				for _, trans := range transposes[:2] {
					// Nothing is read, so rows may lie on each other.
					a, side := matrix{p: &row[0], col: 4}, matrix{p: &row[0], col: 4}
					if trans == transposes[1] {
						a = matrix{p: &row[0], row: 4}
					}
					p := product{m: m, n: n, k: k, a: a, b: side, c: side}
					most := min(p.plan(e), threads)
					if !p.packs() {
						continue
					}
					var b blocked
					b.begin(p, &e.tuning, most)
					for i := range b.passes() {
						q := b.pass(i)
						steps := ceil(q.k, q.pair)
						switch {
						case q.ownB:
							for w := range most {
								if need := ceil(q.taskColumns, q.columns) * q.columns * ceil(min(q.depth, q.k), q.pair); need > len(b.own[w]) {
									t.Fatalf("%s: %dx%dx%d, %d threads: a task packs %d words of B into %d", path.name, m, n, k, most, need, len(b.own[w]))
								}
							}
							continue
						case q.packA:
							for w := range most {
								if need := ceil(min(q.taskRows, q.m), q.rows) * q.lanes * steps; need > len(b.own[w]) {
									t.Fatalf("%s: %dx%dx%d, %d threads, pass %d: a task packs %d words of A into %d", path.name, m, n, k, most, i, need, len(b.own[w]))
								}
							}
						}
						if q.panelsB == nil {
							continue
						}
						if need := (ceil(q.n, q.columns) - q.firstB) * q.columns * steps; need > bufferOf(&b, q.panelsB) {
							t.Fatalf("%s: %dx%dx%d, %d threads, pass %d: %d words of B into %d", path.name, m, n, k, most, i, need, bufferOf(&b, q.panelsB))
						}
					}
				}
			}
		}
	}
}

// bufferOf is the length of the buffer of B that begins at p.
func bufferOf(b *blocked, p *float32) int {
	for _, buf := range b.bufB {
		if unsafe.SliceData(buf) == p {
			return len(buf)
		}
	}
	return 0
}

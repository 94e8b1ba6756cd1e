package attention

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	kernelblas "transcend/model/blas"
	"transcend/model/internal/vec"
)

// newCache is room for n tokens, NaN where nothing was written.
func newCache(n, d int) (keys, values []float32) {
	keys, values = make([]float32, KeyRoom(n, d)), make([]float32, ValueRoom(n, d))
	for _, x := range [][]float32{keys, values} {
		for i := range x {
			x[i] = nan
		}
	}
	return keys, values
}

// TestCache fills caches in pieces, with room left over, forgets and fills
// again, forks, and compares single queries and prefill with the definition.
func TestCache(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	sizes := [][2]int{{1, 16}, {2, 1}, {16, 32}, {17, 32}, {70, 32}, {70, 64}, {129, 20}, {300, 48}, {33, 7}}
	for range 20 {
		sizes = append(sizes, [2]int{1 + rng.IntN(150), 1 + rng.IntN(70)})
	}
	eachLevel(t, func(t *testing.T, k *kernels) {
		w := newWorkspace(k)
		for _, s := range sizes {
			m, d := s[0], s[1]
			p := newProblem(rng, m, m, d)
			keys, values := newCache(m+rng.IntN(20), d)
			for at := 0; at < m; {
				n := min(m-at, 1+rng.IntN(40))
				w.Append(keys, values, at, rowsOf(p.k, at, at+n), rowsOf(p.v, at, at+n))
				at += n
				if at < m && rng.IntN(3) == 0 {
					at -= rng.IntN(min(at, 5)) // these come again
				}
			}
			out := blank(p.q)
			for i := range m { // every length of the past
				w.Query(out.Data[i*out.Stride:][:d], p.q.Data[i*p.q.Stride:][:d], keys, values, i+1)
			}
			compare(t, fmt.Sprintf("Query, %d tokens, size %d", m, d), out, p.out, 4e-6)

			forkK, forkV := newCache(m+5, d)
			copy(forkK, keys[:KeyRoom(m, d)])
			copy(forkV, values[:ValueRoom(m, d)])
			n := 1 + rng.IntN(m)
			last := rowsOf(blank(p.q), m-n, m)
			w.ForwardCached(last, rowsOf(p.q, m-n, m), forkK, forkV, m)
			compare(t, fmt.Sprintf("ForwardCached, %d of %d tokens, size %d", n, m, d), last, p.out[m-n:], 4e-6)
		}
	})
}

func TestQueryNoAllocations(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	p := newProblem(rng, 50, 50, 20)
	eachLevel(t, func(t *testing.T, k *kernels) {
		w := newWorkspace(k)
		w.Reserve(50, 20, false)
		keys, values := newCache(50, 20)
		out := make([]float32, 20)
		if n := testing.AllocsPerRun(5, func() {
			w.Append(keys, values, 0, p.k, p.v)
			w.Query(out, p.q.Data[:20], keys, values, 50)
			w.ForwardCached(blas32.General{Rows: 1, Cols: 20, Stride: 20, Data: out}, rowsOf(p.q, 49, 50), keys, values, 50)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func TestWrongCachePanics(t *testing.T) {
	w := NewWorkspace()
	keys, values := newCache(20, 8)
	m := blas32.General{Rows: 3, Cols: 8, Stride: 8, Data: make([]float32, 24)}
	x := make([]float32, 8)
	for name, call := range map[string]func(){
		"Append past the end": func() { w.Append(keys, values, 30, m, m) },
		"Query past the end":  func() { w.Query(x, x, keys, values, 33) },
		"Query of nothing":    func() { w.Query(x, x, keys, values, 0) },
		"Query into less":     func() { w.Query(x[:7], x, keys, values, 2) },
		"prefill":             func() { w.ForwardCached(m, m, keys, values, 2) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			call()
		}()
	}
}

// BenchmarkQuery measures one query over a cache that is hot, and 512 caches one
// after the other (64 games of 8 heads), against two matrix-vector products of
// model/blas and a vectorized softmax over rows of keys and values. GB/s is of
// keys and values as if they were float32.
func BenchmarkQuery(b *testing.B) {
	products, err := kernelblas.New(kernelblas.Options{Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range []struct{ m, d, caches int }{{70, 32, 1}, {70, 32, 512}, {70, 64, 512}, {128, 32, 512}, {1023, 64, 1}, {1023, 64, 64}} {
		rng := rand.New(rand.NewPCG(1, 1))
		p := randomMatrix(rng, s.m, s.d)
		q, out := make([]float32, s.d), make([]float32, s.d)
		for i := range q {
			q[i] = float32(rng.NormFloat64())
		}
		run := func(name string, query func(i int)) {
			b.Run(fmt.Sprintf("tokens=%d/size=%d/caches=%d/impl=%s", s.m, s.d, s.caches, name), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					query(i)
					if i++; i == s.caches {
						i = 0
					}
				}
				b.ReportMetric(float64(8*s.m*s.d)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
			})
		}
		for _, l := range levels() {
			w := newWorkspace(l.k)
			keys, values := make([][]float32, s.caches), make([][]float32, s.caches)
			for i := range keys {
				keys[i], values[i] = newCache(s.m, s.d)
				w.Append(keys[i], values[i], 0, p, p)
			}
			run(l.name, func(i int) { w.Query(out, q, keys[i], values[i], s.m) })
			keys16, values16 := make([][]uint16, s.caches), make([][]uint16, s.caches)
			for i := range keys {
				keys16[i], values16[i] = newCacheBF16(s.m, s.d)
				w.AppendBF16(keys16[i], values16[i], 0, p, p)
			}
			run(l.name+"-bf16", func(i int) { w.QueryBF16(out, q, keys16[i], values16[i], s.m) })
		}
		rows := make([]blas32.General, s.caches)
		for i := range rows {
			rows[i] = blas32.General{Rows: s.m, Cols: s.d, Stride: 2 * s.d, Data: make([]float32, 2*s.m*s.d)}
			for j := range rows[i].Data {
				rows[i].Data[j] = float32(rng.NormFloat64())
			}
		}
		scores, factor := make([]float32, s.m), float32(1/math.Sqrt(float64(s.d)))
		run("gemv", func(i int) {
			r := rows[i]
			products.Sgemv(blas.NoTrans, s.m, s.d, factor, r.Data, r.Stride, q, 1, 0, scores, 1)
			vec.Scale(scores, 1/vec.ExpSum(scores, scores, vec.Max(scores)))
			products.Sgemv(blas.Trans, s.m, s.d, 1, r.Data[s.d:], r.Stride, scores, 1, 0, out, 1)
		})
	}
}

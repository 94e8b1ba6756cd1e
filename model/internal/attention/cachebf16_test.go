package attention

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"transcend/model/blas"
	"transcend/model/internal/bf16"
)

const nanBF16 = 0x7fff

// newCacheBF16 is room for n tokens, NaN where nothing was written.
func newCacheBF16(n, d int) (keys, values []uint16) {
	keys, values = make([]uint16, KeyRoomBF16(n, d)), make([]uint16, ValueRoomBF16(n, d))
	for _, x := range [][]uint16{keys, values} {
		for i := range x {
			x[i] = nanBF16
		}
	}
	return keys, values
}

// rounded is a problem whose keys and values bf16 holds exactly, for all rows as
// queries.
func rounded(rng *rand.Rand, m, d int) *problem {
	p := &problem{q: randomMatrix(rng, m, d), k: randomMatrix(rng, m, d), v: randomMatrix(rng, m, d), dout: randomMatrix(rng, m, d)}
	for _, x := range [][]float32{p.k.Data, p.v.Data} {
		for i := range x {
			x[i] = bf16.Widen(bf16.Narrow(x[i]))
		}
	}
	p.solve()
	return p
}

// TestCacheBF16 is TestCache for keys and values that bf16 holds: the error is that
// of float32.
func TestCacheBF16(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	sizes := [][2]int{{1, 16}, {2, 1}, {16, 32}, {17, 32}, {70, 32}, {70, 64}, {129, 20}, {300, 48}, {33, 7}}
	for range 20 {
		sizes = append(sizes, [2]int{1 + rng.IntN(150), 1 + rng.IntN(70)})
	}
	eachLevel(t, func(t *testing.T, k *kernels) {
		w := newWorkspace(k)
		for _, s := range sizes {
			m, d := s[0], s[1]
			p := rounded(rng, m, d)
			keys, values := newCacheBF16(m+rng.IntN(20), d)
			for at := 0; at < m; {
				n := min(m-at, 1+rng.IntN(40))
				w.AppendBF16(keys, values, at, rowsOf(p.k, at, at+n), rowsOf(p.v, at, at+n))
				at += n
				if at < m && rng.IntN(3) == 0 {
					at -= rng.IntN(min(at, 5)) // these come again
				}
			}
			out := blank(p.q)
			for i := range m { // every length of the past
				w.QueryBF16(out.Data[i*out.Stride:][:d], p.q.Data[i*p.q.Stride:][:d], keys, values, i+1)
			}
			compare(t, fmt.Sprintf("QueryBF16, %d tokens, size %d", m, d), out, p.out, 4e-6)

			forkK, forkV := newCacheBF16(m+5, d)
			copy(forkK, keys[:KeyRoomBF16(m, d)])
			copy(forkV, values[:ValueRoomBF16(m, d)])
			n := 1 + rng.IntN(m)
			last := rowsOf(blank(p.q), m-n, m)
			w.ForwardCachedBF16(last, rowsOf(p.q, m-n, m), forkK, forkV, m)
			compare(t, fmt.Sprintf("ForwardCachedBF16, %d of %d tokens, size %d", n, m, d), last, p.out[m-n:], 4e-6)
		}
	})
}

// TestHalfTwins compares the assembly for caches in bf16 with plain Go: conversions to
// the bit, sums within the error of two orders.
func TestHalfTwins(t *testing.T) {
	eachAssembly(t, func(t *testing.T, k *kernels, rng *rand.Rand) {
		h := halfOf(k)
		words := func(n int) []uint16 {
			x := make([]uint16, n)
			for i := range x {
				x[i] = bf16.Narrow(float32(rng.NormFloat64()))
			}
			return x
		}
		for range 300 {
			panels, pairs := 1+rng.IntN(12), 1+rng.IntN(40)
			q, keys := randoms(rng, 2*pairs), words(panels*pairs*2*Panel)
			got, want := randoms(rng, panels*Panel), make([]float32, panels*Panel)
			h.scores(panels, pairs, &q[0], &keys[0], &got[0])
			scoresPlain(panels, pairs, &q[0], &keys[0], &want[0])
			near(t, "scores", got, want, 2*float64(2*pairs+1)*unit*5*float64(2*pairs))

			n := 1 + rng.IntN(40)
			weights, rows := randoms(rng, n), words(n*panels*Panel)
			h.sum(n, panels, &weights[0], &rows[0], &got[0])
			sumPlain(n, panels, &weights[0], &rows[0], &want[0])
			near(t, "sum", got, want, 2*float64(n+1)*unit*5*float64(n))

			wide, plain := make([]float32, len(keys)), make([]float32, len(keys))
			h.widenPairs(panels*pairs, &keys[0], &wide[0])
			widenPairsPlain(panels*pairs, &keys[0], &plain[0])
			near(t, "widenPairs", wide, plain, 0)
			h.widen(2*panels*pairs, &keys[0], &wide[0])
			widenPlain(2*panels*pairs, &keys[0], &plain[0])
			near(t, "widen", wide, plain, 0)
		}
	})
}

// TestNarrow goes through numbers next to every bf16 and half way between two, and
// random bits.
func TestNarrow(t *testing.T) {
	var x []float32
	for w := range 1 << 16 {
		for _, low := range []uint32{0, 1, 0x7fff, 0x8000, 0x8001, 0xffff} {
			x = append(x, math.Float32frombits(uint32(w)<<16|low))
		}
	}
	rng := rand.New(rand.NewPCG(23, 24))
	for range 1 << 16 {
		x = append(x, math.Float32frombits(rng.Uint32()))
	}
	n := len(x) / Panel
	want := make([]uint16, len(x))
	narrowPlain(n, &x[0], &want[0])
	for i, w := range want {
		y, back := float64(x[i]), float64(bf16.Widen(w))
		switch {
		case y != y:
			if back == back {
				t.Fatalf("NaN became %v", back)
			}
		case math.Abs(y) < 0x1p-126:
			if back != 0 || math.Signbit(back) != math.Signbit(y) {
				t.Fatalf("%v became %v", y, back)
			}
		case !math.IsInf(back, 0) && math.Abs(y-back) > math.Abs(y)/256:
			t.Fatalf("%v became %v", y, back)
		}
	}
	got := make([]uint16, len(x))
	for name, narrow := range narrowers() {
		narrow(n, &x[0], &got[0])
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%s: %#x became %#x, in plain Go %#x", name, math.Float32bits(x[i]), got[i], want[i])
			}
		}
	}
}

// narrowers are the roundings of all levels that can run here.
func narrowers() map[string]func(n int, src *float32, dst *uint16) {
	all := map[string]func(n int, src *float32, dst *uint16){}
	for _, l := range levels() {
		all[l.name] = halfOf(l.k).narrow
	}
	if blas.Supported() >= blas.AVX512 {
		all["integers"] = halfOf(kernelsOf(blas.AVX2)).narrow
	}
	return all
}

func TestQueryBF16NoAllocations(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	p := rounded(rng, 50, 20)
	eachLevel(t, func(t *testing.T, k *kernels) {
		w := newWorkspace(k)
		w.ReserveBF16(50, 20)
		keys, values := newCacheBF16(50, 20)
		out := blank(p.q)
		if n := testing.AllocsPerRun(5, func() {
			w.AppendBF16(keys, values, 0, p.k, p.v)
			w.QueryBF16(out.Data[:20], p.q.Data[:20], keys, values, 50)
			w.ForwardCachedBF16(out, p.q, keys, values, 50)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func TestWrongCacheBF16Panics(t *testing.T) {
	w := NewWorkspace()
	keys, values := newCacheBF16(20, 8)
	m := blas32.General{Rows: 3, Cols: 8, Stride: 8, Data: make([]float32, 24)}
	x := make([]float32, 8)
	for name, call := range map[string]func(){
		"AppendBF16 past the end": func() { w.AppendBF16(keys, values, 30, m, m) },
		"QueryBF16 past the end":  func() { w.QueryBF16(x, x, keys, values, 33) },
		"QueryBF16 of nothing":    func() { w.QueryBF16(x, x, keys, values, 0) },
		"QueryBF16 into less":     func() { w.QueryBF16(x[:7], x, keys, values, 2) },
		"prefill":                 func() { w.ForwardCachedBF16(m, m, keys, values, 2) },
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

package blas

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"gonum.org/v1/gonum/blas"
)

// blockCopy keeps what is visited, and negates it in place.
type blockCopy struct {
	c      []float32
	n      int
	mu     sync.Mutex
	visits []int // of each element
}

func (v *blockCopy) Visit(i, j, rows, columns int, block []float32, ld int, tmp []float32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(tmp) < 2*columns {
		panic("tmp is too short")
	}
	for r := range rows {
		for c := range columns {
			at := (i+r)*v.n + j + c
			v.c[at] = block[r*ld+c]
			v.visits[at]++
			block[r*ld+c] *= -1
		}
	}
	for x := range tmp {
		tmp[x] = float32(math.NaN())
	}
}

// TestGemmBF16 expects the bits of Sgemm on tiles from factors of either type, with C kept
// and not, for any number of threads; only the matrices themselves may be read.
func TestGemmBF16(t *testing.T) {
	if Supported() < AMX {
		t.Skip("no AMX here")
	}
	shapes := [][3]int{{1, 1, 1}, {3, 5, 7}, {32, 32, 32}, {33, 31, 65}, {64, 16, 48}, {130, 70, 1}, {7, 1100, 31}, {257, 600, 100}, {48, 530, 1090}, {300, 33, 515}}
	for _, threads := range []int{1, 2, 5} {
		impl := newImplementation(t, Options{Level: AMX, Precision: BF16, Threads: threads})
		u := &impl.e.tuning
		u.minSideTiles, u.minDepthTiles, u.minWorkTiles, u.tileParallelWork, u.tileStripe = 1, 1, 1, 1, 32
		rng := rand.New(rand.NewPCG(31, 32))
		for _, s := range shapes {
			for _, tA := range transposes[:2] {
				for _, tB := range transposes[:2] {
					p := newProblem(rng, tA, tB, s[0], s[1], s[2], 1, float32(rng.IntN(2)), true)
					for i := range p.a { // subnormals in bf16, and values beyond its range
						if rng.IntN(20) == 0 && p.a[i] == p.a[i] {
							p.a[i] *= 1e-38
						}
					}
					want := p.run(impl)
					for types := range 4 {
						a := factor(impl, p.a, p.lda, tA, types&1 != 0)
						b := factor(impl, p.b, p.ldb, tB, types&2 != 0)
						if b.Trans && b.BF16 != nil {
							continue
						}
						name := fmt.Sprintf("%d threads: %v: types %d", threads, p, types)
						c := append([]float32(nil), p.c...)
						impl.GemmBF16(p.m, p.n, p.k, a, b, p.beta, c, p.ldc, nil)
						sameBits(t, name, c, want)

						v := blockCopy{c: make([]float32, p.m*p.n), n: p.n, visits: make([]int, p.m*p.n)}
						copy(c, p.c)
						impl.GemmBF16(p.m, p.n, p.k, a, b, p.beta, c, p.ldc, &v)
						for i := range c {
							if row, column := i/p.ldc, i%p.ldc; row < p.m && column < p.n {
								c[i] *= -1
								if at := row*p.n + column; v.visits[at] != 1 || v.c[at] != want[i] {
									t.Fatalf("%s: element %d,%d was visited %d times as %v, want %v", name, row, column, v.visits[at], v.c[at], want[i])
								}
							}
						}
						sameBits(t, name+" visited", c, want)

						if p.beta != 0 {
							continue
						}
						v = blockCopy{c: make([]float32, p.m*p.n), n: p.n, visits: make([]int, p.m*p.n)}
						impl.GemmBF16(p.m, p.n, p.k, a, b, 0, nil, 0, &v)
						for i := range v.c {
							if w := want[i/p.n*p.ldc+i%p.n]; v.visits[i] != 1 || math.Float32bits(v.c[i]) != math.Float32bits(w) {
								t.Fatalf("%s: element %d not kept was visited %d times as %v, want %v", name, i, v.visits[i], v.c[i], w)
							}
						}
					}
				}
			}
		}
	}
}

// factor returns x, whole with its padding, as a factor of either type.
func factor(impl Implementation, x []float32, ld int, trans blas.Transpose, bf16 bool) Factor {
	f := Factor{F32: x, Stride: ld, Trans: trans != blas.NoTrans}
	if bf16 {
		f.F32, f.BF16 = nil, make([]uint16, len(x))
		impl.RoundBF16(f.BF16, x)
	}
	return f
}

func TestRoundBF16(t *testing.T) {
	if Supported() < AMX {
		t.Skip("no AMX here")
	}
	impl := newImplementation(t, Options{Level: AMX, Precision: BF16})
	rng := rand.New(rand.NewPCG(33, 34))
	for n := range 140 {
		src, dst := make([]float32, n), make([]uint16, n+1)
		for i := range src {
			src[i] = math.Float32frombits(rng.Uint32())
		}
		dst[n] = 12345
		impl.RoundBF16(dst, src)
		for i, x := range src {
			want := roundBF16(x)
			if math.Abs(float64(x)) < 0x1p-126 {
				want = 0 // subnormals count as zero
			}
			if got := math.Float32frombits(uint32(dst[i]) << 16); got != want && (got == got || want == want) {
				t.Fatalf("%d of %d: %v (%#x) became %v, want %v", i, n, x, math.Float32bits(x), got, want)
			}
		}
		if dst[n] != 12345 {
			t.Fatalf("%d values: what follows was overwritten", n)
		}
	}
}

// TestGemmBF16Panics looks at arguments that must not reach the kernels.
func TestGemmBF16Panics(t *testing.T) {
	if Supported() < AMX {
		t.Skip("no AMX here")
	}
	impl := newImplementation(t, Options{Level: AMX, Precision: BF16})
	x, h := make([]float32, 64), make([]uint16, 64)
	for name, f := range map[string]func(){
		"precision": func() {
			newImplementation(t, Options{Level: AMX}).GemmBF16(8, 8, 8, Factor{F32: x, Stride: 8}, Factor{F32: x, Stride: 8}, 0, x, 8, nil)
		},
		"zero value": func() {
			Implementation{}.GemmBF16(8, 8, 8, Factor{F32: x, Stride: 8}, Factor{F32: x, Stride: 8}, 0, x, 8, nil)
		},
		"size": func() { impl.GemmBF16(0, 8, 8, Factor{F32: x, Stride: 8}, Factor{F32: x, Stride: 8}, 0, x, 8, nil) },
		"A": func() {
			impl.GemmBF16(8, 8, 8, Factor{BF16: h[:63], Stride: 8}, Factor{F32: x, Stride: 8}, 0, x, 8, nil)
		},
		"B": func() {
			impl.GemmBF16(8, 8, 8, Factor{BF16: h, Stride: 8}, Factor{BF16: h, Stride: 8, Trans: true}, 0, x, 8, nil)
		},
		"C":        func() { impl.GemmBF16(8, 8, 8, Factor{BF16: h, Stride: 8}, Factor{F32: x, Stride: 8}, 0, x, 7, nil) },
		"beta":     func() { impl.GemmBF16(8, 8, 8, Factor{BF16: h, Stride: 8}, Factor{F32: x, Stride: 8}, 0.5, x, 8, nil) },
		"no C":     func() { impl.GemmBF16(8, 8, 8, Factor{BF16: h, Stride: 8}, Factor{F32: x, Stride: 8}, 1, nil, 8, nil) },
		"rounding": func() { impl.RoundBF16(h[:63], x) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

package blas

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"transcend/model/internal/bf16"
)

var storages = []Storage{StoreF32, StoreBF16, StoreInt8}

// padded is a random matrix with NaN between its rows.
func padded(rng *rand.Rand, rows, cols int) blas32.General {
	m := blas32.General{Rows: rows, Cols: cols, Stride: cols + rng.IntN(9)}
	m.Data = make([]float32, (rows-1)*m.Stride+cols)
	for i := range m.Data {
		m.Data[i] = float32(math.NaN())
		if i%m.Stride < cols {
			m.Data[i] = float32(rng.NormFloat64())
		}
	}
	return m
}

// multiplyPacked is the whole product, in so many pieces.
func multiplyPacked(p *Packed, a blas32.General, pieces int) blas32.General {
	c := blas32.General{Rows: a.Rows, Cols: p.n, Stride: p.n + 3}
	c.Data = make([]float32, a.Rows*c.Stride)
	for i := range c.Data {
		c.Data[i] = guard
	}
	var f RowFactor
	var s PackedScratch
	for i := range p.Begin(&f, a) {
		p.Prepare(&f, i)
	}
	for i := range pieces {
		if from, to := i*p.Panels()/pieces, (i+1)*p.Panels()/pieces; from < to {
			p.Multiply(&f, c, from, to, &s)
		}
	}
	return c
}

// stored is the value that a storage keeps of x in a column whose largest magnitude is
// given.
func stored(s Storage, x float32, largest float64) float64 {
	switch s {
	case StoreBF16:
		return float64(roundBF16(x))
	case StoreInt8:
		step := float32(largest / 127)
		return math.RoundToEven(float64(x)/float64(step)) * float64(step)
	}
	return float64(x)
}

func packedLevels() []Level {
	var out []Level
	for _, l := range Levels() {
		if l <= Supported() {
			out = append(out, l)
		}
	}
	return out
}

// TestPacked compares products by all storages on all levels with those of the
// stored values in float64. At level AMX A is rounded to bf16, too.
func TestPacked(t *testing.T) {
	for _, level := range packedLevels() {
		for _, s := range storages {
			t.Run(fmt.Sprintf("%v/%d", level, s), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(31, uint64(s)))
				sizes := [][3]int{{1, 1, 1}, {1, 768, 256}, {2, 31, 33}, {64, 70, 300}, {33, 129, 513}}
				for range 15 {
					sizes = append(sizes, [3]int{1 + rng.IntN(70), 1 + rng.IntN(150), 1 + rng.IntN(600)})
				}
				for _, z := range sizes {
					m, n, k, trans := z[0], z[1], z[2], rng.IntN(2) == 0
					b := padded(rng, k, n)
					if trans {
						b = padded(rng, n, k)
					}
					a := padded(rng, m, k)
					inB := func(l, j int) float32 {
						if trans {
							l, j = j, l
						}
						return b.Data[l*b.Stride+j]
					}
					p := packAt(level, b, trans, s)
					c := multiplyPacked(p, a, 1+rng.IntN(4))
					// gamma(k+2), and one more for the width of a step.
					gamma := float64(k+3) / (1 << 24)
					for j := range n {
						largest := 0.0
						for l := range k {
							largest = max(largest, math.Abs(float64(inB(l, j))))
						}
						for i := range m {
							sum, bound := 0.0, 0.0
							for l := range k {
								x, y := a.Data[i*a.Stride+l], stored(s, inB(l, j), largest)
								if p.tiles != nil {
									x = roundBF16(x)
								}
								sum += float64(x) * y
								bound += math.Abs(float64(x) * y)
							}
							if got := float64(c.Data[i*c.Stride+j]); !(math.Abs(got-sum) <= gamma*bound) {
								t.Fatalf("%d×%d×%d trans %v: element %d, %d is %v, want %v ± %v", m, n, k, trans, i, j, got, sum, gamma*bound)
							}
						}
					}
					for i := range c.Data {
						if i%c.Stride >= n && c.Data[i] != guard {
							t.Fatalf("%d×%d×%d: wrote beyond row %d", m, n, k, i/c.Stride)
						}
					}
					// A row alone, in other pieces, has the same bits.
					i := rng.IntN(m)
					row := blas32.General{Rows: 1, Cols: k, Stride: k, Data: a.Data[i*a.Stride : i*a.Stride+k]}
					for j, x := range multiplyPacked(p, row, 1+rng.IntN(4)).Data[:n] {
						if x != c.Data[i*c.Stride+j] {
							t.Fatalf("%d×%d×%d: row %d alone has %v at %d, among others %v", m, n, k, i, x, j, c.Data[i*c.Stride+j])
						}
					}
				}
			})
		}
	}
}

// TestPackedSpecial: NaN and infinities of B stay in their column.
func TestPackedSpecial(t *testing.T) {
	for _, level := range packedLevels() {
		for _, s := range storages {
			b := blas32.General{Rows: 40, Cols: 50, Stride: 50, Data: make([]float32, 2000)}
			for i := range b.Data {
				b.Data[i] = 1
			}
			b.Data[7*50+3], b.Data[39*50+44] = float32(math.NaN()), float32(math.Inf(1))
			for l := range 40 {
				b.Data[l*50+5] = 0
			}
			a := blas32.General{Rows: 3, Cols: 40, Stride: 40, Data: make([]float32, 120)}
			for i := range a.Data {
				a.Data[i] = 1
			}
			c := multiplyPacked(packAt(level, b, false, s), a, 2)
			for i := range 3 {
				for j := range 50 {
					x, want := float64(c.Data[i*c.Stride+j]), 40.0
					switch {
					case j == 3 || j == 44:
						if !math.IsNaN(x) && !(j == 44 && math.IsInf(x, 1)) {
							t.Errorf("%v, storage %d: %v in column %d", level, s, x, j)
						}
						continue
					case j == 5:
						want = 0
					}
					if math.Abs(x-want) > 1e-4 {
						t.Errorf("%v, storage %d: %v in column %d, want %v", level, s, x, j, want)
					}
				}
			}
		}
	}
}

// TestWidenTwins compares the kernels with plain Go, for every bit pattern.
func TestWidenTwins(t *testing.T) {
	for _, level := range packedLevels() {
		w := widenersOf(level)
		if w == nil {
			continue
		}
		words, floats := make([]uint16, 1<<16), make([]float32, 1<<16)
		for i := range words {
			words[i] = uint16(i)
		}
		w.bf16(len(words), &words[0], &floats[0])
		for i, x := range floats {
			if math.Float32bits(x) != uint32(i)<<16 {
				t.Fatalf("%v: %#x became %#x", level, i, math.Float32bits(x))
			}
			if x == x && (i&0x7f80 != 0 || i&0x7f == 0) && bf16.Narrow(x) != words[i] {
				t.Fatalf("bf16.Narrow(%v) = %#x", x, bf16.Narrow(x))
			}
		}
		small := make([]int8, 256)
		for i := range small {
			small[i] = int8(i - 128)
		}
		w.int8(256, &small[0], &floats[0])
		if w.tiles != nil {
			w.tiles(256, &small[0], &words[0])
		}
		for i, x := range small {
			if floats[i] != float32(x) || w.tiles != nil && bf16.Widen(words[i]) != float32(x) {
				t.Fatalf("%v: %d became %v and %#x", level, x, floats[i], words[i])
			}
		}
	}
	for x, want := range map[float32]uint16{1: 0x3f80, 1 + 1.0/256: 0x3f80, 1 + 3.0/256: 0x3f82, 1e-40: 0, -1e-40: 0x8000, math.MaxFloat32: 0x7f80} {
		if got := bf16.Narrow(x); got != want {
			t.Errorf("bf16.Narrow(%v) = %#x, want %#x", x, got, want)
		}
	}
	if w := bf16.Widen(bf16.Narrow(math.Float32frombits(0x7f800001))); w == w {
		t.Error("a NaN became a number")
	}
}

func TestPackedPanics(t *testing.T) {
	b := blas32.General{Rows: 8, Cols: 8, Stride: 8, Data: make([]float32, 64)}
	p := Pack(b, false, StoreF32)
	var f RowFactor
	var s PackedScratch
	p.Begin(&f, b)
	short := b
	short.Data = short.Data[:63]
	for name, call := range map[string]func(){
		"short B":     func() { Pack(short, false, StoreF32) },
		"short A":     func() { p.Begin(&RowFactor{}, short) },
		"wrong A":     func() { p.Begin(&RowFactor{}, blas32.General{Rows: 1, Cols: 7, Stride: 7, Data: b.Data}) },
		"short C":     func() { p.Multiply(&f, short, 0, 1, &s) },
		"panels":      func() { p.Multiply(&f, b, 0, 2, &s) },
		"no panels":   func() { p.Multiply(&f, b, 1, 1, &s) },
		"nothing set": func() { p.Multiply(&RowFactor{}, b, 0, 1, &s) },
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

func TestPackedAllocatesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	b, a := padded(rng, 100, 200), padded(rng, 10, 100)
	for _, level := range packedLevels() {
		for _, s := range storages {
			p := packAt(level, b, false, s)
			var f RowFactor
			var scratch PackedScratch
			c := padded(rng, 10, 200)
			if n := testing.AllocsPerRun(5, func() {
				for i := range p.Begin(&f, a) {
					p.Prepare(&f, i)
				}
				p.Multiply(&f, c, 0, p.Panels(), &scratch)
			}); n != 0 {
				t.Errorf("%v, storage %d: %v allocations", level, s, n)
			}
		}
	}
}

// BenchmarkPacked measures the products of one token of a model of width 256 with eight
// blocks: GB/s are of the stored factors.
func BenchmarkPacked(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	shapes := [][2]int{}
	for range 8 {
		shapes = append(shapes, [][2]int{{256, 768}, {256, 256}, {256, 1024}, {1024, 256}}...)
	}
	for _, level := range packedLevels()[1:] {
		for _, s := range storages {
			var all []*Packed
			bytes := int64(0)
			for _, z := range shapes {
				p := packAt(level, padded(rng, z[0], z[1]), false, s)
				all, bytes = append(all, p), bytes+p.Bytes()
			}
			for _, rows := range []int{1, 64} {
				b.Run(fmt.Sprintf("level=%v/storage=%d/rows=%d", level, s, rows), func(b *testing.B) {
					a, c := padded(rng, rows, 1024), padded(rng, rows, 1024)
					var f RowFactor
					var scratch PackedScratch
					for b.Loop() {
						for _, p := range all {
							a, c := a, c
							a.Cols, c.Cols = p.k, p.n
							for i := range p.Begin(&f, a) {
								p.Prepare(&f, i)
							}
							p.Multiply(&f, c, 0, p.Panels(), &scratch)
						}
					}
					seconds := b.Elapsed().Seconds() / float64(b.N)
					b.ReportMetric(float64(bytes)/seconds/1e9, "GB/s")
					b.ReportMetric(float64(rows)*12*256*256*8*2/seconds/1e9, "GFLOP/s")
				})
			}
		}
	}
}

package attention

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"transcend/model/blas"
)

// levels are the kernels that can run here, by name; plain Go is the last.
func levels() []struct {
	name string
	k    *kernels
} {
	type level = struct {
		name string
		k    *kernels
	}
	var all []level
	for _, l := range []blas.Level{blas.AVX512, blas.AVX2} {
		if k := kernelsOf(l); l <= blas.Supported() && k != &plain {
			all = append(all, level{l.String(), k})
		}
	}
	return append(all, level{"plain", &plain})
}

// TestKernelsAreComplete: every implementation has every function.
func TestKernelsAreComplete(t *testing.T) {
	for _, l := range levels() {
		v := reflect.ValueOf(l.k).Elem()
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s has no %s", l.name, v.Type().Field(i).Name)
			}
		}
	}
}

func eachLevel(t *testing.T, test func(t *testing.T, k *kernels)) {
	for _, l := range levels() {
		t.Run(l.name, func(t *testing.T) { test(t, l.k) })
	}
}

// randomMatrix has values of standard deviation 1 and rows further apart than
// they are long, with NaN between them.
func randomMatrix(rng *rand.Rand, rows, cols int) blas32.General {
	m := blas32.General{Rows: rows, Cols: cols, Stride: cols + rng.IntN(40)}
	m.Data = make([]float32, (rows-1)*m.Stride+cols)
	for i := range m.Data {
		m.Data[i] = float32(rng.NormFloat64())
		if i%m.Stride >= cols {
			m.Data[i] = nan
		}
	}
	return m
}

var nan = float32(math.NaN())

func at(m blas32.General, i, j int) float64 { return float64(m.Data[i*m.Stride+j]) }

// problem is one call and what it should give: attention in float64 from the
// definition.
type problem struct {
	q, k, v, dout blas32.General
	out           [][]float64
	lse           []float64 // natural
	dq, dk, dv    [][]float64
}

func newProblem(rng *rand.Rand, n, m, d int) *problem {
	p := &problem{q: randomMatrix(rng, n, d), k: randomMatrix(rng, m, d), v: randomMatrix(rng, m, d), dout: randomMatrix(rng, n, d)}
	p.solve()
	return p
}

func zeros(rows, cols int) [][]float64 {
	x := make([][]float64, rows)
	for i := range x {
		x[i] = make([]float64, cols)
	}
	return x
}

func (p *problem) solve() {
	n, m, d := p.q.Rows, p.k.Rows, p.q.Cols
	p.out, p.dq, p.dk, p.dv = zeros(n, d), zeros(n, d), zeros(m, d), zeros(m, d)
	p.lse = make([]float64, n)
	scale := 1 / math.Sqrt(float64(d))
	w, dw := make([]float64, m), make([]float64, m)
	for i := range n {
		seen := m - n + i + 1
		top := math.Inf(-1)
		for j := range seen {
			w[j] = 0
			for c := range d {
				w[j] += scale * at(p.q, i, c) * at(p.k, j, c)
			}
			top = max(top, w[j])
		}
		var sum float64
		for j := range seen {
			w[j] = math.Exp(w[j] - top)
			sum += w[j]
		}
		p.lse[i] = top + math.Log(sum)
		var mean float64
		for j := range seen {
			w[j] /= sum
			dw[j] = 0
			for c := range d {
				p.out[i][c] += w[j] * at(p.v, j, c)
				p.dv[j][c] += w[j] * at(p.dout, i, c)
				dw[j] += at(p.dout, i, c) * at(p.v, j, c)
			}
			mean += w[j] * dw[j]
		}
		for j := range seen {
			ds := w[j] * (dw[j] - mean) * scale
			for c := range d {
				p.dq[i][c] += ds * at(p.k, j, c)
				p.dk[j][c] += ds * at(p.q, i, c)
			}
		}
	}
}

// compare wants got within bound of want, and nothing written between rows.
func compare(t *testing.T, name string, got blas32.General, want [][]float64, bound float64) {
	t.Helper()
	worst, where := 0.0, ""
	for i := range want {
		for j, x := range want[i] {
			if e := math.Abs(at(got, i, j) - x); e > worst || e != e {
				worst, where = e, fmt.Sprintf("row %d, column %d: %v, want %v", i, j, at(got, i, j), x)
				if e != e {
					worst = math.Inf(1)
				}
			}
		}
	}
	if worst > bound {
		t.Errorf("%s: error %.2g, more than %.2g: %s", name, worst, bound, where)
	}
	for i, x := range got.Data {
		if i%got.Stride >= got.Cols && x == x {
			t.Fatalf("%s: number %d between rows was written", name, i)
		}
	}
}

// blank is a matrix like m, all NaN.
func blank(m blas32.General) blas32.General {
	m.Data = make([]float32, len(m.Data))
	for i := range m.Data {
		m.Data[i] = nan
	}
	return m
}

// run does both passes and compares. A score of size |s| has an absolute error
// of a few units of 2^-24·Σ|q||k|, which is that of a weight relative to itself;
// components are normal, so this is some 1e-6 for d to 200, and the results,
// weighted means and sums over up to a few hundred keys, stay within 1e-5 of their
// size.
func (p *problem) run(t *testing.T, w *Workspace) {
	t.Helper()
	n, m := p.q.Rows, p.k.Rows
	out, lse := blank(p.dout), make([]float32, n)
	w.Forward(out, p.q, p.k, p.v, lse)
	compare(t, "out", out, p.out, 4e-6)
	for i, l := range lse {
		if e := math.Abs(float64(l)*math.Ln2 - p.lse[i]); !(e < 4e-6) {
			t.Errorf("lse of query %d: %v, want %v", i, float64(l)*math.Ln2, p.lse[i])
		}
	}
	if n != m {
		return
	}
	dq, dk, dv := blank(p.q), blank(p.k), blank(p.v)
	w.Backward(dq, dk, dv, p.dout, out, p.q, p.k, p.v, lse)
	compare(t, "dq", dq, p.dq, 1e-5)
	compare(t, "dk", dk, p.dk, 1e-5*math.Sqrt(float64(n)))
	compare(t, "dv", dv, p.dv, 1e-5*math.Sqrt(float64(n)))
}

// TestAgainstDefinition covers head sizes with and without a fast path, every
// remainder of the tiles, and sequences of several tiles.
func TestAgainstDefinition(t *testing.T) {
	var problems []*problem
	rng := rand.New(rand.NewPCG(1, 2))
	for n := 1; n <= 40; n++ {
		problems = append(problems, newProblem(rng, n, n, []int{16, 32, 64, 1 + rng.IntN(70)}[n%4]))
	}
	for d := 1; d <= 35; d++ {
		problems = append(problems, newProblem(rng, 19, 19, d))
	}
	sizes := [][3]int{{70, 70, 32}, {71, 71, 64}, {128, 128, 20}, {1, 300, 16}, {5, 77, 32}, {30, 290, 48}, {400, 400, 16}}
	if !testing.Short() {
		sizes = append(sizes, [][3]int{{255, 255, 32}, {257, 257, 64}, {300, 300, 8}, {525, 525, 16}, {1, 1, 1}, {100, 700, 80}, {13, 513, 64}}...)
		for range 15 {
			n := 1 + rng.IntN(300)
			sizes = append(sizes, [3]int{n, n, 1 + rng.IntN(80)})
		}
	}
	for _, s := range sizes {
		problems = append(problems, newProblem(rng, s[0], s[1], s[2]))
	}
	eachLevel(t, func(t *testing.T, k *kernels) {
		w := newWorkspace(k)
		for _, p := range problems {
			t.Run(fmt.Sprintf("%dx%dx%d", p.q.Rows, p.k.Rows, p.q.Cols), func(t *testing.T) { p.run(t, w) })
		}
	})
}

// TestGradientByDifferences checks the reference itself: its gradients are the
// differences of its loss Σ dout·out.
func TestGradientByDifferences(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	p := newProblem(rng, 7, 7, 5)
	loss := func() (sum float64) {
		q := *p
		q.solve()
		for i := range q.out {
			for j, x := range q.out[i] {
				sum += x * at(p.dout, i, j)
			}
		}
		return sum
	}
	for name, g := range map[string]struct {
		m    blas32.General
		want [][]float64
	}{"q": {p.q, p.dq}, "k": {p.k, p.dk}, "v": {p.v, p.dv}} {
		for i := range g.want {
			for j, want := range g.want[i] {
				x := &g.m.Data[i*g.m.Stride+j]
				old := *x
				hi, lo := old+1e-3, old-1e-3
				*x = hi
				a := loss()
				*x = lo
				b := loss()
				*x = old
				if got := (a - b) / float64(hi-lo); math.Abs(got-want) > 1e-5 {
					t.Errorf("d%s[%d][%d] = %v by differences, %v", name, i, j, got, want)
				}
			}
		}
	}
}

// TestLargeScores has softmaxes that pick one key, in ascending and descending
// order, so that the running maximum moves in every tile or never.
func TestLargeScores(t *testing.T) {
	const n, d = 600, 16
	eachLevel(t, func(t *testing.T, k *kernels) {
		for _, slope := range []float32{1, -1} {
			m := func() blas32.General {
				return blas32.General{Rows: n, Cols: d, Stride: d, Data: make([]float32, n*d)}
			}
			q, ks, v, out := m(), m(), m(), m()
			for i := range n {
				q.Data[i*d] = 1000
				ks.Data[i*d] = slope * float32(i)
				for j := range d {
					v.Data[i*d+j] = float32(i)
				}
			}
			w, lse := newWorkspace(k), make([]float32, n)
			w.Forward(out, q, ks, v, lse)
			for i := range n {
				want, key := float32(0), 0
				if slope > 0 {
					want, key = float32(i), i
				}
				if got := out.Data[i*d+3]; got != want {
					t.Fatalf("slope %v: query %d gives %v, want %v", slope, i, got, want)
				}
				if l := float64(lse[i]) * math.Ln2; math.Abs(l-250*float64(slope)*float64(key)) > 1e-6*250*n {
					t.Fatalf("slope %v: lse %v of query %d", slope, l, i)
				}
			}
		}
	})
}

// TestNaN: what query i does not see does not reach it, but for tokens of the same
// block and what their NaN touches; earlier blocks stay clean, and NaN that is
// seen is not lost.
func TestNaN(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const n, d = 50, 20
	eachLevel(t, func(t *testing.T, k *kernels) {
		for _, poison := range []float32{nan, math.Float32frombits(0x7fc00001), math.Float32frombits(0xff800001), float32(math.Inf(1))} {
			for _, part := range []string{"q", "k", "v"} {
				p := newProblem(rng, n, n, d)
				m := map[string]blas32.General{"q": p.q, "k": p.k, "v": p.v}[part]
				m.Data[30*m.Stride+3] = poison
				w, lse := newWorkspace(k), make([]float32, n)
				out := blank(p.q)
				w.Forward(out, p.q, p.k, p.v, lse)
				for i := range 30 - k.rows {
					if x := at(out, i, 3); x != x || lse[i] != lse[i] {
						t.Fatalf("%v in %s[30] reached query %d", poison, part, i)
					}
				}
				if x := at(out, 30, 3); !math.IsNaN(x) && !math.IsInf(x, 0) && poison != poison {
					t.Errorf("NaN in %s[30] is lost: %v", part, x)
				}
				if part != "v" && poison != poison && lse[30] == lse[30] {
					t.Errorf("NaN in %s[30]: lse %v", part, lse[30])
				}
				// The next call must not see it.
				q := newProblem(rng, 33, 33, d)
				q.run(t, w)
			}
		}
	})
}

// TestWorkspaceReuse: results do not depend on what the workspace held or how
// large it is.
func TestWorkspaceReuse(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	eachLevel(t, func(t *testing.T, k *kernels) {
		used := newWorkspace(k)
		used.Reserve(400, 50, true)
		for i := range used.buf {
			used.buf[i] = nan
		}
		for range 20 {
			n, d := 1+rng.IntN(150), 1+rng.IntN(50)
			p := newProblem(rng, n, n, d)
			results := func(w *Workspace) []blas32.General {
				out, dq, dk, dv, lse := blank(p.dout), blank(p.q), blank(p.k), blank(p.v), make([]float32, n)
				w.Forward(out, p.q, p.k, p.v, lse)
				w.Backward(dq, dk, dv, p.dout, out, p.q, p.k, p.v, lse)
				return []blas32.General{out, dq, dk, dv}
			}
			a, b := results(used), results(newWorkspace(k))
			for r := range a {
				for i := range a[r].Data {
					if math.Float32bits(a[r].Data[i]) != math.Float32bits(b[r].Data[i]) {
						t.Fatalf("n %d, d %d, result %d: %v and %v", n, d, r, a[r].Data[i], b[r].Data[i])
					}
				}
			}
		}
	})
}

func TestNoAllocations(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	p := newProblem(rng, 70, 70, 20)
	eachLevel(t, func(t *testing.T, k *kernels) {
		w := newWorkspace(k)
		w.Reserve(70, 20, true)
		out, dq, dk, dv, lse := blank(p.dout), blank(p.q), blank(p.k), blank(p.v), make([]float32, 70)
		if n := testing.AllocsPerRun(5, func() {
			w.Forward(out, p.q, p.k, p.v, lse)
			w.Backward(dq, dk, dv, p.dout, out, p.q, p.k, p.v, lse)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func TestWrongShapesPanic(t *testing.T) {
	m := func(rows, cols int) blas32.General {
		return blas32.General{Rows: rows, Cols: cols, Stride: cols, Data: make([]float32, rows*cols)}
	}
	w := NewWorkspace()
	for name, call := range map[string]func(){
		"more queries than keys": func() { w.Forward(m(3, 4), m(3, 4), m(2, 4), m(2, 4), nil) },
		"values":                 func() { w.Forward(m(3, 4), m(3, 4), m(3, 4), m(2, 4), nil) },
		"head sizes":             func() { w.Forward(m(3, 4), m(3, 4), m(3, 5), m(3, 4), nil) },
		"lse":                    func() { w.Forward(m(3, 4), m(3, 4), m(3, 4), m(3, 4), make([]float32, 2)) },
		"empty":                  func() { w.Forward(m(0, 4), m(0, 4), m(3, 4), m(3, 4), nil) },
		"gradient": func() {
			w.Backward(m(3, 4), m(3, 4), m(2, 4), m(3, 4), m(3, 4), m(3, 4), m(3, 4), m(3, 4), make([]float32, 3))
		},
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

package blas

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/gonum"
)

var _ blas.Float32 = Implementation{}

// path is one way through the code: kernels, and borders moved such that small
// matrices take it.
type path struct {
	name string
	impl Implementation
}

// paths returns every way that this machine can go, for a number of threads.
func paths(t testing.TB, threads int) []path {
	t.Helper()
	tunings := []struct {
		name string
		set  func(*tuning)
	}{
		{"default", func(*tuning) {}},
		{"packed", func(u *tuning) {
			u.minSidePack, u.minRowsTall, u.minColumnsPackA, u.minRowsPackB = 0, 0, 0, 0
			u.maxRowsDot = 0
			u.minSideBF16, u.minWorkBF16 = 1, 1
			u.minSideTiles, u.minDepthTiles, u.minWorkTiles = 1, 1, 1
			u.parallelWork, u.tileParallelWork = 1, 1
		}},
		{"pieces", func(u *tuning) {
			u.minSidePack, u.minRowsTall, u.minColumnsPackA, u.minRowsPackB = 0, 0, 0, 0
			u.maxRowsDot = 0
			u.minSideBF16, u.minWorkBF16 = 1, 1
			u.minSideTiles, u.minDepthTiles, u.minWorkTiles = 1, 1, 1
			u.parallelWork, u.tileParallelWork = 1, 1
			u.blockSteps, u.taskRows, u.taskColumns = 8, 14, 32
			u.taskWordsA, u.passColumns, u.passWords = 300, 64, 1000
			u.tileDepth, u.tileDepthWide, u.tileDepthTrans, u.tilePassWords, u.tileStripe = 64, 32, 96, 64*64/2, 32
			u.tileChunkA, u.tileKeptA = 64*32, 64*96 // by the number of rows, all three places of A
		}},
		{"direct", func(u *tuning) {
			u.minSidePack, u.minRowsPackB = 1<<30, 1<<30
			u.maxRowsDot = 0
			u.minSideBF16, u.minSideTiles = 1<<30, 1<<30
			u.parallelWork, u.passColumns = 1, 64
		}},
		{"tall", func(u *tuning) {
			u.minSidePack, u.minRowsTall, u.minColumnsPackA = 0, 0, 1<<30
			u.maxRowsDot = 0
			u.minSideBF16, u.minSideTiles = 1<<30, 1<<30
			u.parallelWork, u.passWords = 1, 1000
		}},
		{"own columns", func(u *tuning) {
			u.minSidePack, u.minRowsTall, u.maxAreaDirect = 0, 1<<30, 0
			u.maxRowsDot = 0
			u.minSideBF16, u.minSideTiles = 1<<30, 1<<30
			u.parallelWork, u.ownColumns = 1, 32
		}},
		{"dots", func(u *tuning) {
			u.maxRowsDot, u.depthPerRowDot = 1<<30, 1
			u.minSideBF16, u.minSideTiles = 1<<30, 1<<30
			u.parallelWork = 1
		}},
	}
	all := []path{{"gonum", newImplementation(t, Options{Level: Gonum, Threads: threads})}}
	for _, o := range benchLevels() {
		o.Threads = threads
		for _, u := range tunings {
			impl := newImplementation(t, o)
			u.set(&impl.e.tuning)
			all = append(all, path{fmt.Sprintf("%v/%s", o.Level, u.name), impl})
		}
	}
	return all
}

func newImplementation(t testing.TB, o Options) Implementation {
	t.Helper()
	impl, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return impl
}

// problem is a call of Sgemm. Rows of all matrices are padded, with NaN in A and B,
// which must not be read, and with guard in C, which must not be written.
type problem struct {
	tA, tB        blas.Transpose
	m, n, k       int
	alpha, beta   float32
	a, b, c       []float32
	lda, ldb, ldc int
}

const guard = float32(-12345.678)

func (p problem) String() string {
	return fmt.Sprintf("%c%c m=%d n=%d k=%d lda=%d ldb=%d ldc=%d alpha=%v beta=%v",
		p.tA, p.tB, p.m, p.n, p.k, p.lda, p.ldb, p.ldc, p.alpha, p.beta)
}

func newProblem(rng *rand.Rand, tA, tB blas.Transpose, m, n, k int, alpha, beta float32, pad bool) problem {
	p := problem{tA: tA, tB: tB, m: m, n: n, k: k, alpha: alpha, beta: beta}
	more := func() int {
		if !pad {
			return 0
		}
		return rng.IntN(20)
	}
	matrix := func(trans blas.Transpose, rows, columns int, padding float32) ([]float32, int) {
		if trans != blas.NoTrans {
			rows, columns = columns, rows
		}
		ld := max(1, columns) + more()
		x := make([]float32, max(0, rows-1)*ld+columns+more())
		for i := range x {
			x[i] = padding
		}
		for i := range rows {
			for j := range columns {
				x[i*ld+j] = float32(rng.NormFloat64())
			}
		}
		return x, ld
	}
	nan := float32(math.NaN())
	p.a, p.lda = matrix(tA, m, k, nan)
	p.b, p.ldb = matrix(tB, k, n, nan)
	p.c, p.ldc = matrix(blas.NoTrans, m, n, guard)
	return p
}

// at returns element (i, j) of op(X).
func at(x []float32, ld int, trans blas.Transpose, i, j int) float32 {
	if trans != blas.NoTrans {
		i, j = j, i
	}
	return x[i*ld+j]
}

// run calls Sgemm on a copy of C and returns it.
func (p problem) run(impl Implementation) []float32 {
	c := append([]float32(nil), p.c...)
	impl.Sgemm(p.tA, p.tB, p.m, p.n, p.k, p.alpha, p.a, p.lda, p.b, p.ldb, p.beta, c, p.ldc)
	return c
}

// reference computes C in float64 and, beside it, |alpha||A||B| and |beta||C|.
func (p problem) reference() (want, products, old []float64) {
	want = make([]float64, p.m*p.n)
	products = make([]float64, p.m*p.n)
	old = make([]float64, p.m*p.n)
	for i := range p.m {
		for j := range p.n {
			sum, abs := 0.0, 0.0
			if p.alpha != 0 {
				for l := range p.k {
					x := float64(at(p.a, p.lda, p.tA, i, l)) * float64(at(p.b, p.ldb, p.tB, l, j))
					sum += x
					abs += math.Abs(x)
				}
				sum *= float64(p.alpha)
				abs *= math.Abs(float64(p.alpha))
			}
			if p.beta != 0 {
				c := float64(p.beta) * float64(p.c[i*p.ldc+j])
				sum += c
				old[i*p.n+j] = math.Abs(c)
			}
			want[i*p.n+j], products[i*p.n+j] = sum, abs
		}
	}
	return want, products, old
}

// bound is the error that an element may have: gamma(k+b+2) of a chain of k
// multiply-adds cut into b blocks, scaled and added to C (package comment), and the
// rounding of both factors to bf16. The reference's own error is far below.
func (p problem) bound(products, old float64, bf16 bool) float64 {
	const u, v = 0x1p-24, 0x1p-8
	roundings := float64(p.k+p.k/8+4) * u
	gamma := roundings / (1 - roundings)
	e := gamma * (products + old)
	if bf16 {
		e += (2*v + v*v) * products * (1 + gamma)
	}
	return e
}

// check compares a result with the reference and the guard values with what they
// were.
func (p problem) check(t *testing.T, name string, c []float32, want, products, old []float64, bf16 bool) {
	t.Helper()
	for i, got := range c {
		row, column := i/p.ldc, i%p.ldc
		if row >= p.m || column >= p.n {
			if math.Float32bits(got) != math.Float32bits(p.c[i]) {
				t.Fatalf("%s: %v: guard value at row %d column %d became %v", name, p, row, column, got)
			}
			continue
		}
		e := row*p.n + column
		if err, bound := math.Abs(float64(got)-want[e]), p.bound(products[e], old[e], bf16); !(err <= bound) {
			t.Fatalf("%s: %v: C[%d][%d] = %v, want %v: error %.3g exceeds %.3g", name, p, row, column, got, want[e], err, bound)
		}
	}
}

var (
	transposes = []blas.Transpose{blas.NoTrans, blas.Trans, blas.ConjTrans}
	scalars    = []float32{0, 1, -1, 0.5}
)

// TestSgemm compares every path with a float64 reference, on sizes around those
// of tiles, vectors and blocks.
func TestSgemm(t *testing.T) {
	sizes := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 27, 28, 29, 31, 32, 33, 47, 48, 63, 64, 65, 96, 127, 128, 129, 130}
	depths := append([]int{0, 255, 256, 257, 260, 300, 511, 512, 513, 520}, sizes...)
	all := paths(t, 3)
	rng := rand.New(rand.NewPCG(1, 2))
	problems := 600
	if testing.Short() {
		problems = 100
	}
	for i := range problems {
		pick := func(of []int) int { return of[rng.IntN(len(of))] }
		m, n, k := pick(sizes), pick(sizes), pick(depths)
		if i%3 == 0 { // mostly tiny: no whole vector anywhere
			m, n, k = 1+rng.IntN(20), 1+rng.IntN(36), rng.IntN(36)
		}
		p := newProblem(rng, transposes[rng.IntN(3)], transposes[rng.IntN(3)], m, n, k,
			scalars[rng.IntN(4)], scalars[rng.IntN(4)], i%4 != 1)
		want, products, old := p.reference()
		for _, path := range all {
			p.check(t, path.name, p.run(path.impl), want, products, old, p.inBF16(path.impl))
		}
	}
}

// TestEveryTile runs every number of rows and columns of a tile, with and without
// beta, for each transposition.
func TestEveryTile(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	all := paths(t, 1)
	for _, tA := range transposes[:2] {
		for _, tB := range transposes[:2] {
			for m := 1; m <= 31; m++ {
				for n := 1; n <= 33; n++ {
					p := newProblem(rng, tA, tB, m, n, 1+(m*7+n)%19, 1.5, float32((m+n)%2), true)
					want, products, old := p.reference()
					for _, path := range all {
						p.check(t, path.name, p.run(path.impl), want, products, old, p.inBF16(path.impl))
					}
				}
			}
		}
	}
}

// TestBetaZeroOverwrites puts NaN and infinities into C.
func TestBetaZeroOverwrites(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	negativeZero := float32(math.Copysign(0, -1))
	for _, beta := range []float32{0, negativeZero} {
		for _, size := range [][3]int{{1, 1, 1}, {1, 40, 9}, {3, 5, 40}, {15, 33, 20}, {70, 70, 300}, {5, 6, 0}} {
			for _, tB := range transposes[:2] {
				for _, alpha := range []float32{1, 0} {
					p := newProblem(rng, blas.NoTrans, tB, size[0], size[1], size[2], alpha, beta, true)
					for i := range p.m {
						for j := range p.n {
							p.c[i*p.ldc+j] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}[(i+j)%3]
						}
					}
					want, products, old := p.reference()
					for _, path := range paths(t, 2) {
						p.check(t, path.name, p.run(path.impl), want, products, old, p.inBF16(path.impl))
					}
				}
			}
		}
	}
}

// TestNothingRead has NaN in all of A and B, which alpha = 0 must not see.
func TestNothingRead(t *testing.T) {
	nan := float32(math.NaN())
	for _, path := range paths(t, 1) {
		if path.impl.Level() == Gonum {
			continue // computes 0 * NaN
		}
		c := []float32{1, 2, 3, 4}
		path.impl.Sgemm(blas.NoTrans, blas.Trans, 2, 2, 1, 0, []float32{nan, nan}, 1, []float32{nan, nan}, 1, 0.5, c, 2)
		if c[0] != 0.5 || c[1] != 1 || c[2] != 1.5 || c[3] != 2 {
			t.Errorf("%s: alpha = 0: C = %v", path.name, c)
		}
	}
}

// TestSpecialValues sows NaN, infinities, zeros and subnormals and expects those of
// the reference: a NaN where it has one, the same infinity where it has one.
func TestSpecialValues(t *testing.T) {
	special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0,
		float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32, -1e-39}
	rng := rand.New(rand.NewPCG(7, 8))
	all := paths(t, 2)
	for range 150 {
		p := newProblem(rng, transposes[rng.IntN(2)], transposes[rng.IntN(2)],
			1+rng.IntN(40), 1+rng.IntN(70), 1+rng.IntN(80), 1, scalars[rng.IntN(4)], true)
		for range 1 + rng.IntN(4) {
			for _, x := range [][]float32{p.a, p.b, p.c} {
				if i := rng.IntN(len(x)); x[i] == x[i] && x[i] != guard {
					x[i] = special[rng.IntN(len(special))]
				}
			}
		}
		exactWant, products, old := p.reference()
		flushedWant, _, _ := p.flushed().reference()
		for _, path := range all {
			if path.impl.Level() == Gonum {
				continue // skips zeros of A, whatever they meet in B
			}
			want := exactWant
			if p.inBF16(path.impl) {
				want = flushedWant // infinity times a subnormal is NaN then
			}
			c := p.run(path.impl)
			for i := range p.m {
				for j := range p.n {
					got, want := float64(c[i*p.ldc+j]), want[i*p.n+j]
					switch {
					case math.IsNaN(want):
						if !math.IsNaN(got) {
							t.Fatalf("%s: %v: C[%d][%d] = %v, want NaN", path.name, p, i, j, got)
						}
					case math.IsInf(want, 0):
						if got != want {
							t.Fatalf("%s: %v: C[%d][%d] = %v, want %v", path.name, p, i, j, got, want)
						}
					default:
						// Subnormal factors may count as zero.
						bound := p.bound(products[i*p.n+j], old[i*p.n+j], p.inBF16(path.impl)) + 1e-37
						if !(math.Abs(got-want) <= bound) {
							t.Fatalf("%s: %v: C[%d][%d] = %v, want %v", path.name, p, i, j, got, want)
						}
					}
				}
			}
		}
	}
}

// inBF16 reports whether the implementation rounds this problem's factors.
func (p problem) inBF16(impl Implementation) bool {
	if impl.Precision() != BF16 {
		return false
	}
	u := impl.e.tuning
	if impl.Level() == AMX {
		return u.onTiles(p.m, p.n, p.k)
	}
	return min(p.m, p.n) >= u.minSideBF16 && p.m*p.n*p.k >= u.minWorkBF16
}

// flushed returns the problem with subnormal numbers in A and B replaced by zero.
func (p problem) flushed() problem {
	flush := func(x []float32) []float32 {
		x = append([]float32(nil), x...)
		for i := range x {
			if math.Abs(float64(x[i])) < 0x1p-126 {
				x[i] = 0
			}
		}
		return x
	}
	p.a, p.b = flush(p.a), flush(p.b)
	return p
}

// TestStaleBuffers fills the packing buffers with NaN before a product that does not fill
// its panels: what is left in them must not be multiplied, not even by zero.
func TestStaleBuffers(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 24))
	for _, tA := range transposes[:2] {
		for _, tB := range transposes[:2] {
			poison := newProblem(rng, tA, tB, 200, 200, 200, 1, 0, false)
			for _, x := range [][]float32{poison.a, poison.b} {
				for i := range x {
					x[i] = float32(math.NaN())
				}
			}
			for _, k := range []int{1, 17, 31, 45, 63, 100} {
				p := newProblem(rng, tA, tB, 39, 71, k, 1, 0, true)
				want, products, old := p.reference()
				for _, path := range paths(t, 1) {
					poison.run(path.impl)
					p.check(t, path.name, p.run(path.impl), want, products, old, p.inBF16(path.impl))
				}
			}
		}
	}
}

// TestLarge takes shapes that reach the default borders: several passes, packed
// operands, many tasks.
func TestLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("large products")
	}
	rng := rand.New(rand.NewPCG(9, 10))
	for _, s := range []benchShape{
		{formNN, 300, 70, 1100, 0}, {formTN, 260, 1100, 270, 0}, {formTN, 2060, 140, 300, 0}, {formNT, 40, 4200, 40, 0}, {formTT, 260, 270, 290, 0},
		{formNN, 70, 1100, 1500, 0},
	} {
		p := newProblem(rng, s.form.a, s.form.b, s.m, s.n, s.k, 1, 0.5, true)
		want, products, old := p.reference()
		for _, o := range benchLevels() {
			impl := newImplementation(t, o)
			p.check(t, o.Level.String(), p.run(impl), want, products, old, p.inBF16(impl))
		}
	}
}

// TestThreadsAgree expects the same bits for every number of threads, alone and
// with other products running.
func TestThreadsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	shapes := [][3]int{{1, 700, 520}, {64, 512, 300}, {150, 200, 530}, {257, 320, 64}, {33, 65, 700}}
	for _, s := range shapes {
		for _, tA := range transposes[:2] {
			for _, tB := range transposes[:2] {
				p := newProblem(rng, tA, tB, s[0], s[1], s[2], 0.7, 0.3, true)
				one := paths(t, 1)
				for i, path := range one {
					if path.impl.Level() == Gonum {
						continue
					}
					want := p.run(path.impl)
					for _, threads := range []int{2, 3, 7} {
						impl := path.impl
						e := newEngine(impl.Level(), impl.Precision(), threads)
						e.tuning = impl.e.tuning
						e.tuning.parallelWork, e.tuning.tileParallelWork = 1, 1
						impl.e = e
						var wg sync.WaitGroup
						results := make([][]float32, 3)
						for r := range results {
							wg.Go(func() { results[r] = p.run(impl) })
						}
						wg.Wait()
						for _, c := range results {
							sameBits(t, fmt.Sprintf("%s: %v: %d threads", one[i].name, p, threads), c, want)
						}
						if busy := e.busy.Load(); busy != 0 {
							t.Fatalf("%d goroutines still counted as busy", busy)
						}
					}
				}
			}
		}
	}
}

func sameBits(t *testing.T, name string, got, want []float32) {
	t.Helper()
	for i := range got {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: element %d is %v, want %v", name, i, got[i], want[i])
		}
	}
}

// TestBoundOnThreads runs many products at once and looks at how many goroutines
// they count.
func TestBoundOnThreads(t *testing.T) {
	e := &engine{threads: 3}
	if got := e.acquire(5); got != 3 {
		t.Errorf("first of 3 threads got %d", got)
	}
	if got := e.acquire(3); got != 1 {
		t.Errorf("second got %d, want itself alone", got)
	}
	e.release(3)
	if got := e.acquire(5); got != 2 {
		t.Errorf("third got %d, want 2 beside the second", got)
	}
	e.release(1)
	e.release(2)
	if e.busy.Load() != 0 {
		t.Errorf("%d busy at the end", e.busy.Load())
	}
	e.threads = 0
	if got, want := e.acquire(1000), runtime.GOMAXPROCS(0); got != want {
		t.Errorf("default got %d, want GOMAXPROCS = %d", got, want)
	}
}

// TestNoAllocation expects none once the buffers are there.
func TestNoAllocation(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for _, o := range benchLevels() {
		for _, threads := range []int{1, 2} {
			o.Threads = threads
			impl := newImplementation(t, o)
			for _, s := range [][3]int{{1, 64, 64}, {64, 64, 32}, {3, 5, 7}, {300, 200, 150}} {
				for _, tB := range transposes[:2] {
					p := newProblem(rng, blas.NoTrans, tB, s[0], s[1], s[2], 1, 0, false)
					// The runtime allocates now and then when goroutines wait for each other.
					n := 1.0
					for try := 0; try < 30 && n > 0; try++ {
						n = min(n, testing.AllocsPerRun(5, func() {
							impl.Sgemm(p.tA, p.tB, p.m, p.n, p.k, p.alpha, p.a, p.lda, p.b, p.ldb, p.beta, p.c, p.ldc)
						}))
					}
					if n != 0 {
						t.Errorf("%v, %d threads: %v: %v allocations a call", o.Level, threads, p, n)
					}
				}
			}
		}
	}
}

// TestPanics expects gonum's own panics.
func TestPanics(t *testing.T) {
	x := make([]float32, 100)
	huge := math.MaxInt/2 + 1
	tests := []struct {
		name          string
		tA, tB        blas.Transpose
		m, n, k       int
		a, b, c       []float32
		lda, ldb, ldc int
	}{
		{"transpose of A", 'x', 'N', 2, 2, 2, x, x, x, 2, 2, 2},
		{"transpose of B", 'N', 0, 2, 2, 2, x, x, x, 2, 2, 2},
		{"m", 'N', 'N', -1, 2, 2, x, x, x, 2, 2, 2},
		{"n", 'N', 'N', 2, -1, 2, x, x, x, 2, 2, 2},
		{"k", 'N', 'N', 2, 2, -1, x, x, x, 2, 2, 2},
		{"lda", 'N', 'N', 2, 2, 3, x, x, x, 2, 2, 2},
		{"lda transposed", 'T', 'N', 3, 2, 2, x, x, x, 2, 2, 2},
		{"ldb", 'N', 'N', 2, 3, 2, x, x, x, 2, 2, 3},
		{"ldb transposed", 'N', 'T', 2, 2, 3, x, x, x, 3, 2, 2},
		{"ldc", 'N', 'N', 2, 3, 2, x, x, x, 2, 3, 2},
		{"zero lda", 'N', 'N', 2, 2, 0, x, x, x, 0, 2, 2},
		{"short a", 'N', 'N', 3, 2, 5, x[:14], x, x, 5, 2, 2},
		{"short a transposed", 'T', 'N', 5, 2, 3, x[:14], x, x, 5, 2, 2},
		{"short b", 'N', 'N', 2, 5, 3, x, x[:14], x, 3, 5, 5},
		{"short b transposed", 'C', 'C', 3, 5, 5, x, x[:24], x, 5, 5, 5},
		{"short c", 'N', 'N', 5, 3, 2, x, x, x[:14], 2, 3, 3},
		{"nil", 'N', 'N', 1, 1, 1, nil, nil, nil, 1, 1, 1},
		{"sizes that overflow", 'N', 'N', 3, 1, 1, x, x, x, huge, 1, 1},
		{"no rows", 'N', 'N', 0, 2, 2, nil, nil, nil, 2, 2, 2},
		{"no columns", 'N', 'N', 2, 0, 2, nil, nil, nil, 2, 1, 1},
		{"k = 0, no A and B", 'N', 'N', 1, 1, 0, nil, nil, x, 1, 1, 1},
	}
	outcome := func(impl interface {
		Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int)
	}, i int) (r string) {
		defer func() { r = fmt.Sprint(recover()) }()
		q := tests[i]
		impl.Sgemm(q.tA, q.tB, q.m, q.n, q.k, 1, q.a, q.lda, q.b, q.ldb, 1, q.c, q.ldc)
		return
	}
	for i, q := range tests {
		want := outcome(gonum.Implementation{}, i)
		for _, path := range paths(t, 1) {
			if got := outcome(path.impl, i); got != want {
				t.Errorf("%s: %s: panic %q, gonum's is %q", q.name, path.name, got, want)
			}
		}
	}
}

// TestSgemv compares with gonum's, increments and panics included.
func TestSgemv(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	for range 300 {
		m, n := 1+rng.IntN(70), 1+rng.IntN(140)
		tA := transposes[rng.IntN(3)]
		p := newProblem(rng, blas.NoTrans, blas.NoTrans, m, 1, n, scalars[rng.IntN(4)], scalars[rng.IntN(4)], true)
		lenX, lenY := n, m
		if tA != blas.NoTrans {
			lenX, lenY = m, n
		}
		incX, incY := 1, 1
		if rng.IntN(3) == 0 {
			incX, incY = rng.IntN(5)-2, rng.IntN(5)-2
		}
		vector := func(n, inc int) []float32 {
			x := make([]float32, (n-1)*max(1, inc, -inc)+1-rng.IntN(20)/19)
			for i := range x {
				x[i] = float32(rng.NormFloat64())
			}
			return x
		}
		x, y := vector(lenX, incX), vector(lenY, incY)
		call := func(impl blas.Float32) (r []float32, failure any) {
			defer func() { failure = recover() }()
			r = append([]float32(nil), y...)
			impl.Sgemv(tA, m, n, p.alpha, p.a, p.lda, x, incX, p.beta, r, incY)
			return r, nil
		}
		want, wantFailure := call(gonum.Implementation{})
		for _, path := range paths(t, 1) {
			if path.impl.Precision() == BF16 && path.impl.e.tuning.minSideBF16 == 1 {
				continue // as it is measured, one row is never in bf16
			}
			got, failure := call(path.impl)
			if failure != wantFailure {
				t.Fatalf("%s: Sgemv: panic %v, gonum's is %v", path.name, failure, wantFailure)
			}
			if failure != nil {
				continue
			}
			for i := range got {
				// Both err by gamma(k) of sums of normal numbers.
				if math.Abs(float64(got[i]-want[i])) > 2*float64(lenX+4)*0x1p-24*float64(lenX+8)*4 {
					t.Fatalf("%s: Sgemv %c %dx%d: y[%d] = %v, gonum's is %v", path.name, tA, m, n, i, got[i], want[i])
				}
			}
		}
	}
}

// TestUse goes through gonum's front.
func TestUse(t *testing.T) {
	before := blas32.Implementation()
	defer blas32.Use(before)
	blas32.Use(newImplementation(t, Options{}))
	general := func(rows, columns int, data ...float32) blas32.General {
		return blas32.General{Rows: rows, Cols: columns, Stride: columns, Data: data}
	}
	c := general(2, 2, make([]float32, 4)...)
	blas32.Gemm(blas.NoTrans, blas.Trans, 1, general(2, 3, 1, 2, 3, 4, 5, 6), general(2, 3, 1, 0, 1, 0, 1, 0), 0, c)
	if want := []float32{4, 2, 10, 5}; fmt.Sprint(c.Data) != fmt.Sprint(want) {
		t.Errorf("Gemm gave %v, want %v", c.Data, want)
	}
	if got := blas32.Dot(blas32.Vector{N: 2, Inc: 1, Data: []float32{1, 2}}, blas32.Vector{N: 2, Inc: 1, Data: []float32{3, 4}}); got != 11 {
		t.Errorf("Dot gave %v, want 11", got)
	}
}

// FuzzSgemm compares with gonum on finite numbers.
func FuzzSgemm(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint16(1), uint16(1), uint16(1), float32(1), float32(0))
	f.Add(uint64(2), uint8(7), uint16(14), uint16(32), uint16(16), float32(0.5), float32(1))
	f.Add(uint64(3), uint8(5), uint16(15), uint16(33), uint16(300), float32(-1), float32(-1))
	f.Add(uint64(4), uint8(2), uint16(6), uint16(128), uint16(64), float32(2), float32(0))
	all := paths(f, 2)
	f.Fuzz(func(t *testing.T, seed uint64, form uint8, m, n, k uint16, alpha, beta float32) {
		if !(math.Abs(float64(alpha)) < 1e6 && math.Abs(float64(beta)) < 1e6) {
			t.Skip()
		}
		rng := rand.New(rand.NewPCG(seed, 0))
		p := newProblem(rng, transposes[form&1], transposes[form>>1&1], 1+int(m%150), 1+int(n%150), int(k%600), alpha, beta, form>>2&1 == 1)
		_, products, old := p.reference()
		c := p.run(newImplementation(t, Options{Level: Gonum}))
		want := make([]float64, p.m*p.n)
		for i := range want {
			want[i] = float64(c[i/p.n*p.ldc+i%p.n])
			// gonum errs as well, and underflow is not in the bound.
			products[i], old[i] = 2*products[i]+1e-30, 2*old[i]+1e-30
		}
		for _, path := range all {
			p.check(t, path.name, p.run(path.impl), want, products, old, p.inBF16(path.impl))
		}
	})
}

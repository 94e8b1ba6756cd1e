package blas

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// engine is what the copies of an Implementation share: the kernels, the threads
// in use, and packing buffers that go round.
type engine struct {
	level   Level
	threads int // Options.Threads
	tuning  tuning
	f32     *kernels
	bf16    *kernels // nil where products stay in float32

	busy atomic.Int64 // goroutines at work on products that may be shared

	mu   sync.Mutex
	free []*job
}

// sgemm computes C = alpha*op(A)*op(B) + beta*C for checked arguments with m, n
// and k positive.
func (e *engine) sgemm(aTrans, bTrans bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	p := product{
		m: m, n: n, k: k,
		a:     matrix{p: unsafe.SliceData(a), row: 4 * uintptr(lda), col: 4},
		b:     matrix{p: unsafe.SliceData(b), row: 4 * uintptr(ldb), col: 4},
		c:     matrix{p: unsafe.SliceData(c), row: 4 * uintptr(ldc), col: 4},
		alpha: alpha, beta: beta,
	}
	if aTrans {
		p.a.row, p.a.col = p.a.col, p.a.row
	}
	if bTrans {
		p.b.row, p.b.col = p.b.col, p.b.row
	}
	p.plan(e)
	t := &e.tuning
	if !p.packA && !p.packB && p.tail == 0 && p.threads == 1 {
		p.multiplyAll()
		return
	}
	j := e.take()
	defer e.put(j)
	if p.threads > 1 {
		p.threads = e.acquire(p.threads)
		defer e.release(p.threads)
	}
	if !p.packA && !p.packB && p.tail == 0 {
		j.run(p, t)
		return
	}
	passDepth := p.passDepth(t)
	for j0 := 0; j0 < n; j0 += t.passColumns {
		for l0 := 0; l0 < k; l0 += passDepth {
			for i0 := 0; i0 < m; i0 += t.passRows {
				q := p
				q.m, q.n, q.k = min(t.passRows, m-i0), min(t.passColumns, n-j0), min(passDepth, k-l0)
				q.a.p = p.a.at(i0, l0)
				q.b.p = p.b.at(l0, j0)
				q.c.p = p.c.at(i0, j0)
				if l0 > 0 {
					q.beta = 1
				}
				q.setTail()
				j.run(q, t)
			}
		}
	}
}

// acquire counts the caller and up to want-1 helpers as busy and returns how many
// they are: fewer than want while other products run, so that together they do not
// exceed the bound.
func (e *engine) acquire(want int) int {
	for {
		busy := e.busy.Load()
		got := max(1, min(want, e.maxThreads()-int(busy)))
		if e.busy.CompareAndSwap(busy, busy+int64(got)) {
			return got
		}
	}
}

func (e *engine) release(n int) { e.busy.Add(-int64(n)) }

func (e *engine) maxThreads() int {
	if e.threads > 0 {
		return e.threads
	}
	return runtime.GOMAXPROCS(0)
}

// take returns an idle job, or a new one when all are in use.
func (e *engine) take() *job {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := len(e.free); n > 0 {
		j := e.free[n-1]
		e.free = e.free[:n-1]
		return j
	}
	j := new(job)
	j.help = j.helper
	return j
}

// put makes a job that nothing runs on any more available again.
func (e *engine) put(j *job) {
	j.product = product{} // holds the caller's matrices
	e.mu.Lock()
	defer e.mu.Unlock()
	e.free = append(e.free, j)
}

// job is one product being computed by several goroutines, with its buffers.
type job struct {
	product
	bufA, bufB []float32

	packs  int // tasks of the first phase
	tasks  int // tasks of the second
	next   atomic.Int64
	packed sync.WaitGroup // counts down the tasks of the first phase
	done   sync.WaitGroup // counts down the helpers
	help   func()         // j.helper, bound once: a new closure a call would be garbage
}

// run computes p with p.threads goroutines, the caller being one of them, and
// returns when all have finished.
func (j *job) run(p product, t *tuning) {
	j.product = p
	j.layOut(t)
	j.next.Store(0)
	j.packed.Add(j.packs)
	helpers := min(p.threads, max(j.packs, j.tasks)) - 1
	j.done.Add(max(helpers, 0))
	for range helpers {
		go j.help()
	}
	j.work()
	j.done.Wait()
}

func (j *job) helper() {
	defer j.done.Done()
	j.work()
}

// work takes tasks until there are none left: first those that pack, then, when
// all of these are finished, those that multiply.
func (j *job) work() {
	waited := false
	for {
		t := int(j.next.Add(1)) - 1
		if t < j.packs {
			j.pack(t)
			j.packed.Done()
			continue
		}
		if !waited {
			j.packed.Wait()
			waited = true
		}
		t -= j.packs
		if t >= j.tasks {
			return
		}
		j.multiply(t)
	}
}

// resize returns a buffer of n words that begins on a cache line, reusing buf
// where it is large enough.
func resize(buf []float32, n int) []float32 {
	const line = 16
	if cap(buf) < n {
		whole := make([]float32, n+line)
		skip := 0
		if r := uintptr(unsafe.Pointer(unsafe.SliceData(whole))) % 64; r != 0 {
			skip = int(64-r) / 4
		}
		buf = whole[skip:]
	}
	return buf[:n]
}

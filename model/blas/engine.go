package blas

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"transcend/model/internal/standby"
)

// engine is what the copies of an Implementation share: the kernels, the threads
// in use, and packing buffers that go round.
type engine struct {
	level   Level
	threads int // Options.Threads
	tuning  tuning
	f32     *kernels
	bf16    *kernels     // nil where products stay in float32 or go to tiles
	tiles   *tileKernels // nil where there are none or products stay in float32

	busy atomic.Int64 // goroutines at work on products that may be shared

	mu   sync.Mutex
	free []*job // idle
	open []*job // looking for helpers
	help func() // e.helper, bound once: a new closure a call would be garbage
}

func newEngine(level Level, p Precision, threads int) *engine {
	e := &engine{level: level, threads: threads, tuning: measured, f32: kernelsOf(level, F32)}
	if p == BF16 {
		if e.tiles = tilesOf(level); e.tiles == nil {
			e.bf16 = kernelsOf(level, BF16)
		}
	}
	e.help = e.helper
	return e
}

// sgemm computes C = alpha*op(A)*op(B) + beta*C for checked arguments with m, n
// and k positive.
func (e *engine) sgemm(aTrans, bTrans bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	am := matrix{p: unsafe.SliceData(a), row: 4 * uintptr(lda), col: 4}
	bm := matrix{p: unsafe.SliceData(b), row: 4 * uintptr(ldb), col: 4}
	cm := matrix{p: unsafe.SliceData(c), row: 4 * uintptr(ldc), col: 4}
	if aTrans {
		am.row, am.col = am.col, am.row
	}
	if bTrans {
		bm.row, bm.col = bm.col, bm.row
	}
	t := &e.tuning
	if e.tiles != nil && t.onTiles(m, n, k) {
		e.onTiles(tiled{m: m, n: n, k: k, a: am, b: bm, c: cm, aRuns: !aTrans, bRuns: !bTrans, alpha: alpha, beta: beta})
		return
	}
	p := product{m: m, n: n, k: k, a: am, b: bm, c: cm, alpha: alpha, beta: beta}
	threads := p.plan(e)
	if !p.packs() && threads == 1 {
		p.multiplyAll()
		return
	}
	if threads > 1 {
		threads = e.acquire(threads)
		defer e.release(threads)
	}
	j := e.take()
	defer e.put(j)
	j.blocked.begin(p, t, threads)
	j.run(&j.blocked, threads)
}

// onTiles computes a product on tiles.
func (e *engine) onTiles(p tiled) {
	t, threads := &e.tuning, 1
	if p.m*p.n*p.k >= t.tileParallelWork {
		threads = e.acquire(e.maxThreads())
		defer e.release(threads)
	}
	j := e.take()
	defer e.put(j)
	p.tileKernels = e.tiles
	j.striped.begin(p, t, threads)
	j.run(&j.striped, threads)
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
	j := &job{e: e}
	j.wake.L = &j.mu
	return j
}

// put makes a job that nothing runs on any more available again.
func (e *engine) put(j *job) {
	j.blocked.release()
	j.striped.release()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.free = append(e.free, j)
}

// helper works on open jobs until there are none that want another goroutine. One
// that comes too late finds nothing, and nobody has waited for it.
func (e *engine) helper() {
	e.mu.Lock()
	for i := 0; i < len(e.open); {
		j := e.open[i]
		if j.joined == j.threads || j.next.Load() >= j.total {
			i++
			continue
		}
		worker := j.joined
		j.joined++
		j.active.Add(1)
		e.mu.Unlock()
		j.work(worker)
		j.active.Add(-1)
		j.signal()
		e.mu.Lock()
		i = 0
	}
	e.mu.Unlock()
}

// plan is a product cut up: into passes, and each pass into tasks that pack operands
// and tasks that multiply them. Tasks of one kind and pass may run at the same time.
type plan interface {
	passes() int
	tasks(pass int) (packs, products int)
	pack(pass, task, worker int)
	multiply(pass, task, worker int)
}

// job is a plan being carried out by several goroutines, with its buffers.
type job struct {
	e       *engine
	blocked blocked
	striped striped

	plan    plan
	threads int
	joined  int // goroutines that have taken part; guarded by the engine's mu
	phases  []phase
	total   int64        // tasks of all phases
	next    atomic.Int64 // next task
	active  atomic.Int32 // helpers at work

	sleepers atomic.Int32
	mu       sync.Mutex
	wake     sync.Cond
}

// phase is the packing or the multiplication of a pass: even and odd indices.
type phase struct {
	tasks int32
	done  atomic.Int32
}

// run carries out p with at most the given number of goroutines, the caller being one
// of them, and returns when all is done.
func (j *job) run(p plan, threads int) {
	passes := p.passes()
	if threads == 1 {
		for i := range passes {
			packs, products := p.tasks(i)
			for t := range packs {
				p.pack(i, t, 0)
			}
			for t := range products {
				p.multiply(i, t, 0)
			}
		}
		return
	}
	if cap(j.phases) < 2*passes {
		j.phases = make([]phase, 2*passes)
	}
	j.phases = j.phases[:2*passes]
	j.total = 0
	most := 0
	for i := range passes {
		packs, products := p.tasks(i)
		for h, n := range [2]int{packs, products} {
			f := &j.phases[2*i+h]
			f.tasks = int32(n)
			f.done.Store(0)
			j.total += int64(n)
			most = max(most, n)
		}
	}
	j.plan, j.threads, j.joined = p, min(threads, most), 1
	j.next.Store(0)
	if j.threads > 1 {
		e := j.e
		e.mu.Lock()
		e.open = append(e.open, j)
		e.mu.Unlock()
		for range j.threads - 1 {
			standby.Go(e.help)
		}
	}
	j.work(0)
	if j.threads > 1 {
		e := j.e
		e.mu.Lock()
		for i, o := range e.open {
			if o == j {
				last := len(e.open) - 1
				e.open[i], e.open[last] = e.open[last], nil
				e.open = e.open[:last]
				break
			}
		}
		e.mu.Unlock()
		j.await(&j.active, 0)
	}
	j.plan = nil
}

// work takes tasks in order until there are none left.
func (j *job) work(worker int) {
	first, f := int64(0), 0 // the phase of the last task, and the number of its first
	ready := false
	for {
		t := j.next.Add(1) - 1
		if t >= j.total {
			return
		}
		for t-first >= int64(j.phases[f].tasks) {
			first += int64(j.phases[f].tasks)
			f++
			ready = false
		}
		if !ready {
			j.awaitBefore(f)
			ready = true
		}
		pass, task := f/2, int(t-first)
		if f%2 == 0 {
			j.plan.pack(pass, task, worker)
		} else {
			j.plan.multiply(pass, task, worker)
		}
		if p := &j.phases[f]; p.done.Add(1) == p.tasks {
			j.signal()
		}
	}
}

// awaitBefore waits for the phases that f builds on. Multiplying takes the operands of its
// pass, and C as the pass before left it. Packing takes a buffer, of which there are
// two, so it waits only for the multiplications of the pass before the last.
func (j *job) awaitBefore(f int) {
	first, last := f-3, f-3
	if f%2 == 1 {
		first, last = f-2, f-1
	}
	for g := max(0, first); g <= last; g++ {
		p := &j.phases[g]
		j.await(&p.done, p.tasks)
	}
}

// await returns when v has the value. What is waited for takes some ten microseconds as
// a rule, less than going to sleep and waking up, so it looks again for a while first.
func (j *job) await(v *atomic.Int32, value int32) {
	for i := range 4000 {
		if v.Load() == value {
			return
		}
		if i%64 == 63 {
			runtime.Gosched()
		}
	}
	j.mu.Lock()
	j.sleepers.Add(1)
	for v.Load() != value {
		j.wake.Wait()
	}
	j.sleepers.Add(-1)
	j.mu.Unlock()
}

// signal wakes those who sleep in await, after a change of what they wait for.
func (j *job) signal() {
	if j.sleepers.Load() == 0 {
		return
	}
	j.mu.Lock()
	j.wake.Broadcast()
	j.mu.Unlock()
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

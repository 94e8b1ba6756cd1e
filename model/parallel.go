package model

import (
	"runtime"
	"sync"
	"sync/atomic"

	"transcend/model/internal/standby"
)

// task is work cut into chunks that write to disjoint memory. How it is cut
// depends on the shapes alone, never on the number of threads, and no chunk
// reads what another writes: so the result has the same bits for any number of
// threads, in whatever order chunks are taken.
type task interface {
	// run does one chunk. worker is below the pool's number of threads and
	// selects scratch memory that nobody else uses meanwhile.
	run(chunk, worker int)
}

// pool runs tasks on the caller and helpers. A helper that comes too late for one
// task finds the next, or nothing; nobody waits for it. There is nothing to close
// and nothing to leak, and a run allocates nothing.
type pool struct {
	threads int // at least 1

	mu     sync.Mutex // guards task, joined, and going from idle to active
	task   task       // nil: none that wants helpers
	joined int        // helpers that have taken part in task

	chunks int64
	next   atomic.Int64 // next chunk to take
	active atomic.Int32 // helpers at work
	asleep atomic.Bool  // run waits for active to become 0 on idle
	idle   chan struct{}
	work   func() // p.helper as a value, made once
}

func newPool() *pool {
	p := &pool{threads: runtime.GOMAXPROCS(0), idle: make(chan struct{}, 1)}
	p.work = p.helper
	return p
}

// setThreads changes the number of threads; n below 1 means GOMAXPROCS.
func (p *pool) setThreads(n int) {
	if n < 1 {
		n = runtime.GOMAXPROCS(0)
	}
	p.threads = n
}

// run does all chunks of t and returns when they are done.
func (p *pool) run(chunks int, t task) {
	helpers := min(p.threads, chunks) - 1
	if helpers < 1 {
		for i := range chunks {
			t.run(i, 0)
		}
		return
	}
	p.mu.Lock()
	p.task, p.joined, p.chunks = t, 0, int64(chunks)
	p.next.Store(0)
	p.mu.Unlock()
	for range helpers {
		standby.Go(p.work)
	}
	p.drain(t, 0)
	p.mu.Lock()
	p.task = nil
	p.mu.Unlock()
	p.awaitHelpers()
}

// awaitHelpers returns when no helper is at work. As a rule that is less than a
// chunk away, which is less than going to sleep and waking up.
func (p *pool) awaitHelpers() {
	for range 50 {
		for range 256 {
			if p.active.Load() == 0 {
				return
			}
		}
		runtime.Gosched()
	}
	p.asleep.Store(true)
	if p.active.Load() > 0 || !p.asleep.CompareAndSwap(true, false) {
		<-p.idle // the last helper has seen asleep, or will
	}
}

func (p *pool) helper() {
	p.mu.Lock()
	t := p.task
	if t == nil || p.joined >= p.threads-1 {
		p.mu.Unlock()
		return
	}
	p.joined++
	worker := p.joined
	p.active.Add(1)
	p.mu.Unlock()
	p.drain(t, worker)
	if p.active.Add(-1) == 0 && p.asleep.CompareAndSwap(true, false) {
		p.idle <- struct{}{}
	}
}

func (p *pool) drain(t task, worker int) {
	for {
		i := p.next.Add(1) - 1
		if i >= p.chunks {
			return
		}
		t.run(int(i), worker)
	}
}

// chunkCount is how many chunks of the given size n items make.
func chunkCount(n, size int) int { return (n + size - 1) / size }

// chunkRange is the half-open range of items in one chunk.
func chunkRange(chunk, size, n int) (lo, hi int) {
	return chunk * size, min((chunk+1)*size, n)
}

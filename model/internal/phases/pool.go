// Package phases runs the short parallel phases of which a pass over the network
// consists: each a Task in chunks, shared by the goroutines of a Pool, or of a Crew where
// phases are too short for that.
package phases

import (
	"runtime"
	"sync"
	"sync/atomic"

	"transcend/model/internal/standby"
)

// Task is work cut into chunks that write to disjoint memory. How it is cut
// depends on the shapes alone, never on the number of threads, and no chunk
// reads what another writes: so the result has the same bits for any number of
// threads, in whatever order chunks are taken.
type Task interface {
	// Run does one chunk. worker is below the pool's number of threads and
	// selects scratch memory that nobody else uses meanwhile.
	Run(chunk, worker int)
}

// Pool runs tasks on the caller and helpers. A helper that comes too late for one
// task finds the next, or nothing; nobody waits for it. There is nothing to close
// and nothing to leak, and a run allocates nothing.
type Pool struct {
	threads int // at least 1

	mu     sync.Mutex // guards task, joined, and going from idle to active
	task   Task       // nil: none that wants helpers
	joined int        // helpers that have taken part in task

	chunks int64
	next   atomic.Int64 // next chunk to take
	active atomic.Int32 // helpers at work
	asleep atomic.Bool  // run waits for active to become 0 on idle
	idle   chan struct{}
	work   func() // p.helper as a value, made once
}

// NewPool returns a pool of GOMAXPROCS threads.
func NewPool() *Pool {
	p := &Pool{threads: runtime.GOMAXPROCS(0), idle: make(chan struct{}, 1)}
	p.work = p.helper
	return p
}

// SetThreads changes the number of threads; n below 1 means GOMAXPROCS.
func (p *Pool) SetThreads(n int) {
	if n < 1 {
		n = runtime.GOMAXPROCS(0)
	}
	p.threads = n
}

// Threads is how many goroutines share a task at most, the caller's among them.
func (p *Pool) Threads() int { return p.threads }

// Run does all chunks of t and returns when they are done.
func (p *Pool) Run(chunks int, t Task) {
	helpers := min(p.threads, chunks) - 1
	if helpers < 1 {
		for i := range chunks {
			t.Run(i, 0)
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
func (p *Pool) awaitHelpers() {
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

func (p *Pool) helper() {
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

func (p *Pool) drain(t Task, worker int) {
	for {
		i := p.next.Add(1) - 1
		if i >= p.chunks {
			return
		}
		t.Run(int(i), worker)
	}
}

// Chunks is how many chunks of the given size n items make.
func Chunks(n, size int) int { return (n + size - 1) / size }

// Range is the half-open range of items in one chunk.
func Range(chunk, size, n int) (lo, hi int) {
	return chunk * size, min((chunk+1)*size, n)
}

package model

import (
	"runtime"
	"sync"
	"sync/atomic"
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

// pool runs tasks. It starts its goroutines for each task and waits for them,
// so there is nothing to close and nothing to leak; starting one costs about
// a microsecond and, after the first time, no allocation.
type pool struct {
	threads int // at least 1

	task    task
	chunks  int64
	next    atomic.Int64 // next chunk to take
	workers atomic.Int32 // numbers the goroutines of one task
	wg      sync.WaitGroup
	work    func() // p.helper as a value, made once
}

func newPool() *pool {
	p := &pool{threads: runtime.GOMAXPROCS(0)}
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
	p.task, p.chunks = t, int64(chunks)
	p.next.Store(0)
	p.workers.Store(0)
	p.wg.Add(helpers)
	for range helpers {
		go p.work()
	}
	p.drain(0)
	p.wg.Wait()
	p.task = nil
}

func (p *pool) helper() {
	defer p.wg.Done()
	p.drain(int(p.workers.Add(1)))
}

func (p *pool) drain(worker int) {
	for {
		i := p.next.Add(1) - 1
		if i >= p.chunks {
			return
		}
		p.task.run(int(i), worker)
	}
}

// chunkCount is how many chunks of the given size n items make.
func chunkCount(n, size int) int { return (n + size - 1) / size }

// chunkRange is the half-open range of items in one chunk.
func chunkRange(chunk, size, n int) (lo, hi int) {
	return chunk * size, min((chunk+1)*size, n)
}

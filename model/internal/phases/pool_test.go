package phases

import "testing"

func TestPoolRunsEveryChunkOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		p := NewPool()
		p.SetThreads(threads)
		for _, chunks := range []int{0, 1, 2, 3, 100} {
			op := &countOp{counts: make([]int32, chunks), workers: make([]int32, threads)}
			p.Run(chunks, op)
			for i, n := range op.counts {
				if n != 1 {
					t.Errorf("%d threads: chunk %d of %d ran %d times", threads, i, chunks, n)
				}
			}
		}
	}
}

// countOp counts runs without synchronization: chunks are disjoint, and so
// are workers, or the race detector speaks up.
type countOp struct{ counts, workers []int32 }

func (op *countOp) Run(chunk, worker int) {
	op.counts[chunk]++
	op.workers[worker]++
}

// Package parallel divides tasks among goroutines that each need something of their own: a
// decoder, a searcher, an engine's process.
package parallel

import (
	"context"
	"iter"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Each calls a worker's function for all i below n, every i once, on at most the given number
// of goroutines, begun in rising order. start makes what one goroutine works with: do, and a
// function that frees it, which may be nil and is called on that goroutine when it ends.
//
// The first error ends everything: the context that do is given is cancelled, no further
// task begins, and Each returns that error when all have ended. Without one it returns ctx's.
func Each(ctx context.Context, goroutines, n int, start func() (do func(ctx context.Context, i int) error, free func(), err error)) error {
	next := make(chan int)
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(next)
		for i := range n {
			select {
			case next <- i:
			case <-inner.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range max(1, min(goroutines, n)) {
		group.Go(func() error {
			do, free, err := start()
			if free != nil {
				defer free()
			}
			if err != nil {
				return err
			}
			for i := range next {
				if err := inner.Err(); err != nil {
					return err
				}
				if err := do(inner, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// Ordered does jobs on so many goroutines, or as many as there are cores, and yields the results
// in the order of the jobs, which may go on without end. start makes what one goroutine
// works with. Some jobs are done ahead of the one whose result is yielded: four a goroutine.
//
// The first error, a job's or ctx's, is yielded and ends everything. When the loop is left, all
// goroutines have ended; jobs is gone over on one of them.
func Ordered[J, R any](ctx context.Context, goroutines int, jobs iter.Seq[J], start func() (do func(ctx context.Context, job J) (R, error))) iter.Seq2[R, error] {
	type task struct {
		job    J
		result R
		err    error
		done   chan struct{}
	}
	return func(yield func(R, error) bool) {
		if goroutines <= 0 {
			goroutines = runtime.GOMAXPROCS(0)
		}
		inner, cancel := context.WithCancel(ctx)
		var all sync.WaitGroup
		defer all.Wait()
		defer cancel()

		open, inOrder := make(chan *task), make(chan *task, 4*goroutines)
		all.Go(func() {
			defer close(open)
			defer close(inOrder)
			for j := range jobs {
				t := &task{job: j, done: make(chan struct{})}
				for _, to := range []chan<- *task{inOrder, open} {
					select {
					case to <- t:
					case <-inner.Done():
						return
					}
				}
			}
		})
		for range goroutines {
			all.Go(func() {
				do := start()
				for t := range open {
					t.result, t.err = do(inner, t.job)
					close(t.done)
				}
			})
		}
		var none R
		for t := range inOrder {
			select {
			case <-t.done:
			case <-ctx.Done():
			}
			if err := ctx.Err(); err != nil {
				yield(none, err)
				return
			}
			if t.err != nil {
				yield(none, t.err)
				return
			}
			if !yield(t.result, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(none, err)
		}
	}
}

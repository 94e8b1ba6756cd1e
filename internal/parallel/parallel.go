// Package parallel divides numbered tasks among goroutines that each need something of their
// own: a decoder, a searcher, an engine's process.
package parallel

import (
	"context"

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

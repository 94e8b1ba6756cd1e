package parallel

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEachDoesEveryTaskOnceAndFreesEveryWorker(t *testing.T) {
	for _, goroutines := range []int{0, 1, 3, 100} {
		for _, n := range []int{0, 1, 2, 50} {
			done := make([]atomic.Int32, n)
			var started, freed atomic.Int32
			err := Each(context.Background(), goroutines, n, func() (func(context.Context, int) error, func(), error) {
				started.Add(1)
				return func(_ context.Context, i int) error {
					done[i].Add(1)
					return nil
				}, func() { freed.Add(1) }, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for i := range done {
				if got := done[i].Load(); got != 1 {
					t.Errorf("%d goroutines: task %d of %d was done %d times", goroutines, i, n, got)
				}
			}
			if want := int32(max(1, min(goroutines, n))); started.Load() != want || freed.Load() != want {
				t.Errorf("%d goroutines, %d tasks: %d started, %d freed, want %d", goroutines, n, started.Load(), freed.Load(), want)
			}
		}
	}
}

func TestEachReturnsTheFirstErrorAndStops(t *testing.T) {
	broken := errors.New("broken")
	var mu sync.Mutex
	var begun []int
	err := Each(context.Background(), 4, 1000, func() (func(context.Context, int) error, func(), error) {
		return func(ctx context.Context, i int) error {
			mu.Lock()
			begun = append(begun, i)
			mu.Unlock()
			if i == 3 {
				return broken
			}
			<-ctx.Done() // the others must learn of it
			return ctx.Err()
		}, nil, nil
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if len(begun) > 4 {
		t.Errorf("%d tasks were begun although the fourth failed", len(begun))
	}
	err = Each(context.Background(), 2, 5, func() (func(context.Context, int) error, func(), error) { return nil, nil, broken })
	if !errors.Is(err, broken) {
		t.Errorf("a worker that cannot start: %v", err)
	}
}

func TestEachEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	err := Each(ctx, 2, 1000, func() (func(context.Context, int) error, func(), error) {
		return func(_ context.Context, i int) error {
			if i == 10 {
				cancel()
			}
			return nil
		}, nil, nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

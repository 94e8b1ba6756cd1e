package parallel

import (
	"context"
	"errors"
	"runtime"
	"slices"
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

// TestOrdered: every result in order, the first error in its place and nothing after it, no
// goroutine left however the loop ends, endless jobs too.
func TestOrdered(t *testing.T) {
	endless := func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	}
	broken := errors.New("broken")
	var running atomic.Int32
	square := func(failing int, started *atomic.Int32) func() func(context.Context, int) (int, error) {
		return func() func(context.Context, int) (int, error) {
			started.Add(1)
			return func(_ context.Context, i int) (int, error) {
				running.Add(1)
				defer running.Add(-1)
				for range (7 - i%7) * 300 { // later jobs are often done first
					runtime.Gosched()
				}
				if i == failing {
					return 0, broken
				}
				return i * i, nil
			}
		}
	}
	for _, goroutines := range []int{0, 1, 3, 8} {
		var started atomic.Int32
		ended := func() {
			t.Helper()
			if got := running.Load(); got != 0 {
				t.Errorf("%d goroutines: %d still work", goroutines, got)
			}
		}
		n := 0
		for got, err := range Ordered(t.Context(), goroutines, endless, square(-1, &started)) {
			if err != nil || got != n*n {
				t.Fatalf("%d goroutines: result %d is %d, %v", goroutines, n, got, err)
			}
			if n++; n == 100 {
				break
			}
		}
		ended()
		want := goroutines
		if want == 0 {
			want = runtime.GOMAXPROCS(0)
		}
		if got := int(started.Load()); got != want {
			t.Errorf("%d goroutines: %d were started", goroutines, got)
		}

		n = 0
		for got, err := range Ordered(t.Context(), goroutines, endless, square(20, &started)) {
			if n++; n <= 20 && err == nil && got == (n-1)*(n-1) {
				continue
			}
			if n != 21 || !errors.Is(err, broken) {
				t.Fatalf("%d goroutines: result %d is %d, %v", goroutines, n-1, got, err)
			}
		}
		ended()
		if n != 21 {
			t.Errorf("%d goroutines: %d results before and with the error, want 21", goroutines, n)
		}

		ctx, cancel := context.WithCancel(t.Context())
		n = 0
		for _, err := range Ordered(ctx, goroutines, endless, square(-1, &started)) {
			switch n++; {
			case n == 5:
				cancel()
			case n > 5 && !errors.Is(err, context.Canceled):
				t.Fatalf("%d goroutines: %v after the end", goroutines, err)
			}
		}
		ended()
		if n != 6 {
			t.Errorf("%d goroutines: %d results, want 5 and the error", goroutines, n)
		}
		cancel()

		n = 0
		for range Ordered(t.Context(), goroutines, slices.Values([]int{1, 2, 3}), square(-1, &started)) {
			n++
		}
		if n != 3 {
			t.Errorf("%d goroutines: %d of 3 results", goroutines, n)
		}
	}
}

package standby

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestEveryFunctionRunsOnce gives work from several goroutines at a time, much
// more than there are helpers.
func TestEveryFunctionRunsOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 5} {
		func() {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
			var ran atomic.Int64
			var done, givers sync.WaitGroup
			const each = 3000
			f := func() { ran.Add(1); done.Done() }
			for range 4 {
				givers.Add(1)
				go func() {
					defer givers.Done()
					for i := range each {
						done.Add(1)
						Go(f)
						if i%7 == 0 {
							runtime.Gosched()
						}
					}
				}()
			}
			givers.Wait()
			done.Wait()
			if n := ran.Load(); n != 4*each {
				t.Errorf("%d threads: %d of %d functions ran", threads, n, 4*each)
			}
		}()
	}
}

// TestHelpersEnd: no goroutine outlives its patience.
func TestHelpersEnd(t *testing.T) {
	var done sync.WaitGroup
	for range 100 {
		done.Add(1)
		Go(done.Done)
	}
	done.Wait()
	for i := range helpers {
		for helpers[i].state.Load() != asleep {
			runtime.Gosched()
		}
	}
}

func TestGoAllocatesNothing(t *testing.T) {
	var done sync.WaitGroup
	f := func() { done.Done() }
	if n := testing.AllocsPerRun(1000, func() { done.Add(1); Go(f); done.Wait() }); n >= 1 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkGo measures the time from giving work to its beginning on another
// goroutine, against the go statement.
func BenchmarkGo(b *testing.B) {
	for _, c := range []struct {
		name  string
		start func(func())
	}{{"standby", Go}, {"statement", func(f func()) { go f() }}} {
		b.Run(c.name, func(b *testing.B) {
			var begun atomic.Bool
			f := func() { begun.Store(true) }
			for b.Loop() {
				begun.Store(false)
				c.start(f)
				for !begun.Load() {
				}
			}
		})
	}
}

// Package fuzzlimit is for tests: it makes failures of an input that keeps the
// code under test busy without end, or makes it allocate without measure. Go's
// fuzzer sees neither.
package fuzzlimit

import (
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"transcend/internal/cputime"
)

// maxCPU is the time of the cores after which a test of one input hangs. Time of
// the clock would be wrong on a machine with other things to do.
const maxCPU = 60 * time.Second

// Watch fails the test when all that follows in it allocates more than so many
// bytes, freed ones included, and ends the program when it takes more than a minute
// of the cores' time. The fuzzer then keeps the input.
func Watch(tb testing.TB, bytes uint64) {
	tb.Helper()
	before, start := allocated(), cputime.Used()
	var mu sync.Mutex
	var alarm *time.Timer // nil at the end
	check := func() {
		if used := cputime.Used() - start; used > maxCPU {
			debug.SetTraceback("all")
			panic(fmt.Sprintf("%s: one input has taken %v of the cores' time", tb.Name(), used))
		}
		mu.Lock()
		defer mu.Unlock()
		if alarm != nil {
			alarm.Reset(maxCPU / 4)
		}
	}
	mu.Lock()
	alarm = time.AfterFunc(maxCPU/4, check)
	mu.Unlock()
	tb.Cleanup(func() {
		mu.Lock()
		alarm.Stop()
		alarm = nil
		mu.Unlock()
		if n := allocated() - before; n > bytes {
			tb.Errorf("%d bytes were allocated, %d are enough", n, bytes)
		}
	})
}

// allocated returns the bytes allocated on the heap since the program started.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

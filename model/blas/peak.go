package blas

import (
	"runtime"
	"sync"
	"time"
)

// Peak measures the ceiling of this machine: multiply-adds on registers, without
// memory, on the given number of threads at once, in GFLOP/s (a multiply-add is two
// operations, a bf16 dot-product lane four, a pair of full tiles 16,384). It repeats runs of about a
// millisecond for the given time and returns the best, because other work on the
// machine can only take away. It is 0 for a level or precision that is not
// available, and for Gonum. threads below 1 means GOMAXPROCS; level Auto the best.
//
// The figure is that of the instruction set: Peak(AVX512BF16, F32, ...) equals
// Peak(AVX512, F32, ...). In BF16 there are two ceilings: Peak(AVX512BF16, BF16, ...) is
// that of VDPBF16PS, Peak(AMX, BF16, ...) that of TDPBF16PS.
func Peak(level Level, p Precision, threads int, during time.Duration) float64 {
	best := Supported()
	if level == Auto {
		level = best
	}
	loop, rounds, flops := peakLoop(level, p)
	if level > best || loop == nil {
		return 0
	}
	if threads < 1 {
		threads = runtime.GOMAXPROCS(0)
	}
	rate := 0.0
	for begin := time.Now(); ; {
		start := time.Now()
		var wg sync.WaitGroup
		for range threads - 1 {
			wg.Go(func() { loop(rounds) })
		}
		loop(rounds)
		wg.Wait()
		rate = max(rate, flops*float64(rounds)*float64(threads)/float64(time.Since(start).Nanoseconds()))
		if time.Since(begin) >= during {
			return rate
		}
	}
}

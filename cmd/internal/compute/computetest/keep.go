// Package computetest is for tests of commands, which choose for the whole process how it computes.
package computetest

import (
	"runtime"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"
)

// Keep restores at the end of a test what compute.UseProducts changes.
func Keep(t testing.TB) {
	t.Helper()
	old, threads := blas32.Implementation(), runtime.GOMAXPROCS(0)
	t.Cleanup(func() {
		blas32.Use(old)
		runtime.GOMAXPROCS(threads)
	})
}

//go:build noasm || !amd64

package blas

// Supported returns the highest level that this CPU and build can run.
func Supported() Level { return Gonum }

// kernelsOf returns nil: all products are gonum's.
func kernelsOf(Level, Precision) *kernels { return nil }

// tilesOf returns nil: there are none.
func tilesOf(Level) *tileKernels { return nil }

// missing has nothing to add to "not supported".
func missing(Level) string { return "" }

// peakLoop returns nil: there is no loop to measure with.
func peakLoop(Level, Precision) (loop func(n int), rounds int, flops float64) { return nil, 0, 0 }

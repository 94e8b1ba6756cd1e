//go:build noasm || !amd64

package blas

// Supported returns the highest level that this CPU and build can run.
func Supported() Level { return Gonum }

// kernelsOf returns nil: all products are gonum's.
func kernelsOf(Level, Precision) *kernels { return nil }

// peakLoop returns nil: there is no loop to measure with.
func peakLoop(Level, Precision) (loop func(n int), flops float64) { return nil, 0 }

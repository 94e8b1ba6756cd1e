//go:build noasm || !amd64

package blas

// widenersOf returns nil: products are gonum's.
func widenersOf(Level) *wideners { return nil }

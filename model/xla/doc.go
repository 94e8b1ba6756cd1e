// Package xla trains the model of package model on a GPU, as a GoMLX graph that XLA
// compiles. It is built with the tag xla; without it every device but the CPU is an error
// that says so (ErrNotBuilt).
package xla

//go:build !noasm && !linux

package blas

import (
	"errors"
	"runtime"
)

// amxPermission reports that tile registers are used on Linux only: elsewhere a process
// has to ask for them in other ways, or cannot.
func amxPermission() error {
	return errors.New("tile registers are used on Linux only, not on " + runtime.GOOS)
}

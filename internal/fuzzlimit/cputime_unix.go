//go:build unix

package fuzzlimit

import (
	"syscall"
	"time"
)

// CPUTime returns the time all cores have spent on this program.
func CPUTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

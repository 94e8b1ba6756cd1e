//go:build unix

package pgn

import (
	"syscall"
	"time"
)

// cpuTime returns the time all cores have spent on this program.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

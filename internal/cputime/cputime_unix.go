//go:build unix

// Package cputime measures the time of the cores that the program has used.
package cputime

import (
	"syscall"
	"time"
)

// Used returns the time all cores have spent on this program.
func Used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

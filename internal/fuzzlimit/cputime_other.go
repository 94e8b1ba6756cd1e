//go:build !unix

package fuzzlimit

import "time"

// CPUTime is not known here.
func CPUTime() time.Duration { return 0 }

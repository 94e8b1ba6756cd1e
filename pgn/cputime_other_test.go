//go:build !unix

package pgn

import "time"

// cpuTime is not known here.
func cpuTime() time.Duration { return 0 }

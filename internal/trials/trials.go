// Package trials is for tests that simulate: the tables in docs/results/statistics.md come from more
// trials than a test has time for.
package trials

import (
	"flag"
	"testing"
)

var trials = flag.Int("trials", 0, "simulations for each measurement; 0: enough for a test")

// Or is the number of simulations that -trials says, else n, or a third of it with -short.
func Or(n int) int {
	if *trials > 0 {
		return *trials
	}
	if testing.Short() {
		return n / 3
	}
	return n
}

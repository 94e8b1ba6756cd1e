// Package compute is where and how a command computes: on how many cores, with matrix products of
// which precision, and, for training, on which device. It holds the flags that say so, the same in all
// commands that have them. Where trained models decode when they play is package engine/device.
package compute

import (
	"runtime"

	"github.com/spf13/pflag"

	"transcend/internal/cli"
)

// AddThreads adds --threads; what it says of results goes into help.
func AddThreads(fs *pflag.FlagSet, threads *int, about string) {
	fs.IntVar(threads, "threads", 0, "cores to use (default all); "+about)
}

// AllCores checks --threads, and puts the number of cores in the place of 0.
func AllCores(threads *int) error {
	if *threads < 0 || *threads > 4096 {
		return cli.Usagef("--threads %d: must be between 1 and 4096", *threads)
	}
	if *threads == 0 {
		*threads = runtime.NumCPU()
	}
	return nil
}

package main

import (
	"context"
	"io"
)

// allCommand does every experiment.
func allCommand(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	return runExperiments(ctx, stdout, stderr, args, "all", experiments())
}

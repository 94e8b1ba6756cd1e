//go:build !unix

package fakeengine

import (
	"os"
	"os/exec"
	"os/signal"
)

const exeSuffix = ".exe"

func ignoreSignals() { signal.Ignore(os.Interrupt) }

// escape does nothing: there are no process groups to leave.
func escape(*exec.Cmd) {}

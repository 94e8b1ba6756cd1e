//go:build unix

package fakeengine

import (
	"os/exec"
	"os/signal"
	"syscall"
)

const exeSuffix = ""

func ignoreSignals() { signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP) }

// escape lets cmd start in a session of its own, outside our process group.
func escape(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

package engine

import "syscall"

// setParentDeathSignal makes the kernel kill the child when the thread that
// forks it ends.
func setParentDeathSignal(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

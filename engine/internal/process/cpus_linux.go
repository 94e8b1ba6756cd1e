package process

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// setParentDeathSignal makes the kernel kill the child when the thread that
// forks it ends.
func setParentDeathSignal(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// onCPUs calls start, which forks, with this thread bound to some processors,
// which its children inherit: the threads of an engine that is bound later would
// stay where they are. The goroutine must be locked to its thread.
func onCPUs(cpus []int, start func() error) error {
	if len(cpus) == 0 {
		return start()
	}
	var before, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("reading the processors of this thread: %w", err)
	}
	for _, c := range cpus {
		set.Set(c)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("binding to processors %v: %w", cpus, err)
	}
	startErr := start()
	if err := unix.SchedSetaffinity(0, &before); err != nil && startErr == nil {
		return fmt.Errorf("freeing this thread: %w", err)
	}
	return startErr
}

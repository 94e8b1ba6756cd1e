//go:build !linux

package process

import "errors"

// onCPUs is start where processes cannot be bound to processors.
func onCPUs(cpus []int, start func() error) error {
	if len(cpus) > 0 {
		return errors.New("binding to processors is not supported on this system")
	}
	return start()
}

//go:build unix && !linux

package process

import "syscall"

// setParentDeathSignal does nothing: only the guard watches over the engine.
func setParentDeathSignal(*syscall.SysProcAttr) {}

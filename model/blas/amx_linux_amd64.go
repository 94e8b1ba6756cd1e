//go:build !noasm

package blas

import (
	"fmt"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// amxPermission asks the kernel, once for the process, for the right to use the tile
// registers, and returns why it does not give it.
//
// The request makes signal frames of threads that hold tiles about 11 KiB, so the kernel
// refuses (ENOSPC) where a thread has an alternate signal stack that is too small; Go's
// are 32 KiB. It also refuses where it is older than 5.16 or runs on a CPU without them
// (EINVAL, EOPNOTSUPP). See Documentation/arch/x86/xstate.rst of Linux.
var amxPermission = sync.OnceValue(func() error {
	const (
		getPermitted = 0x1022 // ARCH_GET_XCOMP_PERM
		request      = 0x1023 // ARCH_REQ_XCOMP_PERM
		tileData     = 18     // the state component
	)
	if _, _, e := unix.RawSyscall(unix.SYS_ARCH_PRCTL, request, tileData, 0); e != 0 {
		return fmt.Errorf("the kernel refuses tile registers: arch_prctl(ARCH_REQ_XCOMP_PERM): %w", e)
	}
	var permitted uint64
	if _, _, e := unix.RawSyscall(unix.SYS_ARCH_PRCTL, getPermitted, uintptr(unsafe.Pointer(&permitted)), 0); e != 0 {
		return fmt.Errorf("the kernel does not say whether tile registers may be used: arch_prctl(ARCH_GET_XCOMP_PERM): %w", e)
	}
	if permitted&(1<<tileData) == 0 {
		return fmt.Errorf("the kernel permits state components %#x, not tile registers", permitted)
	}
	return nil
})

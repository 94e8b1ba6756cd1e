// Package guardpage is memory for tests of assembly: it ends where the next byte
// cannot be touched, so that a kernel that goes past the end of its operands faults.
package guardpage

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Copy returns a copy of x, numbers of any size, that ends where memory does.
func Copy[T any](t testing.TB, x []T) []T {
	t.Helper()
	if len(x) == 0 {
		return nil
	}
	bytes := int(unsafe.Sizeof(x[0])) * len(x)
	page := unix.Getpagesize()
	size := (bytes + page - 1) / page * page
	m, err := unix.Mmap(-1, 0, size+page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(m); err != nil {
			t.Error(err)
		}
	})
	if err := unix.Mprotect(m[size:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	y := unsafe.Slice((*T)(unsafe.Pointer(&m[size-bytes])), len(x))
	copy(y, x)
	return y
}

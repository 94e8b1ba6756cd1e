//go:build amd64 && !noasm

package movetext

import "golang.org/x/sys/cpu"

var hasAVX2 = cpu.X86.HasAVX2

// next is Next for all but up to 32 bytes at the end, where it stops without having
// found anything.
func next(b []byte, i int) (at int, brace, found bool) {
	if !hasAVX2 {
		return i, false, false
	}
	return nextAVX2(b, i)
}

//go:noescape
func nextAVX2(b []byte, i int) (at int, brace, found bool)

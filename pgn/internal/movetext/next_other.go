//go:build !amd64 || noasm

package movetext

func next(b []byte, i int) (at int, brace, found bool) { return i, false, false }

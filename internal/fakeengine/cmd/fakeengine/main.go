// Command fakeengine is a UCI engine for tests that plays legal moves at once and
// misbehaves on demand; see -help.
package main

import (
	"os"

	"transcend/internal/fakeengine"
)

func main() { os.Exit(fakeengine.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

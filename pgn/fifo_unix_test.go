//go:build unix

package pgn

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestNamedPipe: a pipe has no size and can be opened once; its games are read like those of
// a file, and nothing of it is lost by looking what it is.
func TestNamedPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "games.pgn")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skipf("making a named pipe: %v", err)
	}
	written := make(chan error, 1)
	go func() {
		written <- os.WriteFile(path, []byte("[Event \"a\"]\n\n1. e4 *\n\n[Event \"b\"]\n\n1. d4 1-0\n"), 0)
	}()
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := 0
	for r.Scan() {
		n++
		if r.Game() == nil {
			t.Error(r.BadGame())
		}
	}
	if err := <-written; n != 2 || r.Err() != nil || err != nil {
		t.Errorf("%d games, %v, %v", n, r.Err(), err)
	}
}

// Package commandtest is for tests of a command that need a process of its own, most of them to kill it.
// The program of the tests is the command, too, so that nothing is built.
package commandtest

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
	"time"
)

// asCommand is set where the program of the tests is the command.
const asCommand = "TRANSCEND_TEST_IS_COMMAND"

// Main is for TestMain: it runs the tests, or the command where Command asks for it.
func Main(m *testing.M, command func()) {
	if os.Getenv(asCommand) != "" {
		command()
	}
	os.Exit(m.Run())
}

// Command is the command in a directory, with stdout and stderr in buffers.
func Command(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), asCommand+"=1")
	cmd.Stdout, cmd.Stderr = new(bytes.Buffer), new(bytes.Buffer)
	return cmd
}

// Start starts the command in a directory.
func Start(t testing.TB, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := Command(dir, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// Wait waits for the end of a command that must not fail, and returns how long that took.
func Wait(t testing.TB, cmd *exec.Cmd) time.Duration {
	t.Helper()
	began := time.Now()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%q: %v\n%s", cmd.Args[1:], err, cmd.Stderr)
	}
	return time.Since(began)
}

// Killed kills a command, kill -9, that has not ended after some time, and says whether it had to.
// The test fails when the command did.
func Killed(t testing.TB, cmd *exec.Cmd, after time.Duration) bool {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var err error
	select {
	case err = <-done:
	case <-time.After(after):
		killed := cmd.Process.Kill() == nil
		if err = <-done; killed {
			return true
		}
	}
	if err != nil {
		t.Fatalf("%q: %v\n%s", cmd.Args[1:], err, cmd.Stderr)
	}
	return false
}

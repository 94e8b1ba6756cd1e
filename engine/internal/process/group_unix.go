//go:build unix

package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
)

// guardScript waits for the end of its standard input and kills its process
// group, itself included. Signals that a terminal or an administrator sends do
// not end it before the engine.
const guardScript = `trap '' HUP INT QUIT TERM; read -r _; kill -s KILL 0`

// guardShell is where POSIX systems have their shell.
const guardShell = "/bin/sh"

// group is a process group led by a guard; see Process.
type group struct {
	guard *exec.Cmd
	hold  *os.File // the guard lives while this is open

	mu    sync.Mutex
	ended bool // the guard is reaped: the group's number may be anybody's
}

func newGroup() (*group, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making pipes: %w", err)
	}
	defer r.Close()
	g := &group{guard: exec.Command(guardShell, "-c", guardScript), hold: w}
	g.guard.Stdin = r
	g.guard.Dir = "/"        // pins no file system
	g.guard.Env = []string{} // nothing of ours can change what the shell does
	g.guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := g.guard.Start(); err != nil {
		w.Close()
		return nil, fmt.Errorf("starting the guard of the engine's process group: %w", err)
	}
	return g, nil
}

// limitScript sets the limits that are its first two arguments, in KiB and in
// seconds, and becomes the program that follows.
const limitScript = `ulimit -v "$1" && ulimit -t "$2" && shift 2 && exec "$@"`

// apply makes cmd start within the limits. A shell sets them before it becomes
// the engine, so that nothing of the engine runs without them.
func (l Limits) apply(cmd *exec.Cmd) error {
	if l.Memory <= 0 && l.CPUTime <= 0 {
		return nil
	}
	memory, seconds := "unlimited", "unlimited"
	if l.Memory > 0 {
		memory = strconv.FormatInt(max(1, l.Memory>>10), 10)
	}
	if l.CPUTime > 0 {
		seconds = strconv.FormatInt(int64(max(1, l.CPUTime.Seconds())), 10)
	}
	args := append([]string{guardShell, "-c", limitScript, guardShell, memory, seconds, cmd.Path}, cmd.Args[1:]...)
	cmd.Path, cmd.Args = guardShell, args
	return nil
}

// start runs cmd inside the group.
func (g *group) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: g.guard.Process.Pid}
	setParentDeathSignal(cmd.SysProcAttr)
	err := cmd.Start()
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// kill kills the group. Nothing is reaped here, so it may be called at any time.
func (g *group) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.ended {
		// The only possible error, no such group, cannot happen before the guard
		// is reaped.
		_ = syscall.Kill(-g.guard.Process.Pid, syscall.SIGKILL)
	}
}

// end kills what is left of the group and reaps the guard.
func (g *group) end() {
	g.kill()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
	_ = g.guard.Wait() // was killed
	g.hold.Close()
}

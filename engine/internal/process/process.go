// Package process runs an engine's program so that nothing of it outlives its
// owner: in a process group of its own, guarded, with its output read and the
// last of its standard error kept. It knows no protocol.
package process

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

// drainDelay bounds how long the output of an ended engine is still read. What
// it wrote before is in the pipes and takes no time; only a descendant that left
// the process group and holds a pipe makes the difference. It does what
// exec.Cmd's WaitDelay does for pipes that a Cmd copies itself.
const drainDelay = time.Second

// StderrTail is how much of an engine's standard error is kept.
const StderrTail = 8 << 10

// Process is a running engine and whatever it started.
//
// All of it dies with the engine, with Kill, and with this process, however this
// process ends:
//
//   - The engine lives in a process group of its own, so that Ctrl-C in the
//     terminal does not reach it, and Kill ends the whole group.
//   - On Unix the leader of the group is not the engine but a guard: a shell that
//     blocks reading a pipe of which this process holds the other end. When this
//     process dies, even by kill -9, the guard reads end of file and kills its
//     group: grandchildren too, which a parent-death signal does not reach. The
//     guard is reaped last, so that the number of the group cannot have passed to
//     somebody else when it is killed.
//   - On Linux the engine has a parent-death signal besides. It is sent when the
//     thread that forked ends, not the process, so the goroutine that forks stays
//     on its thread until the engine has been reaped.
//   - On Windows a job object takes the place of group and guard.
//
// A descendant that leaves the group on purpose (setsid) escapes.
type Process struct {
	Path  string   // of the program
	Stdin *os.File // written and closed by the owner

	// Exited is closed when the engine itself has ended and its group has been
	// killed; State is set. Done is closed when the pipes have been drained and
	// closed as well, and no goroutine is left.
	Exited, Done chan struct{}
	State        *os.ProcessState

	group          *group
	stdout, stderr *os.File

	mu   sync.Mutex
	tail []byte // of standard error
}

// Limits bound what an engine's process may use. The zero value bounds
// nothing.
type Limits struct {
	// Memory is the size of the address space in bytes (RLIMIT_AS, Unix): an
	// allocation beyond it fails in the engine. It counts mapped files and reserved
	// space, too, so it has to be generous.
	Memory int64
	// CPUTime is the processor time in whole seconds over the process's life, all
	// threads together (RLIMIT_CPU, Unix); then the system kills it.
	CPUTime time.Duration
	// CPUs are the processors it may run on, its threads included (Linux).
	CPUs []int
}

// Start runs cmd, whose pipes, attributes and limits are set here. read gets
// standard output, on a goroutine of its own, and returns at its end.
func Start(cmd *exec.Cmd, limits Limits, read func(io.Reader)) (*Process, error) {
	p := &Process{Path: cmd.Path, Exited: make(chan struct{}), Done: make(chan struct{})}
	if err := limits.apply(cmd); err != nil {
		return nil, err
	}
	started := make(chan error)
	go p.run(cmd, limits.CPUs, read, started)
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// run owns the process from the fork to the last closed pipe.
func (p *Process) run(cmd *exec.Cmd, cpus []int, read func(io.Reader), started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := onCPUs(cpus, func() error { return p.start(cmd) }); err != nil {
		started <- err
		return
	}
	var readers sync.WaitGroup
	readers.Go(func() { read(p.stdout) })
	readers.Go(p.readStderr)
	started <- nil

	// An error of Wait is in the state: no pipe is copied by cmd.
	_ = cmd.Wait()
	p.State = cmd.ProcessState
	p.group.end()
	// Everything the engine wrote can be read without waiting; on systems without
	// deadlines on pipes nobody can hold them any more, the group being dead.
	_ = p.stdout.SetReadDeadline(time.Now().Add(drainDelay))
	_ = p.stderr.SetReadDeadline(time.Now().Add(drainDelay))
	close(p.Exited)
	readers.Wait()
	p.Stdin.Close()
	p.stdout.Close()
	p.stderr.Close()
	close(p.Done)
}

// start makes the pipes and the group and forks.
func (p *Process) start(cmd *exec.Cmd) (err error) {
	var files []*os.File
	defer func() {
		if err != nil {
			for _, f := range files {
				f.Close()
			}
		}
	}()
	pipe := func() (r, w *os.File) {
		if err == nil {
			if r, w, err = os.Pipe(); err == nil {
				files = append(files, r, w)
			}
		}
		return r, w
	}
	stdin, ourStdin := pipe()
	ourStdout, stdout := pipe()
	ourStderr, stderr := pipe()
	if err != nil {
		return fmt.Errorf("making pipes: %w", err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	if p.group, err = newGroup(); err != nil {
		return err
	}
	if err = p.group.start(cmd); err != nil {
		p.group.end()
		return err
	}
	// The engine's ends must be its alone, or its death would not be seen.
	stdin.Close()
	stdout.Close()
	stderr.Close()
	p.Stdin, p.stdout, p.stderr = ourStdin, ourStdout, ourStderr
	return nil
}

// Kill ends the engine and everything in its group. It may be called at any
// time; Done tells when all is over.
func (p *Process) Kill() { p.group.kill() }

func (p *Process) readStderr() {
	buf := make([]byte, 4096)
	for {
		n, err := p.stderr.Read(buf)
		p.mu.Lock()
		p.tail = append(p.tail, buf[:n]...)
		if over := len(p.tail) - StderrTail; over > 0 {
			p.tail = append(p.tail[:0], p.tail[over:]...)
		}
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Stderr returns the last StderrTail bytes of what the engine wrote to standard
// error.
func (p *Process) Stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(bytes.ToValidUTF8(p.tail, []byte("?")))
}

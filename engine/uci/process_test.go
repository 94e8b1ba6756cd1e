//go:build linux

package uci

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"transcend/engine"
	"transcend/internal/boardtest"
)

// TestOwnerKilled kills a process that owns engines with SIGKILL and checks that
// every engine, grandchild and guard dies with it.
func TestOwnerKilled(t *testing.T) {
	for _, test := range []struct {
		name       string
		killGuards bool // leaves the parent-death signal alone to do it
	}{{"guards", false}, {"parent-death signal", true}} {
		t.Run(test.name, func(t *testing.T) {
			mark := fmt.Sprintf("TRANSCEND_ENGINE_TEST_CASE=owner.%d", time.Now().UnixNano())
			owner := exec.Command(os.Args[0])
			owner.Env = append(os.Environ(), ownerEnv+"=1", mark)
			owner.Stderr = os.Stderr
			out, err := owner.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := owner.Start(); err != nil {
				t.Fatal(err)
			}
			defer owner.Wait()
			defer owner.Process.Kill()
			line, err := bufio.NewReader(out).ReadString('\n')
			if line != "ready\n" {
				t.Fatalf("the owner said %q, %v", line, err)
			}

			fds := make(map[int]int) // process to a descriptor that tells its end
			for _, pid := range append(processes(mark), children(owner.Process.Pid)...) {
				if pid == owner.Process.Pid {
					continue
				}
				if _, known := fds[pid]; known {
					continue
				}
				guard := isGuard(pid)
				if test.killGuards && isGrandchild(pid) {
					// Only a guard reaches it.
					if err := unix.Kill(pid, unix.SIGKILL); err != nil {
						t.Fatal(err)
					}
					continue
				}
				fd, err := unix.PidfdOpen(pid, 0)
				if err != nil {
					t.Fatalf("process %d: %v", pid, err)
				}
				defer unix.Close(fd)
				fds[pid] = fd
				if guard && test.killGuards {
					if err := unix.Kill(pid, unix.SIGKILL); err != nil {
						t.Fatal(err)
					}
				}
			}
			// An engine and a guard each, and the grandchild.
			want := 2*len(ownedEngines) + 1
			if test.killGuards {
				want--
			}
			if len(fds) != want {
				t.Fatalf("%d processes, want %d", len(fds), want)
			}
			if err := owner.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			for pid, fd := range fds {
				poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
				n, err := unix.Poll(poll, 20_000)
				for err == unix.EINTR {
					n, err = unix.Poll(poll, 20_000)
				}
				if err != nil || n != 1 {
					t.Errorf("process %d outlives its owner (%v): %s", pid, err, cmdline(pid))
					_ = unix.Kill(pid, unix.SIGKILL)
				}
			}
		})
	}
}

func cmdline(pid int) string {
	b, _ := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "cmdline"))
	return strings.ReplaceAll(string(b), "\x00", " ")
}

func isGuard(pid int) bool      { return strings.Contains(cmdline(pid), "kill -s KILL 0") }
func isGrandchild(pid int) bool { return strings.Contains(cmdline(pid), "-hold") }

// TestThreadExit ends threads of this process while engines run. The parent-death
// signal goes by threads: were an engine forked on one that ends, it would die.
func TestThreadExit(t *testing.T) {
	for range 20 {
		c := start(t, fake())
		// That the right thread ends is rare; what prevents it can be seen always.
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		for stack := range strings.SplitSeq(string(stacks), "\n\n") {
			if strings.Contains(stack, "(*Process).run(") && !strings.Contains(stack, "locked to thread") {
				t.Fatalf("the goroutine that forked is not tied to its thread:\n%s", stack)
			}
		}
		var wg sync.WaitGroup
		// As many as there are threads without work, and more.
		for range 20 {
			wg.Go(runtime.LockOSThread) // never unlocked: the thread ends with the goroutine
		}
		wg.Wait()
		// The end of a thread cannot be waited for; the moves give it some time.
		g := boardtest.Game(t, "")
		for range 20 {
			if err := g.Make(mustMove(t, c, g, engine.Limit{Depth: 1}).Move); err != nil {
				t.Fatal(err)
			}
		}
		wantNoError(t, c.Close())
	}
}

// TestEscapedGrandchild: a descendant that left the process group and holds the
// pipes cannot be killed, but does not hold up anything for long either.
func TestEscapedGrandchild(t *testing.T) {
	t.Parallel()
	mark := fmt.Sprintf("TRANSCEND_ENGINE_TEST_CASE=escape.%d", time.Now().UnixNano())
	defer func() {
		for _, pid := range processes(mark) {
			// It is no child of ours, so its end is observed, not reaped.
			fd, err := unix.PidfdOpen(pid, 0)
			if err != nil {
				continue
			}
			_ = unix.Kill(pid, unix.SIGKILL)
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000)
			unix.Close(fd)
		}
	}()
	for _, flags := range []string{"-grandchild -escape", "-grandchild -escape -crash go"} {
		cfg := fake(strings.Fields(flags)...)
		cfg.Env = append(cfg.Env, mark)
		c := start(t, cfg)
		_, err := c.Move(t.Context(), boardtest.Game(t, ""), engine.Limit{Depth: 1})
		if strings.Contains(flags, "crash") {
			wantCrash("search", 33)(t, err)
		} else {
			wantNoError(t, err)
		}
		wantNoError(t, c.Close())
		if len(processes(mark)) == 0 {
			t.Error("the grandchild did not escape: this tests nothing")
		}
	}
}

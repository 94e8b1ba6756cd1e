package process

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
)

// startCat runs cat, which lives until its input ends.
func startCat(t *testing.T) *Process {
	t.Helper()
	path, err := exec.LookPath("cat")
	if err != nil {
		t.Skip("needs cat")
	}
	p, err := Start(exec.Command(path), Limits{}, func(r io.Reader) { _, _ = io.Copy(io.Discard, r) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		<-p.Done
	})
	return p
}

// TestDescriptors: an engine inherits no pipe of another, or the death of that
// other would not be seen.
func TestDescriptors(t *testing.T) {
	engines := []*Process{startCat(t), startCat(t)}
	pipe := func(f *os.File) string {
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("pipe:[%d]", info.Sys().(*syscall.Stat_t).Ino)
	}
	owners := make(map[string]int) // of pipes: how many processes of the two groups hold it
	var groups []int
	for _, p := range engines {
		owners[pipe(p.Stdin)], owners[pipe(p.stdout)], owners[pipe(p.stderr)], owners[pipe(p.group.hold)] = 0, 0, 0, 0
		groups = append(groups, p.group.guard.Process.Pid)
	}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		group, err := syscall.Getpgid(pid)
		if err != nil || !slices.Contains(groups, group) {
			continue
		}
		fds, err := filepath.Glob(filepath.Join(dir, "fd", "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			target, _ := os.Readlink(fd)
			if _, ours := owners[target]; ours {
				owners[target]++
			}
		}
	}
	for pipe, n := range owners {
		if n != 1 {
			t.Errorf("%s is held by %d processes of the groups, want 1", pipe, n)
		}
	}
	for _, p := range engines {
		p.Stdin.Close()
		<-p.Done
		if !p.State.Success() {
			t.Errorf("it ended with %v", p.State)
		}
	}
}

package leaderboard

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestFullDisk fills a real file system of 300 KiB, where this process may
// mount one.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=300k"); err != nil {
		t.Skipf("mounting a small tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ctx := context.Background()
	path := filepath.Join(dir, "arena.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	m := simpleMatch(t, s)
	recorded := 0
	for ; recorded < 10000; recorded++ {
		if err = s.RecordGame(ctx, simpleGame(m, recorded)); err != nil {
			break
		}
	}
	t.Logf("after %d games: %v", recorded, err)
	if !errors.Is(err, ErrFull) && !errors.Is(err, ErrIO) || recorded == 0 {
		t.Errorf("full disk after %d games: %v", recorded, err)
	}
	if games := collect(t, s); len(games) != recorded {
		t.Errorf("%d games, %d were recorded", len(games), recorded)
	}
	// Closing cannot fold the log into the file either; nothing is lost by it.
	t.Log("close:", s.Close())
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=8m"); err != nil {
		t.Skipf("enlarging the tmpfs: %v", err)
	}
	s = mustOpen(t, path)
	if err := s.Check(ctx); err != nil {
		t.Error(err)
	}
	if games := collect(t, s); len(games) != recorded {
		t.Errorf("with space again: %d games, %d were recorded", len(games), recorded)
	}
	if err := s.RecordGame(ctx, simpleGame(m, recorded)); err != nil {
		t.Errorf("with space again: %v", err)
	}
	s.Close()
}

// TestReadOnlyDirectory runs as a user without rights, which root has to become
// first: the permissions of files do not bind root.
func TestReadOnlyDirectory(t *testing.T) {
	dir, err := os.MkdirTemp("", "leaderboard")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, d := range []string{"sealed", "fileonly"} {
			_ = os.Chmod(filepath.Join(dir, d), 0o755) // may not exist
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	sealed := filepath.Join(dir, "sealed")
	if err := os.Mkdir(sealed, 0o755); err != nil {
		t.Fatal(err)
	}
	filled(t, filepath.Join(sealed, "arena.db"), 2)
	fileonly := filepath.Join(dir, "fileonly")
	if err := os.Mkdir(fileonly, 0o777); err != nil {
		t.Fatal(err)
	}
	filled(t, filepath.Join(fileonly, "arena.db"), 2)
	// The binary goes where another user can run it.
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(dir, "helper")
	if err := os.WriteFile(exe, program, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{
		filepath.Join(sealed, "arena.db"): 0o666, sealed: 0o555, filepath.Join(fileonly, "arena.db"): 0o444, fileonly: 0o777, dir: 0o755,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(exe)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), helperVariable+"=readonly", "HELPER_DB="+dir)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil && errors.Is(err, syscall.EPERM) {
		t.Skipf("becoming another user: %v", err)
	}
	t.Logf("%s", out)
	if err != nil || !strings.Contains(string(out), "all as it should be") {
		t.Errorf("%v", err)
	}
}

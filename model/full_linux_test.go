package model

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestCheckpointOnAFullDisk saves a checkpoint where there is room for a part of it, a page
// more each time, so that every file of it fails once: nothing stays, the checkpoint before
// can be resumed, and with room enough the same trainer saves.
func TestCheckpointOnAFullDisk(t *testing.T) {
	const pages, page = 400, 4096
	root := t.TempDir()
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=1600k"); err != nil {
		t.Skipf("mounting a small tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(root, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	cfg := gradientConfigs[0]
	tr, err := NewTrainer(mustNew(t, cfg, 3), smallTrain, newSource(cfg, 4))
	if err != nil {
		t.Fatal(err)
	}
	mustStep(t, tr)
	files := map[string][]byte{"tokenizer.json": []byte(strings.Repeat("move ", 2000))}
	before := filepath.Join(root, CheckpointName(1))
	if err := tr.Save(before, files); err != nil {
		t.Fatal(err)
	}
	mustStep(t, tr)
	dir, ballast := filepath.Join(root, CheckpointName(2)), filepath.Join(root, "ballast")
	failed := map[string]bool{}
	for free := 0; ; free++ {
		if free == pages {
			t.Fatal("the disk is never large enough")
		}
		var room syscall.Statfs_t
		if err := syscall.Statfs(root, &room); err != nil {
			t.Fatal(err)
		}
		if fill := int(room.Bavail) - free; fill > 0 {
			if err := os.WriteFile(ballast, make([]byte, fill*page), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		err := tr.Save(dir, files)
		if err := os.Remove(ballast); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("%d pages free: %v", free, err)
		}
		for _, name := range []string{configFile, weightsFile, optimizerFile, trainerFile, "tokenizer.json"} {
			if strings.Contains(err.Error(), name) {
				failed[name] = true
			}
		}
		if entries, err := os.ReadDir(root); err != nil || len(entries) != 1 || entries[0].Name() != CheckpointName(1) {
			t.Fatalf("%d pages free: left behind %v, %v", free, entries, err)
		}
		if latest, err := LatestCheckpoint(root); err != nil || latest != before {
			t.Fatalf("%d pages free: the latest is %s, %v", free, latest, err)
		}
	}
	if len(failed) != 5 {
		t.Errorf("the disk was full at %v, want each file once", failed)
	}
	for _, path := range []string{before, dir} {
		if _, err := resume(path, cfg); err != nil {
			t.Error(err)
		}
	}
}

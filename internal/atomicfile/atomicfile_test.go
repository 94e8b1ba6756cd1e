package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

var errFill = errors.New("no more")

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestWriteFileReplacesOrLeavesAlone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	if err := WriteBytes(path, 0o644, []byte("old")); err != nil {
		t.Fatal(err)
	}
	err := WriteFile(path, 0o644, func(w io.Writer) error {
		io.WriteString(w, "half of the n")
		return errFill
	})
	if !errors.Is(err, errFill) {
		t.Fatalf("error = %v, want the writer's", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "old" {
		t.Fatalf("content after a failed write = %q, want the old one", b)
	}
	if err := WriteBytes(path, 0o640, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); string(b) != "new" {
		t.Fatalf("content = %q, want new", b)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o640 {
		t.Fatalf("mode = %v, want 0640", info.Mode().Perm())
	}
	if got := names(t, dir); len(got) != 1 {
		t.Fatalf("files left = %v, want a.txt alone", got)
	}
}

func TestWriteDirIsAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "checkpoint")
	err := WriteDir(path, func(d string) error {
		os.WriteFile(filepath.Join(d, "one"), []byte("1"), 0o644)
		return errFill
	})
	if !errors.Is(err, errFill) {
		t.Fatalf("error = %v, want the filler's", err)
	}
	if got := names(t, dir); len(got) != 0 {
		t.Fatalf("left after a failure: %v", got)
	}
	fill := func(d string) error { return os.WriteFile(filepath.Join(d, "one"), []byte("1"), 0o644) }
	if err := WriteDir(path, fill); err != nil {
		t.Fatal(err)
	}
	if err := WriteDir(path, fill); !errors.Is(err, os.ErrExist) {
		t.Fatalf("writing over a directory: %v, want ErrExist", err)
	}
	if got := names(t, path); len(got) != 1 || got[0] != "one" {
		t.Fatalf("files = %v", got)
	}
}

func TestRemoveTemporariesTakesOnlyItsOwn(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"checkpoint-1.tmp-77", "checkpoint-1", "other.tmp-3"} {
		if err := os.Mkdir(filepath.Join(dir, n), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := RemoveTemporaries(dir, "checkpoint-"); err != nil {
		t.Fatal(err)
	}
	got := names(t, dir)
	if len(got) != 2 || got[0] != "checkpoint-1" || got[1] != "other.tmp-3" {
		t.Fatalf("left = %v", got)
	}
}

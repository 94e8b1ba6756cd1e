package analysis

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestJournal(t *testing.T) {
	dir := t.TempDir()
	settings := map[string]any{"seed": 1}
	open := func() *Journal {
		t.Helper()
		j, err := OpenJournal(dir, settings)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	j := open()
	for i, key := range []string{"a", "b", "a"} {
		if err := j.Put(key, i); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OpenJournal(dir, settings); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second one at work: %v", err)
	}
	other, err := OpenJournal(dir, map[string]any{"seed": 2})
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := other.Get("a", new(int)); ok || err != nil {
		t.Errorf("other settings have the parts of these: %v", err)
	}
	other.Close()
	j.Close()

	// Killed in the middle of a line.
	files, _ := filepath.Glob(filepath.Join(dir, "work-*.jsonl"))
	if len(files) != 2 {
		t.Fatalf("files %v", files)
	}
	path := j.path
	b, _ := os.ReadFile(path)
	if err := os.WriteFile(path, append(b, `{"key":"c","val`...), 0o644); err != nil {
		t.Fatal(err)
	}
	j = open()
	var a, c int
	if ok, err := j.Get("a", &a); !ok || err != nil || a != 2 {
		t.Errorf("a is %d, %v, %v", a, ok, err)
	}
	if ok, _ := j.Get("c", &c); ok {
		t.Error("half a line counts")
	}
	if err := j.Put("c", 7); err != nil {
		t.Fatal(err)
	}
	j.Close()
	j = open()
	if ok, err := j.Get("c", &c); !ok || err != nil || c != 7 {
		t.Errorf("c is %d, %v, %v", c, ok, err)
	}
	if _, err := j.Get("c", &struct{}{}); err == nil {
		t.Error("a value of another kind is no error")
	}
	j.Close()

	if err := os.WriteFile(path, []byte("garbage\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenJournal(dir, settings); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("garbage: %v", err)
	}
}

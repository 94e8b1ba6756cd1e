package uci

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"transcend/engine"
)

func TestFind(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("programs are told by their names on Windows")
	}
	inPath, wellKnown, cwd := t.TempDir(), t.TempDir(), t.TempDir()
	program := func(dir, name string, mode fs.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("PATH", inPath)
	t.Chdir(cwd)
	first := program(inPath, "one", 0o755)
	program(wellKnown, "one", 0o755)
	second := program(wellKnown, "two", 0o755)
	program(wellKnown, "plain", 0o644)
	here := program(cwd, "here", 0o755)

	for name, want := range map[string]string{"one": first, "two": second, second: second, "./here": here} {
		got, err := find(name, []string{"/nonexistent", wellKnown})
		// The directories may be reached by a symbolic link.
		gotReal, _ := filepath.EvalSymlinks(got)
		wantReal, _ := filepath.EvalSymlinks(want)
		if err != nil || gotReal != wantReal || !filepath.IsAbs(got) {
			t.Errorf("%s: %s, %v, want %s", name, got, err, want)
		}
	}
	// What lies in the current directory is no command, and what cannot be run is
	// none either.
	for _, name := range []string{"here", "plain", "three", "./three"} {
		got, err := find(name, []string{wellKnown})
		var missing *NotFoundError
		if !errors.As(err, &missing) || !errors.Is(err, fs.ErrNotExist) || engine.FailureOf(err) != engine.Setup {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	if _, err := find("", nil); err == nil {
		t.Error("an empty name is found")
	}
	_, err := find("stockfish", []string{wellKnown})
	var missing *NotFoundError
	if !errors.As(err, &missing) {
		t.Fatal(err)
	}
	for _, part := range []string{"apt install stockfish", "brew install stockfish", "https://stockfishchess.org/download/"} {
		if !strings.Contains(missing.Hint(), part) {
			t.Errorf("the hint %q does not say %q", missing.Hint(), part)
		}
	}
	if !strings.Contains(err.Error(), wellKnown) {
		t.Errorf("%q does not say where was looked", err)
	}
	for _, goos := range []string{"linux", "darwin", "windows"} {
		if len(wellKnownDirs(goos)) == 0 {
			t.Errorf("nowhere to look on %s", goos)
		}
	}
}

func TestHashFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("abc"), 0o644); err != nil {
		t.Fatal(err)
	}
	// FIPS 180-2, appendix B.1.
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if got, err := hashFile(path); got != want || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := hashFile(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

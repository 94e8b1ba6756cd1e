// Package realgames is for tests: it finds the real games, which are not part of the repository.
package realgames

import (
	"os"
	"path/filepath"
	"testing"
)

// Dir is the directory of the real games, shared/data beside the repository. It skips the test
// where there are none.
func Dir(t testing.TB) string {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(root)
		if up == root {
			t.Skip("no go.mod above the test, so no place to look for real games")
		}
		root = up
	}
	dir := filepath.Join(filepath.Dir(root), "shared", "data")
	if _, err := os.Stat(filepath.Join(dir, "lichess")); err != nil {
		t.Skip("no real games: ../shared/data is not there")
	}
	return dir
}

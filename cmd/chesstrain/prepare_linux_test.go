package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"transcend/cmd/internal/commandtest"
	"transcend/internal/cli"
)

// endless serves a month that is a file many times over, in one zstd stream after the
// other.
func endless(t *testing.T, file []byte, times int) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".txt") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(file)*times))
		for range times {
			if _, err := w.Write(file); err != nil {
				return
			}
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// TestPrepareMemory streams a hundred megabytes and more through prepare, in a process
// of its own. What it needs at most must not depend on the length of the stream, be the
// games dropped or kept.
func TestPrepareMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("streams a gigabyte of text")
	}
	file, _ := month()
	peak := func(t *testing.T, times int, flags ...string) int64 {
		t.Helper()
		s := endless(t, file, times)
		out := filepath.Join(t.TempDir(), "x.parquet")
		cmd := commandtest.Command("", append([]string{"prepare", "--lichess", "2023-01", "--lichess-url", s.URL, "--out", out}, flags...)...)
		cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool {
			return strings.HasPrefix(v, "GOMEMLIMIT=") || strings.HasPrefix(v, "GOGC=")
		})
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, cmd.Stderr)
		}
		text := fmt.Sprint(cmd.Stdout, cmd.Stderr)
		rss := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
		t.Logf("%4d MB of zstd, %v: at most %d MB\n%s", len(file)*times>>20, flags, rss>>20, text)
		return rss
	}
	for _, test := range []struct {
		name         string
		short, times int // bytes of the streams
		flags        []string
	}{
		// All games of the first copy are kept, those of the others are found again.
		{"duplicates", 10 << 20, 30 << 20, nil},
		{"dropped by their tags", 20 << 20, 100 << 20, []string{"--result", "1/2-1/2"}},
		// The short stream fills a row group already.
		{"kept", 20 << 20, 40 << 20, []string{"--keep-duplicates"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			few := peak(t, test.short/len(file), test.flags...)
			many := peak(t, test.times/len(file), test.flags...)
			if many > few+few/4+(32<<20) || many > 400<<20 {
				t.Errorf("%d MB for the longer stream, %d MB for the shorter one", many>>20, few>>20)
			}
		})
	}
}

// TestKilledPrepare kills prepare in the middle of a download: the old file, if there
// is one, is as it was, and the next prepare clears away what is left.
func TestKilledPrepare(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the command")
	}
	file, maxElo := month()
	dir := t.TempDir()
	out := filepath.Join(dir, "x.parquet")
	reached := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write(file)
		close(reached)
		<-r.Context().Done()
	}))
	defer s.Close()
	if err := os.WriteFile(out, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"prepare", "--lichess", "2023-01", "--max-elo", maxElo, "--out", out, "--force"}
	cmd := commandtest.Command("", append(args, "--lichess-url", s.URL)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-reached
	// Somebody else who wants the same file is told so.
	if code, _, errs := command(t, "", append(args, "--lichess-url", s.URL)...); code != cli.ExitFailure || !strings.Contains(errs, "another chesstrain prepare is making") {
		t.Errorf("exit %d: %s", code, errs)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if b, err := os.ReadFile(out); err != nil || string(b) != "old" {
		t.Fatalf("the old file is %d bytes: %v", len(b), err)
	}
	good := endless(t, file, 1)
	if code, _, errs := command(t, "", append(args, "--lichess-url", good.URL)...); code != cli.ExitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	same(t, mustRead(t, out), local(t))
	noFileBut(t, dir, "x.parquet")
}

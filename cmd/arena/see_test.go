package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"transcend/cmd/arena/internal/testdb"
	"transcend/engine/arena"
	"transcend/internal/cli"
)

func TestWatchOnce(t *testing.T) {
	db, _, _ := testdb.Open(t)
	var out, errs bytes.Buffer
	if code := execute(context.Background(), nil, &out, &errs, []string{"watch", "--once", "--db", db}); code != cli.ExitOK {
		t.Fatalf("%d %s", code, errs.String())
	}
	for _, want := range []string{"6 games, 1 in play", "CCRL Blitz", "+2 =0 -4", "1.5  model", "4 . . . . P . . .", "5 . . . . p<. . .", "1... e5  -0.35"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.ContainsRune(out.String(), '\x1b') {
		t.Error("a name moved the cursor")
	}
}

// TestWatchInAPipe: it ends when no game is in play, or, with --follow, when it is stopped.
func TestWatchInAPipe(t *testing.T) {
	db, store, match := testdb.Open(t)
	ctx := context.Background()
	live, err := store.Live(ctx)
	if err != nil || len(live) != 1 {
		t.Fatalf("%d games in play, %v", len(live), err)
	}
	if err := store.Release(ctx, live[0].Arena, 0, 0); err != nil {
		t.Fatal(err)
	}
	testdb.Add(t, store, match, 60)
	var out, errs bytes.Buffer
	if code := execute(ctx, nil, &out, &errs, []string{"watch", "--db", db, "--interval", "50ms"}); code != cli.ExitOK || strings.Count(out.String(), "\n") != 8 {
		t.Errorf("exit %d\n%s%s", code, out.String(), errs.String())
	}
	stopped, stop := context.WithTimeout(ctx, arena.MaxPause+arena.MaxPause/2)
	defer stop()
	if code := execute(stopped, nil, io.Discard, &errs, []string{"watch", "--db", db, "--interval", "50ms", "--follow"}); code != cli.ExitOK || stopped.Err() == nil {
		t.Errorf("--follow ended by itself: exit %d %s", code, errs.String())
	}
}

// TestServe starts the server as a user does, asks for pages, and stops it.
func TestServe(t *testing.T) {
	db, _, _ := testdb.Open(t)
	ctx, stop := context.WithCancel(context.Background())
	r, w := io.Pipe()
	var errs bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- execute(ctx, nil, w, &errs, []string{"serve", "--db", db, "--listen", "127.0.0.1:0", "--models", t.TempDir()})
		w.Close()
	}()
	var path, is, at, address string
	if _, err := fmt.Fscan(r, &path, &is, &at, &address); err != nil || path != db || !strings.HasPrefix(address, "http://127.0.0.1:") {
		t.Fatalf("printed %q %q %v; %s", path, address, err, errs.String())
	}
	go io.Copy(io.Discard, r)
	for page, want := range map[string]string{"": "6 games", "live": "1... e5", "game/1/1?choices=1": "no checkpoint with its weights (c0ffee…) was found in"} {
		answer, err := http.Get(address + page)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != 200 || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %v, no %q", page, answer.StatusCode, err, want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	if code := <-done; code != cli.ExitOK {
		t.Errorf("stopped with %d: %s", code, errs.String())
	}
}

func TestReportCommand(t *testing.T) {
	db, _, _ := testdb.Open(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "report.html")
	var stdout, stderr bytes.Buffer
	args := []string{"report", "--db", db, "--out", out, "--models", dir, "--title", "a <title>"}
	if code := execute(context.Background(), nil, &stdout, &stderr, args); code != cli.ExitOK {
		t.Fatalf("%d %s", code, stderr.String())
	}
	b, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(b), "a &lt;title&gt;") || strings.Count(string(b), `class="gamefold"`) != 6 {
		t.Errorf("%v, %d bytes", err, len(b))
	}
	if code := execute(context.Background(), nil, &stdout, &stderr, []string{"report", "--db", db, "--out", "-", "--games", "2", "-q"}); code != cli.ExitOK || strings.Count(stdout.String(), `class="gamefold"`) != 2 {
		t.Errorf("%d, %s", code, stderr.String())
	}
	// A report that cannot be finished leaves the old one.
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if code := execute(canceled, nil, &stdout, &stderr, args); code == cli.ExitOK {
		t.Error("finished although it was stopped")
	}
	if again, err := os.ReadFile(out); err != nil || !bytes.Equal(again, b) {
		t.Error("the old report is gone", err)
	}
}

func TestConcurrencyCommand(t *testing.T) {
	db, store, _ := testdb.Open(t)
	var out bytes.Buffer
	if code := execute(context.Background(), nil, &out, &out, []string{"concurrency", "4", "--db", db}); code != cli.ExitOK || !strings.Contains(out.String(), "asked 1 arena for 4 games at once") {
		t.Errorf("exit %d %s", code, out.String())
	}
	if b, err := os.ReadFile(db + "-concurrency"); err != nil || string(b) != "4\n" {
		t.Errorf("%q, %v", b, err)
	}
	live, err := store.Live(context.Background())
	if err != nil || len(live) != 1 {
		t.Fatal(err)
	}
	if err := store.Release(context.Background(), live[0].Arena, 0, 0); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if code := execute(context.Background(), nil, &out, &out, []string{"concurrency", "4", "--db", db}); code != cli.ExitFailure || !strings.Contains(out.String(), "no arena plays") {
		t.Errorf("exit %d %s", code, out.String())
	}
}

func TestSeeUsage(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.db")
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"serve", "--help"}, cli.ExitOK, "arena serve --db results.db"},
		{[]string{"report", "--help"}, cli.ExitOK, "arena report --db"},
		{[]string{"watch", "--help"}, cli.ExitOK, "arena watch --once"},
		{[]string{"serve", "--db", missing}, cli.ExitFailure, "play some games first"},
		{[]string{"report", "--db", missing}, cli.ExitFailure, "play some games first"},
		{[]string{"watch", "--db", missing}, cli.ExitFailure, "play some games first"},
		{[]string{"serve", "--listen", "8017"}, cli.ExitUsage, "an address is HOST:PORT"},
		{[]string{"serve", "my board.db"}, cli.ExitUsage, "arena serve --db 'my board.db'"},
		{[]string{"watch", "board.db"}, cli.ExitUsage, "arena watch --db board.db"},
		{[]string{"uci-check", "stockfish"}, cli.ExitUsage, "arena uci-check --engine stockfish"},
		{[]string{"uci-check", "--engine", "x", "more"}, cli.ExitUsage, "with --arg"},
		{[]string{"stockfish"}, cli.ExitUsage, "arena --engine stockfish"},
		{[]string{"report", "--games", "-1"}, cli.ExitUsage, "negative"},
		{[]string{"watch", "--interval", "1ms"}, cli.ExitUsage, "at least 50ms"},
		{[]string{"watch", "--once", "--json"}, cli.ExitUsage, "exclude each other"},
		{[]string{"watch", "--once", "--follow"}, cli.ExitUsage, "--once shows the moment"},
		{[]string{"concurrency"}, cli.ExitUsage, "arena concurrency 4"},
		{[]string{"concurrency", "many"}, cli.ExitUsage, "from 1 to"},
		{[]string{"concurrency", "0"}, cli.ExitUsage, "from 1 to"},
		{[]string{"concurrency", "4", "--db", missing}, cli.ExitFailure, "play some games first"},
		{[]string{"serve", "--anchors", "paper-cod"}, cli.ExitUsage, "did you mean"},
	} {
		var out bytes.Buffer
		if code := execute(context.Background(), nil, &out, &out, test.args); code != test.code || !strings.Contains(out.String(), test.want) {
			t.Errorf("%v: %d %s", test.args, code, out.String())
		}
	}
}

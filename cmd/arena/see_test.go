package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"transcend/analysis/checkpoint"
	"transcend/elo/curves"
	"transcend/elo/leaderboard"
	"transcend/engine"
	"transcend/internal/bitboard"
	"transcend/internal/cli"
)

// seen is a database for the commands that show one: some games, one in play,
// and a name that would move the cursor.
func seen(t *testing.T) (path string, store *leaderboard.Store, match int64) {
	t.Helper()
	ctx := context.Background()
	path = filepath.Join(t.TempDir(), "arena.db")
	store, err := leaderboard.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	m := leaderboard.Match{Openings: "startpos", OpponentLimit: "nodes 1", Seed: 1}
	if m.PlayerID, err = store.EnsurePlayer(ctx, leaderboard.Player{Name: "model \x1b[2J\x1b[31m 棋 T=0.1", Spec: map[string]string{"kind": "model", "weights": "c0ffee", "temperature": "0.1", "tokenizer": "move"}}); err != nil {
		t.Fatal(err)
	}
	if m.OpponentID, err = store.EnsurePlayer(ctx, leaderboard.Player{Name: "Stockfish 17.1 level 1", Spec: map[string]string{"kind": "uci", "name": "Stockfish 17.1", "option.Skill Level": "1"}}); err != nil {
		t.Fatal(err)
	}
	if match, err = store.EnsureMatch(ctx, m); err != nil {
		t.Fatal(err)
	}
	for slot := range 6 {
		addGame(t, store, match, slot)
	}
	if ok, err := store.Claim(ctx, "this", match, 100, true); !ok || err != nil {
		t.Fatal(ok, err)
	}
	e4, e5 := uint16(12|28<<6), uint16(52|36<<6)
	if err := store.Refresh(ctx, "this", []leaderboard.Live{{MatchID: match, Slot: 100, PlayerWhite: true, Moves: []uint16{e4, e5}, Evals: []leaderboard.Eval{{Ply: 1, Centipawns: 35}}}}); err != nil {
		t.Fatal(err)
	}
	return path, store, match
}

func addGame(t *testing.T, store *leaderboard.Store, match int64, slot int) {
	t.Helper()
	g := leaderboard.Game{MatchID: match, Slot: slot, PlayerWhite: true, Result: "0-1", Termination: "illegal move", LossCause: leaderboard.LostIllegal,
		Moves: []uint16{12 | 28<<6, 52 | 36<<6}, MoveText: "e2e4 e7e5", Attempts: 6, Illegal: 5, PlayerMoves: 2, Details: []byte(`{"illegal_texts":["e1e8"]}`)}
	if slot%3 == 0 {
		g.Result, g.LossCause, g.Termination = "1-0", leaderboard.NotLost, "checkmate"
	}
	if err := store.RecordGame(context.Background(), g); err != nil {
		t.Fatal(err)
	}
}

func TestWatchOnce(t *testing.T) {
	db, _, _ := seen(t)
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

// TestWatchFrames: whatever the terminal's size, nothing is wider or higher.
func TestWatchFrames(t *testing.T) {
	db, _, _ := seen(t)
	store, err := leaderboard.OpenReadOnly(db)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	w := &watcher{store: store, anchors: leaderboard.DefaultAnchors, began: time.Now()}
	for _, s := range []screen{{width: 80, height: 24}, {width: 20, height: 5}, {width: 200, height: 60}, {width: 38, height: 90}} {
		lines, err := w.frame(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		if len(lines) >= s.height {
			t.Errorf("%d lines on a screen of %d", len(lines), s.height)
		}
		for _, line := range lines {
			if n := runewidth.StringWidth(line); n > s.width {
				t.Errorf("%d columns on a screen of %d: %q", n, s.width, line)
			}
		}
		boards := strings.Count(strings.Join(lines, "\n"), "8 r n b q k b n r")
		if want := map[bool]int{true: 1, false: 0}[s.height >= 24]; boards != want {
			t.Errorf("%d boards on %+v", boards, s)
		}
	}
	colored, err := w.frame(context.Background(), screen{width: 80, height: 40, color: true})
	if err != nil || !strings.Contains(strings.Join(colored, ""), "\x1b[48;5;179;38;5;16m♟ ") {
		t.Error("the last move is not marked", err)
	}
}

// TestWatchLines: in a pipe a finished game is a line, each once and in order.
func TestWatchLines(t *testing.T) {
	db, store, match := seen(t)
	reader, err := leaderboard.OpenReadOnly(db)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	w := &watcher{store: reader, anchors: leaderboard.DefaultAnchors}
	ctx := context.Background()
	var out bytes.Buffer
	look := func(asJSON bool) string {
		t.Helper()
		out.Reset()
		if _, err := w.lines(ctx, &out, asJSON); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if err := w.begin(ctx, &out, false, false); err != nil || out.String() != db+": 6 games\n" {
		t.Errorf("at first %q, %v", out.String(), err)
	}
	if got := look(false); strings.Count(got, "\n") != 6 || !strings.HasPrefix(got, "1.0 ") {
		t.Errorf("of the past %q", got)
	}
	if got := look(false); got != "" {
		t.Errorf("nothing new, and %q", got)
	}
	for slot := 10; slot < 22; slot++ {
		addGame(t, store, match, slot)
	}
	lines := strings.Split(strings.TrimSpace(look(false)), "\n")
	if len(lines) != 12 || !strings.HasPrefix(lines[0], "1.10  model ?[2J?[31m 棋 T=0.1 - Stockfish 17.1 level 1  0-1  illegal move, 1 moves") || !strings.HasPrefix(lines[11], "1.21 ") {
		t.Errorf("%q", lines)
	}
	addGame(t, store, match, 50)
	var object struct {
		Slot        int
		Moves       string
		Termination string
	}
	if got := look(true); json.Unmarshal([]byte(got), &object) != nil || object.Slot != 50 || object.Moves != "e2e4 e7e5" {
		t.Errorf("%q", got)
	}
	if _, err := w.lines(ctx, failing{}, false); err != nil {
		t.Error(err) // nothing to write
	}
	addGame(t, store, match, 51)
	if _, err := w.lines(ctx, failing{}, false); err == nil {
		t.Error("a closed pipe is no error")
	}
	late := &watcher{store: reader, anchors: leaderboard.DefaultAnchors}
	out.Reset()
	if err := late.begin(ctx, &out, true, true); err != nil || out.Len() != 0 {
		t.Errorf("--new began with %q, %v", out.String(), err)
	}
	if _, err := late.lines(ctx, &out, true); err != nil || out.Len() != 0 {
		t.Errorf("--new wrote games of the past: %q, %v", out.String(), err)
	}
}

// TestWatchEnds: in a pipe it goes on while a game is in play and ends when none has
// been for a moment; what a killed arena left becomes stale.
func TestWatchEnds(t *testing.T) {
	db, store, match := seen(t)
	w := &watcher{store: store, anchors: leaderboard.DefaultAnchors}
	ctx := context.Background()
	over := func() bool {
		t.Helper()
		over, err := w.lines(ctx, io.Discard, false)
		if err != nil {
			t.Fatal(err)
		}
		return over
	}
	if over() || !w.idle.IsZero() {
		t.Error("it ends although a game is in play")
	}
	live, err := store.Live(ctx)
	if err != nil || len(live) != 1 {
		t.Fatalf("%d games in play, %v", len(live), err)
	}
	if err := store.Release(ctx, live[0].Arena, 0, 0); err != nil {
		t.Fatal(err)
	}
	if over() || w.idle.IsZero() {
		t.Error("it ends between two games")
	}
	w.idle = time.Now().Add(-restless)
	addGame(t, store, match, 60)
	if over() {
		t.Error("it ends although a game has just ended")
	}
	w.idle = time.Now().Add(-restless)
	if !over() {
		t.Error("it does not end")
	}
	// The command itself.
	var out, errs bytes.Buffer
	if code := execute(ctx, nil, &out, &errs, []string{"watch", "--db", db, "--interval", "50ms"}); code != cli.ExitOK || strings.Count(out.String(), "\n") != 8 {
		t.Errorf("exit %d\n%s%s", code, out.String(), errs.String())
	}
	stopped, stop := context.WithTimeout(ctx, restless+restless/2)
	defer stop()
	if code := execute(stopped, nil, io.Discard, &errs, []string{"watch", "--db", db, "--interval", "50ms", "--follow"}); code != cli.ExitOK || stopped.Err() == nil {
		t.Errorf("--follow ended by itself: exit %d %s", code, errs.String())
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("closed") }

// TestServe starts the server as a user does, asks for pages, and stops it.
func TestServe(t *testing.T) {
	db, _, _ := seen(t)
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
	db, _, _ := seen(t)
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
	db, store, _ := seen(t)
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
		{[]string{"serve", "more"}, cli.ExitUsage, "unexpected argument"},
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

// TestCheckpointsByHash: a model is found by its weights and by nothing else.
func TestCheckpointsByHash(t *testing.T) {
	root := t.TempDir()
	writeRun(t, root, "first", 1, 1300)
	weights := writeRun(t, root, "second", 2, 1700)
	if err := os.MkdirAll(filepath.Join(root, "broken", "checkpoint-1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "broken", "checkpoint-1", "model.safetensors"), []byte("no"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := newCheckpoints([]string{root, filepath.Join(root, "missing")})
	if err != nil {
		t.Fatal(err)
	}
	p := leaderboard.Player{Spec: map[string]string{"kind": "model", "weights": weights, "temperature": "0.5", "tokenizer": "move"}}
	ctx := context.Background()
	if n := c.Cap(p); n != 0 {
		t.Errorf("a cap of %d before it was found", n)
	}
	choices, err := c.Choices(ctx, p, []bitboard.Move{12 | 28<<6}, []int{0})
	if err != nil || len(choices) != 1 || choices[0].Played == nil || len(choices[0].Top) != topChoices {
		t.Errorf("%+v, %v", choices, err)
	}
	if n := c.Cap(p); n != 1700 {
		t.Errorf("a cap of %d, want 1700", n)
	}
	p.Spec[curves.SpecCap] = "1450"
	if n := c.Cap(p); n != 1450 {
		t.Errorf("a cap of %d, its spec says 1450", n)
	}
	for key, value := range map[string]string{"weights": "other", "temperature": "hot", "tokenizer": "char"} {
		q := leaderboard.Player{Spec: map[string]string{"kind": "model", "weights": weights, "temperature": "0.5", "tokenizer": "move"}}
		q.Spec[key] = value
		if _, err := c.Choices(ctx, q, nil, []int{0}); err == nil {
			t.Errorf("%s %s was answered", key, value)
		}
	}
}

// writeRun writes a run with one checkpoint and returns the hash of its weights.
func writeRun(t *testing.T, root, name string, seed uint64, maxElo int) string {
	t.Helper()
	if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
		t.Fatal(err)
	}
	m, _, err := checkpoint.Load(writeModelFrom(t, filepath.Join(root, name), seed))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, name, "run.json"), fmt.Appendf(nil, `{"max_elo": %d, "other": {}}`, maxElo), 0o644); err != nil {
		t.Fatal(err)
	}
	return engine.HashWeights(m)
}

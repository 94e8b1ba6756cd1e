package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"transcend/cmd/arena/internal/testdb"
	"transcend/elo/leaderboard"
	"transcend/engine/arena"
)

// TestWatchFrames: whatever the terminal's size, nothing is wider or higher.
func TestWatchFrames(t *testing.T) {
	db, _, _ := testdb.Open(t)
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
	db, store, match := testdb.Open(t)
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
		testdb.Add(t, store, match, slot)
	}
	lines := strings.Split(strings.TrimSpace(look(false)), "\n")
	if len(lines) != 12 || !strings.HasPrefix(lines[0], "1.10  model ?[2J?[31m 棋 T=0.1 - Stockfish 17.1 level 1  0-1  illegal move, 1 moves") || !strings.HasPrefix(lines[11], "1.21 ") {
		t.Errorf("%q", lines)
	}
	testdb.Add(t, store, match, 50)
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
	testdb.Add(t, store, match, 51)
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
	_, store, match := testdb.Open(t)
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
	w.idle = time.Now().Add(-arena.MaxPause)
	testdb.Add(t, store, match, 60)
	if over() {
		t.Error("it ends although a game has just ended")
	}
	w.idle = time.Now().Add(-arena.MaxPause)
	if !over() {
		t.Error("it does not end")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("closed") }

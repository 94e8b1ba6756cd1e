package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestPlayingStops: players stop when nobody reads their games, and when the command is interrupted.
func TestPlayingStops(t *testing.T) {
	defer goleak.VerifyNone(t)
	l := &League{Games: 100_000_000, Seed: 1, MaxGap: 200}
	if err := l.check(); err != nil {
		t.Fatal(err)
	}
	for _, interrupted := range []bool{false, true} {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		r, err := l.source(ctx, 2).open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		if interrupted {
			cancel()
			if _, err := io.Copy(io.Discard, r); !errors.Is(err, context.Canceled) {
				t.Errorf("the games end with %v", err)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestPlayingWithin: no more games are played after a time.
func TestPlayingWithin(t *testing.T) {
	l := &League{Games: 100_000_000, Seed: 1, MaxGap: 200, Within: 1}
	if err := l.check(); err != nil {
		t.Fatal(err)
	}
	s := l.source(context.Background(), 2)
	r, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if _, line := s.line(0, 0, 1); err != nil || !strings.Contains(line, " 1 of 100,000,000 games played") || strings.Count(string(text), "[Event ") != 1 {
		t.Errorf("%s, %v: %.1000s", line, err, text)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestPlayingShowsProgress(t *testing.T) {
	l := &League{Pool: "club", Games: 200, Seed: 1, MaxGap: 200}
	if err := l.check(); err != nil {
		t.Fatal(err)
	}
	p := newProgress(new(bytes.Buffer))
	p.sources = []*source{{line: func(kept, limit int64, seconds float64) (float64, string) { return l.line(50, kept, limit, seconds) }}}
	p.games(48, 30)
	share, line := p.line(10 * time.Second)
	if share != 0.25 || line != "pool club  50 of 200 games played, 30 kept  5 games/s  left 30s" {
		t.Errorf("%v %q", share, line)
	}
}

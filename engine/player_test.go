package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"transcend/internal/bitboard"
)

// TestLimits: what bounds a search, for whom, and what is no limit.
func TestLimits(t *testing.T) {
	for _, test := range []struct {
		limit        Limit
		white, black time.Duration // 0: no time
		say          string        // of Validate
	}{
		{Limit{MoveTime: 5}, 5, 5, ""},
		{Limit{Nodes: 7}, 0, 0, ""},
		{Limit{Depth: 7}, 0, 0, ""},
		{Limit{White: 9, Black: 4}, 9, 4, ""},
		{Limit{White: 9, Black: 4, MoveTime: 6}, 6, 4, ""},
		{Limit{}, 0, 0, "needs a move time"},
		{Limit{White: 9}, 9, 0, "needs a move time"},
		{Limit{Black: 9, WhiteInc: 1}, 0, 9, "needs a move time"},
		{Limit{MoveTime: -5}, 0, 0, "negative"},
		{Limit{Nodes: 1, MovesToGo: -1}, 0, 0, "negative"},
		{Limit{Depth: 1, WhiteInc: -1}, 0, 0, "negative"},
	} {
		err := test.limit.Validate()
		if (err == nil) != (test.say == "") || err != nil && !strings.Contains(err.Error(), test.say) {
			t.Errorf("%+v: %v, want %q", test.limit, err, test.say)
		}
		for side, want := range map[bitboard.Color]time.Duration{bitboard.White: test.white, bitboard.Black: test.black} {
			if got, ok := test.limit.Budget(side); got != want || ok != (want > 0) {
				t.Errorf("%+v for %v: %v, %v, want %v", test.limit, side, got, ok, want)
			}
		}
	}
}

// TestSearchTime: a simulated player uses a part of its own clock, never more than half.
func TestSearchTime(t *testing.T) {
	start := time.Unix(1000, 0)
	for _, test := range []struct {
		limit Limit
		side  bitboard.Color
		want  time.Duration
	}{
		{Limit{MoveTime: 40 * time.Millisecond}, bitboard.White, 40 * time.Millisecond},
		{Limit{White: 30 * time.Second, Black: time.Second}, bitboard.White, time.Second},
		{Limit{White: 30 * time.Second, Black: 3 * time.Second}, bitboard.Black, 100 * time.Millisecond},
		{Limit{White: 30 * time.Second, Black: 3 * time.Second, WhiteInc: 4 * time.Second}, bitboard.Black, 100 * time.Millisecond},
		{Limit{White: 30 * time.Second, Black: 3 * time.Second, BlackInc: 400 * time.Millisecond}, bitboard.Black, 400 * time.Millisecond},
		{Limit{White: 30 * time.Second, Black: time.Second, MovesToGo: 9}, bitboard.White, 3 * time.Second},
		{Limit{White: 30 * time.Second, Black: time.Second, MovesToGo: 1}, bitboard.White, 15 * time.Second},
		{Limit{White: time.Second, Black: time.Second, WhiteInc: time.Minute}, bitboard.White, 500 * time.Millisecond},
	} {
		if got := searchOptions(test.limit, test.side, start).Deadline.Sub(start); got != test.want {
			t.Errorf("%+v for %v: %v, want %v", test.limit, test.side, got, test.want)
		}
	}
	if o := searchOptions(Limit{Depth: 3, Nodes: 9}, bitboard.White, start); !o.Deadline.IsZero() || o.Depth != 3 || o.Nodes != 9 {
		t.Errorf("without a time: %+v", o)
	}
}

// TestErrorsInWords: what an engine last said is in the message, and a start that times out
// comes with what it is mostly due to.
func TestErrorsInWords(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, test := range []struct {
		err  error
		want string
	}{
		{&CrashError{Player: "P", During: "search", Status: "exit status 3", LastLine: "info", Stderr: "first\nout of memory\n"}, `engine: P: crashed (search): exit status 3; it complained: "out of memory"`},
		{&CrashError{Player: "P", During: "idle", Status: "signal: killed", LastLine: "info depth 3"}, `crashed (idle): signal: killed; its last line was "info depth 3"`},
		{&CrashError{Player: "P", During: "search", ClosedOutput: true}, "closed its standard output and kept running (search)"},
		{&TimeoutError{Player: "P", During: "search", Limit: time.Second, Stalled: true, LastLine: long}, "no answer (search) within 1s, killed; its last line was \"" + long[:200] + "...\""},
		{&TimeoutError{Player: "P", During: "search", Limit: time.Second, Elapsed: 1500 * time.Millisecond}, "late (search): 1.5s instead of 1s"},
	} {
		if got := test.err.Error(); !strings.HasSuffix(got, test.want) {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
	if (&TimeoutError{During: "uci"}).Hint() == "" || (&TimeoutError{During: "search"}).Hint() != "" {
		t.Error("a hint at the protocol goes with its start, and only with it")
	}
	for err, want := range map[error]string{&CrashError{Stderr: "a"}: "a", &TimeoutError{Stderr: "b"}: "b", &ProtocolError{}: "", errors.New("x"): ""} {
		if got := StderrOf(errors.Join(errors.New("y"), err)); got != want {
			t.Errorf("standard error of %T: %q", err, got)
		}
	}
}

// TestLatency is what the measured time exceeds the reported one by.
func TestLatency(t *testing.T) {
	if d, ok := (Reply{Elapsed: 7, Score: &Score{Time: 5}}).Latency(); d != 2 || !ok {
		t.Errorf("%v, %v", d, ok)
	}
	for _, r := range []Reply{{Elapsed: 7}, {Elapsed: 7, Score: &Score{}}} {
		if _, ok := r.Latency(); ok {
			t.Errorf("%+v: a latency without a reported time", r)
		}
	}
}

// TestClosedPlayers: players of this package that are closed, or told to stop, say so, and
// nobody loses by it.
func TestClosedPlayers(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	g := bitboard.NewGame(bitboard.Start())
	for _, p := range []Player{NewRandomPlayer(), newLeague(t, "boltz:depth=1,t=50"), idealOf(t, "pool=noise")} {
		if err := p.NewGame(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Move(ctx, g, Limit{MoveTime: time.Millisecond}); !errors.Is(err, context.Canceled) || FailureOf(err) != Canceled {
			t.Errorf("%s, canceled: %v", p.Name(), err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Move(context.Background(), g, Limit{MoveTime: time.Millisecond}); !errors.Is(err, ErrClosed) || FailureOf(err) != Canceled {
			t.Errorf("%s, closed: %v", p.Name(), err)
		}
		if err := p.NewGame(context.Background(), 1); !errors.Is(err, ErrClosed) {
			t.Errorf("%s, a game of a closed player: %v", p.Name(), err)
		}
	}
}

func idealOf(t *testing.T, text string) *IdealPlayer {
	t.Helper()
	config, err := ParseIdeal(text)
	if err != nil {
		t.Fatal(err)
	}
	m, err := config.Mixture()
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewIdealPlayer(config, m)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestIdealIdentity: ideal learners that differ in anything are different players, by what
// defines them and by name.
func TestIdealIdentity(t *testing.T) {
	specs, names := map[string]string{}, map[string]string{}
	for _, text := range []string{
		"pool=noise", "pool=shared", "pool=noise,temp=1", "pool=noise,posterior=true", "pool=noise,chars=true", "pool=noise,unseen=true",
		"pool=noise,gap=50", "pool=noise,gap=60", "pool=noise,openings=random:4", "pool=noise,openings=random:6",
	} {
		p := idealOf(t, text)
		spec := fmt.Sprint(p.Spec())
		if was, ok := specs[spec]; ok {
			t.Errorf("%s and %s are defined alike: %s", was, text, spec)
		}
		if was, ok := names[p.Name()]; ok {
			t.Errorf("%s and %s are called alike: %s", was, text, p.Name())
		}
		specs[spec], names[p.Name()] = text, text
	}
	// Where an opening by name ends, nothing tells.
	var e *IdealTextError
	if _, err := ParseIdeal("pool=noise,openings=named"); !errors.As(err, &e) || e.Hint() == "" || errors.Unwrap(e) == nil {
		t.Errorf("%v", err)
	}
	if _, err := NewIdealPlayer(IdealConfig{Pool: "noise", Temperature: -1}, nil); err == nil || !strings.Contains(err.Error(), "temperature") {
		t.Errorf("a temperature below 0: %v", err)
	}
}

package uci

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"transcend/engine"
	"transcend/engine/internal/process"
	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
	"transcend/internal/clip"
	"transcend/internal/fakeengine"
)

// outcome is what came of driving an engine through a life of its own: start,
// new game, some moves of both sides, quit.
type outcome struct {
	stage    string // the first that failed: "start", "game", "move 3", "" for none
	err      error
	closeErr error
	replies  []engine.Reply
}

// starter starts an engine of some protocol.
type starter func(context.Context, Config) (engine.Player, *client, error)

func startUCI(ctx context.Context, cfg Config) (engine.Player, *client, error) {
	c, err := Start(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	return c, &c.client, nil
}

// drive is that life. It makes sure that nothing of the engine is left. The
// timeouts hold from the stage on that is expected to run into them, so that none
// before it can be late by accident. With dies the engine ends after its last
// move, which is waited for before it is closed.
func drive(t *testing.T, start starter, cfg Config, fen string, moves int, limit engine.Limit, stage string, timeouts Timeouts, dies bool) (o outcome) {
	t.Helper()
	const caseEnv = "TRANSCEND_ENGINE_TEST_CASE"
	mark := caseEnv + "=" + strings.ReplaceAll(t.Name(), "\x00", "") + "." + fmt.Sprint(time.Now().UnixNano())
	cfg.Env = append(cfg.Env, mark)
	defer func() {
		for _, pid := range processes(mark) {
			t.Errorf("process %d is left", pid)
		}
	}()
	if stage == "start" {
		cfg.Timeouts = timeouts
	}
	p, c, err := start(t.Context(), cfg)
	if err != nil {
		o.stage, o.err = "start", err
		return o
	}
	enter := func(now string) {
		if now == stage {
			c.cfg.Timeouts = timeouts.withDefaults()
		}
	}
	defer func() {
		enter("")
		if dies {
			<-c.Exited()
		}
		o.closeErr = p.Close()
		if again := p.Close(); again != o.closeErr {
			t.Errorf("the second Close returns %v, the first %v", again, o.closeErr)
		}
		select {
		case <-c.Exited():
		default:
			t.Error("Close returned before the end of the process")
		}
		if _, err := p.Move(t.Context(), boardtest.Game(t, ""), engine.Limit{Depth: 1}); !errors.Is(err, engine.ErrClosed) {
			t.Errorf("Move after Close: %v", err)
		}
	}()
	enter("game")
	if err := p.NewGame(t.Context(), 1); err != nil {
		o.stage, o.err = "game", err
		return o
	}
	g := boardtest.Game(t, fen)
	for i := range moves {
		enter(fmt.Sprintf("move %d", i+1))
		r, err := p.Move(t.Context(), g, limit)
		if err != nil {
			o.stage, o.err = fmt.Sprintf("move %d", i+1), err
			// A dead engine stays dead, and says why; another lives on.
			if _, again := p.Move(t.Context(), g, engine.Limit{MoveTime: 1}); c.fatal != nil && !errors.Is(again, c.fatal) {
				t.Errorf("the next move after %v: %v", err, again)
			}
			return o
		}
		if err := g.Make(r.Move); err != nil {
			t.Fatal(err)
		}
		o.replies = append(o.replies, r)
	}
	return o
}

func wantCrash(during string, code int) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		t.Helper()
		var e *engine.CrashError
		if !errors.As(err, &e) {
			t.Fatalf("got %v, want a CrashError", err)
		}
		if e.During != during || e.ExitCode != code || e.ClosedOutput || e.Status == "" || engine.FailureOf(err) != engine.Crash {
			t.Errorf("got %+v (%v), want a crash during %s with code %d", *e, engine.FailureOf(err), during, code)
		}
	}
}

func wantClosedOutput(during string) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		t.Helper()
		var e *engine.CrashError
		if !errors.As(err, &e) || !e.ClosedOutput || e.During != during || engine.FailureOf(err) != engine.Crash {
			t.Errorf("got %v, want a CrashError with ClosedOutput during %s", err, during)
		}
	}
}

func wantTimeout(during string, stalled bool) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		t.Helper()
		var e *engine.TimeoutError
		if !errors.As(err, &e) {
			t.Fatalf("got %v, want a TimeoutError", err)
		}
		if e.During != during || e.Stalled != stalled || e.Elapsed < e.Limit || e.Limit <= 0 {
			t.Errorf("got %+v, want a timeout during %s, stalled %v", *e, during, stalled)
		}
		if want := map[bool]engine.Failure{true: engine.Stall, false: engine.TimeLoss}[stalled]; engine.FailureOf(err) != want {
			t.Errorf("FailureOf is %v, want %v", engine.FailureOf(err), want)
		}
	}
}

func wantIllegal(text string) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		t.Helper()
		var e *engine.IllegalMoveError
		if !errors.As(err, &e) {
			t.Fatalf("got %v, want an IllegalMoveError", err)
		}
		if _, fenErr := bitboard.ParseFEN(e.FEN); fenErr != nil || len(e.Texts) != 1 || text != "" && e.Texts[0] != text || engine.FailureOf(err) != engine.IllegalMove {
			t.Errorf("got %+v, want the move %q and a FEN", *e, text)
		}
	}
}

func wantProtocol(line string) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		t.Helper()
		var e *engine.ProtocolError
		if !errors.As(err, &e) || e.Line != line || e.During != "search" || engine.FailureOf(err) != engine.Protocol {
			t.Errorf("got %v, want a ProtocolError with the line %q", err, line)
		}
	}
}

func wantNoError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("got %v, want no error", err)
	}
}

const (
	// castlingFEN lets White castle on both sides, promotionFEN promote.
	castlingFEN  = "4k3/8/8/8/8/8/8/R3K2R w KQ - 0 1"
	promotionFEN = "8/P6k/8/8/8/8/8/K7 w - - 0 1"
)

type faultTest struct {
	flags    string
	timeouts Timeouts
	fen      string
	moves    int          // default 4
	limit    engine.Limit // default a millisecond for each move
	stage    string
	check    func(*testing.T, error)
	dies     bool                    // after the last move
	close    func(*testing.T, error) // default: no error
}

// TestFaults drives every fault of the fake engine at the start, in the game and
// at the end.
func TestFaults(t *testing.T) {
	const short = 30 * time.Millisecond
	const crash = fakeengine.ExitCrash
	testFaults(t, startUCI, []faultTest{
		// At the start.
		{flags: "-crash start", stage: "start", check: wantCrash("uci", crash)},
		{flags: "-crash start -exit-code 0", stage: "start", check: wantCrash("uci", 0)},
		{flags: "-crash uci", stage: "start", check: wantCrash("uci", crash)},
		{flags: "-crash uci -signal", stage: "start", check: wantCrash("uci", -1)},
		{flags: "-crash isready", stage: "start", check: wantCrash("isready", crash)},
		{flags: "-stall start", timeouts: Timeouts{Start: short}, stage: "start", check: wantTimeout("uci", true)},
		{flags: "-stall uci", timeouts: Timeouts{Start: short}, stage: "start", check: wantTimeout("uci", true)},
		{flags: "-mute uci -ignore-term", timeouts: Timeouts{Start: short}, stage: "start", check: wantTimeout("uci", true)},
		{flags: "-stall isready", timeouts: Timeouts{Ready: short}, stage: "start", check: wantTimeout("isready", true)},
		{flags: "-mute isready", timeouts: Timeouts{Ready: short}, stage: "start", check: wantTimeout("isready", true)},
		{flags: "-uciok none", timeouts: Timeouts{Start: short}, stage: "start", check: wantTimeout("uci", true)},
		{flags: "-uciok uciok!", timeouts: Timeouts{Start: short}, stage: "start", check: wantTimeout("uci", true)},
		{flags: "-uciok none -chatter", timeouts: Timeouts{Start: short}, stage: "start", check: wantTimeout("uci", true)},
		{flags: "-close-stdout uci", stage: "start", check: wantClosedOutput("uci")},
		{flags: "-close-stdout isready", stage: "start", check: wantClosedOutput("isready")},
		{flags: "-crash uci -grandchild", stage: "start", check: wantCrash("uci", crash)},
		{flags: "-stall uci -grandchild -ignore-term", timeouts: Timeouts{Start: short}, stage: "start", check: wantTimeout("uci", true)},

		// At the beginning of a game.
		{flags: "-crash ucinewgame", stage: "game", check: wantCrash("ucinewgame", crash)},
		{flags: "-stall ucinewgame", timeouts: Timeouts{Ready: short}, stage: "game", check: wantTimeout("ucinewgame", true)},
		{flags: "-mute isready -after 2", timeouts: Timeouts{Ready: short}, stage: "game", check: wantTimeout("ucinewgame", true)},
		{flags: "-close-stdout ucinewgame", stage: "game", check: wantClosedOutput("ucinewgame")},

		// In the game.
		{flags: "-crash position", stage: "move 1", check: wantCrash("search", crash)},
		{flags: "-crash isready -after 4", stage: "move 2", check: wantCrash("search", crash)},
		{flags: "-crash go", stage: "move 1", check: wantCrash("search", crash)},
		{flags: "-crash go -after 3", stage: "move 3", check: wantCrash("search", crash)},
		{flags: "-crash go -after 3 -signal", stage: "move 3", check: wantCrash("search", -1)},
		{flags: "-crash go -after 2 -grandchild", stage: "move 2", check: wantCrash("search", crash)},
		{flags: "-crash go -after 2 -stderr 100000", stage: "move 2", check: func(t *testing.T, err error) {
			wantCrash("search", crash)(t, err)
			var e *engine.CrashError
			errors.As(err, &e)
			if !strings.HasSuffix(e.Stderr, "e\nlast words\n") || len(e.Stderr) != process.StderrTail {
				t.Errorf("the tail of stderr is %d bytes, %q", len(e.Stderr), clip.Text(e.Stderr, 200))
			}
			if !strings.Contains(err.Error(), "last words") {
				t.Errorf("the message %q does not quote it", err)
			}
		}},
		{flags: "-stall position -after 2", timeouts: Timeouts{Margin: short, Stop: short}, stage: "move 2", check: wantTimeout("search", true)},
		{flags: "-stall go -after 3", timeouts: Timeouts{Margin: short, Stop: short}, stage: "move 3", check: wantTimeout("search", true)},
		{flags: "-stall go -grandchild", timeouts: Timeouts{Margin: short, Stop: short}, stage: "move 1", check: wantTimeout("search", true)},
		{flags: "-mute go -after 2", timeouts: Timeouts{Margin: short, Stop: short}, stage: "move 2", check: wantTimeout("search", true)},
		{flags: "-mute isready -after 3", timeouts: Timeouts{Margin: short, Stop: short}, stage: "move 1", check: wantTimeout("search", true)},
		{flags: "-until-stop", timeouts: Timeouts{Margin: short}, stage: "move 1", check: wantTimeout("search", false)},
		{flags: "-until-stop -ignore-stop", timeouts: Timeouts{Margin: short, Stop: short}, stage: "move 1", check: wantTimeout("search", true)},
		{flags: "-until-stop -crash stop", timeouts: Timeouts{Margin: short}, stage: "move 1", check: wantCrash("search", crash)},
		{flags: "-late 100ms", timeouts: Timeouts{Margin: time.Millisecond}, stage: "move 1", check: wantTimeout("search", false)},
		{flags: "-late 20ms"},
		{flags: "-ready-delay 10ms"},
		{flags: "-close-stdout go -after 2", stage: "move 2", check: wantClosedOutput("search")},
		{flags: "-bestmove none -after 2", stage: "move 2", check: wantIllegal("(none)")},
		{flags: "-bestmove zero", stage: "move 1", check: wantIllegal("0000")},
		{flags: "-bestmove null", stage: "move 1", check: wantIllegal("NULL")},
		{flags: "-bestmove illegal -after 3", stage: "move 3", check: wantIllegal("")},
		{flags: "-bestmove garbage", stage: "move 1", check: wantProtocol("bestmove xyzzy")},
		{flags: "-bestmove empty", stage: "move 1", check: wantProtocol("bestmove ")},
		{flags: "-bestmove king-takes-rook", fen: castlingFEN, moves: 1},
		{flags: "-bestmove uppercase", fen: promotionFEN, moves: 1},
		{flags: "-flood 20000", moves: 2},
		{flags: "-chatter"},
		{flags: "-split"},
		{flags: "-split -crlf -garbage"},
		{flags: "-long-line 10000000", moves: 2},
		{flags: "-double"},
		{flags: "-stray"},
		{flags: "-stray -double -crlf -chatter"},
		{flags: "-stderr 1000000"},
		{flags: "-odd-options"},
		{flags: "-no-options"},
		{flags: "-no-newline", moves: 1, dies: true, close: wantCrash("idle", crash)},
		{flags: "-crash bestmove -after 2", moves: 2, dies: true, close: wantCrash("idle", crash)},
		{flags: "-crash bestmove -after 2 -exit-code 0 -grandchild", moves: 2, dies: true, close: wantCrash("idle", 0)},

		// At the end.
		{flags: "-ignore-quit"}, // the end of its input will do
		{flags: "-ignore-eof"},
		{flags: "-ignore-term"},
		{flags: "-grandchild"},
		{flags: "-crash quit", close: wantCrash("quit", crash)},
		{flags: "-crash quit -signal", close: wantCrash("quit", -1)},
		{flags: "-crash quit -exit-code 0"},
		{flags: "-ignore-quit -crash eof", close: wantCrash("quit", crash)},
		{flags: "-stall quit", timeouts: Timeouts{Quit: short}, close: wantTimeout("quit", true)},
		{flags: "-stall quit -chatter -grandchild", timeouts: Timeouts{Quit: short}, close: wantTimeout("quit", true)},
		{flags: "-ignore-quit -ignore-eof -ignore-term", timeouts: Timeouts{Quit: short}, close: wantTimeout("quit", true)},
		{flags: "-close-stdout quit -ignore-quit -ignore-eof", timeouts: Timeouts{Quit: short}, close: wantTimeout("quit", true)},
	})
}

// times returns timeouts n times as long; zeros stay the defaults.
func times(t Timeouts, n time.Duration) Timeouts {
	v := reflect.ValueOf(&t).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Type() == reflect.TypeFor[time.Duration]() {
			f.SetInt(f.Int() * int64(n))
		}
	}
	return t
}

func testFaults(t *testing.T, start starter, tests []faultTest) {
	for _, test := range tests {
		t.Run(test.flags, func(t *testing.T) {
			t.Parallel()
			cfg := fake(strings.Fields(test.flags)...)
			moves := test.moves
			if moves == 0 {
				moves = 4
			}
			limit := test.limit
			if limit == (engine.Limit{}) {
				limit = engine.Limit{MoveTime: time.Millisecond}
			}
			// On a machine with no time for the engine what is healthy is late as well: then the
			// same once more, with more patience.
			var o outcome
			for patience := time.Duration(1); patience <= 64; patience *= 8 {
				o = drive(t, start, cfg, test.fen, moves, limit, test.stage, times(test.timeouts, patience), test.dies)
				if o.stage == test.stage && (o.closeErr == nil) == (test.close == nil) {
					break
				}
			}
			if o.stage != test.stage {
				t.Fatalf("failed at %q, want %q: %v", o.stage, test.stage, o.err)
			}
			if test.check != nil {
				test.check(t, o.err)
			}
			closed := test.close
			if closed == nil {
				closed = wantNoError
			}
			closed(t, o.closeErr)
			for _, r := range o.replies {
				if r.Elapsed <= 0 || r.Attempts != 1 || r.Illegal != 0 || r.Text == "" {
					t.Errorf("reply %+v", r)
				}
			}
		})
	}
}

// TestIdleDeath lets the engine die between two moves, when nobody asks anything
// of it.
func TestIdleDeath(t *testing.T) {
	c := start(t, fake("-crash", "bestmove", "-after", "2"))
	g := boardtest.Game(t, "")
	for range 2 {
		if err := g.Make(mustMove(t, c, g, engine.Limit{Depth: 1}).Move); err != nil {
			t.Fatal(err)
		}
	}
	<-c.Exited()
	_, err := c.Move(t.Context(), g, engine.Limit{Depth: 1})
	wantCrash("idle", fakeengine.ExitCrash)(t, err)
	if err := c.NewGame(t.Context(), 2); !errors.As(err, new(*engine.CrashError)) {
		t.Errorf("NewGame on the dead engine: %v", err)
	}
	wantNoError(t, c.Close()) // it has been reported
}

// TestLateEngineIsUsable: an engine that was late, and then stopped, can play the
// next game.
func TestLateEngineIsUsable(t *testing.T) {
	c := start(t, fake("-until-stop"))
	c.cfg.Timeouts.Margin = time.Millisecond
	g := boardtest.Game(t, "")
	for range 3 {
		_, err := c.Move(t.Context(), g, engine.Limit{MoveTime: time.Millisecond})
		wantTimeout("search", false)(t, err)
		wantNoError(t, c.NewGame(t.Context(), 1))
	}
	wantNoError(t, c.Close())
}

// TestCancel ends contexts at every stage. The engine is killed by a canceled
// start, but only told to stop by a canceled move.
func TestCancel(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()

	t.Run("before the start", func(t *testing.T) {
		_, err := Start(canceled, fake())
		if !errors.Is(err, context.Canceled) || engine.FailureOf(err) != engine.Canceled {
			t.Errorf("got %v", err)
		}
	})
	t.Run("start", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := fake("-mute", "uci", "-stderr", "80")
		cfg.Trace = func(sent bool, line []byte) { cancel() }
		_, err := Start(ctx, cfg)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("new game", func(t *testing.T) {
		c := start(t, fake())
		if err := c.NewGame(canceled, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		mustMove(t, c, boardtest.Game(t, ""), engine.Limit{Depth: 1})
	})
	t.Run("during ucinewgame", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := fake("-ready-delay", "20ms")
		cfg.Trace = func(sent bool, line []byte) {
			if string(line) == "ucinewgame" {
				cancel()
			}
		}
		c := start(t, cfg)
		if err := c.NewGame(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		// Its readyok is still to come and must not be taken for that of the move.
		mustMove(t, c, boardtest.Game(t, ""), engine.Limit{Depth: 1})
		if n := c.Traffic().Stray; n != 0 {
			t.Errorf("%d stray lines", n)
		}
		wantNoError(t, c.Close())
	})
	for _, flags := range []string{"-until-stop", "-until-stop -double"} {
		t.Run("move "+flags, func(t *testing.T) {
			cfg := fake(strings.Fields(flags)...)
			searching := func() {}
			cfg.Trace = func(sent bool, line []byte) {
				if sent && strings.HasPrefix(string(line), "go ") {
					searching()
				}
			}
			c := start(t, cfg)
			for range 5 {
				ctx, cancel := context.WithCancel(t.Context())
				searching = cancel
				_, err := c.Move(ctx, boardtest.Game(t, ""), engine.Limit{Nodes: 1})
				if !errors.Is(err, context.Canceled) || engine.FailureOf(err) != engine.Canceled {
					t.Errorf("got %v", err)
				}
			}
			wantNoError(t, c.Close())
		})
	}
	t.Run("move of an engine that then hangs", func(t *testing.T) {
		cfg := fake("-until-stop", "-ignore-stop")
		cfg.Timeouts.Stop = 20 * time.Millisecond
		ctx, cancel := context.WithCancel(t.Context())
		cfg.Trace = func(sent bool, line []byte) {
			if sent && strings.HasPrefix(string(line), "go ") {
				cancel()
			}
		}
		c := start(t, cfg)
		if _, err := c.Move(ctx, boardtest.Game(t, ""), engine.Limit{Nodes: 1}); engine.FailureOf(err) != engine.Canceled {
			t.Errorf("got %v", err)
		}
		<-c.Exited()
		_, err := c.Move(t.Context(), boardtest.Game(t, ""), engine.Limit{Nodes: 1})
		wantTimeout("search", true)(t, err)
	})
}

// TestCloseDuringMove closes an engine while others wait for it.
func TestCloseDuringMove(t *testing.T) {
	for _, flags := range []string{"-until-stop", "-stall go"} {
		t.Run(flags, func(t *testing.T) {
			searching := make(chan struct{})
			cfg := fake(strings.Fields(flags)...)
			if flags == "-stall go" {
				cfg.Timeouts.Quit = 50 * time.Millisecond
			}
			cfg.Trace = func(sent bool, line []byte) {
				if sent && strings.HasPrefix(string(line), "go ") {
					close(searching)
				}
			}
			c := start(t, cfg)
			errs := make(chan error)
			move := func() {
				_, err := c.Move(context.Background(), boardtest.Game(t, ""), engine.Limit{Nodes: 1})
				errs <- err
			}
			go move()
			<-searching
			go move() // waits for the first
			closeErr := c.Close()
			for range 2 {
				if err := <-errs; !errors.Is(err, engine.ErrClosed) {
					t.Errorf("the move returned %v", err)
				}
			}
			if flags == "-until-stop" {
				wantNoError(t, closeErr)
			} else {
				wantTimeout("quit", true)(t, closeErr)
			}
		})
	}
}

// TestBlockedWrite sends more than a pipe holds to an engine that has stopped
// reading.
func TestBlockedWrite(t *testing.T) {
	cfg := fake("-stall", "setoption")
	cfg.Options = []Option{{"SyzygyPath", strings.Repeat("x", 1<<20)}}
	cfg.Timeouts.Ready = 50 * time.Millisecond
	_, err := Start(t.Context(), cfg)
	wantTimeout("isready", true)(t, err)
}

// TestScore checks which of many info lines is kept.
func TestScore(t *testing.T) {
	tests := []struct {
		lines string
		want  *engine.Score
	}{
		{"", nil},
		{"string NNUE|depth 3|currmove e2e4 currmovenumber 1", nil},
		{
			"depth 12 seldepth 20 multipv 1 score cp -31 nodes 1000 nps 500000 hashfull 3 tbhits 0 time 2 pv e2e4 e7e5",
			&engine.Score{Centipawns: -31, Depth: 12, SelDepth: 20, Nodes: 1000, NPS: 500000, Time: 2 * time.Millisecond, PV: "e2e4 e7e5"},
		},
		{"depth 1 score cp 1|depth 2 score cp 2|depth 2 currmove e2e4", &engine.Score{Centipawns: 2, Depth: 2}},
		{"depth 2 score cp 2 multipv 1|depth 2 score cp 1 multipv 2|depth 2 multipv 3 score cp 0", &engine.Score{Centipawns: 2, Depth: 2}},
		{"depth 2 score cp 2|depth 3 score cp 50 lowerbound|depth 3 score cp 90 upperbound", &engine.Score{Centipawns: 2, Depth: 2}},
		{"depth 3 score cp 50 lowerbound nodes 4|depth 3 score cp 90 upperbound nodes 5", &engine.Score{Centipawns: 90, Depth: 3, Nodes: 5, Bound: engine.UpperBound}},
		{"score mate -3 depth 7|string score cp 5", &engine.Score{IsMate: true, Mate: -3, Depth: 7}},
		{"score mate 0", &engine.Score{IsMate: true}},
		{"depth 2 score cp 2|score cp|score mate x|score|score cp 99999999999999999999", &engine.Score{Centipawns: 2, Depth: 2}},
		{"depth 2 score cp 2 pv e2e4 multipv 2 score cp 9", &engine.Score{Centipawns: 2, Depth: 2, PV: "e2e4 multipv 2 score cp 9"}},
		{"depth x score cp 2 nodes - time 9999999999999999", &engine.Score{Centipawns: 2, Time: (1 << 35) * time.Millisecond}},
	}
	for _, test := range tests {
		t.Run(test.lines, func(t *testing.T) {
			var k infoKeeper
			for line := range strings.SplitSeq(test.lines, "|") {
				k.keep([]byte(line))
			}
			if got := k.score(); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
	t.Run("through an engine", func(t *testing.T) {
		c := start(t, fake("-scores", "depth 5 score cp 17 time 3 pv e2e4|depth 6 score cp 90 lowerbound", "-flood", "0"))
		r := mustMove(t, c, boardtest.Game(t, ""), engine.Limit{Depth: 1})
		if want := (&engine.Score{Centipawns: 17, Depth: 5, Time: 3 * time.Millisecond, PV: "e2e4"}); !reflect.DeepEqual(r.Score, want) {
			t.Errorf("got %+v, want %+v", r.Score, want)
		}
		if latency, ok := r.Latency(); !ok || latency != r.Elapsed-3*time.Millisecond {
			t.Errorf("latency %v, %v", latency, ok)
		}
	})
	t.Run("of another search", func(t *testing.T) {
		c := start(t, fake("-scores", "string nothing"))
		c.line([]byte("info depth 9 score cp 1"), false)
		if s := c.info.score(); s != nil {
			t.Errorf("got %+v while idle", s)
		}
		c.info.keep([]byte("depth 9 score cp 1"))
		if r := mustMove(t, c, boardtest.Game(t, ""), engine.Limit{Depth: 1}); r.Score != nil {
			t.Errorf("got %+v of the search before", r.Score)
		}
	})
	t.Run("before readyok", func(t *testing.T) {
		c := newEngine(Config{})
		c.pings, c.searching = 1, true
		c.line([]byte("info depth 9 score cp 1"), false)
		c.line([]byte("bestmove e2e4"), false)
		if s := c.info.score(); s != nil || !c.searching {
			t.Errorf("got %+v, searching %v", s, c.searching)
		}
		c.line([]byte("readyok"), false)
		c.line([]byte("info depth 2 score cp 2"), false)
		c.line([]byte("bestmove e2e4"), false)
		if s := c.info.score(); s == nil || s.Depth != 2 || c.searching {
			t.Errorf("got %+v, searching %v", s, c.searching)
		}
	})
	t.Run("flood", func(t *testing.T) {
		c := start(t, fake("-flood", "5000"))
		r := mustMove(t, c, boardtest.Game(t, ""), engine.Limit{Depth: 1})
		if want := (&engine.Score{Centipawns: 42, Depth: 2, Nodes: 4999, Time: 7 * time.Millisecond, PV: "a2a3 a7a6"}); !reflect.DeepEqual(r.Score, want) {
			t.Errorf("got %+v, want %+v", r.Score, want)
		}
	})
}

// TestCommands checks every command that is sent, in order.
func TestCommands(t *testing.T) {
	var mu sync.Mutex
	var sent []string
	cfg := fake()
	cfg.Options = []Option{{"skill  LEVEL", "3"}, {"Clear Hash", ""}, {"hash", "64"}, {"threads", "2"}, {"SyzygyPath", ""}, {"style", "risky"}}
	cfg.Trace = func(s bool, line []byte) {
		mu.Lock()
		defer mu.Unlock()
		if s {
			sent = append(sent, string(line))
		}
	}
	c := start(t, cfg)
	wantNoError(t, c.NewGame(t.Context(), 1<<63+5))
	g := boardtest.Game(t, "", "e2e4", "e7e5")
	mustMove(t, c, g, engine.Limit{MoveTime: 1500 * time.Microsecond})
	mustMove(t, c, boardtest.Game(t, "", "e2e4"), engine.Limit{White: time.Minute, Black: 100 * time.Microsecond, WhiteInc: time.Second, MovesToGo: 40})
	mustMove(t, c, boardtest.Game(t, castlingFEN, "e1g1"), engine.Limit{Nodes: 200, Depth: 3})
	wantNoError(t, c.Close())
	want := []string{
		"uci",
		"setoption name Threads value 2",
		"setoption name Skill Level value 3",
		"setoption name Clear Hash",
		"setoption name Hash value 64",
		"setoption name SyzygyPath value ",
		"setoption name Style value Risky",
		"isready",
		"setoption name Seed value 5",
		"ucinewgame",
		"isready",
		"position startpos moves e2e4 e7e5",
		"isready",
		"go movetime 1",
		"position startpos moves e2e4",
		"isready",
		"go wtime 60000 btime 1 winc 1000 binc 0 movestogo 40",
		"position fen " + castlingFEN + " moves e1g1",
		"isready",
		"go depth 3 nodes 200",
		"quit",
	}
	mu.Lock()
	defer mu.Unlock()
	if !reflect.DeepEqual(sent, want) {
		t.Errorf("sent\n%s\nwant\n%s", strings.Join(sent, "\n"), strings.Join(want, "\n"))
	}
}

// TestTrace: every line goes through, in order and without its line break.
func TestTrace(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	cfg := fake("-crlf", "-no-options", "-scores", "depth 1 score cp 5")
	cfg.Trace = func(sent bool, line []byte) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, map[bool]string{true: "> ", false: "< "}[sent]+string(line))
	}
	c := start(t, cfg)
	r := mustMove(t, c, boardtest.Game(t, ""), engine.Limit{Depth: 1})
	wantNoError(t, c.Close())
	want := []string{
		"> uci", "< id name Fake 1.0", "< id author nobody", "< uciok", "> isready", "< readyok",
		"> position startpos", "> isready", "> go depth 1", "< readyok", "< info depth 1 score cp 5", "< bestmove " + r.Text, "> quit",
	}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

// TestDeterminism: a seed gives the same game, another seed another one, and the
// seed reaches the engine.
func TestDeterminism(t *testing.T) {
	play := func(seed uint64) []bitboard.Move {
		c := start(t, fake())
		wantNoError(t, c.NewGame(t.Context(), seed))
		g := boardtest.Game(t, "")
		for g.Ply() < 60 && g.Position().HasLegalMove() {
			want := fakeengine.Choose(seed, g.Position())
			if got := mustMove(t, c, g, engine.Limit{Depth: 1}).Move; got != want {
				t.Fatalf("ply %d: got %v, want %v", g.Ply(), got, want)
			}
			if err := g.Make(want); err != nil {
				t.Fatal(err)
			}
		}
		return g.Moves()
	}
	a, b, other := play(7), play(7), play(8)
	if !reflect.DeepEqual(a, b) {
		t.Error("one seed, two games")
	}
	if reflect.DeepEqual(a, other) {
		t.Error("two seeds, one game")
	}
}

// TestStray: what nothing has asked for is counted and dropped.
func TestStray(t *testing.T) {
	c := start(t, fake("-double", "-stray", "-garbage"))
	g := boardtest.Game(t, "")
	for range 10 {
		r := mustMove(t, c, g, engine.Limit{Depth: 1})
		if want := fakeengine.Choose(0, g.Position()); r.Move != want {
			t.Fatalf("got %v, want %v", r.Move, want)
		}
		if err := g.Make(r.Move); err != nil {
			t.Fatal(err)
		}
	}
	wantNoError(t, c.Close())
	traffic := c.Traffic()
	// One before each of eleven readyok, one after each of ten bestmove.
	if traffic.Stray != 21 || traffic.Unknown == 0 || traffic.Lines <= traffic.Unknown {
		t.Errorf("traffic %+v", traffic)
	}
}

// TestLongLines: a line is cut, not lost, and not kept whole.
func TestLongLines(t *testing.T) {
	c := start(t, fake("-long-line", "3000000", "-scores", "depth 1 score cp 5 pv "+strings.Repeat("e2e4 ", 20000)))
	r := mustMove(t, c, boardtest.Game(t, ""), engine.Limit{Depth: 1})
	if r.Score == nil || r.Score.Centipawns != 5 || len(r.Score.PV) > longLineHead {
		t.Errorf("score %v", r.Score)
	}
	if n := c.Traffic().LongLines; n != 2 {
		t.Errorf("%d long lines, want 2", n)
	}
}

func TestGameOver(t *testing.T) {
	c := start(t, fake())
	for _, fen := range []string{
		"7k/5KQ1/8/8/8/8/8/8 b - - 0 1",  // mate
		"7k/5K2/6Q1/8/8/8/8/8 b - - 0 1", // stalemate
	} {
		if _, err := c.Move(t.Context(), boardtest.Game(t, fen), engine.Limit{Depth: 1}); !errors.Is(err, engine.ErrGameOver) {
			t.Errorf("%s: %v", fen, err)
		}
	}
	for _, bad := range []engine.Limit{{}, {MoveTime: -1}, {White: time.Second}, {Depth: -1, Nodes: 1}} {
		if _, err := c.Move(t.Context(), boardtest.Game(t, ""), bad); err == nil {
			t.Errorf("the limit %+v is accepted", bad)
		}
	}
	if n := c.Traffic().Lines; n == 0 {
		t.Error("no traffic")
	}
	wantNoError(t, c.Close())
}

// TestKingTakesRook: the notation of Chess960 means castling, and is turned into
// ours.
func TestKingTakesRook(t *testing.T) {
	c := start(t, fake("-bestmove", "king-takes-rook"))
	r := mustMove(t, c, boardtest.Game(t, castlingFEN), engine.Limit{Depth: 1})
	if r.Move.String() != "e1g1" || r.Text != "e1h1" {
		t.Errorf("got %v from %q", r.Move, r.Text)
	}
}

func TestSpec(t *testing.T) {
	cfg := fake("-name", "Some Engine 3.1 dev")
	cfg.Options = []Option{{"skill level", "5"}}
	c := start(t, cfg)
	spec := c.Spec()
	hash, err := hashFile(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"kind": "uci", "name": "Some Engine 3.1 dev", "version": "3.1 dev", "author": "nobody", "sha256": hash,
		"option.Skill Level": "5", "option.Seed": "the game's seed", "program": filepath.Base(cfg.Path),
		"args": "-name Some Engine 3.1 dev",
	} {
		if spec[key] != want {
			t.Errorf("%s is %q, want %q", key, spec[key], want)
		}
	}
	if c.Name() != "Some Engine 3.1 dev" {
		t.Errorf("the name is %q", c.Name())
	}
	cfg.Name = "mine"
	if c := start(t, cfg); c.Name() != "mine" || c.Spec()["name"] != "Some Engine 3.1 dev" {
		t.Errorf("the name is %q, the spec %v", c.Name(), c.Spec())
	}
}

func TestStartErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string, mode fs.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		name, path string
		cause      error
		hint       string
	}{
		{"missing", filepath.Join(dir, "nothing"), fs.ErrNotExist, "path"},
		{"missing stockfish", filepath.Join(dir, "stockfish-17"), fs.ErrNotExist, "apt install stockfish"},
		{"bare name", "no-such-engine-anywhere", fs.ErrNotExist, "path"},
		{"not executable", write("plain", "x", 0o644), fs.ErrPermission, "chmod"},
		{"directory", dir, nil, ""},
		{"no program", write("text", "no program", 0o755), syscall.ENOEXEC, ""},
		{"missing interpreter", write("script", "#!/no/such/shell\n", 0o755), fs.ErrNotExist, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Start(t.Context(), Config{Path: test.path})
			if err == nil || engine.FailureOf(err) != engine.Setup || test.cause != nil && !errors.Is(err, test.cause) {
				t.Fatalf("got %v (%v), want %v", err, engine.FailureOf(err), test.cause)
			}
			var h interface{ Hint() string }
			if !errors.As(err, &h) || !strings.Contains(h.Hint(), test.hint) {
				t.Errorf("the hint of %v does not say %q", err, test.hint)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q is more than a line", err)
			}
		})
	}
	t.Run("working directory", func(t *testing.T) {
		cfg := fake()
		cfg.Dir = filepath.Join(dir, "nowhere")
		if _, err := Start(t.Context(), cfg); !errors.As(err, new(*StartError)) {
			t.Errorf("got %v", err)
		}
		cfg.Dir = dir
		start(t, cfg)
	})
}

// TestManyAtOnce starts engines side by side, as a tournament does.
func TestManyAtOnce(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			c, err := Start(t.Context(), fake())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if err := c.NewGame(t.Context(), uint64(i)); err != nil {
				t.Error(err)
			}
			g := bitboard.NewGame(bitboard.Start())
			for range 50 {
				r, err := c.Move(t.Context(), g, engine.Limit{Depth: 1})
				if err != nil {
					if !errors.Is(err, engine.ErrGameOver) {
						t.Error(err)
					}
					break
				}
				if err := g.Make(r.Move); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// FuzzLine feeds anything to the part that reads engines.
func FuzzLine(f *testing.F) {
	for _, s := range []string{
		"", "\n", "uciok\nreadyok\n", "id name X 1\nid\nid author\n", "bestmove e2e4 ponder e7e5\r\n", "bestmove\n",
		"option name Skill Level type spin default 20 min 0 max 20\n", "option name type type type var var\n",
		"info depth 3 multipv 1 score cp 4 upperbound pv e2e4\n", "info score mate", "info multipv", "\x00\xff\n\n\r\r\n",
	} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, output []byte, handshake bool) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		go func() {
			defer w.Close()
			_, _ = w.Write(output)
		}()
		c := newEngine(Config{Name: "fuzz"})
		c.handshake, c.pings, c.searching = handshake, 1, !handshake
		c.read(r)
		if !c.ended || c.pings < 0 {
			t.Errorf("ended %v, %d pings", c.ended, c.pings)
		}
		pos := bitboard.Start()
		reply, err := c.answer(&pos, time.Now())
		if err == nil && !pos.IsLegal(reply.Move) {
			t.Errorf("%q gives %v", output, reply.Move)
		}
		for _, o := range c.announced {
			if _, err := checkOptions("fuzz", c.announced, []Option{{Name: o.Name, Value: o.Default}}); err != nil && !errors.As(err, new(*OptionError)) {
				t.Error(err)
			}
		}
	})
}

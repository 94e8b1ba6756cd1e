package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"transcend/internal/clip"
)

var (
	// ErrContextFull is wrapped when a game does not fit into a model's context
	// any more.
	ErrContextFull = errors.New("the game is longer than the model's context")
	// ErrResigned is wrapped when a model wrote a game result where a move was due.
	// The paper's protocol scores that as a loss, whatever the result says.
	ErrResigned = errors.New("wrote a game result instead of a move")
	// ErrGameOver is wrapped when a player is asked to move without a legal move.
	ErrGameOver = errors.New("the side to move has no legal move")
	// ErrClosed is wrapped by calls to a player that was closed, before or during
	// the call.
	ErrClosed = errors.New("the player is closed")
)

// IllegalMoveError is an answer that is no legal move in a position that has
// some.
type IllegalMoveError struct {
	Player string
	// Texts are the answers, in order; an engine has one attempt.
	Texts []string
	FEN   string
}

// Failure is IllegalMove.
func (e *IllegalMoveError) Failure() Failure { return IllegalMove }

func (e *IllegalMoveError) Error() string {
	texts := make([]string, len(e.Texts))
	for i, t := range e.Texts {
		texts[i] = fmt.Sprintf("%q", clip.Text(t, 40))
	}
	noun := "illegal move"
	if len(texts) > 1 {
		noun = fmt.Sprintf("%d illegal moves", len(texts))
	}
	return fmt.Sprintf("engine: %s: %s %s in %s", e.Player, noun, strings.Join(texts, ", "), e.FEN)
}

// CrashError is the death of an engine's process that nobody asked for.
type CrashError struct {
	Player string
	// During is what the engine was to do: "uci", "isready", "ucinewgame", of an
	// xboard engine "protover", "ping", "new"; "search", "idle" or "quit".
	During string
	// Status is how the process ended: "exit status 3", "signal: killed".
	Status string
	// ExitCode is the process's exit code, -1 when a signal ended it.
	ExitCode int
	// ClosedOutput is set when the process closed its standard output and stayed;
	// it was then killed.
	ClosedOutput bool
	// LastLine is the last line the engine wrote, Stderr the tail of its standard
	// error.
	LastLine, Stderr string
}

// Failure is Crash.
func (e *CrashError) Failure() Failure { return Crash }

func (e *CrashError) Error() string {
	var b strings.Builder
	if e.ClosedOutput {
		fmt.Fprintf(&b, "engine: %s: closed its standard output and kept running (%s)", e.Player, e.During)
	} else {
		fmt.Fprintf(&b, "engine: %s: crashed (%s): %s", e.Player, e.During, e.Status)
	}
	writeTail(&b, e.LastLine, e.Stderr)
	return b.String()
}

// TimeoutError is an exchange that was not over at its deadline.
type TimeoutError struct {
	Player string
	During string // as in CrashError
	// Limit is the deadline that passed, the margin included.
	Limit time.Duration
	// Elapsed is when the answer came, or when waiting for it was given up.
	Elapsed time.Duration
	// Stalled is set when no answer came at all, not even after "stop": the engine
	// has been killed. Otherwise it was late, and can go on.
	Stalled bool
	// LastLine and Stderr are as in CrashError.
	LastLine, Stderr string
}

// Failure is Stall or TimeLoss.
func (e *TimeoutError) Failure() Failure {
	if e.Stalled {
		return Stall
	}
	return TimeLoss
}

func (e *TimeoutError) Error() string {
	var b strings.Builder
	if e.Stalled {
		fmt.Fprintf(&b, "engine: %s: no answer (%s) within %v, killed", e.Player, e.During, e.Limit)
		writeTail(&b, e.LastLine, e.Stderr)
	} else {
		fmt.Fprintf(&b, "engine: %s: late (%s): %v instead of %v", e.Player, e.During, e.Elapsed.Round(time.Microsecond), e.Limit)
	}
	return b.String()
}

// Hint helps with the commonest cause of a start that times out.
func (e *TimeoutError) Hint() string {
	if e.During == "uci" {
		return "is it a UCI engine? an engine that speaks xboard's protocol is told so by proto=xboard in arena match"
	}
	return ""
}

// Timeout reports true, as in net.Error.
func (e *TimeoutError) Timeout() bool { return true }

// ProtocolError is an answer that the engine's protocol does not allow.
type ProtocolError struct {
	Player string
	During string // as in CrashError
	Line   string // what the engine wrote, shortened
	Reason string
}

// Failure is Protocol.
func (e *ProtocolError) Failure() Failure { return Protocol }

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("engine: %s: protocol error (%s): %s: %q", e.Player, e.During, e.Reason, e.Line)
}

// Failure is the kind of a player's error: how a lost game is counted.
type Failure uint8

// The kinds of failures.
const (
	NoFailure Failure = iota
	// IllegalMove to Protocol are the player's own fault.
	IllegalMove
	Crash
	Stall    // no answer; the engine had to be killed
	TimeLoss // an answer after the deadline
	Protocol
	Resignation
	// Length is a game that outgrew the model's context.
	Length
	// Setup is a wrong configuration: no game should be played, or lost, with it.
	Setup
	// Canceled is a call ended from outside: nobody's loss.
	Canceled
	// Internal is every other error.
	Internal
)

// String returns a short name: "illegal move", "crash", "stall", "time",
// "protocol", "resignation", "length", "setup", "canceled", "internal", or ""
// for NoFailure.
func (f Failure) String() string {
	names := [...]string{"", "illegal move", "crash", "stall", "time", "protocol", "resignation", "length", "setup", "canceled", "internal"}
	if int(f) < len(names) {
		return names[f]
	}
	return fmt.Sprintf("Failure(%d)", uint8(f))
}

// Forfeits reports whether the player loses the game by it.
func (f Failure) Forfeits() bool { return f >= IllegalMove && f <= Length }

// FailureOf sorts an error returned by a Player. An error that has a method Failure says
// itself what it is.
func FailureOf(err error) Failure {
	var sorted interface{ Failure() Failure }
	switch {
	case err == nil:
		return NoFailure
	case errors.As(err, &sorted):
		return sorted.Failure()
	case errors.Is(err, ErrResigned):
		return Resignation
	case errors.Is(err, ErrContextFull):
		return Length
	case errors.Is(err, ErrSetUpPosition):
		return Setup
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrClosed):
		return Canceled
	}
	return Internal
}

// StderrOf returns the last of what an engine wrote to standard error, when err
// is of the kind that keeps it.
func StderrOf(err error) string {
	var crash *CrashError
	var timeout *TimeoutError
	switch {
	case errors.As(err, &crash):
		return crash.Stderr
	case errors.As(err, &timeout):
		return timeout.Stderr
	}
	return ""
}

// writeTail adds what an engine last said to a message, on the same line.
func writeTail(b *strings.Builder, lastLine, stderr string) {
	stderr = strings.TrimSpace(stderr)
	if i := strings.LastIndexByte(stderr, '\n'); i >= 0 {
		stderr = stderr[i+1:]
	}
	if stderr != "" {
		fmt.Fprintf(b, "; it complained: %q", clip.Text(stderr, 200))
	} else if lastLine != "" {
		fmt.Fprintf(b, "; its last line was %q", clip.Text(lastLine, 200))
	}
}

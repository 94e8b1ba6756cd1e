package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// setupError is an error of another package.
type setupError struct{}

func (setupError) Error() string    { return "no such thing" }
func (setupError) Failure() Failure { return Setup }

// TestFailures: every kind has a name, and forfeits or not.
func TestFailures(t *testing.T) {
	seen := make(map[string]bool)
	for f := NoFailure; f <= Internal; f++ {
		name := f.String()
		if seen[name] || strings.Contains(name, "(") {
			t.Errorf("kind %d is called %q", f, name)
		}
		seen[name] = true
	}
	for err, want := range map[error]Failure{
		&IllegalMoveError{}: IllegalMove, &CrashError{}: Crash, &TimeoutError{}: TimeLoss, &TimeoutError{Stalled: true}: Stall,
		&ProtocolError{}: Protocol, ErrResigned: Resignation, ErrContextFull: Length, ErrSetUpPosition: Setup, setupError{}: Setup,
		context.Canceled: Canceled, context.DeadlineExceeded: Canceled, ErrClosed: Canceled, errors.New("x"): Internal,
	} {
		if got := FailureOf(fmt.Errorf("x: %w", err)); got != want {
			t.Errorf("%T %v is %v, want %v", err, err, got, want)
		}
	}
	if FailureOf(nil) != NoFailure {
		t.Error("no error is a failure")
	}
	if NoFailure.Forfeits() || Setup.Forfeits() || Canceled.Forfeits() || !TimeLoss.Forfeits() {
		t.Error("Forfeits is wrong")
	}
}

package match

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"transcend/engine"
	"transcend/engine/uci"
	"transcend/internal/fakeengine"
)

// verdict of a faulty engine's two games against a sound one.
type faultVerdict struct {
	cause Cause // why it lost both games, CauseNone when it lost neither so
	// void: no game could be played at all, and the run was given up.
	void engine.Failure
	// voids is how many games were begun again.
	voids int
	// quit: closing it failed that often.
	quit int
	// stderr must be kept with each lost or void game.
	stderr string
}

// TestFaultMatrix: every fault of the fake engine, at its start, in the game and
// at its end, and what becomes of its games.
func TestFaultMatrix(t *testing.T) {
	// Who never answers is waited for so long; all others have minutes, and no
	// verdict depends on how fast the machine is.
	const short, long = 300 * time.Millisecond, time.Minute
	fake, err := fakeengine.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	startCrash := faultVerdict{void: engine.Crash, voids: 2}
	startStall := faultVerdict{void: engine.Stall, voids: 2}
	crash, stall := faultVerdict{cause: CauseCrash}, faultVerdict{cause: CauseStall}
	illegal, protocol, late := faultVerdict{cause: CauseIllegal}, faultVerdict{cause: CauseProtocol}, faultVerdict{cause: CauseTime}
	var sound faultVerdict
	type faultCase struct {
		flags string
		want  faultVerdict
	}
	cases := []faultCase{
		// At the start.
		{"-crash start", startCrash}, {"-crash uci", startCrash}, {"-crash setoption", startCrash}, {"-crash isready", startCrash}, {"-crash ucinewgame", startCrash},
		{"-crash start -signal", startCrash}, {"-crash start -stderr 80", faultVerdict{void: engine.Crash, voids: 2, stderr: "last words"}},
		{"-stall start", startStall}, {"-stall uci", startStall}, {"-stall setoption", startStall}, {"-stall isready", startStall}, {"-stall ucinewgame", startStall},
		{"-mute uci", startStall}, {"-mute isready", startStall}, {"-uciok none", startStall}, {"-uciok maybe", startStall},
		{"-close-stdout start", startCrash}, {"-close-stdout uci", startCrash}, {"-close-stdout isready", startCrash},
		// The second game's beginning: it is begun again with a new process.
		{"-crash ucinewgame -after 2", faultVerdict{voids: 1}}, {"-stall ucinewgame -after 2", faultVerdict{voids: 1}}, {"-mute isready -after 2", startStall},
		// In the game.
		{"-crash position -after 3", crash}, {"-crash go -after 3", crash}, {"-crash go -after 3 -signal", crash}, {"-crash go -after 3 -exit-code 0", crash},
		{"-crash go -after 3 -stderr 80", faultVerdict{cause: CauseCrash, stderr: "last words"}}, {"-crash bestmove -after 3", crash},
		{"-crash isready -after 5", crash}, {"-close-stdout go -after 3", crash}, {"-close-stdout bestmove -after 3", crash}, {"-no-newline", crash},
		{"-stall position -after 3", stall}, {"-stall go -after 3", stall}, {"-stall bestmove -after 3", stall}, {"-stall isready -after 5", stall},
		{"-stall go -after 3 -stderr 80", faultVerdict{cause: CauseStall, stderr: "eeee"}},
		{"-mute go -after 3", stall}, {"-mute isready -after 5", stall}, {"-until-stop -ignore-stop", stall}, {"-stall stop -until-stop", stall}, {"-crash stop -until-stop", crash},
		{"-late 1s", late}, {"-until-stop", late},
		{"-bestmove illegal -after 3", illegal}, {"-bestmove none -after 3", illegal}, {"-bestmove zero -after 3", illegal}, {"-bestmove null -after 3", illegal},
		{"-bestmove garbage -after 3", protocol}, {"-bestmove empty -after 3", protocol},
		// What must do no harm.
		{"-bestmove king-takes-rook", sound}, {"-bestmove uppercase", sound}, {"-double", sound}, {"-stray", sound}, {"-flood 300", sound}, {"-long-line 200000", sound},
		{"-stderr 300000", sound}, {"-chatter", sound}, {"-split", sound}, {"-crlf", sound}, {"-garbage", sound}, {"-odd-options", sound}, {"-no-options", sound},
		{"-grandchild", sound}, {"-ready-delay 5ms", sound}, {"-ignore-quit", sound}, {"-ignore-term", sound}, {"-mute ucinewgame", sound}, {"-mute bestmove", sound}, {"-mute quit", sound},
		// At its end.
		{"-crash quit", faultVerdict{quit: 1}}, {"-crash quit -signal", faultVerdict{quit: 1}}, {"-crash eof -ignore-quit", faultVerdict{quit: 1}}, {"-crash quit -exit-code 0", sound},
		{"-stall quit", faultVerdict{quit: 1}}, {"-stall eof -ignore-quit", faultVerdict{quit: 1}}, {"-ignore-quit -ignore-eof -ignore-term", faultVerdict{quit: 1}},
		{"-close-stdout quit -ignore-quit -ignore-eof", faultVerdict{quit: 1}},
	}
	// In xboard's protocol, each as in UCI but for what cannot be told from an engine
	// that has nothing to say.
	resigned := faultVerdict{cause: CauseResign}
	for _, c := range []faultCase{
		// At the start.
		{"-crash start", startCrash}, {"-crash uci", startCrash}, {"-crash setoption", startCrash}, {"-crash isready", startCrash}, {"-crash ucinewgame", startCrash},
		{"-crash start -signal", startCrash}, {"-crash start -stderr 80", faultVerdict{void: engine.Crash, voids: 2, stderr: "last words"}},
		{"-stall setoption", startStall}, {"-stall isready", startStall}, {"-stall ucinewgame", startStall}, {"-features never", startStall},
		{"-stall start", stall}, {"-stall uci", stall}, // in its first move
		{"-close-stdout start", startCrash}, {"-close-stdout uci", startCrash}, {"-close-stdout isready", startCrash},
		{"-crash ucinewgame -after 2", faultVerdict{voids: 1}}, {"-stall ucinewgame -after 2", faultVerdict{voids: 1}},
		// In the game.
		{"-crash position -after 3", crash}, {"-crash go -after 3", crash}, {"-crash go -after 3 -signal", crash}, {"-crash go -after 3 -exit-code 0", crash},
		{"-crash go -after 3 -stderr 80", faultVerdict{cause: CauseCrash, stderr: "last words"}}, {"-crash bestmove -after 3", crash},
		{"-crash isready -after 5", crash}, {"-close-stdout go -after 3", crash}, {"-close-stdout bestmove -after 3", crash}, {"-no-newline", crash},
		{"-stall position -after 3", stall}, {"-stall go -after 3", stall}, {"-stall bestmove -after 3", stall}, {"-stall isready -after 5", stall},
		{"-stall go -after 3 -stderr 80", faultVerdict{cause: CauseStall, stderr: "eeee"}},
		{"-mute go -after 3", stall}, {"-mute isready -after 5", stall}, {"-until-stop -ignore-stop", stall}, {"-stall stop -until-stop", stall}, {"-crash stop -until-stop", crash},
		{"-late 1s", late}, {"-until-stop", late},
		{"-bestmove illegal -after 3", illegal}, {"-bestmove none -after 3", illegal}, {"-bestmove zero -after 3", illegal}, {"-bestmove null -after 3", illegal},
		{"-bestmove garbage -after 3", protocol}, {"-bestmove empty -after 3", protocol},
		{"-bestmove claim-win -after 3", protocol}, {"-bestmove claim-draw -after 3", protocol}, {"-bestmove refuse -after 3", protocol}, {"-bestmove reject -after 3", protocol},
		{"-bestmove resign -after 3", resigned}, {"-bestmove claim-loss -after 3", resigned},
		// What must do no harm.
		{"-bestmove king-takes-rook", sound}, {"-bestmove uppercase", sound}, {"-bestmove claim-and-move", sound}, {"-double", sound}, {"-stray", sound}, {"-flood 300", sound},
		{"-long-line 200000", sound}, {"-stderr 300000", sound}, {"-chatter", sound}, {"-split", sound}, {"-crlf", sound}, {"-garbage", sound}, {"-no-options", sound},
		{"-features none", sound}, {"-features bare", sound}, {"-features san", sound}, {"-features slow", sound}, {"-features forgetful", sound}, {"-features odd", sound},
		{"-grandchild", sound}, {"-ready-delay 5ms", sound}, {"-ignore-quit", sound}, {"-ignore-term", sound}, {"-mute bestmove", sound}, {"-mute quit", sound},
		// At its end.
		{"-crash quit", faultVerdict{quit: 1}}, {"-crash quit -signal", faultVerdict{quit: 1}}, {"-crash eof -ignore-quit", faultVerdict{quit: 1}}, {"-crash quit -exit-code 0", sound},
		{"-stall quit", faultVerdict{quit: 1}}, {"-stall eof -ignore-quit", faultVerdict{quit: 1}}, {"-ignore-quit -ignore-eof -ignore-term", faultVerdict{quit: 1}},
		{"-close-stdout quit -ignore-quit -ignore-eof", faultVerdict{quit: 1}},
	} {
		cases = append(cases, faultCase{"-xboard " + c.flags, c.want})
	}
	// Most of them wait, and not for a processor.
	queue := make(chan faultCase)
	var workers sync.WaitGroup
	for range 12 {
		workers.Go(func() {
			for c := range queue {
				t.Run(c.flags, func(t *testing.T) {
					var wrong []string
					for _, short := range []time.Duration{short, 10 * short} {
						config := uci.Config{Path: fake, Args: strings.Fields(c.flags), Options: []uci.Option{{Name: "Hash", Value: "1"}},
							Timeouts: uci.Timeouts{Start: long, Ready: long, Margin: long, Search: long, Stop: long, Quit: long}}
						if c.want.cause == CauseStall || c.want.void == engine.Stall || strings.Contains(c.flags, "-stall") {
							config.Timeouts = uci.Timeouts{Start: 5 * short, Ready: 5 * short, Search: short, Margin: short, Stop: short, Quit: long}
						}
						if c.want.quit > 0 {
							config.Timeouts.Quit = 3 * short
						}
						isX := strings.HasPrefix(c.flags, "-xboard")
						control := Control{Nodes: 1}
						if isX {
							control = Control{Depth: 1}
							if strings.Contains(c.flags, "-features") || strings.Contains(c.flags, "-stall uci") || strings.Contains(c.flags, "-stall start") {
								// Who says nothing is not waited for; who only says it late is.
								config.Timeouts.Features = 2 * short
								config.Options = nil
							}
						}
						if strings.Contains(c.flags, "-late") || strings.Contains(c.flags, "-until-stop") {
							config.Timeouts.Margin = short
							control = Control{MoveTime: 50 * time.Millisecond, Margin: short}
						}
						if strings.Contains(c.flags, "options") || strings.Contains(c.flags, "-uci") {
							config.Options = nil
						}
						if wrong = judgeFault(t, config, uci.Config{Path: fake}, control, c.want); len(wrong) == 0 {
							return
						}
						// On a machine with no time for the engines the sound one is late as well: then the
						// same once more, with more patience.
					}
					for _, w := range wrong {
						t.Error(w)
					}
				})
			}
		})
	}
	for _, c := range cases {
		queue <- c
	}
	close(queue)
	workers.Wait()
	if runtime.GOOS == "linux" {
		noneLeft(t, fake)
	}
}

// judgeFault plays two games, compares what became of them, and says what is wrong.
func judgeFault(t *testing.T, faulty, sound uci.Config, control Control, want faultVerdict) (wrong []string) {
	errorf := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	start := func(c uci.Config) Factory {
		return func(ctx context.Context) (engine.Player, error) {
			if slices.Contains(c.Args, "-xboard") {
				return uci.StartXBoard(ctx, c)
			}
			return uci.Start(ctx, c)
		}
	}
	var mu sync.Mutex
	var games []*Game
	var voids []error
	quits := 0
	r := Runner{
		Entrants: []Entrant{{New: start(faulty), Control: control, FailuresLose: true}, {New: start(sound), Control: Control{Nodes: 1}, FailuresLose: true}},
		Rules:    Rules{MaxPlies: 16}, Concurrency: 1, Retries: 1,
		Record: func(_ Task, g *Game) error { games = append(games, g); return nil },
		Void:   func(_ Task, err error) { voids = append(voids, err) },
		Quit: func(_ int, err error) {
			mu.Lock()
			defer mu.Unlock()
			quits++
			t.Log("quit:", err)
		},
	}
	err := r.Run(t.Context(), func(yield func(Task) bool) {
		for slot := range 2 {
			if !yield(Task{Second: 1, Slot: slot}) {
				return
			}
		}
	})
	if failure := engine.FailureOf(err); failure != want.void || (err == nil) != (want.void == engine.NoFailure) {
		errorf("the run ended with %v (%v), want %v", failure, err, want.void)
	}
	if len(voids) != want.voids || quits != want.quit {
		errorf("%d void games and %d failures at quit, want %d and %d: %v", len(voids), quits, want.voids, want.quit, voids)
	}
	for _, void := range voids {
		var starting *StartingError
		var player *PlayerError
		if !(errors.As(void, &starting) && starting.Player == 0 || errors.As(void, &player) && player.Player == 0) {
			errorf("the failure is not blamed on who failed: %v", void)
		}
		if !strings.Contains(engine.StderrOf(void), want.stderr) {
			errorf("standard error kept: %q", engine.StderrOf(void))
		}
	}
	if n := len(games); want.void == engine.NoFailure && n != 2 || want.void != engine.NoFailure && n > 1 {
		errorf("%d games", n)
	}
	for _, g := range games {
		if want.void != engine.NoFailure {
			continue
		}
		if g.Cause != want.cause || want.cause != CauseNone && (g.Loser != 0 || g.Err == nil) || want.cause == CauseNone && g.Termination != TerminationLength {
			errorf("slot %d ended %q %q with %v, want %q", g.Slot, g.Termination, g.Cause, g.Err, want.cause)
		}
		if !strings.Contains(engine.StderrOf(g.Err), want.stderr) {
			errorf("standard error kept: %q", engine.StderrOf(g.Err))
		}
	}
	return wrong
}

// noneLeft waits until no process runs the program; the system reaps what was
// killed soon after.
func noneLeft(t *testing.T, program string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		var left []string
		links, err := filepath.Glob("/proc/[0-9]*/exe")
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range links {
			if target, err := os.Readlink(link); err == nil && target == program {
				left = append(left, filepath.Base(filepath.Dir(link)))
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(fmt.Sprint("processes left: ", left))
		}
		runtime.Gosched()
	}
}

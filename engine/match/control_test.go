package match

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"transcend/engine"
	"transcend/internal/bitboard"
)

func TestParseClock(t *testing.T) {
	for text, want := range map[string]string{
		"8+0.08": "tc 8+0.08", "40/60": "tc 40/60", "40/60+0.6": "tc 40/60+0.6", "1:30+1": "tc 90+1", "40/1:30": "tc 40/90", "0.5": "tc 0.5", "inf": "",
	} {
		c, err := ParseClock(text)
		if err != nil || c.String() != want {
			t.Errorf("%s: %q, %v, want %q", text, c, err, want)
		}
		if c.Time > 0 {
			if again, err := ParseClock(c.String()[3:]); err != nil || again != c {
				t.Errorf("%s: read back %v, %v", text, again, err)
			}
		}
	}
	for _, text := range []string{"", "x", "0", "40/", "/60", "0/60", "-1", "1e9", "nan", "1+x", "1+-1", "a:1", "60/40/20"} {
		if c, err := ParseClock(text); err == nil {
			t.Errorf("%q: %v", text, c)
		}
	}
}

func TestControlStrings(t *testing.T) {
	// Those of the leaderboards that exist already.
	for want, c := range map[string]Control{
		"movetime 100ms": {MoveTime: 100 * time.Millisecond}, "nodes 200": {Nodes: 200}, "depth 5": {Depth: 5},
		"tc 1 nodes 5 margin 10ms": {Time: time.Second, Nodes: 5, Margin: 10 * time.Millisecond},
	} {
		if c.String() != want {
			t.Errorf("%q, want %q", c, want)
		}
	}
	for _, c := range []Control{{Time: -1}, {Moves: 3}, {Inc: 1}, {MoveTime: time.Microsecond}, {Nodes: -1}, {Margin: -1}} {
		if c.Validate() == nil {
			t.Errorf("%+v is valid", c)
		}
	}
}

// timed takes given times for its moves and notes what it was told.
type timed struct {
	scripted
	took []time.Duration
	told []engine.Limit
}

func (p *timed) Move(ctx context.Context, g *bitboard.Game, l engine.Limit) (engine.Reply, error) {
	n := p.next
	r, err := p.scripted.Move(ctx, g, l)
	p.told = append(p.told, l)
	if n < len(p.took) {
		r.Elapsed = p.took[n]
	}
	return r, err
}

func TestClocks(t *testing.T) {
	const ms = time.Millisecond
	play := func(white, black *timed, w, b Control) *Game {
		t.Helper()
		g, err := Play(t.Context(), [2]engine.Player{white, black}, 0, 1, Opening{}, Rules{Controls: [2]Control{w, b}, FailuresLose: [2]bool{true, true}})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	moves := [2][]string{{"e2e4", "d2d4", "g1f3", "b1c3"}, {"e7e5", "d7d5", "g8f6", "b8c6"}}
	white := &timed{scripted: scripted{moves: moves[0], err: engine.ErrResigned}, took: []time.Duration{300 * ms, 200 * ms, 100 * ms}}
	black := &timed{scripted: scripted{moves: moves[1]}, took: []time.Duration{ms, ms, ms, ms}}
	g := play(white, black, Control{Moves: 2, Time: time.Second, Inc: 10 * ms, Margin: ms}, Control{Time: 5 * time.Second})
	want := []engine.Limit{
		{White: time.Second, Black: 5 * time.Second, WhiteInc: 10 * ms, MovesToGo: 2},
		{White: 710 * ms, Black: 4999 * ms, WhiteInc: 10 * ms, MovesToGo: 1},
		{White: 1520 * ms, Black: 4998 * ms, WhiteInc: 10 * ms, MovesToGo: 2},
		{White: 1430 * ms, Black: 4997 * ms, WhiteInc: 10 * ms, MovesToGo: 1},
		{White: 2440 * ms, Black: 4996 * ms, WhiteInc: 10 * ms, MovesToGo: 2},
	}
	if fmt.Sprint(white.told) != fmt.Sprint(want) {
		t.Errorf("White was told\n%v, want\n%v", white.told, want)
	}
	if black.told[0].White != 710*ms || black.told[0].Black != 5*time.Second || black.told[0].WhiteInc != 10*ms || black.told[0].MovesToGo != 0 {
		t.Errorf("Black was told %+v", black.told[0])
	}
	if len(g.Clocks) != 8 || g.Clocks[0] != 710*ms || g.Clocks[1] != 4999*ms {
		t.Errorf("clocks %v", g.Clocks)
	}

	// An opponent without a clock is shown with ours.
	white = &timed{scripted: scripted{moves: moves[0], err: engine.ErrResigned}}
	black = &timed{scripted: scripted{moves: moves[1]}}
	play(white, black, Control{Time: time.Second}, Control{Nodes: 5})
	if l := white.told[0]; l.White != time.Second || l.Black != time.Second {
		t.Errorf("told %+v", l)
	}
	if l := black.told[0]; l != (engine.Limit{Nodes: 5}) {
		t.Errorf("a player without a clock was told %+v", l)
	}
}

// TestAllowed: what a message says about a limit is what the limit is.
func TestAllowed(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []Control{
		{MoveTime: 100 * ms, Margin: 5 * ms}, {Time: time.Second, Margin: 5 * ms},
		{Time: time.Second, MoveTime: 100 * ms, Margin: 5 * ms}, {Time: 50 * ms, MoveTime: 100 * ms, Margin: 5 * ms},
	} {
		k := newClock(c)
		limit := k.allowed()
		if in := k; !in.spend(limit) {
			t.Errorf("%v: %v is said to be allowed and is not", c, limit)
		}
		if late := k; late.spend(limit + 1) {
			t.Errorf("%v: more than %v is allowed", c, limit)
		}
	}
}

func TestTimeForfeits(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name    string
		control Control
		took    []time.Duration
		lost    bool
	}{
		{"in time", Control{Time: time.Second, Margin: ms}, []time.Duration{999 * ms, ms}, false},
		{"inside the margin", Control{Time: time.Second, Margin: 5 * ms}, []time.Duration{1004 * ms}, false},
		{"late", Control{Time: time.Second, Margin: 5 * ms}, []time.Duration{1006 * ms}, true},
		{"late at the second move", Control{Time: time.Second, Margin: 5 * ms}, []time.Duration{900 * ms, 200 * ms}, true},
		{"move time kept", Control{MoveTime: 100 * ms, Margin: 5 * ms}, []time.Duration{105 * ms}, false},
		{"move time broken", Control{MoveTime: 100 * ms, Margin: 5 * ms}, []time.Duration{106 * ms}, true},
		{"move time not measured", Control{MoveTime: 100 * ms}, []time.Duration{10 * time.Second}, false},
		{"nodes have no time", Control{Nodes: 1, Margin: ms}, []time.Duration{time.Hour}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			white := &timed{scripted: scripted{moves: []string{"e2e4", "d2d4", "g1f3"}, err: engine.ErrResigned}, took: tt.took}
			black := &timed{scripted: scripted{moves: []string{"e7e5", "d7d5", "g8f6"}}}
			rules := Rules{Controls: [2]Control{tt.control, {Nodes: 1}}, FailuresLose: [2]bool{true, true}}
			g, err := Play(t.Context(), [2]engine.Player{white, black}, 0, 1, Opening{}, rules)
			if err != nil {
				t.Fatal(err)
			}
			var late *engine.TimeoutError
			if lost := g.Cause == CauseTime; lost != tt.lost || lost != errors.As(g.Err, &late) || lost && (g.Loser != 0 || g.Termination != TerminationTime) {
				t.Errorf("ended %q %q, %v", g.Termination, g.Cause, g.Err)
			}
			if tt.lost {
				// Where failures do not lose, the game is void.
				rules.FailuresLose[0] = false
				white.next, black.next = 0, 0
				var void *PlayerError
				if _, err := Play(t.Context(), [2]engine.Player{white, black}, 0, 1, Opening{}, rules); !errors.As(err, &void) {
					t.Errorf("error %v, want a void game", err)
				}
			}
		})
	}
}

// TestFailuresThatLose: each failure of an engine in a game against another.
func TestFailuresThatLose(t *testing.T) {
	for err, want := range map[error]Cause{
		&engine.CrashError{Player: "x", Stderr: "oops"}:          CauseCrash,
		&engine.TimeoutError{Player: "x", Stalled: true}:         CauseStall,
		&engine.TimeoutError{Player: "x"}:                        CauseTime,
		&engine.ProtocolError{Player: "x"}:                       CauseProtocol,
		&engine.IllegalMoveError{Player: "x"}:                    CauseIllegal,
		fmt.Errorf("model: %w", engine.ErrContextFull):           CauseLength,
		fmt.Errorf("model: %w", engine.ErrResigned):              CauseResign,
		fmt.Errorf("out of memory in the arena, not the player"): CauseNone,
	} {
		g, playErr := Play(t.Context(), [2]engine.Player{script(nil, "e2e4", "d2d4"), script(err, "e7e5")}, 0, 1, Opening{}, Rules{FailuresLose: [2]bool{true, true}})
		if want == CauseNone {
			if playErr == nil {
				t.Errorf("%v lost the game", err)
			}
			continue
		}
		if playErr != nil || g.Cause != want || g.Loser != 1 || !errors.Is(g.Err, err) || g.Result != bitboard.WhiteWins {
			t.Errorf("%v: %+v, %v", err, g, playErr)
		}
		if engine.StderrOf(err) == "oops" != (want == CauseCrash) {
			t.Errorf("%v: standard error %q", err, engine.StderrOf(err))
		}
	}
}

package match

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"transcend/engine"
	"transcend/internal/bitboard"
)

// Control bounds a player's thinking: a clock, or limits for each move, or both.
// The zero value does not bound; engines refuse to move without a limit.
type Control struct {
	// Time is what the clock starts with, Inc what is added after each move. With
	// Moves, Time is added again after every so many moves. Time 0: no clock.
	Moves     int
	Time, Inc time.Duration

	MoveTime time.Duration
	Nodes    int
	Depth    int

	// Margin is by how much the clock or MoveTime may be overstepped before the
	// game is lost on time. With 0 nobody measures: the engine's own
	// Timeouts.Margin is all there is.
	Margin time.Duration
}

// ParseClock reads a time control as engine authors write it: "8+0.08" is 8
// seconds and 80 ms a move, "40/60" 60 seconds for every 40 moves, "40/1:30+0.5"
// minutes and seconds; "inf" is no clock.
func ParseClock(s string) (Control, error) {
	var c Control
	bad := func() (Control, error) {
		return Control{}, fmt.Errorf("match: time control %q: want [MOVES/][MINUTES:]SECONDS[+INCREMENT], such as 40/60+0.6", s)
	}
	if s == "inf" {
		return c, nil
	}
	rest := s
	if moves, after, ok := strings.Cut(rest, "/"); ok {
		n, err := strconv.Atoi(moves)
		if err != nil || n < 1 {
			return bad()
		}
		c.Moves, rest = n, after
	}
	base, inc, hasInc := strings.Cut(rest, "+")
	minutes, seconds, ok := strings.Cut(base, ":")
	if !ok {
		minutes, seconds = "0", base
	}
	m, ok1 := parseSeconds(minutes)
	sec, ok2 := parseSeconds(seconds)
	c.Time = 60*m + sec
	ok3 := true
	if hasInc {
		c.Inc, ok3 = parseSeconds(inc)
	}
	if !ok1 || !ok2 || !ok3 || c.Time < time.Millisecond {
		return bad()
	}
	return c, nil
}

// parseSeconds reads a number of seconds up to a week.
func parseSeconds(s string) (time.Duration, bool) {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || !(x >= 0 && x <= 7*24*3600) {
		return 0, false
	}
	return time.Duration(x*1e6+0.5) * time.Microsecond, true
}

// String is the control in words, equal for equal controls: "tc 40/60+0.6",
// "movetime 100ms margin 50ms", "nodes 200", "" without a limit.
func (c Control) String() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if c.Time > 0 {
		text := "tc "
		if c.Moves > 0 {
			text += strconv.Itoa(c.Moves) + "/"
		}
		text += strconv.FormatFloat(c.Time.Seconds(), 'f', -1, 64)
		if c.Inc > 0 {
			text += "+" + strconv.FormatFloat(c.Inc.Seconds(), 'f', -1, 64)
		}
		parts = append(parts, text)
	}
	if c.MoveTime > 0 {
		add("movetime %v", c.MoveTime)
	}
	if c.Nodes > 0 {
		add("nodes %d", c.Nodes)
	}
	if c.Depth > 0 {
		add("depth %d", c.Depth)
	}
	if c.Margin > 0 && (c.Time > 0 || c.MoveTime > 0) {
		add("margin %v", c.Margin)
	}
	return strings.Join(parts, " ")
}

// Validate reports what no game can be played with.
func (c Control) Validate() error {
	switch {
	case c.Moves < 0, c.Time < 0, c.Inc < 0, c.MoveTime < 0, c.Nodes < 0, c.Depth < 0, c.Margin < 0:
		return fmt.Errorf("match: control %+v: negative", c)
	case c.Time == 0 && (c.Moves > 0 || c.Inc > 0):
		return fmt.Errorf("match: control %+v: moves or an increment without a time", c)
	case c.MoveTime > 0 && c.MoveTime < time.Millisecond:
		return fmt.Errorf("match: move time %v: UCI counts whole milliseconds", c.MoveTime)
	}
	return nil
}

// clock is the state of a player's clock in a game.
type clock struct {
	control   Control
	left      time.Duration
	movesLeft int // to the next time control, 0 without one
}

func newClock(c Control) clock { return clock{control: c, left: c.Time, movesLeft: c.Moves} }

// running says whether there is a clock.
func (k *clock) running() bool { return k.control.Time > 0 }

// limit is what the mover is told; other is the opponent's clock.
func (k *clock) limit(side bitboard.Color, other *clock) engine.Limit {
	c := k.control
	l := engine.Limit{MoveTime: c.MoveTime, Nodes: c.Nodes, Depth: c.Depth}
	if !k.running() {
		return l
	}
	// Engines expect both clocks; an opponent without one is shown with ours.
	theirs, theirInc := k.left, c.Inc
	if other.running() {
		theirs, theirInc = other.left, other.control.Inc
	}
	l.White, l.WhiteInc, l.Black, l.BlackInc = k.left, c.Inc, theirs, theirInc
	if side == bitboard.Black {
		l.White, l.WhiteInc, l.Black, l.BlackInc = theirs, theirInc, k.left, c.Inc
	}
	l.MovesToGo = k.movesLeft
	return l
}

// spend takes the time of a move off the clock; false when it was too much.
func (k *clock) spend(elapsed time.Duration) bool {
	c := k.control
	if c.Margin > 0 && c.MoveTime > 0 && elapsed > c.MoveTime+c.Margin {
		return false
	}
	if !k.running() {
		return true
	}
	if elapsed > k.left+c.Margin {
		return false
	}
	// Inside the margin the clock stops at its last millisecond.
	k.left = max(k.left-elapsed, 0) + c.Inc
	if k.movesLeft > 0 {
		if k.movesLeft--; k.movesLeft == 0 {
			k.left += c.Time
			k.movesLeft = c.Moves
		}
	}
	k.left = max(k.left, time.Millisecond)
	return true
}

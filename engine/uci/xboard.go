package uci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"transcend/engine"
	"transcend/internal/bitboard"
	"transcend/internal/clip"
)

// XBoard is a running engine that speaks the protocol of xboard and WinBoard, the
// Chess Engine Communication Protocol, in version 2 or 1. It is an
// engine.Player.
//
// Its rules for the traps of the protocol:
//
//   - The engine is in force mode but between a "go" and the end of the game; a
//     game that does not go on from what the engine knows is set up anew.
//   - "ping" goes before what makes the engine think, in the same write, where the
//     engine has it: a move that comes before its "pong" belongs to no search and is
//     dropped.
//   - An engine that is late is told to move at once ("?"), which it may ignore;
//     one that then is silent is killed.
//   - GNU Chess 6 keeps what it has said until it has read another line, and starts
//     only when a thread of it gets a lock that another holds but between two lines:
//     while an answer is awaited that is due at once, lines that change nothing are
//     sent now and then. When that thread gets the lock it throws away what has been
//     read and not yet handed on, at times "protover": an engine without a word about
//     features is asked again.
//   - The protocol has no question that an engine must answer, unless it has the
//     feature ping. Without it a program that is silent from its start on is not
//     found out before its first move is due.
//   - Results are the referee's business. A claim instead of a move is a
//     resignation when it is the engine's own loss, and a *engine.ProtocolError
//     otherwise; with a move it is ignored. Draws that it offers are declined.
//
// An engine that died, or was killed, is not started again: every later call
// returns the error of its death, and Close is still due.
type XBoard struct {
	client

	// What the engine has been told, known to the exchange under way.
	start   bitboard.Position
	moves   []bitboard.Move
	lost    bool // it is not known what the engine thinks the game is
	playing bool // it answers a move; otherwise it is in force mode
	control control
	games   int
	sent    []byte // the last move sent, as sent

	// Guarded by mu:
	features features
	answers  []byte // "accepted" and "rejected", to be sent
	pings    int    // the number of the last ping
	pinging  bool   // it has not been answered
	claim    []byte // a result the engine claims, or its resignation
	refusal  []byte // what it said against a move or position
	post     infoKeeper
}

// features are those that matter, with the protocol's defaults.
type features struct {
	seen, patience                      bool // any; done=0
	ping, setboard, san, usermove, time bool
	reuse, memory, smp                  bool
	variants                            string
}

// UnsupportedError is a limit, a position or a second game that an engine cannot
// be given.
type UnsupportedError struct {
	Player, Reason string
}

// Failure is engine.Setup.
func (e *UnsupportedError) Failure() engine.Failure { return engine.Setup }

func (e *UnsupportedError) Error() string { return fmt.Sprintf("engine: %s %s", e.Player, e.Reason) }

// StartXBoard starts an engine, negotiates its features and sets its options. Those
// are the engine's own ("feature option"), besides "memory" (MiB), which may be
// written Hash, and "cores", which may be written Threads. ctx bounds the start, not
// the engine's life: Close ends that.
func StartXBoard(ctx context.Context, cfg Config) (*XBoard, error) {
	c := newXBoard(cfg)
	if err := c.run(ctx, c.greet); err != nil {
		return nil, err
	}
	return c, nil
}

func newXBoard(cfg Config) *XBoard {
	c := &XBoard{client: newClient(cfg, "?\n"), features: features{time: true, reuse: true}}
	c.start, c.lost = c.initial, true
	c.obey = c.hear
	return c
}

// greet is the handshake, which ends with done=1 or after some silence.
func (c *XBoard) greet(ctx context.Context) error {
	const hello = "xboard\nprotover 2\n"
	began, allowed := time.Now(), c.cfg.Timeouts.Features
	asked := began
	nudge := func() string {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.features.seen || time.Since(asked) < 2*nudgeAfter {
			return "xboard\n"
		}
		asked = time.Now()
		return hello
	}
	c.buf = append(c.buf[:0], hello...)
	for done := false; !done; {
		err := c.nudged(ctx, allowed-time.Since(began), nudge, nudgeAfter/25, func() bool { return !c.handshake || len(c.answers) > 0 })
		c.mu.Lock()
		if c.features.patience {
			allowed = c.cfg.Timeouts.Start
		}
		silent := errors.Is(err, errDeadline)
		if silent && !c.features.patience {
			c.handshake = false // an engine of version 1, or one that forgot done=1
		}
		done = !c.handshake
		c.mu.Unlock()
		switch {
		case silent && !done && time.Since(began) >= allowed:
			return c.stalled("protover", allowed, time.Since(began))
		case errors.Is(err, errEnded):
			return c.died("protover")
		case err != nil && !silent:
			return c.failed("protover", err)
		}
		c.buf = c.takeAnswers(c.buf[:0])
	}
	accepted := bytes.Clone(c.buf)
	c.mu.Lock()
	f := c.features
	c.mu.Unlock()
	if f.variants != "" && !slices.Contains(strings.FieldsFunc(f.variants, func(r rune) bool { return r == ',' || r == ' ' }), "normal") {
		return c.unsupported("plays no standard chess, only " + clip.Text(f.variants, 100))
	}
	if f.memory {
		c.announced = append(c.announced, OptionInfo{Name: "memory", Type: Spin, Min: 1, HasMin: true})
	}
	if f.smp {
		c.announced = append(c.announced, OptionInfo{Name: "cores", Type: Spin, Min: 1, HasMin: true})
	}
	settings := slices.Clone(c.cfg.Options)
	for i, s := range settings {
		for alias, name := range map[string]string{"hash": "memory", "threads": "cores"} {
			if strings.EqualFold(s.Name, alias) && findOption(c.announced, alias) == nil && findOption(c.announced, name) != nil {
				settings[i].Name = name
			}
		}
	}
	if err := c.configure(settings); err != nil {
		return err
	}
	c.buf = append(accepted, c.buf...)
	for _, o := range c.options {
		c.buf = appendXOption(c.buf, o, findOption(c.announced, o.Name).Type)
	}
	return c.settle(ctx, "ping")
}

// takeAnswers appends what is to be said to features.
func (c *XBoard) takeAnswers(dst []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	dst = append(dst, c.answers...)
	c.answers = c.answers[:0]
	return dst
}

// appendXOption appends the command that sets o.
func appendXOption(dst []byte, o Option, t OptionType) []byte {
	if o.Name == "memory" || o.Name == "cores" {
		return fmt.Appendf(dst, "%s %s\n", o.Name, o.Value)
	}
	dst = append(append(dst, "option "...), o.Name...)
	value := o.Value
	if t == Check {
		value = map[string]string{"true": "1", "false": "0"}[value]
	}
	if t != Button {
		dst = append(append(dst, '='), value...)
	}
	return append(dst, '\n')
}

// appendPing appends a ping where the engine has it.
func (c *XBoard) appendPing(dst []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.features.ping {
		return dst
	}
	c.pings++
	c.pinging = true
	return fmt.Appendf(dst, "ping %d\n", c.pings)
}

// settle sends c.buf and waits until the engine has dealt with it, if it can say so.
func (c *XBoard) settle(ctx context.Context, during string) error {
	c.buf = c.appendPing(c.buf)
	began, allowed := time.Now(), c.cfg.Timeouts.Ready
	nudge := func() string { return fmt.Sprintf("ping %d\n", c.pings) }
	err := c.nudged(ctx, allowed, nudge, nudgeAfter, func() bool { return !c.pinging })
	return c.due(err, during, allowed, time.Since(began))
}

// nudgeAfter is how long an answer is awaited before a line is sent to draw it out.
const nudgeAfter = time.Second

// nudged is exchange for answers that may have to be drawn out by other lines.
func (c *XBoard) nudged(ctx context.Context, allowed time.Duration, nudge func() string, every time.Duration, ok func() bool) error {
	began := time.Now()
	for wait := nudgeAfter; ; wait = every {
		left := allowed - time.Since(began)
		err := c.exchange(ctx, min(left, wait), ok)
		if !errors.Is(err, errDeadline) || left <= wait {
			return err
		}
		c.buf = append(c.buf[:0], nudge()...)
	}
}

// Reusable reports whether one process may play several games (feature reuse).
func (c *XBoard) Reusable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.features.reuse
}

// Spec implements engine.Player: as that of UCI, without an author, and protocol, 1 or 2.
func (c *XBoard) Spec() map[string]string {
	spec := c.spec("xboard")
	c.mu.Lock()
	defer c.mu.Unlock()
	spec["protocol"] = "1"
	if c.features.seen {
		spec["protocol"] = "2"
	}
	return spec
}

// NewGame implements engine.Player: "new", and the answer to a ping where there is one. An
// engine with an option "Seed" gets the game's seed as UCI engines do. An engine
// that is not Reusable plays one game.
func (c *XBoard) NewGame(ctx context.Context, seed uint64) error {
	if c.games > 0 && !c.Reusable() {
		return c.unsupported("plays one game only (feature reuse=0): it must be started again for each")
	}
	if err := c.acquire(ctx, "new"); err != nil {
		return err
	}
	defer c.release()
	c.games++
	c.buf = c.takeAnswers(c.buf[:0])
	if c.playing {
		c.buf = append(c.buf, "force\n"...)
	}
	if c.seed != nil {
		c.buf = appendXOption(c.buf, Option{c.seed.Name, foldSeed(c.seed, seed)}, c.seed.Type)
	}
	c.buf = c.appendNew(c.buf)
	return c.settle(ctx, "new")
}

// appendNew appends what makes the engine forget: it thinks aloud, not in the
// opponent's time, and knows no limit.
func (c *XBoard) appendNew(dst []byte) []byte {
	c.start, c.moves, c.lost, c.playing, c.control = c.initial, c.moves[:0], false, false, control{}
	return append(dst, "new\nforce\npost\neasy\n"...)
}

// Move implements engine.Player. Limits are sent as "level", "st" and "sd". Times for one
// move that are not whole seconds are a time control of one move, "level 1", whose
// clock is set before each; a depth alone comes with 40 moves in 5 minutes, for "sd"
// does not lift the clock. Nodes cannot be limited, nor can a clock and the time of
// one move at once. An engine that does not answer in time is told to move; so it is
// when ctx ends. Errors are *engine.IllegalMoveError, *engine.ProtocolError, *engine.TimeoutError,
// *engine.CrashError, *UnsupportedError, and those that wrap engine.ErrResigned, engine.ErrGameOver,
// engine.ErrClosed or the error of ctx.
func (c *XBoard) Move(ctx context.Context, g *bitboard.Game, limit engine.Limit) (engine.Reply, error) {
	if err := c.begin(ctx, g, limit); err != nil {
		return engine.Reply{}, err
	}
	defer c.release()
	pos := g.Position()
	if err := c.compose(g, limit); err != nil {
		return engine.Reply{}, err
	}
	c.mu.Lock()
	c.searching, c.interrupted = true, false
	c.claim, c.refusal = c.claim[:0], c.refusal[:0]
	c.post.reset()
	c.mu.Unlock()
	c.lost = true // until there is a move
	start, err := c.search(ctx, pos.SideToMove(), limit)
	if err == nil {
		err = c.interruption(ctx, pos.SideToMove())
	}
	if err != nil {
		c.mu.Lock()
		c.searching = false
		c.mu.Unlock()
		return engine.Reply{}, err
	}
	r, err := c.answer(pos, start)
	if err == nil {
		c.moves = append(c.moves, r.Move)
		c.lost, c.playing = false, true
	}
	return r, err
}

// answer turns the move that has come into a Reply.
func (c *XBoard) answer(pos *bitboard.Position, start time.Time) (engine.Reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reply(pos, start, parsePost(c.post.line()), func(text string) (bitboard.Move, bool, error) {
		if _, err := bitboard.ParseUCI(text); err == nil {
			m, err := pos.ParseUCIMove(text)
			return m, true, err
		}
		m, err := pos.ParseSAN(text)
		return m, !errors.Is(err, bitboard.ErrNotation), err
	})
}

// interruption looks at what ended a search other than a move.
func (c *XBoard) interruption(ctx context.Context, side bitboard.Color) error {
	c.mu.Lock()
	moved, claim, refusal := !c.searching, string(c.claim), string(c.refusal)
	c.interrupted = false
	c.mu.Unlock()
	lost := map[bitboard.Color]string{bitboard.White: "0-1", bitboard.Black: "1-0"}[side]
	switch {
	case moved:
		return nil
	case refusal != "":
		return c.protocolError("refuses what is legal", refusal)
	case strings.HasPrefix(claim, "resign"), strings.HasPrefix(claim, lost):
		return fmt.Errorf("engine: %s: %w: %q", c.name, engine.ErrResigned, clip.Text(claim, lastLineLength))
	}
	// Some claim first and move then. Who answers a ping does not think any more.
	c.buf = c.appendPing(c.buf[:0])
	pinged := len(c.buf) > 0
	err := c.exchange(ctx, c.cfg.Timeouts.Stop, func() bool { return !c.searching || pinged && !c.pinging })
	switch {
	case errors.Is(err, errEnded):
		return c.died("search")
	case err != nil && !errors.Is(err, errDeadline):
		return c.failed("search", err)
	}
	if c.isSearching() {
		return c.protocolError("claims a result that the game does not have, and does not move", claim)
	}
	return nil
}

// compose writes into c.buf what makes the engine think about g: as little as
// possible, for engines are used to the opponent's moves one by one.
func (c *XBoard) compose(g *bitboard.Game, limit engine.Limit) error {
	side := g.Position().SideToMove()
	c.mu.Lock()
	f := c.features
	c.mu.Unlock()
	control, clocks, err := c.controlOf(limit, side, f.time)
	if err != nil {
		return err
	}
	c.buf = c.takeAnswers(c.buf[:0])
	moves := g.Moves()
	start := g.StartPosition()
	goesOn := !c.lost && start == c.start && len(c.moves) <= len(moves) && slices.Equal(c.moves, moves[:len(c.moves)]) &&
		(c.control.depth == 0 || control.depth > 0) // only "new" takes the depth back
	if !goesOn {
		c.buf = append(c.buf, "force\n"...)
		c.buf = c.appendNew(c.buf)
		if start != c.initial {
			if !f.setboard {
				return c.unsupported("cannot be given a position (feature setboard=0): only games from the initial position, such as the openings of a PGN file")
			}
			c.buf = append(start.AppendFEN(append(c.buf, "setboard "...)), '\n')
		}
		c.start = start
	}
	rest := moves[len(c.moves):]
	answers := c.playing && len(rest) == 1 // the move alone makes it think
	if c.playing && !answers {
		c.buf = append(c.buf, "force\n"...)
		c.playing = false
	}
	for i, m := range rest {
		if i == len(rest)-1 && answers {
			break
		}
		c.buf = c.appendMove(c.buf, g.PositionAt(len(c.moves)+i), m, &f)
	}
	c.buf = control.appendChange(c.buf, &c.control)
	c.control = control
	c.buf = append(c.buf, clocks...)
	c.buf = c.appendPing(c.buf)
	if answers {
		c.buf = c.appendMove(c.buf, g.PositionAt(len(moves)-1), rest[0], &f)
	} else {
		c.buf = append(c.buf, "go\n"...)
	}
	c.moves = append(c.moves, rest...)
	return nil
}

func (c *XBoard) appendMove(dst []byte, pos *bitboard.Position, m bitboard.Move, f *features) []byte {
	if f.usermove {
		dst = append(dst, "usermove "...)
	}
	at := len(dst)
	if f.san {
		dst = pos.AppendSAN(dst, m)
	} else {
		dst = m.AppendUCI(dst)
	}
	c.mu.Lock()
	c.sent = append(c.sent[:0], dst[at:]...)
	c.mu.Unlock()
	return append(dst, '\n')
}

// control is a time control as the engine knows it, the zero value that of nobody.
type control struct {
	level bool
	// moves and base are the arguments of "level" at the session's beginning, later
	// moves the number of them still to make; inc is in milliseconds.
	moves   int
	base    time.Duration
	inc     int64
	seconds int64 // of "st"
	depth   int
}

// controlOf says a limit in the words of the protocol: a control, which is sent
// when it changes, and the clocks, which are sent before each move.
func (c *XBoard) controlOf(l engine.Limit, side bitboard.Color, hasTime bool) (control, []byte, error) {
	own, other, inc := l.White, l.Black, l.WhiteInc
	if side == bitboard.Black {
		own, other, inc = l.Black, l.White, l.BlackInc
	}
	k := control{depth: l.Depth}
	switch {
	case l.Nodes > 0:
		return k, nil, c.unsupported("cannot be limited in nodes: xboard's protocol has no word for it; give it a depth or a time")
	case own > 0 && l.MoveTime > 0:
		return k, nil, c.unsupported("cannot have a clock and a time per move at once: xboard's protocol has one time control")
	case own > 0:
		k.level, k.moves, k.base, k.inc = true, l.MovesToGo, own, inc.Milliseconds()
	case l.MoveTime > 0 && l.MoveTime%time.Second == 0:
		k.seconds = int64(l.MoveTime / time.Second)
		own, other = l.MoveTime, l.MoveTime
	case l.MoveTime > 0:
		if !hasTime {
			return k, nil, c.unsupported(fmt.Sprintf("cannot be given %v a move: it takes whole seconds (feature time=0)", l.MoveTime))
		}
		k.level, k.moves, k.base = true, 1, l.MoveTime
		own, other = l.MoveTime, l.MoveTime
	default:
		// "sd" does not lift the time control, so that there must be a generous one,
		// but not one that has an engine think for minutes that does not know "sd":
		// xboard's own.
		own, other = 5*time.Minute, 5*time.Minute
		k.level, k.moves, k.base = true, 40, own
	}
	if !hasTime {
		return k, nil, nil
	}
	centiseconds := func(d time.Duration) int64 { return max(1, int64(d/(10*time.Millisecond))) }
	return k, fmt.Appendf(nil, "time %d\notim %d\n", centiseconds(own), centiseconds(other)), nil
}

// appendChange appends the commands that make the control k out of before.
func (k *control) appendChange(dst []byte, before *control) []byte {
	switch {
	case k.level:
		// A session goes on while its moves count down.
		if !before.level || k.inc != before.inc || (k.moves == 0) != (before.moves == 0) || k.moves > before.moves {
			dst = fmt.Appendf(dst, "level %d %s %s\n", k.moves, levelBase(k.base), strconv.FormatFloat(float64(k.inc)/1000, 'f', -1, 64))
		}
	case k.seconds != before.seconds || before.level:
		dst = fmt.Appendf(dst, "st %d\n", k.seconds)
	}
	if k.depth > 0 && k.depth != before.depth {
		dst = fmt.Appendf(dst, "sd %d\n", k.depth)
	}
	return dst
}

// levelBase writes the time of a session: minutes, or minutes and seconds. Parts of
// a second cannot be said; the clock that follows has them.
func levelBase(d time.Duration) string {
	seconds := max(1, int64(d/time.Second))
	if seconds%60 == 0 {
		return strconv.FormatInt(seconds/60, 10)
	}
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}

// unsupported is what the engine, or its protocol, cannot do.
func (c *XBoard) unsupported(reason string) error {
	return &UnsupportedError{Player: c.name, Reason: reason}
}

// hear takes a line of the engine's apart; mu is held.
func (c *XBoard) hear(word, rest []byte, long bool) {
	// After a claim it is asked whether it still thinks, and may move before it answers.
	thinking := c.searching && (!c.pinging || len(c.claim) > 0)
	switch string(word) {
	case "feature":
		if !long {
			c.hearFeatures(rest)
		}
	case "move":
		c.hearMove(rest, thinking)
	case "pong":
		n, _ := nextWord(rest)
		if !c.pinging || string(n) != strconv.Itoa(c.pings) {
			c.traffic.Stray++
			return
		}
		c.pinging = false
		// A search that is outstanding is awaited, not the ping before it.
		if !c.searching || len(c.claim) > 0 {
			c.signal()
		}
	case "resign", "1-0", "0-1", "1/2-1/2":
		if thinking {
			c.claim = append(c.claim[:0], c.lastLine...)
			c.interrupt()
		}
	case "Illegal":
		if thinking {
			c.refuse()
		}
	case "Error":
		// Other commands an engine need not know.
		if thinking && (len(c.sent) > 0 && bytes.Contains(rest, c.sent) || bytes.Contains(rest, []byte("usermove")) || bytes.Contains(rest, []byte("setboard"))) {
			c.refuse()
		}
	case "tellusererror":
		if c.searching && bytes.Contains(bytes.ToLower(rest), []byte("position")) {
			c.refuse()
		}
	case "My":
		// "My move is: e7e5", also with a space before the colon.
		if _, move, ok := bytes.Cut(rest, []byte(":")); ok && bytes.Contains(rest, []byte("move is")) {
			c.hearMove(move, thinking)
		}
	case "":
	default:
		switch {
		case word[0] >= '0' && word[0] <= '9':
			c.hearNumber(word, rest, thinking)
		case word[0] != '#' && !bytes.HasPrefix(word, []byte("tell")) && string(word) != "offer":
			c.traffic.Unknown++
		}
	}
}

func (c *XBoard) hearMove(rest []byte, thinking bool) {
	if !thinking {
		c.traffic.Stray++
		return
	}
	move, _ := nextWord(rest)
	c.found(move)
}

// hearNumber takes a line that begins with a digit: the move of an engine of
// version 1, "12. ... Nf6", or what it thinks.
func (c *XBoard) hearNumber(word, rest []byte, thinking bool) {
	if number, ok := bytes.CutSuffix(word, []byte("...")); ok && isNumber(number) {
		c.hearMove(rest, thinking)
		return
	}
	if number, ok := bytes.CutSuffix(word, []byte(".")); ok && isNumber(number) {
		if dots, move := nextWord(rest); string(dots) == "..." {
			c.hearMove(move, thinking)
			return
		}
	}
	if thinking {
		c.post.keepPost(word, rest)
	}
}

func (c *XBoard) refuse() {
	c.refusal = append(c.refusal[:0], c.lastLine...)
	c.interrupt()
}

// interrupt ends the waiting for a move that may not come.
func (c *XBoard) interrupt() {
	c.interrupted = true
	c.signal()
}

// hearFeatures takes what follows "feature": name=value pairs, values in double
// quotes when they are text.
func (c *XBoard) hearFeatures(rest []byte) {
	text := string(bytes.ToValidUTF8(rest, []byte("?")))
	for {
		text = strings.TrimLeft(text, " \t")
		name, value, ok := strings.Cut(text, "=")
		if !ok || len(name) > maxName {
			return
		}
		if quoted, isText := strings.CutPrefix(value, `"`); isText {
			value, text, _ = strings.Cut(quoted, `"`)
		} else {
			value, text, _ = strings.Cut(value, " ")
		}
		c.features.seen = true
		verdict := "accepted "
		if !c.hearFeature(strings.TrimSpace(name), value) {
			verdict = "rejected "
		}
		if len(c.answers) < maxLine {
			c.answers = append(append(append(c.answers, verdict...), strings.TrimSpace(name)...), '\n')
		}
		c.signal()
	}
}

// hearFeature keeps a feature; false when it is of no use here.
func (c *XBoard) hearFeature(name, value string) bool {
	f := &c.features
	flags := map[string]*bool{
		"ping": &f.ping, "setboard": &f.setboard, "san": &f.san, "usermove": &f.usermove, "time": &f.time,
		"reuse": &f.reuse, "memory": &f.memory, "smp": &f.smp,
	}
	if flag, ok := flags[name]; ok {
		*flag = value == "1"
		return value == "0" || value == "1"
	}
	switch name {
	case "done":
		f.patience = value == "0"
		c.handshake = c.handshake && value == "0"
		return true
	case "myname":
		if c.handshake {
			c.idName = title([]byte(value))
		}
		return true
	case "variants":
		f.variants = value
		return true
	case "option":
		o, ok := parseXOption(value)
		// An engine that is asked twice may say them twice.
		if ok && c.handshake && len(c.announced) < maxOptions && findOption(c.announced, o.Name) == nil {
			c.announced = append(c.announced, o)
		}
		return ok
	}
	// What we never send, whatever the engine says to it.
	return slices.Contains([]string{"analyze", "colors", "debug", "draw", "ics", "name", "pause", "playother", "sigint", "sigterm"}, name)
}

// parseXOption reads the value of a feature "option": NAME -TYPE VALUE...
func parseXOption(s string) (OptionInfo, bool) {
	i := strings.LastIndex(s, " -")
	// A value may hold " -" as well: the first that a type follows is meant.
	for j := range len(s) {
		if strings.HasPrefix(s[j:], " -") {
			word, _, _ := strings.Cut(s[j+2:], " ")
			if _, ok := xOptionTypes[word]; ok {
				i = j
				break
			}
		}
	}
	if i <= 0 {
		return OptionInfo{}, false
	}
	word, value, _ := strings.Cut(s[i+2:], " ")
	o := OptionInfo{Name: strings.Join(strings.Fields(s[:i]), " "), Default: strings.TrimSpace(value)}
	o.Type = xOptionTypes[word]
	switch o.Type {
	case UnknownType:
		return OptionInfo{}, false
	case Check:
		o.Default = strconv.FormatBool(o.Default == "1")
	case Spin:
		var numbers [3]int64
		fields := strings.Fields(value)
		if len(fields) != 3 {
			return OptionInfo{}, false
		}
		for i, f := range fields {
			n, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				return OptionInfo{}, false
			}
			numbers[i] = n
		}
		o.Default, o.Min, o.Max, o.HasMin, o.HasMax = fields[0], numbers[1], numbers[2], true, true
	case Combo:
		o.Default = ""
		for choice := range strings.SplitSeq(value, "///") {
			choice = strings.TrimSpace(choice)
			if chosen, ok := strings.CutPrefix(choice, "*"); ok {
				choice = chosen
				o.Default = chosen
			}
			o.Vars = append(o.Vars, choice)
		}
		if o.Default == "" {
			o.Default = o.Vars[0]
		}
	}
	return o, o.Name != ""
}

var xOptionTypes = map[string]OptionType{
	"button": Button, "save": Button, "reset": Button, "check": Check, "string": String, "file": String, "path": String,
	"spin": Spin, "slider": Spin, "combo": Combo,
}

// keepPost takes a line of thinking output: ply score time nodes, more numbers
// before a tab, and the line of play. Only its kind is looked at until it is asked
// for.
func (k *infoKeeper) keepPost(ply, rest []byte) {
	// One more character is GNU Chess's mark.
	if last := ply[len(ply)-1]; !isNumber(ply) && (last >= '0' && last <= '9' || !isNumber(ply[:len(ply)-1])) {
		return
	}
	line := rest
	for range 3 {
		var word []byte
		if word, line = nextWord(line); !isNumber(word) {
			return
		}
	}
	pv := bytes.TrimSpace(line)
	switch {
	case len(pv) > 0 && pv[0] == '(': // book moves, and no score
	case len(pv) > 0 && (pv[len(pv)-1] == '?' || pv[len(pv)-1] == '!'):
		k.bound = append(append(append(k.bound[:0], ply...), ' '), rest...)
	default:
		k.exact = append(append(append(k.exact[:0], ply...), ' '), rest...)
	}
}

// mateScore is the score of a mate in no moves: mate in N moves is 100000 + N, and
// -100000 - N when the engine is mated.
const mateScore = 100_000

// parsePost reads a line that keepPost kept, nil for an empty one.
func parsePost(line []byte) *engine.Score {
	if len(line) == 0 {
		return nil
	}
	s := new(engine.Score)
	number := func() int64 {
		var word []byte
		word, line = nextWord(line)
		n, _ := strconv.ParseInt(string(word), 10, 64)
		return n
	}
	ply, rest := nextWord(line)
	line = rest
	unit := 10 * time.Millisecond
	if !isNumber(ply) {
		// GNU Chess's mark after the ply says that the time is in seconds.
		ply, unit = ply[:len(ply)-1], time.Second
	}
	s.Depth, _ = strconv.Atoi(string(ply))
	score := number()
	// More than a year of time is nonsense, and would overflow.
	s.Time = time.Duration(min(max(number(), 0), 1<<31)) * unit
	s.Nodes = number()
	switch {
	case score >= mateScore:
		s.IsMate, s.Mate = true, int(score-mateScore)
	case score <= -mateScore:
		s.IsMate, s.Mate = true, int(score+mateScore)
	default:
		s.Centipawns = int(score)
	}
	// Numbers before a tab are no moves: selective depth, speed, and the tablebase
	// probes last.
	var extra []int64
	for at := line; ; {
		word, after := nextWord(at)
		if !isNumber(word) {
			break
		}
		n, _ := strconv.ParseInt(string(word), 10, 64)
		extra = append(extra, n)
		if at = after; len(at) > 0 && at[0] == '\t' {
			line = at
			if len(extra) > 1 {
				s.SelDepth = int(extra[0])
			}
			if len(extra) > 2 {
				s.NPS = extra[1]
			}
		}
	}
	pv := bytes.TrimSpace(line)
	if n := len(pv); n > 0 {
		switch pv[n-1] {
		case '?':
			s.Bound = engine.UpperBound
		case '!':
			s.Bound = engine.LowerBound
		}
		if s.Bound != engine.Exact {
			pv = bytes.TrimSpace(pv[:n-1])
		}
	}
	s.PV = string(bytes.ToValidUTF8(pv, []byte("?")))
	return s
}

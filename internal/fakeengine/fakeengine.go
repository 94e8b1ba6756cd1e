// Package fakeengine is a UCI engine for tests, and with -xboard one that speaks
// xboard's protocol. It plays a legal move that follows from its option Seed and the
// position alone, at once, and it misbehaves on demand: one fault a flag.
//
// It checks its client, too: a command that the protocol does not allow at that
// moment, an option it never announced, an illegal move in a position ends it
// with ExitViolation and a message on standard error.
//
// Tests run it in one of two ways. A test binary whose TestMain calls RunIfAsked
// is a fake engine when it is started as Self says; others build the command
// with Build.
package fakeengine

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"transcend/internal/bitboard"
	"transcend/internal/draw"
)

// Exit codes, all unlike those of a Go program that panics (2).
const (
	ExitCrash     = 33 // a crash by flag
	ExitViolation = 70 // the client broke the protocol
)

// lifetime ends an engine that hangs by flag, should whoever tests with it fail
// to: no machine keeps one longer.
const lifetime = 5 * time.Minute

// A point is where a fault may strike. They have the names of UCI's commands; of
// xboard's protocol "uci" is protover, "setoption" option, memory and cores,
// "isready" ping, "ucinewgame" new, "position" setboard or a move, "go" what makes
// it think, "bestmove" move and "stop" "?".
var points = []string{
	"start",      // before anything is read
	"uci",        // instead of answering
	"setoption",  // when it comes
	"isready",    // instead of answering; the first comes after the options
	"ucinewgame", // when it comes
	"position",   // when it comes
	"go",         // instead of searching
	"bestmove",   // right after the move has been sent
	"stop",       // when it comes
	"quit",       // when it comes
	"eof",        // at the end of the input
}

// faults are the flags.
type faults struct {
	crash, stall, mute, closeStdout string
	after                           int
	exitCode                        int
	signal                          bool

	bestmove                                   string
	late, readyDelay                           time.Duration
	untilStop, double, stray                   bool
	flood, longLine, stderr                    int
	chatter, split, noNewline, crlf, garbage   bool
	oddOptions, noOptions                      bool
	grandchild, escape                         bool
	ignoreQuit, ignoreStop, ignoreEOF, ignTerm bool
	uciok, name, scores                        string
	hold                                       bool
	xboard                                     bool
	features                                   string
}

func parseFlags(args []string, stderr io.Writer) (*faults, error) {
	f := new(faults)
	fs := flag.NewFlagSet("fakeengine", flag.ContinueOnError)
	fs.SetOutput(stderr)
	at := " at `POINT`: " + strings.Join(points, ", ")
	fs.StringVar(&f.crash, "crash", "", "exit"+at)
	fs.StringVar(&f.stall, "stall", "", "stop reading and answering for good"+at)
	fs.StringVar(&f.mute, "mute", "", "ignore the command"+at)
	fs.StringVar(&f.closeStdout, "close-stdout", "", "close standard output and go on"+at)
	fs.IntVar(&f.after, "after", 1, "make the faults above strike at the `N`th time the point is reached, and -bestmove from the Nth go on")
	fs.IntVar(&f.exitCode, "exit-code", ExitCrash, "exit code of -crash")
	fs.BoolVar(&f.signal, "signal", false, "let a crash be the death by SIGKILL")
	fs.StringVar(&f.bestmove, "bestmove", "", "instead of a legal move, send a `KIND`: "+strings.Join(bestmoveKinds(), ", "))
	fs.DurationVar(&f.late, "late", 0, "send bestmove this much later, whatever comes in between")
	fs.DurationVar(&f.readyDelay, "ready-delay", 0, "send readyok this much later")
	fs.BoolVar(&f.untilStop, "until-stop", false, "send bestmove only after stop")
	fs.BoolVar(&f.double, "double", false, "send every bestmove twice, the second with an illegal move")
	fs.BoolVar(&f.stray, "stray", false, "send a bestmove before every readyok")
	fs.IntVar(&f.flood, "flood", 0, "send `N` info lines before each bestmove")
	fs.IntVar(&f.longLine, "long-line", 0, "send an info line of `N` bytes before each bestmove")
	fs.IntVar(&f.stderr, "stderr", 0, "write `N` bytes to standard error at the start, and last words before a crash")
	fs.BoolVar(&f.chatter, "chatter", false, "send info lines all the time")
	fs.BoolVar(&f.split, "split", false, "write byte by byte")
	fs.BoolVar(&f.noNewline, "no-newline", false, "end after the first bestmove, without a line break")
	fs.BoolVar(&f.crlf, "crlf", false, "end lines in CR LF")
	fs.BoolVar(&f.garbage, "garbage", false, "send lines that are not UCI between the others")
	fs.BoolVar(&f.oddOptions, "odd-options", false, "announce options in odd ways")
	fs.BoolVar(&f.noOptions, "no-options", false, "announce no options")
	fs.BoolVar(&f.grandchild, "grandchild", false, "start a child that holds all pipes and never ends")
	fs.BoolVar(&f.escape, "escape", false, "let that child leave the process group (Unix)")
	fs.BoolVar(&f.ignoreQuit, "ignore-quit", false, "ignore quit")
	fs.BoolVar(&f.ignoreStop, "ignore-stop", false, "ignore stop")
	fs.BoolVar(&f.ignoreEOF, "ignore-eof", false, "go on after the end of the input")
	fs.BoolVar(&f.ignTerm, "ignore-term", false, "ignore SIGTERM, SIGINT and SIGHUP")
	fs.StringVar(&f.uciok, "uciok", "uciok", "send `LINE` for uciok")
	fs.StringVar(&f.name, "name", "Fake 1.0", "the engine's name")
	fs.StringVar(&f.scores, "scores", "", "send these info lines, separated by |, before each bestmove")
	fs.BoolVar(&f.hold, "hold", false, "be the child of -grandchild")
	fs.BoolVar(&f.xboard, "xboard", false, "speak xboard's protocol")
	fs.StringVar(&f.features, "features", "usual", "with -xboard, announce a `SET` of features: "+strings.Join(featureSets, ", "))
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	for _, p := range []string{f.crash, f.stall, f.mute, f.closeStdout} {
		if p != "" && !slices.Contains(points, p) {
			return nil, fmt.Errorf("fakeengine: no point %q, want one of %s", p, strings.Join(points, ", "))
		}
	}
	if f.bestmove != "" && !slices.Contains(bestmoveKinds(), f.bestmove) {
		return nil, fmt.Errorf("fakeengine: no bestmove %q, want one of %s", f.bestmove, strings.Join(bestmoveKinds(), ", "))
	}
	if !slices.Contains(featureSets, f.features) {
		return nil, fmt.Errorf("fakeengine: no features %q, want one of %s", f.features, strings.Join(featureSets, ", "))
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("fakeengine: unexpected argument %q", fs.Arg(0))
	}
	return f, nil
}

// bestmoves are the values of -bestmove: how the answer is written in place of the legal move m. In
// xboard's protocol there are also those of claims.
var bestmoves = map[string]func(p *bitboard.Position, m bitboard.Move) string{
	"none":    func(*bitboard.Position, bitboard.Move) string { return "(none)" },
	"zero":    func(*bitboard.Position, bitboard.Move) string { return "0000" },
	"null":    func(*bitboard.Position, bitboard.Move) string { return "NULL" },
	"empty":   func(*bitboard.Position, bitboard.Move) string { return "" },
	"garbage": func(*bitboard.Position, bitboard.Move) string { return "xyzzy" },
	"illegal": func(p *bitboard.Position, m bitboard.Move) string {
		for code := range bitboard.Move(1 << 12) {
			if code != bitboard.NoMove && code.From() != code.To() && !p.IsLegal(code) {
				return code.String()
			}
		}
		return m.String()
	},
	// Castling, whenever it is legal, as Chess960 writes it.
	"king-takes-rook": func(p *bitboard.Position, m bitboard.Move) string {
		for _, castling := range []string{"e1g1", "e1c1", "e8g8", "e8c8"} {
			if m, err := p.ParseUCIMove(castling); err == nil && p.PieceAt(m.From()).Type() == bitboard.King {
				rook := map[byte]string{'g': "h", 'c': "a"}[castling[2]]
				return castling[:2] + rook + castling[3:]
			}
		}
		return m.String()
	},
	// Promotions as e7e8Q.
	"uppercase": func(p *bitboard.Position, m bitboard.Move) string {
		for _, m := range p.Legal(nil) {
			if m.Promotion() == bitboard.Queen {
				return m.String()[:4] + "Q"
			}
		}
		return m.String()
	},
}

// bestmoveKinds are the names of bestmoves and claims.
func bestmoveKinds() []string {
	kinds := slices.AppendSeq(slices.Sorted(maps.Keys(bestmoves)), maps.Keys(claims))
	slices.Sort(kinds)
	return kinds
}

// Main is the engine. It returns the exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	f, err := parseFlags(args, stderr)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return ExitViolation
	}
	time.AfterFunc(lifetime, func() { os.Exit(9) })
	e := &engine{
		f: f, in: bufio.NewReaderSize(stdin, 64<<10), out: stdout, err: stderr,
		counts: make(map[string]int), newline: "\n", start: bitboard.Start(),
	}
	e.game = bitboard.NewGame(e.start)
	if f.crlf {
		e.newline = "\r\n"
	}
	return e.run()
}

type engine struct {
	f        *faults
	in       *bufio.Reader
	out, err io.Writer
	newline  string
	counts   map[string]int // how often each point was reached

	mu  sync.Mutex // guards buf against -chatter
	buf []byte

	start     bitboard.Position
	game      *bitboard.Game
	seed      uint64
	goes      int
	searching bool
	x         xboard // with -xboard
	legal     [bitboard.MaxMoves]bitboard.Move
}

// quitError ends run with an exit code.
type quitError int

func (q quitError) Error() string { return fmt.Sprintf("exit with %d", int(q)) }

func (e *engine) run() int {
	if err := e.setup(); err != nil {
		return e.exit(err)
	}
	var long []byte
	for {
		if e.in.Buffered() == 0 {
			e.flush()
		}
		line, err := e.in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long[:0], line...)
			line, err = e.in.ReadSlice('\n')
			for errors.Is(err, bufio.ErrBufferFull) {
				long = append(long, line...)
				line, err = e.in.ReadSlice('\n')
			}
			line = append(long, line...)
		}
		if err != nil {
			if err := e.at("eof"); err != nil && !errors.Is(err, errMuted) {
				return e.exit(err)
			}
			if e.f.ignoreEOF {
				e.flush()
				hang()
			}
			return e.exit(quitError(0))
		}
		obey := e.command
		if e.f.xboard {
			obey = e.xcommand
		}
		if err := obey(bytes.TrimRight(line, "\r\n")); err != nil {
			return e.exit(err)
		}
	}
}

func (e *engine) exit(err error) int {
	e.flush()
	var q quitError
	if errors.As(err, &q) {
		return int(q)
	}
	fmt.Fprintln(e.err, "fakeengine: protocol violation:", err)
	return ExitViolation
}

func (e *engine) setup() error {
	if e.f.ignTerm {
		ignoreSignals()
	}
	if e.f.hold {
		hang()
	}
	if e.f.stderr > 0 {
		line := strings.Repeat("e", 79) + "\n"
		for n := e.f.stderr; n > 0; n -= len(line) {
			io.WriteString(e.err, line)
		}
	}
	if e.f.grandchild {
		if err := e.startGrandchild(); err != nil {
			return err
		}
	}
	if e.f.chatter {
		go func() {
			for n := 0; ; n++ {
				e.mu.Lock()
				_, err := fmt.Fprintf(e.out, "info depth %d score cp -7 string chatter%s", n, e.newline)
				e.mu.Unlock()
				if err != nil {
					return
				}
			}
		}()
	}
	if err := e.at("start"); !errors.Is(err, errMuted) {
		return err
	}
	return nil
}

// startGrandchild starts a process that inherits the three pipes.
func (e *engine) startGrandchild() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, "-hold", "-ignore-term")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if e.f.escape {
		escape(cmd)
	}
	return cmd.Start()
}

// at is called at every point; it does not return from a crash or a stall. It
// returns errMuted when the command is to be ignored.
func (e *engine) at(point string) error {
	e.counts[point]++
	strikes := func(fault string) bool { return fault == point && e.counts[point] == e.f.after }
	if strikes(e.f.crash) {
		e.flush()
		if e.f.stderr > 0 {
			fmt.Fprintln(e.err, "last words")
		}
		if e.f.signal {
			self, _ := os.FindProcess(os.Getpid())
			_ = self.Kill()
			hang()
		}
		return quitError(e.f.exitCode)
	}
	if strikes(e.f.stall) {
		e.flush()
		hang()
	}
	if strikes(e.f.closeStdout) {
		e.flush()
		if c, ok := e.out.(io.Closer); ok {
			_ = c.Close()
		}
	}
	if strikes(e.f.mute) {
		return errMuted
	}
	return nil
}

var errMuted = errors.New("muted")

// hang never returns.
func hang() {
	for {
		time.Sleep(time.Hour)
	}
}

func (e *engine) say(words ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.f.garbage {
		e.buf = append(e.buf, "\x00\xff\xfe garbage \x1b[31m"...)
		e.buf = append(e.buf, e.newline...)
		e.buf = append(e.buf, e.newline...)
	}
	for _, w := range words {
		e.buf = append(e.buf, w...)
	}
	e.buf = append(e.buf, e.newline...)
}

// flush writes what say has collected.
func (e *engine) flush() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.buf) == 0 {
		return
	}
	if e.f.split {
		for i := range e.buf {
			_, _ = e.out.Write(e.buf[i : i+1])
		}
	} else {
		// A client that is gone is met at the end of the input.
		_, _ = e.out.Write(e.buf)
	}
	e.buf = e.buf[:0]
}

func (e *engine) command(line []byte) error {
	word, rest, _ := bytes.Cut(line, []byte(" "))
	point := string(word)
	switch point {
	case "isready", "ucinewgame", "position", "go", "setoption", "uci":
		if e.searching {
			return fmt.Errorf("%q during a search", clip(line))
		}
	case "stop":
		// An engine that is late, or never said readyok, is stopped after its move.
		if !e.searching && e.f.late == 0 && e.f.mute == "" {
			return errors.New("stop without a search")
		}
	case "quit":
	default:
		return fmt.Errorf("unknown command %q", clip(line))
	}
	if slices.Contains(points, point) {
		err := e.at(point)
		if errors.Is(err, errMuted) {
			if point == "go" {
				// To the client it is a search that never ends.
				e.searching, e.f.ignoreStop = true, true
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
	switch point {
	case "uci":
		e.greet()
	case "isready":
		e.ready("bestmove", "readyok")
	case "setoption":
		return e.setOption(string(rest))
	case "position":
		return e.position(rest)
	case "go":
		if len(rest) == 0 {
			return errors.New("go without a limit")
		}
		return e.think()
	case "stop":
		if e.searching && !e.f.ignoreStop {
			e.searching = false
			return e.answer()
		}
	case "quit":
		if !e.f.ignoreQuit {
			return quitError(0)
		}
	}
	return nil
}

// ready answers a ping.
func (e *engine) ready(verb, answer string) {
	if e.f.readyDelay > 0 {
		e.flush()
		time.Sleep(e.f.readyDelay)
	}
	if e.f.stray {
		e.say(verb, " h1h8")
	}
	e.say(answer)
}

// think searches.
func (e *engine) think() error {
	e.goes++
	if e.f.untilStop {
		e.searching = true
		return nil
	}
	if e.f.late > 0 {
		e.flush()
		time.Sleep(e.f.late)
	}
	return e.answer()
}

// optionLines are the announcements; setOption accepts their names.
func (e *engine) optionLines() []string {
	switch {
	case e.f.noOptions:
		return nil
	case e.f.oddOptions:
		return []string{
			"option", "option name", "option type spin", "option name  Wide   Name  type  SPIN  min -5 max 5 default 0",
			"option name Loud type check default true", "option name NoType", "option name Odd type widget default x",
			"option name Backwards type spin max 9 min 1 default 3", "option name Unbounded type spin default 1",
			"option name Broken type spin min low max high", "option name Style type combo default Very Solid var Very Solid var type of risk var Normal",
			"option name Path type string default <empty>", "option name Note type string", "option name Type Min type string default a name b",
			"option name Press Me type button",
		}
	}
	return []string{
		"option name Threads type spin default 1 min 1 max 1024",
		"option name Hash type spin default 16 min 1 max 1048576",
		"option name Clear Hash type button",
		"option name Ponder type check default false",
		"option name MultiPV type spin default 1 min 1 max 500",
		"option name Skill Level type spin default 20 min 0 max 20",
		"option name Style type combo default Normal var Solid var Normal var Risky",
		"option name SyzygyPath type string default <empty>",
		"option name UCI_Chess960 type check default false",
		"option name UCI_LimitStrength type check default false",
		"option name UCI_Elo type spin default 1320 min 1320 max 3190",
		"option name Seed type spin default 0 min 0 max 9223372036854775807",
	}
}

func (e *engine) greet() {
	e.say("id name ", e.f.name)
	e.say("id author nobody")
	for _, line := range e.optionLines() {
		e.say(line)
	}
	if e.f.uciok != "none" {
		e.say(e.f.uciok)
	}
}

func (e *engine) setOption(s string) error {
	s, ok := strings.CutPrefix(s, "name ")
	if !ok {
		return fmt.Errorf("setoption without name: %q", s)
	}
	name, value, _ := strings.Cut(s, " value ")
	known := slices.ContainsFunc(e.optionLines(), func(line string) bool {
		_, line, _ = strings.Cut(line, "name ")
		announced, _, _ := strings.Cut(line, " type ")
		return strings.EqualFold(strings.Join(strings.Fields(announced), " "), name)
	})
	if !known {
		return fmt.Errorf("no option %q", name)
	}
	if strings.EqualFold(name, "Seed") {
		seed, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return err
		}
		e.seed = seed
	}
	return nil
}

// position sets up the game. Most positions are the one before and two more
// moves, which is what it looks for first.
func (e *engine) position(rest []byte) error {
	setup, moves, _ := bytes.Cut(rest, []byte("moves "))
	setup = bytes.TrimSpace(setup)
	start := e.start
	if !bytes.Equal(setup, []byte("startpos")) {
		fen, ok := bytes.CutPrefix(setup, []byte("fen "))
		if !ok {
			return fmt.Errorf("position %q", clip(rest))
		}
		var err error
		if start, err = bitboard.ParseFEN(string(fen)); err != nil {
			return err
		}
	}
	played := e.game.Moves()
	if e.game.StartPosition() != start {
		e.game, played = bitboard.NewGame(start), nil
	}
	n := 0
	var text [8]byte
	for len(moves) > 0 {
		var word []byte
		word, moves, _ = bytes.Cut(moves, []byte(" "))
		if len(word) == 0 {
			continue
		}
		if n < len(played) {
			if bytes.Equal(played[n].AppendUCI(text[:0]), word) {
				n++
				continue
			}
			// Another line: play the common part again.
			game := bitboard.NewGame(start)
			for _, m := range played[:n] {
				if err := game.Make(m); err != nil {
					return err
				}
			}
			e.game, played = game, nil
		}
		m, err := e.game.Position().ParseUCIMove(string(word))
		if err != nil {
			return err
		}
		if err := e.game.Make(m); err != nil {
			return err
		}
		n++
		played = nil
	}
	if n < len(played) {
		game := bitboard.NewGame(start)
		for _, m := range played[:n] {
			if err := game.Make(m); err != nil {
				return err
			}
		}
		e.game = game
	}
	return nil
}

// Choose returns the move the engine plays: one of the legal moves, by a hash of
// seed and position. It is NoMove when there is none.
func Choose(seed uint64, p *bitboard.Position) bitboard.Move {
	var buf [bitboard.MaxMoves]bitboard.Move
	return choose(seed, p, buf[:0])
}

// Game is a game of so many plies in which both sides are engines with the same seed: a line
// of play for benchmarks in which choosing moves shall cost nothing.
func Game(plies int) *bitboard.Game {
	for seed := uint64(1); ; seed++ {
		g := bitboard.NewGame(bitboard.Start())
		for g.Ply() < plies && g.Position().HasLegalMove() {
			if err := g.Make(Choose(seed, g.Position())); err != nil {
				panic(err) // it is legal
			}
		}
		if g.Ply() == plies {
			return g
		}
	}
}

func choose(seed uint64, p *bitboard.Position, buf []bitboard.Move) bitboard.Move {
	moves := p.Legal(buf)
	if len(moves) == 0 {
		return bitboard.NoMove
	}
	// The half move clock tells the visits of one position apart, or games would
	// repeat themselves. Each move gets a hash and the smallest wins, so that the
	// order of generation does not matter.
	h := draw.Mix(p.Hash()+draw.Mix(seed+uint64(p.HalfmoveClock())<<56, 1), 1)
	best, least := bitboard.NoMove, uint64(0)
	for _, m := range moves {
		if v := draw.Mix(h+uint64(m), 1); best == bitboard.NoMove || v < least {
			best, least = m, v
		}
	}
	return best
}

// answer sends what precedes bestmove, and bestmove.
func (e *engine) answer() error {
	p := e.game.Position()
	m := choose(e.seed, p, e.legal[:0])
	move := m.String()
	if write := bestmoves[e.f.bestmove]; write != nil && e.goes >= e.f.after {
		move = write(p, m)
	}
	verb := "bestmove "
	if e.f.xboard {
		var done bool
		if verb, move, done = e.xanswer(m, move); done {
			return nil
		}
	}
	switch {
	case e.f.scores != "":
		for line := range strings.SplitSeq(e.f.scores, "|") {
			if !e.f.xboard {
				line = "info " + line
			}
			e.say(line)
		}
	case e.f.xboard:
		e.say("1 ", strconv.Itoa(int(p.Hash()%200)-100), " 0 1 ", m.String())
	default:
		e.say("info depth 1 seldepth 1 multipv 1 score cp ", strconv.Itoa(int(p.Hash()%200)-100), " nodes 1 nps 1000 time 0 pv ", m.String())
	}
	for i := range e.f.flood {
		switch i % 4 {
		case 0:
			e.say("info depth 9 multipv 2 score cp 999 nodes 5 pv a2a3")
		case 1:
			e.say("info string score cp 888")
		case 2:
			e.say("info depth 9 multipv 1 score cp 777 lowerbound nodes 5")
		default:
			e.say("info depth 2 multipv 1 score cp 42 nodes ", strconv.Itoa(i), " time 7 pv a2a3 a7a6")
		}
		if i%1000 == 0 {
			e.flush()
		}
	}
	if e.f.longLine > 0 {
		e.say("info string ", strings.Repeat("x", e.f.longLine))
	}
	if e.f.noNewline {
		e.flush()
		e.mu.Lock()
		e.buf = append(e.buf, verb+move...)
		e.mu.Unlock()
		return quitError(e.f.exitCode)
	}
	e.say(verb, move)
	if e.f.double {
		e.say(verb, "h1h8")
	}
	if err := e.at("bestmove"); !errors.Is(err, errMuted) {
		return err
	}
	return nil
}

// selfEnv makes a test binary be the engine; see RunIfAsked.
const selfEnv = "TRANSCEND_FAKE_ENGINE"

// RunIfAsked is called first in TestMain. In a process started as Self says it is
// the engine, and does not return.
func RunIfAsked() {
	if os.Getenv(selfEnv) != "" {
		os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
}

// Self returns the program and the environment to add to start the running test
// binary as a fake engine, with the engine's flags as arguments.
func Self() (path string, env []string) {
	path, err := os.Executable()
	if err != nil {
		path = os.Args[0]
	}
	// A program built for the race detector otherwise lingers for a second when it
	// ends, to see races at the end.
	return path, []string{selfEnv + "=1", "GORACE=atexit_sleep_ms=0"}
}

// Build builds the command into dir and returns its path. It needs the go
// command, as any test of this module has it.
func Build(dir string) (string, error) {
	path := filepath.Join(dir, "fakeengine"+exeSuffix)
	cmd := exec.Command("go", "build", "-o", path, "transcend/internal/fakeengine/cmd/fakeengine")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fakeengine: building: %w: %s", err, out)
	}
	return path, nil
}

func clip(b []byte) string { return string(b[:min(len(b), 80)]) }

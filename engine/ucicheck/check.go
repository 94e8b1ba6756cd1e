// Package ucicheck examines a UCI engine: a list of named checks, each with a
// verdict. It sends what chess programs and match runners really send, at moments
// that the protocol allows, and looks at everything that comes back.
//
// A failure is a breach of the protocol (the description of April 2006, and what
// every tool relies on): an answer that is missing, late by far, not legal or one
// too many. A warning is something that the protocol leaves open or that only some
// tools need.
package ucicheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"transcend/internal/bitboard"
)

// Options say which engine, and how patient to be.
type Options struct {
	Path string
	Args []string
	Dir  string
	Env  []string // added to our own
	// StartTimeout is the time until "uciok" and the first "readyok" (default 30 s),
	// Timeout that of every answer that is due at once (default 5 s).
	StartTimeout, Timeout time.Duration
	// Margin is by how much a time limit may be overstepped (default 200 ms).
	Margin time.Duration
	// Quiet is how long nothing must come where nothing may (default 300 ms).
	Quiet time.Duration
}

// Verdict is what a check comes to.
type Verdict string

// The verdicts.
const (
	Pass Verdict = "pass"
	Warn Verdict = "warn"
	Fail Verdict = "fail"
	Skip Verdict = "skip" // it does not apply, or the engine does not start
)

// Result is a check's.
type Result struct {
	Name    string        `json:"name"`
	What    string        `json:"what"` // what is expected
	Verdict Verdict       `json:"verdict"`
	Text    string        `json:"text,omitempty"` // what was found instead
	Elapsed time.Duration `json:"elapsed_ns"`
}

type check struct {
	name, what string
	run        func(*probe) error
}

// Names returns the names of all checks, in their order.
func Names() []string {
	var names []string
	for _, c := range checks {
		names = append(names, c.name)
	}
	return names
}

// Run makes the checks, only those named if there are any, and reports each when
// it is done. The engine is started once, and again after every check that it did
// not pass. The error is ctx's.
func Run(ctx context.Context, o Options, only []string, report func(Result)) error {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&o.StartTimeout, 30*time.Second)
	set(&o.Timeout, 5*time.Second)
	set(&o.Margin, 200*time.Millisecond)
	set(&o.Quiet, 300*time.Millisecond)
	p := &probe{Options: o, ctx: ctx}
	defer p.end()
	started := false // it can be started at all
	for i, c := range checks {
		if i > 0 && len(only) > 0 && !slices.Contains(only, c.name) {
			continue
		}
		r := Result{Name: c.name, What: c.what, Verdict: Skip, Text: "the engine does not start"}
		began := time.Now()
		if i == 0 || started {
			var err error
			if p.proc == nil && i > 0 {
				err = p.greet()
			}
			if err == nil {
				err = c.run(p)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			var f *finding
			switch {
			case err == nil:
				r.Verdict, r.Text = Pass, ""
			case errors.As(err, &f):
				r.Verdict, r.Text = f.verdict, err.Error()
			default:
				r.Verdict, r.Text = Fail, err.Error()
			}
			if i == 0 {
				started = r.Verdict != Fail
			}
			if r.Verdict == Fail {
				p.end()
			}
		}
		r.Elapsed = time.Since(began)
		if i == 0 && len(only) > 0 && !slices.Contains(only, c.name) && r.Verdict != Fail {
			continue
		}
		report(r)
	}
	return nil
}

const (
	italian = "startpos moves e2e4 e7e5 g1f3 b8c6 f1c4 f8c5"
	kiwi    = "fen r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1"
)

// goes is a check of one form of go: answered by a legal move, in time when the
// command bounds it.
func goes(name, position, command string, within time.Duration) check {
	return check{name, fmt.Sprintf("%q is answered by one legal bestmove%s", command, map[bool]string{true: " in time"}[within > 0]), func(p *probe) error {
		wait := p.Timeout
		if within > 0 {
			wait += within
		}
		a, err := p.search(position, command, wait)
		if err != nil {
			return err
		}
		if within > 0 && a.took > within+p.Margin {
			return failf("it took %v of %v, and %v is the margin", a.took.Round(time.Millisecond), within, p.Margin)
		}
		if within > 0 && a.took > within {
			return warnf("it took %v of %v: lost on time where no margin is given", a.took.Round(time.Millisecond), within)
		}
		return nil
	}}
}

// ready is a check that lines leave the engine alive and silent.
func ready(name, what string, lines ...string) check {
	return check{name, what, func(p *probe) error {
		p.send(lines...)
		return p.sync()
	}}
}

// advisory turns a failure into a warning.
func advisory(c check) check {
	run := c.run
	c.run = func(p *probe) error {
		err := run(p)
		var f *finding
		if errors.As(err, &f) && f.verdict == Fail {
			p.end() // it may be in any state
			return &finding{Warn, f.text}
		}
		return err
	}
	return c
}

var checks = []check{
	{"handshake", `"uci" is answered by "uciok", "isready" by "readyok"`, (*probe).greet},
	{"id", "it tells its name and its author", func(p *probe) error {
		for _, what := range []string{"id name ", "id author "} {
			if !slices.ContainsFunc(p.greeting, func(l string) bool { return strings.HasPrefix(l, what) && len(l) > len(what) }) {
				return failf("no %q line", strings.TrimSpace(what))
			}
		}
		return nil
	}},
	{"options", "its options are well formed and their defaults possible", checkOptions},
	{"uci-again", `a second "uci" is answered like the first`, func(p *probe) error {
		p.send("uci")
		if _, err := p.until("uciok", p.Timeout); err != nil {
			return err
		}
		return p.sync()
	}},
	ready("newgame", `"ucinewgame" leaves it ready`, "ucinewgame", "ucinewgame"),
	ready("unknown-command", "what it does not know is ignored", "xyzzy 1 2 3", "", "   ", "register later", "debug on", "debug off"),
	ready("long-line", "a line of 100 kB that it does not know is ignored", "xyzzy "+strings.Repeat("x ", 50_000)),
	advisory(check{"unknown-token", `"joho isready" is "isready": unknown words are skipped`, func(p *probe) error {
		p.send("joho isready")
		_, err := p.until("readyok", p.Timeout/5)
		return err
	}}),
	{"spaces", `spaces, tabs and CR around "isready" do no harm`, func(p *probe) error {
		for _, line := range []string{"  isready", "isready   ", "\tisready", "isready\r"} {
			p.send(line)
			if _, err := p.until("readyok", p.Timeout); err != nil {
				return fmt.Errorf("%q: %w", line, err)
			}
		}
		return nil
	}},
	ready("stop-idle", `"stop" and "ponderhit" without a search are ignored`, "stop", "ponderhit", "stop"),
	{"set-options", "each option can be set to its default (but for files that it would write)", func(p *probe) error {
		for _, o := range p.options {
			info, ok := parseOption(o)
			if !ok || info.typ == "button" || info.typ == "string" && namesOutput(info.name) {
				continue
			}
			p.send("setoption name " + info.name + " value " + info.def)
		}
		p.send("setoption name No Such Option value 3", "setoption name")
		p.send("isready")
		_, err := p.until("readyok", p.StartTimeout) // large tables are made anew
		return err
	}},

	goes("go-depth", "startpos", "go depth 1", 0),
	goes("go-nodes", "startpos", "go nodes 1", 0),
	goes("go-movetime", "startpos", "go movetime 100", 100*time.Millisecond),
	goes("go-clocks", "startpos", "go wtime 1000 btime 1000 winc 0 binc 0", time.Second),
	goes("go-black", italian+" e1g1", "go wtime 1 btime 1000", time.Second),
	goes("go-one-clock", "startpos", "go wtime 100", 100*time.Millisecond),
	goes("go-other-clock", "startpos", "go btime 100", 0),
	goes("go-increment", "startpos", "go wtime 100 winc 100 btime 100 binc 100", 100*time.Millisecond),
	goes("go-order", "startpos", "go btime 100 binc 100 wtime 100 winc 100", 100*time.Millisecond),
	goes("go-movestogo", italian, "go movestogo 1 wtime 200 btime 200", 200*time.Millisecond),
	goes("go-10ms-clock", italian, "go wtime 10 btime 10", 10*time.Millisecond),
	goes("go-10ms-movetime", italian, "go movetime 10", 10*time.Millisecond),
	goes("go-negative-clock", italian, "go wtime -20 btime 1000", 10*time.Millisecond),
	goes("go-huge-clock", "startpos", "go wtime 2147483647 btime 2147483647 depth 1", 0),
	advisory(check{"go-searchmoves", `"searchmoves" limits the choice`, func(p *probe) error {
		a, err := p.search("startpos", "go depth 1 searchmoves a2a3", p.Timeout)
		if err == nil && a.text != "a2a3" {
			err = failf("it played %s", a.text)
		}
		return err
	}}),
	{"infinite", `"go infinite" is answered after "stop", not before`, func(p *probe) error { return held(p, "go infinite", "stop") }},
	{"infinite-forced", "so it is where there is one legal move", func(p *probe) error {
		p.send("position " + oneMove)
		if err := p.sync(); err != nil {
			return err
		}
		p.send("go infinite")
		if err := p.none("bestmove", p.Quiet); err != nil {
			return err
		}
		p.send("stop")
		_, err := p.answer(oneMove, p.Timeout)
		return err
	}},
	{"ponder-hit", `"go ponder" is answered after "ponderhit", not before`, func(p *probe) error {
		return held(p, "go ponder wtime 500 btime 500", "ponderhit")
	}},
	{"ponder-stop", `"go ponder" is answered after "stop"`, func(p *probe) error { return held(p, "go ponder wtime 500 btime 500", "stop") }},
	{"stop-at-once", `"stop" right after "go" is answered`, func(p *probe) error {
		for range 5 {
			p.send("position startpos", "go infinite", "stop")
			if _, err := p.answer("startpos", p.Timeout); err != nil {
				return err
			}
		}
		return nil
	}},
	{"isready-searching", `"isready" during a search is answered at once`, func(p *probe) error {
		p.send("position startpos", "go infinite", "isready")
		lines, err := p.until("readyok", p.Timeout)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "bestmove") }) {
			return failf("isready ended the search")
		}
		p.send("stop")
		_, err = p.answer("startpos", p.Timeout)
		return err
	}},

	goes("position-moves", italian, "go depth 1", 0),
	goes("position-fen", kiwi, "go depth 1", 0),
	goes("position-fen-moves", kiwi+" moves e1g1 e8c8 d5e6", "go depth 1", 0),
	goes("en-passant", "startpos moves e2e4 a7a6 e4e5 d7d5 e5d6 c7d6", "go depth 1", 0),
	goes("promotion", "startpos moves a2a4 b7b5 a4b5 a7a6 b5a6 c8b7 a6b7 b8c6 b7a8n d8a8", "go depth 1", 0),
	goes("castled", italian+" e1g1 d7d6 d2d3 c8g4 c1e3 d8d7 b1c3 e8c8", "go depth 1", 0),
	{"castling-notation", "castling is written e1g1", func(p *probe) error {
		position := "fen 4k3/8/8/8/8/8/3PPP2/3QK2R w K - 0 1"
		a, err := p.search(position, "go depth 1 searchmoves e1g1", p.Timeout)
		if err == nil && a.text != "e1g1" {
			return skipf("searchmoves e1g1 was answered by %s", a.text)
		}
		return err
	}},
	{"one-move", "where there is one legal move it is played", func(p *probe) error {
		_, err := p.search(oneMove, "go wtime 10000 btime 10000", p.Timeout+10*time.Second)
		return err
	}},
	{"long-game", "a game of 600 plies is played on", func(p *probe) error {
		var b strings.Builder
		b.WriteString("startpos moves")
		for range 150 {
			b.WriteString(" g1f3 g8f6 f3g1 f6g8")
		}
		_, err := p.search(b.String(), "go movetime 100", p.Timeout)
		return err
	}},
	advisory(check{"mated", "a search where no move is legal is answered, without a move", func(p *probe) error { return gameOver(p, "startpos moves f2f3 e7e5 g2g4 d8h4") }}),
	advisory(check{"stalemated", "so it is in stalemate", func(p *probe) error { return gameOver(p, "fen 7k/5Q2/6K1/8/8/8/8/8 b - - 0 1") }}),

	{"info", "its info lines are well formed, and their moves legal", func(p *probe) error {
		a, err := p.search(italian, "go depth 4", p.Timeout)
		if err != nil {
			return err
		}
		return checkInfo(a.lines, gameOf(italian).Position())
	}},
	advisory(check{"info-score", "a search tells a score (compliance tools ask for it, adjudication needs it)", func(p *probe) error {
		a, err := p.search(italian, "go depth 2", p.Timeout)
		if err == nil && !slices.ContainsFunc(a.lines, func(l string) bool { return strings.HasPrefix(l, "info ") && strings.Contains(l, " score ") }) {
			err = failf("no info line with a score")
		}
		return err
	}}),
	advisory(check{"info-pv", "the last pv begins with the move that is played", func(p *probe) error {
		a, err := p.search(italian, "go depth 4", p.Timeout)
		if err != nil {
			return err
		}
		for _, l := range slices.Backward(a.lines) {
			if _, pv, ok := strings.Cut(l, " pv "); ok && (!strings.Contains(l, " multipv ") || strings.Contains(l, " multipv 1 ")) {
				if first, _, _ := strings.Cut(strings.TrimSpace(pv), " "); first != a.text {
					return failf("bestmove %s, pv %s", a.text, short(pv))
				}
				return nil
			}
		}
		return failf("no info line with a pv")
	}}),
	{"multipv", `option MultiPV gives as many lines`, func(p *probe) error {
		if !p.has("MultiPV") {
			return skipf("it has no option MultiPV")
		}
		p.send("setoption name MultiPV value 3")
		a, err := p.search(italian, "go depth 2", p.Timeout)
		p.send("setoption name MultiPV value 1")
		if err == nil && !slices.ContainsFunc(a.lines, func(l string) bool { return strings.Contains(l, " multipv 3 ") }) {
			err = failf("no line with multipv 3")
		}
		return err
	}},
	{"game", "it plays a game against itself by the clock", func(p *probe) error {
		p.send("ucinewgame")
		g, moves := bitboard.NewGame(bitboard.Start()), ""
		clocks := [2]time.Duration{time.Second, time.Second}
		for g.Ply() < 60 && g.Position().HasLegalMove() {
			position := "startpos"
			if moves != "" {
				position += " moves" + moves
			}
			side := g.Position().SideToMove()
			a, err := p.search(position, fmt.Sprintf("go wtime %d btime %d winc 10 binc 10", max(1, clocks[0].Milliseconds()), max(1, clocks[1].Milliseconds())), p.Timeout)
			if err != nil {
				return fmt.Errorf("ply %d: %w", g.Ply()+1, err)
			}
			clocks[side] += 10*time.Millisecond - a.took
			if clocks[side] < -p.Margin {
				return failf("ply %d: its clock ran out by %v, and %v is the margin", g.Ply()+1, -clocks[side], p.Margin)
			}
			if err := g.Make(a.move); err != nil {
				return err
			}
			moves += " " + a.text
		}
		return nil
	}},
	{"quit", `"quit" ends it, with exit code 0`, func(p *probe) error { return quits(p, func() { p.send("quit") }) }},
	{"quit-searching", `"quit" ends a search`, func(p *probe) error {
		return quits(p, func() { p.send("position startpos", "go infinite", "quit") })
	}},
	{"eof", "the end of the input ends it", func(p *probe) error { return quits(p, func() { p.proc.Stdin.Close() }) }},
	{"eof-searching", "so it does during a search", func(p *probe) error {
		return quits(p, func() { p.send("position startpos", "go infinite"); p.proc.Stdin.Close() })
	}},
}

// oneMove is a position with one legal move: the king takes the queen that checks.
const oneMove = "fen k7/8/8/8/8/8/6q1/7K w - - 0 1"

// held is a search that must wait.
func held(p *probe, command, end string) error {
	p.send("position " + italian)
	if err := p.sync(); err != nil {
		return err
	}
	p.send(command)
	if err := p.none("bestmove", p.Quiet); err != nil {
		return err
	}
	p.send(end)
	_, err := p.answer(italian, p.Timeout)
	return err
}

// gameOver is a search without legal moves.
func gameOver(p *probe, position string) error {
	p.send("position " + position)
	if err := p.sync(); err != nil {
		return err
	}
	p.send("go depth 1")
	lines, err := p.until("bestmove", p.Timeout)
	if err != nil {
		return err
	}
	words := strings.Fields(lines[len(lines)-1])
	if len(words) > 1 && !slices.Contains([]string{"(none)", "0000", "NULL", "null"}, words[1]) {
		return failf("it played %s", short(words[1]))
	}
	return p.sync()
}

// quits ends the engine by end, and looks at how it went.
func quits(p *probe, end func()) error {
	defer p.end()
	end()
	p.drain()
	select {
	case <-p.proc.Exited:
	case <-time.After(p.Timeout):
		return failf("it still runs %v later", p.Timeout)
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
	if !p.proc.State.Success() {
		return warnf("it ended with %v", p.proc.State)
	}
	return nil
}

// option is an "option" line taken apart strictly.
type option struct {
	name, typ, def, min, max string
	vars                     []string
}

func parseOption(line string) (option, bool) {
	var o option
	rest, ok := strings.CutPrefix(line, "name ")
	if !ok {
		return o, false
	}
	if o.name, rest, ok = strings.Cut(rest, " type "); !ok {
		return o, false
	}
	o.typ, rest, _ = strings.Cut(strings.TrimSpace(rest), " ")
	key := ""
	var words []string
	flush := func() {
		value := strings.Join(words, " ")
		switch key {
		case "default":
			o.def = value
		case "min":
			o.min = value
		case "max":
			o.max = value
		case "var":
			o.vars = append(o.vars, value)
		}
		words = nil
	}
	for word := range strings.FieldsSeq(rest) {
		if word == "default" && key == "" || o.typ == "spin" && (word == "min" || word == "max" || word == "default") || o.typ == "combo" && word == "var" {
			flush()
			key = word
			continue
		}
		words = append(words, word)
	}
	flush()
	if o.def == "<empty>" {
		o.def = ""
	}
	return o, true
}

// namesOutput guesses whether a string option names a file that the engine
// writes, as Stockfish's "Debug Log File" does: such a file is not to be made, not
// even by an engine that takes a default for a name.
func namesOutput(option string) bool {
	name := strings.ToLower(option)
	return slices.ContainsFunc([]string{"log", "debug", "dump", "save", "write", "output", "learn"}, func(word string) bool { return strings.Contains(name, word) })
}

func checkOptions(p *probe) error {
	seen := map[string]bool{}
	for _, line := range p.options {
		o, ok := parseOption(line)
		if !ok {
			return failf("%q is no option", short(line))
		}
		name := strings.ToLower(o.name)
		if seen[name] {
			return failf("the option %q is there twice", o.name)
		}
		seen[name] = true
		switch o.typ {
		case "spin":
			def, err1 := strconv.ParseInt(o.def, 10, 64)
			lo, err2 := strconv.ParseInt(o.min, 10, 64)
			hi, err3 := strconv.ParseInt(o.max, 10, 64)
			if err := errors.Join(err1, err2, err3); err != nil || lo > def || def > hi {
				return failf("option %s: default %q, min %q, max %q", o.name, o.def, o.min, o.max)
			}
		case "check":
			if o.def != "true" && o.def != "false" {
				return failf("option %s: default %q", o.name, o.def)
			}
		case "combo":
			if !slices.Contains(o.vars, o.def) {
				return failf("option %s: default %q is none of %q", o.name, o.def, o.vars)
			}
		case "string", "button":
		default:
			return failf("option %s: there is no type %q", o.name, short(o.typ))
		}
	}
	return nil
}

// infoNumbers are the words of an info line that a whole number follows.
var infoNumbers = []string{"depth", "seldepth", "multipv", "nodes", "nps", "time", "hashfull", "tbhits", "sbhits", "cpuload", "currmovenumber"}

// checkInfo looks at every word of the info lines.
func checkInfo(lines []string, pos *bitboard.Position) error {
	for _, line := range lines {
		rest, ok := strings.CutPrefix(line, "info ")
		if !ok {
			return warnf("%q is no info line", short(line))
		}
		words := strings.Fields(rest)
		for i := 0; i < len(words); {
			word := words[i]
			i++
			number := func() bool {
				if i >= len(words) {
					return false
				}
				_, err := strconv.ParseInt(words[i], 10, 64)
				i++
				return err == nil
			}
			switch {
			case word == "string":
				i = len(words)
			case slices.Contains(infoNumbers, word):
				if !number() {
					return failf("no number after %s: %q", word, short(line))
				}
			case word == "score":
				if i >= len(words) || words[i] != "cp" && words[i] != "mate" {
					return failf("score is neither cp nor mate: %q", short(line))
				}
				i++
				if !number() {
					return failf("a score without a number: %q", short(line))
				}
				for i < len(words) && (words[i] == "lowerbound" || words[i] == "upperbound") {
					i++
				}
			case word == "wdl":
				for range 3 {
					if !number() {
						return failf("wdl needs three numbers: %q", short(line))
					}
				}
			case word == "currmove":
				if i >= len(words) {
					return failf("no move after currmove: %q", short(line))
				}
				if _, err := pos.ParseUCIMove(words[i]); err != nil {
					return failf("currmove %s is not legal", short(words[i]))
				}
				i++
			case word == "pv", word == "refutation", word == "currline":
				at := *pos
				for ; i < len(words); i++ {
					m, err := at.ParseUCIMove(words[i])
					if err != nil {
						break
					}
					at.Make(m)
				}
				if i < len(words) && word == "pv" {
					if _, err := bitboard.ParseUCI(words[i]); err == nil {
						return failf("%s in a pv is not legal: %q", words[i], short(line))
					}
				}
			default:
				return failf("%q means nothing in %q", short(word), short(line))
			}
		}
	}
	return nil
}

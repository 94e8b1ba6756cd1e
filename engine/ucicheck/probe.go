package ucicheck

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"transcend/engine/internal/process"
	"transcend/engine/uci"
	"transcend/internal/bitboard"
	"transcend/internal/clip"
)

// finding is what a check found: its error. Every other error is a failure.
type finding struct {
	verdict Verdict
	text    string
}

func (f *finding) Error() string { return f.text }

func failf(format string, args ...any) error { return &finding{Fail, fmt.Sprintf(format, args...)} }
func warnf(format string, args ...any) error { return &finding{Warn, fmt.Sprintf(format, args...)} }
func skipf(format string, args ...any) error { return &finding{Skip, fmt.Sprintf(format, args...)} }

// probe is an engine's process and what is known of it. It knows no protocol
// beyond lines: unlike the client of package engine it must be able to break it.
type probe struct {
	Options
	ctx context.Context

	proc  *process.Process // nil when none runs
	lines chan string      // closed at the end of the output

	greeting []string // the lines before uciok
	options  []string // the rests of its option lines
}

// start runs the engine.
func (p *probe) start() error {
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Dir = p.Dir
	cmd.Env = append(cmd.Environ(), p.Env...)
	lines := make(chan string, 1024)
	proc, err := process.Start(cmd, process.Limits{}, func(stdout io.Reader) {
		defer close(lines)
		r := bufio.NewReader(stdout)
		for {
			line, err := r.ReadString('\n')
			if line != "" {
				lines <- strings.TrimRight(line, "\r\n")
			}
			if err != nil {
				return
			}
		}
	})
	if err != nil {
		return &uci.StartError{Path: p.Path, Err: err}
	}
	p.proc, p.lines = proc, lines
	return nil
}

// end kills the engine and whatever it started, if it is there.
func (p *probe) end() {
	if p.proc == nil {
		return
	}
	p.proc.Kill()
	p.drain()
	<-p.proc.Done
	p.proc = nil
}

// drain throws away what is written from now on.
func (p *probe) drain() {
	go func(lines chan string) {
		for range lines {
		}
	}(p.lines)
}

// send writes lines. An engine that does not read fails by what it does not
// answer.
func (p *probe) send(lines ...string) {
	text := strings.Join(lines, "\n") + "\n"
	done := make(chan struct{})
	stdin := p.proc.Stdin
	go func() {
		defer close(done)
		_, _ = io.WriteString(stdin, text)
	}()
	select {
	case <-done:
	case <-time.After(p.Timeout):
	}
}

// until returns the lines up to the first one whose first word is word.
func (p *probe) until(word string, within time.Duration) ([]string, error) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	var got []string
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				return got, p.died("waiting for " + word)
			}
			if len(got) < maxLines {
				got = append(got, line)
			}
			if first, _, _ := strings.Cut(strings.TrimSpace(line), " "); first == word {
				got[len(got)-1] = line
				return got, nil
			}
		case <-timer.C:
			return got, failf("no %q within %v%s", word, within, lastOf(got))
		case <-p.ctx.Done():
			return got, p.ctx.Err()
		}
	}
}

// maxLines bounds what is kept of a flood.
const maxLines = 100_000

func lastOf(lines []string) string {
	if len(lines) == 0 {
		return ", and nothing else"
	}
	return fmt.Sprintf("; the last line was %q", short(lines[len(lines)-1]))
}

// short is what a finding quotes of what an engine wrote.
func short(s string) string { return clip.Text(s, 120) }

func (p *probe) died(during string) error {
	select {
	case <-p.proc.Exited:
	case <-time.After(time.Second):
		return failf("the engine closed its output, %s", during)
	}
	text := fmt.Sprintf("the engine ended (%v), %s", p.proc.State, during)
	if s := strings.TrimSpace(p.proc.Stderr()); s != "" {
		text += fmt.Sprintf("; it complained: %q", short(s[strings.LastIndexByte(s, '\n')+1:]))
	}
	return &finding{Fail, text}
}

// none makes sure that no line with that first word comes for d.
func (p *probe) none(word string, d time.Duration) error {
	lines, err := p.until(word, d)
	if err == nil {
		return failf("%q came unasked", short(lines[len(lines)-1]))
	}
	var f *finding
	if errors.As(err, &f) && strings.HasPrefix(f.text, "no ") {
		return nil
	}
	return err
}

// sync is isready and readyok; a bestmove in between is one too many.
func (p *probe) sync() error {
	p.send("isready")
	lines, err := p.until("readyok", p.Timeout)
	for _, l := range lines {
		if strings.HasPrefix(l, "bestmove") {
			return failf("%q came unasked", short(l))
		}
	}
	return err
}

// greet starts the engine anew and shakes hands.
func (p *probe) greet() error {
	p.end()
	if err := p.start(); err != nil {
		return err
	}
	p.send("uci")
	lines, err := p.until("uciok", p.StartTimeout)
	if err != nil {
		return err
	}
	p.greeting, p.options = lines[:len(lines)-1], nil
	for _, l := range p.greeting {
		if rest, ok := strings.CutPrefix(l, "option "); ok {
			p.options = append(p.options, rest)
		}
	}
	p.send("isready")
	_, err = p.until("readyok", p.StartTimeout)
	return err
}

// has says whether the engine announced an option.
func (p *probe) has(name string) bool {
	for _, o := range p.options {
		if strings.HasPrefix(strings.ToLower(strings.Join(strings.Fields(o), " "))+" ", "name "+strings.ToLower(name)+" type ") {
			return true
		}
	}
	return false
}

// answered is a search that was answered.
type answered struct {
	move  bitboard.Move
	text  string // the word after bestmove
	lines []string
	took  time.Duration
}

// gameOf replays the position command's moves.
func gameOf(position string) *bitboard.Game {
	setup, moves, _ := strings.Cut(position, " moves ")
	start := bitboard.Start()
	if fen, ok := strings.CutPrefix(setup, "fen "); ok {
		var err error
		if start, err = bitboard.ParseFEN(fen); err != nil {
			panic("ucicheck: " + err.Error()) // the positions are ours
		}
	}
	g := bitboard.NewGame(start)
	for m := range strings.FieldsSeq(moves) {
		move, err := g.Position().ParseUCIMove(m)
		if err == nil {
			err = g.Make(move)
		}
		if err != nil {
			panic("ucicheck: " + err.Error())
		}
	}
	return g
}

// search sets up a position, and wants one legal best move for a go.
func (p *probe) search(position, command string, within time.Duration) (*answered, error) {
	p.send("position " + position)
	if err := p.sync(); err != nil {
		return nil, fmt.Errorf("after position: %w", err)
	}
	p.send(command)
	return p.answer(position, within)
}

// answer awaits the best move of a search and looks at it.
func (p *probe) answer(position string, within time.Duration) (*answered, error) {
	began := time.Now()
	lines, err := p.until("bestmove", within)
	if err != nil {
		return nil, err
	}
	a := &answered{lines: lines[:len(lines)-1], took: time.Since(began)}
	words := strings.Fields(lines[len(lines)-1])
	if len(words) < 2 {
		return nil, failf("%q names no move", lines[len(lines)-1])
	}
	a.text = words[1]
	pos := gameOf(position).Position()
	if a.move, err = pos.ParseUCIMove(a.text); err != nil {
		return nil, failf("bestmove %s is not legal in %s", short(a.text), pos.FEN())
	}
	if a.move.String() != a.text {
		return nil, failf("bestmove %s is not how UCI writes %s", short(a.text), a.move)
	}
	if len(words) == 4 && words[2] == "ponder" {
		next := *pos
		next.Make(a.move)
		if _, err := next.ParseUCIMove(words[3]); err != nil {
			return nil, failf("ponder move %s is not legal after bestmove %s", short(words[3]), a.text)
		}
	} else if len(words) != 2 {
		return nil, failf("%q is no bestmove line", short(lines[len(lines)-1]))
	}
	return a, p.sync()
}

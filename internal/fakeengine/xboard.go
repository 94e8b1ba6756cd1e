package fakeengine

// The engine's other face: xboard's protocol, of which it checks what its client may
// say and when.

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"transcend/internal/bitboard"
)

// xboard is what it knows of its client.
type xboard struct {
	greeted bool // protover came
	force   bool
	control bool // a time control was set since new
	clock   bool // time was said since the last move
}

// featureSets are the values of -features.
var featureSets = []string{
	"usual",
	"none",      // an engine of version 1 of the protocol
	"bare",      // no ping, no usermove, no setboard, no time
	"san",       // moves in SAN, both ways
	"slow",      // done=0, then the rest after -ready-delay
	"never",     // done=0, and nothing more
	"forgetful", // no done=1
	"once",      // reuse=0
	"atomic",    // another game
	"odd",       // features that nobody knows, and broken ones
}

// featureLines are its announcements.
func (e *engine) featureLines() []string {
	usual := `feature myname="` + e.f.name + `" ping=1 setboard=1 usermove=1 memory=1 smp=1 variants="normal,atomic"`
	options := []string{`feature option="Seed -string 0"`, `feature option="Style -combo Solid /// *Normal /// Risky"`, `feature option="Learn -check 0" option="Contempt -spin 0 -100 100"`}
	if e.f.noOptions {
		usual, options = strings.ReplaceAll(usual, " memory=1 smp=1", ""), nil
	}
	switch e.f.features {
	case "none":
		return nil
	case "bare":
		return []string{"feature ping=0 setboard=0 usermove=0 time=0 reuse=1", "feature done=1"}
	case "san":
		return []string{usual + " san=1", "feature done=1"}
	case "slow", "never":
		return []string{"feature done=0", usual, "feature done=1"}
	case "forgetful":
		return []string{usual}
	case "once":
		return []string{usual + " reuse=0", "feature done=1"}
	case "atomic":
		return []string{strings.ReplaceAll(usual, "normal,", "") + " done=1"}
	case "odd":
		return append([]string{"feature", "feature =", `feature myname="`, "feature  ping", `feature telepathy=1 option="Broken -spin x y z" option="-check" option="Deep - thought -check 1"`}, usual, "feature done=1")
	}
	return append(append([]string{usual}, options...), "feature done=1")
}

// has says whether it announced a feature.
func (e *engine) has(feature string) bool {
	return slices.ContainsFunc(e.featureLines(), func(l string) bool { return strings.Contains(l+" ", " "+feature+"=1 ") })
}

// xpoints are the points of the commands; a move is "usermove".
var xpoints = map[string]string{
	"protover": "uci", "option": "setoption", "memory": "setoption", "cores": "setoption", "ping": "isready", "new": "ucinewgame",
	"setboard": "position", "usermove": "position", "?": "stop", "quit": "quit",
}

func (e *engine) xcommand(line []byte) error {
	word, rest, _ := strings.Cut(string(line), " ")
	if _, err := bitboard.ParseUCI(word); err == nil || !slices.Contains(xcommands, word) && e.isSAN(word) {
		if e.has("usermove") {
			return fmt.Errorf("%q without usermove", clip(line))
		}
		word, rest = "usermove", word
	} else if word == "usermove" && !e.has("usermove") {
		return fmt.Errorf("%q, which is not a feature", clip(line))
	}
	if err := e.xadmits(word, line); err != nil {
		return err
	}
	if point, ok := xpoints[word]; ok {
		err := e.at(point)
		if errors.Is(err, errMuted) {
			e.x.greeted = e.x.greeted || word == "protover"
			return nil
		}
		if err != nil {
			return err
		}
	}
	return e.xobey(word, rest, line)
}

// xadmits refuses what the protocol does not allow now.
func (e *engine) xadmits(word string, line []byte) error {
	switch {
	case !slices.Contains(xcommands, word):
		return fmt.Errorf("unknown command %q", clip(line))
	case e.searching && word != "?" && word != "quit":
		return fmt.Errorf("%q while thinking", clip(line))
	case !e.x.greeted && word != "xboard" && word != "protover" && word != "quit":
		return fmt.Errorf("%q before protover", clip(line))
	}
	return nil
}

// xobey does what a command asks for.
func (e *engine) xobey(word, rest string, line []byte) error {
	switch word {
	case "protover":
		e.x.greeted = true
		e.xgreet(rest)
	case "ping":
		if !e.has("ping") {
			return errors.New("ping, which is not a feature")
		}
		e.ready("move", "pong "+rest)
	case "new":
		e.game = bitboard.NewGame(bitboard.Start())
		e.x = xboard{greeted: true}
	case "force":
		e.x.force = true
	case "setboard":
		pos, err := bitboard.ParseFEN(rest)
		if err != nil || !e.x.force || !e.has("setboard") {
			return fmt.Errorf("%q, in force mode: %v: %w", clip(line), e.x.force, err)
		}
		e.game = bitboard.NewGame(pos)
	case "usermove":
		m, err := e.xmove(rest)
		if err != nil {
			return err
		}
		if err := e.game.Make(m); err != nil {
			return err
		}
		if !e.x.force {
			return e.xthink()
		}
	case "go":
		e.x.force = false
		return e.xthink()
	case "level":
		if err := readLevel(rest); err != nil {
			return fmt.Errorf("%q: %w", clip(line), err)
		}
		e.x.control = true
	case "st", "sd", "time", "otim":
		if n, err := strconv.Atoi(rest); err != nil || n < 1 {
			return fmt.Errorf("%q: want a number", clip(line))
		}
		e.x.control = e.x.control || word == "st"
		e.x.clock = e.x.clock || word == "time"
	case "option":
		return e.xoption(rest)
	case "memory", "cores":
		if n, err := strconv.Atoi(rest); err != nil || n < 1 || !e.has("memory") {
			return fmt.Errorf("%q: want a number, and the feature", clip(line))
		}
	case "?":
		if !e.searching && e.f.late == 0 && e.f.mute == "" {
			return errors.New("? without a search")
		}
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

// readLevel refuses what is no time control: "40 5 0", "0 1:30 0.1".
func readLevel(rest string) error {
	var moves, minutes, seconds int
	var inc float64
	if n, _ := fmt.Sscanf(rest, "%d %d:%d %f", &moves, &minutes, &seconds, &inc); n != 4 {
		if n, err := fmt.Sscanf(rest, "%d %d %f", &moves, &minutes, &inc); n != 3 {
			return err
		}
	}
	if minutes == 0 && seconds == 0 {
		return errors.New("no time at all")
	}
	return nil
}

// xoption sets an option that was among the features.
func (e *engine) xoption(rest string) (err error) {
	name, value, _ := strings.Cut(rest, "=")
	if !slices.ContainsFunc(e.featureLines(), func(l string) bool { return strings.Contains(l, `"`+name+" -") }) {
		return fmt.Errorf("no option %q", name)
	}
	if name == "Seed" {
		e.seed, err = strconv.ParseUint(value, 10, 64)
	}
	return err
}

var xcommands = []string{
	"xboard", "protover", "accepted", "rejected", "new", "force", "go", "usermove", "setboard", "level", "st", "sd", "time", "otim",
	"ping", "post", "easy", "option", "memory", "cores", "?", "quit",
}

func (e *engine) isSAN(word string) bool {
	_, err := e.game.Position().ParseSAN(word)
	return err == nil
}

// xmove reads a move in the notation that was asked for, and in no other.
func (e *engine) xmove(text string) (bitboard.Move, error) {
	p := e.game.Position()
	if !e.has("san") {
		return p.ParseUCIMove(text)
	}
	m, err := p.ParseSAN(text)
	if err == nil && p.SAN(m) != text {
		err = fmt.Errorf("%q is %s in SAN", text, p.SAN(m))
	}
	return m, err
}

func (e *engine) xgreet(version string) {
	if e.f.features == "none" {
		e.say("Error (unknown command): protover ", version)
		return
	}
	for i, line := range e.featureLines() {
		if i == 1 && e.f.features == "never" {
			return
		}
		if i == 1 && e.f.features == "slow" {
			e.flush()
			time.Sleep(e.f.readyDelay)
		}
		e.say(line)
	}
}

// xthink makes it think, if it has what it needs for that.
func (e *engine) xthink() error {
	if !e.x.control {
		return errors.New("go without a time control")
	}
	if !e.x.clock && e.f.features != "bare" {
		return errors.New("go without a clock")
	}
	e.x.clock = false
	if err := e.at("go"); err != nil {
		if errors.Is(err, errMuted) {
			// To the client it is a search that never ends.
			e.searching, e.f.ignoreStop = true, true
			return nil
		}
		return err
	}
	return e.think()
}

// xanswer makes the move and says how it is written, after which word; done is set
// when all has been said.
func (e *engine) xanswer(m bitboard.Move, text string) (verb, move string, done bool) {
	p := e.game.Position()
	if said, err := p.ParseUCIMove(text); err == nil {
		m = said
	}
	verb, move = "move ", text
	if e.f.features == "none" {
		verb = strconv.Itoa(p.FullmoveNumber()) + ". ... "
	}
	if text == m.String() && (e.has("san") || e.f.features == "none") {
		move = p.SAN(m)
	}
	if claim := claims[e.f.bestmove]; claim != nil && e.goes >= e.f.after && claim(e, p.SideToMove()) {
		return "", "", true
	}
	_ = e.game.Make(m) // legal, or none is
	return verb, move, false
}

// claims are the values of -bestmove that xboard's protocol has beside those of bestmoves: what is
// said before a move, or instead of it, which is true.
var claims = map[string]func(e *engine, side bitboard.Color) bool{
	"resign": func(e *engine, _ bitboard.Color) bool {
		e.say("resign")
		return true
	},
	"claim-win": func(e *engine, side bitboard.Color) bool {
		e.say(winOf(side))
		return true
	},
	"claim-loss": func(e *engine, side bitboard.Color) bool {
		e.say(winOf(side.Other()))
		return true
	},
	"claim-draw": func(e *engine, _ bitboard.Color) bool {
		e.say("1/2-1/2 {Draw by boredom}")
		return true
	},
	"claim-and-move": offerAndClaim,
	"claim-wait-move": func(e *engine, side bitboard.Color) bool {
		offerAndClaim(e, side)
		e.flush()
		time.Sleep(50 * time.Millisecond) // the client doubts the claim by now
		return false
	},
	"refuse": func(e *engine, _ bitboard.Color) bool { return e.refuse("Illegal move (I do not like it): ") },
	"reject": func(e *engine, _ bitboard.Color) bool { return e.refuse("Error (unknown command): ") },
}

// offerAndClaim says both at once.
func offerAndClaim(e *engine, _ bitboard.Color) bool {
	e.say("offer draw")
	e.say("1/2-1/2 {Draw by boredom}")
	return false
}

// refuse has something against the last move, if there was one.
func (e *engine) refuse(why string) bool {
	moves := e.game.Moves()
	if len(moves) == 0 {
		return false
	}
	e.say(why, moves[len(moves)-1].String())
	return true
}

// winOf is the claim that a side has won.
func winOf(side bitboard.Color) string {
	if side == bitboard.White {
		return "1-0 {White wins}"
	}
	return "0-1 {Black wins}"
}

package players

// The players of "arena match": how --engine, the configuration file and --judge describe them.

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/shlex"

	"transcend/engine/match"
	"transcend/internal/cli"
)

// Config describes a player of a tournament: an engine, a model, or what IsBuiltin knows.
type Config struct {
	Name string `json:"name,omitempty"`
	// Cmd is an engine's program, or what IsBuiltin knows.
	Cmd     string   `json:"cmd,omitempty"`
	Dir     string   `json:"dir,omitempty"`
	Proto   string   `json:"proto,omitempty"` // uci, the default, or xboard
	Args    []string `json:"args,omitempty"`
	Init    []string `json:"init,omitempty"`    // lines sent at the start
	Options []string `json:"options,omitempty"` // Name=Value
	Restart bool     `json:"restart,omitempty"` // a new process for every game

	// Model is a checkpoint or run directory, for a player that is a model.
	Model   string   `json:"model,omitempty"`
	Temp    *float64 `json:"temp,omitempty"`
	TopK    int      `json:"topk,omitempty"`
	TopP    float64  `json:"topp,omitempty"`
	Illegal string   `json:"illegal,omitempty"`
	Weights string   `json:"weights,omitempty"` // f32, bf16, int8 or auto

	TC         string `json:"tc,omitempty"`
	MoveTime   string `json:"movetime,omitempty"` // a duration: 100ms
	Nodes      int    `json:"nodes,omitempty"`
	Depth      int    `json:"depth,omitempty"`
	TimeMargin string `json:"timemargin,omitempty"` // a duration
}

// entrantKeys are the keys of --engine, besides option.NAME.
var entrantKeys = []string{
	"cmd", "name", "dir", "args", "init", "restart", "proto", "tc", "st", "movetime", "nodes", "depth", "timemargin",
	"model", "temp", "topk", "topp", "illegal", "weights",
}

// The protocols of engines, as other match runners call them.
const (
	protoUCI    = "uci"
	protoXBoard = "xboard"
)

// Parse reads the key=value words of --engine, quoted as in a shell, on top of base.
func Parse(text string, base Config) (Config, error) {
	e := base
	// Appending must not write into what base shares.
	e.Args, e.Init, e.Options = slices.Clip(e.Args), slices.Clip(e.Init), slices.Clip(e.Options)
	words, err := shlex.Split(text)
	if err != nil {
		return e, cli.Usagef("--engine %q: %w", text, err)
	}
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		if !ok {
			return e, cli.WithHint(cli.Usagef("--engine %q: %q is not key=value", text, word), `--engine "cmd=stockfish name=sf nodes=200 option.Hash=16"; quote values with spaces: args="uci --model runs/a", option.EvalFile="my net.nnue"`)
		}
		if name, isOption := strings.CutPrefix(key, "option."); isOption {
			e.Options = append(e.Options, name+"="+value)
			continue
		}
		if err := e.set(key, value); err != nil {
			err = cli.Usagef("--engine %q: %w", text, err)
			if near := cli.Nearest(key, entrantKeys); near != "" && near != key {
				err = cli.WithHint(err, "did you mean "+near+"=?")
			}
			return e, err
		}
	}
	return e, nil
}

func (e *Config) set(key, value string) error {
	integer := func(to *int) (err error) {
		if *to, err = strconv.Atoi(value); err != nil || *to < 1 {
			return fmt.Errorf("%s=%s: want a whole number from 1 up", key, value)
		}
		return nil
	}
	number := func(to *float64) (err error) {
		if *to, err = strconv.ParseFloat(value, 64); err != nil {
			return fmt.Errorf("%s=%s: want a number", key, value)
		}
		return nil
	}
	switch key {
	case "cmd":
		e.Cmd = value
	case "name":
		e.Name = value
	case "dir":
		e.Dir = value
	case "args":
		args, err := shlex.Split(value)
		e.Args = append(e.Args, args...)
		return err
	case "init":
		e.Init = append(e.Init, value)
	case "model":
		e.Model = value
	case "illegal":
		e.Illegal = value
	case "weights":
		e.Weights = value
	case "topk":
		return integer(&e.TopK)
	case "topp":
		return number(&e.TopP)
	case "temp":
		e.Temp = new(float64)
		return number(e.Temp)
	case "proto":
		if value != protoUCI && value != protoXBoard {
			return fmt.Errorf("proto=%s: want %s or %s", value, protoUCI, protoXBoard)
		}
		e.Proto = value
	case "restart":
		switch value {
		case "on", "true":
			e.Restart = true
		case "off", "auto", "false":
			e.Restart = false
		default:
			return fmt.Errorf("restart=%s: want on or off", value)
		}
	case "tc":
		e.TC = value
	case "st": // seconds, as other match runners have it
		x, err := strconv.ParseFloat(value, 64)
		if err != nil || !(x > 0 && x < 1e6) {
			return fmt.Errorf("st=%s: want seconds", value)
		}
		e.MoveTime = time.Duration(x * float64(time.Second)).String()
	case "movetime":
		e.MoveTime = value
	case "timemargin": // milliseconds, as other match runners have it
		if _, err := strconv.Atoi(value); err == nil {
			value += "ms"
		}
		e.TimeMargin = value
	case "nodes":
		return integer(&e.Nodes)
	case "depth", "plies":
		return integer(&e.Depth)
	default:
		return fmt.Errorf("unknown key %q", key)
	}
	return nil
}

// defaultMargin is how far a clock may be overstepped: what pipes and schedulers
// cost on a machine that is not idle.
const defaultMargin = 50 * time.Millisecond

// control is the entrant's limit.
func (e *Config) control() (match.Control, error) {
	var c match.Control
	if e.TC != "" {
		var err error
		if c, err = match.ParseClock(e.TC); err != nil {
			return c, err
		}
	}
	duration := func(key, value string) (time.Duration, error) {
		d, err := time.ParseDuration(value)
		if err != nil {
			return 0, fmt.Errorf("%s=%s: want a duration such as 100ms", key, value)
		}
		return d, nil
	}
	var err error
	if e.MoveTime != "" {
		if c.MoveTime, err = duration("movetime", e.MoveTime); err != nil {
			return c, err
		}
	}
	c.Nodes, c.Depth, c.Margin = e.Nodes, e.Depth, defaultMargin
	if e.TimeMargin != "" {
		if c.Margin, err = duration("timemargin", e.TimeMargin); err != nil {
			return c, err
		}
		// Nothing is measured more finely, and 0 would mean not at all.
		c.Margin = max(c.Margin, time.Millisecond)
	}
	if e.isEngine() && c.Time == 0 && c.MoveTime == 0 && c.Nodes == 0 && c.Depth == 0 {
		return c, cli.WithHint(cli.Usagef("%s has no limit", e.Label()), "add tc=10+0.1, movetime=100ms, nodes=1000 or depth=8 to it, or to all by --each")
	}
	if e.isEngine() && e.Proto == protoXBoard {
		switch {
		case c.Nodes > 0:
			return c, cli.WithHint(cli.Usagef("%s: nodes=%d: xboard's protocol cannot limit nodes", e.Label(), c.Nodes), "give it tc=, movetime= or depth=; limits of its own go after those of --each")
		case c.Time > 0 && c.MoveTime > 0:
			return c, cli.Usagef("%s: xboard's protocol has a clock or a time per move, not both", e.Label())
		}
	}
	if c.Time == 0 && c.MoveTime == 0 {
		c.Margin = 0
	}
	return c, c.Validate()
}

func (e *Config) isEngine() bool { return e.Model == "" && !IsBuiltin(e.Cmd) }

// Label is what messages call it.
func (e *Config) Label() string {
	for _, s := range []string{e.Name, e.Cmd, e.Model} {
		if s != "" {
			return s
		}
	}
	return "an engine"
}

// Threads is how many threads the engine's options ask for.
func (e *Config) Threads() int {
	for _, o := range slices.Backward(e.Options) {
		name, value, ok := strings.Cut(o, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if ok && (name == "threads" || name == "cores") { // as xboard's protocol has it

			if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && n > 0 {
				return n
			}
		}
	}
	return 1
}

// ParseJudge reads --judge: an engine, and from which score in centipawns a game is won.
func ParseJudge(text string) (Config, int, error) {
	win := 150
	var rest []string
	for _, word := range strings.Fields(text) {
		if value, ok := strings.CutPrefix(word, "win="); ok {
			if _, err := fmt.Sscanf(value, "%d", &win); err != nil || win < 1 {
				return Config{}, 0, cli.Usagef("--judge %q: win=%s: want centipawns", text, value)
			}
			continue
		}
		rest = append(rest, word)
	}
	e, err := Parse(strings.Join(rest, " "), Config{})
	switch {
	case err != nil:
	case !e.isEngine():
		err = fmt.Errorf("%s tells no scores: a judge is an engine", e.Label())
	case e.TC != "":
		err = errors.New("a judge has no clock: give it depth=, nodes= or movetime=")
	default:
		_, err = e.control()
	}
	if err != nil {
		return e, 0, cli.Usagef("--judge: %w", err)
	}
	return e, win, nil
}

package main

// The players of "arena match": how --engine and the configuration file describe
// them, and how they are made.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/shlex"

	"transcend/analysis/checkpoint"
	"transcend/data"
	"transcend/elo/leaderboard"
	"transcend/engine"
	"transcend/engine/device"
	"transcend/engine/match"
	"transcend/engine/uci"
	"transcend/internal/cli"
	"transcend/model"
)

// entrantConfig describes a player of a tournament.
type entrantConfig struct {
	Name string `json:"name,omitempty"`
	// Cmd is an engine's program, or what isBuiltin knows.
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

// parseEntrant reads key=value words, quoted as in a shell, on top of base.
func parseEntrant(text string, base entrantConfig) (entrantConfig, error) {
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
			return e, cli.WithHint(cli.Usagef("--engine %q: %q is not key=value", text, word), `--engine "cmd=stockfish name=sf nodes=200 option.Hash=16"; quote values with spaces: option.EvalFile="my net.nnue"`)
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

func (e *entrantConfig) set(key, value string) error {
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
func (e *entrantConfig) control() (match.Control, error) {
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
		return c, cli.WithHint(cli.Usagef("%s has no limit", e.label()), "add tc=10+0.1, movetime=100ms, nodes=1000 or depth=8 to it, or to all by --each")
	}
	if e.isEngine() && e.Proto == protoXBoard {
		switch {
		case c.Nodes > 0:
			return c, cli.WithHint(cli.Usagef("%s: nodes=%d: xboard's protocol cannot limit nodes", e.label(), c.Nodes), "give it tc=, movetime= or depth=; limits of its own go after those of --each")
		case c.Time > 0 && c.MoveTime > 0:
			return c, cli.Usagef("%s: xboard's protocol has a clock or a time per move, not both", e.label())
		}
	}
	if c.Time == 0 && c.MoveTime == 0 {
		c.Margin = 0
	}
	return c, c.Validate()
}

func (e *entrantConfig) isEngine() bool { return e.Model == "" && !isBuiltin(e.Cmd) }

// label is what messages call it.
func (e *entrantConfig) label() string {
	for _, s := range []string{e.Name, e.Cmd, e.Model} {
		if s != "" {
			return s
		}
	}
	return "an engine"
}

// threads is how many threads the engine's options ask for.
func (e *entrantConfig) threads() int {
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

// entrant is a player of a tournament, tried once.
type entrant struct {
	match.Entrant
	name   string
	limit  string
	player leaderboard.Player
	// isEngine: it is a process of its own that knows the rules.
	isEngine bool
}

// makers makes entrants; models are loaded once each.
type makers struct {
	limits  uci.ProcessLimits
	cpus    func(worker int) []int // nil: any
	traffic *trafficLog            // nil: none
	models  map[string]loaded
	// decoders are those of the models; nil: on the CPU.
	decoders *device.Decoders
}

type loaded struct {
	model     *model.Model
	tokenizer data.Tokenizer
}

// entrant makes and tries one.
func (m *makers) entrant(ctx context.Context, e entrantConfig) (*entrant, error) {
	control, err := e.control()
	if err != nil {
		return nil, err
	}
	out := &entrant{name: e.Name, limit: control.String()}
	out.Control, out.Restart, out.FailuresLose = control, e.Restart, true
	switch {
	case e.Model != "" && e.Cmd != "":
		return nil, cli.Usagef("%s: cmd= and model= exclude each other", e.label())
	case e.Model == "" && (e.Temp != nil || e.TopK != 0 || e.TopP != 0 || e.Illegal != "" || e.Weights != ""):
		return nil, cli.Usagef("%s: temp=, topk=, topp=, illegal= and weights= are for models", e.label())
	case e.Model != "":
		out.Control, out.limit = match.Control{}, ""
		out.New, err = m.model(e)
	case isBuiltin(e.Cmd):
		out.Control, out.limit = match.Control{}, ""
		out.New, err = builtin(e.Cmd)
	case e.Cmd == "":
		return nil, cli.WithHint(cli.Usagef("%s names no program", e.label()), "--engine 'cmd=stockfish nodes=200'")
	default:
		out.isEngine = true
		out.New, err = m.engine(e, control)
	}
	if err != nil {
		return nil, err
	}
	p, err := out.New(ctx)
	var crash *engine.CrashError
	switch {
	case errors.As(err, &crash) && crash.During == "uci":
		err = cli.WithHint(err, "is it a UCI engine? start it by hand and type uci: it should answer uciok; xboard engines need proto=xboard")
	case errors.As(err, &crash) && crash.During == "protover":
		err = cli.WithHint(err, "is it an xboard engine? start it by hand and type protover 2: it should answer with features; some need an argument such as args=--xboard")
	}
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if out.name == "" {
		out.name = p.Name()
	}
	if x, ok := p.(*uci.XBoard); ok && !x.Reusable() {
		out.Restart = true
	}
	spec := p.Spec()
	if e.Model != "" {
		delete(spec, leaderboard.SpecName) // a path; the weights' hash is what counts
	}
	out.player = leaderboard.Player{Name: out.name, Spec: spec}
	return out, nil
}

// engine makes the factory of an engine.
func (m *makers) engine(e entrantConfig, control match.Control) (match.Factory, error) {
	path, err := uci.Find(e.Cmd)
	if err != nil {
		return nil, err
	}
	config := uci.Config{Path: path, Args: e.Args, Dir: e.Dir, Init: e.Init, Name: e.Name, Limits: m.limits}
	// The referee rules on lost time; the client only ends what never ends.
	config.Timeouts.Margin = control.Margin + 200*time.Millisecond
	for _, text := range e.Options {
		o, err := uci.ParseOption(text)
		if err != nil {
			return nil, cli.Usagef("%s: option.%s: %w", e.label(), text, err)
		}
		config.Options = append(config.Options, o)
	}
	return func(ctx context.Context) (engine.Player, error) {
		c := config
		worker := match.WorkerOf(ctx)
		if m.cpus != nil {
			c.Limits.CPUs = m.cpus(worker)
		}
		if m.traffic != nil {
			c.Trace = m.traffic.tracer(fmt.Sprintf("%s [%d]", e.label(), worker+1))
		}
		if e.Proto == protoXBoard {
			return uci.StartXBoard(ctx, c)
		}
		return uci.Start(ctx, c)
	}, nil
}

// model makes the factory of a model.
func (m *makers) model(e entrantConfig) (match.Factory, error) {
	dir, err := checkpoint.Find(e.Model)
	if err != nil {
		return nil, err
	}
	l, ok := m.models[dir]
	if !ok {
		if l.model, l.tokenizer, err = checkpoint.Load(dir); err != nil {
			return nil, err
		}
		if m.models == nil {
			m.models = map[string]loaded{}
		}
		m.models[dir] = l
	}
	sampling := model.Sampling{Temperature: 0.001, TopK: e.TopK, TopP: cmp.Or(e.TopP, 1)}
	if e.Temp != nil {
		sampling.Temperature = *e.Temp
	}
	if err := sampling.Validate(); err != nil {
		return nil, cli.Usagef("%s: %w", e.label(), err)
	}
	var policy engine.IllegalPolicy
	if e.Illegal != "" {
		if policy, err = engine.ParseIllegalPolicy(e.Illegal); err != nil {
			return nil, cli.Usagef("%s: %w", e.label(), err)
		}
	}
	decoding, err := batchOptions(e.Weights)
	if err != nil {
		return nil, cli.Usagef("%s: %w", e.label(), err)
	}
	if m.decoders == nil {
		m.decoders = new(device.Decoders)
	}
	batch, err := m.decoders.Batch(l.model, decoding)
	if err != nil {
		return nil, err
	}
	name := e.Name
	if name == "" {
		name = suffixed(fmt.Sprintf("%s T=%v", checkpoint.Name(dir), sampling.Temperature), decoding)
	}
	config := engine.ModelConfig{Name: name, Model: l.model, Tokenizer: l.tokenizer, Sampling: sampling, Policy: policy,
		Batch: batch}
	return func(context.Context) (engine.Player, error) { return engine.NewModelPlayer(config) }, nil
}

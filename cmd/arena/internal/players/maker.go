package players

// The players of "arena match": how they are made.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"transcend/analysis/checkpoint"
	"transcend/data"
	"transcend/elo/leaderboard"
	"transcend/engine"
	"transcend/engine/arena"
	"transcend/engine/device"
	"transcend/engine/match"
	"transcend/engine/uci"
	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/sampling"
)

// Maker makes the players of a tournament; models are loaded once each.
type Maker struct {
	Limits uci.ProcessLimits      // of engines
	CPUs   func(worker int) []int // that a worker's engines may run on; nil: any
	// Trace makes what is told of all lines to and from the engine of that name, as uci.Config.Trace;
	// nil: none.
	Trace    func(name string) func(sent bool, line []byte)
	Decoders *device.Decoders // of models; nil: on the CPU

	models map[string]loaded
}

type loaded struct {
	model     *model.Model
	tokenizer data.Tokenizer
}

// Make makes a player and tries it: what is wrong with it should show before the first game.
func (m *Maker) Make(ctx context.Context, e Config) (*arena.Entrant, error) {
	control, err := e.control()
	if err != nil {
		return nil, err
	}
	out := &arena.Entrant{Name: e.Name, Limit: control.String()}
	out.Control, out.Restart, out.FailuresLose = control, e.Restart, true
	switch {
	case e.Model != "" && e.Cmd != "":
		return nil, cli.Usagef("%s: cmd= and model= exclude each other", e.Label())
	case e.Model == "" && (e.Temp != nil || e.TopK != 0 || e.TopP != 0 || e.Illegal != "" || e.Weights != ""):
		return nil, cli.Usagef("%s: temp=, topk=, topp=, illegal= and weights= are for models", e.Label())
	case e.Model != "":
		out.Control, out.Limit = match.Control{}, ""
		out.New, err = m.model(e)
	case IsBuiltin(e.Cmd):
		out.Control, out.Limit = match.Control{}, ""
		out.New, err = factoryOf(e.Cmd)
	case e.Cmd == "":
		return nil, cli.WithHint(cli.Usagef("%s names no program", e.Label()), "--engine 'cmd=stockfish nodes=200'")
	default:
		out.KnowsRules = true
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
	if out.Name == "" {
		out.Name = p.Name()
	}
	if x, ok := p.(*uci.XBoard); ok && !x.Reusable() {
		out.Restart = true
	}
	spec := p.Spec()
	if e.Model != "" {
		delete(spec, leaderboard.SpecName) // a path; the weights' hash is what counts
	}
	out.Player = leaderboard.Player{Name: out.Name, Spec: spec}
	return out, nil
}

// engine makes the factory of an engine.
func (m *Maker) engine(e Config, control match.Control) (match.Factory, error) {
	path, err := uci.Find(e.Cmd)
	if err != nil {
		return nil, err
	}
	config := uci.Config{Path: path, Args: e.Args, Dir: e.Dir, Init: e.Init, Name: e.Name, Limits: m.Limits}
	// The referee rules on lost time; the client only ends what never ends.
	config.Timeouts.Margin = control.Margin + 200*time.Millisecond
	for _, text := range e.Options {
		o, err := uci.ParseOption(text)
		if err != nil {
			return nil, cli.Usagef("%s: option.%s: %w", e.Label(), text, err)
		}
		config.Options = append(config.Options, o)
	}
	return func(ctx context.Context) (engine.Player, error) {
		c := config
		worker := match.WorkerOf(ctx)
		if m.CPUs != nil {
			c.Limits.CPUs = m.CPUs(worker)
		}
		if m.Trace != nil {
			c.Trace = m.Trace(fmt.Sprintf("%s [%d]", e.Label(), worker+1))
		}
		if e.Proto == protoXBoard {
			return uci.StartXBoard(ctx, c)
		}
		return uci.Start(ctx, c)
	}, nil
}

// model makes the factory of a model.
func (m *Maker) model(e Config) (match.Factory, error) {
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
	settings := sampling.Settings{Temperature: 0.001, TopK: e.TopK, TopP: cmp.Or(e.TopP, 1)}
	if e.Temp != nil {
		settings.Temperature = *e.Temp
	}
	if err := settings.Validate(); err != nil {
		return nil, cli.Usagef("%s: %w", e.Label(), err)
	}
	var policy engine.IllegalPolicy
	if e.Illegal != "" {
		if policy, err = engine.ParseIllegalPolicy(e.Illegal); err != nil {
			return nil, cli.Usagef("%s: %w", e.Label(), err)
		}
	}
	decoding, err := ParseWeights(e.Weights)
	if err != nil {
		return nil, cli.Usagef("%s: %w", e.Label(), err)
	}
	if m.Decoders == nil {
		m.Decoders = new(device.Decoders)
	}
	batch, err := m.Decoders.Batch(l.model, decoding)
	if err != nil {
		return nil, err
	}
	name := e.Name
	if name == "" {
		name = WithFormat(fmt.Sprintf("%s T=%v", checkpoint.Name(dir), settings.Temperature), decoding)
	}
	config := engine.ModelConfig{Name: name, Model: l.model, Tokenizer: l.tokenizer, Sampling: settings, Policy: policy,
		Batch: batch}
	return func(context.Context) (engine.Player, error) { return engine.NewModelPlayer(config) }, nil
}

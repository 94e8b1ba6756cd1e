package model

import (
	"errors"
	"fmt"

	"transcend/model/internal/phases"
)

// An Engine makes the steps of a Trainer elsewhere than in this package: on a GPU. It
// holds the state (weights, moments, moving average) while it works; the trainer's own
// copy is as old as the last Sync.
//
// An Engine is used by one goroutine at a time.
type Engine interface {
	// Launch is the number of steps that are made best by one call of Start.
	Launch() int
	// Load takes over a state, of which it makes a copy.
	Load(EngineState) error
	// Start begins to make the steps, one after the other. The batches are read until
	// Wait returns.
	Start(steps []EngineStep) error
	// Wait returns what became of the steps that were started. After a step whose loss
	// or gradient was not finite none has changed the state.
	Wait() ([]EngineResult, error)
	// Store copies the state to s, whose slices have their lengths; nil ones are left out.
	Store(s EngineState) error
	// Evaluate is the loss on b of the weights, or of their average.
	Evaluate(b *Batch, average bool) (Evaluation, error)
}

// EngineState is what a step changes, in the layout of Layout, all tensors one after the
// other: weights, both moments (zeros where TrainConfig.Moments has none), and the moving
// average, nil where there is none.
type EngineState struct {
	Weights, Moment1, Moment2, Average []float32
}

// EngineStep is one step to be made.
type EngineStep struct {
	Step         int // counted from 1
	LearningRate float64
	// EMA is the share of the distance to the new weights that the average moves.
	EMA     float64
	Tokens  int // targets of all batches
	Batches []*Batch
}

// EngineResult is what a step did.
type EngineResult struct {
	LossSum  float64 // over the targets of all batches
	GradNorm float64 // before clipping
}

// LayoutTensor says where a parameter is in a state and how it is trained.
type LayoutTensor struct {
	Name  string
	Shape []int
	At    int  // of its first number
	Size  int  // numbers
	Decay bool // weight decay applies
	// Hidden is a matrix from activations to activations, which TrainConfig.Optimizer
	// updates; others are AdamW's.
	Hidden bool
}

// Layout lists the parameters of a model in the order of the checkpoint's flat state.
func Layout(c Config) []LayoutTensor {
	var ts []LayoutTensor
	at := 0
	for _, f := range layout(c) {
		n := f.size()
		ts = append(ts, LayoutTensor{Name: f.name, Shape: f.shape, At: at, Size: n, Decay: len(f.shape) >= 2, Hidden: f.hidden})
		at += n
	}
	return ts
}

// NewtonSchulz are the coefficients and the number of the iterations of Muon.
func NewtonSchulz() (coefficients [3]float32, steps int) { return newtonSchulz, newtonSchulzSteps }

// LossAndGradient returns the loss on b and the gradient of its mean, in the order of
// Tensors, computed in this package. It is there to compare engines with.
func (m *Model) LossAndGradient(b *Batch) (Evaluation, []NamedTensor, error) {
	if err := b.Validate(m.cfg); err != nil {
		return Evaluation{}, nil, err
	}
	n := b.TargetCount()
	if n == 0 {
		return Evaluation{}, nil, fmt.Errorf("model: %w: no token has a target", ErrBatch)
	}
	grads := newParams(m.cfg)
	e := newNetwork(m, phases.NewPool(), true).lossAndGradient(b, grads, 1/float64(n), true)
	return e, grads.tensors(m.cfg), nil
}

// prepared is a step whose batches were drawn before its turn.
type prepared struct {
	batches []*Batch
	tokens  int
	source  []byte // Source.State before they were drawn
}

// UseEngine gives the trainer's work to e, which begins with the trainer's state. From
// then on Model and Result are as they were at the last Sync.
func (t *Trainer) UseEngine(e Engine) error {
	if t.engine != nil {
		return errors.New("model: the trainer has an engine")
	}
	if err := e.Load(t.engineState()); err != nil {
		return err
	}
	t.engine, t.synced = e, t.step
	// What only the work here needs.
	t.grads, t.nw, t.batches = nil, nil, nil
	return nil
}

func (t *Trainer) engineState() EngineState {
	s := EngineState{Weights: t.model.p.flat, Moment1: t.opt.m, Moment2: t.opt.v}
	if t.average != nil {
		s.Average = t.average.p.flat
	}
	return s
}

// Sync brings Model, Result and what Save writes up to the last step. Without an engine
// they always are.
func (t *Trainer) Sync() error {
	if t.engine == nil || t.synced == t.step {
		return nil
	}
	if err := t.engine.Store(t.engineState()); err != nil {
		return err
	}
	t.synced = t.step
	return nil
}

// Evaluator returns what computes the loss of Result as it is after the last step, where
// the trainer does its work.
func (t *Trainer) Evaluator() interface {
	Evaluate(*Batch) (Evaluation, error)
} {
	if t.engine != nil {
		return engineEvaluator{t}
	}
	return t.Result().NewEvaluator()
}

type engineEvaluator struct{ t *Trainer }

func (e engineEvaluator) Evaluate(b *Batch) (Evaluation, error) {
	if err := b.Validate(e.t.model.cfg); err != nil {
		return Evaluation{}, err
	}
	return e.t.engine.Evaluate(b, e.t.average != nil)
}

// Launch is the number of steps that are best made by one call of Steps.
func (t *Trainer) Launch() int {
	if t.engine == nil {
		return 1
	}
	return max(1, t.engine.Launch())
}

// Steps makes n steps, which an engine does at once. It returns those that were made,
// with an error if they are fewer. See Step.
func (t *Trainer) Steps(n int) ([]StepStats, error) {
	if t.engine == nil {
		var done []StepStats
		for range n {
			s, err := t.Step()
			if err != nil {
				return done, err
			}
			done = append(done, s)
		}
		return done, nil
	}
	var drawn error
	for len(t.queue) < n && drawn == nil {
		drawn = t.prepare()
	}
	n = min(n, len(t.queue))
	if n == 0 {
		return nil, fmt.Errorf("model: step %d: %w", t.step+1, drawn)
	}
	steps := make([]EngineStep, n)
	stats := make([]StepStats, n)
	for i, p := range t.queue[:n] {
		number := t.step + 1 + i
		rate := t.cfg.learningRateAt(number-1, t.decayStart)
		steps[i] = EngineStep{Step: number, LearningRate: rate, Tokens: p.tokens, Batches: p.batches}
		if t.average != nil {
			steps[i].EMA = 1 - t.emaDecay(number)
		}
		stats[i] = StepStats{Step: number, LearningRate: rate, Tokens: p.tokens}
	}
	if err := t.engine.Start(steps); err != nil {
		return nil, err
	}
	// While the device works the host makes the batches of the next launch. An error
	// is found again when their turn comes.
	for len(t.queue) < n+t.Launch() && drawn == nil {
		drawn = t.prepare()
	}
	results, err := t.engine.Wait()
	if err != nil {
		return nil, err
	}
	for i, r := range results {
		s := &stats[i]
		s.Loss, s.GradNorm = r.LossSum/float64(s.Tokens), r.GradNorm
		if !finite(s.Loss) {
			return stats[:i], &NonFiniteError{Step: s.Step, What: "loss"}
		}
		if !finite(s.GradNorm) {
			return stats[:i], &NonFiniteError{Step: s.Step, What: "weights"}
		}
		t.positions = positions(t.queue[0].batches)
		t.free = append(t.free, t.queue[0].batches)
		t.queue = t.queue[1:]
		t.step = s.Step
		t.tokens += int64(s.Tokens)
	}
	return stats, nil
}

// prepare draws the batches of the step after those of the queue.
func (t *Trainer) prepare() error {
	state, err := t.src.State()
	if err != nil {
		return fmt.Errorf("state of the source: %w", err)
	}
	p := prepared{source: state}
	if n := len(t.free); n > 0 {
		p.batches, t.free = t.free[n-1], t.free[:n-1]
	} else {
		for range t.cfg.Accumulate {
			p.batches = append(p.batches, new(Batch))
		}
	}
	if p.tokens, err = t.draw(p.batches); err != nil {
		return err
	}
	t.queue = append(t.queue, p)
	return nil
}

func positions(batches []*Batch) int {
	n := 0
	for _, b := range batches {
		n += len(b.Tokens)
	}
	return n
}

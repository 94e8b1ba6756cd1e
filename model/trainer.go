package model

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"transcend/model/internal/phases"
	"transcend/model/internal/vec"
)

// ErrNonFinite is what a *NonFiniteError wraps.
var ErrNonFinite = errors.New("training diverged")

// NonFiniteError says that a step's loss or gradient was NaN or infinite. The
// step did not happen: weights, moments and step count are as before it.
type NonFiniteError struct {
	Step int    // counted from 1
	What string // "loss", or the tensor whose gradient it was
}

func (e *NonFiniteError) Error() string {
	what := e.What
	if what != "loss" {
		what = "gradient of " + what
	}
	return fmt.Sprintf("model: step %d: %v: the %s is not finite; weights are as before the step (a lower learning rate, more warm-up or gradient clipping may help)",
		e.Step, ErrNonFinite, what)
}

func (e *NonFiniteError) Unwrap() error { return ErrNonFinite }

// StepStats is what one training step did.
type StepStats struct {
	Step         int     // this step's number, counted from 1
	Loss         float64 // mean cross-entropy in nats, before the update
	GradNorm     float64 // global norm of the gradient before clipping
	LearningRate float64
	Tokens       int // targets with a loss
}

// Trainer trains a model. The same model, configuration and source give the
// same weights, bit for bit, for any number of threads, and whether or not the
// run was stopped and resumed on the way. Its memory beyond the model's is
// three times the parameters (gradient, two moments), once more with a moving
// average, and the activations of one micro batch.
//
// A Trainer is used by one goroutine at a time.
type Trainer struct {
	model *Model
	cfg   TrainConfig
	src   Source

	grads   *params
	opt     *optimizer
	average *Model // nil without TrainConfig.EMA
	nw      *network
	pool    *phases.Pool
	threads int
	batches []*Batch // of one step

	towards towardsOp // kept here so that running it allocates nothing

	engine    Engine     // nil: the work is done here
	synced    int        // the step that the weights here are of
	queue     []prepared // the engine's steps to come
	free      [][]*Batch // to be used again
	positions int        // of the engine's last step

	pcg *rand.PCG
	rng *rand.Rand

	step       int
	tokens     int64
	decayStart int
}

// trainStream separates the trainer's random numbers from others of one seed.
const trainStream = 0x7472616e // "tran"

// NewTrainer returns a trainer of m at step 0. It owns m's weights from then
// on: nobody else may change them, and nobody read them during a Step.
func NewTrainer(m *Model, cfg TrainConfig, src Source) (*Trainer, error) {
	cfg = cfg.withDefaults(m.cfg)
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	opt, err := newOptimizer(m.cfg, cfg)
	if err != nil {
		return nil, err
	}
	pcg := rand.NewPCG(cfg.Seed, trainStream)
	t := &Trainer{
		model: m, cfg: cfg, src: src,
		grads: newParams(m.cfg), opt: opt, pool: phases.NewPool(),
		pcg: pcg, rng: rand.New(pcg), decayStart: cfg.decayStart(),
	}
	t.nw = newNetwork(m, t.pool, true)
	t.nw.recompute = cfg.Recompute
	if cfg.EMA > 0 {
		t.average = &Model{cfg: m.cfg, p: newParams(m.cfg)}
		copy(t.average.p.flat, m.p.flat)
	}
	for range cfg.Accumulate {
		t.batches = append(t.batches, new(Batch))
	}
	return t, nil
}

// SetThreads sets the number of goroutines that work; n below 1 means
// GOMAXPROCS, the default. It does not change what is computed. Matrix
// products use the threads that the installed BLAS uses.
func (t *Trainer) SetThreads(n int) { t.threads = n }

// Model returns the model in training.
func (t *Trainer) Model() *Model { return t.model }

// Result returns the model that the run makes, which is what checkpoints hold
// for others to load: the moving average of the weights where
// TrainConfig.EMA asks for one, else the model in training.
func (t *Trainer) Result() *Model {
	if t.average != nil {
		return t.average
	}
	return t.model
}

// Config returns the configuration, with defaults filled in and Steps as
// SetSteps left it.
func (t *Trainer) Config() TrainConfig { return t.cfg }

// StepsDone is the number of steps made.
func (t *Trainer) StepsDone() int { return t.step }

// TokensSeen counts the targets trained on so far.
func (t *Trainer) TokensSeen() int64 { return t.tokens }

// PositionsPerStep counts the tokens that go through the model in a step,
// padding included: those of the last step, or, before the first, those that
// will be asked of the source.
func (t *Trainer) PositionsPerStep() int {
	n := t.positions
	if t.engine == nil {
		n = positions(t.batches)
	}
	if n == 0 {
		return t.cfg.Rows * t.cfg.Context * t.cfg.Accumulate
	}
	return n
}

// Rand is the run's own random numbers, seeded by TrainConfig.Seed and part of
// every checkpoint. Training itself draws none; what is drawn between steps
// (samples to look at) resumes exactly.
func (t *Trainer) Rand() *rand.Rand { return t.rng }

// SetSteps fixes where the schedule ends. ScheduleWSD then decays over the
// last DecayFraction of the steps, or over what is left of them where that
// would begin in the past, so that the learning rate never jumps.
func (t *Trainer) SetSteps(total int) {
	t.cfg.Steps = max(0, total)
	t.decayStart = max(t.step, t.cfg.decayStart())
}

// LearningRate is that of the next step.
func (t *Trainer) LearningRate() float64 {
	return t.cfg.learningRateAt(t.step, t.decayStart)
}

// Step draws Accumulate batches from the source and makes one update with the
// gradient of the mean loss over all their targets.
//
// On an error nothing has changed but the source, which has moved past the
// batches it gave. A diverging run ends in a *NonFiniteError.
func (t *Trainer) Step() (StepStats, error) {
	if t.engine != nil {
		made, err := t.Steps(1)
		if err != nil {
			return StepStats{Step: t.step + 1, LearningRate: t.LearningRate()}, err
		}
		return made[0], nil
	}
	stats := StepStats{Step: t.step + 1, LearningRate: t.LearningRate()}
	fail := func(err error) (StepStats, error) {
		return stats, fmt.Errorf("model: step %d: %w", stats.Step, err)
	}
	var err error
	if stats.Tokens, err = t.draw(t.batches); err != nil {
		return fail(err)
	}
	t.pool.SetThreads(t.threads)
	scale := 1 / float64(stats.Tokens)
	var total Evaluation
	for i, b := range t.batches {
		total.Add(t.nw.lossAndGradient(b, t.grads, scale, i == 0))
	}
	stats.Loss = total.Loss()
	if !finite(stats.Loss) {
		return stats, &NonFiniteError{Step: stats.Step, What: "loss"}
	}
	stats.GradNorm = t.opt.gradientNorm(t.pool, t.grads.flat)
	if !finite(stats.GradNorm) {
		return stats, &NonFiniteError{Step: stats.Step, What: t.nonFiniteTensor()}
	}
	clip := 1.0
	if t.cfg.ClipNorm > 0 {
		clip = min(1, t.cfg.ClipNorm/(stats.GradNorm+1e-6)) // torch.nn.utils.clip_grad_norm_
	}
	t.opt.step(t.pool, update{
		weights: t.model.p.flat, gradient: t.grads.flat,
		train: t.cfg, number: stats.Step, rate: stats.LearningRate, scale: clip,
	})
	if t.average != nil {
		t.averageWeights(stats.Step)
	}
	t.step = stats.Step
	t.tokens += int64(stats.Tokens)
	return stats, nil
}

// draw fills the batches of one step and counts their targets.
func (t *Trainer) draw(batches []*Batch) (tokens int, err error) {
	for _, b := range batches {
		b.Resize(t.cfg.Rows, t.cfg.Context)
		if err := t.src.Next(b); err != nil {
			return 0, fmt.Errorf("next batch: %w", err)
		}
		if err := b.Validate(t.model.cfg); err != nil {
			return 0, err
		}
		tokens += b.TargetCount()
	}
	if tokens == 0 {
		return 0, fmt.Errorf("%w: no token has a target", ErrBatch)
	}
	return tokens, nil
}

// emaDecay is the decay of the moving average at step number step: at most
// (1+step)/(10+step), so that a short run's average does not remember the random
// weights it began with (TensorFlow's ExponentialMovingAverage with num_updates).
func (t *Trainer) emaDecay(step int) float64 {
	return min(t.cfg.EMA, float64(1+step)/float64(10+step))
}

// averageWeights moves the average towards the weights after step number step.
func (t *Trainer) averageWeights(step int) {
	decay := t.emaDecay(step)
	t.towards = towardsOp{dst: t.average.p.flat, src: t.model.p.flat, chunks: t.opt.chunks, by: float32(1 - decay)}
	t.pool.Run(len(t.opt.chunks), &t.towards)
}

// towardsOp moves dst towards src.
type towardsOp struct {
	dst, src []float32
	chunks   []flatChunk
	by       float32 // share of the distance
}

func (op *towardsOp) Run(chunk, _ int) {
	c := op.chunks[chunk]
	vec.Mix(op.dst[c.lo:c.hi], op.src[c.lo:c.hi], 1-op.by, op.by)
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// nonFiniteTensor names the first tensor whose gradient is not finite.
func (t *Trainer) nonFiniteTensor() string {
	for _, g := range t.grads.tensors(t.model.cfg) {
		for _, x := range g.Data {
			if !finite(float64(x)) {
				return g.Name
			}
		}
	}
	return "weights"
}

package model

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Learning-rate schedules. All of them warm up linearly.
const (
	// ScheduleCosine falls along half a cosine from the end of the warm-up to
	// the last step (nanoGPT, train.py, get_lr).
	ScheduleCosine = "cosine"
	// ScheduleWSD is warm-up, stable, decay: constant until the last
	// DecayFraction of the steps (llm.c, schedulers.h).
	ScheduleWSD = "wsd"
	// ScheduleConstant never decays.
	ScheduleConstant = "constant"
)

// Shapes of the decay of ScheduleWSD.
const (
	// DecaySqrt is 1−√x of the decay's progress x.
	DecaySqrt = "sqrt"
	// DecayLinear is 1−x.
	DecayLinear = "linear"
)

// Precisions of matrix products; see TrainConfig.Precision.
const (
	PrecisionF32  = "f32"
	PrecisionBF16 = "bf16"
)

// TrainConfig is everything that decides what a training run computes, besides
// the model it starts from and its source. It is part of the checkpoint.
type TrainConfig struct {
	Rows int `json:"rows"` // rows of one micro batch
	// Context is the number of tokens of a row that is asked of the source;
	// 0 means the model's.
	Context    int `json:"context,omitempty"`
	Accumulate int `json:"accumulate"` // micro batches a step; 0 means 1

	LearningRate    float64 `json:"learning_rate"`     // the peak
	MinLearningRate float64 `json:"min_learning_rate"` // at the end of the decay
	Warmup          int     `json:"warmup"`            // steps
	// Steps is where the schedule ends; later steps keep MinLearningRate. 0
	// means not known yet, which ScheduleCosine does not allow; see
	// Trainer.SetSteps.
	Steps         int     `json:"steps"`
	Schedule      string  `json:"schedule"`       // "" means ScheduleCosine
	DecayFraction float64 `json:"decay_fraction"` // ScheduleWSD: share of Steps
	DecayShape    string  `json:"decay_shape"`    // ScheduleWSD; "" means DecaySqrt

	Optimizer string `json:"optimizer,omitempty"` // one of Optimizers; "" means OptimizerAdamW
	// Precision is what the factors of matrix products are rounded to; "" means
	// PrecisionF32. Weights, gradients and moments are float32 in any case. It is
	// a record for whoever resumes the run: the products are those of the
	// installed BLAS, which the program chooses.
	Precision string `json:"precision,omitempty"`
	// Recompute keeps only the residual stream before each block for the backward
	// pass, which computes the rest of the block again: a third more work in less
	// memory (see Config.ActivationBytes), the weights being the same bit for bit.
	Recompute bool `json:"recompute,omitempty"`

	Beta1       float64 `json:"beta1"`
	Beta2       float64 `json:"beta2"`
	Epsilon     float64 `json:"epsilon"`
	WeightDecay float64 `json:"weight_decay"` // on tensors of two or more dimensions
	ClipNorm    float64 `json:"clip_norm"`    // bound of the gradient's global norm; 0 is none
	// Momentum is Muon's; 0 means 0.95.
	Momentum float64 `json:"momentum,omitempty"`
	// EMA is the decay a step of the exponential moving average of the weights,
	// 0.999 say, which is then the model that the run makes; 0 is none. See
	// Trainer.Result.
	EMA float64 `json:"ema,omitempty"`

	Seed uint64 `json:"seed"` // of Trainer.Rand
}

// DefaultTrainConfig is the paper's optimizer: AdamW with betas 0.9 and 0.95,
// epsilon 1e-8, weight decay 0.1, gradients clipped to norm 1, and learning
// rate 3e-4 falling to a tenth along a cosine after 2,000 steps of warm-up.
// Rows and Steps are the caller's to set.
func DefaultTrainConfig() TrainConfig {
	return TrainConfig{
		Accumulate: 1, LearningRate: 3e-4, MinLearningRate: 3e-5, Warmup: 2000,
		Schedule: ScheduleCosine, DecayFraction: 0.2, DecayShape: DecaySqrt,
		Beta1: 0.9, Beta2: 0.95, Epsilon: 1e-8, WeightDecay: 0.1, ClipNorm: 1,
	}
}

// withDefaults fills in what "" and 0 stand for.
func (c TrainConfig) withDefaults(m Config) TrainConfig {
	if c.Accumulate == 0 {
		c.Accumulate = 1
	}
	if c.Context == 0 {
		c.Context = m.Context
	}
	if c.Schedule == "" {
		c.Schedule = ScheduleCosine
	}
	if c.DecayShape == "" {
		c.DecayShape = DecaySqrt
	}
	if c.Optimizer == OptimizerMuon && c.Momentum == 0 {
		c.Momentum = 0.95
	}
	return c
}

// ErrTrainConfig is what every error about an impossible TrainConfig wraps.
var ErrTrainConfig = errors.New("impossible training configuration")

// Validate reports the first thing that is wrong with c.
func (c TrainConfig) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("model: %w: %s", ErrTrainConfig, fmt.Sprintf(format, args...))
	}
	switch {
	case c.Rows < 1 || c.Rows > maxDimension:
		return bad("rows is %d, want at least 1", c.Rows)
	case c.Context < 0 || c.Context > maxDimension:
		return bad("context is %d", c.Context)
	case c.Accumulate < 0 || c.Accumulate > maxDimension:
		return bad("accumulate is %d", c.Accumulate)
	case c.Warmup < 0:
		return bad("warmup is %d steps", c.Warmup)
	case c.Steps < 0:
		return bad("steps is %d", c.Steps)
	}
	for _, f := range []struct {
		name   string
		value  float64
		lo, hi float64 // lo ≤ value ≤ hi
	}{
		{"learning rate", c.LearningRate, 0, 1e3},
		{"minimum learning rate", c.MinLearningRate, 0, 1e3},
		{"decay fraction", c.DecayFraction, 0, 1},
		{"beta1", c.Beta1, 0, 1},
		{"beta2", c.Beta2, 0, 1},
		{"epsilon", c.Epsilon, 0, 1},
		{"weight decay", c.WeightDecay, 0, 1e6},
		{"clip norm", c.ClipNorm, 0, math.MaxFloat64},
		{"momentum", c.Momentum, 0, 1},
		{"moving average's decay", c.EMA, 0, 1},
	} {
		if !(f.value >= f.lo && f.value <= f.hi) {
			return bad("%s is %v, want %v to %v", f.name, f.value, f.lo, f.hi)
		}
	}
	switch {
	case c.Beta1 == 1 || c.Beta2 == 1:
		return bad("betas %v and %v must be below 1", c.Beta1, c.Beta2)
	case c.Momentum == 1 || c.EMA == 1:
		return bad("momentum %v and moving average's decay %v must be below 1", c.Momentum, c.EMA)
	case c.Optimizer != "" && !slices.Contains(Optimizers(), c.Optimizer):
		return bad("optimizer %q, want one of %s", c.Optimizer, strings.Join(Optimizers(), ", "))
	case c.Precision != "" && c.Precision != PrecisionF32 && c.Precision != PrecisionBF16:
		return bad("precision %q, want %q or %q", c.Precision, PrecisionF32, PrecisionBF16)
	case c.Epsilon == 0:
		return bad("epsilon is 0, which divides by zero where a gradient is zero")
	}
	switch c.Schedule {
	case "", ScheduleCosine:
		if c.Steps == 0 {
			return bad("the %s schedule needs the number of steps", ScheduleCosine)
		}
	case ScheduleWSD, ScheduleConstant:
	default:
		return bad("schedule %q, want %q, %q or %q", c.Schedule, ScheduleCosine, ScheduleWSD, ScheduleConstant)
	}
	if c.DecayShape != "" && c.DecayShape != DecaySqrt && c.DecayShape != DecayLinear {
		return bad("decay shape %q, want %q or %q", c.DecayShape, DecaySqrt, DecayLinear)
	}
	return nil
}

// decayStart is the step at which ScheduleWSD begins to decay when all Steps
// are known from the beginning.
func (c TrainConfig) decayStart() int {
	return c.Steps - int(math.Round(c.DecayFraction*float64(c.Steps)))
}

// learningRateAt is the learning rate of step number step, counted from 0, where
// ScheduleWSD decays from step decayStart on. Step s of the warm-up has
// (s+1)/(Warmup+1) of the peak, so that the first is not wasted on 0.
func (c TrainConfig) learningRateAt(step, decayStart int) float64 {
	if step < c.Warmup {
		return c.LearningRate * float64(step+1) / float64(c.Warmup+1)
	}
	if c.Schedule == ScheduleConstant || c.Steps == 0 {
		return c.LearningRate
	}
	from, shape := c.Warmup, func(x float64) float64 { return (1 + math.Cos(math.Pi*x)) / 2 }
	if c.Schedule == ScheduleWSD {
		from = decayStart
		shape = func(x float64) float64 { return 1 - math.Sqrt(x) }
		if c.DecayShape == DecayLinear {
			shape = func(x float64) float64 { return 1 - x }
		}
	}
	if step < from {
		return c.LearningRate
	}
	if step >= c.Steps {
		return c.MinLearningRate
	}
	x := float64(step-from) / float64(c.Steps-from)
	return c.MinLearningRate + shape(x)*(c.LearningRate-c.MinLearningRate)
}

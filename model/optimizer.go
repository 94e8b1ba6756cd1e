package model

import (
	"fmt"
	"math"
	"slices"

	"transcend/model/internal/phases"
	"transcend/model/internal/vec"
)

// Optimizers of the matrices inside the blocks. Embeddings, norms and biases are
// AdamW's in any case.
const (
	OptimizerAdamW = "adamw" // the paper's
	OptimizerMuon  = "muon"
)

// optimizers are all there are. A new one is a constant, a file as muon.go, a row here,
// and for GPUs a row of the table of the same name in model/xla.
var optimizers = []struct {
	name string
	// moments are what is kept of a tensor, in its shape, by torch.optim's names: in the
	// first of the state's buffers and in the second (EngineState).
	moments []string
	// new returns what updates the tensors, some of those of a model of configuration c.
	new func(c Config, tensors []LayoutTensor) updater
}{
	{OptimizerAdamW, []string{"exp_avg", "exp_avg_sq"}, newAdamW},
	{OptimizerMuon, []string{"momentum_buffer"}, newMuon},
}

// Optimizers lists the values of TrainConfig.Optimizer, the paper's first.
func Optimizers() []string {
	var names []string
	for _, kind := range optimizers {
		names = append(names, kind.name)
	}
	return names
}

// OptimizerOf is the one of Optimizers that updates t.
func (c TrainConfig) OptimizerOf(t LayoutTensor) string {
	if t.Hidden && c.Optimizer != "" {
		return c.Optimizer
	}
	return OptimizerAdamW
}

// Moments names what the optimizer keeps of t: one or two moments of t's shape, the first
// in EngineState.Moment1, the second in Moment2. Checkpoints have them by these names.
func (c TrainConfig) Moments(t LayoutTensor) []string {
	for _, kind := range optimizers {
		if kind.name == c.OptimizerOf(t) {
			return kind.moments
		}
	}
	return nil
}

// An updater makes an optimizer's steps on the tensors that are its own.
type updater interface {
	step(p *phases.Pool, u update)
}

// update is what all optimizers of a trainer are given for one step. The slices are in the
// layout of params, of all tensors.
type update struct {
	weights, gradient, first, second []float32

	train  TrainConfig
	number int     // of the step, counted from 1
	rate   float64 // learning rate
	scale  float64 // what the gradient has to be multiplied by (clipping)
}

// optimizer is the state of all optimizers of a trainer, and what makes their steps.
type optimizer struct {
	m, v     []float32 // first and second moment, in the layout of params
	chunks   []flatChunk
	updaters []updater
	// partial holds each chunk's share of the squared norm, added in order.
	partial []float64

	norm normSquaredOp
}

// newOptimizer returns zero moments for a model of configuration c. It fails for an
// optimizer that is not one of Optimizers.
func newOptimizer(c Config, train TrainConfig) (*optimizer, error) {
	tensors := Layout(c)
	o := &optimizer{m: make([]float32, c.NumParams()), v: make([]float32, c.NumParams()), chunks: chunksOf(tensors)}
	o.partial = make([]float64, len(o.chunks))
	updated := 0
	for _, kind := range optimizers {
		own := slices.DeleteFunc(slices.Clone(tensors), func(t LayoutTensor) bool { return train.OptimizerOf(t) != kind.name })
		if len(own) > 0 {
			o.updaters = append(o.updaters, kind.new(c, own))
			updated += len(own)
		}
	}
	if updated < len(tensors) {
		return nil, fmt.Errorf("model: %w: there is no optimizer %q", ErrTrainConfig, train.Optimizer)
	}
	return o, nil
}

// step updates weights and moments: u's are filled in.
func (o *optimizer) step(p *phases.Pool, u update) {
	u.first, u.second = o.m, o.v
	for _, by := range o.updaters {
		by.step(p, u)
	}
}

// flatChunk is a range of the flat buffer inside one tensor.
type flatChunk struct {
	lo, hi int
	decay  bool // weight decay applies
}

// flatChunkSize is part of the order in which the gradient's norm is summed.
const flatChunkSize = 1 << 14

func chunksOf(tensors []LayoutTensor) []flatChunk {
	var chunks []flatChunk
	for _, t := range tensors {
		for lo := 0; lo < t.Size; lo += flatChunkSize {
			chunks = append(chunks, flatChunk{t.At + lo, t.At + min(lo+flatChunkSize, t.Size), t.Decay})
		}
	}
	return chunks
}

// gradientNorm is the 2-norm of the whole gradient.
func (o *optimizer) gradientNorm(p *phases.Pool, g []float32) float64 {
	o.norm = normSquaredOp{g: g, chunks: o.chunks, partial: o.partial}
	p.Run(len(o.chunks), &o.norm)
	total := 0.0
	for _, x := range o.partial {
		total += x
	}
	return math.Sqrt(total)
}

type normSquaredOp struct {
	g       []float32
	chunks  []flatChunk
	partial []float64
}

func (op *normSquaredOp) Run(chunk, _ int) {
	c := op.chunks[chunk]
	op.partial[chunk] = vec.SumSquares(op.g[c.lo:c.hi])
}

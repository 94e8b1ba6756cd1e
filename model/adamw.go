package model

import (
	"math"

	"transcend/model/internal/vec"
)

// optimizer is AdamW over the flat buffer (Loshchilov and Hutter 2019, in the
// form of torch.optim.AdamW), with clipping by the gradient's global norm.
type optimizer struct {
	m, v   []float32 // first and second moment, in the layout of params
	chunks []flatChunk
	adam   []flatChunk // those that AdamW updates: all but Muon's
	// partial holds each chunk's share of the squared norm, added in order.
	partial []float64

	norm   normSquaredOp
	update adamOp
}

// flatChunk is a range of the flat buffer inside one tensor.
type flatChunk struct {
	lo, hi int
	decay  bool // weight decay applies
	hidden bool // of a matrix of a block, which Muon updates
}

// flatChunkSize is part of the order in which the gradient's norm is summed.
const flatChunkSize = 1 << 14

func newOptimizer(c Config) *optimizer {
	o := &optimizer{m: make([]float32, c.NumParams()), v: make([]float32, c.NumParams())}
	at := 0
	for _, t := range layout(c) {
		for lo := 0; lo < t.size(); lo += flatChunkSize {
			hi := min(lo+flatChunkSize, t.size())
			o.chunks = append(o.chunks, flatChunk{at + lo, at + hi, len(t.shape) >= 2, t.hidden})
		}
		at += t.size()
	}
	o.adam = o.chunks
	o.partial = make([]float64, len(o.chunks))
	return o
}

// gradientNorm is the 2-norm of the whole gradient.
func (o *optimizer) gradientNorm(p *pool, g []float32) float64 {
	o.norm = normSquaredOp{g: g, chunks: o.chunks, partial: o.partial}
	p.run(len(o.chunks), &o.norm)
	total := 0.0
	for _, x := range o.partial {
		total += x
	}
	return math.Sqrt(total)
}

// step updates w with gradient g. t counts updates from 1; scale multiplies
// the gradient (clipping).
func (o *optimizer) step(p *pool, w, g []float32, c TrainConfig, t int, lr, scale float64) {
	o.update = adamOp{w: w, g: g, m: o.m, v: o.v, chunks: o.adam}
	o.update.decayed = vec.AdamW{
		Scale: float32(scale), Decay: float32(1 - lr*c.WeightDecay),
		Beta1: float32(c.Beta1), Beta2: float32(c.Beta2),
		OneMinusBeta1: float32(1 - c.Beta1), OneMinusBeta2: float32(1 - c.Beta2),
		StepSize: float32(lr / (1 - math.Pow(c.Beta1, float64(t)))),
		RootBias: float32(1 / math.Sqrt(1-math.Pow(c.Beta2, float64(t)))),
		Epsilon:  float32(c.Epsilon),
	}
	o.update.plain = o.update.decayed
	o.update.plain.Decay = 1
	p.run(len(o.adam), &o.update)
}

type normSquaredOp struct {
	g       []float32
	chunks  []flatChunk
	partial []float64
}

func (op *normSquaredOp) run(chunk, _ int) {
	c := op.chunks[chunk]
	op.partial[chunk] = vec.SumSquares(op.g[c.lo:c.hi])
}

type adamOp struct {
	w, g, m, v     []float32
	chunks         []flatChunk
	decayed, plain vec.AdamW // with and without weight decay
}

func (op *adamOp) run(chunk, _ int) {
	c := op.chunks[chunk]
	step := &op.plain
	if c.decay {
		step = &op.decayed
	}
	step.Step(op.w[c.lo:c.hi], op.g[c.lo:c.hi], op.m[c.lo:c.hi], op.v[c.lo:c.hi])
}

package model

import (
	"math"

	"transcend/model/internal/phases"
	"transcend/model/internal/vec"
)

// adamW is AdamW over chunks of the flat buffer (Loshchilov and Hutter 2019, in the
// form of torch.optim.AdamW).
type adamW struct {
	chunks []flatChunk
	op     adamOp
}

func newAdamW(_ Config, tensors []LayoutTensor) updater {
	return &adamW{chunks: chunksOf(tensors)}
}

func (a *adamW) step(p *phases.Pool, u update) {
	c, t := &u.train, float64(u.number)
	a.op = adamOp{w: u.weights, g: u.gradient, m: u.first, v: u.second, chunks: a.chunks}
	a.op.decayed = vec.AdamW{
		Scale: float32(u.scale), Decay: float32(1 - u.rate*c.WeightDecay),
		Beta1: float32(c.Beta1), Beta2: float32(c.Beta2),
		OneMinusBeta1: float32(1 - c.Beta1), OneMinusBeta2: float32(1 - c.Beta2),
		StepSize: float32(u.rate / (1 - math.Pow(c.Beta1, t))),
		RootBias: float32(1 / math.Sqrt(1-math.Pow(c.Beta2, t))),
		Epsilon:  float32(c.Epsilon),
	}
	a.op.plain = a.op.decayed
	a.op.plain.Decay = 1
	p.Run(len(a.chunks), &a.op)
}

type adamOp struct {
	w, g, m, v     []float32
	chunks         []flatChunk
	decayed, plain vec.AdamW // with and without weight decay
}

func (op *adamOp) Run(chunk, _ int) {
	c := op.chunks[chunk]
	step := &op.plain
	if c.decay {
		step = &op.decayed
	}
	step.Step(op.w[c.lo:c.hi], op.g[c.lo:c.hi], op.m[c.lo:c.hi], op.v[c.lo:c.hi])
}

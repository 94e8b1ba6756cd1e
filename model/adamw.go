package model

import "math"

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
	o.update = adamOp{
		w: w, g: g, m: o.m, v: o.v, chunks: o.adam,
		scale: float32(scale), decay: float32(1 - lr*c.WeightDecay),
		beta1: float32(c.Beta1), beta2: float32(c.Beta2),
		one1: float32(1 - c.Beta1), one2: float32(1 - c.Beta2),
		stepSize: float32(lr / (1 - math.Pow(c.Beta1, float64(t)))),
		rootBias: float32(math.Sqrt(1 - math.Pow(c.Beta2, float64(t)))),
		epsilon:  float32(c.Epsilon),
	}
	p.run(len(o.adam), &o.update)
}

type normSquaredOp struct {
	g       []float32
	chunks  []flatChunk
	partial []float64
}

func (op *normSquaredOp) run(chunk, _ int) {
	c := op.chunks[chunk]
	var a, b float64
	g := op.g[c.lo:c.hi]
	for ; len(g) >= 2; g = g[2:] {
		x, y := float64(g[0]), float64(g[1])
		a += x * x
		b += y * y
	}
	for _, x := range g {
		a += float64(x) * float64(x)
	}
	op.partial[chunk] = a + b
}

type adamOp struct {
	w, g, m, v []float32
	chunks     []flatChunk

	scale, decay       float32
	beta1, beta2       float32
	one1, one2         float32 // 1−β
	stepSize, rootBias float32 // lr/(1−β1ᵗ), √(1−β2ᵗ)
	epsilon            float32
}

func (op *adamOp) run(chunk, _ int) {
	c := op.chunks[chunk]
	decay := float32(1)
	if c.decay {
		decay = op.decay
	}
	w := op.w[c.lo:c.hi]
	g, m, v := op.g[c.lo:c.hi][:len(w)], op.m[c.lo:c.hi][:len(w)], op.v[c.lo:c.hi][:len(w)]
	for i := range w {
		x := g[i] * op.scale
		mi := float32(op.beta1*m[i]) + float32(op.one1*x)
		vi := float32(op.beta2*v[i]) + float32(op.one2*(x*x))
		m[i], v[i] = mi, vi
		denominator := float32(math.Sqrt(float64(vi)))/op.rootBias + op.epsilon
		w[i] = float32(w[i]*decay) - float32(op.stepSize*mi/denominator)
	}
}

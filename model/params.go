package model

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// params are views of one flat buffer: the model's weights, their gradient or
// a moment of the optimizer. Everything that treats all numbers alike (the
// optimizer, the gradient norm, checkpoints) loops over flat.
//
// Weight matrices are [in, out], Hugging Face's Conv1D, so that the forward
// product of row-major activations is X·W without a transpose. Bias views are
// nil when Config.Bias is false.
type params struct {
	flat []float32

	wte    []float32 // (V, C) token embedding and, transposed, output projection
	wpe    []float32 // (T, C) position embedding
	layers []layerParams
	lnfW   []float32 // (C)
	lnfB   []float32 // (C)
	extra  []float32 // (E, C) embeddings of extra ids; nil without
}

type layerParams struct {
	ln1W, ln1B   []float32 // (C)
	qkvW, qkvB   []float32 // (C, 3C), (3C): queries, keys, values side by side
	projW, projB []float32 // (C, C), (C)
	ln2W, ln2B   []float32 // (C)
	fcW, fcB     []float32 // (C, 4C), (4C)
	mlpW, mlpB   []float32 // (4C, C), (C)
}

// field is one tensor of params.
type field struct {
	name  string // Hugging Face's
	shape []int
	view  *[]float32
	init  initKind
	bias  bool // absent when Config.Bias is false
	// hidden: a matrix of a block, from activations to activations.
	hidden bool
}

type initKind uint8

const (
	initZero     initKind = iota
	initOne               // LayerNorm weights
	initNormal            // N(0, 0.02)
	initResidual          // N(0, 0.02/√(2·layers)): projections into the residual stream
	initExtra             // N(0, 0.02/√S), so that a sum of S is as large as other embeddings
)

func (f *field) size() int {
	n := 1
	for _, d := range f.shape {
		n *= d
	}
	return n
}

// fields lists every tensor a GPT-2 of this configuration can have, in the
// order of the flat buffer, biases included.
func (p *params) fields(c Config) []field {
	w := c.Width
	fs := []field{
		{name: "transformer.wte.weight", shape: []int{c.Vocab, w}, view: &p.wte, init: initNormal},
		{name: "transformer.wpe.weight", shape: []int{c.Context, w}, view: &p.wpe, init: initNormal},
	}
	for i := range p.layers {
		l := &p.layers[i]
		add := func(name string, view *[]float32, init initKind, bias bool, shape ...int) {
			fs = append(fs, field{name: fmt.Sprintf("transformer.h.%d.%s", i, name), shape: shape, view: view, init: init, bias: bias, hidden: len(shape) == 2})
		}
		add("ln_1.weight", &l.ln1W, initOne, false, w)
		add("ln_1.bias", &l.ln1B, initZero, true, w)
		add("attn.c_attn.weight", &l.qkvW, initNormal, false, w, 3*w)
		add("attn.c_attn.bias", &l.qkvB, initZero, true, 3*w)
		add("attn.c_proj.weight", &l.projW, initResidual, false, w, w)
		add("attn.c_proj.bias", &l.projB, initZero, true, w)
		add("ln_2.weight", &l.ln2W, initOne, false, w)
		add("ln_2.bias", &l.ln2B, initZero, true, w)
		add("mlp.c_fc.weight", &l.fcW, initNormal, false, w, 4*w)
		add("mlp.c_fc.bias", &l.fcB, initZero, true, 4*w)
		add("mlp.c_proj.weight", &l.mlpW, initResidual, false, 4*w, w)
		add("mlp.c_proj.bias", &l.mlpB, initZero, true, w)
	}
	fs = append(fs,
		field{name: "transformer.ln_f.weight", shape: []int{w}, view: &p.lnfW, init: initOne},
		field{name: "transformer.ln_f.bias", shape: []int{w}, view: &p.lnfB, init: initZero, bias: true})
	if c.ExtraVocab > 0 {
		// The last, so that the others begin with the same random numbers as without.
		fs = append(fs, field{name: extraTensor, shape: []int{c.ExtraVocab, w}, view: &p.extra, init: initExtra})
	}
	return fs
}

// extraTensor is the one tensor that GPT-2 has not.
const extraTensor = "transformer.extra.weight"

// layout lists the tensors that exist in c, in the order of the flat
// buffer, without allocating them.
func layout(c Config) []field {
	p := &params{layers: make([]layerParams, c.Layers)}
	return p.existing(c)
}

// existing is fields without those that c does not have.
func (p *params) existing(c Config) []field {
	var fs []field
	for _, f := range p.fields(c) {
		if c.Bias || !f.bias {
			fs = append(fs, f)
		}
	}
	return fs
}

// newParams allocates zeros in the layout of c, which must be valid.
func newParams(c Config) *params {
	p := &params{flat: make([]float32, c.NumParams()), layers: make([]layerParams, c.Layers)}
	rest := p.flat
	for _, f := range p.existing(c) {
		n := f.size()
		*f.view, rest = rest[:n:n], rest[n:]
	}
	if len(rest) != 0 {
		panic("model: NumParams does not match the layout")
	}
	return p
}

// NamedTensor is one parameter of a model under its Hugging Face name. Data is
// a view, row-major: writing to it changes the model.
type NamedTensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// Model is a GPT-2's configuration and weights. Any number of goroutines may
// use one Model at the same time through their own Evaluator and Decoder,
// except while a Trainer steps.
type Model struct {
	cfg Config
	p   *params
}

// initStream separates the weights' random numbers from others of one seed.
const initStream = 0x67707432 // "gpt2"

// New returns a model with random weights, the same for the same seed: N(0,
// 0.02) for matrices and embeddings, N(0, 0.02/√(2·layers)) for the two
// projections of a block that write to the residual stream, N(0, 0.02/√S) for
// the embeddings of S extra ids a token, ones for LayerNorm weights, zeros for biases (GPT-2; nanoGPT, model.py).
func New(cfg Config, seed uint64) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m := &Model{cfg: cfg, p: newParams(cfg)}
	rng := rand.New(rand.NewPCG(seed, initStream))
	for _, f := range m.p.existing(cfg) {
		std := initStd
		switch f.init {
		case initOne:
			fill(*f.view, 1)
			continue
		case initZero:
			continue
		case initResidual:
			std /= math.Sqrt(2 * float64(cfg.Layers))
		case initExtra:
			std /= math.Sqrt(float64(cfg.ExtraSlots))
		}
		view := *f.view
		for i := range view {
			view[i] = float32(std * rng.NormFloat64())
		}
	}
	return m, nil
}

// Config returns the model's configuration.
func (m *Model) Config() Config { return m.cfg }

// Tensors returns views of all parameters in the order of the flat buffer.
func (m *Model) Tensors() []NamedTensor { return m.p.tensors(m.cfg) }

func (p *params) tensors(c Config) []NamedTensor {
	var ts []NamedTensor
	for _, f := range p.existing(c) {
		ts = append(ts, NamedTensor{Name: f.name, Shape: f.shape, Data: *f.view})
	}
	return ts
}

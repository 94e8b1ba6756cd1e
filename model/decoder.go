package model

import (
	"errors"
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"transcend/model/internal/attention"
	"transcend/model/internal/vec"
)

// ErrContextFull is returned when a sequence would outgrow the model's learned
// positions.
var ErrContextFull = errors.New("the model's context is full")

// Decoder feeds one sequence to a model, token by token or several at once,
// and keeps the keys and values of its past (KV cache), so that a token costs
// one pass over the weights whatever the past. Token i has position i.
//
// A Decoder is for one goroutine at a time; any number of them may share a
// Model. It holds 2·layers·width numbers for every token of its capacity,
// which doubles as the sequence grows, up to the context.
type Decoder struct {
	m        *Model
	n        int         // tokens in the cache
	capacity int         // tokens there is room for
	kv       [][]float32 // for each layer (capacity, 2C): keys, values

	x, normed, att []float32            // (n, C) for n new tokens
	qkv            []float32            // (n, 3C)
	hidden         []float32            // (n, 4C)
	scores         []float32            // of a single token
	workspace      *attention.Workspace // of several
	logits         []float32            // (V)
}

// NewDecoder returns a decoder of an empty sequence.
func (m *Model) NewDecoder() *Decoder {
	return &Decoder{m: m, kv: make([][]float32, m.cfg.Layers), logits: make([]float32, m.cfg.Vocab), workspace: attention.NewWorkspace()}
}

// Len is the number of tokens in the sequence.
func (d *Decoder) Len() int { return d.n }

// Truncate forgets all but the first n tokens. n outside [0, Len] is a
// programmer's error and panics.
func (d *Decoder) Truncate(n int) {
	if n < 0 || n > d.n {
		panic(fmt.Sprintf("model: Truncate(%d) of a sequence of %d tokens", n, d.n))
	}
	d.n = n
}

// minCapacity is the first room that a decoder makes.
const minCapacity = 64

// reserve makes room for n tokens in all.
func (d *Decoder) reserve(n int) {
	if n <= d.capacity {
		return
	}
	d.capacity = min(max(minCapacity, 2*d.capacity, n), d.m.cfg.Context)
	for i, old := range d.kv {
		d.kv[i] = make([]float32, d.capacity*2*d.m.cfg.Width)
		copy(d.kv[i], old)
	}
}

// Append adds tokens to the sequence and returns the logits of what follows
// the last of them, one for each id. The slice is the decoder's, valid until
// the next Append. With an error (ErrContextFull, or an id outside the
// vocabulary) the sequence is as it was.
//
// The logits are those of a pass over the whole sequence up to rounding; they
// may differ in the last bits with how the tokens were divided among calls.
func (d *Decoder) Append(tokens ...int32) ([]float32, error) {
	c := d.m.cfg
	if len(tokens) == 0 {
		return nil, errors.New("model: Append of no tokens")
	}
	if len(tokens) > c.Context-d.n {
		return nil, fmt.Errorf("model: %w: %d tokens after %d, context %d", ErrContextFull, len(tokens), d.n, c.Context)
	}
	for _, id := range tokens {
		if id < 0 || int(id) >= c.Vocab {
			return nil, fmt.Errorf("model: %w: token id %d outside the vocabulary of %d", ErrBatch, id, c.Vocab)
		}
	}
	d.reserve(d.n + len(tokens))
	d.forward(tokens)
	d.n += len(tokens)
	return d.logits, nil
}

func (d *Decoder) forward(tokens []int32) {
	p, w, n := d.m.p, d.m.cfg.Width, len(tokens)
	d.x, d.normed, d.att = grow(d.x, n*w), grow(d.normed, n*w), grow(d.att, n*w)
	d.qkv, d.hidden = grow(d.qkv, n*3*w), grow(d.hidden, n*4*w)
	d.scores = grow(d.scores, d.capacity)
	for i, id := range tokens {
		row := d.x[i*w : (i+1)*w]
		copy(row, p.wte[int(id)*w:])
		add(row, p.wpe[(d.n+i)*w:(d.n+i+1)*w])
	}
	for l := range p.layers {
		last := l == len(p.layers)-1
		d.block(&p.layers[l], d.kv[l], n, last)
		if last {
			n = 1
		}
	}
	layerNormRow(d.normed[:w], d.x[:w], p.lnfW, p.lnfB)
	blas32.Gemv(blas.NoTrans, 1, mat(p.wte, d.m.cfg.Vocab, w, w), vector(d.normed[:w]), 0, vector(d.logits))
}

// block runs one block over the n new tokens. In the last block only the last
// token's result is wanted: it ends up in row 0.
func (d *Decoder) block(l *layerParams, kv []float32, n int, last bool) {
	w := d.m.cfg.Width
	d.normRows(n, l.ln1W, l.ln1B)
	project(d.qkv, d.normed, n, w, 3*w, l.qkvW, l.qkvB, false)
	for i := range n {
		copy(kv[(d.n+i)*2*w:(d.n+i+1)*2*w], d.qkv[i*3*w+w:(i+1)*3*w])
	}
	first := 0
	if last {
		first = n - 1
		copy(d.x[:w], d.x[first*w:n*w])
	}
	d.attend(kv, first, n)
	n -= first
	project(d.x, d.att, n, w, w, l.projW, l.projB, true)
	d.normRows(n, l.ln2W, l.ln2B)
	project(d.hidden, d.normed, n, w, 4*w, l.fcW, l.fcB, false)
	vec.GELU(d.hidden, d.hidden, d.m.cfg.Activation == GELUTanh)
	project(d.x, d.hidden, n, 4*w, w, l.mlpW, l.mlpB, true)
}

func (d *Decoder) normRows(n int, weight, bias []float32) {
	w := d.m.cfg.Width
	for i := range n {
		layerNormRow(d.normed[i*w:(i+1)*w], d.x[i*w:(i+1)*w], weight, bias)
	}
}

// attend computes attention of the new tokens [first, n) over the cache into
// att, from row 0 on.
func (d *Decoder) attend(kv []float32, first, n int) {
	w, h := d.m.cfg.Width, d.m.cfg.headSize()
	seen := d.n + n
	for at := 0; at < w; at += h {
		out, q := mat(d.att[at:], n-first, h, w), mat(d.qkv[first*3*w+at:], n-first, h, 3*w)
		k, v := mat(kv[at:], seen, h, 2*w), mat(kv[w+at:], seen, h, 2*w)
		if n-first > 1 {
			d.workspace.Forward(out, q, k, v, nil)
			continue
		}
		scores := d.scores[:seen]
		blas32.Gemv(blas.NoTrans, attentionScale(h), k, vector(q.Data[:h]), 0, vector(scores))
		softmaxRow(scores)
		blas32.Gemv(blas.Trans, 1, v, vector(scores), 0, vector(out.Data[:h]))
	}
}

// project sets the n rows of y to x·w + b, or adds that to them. A single row
// is a matrix-vector product, which reads the weights once without packing.
func project(y, x []float32, n, in, out int, w, b []float32, accumulate bool) {
	beta := float32(1)
	switch {
	case accumulate && b != nil:
		for i := range n {
			add(y[i*out:(i+1)*out], b)
		}
	case accumulate:
	case b != nil:
		for i := range n {
			copy(y[i*out:(i+1)*out], b)
		}
	default:
		beta = 0
	}
	weights := mat(w, in, out, out)
	if n == 1 {
		blas32.Gemv(blas.Trans, 1, weights, vector(x[:in]), beta, vector(y[:out]))
		return
	}
	mul(mat(y, n, out, out), mat(x, n, in, in), weights, beta)
}

func vector(x []float32) blas32.Vector { return blas32.Vector{N: len(x), Inc: 1, Data: x} }

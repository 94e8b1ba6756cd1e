package model

import (
	"errors"
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	kernels "transcend/model/blas"
	"transcend/model/internal/attention"
)

// ErrContextFull is returned when a sequence would outgrow the model's learned
// positions.
var ErrContextFull = errors.New("the model's context is full")

// ErrCacheFull is returned when the keys and values of a BatchDecoder's
// sequences would outgrow BatchOptions.CacheBytes.
var ErrCacheFull = errors.New("the decoder's cache is full")

// BatchOptions bounds a BatchDecoder. The zero value bounds nothing.
type BatchOptions struct {
	// CacheBytes bounds the memory of all sequences' keys and values; 0 does not.
	CacheBytes int64
	// Threads bounds the goroutines of one Append, matrix products excepted;
	// 0 is GOMAXPROCS.
	Threads int
}

// BatchDecoder feeds many sequences to a model, each token by token or several
// at once, and keeps the keys and values of their pasts (KV caches). One pass
// over the weights serves all sequences of an Append, whatever their pasts:
// every linear layer is one product of all new tokens.
//
// A BatchDecoder and its sequences are for one goroutine at a time; any number
// of them may share a Model.
//
// # Numbers
//
// The logits of a sequence are those of a pass over the whole of it up to
// rounding. They depend on the last bits with how its tokens were divided among
// calls. What else is in the call has no influence on them with the float32
// kernels of model/blas, which take an element's sum in the same order for any
// number of rows. It has an influence on the last bits with gonum's own
// products, where one row is a product of another kind; and with bf16 products
// it decides the precision, because those of fewer than 32 rows are in float32.
type BatchDecoder struct {
	m       *Model
	pool    *pool
	serial  *pool // for what is too little to share
	limit   int64
	bytes   int64  // of all sequences
	calls   uint64 // of Append, to find a sequence that is in one twice
	entries []entry
	// Of the n new tokens of one group of sequences.
	tokens, positions []int32   // (n)
	x, y              []float32 // (n, C) residual stream and the product to be added to it
	normed, att       []float32 // (n, C)
	qkv               []float32 // (n, 3C)
	hidden            []float32 // (n, 4C)
	mean, rstd        []float32 // (n)
	logits            []float32 // (sequences, V), of all groups

	ops struct {
		norm      normOp
		bias      biasOp
		gelu      geluOp
		attention cachedAttentionOp
	}
}

// Sequence is one sequence of a BatchDecoder. Token i has position i.
//
// It holds about 2·layers·width numbers (heads are padded to whole vectors) for
// every token of its capacity, which doubles as the sequence grows, up to the
// context.
type Sequence struct {
	d        *BatchDecoder
	n        int // tokens in the cache
	capacity int // tokens there is room for
	// kv has for each layer and head the keys, then the values, in the layouts of
	// internal/attention: what one head reads lies together.
	kv   []float32
	call uint64 // the last Append that it was in
}

// Step is what one sequence gets in an Append.
type Step struct {
	Sequence *Sequence
	Tokens   []int32 // at least one
	// Logits is set by Append: of what follows the last token, one for each id.
	// The slice is the decoder's, valid until its next Append.
	Logits []float32
}

// entry is a step at work.
type entry struct {
	s     *Sequence
	first int // its first row among the new tokens of its group
	rows  int
}

// NewBatchDecoder returns a decoder without sequences.
func (m *Model) NewBatchDecoder(o BatchOptions) *BatchDecoder {
	d := &BatchDecoder{m: m, pool: newPool(), serial: newPool(), limit: o.CacheBytes}
	d.serial.setThreads(1)
	d.pool.setThreads(o.Threads)
	return d
}

// CacheBytes is the memory of all sequences' keys and values.
func (d *BatchDecoder) CacheBytes() int64 { return d.bytes }

// NewSequence returns an empty sequence, which holds no memory yet.
func (d *BatchDecoder) NewSequence() *Sequence { return &Sequence{d: d} }

// Len is the number of tokens in the sequence.
func (s *Sequence) Len() int { return s.n }

// Truncate forgets all but the first n tokens and keeps the memory for those to
// come. n outside [0, Len] is a programmer's error and panics.
func (s *Sequence) Truncate(n int) {
	if n < 0 || n > s.n {
		panic(fmt.Sprintf("model: Truncate(%d) of a sequence of %d tokens", n, s.n))
	}
	s.n = n
}

// Reset forgets all tokens and gives the memory back. The sequence may be used
// again.
func (s *Sequence) Reset() {
	s.d.bytes -= s.d.cacheBytes(s.capacity)
	s.n, s.capacity, s.kv = 0, 0, nil
}

// Fork returns a new sequence with the same tokens. The keys and values are
// copied: from here on the two have nothing in common. The error is ErrCacheFull.
func (s *Sequence) Fork() (*Sequence, error) {
	fork := s.d.NewSequence()
	if err := s.d.admit(fork.growth(s.n), s.n); err != nil {
		return nil, err
	}
	fork.reserve(s.n)
	fork.n = s.n
	fork.copyFrom(s)
	return fork, nil
}

// minCapacity is the first room that a sequence makes.
const minCapacity = 64

// room is the capacity that s needs for n tokens in all.
func (s *Sequence) room(n int) int {
	if n <= s.capacity {
		return s.capacity
	}
	return min(max(minCapacity, 2*s.capacity, n), attention.Padded(s.d.m.cfg.Context))
}

// growth is the memory that room for n tokens takes beyond what s has.
func (s *Sequence) growth(n int) int64 {
	return s.d.cacheBytes(s.room(n)) - s.d.cacheBytes(s.capacity)
}

// reserve makes room for n tokens in all.
func (s *Sequence) reserve(n int) {
	capacity := s.room(n)
	if capacity == s.capacity {
		return
	}
	old := *s
	s.kv, s.capacity = make([]float32, s.d.cacheSize(capacity)), capacity
	s.d.bytes += s.d.cacheBytes(capacity) - s.d.cacheBytes(old.capacity)
	s.copyFrom(&old)
}

// copyFrom copies the keys and values of the tokens of from.
func (s *Sequence) copyFrom(from *Sequence) {
	if from.n == 0 {
		return
	}
	c := s.d.m.cfg
	h := c.headSize()
	for i := range c.Layers * c.Heads {
		keys, values := s.cache(i)
		oldKeys, oldValues := from.cache(i)
		copy(keys, oldKeys[:attention.KeyRoom(from.n, h)])
		copy(values, oldValues[:attention.ValueRoom(from.n, h)])
	}
}

// cache returns the keys and the values of head i, counted through all layers.
func (s *Sequence) cache(i int) (keys, values []float32) {
	h := s.d.m.cfg.headSize()
	k, v := attention.KeyRoom(s.capacity, h), attention.ValueRoom(s.capacity, h)
	at := s.kv[i*(k+v):]
	return at[:k], at[k : k+v]
}

// cacheSize is how many numbers a sequence of that capacity holds.
func (d *BatchDecoder) cacheSize(capacity int) int {
	c := d.m.cfg
	h := c.headSize()
	return c.Layers * c.Heads * (attention.KeyRoom(capacity, h) + attention.ValueRoom(capacity, h))
}

func (d *BatchDecoder) cacheBytes(capacity int) int64 { return 4 * int64(d.cacheSize(capacity)) }

// admit reports whether the cache may grow by so many bytes, which n more tokens
// need.
func (d *BatchDecoder) admit(bytes int64, n int) error {
	if d.limit > 0 && bytes > 0 && d.bytes+bytes > d.limit {
		return fmt.Errorf("model: %w: %d bytes for %d tokens beside the %d in use, of at most %d: reset sequences that are done, or allow more", ErrCacheFull, bytes, n, d.bytes, d.limit)
	}
	return nil
}

// Append adds tokens to sequences, as many to each as its step says, and sets
// the logits of every step. With an error (ErrContextFull, ErrCacheFull, an id
// outside the vocabulary, no tokens, a sequence that is in two steps or another
// decoder's) all sequences are as they were.
func (d *BatchDecoder) Append(steps []Step) error {
	if err := d.check(steps); err != nil {
		return err
	}
	v := d.m.cfg.Vocab
	d.logits = grow(d.logits, len(steps)*v)
	for from := 0; from < len(steps); {
		to, rows := from+1, len(steps[from].Tokens)
		for to < len(steps) && rows+len(steps[to].Tokens) <= groupRows {
			rows += len(steps[to].Tokens)
			to++
		}
		d.forward(steps[from:to], rows, d.logits[from*v:to*v])
		from = to
	}
	for i := range steps {
		s := &steps[i]
		s.Sequence.n += len(s.Tokens)
		s.Logits = d.logits[i*v : (i+1)*v : (i+1)*v]
	}
	return nil
}

// groupRows bounds the new tokens that go through the network at a time, and so
// the memory for their activations, unless one step has more.
const groupRows = 1024

// check finds what is wrong with steps.
func (d *BatchDecoder) check(steps []Step) error {
	c := d.m.cfg
	d.calls++
	bytes, tokens := int64(0), 0
	for i := range steps {
		s := steps[i].Sequence
		n := len(steps[i].Tokens)
		switch {
		case s == nil || s.d != d:
			return fmt.Errorf("model: step %d of an Append is for no sequence of this decoder", i)
		case s.call == d.calls:
			return fmt.Errorf("model: step %d of an Append is for a sequence that an earlier step is for", i)
		case n == 0:
			return fmt.Errorf("model: Append of no tokens (step %d)", i)
		case n > c.Context-s.n:
			return fmt.Errorf("model: %w: %d tokens after %d, context %d", ErrContextFull, n, s.n, c.Context)
		}
		for _, id := range steps[i].Tokens {
			if id < 0 || int(id) >= c.Vocab {
				return fmt.Errorf("model: %w: token id %d outside the vocabulary of %d", ErrBatch, id, c.Vocab)
			}
		}
		s.call = d.calls
		bytes += s.growth(s.n + n)
		tokens += n
	}
	return d.admit(bytes, tokens)
}

// forward runs the network over the n new tokens of a group of steps and sets
// logits (steps, V).
func (d *BatchDecoder) forward(steps []Step, n int, logits []float32) {
	p, w := d.m.p, d.m.cfg.Width
	d.tokens, d.positions = grow(d.tokens, n), grow(d.positions, n)
	d.x, d.y, d.normed, d.att = grow(d.x, n*w), grow(d.y, n*w), grow(d.normed, n*w), grow(d.att, n*w)
	d.qkv, d.hidden = grow(d.qkv, n*3*w), grow(d.hidden, n*4*w)
	d.mean, d.rstd = grow(d.mean, n), grow(d.rstd, n)

	d.entries = d.entries[:0]
	row := 0
	for i := range steps {
		s, tokens := steps[i].Sequence, steps[i].Tokens
		s.reserve(s.n + len(tokens))
		d.entries = append(d.entries, entry{s, row, len(tokens)})
		for j, id := range tokens {
			d.tokens[row], d.positions[row] = id, int32(s.n+j)
			row++
		}
	}
	d.ops.norm = normOp{
		dst: d.normed, x: d.x, w: p.layers[0].ln1W, b: p.layers[0].ln1B, mean: d.mean, rstd: d.rstd,
		tokens: d.tokens, positions: d.positions, wte: p.wte, wpe: p.wpe,
	}
	d.rows(n, w, &d.ops.norm)
	for i := range p.layers {
		nextW, nextB := p.lnfW, p.lnfB
		if i+1 < len(p.layers) {
			nextW, nextB = p.layers[i+1].ln1W, p.layers[i+1].ln1B
		}
		n = d.block(i, n, nextW, nextB)
	}
	v := d.m.cfg.Vocab
	project(mat(logits, n, v, v), mat(d.normed, n, w, w), mat(p.wte, v, w, w))
	for i := range steps { // forget the callers' sequences
		d.entries[i].s = nil
	}
}

// block runs one block over the n new tokens, normed being its first LayerNorm,
// and leaves the LayerNorm of the next. It returns the number of rows that go
// on: in the last block only the last token of each sequence is wanted.
func (d *BatchDecoder) block(i, n int, nextW, nextB []float32) int {
	w, l := d.m.cfg.Width, &d.m.p.layers[i]
	product(mat(d.qkv, n, 3*w, 3*w), mat(d.normed, n, w, w), mat(l.qkvW, w, 3*w, 3*w))
	if l.qkvB != nil {
		for r := range n {
			add(d.qkv[r*3*w:(r+1)*3*w], l.qkvB)
		}
	}
	last := i == len(d.m.p.layers)-1
	d.attend(i, n, last)
	if last {
		n = len(d.entries)
		for e := range d.entries {
			from := (d.entries[e].first + d.entries[e].rows - 1) * w
			copy(d.x[e*w:(e+1)*w], d.x[from:from+w]) // from ≥ e·w
		}
	}
	product(mat(d.y, n, w, w), mat(d.att, n, w, w), mat(l.projW, w, w, w))
	d.addNorm(n, l.projB, l.ln2W, l.ln2B)
	product(mat(d.hidden, n, 4*w, 4*w), mat(d.normed, n, w, w), mat(l.fcW, w, 4*w, 4*w))
	hidden := d.hidden[:n*4*w]
	d.ops.gelu = geluOp{dst: hidden, src: hidden, bias: l.fcB, width: 4 * w, tanh: d.m.cfg.Activation == GELUTanh}
	d.rows(n, 4*w, &d.ops.gelu)
	product(mat(d.y, n, w, w), mat(d.hidden, n, 4*w, 4*w), mat(l.mlpW, 4*w, w, w))
	d.addNorm(n, l.mlpB, nextW, nextB)
	return n
}

// addNorm adds y and a bias (nil for zeros) to the residual stream of n rows and
// sets normed to its LayerNorm.
func (d *BatchDecoder) addNorm(n int, bias, weight, normBias []float32) {
	d.ops.norm = normOp{dst: d.normed, x: d.y, from: d.x, bias: bias, w: weight, b: normBias, mean: d.mean[:n], rstd: d.rstd[:n]}
	d.rows(n, d.m.cfg.Width, &d.ops.norm)
	d.x, d.y = d.y, d.x
}

// rows runs a task over n rows of so many numbers in chunks of tokenChunk.
func (d *BatchDecoder) rows(n, width int, t task) {
	pool := d.pool
	if n*width < sharedNumbers {
		pool = d.serial
	}
	pool.run(chunkCount(n, tokenChunk), t)
}

// sharedNumbers of element-wise work, some ten microseconds, are worth waking
// another thread.
const sharedNumbers = 1 << 16

// attend computes attention of the n new tokens over the caches into att. last
// asks for the last token of each sequence only: its row is then the sequence's
// index.
func (d *BatchDecoder) attend(layer, n int, last bool) {
	op := &d.ops.attention
	op.d, op.layer, op.last = d, layer, last
	longest := 0
	for _, e := range d.entries {
		longest = max(longest, e.s.capacity)
	}
	for len(op.workspaces) < d.pool.threads {
		op.workspaces = append(op.workspaces, attention.NewWorkspace())
	}
	for _, w := range op.workspaces {
		w.Reserve(longest, d.m.cfg.headSize(), false)
	}
	// A head of a single token is little work, so such sequences go whole.
	heads := d.m.cfg.Heads
	op.heads = 1
	if n == len(d.entries) {
		op.heads = heads
	}
	d.pool.run(len(d.entries)*heads/op.heads, op)
}

// cachedAttentionOp is attention of new tokens over the caches of their
// sequences; a chunk is some heads of one sequence.
type cachedAttentionOp struct {
	d          *BatchDecoder
	layer      int
	last       bool
	heads      int                    // in a chunk
	workspaces []*attention.Workspace // of each worker
}

func (op *cachedAttentionOp) run(chunk, worker int) {
	first := chunk * op.heads
	for head := first; head < first+op.heads; head++ {
		op.one(head/op.d.m.cfg.Heads, head%op.d.m.cfg.Heads, op.workspaces[worker])
	}
}

// one does one head of sequence i: it stores the new keys and values, then
// attends.
func (op *cachedAttentionOp) one(i, head int, workspace *attention.Workspace) {
	e, d := op.d.entries[i], op.d
	w, h := d.m.cfg.Width, d.m.cfg.headSize()
	keys, values := e.s.cache(op.layer*d.m.cfg.Heads + head)
	part := func(first, rows, which int) blas32.General {
		return mat(d.qkv[(e.first+first)*3*w+which*w+head*h:], rows, h, 3*w)
	}
	workspace.Append(keys, values, e.s.n, part(0, e.rows, 1), part(0, e.rows, 2))
	out, first := e.first, 0
	if op.last {
		out, first = i, e.rows-1
	}
	seen, dst, q := e.s.n+e.rows, d.att[out*w+head*h:], part(first, e.rows-first, 0)
	if q.Rows > 1 {
		workspace.ForwardCached(mat(dst, q.Rows, h, w), q, keys, values, seen)
		return
	}
	workspace.Query(dst[:h], q.Data[:h], keys, values, seen)
}

// product sets c to a·b. A single row is a matrix-vector product, which gonum's
// own does without allocating.
func product(c, a, b blas32.General) {
	if a.Rows == 1 {
		blas32.Gemv(blas.Trans, 1, b, vector(rowOf(a, 0)), 0, vector(rowOf(c, 0)))
		return
	}
	mul(c, a, b, 0)
}

// project sets the rows of logits to those of normed times wteᵀ.
func project(logits, normed, wte blas32.General) {
	piece := logitRows(normed.Rows, normed.Cols)
	for i := 0; i < normed.Rows; i += piece {
		n := min(piece, normed.Rows-i)
		if n == 1 {
			blas32.Gemv(blas.NoTrans, 1, wte, vector(rowOf(normed, i)), 0, vector(rowOf(logits, i)))
			continue
		}
		mulBT(mat(logits.Data[i*logits.Stride:], n, logits.Cols, logits.Stride), mat(normed.Data[i*normed.Stride:], n, normed.Cols, normed.Stride), wte, 1, 0)
	}
}

// logitRows is the number of rows of logits to multiply at a time. In float32
// model/blas takes dot products where a transposed factor meets few rows, and
// another order of sums where it meets many; with so few at a time it is always
// the former, which is as fast. bf16 products want many.
func logitRows(rows, width int) int {
	if impl, ok := blas32.Implementation().(kernels.Implementation); ok && impl.Precision() == kernels.F32 {
		return max(1, min(32, width/8))
	}
	return rows
}

func vector(x []float32) blas32.Vector { return blas32.Vector{N: len(x), Inc: 1, Data: x} }

// Decoder is a BatchDecoder of one sequence.
type Decoder struct {
	batch  *BatchDecoder
	s      *Sequence
	step   [1]Step
	tokens []int32
}

// NewDecoder returns a decoder of an empty sequence.
func (m *Model) NewDecoder() *Decoder {
	b := m.NewBatchDecoder(BatchOptions{})
	return &Decoder{batch: b, s: b.NewSequence()}
}

// Len is the number of tokens in the sequence.
func (d *Decoder) Len() int { return d.s.Len() }

// Truncate forgets all but the first n tokens. n outside [0, Len] is a
// programmer's error and panics.
func (d *Decoder) Truncate(n int) { d.s.Truncate(n) }

// Append adds tokens to the sequence and returns the logits of what follows
// the last of them, one for each id. The slice is the decoder's, valid until
// the next Append. With an error (ErrContextFull, no tokens, or an id outside the
// vocabulary) the sequence is as it was.
func (d *Decoder) Append(tokens ...int32) ([]float32, error) {
	d.tokens = append(d.tokens[:0], tokens...) // so that the caller's stay on its stack
	d.step[0] = Step{Sequence: d.s, Tokens: d.tokens}
	if err := d.batch.Append(d.step[:]); err != nil {
		return nil, err
	}
	return d.step[0].Logits, nil
}

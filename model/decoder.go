package model

import (
	"errors"
	"fmt"

	"gonum.org/v1/gonum/blas/blas32"

	kernels "transcend/model/blas"
	"transcend/model/internal/attention"
	"transcend/model/internal/phases"
	"transcend/model/sampling"
)

// ErrContextFull is returned when a sequence would outgrow the model's learned
// positions.
var ErrContextFull = errors.New("the model's context is full")

// ErrCacheFull is returned when the keys and values of a BatchDecoder's
// sequences would outgrow BatchOptions.CacheBytes.
var ErrCacheFull = errors.New("the decoder's cache is full")

// Format is how a decoder keeps numbers in memory, which is what it waits for.
type Format uint8

// The formats.
const (
	F32  Format = iota
	BF16        // rounded to the upper half of a float32
	Int8        // weights only: 127 steps to both sides of zero, of a width for each output
)

// String returns "f32", "bf16" or "int8".
func (f Format) String() string {
	if f > Int8 {
		return fmt.Sprintf("Format(%d)", uint8(f))
	}
	return [...]string{"f32", "bf16", "int8"}[f]
}

// ParseFormat returns the format of that name.
func ParseFormat(name string) (Format, error) {
	for f := range Int8 + 1 {
		if name == f.String() {
			return f, nil
		}
	}
	return F32, fmt.Errorf("model: unknown format %q (known: f32, bf16, int8)", name)
}

// BatchOptions bounds a BatchDecoder and says what it keeps. The zero value bounds
// nothing and rounds nothing.
type BatchOptions struct {
	// Weights is the format of the matrices. Embeddings, norms and biases are float32
	// in any case.
	Weights Format
	// Cache is the format of keys and values, F32 or BF16.
	Cache Format
	// CacheBytes bounds the memory of all sequences' keys and values; 0 does not.
	CacheBytes int64
	// Threads bounds the goroutines of one Append; 0 is GOMAXPROCS.
	Threads int
	// Engine, if not nil, computes instead of this package. It was made for the same model
	// with the same Weights and Cache, serves this decoder alone, and bounds its memory
	// itself: CacheBytes does not apply.
	Engine DecodeEngine
}

// BatchDecoder feeds many sequences to a model, each token by token or several
// at once, and keeps the keys and values of their pasts (KV caches). One pass
// over the weights serves all sequences of an Append, whatever their pasts:
// every linear layer is one product of all new tokens. The matrices are the model's
// when the decoder was made: they are copied in the order in which they are read.
//
// A BatchDecoder and its sequences are for one goroutine at a time; any number
// of them may share a Model.
//
// # Numbers
//
// With float32 weights and caches the logits of a sequence are those of a pass over the
// whole of it up to rounding. They depend on the last bits with how its tokens were
// divided among calls. What else is in the call, and the number of threads, have no
// influence on them. For the other formats see blas.Packed: with matrices in bf16 or int8
// on AMX, what is multiplied by them is rounded to bf16, too.
type BatchDecoder struct {
	m       *Model
	weights Format
	cache   Format
	blocks  []packedBlock
	head    *kernels.Packed // (C, V)
	threads int
	limit   int64
	bytes   int64     // of all sequences
	calls   uint64    // of Append, to find a sequence that is in one twice
	logits  []float32 // (sequences, V)
	pool    *phases.Pool
	lanes   []*lane // of each thread
	groups  groupOp

	elsewhere *elsewhere // nil: here
}

// lane is the memory for one group of sequences on their way through the network, and
// who works on it.
type lane struct {
	d       *BatchDecoder
	crew    *phases.Crew
	entries []entry
	// Of the n new tokens of the group.
	tokens, positions []int32   // (n)
	extras            []int32   // (n, S)
	x, y              []float32 // (n, C) residual stream and the product to be added to it
	normed, att       []float32 // (n, C)
	qkv               []float32 // (n, 3C)
	hidden            []float32 // (n, 4C)
	mean, rstd        []float32 // (n)

	ops struct {
		norm      normOp
		gelu      geluOp
		prepare   prepareOp
		product   packedOp
		attention cachedAttentionOp
	}
}

// packedBlock are the matrices of a block.
type packedBlock struct {
	qkv, proj, fc, mlp *kernels.Packed
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
	// For each layer and head the keys, then the values, in the layouts of
	// internal/attention: what one head reads lies together. One of the two is nil, by
	// the decoder's format.
	kv   []float32
	kv16 []uint16
	slot int    // of the engine, counted from 1; 0: it has none
	call uint64 // the last Append that it was in
}

// Step is what one sequence gets in an Append.
type Step struct {
	Sequence *Sequence
	Tokens   []int32 // at least one
	// Extras are the extra ids of the tokens, Config.ExtraSlots for each, as Batch has
	// them; none for a model without.
	Extras []int32
	// Choice, if not nil, is drawn from the logits before Append returns.
	Choice *sampling.Choice
	// Logits is set by Append: of what follows the last token, one for each id.
	// The slice is the decoder's, valid until its next Append, or Keep.
	Logits []float32
	// Keep, if not nil, is where Append puts the logits: Config.Vocab numbers. Threads
	// share the copying of many.
	Keep []float32
}

// finish keeps the logits of a step and makes its choice.
func (s *Step) finish(logits []float32) {
	s.Logits = logits
	if s.Keep != nil {
		s.Logits = s.Keep[:copy(s.Keep, logits)]
	}
	if s.Choice != nil {
		s.Choice.Draw(s.Logits)
	}
}

// entry is a step at work.
type entry struct {
	s     *Sequence
	first int // its first row among the new tokens of its group
	rows  int
}

// NewBatchDecoder returns a decoder without sequences. It panics when an option is none
// of those there are.
func (m *Model) NewBatchDecoder(o BatchOptions) *BatchDecoder {
	if o.Weights > Int8 || o.Cache > BF16 {
		panic(fmt.Sprintf("model: no decoder with weights in %v and a cache in %v", o.Weights, o.Cache))
	}
	d := &BatchDecoder{m: m, weights: o.Weights, cache: o.Cache, pool: phases.NewPool(), limit: o.CacheBytes}
	d.pool.SetThreads(o.Threads)
	d.threads = d.pool.Threads()
	if o.Engine != nil {
		d.elsewhere = newElsewhere(o.Engine)
		return d
	}
	storage := [...]kernels.Storage{kernels.StoreF32, kernels.StoreBF16, kernels.StoreInt8}[o.Weights]
	w := m.cfg.Width
	pack := func(data []float32, rows, cols int) *kernels.Packed {
		return kernels.Pack(mat(data, rows, cols, cols), false, storage)
	}
	for i := range m.p.layers {
		l := &m.p.layers[i]
		d.blocks = append(d.blocks, packedBlock{
			qkv: pack(l.qkvW, w, 3*w), proj: pack(l.projW, w, w),
			fc: pack(l.fcW, w, 4*w), mlp: pack(l.mlpW, 4*w, w),
		})
	}
	d.head = kernels.Pack(mat(m.p.wte, m.cfg.Vocab, w, w), true, storage)
	for i := range d.threads {
		l := &lane{d: d, crew: phases.NewCrew(1)}
		if i == 0 {
			l.crew = phases.NewCrew(d.threads)
		}
		l.ops.product.scratch = make([]kernels.PackedScratch, l.crew.Threads())
		for range l.crew.Threads() {
			l.ops.attention.workspaces = append(l.ops.attention.workspaces, attention.NewWorkspace())
		}
		d.lanes = append(d.lanes, l)
	}
	return d
}

// Options returns what the decoder was made with.
func (d *BatchDecoder) Options() BatchOptions {
	o := BatchOptions{Weights: d.weights, Cache: d.cache, CacheBytes: d.limit, Threads: d.threads}
	if d.elsewhere != nil {
		o.Engine = d.elsewhere.engine
	}
	return o
}

// Precision says how the decoder computes: the formats of weights and cache, and of what
// the weights are multiplied by.
func (d *BatchDecoder) Precision() string {
	products := F32
	if d.elsewhere != nil {
		products = d.weights // an engine's products are of what its weights are
	} else if d.head.RoundsRows() {
		products = BF16
	}
	return fmt.Sprintf("weights %v, products %v, cache %v", d.weights, products, d.cache)
}

// CacheBytes is the memory of all sequences' keys and values in this program.
func (d *BatchDecoder) CacheBytes() int64 { return d.bytes }

// WeightBytes is the memory of the matrices in this program.
func (d *BatchDecoder) WeightBytes() int64 {
	if d.elsewhere != nil {
		return 0
	}
	n := d.head.Bytes()
	for _, b := range d.blocks {
		n += b.qkv.Bytes() + b.proj.Bytes() + b.fc.Bytes() + b.mlp.Bytes()
	}
	return n
}

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
	if e := s.d.elsewhere; e != nil {
		e.release(s)
		return
	}
	s.d.bytes -= s.d.cacheBytes(s.capacity)
	s.n, s.capacity, s.kv, s.kv16 = 0, 0, nil, nil
}

// Fork returns a new sequence with the same tokens. The keys and values are
// copied: from here on the two have nothing in common. The error is ErrCacheFull, or the
// engine's.
func (s *Sequence) Fork() (*Sequence, error) {
	fork := s.d.NewSequence()
	if e := s.d.elsewhere; e != nil {
		return fork, e.copy(fork, s)
	}
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
	if s.d.elsewhere != nil {
		return 0
	}
	return s.d.cacheBytes(s.room(n)) - s.d.cacheBytes(s.capacity)
}

// reserve makes room for n tokens in all.
func (s *Sequence) reserve(n int) {
	capacity := s.room(n)
	if capacity == s.capacity {
		return
	}
	old := *s
	s.capacity = capacity
	k, v := s.d.headRoom(capacity)
	size := s.d.m.cfg.Layers * s.d.m.cfg.Heads * (k + v)
	if s.d.cache == BF16 {
		s.kv16 = make([]uint16, size)
	} else {
		s.kv = make([]float32, size)
	}
	s.d.bytes += s.d.cacheBytes(capacity) - s.d.cacheBytes(old.capacity)
	s.copyFrom(&old)
}

// copyFrom copies the keys and values of the tokens of from.
func (s *Sequence) copyFrom(from *Sequence) {
	if from.n == 0 {
		return
	}
	k, v := s.d.headRoom(from.n)
	for i := range s.d.m.cfg.Layers * s.d.m.cfg.Heads {
		if s.d.cache == BF16 {
			copyHead(s, from, s.kv16, from.kv16, i, k, v)
		} else {
			copyHead(s, from, s.kv, from.kv, i, k, v)
		}
	}
}

// copyHead copies the first k numbers of the keys and v of the values of head i.
func copyHead[T any](s, from *Sequence, dst, src []T, i, k, v int) {
	keys, values := headOf(s, dst, i)
	oldKeys, oldValues := headOf(from, src, i)
	copy(keys, oldKeys[:k])
	copy(values, oldValues[:v])
}

// headOf returns the keys and values of head i, counted through all layers, in kv, which
// is one of the sequence's.
func headOf[T any](s *Sequence, kv []T, i int) (keys, values []T) {
	k, v := s.d.headRoom(s.capacity)
	at := kv[i*(k+v):]
	return at[:k], at[k : k+v]
}

// headRoom is how many numbers the keys and values of n tokens take in one head.
func (d *BatchDecoder) headRoom(n int) (keys, values int) {
	h := d.m.cfg.headSize()
	if d.cache == BF16 {
		return attention.KeyRoomBF16(n, h), attention.ValueRoomBF16(n, h)
	}
	return attention.KeyRoom(n, h), attention.ValueRoom(n, h)
}

// cacheBytes is the memory of a sequence of that capacity.
func (d *BatchDecoder) cacheBytes(capacity int) int64 {
	k, v := d.headRoom(capacity)
	number := 4
	if d.cache == BF16 {
		number = 2
	}
	return int64(number) * int64(d.m.cfg.Layers*d.m.cfg.Heads*(k+v))
}

// admit reports whether the cache may grow by so many bytes, which n more tokens
// need.
func (d *BatchDecoder) admit(bytes int64, n int) error {
	if d.limit > 0 && bytes > 0 && d.bytes+bytes > d.limit {
		return fmt.Errorf("model: %w: %d bytes for %d tokens beside the %d in use, of at most %d: reset sequences that are done, or allow more", ErrCacheFull, bytes, n, d.bytes, d.limit)
	}
	return nil
}

// Append adds tokens to sequences, as many to each as its step says, and sets
// the logits of every step, and the ids of choices. With an error (ErrContextFull,
// ErrCacheFull, an id outside the vocabulary, no tokens, impossible sampling, a sequence
// that is in two steps or another decoder's) all sequences are as they were. With an
// engine's error so are the sequences, but some choices may have been drawn.
func (d *BatchDecoder) Append(steps []Step) error {
	tokens, err := d.check(steps)
	if err != nil {
		return err
	}
	if d.elsewhere != nil {
		return d.elsewhere.append(d.pool, steps)
	}
	v := d.m.cfg.Vocab
	d.logits = grow(d.logits, len(steps)*v)
	for i := range steps { // memory and its count are not for several goroutines
		steps[i].Sequence.reserve(steps[i].Sequence.n + len(steps[i].Tokens))
	}
	g := &d.groups
	g.cut(d, steps, tokens)
	if n := len(g.ends); n == 1 {
		d.lanes[0].crew.Begin(tokens * d.m.cfg.NumParams())
		g.Run(0, 0)
		d.lanes[0].crew.End()
	} else {
		d.pool.Run(n, g)
	}
	g.steps = nil
	return nil
}

// groupOp takes groups of sequences through the network; a chunk is a group. Each is
// one thread's from the first matrix to the choice of tokens: between its products
// nobody waits.
type groupOp struct {
	d     *BatchDecoder
	steps []Step
	ends  []int // of each group's steps
}

// groupRows is what a group should have at most, so that its activations stay in the
// second-level cache; one step may have more. Groups of fewer than groupShare rows
// multiply them hardly faster, so that few are not divided among threads.
const (
	groupRows  = 64
	groupShare = 16
)

// cut makes groups, at least one for each thread where there is enough for them.
func (g *groupOp) cut(d *BatchDecoder, steps []Step, tokens int) {
	most := min(groupRows, max(groupShare, phases.Chunks(tokens, d.threads)))
	g.d, g.steps, g.ends = d, steps, g.ends[:0]
	rows := 0
	for i := range steps {
		n := len(steps[i].Tokens)
		if i > 0 && rows+n > most {
			g.ends, rows = append(g.ends, i), 0
		}
		rows += n
	}
	g.ends = append(g.ends, len(steps))
}

func (g *groupOp) Run(chunk, worker int) {
	from, to, v := 0, g.ends[chunk], g.d.m.cfg.Vocab
	if chunk > 0 {
		from = g.ends[chunk-1]
	}
	if from == to {
		return
	}
	steps, logits := g.steps[from:to], g.d.logits[from*v:to*v]
	l := g.d.lanes[worker]
	l.forward(steps, logits)
	for i := range steps {
		s := &steps[i]
		s.Sequence.n += len(s.Tokens)
		s.finish(logits[i*v : (i+1)*v : (i+1)*v])
	}
}

// check finds what is wrong with steps and counts their tokens.
func (d *BatchDecoder) check(steps []Step) (tokens int, err error) {
	c := d.m.cfg
	d.calls++
	bytes := int64(0)
	for i := range steps {
		s := steps[i].Sequence
		n := len(steps[i].Tokens)
		switch {
		case s == nil || s.d != d:
			return 0, fmt.Errorf("model: step %d of an Append is for no sequence of this decoder", i)
		case s.call == d.calls:
			return 0, fmt.Errorf("model: step %d of an Append is for a sequence that an earlier step is for", i)
		case n == 0:
			return 0, fmt.Errorf("model: Append of no tokens (step %d)", i)
		case n > c.Context-s.n:
			return 0, fmt.Errorf("model: %w: %d tokens after %d, context %d", ErrContextFull, n, s.n, c.Context)
		}
		for _, id := range steps[i].Tokens {
			if id < 0 || int(id) >= c.Vocab {
				return 0, fmt.Errorf("model: %w: token id %d outside the vocabulary of %d", ErrBatch, id, c.Vocab)
			}
		}
		if got, want := len(steps[i].Extras), n*c.ExtraSlots; got != want {
			return 0, fmt.Errorf("model: %w: %d extra ids for %d tokens, the model takes %d (step %d)", ErrBatch, got, n, want, i)
		}
		for t := range n {
			if id, ok := c.badExtra(steps[i].Extras[t*c.ExtraSlots : (t+1)*c.ExtraSlots]); !ok {
				return 0, fmt.Errorf("model: %w: extra id %d outside the %d there are", ErrBatch, id, c.ExtraVocab)
			}
		}
		if ch := steps[i].Choice; ch != nil {
			if ch.Mask != nil && len(ch.Mask) < c.Vocab {
				return 0, fmt.Errorf("model: %w: a mask of %d ids for %d (step %d)", sampling.ErrSettings, len(ch.Mask), c.Vocab, i)
			}
			if err := ch.Settings.Validate(); err != nil {
				return 0, err
			}
			if ch.Rand == nil && ch.Settings.Temperature != 0 {
				return 0, fmt.Errorf("model: %w: temperature %v without a source of random numbers (step %d)", sampling.ErrSettings, ch.Settings.Temperature, i)
			}
		}
		s.call = d.calls
		bytes += s.growth(s.n + n)
		tokens += n
	}
	return tokens, d.admit(bytes, tokens)
}

// forward runs the network over the new tokens of a group of steps, whose sequences have
// room for them, and sets logits (steps, V).
func (l *lane) forward(steps []Step, logits []float32) {
	p, w, n := l.d.m.p, l.d.m.cfg.Width, 0
	for i := range steps {
		n += len(steps[i].Tokens)
	}
	l.tokens, l.positions = grow(l.tokens, n), grow(l.positions, n)
	l.x, l.y, l.normed, l.att = grow(l.x, n*w), grow(l.y, n*w), grow(l.normed, n*w), grow(l.att, n*w)
	l.qkv, l.hidden = grow(l.qkv, n*3*w), grow(l.hidden, n*4*w)
	l.mean, l.rstd = grow(l.mean, n), grow(l.rstd, n)

	l.entries, l.extras = l.entries[:0], l.extras[:0]
	row := 0
	for i := range steps {
		s, tokens := steps[i].Sequence, steps[i].Tokens
		l.entries = append(l.entries, entry{s, row, len(tokens)})
		l.extras = append(l.extras, steps[i].Extras...)
		for j, id := range tokens {
			l.tokens[row], l.positions[row] = id, int32(s.n+j)
			row++
		}
	}
	l.ops.norm = normOp{
		dst: l.normed, x: l.x, w: p.layers[0].ln1W, b: p.layers[0].ln1B, mean: l.mean, rstd: l.rstd,
		tokens: l.tokens, positions: l.positions, wte: p.wte, wpe: p.wpe,
		extras: bag{l.extras, l.d.m.cfg.ExtraSlots, p.extra},
	}
	l.rows(n, w, &l.ops.norm)
	for i := range p.layers {
		nextW, nextB := p.lnfW, p.lnfB
		if i+1 < len(p.layers) {
			nextW, nextB = p.layers[i+1].ln1W, p.layers[i+1].ln1B
		}
		n = l.block(i, n, nextW, nextB)
	}
	l.product(logits, l.normed, n, l.d.head, l.d.m.cfg.Vocab, w)
	for i := range steps { // forget the callers' sequences
		l.entries[i].s = nil
	}
}

// block runs one block over the n new tokens, normed being its first LayerNorm,
// and leaves the LayerNorm of the next. It returns the number of rows that go
// on: in the last block only the last token of each sequence is wanted.
func (l *lane) block(i, n int, nextW, nextB []float32) int {
	w, b, packed := l.d.m.cfg.Width, &l.d.m.p.layers[i], &l.d.blocks[i]
	l.product(l.qkv, l.normed, n, packed.qkv, 3*w, w)
	if b.qkvB != nil {
		for r := range n {
			add(l.qkv[r*3*w:(r+1)*3*w], b.qkvB)
		}
	}
	last := i == len(l.d.m.p.layers)-1
	l.attend(i, n, last)
	if last {
		n = len(l.entries)
		for e := range l.entries {
			from := (l.entries[e].first + l.entries[e].rows - 1) * w
			copy(l.x[e*w:(e+1)*w], l.x[from:from+w]) // from ≥ e·w
		}
	}
	l.product(l.y, l.att, n, packed.proj, w, w)
	l.addNorm(n, b.projB, b.ln2W, b.ln2B)
	l.product(l.hidden, l.normed, n, packed.fc, 4*w, w)
	hidden := l.hidden[:n*4*w]
	l.ops.gelu = geluOp{dst: hidden, src: hidden, bias: b.fcB, width: 4 * w, tanh: l.d.m.cfg.Activation == GELUTanh}
	l.rows(n, 4*w, &l.ops.gelu)
	l.product(l.y, l.hidden, n, packed.mlp, w, 4*w)
	l.addNorm(n, b.mlpB, nextW, nextB)
	return n
}

// product sets dst (rows, n) to src (rows, k) times b.
func (l *lane) product(dst, src []float32, rows int, b *kernels.Packed, n, k int) {
	op := &l.ops.product
	op.b, op.c, op.pieces = b, mat(dst, rows, n, n), 1
	if l.crew.Workers() > 1 {
		op.pieces = min(b.Panels(), 4*l.crew.Workers())
	}
	l.ops.prepare = prepareOp{op}
	l.crew.Run(b.Begin(&op.a, mat(src, rows, k, k)), &l.ops.prepare)
	l.crew.Run(op.pieces, op)
}

// prepareOp prepares the rows of a product; a chunk is a piece.
type prepareOp struct{ *packedOp }

func (op *prepareOp) Run(chunk, _ int) { op.b.Prepare(&op.a, chunk) }

// packedOp is a product with a packed matrix; a chunk is some of its panels.
type packedOp struct {
	a       kernels.RowFactor
	b       *kernels.Packed
	c       blas32.General
	pieces  int
	scratch []kernels.PackedScratch // of each worker
}

func (op *packedOp) Run(chunk, worker int) {
	panels := op.b.Panels()
	op.b.Multiply(&op.a, op.c, chunk*panels/op.pieces, (chunk+1)*panels/op.pieces, &op.scratch[worker])
}

// addNorm adds y and a bias (nil for zeros) to the residual stream of n rows and
// sets normed to its LayerNorm.
func (l *lane) addNorm(n int, bias, weight, normBias []float32) {
	l.ops.norm = normOp{dst: l.normed, x: l.y, from: l.x, bias: bias, w: weight, b: normBias, mean: l.mean[:n], rstd: l.rstd[:n]}
	l.rows(n, l.d.m.cfg.Width, &l.ops.norm)
	l.x, l.y = l.y, l.x
}

// rows runs a task over n rows of so many numbers in chunks of tokenChunk.
func (l *lane) rows(n, width int, t phases.Task) { l.crew.Run(phases.Chunks(n, tokenChunk), t) }

// attend computes attention of the n new tokens over the caches into att. last
// asks for the last token of each sequence only: its row is then the sequence's
// index.
func (l *lane) attend(layer, n int, last bool) {
	op := &l.ops.attention
	op.l, op.layer, op.last = l, layer, last
	longest := 0
	for _, e := range l.entries {
		longest = max(longest, e.s.capacity)
	}
	for _, w := range op.workspaces {
		if l.d.cache == BF16 {
			w.ReserveBF16(longest, l.d.m.cfg.headSize())
		} else {
			w.Reserve(longest, l.d.m.cfg.headSize(), false)
		}
	}
	// A head of a single token is little work, so such sequences go whole.
	heads := l.d.m.cfg.Heads
	op.heads = 1
	if n == len(l.entries) {
		op.heads = heads
	}
	l.crew.Run(len(l.entries)*heads/op.heads, op)
}

// cachedAttentionOp is attention of new tokens over the caches of their
// sequences; a chunk is some heads of one sequence.
type cachedAttentionOp struct {
	l          *lane
	layer      int
	last       bool
	heads      int                    // in a chunk
	workspaces []*attention.Workspace // of each worker
}

func (op *cachedAttentionOp) Run(chunk, worker int) {
	first := chunk * op.heads
	for head := first; head < first+op.heads; head++ {
		op.one(head/op.l.d.m.cfg.Heads, head%op.l.d.m.cfg.Heads, op.workspaces[worker])
	}
}

// one does one head of sequence i: it stores the new keys and values, then
// attends.
func (op *cachedAttentionOp) one(i, head int, workspace *attention.Workspace) {
	l, d := op.l, op.l.d
	e := l.entries[i]
	w, h := d.m.cfg.Width, d.m.cfg.headSize()
	part := func(first, rows, which int) blas32.General {
		return mat(l.qkv[(e.first+first)*3*w+which*w+head*h:], rows, h, 3*w)
	}
	out, first := e.first, 0
	if op.last {
		out, first = i, e.rows-1
	}
	k, v, q := part(0, e.rows, 1), part(0, e.rows, 2), part(first, e.rows-first, 0)
	seen, dst := e.s.n+e.rows, l.att[out*w+head*h:]
	at := op.layer*d.m.cfg.Heads + head
	if d.cache == BF16 {
		keys, values := headOf(e.s, e.s.kv16, at)
		workspace.AppendBF16(keys, values, e.s.n, k, v)
		if q.Rows == 1 {
			workspace.QueryBF16(dst[:h], q.Data[:h], keys, values, seen)
			return
		}
		workspace.ForwardCachedBF16(mat(dst, q.Rows, h, w), q, keys, values, seen)
		return
	}
	keys, values := headOf(e.s, e.s.kv, at)
	workspace.Append(keys, values, e.s.n, k, v)
	if q.Rows == 1 {
		workspace.Query(dst[:h], q.Data[:h], keys, values, seen)
		return
	}
	workspace.ForwardCached(mat(dst, q.Rows, h, w), q, keys, values, seen)
}

// Decoder is a BatchDecoder of one sequence.
type Decoder struct {
	batch  *BatchDecoder
	s      *Sequence
	step   [1]Step
	tokens []int32
	extras []int32
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
	return d.AppendExtras(nil, tokens...)
}

// AppendExtras is Append for a model with extra ids; see Step.Extras.
func (d *Decoder) AppendExtras(extras []int32, tokens ...int32) ([]float32, error) {
	d.tokens, d.extras = append(d.tokens[:0], tokens...), append(d.extras[:0], extras...) // so that the caller's stay on its stack
	d.step[0] = Step{Sequence: d.s, Tokens: d.tokens, Extras: d.extras}
	if err := d.batch.Append(d.step[:]); err != nil {
		return nil, err
	}
	return d.step[0].Logits, nil
}

package model

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	kernels "transcend/model/blas"
	"transcend/model/internal/attention"
	"transcend/model/internal/phases"
)

// network is the memory of one forward and backward pass, and the passes. It
// is made once and reused; it grows when a larger batch comes.
//
// Shapes in comments: N = rows·context tokens, C width, H heads, V vocabulary.
// What the backward pass can compute again from its neighbors for little
// (LayerNorm outputs, GELU outputs, attention scores) is not kept: a block
// keeps about 10·C+H numbers a token, or, with recompute, C.
//
// Where products are in bf16 on tiles, what only products read is rounded when it is
// made: LayerNorm outputs, GELU outputs and the gradient before GELU. That gives the
// same bits as rounding in every product, and half the memory to go through.
type network struct {
	cfg       Config
	p         *params
	pool      *phases.Pool
	training  bool
	recompute bool // the backward pass runs each block forward again

	rows, context, n int
	beta             float32 // 0: the gradients of matrices are set, 1: added to

	blas   kernels.Implementation // that of blas32, where it is ours
	narrow bool                   // products take bf16, and the model has no biases

	// in are the residual streams before each block (N, C), or, without a
	// backward pass, one that serves all. blocks are their activations, or one
	// that serves all without a backward pass or with recompute.
	in         [][]float32
	blocks     []blockActs
	final      []float32              // (N, C) residual stream after the last block
	normed     factor                 // (N, C) LayerNorm output, of whichever layer is at work
	mean       []float32              // (N) of the last LayerNorm
	rstd       []float32              // (N)
	hidden     []float32              // (N, 4C) GELU output; in the backward pass its gradient; nil if narrow
	hidden16   []uint16               // (N, 4C) the same, GELU output in both passes
	dhidden16  []uint16               // (N, 4C)
	workspaces []*attention.Workspace // of each thread
	rounding   rounding
	head       headState
	backward   backwardState

	// watch sees the residual stream before each block and after the last; nil: nobody looks.
	watch func(layer int, stream []float32)

	// The tasks, kept here so that running one allocates nothing.
	ops struct {
		norm              normOp
		bias              biasOp
		gelu              geluOp
		attention         attentionOp
		entropy           entropyOp
		geluVisit         geluVisit
		geluGradVisit     geluGradVisit
		gather            gatherOp[float32]
		gather16          gatherOp[uint16]
		normBackward      normBackwardOp
		geluBackward      geluBackwardOp
		rowSum            rowSumOp
		reduce            reduceOp
		embeddingGradient embeddingGradientOp
		extraGradient     extraGradientOp
	}
}

type blockActs struct {
	mean1, rstd1 []float32 // (N)
	qkv          []float32 // (N, 3C)
	att          []float32 // (N, C) concatenated heads
	lse          []float32 // (rows, H, context) logs of the softmaxes' denominators
	mid          []float32 // (N, C) residual stream between attention and MLP
	mean2, rstd2 []float32 // (N)
	fc           []float32 // (N, 4C) before GELU; the backward pass puts GELU there
}

// headState is the memory of output projection and loss, which work on
// chunkRows tokens at a time so that logits never exist for the whole batch.
type headState struct {
	chunkRows int
	index     []int32   // (≤N) tokens that have a loss, in order
	x         factor    // (chunkRows, C) their hidden states
	dx        []float32 // (chunkRows, C)
	logits    []float32 // (chunkRows, V), then their gradient
	loss      []float64 // (chunkRows)
	correct   []bool    // (chunkRows)
}

type backwardState struct {
	dx      []float32 // (N, C) gradient of the residual stream
	dnormed []float32 // (N, C)
	dqkv    []float32 // (N, 3C)
	partial []float32 // (chunks, 4C) gradients of vectors, to be added up
	// The tokens that have each extra id, see extraGradientOp.
	extraTokens []int32 // (≤N·S)
	extraEnds   []int32 // (E)
}

func newNetwork(m *Model, pool *phases.Pool, training bool) *network {
	nw := &network{cfg: m.cfg, p: m.p, pool: pool, training: training}
	nw.head.chunkRows = lossRows(m.cfg.Vocab)
	return nw
}

// logitsBudget bounds the numbers in one chunk of logits (4 MB: they stay in
// cache between their product and their softmax).
const logitsBudget = 1 << 20

// lossRows is how many tokens' logits exist at a time. It is part of the order
// of additions into the embedding's gradient, so it depends on nothing else.
func lossRows(vocab int) int {
	return max(64, min(1024, logitsBudget/vocab))
}

// resize prepares for a batch of the given shape with the pool's threads.
func (nw *network) resize(rows, context int) {
	for len(nw.workspaces) < nw.pool.Threads() {
		nw.workspaces = append(nw.workspaces, attention.NewWorkspace())
	}
	for _, w := range nw.workspaces {
		w.Reserve(context, nw.cfg.headSize(), nw.training)
	}
	nw.rows, nw.context = rows, context
	n, c := rows*context, nw.cfg.Width
	impl, ours := blas32.Implementation().(kernels.Implementation)
	nw.blas, nw.narrow = impl, ours && impl.TakesBF16() && !nw.cfg.Bias
	nw.rounding.blas = impl
	if nw.narrow {
		for len(nw.rounding.rows) < nw.pool.Threads() {
			nw.rounding.rows = append(nw.rounding.rows, make([]float32, c))
		}
	}
	nw.n = n
	ins, blocks := 1, 1
	if nw.training {
		ins = nw.cfg.Layers
		if !nw.recompute {
			blocks = nw.cfg.Layers
		}
	}
	if nw.blocks == nil {
		nw.in, nw.blocks = make([][]float32, ins), make([]blockActs, blocks)
	}
	for i := range nw.in {
		nw.in[i] = grow(nw.in[i], n*c)
	}
	for i := range nw.blocks {
		b := &nw.blocks[i]
		b.mean1, b.rstd1 = grow(b.mean1, n), grow(b.rstd1, n)
		b.qkv = grow(b.qkv, n*3*c)
		b.att = grow(b.att, n*c)
		b.lse = grow(b.lse, n*nw.cfg.Heads)
		b.mid = grow(b.mid, n*c)
		b.mean2, b.rstd2 = grow(b.mean2, n), grow(b.rstd2, n)
		b.fc = grow(b.fc, n*4*c)
	}
	nw.final = grow(nw.final, n*c)
	nw.normed = nw.growFactor(nw.normed, n)
	nw.mean, nw.rstd = grow(nw.mean, n), grow(nw.rstd, n)
	if nw.narrow {
		nw.hidden16 = grow(nw.hidden16, n*4*c)
	} else {
		nw.hidden, nw.hidden16, nw.dhidden16 = grow(nw.hidden, n*4*c), nil, nil
	}

	h := &nw.head
	k := min(h.chunkRows, n)
	h.index = grow(h.index, n)
	h.x = nw.growFactor(h.x, k)
	h.logits = grow(h.logits, k*nw.cfg.Vocab)
	h.loss = grow(h.loss, k)
	h.correct = grow(h.correct, k)
	if !nw.training {
		return
	}
	h.dx = grow(h.dx, k*c)
	b := &nw.backward
	b.dx = grow(b.dx, n*c)
	b.dnormed = grow(b.dnormed, n*c)
	b.dqkv = grow(b.dqkv, n*3*c)
	b.partial = grow(b.partial, phases.Chunks(n, sumRows)*4*c)
	b.extraTokens = grow(b.extraTokens, n*nw.cfg.ExtraSlots)
	b.extraEnds = grow(b.extraEnds, nw.cfg.ExtraVocab)
	if nw.narrow {
		nw.dhidden16 = grow(nw.dhidden16, n*4*c)
	}
}

// growFactor makes room for n rows of the model's width that only products read.
func (nw *network) growFactor(f factor, n int) factor {
	c := nw.cfg.Width
	f.Rows, f.Cols, f.Stride = n, c, c
	if nw.narrow {
		f.bf16, f.Data = grow(f.bf16, n*c), nil
	} else {
		f.bf16, f.Data = nil, grow(f.Data, n*c)
	}
	return f
}

// rowsFrom is n rows of f, the first of which is row i.
func (f factor) rowsFrom(i, n int) factor {
	f.Rows = n
	if f.bf16 != nil {
		f.bf16 = f.bf16[i*f.Stride:]
	} else {
		f.Data = f.Data[i*f.Stride:]
	}
	return f
}

// ActivationBytes is the memory that a Trainer needs for a micro batch of rows
// by context tokens at most (bf16 takes a little less), beside that for weights, gradient and optimizer (16 bytes a
// parameter) and the products' packed operands. recompute is TrainConfig's.
func (c Config) ActivationBytes(rows, context int, recompute bool) int64 {
	n, w, layers := int64(rows)*int64(context), int64(c.Width), int64(c.Layers)
	blocks := layers
	if recompute {
		blocks = 1
	}
	block := n * (9*w + int64(c.Heads) + 4)       // blockActs
	shared := n * (layers*w + 2*w + 2 + 4*w)      // in, final, normed, mean, rstd, hidden
	backward := n*5*w + (n+sumRows-1)/sumRows*4*w // backwardState
	backward += n*int64(c.ExtraSlots) + int64(c.ExtraVocab)
	k := min(int64(lossRows(c.Vocab)), n) // headState
	head := n + k*(2*w+int64(c.Vocab)+2) + (k+3)/4
	return 4 * (blocks*block + shared + backward + head)
}

// layerNorm names the weights and statistics of one LayerNorm.
type layerNorm struct {
	w, b, mean, rstd []float32
}

// norm1 is the LayerNorm before block i, or, after the last block, the last one.
func (nw *network) norm1(i int) layerNorm {
	if i == len(nw.p.layers) {
		return layerNorm{nw.p.lnfW, nw.p.lnfB, nw.mean, nw.rstd}
	}
	l, a := &nw.p.layers[i], nw.acts(i)
	return layerNorm{l.ln1W, l.ln1B, a.mean1, a.rstd1}
}

func (nw *network) norm2(i int) layerNorm {
	l, a := &nw.p.layers[i], nw.acts(i)
	return layerNorm{l.ln2W, l.ln2B, a.mean2, a.rstd2}
}

// acts are the activations of block i.
func (nw *network) acts(i int) *blockActs { return &nw.blocks[i%len(nw.blocks)] }

// stream is the residual stream before block i, or after the last block.
func (nw *network) stream(i int) []float32 {
	if i == len(nw.p.layers) {
		return nw.final
	}
	return nw.in[i%len(nw.in)]
}

// forward computes the residual stream after the last block and, in normed,
// its LayerNorm. b has been validated and resize called for its shape.
func (nw *network) forward(b *Batch) {
	ln := nw.norm1(0)
	nw.ops.norm = normOp{
		dst: nw.normed.Data, dst16: nw.normed.bf16, rounding: nw.rounding, x: nw.stream(0), w: ln.w, b: ln.b, mean: ln.mean, rstd: ln.rstd,
		tokens: b.Tokens, positions: b.Positions, wte: nw.p.wte, wpe: nw.p.wpe,
		extras: bag{b.Extras, b.ExtraSlots, nw.p.extra},
	}
	nw.pool.Run(phases.Chunks(nw.n, tokenChunk), &nw.ops.norm)
	n, c := nw.n, nw.cfg.Width
	for i := range nw.p.layers {
		if nw.watch != nil {
			nw.watch(i, nw.stream(i))
		}
		l, a := &nw.p.layers[i], nw.acts(i)
		nw.forwardBlock(i, b)
		if !nw.narrow {
			nw.gelu(i)
		}
		out := nw.stream(i + 1)
		hidden := factor{mat(nw.hidden, n, 4*c, 4*c), nw.hidden16}
		nw.gemm(blas.NoTrans, blas.NoTrans, mat(out, n, c, c), hidden, f32(mat(l.mlpW, 4*c, c, c)), 0)
		nw.addNorm(out, a.mid, l.mlpB, nw.norm1(i+1))
	}
	if nw.watch != nil {
		nw.watch(len(nw.p.layers), nw.final)
	}
}

// forwardBlock computes what a block keeps for the backward pass, in being the
// residual stream before it and normed its LayerNorm:
//
//	mid = in + Attention(normed)·Wproj,  fc = LN(mid)·Wfc.
//
// The bias of fc is not in it yet. What follows is
//
//	out = mid + GELU(fc)·Wmlp.
//
// If narrow, GELU(fc) is there, too, made while fc is in the cache.
func (nw *network) forwardBlock(i int, b *Batch) {
	n, c, l, a := nw.n, nw.cfg.Width, &nw.p.layers[i], nw.acts(i)
	var beta float32
	if l.qkvB != nil {
		nw.ops.bias = biasOp{dst: a.qkv, bias: l.qkvB}
		nw.pool.Run(phases.Chunks(n, tokenChunk), &nw.ops.bias)
		beta = 1
	}
	nw.gemm(blas.NoTrans, blas.NoTrans, mat(a.qkv, n, 3*c, 3*c), nw.normed, f32(mat(l.qkvW, c, 3*c, 3*c)), beta)
	nw.ops.attention = attentionOp{
		heads: nw.cfg.Heads, headSize: nw.cfg.headSize(), context: nw.context, segmentStart: b.SegmentStart,
		qkv: a.qkv, out: a.att, lse: a.lse, workspaces: nw.workspaces,
	}
	nw.pool.Run(nw.rows*nw.cfg.Heads, &nw.ops.attention)
	mul(mat(a.mid, n, c, c), mat(a.att, n, c, c), mat(l.projW, c, c, c), 0)
	nw.addNorm(a.mid, nw.stream(i), l.projB, nw.norm2(i))
	fc, fcW := mat(a.fc, n, 4*c, 4*c), f32(mat(l.fcW, c, 4*c, 4*c))
	if !nw.narrow {
		nw.gemm(blas.NoTrans, blas.NoTrans, fc, nw.normed, fcW, 0)
		return
	}
	if !nw.training {
		fc.Data = nil
	}
	nw.ops.geluVisit = geluVisit{hidden: nw.hidden16, width: 4 * c, tanh: nw.cfg.Activation == GELUTanh, blas: nw.blas}
	nw.visitedGemm(blas.NoTrans, blas.NoTrans, fc, nw.normed, fcW, 0, &nw.ops.geluVisit)
}

// addNorm adds from and bias to x, the result of a product, and sets normed to
// the LayerNorm of the sum. from nil leaves x as it is.
func (nw *network) addNorm(x, from, bias []float32, ln layerNorm) {
	nw.ops.norm = normOp{dst: nw.normed.Data, dst16: nw.normed.bf16, rounding: nw.rounding, x: x, from: from, bias: bias, w: ln.w, b: ln.b, mean: ln.mean, rstd: ln.rstd}
	nw.pool.Run(phases.Chunks(nw.n, tokenChunk), &nw.ops.norm)
}

// backprop takes the gradient of the last LayerNorm's output, which loss left
// in dnormed, back through the network and adds the weights' gradients to g.
func (nw *network) backprop(b *Batch, g *params) {
	bw, last := &nw.backward, len(nw.p.layers)-1
	nw.normBackward(nw.final, factor{}, nw.norm1(last+1), true, g.lnfW, g.lnfB, g.layers[last].mlpB)
	for i := last; i >= 0; i-- {
		if nw.recompute {
			nw.again(i, b)
		}
		nw.backwardBlock(i, b, g)
	}
	nw.ops.embeddingGradient = embeddingGradientOp{dx: bw.dx, tokens: b.Tokens, positions: b.Positions, dwte: g.wte, dwpe: g.wpe, width: nw.cfg.Width}
	nw.pool.Run(embeddingChunks, &nw.ops.embeddingGradient)
	if b.ExtraSlots > 0 {
		nw.sortExtras(b)
		nw.ops.extraGradient = extraGradientOp{dx: bw.dx, dtable: g.extra, tokens: bw.extraTokens, ends: bw.extraEnds, width: nw.cfg.Width}
		nw.pool.Run(embeddingChunks, &nw.ops.extraGradient)
	}
}

// sortExtras lists the tokens of each extra id, in order: a counting sort, after
// which no two threads need the same row of the table.
func (nw *network) sortExtras(b *Batch) {
	ends, tokens := nw.backward.extraEnds, nw.backward.extraTokens
	clear(ends)
	extras := bag{ids: b.Extras, slots: b.ExtraSlots}
	for i := range nw.n {
		for _, id := range extras.of(i) {
			ends[id]++
		}
	}
	at := int32(0)
	for id, n := range ends { // for now where each begins
		ends[id] = at
		at += n
	}
	for i := range nw.n {
		for _, id := range extras.of(i) {
			tokens[ends[id]] = int32(i)
			ends[id]++
		}
	}
}

// again computes the activations of block i, which another block's have
// overwritten, from the residual stream before it.
func (nw *network) again(i int, b *Batch) {
	if i == len(nw.p.layers)-1 {
		return // the last one's are still there
	}
	nw.addNorm(nw.stream(i), nil, nil, nw.norm1(i))
	nw.forwardBlock(i, b)
	if nw.p.layers[i].fcB != nil {
		nw.gelu(i) // adds it
	}
}

// gelu adds the bias to fc and sets hidden to GELU of it.
func (nw *network) gelu(i int) {
	nw.ops.gelu = geluOp{dst: nw.hidden, src: nw.acts(i).fc, bias: nw.p.layers[i].fcB, width: 4 * nw.cfg.Width, tanh: nw.cfg.Activation == GELUTanh}
	nw.pool.Run(phases.Chunks(nw.n, tokenChunk), &nw.ops.gelu)
}

// backwardBlock turns dx from the gradient of the block's output into that of
// its input and adds the weights' gradients to g, except that the bias of a
// product into the residual stream gets its own from the LayerNorm after it.
func (nw *network) backwardBlock(i int, b *Batch, grads *params) {
	n, c, bw := nw.n, nw.cfg.Width, &nw.backward
	a, l, g := nw.acts(i), &nw.p.layers[i], &grads.layers[i]
	dx := mat(bw.dx, n, c, c)
	dnormed := mat(bw.dnormed, n, c, c)

	// out = mid + GELU(LN(mid)·Wfc)·Wmlp
	dhidden := factor{mat(nw.hidden, n, 4*c, 4*c), nw.dhidden16}
	hidden := factor{mat(a.fc, n, 4*c, 4*c), nil}
	if nw.narrow {
		hidden.bf16 = nw.hidden16
		nw.ops.geluGradVisit = geluGradVisit{
			fc: a.fc, hidden: nw.hidden16, dhidden: nw.dhidden16,
			width: 4 * c, tanh: nw.cfg.Activation == GELUTanh, blas: nw.blas,
		}
		nw.visitedGemm(blas.NoTrans, blas.Trans, mat(nil, n, 4*c, 4*c), f32(dx), f32(mat(l.mlpW, 4*c, c, c)), 0, &nw.ops.geluGradVisit)
	} else {
		mulBT(dhidden.General, dx, mat(l.mlpW, 4*c, c, c), 1, 0)
		nw.geluBackward(a.fc, nw.hidden, g.fcB) // a.fc becomes GELU
	}
	nw.gemm(blas.Trans, blas.NoTrans, mat(g.mlpW, 4*c, c, c), hidden, f32(dx), nw.beta)
	nw.gemm(blas.NoTrans, blas.Trans, dnormed, dhidden, f32(mat(l.fcW, c, 4*c, 4*c)), 0)
	nw.normBackward(a.mid, nw.normed, nw.norm2(i), false, g.ln2W, g.ln2B, g.projB)
	nw.gemm(blas.Trans, blas.NoTrans, mat(g.fcW, c, 4*c, 4*c), nw.normed, dhidden, nw.beta)

	// mid = in + Attention(LN(in))·Wproj
	mulAT(mat(g.projW, c, c, c), mat(a.att, n, c, c), dx, nw.beta)
	mulBT(dnormed, dx, mat(l.projW, c, c, c), 1, 0)
	nw.ops.attention = attentionOp{
		heads: nw.cfg.Heads, headSize: nw.cfg.headSize(), context: nw.context, segmentStart: b.SegmentStart,
		qkv: a.qkv, out: a.att, lse: a.lse, workspaces: nw.workspaces,
		dqkv: bw.dqkv, dout: bw.dnormed,
	}
	nw.pool.Run(nw.rows*nw.cfg.Heads, &nw.ops.attention)
	dqkv := mat(bw.dqkv, n, 3*c, 3*c)
	nw.rowSum(g.qkvB, bw.dqkv)
	mulBT(dnormed, dqkv, mat(l.qkvW, c, 3*c, 3*c), 1, 0)
	var below []float32
	if i > 0 {
		below = grads.layers[i-1].mlpB
	}
	nw.normBackward(nw.stream(i), nw.normed, nw.norm1(i), false, g.ln1W, g.ln1B, below)
	nw.gemm(blas.Trans, blas.NoTrans, mat(g.qkvW, c, 3*c, 3*c), nw.normed, f32(dqkv), nw.beta)
}

// normBackward takes dnormed, the gradient of ln's output, back to its input x:
// it adds to dx, or sets it, and adds to the gradients of ln's weights dw and
// bias db and to dbias, that of the bias of the product before, which is the sum
// of dx; nil where there is none. It sets normed, unless that is empty, to ln's
// output.
func (nw *network) normBackward(x []float32, normed factor, ln layerNorm, set bool, dw, db, dbias []float32) {
	bw := &nw.backward
	nw.ops.normBackward = normBackwardOp{
		dx: bw.dx, dy: bw.dnormed, x: x, w: ln.w, b: ln.b, mean: ln.mean, rstd: ln.rstd,
		normed: normed.Data, normed16: normed.bf16, rounding: nw.rounding, set: set, partial: bw.partial, bias: nw.cfg.Bias,
	}
	nw.pool.Run(phases.Chunks(nw.n, sumRows), &nw.ops.normBackward)
	nw.reduce([3][]float32{dw, db, dbias}, nw.cfg.Width, 3*nw.cfg.Width)
}

// geluBackward turns fc into GELU of it and dhidden into the gradient of fc, and
// adds that of its bias to db (nil: there is none).
func (nw *network) geluBackward(fc, dhidden, db []float32) {
	bw, width := &nw.backward, 4*nw.cfg.Width
	nw.ops.geluBackward = geluBackwardOp{src: fc, dy: dhidden, width: width, tanh: nw.cfg.Activation == GELUTanh}
	if db != nil {
		nw.ops.geluBackward.partial = bw.partial
	}
	nw.pool.Run(phases.Chunks(nw.n, sumRows), &nw.ops.geluBackward)
	if db != nil {
		nw.reduce([3][]float32{db}, width, width)
	}
}

// rowSum adds the sum of all rows of src to dst, a bias's gradient; nil means
// that there is no bias.
func (nw *network) rowSum(dst, src []float32) {
	if dst == nil {
		return
	}
	nw.ops.rowSum = rowSumOp{src: src, width: len(dst), partial: nw.backward.partial}
	nw.pool.Run(phases.Chunks(nw.n, sumRows), &nw.ops.rowSum)
	nw.reduce([3][]float32{dst}, len(dst), len(dst))
}

// reduce adds the partial gradients of all groups of sumRows tokens.
func (nw *network) reduce(dst [3][]float32, width, stride int) {
	nw.ops.reduce = reduceOp{dst: dst, partial: nw.backward.partial, chunks: phases.Chunks(nw.n, sumRows), width: width, stride: stride}
	nw.pool.Run(phases.Chunks(width, columnChunk), &nw.ops.reduce)
}

// collectTargets lists the tokens that have a loss in head.index.
func (nw *network) collectTargets(b *Batch) []int32 {
	index := nw.head.index[:0]
	for i, t := range b.Targets {
		if t >= 0 {
			index = append(index, int32(i))
		}
	}
	return index
}

// loss returns the summed cross-entropy in nats of all tokens with a target,
// after forward. With g it also leaves the gradient of scale·sum with respect
// to the last LayerNorm's output in dnormed and adds that of the output
// projection to g.wte. visit, when given, sees each token's logits.
func (nw *network) loss(b *Batch, g *params, scale float64, visit func(token int, logits []float32)) Evaluation {
	var e Evaluation
	h, c, v := &nw.head, nw.cfg.Width, nw.cfg.Vocab
	wte := mat(nw.p.wte, v, c, c)
	index := nw.collectTargets(b)
	if g != nil && len(index) < nw.n {
		clear(nw.backward.dnormed)
	}
	for lo := 0; lo < len(index); lo += h.chunkRows {
		part := index[lo:min(lo+h.chunkRows, len(index))]
		k, first := len(part), int(part[0])
		// Tokens that lie side by side are used where they are.
		packed := int(part[k-1])-first != k-1
		x := nw.normed.rowsFrom(first, k)
		if packed {
			x = h.x.rowsFrom(0, k)
			nw.gather(part, x)
		}
		logits := mat(h.logits, k, v, v)
		nw.gemm(blas.NoTrans, blas.Trans, logits, x, f32(wte), 0)
		if visit != nil {
			for i, token := range part {
				visit(int(token), rowOf(logits, i))
			}
		}
		nw.ops.entropy = entropyOp{logits: logits, index: part, targets: b.Targets, scale: float32(scale), gradient: g != nil, loss: h.loss, correct: h.correct}
		nw.pool.Run(phases.Chunks(k, entropyChunk), &nw.ops.entropy)
		for i := range k {
			e.Sum += h.loss[i]
			if h.correct[i] {
				e.Correct++
			}
		}
		e.Count += k
		if g == nil {
			continue
		}
		beta := float32(1)
		if lo == 0 {
			beta = nw.beta
		}
		nw.gemm(blas.Trans, blas.NoTrans, mat(g.wte, v, c, c), f32(logits), x, beta)
		if packed {
			mul(mat(h.dx, k, c, c), logits, wte, 0)
			nw.ops.gather = gatherOp[float32]{packed: h.dx, full: nw.backward.dnormed, index: part, width: c, scatter: true}
			nw.pool.Run(phases.Chunks(k, tokenChunk), &nw.ops.gather)
		} else {
			mul(mat(nw.backward.dnormed[first*c:], k, c, c), logits, wte, 0)
		}
	}
	return e
}

// gather copies the rows of normed that index names to x.
func (nw *network) gather(index []int32, x factor) {
	chunks, c := phases.Chunks(len(index), tokenChunk), nw.cfg.Width
	if nw.narrow {
		nw.ops.gather16 = gatherOp[uint16]{packed: x.bf16, full: nw.normed.bf16, index: index, width: c}
		nw.pool.Run(chunks, &nw.ops.gather16)
		return
	}
	nw.ops.gather = gatherOp[float32]{packed: x.Data, full: nw.normed.Data, index: index, width: c}
	nw.pool.Run(chunks, &nw.ops.gather)
}

// lossAndGradient runs both passes for one batch, adds the gradient of
// scale·Σ loss to g, or sets g to it, and returns the loss.
func (nw *network) lossAndGradient(b *Batch, g *params, scale float64, set bool) Evaluation {
	nw.resize(b.Rows, b.Context)
	nw.beta = 1
	if set {
		// The gradients of matrices are products, which need not read what was
		// there. A batch without targets has no product for wte.
		nw.beta = 0
		clear(g.wpe)
		clear(g.extra)
		clear(g.lnfW)
		clear(g.lnfB)
		for i := range g.layers {
			l := &g.layers[i]
			for _, v := range [...][]float32{l.ln1W, l.ln1B, l.qkvB, l.projB, l.ln2W, l.ln2B, l.fcB, l.mlpB} {
				clear(v)
			}
		}
		if b.TargetCount() == 0 {
			clear(g.wte)
		}
	}
	nw.forward(b)
	e := nw.loss(b, g, scale, nil)
	nw.backprop(b, g)
	return e
}

package model

import (
	"gonum.org/v1/gonum/blas/blas32"
)

// network is the memory of one forward and backward pass, and the passes. It
// is made once and reused; it grows when a larger batch comes.
//
// Shapes in comments: N = rows·context tokens, C width, H heads, V vocabulary.
// What the backward pass can compute again from its neighbors for little
// (LayerNorm outputs, GELU outputs, attention scores) is not kept: a block
// keeps about 10·C+H numbers a token.
type network struct {
	cfg      Config
	p        *params
	pool     *pool
	training bool

	rows, context, n int

	// blocks are the activations of each block, or, without a backward pass,
	// of one block that serves all.
	blocks   []blockActs
	final    []float32 // (N, C) residual stream after the last block
	normed   []float32 // (N, C) LayerNorm output, of whichever layer is at work
	mean     []float32 // (N) of the last LayerNorm
	rstd     []float32 // (N)
	hidden   []float32 // (N, 4C) GELU output, of whichever block is at work
	scratch  [][]float32
	head     headState
	backward backwardState

	// The tasks, kept here so that running one allocates nothing.
	ops struct {
		embed             embedOp
		residual          residualOp
		norm              normOp
		gelu              geluOp
		attention         attentionOp
		entropy           entropyOp
		gather            gatherOp
		product           productOp
		columns           columnSumOp
		normBackward      normBackwardOp
		normReduce        normReduceOp
		embeddingGradient embeddingGradientOp
	}
}

type blockActs struct {
	in           []float32 // (N, C) residual stream before the block
	mean1, rstd1 []float32 // (N)
	qkv          []float32 // (N, 3C)
	att          []float32 // (N, C) concatenated heads
	lse          []float32 // (N, H) log of the softmaxes' denominators
	mid          []float32 // (N, C) residual stream between attention and MLP
	mean2, rstd2 []float32 // (N)
	fc           []float32 // (N, 4C) before GELU; in the backward pass GELU'
}

// headState is the memory of output projection and loss, which work on
// chunkRows tokens at a time so that logits never exist for the whole batch.
type headState struct {
	chunkRows int
	index     []int32   // (≤N) tokens that have a loss, in order
	x         []float32 // (chunkRows, C) their hidden states
	dx        []float32 // (chunkRows, C)
	logits    []float32 // (chunkRows, V), then their gradient
	loss      []float64 // (chunkRows)
	correct   []bool    // (chunkRows)
}

type backwardState struct {
	dx      []float32 // (N, C) gradient of the residual stream
	dnormed []float32 // (N, C)
	dqkv    []float32 // (N, 3C)
	dhidden []float32 // (N, 4C)
	partial []float32 // (chunks, 2C) LayerNorm weight and bias gradients
	rowTmp  [][]float32
}

func newNetwork(m *Model, pool *pool, training bool) *network {
	nw := &network{cfg: m.cfg, p: m.p, pool: pool, training: training}
	n := 1
	if training {
		n = m.cfg.Layers
	}
	nw.blocks = make([]blockActs, n)
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
	threads := nw.pool.threads
	for len(nw.scratch) < threads {
		nw.scratch = append(nw.scratch, nil)
		nw.backward.rowTmp = append(nw.backward.rowTmp, make([]float32, nw.cfg.Width))
	}
	for i := range threads {
		nw.scratch[i] = grow(nw.scratch[i], attentionScratch(context))
	}
	nw.rows, nw.context = rows, context
	n, c := rows*context, nw.cfg.Width
	nw.n = n
	for i := range nw.blocks {
		b := &nw.blocks[i]
		b.in = grow(b.in, n*c)
		b.mean1, b.rstd1 = grow(b.mean1, n), grow(b.rstd1, n)
		b.qkv = grow(b.qkv, n*3*c)
		b.att = grow(b.att, n*c)
		b.lse = grow(b.lse, n*nw.cfg.Heads)
		b.mid = grow(b.mid, n*c)
		b.mean2, b.rstd2 = grow(b.mean2, n), grow(b.rstd2, n)
		b.fc = grow(b.fc, n*4*c)
	}
	nw.final = grow(nw.final, n*c)
	nw.normed = grow(nw.normed, n*c)
	nw.mean, nw.rstd = grow(nw.mean, n), grow(nw.rstd, n)
	nw.hidden = grow(nw.hidden, n*4*c)

	h := &nw.head
	k := min(h.chunkRows, n)
	h.index = grow(h.index, n)
	h.x = grow(h.x, k*c)
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
	b.dhidden = grow(b.dhidden, n*4*c)
	b.partial = grow(b.partial, chunkCount(n, normBackwardRows)*2*c)
}

// forward computes the residual stream after the last block and, in normed,
// its LayerNorm. b has been validated and resize called for its shape.
func (nw *network) forward(b *Batch) {
	p := nw.p
	x := nw.blocks[0].in
	nw.ops.embed = embedOp{dst: x, tokens: b.Tokens, positions: b.Positions, wte: p.wte, wpe: p.wpe, width: nw.cfg.Width}
	nw.pool.run(chunkCount(nw.n, tokenChunk), &nw.ops.embed)
	for i := range p.layers {
		out := nw.final
		if i+1 < len(p.layers) {
			out = nw.blocks[(i+1)%len(nw.blocks)].in
		}
		nw.forwardBlock(&nw.blocks[i%len(nw.blocks)], &p.layers[i], b, out)
	}
	nw.norm(nw.normed, nw.final, p.lnfW, p.lnfB, nw.mean, nw.rstd)
}

// forwardBlock computes
//
//	mid = in + Attention(LN(in))·Wproj,  out = mid + GELU(LN(mid)·Wfc)·Wmlp.
//
// out may be a.in.
func (nw *network) forwardBlock(a *blockActs, l *layerParams, b *Batch, out []float32) {
	n, c := nw.n, nw.cfg.Width
	nw.norm(nw.normed, a.in, l.ln1W, l.ln1B, a.mean1, a.rstd1)
	nw.linear(mat(a.qkv, n, 3*c, 3*c), mat(nw.normed, n, c, c), l.qkvW, l.qkvB)
	nw.ops.attention = attentionOp{
		heads: nw.cfg.Heads, headSize: nw.cfg.headSize(), context: nw.context, segmentStart: b.SegmentStart,
		qkv: a.qkv, out: a.att, lse: a.lse, scratch: nw.scratch,
	}
	nw.pool.run(nw.rows*nw.cfg.Heads, &nw.ops.attention)
	nw.residual(a.mid, a.in, l.projB)
	mul(mat(a.mid, n, c, c), mat(a.att, n, c, c), mat(l.projW, c, c, c), 1)

	nw.norm(nw.normed, a.mid, l.ln2W, l.ln2B, a.mean2, a.rstd2)
	nw.linear(mat(a.fc, n, 4*c, 4*c), mat(nw.normed, n, c, c), l.fcW, l.fcB)
	nw.gelu(nw.hidden, a.fc, false)
	nw.residual(out, a.mid, l.mlpB)
	mul(mat(out, n, c, c), mat(nw.hidden, n, 4*c, 4*c), mat(l.mlpW, 4*c, c, c), 1)
}

// linear sets y to x·w + b.
func (nw *network) linear(y, x blas32.General, w, b []float32) {
	var beta float32
	if b != nil {
		nw.residual(y.Data, nil, b)
		beta = 1
	}
	mul(y, x, mat(w, x.Cols, y.Cols, y.Cols), beta)
}

// residual sets every row of dst to the row of src (nil: zeros) plus bias
// (nil: zeros), ready for a product to be added.
func (nw *network) residual(dst, src, bias []float32) {
	nw.ops.residual = residualOp{dst: dst, src: src, bias: bias, width: len(dst) / nw.n}
	nw.pool.run(chunkCount(nw.n, tokenChunk), &nw.ops.residual)
}

func (nw *network) norm(dst, src, w, b, mean, rstd []float32) {
	nw.ops.norm = normOp{dst: dst, src: src, w: w, b: b, mean: mean, rstd: rstd}
	nw.pool.run(chunkCount(nw.n, tokenChunk), &nw.ops.norm)
}

// renorm recomputes what norm wrote, given its mean and rstd.
func (nw *network) renorm(dst, src, w, b, mean, rstd []float32) {
	nw.ops.norm = normOp{dst: dst, src: src, w: w, b: b, mean: mean, rstd: rstd, again: true}
	nw.pool.run(chunkCount(nw.n, tokenChunk), &nw.ops.norm)
}

func (nw *network) gelu(dst, src []float32, backward bool) {
	nw.ops.gelu = geluOp{dst: dst, src: src, width: 4 * nw.cfg.Width, backward: backward, tanh: nw.cfg.Activation == GELUTanh}
	nw.pool.run(chunkCount(nw.n, tokenChunk), &nw.ops.gelu)
}

// backprop takes the gradient of the last LayerNorm's output, which loss left
// in dnormed, back through the network and adds the weights' gradients to g.
func (nw *network) backprop(b *Batch, g *params) {
	p, bw := nw.p, &nw.backward
	clear(bw.dx)
	nw.normBackward(bw.dnormed, nw.final, p.lnfW, g.lnfW, g.lnfB, nw.mean, nw.rstd)
	for i := len(p.layers) - 1; i >= 0; i-- {
		nw.backwardBlock(&nw.blocks[i], &p.layers[i], &g.layers[i], b)
	}
	nw.ops.embeddingGradient = embeddingGradientOp{dx: bw.dx, tokens: b.Tokens, positions: b.Positions, dwte: g.wte, dwpe: g.wpe, width: nw.cfg.Width}
	nw.pool.run(chunkCount(nw.cfg.Width, columnChunk), &nw.ops.embeddingGradient)
}

// backwardBlock turns dx from the gradient of the block's output into that of
// its input and adds the weights' gradients to g.
func (nw *network) backwardBlock(a *blockActs, l, g *layerParams, b *Batch) {
	n, c, bw := nw.n, nw.cfg.Width, &nw.backward
	dx := mat(bw.dx, n, c, c)
	dnormed := mat(bw.dnormed, n, c, c)
	normed := mat(nw.normed, n, c, c)

	// out = mid + GELU(LN(mid)·Wfc)·Wmlp
	hidden, dhidden := mat(nw.hidden, n, 4*c, 4*c), mat(bw.dhidden, n, 4*c, 4*c)
	nw.gelu(nw.hidden, a.fc, true) // a.fc becomes GELU'
	mulAT(mat(g.mlpW, 4*c, c, c), hidden, dx, 1)
	nw.columnSum(g.mlpB, bw.dx)
	mulBT(dhidden, dx, mat(l.mlpW, 4*c, c, c), 1, 0)
	nw.ops.product = productOp{dst: bw.dhidden, src: a.fc, width: 4 * c}
	nw.pool.run(chunkCount(n, tokenChunk), &nw.ops.product)
	nw.renorm(nw.normed, a.mid, l.ln2W, l.ln2B, a.mean2, a.rstd2)
	mulAT(mat(g.fcW, c, 4*c, 4*c), normed, dhidden, 1)
	nw.columnSum(g.fcB, bw.dhidden)
	mulBT(dnormed, dhidden, mat(l.fcW, c, 4*c, 4*c), 1, 0)
	nw.normBackward(bw.dnormed, a.mid, l.ln2W, g.ln2W, g.ln2B, a.mean2, a.rstd2)

	// mid = in + Attention(LN(in))·Wproj
	mulAT(mat(g.projW, c, c, c), mat(a.att, n, c, c), dx, 1)
	nw.columnSum(g.projB, bw.dx)
	mulBT(dnormed, dx, mat(l.projW, c, c, c), 1, 0)
	nw.ops.attention = attentionOp{
		heads: nw.cfg.Heads, headSize: nw.cfg.headSize(), context: nw.context, segmentStart: b.SegmentStart,
		qkv: a.qkv, out: a.att, lse: a.lse, scratch: nw.scratch,
		dqkv: bw.dqkv, dout: bw.dnormed,
	}
	nw.pool.run(nw.rows*nw.cfg.Heads, &nw.ops.attention)
	dqkv := mat(bw.dqkv, n, 3*c, 3*c)
	nw.renorm(nw.normed, a.in, l.ln1W, l.ln1B, a.mean1, a.rstd1)
	mulAT(mat(g.qkvW, c, 3*c, 3*c), normed, dqkv, 1)
	nw.columnSum(g.qkvB, bw.dqkv)
	mulBT(dnormed, dqkv, mat(l.qkvW, c, 3*c, 3*c), 1, 0)
	nw.normBackward(bw.dnormed, a.in, l.ln1W, g.ln1W, g.ln1B, a.mean1, a.rstd1)
}

// normBackward adds to dx, and to dw and db, the gradients of a LayerNorm of
// src whose output has the gradient dy. The weights' gradients are summed in
// fixed groups of tokens first, then over the groups in order.
func (nw *network) normBackward(dy, src, w, dw, db, mean, rstd []float32) {
	bw := &nw.backward
	chunks := chunkCount(nw.n, normBackwardRows)
	nw.ops.normBackward = normBackwardOp{
		dx: bw.dx, dy: dy, src: src, w: w, mean: mean, rstd: rstd,
		partial: bw.partial, bias: db != nil, tmp: bw.rowTmp,
	}
	nw.pool.run(chunks, &nw.ops.normBackward)
	nw.ops.normReduce = normReduceOp{dw: dw, db: db, partial: bw.partial, chunks: chunks}
	nw.pool.run(chunkCount(nw.cfg.Width, columnChunk), &nw.ops.normReduce)
}

// columnSum adds the sum of all rows of src to dst, a bias's gradient; nil
// means that there is no bias.
func (nw *network) columnSum(dst, src []float32) {
	if dst == nil {
		return
	}
	nw.ops.columns = columnSumOp{dst: dst, src: src, rows: nw.n}
	nw.pool.run(chunkCount(len(dst), columnChunk), &nw.ops.columns)
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

// gatherLogits computes the logits of the tokens in index, at most chunkRows.
func (nw *network) gatherLogits(index []int32) blas32.General {
	h, c, v, k := &nw.head, nw.cfg.Width, nw.cfg.Vocab, len(index)
	nw.ops.gather = gatherOp{packed: h.x, full: nw.normed, index: index, width: c}
	nw.pool.run(chunkCount(k, tokenChunk), &nw.ops.gather)
	logits := mat(h.logits, k, v, v)
	mulBT(logits, mat(h.x, k, c, c), mat(nw.p.wte, v, c, c), 1, 0)
	return logits
}

// loss returns the summed cross-entropy in nats of all tokens with a target,
// after forward. With g it also leaves the gradient of scale·sum with respect
// to the last LayerNorm's output in dnormed and adds that of the output
// projection to g.wte. visit, when given, sees each token's logits.
func (nw *network) loss(b *Batch, g *params, scale float64, visit func(token int, logits []float32)) Evaluation {
	var e Evaluation
	h, c, v := &nw.head, nw.cfg.Width, nw.cfg.Vocab
	if g != nil {
		clear(nw.backward.dnormed)
	}
	index := nw.collectTargets(b)
	for lo := 0; lo < len(index); lo += h.chunkRows {
		part := index[lo:min(lo+h.chunkRows, len(index))]
		k := len(part)
		logits := nw.gatherLogits(part)
		if visit != nil {
			for i, token := range part {
				visit(int(token), rowOf(logits, i))
			}
		}
		nw.ops.entropy = entropyOp{logits: logits, index: part, targets: b.Targets, scale: float32(scale), gradient: g != nil, loss: h.loss, correct: h.correct}
		nw.pool.run(chunkCount(k, entropyChunk), &nw.ops.entropy)
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
		x, dx := mat(h.x, k, c, c), mat(h.dx, k, c, c)
		mulAT(mat(g.wte, v, c, c), logits, x, 1)
		mul(dx, logits, mat(nw.p.wte, v, c, c), 0)
		nw.ops.gather = gatherOp{packed: h.dx, full: nw.backward.dnormed, index: part, width: c, scatter: true}
		nw.pool.run(chunkCount(k, tokenChunk), &nw.ops.gather)
	}
	return e
}

// lossAndGradient runs both passes for one batch, adds the gradient of
// scale·Σ loss to g and returns the loss.
func (nw *network) lossAndGradient(b *Batch, g *params, scale float64) Evaluation {
	nw.resize(b.Rows, b.Context)
	nw.forward(b)
	e := nw.loss(b, g, scale, nil)
	nw.backprop(b, g)
	return e
}

package model

import (
	"math"

	"gonum.org/v1/gonum/blas/blas32"
)

// The tasks of the two passes. Sizes of chunks are part of the order in which
// sums are taken where a comment says so.

const (
	tokenChunk   = 32 // tokens; no sums across tokens
	entropyChunk = 8  // tokens; no sums across tokens
	columnChunk  = 32 // columns; each column is summed over all rows in order
	// normBackwardRows tokens are summed into one partial gradient; the
	// partials are then added in order.
	normBackwardRows = 64
)

// embedOp sets row i of dst to wte[tokens[i]] + wpe[positions[i]].
type embedOp struct {
	dst, wte, wpe     []float32
	tokens, positions []int32
	width             int
}

func (op *embedOp) run(chunk, _ int) {
	c := op.width
	lo, hi := chunkRange(chunk, tokenChunk, len(op.tokens))
	for i := lo; i < hi; i++ {
		dst := op.dst[i*c : (i+1)*c]
		copy(dst, op.wte[int(op.tokens[i])*c:])
		add(dst, op.wpe[int(op.positions[i])*c:(int(op.positions[i])+1)*c])
	}
}

// residualOp sets every row of dst to src's plus bias, each nil for zeros.
type residualOp struct {
	dst, src, bias []float32
	width          int
}

func (op *residualOp) run(chunk, _ int) {
	c := op.width
	lo, hi := chunkRange(chunk, tokenChunk, len(op.dst)/c)
	switch {
	case op.src != nil:
		// Nothing to copy where the stream is updated in place.
		if &op.dst[0] != &op.src[0] {
			copy(op.dst[lo*c:hi*c], op.src[lo*c:hi*c])
		}
		if op.bias == nil {
			return
		}
		for i := lo; i < hi; i++ {
			add(op.dst[i*c:(i+1)*c], op.bias)
		}
	default:
		for i := lo; i < hi; i++ {
			copy(op.dst[i*c:(i+1)*c], op.bias)
		}
	}
}

// normOp is LayerNorm of every row. It writes mean and rstd, or, again, reads
// them.
type normOp struct {
	dst, src, w, b, mean, rstd []float32
	again                      bool
}

func (op *normOp) run(chunk, _ int) {
	c := len(op.w)
	lo, hi := chunkRange(chunk, tokenChunk, len(op.mean))
	for i := lo; i < hi; i++ {
		dst, src := op.dst[i*c:(i+1)*c], op.src[i*c:(i+1)*c]
		if op.again {
			renormRow(dst, src, op.w, op.b, op.mean[i], op.rstd[i])
		} else {
			op.mean[i], op.rstd[i] = layerNormRow(dst, src, op.w, op.b)
		}
	}
}

// geluOp sets dst to GELU of src; backward, src to its derivative as well.
type geluOp struct {
	dst, src       []float32
	width          int
	backward, tanh bool
}

func (op *geluOp) run(chunk, _ int) {
	lo, hi := chunkRange(chunk, tokenChunk*op.width, len(op.src))
	dst, src := op.dst[lo:hi], op.src[lo:hi]
	switch {
	case op.tanh && op.backward:
		geluTanhBackward(dst, src)
	case op.tanh:
		geluTanhForward(dst, src)
	case op.backward:
		geluBackward(dst, src)
	default:
		geluForward(dst, src)
	}
}

// productOp multiplies dst by src, element by element.
type productOp struct {
	dst, src []float32
	width    int
}

func (op *productOp) run(chunk, _ int) {
	lo, hi := chunkRange(chunk, tokenChunk*op.width, len(op.dst))
	dst, src := op.dst[lo:hi], op.src[lo:hi]
	src = src[:len(dst)]
	for i := range dst {
		dst[i] *= src[i]
	}
}

// gatherOp copies the rows of full that index names to packed, or, scatter,
// back.
type gatherOp struct {
	packed, full []float32
	index        []int32
	width        int
	scatter      bool
}

func (op *gatherOp) run(chunk, _ int) {
	c := op.width
	lo, hi := chunkRange(chunk, tokenChunk, len(op.index))
	for i := lo; i < hi; i++ {
		j := int(op.index[i])
		packed, full := op.packed[i*c:(i+1)*c], op.full[j*c:(j+1)*c]
		if op.scatter {
			copy(full, packed)
		} else {
			copy(packed, full)
		}
	}
}

// entropyOp is softmax cross-entropy, −log softmax(logits)[target], of each
// row; with gradient, logits become scale·(softmax − onehot(target)).
type entropyOp struct {
	logits   blas32.General // (k, V)
	index    []int32        // (k) tokens of the rows
	targets  []int32        // (N)
	scale    float32
	gradient bool

	loss    []float64 // (k)
	correct []bool    // (k) the target's logit is the largest
}

func (op *entropyOp) run(chunk, _ int) {
	lo, hi := chunkRange(chunk, entropyChunk, len(op.index))
	for i := lo; i < hi; i++ {
		row := rowOf(op.logits, i)
		target := op.targets[op.index[i]]
		x := row[target]
		op.correct[i] = firstMaximum(row) == int(target)
		if !op.gradient {
			op.loss[i] = float64(logSumExp(row)) - float64(x)
			continue
		}
		op.loss[i] = float64(softmaxRow(row)) - float64(x)
		for j := range row {
			row[j] *= op.scale
		}
		row[target] -= op.scale
	}
}

// firstMaximum is the lowest index of the largest element.
func firstMaximum(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}

// logSumExp is log Σ eˣ, to the bits softmaxRow returns.
func logSumExp(x []float32) float32 {
	m := maximum(x)
	var a, b float32
	i := 0
	for ; i+1 < len(x); i += 2 {
		a += exp32(x[i] - m)
		b += exp32(x[i+1] - m)
	}
	if i < len(x) {
		a += exp32(x[i] - m)
	}
	return m + float32(math.Log(float64(a+b)))
}

// columnSumOp adds the sum of rows of src to dst.
type columnSumOp struct {
	dst, src []float32
	rows     int
}

func (op *columnSumOp) run(chunk, _ int) {
	w := len(op.dst)
	lo, hi := chunkRange(chunk, columnChunk, w)
	for i := range op.rows {
		add(op.dst[lo:hi], op.src[i*w+lo:i*w+hi])
	}
}

// normBackwardOp is the backward pass of LayerNorm for normBackwardRows rows;
// see layerNormBackwardRow.
type normBackwardOp struct {
	dx, dy, src, w, mean, rstd []float32
	partial                    []float32 // (chunks, 2C)
	bias                       bool
	tmp                        [][]float32
}

func (op *normBackwardOp) run(chunk, worker int) {
	c := len(op.w)
	lo, hi := chunkRange(chunk, normBackwardRows, len(op.mean))
	dw := op.partial[chunk*2*c : chunk*2*c+c]
	clear(dw)
	var db []float32
	if op.bias {
		db = op.partial[chunk*2*c+c : (chunk+1)*2*c]
		clear(db)
	}
	for i := lo; i < hi; i++ {
		row := func(x []float32) []float32 { return x[i*c : (i+1)*c] }
		layerNormBackwardRow(row(op.dx), dw, db, row(op.dy), row(op.src), op.w, op.tmp[worker], op.mean[i], op.rstd[i])
	}
}

// normReduceOp adds the partial sums to the gradients, in order.
type normReduceOp struct {
	dw, db, partial []float32
	chunks          int
}

func (op *normReduceOp) run(chunk, _ int) {
	c := len(op.dw)
	lo, hi := chunkRange(chunk, columnChunk, c)
	for i := range op.chunks {
		add(op.dw[lo:hi], op.partial[i*2*c+lo:i*2*c+hi])
		if op.db != nil {
			add(op.db[lo:hi], op.partial[i*2*c+c+lo:i*2*c+c+hi])
		}
	}
}

// embeddingGradientOp adds each token's gradient to its embeddings, column by
// column of the width, over the tokens in order.
type embeddingGradientOp struct {
	dx, dwte, dwpe    []float32
	tokens, positions []int32
	width             int
}

func (op *embeddingGradientOp) run(chunk, _ int) {
	c := op.width
	lo, hi := chunkRange(chunk, columnChunk, c)
	for i, token := range op.tokens {
		src := op.dx[i*c+lo : i*c+hi]
		t, p := int(token), int(op.positions[i])
		add(op.dwte[t*c+lo:t*c+hi], src)
		add(op.dwpe[p*c+lo:p*c+hi], src)
	}
}

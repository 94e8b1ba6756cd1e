package model

import (
	"slices"

	"gonum.org/v1/gonum/blas/blas32"

	kernels "transcend/model/blas"
	"transcend/model/internal/phases"
	"transcend/model/internal/vec"
)

// The tasks of the two passes, each of which reads and writes its arrays once.
// Sizes of chunks are part of the order in which sums are taken where a comment
// says so.

const (
	tokenChunk   = 32  // tokens; no sums across tokens
	entropyChunk = 8   // tokens; no sums across tokens
	columnChunk  = 256 // columns; each column is summed over all rows in order
	// sumRows tokens are summed into one partial gradient; the partials are then
	// added in order.
	sumRows = 64
	// embeddingChunks divide the rows of the embeddings; a row is summed over its
	// tokens in order.
	embeddingChunks = 16
)

// rounding is where rows of float32 become bf16: a row of each worker, and the BLAS that
// says how. Without rows there is none.
type rounding struct {
	rows [][]float32
	blas kernels.Implementation
}

// normOp is LayerNorm of the rows of the residual stream x, which it first
// computes where it is asked to: as the embeddings of tokens and positions, or as
// what the block before it has in from, plus x (the result of a product), plus
// bias (nil for zeros). It leaves mean and rstd of each row.
type normOp struct {
	dst, x, w, b, mean, rstd []float32
	dst16                    []uint16 // in the place of dst, with a rounding
	rounding                 rounding

	from, bias        []float32 // the residual stream before; nil: x is complete
	tokens, positions []int32   // of the first LayerNorm, else nil
	wte, wpe          []float32
	extras            bag
}

// bag are the extra ids of tokens and the embeddings to be added for them.
type bag struct {
	ids   []int32 // (N, slots)
	slots int     // 0: none
	table []float32
}

// of are the ids of token i.
func (b *bag) of(i int) []int32 {
	ids := b.ids[i*b.slots : (i+1)*b.slots]
	if n := slices.Index(ids, -1); n >= 0 {
		return ids[:n]
	}
	return ids
}

func (op *normOp) Run(chunk, worker int) {
	c := len(op.w)
	lo, hi := phases.Range(chunk, tokenChunk, len(op.mean))
	for i := lo; i < hi; i++ {
		x := op.x[i*c : (i+1)*c]
		var sum float32
		switch {
		case op.tokens != nil:
			token, position := int(op.tokens[i]), int(op.positions[i])
			sum = vec.AddSum(x, op.wte[token*c:(token+1)*c], op.wpe[position*c:(position+1)*c])
			if op.extras.slots > 0 {
				vec.AddRows(x, op.extras.table, op.extras.of(i))
				sum = vec.Sum(x)
			}
		case op.from == nil:
			sum = vec.Sum(x)
		case op.bias == nil:
			sum = vec.AddSum(x, x, op.from[i*c:(i+1)*c])
		default:
			vec.Add(x, x, op.from[i*c:(i+1)*c])
			sum = vec.AddSum(x, x, op.bias)
		}
		mean, rstd := normStatistics(x, sum)
		if op.dst16 != nil {
			row := op.rounding.rows[worker]
			vec.Normalize(row, x, op.w, op.b, mean, rstd)
			op.rounding.blas.RoundBF16(op.dst16[i*c:(i+1)*c], row)
		} else {
			vec.Normalize(op.dst[i*c:(i+1)*c], x, op.w, op.b, mean, rstd)
		}
		op.mean[i], op.rstd[i] = mean, rstd
	}
}

// normBackwardOp is the backward pass of LayerNorm for sumRows rows, from the
// gradient dy of its result: it adds to the gradient dx of the residual stream,
// or sets it, and sums up three rows of partial gradients: of the weights, of the
// bias, and of dx, which is that of the bias of the product before. It leaves the
// LayerNorm's result in normed.
type normBackwardOp struct {
	dx, dy, x, w, b, mean, rstd []float32
	normed                      []float32 // nil: not wanted
	normed16                    []uint16  // in the place of normed, with a rounding
	rounding                    rounding
	set                         bool      // dx is set
	partial                     []float32 // (chunks, 3C)
	bias                        bool      // the model has biases
}

func (op *normBackwardOp) Run(chunk, worker int) {
	c := len(op.w)
	lo, hi := phases.Range(chunk, sumRows, len(op.mean))
	partial := op.partial[chunk*3*c : (chunk+1)*3*c]
	clear(partial)
	dw, db, sum := partial[:c], partial[c:2*c], partial[2*c:]
	for i := lo; i < hi; i++ {
		row := func(x []float32) []float32 { return x[i*c : (i+1)*c] }
		dx, dy, x, mean, rstd := row(op.dx), row(op.dy), row(op.x), op.mean[i], op.rstd[i]
		// With x̂ = (x−mean)·rstd and g = dy·w:
		// dx = rstd·(g − mean(g) − x̂·mean(g·x̂)).
		g, h := vec.NormBackwardSums(dw, dy, x, op.w, mean, rstd)
		if op.set {
			clear(dx)
		}
		vec.NormBackwardApply(dx, dy, x, op.w, mean, rstd, g/float32(c), h/float32(c))
		if op.bias {
			vec.Add(db, db, dy)
			vec.Add(sum, sum, dx)
		}
		switch {
		case op.normed16 != nil:
			normed := op.rounding.rows[worker]
			vec.Normalize(normed, x, op.w, op.b, mean, rstd)
			op.rounding.blas.RoundBF16(op.normed16[i*c:(i+1)*c], normed)
		case op.normed != nil:
			vec.Normalize(row(op.normed), x, op.w, op.b, mean, rstd)
		}
	}
}

// biasOp sets every row of dst to bias.
type biasOp struct {
	dst, bias []float32
}

func (op *biasOp) Run(chunk, _ int) {
	c := len(op.bias)
	lo, hi := phases.Range(chunk, tokenChunk, len(op.dst)/c)
	for i := lo; i < hi; i++ {
		copy(op.dst[i*c:(i+1)*c], op.bias)
	}
}

// geluOp adds bias (nil for zeros) to the rows of src and sets dst to GELU of
// them.
type geluOp struct {
	dst, src, bias []float32
	width          int
	tanh           bool
}

func (op *geluOp) Run(chunk, _ int) {
	c := op.width
	lo, hi := phases.Range(chunk, tokenChunk, len(op.src)/c)
	for i := lo; i < hi; i++ {
		src := op.src[i*c : (i+1)*c]
		if op.bias != nil {
			vec.Add(src, src, op.bias)
		}
		vec.GELU(op.dst[i*c:(i+1)*c], src, op.tanh)
	}
}

// geluBackwardOp turns src into GELU of it and multiplies dy by the derivative,
// for sumRows rows; their sum is a partial gradient of the bias.
type geluBackwardOp struct {
	src, dy []float32
	width   int
	tanh    bool
	partial []float32 // (chunks, width); nil without biases
}

func (op *geluBackwardOp) Run(chunk, _ int) {
	c := op.width
	lo, hi := phases.Range(chunk, sumRows, len(op.src)/c)
	if op.partial == nil {
		vec.GELUGrad(op.src[lo*c:hi*c], op.src[lo*c:hi*c], op.dy[lo*c:hi*c], op.tanh)
		return
	}
	sum := op.partial[chunk*c : (chunk+1)*c]
	clear(sum)
	for i := lo; i < hi; i++ {
		dy, src := op.dy[i*c:(i+1)*c], op.src[i*c:(i+1)*c]
		vec.GELUGrad(src, src, dy, op.tanh)
		vec.Add(sum, sum, dy)
	}
}

// geluVisit sets hidden to GELU, in bf16, of a product's blocks.
type geluVisit struct {
	hidden []uint16
	width  int
	tanh   bool
	blas   kernels.Implementation
}

func (v *geluVisit) Visit(i, j, rows, columns int, block []float32, ld int, tmp []float32) {
	for r := range rows {
		at := (i+r)*v.width + j
		vec.GELU(tmp[:columns], block[r*ld:r*ld+columns], v.tanh)
		v.blas.RoundBF16(v.hidden[at:at+columns], tmp[:columns])
	}
}

// geluGradVisit multiplies a product's blocks by the derivative of GELU at fc and sets
// dhidden to that and hidden to GELU of fc, both in bf16.
type geluGradVisit struct {
	fc              []float32
	hidden, dhidden []uint16
	width           int
	tanh            bool
	blas            kernels.Implementation
}

func (v *geluGradVisit) Visit(i, j, rows, columns int, block []float32, ld int, tmp []float32) {
	tmp = tmp[:columns]
	for r := range rows {
		at, dy := (i+r)*v.width+j, block[r*ld:r*ld+columns]
		vec.GELUGrad(tmp, v.fc[at:at+columns], dy, v.tanh)
		v.blas.RoundBF16(v.hidden[at:at+columns], tmp)
		v.blas.RoundBF16(v.dhidden[at:at+columns], dy)
	}
}

// rowSumOp sums sumRows rows of src up to a partial gradient.
type rowSumOp struct {
	src     []float32
	width   int
	partial []float32 // (chunks, width)
}

func (op *rowSumOp) Run(chunk, _ int) {
	c := op.width
	lo, hi := phases.Range(chunk, sumRows, len(op.src)/c)
	sum := op.partial[chunk*c : (chunk+1)*c]
	clear(sum)
	for i := lo; i < hi; i++ {
		vec.Add(sum, sum, op.src[i*c:(i+1)*c])
	}
}

// reduceOp adds partial gradients, in order, to dst[0], dst[1], dst[2], which lie
// side by side in a partial; nil is left out.
type reduceOp struct {
	dst     [3][]float32
	partial []float32 // (chunks, stride)
	chunks  int
	width   int // of each
	stride  int
}

func (op *reduceOp) Run(chunk, _ int) {
	lo, hi := phases.Range(chunk, columnChunk, op.width)
	for i := range op.chunks {
		for j, dst := range op.dst {
			if dst != nil {
				add(dst[lo:hi], op.partial[i*op.stride+j*op.width+lo:i*op.stride+j*op.width+hi])
			}
		}
	}
}

// gatherOp copies the rows of full that index names to packed, or, scatter,
// back.
type gatherOp[T float32 | uint16] struct {
	packed, full []T
	index        []int32
	width        int
	scatter      bool
}

func (op *gatherOp[T]) Run(chunk, _ int) {
	c := op.width
	lo, hi := phases.Range(chunk, tokenChunk, len(op.index))
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
	logits   blas32.General // (k, V), overwritten
	index    []int32        // (k) tokens of the rows
	targets  []int32        // (N)
	scale    float32
	gradient bool

	loss    []float64 // (k)
	correct []bool    // (k) the target's logit is the largest
}

func (op *entropyOp) Run(chunk, _ int) {
	lo, hi := phases.Range(chunk, entropyChunk, len(op.index))
	for i := lo; i < hi; i++ {
		row := rowOf(op.logits, i)
		target := op.targets[op.index[i]]
		x := row[target]
		m := vec.Max(row)
		op.correct[i] = isFirstMaximum(row, int(target), m)
		// Without a gradient the softmax is not needed, but costs little.
		op.loss[i] = float64(scaledSoftmax(row, m, op.scale)) - float64(x)
		if op.gradient {
			row[target] -= op.scale
		}
	}
}

// embeddingGradientOp adds each token's gradient to its embeddings. A chunk does
// every embeddingChunks-th row of both, over the tokens in order.
type embeddingGradientOp struct {
	dx, dwte, dwpe    []float32
	tokens, positions []int32
	width             int
}

func (op *embeddingGradientOp) Run(chunk, _ int) {
	c := op.width
	for i, token := range op.tokens {
		if t := int(token); t%embeddingChunks == chunk {
			add(op.dwte[t*c:(t+1)*c], op.dx[i*c:(i+1)*c])
		}
		if p := int(op.positions[i]); p%embeddingChunks == chunk {
			add(op.dwpe[p*c:(p+1)*c], op.dx[i*c:(i+1)*c])
		}
	}
}

// extraGradientOp adds each token's gradient to the embeddings of its extra ids. A
// chunk does every embeddingChunks-th row, over the tokens in order.
type extraGradientOp struct {
	dx, dtable []float32
	tokens     []int32 // by id, those of one id in order
	ends       []int32 // (E) of each id's tokens
	width      int
}

func (op *extraGradientOp) Run(chunk, _ int) {
	c := op.width
	for id := chunk; id < len(op.ends); id += embeddingChunks {
		from := int32(0)
		if id > 0 {
			from = op.ends[id-1]
		}
		vec.AddRows(op.dtable[id*c:(id+1)*c], op.dx, op.tokens[from:op.ends[id]])
	}
}

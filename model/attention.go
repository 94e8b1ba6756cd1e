package model

import (
	"math"

	"gonum.org/v1/gonum/blas/blas32"
)

// Causal attention of one head over one segment, in blocks of queries. A block
// sees all keys from the segment's first token to the block's last, so scores
// exist for one block at a time: (queryBlock, segment) numbers, not (T, T).
// The backward pass computes them again from the stored log of the softmax's
// denominator (as FlashAttention does; Dao et al. 2022, appendix B).

const (
	// queryBlock is the number of queries whose scores exist together.
	queryBlock = 64
	// keyTile bounds the other side of one product, so that each stays small
	// enough for gonum to run it on the calling goroutine.
	keyTile = 128
)

// scaledScores sets scores (queries, keys) to scale·Q·Kᵀ.
func scaledScores(scores, q, k blas32.General, scale float32) {
	for lo := 0; lo < k.Rows; lo += keyTile {
		hi := min(lo+keyTile, k.Rows)
		mulBT(colsOf(scores, lo, hi), q, rowsOf(k, lo, hi), scale, 0)
	}
}

// attendBlock sets out to softmax(Q·Kᵀ/√d)·V, where query i of n sees all but
// the last n−1−i keys, and lse[i·lseStride] to the log of the softmax's
// denominator. out and q are (n, d), k and v (m, d) with m ≥ n; scores has
// room for n·m numbers. lse may be nil.
func attendBlock(out, q, k, v blas32.General, scores []float32, lse []float32, lseStride int) {
	n, m := q.Rows, k.Rows
	s := mat(scores[:n*m], n, m, m)
	scaledScores(s, q, k, attentionScale(q.Cols))
	for i := range n {
		row := rowOf(s, i)
		visible := m - n + i + 1
		l := softmaxRow(row[:visible])
		clear(row[visible:])
		if lse != nil {
			lse[i*lseStride] = l
		}
	}
	mul(out, s, v, 0)
}

func attentionScale(headSize int) float32 {
	return float32(1 / math.Sqrt(float64(headSize)))
}

// attendBlockBackward takes the gradient dout of attendBlock's result back to
// its inputs: it sets dq and adds to dk and dv. out and lse are what the
// forward pass left; scores and dscores have room for n·m numbers each.
func attendBlockBackward(dq, dk, dv, dout, out, q, k, v blas32.General, scores, dscores []float32, lse []float32, lseStride int) {
	n, m := q.Rows, k.Rows
	scale := attentionScale(q.Cols)
	p := mat(scores[:n*m], n, m, m)
	ds := mat(dscores[:n*m], n, m, m)
	scaledScores(p, q, k, scale)
	scaledScores(ds, dout, v, 1) // dP = dO·Vᵀ
	for i := range n {
		visible := m - n + i + 1
		pRow, dsRow := rowOf(p, i), rowOf(ds, i)
		// dS = P∘(dP − Σ P∘dP), and Σ P∘dP = dO·O.
		d := dot(rowOf(dout, i), rowOf(out, i))
		l := lse[i*lseStride]
		pVisible := pRow[:visible]
		dsVisible := dsRow[:len(pVisible)]
		for j, x := range pVisible {
			e := exp32(x - l)
			pVisible[j] = e
			dsVisible[j] = e * (dsVisible[j] - d) * scale
		}
		clear(pRow[visible:])
		clear(dsRow[visible:])
	}
	mul(dq, ds, k, 0)
	for lo := 0; lo < m; lo += keyTile {
		hi := min(lo+keyTile, m)
		mulAT(rowsOf(dk, lo, hi), colsOf(ds, lo, hi), q, 1)
		mulAT(rowsOf(dv, lo, hi), colsOf(p, lo, hi), dout, 1)
	}
}

// attentionOp is attention of all rows and heads; a chunk is one head of one
// row. With dqkv it is the backward pass.
type attentionOp struct {
	heads, headSize int
	context         int
	segmentStart    []int32   // (B·T)
	qkv             []float32 // (B·T, 3C)
	out             []float32 // (B·T, C)
	lse             []float32 // (B·T, heads)

	dqkv []float32 // (B·T, 3C), nil in the forward pass
	dout []float32 // (B·T, C)

	// scratch of each worker: scores, and behind them their gradient.
	scratch [][]float32
}

// attentionScratch is the length of one worker's scratch for rows of the given
// length.
func attentionScratch(context int) int { return 2 * min(queryBlock, context) * context }

func (op *attentionOp) run(chunk, worker int) {
	row, head := chunk/op.heads, chunk%op.heads
	first := row * op.context
	starts := op.segmentStart[first : first+op.context]
	scratch := op.scratch[worker]
	if op.dqkv != nil {
		op.clearKeyGradients(first, head)
	}
	for start := 0; start < op.context; {
		end := start + 1
		for end < op.context && int(starts[end]) == start {
			end++
		}
		for lo := start; lo < end; lo += queryBlock {
			op.block(first+start, first+lo, first+min(lo+queryBlock, end), head, scratch)
		}
		start = end
	}
}

// block does the queries [lo, hi) of a segment that begins at start, all being
// indices into B·T.
func (op *attentionOp) block(start, lo, hi, head int, scratch []float32) {
	c, d := op.heads*op.headSize, op.headSize
	qkv := func(buf []float32, part, from int) blas32.General {
		return mat(buf[from*3*c+part*c+head*d:], hi-from, d, 3*c)
	}
	out := func(buf []float32) blas32.General {
		return mat(buf[lo*c+head*d:], hi-lo, d, c)
	}
	half := len(scratch) / 2
	lse := op.lse[lo*op.heads+head:]
	q, k, v := qkv(op.qkv, 0, lo), qkv(op.qkv, 1, start), qkv(op.qkv, 2, start)
	if op.dqkv == nil {
		attendBlock(out(op.out), q, k, v, scratch[:half], lse, op.heads)
		return
	}
	attendBlockBackward(qkv(op.dqkv, 0, lo), qkv(op.dqkv, 1, start), qkv(op.dqkv, 2, start),
		out(op.dout), out(op.out), q, k, v, scratch[:half], scratch[half:], lse, op.heads)
}

// clearKeyGradients zeroes what the blocks of one head add to.
func (op *attentionOp) clearKeyGradients(first, head int) {
	c, d := op.heads*op.headSize, op.headSize
	for t := first; t < first+op.context; t++ {
		at := t*3*c + head*d
		clear(op.dqkv[at+c : at+c+d])
		clear(op.dqkv[at+2*c : at+2*c+d])
	}
}

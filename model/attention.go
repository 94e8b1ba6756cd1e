package model

import (
	"gonum.org/v1/gonum/blas/blas32"

	"transcend/model/internal/attention"
)

// attentionOp is attention of all rows and heads, inside each segment; a chunk
// is one head of one row. With dqkv it is the backward pass. The work is
// proportional to the sum of the segments' squared lengths.
type attentionOp struct {
	heads, headSize int
	context         int
	segmentStart    []int32   // (B·T)
	qkv             []float32 // (B·T, 3C)
	out             []float32 // (B·T, C)
	lse             []float32 // (B, heads, T), as attention.Workspace has it

	dqkv []float32 // (B·T, 3C), nil in the forward pass
	dout []float32 // (B·T, C)

	workspaces []*attention.Workspace // one for each worker
}

func (op *attentionOp) Run(chunk, worker int) {
	row, head := chunk/op.heads, chunk%op.heads
	first := row * op.context
	starts := op.segmentStart[first : first+op.context]
	w := op.workspaces[worker]
	for start := 0; start < op.context; {
		end := start + 1
		for end < op.context && int(starts[end]) == start {
			end++
		}
		op.segment(w, first+start, first+end, head, op.lse[chunk*op.context+start:])
		start = end
	}
}

// segment does one head of the tokens [lo, hi), indices into B·T.
func (op *attentionOp) segment(w *attention.Workspace, lo, hi, head int, lse []float32) {
	c, d := op.heads*op.headSize, op.headSize
	qkv := func(buf []float32, part int) blas32.General {
		return mat(buf[lo*3*c+part*c+head*d:], hi-lo, d, 3*c)
	}
	out := func(buf []float32) blas32.General {
		return mat(buf[lo*c+head*d:], hi-lo, d, c)
	}
	q, k, v := qkv(op.qkv, 0), qkv(op.qkv, 1), qkv(op.qkv, 2)
	if op.dqkv == nil {
		w.Forward(out(op.out), q, k, v, lse)
		return
	}
	w.Backward(qkv(op.dqkv, 0), qkv(op.dqkv, 1), qkv(op.dqkv, 2), out(op.dout), out(op.out), q, k, v, lse)
}

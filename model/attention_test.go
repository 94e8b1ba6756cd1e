package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"gonum.org/v1/gonum/blas/blas32"

	kernels "transcend/model/blas"
	"transcend/model/internal/attention"
	"transcend/model/internal/phases"
)

// newAttention is the task on random data with the given segments, which fill
// each row; backward after the forward pass.
func newAttention(heads, headSize, rows int, segments []int, threads int) (forward, backward *attentionOp) {
	rng := rand.New(rand.NewPCG(1, 2))
	context := 0
	for _, n := range segments {
		context += n
	}
	n, c := rows*context, heads*headSize
	random := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		return x
	}
	op := &attentionOp{
		heads: heads, headSize: headSize, context: context,
		qkv: random(n * 3 * c), out: make([]float32, n*c), lse: make([]float32, n*heads),
	}
	for range rows {
		start := 0
		for _, m := range segments {
			for range m {
				op.segmentStart = append(op.segmentStart, int32(start))
			}
			start += m
		}
	}
	for range threads {
		w := attention.NewWorkspace()
		w.Reserve(context, headSize, true)
		op.workspaces = append(op.workspaces, w)
	}
	back := *op
	back.dqkv, back.dout = make([]float32, n*3*c), random(n*c)
	return op, &back
}

// TestAttentionSegments: a row of segments gives to the last bit what each of
// them gives alone, for any number of threads, and a NaN in one leaves the
// others as they are.
func TestAttentionSegments(t *testing.T) {
	segments := []int{1, 17, 70, 5, 35}
	const heads, headSize, rows = 3, 12, 2
	results := func(threads int, poison bool) ([]float32, []float32, []float32, *attentionOp) {
		forward, backward := newAttention(heads, headSize, rows, segments, threads)
		if poison {
			c := heads * headSize
			for part := range 3 {
				// Token 40 of row 1, in the third segment; all heads.
				for i := range c {
					forward.qkv[(forward.context+40)*3*c+part*c+i] = float32(math.NaN())
				}
			}
		}
		p := phases.NewPool()
		p.SetThreads(threads)
		p.Run(rows*heads, forward)
		p.Run(rows*heads, backward)
		return forward.out, forward.lse, backward.dqkv, forward
	}
	same := func(what string, a, b []float32) {
		t.Helper()
		for i := range a {
			if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
				t.Fatalf("%s: number %d is %v and %v", what, i, a[i], b[i])
			}
		}
	}
	out, lse, dqkv, op := results(1, false)
	for _, threads := range []int{2, 5} {
		o, l, d, _ := results(threads, false)
		same("out, threads", out, o)
		same("lse, threads", lse, l)
		same("dqkv, threads", dqkv, d)
	}

	c := heads * headSize
	out2, _, dqkv2, _ := results(2, true)
	for token := range rows * op.context {
		inside := token/op.context == 1 && token%op.context >= 18 && token%op.context < 88
		if !inside {
			same("out beside NaN", out[token*c:(token+1)*c], out2[token*c:(token+1)*c])
			same("dqkv beside NaN", dqkv[token*3*c:(token+1)*3*c], dqkv2[token*3*c:(token+1)*3*c])
		}
	}
	if x := out2[(op.context+40)*c]; x == x {
		t.Errorf("the NaN is lost: %v", x)
	}

	// Each segment alone: its rows of a batch of one segment.
	for row := range rows {
		start := 0
		for _, n := range segments {
			lo := row*op.context + start
			alone, _ := newAttention(heads, headSize, 1, []int{n}, 1)
			copy(alone.qkv, op.qkv[lo*3*c:(lo+n)*3*c])
			one := phases.NewPool()
			one.SetThreads(1)
			one.Run(heads, alone)
			same("out alone", alone.out, out[lo*c:(lo+n)*c])
			start += n
		}
	}
}

// The attention that this package had before internal/attention: blocks of
// queries against the whole segment with one Sgemm for each product. It is the
// peer of the benchmark and agrees with the kernels.

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
		d := blas32.Dot(vector(rowOf(dout, i)), vector(rowOf(out, i)))
		l := lse[i*lseStride]
		pVisible := pRow[:visible]
		dsVisible := dsRow[:len(pVisible)]
		for j, x := range pVisible {
			e := float32(math.Exp(float64(x - l)))
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

// attendWhole runs the peer over one chunk of op.
func attendWhole(op *attentionOp, chunk int, scratch []float32) {
	row, head := chunk/op.heads, chunk%op.heads
	c, d, first := op.heads*op.headSize, op.headSize, row*op.context
	half := len(scratch) / 2
	part := func(buf []float32, part, lo, hi int) blas32.General {
		return mat(buf[lo*3*c+part*c+head*d:], hi-lo, d, 3*c)
	}
	of := func(buf []float32, lo, hi int) blas32.General { return mat(buf[lo*c+head*d:], hi-lo, d, c) }
	if op.dqkv != nil {
		for t := first; t < first+op.context; t++ {
			clear(op.dqkv[t*3*c+c+head*d:][:d])
			clear(op.dqkv[t*3*c+2*c+head*d:][:d])
		}
	}
	for start := 0; start < op.context; {
		end := start + 1
		for end < op.context && int(op.segmentStart[first+end]) == start {
			end++
		}
		for i := start; i < end; i += queryBlock {
			from, lo, hi := first+start, first+i, first+min(i+queryBlock, end)
			q, k, v := part(op.qkv, 0, lo, hi), part(op.qkv, 1, from, hi), part(op.qkv, 2, from, hi)
			lse := op.lse[lo*op.heads+head:]
			if op.dqkv == nil {
				attendBlock(of(op.out, lo, hi), q, k, v, scratch[:half], lse, op.heads)
			} else {
				attendBlockBackward(part(op.dqkv, 0, lo, hi), part(op.dqkv, 1, from, hi), part(op.dqkv, 2, from, hi),
					of(op.dout, lo, hi), of(op.out, lo, hi), q, k, v, scratch[:half], scratch[half:], lse, op.heads)
			}
		}
		start = end
	}
}

// peerTask is attendWhole as a task.
type peerTask struct {
	op      *attentionOp
	scratch [][]float32
}

func (p *peerTask) Run(chunk, worker int) { attendWhole(p.op, chunk, p.scratch[worker]) }

func newPeer(op *attentionOp) *peerTask {
	p := &peerTask{op: op}
	for range op.workspaces {
		p.scratch = append(p.scratch, make([]float32, 2*queryBlock*op.context))
	}
	return p
}

func TestAttentionAgreesWithPeer(t *testing.T) {
	forward, backward := newAttention(2, 16, 2, []int{70, 3, 150}, 1)
	p := phases.NewPool()
	p.SetThreads(1)
	p.Run(4, forward)
	p.Run(4, backward)
	f, b := *forward, *backward
	f.out, b.dqkv = make([]float32, len(f.out)), make([]float32, len(b.dqkv))
	f.lse = make([]float32, len(f.lse))
	b.out, b.lse = f.out, f.lse
	for chunk := range 4 {
		newPeer(&f).Run(chunk, 0)
		newPeer(&b).Run(chunk, 0)
	}
	for i, x := range f.out {
		if math.Abs(float64(x-forward.out[i])) > 1e-5 {
			t.Fatalf("out %d: %v, before %v", i, forward.out[i], x)
		}
	}
	for i, x := range b.dqkv {
		if math.Abs(float64(x-backward.dqkv[i])) > 5e-5 {
			t.Fatalf("dqkv %d: %v, before %v", i, backward.dqkv[i], x)
		}
	}
}

// BenchmarkAttention measures attention of the three shapes of
// docs/results/cpu-engine.md, on rows full of games of 70 tokens and on whole
// rows, and of the paper's 1,023 characters, all threads, against the
// implementation before on the same products (model/blas). GFLOP/s counts the
// causal half inside segments; tok/s is of one layer.
func BenchmarkAttention(b *testing.B) {
	ours, err := kernels.New(kernels.Options{})
	if err != nil {
		b.Fatal(err)
	}
	useBLAS(b, ours)
	threads := runtime.GOMAXPROCS(0)
	peak := kernels.Peak(kernels.Auto, kernels.F32, threads, 50*time.Millisecond)
	for _, s := range []struct {
		heads, headSize, rows int
		segments              []int
	}{
		{4, 32, 64, []int{70, 58}},
		{4, 32, 64, []int{128}},
		{8, 32, 32, []int{70, 58}},
		{8, 64, 16, []int{70, 70, 70, 46}},
		{8, 64, 16, []int{256}},
		{8, 64, 4, []int{1023}},
	} {
		forward, backward := newAttention(s.heads, s.headSize, s.rows, s.segments, threads)
		p, pairs := phases.NewPool(), 0
		p.SetThreads(threads)
		for _, n := range s.segments {
			pairs += n * (n + 1) / 2
		}
		p.Run(s.rows*s.heads, forward)
		f, back := *forward, *backward
		f.lse = make([]float32, len(f.lse))
		back.lse = f.lse
		p.Run(s.rows*s.heads, newPeer(&f))
		for _, pass := range []struct {
			name     string
			op, peer *attentionOp
			products int
		}{{"forward", forward, &f, 2}, {"backward", backward, &back, 5}} {
			for _, impl := range []struct {
				name string
				task phases.Task
			}{{"tiles", pass.op}, {"before", newPeer(pass.peer)}} {
				name := fmt.Sprintf("heads=%d/size=%d/rows=%d/segments=%v/pass=%s/impl=%s", s.heads, s.headSize, s.rows, s.segments, pass.name, impl.name)
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						p.Run(s.rows*s.heads, impl.task)
					}
					flops := 2 * float64(pass.products*pairs*s.headSize*s.heads*s.rows)
					gflops := flops * float64(b.N) / b.Elapsed().Seconds() / 1e9
					b.ReportMetric(gflops, "GFLOP/s")
					b.ReportMetric(float64(s.rows*forward.context*b.N)/b.Elapsed().Seconds(), "tok/s")
					if peak > 0 {
						b.ReportMetric(100*gflops/peak, "%peak-f32")
					}
				})
			}
		}
	}
}

// rowsOf is rows [lo, hi) of m.
func rowsOf(m blas32.General, lo, hi int) blas32.General {
	m.Data = m.Data[lo*m.Stride:]
	m.Rows = hi - lo
	return m
}

// colsOf is columns [lo, hi) of m.
func colsOf(m blas32.General, lo, hi int) blas32.General {
	m.Data = m.Data[lo:]
	m.Cols = hi - lo
	return m
}

func vector(x []float32) blas32.Vector { return blas32.Vector{N: len(x), Inc: 1, Data: x} }

func attentionScale(headSize int) float32 {
	return float32(1 / math.Sqrt(float64(headSize)))
}

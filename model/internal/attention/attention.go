// Package attention computes causal softmax attention of one head over one
// sequence, forward and backward, in tiles: scores never exist for more than a
// block of queries and a tile of keys (FlashAttention; Dao et al. 2022).
//
// # Method
//
// Keys are packed once into panels of 16, transposed, so that a vector register
// holds one component of 16 keys; values, and in the backward pass queries,
// keys and gradients, are packed into contiguous rows padded to whole panels.
// Then every product has the same form: one number times a vector, added to a
// vector; and one kernel does them all. A block of queries goes over its keys
// tile by tile with the online softmax; what it leaves for the backward pass is
// the log of the softmax's denominator. Only the tiles on the diagonal are
// masked, those beyond are never computed.
//
// Logarithms and exponentials are to base 2: queries are multiplied by
// log₂e/√d when they are packed.
//
// # Numbers
//
// A result depends on the operands, their shape and the kernels (CPU level),
// on nothing else: the caller may share heads and sequences over threads as it
// likes. Sums run over components, keys and queries in a fixed order. 2ˣ has a
// relative error below 2e-7; weights below 2^-125 are 0. A NaN stays inside its
// sequence and head.
package attention

import (
	"fmt"
	"math"
	"unsafe"

	"gonum.org/v1/gonum/blas/blas32"
)

//go:generate go -C gen run . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg attention

const (
	// Panel is the number of keys side by side in a packed panel, and what rows
	// of values are padded to.
	Panel = 16
	// keyTile is the number of keys that the scores of a block of queries exist
	// for at a time, forward.
	keyTile = 384
	// backKeys and backQueries are the same of the backward pass, whose tiles
	// hold many blocks of queries. backQueries is a multiple of every kernel's
	// rows, backKeys of Panel.
	backKeys    = 128
	backQueries = 72
)

// Padded is d rounded up to whole panels.
func Padded(d int) int { return (d + Panel - 1) / Panel * Panel }

// Workspace is the memory of one goroutine's calls. It grows when a call needs
// more; Reserve does that ahead of time.
type Workspace struct {
	k     *kernels
	half  *halfKernels
	buf   []float32
	free  []float32 // what is left of buf in this call
	words []uint16  // a row for a cache in bf16

	stats   *stats
	factors [2]float32 // of copyRows
}

// stats are the running figures of the online softmax, for each query of a
// block. Kernels know the layout.
type stats struct {
	max    [16]float32    // largest score so far; after finish max + log₂ sum
	sum    [16]float32    // Σ 2^(score−max)
	_      [2][16]float32 // the assembly's: new max, sum of the tile
	factor [16]float32    // 2^(old max − max); after finish 1/sum
}

// NewWorkspace returns a workspace that runs on the kernels of the level that
// model/blas runs on: the CPU's, or what the environment variable
// TRANSCEND_BLAS says.
func NewWorkspace() *Workspace { return newWorkspace(active()) }

func newWorkspace(k *kernels) *Workspace { return &Workspace{k: k, half: halfOf(k), stats: new(stats)} }

// Reserve makes room for sequences of n tokens and heads of d components, with
// their backward pass or without.
func (w *Workspace) Reserve(n, d int, backward bool) {
	size := max(w.forwardSize(n, d), w.querySize(n, d))
	if backward {
		size = max(size, w.backwardSize(n, d))
	}
	w.reserve(size)
}

func (w *Workspace) forwardSize(m, d int) int {
	p := Padded(d)
	return Panel*p + // packing
		Padded(m)*p + m*p + // keys, values
		w.blockSize(d)
}

// blockSize is for the scores, queries and results of a block of queries.
func (w *Workspace) blockSize(d int) int { return w.k.rows * (keyTile + 2*Padded(d)) }

func (w *Workspace) backwardSize(n, d int) int {
	p := Padded(d)
	return Panel*p + // packing
		2*Padded(n)*p + // panels of keys and values
		6*n*p + Padded(n) + // rows of queries, keys, dOut, their gradients; delta
		2*backQueries*backKeys
}

const cacheLine = 16 // in float32

func (w *Workspace) reserve(n int) {
	if len(w.buf) < n {
		whole := make([]float32, n+cacheLine)
		skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(whole)))/4) & (cacheLine - 1)
		w.buf = whole[skip : skip+n]
	}
	w.free = w.buf
}

// take cuts n numbers from the free memory, n a multiple of Panel.
func (w *Workspace) take(n int) []float32 {
	s := w.free[:n:n]
	w.free = w.free[n:]
	return s
}

// scale is what queries are multiplied by: scores become log₂e/√d·q·k.
func scale(d int) float32 { return float32(math.Log2E / math.Sqrt(float64(d))) }

// Forward sets out to softmax(q·kᵀ/√d)·v, where query i of n sees the keys
// 0..m−n+i. out and q are (n, d), k and v (m, d) with m ≥ n ≥ 1. lse, which may
// be nil, gets the base-2 log of each query's softmax denominator, for
// Backward. Other shapes panic: they are the programmer's error.
func (w *Workspace) Forward(out, q, k, v blas32.General, lse []float32) {
	n, m, d := q.Rows, k.Rows, q.Cols
	if n < 1 || m < n || d < 1 || v.Rows != m || out.Rows != n || k.Cols != d || v.Cols != d || out.Cols != d || lse != nil && len(lse) < n {
		panic(fmt.Sprintf("attention: Forward of out %d×%d, q %d×%d, k %d×%d, v %d×%d, lse %d",
			out.Rows, out.Cols, n, d, m, k.Cols, v.Rows, v.Cols, len(lse)))
	}
	w.reserve(w.forwardSize(m, d))
	p := Padded(d)
	tmp := w.take(Panel * p)
	panels, rows := w.take(Padded(m)*p), w.take(m*p)
	w.packPanels(panels, k, tmp)
	w.packRows(rows, v, 1)
	w.forward(out, q, m, panels, rows, lse)
}

// forward is Forward for packed keys and values.
func (w *Workspace) forward(out, q blas32.General, m int, panels, values []float32, lse []float32) {
	n, d, p, k := q.Rows, q.Cols, Padded(q.Cols), w.k
	st, factor := w.stats, scale(d)
	s, qb, o := w.take(k.rows*keyTile), w.take(k.rows*p), w.take(k.rows*p)
	for i0 := 0; i0 < n; i0 += k.rows {
		rows := min(k.rows, n-i0)
		block := rowsOf(q, i0, i0+rows)
		w.packRows(qb, block, factor)
		for i := range st.max {
			st.max[i] = negInf
		}
		clear(st.sum[:])
		first := m - n + i0 + 1 // keys that the block's first query sees
		seen := first + rows - 1
		for k0 := 0; k0 < seen; k0 += keyTile {
			keys := min(keyTile, seen-k0)
			k.product(rows, Padded(keys)/Panel, d, qb, p, 1, panels[k0*d:], Panel, Panel*d, s, keyTile, false)
			k.softmax(rows, keys, first-k0, s, keyTile, st)
			if k0 > 0 {
				k.copyRows(rows, p, p, o, p, o, p, st.factor[:], 1)
			}
			k.product(rows, p/Panel, keys, s, keyTile, 1, values[k0*p:], p, Panel, o, p, k0 > 0)
		}
		k.finish(rows, st)
		if lse != nil {
			copy(lse[i0:i0+rows], st.max[:])
		}
		k.copyRows(rows, d, d, o, p, out.Data[i0*out.Stride:], out.Stride, st.factor[:], 1)
	}
}

var negInf = float32(math.Inf(-1))

// Backward sets dq, dk and dv to the gradients of q, k and v, given the gradient
// dout of Forward's result out and its lse. All are (n, d).
func (w *Workspace) Backward(dq, dk, dv, dout, out, q, k, v blas32.General, lse []float32) {
	n, d := q.Rows, q.Cols
	for _, m := range [...]*blas32.General{&dq, &dk, &dv, &dout, &out, &k, &v} {
		if n < 1 || d < 1 || m.Rows != n || m.Cols != d || len(lse) < n {
			panic(fmt.Sprintf("attention: Backward of q %d×%d with another matrix %d×%d, lse %d", n, d, m.Rows, m.Cols, len(lse)))
		}
	}
	w.reserve(w.backwardSize(n, d))
	p, kn := Padded(d), w.k
	tmp := w.take(Panel * p)
	keyPanels, valuePanels := w.take(Padded(n)*p), w.take(Padded(n)*p)
	queries, keys, douts := w.take(n*p), w.take(n*p), w.take(n*p)
	dqs, dks, dvs := w.take(n*p), w.take(n*p), w.take(n*p)
	delta := w.take(Padded(n))
	weights, grads := w.take(backQueries*backKeys), w.take(backQueries*backKeys)

	w.packPanels(keyPanels, k, tmp)
	w.packPanels(valuePanels, v, tmp)
	w.packRows(queries, q, scale(d))
	w.packRows(keys, k, 1)
	w.packRows(douts, dout, 1)
	// The weights' gradients pass through the softmax as
	// dS = P∘(dP − Σ P∘dP), and Σ P∘dP = dOut·out.
	kn.rowDots(n, d, douts, p, out.Data, out.Stride, delta)

	for k0 := 0; k0 < n; k0 += backKeys {
		k1 := min(k0+backKeys, n)
		for q0 := k0; q0 < n; q0 += backQueries {
			q1 := min(q0+backQueries, n)
			for i := q0; i < q1; i += kn.rows {
				rows := min(kn.rows, q1-i)
				limit := min(k1, i+rows) - k0
				at, wide := (i-q0)*backKeys, Padded(limit)/Panel
				kn.product(rows, wide, d, queries[i*p:], p, 1, keyPanels[k0*d:], Panel, Panel*d, weights[at:], backKeys, false)
				kn.product(rows, wide, d, douts[i*p:], p, 1, valuePanels[k0*d:], Panel, Panel*d, grads[at:], backKeys, false)
				kn.gradient(rows, limit, i+1-k0, weights[at:], grads[at:], backKeys, lse[i:], delta[i:])
				kn.product(rows, p/Panel, limit, grads[at:], backKeys, 1, keys[k0*p:], p, Panel, dqs[i*p:], p, k0 > 0)
			}
			for j := k0; j < min(k1, q1); j += kn.rows {
				rows := min(kn.rows, min(k1, q1)-j)
				from := max(q0, j) // the first query that sees key j
				at, add := (from-q0)*backKeys+j-k0, j < q0
				kn.product(rows, p/Panel, q1-from, weights[at:], 1, backKeys, douts[from*p:], p, Panel, dvs[j*p:], p, add)
				kn.product(rows, p/Panel, q1-from, grads[at:], 1, backKeys, queries[from*p:], p, Panel, dks[j*p:], p, add)
			}
		}
	}
	w.unpackRows(dq, dqs, float32(1/math.Sqrt(float64(d))))
	w.unpackRows(dk, dks, math.Ln2) // queries have the scale and log₂e in them
	w.unpackRows(dv, dvs, 1)
}

// packPanels packs the rows of m as panels: component c of row j is at
// (j/16·d + c)·16 + j%16. Rows missing from the last panel are anything, which the
// mask of the diagonal hides. tmp has room for one panel.
func (w *Workspace) packPanels(dst []float32, m blas32.General, tmp []float32) {
	d, p := m.Cols, Padded(m.Cols)
	for j := 0; j < m.Rows; j += Panel {
		rows := min(Panel, m.Rows-j)
		if rows == Panel && d%4 == 0 {
			w.k.transpose(d, m.Data[j*m.Stride:], m.Stride, dst[j*d:])
			continue
		}
		w.packRows(tmp, rowsOf(m, j, j+rows), 1)
		// Four columns at a time: beyond d they are overwritten by the next panel
		// or lie in the room for padding.
		w.k.transpose((d+3)&^3, tmp, p, dst[j*d:])
	}
}

// packRows packs the rows of m times factor, padded with zeros.
func (w *Workspace) packRows(dst []float32, m blas32.General, factor float32) {
	p := Padded(m.Cols)
	w.factors[0] = factor
	w.k.copyRows(m.Rows, m.Cols, p, m.Data, m.Stride, dst, p, w.factors[:], 0)
}

// unpackRows is packRows in the other direction.
func (w *Workspace) unpackRows(m blas32.General, src []float32, factor float32) {
	w.factors[0] = factor
	w.k.copyRows(m.Rows, m.Cols, m.Cols, src, Padded(m.Cols), m.Data, m.Stride, w.factors[:], 0)
}

func rowsOf(m blas32.General, lo, hi int) blas32.General {
	m.Data = m.Data[lo*m.Stride:]
	m.Rows = hi - lo
	return m
}

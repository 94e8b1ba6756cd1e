package attention

import (
	"fmt"

	"gonum.org/v1/gonum/blas/blas32"
)

// A cache of keys and values for decoding is two slices for each head, in the
// layouts that the kernels read as they lie:
//
//	keys    component c of key j at (j/16·d + c)·16 + j%16: panels of 16 keys
//	values  row j at j·Padded(d), d components and zeros
//
// Room for n tokens is KeyRoom(n, d) and ValueRoom(n, d) numbers. A cache grows
// and forks by copying a prefix: the first KeyRoom(n, d) and ValueRoom(n, d)
// numbers are those of the first n tokens. To forget the last tokens is to pass a
// smaller number of them. What lies in the room of tokens that are not counted
// does not matter, not even NaN.

// KeyRoom is the length of the keys of n tokens.
func KeyRoom(n, d int) int { return Padded(n) * d }

// ValueRoom is the length of the values of n tokens.
func ValueRoom(n, d int) int { return n * Padded(d) }

// Append writes the keys k and values v of new tokens, (n, d) each, behind the
// first m tokens of a cache that has room for them.
func (w *Workspace) Append(keys, values []float32, m int, k, v blas32.General) {
	n, d := k.Rows, k.Cols
	if n < 1 || d < 1 || m < 0 || v.Rows != n || v.Cols != d || len(keys) < KeyRoom(m+n, d) || len(values) < ValueRoom(m+n, d) {
		panic(fmt.Sprintf("attention: Append of k %d×%d, v %d×%d behind %d tokens with room for %d and %d numbers",
			n, d, v.Rows, v.Cols, m, len(keys), len(values)))
	}
	w.packRows(values[m*Padded(d):], v, 1)
	for i := 0; i < n; {
		j := m + i
		if j%Panel == 0 && n-i >= Panel && d%4 == 0 {
			w.k.transpose(d, k.Data[i*k.Stride:], k.Stride, keys[j*d:])
			i += Panel
			continue
		}
		panel := keys[j/Panel*Panel*d+j%Panel:]
		for c, x := range k.Data[i*k.Stride : i*k.Stride+d] {
			panel[c*Panel] = x
		}
		i++
	}
}

// Query sets out to the attention of one query over the first m tokens of a
// cache, out and q being the d components of a head. Many games and heads are as
// many calls, on as many goroutines as there are workspaces.
func (w *Workspace) Query(out, q, keys, values []float32, m int) {
	d := len(q)
	if m < 1 || d < 1 || len(out) != d || len(keys) < KeyRoom(m, d) || len(values) < ValueRoom(m, d) {
		panic(fmt.Sprintf("attention: Query of out %d, q %d over %d tokens in %d and %d numbers", len(out), d, m, len(keys), len(values)))
	}
	p, k, st := Padded(d), w.k, w.stats
	w.reserve(w.querySize(m, d))
	s, o := w.take(Padded(m)), w.take(p)
	w.factors[0] = scale(d)
	k.copyRows(1, d, d, q, d, o, p, w.factors[:], 0)
	k.product(1, Padded(m)/Panel, d, o, p, 1, keys, Panel, Panel*d, s, Padded(m), false)
	st.max[0], st.sum[0] = negInf, 0
	k.softmax(1, m, m, s, Padded(m), st)
	k.weightedSum(m, p/Panel, s, values, p, o)
	w.factors[0] = 1 / st.sum[0]
	k.copyRows(1, d, d, o, p, out, d, w.factors[:], 0)
}

func (w *Workspace) querySize(m, d int) int { return Padded(m) + Padded(d) }

// ForwardCached is Forward over the first m tokens of a cache, whose last n are
// those of the n queries: prefill.
func (w *Workspace) ForwardCached(out, q blas32.General, keys, values []float32, m int) {
	n, d := q.Rows, q.Cols
	if n < 1 || m < n || d < 1 || out.Rows != n || out.Cols != d || len(keys) < KeyRoom(m, d) || len(values) < ValueRoom(m, d) {
		panic(fmt.Sprintf("attention: ForwardCached of out %d×%d, q %d×%d over %d tokens in %d and %d numbers",
			out.Rows, out.Cols, n, d, m, len(keys), len(values)))
	}
	w.reserve(w.blockSize(d))
	w.forward(out, q, m, keys, values, nil)
}

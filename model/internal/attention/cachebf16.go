package attention

import (
	"fmt"
	"unsafe"

	"gonum.org/v1/gonum/blas/blas32"

	"transcend/model/internal/bf16"
)

//go:generate go -C gen run . -cache -out ../cache_amd64.s -stubs ../cache_amd64.go -pkg attention

// A cache in bf16 takes half the memory of one in float32, which is what a query waits
// for. Keys and values are rounded to nearest even when they are appended (subnormals
// become zero), to the same bits on every CPU; queries, scores, weights and sums stay
// float32. Layouts:
//
//	keys    component c of key j at (j/16·⌈d/2⌉ + c/2)·32 + j%16·2 + c%2: panels of 16
//	        keys, in pairs of components
//	values  row j at j·Padded(d), d components and zeros
//
// Growing, forking and forgetting are as with float32.

// KeyRoomBF16 is the length of the keys of n tokens in bf16.
func KeyRoomBF16(n, d int) int { return Padded(n) * even(d) }

// ValueRoomBF16 is the length of the values of n tokens in bf16.
func ValueRoomBF16(n, d int) int { return n * Padded(d) }

func even(d int) int { return d + d&1 }

// halfKernels are the inner loops over caches in bf16, of one CPU level. The
// documentation of each is the plain one's.
type halfKernels struct {
	scores     func(panels, pairs int, q *float32, keys *uint16, s *float32)
	sum        func(n, panels int, weights *float32, rows *uint16, dst *float32)
	widenPairs func(n int, src *uint16, dst *float32)
	widen      func(n int, src *uint16, dst *float32)
	narrow     func(n int, src *float32, dst *uint16)
}

// AppendBF16 is Append for a cache in bf16.
func (w *Workspace) AppendBF16(keys, values []uint16, m int, k, v blas32.General) {
	n, d := k.Rows, k.Cols
	if n < 1 || d < 1 || m < 0 || v.Rows != n || v.Cols != d || len(keys) < KeyRoomBF16(m+n, d) || len(values) < ValueRoomBF16(m+n, d) {
		panic(fmt.Sprintf("attention: AppendBF16 of k %d×%d, v %d×%d behind %d tokens with room for %d and %d numbers",
			n, d, v.Rows, v.Cols, m, len(keys), len(values)))
	}
	p := Padded(d)
	if len(w.words) < p {
		w.words = make([]uint16, p)
	}
	for i := range n {
		j := m + i
		w.narrowRow(values[j*p:(j+1)*p], v.Data[i*v.Stride:i*v.Stride+d])
		w.narrowRow(w.words[:p], k.Data[i*k.Stride:i*k.Stride+d])
		panel := keys[j/Panel*even(d)*Panel+j%Panel*2:]
		for c := 0; c < d; c += 2 {
			pair := (*[2]uint16)(panel[c*Panel:])
			pair[0], pair[1] = w.words[c], w.words[c+1] // beyond an odd d there is a zero
		}
	}
}

// narrowRow sets dst, whole panels, to src and zeros.
func (w *Workspace) narrowRow(dst []uint16, src []float32) {
	whole := len(src) / Panel
	if whole > 0 {
		w.half.narrow(whole, &src[0], &dst[0])
	}
	whole *= Panel
	for i, x := range src[whole:] {
		dst[whole+i] = bf16.Narrow(x)
	}
	clear(dst[len(src):])
}

// QueryBF16 is Query over a cache in bf16.
func (w *Workspace) QueryBF16(out, q []float32, keys, values []uint16, m int) {
	d := len(q)
	if m < 1 || d < 1 || len(out) != d || len(keys) < KeyRoomBF16(m, d) || len(values) < ValueRoomBF16(m, d) {
		panic(fmt.Sprintf("attention: QueryBF16 of out %d, q %d over %d tokens in %d and %d numbers", len(out), d, m, len(keys), len(values)))
	}
	p, st := Padded(d), w.stats
	w.reserve(w.querySize(m, d))
	s, o := w.take(Padded(m)), w.take(p)
	factor := scale(d)
	for i, x := range q {
		o[i] = x * factor
	}
	clear(o[d:])
	w.half.scores(Padded(m)/Panel, even(d)/2, &o[0], &keys[0], &s[0])
	st.max[0], st.sum[0] = negInf, 0
	w.k.softmax(1, m, m, s, Padded(m), st)
	w.half.sum(m, p/Panel, &s[0], &values[0], &o[0])
	factor = 1 / st.sum[0]
	for i, x := range o[:d] {
		out[i] = x * factor
	}
}

// fewQueries are answered one by one; more are worth a copy of the cache in float32.
const fewQueries = 4

// ForwardCachedBF16 is ForwardCached over a cache in bf16.
func (w *Workspace) ForwardCachedBF16(out, q blas32.General, keys, values []uint16, m int) {
	n, d := q.Rows, q.Cols
	if n < 1 || m < n || d < 1 || out.Rows != n || out.Cols != d || len(keys) < KeyRoomBF16(m, d) || len(values) < ValueRoomBF16(m, d) {
		panic(fmt.Sprintf("attention: ForwardCachedBF16 of out %d×%d, q %d×%d over %d tokens in %d and %d numbers",
			out.Rows, out.Cols, n, d, m, len(keys), len(values)))
	}
	if n <= fewQueries {
		for i := range n {
			w.QueryBF16(out.Data[i*out.Stride:][:d], q.Data[i*q.Stride:][:d], keys, values, m-n+i+1)
		}
		return
	}
	w.reserve(w.wideSize(m, d))
	p := Padded(d)
	// One component more than there are where d is odd: the next panel lies over it.
	panels, rows := w.take(Padded(m)*d+Panel), w.take(m*p)
	for j := 0; j < m; j += Panel {
		w.half.widenPairs(even(d)/2, &keys[j*even(d)], &panels[j*d])
	}
	w.half.widen(m*p/Panel, &values[0], &rows[0])
	w.forward(out, q, m, panels, rows, nil)
}

// wideSize is for ForwardCachedBF16 of m tokens.
func (w *Workspace) wideSize(m, d int) int { return Padded(m)*d + Panel + m*Padded(d) + w.blockSize(d) }

// ReserveBF16 is Reserve for caches in bf16 of up to m tokens.
func (w *Workspace) ReserveBF16(m, d int) {
	w.reserve(max(w.wideSize(m, d), w.querySize(m, d)))
	if len(w.words) < Padded(d) {
		w.words = make([]uint16, Padded(d))
	}
}

// plainHalf are the kernels in Go: the conversions to the same bits as the assembly,
// the sums without fusing.
var plainHalf = halfKernels{
	scores:     scoresPlain,
	sum:        sumPlain,
	widenPairs: widenPairsPlain,
	widen:      widenPlain,
	narrow:     narrowPlain,
}

// scoresPlain sets s[16p+x] to the product of a query and key x of panel p: the sum
// over the even components plus that over the odd ones.
func scoresPlain(panels, pairs int, q *float32, keys *uint16, s *float32) {
	qs, ks, dst := unsafe.Slice(q, 2*pairs), unsafe.Slice(keys, panels*pairs*2*Panel), unsafe.Slice(s, panels*Panel)
	for p := range panels {
		var low, high [Panel]float32
		for c := range pairs {
			words := (*[2 * Panel]uint16)(ks[(p*pairs+c)*2*Panel:])
			for x := range Panel {
				low[x] += qs[2*c] * bf16.Widen(words[2*x])
				high[x] += qs[2*c+1] * bf16.Widen(words[2*x+1])
			}
		}
		for x := range Panel {
			dst[p*Panel+x] = low[x] + high[x]
		}
	}
}

// sumPlain sets dst[0:16·panels] to the sum of n rows, each times its weight: of those
// whose number is 0, 1, 2 and 3 modulo 4, and then of these.
func sumPlain(n, panels int, weights *float32, rows *uint16, dst *float32) {
	width := panels * Panel
	ws, rs, to := unsafe.Slice(weights, n), unsafe.Slice(rows, n*width), unsafe.Slice(dst, width)
	for x := 0; x < width; x += 4 {
		var strands [4][4]float32
		for j, f := range ws {
			t, r := &strands[j%4], (*[4]uint16)(rs[j*width+x:])
			for i := range t {
				t[i] += f * bf16.Widen(r[i])
			}
		}
		for i := range 4 {
			to[x+i] = (strands[0][i] + strands[1][i]) + (strands[2][i] + strands[3][i])
		}
	}
}

// widenPairsPlain sets dst to n times the low halves of 16 pairs and their high halves.
func widenPairsPlain(n int, src *uint16, dst *float32) {
	from, to := unsafe.Slice(src, n*2*Panel), unsafe.Slice(dst, n*2*Panel)
	for i := range n {
		for x := range Panel {
			to[i*2*Panel+x] = bf16.Widen(from[i*2*Panel+2*x])
			to[i*2*Panel+Panel+x] = bf16.Widen(from[i*2*Panel+2*x+1])
		}
	}
}

// widenPlain sets dst to n times 16 numbers.
func widenPlain(n int, src *uint16, dst *float32) {
	to := unsafe.Slice(dst, n*Panel)
	for i, w := range unsafe.Slice(src, n*Panel) {
		to[i] = bf16.Widen(w)
	}
}

// narrowPlain sets dst to n times 16 numbers, rounded.
func narrowPlain(n int, src *float32, dst *uint16) {
	to := unsafe.Slice(dst, n*Panel)
	for i, x := range unsafe.Slice(src, n*Panel) {
		to[i] = bf16.Narrow(x)
	}
}

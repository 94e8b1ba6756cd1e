package blas

import (
	"fmt"
	"unsafe"
)

// Factor is a factor of [Implementation.GemmBF16]: a row-major matrix, rows Stride apart,
// of float32 or of bf16, the upper halves of float32. Trans stands for its transpose,
// which must be float32 where the factor is the second one.
type Factor struct {
	F32    []float32
	BF16   []uint16 // nil where F32 holds the values
	Stride int
	Trans  bool
}

// Visitor sees blocks of a product as they become ready, while they are in the cache. It
// is called by several goroutines at the same time, for disjoint blocks.
type Visitor interface {
	// Visit sees rows [i, i+rows) and columns [j, j+columns) of C: row r begins at
	// block[r*ld]. How C is cut into blocks depends on the number of threads. The block
	// may be changed. tmp is for the visitor, of two rows of columns values at least.
	Visit(i, j, rows, columns int, block []float32, ld int, tmp []float32)
}

// TakesBF16 reports whether products may be had of [Implementation.GemmBF16]: where there
// are tiles, at level AMX with precision BF16.
func (impl Implementation) TakesBF16() bool { return impl.e != nil && impl.e.tiles != nil }

// RoundBF16 sets dst to src rounded to bf16, as products do it. It is there where TakesBF16 is.
func (impl Implementation) RoundBF16(dst []uint16, src []float32) {
	if len(src) == 0 {
		return
	}
	_ = dst[len(src)-1]
	impl.e.tiles.round(len(src), &src[0], &dst[0])
}

// GemmBF16 computes
//
//	C = op(A) * op(B) + beta * C
//
// for m×k op(A) and k×n op(B) like Sgemm at level AMX with BF16, to the same bits, from
// factors that may have been rounded before: what is used in several products is then
// rounded once and half as large in memory. All shapes are computed on tiles. beta is 0
// or 1; m, n and k are positive; C must not overlap A or B.
//
// visit, which may be nil, sees C. c may be nil: then C is not kept, beta is 0, and visit
// is all there is of it.
//
// It panics on arguments that are out of range, too short or not supported: those are
// the programmer's errors.
func (impl Implementation) GemmBF16(m, n, k int, a, b Factor, beta float32, c []float32, ldc int, visit Visitor) {
	switch {
	case !impl.TakesBF16():
		panic("blas: GemmBF16 at level " + impl.Level().String() + " and precision " + impl.Precision().String())
	case m <= 0 || n <= 0 || k <= 0:
		panic(fmt.Sprintf("blas: GemmBF16 of %d×%d×%d", m, n, k))
	case beta != 0 && (beta != 1 || c == nil):
		panic(fmt.Sprintf("blas: GemmBF16 with beta %v", beta))
	case !a.fits(m, k) || !b.fits(k, n) || b.Trans && b.BF16 != nil:
		panic(fmt.Sprintf("blas: GemmBF16 of %d×%d×%d with factors of the wrong size or type", m, n, k))
	case c != nil && !fits(c, ldc, m, n, false):
		panic(fmt.Sprintf("blas: GemmBF16 into %d numbers with rows %d apart: too few for %d×%d", len(c), ldc, m, n))
	}
	p := tiled{m: m, n: n, k: k, alpha: 1, beta: beta, visit: visit, aRuns: !a.Trans, bRuns: !b.Trans}
	p.a, p.a16 = a.matrix()
	p.b, p.b16 = b.matrix()
	if c != nil {
		p.c = matrix{p: unsafe.SliceData(c), row: 4 * uintptr(ldc), col: 4}
	}
	impl.e.onTiles(p)
}

func (f Factor) fits(rows, columns int) bool {
	if f.BF16 != nil {
		return fits(f.BF16, f.Stride, rows, columns, f.Trans)
	}
	return fits(f.F32, f.Stride, rows, columns, f.Trans)
}

// matrix is op(f), and whether it is bf16.
func (f Factor) matrix() (x matrix, bf16 bool) {
	if bf16 = f.BF16 != nil; bf16 {
		x = matrix{p: (*float32)(unsafe.Pointer(unsafe.SliceData(f.BF16))), row: 2 * uintptr(f.Stride), col: 2}
	} else {
		x = matrix{p: unsafe.SliceData(f.F32), row: 4 * uintptr(f.Stride), col: 4}
	}
	if f.Trans {
		x.row, x.col = x.col, x.row
	}
	return x, bf16
}

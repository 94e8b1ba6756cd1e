package blas

import "gonum.org/v1/gonum/blas"

// Sgemm performs one of the matrix-matrix operations
//
//	C = alpha * A * B + beta * C
//	C = alpha * Aᵀ * B + beta * C
//	C = alpha * A * Bᵀ + beta * C
//	C = alpha * Aᵀ * Bᵀ + beta * C
//
// where A is an m×k or k×m dense matrix, B is a k×n or n×k dense matrix, C is an
// m×n matrix, and alpha and beta are scalars. tA and tB specify whether A or B are
// transposed. All matrices are row-major with rows lda, ldb and ldc apart.
//
// It panics as gonum's does when an argument is out of range or a slice too short.
// C must not overlap A or B.
func (impl Implementation) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if impl.e == nil || impl.e.f32 == nil || !isTranspose(tA) || !isTranspose(tB) || m <= 0 || n <= 0 || k < 0 {
		impl.Implementation.Sgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	aTrans, bTrans := tA != blas.NoTrans, tB != blas.NoTrans
	if !fits(a, lda, m, k, aTrans) || !fits(b, ldb, k, n, bTrans) || !fits(c, ldc, m, n, false) {
		// gonum's own checks know what to say.
		impl.Implementation.Sgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	if alpha == 0 || k == 0 {
		scale(m, n, beta, c, ldc)
		return
	}
	impl.e.sgemm(aTrans, bTrans, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// Sgemv computes
//
//	y = alpha * A * x + beta * y   if tA = blas.NoTrans
//	y = alpha * Aᵀ * x + beta * y  if tA = blas.Trans or blas.ConjTrans
//
// where A is an m×n dense matrix, x and y are vectors, and alpha and beta are
// scalars. Vectors with increments other than 1 are left to gonum, which also
// does all checks.
func (impl Implementation) Sgemv(tA blas.Transpose, m, n int, alpha float32, a []float32, lda int, x []float32, incX int, beta float32, y []float32, incY int) {
	lenX, lenY := n, m
	if tA != blas.NoTrans {
		lenX, lenY = m, n
	}
	if impl.e == nil || impl.e.f32 == nil || !isTranspose(tA) || m <= 0 || n <= 0 ||
		incX != 1 || incY != 1 || len(x) < lenX || len(y) < lenY || alpha == 0 || !fits(a, lda, m, n, false) {
		impl.Implementation.Sgemv(tA, m, n, alpha, a, lda, x, incX, beta, y, incY)
		return
	}
	// The row vector y of one row times op(A)ᵀ.
	impl.e.sgemm(false, tA == blas.NoTrans, 1, lenY, lenX, alpha, x, lenX, a, lda, beta, y, lenY)
}

func isTranspose(t blas.Transpose) bool {
	return t == blas.NoTrans || t == blas.Trans || t == blas.ConjTrans
}

// fits reports whether x with rows ld apart holds a matrix that is rows×columns,
// before transposition if trans is set.
func fits[T any](x []T, ld, rows, columns int, trans bool) bool {
	if trans {
		rows, columns = columns, rows
	}
	// Written so that absurd sizes cannot overflow past the check.
	return ld >= max(1, columns) && len(x) >= columns && rows-1 <= (len(x)-columns)/ld
}

// scale multiplies the m×n matrix c by beta; zero overwrites what is there.
func scale(m, n int, beta float32, c []float32, ldc int) {
	if beta == 1 {
		return
	}
	for i := range m {
		row := c[i*ldc : i*ldc+n]
		if beta == 0 {
			clear(row)
			continue
		}
		for j := range row {
			row[j] *= beta
		}
	}
}

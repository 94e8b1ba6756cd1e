package blas

// kernels is a set of assembly routines of one instruction set and precision, and
// the geometry they share. A step of the inner loop covers pair values of k; a
// packed panel holds, for every step, one 4-byte word a lane: a float32, or two
// bf16 of adjacent k. All strides that the routines take are bytes.
type kernels struct {
	lanes   int // words of a vector register
	pair    int // values of k in a step
	rows    int // rows of C in a tile: a panel of A is that many rows, lanes words a step
	columns int // columns of C in a tile: a panel of B is as many words a step

	gemm   gemmFunc
	narrow gemmFunc     // the same for at most lanes columns
	wide   []wideKernel // for few rows and B as it lies, fewest rows first
	dot    []dotKernel  // for few rows and a transposed B, most rows first

	packRowsA packFunc // from rows that run along k
	packColsA packFunc // from rows that run along m
	packRowsB packFunc // from rows that run along n
	packColsB packFunc // from rows that run along k, lanes columns at a time
}

// gemmFunc computes C = alpha*A*B + beta*C for m rows and n columns (at most the
// kernel's). Element (i, l) of A is at a + i*aRow + l*aStep within a tile of
// rows, and tiles are aBlock apart; row l of B is at b + l*bStep and is read to
// the kernel's full width. k counts steps and is at least 1.
type gemmFunc func(m, k int, a *float32, aRow, aStep, aBlock uintptr, b *float32, bStep uintptr, c *float32, ldc uintptr, alpha, beta float32, n int)

// dotFunc computes C = alpha*A*Bᵀ + beta*C for the kernel's rows of A and n rows
// of B, all contiguous along k.
type dotFunc func(n, k int, a *float32, lda uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, alpha, beta float32)

// packFunc copies a block of a matrix into a panel. k is the number of values
// along k, n the number of values across the panel.
type packFunc func(k int, src *float32, ld uintptr, dst *float32, dstStep uintptr, n int)

type wideKernel struct {
	rows, columns int
	gemm          gemmFunc
}

type dotKernel struct {
	rows int
	dot  dotFunc
}

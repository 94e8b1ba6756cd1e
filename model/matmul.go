package model

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// Matrix products go through blas32 whole, so that an installed implementation
// sees the largest problem there is and shares it over its own threads.
// Attention has its own (internal/attention).
//
// Training is bit for bit the same for any number of threads if Sgemm is: its
// sums must be ordered by the shapes alone. gonum's are.

// mat is a row-major view of rows×cols numbers.
func mat(data []float32, rows, cols, stride int) blas32.General {
	return blas32.General{Rows: rows, Cols: cols, Stride: stride, Data: data}
}

// mul sets c to a·b + beta·c.
func mul(c, a, b blas32.General, beta float32) {
	blas32.Gemm(blas.NoTrans, blas.NoTrans, 1, a, b, beta, c)
}

// mulBT sets c to alpha·a·bᵀ + beta·c.
func mulBT(c, a, b blas32.General, alpha, beta float32) {
	blas32.Gemm(blas.NoTrans, blas.Trans, alpha, a, b, beta, c)
}

// mulAT sets c to aᵀ·b + beta·c.
func mulAT(c, a, b blas32.General, beta float32) {
	blas32.Gemm(blas.Trans, blas.NoTrans, 1, a, b, beta, c)
}

// rowOf is row i of m.
func rowOf(m blas32.General, i int) []float32 {
	return m.Data[i*m.Stride : i*m.Stride+m.Cols]
}

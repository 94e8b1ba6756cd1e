package model

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	kernels "transcend/model/blas"
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

// factor is a factor of a product: float32, or, where bf16 is not nil, a matrix of the
// same shape in bf16.
type factor struct {
	blas32.General
	bf16 []uint16
}

func f32(m blas32.General) factor { return factor{General: m} }

// gemm sets c to op(a)·op(b) + beta·c, beta being 0 or 1. If a factor is in bf16, so are
// the products.
func (nw *network) gemm(tA, tB blas.Transpose, c blas32.General, a, b factor, beta float32) {
	if a.bf16 == nil && b.bf16 == nil {
		blas32.Gemm(tA, tB, 1, a.General, b.General, beta, c)
		return
	}
	nw.visitedGemm(tA, tB, c, a, b, beta, nil)
}

// visitedGemm is gemm in bf16, seen by visit. If c has no data, that is all there is of it.
func (nw *network) visitedGemm(tA, tB blas.Transpose, c blas32.General, a, b factor, beta float32, visit kernels.Visitor) {
	k := a.Cols
	if tA == blas.Trans {
		k = a.Rows
	}
	nw.blas.GemmBF16(c.Rows, c.Cols, k, a.operand(tA), b.operand(tB), beta, c.Data, c.Stride, visit)
}

func (f factor) operand(t blas.Transpose) kernels.Factor {
	return kernels.Factor{F32: f.Data, BF16: f.bf16, Stride: f.Stride, Trans: t == blas.Trans}
}

// rowOf is row i of m.
func rowOf(m blas32.General, i int) []float32 {
	return m.Data[i*m.Stride : i*m.Stride+m.Cols]
}

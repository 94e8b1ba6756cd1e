//go:build !noasm

package attention

import (
	"unsafe"

	"transcend/model/blas"
)

// kernelsOf returns the kernels of a level that the CPU has.
func kernelsOf(level blas.Level) *kernels {
	switch {
	case level >= blas.AVX512:
		return &withAVX512
	case level == blas.AVX2:
		return &withAVX2
	}
	return &plain
}

// The assembly takes pointers and strides in bytes; here is where lengths are
// checked.

var withAVX512 = kernels{
	rows: 12,
	product: func(rows, panels, depth int, a []float32, aRow, aStep int, b []float32, bStep, bPanel int, c []float32, cRow int, add bool) {
		checkProduct(12, rows, panels, depth, a, aRow, aStep, b, bStep, bPanel, c, cRow)
		productAVX512(rows, panels, depth, &a[0], size(aRow), size(aStep), &b[0], size(bStep), size(bPanel), &c[0], size(cRow), add)
	},
	copyRows: func(rows, cols, width int, src []float32, srcRow int, dst []float32, dstRow int, factor []float32, factorStep int) {
		checkCopy(rows, cols, width, src, srcRow, dst, dstRow, factor, factorStep)
		copyRowsAVX512(rows, cols, width, &src[0], size(srcRow), &dst[0], size(dstRow), &factor[0], size(factorStep))
	},
	transpose: func(cols int, src []float32, srcRow int, dst []float32) {
		checkTranspose(cols, src, srcRow, dst)
		transposeAVX512(cols, &src[0], size(srcRow), &dst[0])
	},
	softmax: func(rows, limit, seen int, s []float32, row int, st *stats) {
		checkTile(12, rows, limit, s, row)
		softmaxAVX512(rows, limit, seen, &s[0], size(row), &st.max[0])
	},
	finish: func(_ int, st *stats) { finishAVX512(&st.max[0]) },
	gradient: func(rows, limit, seen int, p, dp []float32, row int, lse, delta []float32) {
		checkTile(12, rows, limit, p, row)
		checkTile(12, rows, limit, dp, row)
		gradientAVX512(rows, limit, seen, &p[0], &dp[0], size(row), &lse[:rows][0], &delta[:rows][0])
	},
	rowDots: func(rows, cols int, x []float32, xRow int, y []float32, yRow int, dst []float32) {
		checkDots(rows, cols, x, xRow, y, yRow, dst)
		rowDotsAVX512(rows, cols, &x[0], size(xRow), &y[0], size(yRow), &dst[0])
	},
	weightedSum: func(n, panels int, weights, rows []float32, row int, dst []float32) {
		checkSum(n, panels, weights, rows, row, dst)
		weightedSumAVX512(n, panels, &weights[0], &rows[0], size(row), &dst[0])
	},
}

var withAVX2 = kernels{
	rows: 6,
	product: func(rows, panels, depth int, a []float32, aRow, aStep int, b []float32, bStep, bPanel int, c []float32, cRow int, add bool) {
		checkProduct(6, rows, panels, depth, a, aRow, aStep, b, bStep, bPanel, c, cRow)
		productAVX2(rows, panels, depth, &a[0], size(aRow), size(aStep), &b[0], size(bStep), size(bPanel), &c[0], size(cRow), add)
	},
	copyRows: func(rows, cols, width int, src []float32, srcRow int, dst []float32, dstRow int, factor []float32, factorStep int) {
		checkCopy(rows, cols, width, src, srcRow, dst, dstRow, factor, factorStep)
		copyRowsAVX2(rows, cols, width, &src[0], size(srcRow), &dst[0], size(dstRow), &factor[0], size(factorStep))
	},
	transpose: func(cols int, src []float32, srcRow int, dst []float32) {
		checkTranspose(cols, src, srcRow, dst)
		transposeAVX2(cols, &src[0], size(srcRow), &dst[0])
	},
	softmax: func(rows, limit, seen int, s []float32, row int, st *stats) {
		checkTile(6, rows, limit, s, row)
		softmaxAVX2(rows, limit, seen, &s[0], size(row), &st.max[0])
	},
	finish: func(_ int, st *stats) { finishAVX2(&st.max[0]) },
	gradient: func(rows, limit, seen int, p, dp []float32, row int, lse, delta []float32) {
		checkTile(6, rows, limit, p, row)
		checkTile(6, rows, limit, dp, row)
		gradientAVX2(rows, limit, seen, &p[0], &dp[0], size(row), &lse[:rows][0], &delta[:rows][0])
	},
	rowDots: func(rows, cols int, x []float32, xRow int, y []float32, yRow int, dst []float32) {
		checkDots(rows, cols, x, xRow, y, yRow, dst)
		rowDotsAVX2(rows, cols, &x[0], size(xRow), &y[0], size(yRow), &dst[0])
	},
	weightedSum: func(n, panels int, weights, rows []float32, row int, dst []float32) {
		checkSum(n, panels, weights, rows, row, dst)
		weightedSumAVX2(n, panels, &weights[0], &rows[0], size(row), &dst[0])
	},
}

// size is a stride in bytes.
func size(n int) uintptr { return uintptr(n) * unsafe.Sizeof(float32(0)) }

// The checks index the last number that a kernel touches, which panics where it
// does not exist. Strides are not negative.

func checkProduct(most, rows, panels, depth int, a []float32, aRow, aStep int, b []float32, bStep, bPanel int, c []float32, cRow int) {
	if rows < 1 || rows > most || panels < 1 || depth < 1 {
		panic("attention: shape outside the kernel's")
	}
	_ = a[(rows-1)*aRow+(depth-1)*aStep]
	_ = b[(depth-1)*bStep+(panels-1)*bPanel+Panel-1]
	_ = c[(rows-1)*cRow+panels*Panel-1]
}

func checkCopy(rows, cols, width int, src []float32, srcRow int, dst []float32, dstRow int, factor []float32, factorStep int) {
	if rows < 1 || cols < 1 || width != cols && width != Padded(cols) {
		panic("attention: shape outside the kernel's")
	}
	_ = src[(rows-1)*srcRow+cols-1]
	_ = dst[(rows-1)*dstRow+width-1]
	_ = factor[(rows-1)*factorStep]
}

func checkTranspose(cols int, src []float32, srcRow int, dst []float32) {
	if cols < 4 || cols%4 != 0 {
		panic("attention: shape outside the kernel's")
	}
	_ = src[(Panel-1)*srcRow+cols-1]
	_ = dst[cols*Panel-1]
}

func checkTile(most, rows, limit int, s []float32, row int) {
	if rows < 1 || rows > most || limit < 1 {
		panic("attention: shape outside the kernel's")
	}
	_ = s[(rows-1)*row+Padded(limit)-1]
}

func checkDots(rows, cols int, x []float32, xRow int, y []float32, yRow int, dst []float32) {
	if rows < 1 || cols < 1 {
		panic("attention: shape outside the kernel's")
	}
	_ = x[(rows-1)*xRow+cols-1]
	_ = y[(rows-1)*yRow+cols-1]
	_ = dst[rows-1]
}

func checkSum(n, panels int, weights, rows []float32, row int, dst []float32) {
	if n < 1 || panels < 1 {
		panic("attention: shape outside the kernel's")
	}
	_ = weights[n-1]
	_ = rows[(n-1)*row+panels*Panel-1]
	_ = dst[panels*Panel-1]
}

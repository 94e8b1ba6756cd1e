package attention

import (
	"sync"

	"transcend/model/blas"
)

// kernels are the inner loops of one CPU level. Strides count numbers. The
// documentation of each is the plain one's.
type kernels struct {
	// rows is the number of rows of A that product takes at most, and so the
	// number of queries in a block; at most 16.
	rows        int
	product     func(rows, panels, depth int, a []float32, aRow, aStep int, b []float32, bStep, bPanel int, c []float32, cRow int, add bool)
	copyRows    func(rows, cols, width int, src []float32, srcRow int, dst []float32, dstRow int, factor []float32, factorStep int)
	transpose   func(cols int, src []float32, srcRow int, dst []float32)
	softmax     func(rows, limit, seen int, s []float32, row int, st *stats)
	finish      func(rows int, st *stats)
	gradient    func(rows, limit, seen int, p, dp []float32, row int, lse, delta []float32)
	rowDots     func(rows, cols int, x []float32, xRow int, y []float32, yRow int, dst []float32)
	weightedSum func(n, panels int, weights, rows []float32, row int, dst []float32)
}

// active returns the kernels of the level that blas.New chooses. A level that
// is not to be had is reported where the products are set up; here it means
// plain Go.
var active = sync.OnceValue(func() *kernels {
	impl, err := blas.New(blas.Options{})
	if err != nil {
		return &plain
	}
	return kernelsOf(impl.Level())
})

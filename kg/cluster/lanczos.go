package cluster

import (
	"context"
	"errors"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"transcend/internal/draw"
)

// An operator is a symmetric matrix of order n that is known by its products.
type operator interface {
	order() int
	// apply sets dst to the product with src; both have length n.
	apply(dst, src []float64)
}

const (
	// blockSize is how many vectors are multiplied at once, and so how many copies of
	// an eigenvalue are found: symmetric graphs have several.
	blockSize = 6
	// tolerance is the residual |Ax - λx| at which an eigenvector is good enough to
	// cluster by, for matrices of norm 1.
	tolerance = 1e-5
	// maxRestarts bounds the work where eigenvalues lie close together; what is there
	// then spans nearly the same space, which is all that k-means sees.
	maxRestarts = 12
	// denseOrder is up to which order all eigenvectors are computed at once.
	denseOrder = 160
)

// largest returns the k largest eigenvalues of a, descending, and their eigenvectors,
// one a row: the block Lanczos method with full reorthogonalization and thick
// restarts (Golub and Underwood 1977; Wu and Simon 2000).
//
// The basis V grows by blocks W. A·W is made orthogonal to V, twice, and becomes the
// next block; H = V·A·Vᵀ is kept. When the basis is full, the best eigenvectors of H
// (Ritz vectors) become the first rows of a new basis, and the last block goes on.
func largest(ctx context.Context, a operator, k int, rng draw.Stream) ([]float64, blas64.General, error) {
	n := a.order()
	k = min(k, n)
	if n <= denseOrder || 3*k+4*blockSize >= n {
		return dense(a, k)
	}
	l := newLanczos(a, k, rng)
	for restart := 0; ; restart++ {
		residual, err := l.grow(ctx)
		if err != nil {
			return nil, blas64.General{}, err
		}
		values, s, err := symmetric(l.h, l.m, l.most)
		if err != nil {
			return nil, blas64.General{}, err
		}
		done := restart == maxRestarts || l.converged(residual, s, k)
		want := k
		if !done {
			want = min(l.keep, l.m)
		}
		ritz := l.ritz(s, want)
		if done {
			return values[:k], ritz, nil
		}
		l.restart(values, ritz)
	}
}

// lanczos is the state of the method.
type lanczos struct {
	a          operator
	keep, most int            // rows that a restart keeps, and at most
	m          int            // rows of v that are basis
	v          blas64.General // the basis, and the block that comes next
	next       blas64.General // that block
	h          []float64      // V·A·Vᵀ, most×most
	rng        draw.Stream
}

func newLanczos(a operator, k int, rng draw.Stream) *lanczos {
	n := a.order()
	l := &lanczos{a: a, keep: k + k/4 + blockSize, rng: rng}
	l.most = min(n-blockSize, max(2*l.keep, l.keep+10*blockSize))
	l.v, l.next, l.h = newRows(l.most+blockSize, n), newRows(blockSize, n), make([]float64, l.most*l.most)
	for i := range l.next.Data {
		l.next.Data[i] = l.rng.Normal()
	}
	orthonormalize(l.v, 0, l.next, &l.rng)
	copyRows(l.v, 0, l.next)
	return l
}

// grow adds blocks until the basis is full. It returns the residual R of the last one, W:
// A·W = Vᵀ·H + next·R.
func (l *lanczos) grow(ctx context.Context) (residual blas64.General, err error) {
	for l.m+blockSize <= l.most {
		if err := ctx.Err(); err != nil {
			return residual, err
		}
		for i := range blockSize {
			l.a.apply(row(l.next, i), row(l.v, l.m+i))
		}
		basis := rows(l.v, 0, l.m+blockSize)
		// H's new columns, V·A·W.
		c := newRows(l.m+blockSize, blockSize)
		project(basis, l.next, c)
		for i := range l.m + blockSize {
			for j := range blockSize {
				x := c.Data[i*c.Stride+j]
				l.h[i*l.most+l.m+j], l.h[(l.m+j)*l.most+i] = x, x
			}
		}
		project(basis, l.next, newRows(l.m+blockSize, blockSize)) // again, for what rounding left
		l.m += blockSize
		residual = orthonormalize(l.v, l.m, l.next, &l.rng)
		copyRows(l.v, l.m, l.next)
	}
	return residual, nil
}

// converged reports that the first k Ritz vectors are good enough: the residual of vector j
// is R times the last block of column j of s, H's eigenvectors.
func (l *lanczos) converged(residual blas64.General, s *mat.Dense, k int) bool {
	for j := range k {
		var sum float64
		for i := range blockSize {
			var x float64
			for b := range blockSize {
				x += residual.Data[i*residual.Stride+b] * s.At(l.m-blockSize+b, j)
			}
			sum += x * x
		}
		if math.Sqrt(sum) > tolerance {
			return false
		}
	}
	return true
}

// ritz returns the first Ritz vectors, one a row.
func (l *lanczos) ritz(s *mat.Dense, count int) blas64.General {
	coefficients := newRows(count, l.m)
	for j := range count {
		for i := range l.m {
			coefficients.Data[j*l.m+i] = s.At(i, j)
		}
	}
	vectors := newRows(count, l.v.Cols)
	blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, coefficients, rows(l.v, 0, l.m), 0, vectors)
	return vectors
}

// restart makes the Ritz vectors the basis; the last block goes on after them.
func (l *lanczos) restart(values []float64, ritz blas64.General) {
	copyRows(l.v, ritz.Rows, rows(l.v, l.m, blockSize))
	copyRows(l.v, 0, ritz)
	clear(l.h)
	for j := range ritz.Rows {
		l.h[j*l.most+j] = values[j]
	}
	l.m = ritz.Rows
}

// project makes the rows of w orthogonal to those of the orthonormal basis and
// returns in c what it took away: c = basis·wᵀ.
func project(basis, w, c blas64.General) {
	blas64.Gemm(blas.NoTrans, blas.Trans, 1, basis, w, 0, c)
	blas64.Gemm(blas.Trans, blas.NoTrans, -1, c, basis, 1, w)
}

// orthonormalize makes the rows of w, which are orthogonal to the first m rows of v,
// orthonormal (modified Gram and Schmidt) and returns the factor R, column j of which
// writes old row j in new ones. A row that the others span is replaced by a random one, and
// its coefficient is 0: so an invariant subspace does not end the method.
func orthonormalize(v blas64.General, m int, w blas64.General, rng *draw.Stream) blas64.General {
	r := newRows(w.Rows, w.Rows)
	vec := func(g blas64.General, i int) blas64.Vector {
		return blas64.Vector{N: g.Cols, Inc: 1, Data: row(g, i)}
	}
	for j := range w.Rows {
		x := vec(w, j)
		for pass := range 2 {
			for i := range j {
				c := blas64.Dot(vec(w, i), x)
				blas64.Axpy(-c, vec(w, i), x)
				if pass == 0 {
					r.Data[i*r.Stride+j] = c
				}
			}
		}
		norm := blas64.Nrm2(x)
		r.Data[j*r.Stride+j] = norm
		if norm < 1e-10 {
			r.Data[j*r.Stride+j] = 0
			for norm = 0; norm < 1e-3; norm = blas64.Nrm2(x) {
				for i := range x.Data {
					x.Data[i] = rng.Normal()
				}
				blas64.Scal(1/blas64.Nrm2(x), x)
				for range 2 {
					for i := range m {
						blas64.Axpy(-blas64.Dot(vec(v, i), x), vec(v, i), x)
					}
					for i := range j {
						blas64.Axpy(-blas64.Dot(vec(w, i), x), vec(w, i), x)
					}
				}
			}
		}
		blas64.Scal(1/norm, x)
	}
	return r
}

// symmetric returns the eigenvalues of the leading m×m part of h, descending, and the
// eigenvectors as columns.
func symmetric(h []float64, m, stride int) ([]float64, *mat.Dense, error) {
	a := mat.NewSymDense(m, nil)
	for i := range m {
		for j := i; j < m; j++ {
			a.SetSym(i, j, (h[i*stride+j]+h[j*stride+i])/2)
		}
	}
	var e mat.EigenSym
	if !e.Factorize(a, true) {
		return nil, nil, errors.New("cluster: the eigenvalues of a projected matrix do not converge")
	}
	up := e.Values(nil)
	var s mat.Dense
	e.VectorsTo(&s)
	values := make([]float64, m)
	down := mat.NewDense(m, m, nil)
	for j := range m {
		values[j] = up[m-1-j]
		for i := range m {
			down.Set(i, j, s.At(i, m-1-j))
		}
	}
	return values, down, nil
}

// dense computes all eigenvectors and returns the first k.
func dense(a operator, k int) ([]float64, blas64.General, error) {
	n := a.order()
	h := make([]float64, n*n)
	unit := make([]float64, n)
	for i := range n {
		unit[i] = 1
		a.apply(h[i*n:(i+1)*n], unit)
		unit[i] = 0
	}
	values, s, err := symmetric(h, n, n)
	if err != nil {
		return nil, blas64.General{}, err
	}
	vectors := newRows(k, n)
	for j := range k {
		for i := range n {
			vectors.Data[j*n+i] = s.At(i, j)
		}
	}
	return values[:k], vectors, nil
}

func newRows(r, n int) blas64.General {
	return blas64.General{Rows: r, Cols: n, Stride: n, Data: make([]float64, r*n)}
}

// rows returns count rows of g from first on.
func rows(g blas64.General, first, count int) blas64.General {
	return blas64.General{Rows: count, Cols: g.Cols, Stride: g.Stride, Data: g.Data[first*g.Stride : (first+count)*g.Stride]}
}

func row(g blas64.General, i int) []float64 { return g.Data[i*g.Stride : i*g.Stride+g.Cols] }

// copyRows copies src into the rows of dst from first on.
func copyRows(dst blas64.General, first int, src blas64.General) {
	copy(dst.Data[first*dst.Stride:], src.Data)
}

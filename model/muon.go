package model

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"transcend/model/internal/phases"
	"transcend/model/internal/vec"
)

// muon updates the matrices of the blocks (Jordan et al. 2024, "Muon: an
// optimizer for hidden layers in neural networks"): the momentum of each matrix
// is replaced by the nearest orthogonal matrix, so that every direction of the
// update has the same size. The momentum is kept in update.first.
//
// The queries', keys' and values' weights are three matrices here, although
// they are stored as one: they have nothing to do with each other.
//
// An orthogonal r×c matrix has numbers of root mean square 1/√max(r, c);
// AdamW's updates have about 0.2. The update is therefore scaled by
// 0.2·√max(r, c) (Liu et al. 2025, "Muon is scalable for LLM training",
// section 2.2), which lets both optimizers share learning rate, schedule and
// weight decay. The other scale in use, √max(1, r/c), needs a learning rate of
// its own for the hidden matrices.
type muon struct {
	matrices []hiddenMatrix
	scratch  []muonScratch // of each worker
	size     int           // of the largest matrix
	side     int           // smaller dimension of any matrix, at most

	op muonOp
}

// hiddenMatrix is a matrix inside the flat buffer.
type hiddenMatrix struct {
	at                 int // of its first number
	rows, cols, stride int
}

func (h hiddenMatrix) view(flat []float32) blas32.General {
	return mat(flat[h.at:], h.rows, h.cols, h.stride)
}

// muonScratch is the working memory of one worker.
type muonScratch struct {
	x, y  []float32 // (rows, cols)
	gram  []float32 // (side, side)
	gram2 []float32 // (side, side)
}

func newMuon(c Config, tensors []LayoutTensor) updater {
	mu := &muon{side: c.Width, size: 4 * c.Width * c.Width}
	for _, t := range tensors {
		rows, stride := t.Shape[0], t.Shape[1]
		cols := stride
		if cols == 3*c.Width {
			cols = c.Width
		}
		for j := 0; j < stride; j += cols {
			mu.matrices = append(mu.matrices, hiddenMatrix{t.At + j, rows, cols, stride})
		}
	}
	// The largest first, so that no thread begins one when the others end.
	slices.SortStableFunc(mu.matrices, func(a, b hiddenMatrix) int { return b.rows*b.cols - a.rows*a.cols })
	return mu
}

func (mu *muon) step(p *phases.Pool, u update) {
	for len(mu.scratch) < p.Threads() {
		mu.scratch = append(mu.scratch, muonScratch{
			x: make([]float32, mu.size), y: make([]float32, mu.size),
			gram: make([]float32, mu.side*mu.side), gram2: make([]float32, mu.side*mu.side),
		})
	}
	mu.op = muonOp{
		matrices: mu.matrices, scratch: mu.scratch, w: u.weights, g: u.gradient, m: u.first,
		scale: float32(u.scale), momentum: float32(u.train.Momentum),
		lr: u.rate, decay: float32(1 - u.rate*u.train.WeightDecay),
	}
	p.Run(len(mu.matrices), &mu.op)
}

// muonOp updates one matrix a chunk. A matrix is the work of one goroutine, and
// the order of its sums is that of Sgemm: both are the same for any number of
// threads.
type muonOp struct {
	matrices []hiddenMatrix
	scratch  []muonScratch
	w, g, m  []float32

	scale, momentum, decay float32
	lr                     float64
}

func (op *muonOp) Run(chunk, worker int) {
	h := op.matrices[chunk]
	s := &op.scratch[worker]
	w, g, m := h.view(op.w), h.view(op.g), h.view(op.m)
	x := mat(s.x, h.rows, h.cols, h.cols)
	y := mat(s.y, h.rows, h.cols, h.cols)
	squares := 0.0
	for i := range h.rows {
		squares += muonMomentum(rowOf(x, i), rowOf(m, i), rowOf(g, i), op.scale, op.momentum)
	}
	x = orthogonalize(x, y, s.gram, s.gram2, squares)
	step := float32(op.lr * 0.2 * math.Sqrt(float64(max(h.rows, h.cols))))
	for i := range h.rows {
		vec.Mix(rowOf(w, i), rowOf(x, i), op.decay, -step)
	}
}

// muonMomentum moves m towards the gradient g·scale and sets x to what follows
// from it after Nesterov, m moved once more. It returns the sum of x².
func muonMomentum(x, m, g []float32, scale, beta float32) float64 {
	share := scale * (1 - beta)
	vec.Mix(m, g, beta, share)
	copy(x, m)
	vec.Mix(x, g, beta, share)
	return vec.SumSquares(x)
}

// newtonSchulz are the coefficients of the odd polynomial a·s + b·s³ + c·s⁵ that,
// applied newtonSchulzSteps times, takes every singular value of (0, 1] that is
// not tiny into about [0.7, 1.2] (Jordan et al. 2024). It does not converge to
// 1: its slope at 0 is as large as it can be, which is what counts.
var newtonSchulz = [3]float32{3.4445, -4.7750, 2.0315}

const newtonSchulzSteps = 5

// orthogonalize returns U·Vᵀ of x = U·S·Vᵀ, roughly, in the memory of x or y;
// squares is the sum of x². gram and gram2 have room for the square of
// the smaller dimension. All are overwritten.
func orthogonalize(x, y blas32.General, gram, gram2 []float32, squares float64) blas32.General {
	inverse := float32(1 / (math.Sqrt(squares) + 1e-7))
	n := x.Rows * x.Cols
	vec.Scale(x.Data[:n], inverse)
	side := min(x.Rows, x.Cols)
	a, b := mat(gram, side, side, side), mat(gram2, side, side, side)
	for range newtonSchulzSteps {
		// a = x·xᵀ or xᵀ·x, the smaller; y = (c0 + c1·a + c2·a²)·x
		if x.Rows <= x.Cols {
			mulBT(a, x, x, 1, 0)
		} else {
			mulAT(a, x, x, 0)
		}
		copy(b.Data[:side*side], a.Data)
		blas32.Gemm(blas.NoTrans, blas.NoTrans, newtonSchulz[2], a, a, newtonSchulz[1], b)
		copy(y.Data[:n], x.Data)
		if x.Rows <= x.Cols {
			mul(y, b, x, newtonSchulz[0])
		} else {
			mul(y, x, b, newtonSchulz[0])
		}
		x, y = y, x
	}
	return x
}

// Package vec is the element-wise arithmetic of training and sampling: what lies
// between the matrix products. Every function works on slices that are as long
// as the first of them; the others may be longer, never shorter, or it panics.
// Slices may be the same, but must not overlap otherwise.
//
// The functions run on AVX-512 or AVX2 assembly, or on plain Go (other CPUs, and
// the build tag noasm). All give the same bits: the sums run over 16 lanes,
// lane i taking the elements whose index is i modulo 16, and are then folded in
// half four times; multiply-adds are not fused.
//
// The environment variable TRANSCEND_BLAS bounds the level as it does that of
// package blas; a level that this CPU does not have counts as the best it has.
package vec

import (
	"os"
	"unsafe"

	"transcend/model/blas"
)

//go:generate go -C gen run . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg vec

// kernels is one implementation of the functions. Their slices have been checked.
type kernels struct {
	add               func(dst, a, b []float32)
	addSum            func(dst, a, b []float32) float32
	scale             func(x []float32, by float32)
	mix               func(dst, src []float32, alpha, beta float32)
	addRows           func(dst, table []float32, index []int32)
	sum               func(x []float32) float32
	maximum           func(x []float32) float32
	squaredDistance   func(x []float32, from float32) float32
	normalizeBias     func(dst, x, w, b []float32, mean, rstd float32)
	normalize         func(dst, x, w []float32, mean, rstd float32)
	normBackwardSums  func(dw, dy, x, w []float32, mean, rstd float32) (sumG, sumH float32)
	normBackwardApply func(dx, dy, x, w []float32, mean, rstd, meanG, meanH float32)
	expSum            func(dst, x []float32, shift float32) float32
	geluErf           func(dst, x []float32)
	geluTanh          func(dst, x []float32)
	geluErfGrad       func(y, x, dy []float32)
	geluTanhGrad      func(y, x, dy []float32)
	sumSquares        func(x []float32) float64
	adamW             func(w, g, m, v []float32, c *[9]float32)
}

// active is the implementation in use.
var active = choose(os.Getenv(blas.EnvLevel))

// choose returns the implementation for a value of the environment variable. A
// name that is none is for package blas to report.
func choose(name string) *kernels {
	level, err := blas.ParseLevel(name)
	if err != nil || level == blas.Auto {
		level = blas.Supported()
	}
	return kernelsOf(min(level, blas.Supported()))
}

// Add sets dst to a + b.
func Add(dst, a, b []float32) {
	n := len(dst)
	active.add(dst, a[:n], b[:n])
}

// AddSum sets dst to a + b and returns the sum of dst.
func AddSum(dst, a, b []float32) float32 {
	n := len(dst)
	return active.addSum(dst, a[:n], b[:n])
}

// Scale multiplies x by a number.
func Scale(x []float32, by float32) { active.scale(x, by) }

// Mix sets dst to alpha·dst + beta·src.
func Mix(dst, src []float32, alpha, beta float32) { active.mix(dst, src[:len(dst)], alpha, beta) }

// AddRows adds rows of a table, which are as long as dst, to dst: those that index
// names, one after the other. It panics for a row that the table does not have.
func AddRows(dst, table []float32, index []int32) {
	if len(dst) == 0 {
		return
	}
	rows := uint32(len(table) / len(dst))
	for _, i := range index {
		if uint32(i) >= rows {
			panic("vec: AddRows of a row that the table does not have")
		}
	}
	active.addRows(dst, table, index)
}

// Sum is the sum of x.
func Sum(x []float32) float32 { return active.sum(x) }

// Max is the largest element of x that is not NaN; -Inf where there is none.
func Max(x []float32) float32 { return active.maximum(x) }

// SquaredDistance is Σ (x−from)².
func SquaredDistance(x []float32, from float32) float32 { return active.squaredDistance(x, from) }

// Normalize sets dst to (x−mean)·rstd·w + b. b may be nil.
func Normalize(dst, x, w, b []float32, mean, rstd float32) {
	n := len(dst)
	if b == nil {
		active.normalize(dst, x[:n], w[:n], mean, rstd)
		return
	}
	active.normalizeBias(dst, x[:n], w[:n], b[:n], mean, rstd)
}

// NormBackwardSums is the first half of the backward pass of a LayerNorm: with
// x̂ = (x−mean)·rstd and dy the gradient of the result, it adds dy·x̂ to dw, the
// gradient of the weights, and returns Σ dy·w and Σ dy·w·x̂.
func NormBackwardSums(dw, dy, x, w []float32, mean, rstd float32) (sumG, sumH float32) {
	n := len(dw)
	return active.normBackwardSums(dw, dy[:n], x[:n], w[:n], mean, rstd)
}

// NormBackwardApply is the second half: it adds rstd·(dy·w − meanG − x̂·meanH) to
// dx, where the means are the sums divided by the length.
func NormBackwardApply(dx, dy, x, w []float32, mean, rstd, meanG, meanH float32) {
	n := len(dx)
	active.normBackwardApply(dx, dy[:n], x[:n], w[:n], mean, rstd, meanG, meanH)
}

// ExpSum sets dst to e^(x−shift) and returns its sum. Relative error of an
// exponential: below 2e-7 where it is at least 2^-126; below that the result
// comes down to 0 at 2^-126.5. Above e^88.37 it is +Inf.
func ExpSum(dst, x []float32, shift float32) float32 {
	return active.expSum(dst, x[:len(dst)], shift)
}

// GELU sets dst to x·Φ(x), or, tanh, to its approximation
// x·(1+tanh(√(2/π)·(x+0.044715·x³)))/2. The absolute error of what x is
// multiplied by is below 2e-7.
func GELU(dst, x []float32, tanh bool) {
	if tanh {
		active.geluTanh(dst, x[:len(dst)])
		return
	}
	active.geluErf(dst, x[:len(dst)])
}

// GELUGrad sets y to GELU of x, to the bits that GELU gives, and multiplies dy by
// the derivative there. The absolute error of the derivative is below 3e-6.
func GELUGrad(y, x, dy []float32, tanh bool) {
	n := len(y)
	if tanh {
		active.geluTanhGrad(y, x[:n], dy[:n])
		return
	}
	active.geluErfGrad(y, x[:n], dy[:n])
}

// SumSquares is Σ x² in float64.
func SumSquares(x []float32) float64 { return active.sumSquares(x) }

// AdamW holds the numbers of one step of AdamW (Loshchilov and Hutter 2019):
//
//	g' = g·Scale
//	m  = Beta1·m + OneMinusBeta1·g'
//	v  = Beta2·v + OneMinusBeta2·g'²
//	w  = w·Decay − StepSize·m / (√v·RootBias + Epsilon)
//
// StepSize is the learning rate over 1−β₁ᵗ, and RootBias 1/√(1−β₂ᵗ).
type AdamW struct {
	Scale, Decay                 float32
	Beta1, Beta2                 float32
	OneMinusBeta1, OneMinusBeta2 float32
	StepSize, RootBias, Epsilon  float32
}

// Step updates the weights w and the moments m and v with the gradient g.
func (c *AdamW) Step(w, g, m, v []float32) {
	n := len(w)
	active.adamW(w, g[:n], m[:n], v[:n], (*[unsafe.Sizeof(*c) / 4]float32)(unsafe.Pointer(c)))
}

package model

import (
	"math"

	"transcend/model/internal/vec"
)

// Functions of single rows, made of the vectorized ones. Each works in float32
// with a fixed order of operations.

func fill(dst []float32, x float32) {
	for i := range dst {
		dst[i] = x
	}
}

// add adds src to dst, which is at least as long.
func add(dst, src []float32) {
	dst = dst[:len(src)]
	vec.Add(dst, dst, src)
}

// normStatistics returns the mean and 1/√(variance+1e-5) of x, whose sum is
// given; the variance is the biased one (LayerNorm, Ba et al. 2016).
func normStatistics(x []float32, sum float32) (mean, rstd float32) {
	n := float32(len(x))
	mean = sum / n
	variance := vec.SquaredDistance(x, mean) / n
	return mean, float32(1 / math.Sqrt(float64(variance)+layerNormEpsilon))
}

// scaledSoftmax replaces x, whose largest element is m, by its softmax times
// scale and returns log Σ eˣ.
func scaledSoftmax(x []float32, m, scale float32) (logSum float32) {
	total := vec.ExpSum(x, x, m)
	vec.Scale(x, scale/total)
	return m + float32(math.Log(float64(total)))
}

// isFirstMaximum tells whether x[i] is m, the largest element, and none before
// it is.
func isFirstMaximum(x []float32, i int, m float32) bool {
	return x[i] == m && (i == 0 || vec.Max(x[:i]) < m)
}

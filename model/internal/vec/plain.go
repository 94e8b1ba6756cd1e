package vec

import "math"

// The functions in plain Go. The conversions to float32 around products keep the
// compiler from fusing multiply-adds.

var plain = kernels{
	add: addGo, addSum: addSumGo, scale: scaleGo, mix: mixGo, addRows: addRowsGo,
	sum: sumGo, maximum: maximumGo, squaredDistance: squaredDistanceGo,
	normalizeBias: normalizeBiasGo, normalize: normalizeGo,
	normBackwardSums: normBackwardSumsGo, normBackwardApply: normBackwardApplyGo,
	expSum:  expSumGo,
	geluErf: geluErfGo, geluTanh: geluTanhGo, geluErfGrad: geluErfGradGo, geluTanhGrad: geluTanhGradGo,
	sumSquares: sumSquaresGo, adamW: adamWGo,
}

// lanes are the 16 parts of a sum.
type lanes [16]float32

// total folds the lanes in half until there is one.
func (s *lanes) total() float32 {
	for n := 8; n > 0; n /= 2 {
		for i := range n {
			s[i] += s[i+n]
		}
	}
	return s[0]
}

func addGo(dst, a, b []float32) {
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

func addRowsGo(dst, table []float32, index []int32) {
	for _, i := range index {
		at := int(i) * len(dst)
		addGo(dst, dst, table[at:at+len(dst)])
	}
}

func addSumGo(dst, a, b []float32) float32 {
	addGo(dst, a, b)
	return sumGo(dst)
}

func scaleGo(x []float32, by float32) {
	for i := range x {
		x[i] *= by
	}
}

func mixGo(dst, src []float32, alpha, beta float32) {
	for i := range dst {
		dst[i] = float32(dst[i]*alpha) + float32(src[i]*beta)
	}
}

func sumGo(x []float32) float32 {
	var s lanes
	for i, v := range x {
		s[i&15] += v
	}
	return s.total()
}

func maximumGo(x []float32) float32 {
	var m lanes
	for i := range m {
		m[i] = float32(math.Inf(-1))
	}
	for i, v := range x {
		if v > m[i&15] {
			m[i&15] = v
		}
	}
	for n := 8; n > 0; n /= 2 {
		for i := range n {
			if !(m[i] > m[i+n]) {
				m[i] = m[i+n]
			}
		}
	}
	return m[0]
}

func squaredDistanceGo(x []float32, from float32) float32 {
	var s lanes
	for i, v := range x {
		d := v - from
		s[i&15] += float32(d * d)
	}
	return s.total()
}

func normalizeBiasGo(dst, x, w, b []float32, mean, rstd float32) {
	for i := range dst {
		dst[i] = float32((x[i]-mean)*rstd*w[i]) + b[i]
	}
}

func normalizeGo(dst, x, w []float32, mean, rstd float32) {
	for i := range dst {
		dst[i] = (x[i] - mean) * rstd * w[i]
	}
}

func normBackwardSumsGo(dw, dy, x, w []float32, mean, rstd float32) (sumG, sumH float32) {
	var gs, hs lanes
	for i, y := range dy {
		norm := (x[i] - mean) * rstd
		dw[i] += float32(y * norm)
		gi := float32(y * w[i])
		gs[i&15] += gi
		hs[i&15] += float32(gi * norm)
	}
	return gs.total(), hs.total()
}

func normBackwardApplyGo(dx, dy, x, w []float32, mean, rstd, meanG, meanH float32) {
	for i := range dx {
		norm := (x[i] - mean) * rstd
		t := float32(dy[i]*w[i]) - meanG - float32(norm*meanH)
		dx[i] += float32(t * rstd)
	}
}

// exp is eˣ: with n the integer nearest to x/ln 2 and r = x − n·ln 2, it is
// 2ⁿ·(1 + r + r²·P(r)). ln 2 is taken in two parts (Cody and Waite 1980); P is the
// polynomial of degree 4 with the least maximal relative error of the result for
// |r| ≤ ln 2/2, which is 3.7e-9 with the coefficients in float32 (found by
// reweighted least squares).
func exp(x float32) float32 {
	const (
		log2e = 1.44269504088896341
		ln2Hi = 0.693359375 // 9 bits: n·ln2Hi is exact
		ln2Lo = -2.12194440e-4
		// Adding 1.5·2²³ leaves the nearest integer in the low bits; 127 is the
		// exponent of 2⁰.
		magic = 12582912 + 127
	)
	// Beyond these the power of two is 0, or infinite. NaN passes.
	if x < -88 {
		x = -88
	}
	if x > 89 {
		x = 89
	}
	t := float32(x*log2e) + magic
	n := t - magic
	r := x - float32(n*ln2Hi) - float32(n*ln2Lo)
	y := float32(r*0.001381454) + 0.008368745
	y = float32(y*r) + 0.04166839
	y = float32(y*r) + 0.16666521
	y = float32(y*r) + 0.49999994
	y = float32(y*float32(r*r)) + r + 1
	return y * math.Float32frombits(math.Float32bits(t)<<23)
}

func expSumGo(dst, x []float32, shift float32) float32 {
	var s lanes
	for i := range dst {
		e := exp(x[i] - shift)
		dst[i] = e
		s[i&15] += e
	}
	return s.total()
}

// gaussian returns the distribution function and the density of N(0, 1).
// Absolute error of the distribution function: 1.3e-7. The complementary error
// function is Abramowitz and Stegun 7.1.26, whose e^(−z²) is the density's.
func gaussian(x float32) (cdf, pdf float32) {
	e := exp(float32(x*-0.5) * x)
	t := 1 / (float32(float32(math.Abs(float64(x)))*(0.3275911*0.70710678118654752)) + 1)
	tail := float32(t*(0.5*1.061405429)) + 0.5*-1.453152027
	tail = float32(tail*t) + 0.5*1.421413741
	tail = float32(tail*t) + 0.5*-0.284496736
	tail = float32(tail*t) + 0.5*0.254829592
	tail *= float32(t * e)
	cdf = tail
	if !math.Signbit(float64(x)) {
		cdf = 1 - tail
	}
	return cdf, e * 0.39894228040143268
}

// logistic returns s = (1+tanh u)/2 = 1/(1+e^(−2u)) with
// u = √(2/π)·(x + 0.044715·x³), and its derivative s·(1−s)·2·u'.
func logistic(x float32) (s, ds float32) {
	const (
		scale = 0.79788456080286536 // √(2/π)
		cubic = 0.044715
	)
	xx := float32(x * x)
	u := x * (float32(xx*(-2*scale*cubic)) - 2*scale)
	s = 1 / (exp(u) + 1)
	return s, float32(s*(1-s)) * (float32(xx*(6*scale*cubic)) + 2*scale)
}

func geluErfGo(dst, x []float32) {
	for i := range dst {
		cdf, _ := gaussian(x[i])
		dst[i] = x[i] * cdf
	}
}

func geluTanhGo(dst, x []float32) {
	for i := range dst {
		s, _ := logistic(x[i])
		dst[i] = x[i] * s
	}
}

func geluErfGradGo(y, x, dy []float32) {
	for i, v := range x {
		cdf, pdf := gaussian(v)
		dy[i] *= cdf + float32(v*pdf)
		y[i] = v * cdf
	}
}

func geluTanhGradGo(y, x, dy []float32) {
	for i, v := range x {
		s, ds := logistic(v)
		dy[i] *= s + float32(v*ds)
		y[i] = v * s
	}
}

func sumSquaresGo(x []float32) float64 {
	var s [16]float64
	for i, v := range x {
		s[i&15] += float64(float64(v) * float64(v))
	}
	for n := 8; n > 0; n /= 2 {
		for i := range n {
			s[i] += s[i+n]
		}
	}
	return s[0]
}

func adamWGo(w, g, m, v []float32, c *[9]float32) {
	for i := range w {
		x := float32(g[i] * c[0])
		mi := float32(m[i]*c[2]) + float32(x*c[4])
		vi := float32(v[i]*c[3]) + float32(float32(x*x)*c[5])
		m[i], v[i] = mi, vi
		d := float32(float32(math.Sqrt(float64(vi)))*c[7]) + c[8]
		w[i] = float32(w[i]*c[1]) - float32(mi*c[6])/d
	}
}

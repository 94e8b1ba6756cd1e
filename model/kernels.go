package model

import (
	"math"
)

// The element-wise functions of the network, on single rows. Each works in
// float32 with a fixed order of operations.

func fill(dst []float32, x float32) {
	for i := range dst {
		dst[i] = x
	}
}

// add adds src to dst, which is at least as long.
func add(dst, src []float32) {
	dst = dst[:len(src)]
	for i, x := range src {
		dst[i] += x
	}
}

// exp32 is eˣ with a relative error below 2e-7. Results below the smallest
// normal number are 0. Method and coefficients: Cephes, expf.c (S. Moshier).
func exp32(x float32) float32 {
	const (
		log2e = 1.44269504088896341
		ln2Hi = 0.693359375
		ln2Lo = -2.12194440e-4
		// Adding 1.5·2²³ leaves the nearest integer in the low bits.
		magic     = 12582912
		magicBits = 0x4b400000
	)
	if x < -87.33654 {
		return 0
	}
	if !(x <= 88.02969) { // too large for the scaling below, or NaN
		return float32(math.Exp(float64(x)))
	}
	t := float32(x*log2e) + magic
	k := int32(math.Float32bits(t)) - magicBits
	n := t - magic
	r := x - float32(n*ln2Hi)
	r -= float32(n * ln2Lo)
	y := float32(1.9875691500e-4)
	y = float32(y*r) + 1.3981999507e-3
	y = float32(y*r) + 8.3334519073e-3
	y = float32(y*r) + 4.1665795894e-2
	y = float32(y*r) + 1.6666665459e-1
	y = float32(y*r) + 5.0000001201e-1
	y = float32(y*(r*r)) + r + 1
	return y * math.Float32frombits(uint32(k+127)<<23)
}

// gaussian returns the distribution function and the density of N(0, 1).
// Absolute error of the distribution function: 1.3e-7. The complementary error
// function is Abramowitz and Stegun 7.1.26, whose e^(−z²) is the density's.
func gaussian(x float32) (cdf, pdf float32) {
	e := exp32(-0.5 * x * x)
	z := x
	if z < 0 {
		z = -z
	}
	t := 1 / (1 + 0.3275911*0.70710678118654752*z)
	tail := float32(1.061405429)
	tail = float32(tail*t) - 1.453152027
	tail = float32(tail*t) + 1.421413741
	tail = float32(tail*t) - 0.284496736
	tail = float32(tail*t) + 0.254829592
	tail *= 0.5 * t * e
	cdf = tail
	if x >= 0 {
		cdf = 1 - tail
	}
	return cdf, e * 0.39894228040143268
}

// geluForward sets dst to x·Φ(x) of src.
func geluForward(dst, src []float32) {
	dst = dst[:len(src)]
	for i, x := range src {
		cdf, _ := gaussian(x)
		dst[i] = x * cdf
	}
}

// geluBackward sets dst to GELU of src, and src to the derivative there,
// Φ(x) + x·φ(x): the two cost little more than one.
func geluBackward(dst, src []float32) {
	dst = dst[:len(src)]
	for i, x := range src {
		cdf, pdf := gaussian(x)
		dst[i] = x * cdf
		src[i] = cdf + x*pdf
	}
}

const (
	geluTanhScale = 0.79788456080286536 // √(2/π)
	geluTanhCubic = 0.044715
)

// geluTanhForward sets dst to x·(1+tanh u)/2 of src, with
// u = √(2/π)·(x + 0.044715·x³). (1+tanh u)/2 is 1/(1+e^(−2u)).
func geluTanhForward(dst, src []float32) {
	dst = dst[:len(src)]
	for i, x := range src {
		u := geluTanhScale * (x + geluTanhCubic*x*x*x)
		s := 1 / (1 + exp32(-2*u))
		dst[i] = x * s
	}
}

// geluTanhBackward sets dst to the tanh form of GELU of src, and src to the
// derivative there.
func geluTanhBackward(dst, src []float32) {
	dst = dst[:len(src)]
	for i, x := range src {
		u := geluTanhScale * (x + geluTanhCubic*x*x*x)
		s := 1 / (1 + exp32(-2*u))
		dst[i] = x * s
		// d/dx s = s·(1−s)·2·u'
		src[i] = s + x*(s*(1-s))*(2*geluTanhScale)*(1+3*geluTanhCubic*x*x)
	}
}

// sum adds the elements in four interleaved strands.
func sum(x []float32) float32 {
	var a, b, c, d float32
	for ; len(x) >= 4; x = x[4:] {
		a += x[0]
		b += x[1]
		c += x[2]
		d += x[3]
	}
	for _, v := range x {
		a += v
	}
	return (a + b) + (c + d)
}

// dot is the inner product in four interleaved strands; y is at least as long
// as x.
func dot(x, y []float32) float32 {
	var a, b, c, d float32
	y = y[:len(x)]
	for len(x) >= 4 && len(y) >= 4 {
		a += x[0] * y[0]
		b += x[1] * y[1]
		c += x[2] * y[2]
		d += x[3] * y[3]
		x, y = x[4:], y[4:]
	}
	for i, v := range x {
		a += v * y[i]
	}
	return (a + b) + (c + d)
}

// maximum returns the largest element of x, which is not empty.
func maximum(x []float32) float32 {
	m := x[0]
	for _, v := range x[1:] {
		if v > m {
			m = v
		}
	}
	return m
}

// layerNormRow sets dst to (src−mean)·rstd·w + b and returns mean and
// rstd = 1/√(variance+1e-5), the variance being the biased one (LayerNorm,
// Ba et al. 2016). b may be nil.
func layerNormRow(dst, src, w, b []float32) (mean, rstd float32) {
	n := float32(len(src))
	mean = sum(src) / n
	dst = dst[:len(src)]
	for i, x := range src {
		dst[i] = x - mean
	}
	variance := dot(dst, dst) / n
	rstd = float32(1 / math.Sqrt(float64(variance)+layerNormEpsilon))
	scaleRow(dst, rstd, w, b)
	return mean, rstd
}

// renormRow recomputes the result of layerNormRow from its mean and rstd, to
// the same bits.
func renormRow(dst, src, w, b []float32, mean, rstd float32) {
	dst = dst[:len(src)]
	for i, x := range src {
		dst[i] = x - mean
	}
	scaleRow(dst, rstd, w, b)
}

func scaleRow(dst []float32, rstd float32, w, b []float32) {
	w = w[:len(dst)]
	if b == nil {
		for i, x := range dst {
			dst[i] = x * rstd * w[i]
		}
		return
	}
	b = b[:len(dst)]
	for i, x := range dst {
		dst[i] = float32(x*rstd*w[i]) + b[i]
	}
}

// layerNormBackwardRow adds the gradient of the input to dx and that of weight
// and bias to dw and db (nil without bias), from the gradient dy of the
// output and the input src. scratch has the row's length.
func layerNormBackwardRow(dx, dw, db, dy, src, w, scratch []float32, mean, rstd float32) {
	n := len(src)
	dx, dw, dy, w, scratch = dx[:n], dw[:n], dy[:n], w[:n], scratch[:n]
	// With x̂ = (x−mean)·rstd and g = dy·w:
	// dx = rstd·(g − mean(g) − x̂·mean(g·x̂)).
	for i, x := range src {
		norm := (x - mean) * rstd
		scratch[i] = norm
		dw[i] += dy[i] * norm
	}
	if db != nil {
		add(db, dy)
	}
	var g0, g1, h0, h1 float32
	i := 0
	for ; i+1 < n; i += 2 {
		a, b := dy[i]*w[i], dy[i+1]*w[i+1]
		g0 += a
		g1 += b
		h0 += a * scratch[i]
		h1 += b * scratch[i+1]
	}
	if i < n {
		a := dy[i] * w[i]
		g0 += a
		h0 += a * scratch[i]
	}
	meanG, meanH := (g0+g1)/float32(n), (h0+h1)/float32(n)
	for i, norm := range scratch {
		dx[i] += rstd * (dy[i]*w[i] - meanG - norm*meanH)
	}
}

// softmaxRow replaces x by its softmax and returns log Σ eˣ.
func softmaxRow(x []float32) (logSum float32) {
	m := maximum(x)
	var a, b float32
	i := 0
	for ; i+1 < len(x); i += 2 {
		e, f := exp32(x[i]-m), exp32(x[i+1]-m)
		x[i], x[i+1] = e, f
		a += e
		b += f
	}
	if i < len(x) {
		e := exp32(x[i] - m)
		x[i] = e
		a += e
	}
	total := a + b
	inv := 1 / total
	for i := range x {
		x[i] *= inv
	}
	return m + float32(math.Log(float64(total)))
}

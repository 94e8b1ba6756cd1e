package attention

import "math"

// plain are the kernels in Go: what runs where there is no assembly, and what
// the assembly is tested against. They do the same work in another order of
// sums.
var plain = kernels{
	rows:        4,
	product:     productPlain,
	copyRows:    copyRowsPlain,
	transpose:   transposePlain,
	softmax:     softmaxPlain,
	finish:      finishPlain,
	gradient:    gradientPlain,
	rowDots:     rowDotsPlain,
	weightedSum: weightedSumPlain,
}

// productPlain sets, or with add increases, c[i][16p+x] by Σₗ A[i][l]·B[l][p][x],
// with A[i][l] at i·aRow + l·aStep, B[l][p][x] at l·bStep + p·bPanel + x and
// rows of c cRow apart. There are 1 to the kernels' rows of A, and depth is at
// least 1.
func productPlain(rows, panels, depth int, a []float32, aRow, aStep int, b []float32, bStep, bPanel int, c []float32, cRow int, add bool) {
	for i := range rows {
		for p := range panels {
			for x := 0; x < Panel; x += 8 {
				row := (*[8]float32)(c[i*cRow+p*Panel+x:])
				if !add {
					*row = [8]float32{}
				}
				c0, c1, c2, c3, c4, c5, c6, c7 := row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7]
				for l := range depth {
					f := a[i*aRow+l*aStep]
					v := (*[8]float32)(b[l*bStep+p*bPanel+x:])
					c0 += f * v[0]
					c1 += f * v[1]
					c2 += f * v[2]
					c3 += f * v[3]
					c4 += f * v[4]
					c5 += f * v[5]
					c6 += f * v[6]
					c7 += f * v[7]
				}
				*row = [8]float32{c0, c1, c2, c3, c4, c5, c6, c7}
			}
		}
	}
}

// copyRowsPlain sets dst[i][0:cols] to src[i][0:cols]·factor[i·factorStep] and
// dst[i][cols:width] to 0. width is cols or Padded(cols); dst may be src.
func copyRowsPlain(rows, cols, width int, src []float32, srcRow int, dst []float32, dstRow int, factor []float32, factorStep int) {
	for i := range rows {
		f := factor[i*factorStep]
		to := dst[i*dstRow : i*dstRow+width]
		for j, x := range src[i*srcRow : i*srcRow+cols] {
			to[j] = x * f
		}
		clear(to[cols:])
	}
}

// transposePlain sets dst[16j+i] to src[i·srcRow+j] for 16 rows i and cols
// columns, a multiple of four.
func transposePlain(cols int, src []float32, srcRow int, dst []float32) {
	for i := range Panel {
		for j, x := range src[i*srcRow : i*srcRow+cols] {
			dst[j*Panel+i] = x
		}
	}
}

// visible is how many of limit columns row i sees where row 0 sees first.
func visible(i, limit, first int) int { return max(0, min(limit, first+i)) }

// softmaxPlain is one tile of the online softmax: row i of s sees its first
// seen+i columns, of limit; these become 2^(s−max), the others, up to whole
// panels, 0. max, sum and factor of st are brought up to date.
func softmaxPlain(rows, limit, seen int, s []float32, row int, st *stats) {
	for i := range rows {
		r := s[i*row : i*row+Padded(limit)]
		n := visible(i, limit, seen)
		top := st.max[i]
		for _, x := range r[:n] {
			if x > top {
				top = x
			}
		}
		var sum float32
		for j, x := range r[:n] {
			e := exp2(x - top)
			r[j] = e
			sum += e
		}
		clear(r[n:])
		st.factor[i] = exp2(st.max[i] - top)
		st.sum[i] = st.sum[i]*st.factor[i] + sum
		st.max[i] = top
	}
}

// finishPlain sets, for the first rows at least, max to max + log₂ sum and factor
// to 1/sum, after the last tile.
func finishPlain(rows int, st *stats) {
	for i, sum := range st.sum[:rows] {
		st.max[i] += float32(math.Log2(float64(sum)))
		st.factor[i] = 1 / sum
	}
}

// gradientPlain sets, where row i sees its first seen+i of limit columns, p to
// P = 2^(p−lse[i]) and dp to P·(dp−delta[i]), and both to 0 in the others up to
// whole panels.
func gradientPlain(rows, limit, seen int, p, dp []float32, row int, lse, delta []float32) {
	for i := range rows {
		ps, ds := p[i*row:i*row+Padded(limit)], dp[i*row:i*row+Padded(limit)]
		n := visible(i, limit, seen)
		for j, x := range ps[:n] {
			e := exp2(x - lse[i])
			ps[j] = e
			ds[j] = e * (ds[j] - delta[i])
		}
		clear(ps[n:])
		clear(ds[n:])
	}
}

// rowDotsPlain sets dst[i] to the inner product of row i of x and of y.
func rowDotsPlain(rows, cols int, x []float32, xRow int, y []float32, yRow int, dst []float32) {
	for i := range rows {
		var sum float32
		other := y[i*yRow : i*yRow+cols]
		for j, v := range x[i*xRow : i*xRow+cols] {
			sum += v * other[j]
		}
		dst[i] = sum
	}
}

// weightedSumPlain sets dst[0:16·panels] to the sum of n rows times their weights.
func weightedSumPlain(n, panels int, weights, rows []float32, row int, dst []float32) {
	productPlain(1, panels, n, weights, n, 1, rows, row, Panel, dst, Panel*panels, false)
}

// exp2 is 2ˣ for x up to 127; below −125.5 it is 0. Relative error below 2e-7.
// Coefficients: Cephes, exp2f.c (S. Moshier).
func exp2(x float32) float32 {
	if x < -125.5 {
		return 0
	}
	const magic = 12582912 // 1.5·2²³ leaves the nearest integer in the low bits
	t := x + magic
	r := x - (t - magic)
	power := math.Float32frombits(math.Float32bits(t)<<23 + 0x3f800000)
	y := float32(1.535336188319500e-4)
	y = float32(y*r) + 1.339887440266574e-3
	y = float32(y*r) + 9.618437357674640e-3
	y = float32(y*r) + 5.550332471162809e-2
	y = float32(y*r) + 2.402264791363012e-1
	y = float32(y*r) + 6.931472028550421e-1
	return float32(float32(y*r)*power) + power
}

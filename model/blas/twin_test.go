package blas

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
)

// The plain Go twins of the kernels: the same operations in the same order, so
// that results are compared bit for bit.

// fma returns x*y + z rounded once. The float64 product is exact; the sum is rounded
// to odd, so that rounding it again to float32 does no harm (Boldo and Melquiond,
// Emulation of a FMA and Correctly Rounded Sums: Proved Algorithms Using Rounding
// to Odd, IEEE TC 57(4), 2008).
func fma(x, y, z float32) float32 {
	p, c := float64(x)*float64(y), float64(z)
	s := p + c
	t := s - p
	if e := (p - (s - t)) + (c - t); e != 0 && math.Float64bits(s)&1 == 0 {
		if (e > 0) == (s > 0) {
			s = math.Float64frombits(math.Float64bits(s) + 1)
		} else {
			s = math.Float64frombits(math.Float64bits(s) - 1)
		}
	}
	return float32(s)
}

// roundBF16 rounds to the nearest bf16, ties to even.
func roundBF16(x float32) float32 {
	b := math.Float32bits(x)
	return math.Float32frombits((b + 0x7fff + b>>16&1) &^ 0xffff)
}

// combineTwin is alpha*sum + beta*c as the kernels finish a tile.
func combineTwin(alpha, sum, beta, c float32) float32 {
	x := alpha * sum
	if beta == 0 {
		return x
	}
	return fma(beta, c, x)
}

// gemmTwin computes C as the tile kernels do: a chain of multiply-adds for every
// block of k. In bf16 the factors are rounded first, and of every pair of adjacent
// k the second comes first.
func (p problem) gemmTwin(depth int, bf16 bool) []float32 {
	c := append([]float32(nil), p.c...)
	for i := range p.m {
		for j := range p.n {
			beta := p.beta
			for l0 := 0; l0 < p.k; l0 += depth {
				sum := float32(0)
				add := func(l int) {
					x, y := at(p.a, p.lda, p.tA, i, l), at(p.b, p.ldb, p.tB, l, j)
					if bf16 {
						x, y = roundBF16(x), roundBF16(y)
					}
					sum = fma(x, y, sum)
				}
				for l := l0; l < min(l0+depth, p.k); l++ {
					if bf16 && l^1 < p.k {
						add(l ^ 1)
					} else {
						add(l)
					}
				}
				c[i*p.ldc+j] = combineTwin(p.alpha, sum, beta, c[i*p.ldc+j])
				beta = 1
			}
		}
	}
	return c
}

// dotTwin computes C as the dot kernels do: lanes stride over k, then fold onto
// eight, pairs, fours, and the two halves.
func (p problem) dotTwin(lanes int) []float32 {
	c := append([]float32(nil), p.c...)
	for i := range p.m {
		for j := range p.n {
			s := make([]float32, lanes)
			for l := range p.k {
				s[l%lanes] = fma(at(p.a, p.lda, p.tA, i, l), at(p.b, p.ldb, p.tB, l, j), s[l%lanes])
			}
			if lanes == 16 {
				for l := range 8 {
					s[l] += s[l+8]
				}
			}
			sum := ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]))
			c[i*p.ldc+j] = combineTwin(p.alpha, sum, p.beta, c[i*p.ldc+j])
		}
	}
	return c
}

// tileTwin computes C as TDPBF16PS does: for every 32 values of k a chain of
// multiply-adds over the even and one over the odd places, their sum added to the
// element. Subnormal numbers count as zero throughout. With alpha = 1 and beta = 0 or 1
// the element is C itself; else there is one for every depth values of k.
func (p problem) tileTwin(depth int) []float32 {
	flush := func(x float32) float32 {
		if math.Abs(float64(x)) < 0x1p-126 {
			return float32(math.Copysign(0, float64(x)))
		}
		return x
	}
	c := append([]float32(nil), p.c...)
	scaled := p.alpha != 1 || p.beta != 0 && p.beta != 1
	for i := range p.m {
		for j := range p.n {
			element := &c[i*p.ldc+j]
			beta := p.beta
			for l0 := 0; l0 < p.k; l0 += depth {
				sum := float32(0)
				if !scaled && beta != 0 {
					sum = flush(*element)
				}
				for l := l0; l < min(l0+depth, p.k); l += 32 {
					var part [2]float32
					for s := l; s < min(l+32, p.k); s++ {
						x, y := roundBF16(flush(at(p.a, p.lda, p.tA, i, s))), roundBF16(flush(at(p.b, p.ldb, p.tB, s, j)))
						part[s%2] = flush(fma(x, y, part[s%2]))
					}
					sum = flush(sum + flush(part[0]+part[1]))
				}
				if scaled {
					sum = combineTwin(p.alpha, sum, beta, *element)
				}
				*element = sum
				beta = 1
			}
		}
	}
	return c
}

// tileDepth is the values of k in a pass on tiles.
func (p problem) tileDepth(u tuning) int {
	if p.tA != blas.NoTrans && p.lda != 1 {
		return evenly(p.k, u.tileDepthTrans, tileSide)
	}
	if p.k >= 2*u.tileDepthWide && p.n*min(p.k, u.tileDepth) > 2*u.tilePassWords {
		return evenly(p.k, u.tileDepthWide, tileSide)
	}
	return evenly(p.k, u.tileDepth, tileSide)
}

// TestTwins compares every path with its twin, so that neither tile nor packing nor
// passes nor threads show in a single bit.
func TestTwins(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	all := paths(t, 2)
	problems := 60
	if testing.Short() {
		problems = 10
	}
	for range problems {
		p := newProblem(rng, transposes[rng.IntN(2)], transposes[rng.IntN(2)], 1+rng.IntN(60), 1+rng.IntN(140), 1+rng.IntN(600),
			scalars[1+rng.IntN(3)], scalars[rng.IntN(4)], true)
		type twin struct {
			bf16, tiles  bool
			depth, lanes int
		}
		twins := map[twin][]float32{}
		for _, path := range all {
			e := path.impl.e
			if e.f32 == nil {
				continue
			}
			u := e.tuning
			key := twin{depth: u.blockSteps}
			switch {
			case p.inBF16(path.impl) && e.tiles != nil:
				key = twin{depth: p.tileDepth(u), tiles: true}
			case p.inBF16(path.impl):
				key = twin{depth: 2 * u.blockSteps, bf16: true}
			case p.tA == blas.NoTrans && p.tB != blas.NoTrans && p.m <= min(u.maxRowsDot, p.k/u.depthPerRowDot):
				key = twin{lanes: e.f32.lanes}
			}
			want, ok := twins[key]
			if !ok {
				switch {
				case key.lanes > 0:
					want = p.dotTwin(key.lanes)
				case key.tiles:
					want = p.tileTwin(key.depth)
				default:
					want = p.gemmTwin(key.depth, key.bf16)
				}
				twins[key] = want
			}
			sameBits(t, path.name+": "+p.String(), p.run(path.impl), want)
		}
	}
}

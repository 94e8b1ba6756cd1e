package joint

// Games on one opening are not independent.

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// maxRobust is up to how many players in a core the covariance knows of pairs: it takes
// two products of matrices of that size.
const maxRobust = 2000

// maxCorrelation keeps the covariance positive where all pairs end alike.
const maxCorrelation = 0.95

// pairing is what the games of one opening have in common beyond the model: an opening
// that favors a color moves both results of a pair in the same direction, and one that is
// decided early makes both less often a draw.
type pairing struct {
	// score and draw are the correlations of two games of a pair: of the residuals of
	// White's points, and of those of the draw parameter's score.
	score, draw float64
	// shared is the sum over the games i and j of one opening of sqrt(I_i I_j) a_i a_j', I
	// being the information of a game and a its direction in the parameters; sharedNu that
	// of the draw parameter, each without i = j.
	shared   *mat.SymDense
	sharedNu float64
}

// residual is what a game says beside the fit, each part divided by its standard
// deviation under the model, and the roots of the information.
type residual struct {
	score, draw      float64
	rootInfo, rootNu float64
	white, black     int // rows of the covariance; -1 for a fixed anchor
}

// pairs estimates the correlations by the fit's residuals; nil where there are too few
// openings with two games. Two numbers are estimated, and not the products of all residuals as in a
// sandwich covariance, because few pairs tell no more: with 12 of them a sandwich is far
// too narrow.
func (c *core) pairs(games []Game, model Model) *pairing {
	if len(c.ids) > maxRobust {
		return nil
	}
	type group struct{ members []residual }
	index := map[int]int{}
	var groups []group
	nu := c.nu(c.at)
	for _, g := range games {
		w, okW := c.index[g.White]
		b, okB := c.index[g.Black]
		if g.Pair == 0 || !okW || !okB {
			continue
		}
		k, ok := index[g.Pair]
		if !ok {
			k = len(groups)
			index[g.Pair] = k
			groups = append(groups, group{})
		}
		var e edge
		e.add(g.Outcome, 1, model)
		groups[k].members = append(groups[k].members, c.residual(e, w, b, nu))
	}
	p := &pairing{shared: mat.NewSymDense(max(1, c.size()), nil)}
	var sums, differences, draw, n float64
	largest := 2
	for _, g := range groups {
		largest = max(largest, len(g.members))
		for i, a := range g.members {
			for _, b := range g.members[:i] {
				sums += (a.score + b.score) * (a.score + b.score)
				differences += (a.score - b.score) * (a.score - b.score)
				draw += a.draw * b.draw
				n++
				p.sharedNu += 2 * a.rootNu * b.rootNu
				c.share(p.shared, a, b)
			}
		}
	}
	// Ratings were fitted to the differences of a pair's residuals and the advantage to
	// their sums, which are smaller for it.
	ratings, advantage := float64(c.free), 0.0
	if c.gauge {
		ratings--
	}
	if c.fitH {
		advantage = 1
	}
	if n <= ratings+1 {
		return nil // nothing is left to estimate from
	}
	least := -maxCorrelation / float64(largest-1)
	estimate := func(x float64) float64 {
		// Shrunk by what chance alone would give: a correlation that is not there must
		// not make intervals narrow now and then.
		x *= max(0, 1-1/(n*x*x))
		return min(max(x, least), maxCorrelation)
	}
	p.score = estimate((sums/(n-advantage) - differences/(n-ratings)) / 4)
	p.draw = estimate(draw / n)
	if math.IsNaN(p.score) || math.IsNaN(p.draw) {
		return nil
	}
	return p
}

func (c *core) residual(e edge, w, b int, nu float64) residual {
	m, q, d, v := moments(c.at.r[w]-c.at.r[b]+c.at.h, nu)
	surplus := e.win*q - e.loss*m + e.draw*(q-m)/2
	r := residual{score: surplus / math.Sqrt(v), rootInfo: m * q / math.Sqrt(v) / pointsPerNat, white: c.variable[w], black: c.variable[b]}
	if c.draws {
		cov := d * (q - m) / 2
		if info := d*(1-d) - cov*cov/v; info > 0 {
			r.rootNu = math.Sqrt(info)
			r.draw = (e.draw - d - surplus*cov/v) / r.rootNu
		}
	}
	return r
}

// share adds sqrt(I_a I_b) (a b' + b a').
func (c *core) share(into *mat.SymDense, a, b residual) {
	x := a.rootInfo * b.rootInfo
	h := -1
	if c.fitH {
		h = c.hIndex()
	}
	directions := func(r residual) [3]struct {
		at   int
		sign float64
	} {
		return [3]struct {
			at   int
			sign float64
		}{{r.white, 1}, {r.black, -1}, {h, 1}}
	}
	for _, i := range directions(a) {
		for _, j := range directions(b) {
			if i.at < 0 || j.at < 0 {
				continue
			}
			value := x * i.sign * j.sign
			if i.at == j.at {
				value *= 2
			}
			into.SetSym(i.at, j.at, into.At(i.at, j.at)+value)
		}
	}
}

// robust is the covariance where games of one opening correlate: S (A + rho K) S, S being
// the inverse of the information A and K what openings share.
func (p *pairing) robust(s *mat.SymDense) *mat.SymDense {
	n := s.SymmetricDim()
	var half, full mat.Dense
	half.Mul(s, p.shared)
	full.Mul(&half, s)
	out := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			out.SetSym(i, j, s.At(i, j)+p.score*(full.At(i, j)+full.At(j, i))/2)
		}
	}
	return out
}

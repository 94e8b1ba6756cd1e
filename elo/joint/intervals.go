package joint

// Profile likelihood and the bootstrap.

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	"transcend/elo"
)

// profileAll replaces the normal intervals of a core by profile likelihood.
func (f *Fit) profileAll(p *Pool, ids []int) {
	parallel(len(ids), func(i int) {
		v := p.core.variable[i]
		if v < 0 {
			return
		}
		contrast := make([]float64, p.core.size())
		contrast[v] = 1
		if iv, ok := p.profile(contrast, f.Ratings[ids[i]].Rating, f.z); ok {
			r := &f.Ratings[ids[i]]
			r.Interval, r.Profile = iv, true
		}
	})
}

// profile is the interval of the contrast a'x, x being the free ratings and the
// advantage, for which twice the fall of the likelihood maximized over all else
// is at most z^2. value is a'x at the maximum. It may fail to converge (ok is false)
// where the likelihood is very far from normal.
func (p *Pool) profile(a []float64, value, z float64) (_ elo.Interval, ok bool) {
	n := len(a)
	q := profiler{pool: p, contrast: a, direction: make([]float64, n), gradient: make([]float64, n), step: make([]float64, n)}
	covarianceTimes(p.inverse, a, q.direction)
	variance := dot(a, q.direction)
	if !(variance > 0) {
		return elo.Interval{}, false
	}
	if p.cov != p.inverse {
		known := make([]float64, n)
		covarianceTimes(p.cov, a, known)
		z *= math.Sqrt(max(0, dot(a, known)) / variance)
	}
	for i := range q.direction {
		q.direction[i] /= variance
	}
	q.maximum, q.z, q.error = p.core.logLikelihood(p.core.at), z, math.Sqrt(variance)
	low, ok := q.side(-1)
	if !ok {
		return elo.Interval{}, false
	}
	high, ok := q.side(1)
	if !ok {
		return elo.Interval{}, false
	}
	return elo.Interval{Low: value - low, High: value + high}, true
}

// profiler looks for the ends of the profile interval of a contrast a'x.
//
// The maximum under a'x = t moves along S a / (a'S a), S being the covariance, and is
// then corrected by steps S g whose part along a is taken out: Newton's method with
// one factor.
type profiler struct {
	pool      *Pool
	contrast  []float64 // a
	direction []float64 // S a / (a'S a)
	maximum   float64   // of the log likelihood
	z         float64   // the root of twice its fall at the ends
	error     float64   // the standard error of a'x

	gradient, step []float64
}

// constrained maximizes from a point that has the right a'x.
func (q *profiler) constrained(at point) (_ point, value float64, ok bool) {
	c := q.pool.core
	value = c.logLikelihood(at)
	for range 300 {
		byNu, nuInfo := c.derivatives(at, q.gradient, nil)
		covarianceTimes(q.pool.inverse, q.gradient, q.step)
		along := dot(q.contrast, q.step)
		for i := range q.step {
			q.step[i] -= along * q.direction[i]
		}
		stepNu := 0.0
		if c.draws && nuInfo > 0 {
			stepNu = min(max(byNu/nuInfo, -1), 1)
		}
		if promised := (dot(q.gradient, q.step) + stepNu*byNu) / 2; promised < 1e-8 {
			return at, value, true
		}
		next, nextValue, ok := c.line(at, value, q.step, stepNu)
		if !ok {
			return at, value, true
		}
		at, value = next, nextValue
	}
	return at, value, false
}

// side is how far the interval goes from the maximum in the direction of sign, 1 or -1. The signed
// root of the ratio is nearly linear in the distance: a bracketed secant.
func (q *profiler) side(sign float64) (distance float64, ok bool) {
	c := q.pool.core
	at, t := c.at, 0.0
	root := func(to float64) (float64, bool) {
		next, l, ok := q.constrained(c.moved(at, q.direction, 0, sign*(to-t)))
		if ok {
			at, t = next, to
		}
		return math.Sqrt(max(0, 2*(q.maximum-l))) - q.z, ok
	}
	lo, fLo := 0.0, -q.z
	hi := q.z * q.error
	fHi, ok := root(hi)
	for i := 0; ok && fHi < 0; i++ {
		if i == 20 {
			return 0, false
		}
		lo, fLo = hi, fHi
		hi *= 1.5
		fHi, ok = root(hi)
	}
	if !ok {
		return 0, false
	}
	for range 60 {
		if hi-lo < 1e-4 || fHi < 1e-6 {
			break
		}
		mid := lo + (hi-lo)*(-fLo)/(fHi-fLo)
		mid = min(max(mid, lo+0.01*(hi-lo)), hi-0.01*(hi-lo))
		fMid, ok := root(mid)
		if !ok {
			return 0, false
		}
		if math.Abs(fMid) < 1e-6 {
			return mid, true
		}
		if fMid < 0 {
			lo, fLo = mid, fMid
		} else {
			hi, fHi = mid, fMid
		}
	}
	return hi, true
}

// parallel calls f for 0 to n-1 on all cores and waits.
func parallel(n int, f func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				f(i)
			}
		})
	}
	wg.Wait()
}

// bootstrap fits resampled games. Pairs are drawn with replacement, as many as
// there are; each resampling has a generator of its own, so the result does not
// depend on the order of the work. A player who falls out of the core is
// infinite on its side in that resampling.
func (p *Pool) bootstrap(players []Player, games []Game, opt Options) {
	// Games outside the core are between players whose difference is infinite: they
	// are not resampled.
	inside := slices.DeleteFunc(slices.Clone(games), func(g Game) bool {
		_, w := p.core.index[g.White]
		_, b := p.core.index[g.Black]
		return !w || !b
	})
	unit, units := unitsOf(inside)
	// Percentiles are too narrow by the parameters that were fitted and by the
	// normal quantile: the expanded percentile interval (T. Hesterberg, The American
	// Statistician 69, 2015, section 3.2).
	degrees := max(1, float64(units-p.core.size()))
	quantile := distuv.StudentsT{Sigma: 1, Nu: degrees}.Quantile((1 + opt.Confidence) / 2)
	p.bootAlpha = distuv.UnitNormal.CDF(-quantile * math.Sqrt(float64(units)/degrees))
	empty, cell := aggregate(inside, p.core.index, opt.Model)
	for i := range empty {
		empty[i].win, empty[i].draw, empty[i].loss = 0, 0, 0
	}
	p.boot = make([][]float64, opt.Bootstrap)
	parallel(opt.Bootstrap, func(b int) {
		rng := rand.New(rand.NewPCG(opt.Seed, uint64(b)))
		drawn := make([]float64, units)
		for range units {
			drawn[rng.IntN(units)]++
		}
		edges := slices.Clone(empty)
		for i, g := range inside {
			if n := drawn[unit[i]]; n > 0 {
				edges[cell[i]].add(g.Outcome, n, opt.Model)
			}
		}
		p.boot[b] = p.refit(players, edges, opt)
	})
}

// unitsOf numbers the units of resampling: unit[i] is that of game i.
func unitsOf(games []Game) (unit []int, count int) {
	unit = make([]int, len(games))
	pairs := map[int]int{}
	for i, g := range games {
		if g.Pair != 0 {
			u, ok := pairs[g.Pair]
			if !ok {
				u = count
				pairs[g.Pair] = u
				count++
			}
			unit[i] = u
			continue
		}
		unit[i] = count
		count++
	}
	return unit, count
}

// refit returns the ratings of the core's players from other games among them.
func (p *Pool) refit(players []Player, edges []edge, opt Options) []float64 {
	ids := p.core.ids
	anchored := make([]bool, len(ids))
	for i, a := range p.core.anchor {
		anchored[i] = a != nil
	}
	found := strength(anchored, edges)
	var inner []int
	number, out := make([]int, len(ids)), make([]float64, len(ids))
	for i, id := range ids {
		switch found.sides[i] {
		case elo.Above:
			out[i] = math.Inf(1)
		case elo.Below:
			out[i] = math.Inf(-1)
		default:
			out[i] = math.NaN()
		}
		if number[i] = -1; found.inCore[i] {
			number[i] = len(inner)
			inner = append(inner, id)
		}
	}
	c := newCore(players, inner, opt)
	c.setEdges(among(edges, number))
	c.fitH = p.core.fitH && c.games > 0 && c.cannotTellAdvantage() == ""
	// The mean that is held is that of the same players in the estimate.
	c.center = 0
	for i, n := range number {
		if n >= 0 {
			c.at.r[n] = p.core.at.r[i]
			c.center += c.at.r[n] / float64(len(inner))
		}
	}
	same := len(inner) == len(ids) && c.fitH == p.core.fitH && c.size() > 30
	if same {
		c.at.h = p.core.at.h
	}
	if !(same && c.chord(p)) {
		if err := c.maximize(); err != nil {
			return slices.Repeat([]float64{math.NaN()}, len(ids))
		}
	}
	for i, n := range number {
		if n >= 0 {
			out[i] = c.at.r[n]
		}
	}
	return out
}

// chord maximizes with steps by the covariance of the original fit, which saves
// a factorization. It gives up, with c unchanged, when that converges slowly.
func (c *core) chord(p *Pool) bool {
	n := c.size()
	start, gradient, step := c.at.clone(), make([]float64, n), make([]float64, n)
	before := math.Inf(1)
	for range 60 {
		byNu, nuInfo := c.derivatives(c.at, gradient, nil)
		covarianceTimes(p.inverse, gradient, step)
		stepNu := 0.0
		if c.draws && nuInfo > 0 {
			stepNu = min(max(byNu/nuInfo, -1), 1)
		}
		promised := (dot(step, gradient) + stepNu*byNu) / 2
		// 0.00001 of the likelihood is a few thousandths of a standard error.
		if promised < 1e-5 {
			return true
		}
		if !(promised < 0.9*before) {
			break
		}
		before = promised
		c.at = c.moved(c.at, step, stepNu, 1)
	}
	c.at = start
	return false
}

func dot(x, y []float64) float64 {
	sum := 0.0
	for i := range x {
		sum += x[i] * y[i]
	}
	return sum
}

// covarianceTimes is into = s x.
func covarianceTimes(s *mat.SymDense, x, into []float64) {
	v := mat.NewVecDense(len(into), into)
	v.MulVec(s, mat.NewVecDense(len(x), x))
}

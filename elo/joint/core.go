package joint

// The likelihood of the core and its maximum.

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"transcend/elo"
)

// pointsPerNat converts the natural logistic scale to Elo points.
const pointsPerNat = 400 / math.Ln10

// edge is the games of one player with White against one with Black.
type edge struct {
	white, black    int // indices in the core
	win, draw, loss float64
}

// point is a place in the parameter space.
type point struct {
	r     []float64 // by index in the core, in points
	h     float64   // advantage of the first move, in points
	logNu float64   // log of the draw parameter
}

func (p point) clone() point {
	p.r = slices.Clone(p.r)
	return p
}

// core is the likelihood of the players whose ratings are finite.
type core struct {
	ids      []int
	index    map[int]int // of a player
	variable []int       // the player's row of the covariance; -1 for a fixed anchor
	free     int         // how many players are not fixed
	anchor   []*elo.Anchor
	gauge    bool // nothing fixes the zero: the mean is held at center
	center   float64
	fitH     bool

	edges      []edge
	games      int
	draws      bool // some game was drawn: nu is estimated
	halfGame   bool // nu would be infinite: half a decisive game between equals is added
	at         point
	iterations int
}

func newCore(players []Player, ids []int, opt Options) *core {
	c := &core{ids: ids, index: make(map[int]int, len(ids)), variable: make([]int, len(ids)), anchor: make([]*elo.Anchor, len(ids)),
		gauge: true, center: opt.Center, fitH: !opt.NoAdvantage}
	c.at.r = make([]float64, len(ids))
	mean, anchors := 0.0, 0
	for i, id := range ids {
		c.index[id] = i
		a := players[id].Anchor
		c.anchor[i] = a
		if a != nil {
			c.gauge = false
			mean += a.Rating
			anchors++
		}
		if a != nil && a.StandardError == 0 {
			c.variable[i] = -1
			continue
		}
		c.variable[i] = c.free
		c.free++
	}
	start := opt.Center
	if anchors > 0 {
		start = mean / float64(anchors)
	}
	for i := range ids {
		c.at.r[i] = start
		if c.anchor[i] != nil {
			c.at.r[i] = c.anchor[i].Rating
		}
	}
	return c
}

// aggregate counts the games between players that have an index, by the two
// players. cell is the edge of each game, -1 for the others. The order of the edges,
// and so of all sums, does not depend on that of the games.
func aggregate(games []Game, index map[int]int, model Model) (edges []edge, cell []int) {
	cells := map[[2]int]int{}
	for _, g := range games {
		w, okW := index[g.White]
		b, okB := index[g.Black]
		if _, ok := cells[[2]int{w, b}]; okW && okB && !ok {
			cells[[2]int{w, b}] = 0
			edges = append(edges, edge{white: w, black: b})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int {
		return cmp.Or(cmp.Compare(a.white, b.white), cmp.Compare(a.black, b.black))
	})
	for i, e := range edges {
		cells[[2]int{e.white, e.black}] = i
	}
	cell = make([]int, len(games))
	for n, g := range games {
		w, okW := index[g.White]
		b, okB := index[g.Black]
		cell[n] = -1
		if okW && okB {
			cell[n] = cells[[2]int{w, b}]
			edges[cell[n]].add(g.Outcome, 1, model)
		}
	}
	return edges, cell
}

// add counts games with one outcome. The model must be one of Models.
func (e *edge) add(o elo.Outcome, times float64, model Model) {
	switch o {
	case elo.Win:
		e.win += times
		return
	case elo.Loss:
		e.loss += times
		return
	}
	switch model {
	case Davidson:
		e.draw += times
	case Points:
		e.win += times / 2
		e.loss += times / 2
	default:
		panic(fmt.Sprintf("joint: the model %q does not say what a draw is", model))
	}
}

// among are the edges between nodes that have a new number (not -1), renumbered.
func among(edges []edge, number []int) []edge {
	var out []edge
	for _, e := range edges {
		e.white, e.black = number[e.white], number[e.black]
		if e.white >= 0 && e.black >= 0 && e.win+e.draw+e.loss > 0 {
			out = append(out, e)
		}
	}
	return out
}

// setEdges gives the core its games.
func (c *core) setEdges(edges []edge) {
	c.edges = edges
	decisive, drawn := 0.0, 0.0
	for _, e := range edges {
		decisive += e.win + e.loss
		drawn += e.draw
	}
	c.games = int(math.Round(decisive + drawn))
	c.draws, c.halfGame = drawn > 0, drawn > 0 && decisive == 0
	if c.draws {
		// The draw rate of all games is a good start for that between equals.
		d := (drawn + 0.25) / (decisive + drawn + 0.5)
		c.at.logNu = math.Log(2 * d / (1 - d))
	}
}

// hIndex is the row of the advantage in the covariance.
func (c *core) hIndex() int { return c.free }

func (c *core) size() int {
	if c.fitH {
		return c.free + 1
	}
	return c.free
}

// cannotTellAdvantage says why the advantage has no estimate, or nothing.
func (c *core) cannotTellAdvantage() string {
	white, black := 0.0, 0.0
	for _, e := range c.edges {
		white += e.win + e.draw/2
		black += e.loss + e.draw/2
	}
	if white == 0 || black == 0 {
		return "one color won every game"
	}
	// Is there a shift of the ratings that does what the advantage does? Then
	// r_black - r_white = 1 for all games, 0 for fixed players (and for those
	// with a prior, which alone would be left to tell the two apart).
	potential := make([]int, len(c.ids))
	known := make([]bool, len(c.ids))
	neighbors := make([][]edge, len(c.ids))
	for _, e := range c.edges {
		neighbors[e.white] = append(neighbors[e.white], e)
		neighbors[e.black] = append(neighbors[e.black], e)
	}
	var stack []int
	visit := func(i int) {
		known[i] = true
		stack = append(stack, i)
	}
	for i, a := range c.anchor {
		if a != nil {
			visit(i)
		}
	}
	for i := range c.ids {
		if !known[i] {
			visit(i)
		}
		for len(stack) > 0 {
			v := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			for _, e := range neighbors[v] {
				to, want := e.black, potential[v]+1
				if e.black == v {
					to, want = e.white, potential[v]-1
				}
				if !known[to] {
					potential[to] = want
					visit(to)
				} else if potential[to] != want {
					return ""
				}
			}
		}
	}
	return "the same players always had White"
}

// moments of one game at difference d points: mean m = 1-q of White's score, and
// by the draw parameter the probability of a draw and the variance.
func moments(d, nu float64) (m, q, pDraw, variance float64) {
	x := math.Exp(-math.Abs(d) / pointsPerNat)
	m, q = 1/(1+x), x/(1+x)
	if d < 0 {
		m, q = q, m
	}
	mq := m * q
	if nu > 0 {
		// The root in (0, 2 min(m, q)) of (1 - nu^2/4) x^2 + nu^2/2 x - nu^2 m q.
		pDraw = 2 * nu * mq / (nu/2 + math.Sqrt(nu*nu/4+(4-nu*nu)*mq))
	}
	return m, q, pDraw, mq - pDraw/4
}

// logs of the three probabilities; the smaller of win and loss by Davidson's
// relation, since the difference m - pDraw/2 cancels.
func logs(m, q, pDraw, nu float64) (win, draw, loss float64) {
	if nu == 0 {
		return math.Log(m), math.Inf(-1), math.Log(q)
	}
	draw = math.Log(pDraw)
	if m > q {
		win = math.Log(m - pDraw/2)
		return win, draw, 2*(draw-math.Log(nu)) - win
	}
	loss = math.Log(q - pDraw/2)
	return 2*(draw-math.Log(nu)) - loss, draw, loss
}

func (c *core) nu(p point) float64 {
	if !c.draws {
		return 0
	}
	return math.Exp(p.logNu)
}

// logLikelihood of the games with the priors of the anchors.
func (c *core) logLikelihood(p point) float64 {
	nu, sum := c.nu(p), 0.0
	for _, e := range c.edges {
		m, q, d, _ := moments(p.r[e.white]-p.r[e.black]+p.h, nu)
		w, x, l := logs(m, q, d, nu)
		if e.win > 0 {
			sum += e.win * w
		}
		if e.draw > 0 {
			sum += e.draw * x
		}
		if e.loss > 0 {
			sum += e.loss * l
		}
	}
	for i, a := range c.anchor {
		if a != nil && a.StandardError > 0 {
			t := (p.r[i] - a.Rating) / a.StandardError
			sum -= t * t / 2
		}
	}
	if c.halfGame {
		sum += 0.5 * math.Log(2/(2+nu))
	}
	return sum
}

// derivatives: the gradient by variable (ratings, then h), and if info is not
// nil the expected information; the derivative by log nu and its information,
// which is orthogonal to the others.
func (c *core) derivatives(p point, gradient []float64, info *mat.SymDense) (byNu, nuInfo float64) {
	clear(gradient)
	if info != nil {
		info.Zero()
	}
	nu := c.nu(p)
	add := func(i, j int, x float64) {
		if i >= 0 && j >= 0 {
			info.SetSym(i, j, info.At(i, j)+x)
		}
	}
	h := -1
	if c.fitH {
		h = c.hIndex()
	}
	for _, e := range c.edges {
		n := e.win + e.draw + e.loss
		m, q, d, v := moments(p.r[e.white]-p.r[e.black]+p.h, nu)
		surplus := e.win*q - e.loss*m + e.draw*(q-m)/2 // points - n m, without cancellation
		w, b := c.variable[e.white], c.variable[e.black]
		slope := m * q / v / pointsPerNat
		g := surplus * slope
		if w >= 0 {
			gradient[w] += g
		}
		if b >= 0 {
			gradient[b] -= g
		}
		if h >= 0 {
			gradient[h] += g
		}
		if c.draws {
			cov := d * (q - m) / 2
			byNu += e.draw - n*d - surplus*cov/v
			nuInfo += n * (d*(1-d) - cov*cov/v)
		}
		if info == nil {
			continue
		}
		x := n * m * q / pointsPerNat * slope
		add(w, w, x)
		add(b, b, x)
		add(w, b, -x)
		add(w, h, x)
		add(b, h, -x)
		add(h, h, x)
	}
	for i, a := range c.anchor {
		if v := c.variable[i]; a != nil && v >= 0 {
			precision := 1 / (a.StandardError * a.StandardError)
			gradient[v] -= (p.r[i] - a.Rating) * precision
			if info != nil {
				add(v, v, precision)
			}
		}
	}
	if c.halfGame {
		d := nu / (2 + nu)
		byNu -= 0.5 * d
		nuInfo += 0.5 * d * (1 - d)
	}
	return byNu, nuInfo
}

// addGauge makes the information regular where nothing fixes the zero, by
// weight times the projection on equal shifts; it returns the weight.
func (c *core) addGauge(info *mat.SymDense) float64 {
	if !c.gauge {
		return 0
	}
	weight := 0.0
	for i := range c.free {
		weight += info.At(i, i) / float64(c.free)
	}
	for i := range c.free {
		for j := i; j < c.free; j++ {
			info.SetSym(i, j, info.At(i, j)+weight/float64(c.free))
		}
	}
	return weight
}

var errNoMaximum = errors.New("the likelihood has no maximum that was found")

// Convergence: the improvement of the log-likelihood that another step promises,
// and the number of steps.
const (
	enough        = 1e-12
	maxIterations = 2000  // a dozen are usual; many where anchors and games contradict each other grossly
	maxStep       = 400.0 // points, for any one parameter
	maxAdvantage  = 4000.0
)

// maximize finds the maximum of the likelihood. Where nearly all games are drawn, nu
// may grow without end while the ratings explain every decisive game; then half a
// decisive game between equals is added, which keeps it finite.
func (c *core) maximize() error {
	if c.games == 0 {
		return nil // the start is where the anchors or the center say
	}
	start := c.at.clone()
	err := c.climb()
	if err != nil && c.draws && !c.halfGame {
		c.at, c.halfGame = start, true
		err = c.climb()
	}
	return err
}

// climb is Fisher scoring with halved steps: ratings and advantage by a Cholesky
// factor of the expected information, log nu apart.
func (c *core) climb() error {
	n := c.size()
	info, gradient := mat.NewSymDense(max(n, 1), nil), make([]float64, n)
	var chol mat.Cholesky
	step := make([]float64, n)
	value := c.logLikelihood(c.at)
	promisedBefore := math.Inf(1)
	fresh := false
	for c.iterations = 1; c.iterations <= maxIterations; c.iterations++ {
		// A factor is used again while it halves the promise at least; for 1,000
		// players it costs as much as a hundred other steps.
		renew := !fresh || c.iterations < 4 || n <= 100
		var byNu, nuInfo float64
		if renew {
			byNu, nuInfo = c.derivatives(c.at, gradient, info)
			if n > 0 {
				c.addGauge(info)
				if !chol.Factorize(info) {
					return errNoMaximum
				}
			}
			fresh = true
		} else {
			byNu, nuInfo = c.derivatives(c.at, gradient, nil)
		}
		stepNu := 0.0
		if c.draws && nuInfo > 0 {
			stepNu = min(max(byNu/nuInfo, -1), 1)
		}
		promised := stepNu * byNu / 2
		if n > 0 {
			if err := chol.SolveVecTo(mat.NewVecDense(n, step), mat.NewVecDense(n, gradient)); err != nil && !isCondition(err) {
				return errNoMaximum
			}
			largest := 0.0
			for i, s := range step {
				promised += s * gradient[i] / 2
				largest = max(largest, math.Abs(s))
			}
			if largest > maxStep {
				for i := range step {
					step[i] *= maxStep / largest
				}
			}
		}
		if promised < enough*max(1, float64(c.games)) {
			return nil
		}
		if promised > promisedBefore/4 {
			fresh = false
		}
		promisedBefore = promised
		next, nextValue, ok := c.line(c.at, value, step, stepNu)
		if !ok {
			// No improvement at the resolution of the arithmetic.
			if promised < 1e-6 {
				return nil
			}
			return errNoMaximum
		}
		c.at, value = next, nextValue
		// With half a game nu stays below this.
		if math.Abs(c.at.h) > maxAdvantage || !c.halfGame && c.at.logNu > math.Log(4*float64(c.games)+2) {
			return errNoMaximum
		}
	}
	return errNoMaximum
}

func isCondition(err error) bool {
	var condition mat.Condition
	return errors.As(err, &condition)
}

// line goes from p along the step, halved until the likelihood does not fall.
func (c *core) line(p point, value float64, step []float64, stepNu float64) (point, float64, bool) {
	for scale := 1.0; scale > 1e-9; scale /= 2 {
		next := c.moved(p, step, stepNu, scale)
		if v := c.logLikelihood(next); v >= value {
			return next, v, true
		}
	}
	return p, value, false
}

func (c *core) moved(p point, step []float64, stepNu, scale float64) point {
	next := p.clone()
	for i, v := range c.variable {
		if v >= 0 {
			next.r[i] += scale * step[v]
		}
	}
	if c.fitH {
		next.h += scale * step[c.hIndex()]
	}
	next.logNu += scale * stepNu
	if c.gauge {
		mean := 0.0
		for _, r := range next.r {
			mean += r / float64(len(next.r))
		}
		for i := range next.r {
			next.r[i] += c.center - mean
		}
	}
	return next
}

// covariance of ratings and advantage at the maximum: the inverse of the
// expected information, relative to the mean of the core where nothing fixes
// the zero.
func (c *core) covariance() (*mat.SymDense, error) {
	n := c.size()
	if n == 0 {
		return nil, nil
	}
	info := mat.NewSymDense(n, nil)
	if c.games == 0 && c.gauge {
		return info, nil // one player, who is the center
	}
	c.derivatives(c.at, make([]float64, n), info)
	weight := c.addGauge(info)
	var chol mat.Cholesky
	if !chol.Factorize(info) {
		return nil, errNoMaximum
	}
	inverse := mat.NewSymDense(n, nil)
	if err := chol.InverseTo(inverse); err != nil && !isCondition(err) {
		return nil, err
	}
	if weight > 0 {
		x := 1 / (weight * float64(c.free))
		for i := range c.free {
			for j := i; j < c.free; j++ {
				inverse.SetSym(i, j, inverse.At(i, j)-x)
			}
		}
	}
	return inverse, nil
}

// drawRate between equals, nu/(nu+2), with the interval of log nu mapped. Without a
// draw it is 0 and the interval ends where no draw at all has probability alpha. factor
// is by how much the standard error of log nu exceeds that of independent games.
func (c *core) drawRate(z, alpha, factor float64) Value {
	rate := func(logNu float64) float64 {
		nu := math.Exp(logNu)
		return nu / (nu + 2)
	}
	if !c.draws {
		lo, hi := -50.0, 50.0
		for range 60 {
			mid := (lo + hi) / 2
			noDraw := 0.0
			for _, e := range c.edges {
				_, _, d, _ := moments(c.at.r[e.white]-c.at.r[e.black]+c.at.h, math.Exp(mid))
				noDraw += (e.win + e.loss) * math.Log1p(-d)
			}
			if noDraw > math.Log(alpha) {
				lo = mid
			} else {
				hi = mid
			}
		}
		return Value{Interval: elo.Interval{High: rate(lo)}}
	}
	_, nuInfo := c.derivatives(c.at, make([]float64, c.size()), nil)
	se := factor / math.Sqrt(nuInfo)
	d := rate(c.at.logNu)
	return Value{d, d * (1 - d) * se, elo.Interval{Low: rate(c.at.logNu - z*se), High: rate(c.at.logNu + z*se)}}
}

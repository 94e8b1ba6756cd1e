// Package sweep compares several players, such as one model at several
// temperatures, that played the same openings against the same opponents: their
// ratings with the covariance that the common openings cause, paired differences,
// intervals that hold for all of them at once, and the verdict whether the best of
// them is above a cap.
//
// # Ratings and their covariance
//
// Each rating is elo.EstimateRating's. The games are grouped in blocks: what was
// played on one opening (both colors) against one opponent. Block b moves player i's
// rating by its influence
//
//	u_bi = (points_bi - expected_bi) / information_i,
//
// so that the covariance of ratings i and j is estimated by B/(B-1) sum_b u_bi u_bj
// (the sandwich with clusters: White, 1980; Liang and Zeger, 1986). It is right
// whatever the games within a block have to do with each other. Openings that are
// hard for everybody correlate the players, and the difference of two is known
// better than each of them. The errors of the opponents' ratings are common to all
// players too, and nearly cancel in a difference.
//
// # Several players looked at
//
// The highest of k ratings is too high on average, and the chance that one of k
// intervals misses is up to k times as large. Simultaneous intervals are used
// against that (max-t: Westfall and Young, 1993), not Holm's procedure: they hold
// for all players at once with the stated confidence, hence for the one picked after
// looking, and they say by how much it is above, where Holm only says which are.
// The quantile is that of the largest of k correlated Student variables, so players
// that are nearly copies of each other cost little, where Bonferroni or Holm would charge
// for each.
package sweep

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	"transcend/elo"
)

// Block is what was played on one opening against one opponent.
type Block struct {
	Opponent int // index into the opponents
	// Records by player; empty where a player has not played this block.
	Records []elo.Record
}

// Options of Rate. The zero value is usable.
type Options struct {
	Confidence float64 // 0 = 0.95
	// ScaleError is the standard error that all opponents share, in points.
	ScaleError float64
	Seed       uint64 // of the quantiles, which are simulated, and of random flips
	// Draws is the number of simulations that a quantile rests on; 0 = 20000, where
	// the one for 95% has a standard error of about 0.01.
	Draws int
}

// Sweep is the result for k players.
type Sweep struct {
	// Estimates are elo.EstimateRating's, which takes every game for independent.
	Estimates []elo.Estimate
	// Errors are the standard errors of the ratings from the blocks, without the
	// opponents' errors; 0 for a player with only a bound.
	Errors []float64
	// Blocks is how many each player has played.
	Blocks []int

	opt       Options
	opponents []elo.Anchor
	results   [][]elo.Result // by player
	sampling  *mat.SymDense  // covariance of the ratings from the blocks
	total     *mat.SymDense  // with the opponents' errors and the scale's
	weights   [][]float64    // d rating of a player / d rating of an opponent
	points    [][]float64    // by block and player, NaN where not played
	games     [][]int
	largest   []float64 // sorted simulated max |T|, of players with a rating
	finite    []int     // these players
}

// Rate rates k players from their blocks. Every player needs games; blocks that not all have
// played are used for those who have.
func Rate(opponents []elo.Anchor, k int, blocks []Block, opt Options) (*Sweep, error) {
	if opt.Confidence == 0 {
		opt.Confidence = 0.95
	}
	if opt.Draws == 0 {
		opt.Draws = 20000
	}
	if k < 1 || opt.Draws < 100 || opt.Draws > 1e8 {
		return nil, fmt.Errorf("sweep: %d players and %d draws: at least 1 and 100 are needed", k, opt.Draws)
	}
	s := &Sweep{Estimates: make([]elo.Estimate, k), Errors: make([]float64, k), Blocks: make([]int, k), opt: opt, opponents: opponents,
		results: make([][]elo.Result, k), weights: make([][]float64, k),
		sampling: mat.NewSymDense(k, nil), total: mat.NewSymDense(k, nil)}
	for i := range k {
		for _, a := range opponents {
			s.results[i] = append(s.results[i], elo.Result{Anchor: a})
		}
	}
	for n, b := range blocks {
		if b.Opponent < 0 || b.Opponent >= len(opponents) || len(b.Records) != k {
			return nil, fmt.Errorf("sweep: block %d: opponent %d of %d, %d records for %d players", n, b.Opponent, len(opponents), len(b.Records), k)
		}
		points, games := make([]float64, k), make([]int, k)
		for i, r := range b.Records {
			if r.Wins < 0 || r.Draws < 0 || r.Losses < 0 {
				return nil, fmt.Errorf("sweep: block %d: impossible record %+v", n, r)
			}
			points[i], games[i] = r.Points(), r.Games()
			if r.Games() > 0 {
				s.Blocks[i]++
			}
			to := &s.results[i][b.Opponent].Record
			*to = to.Plus(r)
		}
		s.points, s.games = append(s.points, points), append(s.games, games)
	}
	for i := range k {
		e, err := elo.EstimateRating(s.results[i], elo.Options{Confidence: opt.Confidence, ScaleError: opt.ScaleError})
		if err != nil {
			return nil, fmt.Errorf("sweep: player %d of %d: %w", i+1, k, err)
		}
		s.Estimates[i] = e
		if e.Side == elo.TwoSided {
			s.finite = append(s.finite, i)
		}
	}
	s.covariances(blocks)
	s.simulate()
	return s, nil
}

// covariances fills in the two matrices.
func (s *Sweep) covariances(blocks []Block) {
	k := len(s.Estimates)
	information := make([]float64, k)
	for i, e := range s.Estimates {
		s.weights[i] = make([]float64, len(s.opponents))
		for j, r := range s.results[i] {
			// For a bound the weights are those at the bound.
			at := e.Rating
			if e.Side == elo.Above {
				at = e.Sampling.Low
			} else if e.Side == elo.Below {
				at = e.Sampling.High
			}
			w := float64(r.Record.Games()) * elo.Expected(at, r.Anchor.Rating) * elo.Expected(r.Anchor.Rating, at)
			s.weights[i][j] = w
			information[i] += w
		}
		for j := range s.weights[i] {
			s.weights[i][j] /= information[i]
		}
	}
	u := make([]float64, k)
	for n, b := range blocks {
		clear(u)
		for _, i := range s.finite {
			expected := elo.Expected(s.Estimates[i].Rating, s.opponents[b.Opponent].Rating)
			u[i] = (s.points[n][i] - float64(s.games[n][i])*expected) / information[i] * 400 / math.Ln10
		}
		for _, i := range s.finite {
			for _, j := range s.finite {
				if j >= i {
					s.sampling.SetSym(i, j, s.sampling.At(i, j)+u[i]*u[j])
				}
			}
		}
	}
	correction := make([]float64, k)
	for _, i := range s.finite {
		if b := float64(s.Blocks[i]); b > 1 {
			correction[i] = math.Sqrt(b / (b - 1))
		}
		// Without variation between the blocks (one block, or all alike) the
		// likelihood's own error is all there is.
		if !(s.sampling.At(i, i)*correction[i] > 1e-12) {
			for j := range k {
				s.sampling.SetSym(i, j, 0)
			}
			correction[i] = 1
			s.sampling.SetSym(i, i, s.Estimates[i].SamplingError*s.Estimates[i].SamplingError)
		}
	}
	for _, i := range s.finite {
		for _, j := range s.finite {
			if j >= i {
				s.sampling.SetSym(i, j, s.sampling.At(i, j)*correction[i]*correction[j])
			}
		}
	}
	for i := range k {
		s.Errors[i] = math.Sqrt(s.sampling.At(i, i))
		for j := i; j < k; j++ {
			x := s.sampling.At(i, j) + s.opt.ScaleError*s.opt.ScaleError
			for a, o := range s.opponents {
				x += s.weights[i][a] * s.weights[j][a] * o.StandardError * o.StandardError
			}
			s.total.SetSym(i, j, x)
		}
	}
}

// degrees of freedom of Student's distribution for player i.
func (s *Sweep) degrees(i int) float64 { return math.Max(1, float64(s.Blocks[i]-1)) }

// student is the two-sided quantile for the confidence.
func student(confidence, degrees float64) float64 {
	return distuv.StudentsT{Sigma: 1, Nu: degrees}.Quantile((1 + confidence) / 2)
}

// simulate draws the largest absolute value of k correlated Student variables.
func (s *Sweep) simulate() {
	m := len(s.finite)
	if m == 0 {
		return
	}
	correlation := mat.NewSymDense(m, nil)
	degrees := math.Inf(1)
	for a, i := range s.finite {
		degrees = min(degrees, s.degrees(i))
		for b, j := range s.finite {
			if b >= a {
				correlation.SetSym(a, b, s.total.At(i, j)/math.Sqrt(s.total.At(i, i)*s.total.At(j, j)))
			}
		}
	}
	root := squareRoot(correlation)
	rng := rand.New(rand.NewPCG(s.opt.Seed, 1))
	chi := distuv.ChiSquared{K: degrees, Src: rng}
	s.largest = make([]float64, s.opt.Draws)
	z, x := make([]float64, m), make([]float64, m)
	for n := range s.largest {
		for i := range z {
			z[i] = rng.NormFloat64()
		}
		mat.NewVecDense(m, x).MulVec(root, mat.NewVecDense(m, z))
		scale := math.Sqrt(chi.Rand() / degrees)
		for _, v := range x {
			s.largest[n] = max(s.largest[n], math.Abs(v)/scale)
		}
	}
	slices.Sort(s.largest)
}

// squareRoot of a positive semidefinite matrix, by its eigenvectors: players that
// are copies of each other make it singular.
func squareRoot(a *mat.SymDense) *mat.Dense {
	m := a.SymmetricDim()
	var eigen mat.EigenSym
	root := mat.NewDense(m, m, nil)
	if !eigen.Factorize(a, true) {
		for i := range m {
			root.Set(i, i, 1)
		}
		return root
	}
	eigen.VectorsTo(root)
	for j, v := range eigen.Values(nil) {
		for i := range m {
			root.Set(i, j, root.At(i, j)*math.Sqrt(max(v, 0)))
		}
	}
	return root
}

// reach is how far the interval of player i goes to one side (sign -1 or 1) at t
// standard errors: the likelihood gives the shape, the blocks the size, and the
// opponents' errors are added as variances.
func (s *Sweep) reach(i int, sign, t float64) float64 {
	// Beyond 5 standard errors the interval is continued in proportion, where
	// the confidence would not differ from 1.
	inner := min(t, 5)
	e, err := elo.EstimateRating(s.results[i], elo.Options{Confidence: max(0.5+1e-9, 2*distuv.UnitNormal.CDF(inner)-1)})
	if err != nil || t <= 0 {
		return 0
	}
	side := e.Sampling.High - e.Rating
	if sign < 0 {
		side = e.Rating - e.Sampling.Low
	}
	side *= t / distuv.UnitNormal.Quantile((1+e.Confidence)/2) * s.Errors[i] / e.SamplingError
	return math.Hypot(side, t*math.Sqrt(s.total.At(i, i)-s.sampling.At(i, i)))
}

func (s *Sweep) interval(i int, t float64) elo.Interval {
	r := s.Estimates[i].Rating
	return elo.Interval{Low: r - s.reach(i, -1, t), High: r + s.reach(i, 1, t)}
}

// Interval is the interval of one player's rating with the opponents' errors, for
// a player chosen before the games. For a one-sided estimate it is its bound.
func (s *Sweep) Interval(i int) elo.Interval {
	if s.Estimates[i].Side != elo.TwoSided {
		return s.Estimates[i].Total
	}
	return s.interval(i, student(s.opt.Confidence, s.degrees(i)))
}

// Simultaneous are intervals that hold for all players at once with the stated
// confidence, and so for whichever is picked. Of k players those with only a bound
// take their share alpha/k of the error by Bonferroni, the others the rest.
func (s *Sweep) Simultaneous() []elo.Interval {
	k := len(s.Estimates)
	alpha := 1 - s.opt.Confidence
	t := s.quantile(1 - alpha*float64(len(s.finite))/float64(k))
	out := make([]elo.Interval, k)
	for i, e := range s.Estimates {
		if e.Side == elo.TwoSided {
			out[i] = s.interval(i, t)
			continue
		}
		b, err := elo.EstimateRating(s.results[i], elo.Options{Confidence: 1 - alpha/float64(k), ScaleError: s.opt.ScaleError})
		if err != nil { // Rate would have failed
			panic(err)
		}
		out[i] = b.Total
	}
	return out
}

// quantile of the simulated maximum.
func (s *Sweep) quantile(p float64) float64 {
	if len(s.largest) == 0 {
		return math.NaN()
	}
	return s.largest[min(int(p*float64(len(s.largest))), len(s.largest)-1)]
}

// Difference is what the blocks say about the first player minus the second.
type Difference struct {
	// Value is the difference of the ratings; infinite when only one of them is.
	Value         float64      `json:"value"`
	StandardError float64      `json:"standard_error"` // 0 where one is a bound
	Interval      elo.Interval `json:"interval"`
	// Blocks that both played with equally many games, and P, the two-sided
	// probability of a difference of points at least as large in them if the
	// two players were the same: by exchanging them in random blocks, exact for any
	// number of games. 1 without common blocks.
	Blocks int     `json:"blocks"`
	P      float64 `json:"p"`
	// Unpaired is the standard error if the two had not had openings in common.
	Unpaired float64 `json:"unpaired_standard_error"`
}

// flips is the number of random exchanges for Difference.P; up to 2^exactFlips all
// are gone through.
const (
	flips      = 20000
	exactFlips = 14
)

// Difference of players i and j, chosen before the games.
func (s *Sweep) Difference(i, j int) (Difference, error) {
	k := len(s.Estimates)
	if i < 0 || j < 0 || i >= k || j >= k || i == j {
		return Difference{}, fmt.Errorf("sweep: no two players %d and %d of %d", i, j, k)
	}
	d := Difference{}
	d.Blocks, d.P = s.exchange(i, j)
	a, b := s.Estimates[i], s.Estimates[j]
	if a.Side != elo.TwoSided || b.Side != elo.TwoSided {
		// Both bounds or intervals hold together with the stated confidence.
		alpha := (1 - s.opt.Confidence) / 2
		bound := func(n int) elo.Interval {
			e, err := elo.EstimateRating(s.results[n], elo.Options{Confidence: 1 - alpha})
			if err != nil {
				panic(err)
			}
			return e.Sampling
		}
		x, y := bound(i), bound(j)
		d.Value = a.Rating - b.Rating // NaN when both are infinite on the same side
		d.Interval = elo.Interval{Low: x.Low - y.High, High: x.High - y.Low}
		return d, nil
	}
	variance := s.sampling.At(i, i) + s.sampling.At(j, j)
	d.Unpaired = math.Sqrt(variance)
	variance -= 2 * s.sampling.At(i, j)
	for o, anchor := range s.opponents {
		x := (s.weights[i][o] - s.weights[j][o]) * anchor.StandardError
		variance += x * x
	}
	d.Value, d.StandardError = a.Rating-b.Rating, math.Sqrt(max(0, variance))
	t := student(s.opt.Confidence, min(s.degrees(i), s.degrees(j)))
	d.Interval = elo.Interval{Low: d.Value - t*d.StandardError, High: d.Value + t*d.StandardError}
	return d, nil
}

// exchange is the randomization test of Difference.
func (s *Sweep) exchange(i, j int) (blocks int, p float64) {
	var differences []int // in half points, where not 0
	for n := range s.points {
		if s.games[n][i] == 0 || s.games[n][i] != s.games[n][j] {
			continue
		}
		blocks++
		if d := int(math.Round(2 * (s.points[n][i] - s.points[n][j]))); d != 0 {
			differences = append(differences, d)
		}
	}
	observed := 0
	for _, d := range differences {
		observed += d
	}
	observed = max(observed, -observed)
	extreme := func(sum int) bool { return sum >= observed || -sum >= observed }
	if len(differences) <= exactFlips {
		count := 0
		for mask := range 1 << len(differences) {
			sum := 0
			for n, d := range differences {
				if mask>>n&1 == 1 {
					d = -d
				}
				sum += d
			}
			if extreme(sum) {
				count++
			}
		}
		return blocks, float64(count) / float64(int(1)<<len(differences))
	}
	rng := rand.New(rand.NewPCG(s.opt.Seed, 2))
	count := 1 // the observed one is one of them
	for range flips {
		sum := 0
		var bits uint64
		for n, d := range differences {
			if n%64 == 0 {
				bits = rng.Uint64()
			}
			if bits&1 == 1 {
				d = -d
			}
			bits >>= 1
			sum += d
		}
		if extreme(sum) {
			count++
		}
	}
	return blocks, float64(count) / (flips + 1)
}

// Claim is what a verdict comes to.
type Claim string

// The claims.
const (
	AboveCap  Claim = "above"     // the best player is above the cap
	BelowCap  Claim = "below"     // every player is below the cap
	Undecided Claim = "undecided" // the games do not decide
)

// Verdict is the comparison of the best player with a cap.
type Verdict struct {
	Cap  float64 `json:"cap"`
	Best int     `json:"best"` // the player with the highest rating or bound
	// Margin is the best rating minus the cap; infinite where the best won all.
	Margin float64 `json:"-"`
	// Single is the interval of Margin if the best had been chosen before the games,
	// Simultaneous the one that holds although it was chosen after them.
	Single       elo.Interval `json:"single"`
	Simultaneous elo.Interval `json:"simultaneous"`
	// Claim is by Simultaneous: "above" where the best player's is above 0, "below" where
	// all players' are below; SingleClaim by Single alone.
	Claim       Claim `json:"claim"`
	SingleClaim Claim `json:"single_claim"`
	// P is the two-sided probability that the largest of the k deviations is as large
	// as the best player's from the cap, if all were at the cap. 0 where the best has
	// only a bound above the cap, 1 with another bound.
	P float64 `json:"p"`
	// Optimism is by how much the highest of the k ratings is expected to be too high
	// because it was picked as the highest: the mean over simulations from the
	// estimates (their covariance without the opponents' errors, which do not change
	// who is best). It is too small where the players are in truth alike, because
	// the estimates are farther apart than they are.
	Optimism float64 `json:"optimism"`
	Players  int     `json:"players"`
}

// Verdict compares the best player with cap, which is on the opponents' scale.
func (s *Sweep) Verdict(limit float64) Verdict {
	v := Verdict{Cap: limit, Players: len(s.Estimates), P: 1}
	height := func(i int) float64 {
		e := s.Estimates[i]
		if e.Side == elo.Below {
			return e.Sampling.High
		}
		return e.Rating
	}
	for i := range s.Estimates {
		// Of several who won all, the one with more games: the higher bound.
		if h, b := height(i), height(v.Best); h > b || h == b && s.Estimates[i].Sampling.Low > s.Estimates[v.Best].Sampling.Low {
			v.Best = i
		}
	}
	e := s.Estimates[v.Best]
	v.Margin = e.Rating - limit
	shifted := func(iv elo.Interval) elo.Interval { return elo.Interval{Low: iv.Low - limit, High: iv.High - limit} }
	all := s.Simultaneous()
	v.Single, v.Simultaneous = shifted(s.Interval(v.Best)), shifted(all[v.Best])
	claim := func(best elo.Interval, intervals func(i int) elo.Interval) Claim {
		if best.Low > 0 {
			return AboveCap
		}
		for i := range s.Estimates {
			if intervals(i).High >= limit {
				return Undecided
			}
		}
		return BelowCap
	}
	v.Claim = claim(v.Simultaneous, func(i int) elo.Interval { return all[i] })
	v.SingleClaim = claim(v.Single, s.Interval)
	switch {
	case e.Side == elo.TwoSided:
		t := s.deviation(v.Best, limit)
		above := len(s.largest) - lowerBound(s.largest, t)
		v.P = float64(above+1) / float64(len(s.largest)+1)
	case v.Claim == AboveCap:
		v.P = 0
	}
	v.Optimism = s.optimism()
	return v
}

// lowerBound is the first index whose value is not less than x.
func lowerBound(sorted []float64, x float64) int {
	i, _ := slices.BinarySearch(sorted, x)
	return i
}

// deviation is the t at which player i's interval reaches the limit.
func (s *Sweep) deviation(i int, limit float64) float64 {
	r := s.Estimates[i].Rating
	sign := 1.0
	if r > limit {
		sign = -1
	}
	lo, hi := 0.0, 1000.0
	for range 60 {
		mid := (lo + hi) / 2
		if s.reach(i, sign, mid) < math.Abs(r-limit) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// optimism is by simulation; see Verdict.
func (s *Sweep) optimism() float64 {
	m := len(s.finite)
	if m < 2 {
		return 0
	}
	cov := mat.NewSymDense(m, nil)
	for a, i := range s.finite {
		for b, j := range s.finite {
			if b >= a {
				cov.SetSym(a, b, s.sampling.At(i, j))
			}
		}
	}
	root := squareRoot(cov)
	rng := rand.New(rand.NewPCG(s.opt.Seed, 3))
	z, x := make([]float64, m), make([]float64, m)
	sum := 0.0
	for range s.opt.Draws {
		for i := range z {
			z[i] = rng.NormFloat64()
		}
		mat.NewVecDense(m, x).MulVec(root, mat.NewVecDense(m, z))
		best := 0
		for a, i := range s.finite {
			if s.Estimates[i].Rating+x[a] > s.Estimates[s.finite[best]].Rating+x[best] {
				best = a
			}
		}
		sum += x[best]
	}
	return sum / float64(s.opt.Draws)
}

// String is the verdict in words: "above the cap of 1000 by 62, corrected for the
// best of 8 [+12, +118]".
func (v Verdict) String() string {
	switch v.Claim {
	case AboveCap:
		return fmt.Sprintf("above the cap of %.0f by %s, corrected for the best of %d %s", v.Cap, points(v.Margin), v.Players, bracket(v.Simultaneous))
	case BelowCap:
		return fmt.Sprintf("below the cap of %.0f by %s, corrected for the best of %d %s", v.Cap, points(-v.Margin), v.Players, bracket(v.Simultaneous))
	}
	text := fmt.Sprintf("not decided: %+.0f from the cap of %.0f, corrected for the best of %d %s", v.Margin, v.Cap, v.Players, bracket(v.Simultaneous))
	if v.SingleClaim == AboveCap {
		text += fmt.Sprintf("; %s would be above it had it been the only one tried", bracket(v.Single))
	}
	return text
}

func points(x float64) string {
	if math.IsInf(x, 0) {
		return "an unknown margin"
	}
	return fmt.Sprintf("%.0f", x)
}

func bracket(iv elo.Interval) string {
	switch {
	case math.IsInf(iv.High, 1):
		return fmt.Sprintf("(at least %+.0f)", iv.Low)
	case math.IsInf(iv.Low, -1):
		return fmt.Sprintf("(at most %+.0f)", iv.High)
	}
	return fmt.Sprintf("[%+.0f, %+.0f]", iv.Low, iv.High)
}

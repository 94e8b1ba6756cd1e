// Package joint rates all players of a set of games at once by maximum
// likelihood: ratings, the advantage of the first move and the share of draws,
// with the covariance of everything, so that differences have intervals too.
//
// # The model
//
// White's expected score in a game is logistic, as everywhere in Elo:
//
//	m = 1 / (1 + 10^(-(r_white - r_black + h)/400)),
//
// h being the advantage of the first move in points. Given m, the three results
// obey Davidson's relation (R. R. Davidson, JASA 65, 1970, p. 317)
//
//	P(draw)^2 = nu^2 P(win) P(loss),    P(win) + P(draw)/2 = m,
//
// with one draw parameter nu; the draw rate between equals is nu/(nu+2). This is
// also the draw model of Ordo's options -D and -W. Davidson's own formula, and
// Rao and Kupper's, which BayesElo uses, make P(win) logistic instead of the
// score: their ratings are stretched where there are many draws (by a factor of
// 1/(1-d) at draw rate d) and cannot be mixed with anchors that were rated by
// score. Davidson's relation is preferred to Rao and Kupper's threshold because nu
// is then the natural parameter beside the mean: the expected information of
// ratings and nu is block diagonal, and the rating's score equations
//
//	sum over games of w (s - m) = 0,    w = m(1-m) / Var(s),
//
// have expectation 0 at the true ratings whatever the draws do. The draw model
// only sets the weights w and the size of the errors, never a bias.
//
// # Games on one opening
//
// An opening that favors a color moves both results of its pair in one direction, so that
// a pair says more about the difference of its players, and less about the advantage and
// the draws, than two single games. Both correlations are estimated from what the fit
// leaves over, and are part of every error and interval (pairs.go).
//
// # What is not finite
//
// The likelihood has a finite maximum for players who are tied together by points
// taken from each other in both directions (L. R. Ford, 1957): a strongly connected
// component, the anchors being tied to each other by their ratings. That of the
// anchors (without anchors: that with most games) is the core and is fitted.
// Whoever won (or lost) every game against it gets a one-sided bound. Players who
// are not connected with each other at all form separate pools, each with its own
// zero.
package joint

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	"transcend/elo"
)

// Player is somebody with games.
type Player struct {
	Name string
	// Anchor is the player's rating if it is known. With StandardError 0 it is
	// held fixed; otherwise it is a Gaussian prior, and the games may move it.
	Anchor *elo.Anchor
}

// Game is one game between two players, given by their index.
type Game struct {
	White, Black int
	Outcome      elo.Outcome // as White sees it
	// Pair groups games that are resampled together by the bootstrap: both games on
	// one opening. 0: the game stands alone.
	Pair int
}

// Model says how draws are treated.
type Model string

// The models.
const (
	// Davidson: draws by Davidson's relation; see the package comment.
	Davidson Model = "davidson"
	// Points: a draw is half a win and half a loss, as in Ordo. Ratings where
	// obtained and expected points agree for everybody. The errors do not know
	// that draws carry less randomness: they are too large where there are many.
	Points Model = "points"
)

// Models lists them, the default first.
func Models() []Model { return []Model{Davidson, Points} }

// Options of Rate. The zero value is usable.
type Options struct {
	Model      Model   // default Davidson
	Confidence float64 // 0 = 0.95
	// NoAdvantage fixes the advantage of the first move at 0.
	NoAdvantage bool
	// Center is the mean rating of a core without anchors.
	Center float64
	// ProfilePlayers is up to how many players in a core intervals are profile
	// likelihood; above, they are normal. 0 = 200, negative: none. The time
	// grows with the cube of the number.
	ProfilePlayers int
	// Bootstrap is the number of resamplings (0: none), drawn from Seed. The
	// result does not depend on the number of cores.
	Bootstrap int
	Seed      uint64
}

// maxPlayers bounds the players in one core: their covariance of 10,000^2
// numbers takes 800 MB, and some minutes.
const maxPlayers = 10000

// ErrTooMany is returned for more than 10,000 players in one core.
var ErrTooMany = errors.New("more than the number whose covariance is kept")

// Value is an estimate with its error.
type Value struct {
	Value         float64      `json:"value"`
	StandardError float64      `json:"standard_error"`
	Interval      elo.Interval `json:"interval"`
}

// Side says what is known of a player's rating.
type Side = elo.Side

// Unknown is the Side of a player whom no chain of points connects with the
// core in either direction.
const Unknown Side = "unknown"

// Rating is the result for one player.
type Rating struct {
	Name   string     `json:"name"`
	Pool   int        `json:"pool"`   // index into Fit.Pools
	Record elo.Record `json:"record"` // all games
	Anchor bool       `json:"anchor,omitempty"`
	Side   Side       `json:"side"`
	// Rating is 0 where Side is not elo.TwoSided: there Interval has the bound.
	Rating        float64 `json:"rating"`
	StandardError float64 `json:"standard_error"` // 0 for a fixed anchor
	// Interval is profile likelihood where Profile, else normal; for a one-sided
	// bound it holds with the confidence on that one side. Without anchors it is
	// relative to the mean of the core.
	Interval elo.Interval `json:"interval"`
	Profile  bool         `json:"profile"`
	// Bootstrap is the percentile interval over resampled pairs, expanded for few
	// pairs; its ends are infinite where the player won or lost everything too often.
	Bootstrap *elo.Interval `json:"bootstrap,omitempty"`

	height float64 // where a table has the player; see Compare
	level  int     // as in ties
}

// Compare is negative where a table has r below o: by their ratings, and who has a bound only, there,
// but above all that it took points from, or below all that it gave points to. The bound from a few
// games, all won, may be far below those that were beaten. Who is Unknown, or has no games, is at the
// end.
func (r Rating) Compare(o Rating) int {
	return cmp.Or(cmp.Compare(r.height, o.height), cmp.Compare(r.level, o.level))
}

// Pool is a group of players connected by games.
type Pool struct {
	Players  []int `json:"-"`        // indices, all of them
	Core     int   `json:"core"`     // how many are rated; the others have bounds
	Games    int   `json:"games"`    // in the core
	Anchored bool  `json:"anchored"` // otherwise the core's mean is Options.Center
	// Advantage of the first move in points; AdvantageFitted is false where it
	// is 0 by choice or because the games cannot tell it (see Warnings).
	Advantage       Value `json:"advantage"`
	AdvantageFitted bool  `json:"advantage_fitted"`
	// DrawRate is the share of draws between equals (without advantage); 0 for the
	// model Points, which does not estimate it. Without any draw its interval is a
	// one-sided bound.
	DrawRate      Value         `json:"draw_rate"`
	LogLikelihood float64       `json:"log_likelihood"`
	Iterations    int           `json:"iterations"`
	Warnings      []elo.Warning `json:"warnings,omitempty"`

	// PairCorrelation is that of White's points in two games on one opening, beyond the
	// ratings, and DrawCorrelation that of draws; 0 without pairs. All standard errors and
	// intervals know of them, in cores of up to 2000 players.
	PairCorrelation float64 `json:"pair_correlation"`
	DrawCorrelation float64 `json:"draw_correlation"`

	core *core
	// inverse is the inverse of the information of the core's parameters, cov their
	// covariance, which is the same where no games correlate.
	inverse, cov *mat.SymDense
	boot         [][]float64 // [resampling][index in core]
	// bootAlpha is what the percentile intervals leave on each side.
	bootAlpha float64
}

// Fit is the result for all players.
type Fit struct {
	Ratings    []Rating `json:"ratings"` // in the order of the players
	Pools      []Pool   `json:"pools"`   // the largest first
	Confidence float64  `json:"confidence"`
	Model      Model    `json:"model"`

	z float64
}

// WarnAdvantage says that the first move's advantage could not be estimated.
const WarnAdvantage elo.WarningCode = "advantage-unknown"

// WarnDraws says that the draw rate would have been 100%.
const WarnDraws elo.WarningCode = "only-draws"

// Rate fits the model to the games.
func Rate(players []Player, games []Game, opt Options) (*Fit, error) {
	opt.Model = cmp.Or(opt.Model, Davidson)
	opt.Confidence = cmp.Or(opt.Confidence, 0.95)
	opt.ProfilePlayers = cmp.Or(opt.ProfilePlayers, 200)
	if err := check(players, games, opt); err != nil {
		return nil, err
	}
	f := &Fit{Confidence: opt.Confidence, Model: opt.Model, Ratings: make([]Rating, len(players)),
		z: distuv.UnitNormal.Quantile((1 + opt.Confidence) / 2)}
	for i, p := range players {
		f.Ratings[i] = Rating{Name: p.Name, Anchor: p.Anchor != nil, height: math.Inf(-1)}
	}
	for _, g := range games {
		f.Ratings[g.White].Record.Add(g.Outcome)
		f.Ratings[g.Black].Record.Add(elo.Win - g.Outcome)
	}
	pools := connected(players, games)
	poolOf := make([]int, len(players))
	for k, members := range pools {
		for _, i := range members {
			poolOf[i] = k
		}
	}
	byPool := make([][]Game, len(pools))
	for _, g := range games {
		byPool[poolOf[g.White]] = append(byPool[poolOf[g.White]], g)
	}
	for k, members := range pools {
		p, err := f.ratePool(k, players, members, byPool[k], opt)
		if err != nil {
			return nil, err
		}
		f.Pools = append(f.Pools, *p)
	}
	return f, nil
}

func check(players []Player, games []Game, opt Options) error {
	switch {
	case !slices.Contains(Models(), opt.Model):
		return fmt.Errorf("joint: no model %q (want one of %v)", opt.Model, Models())
	case !(opt.Confidence > 0.5 && opt.Confidence < 1):
		return fmt.Errorf("joint: confidence %v is not between 0.5 and 1", opt.Confidence)
	case !(math.Abs(opt.Center) <= elo.MaxRating):
		return fmt.Errorf("joint: center %v is not within ±%d", opt.Center, elo.MaxRating)
	case opt.Bootstrap < 0 || opt.Bootstrap == 1 || opt.Bootstrap > 1_000_000:
		return fmt.Errorf("joint: %d bootstrap resamplings: must be 0, or 2 to 1000000", opt.Bootstrap)
	case len(games) == 0:
		return elo.ErrNoGames
	}
	for i, p := range players {
		if a := p.Anchor; a != nil && !(math.Abs(a.Rating) <= elo.MaxRating && a.StandardError >= 0 && a.StandardError <= elo.MaxRating) {
			return fmt.Errorf("joint: player %d, %q: anchor %v ± %v is not within ±%d", i, p.Name, a.Rating, a.StandardError, elo.MaxRating)
		}
	}
	for i, g := range games {
		if g.White < 0 || g.White >= len(players) || g.Black < 0 || g.Black >= len(players) || g.White == g.Black || g.Outcome > elo.Win {
			return fmt.Errorf("joint: game %d: impossible players %d and %d of %d, or outcome %v", i, g.White, g.Black, len(players), g.Outcome)
		}
	}
	return nil
}

// ratePool fits the core of one pool and gives bounds to the rest.
func (f *Fit) ratePool(k int, players []Player, members []int, games []Game, opt Options) (*Pool, error) {
	p := &Pool{Players: members}
	found, ids, inside := f.findCore(k, p, players, games, opt.Model)
	if p.Core > maxPlayers {
		return nil, fmt.Errorf("joint: %d connected players: %w, %d: leave out those with few games", p.Core, ErrTooMany, maxPlayers)
	}
	if err := p.fit(players, ids, inside, opt); err != nil {
		return nil, err
	}
	nuFactor := p.correlate(games, opt.Model)
	c := p.core
	normal := func(x, se float64) Value {
		return Value{x, se, elo.Interval{Low: x - f.z*se, High: x + f.z*se}}
	}
	if c.fitH {
		p.Advantage = normal(c.at.h, math.Sqrt(p.cov.At(c.hIndex(), c.hIndex())))
	}
	if opt.Model == Davidson {
		p.DrawRate = c.drawRate(f.z, 1-opt.Confidence, math.Sqrt(nuFactor))
	}
	for i, m := range ids {
		r := &f.Ratings[m]
		r.Rating = c.at.r[i]
		if v := c.variable[i]; v >= 0 {
			r.StandardError = math.Sqrt(max(0, p.cov.At(v, v)))
		}
		r.Interval = normal(r.Rating, r.StandardError).Interval
	}
	if p.Core <= opt.ProfilePlayers && p.Core > 1 {
		f.profileAll(p, ids)
	}
	if opt.Bootstrap > 0 && p.Core > 1 {
		f.bootstrapAll(p, ids, players, games, opt)
	}
	f.bounds(p, players, members, games)
	f.place(members, found)
	return p, nil
}

// findCore says of every player of pool number k on which side of the core it is. ids are
// the core's players, inside the games among them, by their places in ids.
func (f *Fit) findCore(k int, p *Pool, players []Player, games []Game, model Model) (found ties, ids []int, inside []edge) {
	index, anchored := make(map[int]int, len(p.Players)), make([]bool, len(p.Players))
	for i, m := range p.Players {
		index[m], anchored[i] = i, players[m].Anchor != nil
	}
	edges, _ := aggregate(games, index, model)
	found = strength(anchored, edges)
	number := make([]int, len(p.Players)) // in the core
	for i, m := range p.Players {
		r := &f.Ratings[m]
		r.Pool, r.Side, number[i] = k, found.sides[i], -1
		if found.inCore[i] {
			number[i] = len(ids)
			ids = append(ids, m)
			p.Anchored = p.Anchored || anchored[i]
		}
	}
	p.Core = len(ids)
	return found, ids, among(edges, number)
}

// fit sets the core and the inverse of its information at the maximum of its likelihood.
// An advantage of the first move that the games cannot tell is taken as 0, with a warning.
func (p *Pool) fit(players []Player, ids []int, games []edge, opt Options) error {
	c := newCore(players, ids, opt)
	c.setEdges(games)
	if c.games == 0 {
		c.fitH = false
	} else if reason := c.cannotTellAdvantage(); reason != "" && c.fitH {
		c.fitH = false
		p.Warnings = append(p.Warnings, elo.Warning{Code: WarnAdvantage, Text: reason + ": the advantage of the first move is taken as 0"})
	}
	err := c.maximize()
	if err != nil && c.fitH {
		// Results that are separated by color in a way that the check does not
		// see drive the advantage to infinity.
		c = newCore(players, ids, opt)
		c.fitH = false
		c.setEdges(games)
		p.Warnings = append(p.Warnings, elo.Warning{Code: WarnAdvantage, Text: "the likelihood has no maximum in the advantage of the first move: it is taken as 0"})
		err = c.maximize()
	}
	if err != nil {
		return fmt.Errorf("joint: fitting %d players: %w", p.Core, err)
	}
	if c.halfGame {
		p.Warnings = append(p.Warnings, elo.Warning{Code: WarnDraws, Text: "draws explain nearly everything: half a decisive game between equals is assumed, so that the draw rate stays below 1"})
	}
	if p.inverse, err = c.covariance(); err != nil {
		return fmt.Errorf("joint: covariance of %d players: %w", p.Core, err)
	}
	p.core, p.Games = c, c.games
	p.Iterations, p.LogLikelihood, p.AdvantageFitted = c.iterations, c.logLikelihood(c.at), c.fitH
	return nil
}

// correlate sets the covariance, with what games of one opening have in common. nuFactor is
// that by which it multiplies the variance of the draw parameter.
func (p *Pool) correlate(games []Game, model Model) (nuFactor float64) {
	p.cov = p.inverse
	pairs := p.core.pairs(games, model)
	if pairs == nil || p.inverse == nil {
		return 1
	}
	p.cov = pairs.robust(p.inverse)
	p.PairCorrelation, p.DrawCorrelation = pairs.score, pairs.draw
	if _, nuInfo := p.core.derivatives(p.core.at, make([]float64, p.core.size()), nil); nuInfo > 0 {
		return max(0.05, 1+pairs.draw*pairs.sharedNu/nuInfo)
	}
	return 1
}

// bootstrapAll resamples the games of a pool and sets the intervals of its core.
func (f *Fit) bootstrapAll(p *Pool, ids []int, players []Player, games []Game, opt Options) {
	p.bootstrap(players, games, opt)
	column := make([]float64, 0, opt.Bootstrap)
	for i, m := range ids {
		column = column[:0]
		for _, row := range p.boot {
			column = append(column, row[i])
		}
		if iv, ok := percentiles(column, p.bootAlpha); ok {
			f.Ratings[m].Bootstrap = &iv
		}
	}
}

// bounds gives the players outside the core their one-sided bounds, from their
// games against the core.
func (f *Fit) bounds(p *Pool, players []Player, members []int, games []Game) {
	type key struct{ player, opponent int }
	type meeting struct {
		record elo.Record
		whites int
	}
	meetings := map[key]*meeting{}
	add := func(player, opponent, white int, o elo.Outcome) {
		if f.Ratings[player].Side == elo.TwoSided || f.Ratings[opponent].Side != elo.TwoSided {
			return
		}
		k := key{player, opponent}
		if meetings[k] == nil {
			meetings[k] = &meeting{}
		}
		meetings[k].record.Add(o)
		meetings[k].whites += white
	}
	for _, g := range games {
		add(g.White, g.Black, 1, g.Outcome)
		add(g.Black, g.White, 0, elo.Win-g.Outcome)
	}
	results := map[int][]elo.Result{}
	for k, m := range meetings {
		o := f.Ratings[k.opponent]
		// Having White is like meeting an opponent who is weaker by the advantage.
		n := m.record.Games()
		shift := p.Advantage.Value * float64(n-2*m.whites) / float64(n)
		a := elo.Anchor{Name: o.Name, Rating: o.Rating + shift, StandardError: o.StandardError}
		results[k.player] = append(results[k.player], elo.Result{Anchor: a, Record: m.record})
	}
	for _, m := range members {
		r := &f.Ratings[m]
		if r.Side == elo.TwoSided {
			continue
		}
		r.Interval = elo.Interval{Low: math.Inf(-1), High: math.Inf(1)}
		rs := results[m]
		// Map order must not reach the last bits of a sum.
		slices.SortFunc(rs, func(a, b elo.Result) int {
			return cmp.Or(cmp.Compare(a.Anchor.Rating, b.Anchor.Rating), cmp.Compare(a.Anchor.Name, b.Anchor.Name))
		})
		if e, err := elo.EstimateRating(rs, elo.Options{Confidence: f.Confidence}); err == nil {
			r.Interval = e.Total
		}
	}
}

// place says where the players of a pool stand in a table.
func (f *Fit) place(members []int, found ties) {
	at := make([]float64, len(members))
	for i, m := range members {
		switch r := f.Ratings[m]; r.Side {
		case elo.TwoSided:
			at[i] = r.Rating
		case elo.Below:
			at[i] = r.Interval.High
		case elo.Above:
			at[i] = r.Interval.Low
		default:
			at[i] = math.Inf(-1)
		}
	}
	at = found.heights(at)
	for i, m := range members {
		f.Ratings[m].height, f.Ratings[m].level = at[i], found.level[i]
	}
}

// Difference is the first rating minus the second.
type Difference struct {
	Value
	// LOS is the probability that the first is stronger, by the normal
	// approximation.
	LOS float64 `json:"los"`
	// Bootstrap is the percentile interval over the same resamplings.
	Bootstrap *elo.Interval `json:"bootstrap,omitempty"`
}

// ErrNotComparable is returned for players whose difference is not finite.
var ErrNotComparable = errors.New("joint: the difference is not finite: the players are not tied together by points in both directions")

// Difference of players i and j with its interval. Errors of anchors that both
// share cancel. It returns ErrNotComparable for players who are not in one core.
func (f *Fit) Difference(i, j int) (Difference, error) {
	if i < 0 || j < 0 || i >= len(f.Ratings) || j >= len(f.Ratings) {
		return Difference{}, fmt.Errorf("joint: no players %d and %d of %d", i, j, len(f.Ratings))
	}
	a, b := f.Ratings[i], f.Ratings[j]
	if a.Pool != b.Pool || a.Side != elo.TwoSided || b.Side != elo.TwoSided {
		return Difference{}, ErrNotComparable
	}
	p := &f.Pools[a.Pool]
	ci, cj := p.core.index[i], p.core.index[j]
	variance := f.covariance(p, ci, ci) + f.covariance(p, cj, cj) - 2*f.covariance(p, ci, cj)
	se := math.Sqrt(max(0, variance))
	d := Difference{Value: Value{Value: a.Rating - b.Rating, StandardError: se}, LOS: 0.5}
	d.Interval = elo.Interval{Low: d.Value.Value - f.z*se, High: d.Value.Value + f.z*se}
	if se > 0 {
		d.LOS = distuv.UnitNormal.CDF(d.Value.Value / se)
	}
	if p.boot != nil {
		column := make([]float64, 0, len(p.boot))
		for _, row := range p.boot {
			column = append(column, row[ci]-row[cj])
		}
		if iv, ok := percentiles(column, p.bootAlpha); ok {
			d.Bootstrap = &iv
		}
	}
	return d, nil
}

// Covariance of the ratings of players i and j, in points squared; 0 where one
// of them is fixed or not in the same core.
func (f *Fit) Covariance(i, j int) float64 {
	a, b := f.Ratings[i], f.Ratings[j]
	if a.Pool != b.Pool || a.Side != elo.TwoSided || b.Side != elo.TwoSided {
		return 0
	}
	p := &f.Pools[a.Pool]
	return f.covariance(p, p.core.index[i], p.core.index[j])
}

func (f *Fit) covariance(p *Pool, ci, cj int) float64 {
	vi, vj := p.core.variable[ci], p.core.variable[cj]
	if vi < 0 || vj < 0 {
		return 0
	}
	return p.cov.At(vi, vj)
}

// percentiles is the interval that leaves alpha on each side. Values that are
// not numbers (a difference of infinities) are left out; ok is false when they
// are most.
func percentiles(values []float64, alpha float64) (elo.Interval, bool) {
	xs := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if 2*len(xs) < len(values) || len(xs) < 2 {
		return elo.Interval{}, false
	}
	slices.Sort(xs)
	// Positions k/(n+1), so that few resamplings do not make it too narrow.
	at := func(p float64) float64 {
		x := p*float64(len(xs)+1) - 1
		lo := min(max(int(math.Floor(x)), 0), len(xs)-1)
		hi := min(lo+1, len(xs)-1)
		t := min(max(x-float64(lo), 0), 1)
		if t == 0 || xs[lo] == xs[hi] {
			return xs[lo]
		}
		return xs[lo] + t*(xs[hi]-xs[lo])
	}
	return elo.Interval{Low: at(alpha), High: at(1 - alpha)}, true
}

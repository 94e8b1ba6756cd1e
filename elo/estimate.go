package elo

// Maximum likelihood of one player's rating against anchors.

import (
	"encoding/json"
	"fmt"
	"math"
)

// Options of EstimateRating. The zero value means 95% and a scale without a
// stated error.
type Options struct {
	// Confidence of the intervals and bounds, between 0.5 and 1 (0 = 0.95).
	Confidence float64
	// ScaleError is the standard error that all anchors share, in points: a
	// shift of the whole scale. 0 = none stated.
	ScaleError float64
}

// Side says whether an estimate has a rating or only a bound.
type Side string

// The sides.
const (
	TwoSided Side = "two-sided" // a rating with an interval
	Above    Side = "above"     // everything won: the rating is above Sampling.Low
	Below    Side = "below"     // everything lost: the rating is below Sampling.High
)

// Estimate is a rating with what is known about its error.
type Estimate struct {
	Side Side
	// Rating is the maximum of the likelihood; +Inf or -Inf when Side is Above
	// or Below.
	Rating float64
	// Confidence of both intervals. For a one-sided bound it is the confidence
	// of that one side.
	Confidence float64
	// Sampling is the interval with the anchors' ratings taken as exact.
	Sampling Interval
	// Total is the interval with the anchors' errors and the scale's carried in.
	// It equals Sampling where none is stated.
	Total Interval
	// SamplingError and AnchorError are the standard errors of the two sources,
	// in points, at Rating. SamplingError is 0 for a one-sided bound.
	SamplingError, AnchorError float64
	// Games is the sum of the records, Opponents how many anchors had games.
	Games     Record
	Opponents int
	Warnings  []Warning
}

// AnchorShare is the share of the total variance that comes from the anchors
// and not from chance in the games: 0 to 1. More games cannot reduce that part.
func (e Estimate) AnchorShare() float64 {
	a, s := e.AnchorError*e.AnchorError, e.SamplingError*e.SamplingError
	if e.Side != TwoSided || a+s == 0 {
		return 0
	}
	return a / (a + s)
}

// String is "1612 [1571, 1655]" with the sampling interval, "> 1890" or
// "< 1100".
func (e Estimate) String() string { return e.format(e.Sampling) }

// TotalString is String with the interval that includes the anchors' errors.
func (e Estimate) TotalString() string { return e.format(e.Total) }

func (e Estimate) format(iv Interval) string {
	switch e.Side {
	case Above:
		// Rounded toward the weaker statement, so that it stays true.
		return fmt.Sprintf("> %.0f", math.Floor(iv.Low))
	case Below:
		return fmt.Sprintf("< %.0f", math.Ceil(iv.High))
	}
	return fmt.Sprintf("%.0f [%.0f, %.0f]", e.Rating, iv.Low, iv.High)
}

type estimateJSON struct {
	Side          Side      `json:"side"`
	Rating        *float64  `json:"rating"` // null when one-sided
	Text          string    `json:"text"`
	Confidence    float64   `json:"confidence"`
	Sampling      Interval  `json:"sampling_interval"`
	Total         Interval  `json:"total_interval"`
	SamplingError float64   `json:"sampling_error"`
	AnchorError   float64   `json:"anchor_error"`
	AnchorShare   float64   `json:"anchor_share"`
	Games         Record    `json:"games"`
	Opponents     int       `json:"opponents"`
	Warnings      []Warning `json:"warnings,omitempty"`
}

// MarshalJSON writes the rating and open interval ends as null where they are
// infinite, and the derived AnchorShare and String beside the fields.
func (e Estimate) MarshalJSON() ([]byte, error) {
	return json.Marshal(estimateJSON{e.Side, finite(e.Rating), e.String(), e.Confidence, e.Sampling, e.Total,
		e.SamplingError, e.AnchorError, e.AnchorShare(), e.Games, e.Opponents, e.Warnings})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (e *Estimate) UnmarshalJSON(b []byte) error {
	var j estimateJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*e = Estimate{j.Side, 0, j.Confidence, j.Sampling, j.Total, j.SamplingError, j.AnchorError, j.Games, j.Opponents, j.Warnings}
	switch {
	case j.Rating != nil:
		e.Rating = *j.Rating
	case j.Side == Below:
		e.Rating = math.Inf(-1)
	default:
		e.Rating = math.Inf(1)
	}
	return nil
}

// Limits of the warnings.
const (
	fewGames          = 30
	saturatedScore    = 0.02 // and 1 - 0.02
	extrapolatedRange = 400  // points: an expected score under 9% or over 91%
)

// EstimateRating is the maximum-likelihood rating of one player of constant
// strength against anchors of known rating a_j, from its records against them.
//
// # The likelihood
//
// The expected score against anchor j is logistic, p_j(r) = Expected(r, a_j). A
// win counts as one point and a draw as half a point to each side, so that with
// points s_j out of n_j games
//
//	l(r) = sum_j s_j log p_j(r) + (n_j - s_j) log(1 - p_j(r)).
//
// Its maximum is where the score obtained equals the score expected,
// sum_j s_j = sum_j n_j p_j(r): the equation behind Ordo's ratings and, with one
// opponent, behind the familiar -400 log10(1/s - 1). It makes no assumption
// about how draw rates change with strength, as BayesElo and Davidson's model
// do, and is therefore right on average for any draw rate.
//
// # The interval
//
// Without draws l is the exact log-likelihood, and the interval holds every r
// with 2 (l(max) - l(r)) <= z^2, z being the normal quantile (1.96 at 95%). A
// draw carries less randomness than a win or a loss: the variance of a score is
// p(1-p) - d/4 for draw rate d. Ignoring that gives intervals that are too wide
// (measured coverage up to 99.8% instead of 95%), so that the interval is
//
//	2 (l(max) - l(r)) / phi(r) <= z^2,
//	phi(r) = sum_j n_j (p_j q_j - d_j(r)/4) / sum_j n_j p_j q_j,   q_j = 1 - p_j,
//
// where d_j(r) is the draw rate that is likeliest for that opponent's wins,
// draws and losses if r is the true rating (the trinomial likelihood, profiled
// over the draw rate). Measured coverage of the 95% interval, averaged over
// true ratings within 400 points of one opponent (coverage_test.go): 96.0 to
// 97.7% with 10 games, 95.2 to 96.1% with 20, 94.8 to 95.0% with 50 and more.
// At a single true rating it swings, because scores come in steps; the worst
// found is 89.1% with 10 games, 91.8% with 20, 92.4% with 50 and 93.7% with
// 100, each without draws.
//
// # Everything won or lost
//
// There the likelihood has no maximum. The estimate becomes the exact one-sided
// bound: the rating at which such a result has probability 1-Confidence, which
// with a single anchor is the Clopper-Pearson bound of the score.
//
// # The anchors' errors
//
// With standard error sigma_j of anchor j, and tau of the whole scale, the
// rating moves with the anchors by weights h_j = n_j p_j q_j / sum n_k p_k q_k,
// which gives AnchorError^2 = tau^2 + sum_j h_j^2 sigma_j^2. Each side of the
// total interval is the root of the sum of squares of the sampling interval's
// side and z AnchorError. A one-sided bound averages the result's probability
// over a normal error of the anchors instead.
//
// It returns ErrNoGames without games, and an error for impossible input.
func EstimateRating(results []Result, opt Options) (Estimate, error) {
	var err error
	if opt.Confidence, err = checkConfidence(opt.Confidence); err != nil {
		return Estimate{}, err
	}
	if !(opt.ScaleError >= 0 && opt.ScaleError <= MaxRating) {
		return Estimate{}, fmt.Errorf("elo: scale error %v is not between 0 and %d", opt.ScaleError, MaxRating)
	}
	l, err := newLikelihood(results)
	if err != nil {
		return Estimate{}, err
	}
	e := Estimate{Confidence: opt.Confidence, Games: Total(results), Opponents: len(l)}
	switch {
	case e.Games.Wins == e.Games.Games():
		e.Side, e.Rating = Above, math.Inf(1)
		e.Sampling = Interval{l.allWonBound(1-opt.Confidence, 0, 0), math.Inf(1)}
		e.Total = e.Sampling
		if e.AnchorError = l.anchorError(e.Sampling.Low, opt.ScaleError); e.AnchorError > 0 {
			// Averaging can sharpen a bound of low confidence; it is not let.
			e.Total.Low = min(e.Total.Low, l.allWonBound(1-opt.Confidence, e.AnchorError, quadratureSteps))
		}
	case e.Games.Losses == e.Games.Games():
		// The mirror image: every rating negated, wins for losses.
		m := l.mirror()
		e.Side, e.Rating = Below, math.Inf(-1)
		e.Sampling = Interval{math.Inf(-1), -m.allWonBound(1-opt.Confidence, 0, 0)}
		e.Total = e.Sampling
		if e.AnchorError = m.anchorError(-e.Sampling.High, opt.ScaleError); e.AnchorError > 0 {
			e.Total.High = max(e.Total.High, -m.allWonBound(1-opt.Confidence, e.AnchorError, quadratureSteps))
		}
	default:
		z := normalQuantile((1 + opt.Confidence) / 2)
		e.Side, e.Rating = TwoSided, l.maximum()
		e.Sampling = Interval{l.edge(e.Rating, -1, z), l.edge(e.Rating, 1, z)}
		e.SamplingError = l.samplingError(e.Rating, e.Sampling, z)
		e.AnchorError = l.anchorError(e.Rating, opt.ScaleError)
		e.Total = Interval{
			e.Rating - math.Hypot(e.Rating-e.Sampling.Low, z*e.AnchorError),
			e.Rating + math.Hypot(e.Sampling.High-e.Rating, z*e.AnchorError),
		}
	}
	e.Warnings = l.warnings(e)
	return e, nil
}

// Performance is the rating at which the points obtained are expected: the
// Rating of EstimateRating without its errors. It is +Inf or -Inf when
// everything was won or lost.
func Performance(results []Result) (float64, error) {
	l, err := newLikelihood(results)
	if err != nil {
		return math.NaN(), err
	}
	switch t := Total(results); t.Games() {
	case t.Wins:
		return math.Inf(1), nil
	case t.Losses:
		return math.Inf(-1), nil
	}
	return l.maximum(), nil
}

// likelihood holds the results that have games.
type likelihood []Result

func newLikelihood(results []Result) (likelihood, error) {
	var l likelihood
	for _, r := range results {
		if err := r.Record.check(); err != nil {
			return nil, fmt.Errorf("%w against %q", err, r.Anchor.Name)
		}
		if !(math.Abs(r.Anchor.Rating) <= MaxRating) {
			return nil, fmt.Errorf("elo: anchor %q: rating %v is not within ±%d", r.Anchor.Name, r.Anchor.Rating, MaxRating)
		}
		if !(r.Anchor.StandardError >= 0 && r.Anchor.StandardError <= MaxRating) {
			return nil, fmt.Errorf("elo: anchor %q: standard error %v is not between 0 and %d", r.Anchor.Name, r.Anchor.StandardError, MaxRating)
		}
		if r.Record.Games() > 0 {
			l = append(l, r)
		}
	}
	if len(l) == 0 {
		return nil, ErrNoGames
	}
	return l, nil
}

func (l likelihood) mirror() likelihood {
	m := make(likelihood, len(l))
	for i, r := range l {
		r.Anchor.Rating = -r.Anchor.Rating
		r.Record = r.Record.Inverse()
		m[i] = r
	}
	return m
}

// maximum solves the score equation. The left side rises strictly with r, and
// the solution lies between the answers for the lowest and for the highest
// anchor alone, so that bisection cannot fail.
func (l likelihood) maximum() float64 {
	total := Total(l)
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, r := range l {
		lo, hi = min(lo, r.Anchor.Rating), max(hi, r.Anchor.Rating)
	}
	d := Difference(total.Score())
	return root(lo+d, hi+d, func(r float64) float64 {
		sum := -total.Points()
		for _, x := range l {
			sum += float64(x.Record.Games()) * Expected(r, x.Anchor.Rating)
		}
		return sum
	})
}

// logPQ is log p and log q for the rating difference d in points, without
// cancellation at either end.
func logPQ(d float64) (logP, logQ float64) {
	x := d / pointsPerNat
	if x > 0 {
		t := math.Log1p(math.Exp(-x))
		return -t, -x - t
	}
	t := math.Log1p(math.Exp(x))
	return x - t, -t
}

// logLikelihood is l(r) of the comment on EstimateRating.
func (l likelihood) logLikelihood(r float64) float64 {
	sum := 0.0
	for _, x := range l {
		logP, logQ := logPQ(r - x.Anchor.Rating)
		s := x.Record.Points()
		sum += s*logP + (float64(x.Record.Games())-s)*logQ
	}
	return sum
}

// drawRate maximizes W log(p - d/2) + D log d + L log(q - d/2) over d, for
// p + q = 1: the smaller root of n d^2 - 2 (D + W q + L p) d + 4 D p q = 0,
// in the form that does not cancel.
func drawRate(w Record, p, q float64) float64 {
	if w.Draws == 0 {
		return 0
	}
	W, D, L := float64(w.Wins), float64(w.Draws), float64(w.Losses)
	b := D + W*q + L*p
	disc := b*b - 4*(W+D+L)*D*p*q
	return 4 * D * p * q / (b + math.Sqrt(max(disc, 0)))
}

// variance is the variance of the total score at rating r with the draw rates
// that the records make likeliest there, and with every game decisive.
func (l likelihood) variance(r float64) (withDraws, decisive float64) {
	for _, x := range l {
		n := float64(x.Record.Games())
		p, q := Expected(r, x.Anchor.Rating), Expected(x.Anchor.Rating, r)
		decisive += n * p * q
		withDraws += n * (p*q - drawRate(x.Record, p, q)/4)
	}
	return withDraws, decisive
}

// statistic is the scaled likelihood ratio of the comment on EstimateRating.
func (l likelihood) statistic(r, maximum, logMax float64) float64 {
	ratio := 2 * (logMax - l.logLikelihood(r))
	if ratio <= 0 || r == maximum {
		return 0
	}
	v, decisive := l.variance(r)
	return ratio * decisive / v
}

// edge is the end of the interval below (sign -1) or above (sign 1) the
// maximum.
func (l likelihood) edge(maximum, sign, z float64) float64 {
	logMax := l.logLikelihood(maximum)
	excess := func(step float64) float64 {
		return l.statistic(maximum+sign*step, maximum, logMax) - z*z
	}
	lo, hi := 0.0, 1.0
	// The likelihood falls at least linearly far from the anchors, so the loop
	// ends; the bound is for arithmetic that does not.
	for excess(hi) < 0 && hi < 1e9 {
		lo, hi = hi, 2*hi
	}
	return maximum + sign*root(lo, hi, excess)
}

// samplingError is the standard error from the curvature at the maximum. Where
// the fitted variance is zero (all games drawn) it comes from the interval.
func (l likelihood) samplingError(r float64, iv Interval, z float64) float64 {
	v, decisive := l.variance(r)
	if v > 1e-9*decisive {
		return pointsPerNat * math.Sqrt(v) / decisive
	}
	return (iv.High - iv.Low) / (2 * z)
}

// anchorError is how far the anchors' errors move a rating near r.
func (l likelihood) anchorError(r, scaleError float64) float64 {
	total, sum := 0.0, 0.0
	allWon := Total(l).Losses+Total(l).Draws == 0
	weight := func(x Result) float64 {
		// The weight of the score equation, or of the bound's equation.
		w := float64(x.Record.Games()) * Expected(x.Anchor.Rating, r)
		if !allWon {
			w *= Expected(r, x.Anchor.Rating)
		}
		return w
	}
	for _, x := range l {
		total += weight(x)
	}
	for _, x := range l {
		if total > 0 {
			e := weight(x) / total * x.Anchor.StandardError
			sum += e * e
		}
	}
	return math.Sqrt(scaleError*scaleError + sum)
}

const quadratureSteps = 64

// allWonBound is the rating at which winning every game has probability alpha,
// averaged over a normal error of the anchors with standard deviation sd by the
// trapezoidal rule with the given number of steps over ±8 sd (whose error is
// negligible for an integrand that vanishes at both ends).
func (l likelihood) allWonBound(alpha, sd float64, steps int) float64 {
	probability := func(r float64) float64 {
		sum := 0.0
		for _, x := range l {
			logP, _ := logPQ(r - x.Anchor.Rating)
			sum += float64(x.Record.Games()) * logP
		}
		return math.Exp(sum)
	}
	averaged := probability
	if steps > 0 {
		averaged = func(r float64) float64 {
			sum, weights := 0.0, 0.0
			for i := range steps + 1 {
				x := 16*float64(i)/float64(steps) - 8
				w := math.Exp(-x * x / 2)
				sum += w * probability(r+sd*x)
				weights += w
			}
			return sum / weights
		}
	}
	lo, hi := -4.0*MaxRating, 4.0*MaxRating
	for averaged(lo) > alpha {
		lo *= 2
	}
	for averaged(hi) < alpha {
		hi *= 2
	}
	return root(lo, hi, func(r float64) float64 { return averaged(r) - alpha })
}

func (l likelihood) warnings(e Estimate) []Warning {
	var ws []Warning
	add := func(code WarningCode, format string, args ...any) {
		ws = append(ws, Warning{code, fmt.Sprintf(format, args...)})
	}
	n := e.Games.Games()
	if n < fewGames {
		add(WarnFewGames, "only %d games: the interval's confidence is approximate", n)
	}
	switch {
	case e.Side == Above:
		add(WarnOneSided, "all %d games won: only a lower bound (%.3g%%, one-sided) can be given; play stronger opponents", n, 100*e.Confidence)
	case e.Side == Below:
		add(WarnOneSided, "all %d games lost: only an upper bound (%.3g%%, one-sided) can be given; play weaker opponents", n, 100*e.Confidence)
	case e.Games.Score() < saturatedScore || e.Games.Score() > 1-saturatedScore:
		add(WarnSaturated, "score of %.1f%%: these opponents measure hardly anything; play others nearer in strength", 100*e.Games.Score())
	}
	if e.Side == TwoSided {
		nearest := l[0].Anchor
		for _, x := range l {
			if math.Abs(x.Anchor.Rating-e.Rating) < math.Abs(nearest.Rating-e.Rating) {
				nearest = x.Anchor
			}
		}
		if d := math.Abs(nearest.Rating - e.Rating); d > extrapolatedRange {
			add(WarnExtrapolated, "%.0f points from the nearest opponent, %s (%.0f): the rating rests on the shape of the logistic curve", d, nearest.Name, nearest.Rating)
		}
	}
	if e.AnchorError == 0 {
		add(WarnAnchorErrorUnknown, "the opponents' ratings have no stated error: the interval covers chance in the games only")
	}
	return ws
}

// root finds the zero of a rising f in [lo, hi] by bisection down to the
// resolution of a float64 or 1e-9 points, whichever is coarser.
func root(lo, hi float64, f func(float64) float64) float64 {
	for range 200 {
		mid := lo + (hi-lo)/2
		if hi-lo < 1e-9 || mid <= lo || mid >= hi {
			return mid
		}
		if f(mid) < 0 {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo + (hi-lo)/2
}

// normalQuantile is the inverse of the standard normal distribution function.
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// normalCDF is the standard normal distribution function.
func normalCDF(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

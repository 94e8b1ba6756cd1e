package elo

// Two players who played each other: Elo difference, normalized Elo, LOS.

import (
	"encoding/json"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"transcend/elo/internal/multinomial"
)

// Pairs counts pairs of games on the same opening with colors reversed, by the
// points the player took from the pair: index 0 for none, 1 for half a point,
// up to 4 for two. Pair counts (a pentanomial) give smaller errors than single
// games, because an opening that favors one color cancels within its pair.
type Pairs [5]int

// Add counts one more pair.
func (p *Pairs) Add(first, second Outcome) { p[int(first)+int(second)]++ }

// Count is the number of pairs.
func (p Pairs) Count() int { return p[0] + p[1] + p[2] + p[3] + p[4] }

// Plus is the sum of both counts.
func (p Pairs) Plus(q Pairs) Pairs {
	for i := range p {
		p[i] += q[i]
	}
	return p
}

// Comparison is what the games of a player against one opponent say about the
// difference between them. Positive numbers are in the player's favor.
type Comparison struct {
	Games int // all of them
	Pairs int // 0 when the games were counted one by one
	Score float64
	// Elo is Difference(Score): -400 log10(1/Score - 1). It is infinite, and
	// Side not TwoSided, when everything was won or lost.
	Elo  float64
	Side Side
	// Interval is the likelihood interval of Elo, or the exact one-sided bound;
	// see Record.Compare and Pairs.Compare. Confidence is its, and that of
	// Error and NormalizedInterval.
	Interval   Interval
	Confidence float64
	// Error is what fastchess, fishtest and cutechess print after ±: half of the
	// normal interval of Score, mapped to Elo. It is +Inf where that interval
	// leaves 0 to 100%, and 0 when all games (pairs) ended alike. Interval does
	// not have these defects.
	Error float64
	// NormalizedElo is (Score - 1/2) / sigma * 800/ln 10, sigma being the
	// standard deviation of one game's score (for pairs, sqrt 2 times that of the
	// pair's mean score): the unit in which a test needs the same number of
	// games whatever the draw rate (Van den Bergh, "Normalized Elo", 2020).
	// It is infinite when sigma is 0 and Score is not 1/2.
	NormalizedElo float64
	// NormalizedError is fastchess's: z/sqrt(n) in the same unit, as though sigma
	// were known. NormalizedInterval has sigma's error in it (delta method: the
	// variance of m/s is (1 - g skew + g^2 (kurtosis-1)/4)/n, g = m/s) and Student's
	// quantile. Far from even the first covers as little as 29% instead of 95%.
	NormalizedError    float64
	NormalizedInterval Interval
	// LOS is the likelihood of superiority, the probability under a flat prior
	// and the normal approximation that the player is the stronger one:
	// Phi((Score-1/2)/(sigma/sqrt n)). 0, 1/2 or 1 when sigma is 0.
	LOS float64
	// DrawRatio is the share of drawn games, or of pairs that ended 1-1.
	DrawRatio float64
	// PairRatio is pairs won over pairs lost, +Inf when none was lost; NaN
	// without pairs or without decided ones.
	PairRatio float64
}

// Compare estimates the Elo difference from single games. Interval is that of
// EstimateRating against one opponent rated 0 (the likelihood scaled by the draws;
// Clopper-Pearson's bound when everything was won or lost). confidence 0 means
// 0.95. It returns ErrNoGames without games.
func (r Record) Compare(confidence float64) (Comparison, error) {
	e, err := EstimateRating([]Result{{Record: r}}, Options{Confidence: confidence})
	if err != nil {
		return Comparison{}, err
	}
	c := compare([]float64{float64(r.Losses), float64(r.Draws), float64(r.Wins)}, e.Confidence, 1)
	c.Games, c.PairRatio = r.Games(), math.NaN()
	c.Side, c.Interval = e.Side, e.Sampling
	return c, nil
}

// Compare estimates the Elo difference from pairs. Interval holds every
// difference with mean score s for which
//
//	2 (l(max) - l(s)) <= t^2,
//
// l(s) being the highest log-likelihood of any distribution of the pair's five
// results with mean s, and t the quantile of Student's distribution with
// Pairs-1 degrees of freedom, the usual correction of empirical likelihood for
// few observations (Owen 1990; DiCiccio, Hall and Romano 1991 correct better at
// more cost). All pairs won 2-0: the exact bound, s^pairs = 1-confidence.
// Measured coverage is in docs/results/statistics.md. confidence 0 means 0.95.
// It returns ErrNoGames without pairs.
func (p Pairs) Compare(confidence float64) (Comparison, error) {
	confidence, err := checkConfidence(confidence)
	if err != nil {
		return Comparison{}, err
	}
	counts := make([]float64, len(p))
	for i, c := range p {
		if c < 0 || c > maxGames {
			return Comparison{}, fmt.Errorf("elo: impossible pair counts %v", p)
		}
		counts[i] = float64(c)
	}
	n := p.Count()
	if n == 0 {
		return Comparison{}, ErrNoGames
	}
	c := compare(counts, confidence, 2)
	c.Games, c.Pairs = 2*n, n
	c.PairRatio = float64(p[3]+p[4]) / float64(p[0]+p[1])
	bound := Difference(math.Pow(1-confidence, 1/float64(n)))
	switch n {
	case p[4]:
		c.Side, c.Interval = Above, Interval{bound, math.Inf(1)}
	case p[0]:
		c.Side, c.Interval = Below, Interval{math.Inf(-1), -bound}
	default:
		t := student(confidence, float64(n-1))
		low, high := multinomial.ScoreInterval(counts, t*t)
		c.Side, c.Interval = TwoSided, Interval{Difference(low), Difference(high)}
	}
	return c, nil
}

// compare fills in what games and pairs have in common, for counts of
// observations of gamesEach games.
func compare(counts []float64, confidence, gamesEach float64) Comparison {
	n := multinomial.Total(counts)
	mean, variance, skewness, kurtosis := multinomial.Moments(counts)
	z := normalQuantile((1 + confidence) / 2)
	se := math.Sqrt(variance / n)
	low, high := mean-z*se, mean+z*se
	c := Comparison{
		Score: mean, Elo: Difference(mean), Confidence: confidence,
		DrawRatio: counts[len(counts)/2] / n,
		Error:     math.Inf(1),
	}
	if low > 0 && high < 1 {
		c.Error = (Difference(high) - Difference(low)) / 2
	} else if variance == 0 {
		c.Error = 0
	}
	unit := 2 * pointsPerNat / math.Sqrt(gamesEach)
	c.NormalizedError = unit * z / math.Sqrt(n)
	if variance == 0 {
		c.LOS = 0.5
		if mean != 0.5 {
			c.NormalizedElo = math.Inf(int(math.Copysign(1, mean-0.5)))
			c.LOS = 0.5 + math.Copysign(0.5, mean-0.5)
		}
		c.NormalizedInterval = Interval{math.Inf(-1), math.Inf(1)}
		return c
	}
	g := (mean - 0.5) / math.Sqrt(variance)
	c.NormalizedElo = unit * g
	c.LOS = normalCDF((mean - 0.5) / se)
	half := unit * student(confidence, n-1) * math.Sqrt(max(0, 1-g*skewness+g*g*(kurtosis-1)/4)/n)
	c.NormalizedInterval = Interval{c.NormalizedElo - half, c.NormalizedElo + half}
	return c
}

// student is the two-sided quantile of Student's distribution.
func student(confidence, degrees float64) float64 {
	return distuv.StudentsT{Sigma: 1, Nu: max(1, degrees)}.Quantile((1 + confidence) / 2)
}

// String is the line that engine authors paste, after fastchess:
// "Elo: 40.70 +/- 30.43, nElo: 49.77 +/- 36.77, LOS: 99.60 %, DrawRatio: 32.36 %",
// and PairsRatio with pairs; "Elo: > 127.1" when everything was won.
func (c Comparison) String() string {
	var s string
	switch {
	case c.Side == Above:
		s = fmt.Sprintf("Elo: > %.1f", math.Floor(10*c.Interval.Low)/10)
	case c.Side == Below:
		s = fmt.Sprintf("Elo: < %.1f", math.Ceil(10*c.Interval.High)/10)
	case c.Error > 0 && !math.IsInf(c.Error, 0):
		s = fmt.Sprintf("Elo: %.2f +/- %.2f, nElo: %.2f +/- %.2f", c.Elo, c.Error, c.NormalizedElo, c.NormalizedError)
	default:
		s = fmt.Sprintf("Elo: %.2f [%.2f, %.2f]", c.Elo, c.Interval.Low, c.Interval.High)
	}
	s += fmt.Sprintf(", LOS: %.2f %%, DrawRatio: %.2f %%", 100*c.LOS, 100*c.DrawRatio)
	if c.Pairs > 0 && !math.IsNaN(c.PairRatio) && !math.IsInf(c.PairRatio, 0) {
		s += fmt.Sprintf(", PairsRatio: %.2f", c.PairRatio)
	}
	return s
}

// MarshalJSON writes what is infinite or unknown as null.
func (c Comparison) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Games              int      `json:"games"`
		Pairs              int      `json:"pairs,omitempty"`
		Score              float64  `json:"score"`
		Side               Side     `json:"side"`
		Elo                *float64 `json:"elo"`
		Error              *float64 `json:"error"`
		Interval           Interval `json:"interval"`
		Confidence         float64  `json:"confidence"`
		NormalizedElo      *float64 `json:"normalized_elo"`
		NormalizedError    float64  `json:"normalized_error"`
		NormalizedInterval Interval `json:"normalized_interval"`
		LOS                float64  `json:"los"`
		DrawRatio          float64  `json:"draw_ratio"`
		PairRatio          *float64 `json:"pair_ratio"`
	}{c.Games, c.Pairs, c.Score, c.Side, finite(c.Elo), finite(c.Error), c.Interval, c.Confidence, finite(c.NormalizedElo),
		c.NormalizedError, c.NormalizedInterval, c.LOS, c.DrawRatio, finite(c.PairRatio)})
}

// checkConfidence replaces 0 by 0.95.
func checkConfidence(confidence float64) (float64, error) {
	if confidence == 0 {
		return 0.95, nil
	}
	if !(confidence > 0.5 && confidence < 1) {
		return 0, fmt.Errorf("elo: confidence %v is not between 0.5 and 1", confidence)
	}
	return confidence, nil
}

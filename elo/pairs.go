package elo

// Differences between two players from their games against each other.

import (
	"fmt"
	"math"
)

// LOS is the likelihood of superiority: the probability, under a flat prior and
// the normal approximation, that the player is stronger than the opponent it
// has this record against. Draws carry no information about it. It is 0.5
// without decisive games.
func (r Record) LOS() float64 {
	decisive := r.Wins + r.Losses
	if decisive == 0 {
		return 0.5
	}
	return normalCDF(float64(r.Wins-r.Losses) / math.Sqrt(float64(decisive)))
}

// Pairs counts pairs of games on the same opening with colors reversed, by the
// points the player took from the pair: index 0 for none, 1 for half a point,
// up to 4 for two. Pair counts (a pentanomial) give smaller errors than single
// games, because an opening that favors one color cancels within its pair.
type Pairs [5]int

// Add counts one more pair.
func (p *Pairs) Add(first, second Outcome) { p[int(first)+int(second)]++ }

// Count is the number of pairs.
func (p Pairs) Count() int { return p[0] + p[1] + p[2] + p[3] + p[4] }

// PairDifference is an Elo difference estimated from pairs.
type PairDifference struct {
	Pairs int     `json:"pairs"`
	Score float64 `json:"score"` // mean share of the points, 0 to 1
	// Elo is the logistic difference for Score; Interval is normal in the score
	// and mapped through the same curve. Ends outside 0 to 100% are open.
	Elo      float64  `json:"elo"`
	Interval Interval `json:"interval"`
	// NormalizedElo is (Score - 1/2) / (standard deviation of a game's score)
	// * 800/ln 10, the pair's deviation being divided by sqrt 2: the unit in
	// which a test needs the same number of games whatever the draw rate.
	NormalizedElo float64 `json:"normalized_elo"`
	LOS           float64 `json:"los"`
}

// Difference estimates the Elo difference, with fastchess's and fishtest's
// formulas for pairs: the sample variance of the pair score and the normal
// approximation. confidence 0 means 0.95. It is an error to ask without pairs
// or when all pairs ended alike, where the variance is unknown: use
// EstimateRating on the games then.
func (p Pairs) Difference(confidence float64) (PairDifference, error) {
	if confidence == 0 {
		confidence = 0.95
	}
	if !(confidence > 0.5 && confidence < 1) {
		return PairDifference{}, fmt.Errorf("elo: confidence %v is not between 0.5 and 1", confidence)
	}
	for _, c := range p {
		if c < 0 || c > maxGames {
			return PairDifference{}, fmt.Errorf("elo: impossible pair counts %v", p)
		}
	}
	n := float64(p.Count())
	if n == 0 {
		return PairDifference{}, ErrNoGames
	}
	mean, variance := 0.0, 0.0
	for i, c := range p {
		mean += float64(c) * float64(i) / 4 / n
	}
	for i, c := range p {
		d := float64(i)/4 - mean
		variance += float64(c) * d * d / n
	}
	if variance == 0 {
		return PairDifference{}, fmt.Errorf("elo: all %d pairs ended alike: their variance is unknown", p.Count())
	}
	se := math.Sqrt(variance / n)
	z := normalQuantile((1 + confidence) / 2)
	return PairDifference{
		Pairs:         p.Count(),
		Score:         mean,
		Elo:           Difference(mean),
		Interval:      Interval{Difference(max(mean-z*se, 0)), Difference(min(mean+z*se, 1))},
		NormalizedElo: (mean - 0.5) / math.Sqrt(2*variance) * 2 * pointsPerNat,
		LOS:           normalCDF((mean - 0.5) / se),
	}, nil
}

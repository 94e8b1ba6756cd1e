// Package ladder chooses opponents: of players of known rating, those whose games
// tell most about the rating of a player under test.
//
// A game against an opponent at whom the expected score is p tells p(1-p) (Fisher's
// information, in units of (ln 10/400)^2), most at p = 1/2. But the rating is only as
// good as the opponents' own: all games against one opponent leave that opponent's
// error in it for good. So the next pair of games goes where the variance of the
// rating, both sources included, becomes smallest:
//
//	V = c^2/I + sum_j (I_j/I)^2 sigma_j^2,   I_j = n_j p_j (1-p_j),  I = sum I_j,  c = 400/ln 10
//
// for n_j games against opponent j, whose standard error is sigma_j. An error that all
// opponents share moves the rating whoever is chosen, and does not count here.
package ladder

import (
	"errors"
	"fmt"
	"math"

	"transcend/elo"
)

// Options of a Plan.
type Options struct {
	// Games is how many games are played at most, an even number: pairs of the
	// same opening with colors reversed.
	Games int
	// Precision ends the games when both sides of the interval of the rating, with
	// the opponents' ratings taken as exact, are at most this wide; 0: never.
	Precision  float64
	Confidence float64 // of that interval; 0 means 0.95
}

// Slot is a game: the opponent's place in the list, and the number of the game
// against it, from 0. Games 2k and 2k+1 are a pair.
type Slot struct{ Opponent, Number int }

// Why a plan ended.
type End string

// The ends.
const (
	Unfinished End = ""          // there are games to play
	AllPlayed  End = "games"     // as many as Options.Games
	Precise    End = "precision" // Options.Precision was reached
)

// rounds: after the first, each round has an eighth of the pairs so far, so that
// choices are made often while there is much to learn and many games can be in
// play later on.
const (
	firstRound = 4
	lastRound  = 50
)

// Next returns the games that are to be played now: those of the present round
// that have no outcome yet. The rounds are the same for the same outcomes, in
// whatever order and by however many programs the games were played: the opponents
// of a round follow from the outcomes of the rounds before. known returns the
// outcome of a game that was played, from the view of the player under test.
func Next(opponents []elo.Anchor, opt Options, known func(Slot) (elo.Outcome, bool)) ([]Slot, End, error) {
	if len(opponents) == 0 {
		return nil, Unfinished, errors.New("elo/ladder: no opponents")
	}
	if opt.Games < 2 || opt.Games%2 != 0 {
		return nil, Unfinished, fmt.Errorf("elo/ladder: %d games are no pairs", opt.Games)
	}
	for _, a := range opponents {
		if !(math.Abs(a.Rating) <= elo.MaxRating) || !(a.StandardError >= 0 && a.StandardError <= elo.MaxRating) {
			return nil, Unfinished, fmt.Errorf("elo/ladder: %q: impossible rating %v or error %v", a.Name, a.Rating, a.StandardError)
		}
	}
	results := make([]elo.Result, len(opponents))
	for i, a := range opponents {
		results[i].Anchor = a
	}
	for played := 0; played < opt.Games; {
		size := min(max(firstRound, min(played/16, lastRound)), (opt.Games-played)/2)
		var missing []Slot
		outcomes := make([]elo.Record, len(opponents))
		for i, pairs := range choose(results, size) {
			first := results[i].Record.Games()
			for n := first; n < first+2*pairs; n++ {
				o, ok := known(Slot{i, n})
				if !ok {
					missing = append(missing, Slot{i, n})
					continue
				}
				outcomes[i].Add(o)
			}
		}
		if len(missing) > 0 {
			return missing, Unfinished, nil
		}
		for i, r := range outcomes {
			results[i].Record = results[i].Record.Plus(r)
		}
		played += 2 * size
		if opt.Precision > 0 {
			e, err := elo.EstimateRating(results, elo.Options{Confidence: opt.Confidence})
			if err != nil {
				return nil, Unfinished, err
			}
			if e.Side == elo.TwoSided && e.Rating-e.Sampling.Low <= opt.Precision && e.Sampling.High-e.Rating <= opt.Precision {
				return nil, Precise, nil
			}
		}
	}
	return nil, AllPlayed, nil
}

// choose spreads pairs of games over opponents, one after the other, and returns
// how many each gets. A prefix of the choices for many pairs is the choices for
// few, so that more games extend a plan.
func choose(results []elo.Result, pairs int) []int {
	rating := guess(results)
	information := make([]float64, len(results))
	gain := make([]float64, len(results)) // of a pair
	lowest := 0
	for i, r := range results {
		p := elo.Expected(rating, r.Anchor.Rating)
		gain[i] = 2 * p * (1 - p)
		information[i] = float64(r.Record.Games()) / 2 * gain[i]
		if r.Anchor.Rating < results[lowest].Anchor.Rating {
			lowest = i
		}
	}
	chosen := make([]int, len(results))
	for range pairs {
		// Where nothing tells anything, the weakest is nearest.
		best, least := lowest, math.Inf(1)
		for i := range results {
			information[i] += gain[i]
			if v := variance(information, results); v < least {
				best, least = i, v
			}
			information[i] -= gain[i]
		}
		information[best] += gain[best]
		chosen[best]++
	}
	return chosen
}

// variance is V of the package's comment.
func variance(information []float64, results []elo.Result) float64 {
	const c = 400 / math.Ln10
	total, sum := 0.0, 0.0
	for i, x := range information {
		total += x
		e := x * results[i].Anchor.StandardError
		sum += e * e
	}
	return c*c/total + sum/(total*total)
}

// guess is the rating at which opponents are compared: the likeliest one with one
// drawn game against the weakest opponent thrown in. So the first games are against
// it, as models under test are weak, and a player who won or lost everything has a
// finite guess too.
func guess(results []elo.Result) float64 {
	lowest := results[0].Anchor
	for _, r := range results {
		if r.Anchor.Rating < lowest.Rating {
			lowest = r.Anchor
		}
	}
	with := append([]elo.Result{{Anchor: lowest, Record: elo.Record{Draws: 1}}}, results...)
	rating, err := elo.Performance(with)
	if err != nil { // Next has checked all that can be wrong
		return lowest.Rating
	}
	return rating
}

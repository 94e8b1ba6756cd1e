// Package elo turns game results into ratings. Everything in it is a pure
// function of results: it knows no engine, reads no file and prints nothing.
// What a reader of a number should be told beside it comes back as a Warning.
//
// Two estimators of one player's rating stand side by side:
//
//   - EstimateRating is the result: maximum likelihood of one player against
//     opponents of known rating, with an interval, or with an honest one-sided
//     bound when the player won or lost everything. It uses every game equally
//     and does not depend on their order.
//   - PaperGlicko2 is the procedure of the Transcendence paper: Glicko-2 with
//     one rating period a game, in stored order. It is here so that numbers can
//     be compared with the published ones; its dependence on the order of the
//     games is measured by PaperGlicko2Spread.
//
// Record.Compare and Pairs.Compare are for two players who played each other; the
// packages below rate many at once (joint), compare several on the same openings
// (sweep) and test sequentially (sprt).
//
// A rating is a number on a scale, and the scale is given by the opponents:
// see AnchorSet. Numbers on different scales must not be mixed.
package elo

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// pointsPerNat converts the natural logistic scale to Elo points: a difference
// of 400 points means odds of ten to one.
const pointsPerNat = 400 / math.Ln10

// MaxRating bounds every rating that this package accepts, on both sides of
// zero. Far outside any chess scale, it keeps all the exponentials finite.
const MaxRating = 10000

// maxGames bounds the number of games of one record, so that sums of records
// stay exact in a float64 and far from the limits of an int.
const maxGames = 1 << 40

// ErrNoGames is returned where a rating of nothing was asked for.
var ErrNoGames = errors.New("elo: no games to rate")

// Outcome is the result of one game as the rated player sees it.
type Outcome uint8

// The outcomes, in the order of their points.
const (
	Loss Outcome = iota
	Draw
	Win
)

// Points is 0, 1/2 or 1.
func (o Outcome) Points() float64 { return float64(o) / 2 }

// String is "loss", "draw" or "win".
func (o Outcome) String() string {
	switch o {
	case Loss:
		return "loss"
	case Draw:
		return "draw"
	case Win:
		return "win"
	}
	return fmt.Sprintf("Outcome(%d)", uint8(o))
}

// Record counts games by outcome, as the rated player sees them.
type Record struct {
	Wins   int `json:"wins"`
	Draws  int `json:"draws"`
	Losses int `json:"losses"`
}

// Games is the number of games.
func (r Record) Games() int { return r.Wins + r.Draws + r.Losses }

// Points counts a win as one and a draw as half a point.
func (r Record) Points() float64 { return float64(r.Wins) + float64(r.Draws)/2 }

// Score is the share of the points, 0 to 1, and 0 without games.
func (r Record) Score() float64 {
	if r.Games() == 0 {
		return 0
	}
	return r.Points() / float64(r.Games())
}

// Add counts one more game.
func (r *Record) Add(o Outcome) {
	switch o {
	case Win:
		r.Wins++
	case Draw:
		r.Draws++
	default:
		r.Losses++
	}
}

// Plus is the sum of both records.
func (r Record) Plus(s Record) Record {
	return Record{r.Wins + s.Wins, r.Draws + s.Draws, r.Losses + s.Losses}
}

// Inverse is the record as the opponent sees it.
func (r Record) Inverse() Record { return Record{r.Losses, r.Draws, r.Wins} }

func (r Record) check() error {
	for _, n := range []int{r.Wins, r.Draws, r.Losses} {
		if n < 0 || n > maxGames {
			return fmt.Errorf("elo: impossible record of %d wins, %d draws, %d losses", r.Wins, r.Draws, r.Losses)
		}
	}
	return nil
}

// Anchor is an opponent whose rating is taken as known.
type Anchor struct {
	Name   string  `json:"name"`
	Rating float64 `json:"rating"`
	// StandardError is the anchor's own uncertainty, independent of the other
	// anchors', in points; 0 where its source gives none. What all anchors of a
	// scale share belongs into Options.ScaleError.
	StandardError float64 `json:"standard_error,omitempty"`
}

// Result is the player's record against one anchor.
type Result struct {
	Anchor Anchor `json:"anchor"`
	Record Record `json:"record"`
}

// Total is the sum of all records.
func Total(results []Result) Record {
	var sum Record
	for _, r := range results {
		sum = sum.Plus(r.Record)
	}
	return sum
}

// Expected is the expected score of a player rated rating against an opponent:
// 1 / (1 + 10^((opponent-rating)/400)).
func Expected(rating, opponent float64) float64 {
	return 1 / (1 + math.Exp((opponent-rating)/pointsPerNat))
}

// Difference is the inverse of Expected: the rating difference at which score
// is expected. It is -Inf at 0, +Inf at 1, and NaN outside.
func Difference(score float64) float64 {
	return pointsPerNat * (math.Log(score) - math.Log1p(-score))
}

// Interval is a range of ratings. An open end is infinite; in JSON it is null.
type Interval struct {
	Low, High float64
}

// Contains says whether x lies inside, ends included.
func (iv Interval) Contains(x float64) bool { return iv.Low <= x && x <= iv.High }

type intervalJSON struct {
	Low  *float64 `json:"low"`
	High *float64 `json:"high"`
}

// MarshalJSON writes {"low": x, "high": y} with null for an open end.
func (iv Interval) MarshalJSON() ([]byte, error) {
	return json.Marshal(intervalJSON{finite(iv.Low), finite(iv.High)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (iv *Interval) UnmarshalJSON(b []byte) error {
	var j intervalJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	iv.Low, iv.High = math.Inf(-1), math.Inf(1)
	if j.Low != nil {
		iv.Low = *j.Low
	}
	if j.High != nil {
		iv.High = *j.High
	}
	return nil
}

// finite is a pointer to x, or nil, which JSON has instead of infinity.
func finite(x float64) *float64 {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return nil
	}
	return &x
}

// WarningCode names a kind of warning, for programs.
type WarningCode string

// The kinds of warnings.
const (
	// WarnFewGames: too few games for the interval's stated confidence to hold
	// closely at every rating.
	WarnFewGames WarningCode = "few-games"
	// WarnOneSided: all won or all lost; there is a bound instead of a rating.
	WarnOneSided WarningCode = "one-sided"
	// WarnSaturated: the score is so near 0 or 100% that the opponents measure
	// hardly anything.
	WarnSaturated WarningCode = "saturated"
	// WarnExtrapolated: the rating is far from every opponent's, and rests on
	// the shape of the logistic curve where it is known worst.
	WarnExtrapolated WarningCode = "extrapolated"
	// WarnAnchorErrorUnknown: no opponent's rating has a stated error, so that
	// the total interval covers chance in the games only.
	WarnAnchorErrorUnknown WarningCode = "anchor-error-unknown"
	// WarnRepeatedGames: many games are move for move the same; they count as
	// one observation, not as many. The caller that has the moves adds it.
	WarnRepeatedGames WarningCode = "repeated-games"
	// WarnConditions: games played under other conditions than those for which
	// the opponents' ratings hold. The caller that knows the limits adds it.
	WarnConditions WarningCode = "conditions"
)

// Warning is what a reader of a rating should be told beside it.
type Warning struct {
	Code WarningCode `json:"code"`
	Text string      `json:"text"`
}

// String is the text.
func (w Warning) String() string { return w.Text }

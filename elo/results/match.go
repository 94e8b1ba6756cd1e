package results

// One player against another.

import (
	"fmt"
	"io"
	"math"
	"strings"

	"transcend/elo"
	"transcend/elo/joint"
	"transcend/elo/sprt"
	"transcend/internal/cli"
)

// Options say what to report. The zero value is usable.
type Options struct {
	Confidence float64     // of the intervals; 0: 0.95
	Test       *sprt.Test  // nil: none
	Opponent   *elo.Anchor // the rating of the other in counts; nil: not known
	MinGames   int         // leaves out players with fewer, and then those whom that leaves with fewer
	Joint      joint.Options
}

// Count reports on counts of games, or of pairs, which then are all of the games.
func Count(record elo.Record, pairs *elo.Pairs, o Options) (*Match, error) {
	return o.match(record, pairs)
}

// Match is everything about one player's games against another.
type Match struct {
	Players    []string       `json:"players,omitempty"` // the counted one first
	Record     *elo.Record    `json:"record,omitempty"`
	Pairs      *elo.Pairs     `json:"ptnml,omitempty"`
	Comparison elo.Comparison `json:"comparison"`
	Rating     *elo.Estimate  `json:"rating,omitempty"` // of games against --opponent-elo
	// PairsRating is the rating from pairs, with the opponent's error.
	PairsRating *pairsRating `json:"pairs_rating,omitempty"`
	SPRT        *sprt.Status `json:"sprt,omitempty"`

	opponent *elo.Anchor
}

type pairsRating struct {
	Rating   *float64     `json:"rating"` // null when there is only a bound
	Interval elo.Interval `json:"interval"`
}

// match reports on a player's results against one other: from pairs when they are given, and
// else from games.
func (s *Options) match(record elo.Record, pairs *elo.Pairs) (*Match, error) {
	r := &Match{opponent: s.Opponent}
	var err error
	if pairs != nil {
		r.Pairs = pairs
		r.Comparison, err = pairs.Compare(s.Confidence)
	} else {
		r.Record = &record
		r.Comparison, err = record.Compare(s.Confidence)
	}
	if err != nil {
		return nil, err
	}
	if s.Test != nil {
		status := s.Test.Status(record)
		if pairs != nil {
			status = s.Test.PairsStatus(*pairs)
		}
		r.SPRT = &status
	}
	if s.Opponent == nil {
		return r, nil
	}
	if pairs == nil {
		e, err := elo.EstimateRating([]elo.Result{{Anchor: *s.Opponent, Record: record}}, elo.Options{Confidence: s.Confidence})
		if err != nil {
			return nil, err
		}
		r.Rating = &e
		return r, nil
	}
	// The interval from pairs, its sides widened by the opponent's error.
	c := r.Comparison
	z := math.Sqrt2 * math.Erfinv(c.Confidence)
	widened := func(side float64) float64 { return math.Hypot(side, z*s.Opponent.StandardError) }
	r.PairsRating = &pairsRating{}
	switch c.Side {
	case elo.Above:
		r.PairsRating.Interval = elo.Interval{Low: s.Opponent.Rating + c.Interval.Low - z*s.Opponent.StandardError, High: math.Inf(1)}
	case elo.Below:
		r.PairsRating.Interval = elo.Interval{Low: math.Inf(-1), High: s.Opponent.Rating + c.Interval.High + z*s.Opponent.StandardError}
	default:
		rating := s.Opponent.Rating + c.Elo
		r.PairsRating.Rating = &rating
		r.PairsRating.Interval = elo.Interval{Low: rating - widened(c.Elo-c.Interval.Low), High: rating + widened(c.Interval.High-c.Elo)}
	}
	return r, nil
}

// WriteText writes the report as lines.
func (r *Match) WriteText(w io.Writer) error {
	c := r.Comparison
	percent := fmt.Sprintf("%g%%", 100*c.Confidence)
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s "+format+"\n", append([]any{name}, args...)...)
	}
	if len(r.Players) == 2 {
		line("players", "%s against %s", cli.Printable(r.Players[0]), cli.Printable(r.Players[1]))
	}
	if r.Pairs != nil {
		line("pairs", "%s (%s games), Ptnml(0-2): %v", cli.Count(c.Pairs), cli.Count(c.Games), *r.Pairs)
	} else {
		line("games", "%s: %s won, %s drawn, %s lost", cli.Count(c.Games), cli.Count(r.Record.Wins), cli.Count(r.Record.Draws), cli.Count(r.Record.Losses))
	}
	line("score", "%.2f%%", 100*c.Score)
	switch c.Side {
	case elo.Above:
		line("Elo", "> %+.1f (%s, one-sided)", math.Floor(10*c.Interval.Low)/10, percent)
	case elo.Below:
		line("Elo", "< %+.1f (%s, one-sided)", math.Ceil(10*c.Interval.High)/10, percent)
	default:
		line("Elo", "%+.1f [%+.1f, %+.1f] (%s)", c.Elo, c.Interval.Low, c.Interval.High, percent)
		if !math.IsInf(c.NormalizedInterval.High, 1) {
			line("nElo", "%+.1f [%+.1f, %+.1f]", c.NormalizedElo, c.NormalizedInterval.Low, c.NormalizedInterval.High)
		}
	}
	line("LOS", "%.2f%%", 100*c.LOS)
	if c.Pairs > 0 && !math.IsNaN(c.PairRatio) && !math.IsInf(c.PairRatio, 0) {
		line("ratios", "draws %.1f%% of pairs, pairs won/lost %.2f", 100*c.DrawRatio, c.PairRatio)
	} else {
		line("ratios", "draws %.1f%%", 100*c.DrawRatio)
	}
	line("fastchess", "%s", c)
	switch {
	case r.Rating != nil:
		line("rating", "%s against %.0f", r.Rating, r.opponent.Rating)
		if r.Rating.AnchorError > 0 {
			line("", "%s with the opponent's error, %.0f%% of the variance", r.Rating.TotalString(), 100*r.Rating.AnchorShare())
		}
		for _, warning := range r.Rating.Warnings {
			line("note", "%s", warning)
		}
	case r.PairsRating != nil && r.PairsRating.Rating != nil:
		line("rating", "%.0f [%.0f, %.0f] against %.0f±%.0f", *r.PairsRating.Rating, r.PairsRating.Interval.Low, r.PairsRating.Interval.High, r.opponent.Rating, r.opponent.StandardError)
	case r.PairsRating != nil && math.IsInf(r.PairsRating.Interval.High, 1):
		line("rating", "> %.0f against %.0f±%.0f", r.PairsRating.Interval.Low, r.opponent.Rating, r.opponent.StandardError)
	case r.PairsRating != nil:
		line("rating", "< %.0f against %.0f±%.0f", r.PairsRating.Interval.High, r.opponent.Rating, r.opponent.StandardError)
	}
	if r.SPRT != nil {
		words := map[sprt.Decision]string{sprt.Continue: "go on", sprt.AcceptH0: "H0 accepted", sprt.AcceptH1: "H1 accepted"}
		line("SPRT", "%s %s, %s Elo", r.SPRT, words[r.SPRT.Decision], r.SPRT.Test.Model)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

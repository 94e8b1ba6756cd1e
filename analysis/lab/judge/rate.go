package judge

// Ratings of everybody in an experiment, and whether a model is above all whom it imitates.

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat/distuv"

	"transcend/analysis/lab"
	"transcend/data/league"
	"transcend/elo"
	"transcend/elo/joint"
)

// Ratings is one fit of all games of an experiment.
type Ratings struct {
	// Fit has no anchors, so that intervals are about the games alone; ratings are shifted so
	// that the league's players have on the average the rating that the league's table gives
	// them. Scale is that table's, and Shifted says by how many players.
	Fit     *joint.Fit
	Scale   string
	Shifted int
	// Misfit is the root mean square of the differences between these players' ratings
	// here and in the table.
	Misfit float64

	index map[string]int
	// wide are the intervals at the confidence that makes those of all temperatures of a
	// model hold at once.
	wide map[float64]*joint.Fit
	// what the fit was made of, for other confidences.
	players []joint.Player
	games   []joint.Game
	shift   float64
}

// fitName is what a player of a cell's games is called in the fit: models belong to their
// cell.
func fitName(c *lab.Cell, name string) string {
	if strings.HasPrefix(name, lab.ModelPrefix) {
		return c.Name + " " + name
	}
	return name
}

// rate fits all games of the cells. Equal references of several cells count once.
func rate(cells []*lab.Done) (*Ratings, error) {
	r := &Ratings{Scale: league.Ratings().Scale, index: map[string]int{}, wide: map[float64]*joint.Fit{}}
	number := func(name string) int {
		i, ok := r.index[name]
		if !ok {
			i = len(r.players)
			r.index[name] = i
			r.players = append(r.players, joint.Player{Name: name})
		}
		return i
	}
	known := map[lab.PlayedGame]bool{}
	add := func(c *lab.Cell, g lab.PlayedGame) {
		a, b, outcome := number(fitName(c, g.A)), number(fitName(c, g.B)), elo.Outcome(g.Half)
		if g.Number%2 == 1 {
			a, b, outcome = b, a, elo.Win-outcome
		}
		r.games = append(r.games, joint.Game{White: a, Black: b, Outcome: outcome})
	}
	for _, d := range cells {
		for _, g := range d.References {
			if !known[g] {
				known[g] = true
				add(&d.Cell, g)
			}
		}
		for _, g := range d.Games {
			add(&d.Cell, g)
		}
	}
	fit, err := joint.Rate(r.players, r.games, joint.Options{})
	if err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	table := league.Ratings()
	var differences []float64
	for _, p := range fit.Ratings {
		player, err := league.Parse(p.Name)
		if err != nil || p.Side != elo.TwoSided || p.Pool != 0 {
			continue // no player of the league
		}
		if known := table.Elo(&player); known > 0 {
			differences = append(differences, float64(known)-p.Rating)
		}
	}
	r.Fit, r.Shifted = fit, len(differences)
	for _, d := range differences {
		r.shift += d / float64(len(differences))
	}
	for _, d := range differences {
		r.Misfit += (d - r.shift) * (d - r.shift) / float64(len(differences))
	}
	r.Misfit = math.Sqrt(r.Misfit)
	move(fit, r.shift)
	return r, nil
}

// move shifts all ratings.
func move(fit *joint.Fit, by float64) {
	for i := range fit.Ratings {
		p := &fit.Ratings[i]
		if p.Side == elo.TwoSided {
			p.Rating += by
		}
		p.Interval.Low, p.Interval.High = p.Interval.Low+by, p.Interval.High+by
	}
}

// Of returns a player's rating.
func (r *Ratings) Of(c *lab.Cell, name string) (joint.Rating, bool) {
	i, ok := r.index[fitName(c, name)]
	if !ok {
		return joint.Rating{}, false
	}
	return r.Fit.Ratings[i], true
}

// simultaneous returns a player's interval at a confidence with which those of k
// players hold at once (Bonferroni).
func (r *Ratings) simultaneous(c *lab.Cell, name string, k int) (elo.Interval, error) {
	i, ok := r.index[fitName(c, name)]
	if !ok {
		return elo.Interval{}, fmt.Errorf("judge: nobody is called %s", name)
	}
	confidence := 1 - 0.05/float64(k)
	fit := r.wide[confidence]
	if fit == nil {
		var err error
		if fit, err = joint.Rate(r.players, r.games, joint.Options{Confidence: confidence}); err != nil {
			return elo.Interval{}, fmt.Errorf("judge: %w", err)
		}
		move(fit, r.shift)
		r.wide[confidence] = fit
	}
	return fit.Ratings[i].Interval, nil
}

// Estimate is a rating with its 95% interval.
type Estimate struct {
	Name          string       `json:"name"`
	Rating        float64      `json:"rating"`
	StandardError float64      `json:"standard_error"`
	Interval      elo.Interval `json:"interval"`
}

// estimateOf makes an estimate of a fitted rating; ok is false for a bound.
func estimateOf(r joint.Rating) (Estimate, bool) {
	return Estimate{r.Name, r.Rating, r.StandardError, r.Interval}, r.Side == elo.TwoSided
}

// Claim is what a verdict comes to.
type Claim string

// The claims.
const (
	Transcends    Claim = "transcends"         // above the best expert
	NotAbove      Claim = "does not transcend" // below the best expert
	NotShown      Claim = "not shown"          // the intervals overlap
	NotMeasurable Claim = "not measurable"     // a rating is only a bound
)

// Compare sets a model's interval beside the experts': it transcends when its lower end
// is above the upper end of every expert's, and does not when its upper end is below the
// lower end of one.
//
// Both are 95% intervals, two-sided. A model that is as strong as the best expert is
// called transcending with a probability far below the 2.5% of its own interval: the two
// would have to err in opposite directions.
func Compare(model elo.Interval, experts []Estimate) Claim {
	best, floor := math.Inf(-1), math.Inf(-1)
	for _, e := range experts {
		best, floor = max(best, e.Interval.High), max(floor, e.Interval.Low)
	}
	switch {
	case len(experts) == 0 || math.IsNaN(model.Low) || math.IsNaN(model.High):
		return NotMeasurable
	case model.Low > best:
		return Transcends
	case model.High < floor:
		return NotAbove
	}
	return NotShown
}

// over puts the ratings of several training seeds together: the mean with Student's interval over
// the seeds. Where the seeds by chance differ less than their own errors say they should, those
// errors count. One seed keeps its own interval, which says nothing about other seeds.
func over(seeds []Estimate) Estimate {
	if len(seeds) == 1 {
		return seeds[0]
	}
	n := float64(len(seeds))
	var mean, between, own float64
	for _, s := range seeds {
		mean += s.Rating / n
		own += s.StandardError * s.StandardError / n
	}
	for _, s := range seeds {
		between += (s.Rating - mean) * (s.Rating - mean) / (n - 1)
	}
	e := Estimate{Rating: mean, StandardError: math.Sqrt(max(between, own) / n)}
	t := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.975)
	e.Interval = elo.Interval{Low: mean - t*e.StandardError, High: mean + t*e.StandardError}
	return e
}

// Verdict is about one group of cells: a corpus, a model and a training with all their
// seeds.
type Verdict struct {
	Group    string `json:"group"`
	Headline bool   `json:"headline"`
	// Claim is about the temperature that was fixed beforehand, over all seeds; Model is
	// the model's rating there, Best the expert whose interval ends highest.
	Temperature float64  `json:"temperature"`
	Claim       Claim    `json:"claim"`
	Model       Estimate `json:"model"`
	Best        Estimate `json:"best"`
	// Seeds are the claims of each seed alone, by its own games.
	Seeds []SeedVerdict `json:"seeds"`
	// Any is about the best of all temperatures, picked afterwards, in every seed: the claim that
	// each seed's simultaneous intervals allow, if all say the same.
	Any            Claim   `json:"any"`
	AnyTemperature float64 `json:"any_temperature"` // of the first seed
	// Masked is the model's rating at that temperature among legal moves only, over all seeds, and
	// MaskedClaim what that would come to; nil where that was not played or is only a bound.
	Masked      *Estimate `json:"masked,omitempty"`
	MaskedClaim Claim     `json:"masked_claim,omitempty"`
	// Head is the score of the model against the experts alone, all seeds: what no fit
	// stands between.
	Head elo.Record `json:"head"`
}

// SeedVerdict is a verdict about one training.
type SeedVerdict struct {
	Cell  string   `json:"cell"`
	Seed  uint64   `json:"seed"`
	Model Estimate `json:"model"`
	Claim Claim    `json:"claim"`
}

// verdicts judges every group that has a model.
func (r *Report) verdicts() error {
	for _, group := range r.Groups() {
		first := &group[0].Cell
		if first.Model.None() || first.Measure.Games == 0 {
			continue
		}
		v := Verdict{Group: first.Group, Headline: first.Headline, Temperature: first.Measure.Temperatures[0]}
		experts := r.Experts(first)
		measurable := len(experts) > 0
		for i, e := range experts {
			if i == 0 || e.Interval.High > v.Best.Interval.High {
				v.Best = e
			}
		}
		var seeds, masked []Estimate
		for n, d := range group {
			if rating, ok := r.Ratings.Of(&d.Cell, lab.MaskedName(v.Temperature)); ok {
				if e, two := estimateOf(rating); two {
					masked = append(masked, e)
				}
			}
			rating, _ := r.Ratings.Of(&d.Cell, lab.ModelName(v.Temperature))
			e, two := estimateOf(rating)
			claim := Compare(e.Interval, experts)
			v.Seeds = append(v.Seeds, SeedVerdict{d.Cell.Name, d.Cell.Seed, e, claim})
			if !two {
				// A bound: the mean over seeds has no meaning.
				measurable = false
			}
			seeds = append(seeds, e)
			for _, g := range d.Games {
				if g.A == lab.ModelName(v.Temperature) && slices.ContainsFunc(experts, func(e Estimate) bool { return e.Name == g.B }) {
					v.Head.Add(elo.Outcome(g.Half))
				}
			}
			best, claim, err := r.best(&d.Cell, experts)
			if err != nil {
				return err
			}
			if n == 0 {
				v.Any, v.AnyTemperature = claim, best
			} else if v.Any != claim {
				v.Any = NotShown
			}
		}
		if len(masked) == len(group) {
			e := over(masked)
			v.Masked, v.MaskedClaim = &e, Compare(e.Interval, experts)
		}
		if measurable {
			v.Model = over(seeds)
			v.Claim = Compare(v.Model.Interval, experts)
		} else {
			// All seeds agree, or nothing is claimed.
			v.Claim = v.Seeds[0].Claim
			for _, s := range v.Seeds {
				if s.Claim != v.Claim {
					v.Claim = NotMeasurable
				}
			}
		}
		r.Verdicts = append(r.Verdicts, v)
	}
	return nil
}

// best is the temperature at which a cell's model is strongest, and what its simultaneous
// intervals allow to say.
func (r *Report) best(c *lab.Cell, experts []Estimate) (temperature float64, claim Claim, err error) {
	high := math.Inf(-1)
	below := true
	claim = NotShown
	for _, t := range c.Measure.Temperatures {
		rating, _ := r.Ratings.Of(c, lab.ModelName(t))
		wide, err := r.Ratings.simultaneous(c, lab.ModelName(t), len(c.Measure.Temperatures))
		if err != nil {
			return 0, claim, err
		}
		height := rating.Rating
		if rating.Side != elo.TwoSided {
			height = wide.High
		}
		if height > high {
			high, temperature = height, t
		}
		switch Compare(wide, experts) {
		case Transcends:
			claim, below = Transcends, false
		case NotShown:
			below = false
		}
	}
	if below {
		claim = NotAbove
	}
	return temperature, claim, nil
}

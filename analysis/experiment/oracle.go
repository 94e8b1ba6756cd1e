package experiment

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"

	"transcend/analysis/ideal"
	"transcend/analysis/lab"
	"transcend/analysis/lab/judge"
	"transcend/data/league"
	"transcend/data/league/mixture"
	"transcend/engine"
	"transcend/internal/bitboard"
	"transcend/internal/figure"
)

// ideally is an ideal learner of a cell's experts.
type ideally struct {
	tau                   float64
	posterior, characters bool
}

// name is what it is called in the games: it depends on the experts alone, so that cells of a group
// that differ by their seeds have it in common.
func (v ideally) name(c *lab.Cell) string {
	name := c.Group + " ideal"
	if v.posterior {
		name += " posterior"
	}
	if v.characters {
		name += " characters"
	}
	return fmt.Sprintf("%s T=%g", name, v.tau)
}

// is reports whether a row is this learner's.
func (v ideally) is(r ideal.Row) bool {
	return r.Kind == "mixture" && r.Tau == v.tau && r.Posterior == v.posterior && r.Characters == v.characters
}

// idealEntrants let ideal learners play.
func idealEntrants(s *lab.Setup, learners ...ideally) ([]lab.Entrant, error) {
	rule, err := league.ParseOpeningRule(s.Cell.Corpus.Openings)
	if err != nil {
		return nil, err
	}
	if s.Cell.Corpus.MaxElo > 0 || rule.Named {
		return nil, fmt.Errorf("experiment: cell %s: ideal learners know corpora without a cap and without named openings", s.Cell.Name)
	}
	options := mixture.Options{MaxGap: s.Cell.Corpus.MaxGap, RandomPlies: rule.RandomPlies}
	mixture, err := mixture.New(s.Experts, options)
	if err != nil {
		return nil, err
	}
	var all []lab.Entrant
	for _, v := range learners {
		if v.posterior && mixture.Alike() {
			continue // the same learner
		}
		config := engine.IdealConfig{Pool: s.Experts.Name, Options: options, Temperature: v.tau, Posterior: v.posterior, Characters: v.characters}
		all = append(all, lab.Entrant{Name: v.name(s.Cell), New: func(context.Context) (engine.Player, error) {
			return engine.NewIdealPlayer(config, mixture)
		}})
	}
	return all, nil
}

// rewardShare is how many of the positions that agreement is measured on get rewards: these take a
// search of all moves.
const rewardShare = 6

// judgeOf is the search that gives rewards.
func judgeOf(m *lab.Measure) ideal.Judge {
	if m.Positions < 1000 {
		return ideal.Judge{Depth: 2} // a preset that decides nothing
	}
	return ideal.DefaultJudge
}

// measureIdeal compares experts, ideal learners and model in positions of held-out games.
func measureIdeal(ctx context.Context, s *lab.Setup) (any, error) {
	c := s.Cell
	corpus, err := c.Corpus.League()
	if err != nil {
		return nil, err
	}
	plies := 0
	for _, g := range s.HeldOut {
		plies += len(g.Moves)
	}
	if plies == 0 {
		return nil, fmt.Errorf("no held-out games")
	}
	o := ideal.EvaluateOptions{
		Corpus: corpus, Games: s.HeldOut, Judge: judgeOf(&c.Measure),
		Share:        min(1, float64(c.Measure.Positions)/rewardShare/float64(plies)),
		Temperatures: append([]float64{0}, c.Measure.Temperatures...),
		Progress: func(games, positions int) {
			s.Progress(float64(games)/float64(len(s.HeldOut)), fmt.Sprintf("rewards: %d positions of %d games", positions, games))
		},
	}
	if s.Model != nil {
		o.Others = append(o.Others, modelPolicy(s))
	}
	e, err := ideal.Evaluate(ctx, o)
	if err != nil {
		return nil, err
	}
	m := &measured{Summary: e.Summary(c.Group, o.Judge)}
	if slices.ContainsFunc(s.Experts.Players, func(p league.Rated) bool { return p.Shared }) {
		o.Others, o.Unseen = nil, true
		if e, err = ideal.Evaluate(ctx, o); err != nil {
			return nil, err
		}
		m.Unseen = e.Summary(c.Group, o.Judge)
	}
	return m, nil
}

// measured is what measureIdeal leaves in a cell.
type measured struct {
	*ideal.Summary
	// Unseen is of experts with shared noise: the same for a learner who has not seen the positions and
	// cannot know what is shared in them.
	Unseen *ideal.Summary `json:"unseen,omitempty"`
}

// modelPolicy is the cell's model at its temperatures, unmasked: what it gives to illegal moves is
// lost.
func modelPolicy(s *lab.Setup) ideal.Policy {
	var names []string
	for _, t := range s.Cell.Measure.Temperatures {
		names = append(names, lab.ModelName(t))
	}
	return ideal.Policy{Names: names, New: func() (ideal.PolicyFunc, error) {
		player, err := engine.NewModelPlayer(engine.ModelConfig{Model: s.Model, Tokenizer: s.Tokenizer, Batch: s.Batch})
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, g *bitboard.Game, moves []bitboard.Move, out [][]float64) (bool, error) {
			for i, t := range s.Cell.Measure.Temperatures {
				chances, err := player.Chances(ctx, g, t)
				if engine.FailureOf(err) == engine.Length {
					return false, nil
				}
				if err != nil {
					return false, err
				}
				for _, c := range chances {
					for k, m := range moves {
						if m == c.Move {
							out[i][k] = c.P
						}
					}
				}
			}
			return true, nil
		}, nil
	}}
}

// summary is what measureIdeal left in a cell.
func summaryOf(d *lab.Done) (*measured, error) {
	s := new(measured)
	if err := json.Unmarshal(d.Extra, s); err != nil {
		return nil, fmt.Errorf("cell %s: what was measured: %w", d.Cell.Name, err)
	}
	if s.Summary == nil || len(s.Parts) == 0 {
		return nil, fmt.Errorf("cell %s: nothing was measured", d.Cell.Name)
	}
	return s, nil
}

// coldTau is the paper's lowest temperature.
const coldTau = 0.001

// points writes an estimate of a reward, or of a difference of rewards, in percentage points of the
// probability to win.
func points(e ideal.Estimate) string {
	return fmt.Sprintf("%.2f [%.2f, %.2f]", 100*e.Value, 100*e.Low, 100*e.High)
}

// signed is points with a sign.
func signed(e ideal.Estimate) string {
	return fmt.Sprintf("%+.2f [%+.2f, %+.2f]", 100*e.Value, 100*e.Low, 100*e.High)
}

// slack is by how little a reward may be below another one to count as reaching it: 0.2
// percentage points, a fraction of what separates experts.
const slack = 0.002

// claimOf is what an interval of R(f) - max R(f_i) says; one that is shorter than rounding has no sign.
func claimOf(e ideal.Estimate) judge.Claim {
	switch {
	case e.Above(1e-9):
		return judge.Transcends
	case e.Below(1e-9):
		return judge.NotAbove
	}
	return judge.NotShown
}

// mixtureOf is the row of an ideal learner, modelOf that of the model at its first temperature; nil
// where there is none.
func mixtureOf(p *ideal.PartSummary, v ideally) *ideal.RowSummary { return p.Find(v.is) }

func modelOf(p *ideal.PartSummary, d *lab.Done) *ideal.RowSummary {
	if len(d.Cell.Measure.Temperatures) == 0 {
		return nil
	}
	name := lab.ModelName(d.Cell.Measure.Temperatures[0])
	return p.Find(func(r ideal.Row) bool { return r.Kind == "other" && r.Name == name })
}

// alike reports that all experts do the same.
func alike(p *ideal.PartSummary) bool {
	n := 0
	for _, r := range p.Rows {
		if r.Kind == "expert" {
			n++
		}
	}
	return n == 1
}

// rated says how an ideal learner did in the games, and what that means beside the experts.
func rated(r *judge.Report, d *lab.Done, v ideally) string {
	rating, ok := r.Ratings.Of(&d.Cell, v.name(&d.Cell))
	if !ok {
		return "not played"
	}
	return fmt.Sprintf("%s (%s)", judge.RatingText(rating), judge.Compare(rating.Interval, r.Experts(&d.Cell)))
}

func percentOf(e ideal.Estimate) string {
	return fmt.Sprintf("%.1f%% [%.1f, %.1f]", 100*e.Value, 100*e.Low, 100*e.High)
}

// bestExpert is the rating of the cell's strongest expert.
func bestExpert(r *judge.Report, d *lab.Done) string {
	text, high := "-", 0.0
	for i, e := range r.Experts(&d.Cell) {
		if i == 0 || e.Rating > high {
			text, high = e.String(), e.Rating
		}
	}
	return text
}

// percentMark is an estimate as a point, in percent.
func percentMark(x float64, e ideal.Estimate) figure.Mark {
	return figure.Mark{X: x, Y: 100 * e.Value, Low: 100 * e.Low, High: 100 * e.High}
}

// firstOfGroups are the cells that are drawn: of those that differ by their seed alone the first.
func firstOfGroups(r *judge.Report) (cells []*lab.Done, summaries []*measured, err error) {
	for _, group := range r.Groups() {
		s, err := summaryOf(group[0])
		if err != nil {
			return nil, nil, err
		}
		cells, summaries = append(cells, group[0]), append(summaries, s)
	}
	return cells, summaries, nil
}

// fit makes the panels' vertical axes the same, around all that is drawn.
func fit(panels []figure.Panel, least float64) {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, p := range panels {
		for _, s := range p.Lines {
			for _, m := range s.Points {
				lo, hi = min(lo, m.Low), max(hi, m.High)
			}
		}
	}
	margin := max(least, 0.06*(hi-lo))
	for _, p := range panels {
		p.Plot.Y.Min, p.Plot.Y.Max = lo-margin, hi+margin
	}
}

// named ticks stand at 0, 1, 2.
func namedTicks(p *plot.Plot, names []string) {
	var ticks plot.ConstantTicks
	for i, name := range names {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: name})
	}
	p.X.Tick.Marker = ticks
	p.X.Min, p.X.Max = -0.4, float64(len(names))-0.6
}

package experiment

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"transcend/analysis/lab"
	"transcend/analysis/lab/judge"
)

// diversity is experiment 4.
func diversity() judge.Experiment {
	return judge.Experiment{Conclude: concludePairs([2]string{"many-blind", "one-blind-knight"}, [2]string{"many-blind", "one-blind-bishop"},
		[2]string{headlineGroup, "one-noise"}), Experiment: lab.Experiment{
		Name:  "diversity",
		About: "one expert's games against many experts', at equal numbers of games",
		Help: `In many-blind five experts play each other, each of whom overlooks the captures by another piece: four
of five see every capture, so the likeliest move of the mixture is seen by all of them together. In the groups one-*
one of them plays itself as many games: its oversights are all that there is to learn. In many-noise and
one-noise the errors are independent from move to move instead of systematic: then one expert's own games are as
diverse as many experts', and there should be no difference.`,
		Plan: func(s lab.Settings) ([]lab.Cell, error) {
			p := plan{base: headline(s)}
			pieces := []string{"knight", "bishop", "rook", "queen", "pawn"}
			var many []string
			for _, piece := range pieces {
				many = append(many, "ply1:blind="+piece)
			}
			p.add("many-blind", seeds(s), func(c *lab.Cell) { c.Corpus.Players = many })
			p.base.Headline = false
			for _, piece := range pieces[:2] {
				n := seeds(s)
				if piece != pieces[0] {
					n = 1
				}
				p.add("one-blind-"+piece, n, func(c *lab.Cell) { c.Corpus.Players = []string{"ply1:blind=" + piece} })
				if s.Preset == lab.PresetTiny {
					return p.cells, nil
				}
			}
			p.add(headlineGroup, seeds(s), func(*lab.Cell) {})
			p.add("one-noise", 1, func(c *lab.Cell) { c.Corpus.Players = []string{noisy(headlineRho)} })
			return p.cells, nil
		},
	}}
}

// compare says by how much the models of one group are stronger than those of another at the headline
// temperature. Intervals are Student's over training seeds where both groups have several.
func compare(r *judge.Report, first, second string) string {
	var sides [2]*judge.Verdict
	for i := range r.Verdicts {
		switch v := &r.Verdicts[i]; v.Group {
		case first:
			sides[0] = v
		case second:
			sides[1] = v
		}
	}
	a, b := sides[0], sides[1]
	if a == nil || b == nil {
		return ""
	}
	if a.Model == (judge.Estimate{}) || b.Model == (judge.Estimate{}) {
		return fmt.Sprintf("%s against %s: not measurable, a rating is only a bound.", first, second)
	}
	difference := a.Model.Rating - b.Model.Rating
	deviation := math.Hypot(a.Model.StandardError, b.Model.StandardError)
	quantile, of := distuv.UnitNormal.Quantile(0.975), "one training seed, so that only the games' error counts"
	if len(a.Seeds) > 1 && len(b.Seeds) > 1 {
		quantile = distuv.StudentsT{Sigma: 1, Nu: float64(min(len(a.Seeds), len(b.Seeds)) - 1)}.Quantile(0.975)
		of = fmt.Sprintf("%d and %d training seeds", len(a.Seeds), len(b.Seeds))
	}
	return fmt.Sprintf("At temperature %g the model of %s is rated %+.0f [%+.0f, %+.0f] against that of %s (%s).",
		a.Temperature, first, difference, difference-quantile*deviation, difference+quantile*deviation, second, of)
}

// concludePairs compares groups.
func concludePairs(pairs ...[2]string) func(*judge.Report) error {
	return func(r *judge.Report) error {
		for _, p := range pairs {
			if words := compare(r, p[0], p[1]); words != "" {
				r.Words = append(r.Words, words)
			}
		}
		return nil
	}
}

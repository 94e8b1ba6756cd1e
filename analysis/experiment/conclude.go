package experiment

// What the experiments here say beside the common verdicts.

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat/distuv"
	"gonum.org/v1/plot"

	"transcend/elo"
	"transcend/internal/cli"
	"transcend/internal/figure"
)

// margin is a model's rating above the best expert's, with an interval that holds whoever of the
// experts is the best: from the model's lower end to the experts' highest upper end.
func (v *Verdict) margin() (value float64, interval elo.Interval, ok bool) {
	if v.Model == (Estimate{}) {
		return 0, interval, false
	}
	return v.Model.Rating - v.Best.Rating, elo.Interval{Low: v.Model.Interval.Low - v.Best.Interval.High, High: v.Model.Interval.High - v.Best.Interval.Low}, true
}

// concludeDenoise shows where transcendence begins.
func concludeDenoise(r *Report) error {
	type axis struct {
		title, label string
		value        func(c *Cell) float64
		logarithmic  bool
	}
	axes := []axis{
		{"noise", "rho", func(c *Cell) float64 {
			pool, err := c.Corpus.pool()
			if err != nil {
				return math.NaN()
			}
			return pool.Players[0].Noise
		}, false},
		{"games", "games to train on", func(c *Cell) float64 { return float64(c.Corpus.Games) }, true},
		{"parameters", "parameters", func(c *Cell) float64 { return float64(c.parameters()) }, true},
	}
	// A group is on an axis when it differs from the headline by that alone.
	groups := r.groups()
	var base *Cell
	for _, g := range groups {
		if g[0].Cell.Headline {
			base = &g[0].Cell
		}
	}
	if base == nil {
		return nil
	}
	verdict := func(group string) *Verdict {
		for i := range r.Verdicts {
			if r.Verdicts[i].Group == group {
				return &r.Verdicts[i]
			}
		}
		return nil
	}
	var panels []figure.Panel
	var text strings.Builder
	for i, a := range axes {
		s := figure.Series{Name: "margin over the best expert", Color: figure.Blue}
		fmt.Fprintf(&text, "| %s | margin over the best expert | verdict |\n|--:|--:|---|\n", a.label)
		n := 0
		for _, g := range groups {
			c := &g[0].Cell
			alone := c.Model.Input == base.Model.Input && c.Corpus.MaxPlies == base.Corpus.MaxPlies
			for j, other := range axes {
				if j != i && other.value(c) != other.value(base) {
					alone = false
				}
			}
			v := verdict(c.Group)
			if !alone || v == nil {
				continue
			}
			n++
			x := a.value(c)
			if a.logarithmic {
				x = math.Log10(x)
			}
			value, interval, ok := v.margin()
			if !ok {
				fmt.Fprintf(&text, "| %g | - | %s |\n", a.value(c), v.Claim)
				continue
			}
			fmt.Fprintf(&text, "| %g | %+.0f [%+.0f, %+.0f] | %s |\n", a.value(c), value, interval.Low, interval.High, v.Claim)
			s.Points = append(s.Points, figure.Mark{X: x, Y: value, Low: interval.Low, High: interval.High})
		}
		text.WriteString("\n")
		if n < 2 || len(s.Points) == 0 {
			continue
		}
		slices.SortFunc(s.Points, func(a, b figure.Mark) int { return cmp.Compare(a.X, b.X) })
		p := figure.Panel{Title: a.title, Plot: figure.NewPlot(a.label, "Elo above the best expert"), Lines: []figure.Series{s}}
		lo, hi := 0.0, 0.0
		var ticks plot.ConstantTicks
		for _, m := range s.Points {
			lo, hi = min(lo, m.Low), max(hi, m.High)
			label := fmt.Sprintf("%g", m.X)
			if a.logarithmic {
				label = cli.SI(math.Pow(10, m.X))
			}
			ticks = append(ticks, plot.Tick{Value: m.X, Label: label})
		}
		p.Plot.X.Tick.Marker = ticks
		wide := 0.08 * (ticks[len(ticks)-1].Value - ticks[0].Value)
		p.Plot.X.Min, p.Plot.X.Max = ticks[0].Value-wide, ticks[len(ticks)-1].Value+wide
		p.Plot.Y.Min, p.Plot.Y.Max = lo-0.06*(hi-lo), hi+0.06*(hi-lo)
		p.Lines = append(p.Lines, figure.Series{Name: "as strong as the best expert", Color: figure.Orange, Band: &[2]float64{}})
		panels = append(panels, p)
	}
	r.Sections = append(r.Sections, Section{
		Title: "Where it begins",
		Text: "At the headline temperature. The interval of a margin goes from the model's lower end minus the best expert's upper end to the reverse, " +
			"so that it is above 0 exactly where the verdict is that the model transcends.\n\n" + strings.TrimSpace(text.String()),
	})
	r.Pictures = append(r.Pictures, pictureOf("margin", r.Experiment.Name+": where transcendence begins",
		"The model at the headline temperature minus the best expert; above 0 the model is stronger than all whom it imitates. What is not varied is as in the headline cell.", panels)...)
	return nil
}

// parameters of the cell's model.
func (c *Cell) parameters() int {
	tok, err := c.Model.tokenizer()
	if err != nil {
		return 0
	}
	config, err := c.Model.config(tok)
	if err != nil {
		return 0
	}
	return config.NumParams()
}

// concludeShared says, where a control transcends, what the model did with the errors.
func concludeShared(r *Report) error {
	for _, v := range r.Verdicts {
		if v.Claim != Transcends || !strings.HasPrefix(v.Group, "shared") {
			continue
		}
		for _, d := range r.Cells {
			a := d.Result.Agreement
			if d.Cell.Group != v.Group || a == nil {
				continue
			}
			words := fmt.Sprintf("%s transcends although all errors are shared. Of the experts' errors in positions of held-out games, the model plays what was meant in %s and copies the error in %s.",
				d.Cell.Name, cli.Percent(float64(a.All.MeantAnyway.Hits), float64(a.All.MeantAnyway.Of)), cli.Percent(float64(a.All.Copied.Hits), float64(a.All.Copied.Of)))
			for _, b := range a.Seen {
				if b.MeantAnyway.Of == 0 {
					continue
				}
				often := fmt.Sprintf("%d times or more", b.From)
				if b.To > 0 || b.From == 0 {
					often = fmt.Sprintf("%d to %d times", b.From, b.To)
				}
				words += fmt.Sprintf(" In positions that were seen %s in training: %s meant, %s copied (%s errors).", often,
					cli.Percent(float64(b.MeantAnyway.Hits), float64(b.MeantAnyway.Of)), cli.Percent(float64(b.Copied.Hits), float64(b.Copied.Of)), cli.Count(b.MeantAnyway.Of))
			}
			r.Words = append(r.Words, words)
			break
		}
	}
	return nil
}

// compare says by how much the models of one group are stronger than those of another at the headline
// temperature. Intervals are Student's over training seeds where both groups have several.
func (r *Report) compare(first, second string) string {
	var sides [2]*Verdict
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
	if a.Model == (Estimate{}) || b.Model == (Estimate{}) {
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
func concludePairs(pairs ...[2]string) func(*Report) error {
	return func(r *Report) error {
		for _, p := range pairs {
			if words := r.compare(p[0], p[1]); words != "" {
				r.Words = append(r.Words, words)
			}
		}
		return nil
	}
}

package experiment

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"

	"transcend/analysis/lab"
	"transcend/analysis/lab/judge"
	"transcend/data"
	"transcend/elo"
	"transcend/internal/cli"
	"transcend/internal/figure"
)

// denoise is experiment 1.
func denoise() judge.Experiment {
	return judge.Experiment{Conclude: concludeDenoise, Experiment: lab.Experiment{
		Name:  "denoise",
		About: "experts of equal rating whose errors are independent: does the model play better than all of them?",
		Help: `Experts who see one ply, and with probability rho play a random legal move instead, each
error independent of all others, play games; models learn them. The likeliest move of the mixture is the
one without noise, so at low temperature a model should be stronger than every expert (Zhang et al. 2024,
proposition 3). Varied: rho, the number of games, the size of the model, what it is shown. Headline: rho 0.5,
temperature 0.001.`,
		Plan: func(s lab.Settings) ([]lab.Cell, error) {
			p := plan{base: headline(s)}
			p.cells = repeat(p.base, seeds(s))
			p.base.Headline = false
			if s.Preset == lab.PresetTiny {
				return p.cells, nil
			}
			pool := poolSize(s)
			noises := []float64{0.2, 0.35, 0.65, 0.8}
			if s.Preset == lab.PresetQuick {
				noises = []float64{0.2, 0.8}
			}
			for _, rho := range noises {
				p.add(fmt.Sprintf("rho%g", rho), 1, func(c *lab.Cell) { c.Corpus.Players = experts(noisy(rho), pool) })
			}
			if s.Preset == lab.PresetQuick {
				return p.cells, nil
			}
			for _, games := range []int{3000, 30_000, 100_000} {
				p.add(fmt.Sprintf("%s-games%d", headlineGroup, games), 1, func(c *lab.Cell) { c.Corpus.Games = games })
			}
			p.add(headlineGroup+"-2x64", 1, func(c *lab.Cell) {
				c.Model.Layers, c.Model.Heads, c.Model.Width, c.Training.LearningRate = 2, 2, 64, 8e-3
			})
			// What the headline was at first: too small, and trained too shortly, to transcend at
			// the temperature of the claim.
			p.add(headlineGroup+"-4x128", min(2, seeds(s)), func(c *lab.Cell) {
				c.Model.Layers, c.Model.Heads, c.Model.Width, c.Training.LearningRate = 4, 4, 128, 8e-3
				if s.Steps == 0 && s.Time == 0 {
					c.Training.Steps = 6000
				}
			})
			// Games that may go on take a model three times as long to learn.
			p.add(headlineGroup+"-plies100", 1, func(c *lab.Cell) {
				whole := base(s)
				c.Corpus.MaxPlies, c.Measure.MaxPlies, c.Model.Context = whole.Corpus.MaxPlies, whole.Measure.MaxPlies, whole.Model.Context
				c.Training.Steps, c.Training.Seconds = 3*c.Training.Steps, 3*c.Training.Seconds
			})
			if s.Input == "" {
				p.add(headlineGroup+"-moves", 1, func(c *lab.Cell) { c.Model.Input = data.InputMoves })
			}
			return p.cells, nil
		},
	}}
}

// axis is something that the cells of denoise vary.
type axis struct {
	title, label string
	value        func(c *lab.Cell) float64
	logarithmic  bool
}

func axes() []axis {
	return []axis{
		{"noise", "rho", func(c *lab.Cell) float64 {
			pool, err := c.Corpus.Pool()
			if err != nil {
				return math.NaN()
			}
			return pool.Players[0].Noise
		}, false},
		{"games", "games to train on", func(c *lab.Cell) float64 { return float64(c.Corpus.Games) }, true},
		{"parameters", "parameters", func(c *lab.Cell) float64 { return float64(c.Parameters()) }, true},
	}
}

// onAxis is a group of cells that differs from the headline by the value on one axis alone.
type onAxis struct {
	value   float64
	verdict *judge.Verdict
}

// concludeDenoise shows where transcendence begins.
func concludeDenoise(r *judge.Report) error {
	var base *lab.Cell
	for _, g := range r.Groups() {
		if g[0].Cell.Headline {
			base = &g[0].Cell
		}
	}
	if base == nil {
		return nil
	}
	var panels []figure.Panel
	var text strings.Builder
	all := axes()
	for i := range all {
		groups := along(r, base, all, i)
		all[i].table(&text, groups)
		panels = append(panels, all[i].panel(groups)...)
	}
	r.Sections = append(r.Sections, judge.Section{
		Title: "Where it begins",
		Text: "At the headline temperature. The interval of a margin goes from the model's lower end minus the best expert's upper end to the reverse, " +
			"so that it is above 0 exactly where the verdict is that the model transcends.\n\n" + strings.TrimSpace(text.String()),
	})
	r.AddPicture("margin", r.Experiment.Name+": where transcendence begins",
		"The model at the headline temperature minus the best expert; above 0 the model is stronger than all whom it imitates. What is not varied is as in the headline cell.", panels)
	return nil
}

// along returns the groups on axis i.
func along(r *judge.Report, base *lab.Cell, axes []axis, i int) []onAxis {
	var all []onAxis
	for _, g := range r.Groups() {
		c := &g[0].Cell
		alone := c.Model.Input == base.Model.Input && c.Corpus.MaxPlies == base.Corpus.MaxPlies
		for j, other := range axes {
			if j != i && other.value(c) != other.value(base) {
				alone = false
			}
		}
		at := slices.IndexFunc(r.Verdicts, func(v judge.Verdict) bool { return v.Group == c.Group })
		if alone && at >= 0 {
			all = append(all, onAxis{axes[i].value(c), &r.Verdicts[at]})
		}
	}
	return all
}

// table writes the margins of groups.
func (a *axis) table(w *strings.Builder, groups []onAxis) {
	fmt.Fprintf(w, "| %s | margin over the best expert | verdict |\n|--:|--:|---|\n", a.label)
	for _, g := range groups {
		text := "-"
		if value, interval, ok := margin(g.verdict); ok {
			text = fmt.Sprintf("%+.0f [%+.0f, %+.0f]", value, interval.Low, interval.High)
		}
		fmt.Fprintf(w, "| %g | %s | %s |\n", g.value, text, g.verdict.Claim)
	}
	w.WriteString("\n")
}

// panel draws the margins of groups; nothing of a single one, or where none can be measured.
func (a *axis) panel(groups []onAxis) []figure.Panel {
	s := figure.Series{Name: "margin over the best expert", Color: figure.Blue}
	for _, g := range groups {
		if value, interval, ok := margin(g.verdict); ok {
			x := g.value
			if a.logarithmic {
				x = math.Log10(x)
			}
			s.Points = append(s.Points, figure.Mark{X: x, Y: value, Low: interval.Low, High: interval.High})
		}
	}
	if len(groups) < 2 || len(s.Points) == 0 {
		return nil
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
	return []figure.Panel{p}
}

// margin is a model's rating above the best expert's, with an interval that holds whoever of the
// experts is the best: from the model's lower end to the experts' highest upper end.
func margin(v *judge.Verdict) (value float64, interval elo.Interval, ok bool) {
	if v.Model == (judge.Estimate{}) {
		return 0, interval, false
	}
	return v.Model.Rating - v.Best.Rating, elo.Interval{Low: v.Model.Interval.Low - v.Best.Interval.High, High: v.Model.Interval.High - v.Best.Interval.Low}, true
}

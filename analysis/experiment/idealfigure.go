package experiment

import (
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"transcend/analysis/ideal"
	"transcend/internal/figure"
)

// percentMark is an estimate as a point, in percent.
func percentMark(x float64, e ideal.Estimate) figure.Mark {
	return figure.Mark{X: x, Y: 100 * e.Value, Low: 100 * e.Low, High: 100 * e.High}
}

// firstOfGroups are the cells that are drawn: of those that differ by their seed alone the first.
func (r *Report) firstOfGroups() (cells []*Done, summaries []*measured, err error) {
	for _, group := range r.groups() {
		s, err := group[0].summary()
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

// phasesPicture shows how far specialists, mixture and model are from the best expert of each phase.
func (r *Report) phasesPicture() ([]figure.Picture, error) {
	cells, summaries, err := r.firstOfGroups()
	if err != nil {
		return nil, err
	}
	var panels []figure.Panel
	for i, d := range cells {
		p := figure.Panel{Title: d.Cell.Group, Plot: figure.NewPlot("", "less that phase's best expert, points")}
		var names []string
		var parts []*ideal.PartSummary
		for _, part := range ideal.Phases() {
			if x := summaries[i].Part(part); x != nil {
				names, parts = append(names, part.String()), append(parts, x)
			}
		}
		add := func(name string, look color.RGBA, dashes []vg.Length, shift float64, row func(*ideal.PartSummary) *ideal.RowSummary) {
			s := figure.Series{Name: name, Color: look, Dashes: dashes}
			for x, part := range parts {
				if found := row(part); found != nil {
					s.Points = append(s.Points, percentMark(float64(x)+shift, *found.AboveBest))
				}
			}
			if len(s.Points) > 0 {
				p.Lines = append(p.Lines, s)
			}
		}
		looks := []color.RGBA{figure.Sky, figure.Green, figure.Orange}
		for k, row := range parts[0].Rows {
			if row.Kind != "expert" {
				continue
			}
			_, about, _ := strings.Cut(row.Name, "phase=")
			about, _, _ = strings.Cut(about, ",")
			add(about, looks[k%len(looks)], []vg.Length{3, 2}, float64(k-1)*0.06, func(q *ideal.PartSummary) *ideal.RowSummary { return &q.Rows[k] })
		}
		add("mixture, argmax", figure.Black, nil, 0.12, func(q *ideal.PartSummary) *ideal.RowSummary { return mixtureOf(q, ideally{posterior: true}) })
		add("mixture, T=1", figure.Purple, nil, -0.12, func(q *ideal.PartSummary) *ideal.RowSummary {
			return mixtureOf(q, ideally{tau: 1, posterior: true})
		})
		add("model, coldest", figure.Vermillion, nil, 0.18, func(q *ideal.PartSummary) *ideal.RowSummary { return modelOf(q, d) })
		namedTicks(p.Plot, names)
		panels = append(panels, p)
	}
	fit(panels, 0.2)
	return pictureOf("phases", "selection: expected reward by phase, less that of the phase's best expert",
		"Specialists (dashed), their mixture and the model: percentage points of the probability to win by a deeper search, exact expectations in positions of held-out games. Bars: 95% intervals over games. First seed of each group.", panels), nil
}

// rewardsPicture shows reward over temperature, of the mixture over moves and over characters and of
// the model, as the difference from the best expert.
func (r *Report) rewardsPicture() ([]figure.Picture, error) {
	cells, summaries, err := r.firstOfGroups()
	if err != nil {
		return nil, err
	}
	var panels []figure.Panel
	for i, d := range cells {
		all := summaries[i].Part(ideal.All)
		p := figure.Panel{Title: d.Cell.Group, Plot: figure.NewPlot("temperature", "above the best expert, points")}
		temperatures := slices.Sorted(slices.Values(d.Cell.Measure.Temperatures))
		curve := func(name string, look color.RGBA, dashes []vg.Length, row func(t float64) *ideal.RowSummary) {
			s := figure.Series{Name: name, Color: look, Dashes: dashes}
			for _, t := range temperatures {
				if found := row(t); found != nil {
					s.Points = append(s.Points, percentMark(math.Log10(t), *found.AboveBest))
				}
			}
			if len(s.Points) > 0 {
				p.Lines = append(p.Lines, s)
			}
		}
		zero := figure.Series{Name: "best expert", Color: figure.Orange, Dashes: []vg.Length{4, 2}}
		for _, t := range []float64{temperatures[0], temperatures[len(temperatures)-1]} {
			zero.Points = append(zero.Points, figure.Mark{X: math.Log10(t), Y: 0, Low: 0, High: 0})
		}
		p.Lines = append(p.Lines, zero)
		curve("ideal, over moves", figure.Black, nil, func(t float64) *ideal.RowSummary { return mixtureOf(all, ideally{tau: t}) })
		curve("ideal, over characters", figure.Blue, []vg.Length{2, 1.5}, func(t float64) *ideal.RowSummary {
			return mixtureOf(all, ideally{tau: t, characters: true})
		})
		curve("model", figure.Vermillion, nil, func(t float64) *ideal.RowSummary {
			return all.Find(func(row ideal.Row) bool { return row.Kind == "other" && row.Name == ModelName(t) })
		})
		figure.LogAxis(p.Plot, temperatures)
		panels = append(panels, p)
	}
	fit(panels, 0.2)
	return pictureOf("rewards", "ideal: expected reward over temperature, less the best expert's",
		"Percentage points of the probability to win by a deeper search, exact expectations in positions of held-out games. Bars: 95% intervals over games. First seed of each group.", panels), nil
}

// pliesPicture shows agreement with the noise-free move over the length of the game.
func (r *Report) pliesPicture() ([]figure.Picture, error) {
	cells, summaries, err := r.firstOfGroups()
	if err != nil {
		return nil, err
	}
	var panels []figure.Panel
	for i, d := range cells {
		p := figure.Panel{Title: d.Cell.Group, Plot: figure.NewPlot("plies", "agreement, %")}
		var names []string
		lines := []figure.Series{{Name: "experts", Color: figure.Orange, Dashes: []vg.Length{4, 2}}, {Name: "ideal", Color: figure.Black}, {Name: "model", Color: figure.Vermillion}}
		for _, band := range ideal.Bands() {
			part := summaries[i].Part(band)
			if part == nil {
				continue
			}
			x := float64(len(names))
			names = append(names, strings.TrimPrefix(strings.TrimPrefix(part.Part, "plies "), "from "))
			for k, row := range []*ideal.RowSummary{part.BestExpert(), mixtureOf(part, ideally{tau: coldTau}), modelOf(part, d)} {
				if row != nil {
					lines[k].Points = append(lines[k].Points, percentMark(x, row.Agreement))
				}
			}
		}
		for _, s := range lines {
			if len(s.Points) > 0 {
				p.Lines = append(p.Lines, s)
			}
		}
		namedTicks(p.Plot, names)
		panels = append(panels, p)
	}
	fit(panels, 2)
	return pictureOf("agreement-by-ply", "ideal: agreement with the experts' moves without noise",
		"How likely each plays what the expert means, at temperature 0.001; experts as they are. Bars: 95% intervals over games. First seed of each group.", panels), nil
}

package judge

// The pictures: ratings over temperature, agreement over the length of the game, and the
// margin over the best expert; one panel for each group of cells.

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"

	"transcend/analysis/lab"
	"transcend/elo"
	"transcend/internal/figure"
)

// widest is how many rating points of an interval are shown to each side.
const widest = 400

// pictureOf is a picture of panels, none if there are none.
func pictureOf(name, title, note string, panels []figure.Panel) []figure.Picture {
	if len(panels) == 0 {
		return nil
	}
	return []figure.Picture{figure.Panels(name, title, note, 3, panels)}
}

// commonPictures are those of every experiment.
func (r *Report) commonPictures() []figure.Picture {
	return append(
		pictureOf("ratings", r.Experiment.Name+": rating over sampling temperature",
			"Dots and bars: the model at each temperature with its 95% interval, a line for each training seed; arrows: one-sided bounds. "+
				"Band: from the lowest lower to the highest upper end of the experts' 95% intervals: above it, the model is stronger than all whom it imitates. Scale: "+r.scaleName()+".",
			r.ratingPanels()),
		pictureOf("agreement", r.Experiment.Name+": what the model plays over the length of the game",
			"Held-out games. Meant: the likeliest move of the model is what the expert would play without noise and oversights; the expert itself plays that as often as the dashed line says. "+
				"Legal: the likeliest move is legal. Bars: 95% intervals over games. First training seed.",
			r.agreementPanels())...)
}

func (r *Report) scaleName() string {
	if r.Ratings.Shifted == 0 {
		return "this experiment's own, 0 is the mean of all players"
	}
	return "the league's ratings (" + r.Ratings.Scale + ")"
}

// ratingPanels has a panel for each group of cells that have a model.
func (r *Report) ratingPanels() []figure.Panel {
	var all []figure.Panel
	lo, hi := math.Inf(1), math.Inf(-1)
	include := func(x float64) {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			lo, hi = min(lo, x), max(hi, x)
		}
	}
	for _, group := range r.Groups() {
		first := &group[0].Cell
		if first.Model.None() || first.Measure.Games == 0 {
			continue
		}
		p := figure.Panel{Title: first.Group, Plot: figure.NewPlot("temperature", "Elo")}
		if first.Headline {
			p.Title += " (headline)"
		}
		if experts := r.Experts(first); len(experts) > 0 {
			band := &[2]float64{math.Inf(1), math.Inf(-1)}
			for _, e := range experts {
				band[0], band[1] = min(band[0], e.Interval.Low), max(band[1], e.Interval.High)
			}
			include(band[0])
			include(band[1])
			p.Lines = append(p.Lines, figure.Series{Name: "experts", Color: figure.Orange, Band: band})
		}
		for i, d := range group {
			s := figure.Look(i, fmt.Sprintf("model, training seed %d", d.Cell.Seed))
			for _, play := range r.plays(d) {
				if play.Masked {
					continue
				}
				x := math.Log10(play.Temperature) + 0.04*(float64(i)-float64(len(group)-1)/2)
				m := figure.Mark{X: x, Y: play.Rating.Rating, Low: play.Rating.Interval.Low, High: play.Rating.Interval.High}
				if play.Rating.Side != elo.TwoSided {
					m.Y = math.NaN()
					include(m.Low)
					include(m.High)
				}
				include(m.Y)
				include(max(m.Low, m.Y-widest))
				include(min(m.High, m.Y+widest))
				s.Points = append(s.Points, m)
			}
			p.Lines = append(p.Lines, s)
		}
		figure.LogAxis(p.Plot, first.Measure.Temperatures)
		all = append(all, p)
	}
	margin := max(40, 0.06*(hi-lo))
	for _, p := range all {
		p.Plot.Y.Min, p.Plot.Y.Max = lo-margin, hi+margin
	}
	return all
}

// agreementPanels has a panel for each group.
func (r *Report) agreementPanels() []figure.Panel {
	var all []figure.Panel
	for _, group := range r.Groups() {
		d := group[0]
		a := d.Result.Agreement
		if a == nil || d.Cell.Model.None() {
			continue
		}
		p := figure.Panel{Title: d.Cell.Group, Plot: figure.NewPlot("half-move", "share of positions")}
		curve := func(name string, c color.RGBA, dashes []vg.Length, rate func(*lab.Band) lab.Rate) {
			s := figure.Series{Name: name, Color: c, Dashes: dashes}
			for i := range a.Plies {
				b := &a.Plies[i]
				x := rate(b)
				if x.Of == 0 {
					continue
				}
				interval := x.Interval()
				s.Points = append(s.Points, figure.Mark{X: float64(b.From+b.To) / 2, Y: x.Value(), Low: interval.Low, High: interval.High})
			}
			p.Lines = append(p.Lines, s)
		}
		curve("legal", figure.Green, nil, func(b *lab.Band) lab.Rate { return b.Legal })
		curve("meant, model", figure.Blue, nil, func(b *lab.Band) lab.Rate { return b.Meant })
		curve("meant, expert", figure.Orange, []vg.Length{4, 2}, func(b *lab.Band) lab.Rate { return b.Expert })
		p.Plot.X.Min, p.Plot.X.Max = 0, float64(d.Cell.Corpus.MaxPlies)
		p.Plot.Y.Min, p.Plot.Y.Max = 0, 1
		all = append(all, p)
	}
	return all
}

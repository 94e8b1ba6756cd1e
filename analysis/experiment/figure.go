package experiment

// The pictures: ratings over temperature, agreement over the length of the game, and the
// margin over the best expert; one panel for each group of cells.

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"transcend/elo"
	"transcend/internal/figure"
)

const (
	panelWidth  = 7.2 * vg.Centimeter
	panelHeight = 6 * vg.Centimeter
	padding     = 6
	lineHeight  = 10
	// widest is how many rating points of an interval are shown to each side.
	widest = 400
)

// series is a curve with intervals.
type series struct {
	name   string
	color  color.RGBA
	dashes []vg.Length
	points []mark
	// band is drawn from end to end of the plot, for what does not depend on x: its lowest
	// and highest value.
	band *elo.Interval
}

// mark is a point with its interval.
type mark struct{ x, y, low, high float64 }

// panel is a plot with a title.
type panel struct {
	title string
	plot  *plot.Plot
	lines []series
}

// drawPanels draws them in rows below a title, a note and one legend.
func drawPanels(path, title, note string, panels []panel) error {
	if len(panels) == 0 {
		return fmt.Errorf("drawing %s: there is nothing to draw", path)
	}
	columns := min(3, len(panels))
	rows := (len(panels) + columns - 1) / columns
	width := max(panelWidth*vg.Length(columns), 2*panelWidth)
	var names []series
	for _, p := range panels {
		for _, s := range p.lines {
			if s.name != "" && !slices.ContainsFunc(names, func(o series) bool { return o.name == s.name }) {
				names = append(names, s)
			}
		}
	}
	small := figure.Sans(7, false)
	notes := wrap(note, small.Width, width-2*padding)
	head := 18 + lineHeight*vg.Length(len(notes)+1) + 2
	height := head + panelHeight*vg.Length(rows) + padding
	return figure.Write(path, width, height, func(c draw.Canvas, bold bool) {
		top := c.Max.Y - padding
		style := figure.Sans(10, bold)
		style.YAlign = text.YTop
		c.FillText(style, vg.Point{X: c.Min.X + padding, Y: top}, title)
		top -= 16
		small.YAlign = text.YTop
		for _, line := range notes {
			c.FillText(small, vg.Point{X: c.Min.X + padding, Y: top}, line)
			top -= lineHeight
		}
		drawLegend(c, names, c.Min.X+padding, top-lineHeight/2)
		top = c.Max.Y - head
		for i, p := range panels {
			left := c.Min.X + panelWidth*vg.Length(i%columns)
			high := top - panelHeight*vg.Length(i/columns)
			area := draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
				Min: vg.Point{X: left + padding, Y: high - panelHeight + padding},
				Max: vg.Point{X: left + panelWidth - padding, Y: high - 2},
			}}
			style := figure.Sans(8, bold)
			style.YAlign = text.YTop
			c.FillText(style, vg.Point{X: area.Min.X, Y: area.Max.Y}, p.title)
			area.Max.Y -= 12
			p.plot.Add(figure.Grid{})
			for _, s := range p.lines {
				p.plot.Add(s)
			}
			p.plot.Draw(area)
		}
	})
}

// wrap breaks a text into lines.
func wrap(s string, width func(string) vg.Length, limit vg.Length) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && width(line+" "+word) > limit {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

func drawLegend(c draw.Canvas, names []series, x, y vg.Length) {
	style := figure.Sans(7, false)
	style.YAlign = text.YCenter
	for _, s := range names {
		if s.band != nil {
			c.FillPolygon(transparent(s.color), []vg.Point{{X: x, Y: y - 3}, {X: x + 18, Y: y - 3}, {X: x + 18, Y: y + 3}, {X: x, Y: y + 3}})
		} else {
			c.StrokeLine2(draw.LineStyle{Color: s.color, Width: 1.3, Dashes: s.dashes}, x, y, x+18, y)
		}
		c.FillText(style, vg.Point{X: x + 22, Y: y}, s.name)
		x += 22 + style.Width(s.name) + 12
	}
}

func transparent(c color.RGBA) color.Color { return color.NRGBA{c.R, c.G, c.B, 50} }

// Plot implements plot.Plotter.
func (s series) Plot(c draw.Canvas, p *plot.Plot) {
	xs, ys := p.Transforms(&c)
	at := func(x, y float64) vg.Point {
		return vg.Point{X: xs(x), Y: ys(min(max(y, p.Y.Min), p.Y.Max))}
	}
	if b := s.band; b != nil {
		c.FillPolygon(transparent(s.color), []vg.Point{at(p.X.Min, b.Low), at(p.X.Max, b.Low), at(p.X.Max, b.High), at(p.X.Min, b.High)})
		edge := draw.LineStyle{Color: s.color, Width: 0.5}
		c.StrokeLines(edge, []vg.Point{at(p.X.Min, b.Low), at(p.X.Max, b.Low)}, []vg.Point{at(p.X.Min, b.High), at(p.X.Max, b.High)})
		return
	}
	line := draw.LineStyle{Color: s.color, Width: 1.3, Dashes: s.dashes}
	thin := draw.LineStyle{Color: s.color, Width: 0.6}
	var run []vg.Point
	for _, m := range s.points {
		if math.IsNaN(m.y) {
			// Only a bound is known: an arrow from it.
			if len(run) > 1 {
				c.StrokeLines(line, run)
			}
			run = nil
			edge, sign := m.high, vg.Length(-1)
			if math.IsInf(m.high, 1) {
				edge, sign = m.low, 1
			}
			if !math.IsInf(edge, 0) {
				q := at(m.x, edge)
				c.StrokeLine2(thin, q.X-4, q.Y, q.X+4, q.Y)
				c.StrokeLine2(thin, q.X, q.Y, q.X, q.Y+sign*10)
				c.FillPolygon(s.color, []vg.Point{{X: q.X, Y: q.Y + sign*13}, {X: q.X - 2.5, Y: q.Y + sign*9}, {X: q.X + 2.5, Y: q.Y + sign*9}})
			}
			continue
		}
		run = append(run, at(m.x, m.y))
		c.StrokeLines(thin, []vg.Point{at(m.x, m.low), at(m.x, m.high)})
		c.DrawGlyph(draw.GlyphStyle{Color: s.color, Radius: 2, Shape: draw.CircleGlyph{}}, at(m.x, m.y))
	}
	if len(run) > 1 {
		c.StrokeLines(line, run)
	}
}

// lineStyles tell training seeds apart.
var lineStyles = []struct {
	color  color.RGBA
	dashes []vg.Length
}{
	{figure.Blue, nil}, {figure.Green, []vg.Length{4, 2}}, {figure.Purple, []vg.Length{1.5, 1.5}},
	{figure.Vermillion, []vg.Length{6, 2, 1.5, 2}}, {figure.Sky, []vg.Length{8, 3}},
}

// commonPictures are those of every experiment.
func (r *Report) commonPictures() []Picture {
	var all []Picture
	if panels := r.ratingPanels(); len(panels) > 0 {
		note := "Dots and bars: the model at each temperature with its 95% interval, a line for each training seed; arrows: one-sided bounds. " +
			"Band: from the lowest lower to the highest upper end of the experts' 95% intervals: above it, the model is stronger than all whom it imitates. Scale: " + r.scaleName() + "."
		all = append(all, Picture{"ratings", func(path string) error {
			return drawPanels(path, r.Experiment.Name+": rating over sampling temperature", note, panels)
		}})
	}
	if panels := r.agreementPanels(); len(panels) > 0 {
		note := "Held-out games. Meant: the likeliest move of the model is what the expert would play without noise and oversights; the expert itself plays that as often as the dashed line says. " +
			"Legal: the likeliest move is legal. Bars: 95% intervals over games. First training seed."
		all = append(all, Picture{"agreement", func(path string) error {
			return drawPanels(path, r.Experiment.Name+": what the model plays over the length of the game", note, panels)
		}})
	}
	return all
}

func (r *Report) scaleName() string {
	if r.Ratings.Shifted == 0 {
		return "this experiment's own, 0 is the mean of all players"
	}
	return "the league's ratings (" + r.Ratings.Scale + ")"
}

// ratingPanels has a panel for each group of cells that have a model.
func (r *Report) ratingPanels() []panel {
	var all []panel
	lo, hi := math.Inf(1), math.Inf(-1)
	include := func(x float64) {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			lo, hi = min(lo, x), max(hi, x)
		}
	}
	for _, group := range r.groups() {
		first := &group[0].Cell
		if first.Model.None() || first.Measure.Games == 0 {
			continue
		}
		p := panel{title: first.Group, plot: figure.NewPlot("temperature", "Elo")}
		if first.Headline {
			p.title += " (headline)"
		}
		if experts := r.Experts(first); len(experts) > 0 {
			band := &elo.Interval{Low: math.Inf(1), High: math.Inf(-1)}
			for _, e := range experts {
				band.Low, band.High = min(band.Low, e.Interval.Low), max(band.High, e.Interval.High)
			}
			include(band.Low)
			include(band.High)
			p.lines = append(p.lines, series{name: "experts", color: figure.Orange, band: band})
		}
		for i, d := range group {
			look := lineStyles[i%len(lineStyles)]
			s := series{name: fmt.Sprintf("model, training seed %d", d.Cell.Seed), color: look.color, dashes: look.dashes}
			for _, play := range r.plays(d) {
				if play.Masked {
					continue
				}
				x := math.Log10(play.Temperature) + 0.04*(float64(i)-float64(len(group)-1)/2)
				m := mark{x, play.Rating.Rating, play.Rating.Interval.Low, play.Rating.Interval.High}
				if play.Rating.Side != elo.TwoSided {
					m.y = math.NaN()
					include(m.low)
					include(m.high)
				}
				include(m.y)
				include(max(m.low, m.y-widest))
				include(min(m.high, m.y+widest))
				s.points = append(s.points, m)
			}
			p.lines = append(p.lines, s)
		}
		temperatureAxis(p.plot, first.Measure.Temperatures)
		all = append(all, p)
	}
	margin := max(40, 0.06*(hi-lo))
	for _, p := range all {
		p.plot.Y.Min, p.plot.Y.Max = lo-margin, hi+margin
	}
	return all
}

// temperatureAxis is logarithmic with a tick at every temperature and a label where there is
// room.
func temperatureAxis(p *plot.Plot, temperatures []float64) {
	sorted := slices.Sorted(slices.Values(temperatures))
	var ticks plot.ConstantTicks
	last := math.Inf(-1)
	for _, t := range sorted {
		x := math.Log10(t)
		tick := plot.Tick{Value: x}
		if x-last >= 0.29 {
			tick.Label, last = strconv.FormatFloat(t, 'g', -1, 64), x
		}
		ticks = append(ticks, tick)
	}
	p.X.Tick.Marker = ticks
	p.X.Min, p.X.Max = ticks[0].Value-0.15, ticks[len(ticks)-1].Value+0.15
}

// agreementPanels has a panel for each group.
func (r *Report) agreementPanels() []panel {
	var all []panel
	for _, group := range r.groups() {
		d := group[0]
		a := d.Result.Agreement
		if a == nil || d.Cell.Model.None() {
			continue
		}
		p := panel{title: d.Cell.Group, plot: figure.NewPlot("half-move", "share of positions")}
		curve := func(name string, c color.RGBA, dashes []vg.Length, rate func(*Band) Rate) {
			s := series{name: name, color: c, dashes: dashes}
			for i := range a.Plies {
				b := &a.Plies[i]
				x := rate(b)
				if x.Of == 0 {
					continue
				}
				interval := x.Interval()
				s.points = append(s.points, mark{float64(b.From+b.To) / 2, x.Value(), interval.Low, interval.High})
			}
			p.lines = append(p.lines, s)
		}
		curve("legal", figure.Green, nil, func(b *Band) Rate { return b.Legal })
		curve("meant, model", figure.Blue, nil, func(b *Band) Rate { return b.Meant })
		curve("meant, expert", figure.Orange, []vg.Length{4, 2}, func(b *Band) Rate { return b.Expert })
		p.plot.X.Min, p.plot.X.Max = 0, float64(d.Cell.Corpus.MaxPlies)
		p.plot.Y.Min, p.plot.Y.Max = 0, 1
		all = append(all, p)
	}
	return all
}

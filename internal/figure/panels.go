package figure

import (
	"image/color"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	panelWidth  = 7.2 * vg.Centimeter
	panelHeight = 6 * vg.Centimeter
	padding     = 6
	lineHeight  = 10
)

// Series is a curve with intervals. It is a plot.Plotter.
type Series struct {
	Name   string
	Color  color.RGBA
	Dashes []vg.Length
	Points []Mark
	// Bare leaves out the dots, for curves of many points.
	Bare bool
	// Dots leaves out the curve. Radius is that of the dots, 0 the usual one.
	Dots   bool
	Radius vg.Length
	// Bars, if not 0, draws bars of that width in x from 0 up to the points.
	Bars float64
	// Band is drawn from end to end of the plot, for what does not depend on x: its lowest
	// and highest value.
	Band *[2]float64
}

// Mark is a point with its interval; where only a bound is known, Y is NaN and the other end of
// the interval infinite.
type Mark struct{ X, Y, Low, High float64 }

// At is a mark without an interval.
func At(x, y float64) Mark { return Mark{x, y, y, y} }

// Panel is a plot with a title. Lines are named in the legend that all panels of a picture share.
type Panel struct {
	Title string
	Plot  *plot.Plot
	Lines []Series
}

// Panels is a picture of panels in rows of up to so many columns below a title, a note and one legend. There has
// to be a panel.
func Panels(name, title, note string, columns int, panels []Panel) Picture {
	columns = max(1, min(columns, len(panels)))
	rows := (len(panels) + columns - 1) / columns
	width := max(panelWidth*vg.Length(columns), 2*panelWidth)
	var names []Series
	for _, p := range panels {
		for _, s := range p.Lines {
			if s.Name != "" && !slices.ContainsFunc(names, func(o Series) bool { return o.Name == s.Name }) {
				names = append(names, s)
			}
		}
	}
	small := Sans(7, false)
	notes := wrap(note, small.Width, width-2*padding)
	legend := legendLines(names, small, width-2*padding)
	head := 18 + lineHeight*vg.Length(len(notes)+len(legend)) + 2
	height := head + panelHeight*vg.Length(rows) + padding
	return Picture{Name: name, Width: width, Height: height, Draw: func(c draw.Canvas, bold bool) {
		top := c.Max.Y - padding
		style := Sans(10, bold)
		style.YAlign = text.YTop
		c.FillText(style, vg.Point{X: c.Min.X + padding, Y: top}, title)
		top -= 16
		style = small
		style.YAlign = text.YTop
		for _, line := range notes {
			c.FillText(style, vg.Point{X: c.Min.X + padding, Y: top}, line)
			top -= lineHeight
		}
		for _, line := range legend {
			drawLegend(c, line, c.Min.X+padding, top-lineHeight/2)
			top -= lineHeight
		}
		top = c.Max.Y - head
		for i, p := range panels {
			left := c.Min.X + panelWidth*vg.Length(i%columns)
			high := top - panelHeight*vg.Length(i/columns)
			area := draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
				Min: vg.Point{X: left + padding, Y: high - panelHeight + padding},
				Max: vg.Point{X: left + panelWidth - padding, Y: high - 2},
			}}
			style := Sans(8, bold)
			style.YAlign = text.YTop
			c.FillText(style, vg.Point{X: area.Min.X, Y: area.Max.Y}, p.Title)
			area.Max.Y -= 12
			// Drawing twice, as two formats, must not add twice.
			drawn := *p.Plot
			drawn.Add(Grid{})
			for _, s := range p.Lines {
				drawn.Add(s)
			}
			drawn.Draw(area)
		}
	}}
}

// wrap breaks a text into lines of at most a width, which is that of a text by width.
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

const legendKey, legendGap = 22, 12

func legendLines(names []Series, style text.Style, limit vg.Length) (lines [][]Series) {
	x := limit
	for _, s := range names {
		w := legendKey + style.Width(s.Name) + legendGap
		if x+w > limit {
			lines, x = append(lines, nil), 0
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], s)
		x += w
	}
	return lines
}

func drawLegend(c draw.Canvas, names []Series, x, y vg.Length) {
	style := Sans(7, false)
	style.YAlign = text.YCenter
	for _, s := range names {
		box := []vg.Point{{X: x, Y: y - 3}, {X: x + 18, Y: y - 3}, {X: x + 18, Y: y + 3}, {X: x, Y: y + 3}}
		switch {
		case s.Band != nil:
			c.FillPolygon(transparent(s.Color), box)
		case s.Bars != 0:
			c.FillPolygon(s.Color, box)
		case s.Dots:
			c.DrawGlyph(draw.GlyphStyle{Color: s.Color, Radius: 2.5, Shape: draw.CircleGlyph{}}, vg.Point{X: x + 9, Y: y})
		default:
			c.StrokeLine2(draw.LineStyle{Color: s.Color, Width: 1.3, Dashes: s.Dashes}, x, y, x+18, y)
		}
		c.FillText(style, vg.Point{X: x + legendKey, Y: y}, s.Name)
		x += legendKey + style.Width(s.Name) + legendGap
	}
}

func transparent(c color.RGBA) color.Color { return color.NRGBA{c.R, c.G, c.B, 50} }

// Plot implements plot.Plotter.
func (s Series) Plot(c draw.Canvas, p *plot.Plot) {
	xs, ys := p.Transforms(&c)
	at := func(x, y float64) vg.Point {
		return vg.Point{X: xs(x), Y: ys(min(max(y, p.Y.Min), p.Y.Max))}
	}
	if b := s.Band; b != nil {
		c.FillPolygon(transparent(s.Color), []vg.Point{at(p.X.Min, b[0]), at(p.X.Max, b[0]), at(p.X.Max, b[1]), at(p.X.Min, b[1])})
		edge := draw.LineStyle{Color: s.Color, Width: 0.5}
		c.StrokeLines(edge, []vg.Point{at(p.X.Min, b[0]), at(p.X.Max, b[0])}, []vg.Point{at(p.X.Min, b[1]), at(p.X.Max, b[1])})
		return
	}
	if s.Bars != 0 {
		for _, m := range s.Points {
			c.FillPolygon(s.Color, []vg.Point{at(m.X-s.Bars/2, 0), at(m.X-s.Bars/2, m.Y), at(m.X+s.Bars/2, m.Y), at(m.X+s.Bars/2, 0)})
		}
		return
	}
	line := draw.LineStyle{Color: s.Color, Width: 1.3, Dashes: s.Dashes}
	thin := draw.LineStyle{Color: s.Color, Width: 0.6}
	var run []vg.Point
	for _, m := range s.Points {
		if math.IsNaN(m.Y) {
			// Only a bound is known: an arrow from it.
			if len(run) > 1 {
				c.StrokeLines(line, run)
			}
			run = nil
			edge, sign := m.High, vg.Length(-1)
			if math.IsInf(m.High, 1) {
				edge, sign = m.Low, 1
			}
			if !math.IsInf(edge, 0) {
				q := at(m.X, edge)
				c.StrokeLine2(thin, q.X-4, q.Y, q.X+4, q.Y)
				c.StrokeLine2(thin, q.X, q.Y, q.X, q.Y+sign*10)
				c.FillPolygon(s.Color, []vg.Point{{X: q.X, Y: q.Y + sign*13}, {X: q.X - 2.5, Y: q.Y + sign*9}, {X: q.X + 2.5, Y: q.Y + sign*9}})
			}
			continue
		}
		run = append(run, at(m.X, m.Y))
		if s.Bare {
			continue
		}
		c.StrokeLines(thin, []vg.Point{at(m.X, m.Low), at(m.X, m.High)})
		radius := s.Radius
		if radius == 0 {
			radius = 2
		}
		c.DrawGlyph(draw.GlyphStyle{Color: s.Color, Radius: radius, Shape: draw.CircleGlyph{}}, at(m.X, m.Y))
	}
	if len(run) > 1 && !s.Dots {
		c.StrokeLines(line, run)
	}
}

// Looks are colors and dashes that tell the curves of a plot apart, in print too.
var Looks = []Series{
	{Color: Blue}, {Color: Vermillion, Dashes: []vg.Length{6, 2, 1.5, 2}}, {Color: Green, Dashes: []vg.Length{4, 2}},
	{Color: Purple, Dashes: []vg.Length{1.5, 1.5}}, {Color: Orange, Dashes: []vg.Length{8, 3}}, {Color: Sky}, {Color: Black, Dashes: []vg.Length{3, 3}},
}

// Look is the i-th of Looks with a name, from the first again after the last.
func Look(i int, name string) Series {
	s := Looks[i%len(Looks)]
	s.Name = name
	return s
}

// LogAxis makes a horizontal axis of decimal logarithms: a tick at every value and a label where there is room.
func LogAxis(p *plot.Plot, values []float64) {
	sorted := slices.Sorted(slices.Values(values))
	var ticks plot.ConstantTicks
	last := math.Inf(-1)
	gap := 0.1 * math.Log10(sorted[len(sorted)-1]/sorted[0])
	for _, v := range sorted {
		x := math.Log10(v)
		tick := plot.Tick{Value: x}
		if x-last >= gap {
			tick.Label, last = strconv.FormatFloat(v, 'g', -1, 64), x
		}
		ticks = append(ticks, tick)
	}
	p.X.Tick.Marker = ticks
	p.X.Min, p.X.Max = ticks[0].Value-gap/2, ticks[len(ticks)-1].Value+gap/2
}

// LogY makes the vertical axis logarithmic, with ticks at powers of ten.
func LogY(p *plot.Plot) {
	p.Y.Scale = plot.LogScale{}
	p.Y.Tick.Marker = powers{}
}

type powers struct{}

// Ticks implements plot.Ticker.
func (powers) Ticks(lo, hi float64) (list []plot.Tick) {
	for v := math.Pow(10, math.Ceil(math.Log10(lo)-1e-9)); v <= hi*(1+1e-9); v *= 10 {
		list = append(list, plot.Tick{Value: v, Label: tickLabel(v, v, v)})
	}
	return list
}

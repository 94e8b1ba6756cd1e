package curves

// The picture of the paper's Figure 1.

import (
	"fmt"
	"image/color"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"transcend/internal/figure"
)

// PlotOptions of Plot.
type PlotOptions struct {
	// WithPaper draws the paper's published curves, too.
	WithPaper bool
}

// The picture fits the text of a page; a sweep on another scale, or under other
// conditions, has a panel of its own below.
const (
	figureWidth = 18 * vg.Centimeter
	panelHeight = 11.5 * vg.Centimeter
	padding     = 6 // around everything
	lineHeight  = 11
	legendMark  = 30
)

// look tells the curves of a panel apart: by color, and without colors by dashes and
// markers.
type look struct {
	color  color.RGBA
	dashes []vg.Length
	marker draw.GlyphDrawer
}

var looks = []look{
	{figure.Blue, nil, draw.CircleGlyph{}},
	{figure.Vermillion, []vg.Length{5, 2}, draw.BoxGlyph{}},
	{figure.Green, []vg.Length{1.5, 1.5}, draw.PyramidGlyph{}},
	{figure.Purple, []vg.Length{6, 2, 1.5, 2}, draw.RingGlyph{}},
	{figure.Orange, []vg.Length{9, 3}, draw.SquareGlyph{}},
	{figure.Sky, []vg.Length{3, 3}, draw.TriangleGlyph{}},
}

// Plot draws ratings over temperatures into a file, whose name says the format
// (figure.Write), with the interval of each temperature, a bound as an arrow, and the
// cap as a line. A temperature of 0 stands left of all others.
func Plot(path string, sweeps []Sweep, opt PlotOptions) error {
	if len(sweeps) == 0 {
		return fmt.Errorf("elo/curves: drawing %s: nothing was played", path)
	}
	height := vg.Length(len(sweeps)) * panelHeight
	err := figure.Write(path, figureWidth, height, func(c draw.Canvas, bold bool) {
		for i, s := range sweeps {
			top := c.Max.Y - vg.Length(i)*panelHeight
			panel := draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
				Min: vg.Point{X: c.Min.X + padding, Y: top - panelHeight + padding},
				Max: vg.Point{X: c.Max.X - padding, Y: top - padding},
			}}
			s.draw(panel, bold, opt)
		}
	})
	if err != nil {
		return fmt.Errorf("elo/curves: %w", err)
	}
	return nil
}

// series is what is drawn of a curve.
type series struct {
	look
	name   string
	cap    float64 // 0: none
	faint  bool    // somebody else's
	points []mark
}

// mark is a point with its interval; without a rating one end is open.
type mark struct {
	temperature, rating, low, high float64
}

func (s Sweep) series(opt PlotOptions) []series {
	var all []series
	for i, c := range s.Curves {
		one := series{look: looks[i%len(looks)], name: c.Model, cap: float64(c.Cap)}
		for _, p := range c.Points {
			if e := p.Rating; e != nil {
				one.points = append(one.points, mark{p.Temperature, e.Rating, e.Total.Low, e.Total.High})
			}
		}
		all = append(all, one)
	}
	if opt.WithPaper {
		for i, c := range paperCurves {
			one := series{look: looks[(len(s.Curves)+i)%len(looks)], name: fmt.Sprintf("paper, cap %d", c.cap), cap: float64(c.cap), faint: true}
			for j, t := range PaperTemperatures() {
				r, h := c.rating[j], c.halfWidth[j]
				one.points = append(one.points, mark{t, r, r - h, r + h})
			}
			all = append(all, one)
		}
	}
	return all
}

func (s Sweep) draw(c draw.Canvas, bold bool, opt PlotOptions) {
	all := s.series(opt)
	style := figure.Sans(10, bold)
	style.YAlign = text.YTop
	c.FillText(style, vg.Point{X: c.Min.X, Y: c.Max.Y}, "Rating over sampling temperature")
	c.Max.Y -= 15
	small := figure.Sans(7, false)
	small.YAlign = text.YTop
	for _, line := range s.notes(opt, small.Width, c.Max.X-c.Min.X) {
		c.FillText(small, vg.Point{X: c.Min.X, Y: c.Max.Y}, line)
		c.Max.Y -= lineHeight - 2
	}
	c.Max.Y -= 3
	c.Max.Y -= lineHeight*vg.Length(legend(c, all)) + 3

	var temperatures []float64
	for _, one := range all {
		for _, m := range one.points {
			temperatures = append(temperatures, m.temperature)
		}
	}
	if len(temperatures) == 0 {
		style := figure.Sans(9, false)
		style.Color, style.XAlign, style.YAlign = figure.Edge, text.XCenter, text.YCenter
		c.FillText(style, c.Center(), "no rating: the opponents are on no known scale")
		return
	}
	slices.Sort(temperatures)
	temperatures = slices.Compact(temperatures)
	place := axis(temperatures)
	p := figure.NewPlot("temperature (logarithmic)", "Elo, "+s.Scale)
	if temperatures[0] == 0 {
		p.X.Label.Text = "temperature (logarithmic; 0 set apart)"
	}
	var ticks plot.ConstantTicks
	for _, t := range temperatures {
		ticks = append(ticks, plot.Tick{Value: place(t), Label: strconv.FormatFloat(t, 'g', -1, 64)})
	}
	p.X.Tick.Marker = ticks
	beside := 0.1 + 0.03*float64(len(all)) // room for bounds beside each other
	p.X.Min, p.X.Max = ticks[0].Value-beside, ticks[len(ticks)-1].Value+beside
	p.Y.Min, p.Y.Max = extent(all)
	p.Add(figure.Grid{})
	for i, one := range all {
		// Bounds of several models are often the same.
		nudge := 7 * (vg.Length(i) - vg.Length(len(all)-1)/2)
		p.Add(drawing{one, place, nudge})
	}
	p.Add(capLines(all))
	c.Max.X -= capLines(all).width() + 4
	p.Draw(c)
}

// notes are the lines under the title.
func (s Sweep) notes(opt PlotOptions, width func(string) vg.Length, limit vg.Length) []string {
	words := "Bands: the 95% interval of each temperature, with the anchors' errors where they are stated; arrows: one-sided 95% bounds where " +
		"every game was lost, or won. Dashed lines: the highest rating among the players of the training games, which is on their own scale. " +
		"Conditions: " + s.Conditions.String() + "."
	if opt.WithPaper {
		words += " Paper: Zhang et al. 2024, Figure 1, read off the picture to about 3 points; bands of about one RD (68%). " +
			"It is on the scale of Lichess bots: shapes may be compared, heights may not."
	}
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(words) {
		if line != "" && width(line+" "+word) > limit {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}

// axis places temperatures: logarithms, with 0 somewhat left of the lowest other.
func axis(sorted []float64) func(float64) float64 {
	zero := 0.0
	for _, t := range sorted {
		if t > 0 {
			zero = math.Log10(t) - 0.5
			break
		}
	}
	return func(t float64) float64 {
		if t == 0 {
			return zero
		}
		return math.Log10(t)
	}
}

// widest is how much of an interval is shown to each side: one that says next to
// nothing must not flatten all others.
const widest = 500

// farthest is how far from all ratings a cap may be and be shown: one on a scale
// that has nothing to do with it must not flatten the curves.
const farthest = 1500

// extent is the range of ratings to show: all ratings, bounds and near caps.
func extent(all []series) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	include := func(x float64) {
		if !math.IsInf(x, 0) {
			lo, hi = min(lo, x), max(hi, x)
		}
	}
	for _, one := range all {
		for _, m := range one.points {
			if math.IsInf(m.rating, 0) {
				include(m.low)
				include(m.high)
				continue
			}
			include(max(m.low, m.rating-widest))
			include(min(m.high, m.rating+widest))
		}
	}
	low, high := lo, hi
	for _, one := range all {
		if one.cap > 0 && one.cap > low-farthest && one.cap < high+farthest {
			include(one.cap)
		}
	}
	margin := max(60, 0.08*(hi-lo))
	lo, hi = lo-margin, hi+margin
	// Room for the arrows at bounds.
	for _, one := range all {
		for _, m := range one.points {
			if math.IsInf(m.rating, -1) {
				lo = min(lo, m.high-0.12*(hi-lo))
			}
			if math.IsInf(m.rating, 1) {
				hi = max(hi, m.low+0.12*(hi-lo))
			}
		}
	}
	return lo, hi
}

// drawing draws a series.
type drawing struct {
	series
	place func(float64) float64
	nudge vg.Length // of bounds, to the side
}

// Plot implements plot.Plotter.
func (d drawing) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	at := func(t, rating float64) vg.Point {
		return vg.Point{X: x(d.place(t)), Y: y(min(max(rating, p.Y.Min), p.Y.Max))}
	}
	// Runs of points with a rating are a line in a band; bounds interrupt it.
	for i := 0; i < len(d.points); i++ {
		j := i
		for j < len(d.points) && !math.IsInf(d.points[j].rating, 0) {
			j++
		}
		d.drawRun(&c, at, d.points[i:j])
		if j < len(d.points) {
			d.drawBound(&c, at, d.points[j])
		}
		i = j
	}
}

func (d drawing) drawRun(c *draw.Canvas, at func(t, rating float64) vg.Point, run []mark) {
	line := draw.LineStyle{Color: d.color, Width: 1.4, Dashes: d.dashes}
	edge := draw.LineStyle{Color: d.color, Width: 0.4}
	opacity := 0.16
	if d.faint {
		line.Width, opacity = 0.8, 0.07
	}
	if len(run) > 1 {
		var upper, lower, middle []vg.Point
		for _, m := range run {
			upper = append(upper, at(m.temperature, m.high))
			lower = append(lower, at(m.temperature, m.low))
			middle = append(middle, at(m.temperature, m.rating))
		}
		band := slices.Clone(upper)
		for _, q := range slices.Backward(lower) {
			band = append(band, q)
		}
		c.FillPolygon(transparent(d.color, opacity), band)
		c.StrokeLines(edge, upper, lower)
		c.StrokeLines(line, middle)
	}
	for _, m := range run {
		c.StrokeLines(edge, []vg.Point{at(m.temperature, m.low), at(m.temperature, m.high)})
		c.DrawGlyph(draw.GlyphStyle{Color: d.color, Radius: d.radius(), Shape: d.marker}, at(m.temperature, m.rating))
	}
}

func transparent(c color.RGBA, opacity float64) color.Color {
	return color.NRGBA{c.R, c.G, c.B, uint8(255*opacity + 0.5)}
}

func (s series) radius() vg.Length {
	if s.faint {
		return 2
	}
	return 3
}

// drawBound draws a bar at a bound, and an arrow to where the rating is.
func (d drawing) drawBound(c *draw.Canvas, at func(t, rating float64) vg.Point, m mark) {
	edge, sign := m.high, vg.Length(-1)
	if math.IsInf(m.high, 1) {
		edge, sign = m.low, 1
	}
	q := at(m.temperature, edge)
	q.X += d.nudge
	style := draw.LineStyle{Color: d.color, Width: 1.2}
	c.StrokeLine2(style, q.X-6, q.Y, q.X+6, q.Y)
	tip := q.Y + sign*16
	c.StrokeLine2(style, q.X, q.Y, q.X, tip)
	c.FillPolygon(d.color, []vg.Point{{X: q.X, Y: tip + sign*5}, {X: q.X - 3, Y: tip}, {X: q.X + 3, Y: tip}})
	c.DrawGlyph(draw.GlyphStyle{Color: d.color, Radius: d.radius(), Shape: d.marker}, q)
}

// capLines draws each cap once, with its number at the right.
type capLines []series

// name is what stands at a cap's line.
func (s series) capName() string { return fmt.Sprintf("cap %.0f", s.cap) }

// width is what the names need.
func (l capLines) width() (w vg.Length) {
	style := figure.Sans(7, false)
	for _, s := range l {
		if s.cap > 0 {
			w = max(w, style.Width(s.capName()+" (off)"))
		}
	}
	return w
}

// Plot implements plot.Plotter.
func (l capLines) Plot(c draw.Canvas, p *plot.Plot) {
	_, y := p.Transforms(&c)
	first := map[float64]series{}
	for _, s := range l {
		if _, known := first[s.cap]; !known && s.cap > 0 {
			first[s.cap] = s
		}
	}
	for _, cap := range slices.Sorted(maps.Keys(first)) {
		style := draw.LineStyle{Color: figure.Black, Width: 0.9, Dashes: []vg.Length{4, 3}}
		if len(first) > 1 {
			style.Color = first[cap].color
		}
		label := figure.Sans(7, false)
		label.YAlign, label.Color = text.YCenter, style.Color
		if cap > p.Y.Max || cap < p.Y.Min {
			c.FillText(label, vg.Point{X: c.Max.X + 3, Y: min(max(y(cap), c.Min.Y), c.Max.Y)}, first[cap].capName()+" (off)")
			continue
		}
		c.StrokeLine2(style, c.Min.X, y(cap), c.Max.X, y(cap))
		c.FillText(label, vg.Point{X: c.Max.X + 3, Y: y(cap)}, first[cap].capName())
	}
}

// legend draws the curves' names, beside each other while they fit, and returns how
// many lines they take.
func legend(c draw.Canvas, all []series) int {
	style := figure.Sans(8, false)
	style.YAlign = text.YCenter
	x, lines := c.Min.X, 1
	for _, s := range all {
		w := legendMark + style.Width(s.name) + 14
		if x > c.Min.X && x+w > c.Max.X {
			x = c.Min.X
			lines++
		}
		y := c.Max.Y - lineHeight*(vg.Length(lines)-0.5)
		c.StrokeLine2(draw.LineStyle{Color: s.color, Width: 1.4, Dashes: s.dashes}, x, y, x+legendMark-4, y)
		c.DrawGlyph(draw.GlyphStyle{Color: s.color, Radius: s.radius(), Shape: s.marker}, vg.Point{X: x + (legendMark-4)/2, Y: y})
		c.FillText(style, vg.Point{X: x + legendMark, Y: y}, s.name)
		x += w
	}
	return lines
}

// paperCurve is a published curve.
type paperCurve struct {
	cap               int
	rating, halfWidth [8]float64
}

// PaperTemperatures are those of the paper's Figure 1.
func PaperTemperatures() []float64 { return []float64{0.001, 0.01, 0.1, 0.3, 0.5, 0.75, 1, 1.5} }

// paperCurves are Figure 1 of Zhang et al. 2024, digitized from its published picture
// of 5000 by 1500 pixels to about 3 points; the bands are as drawn there.
var paperCurves = []paperCurve{
	{1000, [8]float64{1424, 1367, 1499, 1317, 1297, 1085, 851, 787}, [8]float64{86, 87, 79, 90, 71, 71, 118, 127}},
	{1300, [8]float64{1526, 1629, 1548, 1572, 1450, 1313, 1172, 809}, [8]float64{101, 96, 101, 93, 111, 123, 147, 175}},
	{1500, [8]float64{1441, 1572, 1293, 1410, 1458, 1327, 987, 808}, [8]float64{110, 102, 120, 108, 103, 124, 133, 176}},
}

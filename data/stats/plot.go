package stats

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"transcend/data/filter"
	"transcend/internal/figure"
)

// The figure fits the text of a page of A4 or letter paper.
const (
	figureWidth  = 18 * vg.Centimeter
	figureHeight = 21 * vg.Centimeter
)

// Colors that people with any color vision tell apart (Okabe and Ito 2008); the
// order gives neighbors different lightness too.
var (
	colorUnknown = color.RGBA{170, 170, 170, 255}

	speedColors = [numSpeeds]color.Color{
		color.RGBA{204, 121, 167, 255}, // ultrabullet: purple
		figure.Blue,                    // bullet
		figure.Sky,                     // blitz
		color.RGBA{240, 228, 66, 255},  // rapid: yellow
		figure.Vermillion,              // classical
		figure.Green,                   // correspondence
		colorUnknown,
	}
	colorWhiteWins = color.RGBA{250, 250, 250, 255}
	colorDraws     = color.RGBA{160, 160, 160, 255}
	colorBlackWins = color.RGBA{40, 40, 40, 255}
)

// Plot draws the description into a file, whose name says the format: .svg, .png
// or .pdf. The same description makes the same file, but for the date in a PDF. A
// file that is there is replaced by the whole new one.
func (d *Description) Plot(path string) error {
	if err := figure.Write(path, figureWidth, figureHeight, d.draw); err != nil {
		return fmt.Errorf("data/stats: %w", err)
	}
	return nil
}

// panel is one plot with what is above it.
type panel struct {
	title  string
	legend []legendEntry
	plot   *plot.Plot // nil: there is nothing to show
	empty  string     // says so
	// namesAtSide says that long names are at the vertical axis.
	namesAtSide bool
}

type legendEntry struct {
	name  string
	color color.Color
	line  bool // not a box
	dash  []vg.Length
}

// draw draws the figure, its titles in bold letters if the canvas has them.
func (d *Description) draw(c draw.Canvas, bold bool) {
	c = draw.Crop(c, 4, -6, 4, -4)

	head := fmt.Sprintf("%s games, %s plies", humanize.Comma(int64(d.Games)), humanize.Comma(int64(d.Plies.Total)))
	if d.Players.Distinct > 0 {
		about := ""
		if d.Players.Estimated {
			about = "about "
		}
		head += fmt.Sprintf(", %s%s players", about, humanize.Comma(int64(d.Players.Distinct)))
	}
	if d.Dates.First != "" {
		head += fmt.Sprintf(", %s to %s", d.Dates.First, d.Dates.Last)
	}
	style := figure.Sans(10, bold)
	style.XAlign, style.YAlign = text.XCenter, text.YTop
	c.FillText(style, vg.Point{X: c.Center().X, Y: c.Max.Y}, head)
	c.Max.Y -= 20

	panels := [][]panel{
		{d.ratingPanel(), d.speedPanel()},
		{d.resultPanel(), d.lengthPanel()},
		{d.openingPanel(), d.datePanel()},
	}
	drawPanels(c, panels, bold)
}

// drawPanels draws rows of panels of the same size. The plots of a column have
// their axes above each other, but for those with names at the side.
func drawPanels(c draw.Canvas, panels [][]panel, bold bool) {
	const padX, padY, titleHeight, legendLine = 16, 12, 14, 10
	cols := len(panels[0])
	width := (c.Max.X - c.Min.X - vg.Length(cols-1)*padX) / vg.Length(cols)
	lines := make([]int, len(panels))
	free := c.Max.Y - c.Min.Y - vg.Length(len(panels)-1)*padY
	for i, row := range panels {
		for _, p := range row {
			lines[i] = max(lines[i], p.layLegend(width, nil))
		}
		free -= titleHeight + legendLine*vg.Length(lines[i])
	}
	height := free / vg.Length(len(panels))

	left, right := make([]vg.Length, cols), make([]vg.Length, cols)
	below := make([]vg.Length, len(panels))
	size := vg.Rectangle{Max: vg.Point{X: width, Y: height}}
	for i, row := range panels {
		for j, p := range row {
			if p.plot == nil {
				continue
			}
			data := p.plot.DataCanvas(draw.Canvas{Canvas: c.Canvas, Rectangle: size})
			if !p.namesAtSide {
				left[j] = max(left[j], data.Min.X)
			}
			right[j] = max(right[j], width-data.Max.X)
			below[i] = max(below[i], data.Min.Y)
		}
	}
	y := c.Max.Y
	for i, row := range panels {
		for j, p := range row {
			at := vg.Point{X: c.Min.X + vg.Length(j)*(width+padX), Y: y}
			tile := draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{Min: vg.Point{X: at.X, Y: at.Y - height}, Max: vg.Point{X: at.X + width, Y: at.Y}}}
			style := figure.Sans(9, bold)
			style.YAlign = text.YTop
			c.FillText(style, at, string(rune('a'+i*cols+j))+"   "+p.title)
			p.layLegend(width, func(e legendEntry, x vg.Length, line int) {
				e.draw(&c, at.X+x, at.Y-titleHeight-legendLine*(vg.Length(line)+0.3))
			})
			head := titleHeight + legendLine*vg.Length(lines[i])
			tile.Min.Y -= head
			tile.Max.Y -= head
			if p.plot == nil {
				style := figure.Sans(8, false)
				style.Color, style.XAlign, style.YAlign = figure.Edge, text.XCenter, text.YCenter
				c.FillText(style, tile.Center(), p.empty)
				continue
			}
			// The canvas whose axes are where they should be. Moving an edge moves
			// the ends of the axes and what juts out there: twice is close enough.
			want := vg.Rectangle{Min: vg.Point{X: tile.Min.X + left[j], Y: tile.Min.Y + below[i]}, Max: vg.Point{X: tile.Max.X - right[j], Y: tile.Max.Y - 4}}
			canvas := tile
			for range 2 {
				data := p.plot.DataCanvas(canvas)
				if !p.namesAtSide {
					canvas.Min.X += want.Min.X - data.Min.X
				}
				canvas.Min.Y += want.Min.Y - data.Min.Y
				canvas.Max.X += want.Max.X - data.Max.X
				canvas.Max.Y += want.Max.Y - data.Max.Y
			}
			p.plot.Draw(canvas)
		}
		y -= titleHeight + legendLine*vg.Length(lines[i]) + height + padY
	}
}

const (
	legendBox  = 6 // width of a box; a line has two of it
	legendSize = 7 // of the letters
)

// layLegend places the legend's entries in lines of this width, from the left,
// and returns how many lines there are.
func (p panel) layLegend(width vg.Length, put func(e legendEntry, x vg.Length, line int)) (lines int) {
	style := figure.Sans(legendSize, false)
	x := vg.Length(0)
	for i, e := range p.legend {
		w := e.mark() + style.Width(e.name)
		switch {
		case i == 0:
			lines = 1
		case x+w > width:
			x, lines = 0, lines+1
		}
		if put != nil {
			put(e, x, lines-1)
		}
		x += w + 9
	}
	return lines
}

// mark is the width of what is before an entry's name.
func (e legendEntry) mark() vg.Length {
	if e.line {
		return 2*legendBox + 3
	}
	return legendBox + 3
}

func (e legendEntry) draw(c *draw.Canvas, x, y vg.Length) {
	if e.line {
		c.StrokeLine2(draw.LineStyle{Color: e.color, Width: 1.3, Dashes: e.dash}, x, y, x+2*legendBox, y)
	} else {
		fillBox(c, e.color, x, y-legendBox/2, x+legendBox, y+legendBox/2)
	}
	style := figure.Sans(legendSize, false)
	style.YAlign = text.YCenter
	c.FillText(style, vg.Point{X: x + e.mark(), Y: y}, e.name)
}

func fillBox(c *draw.Canvas, fill color.Color, x0, y0, x1, y1 vg.Length) {
	pts := []vg.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}}
	c.FillPolygon(fill, pts)
	c.StrokeLines(draw.LineStyle{Color: figure.Edge, Width: 0.3}, append(pts, pts[0]))
}

// headroom is what an axis shows above the highest bar.
const headroom = 1.04

// rects draws rectangles in the units of the axes.
type rects []rect

type rect struct {
	x0, y0, x1, y1 float64
	color          color.Color
}

func (r rects) DataRange() (xmin, xmax, ymin, ymax float64) {
	xmin, ymin = math.Inf(1), math.Inf(1)
	xmax, ymax = math.Inf(-1), math.Inf(-1)
	for _, b := range r {
		xmin, xmax = min(xmin, b.x0), max(xmax, b.x1)
		ymin, ymax = min(ymin, b.y0), max(ymax, headroom*b.y1)
	}
	return xmin, xmax, ymin, ymax
}

func (r rects) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, b := range r {
		if b.x0 != b.x1 && b.y0 != b.y1 {
			fillBox(&c, b.color, x(b.x0), y(b.y0), x(b.x1), y(b.y1))
		}
	}
}

// outline draws the upper edge of a histogram.
type outline struct {
	bins  []Bin
	scale float64 // of the counts
	style draw.LineStyle
}

func (o outline) DataRange() (xmin, xmax, ymin, ymax float64) {
	for _, b := range o.bins {
		ymax = max(ymax, headroom*float64(b.Count)*o.scale)
	}
	return float64(o.bins[0].From), float64(o.bins[len(o.bins)-1].To + 1), 0, ymax
}

func (o outline) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	line := []vg.Point{{X: x(float64(o.bins[0].From)), Y: y(0)}}
	for _, b := range o.bins {
		h := y(float64(b.Count) * o.scale)
		line = append(line, vg.Point{X: x(float64(b.From)), Y: h}, vg.Point{X: x(float64(b.To + 1)), Y: h})
	}
	line = append(line, vg.Point{X: line[len(line)-1].X, Y: y(0)})
	c.StrokeLines(o.style, c.ClipLinesXY(line)...)
}

func (d *Description) ratingPanel() panel {
	r := d.Ratings
	out := panel{title: "Ratings", empty: "no ratings"}
	if r.Players.Count == 0 {
		return out
	}
	p := figure.NewPlot("rating (as in the source, 100 points a bar)", "share (%)")
	var bars rects
	for _, b := range r.Players.Histogram {
		bars = append(bars, rect{float64(b.From), 0, float64(b.To + 1), 100 * ratio(b.Count, r.Players.Count), figure.Sky})
	}
	p.Add(figure.Grid{}, bars)
	out.legend = []legendEntry{{name: fmt.Sprintf("players, median %d", r.Players.Median), color: figure.Sky}}
	if r.Maximum.Count > 0 {
		p.Add(outline{r.Maximum.Histogram, 100 / float64(r.Maximum.Count), draw.LineStyle{Color: figure.Vermillion, Width: 1.2}})
		out.legend = append(out.legend, legendEntry{name: fmt.Sprintf("stronger player of a game, median %d", r.Maximum.Median), color: figure.Vermillion, line: true})
	}
	p.Y.Min = 0
	out.plot = p
	return out
}

// ratedBands returns the bands with a rating, and the number of games without.
func (d *Description) ratedBands() (rated []Band, unknown int) {
	for _, b := range d.wideBands() {
		if b.Unknown {
			unknown = b.Games
		} else {
			rated = append(rated, b)
		}
	}
	return rated, unknown
}

// rect is a part of a band's bar.
func (b Band) rect(y, height float64, c color.Color) rect {
	gap := float64(b.To+1-b.From) / 25
	return rect{float64(b.From) + gap, y, float64(b.To+1) - gap, y + height, c}
}

// bandAxis makes the horizontal axis that of these bands.
func bandAxis(p *plot.Plot, rated []Band) {
	p.X.Min, p.X.Max = float64(rated[0].From), float64(rated[len(rated)-1].To+1)
}

// bandLabel is the label of an axis of bands.
func bandLabel(unknown int) string {
	s := "rating of the stronger player"
	if unknown > 0 {
		s += fmt.Sprintf(" (%s games: unknown)", humanize.Comma(int64(unknown)))
	}
	return s
}

func (d *Description) speedPanel() panel {
	out := panel{title: "Games by rating and time control", empty: "no ratings"}
	rated, unknown := d.ratedBands()
	if len(rated) == 0 {
		return out
	}
	p := figure.NewPlot(bandLabel(unknown), "games")
	var bars rects
	var total [numSpeeds]int
	for _, b := range rated {
		y := 0.0
		for i, n := range b.Speeds.list() {
			total[i] += n
			bars = append(bars, b.rect(y, float64(n), speedColors[i]))
			y += float64(n)
		}
	}
	names := append(filter.Speeds(), "unknown")
	for i, n := range total {
		if n > 0 {
			out.legend = append(out.legend, legendEntry{name: string(names[i]), color: speedColors[i]})
		}
	}
	p.Add(figure.Grid{}, bars)
	p.Y.Min = 0
	bandAxis(p, rated)
	out.plot = p
	return out
}

// leastForShare is the number of games below which shares of results are noise.
const leastForShare = 20

func (d *Description) resultPanel() panel {
	out := panel{title: "Results by rating", empty: fmt.Sprintf("no rating band with %d finished games", leastForShare)}
	rated, _ := d.ratedBands()
	var bars rects
	for _, b := range rated {
		finished := b.Games - b.Results.Unfinished
		if finished < leastForShare {
			continue
		}
		y := 0.0
		for _, part := range []struct {
			n     int
			color color.Color
		}{{b.Results.WhiteWins, colorWhiteWins}, {b.Results.Draws, colorDraws}, {b.Results.BlackWins, colorBlackWins}} {
			h := 100 * ratio(part.n, finished)
			bars = append(bars, b.rect(y, h, part.color))
			y += h
		}
	}
	if len(bars) == 0 {
		return out
	}
	out.legend = []legendEntry{{name: "White wins", color: colorWhiteWins}, {name: "draw", color: colorDraws}, {name: "Black wins", color: colorBlackWins}}
	p := figure.NewPlot(fmt.Sprintf("rating of the stronger player (bands of %d games or more)", leastForShare), "share of finished games (%)")
	p.Add(bars, half{})
	p.Y.Min, p.Y.Max = 0, 100
	bandAxis(p, rated)
	out.plot = p
	return out
}

// half is a line at 50%.
type half struct{}

func (half) Plot(c draw.Canvas, p *plot.Plot) {
	_, y := p.Transforms(&c)
	c.StrokeLine2(draw.LineStyle{Color: figure.Vermillion, Width: 0.8, Dashes: []vg.Length{3, 2}}, c.Min.X, y(50), c.Max.X, y(50))
}

func (d *Description) lengthPanel() panel {
	out := panel{title: "Length by result", empty: "no games"}
	if d.Games == 0 {
		return out
	}
	l := d.Plies
	p := figure.NewPlot("plies (half-moves, 10 a step)", "share of games with this result (%)")
	p.Add(figure.Grid{})
	for _, line := range []struct {
		name  string
		of    Distribution
		color color.Color
		dash  []vg.Length
	}{
		{"White wins", l.WhiteWins, figure.Vermillion, nil},
		{"draw", l.Draws, figure.Green, []vg.Length{1.5, 1.5}},
		{"Black wins", l.BlackWins, figure.Blue, []vg.Length{4, 1.5}},
		{"unfinished", l.Unfinished, figure.Edge, nil},
	} {
		if line.of.Count == 0 {
			continue
		}
		p.Add(outline{line.of.Histogram, 100 / float64(line.of.Count), draw.LineStyle{Color: line.color, Width: 1.2, Dashes: line.dash}})
		out.legend = append(out.legend, legendEntry{name: fmt.Sprintf("%s, median %d", line.name, line.of.Median), color: line.color, line: true, dash: line.dash})
	}
	// The few longest games would squeeze all the others.
	p.X.Min, p.Y.Min = 0, 0
	if end := float64(2*l.P95 + 10); p.X.Max > end {
		p.X.Max = end
	}
	out.plot = p
	return out
}

func (d *Description) openingPanel() panel {
	out := panel{title: "Openings", empty: "no openings"}
	list := firstOf(d.Openings.Families, 14)
	if len(list) == 0 {
		return out
	}
	out.namesAtSide = true
	p := figure.NewPlot("games (at the bar: White's score)", "")
	var bars rects
	var names []plot.Tick
	var labels marks
	for i, f := range list {
		y := float64(len(list) - 1 - i)
		bars = append(bars, rect{0, y - 0.36, float64(f.Games), y + 0.36, figure.Sky})
		names = append(names, plot.Tick{Value: y, Label: f.Name})
		if f.WhiteScore != nil {
			labels = append(labels, mark{float64(f.Games), y, fmt.Sprintf("%.0f%%", 100**f.WhiteScore)})
		}
	}
	p.Add(figure.Grid{Vertical: true}, bars, labels)
	p.X.Min, p.Y.Min, p.Y.Max = 0, -0.6, float64(len(list))-0.4
	p.X.Max *= 1.12 // room for the label of the longest bar
	p.Y.Tick.Marker = plot.ConstantTicks(names)
	p.Y.Tick.LineStyle.Width = 0
	p.Y.Tick.Length = 0
	out.plot = p
	return out
}

// marks are texts to the right of points.
type marks []mark

type mark struct {
	x, y float64
	text string
}

func (m marks) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	style := figure.Sans(6.5, false)
	style.YAlign = text.YCenter
	for _, l := range m {
		c.FillText(style, vg.Point{X: x(l.x) + 3, Y: y(l.y)}, l.text)
	}
}

func (d *Description) datePanel() panel {
	out := panel{title: "Games by year", empty: "no dates"}
	list := d.Dates.Years
	label := "year"
	if len(list) == 0 {
		return out
	}
	if m := slices.DeleteFunc(slices.Clone(d.Dates.Months), func(p Period) bool { return strings.Contains(p.Name, "?") }); len(list) <= 2 && len(m) > 1 {
		out.title, label, list = "Games by month", "month", m
	}
	if d.Dates.Unknown > 0 {
		label += fmt.Sprintf(" (%s games: unknown)", humanize.Comma(int64(d.Dates.Unknown)))
	}
	p := figure.NewPlot(label, "games")
	var bars rects
	var names []plot.Tick
	// As many names as there is room for.
	every := 1 + (len(list)-1)/8
	for i, t := range list {
		bars = append(bars, rect{float64(i) - 0.4, 0, float64(i) + 0.4, float64(t.Games), figure.Sky})
		if i%every == 0 {
			names = append(names, plot.Tick{Value: float64(i), Label: t.Name})
		}
	}
	p.Add(figure.Grid{}, bars)
	p.X.Min, p.X.Max, p.Y.Min = -0.6, float64(len(list))-0.4, 0
	p.X.Tick.Marker = plot.ConstantTicks(names)
	out.plot = p
	return out
}

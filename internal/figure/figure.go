// Package figure is what the pictures of this program have in common: formats, fonts,
// colors, axes. Pictures are drawn with gonum/plot.
//
// A Picture has a name and is written by WriteAll; most are made by Panels, of Series of Marks side by
// side. What is drawn otherwise begins with NewPlot and is written by Write.
package figure

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"

	"transcend/internal/atomicfile"
)

const pngDPI = 220

// Colors that people with any color vision tell apart (Okabe and Ito 2008).
var (
	Black      = color.RGBA{A: 255}
	grey       = color.RGBA{221, 221, 221, 255} // of lines behind what is shown
	Edge       = color.RGBA{90, 90, 90, 255}
	Sky        = color.RGBA{86, 180, 233, 255}
	Blue       = color.RGBA{0, 114, 178, 255}
	Vermillion = color.RGBA{213, 94, 0, 255}
	Green      = color.RGBA{0, 158, 115, 255}
	Purple     = color.RGBA{204, 121, 167, 255}
	Orange     = color.RGBA{230, 159, 0, 255}
)

// CheckName refuses the name of a picture in no format that Write knows.
func CheckName(path string) error {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".svg", ".png", ".pdf":
		return nil
	}
	return fmt.Errorf("%s: the name of a picture must end in .svg, .png or .pdf", path)
}

// Write draws a picture on white into a file, whose name says the format: .svg, .png
// or .pdf. The same drawing makes the same file, but for the date in a PDF. A file
// that is there is replaced by the whole new one. drawing is told whether the canvas
// has bold letters.
func Write(path string, width, height vg.Length, drawing func(c draw.Canvas, bold bool)) error {
	if err := CheckName(path); err != nil {
		return err
	}
	var canvas vg.CanvasWriterTo
	bold := true
	switch strings.ToLower(filepath.Ext(path)) {
	case ".svg":
		canvas = &svgCanvas{Canvas: vgsvg.New(width, height)}
	case ".png":
		canvas = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(pngDPI))}
	default:
		canvas = vgpdf.New(width, height)
		// vgpdf v0.17.0 has no bold fonts ("undefined font"), and of several fonts
		// in a file it embeds one.
		bold = false
	}
	c := draw.New(canvas)
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	drawing(c, bold)
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return fmt.Errorf("drawing %s: %w", path, err)
	}
	err := atomicfile.WriteFile(path, 0o644, func(w io.Writer) error {
		_, err := w.Write(b.Bytes())
		return err
	})
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// Picture is a drawing with its name, without an ending, and size. Draw is Write's drawing.
type Picture struct {
	Name          string
	Width, Height vg.Length
	Draw          func(c draw.Canvas, bold bool)
}

// WriteAll writes pictures as SVG and as PNG into a directory and returns the files. Two of one name are an
// error: one would be lost.
func WriteAll(dir string, pictures []Picture) (files []string, err error) {
	for i, p := range pictures {
		if slices.ContainsFunc(pictures[:i], func(q Picture) bool { return q.Name == p.Name }) {
			return files, fmt.Errorf("two pictures are called %s", p.Name)
		}
		for _, ending := range []string{".svg", ".png"} {
			path := filepath.Join(dir, p.Name+ending)
			if err := Write(path, p.Width, p.Height, p.Draw); err != nil {
				return files, err
			}
			files = append(files, path)
		}
	}
	return files, nil
}

// svgCanvas makes texts as wide as they are in the figure's font, whatever font
// the viewer has.
type svgCanvas struct {
	*vgsvg.Canvas
	widths []vg.Length // of the texts so far
}

func (c *svgCanvas) FillString(f font.Face, at vg.Point, s string) {
	c.widths = append(c.widths, f.Width(s))
	c.Canvas.FillString(f, at, s)
}

func (c *svgCanvas) WriteTo(w io.Writer) (int64, error) {
	var b bytes.Buffer
	if _, err := c.Canvas.WriteTo(&b); err != nil {
		return 0, err
	}
	// Letter by letter, Arial is as wide as Liberation Sans.
	svg := strings.ReplaceAll(b.String(), "font-family:Liberation Sans;", "font-family:'Liberation Sans',Arial,Helvetica,sans-serif;")
	const element = "<text "
	texts := strings.Split(svg, element)
	for i, width := range c.widths[:min(len(c.widths), len(texts)-1)] {
		texts[i+1] = fmt.Sprintf(`textLength="%.2f" lengthAdjust="spacingAndGlyphs" %s`, width.Points(), texts[i+1])
	}
	n, err := io.WriteString(w, strings.Join(texts, element))
	return int64(n), err
}

// Sans is a text style of the figures' font.
func Sans(size vg.Length, bold bool) text.Style {
	f := font.Font{Typeface: "Liberation", Variant: "Sans"}
	if bold {
		f.Weight = 3 // WeightBold of golang.org/x/image/font
	}
	return text.Style{Color: Black, Font: font.From(f, size), Handler: plot.DefaultTextHandler}
}

// NewPlot returns an empty plot in the figures' style, with Ticks on both axes.
func NewPlot(xLabel, yLabel string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil // it would cover the legend's lowest edge
	p.X.Label.Text, p.Y.Label.Text = xLabel, yLabel
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		xAlign, rotation := a.Label.TextStyle.XAlign, a.Label.TextStyle.Rotation
		yAlign := a.Label.TextStyle.YAlign
		a.Label.TextStyle = Sans(8, false)
		a.Label.TextStyle.XAlign, a.Label.TextStyle.YAlign, a.Label.TextStyle.Rotation = xAlign, yAlign, rotation
		xAlign, yAlign = a.Tick.Label.XAlign, a.Tick.Label.YAlign
		a.Tick.Label = Sans(7, false)
		a.Tick.Label.XAlign, a.Tick.Label.YAlign = xAlign, yAlign
		a.LineStyle.Width, a.Tick.LineStyle.Width = 0.5, 0.5
		a.Tick.Length = 3
		a.Padding = 0
		a.Tick.Marker = Ticks{}
	}
	return p
}

// Ticks are at round numbers, at most nine of them, all with labels.
type Ticks struct{}

// Ticks implements plot.Ticker.
func (Ticks) Ticks(lo, hi float64) []plot.Tick {
	span := hi - lo
	step := math.Pow(10, math.Floor(math.Log10(span)))
	for _, f := range []float64{0.1, 0.2, 0.5, 1, 2, 5} {
		if span/(step*f) <= 8 {
			step *= f
			break
		}
	}
	var list []plot.Tick
	for i := math.Ceil(lo/step - 1e-9); i*step <= hi+step*1e-9; i++ {
		list = append(list, plot.Tick{Value: i * step, Label: tickLabel(i*step, step, hi)})
	}
	return list
}

// tickLabel writes all numbers of an axis up to hi in the same unit.
func tickLabel(v, step, hi float64) string {
	unit := ""
	switch {
	case hi >= 1e6 && step >= 1e4:
		v, unit = v/1e6, "M"
	case hi >= 1e4 && step >= 100:
		v, unit = v/1e3, "k"
	}
	if v == 0 {
		return "0"
	}
	// Multiples of round steps have few digits but for rounding.
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64) + unit
}

// Grid draws lines across the plot at the ticks of one axis.
type Grid struct{ Vertical bool }

// Plot implements plot.Plotter.
func (g Grid) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	style := draw.LineStyle{Color: grey, Width: 0.4}
	if g.Vertical {
		for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
			c.StrokeLine2(style, x(t.Value), c.Min.Y, x(t.Value), c.Max.Y)
		}
		return
	}
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		c.StrokeLine2(style, c.Min.X, y(t.Value), c.Max.X, y(t.Value))
	}
}

package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// series is the validation loss of a run over its steps.
type series struct {
	group  string // value of the first axis
	points plotter.XYs
}

// drawCurves writes the curves of validation loss over steps. Runs that share the value of
// the first axis share a color. Where that value has several runs (seeds), a
// second panel shows every curve less the mean of the first value's: differences
// that cannot be seen between curves that fall by several nats.
func drawCurves(path string, runs []outcome) error {
	var all []series
	for _, o := range runs {
		points, err := curve(o.dir)
		if err != nil {
			return err
		}
		s := series{group: strings.Join(o.values[:min(1, len(o.values))], "")}
		for _, q := range points {
			s.points = append(s.points, plotter.XY{X: q.step, Y: q.loss})
		}
		all = append(all, s)
	}
	top, err := panel(all, "validation loss, nats a token")
	if err != nil {
		return fmt.Errorf("drawing %s: %w", path, err)
	}
	top.Legend.Top = true
	panels := [][]*plot.Plot{{top}}
	if d := differences(all); d != nil {
		bottom, err := panel(d, "less the mean of "+d[0].group)
		if err != nil {
			return fmt.Errorf("drawing %s: %w", path, err)
		}
		bottom.Legend = plot.NewLegend()
		panels = append(panels, []*plot.Plot{bottom})
	}
	return save(path, func(w io.Writer) error { return writePanels(w, panels, filepath.Ext(path)) })
}

// panel draws curves, a color a group.
func panel(all []series, label string) (*plot.Plot, error) {
	p := plot.New()
	p.X.Label.Text = "steps"
	p.Y.Label.Text = label
	p.Add(plotter.NewGrid())
	var groups []string
	for _, s := range all {
		line, err := plotter.NewLine(s.points)
		if err != nil {
			return nil, err
		}
		k := slices.Index(groups, s.group)
		if k < 0 {
			k = len(groups)
			groups = append(groups, s.group)
			p.Legend.Add(s.group, line)
		}
		line.Color = plotutil.Color(k)
		line.Dashes = plotutil.Dashes(k)
		line.Width = vg.Points(1)
		p.Add(line)
	}
	return p, nil
}

// differences subtracts the mean of the first group at every step, or returns
// nil where there is nothing to compare: one group, one run in it, or runs
// validated at different steps.
func differences(all []series) []series {
	if len(all) == 0 {
		return nil
	}
	var base []series
	for _, s := range all {
		if len(s.points) != len(all[0].points) {
			return nil
		}
		for i, p := range s.points {
			if p.X != all[0].points[i].X {
				return nil
			}
		}
		if s.group == all[0].group {
			base = append(base, s)
		}
	}
	if len(base) < 2 || len(base) == len(all) {
		return nil
	}
	out := make([]series, len(all))
	at := make([]float64, len(base))
	for i := range all[0].points {
		for j, b := range base {
			at[j] = b.points[i].Y
		}
		mean := stat.Mean(at, nil)
		for j, s := range all {
			out[j].group = s.group
			out[j].points = append(out[j].points, plotter.XY{X: s.points[i].X, Y: s.points[i].Y - mean})
		}
	}
	return out
}

// writePanels writes plots below each other, their axes aligned.
func writePanels(w io.Writer, panels [][]*plot.Plot, extension string) error {
	height := vg.Length(len(panels)) * 9 * vg.Centimeter
	c, err := draw.NewFormattedCanvas(16*vg.Centimeter, height, strings.TrimPrefix(extension, "."))
	if err != nil {
		return err
	}
	tiles := draw.Tiles{Rows: len(panels), Cols: 1, PadY: 4 * vg.Millimeter, PadTop: 2 * vg.Millimeter, PadRight: 3 * vg.Millimeter}
	for i, canvases := range plot.Align(panels, tiles, draw.New(c)) {
		panels[i][0].Draw(canvases[0])
	}
	_, err = c.WriteTo(w)
	return err
}

package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// draw writes the curves of validation loss over steps. Runs that share the value of
// the first axis share a color, so that the spread of the others shows.
func draw(path string, runs []outcome) error {
	p := plot.New()
	p.X.Label.Text = "steps"
	p.Y.Label.Text = "validation loss, nats a token"
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	colors := map[string]int{}
	for _, o := range runs {
		points, err := curve(o.dir)
		if err != nil {
			return err
		}
		xys := make(plotter.XYs, len(points))
		for i, q := range points {
			xys[i].X, xys[i].Y = q.step, q.loss
		}
		line, err := plotter.NewLine(xys)
		if err != nil {
			return fmt.Errorf("drawing %s: %w", o.dir, err)
		}
		first := strings.Join(o.values[:min(1, len(o.values))], "")
		k, known := colors[first]
		if !known {
			k = len(colors)
			colors[first] = k
			p.Legend.Add(first, line)
		}
		line.Color = plotutil.Color(k)
		line.Dashes = plotutil.Dashes(k)
		line.Width = vg.Points(1)
		p.Add(line)
	}
	w, err := p.WriterTo(16*vg.Centimeter, 10*vg.Centimeter, strings.TrimPrefix(filepath.Ext(path), "."))
	if err != nil {
		return fmt.Errorf("drawing %s: %w", path, err)
	}
	return save(path, func(out io.Writer) error {
		_, err := w.WriteTo(out)
		return err
	})
}

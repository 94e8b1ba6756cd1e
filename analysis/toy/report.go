package toy

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"transcend/internal/figure"
)

// Report is a sweep.
type Report struct {
	Options Options `json:"options"`
	Rows    []Row   `json:"rows"`
}

// Row is a sigma and a share, over its seeds.
type Row struct {
	Sigma        float64 `json:"sigma"`
	Share        float64 `json:"share"`
	Error        Mean    `json:"error"`
	Disagreement Mean    `json:"disagreement"`
	Shared       Mean    `json:"shared"`
	Best         Mean    `json:"best_expert"`
	// By temperature: accuracy, and how far it is above the best expert of the same seed.
	Model        []Mean `json:"model"`
	Above        []Mean `json:"above_best"`
	MixtureAbove []Mean `json:"mixture_above_best"`
}

// Mean is an estimate whose unknown ends are null in JSON.
type Mean Estimate

// MarshalJSON implements json.Marshaler.
func (m Mean) MarshalJSON() ([]byte, error) {
	ends := func(v float64) any {
		if math.IsInf(v, 0) {
			return nil
		}
		return v
	}
	return json.Marshal(map[string]any{"value": m.Value, "low": ends(m.Low), "high": ends(m.High)})
}

// NewReport sums up outcomes, which are in the order of Cells.
func NewReport(o Options, outcomes []*Outcome) *Report {
	r := &Report{Options: o}
	cells := o.Cells()
	for at := 0; at < len(cells); at += o.Seeds {
		part := outcomes[at : at+o.Seeds]
		mean := func(x func(*Outcome) float64) Mean {
			values := make([]float64, len(part))
			for i, p := range part {
				values[i] = x(p)
			}
			return Mean(estimate(values))
		}
		row := Row{
			Sigma: cells[at].Sigma, Share: cells[at].Share, Error: mean(func(p *Outcome) float64 { return p.Error }),
			Disagreement: mean(func(p *Outcome) float64 { return p.Disagreement }), Shared: mean(func(p *Outcome) float64 { return p.Shared }),
			Best: mean(func(p *Outcome) float64 { return p.Best }),
		}
		for t := range o.Temperatures {
			row.Model = append(row.Model, mean(func(p *Outcome) float64 { return p.Model[t] }))
			row.Above = append(row.Above, mean(func(p *Outcome) float64 { return p.Model[t] - p.Best }))
			row.MixtureAbove = append(row.MixtureAbove, mean(func(p *Outcome) float64 { return p.Mixture[t] - p.Best }))
		}
		r.Rows = append(r.Rows, row)
	}
	return r
}

// coldest is the place of the lowest temperature.
func (r *Report) coldest() (at int) {
	for t, tau := range r.Options.Temperatures {
		if tau < r.Options.Temperatures[at] {
			at = t
		}
	}
	return at
}

// verdict says whether a row's model transcends at its coldest temperature.
func (m Mean) verdict() string {
	switch {
	case math.IsInf(m.Low, -1):
		return "one seed"
	case m.Low > 0:
		return "above"
	case m.High < 0:
		return "below"
	}
	return "not told apart"
}

// WriteText implements analysis.Result.
func (r *Report) WriteText(w io.Writer) error {
	o := &r.Options
	fmt.Fprintf(w, "%d dimensions, %d classes, %d experts, %d points, tested on %d; %d seeds, Student's 95%% intervals over them\n\n", o.Dim, o.Classes, o.Experts, o.Points, o.Test, o.Seeds)
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tab, "sigma\tshared noise\texperts err %%\tdisagree %%\terr alike %%\tbest expert %%")
	for _, t := range o.Temperatures {
		fmt.Fprintf(tab, "\tT=%g", t)
	}
	fmt.Fprintf(tab, "\tcoldest less best, points\tmixture\t\n")
	cold := r.coldest()
	for _, row := range r.Rows {
		fmt.Fprintf(tab, "%g\t%g\t%.1f\t%.1f\t%.1f\t%.1f", row.Sigma, row.Share, 100*row.Error.Value, 100*row.Disagreement.Value, 100*row.Shared.Value, 100*row.Best.Value)
		for _, m := range row.Model {
			fmt.Fprintf(tab, "\t%.1f", 100*m.Value)
		}
		a := row.Above[cold]
		fmt.Fprintf(tab, "\t%+.1f (%+.1f to %+.1f)\t%+.1f\t%s\n", 100*a.Value, 100*a.Low, 100*a.High, 100*row.MixtureAbove[cold].Value, a.verdict())
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nmixture: the experts' exact mixture at the coldest temperature, less the best expert. \"above\": the model transcends.\n"+
		"In a row of one sigma the experts err as often; what changes is how often they err alike.\n")
	return err
}

// Pictures implements analysis.Result.
func (r *Report) Pictures() []figure.Picture {
	o, cold := &r.Options, r.coldest()
	point := func(x float64, m Mean) figure.Mark {
		p := figure.Mark{X: x, Y: 100 * m.Value, Low: 100 * m.Low, High: 100 * m.High}
		if math.IsInf(m.Low, 0) {
			p.Low, p.High = p.Y, p.Y
		}
		return p
	}
	lo, hi := 0.0, 0.0
	keep := func(p figure.Panel) figure.Panel {
		for _, s := range p.Lines {
			for _, m := range s.Points {
				lo, hi = min(lo, m.Low), max(hi, m.High)
			}
		}
		return p
	}
	temperature := figure.Panel{Title: fmt.Sprintf("noise of each expert its own (share %g)", o.Shares[0]), Plot: figure.NewPlot("temperature", "above the best expert, points")}
	disagreement := figure.Panel{Title: "errors as often, more or less alike", Plot: figure.NewPlot("experts disagree, %", "above the best expert, points")}
	errors := figure.Panel{Title: "errors more or less often, equally alike", Plot: figure.NewPlot("experts err, %", "above the best expert, points")}
	for i, sigma := range o.Sigmas {
		name := fmt.Sprintf("sigma %g", sigma)
		byT, byD := figure.Look(i, name), figure.Look(i, name)
		for _, row := range r.Rows {
			if row.Sigma != sigma {
				continue
			}
			byD.Points = append(byD.Points, point(100*row.Disagreement.Value, row.Above[cold]))
			if row.Share == o.Shares[0] {
				for t, tau := range o.Temperatures {
					if tau > 0 {
						byT.Points = append(byT.Points, point(math.Log10(tau), row.Above[t]))
					}
				}
			}
		}
		temperature.Lines, disagreement.Lines = append(temperature.Lines, byT), append(disagreement.Lines, byD)
	}
	for i, share := range o.Shares {
		s := figure.Look(i+2, fmt.Sprintf("share %g", share))
		s.Dashes = nil
		for _, row := range r.Rows {
			if row.Share == share {
				s.Points = append(s.Points, point(100*row.Error.Value, row.Above[cold]))
			}
		}
		errors.Lines = append(errors.Lines, s)
	}
	var positive []float64
	for _, tau := range o.Temperatures {
		if tau > 0 {
			positive = append(positive, tau)
		}
	}
	if len(positive) > 1 {
		figure.LogAxis(temperature.Plot, positive)
	}
	for _, p := range []figure.Panel{disagreement, errors} {
		p.Plot.X.Min = 0
		p.Plot.X.Max = 1
		for _, s := range p.Lines {
			for _, m := range s.Points {
				p.Plot.X.Max = max(p.Plot.X.Max, 1.03*m.X)
			}
		}
	}
	panels := []figure.Panel{keep(temperature), keep(disagreement), keep(errors)}
	lo = max(lo, -40) // hot temperatures fall far; what matters is around 0
	for i := range panels {
		p := panels[i].Plot
		p.Y.Min, p.Y.Max = lo-0.05*(hi-lo), hi+0.05*(hi-lo)
		panels[i].Lines = append(panels[i].Lines, figure.Series{Name: "as good as the best expert", Color: figure.Edge, Band: &[2]float64{}})
	}
	return []figure.Picture{figure.Panels("toy", "Linear experts: who learns from all of them, against the best",
		fmt.Sprintf("Accuracy of the model less that of the best expert, means over %d seeds with 95%% intervals. Middle and right: at temperature %g. Share: the part of the noise's variance that all experts have in common; with sigma it sets how often they disagree, without it how often they err.",
			o.Seeds, o.Temperatures[cold]), 3, panels)}
}

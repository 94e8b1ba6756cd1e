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
	o := &r.Options
	panels := []figure.Panel{r.byTemperature(), r.byDisagreement(), r.byError()}
	sameScale(panels)
	for i := range panels {
		panels[i].Lines = append(panels[i].Lines, figure.Series{Name: "as good as the best expert", Color: figure.Edge, Band: &[2]float64{}})
	}
	return []figure.Picture{figure.Panels("toy", "Linear experts: who learns from all of them, against the best",
		fmt.Sprintf("Accuracy of the model less that of the best expert, means over %d seeds with 95%% intervals. Middle and right: at temperature %g. Share: the part of the noise's variance that all experts have in common; with sigma it sets how often they disagree, without it how often they err.",
			o.Seeds, o.Temperatures[r.coldest()]), 3, panels)}
}

func (r *Report) byTemperature() figure.Panel {
	o := &r.Options
	p := figure.Panel{Title: fmt.Sprintf("noise of each expert its own (share %g)", o.Shares[0]), Plot: figure.NewPlot("temperature", "above the best expert, points")}
	for i, sigma := range o.Sigmas {
		line := figure.Look(i, fmt.Sprintf("sigma %g", sigma))
		for _, row := range r.Rows {
			if row.Sigma != sigma || row.Share != o.Shares[0] {
				continue
			}
			for t, tau := range o.Temperatures {
				if tau > 0 {
					line.Points = append(line.Points, mark(math.Log10(tau), row.Above[t]))
				}
			}
		}
		p.Lines = append(p.Lines, line)
	}
	var positive []float64
	for _, tau := range o.Temperatures {
		if tau > 0 {
			positive = append(positive, tau)
		}
	}
	if len(positive) > 1 {
		figure.LogAxis(p.Plot, positive)
	}
	return p
}

func (r *Report) byDisagreement() figure.Panel {
	p := figure.Panel{Title: "errors as often, more or less alike", Plot: figure.NewPlot("experts disagree, %", "above the best expert, points")}
	for i, sigma := range r.Options.Sigmas {
		line := figure.Look(i, fmt.Sprintf("sigma %g", sigma))
		for _, row := range r.Rows {
			if row.Sigma == sigma {
				line.Points = append(line.Points, mark(100*row.Disagreement.Value, row.Above[r.coldest()]))
			}
		}
		p.Lines = append(p.Lines, line)
	}
	fromZero(p)
	return p
}

func (r *Report) byError() figure.Panel {
	p := figure.Panel{Title: "errors more or less often, equally alike", Plot: figure.NewPlot("experts err, %", "above the best expert, points")}
	for i, share := range r.Options.Shares {
		line := figure.Look(i+2, fmt.Sprintf("share %g", share))
		line.Dashes = nil
		for _, row := range r.Rows {
			if row.Share == share {
				line.Points = append(line.Points, mark(100*row.Error.Value, row.Above[r.coldest()]))
			}
		}
		p.Lines = append(p.Lines, line)
	}
	fromZero(p)
	return p
}

// mark is a mean in percentage points.
func mark(x float64, m Mean) figure.Mark {
	p := figure.Mark{X: x, Y: 100 * m.Value, Low: 100 * m.Low, High: 100 * m.High}
	if math.IsInf(m.Low, 0) {
		p.Low, p.High = p.Y, p.Y
	}
	return p
}

// fromZero lets the axis of percentages go from 0 to a little beyond the last mark.
func fromZero(p figure.Panel) {
	p.Plot.X.Min, p.Plot.X.Max = 0, 1
	for _, s := range p.Lines {
		for _, m := range s.Points {
			p.Plot.X.Max = max(p.Plot.X.Max, 1.03*m.X)
		}
	}
}

// sameScale gives panels the same axis upwards.
func sameScale(panels []figure.Panel) {
	lo, hi := 0.0, 0.0
	for _, p := range panels {
		for _, s := range p.Lines {
			for _, m := range s.Points {
				lo, hi = min(lo, m.Low), max(hi, m.High)
			}
		}
	}
	lo = max(lo, -40) // hot temperatures fall far; what matters is around 0
	for _, p := range panels {
		p.Plot.Y.Min, p.Plot.Y.Max = lo-0.05*(hi-lo), hi+0.05*(hi-lo)
	}
}

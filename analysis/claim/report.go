package claim

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"transcend/elo"
	"transcend/elo/sweep"
	"transcend/internal/cli"
	"transcend/internal/figure"
)

// Report is all models of a leaderboard.
type Report struct {
	Database string  `json:"database"`
	Models   []Model `json:"models"`
}

// WriteText implements analysis.Result.
func (r *Report) WriteText(w io.Writer) error {
	var b bytes.Buffer
	for i := range r.Models {
		if i > 0 {
			b.WriteByte('\n')
		}
		if err := r.Models[i].write(&b); err != nil {
			return err
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (m *Model) write(b *bytes.Buffer) error {
	fmt.Fprintf(b, "%s, %s games, rated on %s by %s\n", m.Name, cli.Count(m.Games), m.Scale, m.AnchorSet)
	if m.OtherPool && m.Cap > 0 {
		fmt.Fprintf(b, "The cap is a rating among the people of the training games; the scale counts other players, and nothing here ties the two together.\n")
	}
	tab := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	if len(m.Lows) == 0 {
		fmt.Fprintf(b, "No games at T=1 and at a lower temperature: their difference cannot be tested.\n")
	} else {
		fmt.Fprintln(tab, "\nLOW T AGAINST T=1\tdifference\t95%\tfor all of them\tp\tHolm\tpairs of games")
		for _, l := range m.Lows {
			fmt.Fprintf(tab, "T=%v\t%s\t%s\t%s\t%.3g\t%.3g\t%d\n", l.Temperature, l.text(), bracket(l.Interval), bracket(l.Simultaneous), l.P, l.Holm, l.Blocks)
		}
		for _, h := range m.Halves {
			fmt.Fprintf(tab, "T=%v, chosen in the other half\t%s\t%s\t\t%.3g\t\t%d\n", h.Chosen, h.text(), bracket(h.Interval), h.P, h.Blocks)
		}
	}
	if len(m.References) > 0 {
		fmt.Fprintln(tab, "\nTHE BEST TEMPERATURE AGAINST\trating\tgames\tdifference\t95%\tas the best of all tried\tverdict")
		for _, ref := range m.References {
			games := ""
			if ref.Games > 0 {
				games = cli.Count(ref.Games)
			}
			v := ref.Verdict
			fmt.Fprintf(tab, "%s\t%.0f\t%s\t%s\t%s\t%s\t%s\n", cli.Printable(ref.Name), ref.Rating, games, signed(v.Margin), bracket(v.Single), bracket(v.Simultaneous), v.Claim)
		}
	}
	if !slices.ContainsFunc(m.Scenarios, func(s Scenario) bool { return s.Failed == "" }) {
		if err := tab.Flush(); err != nil {
			return err
		}
		_, err := fmt.Fprintf(b, "With other ratings of the opponents: %s.\n", m.Scenarios[0].Failed)
		return err
	}
	fmt.Fprintln(tab, "\nOTHER RATINGS OF THE OPPONENTS\tbest T\trating\tfrom the cap\tas the best of all tried\tverdict\tgain over T=1")
	for _, s := range m.Scenarios {
		if s.Failed != "" {
			fmt.Fprintf(tab, "%s\t\t\t\t\t%s\t\n", cli.Printable(s.Name), s.Failed)
			continue
		}
		gain := ""
		if s.Gain != nil {
			gain = s.Gain.text() + " " + bracket(s.Gain.Interval)
		}
		margin, simultaneous, claim := "", "", ""
		if s.Verdict.Cap > 0 {
			margin, simultaneous, claim = signed(s.Verdict.Margin), bracket(s.Verdict.Simultaneous), string(s.Verdict.Claim)
		}
		fmt.Fprintf(tab, "%s\t%v\t%.0f\t%s\t%s\t%s\t%s\n", cli.Printable(s.Name), s.Best, s.Rating, margin, simultaneous, claim, gain)
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	if m.BreakEven != nil {
		if *m.BreakEven > 0 {
			fmt.Fprintf(b, "It stays above the cap as long as the opponents are overrated by less than %.0f points.\n", *m.BreakEven)
		} else {
			fmt.Fprintf(b, "It would be above the cap if the opponents were underrated by %.0f points or more.\n", -*m.BreakEven)
		}
	}
	return nil
}

func (d *Difference) text() string {
	if d.Value == nil {
		return "unknown"
	}
	return signed(*d.Value)
}

func signed(x float64) string {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return "unknown"
	}
	return fmt.Sprintf("%+.0f", x)
}

func bracket(iv elo.Interval) string {
	switch {
	case math.IsInf(iv.Low, -1) && math.IsInf(iv.High, 1):
		return "unknown"
	case math.IsInf(iv.High, 1):
		return fmt.Sprintf("at least %+.0f", iv.Low)
	case math.IsInf(iv.Low, -1):
		return fmt.Sprintf("at most %+.0f", iv.High)
	}
	return fmt.Sprintf("[%+.0f, %+.0f]", iv.Low, iv.High)
}

// Pictures implements analysis.Result: the distance from the cap under all scenarios, a panel for each model
// with a cap.
func (r *Report) Pictures() []figure.Picture {
	var all []figure.Picture
	for i := range r.Models {
		m := &r.Models[i]
		if m.Cap == 0 || len(m.References) == 0 {
			continue
		}
		rows := m.rows()
		name := "margins"
		if len(all) > 0 {
			name = fmt.Sprintf("margins-%d", len(all)+1)
		}
		all = append(all, figure.Picture{
			Name: name, Width: 17 * vg.Centimeter, Height: vg.Length(len(rows))*rowHeight + 90,
			Draw: func(c draw.Canvas, bold bool) { m.draw(c, bold, rows) },
		})
	}
	return all
}

const (
	rowHeight  = 13
	labelWidth = 190
)

// row is a line of the picture.
type row struct {
	label         string
	value         float64
	single, joint elo.Interval
	claim         sweep.Claim
}

func (m *Model) rows() (rows []row) {
	for _, ref := range m.References {
		rows = append(rows, row{"above " + ref.Name + fmt.Sprintf(" (%.0f)", ref.Rating), ref.Verdict.Margin, ref.Verdict.Single, ref.Verdict.Simultaneous, ref.Verdict.Claim})
	}
	for _, s := range m.Scenarios {
		if s.Failed == "" {
			rows = append(rows, row{"cap, " + s.Name, s.Verdict.Margin, s.Verdict.Single, s.Verdict.Simultaneous, s.Verdict.Claim})
		}
	}
	return rows
}

func (m *Model) draw(c draw.Canvas, bold bool, rows []row) {
	p := figure.NewPlot("rating of the best temperature less that of the reference, points", "")
	low, high := 0.0, 0.0
	for _, r := range rows {
		for _, x := range []float64{r.value, r.joint.Low, r.joint.High} {
			if !math.IsInf(x, 0) && !math.IsNaN(x) {
				low, high = min(low, x), max(high, x)
			}
		}
	}
	span := max(high-low, 10)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = low-0.04*span, high+0.04*span, 0, float64(len(rows))
	p.HideY()
	c.FillText(figure.Sans(9, bold), vg.Point{X: c.Min.X + 8, Y: c.Max.Y - 14}, m.Name+": how far above those it learned from")
	c.FillText(figure.Sans(7, false), vg.Point{X: c.Min.X + 8, Y: c.Max.Y - 26},
		"thick: 95% had no other temperature been tried; thin: 95% as the best of all tried; blue: above, orange: below, grey: not decided")
	body := draw.Crop(c, labelWidth, -10, 6, -36)
	p.Draw(body)
	area := p.DataCanvas(body)
	tx, ty := p.Transforms(&area)
	figure.Grid{Vertical: true}.Plot(area, p)
	area.StrokeLine2(draw.LineStyle{Color: figure.Edge, Width: 0.8}, tx(0), ty(0), tx(0), ty(p.Y.Max))
	clamp := func(x float64) vg.Length { return tx(min(max(x, p.X.Min), p.X.Max)) }
	label := figure.Sans(7, false)
	for i, r := range rows {
		y := ty(float64(len(rows)-i) - 0.5)
		var look color.Color = figure.Edge
		switch r.claim {
		case sweep.AboveCap:
			look = figure.Blue
		case sweep.BelowCap:
			look = figure.Vermillion
		}
		area.StrokeLine2(draw.LineStyle{Color: look, Width: 0.8}, clamp(r.joint.Low), y, clamp(r.joint.High), y)
		area.StrokeLine2(draw.LineStyle{Color: look, Width: 2.6}, clamp(r.single.Low), y, clamp(r.single.High), y)
		if !math.IsInf(r.value, 0) && !math.IsNaN(r.value) {
			area.DrawGlyph(draw.GlyphStyle{Color: look, Radius: 3, Shape: draw.CircleGlyph{}}, vg.Point{X: clamp(r.value), Y: y})
		}
		text := []rune(cli.Printable(r.label))
		if len(text) > 46 {
			text = append(text[:45], '…')
		}
		c.FillText(label, vg.Point{X: c.Min.X + 8, Y: y - 2.5}, string(text))
	}
}

package tempering

import (
	"bytes"
	"fmt"
	"io"
	"text/tabwriter"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"transcend/analysis/favor"
	"transcend/elo"
	"transcend/internal/cli"
	"transcend/internal/figure"
)

// Row is a level at a temperature. Rewards are probabilities to win; intervals of 95% are from resampling games.
type Row struct {
	Level       string     `json:"level"`
	Temperature float64    `json:"temperature"`
	Legal       favor.Mean `json:"legal"`
	Reward      favor.Mean `json:"reward"`
	// Cost is what the level loses against the same temperature over moves.
	Cost favor.Mean `json:"cost"`
}

// Paths is how the greedy path compares with the mode.
type Paths struct {
	Positions int `json:"positions"`
	// Differs is the share of positions where it ends in a less likely move; None where it ends in no legal one, of
	// a model's own path.
	Differs favor.Mean `json:"differs"`
	None    favor.Mean `json:"no_legal_move"`
	// Cost is the reward of the mode less that of the path's end, over all positions where that is legal; CostThere
	// where they differ alone.
	Cost      favor.Mean `json:"cost"`
	CostThere favor.Mean `json:"cost_where_they_differ"`
}

// Report is the analysis of a model.
type Report struct {
	Tokens       string    `json:"tokens"`
	Scorer       string    `json:"scorer"`
	Where        string    `json:"positions_of"`
	Games        int       `json:"games"`
	Positions    int       `json:"positions"`
	Temperatures []float64 `json:"temperatures"`
	Paths        Paths     `json:"greedy_paths"`
	// Written is of the model's own paths; nil for a model of moves.
	Written  *Paths  `json:"greedy_paths_as_written,omitempty"`
	Rows     []Row   `json:"rows"`
	Examples []State `json:"examples"`
	// Duels are games of the level of characters against that of moves at DuelTemperature, and what they say about
	// ratings: characters less moves.
	DuelTemperature float64         `json:"duel_temperature"`
	Duels           int             `json:"duels"`
	Rating          *elo.Comparison `json:"rating,omitempty"`
}

// maxExamples are kept.
const maxExamples = 12

// Summarize sums up games.
func Summarize(games []Game, temperatures []float64, resamples int, seed uint64) (*Report, error) {
	r := &Report{Temperatures: temperatures, Examples: worst(games, maxExamples)}
	written := false
	for _, g := range games {
		if len(g.States) > 0 {
			r.Games++
			written = written || g.States[0].GreedyWritten != nil
		}
		r.Positions += len(g.States)
	}
	if r.Positions == 0 {
		return nil, fmt.Errorf("tempering: there is no position in %d games", len(games))
	}
	mean := func(value func(s *State) (float64, bool)) favor.Mean {
		return favor.ClustersOf(games, func(g *Game) []State { return g.States }, value).Mean(resamples, seed)
	}
	paths := func(end func(*State) *Choice, differs func(*State) bool) Paths {
		return Paths{
			Positions: r.Positions,
			Differs:   mean(func(s *State) (float64, bool) { return one(differs(s)), true }),
			None:      mean(func(s *State) (float64, bool) { return one(end(s).Move == ""), true }),
			Cost:      mean(func(s *State) (float64, bool) { return s.Mode.Reward - end(s).Reward, end(s).Move != "" }),
			CostThere: mean(func(s *State) (float64, bool) { return s.Mode.Reward - end(s).Reward, differs(s) }),
		}
	}
	r.Paths = paths(func(s *State) *Choice { return &s.Greedy }, (*State).Differs)
	last := Characters
	if written {
		own := paths(func(s *State) *Choice { return s.GreedyWritten }, (*State).WrittenDiffers)
		r.Written = &own
		last = Written
	}
	for level := Moves; level <= last; level++ {
		for t, temperature := range temperatures {
			r.Rows = append(r.Rows, Row{
				Level: level.String(), Temperature: temperature,
				Legal:  mean(func(s *State) (float64, bool) { return s.Legal[level][t], true }),
				Reward: mean(func(s *State) (float64, bool) { return s.Rewards[level][t], true }),
				Cost:   mean(func(s *State) (float64, bool) { return s.Rewards[Moves][t] - s.Rewards[level][t], true }),
			})
		}
	}
	return r, nil
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Compare rates the duels, by pairs on the same opening where both games were played.
func (r *Report) Compare(duels []Duel, temperature float64) error {
	outcome := func(d *Duel) elo.Outcome { return elo.Outcome(2 * d.Characters) }
	var pairs elo.Pairs
	for i := 0; i+1 < len(duels); i += 2 {
		pairs.Add(outcome(&duels[i]), outcome(&duels[i+1]))
	}
	if pairs.Count() == 0 {
		return nil
	}
	c, err := pairs.Compare(0.95)
	if err != nil {
		return err
	}
	r.Duels, r.DuelTemperature, r.Rating = 2*pairs.Count(), temperature, &c
	return nil
}

// WriteText implements analysis.Result.
func (r *Report) WriteText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s positions in %s games %s; the model writes %s\n", cli.Count(r.Positions), cli.Count(r.Games), r.Where, r.Tokens)
	fmt.Fprintf(&b, "rewards by %s; intervals of 95%% from resampling games\n\n", r.Scorer)
	tell := func(name string, p *Paths) {
		fmt.Fprintf(&b, "%s ends in a less likely move than the likeliest in %s of positions", name, share(p.Differs))
		if p.None.Value > 0 {
			fmt.Fprintf(&b, ", and in no legal move in %s", share(p.None))
		}
		fmt.Fprintf(&b, ".\n  It costs %s points of the probability to win, and where it differs %s.\n", points(p.Cost), points(p.CostThere))
	}
	tell("The greedy path over the characters of legal moves", &r.Paths)
	if r.Written != nil {
		tell("The model's own greedy path", r.Written)
	}
	tab := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tab, "\nT\tlevel\tlegal %\treward %\tcost against moves, points\t")
	for _, row := range r.Rows {
		fmt.Fprintf(tab, "%v\t%s\t%.2f\t%.2f\t%s\t\n", row.Temperature, row.Level, 100*row.Legal.Value, 100*row.Reward.Value, points(row.Cost))
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	if r.Rating != nil {
		fmt.Fprintf(&b, "\nGames at T=%v, characters against moves, legal moves only, %d on openings in pairs: score %.1f%%, %s\n", r.DuelTemperature, r.Duels, 100*r.Rating.Score, r.Rating)
	}
	if len(r.Examples) > 0 {
		tab = tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(tab, "\nlikeliest\tp\treward\tgreedy path\tp\treward\tposition")
		for _, s := range r.Examples {
			fmt.Fprintf(tab, "%s\t%.2f\t%.3f\t%s\t%.2f\t%.3f\t%s\n", s.Mode.Move, s.Mode.P, s.Mode.Reward, s.Greedy.Move, s.Greedy.P, s.Greedy.Reward, s.FEN)
		}
		if err := tab.Flush(); err != nil {
			return err
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

func share(m favor.Mean) string {
	return fmt.Sprintf("%.2f%% [%.2f, %.2f]", 100*m.Value, 100*m.Interval.Low, 100*m.Interval.High)
}

func points(m favor.Mean) string {
	return fmt.Sprintf("%+.2f [%+.2f, %+.2f]", 100*m.Value, 100*m.Interval.Low, 100*m.Interval.High)
}

// Pictures implements analysis.Result: the cost of each level over the temperatures.
func (r *Report) Pictures() []figure.Picture {
	return []figure.Picture{{Name: "cost", Width: 14 * vg.Centimeter, Height: 8.5 * vg.Centimeter, Draw: r.draw}}
}

func (r *Report) draw(c draw.Canvas, bold bool) {
	p := figure.NewPlot("temperature", "cost against moves, percentage points")
	low, high := 0.0, 0.2
	for _, row := range r.Rows {
		low, high = min(low, 100*row.Cost.Interval.Low), max(high, 100*row.Cost.Interval.High)
	}
	span := high - low
	n := len(r.Temperatures)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = -0.5, float64(n)-0.5, low-0.08*span, high+0.08*span
	var ticks []plot.Tick
	for i, t := range r.Temperatures {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: fmt.Sprint(t)})
	}
	p.X.Tick.Marker = plot.ConstantTicks(ticks)
	c.FillText(figure.Sans(9, bold), vg.Point{X: c.Min.X + 8, Y: c.Max.Y - 14}, "What a temperature over characters costs")
	body := draw.Crop(c, 4, -10, 4, -36)
	p.Draw(body)
	area := p.DataCanvas(body)
	tx, ty := p.Transforms(&area)
	figure.Grid{}.Plot(area, p)
	area.StrokeLine2(draw.LineStyle{Color: figure.Edge, Width: 0.8}, tx(p.X.Min), ty(0), tx(p.X.Max), ty(0))
	looks := []draw.GlyphStyle{
		{Color: figure.Blue, Radius: 3, Shape: draw.CircleGlyph{}},
		{Color: figure.Vermillion, Radius: 3, Shape: draw.BoxGlyph{}},
	}
	names := map[Level]string{Characters: "characters of legal moves", Written: "as the model writes, illegal moves at 0"}
	at := c.Min.X + 8
	for k, level := range []Level{Characters, Written} {
		shown := false
		for i, row := range r.Rows {
			if row.Level != level.String() {
				continue
			}
			shown = true
			x := tx(float64(i%n) + 0.12*float64(k))
			area.StrokeLine2(draw.LineStyle{Color: looks[k].Color, Width: 1.2}, x, ty(100*row.Cost.Interval.Low), x, ty(100*row.Cost.Interval.High))
			area.DrawGlyph(looks[k], vg.Point{X: x, Y: ty(100 * row.Cost.Value)})
		}
		if shown {
			c.DrawGlyph(looks[k], vg.Point{X: at + 4, Y: c.Max.Y - 25})
			c.FillText(figure.Sans(7, false), vg.Point{X: at + 12, Y: c.Max.Y - 27}, names[level])
			at += 120
		}
	}
}

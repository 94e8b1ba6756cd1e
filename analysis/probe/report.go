package probe

import (
	"fmt"
	"io"
	"text/tabwriter"

	"transcend/internal/cli"
	"transcend/internal/figure"
)

func percent(e Estimate) string {
	return fmt.Sprintf("%.1f (%.1f to %.1f)", 100*e.Value, 100*e.Low, 100*e.High)
}

// bandName of a band of half-moves.
func bandName(i int) string {
	if i == len(Bands)-1 {
		return fmt.Sprintf("%d+", Bands[i])
	}
	return fmt.Sprintf("%d-%d", Bands[i], Bands[i+1]-1)
}

// WriteText implements analysis.Result.
func (r *Report) WriteText(w io.Writer) error {
	pieces := "White's and Black's pieces"
	if r.Options.Relative {
		pieces = "pieces of the player to move and the other's"
	}
	fmt.Fprintf(w, "%s games, up to %d states of each; accuracy in %%, 95%% intervals over games\n\n", cli.Count(r.Games), r.Options.States)
	if err := r.Board.write(w, "the board: 64 squares, 13 classes, "+pieces); err != nil {
		return err
	}
	if r.Rating == nil {
		_, err := fmt.Fprintln(w, "ratings: too few are known, or they are all alike")
		return err
	}
	if err := r.Rating.write(w, fmt.Sprintf("the rating of the player to move: at most %d, or at least %d", r.Low, r.High)); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "Karvonen (2024), 25 to 50 million parameters, real games: squares 98.0 to 99.2, ratings (below 1516, above 2029) 88.0 and 89.2; random weights 70.7 and 66.")
	return err
}

func (t *Task) write(w io.Writer, title string) error {
	fmt.Fprintf(w, "%s; %s states to learn from, %s tested\n\n", title, cli.Count(t.Training), cli.Count(t.Tested))
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	board := t.Majority.Occupied != nil
	head := "\tmodel\trandom weights"
	if board {
		head += "\tmodel, squares with a piece\twhole boards"
	}
	fmt.Fprintln(tab, head)
	for _, l := range t.Layers {
		name := fmt.Sprintf("layer %d", l.Layer)
		if l.Layer == 0 {
			name = "embeddings"
		}
		fmt.Fprintf(tab, "%s\t%s\t%s", name, percent(l.Model.Accuracy), percent(l.Random.Accuracy))
		if board {
			fmt.Fprintf(tab, "\t%s\t%s", percent(*l.Model.Occupied), percent(*l.Model.Whole))
		}
		fmt.Fprintln(tab)
	}
	fmt.Fprintf(tab, "most frequent\t%s\nthe same by half-move\t%s\n", percent(t.Majority.Accuracy), percent(t.MajorityByPly.Accuracy))
	if err := tab.Flush(); err != nil {
		return err
	}
	best := t.Best()
	fmt.Fprintf(w, "\nby half-move, layer %d (the best of these, picked by the tested states)\n\n", best.Layer)
	fmt.Fprintln(tab, "half-move\tmodel\trandom weights\tmost frequent by half-move")
	for i := range Bands {
		if best.Model.Plies[i] == nil {
			continue
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\n", bandName(i), percent(*best.Model.Plies[i]), percent(*best.Random.Plies[i]), percent(*t.MajorityByPly.Plies[i]))
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}

// Pictures implements analysis.Result.
func (r *Report) Pictures() []figure.Picture {
	mark := func(x float64, e Estimate) figure.Mark {
		return figure.Mark{X: x, Y: 100 * e.Value, Low: 100 * e.Low, High: 100 * e.High}
	}
	var panels []figure.Panel
	add := func(t *Task, what string) {
		layers := figure.Panel{Title: what + " by layer", Plot: figure.NewPlot("layer (0: embeddings)", "right, %")}
		plies := figure.Panel{Title: fmt.Sprintf("%s by half-move, layer %d", what, t.Best().Layer), Plot: figure.NewPlot("half-move", "right, %")}
		names := []string{"model", "random weights", "most frequent", "most frequent by half-move"}
		byLayer, byPly := make([]figure.Series, len(names)), make([]figure.Series, len(names))
		for i, name := range names {
			byLayer[i], byPly[i] = figure.Look(i, name), figure.Look(i, name)
		}
		least := 100.0
		for _, l := range t.Layers {
			for i, s := range []*Score{&l.Model, &l.Random, &t.Majority, &t.MajorityByPly} {
				byLayer[i].Points = append(byLayer[i].Points, mark(float64(l.Layer), s.Accuracy))
				least = min(least, 100*s.Accuracy.Low)
			}
		}
		best := t.Best()
		for i := range Bands {
			for k, s := range []*Score{&best.Model, &best.Random, &t.Majority, &t.MajorityByPly} {
				if e := s.Plies[i]; e != nil {
					byPly[k].Points = append(byPly[k].Points, mark(float64(Bands[i]), *e))
					least = min(least, 100*e.Low)
				}
			}
		}
		layers.Lines, plies.Lines = byLayer, byPly
		layers.Plot.X.Min, layers.Plot.X.Max = -0.3, float64(len(t.Layers))-0.7
		plies.Plot.X.Min, plies.Plot.X.Max = -3, float64(Bands[len(Bands)-1])+3
		for _, p := range []figure.Panel{layers, plies} {
			p.Plot.Y.Min, p.Plot.Y.Max = max(0, least-3), 101
		}
		panels = append(panels, layers, plies)
	}
	add(r.Board, "squares")
	if r.Rating != nil {
		add(r.Rating, "rating")
	}
	return []figure.Picture{figure.Panels("probe", "What a linear function reads from the model's states",
		"Logistic regressions on the residual stream, fitted to some games and tested on others; bars: 95% intervals over games. Random weights: the same model before any training. Half-moves are bands from where the point stands.", 2, panels)}
}

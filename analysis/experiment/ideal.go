package experiment

import (
	"context"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"transcend/analysis/ideal"
	"transcend/analysis/lab"
	"transcend/analysis/lab/judge"
	"transcend/data"
	"transcend/internal/figure"
)

// idealLearner is experiment 5.
func idealLearner() judge.Experiment {
	return judge.Experiment{Conclude: concludeIdeal, Experiment: lab.Experiment{
		Name:  "ideal",
		About: "the ideal learner: model, ceiling and experts together; temperature over moves and over characters",
		Help: `The experts' distributions are known, so the mixture that a perfect learner ends at is computed in
every position, and with it what temperature makes of it: the ceiling that the theory speaks of (Zhang et al. 2024,
propositions 1 to 4). Compared are experts, mixture and model by rating in games, by expected reward and by
agreement with the noise-free move in the same positions of held-out games. Temperature is applied to moves, and to the
characters of the same moves, as the paper's model does. Varied: the experts; cells without a model are exact
altogether. Headline: independent noise, rho 0.5.`,
		Plan: func(s lab.Settings) ([]lab.Cell, error) {
			p := plan{base: headline(s)}
			p.cells = repeat(p.base, seeds(s))
			pool := poolSize(s)
			p.addExact("rho0.8", experts(noisy(0.8), pool))
			if s.Preset == lab.PresetTiny {
				return p.cells, nil
			}
			p.addExact("rho0.9", experts(noisy(0.9), pool))
			p.addExact("tastes", experts(noisy(headlineRho)+",taste=60", pool))
			p.addExact("boltz", experts("boltz:depth=1,t=60", pool))
			p.addExact("shared", experts(noisy(headlineRho)+",shared=1", pool))
			var own []string
			for i := range pool {
				own = append(own, fmt.Sprintf("%s,shared=%d", noisy(headlineRho), i+1))
			}
			p.addExact("own-errors", own)
			if s.Preset == lab.PresetDefault {
				p.base.Headline = false
				p.add(headlineGroup+"-characters", 1, func(c *lab.Cell) {
					// A ply has some six and a half characters with its number.
					c.Model.Tokenizer, c.Model.Input, c.Model.Context = "char", data.InputMoves, 8*c.Corpus.MaxPlies
					c.Training.Rows /= 4
					c.Measure.Temperatures = []float64{coldTau, 0.5, 1}
				})
			}
			return p.cells, nil
		},
		Players: func(_ context.Context, s *lab.Setup) ([]lab.Entrant, error) {
			learners := []ideally{{tau: coldTau}, {tau: coldTau, characters: true}, {tau: coldTau, posterior: true}}
			if s.Cell.Headline {
				for _, t := range []float64{0.3, 0.5, 0.75, 1, 1.5} {
					learners = append(learners, ideally{tau: t}, ideally{tau: t, characters: true})
				}
			}
			return idealEntrants(s, learners...)
		},
		Measure: measureIdeal,
	}}
}

// concludeIdeal puts model, ceiling and experts beside each other.
func concludeIdeal(r *judge.Report) error {
	summaries := make([]*measured, len(r.Cells))
	for i, d := range r.Cells {
		var err error
		if summaries[i], err = summaryOf(d); err != nil {
			return err
		}
		r.Words = append(r.Words, idealWords(r, d, summaries[i]))
	}
	r.Sections = append(r.Sections,
		judge.Section{Title: "Model, ceiling and experts", Text: idealPlayers(r, summaries)},
		judge.Section{Title: "Temperature over moves and over characters", Text: idealTemperatures(r, summaries)},
		judge.Section{Title: "Agreement by ply", Text: idealPlies(r, summaries)})
	if positions := idealPartings(r, summaries); positions != "" {
		r.Sections = append(r.Sections, judge.Section{Title: "Where moves and characters part", Text: positions})
	}
	if err := rewardsPicture(r); err != nil {
		return err
	}
	return pliesPicture(r)
}

// idealPlayers is a table of each cell's best expert, mixtures and model.
func idealPlayers(r *judge.Report, summaries []*measured) string {
	var b strings.Builder
	b.WriteString("Rewards are expectations in percentage points of the probability to win, agreement is with the expert's move without noise, all in the same positions of held-out games; intervals are from resampling games. Ratings are from the games above.\n\n")
	b.WriteString("| cell | positions | player | rating | reward | above the best expert | agreement | legal |\n|---|--:|---|--:|--:|--:|--:|--:|\n")
	for i, d := range r.Cells {
		all := summaries[i].Part(ideal.All)
		add := func(name, rating string, row *ideal.RowSummary) {
			if row != nil {
				fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s | %.1f%% | %.1f%% |\n", d.Cell.Name, summaries[i].Positions, name, rating,
					points(row.Reward), signed(*row.AboveBest), 100*row.Agreement.Value, 100*row.Legal)
			}
		}
		add("best expert", bestExpert(r, d), all.BestExpert())
		for _, v := range []ideally{{tau: coldTau}, {tau: coldTau, characters: true}, {tau: coldTau, posterior: true}, {tau: 1}} {
			name := fmt.Sprintf("ideal T=%g", v.tau)
			switch {
			case v.characters:
				name += " over characters"
			case v.posterior && alike(all):
				continue // as without
			case v.posterior:
				name += ", which infers the player"
			}
			add(name, rated(r, d, v), mixtureOf(all, v))
		}
		if m := modelOf(all, d); m != nil {
			rating, _ := r.Ratings.Of(&d.Cell, m.Name)
			add(m.Name, judge.RatingText(rating), m)
		}
	}
	return b.String()
}

// idealTemperatures is a table of rewards by temperature, over moves and over characters.
func idealTemperatures(r *judge.Report, summaries []*measured) string {
	var b strings.Builder
	b.WriteString("Expected reward at a temperature over moves and over the characters of the same moves, and how far each is above the best expert. \"Another argmax\" is the share of positions in which the likeliest prefix, letter by letter, leads to another move than the likeliest one.\n\n")
	b.WriteString("| cell | another argmax | its reward less that of the argmax over moves | T | over moves | over characters |\n|---|--:|--:|--:|--:|--:|\n")
	for i, d := range r.Cells {
		all := summaries[i].Part(ideal.All)
		for k, t := range d.Cell.Measure.Temperatures {
			head := "| | | |"
			if k == 0 {
				head = fmt.Sprintf("| %s | %s | %s |", d.Cell.Name, percentOf(all.Differ[0]), signed(*all.Characters))
			}
			moves, characters := mixtureOf(all, ideally{tau: t}), mixtureOf(all, ideally{tau: t, characters: true})
			fmt.Fprintf(&b, "%s %g | %s (%s) | %s (%s) |\n", head, t, points(moves.Reward), signed(*moves.AboveBest), points(characters.Reward), signed(*characters.AboveBest))
		}
	}
	return b.String()
}

// idealPlies is a table of agreement by half-move.
func idealPlies(r *judge.Report, summaries []*measured) string {
	var b strings.Builder
	b.WriteString("Agreement with the expert's move without noise, by half-move.\n\n| cell | plies | positions | experts | ideal | model |\n|---|---|--:|--:|--:|--:|\n")
	for i, d := range r.Cells {
		for _, band := range ideal.Bands() {
			p := summaries[i].Part(band)
			if p == nil {
				continue
			}
			model := "-"
			if m := modelOf(p, d); m != nil {
				model = percentOf(m.Agreement)
			}
			fmt.Fprintf(&b, "| %s | %s | %d | %s | %s | %s |\n", d.Cell.Name, strings.TrimPrefix(p.Part, "plies "), p.Positions,
				percentOf(p.BestExpert().Agreement), percentOf(mixtureOf(p, ideally{tau: coldTau}).Agreement), model)
		}
	}
	return b.String()
}

// idealPartings lists positions in which the likeliest move is not the likeliest letter by letter.
func idealPartings(r *judge.Report, summaries []*measured) string {
	var b strings.Builder
	for i, d := range r.Cells {
		for _, x := range summaries[i].Differ[:min(3, len(summaries[i].Differ))] {
			fmt.Fprintf(&b, "* %s, game %d, ply %d, `%s`: likeliest move %s with %.3f; moves that begin with %c have %.3f together, of which letter by letter %s (%.3f) is taken: %+.1f.\n",
				d.Cell.Name, x.Game, x.Ply, x.FEN, x.Move, x.MoveP, x.Characters[0], x.Prefix, x.Characters, x.CharP, 100*x.Gain)
		}
	}
	return b.String()
}

// idealWords is the verdict on a cell.
func idealWords(r *judge.Report, d *lab.Done, s *measured) string {
	all := s.Part(ideal.All)
	argmax := mixtureOf(all, ideally{tau: 0})
	best := all.BestExpert()
	var b strings.Builder
	fmt.Fprintf(&b, "%s: the ceiling %s by expected reward: %s percentage points above the best expert; it plays what experts mean in %.0f%% of the positions, they in %.0f%%. Its rating in games: %s; the best expert's: %s.",
		d.Cell.Name, strings.ToUpper(string(claimOf(*argmax.AboveBest))), signed(*argmax.AboveBest), 100*argmax.Agreement.Value, 100*best.Agreement.Value,
		rated(r, d, ideally{tau: coldTau}), bestExpert(r, d))
	if argmax.AboveBest.Value < slack {
		b.WriteString(" All err at the same places in the same way, so the likeliest move is the error: no temperature makes more of this mixture, whatever rho is.")
	}
	if s.Unseen != nil {
		x := mixtureOf(s.Unseen.Part(ideal.All), ideally{tau: 0})
		fmt.Fprintf(&b, " In positions that a learner has not seen it cannot know what is due there; then the mixture is that of independent errors, and its argmax %s above such experts.", signed(*x.AboveBest))
	}
	if !alike(all) {
		x := mixtureOf(all, ideally{tau: 0, posterior: true})
		fmt.Fprintf(&b, " A learner who infers from the game so far who plays it, as a perfect imitator does: %s, %s; its rating in games: %s.",
			claimOf(*x.AboveBest), signed(*x.AboveBest), rated(r, d, ideally{tau: coldTau, posterior: true}))
	}
	if m := modelOf(all, d); m != nil {
		fmt.Fprintf(&b, " The model at T=%g %s by reward: %s", d.Cell.Measure.Temperatures[0], claimOf(*m.AboveBest), signed(*m.AboveBest))
		if argmax.AboveBest.Value > slack && m.AboveBest.Value > 0 {
			fmt.Fprintf(&b, ", %.0f%% of what the ceiling gains", 100*m.AboveBest.Value/argmax.AboveBest.Value)
		}
		fmt.Fprintf(&b, "; it plays what experts mean in %.0f%% and a legal move in %.0f%%.", 100*m.Agreement.Value, 100*m.Legal)
	}
	if differ := all.Differ[0]; differ.Value > 0 {
		fmt.Fprintf(&b, " Letter by letter, the coldest choice is another move in %s of the positions, and its reward %s; over characters the ceiling is %s the best expert's.",
			percentOf(differ), signed(*all.Characters), signed(*mixtureOf(all, ideally{tau: 0, characters: true}).AboveBest))
	} else {
		b.WriteString(" Letter by letter, the coldest choice is the same move everywhere: one move has more than half of the probability.")
	}
	return b.String()
}

// rewardsPicture shows reward over temperature, of the mixture over moves and over characters and of
// the model, as the difference from the best expert.
func rewardsPicture(r *judge.Report) error {
	cells, summaries, err := firstOfGroups(r)
	if err != nil {
		return err
	}
	var panels []figure.Panel
	for i, d := range cells {
		all := summaries[i].Part(ideal.All)
		p := figure.Panel{Title: d.Cell.Group, Plot: figure.NewPlot("temperature", "above the best expert, points")}
		temperatures := slices.Sorted(slices.Values(d.Cell.Measure.Temperatures))
		curve := func(name string, look color.RGBA, dashes []vg.Length, row func(t float64) *ideal.RowSummary) {
			s := figure.Series{Name: name, Color: look, Dashes: dashes}
			for _, t := range temperatures {
				if found := row(t); found != nil {
					s.Points = append(s.Points, percentMark(math.Log10(t), *found.AboveBest))
				}
			}
			if len(s.Points) > 0 {
				p.Lines = append(p.Lines, s)
			}
		}
		zero := figure.Series{Name: "best expert", Color: figure.Orange, Dashes: []vg.Length{4, 2}}
		for _, t := range []float64{temperatures[0], temperatures[len(temperatures)-1]} {
			zero.Points = append(zero.Points, figure.Mark{X: math.Log10(t), Y: 0, Low: 0, High: 0})
		}
		p.Lines = append(p.Lines, zero)
		curve("ideal, over moves", figure.Black, nil, func(t float64) *ideal.RowSummary { return mixtureOf(all, ideally{tau: t}) })
		curve("ideal, over characters", figure.Blue, []vg.Length{2, 1.5}, func(t float64) *ideal.RowSummary {
			return mixtureOf(all, ideally{tau: t, characters: true})
		})
		curve("model", figure.Vermillion, nil, func(t float64) *ideal.RowSummary {
			return all.Find(func(row ideal.Row) bool { return row.Kind == "other" && row.Name == lab.ModelName(t) })
		})
		figure.LogAxis(p.Plot, temperatures)
		panels = append(panels, p)
	}
	fit(panels, 0.2)
	r.AddPicture("rewards", "ideal: expected reward over temperature, less the best expert's",
		"Percentage points of the probability to win by a deeper search, exact expectations in positions of held-out games. Bars: 95% intervals over games. First seed of each group.", panels)
	return nil
}

// pliesPicture shows agreement with the noise-free move over the length of the game.
func pliesPicture(r *judge.Report) error {
	cells, summaries, err := firstOfGroups(r)
	if err != nil {
		return err
	}
	var panels []figure.Panel
	for i, d := range cells {
		p := figure.Panel{Title: d.Cell.Group, Plot: figure.NewPlot("plies", "agreement, %")}
		var names []string
		lines := []figure.Series{{Name: "experts", Color: figure.Orange, Dashes: []vg.Length{4, 2}}, {Name: "ideal", Color: figure.Black}, {Name: "model", Color: figure.Vermillion}}
		for _, band := range ideal.Bands() {
			part := summaries[i].Part(band)
			if part == nil {
				continue
			}
			x := float64(len(names))
			names = append(names, strings.TrimPrefix(strings.TrimPrefix(part.Part, "plies "), "from "))
			for k, row := range []*ideal.RowSummary{part.BestExpert(), mixtureOf(part, ideally{tau: coldTau}), modelOf(part, d)} {
				if row != nil {
					lines[k].Points = append(lines[k].Points, percentMark(x, row.Agreement))
				}
			}
		}
		for _, s := range lines {
			if len(s.Points) > 0 {
				p.Lines = append(p.Lines, s)
			}
		}
		namedTicks(p.Plot, names)
		panels = append(panels, p)
	}
	fit(panels, 2)
	r.AddPicture("agreement-by-ply", "ideal: agreement with the experts' moves without noise",
		"How likely each plays what the expert means, at temperature 0.001; experts as they are. Bars: 95% intervals over games. First seed of each group.", panels)
	return nil
}

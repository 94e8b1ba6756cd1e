package experiment

import (
	"context"
	"fmt"
	"image/color"
	"strings"

	"gonum.org/v1/plot/vg"

	"transcend/analysis/ideal"
	"transcend/analysis/lab"
	"transcend/analysis/lab/judge"
	"transcend/data/league"
	"transcend/internal/figure"
)

// specialists are one for each phase.
func specialists(weak float64) []string {
	var all []string
	for _, phase := range []league.Phase{league.Opening, league.Middlegame, league.Endgame} {
		p := league.Player{Depth: 1, Phase: phase, Weak: weak}
		all = append(all, p.String())
	}
	return all
}

// selection is experiment 3.
func selection() judge.Experiment {
	return judge.Experiment{Conclude: concludeSelection, Experiment: lab.Experiment{
		Name:  "selection",
		About: "specialists by phase, each weak outside: does the mixture take the best of each?",
		Help: `Three experts who see one ply: one for the opening, one for the middlegame, one for the endgame;
outside their phase they play a random legal move with probability weak. Two things are asked. Does the likeliest move
of their mixture, and of a model, take the best of each (Zhang et al. 2024, proposition 4)? And is the condition
fulfilled under which already sampling from the mixture beats every expert (Abreu et al. 2025, theorem 2.1):
E[(r_a-r_b)(g_a-g_b)] > 0, where r are the experts' expected rewards in a position and g how likely the game is theirs.
Everything but the model is an exact expectation in positions of held-out games; rewards are probabilities to win by a
deeper search. Varied: weak. Headline: weak 0.5.`,
		Plan: func(s lab.Settings) ([]lab.Cell, error) {
			p := plan{base: headline(s)}
			if s.Preset != lab.PresetTiny {
				// Few games are endgames before their fiftieth move.
				p.base.Corpus.MaxPlies, p.base.Measure.MaxPlies = 240, 240
				p.base.Model.Context *= 2
				p.base.Training.Rows /= 2
			}
			p.add("weak0.5", seeds(s), func(c *lab.Cell) { c.Corpus.Players = specialists(0.5) })
			if s.Preset == lab.PresetTiny {
				return p.cells, nil
			}
			for _, weak := range []float64{0.2, 0.8} {
				p.addExact(fmt.Sprintf("weak%g", weak), specialists(weak))
			}
			return p.cells, nil
		},
		Players: func(_ context.Context, s *lab.Setup) ([]lab.Entrant, error) {
			return idealEntrants(s, ideally{tau: coldTau}, ideally{tau: coldTau, posterior: true}, ideally{tau: 1, posterior: true})
		},
		Measure: measureIdeal,
	}}
}

// concludeSelection says whether the best of each phase was taken.
func concludeSelection(r *judge.Report) error {
	var table, theorem strings.Builder
	table.WriteString("Expected reward in positions of held-out games, in percentage points of the probability to win, with 95% intervals from resampling games. Of mixture and model also how far above the best expert of that phase.\n\n")
	theorem.WriteString("The left side of theorem 2.1, in percentage points, over all pairs of experts and for each; g is the posterior given the whole game so far. Above 0 it is necessary for the mixture itself, at temperature 1, to beat every expert; the last column is whether it does.\n\n")
	theorem.WriteString("| cell | phase | positions | all pairs | opening, middlegame | opening, endgame | middlegame, endgame | moves by each | mixture at T=1 less best expert |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n")
	table.WriteString("| cell | player | all | opening | middlegame | endgame |\n|---|---|--:|--:|--:|--:|\n")
	for _, d := range r.Cells {
		s, err := summaryOf(d)
		if err != nil {
			return err
		}
		all := s.Part(ideal.All)
		for i, row := range all.Rows {
			isModel := row.Kind == "other"
			if row.Kind == "mixture" && (row.Characters || row.Tau != 0 && row.Tau != 1) {
				continue
			}
			if isModel && row.Name != lab.ModelName(coldTau) && row.Name != lab.ModelName(1) {
				continue
			}
			fmt.Fprintf(&table, "| %s | %s |", d.Cell.Name, row.Name)
			for _, part := range ideal.Phases() {
				text := "-"
				if p := s.Part(part); p != nil {
					text = points(p.Rows[i].Reward)
					if row.Kind != "expert" {
						text += fmt.Sprintf(" (%s)", signed(*p.Rows[i].AboveBest))
					}
				}
				fmt.Fprintf(&table, " %s |", text)
			}
			table.WriteString("\n")
		}
		for _, part := range ideal.Phases() {
			p := s.Part(part)
			if p == nil {
				continue
			}
			var weights []string
			for _, w := range p.Weights {
				weights = append(weights, fmt.Sprintf("%.0f%%", 100*w.Value))
			}
			fmt.Fprintf(&theorem, "| %s | %s | %d | %s |", d.Cell.Name, p.Part, p.Positions, signed(*p.Theorem))
			for _, pair := range p.Pairs {
				fmt.Fprintf(&theorem, " %s |", signed(pair.Estimate))
			}
			fmt.Fprintf(&theorem, " %s | %s |\n", strings.Join(weights, ", "), signed(*mixtureOf(p, ideally{tau: 1, posterior: true}).AboveBest))
		}
		r.Words = append(r.Words, selectionWords(r, d, s))
	}
	r.Sections = append(r.Sections,
		judge.Section{Title: "Reward by phase", Text: table.String()},
		judge.Section{Title: "Theorem 2.1 on the data", Text: theorem.String()})
	return phasesPicture(r)
}

// selectionWords is the verdict on a cell.
func selectionWords(r *judge.Report, d *lab.Done, s *measured) string {
	all := s.Part(ideal.All)
	cold := ideally{tau: 0, posterior: true}
	argmax := mixtureOf(all, cold)
	best := all.BestExpert()
	var b strings.Builder
	fmt.Fprintf(&b, "%s: by expected reward the argmax of the exact mixture %s: %s percentage points of the probability to win above the best expert (%s). ",
		d.Cell.Name, strings.ToUpper(string(claimOf(*argmax.AboveBest))), signed(*argmax.AboveBest), best.Name)
	takes := func(row func(*ideal.PartSummary) *ideal.RowSummary) string {
		var short []string
		for _, part := range ideal.Phases()[1:] {
			p := s.Part(part)
			if p == nil {
				continue
			}
			if x := row(p); !x.AboveBest.Above(-slack) {
				short = append(short, fmt.Sprintf("%s (%s)", p.Part, signed(*x.AboveBest)))
			}
		}
		if len(short) == 0 {
			return "takes the best of every phase"
		}
		return "is not shown to reach the best expert of " + strings.Join(short, ", ")
	}
	fmt.Fprintf(&b, "It %s. Its rating in games: %s. ", takes(func(p *ideal.PartSummary) *ideal.RowSummary { return mixtureOf(p, cold) }), rated(r, d, ideally{tau: coldTau, posterior: true}))
	side := "cannot be told from 0"
	switch {
	case all.Theorem.Above(1e-9):
		side = "is above 0, as theorem 2.1 asks"
	case all.Theorem.Below(-1e-9):
		side = "is below 0, against theorem 2.1"
	}
	sampled := mixtureOf(all, ideally{tau: 1, posterior: true})
	fmt.Fprintf(&b, "The sum over pairs of theorem 2.1, %s, %s; sampling from the mixture at temperature 1 %s (%s).",
		signed(*all.Theorem), side, claimOf(*sampled.AboveBest), signed(*sampled.AboveBest))
	if claimOf(*sampled.AboveBest) != judge.Transcends && claimOf(*argmax.AboveBest) == judge.Transcends {
		b.WriteString(" So what is gained is gained by temperature (proposition 4) and not by selection:")
		for k, part := range ideal.Phases()[1:] {
			if p := s.Part(part); p != nil && k < len(p.Weights) {
				fmt.Fprintf(&b, " of the moves in the %s its specialist makes %.0f%%,", p.Part, 100*p.Weights[k].Value)
			}
		}
		b.WriteString(" where a third would be nothing special.")
	}
	if m := modelOf(all, d); m != nil {
		fmt.Fprintf(&b, " The model at T=%g %s by reward: %s above the best expert; it %s.", d.Cell.Measure.Temperatures[0], claimOf(*m.AboveBest), signed(*m.AboveBest),
			takes(func(p *ideal.PartSummary) *ideal.RowSummary { return modelOf(p, d) }))
	}
	return b.String()
}

// phasesPicture shows how far specialists, mixture and model are from the best expert of each phase.
func phasesPicture(r *judge.Report) error {
	cells, summaries, err := firstOfGroups(r)
	if err != nil {
		return err
	}
	var panels []figure.Panel
	for i, d := range cells {
		p := figure.Panel{Title: d.Cell.Group, Plot: figure.NewPlot("", "less that phase's best expert, points")}
		var names []string
		var parts []*ideal.PartSummary
		for _, part := range ideal.Phases() {
			if x := summaries[i].Part(part); x != nil {
				names, parts = append(names, part.String()), append(parts, x)
			}
		}
		add := func(name string, look color.RGBA, dashes []vg.Length, shift float64, row func(*ideal.PartSummary) *ideal.RowSummary) {
			s := figure.Series{Name: name, Color: look, Dashes: dashes}
			for x, part := range parts {
				if found := row(part); found != nil {
					s.Points = append(s.Points, percentMark(float64(x)+shift, *found.AboveBest))
				}
			}
			if len(s.Points) > 0 {
				p.Lines = append(p.Lines, s)
			}
		}
		looks := []color.RGBA{figure.Sky, figure.Green, figure.Orange}
		for k, row := range parts[0].Rows {
			if row.Kind != "expert" {
				continue
			}
			_, about, _ := strings.Cut(row.Name, "phase=")
			about, _, _ = strings.Cut(about, ",")
			add(about, looks[k%len(looks)], []vg.Length{3, 2}, float64(k-1)*0.06, func(q *ideal.PartSummary) *ideal.RowSummary { return &q.Rows[k] })
		}
		add("mixture, argmax", figure.Black, nil, 0.12, func(q *ideal.PartSummary) *ideal.RowSummary { return mixtureOf(q, ideally{posterior: true}) })
		add("mixture, T=1", figure.Purple, nil, -0.12, func(q *ideal.PartSummary) *ideal.RowSummary {
			return mixtureOf(q, ideally{tau: 1, posterior: true})
		})
		add("model, coldest", figure.Vermillion, nil, 0.18, func(q *ideal.PartSummary) *ideal.RowSummary { return modelOf(q, d) })
		namedTicks(p.Plot, names)
		panels = append(panels, p)
	}
	fit(panels, 0.2)
	r.AddPicture("phases", "selection: expected reward by phase, less that of the phase's best expert",
		"Specialists (dashed), their mixture and the model: percentage points of the probability to win by a deeper search, exact expectations in positions of held-out games. Bars: 95% intervals over games. First seed of each group.", panels)
	return nil
}

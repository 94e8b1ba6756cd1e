package experiment

// Experiments 3 and 5: selection, and the ideal learner. What the experts do is known exactly, so
// their mixture and its argmax are computed, and the model is compared with them in the same positions.

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"transcend/analysis/ideal"
	"transcend/data"
	"transcend/data/league"
	"transcend/data/league/mixture"
	"transcend/engine"
	"transcend/internal/bitboard"
)

// ideally is an ideal learner of a cell's experts.
type ideally struct {
	tau                   float64
	posterior, characters bool
}

// name is what it is called in the games: it depends on the experts alone, so that cells of a group
// that differ by their seeds have it in common.
func (v ideally) name(c *Cell) string {
	name := c.Group + " ideal"
	if v.posterior {
		name += " posterior"
	}
	if v.characters {
		name += " characters"
	}
	return fmt.Sprintf("%s T=%g", name, v.tau)
}

// is reports whether a row is this learner's.
func (v ideally) is(r ideal.Row) bool {
	return r.Kind == "mixture" && r.Tau == v.tau && r.Posterior == v.posterior && r.Characters == v.characters
}

// idealEntrants let ideal learners play.
func idealEntrants(s *Setup, learners ...ideally) ([]Entrant, error) {
	rule, err := league.ParseOpeningRule(s.Cell.Corpus.Openings)
	if err != nil {
		return nil, err
	}
	if s.Cell.Corpus.MaxElo > 0 || rule.Named {
		return nil, fmt.Errorf("experiment: cell %s: ideal learners know corpora without a cap and without named openings", s.Cell.Name)
	}
	options := mixture.Options{MaxGap: s.Cell.Corpus.MaxGap, RandomPlies: rule.RandomPlies}
	mixture, err := mixture.New(s.Experts, options)
	if err != nil {
		return nil, err
	}
	var all []Entrant
	for _, v := range learners {
		if v.posterior && mixture.Alike() {
			continue // the same learner
		}
		config := engine.IdealConfig{Pool: s.Experts.Name, Options: options, Temperature: v.tau, Posterior: v.posterior, Characters: v.characters}
		all = append(all, Entrant{Name: v.name(s.Cell), New: func(context.Context) (engine.Player, error) {
			return engine.NewIdealPlayer(config, mixture)
		}})
	}
	return all, nil
}

// rewardShare is how many of the positions that agreement is measured on get rewards: these take a
// search of all moves.
const rewardShare = 6

// judgeOf is the search that gives rewards.
func judgeOf(m *Measure) ideal.Judge {
	if m.Positions < 1000 {
		return ideal.Judge{Depth: 2} // a preset that decides nothing
	}
	return ideal.DefaultJudge
}

// measureIdeal compares experts, ideal learners and model in positions of held-out games.
func measureIdeal(ctx context.Context, s *Setup) (any, error) {
	c := s.Cell
	corpus, err := c.Corpus.league()
	if err != nil {
		return nil, err
	}
	plies := 0
	for _, g := range s.HeldOut {
		plies += len(g.Moves)
	}
	if plies == 0 {
		return nil, fmt.Errorf("no held-out games")
	}
	o := ideal.EvaluateOptions{
		Corpus: corpus, Games: s.HeldOut, Judge: judgeOf(&c.Measure),
		Share:        min(1, float64(c.Measure.Positions)/rewardShare/float64(plies)),
		Temperatures: append([]float64{0}, c.Measure.Temperatures...),
		Progress: func(games, positions int) {
			s.Progress(float64(games)/float64(len(s.HeldOut)), fmt.Sprintf("rewards: %d positions of %d games", positions, games))
		},
	}
	if s.Model != nil {
		o.Others = append(o.Others, modelPolicy(s))
	}
	e, err := ideal.Evaluate(ctx, o)
	if err != nil {
		return nil, err
	}
	m := &measured{Summary: e.Summary(c.Group, o.Judge)}
	if slices.ContainsFunc(s.Experts.Players, func(p league.Rated) bool { return p.Shared }) {
		o.Others, o.Unseen = nil, true
		if e, err = ideal.Evaluate(ctx, o); err != nil {
			return nil, err
		}
		m.Unseen = e.Summary(c.Group, o.Judge)
	}
	return m, nil
}

// measured is what measureIdeal leaves in a cell.
type measured struct {
	*ideal.Summary
	// Unseen is of experts with shared noise: the same for a learner who has not seen the positions and
	// cannot know what is shared in them.
	Unseen *ideal.Summary `json:"unseen,omitempty"`
}

// modelPolicy is the cell's model at its temperatures, unmasked: what it gives to illegal moves is
// lost.
func modelPolicy(s *Setup) ideal.Policy {
	var names []string
	for _, t := range s.Cell.Measure.Temperatures {
		names = append(names, ModelName(t))
	}
	return ideal.Policy{Names: names, New: func() (ideal.PolicyFunc, error) {
		player, err := engine.NewModelPlayer(engine.ModelConfig{Model: s.Model, Tokenizer: s.Tokenizer, Batch: s.Batch})
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, g *bitboard.Game, moves []bitboard.Move, out [][]float64) (bool, error) {
			for i, t := range s.Cell.Measure.Temperatures {
				chances, err := player.Chances(ctx, g, t)
				if engine.FailureOf(err) == engine.Length {
					return false, nil
				}
				if err != nil {
					return false, err
				}
				for _, c := range chances {
					for k, m := range moves {
						if m == c.Move {
							out[i][k] = c.P
						}
					}
				}
			}
			return true, nil
		}, nil
	}}
}

// summary is what measureIdeal left in a cell.
func (d *Done) summary() (*measured, error) {
	s := new(measured)
	if err := json.Unmarshal(d.Extra, s); err != nil {
		return nil, fmt.Errorf("cell %s: what was measured: %w", d.Cell.Name, err)
	}
	if s.Summary == nil || len(s.Parts) == 0 {
		return nil, fmt.Errorf("cell %s: nothing was measured", d.Cell.Name)
	}
	return s, nil
}

// addExact adds a cell in which only players whose moves are known play, and no model.
func (p *plan) addExact(group string, players []string) {
	p.add(group, 1, func(c *Cell) {
		c.Headline = false
		c.Corpus.Players, c.Corpus.Games = players, 0
		c.Model, c.Training = Model{}, Training{}
	})
}

// specialists are one for each phase.
func specialists(weak float64) []string {
	var all []string
	for _, phase := range []league.Phase{league.Opening, league.Middlegame, league.Endgame} {
		p := league.Player{Depth: 1, Phase: phase, Weak: weak}
		all = append(all, p.String())
	}
	return all
}

// Selection is experiment 3.
func Selection() Experiment {
	return Experiment{
		Name:  "selection",
		About: "specialists by phase, each weak outside: does the mixture take the best of each?",
		Help: `Three experts who see one ply: one for the opening, one for the middlegame, one for the endgame;
outside their phase they play a random legal move with probability weak. Two things are asked. Does the likeliest move
of their mixture, and of a model, take the best of each (Zhang et al. 2024, proposition 4)? And is the condition
fulfilled under which already sampling from the mixture beats every expert (Abreu et al. 2025, theorem 2.1):
E[(r_a-r_b)(g_a-g_b)] > 0, where r are the experts' expected rewards in a position and g how likely the game is theirs.
Everything but the model is an exact expectation in positions of held-out games; rewards are probabilities to win by a
deeper search. Varied: weak. Headline: weak 0.5.`,
		Plan: func(s Settings) ([]Cell, error) {
			p := plan{base: headline(s)}
			if s.Preset != PresetTiny {
				// Few games are endgames before their fiftieth move.
				p.base.Corpus.MaxPlies, p.base.Measure.MaxPlies = 240, 240
				p.base.Model.Context *= 2
				p.base.Training.Rows /= 2
			}
			p.add("weak0.5", s.seeds(), func(c *Cell) { c.Corpus.Players = specialists(0.5) })
			if s.Preset == PresetTiny {
				return p.cells, nil
			}
			for _, weak := range []float64{0.2, 0.8} {
				p.addExact(fmt.Sprintf("weak%g", weak), specialists(weak))
			}
			return p.cells, nil
		},
		Players: func(_ context.Context, s *Setup) ([]Entrant, error) {
			return idealEntrants(s, ideally{tau: coldTau}, ideally{tau: coldTau, posterior: true}, ideally{tau: 1, posterior: true})
		},
		Measure:  measureIdeal,
		Conclude: concludeSelection,
	}
}

// coldTau is the paper's lowest temperature.
const coldTau = 0.001

// Ideal is experiment 5.
func Ideal() Experiment {
	return Experiment{
		Name:  "ideal",
		About: "the ideal learner: model, ceiling and experts together; temperature over moves and over characters",
		Help: `The experts' distributions are known, so the mixture that a perfect learner ends at is computed in
every position, and with it what temperature makes of it: the ceiling that the theory speaks of (Zhang et al. 2024,
propositions 1 to 4). Compared are experts, mixture and model by rating in games, by expected reward and by
agreement with the noise-free move in the same positions of held-out games. Temperature is applied to moves, and to the
characters of the same moves, as the paper's model does. Varied: the experts; cells without a model are exact
altogether. Headline: independent noise, rho 0.5.`,
		Plan: func(s Settings) ([]Cell, error) {
			p := plan{base: headline(s)}
			p.cells = Repeat(p.base, s.seeds())
			pool := poolSize(s)
			p.addExact("rho0.8", Experts(noisy(0.8), pool))
			if s.Preset == PresetTiny {
				return p.cells, nil
			}
			p.addExact("rho0.9", Experts(noisy(0.9), pool))
			p.addExact("tastes", Experts(noisy(headlineRho)+",taste=60", pool))
			p.addExact("boltz", Experts("boltz:depth=1,t=60", pool))
			p.addExact("shared", Experts(noisy(headlineRho)+",shared=1", pool))
			var own []string
			for i := range pool {
				own = append(own, fmt.Sprintf("%s,shared=%d", noisy(headlineRho), i+1))
			}
			p.addExact("own-errors", own)
			if s.Preset == PresetDefault {
				p.base.Headline = false
				p.add(headlineGroup+"-characters", 1, func(c *Cell) {
					// A ply has some six and a half characters with its number.
					c.Model.Tokenizer, c.Model.Input, c.Model.Context = "char", data.InputMoves, 8*c.Corpus.MaxPlies
					c.Training.Rows /= 4
					c.Measure.Temperatures = []float64{coldTau, 0.5, 1}
				})
			}
			return p.cells, nil
		},
		Players: func(_ context.Context, s *Setup) ([]Entrant, error) {
			learners := []ideally{{tau: coldTau}, {tau: coldTau, characters: true}, {tau: coldTau, posterior: true}}
			if s.Cell.Headline {
				for _, t := range []float64{0.3, 0.5, 0.75, 1, 1.5} {
					learners = append(learners, ideally{tau: t}, ideally{tau: t, characters: true})
				}
			}
			return idealEntrants(s, learners...)
		},
		Measure:  measureIdeal,
		Conclude: concludeIdeal,
	}
}

// points writes an estimate of a reward, or of a difference of rewards, in percentage points of the
// probability to win.
func points(e ideal.Estimate) string {
	return fmt.Sprintf("%.2f [%.2f, %.2f]", 100*e.Value, 100*e.Low, 100*e.High)
}

// signed is points with a sign.
func signed(e ideal.Estimate) string {
	return fmt.Sprintf("%+.2f [%+.2f, %+.2f]", 100*e.Value, 100*e.Low, 100*e.High)
}

// slack is by how little a reward may be below another one to count as reaching it: 0.2
// percentage points, a fraction of what separates experts.
const slack = 0.002

// claimOf is what an interval of R(f) - max R(f_i) says; one that is shorter than rounding has no sign.
func claimOf(e ideal.Estimate) Claim {
	switch {
	case e.Above(1e-9):
		return Transcends
	case e.Below(1e-9):
		return NotAbove
	}
	return NotShown
}

// mixtureOf is the row of an ideal learner, modelOf that of the model at its first temperature; nil
// where there is none.
func mixtureOf(p *ideal.PartSummary, v ideally) *ideal.RowSummary { return p.Find(v.is) }

func modelOf(p *ideal.PartSummary, d *Done) *ideal.RowSummary {
	if len(d.Cell.Measure.Temperatures) == 0 {
		return nil
	}
	name := ModelName(d.Cell.Measure.Temperatures[0])
	return p.Find(func(r ideal.Row) bool { return r.Kind == "other" && r.Name == name })
}

// alike reports that all experts do the same.
func alike(p *ideal.PartSummary) bool {
	n := 0
	for _, r := range p.Rows {
		if r.Kind == "expert" {
			n++
		}
	}
	return n == 1
}

// rated says how an ideal learner did in the games, and what that means beside the experts.
func (r *Report) rated(d *Done, v ideally) string {
	rating, ok := r.Ratings.Of(&d.Cell, v.name(&d.Cell))
	if !ok {
		return "not played"
	}
	return fmt.Sprintf("%s (%s)", ratingText(rating), judgeInterval(rating.Interval, r.Experts(&d.Cell)))
}

// concludeSelection says whether the best of each phase was taken.
func concludeSelection(r *Report) error {
	var table, theorem strings.Builder
	table.WriteString("Expected reward in positions of held-out games, in percentage points of the probability to win, with 95% intervals from resampling games. Of mixture and model also how far above the best expert of that phase.\n\n")
	theorem.WriteString("The left side of theorem 2.1, in percentage points, over all pairs of experts and for each; g is the posterior given the whole game so far. Above 0 it is necessary for the mixture itself, at temperature 1, to beat every expert; the last column is whether it does.\n\n")
	theorem.WriteString("| cell | phase | positions | all pairs | opening, middlegame | opening, endgame | middlegame, endgame | moves by each | mixture at T=1 less best expert |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n")
	table.WriteString("| cell | player | all | opening | middlegame | endgame |\n|---|---|--:|--:|--:|--:|\n")
	for _, d := range r.Cells {
		s, err := d.summary()
		if err != nil {
			return err
		}
		all := s.Part(ideal.All)
		for i, row := range all.Rows {
			isModel := row.Kind == "other"
			if row.Kind == "mixture" && (row.Characters || row.Tau != 0 && row.Tau != 1) {
				continue
			}
			if isModel && row.Name != ModelName(coldTau) && row.Name != ModelName(1) {
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
		r.Words = append(r.Words, r.selectionWords(d, s))
	}
	r.Sections = append(r.Sections,
		Section{Title: "Reward by phase", Text: table.String()},
		Section{Title: "Theorem 2.1 on the data", Text: theorem.String()})
	return r.addPictures(r.phasesPicture)
}

// selectionWords is the verdict on a cell.
func (r *Report) selectionWords(d *Done, s *measured) string {
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
	fmt.Fprintf(&b, "It %s. Its rating in games: %s. ", takes(func(p *ideal.PartSummary) *ideal.RowSummary { return mixtureOf(p, cold) }), r.rated(d, ideally{tau: coldTau, posterior: true}))
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
	if claimOf(*sampled.AboveBest) != Transcends && claimOf(*argmax.AboveBest) == Transcends {
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

// concludeIdeal puts model, ceiling and experts beside each other.
func concludeIdeal(r *Report) error {
	var table, chars, plies, positions strings.Builder
	table.WriteString("Rewards are expectations in percentage points of the probability to win, agreement is with the expert's move without noise, all in the same positions of held-out games; intervals are from resampling games. Ratings are from the games above.\n\n")
	table.WriteString("| cell | positions | player | rating | reward | above the best expert | agreement | legal |\n|---|--:|---|--:|--:|--:|--:|--:|\n")
	chars.WriteString("Expected reward at a temperature over moves and over the characters of the same moves, and how far each is above the best expert. \"Another argmax\" is the share of positions in which the likeliest prefix, letter by letter, leads to another move than the likeliest one.\n\n")
	chars.WriteString("| cell | another argmax | its reward less that of the argmax over moves | T | over moves | over characters |\n|---|--:|--:|--:|--:|--:|\n")
	for _, d := range r.Cells {
		s, err := d.summary()
		if err != nil {
			return err
		}
		all := s.Part(ideal.All)
		add := func(name, rating string, row *ideal.RowSummary) {
			if row != nil {
				fmt.Fprintf(&table, "| %s | %d | %s | %s | %s | %s | %.1f%% | %.1f%% |\n", d.Cell.Name, s.Positions, name, rating,
					points(row.Reward), signed(*row.AboveBest), 100*row.Agreement.Value, 100*row.Legal)
			}
		}
		best := all.BestExpert()
		add("best expert", r.bestExpert(d), best)
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
			add(name, r.rated(d, v), mixtureOf(all, v))
		}
		if m := modelOf(all, d); m != nil {
			rating, _ := r.Ratings.Of(&d.Cell, m.Name)
			add(m.Name, ratingText(rating), m)
		}
		for i, t := range d.Cell.Measure.Temperatures {
			head := "| | | |"
			if i == 0 {
				head = fmt.Sprintf("| %s | %s | %s |", d.Cell.Name, percentOf(all.Differ[0]), signed(*all.Characters))
			}
			moves, characters := mixtureOf(all, ideally{tau: t}), mixtureOf(all, ideally{tau: t, characters: true})
			fmt.Fprintf(&chars, "%s %g | %s (%s) | %s (%s) |\n", head, t, points(moves.Reward), signed(*moves.AboveBest), points(characters.Reward), signed(*characters.AboveBest))
		}
		for _, x := range s.Differ[:min(3, len(s.Differ))] {
			fmt.Fprintf(&positions, "* %s, game %d, ply %d, `%s`: likeliest move %s with %.3f; moves that begin with %c have %.3f together, of which letter by letter %s (%.3f) is taken: %+.1f.\n",
				d.Cell.Name, x.Game, x.Ply, x.FEN, x.Move, x.MoveP, x.Characters[0], x.Prefix, x.Characters, x.CharP, 100*x.Gain)
		}
		r.Words = append(r.Words, r.idealWords(d, s))
	}
	plies.WriteString("Agreement with the expert's move without noise, by half-move.\n\n| cell | plies | positions | experts | ideal | model |\n|---|---|--:|--:|--:|--:|\n")
	for _, d := range r.Cells {
		s, err := d.summary()
		if err != nil {
			return err
		}
		for _, band := range ideal.Bands() {
			p := s.Part(band)
			if p == nil {
				continue
			}
			model := "-"
			if m := modelOf(p, d); m != nil {
				model = percentOf(m.Agreement)
			}
			fmt.Fprintf(&plies, "| %s | %s | %d | %s | %s | %s |\n", d.Cell.Name, strings.TrimPrefix(p.Part, "plies "), p.Positions,
				percentOf(p.BestExpert().Agreement), percentOf(mixtureOf(p, ideally{tau: coldTau}).Agreement), model)
		}
	}
	r.Sections = append(r.Sections,
		Section{Title: "Model, ceiling and experts", Text: table.String()},
		Section{Title: "Temperature over moves and over characters", Text: chars.String()},
		Section{Title: "Agreement by ply", Text: plies.String()})
	if positions.Len() > 0 {
		r.Sections = append(r.Sections, Section{Title: "Where moves and characters part", Text: positions.String()})
	}
	return r.addPictures(r.rewardsPicture, r.pliesPicture)
}

func percentOf(e ideal.Estimate) string {
	return fmt.Sprintf("%.1f%% [%.1f, %.1f]", 100*e.Value, 100*e.Low, 100*e.High)
}

// bestExpert is the rating of the cell's strongest expert.
func (r *Report) bestExpert(d *Done) string {
	text, high := "-", 0.0
	for i, e := range r.Experts(&d.Cell) {
		if i == 0 || e.Rating > high {
			text, high = e.text(), e.Rating
		}
	}
	return text
}

// idealWords is the verdict on a cell.
func (r *Report) idealWords(d *Done, s *measured) string {
	all := s.Part(ideal.All)
	argmax := mixtureOf(all, ideally{tau: 0})
	best := all.BestExpert()
	var b strings.Builder
	fmt.Fprintf(&b, "%s: the ceiling %s by expected reward: %s percentage points above the best expert; it plays what experts mean in %.0f%% of the positions, they in %.0f%%. Its rating in games: %s; the best expert's: %s.",
		d.Cell.Name, strings.ToUpper(string(claimOf(*argmax.AboveBest))), signed(*argmax.AboveBest), 100*argmax.Agreement.Value, 100*best.Agreement.Value,
		r.rated(d, ideally{tau: coldTau}), r.bestExpert(d))
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
			claimOf(*x.AboveBest), signed(*x.AboveBest), r.rated(d, ideally{tau: coldTau, posterior: true}))
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

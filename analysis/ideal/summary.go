package ideal

// Summary is an Evaluation in numbers, as reports show and files keep it.
type Summary struct {
	Pool      string        `json:"pool"`
	Judge     string        `json:"judge"`
	Games     int           `json:"games"`
	Positions int           `json:"positions"`
	Parts     []PartSummary `json:"parts"` // by phase, then by half-move
	Differ    []Difference  `json:"differ,omitempty"`
}

// PartSummary is a part of the positions.
type PartSummary struct {
	Part      string       `json:"part"`
	Positions int          `json:"positions"`
	Rows      []RowSummary `json:"rows"`
	// The rest is of parts by phase alone.

	// Theorem is Theorem 2.1's left side for all pairs of experts together, see
	// Evaluation.Theorem, Pairs that of each.
	Theorem *Estimate     `json:"theorem,omitempty"`
	Pairs   []PairSummary `json:"pairs,omitempty"`
	// Weights are the shares of the moves that are each expert's, by row.
	Weights []Estimate `json:"weights,omitempty"`
	// Differ is how often the argmax over characters is another move, by the prior and by the
	// posterior; Characters the prior mixture's reward at its lowest temperature over characters
	// less that over moves.
	Differ     []Estimate `json:"differ,omitempty"`
	Characters *Estimate  `json:"characters,omitempty"`
}

// RowSummary is a policy in a part of the positions.
type RowSummary struct {
	Row
	Reward    Estimate `json:"reward"`
	Agreement Estimate `json:"agreement"`
	Legal     float64  `json:"legal"`
	// AboveBest is the reward less the best expert's; of parts by phase.
	AboveBest *Estimate `json:"above_best,omitempty"`
}

// PairSummary is Theorem 2.1's left side for two experts.
type PairSummary struct {
	A, B string
	Estimate
}

// Summary computes everything.
func (e *Evaluation) Summary(pool string, judge Judge) *Summary {
	s := &Summary{Pool: pool, Judge: judge.String(), Games: len(e.games), Positions: e.Positions, Differ: e.Differ}
	phases := Phases()
	for i, part := range append(phases, Bands()...) {
		if e.Count(part) == 0 {
			continue
		}
		p := PartSummary{Part: part.String(), Positions: e.Count(part)}
		byPhase := i < len(phases)
		for row, r := range e.Rows {
			x := RowSummary{Row: r, Reward: e.Mean(row, Reward, part), Agreement: e.Mean(row, Agreement, part), Legal: e.total(row, Legal, part)}
			if byPhase {
				above := e.AboveBest(row, part)
				x.AboveBest = &above
			}
			p.Rows = append(p.Rows, x)
		}
		if byPhase {
			e.theory(&p, part)
		}
		s.Parts = append(s.Parts, p)
	}
	return s
}

// theory adds what is only of parts by phase.
func (e *Evaluation) theory(p *PartSummary, part Part) {
	theorem := e.Theorem(part)
	p.Theorem = &theorem
	for _, a := range e.experts() {
		p.Weights = append(p.Weights, e.Weight(a, part))
		for b := range a {
			if x, ok := e.TheoremPair(a, b, part); ok {
				p.Pairs = append(p.Pairs, PairSummary{e.Rows[b].Name, e.Rows[a].Name, x})
			}
		}
	}
	p.Differ = []Estimate{e.DifferingArgmax(false, part), e.DifferingArgmax(true, part)}
	if moves, characters := e.coldest(false), e.coldest(true); moves >= 0 && characters >= 0 {
		x := e.Difference(characters, moves, Reward, part)
		p.Characters = &x
	}
}

// coldest is the row of the mixture by the prior at the lowest temperature, -1 without any.
func (e *Evaluation) coldest(characters bool) int {
	best := -1
	for i, r := range e.Rows {
		if r.Kind == "mixture" && !r.Posterior && r.Characters == characters && (best < 0 || r.Tau < e.Rows[best].Tau) {
			best = i
		}
	}
	return best
}

// Part returns a part by its name, nil when it has no positions.
func (s *Summary) Part(part Part) *PartSummary {
	for i := range s.Parts {
		if s.Parts[i].Part == part.String() {
			return &s.Parts[i]
		}
	}
	return nil
}

// Find returns the first row for which is holds, nil without one.
func (p *PartSummary) Find(is func(Row) bool) *RowSummary {
	for i := range p.Rows {
		if is(p.Rows[i].Row) {
			return &p.Rows[i]
		}
	}
	return nil
}

// BestExpert returns the expert with the highest reward.
func (p *PartSummary) BestExpert() *RowSummary {
	var best *RowSummary
	for i := range p.Rows {
		if p.Rows[i].Kind == "expert" && (best == nil || p.Rows[i].Reward.Value > best.Reward.Value) {
			best = &p.Rows[i]
		}
	}
	return best
}

package experiment

// Experiment 2 of Abreu et al. (2025): skill selection.

import (
	"fmt"
	"math"

	"gonum.org/v1/plot/vg"

	"transcend/internal/figure"
	"transcend/kg/eval"
	"transcend/kg/lab"
)

const selectHelp = `Experts know a few areas of expertise well and the others not at all: of all facts they have a share
c right. What they know they write; what they do not, they write with probability 1-alpha,
and it is false. Varied: the number of experts, c and alpha.

Judged are the paper's claims: with enough experts the model knows nearly everything, and
accuracy rises with alpha. Beside every model stands the majority vote over the very sentences
that it was trained on, and the ceiling 1-(1-c)^n of all that anybody knows. Cells that are not
the paper's: two experts at temperature 1, with and without selection, which test Theorem 2.1,
its inequality computed on the same experts; and misconceptions that all who are wrong share.`

// selection is experiment 2.
func selection() lab.Experiment {
	return lab.Experiment{
		Name:     "select",
		About:    "experts of a few areas each: does a model know what all of them know?",
		Help:     selectHelp,
		Varies:   []string{"experts", "coverage", "alpha"},
		Plan:     planSelect,
		Conclude: concludeSelect,
	}
}

func selectName(experts int, coverage, alpha float64) string {
	return fmt.Sprintf("n%d-c%g-a%g", experts, coverage, alpha)
}

// Names of cells that are not the paper's.
func theoremName(alpha float64) string      { return fmt.Sprintf("theorem-a%g", alpha) }
func misconceivedName(alpha float64) string { return selectName(100, 0.1, alpha) + "-shared" }

// theoremCoverage is what each of the two experts knows who test Theorem 2.1.
const theoremCoverage = 0.4

// selectGrid are the cells of a preset: for each coverage and number of experts the alphas.
type selectGrid struct {
	coverage float64
	experts  int
	alpha    []float64
}

// selectGrids are the cells of some settings; extra is whether those that are not the paper's go with them.
func selectGrids(s lab.Settings) (grids []selectGrid, extra bool) {
	switch {
	case s.Experts != nil || s.Coverage != nil || s.Alpha != nil:
		experts, coverage, alpha := s.Experts, s.Coverage, s.Alpha
		if experts == nil {
			experts = []int{1, 10, 100, 1000}
		}
		if coverage == nil {
			coverage = []float64{0.01, 0.1}
		}
		if alpha == nil {
			alpha = []float64{0.8, 0.9, 0.95, 1}
		}
		return crossed(coverage, experts, alpha), false
	case s.Preset == lab.PresetTiny:
		return []selectGrid{{0.1, 20, []float64{1}}}, false
	case s.Preset == lab.PresetLaptop:
		return []selectGrid{
			{0.01, 100, []float64{0.95, 1}},
			{0.01, 1000, []float64{0.8, 0.95, 1}},
			{0.1, 1, []float64{1}},
			{0.1, 10, []float64{0.8, 1}},
			{0.1, 100, []float64{0.8, 0.9, 1}},
			{0.1, 1000, []float64{0.8, 1}},
		}, true
	}
	return crossed([]float64{0.01, 0.1}, []int{1, 10, 100, 1000}, []float64{0.8, 0.85, 0.9, 0.95, 0.98, 1}), true
}

func crossed(coverage []float64, experts []int, alpha []float64) (grids []selectGrid) {
	for _, c := range coverage {
		for _, n := range experts {
			grids = append(grids, selectGrid{c, n, alpha})
		}
	}
	return grids
}

func planSelect(s lab.Settings) ([]lab.Cell, error) {
	grids, extra := selectGrids(s)
	var cells []lab.Cell
	add := func(name string, change func(*lab.Cell)) {
		c := Base(s)
		c.Graph.Clusters = clusters(s, &c)
		if s.Preset == lab.PresetPaper && s.Steps == 0 && s.Paragraphs == 0 {
			c.Text.Paragraphs, c.Training.Epochs = 1_000_000, 10
		}
		c.Name = name
		apart(s, &c)
		change(&c)
		cells = append(cells, repeat(c, seedCount(s))...)
	}
	for _, g := range grids {
		for _, alpha := range g.alpha {
			add(selectName(g.experts, g.coverage, alpha), func(c *lab.Cell) {
				c.Team.Experts, c.Team.Specialists, c.Team.Alpha = g.experts, g.coverage, alpha
			})
		}
	}
	if extra {
		for _, alpha := range []float64{0, 1} {
			add(theoremName(alpha), func(c *lab.Cell) {
				c.Team.Experts, c.Team.Specialists, c.Team.Alpha = 2, theoremCoverage, alpha
			})
		}
		for _, alpha := range []float64{0.8, 1} {
			add(misconceivedName(alpha), func(c *lab.Cell) {
				c.Team.Experts, c.Team.Specialists, c.Team.Alpha, c.Team.Shared = 100, 0.1, alpha, 1
			})
		}
	}
	return cells, nil
}

func concludeSelect(r *lab.Report) error {
	j, err := newJudge(r)
	if err != nil {
		return err
	}
	r.Claims = selectClaims(j)
	asked := []float64{0, 1}
	table := lab.Section{Title: "Accuracy", Text: resultNote + " Known: the share of facts that somebody has right and writes. All cells have read the same amount of text.",
		Head: append(append([]string{"cells", "experts", "c", "alpha"}, resultHead(asked)...), "known")}
	for _, g := range j.groups {
		t := g.Cell.Team
		row := []string{g.Name, fmt.Sprint(t.Experts), fmt.Sprint(t.Specialists), fmt.Sprint(t.Alpha)}
		row = append(row, j.resultRow(g, asked)...)
		table.Rows = append(table.Rows, append(row, percent(g.Mean(func(r *lab.Result) float64 { return r.Known }))))
	}
	r.Sections = append(r.Sections, table, theoremTable(j))
	r.Pictures = append(r.Pictures, selectPicture(j))
	return nil
}

func selectClaims(j *judge) []lab.Claim {
	claims := []lab.Claim{
		j.above(lab.Claim{Claim: "near-perfect with enough experts: c = 0.01, 1,000 experts, alpha 1 (judged: over 90%)", Paper: "about 100% (text; figure)"}, selectName(1000, 0.01, 1), 0, 0.9),
		j.above(lab.Claim{Claim: "near-perfect with enough experts: c = 0.1, 100 experts, alpha 1 (judged: over 90%)", Paper: "about 100% (text; figure)"}, selectName(100, 0.1, 1), 0, 0.9),
		j.rises(lab.Claim{Claim: "accuracy rises with alpha", Paper: "rises (text)"}, [2]float64{0, 0},
			[2]string{selectName(1000, 0.01, 0.8), selectName(1000, 0.01, 1)}, [2]string{selectName(10, 0.1, 0.8), selectName(10, 0.1, 1)},
			[2]string{selectName(100, 0.1, 0.8), selectName(100, 0.1, 1)}),
		j.near(lab.Claim{Claim: "c = 0.01, alpha 1, 100 experts: what somebody knows, 1-(1-c)^100"}, 0.1, reading{selectName(100, 0.01, 1), 0, 0.65}),
		j.near(lab.Claim{Claim: "c = 0.01: little up to alpha 0.95, even with 1,000 experts"}, 0.1, reading{selectName(1000, 0.01, 0.8), 0, 0.1}, reading{selectName(1000, 0.01, 0.95), 0, 0.1}),
		j.near(lab.Claim{Claim: "c = 0.1, 100 experts, alpha 0.8 and 1"}, 0.1, reading{selectName(100, 0.1, 0.8), 0, 0.7}, reading{selectName(100, 0.1, 1), 0, 1}),
		j.near(lab.Claim{Claim: "c = 0.1, 10 experts, alpha 0.8 and 1"}, 0.1, reading{selectName(10, 0.1, 0.8), 0, 0.1}, reading{selectName(10, 0.1, 1), 0, 0.5}),
		j.near(lab.Claim{Claim: "c = 0.1, one expert"}, 0.1, reading{selectName(1, 0.1, 1), 0, 0.05}),
		theoremClaim(j),
		j.rises(lab.Claim{Claim: "beyond the paper: misconceptions that all share cost accuracy at alpha 0.8 (greedy, independent over shared)", Paper: "its motivation; not measured"},
			[2]float64{0, 0}, [2]string{misconceivedName(0.8), selectName(100, 0.1, 0.8)}),
		j.rises(lab.Claim{Claim: "beyond the paper: selection mends shared misconceptions (greedy, alpha 0.8 to 1)", Paper: "its motivation; not measured"},
			[2]float64{0, 0}, [2]string{misconceivedName(0.8), misconceivedName(1)}),
	}
	return claims
}

// theorem is what a cell of two experts says about Theorem 2.1.
type theorem struct {
	inequality, better, best float64 // means of the seeds: the left side, the share of seeds whose mixture is better, the better expert's accuracy
	mixture                  float64
	model                    eval.Estimate
	// beats is how many seeds' models are better than both experts at temperature 1, and positive for how many of these
	// the inequality holds.
	beats, positive int
}

func theoremOf(g *group) (*theorem, bool) {
	var t theorem
	var ok bool
	if t.model, ok = g.At(1); !ok {
		return nil, false
	}
	for _, d := range g.Done {
		c := d.Result.Condition
		if c == nil {
			return nil, false
		}
		n := float64(len(g.Done))
		best := d.Result.Endless.Sampled - c.Gain
		t.inequality += c.Mean / n
		t.better += c.Better / n
		t.best += best / n
		t.mixture += d.Result.Endless.Sampled / n
		if e, ok := estimateAt(d, 1); ok && e.Mean > best {
			t.beats++
			if c.Holds == 1 {
				t.positive++
			}
		}
	}
	return &t, true
}

// theoremClaim judges Theorem 2.1: whenever the model is better than both experts at temperature 1, the inequality is
// positive; and it takes such a case, and one in which the inequality is 0, to say so.
func theoremClaim(j *judge) lab.Claim {
	c := lab.Claim{Claim: "Theorem 2.1: at T=1 a model of two experts can only be better than both if E[(r_a-r_b)(g_a-g_b)] > 0", Paper: "proved; not measured"}
	with, without := j.find(theoremName(1)), j.find(theoremName(0))
	if with == nil || without == nil {
		return untested(c, "of two experts with alpha 0 and 1")
	}
	a, ok := theoremOf(with)
	b, ok2 := theoremOf(without)
	if !ok || !ok2 {
		return untested(c, "asked at T=1")
	}
	c.Ours = fmt.Sprintf("alpha 1: inequality %+.3f, best expert %s, mixture %s, model %s; alpha 0: %+.3f, %s, %s, %s",
		a.inequality, percent(a.best), percent(a.mixture), shareText(a.model), b.inequality, percent(b.best), percent(b.mixture), shareText(b.model))
	switch {
	case a.positive < a.beats || b.positive < b.beats:
		c.Verdict, c.Why = lab.NotReproduced, "a model is better than both experts although the inequality is not positive: it is not the mixture that the theorem is about"
	case a.beats == len(with.Done) && b.beats == 0:
		c.Verdict = lab.Reproduced
	default:
		c.Verdict, c.Why = lab.NotTested, fmt.Sprintf("with selection %d of %d models are better than both experts, without it %d of %d: it takes all and none", a.beats, len(with.Done), b.beats, len(without.Done))
	}
	return c
}

// theoremTable shows the inequality for all cells of several experts.
func theoremTable(j *judge) lab.Section {
	s := lab.Section{Title: "Theorem 2.1 on the data", Text: "Means over the pairs of the first eight experts: the left side of the inequality, the share of pairs for which it is positive, the share whose mixture is better than both at T=1 (at most that share, says the theorem), and by how much.",
		Head: []string{"cells", "pairs", "E[(r_a-r_b)(g_a-g_b)]", "positive", "mixture better", "gain"}}
	for _, g := range j.groups {
		if g.Done[0].Result.Condition == nil {
			continue
		}
		s.Rows = append(s.Rows, []string{g.Name, fmt.Sprint(g.Done[0].Result.Condition.Pairs),
			fmt.Sprintf("%+.4f", g.Mean(func(r *lab.Result) float64 { return r.Condition.Mean })),
			percent(g.Mean(func(r *lab.Result) float64 { return r.Condition.Holds })),
			percent(g.Mean(func(r *lab.Result) float64 { return r.Condition.Better })),
			fmt.Sprintf("%+.1f points", 100*g.Mean(func(r *lab.Result) float64 { return r.Condition.Gain }))})
	}
	return s
}

// paperSelect are readings of the paper's figure: coverage, alpha, accuracy in percent.
var paperSelect = map[float64][]figure.Mark{
	0.01: {figure.At(0.95, 10), figure.At(1, 100), figure.At(1, 65)},
	0.1:  {figure.At(0.8, 70), figure.At(1, 100), figure.At(0.8, 10), figure.At(1, 50), figure.At(0.8, 5), figure.At(1, 5)},
}

// selectPicture is the paper's figure: accuracy over alpha, a panel for each coverage.
func selectPicture(j *judge) figure.Picture {
	var panels []figure.Panel
	var coverages []float64
	byCoverage := map[float64][]*group{}
	for _, g := range j.groups {
		t := g.Cell.Team
		if g.Name != selectName(t.Experts, t.Specialists, t.Alpha) {
			continue
		}
		if byCoverage[t.Specialists] == nil {
			coverages = append(coverages, t.Specialists)
		}
		byCoverage[t.Specialists] = append(byCoverage[t.Specialists], g)
	}
	looks := map[int]int{}
	for _, c := range coverages {
		p := figure.Panel{Title: fmt.Sprintf("coverage %g", c), Plot: figure.NewPlot("alpha: how much experts write what they know", "accuracy, greedy, %")}
		curves := map[int]*[2]figure.Series{}
		var counts []int
		lowest := 1.0
		for _, g := range byCoverage[c] {
			t := g.Cell.Team
			e, ok := g.At(0)
			if !ok {
				continue
			}
			s := curves[t.Experts]
			if s == nil {
				if _, ok := looks[t.Experts]; !ok {
					looks[t.Experts] = len(looks)
				}
				look := figure.Look(looks[t.Experts], expertCount(t.Experts))
				look.Dashes = nil
				s = &[2]figure.Series{look, {Name: "their vote", Color: look.Color, Dashes: []vg.Length{1.5, 2}, Bare: true}}
				curves[t.Experts] = s
				counts = append(counts, t.Experts)
			}
			s[0].Points = append(s[0].Points, mark(t.Alpha, e))
			s[1].Points = append(s[1].Points, figure.At(t.Alpha, 100*g.voteAt(0)))
			lowest = math.Min(lowest, t.Alpha)
		}
		for _, n := range counts {
			p.Lines = append(p.Lines, curves[n][0], curves[n][1])
		}
		if known := paperSelect[c]; known != nil {
			p.Lines = append(p.Lines, figure.Series{Name: "the paper's, where known", Color: figure.Black, Dots: true, Points: known})
		}
		p.Plot.X.Min, p.Plot.X.Max, p.Plot.Y.Min, p.Plot.Y.Max = math.Min(lowest, 0.8)-0.01, 1.01, 0, 100
		panels = append(panels, p)
	}
	return figure.Panels("select", "selection: accuracy over how much experts keep to what they know",
		"Completed facts, word for word; bars: 95% intervals over seeds. Dotted: the vote over the same sentences. The paper's, read off its figure: c = 0.01: about 10% up to alpha 0.95, then "+
			"100% with 1,000 experts and 65% with 100; c = 0.1: 70% to 100% with 100 experts, 10% to 50% with 10, 5% with one.", 2, panels)
}

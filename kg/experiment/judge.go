package experiment

// What conclusions have in common.

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"transcend/internal/cli"
	"transcend/internal/figure"
	"transcend/kg/eval"
	"transcend/kg/lab"
)

// shareText is "83.1% [81.0%, 85.2%]".
func shareText(e eval.Estimate) string {
	return fmt.Sprintf("%s [%s, %s]", percent(e.Mean), percent(e.Low), percent(e.High))
}

// percent is a share in percent, "-" of one that is not known.
func percent(x float64) string { return cli.Percent(x, 1) }

// judge finds groups of a report.
type judge struct {
	groups []*group
}

func newJudge(r *lab.Report) (*judge, error) {
	groups, err := groupsOf(r)
	return &judge{groups}, err
}

// find returns the group of a name; nil when the grid has none.
func (j *judge) find(name string) *group {
	for _, g := range j.groups {
		if g.Name == name {
			return g
		}
	}
	return nil
}

// group is cells that differ by their seed alone.
type group struct {
	Name string
	Cell lab.Cell // of the first seed
	Done []*lab.Done
	// Facts joins what the seeds' models know.
	Facts *eval.Report
}

// groupsOf are the cells of a report by Cell.Group, in their order.
func groupsOf(r *lab.Report) ([]*group, error) {
	var all []*group
	at := map[string]*group{}
	for _, d := range r.Cells {
		g := at[d.Cell.Group]
		if g == nil {
			g = &group{Name: d.Cell.Group, Cell: d.Cell}
			at[g.Name] = g
			all = append(all, g)
		}
		g.Done = append(g.Done, d)
	}
	for _, g := range all {
		var reports []*eval.Report
		for _, d := range g.Done {
			reports = append(reports, d.Result.Facts)
		}
		var err error
		if g.Facts, err = eval.Combine(reports); err != nil {
			return nil, fmt.Errorf("%s: %w", g.Name, err)
		}
	}
	return all, nil
}

// At returns what the group's models know at a temperature, false where that was not asked.
func (g *group) At(temperature float64) (eval.Estimate, bool) {
	i := slices.Index(g.Facts.Temperatures, temperature)
	if i < 0 {
		return eval.Estimate{}, false
	}
	return g.Facts.All[i], true
}

// Mean is the mean of a number over the seeds.
func (g *group) Mean(of func(*lab.Result) float64) float64 {
	sum := 0.0
	for _, d := range g.Done {
		sum += of(&d.Result)
	}
	return sum / float64(len(g.Done))
}

// votes are the mean accuracies of the ideal learner of the same text.
func greedyVote(r *lab.Result) float64  { return r.Vote.Greedy }
func sampledVote(r *lab.Result) float64 { return r.Vote.Sampled }

// voteAt is the ideal learner's accuracy at a temperature.
func (g *group) voteAt(temperature float64) float64 {
	return g.Mean(func(r *lab.Result) float64 {
		switch temperature {
		case 0:
			return r.Vote.Greedy
		case 1:
			return r.Vote.Sampled
		}
		for _, x := range r.Vote.At {
			if x.Temperature == temperature {
				return x.Accuracy
			}
		}
		return math.NaN()
	})
}

// untested is the claim when the grid lacks its cells.
func untested(c lab.Claim, missing string) lab.Claim {
	c.Verdict, c.Ours, c.Why = lab.NotTested, "-", "the grid has no cells "+missing
	return c
}

// above judges that a group's accuracy is over a level. Where not even the ideal learner of the same text is,
// the graph is too small to tell.
func (j *judge) above(c lab.Claim, group string, temperature, level float64) lab.Claim {
	g := j.find(group)
	if g == nil {
		return untested(c, group)
	}
	e, ok := g.At(temperature)
	if !ok {
		return untested(c, fmt.Sprintf("%s at temperature %g", group, temperature))
	}
	vote := g.voteAt(temperature)
	c.Ours = fmt.Sprintf("%s; vote %s", shareText(e), percent(vote))
	switch {
	case e.Low > level:
		c.Verdict = lab.Reproduced
	case vote <= level:
		c.Verdict, c.Why = lab.NotTested, fmt.Sprintf("an ideal learner of the same text does not get over %s on this graph", percent(level))
	case e.High < level:
		c.Verdict = lab.NotReproduced
	default:
		c.Verdict, c.Why = lab.NotReproduced, "the interval includes "+percent(level)
	}
	return c
}

// reading is a number read off a figure of the paper, and how far from it ours may be.
type reading struct {
	group       string
	temperature float64
	value       float64
}

// near judges that groups are near the paper's numbers, all of them. Where the ideal learner of the same text is not
// either, its graph differs from the paper's in what is asked.
func (j *judge) near(c lab.Claim, within float64, readings ...reading) lab.Claim {
	var ours, off, paper []string
	found, voteOff := 0, 0
	for _, x := range readings {
		paper = append(paper, fmt.Sprintf("%s %s", x.group, percent(x.value)))
	}
	if c.Paper == "" {
		c.Paper = strings.Join(paper, ", ") + " (read off its figure)"
	}
	for _, x := range readings {
		g := j.find(x.group)
		if g == nil {
			continue
		}
		e, ok := g.At(x.temperature)
		if !ok {
			continue
		}
		found++
		vote := g.voteAt(x.temperature)
		ours = append(ours, fmt.Sprintf("%s %s (vote %s)", x.group, percent(e.Mean), percent(vote)))
		if e.Low > x.value+within || e.High < x.value-within || math.Abs(e.Mean-x.value) > 2*within {
			off = append(off, x.group)
			if math.Abs(vote-x.value) > within {
				voteOff++
			}
		}
	}
	if found == 0 {
		return untested(c, "for it")
	}
	c.Ours = strings.Join(ours, ", ")
	switch {
	case len(off) == 0:
		c.Verdict = lab.Reproduced
	case voteOff == len(off):
		c.Verdict, c.Why = lab.NotTested, fmt.Sprintf("an ideal learner of the same text is not near it either for %s: this graph is not the paper's", strings.Join(off, ", "))
	default:
		c.Verdict, c.Why = lab.NotReproduced, fmt.Sprintf("off by more than %s: %s", percent(within), strings.Join(off, ", "))
	}
	return c
}

// rises judges that accuracy is higher in the second group of each pair, pairs of seeds compared.
func (j *judge) rises(c lab.Claim, temperatures [2]float64, pairs ...[2]string) lab.Claim {
	var ours, fails []string
	for _, p := range pairs {
		a, b := j.find(p[0]), j.find(p[1])
		if a == nil || b == nil {
			continue
		}
		mean, low, high, err := difference(a, b, temperatures)
		if err != nil {
			continue
		}
		what := p[0] + " to " + p[1]
		if p[0] == p[1] {
			what = p[0]
		}
		ours = append(ours, fmt.Sprintf("%s: %+.1f points [%+.1f, %+.1f]", what, 100*mean, 100*low, 100*high))
		if low <= 0 {
			fails = append(fails, what)
		}
	}
	if len(ours) == 0 {
		return untested(c, "for it")
	}
	c.Ours, c.Verdict = strings.Join(ours, "; "), lab.Reproduced
	if len(fails) > 0 {
		c.Verdict, c.Why = lab.NotReproduced, "not shown for "+strings.Join(fails, ", ")
	}
	return c
}

// difference is b's accuracy less a's, seed by seed.
func difference(a, b *group, temperatures [2]float64) (mean, low, high float64, err error) {
	var x, y []eval.Estimate
	for _, d := range b.Done {
		for _, e := range a.Done {
			if e.Cell.Seed != d.Cell.Seed {
				continue
			}
			one, ok := estimateAt(e, temperatures[0])
			two, ok2 := estimateAt(d, temperatures[1])
			if ok && ok2 {
				y, x = append(y, one), append(x, two)
			}
		}
	}
	return eval.Difference(x, y)
}

func estimateAt(d *lab.Done, temperature float64) (eval.Estimate, bool) {
	for i, t := range d.Result.Facts.Temperatures {
		if t == temperature {
			return d.Result.Facts.All[i], true
		}
	}
	return eval.Estimate{}, false
}

// mark is an estimate as a point, in percent.
func mark(x float64, e eval.Estimate) figure.Mark {
	return figure.Mark{X: x, Y: 100 * e.Mean, Low: 100 * e.Low, High: 100 * e.High}
}

// resultRow are the cells of a table that all experiments share: what the model answers, and the references.
func (j *judge) resultRow(g *group, temperatures []float64) []string {
	var row []string
	for _, t := range temperatures {
		if e, ok := g.At(t); ok {
			row = append(row, shareText(e))
		} else {
			row = append(row, "-")
		}
	}
	row = append(row, percent(g.Mean(greedyVote)), percent(g.Mean(sampledVote)),
		percent(g.Mean(func(r *lab.Result) float64 { return r.Endless.Greedy })),
		percent(g.Mean(func(r *lab.Result) float64 { return r.Endless.Expert })),
		percent(g.Mean(func(r *lab.Result) float64 { return r.Ceiling })))
	return row
}

// resultHead is the head of resultRow.
func resultHead(temperatures []float64) []string {
	var head []string
	for _, t := range temperatures {
		if t == 0 {
			head = append(head, "greedy")
		} else {
			head = append(head, fmt.Sprintf("T=%g", t))
		}
	}
	return append(head, "vote", "vote, T=1", "vote, endless text", "an expert", "ceiling")
}

const resultNote = "Shares of all questions (a head and a relation) that are answered with a true tail, word for word: means of the seeds with 95% intervals. " +
	"Vote: the most frequent answer of the very sentences that the model was trained on (T=1: sampled from them), what a learner without limits would answer; endless text: of as much text as one likes by the same experts. " +
	"An expert: the mean share of right answers of one expert alone, below c because beliefs about other heads land on a question, too. Ceiling: 1-(1-c)^n."

// relationTable says which relations are hard for the model and which for the vote.
func (j *judge) relationTable(g *group) lab.Section {
	s := lab.Section{Title: "By relation: " + g.Name, Head: []string{"relation", "questions", "greedy", "vote"}}
	for _, p := range g.Facts.Relations {
		vote := 0.0
		for _, d := range g.Done {
			for _, v := range d.Result.Vote.Relations {
				if v.Name == p.Name {
					vote += v.Greedy / float64(len(g.Done))
				}
			}
		}
		s.Rows = append(s.Rows, []string{p.Name, fmt.Sprint(p.At[0].Questions / max(1, len(g.Done))), percent(p.At[0].Mean), percent(vote)})
	}
	return s
}

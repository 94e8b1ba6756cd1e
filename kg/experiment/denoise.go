package experiment

// Experiment 1 of Abreu et al. (2025): skill denoising.

import (
	"fmt"

	"gonum.org/v1/plot/vg"

	"transcend/internal/cli"
	"transcend/internal/figure"
	"transcend/kg/lab"
)

const denoiseHelp = `Experts are right about each fact with one chance, the coverage c, and err independently: half of
their false beliefs name another head, half another tail, of the same type. They write
paragraphs about entities, a model learns from all of them, and is asked to complete every fact
of the graph. Varied: the number of experts and c; asked greedily and at each temperature.

Judged are the paper's claims: 100 experts with c = 0.2 give over 80%, one expert stays
at c, at temperature 1 accuracy stays near c. Beside every model stands the majority vote over
the very sentences that it was trained on. Beyond the paper: false beliefs that all who are
wrong share, which no majority can mend, and, in the preset paper, ones that prefer popular
entities; and models that read whole paragraphs, as the paper's do: those of the presets tiny and
laptop read sentence by sentence, as questions are put to them (--whole-paragraphs changes that).`

// denoise is experiment 1.
func denoise() lab.Experiment {
	return lab.Experiment{
		Name:     "denoise",
		About:    "experts who err independently: does a model answer better than each of them?",
		Help:     denoiseHelp,
		Varies:   []string{"experts", "coverage"},
		Plan:     planDenoise,
		Conclude: concludeDenoise,
	}
}

func denoiseName(experts int, coverage float64) string {
	return fmt.Sprintf("n%d-c%g", experts, coverage)
}

// The names of the controls.
const (
	sharedName  = "n100-c0.2-shared"
	popularName = "n100-c0.2-popular"
	wholeName   = "n100-c0.2-whole"
)

func planDenoise(s lab.Settings) ([]lab.Cell, error) {
	experts, coverage := s.Experts, s.Coverage
	if experts == nil {
		experts = map[string][]int{lab.PresetTiny: {1, 20}}[s.Preset]
	}
	if experts == nil {
		experts = []int{1, 10, 100, 1000}
	}
	if coverage == nil {
		coverage = map[string][]float64{
			lab.PresetTiny:   {0.4},
			lab.PresetLaptop: {0.2, 0.4, 0.8},
			lab.PresetPaper:  {0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1},
		}[s.Preset]
	}
	var cells []lab.Cell
	for _, n := range experts {
		for _, share := range coverage {
			if share == 0 {
				return nil, fmt.Errorf("a coverage of 0: want over 0, up to 1")
			}
			c := Base(s)
			c.Name = denoiseName(n, share)
			c.Team.Experts, c.Team.Coverage = n, share
			apart(s, &c)
			if s.Preset == lab.PresetLaptop && s.Steps == 0 {
				c.Training.Steps = denoiseSteps(share)
			}
			cells = append(cells, repeat(c, seedCount(s))...)
		}
	}
	// Controls, where nothing else was asked for.
	if s.Experts == nil && s.Coverage == nil && s.Shared == nil && !s.Popular && s.Preset != lab.PresetTiny {
		c := Base(s)
		c.Team.Experts, c.Team.Coverage = 100, 0.2
		apart(s, &c)
		if s.Preset == lab.PresetLaptop && s.Steps == 0 {
			c.Training.Steps = denoiseSteps(c.Team.Coverage)
		}
		if c.Text.Apart {
			whole := c
			whole.Name, whole.Text.Apart = wholeName, false
			cells = append(cells, repeat(whole, seedCount(s))...)
		}
		c.Name, c.Team.Shared = sharedName, 1
		cells = append(cells, repeat(c, seedCount(s))...)
		if s.Preset == lab.PresetPaper {
			c.Name, c.Team.Shared, c.Team.Popular = popularName, 0, true
			cells = append(cells, repeat(c, seedCount(s))...)
		}
	}
	return cells, nil
}

// denoiseSteps divides the time of the preset laptop among its cells: the more the text contradicts itself, the
// more of it there has to be. All cells of one coverage have as many, whoever wrote the text: what is compared
// between numbers of experts differs in nothing else.
func denoiseSteps(coverage float64) int {
	switch {
	case coverage > 0.6:
		return 200
	case coverage > 0.3:
		return 400
	}
	return 1400
}

// leftOut says what the preset laptop has fewer of than the paper.
const leftOut = "Of the paper's grid, this preset leaves out the coverages that no claim is about, of 0.05 to 1, for time."

// headOff is how far one expert's accuracy may be from c: half of the false beliefs are about heads, which costs
// up to 0.06 (package expert), and 0.02 for what can be read off a figure.
const headOff = 0.08

func concludeDenoise(r *lab.Report) error {
	j, err := newJudge(r)
	if err != nil {
		return err
	}
	r.Claims = denoiseClaims(j)
	asked := []float64{0, 0.0001, 1, 1.5}
	table := lab.Section{Title: "Accuracy", Text: resultNote + " Cells of one coverage have read the same amount of text.", Head: append([]string{"cells", "experts", "c"}, resultHead(asked)...)}
	for _, g := range j.groups {
		row := []string{g.Name, fmt.Sprint(g.Cell.Team.Experts), fmt.Sprint(g.Cell.Team.Coverage)}
		table.Rows = append(table.Rows, append(row, j.resultRow(g, asked)...))
	}
	if r.Settings.Preset == lab.PresetLaptop {
		table.Text += " " + leftOut
	}
	r.Sections = append(r.Sections, table)
	if g := j.find(denoiseName(100, 0.2)); g != nil {
		r.Sections = append(r.Sections, j.relationTable(g))
	}
	r.Pictures = append(r.Pictures, denoisePicture(j))
	return nil
}

// expertCount is "1 expert" or "10 experts".
func expertCount(n int) string {
	if n == 1 {
		return "1 expert"
	}
	return cli.Count(n) + " experts"
}

func denoiseClaims(j *judge) []lab.Claim {
	head := denoiseName(100, 0.2)
	claims := []lab.Claim{
		j.above(lab.Claim{Claim: "100 experts with c = 0.2 give over 80%, greedy", Paper: "over 80% (text)"}, head, 0, 0.8),
		j.above(lab.Claim{Claim: "with many experts the model transcends each of them: 100 experts, c = 0.2, greedy, over c", Paper: "over 80%, an expert at 20% (text)"}, head, 0, 0.2),
	}
	var one, ones, sampled []reading
	for _, g := range j.groups {
		t := g.Cell.Team
		if g.Name != denoiseName(t.Experts, t.Coverage) {
			continue
		}
		switch {
		case t.Experts == 1:
			one = append(one, reading{g.Name, 0, t.Coverage})
			ones = append(ones, reading{g.Name, 1, t.Coverage})
		default:
			sampled = append(sampled, reading{g.Name, 1, t.Coverage})
		}
	}
	claims = append(claims,
		j.near(lab.Claim{Claim: "one expert: greedy accuracy stays at c", Paper: "the diagonal (read off its figure)"}, headOff, one...),
		j.near(lab.Claim{Claim: "one expert: so it does at T=1", Paper: "the diagonal (read off its figure)"}, headOff, ones...),
		j.near(lab.Claim{Claim: "at T=1 accuracy stays near c, for any number of experts", Paper: "near c (text)"}, 0.05, sampled...),
		j.rises(lab.Claim{Claim: "low temperatures are what denoises: greedy over T=1", Paper: "over 80% and near 20% (text)"}, [2]float64{1, 0}, [2]string{head, head}),
		j.rises(lab.Claim{Claim: "T=1.5 is below T=1", Paper: "below (its figure)"}, [2]float64{1.5, 1}, [2]string{head, head}),
		j.rises(lab.Claim{Claim: "more experts are better at c = 0.2, greedy", Paper: "rises from 1 to 10 to 100 (its figure)"}, [2]float64{0, 0},
			[2]string{denoiseName(1, 0.2), denoiseName(10, 0.2)}, [2]string{denoiseName(10, 0.2), head}),
		j.near(lab.Claim{Claim: "10 experts, greedy"}, 0.08, reading{denoiseName(10, 0.4), 0, 0.58}, reading{denoiseName(10, 0.8), 0, 0.93}),
		j.near(lab.Claim{Claim: "100 and 1,000 experts, c = 0.4, greedy"}, 0.08, reading{denoiseName(100, 0.4), 0, 1}, reading{denoiseName(1000, 0.4), 0, 1}),
		j.rises(lab.Claim{Claim: "beyond the paper: errors that all share cannot be denoised (greedy, independent over shared)", Paper: "not there"}, [2]float64{0, 0}, [2]string{sharedName, head}),
		j.rises(lab.Claim{Claim: "beyond the paper: errors that prefer popular entities are harder (greedy, uniform over popular)", Paper: "not there"}, [2]float64{0, 0}, [2]string{popularName, head}),
		j.rises(lab.Claim{Claim: "beyond the paper: a model of one layer has to read sentences apart (greedy, whole paragraphs to sentences)", Paper: "12 layers, whole paragraphs"}, [2]float64{0, 0}, [2]string{wholeName, head}),
	)
	return claims
}

// denoisePicture is the paper's figure: accuracy over coverage, a panel for each temperature.
func denoisePicture(j *judge) figure.Picture {
	var panels []figure.Panel
	for _, temperature := range []float64{0, 1, 1.5} {
		title := "greedy"
		if temperature > 0 {
			title = fmt.Sprintf("temperature %g", temperature)
		}
		p := figure.Panel{Title: title, Plot: figure.NewPlot("coverage c of an expert", "accuracy, %")}
		var counts []int
		curves := map[int]*[2]figure.Series{}
		for _, g := range j.groups {
			t := g.Cell.Team
			e, ok := g.At(temperature)
			if !ok || g.Name != denoiseName(t.Experts, t.Coverage) {
				continue
			}
			s := curves[t.Experts]
			if s == nil {
				look := figure.Look(len(counts), expertCount(t.Experts))
				look.Dashes = nil
				vote := figure.Series{Name: "their vote", Color: look.Color, Dashes: []vg.Length{1.5, 2}, Bare: true}
				s = &[2]figure.Series{look, vote}
				curves[t.Experts] = s
				counts = append(counts, t.Experts)
			}
			s[0].Points = append(s[0].Points, mark(t.Coverage, e))
			s[1].Points = append(s[1].Points, figure.At(t.Coverage, 100*g.voteAt(temperature)))
		}
		for _, n := range counts {
			p.Lines = append(p.Lines, curves[n][0], curves[n][1])
		}
		p.Lines = append(p.Lines, figure.Series{Name: "c", Color: figure.Edge, Bare: true, Points: []figure.Mark{figure.At(0, 0), figure.At(1, 100)}})
		if temperature == 0 {
			p.Lines = append(p.Lines, figure.Series{Name: "the paper's, where known", Color: figure.Black, Dots: true,
				Points: []figure.Mark{figure.At(0.2, 80), figure.At(0.4, 58), figure.At(0.8, 93), figure.At(0.4, 100)}})
		}
		p.Plot.X.Min, p.Plot.X.Max, p.Plot.Y.Min, p.Plot.Y.Max = 0, 1, 0, 100
		panels = append(panels, p)
	}
	return figure.Panels("denoise", "denoising: accuracy over the coverage of an expert",
		"Completed facts, word for word; bars: 95% intervals over seeds. Dotted: the vote over the same sentences. The paper's: over 80% for 100 experts at c = 0.2; "+
			"58% and 93% for 10 experts at 0.4 and 0.8, and 100% for 100 and 1,000 at 0.4, read off its figure; one expert is on the line c.", 3, panels)
}

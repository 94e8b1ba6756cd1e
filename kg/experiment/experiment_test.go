package experiment

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"transcend/kg/eval"
	"transcend/kg/lab"
	"transcend/kg/reference"
	"transcend/model"
)

// known is what is said of a group of cells: accuracies of its models and of the vote.
type known struct {
	greedy, one, high float64 // greedy, T=1, T=1.5
	vote, sampled     float64
	condition         float64 // Theorem 2.1's left side
	best              float64 // the better expert's accuracy
	noise             float64
}

// invent makes done cells of an experiment's plan out of what is known about each group.
func invent(t *testing.T, e lab.Experiment, about func(c *lab.Cell) known) []*lab.Done {
	t.Helper()
	cells, err := e.Cells(lab.Settings{Preset: lab.PresetLaptop})
	if err != nil {
		t.Fatal(err)
	}
	var done []*lab.Done
	for _, c := range cells {
		k := about(&c)
		estimate := func(x float64) eval.Estimate {
			x += k.noise * (float64(c.Seed) - 2)
			return eval.Estimate{Mean: x, Low: x - 0.01, High: x + 0.01, Questions: 2000, Seeds: 1}
		}
		d := &lab.Done{Cell: c}
		part := eval.Part{Name: "mother", At: []eval.Estimate{estimate(k.greedy), estimate(k.greedy), estimate(k.one), estimate(k.high)}}
		d.Result.Facts = &eval.Report{Temperatures: []float64{0, 0.0001, 1, 1.5}, All: part.At, Relations: []eval.Part{part}}
		vote := &reference.Vote{Greedy: k.vote, Sampled: k.sampled, Expert: c.Team.Coverage, Relations: []reference.RelationVote{{Name: "mother", Greedy: k.vote}}}
		d.Result.Vote, d.Result.Endless = vote, vote
		if c.Team.Specialists > 0 && c.Team.Experts > 1 {
			better := 0.0
			if k.sampled > k.best {
				better = 1
			}
			holds := 0.0
			if k.condition > 0 {
				holds = 1
			}
			d.Result.Condition = &reference.SelectionCondition{Pairs: 1, Mean: k.condition, Holds: holds, Better: better, Gain: k.sampled - k.best}
		}
		done = append(done, d)
	}
	return done
}

// verdicts are those of an experiment's claims, by the beginnings of their words.
func verdicts(t *testing.T, e lab.Experiment, s lab.Settings, done []*lab.Done) (map[string]lab.Claim, *lab.Report) {
	t.Helper()
	r, err := lab.NewReport(&e, s, done, lab.Use{})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]lab.Claim{}
	for _, c := range r.Claims {
		if all[c.Claim].Claim != "" {
			t.Errorf("two claims are %q", c.Claim)
		}
		if c.Paper == "" || c.Ours == "" || c.Verdict == "" {
			t.Errorf("incomplete: %+v", c)
		}
		all[c.Claim] = c
	}
	return all, r
}

func expect(t *testing.T, claims map[string]lab.Claim, verdict lab.Verdict, prefixes ...string) {
	t.Helper()
	for _, prefix := range prefixes {
		found := false
		for name, c := range claims {
			if strings.HasPrefix(name, prefix) {
				found = true
				if c.Verdict != verdict {
					t.Errorf("%s: %s (%s; %s), want %s", name, c.Verdict, c.Ours, c.Why, verdict)
				}
			}
		}
		if !found {
			t.Errorf("no claim %q", prefix)
		}
	}
}

// likePaper is the paper's denoising: an experiment in which every claim holds.
func likePaper(c *lab.Cell) known {
	t := c.Team
	k := known{one: t.Coverage, sampled: t.Coverage, high: t.Coverage - 0.08, noise: 0.005}
	switch {
	case t.Shared > 0:
		k.greedy = 0.05
	case t.Experts == 100 && t.Coverage == 0.2 && !c.Text.Apart:
		k.greedy = 0.5
	case t.Popular:
		k.greedy = 0.6
	case t.Experts == 1:
		k.greedy = t.Coverage - 0.03
	case t.Experts == 10:
		k.greedy = map[float64]float64{0.2: 0.35, 0.4: 0.6, 0.8: 0.95}[t.Coverage]
	default:
		k.greedy = map[float64]float64{0.2: 0.86, 0.4: 0.97, 0.8: 1}[t.Coverage]
	}
	k.vote = k.greedy + 0.02
	return k
}

func TestDenoiseVerdicts(t *testing.T) {
	laptop := lab.Settings{Preset: lab.PresetLaptop}
	claims, r := verdicts(t, denoise(), laptop, invent(t, denoise(), likePaper))
	expect(t, claims, lab.NotTested, "beyond the paper: errors that prefer") // no cells in this preset
	delete(claims, "beyond the paper: errors that prefer popular entities are harder (greedy, uniform over popular)")
	expect(t, claims, lab.Reproduced, "")

	// The table and the picture hold all of it.
	text := r.Markdown(".png")
	for _, want := range []string{"n100-c0.2-shared", "86.0% [", "**reproduced**", "By relation: n100-c0.2", "denoise.png"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	dir := t.TempDir()
	files, err := r.Write(&lab.Lab{Dir: dir})
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	if svg, err := os.ReadFile(filepath.Join(dir, "denoise", "denoise.svg")); err != nil || !strings.Contains(string(svg), "1,000 experts") {
		t.Errorf("%d bytes, %v", len(svg), err)
	}
	var back struct{ Claims []lab.Claim }
	if b, err := os.ReadFile(filepath.Join(dir, "denoise", "report.json")); err != nil || json.Unmarshal(b, &back) != nil || len(back.Claims) != len(claims)+1 {
		t.Error(err)
	}

	// A model that learned nothing.
	claims, _ = verdicts(t, denoise(), laptop, invent(t, denoise(), func(c *lab.Cell) known {
		k := likePaper(c)
		k.greedy, k.one, k.high = 0.01, 0.01, 0.01
		return k
	}))
	delete(claims, "beyond the paper: errors that prefer popular entities are harder (greedy, uniform over popular)")
	expect(t, claims, lab.NotReproduced, "")

	// A model that is good but not that good, and one whose interval includes the level.
	claims, _ = verdicts(t, denoise(), laptop, invent(t, denoise(), func(c *lab.Cell) known {
		k := likePaper(c)
		if c.Name[:9] == "n100-c0.2" {
			k.greedy, k.vote, k.noise = 0.81, 0.85, 0.02
		}
		return k
	}))
	expect(t, claims, lab.NotReproduced, "100 experts with c = 0.2 give over 80%")
	expect(t, claims, lab.Reproduced, "with many experts the model transcends")

	// A graph on which no learner can be that good.
	claims, _ = verdicts(t, denoise(), laptop, invent(t, denoise(), func(c *lab.Cell) known {
		k := likePaper(c)
		if c.Team.Experts == 100 {
			k.greedy, k.vote = 0.6, 0.7
		}
		return k
	}))
	expect(t, claims, lab.NotTested, "100 experts with c = 0.2 give over 80%")

	// Seeds that differ too much to tell, and figures that the graph keeps the model from, or only one of two.
	for n, want := range map[int]lab.Verdict{0: lab.NotTested, 1000: lab.NotReproduced} {
		claims, _ = verdicts(t, denoise(), laptop, invent(t, denoise(), func(c *lab.Cell) known {
			k := likePaper(c)
			switch {
			case c.Team.Experts == 100 && c.Team.Coverage == 0.2:
				k.noise = 0.3
			case c.Team.Experts >= 100 && c.Team.Coverage == 0.4:
				k.greedy, k.vote = 0.5, 0.5
				if c.Team.Experts == n {
					k.vote = 0.99
				}
			}
			return k
		}))
		expect(t, claims, lab.NotReproduced, "more experts are better")
		expect(t, claims, want, "100 and 1,000 experts")
	}

	// No seeds but one, and the preset that decides nothing.
	var one []*lab.Done
	for _, d := range invent(t, denoise(), likePaper) {
		if d.Cell.Seed == 1 {
			one = append(one, d)
		}
	}
	claims, _ = verdicts(t, denoise(), laptop, one)
	expect(t, claims, lab.Reproduced, "100 experts with c = 0.2 give over 80%", "low temperatures")
	claims, _ = verdicts(t, denoise(), lab.Settings{Preset: lab.PresetTiny}, one)
	expect(t, claims, lab.NotTested, "")
}

// selectedLikePaper is the paper's selection.
func selectedLikePaper(c *lab.Cell) known {
	t := c.Team
	k := known{noise: 0.005, condition: 0.2}
	switch {
	case t.Specialists == theoremCoverage:
		k.best = 0.4
		k.condition, k.sampled, k.one = -0.01, 0.39, 0.38
		if t.Alpha == 1 {
			k.condition, k.sampled, k.one = 0.3, 0.63, 0.6
		}
		k.greedy = k.one
	case t.Shared > 0:
		k.greedy = 0.1
		if t.Alpha == 1 {
			k.greedy = 0.97
		}
	case t.Specialists == 0.01:
		k.greedy = 0.1
		if t.Alpha == 1 {
			k.greedy = map[int]float64{100: 0.63, 1000: 0.99}[t.Experts]
		}
	case t.Experts == 1:
		k.greedy = 0.06
	case t.Experts == 10:
		k.greedy = map[float64]float64{0.8: 0.12, 1: 0.55}[t.Alpha]
	default:
		k.greedy = map[float64]float64{0.8: 0.72, 0.9: 0.9, 1: 0.98}[t.Alpha]
	}
	k.vote = k.greedy
	return k
}

func TestSelectVerdicts(t *testing.T) {
	laptop := lab.Settings{Preset: lab.PresetLaptop}
	claims, r := verdicts(t, selection(), laptop, invent(t, selection(), selectedLikePaper))
	expect(t, claims, lab.Reproduced, "")
	if _, err := r.Write(&lab.Lab{Dir: t.TempDir()}); err != nil {
		t.Error(err)
	}
	if text := r.Markdown(".png"); !strings.Contains(text, "| theorem-a1 | 1 | +0.3000 | 100.0% | 100.0% | +23.0 points |") {
		t.Error(text)
	}

	claims, _ = verdicts(t, selection(), laptop, invent(t, selection(), func(c *lab.Cell) known {
		k := selectedLikePaper(c)
		k.greedy, k.one = 0.3, 0.2
		return k
	}))
	expect(t, claims, lab.NotReproduced, "near-perfect", "accuracy rises", "c = 0.01, alpha 1, 100", "c = 0.1, 100 experts", "beyond")
	expect(t, claims, lab.NotTested, "Theorem 2.1") // no model is better than both experts

	// A model that is better than both experts where the inequality does not hold.
	claims, _ = verdicts(t, selection(), laptop, invent(t, selection(), func(c *lab.Cell) known {
		k := selectedLikePaper(c)
		if c.Team.Specialists == theoremCoverage && c.Team.Alpha == 0 {
			k.one = 0.7
		}
		return k
	}))
	expect(t, claims, lab.NotReproduced, "Theorem 2.1")
}

// Every optimizer has a learning rate of its own in every preset, which --lr replaces.
func TestRatesByOptimizer(t *testing.T) {
	for _, e := range Experiments() {
		for _, preset := range lab.Presets() {
			seen := map[float64]string{}
			for _, name := range append(model.Optimizers(), "") {
				cells, err := e.Cells(lab.Settings{Preset: preset, Optimizer: name})
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range cells {
					if by := c.Training.Optimizer; by == "" || name != "" && by != name {
						t.Errorf("%s %s: %s trains with %s", preset, name, c.Name, by)
					} else if other := seen[c.Training.LearningRate]; other != "" && other != by || c.Training.LearningRate <= 0 {
						t.Errorf("%s: %s trains with %s at %g, as with %s", preset, c.Name, by, c.Training.LearningRate, other)
					} else {
						seen[c.Training.LearningRate] = by
					}
				}
				if cells, err = e.Cells(lab.Settings{Preset: preset, Optimizer: name, LearningRate: 0.5}); err != nil || cells[0].Training.LearningRate != 0.5 {
					t.Errorf("%s %s: asked for 0.5, got %+v, %v", preset, name, cells[0].Training, err)
				}
			}
		}
	}
}

// Every preset plans, no two cells alike, and what a user asks for is what is planned.
func TestPlans(t *testing.T) {
	half := 0.5
	for _, e := range Experiments() {
		for _, preset := range lab.Presets() {
			for _, s := range []lab.Settings{
				{},
				{Seeds: 5, Experts: []int{7}, Coverage: []float64{0.3}, Alpha: []float64{0.5, 1}, Steps: 9, Layers: 3, Width: 64, Rows: 4, LearningRate: 0.5, Optimizer: "adamw"},
				{Popular: true, KeepTruth: true, TailOnly: true, Shared: &half, Temperature: []float64{2}},
			} {
				s.Preset = preset
				cells, err := e.Cells(s)
				if err != nil {
					t.Errorf("%s %+v: %v", e.Name, s, err)
					continue
				}
				for _, c := range cells {
					if s.Popular && (!c.Team.Popular || !c.Team.KeepTruth || !c.Team.TailOnly || c.Team.Shared == 0 || c.Measure.Temperatures[0] != 2) {
						t.Errorf("%s: %+v", e.Name, c)
					}
					if s.Steps == 9 && (c.Training.Steps != 9 || slices.Contains(e.Varies, "experts") != (c.Team.Experts == 7) || c.Model.Layers != 3 || c.Training.Optimizer != "adamw" || c.Seed > 5) {
						t.Errorf("%s: %+v", e.Name, c)
					}
				}
			}
		}
		if _, err := e.Cells(lab.Settings{Preset: "huge"}); err == nil {
			t.Error("a preset that there is none of")
		}
	}
}

// TestKeys: a stored experiment goes on as long as the keys of its cells stay the same. These are keys of cells
// that were trained: a new field of Cell needs omitempty, and a plan that changes on purpose has others.
func TestKeys(t *testing.T) {
	for name, want := range map[string]string{
		"denoise n100-c0.2-seed1": "d5bf7b7e9465", "select n1000-c0.01-a1-seed1": "b96b16ef29bb", "generalize n100-seed1": "e374caa7dd98",
	} {
		found := ""
		for _, e := range Experiments() {
			cells, err := e.Cells(lab.Settings{Preset: lab.PresetLaptop})
			if err != nil {
				t.Fatal(err)
			}
			for i := range cells {
				if e.Name+" "+cells[i].Name == name {
					found = cells[i].Key()
				}
			}
		}
		if found != want {
			t.Errorf("%s has the key %q, want %s: whoever has trained it trains it again", name, found, want)
		}
	}
}

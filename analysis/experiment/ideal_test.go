package experiment

import (
	"context"
	"os"
	"strings"
	"testing"

	"transcend/analysis/ideal"
	"transcend/analysis/lab"
	"transcend/analysis/lab/judge"
)

// TestTinyIdeal does the two experiments that compare with the ideal learner, and again, when
// everything is there.
func TestTinyIdeal(t *testing.T) {
	l := &lab.Lab{Dir: t.TempDir(), Program: "test", Precision: "f32"}
	for _, e := range []judge.Experiment{selection(), idealLearner()} {
		s := lab.Settings{Preset: lab.PresetTiny}
		cells, err := e.Cells(s)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for range 2 {
			done, err := l.DoAll(context.Background(), &e.Experiment, cells, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range done {
				checkSummary(t, d)
			}
			r, err := judge.NewReport(&e, s, done)
			if err != nil {
				t.Fatal(err)
			}
			files, err := r.Write(l)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				if info, err := os.Stat(f); err != nil || info.Size() == 0 {
					t.Errorf("%s: %v", f, err)
				}
			}
			texts = append(texts, r.Markdown())
		}
		if texts[0] != texts[1] {
			t.Errorf("%s: the report of what was there differs from the first", e.Name)
		}
		for _, want := range []string{"ideal T=0.001", "ideal"} {
			if !strings.Contains(texts[0], want) {
				t.Errorf("%s: the report does not tell of %q", e.Name, want)
			}
		}
		for _, not := range []string{"NaN", "%!", "not played (", "Inf"} {
			if strings.Contains(texts[0], not) {
				t.Errorf("%s: the report has %q", e.Name, not)
			}
		}
	}
}

// checkSummary looks for what theory says of every cell.
func checkSummary(t *testing.T, d *lab.Done) {
	t.Helper()
	s, err := summaryOf(d)
	if err != nil {
		t.Fatal(err)
	}
	all := s.Part(ideal.All)
	argmax := mixtureOf(all, ideally{})
	if claimOf(*argmax.AboveBest) != judge.Transcends {
		t.Errorf("%s: the argmax is %+v above the best expert", d.Cell.Name, *argmax.AboveBest)
	}
	if sampled := mixtureOf(all, ideally{tau: 1}); sampled.AboveBest.Value > 1e-12 {
		t.Errorf("%s: the mixture with even weights is %+v above the best expert", d.Cell.Name, *sampled.AboveBest)
	}
	if m := modelOf(all, d); (m == nil) != d.Cell.Model.None() || m != nil && (m.Legal <= 0 || m.Legal > 1) {
		t.Errorf("%s: model %+v", d.Cell.Name, m)
	}
	for _, r := range all.Rows {
		if r.Reward.Value < 0 || r.Reward.Value > 1 || r.Reward.Low > r.Reward.Value || r.Reward.High < r.Reward.Value {
			t.Errorf("%s: %s has reward %+v", d.Cell.Name, r.Name, r.Reward)
		}
	}
}

// TestIdealPlans shares the headline with experiment 1, so that its models are trained once.
func TestIdealPlans(t *testing.T) {
	for _, preset := range lab.Presets() {
		keys := map[string]bool{}
		first := denoise()
		cells, err := first.Cells(lab.Settings{Preset: preset})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cells {
			keys[c.Key()] = true
		}
		for _, e := range []judge.Experiment{idealLearner(), selection()} {
			cells, err := e.Cells(lab.Settings{Preset: preset})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range cells {
				if e.Name == "ideal" && c.Headline && !keys[c.Key()] {
					t.Errorf("%s: cell %s is none of experiment 1's", preset, c.Name)
				}
			}
		}
	}
}

func TestIdealEntrantsRefuse(t *testing.T) {
	cells, err := func() ([]lab.Cell, error) { e := idealLearner(); return e.Cells(lab.Settings{Preset: lab.PresetTiny}) }()
	if err != nil {
		t.Fatal(err)
	}
	c := cells[0]
	c.Corpus.MaxElo = 800
	pool, err := c.Corpus.Pool()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := idealEntrants(&lab.Setup{Cell: &c, Experts: pool}, ideally{tau: 1}); err == nil || !strings.Contains(err.Error(), "cap") {
		t.Errorf("a corpus under a cap: %v", err)
	}
}

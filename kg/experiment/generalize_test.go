package experiment

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"transcend/internal/figure"
	"transcend/kg"
	"transcend/kg/eval"
	"transcend/kg/lab"
	"transcend/kg/text"
)

// setupOf prepares the named cell of the tiny plan.
func setupOf(t *testing.T, name string) *lab.Setup {
	t.Helper()
	e := generalize()
	cells, err := e.Cells(lab.Settings{Preset: lab.PresetTiny})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(cells, func(c lab.Cell) bool { return c.Group == name })
	s, err := new(lab.Lab).Setup(context.Background(), &cells[i])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Examples are facts inside areas that are not asked, every one as often as any other, in
// the form that was asked for; fewer examples are the beginning of more.
func TestTwoHopTexts(t *testing.T) {
	s := setupOf(t, groupAll)
	split, err := splitOf(s)
	if err != nil {
		t.Fatal(err)
	}
	quarter, err := splitOf(setupOf(t, "n25"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(quarter.Train); n >= len(split.Train) || !slices.Equal(quarter.Train, split.Train[:n]) ||
		!slices.Equal(quarter.HeldOut, split.HeldOut) || !slices.Equal(quarter.Across, split.Across) {
		t.Error("a quarter of the examples is no beginning of all, or is tested otherwise")
	}
	asked := map[kg.TwoHopQuery]bool{}
	for _, c := range slices.Concat(split.HeldOut, split.Across) {
		asked[s.Graph.Question(c)] = true
	}
	for _, c := range split.Train {
		if s.Areas[c.First] != s.Areas[c.Second] || asked[s.Graph.Question(c)] {
			t.Fatalf("%+v is no example", c)
		}
	}
	for _, c := range split.Across {
		if s.Areas[c.First] == s.Areas[c.Second] {
			t.Fatalf("%+v lies in one area", c)
		}
	}
	want := map[string]int{}
	for _, c := range split.Train {
		want[string(s.Writer.TwoHop(nil, c, text.OneTemplate, nil))] += 3
	}
	texts, err := twoHopTexts(s)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 * len(split.Train) {
		x := string(texts.Append(nil, n))
		if want[x]--; want[x] < 0 {
			t.Fatalf("text %d, %q, comes too often or is none of the examples", n, x)
		}
	}
	for _, c := range []struct{ group, contains string }{{groupQuestion, "Question: "}, {groupChain, "; "}} {
		texts, err := twoHopTexts(setupOf(t, c.group))
		if err != nil {
			t.Fatal(err)
		}
		if x := string(texts.Append(nil, 5)); !strings.Contains(x, c.contains) {
			t.Errorf("%s: %q", c.group, x)
		}
	}
	diverse, err := twoHopTexts(setupOf(t, groupTwoHop+"4"))
	if err != nil {
		t.Fatal(err)
	}
	plain := 0
	for n := range len(split.Train) {
		if want[string(diverse.Append(nil, n))] == 0 && slices.Contains(keysOf(want), string(diverse.Append(nil, n))) {
			plain++
		}
	}
	// A quarter is of level 1, and some of the others happen to use its template.
	if share := float64(plain) / float64(len(split.Train)); share < 0.2 || share > 0.55 {
		t.Errorf("%.2f of the diverse sentences use the first template", share)
	}
}

func keysOf(m map[string]int) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}

// fakeGeneralize are cells with made-up results: what share of two-hop questions each group
// answers, across and within.
func fakeGeneralize(t *testing.T, known float64, shares map[string][2]float64) *lab.Report {
	t.Helper()
	e := generalize()
	cells, err := e.Cells(lab.Settings{Preset: lab.PresetLaptop})
	if err != nil {
		t.Fatal(err)
	}
	r := &lab.Report{Experiment: &e, Settings: lab.Settings{Preset: lab.PresetLaptop}}
	for _, c := range cells {
		share, ok := shares[c.Group]
		if !ok {
			share = [2]float64{0.34, 0.7}
		}
		jitter := 0.004 * float64(c.Seed)
		part := func(x float64) twoHopPart {
			p := twoHopPart{Questions: 100, Right: []eval.Estimate{{Mean: x + jitter, Low: x - 0.02, High: x + 0.02, Seeds: 1}}}
			p.Baselines.Majority, p.Baselines.PairMajority = 0.2, 0.3
			return p
		}
		extra, err := json.Marshal(twoHopResult{Train: 100, Across: part(share[0]), Within: part(share[1]), Seen: part(0.9)})
		if err != nil {
			t.Fatal(err)
		}
		facts := &eval.Report{Temperatures: []float64{0}, All: []eval.Estimate{{Mean: known, Seeds: 1}}}
		r.Cells = append(r.Cells, &lab.Done{Cell: c, Extra: extra, Result: lab.Result{Facts: facts}})
	}
	if err := e.Conclude(r); err != nil {
		t.Fatal(err)
	}
	return r
}

// Results of known truth give the verdicts that they should.
func TestGeneralizeVerdicts(t *testing.T) {
	verdicts := func(r *lab.Report) string {
		var all []string
		for _, c := range r.Claims {
			all = append(all, map[lab.Verdict]string{lab.Reproduced: "+", lab.NotReproduced: "-", lab.NotTested: "?"}[c.Verdict])
		}
		return strings.Join(all, "")
	}
	paper := map[string][2]float64{"n25": {0.25, 0.36}, groupOneHop + "4": {0.39, 0.79}, groupChain: {0.62, 0.92}}
	for name, c := range map[string]struct {
		known  float64
		shares map[string][2]float64
		want   string
	}{
		"as in the paper":     {0.99, paper, "++++++++++"},
		"facts not known":     {0.8, paper, "-?????????"},
		"nothing but recall":  {0.99, map[string][2]float64{groupAll: {0.1, 0.1}, "n25": {0.1, 0.1}, groupOneHop + "4": {0.1, 0.1}, groupTwoHop + "4": {0.1, 0.1}, groupChain: {0.1, 0.1}}, "+------+--"},
		"sentences matter":    {0.99, map[string][2]float64{groupTwoHop + "4": {0.5, 0.8}}, "+-+++-----"},
		"worse with examples": {0.99, map[string][2]float64{"n25": {0.5, 0.6}, groupOneHop + "4": {0.39, 0.79}, groupChain: {0.62, 0.92}}, "+-++++++++"},
	} {
		if got := verdicts(fakeGeneralize(t, c.known, c.shares)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	// A small difference is no effect, and is told where zero is outside its interval; seeds that one of the groups
	// lacks are left out.
	small := fakeGeneralize(t, 0.99, map[string][2]float64{groupTwoHop + "4": {0.31, 0.7}})
	for range 2 {
		for _, c := range small.Claims {
			if strings.HasPrefix(c.Claim, "phrasing diversity of two-hop") && (c.Verdict != lab.Reproduced || c.Why != "an effect, but of less than 5 points") {
				t.Errorf("%s (%s; %s)", c.Verdict, c.Ours, c.Why)
			}
		}
		small.Cells = slices.DeleteFunc(small.Cells, func(d *lab.Done) bool { return d.Cell.Group == groupTwoHop+"4" && d.Cell.Seed > 3 })
		if err := small.Experiment.Conclude(small); err != nil {
			t.Error(err)
		}
	}
	r := fakeGeneralize(t, 0.99, paper)
	if _, err := figure.WriteAll(t.TempDir(), r.Pictures); err != nil {
		t.Error(err)
	}
	if md := r.Markdown(".png"); !strings.Contains(md, "0.62 against 0.34") || !strings.Contains(md, "across areas") {
		t.Errorf("%s", md)
	}
}

// Graphs with nothing to ask are refused before anything is trained.
func TestGeneralizeRefuses(t *testing.T) {
	s := setupOf(t, groupAll)
	for i := range s.Areas {
		s.Areas[i] = 0
	}
	if _, err := twoHopTexts(s); err == nil || !strings.Contains(err.Error(), "across") && !strings.Contains(err.Error(), "from one area") {
		t.Errorf("one area: %v", err)
	}
	for i := range s.Areas {
		s.Areas[i] = int32(i)
	}
	if _, err := twoHopTexts(s); err == nil || !strings.Contains(err.Error(), "two-hop facts inside areas") {
		t.Errorf("an area for each fact: %v", err)
	}
	// Every preset has a plan.
	for _, preset := range lab.Presets() {
		e := generalize()
		cells, err := e.Cells(lab.Settings{Preset: preset})
		if err != nil || len(cells) < 12 {
			t.Errorf("%s: %d cells, %v", preset, len(cells), err)
		}
		seen := map[string]bool{}
		for _, c := range cells {
			seen[fmt.Sprint(c.Group)] = true
		}
		if len(seen) != 12 {
			t.Errorf("%s: groups %v", preset, seen)
		}
	}
}

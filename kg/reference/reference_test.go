package reference

import (
	"math"
	"slices"
	"strings"
	"testing"

	"transcend/internal/draw"
	"transcend/kg"
	"transcend/kg/expert"
	"transcend/kg/synth"
	"transcend/kg/text"
)

func graph(t testing.TB, scale float64) *kg.Graph {
	t.Helper()
	g, err := synth.New(synth.Options{Seed: 1, Scale: scale})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func vote(t testing.TB, team expert.Team, o Options) *Vote {
	t.Helper()
	if err := team.Prepare(); err != nil {
		t.Fatal(err)
	}
	v, err := Plurality(t.Context(), &team, o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// areas puts consecutive edges into clusters of ten.
func areas(g *kg.Graph) []int32 {
	c := make([]int32, len(g.Edges))
	for e := range c {
		c[e] = int32(e / 10)
	}
	return c
}

// The vote is what counting the sentences of the written text gives.
func TestVoteIsTheTexts(t *testing.T) {
	g := graph(t, 0.02)
	w, err := text.Default().Bind(g)
	if err != nil {
		t.Fatal(err)
	}
	queries := map[string]kg.Query{}
	for _, q := range g.Queries() {
		queries[string(w.Prompt(nil, q))] = q
	}
	for _, team := range []expert.Team{
		{Graph: g, Experts: 7, Seed: 3, Coverage: 0.4},
		{Graph: g, Experts: 20, Seed: 3, Specialists: &expert.Specialists{Coverage: 0.2}, Cluster: areas(g), Alpha: 0.9, Corruption: expert.Corruption{Popular: true, Shared: 0.3}},
	} {
		const paragraphs = 6000
		got := vote(t, team, Options{Paragraphs: paragraphs, Temperatures: []float64{1, 0.001}})
		if err := team.Prepare(); err != nil {
			t.Fatal(err)
		}
		counts := map[kg.Query]map[string]float64{}
		c := &text.Corpus{Team: &team, Writer: w, Paragraphs: paragraphs, Level: text.OneTemplate}
		if err := c.Write(t.Context(), 1, func(b []byte, _ int) error {
			for line := range strings.Lines(string(b)) {
				for _, s := range strings.Split(strings.TrimSuffix(line, ".\n"), ". ") {
					at := strings.LastIndex(s, " is ")
					q, ok := queries[s[:at+3]]
					if !ok {
						continue // about a head that has no such fact
					}
					if counts[q] == nil {
						counts[q] = map[string]float64{}
					}
					counts[q][s[at+4:]]++
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		var greedy, sampled float64
		for _, q := range queries {
			lo, hi := g.QueryEdges(q)
			var right []string
			for _, e := range g.Edges[lo:hi] {
				right = append(right, g.Entities[e.Tail].Name)
			}
			var top, first, firstHit, sum, hit float64
			for _, n := range counts[q] {
				top = max(top, n)
			}
			for answer, n := range counts[q] {
				ok := slices.Contains(right, answer)
				sum += n
				if ok {
					hit += n
				}
				if n == top {
					first++
					if ok {
						firstHit++
					}
				}
			}
			if top > 0 {
				greedy += firstHit / first
				sampled += hit / sum
			}
		}
		n := float64(len(queries))
		if math.Abs(got.Greedy-greedy/n) > 1e-9 || math.Abs(got.Sampled-sampled/n) > 1e-9 {
			t.Errorf("%+v, the text gives %.6f and %.6f", got, greedy/n, sampled/n)
		}
		if math.Abs(got.At[0].Accuracy-got.Sampled) > 1e-9 || math.Abs(got.At[1].Accuracy-got.Greedy) > 1e-3 {
			t.Errorf("at temperatures 1 and 0.001: %+v", got.At)
		}
		// Endless text is what long text goes to.
		long, endless := vote(t, team, Options{Paragraphs: 200000}), vote(t, team, Options{})
		if math.Abs(long.Sampled-endless.Sampled) > 0.01 {
			t.Errorf("sampled: %.4f of long text, %.4f of endless text", long.Sampled, endless.Sampled)
		}
		one, many := vote(t, team, Options{Paragraphs: 5000, Threads: 1}), vote(t, team, Options{Paragraphs: 5000, Threads: 3})
		if one.Greedy != many.Greedy || one.Sampled != many.Sampled {
			t.Error("the vote depends on the threads")
		}
	}
}

// What the paper's section on denoising reports.
func TestDenoising(t *testing.T) {
	g := graph(t, 0.1)
	if v := vote(t, expert.Team{Graph: g, Experts: 3, Coverage: 1}, Options{}); v.Greedy != 1 || v.Sampled < 0.999999 || v.Unseen != 0 {
		t.Errorf("without errors: %+v", v)
	}
	if v := vote(t, expert.Team{Graph: g, Experts: 3, Coverage: 0}, Options{}); v.Greedy > 0.02 {
		t.Errorf("with nothing but errors: greedy %.3f", v.Greedy)
	}
	one := vote(t, expert.Team{Graph: g, Experts: 1, Coverage: 0.5}, Options{})
	if math.Abs(one.Greedy-one.Sampled) > 0.06 || math.Abs(one.Sampled-0.5) > 0.06 {
		t.Errorf("one expert of coverage 0.5: %.3f greedy, %.3f sampled", one.Greedy, one.Sampled)
	}
	hundred := vote(t, expert.Team{Graph: g, Experts: 100, Coverage: 0.2}, Options{})
	if hundred.Greedy < 0.8 || hundred.Sampled > 0.3 {
		t.Errorf("100 experts of coverage 0.2: %.3f greedy, %.3f sampled; the paper has over 0.8 and about 0.2", hundred.Greedy, hundred.Sampled)
	}
	// Errors that all share cannot be voted away.
	shared := vote(t, expert.Team{Graph: g, Experts: 100, Coverage: 0.2, Corruption: expert.Corruption{Shared: 1}}, Options{})
	if shared.Greedy > hundred.Greedy-0.3 {
		t.Errorf("with shared errors %.3f, without %.3f", shared.Greedy, hundred.Greedy)
	}
}

func TestSelection(t *testing.T) {
	g := graph(t, 0.1)
	team := func(alpha float64) expert.Team {
		return expert.Team{Graph: g, Experts: 60, Seed: 2, Specialists: &expert.Specialists{Coverage: 0.1}, Cluster: areas(g), Alpha: alpha}
	}
	low, high := vote(t, team(0.8), Options{}), vote(t, team(1), Options{})
	if high.Greedy <= low.Greedy || high.Sampled <= low.Sampled {
		t.Errorf("alpha 0.8 gives %+v, alpha 1 %+v", low, high)
	}
	tt := team(1)
	if err := tt.Prepare(); err != nil {
		t.Fatal(err)
	}
	known, err := Known(t.Context(), &tt)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(known-Ceiling(0.1, 60)) > 0.02 {
		t.Errorf("%.3f of the facts are known to somebody, %.3f by the formula", known, Ceiling(0.1, 60))
	}
	for _, alpha := range []float64{0, 0.9, 1} {
		tt := team(alpha)
		if err := tt.Prepare(); err != nil {
			t.Fatal(err)
		}
		c, err := Selection(t.Context(), &tt, 8)
		if err != nil {
			t.Fatal(err)
		}
		if c.Pairs != 28 || c.Better > c.Holds {
			t.Errorf("alpha %g: %+v: more mixtures are better than the theorem allows", alpha, c)
		}
		if alpha == 1 && (c.Holds != 1 || c.Better != 1) {
			t.Errorf("experts who write what they know only: %+v", c)
		}
		// Even who writes everything is silent about a fact whose head they have wrong.
		if alpha == 0 && c.Mean > 0.1 {
			t.Errorf("experts who write everything: %+v", c)
		}
	}
}

func TestCeiling(t *testing.T) {
	// The figure readings of section 2.8: 0.63 and 0.65.
	if a, b := Ceiling(0.01, 100), Ceiling(0.1, 10); math.Abs(a-0.634) > 0.001 || math.Abs(b-0.651) > 0.001 {
		t.Errorf("%.4f and %.4f", a, b)
	}
}

const kinTSV = `head	head type	relation	tail	tail type
a	person	mother	b	person
b	person	mother	c	person
a	person	friend	c	person
b	person	friend	d	person
d	person	mother	c	person
`

func TestComposition(t *testing.T) {
	g, _, err := kg.ReadTSV("kin", strings.NewReader(kinTSV))
	if err != nil {
		t.Fatal(err)
	}
	// Everything in one area: b has one edge in and two out, d one in and one out.
	c := Composition(g, make([]int32, len(g.Edges)), nil)
	if c.Facts != 5 || c.Bound != 3 || c.Kappa != -2 || c.Distinct != 3 {
		t.Errorf("%+v", c)
	}
	// By hand: a>b>c (connected), a>b>d, b>d>c (connected). Mothers are all c; friends are c and d, of which the
	// first is wrong.
	var all []kg.Chain
	for x := range g.TwoHops() {
		all = append(all, x)
	}
	b := TwoHopBaselines(g, all[:1], all)
	if b.Questions != 3 || math.Abs(b.Direct-2.0/3) > 1e-12 || math.Abs(b.Majority-2.0/3) > 1e-12 || b.PairMajority != 1 {
		t.Errorf("%+v", b)
	}
	// The one example's pair of relations has one question.
	if math.Abs(b.TrainMajority-1.0/3) > 1e-12 {
		t.Errorf("majority of the examples %g", b.TrainMajority)
	}
	// One example, with head a: right for its own question, no answer for b's.
	if math.Abs(b.CoOccurrence-1.0/3) > 1e-12 {
		t.Errorf("co-occurrence %g", b.CoOccurrence)
	}
}

// The bound of A.2 counts at least the questions that there are, but for loops back.
func TestBoundIsOne(t *testing.T) {
	g := graph(t, 0.05)
	rng := draw.New(1)
	cluster := make([]int32, len(g.Edges))
	for i := range cluster {
		cluster[i] = int32(rng.IntN(30))
	}
	c := Composition(g, cluster, nil)
	if c.Bound < c.Distinct || c.Facts != len(g.Edges) || c.Distinct == 0 {
		t.Errorf("%+v", c)
	}
}

func BenchmarkPlurality(b *testing.B) {
	g := graph(b, 1)
	for b.Loop() {
		vote(b, expert.Team{Graph: g, Experts: 100, Coverage: 0.2}, Options{})
	}
}

// A small graph is worth voting on, as the paper's is: types of a few popular tails keep enough of them.
func TestScaledGraphsKeepTheirMajorities(t *testing.T) {
	for _, scale := range []float64{0.03, 0.1} {
		team := &expert.Team{Graph: graph(t, scale), Experts: 100, Seed: 1, Coverage: 0.2}
		if err := team.Prepare(); err != nil {
			t.Fatal(err)
		}
		v, err := Plurality(t.Context(), team, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if v.Greedy < 0.9 { // at scale 1: 0.98
			t.Errorf("scale %g: the majority of 100 experts is right about %.3f of the questions", scale, v.Greedy)
		}
	}
}

package expert

import (
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize/convex/lp"

	"transcend/internal/draw"
	"transcend/kg"
	"transcend/kg/synth"
)

func graph(t testing.TB, scale float64) *kg.Graph {
	t.Helper()
	g, err := synth.New(synth.Options{Seed: 1, Scale: scale})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func prepare(t testing.TB, team Team) *Team {
	t.Helper()
	if err := team.Prepare(); err != nil {
		t.Fatal(err)
	}
	return &team
}

// near fails when a share of n trials is over five standard errors from p.
func near(t *testing.T, what string, hits, n int, p float64) {
	t.Helper()
	got := float64(hits) / float64(n)
	if math.Abs(got-p) > 5*math.Sqrt(p*(1-p)/float64(n))+1e-9 {
		t.Errorf("%s: %.4f of %d, want %.4f", what, got, n, p)
	}
}

func TestBeliefs(t *testing.T) {
	g := graph(t, 0.02)
	for _, c := range []Corruption{{}, {Popular: true}, {KeepTruth: true}, {Popular: true, KeepTruth: true}} {
		const coverage, experts = 0.3, 400
		team := prepare(t, Team{Graph: g, Experts: experts, Seed: 3, Coverage: coverage, Corruption: c})
		var right, heads, tails, wrong, accidents int
		expected := 0.0 // accidents, by the stated probabilities
		for e, truth := range g.Edges {
			lo, hi := g.RelationEdges(truth.Relation)
			hs, ts := team.Slot(truth.Relation)
			sameHead, sameTail := 1/float64(len(hs)), 1/float64(len(ts))
			if c.Popular {
				sameHead, sameTail = 0, 0
				for _, x := range g.Edges[lo:hi] {
					if x.Head == truth.Head {
						sameHead += 1 / float64(hi-lo)
					}
					if x.Tail == truth.Tail {
						sameTail += 1 / float64(hi-lo)
					}
				}
			}
			for i := range experts {
				b, ok := team.Belief(i, int32(e), coverage)
				again, _ := team.Belief(i, int32(e), coverage)
				if b != again {
					t.Fatal("an expert changed their mind")
				}
				switch {
				case ok:
					right++
					if b != truth {
						t.Fatal("the truth is not true")
					}
				default:
					wrong++
					expected += (sameHead + sameTail) / 2
					switch {
					case b == truth:
						accidents++
					case b.Tail == truth.Tail:
						heads++
					case b.Head == truth.Head:
						tails++
					default:
						t.Fatalf("%v became %v: both ends", truth, b)
					}
					if !c.KeepTruth && b != truth && g.Has(b) {
						t.Fatalf("%v became another fact, %v", truth, b)
					}
					if _, ok := slices.BinarySearch(ts, b.Tail); !ok {
						t.Fatalf("%v is no tail of its relation", b)
					}
				}
			}
		}
		n := right + wrong
		near(t, "coverage", right, n, coverage)
		if c.KeepTruth {
			near(t, "right by accident", accidents, wrong, expected/float64(wrong))
			// Half of the draws are heads; accidents are not seen in them.
			continue
		}
		if accidents > wrong/50 {
			t.Errorf("%+v: %d of %d false beliefs are true", c, accidents, wrong)
		}
		if share := float64(heads) / float64(heads+tails); math.Abs(share-0.5) > 0.04 {
			t.Errorf("%+v: %.3f of the corruptions change the head", c, share)
		}
	}
}

// What replaces a tail is uniform over the slot or follows its edges.
func TestCorruptionDraw(t *testing.T) {
	g := graph(t, 0.1)
	r, ok := g.FindRelation("occupation")
	if !ok {
		t.Fatal("no occupations")
	}
	lo, hi := g.RelationEdges(r)
	count := map[int32]int{}
	for _, e := range g.Edges[lo:hi] {
		count[e.Tail]++
	}
	var top int32
	for x, n := range count {
		if n > count[top] {
			top = x
		}
	}
	// KeepTruth makes the draw simple: P(top) is stated exactly.
	for _, popular := range []bool{false, true} {
		team := prepare(t, Team{Graph: g, Experts: 300, Seed: 1, Corruption: Corruption{Popular: popular, KeepTruth: true}})
		_, tails := team.Slot(r)
		p := 1 / float64(len(tails))
		if popular {
			p = float64(count[top]) / float64(hi-lo)
		}
		hits, n := 0, 0
		for e := lo; e < hi; e++ {
			if g.Edges[e].Tail == top {
				continue
			}
			for i := range team.Experts {
				b, _ := team.Belief(i, e, 0)
				n++
				if b.Tail == top {
					hits++
				}
			}
		}
		near(t, "the most popular tail", hits, n, p/2) // half of the draws change the head
	}
}

func TestSharedMisconceptions(t *testing.T) {
	g := graph(t, 0.1)
	const share, experts = 0.6, 20
	team := prepare(t, Team{Graph: g, Experts: experts, Seed: 3, Corruption: Corruption{Shared: share}})
	agree, pairs := 0, 0
	for e := range g.Edges {
		if _, tails := team.Slot(g.Edges[e].Relation); len(tails) < 100 {
			continue // independent beliefs would often agree
		}
		for i := 0; i+1 < experts; i += 2 {
			a, _ := team.Belief(i, int32(e), 0)
			b, _ := team.Belief(i+1, int32(e), 0)
			pairs++
			if a == b {
				agree++
			}
		}
	}
	if pairs < 10000 {
		t.Fatalf("only %d pairs", pairs)
	}
	got := float64(agree) / float64(pairs)
	if want := share * share; got < want-0.02 || got > want+0.03 {
		t.Errorf("%.3f of pairs share a false belief, want %.2f and a little by accident", got, want)
	}
}

func TestReliability(t *testing.T) {
	rng := draw.New(9)
	for trial := range 60 {
		size := make([]int, 30+rng.IntN(200))
		edges := 0
		for j := range size {
			size[j] = 1 + rng.IntN(25)
			edges += size[j]
		}
		sp := Specialists{Coverage: 0.05 + 0.5*rng.Float64(), Budget: 1 + rng.Float64()}
		s, err := sp.Reliability(size, &rng)
		if err != nil {
			t.Fatal(err)
		}
		var sum float64
		fractions := 0
		for j, x := range s {
			sum += x * float64(size[j])
			if x < 0 || x > 1 {
				t.Fatalf("s = %g", x)
			}
			if x > 1e-6 && x < 1-1e-6 {
				fractions++
			}
		}
		if want := sp.Coverage * float64(edges); math.Abs(sum-want) > 1e-6*want {
			t.Errorf("trial %d: %g facts are known, want %g", trial, sum, want)
		}
		if fractions > 1 {
			t.Errorf("trial %d: %d reliabilities between 0 and 1", trial, fractions)
		}
	}
}

// The program over sums is the one over clusters.
func TestMaximize(t *testing.T) {
	rng := draw.New(4)
	for trial := range 30 {
		n := 3 + rng.IntN(12)
		size, chosen := make([]int, n), make([]int, n)
		total := 0
		for j := range size {
			size[j], chosen[j] = 1+rng.IntN(6), j
			total += size[j]
		}
		need := float64(total) * (0.1 + 0.8*rng.Float64())
		s, err := maximize(size, chosen, need)
		if err != nil {
			t.Fatal(err)
		}
		var got float64
		for _, x := range s {
			got += x
		}
		// As the paper writes it: min -Σs, s + slack = 1, Σ s·|C| = need.
		a := mat.NewDense(n+1, 2*n, nil)
		b, c := make([]float64, n+1), make([]float64, 2*n)
		for j := range n {
			a.Set(j, j, 1)
			a.Set(j, n+j, 1)
			a.Set(n, j, float64(size[j]))
			b[j], c[j] = 1, -1
		}
		b[n] = need
		value, _, err := lp.Simplex(c, a, b, 1e-10, nil)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got+value) > 1e-6 {
			t.Errorf("trial %d: Σs = %g, gonum's simplex on all clusters has %g", trial, got, -value)
		}
	}
}

func TestViewAndSamples(t *testing.T) {
	g := graph(t, 0.02)
	cluster := make([]int32, len(g.Edges))
	for e := range cluster {
		cluster[e] = int32(e / 10)
	}
	const alpha = 0.7
	team := prepare(t, Team{Graph: g, Experts: 20, Seed: 5, Specialists: &Specialists{Coverage: 0.2}, Cluster: cluster, Alpha: alpha})
	var v View
	if err := v.Load(team, 7); err != nil {
		t.Fatal(err)
	}
	s, _ := team.Reliability(7)
	for _, f := range v.Facts {
		if want := alpha*s[cluster[f.Source]] + 1 - alpha; math.Abs(f.Write-want) > 1e-12 {
			t.Fatalf("a fact is written with %g, want %g", f.Write, want)
		}
	}
	touches := map[int32][]int32{}
	for j, f := range v.Facts {
		touches[f.Head] = append(touches[f.Head], int32(j))
		touches[f.Tail] = append(touches[f.Tail], int32(j))
	}
	if len(touches) != len(v.Entities()) {
		t.Errorf("%d entities, want %d", len(v.Entities()), len(touches))
	}
	for x, want := range touches {
		if got := v.Touching(x); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
			t.Fatalf("entity %d is touched by %v, want %v", x, got, want)
		}
	}
	// Entities come equally often, but those whose facts are rarely written less: an
	// empty paragraph is drawn again.
	const n = 60000
	counts, written := map[int32]int{}, map[int32]int{}
	var memory []int32
	for j := range n {
		p := v.Sample(j, memory)
		memory = p.Facts
		counts[p.Entity]++
		for _, f := range p.Facts {
			written[f]++
			if v.Facts[f].Head != p.Entity && v.Facts[f].Tail != p.Entity {
				t.Fatal("a fact about others")
			}
		}
	}
	total := 0.0
	weight := map[int32]float64{}
	for x, facts := range touches {
		empty := 1.0
		for _, f := range facts {
			empty *= 1 - v.Facts[f].Write
		}
		weight[x] = 1 - empty
		total += weight[x]
	}
	bad := 0
	for x, w := range weight {
		p := w / total
		if math.Abs(float64(counts[x])/n-p) > 4*math.Sqrt(p/n) {
			bad++
		}
	}
	if bad > len(weight)/500+1 {
		t.Errorf("%d of %d entities come too often or too seldom", bad, len(weight))
	}
	var low, high, lowN, highN float64
	for j, f := range v.Facts {
		expected := n * f.Write / total // from each of its two entities
		if f.Write < 1 {
			low, lowN = low+float64(written[int32(j)])/expected, lowN+2
		} else {
			high, highN = high+float64(written[int32(j)])/expected, highN+2
		}
	}
	if math.Abs(low/lowN-1) > 0.03 || math.Abs(high/highN-1) > 0.03 {
		t.Errorf("facts are written %.3f and %.3f times as often as stated", low/lowN, high/highN)
	}
}

func TestAreasAndParagraphs(t *testing.T) {
	g := graph(t, 0.02)
	cluster := make([]int32, len(g.Edges))
	for e := range cluster {
		cluster[e] = int32(e % 7)
	}
	team := prepare(t, Team{Graph: g, Experts: 7, Areas: true, Cluster: cluster})
	var v View
	sum := 0
	for i := range 7 {
		if err := v.Load(team, i); err != nil {
			t.Fatal(err)
		}
		for _, f := range v.Facts {
			if cluster[f.Source] != int32(i) || f.Edge != g.Edges[f.Source] || f.Write != 1 {
				t.Fatalf("expert %d believes %+v", i, f)
			}
		}
		sum += team.Paragraphs(i, 1001)
	}
	if sum != 1001 {
		t.Errorf("%d paragraphs of 1001", sum)
	}
	even := prepare(t, Team{Graph: g, Experts: 3, Coverage: 1})
	if a, b, c := even.Paragraphs(0, 10), even.Paragraphs(1, 10), even.Paragraphs(2, 10); a+b+c != 10 || max(a, b, c) != 4 {
		t.Errorf("%d %d %d", a, b, c)
	}
}

func TestImpossible(t *testing.T) {
	g := graph(t, 0.01)
	cluster := make([]int32, len(g.Edges))
	for _, tt := range []struct {
		team Team
		want string
	}{
		{Team{Experts: 1}, "no graph"},
		{Team{Graph: g}, "0 experts"},
		{Team{Graph: g, Experts: len(g.Edges) + 1, Coverage: 0.5}, "more than the graph's"},
		{Team{Graph: g, Experts: 1, Coverage: 1.5}, "a coverage of 1.5"},
		{Team{Graph: g, Experts: 1, Coverage: math.NaN()}, "a coverage of NaN"},
		{Team{Graph: g, Experts: 1, Coverage: 0.5, Alpha: -1}, "an alpha of -1"},
		{Team{Graph: g, Experts: 1, Corruption: Corruption{Shared: 2}}, "misconceptions of 2"},
		{Team{Graph: g, Experts: 1, Specialists: &Specialists{Coverage: 0.1}}, "clusters of 0 edges"},
		{Team{Graph: g, Experts: 1, Specialists: &Specialists{Coverage: 0}, Cluster: cluster}, "a coverage of 0"},
		{Team{Graph: g, Experts: 1, Specialists: &Specialists{Coverage: 0.0001}, Cluster: cluster}, "less than one fact"},
		{Team{Graph: g, Experts: 1, Specialists: &Specialists{Coverage: 0.1, Budget: 0.5}, Cluster: cluster}, "a budget of 0.5"},
		{Team{Graph: g, Experts: 2, Areas: true, Cluster: cluster}, "there are 1 areas"},
		{Team{Graph: g, Experts: 1, Areas: true, Cluster: cluster, Coverage: 0.5}, "exclude each other"},
	} {
		if err := tt.team.Prepare(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
	silent := prepare(t, Team{Graph: g, Experts: 1, Coverage: 0, Alpha: 1})
	if err := new(View).Load(silent, 0); err == nil {
		t.Error("an expert who knows nothing has a view")
	}
}

func BenchmarkLoad(b *testing.B) {
	team := prepare(b, Team{Graph: graph(b, 1), Experts: 1000, Coverage: 0.2})
	var v View
	for i := 0; b.Loop(); i++ {
		v.Load(team, i%1000)
	}
}

// What one expert answers: with false beliefs about tails alone c of the questions rightly; where heads are
// replaced, too, foreign beliefs compete with true ones.
func TestAnswersOfOneExpert(t *testing.T) {
	g := graph(t, 0.1)
	queries := g.Queries()
	for _, tailOnly := range []bool{true, false} {
		for _, c := range []float64{0.2, 0.4, 0.8} {
			const experts = 30
			team := prepare(t, Team{Graph: g, Experts: experts, Seed: 3, Coverage: c, Corruption: Corruption{TailOnly: tailOnly}})
			var v View
			got := 0.0
			for i := range experts {
				if err := v.Load(team, i); err != nil {
					t.Fatal(err)
				}
				all, right := map[kg.Query]float64{}, map[kg.Query]float64{}
				for _, f := range v.Facts {
					q := kg.Query{Head: f.Head, Relation: f.Relation}
					all[q]++
					if g.Has(f.Edge) {
						right[q]++
					}
					if tailOnly && f.Head != g.Edges[f.Source].Head {
						t.Fatal("a head was replaced")
					}
				}
				for _, q := range queries {
					if all[q] > 0 {
						got += right[q] / all[q] / float64(experts*len(queries))
					}
				}
			}
			want := c
			if !tailOnly {
				// c·E[1/(1+K)] for K of the mean (1-c)/2, here Poisson.
				m := (1 - c) / 2
				want = c * (1 - math.Exp(-m)) / m
			}
			if math.Abs(got-want) > 0.01 {
				t.Errorf("tails only: %v, coverage %g: %.3f of the questions, want %.3f", tailOnly, c, got, want)
			}
		}
	}
}

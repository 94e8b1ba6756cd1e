package reference

import (
	"context"
	"slices"

	"transcend/kg"
	"transcend/kg/expert"
)

// SelectionCondition is Theorem 2.1 on generated data: if the mixture of two experts a and
// b is better than both at temperature 1, then
//
//	E[(r(a)-r(b))·(g(a)-g(b))] > 0
//
// where r is the share of right answers to a query, g the chance that a sentence about
// it is that expert's, and the mean is over all queries of the graph.
type SelectionCondition struct {
	Pairs int `json:"pairs"`
	// Mean is the mean of the inequality's left side over pairs, Holds the share of pairs
	// for which it is positive.
	Mean  float64 `json:"mean"`
	Holds float64 `json:"holds"`
	// Better is the share of pairs whose mixture is better than both at temperature 1.
	// It is at most Holds: that is the theorem.
	Better float64 `json:"mixture_better"`
	// Gain is the mean of the mixture's accuracy minus the better expert's.
	Gain float64 `json:"gain"`
}

// Selection computes the condition for the pairs of the team's first experts, at most
// so many of them.
func Selection(ctx context.Context, t *expert.Team, experts int) (*SelectionCondition, error) {
	experts = min(experts, t.Experts)
	queries := map[kg.Query]int{}
	for i, q := range t.Graph.Queries() {
		queries[q] = i
	}
	all := make([]answers, experts)
	for i := range all {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if all[i], err = answersOf(t, i, queries); err != nil {
			return nil, err
		}
	}
	c := new(SelectionCondition)
	n := float64(len(queries))
	for i := range all {
		for j := range i {
			a, b := all[i], all[j]
			var left, mixture, ra, rb float64
			for q := range a.weight {
				ra += a.reward[q] / n
				rb += b.reward[q] / n
				// Where neither writes, the mixture is any guess: as good as either by half.
				ga := 0.5
				if sum := a.weight[q] + b.weight[q]; sum > 0 {
					ga = a.weight[q] / sum
				}
				left += (a.reward[q] - b.reward[q]) * (2*ga - 1) / n
				mixture += (ga*a.reward[q] + (1-ga)*b.reward[q]) / n
			}
			c.Pairs++
			c.Mean += left
			if left > 0 {
				c.Holds++
			}
			if mixture > max(ra, rb) {
				c.Better++
			}
			c.Gain += mixture - max(ra, rb)
		}
	}
	if c.Pairs > 0 {
		p := float64(c.Pairs)
		c.Mean, c.Holds, c.Better, c.Gain = c.Mean/p, c.Holds/p, c.Better/p, c.Gain/p
	}
	return c, nil
}

// CompositionCondition is the condition of appendix A.2: a learner with a preference for
// simple hypotheses composes facts, and does not memorize two-hop answers, if
//
//	Σ d_in(v) + κ < Σ_i Σ_v d_in(v; i)·d_out(v; i)
//
// where the left side is the number of facts and the right side bounds the two-hop
// questions inside the experts' areas.
type CompositionCondition struct {
	Facts int `json:"facts"` // the entries of a composing table: Σ d_in(v)
	Bound int `json:"bound"` // the right side
	// Distinct are the different questions inside areas, which a memorizing table
	// really needs entries for, and Trained those among the training examples.
	Distinct int `json:"distinct"`
	Trained  int `json:"trained"`
	// Kappa is how much composition may cost for the condition to hold: Bound-Facts; and
	// with the training examples only, KappaTrained = Trained-Facts.
	Kappa        int `json:"kappa"`
	KappaTrained int `json:"kappa_trained"`
}

// Composition computes the condition on a graph divided among experts by areas.
func Composition(g *kg.Graph, cluster []int32, train []kg.Chain) CompositionCondition {
	c := CompositionCondition{Facts: len(g.Edges)}
	for v := range g.Entities {
		in := map[int32]int{}
		for _, e := range g.In(int32(v)) {
			in[cluster[e]]++
		}
		for _, e := range g.Out(int32(v)) {
			c.Bound += in[cluster[e]]
		}
	}
	distinct := map[kg.TwoHopQuery]bool{}
	for x := range g.TwoHops() {
		if cluster[x.First] == cluster[x.Second] {
			distinct[g.Question(x)] = true
		}
	}
	trained := map[kg.TwoHopQuery]bool{}
	for _, x := range train {
		trained[g.Question(x)] = true
	}
	c.Distinct, c.Trained = len(distinct), len(trained)
	c.Kappa, c.KappaTrained = c.Bound-c.Facts, c.Trained-c.Facts
	return c
}

// Baselines are the paper's for two-hop questions: answers without reasoning. The unit is the
// question: chains of the same head and relations are one, with all their answers.
type Baselines struct {
	Questions int `json:"questions"`
	// Direct is the share of facts whose head and answer are connected by an edge: of a
	// question with several answers the share of these.
	Direct float64 `json:"direct_connection"`
	// Majority is the accuracy of the most common answer of the second relation in
	// the graph, PairMajority of the pair of relations among all two-hop facts, and
	// TrainMajority of the pair among the two-hop examples: what a model can have seen.
	Majority      float64 `json:"relation_majority"`
	PairMajority  float64 `json:"pair_majority"`
	TrainMajority float64 `json:"train_majority"`
	// CoOccurrence is the accuracy of the answer that came with the head most often in the
	// two-hop examples; heads that did not come have none.
	CoOccurrence float64 `json:"co_occurrence"`
}

// Best is the highest of the accuracies of answers that look at relations or at the head alone.
func (b *Baselines) Best() float64 {
	return max(b.Majority, b.PairMajority, b.TrainMajority, b.CoOccurrence)
}

// TwoHopBaselines answers test questions.
func TwoHopBaselines(g *kg.Graph, train, test []kg.Chain) Baselines {
	byRelation, byPair, byHead := map[int32]tally{}, map[[2]int32]tally{}, map[int32]tally{}
	trained := map[[2]int32]tally{}
	for _, e := range g.Edges {
		add(byRelation, e.Relation, e.Tail)
	}
	for x := range g.TwoHops() {
		q := g.Question(x)
		add(byPair, [2]int32{q.First, q.Second}, g.Edges[x.Second].Tail)
	}
	for _, x := range train {
		q := g.Question(x)
		add(trained, [2]int32{q.First, q.Second}, g.Edges[x.Second].Tail)
		add(byHead, q.Head, g.Edges[x.Second].Tail)
	}
	relationTop, pairTop, trainTop, headTop := tops(byRelation), tops(byPair), tops(trained), tops(byHead)
	queries, _ := g.DistinctQuestions(test)
	b := Baselines{Questions: len(queries)}
	for _, q := range queries {
		answers := g.Answers(q)
		is := func(x int32, ok bool) float64 {
			if ok && slices.Contains(answers, x) {
				return 1
			}
			return 0
		}
		pair := [2]int32{q.First, q.Second}
		top, ok := relationTop[q.Second]
		b.Majority += is(top, ok)
		top, ok = pairTop[pair]
		b.PairMajority += is(top, ok)
		top, ok = trainTop[pair]
		b.TrainMajority += is(top, ok)
		top, ok = headTop[q.Head]
		b.CoOccurrence += is(top, ok)
		for _, x := range answers {
			if connected(g, q.Head, x) {
				b.Direct += 1 / float64(len(answers))
			}
		}
	}
	if n := float64(len(queries)); n > 0 {
		for _, x := range []*float64{&b.Direct, &b.Majority, &b.PairMajority, &b.TrainMajority, &b.CoOccurrence} {
			*x /= n
		}
	}
	return b
}

// connected reports an edge between two entities, in either direction.
func connected(g *kg.Graph, a, b int32) bool {
	for _, e := range g.Out(a) {
		if g.Edges[e].Tail == b {
			return true
		}
	}
	for _, e := range g.In(a) {
		if g.Edges[e].Head == b {
			return true
		}
	}
	return false
}

// tally counts answers.
type tally map[int32]int

func add[K comparable](m map[K]tally, key K, answer int32) {
	if m[key] == nil {
		m[key] = tally{}
	}
	m[key][answer]++
}

// tops returns the most common answer of each key, of equals the lowest.
func tops[K comparable](m map[K]tally) map[K]int32 {
	top := make(map[K]int32, len(m))
	for key, t := range m {
		best, most := int32(-1), 0
		for answer, n := range t {
			if n > most || n == most && answer < best {
				best, most = answer, n
			}
		}
		top[key] = best
	}
	return top
}

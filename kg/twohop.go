package kg

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"transcend/internal/draw"
)

// Chain is a two-hop fact: the tail of edge First is the head of edge Second.
type Chain struct{ First, Second int32 }

// TwoHopQuery asks for the tails that Second leads to from those of First.
type TwoHopQuery struct{ Head, First, Second int32 }

// TwoHops goes through all chains whose ends differ, in the order of their first edges.
func (g *Graph) TwoHops() iter.Seq[Chain] {
	return func(yield func(Chain) bool) {
		for i, e := range g.Edges {
			for _, j := range g.Out(e.Tail) {
				if g.Edges[j].Tail != e.Head && !yield(Chain{int32(i), j}) {
					return
				}
			}
		}
	}
}

// Question returns what a chain answers.
func (g *Graph) Question(c Chain) TwoHopQuery {
	return TwoHopQuery{g.Edges[c.First].Head, g.Edges[c.First].Relation, g.Edges[c.Second].Relation}
}

// DistinctQuestions returns the different questions that chains answer, in the order in which
// they first come, and the second edge of each one's first chain.
func (g *Graph) DistinctQuestions(chains []Chain) (queries []TwoHopQuery, second []int32) {
	seen := make(map[TwoHopQuery]bool, len(chains))
	for _, c := range chains {
		if q := g.Question(c); !seen[q] {
			seen[q] = true
			queries, second = append(queries, q), append(second, c.Second)
		}
	}
	return queries, second
}

// Answers returns the entities that answer a two-hop query, ascending, but for its
// head.
func (g *Graph) Answers(q TwoHopQuery) []int32 {
	var answers []int32
	lo, hi := g.QueryEdges(Query{q.Head, q.First})
	for _, e := range g.Edges[lo:hi] {
		a, b := g.QueryEdges(Query{e.Tail, q.Second})
		for _, f := range g.Edges[a:b] {
			if f.Tail != q.Head {
				answers = append(answers, f.Tail)
			}
		}
	}
	slices.Sort(answers)
	return slices.Compact(answers)
}

// TwoHopSplit are the two-hop facts of the generalization experiment. Within holds
// those whose edges are in one area of expertise and Across those whose are not.
// A question is on one side only: one that an across chain and a within chain answer
// is left out of Across and of HeldOut.
type TwoHopSplit struct {
	Train   []Chain // within, to learn from, in random order
	HeldOut []Chain // within, to test
	Across  []Chain // to test
}

// SplitTwoHops divides the two-hop facts by the areas of their edges (cluster of each
// edge) and holds out some of those within an area. The paper's numbers are 80,000
// to train, 6,133 held out and 64,811 across; train and across of 0 take all there are.
func (g *Graph) SplitTwoHops(cluster []int32, seed uint64, train, heldOut, across int) (*TwoHopSplit, error) {
	if len(cluster) != len(g.Edges) {
		return nil, fmt.Errorf("kg: %d edges, but the clusters of %d", len(g.Edges), len(cluster))
	}
	s := new(TwoHopSplit)
	// Chains that answer the same question stay together.
	within := map[TwoHopQuery][]Chain{}
	var order []TwoHopQuery
	for c := range g.TwoHops() {
		if cluster[c.First] == cluster[c.Second] {
			q := g.Question(c)
			if within[q] == nil {
				order = append(order, q)
			}
			within[q] = append(within[q], c)
		}
	}
	for c := range g.TwoHops() {
		if cluster[c.First] != cluster[c.Second] && within[g.Question(c)] == nil {
			s.Across = append(s.Across, c)
		}
	}
	slices.SortFunc(order, func(a, b TwoHopQuery) int {
		return cmp.Or(cmp.Compare(a.Head, b.Head), cmp.Compare(a.First, b.First), cmp.Compare(a.Second, b.Second))
	})
	rng := draw.New(seed, 2)
	draw.Shuffle(&rng, order)
	draw.Shuffle(&rng, s.Across)
	for _, q := range order {
		if len(s.HeldOut) < heldOut {
			s.HeldOut = append(s.HeldOut, within[q]...)
		} else {
			s.Train = append(s.Train, within[q]...)
		}
	}
	if len(s.Train) == 0 || len(s.HeldOut) == 0 {
		return nil, fmt.Errorf("kg: %d two-hop facts inside areas of expertise are too few to hold out %d and to learn from the rest", len(s.Train)+len(s.HeldOut), heldOut)
	}
	if train > 0 && train < len(s.Train) {
		s.Train = s.Train[:train]
	}
	if across > 0 && across < len(s.Across) {
		s.Across = s.Across[:across]
	}
	return s, nil
}

// Package expert simulates the authors of a corpus (Abreu et al. 2025, sections 3 and 4):
// each believes something about every edge of a knowledge graph, true or false, and
// writes paragraphs about the entities of the graph that they believe in.
//
// A belief is a function of the seed, the expert and the edge, so a thousand experts
// need no memory: a View lists one expert's beliefs, and any of them can be made again.
//
// # Answers
//
// The paper asks for the tails of every head and relation of the graph, and an answer is
// right when it is any true one. An expert of coverage c believes a share c of the facts,
// but answers a little less than c of the questions rightly: half of the false beliefs
// replace the head, so some (1-c)/2 foreign beliefs land on each head of a relation and
// compete with a true one. With one tail a question and K foreign beliefs about it,
// binomial with that mean, the share of right answers is c·E[1/(1+K)] for sampling and for
// greedy choice with random ties alike: 0.35 for c = 0.4. The questions whose own fact lost its
// head count as wrong, as they do in the paper, whose single expert is on the diagonal as far as its
// figure can be read. With Corruption.TailOnly the share is c.
package expert

import (
	"errors"
	"fmt"
	"slices"

	"transcend/internal/draw"
	"transcend/kg"
)

// Corruption says how a false belief differs from the truth: the head or the tail, each
// half of the time, is replaced by an entity that stands in the same place of the same
// relation somewhere in the graph.
type Corruption struct {
	// Popular draws a replacement once for each edge that it stands in, so popular
	// entities more often, as the authors' older code does; otherwise all are equally
	// likely.
	Popular bool
	// KeepTruth lets a replacement be the true entity (as the older code does), so that
	// some experts are right by accident. Otherwise the corrupted fact is false: no fact
	// of the graph.
	KeepTruth bool
	// Shared is the chance that a false belief is the one that everybody shares who is
	// wrong about that edge: a misconception. The paper draws each independently.
	Shared float64
	// TailOnly replaces tails only. Otherwise what an expert with coverage c answers is
	// right a little less often than c: see Answers in the package comment.
	TailOnly bool
}

// Team is a number of experts on a graph. Set either Coverage or Specialists.
type Team struct {
	Graph   *kg.Graph
	Experts int
	Seed    uint64

	// Coverage is the chance that an expert is right about an edge: denoising.
	Coverage float64
	// Specialists are reliable in some clusters: selection. Cluster is the cluster of
	// each edge.
	Specialists *Specialists
	Cluster     []int32
	// Areas makes expert i know cluster i alone and without error: generalization.
	Areas bool

	Corruption Corruption
	// Alpha is how much experts know what they know: a fact of reliability s is written
	// with probability Alpha·s + (1-Alpha). At 0 everything is written.
	Alpha float64

	sizes []int    // of the clusters
	slots []*slots // by relation
}

// slots are the entities of a relation that corruption draws from.
type slots struct {
	distinct [2][]int32 // heads, tails
}

// Prepare checks the team. It must be called before anything else.
func (t *Team) Prepare() error {
	if t.Graph == nil {
		return errors.New("expert: no graph")
	}
	edges := len(t.Graph.Edges)
	switch {
	case t.Areas && t.Specialists != nil || (t.Areas || t.Specialists != nil) && t.Coverage != 0:
		return errors.New("expert: a coverage, specialists and areas exclude each other")
	case t.Experts < 1:
		return fmt.Errorf("expert: %d experts (want at least 1)", t.Experts)
	case t.Experts > edges:
		return fmt.Errorf("expert: %d experts, more than the graph's %d edges", t.Experts, edges)
	}
	for _, share := range []struct {
		what string
		p    float64
	}{{"a coverage", t.Coverage}, {"an alpha", t.Alpha}, {"a share of common misconceptions", t.Corruption.Shared}} {
		if err := checkShare(share.what, share.p); err != nil {
			return err
		}
	}
	if t.Areas || t.Specialists != nil {
		if len(t.Cluster) != edges {
			return fmt.Errorf("expert: clusters of %d edges, the graph has %d", len(t.Cluster), edges)
		}
		t.sizes = make([]int, slices.Max(t.Cluster)+1)
		for _, c := range t.Cluster {
			t.sizes[c]++
		}
		if t.Areas && t.Experts > len(t.sizes) {
			return fmt.Errorf("expert: %d experts of an area each, but there are %d areas", t.Experts, len(t.sizes))
		}
	}
	if t.Specialists != nil {
		rng := draw.New(t.Seed, reliabilities, 0)
		if _, err := t.Specialists.Reliability(t.sizes, &rng); err != nil {
			return err
		}
	}
	t.slots = make([]*slots, len(t.Graph.Relations))
	for r := range t.slots {
		lo, hi := t.Graph.RelationEdges(int32(r))
		s := new(slots)
		for _, e := range t.Graph.Edges[lo:hi] {
			s.distinct[0], s.distinct[1] = append(s.distinct[0], e.Head), append(s.distinct[1], e.Tail)
		}
		for side := range s.distinct {
			slices.Sort(s.distinct[side])
			s.distinct[side] = slices.Compact(s.distinct[side])
		}
		t.slots[r] = s
	}
	return nil
}

// The streams of random numbers of a team.
const (
	reliabilities = iota + 1
	beliefs
	misconceptions
	samples
)

// Slot returns the different heads and tails of a relation, ascending: all that a belief
// about it can hold.
func (t *Team) Slot(relation int32) (heads, tails []int32) {
	s := t.slots[relation]
	return s.distinct[0], s.distinct[1]
}

// Reliability returns how likely expert i is to be right about each cluster; for
// experts of one coverage it has one element.
func (t *Team) Reliability(i int) ([]float64, error) {
	switch {
	case t.Areas:
		s := make([]float64, len(t.sizes))
		s[i] = 1
		return s, nil
	case t.Specialists != nil:
		rng := draw.New(t.Seed, reliabilities, uint64(i))
		return t.Specialists.Reliability(t.sizes, &rng)
	}
	return []float64{t.Coverage}, nil
}

// For picks the reliability for an edge out of what Reliability returned.
func (t *Team) For(s []float64, edge int32) float64 {
	if len(t.sizes) == 0 {
		return s[0]
	}
	return s[t.Cluster[edge]]
}

// Belief returns what expert i takes an edge for, and whether it is the truth on
// purpose; s is their reliability for the edge. With KeepTruth a corrupted edge may be
// the truth all the same.
func (t *Team) Belief(i int, edge int32, s float64) (kg.Edge, bool) {
	rng := draw.New(t.Seed, beliefs, uint64(i), uint64(edge))
	if rng.Chance(s) {
		return t.Graph.Edges[edge], true
	}
	if t.Corruption.Shared > 0 && rng.Chance(t.Corruption.Shared) {
		rng = draw.New(t.Seed, misconceptions, uint64(edge))
	}
	return t.corrupt(edge, &rng), false
}

// corrupt returns the edge with another head or tail.
func (t *Team) corrupt(edge int32, rng *draw.Stream) kg.Edge {
	truth := t.Graph.Edges[edge]
	lo, hi := t.Graph.RelationEdges(truth.Relation)
	side := rng.IntN(2)
	if t.Corruption.TailOnly {
		side = 1
	}
	for range 200 {
		e := truth
		to := [2]*int32{&e.Head, &e.Tail}[side]
		if t.Corruption.Popular {
			from := t.Graph.Edges[lo+int32(rng.IntN(int(hi-lo)))]
			*to = [2]int32{from.Head, from.Tail}[side]
		} else {
			*to = draw.Pick(rng, t.slots[truth.Relation].distinct[side])
		}
		if t.Corruption.KeepTruth || !t.Graph.Has(e) && e.Head != e.Tail {
			return e
		}
	}
	// Every replacement is a fact as well, as where all edges have one tail: the other
	// side, or in the end what is there.
	if !t.Corruption.TailOnly {
		side = 1 - side
	}
	for _, x := range t.slots[truth.Relation].distinct[side] {
		e := truth
		*[2]*int32{&e.Head, &e.Tail}[side] = x
		if !t.Graph.Has(e) && e.Head != e.Tail {
			return e
		}
	}
	return truth
}

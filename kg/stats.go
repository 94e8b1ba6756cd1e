package kg

import (
	"cmp"
	"math"
	"slices"
)

// Stats describe a graph.
type Stats struct {
	Fingerprint string          `json:"fingerprint"`
	Entities    int             `json:"entities"`
	Edges       int             `json:"edges"`
	Queries     int             `json:"queries"`     // pairs of a head and a relation
	MeanDegree  float64         `json:"mean_degree"` // in and out
	MedianDeg   int             `json:"median_degree"`
	MaxDegree   int             `json:"max_degree"`
	TopDegree   string          `json:"max_degree_entity"`
	Leaves      float64         `json:"leaves"`          // share of entities of degree 1
	Tail        float64         `json:"degree_exponent"` // of a power law from degree 5 on
	Components  int             `json:"components"`
	Largest     float64         `json:"largest_component"` // share of entities
	Types       []TypeStats     `json:"types"`
	Relations   []RelationStats `json:"relations"`
	TwoHops     int             `json:"two_hops"`      // chains of two edges whose ends differ
	Pairs       int             `json:"two_hop_pairs"` // pairs of relations that they use
}

// TypeStats describe the entities of a type.
type TypeStats struct {
	Name     string `json:"name"`
	Entities int    `json:"entities"`
}

// RelationStats describe the edges of a relation.
type RelationStats struct {
	Name  string `json:"name"`
	Edges int    `json:"edges"`
	Heads int    `json:"heads"` // different ones
	Tails int    `json:"tails"`
	// Functionality is Heads/Edges: 1 when every head has one tail. Inverse is
	// Tails/Edges: 1 when every tail has one head (Suchanek et al., PARIS, 2011).
	Functionality float64 `json:"functionality"`
	Inverse       float64 `json:"inverse_functionality"`
	// Majority is the share of the most common tail: how often a guess that looks at
	// the relation alone is right.
	Majority float64 `json:"majority"`
}

// Stats counts everything about the graph.
func (g *Graph) Stats() Stats {
	s := Stats{Fingerprint: g.Fingerprint(), Entities: len(g.Entities), Edges: len(g.Edges), Queries: len(g.Queries())}
	s.MeanDegree = 2 * float64(s.Edges) / float64(s.Entities)
	degrees := make([]int, s.Entities)
	leaves := 0
	for v := range g.Entities {
		d := g.Degree(int32(v))
		degrees[v] = d
		if d > s.MaxDegree {
			s.MaxDegree, s.TopDegree = d, g.Entities[v].Name
		}
		if d == 1 {
			leaves++
		}
	}
	slices.Sort(degrees)
	s.MedianDeg, s.Leaves = degrees[len(degrees)/2], float64(leaves)/float64(s.Entities)
	s.Tail = powerLaw(degrees, 5)

	component := g.Components()
	sizes := map[int32]int{}
	for _, c := range component {
		sizes[c]++
	}
	s.Components = len(sizes)
	for _, n := range sizes {
		s.Largest = max(s.Largest, float64(n)/float64(s.Entities))
	}

	counts := make([]int, len(g.Types))
	for _, e := range g.Entities {
		counts[e.Type]++
	}
	for t, n := range counts {
		s.Types = append(s.Types, TypeStats{g.Types[t], n})
	}
	slices.SortStableFunc(s.Types, func(a, b TypeStats) int { return cmp.Compare(b.Entities, a.Entities) })

	for r := range g.Relations {
		lo, hi := g.RelationEdges(int32(r))
		heads, tails := map[int32]bool{}, map[int32]int{}
		top := 0
		for _, e := range g.Edges[lo:hi] {
			heads[e.Head] = true
			tails[e.Tail]++
			top = max(top, tails[e.Tail])
		}
		n := float64(hi - lo)
		s.Relations = append(s.Relations, RelationStats{
			Name: g.Relations[r].Name, Edges: int(hi - lo), Heads: len(heads), Tails: len(tails),
			Functionality: float64(len(heads)) / n, Inverse: float64(len(tails)) / n, Majority: float64(top) / n,
		})
	}
	slices.SortStableFunc(s.Relations, func(a, b RelationStats) int { return cmp.Compare(b.Edges, a.Edges) })

	pairs := map[[2]int32]bool{}
	for c := range g.TwoHops() {
		s.TwoHops++
		pairs[[2]int32{g.Edges[c.First].Relation, g.Edges[c.Second].Relation}] = true
	}
	s.Pairs = len(pairs)
	return s
}

// powerLaw estimates the exponent of sorted counts from lowest on: the
// approximate maximum-likelihood estimator of Clauset, Shalizi and Newman (2009,
// equation 3.7). It is 0 when there are none.
func powerLaw(sorted []int, lowest int) float64 {
	i, _ := slices.BinarySearch(sorted, lowest)
	if i == len(sorted) {
		return 0
	}
	var sum float64
	for _, x := range sorted[i:] {
		sum += math.Log(float64(x) / (float64(lowest) - 0.5))
	}
	return 1 + float64(len(sorted)-i)/sum
}

// Components returns the connected component of every entity, named by the lowest
// entity in it.
func (g *Graph) Components() []int32 {
	parent := make([]int32, len(g.Entities))
	for i := range parent {
		parent[i] = int32(i)
	}
	find := func(v int32) int32 {
		for parent[v] != v {
			parent[v] = parent[parent[v]]
			v = parent[v]
		}
		return v
	}
	for _, e := range g.Edges {
		a, b := find(e.Head), find(e.Tail)
		parent[max(a, b)] = min(a, b)
	}
	for i := range parent {
		parent[i] = find(int32(i))
	}
	return parent
}

package synth

import (
	"math"
	"strings"
	"testing"

	"transcend/kg"
)

func make1(t *testing.T, o Options) *kg.Graph {
	t.Helper()
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// What is known of the paper's graph, and what every graph must be.
func TestPaperSizes(t *testing.T) {
	g := make1(t, Options{Seed: 1})
	if len(g.Entities) != PaperEntities || len(g.Relations) != PaperRelations || len(g.Edges) != PaperEdges {
		t.Errorf("%d entities, %d relations, %d edges", len(g.Entities), len(g.Relations), len(g.Edges))
	}
	s := g.Stats()
	if s.MeanDegree < 4.2 || s.MeanDegree > 4.4 {
		t.Errorf("mean degree %.2f, the paper's is 4.2 to 4.4", s.MeanDegree)
	}
	if s.Largest < 0.9 {
		t.Errorf("the largest component has %.2f of the entities", s.Largest)
	}
	by := map[string]kg.RelationStats{}
	for _, r := range s.Relations {
		by[r.Name] = r
	}
	for _, spec := range relations {
		r := by[spec.name]
		if r.Edges != spec.edges {
			t.Errorf("%s has %d edges, want %d", spec.name, r.Edges, spec.edges)
		}
		if spec.heads == one && r.Functionality != 1 {
			t.Errorf("%s has %d edges of %d heads, but is a function", spec.name, r.Edges, r.Heads)
		}
		if spec.distinct && r.Inverse != 1 {
			t.Errorf("%s has %d edges to %d tails, but is one-to-one", spec.name, r.Edges, r.Tails)
		}
	}
	if r := by["occupation"]; r.Majority < 0.2 || r.Inverse > 0.05 {
		t.Errorf("occupation: the top tail has %.2f, tails per edge %.3f: want few popular tails", r.Majority, r.Inverse)
	}
	if r := by["capital"]; r.Majority > 0.01 {
		t.Errorf("capital: the top tail has %.2f", r.Majority)
	}
	for _, e := range g.Entities {
		if n := len(strings.Fields(e.Name)); n < 1 || n > 3 {
			t.Errorf("%q has %d words", e.Name, n)
		}
	}
}

func TestSeeds(t *testing.T) {
	a, b, c := make1(t, Options{Seed: 1, Scale: 0.02}), make1(t, Options{Seed: 1, Scale: 0.02}), make1(t, Options{Seed: 2, Scale: 0.02})
	if a.Fingerprint() != b.Fingerprint() {
		t.Error("the same seed gives two graphs")
	}
	if a.Fingerprint() == c.Fingerprint() {
		t.Error("two seeds give the same graph")
	}
}

// Scaling keeps what the paper's arguments rest on.
func TestScale(t *testing.T) {
	full := make1(t, Options{Seed: 3}).Stats()
	relation := map[string]kg.RelationStats{}
	for _, r := range full.Relations {
		relation[r.Name] = r
	}
	for _, scale := range []float64{0.05, 0.2} {
		s := make1(t, Options{Seed: 3, Scale: scale}).Stats()
		near := func(what string, got, want, within float64) {
			if math.Abs(got-want) > within {
				t.Errorf("scale %g: %s %.3f, %.3f at full size", scale, what, got, want)
			}
		}
		near("entities", float64(s.Entities)/scale, PaperEntities, 0.02*PaperEntities)
		near("edges", float64(s.Edges)/scale, PaperEdges, 0.02*PaperEdges)
		near("mean degree", s.MeanDegree, full.MeanDegree, 0.15)
		near("leaves", s.Leaves, full.Leaves, 0.06)
		near("two-hop facts an edge", float64(s.TwoHops)/float64(s.Edges), float64(full.TwoHops)/float64(full.Edges), 0.6)
		if len(s.Relations) != PaperRelations {
			t.Errorf("scale %g: %d relations", scale, len(s.Relations))
		}
		for _, r := range s.Relations {
			if r.Edges < 100 {
				continue // a few edges have no statistics
			}
			near("functionality of "+r.Name, r.Functionality, relation[r.Name].Functionality, 0.12)
			near("majority of "+r.Name, r.Majority, relation[r.Name].Majority, 0.15)
		}
	}
	for _, scale := range []float64{MinScale, 2} {
		make1(t, Options{Seed: 1, Scale: scale})
	}
	for _, scale := range []float64{-1, 0.001, 1000, math.NaN(), math.Inf(1)} {
		if _, err := New(Options{Scale: scale}); err == nil {
			t.Errorf("scale %g is taken", scale)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := New(Options{Seed: 1}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestFamilies: nobody is tied to themselves, married to a sibling or the child of one, and
// ties that go both ways are recorded both ways.
func TestFamilies(t *testing.T) {
	for seed := range uint64(5) {
		g := make1(t, Options{Seed: seed, Scale: 0.2})
		ties := map[string]map[[2]int32]bool{}
		for _, e := range g.Edges {
			name := g.Relations[e.Relation].Name
			if ties[name] == nil {
				ties[name] = map[[2]int32]bool{}
			}
			ties[name][[2]int32{int32(e.Head), int32(e.Tail)}] = true
		}
		for _, kin := range []string{"mother", "father", "spouse", "sibling", "child"} {
			if len(ties[kin]) == 0 {
				t.Errorf("seed %d: nobody has a %s", seed, kin)
			}
			for e := range ties[kin] {
				if e[0] == e[1] {
					t.Errorf("seed %d: %s is %s of themselves", seed, g.Entities[e[0]].Name, kin)
				}
			}
		}
		for e := range ties["spouse"] {
			if ties["sibling"][e] || ties["mother"][e] || ties["father"][e] || ties["child"][e] {
				t.Errorf("seed %d: %s is married in the family", seed, g.Entities[e[0]].Name)
			}
		}
	}
}

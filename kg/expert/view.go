package expert

import (
	"fmt"
	"slices"

	"transcend/internal/draw"
	"transcend/kg"
)

// Fact is a belief of an expert.
type Fact struct {
	kg.Edge
	Source int32   // the edge of the graph that it is about
	Write  float64 // the chance that a paragraph that could name it does
}

// A View is the graph that one expert believes in. Its memory is used again by the next
// Load. One goroutine at a time may use it.
type View struct {
	Expert int
	Facts  []Fact // by Source; facts that are never written are left out
	// Reliability is the expert's, as Team.Reliability returns it; each Load makes a new one.
	Reliability []float64

	team  *Team
	start []int32 // of each entity's facts in touch, and their end
	touch []int32
	nodes []int32 // the entities that any fact touches, ascending
}

// Load makes the view that of expert i.
func (v *View) Load(t *Team, i int) error {
	s, err := t.Reliability(i)
	if err != nil {
		return err
	}
	v.team, v.Expert, v.Reliability = t, i, s
	v.Facts = v.Facts[:0]
	for e := range t.Graph.Edges {
		r := t.For(s, int32(e))
		write := t.Alpha*r + 1 - t.Alpha
		if t.Areas {
			write = r // an expert of one area writes nothing else
		}
		if write == 0 {
			continue
		}
		fact, _ := t.Belief(i, int32(e), r)
		v.Facts = append(v.Facts, Fact{fact, int32(e), write})
	}
	if len(v.Facts) == 0 {
		return fmt.Errorf("expert: expert %d knows nothing to write about (coverage and alpha leave no fact)", i)
	}
	n := len(t.Graph.Entities)
	v.start = append(v.start[:0], make([]int32, n+2)...)
	// Counting sort by entity: start[x+2] counts, then start[x+1] is where to put.
	count := 0
	for _, f := range v.Facts {
		v.start[f.Head+2]++
		count++
		if f.Tail != f.Head {
			v.start[f.Tail+2]++
			count++
		}
	}
	v.nodes = v.nodes[:0]
	for x := range n {
		if v.start[x+2] > 0 {
			v.nodes = append(v.nodes, int32(x))
		}
		v.start[x+2] += v.start[x+1]
	}
	v.touch = slices.Grow(v.touch[:0], count)[:count]
	for j, f := range v.Facts {
		v.touch[v.start[f.Head+1]] = int32(j)
		v.start[f.Head+1]++
		if f.Tail != f.Head {
			v.touch[v.start[f.Tail+1]] = int32(j)
			v.start[f.Tail+1]++
		}
	}
	return nil
}

// Entities returns those that the expert can write about, ascending.
func (v *View) Entities() []int32 { return v.nodes }

// Touching returns the facts, as indices into Facts, that an entity is head or tail of.
func (v *View) Touching(entity int32) []int32 {
	return v.touch[v.start[entity]:v.start[entity+1]]
}

// Sample is what a paragraph is about.
type Sample struct {
	Expert int
	Entity int32
	Facts  []int32 // into View.Facts, in the order of the sentences
	// Stream goes on where the choice of facts ended, for choices of words.
	Stream draw.Stream
}

// Sample draws paragraph number j of the expert: an entity uniformly among those of the
// expert's own graph, and the facts that touch it, each with its chance of being written,
// shuffled. A paragraph may come out empty when Alpha is above 0; it is then drawn again,
// up to ten thousand times. facts is memory to use.
func (v *View) Sample(j int, facts []int32) Sample {
	s := Sample{Expert: v.Expert, Stream: draw.New(v.team.Seed, samples, uint64(v.Expert), uint64(j))}
	for range 10000 {
		s.Entity = draw.Pick(&s.Stream, v.nodes)
		facts = facts[:0]
		for _, f := range v.Touching(s.Entity) {
			if w := v.Facts[f].Write; w >= 1 || s.Stream.Chance(w) {
				facts = append(facts, f)
			}
		}
		if len(facts) > 0 {
			break
		}
	}
	draw.Shuffle(&s.Stream, facts)
	s.Facts = facts
	return s
}

// Paragraphs returns how many of n paragraphs expert i writes: n divided evenly, or, for
// experts of one area each, in proportion to the areas' sizes. The numbers add up to n.
func (t *Team) Paragraphs(i, n int) int {
	if !t.Areas {
		return n*(i+1)/t.Experts - n*i/t.Experts
	}
	total, before := 0, 0
	for j := range t.Experts {
		if j == i {
			before = total
		}
		total += t.sizes[j]
	}
	return n*(before+t.sizes[i])/total - n*before/total
}

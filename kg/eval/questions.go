package eval

import (
	"fmt"
	"slices"

	"transcend/kg"
	"transcend/kg/text"
)

// Asker puts a graph's facts as questions.
type Asker struct {
	Graph     *kg.Graph
	Writer    *text.Writer
	Tokenizer text.Tokenizer
	Area      []int32 // of each edge; nil where there are none
	// Prefix comes before every prompt: the separator, where texts begin with it in training.
	Prefix []int32
}

// Facts returns a question for every query of the graph, in the order of Graph.Queries: the
// first template of its relation up to its object.
func (a *Asker) Facts() ([]Question, error) {
	g := a.Graph
	popularity := make(map[[2]int32]int, len(g.Edges)) // of relation and tail
	for _, e := range g.Edges {
		popularity[[2]int32{e.Relation, e.Tail}]++
	}
	var qs []Question
	var prompt []byte
	for _, q := range g.Queries() {
		lo, hi := g.QueryEdges(q)
		x := Question{Labels: Labels{Relation: q.Relation, First: -1, Area: a.area(lo)}}
		prompt = a.Writer.Prompt(prompt[:0], q)
		for _, e := range g.Edges[lo:hi] {
			x.Popularity = max(x.Popularity, popularity[[2]int32{q.Relation, e.Tail}])
			if err := a.add(&x, string(prompt), g.Entities[e.Tail].Name); err != nil {
				return nil, err
			}
		}
		qs = append(qs, x)
	}
	return qs, nil
}

// TwoHops returns a question for every different query among chains, in the order in which
// they come, and those queries. It is the sentence about the two relations up to its
// answer, or, asked, a question in words. All that the graph answers is right.
func (a *Asker) TwoHops(chains []kg.Chain, asked bool) ([]Question, []kg.TwoHopQuery, error) {
	g := a.Graph
	var qs []Question
	queries, second := g.DistinctQuestions(chains)
	var prompt []byte
	popularity := make(map[[2]int32]int, len(g.Edges))
	for _, e := range g.Edges {
		popularity[[2]int32{e.Relation, e.Tail}]++
	}
	for i, q := range queries {
		x := Question{Labels: Labels{Relation: q.Second, First: q.First, Area: a.area(second[i])}}
		if asked {
			prompt = a.Writer.TwoHopQuestion(prompt[:0], q)
		} else {
			prompt = a.Writer.TwoHopPrompt(prompt[:0], q)
		}
		for _, tail := range g.Answers(q) {
			x.Popularity = max(x.Popularity, popularity[[2]int32{q.Second, tail}])
			if err := a.add(&x, string(prompt), g.Entities[tail].Name); err != nil {
				return nil, nil, err
			}
		}
		qs = append(qs, x)
	}
	return qs, queries, nil
}

func (a *Asker) area(edge int32) int32 {
	if a.Area == nil {
		return -1
	}
	return a.Area[edge]
}

// add adds a right answer. The text is read as a whole, as in training, and then cut where
// the prompt ends.
func (a *Asker) add(x *Question, prompt, name string) error {
	if x.Prompt == nil {
		x.Prompt = a.Tokenizer.AppendText(slices.Clone(a.Prefix), prompt)
	}
	n := len(x.Prompt)
	all := a.Tokenizer.AppendText(slices.Clone(a.Prefix), prompt+" "+name+".")
	if len(all) <= n || !slices.Equal(all[:n], x.Prompt) {
		return fmt.Errorf("eval: the %s tokenizer joins the end of %q with the answer %q, so they cannot be told apart", a.Tokenizer.Name(), prompt, name)
	}
	x.Answers = append(x.Answers, slices.Clone(all[n:]))
	return nil
}

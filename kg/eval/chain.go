package eval

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"transcend/kg"
	"transcend/model"
	"transcend/model/sampling"
)

// Limits of a generated answer.
const (
	// ChainTokens is how long a chain of thought may become, in tokens: the paper's code has 20
	// for an answer alone, and there are two names here.
	ChainTokens = 40
	// together is how many answers are generated at a time: one pass over the weights serves
	// all of them.
	together = 512
)

// Complete continues every prompt greedily until the token stop, which is left out, or by most
// tokens, or until the model's context is full. threads of 0 are all cores; results do not
// depend on them.
func Complete(ctx context.Context, m *model.Model, prompts [][]int32, stop int32, most, threads int) ([][]int32, error) {
	cfg := m.Config()
	for i, p := range prompts {
		if len(p) == 0 || len(p) > cfg.Context {
			return nil, fmt.Errorf("eval: %w: prompt %d has %d tokens, the model's context is %d", ErrQuestion, i, len(p), cfg.Context)
		}
	}
	if most < 1 {
		return nil, fmt.Errorf("eval: %w: completions of %d tokens", ErrQuestion, most)
	}
	d := m.NewBatchDecoder(model.BatchOptions{Threads: threads})
	out := make([][]int32, len(prompts))
	n := min(together, len(prompts))
	sequences, choices := make([]*model.Sequence, n), make([]sampling.Choice, n)
	for i := range sequences {
		sequences[i] = d.NewSequence()
	}
	var steps []model.Step
	var of []int // the prompt of each step
	for first := 0; first < len(prompts); first += n {
		steps, of = steps[:0], of[:0]
		for i := range min(n, len(prompts)-first) {
			sequences[i].Truncate(0)
			choices[i] = sampling.Choice{}
			steps = append(steps, model.Step{Sequence: sequences[i], Tokens: prompts[first+i], Choice: &choices[i]})
			of = append(of, first+i)
		}
		for len(steps) > 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := d.Append(steps); err != nil {
				return nil, fmt.Errorf("eval: %w: %w", ErrQuestion, err)
			}
			going := 0
			for i, s := range steps {
				id, q := s.Choice.ID, of[i]
				if id < 0 || id == stop {
					continue
				}
				out[q] = append(out[q], id)
				if len(out[q]) == most || s.Sequence.Len() == cfg.Context {
					continue
				}
				steps[going] = model.Step{Sequence: s.Sequence, Tokens: out[q][len(out[q])-1:], Choice: s.Choice}
				of[going] = q
				going++
			}
			steps, of = steps[:going], of[:going]
		}
	}
	return out, nil
}

// Chain is an answer with the bridge entity before it, as the chain-of-thought form has it.
type Chain struct {
	Bridge string
	Rest   string // the final answer and what follows it
}

// ParseChain cuts a generated text at its first semicolon. Without one there is neither a
// bridge nor an answer.
func ParseChain(text string) (Chain, bool) {
	bridge, rest, ok := strings.Cut(text, ";")
	return Chain{strings.TrimSpace(bridge), strings.TrimSpace(rest)}, ok
}

// Is reports whether the final answer is name: it and a full stop come next, whatever follows.
func (c Chain) Is(name string) bool { return strings.HasPrefix(c.Rest, name+".") }

// ChainResult is what a model answers to two-hop questions when it names the bridge first.
type ChainResult struct {
	Questions []Question
	Queries   []kg.TwoHopQuery
	Texts     []string
	// Right is 1 where the final answer is right, whatever the bridge: the paper judges nothing
	// else. Bridge is 1 where the bridge is one of the right ones, and Form where there was a
	// semicolon at all.
	Right, Bridge, Form []float64
}

// Chains asks a model two-hop questions and has it think aloud: greedy generation of
// bridge, semicolon and answer.
func Chains(ctx context.Context, m *model.Model, a *Asker, chains []kg.Chain, threads int) (*ChainResult, error) {
	r := new(ChainResult)
	var err error
	if r.Questions, r.Queries, err = a.TwoHops(chains, true); err != nil {
		return nil, err
	}
	prompts := make([][]int32, len(r.Questions))
	for i := range prompts {
		prompts[i] = r.Questions[i].Prompt
	}
	out, err := Complete(ctx, m, prompts, a.Tokenizer.Separator(), ChainTokens, threads)
	if err != nil {
		return nil, err
	}
	g, n := a.Graph, len(out)
	r.Texts, r.Right, r.Bridge, r.Form = make([]string, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i, ids := range out {
		q := r.Queries[i]
		r.Texts[i] = strings.TrimSpace(a.Tokenizer.Decode(ids))
		c, ok := ParseChain(r.Texts[i])
		if !ok {
			continue
		}
		r.Form[i] = 1
		if slices.ContainsFunc(g.Answers(q), func(x int32) bool { return c.Is(g.Entities[x].Name) }) {
			r.Right[i] = 1
		}
		lo, hi := g.QueryEdges(kg.Query{Head: q.Head, Relation: q.First})
		for _, e := range g.Edges[lo:hi] {
			if g.Entities[e.Tail].Name == c.Bridge {
				r.Bridge[i] = 1
			}
		}
	}
	return r, nil
}

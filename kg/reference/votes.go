// Package reference is what can be known about the experiments of Abreu et al. (2025)
// without training a model: what a learner that has counted the experts' sentences would
// answer, the ceilings of learners that only remember, the conditions of the paper's
// theorems computed on the data, and its baselines for two-hop questions.
package reference

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"transcend/kg"
	"transcend/kg/expert"
)

// Vote is what an ideal learner, one that has the frequencies of the text, answers.
type Vote struct {
	// Greedy is the share of queries whose most frequent answer is right: the accuracy at
	// temperature 0. Equally frequent answers count with their share of right ones.
	Greedy float64 `json:"greedy"`
	// Sampled is the mean share of right answers: the accuracy at temperature 1.
	Sampled float64 `json:"sampled"`
	// Expert is the mean accuracy of one expert: of the answers that they would give to
	// the query, the share of right ones; none is wrong.
	Expert float64 `json:"expert"`
	// Unseen is the share of queries that no sentence answers; they count as wrong.
	Unseen    float64          `json:"unseen"`
	Relations []RelationVote   `json:"relations"`
	At        []TemperatureHit `json:"temperatures,omitempty"`
	Queries   int              `json:"queries"`
}

// RelationVote is a Vote's part for one relation.
type RelationVote struct {
	Name    string  `json:"name"`
	Queries int     `json:"queries"`
	Greedy  float64 `json:"greedy"`
	Sampled float64 `json:"sampled"`
}

// TemperatureHit is the accuracy at a temperature: answers in proportion to their
// frequency to the power of 1/Temperature.
type TemperatureHit struct {
	Temperature float64 `json:"temperature"`
	Accuracy    float64 `json:"accuracy"`
}

// Options of a vote.
type Options struct {
	// Paragraphs are written and their sentences counted; 0 is endless text, in which
	// every belief comes as often as it is expected to.
	Paragraphs   int
	Temperatures []float64 // besides 0 and 1
	Threads      int       // 0: all cores; the result is the same
}

// Plurality counts the team's sentences by query and answers all queries of the graph.
//
// A query's votes are sentences of its relation about its head, wherever the experts got
// them from: beliefs about another edge whose head was replaced count too.
func Plurality(ctx context.Context, t *expert.Team, o Options) (*Vote, error) {
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	for _, temp := range o.Temperatures {
		if !(temp > 0) || math.IsInf(temp, 1) {
			return nil, fmt.Errorf("reference: a temperature of %g (want over 0)", temp)
		}
	}
	weights, err := countSentences(ctx, t, o)
	if err != nil {
		return nil, err
	}
	g := t.Graph
	out := make([]relationResult, len(g.Relations))
	work := make(chan int)
	var wg sync.WaitGroup
	for range o.Threads {
		wg.Go(func() {
			for r := range work {
				out[r] = count(ctx, t, int32(r), weights, o.Temperatures)
			}
		})
	}
	for r := range g.Relations {
		work <- r
	}
	close(work)
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	v := &Vote{At: make([]TemperatureHit, len(o.Temperatures))}
	for r, x := range out {
		v.Queries += x.queries
		v.Greedy += x.greedy
		v.Sampled += x.sampled
		v.Expert += x.expert
		v.Unseen += x.unseen
		for i := range v.At {
			v.At[i].Accuracy += x.at[i]
		}
		n := float64(x.queries)
		v.Relations = append(v.Relations, RelationVote{g.Relations[r].Name, x.queries, x.greedy / n, x.sampled / n})
	}
	n := float64(v.Queries)
	for _, x := range []*float64{&v.Greedy, &v.Sampled, &v.Expert, &v.Unseen} {
		*x /= n
	}
	for i := range v.At {
		v.At[i].Temperature = o.Temperatures[i]
		v.At[i].Accuracy /= n
	}
	return v, nil
}

// weights are how often each expert wrote their belief about each edge.
type weights struct {
	written     [][]float32 // [expert][edge]
	reliability [][]float64 // [expert], as expert.Team.Reliability returns it
}

// countSentences writes the text, or works out how often each belief comes in it.
func countSentences(ctx context.Context, t *expert.Team, o Options) (*weights, error) {
	w := &weights{make([][]float32, t.Experts), make([][]float64, t.Experts)}
	var mu sync.Mutex
	var failed error
	work := make(chan int)
	var wg sync.WaitGroup
	for range o.Threads {
		wg.Go(func() {
			var v expert.View
			var facts []int32
			for i := range work {
				if ctx.Err() != nil {
					continue
				}
				if err := v.Load(t, i); err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
					continue
				}
				written := make([]float32, len(t.Graph.Edges))
				w.written[i], w.reliability[i] = written, v.Reliability
				if o.Paragraphs == 0 {
					expected(t, &v, written)
					continue
				}
				for j := range t.Paragraphs(i, o.Paragraphs) {
					s := v.Sample(j, facts)
					facts = s.Facts
					for _, f := range s.Facts {
						written[v.Facts[f].Source]++
					}
				}
			}
		})
	}
	for i := range t.Experts {
		work <- i
	}
	close(work)
	wg.Wait()
	if failed != nil {
		return nil, failed
	}
	return w, ctx.Err()
}

// expected sets how often each of the expert's facts comes in one paragraph on average: as
// often as the paragraph is about one of its ends and names it. Empty paragraphs are drawn
// again, so entities of which much is written come a little more often.
func expected(t *expert.Team, v *expert.View, w []float32) {
	total := 0.0
	for _, x := range v.Entities() {
		empty := 1.0
		for _, f := range v.Touching(x) {
			empty *= 1 - v.Facts[f].Write
		}
		total += 1 - empty
	}
	share := float64(t.Paragraphs(v.Expert, 1<<40)) / (1 << 40)
	for _, f := range v.Facts {
		ends := 2.0
		if f.Head == f.Tail {
			ends = 1
		}
		w[f.Source] = float32(share * ends * f.Write / total)
	}
}

// relationResult is the sums over the queries of one relation.
type relationResult struct {
	queries                         int
	greedy, sampled, expert, unseen float64
	at                              []float64
}

// count adds up the votes of one relation: a table of its heads and tails, since beliefs
// hold nothing else.
func count(ctx context.Context, t *expert.Team, relation int32, w *weights, temperatures []float64) relationResult {
	g := t.Graph
	lo, hi := g.RelationEdges(relation)
	heads, tails := t.Slot(relation)
	row, column := indexOf(heads), indexOf(tails)
	n := len(tails)
	right := make([]bool, len(heads)*n)
	for _, e := range g.Edges[lo:hi] {
		right[row[e.Head]*n+column[e.Tail]] = true
	}
	votes := make([]float64, len(heads)*n)
	// One expert's answers to each query: how many, and how many right ones.
	all, good := make([]float64, len(heads)), make([]float64, len(heads))
	res := relationResult{queries: len(heads), at: make([]float64, len(temperatures))}
	for i := range t.Experts {
		if ctx.Err() != nil {
			return res
		}
		written := w.written[i]
		clear(all)
		clear(good)
		for e := lo; e < hi; e++ {
			if written[e] == 0 {
				continue
			}
			b, _ := t.Belief(i, e, t.For(w.reliability[i], e))
			at := row[b.Head]*n + column[b.Tail]
			votes[at] += float64(written[e])
			all[row[b.Head]] += float64(written[e])
			if right[at] {
				good[row[b.Head]] += float64(written[e])
			}
		}
		for h := range heads {
			if all[h] > 0 {
				res.expert += good[h] / all[h] / float64(t.Experts)
			}
		}
	}
	for h := range heads {
		res.query(votes[h*n:(h+1)*n], right[h*n:(h+1)*n], temperatures)
	}
	return res
}

// indexOf returns the places of entities in a list.
func indexOf(list []int32) map[int32]int {
	at := make(map[int32]int, len(list))
	for i, x := range list {
		at[x] = i
	}
	return at
}

// query adds a query: the votes for each answer, and which are right.
func (res *relationResult) query(votes []float64, right []bool, temperatures []float64) {
	top := slices.Max(votes)
	if top == 0 {
		res.unseen++
		return
	}
	var sum, hit, first, firstHit float64
	for x, v := range votes {
		sum += v
		if right[x] {
			hit += v
		}
		// Sums of the same votes in another order may differ in their last bits.
		if v >= top*(1-1e-9) {
			first++
			if right[x] {
				firstHit++
			}
		}
	}
	res.greedy += firstHit / first
	res.sampled += hit / sum
	for i, temp := range temperatures {
		var sum, hit float64
		for x, v := range votes {
			if v == 0 {
				continue
			}
			p := math.Pow(v/top, 1/temp)
			sum += p
			if right[x] {
				hit += p
			}
		}
		res.at[i] += hit / sum
	}
}

// Ceiling is the share of facts that at least one of n experts knows who each know a share
// c: what a learner that only remembers can reach at most.
func Ceiling(c float64, n int) float64 { return 1 - math.Pow(1-c, float64(n)) }

// Known is Ceiling on the data: the share of the graph's edges that at least one expert of
// the team has right and writes.
func Known(ctx context.Context, t *expert.Team) (float64, error) {
	known := make([]bool, len(t.Graph.Edges))
	n := 0
	var v expert.View
	for i := range t.Experts {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if err := v.Load(t, i); err != nil {
			return 0, err
		}
		for _, f := range v.Facts {
			if !known[f.Source] && f.Edge == t.Graph.Edges[f.Source] {
				known[f.Source] = true
				n++
			}
		}
	}
	return float64(n) / float64(len(known)), nil
}

// answers is an expert's part in the queries of a graph: how often they write about each
// and what share of it is right. It is the p and the r of section 2.1.
type answers struct{ weight, reward []float64 }

func answersOf(t *expert.Team, i int, queries map[kg.Query]int) (answers, error) {
	var v expert.View
	if err := v.Load(t, i); err != nil {
		return answers{}, err
	}
	w := make([]float32, len(t.Graph.Edges))
	expected(t, &v, w)
	a := answers{make([]float64, len(queries)), make([]float64, len(queries))}
	for _, f := range v.Facts {
		q, ok := queries[kg.Query{Head: f.Head, Relation: f.Relation}]
		if !ok {
			continue
		}
		a.weight[q] += float64(w[f.Source])
		if t.Graph.Has(f.Edge) {
			a.reward[q] += float64(w[f.Source])
		}
	}
	for q, weight := range a.weight {
		if weight > 0 {
			a.reward[q] /= weight
		}
	}
	return a, nil
}

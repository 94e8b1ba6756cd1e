// Package cluster divides the edges of a knowledge graph into areas of expertise: the
// spectral clustering of Ng, Jordan and Weiss (2001) applied to the graph whose nodes
// are the facts.
//
// Two facts are near when they share an entity. The walk from a fact to one of its two
// entities and on to a random fact of that entity has the transition matrix
//
//	P = ½ B·D⁻¹·Bᵀ
//
// where B is the incidence of edges and entities and D holds the degrees: P is
// symmetric, its rows sum to 1, and entities that many facts share count little. An
// eigenvector x of the normalized adjacency N = D^(-½)·A·D^(-½) of the entities with
// eigenvalue λ gives the eigenvector B·D^(-½)·x of P with eigenvalue (1+λ)/2, so the
// matrix to iterate has the order of the entities, and the line graph, in which an
// entity of degree d makes d² pairs, is never built.
//
// Thousands of clusters would need thousands of eigenvectors. They are made in levels
// instead: the graph is cut into some 70 parts by as many eigenvectors, and each part,
// as a graph of its own, again. Parts that are not connected are taken apart first.
package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"transcend/internal/draw"
	"transcend/kg"
)

// Options of a clustering.
type Options struct {
	Clusters int
	Seed     uint64
	Threads  int // 0: all cores; the result is the same
	// Progress, if not nil, is told the share that is done, from any goroutine but one
	// at a time.
	Progress func(done float64)
}

// maxBranch is into how many parts a graph is cut at once.
const maxBranch = 80

// Edges returns the cluster of each edge of g: Clusters numbers, each of them
// used, in the order of their first edges.
func Edges(ctx context.Context, g *kg.Graph, o Options) ([]int32, error) {
	switch {
	case o.Clusters < 1:
		return nil, fmt.Errorf("cluster: %d clusters (want at least 1)", o.Clusters)
	case o.Clusters > len(g.Edges):
		return nil, fmt.Errorf("cluster: %d clusters of %d edges: there are not enough edges", o.Clusters, len(g.Edges))
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	c := &clusterer{g: g, o: o, slots: make(chan struct{}, o.Threads)}
	all := make([]int32, len(g.Edges))
	for i := range all {
		all[i] = int32(i)
	}
	c.divide(ctx, all, o.Clusters, o.Threads)
	if err := cmp.Or(ctx.Err(), c.err); err != nil {
		return nil, err
	}
	slices.SortFunc(c.found, func(a, b []int32) int { return cmp.Compare(a[0], b[0]) })
	cluster := make([]int32, len(g.Edges))
	for i, edges := range c.found {
		for _, e := range edges {
			cluster[e] = int32(i)
		}
	}
	return cluster, nil
}

type clusterer struct {
	g     *kg.Graph
	o     Options
	slots chan struct{} // the threads of parts

	mu    sync.Mutex
	found [][]int32
	edges int // in found
	err   error
}

// keep takes a finished cluster.
func (c *clusterer) keep(edges []int32) {
	slices.Sort(edges)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found = append(c.found, edges)
	c.edges += len(edges)
	if c.o.Progress != nil {
		c.o.Progress(float64(c.edges) / float64(len(c.g.Edges)))
	}
}

// divide cuts edges into k clusters. Only the first levels have several threads, and
// their parts then run beside each other.
func (c *clusterer) divide(ctx context.Context, edges []int32, k, threads int) {
	if ctx.Err() != nil {
		return
	}
	if k == 1 {
		c.keep(edges)
		return
	}
	if k == len(edges) {
		for _, e := range edges {
			c.keep([]int32{e})
		}
		return
	}
	s := newSubgraph(c.g, edges)
	if parts := s.components(edges, float64(len(edges))/float64(k), k); len(parts) > 1 {
		c.parts(ctx, parts, k, threads)
		return
	}
	branch := k
	if k > maxBranch {
		levels := math.Ceil(math.Log(float64(k)) / math.Log(maxBranch))
		branch = int(math.Ceil(math.Pow(float64(k), 1/levels)))
	}
	rng := draw.New(c.o.Seed, 'c', uint64(edges[0]), uint64(len(edges)))
	_, vectors, err := largest(ctx, s, branch, rng)
	if err != nil {
		c.mu.Lock()
		c.err = cmp.Or(c.err, err)
		c.mu.Unlock()
		return
	}
	p := points{vectors.Rows, make([]float64, len(edges)*vectors.Rows)}
	for i := range edges {
		u, v := s.ends[i][0], s.ends[i][1]
		x := p.at(i)
		var norm float64
		for j := range x {
			x[j] = s.scale[u]*vectors.Data[j*vectors.Stride+int(u)] + s.scale[v]*vectors.Data[j*vectors.Stride+int(v)]
			norm += x[j] * x[j]
		}
		norm = math.Sqrt(norm)
		if norm > 0 {
			for j := range x {
				x[j] /= norm
			}
		}
	}
	starts := 3
	if len(edges) > 20000 {
		starts = 1
	}
	assigned := kMeans(p, branch, starts, threads, draw.New(rng.Uint64(), 'k'))
	parts := make([][]int32, branch)
	for i, e := range edges {
		parts[assigned[i]] = append(parts[assigned[i]], e)
	}
	c.parts(ctx, parts, k, threads)
}

// parts divides each part into its share of k clusters.
func (c *clusterer) parts(ctx context.Context, parts [][]int32, k, threads int) {
	shares := apportion(parts, k)
	var wg sync.WaitGroup
	for i, part := range parts {
		if threads == 1 || len(part) > len(c.g.Edges)/2 {
			c.divide(ctx, part, shares[i], threads) // the large one has all threads
			continue
		}
		wg.Go(func() {
			c.slots <- struct{}{}
			defer func() { <-c.slots }()
			c.divide(ctx, part, shares[i], 1)
		})
	}
	wg.Wait()
}

// apportion gives each part a number of clusters in proportion to its edges: at
// least one, at most its edges, k in all.
func apportion(parts [][]int32, k int) []int {
	total := 0
	for _, p := range parts {
		total += len(p)
	}
	shares := make([]int, len(parts))
	left := k
	for i, p := range parts {
		shares[i] = max(1, int(float64(k)*float64(len(p))/float64(total)))
		left -= shares[i]
	}
	for left != 0 {
		step := 1
		if left < 0 {
			step = -1
		}
		// The part whose clusters are largest after it gets one more, or the part whose
		// clusters stay smallest one less.
		best, most := -1, 0.0
		for i, p := range parts {
			to := shares[i] + step
			if to < 1 || to > len(p) {
				continue
			}
			if size := float64(step*len(p)) / float64(to); best < 0 || size > most {
				best, most = i, size
			}
		}
		shares[best] += step
		left -= step
	}
	return shares
}

// subgraph is some edges with the entities that they touch, numbered anew: the
// normalized adjacency of those entities as an operator.
type subgraph struct {
	ends  [][2]int32 // of each edge
	nodes int
	scale []float64 // 1/√degree
	adj   kg.Adjacency
}

func newSubgraph(g *kg.Graph, edges []int32) *subgraph {
	s := &subgraph{ends: make([][2]int32, len(edges))}
	number := map[int32]int32{}
	id := func(entity int32) int32 {
		n, ok := number[entity]
		if !ok {
			n = int32(len(number))
			number[entity] = n
		}
		return n
	}
	for i, e := range edges {
		s.ends[i] = [2]int32{id(g.Edges[e].Head), id(g.Edges[e].Tail)}
	}
	s.nodes = len(number)
	// Each edge is there from both ends; Edges[2e] is e seen from its head.
	s.adj = kg.NewAdjacency(s.nodes, 2*len(edges), func(i int) int32 { return s.ends[i/2][i%2] })
	s.scale = make([]float64, s.nodes)
	for v := range s.scale {
		s.scale[v] = 1 / math.Sqrt(float64(len(s.adj.Of(int32(v)))))
	}
	return s
}

func (s *subgraph) order() int { return s.nodes }

func (s *subgraph) apply(dst, src []float64) {
	for v := range dst {
		var sum float64
		for _, i := range s.adj.Of(int32(v)) {
			u := s.ends[i/2][1-i%2]
			sum += s.scale[u] * src[u]
		}
		dst[v] = s.scale[v] * sum
	}
}

// components returns the connected parts of the edges, in the order of their first
// ones. Parts of less than mean edges are joined with the next such until they have as
// many, because single facts are no areas; and if there are still more than k parts, the
// smallest are joined.
func (s *subgraph) components(edges []int32, mean float64, k int) [][]int32 {
	of := make([]int32, s.nodes)
	for i := range of {
		of[i] = -1
	}
	var stack []int32
	count := int32(0)
	for v := range of {
		if of[v] >= 0 {
			continue
		}
		of[v] = count
		stack = append(stack[:0], int32(v))
		for len(stack) > 0 {
			u := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			for _, i := range s.adj.Of(u) {
				if w := s.ends[i/2][1-i%2]; of[w] < 0 {
					of[w] = count
					stack = append(stack, w)
				}
			}
		}
		count++
	}
	if count == 1 {
		return [][]int32{edges}
	}
	parts := make([][]int32, count)
	for i, e := range edges {
		c := of[s.ends[i][0]]
		parts[c] = append(parts[c], e)
	}
	var whole [][]int32
	var rest []int32
	for _, p := range parts {
		if float64(len(p)) >= mean {
			whole = append(whole, p)
			continue
		}
		rest = append(rest, p...)
		if float64(len(rest)) >= mean {
			whole = append(whole, rest)
			rest = nil
		}
	}
	if len(rest) > 0 {
		whole = append(whole, rest)
	}
	slices.SortStableFunc(whole, func(a, b []int32) int { return cmp.Compare(len(b), len(a)) })
	for len(whole) > k {
		last := len(whole) - 1
		whole[last-1] = append(whole[last-1], whole[last]...)
		whole = whole[:last]
	}
	return whole
}

// ErrPartition is returned by RandIndex when partitions have different lengths.
var ErrPartition = errors.New("cluster: partitions of different lengths")

// RandIndex returns the adjusted Rand index of two partitions (Hubert and Arabie 1985):
// 1 when they are the same, 0 on average for random ones.
func RandIndex(a, b []int32) (float64, error) {
	if len(a) != len(b) {
		return 0, ErrPartition
	}
	pairs := func(n float64) float64 { return n * (n - 1) / 2 }
	both, inA, inB := map[[2]int32]float64{}, map[int32]float64{}, map[int32]float64{}
	for i := range a {
		both[[2]int32{a[i], b[i]}]++
		inA[a[i]]++
		inB[b[i]]++
	}
	var sum, sumA, sumB float64
	for _, n := range both {
		sum += pairs(n)
	}
	for _, n := range inA {
		sumA += pairs(n)
	}
	for _, n := range inB {
		sumB += pairs(n)
	}
	expected, most := sumA*sumB/pairs(float64(len(a))), (sumA+sumB)/2
	if most == expected {
		return 1, nil
	}
	return (sum - expected) / (most - expected), nil
}

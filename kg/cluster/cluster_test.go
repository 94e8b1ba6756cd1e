package cluster

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/blas/blas64"

	"transcend/internal/draw"
	"transcend/kg"
	"transcend/kg/synth"
)

// cycle is the adjacency of a ring of n nodes over 2: its eigenvalues are cos(2πj/n),
// each but the first and the last twice.
type cycle int

func (n cycle) order() int { return int(n) }

func (n cycle) apply(dst, src []float64) {
	for i := range dst {
		dst[i] = (src[(i+1)%int(n)] + src[(i+int(n)-1)%int(n)]) / 2
	}
}

// path is the adjacency of a path over 2: its eigenvalues are cos(πj/(n+1)), all simple.
type path int

func (n path) order() int { return int(n) }

func (n path) apply(dst, src []float64) {
	for i := range dst {
		dst[i] = 0
		if i > 0 {
			dst[i] += src[i-1] / 2
		}
		if i < int(n)-1 {
			dst[i] += src[i+1] / 2
		}
	}
}

// apart is a diagonal matrix whose eigenvalues, 1, 1/2, 1/3 and so on, lie far apart.
type apart int

func (n apart) order() int { return int(n) }

func (n apart) apply(dst, src []float64) {
	for i := range dst {
		dst[i] = src[i] / float64(i+1)
	}
}

// counting counts products.
type counting struct {
	operator
	n *int
}

func (c counting) apply(dst, src []float64) {
	*c.n++
	c.operator.apply(dst, src)
}

func TestLargest(t *testing.T) {
	const n, k = 400, 12
	for _, tt := range []struct {
		a        operator
		products int // at most; all restarts take 798 where n is 400
		want     func(j int) float64
	}{
		{cycle(n), 798, func(j int) float64 { return math.Cos(2 * math.Pi * float64((j+1)/2) / n) }},
		{path(n), 798, func(j int) float64 { return math.Cos(math.Pi * float64(j+1) / (n + 1)) }},
		{apart(n), 120, func(j int) float64 { return 1 / float64(j+1) }},
		{cycle(100), 100, func(j int) float64 { return math.Cos(2 * math.Pi * float64((j+1)/2) / 100) }}, // all at once
	} {
		applied := 0
		values, vectors, err := largest(t.Context(), counting{tt.a, &applied}, k, draw.New(1))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%T(%d): %d products", tt.a, tt.a.order(), applied)
		if applied > tt.products {
			t.Errorf("%T(%d): %d products, want at most %d: it did not see that it had converged", tt.a, tt.a.order(), applied, tt.products)
		}
		checkEigen(t, tt.a, values, vectors)
		for j, v := range values {
			if math.Abs(v-tt.want(j)) > 1e-6 {
				t.Errorf("%T(%d): eigenvalue %d is %.9f, want %.9f", tt.a, tt.a.order(), j, v, tt.want(j))
			}
		}
	}
}

// checkEigen checks that the vectors are orthonormal eigenvectors.
func checkEigen(t *testing.T, a operator, values []float64, vectors blas64.General) {
	t.Helper()
	ax := make([]float64, a.order())
	for j, v := range values {
		a.apply(ax, row(vectors, j))
		var residual float64
		for i, x := range row(vectors, j) {
			residual += (ax[i] - v*x) * (ax[i] - v*x)
		}
		if math.Sqrt(residual) > 10*tolerance {
			t.Errorf("%T: residual %g of eigenvector %d", a, math.Sqrt(residual), j)
		}
		for i := range j + 1 {
			var dot float64
			for l, x := range row(vectors, j) {
				dot += x * row(vectors, i)[l]
			}
			if want := map[bool]float64{true: 1}[i == j]; math.Abs(dot-want) > 1e-9 {
				t.Errorf("%T: eigenvectors %d and %d have the product %g", a, i, j, dot)
			}
		}
	}
}

// planted makes a graph of dense groups with a few edges between them, and the
// group of each edge's head.
func planted(t *testing.T, groups, size, inside, between int, seed uint64) (*kg.Graph, []int32) {
	t.Helper()
	rng := draw.New(seed)
	b := kg.NewBuilder()
	name := func(g, i int) string { return fmt.Sprintf("n%04d-%04d", g, i) }
	r, _ := b.Relation("knows", nil, nil)
	add := func(g, i, h, j int) {
		x, _ := b.Entity(name(g, i), "person")
		y, err := b.Entity(name(h, j), "person")
		if err != nil {
			t.Fatal(err)
		}
		b.Edge(x, r, y)
	}
	for g := range groups {
		for i := range size {
			add(g, i, g, (i+1)%size) // connected
		}
		for range inside {
			add(g, rng.IntN(size), g, rng.IntN(size))
		}
	}
	for range between {
		g := rng.IntN(groups)
		add(g, rng.IntN(size), (g+1+rng.IntN(groups-1))%groups, rng.IntN(size))
	}
	// A ring of groups makes the graph connected.
	for g := range groups {
		add(g, 0, (g+1)%groups, 0)
	}
	graph, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	truth := make([]int32, len(graph.Edges))
	for i, e := range graph.Edges {
		fmt.Sscanf(graph.Entities[e.Head].Name, "n%d-", &truth[i])
	}
	return graph, truth
}

// insideOnly keeps the edges whose ends are in one group: only those have a right
// cluster.
func insideOnly(g *kg.Graph, truth, got []int32) (a, b []int32) {
	for i, e := range g.Edges {
		var other int32
		fmt.Sscanf(g.Entities[e.Tail].Name, "n%d-", &other)
		if other == truth[i] {
			a, b = append(a, truth[i]), append(b, got[i])
		}
	}
	return a, b
}

func TestKnownClusters(t *testing.T) {
	for _, tt := range []struct {
		groups, size, inside, between int
		least                         float64
	}{
		{4, 30, 120, 20, 0.99},
		{40, 15, 50, 200, 0.97},
		{150, 10, 30, 150, 0.93}, // two levels
	} {
		g, truth := planted(t, tt.groups, tt.size, tt.inside, tt.between, 5)
		got, err := Edges(t.Context(), g, Options{Clusters: tt.groups, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		a, b := insideOnly(g, truth, got)
		index, err := RandIndex(a, b)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d groups: adjusted Rand index %.4f", tt.groups, index)
		if index < tt.least {
			t.Errorf("%d groups: adjusted Rand index %.3f, want %.2f", tt.groups, index, tt.least)
		}
	}
}

// Groups that nothing connects are found exactly.
func TestComponents(t *testing.T) {
	b := kg.NewBuilder()
	r, _ := b.Relation("r", nil, nil)
	var want []int32
	for g := range 9 {
		for i := range 6 {
			x, _ := b.Entity(fmt.Sprintf("%d-%d", g, i), "x")
			y, _ := b.Entity(fmt.Sprintf("%d-%d", g, (i+1)%6), "x")
			b.Edge(x, r, y)
		}
	}
	graph, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range graph.Edges {
		want = append(want, int32(graph.Entities[e.Head].Name[0]-'0'))
	}
	for _, k := range []int{9, 3, 1, 20, len(graph.Edges)} {
		got, err := Edges(t.Context(), graph, Options{Clusters: k})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(slices.Compact(slices.Sorted(slices.Values(got)))); n != k {
			t.Errorf("%d clusters, want %d", n, k)
		}
		if index, _ := RandIndex(want, got); k == 9 && index != 1 {
			t.Errorf("adjusted Rand index %g", index)
		}
	}
}

func TestSameForAnyThreads(t *testing.T) {
	g, err := synth.New(synth.Options{Seed: 1, Scale: 0.06})
	if err != nil {
		t.Fatal(err)
	}
	var first []int32
	for _, threads := range []int{1, 2, 3} {
		got, err := Edges(t.Context(), g, Options{Clusters: 300, Seed: 7, Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		}
		if !slices.Equal(got, first) {
			t.Errorf("%d threads give other clusters", threads)
		}
	}
	other, err := Edges(t.Context(), g, Options{Clusters: 300, Seed: 8, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	index, _ := RandIndex(first, other)
	t.Logf("adjusted Rand index of two seeds: %.3f", index)
	if index < 0.3 || index == 1 {
		t.Errorf("adjusted Rand index of two seeds: %.3f", index)
	}
}

func TestBadClusters(t *testing.T) {
	g, _ := planted(t, 3, 5, 5, 2, 1)
	for _, k := range []int{0, -1, len(g.Edges) + 1} {
		if _, err := Edges(t.Context(), g, Options{Clusters: k}); err == nil {
			t.Errorf("%d clusters of %d edges are made", k, len(g.Edges))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Edges(ctx, g, Options{Clusters: 3}); err != context.Canceled {
		t.Errorf("a canceled clustering: %v", err)
	}
	if _, err := RandIndex([]int32{1}, nil); err != ErrPartition {
		t.Error(err)
	}
}

func TestRandIndex(t *testing.T) {
	// Hubert and Arabie's index of a small table by hand: pairs 2 of (4, 3), 15 in all.
	a, b := []int32{0, 0, 0, 1, 1, 1}, []int32{0, 0, 1, 1, 2, 2}
	got, err := RandIndex(a, b)
	if want := (2 - 6*3/15.0) / (4.5 - 6*3/15.0); err != nil || math.Abs(got-want) > 1e-12 {
		t.Errorf("%g, want %g", got, want)
	}
}

// The whole graph: BenchmarkPaper is to stay below two minutes on two cores.
func BenchmarkPaper(b *testing.B) {
	g, err := synth.New(synth.Options{Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Edges(b.Context(), g, Options{Clusters: synth.PaperClusters, Seed: 1}); err != nil {
			b.Fatal(err)
		}
	}
}

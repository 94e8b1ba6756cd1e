package expert

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize/convex/lp"

	"transcend/internal/draw"
)

// Specialists are experts who know a few areas of expertise well and the others not at
// all: the reliabilities of section 2.8's linear program.
type Specialists struct {
	Coverage float64 // c: the share of all facts that an expert has right on average
	// Budget is how many facts the randomly chosen areas hold, as a multiple of
	// c·|E|; 0 is DefaultBudget. The paper does not give its own.
	Budget float64
}

// DefaultBudget makes nearly all chosen areas known. With more to choose from, the program
// prefers small areas so strictly that nobody ever knows the large ones, and no number of
// experts comes near the paper's "near-perfect".
const DefaultBudget = 1

// Reliability returns s(j), the share of the facts of cluster j that an expert has right,
// for an expert that rng stands for: random clusters until the budget is met, and among
// them the s that maximizes
//
//	Σ s(j)  subject to  Σ s(j)·|C(j)| = c·|E|,  0 ≤ s(j) ≤ 1,
//
// so almost all s are 0 or 1. size holds |C(j)|.
func (sp Specialists) Reliability(size []int, rng *draw.Stream) ([]float64, error) {
	edges := 0
	for _, n := range size {
		edges += n
	}
	budget := sp.Budget
	if budget == 0 {
		budget = DefaultBudget
	}
	need := sp.Coverage * float64(edges)
	switch {
	case !(sp.Coverage > 0 && sp.Coverage <= 1):
		return nil, fmt.Errorf("expert: a coverage of %g (want over 0, up to 1)", sp.Coverage)
	case !(budget >= 1):
		return nil, fmt.Errorf("expert: a budget of %g times the covered facts (want at least 1)", budget)
	case need < 1:
		return nil, fmt.Errorf("expert: a coverage of %g of %d edges is less than one fact", sp.Coverage, edges)
	}
	order := make([]int, len(size))
	for j := range order {
		order[j] = j
	}
	draw.Shuffle(rng, order)
	var chosen []int
	for have := 0.0; have < min(budget*need, float64(edges)); {
		j := order[len(chosen)]
		chosen = append(chosen, j)
		have += float64(size[j])
	}
	x, err := maximize(size, chosen, need)
	if err != nil {
		return nil, err
	}
	s := make([]float64, len(size))
	for i, j := range chosen {
		s[j] = x[i]
	}
	return s, nil
}

// maximize solves the program over the chosen clusters. Clusters of one size are
// interchangeable, so its variables are the sums of s over the clusters of each size:
// some thirty instead of thousands, which gonum's dense simplex solves in no time.
func maximize(size, chosen []int, need float64) ([]float64, error) {
	var sizes []int
	at := map[int]int{}
	var count []float64
	for _, j := range chosen {
		i, ok := at[size[j]]
		if !ok {
			i = len(sizes)
			at[size[j]] = i
			sizes, count = append(sizes, size[j]), append(count, 0)
		}
		count[i]++
	}
	// Standard form: x(i) + slack(i) = count(i), Σ x(i)·size(i) = need; minimize -Σ x.
	k := len(sizes)
	a := mat.NewDense(k+1, 2*k, nil)
	b := make([]float64, k+1)
	c := make([]float64, 2*k)
	for i, n := range sizes {
		a.Set(i, i, 1)
		a.Set(i, k+i, 1)
		b[i] = count[i]
		a.Set(k, i, float64(n)/need)
		c[i] = -1
	}
	b[k] = 1
	_, x, err := lp.Simplex(c, a, b, 1e-10, nil)
	if err != nil {
		if errors.Is(err, lp.ErrInfeasible) {
			return nil, fmt.Errorf("expert: %d clusters do not hold %g facts", len(chosen), need)
		}
		return nil, fmt.Errorf("expert: the linear program of reliabilities: %w", err)
	}
	s := make([]float64, len(chosen))
	for i, j := range chosen {
		v := at[size[j]]
		// Clusters of a size that is not filled are filled in the order of their draw.
		s[i] = min(1, max(0, x[v]))
		if s[i] < 1e-9 {
			s[i] = 0
		}
		x[v] -= s[i]
	}
	return s, nil
}

// checkShare reports a number that is no probability.
func checkShare(what string, p float64) error {
	if !(p >= 0 && p <= 1) || math.IsNaN(p) {
		return fmt.Errorf("expert: %s of %g (want 0 to 1)", what, p)
	}
	return nil
}

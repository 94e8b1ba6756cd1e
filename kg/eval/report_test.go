package eval

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Known values: Wilson's interval of 8 of 10 (Newcombe 1998's formula, by R's
// prop.test(8, 10, correct=FALSE)), and of none.
func TestWilson(t *testing.T) {
	right := []float64{1, 1, 1, 1, 1, 1, 1, 1, 0, 0}
	e := One(right, nil)
	if math.Abs(e.Low-0.4901625) > 1e-6 || math.Abs(e.High-0.9433178) > 1e-6 {
		t.Errorf("8 of 10: %v to %v", e.Low, e.High)
	}
	e = One(make([]float64, 10), nil)
	if e.Mean != 0 || e.Low != 0 || math.Abs(e.High-0.2775328) > 1e-6 {
		t.Errorf("0 of 10: %v to %v", e.Low, e.High)
	}
	if e := One(nil, nil); e.Low != 0 || e.High != 1 {
		t.Errorf("no questions: %+v", e)
	}
}

// Known values: the t interval of 0.5, 0.6, 0.7 with 2 degrees of freedom (4.302653 times
// 0.1/√3), cut at 0 and 1.
func TestStudent(t *testing.T) {
	e := Over([]Estimate{{Mean: 0.5}, {Mean: 0.6}, {Mean: 0.7}})
	if math.Abs(e.Mean-0.6) > 1e-12 || math.Abs(e.High-e.Mean-0.2484138) > 1e-6 || math.Abs(e.Mean-e.Low-0.2484138) > 1e-6 {
		t.Errorf("%+v", e)
	}
	if e := Over([]Estimate{{Mean: 0.9}, {Mean: 1}}); e.High != 1 || e.Seeds != 2 {
		t.Errorf("%+v", e)
	}
	m, low, high, err := Difference([]Estimate{{Mean: 0.6}, {Mean: 0.8}}, []Estimate{{Mean: 0.5}, {Mean: 0.7}})
	if err != nil || math.Abs(m-0.1) > 1e-12 || high-low > 1e-9 {
		t.Errorf("a difference that every seed has: %v, %v to %v, %v", m, low, high, err)
	}
	if _, _, _, err := Difference([]Estimate{{}}, nil); err == nil {
		t.Error("a difference of nothing")
	}
}

// Known values: method 10 in table II of Newcombe 1998, 56 of 70 against 48 of 80, and 9 of 10 against 3 of 10.
func TestDifferenceOfOneSeed(t *testing.T) {
	share := func(right, of int) []Estimate {
		x := make([]float64, of)
		for i := range right {
			x[i] = 1
		}
		return []Estimate{One(x, nil)}
	}
	for _, c := range []struct {
		a, b      []Estimate
		low, high float64
	}{{share(56, 70), share(48, 80), 0.0524, 0.3339}, {share(9, 10), share(3, 10), 0.1705, 0.8090}} {
		mean, low, high, err := Difference(c.a, c.b)
		if err != nil || math.Abs(mean-(c.a[0].Mean-c.b[0].Mean)) > 1e-12 || math.Abs(low-c.low) > 5e-5 || math.Abs(high-c.high) > 5e-5 {
			t.Errorf("%v to %v, want %v to %v; %v, %v", low, high, c.low, c.high, mean, err)
		}
	}
}

// The interval of answers that are right or wrong by groups covers the truth as
// often as it says, where one for independent answers would not.
func TestCoverageOfGroups(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const runs, groups, size, p = 600, 60, 11, 0.3
	covered, naive := 0, 0
	for range runs {
		var right []float64
		var group []int32
		for g := range groups {
			known := rng.Float64() < p
			for range size {
				x := 0.0
				if known {
					x = 1
				}
				right, group = append(right, x), append(group, int32(g))
			}
		}
		if e := One(right, group); e.Low <= p && p <= e.High {
			covered++
		}
		if e := One(right, nil); e.Low <= p && p <= e.High {
			naive++
		}
	}
	if c := float64(covered) / runs; c < 0.92 || c > 0.98 {
		t.Errorf("covered %.3f of the time, want 0.95", c)
	}
	if c := float64(naive) / runs; c > 0.7 {
		t.Errorf("independent answers' interval covers %.3f of the time: the test shows nothing", c)
	}
}

// Parts add up to the whole, and seeds combine part by part.
func TestReport(t *testing.T) {
	qs := make([]Question, 12)
	r := &Result{Temperatures: []float64{0, 1}, Right: [][]float64{make([]float64, 12), make([]float64, 12)}}
	for i := range qs {
		qs[i].Labels = Labels{Relation: int32(i % 2), Area: int32(i / 4), Popularity: 1 + i}
		r.Right[1][i] = float64(i) / 12
		if i < 6 {
			r.Right[0][i] = 1
		}
	}
	rep := NewReport(r, qs, []string{"mother", "father"})
	if rep.All[0].Mean != 0.5 || rep.Areas != 3 || rep.Spread != [11]int{0: 1, 5: 1, 10: 1} {
		t.Errorf("%+v", rep)
	}
	if p := rep.Relations[1]; p.Name != "father" || math.Abs(p.At[1].Mean-0.5) > 1e-12 || p.At[1].Questions != 6 {
		t.Errorf("%+v", p)
	}
	var names []string
	n := 0
	for _, p := range rep.Popularity {
		names = append(names, p.Name)
		n += p.At[0].Questions
	}
	if n != 12 || len(names) != 4 || names[0] != "1" || names[1] != "2-3" || names[3] != "8-15" {
		t.Errorf("%d questions in %v", n, names)
	}
	other := &Result{Temperatures: r.Temperatures, Right: [][]float64{make([]float64, 12), make([]float64, 12)}}
	both, err := Combine([]*Report{rep, NewReport(other, qs, []string{"mother", "father"})})
	if err != nil || both.All[0].Mean != 0.25 || both.All[0].Seeds != 2 || both.Relations[0].At[0].Mean != 0.25 || both.Spread[0] != 4 {
		t.Errorf("%+v, %v", both, err)
	}
	other.Temperatures = []float64{0, 2}
	if _, err := Combine([]*Report{rep, NewReport(other, qs, []string{"mother", "father"})}); err == nil {
		t.Error("reports at different temperatures combined")
	}
	if _, err := Combine(nil); err == nil {
		t.Error("no reports combined")
	}
}

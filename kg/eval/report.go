package eval

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Estimate is a share of right answers with its 95% interval.
//
// Of one model it is Wilson's interval, with the number of questions divided by the design
// effect of the areas of expertise (One). Of several seeds it is Student's interval of
// their means (Over): every fact is asked, so what chance there is lies in corpus and
// training.
type Estimate struct {
	Mean      float64 `json:"mean"`
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
	Questions int     `json:"questions"`
	Seeds     int     `json:"seeds"`
}

// z95 is the 97.5% quantile of the normal distribution.
var z95 = distuv.UnitNormal.Quantile(0.975)

// One estimates the mean of right, one number a question. Questions of one group (area)
// are right or wrong together more often than not, so they count for less: n is divided by
// the variance of the mean over groups by that of as many independent questions, where that
// is more than 1. group may be nil. Without questions the result is the zero value with
// an interval of 0 to 1.
func One(right []float64, group []int32) Estimate {
	n := float64(len(right))
	if n == 0 {
		return Estimate{High: 1, Seeds: 1}
	}
	e := Estimate{Questions: len(right), Seeds: 1}
	for _, x := range right {
		e.Mean += x
	}
	e.Mean = min(e.Mean/n, 1)
	size := n
	if own := e.Mean * (1 - e.Mean) / n; own > 0 && group != nil {
		size /= max(1, groupVariance(right, group, e.Mean)/own)
	}
	// Wilson 1927.
	z2 := z95 * z95
	center := (e.Mean + z2/(2*size)) / (1 + z2/size)
	half := z95 / (1 + z2/size) * math.Sqrt(e.Mean*(1-e.Mean)/size+z2/(4*size*size))
	e.Low, e.High = max(0, min(e.Mean, center-half)), min(1, max(e.Mean, center+half))
	return e
}

// groupVariance is the variance of a mean of groups that were drawn: the linearized one of
// a ratio of sums (Cochran 1977, section 9A), sum over groups of (Σx - mean·n)² / N² · G/(G-1).
func groupVariance(right []float64, group []int32, mean float64) float64 {
	excess := map[int32]float64{}
	for i, x := range right {
		excess[group[i]] += x - mean
	}
	groups := float64(len(excess))
	if groups < 2 {
		return 0
	}
	// In the order of the groups: sums must not depend on a map's.
	var keys []int32
	for k := range excess {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	v := 0.0
	for _, k := range keys {
		v += excess[k] * excess[k]
	}
	n := float64(len(right))
	return v / (n * n) * groups / (groups - 1)
}

// Over combines the estimates of several seeds: their mean, and Student's interval. One
// alone is returned as it is.
func Over(seeds []Estimate) Estimate {
	if len(seeds) == 0 {
		return Estimate{High: 1}
	}
	if len(seeds) == 1 {
		return seeds[0]
	}
	means := make([]float64, len(seeds))
	e := Estimate{Seeds: len(seeds)}
	for i, s := range seeds {
		means[i] = s.Mean
		e.Questions += s.Questions
	}
	var half float64
	e.Mean, half = student(means)
	e.Low, e.High = max(0, e.Mean-half), min(1, e.Mean+half)
	return e
}

// Difference is the mean of a-b over pairs of the same seed, with Student's interval; with
// one seed the interval is that of two independent estimates.
func Difference(a, b []Estimate) (mean, low, high float64, err error) {
	if len(a) != len(b) || len(a) == 0 {
		return 0, 0, 0, fmt.Errorf("eval: the difference of %d and %d estimates", len(a), len(b))
	}
	d := make([]float64, len(a))
	for i := range d {
		d[i] = a[i].Mean - b[i].Mean
	}
	if len(d) == 1 {
		// Newcombe 1998, method 10: from the two Wilson intervals.
		down := math.Hypot(a[0].Mean-a[0].Low, b[0].High-b[0].Mean)
		up := math.Hypot(a[0].High-a[0].Mean, b[0].Mean-b[0].Low)
		return d[0], d[0] - down, d[0] + up, nil
	}
	mean, half := student(d)
	return mean, mean - half, mean + half, nil
}

// student returns the mean of at least two numbers and half of its 95% interval.
func student(x []float64) (mean, half float64) {
	n := float64(len(x))
	for _, v := range x {
		mean += v
	}
	mean /= n
	v := 0.0
	for _, y := range x {
		v += (y - mean) * (y - mean) / (n - 1)
	}
	return mean, distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.975) * math.Sqrt(v/n)
}

// Part is the estimates of some questions, one a temperature.
type Part struct {
	Name string     `json:"name"`
	At   []Estimate `json:"at"`
}

// Report is a model's result, or that of a group of seeds, in parts.
type Report struct {
	Temperatures []float64  `json:"temperatures"`
	All          []Estimate `json:"all"` // one a temperature
	Relations    []Part     `json:"relations"`
	// Popularity divides questions by how many facts their most popular right answer is the
	// tail of: 1, 2-3, 4-7, ...
	Popularity []Part `json:"popularity"`
	// Areas are the areas of expertise; Spread says how many of them have what greedy accuracy:
	// Spread[i] is the number in [i/10, (i+1)/10), the last for 1 alone.
	Areas  int     `json:"areas"`
	Spread [11]int `json:"spread"`
}

// NewReport sums up a result. relation is the name of each relation.
func NewReport(r *Result, questions []Question, relation []string) *Report {
	rep := &Report{Temperatures: r.Temperatures}
	area := make([]int32, len(questions))
	everything := make([]int, len(questions))
	byRelation, byPopularity := map[int][]int{}, map[int][]int{}
	for i := range questions {
		q := &questions[i]
		area[i], everything[i] = q.Area, i
		byRelation[int(q.Relation)] = append(byRelation[int(q.Relation)], i)
		bin := 0
		for p := q.Popularity; p > 1; p /= 2 {
			bin++
		}
		byPopularity[bin] = append(byPopularity[bin], i)
	}
	var group []int32 // those of a part
	if len(area) > 0 && slices.Max(area) >= 0 {
		group = area
	}
	part := func(name string, of []int) Part {
		p := Part{Name: name}
		right, in := make([]float64, len(of)), make([]int32, len(of))
		for t := range r.Temperatures {
			for i, q := range of {
				right[i], in[i] = r.Right[t][q], area[q]
			}
			g := in
			if group == nil {
				g = nil
			}
			p.At = append(p.At, One(right, g))
		}
		return p
	}
	rep.All = part("", everything).At
	for _, k := range sortedKeys(byRelation) {
		rep.Relations = append(rep.Relations, part(relation[k], byRelation[k]))
	}
	for _, k := range sortedKeys(byPopularity) {
		name := "1"
		if k > 0 {
			name = fmt.Sprintf("%d-%d", 1<<k, 2<<k-1)
		}
		rep.Popularity = append(rep.Popularity, part(name, byPopularity[k]))
	}
	if greedy := slices.Index(r.Temperatures, 0); greedy >= 0 && group != nil {
		for _, a := range Areas(r.Right[greedy], area) {
			rep.Areas++
			rep.Spread[int(10*a.Mean+1e-9)]++
		}
	}
	return rep
}

func sortedKeys(m map[int][]int) []int {
	var keys []int
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// AreaMean is the mean of an area's questions.
type AreaMean struct {
	Area      int32   `json:"area"`
	Questions int     `json:"questions"`
	Mean      float64 `json:"mean"`
}

// Areas returns the means of all areas that have questions, ascending.
func Areas(right []float64, area []int32) []AreaMean {
	at := map[int32]int{}
	var all []AreaMean
	for i, x := range right {
		k, ok := at[area[i]]
		if !ok {
			k = len(all)
			at[area[i]] = k
			all = append(all, AreaMean{Area: area[i]})
		}
		all[k].Questions++
		all[k].Mean += x
	}
	for i := range all {
		all[i].Mean /= float64(all[i].Questions)
	}
	slices.SortFunc(all, func(a, b AreaMean) int { return int(a.Area) - int(b.Area) })
	return all
}

// Combine joins the reports of several seeds: estimates by Over, part by part. Parts that
// a seed's graph lacks are combined over the seeds that have them.
func Combine(reports []*Report) (*Report, error) {
	if len(reports) == 0 {
		return nil, fmt.Errorf("eval: no reports to combine")
	}
	out := &Report{Temperatures: reports[0].Temperatures}
	parts := func(of func(*Report) []Part) []Part {
		var names []string
		all := map[string][][]Estimate{}
		for _, r := range reports {
			for _, p := range of(r) {
				if all[p.Name] == nil {
					names = append(names, p.Name)
				}
				all[p.Name] = append(all[p.Name], p.At)
			}
		}
		var combined []Part
		for _, name := range names {
			combined = append(combined, Part{name, overEach(all[name])})
		}
		return combined
	}
	var all [][]Estimate
	for _, r := range reports {
		if !slices.Equal(r.Temperatures, out.Temperatures) {
			return nil, fmt.Errorf("eval: reports at the temperatures %v and %v cannot be combined", out.Temperatures, r.Temperatures)
		}
		all = append(all, r.All)
		out.Areas += r.Areas
		for i, n := range r.Spread {
			out.Spread[i] += n
		}
	}
	out.All = overEach(all)
	out.Relations = parts(func(r *Report) []Part { return r.Relations })
	out.Popularity = parts(func(r *Report) []Part { return r.Popularity })
	return out, nil
}

// overEach is Over at each temperature; seeds[s][t].
func overEach(seeds [][]Estimate) []Estimate {
	var out []Estimate
	for t := range seeds[0] {
		var at []Estimate
		for _, s := range seeds {
			at = append(at, s[t])
		}
		out = append(out, Over(at))
	}
	return out
}

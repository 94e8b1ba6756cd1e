package ideal

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Estimate is a mean over positions with its 95% interval, from resampling games.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Above reports that the whole interval is above x.
func (e Estimate) Above(x float64) bool { return e.Low > x }

// Below reports that the whole interval is below x.
func (e Estimate) Below(x float64) bool { return e.High < x }

// resamples of the bootstrap; at 2,000 the ends of an interval vary by a few
// hundredths of its length.
const (
	resamples     = 2_000
	bootstrapSeed = 0x626f6f74
)

// resample applies statistics to the means over positions of what x gives for each game, n numbers,
// in a part: to all games, and to resampled ones, sorted for each statistic. false where the part
// has no positions.
func (e *Evaluation) resample(part Part, n int, x func(game *gameSums, out []float64), statistics int, apply func(means, out []float64)) (values []float64, drawn [][]float64, ok bool) {
	games := len(e.games)
	sums := make([]float64, games*n)
	for i := range e.games {
		x(&e.games[i], sums[i*n:(i+1)*n])
	}
	means, values := make([]float64, n), make([]float64, statistics)
	at := func(pick func(i int) int) bool {
		clear(means)
		count := 0.0
		for i := range games {
			g := pick(i)
			count += e.games[g].n[part]
			for k, v := range sums[g*n : (g+1)*n] {
				means[k] += v
			}
		}
		for k := range means {
			means[k] /= count
		}
		apply(means, values)
		return count > 0
	}
	drawn = make([][]float64, statistics)
	rng := rand.New(rand.NewPCG(bootstrapSeed, uint64(games)))
	for range resamples {
		if at(func(int) int { return rng.IntN(games) }) {
			for k, v := range values {
				drawn[k] = append(drawn[k], v)
			}
		}
	}
	for k := range drawn {
		slices.Sort(drawn[k])
	}
	ok = at(func(i int) int { return i }) && len(drawn[0]) > 0
	return values, drawn, ok
}

// quantile of sorted numbers.
func quantile(sorted []float64, q float64) float64 {
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

// mean is a mean over the positions of a part with its interval.
func (e *Evaluation) mean(part Part, x func(game *gameSums) float64) Estimate {
	values, drawn, ok := e.resample(part, 1, func(g *gameSums, out []float64) { out[0] = x(g) }, 1, func(means, out []float64) { out[0] = means[0] })
	if !ok {
		return Estimate{}
	}
	return Estimate{values[0], quantile(drawn[0], 0.025), quantile(drawn[0], 0.975)}
}

// Count returns how many positions a part has.
func (e *Evaluation) Count(part Part) int {
	n := 0.0
	for i := range e.games {
		n += e.games[i].n[part]
	}
	return int(n)
}

// total is a metric of a row, averaged over the positions of a part.
func (e *Evaluation) total(row int, metric Metric, part Part) float64 {
	sum, n := 0.0, 0.0
	for i := range e.games {
		sum += e.games[i].rows[row][part][metric]
		n += e.games[i].n[part]
	}
	return sum / n
}

// Mean is a metric of a row, averaged over the positions of a part.
func (e *Evaluation) Mean(row int, metric Metric, part Part) Estimate {
	return e.mean(part, func(g *gameSums) float64 { return g.rows[row][part][metric] })
}

// Difference is a metric of row a less that of row b, in the same positions.
func (e *Evaluation) Difference(a, b int, metric Metric, part Part) Estimate {
	return e.mean(part, func(g *gameSums) float64 { return g.rows[a][part][metric] - g.rows[b][part][metric] })
}

// AboveBest is the reward of a row less that of the best expert, R(f) - max_i R(f_i): above 0 it
// transcends on these positions.
//
// That is the smallest of the differences from each expert. The interval's lower end is the lowest
// lower end of theirs: all of them are above 0 when it is (an intersection-union test, which needs no
// correction). The upper end is the lowest upper end of theirs, corrected for their number. Picking the best
// expert in each resample anew would not do: of many equal ones the best by chance is too good.
func (e *Evaluation) AboveBest(row int, part Part) Estimate {
	experts := e.experts()
	n := len(experts)
	values, drawn, ok := e.resample(part, n, func(g *gameSums, out []float64) {
		for i, x := range experts {
			out[i] = g.rows[row][part][Reward] - g.rows[x][part][Reward]
		}
	}, n, func(means, out []float64) { copy(out, means) })
	if !ok {
		return Estimate{}
	}
	est := Estimate{math.Inf(1), math.Inf(1), math.Inf(1)}
	for i := range values {
		est.Value = min(est.Value, values[i])
		est.Low = min(est.Low, quantile(drawn[i], 0.025))
		est.High = min(est.High, quantile(drawn[i], 1-0.025/float64(n)))
	}
	return est
}

// experts are the rows of experts: the first ones.
func (e *Evaluation) experts() (rows []int) {
	for i, r := range e.Rows {
		if r.Kind == "expert" {
			rows = append(rows, i)
		}
	}
	return rows
}

// Theorem is the left side of Theorem 2.1 (Abreu et al. 2025), which must be above 0 when the
// mixture itself, at temperature 1, transcends: E[(r_x(f_a)-r_x(f_b)) (g(a|x)-g(b|x))] > 0 for two
// experts a and b. For k of them the same proof, adding up R(fbar)-R(f_a) > 0 over all a, asks that
// its sum over all pairs be positive. g is the posterior: how likely a game that came here is that
// expert's.
func (e *Evaluation) Theorem(part Part) Estimate {
	return e.mean(part, func(g *gameSums) float64 { return g.theorem[part] })
}

// TheoremPair is the theorem's left side for two experts by their rows, false when the pool has too
// many kinds of experts.
func (e *Evaluation) TheoremPair(a, b int, part Part) (Estimate, bool) {
	kinds := len(e.experts())
	if kinds > maxPairKinds || a == b {
		return Estimate{}, false
	}
	if a < b {
		a, b = b, a
	}
	return e.mean(part, func(g *gameSums) float64 { return g.pairs[a*kinds+b][part] }), true
}

// Weight is the mean posterior of the experts that a row stands for: how many of the moves are
// theirs.
func (e *Evaluation) Weight(expert int, part Part) Estimate {
	return e.mean(part, func(g *gameSums) float64 { return g.weights[expert][part] })
}

// DifferingArgmax is the share of positions in which the argmax over moves is not that over
// characters.
func (e *Evaluation) DifferingArgmax(posterior bool, part Part) Estimate {
	i := 0
	if posterior {
		i = 1
	}
	return e.mean(part, func(g *gameSums) float64 { return g.differ[i][part] })
}

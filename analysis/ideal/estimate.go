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

// estimate applies a statistic of sums over games to all games and to resampled ones. total
// returns the mean over positions of what x gives for each game, in the part.
func (e *Evaluation) estimate(part Part, n int, x func(game *gameSums, out []float64), statistic func(means []float64) float64) Estimate {
	games := len(e.games)
	values := make([]float64, games*n)
	for i := range e.games {
		x(&e.games[i], values[i*n:(i+1)*n])
	}
	means := make([]float64, n)
	at := func(pick func(i int) int) float64 {
		clear(means)
		count := 0.0
		for i := range games {
			g := pick(i)
			count += e.games[g].n[part]
			for k, v := range values[g*n : (g+1)*n] {
				means[k] += v
			}
		}
		if count == 0 {
			return math.NaN()
		}
		for k := range means {
			means[k] /= count
		}
		return statistic(means)
	}
	value := at(func(i int) int { return i })
	rng := rand.New(rand.NewPCG(bootstrapSeed, uint64(games)))
	drawn := make([]float64, 0, resamples)
	for range resamples {
		if v := at(func(int) int { return rng.IntN(games) }); !math.IsNaN(v) {
			drawn = append(drawn, v)
		}
	}
	if math.IsNaN(value) || len(drawn) == 0 {
		return Estimate{}
	}
	slices.Sort(drawn)
	end := func(q float64) float64 { return drawn[int(q*float64(len(drawn)-1)+0.5)] }
	return Estimate{value, end(0.025), end(0.975)}
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
	return e.estimate(part, 1, func(g *gameSums, out []float64) { out[0] = g.rows[row][part][metric] },
		func(means []float64) float64 { return means[0] })
}

// Difference is a metric of row a less that of row b, in the same positions.
func (e *Evaluation) Difference(a, b int, metric Metric, part Part) Estimate {
	return e.estimate(part, 1, func(g *gameSums, out []float64) { out[0] = g.rows[a][part][metric] - g.rows[b][part][metric] },
		func(means []float64) float64 { return means[0] })
}

// AboveBest is the reward of a row less that of the best expert, R(f) - max_i R(f_i): above 0 it
// transcends on these positions. Which expert is best is decided in each resample anew.
func (e *Evaluation) AboveBest(row int, part Part) Estimate {
	experts := e.experts()
	return e.estimate(part, len(experts)+1, func(g *gameSums, out []float64) {
		out[0] = g.rows[row][part][Reward]
		for i, x := range experts {
			out[i+1] = g.rows[x][part][Reward]
		}
	}, func(means []float64) float64 { return means[0] - slices.Max(means[1:]) })
}

// BestExpert returns the row of the expert with the highest reward in a part.
func (e *Evaluation) BestExpert(part Part) int {
	best, at := math.Inf(-1), 0
	for _, row := range e.experts() {
		total := 0.0
		for i := range e.games {
			total += e.games[i].rows[row][part][Reward]
		}
		if total > best {
			best, at = total, row
		}
	}
	return at
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

// Find returns the row of a mixture, -1 when there is none.
func (e *Evaluation) Find(tau float64, posterior, characters bool) int {
	return slices.Index(e.Rows, Row{
		Name: mixtureName(tau, posterior, characters), Kind: "mixture", Tau: tau, Posterior: posterior, Characters: characters,
	})
}

// Theorem is the left side of Theorem 2.1 (Abreu et al. 2025), which must be above 0 when the
// mixture itself, at temperature 1, transcends: E[(r_x(f_a)-r_x(f_b)) (g(a|x)-g(b|x))] > 0 for two
// experts a and b. For k of them the same proof, adding up R(fbar)-R(f_a) > 0 over all a, asks that
// its sum over all pairs be positive. g is the posterior: how likely a game that came here is that
// expert's.
func (e *Evaluation) Theorem(part Part) Estimate {
	return e.estimate(part, 1, func(g *gameSums, out []float64) { out[0] = g.theorem[part] },
		func(means []float64) float64 { return means[0] })
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
	return e.estimate(part, 1, func(g *gameSums, out []float64) { out[0] = g.pairs[a*kinds+b][part] },
		func(means []float64) float64 { return means[0] }), true
}

// Weight is the mean posterior of the experts that a row stands for: how many of the moves are
// theirs.
func (e *Evaluation) Weight(expert int, part Part) Estimate {
	return e.estimate(part, 1, func(g *gameSums, out []float64) { out[0] = g.weights[expert][part] },
		func(means []float64) float64 { return means[0] })
}

// DifferingArgmax is the share of positions in which the argmax over moves is not that over
// characters.
func (e *Evaluation) DifferingArgmax(posterior bool, part Part) Estimate {
	i := 0
	if posterior {
		i = 1
	}
	return e.estimate(part, 1, func(g *gameSums, out []float64) { out[0] = g.differ[i][part] },
		func(means []float64) float64 { return means[0] })
}

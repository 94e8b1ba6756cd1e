// Package multinomial has the maximum-likelihood arithmetic of counts of games
// (loss, draw, win) or pairs of games (0 to 2 points in halves) under a
// constraint: what intervals for a score and sequential tests are made of.
package multinomial

import "math"

// Score is the score of category i of k: equally spaced from 0 to 1.
func Score(i, k int) float64 { return float64(i) / float64(k-1) }

// Total is the sum of the counts.
func Total(counts []float64) float64 {
	sum := 0.0
	for _, n := range counts {
		sum += n
	}
	return sum
}

// Moments are the mean and the (biased) variance of the score, and the
// standardized third and fourth moments (skewness, kurtosis; 0 without
// variance), of the distribution proportional to weights.
func Moments(weights []float64) (mean, variance, skewness, kurtosis float64) {
	n := Total(weights)
	for i, w := range weights {
		mean += w * Score(i, len(weights)) / n
	}
	m3, m4 := 0.0, 0.0
	for i, w := range weights {
		d := Score(i, len(weights)) - mean
		variance += w * d * d / n
		m3 += w * d * d * d / n
		m4 += w * d * d * d * d / n
	}
	if variance > 0 {
		skewness, kurtosis = m3/math.Pow(variance, 1.5), m4/(variance*variance)
	}
	return mean, variance, skewness, kurtosis
}

// Constrained stores in p the distribution that maximizes sum counts_i log p_i
// under sum p_i phi_i = 0. phi must take both signs (or 0 where there are
// counts). Its form is p_i = counts_i / (n + theta phi_i) (Van den Bergh,
// "Comments on Normalized Elo", proposition 1.1; Owen, Empirical Likelihood,
// section 2.9). Where the counts lie on one side of the constraint, the
// category without counts that is farthest on the other side takes the rest of
// the mass.
func Constrained(counts, phi, p []float64) {
	n := Total(counts)
	least, most := 0, 0
	for i := range phi {
		if phi[i] < phi[least] {
			least = i
		}
		if phi[i] > phi[most] {
			most = i
		}
	}
	slope := func(theta float64) (value, derivative float64) {
		for i, c := range counts {
			if c > 0 {
				d := n + theta*phi[i]
				value += c * phi[i] / d
				derivative -= c * phi[i] * phi[i] / (d * d)
			}
		}
		return value, derivative
	}
	// The slope falls with theta between its poles. At an end where the extreme
	// category is empty there is no pole, and the end itself is the answer when
	// the slope has not changed sign there.
	lo, hi := -n/phi[most], -n/phi[least]
	theta, rest := 0.0, -1
	atLow, atHigh := math.Inf(1), math.Inf(-1)
	if counts[most] == 0 {
		atLow, _ = slope(lo)
	}
	if counts[least] == 0 {
		atHigh, _ = slope(hi)
	}
	switch {
	case atLow <= 0:
		theta, rest = lo, most
	case atHigh >= 0:
		theta, rest = hi, least
	default:
		// Newton's method inside a bracket; theta = 0 is inside.
		for range 200 {
			value, derivative := slope(theta)
			if value > 0 {
				lo = theta
			} else {
				hi = theta
			}
			next := theta - value/derivative
			if !(next > lo && next < hi) {
				next = lo + (hi-lo)/2
			}
			done := math.Abs(next-theta) <= 1e-15*n || next <= lo || next >= hi
			theta = next
			if done {
				break
			}
		}
	}
	sum := 0.0
	for i, c := range counts {
		p[i] = 0
		if c > 0 {
			p[i] = c / (n + theta*phi[i])
			sum += p[i]
		}
	}
	if rest >= 0 {
		p[rest] = max(0, 1-sum)
	}
}

// LogLikelihood is sum counts_i log p_i over the categories with counts.
func LogLikelihood(counts, p []float64) float64 {
	sum := 0.0
	for i, c := range counts {
		if c > 0 {
			sum += c * math.Log(p[i])
		}
	}
	return sum
}

// scoreRatio is 2 (l(max) - l(s)), l(s) being the highest log-likelihood of
// any distribution over the categories whose mean score is s, 0 < s < 1.
func scoreRatio(counts []float64, s float64) float64 {
	k, n := len(counts), Total(counts)
	phi, p := make([]float64, k), make([]float64, k)
	for i := range phi {
		phi[i] = Score(i, k) - s
	}
	Constrained(counts, phi, p)
	ratio := -2 * LogLikelihood(counts, p)
	for _, c := range counts {
		if c > 0 {
			ratio += 2 * c * math.Log(c/n)
		}
	}
	return max(ratio, 0)
}

// ScoreInterval holds every mean score s with scoreRatio(s) <= limit. counts
// must have some.
func ScoreInterval(counts []float64, limit float64) (low, high float64) {
	mean, _, _, _ := Moments(counts)
	edge := func(inside, outside float64) float64 {
		for range 100 {
			mid := inside + (outside-inside)/2
			if mid == inside || mid == outside {
				break
			}
			if scoreRatio(counts, mid) <= limit {
				inside = mid
			} else {
				outside = mid
			}
		}
		return inside
	}
	low, high = mean, mean
	if mean > 0 {
		low = edge(mean, 0)
	}
	if mean < 1 {
		high = edge(mean, 1)
	}
	return low, high
}

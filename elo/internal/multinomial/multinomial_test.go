package multinomial

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestConstrained: the result is a distribution, obeys the constraint, and no other
// one that does is likelier.
func TestConstrained(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for trial := range 2000 {
		k := []int{3, 5}[trial%2]
		counts, phi, p := make([]float64, k), make([]float64, k), make([]float64, k)
		for i := range counts {
			if rng.IntN(3) > 0 {
				counts[i] = float64(rng.IntN(50))
			}
		}
		counts[rng.IntN(k)]++
		s := 0.02 + 0.96*rng.Float64()
		for i := range phi {
			phi[i] = Score(i, k) - s
		}
		Constrained(counts, phi, p)
		sum, mean := 0.0, 0.0
		for i := range p {
			sum += p[i]
			mean += p[i] * Score(i, k)
			if p[i] < 0 || counts[i] > 0 && p[i] == 0 {
				t.Fatalf("%v at %v: %v", counts, s, p)
			}
		}
		if math.Abs(sum-1) > 1e-9 || math.Abs(mean-s) > 1e-9 {
			t.Fatalf("%v at %v: %v has sum %v, mean %v", counts, s, p, sum, mean)
		}
		best := LogLikelihood(counts, p)
		// Moves that keep sum and mean: along the second difference of three categories.
		for range 20 {
			q := append([]float64(nil), p...)
			i := rng.IntN(k - 2)
			step := (rng.Float64() - 0.5) * 0.1
			q[i] += step
			q[i+1] -= 2 * step
			q[i+2] += step
			if q[i] < 0 || q[i+1] < 0 || q[i+2] < 0 {
				continue
			}
			if l := LogLikelihood(counts, q); l > best+1e-9 {
				t.Fatalf("%v at %v: %v with %v is beaten by %v with %v", counts, s, p, best, q, l)
			}
		}
	}
}

func TestMoments(t *testing.T) {
	for _, c := range []struct {
		weights                            []float64
		mean, variance, skewness, kurtosis float64
	}{
		{[]float64{1, 2, 1}, 0.5, 1.0 / 8, 0, 2},
		{[]float64{3, 0, 1}, 0.25, 3.0 / 16, 2 / math.Sqrt(3), 7.0 / 3}, // a Bernoulli's (1-2p)/sqrt(pq), 3+(1-6pq)/pq
		{[]float64{1, 1, 1, 1, 1}, 0.5, 1.0 / 8, 0, 1.7},                // a uniform one's 3-6/5·(n²+1)/(n²-1)
		{[]float64{0, 7, 0}, 0.5, 0, 0, 0},
	} {
		mean, variance, skewness, kurtosis := Moments(c.weights)
		for _, d := range []float64{mean - c.mean, variance - c.variance, skewness - c.skewness, kurtosis - c.kurtosis} {
			if math.Abs(d) > 1e-12 {
				t.Errorf("%v: %v, %v, %v, %v; want %+v", c.weights, mean, variance, skewness, kurtosis, c)
				break
			}
		}
	}
}

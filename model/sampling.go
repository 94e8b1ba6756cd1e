package model

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Sampling says how a token is drawn from logits. The zero value is argmax.
//
// The filters apply in this order: the allowed ids, the temperature, the TopK
// most likely, the TopP nucleus; what remains is renormalized. Ties go to the
// lower id throughout.
type Sampling struct {
	// Temperature divides the logits. 0 chooses the largest logit. Any
	// positive value is safe, however small.
	Temperature float64
	// TopK keeps the k largest logits; 0 keeps all.
	TopK int
	// TopP keeps the smallest set of most likely ids whose probabilities sum
	// to at least TopP; 0 and 1 keep all.
	TopP float64
}

// ErrSampling is what every error about an impossible Sampling wraps.
var ErrSampling = errors.New("impossible sampling settings")

// Validate reports the first thing that is wrong with s.
func (s Sampling) Validate() error {
	switch {
	case !(s.Temperature >= 0) || math.IsInf(s.Temperature, 1):
		return fmt.Errorf("model: %w: temperature %v, want 0 or a positive number", ErrSampling, s.Temperature)
	case s.TopK < 0:
		return fmt.Errorf("model: %w: top-k %d, want 0 (off) or more", ErrSampling, s.TopK)
	case !(s.TopP >= 0 && s.TopP <= 1):
		return fmt.Errorf("model: %w: top-p %v, want 0 (off) to 1", ErrSampling, s.TopP)
	}
	return nil
}

// permitted reports whether id may be drawn. A NaN never is.
func permitted(logits []float32, allow []bool, id int) bool {
	return (allow == nil || id < len(allow) && allow[id]) && logits[id] == logits[id] && !math.IsInf(float64(logits[id]), -1)
}

// argmax is the permitted id with the largest logit, or -1.
func argmax(logits []float32, allow []bool) int {
	best := -1
	for id, x := range logits {
		if permitted(logits, allow, id) && (best < 0 || x > logits[best]) {
			best = id
		}
	}
	return best
}

// Sample draws an id, or -1 when allow permits none. allow has one entry for
// each logit; nil permits all. It uses exactly one number of rng, and none at
// temperature 0, where rng may be nil.
func (s Sampling) Sample(logits []float32, allow []bool, rng *rand.Rand) int {
	best := argmax(logits, allow)
	if best < 0 || s.Temperature == 0 {
		return best
	}
	if s.TopK > 0 || s.TopP > 0 && s.TopP < 1 {
		return draw(s.Probabilities(nil, logits, allow), rng.Float64())
	}
	// Without filters no memory is needed: sum, then walk to the drawn point.
	total := 0.0
	for id := range logits {
		if permitted(logits, allow, id) {
			total += s.weight(logits[id], logits[best])
		}
	}
	point := rng.Float64() * total
	last := best
	for id := range logits {
		if !permitted(logits, allow, id) {
			continue
		}
		w := s.weight(logits[id], logits[best])
		if w == 0 {
			continue
		}
		last = id
		if point -= w; point < 0 {
			return id
		}
	}
	return last // rounding left a remainder
}

// weight is e^((x−largest)/T). The exponent is never positive, so it cannot
// overflow; two equal logits have the same weight even when infinite.
func (s Sampling) weight(x, largest float32) float64 {
	if x == largest {
		return 1
	}
	return math.Exp((float64(x) - float64(largest)) / s.Temperature)
}

// draw returns the index at which the running sum of p passes u.
func draw(p []float64, u float64) int {
	last := -1
	for i, x := range p {
		if x == 0 {
			continue
		}
		last = i
		if u -= x; u < 0 {
			return i
		}
	}
	return last
}

// Probabilities returns the distribution that Sample draws from, in dst when
// it is large enough. Ids that cannot be drawn have exactly 0; when allow
// permits none, all have.
func (s Sampling) Probabilities(dst []float64, logits []float32, allow []bool) []float64 {
	p := grow(dst, len(logits))
	clear(p)
	best := argmax(logits, allow)
	if best < 0 {
		return p
	}
	if s.Temperature == 0 {
		p[best] = 1
		return p
	}
	for id := range logits {
		if permitted(logits, allow, id) {
			p[id] = s.weight(logits[id], logits[best])
		}
	}
	nucleus := s.TopP > 0 && s.TopP < 1
	if s.TopK > 0 || nucleus {
		var order []int // most likely first
		for id, x := range p {
			if x > 0 {
				order = append(order, id)
			}
		}
		// By logit, not by weight, which may round two logits to one.
		slices.SortStableFunc(order, func(a, b int) int {
			switch {
			case logits[a] > logits[b]:
				return -1
			case logits[a] < logits[b]:
				return 1
			}
			return 0
		})
		if s.TopK > 0 && s.TopK < len(order) {
			order = cut(p, order, s.TopK)
		}
		if nucleus {
			total := 0.0
			for _, id := range order {
				total += p[id]
			}
			sum := 0.0
			for i, id := range order {
				sum += p[id]
				if sum >= s.TopP*total {
					cut(p, order, i+1)
					break
				}
			}
		}
	}
	total := 0.0
	for _, x := range p {
		total += x
	}
	for id := range p {
		p[id] /= total
	}
	return p
}

// cut zeroes all but the first n ids of order and returns those.
func cut(p []float64, order []int, n int) []int {
	for _, id := range order[n:] {
		p[id] = 0
	}
	return order[:n]
}

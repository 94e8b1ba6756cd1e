// Package sampling draws tokens from a model's logits: temperature, top-k, top-p and masks,
// in one pass over the logits and without allocating.
package sampling

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"transcend/model/internal/vec"
)

// Settings says how a token is drawn from logits. The zero value is argmax.
//
// The filters apply in this order: the allowed ids, the temperature, the TopK
// most likely, the TopP nucleus; what remains is renormalized. Ties go to the
// lower id throughout.
type Settings struct {
	// Temperature divides the logits. 0 chooses the largest logit. Any
	// positive value is safe, however small.
	Temperature float64
	// TopK keeps the k largest logits; 0 keeps all.
	TopK int
	// TopP keeps the smallest set of most likely ids whose probabilities sum
	// to at least TopP; 0 and 1 keep all.
	TopP float64
}

// ErrSettings is what every error about an impossible Settings wraps.
var ErrSettings = errors.New("impossible sampling settings")

// Validate reports the first thing that is wrong with s.
func (s Settings) Validate() error {
	switch {
	case !(s.Temperature >= 0) || math.IsInf(s.Temperature, 1):
		return fmt.Errorf("sampling: %w: temperature %v, want 0 or a positive number", ErrSettings, s.Temperature)
	case s.TopK < 0:
		return fmt.Errorf("sampling: %w: top-k %d, want 0 (off) or more", ErrSettings, s.TopK)
	case !(s.TopP >= 0 && s.TopP <= 1):
		return fmt.Errorf("sampling: %w: top-p %v, want 0 (off) to 1", ErrSettings, s.TopP)
	}
	return nil
}

// candidates are the ids that may be drawn, in order, and their weights:
// e^((x−largest)/T), 0 for those that a filter took away. Exponents are never
// positive, so none overflows; equal logits have equal weights even when infinite.
type candidates struct {
	ids     []int32
	weights []float32
	order   []int32 // indices of ids, for the filters
}

// pooled lends candidates to calls of Sample and Probabilities.
var pooled = sync.Pool{New: func() any { return new(candidates) }}

// collect is the one pass over the logits: it sets ids to the permitted ones
// (allow nil permits all, a NaN and -Inf never are), weights to their logits, and
// returns the index of the largest, the first among equals, or -1.
func (c *candidates) collect(logits []float32, allow []bool) (best int) {
	c.ids, c.weights = slices.Grow(c.ids[:0], len(logits))[:len(logits)], slices.Grow(c.weights[:0], len(logits))[:len(logits)]
	n, best := 0, -1
	largest := negativeInfinity
	if allow != nil {
		logits = logits[:min(len(logits), len(allow))]
	}
	for id, x := range logits {
		if allow != nil && !allow[id] || !(x > negativeInfinity) {
			continue
		}
		c.ids[n], c.weights[n] = int32(id), x
		if x > largest {
			best, largest = n, x
		}
		n++
	}
	c.ids, c.weights = c.ids[:n], c.weights[:n]
	return best
}

var negativeInfinity = float32(math.Inf(-1))

// weigh sets the weights of the candidates at a positive temperature and returns
// the index of the largest logit, or -1 when there are none. Only what is
// permitted costs an exponential.
func (s Settings) weigh(c *candidates, logits []float32, allow []bool) (best int) {
	best = c.collect(logits, allow)
	if best < 0 {
		return best
	}
	largest, inverse := float64(c.weights[best]), 1/s.Temperature
	for i, x := range c.weights {
		d := float64(x) - largest
		if float64(x) == largest {
			d = 0 // of infinities, too
		} else {
			d = max(d*inverse, -1000) // not 0·∞; e^-1000 is 0
		}
		c.weights[i] = float32(d)
	}
	vec.ExpSum(c.weights, c.weights, 0)
	s.filter(c, logits)
	return best
}

// filter takes away what TopK and TopP do not keep.
func (s Settings) filter(c *candidates, logits []float32) {
	nucleus := s.TopP > 0 && s.TopP < 1
	if s.TopK == 0 && !nucleus {
		return
	}
	order := slices.Grow(c.order[:0], len(c.ids)) // most likely first
	for i, w := range c.weights {
		if w > 0 {
			order = append(order, int32(i))
		}
	}
	c.order = order
	// By logit, not by weight, which may round two logits to one.
	slices.SortStableFunc(order, func(a, b int32) int {
		return cmp.Compare(logits[c.ids[b]], logits[c.ids[a]])
	})
	if s.TopK > 0 && s.TopK < len(order) {
		order = c.cut(order, s.TopK)
	}
	if !nucleus {
		return
	}
	total := 0.0
	for _, i := range order {
		total += float64(c.weights[i])
	}
	sum := 0.0
	for n, i := range order {
		sum += float64(c.weights[i])
		if sum >= s.TopP*total {
			c.cut(order, n+1)
			return
		}
	}
}

// cut takes the weight of all but the first n of order and returns those.
func (c *candidates) cut(order []int32, n int) []int32 {
	for _, i := range order[n:] {
		c.weights[i] = 0
	}
	return order[:n]
}

// total is the sum of the weights.
func (c *candidates) total() float64 {
	sum := 0.0
	for _, w := range c.weights {
		sum += float64(w)
	}
	return sum
}

// Sample draws an id, or -1 when allow permits none. allow has one entry for
// each logit; nil permits all. It uses exactly one number of rng, and none at
// temperature 0, where rng may be nil. It goes over the logits once, and what
// comes after, exponentials included, is for the permitted ids alone.
func (s Settings) Sample(logits []float32, allow []bool, rng *rand.Rand) int {
	c := pooled.Get().(*candidates)
	defer pooled.Put(c)
	return s.sample(c, logits, allow, rng)
}

// sample is Sample in the memory of c.
func (s Settings) sample(c *candidates, logits []float32, allow []bool, rng *rand.Rand) int {
	if s.Temperature == 0 {
		best := c.collect(logits, allow)
		if best < 0 {
			return -1
		}
		return int(c.ids[best])
	}
	last := s.weigh(c, logits, allow)
	if last < 0 {
		return -1
	}
	point := rng.Float64() * c.total()
	for i, w := range c.weights {
		if w == 0 {
			continue
		}
		last = i
		if point -= float64(w); point < 0 {
			break
		}
	}
	return int(c.ids[last]) // the last one if rounding left a remainder
}

// Probabilities returns the distribution that Sample draws from, in dst when
// it is large enough. Ids that cannot be drawn have exactly 0; when allow
// permits none, all have. Probabilities below 1e-38 of the largest are 0.
func (s Settings) Probabilities(dst []float64, logits []float32, allow []bool) []float64 {
	p := slices.Grow(dst[:0], len(logits))[:len(logits)]
	clear(p)
	c := pooled.Get().(*candidates)
	defer pooled.Put(c)
	if s.Temperature == 0 {
		if best := c.collect(logits, allow); best >= 0 {
			p[c.ids[best]] = 1
		}
		return p
	}
	if s.weigh(c, logits, allow) < 0 {
		return p
	}
	total := c.total()
	for i, id := range c.ids {
		p[id] = float64(c.weights[i]) / total
	}
	return p
}

package xla

import (
	"fmt"
	"math"
	"math/rand/v2"

	"transcend/model"
)

// Parity says how far a device is from the CPU engine in float32.
type Parity struct {
	Loss   float64 `json:"loss"`          // relative difference
	Worst  float64 `json:"worst"`         // largest relative difference of a tensor's gradient
	Tensor string  `json:"tensor"`        // whose it was
	Bound  float64 `json:"bound"`         // of Worst
	Of     float64 `json:"bound_of_loss"` // of Loss
}

// OK says whether the differences are within their bounds.
func (p Parity) OK() bool { return p.Loss <= p.Of && p.Worst <= p.Bound }

func (p Parity) String() string {
	return fmt.Sprintf("loss differs by %.2g (bound %.2g), gradients by at most %.2g (bound %.2g, %s)", p.Loss, p.Of, p.Worst, p.Bound, p.Tensor)
}

// RandomModel is a model whose weights are all as large as they become in training, so
// that no gradient is next to nothing.
func RandomModel(cfg model.Config, seed uint64) (*model.Model, error) {
	m, err := model.New(cfg, seed)
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(seed, 0x78))
	for _, t := range m.Tensors() {
		for i := range t.Data {
			if len(t.Shape) == 1 {
				t.Data[i] += float32(0.2 * rng.NormFloat64())
			} else {
				t.Data[i] = float32(0.5 / math.Sqrt(float64(t.Shape[0])) * rng.NormFloat64())
				if len(t.Shape) == 2 && t.Shape[0] > 4*cfg.Width { // embeddings
					t.Data[i] = float32(0.2 * rng.NormFloat64())
				}
			}
		}
	}
	return m, nil
}

// RandomBatch has segments of random lengths, or, whole, one a row, and some tokens
// without a target.
func RandomBatch(cfg model.Config, rows, context int, whole bool, seed uint64) *model.Batch {
	rng := rand.New(rand.NewPCG(seed, 0x79))
	b := &model.Batch{ExtraSlots: cfg.ExtraSlots}
	b.Resize(rows, context)
	for i := range b.Tokens {
		t := int32(i % context)
		if t == 0 {
			b.SegmentStart[i] = 0
		} else if b.SegmentStart[i] = b.SegmentStart[i-1]; !whole && rng.IntN(6) == 0 {
			b.SegmentStart[i] = t
		}
		b.Positions[i] = (t - b.SegmentStart[i]) % int32(cfg.Context)
		b.Tokens[i], b.Targets[i] = int32(rng.IntN(cfg.Vocab)), int32(rng.IntN(cfg.Vocab))
		if rng.IntN(5) == 0 {
			b.Targets[i] = -1
		}
		n := 0
		if cfg.ExtraSlots > 0 {
			n = rng.IntN(cfg.ExtraSlots + 1)
		}
		for s := range cfg.ExtraSlots {
			id := int32(-1)
			if s < n {
				id = int32(rng.IntN(cfg.ExtraVocab))
			}
			b.Extras[i*cfg.ExtraSlots+s] = id
		}
	}
	return b
}

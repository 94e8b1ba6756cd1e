//go:build xla

package xla

import (
	"math"
	"math/rand/v2"

	"transcend/model"
)

// Bounds of Check: the loss relative to the CPU engine's, and of each tensor's gradient
// the norm of the difference relative to the CPU engine's norm. Those of bf16 are what
// rounding to 8 bits gives a network of up to 16 blocks, with a factor of about two.
const (
	boundF32      = 1e-4
	boundBF16Loss = 5e-3
	boundBF16     = 5e-2
)

// Check computes loss and gradient of m on b on the device and in package model, where
// products have to be in float32, and compares them. The engine's state is m's afterwards.
func Check(e Engine, m *model.Model, b *model.Batch) (Parity, error) {
	en := e.(*engine)
	zeros := make([]float32, m.Config().NumParams())
	weights := make([]float32, 0, len(zeros))
	for _, t := range m.Tensors() {
		weights = append(weights, t.Data...)
	}
	if err := e.Load(model.EngineState{Weights: weights, Moment1: zeros, Moment2: zeros, Average: weights}); err != nil {
		return Parity{}, err
	}
	want, wantGrads, err := m.LossAndGradient(b)
	if err != nil {
		return Parity{}, err
	}
	got, grads, err := en.gradient(b)
	if err != nil {
		return Parity{}, err
	}
	p := Parity{Loss: math.Abs(got-want.Sum) / math.Abs(want.Sum), Bound: boundF32, Of: boundF32}
	if en.train.Precision == model.PrecisionBF16 {
		p.Bound, p.Of = boundBF16, boundBF16Loss
	}
	var all float64
	for _, t := range wantGrads {
		all += squares(t.Data, nil)
	}
	for i, t := range en.layout {
		// A gradient that is next to nothing is noise relative to itself.
		scale := max(math.Sqrt(squares(wantGrads[i].Data, nil)), 1e-4*math.Sqrt(all))
		d := math.Sqrt(squares(wantGrads[i].Data, grads[t.At:t.At+t.Size])) / scale
		if !(d <= p.Worst) {
			p.Worst, p.Tensor = d, t.Name
		}
	}
	if math.IsNaN(p.Loss) {
		p.Loss = math.Inf(1)
	}
	if math.IsNaN(p.Worst) {
		p.Worst = math.Inf(1)
	}
	return p, nil
}

// CheckDecoder decodes random tokens with m on the device and in package model, there in
// float32: sequences of different lengths, some taken back. Worst is of the logits, relative
// to the largest.
func CheckDecoder(d *Decoding, m *model.Model, o model.BatchOptions, seed uint64) (Parity, error) {
	p := Parity{Tensor: "logits", Bound: boundF32, Of: boundF32}
	if o.Weights == model.BF16 || o.Cache == model.BF16 {
		p.Bound = boundBF16
	}
	engine, err := d.New(m, o)
	if err != nil {
		return p, err
	}
	defer engine.Close()
	o.Engine = engine
	cfg := m.Config()
	rng := rand.New(rand.NewPCG(seed, 0x7a))
	decoders := [2]*model.BatchDecoder{m.NewBatchDecoder(o), m.NewBatchDecoder(model.BatchOptions{})}
	const n = 5
	var sequences [2][n]*model.Sequence
	for i, b := range decoders {
		for j := range n {
			sequences[i][j] = b.NewSequence()
		}
	}
	for range 12 {
		var steps [2][]model.Step
		for j := range n {
			s := sequences[1][j]
			if rng.IntN(4) == 0 {
				keep := rng.IntN(s.Len() + 1)
				s.Truncate(keep)
				sequences[0][j].Truncate(keep)
			}
			size := min(1+rng.IntN(1+cfg.Context/8), cfg.Context-s.Len())
			var tokens, extras []int32
			for range size {
				tokens = append(tokens, int32(rng.IntN(cfg.Vocab)))
				for range cfg.ExtraSlots {
					extras = append(extras, int32(rng.IntN(cfg.ExtraVocab)))
				}
			}
			for i := range steps {
				if size > 0 {
					steps[i] = append(steps[i], model.Step{Sequence: sequences[i][j], Tokens: tokens, Extras: extras})
				}
			}
		}
		for i, b := range decoders {
			if err := b.Append(steps[i]); err != nil {
				return p, err
			}
		}
		for k, want := range steps[1] {
			scale, worst := 0.0, 0.0
			for id, x := range want.Logits {
				scale = max(scale, math.Abs(float64(x)))
				if diff := math.Abs(float64(x) - float64(steps[0][k].Logits[id])); !(diff <= worst) {
					worst = diff
				}
			}
			if worst /= scale; !(worst <= p.Worst) {
				p.Worst = worst
			}
		}
	}
	if math.IsNaN(p.Worst) {
		p.Worst = math.Inf(1)
	}
	return p, nil
}

// squares is the sum of (a−b)²; b nil stands for zeros.
func squares(a, b []float32) float64 {
	s := 0.0
	for i, x := range a {
		d := float64(x)
		if b != nil {
			d -= float64(b[i])
		}
		s += d * d
	}
	return s
}

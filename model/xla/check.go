//go:build xla

package xla

import (
	"math"

	"transcend/model"
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
	p := Parity{Loss: math.Abs(got-want.Sum) / math.Abs(want.Sum), Bound: BoundF32, Of: BoundF32}
	if en.train.Precision == model.PrecisionBF16 {
		p.Bound, p.Of = BoundBF16, BoundBF16Loss
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

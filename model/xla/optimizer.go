//go:build xla

package xla

import (
	"errors"
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //lint:ignore ST1001 equations read like equations

	"transcend/internal/cli"
	"transcend/model"
)

// optimizers build the steps of model.Optimizers: from the state s, the gradients, which are
// clipped, and the step's rates, what next has of the tensors own, by their places in the
// layout.
var optimizers = map[string]func(u *update, own []int, s, next stateNodes, grads []*Node, rate func(int) *Node){
	model.OptimizerAdamW: (*update).adamW,
	model.OptimizerMuon:  (*update).muon,
}

// checkOptimizers refuses what package model can make steps of and the graph cannot.
func checkOptimizers(train model.TrainConfig, layout []model.LayoutTensor) error {
	for _, t := range layout {
		if name := train.OptimizerOf(t); optimizers[name] == nil {
			return cli.WithHint(fmt.Errorf("xla: the optimizer %q: %w", name, errors.ErrUnsupported), "train on the CPU: --device cpu")
		}
	}
	return nil
}

// rates are the numbers of one step that the host computes, in the order in which they
// lie in a row of the rates' tensor.
const (
	rateScale    = iota // of the loss: 1 / targets of the step
	rateDecay           // factor of decayed weights
	rateAdamStep        // learning rate over 1−β₁ᵗ
	rateAdamRoot        // 1/√(1−β₂ᵗ)
	rateMuonStep        // learning rate, to be multiplied by 0.2·√max(rows, columns)
	rateEMA             // share of the distance that the average moves
	rateCount
)

// rates computes them as the CPU engine does: in float64, then rounded.
func ratesOf(c model.TrainConfig, s model.EngineStep) [rateCount]float32 {
	t := float64(s.Step)
	return [rateCount]float32{
		rateScale:    float32(1 / float64(s.Tokens)),
		rateDecay:    float32(1 - s.LearningRate*c.WeightDecay),
		rateAdamStep: float32(s.LearningRate / (1 - math.Pow(c.Beta1, t))),
		rateAdamRoot: float32(1 / math.Sqrt(1-math.Pow(c.Beta2, t))),
		rateMuonStep: float32(s.LearningRate),
		rateEMA:      float32(s.EMA),
	}
}

// adamW is AdamW (vec.AdamW has the formula).
func (u *update) adamW(own []int, s, next stateNodes, grads []*Node, rate func(int) *Node) {
	for _, i := range own {
		next.weights[i], next.first[i], next.second[i] = u.adam(u.layout[i], s.weights[i], s.first[i], s.second[i], grads[i], rate)
	}
}

// adam is AdamW of one tensor.
func (u *update) adam(t model.LayoutTensor, w, m, v, g *Node, rate func(int) *Node) (w2, m2, v2 *Node) {
	c := u.train
	m2 = Add(times(m, float32(c.Beta1)), times(g, float32(1-c.Beta1)))
	v2 = Add(times(v, float32(c.Beta2)), times(Mul(g, g), float32(1-c.Beta2)))
	if t.Decay {
		w = Mul(w, rate(rateDecay))
	}
	root := Add(Mul(Sqrt(v2), rate(rateAdamRoot)), num(g.Graph(), float32(c.Epsilon)))
	return Sub(w, Div(Mul(m2, rate(rateAdamStep)), root)), m2, v2
}

// muon is Muon (package model has the formula). Matrices of equal shape are
// orthogonalized together, as one batch of products.
func (u *update) muon(own []int, s, next stateNodes, grads []*Node, rate func(int) *Node) {
	type piece struct {
		tensor, column int
	}
	width := u.cfg.Width
	var order [][2]int
	pieces := map[[2]int][]piece{}
	nesterov := map[int]*Node{}
	beta := float32(u.train.Momentum)
	for _, i := range own {
		t := u.layout[i]
		share := times(grads[i], 1-beta)
		next.first[i] = Add(times(s.first[i], beta), share)
		nesterov[i] = Add(times(next.first[i], beta), share)
		rows, cols := t.Shape[0], t.Shape[1]
		if cols == 3*width { // queries, keys and values are matrices of their own
			cols = width
		}
		shape := [2]int{rows, cols}
		if pieces[shape] == nil {
			order = append(order, shape)
		}
		for column := 0; column < t.Shape[1]; column += cols {
			pieces[shape] = append(pieces[shape], piece{i, column})
		}
	}
	updates := map[int][]*Node{}
	for _, shape := range order {
		var stack []*Node
		for _, p := range pieces[shape] {
			stack = append(stack, Slice(nesterov[p.tensor], AxisRange(), AxisRange(p.column, p.column+shape[1])))
		}
		x := u.orthogonalize(Stack(stack, 0))
		x = times(x, float32(0.2*math.Sqrt(float64(max(shape[0], shape[1])))))
		for j, p := range pieces[shape] {
			updates[p.tensor] = append(updates[p.tensor], Reshape(Slice(x, AxisElem(j)), shape[0], shape[1]))
		}
	}
	for _, i := range own {
		d := updates[i][0]
		if len(updates[i]) > 1 {
			d = Concatenate(updates[i], 1)
		}
		next.weights[i] = Sub(Mul(s.weights[i], rate(rateDecay)), Mul(d, rate(rateMuonStep)))
	}
}

// orthogonalize is Newton and Schulz's iteration on each matrix of x (n, rows, columns);
// see package model.
func (u *update) orthogonalize(x *Node) *Node {
	coefficients, steps := model.NewtonSchulz()
	size := Sqrt(InsertAxes(ReduceSum(Mul(x, x), 1, 2), -1, -1))
	x = Div(x, Add(size, num(x.Graph(), 1e-7)))
	wide := x.Shape().Dimensions[1] <= x.Shape().Dimensions[2]
	dot := func(a, b *Node, equation string) *Node {
		return u.wide(Dot(u.narrow(a), u.narrow(b)).WithAccumulatorDType(dtypes.InvalidDType).Einsum(equation))
	}
	for range steps {
		var a *Node
		if wide {
			a = dot(x, x, "nij,nkj->nik")
		} else {
			a = dot(x, x, "nji,njk->nik")
		}
		b := Add(times(a, coefficients[1]), times(dot(a, a, "nij,njk->nik"), coefficients[2]))
		if wide {
			x = Add(times(x, coefficients[0]), dot(b, x, "nij,njk->nik"))
		} else {
			x = Add(times(x, coefficients[0]), dot(x, b, "nij,njk->nik"))
		}
	}
	return x
}

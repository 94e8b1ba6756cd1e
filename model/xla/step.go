//go:build xla

package xla

import (
	"strconv"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //lint:ignore ST1001 equations read like equations

	"transcend/model"
)

func itoa(i int) string { return strconv.Itoa(i) }

// update builds an optimizer's step.
type update struct {
	*forward
	train   model.TrainConfig
	devices int  // that share a batch
	rolled  bool // see loop
}

// stateNodes are the trained state, each part in the order of the layout, with nil for what
// is not kept of a tensor (see kept).
type stateNodes struct {
	weights, first, second, average []*Node
}

func (s *stateNodes) parts() [stateParts]*[]*Node {
	return [...]*[]*Node{&s.weights, &s.first, &s.second, &s.average}
}

// flat lists all nodes of the state, as the program takes and returns them.
func (s *stateNodes) flat() []*Node {
	var all []*Node
	for _, part := range s.parts() {
		for _, n := range *part {
			if n != nil {
				all = append(all, n)
			}
		}
	}
	return all
}

// unflat is the inverse of flat.
func (u *update) unflat(nodes []*Node) stateNodes {
	s := u.newState()
	for i, part := range s.parts() {
		for j, t := range u.layout {
			if kept(u.train, i, t) {
				(*part)[j], nodes = nodes[0], nodes[1:]
			}
		}
	}
	return s
}

// newState has no nodes yet.
func (u *update) newState() stateNodes {
	var s stateNodes
	for _, part := range s.parts() {
		*part = make([]*Node, len(u.layout))
	}
	return s
}

// accumulate builds the summed loss of the step's micro batches and the gradient of scale
// times it, as a loop on the device where there are several.
func (u *update) accumulate(weights []*Node, batch func(i *Node) batchNodes, scale *Node) (loss *Node, grads []*Node) {
	g := scale.Graph()
	first := Const(g, int32(0))
	if u.train.Accumulate == 1 {
		return u.lossAndGradient(weights, batch(first), scale)
	}
	state := []*Node{first, ScalarZero(g, dtypes.Float32)}
	for _, w := range weights {
		state = append(state, ZerosLike(w))
	}
	out := u.loop(g, u.train.Accumulate, state, func(ps []*Node) []*Node {
		loss, grads := u.lossAndGradient(weights, batch(ps[0]), scale)
		next := []*Node{Add(ps[1], loss)}
		for i, g := range grads {
			next = append(next, Add(ps[2+i], g))
		}
		return next
	})
	return out[1], out[2:]
}

// loop repeats body n times. The first of the state counts; body returns the others. It is
// a loop on the device where rolled says so: GoMLX's backend in Go (compute v0.1.2) plans
// the body of a While before it moves broadcasts in it, and does not find them then.
//
// GoMLX (v0.28.2) keeps the scalars of Scalar and its like for the whole program, also
// those that were made inside a loop and are not known outside. What follows a loop
// therefore takes num for its numbers, and loops are not nested.
func (u *update) loop(g *Graph, n int, state []*Node, body func(state []*Node) []*Node) []*Node {
	if !u.rolled {
		for i := range n {
			state = append([]*Node{Const(g, int32(i+1))}, body(append([]*Node{Const(g, int32(i))}, state[1:]...))...)
		}
		return state
	}
	parameters := func(g *Graph) []*Node {
		var ps []*Node
		for i, x := range state {
			ps = append(ps, Parameter(g, "loop"+itoa(i), x.Shape()))
		}
		return ps
	}
	condition := NewClosure(g, func(g *Graph) []*Node {
		return []*Node{LessThan(parameters(g)[0], Const(g, int32(n)))}
	})
	next := NewClosure(g, func(g *Graph) []*Node {
		ps := parameters(g)
		return append([]*Node{Add(ps[0], Const(g, int32(1)))}, body(ps)...)
	})
	return While(condition, next, state...)
}

// num is a float32 number that is not kept; see loop.
func num(g *Graph, x float32) *Node { return Const(g, x) }

// times is x multiplied by a number.
func times(x *Node, by float32) *Node { return Mul(x, num(x.Graph(), by)) }

// step builds one update of s with the mean gradient of the micro batches, read by
// batch(i). It returns the new state, the summed loss and the gradient's norm. Where one
// of these is not finite, or ok is false, the state stays as it was.
func (u *update) step(s stateNodes, batch func(i *Node) batchNodes, rates, ok *Node) (next stateNodes, loss, gradNorm, stillOK *Node) {
	rate := func(i int) *Node { return Reshape(Slice(rates, AxisElem(i))) }
	loss, grads := u.accumulate(s.weights, batch, rate(rateScale))
	all := u.sum(append([]*Node{loss}, grads...)...)
	loss, grads = all[0], all[1:]
	g := loss.Graph()
	squares := num(g, 0)
	for _, x := range grads {
		squares = Add(squares, ReduceAllSum(Mul(x, x)))
	}
	gradNorm = Sqrt(squares)
	stillOK = LogicalAnd(ok, LogicalAnd(IsFinite(loss), IsFinite(gradNorm)))
	if c := u.train.ClipNorm; c > 0 {
		clip := Min(num(g, 1), Div(num(g, float32(c)), Add(gradNorm, num(g, 1e-6))))
		for i, x := range grads {
			grads[i] = Mul(x, clip)
		}
	}

	next = u.newState()
	for _, name := range model.Optimizers() {
		var own []int
		for i, t := range u.layout {
			if u.train.OptimizerOf(t) == name {
				own = append(own, i)
			}
		}
		if len(own) > 0 {
			optimizers[name](u, own, s, next, grads, rate)
		}
	}
	keep := func(new, old []*Node) {
		for i := range new {
			if new[i] != nil {
				new[i] = Where(stillOK, new[i], old[i])
			}
		}
	}
	keep(next.weights, s.weights)
	keep(next.first, s.first)
	keep(next.second, s.second)
	if u.train.EMA > 0 {
		by := rate(rateEMA)
		for i := range next.average {
			next.average[i] = Add(Mul(s.average[i], Sub(num(g, 1), by)), Mul(next.weights[i], by))
		}
		keep(next.average, s.average)
	}
	return next, loss, gradNorm, stillOK
}

// launch builds k steps as one loop on the device. The parameters of the program are the
// state, the batches of all steps (k·accumulate, B, T), and the rates (k, rateCount); its
// outputs the new state and a row of summed loss and norm for each step (k, 2).
func (u *update) launch(g *Graph, k int) []*Node {
	var inputs []*Node
	for i, shape := range u.stateShapes() {
		inputs = append(inputs, Parameter(g, "state"+itoa(i), shape))
	}
	data := u.batchParameters(g, k*u.train.Accumulate)
	rates := Parameter(g, "rates", shapes.Make(dtypes.Float32, k, rateCount))
	results := Zeros(g, shapes.Make(dtypes.Float32, k, 2))
	one := func(s stateNodes, at, results, ok *Node) (stateNodes, *Node, *Node) {
		next, loss, norm, ok := u.step(s, func(i *Node) batchNodes {
			return data.at(Add(Mul(at, Const(g, int32(u.train.Accumulate))), i))
		}, Reshape(Gather(rates, Reshape(at, 1)), rateCount), ok)
		row := BroadcastToDims(Reshape(Stack([]*Node{loss, norm}, 0), 1, 2), k, 2)
		here := Equal(Iota(g, shapes.Make(dtypes.Int32, k, 2), 0), BroadcastToDims(Reshape(at, 1, 1), k, 2))
		return next, Where(here, row, results), ok
	}
	if k == 1 {
		next, results, _ := one(u.unflat(inputs), Const(g, int32(0)), results, Const(g, true))
		return append(next.flat(), results)
	}
	state := append([]*Node{Const(g, int32(0)), Const(g, true), results}, inputs...)
	out := u.loop(g, k, state, func(ps []*Node) []*Node {
		next, results, ok := one(u.unflat(ps[3:]), ps[0], ps[2], ps[1])
		return append([]*Node{ok, results}, next.flat()...)
	})
	return append(append([]*Node{}, out[3:]...), out[2])
}

// stateShapes are those of the state's nodes in the order of flat.
func (u *update) stateShapes() []shapes.Shape {
	var all []shapes.Shape
	for part := range stateParts {
		for _, t := range u.layout {
			if kept(u.train, part, t) {
				all = append(all, shapes.Make(dtypes.Float32, t.Shape...))
			}
		}
	}
	return all
}

// batchParameters are n batches on the device, one after the other.
type batchParameters struct {
	f                                          *forward
	tokens, targets, positions, starts, extras *Node // (n, B, T[, S])
}

func (f *forward) batchParameters(g *Graph, n int) batchParameters {
	p := batchParameters{f: f}
	for _, x := range []struct {
		name string
		to   **Node
	}{{"tokens", &p.tokens}, {"targets", &p.targets}, {"positions", &p.positions}, {"starts", &p.starts}} {
		*x.to = Parameter(g, x.name, shapes.Make(dtypes.Int32, n, f.rows, f.context))
	}
	if f.cfg.ExtraSlots > 0 {
		p.extras = Parameter(g, "extras", shapes.Make(dtypes.Int32, n, f.rows, f.context, f.cfg.ExtraSlots))
	}
	return p
}

// at is batch number i, a scalar.
func (p batchParameters) at(i *Node) batchNodes {
	pick := func(x *Node) *Node {
		if x == nil {
			return nil
		}
		return Reshape(Gather(x, Reshape(i, 1)), x.Shape().Dimensions[1:]...)
	}
	return batchNodes{pick(p.tokens), pick(p.targets), pick(p.positions), pick(p.starts), pick(p.extras)}
}

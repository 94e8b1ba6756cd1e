//go:build xla

package xla

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //lint:ignore ST1001 equations read like equations

	"transcend/model"
)

// Shapes in comments, beside those of forward: N tokens, R rows of logits, S slots, T tokens
// of a slot in the frozen part, of which A are looked at, W in the recent one.

// build builds the program of a key.
func (e *decoder) build(g *Graph, k decodeKey) []*Node {
	switch k.kind {
	case mergeProgram:
		return e.merged(g, k)
	case growProgram:
		return e.grown(g, k)
	case copyProgram:
		return e.copied(g, k)
	default:
		return e.pass(g, k)
	}
}

// cache is a parameter of keys or values, (slots, tokens, C).
func (e *decoder) cache(g *Graph, name string, slots, tokens int) *Node {
	return Parameter(g, name, shapes.Make(e.cacheType(), slots, tokens, e.m.Width))
}

// span is which tokens of their slots new tokens attend to.
type span struct {
	slots *Node // (N, 1)
	base  *Node // (N): frozen tokens of the slot
	after *Node // (N): positions after those, its own
}

func (s span) rows(at *Node) span {
	return span{Gather(s.slots, at), Gather(s.base, at), Gather(s.after, at)}
}

// pass builds the network for N tokens: the recent keys and values with theirs among them,
// and the logits after R of them.
func (e *decoder) pass(g *Graph, k decodeKey) []*Node {
	f := newForward(e.m)
	f.rows, f.context, f.bf16 = k.tokens, 1, e.formats.Weights == model.BF16
	var weights []*Node
	for i, t := range f.layout {
		weights = append(weights, Parameter(g, "weights"+itoa(i), shapes.Make(e.weightType(t), t.Shape...)))
	}
	parts := func(name string, n int) []*Node {
		var all []*Node
		for i := range 2 * e.m.Layers {
			all = append(all, e.cache(g, name+itoa(i), k.slots, n))
		}
		return all
	}
	var frozen []*Node
	if k.seen > 0 {
		frozen = parts("frozen", k.room)
	}
	recent := parts("recent", k.window)
	ids := Parameter(g, "ids", shapes.Make(dtypes.Int32, 4, k.tokens))
	last := InsertAxes(Parameter(g, "last", shapes.Make(dtypes.Int32, k.rows)), -1)
	written := Parameter(g, "written", shapes.Make(dtypes.Int32, k.slots*k.window))
	id := func(i int) *Node { return Reshape(Slice(ids, AxisElem(i)), k.tokens) }
	b := batchNodes{tokens: id(0), positions: id(1)}
	if e.m.ExtraSlots > 0 {
		b.extras = Parameter(g, "extras", shapes.Make(dtypes.Int32, k.tokens, e.m.ExtraSlots))
	}
	at := span{slots: InsertAxes(id(2), -1), base: id(3), after: Sub(b.positions, id(3))}

	fresh := GreaterOrEqual(written, ZerosLike(written))
	from := InsertAxes(Max(written, ZerosLike(written)), -1)
	x := f.embed(weights, b)
	for i := range e.m.Layers {
		p := func(name string) *Node { return f.param(weights, layerName(i, name)) }
		qkv := addBias(f.product(norm(x, p("ln_1.weight"), p("ln_1.bias")), p("attn.c_attn.weight"), false), p("attn.c_attn.bias"))
		column := func(j int) *Node { return Slice(qkv, AxisRange(), AxisRange(j*e.m.Width, (j+1)*e.m.Width)) }
		for j := range 2 { // keys, values
			c := &recent[2*i+j]
			new := Gather(ConvertDType(column(1+j), (*c).DType()), from)
			mask := BroadcastToDims(InsertAxes(fresh, -1), new.Shape().Dimensions...)
			*c = Reshape(Where(mask, new, Reshape(*c, k.slots*k.window, e.m.Width)), k.slots, k.window, e.m.Width)
		}
		q := column(0)
		if i == e.m.Layers-1 { // nothing else is wanted of the other tokens
			x, q, at = Gather(x, last), Gather(q, last), at.rows(last)
		}
		var keys, values *Node
		if k.seen > 0 {
			keys, values = frozen[2*i], frozen[2*i+1]
		}
		att := e.attend(q, keys, values, recent[2*i], recent[2*i+1], at, k.seen)
		x = Add(x, addBias(f.product(att, p("attn.c_proj.weight"), false), p("attn.c_proj.bias")))
		y := norm(x, p("ln_2.weight"), p("ln_2.bias"))
		y = f.gelu(addBias(f.product(y, p("mlp.c_fc.weight"), false), p("mlp.c_fc.bias")))
		x = Add(x, addBias(f.product(y, p("mlp.c_proj.weight"), false), p("mlp.c_proj.bias")))
	}
	x = norm(x, f.param(weights, "ln_f.weight"), f.param(weights, "ln_f.bias"))
	return append(recent, f.logits(weights, x)) // (R, V)
}

// attend is attention of q (N, C) over what the tokens' slots hold; frozen keys and values
// are nil where seen is 0. It is written as sums of products, which XLA makes one loop of
// with the reading of the cache: with one query a game there is nothing for matrix units to
// share.
func (e *decoder) attend(q, frozenKeys, frozenValues, recentKeys, recentValues *Node, at span, seen int) *Node {
	n, heads, size := q.Shape().Dimensions[0], e.m.Heads, e.m.Width/e.m.Heads
	g := q.Graph()
	look := func(cache *Node, tokens int) *Node { // (N, tokens, H, D)
		if cache.Shape().Dimensions[1] > tokens {
			cache = Slice(cache, AxisRange(), AxisRange(0, tokens))
		}
		return Reshape(ConvertDType(Gather(cache, at.slots), dtypes.Float32), n, tokens, heads, size)
	}
	q = Reshape(MulScalar(q, 1/math.Sqrt(float64(size))), n, 1, heads, size)
	scores := func(keys *Node, tokens int, below *Node) *Node { // (N, tokens, H)
		keys = look(keys, tokens)
		s := ReduceSum(Mul(BroadcastToDims(q, keys.Shape().Dimensions...), keys), -1)
		shape := shapes.Make(dtypes.Int32, n, tokens, heads)
		visible := LessThan(Iota(g, shape, 1), BroadcastToDims(Reshape(below, n, 1, 1), shape.Dimensions...))
		return Where(visible, s, MulScalar(OnesLike(s), -1e30))
	}
	window := recentKeys.Shape().Dimensions[1]
	all := scores(recentKeys, window, AddScalar(at.after, 1))
	if seen > 0 {
		all = Concatenate([]*Node{scores(frozenKeys, seen, at.base), all}, 1)
	}
	// Every token sees itself, so that no row is empty.
	weights := Exp(Sub(all, InsertAxes(ReduceMax(all, 1), 1)))
	weights = Div(weights, InsertAxes(ReduceSum(weights, 1), 1))
	sum := func(values *Node, from, tokens int) *Node { // (N, H, D)
		values = look(values, tokens)
		w := InsertAxes(Slice(weights, AxisRange(), AxisRange(from, from+tokens)), -1)
		return ReduceSum(Mul(BroadcastToDims(w, values.Shape().Dimensions...), values), 1)
	}
	out := sum(recentValues, seen, window)
	if seen > 0 {
		out = Add(out, sum(frozenValues, 0, seen))
	}
	return Reshape(out, n, e.m.Width)
}

// merged builds the frozen part with the recent tokens of each slot after its own.
func (e *decoder) merged(g *Graph, k decodeKey) []*Node {
	frozen, recent := e.cache(g, "frozen", k.slots, k.room), e.cache(g, "recent", k.slots, k.window)
	bounds := Parameter(g, "bounds", shapes.Make(dtypes.Int32, 2, k.slots))
	shape := shapes.Make(dtypes.Int32, k.slots, k.room)
	of := func(i int) *Node {
		return BroadcastToDims(Reshape(Slice(bounds, AxisElem(i)), k.slots, 1), k.slots, k.room)
	}
	after := Sub(Iota(g, shape, 1), of(0)) // of the frozen ones
	moved := LogicalAnd(GreaterOrEqual(after, ZerosLike(after)), LessThan(after, of(1)))
	at := Add(MulScalar(Iota(g, shape, 0), k.window), Where(moved, after, ZerosLike(after)))
	rows := Gather(Reshape(recent, k.slots*k.window, e.m.Width), InsertAxes(at, -1))
	return []*Node{Where(BroadcastToDims(InsertAxes(moved, -1), rows.Shape().Dimensions...), rows, frozen)}
}

// grown builds a larger copy of a part, with zeros where nothing was.
func (e *decoder) grown(g *Graph, k decodeKey) []*Node {
	x := e.cache(g, "part", k.fromSlots, k.window)
	if more := k.room - k.window; more > 0 {
		x = Concatenate([]*Node{x, Zeros(g, shapes.Make(x.DType(), k.fromSlots, more, e.m.Width))}, 1)
	}
	if more := k.slots - k.fromSlots; more > 0 {
		x = Concatenate([]*Node{x, Zeros(g, shapes.Make(x.DType(), more, k.room, e.m.Width))}, 0)
	}
	return []*Node{x}
}

// copied builds a part with a slot, the second number, copied to another, the first.
func (e *decoder) copied(g *Graph, k decodeKey) []*Node {
	x := e.cache(g, "part", k.slots, k.room)
	which := Parameter(g, "which", shapes.Make(dtypes.Int32, 2))
	slots := Iota(g, shapes.Make(dtypes.Int32, k.slots), 0)
	number := func(i int) *Node { return BroadcastToDims(Reshape(Slice(which, AxisElem(i)), 1), k.slots) }
	from := Where(Equal(slots, number(0)), number(1), slots)
	return []*Node{Gather(x, InsertAxes(from, -1))}
}

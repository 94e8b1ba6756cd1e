//go:build xla

package xla

import (
	"math"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //lint:ignore ST1001 equations read like equations

	"transcend/model"
)

// layerNormEpsilon is GPT-2's.
const layerNormEpsilon = 1e-5

// forward builds the network. Shapes in comments: B rows, T tokens a row, N = B·T, C
// width, H heads, D = C/H, V vocabulary, E extra ids, S of them a token.
type forward struct {
	cfg       model.Config
	rows      int // B
	context   int // T
	bf16      bool
	fused     bool // the backend's own attention
	whole     bool // every row is one segment
	recompute bool

	layout []model.LayoutTensor
	byName map[string]int
}

func newForward(cfg model.Config) *forward {
	f := &forward{cfg: cfg, layout: model.Layout(cfg), byName: map[string]int{}}
	for i, t := range f.layout {
		f.byName[t.Name] = i
	}
	return f
}

// batchNodes is a batch on the device, int32.
type batchNodes struct {
	tokens, targets, positions, starts *Node // (B, T)
	extras                             *Node // (B, T, S), nil without; -1 is none
}

// param is a parameter by its name without "transformer."; nil if the model has it not.
func (f *forward) param(params []*Node, name string) *Node {
	i, ok := f.byName["transformer."+name]
	if !ok {
		return nil
	}
	return params[i]
}

// product is x·w in the compute precision, (N, K)·(K, M). With transposed w is (M, K).
// The backward products have the precision of the forward one: GoMLX takes float32 for
// them if the accumulator is named.
func (f *forward) product(x, w *Node, transposed bool) *Node {
	axis := 0
	if transposed {
		axis = 1
	}
	return f.wide(Dot(f.narrow(x), f.narrow(w)).WithAccumulatorDType(dtypes.InvalidDType).
		General([]int{1}, nil, []int{axis}, nil))
}

// narrow converts to the compute precision, wide back to float32.
func (f *forward) narrow(x *Node) *Node {
	if f.bf16 {
		return ConvertDType(x, dtypes.BFloat16)
	}
	return x
}

func (f *forward) wide(x *Node) *Node {
	if f.bf16 {
		return ConvertDType(x, dtypes.Float32)
	}
	return x
}

// addBias adds b, or nothing for nil, to each row of x.
func addBias(x, b *Node) *Node {
	if b == nil {
		return x
	}
	return Add(x, InsertAxes(b, 0))
}

// norm is LayerNorm of the rows of x (N, C).
func norm(x, w, b *Node) *Node {
	centered := Sub(x, mean(x))
	y := Mul(centered, Inverse(Sqrt(AddScalar(mean(Square(centered)), layerNormEpsilon))))
	return addBias(Mul(y, InsertAxes(w, 0)), b)
}

// mean of the rows of x, (N, 1).
func mean(x *Node) *Node {
	return MulScalar(InsertAxes(ReduceSum(x, 1), -1), 1/float64(x.Shape().Dimensions[1]))
}

// gelu is the form that the configuration names.
func (f *forward) gelu(x *Node) *Node {
	half := MulScalar(x, 0.5)
	if f.cfg.Activation == model.GELUTanh {
		cube := Mul(x, Square(x))
		return Mul(half, AddScalar(Tanh(MulScalar(Add(x, MulScalar(cube, 0.044715)), math.Sqrt(2/math.Pi))), 1))
	}
	return Mul(half, AddScalar(Erf(MulScalar(x, math.Sqrt2/2)), 1))
}

// embed sums up the embeddings of each token, (N, C). No gradient goes through it:
// embeddingGradients makes them of the gradient of the sum.
func (f *forward) embed(params []*Node, b batchNodes) *Node {
	n := f.rows * f.context
	look := func(name string, ids *Node) *Node {
		return Gather(StopGradient(f.param(params, name)), Reshape(ids, n, 1))
	}
	x := Add(look("wte.weight", b.tokens), look("wpe.weight", b.positions))
	if b.extras != nil {
		x = Add(x, MatMul(f.multiHot(b.extras), StopGradient(f.param(params, "extra.weight"))))
	}
	return x
}

// multiHot counts the extra ids of each token, (N, E).
func (f *forward) multiHot(extras *Node) *Node {
	n, slots, ids := f.rows*f.context, f.cfg.ExtraSlots, f.cfg.ExtraVocab
	return ReduceSum(oneHot(Reshape(extras, n, slots), ids), 1)
}

// oneHot has an axis more than ids, of the given depth; ids outside of it are zeros.
func oneHot(ids *Node, depth int) *Node {
	dims := append(append([]int{}, ids.Shape().Dimensions...), depth)
	range_ := Iota(ids.Graph(), shapes.Make(dtypes.Int32, dims...), -1)
	return ConvertDType(Equal(BroadcastToDims(InsertAxes(ids, -1), dims...), range_), dtypes.Float32)
}

// embeddingGradients are the gradients of the tables of tokens, positions and extra ids
// (nil without), dx (N, C) being that of the sum. They are products with one-hot
// matrices, which take the same order of additions every time; scattered additions do
// not on a GPU.
func (f *forward) embeddingGradients(dx *Node, b batchNodes) (dwte, dwpe, dextra *Node) {
	n := f.rows * f.context
	table := func(hot *Node) *Node {
		return f.wide(Dot(f.narrow(hot), f.narrow(dx)).WithAccumulatorDType(dtypes.InvalidDType).
			General([]int{0}, nil, []int{0}, nil))
	}
	dwte = table(oneHot(Reshape(b.tokens, n), f.cfg.Vocab))
	dwpe = table(oneHot(Reshape(b.positions, n), f.cfg.Context))
	if b.extras != nil {
		dextra = table(f.multiHot(b.extras))
	}
	return dwte, dwpe, dextra
}

// visible says which tokens each token attends to, (B, T, T): those from the start of its
// segment to itself.
func (f *forward) visible(b batchNodes) *Node {
	g := b.starts.Graph()
	shape := shapes.Make(dtypes.Int32, f.rows, f.context, f.context)
	query, key := Iota(g, shape, 1), Iota(g, shape, 2)
	start := BroadcastToDims(InsertAxes(b.starts, -1), f.rows, f.context, f.context)
	return LogicalAnd(LessOrEqual(key, query), GreaterOrEqual(key, start))
}

// attention of all heads, qkv (N, 3C) to (N, C).
func (f *forward) attention(qkv, visible *Node) *Node {
	heads, size := f.cfg.Heads, f.cfg.Width/f.cfg.Heads
	part := func(i int) *Node {
		x := Slice(qkv, AxisRange(), AxisRange(i*f.cfg.Width, (i+1)*f.cfg.Width))
		return f.narrow(Reshape(x, f.rows, f.context, heads, size))
	}
	q, k, v := part(0), part(1), part(2)
	scale := 1 / math.Sqrt(float64(size))
	var out *Node
	if f.fused {
		out = f.fusedAttention(q, k, v, visible, scale)
	} else {
		scores := MulScalar(f.wide(Dot(q, k).WithAccumulatorDType(dtypes.InvalidDType).Einsum("bqhd,bkhd->bhqk")), scale)
		mask := BroadcastToShape(InsertAxes(visible, 1), scores.Shape())
		scores = Where(mask, scores, MulScalar(OnesLike(scores), -1e30))
		// Every token sees itself, so that no row is empty.
		weights := Exp(Sub(scores, StopGradient(InsertAxes(ReduceMax(scores, -1), -1))))
		weights = Div(weights, InsertAxes(ReduceSum(weights, -1), -1))
		out = Dot(f.narrow(weights), v).WithAccumulatorDType(dtypes.InvalidDType).Einsum("bhqk,bkhd->bqhd")
	}
	return f.wide(Reshape(out, f.rows*f.context, f.cfg.Width))
}

// fusedAttention is the backend's (cuDNN's flash attention on CUDA), which never has
// all scores in memory. Segments are a bias of the scores.
func (f *forward) fusedAttention(q, k, v, visible *Node, scale float64) *Node {
	config := &compute.ScaledDotProductAttentionConfig{Causal: true, Scale: scale}
	if !f.whole {
		shape := shapes.Make(q.DType(), f.rows, f.cfg.Heads, f.context, f.context)
		mask := BroadcastToDims(InsertAxes(visible, 1), shape.Dimensions...)
		bias := Where(mask, Zeros(q.Graph(), shape), MulScalar(Ones(q.Graph(), shape), -1e30))
		config.Bias = InternalBackendOutputs(StopGradient(bias))[0]
	}
	out, _ := BackendFusedScaledDotProductAttention(q, k, v, compute.AttentionAxesLayoutBSHD, config)
	return out
}

// hidden is the network from the embeddings' sum x (N, C) to the last LayerNorm.
func (f *forward) hidden(params []*Node, x *Node, b batchNodes) *Node {
	visible := f.visible(b)
	for i := range f.cfg.Layers {
		p := func(name string) *Node { return f.param(params, layerName(i, name)) }
		if f.recompute {
			x = x.Checkpoint()
		}
		y := norm(x, p("ln_1.weight"), p("ln_1.bias"))
		qkv := addBias(f.product(y, p("attn.c_attn.weight"), false), p("attn.c_attn.bias"))
		att := f.attention(qkv, visible)
		x = Add(x, addBias(f.product(att, p("attn.c_proj.weight"), false), p("attn.c_proj.bias")))
		y = norm(x, p("ln_2.weight"), p("ln_2.bias"))
		y = f.gelu(addBias(f.product(y, p("mlp.c_fc.weight"), false), p("mlp.c_fc.bias")))
		x = Add(x, addBias(f.product(y, p("mlp.c_proj.weight"), false), p("mlp.c_proj.bias")))
	}
	if f.recompute {
		x = x.StopCheckpoint()
	}
	return norm(x, f.param(params, "ln_f.weight"), f.param(params, "ln_f.bias"))
}

func layerName(i int, name string) string {
	var s strings.Builder
	s.WriteString("h.")
	s.WriteString(itoa(i))
	s.WriteByte('.')
	s.WriteString(name)
	return s.String()
}

// logits (N, V) of the last LayerNorm's output; the output projection is the embedding.
func (f *forward) logits(params []*Node, hidden *Node) *Node {
	return f.product(hidden, f.param(params, "wte.weight"), true)
}

// loss is the summed cross-entropy of all tokens with a target.
func (f *forward) loss(logits *Node, b batchNodes) *Node {
	targets := Reshape(b.targets, f.rows*f.context)
	largest := StopGradient(ReduceMax(logits, 1))
	exps := ReduceSum(Exp(Sub(logits, InsertAxes(largest, -1))), 1)
	picked := ReduceSum(Mul(oneHot(targets, f.cfg.Vocab), logits), 1)
	each := Sub(Add(Log(exps), largest), picked)
	valid := GreaterOrEqual(targets, ZerosLike(targets))
	return ReduceAllSum(Where(valid, each, ZerosLike(each)))
}

// correct counts the tokens whose target has the largest logit, the first of equals.
func (f *forward) correct(logits *Node, b batchNodes) *Node {
	targets := Reshape(b.targets, f.rows*f.context)
	hit := Equal(ArgMax(logits, 1, dtypes.Int32), targets)
	return ReduceAllSum(ConvertDType(hit, dtypes.Int32))
}

// lossAndGradient builds both passes for one batch: the summed loss and the gradient of
// scale times it, in the order of the layout.
func (f *forward) lossAndGradient(params []*Node, b batchNodes, scale *Node) (loss *Node, grads []*Node) {
	x := f.embed(params, b)
	loss = f.loss(f.logits(params, f.hidden(params, x, b)), b)
	all := Gradient(Mul(loss, scale), append([]*Node{x}, params...)...)
	dx, grads := all[0], all[1:]
	dwte, dwpe, dextra := f.embeddingGradients(dx, b)
	add := func(name string, g *Node) {
		i := f.byName["transformer."+name]
		grads[i] = Add(grads[i], g)
	}
	add("wte.weight", dwte)
	add("wpe.weight", dwpe)
	if dextra != nil {
		add("extra.weight", dextra)
	}
	return loss, grads
}

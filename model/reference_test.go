package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"transcend/model/internal/phases"
)

// reference is the network once more, written for the tests from the equations
// alone: float64, one token at a time, nothing shared with the package but the
// names of the tensors.
type reference struct {
	cfg Config
	w   map[string][]float64
	// stream, when given, sees the residual stream of a row at every depth.
	stream func(layer int, x [][]float64)
}

func newReference(m *Model) *reference {
	r := &reference{cfg: m.Config(), w: map[string][]float64{}}
	for _, t := range m.Tensors() {
		x := make([]float64, len(t.Data))
		for i, v := range t.Data {
			x[i] = float64(v)
		}
		r.w[t.Name] = x
	}
	return r
}

// linear is xᵀ·W + b for W (len(x), out).
func (r *reference) linear(x []float64, name string, out int) []float64 {
	y := make([]float64, out)
	if b, ok := r.w[name+".bias"]; ok {
		copy(y, b)
	}
	w := r.w[name+".weight"]
	for i, v := range x {
		for j := range y {
			y[j] += v * w[i*out+j]
		}
	}
	return y
}

func (r *reference) layerNorm(x []float64, name string) []float64 {
	var mean, variance float64
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / float64(len(x))
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = (v - mean) / math.Sqrt(variance+1e-5) * r.w[name+".weight"][i]
		if b, ok := r.w[name+".bias"]; ok {
			y[i] += b[i]
		}
	}
	return y
}

func (r *reference) gelu(x float64) float64 {
	if r.cfg.Activation == GELUTanh {
		return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	}
	return 0.5 * x * (1 + math.Erf(x/math.Sqrt2))
}

// logits of every token of a row.
func (r *reference) logits(tokens, positions, segmentStart, extras []int32) [][]float64 {
	c := r.cfg.Width
	d := c / r.cfg.Heads
	x := make([][]float64, len(tokens))
	for t, id := range tokens {
		x[t] = make([]float64, c)
		for i := range c {
			x[t][i] = r.w["transformer.wte.weight"][int(id)*c+i] + r.w["transformer.wpe.weight"][int(positions[t])*c+i]
			for s := range r.cfg.ExtraSlots {
				extra := extras[t*r.cfg.ExtraSlots+s]
				if extra < 0 {
					break
				}
				x[t][i] += r.w["transformer.extra.weight"][int(extra)*c+i]
			}
		}
	}
	for l := range r.cfg.Layers {
		if r.stream != nil {
			r.stream(l, x)
		}
		h := fmt.Sprintf("transformer.h.%d.", l)
		qkv := make([][]float64, len(x))
		for t := range x {
			qkv[t] = r.linear(r.layerNorm(x[t], h+"ln_1"), h+"attn.c_attn", 3*c)
		}
		for t := range x {
			att := make([]float64, c)
			for head := range r.cfg.Heads {
				at := head * d
				var sum float64
				for s := int(segmentStart[t]); s <= t; s++ {
					var score float64
					for i := range d {
						score += qkv[t][at+i] * qkv[s][c+at+i]
					}
					e := math.Exp(score / math.Sqrt(float64(d)))
					sum += e
					for i := range d {
						att[at+i] += e * qkv[s][2*c+at+i]
					}
				}
				for i := range d {
					att[at+i] /= sum
				}
			}
			for i, v := range r.linear(att, h+"attn.c_proj", c) {
				x[t][i] += v
			}
		}
		for t := range x {
			f := r.linear(r.layerNorm(x[t], h+"ln_2"), h+"mlp.c_fc", 4*c)
			for i := range f {
				f[i] = r.gelu(f[i])
			}
			for i, v := range r.linear(f, h+"mlp.c_proj", c) {
				x[t][i] += v
			}
		}
	}
	if r.stream != nil {
		r.stream(r.cfg.Layers, x)
	}
	out := make([][]float64, len(x))
	for t := range x {
		y := r.layerNorm(x[t], "transformer.ln_f")
		out[t] = make([]float64, r.cfg.Vocab)
		for id := range out[t] {
			for i, v := range y {
				out[t][id] += v * r.w["transformer.wte.weight"][id*c+i]
			}
		}
	}
	return out
}

// loss is the summed cross-entropy and the number of targets.
func (r *reference) loss(b *Batch) (sum float64, count int) {
	for row := range b.Rows {
		lo, hi := row*b.Context, (row+1)*b.Context
		logits := r.logits(b.Tokens[lo:hi], b.Positions[lo:hi], b.SegmentStart[lo:hi], b.Extras[lo*b.ExtraSlots:hi*b.ExtraSlots])
		for t, target := range b.Targets[lo:hi] {
			if target < 0 {
				continue
			}
			var z float64
			for _, v := range logits[t] {
				z += math.Exp(v)
			}
			sum += math.Log(z) - logits[t][target]
			count++
		}
	}
	return sum, count
}

// randomize gives every tensor values large enough that each matters.
func randomize(m *Model, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 99))
	for _, f := range m.p.existing(m.cfg) {
		for i := range *f.view {
			x := 0.3 * rng.NormFloat64()
			if f.init == initOne {
				x++
			}
			(*f.view)[i] = float32(x)
		}
	}
}

// randomBatch has segments of random lengths, positions that restart or run on
// by row, and a few tokens without targets.
func randomBatch(cfg Config, rows, context int, seed uint64) *Batch {
	rng := rand.New(rand.NewPCG(seed, 7))
	b := &Batch{ExtraSlots: cfg.ExtraSlots}
	b.Resize(rows, context)
	randomExtras(cfg, b.Extras, seed)
	for r := range rows {
		start := 0
		for t := range context {
			i := r*context + t
			if t > 0 && rng.IntN(4) == 0 {
				start = t
			}
			b.Tokens[i] = int32(rng.IntN(cfg.Vocab))
			b.Targets[i] = int32(rng.IntN(cfg.Vocab))
			if rng.IntN(5) == 0 {
				b.Targets[i] = -1
			}
			b.SegmentStart[i] = int32(start)
			b.Positions[i] = int32(t)
			if r%2 == 0 {
				b.Positions[i] = int32(t - start)
			}
		}
	}
	return b
}

// randomExtras sets the extra ids of tokens: none of them to all that there is room
// for, some of them twice.
func randomExtras(cfg Config, extras []int32, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 8))
	for i := 0; i < len(extras); i += cfg.ExtraSlots {
		n := rng.IntN(cfg.ExtraSlots + 1)
		for s := range cfg.ExtraSlots {
			extras[i+s] = -1
			if s < n {
				extras[i+s] = int32(rng.IntN(cfg.ExtraVocab))
			}
		}
	}
}

func mustNew(t testing.TB, cfg Config, seed uint64) *Model {
	t.Helper()
	m, err := New(cfg, seed)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// gradientConfigs are small enough for finite differences and cover both
// activations, biases, one and several heads and layers, extra ids.
var gradientConfigs = []Config{
	{Layers: 2, Heads: 2, Width: 8, Context: 9, Vocab: 11, Activation: GELU},
	{Layers: 1, Heads: 1, Width: 6, Context: 9, Vocab: 7, Bias: true, Activation: GELU},
	{Layers: 2, Heads: 4, Width: 8, Context: 9, Vocab: 5, Bias: true, Activation: GELUTanh},
	{Layers: 1, Heads: 3, Width: 9, Context: 9, Vocab: 11, Activation: GELUTanh},
	{Layers: 2, Heads: 2, Width: 8, Context: 9, Vocab: 7, Activation: GELU, ExtraVocab: 5, ExtraSlots: 3},
}

func TestLossMatchesReference(t *testing.T) {
	for _, cfg := range gradientConfigs {
		m := mustNew(t, cfg, 1)
		randomize(m, 1)
		b := randomBatch(cfg, 3, 9, 1)
		want, wantCount := newReference(m).loss(b)
		got, count, err := m.Loss(b)
		if err != nil {
			t.Fatal(err)
		}
		if count != wantCount || math.Abs(got-want) > 1e-5*want {
			t.Errorf("%+v: loss %v over %d, want %v over %d", cfg, got, count, want, wantCount)
		}
	}
}

// TestStreams compares the residual stream at every depth.
func TestStreams(t *testing.T) {
	for _, cfg := range []Config{smallConfig, smallExtras} {
		m := mustNew(t, cfg, 3)
		randomize(m, 4)
		const rows, context = 3, 9
		b := randomBatch(cfg, rows, context, 5)
		c, layers := cfg.Width, 0
		ref := newReference(m)
		want := map[int][]float64{}
		ref.stream = func(layer int, x [][]float64) {
			for _, v := range x {
				want[layer] = append(want[layer], v...)
			}
		}
		for row := range rows {
			at, to := row*context, (row+1)*context
			ref.logits(b.Tokens[at:to], b.Positions[at:to], b.SegmentStart[at:to], b.Extras[at*cfg.ExtraSlots:to*cfg.ExtraSlots])
		}
		err := m.NewEvaluator().EachStream(b, func(layer int, stream []float32) {
			layers++
			if len(stream) != rows*context*c {
				t.Fatalf("layer %d has %d numbers", layer, len(stream))
			}
			for i, v := range stream {
				if w := want[layer][i]; math.Abs(float64(v)-w) > 1e-4*(1+math.Abs(w)) {
					t.Fatalf("layer %d, number %d: %v, want %v", layer, i, v, w)
				}
			}
		})
		if err != nil || layers != cfg.Layers+1 {
			t.Errorf("%d layers, error %v", layers, err)
		}
		b.Tokens[0] = -1
		if m.NewEvaluator().EachStream(b, nil) == nil {
			t.Error("a malformed batch was accepted")
		}
	}
}

// TestGradientsMatchFiniteDifferences checks every number of every tensor (in
// short mode a fifth of them): the gradient of the mean loss over two
// accumulated batches against the central difference of the float64 reference.
func TestGradientsMatchFiniteDifferences(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 5
	}
	for _, cfg := range gradientConfigs {
		t.Run(fmt.Sprintf("%s bias=%v heads=%d extras=%d", cfg.Activation, cfg.Bias, cfg.Heads, cfg.ExtraSlots), func(t *testing.T) {
			t.Parallel()
			m := mustNew(t, cfg, 2)
			randomize(m, 2)
			batches := []*Batch{randomBatch(cfg, 2, 9, 3), randomBatch(cfg, 1, 6, 4)}
			count := batches[0].TargetCount() + batches[1].TargetCount()
			g := newParams(cfg)
			nw := newNetwork(m, phases.NewPool(), true)
			nw.head.chunkRows = 5 // so that the loss takes several chunks
			fill(g.flat, 100)     // the first batch sets all of it
			for i, b := range batches {
				nw.lossAndGradient(b, g, 1/float64(count), i == 0)
			}
			// So does one without targets.
			again, none := newParams(cfg), randomBatch(cfg, 1, 5, 6)
			fill(again.flat, 100)
			for i := range none.Targets {
				none.Targets[i] = -1
			}
			for i, b := range append([]*Batch{none}, batches...) {
				nw.lossAndGradient(b, again, 1/float64(count), i == 0)
			}
			if !slices.Equal(g.flat, again.flat) {
				t.Error("a batch without targets at the beginning changes the gradient")
			}

			ref := newReference(m)
			loss := func() float64 {
				x, _ := ref.loss(batches[0])
				y, _ := ref.loss(batches[1])
				return (x + y) / float64(count)
			}
			for _, tensor := range g.tensors(cfg) {
				w := ref.w[tensor.Name]
				want := make([]float64, len(w))
				var largest float64
				for i := 0; i < len(w); i += step {
					const h = 1e-5
					x := w[i]
					w[i] = x + h
					up := loss()
					w[i] = x - h
					down := loss()
					w[i] = x
					want[i] = (up - down) / (2 * h)
					largest = max(largest, math.Abs(want[i]))
				}
				// float32 carries 6e-8 relative to the largest terms of a sum;
				// the gradient passes a few hundred of them.
				tolerance := 2e-5*largest + 1e-7
				if largest == 0 {
					t.Errorf("%s: the reference gradient is zero, the test shows nothing", tensor.Name)
				}
				for i := 0; i < len(w); i += step {
					x := tensor.Data[i]
					if math.Abs(float64(x)-want[i]) > tolerance {
						t.Errorf("%s[%d] = %v, want %v (tolerance %.1e)", tensor.Name, i, x, want[i], tolerance)
						break
					}
				}
			}
		})
	}
}

// TestGradientsOfLongSegments: segments that span several query blocks and key
// tiles, by directional derivatives of the reference, three for each tensor.
func TestGradientsOfLongSegments(t *testing.T) {
	cfg := Config{Layers: 2, Heads: 2, Width: 10, Context: 290, Vocab: 9, Bias: true, Activation: GELU}
	m := mustNew(t, cfg, 5)
	randomize(m, 5)
	b := randomBatch(cfg, 1, 290, 5)
	for i := range b.SegmentStart {
		for _, start := range []int32{0, 1, 70, 270} { // lengths 1, 69, 200, 20
			if int(start) <= i {
				b.SegmentStart[i] = start
			}
		}
	}
	g := newParams(cfg)
	newNetwork(m, phases.NewPool(), true).lossAndGradient(b, g, 1, true)
	ref := newReference(m)
	checkDerivatives(t, g, ref, b, 3)
}

// checkDerivatives compares the gradient g of the summed loss with central
// differences of the reference, in some random directions for each tensor.
func checkDerivatives(t *testing.T, g *params, ref *reference, b *Batch, directions int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(6, 6))
	for _, tensor := range g.tensors(ref.cfg) {
		w := ref.w[tensor.Name]
		for range directions {
			const h = 1e-5
			direction := make([]float64, len(w))
			var got, scale float64
			for i := range w {
				direction[i] = rng.NormFloat64()
				got += direction[i] * float64(tensor.Data[i])
				scale += float64(tensor.Data[i]) * float64(tensor.Data[i])
			}
			move := func(by float64) float64 {
				for i := range w {
					w[i] += by * direction[i]
				}
				sum, _ := ref.loss(b)
				return sum
			}
			up := move(h)
			down := move(-2 * h)
			move(h)
			if want := (up - down) / (2 * h); !(math.Abs(got-want) <= 2e-5*math.Sqrt(scale)) {
				t.Errorf("%s: derivative %v, want %v (gradient of norm %v)", tensor.Name, got, want, math.Sqrt(scale))
			}
		}
	}
}

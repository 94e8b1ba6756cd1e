package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	gmat "gonum.org/v1/gonum/mat"

	kernels "transcend/model/blas"
	"transcend/model/internal/phases"
)

// orthogonalize64 is Jordan's zeropower_via_newtonschulz5 in float64 and in
// gonum's matrices, step by step as published.
func orthogonalize64(g *gmat.Dense) *gmat.Dense {
	x := gmat.DenseCopyOf(g)
	rows, cols := x.Dims()
	if rows > cols {
		x = gmat.DenseCopyOf(x.T())
	}
	x.Scale(1/(gmat.Norm(x, 2)+1e-7), x)
	for range 5 {
		var a, b, c, next gmat.Dense
		a.Mul(x, x.T())
		b.Scale(-4.7750, &a)
		c.Mul(&a, &a)
		c.Scale(2.0315, &c)
		b.Add(&b, &c)
		next.Mul(&b, x)
		x.Scale(3.4445, x)
		x.Add(x, &next)
	}
	if rows > cols {
		x = gmat.DenseCopyOf(x.T())
	}
	return x
}

// muonOf updates all hidden matrices of a model.
func muonOf(c Config) *muon {
	tensors := slices.DeleteFunc(Layout(c), func(t LayoutTensor) bool { return !t.Hidden })
	return newMuon(c, tensors).(*muon)
}

// TestMuonMatchesReference compares whole updates of some steps with the
// published algorithm in float64: torch.optim.Muon's momentum, Nesterov's look
// ahead, decay and scale, and queries, keys and values apart.
func TestMuonMatchesReference(t *testing.T) {
	cfg := Config{Layers: 1, Heads: 2, Width: 24, Context: 8, Vocab: 11, Activation: GELU, Bias: true}
	m := mustNew(t, cfg, 1)
	tc := TrainConfig{Momentum: 0.95, WeightDecay: 0.1}
	const lr = 0.02
	rng := rand.New(rand.NewPCG(1, 2))
	mu, momentum := muonOf(cfg), make([]float32, len(m.p.flat))
	before := slices.Clone(m.p.flat)
	pool := phases.NewPool()

	type reference struct{ w, buf *gmat.Dense }
	refs := map[hiddenMatrix]*reference{}
	dense := func(h hiddenMatrix, flat []float32) *gmat.Dense {
		d := gmat.NewDense(h.rows, h.cols, nil)
		for i := range h.rows {
			for j := range h.cols {
				d.Set(i, j, float64(flat[h.at+i*h.stride+j]))
			}
		}
		return d
	}
	for _, h := range mu.matrices {
		refs[h] = &reference{dense(h, m.p.flat), gmat.NewDense(h.rows, h.cols, nil)}
	}
	if len(refs) != 6 {
		t.Fatalf("%d matrices in a block, want 6", len(refs))
	}
	for step := range 4 {
		g := make([]float32, len(m.p.flat))
		for i := range g {
			g[i] = float32(rng.NormFloat64())
		}
		clip := 1 / float64(step+1) // the same for all steps would make no difference
		mu.step(pool, update{weights: m.p.flat, gradient: g, first: momentum, train: tc, rate: lr, scale: clip})
		for h, r := range refs {
			grad := dense(h, g)
			grad.Scale(clip, grad)
			var u, v gmat.Dense
			r.buf.Scale(0.95, r.buf)
			u.Scale(0.05, grad)
			r.buf.Add(r.buf, &u)
			u.Scale(0.05, grad)
			v.Scale(0.95, r.buf)
			u.Add(&u, &v)
			o := orthogonalize64(&u)
			o.Scale(lr*0.2*math.Sqrt(float64(max(h.rows, h.cols))), o)
			r.w.Scale(1-lr*0.1, r.w)
			r.w.Sub(r.w, o)
			var diff gmat.Dense
			diff.Sub(r.w, dense(h, m.p.flat))
			// The polynomial stretches the smallest singular values by up to 3.4⁵,
			// and rounding with them.
			if e, bound := gmat.Max(&diff)-gmat.Min(&diff), 1e-4*lr; e > bound {
				t.Fatalf("step %d, matrix %+v: error %.3g, want at most %.3g", step, h, e, bound)
			}
		}
	}
	at := 0
	for _, f := range layout(cfg) {
		changed := !slices.Equal(before[at:at+f.size()], m.p.flat[at:at+f.size()])
		if want := strings.Contains(f.name, ".h.") && len(f.shape) == 2; changed != want {
			t.Errorf("%s: changed %v, want %v", f.name, changed, want)
		}
		at += f.size()
	}
}

// TestOrthogonalize checks the singular values of the result, for wide, tall
// and square matrices, in float32 and in bf16.
func TestOrthogonalize(t *testing.T) {
	f32, err := kernels.New(kernels.Options{})
	if err != nil {
		t.Fatal(err)
	}
	bf16, err := kernels.New(kernels.Options{Precision: kernels.BF16})
	if err != nil {
		t.Fatal(err)
	}
	for name, impl := range map[string]blas.Float32{"gonum": blas32.Implementation(), "f32": f32, "bf16": bf16} {
		t.Run(name, func(t *testing.T) {
			useBLAS(t, impl)
			rng := rand.New(rand.NewPCG(3, 4))
			for _, shape := range [][2]int{{1, 1}, {1, 7}, {7, 1}, {5, 64}, {64, 5}, {128, 512}, {512, 128}, {40, 40}} {
				rows, cols := shape[0], shape[1]
				side := min(rows, cols)
				x, y := make([]float32, rows*cols), make([]float32, rows*cols)
				squares := 0.0
				for i := range x {
					x[i] = float32(1e-3 * rng.NormFloat64())
					squares += float64(x[i]) * float64(x[i])
				}
				general := func(d []float32) blas32.General {
					return blas32.General{Rows: rows, Cols: cols, Stride: cols, Data: d}
				}
				o := orthogonalize(general(x), general(y), make([]float32, side*side), make([]float32, side*side), squares)
				d := gmat.NewDense(rows, cols, nil)
				for i := range rows {
					for j := range cols {
						d.Set(i, j, float64(o.Data[i*cols+j]))
					}
				}
				var svd gmat.SVD
				if !svd.Factorize(d, gmat.SVDNone) {
					t.Fatal("no SVD")
				}
				values := svd.Values(nil)
				// A random square matrix has singular values near 0, which five
				// steps cannot lift all the way.
				if values[0] > 1.25 || rows != cols && values[side-1] < 0.65 {
					t.Errorf("%dx%d: singular values from %.3f to %.3f", rows, cols, values[side-1], values[0])
				}
				if mid := values[side/2]; mid < 0.65 {
					t.Errorf("%dx%d: the median of the singular values is %.3f", rows, cols, mid)
				}
			}
		})
	}
}

// TestMuonWithoutGradient: a matrix whose momentum is zero stays where it is.
func TestMuonWithoutGradient(t *testing.T) {
	m := mustNew(t, smallConfig, 1)
	before := slices.Clone(m.p.flat)
	zeros := make([]float32, len(m.p.flat))
	muonOf(smallConfig).step(phases.NewPool(), update{weights: m.p.flat, gradient: zeros, first: slices.Clone(zeros),
		train: TrainConfig{Momentum: 0.95}, rate: 0.1, scale: 1})
	if !slices.Equal(before, m.p.flat) {
		t.Error("weights changed, or are not numbers")
	}
}

// TestMuonLearns: the loss begins at ln 70 = 4.2; AdamW is at 1.9 after as many
// steps.
func TestMuonLearns(t *testing.T) {
	useBLAS(t, products(t, kernels.F32))
	tr := newTrainer(t, smallConfig, withOptimizer(OptimizerMuon, 0))
	var last StepStats
	for range 60 {
		last = mustStep(t, tr)
	}
	if last.Loss > 2.3 {
		t.Errorf("loss %v after 60 steps", last.Loss)
	}
}

// TestAverage compares the moving average with its definition and checks that
// checkpoints hold it as the model, beside the weights in training.
func TestAverage(t *testing.T) {
	tc := withOptimizer(OptimizerAdamW, 0.8)
	tr := newTrainer(t, smallConfig, tc)
	want := make([]float64, len(tr.model.p.flat))
	for i, x := range tr.model.p.flat {
		want[i] = float64(x)
	}
	for step := 1; step <= 40; step++ {
		mustStep(t, tr)
		decay := min(0.8, float64(1+step)/float64(10+step))
		for i, x := range tr.model.p.flat {
			want[i] = decay*want[i] + (1-decay)*float64(x)
		}
	}
	for i, x := range tr.Result().p.flat {
		if math.Abs(float64(x)-want[i]) > 1e-6 {
			t.Fatalf("average %d is %v, want %v", i, x, want[i])
		}
	}
	dir := filepath.Join(t.TempDir(), CheckpointName(40))
	if err := tr.Save(dir, nil); err != nil {
		t.Fatal(err)
	}
	m, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.p.flat, tr.Result().p.flat) || slices.Equal(m.p.flat, tr.model.p.flat) {
		t.Error("the checkpoint's model is not the average")
	}
	back, err := resume(dir, smallConfig)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(back.Model().p.flat, tr.Model().p.flat) {
		t.Error("the weights in training did not come back")
	}
	if plain := newSmallTrainer(t, smallConfig); plain.Result() != plain.Model() {
		t.Error("without an average the result is not the model in training")
	}
}

// TestOptimizerStateMustFit: a checkpoint says which optimizer it is of, and its
// tensors must be that one's.
func TestOptimizerStateMustFit(t *testing.T) {
	tr := newTrainer(t, smallConfig, withOptimizer(OptimizerMuon, 0))
	mustStep(t, tr)
	for name, change := range map[string]string{
		"adamw": `"optimizer": "adamw"`,
		"ema":   `"optimizer": "muon", "ema": 0.9`,
	} {
		dir := filepath.Join(t.TempDir(), CheckpointName(1))
		if err := tr.Save(dir, nil); err != nil {
			t.Fatal(err)
		}
		edit(t, dir, trainerFile, `"optimizer": "muon"`, change)
		if _, err := resume(dir, smallConfig); err == nil || !strings.Contains(err.Error(), optimizerFile) || !strings.Contains(err.Error(), "missing") {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}

// BenchmarkMuon measures one update of all hidden matrices of a model; GFLOP/s
// counts the products.
func BenchmarkMuon(b *testing.B) {
	for _, cfg := range []Config{
		{Layers: 4, Heads: 4, Width: 128, Context: 128, Vocab: 2048, Activation: GELU},
		{Layers: 8, Heads: 8, Width: 256, Context: 128, Vocab: 2048, Activation: GELU},
		{Layers: 8, Heads: 8, Width: 512, Context: 256, Vocab: 2048, Activation: GELU},
	} {
		b.Run(fmt.Sprintf("layers=%d/width=%d", cfg.Layers, cfg.Width), func(b *testing.B) {
			eachBLAS(b, func(b *testing.B, _ float64) {
				m, pool, mu := mustNew(b, cfg, 1), phases.NewPool(), muonOf(cfg)
				momentum := make([]float32, len(m.p.flat))
				g := slices.Clone(m.p.flat)
				b.ReportAllocs()
				for b.Loop() {
					mu.step(pool, update{weights: m.p.flat, gradient: g, first: momentum, train: TrainConfig{Momentum: 0.95}, rate: 1e-3, scale: 1})
				}
				flops := 0.0
				for _, h := range mu.matrices {
					small, large := float64(min(h.rows, h.cols)), float64(max(h.rows, h.cols))
					flops += newtonSchulzSteps * (4*small*small*large + 2*small*small*small)
				}
				b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		})
	}
}

package model

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	kernels "transcend/model/blas"
)

// smallConfig and smallTrain are a small run whose matrix products are large enough for gonum
// to share them over goroutines.
var (
	smallConfig = Config{Layers: 2, Heads: 4, Width: 48, Context: 48, Vocab: 70, Activation: GELU}
	smallTrain  = TrainConfig{
		Rows: 4, Accumulate: 2, LearningRate: 3e-3, MinLearningRate: 1e-4, Warmup: 4,
		Schedule: ScheduleWSD, DecayFraction: 0.5, DecayShape: DecaySqrt,
		Beta1: 0.9, Beta2: 0.95, Epsilon: 1e-8, WeightDecay: 0.1, ClipNorm: 1, Seed: 5,
	}
)

func newSmallTrainer(t testing.TB, cfg Config) *Trainer {
	t.Helper()
	return newTrainer(t, cfg, smallTrain)
}

// trainConfigs are smallTrain with each optimizer, and with an average.
func trainConfigs() map[string]TrainConfig {
	all := map[string]TrainConfig{"ema": withOptimizer(OptimizerMuon, 0.9)}
	for _, name := range Optimizers() {
		all[name] = withOptimizer(name, 0)
	}
	return all
}

func withOptimizer(name string, ema float64) TrainConfig {
	c := smallTrain
	c.Optimizer, c.EMA = name, ema
	return c
}

func newTrainer(t testing.TB, cfg Config, tc TrainConfig) *Trainer {
	t.Helper()
	tr, err := NewTrainer(mustNew(t, cfg, 3), tc, newSource(cfg, 4))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func mustStep(t testing.TB, tr *Trainer) StepStats {
	t.Helper()
	s, err := tr.Step()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run is all that a training run leaves, to be compared bit for bit.
type run struct {
	stats []StepStats
	flat  [4][]float32 // weights, both moments, average
	draws []uint64     // of Trainer.Rand, one after each step
	after StepStats    // one step more
}

func (r *run) finish(t *testing.T, tr *Trainer) {
	r.flat = [4][]float32{slices.Clone(tr.model.p.flat), slices.Clone(tr.opt.m), slices.Clone(tr.opt.v), slices.Clone(tr.Result().p.flat)}
	r.after = mustStep(t, tr)
}

func (r *run) mustEqual(t *testing.T, want *run) {
	t.Helper()
	for i, s := range r.stats {
		if s != want.stats[i] {
			t.Fatalf("step %d: %+v, want %+v", i+1, s, want.stats[i])
		}
	}
	if !slices.Equal(r.draws, want.draws) {
		t.Errorf("random numbers differ")
	}
	for k, what := range []string{"weights", "first moments", "second moments", "averages"} {
		for i, x := range r.flat[k] {
			if math.Float32bits(x) != math.Float32bits(want.flat[k][i]) {
				t.Fatalf("%s differ at %d: %v, want %v", what, i, x, want.flat[k][i])
			}
		}
	}
	if r.after != want.after {
		t.Errorf("the step after: %+v, want %+v", r.after, want.after)
	}
}

// TestResumeIsExact compares a straight run with one that is stopped and
// resumed several times, each part with another number of threads. The end of
// the schedule is fixed on the way, as a time budget does it.
func TestResumeIsExact(t *testing.T) {
	for name, tc := range trainConfigs() {
		t.Run(name, func(t *testing.T) { testResumeIsExact(t, smallConfig, tc) })
	}
}

func testResumeIsExact(t *testing.T, cfg Config, tc TrainConfig) {
	const steps, fixedAt = 16, 11 // where the decay of 16 steps should have begun at 8
	play := func(stops map[int]int) *run {
		tr, r := newTrainer(t, cfg, tc), new(run)
		for step := 1; step <= steps; step++ {
			if step == fixedAt {
				tr.SetSteps(steps)
			}
			r.stats = append(r.stats, mustStep(t, tr))
			r.draws = append(r.draws, tr.Rand().Uint64())
			if threads, ok := stops[step]; ok {
				dir := filepath.Join(t.TempDir(), CheckpointName(step))
				if err := tr.Save(dir, nil); err != nil {
					t.Fatal(err)
				}
				var err error
				// A source with another position: Restore must set it.
				if tr, err = ResumeTrainer(dir, newSource(cfg, 77)); err != nil {
					t.Fatal(err)
				}
				tr.SetThreads(threads)
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
				if tr.StepsDone() != step {
					t.Fatalf("resumed at step %d, want %d", tr.StepsDone(), step)
				}
			}
		}
		r.finish(t, tr)
		return r
	}
	want := play(nil)
	play(map[int]int{1: 1, 4: 2, 7: 3, 12: 1, 15: 2, 16: 3}).mustEqual(t, want)
	if first, last := want.stats[0].Loss, want.stats[steps-1].Loss; !(last < first) {
		t.Errorf("loss went from %v to %v: nothing was learned", first, last)
	}
	if lr := want.stats[steps-1].LearningRate; !(lr < smallTrain.LearningRate) {
		t.Errorf("learning rate %v at the end: the decay did not happen", lr)
	}
}

func TestThreadsDoNotChangeAnyBit(t *testing.T) {
	for name, tc := range trainConfigs() {
		t.Run(name, func(t *testing.T) { testThreadsDoNotChangeAnyBit(t, tc) })
	}
}

func testThreadsDoNotChangeAnyBit(t *testing.T, tc TrainConfig) {
	for name, impl := range map[string]blas.Float32{"gonum": blas32.Implementation(), "f32": products(t, kernels.F32), "bf16": products(t, kernels.BF16)} {
		t.Run(name, func(t *testing.T) {
			useBLAS(t, impl)
			for _, cfg := range []Config{
				smallConfig,
				{Layers: 1, Heads: 3, Width: 33, Context: 131, Vocab: 19, Bias: true, Activation: GELUTanh},
				{Layers: 1, Heads: 3, Width: 33, Context: 131, Vocab: 19, Activation: GELU, ExtraVocab: 50, ExtraSlots: 9},
			} {
				var want *run
				for _, threads := range []int{1, 2, 3, 7} {
					defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
					tr, r := newTrainer(t, cfg, tc), new(run)
					tr.SetThreads(threads)
					for range 3 {
						r.stats = append(r.stats, mustStep(t, tr))
					}
					r.finish(t, tr)
					if want == nil {
						want = r
						continue
					}
					r.mustEqual(t, want)
				}
			}
		})
	}
}

// TestAccumulationIsOneLargeBatch: the same rows in one batch or in several
// micro batches with different numbers of targets.
func TestAccumulationIsOneLargeBatch(t *testing.T) {
	cfg := gradientConfigs[0]
	whole := randomBatch(cfg, 6, 9, 8)
	for i := range 9 {
		whole.Targets[i] = -1 // the first row has no target at all
	}
	part := func(lo, hi int) *Batch {
		lo, hi = lo*9, hi*9
		return &Batch{Rows: (hi - lo) / 9, Context: 9, Tokens: whole.Tokens[lo:hi], Targets: whole.Targets[lo:hi],
			Positions: whole.Positions[lo:hi], SegmentStart: whole.SegmentStart[lo:hi]}
	}
	step := func(accumulate int, batches ...*Batch) (StepStats, []float32) {
		tc := smallTrain
		tc.Accumulate, tc.ClipNorm = accumulate, 0
		m := mustNew(t, cfg, 1)
		randomize(m, 1)
		tr, err := NewTrainer(m, tc, &listSource{batches: batches})
		if err != nil {
			t.Fatal(err)
		}
		s := mustStep(t, tr)
		return s, tr.grads.flat
	}
	want, wantGrad := step(1, whole)
	got, gotGrad := step(3, part(0, 1), part(1, 5), part(5, 6))
	if got.Tokens != want.Tokens || math.Abs(got.Loss-want.Loss) > 1e-6*want.Loss {
		t.Errorf("accumulated %+v, whole %+v", got, want)
	}
	compare(t, "gradient", gotGrad, wantGrad, 1e-6)
}

func TestOverfitOneBatch(t *testing.T) {
	// Every target follows from its position, so the floor is zero.
	cfg := Config{Layers: 2, Heads: 2, Width: 32, Context: 12, Vocab: 20, Activation: GELU}
	b := randomBatch(cfg, 2, 12, 3)
	for i := range b.Positions {
		b.Positions[i] = int32(i % 12)
	}
	src := &listSource{}
	const steps = 200
	for range steps {
		src.batches = append(src.batches, b)
	}
	tc := smallTrain
	tc.Accumulate, tc.Rows, tc.Schedule, tc.Steps, tc.LearningRate = 1, 2, ScheduleCosine, steps, 1e-2
	tr, err := NewTrainer(mustNew(t, cfg, 1), tc, src)
	if err != nil {
		t.Fatal(err)
	}
	first := mustStep(t, tr)
	if want := math.Log(20); math.Abs(first.Loss-want) > 0.2 {
		t.Errorf("loss before training %v, want about ln 20 = %v", first.Loss, want)
	}
	var last StepStats
	for range steps - 1 {
		last = mustStep(t, tr)
	}
	if last.Loss > 0.02 {
		t.Errorf("loss %v after %d steps on one batch, want nearly 0", last.Loss, steps)
	}
	e, err := tr.Model().NewEvaluator().Evaluate(b)
	if err != nil {
		t.Fatal(err)
	}
	if e.Accuracy() != 1 {
		t.Errorf("accuracy %v on the batch it was trained on", e.Accuracy())
	}
}

// TestLearnsToTheEntropy: on an endless source the loss comes near the noise
// that nobody can predict.
func TestLearnsToTheEntropy(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for some seconds")
	}
	useBLAS(t, products(t, kernels.F32))
	cfg := Config{Layers: 2, Heads: 2, Width: 32, Context: 64, Vocab: 12, Activation: GELU}
	tc := smallTrain
	tc.Rows, tc.Accumulate, tc.Schedule, tc.Steps, tc.Warmup, tc.LearningRate = 8, 1, ScheduleCosine, 300, 20, 1e-2
	tr, err := NewTrainer(mustNew(t, cfg, 1), tc, newSource(cfg, 9))
	if err != nil {
		t.Fatal(err)
	}
	for range tc.Steps {
		mustStep(t, tr)
	}
	b := NewBatch(64, 64)
	if err := newSource(cfg, 10).Next(b); err != nil {
		t.Fatal(err)
	}
	e, err := tr.Model().NewEvaluator().Evaluate(b)
	if err != nil {
		t.Fatal(err)
	}
	// 12 equally likely tokens would cost 2.5 nats, a bigram model some 1.7.
	// The first step of a segment cannot be known: one of four strides. The
	// other tokens have the entropy of the noise.
	noise := syntheticNoise / float64(cfg.Vocab)
	hit := 1 - syntheticNoise + noise
	floor := -hit*math.Log(hit) - float64(cfg.Vocab-1)*noise*math.Log(noise)
	floor += (math.Log(4) * (1 - syntheticNoise)) / syntheticSegment
	if e.Loss() > 1.4*floor || e.Loss() < 0.9*floor {
		t.Errorf("loss %.3f on unseen text, entropy about %.3f", e.Loss(), floor)
	}
}

// spoiledBLAS is a BLAS whose products for weight gradients go wrong.
type spoiledBLAS struct {
	blas.Float32
	shape [2]int // of the products to spoil
}

func (s spoiledBLAS) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	s.Float32.Sgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
	if tA == blas.Trans && s.shape == [2]int{m, n} {
		c[1] = float32(math.Inf(-1))
	}
}

// products are what the commands compute with.
func products(t testing.TB, p kernels.Precision) blas.Float32 {
	t.Helper()
	impl, err := kernels.New(kernels.Options{Precision: p})
	if err != nil {
		t.Fatal(err)
	}
	return impl
}

func useBLAS(t testing.TB, b blas.Float32) {
	old := blas32.Implementation()
	blas32.Use(b)
	t.Cleanup(func() { blas32.Use(old) })
}

func TestDivergenceLeavesWeightsAlone(t *testing.T) {
	check := func(t *testing.T, tr *Trainer, want NonFiniteError) {
		weights, m, v := slices.Clone(tr.model.p.flat), slices.Clone(tr.opt.m), slices.Clone(tr.opt.v)
		_, err := tr.Step()
		var e *NonFiniteError
		if !errors.As(err, &e) || !errors.Is(err, ErrNonFinite) || *e != want {
			t.Fatalf("error = %v, want %+v", err, want)
		}
		if !strings.Contains(err.Error(), fmt.Sprintf("step %d", want.Step)) || !strings.Contains(err.Error(), want.What) {
			t.Errorf("message %q", err)
		}
		if tr.StepsDone() != want.Step-1 {
			t.Errorf("%d steps done", tr.StepsDone())
		}
		same := func(a, b []float32) bool {
			return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
		}
		if !same(weights, tr.model.p.flat) || !same(m, tr.opt.m) || !same(v, tr.opt.v) {
			t.Error("weights or moments changed")
		}
	}
	t.Run("loss", func(t *testing.T) {
		tr := newSmallTrainer(t, smallConfig)
		mustStep(t, tr)
		tr.model.p.lnfW[3] = float32(math.NaN())
		check(t, tr, NonFiniteError{Step: 2, What: "loss"})
	})
	t.Run("gradient", func(t *testing.T) {
		tr := newSmallTrainer(t, smallConfig)
		mustStep(t, tr)
		mustStep(t, tr)
		useBLAS(t, spoiledBLAS{blas32.Implementation(), [2]int{48, 4 * 48}})
		check(t, tr, NonFiniteError{Step: 3, What: "transformer.h.0.mlp.c_fc.weight"})
	})
}

func TestStepErrors(t *testing.T) {
	cfg := gradientConfigs[0]
	bad := randomBatch(cfg, 4, 9, 1)
	bad.Tokens[10] = 11
	silent := randomBatch(cfg, 4, 9, 1)
	for i := range silent.Targets {
		silent.Targets[i] = -1
	}
	for _, c := range []struct {
		name  string
		first *Batch
		want  string
	}{
		{"source ends", nil, "no more batches"},
		{"bad token", bad, "row 1, token 1: token id 11"},
		{"no targets", silent, "no token has a target"},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := &listSource{}
			if c.first != nil {
				src.batches = []*Batch{c.first, c.first}
			}
			tr, err := NewTrainer(mustNew(t, cfg, 1), smallTrain, src)
			if err != nil {
				t.Fatal(err)
			}
			before := slices.Clone(tr.model.p.flat)
			_, err = tr.Step()
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "step 1") {
				t.Errorf("error = %v, want one with %q", err, c.want)
			}
			if !slices.Equal(before, tr.model.p.flat) || tr.StepsDone() != 0 {
				t.Error("the failed step changed something")
			}
		})
	}
}

// serialBLAS is gonum without its goroutines, whose start allocates.
type serialBLAS struct{ blas.Float32 }

func (s serialBLAS) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	for lo := 0; lo < m; lo += 64 {
		hi := min(lo+64, m)
		rows := a[lo*lda:]
		if tA == blas.Trans {
			rows = a[lo:]
		}
		for left := 0; left < n; left += 128 {
			right := min(left+128, n)
			cols := b[left:]
			if tB == blas.Trans {
				cols = b[left*ldb:]
			}
			s.Float32.Sgemm(tA, tB, hi-lo, right-left, k, alpha, rows, lda, cols, ldb, beta, c[lo*ldc+left:], ldc)
		}
	}
}

// allocations is how often f allocates every time: the least of several tries, for the runtime
// itself allocates now and then when goroutines have to wait for each other.
func allocations(f func()) float64 {
	least := testing.AllocsPerRun(3, f)
	for range 30 {
		if least == 0 {
			break
		}
		least = min(least, testing.AllocsPerRun(3, f))
	}
	return least
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	useBLAS(t, serialBLAS{blas32.Implementation()})
	for _, threads := range []int{1, 2} {
		tr := newSmallTrainer(t, smallExtras)
		tr.SetThreads(threads)
		mustStep(t, tr)
		if n := allocations(func() { mustStep(t, tr) }); n != 0 {
			t.Errorf("%d threads: a training step allocates %v times", threads, n)
		}
		e := tr.Model().NewEvaluator()
		e.SetThreads(threads)
		b := randomBatch(smallExtras, 4, 48, 1)
		evaluate := func() {
			if _, err := e.Evaluate(b); err != nil {
				t.Fatal(err)
			}
		}
		evaluate()
		if n := allocations(evaluate); n != 0 {
			t.Errorf("%d threads: an evaluation allocates %v times", threads, n)
		}
	}
}

func TestLearningRates(t *testing.T) {
	base := TrainConfig{LearningRate: 1, MinLearningRate: 0.1, Warmup: 3, Steps: 103, DecayFraction: 0.2}
	for _, c := range []struct {
		schedule, shape string
		want            map[int]float64
	}{
		{ScheduleCosine, "", map[int]float64{0: 0.25, 1: 0.5, 2: 0.75, 3: 1, 53: 0.55, 103: 0.1, 5000: 0.1,
			28: 0.1 + 0.9*(1+math.Cos(math.Pi/4))/2}},
		// 20% of 103 is 21 steps, from 82 on.
		{ScheduleWSD, DecayLinear, map[int]float64{2: 0.75, 3: 1, 82: 1, 83: 1 - 0.9/21, 102: 0.1 + 0.9/21, 103: 0.1, 200: 0.1}},
		{ScheduleWSD, DecaySqrt, map[int]float64{82: 1, 83: 0.1 + 0.9*(1-math.Sqrt(1./21)), 103: 0.1}},
		{ScheduleConstant, "", map[int]float64{0: 0.25, 3: 1, 103: 1, 5000: 1}},
	} {
		cfg := base
		cfg.Schedule, cfg.DecayShape = c.schedule, c.shape
		for step, want := range c.want {
			if got := cfg.learningRateAt(step, cfg.decayStart()); math.Abs(got-want) > 1e-12 {
				t.Errorf("%s %s: learning rate at %d = %v, want %v", c.schedule, c.shape, step, got, want)
			}
		}
	}
}

func TestSetSteps(t *testing.T) {
	rates := func(tr *Trainer, from, to int) (out []float64) {
		for tr.step = from; tr.step < to; tr.step++ {
			out = append(out, tr.LearningRate())
		}
		return out
	}
	tr := newSmallTrainer(t, gradientConfigs[0])
	if lr := rates(tr, 1000, 1001)[0]; lr != smallTrain.LearningRate {
		t.Fatalf("learning rate on the trunk = %v", lr)
	}
	// Half of 200 would begin at 100, in the past: it begins now instead.
	tr.step = 150
	tr.SetSteps(200)
	if tr.Config().Steps != 200 {
		t.Errorf("Steps = %d", tr.Config().Steps)
	}
	got := rates(tr, 150, 201)
	if got[0] != smallTrain.LearningRate || got[50] != smallTrain.MinLearningRate {
		t.Errorf("decay runs from %v to %v", got[0], got[50])
	}
	if !slices.IsSortedFunc(got, func(a, b float64) int { return -int(math.Copysign(1, a-b)) }) {
		t.Errorf("learning rate rises during the decay: %v", got)
	}
}

func TestTrainConfigValidate(t *testing.T) {
	if err := smallTrain.Validate(); err != nil {
		t.Fatal(err)
	}
	paper := DefaultTrainConfig()
	paper.Rows, paper.Steps = 125, 4_000_000
	if err := paper.Validate(); err != nil {
		t.Errorf("the default: %v", err)
	}
	for name, change := range map[string]func(*TrainConfig){
		"rows":           func(c *TrainConfig) { c.Rows = 0 },
		"context":        func(c *TrainConfig) { c.Context = -1 },
		"accumulate":     func(c *TrainConfig) { c.Accumulate = -1 },
		"warmup":         func(c *TrainConfig) { c.Warmup = -1 },
		"steps":          func(c *TrainConfig) { c.Steps = -1 },
		"learning rate":  func(c *TrainConfig) { c.LearningRate = math.NaN() },
		"minimum":        func(c *TrainConfig) { c.MinLearningRate = math.Inf(1) },
		"decay fraction": func(c *TrainConfig) { c.DecayFraction = 1.5 },
		"beta1":          func(c *TrainConfig) { c.Beta1 = 1 },
		"beta2":          func(c *TrainConfig) { c.Beta2 = -0.1 },
		"epsilon":        func(c *TrainConfig) { c.Epsilon = 0 },
		"weight decay":   func(c *TrainConfig) { c.WeightDecay = -1 },
		"clip norm":      func(c *TrainConfig) { c.ClipNorm = math.Inf(1) },
		"momentum":       func(c *TrainConfig) { c.Momentum = 1 },
		"average":        func(c *TrainConfig) { c.EMA = 1 },
		"optimizer":      func(c *TrainConfig) { c.Optimizer = "sgd" },
		"precision":      func(c *TrainConfig) { c.Precision = "f16" },
		"schedule":       func(c *TrainConfig) { c.Schedule = "linear" },
		"cosine needs":   func(c *TrainConfig) { c.Schedule = "" },
		"decay shape":    func(c *TrainConfig) { c.DecayShape = "cubic" },
	} {
		c := smallTrain
		change(&c)
		if _, err := NewTrainer(mustNew(t, gradientConfigs[0], 1), c, nil); !errors.Is(err, ErrTrainConfig) {
			t.Errorf("%s: error = %v, want ErrTrainConfig", name, err)
		}
	}
}

func TestSignature(t *testing.T) {
	want, err := Signature(4, 30)
	if err != nil {
		t.Fatal(err)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	if got, err := Signature(4, 30); err != nil || got != want {
		t.Errorf("second signature %s, %v, want %s", got, err, want)
	}
	for _, n := range [][2]int{{5, 30}, {4, 31}} {
		if got, err := Signature(n[0], n[1]); err != nil || got == want {
			t.Errorf("Signature(%d, %d) = %s, %v: as that of 4, 30", n[0], n[1], got, err)
		}
	}
}

func TestRecomputeChangesNoBit(t *testing.T) {
	for _, cfg := range []Config{
		smallConfig,
		{Layers: 3, Heads: 3, Width: 33, Context: 131, Vocab: 19, Bias: true, Activation: GELUTanh},
		{Layers: 1, Heads: 1, Width: 8, Context: 16, Vocab: 11, Activation: GELU},
		smallExtras,
	} {
		play := func(recompute bool) *run {
			tc := smallTrain
			tc.Recompute = recompute
			tr, err := NewTrainer(mustNew(t, cfg, 3), tc, newSource(cfg, 4))
			if err != nil {
				t.Fatal(err)
			}
			r := new(run)
			for range 4 {
				r.stats = append(r.stats, mustStep(t, tr))
			}
			r.finish(t, tr)
			if want := cfg.ActivationBytes(tc.Rows, cfg.Context, recompute); activationBytes(tr.nw) != want {
				t.Errorf("recompute %v: activations take %d bytes, ActivationBytes says %d", recompute, activationBytes(tr.nw), want)
			}
			return r
		}
		play(true).mustEqual(t, play(false))
	}
}

// activationBytes counts the slices of a network, but for the workspaces of threads.
func activationBytes(nw *network) int64 {
	nw.workspaces, nw.ops = nil, network{}.ops
	nw.p, nw.pool = nil, nil
	var count func(v reflect.Value) int64
	count = func(v reflect.Value) (n int64) {
		switch v.Kind() {
		case reflect.Slice:
			if e := v.Type().Elem().Kind(); e != reflect.Slice && e != reflect.Struct {
				return int64(v.Len()) * int64(v.Type().Elem().Size())
			}
			for i := range v.Len() {
				n += count(v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				n += count(v.Field(i))
			}
		}
		return n
	}
	return count(reflect.ValueOf(nw).Elem())
}

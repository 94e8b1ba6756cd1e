//go:build xla

package xla

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"transcend/data"
	"transcend/data/batches"
	"transcend/data/filter"
	"transcend/data/league"
	"transcend/data/league/leaguetest"
	"transcend/model"
	"transcend/model/safetensors"
	"transcend/pgn"
	"transcend/pgn/pgntest"
)

// open returns an engine on GoMLX's backend in Go.
func open(t testing.TB, cfg model.Config, train model.TrainConfig, change func(*Options)) Engine {
	t.Helper()
	o := Options{Device: Device{Kind: Go, Count: 1}, Log: t.Logf}
	if change != nil {
		change(&o)
	}
	e, err := New(cfg, train, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// TestGradientsEqualTheCPUEngines: loss and every gradient, over shapes, biases, both
// forms of GELU, extra ids, packings, recomputation, and rows that are filled up.
func TestGradientsEqualTheCPUEngines(t *testing.T) {
	for name, c := range map[string]struct {
		cfg           model.Config
		rows, context int
		whole         bool
		multiple      int
		recompute     bool
	}{
		"plain":     {cfg: model.Config{Layers: 2, Heads: 2, Width: 16, Context: 24, Vocab: 31, Activation: model.GELU}, rows: 3, context: 24},
		"biases":    {cfg: model.Config{Layers: 2, Heads: 4, Width: 32, Context: 20, Vocab: 50, Bias: true, Activation: model.GELUTanh}, rows: 2, context: 17},
		"one layer": {cfg: model.Config{Layers: 1, Heads: 1, Width: 8, Context: 9, Vocab: 5, Activation: model.GELUTanh}, rows: 1, context: 9, whole: true},
		"deep":      {cfg: model.Config{Layers: 5, Heads: 3, Width: 24, Context: 40, Vocab: 32, Activation: model.GELU}, rows: 2, context: 40, whole: true},
		"extras":    {cfg: model.Config{Layers: 2, Heads: 2, Width: 16, Context: 24, Vocab: 31, Activation: model.GELU, ExtraVocab: 37, ExtraSlots: 6}, rows: 3, context: 24},
		"filled up": {cfg: model.Config{Layers: 2, Heads: 2, Width: 16, Context: 24, Vocab: 31, Activation: model.GELU, ExtraVocab: 9, ExtraSlots: 3}, rows: 3, context: 23, multiple: 16},
		"recompute": {cfg: model.Config{Layers: 3, Heads: 2, Width: 16, Context: 24, Vocab: 31, Bias: true, Activation: model.GELU}, rows: 3, context: 24, recompute: true},
	} {
		t.Run(name, func(t *testing.T) {
			train := model.DefaultTrainConfig()
			train.Recompute = c.recompute
			e := open(t, c.cfg, train, nil)
			if c.multiple > 0 {
				e.(*engine).multiple = c.multiple
			}
			for seed := range uint64(3) {
				m, err := RandomModel(c.cfg, seed)
				if err != nil {
					t.Fatal(err)
				}
				p, err := Check(e, m, RandomBatch(c.cfg, c.rows, c.context, c.whole, seed))
				if err != nil {
					t.Fatal(err)
				}
				t.Log(p)
				if !p.OK() {
					t.Errorf("seed %d: %v", seed, p)
				}
			}
		})
	}
}

// randomSource gives random batches; its state is how many it gave.
type randomSource struct {
	cfg   model.Config
	given uint64
}

func (s *randomSource) Next(b *model.Batch) error {
	r := RandomBatch(s.cfg, b.Rows, b.Context, false, 1000+s.given)
	b.ExtraSlots = r.ExtraSlots
	b.Resize(r.Rows, r.Context)
	copy(b.Tokens, r.Tokens)
	copy(b.Targets, r.Targets)
	copy(b.Positions, r.Positions)
	copy(b.SegmentStart, r.SegmentStart)
	copy(b.Extras, r.Extras)
	s.given++
	return nil
}

func (s *randomSource) State() ([]byte, error) { return json.Marshal(s.given) }
func (s *randomSource) Restore(b []byte) error { return json.Unmarshal(b, &s.given) }

func trainConfigs() map[string]func(*model.TrainConfig) {
	all := map[string]func(*model.TrainConfig){
		"accumulate": func(c *model.TrainConfig) { c.Accumulate, c.Optimizer = 3, model.OptimizerMuon },
		"no clip":    func(c *model.TrainConfig) { c.ClipNorm = 0 },
	}
	for _, name := range model.Optimizers() {
		all[name] = func(c *model.TrainConfig) { c.Optimizer = name }
		all[name+", ema"] = func(c *model.TrainConfig) { c.Optimizer, c.EMA = name, 0.9 }
	}
	return all
}

var smallConfig = model.Config{Layers: 2, Heads: 2, Width: 16, Context: 24, Vocab: 31, Bias: true, Activation: model.GELU, ExtraVocab: 37, ExtraSlots: 6}

func smallTrain(change func(*model.TrainConfig)) model.TrainConfig {
	c := model.DefaultTrainConfig()
	c.Rows, c.Steps, c.Warmup, c.LearningRate, c.MinLearningRate = 3, 10, 3, 3e-3, 1e-4
	change(&c)
	return c
}

// newTrainer is at step 0, or where dir is, if that is not "". launch 0: the CPU engine.
func newTrainer(t testing.TB, cfg model.Config, tc model.TrainConfig, dir string, launch int) *model.Trainer {
	t.Helper()
	src := &randomSource{cfg: cfg}
	var tr *model.Trainer
	var err error
	if dir != "" {
		tr, err = model.ResumeTrainer(dir, src)
	} else {
		m, newErr := model.New(cfg, 7)
		if newErr != nil {
			t.Fatal(newErr)
		}
		tr, err = model.NewTrainer(m, tc, src)
	}
	if err != nil {
		t.Fatal(err)
	}
	if launch > 0 {
		e := open(t, cfg, tr.Config(), func(o *Options) { o.Launch = launch })
		if err := tr.UseEngine(e); err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

// steps makes n steps, as many at once as the engine likes.
func steps(t testing.TB, tr *model.Trainer, n int) []model.StepStats {
	t.Helper()
	var all []model.StepStats
	for n > 0 {
		made, err := tr.Steps(min(n, tr.Launch()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, made...)
		n -= len(made)
	}
	return all
}

// state is everything that a checkpoint of tr holds as numbers.
func state(t testing.TB, tr *model.Trainer) map[string][]float32 {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "c")
	if err := tr.Save(dir, nil); err != nil {
		t.Fatal(err)
	}
	all := map[string][]float32{}
	for _, name := range []string{"model.safetensors", "optimizer.safetensors"} {
		f, err := safetensors.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range f.Tensors() {
			n := 1
			for _, d := range info.Shape {
				n *= d
			}
			data := make([]float32, n)
			if err := f.ReadFloat32(info.Name, data); err != nil {
				t.Fatal(err)
			}
			all[name+":"+info.Name] = data
		}
		f.Close()
	}
	return all
}

// boundState is how far tensors may be apart after ten steps, relative to the norm of the
// larger. AdamW divides by the root of the second moment: where a gradient is next to
// nothing its rounding decides the direction of a whole step.
const boundState = 2e-3

func compare(t *testing.T, got, want map[string][]float32, bound float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d tensors, want %d", len(got), len(want))
	}
	worst, where := 0.0, ""
	for name, w := range want {
		g := got[name]
		if len(g) != len(w) {
			t.Fatalf("%s: %d numbers, want %d", name, len(g), len(w))
		}
		if d := math.Sqrt(squares(g, w)) / (math.Sqrt(squares(w, nil)) + 1e-9); !(d <= worst) {
			worst, where = d, name
		}
	}
	t.Logf("largest difference %.2g, %s", worst, where)
	if !(worst <= bound) {
		t.Errorf("%s differs by %.2g, bound %.2g", where, worst, bound)
	}
}

// TestEngineMakesTheSameSteps: ten steps here and on the CPU; five there and five here
// and the other way round; and five and five on the device, bit for bit ten.
func TestEngineMakesTheSameSteps(t *testing.T) {
	for name, change := range trainConfigs() {
		t.Run(name, func(t *testing.T) {
			tc := smallTrain(change)
			cpu := newTrainer(t, smallConfig, tc, "", 0)
			wantStats := steps(t, cpu, 10)
			want := state(t, cpu)
			device := newTrainer(t, smallConfig, tc, "", 4)
			for i, s := range steps(t, device, 10) {
				w := wantStats[i]
				if s.Step != w.Step || s.Tokens != w.Tokens || s.LearningRate != w.LearningRate ||
					math.Abs(s.Loss-w.Loss) > 1e-4*w.Loss || math.Abs(s.GradNorm-w.GradNorm) > 1e-3*w.GradNorm {
					t.Errorf("step %+v, want %+v", s, w)
				}
			}
			ten := state(t, device)
			compare(t, ten, want, boundState)
			for _, launches := range [][2]int{{0, 2}, {3, 0}, {5, 1}} {
				first := newTrainer(t, smallConfig, tc, "", launches[0])
				steps(t, first, 5)
				dir := filepath.Join(t.TempDir(), "half")
				if err := first.Save(dir, nil); err != nil {
					t.Fatal(err)
				}
				second := newTrainer(t, smallConfig, tc, dir, launches[1])
				steps(t, second, 5)
				got := state(t, second)
				if launches[0] > 0 && launches[1] > 0 {
					compare(t, got, ten, 0)
				} else {
					compare(t, got, want, boundState)
				}
			}
		})
	}
}

// TestGradientsOfRealBatches: what loaders make of games, in every tokenizer, input and
// packing.
func TestGradientsOfRealBatches(t *testing.T) {
	var text strings.Builder
	w := pgn.NewWriter(&text)
	c := league.Corpus{Pool: leaguetest.Pool(t, "ply1:rho=0.3 1000", "ply1:rho=0.6 900"), Seed: 1, MaxPlies: 60}
	for g, err := range c.Games(context.Background(), 0, 12, 0) {
		if err == nil {
			err = w.Write(g.PGN())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	corpus := data.NewCorpus()
	if _, err := data.ReadPGN(context.Background(), pgntest.Reader(t, text.String()), filter.Filter{}, func(g *data.Game) error {
		corpus.Append(g)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		tok            data.Tokenizer
		input, packing string
	}{
		{data.NewMoveTokenizer(), data.InputMoves, batches.PackGames},
		{data.NewMoveTokenizer(), data.InputBoard, batches.PackGames},
		{data.NewMoveTokenizer(), data.InputBoard, batches.PackBlocks},
		{data.NewCharTokenizer(data.CharOptions{}), data.InputMoves, batches.PackGames},
		{data.NewCharTokenizer(data.CharOptions{}), data.InputMoves, batches.PackBlocks},
	} {
		loader, err := batches.NewLoader(corpus, s.tok, batches.Config{Rows: 2, Context: 48, Packing: s.packing, Input: s.input, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		b := model.NewBatch(2, 48)
		if err := loader.Next(b); err != nil {
			t.Fatal(err)
		}
		cfg := model.Config{Layers: 2, Heads: 2, Width: 16, Context: b.Context, Activation: model.GELU}
		encoder, err := data.NewEncoder(s.tok, s.input)
		if err != nil {
			t.Fatal(err)
		}
		encoder.Configure(&cfg)
		m, err := RandomModel(cfg, 3)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Check(open(t, cfg, model.DefaultTrainConfig(), nil), m, b)
		if err != nil {
			t.Fatal(err)
		}
		if t.Logf("%s, %s, %s: %v", s.tok.Name(), s.input, s.packing, p); !p.OK() {
			t.Errorf("%s, %s, %s: %v", s.tok.Name(), s.input, s.packing, p)
		}
	}
}

// TestBF16 stays within its bounds, and is not float32.
func TestBF16(t *testing.T) {
	cfg := model.Config{Layers: 3, Heads: 2, Width: 32, Context: 24, Vocab: 31, Activation: model.GELU}
	tc := model.DefaultTrainConfig()
	tc.Precision = model.PrecisionBF16
	m, err := RandomModel(cfg, 3)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Check(open(t, cfg, tc, nil), m, RandomBatch(cfg, 3, 24, false, 1))
	if err != nil {
		t.Fatal(err)
	}
	if t.Log(p); !p.OK() || p.Worst < 1e-3 {
		t.Errorf("%v", p)
	}
}

// TestDivergenceLeavesTheStateAlone: weights that overflow, in the middle of a launch.
func TestDivergenceLeavesTheStateAlone(t *testing.T) {
	tc := smallTrain(func(c *model.TrainConfig) { c.EMA, c.Optimizer = 0.9, model.OptimizerMuon })
	tr := newTrainer(t, smallConfig, tc, "", 4)
	steps(t, tr, 2)
	dir := filepath.Join(t.TempDir(), "c")
	if err := tr.Save(dir, nil); err != nil {
		t.Fatal(err)
	}
	bad := newTrainer(t, smallConfig, tc, dir, 0)
	for _, tensor := range bad.Model().Tensors() {
		if strings.HasSuffix(tensor.Name, "ln_f.weight") {
			tensor.Data[0] = float32(math.Inf(1))
		}
	}
	e := open(t, smallConfig, bad.Config(), func(o *Options) { o.Launch = 3 })
	if err := bad.UseEngine(e); err != nil {
		t.Fatal(err)
	}
	before := state(t, bad)
	made, err := bad.Steps(3)
	var diverged *model.NonFiniteError
	if !errors.As(err, &diverged) || diverged.Step != 3 || len(made) != 0 || bad.StepsDone() != 2 {
		t.Fatalf("%d steps, %v", len(made), err)
	}
	var s model.EngineState
	n := smallConfig.NumParams()
	s.Weights, s.Moment1, s.Moment2, s.Average = make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	if err := e.Store(s); err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, l := range model.Layout(smallConfig) {
		for i, x := range before["optimizer.safetensors:param."+l.Name] {
			if s.Weights[at+i] != x {
				t.Fatalf("%s was changed", l.Name)
			}
		}
		at += l.Size
	}
}

// TestOptimizers: the graph has every optimizer of package model, and refuses others.
func TestOptimizers(t *testing.T) {
	for _, name := range model.Optimizers() {
		if optimizers[name] == nil {
			t.Errorf("the graph has no %s", name)
		}
	}
	tc := smallTrain(func(c *model.TrainConfig) { c.Optimizer = "sgd" })
	if _, err := New(smallConfig, tc, Options{Device: Device{Kind: Go, Count: 1}}); !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), `"sgd"`) {
		t.Errorf("an optimizer that there is not: %v", err)
	}
}

// TestStartErrors: what is not to be asked of an engine is an error.
func TestStartErrors(t *testing.T) {
	tc := smallTrain(func(c *model.TrainConfig) { c.Accumulate = 2 })
	e := open(t, smallConfig, tc, nil)
	if _, err := e.Wait(); err == nil {
		t.Error("waited for nothing")
	}
	a, b := RandomBatch(smallConfig, 2, 8, false, 1), RandomBatch(smallConfig, 2, 9, false, 1)
	if err := e.Start([]model.EngineStep{{Step: 1, Tokens: 5, Batches: []*model.Batch{a, b}}}); err == nil || !strings.Contains(err.Error(), "one shape") {
		t.Errorf("batches of two shapes: %v", err)
	}
	if _, err := e.Evaluate(a, true); err == nil {
		t.Error("an average that there is not was evaluated")
	}
}

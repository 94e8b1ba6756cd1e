//go:build xla

package xla

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"transcend/model"
)

// Built says whether this program was built with the tag xla.
const Built = true

// engine implements Engine. Programs are compiled for the shapes that are seen, once each.
type engine struct {
	device
	multiple int  // rows are filled up to a multiple of so many tokens
	fused    bool // attention, where it may be
	rolled   bool // see update.loop
	cfg      model.Config
	train    model.TrainConfig
	layout   []model.LayoutTensor

	programs map[programKey]*program
	state    [][]compute.Buffer // of each device, in the order of stateNodes.flat
	pending  chan launched      // nil: nothing was started
}

// programKey is what a program depends on, beside the configurations.
type programKey struct {
	kind          programKind
	steps         int // of a launch
	micro         int // micro batches a step
	rows, context int // of a micro batch on one device
	whole         bool
}

type programKind uint8

const (
	trainProgram    programKind = iota // see update.launch
	evaluateProgram                    // see update.evaluate
	gradientProgram                    // see update.gradient
)

type program struct {
	g    *graph.Graph
	exec compute.Executable
}

// launched is the end of a launch.
type launched struct {
	results []model.EngineResult
	err     error
}

// New opens the device and returns an engine for models of configuration cfg.
func New(cfg model.Config, train model.TrainConfig, o Options) (Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	layout := model.Layout(cfg)
	if err := checkOptimizers(train, layout); err != nil {
		return nil, err
	}
	d, err := openDevice(o, train.Precision != model.PrecisionBF16)
	if err != nil {
		return nil, err
	}
	e := &engine{device: d, cfg: cfg, train: train, layout: layout, programs: map[programKey]*program{}, multiple: 1}
	e.train.Accumulate = max(1, train.Accumulate)
	if o.Device.Kind == CUDA {
		e.multiple, e.rolled = 64, true
		e.fused = o.Attention != AttentionPlain && train.Precision == model.PrecisionBF16 && !train.Recompute
	}
	return e, nil
}

// catch turns GoMLX's panics into errors.
func catch(f func() error) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case error:
			err = r
		default:
			err = fmt.Errorf("%v", r)
		}
	}()
	return f()
}

func (e *engine) Name() string { return e.name }

// Launch is how many steps one program makes. A step of several micro batches is long
// enough not to wait for the host, and is a loop of its own.
func (e *engine) Launch() int {
	context := e.train.Context
	if context == 0 {
		context = e.cfg.Context
	}
	switch {
	case e.rolled && e.train.Accumulate > e.group(e.train.Rows, context):
		return 1
	case e.options.Launch > 0:
		return e.options.Launch
	case e.rolled:
		return 16
	default:
		return 1
	}
}

func (e *engine) Close() error {
	e.free()
	for _, p := range e.programs {
		p.g.Finalize()
	}
	e.programs = nil
	e.backend.Finalize()
	return nil
}

// free gives the state's memory back.
func (e *engine) free() {
	for _, buffers := range e.state {
		for _, b := range buffers {
			_ = b.Finalize() // there is nothing to be done about it
		}
	}
	e.state = nil
}

// devices are the numbers of those that work, as the backend counts them.
func (e *engine) devices() []compute.DeviceNum {
	ds := make([]compute.DeviceNum, max(1, e.options.Device.Count))
	for i := range ds {
		ds[i] = compute.DeviceNum(i)
	}
	return ds
}

// parts calls f with each piece of the flat state and where it lies, in the order of
// stateNodes.flat.
func (e *engine) parts(s model.EngineState, f func(t model.LayoutTensor, data []float32) error) error {
	for i, flat := range [stateParts][]float32{s.Weights, s.Moment1, s.Moment2, s.Average} {
		for _, t := range e.layout {
			if !kept(e.train, i, t) {
				continue
			}
			var data []float32
			if flat != nil {
				data = flat[t.At : t.At+t.Size]
			}
			if err := f(t, data); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *engine) Load(s model.EngineState) error {
	e.free()
	e.state = make([][]compute.Buffer, len(e.devices()))
	return catch(func() error {
		for i, d := range e.devices() {
			err := e.parts(s, func(t model.LayoutTensor, data []float32) error {
				b, err := e.backend.BufferFromFlatData(d, data, shapes.Make(dtypes.Float32, t.Shape...))
				if err != nil {
					return e.explain(fmt.Errorf("xla: loading %s: %w", t.Name, err), 0, 0)
				}
				e.state[i] = append(e.state[i], b)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *engine) Store(s model.EngineState) error {
	return catch(func() error {
		i := 0
		return e.parts(s, func(t model.LayoutTensor, data []float32) error {
			b := e.state[0][i]
			i++
			if data == nil {
				return nil
			}
			if err := b.ToFlatData(data); err != nil {
				return fmt.Errorf("xla: reading %s: %w", t.Name, err)
			}
			return nil
		})
	})
}

// explain adds what to do to errors that have to do with memory.
func (e *engine) explain(err error, rows, context int) error {
	if err == nil || !isMemoryError(err) {
		return err
	}
	return memoryError(err, e.cfg, e.train, context, rows, e.fused, e.memory)
}

// group is the number of micro batches that the device takes as one: as many as the
// estimate allows, of the divisors of the step's. A step is the same sum either way.
func (e *engine) group(rows, context int) int {
	const tokens = 1 << 16 // enough to keep any GPU busy
	if e.options.Device.Kind != CUDA {
		return 1
	}
	fixed, perRow := trainingBytes(e.cfg, e.train, context, e.fused)
	best := 1
	for g := 1; g <= e.train.Accumulate; g++ {
		n := g * rows
		fits := e.memory == 0 || fixed+int64(n)*perRow < e.memory*8/10
		if e.train.Accumulate%g == 0 && n*context <= tokens*len(e.devices()) && fits {
			best = g
		}
	}
	return best
}

func (e *engine) newUpdate(k programKey) *update {
	f := newForward(e.cfg)
	f.rows, f.context, f.bf16 = k.rows, k.context, e.train.Precision == model.PrecisionBF16
	f.recompute = e.train.Recompute && k.kind != evaluateProgram
	f.fused, f.whole = e.fused && f.bf16 && e.cfg.Width/e.cfg.Heads%8 == 0, k.whole
	u := &update{forward: f, train: e.train, devices: len(e.devices()), rolled: e.rolled}
	if k.micro > 0 {
		u.train.Accumulate = k.micro
	}
	return u
}

// program returns the compiled program of a key.
func (e *engine) program(k programKey) (*program, error) {
	if p := e.programs[k]; p != nil {
		return p, nil
	}
	began := time.Now()
	p, err := e.compile(k)
	if err != nil && e.fused && e.options.Attention != AttentionFused && !isMemoryError(err) {
		e.options.Log("fused attention does not compile here, plain attention takes its place: %v", firstLine(err))
		e.fused = false
		p, err = e.compile(k)
	}
	if err != nil {
		return nil, e.explain(fmt.Errorf("xla: compiling for %s: %w", e.name, err), k.rows, k.context)
	}
	e.options.Log("compiled in %.1f s: %d rows of %d tokens, %d micro batches a step, %d steps a launch",
		time.Since(began).Seconds(), k.rows, k.context, max(1, k.micro), max(1, k.steps))
	e.programs[k] = p
	return p, nil
}

func (e *engine) compile(k programKey) (*program, error) {
	p := &program{g: graph.NewGraph(e.backend, "transcend")}
	err := catch(func() error {
		u := e.newUpdate(k)
		if u.devices > 1 {
			mesh, err := distributed.NewDeviceMesh([]int{u.devices}, []string{"data"})
			if err != nil {
				return err
			}
			if err := p.g.SetSPMD(mesh); err != nil {
				return err
			}
		}
		var outputs []*graph.Node
		switch k.kind {
		case trainProgram:
			outputs = u.launch(p.g, k.steps)
		case evaluateProgram:
			outputs = u.evaluate(p.g)
		case gradientProgram:
			outputs = u.gradient(p.g)
		}
		if err := p.g.Compile(outputs...); err != nil {
			return err
		}
		p.exec = p.g.Executable()
		return nil
	})
	return p, err
}

func (e *engine) Start(steps []model.EngineStep) error {
	if e.pending != nil {
		return errors.New("xla: steps were started and not waited for")
	}
	first := steps[0].Batches[0]
	group := e.group(first.Rows, first.Context)
	var joined []joinedBatch
	for _, s := range steps {
		if len(s.Batches)%group != 0 {
			return fmt.Errorf("xla: step %d: %d micro batches, want a multiple of %d", s.Step, len(s.Batches), group)
		}
		for batches := range slices.Chunk(s.Batches, group) {
			joined = append(joined, joinedBatch{batches})
		}
	}
	data, err := e.pack(joined)
	if err != nil {
		return err
	}
	var rates []float32
	for _, s := range steps {
		r := ratesOf(e.train, s)
		rates = append(rates, r[:]...)
	}
	k := data.key
	k.steps, k.micro = len(steps), len(joined)/len(steps)
	done := make(chan launched, 1)
	e.pending = done
	go func() {
		var l launched
		l.err = catch(func() (err error) {
			l.results, err = e.launch(k, data, rates)
			return err
		})
		done <- l
	}()
	return nil
}

func (e *engine) Wait() ([]model.EngineResult, error) {
	if e.pending == nil {
		return nil, errors.New("xla: no steps were started")
	}
	l := <-e.pending
	e.pending = nil
	return l.results, l.err
}

// launch runs a training program and replaces the state.
func (e *engine) launch(k programKey, data *packed, rates []float32) ([]model.EngineResult, error) {
	p, err := e.program(k)
	if err != nil {
		return nil, err
	}
	outputs, err := e.execute(p, data, e.state, true, rates, shapes.Make(dtypes.Float32, k.steps, rateCount))
	if err != nil {
		return nil, e.explain(fmt.Errorf("xla: step on %s: %w", e.name, err), k.rows, k.context)
	}
	per := len(outputs) / len(e.state)
	for i := range e.state {
		e.state[i] = outputs[i*per : (i+1)*per-1]
	}
	rows := make([]float32, 2*k.steps)
	if err := outputs[per-1].ToFlatData(rows); err != nil {
		return nil, e.explain(fmt.Errorf("xla: step on %s: %w", e.name, err), k.rows, k.context)
	}
	for i := range e.state {
		_ = outputs[(i+1)*per-1].Finalize()
	}
	results := make([]model.EngineResult, k.steps)
	for i := range results {
		results[i] = model.EngineResult{LossSum: float64(rows[2*i]), GradNorm: float64(rows[2*i+1])}
	}
	return results, nil
}

// execute runs p on the state of each device, its share of the data, and, for training,
// the rates. A donated state is the program's to overwrite, and gone in any case.
func (e *engine) execute(p *program, data *packed, state [][]compute.Buffer, donateState bool, rates []float32, rateShape shapes.Shape) ([]compute.Buffer, error) {
	var inputs []compute.Buffer
	var donate []bool
	for i, d := range e.devices() {
		for _, b := range state[i] {
			inputs, donate = append(inputs, b), append(donate, donateState)
		}
		add := func(flat any, shape shapes.Shape) error {
			b, err := e.backend.BufferFromFlatData(d, flat, shape)
			inputs, donate = append(inputs, b), append(donate, true)
			return err
		}
		if err := data.upload(i, add); err != nil {
			return nil, err
		}
		if rates != nil {
			if err := add(rates, rateShape); err != nil {
				return nil, err
			}
		}
	}
	return e.run(p.exec, inputs, donate)
}

func (e *engine) Evaluate(b *model.Batch, average bool) (model.Evaluation, error) {
	var result model.Evaluation
	if average && e.train.EMA == 0 {
		return result, errors.New("xla: there is no average of the weights")
	}
	err := e.look(b, evaluateProgram, average, func(outputs []compute.Buffer) error {
		var sum [1]float32
		var correct [1]int32
		if err := outputs[0].ToFlatData(sum[:]); err != nil {
			return err
		}
		if err := outputs[1].ToFlatData(correct[:]); err != nil {
			return err
		}
		result.Sum, result.Correct = float64(sum[0]), int(correct[0])
		return nil
	})
	if err != nil {
		return result, err
	}
	result.Count = b.TargetCount()
	return result, nil
}

// gradient is the summed loss on b and the gradient of its mean, in the order of the flat
// state.
func (e *engine) gradient(b *model.Batch) (loss float64, grads []float32, err error) {
	err = e.look(b, gradientProgram, false, func(outputs []compute.Buffer) error {
		var sum [1]float32
		if err := outputs[0].ToFlatData(sum[:]); err != nil {
			return err
		}
		loss = float64(sum[0])
		grads = make([]float32, e.cfg.NumParams())
		for i, t := range e.layout {
			if err := outputs[1+i].ToFlatData(grads[t.At : t.At+t.Size]); err != nil {
				return err
			}
		}
		return nil
	})
	return loss, grads, err
}

// look runs a program that leaves the state alone on one batch and passes its outputs on.
func (e *engine) look(b *model.Batch, kind programKind, average bool, read func([]compute.Buffer) error) error {
	data, err := e.pack([]joinedBatch{{[]*model.Batch{b}}})
	if err != nil {
		return err
	}
	k := data.key
	k.kind = kind
	weights := make([][]compute.Buffer, len(e.state))
	for i, s := range e.state {
		weights[i] = s[:len(e.layout)]
		if average {
			weights[i] = s[len(s)-len(e.layout):]
		}
	}
	var rates []float32
	if kind == gradientProgram {
		rates = []float32{1 / float32(max(1, b.TargetCount()))}
	}
	err = catch(func() error {
		p, err := e.program(k)
		if err != nil {
			return err
		}
		outputs, err := e.execute(p, data, weights, false, rates, shapes.Make(dtypes.Float32))
		if err != nil {
			return err
		}
		defer func() {
			for _, o := range outputs {
				_ = o.Finalize()
			}
		}()
		return read(outputs)
	})
	if err != nil {
		return e.explain(fmt.Errorf("xla: a batch on %s: %w", e.name, err), b.Rows, b.Context)
	}
	return nil
}

// weightParameters are the weights of a program that only reads them.
func (u *update) weightParameters(g *graph.Graph) []*graph.Node {
	var weights []*graph.Node
	for i, t := range u.layout {
		weights = append(weights, graph.Parameter(g, "weights"+itoa(i), shapes.Make(dtypes.Float32, t.Shape...)))
	}
	return weights
}

// evaluate builds the forward pass of one batch: the summed loss, and the correct ones.
func (u *update) evaluate(g *graph.Graph) []*graph.Node {
	weights := u.weightParameters(g)
	b := u.batchParameters(g, 1).at(graph.Const(g, int32(0)))
	logits := u.logits(weights, u.hidden(weights, u.embed(weights, b), b))
	return u.sum(u.loss(logits, b), u.correct(logits, b))
}

// gradient builds both passes of one batch: the summed loss, and the gradient.
func (u *update) gradient(g *graph.Graph) []*graph.Node {
	weights := u.weightParameters(g)
	b := u.batchParameters(g, 1).at(graph.Const(g, int32(0)))
	loss, grads := u.lossAndGradient(weights, b, graph.Parameter(g, "scale", shapes.Make(dtypes.Float32)))
	return u.sum(append([]*graph.Node{loss}, grads...)...)
}

// sum adds up over the devices that share a batch.
func (u *update) sum(xs ...*graph.Node) []*graph.Node {
	if u.devices == 1 {
		return xs
	}
	d := xs[0].Graph().Distributed()
	for i, x := range xs {
		xs[i] = d.AllReduceOne(x, compute.ReduceOpSum)
	}
	return xs
}

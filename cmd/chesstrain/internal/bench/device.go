package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"transcend/cmd/internal/compute"
	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/xla"
)

const deviceHelp = `Look at a device: that it computes what the CPU does, and how fast it is.

usage: chesstrain device --device cuda [flags]

Loss and every gradient of random models, packed games and extra ids among them, are
compared with those of the CPU engine in float32. Then the rate of bf16 products of large
matrices, which is what the shares are of, and of whole training steps on random tokens
over the full context; FLOP/s of training are nominal, as those of chesstrain bench.

Decoding: --decode games side by side, of as many tokens as the context, a token each in a pass,
drawn from all at temperature 1; beside it the CPU's rate for as many games, of more than 64
that for 64, as more are no faster there. Its logits are compared, too.

examples:
  chesstrain device --device cuda
  chesstrain device --device cuda --pjrt ~/venv --json
  chesstrain device --device cuda:0-7 --shape 16,8,512,1023,32,512
  chesstrain device --device cuda --decode 16,8,512,128,1970,4096 --weights bf16
  chesstrain device --device gomlx-go --seconds 1 --matrix 64 --shape 1,1,16,16,32,2

exit codes: 0 all within their bounds, 1 not, 2 wrong usage

flags:
`

// deviceShapes are the presets small and paper with their vocabularies: layers, heads,
// width, context, vocabulary, rows.
var deviceShapes = []string{"8,8,256,256,1970,256", "16,8,512,1023,32,64"}

// deviceDecodes are measured when --decode is not given: the preset small, a model of moves.
var deviceDecodes = []string{"8,8,256,128,1970,1", "8,8,256,128,1970,64", "8,8,256,128,1970,1024", "8,8,256,128,1970,4096"}

// deviceDecode is a rate of decoding. A game is as many tokens as the context.
type deviceDecode struct {
	Shape     string  `json:"shape"`
	Weights   string  `json:"weights"`
	Games     int     `json:"games"`
	TokPerS   float64 `json:"tok_per_s"`
	GamesPerS float64 `json:"games_per_s"`
	CPUGames  int     `json:"cpu_games"` // side by side there
	CPUTokPS  float64 `json:"cpu_tok_per_s"`
	Ratio     float64 `json:"ratio"` // of both rates
}

// deviceResult is what --json prints.
type deviceResult struct {
	Device string         `json:"device"`
	Parity []deviceParity `json:"parity"`
	Peak   float64        `json:"peak_bf16_tflops"`
	Matrix int            `json:"peak_matrix"`
	Train  []trained      `json:"train"`
	Decode []deviceDecode `json:"decode"`
}

type deviceParity struct {
	Model     string `json:"model"`
	Precision string `json:"precision"`
	Attention string `json:"attention"`
	xla.Parity
	Within bool `json:"within"`
}

// deviceOptions are what is to be looked at, and how.
type deviceOptions struct {
	on            xla.Options // the device
	runs, decodes []shape
	weights       model.Format // of decoding, and of its keys and values
	optimizer     string
	precision     string // of training's products
	only          string // a part; "": all
	matrix        int    // size of the products that the peak is of
	during        time.Duration
	quiet, json   bool
}

// parseDevice reads the command line.
func parseDevice(args []string, stdout io.Writer) (*deviceOptions, error) {
	var o deviceOptions
	fs := cli.FlagSet("chesstrain device")
	var d compute.DeviceFlags
	d.Add(fs)
	shapes := fs.StringArray("shape", deviceShapes, "layers,heads,width,context,vocab,rows; may be repeated")
	decodes := fs.StringArray("decode", deviceDecodes, "decoding: layers,heads,width,context,vocab,games; may be repeated")
	weights := fs.String("weights", "f32", "of decoding, and of its keys and values: f32 or bf16")
	fs.StringVar(&o.only, "only", "", "train or decode: measure nothing else")
	fs.StringVar(&o.optimizer, "optimizer", model.OptimizerAdamW, strings.Join(model.Optimizers(), " or "))
	fs.IntVar(&o.matrix, "matrix", 8192, "size of the products that the peak is measured with")
	seconds := fs.Float64("seconds", 10, "time for each measurement, compilation apart")
	fs.BoolVar(&o.json, "json", false, "print the result as one JSON object")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "print only the result and errors")
	if err := cli.Parse(fs, args, stdout, cli.Help(fs, deviceHelp, "")); err != nil {
		return nil, err
	}
	if err := d.Check(); err != nil {
		return nil, err
	}
	o.on = d.Options(nil)
	switch {
	case fs.NArg() > 0:
		return nil, cli.NoArguments(fs, "")
	case !d.Elsewhere():
		return nil, cli.WithHint(cli.Usagef("--device %v: there is nothing to compare the CPU with", o.on.Device), "--device cuda, or "+xla.Go+"; chesstrain bench measures the CPU")
	case o.matrix < 1 || o.matrix > 1<<16:
		return nil, cli.Usagef("--matrix %d: must be between 1 and %d", o.matrix, 1<<16)
	case !(*seconds > 0 && *seconds < 1e6):
		return nil, cli.Usagef("--seconds %v: must be positive", *seconds)
	}
	o.during = time.Duration(*seconds * float64(time.Second))
	if err := cli.OneOf("optimizer", o.optimizer, model.Optimizers()...); err != nil {
		return nil, err
	}
	if err := cli.OneOf("weights", *weights, "f32", "bf16"); err != nil {
		return nil, err
	}
	if o.only != "" {
		if err := cli.OneOf("only", o.only, "train", "decode"); err != nil {
			return nil, err
		}
	}
	var err error
	if o.runs, err = parseShapes("shape", *shapes); err != nil {
		return nil, err
	}
	if o.decodes, err = parseShapes("decode", *decodes); err != nil {
		return nil, err
	}
	if o.weights, err = model.ParseFormat(*weights); err != nil {
		return nil, err
	}
	o.precision, err = compute.Precision(o.on.Device, "auto")
	return &o, err
}

// Device is the subcommand device.
func Device(ctx context.Context, _ io.Reader, stdout, stderr io.Writer, args []string) error {
	o, err := parseDevice(args, stdout)
	if err != nil {
		return err
	}
	if err := compute.UseProducts(model.PrecisionF32, runtime.NumCPU()); err != nil {
		return err
	}
	o.on.Log = func(format string, args ...any) {
		if !o.quiet {
			fmt.Fprintf(stderr, format+"\n", args...)
		}
	}
	result, err := o.measure(ctx)
	if err != nil {
		return err
	}
	if o.json {
		err = cli.PrintJSON(stdout, result)
	} else {
		err = result.writeText(stdout)
	}
	if err != nil {
		return err
	}
	return result.verdict()
}

// measure compares and measures what is wanted.
func (o *deviceOptions) measure(ctx context.Context) (*deviceResult, error) {
	result := new(deviceResult)
	if o.only == "" {
		if err := result.compare(ctx, o.on); err != nil {
			return nil, err
		}
	}
	if o.only != "decode" {
		for i, run := range o.runs {
			if err := result.train(ctx, o, run, i == 0); err != nil {
				return nil, fmt.Errorf("%s: %w", run.name, err)
			}
		}
	}
	if o.only != "train" {
		if err := result.decode(ctx, o); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// verdict is an error where the device does not compute what the CPU does.
func (r *deviceResult) verdict() error {
	for _, p := range r.Parity {
		if !p.Within {
			return cli.WithHint(fmt.Errorf("%s in %s with %s attention is not what the CPU computes: %v", p.Model, p.Precision, p.Attention, p.Parity),
				"do not train on this device; --attention plain and --precision f32 may narrow it down")
		}
	}
	return nil
}

// compared is a model whose losses, gradients and logits are compared.
type compared struct {
	name  string
	cfg   model.Config
	rows  int
	whole bool // rows are not divided into games
}

// comparedModels are with and without extra ids, biases and packed games; small ones for the slow backend in Go.
func comparedModels(on xla.Device) []compared {
	models := []compared{
		{"packed games", model.Config{Layers: 4, Heads: 4, Width: 128, Context: 192, Vocab: 1970, Activation: model.GELU}, 2, false},
		{"whole rows", model.Config{Layers: 4, Heads: 2, Width: 128, Context: 255, Vocab: 32, Activation: model.GELU}, 2, true},
		{"boards and biases", model.Config{Layers: 2, Heads: 4, Width: 64, Context: 64, Vocab: 1970, Bias: true, Activation: model.GELUTanh, ExtraVocab: 781, ExtraSlots: 38}, 2, false},
	}
	if on.Kind == xla.Go {
		for i := range models {
			c := &models[i].cfg
			c.Layers, c.Heads, c.Width, c.Context, c.Vocab = 2, 2, 16, 24, min(c.Vocab, 64)
			c.ExtraVocab = min(c.ExtraVocab, 40)
		}
	}
	return models
}

// compare checks training and decoding.
func (r *deviceResult) compare(ctx context.Context, on xla.Options) error {
	models := comparedModels(on.Device)
	settings := [][2]string{{model.PrecisionF32, xla.AttentionPlain}, {model.PrecisionBF16, xla.AttentionPlain}}
	if on.Device.Kind == xla.CUDA && on.Attention != xla.AttentionPlain {
		settings = append(settings, [2]string{model.PrecisionBF16, xla.AttentionFused})
	}
	for i, m := range models {
		for _, s := range settings {
			if err := ctx.Err(); err != nil {
				return err
			}
			p, err := m.gradients(on, s[0], s[1], uint64(i))
			if err != nil {
				return fmt.Errorf("%s, %s, %s attention: %w", m.name, s[0], s[1], err)
			}
			r.Parity = append(r.Parity, deviceParity{m.name, s[0], s[1], p, p.OK()})
		}
	}
	return r.compareDecoding(on, models)
}

// compareDecoding checks the logits of decoding.
func (r *deviceResult) compareDecoding(on xla.Options, models []compared) (err error) {
	decoders, err := xla.OpenDecoding(first(on))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, decoders.Close()) }()
	for i, m := range models {
		for _, format := range []model.Format{model.F32, model.BF16} {
			var p xla.Parity
			random, err := xla.RandomModel(m.cfg, uint64(i))
			if err == nil {
				p, err = xla.CheckDecoder(decoders, random, model.BatchOptions{Weights: format, Cache: format}, uint64(i))
			}
			if err != nil {
				return fmt.Errorf("%s, %v, decoding: %w", m.name, format, err)
			}
			r.Parity = append(r.Parity, deviceParity{m.name, format.String(), "decoding's", p, p.OK()})
		}
	}
	return nil
}

// gradients compares loss and gradients of random weights.
func (m *compared) gradients(on xla.Options, precision, attention string, seed uint64) (p xla.Parity, err error) {
	on.Attention = attention
	train := model.DefaultTrainConfig()
	train.Rows, train.Precision = m.rows, precision
	e, err := xla.New(m.cfg, train, on)
	if err != nil {
		return p, err
	}
	defer func() { err = cmp.Or(err, e.Close()) }()
	random, err := xla.RandomModel(m.cfg, seed)
	if err != nil {
		return p, err
	}
	return xla.Check(e, random, xla.RandomBatch(m.cfg, m.rows, m.cfg.Context, m.whole, seed))
}

// first is the options of the first device alone.
func first(on xla.Options) xla.Options {
	on.Device.Count = 1
	return on
}

// train measures the training of one shape, and the peak first where it is asked for.
func (r *deviceResult) train(ctx context.Context, o *deviceOptions, run shape, peak bool) (err error) {
	trainer, err := run.trainer(o.optimizer, o.precision)
	if err != nil {
		return err
	}
	e, err := xla.New(run.cfg, trainer.Config(), o.on)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, e.Close()) }()
	r.Device = e.Name()
	if peak {
		rate, err := xla.Peak(e, o.matrix, o.during)
		if err != nil {
			return err
		}
		r.Peak, r.Matrix = rate/1e12, o.matrix
	}
	if err := trainer.UseEngine(e); err != nil {
		return err
	}
	t, err := run.rate(ctx, trainer, o.during)
	if err != nil {
		return err
	}
	devices := float64(o.on.Device.Count)
	t.Optimizer, t.Precision, t.Share = o.optimizer, o.precision, t.GFLOPS/devices/(r.Peak*1e3)
	r.Train = append(r.Train, t)
	return nil
}

// cpuGames is how many games the CPU decodes side by side where there are more.
const cpuGames = 64

// decode measures decoding, there and on the CPU.
func (r *deviceResult) decode(ctx context.Context, o *deviceOptions) (err error) {
	decoders, err := xla.OpenDecoding(first(o.on))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, decoders.Close()) }()
	r.Device = decoders.Name()
	for _, run := range o.decodes {
		x, err := run.decodeBeside(ctx, decoders, o)
		if err != nil {
			return err
		}
		r.Decode = append(r.Decode, *x)
	}
	return nil
}

// decodeBeside measures the decoding of one shape.
func (r shape) decodeBeside(ctx context.Context, decoders *xla.Decoding, o *deviceOptions) (*deviceDecode, error) {
	m, err := model.New(r.cfg, 1)
	if err != nil {
		return nil, err
	}
	x := &deviceDecode{Shape: r.name, Weights: o.weights.String(), Games: r.rows, CPUGames: min(r.rows, cpuGames)}
	batch := model.BatchOptions{Weights: o.weights, Cache: o.weights}
	here := newDecoding(m, batch, x.CPUGames)
	e, err := decoders.New(m, batch)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	batch.Engine = e
	there := newDecoding(m, batch, x.Games)
	for i, b := range []*decoding{there, here} {
		if err := b.play(ctx, r.cfg.Context, 0); err != nil { // compiles
			return nil, fmt.Errorf("decoding %s: %w", r.name, err)
		}
		if b.n, b.spent = 0, 0; i == 0 {
			o.on.Log("decoding %s", r.name)
		}
		if err := b.play(ctx, r.cfg.Context, o.during); err != nil {
			return nil, fmt.Errorf("decoding %s: %w", r.name, err)
		}
	}

	x.TokPerS, x.CPUTokPS = there.rate(), here.rate()
	x.GamesPerS, x.Ratio = x.TokPerS/float64(r.cfg.Context), x.TokPerS/x.CPUTokPS
	return x, nil
}

func (r *deviceResult) writeText(w io.Writer) error {
	fmt.Fprintf(w, "%s\n\n", r.Device)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range r.Parity {
		verdict := "as the CPU"
		if !p.Within {
			verdict = "NOT as the CPU"
		}
		fmt.Fprintf(t, "%s\t%s\t%s attention\t%s\t%v\n", p.Model, p.Precision, p.Attention, verdict, p.Parity)
	}
	if r.Peak > 0 {
		fmt.Fprintf(t, "bf16 products, %d\t%.4g TFLOP/s\n", r.Matrix, r.Peak)
	}
	for _, x := range r.Train {
		fmt.Fprintf(t, "training %s %s\t%.4g TFLOP/s\t%.1f%% of bf16 products\t%s tok/s\n", x.Shape, x.Precision, x.GFLOPS/1e3, 100*x.Share, cli.Count(int(x.TokPerS)))
	}
	for _, x := range r.Decode {
		fmt.Fprintf(t, "decoding %s %s\t%s tok/s\t%.4g games/s\t%.3g times the CPU's (%s tok/s with %d)\n", x.Shape, x.Weights, cli.Count(int(x.TokPerS)), x.GamesPerS, x.Ratio, cli.Count(int(x.CPUTokPS)), x.CPUGames)
	}
	return t.Flush()
}

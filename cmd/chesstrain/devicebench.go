package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

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
	Train  []benchTrain   `json:"train"`
	Decode []deviceDecode `json:"decode"`
}

type deviceParity struct {
	Model     string `json:"model"`
	Precision string `json:"precision"`
	Attention string `json:"attention"`
	xla.Parity
	Within bool `json:"within"`
}

// lookAtDevice is the subcommand.
func lookAtDevice(ctx context.Context, _ io.Reader, stdout, stderr io.Writer, args []string) error {
	fs := cli.FlagSet(program + " device")
	var d deviceFlags
	d.add(fs)
	shapes := fs.StringArray("shape", deviceShapes, "layers,heads,width,context,vocab,rows; may be repeated")
	decodes := fs.StringArray("decode", deviceDecodes, "decoding: layers,heads,width,context,vocab,games; may be repeated")
	weights := fs.String("weights", "f32", "of decoding, and of its keys and values: f32 or bf16")
	only := fs.String("only", "", "train or decode: measure nothing else")
	optimizer := fs.String("optimizer", model.OptimizerAdamW, strings.Join(model.Optimizers(), " or "))
	matrix := fs.Int("matrix", 8192, "size of the products that the peak is measured with")
	seconds := fs.Float64("seconds", 10, "time for each measurement, compilation apart")
	asJSON := fs.Bool("json", false, "print the result as one JSON object")
	quiet := fs.BoolP("quiet", "q", false, "print only the result and errors")
	if err := cli.Parse(fs, args, stdout, cli.Help(fs, deviceHelp, "")); err != nil {
		return err
	}
	if err := d.check(); err != nil {
		return err
	}
	switch {
	case fs.NArg() > 0:
		return cli.Usagef("unexpected argument %q", fs.Arg(0))
	case !d.engine():
		return cli.WithHint(cli.Usagef("--device %v: there is nothing to compare the CPU with", d.chosen), "--device cuda, or "+xla.Go+"; chesstrain bench measures the CPU")
	case *matrix < 1 || *matrix > 1<<16:
		return cli.Usagef("--matrix %d: must be between 1 and %d", *matrix, 1<<16)
	case !(*seconds > 0 && *seconds < 1e6):
		return cli.Usagef("--seconds %v: must be positive", *seconds)
	}
	if err := cli.OneOf("optimizer", *optimizer, model.Optimizers()...); err != nil {
		return err
	}
	if err := cli.OneOf("weights", *weights, "f32", "bf16"); err != nil {
		return err
	}
	if *only != "" {
		if err := cli.OneOf("only", *only, "train", "decode"); err != nil {
			return err
		}
	}
	runs, err := parseShapes("shape", *shapes)
	if err != nil {
		return err
	}
	decoding, err := parseShapes("decode", *decodes)
	if err != nil {
		return err
	}
	if err := useProducts(model.PrecisionF32, runtime.NumCPU()); err != nil {
		return err
	}
	log := func(format string, args ...any) {
		if !*quiet {
			fmt.Fprintf(stderr, format+"\n", args...)
		}
	}
	var result deviceResult
	if *only == "" {
		if err := result.compare(ctx, d, log); err != nil {
			return err
		}
	}
	during := time.Duration(*seconds * float64(time.Second))
	precision, err := devicePrecision(d.chosen, "auto")
	if err != nil {
		return err
	}
	if *only != "decode" {
		if err := result.measure(ctx, d, runs, *optimizer, precision, *matrix, during, log); err != nil {
			return err
		}
	}
	if *only != "train" {
		if err := result.decode(ctx, d, decoding, *weights, during, log); err != nil {
			return err
		}
	}
	if *asJSON {
		err = cli.PrintJSON(stdout, result)
	} else {
		err = result.writeText(stdout)
	}
	for _, p := range result.Parity {
		if !p.Within && err == nil {
			err = cli.WithHint(fmt.Errorf("%s in %s with %s attention is not what the CPU computes: %v", p.Model, p.Precision, p.Attention, p.Parity),
				"do not train on this device; --attention plain and --precision f32 may narrow it down")
		}
	}
	return err
}

// compare checks models with and without extra ids, biases and packed games.
func (r *deviceResult) compare(ctx context.Context, d deviceFlags, log func(string, ...any)) error {
	models := []struct {
		name  string
		cfg   model.Config
		rows  int
		whole bool
	}{
		{"packed games", model.Config{Layers: 4, Heads: 4, Width: 128, Context: 192, Vocab: 1970, Activation: model.GELU}, 2, false},
		{"whole rows", model.Config{Layers: 4, Heads: 2, Width: 128, Context: 255, Vocab: 32, Activation: model.GELU}, 2, true},
		{"boards and biases", model.Config{Layers: 2, Heads: 4, Width: 64, Context: 64, Vocab: 1970, Bias: true, Activation: model.GELUTanh, ExtraVocab: 781, ExtraSlots: 38}, 2, false},
	}
	if d.chosen.Kind == xla.Go {
		for i := range models {
			c := &models[i].cfg
			c.Layers, c.Heads, c.Width, c.Context, c.Vocab = 2, 2, 16, 24, min(c.Vocab, 64)
			c.ExtraVocab = min(c.ExtraVocab, 40)
		}
	}
	settings := [][2]string{{model.PrecisionF32, xla.AttentionPlain}, {model.PrecisionBF16, xla.AttentionPlain}}
	if d.chosen.Kind == xla.CUDA && d.attention != xla.AttentionPlain {
		settings = append(settings, [2]string{model.PrecisionBF16, xla.AttentionFused})
	}
	for i, m := range models {
		for _, s := range settings {
			if err := ctx.Err(); err != nil {
				return err
			}
			p, err := comparison(d, m.cfg, m.rows, m.whole, s[0], s[1], uint64(i), log)
			if err != nil {
				return fmt.Errorf("%s, %s, %s attention: %w", m.name, s[0], s[1], err)
			}
			r.Parity = append(r.Parity, deviceParity{m.name, s[0], s[1], p, p.OK()})
		}
	}
	decoders, err := xla.OpenDecoding(d.one(log))
	if err != nil {
		return err
	}
	for i, m := range models {
		for _, format := range []model.Format{model.F32, model.BF16} {
			var p xla.Parity
			random, err := xla.RandomModel(m.cfg, uint64(i))
			if err == nil {
				p, err = xla.CheckDecoder(decoders, random, model.BatchOptions{Weights: format, Cache: format}, uint64(i))
			}
			if err != nil {
				return errors.Join(fmt.Errorf("%s, %v, decoding: %w", m.name, format, err), decoders.Close())
			}
			r.Parity = append(r.Parity, deviceParity{m.name, format.String(), "decoding's", p, p.OK()})
		}
	}
	return decoders.Close()
}

// one is the options of the first device.
func (d *deviceFlags) one(log func(string, ...any)) xla.Options {
	o := d.options(log)
	o.Device.Count = 1
	return o
}

// cpuGames is how many games the CPU decodes side by side where there are more.
const cpuGames = 64

// decode measures decoding, there and on the CPU.
func (r *deviceResult) decode(ctx context.Context, d deviceFlags, runs []benchRun, weights string, during time.Duration, log func(string, ...any)) (err error) {
	format, err := model.ParseFormat(weights)
	if err != nil {
		return err
	}
	decoders, err := xla.OpenDecoding(d.one(log))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, decoders.Close()) }()
	r.Device = decoders.Name()
	for _, run := range runs {
		m, err := model.New(run.cfg, 1)
		if err != nil {
			return err
		}
		x := deviceDecode{Shape: run.name, Weights: weights, Games: run.rows, CPUGames: min(run.rows, cpuGames)}
		o := model.BatchOptions{Weights: format, Cache: format}
		here := newDecoding(m, o, x.CPUGames)
		e, err := decoders.New(m, o)
		if err != nil {
			return err
		}
		o.Engine = e
		there := newDecoding(m, o, x.Games)
		for i, b := range []*decoding{there, here} {
			if err := b.play(ctx, run.cfg.Context, 0); err != nil { // compiles
				return fmt.Errorf("decoding %s: %w", run.name, err)
			}
			if b.n, b.spent = 0, 0; i == 0 {
				log("decoding %s", run.name)
			}
			if err := b.play(ctx, run.cfg.Context, during); err != nil {
				return fmt.Errorf("decoding %s: %w", run.name, err)
			}
		}
		x.TokPerS, x.CPUTokPS = there.rate(), here.rate()
		x.GamesPerS, x.Ratio = x.TokPerS/float64(run.cfg.Context), x.TokPerS/x.CPUTokPS
		r.Decode = append(r.Decode, x)
		e.Close()
	}
	return nil
}

func comparison(d deviceFlags, cfg model.Config, rows int, whole bool, precision, attention string, seed uint64, log func(string, ...any)) (p xla.Parity, err error) {
	d.attention = attention
	train := model.DefaultTrainConfig()
	train.Rows, train.Precision = rows, precision
	e, err := d.open(cfg, train, log)
	if err != nil {
		return p, err
	}
	defer func() {
		if closeErr := e.Close(); err == nil {
			err = closeErr
		}
	}()
	m, err := xla.RandomModel(cfg, seed)
	if err != nil {
		return p, err
	}
	return xla.Check(e, m, xla.RandomBatch(cfg, rows, cfg.Context, whole, seed))
}

// measure takes the peak and the rates of training.
func (r *deviceResult) measure(ctx context.Context, d deviceFlags, runs []benchRun, optimizer, precision string, matrix int, during time.Duration, log func(string, ...any)) error {
	for i, run := range runs {
		err := func() (err error) {
			m, err := model.New(run.cfg, 1)
			if err != nil {
				return err
			}
			tc := model.DefaultTrainConfig()
			tc.Rows, tc.Schedule, tc.Optimizer, tc.Precision = run.rows, model.ScheduleConstant, optimizer, precision
			trainer, err := model.NewTrainer(m, tc, &randomTokens{vocab: run.cfg.Vocab, rng: rand.New(rand.NewPCG(1, 1))})
			if err != nil {
				return err
			}
			e, err := d.open(run.cfg, trainer.Config(), log)
			if err != nil {
				return err
			}
			defer func() {
				if closeErr := e.Close(); err == nil {
					err = closeErr
				}
			}()
			r.Device = e.Name()
			if i == 0 {
				peak, err := xla.Peak(e, matrix, during)
				if err != nil {
					return err
				}
				r.Peak, r.Matrix = peak/1e12, matrix
			}
			if err := trainer.UseEngine(e); err != nil {
				return err
			}
			t, err := run.rate(ctx, trainer, during)
			if err != nil {
				return err
			}
			devices := float64(d.chosen.Count)
			t.Optimizer, t.Precision, t.Share = optimizer, precision, t.GFLOPS/devices/(r.Peak*1e3)
			r.Train = append(r.Train, t)
			return nil
		}()
		if err != nil {
			return fmt.Errorf("%s: %w", run.name, err)
		}
	}
	return nil
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

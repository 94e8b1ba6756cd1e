package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	gonumblas "gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/blas"
)

const benchHelp = `Measure what this machine can do and how much of it training uses.

usage: chesstrain bench [flags]

The ceilings are multiply-adds on registers: float32 FMA, and the fastest bf16 dot
product that the CPU has. Then products of 1024x1024 matrices, and whole training
steps (forward, backward, AdamW) on random tokens over the full context. GFLOP/s
of training are nominal: six for every parameter and token, and
12 x layers x width x context for attention. Then tokens a second of decoding one
game and many side by side, from an empty context to a full one. Last the signature, a
hash of what a few training steps and sampled tokens come to: of one kind of kernels it
changes only when what the program computes does.

examples:
  chesstrain bench
  chesstrain bench --shape 8,8,256,128,2048,32 --precision f32 --seconds 20
  chesstrain bench --threads 1 --json
  TRANSCEND_BLAS=avx2 chesstrain bench --only signature
  chesstrain bench --only decode --decode 8,8,256,128,2048,64 --weights bf16

flags:
`

// benchShapes are measured when --shape is not given: layers, heads, width,
// context, vocabulary, batch.
var benchShapes = []string{"4,4,128,128,2048,64", "8,8,256,128,2048,32", "8,8,512,256,2048,16"}

// benchResult is what --json prints. Shares are of the ceiling of the same
// precision.
type benchResult struct {
	Threads     int     `json:"threads"`
	Kernels     string  `json:"kernels"`        // level of package blas
	FMAF32      float64 `json:"fma_f32_gflops"` // 0 where it cannot be measured
	DotBF16     float64 `json:"dot_bf16_gflops"`
	DotBF16With string  `json:"dot_bf16_instruction,omitempty"`
	SgemmF32    float64 `json:"sgemm_f32_gflops"` // 1024 cubed, all threads
	SgemmBF16   float64 `json:"sgemm_bf16_gflops"`
	F32Share    float64 `json:"sgemm_f32_share,omitempty"`
	BF16Share   float64 `json:"sgemm_bf16_share,omitempty"`

	TrainTokPerS float64      `json:"train_tok_per_s"` // of the first shape
	Train        []benchTrain `json:"train"`

	DecodeTokPerS    float64       `json:"decode_tok_per_s"`          // of the fastest weights, all games
	DecodeOneTokPerS float64       `json:"decode_one_game_tok_per_s"` // one game with the same weights
	Decode           []benchDecode `json:"decode"`

	Signature string `json:"signature,omitempty"` // of model.Signature, in f32 on these kernels
}

// signatureSteps and signatureTokens are what the signature is of: some tenths of a second.
const signatureSteps, signatureTokens = 20, 200

// benchTrain is the training of one shape.
type benchTrain struct {
	Shape       string  `json:"shape"`
	Parameters  int     `json:"parameters"`
	Precision   string  `json:"precision"`
	Optimizer   string  `json:"optimizer"`
	TokPerS     float64 `json:"tok_per_s"`
	BestTokPerS float64 `json:"best_tok_per_s"` // of the fastest step
	GFLOPS      float64 `json:"gflops"`
	Share       float64 `json:"share,omitempty"`
}

// benchOptions are what is to be measured, and how.
type benchOptions struct {
	runs, decodes []benchRun
	formats       []model.Format // of decoding's weights
	precision     string         // of training's products
	optimizer     string
	only          string // a part; "": all
	threads       int
	during        time.Duration // of each shape
	quiet, json   bool
}

// wanted says whether a part is to be measured.
func (o *benchOptions) wanted(part string) bool { return o.only == "" || o.only == part }

// parseBench reads the command line.
func parseBench(args []string, stdout io.Writer) (*benchOptions, error) {
	var o benchOptions
	fs := cli.FlagSet(program + " bench")
	shapes := fs.StringArray("shape", benchShapes, "layers,heads,width,context,vocab,batch; may be repeated")
	precision := fs.String("precision", "auto", "products of training: bf16, f32, or auto, the faster one here")
	fs.StringVar(&o.optimizer, "optimizer", model.OptimizerAdamW, strings.Join(model.Optimizers(), " or "))
	decodes := fs.StringArray("decode", []string{benchDecodeShape}, "decoding: layers,heads,width,context,vocab,games; may be repeated")
	weights := fs.StringSlice("weights", []string{"f32", "bf16", "int8"}, "weights of decoding; keys and values are bf16 with all but f32")
	fs.StringVar(&o.only, "only", "", "ceilings, train, decode or signature: nothing else")
	addThreads(fs, &o.threads, "the signature does not depend on it")
	seconds := fs.Float64("seconds", 5, "time for each shape")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "print only the result and errors")
	fs.BoolVar(&o.json, "json", false, "print the result as one JSON object")
	if err := cli.Parse(fs, args, stdout, cli.Help(fs, benchHelp, "")); err != nil {
		return nil, err
	}
	switch {
	case fs.NArg() > 0:
		return nil, cli.Usagef("unexpected argument %q", fs.Arg(0))
	case !(*seconds > 0 && *seconds < 1e6):
		return nil, cli.Usagef("--seconds %v: must be positive", *seconds)
	}
	o.during = time.Duration(*seconds * float64(time.Second))
	if err := allCores(&o.threads); err != nil {
		return nil, err
	}
	if err := cli.OneOf("optimizer", o.optimizer, model.Optimizers()...); err != nil {
		return nil, err
	}
	if o.only != "" {
		if err := cli.OneOf("only", o.only, "ceilings", "train", "decode", "signature"); err != nil {
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
	for _, name := range *weights {
		f, err := model.ParseFormat(name)
		if err != nil {
			return nil, cli.Usagef("--weights: %w", err)
		}
		o.formats = append(o.formats, f)
	}
	if o.precision, err = resolvePrecision(*precision); err != nil {
		return nil, err
	}
	if !o.wanted("train") {
		o.runs = nil
	}
	if !o.wanted("decode") {
		o.decodes = nil
	}
	return &o, nil
}

// bench is the subcommand.
func bench(ctx context.Context, _ io.Reader, stdout, stderr io.Writer, args []string) error {
	o, err := parseBench(args, stdout)
	if err != nil {
		return err
	}
	if o.quiet {
		stderr = io.Discard
	}
	status := cli.NewStatus(stderr)
	defer status.Close()
	done, steps := 0.0, float64(2+len(o.runs)+len(o.decodes)*len(o.formats))
	result, err := o.measure(ctx, func(what string) {
		status.Set(done/steps, " "+what)
		done++
	})
	if err != nil {
		return err
	}
	status.Close()
	if o.json {
		return cli.PrintJSON(stdout, result)
	}
	return result.writeText(stdout)
}

// measure measures what is wanted, one thing after the other; show is told of each.
func (o *benchOptions) measure(ctx context.Context, show func(what string)) (*benchResult, error) {
	result := &benchResult{Threads: o.threads}
	show("ceilings and products")
	measure := result.kernels
	if o.wanted("ceilings") || o.wanted("train") {
		measure = result.ceilings
	}
	if err := measure(); err != nil {
		return nil, err
	}
	if err := useProducts(o.precision, o.threads); err != nil {
		return nil, err
	}
	ceiling := result.FMAF32
	if o.precision == model.PrecisionBF16 {
		ceiling = result.DotBF16
	}
	for i, r := range o.runs {
		show("training " + r.name)
		t, err := r.train(ctx, o.optimizer, o.precision, o.during)
		if err != nil {
			return nil, err
		}
		t.Share = share(t.GFLOPS, ceiling)
		result.Train = append(result.Train, t)
		if i == 0 {
			result.TrainTokPerS = t.TokPerS
		}
	}
	for _, r := range o.decodes {
		for _, f := range o.formats {
			show("decoding " + r.name + " " + f.String())
			d, err := r.decode(ctx, f, o.during)
			if err != nil {
				return nil, err
			}
			result.Decode = append(result.Decode, d)
			if d.Shape == o.decodes[0].name && d.TokPerS > result.DecodeTokPerS {
				result.DecodeTokPerS, result.DecodeOneTokPerS = d.TokPerS, d.OneTokPS
			}
		}
	}
	if !o.wanted("signature") {
		return result, nil
	}
	show("signature")
	if err := useProducts(model.PrecisionF32, o.threads); err != nil {
		return nil, err
	}
	var err error
	result.Signature, err = model.Signature(signatureSteps, signatureTokens)
	return result, err
}

func share(rate, ceiling float64) float64 {
	if ceiling == 0 {
		return 0
	}
	return rate / ceiling
}

// kernels says which are in use.
func (r *benchResult) kernels() error {
	impl, err := blas.New(blas.Options{Threads: r.Threads})
	r.Kernels = impl.Level().String()
	return err
}

// ceilings measures the peaks and the products.
func (r *benchResult) ceilings() error {
	f32, err := blas.New(blas.Options{Threads: r.Threads})
	if err != nil {
		return err
	}
	bf16, err := blas.New(blas.Options{Threads: r.Threads, Precision: blas.BF16})
	if err != nil {
		return err
	}
	r.Kernels = f32.Level().String()
	runtime.GOMAXPROCS(r.Threads)
	// In turn, because other work on the machine comes and goes.
	const rounds, during = 4, 80 * time.Millisecond
	for range rounds {
		r.FMAF32 = max(r.FMAF32, blas.Peak(f32.Level(), blas.F32, r.Threads, during))
		for level := blas.AVX2; level <= f32.Level(); level++ {
			if peak := blas.Peak(level, blas.BF16, r.Threads, during); peak > r.DotBF16 {
				r.DotBF16, r.DotBF16With = peak, dotInstruction(level)
			}
		}
		r.SgemmF32 = max(r.SgemmF32, sgemmRate(f32, during))
		if bf16.Precision() == blas.BF16 {
			r.SgemmBF16 = max(r.SgemmBF16, sgemmRate(bf16, during))
		}
	}
	r.F32Share, r.BF16Share = share(r.SgemmF32, r.FMAF32), share(r.SgemmBF16, r.DotBF16)
	return nil
}

// dotInstruction names the bf16 dot product of a level.
func dotInstruction(level blas.Level) string {
	if level == blas.AVX512BF16 {
		return "VDPBF16PS"
	}
	return "TDPBF16PS"
}

// sgemmRate is the best GFLOP/s of a product of 1024 cubed.
func sgemmRate(impl blas.Implementation, during time.Duration) float64 {
	const n = 1024
	var m [3]blas32.General
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range m {
		m[i] = blas32.General{Rows: n, Cols: n, Stride: n, Data: make([]float32, n*n)}
		for j := range m[i].Data {
			m[i].Data[j] = rng.Float32() - 0.5
		}
	}
	best := time.Duration(1 << 62)
	for begin := time.Now(); time.Since(begin) < during; {
		start := time.Now()
		impl.Sgemm(gonumblas.NoTrans, gonumblas.NoTrans, n, n, n, 1, m[0].Data, n, m[1].Data, n, 0, m[2].Data, n)
		best = min(best, time.Since(start))
	}
	return 2 * n * n * n / float64(best.Nanoseconds())
}

// benchRun is a shape to train.
type benchRun struct {
	name string
	cfg  model.Config
	rows int
}

// parseShapes reads all values of a flag.
func parseShapes(flag string, shapes []string) ([]benchRun, error) {
	var runs []benchRun
	for _, s := range shapes {
		r, err := parseShape(flag, s)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	return runs, nil
}

func parseShape(flag, s string) (benchRun, error) {
	bad := func(why any) (benchRun, error) {
		return benchRun{}, cli.WithHint(cli.Usagef("--%s %s: %v", flag, s, why),
			"six numbers: layers,heads,width,context,vocab,batch or games, as 8,8,256,128,2048,32")
	}
	words := strings.Split(s, ",")
	if len(words) != 6 {
		return bad(fmt.Sprintf("%d numbers", len(words)))
	}
	var n [6]int
	for i, w := range words {
		var err error
		if n[i], err = strconv.Atoi(strings.TrimSpace(w)); err != nil {
			return bad(fmt.Sprintf("%q is not a number", w))
		}
	}
	r := benchRun{name: s, rows: n[5], cfg: model.Config{
		Layers: n[0], Heads: n[1], Width: n[2], Context: n[3], Vocab: n[4], Activation: model.GELU,
	}}
	if err := r.cfg.Validate(); err != nil {
		return bad(err)
	}
	if r.rows < 1 || float64(r.rows)*float64(r.cfg.Context) > 1<<24 {
		return bad(fmt.Sprintf("a batch of %d rows: want at least 1, and at most 16 million tokens", r.rows))
	}
	return r, nil
}

// train makes steps for the given time, after two to warm up.
func (r benchRun) train(ctx context.Context, optimizer, precision string, during time.Duration) (benchTrain, error) {
	t := benchTrain{Shape: r.name, Parameters: r.cfg.NumParams(), Precision: precision, Optimizer: optimizer}
	m, err := model.New(r.cfg, 1)
	if err != nil {
		return t, err
	}
	tc := model.DefaultTrainConfig()
	tc.Rows, tc.Schedule, tc.Optimizer, tc.Precision = r.rows, model.ScheduleConstant, optimizer, precision
	trainer, err := model.NewTrainer(m, tc, &randomTokens{vocab: r.cfg.Vocab, rng: rand.New(rand.NewPCG(1, 1))})
	if err != nil {
		return t, err
	}
	rate, err := r.rate(ctx, trainer, during)
	rate.Precision, rate.Optimizer = precision, optimizer
	return rate, err
}

// rate makes launches of steps for the given time, after two to warm up.
func (r benchRun) rate(ctx context.Context, trainer *model.Trainer, during time.Duration) (benchTrain, error) {
	t := benchTrain{Shape: r.name, Parameters: r.cfg.NumParams()}
	var spent time.Duration
	best, steps, launch := time.Duration(1<<62), 0, trainer.Launch()
	for i := 0; spent < during; i++ {
		if err := ctx.Err(); err != nil {
			return t, fmt.Errorf("stopped: %w", err)
		}
		start := time.Now()
		if _, err := trainer.Steps(launch); err != nil {
			return t, err
		}
		if i < 2 {
			continue
		}
		d := time.Since(start)
		spent, best, steps = spent+d, min(best, d), steps+launch
	}
	tokens := float64(r.rows * r.cfg.Context)
	t.TokPerS = tokens * float64(steps) / spent.Seconds()
	t.BestTokPerS = tokens * float64(launch) / best.Seconds()
	t.GFLOPS = t.TokPerS * r.cfg.FLOPsPerToken(r.cfg.Context) / 1e9
	return t, nil
}

// randomTokens is a source in which every token has a target and sees all that
// are before it in its row.
type randomTokens struct {
	vocab int
	rng   *rand.Rand
}

func (s *randomTokens) Next(b *model.Batch) error {
	for i := range b.Tokens {
		b.Tokens[i], b.Targets[i] = int32(s.rng.IntN(s.vocab)), int32(s.rng.IntN(s.vocab))
		b.Positions[i], b.SegmentStart[i] = int32(i%b.Context), 0
	}
	return nil
}

// A benchmark is not resumed.
func (s *randomTokens) State() ([]byte, error) { return nil, nil }
func (s *randomTokens) Restore([]byte) error   { return nil }

func (r *benchResult) writeText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name string, rate, part float64, of, rest string) {
		if rate == 0 {
			fmt.Fprintf(t, "%s\t-\t\t%s\t\n", name, "not on this machine")
			return
		}
		percent := ""
		if part > 0 {
			percent = fmt.Sprintf("%.0f%% of %s", 100*part, of)
		}
		fmt.Fprintf(t, "%s\t%.0f GFLOP/s\t%s\t%s\t\n", name, rate, percent, rest)
	}
	fmt.Fprintf(w, "%d threads, kernels: %s\n\n", r.Threads, r.Kernels)
	if r.SgemmF32 > 0 {
		row("f32 FMA", r.FMAF32, 0, "", "")
		row("bf16 dot product", r.DotBF16, 0, "", r.DotBF16With)
		row("Sgemm 1024 f32", r.SgemmF32, r.F32Share, "f32 FMA", "")
		row("Sgemm 1024 bf16", r.SgemmBF16, r.BF16Share, "bf16", "")
	}
	for _, x := range r.Train {
		row("training "+x.Shape+" "+x.Precision, x.GFLOPS, x.Share, x.Precision, cli.Count(int(x.TokPerS))+" tok/s")
	}
	for _, d := range r.Decode {
		fmt.Fprintf(t, "decoding %s %s\t%s tok/s\t%.1f times one game\t%s tok/s alone; %.0f MB; %s\t\n",
			d.Shape, d.Weights, cli.Count(int(d.TokPerS)), d.Ratio, cli.Count(int(d.OneTokPS)), d.MBytes, d.How)
	}
	if r.Signature != "" {
		fmt.Fprintf(t, "signature\t%s\t\t\n", r.Signature)
	}
	return t.Flush()
}

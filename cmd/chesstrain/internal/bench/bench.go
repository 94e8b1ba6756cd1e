// Package bench is chesstrain bench and chesstrain device: what a machine or a GPU can do, how much of it training
// and decoding use, and whether a device computes what the CPU does. Every rate is shown beside the
// ceiling that was measured in the same run.
package bench

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"transcend/cmd/internal/compute"
	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/xla"
)

const help = `Measure what this machine can do and how much of it training uses.

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

// trainShapes are measured when --shape is not given: layers, heads, width,
// context, vocabulary, batch.
var trainShapes = []string{"4,4,128,128,2048,64", "8,8,256,128,2048,32", "8,8,512,256,2048,16"}

// measured is what --json prints. Shares are of the ceiling of the same
// precision.
type measured struct {
	Threads     int     `json:"threads"`
	Kernels     string  `json:"kernels"`        // level of package blas
	FMAF32      float64 `json:"fma_f32_gflops"` // 0 where it cannot be measured
	DotBF16     float64 `json:"dot_bf16_gflops"`
	DotBF16With string  `json:"dot_bf16_instruction,omitempty"`
	SgemmF32    float64 `json:"sgemm_f32_gflops"` // 1024 cubed, all threads
	SgemmBF16   float64 `json:"sgemm_bf16_gflops"`
	F32Share    float64 `json:"sgemm_f32_share,omitempty"`
	BF16Share   float64 `json:"sgemm_bf16_share,omitempty"`

	TrainTokPerS float64   `json:"train_tok_per_s"` // of the first shape
	Train        []trained `json:"train"`

	DecodeTokPerS    float64   `json:"decode_tok_per_s"`          // of the fastest weights, all games
	DecodeOneTokPerS float64   `json:"decode_one_game_tok_per_s"` // one game with the same weights
	Decode           []decoded `json:"decode"`

	Signature string `json:"signature,omitempty"` // of model.Signature, in f32 on these kernels
}

// signatureSteps and signatureTokens are what the signature is of: some tenths of a second.
const signatureSteps, signatureTokens = 20, 200

// options are what is to be measured, and how.
type options struct {
	runs, decodes []shape
	formats       []model.Format // of decoding's weights
	precision     string         // of training's products
	optimizer     string
	only          string // a part; "": all
	threads       int
	during        time.Duration // of each shape
	quiet, json   bool
}

// wanted says whether a part is to be measured.
func (o *options) wanted(part string) bool { return o.only == "" || o.only == part }

// parseBench reads the command line.
func parseBench(args []string, stdout io.Writer) (*options, error) {
	var o options
	fs := cli.FlagSet("chesstrain bench")
	shapes := fs.StringArray("shape", trainShapes, "layers,heads,width,context,vocab,batch; may be repeated")
	precision := fs.String("precision", "auto", "products of training: bf16, f32, or auto, the faster one here")
	fs.StringVar(&o.optimizer, "optimizer", model.OptimizerAdamW, strings.Join(model.Optimizers(), " or "))
	decodes := fs.StringArray("decode", []string{decodeShape}, "decoding: layers,heads,width,context,vocab,games; may be repeated")
	weights := fs.StringSlice("weights", []string{"f32", "bf16", "int8"}, "weights of decoding; keys and values are bf16 with all but f32")
	fs.StringVar(&o.only, "only", "", "ceilings, train, decode or signature: nothing else")
	compute.AddThreads(fs, &o.threads, "the signature does not depend on it")
	seconds := fs.Float64("seconds", 5, "time for each shape")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "print only the result and errors")
	fs.BoolVar(&o.json, "json", false, "print the result as one JSON object")
	if err := cli.Parse(fs, args, stdout, cli.Help(fs, help, "")); err != nil {
		return nil, err
	}
	switch {
	case fs.NArg() > 0:
		return nil, cli.NoArguments(fs, "")
	case !(*seconds > 0 && *seconds < 1e6):
		return nil, cli.Usagef("--seconds %v: must be positive", *seconds)
	}
	o.during = time.Duration(*seconds * float64(time.Second))
	if err := compute.AllCores(&o.threads); err != nil {
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
	if o.precision, err = compute.Precision(xla.Device{}, *precision); err != nil {
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

// Run is the subcommand bench.
func Run(ctx context.Context, _ io.Reader, stdout, stderr io.Writer, args []string) error {
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
func (o *options) measure(ctx context.Context, show func(what string)) (*measured, error) {
	result := &measured{Threads: o.threads}
	show("ceilings and products")
	measure := result.kernels
	if o.wanted("ceilings") || o.wanted("train") {
		measure = result.ceilings
	}
	if err := measure(); err != nil {
		return nil, err
	}
	if err := compute.UseProducts(o.precision, o.threads); err != nil {
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
	if err := compute.UseProducts(model.PrecisionF32, o.threads); err != nil {
		return nil, err
	}
	var err error
	result.Signature, err = model.Signature(signatureSteps, signatureTokens)
	return result, err
}

func (r *measured) writeText(w io.Writer) error {
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

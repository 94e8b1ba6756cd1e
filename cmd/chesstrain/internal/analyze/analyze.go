// Package analyze is chesstrain analyze: why a model plays as it does, and what its games are like. It has the
// frame, which is flags, inputs, progress, journal and report, and a file for each analysis, a value of type
// command that is a line of analyses. What is measured, and how, is in the packages below analysis.
package analyze

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"transcend/analysis"
	"transcend/analysis/checkpoint"
	"transcend/cmd/chesstrain/internal/source"
	"transcend/cmd/internal/compute"
	"transcend/data"
	"transcend/engine"
	"transcend/internal/atomicfile"
	"transcend/internal/cli"
	"transcend/internal/figure"
	"transcend/model"
)

// command is one of chesstrain analyze.
type command struct {
	name  string
	about string // a line
	// help says what is measured, where the paper has it and where this differs; examples follow, a
	// line each, with the command whole.
	help     string
	examples []string
	// model and corpus say which of the common flags it has.
	model, corpus bool
	// begin registers the flags of its own and returns what does the work when they were parsed.
	begin func(fs *pflag.FlagSet) workFunc
}

// workFunc does an analysis whose flags were parsed.
type workFunc func(ctx context.Context, a *analyzing) (analysis.Result, error)

// analyses are all of them, in the order of the list.
func analyses() []command {
	return []command{
		analyzeFavor(),
		analyzeTemperature(),
		analyzeClaim(),
		analyzeTheory(),
		analyzeToy(),
		analyzeDiversity(),
		analyzeProbe(),
		analyzeEmbed(),
	}
}

const help = `Look into why a model plays as it does, and what its games are like.

usage: chesstrain analyze NAME [flags]
       chesstrain analyze list
       chesstrain analyze NAME --help      what NAME measures, and its flags

examples:
  chesstrain analyze list
  chesstrain analyze favor --help
  chesstrain analyze theory --out analyses

analyses:
`

const tail = `
Results are OUT/NAME/report.txt, report.json and the pictures as SVG and PNG. What takes long is
kept below OUT/NAME while it is done: the same command goes on where a stopped or killed one
was, and begins anew where flags that change results are others.

exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (start it again to go on)
`

// analyzing is what an analysis is given: the common flags, and what they name.
type analyzing struct {
	// Model and Corpus are as given, "" where they were not.
	Model, Corpus string
	Seed          uint64
	Threads       int
	// Dir is the directory of results, OUT/NAME.
	Dir string

	inputs []input
	status *cli.Status
	stderr io.Writer // of progress; for who shows it by other means
	warn   func(text string)
	last   time.Time
}

// input is what a report says that it is about.
type input struct {
	Role string `json:"role"` // "model", "corpus"
	Name string `json:"name"`
	// Hash is of the model's weights, or the fingerprint of the corpus.
	Hash  string `json:"hash"`
	Games int    `json:"games,omitempty"`
}

// use adds an input to the report.
func (a *analyzing) use(in input) { a.inputs = append(a.inputs, in) }

// loadModel reads the model of --model: without the flag the newest below runs/, or, where
// there is none, the one that comes with the program.
func (a *analyzing) loadModel() (*model.Model, data.Tokenizer, error) {
	dir, err := checkpoint.Find(a.Model)
	if err != nil {
		return nil, nil, err
	}
	m, tok, err := checkpoint.Load(dir)
	if err != nil {
		return nil, nil, err
	}
	in := input{Role: "model", Name: checkpoint.Name(dir), Hash: engine.HashWeights(m)}
	// The cell of an experiment has its run in a directory of that name: nobody could tell them apart by it.
	if step, ok := strings.CutPrefix(in.Name, "run@"); ok {
		in.Name = filepath.Base(filepath.Dir(filepath.Dir(dir))) + "@" + step
	}
	a.use(in)
	a.printf("model %s", in.Name)
	return m, tok, nil
}

// loadCorpus reads the corpus of --corpus, which has to be given.
func (a *analyzing) loadCorpus(ctx context.Context) (*data.Corpus, error) {
	if a.Corpus == "" {
		return nil, cli.WithHint(cli.Usagef("--corpus names no file"), "a run keeps its games in corpus.parquet; "+"chesstrain prepare makes such files")
	}
	c, err := data.LoadParquet(ctx, a.Corpus, data.ParquetOptions{})
	if err != nil {
		return nil, source.CorpusError(a.Corpus, err)
	}
	a.use(input{Role: "corpus", Name: filepath.Base(a.Corpus), Hash: fmt.Sprintf("%016x", c.Fingerprint()), Games: c.Len()})
	a.printf("corpus %s, %s games", a.Corpus, cli.Count(c.Len()))
	return c, nil
}

// journal keeps parts that are done. settings are everything that decides the parts, the inputs'
// hashes excepted, which are added; version counts changes of what computes them.
func (a *analyzing) journal(version int, settings any) (*analysis.Journal, error) {
	return analysis.OpenJournal(a.Dir, map[string]any{"version": version, "seed": a.Seed, "inputs": a.inputs, "settings": settings})
}

// printf writes a line about what is being done.
func (a *analyzing) printf(format string, args ...any) { a.status.Printf(format, args...) }

// progress shows the share done, 0 to 1, on the live line, or in a pipe every ten seconds. Calls must
// not overlap.
func (a *analyzing) progress(done float64, format string, args ...any) {
	if a.status.Live() {
		a.status.Set(done, " "+fmt.Sprintf(format, args...))
		return
	}
	if now := time.Now(); now.Sub(a.last) >= 10*time.Second {
		a.last = now
		a.status.Printf(format, args...)
	}
}

// report is report.json.
type report struct {
	Analysis string          `json:"analysis"`
	Program  string          `json:"program"`
	Command  string          `json:"command"`
	Seed     uint64          `json:"seed"`
	Inputs   []input         `json:"inputs"`
	Pictures []string        `json:"pictures"` // files beside it
	Result   analysis.Result `json:"result"`
}

// Run is the subcommand.
func Run(ctx context.Context, _ io.Reader, stdout, stderr io.Writer, args []string) error {
	all := analyses()
	if len(args) == 0 {
		return cli.WithHint(cli.Usagef("which analysis? A name is needed"), "chesstrain analyze list")
	}
	name := args[0]
	if strings.HasPrefix(name, "-") || name == "list" {
		return listAnalyses(stdout, all, args)
	}
	i, err := cli.FindNamed("analysis", name, namedAnalyses(all))
	if err != nil {
		return err
	}
	return all[i].run(ctx, stdout, stderr, args[1:])
}

func namedAnalyses(all []command) (list []cli.Named) {
	for _, c := range all {
		list = append(list, cli.Named{Name: c.name, About: c.about, Help: c.help})
	}
	return list
}

// listAnalyses is the list, or the help of all.
func listAnalyses(stdout io.Writer, all []command, args []string) error {
	fs := cli.FlagSet("chesstrain analyze")
	asJSON := fs.Bool("json", false, "print the list as JSON")
	err := cli.Parse(fs, args, stdout, func(w io.Writer) {
		fmt.Fprint(w, help)
		_ = cli.Tabulate(w, "  ", namedAnalyses(all)) // as the lines around it
		fmt.Fprint(w, tail)
	})
	if err != nil {
		return err
	}
	if fs.NArg() != 1 || fs.Arg(0) != "list" {
		return cli.WithHint(cli.Usagef("the name of the analysis comes first"), "chesstrain analyze list")
	}
	return cli.ListNamed(stdout, namedAnalyses(all), *asJSON)
}

// options are the common flags that analyses do not see.
type options struct {
	out         string
	quiet, json bool
}

// parse reads the command line and returns what does the work.
func (c *command) parse(args []string, stdout io.Writer, a *analyzing, o *options) (workFunc, error) {
	fs := cli.FlagSet("chesstrain analyze " + c.name)
	if c.model {
		fs.StringVar(&a.Model, "model", "", "run or checkpoint directory, or shipped (default: the newest run below runs/)")
		cli.Alias(fs, "model", "run")
	}
	if c.corpus {
		fs.StringVar(&a.Corpus, "corpus", "", "corpus file, as chesstrain prepare writes it and a run keeps it")
	}
	work := c.begin(fs)
	fs.Uint64Var(&a.Seed, "seed", 1, "seed of everything that is drawn")
	compute.AddThreads(fs, &a.Threads, "results do not depend on it")
	fs.StringVar(&o.out, "out", "analyses", "directory of results: OUT/"+c.name)
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "print only the result and errors")
	fs.BoolVar(&o.json, "json", false, "print report.json instead of the table")
	examples := "\nexamples:\n  " + strings.Join(c.examples, "\n  ") + "\n\nflags:\n"
	head := fmt.Sprintf("%s: %s\n\nusage: chesstrain analyze %s [flags]\n\n%s\n%s", c.name, c.about, c.name, strings.TrimSpace(c.help), examples)
	if err := cli.Parse(fs, args, stdout, cli.Help(fs, head, tail)); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, cli.Usagef("unexpected argument %q: chesstrain analyze %s has only flags", fs.Arg(0), c.name)
	}
	if o.out == "" {
		return nil, cli.Usagef("--out names no directory")
	}
	return work, compute.AllCores(&a.Threads)
}

// run does an analysis.
func (c *command) run(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	var a analyzing
	var o options
	work, err := c.parse(args, stdout, &a, &o)
	if err != nil {
		return err
	}
	// In float32 everywhere: results are then of the model, and not of the machine's kernels.
	if err := compute.UseProducts(model.PrecisionF32, a.Threads); err != nil {
		return err
	}
	a.Dir = filepath.Join(o.out, c.name)
	if err := os.MkdirAll(a.Dir, 0o755); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	progress := stderr
	if o.quiet {
		progress = io.Discard
	}
	a.status, a.stderr = cli.NewStatus(progress), progress
	a.warn = func(text string) { fmt.Fprintf(stderr, "warning: %s\n", text) }
	defer a.status.Close()
	result, err := work(ctx, &a)
	a.status.Close()
	if err != nil {
		if ctx.Err() != nil && !errors.Is(err, pflag.ErrHelp) {
			return cli.WithHint(fmt.Errorf("stopped: %w", context.Canceled), "the same command goes on from here")
		}
		return err
	}
	r := report{
		Analysis: c.name, Program: cli.Version(), Command: cli.CommandLine(append([]string{"chesstrain", "analyze", c.name}, args...)...), Seed: a.Seed, Inputs: a.inputs, Result: result,
	}
	files, err := r.write(a.Dir)
	if err != nil {
		return err
	}
	if o.json {
		return cli.PrintJSON(stdout, &r)
	}
	if err := result.WriteText(stdout); err != nil {
		return err
	}
	fmt.Fprintf(progress, "%s\n", strings.Join(files, "\n"))
	return nil
}

// write puts the report and its pictures into a directory and returns the files.
func (r *report) write(dir string) ([]string, error) {
	var table, object bytes.Buffer
	if err := r.Result.WriteText(&table); err != nil {
		return nil, err
	}
	pictures, err := figure.WriteAll(dir, r.Result.Pictures())
	if err != nil {
		return nil, err
	}
	r.Pictures = []string{}
	for _, path := range pictures {
		r.Pictures = append(r.Pictures, filepath.Base(path))
	}
	if err := cli.PrintJSON(&object, r); err != nil {
		return nil, err
	}
	files := []string{filepath.Join(dir, "report.txt"), filepath.Join(dir, "report.json")}
	for i, b := range [][]byte{table.Bytes(), object.Bytes()} {
		if err := atomicfile.WriteBytes(files[i], 0o644, b); err != nil {
			return nil, fmt.Errorf("writing %s: %w", files[i], err)
		}
	}
	return append(files, pictures...), nil
}

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"transcend/analysis"
	"transcend/cmd/internal/compute"
	"transcend/data"
	"transcend/data/batches"
	"transcend/data/filter"
	"transcend/internal/atomicfile"
	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/run"
	"transcend/model/xla"
)

const runsDir = "runs"

// Files that chesstrain puts into a run beside those of package run.
const (
	corpusFile     = "corpus.parquet"
	reportFile     = "filter.json"
	evaluationFile = "evaluation.json"
)

// train is the command: filter, tokenize, train, evaluate.
func train(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, args []string) error {
	began := time.Now()
	s, o, fs, err := parseFlags(args, stdout)
	if err != nil {
		return err
	}
	var dir *run.Dir
	var corpus *data.Corpus
	if o.resume {
		dir, err = resume(&s, &o, fs)
	} else {
		if err := s.complete(); err != nil {
			return err
		}
		// What is wrong with a corpus should not leave an empty run behind.
		if s.Corpus != "" {
			if corpus, err = s.readCorpus(ctx); err != nil {
				return err
			}
		}
		dir, err = create(&s, &o)
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	products := s.Trainer.Precision
	if o.device.Elsewhere() {
		products = model.PrecisionF32 // of what the CPU does beside the device
	}
	if err := compute.UseProducts(products, o.threads); err != nil {
		return err
	}

	var progress io.Writer = stderr
	if o.quiet {
		progress = io.Discard
	}
	s.Origin.Threads = o.threads
	t := &trainRun{settings: s, options: o, dir: dir, began: began, stdin: stdin, stderr: progress, warnings: stderr, corpus: corpus}
	result, err := t.do(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return cli.WithHint(fmt.Errorf("stopped: %w", ctx.Err()), t.resumeCommand())
		}
		if _, none := model.LatestCheckpoint(dir.Path()); none == nil && len(cli.Hints(err)) == 0 {
			err = cli.WithHint(err, t.resumeCommand())
		}
		return err
	}
	if o.json {
		return cli.PrintJSON(stdout, result)
	}
	return result.writeText(stdout)
}

// create makes a new run from the flags.
func create(s *settings, o *options) (*run.Dir, error) {
	s.Program = cli.Version()
	path := o.out
	if path == "" {
		path = run.FreeName(runsDir, s.name())
	}
	dir, err := run.Create(path, s)
	if errors.Is(err, run.ErrExists) {
		return nil, cli.WithHint(err, fmt.Sprintf("continue it with %s --resume --out %s, or choose another --out", program, path))
	}
	return dir, err
}

// resumable are the flags that may accompany --resume: they do not change
// what the run computes.
var resumable = map[string]bool{
	"resume": true, "out": true, "threads": true, "checkpoint-every": true, "checkpoint-time": true,
	"log-every": true, "quiet": true, "verbose": true, "json": true,
	"device": true, "pjrt": true, "attention": true, "launch": true,
}

// resume opens the run that is to be continued and replaces the settings by
// its own.
func resume(s *settings, o *options, fs *pflag.FlagSet) (*run.Dir, error) {
	var given []string
	fs.Visit(func(f *pflag.Flag) {
		if !resumable[f.Name] {
			given = append(given, "--"+f.Name)
		}
	})
	if len(given) > 0 {
		return nil, cli.WithHint(cli.Usagef("--resume continues a run with its own settings; %s cannot be changed", strings.Join(given, ", ")),
			"leave them out, or start a new run without --resume")
	}
	path := o.out
	if path == "" {
		newest, err := run.Newest(runsDir)
		if err != nil {
			return nil, cli.WithHint(fmt.Errorf("nothing to resume: %w", err), "name the run with --out DIR")
		}
		path = newest
	}
	*s = settings{}
	dir, err := run.Open(path, s)
	if errors.Is(err, run.ErrNoRun) {
		return nil, cli.WithHint(fmt.Errorf("nothing to resume: %w", err), "a run directory holds run.json; runs are made below "+runsDir+"/ unless --out says otherwise")
	}
	return dir, err
}

// trainRun is one execution of the command.
type trainRun struct {
	settings
	options
	dir    *run.Dir
	began  time.Time
	stdin  io.Reader
	stderr io.Writer // discards when quiet
	// warnings are written even then.
	warnings io.Writer

	corpus *data.Corpus
	report filter.Report
	tok    data.Tokenizer
}

// resumeCommand says how to go on after an interruption.
func (t *trainRun) resumeCommand() string {
	if t.ReadsStandardInput() && t.corpus == nil {
		return fmt.Sprintf("standard input was not read to its end, so %s cannot be continued: delete it and start again", t.dir.Path())
	}
	return fmt.Sprintf("to continue: %s --resume --out %s", program, t.dir.Path())
}

func (t *trainRun) printf(format string, args ...any) { fmt.Fprintf(t.stderr, format+"\n", args...) }

// do reads the games, trains and evaluates.
func (t *trainRun) do(ctx context.Context) (out *outcome, err error) {
	if t.tok, err = t.newTokenizer(); err != nil {
		return nil, err
	}
	if err := t.loadCorpus(ctx); err != nil {
		return nil, err
	}
	training, validation, err := t.split()
	if err != nil {
		return nil, err
	}
	if training.Len() == 0 || validation.Len() == 0 {
		hint := "give more games or change --validation"
		if t.Split == splitPlayer {
			hint = "few players are easily all on one side: change --validation, give games of more players, or take --split game"
		}
		return nil, cli.WithHint(fmt.Errorf("%d games are left for training and %d for validation", training.Len(), validation.Len()), hint)
	}
	trainer, err := t.trainer(training)
	if err != nil {
		return nil, err
	}
	if t.device.Elsewhere() {
		engine, err := xla.New(t.Model, trainer.Config(), t.device.Options(t.printf))
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, engine.Close()) }()
		if err := trainer.UseEngine(engine); err != nil {
			return nil, err
		}
		t.printf("device: %s", engine.Name())
	}
	m := trainer.Result()
	t.describe(training, validation)
	result, err := t.steps(ctx, trainer, validation)
	if err != nil {
		return nil, err
	}
	return t.evaluate(ctx, m, trainer.Evaluator(), validation, result)
}

// trainer is at the run's last checkpoint, or at its beginning.
func (t *trainRun) trainer(training *data.Corpus) (*model.Trainer, error) {
	loader, err := batches.NewLoader(training, t.tok, batches.Config{
		Rows: t.Trainer.Rows, Context: t.Model.Context, Packing: t.Packing, Input: t.Input, Seed: t.Seed,
	})
	if err != nil {
		return nil, err
	}
	trainer, err := t.dir.Resume(loader)
	switch {
	case err == nil:
		t.printf("resuming %s at step %s", t.dir.Path(), cli.Count(trainer.StepsDone()))
		return trainer, nil
	case errors.Is(err, model.ErrCheckpoint):
		return nil, cli.WithHint(err, "delete the checkpoint that is named there: the run then continues from the one before, or from its beginning")
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	m, err := model.New(t.Model, t.Seed)
	if err != nil {
		return nil, err
	}
	return model.NewTrainer(m, t.Trainer, loader)
}

// describe says what is about to be trained on what.
func (t *trainRun) describe(training, validation *data.Corpus) {
	t.printf("corpus: %s games for training, %s for validation", cli.Count(training.Len()), cli.Count(validation.Len()))
	t.printf("model: %s, %s input, %d layers, %d heads, width %d, context %d, %s parameters; %s, %s products; seed %d; %d threads",
		t.Preset, cmp.Or(t.Input, data.InputMoves), t.Model.Layers, t.Model.Heads, t.Model.Width, t.Model.Context, cli.Count(t.Model.NumParams()),
		cmp.Or(t.Trainer.Optimizer, model.OptimizerAdamW), cmp.Or(t.Trainer.Precision, model.PrecisionF32), t.Seed, t.threads)
	t.printf("memory: %s for weights, gradient and optimizer, %s for the activations of a batch%s",
		cli.Bytes(16*int64(t.Model.NumParams())), cli.Bytes(t.Model.ActivationBytes(t.Trainer.Rows, cmp.Or(t.Trainer.Context, t.Model.Context), t.Trainer.Recompute)),
		map[bool]string{true: ", recomputed"}[t.Trainer.Recompute])
	t.printf("run: %s", t.dir.Path())
}

// steps trains to the end of the budget.
func (t *trainRun) steps(ctx context.Context, trainer *model.Trainer, validation *data.Corpus) (run.Result, error) {
	files, err := t.checkpointFiles()
	if err != nil {
		return run.Result{}, err
	}
	view := newView(t)
	defer view.close()
	return t.dir.Train(ctx, trainer, run.Options{
		Budget: time.Duration(t.Time), Start: t.began,
		Patience:  10 * time.Minute,
		EvalEvery: t.EvalEvery, CheckpointEvery: t.checkpointEvery, CheckpointInterval: t.checkpointTime, Keep: t.CheckpointKeep,
		Files: files, Observe: view.observe,
		Validate: func(ctx context.Context) (float64, error) {
			return t.validationLoss(ctx, trainer.Evaluator(), validation, t.EvalTokens)
		},
	})
}

func (t *trainRun) checkpointFiles() (map[string][]byte, error) {
	tokenizer, err := t.tok.MarshalJSON()
	if err != nil {
		return nil, err
	}
	settings, err := json.MarshalIndent(t.settings, "", "  ")
	if err != nil {
		return nil, err
	}
	report, err := json.MarshalIndent(t.report, "", "  ")
	if err != nil {
		return nil, err
	}
	return map[string][]byte{data.TokenizerFile: tokenizer, "run.json": settings, reportFile: report}, nil
}

// validationLoss is the mean loss in nats a token over the first tokens of the
// held-out games, which come in the same order every time; 0 takes all.
func (t *trainRun) validationLoss(ctx context.Context, e analysis.Evaluator, games *data.Corpus, tokens int) (float64, error) {
	layout := batches.Config{Rows: t.Trainer.Rows, Context: t.Model.Context, Packing: t.Packing, Input: t.Input}
	total, err := analysis.Evaluate(ctx, e, t.tok, games, layout, tokens)
	if err != nil {
		return 0, err
	}
	if total.Count == 0 {
		return math.NaN(), errors.New("the held-out games have no moves")
	}
	return total.Loss(), nil
}

// evaluate measures the finished model on the held-out games.
func (t *trainRun) evaluate(ctx context.Context, m *model.Model, e analysis.Evaluator, games *data.Corpus, r run.Result) (*outcome, error) {
	t.printf("evaluating on %s held-out games", cli.Count(games.Len()))
	loss, err := t.validationLoss(ctx, e, games, 0)
	if err != nil {
		return nil, err
	}
	quality, err := analysis.MoveQuality(ctx, m, t.tok, games, analysis.MoveQualityOptions{Positions: t.EvalPositions, Seed: t.Seed})
	if err != nil {
		return nil, err
	}
	out := &outcome{
		Run: t.dir.Path(), Checkpoint: r.Checkpoint, Steps: r.Step, ElapsedSeconds: r.Elapsed.Seconds(),
		Seed: t.Seed, Tokenizer: t.tok.Name(), Input: cmp.Or(t.Input, data.InputMoves), Preset: t.Preset, Parameters: t.Model.NumParams(),
		TrainingLoss: finite(r.Loss), ValidationLoss: loss, Moves: quality, Corpus: t.report, Machine: machine(t.threads),
		unit: t.tok.Unit(),
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return nil, err
	}
	return out, atomicfile.WriteBytes(filepath.Join(t.dir.Path(), evaluationFile), 0o644, append(b, '\n'))
}

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
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"transcend/analysis"
	"transcend/cmd/chesstrain/internal/compute"
	"transcend/cmd/chesstrain/internal/source"
	"transcend/data"
	"transcend/data/filter"
	"transcend/internal/atomicfile"
	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/blas"
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
	loaderConfig := data.LoaderConfig{
		Rows: t.Trainer.Rows, Context: t.Model.Context, Packing: t.Packing, Input: t.Input, Seed: t.Seed,
	}
	loader, err := data.NewLoader(training, t.tok, loaderConfig)
	if err != nil {
		return nil, err
	}
	trainer, err := t.dir.Resume(loader)
	switch {
	case errors.Is(err, model.ErrCheckpoint):
		return nil, cli.WithHint(err, "delete the checkpoint that is named there: the run then continues from the one before, or from its beginning")
	case err == nil:
		t.printf("resuming %s at step %s", t.dir.Path(), cli.Count(trainer.StepsDone()))
	case errors.Is(err, fs.ErrNotExist):
		m, err := model.New(t.Model, t.Seed)
		if err != nil {
			return nil, err
		}
		if trainer, err = model.NewTrainer(m, t.Trainer, loader); err != nil {
			return nil, err
		}
	default:
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
	t.printf("corpus: %s games for training, %s for validation", cli.Count(training.Len()), cli.Count(validation.Len()))
	t.printf("model: %s, %s input, %d layers, %d heads, width %d, context %d, %s parameters; %s, %s products; seed %d; %d threads",
		t.Preset, cmp.Or(t.Input, data.InputMoves), t.Model.Layers, t.Model.Heads, t.Model.Width, t.Model.Context, cli.Count(t.Model.NumParams()),
		cmp.Or(t.Trainer.Optimizer, model.OptimizerAdamW), cmp.Or(t.Trainer.Precision, model.PrecisionF32), t.Seed, t.threads)
	t.printf("memory: %s for weights, gradient and optimizer, %s for the activations of a batch%s",
		cli.Bytes(16*int64(t.Model.NumParams())), cli.Bytes(t.Model.ActivationBytes(t.Trainer.Rows, cmp.Or(t.Trainer.Context, t.Model.Context), t.Trainer.Recompute)),
		map[bool]string{true: ", recomputed"}[t.Trainer.Recompute])
	t.printf("run: %s", t.dir.Path())

	files, err := t.checkpointFiles()
	if err != nil {
		return nil, err
	}
	view := newView(t)
	o := run.Options{
		Budget: time.Duration(t.Time), Start: t.began,
		Patience:  10 * time.Minute,
		EvalEvery: t.EvalEvery, CheckpointEvery: t.checkpointEvery, CheckpointInterval: t.checkpointTime, Keep: t.CheckpointKeep,
		Files: files, Observe: view.observe,
		Validate: func(ctx context.Context) (float64, error) {
			return t.validationLoss(ctx, trainer.Evaluator(), validation, t.EvalTokens)
		},
	}
	result, err := t.dir.Train(ctx, trainer, o)
	view.close()
	if err != nil {
		return nil, err
	}
	return t.evaluate(ctx, m, trainer.Evaluator(), validation, result)
}

// split divides the games into those to train on and those to validate on.
func (t *trainRun) split() (training, validation *data.Corpus, err error) {
	if t.Split != splitPlayer {
		training, validation = t.corpus.Split(t.ValidationFraction)
		return training, validation, nil
	}
	training, validation, dropped := t.corpus.SplitByPlayer(t.ValidationFraction)
	if training.Len()+validation.Len() == 0 {
		return nil, nil, cli.WithHint(errors.New("--split player: the games do not say who played"),
			"take --split game, or make the corpus again from sources that name the players")
	}
	t.printf("split by player: left out %s games between both sides or with an unknown player (%s)", cli.Count(dropped), cli.Percent(float64(dropped), float64(t.corpus.Len())))
	return training, validation, nil
}

// readCorpus reads the corpus of --corpus and takes over how its games were
// chosen.
func (s *settings) readCorpus(ctx context.Context) (*data.Corpus, error) {
	corpus, err := data.LoadParquet(ctx, s.Corpus, data.ParquetOptions{})
	if err != nil {
		return nil, source.CorpusError(s.Corpus, err)
	}
	if corpus.Len() == 0 {
		return nil, fmt.Errorf("--corpus %s: there are no games in it", s.Corpus)
	}
	id := fmt.Sprintf("%016x", corpus.Fingerprint())
	if s.CorpusID != "" && id != s.CorpusID {
		return nil, cli.WithHint(fmt.Errorf("%s holds other games than when the run began", s.Corpus), "put the old file back, or begin another run")
	}
	s.CorpusID, s.CorpusScale = id, playedOn(corpus.Provenance.Sources)
	filter := corpus.Provenance.Filter
	s.KeepDuplicates, filter.DropDuplicates = !filter.DropDuplicates, false
	s.Filter = filter
	return corpus, nil
}

// playedOn is the scale of the ratings of games that were all played for this, on one scale, "" of others.
func playedOn(sources []data.Source) string {
	if len(sources) == 0 || slices.ContainsFunc(sources, func(s data.Source) bool { return s.Scale != sources[0].Scale }) {
		return ""
	}
	return sources[0].Scale
}

// loadCorpus reads the games: from the run's own corpus file when it is there,
// else from the sources, after which it writes that file.
func (t *trainRun) loadCorpus(ctx context.Context) error {
	path := filepath.Join(t.dir.Path(), corpusFile)
	if t.resume {
		corpus, err := data.LoadParquet(ctx, path, data.ParquetOptions{})
		if err == nil {
			t.corpus = corpus
			b, err := os.ReadFile(filepath.Join(t.dir.Path(), reportFile))
			if err == nil {
				err = json.Unmarshal(b, &t.report)
			}
			if err != nil {
				return fmt.Errorf("reading the run's filter report: %w", err)
			}
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			if ctx.Err() != nil {
				return err
			}
			return cli.WithHint(err, fmt.Sprintf("delete %s to make it again from its sources", path))
		}
	}
	if t.Corpus != "" {
		return t.takeCorpus(ctx, path)
	}
	if t.resume {
		if err := t.Origin.Check(); err != nil {
			return err
		}
		if t.ReadsStandardInput() {
			return errors.New("the run was killed before it had read standard input: start it again without --resume")
		}
	}
	corpus := data.NewCorpus()
	found, err := t.Gather(ctx, t.stdin, t.stderr, func(g *data.Game) error {
		corpus.Append(g)
		return nil
	})
	if err != nil {
		return err
	}
	t.report = found.Report
	if found.Warning != nil {
		fmt.Fprintf(t.warnings, "warning: %v\n", found.Warning)
	}
	t.printf("%s", found.Table(t.verbose))
	if err := found.None(); err != nil {
		return err
	}
	corpus.Provenance = found.Provenance()
	t.corpus = corpus
	if err := t.writeReport(); err != nil {
		return err
	}
	return t.corpus.WriteParquet(path)
}

// writeReport writes the filter's report. It comes before the corpus: where that
// is, the report is.
func (t *trainRun) writeReport() error {
	b, err := json.MarshalIndent(t.report, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(t.dir.Path(), reportFile), 0o644, append(b, '\n'))
}

// takeCorpus puts the corpus of --corpus into the run, so that it can be resumed
// whatever becomes of the file. On the same file system that is a second name for
// it and takes no room: corpus files are replaced, never written to.
func (t *trainRun) takeCorpus(ctx context.Context, path string) error {
	if t.corpus == nil {
		var err error
		if t.corpus, err = t.readCorpus(ctx); err != nil {
			return err
		}
	}
	t.report = t.corpus.Provenance.Report
	if err := t.writeReport(); err != nil {
		return err
	}
	from, err := filepath.EvalSymlinks(t.Corpus) // a link to a link would be of no use
	if err != nil {
		return err
	}
	if os.Link(from, path) == nil {
		return atomicfile.SyncDir(t.dir.Path())
	}
	return atomicfile.WriteFile(path, 0o644, func(w io.Writer) error {
		f, err := os.Open(from)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
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
	layout := data.LoaderConfig{Rows: t.Trainer.Rows, Context: t.Model.Context, Packing: t.Packing, Input: t.Input}
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

// finite makes a number fit for JSON, which has no NaN.
func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}

// outcome is what a run ends with, as --json prints it.
type outcome struct {
	Run            string         `json:"run"`
	Checkpoint     string         `json:"checkpoint"`
	Steps          int            `json:"steps"`
	ElapsedSeconds float64        `json:"elapsed_s"`
	Seed           uint64         `json:"seed"`
	Tokenizer      string         `json:"tokenizer"`
	Input          string         `json:"input"` // data.InputMoves or data.InputBoard
	Preset         string         `json:"preset"`
	Parameters     int            `json:"parameters"`
	TrainingLoss   float64        `json:"training_loss"`
	ValidationLoss float64        `json:"validation_loss"`
	Moves          analysis.Moves `json:"moves"`
	Corpus         filter.Report  `json:"corpus"`
	Machine        string         `json:"machine"` // that the run ended on

	unit string // what the loss is of, data.Tokenizer's
}

// machine says what a run was made on, as far as it decides how long that took.
func machine(threads int) string {
	text := fmt.Sprintf("%s/%s, %d threads", runtime.GOOS, runtime.GOARCH, threads)
	if kernels, err := blas.New(blas.Options{}); err == nil {
		text += ", " + kernels.Level().String()
	}
	return text
}

func (o *outcome) writeText(w io.Writer) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-18s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("input", "%s", map[string]string{data.InputMoves: "moves", data.InputBoard: "board: the model saw the board before each move"}[o.Input])
	line("steps", "%s in %s", cli.Count(o.Steps), cli.Duration(time.Duration(o.ElapsedSeconds*float64(time.Second))))
	line("validation loss", "%.4f nats a %s (training %.4f)", o.ValidationLoss, o.unit, o.TrainingLoss)
	m := o.Moves
	n := float64(m.Positions)
	line("move match", "%s of %s held-out positions (argmax is the move played)", cli.Percent(float64(m.Match), n), cli.Count(m.Positions))
	line("legal moves", "%s argmax, %s at T=1", cli.Percent(float64(m.LegalArgmax), n), cli.Percent(float64(m.LegalSampled), n))
	for _, p := range m.ByPly {
		line("", "plies %3d-%-3d  match %6s  legal %6s argmax %6s T=1  (%s)", p.From, p.To,
			cli.Percent(float64(p.Match), float64(p.Positions)), cli.Percent(float64(p.LegalArgmax), float64(p.Positions)),
			cli.Percent(float64(p.LegalSampled), float64(p.Positions)), cli.Count(p.Positions))
	}
	line("checkpoint", "%s", o.Checkpoint)
	line("play it", "arena --temp 0.001 --model %s", o.Run)
	_, err := io.WriteString(w, b.String())
	return err
}

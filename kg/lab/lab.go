// Package lab runs experiments with knowledge graphs (Abreu et al. 2025): experts write
// text, models learn from it, and are asked what they know.
//
// An Experiment plans Cells. A cell is a graph, a team of experts, a model, its training
// and a seed, and what is measured; everything about it follows from its settings. A Lab is
// a directory in which cells are done, each once, whichever experiments ask for it:
//
//	LAB/cells/NAME-KEY/cell.json       the settings
//	                   run/            the training (package run), removed at the end unless kept
//	                   result.json     what came out: shares of right answers, votes, times
//	                   extra-EXP.json  what one experiment measures beside
//	LAB/EXPERIMENT/                    report.json, report.md and the pictures
//
// KEY is a hash of the settings. Several cells are done at once, on a core each. A process
// that was killed at any moment is started again and goes on, to the results of a process
// that nobody disturbed. Two processes that share a lab divide the cells.
package lab

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"gonum.org/v1/gonum/stat"

	"transcend/internal/atomicfile"
	"transcend/internal/cli"
	"transcend/kg"
	"transcend/kg/cluster"
	"transcend/kg/eval"
	"transcend/kg/expert"
	"transcend/kg/gpt2"
	"transcend/kg/reference"
	"transcend/kg/synth"
	"transcend/kg/text"
	"transcend/model"
	"transcend/model/run"
)

// Lab is a directory in which cells are done. Matrix products are those that the program
// installed; Precision says which (a model.TrainConfig.Precision).
type Lab struct {
	Dir       string
	Program   string // version, for provenance
	Precision string
	// Parallel is how many cells are done at once; 0: one on each core.
	Parallel int
	// Threads is how many goroutines one cell uses; 0: 1.
	Threads int
	// CheckpointInterval bounds what a killed process loses of a training; 0: 20 seconds.
	CheckpointInterval time.Duration
	// KeepModels leaves each cell's last checkpoint in its directory.
	KeepModels bool
	// Progress is told how each cell gets on; one goroutine at a time calls it. May be nil.
	Progress func(Progress)
	// Warn tells of what went wrong and was mended. May be nil.
	Warn func(text string)

	mu     sync.Mutex // guards worlds
	worlds map[string]*world
	showMu sync.Mutex // one call of Progress or Warn at a time
}

// Progress is how a cell gets on.
type Progress struct {
	Cell   int // its number in what DoAll was given
	Worker int // 0 to Parallel-1
	// Fraction is the share of the cell that is done; 1: it is done.
	Fraction float64
	Text     string // what is going on
	Loss     float64
	Left     time.Duration // of the training
	Done     *Done         // when it is
}

// Setup is what a cell has to offer to the hooks of an experiment.
type Setup struct {
	Cell      *Cell
	Graph     *kg.Graph
	Areas     []int32 // of each edge; nil where Graph.Clusters is 0
	Team      *expert.Team
	Writer    *text.Writer
	Tokenizer text.Tokenizer
	Model     *model.Model // nil until it is trained
	Threads   int
}

// Asker puts questions to the cell's model.
func (s *Setup) Asker() *eval.Asker {
	return &eval.Asker{Graph: s.Graph, Writer: s.Writer, Tokenizer: s.Tokenizer, Area: s.Areas, Prefix: []int32{s.Tokenizer.Separator()}}
}

// Temperatures are those that are asked at: greedy, and the cell's.
func (s *Setup) Temperatures() []float64 {
	return append([]float64{0}, s.Cell.Measure.Temperatures...)
}

// Result is what came out of a cell, whichever experiment asked for it.
type Result struct {
	Graph    GraphStats    `json:"graph"`
	Training TrainingStats `json:"training"`
	// Facts is what the model knows of the graph's facts.
	Facts *eval.Report `json:"facts"`
	// Vote is what the majority of the sentences that it was trained on says, Endless that of
	// endless text by the same experts.
	Vote    *reference.Vote `json:"vote"`
	Endless *reference.Vote `json:"endless"`
	// Known is the share of facts that some expert has right and writes, Ceiling the share that
	// is expected of independent experts.
	Known   float64 `json:"known"`
	Ceiling float64 `json:"ceiling"`
	// Condition is Theorem 2.1's, for specialists.
	Condition *reference.SelectionCondition `json:"theorem_2_1,omitempty"`
	// Asking are the seconds that questions took, Counting those of the references.
	Asking   float64 `json:"asking_s"`
	Counting float64 `json:"counting_s"`
	Program  string  `json:"program"`
}

// GraphStats say which graph it was.
type GraphStats struct {
	Fingerprint string `json:"fingerprint"`
	Entities    int    `json:"entities"`
	Relations   int    `json:"relations"`
	Edges       int    `json:"edges"`
	Queries     int    `json:"queries"`
	Areas       int    `json:"areas,omitempty"`
	Vocabulary  int    `json:"vocabulary"`
}

// TrainingStats say how a training went.
type TrainingStats struct {
	Parameters int     `json:"parameters"`
	Precision  string  `json:"precision"`
	Steps      int     `json:"steps"`
	Tokens     int64   `json:"tokens"` // targets
	Paragraphs int     `json:"paragraphs"`
	Epochs     float64 `json:"epochs,omitempty"` // 0: all paragraphs were new
	Loss       float64 `json:"loss"`             // in nats a token, mean of the last steps
	Seconds    float64 `json:"seconds"`
	// FLOPs is nominal: model.Config.FLOPsPerToken for every target.
	FLOPs float64 `json:"flops"`
}

// Done is a cell with everything that is known of it.
type Done struct {
	Cell   Cell
	Result Result
	// Extra is what Experiment.Measure returned, as JSON; nil without.
	Extra json.RawMessage
}

// errBusy is returned for a cell that another process is doing.
var errBusy = errors.New("another process is doing it")

func (l *Lab) warn(format string, args ...any) {
	if l.Warn != nil {
		l.showMu.Lock()
		defer l.showMu.Unlock()
		l.Warn(fmt.Sprintf(format, args...))
	}
}

// world is what cells with one Graph share.
type world struct {
	once   sync.Once
	graph  *kg.Graph
	areas  []int32
	writer *text.Writer
	words  *text.WordTokenizer
	err    error
}

// world makes or reads the graph of a cell, once.
func (l *Lab) world(ctx context.Context, g Graph) (*world, error) {
	l.mu.Lock()
	if l.worlds == nil {
		l.worlds = map[string]*world{}
	}
	name := fmt.Sprintf("%+v", g)
	w := l.worlds[name]
	if w == nil {
		w = new(world)
		l.worlds[name] = w
	}
	l.mu.Unlock()
	w.once.Do(func() { w.err = w.load(ctx, g) })
	if w.err != nil && ctx.Err() == nil {
		return nil, w.err
	}
	return w, cmp.Or(w.err, ctx.Err())
}

func (w *world) load(ctx context.Context, g Graph) error {
	var err error
	if g.File == "" {
		w.graph, err = synth.New(synth.Options{Seed: g.Seed, Scale: g.Scale})
	} else if w.graph, _, err = kg.ReadFile(g.File); err == nil && w.graph.Fingerprint() != g.Fingerprint {
		err = cli.WithHint(fmt.Errorf("lab: %s has changed: its graph is %s, the cell's is %s", g.File, w.graph.Fingerprint(), g.Fingerprint), "start the experiment again")
	}
	if err != nil {
		return err
	}
	words := text.Default()
	if g.Templates != "" {
		if hash, err := HashFile(g.Templates); err != nil {
			return err
		} else if hash != g.TemplatesHash {
			return cli.WithHint(fmt.Errorf("lab: %s has changed since the experiment was planned", g.Templates), "start the experiment again")
		}
		if words, err = text.ReadTemplates(g.Templates); err != nil {
			return err
		}
	}
	if w.writer, err = words.Bind(w.graph); err != nil {
		return err
	}
	w.words = text.NewWordTokenizer(w.writer.Vocabulary())
	if g.Clusters > 0 {
		w.areas, err = cluster.Edges(ctx, w.graph, cluster.Options{Clusters: g.Clusters, Seed: g.Seed})
	}
	return err
}

// HashFile names a file's content: the first 16 hexadecimal digits of its SHA-256.
func HashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("lab: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("lab: hashing: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// Setup makes what a cell needs beside a model. Errors are about settings that do not go with the
// graph: call it for every cell before any is trained.
func (l *Lab) Setup(ctx context.Context, c *Cell) (*Setup, error) {
	w, err := l.world(ctx, c.Graph)
	if err != nil {
		return nil, err
	}
	s := &Setup{Cell: c, Graph: w.graph, Areas: w.areas, Writer: w.writer, Tokenizer: w.words, Threads: max(1, l.Threads)}
	if s.Team, err = c.team(w.graph, w.areas); err != nil {
		return nil, err
	}
	if c.Model.Init != "" {
		if s.Tokenizer, err = text.ReadBPE(c.Model.Init); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// cellDir is the directory of a cell.
func (l *Lab) cellDir(c *Cell) string { return filepath.Join(l.Dir, "cells", c.Name+"-"+c.Key()) }

func (e *Experiment) extraFile() string { return "extra-" + e.Name + ".json" }

// do does what is missing of a cell. The error is errBusy when another process is at it.
func (l *Lab) do(ctx context.Context, e *Experiment, c *Cell, show func(Progress)) (*Done, error) {
	dir := l.cellDir(c)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "cell.lock"))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lab: locking %s: %w", dir, err)
	}
	if !ok {
		return nil, fmt.Errorf("lab: cell %s: %w", c.Name, errBusy)
	}
	defer lock.Close()
	if err := atomicfile.RemoveTemporaries(dir, ""); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	done, err := l.doLocked(ctx, e, c, dir, show)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("cell %s: %w", c.Name, err)
	}
	return done, err
}

func (l *Lab) doLocked(ctx context.Context, e *Experiment, c *Cell, dir string, show func(Progress)) (*Done, error) {
	if err := atomicfile.WriteJSON(filepath.Join(dir, "cell.json"), c); err != nil {
		return nil, err
	}
	done := &Done{Cell: *c}
	resultFile, extraFile := filepath.Join(dir, "result.json"), filepath.Join(dir, e.extraFile())
	have, err := atomicfile.ReadJSON(resultFile, &done.Result)
	if err != nil {
		return nil, err
	}
	haveExtra := e.Measure == nil
	if !haveExtra {
		if haveExtra, err = atomicfile.ReadJSON(extraFile, &done.Extra); err != nil {
			return nil, err
		}
	}
	if !have || !haveExtra {
		s, err := l.Setup(ctx, c)
		if err != nil {
			return nil, err
		}
		stats, err := l.train(ctx, e, s, dir, show)
		if err != nil {
			return nil, err
		}
		if !have {
			show(Progress{Fraction: 0.98, Text: "asking", Loss: stats.Loss})
			done.Result.Training = *stats
			if err := l.measure(ctx, s, &done.Result); err != nil {
				return nil, err
			}
			if err := atomicfile.WriteJSON(resultFile, &done.Result); err != nil {
				return nil, err
			}
		}
		if !haveExtra {
			show(Progress{Fraction: 0.99, Text: "measuring", Loss: stats.Loss})
			value, err := e.Measure(ctx, s)
			if err != nil {
				return nil, fmt.Errorf("lab: %s: %w", e.Name, err)
			}
			if err := atomicfile.WriteJSON(extraFile, value); err != nil {
				return nil, err
			}
			if _, err := atomicfile.ReadJSON(extraFile, &done.Extra); err != nil {
				return nil, err
			}
		}
	}
	if !l.KeepModels {
		if err := os.RemoveAll(filepath.Join(dir, "run")); err != nil {
			return nil, fmt.Errorf("lab: %w", err)
		}
	}
	return done, nil
}

// source makes the stream of a cell's texts.
func (s *Setup) source(e *Experiment, context int) (*textSource, error) {
	var extra Texts
	if e.Texts != nil {
		var err error
		if extra, err = e.Texts(s); err != nil {
			return nil, err
		}
	}
	c := text.Corpus{Team: s.Team, Writer: s.Writer, Paragraphs: s.Cell.Text.Paragraphs, Level: s.Cell.Text.Level, Mixed: s.Cell.Text.Mixed}
	return newTextSource(c, s.Tokenizer, context, extra, s.Cell.Text.Apart, s.Cell.Seed, s.Cell.Key()+" "+s.Graph.Fingerprint())
}

// runSettings are what a run directory keeps.
type runSettings struct {
	Cell      Cell   `json:"cell"`
	Precision string `json:"precision"`
}

// train makes the cell's model, or what is missing of it.
func (l *Lab) train(ctx context.Context, e *Experiment, s *Setup, dir string, show func(Progress)) (*TrainingStats, error) {
	c := s.Cell
	path := filepath.Join(dir, "run")
	settings := runSettings{Cell: *c, Precision: l.Precision}
	d, err := run.Create(path, settings)
	if errors.Is(err, run.ErrExists) {
		d, err = run.Open(path, &settings)
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	if settings.Precision != l.Precision {
		return nil, cli.WithHint(fmt.Errorf("lab: %s was begun with products in %s, here they are in %s", path, settings.Precision, l.Precision),
			"go on where it was begun, or delete that directory to train again")
	}
	source, err := s.source(e, c.Model.Context)
	if err != nil {
		return nil, err
	}
	trainer, err := d.Resume(source)
	if errors.Is(err, fs.ErrNotExist) {
		trainer, err = l.newTrainer(s, source)
	}
	if err != nil {
		return nil, err
	}
	trainer.SetThreads(s.Threads)
	result, err := d.Train(ctx, trainer, run.Options{
		CheckpointInterval: cmp.Or(l.CheckpointInterval, 20*time.Second), Keep: 1, Patience: time.Minute,
		Observe: func(e run.Event) {
			if e.Warning != nil {
				l.warn("cell %s: no checkpoint was written; trying again later: %v", c.Name, e.Warning)
			}
			show(Progress{Fraction: 0.97 * e.Fraction, Loss: e.Loss, Left: e.Left,
				Text: fmt.Sprintf("step %s/%s, %s tok/s", cli.Count(e.Step), cli.Count(e.Steps), cli.SI(e.TokensPerSecond))})
		},
	})
	if err != nil {
		return nil, err
	}
	s.Model = trainer.Result()
	shape := s.Model.Config()
	if math.IsNaN(result.Loss) {
		// The run was over when it was resumed: its last step is in its metrics.
		if result.Loss, err = lastLoss(filepath.Join(path, run.MetricsFile)); err != nil {
			return nil, err
		}
	}
	stats := &TrainingStats{
		Parameters: shape.NumParams(), Precision: l.Precision, Steps: result.Step, Tokens: trainer.TokensSeen(),
		Paragraphs: source.Written(), Epochs: source.Epochs(), Loss: result.Loss, Seconds: result.Elapsed.Seconds(),
	}
	stats.FLOPs = float64(stats.Tokens) * shape.FLOPsPerToken(shape.Context)
	return stats, nil
}

// lastLoss is the mean of a run's last losses.
func lastLoss(path string) (float64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("lab: %w", err)
	}
	var losses []float64
	for line := range bytes.Lines(b) {
		var step struct {
			Loss *float64 `json:"loss"`
		}
		if err := json.Unmarshal(line, &step); err != nil {
			return 0, fmt.Errorf("lab: %s: %w", path, err)
		}
		if step.Loss != nil {
			losses = append(losses, *step.Loss)
		}
	}
	if len(losses) == 0 {
		return 0, fmt.Errorf("lab: %s holds no losses", path)
	}
	return stat.Mean(losses[max(0, len(losses)-100):], nil), nil
}

// newTrainer begins a training.
func (l *Lab) newTrainer(s *Setup, source *textSource) (*model.Trainer, error) {
	c := s.Cell
	steps := c.Training.Steps
	if steps == 0 {
		rows, err := source.rowsPerParagraph()
		if err != nil {
			return nil, err
		}
		rows *= float64(c.Text.Paragraphs) * c.Training.Epochs
		steps = max(1, int(math.Round(rows/float64(c.Training.Rows*max(1, c.Training.Accumulate)))))
	}
	var m *model.Model
	var err error
	if c.Model.Init != "" {
		m, _, err = gpt2.Load(c.Model.Init)
	} else {
		m, err = model.New(c.Model.config(s.Tokenizer.VocabSize()), c.Seed)
	}
	if err != nil {
		return nil, err
	}
	return model.NewTrainer(m, c.Training.config(steps, c.Seed, l.Precision), source)
}

// theoremPairs are the experts for whose pairs Theorem 2.1 is computed.
const theoremPairs = 8

// measure asks the model, and counts what it was trained on.
func (l *Lab) measure(ctx context.Context, s *Setup, r *Result) error {
	r.Program = l.Program
	g := s.Graph
	questions, err := s.Asker().Facts()
	if err != nil {
		return err
	}
	r.Graph = GraphStats{Fingerprint: g.Fingerprint(), Entities: len(g.Entities), Relations: len(g.Relations), Edges: len(g.Edges),
		Queries: len(questions), Areas: s.Cell.Graph.Clusters, Vocabulary: s.Tokenizer.VocabSize()}
	began := time.Now()
	answers, err := eval.Facts(ctx, s.Model, questions, eval.Options{Temperatures: s.Temperatures(), Threads: s.Threads})
	if err != nil {
		return err
	}
	names := make([]string, len(g.Relations))
	for i := range names {
		names[i] = g.Relations[i].Name
	}
	r.Facts = eval.NewReport(answers, questions, names)
	r.Asking = time.Since(began).Seconds()

	began = time.Now()
	o := reference.Options{Paragraphs: r.Training.Paragraphs, Temperatures: s.Cell.Measure.Temperatures, Threads: s.Threads}
	if r.Vote, err = reference.Plurality(ctx, s.Team, o); err != nil {
		return err
	}
	o.Paragraphs = 0
	if r.Endless, err = reference.Plurality(ctx, s.Team, o); err != nil {
		return err
	}
	if r.Known, err = reference.Known(ctx, s.Team); err != nil {
		return err
	}
	r.Ceiling = reference.Ceiling(max(s.Cell.Team.Coverage, s.Cell.Team.Specialists), s.Team.Experts)
	if s.Team.Specialists != nil && s.Team.Experts > 1 {
		if r.Condition, err = reference.Selection(ctx, s.Team, min(theoremPairs, s.Team.Experts)); err != nil {
			return err
		}
	}
	r.Counting = time.Since(began).Seconds()
	return nil
}

// IsDone reports whether a cell's result is there.
func (l *Lab) IsDone(c *Cell) bool {
	_, err := os.Stat(filepath.Join(l.cellDir(c), "result.json"))
	return err == nil
}

func (l *Lab) parallel() int {
	if l.Parallel > 0 {
		return l.Parallel
	}
	return runtime.NumCPU()
}

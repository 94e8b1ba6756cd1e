package lab

// The training of a cell.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"transcend/analysis"
	"transcend/data"
	"transcend/data/batches"
	"transcend/data/league"
	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/run"
)

// tokenizer of a model.
func (m Model) tokenizer() (data.Tokenizer, error) {
	return data.NewTokenizer(m.Tokenizer, data.CharOptions{})
}

// config is the shape of the network.
func (m Model) config(tok data.Tokenizer) (model.Config, error) {
	c := model.Config{Layers: m.Layers, Heads: m.Heads, Width: m.Width, Context: m.Context, Activation: model.GELU}
	encoder, err := data.NewEncoder(tok, m.Input)
	if err != nil {
		return c, err
	}
	encoder.Configure(&c)
	return c, nil
}

// config is the trainer's; precision is the machine's matter.
func (t Training) config(seed uint64, precision string) model.TrainConfig {
	c := model.DefaultTrainConfig()
	c.Rows, c.Steps, c.Seed = t.Rows, t.Steps, seed
	c.LearningRate, c.MinLearningRate = t.LearningRate, 0
	c.Optimizer, c.EMA, c.Precision = t.Optimizer, t.EMA, precision
	c.Schedule, c.DecayFraction = model.ScheduleWSD, 0.2
	c.Warmup = 100
	if t.Steps > 0 {
		c.Warmup = min(c.Warmup, t.Steps/10)
	}
	return c
}

// Parameters of the cell's model, 0 without one.
func (c *Cell) Parameters() int {
	tok, err := c.Model.tokenizer()
	if err != nil {
		return 0
	}
	config, err := c.Model.config(tok)
	if err != nil {
		return 0
	}
	return config.NumParams()
}

// TrainingStats say how a training went.
type TrainingStats struct {
	Parameters int     `json:"parameters"`
	Precision  string  `json:"precision"`
	Steps      int     `json:"steps"`
	Tokens     int64   `json:"tokens"` // targets
	Epochs     float64 `json:"epochs"`
	Seconds    float64 `json:"seconds"`
	// HeldOut is the loss on held-out games in nats a token; 0 without any.
	HeldOut float64 `json:"held_out_loss,omitempty"`
}

// runSettings are what a run directory keeps.
type runSettings struct {
	Cell        Cell   `json:"cell"`
	Precision   string `json:"precision"`
	Fingerprint string `json:"fingerprint"` // of the corpus
}

// train makes the cell's model, or what is missing of it.
func (l *Lab) train(ctx context.Context, c *Cell, dir string, corpus *CorpusStats, held []*league.Game) (*model.Model, *TrainingStats, error) {
	began := time.Now()
	settings := runSettings{Cell: *c, Precision: l.Precision, Fingerprint: corpus.Fingerprint}
	d, err := l.openRun(filepath.Join(dir, "run"), &settings)
	if err != nil {
		return nil, nil, err
	}
	defer d.Close()
	games, err := l.training(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	tok, err := c.Model.tokenizer()
	if err != nil {
		return nil, nil, err
	}
	loader, err := batches.NewLoader(games, tok, batches.Config{Rows: c.Training.Rows, Context: c.Model.Context, Input: c.Model.Input, Seed: c.Seed})
	if err != nil {
		return nil, nil, err
	}
	trainer, err := l.trainer(c, d, tok, loader)
	if err != nil {
		return nil, nil, err
	}
	tokenizer, err := tok.MarshalJSON()
	if err != nil {
		return nil, nil, err
	}
	about, err := json.MarshalIndent(settings, "", "  ")
	if err != nil {
		return nil, nil, err
	}
	result, err := d.Train(ctx, trainer, run.Options{
		Budget: time.Duration(c.Training.Seconds * float64(time.Second)), Start: began,
		CheckpointInterval: cmp.Or(l.CheckpointInterval, 20*time.Second), Keep: 1, Patience: time.Minute,
		Files:   map[string][]byte{data.TokenizerFile: tokenizer, "run.json": about},
		Observe: l.showTraining,
	})
	if err != nil {
		return nil, nil, err
	}
	m := trainer.Result()
	stats := &TrainingStats{
		Parameters: m.Config().NumParams(), Precision: l.Precision, Steps: result.Step,
		Tokens: trainer.TokensSeen(), Epochs: loader.Epochs(), Seconds: result.Elapsed.Seconds(),
	}
	if len(held) > 0 {
		if stats.HeldOut, err = heldOutLoss(ctx, c, m, tok, held); err != nil {
			return nil, nil, err
		}
	}
	return m, stats, nil
}

// openRun makes a run directory with these settings, or opens the one that is there, whose settings
// they become.
func (l *Lab) openRun(path string, settings *runSettings) (*run.Dir, error) {
	want := *settings
	d, err := run.Create(path, *settings)
	if errors.Is(err, run.ErrExists) {
		d, err = run.Open(path, settings)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case settings.Fingerprint != want.Fingerprint:
		err = cli.WithHint(fmt.Errorf("lab: %s was begun with other games", path), "delete that directory to train again")
	case settings.Precision != want.Precision:
		err = cli.WithHint(fmt.Errorf("lab: %s was begun with products in %s, here they are in %s", path, settings.Precision, want.Precision),
			"go on where it was begun, or delete that directory to train again")
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// trainer goes on from the last checkpoint, or begins.
func (l *Lab) trainer(c *Cell, d *run.Dir, tok data.Tokenizer, loader *batches.Loader) (*model.Trainer, error) {
	shape, err := c.Model.config(tok)
	if err != nil {
		return nil, err
	}
	trainer, err := d.Resume(loader)
	if errors.Is(err, fs.ErrNotExist) {
		var m *model.Model
		if m, err = model.New(shape, c.Seed); err == nil {
			trainer, err = model.NewTrainer(m, c.Training.config(c.Seed, l.Precision), loader)
		}
	}
	if err != nil {
		return nil, err
	}
	trainer.SetThreads(l.Threads)
	return trainer, nil
}

// showTraining shows how the training is going.
func (l *Lab) showTraining(e run.Event) {
	if e.Warning != nil {
		l.warn("no checkpoint was written; trying again later: %v", e.Warning)
	}
	steps := cli.Count(e.Step)
	if e.Steps > 0 {
		steps += "/" + cli.Count(e.Steps)
	}
	l.show(e.Fraction, "training: step %s, loss %.3f, %s tokens/s, left %s", steps, e.Loss, cli.SI(e.TokensPerSecond), cli.Duration(e.Left))
}

// heldOutLoss is the mean loss in nats a token; 0 where no game has a move.
func heldOutLoss(ctx context.Context, c *Cell, m *model.Model, tok data.Tokenizer, held []*league.Game) (float64, error) {
	corpus := data.NewCorpus()
	for _, g := range held {
		corpus.Append(g.Data())
	}
	e, err := analysis.Evaluate(ctx, m.NewEvaluator(), tok, corpus, batches.Config{Rows: c.Training.Rows, Context: c.Model.Context, Input: c.Model.Input}, 0)
	if err != nil || e.Count == 0 {
		return 0, err
	}
	return e.Loss(), nil
}

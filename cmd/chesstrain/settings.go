package main

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"transcend/cmd/chesstrain/internal/source"
	"transcend/cmd/internal/compute"
	"transcend/data"
	"transcend/data/batches"
	"transcend/data/filter"
	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/run"
	"transcend/model/xla"
)

// settings define a run: the same settings and files give the same weights.
// They are stored in run.json.
type settings struct {
	Program string `json:"program"` // version that began the run
	source.Origin
	// Corpus is the corpus file that the games come from instead, and CorpusID its
	// fingerprint.
	Corpus   string `json:"corpus,omitempty"`
	CorpusID string `json:"corpus_id,omitempty"`
	// CorpusScale is that of its ratings when simulated players played all of its games, "" for that of people.
	CorpusScale string `json:"corpus_scale,omitempty"`

	Split              string  `json:"split,omitempty"` // "" in runs from before there was a choice: game
	ValidationFraction float64 `json:"validation_fraction"`

	Tokenizer    string `json:"tokenizer"`
	DrawArtifact bool   `json:"draw_artifact,omitempty"`
	Input        string `json:"input,omitempty"` // "" in runs from before there was a choice: moves
	Packing      string `json:"packing"`

	Preset  string            `json:"preset"`
	Model   model.Config      `json:"model"`
	Trainer model.TrainConfig `json:"trainer"`
	Time    run.Duration      `json:"time,omitempty"`
	Seed    uint64            `json:"seed"`

	// onDevice: the steps are not made by the CPU engine, which decides what auto means.
	onDevice xla.Device

	EvalEvery      int `json:"eval_every"`
	EvalTokens     int `json:"eval_tokens"`
	EvalPositions  int `json:"eval_positions"`
	CheckpointKeep int `json:"checkpoint_keep"`
}

// The values of --split.
const (
	splitGame   = "game"
	splitPlayer = "player"
)

// preset is what --preset chooses beside the model's shape: sizes that fit it
// on two cores, and rates known to work for it.
type preset struct {
	context, contextChar int
	rows, accumulate     int
	learningRate         map[string]float64 // by optimizer
	schedule             string
	warmup               int
}

var presets = map[string]preset{
	"tiny":  {context: 256, contextChar: 512, rows: 16, accumulate: 1, learningRate: rates(2e-3, 8e-3), schedule: model.ScheduleWSD, warmup: 100},
	"small": {context: 256, contextChar: 1023, rows: 16, accumulate: 1, learningRate: rates(1e-3, 4e-3), schedule: model.ScheduleWSD, warmup: 200},
	// The paper: 500 sequences a step, 3e-4, cosine over four million steps,
	// which 100,000 steps hardly see (papers: section 1.5).
	"paper": {context: 1023, contextChar: 1023, rows: 5, accumulate: 100, learningRate: rates(3e-4, 2e-3), schedule: model.ScheduleCosine, warmup: 2000},
}

// rates are known to work with one preset.
func rates(adamw, muon float64) map[string]float64 {
	return map[string]float64{model.OptimizerAdamW: adamw, model.OptimizerMuon: muon}
}

var presetNames = []string{"tiny", "small", "paper"}

// playingShare is the part of a run's time after which no more games are played, when their number
// was not given.
const playingShare = 3

// complete fills the settings that were left to the preset and checks all.
func (s *settings) complete() error {
	playWithin := false
	if s.Corpus == "" {
		if s.Empty() {
			s.League = source.DefaultLeague()
		}
		playWithin = s.League != nil && s.League.Games == 0
		if err := s.Origin.Check(); err != nil {
			return err
		}
	}
	if err := cli.OneOf("split", s.Split, splitGame, splitPlayer); err != nil {
		return err
	}
	if err := cli.OneOf("preset", s.Preset, presetNames...); err != nil {
		return err
	}
	encoder, err := s.encoder()
	if err != nil {
		return err
	}
	if err := cli.OneOf("packing", s.Packing, batches.PackGames, batches.PackBlocks); err != nil {
		return err
	}
	if err := cli.OneOf("optimizer", s.Trainer.Optimizer, model.Optimizers()...); err != nil {
		return err
	}
	if s.Trainer.Precision, err = compute.Precision(s.onDevice, s.Trainer.Precision); err != nil {
		return err
	}
	if err := s.completeModel(encoder); err != nil {
		return err
	}
	s.completeTrainer()
	if playWithin {
		s.League.Within = s.Time / playingShare
	}
	if err := s.checkNumbers(); err != nil {
		return err
	}
	if s.EvalEvery == 0 {
		s.EvalEvery = 100
		if s.Trainer.Steps > 0 {
			s.EvalEvery = max(1, s.Trainer.Steps/20)
		}
	}
	return nil
}

// encoder checks what the model is to read, and returns what writes it.
func (s *settings) encoder() (data.Encoder, error) {
	if err := cli.OneOf("tokenizer", s.Tokenizer, data.TokenizerNames()...); err != nil {
		return data.Encoder{}, err
	}
	if s.DrawArtifact && s.Tokenizer != "char" {
		return data.Encoder{}, cli.Usagef("--draw-artifact is about characters: it needs --tokenizer char")
	}
	tok, err := s.newTokenizer()
	if err != nil {
		return data.Encoder{}, err
	}
	if err := cli.OneOf("input", s.Input, data.InputMoves, data.InputBoard); err != nil {
		return data.Encoder{}, err
	}
	if s.Input == data.InputBoard && !data.WholeMoves(tok) {
		return data.Encoder{}, cli.WithHint(cli.Usagef("--input board shows the board before each move: it goes with tokens that are moves, not with --tokenizer %s", s.Tokenizer), "leave --tokenizer out")
	}
	return data.NewEncoder(tok, s.Input)
}

// completeModel sets the shape of the model that reads what encoder writes, and checks it.
func (s *settings) completeModel(encoder data.Encoder) error {
	p := presets[s.Preset]
	shape, ok := model.Preset(s.Preset)
	if !ok {
		return fmt.Errorf("model has no preset %q", s.Preset)
	}
	m := &s.Model
	m.Bias, m.Activation = shape.Bias, shape.Activation
	fill(&m.Layers, shape.Layers)
	fill(&m.Heads, shape.Heads)
	fill(&m.Width, shape.Width)
	if data.WholeMoves(encoder.Tokenizer) {
		fill(&m.Context, p.context)
	} else {
		fill(&m.Context, p.contextChar)
	}
	encoder.Configure(m)
	if err := m.Validate(); err != nil {
		return cli.Usagef("%w", err)
	}
	return nil
}

// completeTrainer sets how the model is trained, and for how long.
func (s *settings) completeTrainer() {
	p, t := presets[s.Preset], &s.Trainer
	fill(&t.Rows, p.rows)
	fill(&t.Accumulate, p.accumulate)
	fill(&t.LearningRate, p.learningRate[t.Optimizer])
	if t.Schedule == "" {
		t.Schedule = p.schedule
	}
	if t.Steps == 0 && s.Time == 0 {
		s.Time = run.Duration(10 * time.Minute)
		if s.League != nil {
			s.Time = run.Duration(9 * time.Minute)
		}
	}
	if t.Warmup < 0 {
		t.Warmup = p.warmup
		if t.Steps > 0 {
			// A short run must not end while it still warms up.
			t.Warmup = min(t.Warmup, t.Steps/10)
		}
	}
	t.MinLearningRate = t.LearningRate / 10
	if t.Schedule == model.ScheduleWSD {
		t.MinLearningRate = 0
	}
	t.DecayFraction = 0.2
	t.Beta1, t.Beta2, t.Epsilon = 0.9, 0.95, 1e-8
	t.Seed = s.Seed
}

// checkNumbers checks what is left when all is filled in.
func (s *settings) checkNumbers() error {
	t, m := &s.Trainer, &s.Model
	switch {
	case !(t.EMA >= 0 && t.EMA < 1):
		return cli.Usagef("--ema %v: must be at least 0 and below 1", t.EMA)
	case t.Steps < 0 || s.Time < 0:
		return cli.Usagef("--steps and --time must be positive")
	case t.Steps > 0 && s.Time > 0:
		return cli.WithHint(cli.Usagef("--steps and --time are both budgets"), "give one of them")
	case s.Time > 0 && t.Schedule == model.ScheduleCosine:
		return cli.WithHint(cli.Usagef("--schedule cosine needs to know the number of steps"), "give --steps instead of --time, or --schedule wsd")
	case t.Rows < 1 || t.Accumulate < 1:
		return cli.Usagef("--rows and --accumulate must be at least 1")
	case float64(t.Rows)*float64(m.Context) > 1<<24:
		return cli.Usagef("--rows %d x --context %d is over 16 million tokens a batch", t.Rows, m.Context)
	case !(s.ValidationFraction > 0 && s.ValidationFraction < 1):
		return cli.Usagef("--validation %v: must be between 0 and 1, both excluded", s.ValidationFraction)
	case !(t.LearningRate > 0) || math.IsInf(t.LearningRate, 0):
		return cli.Usagef("--learning-rate %v: must be positive", t.LearningRate)
	case t.WeightDecay < 0 || t.ClipNorm < 0:
		return cli.Usagef("--weight-decay and --clip must not be negative")
	case s.EvalEvery < 0 || s.EvalTokens < 0 || s.EvalPositions < 0 || s.CheckpointKeep < 0:
		return cli.Usagef("--eval-every, --eval-tokens, --eval-positions and --keep-checkpoints must not be negative")
	}
	if err := t.Validate(); err != nil {
		return cli.Usagef("%w", err)
	}
	return nil
}

// fill sets *v to byDefault unless a flag did. A flag's zero means "default";
// negative values are caught by the checks that follow.
func fill[T int | float64](v *T, byDefault T) {
	if *v == 0 {
		*v = byDefault
	}
}

func (s *settings) newTokenizer() (data.Tokenizer, error) {
	return data.NewTokenizer(s.Tokenizer, data.CharOptions{DrawArtifact: s.DrawArtifact})
}

// name makes a run's name from what sets it apart.
func (s *settings) name() string {
	var parts []string
	switch {
	case s.MaxElo > 0:
		parts = append(parts, fmt.Sprintf("max%d", s.MaxElo))
	case s.RatingBand != (filter.Band{}):
		parts = append(parts, fmt.Sprintf("band%v", s.RatingBand))
	default:
		parts = append(parts, "all")
	}
	parts = append(parts, s.Tokenizer, s.Preset)
	if s.Input == data.InputBoard {
		parts = append(parts, "board")
	}
	if s.Packing == batches.PackBlocks {
		parts = append(parts, "blocks")
	}
	return filepath.Clean(strings.Join(parts, "-"))
}

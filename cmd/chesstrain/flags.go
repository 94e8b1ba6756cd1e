package main

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"transcend/cmd/chesstrain/internal/compute"
	"transcend/cmd/chesstrain/internal/source"
	"transcend/data"
	"transcend/data/filter"
	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/run"
	"transcend/model/xla"
)

const program = "chesstrain"

const helpText = `Train a model to imitate chess players under a rating cap.

usage: chesstrain --max-elo 1000 [flags]         play games between simulated players, train on them
       chesstrain --max-elo 1000 --pgn FILE... | --lichess MONTHS [flags]
       chesstrain --corpus FILE [flags]
       chesstrain --resume [--out DIR]
       chesstrain prepare [flags]         make a corpus file, to train on it many times
       chesstrain stats [flags]           describe the games of a corpus file or of PGN
       chesstrain league [flags]          play games between simulated players
       chesstrain experiment NAME [flags] train on their games, and see whether models surpass them
       chesstrain analyze NAME [flags]    why a model plays as it does, and what its games are like
       chesstrain report reproduction     the papers' claims against what was found here
       chesstrain export [flags]          a model without its run, with a card that describes it
       chesstrain bench [flags]           measure what this machine can do
       chesstrain device --device cuda    compare a GPU with the CPU and measure it

chesstrain COMMAND --help tells about the other commands.

Games whose stronger player is rated at most --max-elo become the corpus; a GPT
learns to predict their moves; the checkpoint is what arena plays.

examples:
  chesstrain --max-elo 1000
  chesstrain --pool noise --league-games 200000 --time 2h
  chesstrain --max-elo 1000 --pgn 'lichess/*.pgn.zst' --speed blitz,rapid --no-bots --time 20m
  chesstrain --max-elo 1000 --lichess 2023-01 --games 500000 --time 2h
  chesstrain --corpus games.parquet --split player --time 1h
  zstdcat lichess_db_standard_rated_2023-01.pgn.zst | chesstrain --max-elo 1300 --pgn - --preset small --steps 20000
  chesstrain --max-elo 1000 --pgn games.pgn --input board
  chesstrain --max-elo 1000 --pgn games.pgn --tokenizer char --preset paper --packing blocks --steps 100000
  chesstrain --resume                     continue the newest run below runs/
  chesstrain --resume --out runs/NAME     continue that run

flags:
`

const helpTail = `
Without a source, games are played by the league of simulated players, whose ratings are
measured and go far above most caps: the same games for the same seed. They are made
before the training, whose time they take, a third of it at most unless --league-games says how
many; a run that was killed meanwhile plays them again.
--no-bots drops them all: the players are programs.

The games of --lichess are read from the net while they are needed and not kept,
unless --keep names a directory; a lost connection is taken up again, and a month
that was read to its end is compared with its checksum. A source that is cut off or
damaged is an error.

A run is a directory: run.json (settings), corpus.parquet (the games that were
kept; of --corpus a hard link, or a copy on another file system), metrics.jsonl, checkpoint-NNNNNNNN/ (Hugging Face GPT-2 layout) and
evaluation.json. --resume repeats the settings of the run; with --steps the
result is the same bit for bit as without the interruption.

exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (resumable)
`

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

// options are the flags that change how a run is carried out, not what comes
// out of it.
type options struct {
	out             string
	resume          bool
	threads         int
	checkpointEvery int
	checkpointTime  time.Duration
	logEvery        int
	quiet, json     bool
	verbose         bool
	device          compute.DeviceFlags
}

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

// parseFlags reads the command line. changed tells which flags were given.
func parseFlags(args []string, stdout io.Writer) (settings, options, *pflag.FlagSet, error) {
	var s settings
	var o options
	fs := cli.FlagSet(program)

	s.AddFlags(fs)
	fs.StringVar(&s.Corpus, "corpus", "", "train on this file, made by chesstrain prepare, instead of reading games; it goes with no source and no filter")
	fs.StringVar(&s.Split, "split", splitGame, "game: hold out games by a hash of their moves; player: hold out players by a hash of their names, with games between both sides left out")
	fs.Float64Var(&s.ValidationFraction, "validation", 0.05, "share of the games, or of the players, held out")

	fs.StringVar(&s.Preset, "preset", "tiny", "model size and its training defaults: tiny (1 M parameters), small (7 M), paper (16 layers, 8 heads, width 512)")
	fs.StringVar(&s.Tokenizer, "tokenizer", "move", "move (one token a move) or char (the paper's 32 characters)")
	fs.StringVar(&s.Input, "input", data.InputMoves, "moves (the model sees the moves only, as in the paper) or board (the board before each move as well: pieces, castling, en passant, side to move; with --tokenizer move)")
	fs.StringVar(&s.Packing, "packing", "games", "games (attention stays inside each game) or blocks (the paper's stream of games)")
	fs.BoolVar(&s.DrawArtifact, "draw-artifact", false, "char only: leave the stray \" 12-\" behind drawn games, as the paper's data has it")

	fs.IntVar(&s.Trainer.Steps, "steps", 0, "optimizer steps to train for")
	minutes := fs.Duration("time", 0, "time to train for, reading included, as 20m or 1h30m (default, when --steps is not given: 10m, or 9m with games of the league, which with the evaluation makes less than ten)")
	fs.IntVar(&s.Model.Context, "context", 0, "tokens the model sees (default by preset)")
	fs.IntVar(&s.Model.Layers, "layers", 0, "override the preset's number of layers")
	fs.IntVar(&s.Model.Heads, "heads", 0, "override the preset's number of attention heads")
	fs.IntVar(&s.Model.Width, "width", 0, "override the preset's width")
	fs.IntVar(&s.Trainer.Rows, "rows", 0, "sequences in a batch (default by preset)")
	fs.IntVar(&s.Trainer.Accumulate, "accumulate", 0, "batches in a step (default by preset)")
	fs.Float64Var(&s.Trainer.LearningRate, "learning-rate", 0, "peak learning rate (default by preset and optimizer)")
	fs.StringVar(&s.Trainer.Schedule, "schedule", "", "wsd, cosine or constant (default by preset)")
	fs.IntVar(&s.Trainer.Warmup, "warmup", -1, "steps of linear warm-up (default by preset)")
	fs.StringVar(&s.Trainer.Optimizer, "optimizer", model.OptimizerAdamW, "of the matrices inside the blocks: "+strings.Join(model.Optimizers(), " or ")+"; the rest stays with AdamW, the paper's")
	fs.StringVar(&s.Trainer.Precision, "precision", "auto", "factors of matrix products: bf16, f32, or auto, the faster one here; weights and sums are f32")
	fs.BoolVar(&s.Trainer.Recompute, "recompute", false, "keep less for the backward pass and compute it again: a third more work, a fraction of the memory, the same weights")
	fs.Float64Var(&s.Trainer.EMA, "ema", 0, "decay a step of a moving average of the weights, as 0.999, which is then the model that is evaluated and played; 0: none")
	fs.Float64Var(&s.Trainer.WeightDecay, "weight-decay", 0.1, "on matrices only")
	fs.Float64Var(&s.Trainer.ClipNorm, "clip", 1, "largest gradient norm; 0: no clipping")
	fs.Uint64Var(&s.Seed, "seed", 1, "seed of weights, shuffling and sampling")

	fs.IntVar(&s.EvalEvery, "eval-every", 0, "steps between validations (default: about 20 in a run)")
	fs.IntVar(&s.EvalTokens, "eval-tokens", 100_000, "validation tokens looked at during training; the end uses all")
	fs.IntVar(&s.EvalPositions, "eval-positions", 2000, "validation positions for the move-match and legal-move rates at the end")
	fs.IntVar(&s.CheckpointKeep, "keep-checkpoints", 3, "newest checkpoints kept; 0 keeps all")

	fs.StringVar(&o.out, "out", "", "run directory (default runs/NAME, NAME from the settings)")
	fs.BoolVar(&o.resume, "resume", false, "continue the run in --out, or the newest below runs/")
	compute.AddThreads(fs, &o.threads, "the result does not depend on it")
	o.device.Add(fs)
	fs.IntVar(&o.checkpointEvery, "checkpoint-every", 0, "steps between checkpoints (default: by time)")
	fs.DurationVar(&o.checkpointTime, "checkpoint-time", time.Minute, "time between checkpoints when --checkpoint-every is not given")
	fs.IntVar(&o.logEvery, "log-every", 0, "steps between lines in a pipe (default: about 50 lines in a run)")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "print only the result and errors")
	fs.BoolVarP(&o.verbose, "verbose", "v", false, "show examples of what the filter dropped")
	fs.BoolVar(&o.json, "json", false, "print the result as one JSON object")

	err := cli.Parse(fs, args, stdout, cli.Help(fs, helpText, helpTail))
	if err != nil {
		return s, o, fs, err
	}
	if err := s.AddArgs(fs.Args()); err != nil {
		return s, o, fs, err
	}
	if s.Corpus != "" {
		if given := source.Given(fs); len(given) > 0 {
			return s, o, fs, cli.WithHint(cli.Usagef("--corpus trains on all games of the file: %s cannot be used with it", strings.Join(given, ", ")),
				"choose games when the corpus is made: "+program+" prepare --help")
		}
	}
	if err := s.Settle(fs); err != nil {
		return s, o, fs, err
	}
	s.Time = run.Duration(*minutes)
	if err := compute.AllCores(&o.threads); err != nil {
		return s, o, fs, err
	}
	if err := o.device.Check(); err != nil {
		return s, o, fs, err
	}
	s.onDevice = o.device.Options(nil).Device
	if o.checkpointEvery < 0 || o.logEvery < 0 {
		return s, o, fs, cli.Usagef("--checkpoint-every and --log-every must not be negative")
	}
	return s, o, fs, nil
}

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
	if err := cli.OneOf("packing", s.Packing, data.PackGames, data.PackBlocks); err != nil {
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
	if s.Packing == data.PackBlocks {
		parts = append(parts, "blocks")
	}
	return filepath.Clean(strings.Join(parts, "-"))
}

package main

import (
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"transcend/cmd/chesstrain/internal/source"
	"transcend/cmd/internal/compute"
	"transcend/data"
	"transcend/internal/cli"
	"transcend/model"
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

// parseFlags reads the command line. The flags tell resume which of them were given.
func parseFlags(args []string, stdout io.Writer) (settings, options, *pflag.FlagSet, error) {
	var s settings
	var o options
	fs := cli.FlagSet(program)
	s.addFlags(fs)
	o.addFlags(fs)
	err := cli.Parse(fs, args, stdout, cli.Help(fs, helpText, helpTail))
	if err == nil {
		err = s.AddArgs(fs.Args())
	}
	if given := source.Given(fs); err == nil && s.Corpus != "" && len(given) > 0 {
		err = cli.WithHint(cli.Usagef("--corpus trains on all games of the file: %s cannot be used with it", strings.Join(given, ", ")),
			"choose games when the corpus is made: "+program+" prepare --help")
	}
	if err == nil {
		err = s.Settle(fs)
	}
	if err == nil {
		err = o.check()
	}
	s.onDevice = o.device.Options(nil).Device
	return s, o, fs, err
}

// addFlags adds the flags that say what a run is.
func (s *settings) addFlags(fs *pflag.FlagSet) {
	s.Origin.AddFlags(fs)
	fs.StringVar(&s.Corpus, "corpus", "", "train on this file, made by chesstrain prepare, instead of reading games; it goes with no source and no filter")
	fs.StringVar(&s.Split, "split", splitGame, "game: hold out games by a hash of their moves; player: hold out players by a hash of their names, with games between both sides left out")
	fs.Float64Var(&s.ValidationFraction, "validation", 0.05, "share of the games, or of the players, held out")

	fs.StringVar(&s.Preset, "preset", "tiny", "model size and its training defaults: tiny (1 M parameters), small (7 M), paper (16 layers, 8 heads, width 512)")
	fs.StringVar(&s.Tokenizer, "tokenizer", "move", "move (one token a move) or char (the paper's 32 characters)")
	fs.StringVar(&s.Input, "input", data.InputMoves, "moves (the model sees the moves only, as in the paper) or board (the board before each move as well: pieces, castling, en passant, side to move; with --tokenizer move)")
	fs.StringVar(&s.Packing, "packing", "games", "games (attention stays inside each game) or blocks (the paper's stream of games)")
	fs.BoolVar(&s.DrawArtifact, "draw-artifact", false, "char only: leave the stray \" 12-\" behind drawn games, as the paper's data has it")

	fs.IntVar(&s.Trainer.Steps, "steps", 0, "optimizer steps to train for")
	fs.DurationVar((*time.Duration)(&s.Time), "time", 0, "time to train for, reading included, as 20m or 1h30m (default, when --steps is not given: 10m, or 9m with games of the league, which with the evaluation makes less than ten)")
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
}

// addFlags adds the flags that say how it is carried out.
func (o *options) addFlags(fs *pflag.FlagSet) {
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
}

// check checks what can be wrong with them.
func (o *options) check() error {
	if err := compute.AllCores(&o.threads); err != nil {
		return err
	}
	if err := o.device.Check(); err != nil {
		return err
	}
	if o.checkpointEvery < 0 || o.logEvery < 0 {
		return cli.Usagef("--checkpoint-every and --log-every must not be negative")
	}
	return nil
}

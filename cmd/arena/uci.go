package main

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"runtime"

	"transcend/analysis/checkpoint"
	"transcend/cmd/arena/internal/checkpoints"
	"transcend/cmd/internal/compute"
	"transcend/data"
	"transcend/engine"
	"transcend/engine/uciserver"
	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/sampling"
	"transcend/model/shipped"
)

const uciHelp = `Make a model a UCI engine, for chess programs and match runners.

usage: arena uci --model DIR [flags]

The flags set what the engine begins with; each is also a UCI option (Temperature,
TopK, TopP, IllegalPolicy, Seed, Score, Threads, Model; besides Reload Model,
MultiPV, Move Overhead). Temperature and TopP are strings, because UCI has no
decimal numbers: "setoption name Temperature value 0.5".

examples:
  arena uci --model runs/max1500-move-tiny --temp 0.001
  fastchess -engine cmd=arena args="uci --model DIR" -engine cmd=stockfish tc=1+0.1 ...
  cutechess-cli -engine cmd=arena arg=uci arg=--model arg=DIR proto=uci ...
  arena --engine arena --engine-arg uci --engine-arg=--model=OTHER --model DIR --anchor-elo 1500
  arena uci-check --engine arena --arg uci --arg=--model=DIR

flags:
`

const uciHelpTail = `
A model knows a position by the moves that led to it. In one that was set up
(position fen) it plays random legal moves, and says so in an info string.

Limits only bound its time: the answer comes when the model has it, and a model
that is too slow for the clock answers in time with a move that is not its own.
"info string policy" names the likeliest moves with their probabilities at
temperature 1; info lines have no score, because a model of moves has none
(--score zero invents "score cp 0" for tools that insist; adjudication and draw
offers by score then go wrong). The first info line is the move that is played.

--illegal mask and resample-N always play a legal move. forfeit-after-N, the
paper's rule, answers "bestmove 0000" when the model finds no legal move, resigns,
or the game outgrows its context, so that match runners score the loss.

lichess-bot: let engine.name be a script with the line
  exec arena uci --model DIR "$@"
and keep of uci_options only "Move Overhead", "Threads" and "Hash" (the others of
its example file are not announced, and lichess-bot refuses to set those).
`

// serveUCI is "arena uci".
func serveUCI(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, args []string) error {
	fs := cli.FlagSet(program + " uci")
	dir := fs.String("model", "", "checkpoint or run directory, or "+shipped.Name+", the model that comes with the program (default: the newest run below runs/, else "+shipped.Name+")")
	temp := fs.Float64("temp", 0.001, "sampling temperature; 0 always takes the most probable")
	topK := fs.Int("top-k", 0, "sample among the K most probable tokens only; 0: all")
	topP := fs.Float64("top-p", 1, "sample among the most probable tokens that hold this probability")
	illegal := fs.String("illegal", "mask", "illegal-move policy: mask, resample-N or forfeit-after-N")
	seed := fs.Uint64("seed", 0, "seed of the games (default: a random one)")
	score := fs.String("score", "none", "score of info lines: none, or zero")
	threads := fs.Int("threads", 1, "threads of the model")
	if err := cli.Parse(fs, args, stdout, cli.Help(fs, uciHelp, uciHelpTail)); err != nil {
		return err
	}
	if err := cli.NoArguments(fs, "model"); err != nil {
		return err
	}
	c := uciserver.Config{Sampling: sampling.Settings{Temperature: *temp, TopK: *topK, TopP: *topP}, ZeroScore: *score == "zero", Threads: *threads}
	var err error
	if c.Policy, err = engine.ParseIllegalPolicy(*illegal); err != nil {
		return cli.WithHint(cli.Usagef("--illegal %s: %w", *illegal, err), "mask, resample-20 or forfeit-after-5")
	}
	if err := c.Sampling.Validate(); err != nil {
		return cli.Usagef("%w", err)
	}
	if err := cli.OneOf("score", *score, "none", "zero"); err != nil {
		return err
	}
	if *threads < 1 || *threads > 1024 {
		return cli.Usagef("--threads %d: must be from 1 to 1024", *threads)
	}
	if fs.Changed("seed") {
		c.Seed = seed
	}
	if err := compute.UseProductsOn(*threads, model.PrecisionF32); err != nil {
		return err
	}
	if c.Model, err = checkpoint.Find(*dir); err != nil {
		return err
	}
	if err := checkpoints.Introduce(stderr, *dir, c.Model); err != nil {
		return err
	}
	// One more than the model may use: the clock must be looked after while it is
	// at work.
	c.SetThreads = func(n int) { runtime.GOMAXPROCS(min(n, math.MaxInt-1) + 1) }
	c.Name = "Transcend " + checkpoint.Name(c.Model)
	checkpoints.Setting(c.Model, "input", func(b json.RawMessage) bool {
		var input string
		if json.Unmarshal(b, &input) == nil && input == data.InputBoard {
			c.Name += " board input" // what is in every other name of it
		}
		return input != ""
	})
	c.Author = "the Transcend authors"
	c.About = "a model of chess games as a UCI engine, " + program + " " + cli.Version()
	c.Load = loadForUCI
	return uciserver.Run(ctx, stdin, stdout, c)
}

func loadForUCI(_ context.Context, path string) (uciserver.Model, error) {
	dir, err := checkpoint.Find(path)
	if err != nil {
		return nil, err
	}
	m, tok, err := checkpoint.Load(dir)
	if err != nil {
		return nil, err
	}
	return uciModel{m, tok, checkpoint.Name(dir)}, nil
}

// uciModel makes the players of a loaded checkpoint.
type uciModel struct {
	model     *model.Model
	tokenizer data.Tokenizer
	name      string
}

// CheapChances: a move is one token, whose probabilities are there anyway.
func (m uciModel) CheapChances() bool { return data.WholeMoves(m.tokenizer) }

func (m uciModel) NewPlayer(s sampling.Settings, p engine.IllegalPolicy) (uciserver.Player, error) {
	return engine.NewModelPlayer(engine.ModelConfig{Name: m.name, Model: m.model, Tokenizer: m.tokenizer, Sampling: s, Policy: p,
		Batch: engine.NewBatch(m.model, leaveOne())})
}

// leaveOne is the threads for a decoder where one is kept free for a clock.
func leaveOne() model.BatchOptions {
	return model.BatchOptions{Threads: max(1, runtime.GOMAXPROCS(0)-1)}
}

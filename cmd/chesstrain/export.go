package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"transcend/analysis/card"
	"transcend/data"
	"transcend/engine"
	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/run"
)

const exportHelp = `Write a trained model for use alone, with a card that says how it came to be.

usage: chesstrain export --model RUN --out DIR [--weights bf16] [--rating FILE]

examples:
  chesstrain export --model runs/max1000-move-tiny --out best
  chesstrain export --model runs/max1000-move-tiny --out best --weights f32
  arena --temp 0.001 --games 200 --model best --json > rating.json
  chesstrain export --model runs/max1000-move-tiny --out best --rating rating.json

flags:
`

const exportTail = `
DIR gets config.json and model.safetensors (Hugging Face GPT-2 layout), tokenizer.json,
run.json, card.json, and the card as text in README.md. Training cannot go on from it; it is
played like any checkpoint. An earlier export in DIR is replaced.

--weights bf16 halves the matrices of the blocks; embeddings stay f32. Played with arena's
--weights bf16 it makes the same moves as the checkpoint itself played so.

The card is made of the run's records. --rating adds, of the results in the file, those of
the exported weights at --temp: export, rate what was exported, export again.

exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (nothing is left in DIR)
`

// exportOptions are the flags of export.
type exportOptions struct {
	model, out  string
	weights     string
	rating      string
	temperature float64
	quiet, json bool
}

// parseExport reads the command line.
func parseExport(args []string, stdout io.Writer) (*exportOptions, error) {
	var o exportOptions
	flags := cli.FlagSet(program + " export")
	flags.StringVar(&o.model, "model", "", "run, or its last checkpoint (default: the newest run below runs/)")
	flags.StringVar(&o.out, "out", "", "directory to write")
	flags.StringVar(&o.weights, "weights", "bf16", "how the matrices are stored: bf16 or f32")
	flags.StringVar(&o.rating, "rating", "", "results to take the rating from: what arena --json or arena leaderboard --json printed")
	flags.Float64Var(&o.temperature, "temp", 0.001, "temperature of these results")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "print only the result and errors")
	flags.BoolVar(&o.json, "json", false, "print the card as one JSON object")
	if err := cli.Parse(flags, args, stdout, cli.Help(flags, exportHelp, exportTail)); err != nil {
		return nil, err
	}
	if err := cli.NoArguments(flags, "model"); err != nil {
		return nil, err
	}
	if o.out == "" {
		return nil, cli.Usagef("--out names no directory")
	}
	return &o, cli.OneOf("weights", o.weights, "bf16", "f32")
}

// export is the subcommand that writes a model without its run.
func export(ctx context.Context, _ io.Reader, stdout, stderr io.Writer, args []string) error {
	o, err := parseExport(args, stdout)
	if err != nil {
		return err
	}
	format, err := model.ParseFormat(o.weights)
	if err != nil {
		return err
	}
	if err := replaceable(o.out); err != nil {
		return err
	}
	e, err := readExport(ctx, o.model)
	if err != nil {
		return err
	}
	if err := e.weigh(format); err != nil {
		return err
	}
	if o.rating != "" {
		if e.card.Rating, err = readRating(o.rating, e.card.Weights, o.temperature); err != nil {
			return err
		}
	}
	b, err := e.card.JSON()
	if err != nil {
		return err
	}
	e.files[card.File], e.files[card.TextFile] = b, []byte(e.card.Text())
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil {
		return err
	}
	if err := e.replace(o.out, format); err != nil {
		return err
	}
	if o.json {
		_, err := stdout.Write(b)
		return err
	}
	if !o.quiet {
		for _, line := range e.card.Lines() {
			fmt.Fprintln(stderr, line)
		}
	}
	_, err = fmt.Fprintln(stdout, o.out)
	return err
}

// weigh puts the hash of the weights into the card. It is of what is read from an export, so that is written
// twice, the second time with the card.
func (e *exported) weigh(format model.Format) error {
	tmp, err := os.MkdirTemp("", program+"-export-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	trial := filepath.Join(tmp, "model")
	if err := e.model.Export(trial, format, nil); err != nil {
		return err
	}
	m, err := model.Load(trial)
	if err != nil {
		return err
	}
	e.card.Weights, e.card.Stored = engine.HashWeights(m), format.String()
	return nil
}

// replace writes the export, and removes an earlier one when it is complete.
func (e *exported) replace(dir string, format model.Format) error {
	next := filepath.Clean(dir) + ".next"
	if err := replaceable(next); err != nil { // left by a killed export
		return err
	}
	err := os.RemoveAll(next)
	if err == nil {
		err = e.model.Export(next, format, e.files)
	}
	if err == nil {
		err = os.RemoveAll(dir)
	}
	if err == nil {
		err = os.Rename(next, dir)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", dir, err)
	}
	return nil
}

// replaceable refuses a directory that holds something else than an export.
func replaceable(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	known := map[string]bool{}
	for _, name := range []string{"config.json", "model.safetensors", data.TokenizerFile, "run.json", card.File, card.TextFile} {
		known[name] = true
	}
	hasCard := false
	for _, e := range entries {
		if !known[e.Name()] {
			return cli.WithHint(fmt.Errorf("--out %s: there is %s in it, which no export has written", dir, e.Name()), "name a new directory")
		}
		hasCard = hasCard || e.Name() == card.File
	}
	if !hasCard {
		return cli.WithHint(fmt.Errorf("--out %s: it is not empty, and no export", dir), "name a new directory")
	}
	return nil
}

func readRating(path, weights string, temperature float64) (*card.Rating, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--rating: %w", err)
	}
	defer f.Close()
	r, err := card.ReadRating(f, weights, strconv.FormatFloat(temperature, 'g', -1, 64))
	if err != nil {
		return nil, cli.WithHint(fmt.Errorf("--rating %s: %w", path, err), "rate what was exported: "+"arena --temp 0.001 --model DIR --json > rating.json")
	}
	return r, nil
}

// exported is what an export is made of.
type exported struct {
	model *model.Model
	card  card.Card
	files map[string][]byte
}

// readExport reads a checkpoint and the records of its run.
func readExport(ctx context.Context, dir string) (*exported, error) {
	if dir == "" {
		newest, err := run.NewestTrained(runsDir)
		if err != nil {
			return nil, cli.WithHint(fmt.Errorf("no model: %w", err), "name a run with --model DIR")
		}
		dir = newest
	}
	checkpoint := dir
	if _, err := os.Stat(filepath.Join(dir, "config.json")); err == nil {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		dir = filepath.Dir(abs)
	} else if checkpoint, err = model.LatestCheckpoint(dir); err != nil {
		return nil, cli.WithHint(fmt.Errorf("--model %s: %w", dir, err), "name a run or a checkpoint directory; chesstrain prints both")
	}
	m, err := model.Load(checkpoint)
	if err != nil {
		return nil, err
	}
	tok, err := data.LoadTokenizer(checkpoint)
	if err != nil {
		return nil, err
	}
	tokenizer, err := tok.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var s settings
	if err := run.ReadSettings(checkpoint, &s); err != nil {
		return nil, err
	}
	if s.League != nil {
		s.League.Scale = s.League.ScaleNow()
	}
	settings, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, err
	}
	e := &exported{model: m, files: map[string][]byte{data.TokenizerFile: tokenizer, "run.json": append(settings, '\n')}}
	return e, e.describe(ctx, dir, checkpoint, &s, tok)
}

// describe fills the card from the records of the run in dir.
func (e *exported) describe(ctx context.Context, dir, checkpoint string, s *settings, tok data.Tokenizer) error {
	unfinished := func(err error) error {
		return cli.WithHint(fmt.Errorf("the run in %s has not ended with %s: %w", dir, filepath.Base(checkpoint), err),
			fmt.Sprintf("end it with %s --resume --out %s, and export its last checkpoint", program, dir))
	}
	b, err := os.ReadFile(filepath.Join(dir, evaluationFile))
	if err != nil {
		return unfinished(err)
	}
	var result outcome
	if err := json.Unmarshal(b, &result); err != nil {
		return fmt.Errorf("reading %s of %s: %w", evaluationFile, dir, err)
	}
	steps, tokens, err := model.Totals(checkpoint)
	if err != nil {
		return err
	}
	if steps != result.Steps {
		return unfinished(fmt.Errorf("it was evaluated after step %d", result.Steps))
	}
	corpus, err := data.LoadParquet(ctx, filepath.Join(dir, corpusFile), data.ParquetOptions{})
	if err != nil {
		return err
	}
	split := trainRun{settings: *s, corpus: corpus, stderr: io.Discard}
	training, validation, err := split.split()
	if err != nil {
		return err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	sources := corpus.Provenance.Sources
	e.card = card.Card{
		Name:    fmt.Sprintf("%s@%d", filepath.Base(abs), steps),
		Program: s.Program, Shape: e.model.Config(), Parameters: e.model.Config().NumParams(),
		Tokenizer: tok.Name(), Input: cmp.Or(s.Input, data.InputMoves),
		Corpus: card.Corpus{
			Sources: sources, Filter: corpus.Provenance.Filter, Report: corpus.Provenance.Report,
			Fingerprint: fmt.Sprintf("%016x", corpus.Fingerprint()), Training: training.Len(), Validation: validation.Len(),
			Simulated: len(sources) > 0 && !slices.ContainsFunc(sources, func(s data.Source) bool { return !s.Simulated() }),
		},
		Training: card.Training{Seed: s.Seed, Settings: s.Trainer, Steps: steps, Tokens: tokens, Seconds: result.ElapsedSeconds, Machine: result.Machine},
		Evaluation: card.Evaluation{
			TrainingLoss: result.TrainingLoss, ValidationLoss: result.ValidationLoss, Moves: result.Moves,
		},
	}
	e.card.Corpus.Scale = playedOn(sources)
	if s.League != nil {
		e.card.Corpus.Scale = s.League.Scale // corpora from before sources had it
	}
	return nil
}

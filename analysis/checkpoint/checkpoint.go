// Package checkpoint finds and reads trained models by the names that people give them: a
// checkpoint directory, a run, nothing at all.
package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"transcend/analysis/card"
	"transcend/data"
	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/run"
	"transcend/model/shipped"
)

// RunsDir is where runs are when nothing else is said.
const RunsDir = "runs"

// Find resolves --model: a checkpoint is taken as it is, of a run the
// newest one, of "" the newest run's below runs/, or, where there is none, the
// shipped model, which shipped.Name names. A directory of that name is ./shipped.
func Find(dir string) (string, error) {
	if dir == "" {
		newest, err := run.NewestTrained(RunsDir)
		if errors.Is(err, run.ErrNoRun) {
			return shipped.Name, nil
		}
		if err != nil {
			return "", cli.WithHint(fmt.Errorf("no model: %w", err), "train one with chesstrain, or name one with --model DIR")
		}
		dir = newest
	}
	if dir == shipped.Name {
		return dir, nil
	}
	const hint = "name a run or a checkpoint directory; chesstrain prints both. --model " + shipped.Name + " is the model that comes with the program"
	if _, err := os.Stat(dir); err != nil {
		return "", cli.WithHint(fmt.Errorf("--model: %w", err), hint)
	}
	if _, err := os.Stat(filepath.Join(dir, "config.json")); err != nil {
		latest, err := model.LatestCheckpoint(dir)
		if err != nil {
			return "", cli.WithHint(fmt.Errorf("--model %s: no checkpoint there: %w", dir, err), hint)
		}
		dir = latest
	}
	return dir, nil
}

// Files are the files of what Find has returned.
func Files(dir string) fs.FS {
	if dir == shipped.Name {
		return shipped.Open()
	}
	return os.DirFS(dir)
}

// Load reads a checkpoint's model and tokenizer.
func Load(dir string) (*model.Model, data.Tokenizer, error) {
	files := Files(dir)
	m, err := model.LoadFS(files, dir)
	if err != nil {
		return nil, nil, err
	}
	tok, err := data.LoadTokenizerFS(files, dir)
	if err != nil {
		return nil, nil, err
	}
	if m.Config().Vocab != tok.VocabSize() {
		return nil, nil, fmt.Errorf("%s: the model has %d tokens and its tokenizer %d: they do not belong together", dir, m.Config().Vocab, tok.VocabSize())
	}
	return m, tok, nil
}

// Name is the run's name and the step: what a person tells models apart
// by. What defines the player is the checkpoint's hash.
func Name(dir string) string {
	if dir == shipped.Name {
		if c, err := card.Read(Files(dir)); err == nil {
			return dir + ":" + c.Name
		}
		return dir
	}
	dir = filepath.Clean(dir)
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	base := filepath.Base(dir)
	if step, ok := strings.CutPrefix(base, "checkpoint-"); ok {
		return filepath.Base(filepath.Dir(dir)) + "@" + cmp.Or(strings.TrimLeft(step, "0"), "0")
	}
	return base
}

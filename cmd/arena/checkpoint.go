package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

const runsDir = "runs"

// checkpointIn resolves --model: a checkpoint is taken as it is, of a run the
// newest one, of "" the newest run's below runs/, or, where there is none, the
// shipped model, which shipped.Name names. A directory of that name is ./shipped.
func checkpointIn(dir string) (string, error) {
	if dir == "" {
		newest, err := run.NewestTrained(runsDir)
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

// filesOf are the files of what checkpointIn has returned.
func filesOf(dir string) fs.FS {
	if dir == shipped.Name {
		return shipped.Open()
	}
	return os.DirFS(dir)
}

// introduce says which model plays when nobody has named one and none was trained here.
func introduce(w io.Writer, asked, dir string) error {
	if asked != "" || dir != shipped.Name {
		return nil
	}
	c, err := card.Read(filesOf(dir))
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "no run below %s/: the model that comes with the program plays (train one with chesstrain)\n", runsDir)
	for _, line := range c.Lines() {
		fmt.Fprintln(w, line)
	}
	return nil
}

// runSetting looks for a setting in a checkpoint, or in the run that it lies in.
func runSetting(dir, key string, found func(json.RawMessage) bool) {
	places := []string{dir}
	if dir != shipped.Name {
		places = append(places, filepath.Dir(dir))
	}
	for _, dir := range places {
		settings := map[string]json.RawMessage{}
		if run.ReadSettingsFS(filesOf(dir), dir, &settings) == nil && found(settings[key]) {
			return
		}
	}
}

// ratingCap is the --max-elo that a checkpoint was trained under: as it says itself,
// or the run that it lies in. 0 when it is not known.
func ratingCap(dir string) (limit int) {
	runSetting(dir, "max_elo", func(b json.RawMessage) bool {
		n := 0
		if json.Unmarshal(b, &n) != nil || n <= 0 || n > data.MaxElo {
			return false
		}
		limit = n
		return true
	})
	return limit
}

// capScale is the scale of the ratings of the games that the checkpoint's run was trained on, "" where
// they were not played for it.
func capScale(dir string) (scale string) {
	runSetting(dir, "league", func(b json.RawMessage) bool {
		var played struct {
			Scale string `json:"scale"`
		}
		if json.Unmarshal(b, &played) != nil {
			return false
		}
		scale = played.Scale
		return true
	})
	return scale
}

// loadCheckpoint reads a checkpoint's model and tokenizer.
func loadCheckpoint(dir string) (*model.Model, data.Tokenizer, error) {
	files := filesOf(dir)
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

// checkpointName is the run's name and the step: what a person tells models apart
// by. What defines the player is the checkpoint's hash.
func checkpointName(dir string) string {
	if dir == shipped.Name {
		if c, err := card.Read(filesOf(dir)); err == nil {
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
		return filepath.Base(filepath.Dir(dir)) + "@" + strings.TrimLeft(step, "0")
	}
	return base
}

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"transcend/data"
	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/run"
)

const runsDir = "runs"

// checkpointIn resolves --model: a checkpoint is taken as it is, of a run the
// newest one, of "" the newest run's below runs/.
func checkpointIn(dir string) (string, error) {
	if dir == "" {
		newest, err := run.NewestTrained(runsDir)
		if err != nil {
			return "", cli.WithHint(fmt.Errorf("no model: %w", err), "train one with chesstrain, or name one with --model DIR")
		}
		dir = newest
	}
	const hint = "name a run or a checkpoint directory; chesstrain prints both"
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

// ratingCap is the --max-elo that a checkpoint was trained under: as it says itself,
// or the run that it lies in. 0 when it is not known.
func ratingCap(dir string) int {
	for _, dir := range []string{dir, filepath.Dir(dir)} {
		settings := map[string]json.RawMessage{}
		n := 0
		if run.ReadSettings(dir, &settings) == nil && json.Unmarshal(settings["max_elo"], &n) == nil && n > 0 && n <= data.MaxElo {
			return n
		}
	}
	return 0
}

// capScale is the scale of the ratings of the games that the checkpoint's run was trained on, "" where
// they were not played for it.
func capScale(dir string) string {
	for _, dir := range []string{dir, filepath.Dir(dir)} {
		settings := map[string]json.RawMessage{}
		var played struct {
			Scale string `json:"scale"`
		}
		if run.ReadSettings(dir, &settings) == nil && json.Unmarshal(settings["league"], &played) == nil {
			return played.Scale
		}
	}
	return ""
}

// loadCheckpoint reads a checkpoint's model and tokenizer.
func loadCheckpoint(dir string) (*model.Model, data.Tokenizer, error) {
	m, err := model.Load(dir)
	if err != nil {
		return nil, nil, err
	}
	tok, err := data.LoadTokenizer(dir)
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

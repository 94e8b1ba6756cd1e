package checkpoints

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"transcend/analysis/card"
	"transcend/analysis/checkpoint"
	"transcend/cmd/arena/internal/arenatest"
	"transcend/elo/curves"
	"transcend/elo/leaderboard"
	"transcend/engine"
	"transcend/internal/bitboard"
	"transcend/model/shipped"
)

// TestCheckpointsByHash: a model is found by its weights and by nothing else.
func TestCheckpointsByHash(t *testing.T) {
	root := t.TempDir()
	writeRun(t, root, "first", 1, 1300)
	weights := writeRun(t, root, "second", 2, 1700)
	if err := os.MkdirAll(filepath.Join(root, "broken", "checkpoint-1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "broken", "checkpoint-1", "model.safetensors"), []byte("no"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := New([]string{root, filepath.Join(root, "missing")})
	if err != nil {
		t.Fatal(err)
	}
	p := leaderboard.Player{Spec: map[string]string{"kind": "model", "weights": weights, "temperature": "0.5", "tokenizer": "move"}}
	ctx := context.Background()
	if n := c.Cap(p); n != 0 {
		t.Errorf("a cap of %d before it was found", n)
	}
	choices, err := c.Choices(ctx, p, []bitboard.Move{12 | 28<<6}, []int{0})
	if err != nil || len(choices) != 1 || choices[0].Played == nil || len(choices[0].Top) != topChoices {
		t.Errorf("%+v, %v", choices, err)
	}
	if n := c.Cap(p); n != 1700 {
		t.Errorf("a cap of %d, want 1700", n)
	}
	p.Spec[curves.SpecCap] = "1450"
	if n := c.Cap(p); n != 1450 {
		t.Errorf("a cap of %d, its spec says 1450", n)
	}
	for key, value := range map[string]string{"weights": "other", "temperature": "hot", "tokenizer": "char"} {
		q := leaderboard.Player{Spec: map[string]string{"kind": "model", "weights": weights, "temperature": "0.5", "tokenizer": "move"}}
		q.Spec[key] = value
		if _, err := c.Choices(ctx, q, nil, []int{0}); err == nil {
			t.Errorf("%s %s was answered", key, value)
		}
	}
}

// writeRun writes a run with one checkpoint and returns the hash of its weights.
func writeRun(t *testing.T, root, name string, seed uint64, maxElo int) string {
	t.Helper()
	if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
		t.Fatal(err)
	}
	m, _, err := checkpoint.Load(arenatest.WriteModelFrom(t, filepath.Join(root, name), seed))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, name, "run.json"), fmt.Appendf(nil, `{"max_elo": %d, "other": {}}`, maxElo), 0o644); err != nil {
		t.Fatal(err)
	}
	return engine.HashWeights(m)
}

// TestShipped: the model that comes with the program is found by its hash, with its cap, though nothing
// lies below the directories; one in a directory of the same name is found, too.
func TestShipped(t *testing.T) {
	c, err := card.Read(shipped.Open())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	models, err := New([]string{checkpoint.RunsDir, shipped.Name})
	if err != nil {
		t.Fatal(err)
	}
	p := leaderboard.Player{Spec: map[string]string{"kind": "model", "weights": c.Weights, "temperature": "0.5", "tokenizer": c.Tokenizer}}
	choices, err := models.Choices(context.Background(), p, []bitboard.Move{12 | 28<<6}, []int{0})
	if err != nil || len(choices) != 1 || len(choices[0].Top) != topChoices {
		t.Errorf("choices %+v, %v", choices, err)
	}
	if n := models.Cap(p); n != c.Corpus.Filter.MaxElo || n == 0 {
		t.Errorf("a cap of %d, the card says %d", n, c.Corpus.Filter.MaxElo)
	}
	if scale := CapScale(shipped.Name); scale != c.Corpus.Scale {
		t.Errorf("its cap is on the scale %q, the card says %q", scale, c.Corpus.Scale)
	}

	m, _, err := checkpoint.Load(arenatest.WriteModelFrom(t, shipped.Name, 8))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json"} {
		if err := os.Rename(filepath.Join(shipped.Name, "checkpoint-00000000", name), filepath.Join(shipped.Name, name)); err != nil {
			t.Fatal(err)
		}
	}
	if models, err = New([]string{shipped.Name}); err != nil {
		t.Fatal(err)
	}
	if _, err := models.find(context.Background(), engine.HashWeights(m)); err != nil {
		t.Errorf("in a directory %s: %v", shipped.Name, err)
	}
}

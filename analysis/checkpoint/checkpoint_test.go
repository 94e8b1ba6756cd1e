package checkpoint

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"transcend/data"
	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/run"
	"transcend/model/shipped"
)

// zeros is a source of nothing but token 0.
type zeros struct{}

func (zeros) Next(b *model.Batch) error {
	for i := range b.Tokens {
		b.Tokens[i], b.Targets[i], b.Positions[i], b.SegmentStart[i] = 0, 0, int32(i%b.Context), 0
	}
	return nil
}
func (zeros) State() ([]byte, error) { return nil, nil }
func (zeros) Restore([]byte) error   { return nil }

// train makes a run with a checkpoint of a small model that has so many tokens.
func train(t *testing.T, path string, tok data.Tokenizer, vocab int) {
	t.Helper()
	d, err := run.Create(path, struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	m, err := model.New(model.Config{Layers: 1, Heads: 1, Width: 8, Context: 6, Vocab: vocab, Activation: "gelu"}, 3)
	if err != nil {
		t.Fatal(err)
	}
	c := model.DefaultTrainConfig()
	c.Rows, c.Steps = 1, 20
	trainer, err := model.NewTrainer(m, c, zeros{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := tok.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Train(t.Context(), trainer, run.Options{Files: map[string][]byte{data.TokenizerFile: text}}); err != nil {
		t.Fatal(err)
	}
}

// TestFind: what --model may say, and what it then is.
func TestFind(t *testing.T) {
	t.Chdir(t.TempDir())
	tok, err := data.NewTokenizer("move", data.CharOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// Without a run the shipped model; a run that has no checkpoint yet is none.
	if dir, err := Find(""); err != nil || dir != shipped.Name {
		t.Errorf("nothing there: %q, %v", dir, err)
	}
	d, err := run.Create(filepath.Join(RunsDir, "begun"), struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	if dir, err := Find(""); err != nil || dir != shipped.Name {
		t.Errorf("a run without a checkpoint: %q, %v", dir, err)
	}
	train(t, filepath.Join(RunsDir, "mine"), tok, tok.VocabSize())
	mine := filepath.Join(RunsDir, "mine", model.CheckpointName(20))
	for _, name := range []string{"", filepath.Join(RunsDir, "mine"), mine} {
		if dir, err := Find(name); err != nil || dir != mine {
			t.Errorf("%q is %q, %v; want %s", name, dir, err, mine)
		}
	}
	if dir, err := Find(shipped.Name); err != nil || dir != shipped.Name {
		t.Errorf("the shipped model: %q, %v", dir, err)
	}
	for name, say := range map[string]string{"none": "none", filepath.Join(RunsDir, "begun"): "no checkpoint there"} {
		if dir, err := Find(name); err == nil || !strings.Contains(err.Error(), say) || len(cli.Hints(err)) != 1 {
			t.Errorf("%q is %q, %v, hints %q", name, dir, err, cli.Hints(err))
		}
	}
	// Where the checkpoints of the newest run are damaged nothing else plays in its place.
	if err := os.Remove(filepath.Join(mine, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	if dir, err := Find(""); err == nil || !strings.Contains(err.Error(), "no complete checkpoint") {
		t.Errorf("a damaged run: %q, %v", dir, err)
	}
	// A place that cannot be read is not one without runs.
	if err := os.Rename(RunsDir, "elsewhere"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(RunsDir, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if dir, err := Find(""); err == nil || !strings.Contains(err.Error(), "no model") || len(cli.Hints(err)) == 0 {
		t.Errorf("a file with runs: %q, %v", dir, err)
	}
}

// TestLoad: model and tokenizer belong together.
func TestLoad(t *testing.T) {
	tok, err := data.NewTokenizer("move", data.CharOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	load := func(name string, vocab int) (*model.Model, data.Tokenizer, error) {
		train(t, filepath.Join(dir, name), tok, vocab)
		return Load(filepath.Join(dir, name, model.CheckpointName(20)))
	}
	if m, got, err := load("right", tok.VocabSize()); err != nil || m.Config().Vocab != got.VocabSize() || m.Config().Width != 8 {
		t.Errorf("%v", err)
	}
	if _, _, err := load("wrong", tok.VocabSize()-1); err == nil || !strings.Contains(err.Error(), "do not belong together") || !strings.Contains(err.Error(), "wrong") {
		t.Errorf("a tokenizer of another model: %v", err)
	}
	path := filepath.Join(dir, "right", model.CheckpointName(20))
	if err := os.Remove(filepath.Join(path, data.TokenizerFile)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(path); err == nil || !strings.Contains(err.Error(), data.TokenizerFile) {
		t.Errorf("no tokenizer: %v", err)
	}
	if _, _, err := Load(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
	if m, tok, err := Load(shipped.Name); err != nil || m.Config().Vocab != tok.VocabSize() {
		t.Errorf("the shipped model: %v", err)
	}
}

func TestName(t *testing.T) {
	t.Chdir(t.TempDir())
	for dir, want := range map[string]string{
		filepath.Join("runs", "mine", "checkpoint-00000500"):       "mine@500",
		filepath.Join("runs", "mine", "checkpoint-00000500") + "/": "mine@500",
		filepath.Join("runs", "mine", "checkpoint-00000000"):       "mine@0", // interrupted before its first step
		filepath.Join("exported", "model"):                         "model",
	} {
		if got := Name(dir); got != want {
			t.Errorf("%s is called %q, want %q", dir, got, want)
		}
	}
	if got := Name(shipped.Name); !strings.HasPrefix(got, shipped.Name+":") || len(got) == len(shipped.Name)+1 {
		t.Errorf("the shipped model is called %q", got)
	}
	// From inside a run the name is the same.
	if err := os.MkdirAll(filepath.Join("runs", "mine", "checkpoint-00000500"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join("runs", "mine", "checkpoint-00000500"))
	if got := Name("."); got != "mine@500" {
		t.Errorf("from inside it is called %q", got)
	}
}

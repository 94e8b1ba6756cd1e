package shipped_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"transcend/analysis/card"
	"transcend/data"
	"transcend/engine"
	"transcend/model"
	"transcend/model/shipped"
)

var update = flag.Bool("update", false, "write the card's text again")

func TestShipped(t *testing.T) {
	files := shipped.Open()
	m, err := model.LoadFS(files, shipped.Name)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := data.LoadTokenizerFS(files, shipped.Name)
	if err != nil {
		t.Fatal(err)
	}
	if m.Config().Vocab != tok.VocabSize() {
		t.Errorf("%d tokens in the model and %d in the tokenizer", m.Config().Vocab, tok.VocabSize())
	}
	c, err := card.Read(files)
	if err != nil {
		t.Fatal(err)
	}
	if hash := engine.HashWeights(m); c.Weights != hash || c.Parameters != m.Config().NumParams() || c.Shape != m.Config() {
		t.Errorf("the card is of the model %s with %d parameters, and the model is %s with %d", c.Weights, c.Parameters, hash, m.Config().NumParams())
	}
	if !c.Corpus.Simulated {
		t.Error("not of simulated games only: others' games are not ours to ship")
	}
	if c.Rating == nil || c.Rating.Record.Wins == 0 {
		t.Errorf("the card has no rating of somebody who wins at times: %v", c.Rating)
	}
	if *update {
		if err := os.WriteFile(filepath.Join("files", card.TextFile), []byte(c.Text()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if text, err := fs.ReadFile(files, card.TextFile); err != nil || string(text) != c.Text() {
		t.Errorf("%s is not the card's text: run the test with -update (%v)", card.TextFile, err)
	}
	size := int64(0)
	err = fs.WalkDir(files, ".", func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			info, infoErr := d.Info()
			size, err = size+info.Size(), infoErr
		}
		return err
	})
	if err != nil || size > shipped.Limit {
		t.Errorf("%d bytes, at most %d may be shipped (%v)", size, shipped.Limit, err)
	}
}

// Damage to any of the files is an error that names it.
func TestDamageIsRefused(t *testing.T) {
	whole := fstest.MapFS{}
	for _, name := range []string{"config.json", "model.safetensors", data.TokenizerFile, card.File} {
		b, err := fs.ReadFile(shipped.Open(), name)
		if err != nil {
			t.Fatal(err)
		}
		whole[name] = &fstest.MapFile{Data: b}
	}
	for name, file := range whole {
		for _, damaged := range []*fstest.MapFile{nil, {Data: nil}, {Data: file.Data[:len(file.Data)/2]}} {
			files := fstest.MapFS{}
			for other, f := range whole {
				if other != name {
					files[other] = f
				}
			}
			if damaged != nil {
				files[name] = damaged
			}
			_, modelErr := model.LoadFS(files, shipped.Name)
			_, tokenizerErr := data.LoadTokenizerFS(files, shipped.Name)
			_, cardErr := card.Read(files)
			err := errors.Join(modelErr, tokenizerErr, cardErr)
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s damaged: %v", name, err)
			}
		}
	}
}

// Package gpt2 reads a pretrained GPT-2 to go on from, as Hugging Face lays it out: a
// directory with config.json, model.safetensors, vocab.json and merges.txt. The paper's
// experiments on denoising and selection begin with the one of 124 million parameters.
package gpt2

import (
	"fmt"
	"os"
	"path/filepath"

	"transcend/internal/cli"
	"transcend/kg/text"
	"transcend/model"
)

// Files are what a directory has to hold.
var Files = []string{"config.json", "model.safetensors", "vocab.json", "merges.txt"}

// Load reads model and tokenizer and checks that they belong together. Names, shapes
// (matrices as Conv1D has them: inputs by outputs) and the tied output projection are checked
// by model.Load. Errors say which file is wrong, and in what.
func Load(dir string) (*model.Model, *text.BPE, error) {
	if err := Check(dir); err != nil {
		return nil, nil, err
	}
	tok, err := text.ReadBPE(dir)
	if err != nil {
		return nil, nil, err
	}
	m, err := model.Load(dir)
	if err != nil {
		return nil, nil, err
	}
	c := m.Config()
	switch {
	case c.ExtraVocab != 0:
		return nil, nil, fmt.Errorf("gpt2: the model in %s reads %d ids beside its tokens: it is no language model", dir, c.ExtraVocab)
	case c.Vocab < tok.VocabSize():
		// Some writers pad the embedding, so it may have more rows than there are tokens.
		return nil, nil, cli.WithHint(fmt.Errorf("gpt2: %s: the model has %d tokens, and vocab.json beside it %d", dir, c.Vocab, tok.VocabSize()),
			"take all four files from one checkpoint")
	}
	return m, tok, nil
}

// Check reports files that are missing, and what there is instead, without reading them.
func Check(dir string) error {
	if info, err := os.Stat(dir); err != nil {
		return fmt.Errorf("gpt2: %w", err)
	} else if !info.IsDir() {
		return cli.WithHint(fmt.Errorf("gpt2: %s is no directory", dir), fmt.Sprintf("give the one that holds %s and the others", Files[0]))
	}
	has := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	for _, name := range Files {
		if has(name) {
			continue
		}
		err := fmt.Errorf("gpt2: %s has no %s", dir, name)
		switch {
		case name == "model.safetensors" && has("pytorch_model.bin"):
			return cli.WithHint(err, "pytorch_model.bin is not read: it is a program as much as data; save_pretrained(DIR, safe_serialization=True) writes the other")
		case name == "model.safetensors" && has("model.safetensors.index.json"):
			return cli.WithHint(err, "weights in several files are not read; save_pretrained(DIR, max_shard_size=\"100GB\") writes one")
		case name != "model.safetensors" && has("tokenizer.json"):
			return cli.WithHint(err, "tokenizer.json alone is not read: GPT-2's vocabulary is vocab.json and merges.txt")
		}
		return cli.WithHint(err, fmt.Sprintf("a checkpoint of GPT-2 is %s, %s, %s and %s", Files[0], Files[1], Files[2], Files[3]))
	}
	return nil
}

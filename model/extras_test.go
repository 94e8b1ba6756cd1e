package model

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"transcend/model/safetensors"
)

// smallExtras is smallConfig with extra ids.
var smallExtras = func() Config {
	c := smallConfig
	c.ExtraVocab, c.ExtraSlots = 37, 6
	return c
}()

// extrasOf are the extra ids of tokens at from and the places after it: none to all
// that there is room for, by the token and its place.
func extrasOf(cfg Config, from int, tokens []int32) []int32 {
	var out []int32
	for i, token := range tokens {
		place := from + i + int(token)
		n := place % (cfg.ExtraSlots + 1)
		for s := range cfg.ExtraSlots {
			id := int32(-1)
			if s < n {
				id = int32((5*int(token) + 7*place + 11*s) % cfg.ExtraVocab)
			}
			out = append(out, id)
		}
	}
	return out
}

// extraSource is a synthetic source with extra ids.
type extraSource struct {
	*syntheticSource
	cfg Config
}

// newSource is a synthetic source for a model of that configuration.
func newSource(cfg Config, seed uint64) Source {
	s := newSyntheticSource(cfg.Vocab, seed)
	if cfg.ExtraSlots == 0 {
		return s
	}
	return &extraSource{s, cfg}
}

func (s *extraSource) Next(b *Batch) error {
	b.ExtraSlots = s.cfg.ExtraSlots
	b.Resize(b.Rows, b.Context)
	if err := s.syntheticSource.Next(b); err != nil {
		return err
	}
	for i := range b.Tokens {
		at := b.Extras[i*b.ExtraSlots : (i+1)*b.ExtraSlots]
		for k := range at {
			at[k] = -1
			if k < i%(b.ExtraSlots+1) {
				at[k] = (5*b.Tokens[i] + int32(7*i+11*k)) % int32(s.cfg.ExtraVocab)
			}
		}
	}
	return nil
}

func TestExtrasResumeIsExact(t *testing.T) {
	for name, tc := range trainConfigs() {
		t.Run(name, func(t *testing.T) { testResumeIsExact(t, smallExtras, tc) })
	}
}

// TestExtrasChangeNothingElse: the other weights begin as they do without, and without
// ids in a batch its loss is what it is without.
func TestExtrasChangeNothingElse(t *testing.T) {
	plain, extra := mustNew(t, smallConfig, 5), mustNew(t, smallExtras, 5)
	if !slices.Equal(plain.p.flat, extra.p.flat[:len(plain.p.flat)]) {
		t.Error("the other weights begin with other numbers")
	}
	b := randomBatch(smallConfig, 2, 20, 1)
	want, err := plain.NewEvaluator().Evaluate(b)
	if err != nil {
		t.Fatal(err)
	}
	b.ExtraSlots = smallExtras.ExtraSlots
	b.Extras = slices.Repeat([]int32{-1}, 40*b.ExtraSlots)
	if got, err := extra.NewEvaluator().Evaluate(b); err != nil || got != want {
		t.Errorf("without ids %+v, %v, want %+v", got, err, want)
	}
	b.Extras[0] = 3
	if got, err := extra.NewEvaluator().Evaluate(b); err != nil || got == want {
		t.Errorf("an id changes nothing: %+v, %v", got, err)
	}
}

// TestExtrasOptimizer: the table is AdamW's, with weight decay, as other embeddings are.
func TestExtrasOptimizer(t *testing.T) {
	tr := newTrainer(t, smallExtras, withOptimizer(OptimizerMuon, 0))
	chunks := tr.opt.updaters[0].(*adamW).chunks
	last := chunks[len(chunks)-1]
	if last.hi != smallExtras.NumParams() || last.hi-last.lo != smallExtras.ExtraVocab*smallExtras.Width || !last.decay {
		t.Errorf("AdamW's last chunk is %+v", last)
	}
}

func TestExtrasValidate(t *testing.T) {
	for _, c := range [][2]int{{0, 3}, {3, 0}, {-1, 3}, {3, -1}, {1 << 30, 3}, {3, 1 << 20}} {
		cfg := smallConfig
		cfg.ExtraVocab, cfg.ExtraSlots = c[0], c[1]
		if _, err := New(cfg, 1); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "extra ids") {
			t.Errorf("%v: error = %v", c, err)
		}
	}
	cfg := gradientConfigs[4]
	m := mustNew(t, cfg, 1)
	for name, change := range map[string]func(*Batch){
		"row 1, token 1: extra id 5":  func(b *Batch) { b.Extras[10*3] = 5 },
		"row 0, token 0: extra id -2": func(b *Batch) { b.Extras[0] = -2 },
		"53 extra ids for 18 tokens":  func(b *Batch) { b.Extras = b.Extras[1:] },
		"the model takes 3":           func(b *Batch) { b.ExtraSlots, b.Extras = 0, nil },
	} {
		b := randomBatch(cfg, 2, 9, 1)
		change(b)
		if _, _, err := m.Loss(b); !errors.Is(err, ErrBatch) || !strings.Contains(err.Error(), name) {
			t.Errorf("error = %v, want one with %q", err, name)
		}
	}
	// What follows -1 is not looked at.
	b := randomBatch(cfg, 2, 9, 1)
	b.Extras[0], b.Extras[1] = -1, 99
	if _, _, err := m.Loss(b); err != nil {
		t.Error(err)
	}
	if _, _, err := mustNew(t, gradientConfigs[0], 1).Loss(randomBatch(cfg, 2, 9, 1)); !errors.Is(err, ErrBatch) || !strings.Contains(err.Error(), "takes 0") {
		t.Errorf("extra ids for a model without: %v", err)
	}

	d := m.NewDecoder()
	for name, extras := range map[string][]int32{
		"takes 6":     {1, 2, 3},
		"extra id 5":  {0, 1, -1, 2, 5, -1},
		"extra id -7": {0, 1, -1, -7, 4, -1},
	} {
		if _, err := d.AppendExtras(extras, 1, 2); !errors.Is(err, ErrBatch) || !strings.Contains(err.Error(), name) || d.Len() != 0 {
			t.Errorf("error = %v, want one with %q", err, name)
		}
	}
	if _, err := d.Append(1); !errors.Is(err, ErrBatch) {
		t.Errorf("a token without extra ids: %v", err)
	}
}

func TestExtrasDecodingAllocatesNothing(t *testing.T) {
	d := mustNew(t, smallExtras, 1).NewDecoder()
	extras := extrasOf(smallExtras, 0, []int32{1})
	mustAppend(t, d, randomTokens(4, smallExtras.Vocab, 1)...)
	if n := testing.AllocsPerRun(20, func() {
		if _, err := d.AppendExtras(extras, 1); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("a token allocates %v times", n)
	}
}

// TestExtrasDamagedCheckpoints: what config.json says of the extra ids is compared with
// the file of the weights, and a program for GPT-2 is told by name that this is none.
func TestExtrasDamagedCheckpoints(t *testing.T) {
	cfg := gradientConfigs[4]
	for _, c := range []struct {
		file, old, replacement, want string
	}{
		{configFile, `"extra_vocab": 5`, `"extra_vocab": 6`, `"transformer.extra.weight" has shape [5 8], config.json makes it [6 8]`},
		{configFile, `"extra_vocab": 5`, `"extra_vocab": 16000000`, `config.json makes it [16000000 8]`},
		{configFile, `"extra_vocab": 5`, `"extra_vocab": -5`, "extra ids"},
		{configFile, `"extra_slots": 3`, `"extra_slots": 300000`, "extra ids"},
		{configFile, `"extra_vocab": 5`, `"extra_vocab": 0`, "model_type"},
		{configFile, `"transcend-gpt2-extra"`, `"gpt2"`, `model_type "gpt2" with 5 extra ids`},
	} {
		_, dir := saved(t, cfg)
		edit(t, dir, c.file, c.old, c.replacement)
		if _, err := Load(dir); !errors.Is(err, ErrCheckpoint) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error = %v, want one with %q", c.replacement, err, c.want)
		}
	}
	_, dir := saved(t, cfg)
	rewrite(t, dir, func(ts []safetensors.Tensor) []safetensors.Tensor {
		return slices.DeleteFunc(ts, func(t safetensors.Tensor) bool { return t.Name == extraTensor })
	})
	if _, err := Load(dir); !errors.Is(err, ErrCheckpoint) || !strings.Contains(err.Error(), `"transformer.extra.weight" is missing`) {
		t.Errorf("without the table: %v", err)
	}
	_, dir = saved(t, gradientConfigs[0])
	edit(t, dir, configFile, `"gpt2"`, `"transcend-gpt2-extra"`)
	if _, err := Load(dir); !errors.Is(err, ErrCheckpoint) || !strings.Contains(err.Error(), "with 0 extra ids") {
		t.Errorf("a GPT-2 under the other name: %v", err)
	}
}

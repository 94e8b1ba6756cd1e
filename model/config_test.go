package model

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestParameterCounts(t *testing.T) {
	preset := func(name string, vocab, context int) Config {
		c, ok := Preset(name)
		if !ok {
			t.Fatalf("no preset %q", name)
		}
		c.Vocab = vocab
		if context > 0 {
			c.Context = context
		}
		return c
	}
	for _, c := range []struct {
		name string
		cfg  Config
		want int
	}{
		{"paper 50M", preset("paper", 32, 0), 50_888_704},
		{"paper 302M", Config{Layers: 24, Heads: 16, Width: 1024, Context: 1023, Vocab: 32, Activation: GELU}, 303_120_384},
		{"paper 707M", Config{Layers: 36, Heads: 20, Width: 1280, Context: 1023, Vocab: 32, Activation: GELU}, 709_232_640},
		{"GPT-2", Config{Layers: 12, Heads: 12, Width: 768, Context: 1024, Vocab: 50257, Bias: true, Activation: GELUTanh}, 124_439_808},
		{"tiny", preset("tiny", 1970, 128), 1_056_128},
		{"small", preset("small", 1970, 128), 6_832_896},
		{"extra ids", Config{Layers: 1, Heads: 1, Width: 2, Context: 3, Vocab: 5, Activation: GELU, ExtraVocab: 7, ExtraSlots: 4}, 2*(3+5+7) + 12*4 + 6},
	} {
		if err := c.cfg.Validate(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := c.cfg.NumParams(); got != c.want || c.cfg.paramsFloat() != float64(got) {
			t.Errorf("%s has %d parameters, want %d", c.name, got, c.want)
		}
	}
	for _, name := range Presets() {
		preset(name, 1, 1)
	}
	if _, ok := Preset("huge"); ok {
		t.Error(`there is a preset "huge"`)
	}
}

func TestFLOPsPerToken(t *testing.T) {
	c := Config{Layers: 4, Heads: 4, Width: 128, Context: 128, Vocab: 2048, Activation: GELU}
	c.ExtraVocab, c.ExtraSlots = 700, 32 // which are only added
	if got, want := c.FLOPsPerToken(128), 6*1_066_112.+12*4*128*128; got != want {
		t.Errorf("%v operations, want %v", got, want)
	}
}

func TestLayoutCoversTheBuffer(t *testing.T) {
	for _, cfg := range gradientConfigs {
		m := mustNew(t, cfg, 1)
		at, names := 0, map[string]bool{}
		for _, x := range m.Tensors() {
			n := 1
			for _, d := range x.Shape {
				n *= d
			}
			if len(x.Data) != n || &x.Data[0] != &m.p.flat[at] || cap(x.Data) != n {
				t.Fatalf("%s is not the %d numbers at %d", x.Name, n, at)
			}
			if names[x.Name] {
				t.Errorf("%s comes twice", x.Name)
			}
			names[x.Name] = true
			at += n
		}
		if at != cfg.NumParams() {
			t.Errorf("tensors cover %d of %d", at, cfg.NumParams())
		}
	}
}

func TestInitialWeights(t *testing.T) {
	cfg := Config{Layers: 8, Heads: 4, Width: 64, Context: 64, Vocab: 300, Bias: true, Activation: GELU, ExtraVocab: 100, ExtraSlots: 25}
	m := mustNew(t, cfg, 42)
	for _, x := range m.Tensors() {
		var sum, squares float64
		for _, v := range x.Data {
			sum += float64(v)
			squares += float64(v) * float64(v)
		}
		n := float64(len(x.Data))
		mean, std := sum/n, math.Sqrt(squares/n)
		switch {
		case strings.HasSuffix(x.Name, ".bias"):
			if std != 0 {
				t.Errorf("%s is not zero", x.Name)
			}
		case strings.Contains(x.Name, "ln_"):
			if slices.Min(x.Data) != 1 || slices.Max(x.Data) != 1 {
				t.Errorf("%s is not one", x.Name)
			}
		default:
			want := 0.02
			switch {
			case strings.HasSuffix(x.Name, "c_proj.weight"):
				want = 0.02 / 4 // √(2·8)
			case x.Name == extraTensor:
				want = 0.02 / 5 // √25
			}
			// Five standard errors.
			if math.Abs(mean) > 5*want/math.Sqrt(n) || math.Abs(std/want-1) > 5/math.Sqrt(2*n) {
				t.Errorf("%s has mean %.2e and deviation %.4f, want 0 and %.4f", x.Name, mean, std, want)
			}
		}
	}
	if !slices.Equal(m.p.flat, mustNew(t, cfg, 42).p.flat) {
		t.Error("the same seed gave other weights")
	}
	if slices.Equal(m.p.wte, mustNew(t, cfg, 43).p.wte) {
		t.Error("another seed gave the same weights")
	}
}

func TestConfigValidate(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"layers":     func(c *Config) { c.Layers = 0 },
		"heads":      func(c *Config) { c.Heads = -1 },
		"width":      func(c *Config) { c.Width = 1 << 30 },
		"context":    func(c *Config) { c.Context = 0 },
		"vocabulary": func(c *Config) { c.Vocab = 0 },
		"multiple":   func(c *Config) { c.Heads = 5 },
		"activation": func(c *Config) { c.Activation = "relu" },
		"parameters": func(c *Config) { c.Layers, c.Width, c.Heads = 1<<20, 1<<20, 1 },
	} {
		c := smallConfig
		change(&c)
		if _, err := New(c, 1); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}

func TestBatchValidate(t *testing.T) {
	cfg := gradientConfigs[0]
	good := randomBatch(cfg, 2, 9, 1)
	if err := good.Validate(cfg); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*Batch)
		want   string
	}{
		{"no rows", func(b *Batch) { b.Rows = 0 }, "0 rows"},
		{"short targets", func(b *Batch) { b.Targets = b.Targets[1:] }, "17 targets"},
		{"token", func(b *Batch) { b.Tokens[12] = 11 }, "row 1, token 3: token id 11"},
		{"negative token", func(b *Batch) { b.Tokens[0] = -1 }, "token id -1"},
		{"target", func(b *Batch) { b.Targets[9] = -2 }, "row 1, token 0: target id -2"},
		{"large target", func(b *Batch) { b.Targets[9] = 11 }, "target id 11"},
		{"position", func(b *Batch) { b.Positions[1] = 9 }, "position 9"},
		{"negative position", func(b *Batch) { b.Positions[1] = -1 }, "position -1"},
		{"segment in the future", func(b *Batch) { b.SegmentStart[4] = 5 }, "segment starts at 5"},
		{"segment before the row", func(b *Batch) { b.SegmentStart[9] = -1 }, "row 1, token 0"},
		{"segment from elsewhere", func(b *Batch) { b.SegmentStart[8], b.SegmentStart[7] = 3, 7 }, "token 8"},
	} {
		b := randomBatch(cfg, 2, 9, 1)
		c.change(b)
		if _, _, err := mustNew(t, cfg, 1).Loss(b); !errors.Is(err, ErrBatch) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error = %v, want one with %q", c.name, err, c.want)
		}
	}
}

// TestSegmentsAreIndependent: a segment's losses are what they are when it has
// a row of its own.
func TestSegmentsAreIndependent(t *testing.T) {
	cfg := Config{Layers: 2, Heads: 2, Width: 16, Context: 300, Vocab: 20, Activation: GELU}
	m := mustNew(t, cfg, 1)
	randomize(m, 1)
	lengths := []int{1, 70, 3, 129, 64, 33}
	packed := NewBatch(1, 300)
	var want float64
	at := 0
	for _, n := range lengths {
		alone := NewBatch(1, n)
		for i, token := range randomTokens(n, cfg.Vocab, uint64(n)) {
			alone.Tokens[i], alone.Targets[i], alone.Positions[i], alone.SegmentStart[i] = token, (token+1)%5, int32(i), 0
			packed.Tokens[at+i], packed.Targets[at+i], packed.Positions[at+i], packed.SegmentStart[at+i] = token, (token+1)%5, int32(i), int32(at)
		}
		sum, _, err := m.Loss(alone)
		if err != nil {
			t.Fatal(err)
		}
		want += sum
		at += n
	}
	got, count, err := m.Loss(packed)
	if err != nil {
		t.Fatal(err)
	}
	if count != 300 || math.Abs(got-want) > 1e-5*want {
		t.Errorf("packed loss %v over %d, apart %v", got, count, want)
	}
}

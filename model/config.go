// Package model is a GPT-2 that trains and samples on the CPU: pre-LayerNorm
// blocks, learned positions, causal attention, GELU, tied embeddings, as in
// nanoGPT (model.py) and the paper's chess models. Forward and backward are
// written by hand over one flat parameter buffer; every matrix product goes
// through gonum's blas32, so whatever blas32.Use installed does the work.
//
// The package knows tokens, not what they stand for. A checkpoint is a
// directory that Hugging Face GPT2LMHeadModel reads, unless the model has extra
// ids (Config.ExtraVocab), which GPT-2 has not.
package model

import (
	"errors"
	"fmt"
	"math"
)

// The two forms of GELU that Config.Activation names.
const (
	// GELU is x·Φ(x) with the Gaussian's distribution function (nanoGPT).
	GELU = "gelu"
	// GELUTanh is the tanh approximation that GPT-2 was trained with.
	GELUTanh = "gelu_new"
)

// layerNormEpsilon is GPT-2's, and nanoGPT's.
const layerNormEpsilon = 1e-5

// initStd is the standard deviation of every weight matrix at the start
// (nanoGPT, model.py, _init_weights).
const initStd = 0.02

// Config says what shape a model has. Two models with equal configurations
// have parameters of the same names, shapes and order.
type Config struct {
	Layers  int `json:"layers"`  // number of transformer blocks
	Heads   int `json:"heads"`   // attention heads a block; divides Width
	Width   int `json:"width"`   // size of the residual stream (C)
	Context int `json:"context"` // number of learned positions (T)
	Vocab   int `json:"vocab"`   // number of token ids (V)
	// Bias gives every linear layer and LayerNorm a bias, as GPT-2 has it.
	// The paper's models have none.
	Bias       bool   `json:"bias"`
	Activation string `json:"activation"` // GELU or GELUTanh
	// ExtraVocab is the number of extra ids (E), and ExtraSlots how many of them one
	// token has at most (S): what is known of a token beside its id. The sum of their
	// learned embeddings is added to those of token and position. Both 0: there are
	// none, as in GPT-2.
	ExtraVocab int `json:"extra_vocab,omitempty"`
	ExtraSlots int `json:"extra_slots,omitempty"`
}

// ErrConfig is what every error about an impossible Config wraps.
var ErrConfig = errors.New("impossible model configuration")

// maxDimension bounds every field of a Config, so that products of any two
// fit an int64 and a damaged file cannot ask for absurd memory unnoticed.
const maxDimension = 1 << 24

// maxExtraSlots bounds ExtraSlots, by which the memory of every batch is multiplied.
const maxExtraSlots = 1 << 10

// Validate reports the first thing that is wrong with c.
func (c Config) Validate() error {
	for _, f := range []struct {
		name  string
		value int
	}{{"layers", c.Layers}, {"heads", c.Heads}, {"width", c.Width}, {"context", c.Context}, {"vocabulary", c.Vocab}} {
		if f.value < 1 || f.value > maxDimension {
			return fmt.Errorf("model: %w: %s is %d, want 1 to %d", ErrConfig, f.name, f.value, maxDimension)
		}
	}
	if c.Width%c.Heads != 0 {
		return fmt.Errorf("model: %w: width %d is not a multiple of heads %d", ErrConfig, c.Width, c.Heads)
	}
	if c.ExtraVocab < 0 || c.ExtraVocab > maxDimension || c.ExtraSlots < 0 || c.ExtraSlots > maxExtraSlots || (c.ExtraVocab == 0) != (c.ExtraSlots == 0) {
		return fmt.Errorf("model: %w: %d extra ids, %d a token: want 0 of both, or 1 to %d, and 1 to %d a token", ErrConfig, c.ExtraVocab, c.ExtraSlots, maxDimension, maxExtraSlots)
	}
	if c.Activation != GELU && c.Activation != GELUTanh {
		return fmt.Errorf("model: %w: activation %q, want %q or %q", ErrConfig, c.Activation, GELU, GELUTanh)
	}
	if n := c.paramsFloat(); n > math.MaxInt32*64 {
		return fmt.Errorf("model: %w: %.3g parameters", ErrConfig, n)
	}
	return nil
}

// paramsFloat is NumParams without the danger of overflow.
func (c Config) paramsFloat() float64 {
	w, l := float64(c.Width), float64(c.Layers)
	n := float64(c.Vocab)*w + float64(c.Context)*w + float64(c.ExtraVocab)*w + l*(12*w*w+2*w) + w
	if c.Bias {
		n += l*11*w + w
	}
	return n
}

// NumParams counts every trained number, position embeddings included; the
// tied embedding counts once. The paper's model (preset "paper", 32 symbols)
// has 50,888,704.
func (c Config) NumParams() int {
	w := c.Width
	n := c.Vocab*w + c.Context*w + c.ExtraVocab*w + c.Layers*(12*w*w+2*w) + w
	if c.Bias {
		n += c.Layers*(3*w+w+4*w+w+2*w) + w
	}
	return n
}

// FLOPsPerToken estimates the floating-point operations of one token in
// training, forward and backward: 6 for every parameter plus
// 12·layers·width·context for attention scores and values (PaLM, appendix B;
// nanoGPT, estimate_mfu). context is the length of the sequence a token
// attends in; the causal half is not subtracted, so that figures compare with
// those of other trainers. Extra embeddings, which are only added, do not count.
// Inference takes a third.
func (c Config) FLOPsPerToken(context int) float64 {
	return 6*(c.paramsFloat()-float64(c.ExtraVocab)*float64(c.Width)) + 12*float64(c.Layers)*float64(c.Width)*float64(context)
}

// headSize is the width of one attention head.
func (c Config) headSize() int { return c.Width / c.Heads }

// Preset returns a named shape. Vocab is always the caller's to set; Context
// too, except that "paper" has the 1,023 characters of the original.
//
//	tiny    4 layers,  4 heads, width 128   about 1 million parameters
//	small   8 layers,  8 heads, width 256   about 7 million
//	paper  16 layers,  8 heads, width 512   50,888,704 with 32 symbols
func Preset(name string) (Config, bool) {
	switch name {
	case "tiny":
		return Config{Layers: 4, Heads: 4, Width: 128, Activation: GELU}, true
	case "small":
		return Config{Layers: 8, Heads: 8, Width: 256, Activation: GELU}, true
	case "paper":
		return Config{Layers: 16, Heads: 8, Width: 512, Context: 1023, Activation: GELU}, true
	}
	return Config{}, false
}

// Presets lists the names Preset knows, smallest first.
func Presets() []string { return []string{"tiny", "small", "paper"} }

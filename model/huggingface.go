package model

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"

	"transcend/model/safetensors"
)

// The two files of a checkpoint that Hugging Face GPT2LMHeadModel reads.
const (
	configFile  = "config.json"
	weightsFile = "model.safetensors"
)

// ErrCheckpoint is what every error about a checkpoint that cannot be used
// wraps: damaged, incomplete, of another kind of model.
var ErrCheckpoint = errors.New("unusable checkpoint")

// checkpointError names what is wrong with which file of a checkpoint.
func checkpointError(dir, file string, err error) error {
	return fmt.Errorf("model: %w %s: %s: %w", ErrCheckpoint, dir, file, err)
}

// hfConfig is config.json. The pointers tell a missing key from a zero.
type hfConfig struct {
	Architectures      []string `json:"architectures,omitempty"`
	ModelType          string   `json:"model_type"`
	VocabSize          int      `json:"vocab_size"`
	NPositions         int      `json:"n_positions"`
	NCtx               int      `json:"n_ctx"`
	NEmbd              int      `json:"n_embd"`
	NLayer             int      `json:"n_layer"`
	NHead              int      `json:"n_head"`
	NInner             *int     `json:"n_inner"`
	ActivationFunction string   `json:"activation_function"`
	LayerNormEpsilon   *float64 `json:"layer_norm_epsilon"`
	InitializerRange   float64  `json:"initializer_range"`
	AttnPdrop          float64  `json:"attn_pdrop"`
	EmbdPdrop          float64  `json:"embd_pdrop"`
	ResidPdrop         float64  `json:"resid_pdrop"`
	TieWordEmbeddings  *bool    `json:"tie_word_embeddings"`
	ScaleAttnWeights   *bool    `json:"scale_attn_weights"`
	ScaleAttnByInverse bool     `json:"scale_attn_by_inverse_layer_idx"`
	AddCrossAttention  bool     `json:"add_cross_attention,omitempty"`
	UseCache           bool     `json:"use_cache"`
	BOSTokenID         *int     `json:"bos_token_id"`
	EOSTokenID         *int     `json:"eos_token_id"`
	TorchDtype         string   `json:"torch_dtype,omitempty"`
	// Transcend is what GPT-2's configuration has no word for. Hugging Face
	// keeps unknown keys.
	Transcend *ownConfig `json:"transcend,omitempty"`
}

type ownConfig struct {
	Bias       bool `json:"bias"`
	ExtraVocab int  `json:"extra_vocab,omitempty"`
	ExtraSlots int  `json:"extra_slots,omitempty"`
}

// The names of a GPT-2 and of one with extra embeddings, which a program that knows
// the former only would leave out without a word.
const (
	typeGPT2, architectureGPT2   = "gpt2", "GPT2LMHeadModel"
	typeExtra, architectureExtra = "transcend-gpt2-extra", "TranscendGPT2Extra"
)

func newHFConfig(c Config) hfConfig {
	epsilon, yes := layerNormEpsilon, true
	name, architecture := typeGPT2, architectureGPT2
	if c.ExtraVocab > 0 {
		name, architecture = typeExtra, architectureExtra
	}
	return hfConfig{
		Architectures: []string{architecture}, ModelType: name,
		VocabSize: c.Vocab, NPositions: c.Context, NCtx: c.Context,
		NEmbd: c.Width, NLayer: c.Layers, NHead: c.Heads,
		ActivationFunction: c.Activation, LayerNormEpsilon: &epsilon, InitializerRange: initStd,
		TieWordEmbeddings: &yes, ScaleAttnWeights: &yes, UseCache: true, TorchDtype: "float32",
		Transcend: &ownConfig{Bias: c.Bias, ExtraVocab: c.ExtraVocab, ExtraSlots: c.ExtraSlots},
	}
}

// config translates back, refusing what this package does not compute. Bias is
// not decided here.
func (h hfConfig) config() (Config, error) {
	c := Config{Layers: h.NLayer, Heads: h.NHead, Width: h.NEmbd, Context: h.NPositions, Vocab: h.VocabSize}
	if c.Context == 0 {
		c.Context = h.NCtx
	}
	switch h.ActivationFunction {
	case "gelu":
		c.Activation = GELU
	case "gelu_new", "gelu_pytorch_tanh":
		c.Activation = GELUTanh
	default:
		return c, fmt.Errorf("activation_function %q is not supported, only gelu and gelu_new", h.ActivationFunction)
	}
	if h.Transcend != nil {
		c.ExtraVocab, c.ExtraSlots = h.Transcend.ExtraVocab, h.Transcend.ExtraSlots
	}
	switch {
	case h.ModelType != "" && h.ModelType != typeGPT2 && h.ModelType != typeExtra:
		return c, fmt.Errorf("model_type %q is not supported, only %s and %s", h.ModelType, typeGPT2, typeExtra)
	case (h.ModelType == typeExtra) != (c.ExtraVocab != 0):
		return c, fmt.Errorf("model_type %q with %d extra ids: they are what tells %s from %s", h.ModelType, c.ExtraVocab, typeExtra, typeGPT2)
	case h.NInner != nil && *h.NInner != 4*c.Width:
		return c, fmt.Errorf("n_inner %d is not supported, only 4·n_embd = %d", *h.NInner, 4*c.Width)
	case h.LayerNormEpsilon != nil && math.Abs(*h.LayerNormEpsilon-layerNormEpsilon) > 1e-9:
		return c, fmt.Errorf("layer_norm_epsilon %v is not supported, only %v", *h.LayerNormEpsilon, layerNormEpsilon)
	case h.TieWordEmbeddings != nil && !*h.TieWordEmbeddings:
		return c, errors.New("tie_word_embeddings false is not supported")
	case h.ScaleAttnWeights != nil && !*h.ScaleAttnWeights, h.ScaleAttnByInverse, h.AddCrossAttention:
		return c, errors.New("unscaled, inversely scaled and cross attention are not supported")
	}
	return c, c.Validate()
}

// Load reads a model from a directory that holds config.json and
// model.safetensors as Trainer.Save or Hugging Face wrote them, with or
// without the "transformer." prefix, as F32, F16, BF16 or F64. Biases that are
// absent, or all zero in a model of ours without biases, make a model with
// Config.Bias false. Errors wrap ErrCheckpoint and name the file and tensor.
func Load(dir string) (*Model, error) { return LoadFS(os.DirFS(cmp.Or(dir, ".")), dir) }

// LoadFS is Load of files that may be elsewhere than in a directory, embedded in the
// program, say. Errors call them dir.
func LoadFS(files fs.FS, dir string) (*Model, error) {
	cfg, err := readConfig(files, dir)
	if err != nil {
		return nil, err
	}
	m, err := readWeights(files, cfg)
	if err != nil {
		return nil, checkpointError(dir, weightsFile, err)
	}
	return m, nil
}

// readConfig reads config.json. The result's Bias is nil when the file does
// not say.
func readConfig(files fs.FS, dir string) (loadedConfig, error) {
	b, err := fs.ReadFile(files, configFile)
	if err != nil {
		return loadedConfig{}, checkpointError(dir, configFile, err)
	}
	var h hfConfig
	if err := json.Unmarshal(b, &h); err != nil {
		return loadedConfig{}, checkpointError(dir, configFile, err)
	}
	c, err := h.config()
	if err != nil {
		return loadedConfig{}, checkpointError(dir, configFile, err)
	}
	return loadedConfig{Config: c, own: h.Transcend}, nil
}

type loadedConfig struct {
	Config
	own *ownConfig // nil in a file that is not ours
}

const hfPrefix = "transformer."

// hfIgnored are the attention masks that older versions stored as buffers.
var hfIgnored = regexp.MustCompile(`^h\.\d+\.attn\.(bias|masked_bias)$`)

func readWeights(files fs.FS, lc loadedConfig) (*Model, error) {
	f, err := safetensors.OpenFS(files, weightsFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	prefix := hfPrefix
	if _, ok := f.Lookup(hfPrefix + "wte.weight"); !ok {
		prefix = ""
	}
	names, hasBias, err := matchTensors(f, lc.Config, prefix)
	if err != nil {
		return nil, err
	}
	// Only now that the file is known to hold them, memory for the weights.
	cfg := lc.Config
	cfg.Bias = hasBias
	m := &Model{cfg: cfg, p: newParams(cfg)}
	for _, t := range m.Tensors() {
		if err := f.ReadFloat32(names[t.Name], t.Data); err != nil {
			return nil, err
		}
		for _, x := range t.Data {
			if !finite(float64(x)) {
				return nil, fmt.Errorf("tensor %q holds %v", names[t.Name], x)
			}
		}
	}
	if err := checkOutputTied(f, m); err != nil {
		return nil, err
	}
	if hasBias && lc.own != nil && !lc.own.Bias && m.biasesAreZero() {
		m = m.withoutBias()
	}
	return m, nil
}

// matchTensors verifies that f holds the tensors of cfg in the right shapes
// and nothing that a GPT-2 of that configuration has no place for. It returns
// their names in the file by our names, and whether there are biases.
func matchTensors(f *safetensors.File, cfg Config, prefix string) (names map[string]string, hasBias bool, err error) {
	// Counted before a field is made for each layer the file claims to have.
	if 2*cfg.Layers > len(f.Tensors()) {
		return nil, false, fmt.Errorf("%d tensors, too few for the %d layers of %s", len(f.Tensors()), cfg.Layers, configFile)
	}
	all := (&params{layers: make([]layerParams, cfg.Layers)}).fields(cfg)
	names = map[string]string{}
	ours := map[string]bool{}
	var missingBias string
	for _, t := range all {
		name := prefix + strings.TrimPrefix(t.name, hfPrefix)
		info, ok := f.Lookup(name)
		switch {
		case !ok && t.bias:
			missingBias = name
			continue
		case !ok:
			return nil, false, fmt.Errorf("tensor %q is missing", name)
		case !slices.Equal(info.Shape, t.shape):
			return nil, false, fmt.Errorf("tensor %q has shape %v, %s makes it %v", name, info.Shape, configFile, t.shape)
		}
		names[t.name] = name
		ours[name] = true
		hasBias = hasBias || t.bias
	}
	if hasBias && missingBias != "" {
		return nil, false, fmt.Errorf("tensor %q is missing, though other biases are there", missingBias)
	}
	for _, info := range f.Tensors() {
		short := strings.TrimPrefix(info.Name, hfPrefix)
		if !ours[info.Name] && !hfIgnored.MatchString(short) && info.Name != outputTensor {
			return nil, false, fmt.Errorf("tensor %q has no place in a GPT-2 of %d layers", info.Name, cfg.Layers)
		}
	}
	return names, hasBias, nil
}

// outputTensor is the output projection, which some writers store although it
// is the token embedding.
const outputTensor = "lm_head.weight"

func checkOutputTied(f *safetensors.File, m *Model) error {
	if _, ok := f.Lookup(outputTensor); !ok {
		return nil
	}
	head := make([]float32, len(m.p.wte))
	if err := f.ReadFloat32(outputTensor, head); err != nil {
		return err
	}
	for i, x := range head {
		if x != m.p.wte[i] {
			return fmt.Errorf("tensor %q differs from the token embedding; untied output projections are not supported", outputTensor)
		}
	}
	return nil
}

func (m *Model) biasesAreZero() bool {
	for _, f := range m.p.existing(m.cfg) {
		if !f.bias {
			continue
		}
		for _, x := range *f.view {
			if x != 0 {
				return false
			}
		}
	}
	return true
}

// withoutBias copies the model, leaving its biases behind.
func (m *Model) withoutBias() *Model {
	cfg := m.cfg
	cfg.Bias = false
	out := &Model{cfg: cfg, p: newParams(cfg)}
	from := map[string][]float32{}
	for _, t := range m.Tensors() {
		from[t.Name] = t.Data
	}
	for _, t := range out.Tensors() {
		copy(t.Data, from[t.Name])
	}
	return out
}

// hfTensors lists p as Hugging Face has it: every bias is there, as zeros when
// the model has none.
func (p *params) hfTensors(c Config) []safetensors.Tensor {
	var ts []safetensors.Tensor
	for _, f := range p.fields(c) {
		ts = append(ts, safetensors.Tensor{Name: f.name, Shape: f.shape, Data: *f.view})
	}
	return ts
}

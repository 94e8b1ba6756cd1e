package model

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"transcend/model/safetensors"
)

// saved makes a checkpoint of a run of a few steps.
func saved(t testing.TB, cfg Config) (tr *Trainer, dir string) {
	t.Helper()
	tr, err := NewTrainer(mustNew(t, cfg, 3), smallTrain, newSource(cfg, 4))
	if err != nil {
		t.Fatal(err)
	}
	mustStep(t, tr)
	mustStep(t, tr)
	dir = filepath.Join(t.TempDir(), CheckpointName(2))
	if err := tr.Save(dir, map[string][]byte{"tokenizer.json": []byte(`{"kind":"move"}`)}); err != nil {
		t.Fatal(err)
	}
	return tr, dir
}

func resume(dir string, cfg Config) (*Trainer, error) {
	return ResumeTrainer(dir, newSource(cfg, 1))
}

func TestSaveAndLoad(t *testing.T) {
	for _, cfg := range gradientConfigs {
		tr, dir := saved(t, cfg)
		m, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if m.Config() != cfg {
			t.Errorf("loaded %+v, saved %+v", m.Config(), cfg)
		}
		if !slices.Equal(m.p.flat, tr.model.p.flat) {
			t.Errorf("%+v: weights changed", cfg)
		}
		var files []string
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			files = append(files, e.Name())
		}
		if want := []string{"config.json", "model.safetensors", "optimizer.safetensors", "tokenizer.json", "trainer.json"}; !slices.Equal(files, want) {
			t.Errorf("files %v, want %v", files, want)
		}
		if b, _ := os.ReadFile(filepath.Join(dir, "tokenizer.json")); string(b) != `{"kind":"move"}` {
			t.Errorf("tokenizer.json = %q", b)
		}
	}
}

// TestHuggingFaceLayout compares names, shapes and settings with what
// transformers' GPT2LMHeadModel has.
func TestHuggingFaceLayout(t *testing.T) {
	cfg := gradientConfigs[0] // without biases, which Hugging Face has
	_, dir := saved(t, cfg)
	f, err := safetensors.Open(filepath.Join(dir, weightsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Metadata()["format"] != "pt" {
		t.Errorf("metadata %v; transformers wants format pt", f.Metadata())
	}
	w := cfg.Width
	want := map[string][]int{
		"transformer.wte.weight": {cfg.Vocab, w}, "transformer.wpe.weight": {cfg.Context, w},
		"transformer.ln_f.weight": {w}, "transformer.ln_f.bias": {w},
	}
	for _, h := range []string{"transformer.h.0.", "transformer.h.1."} {
		maps.Copy(want, map[string][]int{
			h + "ln_1.weight": {w}, h + "ln_1.bias": {w}, h + "ln_2.weight": {w}, h + "ln_2.bias": {w},
			h + "attn.c_attn.weight": {w, 3 * w}, h + "attn.c_attn.bias": {3 * w},
			h + "attn.c_proj.weight": {w, w}, h + "attn.c_proj.bias": {w},
			h + "mlp.c_fc.weight": {w, 4 * w}, h + "mlp.c_fc.bias": {4 * w},
			h + "mlp.c_proj.weight": {4 * w, w}, h + "mlp.c_proj.bias": {w},
		})
	}
	for _, info := range f.Tensors() {
		if !slices.Equal(info.Shape, want[info.Name]) || info.DType != "F32" {
			t.Errorf("%s: %s %v, want F32 %v", info.Name, info.DType, info.Shape, want[info.Name])
		}
		delete(want, info.Name)
		if strings.HasSuffix(info.Name, ".bias") {
			x := make([]float32, info.Elements())
			if err := f.ReadFloat32(info.Name, x); err != nil {
				t.Fatal(err)
			}
			if slices.Max(x) != 0 || slices.Min(x) != 0 {
				t.Errorf("%s = %v, want zeros", info.Name, x)
			}
		}
	}
	if len(want) != 0 {
		t.Errorf("missing: %v", want)
	}

	b, err := os.ReadFile(filepath.Join(dir, configFile))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"model_type": "gpt2", "vocab_size": 11., "n_positions": 9., "n_ctx": 9., "n_embd": 8., "n_layer": 2., "n_head": 2.,
		"n_inner": nil, "activation_function": "gelu", "layer_norm_epsilon": 1e-5, "tie_word_embeddings": true,
		"scale_attn_weights": true, "resid_pdrop": 0., "embd_pdrop": 0., "attn_pdrop": 0., "eos_token_id": nil,
	} {
		if v, ok := got[key]; !ok || v != want {
			t.Errorf("config.json: %s = %v, want %v", key, v, want)
		}
	}
}

// rewrite replaces a checkpoint's weights file by what change makes of its
// tensors.
func rewrite(t *testing.T, dir string, change func([]safetensors.Tensor) []safetensors.Tensor) {
	t.Helper()
	path := filepath.Join(dir, weightsFile)
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var ts []safetensors.Tensor
	for _, info := range f.Tensors() {
		x := make([]float32, info.Elements())
		if err := f.ReadFloat32(info.Name, x); err != nil {
			t.Fatal(err)
		}
		ts = append(ts, safetensors.Tensor{Name: info.Name, Shape: info.Shape, Data: x})
	}
	f.Close()
	var buf bytes.Buffer
	if err := safetensors.Write(&buf, change(ts), nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// edit replaces text in a file of a checkpoint.
func edit(t *testing.T, dir, file, old, replacement string) {
	t.Helper()
	path := filepath.Join(dir, file)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte(old)) {
		t.Fatalf("%s has no %q", file, old)
	}
	if err := os.WriteFile(path, bytes.Replace(b, []byte(old), []byte(replacement), 1), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestLoadsWhatOthersWrite: the variants in which GPT-2 checkpoints exist.
func TestLoadsWhatOthersWrite(t *testing.T) {
	base := gradientConfigs[1] // with biases
	strip := func(ts []safetensors.Tensor) []safetensors.Tensor {
		for i := range ts {
			ts[i].Name = strings.TrimPrefix(ts[i].Name, hfPrefix)
		}
		return ts
	}
	dropBiases := func(ts []safetensors.Tensor) []safetensors.Tensor {
		return slices.DeleteFunc(ts, func(t safetensors.Tensor) bool { return strings.HasSuffix(t.Name, ".bias") })
	}
	masks := func(prefix string) func([]safetensors.Tensor) []safetensors.Tensor {
		return func(ts []safetensors.Tensor) []safetensors.Tensor {
			return append(ts, safetensors.Tensor{Name: prefix + "h.0.attn.bias", Shape: []int{1, 1, 9, 9}},
				safetensors.Tensor{Name: prefix + "h.0.attn.masked_bias"})
		}
	}
	for _, c := range []struct {
		name   string
		cfg    Config
		change []func([]safetensors.Tensor) []safetensors.Tensor
		config [2]string // replacement in config.json
		bias   bool
	}{
		{name: "no prefix, masks", cfg: base, bias: true, change: []func([]safetensors.Tensor) []safetensors.Tensor{strip, masks("")}},
		{name: "prefix, masks", cfg: base, bias: true, change: []func([]safetensors.Tensor) []safetensors.Tensor{masks(hfPrefix)}},
		{name: "tied output stored", cfg: base, bias: true, change: []func([]safetensors.Tensor) []safetensors.Tensor{
			func(ts []safetensors.Tensor) []safetensors.Tensor {
				return append(ts, safetensors.Tensor{Name: "lm_head.weight", Shape: ts[0].Shape, Data: ts[0].Data})
			}}},
		{name: "not our config", cfg: base, bias: true, config: [2]string{`"transcend"`, `"other"`}},
		{name: "zero biases, not our config", cfg: gradientConfigs[0], bias: true, config: [2]string{`"transcend"`, `"other"`}},
		{name: "no biases in the file", cfg: gradientConfigs[0], bias: false, config: [2]string{`"transcend"`, `"other"`},
			change: []func([]safetensors.Tensor) []safetensors.Tensor{dropBiases}},
		{name: "biases trained into a model of ours", cfg: gradientConfigs[0], bias: true,
			change: []func([]safetensors.Tensor) []safetensors.Tensor{func(ts []safetensors.Tensor) []safetensors.Tensor {
				for i := range ts {
					if strings.HasSuffix(ts[i].Name, "1.ln_2.bias") {
						ts[i].Data[0] = 0.5
					}
				}
				return ts
			}}},
		{name: "n_ctx alone", cfg: base, bias: true, config: [2]string{`"n_positions"`, `"n_something"`}},
		{name: "n_inner spelled out", cfg: base, bias: true, config: [2]string{`"n_inner": null`, `"n_inner": 24`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr, dir := saved(t, c.cfg)
			for _, change := range c.change {
				rewrite(t, dir, change)
			}
			if c.config[0] != "" {
				edit(t, dir, configFile, c.config[0], c.config[1])
			}
			m, err := Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			want := c.cfg
			want.Bias = c.bias
			if m.Config() != want {
				t.Fatalf("configuration %+v, want %+v", m.Config(), want)
			}
			from := map[string][]float32{}
			for _, x := range tr.Model().Tensors() {
				from[x.Name] = x.Data
			}
			for _, x := range m.Tensors() {
				if old, ok := from[x.Name]; ok && !slices.Equal(x.Data, old) && !strings.HasSuffix(x.Name, "1.ln_2.bias") {
					t.Errorf("%s changed", x.Name)
				}
			}
		})
	}
}

func TestLoadsBFloat16(t *testing.T) {
	cfg := gradientConfigs[1]
	tr, dir := saved(t, cfg)
	header, data := map[string]any{}, []byte{}
	for _, x := range tr.model.p.hfTensors(cfg) {
		begin := len(data)
		for _, v := range x.Data {
			data = binary.LittleEndian.AppendUint16(data, uint16(math.Float32bits(v)>>16))
		}
		header[x.Name] = map[string]any{"dtype": "BF16", "shape": x.Shape, "data_offsets": []int{begin, len(data)}}
	}
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	file := append(binary.LittleEndian.AppendUint64(nil, uint64(len(h))), append(h, data...)...)
	if err := os.WriteFile(filepath.Join(dir, weightsFile), file, 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range m.p.flat {
		if want := math.Float32frombits(math.Float32bits(tr.model.p.flat[i]) &^ 0xffff); x != want {
			t.Fatalf("weight %d = %v, want %v", i, x, want)
		}
	}
}

// TestDamagedCheckpoints: each damage is refused with a message that names the
// file and what is wrong in it.
func TestDamagedCheckpoints(t *testing.T) {
	cfg := gradientConfigs[0]
	truncate := func(file string, n int64) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, file)
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, info.Size()-n); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(file string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, file)); err != nil {
				t.Fatal(err)
			}
		}
	}
	config := func(old, replacement string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { edit(t, dir, configFile, old, replacement) }
	}
	tensors := func(change func([]safetensors.Tensor) []safetensors.Tensor) func(*testing.T, string) {
		return func(t *testing.T, dir string) { rewrite(t, dir, change) }
	}
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		load   string // in Load's message; "" when Load does not notice
		resume string // in ResumeTrainer's
	}{
		{"weights truncated", truncate(weightsFile, 5), "truncated", weightsFile},
		{"weights missing", remove(weightsFile), weightsFile, weightsFile},
		{"weights empty", func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, weightsFile), 0); err != nil {
				t.Fatal(err)
			}
		}, "too short", weightsFile},
		{"config missing", remove(configFile), configFile, configFile},
		{"config truncated", truncate(configFile, 10), configFile, configFile},
		{"config of another width", config(`"n_embd": 8`, `"n_embd": 10`), `"transformer.wte.weight" has shape [11 8], config.json makes it [11 10]`, configFile},
		{"config of more layers", config(`"n_layer": 2`, `"n_layer": 3`), `"transformer.h.2.ln_1.weight" is missing`, configFile},
		{"config of fewer layers", config(`"n_layer": 2`, `"n_layer": 1`), `h.1.`, configFile},
		{"config of absurd layers", config(`"n_layer": 2`, `"n_layer": 16000000`), "too few", configFile},
		{"config of absurd width", config(`"n_embd": 8`, `"n_embd": 80000000000`), "width", configFile},
		{"heads do not divide", config(`"n_head": 2`, `"n_head": 3`), "multiple", configFile},
		{"activation", config(`"gelu"`, `"relu"`), `activation_function "relu"`, configFile},
		{"model type", config(`"gpt2"`, `"llama"`), `model_type "llama"`, configFile},
		{"epsilon", config(`0.00001`, `0.000001`), "layer_norm_epsilon", configFile},
		{"untied", config(`"tie_word_embeddings": true`, `"tie_word_embeddings": false`), "tie_word_embeddings", configFile},
		{"scaling", config(`"scale_attn_weights": true`, `"scale_attn_weights": false`), "attention", configFile},
		{"n_inner", config(`"n_inner": null`, `"n_inner": 7`), "n_inner", configFile},
		{"tensor missing", tensors(func(ts []safetensors.Tensor) []safetensors.Tensor { return ts[1:] }), "is missing", weightsFile},
		{"one bias missing", tensors(func(ts []safetensors.Tensor) []safetensors.Tensor {
			return slices.DeleteFunc(ts, func(t safetensors.Tensor) bool { return t.Name == "transformer.h.0.ln_1.bias" })
		}), `"transformer.h.0.ln_1.bias" is missing`, weightsFile},
		{"foreign tensor", tensors(func(ts []safetensors.Tensor) []safetensors.Tensor {
			return append(ts, safetensors.Tensor{Name: "transformer.h.0.rope", Shape: []int{1}})
		}), `"transformer.h.0.rope"`, weightsFile},
		{"transposed tensor", tensors(func(ts []safetensors.Tensor) []safetensors.Tensor {
			slices.Reverse(ts[0].Shape)
			return ts
		}), `shape [8 11]`, weightsFile},
		{"untied output stored", tensors(func(ts []safetensors.Tensor) []safetensors.Tensor {
			return append(ts, safetensors.Tensor{Name: "lm_head.weight", Shape: ts[0].Shape})
		}), "lm_head.weight", weightsFile},
		{"NaN", tensors(func(ts []safetensors.Tensor) []safetensors.Tensor {
			ts[3].Data[1] = float32(math.NaN())
			return ts
		}), "NaN", weightsFile},
		{"optimizer missing", remove(optimizerFile), "", optimizerFile},
		{"optimizer truncated", truncate(optimizerFile, 1), "", optimizerFile},
		{"trainer missing", remove(trainerFile), "", trainerFile},
		{"trainer truncated", truncate(trainerFile, 3), "", trainerFile},
		{"extra file changed", func(t *testing.T, dir string) { edit(t, dir, "tokenizer.json", "move", "char") }, "", "tokenizer.json"},
		{"newer format", func(t *testing.T, dir string) { edit(t, dir, trainerFile, `"format": 1`, `"format": 2`) }, "", "format 2"},
		{"unknown setting", func(t *testing.T, dir string) { edit(t, dir, trainerFile, `"rows"`, `"nesterov"`) }, "", "nesterov"},
		{"impossible setting", func(t *testing.T, dir string) { edit(t, dir, trainerFile, `"rows": 4`, `"rows": -4`) }, "", "rows is -4"},
		{"negative step", func(t *testing.T, dir string) { edit(t, dir, trainerFile, `"step": 2`, `"step": -2`) }, "", "step -2"},
		{"file outside", func(t *testing.T, dir string) { edit(t, dir, trainerFile, `"tokenizer.json"`, `"../tokenizer.json"`) }, "", "plain file name"},
		{"weights not listed", func(t *testing.T, dir string) {
			edit(t, dir, trainerFile, `"model.safetensors"`, `"other.safetensors"`)
		}, "", "does not list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, dir := saved(t, cfg)
			c.damage(t, dir)
			check := func(err error, want string) {
				t.Helper()
				if !errors.Is(err, ErrCheckpoint) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
					t.Errorf("error = %v, want ErrCheckpoint with %q and the directory", err, want)
				}
			}
			_, err := Load(dir)
			if c.load == "" {
				if err != nil {
					t.Errorf("Load = %v", err)
				}
			} else {
				check(err, c.load)
			}
			_, err = resume(dir, cfg)
			check(err, c.resume)
		})
	}
}

// TestAnyBitFlipIsNoticed flips random bits in every file.
func TestAnyBitFlipIsNoticed(t *testing.T) {
	cfg := gradientConfigs[3]
	_, dir := saved(t, cfg)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{configFile, weightsFile, optimizerFile, "tokenizer.json"} {
		path := filepath.Join(dir, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			bad := slices.Clone(good)
			bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
			if err := os.WriteFile(path, bad, 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := resume(dir, cfg); !errors.Is(err, ErrCheckpoint) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s with a flipped bit: %v", name, err)
			}
			if _, err := Load(dir); err != nil && !errors.Is(err, ErrCheckpoint) {
				t.Errorf("%s with a flipped bit: Load: %v", name, err)
			}
		}
		if err := os.WriteFile(path, good, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := resume(dir, cfg); err != nil {
		t.Fatal(err)
	}
}

// TestOptimizerOfAnotherModel: moments that belong to other weights, with
// digests that are right.
func TestOptimizerOfAnotherModel(t *testing.T) {
	a, dir := saved(t, gradientConfigs[0])
	other, err := newOptimizer(gradientConfigs[3], smallTrain)
	if err != nil {
		t.Fatal(err)
	}
	state, err := a.state()
	if err != nil {
		t.Fatal(err)
	}
	a.opt = other
	a.cfg = smallTrain
	a.model = mustNew(t, gradientConfigs[3], 1)
	out := t.TempDir()
	if err := a.writeFiles(out, state, nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{configFile, weightsFile} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(out, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
		d, err := writeHashed(filepath.Join(t.TempDir(), "x"), bytesWriter(b))
		if err != nil {
			t.Fatal(err)
		}
		state.Files[name] = d
	}
	b, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(out, trainerFile), b, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := resume(out, gradientConfigs[0]); !errors.Is(err, ErrCheckpoint) || !strings.Contains(err.Error(), optimizerFile) {
		t.Errorf("error = %v", err)
	}
}

// brokenSource cannot say where it is, or cannot go back there.
type brokenSource struct{ *syntheticSource }

var errBroken = errors.New("lost the place")

func (brokenSource) State() ([]byte, error) { return nil, errBroken }
func (brokenSource) Restore([]byte) error   { return errBroken }

func TestSaveFailuresLeaveNothing(t *testing.T) {
	cfg := gradientConfigs[0]
	root := t.TempDir()
	tr, dir := saved(t, cfg)
	if err := tr.Save(dir, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("saving over a checkpoint: %v", err)
	}
	for _, name := range []string{"", ".", "..", "a/b", `a\b`, "../x", configFile, weightsFile, optimizerFile, trainerFile, keepFile} {
		if err := tr.Save(filepath.Join(root, "x"), map[string][]byte{name: nil}); err == nil {
			t.Errorf("extra file %q was accepted", name)
		}
	}
	bad, err := NewTrainer(mustNew(t, cfg, 1), smallTrain, brokenSource{newSyntheticSource(cfg.Vocab, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if err := bad.Save(filepath.Join(root, "x"), nil); !errors.Is(err, errBroken) {
		t.Errorf("source without a state: %v", err)
	}
	if entries, _ := os.ReadDir(root); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
	if _, err := ResumeTrainer(dir, brokenSource{newSyntheticSource(cfg.Vocab, 1)}); !errors.Is(err, errBroken) || !errors.Is(err, ErrCheckpoint) {
		t.Errorf("source that cannot go back: %v", err)
	}
	// A broken directory in the way is replaced.
	if err := os.Remove(filepath.Join(dir, weightsFile)); err != nil {
		t.Fatal(err)
	}
	if err := tr.Save(dir, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := resume(dir, cfg); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(dir)); len(entries) != 1 {
		t.Errorf("beside the checkpoint: %v", entries)
	}
}

func TestLatestAndPrune(t *testing.T) {
	runDir := t.TempDir()
	if _, err := LatestCheckpoint(runDir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("empty run: %v", err)
	}
	if _, err := LatestCheckpoint(filepath.Join(runDir, "nowhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no run: %v", err)
	}
	tr := newSmallTrainer(t, gradientConfigs[0])
	for step := 1; step <= 6; step++ {
		mustStep(t, tr)
		if err := tr.Save(filepath.Join(runDir, CheckpointName(step)), nil); err != nil {
			t.Fatal(err)
		}
	}
	at := func(step int) string { return filepath.Join(runDir, CheckpointName(step)) }
	latest := func(want int) {
		t.Helper()
		if got, err := LatestCheckpoint(runDir); err != nil || got != at(want) {
			t.Errorf("latest = %s, %v, want %s", got, err, at(want))
		}
	}
	latest(6)
	// What is not a checkpoint, or not a complete one.
	for _, name := range []string{"checkpoint-00000009.tmp-1234", "checkpoint-9", "checkpoint-000000010", "checkpoint-", "checkpoint--0000001"} {
		if err := os.Mkdir(filepath.Join(runDir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(runDir, "checkpoint-00000011"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	latest(6)
	if err := os.Truncate(filepath.Join(at(6), optimizerFile), 100); err != nil {
		t.Fatal(err)
	}
	latest(5)

	if err := os.WriteFile(filepath.Join(at(2), keepFile), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := PruneCheckpoints(runDir, 0); err == nil {
		t.Error("pruning to nothing was accepted")
	}
	if err := PruneCheckpoints(runDir, 2); err != nil {
		t.Fatal(err)
	}
	steps, err := checkpoints(runDir)
	if err != nil {
		t.Fatal(err)
	}
	// 6 is broken, 5 and 4 are the newest, 2 is marked.
	if want := []int{6, 5, 4, 2}; !slices.Equal(steps, want) {
		t.Errorf("left %v, want %v", steps, want)
	}
	if left, _ := filepath.Glob(filepath.Join(runDir, "*.tmp-*")); len(left) != 0 {
		t.Errorf("temporaries left: %v", left)
	}
	if _, err := resume(at(2), gradientConfigs[0]); err != nil {
		t.Errorf("marked checkpoint: %v", err)
	}
	for _, step := range []int{5, 4, 2} {
		if err := os.Remove(filepath.Join(at(step), trainerFile)); err != nil {
			t.Fatal(err)
		}
	}
	_, err = LatestCheckpoint(runDir)
	if !errors.Is(err, ErrCheckpoint) || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), at(4)) {
		t.Errorf("only broken checkpoints: %v", err)
	}
}

func FuzzConfigFile(f *testing.F) {
	b, err := json.Marshal(newHFConfig(smallConfig))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"n_layer":1,"n_head":1,"n_embd":1,"n_positions":1,"vocab_size":1,"activation_function":"gelu_new"}`))
	f.Add([]byte(`{"n_layer":9223372036854775807,"n_head":1,"n_embd":16777216}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h hfConfig
		if json.Unmarshal(b, &h) != nil {
			return
		}
		c, err := h.config()
		if err != nil {
			return
		}
		if n := c.NumParams(); n <= 0 || float64(n) != c.paramsFloat() {
			t.Fatalf("%+v has %d parameters", c, n)
		}
		again, err := newHFConfig(c).config()
		if err != nil || again != c {
			t.Fatalf("%+v became %+v, %v", c, again, err)
		}
	})
}

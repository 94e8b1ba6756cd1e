package model

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// decodeAll feeds a long sequence and returns all logits on the way.
func decodeAll(t *testing.T, m *Model, o BatchOptions) []float32 {
	t.Helper()
	d := m.NewBatchDecoder(o)
	s := d.NewSequence()
	var all []float32
	for i := range m.Config().Context {
		step := []Step{{Sequence: s, Tokens: []int32{int32((i*i + 3) % m.Config().Vocab)}}}
		if err := d.Append(step); err != nil {
			t.Fatal(err)
		}
		all = append(all, step[0].Logits...)
	}
	return all
}

// What was exported in bf16 and read again decodes to the same bits in bf16 as the model itself.
func TestExportDecodesTheSame(t *testing.T) {
	for _, bias := range []bool{false, true} {
		m, err := New(Config{Layers: 2, Heads: 2, Width: 32, Context: 24, Vocab: 53, Bias: bias, Activation: "gelu"}, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, weights := range []Format{F32, BF16} {
			dir := filepath.Join(t.TempDir(), "x")
			if err := m.Export(dir, weights, map[string][]byte{"card.json": []byte("{}")}); err != nil {
				t.Fatal(err)
			}
			got, err := Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			if got.Config() != m.Config() {
				t.Errorf("configuration %+v, was %+v", got.Config(), m.Config())
			}
			a, b := decodeAll(t, m, BatchOptions{Weights: weights}), decodeAll(t, got, BatchOptions{Weights: weights})
			for i := range a {
				if a[i] != b[i] {
					t.Fatalf("%s, bias %v: logit %d is %v, was %v", weights, bias, i, b[i], a[i])
				}
			}
			if weights == BF16 {
				f32 := decodeAll(t, m, BatchOptions{})
				same := true
				for i := range a {
					same = same && a[i] == f32[i]
				}
				if same {
					t.Error("bf16 rounds nothing: the test sees no difference")
				}
			}
			if err := m.Export(dir, weights, nil); !errors.Is(err, fs.ErrExist) {
				t.Errorf("exporting over something: %v", err)
			}
		}
	}
}

func TestExportRefuses(t *testing.T) {
	m, err := New(Config{Layers: 1, Heads: 1, Width: 8, Context: 4, Vocab: 5, Activation: "gelu"}, 7)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "x")
	if err := m.Export(dir, Int8, nil); err == nil || !strings.Contains(err.Error(), "int8") {
		t.Errorf("int8: %v", err)
	}
	for _, name := range []string{"../x", configFile, ""} {
		if err := m.Export(dir, BF16, map[string][]byte{name: nil}); err == nil {
			t.Errorf("file %q: no error", name)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a refused export left something")
	}
}

// Whatever is wrong with files that are embedded, loading says which and wraps ErrCheckpoint.
func TestLoadFSRefusesDamage(t *testing.T) {
	m, err := New(Config{Layers: 1, Heads: 2, Width: 16, Context: 8, Vocab: 11, Activation: "gelu"}, 7)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "x")
	if err := m.Export(dir, BF16, nil); err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(dir, configFile))
	if err != nil {
		t.Fatal(err)
	}
	weights, err := os.ReadFile(filepath.Join(dir, weightsFile))
	if err != nil {
		t.Fatal(err)
	}
	files := func(config, weights []byte) fstest.MapFS {
		return fstest.MapFS{configFile: {Data: config}, weightsFile: {Data: weights}}
	}
	if _, err := LoadFS(files(config, weights), "embedded"); err != nil {
		t.Fatalf("whole: %v", err)
	}
	nan := append([]byte(nil), weights...)
	nan[len(nan)-1], nan[len(nan)-2] = 0x7f, 0xc0 // of the last tensor, which is float32
	for name, c := range map[string]struct {
		files fstest.MapFS
		file  string
	}{
		"no config":      {fstest.MapFS{weightsFile: {Data: weights}}, configFile},
		"no weights":     {fstest.MapFS{configFile: {Data: config}}, weightsFile},
		"cut":            {files(config, weights[:len(weights)-1]), weightsFile},
		"longer":         {files(config, append(weights[:len(weights):len(weights)], 0)), weightsFile},
		"cut header":     {files(config, weights[:100]), weightsFile},
		"NaN":            {files(config, nan), weightsFile},
		"another width":  {files([]byte(strings.Replace(string(config), `"n_embd": 16`, `"n_embd": 32`, 1)), weights), weightsFile},
		"absurd context": {files([]byte(strings.Replace(string(config), `"n_positions": 8`, `"n_positions": 16000000`, 1)), weights), weightsFile},
		"integers":       {files(config, []byte(strings.Replace(string(weights), `"BF16"`, `"I16" `, 1))), weightsFile},
	} {
		_, err := LoadFS(c.files, "embedded")
		if !errors.Is(err, ErrCheckpoint) || !strings.Contains(err.Error(), "embedded") || !strings.Contains(err.Error(), c.file) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package gpt2

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"transcend/kg/eval"
	"transcend/model"
)

// tiny is a random GPT-2 that testdata/reference.py wrote.
const tiny = "testdata/tiny"

// question is one of reference.json.
type question struct {
	Prompt, Answer     string
	IDs, Right, Greedy []int32
	Probability        map[string]float64
	Logits             []float64
}

// Text becomes the tokens, tokens the logits, and answers the probabilities that an
// implementation in PyTorch gives for the same four files.
func TestAgainstTorch(t *testing.T) {
	t.Run("stored", func(t *testing.T) { compare(t, tiny) })
	t.Run("now", func(t *testing.T) {
		pythons := []string{"python3", "/usr/bin/python3"}
		i := slices.IndexFunc(pythons, func(p string) bool { return exec.Command(p, "-c", "import torch").Run() == nil })
		if i < 0 {
			t.Skip("there is no python3 with torch (python3-torch); what it wrote before was compared")
		}
		dir := t.TempDir()
		if out, err := exec.Command(pythons[i], "testdata/reference.py", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		compare(t, dir)
	})
}

// compare compares with the reference.json of a directory.
func compare(t *testing.T, dir string) {
	m, tok, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want []question
	if err := json.Unmarshal(b, &want); err != nil || len(want) < 4 {
		t.Fatal(len(want), err)
	}
	for _, w := range want {
		if ids := tok.AppendText(nil, w.Prompt); !slices.Equal(ids, w.IDs) {
			t.Errorf("%q is %v, want %v", w.Prompt, ids, w.IDs)
		}
		if ids := tok.AppendText(nil, w.Prompt+w.Answer); !slices.Equal(ids[len(w.IDs):], w.Right) {
			t.Errorf("%q is %v, want %v", w.Answer, ids[len(w.IDs):], w.Right)
		}
		logits, err := m.NewDecoder().Append(w.IDs...)
		if err != nil {
			t.Fatal(err)
		}
		for id, x := range logits {
			if math.Abs(float64(x)-w.Logits[id]) > 1e-3 {
				t.Fatalf("%q: logit %d is %v, want %v", w.Prompt, id, x, w.Logits[id])
			}
		}
		qs := []eval.Question{{Prompt: w.IDs, Answers: [][]int32{w.Right}}, {Prompt: w.IDs, Answers: [][]int32{w.Greedy}}}
		r, err := eval.Facts(context.Background(), m, qs, eval.Options{Temperatures: []float64{0, 0.5, 1, 1.5}})
		if err != nil {
			t.Fatal(err)
		}
		if r.Right[0][0] != 0 || r.Right[0][1] != 1 {
			t.Errorf("%q: greedy %v, want 0 and 1", w.Prompt, r.Right[0])
		}
		for k, temp := range []string{"0.5", "1.0", "1.5"} {
			if got, p := r.Right[k+1][0], w.Probability[temp]; math.Abs(math.Log(got)-math.Log(p)) > 1e-3 {
				t.Errorf("%q at %s: %g, want %g", w.Prompt, temp, got, p)
			}
		}
	}
}

// What is exported has Hugging Face's names and shapes, so it loads again.
func TestExportLoads(t *testing.T) {
	m, tok, err := Load(tiny)
	if err != nil {
		t.Fatal(err)
	}
	files, err := tok.Files()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	if err := m.Export(dir, model.F32, files); err != nil {
		t.Fatal(err)
	}
	again, _, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range again.Tensors() {
		if !slices.Equal(x.Data, m.Tensors()[i].Data) {
			t.Errorf("%s came back otherwise", x.Name)
		}
	}
}

// copyTiny copies the four files, each through change.
func copyTiny(t *testing.T, change func(name string, b []byte) []byte) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range Files {
		b, err := os.ReadFile(filepath.Join(tiny, name))
		if err != nil {
			t.Fatal(err)
		}
		if b = change(name, b); b == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// reshape changes the header of a safetensors file.
func reshape(t *testing.T, b []byte, change func(header map[string]map[string]any)) []byte {
	t.Helper()
	n := binary.LittleEndian.Uint64(b)
	var header map[string]map[string]any
	if err := json.Unmarshal(b[8:8+n], &header); err != nil {
		t.Fatal(err)
	}
	change(header)
	head, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	for len(head)%8 != 0 {
		head = append(head, ' ')
	}
	return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head, b[8+n:])
}

// Wrong files are errors that name the file and what is wrong with it.
func TestWrongFiles(t *testing.T) {
	only := func(file string, change func(b []byte) []byte) func(string, []byte) []byte {
		return func(name string, b []byte) []byte {
			if name == file {
				return change(b)
			}
			return b
		}
	}
	drop := func([]byte) []byte { return nil }
	swap := func(from, to string) func([]byte) []byte {
		return func(b []byte) []byte { return bytes.Replace(b, []byte(from), []byte(to), 1) }
	}
	for name, c := range map[string]struct {
		change func(string, []byte) []byte
		want   []string
	}{
		"no weights":    {only("model.safetensors", drop), []string{"model.safetensors"}},
		"no vocabulary": {only("vocab.json", drop), []string{"vocab.json"}},
		"no merges":     {only("merges.txt", drop), []string{"merges.txt"}},
		"cut off":       {only("model.safetensors", func(b []byte) []byte { return b[:len(b)-100] }), []string{"model.safetensors"}},
		// nn.Linear has outputs by inputs.
		"transposed": {only("model.safetensors", func(b []byte) []byte {
			return reshape(t, b, func(h map[string]map[string]any) { h["h.0.attn.c_attn.weight"]["shape"] = []int{36, 12} })
		}), []string{"model.safetensors", "h.0.attn.c_attn.weight", "[36 12]", "[12 36]"}},
		"misnamed": {only("model.safetensors", func(b []byte) []byte {
			return reshape(t, b, func(h map[string]map[string]any) {
				h["h.1.ln_1.gamma"] = h["h.1.ln_1.weight"]
				delete(h, "h.1.ln_1.weight")
			})
		}), []string{"h.1.ln_1.weight"}},
		"another shape":       {only("config.json", swap(`"n_layer": 2`, `"n_layer": 3`)), []string{"h.2."}},
		"another kind":        {only("config.json", swap(`"model_type": "gpt2"`, `"model_type": "llama"`)), []string{"llama"}},
		"no JSON":             {only("config.json", func([]byte) []byte { return []byte("{") }), []string{"config.json"}},
		"another vocabulary":  {only("vocab.json", swap(`, "<|endoftext|>"`, `, "extra": 265, "<|endoftext|>"`)), []string{"vocab.json"}},
		"a broken vocabulary": {only("vocab.json", func([]byte) []byte { return []byte("[]") }), []string{"vocab.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Load(copyTiny(t, c.change))
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not name %q", err, w)
				}
			}
		})
	}
	if _, _, err := Load(filepath.Join(tiny, "config.json")); err == nil {
		t.Error("a file is no directory")
	}
	if _, _, err := Load(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("nothing is no directory")
	}
}

// Padded embeddings are accepted, a model with fewer tokens than the vocabulary is not.
func TestVocabularySizes(t *testing.T) {
	more := copyTiny(t, func(name string, b []byte) []byte {
		if name != "vocab.json" {
			return b
		}
		var ids map[string]int32
		if err := json.Unmarshal(b, &ids); err != nil {
			t.Fatal(err)
		}
		ids["zz"] = int32(len(ids))
		b, _ = json.Marshal(ids)
		return b
	})
	if _, _, err := Load(more); err == nil || !strings.Contains(err.Error(), "tokens") {
		t.Errorf("a vocabulary larger than the model's: %v", err)
	}
}

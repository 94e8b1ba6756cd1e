package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"transcend/model/internal/phases"
	"transcend/model/safetensors"
)

// golden is one file of testdata/torch: what PyTorch's autograd computed in
// float64 for the same network (testdata/torch_golden.py).
type golden struct {
	t     testing.TB
	f     *safetensors.File
	cfg   Config
	train TrainConfig
}

func openGoldens(t *testing.T) map[string]*golden {
	t.Helper()
	paths, err := filepath.Glob("testdata/torch/*.safetensors")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	gs := map[string]*golden{}
	for _, path := range paths {
		f, err := safetensors.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		g := &golden{t: t, f: f}
		if err := json.Unmarshal([]byte(f.Metadata()["config"]), &g.cfg); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(f.Metadata()["train"]), &g.train); err != nil {
			t.Fatal(err)
		}
		gs[filepath.Base(path)] = g
	}
	return gs
}

func (g *golden) floats(name string) []float32 {
	g.t.Helper()
	info, ok := g.f.Lookup(name)
	if !ok {
		g.t.Fatalf("golden file has no %q", name)
	}
	x := make([]float32, info.Elements())
	if err := g.f.ReadFloat32(name, x); err != nil {
		g.t.Fatal(err)
	}
	return x
}

func (g *golden) ints(name string) []int32 {
	var out []int32
	for _, x := range g.floats(name) {
		out = append(out, int32(x))
	}
	return out
}

func (g *golden) batch(prefix string) *Batch {
	info, _ := g.f.Lookup(prefix + ".tokens")
	b := &Batch{
		Rows: info.Shape[0], Context: info.Shape[1],
		Tokens: g.ints(prefix + ".tokens"), Targets: g.ints(prefix + ".targets"),
		Positions: g.ints(prefix + ".positions"), SegmentStart: g.ints(prefix + ".segment_start"),
	}
	if b.ExtraSlots = g.cfg.ExtraSlots; b.ExtraSlots > 0 {
		b.Extras = g.ints(prefix + ".extras")
	}
	return b
}

func (g *golden) model() *Model {
	m := mustNew(g.t, g.cfg, 0)
	for _, t := range m.Tensors() {
		copy(t.Data, g.floats("param."+t.Name))
	}
	return m
}

// compare fails when got and want differ by more than tolerance times the
// largest absolute value of want.
func compare(t *testing.T, what string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s has %d numbers, want %d", what, len(got), len(want))
	}
	var largest, worst float64
	at := 0
	for i, w := range want {
		largest = max(largest, math.Abs(float64(w)))
		if d := math.Abs(float64(got[i]) - float64(w)); !(d <= worst) {
			worst, at = d, i
		}
	}
	if !(worst <= tolerance*largest) {
		t.Errorf("%s[%d] = %v, PyTorch has %v: off by %.1e of the largest, tolerance %.1e", what, at, got[at], want[at], worst/largest, tolerance)
	}
}

// The tolerance of one pass in float32 (unit roundoff 6e-8): some hundred
// additions on the longest path from a parameter to the loss and back.
const torchTolerance = 1e-5

func TestPyTorchLogitsLossAndGradients(t *testing.T) {
	for name, g := range openGoldens(t) {
		t.Run(name, func(t *testing.T) {
			m, b := g.model(), g.batch("batch")
			want := g.floats("logits")
			// The loss's visitor shows tokens with a target; here all have one.
			all := *b
			all.Targets = make([]int32, len(b.Targets))
			var got []float32
			_, err := m.NewEvaluator().EachLogits(&all, func(_ int, logits []float32) { got = append(got, logits...) })
			if err != nil {
				t.Fatal(err)
			}
			compare(t, "logits", got, want, torchTolerance)

			grads := newParams(m.cfg)
			nw := newNetwork(m, phases.NewPool(), true)
			e := nw.lossAndGradient(b, grads, 1/float64(b.TargetCount()), true)
			compare(t, "loss", []float32{float32(e.Loss())}, g.floats("loss"), torchTolerance)
			for _, tensor := range grads.tensors(m.cfg) {
				compare(t, "gradient of "+tensor.Name, tensor.Data, g.floats("grad."+tensor.Name), torchTolerance)
			}
		})
	}
}

// listSource gives a fixed list of batches.
type listSource struct {
	batches []*Batch
	next    int
}

func (s *listSource) Next(b *Batch) error {
	if s.next == len(s.batches) {
		return errors.New("no more batches")
	}
	*b = *s.batches[s.next]
	s.next++
	return nil
}

func (s *listSource) State() ([]byte, error) { return json.Marshal(s.next) }

func (s *listSource) Restore(b []byte) error { return json.Unmarshal(b, &s.next) }

func TestPyTorchAdamW(t *testing.T) {
	trained := 0
	for name, g := range openGoldens(t) {
		if _, ok := g.f.Lookup("train.losses"); !ok {
			continue
		}
		trained++
		t.Run(name, func(t *testing.T) {
			m, src := g.model(), &listSource{}
			losses, norms := g.floats("train.losses"), g.floats("train.norms")
			for i := range len(losses) * g.train.Accumulate {
				src.batches = append(src.batches, g.batch(fmt.Sprintf("train.%d", i)))
			}
			tr, err := NewTrainer(m, g.train, src)
			if err != nil {
				t.Fatal(err)
			}
			clipped := 0
			for i := range losses {
				s, err := tr.Step()
				if err != nil {
					t.Fatal(err)
				}
				compare(t, fmt.Sprintf("loss of step %d", i), []float32{float32(s.Loss)}, losses[i:i+1], torchTolerance)
				compare(t, fmt.Sprintf("gradient norm of step %d", i), []float32{float32(s.GradNorm)}, norms[i:i+1], 1e-4)
				if s.GradNorm > g.train.ClipNorm {
					clipped++
				}
			}
			if clipped == 0 {
				t.Error("no step was clipped, the test does not show clipping")
			}
			for _, tensor := range m.Tensors() {
				got, start, want := tensor.Data, g.floats("param."+tensor.Name), g.floats("trained."+tensor.Name)
				if strings.HasSuffix(tensor.Name, "c_attn.bias") {
					// A bias of the keys shifts all scores of a softmax alike:
					// its gradient is zero but for rounding, which AdamW
					// scales up to full steps.
					w := g.cfg.Width
					copy(got[w:2*w], want[w:2*w])
				}
				// The steps are what is compared, not the weights they start
				// from: a step is lr in size whatever the gradient is.
				for i := range got {
					got[i] -= start[i]
					want[i] -= start[i]
				}
				compare(t, "change of "+tensor.Name, got, want, 1e-3)
			}
		})
	}
	if trained == 0 {
		t.Fatal("no golden file has training steps")
	}
}

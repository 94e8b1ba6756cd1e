package model

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestOptimizers: every optimizer moves every tensor, the hidden matrices in a way of its
// own, keeps exactly the moments that it is said to keep, and has them in the checkpoint.
func TestOptimizers(t *testing.T) {
	hidden := map[string]string{} // weights after two steps → optimizer
	for _, name := range Optimizers() {
		tr := newTrainer(t, smallExtras, withOptimizer(name, 0))
		before := slices.Clone(tr.model.p.flat)
		mustStep(t, tr)
		mustStep(t, tr)
		var saved []string
		for _, s := range tr.optimizerTensors() {
			saved = append(saved, s.Name)
		}
		var want []string
		for _, l := range Layout(smallExtras) {
			at := func(flat []float32) []float32 { return flat[l.At : l.At+l.Size] }
			if slices.Equal(at(before), at(tr.model.p.flat)) {
				t.Errorf("%s does not update %s", name, l.Name)
			}
			moments := tr.cfg.Moments(l)
			if len(moments) < 1 || len(moments) > 2 {
				t.Fatalf("%s keeps %q of %s", name, moments, l.Name)
			}
			for i, flat := range [][]float32{tr.opt.m, tr.opt.v} {
				empty := !slices.ContainsFunc(at(flat), func(x float32) bool { return x != 0 })
				if empty != (i >= len(moments)) {
					t.Errorf("%s keeps %q of %s, but moment %d is zero: %v", name, moments, l.Name, i+1, empty)
				}
			}
			for _, moment := range moments {
				want = append(want, moment+"."+l.Name)
			}
			if by := tr.cfg.OptimizerOf(l); !l.Hidden && by != OptimizerAdamW || l.Hidden && by != name {
				t.Errorf("%s: %s updates %s", name, by, l.Name)
			}
			if strings.HasSuffix(l.Name, "h.0.mlp.c_fc.weight") {
				key := fmt.Sprint(at(tr.model.p.flat))
				if other, ok := hidden[key]; ok {
					t.Errorf("%s makes the steps of %s", name, other)
				}
				hidden[key] = name
			}
		}
		slices.Sort(saved)
		slices.Sort(want)
		if !slices.Equal(saved, want) {
			t.Errorf("%s: the checkpoint has %q, want %q", name, saved, want)
		}
	}
	if len(hidden) != len(Optimizers()) {
		t.Errorf("%d ways to update of %d optimizers", len(hidden), len(Optimizers()))
	}
}

// TestMomentsOfCheckpoints: the names are torch.optim's, and those of every checkpoint.
func TestMomentsOfCheckpoints(t *testing.T) {
	for name, want := range map[string][]string{OptimizerAdamW: {"exp_avg", "exp_avg_sq"}, OptimizerMuon: {"momentum_buffer"}} {
		for _, l := range Layout(smallConfig) {
			if got := (TrainConfig{Optimizer: name}).Moments(l); l.Hidden && !slices.Equal(got, want) {
				t.Errorf("%s keeps %q of %s, want %q", name, got, l.Name, want)
			} else if !l.Hidden && len(got) != 2 {
				t.Errorf("AdamW keeps %q of %s", got, l.Name)
			}
		}
	}
}

// TestUnknownOptimizer: nobody makes another's steps for a name that there is not.
func TestUnknownOptimizer(t *testing.T) {
	tc := withOptimizer("sgd", 0)
	if _, err := newOptimizer(smallConfig, tc); !errors.Is(err, ErrTrainConfig) || !strings.Contains(err.Error(), `"sgd"`) {
		t.Errorf("error = %v", err)
	}
	if err := tc.Validate(); !errors.Is(err, ErrTrainConfig) || !strings.Contains(err.Error(), strings.Join(Optimizers(), ", ")) {
		t.Errorf("Validate = %v", err)
	}
	for _, l := range Layout(smallConfig) {
		if l.Hidden && tc.Moments(l) != nil {
			t.Errorf("it keeps %q of %s", tc.Moments(l), l.Name)
		}
	}
}

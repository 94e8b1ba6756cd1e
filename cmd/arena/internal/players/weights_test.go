package players

import (
	"io"
	"testing"

	"transcend/internal/cli"
	"transcend/model"
)

func TestParseWeights(t *testing.T) {
	for name, want := range map[string]model.BatchOptions{
		"": {}, "f32": {},
		"bf16": {Weights: model.BF16, Cache: model.BF16},
		"int8": {Weights: model.Int8, Cache: model.BF16},
	} {
		if got, err := ParseWeights(name); err != nil || got != want {
			t.Errorf("%q: %+v, %v", name, got, err)
		}
	}
	for level, want := range map[string]model.Format{"gonum": model.F32, "avx512": model.F32, "amx": model.BF16} {
		t.Setenv("TRANSCEND_BLAS", level)
		got, err := ParseWeights("auto")
		if err != nil {
			t.Logf("no level %s here: %v", level, err)
		} else if got.Weights != want {
			t.Errorf("auto at level %s: %v", level, got.Weights)
		}
	}
	if _, err := ParseWeights("bf61"); cli.Fail(io.Discard, "arena", err) != 2 {
		t.Errorf("bf61: %v", err)
	}
	if got := WithFormat("run@5 T=1", model.BatchOptions{Weights: model.Int8}); got != "run@5 T=1 int8" {
		t.Errorf("named %q", got)
	}
}

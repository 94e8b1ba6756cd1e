package theory

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"transcend/internal/figure"
)

func TestReport(t *testing.T) {
	r := NewReport(Toy(), []float64{0, 0.1, 1})
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"0.300 0.400 0.300", "0.051 0.899 0.051", "all below 1 transcend", "the left side is 0.0000", "R(argmax) = 1.0000, above by 0.6000", "R(mixture) = 0.4000, equal",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	// Under softmax of probabilities the mixture equals the experts at exp(0.1/tau) = 4/3.
	if want := 0.1 / math.Log(4./3); math.Abs(r.Highest[Probabilities]-want) > 1e-6 {
		t.Errorf("highest %v, want %v", r.Highest[Probabilities], want)
	}
	b.Reset()
	if err := NewReport(Edge(), []float64{0.1}).WriteText(&b); err != nil || !strings.Contains(b.String(), "the converse of Proposition 2 fails") {
		t.Errorf("error %v, edge not said: %s", err, b.String())
	}
	if _, err := figure.WriteAll(filepath.Clean(t.TempDir()), r.Pictures()); err != nil {
		t.Error(err)
	}
}

package analyze

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"gonum.org/v1/plot/vg/draw"

	"transcend/analysis"
	"transcend/cmd/internal/compute/computetest"
	"transcend/internal/cli"
	"transcend/internal/figure"
)

type doubled struct{ Sum int }

func (d doubled) WriteText(w io.Writer) error {
	_, err := fmt.Fprintf(w, "sum %d\n", d.Sum)
	return err
}

func (doubled) Pictures() []figure.Picture {
	return []figure.Picture{{Name: "empty", Width: 50, Height: 50, Draw: func(draw.Canvas, bool) {}}}
}

// counting is an analysis of ten parts that is interrupted after stop of them.
func counting(stop int, computed *int) *command {
	return &command{
		name: "count", about: "counts", help: "It counts.", examples: []string{"chesstrain analyze count --step 2"}, model: true,
		begin: func(fs *pflag.FlagSet) workFunc {
			step := fs.Int("step", 2, "what a part is")
			return func(ctx context.Context, a *analyzing) (analysis.Result, error) {
				j, err := a.journal(1, *step)
				if err != nil {
					return nil, err
				}
				defer j.Close()
				var d doubled
				for i := range 10 {
					a.progress(float64(i)/10, "part %d", i)
					var part int
					done, err := j.Get(fmt.Sprint(i), &part)
					if err != nil {
						return nil, err
					}
					if !done {
						if *computed == stop {
							return nil, context.Canceled
						}
						*computed++
						part = i * *step
						if err := j.Put(fmt.Sprint(i), part); err != nil {
							return nil, err
						}
					}
					d.Sum += part
				}
				return d, nil
			}
		},
	}
}

func TestAnalyzeGoesOn(t *testing.T) {
	computetest.Keep(t)
	out := t.TempDir()
	var stdout, stderr bytes.Buffer
	computed := 0
	args := []string{"--out", out, "--run", "nowhere", "--step=3"}
	if err := counting(4, &computed).run(context.Background(), &stdout, &stderr, args); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := counting(99, &computed).run(context.Background(), &stdout, &stderr, args); err != nil {
		t.Fatal(err)
	}
	if computed != 10 || stdout.String() != "sum 135\n" {
		t.Errorf("computed %d parts, printed %q", computed, stdout.String())
	}
	var report struct {
		Analysis, Command string
		Pictures          []string
		Result            doubled
	}
	b, err := os.ReadFile(filepath.Join(out, "count", "report.json"))
	if err == nil {
		err = json.Unmarshal(b, &report)
	}
	if err != nil || report.Analysis != "count" || report.Result.Sum != 135 || len(report.Pictures) != 2 ||
		!strings.HasPrefix(report.Command, "chesstrain analyze count --out ") {
		t.Errorf("report.json: %v\n%s", err, b)
	}
	for _, name := range append(report.Pictures, "report.txt") {
		if info, err := os.Stat(filepath.Join(out, "count", name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Other settings begin anew.
	if err := counting(99, &computed).run(context.Background(), io.Discard, &stderr, []string{"--out", out, "--seed", "2"}); err != nil || computed != 20 {
		t.Errorf("with another seed: %d parts so far, %v", computed, err)
	}
	stdout.Reset()
	if err := counting(99, &computed).run(context.Background(), &stdout, &stderr, []string{"--help"}); !errors.Is(err, pflag.ErrHelp) ||
		!strings.Contains(stdout.String(), "--step int") || !strings.Contains(stdout.String(), "--model string") || strings.Contains(stdout.String(), "--corpus") {
		t.Errorf("help: %v\n%s", err, stdout.String())
	}
}

func TestAnalyzeErrors(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "analyze list"},
		{[]string{"nothing"}, "there is no analysis"},
		{[]string{"--json"}, "the name of the analysis comes first"},
		{[]string{"favor", "--model", "shipped", "--temps", "0.5", "--games", "1", "--out", t.TempDir()}, "1 is missing, which gains are over"},
	} {
		var stdout, stderr bytes.Buffer
		if code := cli.Fail(&stderr, "chesstrain", Run(context.Background(), strings.NewReader(""), &stdout, &stderr, c.args)); code != cli.ExitUsage || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%v: exit %d\n%s", c.args, code, stderr.String())
		}
	}
	// What every analysis has to say.
	for _, c := range analyses() {
		if c.about == "" || c.help == "" || len(c.examples) == 0 || strings.ContainsAny(c.name, " /") {
			t.Errorf("%s: has no description, help or examples", c.name)
		}
		for _, e := range c.examples {
			if !strings.HasPrefix(e, "chesstrain analyze "+c.name) {
				t.Errorf("%s: example %q", c.name, e)
			}
		}
	}
}

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/blas"
	"transcend/model/xla"
)

func TestDeviceErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("HOME", t.TempDir())
	if _, err := xla.FindPlugin(""); err == nil {
		t.Skip("this machine has a PJRT plugin")
	}
	why := "built without GPU support"
	if xla.Built {
		why = "no PJRT plugin"
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--device", "cuda", "--max-elo", "1000"}, cli.ExitFailure, why},
		{[]string{"--device", "gpu"}, cli.ExitUsage, "hint: auto, cpu, cuda"},
		{[]string{"--attention", "flash"}, cli.ExitUsage, "--attention"},
		{[]string{"--launch", "-1"}, cli.ExitUsage, "--launch"},
		{[]string{"device"}, cli.ExitUsage, "chesstrain bench measures the CPU"},
		{[]string{"device", "--device", "cuda"}, cli.ExitFailure, why},
	} {
		code, _, errs := command(t, "", c.args...)
		if code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%v: exit %d, want %d\n%s", c.args, code, c.code, errs)
		}
	}
	if entries, err := os.ReadDir("."); err != nil || len(entries) > 0 {
		t.Errorf("a device that is not there left %v, %v", entries, err)
	}
}

// TestRunMovesBetweenEngines: a run that was stopped on the CPU goes on on a device and
// the other way round, and its losses are those of a run on one of them.
func TestRunMovesBetweenEngines(t *testing.T) {
	if !xla.Built {
		t.Skip("needs -tags xla")
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("a.pgn", []byte(sample(t, 120)), 0o644); err != nil {
		t.Fatal(err)
	}
	train := func(args ...string) string {
		t.Helper()
		code, _, errs := command(t, "", args...)
		if code != cli.ExitOK {
			t.Fatalf("%v: exit %d\n%s", args, code, errs)
		}
		return errs
	}
	flags := append([]string{"--pgn", "a.pgn", "--max-elo", "1100", "--precision", "f32", "--checkpoint-every", "2", "--eval-every", "3", "--keep-checkpoints", "0", "--launch", "4"}, small...)
	want := func() []record {
		train(append(flags, "--out", "one")...)
		return records(t, "one")
	}()
	if errs := train(append(flags, "--out", "device", "--device", xla.Go)...); !strings.Contains(errs, "device: GoMLX") {
		t.Errorf("the device is not named:\n%s", errs)
	}
	sameRecords(t, "device", want)
	for from, to := range map[string]string{"one": xla.Go, "device": xla.CPU} {
		// As if it had been killed after its second checkpoint.
		for _, step := range []int{6} {
			if err := os.RemoveAll(filepath.Join(from, model.CheckpointName(step))); err != nil {
				t.Fatal(err)
			}
		}
		train("--resume", "--out", from, "--device", to)
		sameRecords(t, from, want)
	}
}

type record struct {
	Step       int     `json:"step"`
	Loss       float64 `json:"loss"`
	Validation float64 `json:"validation_loss"`
	Tokens     int     `json:"tokens"`
}

func records(t *testing.T, run string) []record {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(run, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var all []record
	for line := range strings.Lines(string(b)) {
		var r record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func sameRecords(t *testing.T, run string, want []record) {
	t.Helper()
	got := records(t, run)
	if len(got) != len(want) {
		t.Fatalf("%s: %d records, want %d", run, len(got), len(want))
	}
	near := func(a, b float64) bool { return a == b || (a-b)*(a-b) < 1e-8*b*b }
	for i, w := range want {
		if g := got[i]; g.Step != w.Step || g.Tokens != w.Tokens || !near(g.Loss, w.Loss) || !near(g.Validation, w.Validation) {
			t.Errorf("%s: %+v, want %+v", run, g, w)
		}
	}
}

// TestPrecisionIsTheRuns: a run keeps its precision, and says so where a CPU does
// not have it.
func TestPrecisionIsTheRuns(t *testing.T) {
	games := sample(t, 120)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("a.pgn", []byte(games), 0o644); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"--pgn", "a.pgn", "--out", "run", "--precision", "bf16"}, small...)
	t.Run("none", func(t *testing.T) {
		t.Setenv(blas.EnvLevel, "gonum")
		code, _, errs := command(t, "", args...)
		if code != cli.ExitUsage || !strings.Contains(errs, "--precision bf16") || !strings.Contains(errs, "gonum") {
			t.Errorf("exit %d: %s", code, errs)
		}
	})
	if impl, err := blas.New(blas.Options{Precision: blas.BF16}); err != nil || impl.Precision() != blas.BF16 {
		t.Skip("no bf16 on this CPU")
	}
	if code, _, errs := command(t, "", args...); code != cli.ExitOK || !strings.Contains(errs, "bf16 products") {
		t.Fatalf("exit %d: %s", code, errs)
	}
	t.Run("elsewhere", func(t *testing.T) {
		t.Setenv(blas.EnvLevel, "gonum")
		code, _, errs := command(t, "", "--resume", "--out", "run")
		if code != cli.ExitFailure || !strings.Contains(errs, "products of this run are in bf16") || !strings.Contains(errs, "--precision f32") {
			t.Errorf("exit %d: %s", code, errs)
		}
	})
	if code, _, errs := command(t, "", "--resume", "--out", "run"); code != cli.ExitOK || !strings.Contains(errs, "bf16 products") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"transcend/cmd/internal/commandtest"
)

// Experiments of the smallest size from plan to report, done once.
func TestExperiments(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab")
	small := []string{"--preset", "tiny", "--steps", "8", "--out", dir}
	call := func(args ...string) (string, string) {
		t.Helper()
		stdout, stderr, code := do(t, append(args, small...)...)
		if code != 0 {
			t.Fatalf("%v: code %d: %s", args, code, stderr)
		}
		return stdout, stderr
	}
	if plan, _ := call("denoise", "--dry-run"); !strings.Contains(plan, "n20-c0.4-seed1") || !strings.Contains(plan, "2 cells, 2 to do") || !strings.Contains(plan, " steps  about ") || strings.Contains(plan, "epochs") {
		t.Error(plan)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the dry run made something")
	}
	one, _ := call("denoise", "--only", "n1-*")
	if !regexp.MustCompile(`(?m)^n1-c0.4-seed1 .*%.* tok|(?m)^n1-c0.4-seed1 +\d`).MatchString(one) {
		t.Error(one)
	}
	text, stderr := call("denoise")
	for _, want := range []string{"# denoise", "not tested at this scale", "| n20-c0.4 | 20 |"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if !strings.Contains(stderr, "1 cell in") || !strings.Contains(stderr, "cores busy") {
		t.Error(stderr)
	}
	for _, name := range []string{"report.json", "report.md", "denoise.svg", "denoise.png"} {
		if info, err := os.Stat(filepath.Join(dir, "denoise", name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if plan, _ := call("denoise", "--dry-run"); !strings.Contains(plan, "2 cells, 0 to do") {
		t.Error(plan)
	}
	var report struct {
		Experiment string
		Claims     []struct{ Verdict string }
		Cells      []struct {
			Result struct {
				Training struct{ Steps int }
				Facts    struct{ All []struct{ Mean float64 } }
			}
		}
	}
	out, _ := call("select", "--json", "--quiet")
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Cells) != 1 || report.Cells[0].Result.Training.Steps != 8 || len(report.Cells[0].Result.Facts.All) != 6 || len(report.Claims) < 8 {
		t.Errorf("%v: %+v", err, report)
	}
}

func TestMain(m *testing.M) { commandtest.Main(m, main) }

// TestKilledExperimentEndsTheSame kills an experiment with SIGKILL at random moments and compares what it ends with
// to one that nobody disturbed. In the end two processes share the work.
func TestKilledExperimentEndsTheSame(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for some seconds")
	}
	dir := t.TempDir()
	start := func(out string) *exec.Cmd {
		return commandtest.Start(t, dir, "denoise", "--preset", "tiny", "--steps", "60", "--seeds", "2", "--checkpoint-time", "10ms", "--keep-models", "--quiet", "--precision", "f32", "--out", out)
	}
	whole := commandtest.Wait(t, start("undisturbed"))
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(1, seed))
	killed := 0
	for tries := 0; killed < 8 && tries < 40; tries++ {
		if !commandtest.Killed(t, start("killed"), time.Duration(rng.Int64N(int64(whole)))) {
			// Finished: results are lost, and some of the models.
			for _, pattern := range []string{"cells/*/result.json", "cells/n1-*/run"} {
				found, _ := filepath.Glob(filepath.Join(dir, "killed", pattern))
				for _, name := range found {
					os.RemoveAll(name)
				}
			}
		} else {
			killed++
		}
	}
	var both sync.WaitGroup
	for range 2 {
		last := start("killed")
		both.Go(func() {
			if err := last.Wait(); err != nil {
				t.Errorf("last: %v\n%s", err, last.Stderr)
			}
		})
	}
	both.Wait()
	for _, pattern := range []string{"denoise/report.md", "denoise/denoise.svg", "cells/*/run/checkpoint-*/model.safetensors"} {
		want, got := content(t, filepath.Join(dir, "undisturbed", pattern)), content(t, filepath.Join(dir, "killed", pattern))
		if want == "" || got != want {
			t.Errorf("seed %d: %s differs from that of the undisturbed experiment (%d and %d bytes)", seed, pattern, len(got), len(want))
			if strings.HasSuffix(pattern, ".md") {
				t.Logf("undisturbed:\n%s\nkilled:\n%s", want, got)
			}
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "killed", "*", "*", "*.tmp-*")); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

// content is that of all files that match, but for times.
func content(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range found {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".md") {
			b = regexp.MustCompile(`, \S+ of one core for all| \d+ cells? in \S+, \d+ cores busy \S+ of the time\.`).ReplaceAll(b, nil)
		}
		all.WriteString(filepath.Base(name) + "\n" + string(b))
	}
	return all.String()
}

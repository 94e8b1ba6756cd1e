package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"transcend/analysis/experiment"
	"transcend/cmd/internal/commandtest"
)

func TestExperimentCommand(t *testing.T) {
	call := func(args ...string) (code int, stdout, stderr string) {
		var out, errs bytes.Buffer
		code = execute(context.Background(), strings.NewReader(""), &out, &errs, append([]string{"experiment"}, args...))
		return code, out.String(), errs.String()
	}
	code, list, _ := call("list")
	for _, e := range experiment.Experiments() {
		if code != 0 || !strings.Contains(list, e.Name) {
			t.Errorf("list (%d) does not name %s", code, e.Name)
		}
		if _, help, _ := call(e.Name, "--help"); !strings.Contains(help, e.Help) {
			t.Errorf("the help of %s does not explain it", e.Name)
		}
	}
	dir := filepath.Join(t.TempDir(), "lab")
	code, plan, errs := call("denoise", "--dry-run", "--out", dir)
	if _, err := os.Stat(dir); code != 0 || err == nil || !strings.Contains(plan, "rho0.5-seed3") || !strings.Contains(plan, "about") {
		t.Errorf("dry run: exit %d, stdout %q, stderr %q; the directory is there: %v", code, plan, errs, err == nil)
	}
	if code, plan, _ := call("denoise", "--dry-run", "--only", "rho0.5-seed*", "--seeds", "4", "--out", dir); code != 0 || !strings.Contains(plan, "4 cells") {
		t.Errorf("dry run of four seeds: exit %d, %q", code, plan)
	}
	for _, tt := range []struct {
		want string
		args []string
	}{
		{"which experiment", nil},
		{"did you mean denoise", []string{"denoize"}},
		{"no cell is called so", []string{"denoise", "--only", "nothing"}},
		{"both budgets", []string{"denoise", "--steps", "5", "--time", "5m"}},
		{"preset", []string{"denoise", "--preset", "huge"}},
		{"leave --input out", []string{"blindfold", "--input", "moves"}},
	} {
		if code, _, errs := call(tt.args...); code != 2 || !strings.Contains(errs, tt.want) {
			t.Errorf("%v: exit %d, stderr %q; want exit 2 and %q", tt.args, code, errs, tt.want)
		}
	}
	code, text, errs := call("denoise", "--preset", "tiny", "--out", dir, "--json", "--quiet")
	var report struct {
		Words []string
		Cells []struct {
			Plays []struct {
				Record struct{ Wins, Draws, Losses int }
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &report); code != 0 || err != nil || len(report.Words) == 0 || len(report.Cells) != 1 || errs != "" {
		t.Fatalf("exit %d, %v, stdout %q, stderr %q", code, err, text, errs)
	}
	if _, plan, _ := call("denoise", "--preset", "tiny", "--out", dir, "--dry-run"); !strings.Contains(plan, "done") {
		t.Errorf("the plan after the experiment: %q", plan)
	}
}

// TestKilledExperimentEndsTheSame kills an experiment with SIGKILL at random moments, while it plays
// games to train on, trains, measures and plays, and compares the report and the games with those of
// one that nobody disturbed. In the end two processes share the work.
func TestKilledExperimentEndsTheSame(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for half a minute")
	}
	dir := t.TempDir()
	start := func(out string) *exec.Cmd {
		return commandtest.Start(t, dir, "experiment", "shared", "--preset", "tiny", "--steps", "60", "--checkpoint-time", "20ms",
			"--precision", "f32", "--quiet", "--out", out)
	}
	whole := commandtest.Wait(t, start("undisturbed"))
	rng := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	const kills = 8
	killed := 0
	var states []string
	for tries := 0; killed < kills && tries < 3*kills; tries++ {
		if !commandtest.Killed(t, start("killed"), time.Duration(rng.Int64N(int64(whole)/2))) {
			// Finished: some of it is lost, to be made again.
			lost := [][]string{{"cells/*/result.json"}, {"cells/*/result.json", "cells/*/games.jsonl"}, {"cells/*/result.json", "cells/*/run"}, {"corpora/*"}, {"references/*"}}
			for _, pattern := range lost[rng.IntN(len(lost))] {
				matches, err := filepath.Glob(filepath.Join(dir, "killed", pattern))
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range matches {
					if err := os.RemoveAll(m); err != nil {
						t.Fatal(err)
					}
				}
			}
		} else {
			killed++
			states = append(states, state(filepath.Join(dir, "killed")))
		}
	}
	t.Logf("killed %d times, with %v", killed, states)
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
	for _, name := range []string{"shared/report.md", "cells/*/games.jsonl", "references/*.jsonl", "cells/*/run/checkpoint-*/model.safetensors"} {
		want, got := content(t, filepath.Join(dir, "undisturbed", name)), content(t, filepath.Join(dir, "killed", name))
		if want == "" || got != want {
			t.Errorf("%s differs from the undisturbed experiment's (%d and %d bytes)", name, len(got), len(want))
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "killed", "*", "*.tmp-*")); err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
}

// state is what a killed experiment has.
func state(dir string) string {
	var have []string
	for _, pattern := range []string{"corpora/*.json", "cells/*/run/checkpoint-*", "references/*.jsonl", "cells/*/games.jsonl", "cells/*/result.json"} {
		if matches, _ := filepath.Glob(filepath.Join(dir, pattern)); len(matches) > 0 {
			have = append(have, strings.TrimPrefix(pattern, "cells/*/"))
		}
	}
	return strings.Join(have, "+")
}

// content is that of all files that match, lines in order, as the order of games is that in which they ended.
func content(t *testing.T, pattern string) string {
	t.Helper()
	matches, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(matches)
	var all strings.Builder
	for _, name := range matches {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := slices.Sorted(strings.Lines(string(b)))
		all.WriteString(filepath.Base(filepath.Dir(name)) + "\n" + strings.Join(lines, ""))
	}
	return all.String()
}

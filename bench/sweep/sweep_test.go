package main

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"transcend/internal/cli"
)

func TestCombinations(t *testing.T) {
	got := combinations([]axis{{"a", []string{"1", "2"}}, {"b", []string{"x", "y", "z"}}})
	want := [][]string{{"1", "x"}, {"1", "y"}, {"1", "z"}, {"2", "x"}, {"2", "y"}, {"2", "z"}}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// fakeTrainer is a chesstrain that writes what a run writes: a loss that follows
// from the learning rate. It notes its arguments in calls.
const fakeTrainer = `#!/bin/sh
echo "$@" >> "$CALLS"
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=$2; shift ;;
    --learning-rate=*) rate=${1#*=} ;;
    --learning-rate=) exit 9 ;;
    --resume) rate=$(cat "$out/run.json" 2>/dev/null) ;;
  esac
  shift
done
mkdir -p "$out"
[ -n "$rate" ] || rate=$(cat "$out/run.json")
echo "$rate" > "$out/run.json"
[ -z "$STOP" ] || exit 130
echo '{"step":10,"validation_loss":5}' > "$out/metrics.jsonl"
echo '{"step":15,"loss":4.5}' >> "$out/metrics.jsonl"
echo '{"step":20,"validation_loss":'"$rate"'}' >> "$out/metrics.jsonl"
echo '{"validation_loss":'"$rate"',"elapsed_s":12.5}' > "$out/evaluation.json"
`

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	trainer, calls := filepath.Join(dir, "chesstrain"), filepath.Join(dir, "calls")
	if err := os.WriteFile(trainer, []byte(fakeTrainer), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CALLS", calls)
	run := func(rates string) (int, string, string) {
		var out, errs bytes.Buffer
		code := execute(context.Background(), nil, &out, &errs, []string{
			"--chesstrain", trainer, "--out", filepath.Join(dir, "sweep"), "--plot", filepath.Join(dir, "curves.svg"),
			"--vary", "optimizer=adamw,muon", "--vary", "learning-rate=" + rates, "--", "--steps", "20"})
		return code, out.String(), errs.String()
	}
	t.Setenv("STOP", "1")
	if code, _, errs := run("3,4"); code != cli.ExitFailure || !strings.Contains(errs, "exit status 130") {
		t.Fatalf("a trainer that fails: exit %d, %s", code, errs)
	}
	t.Setenv("STOP", "")
	code, table, errs := run("3,4")
	if code != cli.ExitOK {
		t.Fatalf("exit %d, %s", code, errs)
	}
	for _, want := range []string{"| optimizer | learning-rate | validation loss | seconds |", "| muon | 4 | 4.0000 | 12 |"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
	b, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	// One stopped, resumed, and three more; what is finished is not run again.
	if len(lines) != 5 || !strings.Contains(lines[1], "--resume") || strings.Contains(lines[2], "--resume") ||
		!strings.Contains(lines[4], "--steps 20 --optimizer=muon --learning-rate=4") {
		t.Errorf("calls:\n%s", b)
	}
	if code, again, _ := run("3,4"); code != cli.ExitOK || again != table {
		t.Errorf("again: exit %d\n%s", code, again)
	}
	if again, err := os.ReadFile(calls); err != nil || len(again) != len(b) {
		t.Errorf("finished runs were made again: %s, %v", again, err)
	}
	if svg, err := os.ReadFile(filepath.Join(dir, "curves.svg")); err != nil || !bytes.Contains(svg, []byte("<svg")) {
		t.Errorf("no picture: %v", err)
	}
}

func TestSweepErrors(t *testing.T) {
	for _, args := range [][]string{{"--vary", "seed"}, {"--vary", "seed="}, {"--nonsense"}} {
		var out, errs bytes.Buffer
		if code := execute(context.Background(), nil, &out, &errs, args); code != cli.ExitUsage {
			t.Errorf("%v: exit %d, %s", args, code, errs.String())
		}
	}
}

func TestDifferences(t *testing.T) {
	at := func(group string, losses ...float64) series {
		s := series{group: group}
		for i, l := range losses {
			s.points = append(s.points, struct{ X, Y float64 }{float64(10 * i), l})
		}
		return s
	}
	d := differences([]series{at("f32", 5, 3), at("f32", 7, 4), at("bf16", 6, 3)})
	want := [][]float64{{-1, -0.5}, {1, 0.5}, {0, -0.5}}
	for i, s := range d {
		for j, p := range s.points {
			if math.Abs(p.Y-want[i][j]) > 1e-12 || p.X != float64(10*j) {
				t.Errorf("run %d, point %d: %v, want %v", i, j, p, want[i][j])
			}
		}
	}
	if len(d) != 3 {
		t.Errorf("%d curves, want 3", len(d))
	}
	for name, all := range map[string][]series{
		"one run":    {at("f32", 1), at("bf16", 1)},
		"one group":  {at("f32", 1), at("f32", 2)},
		"other step": {at("f32", 1, 2), at("f32", 1, 2), at("bf16", 1)},
		"none":       nil,
	} {
		if differences(all) != nil {
			t.Errorf("%s: differences of nothing comparable", name)
		}
	}
}

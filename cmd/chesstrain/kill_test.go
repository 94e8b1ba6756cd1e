package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"transcend/cmd/internal/commandtest"
	"transcend/model"
)

func TestMain(m *testing.M) { commandtest.Main(m, main) }

// TestKilledTrainerEndsWithTheSameWeights kills a trainer with SIGKILL at 20
// random moments, anywhere from reading games to renaming a checkpoint, and
// compares the weights, the optimizer's moments and the recorded losses in the
// end with those of a run that nobody disturbed.
func TestKilledTrainerEndsWithTheSameWeights(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for half a minute")
	}
	dir := t.TempDir()
	pool, err := filepath.Abs("testdata/pool.txt")
	if err != nil {
		t.Fatal(err)
	}
	const kills = 20
	// The games are played, and played again when a kill came before they were kept.
	flags := []string{"--pool", pool, "--league-games", "200", "--max-gap", "0", "--max-elo", "900", "--layers", "2", "--heads", "2", "--width", "32",
		"--context", "64", "--rows", "4", "--steps", "200", "--eval-every", "70", "--eval-tokens", "500",
		"--eval-positions", "20", "--checkpoint-every", "7", "--keep-checkpoints", "2", "--seed", "7", "--quiet"}
	start := func(args ...string) *exec.Cmd { return commandtest.Start(t, dir, args...) }
	whole := commandtest.Wait(t, start(append(flags, "--out", "undisturbed")...))

	rng := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	// The first kills come while games are read and written. A run that ends before it is killed was
	// faster than the one that was measured, which the machine may have had less time for.
	first, later := whole/30, whole/3
	killed, steps := 0, []int{}
	for tries := 0; killed < kills; tries++ {
		if tries > 10*kills {
			t.Fatalf("only %d kills in %d tries: the run ends too early", killed, tries)
		}
		args := []string{"--resume", "--out", "killed", "--checkpoint-every", "7", "--quiet"}
		if _, err := os.Stat(filepath.Join(dir, "killed", "run.json")); errors.Is(err, fs.ErrNotExist) {
			args = append(flags, "--out", "killed")
		}
		most := later
		if killed < 5 {
			most = first
		}
		if !commandtest.Killed(t, start(args...), time.Duration(rng.Int64N(int64(most)))) {
			// Finished: it goes on from the corpus that it kept.
			removeCheckpoints(t, filepath.Join(dir, "killed"))
			later = max(later*2/3, 2*time.Millisecond)
		} else {
			killed++
			steps = append(steps, newestStep(filepath.Join(dir, "killed")))
		}
	}
	t.Logf("newest checkpoint after each kill: %v", steps)
	commandtest.Wait(t, start("--resume", "--out", "killed", "--quiet"))

	name := model.CheckpointName(200)
	for _, file := range []string{"model.safetensors", "optimizer.safetensors"} {
		want, err := os.ReadFile(filepath.Join(dir, "undisturbed", name, file))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "killed", name, file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from the undisturbed run's", file)
		}
	}
	if got, want := losses(t, filepath.Join(dir, "killed")), losses(t, filepath.Join(dir, "undisturbed")); !bytes.Equal(got, want) {
		t.Error("the recorded losses differ from the undisturbed run's")
	}
	left, err := filepath.Glob(filepath.Join(dir, "killed", "*.tmp-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files left: %v %v", left, err)
	}
}

func newestStep(run string) int {
	path, err := model.LatestCheckpoint(run)
	if err != nil {
		return 0
	}
	for step := range 2000 {
		if filepath.Base(path) == model.CheckpointName(step) {
			return step
		}
	}
	return -1
}

// removeCheckpoints removes all checkpoints of a run that nobody works on.
func removeCheckpoints(t *testing.T, run string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(run, "checkpoint-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
}

// losses returns the metrics without what depends on the clock.
func losses(t *testing.T, run string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(run, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for line := range bytes.Lines(b) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("metrics line %q: %v", line, err)
		}
		delete(m, "elapsed_s")
		delete(m, "tokens_per_s")
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// command runs the whole command in this process.
func command(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = execute(context.Background(), bytes.NewReader([]byte(stdin)), &out, &errs, args)
	return code, out.String(), errs.String()
}

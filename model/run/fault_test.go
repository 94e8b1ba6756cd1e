package run

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"transcend/model"
)

// TestEndedEarlyKeepsWhatWasTrained: a validation that fails in the middle, or metrics that
// cannot be written, end the run, with a checkpoint of the steps that were made.
func TestEndedEarlyKeepsWhatWasTrained(t *testing.T) {
	d := create(t)
	broken := errors.New("no validation today")
	r, err := d.Train(context.Background(), newTrainer(t, 9), Options{EvalEvery: 4, Validate: func(context.Context) (float64, error) { return 0, broken }})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "after step 4") || r.Step != 4 || filepath.Base(r.Checkpoint) != model.CheckpointName(4) {
		t.Errorf("validation in the middle: %+v, %v", r, err)
	}
	if path, err := model.LatestCheckpoint(d.Path()); err != nil || path != r.Checkpoint {
		t.Errorf("the latest checkpoint is %s, %v", path, err)
	}
	// The run goes on from there.
	resumed, err := d.Resume(newLetters())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := d.Train(context.Background(), resumed, Options{}); err != nil || r.Step != 9 {
		t.Errorf("continued: %+v, %v", r, err)
	}

	d = create(t)
	metrics, err := os.Open(os.DevNull) // for reading
	if err != nil {
		t.Fatal(err)
	}
	defer metrics.Close()
	l := &loop{dir: d, t: newTrainer(t, 9), o: Options{Observe: func(Event) {}}, metrics: metrics}
	if r, err = l.run(context.Background()); err == nil || !strings.Contains(err.Error(), "run: metrics") || r.Step == 0 || filepath.Base(r.Checkpoint) != model.CheckpointName(r.Step) {
		t.Errorf("metrics that cannot be written: %+v, %v", r, err)
	}
	if _, err := model.LatestCheckpoint(d.Path()); err != nil {
		t.Error(err)
	}
	// Neither can the checkpoint be written: both are said.
	l = &loop{dir: d, t: newTrainer(t, 9), o: Options{Observe: func(Event) {}, Files: map[string][]byte{"../escape": nil}}, metrics: metrics}
	if _, err := l.run(context.Background()); err == nil || !strings.Contains(err.Error(), "run: metrics") || !strings.Contains(err.Error(), "escape") {
		t.Errorf("neither metrics nor checkpoint: %v", err)
	}
	// An interruption while validating is one, and no failure of the validation.
	d = create(t)
	ctx, cancel := context.WithCancel(context.Background())
	r, err = d.Train(ctx, newTrainer(t, 9), Options{EvalEvery: 4, Validate: func(context.Context) (float64, error) { cancel(); return 0, broken }})
	if !errors.Is(err, context.Canceled) || errors.Is(err, broken) || filepath.Base(r.Checkpoint) != model.CheckpointName(4) {
		t.Errorf("interrupted while validating: %+v, %v", r, err)
	}
	// And while the end waits for room for the last checkpoint.
	ctx, cancel = context.WithCancel(context.Background())
	r, err = create(t).Train(ctx, newTrainer(t, 3), Options{Files: map[string][]byte{"../escape": nil}, Patience: 1 << 60, Observe: func(e Event) {
		if e.Warning != nil {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "escape") || r.Step != 3 {
		t.Errorf("interrupted while waiting: %+v, %v", r, err)
	}
}

// TestDamagedProgress: what an earlier process spent on the run is not guessed.
func TestDamagedProgress(t *testing.T) {
	d := create(t)
	r, err := d.Train(context.Background(), newTrainer(t, 3), Options{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(r.Checkpoint, progressFile)
	train := func() error {
		resumed := newTrainer(t, 6)
		if _, err := resumed.Steps(3); err != nil {
			t.Fatal(err)
		}
		_, err := d.Train(context.Background(), resumed, Options{})
		return err
	}
	whole, err := os.ReadFile(filepath.Join(d.Path(), MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	progress, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func() error{
		// In its size, so that the checkpoint counts as complete.
		"no JSON":      func() error { return os.WriteFile(path, []byte(strings.Repeat("x", len(progress))), 0o644) },
		"another size": func() error { return os.WriteFile(path, []byte("{}"), 0o644) },
		"not a file":   func() error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o755)) },
	} {
		if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, progress, 0o644), damage()); err != nil {
			t.Fatal(err)
		}
		if err := train(); err == nil || !strings.Contains(err.Error(), progressFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after, err := os.ReadFile(filepath.Join(d.Path(), MetricsFile)); err != nil || string(after) != string(whole) {
		t.Errorf("the metrics were changed: %v", err)
	}
}

// TestWrongPlaces: places where no run can be.
func TestWrongPlaces(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(filepath.Join(file, "run"), testSettings{}); err == nil || !strings.HasPrefix(err.Error(), "run: ") || !strings.Contains(err.Error(), file) {
		t.Errorf("a run below a file: %v", err)
	}
	if _, err := Create(filepath.Join(dir, "x"), func() {}); err == nil || !strings.Contains(err.Error(), "settings") {
		t.Errorf("settings that have no JSON: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("they made a directory: %v", err)
	}
	// A directory where the lock should be.
	if err := os.MkdirAll(filepath.Join(dir, "y", lockFile), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(filepath.Join(dir, "y"), testSettings{}); err == nil || !strings.Contains(err.Error(), "locking") || errors.Is(err, ErrBusy) {
		t.Errorf("a directory as lock: %v", err)
	}
	// One where the settings should be: not a run, and the lock is free again.
	if err := os.MkdirAll(filepath.Join(dir, "z", settingsFile), 0o755); err != nil {
		t.Fatal(err)
	}
	var s testSettings
	if _, err := Open(filepath.Join(dir, "z"), &s); err == nil || !strings.Contains(err.Error(), settingsFile) {
		t.Errorf("a directory as settings: %v", err)
	}
	for range 2 {
		if _, err := Create(filepath.Join(dir, "z"), testSettings{}); !errors.Is(err, ErrExists) {
			t.Errorf("creating there: %v", err)
		}
	}
	if _, err := Newest(file); err == nil || errors.Is(err, ErrNoRun) {
		t.Errorf("a file with runs: %v", err)
	}
	// Metrics that cannot be read are not begun anew.
	d := create(t)
	if err := os.Mkdir(filepath.Join(d.Path(), MetricsFile), 0o755); err != nil {
		t.Fatal(err)
	}
	if r, err := d.Train(context.Background(), newTrainer(t, 3), Options{}); err == nil || !strings.Contains(err.Error(), MetricsFile) || r.Step != 0 {
		t.Errorf("a directory as metrics: %+v, %v", r, err)
	}
}

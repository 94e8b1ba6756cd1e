package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"transcend/model"
)

// letters is an endless source of random tokens, whose state is its RNG.
type letters struct{ pcg *rand.PCG }

func newLetters() *letters { return &letters{rand.NewPCG(1, 2)} }

func (l *letters) Next(b *model.Batch) error {
	for i := range b.Tokens {
		b.Tokens[i] = int32(l.pcg.Uint64() % 7)
		b.Targets[i] = int32(l.pcg.Uint64() % 7)
		b.Positions[i] = int32(i % b.Context)
		b.SegmentStart[i] = 0
	}
	return nil
}
func (l *letters) State() ([]byte, error) { return l.pcg.MarshalBinary() }
func (l *letters) Restore(b []byte) error { return l.pcg.UnmarshalBinary(b) }

type testSettings struct {
	Name string `json:"name"`
}

func newTrainer(t *testing.T, steps int) *model.Trainer {
	t.Helper()
	m, err := model.New(model.Config{Layers: 1, Heads: 1, Width: 8, Context: 6, Vocab: 7, Activation: "gelu"}, 3)
	if err != nil {
		t.Fatal(err)
	}
	c := model.DefaultTrainConfig()
	c.Rows, c.Steps, c.Schedule, c.Warmup = 2, steps, model.ScheduleWSD, 2
	trainer, err := model.NewTrainer(m, c, newLetters())
	if err != nil {
		t.Fatal(err)
	}
	return trainer
}

func create(t *testing.T) *Dir {
	t.Helper()
	d, err := Create(filepath.Join(t.TempDir(), "r"), testSettings{"a"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func weights(t *testing.T, m *model.Model) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, x := range m.Tensors() {
		for _, v := range x.Data {
			u := math.Float32bits(v)
			b.Write([]byte{byte(u), byte(u >> 8), byte(u >> 16), byte(u >> 24)})
		}
	}
	return b.Bytes()
}

func metricSteps(t *testing.T, d *Dir) (steps []int, validations int) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(d.Path(), MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		var m map[string]float64
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("metrics line %q: %v", line, err)
		}
		if _, ok := m["validation_loss"]; ok {
			validations++
			continue
		}
		steps = append(steps, int(m["step"]))
	}
	return steps, validations
}

func TestDirectories(t *testing.T) {
	parent := t.TempDir()
	path := filepath.Join(parent, "a")
	d, err := Create(path, testSettings{"first"})
	if err != nil {
		t.Fatal(err)
	}
	var s testSettings
	if _, err := Open(path, &s); !errors.Is(err, ErrBusy) {
		t.Errorf("opening a run at work: %v, want ErrBusy", err)
	}
	d.Close()
	if _, err := Create(path, testSettings{"second"}); !errors.Is(err, ErrExists) {
		t.Errorf("creating over a run: %v, want ErrExists", err)
	}
	for _, left := range []string{"corpus.parquet.tmp-1", model.CheckpointName(3) + ".tmp-2"} {
		if err := os.WriteFile(filepath.Join(path, left), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if d, err = Open(path, &s); err != nil || s.Name != "first" {
		t.Fatalf("opening: %v, settings %+v", err, s)
	}
	if left, err := filepath.Glob(filepath.Join(path, "*.tmp-*")); err != nil || len(left) > 0 {
		t.Errorf("left by a killed writer and not removed: %v, %v", left, err)
	}
	d.Close()
	if _, err := Open(filepath.Join(parent, "none"), &s); !errors.Is(err, ErrNoRun) {
		t.Errorf("opening nothing: %v, want ErrNoRun", err)
	}
	if _, err := os.Stat(filepath.Join(parent, "none")); err == nil {
		t.Error("opening nothing made a directory")
	}
	os.WriteFile(filepath.Join(path, settingsFile), []byte(`{"name":"x","invented_later":1}`), 0o644)
	if _, err := Open(path, &s); err == nil {
		t.Error("settings of a newer version were accepted")
	}
	if got := FreeName(parent, "a"); got != path+"-2" {
		t.Errorf("free name = %s", got)
	}
	if _, err := Newest(filepath.Join(parent, "none")); !errors.Is(err, ErrNoRun) {
		t.Errorf("newest of nothing: %v", err)
	}
	b, err := Create(filepath.Join(parent, "b"), testSettings{"b"})
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	past := time.Now().Add(-time.Hour)
	os.Chtimes(filepath.Join(parent, "b", settingsFile), past, past)
	if got, err := Newest(parent); err != nil || got != path {
		t.Errorf("newest = %s, %v; want %s", got, err, path)
	}
	if got, err := NewestTrained(parent); !errors.Is(err, ErrNoRun) {
		t.Errorf("newest trained = %s, %v; none has a checkpoint", got, err)
	}
	if err := newTrainer(t, 1).Save(filepath.Join(parent, "b", model.CheckpointName(0)), nil); err != nil {
		t.Fatal(err)
	}
	if got, err := NewestTrained(parent); err != nil || filepath.Base(got) != "b" {
		t.Errorf("newest trained = %s, %v; want b", got, err)
	}
}

func TestTrainWritesMetricsAndCheckpoints(t *testing.T) {
	d := create(t)
	trainer := newTrainer(t, 10)
	validated := 0
	checkpoints := 0
	o := Options{
		EvalEvery: 4, CheckpointEvery: 3, Keep: 2, Files: map[string][]byte{"tokenizer.json": []byte("{}")},
		Validate: func(context.Context) (float64, error) { validated++; return 2, nil },
		Observe: func(e Event) {
			if e.Checkpoint != "" {
				checkpoints++
			}
			if e.Warning != nil {
				t.Errorf("warning: %v", e.Warning)
			}
		},
	}
	r, err := d.Train(context.Background(), trainer, o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Step != 10 || r.ValidationLoss != 2 || filepath.Base(r.Checkpoint) != model.CheckpointName(10) || r.Tokens != 120 {
		t.Errorf("result %+v", r)
	}
	if validated != 3 || checkpoints != 4 {
		t.Errorf("%d validations and %d checkpoints, want 3 and 4", validated, checkpoints)
	}
	steps, validations := metricSteps(t, d)
	if len(steps) != 10 || steps[0] != 1 || steps[9] != 10 || validations != 3 {
		t.Errorf("metrics of steps %v and %d validations", steps, validations)
	}
	found, err := filepath.Glob(filepath.Join(d.Path(), "checkpoint-*"))
	if err != nil || len(found) != 2 {
		t.Errorf("checkpoints left: %v, %v; want two", found, err)
	}
	if b, err := os.ReadFile(filepath.Join(r.Checkpoint, "tokenizer.json")); err != nil || string(b) != "{}" {
		t.Errorf("extra file: %q, %v", b, err)
	}
	// Training a finished run again changes nothing, but for what one that was killed behind its last save
	// had not removed yet.
	if err := newTrainer(t, 1).Save(filepath.Join(d.Path(), model.CheckpointName(1)), nil); err != nil {
		t.Fatal(err)
	}
	again, err := d.Train(context.Background(), trainer, o)
	if err != nil || again.Step != 10 || again.Tokens != 0 {
		t.Errorf("training a finished run: %+v, %v", again, err)
	}
	if found, err := filepath.Glob(filepath.Join(d.Path(), "checkpoint-*")); err != nil || len(found) != 2 {
		t.Errorf("checkpoints left: %v, %v; want two", found, err)
	}
	if steps, validations := metricSteps(t, d); len(steps) != 10 || validations != 3 {
		t.Errorf("metrics of %d steps and %d validations after training a finished run, want 10 and 3", len(steps), validations)
	}
}

func TestInterruptedRunContinuesExactly(t *testing.T) {
	whole := newTrainer(t, 12)
	if _, err := create(t).Train(context.Background(), whole, Options{}); err != nil {
		t.Fatal(err)
	}
	d := create(t)
	if _, err := d.Resume(newLetters()); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("resuming without a checkpoint: %v, want fs.ErrNotExist", err)
	}
	trainer := newTrainer(t, 12)
	for _, stop := range []int{5, 6, 11} {
		ctx, cancel := context.WithCancel(context.Background())
		r, err := d.Train(ctx, trainer, Options{CheckpointEvery: 4, Observe: func(e Event) {
			if e.Step == stop {
				cancel()
			}
		}})
		if !errors.Is(err, context.Canceled) || r.Step != stop {
			t.Fatalf("stopped at %d with %v, want %d", r.Step, err, stop)
		}
		// What a killed process may have left in the metrics.
		f, err := os.OpenFile(filepath.Join(d.Path(), MetricsFile), os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString("{\"step\":99}\n{\"step\":1")
		f.Close()
		if trainer, err = d.Resume(newLetters()); err != nil {
			t.Fatal(err)
		}
		if trainer.StepsDone() != stop {
			t.Fatalf("resumed at %d, want %d", trainer.StepsDone(), stop)
		}
	}
	if _, err := d.Train(context.Background(), trainer, Options{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(weights(t, trainer.Model()), weights(t, whole.Model())) {
		t.Error("weights differ from those of the uninterrupted run")
	}
	steps, _ := metricSteps(t, d)
	for i, s := range steps {
		if s != i+1 {
			t.Fatalf("metrics of steps %v, want 1 to 12", steps)
		}
	}
	if len(steps) != 12 {
		t.Fatalf("metrics of steps %v, want 1 to 12", steps)
	}
}

func TestTimeBudgetFixesTheEndWhenTheDecayMustBegin(t *testing.T) {
	d := create(t)
	// The budget is over before the first step ends: a fifth of the steps
	// remain for the decay, which rounds to none.
	trainer := newTrainer(t, 0)
	r, err := d.Train(context.Background(), trainer, Options{Budget: 1})
	if err != nil || r.Step != 1 || trainer.Config().Steps != 1 {
		t.Errorf("steps %d of %d, %v; want 1 of 1", r.Step, trainer.Config().Steps, err)
	}
	// Started so long ago that the plateau is over at the first look, after
	// eight steps made before.
	d = create(t)
	trainer = newTrainer(t, 0)
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := d.Train(ctx, trainer, Options{Budget: time.Hour, Observe: func(e Event) {
		if e.Steps != 0 {
			t.Errorf("the end was fixed at step %d", e.Step)
		}
		if e.Step == 7 {
			cancel()
		}
	}}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	r, err = d.Train(context.Background(), trainer, Options{Budget: time.Hour, Start: time.Now().Add(-50 * time.Minute)})
	if err != nil || r.Step != 10 || trainer.LearningRate() != trainer.Config().MinLearningRate {
		t.Errorf("ended at step %d with learning rate %v, %v; want step 10 and the decayed rate", r.Step, trainer.LearningRate(), err)
	}
	if r.Elapsed < 50*time.Minute {
		t.Errorf("elapsed %v, want what the run took in all", r.Elapsed)
	}
	if _, err := create(t).Train(context.Background(), newTrainer(t, 0), Options{}); err == nil {
		t.Error("a run without a budget began")
	}
}

func TestTrainingOutlivesAFailedCheckpoint(t *testing.T) {
	d := create(t)
	warnings := 0
	// A name that no checkpoint may have makes every save fail.
	o := Options{CheckpointEvery: 2, Files: map[string][]byte{"../escape": nil}, Observe: func(e Event) {
		if e.Warning != nil {
			warnings++
		}
	}}
	r, err := d.Train(context.Background(), newTrainer(t, 5), o)
	if err == nil || r.Step != 5 || warnings != 2 {
		t.Errorf("step %d, %d warnings, error %v; want 5 steps, 2 warnings and the last save's error", r.Step, warnings, err)
	}
	// With patience the end waits for what is in the way to be removed.
	warnings = 0
	o.CheckpointEvery = 0
	o.Patience, o.retryAfter = time.Hour, time.Nanosecond
	o.Observe = func(e Event) {
		if e.Warning != nil {
			if warnings++; warnings == 3 {
				delete(o.Files, "../escape")
			}
		}
	}
	r, err = d.Train(context.Background(), newTrainer(t, 5), o)
	if err != nil || warnings != 3 || filepath.Base(r.Checkpoint) != model.CheckpointName(5) {
		t.Errorf("checkpoint %q after %d warnings, %v; want that of step 5 after 3", r.Checkpoint, warnings, err)
	}
}

func TestValidationErrorKeepsWhatWasTrained(t *testing.T) {
	d := create(t)
	broken := errors.New("no validation today")
	_, err := d.Train(context.Background(), newTrainer(t, 3), Options{Validate: func(context.Context) (float64, error) { return 0, broken }})
	if !errors.Is(err, broken) {
		t.Errorf("error = %v", err)
	}
	if path, err := model.LatestCheckpoint(d.Path()); err != nil || filepath.Base(path) != model.CheckpointName(3) {
		t.Errorf("checkpoint %s, %v; want that of step 3", path, err)
	}
}

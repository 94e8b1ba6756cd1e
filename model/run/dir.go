// Package run is a training run on disk: a directory that holds the settings,
// the metrics and the checkpoints, and the loop that fills it within a budget
// of steps or time. It knows neither chess nor graphs, so every command that
// trains uses it.
//
//	runs/NAME/
//	  run.json                the settings, written once
//	  run.lock                held while a trainer is at work
//	  metrics.jsonl           one JSON object a step, and one an evaluation
//	  checkpoint-00000500/    see model.Trainer.Save
//
// A run that was killed at any moment continues from its newest checkpoint,
// or from its beginning where there is none yet, and ends with the same
// weights bit for bit as one that was not killed, provided that its budget is
// a number of steps.
package run

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"transcend/internal/atomicfile"
	"transcend/model"
)

const (
	settingsFile = "run.json"
	MetricsFile  = "metrics.jsonl"
	lockFile     = "run.lock"
)

var (
	// ErrExists is returned when a new run would be put where one already is.
	ErrExists = errors.New("a run is already there")
	// ErrBusy is returned when another process trains in the directory.
	ErrBusy = errors.New("another process is training there")
	// ErrNoRun is returned when a directory holds no run.
	ErrNoRun = errors.New("no run is there")
)

// Dir is a run directory that this process has locked.
type Dir struct {
	path string
	lock *flock.Flock
}

// Path returns the directory's path.
func (d *Dir) Path() string { return d.path }

// Create makes the run directory path with the given settings and locks it.
// Where a run is already, the error is ErrExists and nothing is changed.
func Create(path string, settings any) (*Dir, error) {
	b, err := json.MarshalIndent(settings, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("run: settings: %w", err)
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("run: %w", err)
	}
	d, err := lock(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(path, settingsFile)); err == nil {
		d.Close()
		return nil, fmt.Errorf("run: %s: %w", path, ErrExists)
	}
	if err := atomicfile.WriteBytes(filepath.Join(path, settingsFile), 0o644, append(b, '\n')); err != nil {
		d.Close()
		return nil, fmt.Errorf("run: %w", err)
	}
	return d, nil
}

// Open locks an existing run and reads its settings into settings, a pointer.
// Unknown fields are refused: they belong to a newer version of the program,
// and a run continued without them would not be the same run.
func Open(path string, settings any) (*Dir, error) {
	if err := ReadSettings(path, settings); err != nil {
		return nil, err
	}
	return lock(path)
}

// ReadSettings reads a run's settings without locking it.
func ReadSettings(path string, settings any) error {
	return ReadSettingsFS(os.DirFS(cmp.Or(path, ".")), path, settings)
}

// Duration is a time in settings, which JSON shows as "20m0s".
type Duration time.Duration

// MarshalText writes it as time.Duration.String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration takes.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// ReadSettingsFS is ReadSettings of files that may be elsewhere than in a directory. Errors call
// them path.
func ReadSettingsFS(files fs.FS, path string, settings any) error {
	f, err := files.Open(settingsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("run: %s: %w", path, ErrNoRun)
	}
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	defer f.Close()
	dec := json.NewDecoder(f)
	dec.DisallowUnknownFields()
	if err := dec.Decode(settings); err != nil {
		return fmt.Errorf("run: settings in %s: %w", filepath.Join(path, settingsFile), err)
	}
	return nil
}

// lock makes the directory ours.
func lock(path string) (*Dir, error) {
	l := flock.New(filepath.Join(path, lockFile))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("run: locking %s: %w", path, err)
	}
	if !ok {
		return nil, fmt.Errorf("run: %s: %w", path, ErrBusy)
	}
	// What a killed writer left, whichever file it was at; nobody else writes
	// while the lock is held.
	if err := atomicfile.RemoveTemporaries(path, ""); err != nil {
		l.Close()
		return nil, fmt.Errorf("run: %w", err)
	}
	return &Dir{path, l}, nil
}

// Close releases the lock.
func (d *Dir) Close() error { return d.lock.Close() }

// Newest returns the run below parent that was worked on last.
func Newest(parent string) (string, error) {
	return newest(parent, func(string) bool { return true })
}

// NewestTrained returns, of the runs below parent that have a checkpoint, the
// one that was worked on last. One whose checkpoints are all damaged counts, so that
// whoever loads it hears of them and does not get another model.
func NewestTrained(parent string) (string, error) {
	return newest(parent, func(path string) bool {
		_, err := model.LatestCheckpoint(path)
		return !errors.Is(err, fs.ErrNotExist)
	})
}

func newest(parent string, wanted func(path string) bool) (string, error) {
	entries, err := os.ReadDir(parent)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("run: %w", err)
	}
	best, bestTime := "", int64(-1)
	for _, e := range entries {
		path := filepath.Join(parent, e.Name())
		if _, err := os.Stat(filepath.Join(path, settingsFile)); err != nil || !wanted(path) {
			continue
		}
		t := lastChange(path)
		if t > bestTime {
			best, bestTime = path, t
		}
	}
	if best == "" {
		return "", fmt.Errorf("run: %s: %w", parent, ErrNoRun)
	}
	return best, nil
}

// lastChange returns when the run's newest checkpoint appeared, else when the
// run was made.
func lastChange(path string) int64 {
	newest := filepath.Join(path, settingsFile)
	if c, err := model.LatestCheckpoint(path); err == nil {
		newest = c
	}
	info, err := os.Stat(newest)
	if err != nil {
		return 0
	}
	return info.ModTime().UnixNano()
}

// FreeName returns name below parent, or name-2, name-3 ... if it is taken.
func FreeName(parent, name string) string {
	path := filepath.Join(parent, name)
	for i := 2; ; i++ {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return path
		}
		path = filepath.Join(parent, fmt.Sprintf("%s-%d", name, i))
	}
}

// trimMetrics drops from the metrics what will be recorded again by a run that
// continues from step: what came after it, a last line that a killed process
// left unfinished and, when the run is done, the last validation, which is made
// after the last checkpoint.
func trimMetrics(path string, step int, done bool) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	var kept strings.Builder
	for line := range strings.Lines(string(b)) {
		var m struct {
			Step       int      `json:"step"`
			Validation *float64 `json:"validation_loss"`
		}
		if !strings.HasSuffix(line, "\n") || json.Unmarshal([]byte(line), &m) != nil || m.Step > step {
			continue
		}
		if done && m.Step == step && m.Validation != nil {
			continue
		}
		kept.WriteString(line)
	}
	if kept.Len() == len(b) {
		return nil
	}
	return atomicfile.WriteBytes(path, 0o644, []byte(kept.String()))
}

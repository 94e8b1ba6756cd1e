package analysis

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"

	"transcend/internal/cli"
)

// maxJournal bounds the journals that are read.
const maxJournal = 4 << 30

// Journal keeps the parts of an analysis that are done, so that a stopped one goes on where it
// was: a file with a line for every part, begun anew for other settings. What was put is there
// whatever kills the process; a line that was being written then is dropped. One process at a
// time works with a file. The methods may be called from several goroutines.
type Journal struct {
	path string
	file *os.File
	lock *flock.Flock

	mu   sync.Mutex
	done map[string]json.RawMessage
}

type journalLine struct {
	Settings json.RawMessage `json:"settings,omitempty"` // in the first line
	Key      string          `json:"key,omitempty"`
	Value    json.RawMessage `json:"value,omitempty"`
}

// OpenJournal opens the journal for an analysis with these settings, or begins it: settings are
// everything that decides the parts' values, the version of their computation included, and are
// encoded as JSON. The file is dir/work-HASH.jsonl, with a hash of them.
func OpenJournal(dir string, settings any) (*Journal, error) {
	text, err := json.Marshal(settings)
	if err != nil {
		return nil, fmt.Errorf("analysis: settings of a journal: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("analysis: %w", err)
	}
	sum := sha256.Sum256(text)
	path := filepath.Join(dir, "work-"+hex.EncodeToString(sum[:6])+".jsonl")
	j := &Journal{path: path, lock: flock.New(path), done: map[string]json.RawMessage{}}
	switch ok, err := j.lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("analysis: locking %s: %w", path, err)
	case !ok:
		return nil, cli.WithHint(fmt.Errorf("analysis: another process is at work with %s", path), "wait for it, or name another --out")
	}
	if err := j.open(text); err != nil {
		j.lock.Close()
		return nil, err
	}
	return j, nil
}

func (j *Journal) open(settings []byte) error {
	f, err := os.OpenFile(j.path, os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("analysis: %w", err)
	}
	whole, err := j.read(f, settings)
	if err == nil {
		err = f.Truncate(whole)
	}
	if err == nil {
		_, err = f.Seek(whole, io.SeekStart)
	}
	j.file = f
	if err == nil && whole == 0 {
		err = j.write(journalLine{Settings: settings})
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("analysis: journal %s: %w", j.path, err)
	}
	return nil
}

// read takes in the lines and returns where the last whole one ends.
func (j *Journal) read(f *os.File, settings []byte) (whole int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if info.Size() > maxJournal {
		return 0, fmt.Errorf("it has %d bytes, more than %d", info.Size(), int64(maxJournal))
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return 0, err
	}
	for n := 1; ; n++ {
		end := bytes.IndexByte(b[whole:], '\n')
		if end < 0 {
			return whole, nil
		}
		var line journalLine
		if err := json.Unmarshal(b[whole:whole+int64(end)], &line); err != nil {
			return 0, cli.WithHint(fmt.Errorf("line %d: %w", n, err), "delete the file to begin anew")
		}
		if n == 1 && !bytes.Equal(line.Settings, settings) {
			return 0, cli.WithHint(errors.New("line 1: it was begun with other settings"), "delete the file to begin anew")
		}
		if n > 1 {
			j.done[line.Key] = line.Value
		}
		whole += int64(end) + 1
	}
}

// Get reads the value of a part that is done.
func (j *Journal) Get(key string, value any) (bool, error) {
	j.mu.Lock()
	text, ok := j.done[key]
	j.mu.Unlock()
	if !ok {
		return false, nil
	}
	if err := json.Unmarshal(text, value); err != nil {
		return false, cli.WithHint(fmt.Errorf("analysis: journal %s: %s: %w", j.path, key, err), "delete the file to begin anew")
	}
	return true, nil
}

// Put keeps the value of a part.
func (j *Journal) Put(key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("analysis: journal %s: %s: %w", j.path, key, err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.write(journalLine{Key: key, Value: text}); err != nil {
		return fmt.Errorf("analysis: journal %s: %w", j.path, err)
	}
	j.done[key] = text
	return nil
}

func (j *Journal) write(line journalLine) error {
	b, err := json.Marshal(line)
	if err != nil {
		return err
	}
	_, err = j.file.Write(append(b, '\n'))
	return err
}

// Close lets others work with the file.
func (j *Journal) Close() error {
	return errors.Join(j.file.Close(), j.lock.Close())
}

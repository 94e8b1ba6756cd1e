package diversity

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"transcend/internal/atomicfile"
	"transcend/internal/bitboard"
	"transcend/internal/cli"
)

// What a stopped or killed counting goes on from: a directory Dir/Keep with the files of the tally, and a file that says how much of each
// counts. What was written to them after it is cut off.

// state is the file's content, by gob.
type state struct {
	Caps    int
	Games   []int
	Skipped int
	Lengths [partitions]int64
	Spilled int64
	Samples []savedSample
}

type savedSample struct {
	Moves []uint16
	N     []uint8
	Seen  int
}

func statePath(dir string) string { return filepath.Join(dir, "state") }

// resume goes on with what is in the directory, or makes it.
func (c *Counter) resume() error {
	dir := c.dir()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("diversity: %w", err)
	}
	c.lock = flock.New(filepath.Join(dir, "lock"))
	switch ok, err := c.lock.TryLock(); {
	case err != nil:
		return fmt.Errorf("diversity: locking %s: %w", dir, err)
	case !ok:
		return cli.WithHint(fmt.Errorf("diversity: another process is counting in %s", dir), "wait for it, or name another --out")
	}
	var s state
	f, err := os.Open(statePath(dir))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c.tally.open(dir, &s)
	case err != nil:
		return fmt.Errorf("diversity: %w", err)
	}
	defer f.Close()
	if err = gob.NewDecoder(f).Decode(&s); err == nil {
		err = c.take(&s)
	}
	if err == nil {
		err = c.tally.open(dir, &s)
	}
	if err != nil {
		return cli.WithHint(fmt.Errorf("diversity: going on from %s: %w", dir, err), "delete that directory to begin anew")
	}
	return nil
}

// take checks what was saved and goes on with it.
func (c *Counter) take(s *state) error {
	if s.Caps != len(c.o.Caps) || len(s.Games) != len(c.games) || len(s.Samples) != len(c.samples) || s.Skipped < 0 {
		return errors.New("it is of other caps")
	}
	for i, x := range s.Samples {
		if len(x.N) > c.o.Sample || len(x.Moves) != len(x.N)*c.o.ActionPlies || x.Seen < len(x.N) || s.Games[i] < 0 {
			return errors.New("its samples do not fit together")
		}
		y := &c.samples[i]
		y.moves = make([]bitboard.Move, len(x.Moves))
		for k, m := range x.Moves {
			y.moves[k] = bitboard.Move(m)
		}
		for _, n := range x.N {
			if int(n) > c.o.ActionPlies {
				return errors.New("a game of its samples is too long")
			}
		}
		y.n, y.seen = x.N, x.Seen
	}
	c.skipped = s.Skipped
	copy(c.games, s.Games)
	return nil
}

// Seen is how many games were given to Add, before a stop too: whoever goes on leaves so many out.
func (c *Counter) Seen() int {
	n := c.skipped
	for _, g := range c.games {
		n += g
	}
	return n
}

// Save makes everything that was counted survive the end of the process. Without Options.Keep it does nothing.
func (c *Counter) Save() error {
	if c.o.Keep == "" {
		return nil
	}
	s := state{Caps: len(c.o.Caps), Games: c.games, Skipped: c.skipped}
	if err := c.tally.save(&s); err != nil {
		return err
	}
	for i := range c.samples {
		x := &c.samples[i]
		saved := savedSample{N: x.n, Seen: x.seen, Moves: make([]uint16, len(x.moves))}
		for k, m := range x.moves {
			saved.Moves[k] = uint16(m)
		}
		s.Samples = append(s.Samples, saved)
	}
	err := atomicfile.WriteFile(statePath(c.dir()), 0o644, func(w io.Writer) error { return gob.NewEncoder(w).Encode(&s) })
	if err != nil {
		return fmt.Errorf("diversity: saving: %w", err)
	}
	return nil
}

func (c *Counter) dir() string { return filepath.Join(c.o.Dir, c.o.Keep) }

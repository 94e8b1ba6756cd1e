package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"

	"transcend/data"
	"transcend/internal/cli"
	"transcend/pgn"
)

// Gather reads the games of all sources and gives those that the filter keeps to
// emit, which may use a game until it returns. Progress goes to stderr.
func (o *Origin) Gather(ctx context.Context, stdin io.Reader, stderr io.Writer, emit func(*data.Game) error) (Found, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	progress := newProgress(stderr)
	defer progress.close()
	sources, err := o.open(ctx, stdin, progress)
	if err != nil {
		return Found{of: o}, err
	}
	inputs := make([]pgn.Input, len(sources))
	for i, s := range sources {
		inputs[i] = s.input()
	}
	r := pgn.ReadInputs(inputs...)
	progress.start(o.Games, sources)
	kept := 0
	report, err := data.ReadPGN(ctx, r, o.filter(), func(g *data.Game) error {
		if err := emit(g); err != nil {
			return err
		}
		kept++
		progress.games(r.Skipped()+kept, kept)
		if kept == o.Games {
			return data.ErrStop
		}
		return nil
	})
	found := Found{Report: report, of: o}
	if err != nil && context.Cause(ctx) == nil && report.Kept > 0 && cutOff(err, sources) {
		switch last := sources[len(sources)-1]; {
		case o.AcceptTruncated && last.opened():
			found.Warning, err = err, nil
		case o.AcceptTruncated:
			err = cli.WithHint(err, "more sources follow it, which would be lost, too: give it as the last one")
		default:
			err = cli.WithHint(err, append(o.GoesOn(), "to use the games before the cut, add --accept-truncated")...)
		}
	}
	// Whoever waits for the net stops waiting, be it in the middle of a file or for
	// the next one.
	for _, s := range sources {
		s.stopping.Store(true)
	}
	cancel()
	if closing := r.Close(); err == nil {
		err = closing
	}
	for _, s := range sources {
		if s.opened() {
			found.Sources = append(found.Sources, s.describe())
		}
	}
	return found, err
}

// cutOff says that the source that was read last ended too early, while all that came
// before is right.
func cutOff(err error, sources []*source) bool {
	for _, s := range sources {
		if s.own != nil && s.own.spoiled(err) {
			return false
		}
	}
	for _, s := range sources {
		// A connection was lost for good.
		if s.own != nil && s.opened() && s.failed() {
			return true
		}
	}
	return errors.Is(err, io.ErrUnexpectedEOF)
}

// verifier is what a source has that counts and hashes its bytes by itself, and fails where they are
// not all there.
type verifier interface {
	// progress returns the bytes read so far, before it is open, too, and the size, -1 when it is not known.
	progress() (read, size int64)
	// damaged is told that what was read does not decode.
	damaged()
	// spoiled says that by an error what was read before it is not to be used.
	spoiled(err error) bool
}

// source is one input of games, a file for instance, counted and hashed while it is read.
type source struct {
	name string
	size int64 // -1 when it is not known before it is opened
	open func() (io.ReadCloser, error)

	own verifier // nil: it is counted and hashed here

	about func(*data.Source)                                                    // what a corpus says of it beyond name, size and hash; may be nil
	line  func(kept, limit int64, seconds float64) (share float64, line string) // what progress shows in place of bytes; may be nil

	began    atomic.Bool
	read     atomic.Int64
	stopping atomic.Bool // whoever closes the source does not want the rest

	mu    sync.Mutex // hash and ended: what is closed may still be read
	hash  hash.Hash  // nil of one that has a verifier
	ended error      // what the last Read returned, nil before
}

// input is the source as the reader of games sees it.
func (s *source) input() pgn.Input {
	return pgn.Input{Name: s.name, Size: s.size, Open: func() (io.ReadCloser, error) {
		rc, err := s.open()
		if err != nil {
			return nil, err
		}
		if s.own == nil {
			s.hash = sha256.New()
		}
		s.began.Store(true)
		return &reading{s, rc}, nil
	}}
}

// opened says that the source's turn has come.
func (s *source) opened() bool { return s.began.Load() }

// failed says that the reading ended with an error of the source itself.
func (s *source) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended != nil && s.ended != io.EOF
}

// progress returns the bytes read so far and the size, -1 when it is not known.
func (s *source) progress() (read, size int64) {
	if s.own != nil {
		return s.own.progress()
	}
	return s.read.Load(), s.size
}

// describe returns what a corpus says of a source that was opened.
func (s *source) describe() data.Source {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := data.Source{Name: filepath.Base(s.name), Size: max(s.size, 0)}
	if s.name == standardInput {
		out.Name = s.name // no path
	}
	if s.ended == io.EOF && s.own == nil {
		out.Size, out.SHA256 = s.read.Load(), hex.EncodeToString(s.hash.Sum(nil))
	}
	if s.about != nil {
		s.about(&out)
	}
	if out.SHA256 == "" {
		out.Read, _ = s.progress()
	}
	return out
}

// standardInput is what package pgn calls it.
const standardInput = "standard input"

// reading is a source that is open.
type reading struct {
	s  *source
	rc io.ReadCloser
}

func (r *reading) Read(b []byte) (int, error) {
	n, err := r.rc.Read(b)
	s := r.s
	s.read.Add(int64(n))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hash != nil {
		s.hash.Write(b[:n])
	}
	if err != nil {
		s.ended = err
	}
	return n, err
}

// Close ends the reading. A month that is closed before its end, when nobody has
// given up, is one whose bytes do not decode: a file that is kept of it would fail
// again.
func (r *reading) Close() error {
	s := r.s
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	if s.own != nil && ended == nil && !s.stopping.Load() {
		s.own.damaged()
	}
	return r.rc.Close()
}

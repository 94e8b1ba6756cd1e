package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"transcend/data"
	"transcend/data/filter"
	"transcend/internal/cli"
	"transcend/pgn"
)

// gathered is what gather found.
type gathered struct {
	report  filter.Report
	sources []data.Source
	warning error // what the last source was cut off by, if that was accepted
}

// gather reads the games of all sources and gives those that the filter keeps to
// emit, which may use a game until it returns. Progress goes to stderr.
func (o *origin) gather(ctx context.Context, stdin io.Reader, stderr io.Writer, emit func(*data.Game) error) (gathered, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	progress := newProgress(stderr)
	defer progress.close()
	sources, err := o.open(ctx, stdin, progress)
	if err != nil {
		return gathered{}, err
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
	found := gathered{report: report}
	if err != nil && context.Cause(ctx) == nil && report.Kept > 0 && cutOff(err, sources) {
		switch last := sources[len(sources)-1]; {
		case o.AcceptTruncated && last.opened():
			found.warning, err = err, nil
		case o.AcceptTruncated:
			err = cli.WithHint(err, "more sources follow it, which would be lost, too: give it as the last one")
		default:
			err = cli.WithHint(err, append(o.goesOn(), "to use the games before the cut, add --accept-truncated")...)
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
			found.sources = append(found.sources, s.describe())
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

// progress shows how far the reading is: a live line on a terminal, a line now and
// then elsewhere.
type progress struct {
	status  *cli.Status
	began   time.Time
	limit   int
	sources []*source
	seen    atomic.Int64
	kept    atomic.Int64
	stop    chan struct{}
	stopped sync.WaitGroup
}

// Times between updates.
const (
	liveEvery  = 200 * time.Millisecond
	plainEvery = 30 * time.Second
)

func newProgress(w io.Writer) *progress {
	return &progress{status: cli.NewStatus(w), stop: make(chan struct{})}
}

// printf writes a line.
func (p *progress) printf(format string, args ...any) { p.status.Printf(format, args...) }

// start begins to show the progress of the sources; limit is the number of games
// that are wanted, 0 for all.
func (p *progress) start(limit int, sources []*source) {
	p.began, p.limit, p.sources = time.Now(), limit, sources
	every := plainEvery
	if p.status.Live() {
		every = liveEvery
	}
	p.stopped.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-tick.C:
				share, line := p.line(time.Since(p.began))
				if p.status.Live() {
					p.status.Set(share, " "+line)
				} else {
					p.printf("%s", line)
				}
			}
		}
	})
}

// games notes how many games were seen and kept.
func (p *progress) games(seen, kept int) {
	p.seen.Store(int64(seen))
	p.kept.Store(int64(kept))
}

func (p *progress) close() {
	close(p.stop)
	p.stopped.Wait()
	p.status.Close()
}

// line describes the state after a time: the share that is done, 0 when that is not
// known, and a text.
func (p *progress) line(after time.Duration) (share float64, line string) {
	var read, size, current int64
	at := 0
	name := ""
	known := true
	for i, s := range p.sources {
		n, total := s.progress()
		read += n
		if s.opened() {
			at, name = i+1, s.name
			current = total
		}
		if total < 0 {
			known = false
		}
		size += max(total, n)
	}
	seconds := max(after.Seconds(), 1e-3)
	kept := p.kept.Load()
	if s := p.sources[0]; s.line != nil {
		share, line = s.line(kept, int64(p.limit), seconds)
		return share, line + leftAt(share, seconds)
	}
	line = filepath.Base(name)
	if len(p.sources) > 1 {
		line += fmt.Sprintf(" (%d of %d)", at, len(p.sources))
	}
	line += fmt.Sprintf("  %s read", cli.Bytes(read))
	switch {
	case known && size > 0:
		share = float64(read) / float64(size)
		line += fmt.Sprintf(" of %s", cli.Bytes(size))
	case current > 0:
		line += fmt.Sprintf(", this one has %s", cli.Bytes(current))
	}
	line += fmt.Sprintf("  %.1f MB/s  %s games kept of %s, %s games/s", float64(read)/seconds/1e6,
		cli.Count(kept), cli.Count(p.seen.Load()), cli.SI(float64(p.seen.Load())/seconds))
	if p.limit > 0 {
		share = max(share, float64(kept)/float64(p.limit))
	}
	return share, line + leftAt(share, seconds)
}

// leftAt says how long the rest takes of what was done to a share in so many seconds.
func leftAt(share, seconds float64) string {
	if share <= 0 || share >= 1 {
		return ""
	}
	return "  left " + cli.Duration(time.Duration(seconds*(1-share)/share*float64(time.Second)))
}

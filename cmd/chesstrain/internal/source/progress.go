package source

import (
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"transcend/internal/cli"
)

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

package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// Status is a live line at the bottom of a terminal, with a bar, below the
// plain lines that scroll by. Where the writer is no terminal there is no live
// line and only the plain lines are written. All methods may be called from
// several goroutines; the zero value of *Status is not usable.
type Status struct {
	w        io.Writer
	progress *mpb.Progress // nil without a terminal
	bar      *mpb.Bar

	mu   sync.Mutex
	text string
}

// steps of the bar; the fraction done is scaled to it.
const barResolution = 10000

// IsTerminal reports whether w is a terminal that can redraw a line.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// NewStatus starts a status line on w. Close it before anything else is
// written to w.
func NewStatus(w io.Writer) *Status {
	s := &Status{w: w}
	if !IsTerminal(w) {
		return s
	}
	s.progress = mpb.New(mpb.WithOutput(w), mpb.WithWidth(24))
	s.bar = s.progress.New(barResolution,
		mpb.BarStyle().Lbound("").Filler("━").Tip("━").Padding("─").Rbound(""),
		mpb.BarRemoveOnComplete(),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.text
		})))
	return s
}

// Live reports whether there is a live line to set.
func (s *Status) Live() bool { return s.progress != nil }

// Set changes the live line: the share done, 0 to 1, and the text behind the
// bar. Without a terminal it does nothing.
func (s *Status) Set(done float64, text string) {
	if s.progress == nil {
		return
	}
	s.mu.Lock()
	s.text = text
	s.mu.Unlock()
	// One step is kept back: a full bar counts as complete and disappears.
	n := int64(done * barResolution)
	s.bar.SetCurrent(min(max(n, 0), barResolution-1))
}

// Printf writes a plain line, above the live one if there is one.
func (s *Status) Printf(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if !strings.HasSuffix(line, "\n") {
		line += "\n"
	}
	if s.progress != nil {
		s.progress.Write([]byte(line))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	io.WriteString(s.w, line)
}

// Warner returns what writes warnings, from any goroutine: above what is live, or, where that is not
// shown because a command is quiet, to w.
func Warner(quiet bool, w io.Writer, live interface{ Printf(string, ...any) }) func(text string) {
	if !quiet {
		return func(text string) { live.Printf("warning: %s", text) }
	}
	var mu sync.Mutex
	return func(text string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(w, "warning: %s\n", text)
	}
}

// Close removes the live line; what is printed afterwards is plain. Nobody else
// may be using s. A second Close does nothing.
func (s *Status) Close() {
	if s.progress == nil {
		return
	}
	s.bar.Abort(true)
	s.progress.Wait()
	s.progress = nil
}

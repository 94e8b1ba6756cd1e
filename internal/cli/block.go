package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// Block is a few live lines at the bottom of a terminal, a table that fills in,
// below the plain lines that scroll by. Where the writer is no terminal there are
// only the plain lines. All methods may be called from several goroutines.
type Block struct {
	w    io.Writer
	live bool
	size func() (width, height int)

	mu    sync.Mutex
	lines []string
	drawn int // lines on the screen
}

// NewBlock starts a block on w. Close it before anything else is written to w.
func NewBlock(w io.Writer) *Block {
	b := &Block{w: w, live: IsTerminal(w)}
	b.size = func() (int, int) {
		width, height, err := term.GetSize(int(w.(*os.File).Fd()))
		if err != nil {
			return 80, 24
		}
		return width, height
	}
	return b
}

// Live reports whether there are live lines to set.
func (b *Block) Live() bool { return b.live }

// Set replaces the live lines. Lines too long for the terminal are cut, and so
// are those that it has no room for.
func (b *Block) Set(lines []string) {
	if !b.live {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = lines
	b.redraw("")
}

// Printf writes a plain line, above the live ones.
func (b *Block) Printf(format string, args ...any) {
	text := strings.TrimSuffix(fmt.Sprintf(format, args...), "\n") + "\n"
	b.mu.Lock()
	defer b.mu.Unlock()
	b.redraw(text)
}

// redraw writes plain text and the live lines below it, in one write.
func (b *Block) redraw(plain string) {
	var out strings.Builder
	if b.drawn > 0 {
		// To the first live line, and clear to the end of the screen.
		fmt.Fprintf(&out, "\x1b[%dA\x1b[J", b.drawn)
	}
	out.WriteString(plain)
	b.drawn = 0
	if b.live {
		width, height := b.size()
		for _, line := range b.lines[:min(len(b.lines), max(0, height-1))] {
			out.WriteString(runewidth.Truncate(line, max(1, width-1), "…") + "\n")
			b.drawn++
		}
	}
	io.WriteString(b.w, out.String())
}

// Close removes the live lines.
func (b *Block) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = nil
	if b.drawn > 0 {
		b.redraw("")
	}
}

package pgn

import "io"

const (
	windowSize = 512 << 10 // bytes read ahead, as long as games are no larger

	// blockPiece is how much of a block is copied at least, to complete the game
	// that the block before it ended in.
	blockPiece = 4 << 10
)

// blockReader hands out a text in blocks, each valid until the next one is asked
// for, and then an error.
type blockReader interface {
	Block() ([]byte, error)
}

// window is the part of the text that is in memory. It holds the byte before
// the first unread one, too: a line feed at the start of the text.
//
// A text that comes in blocks is looked at where the decoder put it: buf is the
// current block, but for the game that goes on from one block into the next, which is
// put together in own.
type window struct {
	r      io.Reader    // is read into own, unless
	blocks blockReader  // this is not nil
	wait   func() error // is called before there may be a wait for text; nil for none
	own    []byte
	buf    []byte // own or block
	pos    int    // first unread byte of buf, at least 1
	n      int    // end of the text in buf
	base   int64  // where in the text buf[0] is; -1 at the start
	err    error  // io.EOF, or what else ended the text

	// The last block while buf is own: buf[join+i] is block[i], for all i below taken
	// that are still in buf. It is nil once buf is the block.
	block       []byte
	join, taken int
}

func (w *window) reset(r io.Reader, blocks blockReader) {
	if w.own == nil {
		w.own = make([]byte, windowSize)
	}
	*w = window{r: r, blocks: blocks, own: w.own, buf: w.own, pos: 1, n: 1, base: -1}
	w.own[0] = '\n'
}

// text returns the unread text in memory and the byte before it.
func (w *window) text() []byte { return w.buf[w.pos-1 : w.n] }

// offset returns where in the text the first unread byte is.
func (w *window) offset() int64 { return w.base + int64(w.pos) }

// more reads on; false at the end of the text. It reads at least half as much
// as is there unread, so that going over a growing text again and again takes
// time in proportion to its final size.
func (w *window) more() bool {
	if w.err != nil {
		return false
	}
	had := w.n - w.pos
	if w.settle(); w.n-w.pos > had {
		return true
	}
	w.compact()
	want := w.n + max(w.n/2, 1)
	empty := 0
	for w.n < want && w.err == nil {
		if piece := w.block[w.taken:]; len(piece) > 0 {
			piece = piece[:min(len(piece), max(want-w.n, blockPiece))]
			w.join = w.n - w.taken
			w.room(len(piece))
			w.n += copy(w.buf[w.n:], piece)
			w.taken += len(piece)
			continue
		}
		if w.wait != nil {
			if w.err = w.wait(); w.err != nil {
				break
			}
		}
		n := 0
		if w.blocks != nil {
			w.block, w.err = w.blocks.Block()
			w.taken, n = 0, len(w.block)
		} else {
			w.room(len(w.buf)/4 + 1)
			n, w.err = w.r.Read(w.buf[w.n:])
			w.n += n
		}
		if n > 0 {
			empty = 0
		} else if empty++; empty == 100 && w.err == nil {
			w.err = io.ErrNoProgress
		}
	}
	return w.n-w.pos > had
}

// settle goes over to the block itself as soon as nothing before it is needed.
func (w *window) settle() {
	if w.block == nil || w.pos <= w.join {
		return
	}
	w.base += int64(w.join)
	w.pos -= w.join
	w.buf, w.n, w.block = w.block, len(w.block), nil
	w.join, w.taken = 0, 0
}

// compact puts the unread text at the start of own.
func (w *window) compact() {
	text := w.text()
	for len(w.own) < len(text) {
		w.own = make([]byte, 2*len(w.own))
	}
	w.n = copy(w.own, text) // it may be in own already
	w.buf = w.own
	w.base += int64(w.pos - 1)
	w.join -= w.pos - 1
	w.pos = 1
}

// room makes own, which is buf, large enough for n more bytes.
func (w *window) room(n int) {
	size := len(w.own)
	for size-w.n < n {
		size *= 2
	}
	if size > len(w.own) {
		grown := make([]byte, size)
		copy(grown, w.own[:w.n])
		w.own, w.buf = grown, grown
	}
}

package pgn

import (
	"errors"
	"io"
	"runtime"
	"sync"

	"transcend/internal/bitboard"
)

// The pipeline of a Reader:
//
//	decoder -> splitter and filter -> batches -> workers -> Scan, in order
//
// The splitting goroutine finds the games, asks the filter and copies the text of
// those that are wanted into a batch. A full batch goes to the workers and, at the
// same time, to the end of the line that Scan takes its records from; Scan waits
// until the batch at the head of the line is parsed. Then it goes back to the
// splitter: the number of batches is fixed, and so is the memory they take. What
// must be in the order of the text - numbers, offsets, what the filter has
// dropped, what ended the reading - is settled by the splitter alone, so that
// nothing the user sees depends on how fast who works.
const (
	// maxWorkers is where more workers wait for the decoder and the splitter.
	maxWorkers = 16

	// A batch is large enough that handing it on costs nothing to speak of, and
	// small enough that the batches of all workers stay in the caches.
	batchText  = 256 << 10
	batchGames = 1024

	// largeGame is the size above which a game travels alone, without any other
	// batch on the way: there is never more than one of these in memory beside the
	// splitter's own.
	largeGame = 1 << 20

	// pipelineAfter is how much text is read before there is a pipeline.
	pipelineAfter = 128 << 10
)

// tuning holds the sizes of the pipeline, for tests; 0 stands for what the
// constants say.
type tuning struct{ after, text, games, large int }

func (t tuning) defaults() tuning {
	set := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	set(&t.after, pipelineAfter)
	set(&t.text, batchText)
	set(&t.games, batchGames)
	set(&t.large, largeGame)
	return t
}

var errClosed = errors.New("pgn: reader closed")

// numWorkers returns the number of workers.
func (r *Reader) numWorkers() int {
	n := r.workers
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	return min(n, maxWorkers)
}

// parallel says whether it is time for a pipeline.
func (r *Reader) parallel() bool {
	return r.before+r.split.w.offset() >= int64(r.tune.defaults().after) && r.numWorkers() > 1
}

// pipeline runs the source of a reader in goroutines of its own. It has one
// splitter and some workers; Scan and Close are called by the reader's user.
type pipeline struct {
	tune tuning

	free  chan *batch   // those that wait for text; holds all batches at most
	work  chan *batch   // those that wait for a worker; closed by the splitter
	order chan *batch   // those on their way, in the order of their text
	stop  chan struct{} // closed by close
	wg    sync.WaitGroup

	mu     sync.Mutex
	open   *input // the one that close must close
	closed bool

	// The splitter's.
	source  *source
	filling *batch
	check   parser // finds out whether a game at a cut has its termination marker
	scratch Game

	// Scan's.
	current *batch
	next    int // the next record in current
}

// batch is the text of some games of one input, and the games.
type batch struct {
	name    string // of the input
	text    []byte
	tags    []tagSpan
	records []record
	moves   arena[bitboard.Move]
	tagList arena[Tag]
	texts   arena[string]

	last    bool // nothing follows; there may be no records
	err     error
	dropped int // games the filter dropped up to the end of the batch

	done chan struct{} // takes one value when the batch is parsed
}

// record is one game of a batch.
type record struct {
	start, end int // of its text in the batch, from the byte before the game on
	body       int // as in splitter
	tags, tagN int // its tags are tags[tags:tagN] of the batch
	number     int
	offset     int64
	dropped    int // games the filter dropped before it

	game Game
	bad  *SyntaxError
}

// startPipeline hands the source over to a pipeline.
func (r *Reader) startPipeline() {
	workers := r.numWorkers()
	batches := 2*workers + 2
	p := &pipeline{
		tune:   r.tune.defaults(),
		free:   make(chan *batch, batches),
		work:   make(chan *batch, batches),
		order:  make(chan *batch, batches),
		stop:   make(chan struct{}),
		source: &r.source,
		open:   r.in,
	}
	for range batches {
		p.free <- &batch{done: make(chan struct{}, 1)}
	}
	r.pipe = p
	p.wg.Add(1 + workers)
	go p.splitAll()
	for range workers {
		go p.parse(r.comments)
	}
}

// take goes to the next record that comes out of the pipeline.
func (r *Reader) take() bool {
	p := r.pipe
	for {
		if b := p.current; b != nil {
			if p.next < len(b.records) {
				rec := &b.records[p.next]
				p.next++
				r.skipped = rec.dropped
				if r.bad = rec.bad; r.bad == nil {
					r.game = &rec.game
				}
				return true
			}
			r.skipped = b.dropped
			p.current = nil
			if b.last {
				err := b.err
				p.close() // an input that was read to its end is closed already
				r.pipe = nil
				r.fail(err)
				return false
			}
			p.free <- b
		}
		b := <-p.order
		<-b.done
		p.current, p.next = b, 0
	}
}

// close stops the pipeline, wherever it is, and waits for its goroutines. It
// returns the error of closing the input.
func (p *pipeline) close() error {
	p.mu.Lock()
	p.closed = true
	var err error
	if p.open != nil {
		err = p.open.close() // whoever reads from it stops waiting
		p.open = nil
	}
	p.mu.Unlock()
	close(p.stop)
	p.wg.Wait()
	return err
}

// closes makes in the input that close closes, nil for none. It returns false,
// and does nothing, when that has happened already.
func (p *pipeline) closes(in *input) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.open = in
	}
	return !p.closed
}

// splitAll is the splitting goroutine.
func (p *pipeline) splitAll() {
	defer p.wg.Done()
	defer close(p.work)
	if !p.refill() {
		return
	}
	err := p.splitInputs()
	if err == errClosed {
		return
	}
	p.filling.last, p.filling.err = true, err
	p.submit()
}

// splitInputs splits one input after the other and returns the error that ends
// them, errClosed when close was called.
func (p *pipeline) splitInputs() error {
	s := p.source
	for first := true; ; first = false {
		if !first {
			if more, err := s.openNext(); !more {
				return err
			}
			if !p.closes(s.in) {
				s.in.shut()
				return errClosed
			}
		}
		err := p.splitInput()
		if err == errClosed || !p.closes(nil) {
			return errClosed
		}
		if err := s.endInput(); err != nil {
			return err
		}
		if !p.flush() { // a batch has games of one input only
			return errClosed
		}
	}
}

// splitInput splits the input that is open, as far as it goes; the error is
// errClosed or nil.
func (p *pipeline) splitInput() error {
	s := p.source
	w := &s.split.w
	switch s.in.format {
	case "gzip", "bzip2":
		a := newAhead(w.r)
		defer a.close()
		w.blocks = a
	}
	w.wait = p.waits
	for {
		found := s.find()
		if w.err == errClosed {
			return errClosed
		}
		switch found {
		case stepEnd:
			return nil
		case stepGame:
			if s.cutOff() && !p.whole() {
				return nil
			}
			if !p.add() {
				return errClosed
			}
		}
	}
}

// whole says whether the current game, the last one of a text that is cut off,
// has its termination marker. A worker would find out too late: what is said
// about the cut names the number of the last game.
func (p *pipeline) whole() bool {
	s := &p.source.split
	if s.bad != nil {
		return false
	}
	p.check.game(&p.scratch, s.w.text()[:1+s.end], s.body, s.tags, false)
	return p.check.terminated
}

// add puts the current game into the batch, and the batch on its way when it is
// full; false when the reader was closed.
func (p *pipeline) add() bool {
	src, s := p.source, &p.source.split
	src.number++
	large := s.end > p.tune.large
	if large && !(p.flush() && p.drain()) {
		return false
	}
	b := p.filling
	b.name = src.in.name
	if len(b.records) < cap(b.records) {
		b.records = b.records[:len(b.records)+1]
	} else {
		b.records = append(b.records, record{})
	}
	rec := &b.records[len(b.records)-1]
	rec.number, rec.offset, rec.dropped, rec.bad = src.number, src.head.Offset, src.dropped, nil
	if bad := s.bad; bad != nil {
		rec.bad = &SyntaxError{b.name, rec.number, rec.offset + int64(bad.at), bad.reason, bad.err}
	} else {
		rec.start, rec.tags = len(b.text), len(b.tags)
		b.text = append(b.text, s.w.text()[:1+s.end]...)
		b.tags = append(b.tags, s.tags...)
		rec.end, rec.tagN = len(b.text), len(b.tags)
		rec.body = s.body
	}
	switch {
	case large:
		return p.flush() && p.drain()
	case len(b.text) >= p.tune.text || len(b.records) >= p.tune.games:
		return p.flush()
	}
	return true
}

// flush puts the batch on its way, unless it is empty; false when the reader was
// closed.
func (p *pipeline) flush() bool {
	if len(p.filling.records) == 0 {
		return true
	}
	p.submit()
	return p.refill()
}

func (p *pipeline) submit() {
	b := p.filling
	p.filling = nil
	b.dropped = p.source.dropped
	p.order <- b // there is room for all batches
	p.work <- b
}

// refill waits for a batch; false when the reader was closed.
func (p *pipeline) refill() bool {
	select {
	case <-p.stop:
		return false
	case b := <-p.free:
		b.reset(p.tune)
		p.filling = b
		return true
	}
}

// drain waits until no batch is on its way, but for the splitter's own; false
// when the reader was closed.
func (p *pipeline) drain() bool {
	held := make([]*batch, 0, cap(p.free)-1)
	for len(held) < cap(held) {
		select {
		case <-p.stop:
			return false
		case b := <-p.free:
			b.reset(p.tune)
			held = append(held, b)
		}
	}
	for _, b := range held {
		p.free <- b
	}
	return true
}

// reset empties the batch. Memory that only a large game needed is given back.
func (b *batch) reset(t tuning) {
	clear(b.records) // they hold on to what was in the arenas
	b.text, b.tags, b.records = b.text[:0], b.tags[:0], b.records[:0]
	if cap(b.text) > 2*(t.text+t.large) {
		b.text = nil
	}
	const most = 64 << 10
	if cap(b.tags) > most {
		b.tags = nil
	}
	b.moves.reset(4 * most)
	b.tagList.reset(most)
	b.texts.reset(most)
	b.last, b.err = false, nil
}

// parse is one worker.
func (p *pipeline) parse(comments bool) {
	defer p.wg.Done()
	var w parser
	for b := range p.work {
		for i := range b.records {
			select {
			case <-p.stop:
				return
			default:
			}
			if rec := &b.records[i]; rec.bad == nil {
				b.parse(&w, rec, comments)
			}
		}
		b.done <- struct{}{}
	}
}

func (b *batch) parse(w *parser, rec *record, comments bool) {
	g := &rec.game
	g.Moves, g.Tags, g.Comments = b.moves.rest(), b.tagList.rest(), b.texts.rest()
	bad := w.game(g, b.text[rec.start:rec.end], rec.body, b.tags[rec.tags:rec.tagN], comments)
	if bad != nil {
		rec.bad = &SyntaxError{b.name, rec.number, rec.offset + int64(bad.at), bad.reason, bad.err}
		return
	}
	g.Moves, g.Tags, g.Comments = b.moves.keep(g.Moves), b.tagList.keep(g.Tags), b.texts.keep(g.Comments)
	g.File, g.Number, g.Offset = b.name, rec.number, rec.offset
}

// arena is memory for the slices of many games, one after the other. So what a
// batch holds depends on its text, not on the largest game each record ever had.
type arena[T any] struct{ s []T }

// rest returns an empty slice with the capacity that is left.
func (a *arena[T]) rest() []T { return a.s[len(a.s):] }

// keep takes what was appended to rest, and returns it with no capacity left.
func (a *arena[T]) keep(s []T) []T {
	n := len(a.s)
	switch {
	case len(s) <= cap(a.s)-n:
		a.s = a.s[:n+len(s)]
	default:
		// There was no room: s has memory of its own. The next games get more.
		a.s = make([]T, 0, 2*(cap(a.s)+len(s)))
	}
	return s[:len(s):len(s)]
}

// reset forgets what is in the arena, and the arena when it is larger than most.
func (a *arena[T]) reset(most int) {
	if cap(a.s) > most {
		a.s = nil
		return
	}
	clear(a.s) // strings hold on to the text around them
	a.s = a.s[:0]
}

// waits is called when the splitter may have to wait for text: it sends the games it
// has on their way. So a game that comes through a slow pipe is there as soon as its
// end was seen.
func (p *pipeline) waits() error {
	if !p.flush() {
		return errClosed
	}
	select {
	case <-p.stop:
		return errClosed
	default:
		return nil
	}
}

// ahead reads in a goroutine of its own, some chunks ahead. The zstd decoder does
// that by itself, the others do not.
type ahead struct {
	full, empty chan *chunk // full is closed by the goroutine
	stop        chan struct{}
	current     *chunk
	err         error
}

// chunk is what one Read returned.
type chunk struct {
	buf  []byte
	text []byte // the start of buf
	err  error
}

func newAhead(r io.Reader) *ahead {
	const chunks, size = 4, 128 << 10
	a := &ahead{full: make(chan *chunk, chunks), empty: make(chan *chunk, chunks), stop: make(chan struct{})}
	for range chunks {
		a.empty <- &chunk{buf: make([]byte, size)}
	}
	go a.run(r)
	return a
}

func (a *ahead) run(r io.Reader) {
	defer close(a.full)
	for {
		select {
		case <-a.stop:
			return
		case c := <-a.empty:
			n, err := r.Read(c.buf)
			c.text, c.err = c.buf[:n], err
			a.full <- c // there is room for all chunks
			if err != nil {
				return
			}
		}
	}
}

// Block returns what one Read in the goroutine returned.
func (a *ahead) Block() ([]byte, error) {
	if a.current != nil {
		a.empty <- a.current
		a.current = nil
	}
	if a.err != nil {
		return nil, a.err
	}
	a.current = <-a.full
	a.err = a.current.err
	return a.current.text, nil
}

// close ends the goroutine and waits for it.
func (a *ahead) close() {
	close(a.stop)
	for range a.full {
	}
}

package pgn

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"transcend/internal/bitboard"
)

// Reader reads games one after the other. It is used by one goroutine at a
// time. In the steady state it allocates nothing for a game, but for the text
// of its tags and comments, some 64 KiB at a time.
//
// The start of the text is read and parsed in the goroutine that calls Scan; so
// a small file costs no more than its text. From there on the work goes on in a
// pipeline over all cores, see [Reader.Workers]. The records are the same, in the
// same order, with the same numbers.
type Reader struct {
	source

	workers int // as asked for, 0 for all cores
	tune    tuning
	pipe    *pipeline // nil while Scan does the work itself

	parse   parser
	own     Game  // the current game when Scan did the work
	game    *Game // the current game, nil when there is none
	bad     *SyntaxError
	skipped int
	err     error
	done    bool
}

// source finds the games that are wanted in the inputs, one after the other. It
// belongs to the goroutine that calls Scan until there is a pipeline, then to the
// pipeline's splitting goroutine.
type source struct {
	// Inputs that were not opened yet.
	inputs []Input
	size   int64
	count  atomic.Int64

	in       *input // nil when there is none open
	stop     func() // of the last input; may be called again
	split    splitter
	keep     func(*Header) bool
	head     Header
	comments bool
	zstd     *zstd.Decoder // the same for all files: it holds up to 128 MiB

	before  int64 // bytes of text in the inputs that were read
	number  int   // of the last game in this input
	dropped int   // games the filter has dropped
}

// NewReader returns a reader of one stream, which is called name in games and
// errors. It finds out by the first bytes whether the stream is plain text, zstd
// (windows up to 128 MiB, as "zstd --long" writes), gzip or bzip2; several streams
// of the same kind one after the other are read as one. Close does not close r,
// but must be called when r is not read to its end; it waits for a Read of r that
// is going on.
func NewReader(name string, r io.Reader) (*Reader, error) {
	rd := &Reader{}
	if err := rd.start(name, r, nil); err != nil {
		return nil, err
	}
	return rd, nil
}

// Open returns a reader of files, which are read one after the other. A path may
// be a glob pattern, whose files are read in the order of their names, and one
// may be "-", standard input. Each file may be compressed in its own way, see
// NewReader. All files must be there now: a missing one is an error that wraps
// fs.ErrNotExist, and so is a pattern that fits no file.
func Open(paths ...string) (*Reader, error) { return OpenWith(os.Stdin, paths...) }

// OpenWith is Open with another standard input.
func OpenWith(stdin io.Reader, paths ...string) (*Reader, error) {
	inputs, err := Inputs(stdin, paths...)
	if err != nil {
		return nil, err
	}
	return ReadInputs(inputs...), nil
}

// ReadInputs returns a reader of inputs, which are opened one after the other, each
// when the one before has been read and closed. The error of an Open ends the
// reading and is returned by Err as it is.
func ReadInputs(inputs ...Input) *Reader {
	r := &Reader{source: source{inputs: inputs}}
	for _, in := range inputs {
		if in.Size < 0 {
			r.size = 0
			break
		}
		r.size += in.Size
	}
	return r
}

// Filter sets a function that is asked about each game before its movetext is
// looked at. A game it returns false for is dropped and counted by Skipped; what
// may be wrong with its movetext is never found out. It is not asked about games
// whose tags are malformed: they are broken games. A game without tags has a
// header without tags. Filter is called before the first Scan.
//
// keep is called in the order of the games, never twice at a time, but not
// necessarily from the goroutine that calls Scan, and it may be asked about games
// that come after the current one. When the reading ends early, Skipped still
// counts only those before the current record.
func (r *Reader) Filter(keep func(*Header) bool) { r.keep = keep }

// KeepComments says whether Game.Comment and Game.Comments are filled. It is
// called before the first Scan.
func (r *Reader) KeepComments(on bool) { r.comments = on }

// Workers sets how many goroutines parse games, beside one that finds them in the
// text and those of the decoder: 0, the default, is one for each core Go uses
// (up to 16, which is more than one decoder keeps busy); with 1 all but
// the decoder stays in the goroutine that calls Scan, and no text is read ahead of
// it. The records are the same. It is called before the first Scan.
func (r *Reader) Workers(n int) { r.workers = max(n, 0) }

// Scan goes to the next record: a good game or a broken one. It returns false
// at the end of the last input, or at an error, which Err returns.
func (r *Reader) Scan() bool {
	r.game, r.bad = nil, nil
	if r.pipe != nil {
		return r.take()
	}
	for !r.done {
		if r.in == nil {
			if more, err := r.openNext(); !more {
				r.fail(err)
				break
			}
		}
		if r.parallel() {
			r.startPipeline()
			return r.take()
		}
		switch r.find() {
		case stepDropped:
			r.skipped = r.dropped
			continue
		case stepGame:
			if r.parseHere() {
				return true
			}
		}
		if err := r.endInput(); err != nil {
			r.fail(err)
		}
	}
	return false
}

// Game returns the current game, nil when the record is a broken one. The game
// is valid until the next Scan; see Game for what to do to keep it.
func (r *Reader) Game() *Game { return r.game }

// BadGame returns the current record when it is a broken game, nil otherwise.
// It may be kept.
func (r *Reader) BadGame() *SyntaxError { return r.bad }

// Err returns the error that ended the reading, nil when all inputs were read to
// the end. All whole games before the error were delivered. A compressed file
// that is cut off gives an error that wraps io.ErrUnexpectedEOF; the game it is
// cut off in is delivered only when its termination marker is there.
func (r *Reader) Err() error { return r.err }

// Skipped returns how many games the filter has dropped before the current
// record; after the last Scan, all of them.
func (r *Reader) Skipped() int { return r.skipped }

// Progress returns how many bytes, compressed ones where there is compression,
// have been read so far, and the size of all inputs together, 0 when it is not
// known because a pipe is among them. It may be called at any time from any
// goroutine.
func (r *Reader) Progress() (read, size int64) { return r.count.Load(), r.size }

// Close ends the reading and frees what it holds: files, goroutines. Scan
// returns false from then on.
func (r *Reader) Close() error {
	r.game, r.bad = nil, nil
	var err error
	if r.pipe != nil {
		err = r.pipe.close()
		r.pipe = nil
	} else if in := r.in; in != nil {
		err = in.close()
	}
	r.in = nil
	r.fail(r.err)
	return err
}

// fail ends the reading, with an error or without. The file is closed already: a
// decoder that waits for it in a goroutine of its own then stops waiting.
func (r *Reader) fail(err error) {
	r.err = err
	r.done = true
	r.free()
}

// free frees the decoder.
func (s *source) free() {
	if s.stop != nil {
		s.stop()
	}
	if s.zstd != nil {
		s.zstd.Close()
		s.zstd = nil
	}
}

// start begins with an input. closeRaw, which may be nil, closes it.
func (s *source) start(name string, raw io.Reader, closeRaw func() error) error {
	in, err := newInput(name, raw, closeRaw, &s.count, &s.zstd)
	if err != nil {
		return err
	}
	s.in = in
	s.number = 0
	s.stop = in.stop
	s.split.reset(in.text, in.blocks)
	return nil
}

// openNext opens the next input; false when there is none or it is an error.
func (s *source) openNext() (bool, error) {
	if len(s.inputs) == 0 {
		return false, nil
	}
	next := s.inputs[0]
	s.inputs = s.inputs[1:]
	raw, err := next.Open()
	if err != nil {
		return false, err
	}
	if err := s.start(next.Name, raw, raw.Close); err != nil {
		raw.Close()
		return false, err
	}
	return true, nil
}

// endInput closes the input that was read to its end, or as far as it goes, and
// returns the error that ended it.
func (s *source) endInput() error {
	in := s.in
	s.in = nil
	s.stop()
	s.before += s.split.w.offset()
	in.shut() // a file that was only read has no data to lose when it is closed
	if err := s.split.w.err; err != nil && err != io.EOF {
		return in.wrap(err, s.number)
	}
	return nil
}

// step is what find came to.
type step uint8

const (
	stepEnd     step = iota // the end of the text that can be used
	stepDropped             // nothing, or a game that the filter drops
	stepGame                // a game, good or broken
)

// find goes to the next game of the input. The caller counts it when it is a
// stepGame: at the end of a text that is cut off it may be no whole game.
func (s *source) find() step {
	sp := &s.split
	if !sp.header() {
		return stepEnd
	}
	if s.cutOff() {
		return stepEnd // maybe inside the tags
	}
	s.head.File = s.in.name
	s.head.Number = s.number + 1
	s.head.Offset = sp.w.offset()
	s.head.text = sp.w.text()[1:]
	s.head.tags = sp.tags
	drop := len(sp.tags) > 0 && !s.wanted()
	sp.movetext(drop)
	if sp.empty {
		return stepDropped
	}
	if len(sp.tags) == 0 {
		// Only now is it known that there is a game.
		drop = !s.wanted()
	}
	if drop {
		s.number++
		s.dropped++
		return stepDropped
	}
	return stepGame
}

// cutOff says whether the text ends with the current game, and not where it
// should: the game counts only when its termination marker is there.
func (s *source) cutOff() bool { return s.split.ended && s.split.w.err != io.EOF }

// wanted asks the filter about the current game.
func (s *source) wanted() bool {
	return s.keep == nil || s.split.bad != nil || s.keep(&s.head)
}

// parseHere makes the game that find found the current record. It returns false
// when the game is cut off.
func (r *Reader) parseHere() bool {
	s := &r.split
	bad := s.bad
	r.parse.terminated = false
	if bad == nil {
		bad = r.parse.game(&r.own, s.w.text()[:1+s.end], s.body, s.tags, r.comments)
	}
	if r.cutOff() && !r.parse.terminated {
		return false
	}
	r.number++
	if bad != nil {
		r.bad = &SyntaxError{r.in.name, r.number, r.head.Offset + int64(bad.at), bad.reason, bad.err}
		return true
	}
	r.own.File, r.own.Number, r.own.Offset = r.in.name, r.number, r.head.Offset
	r.game = &r.own
	return true
}

// parser turns the text of one game into a Game.
type parser struct {
	store      store
	comment    []byte // the comment being put together
	problem    problem
	terminated bool // a termination marker was seen
}

// game fills g from the text of a game: text[0] is the byte before the game, body
// the index of its movetext, both tags and body without counting that byte. It
// returns what is wrong with the game, or nil.
func (p *parser) game(g *Game, text []byte, body int, tags []tagSpan, comments bool) *problem {
	p.terminated = false
	p.tags(g, text[1:], tags)
	if bad := p.start(g, tags); bad != nil {
		return bad
	}
	marker, bad := p.movetext(g, text, body, comments)
	if bad != nil {
		return bad
	}
	g.Result = marker
	g.ResultConflict = false
	if tag := parseResult([]byte(g.Tag("Result"))); tag != bitboard.Ongoing {
		g.Result = tag
		g.ResultConflict = marker != bitboard.Ongoing && marker != tag
	}
	return nil
}

func (p *parser) fail(at int, reason string, err error) *problem {
	p.problem = problem{at, reason, err}
	return &p.problem
}

// tags copies the tags into g.
func (p *parser) tags(g *Game, text []byte, tags []tagSpan) {
	g.Tags = g.Tags[:0]
	if len(tags) == 0 {
		return
	}
	from := tags[0].name
	section := p.store.keep(text[from:tags[len(tags)-1].valueEnd])
	for i := range tags {
		t := &tags[i]
		tag := Tag{section[t.name-from : t.nameEnd-from], section[t.value-from : t.valueEnd-from]}
		if t.escaped {
			p.comment = appendUnescaped(p.comment[:0], text[t.value:t.valueEnd])
			tag.Value = p.store.keep(p.comment)
		}
		g.Tags = append(g.Tags, tag)
	}
}

// start finds the position the game starts from, and whether it is chess as we
// know it.
func (p *parser) start(g *Game, tags []tagSpan) *problem {
	fen, setUp := -1, ""
	for i := range g.Tags {
		value := g.Tags[i].Value
		switch g.Tags[i].Name {
		case "Variant":
			if !isStandard(value) {
				return p.fail(int(tags[i].value), "variant "+quoted([]byte(value))+" is not standard chess", ErrVariant)
			}
		case "FEN":
			if fen < 0 && value != "" && value != "?" {
				fen = i
			}
		case "SetUp":
			setUp = value
		}
	}
	// "SetUp" is "1" with a FEN and "0" without (PGN standard, 9.7), but many
	// programs leave it out.
	switch {
	case fen >= 0 && setUp != "0":
		start, err := bitboard.ParseFEN(g.Tags[fen].Value)
		if err != nil {
			return p.fail(int(tags[fen].value), "FEN tag: "+strings.TrimPrefix(err.Error(), "bitboard: "), err)
		}
		g.Start = start
	case setUp == "1":
		return p.fail(0, "a SetUp tag without a FEN tag", nil)
	default:
		g.Start = bitboard.Start()
	}
	return nil
}

// isStandard says whether a Variant tag names standard chess, from the initial
// or another position.
func isStandard(variant string) bool {
	switch strings.ToLower(strings.TrimSpace(variant)) {
	case "", "?", "-", "standard", "chess", "normal", "from position", "fromposition":
		return true
	}
	return false
}

// movetext plays the moves.
func (p *parser) movetext(g *Game, text []byte, body int, comments bool) (bitboard.Result, *problem) {
	g.Moves = g.Moves[:0]
	g.Comment = ""
	g.Comments = g.Comments[:0]
	p.comment = p.comment[:0]
	pos := g.Start
	depth, open := 0, 0
	marker := bitboard.Ongoing
	x := lexer{b: text, i: body + 1, last: true}
	for {
		switch k := x.next(); k {
		case kindMove:
			if depth > 0 {
				continue
			}
			if len(p.comment) > 0 {
				p.keepComment(g)
			}
			san := text[x.s:x.e]
			m, err := pos.ParseSANBytes(san)
			if err != nil {
				return marker, p.failMove(x.s-1, san, len(g.Moves)+1, err)
			}
			pos.Make(m)
			g.Moves = append(g.Moves, m)
		case kindComment:
			if comments && depth == 0 {
				p.addComment(text[x.s:x.e])
			}
		case kindNumber, kindNote:
		case kindOpen:
			if depth == 0 {
				open = x.s
			}
			depth++
		case kindClose:
			if depth == 0 {
				return marker, p.fail(x.s-1, `")" without "("`, nil)
			}
			depth--
		case kindResult:
			if depth == 0 {
				marker = parseResult(text[x.s:x.e])
				p.terminated = true
			}
		case kindUnclosed:
			return marker, p.fail(x.s-1, `comment without "}"`, nil)
		case kindEOF:
			if depth > 0 {
				return marker, p.fail(open-1, `variation without ")"`, nil)
			}
			if len(p.comment) > 0 {
				p.keepComment(g)
			}
			if len(g.Comments) > 0 {
				for len(g.Comments) < len(g.Moves) {
					g.Comments = append(g.Comments, "")
				}
			}
			return marker, nil
		default:
			if depth > 0 {
				continue
			}
			return marker, p.fail(x.s-1, "stray "+quoted(text[x.s:x.e]), nil)
		}
	}
}

// failMove says what is wrong with a move.
func (p *parser) failMove(at int, san []byte, ply int, err error) *problem {
	what := "illegal move"
	switch {
	case isNullMove(san):
		return p.fail(at, fmt.Sprintf("null move %s at ply %d", quoted(san), ply), ErrNullMove)
	case errors.Is(err, bitboard.ErrAmbiguousMove):
		what = "ambiguous move"
	case errors.Is(err, bitboard.ErrNotation):
		what = "not a move:"
	}
	reason := fmt.Sprintf("%s %s at ply %d", what, quoted(san), ply)
	if e := (*bitboard.SANError)(nil); errors.As(err, &e) {
		reason += ": " + e.Reason
	}
	return p.fail(at, reason, err)
}

// isNullMove says whether a word is one of the ways in which programs write a
// null move.
func isNullMove(word []byte) bool {
	switch string(word) {
	case "--", "Z0", "null", "@@@@", "0000":
		return true
	}
	return false
}

// addComment adds a comment to the one being put together, with every run of
// white space made one space.
func (p *parser) addComment(text []byte) {
	space := true
	for _, c := range text {
		if classes[c] == classSpace {
			space = true
			continue
		}
		if space && len(p.comment) > 0 {
			p.comment = append(p.comment, ' ')
		}
		space = false
		p.comment = append(p.comment, c)
	}
}

// keepComment gives the comment to the last move, or to the game.
func (p *parser) keepComment(g *Game) {
	text := p.store.keep(p.comment)
	p.comment = p.comment[:0]
	if len(g.Moves) == 0 {
		g.Comment = text
		return
	}
	for len(g.Comments) < len(g.Moves)-1 {
		g.Comments = append(g.Comments, "")
	}
	g.Comments = append(g.Comments, text)
}

// store makes strings that stay valid, many to an allocation.
type store struct{ b strings.Builder }

// keep returns a copy of b.
func (s *store) keep(b []byte) string {
	const block = 64 << 10
	if len(b) > s.b.Cap()-s.b.Len() {
		s.b = strings.Builder{}
		s.b.Grow(max(block, len(b)))
	}
	n := s.b.Len()
	s.b.Write(b)
	return s.b.String()[n:]
}

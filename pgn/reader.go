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
type Reader struct {
	// Inputs that were not opened yet.
	names []string
	stdin io.Reader
	size  int64
	count atomic.Int64

	in       *input // nil when there is none open
	split    splitter
	parse    parser
	keep     func(*Header) bool
	head     Header
	comments bool
	zstd     *zstd.Decoder // the same for all files: it holds up to 128 MiB

	number  int
	skipped int
	game    Game
	good    bool
	bad     *SyntaxError
	err     error
	done    bool
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
	names, size, err := expand(paths)
	if err != nil {
		return nil, err
	}
	return &Reader{names: names, stdin: stdin, size: size}, nil
}

// Filter sets a function that is asked about each game before its movetext is
// looked at. A game it returns false for is dropped and counted by Skipped; what
// may be wrong with its movetext is never found out. It is not asked about games
// whose tags are malformed: they are broken games. A game without tags has a
// header without tags.
//
// keep is called in the order of the games, never twice at a time, but not
// necessarily from the goroutine that calls Scan.
func (r *Reader) Filter(keep func(*Header) bool) { r.keep = keep }

// KeepComments says whether Game.Comment and Game.Comments are filled.
func (r *Reader) KeepComments(on bool) { r.comments = on }

// Scan goes to the next record: a good game or a broken one. It returns false
// at the end of the last input, or at an error, which Err returns.
func (r *Reader) Scan() bool {
	r.good, r.bad = false, nil
	for !r.done {
		if r.in == nil && !r.openNext() {
			break
		}
		if r.next() {
			return true
		}
		if err := r.endInput(); err != nil {
			r.fail(err)
		}
	}
	return false
}

// Game returns the current game, nil when the record is a broken one. The game
// is valid until the next Scan; see Game for what to do to keep it.
func (r *Reader) Game() *Game {
	if !r.good {
		return nil
	}
	return &r.game
}

// BadGame returns the current record when it is a broken game, nil otherwise.
// It may be kept.
func (r *Reader) BadGame() *SyntaxError { return r.bad }

// Err returns the error that ended the reading, nil when all inputs were read to
// the end. All whole games before the error were delivered. A compressed file
// that is cut off gives an error that wraps io.ErrUnexpectedEOF; the game it is
// cut off in is delivered only when its termination marker is there.
func (r *Reader) Err() error { return r.err }

// Skipped returns how many games the filter has dropped.
func (r *Reader) Skipped() int { return r.skipped }

// Progress returns how many bytes, compressed ones where there is compression,
// have been read so far, and the size of all inputs together, 0 when it is not
// known because a pipe is among them. It may be called at any time from any
// goroutine.
func (r *Reader) Progress() (read, size int64) { return r.count.Load(), r.size }

// Close ends the reading and frees what it holds: files, goroutines. Scan
// returns false from then on.
func (r *Reader) Close() error {
	r.good, r.bad = false, nil
	var err error
	if in := r.in; in != nil {
		r.in = nil
		if err = in.shut(); err != nil {
			err = fmt.Errorf("pgn: close %s: %w", in.name, err)
		}
	}
	r.finish()
	return err
}

// fail ends the reading with an error.
func (r *Reader) fail(err error) {
	r.err = err
	r.finish()
}

// finish ends the reading. The file is closed already: a decoder that waits for
// it in a goroutine of its own then stops waiting.
func (r *Reader) finish() {
	r.done = true
	if r.zstd != nil {
		r.zstd.Close()
		r.zstd = nil
	}
}

// start begins with an input. closeRaw, which may be nil, closes it.
func (r *Reader) start(name string, raw io.Reader, closeRaw func() error) error {
	in, err := newInput(name, raw, closeRaw, &r.count, &r.zstd)
	if err != nil {
		return err
	}
	r.in = in
	r.number = 0
	r.split.reset(in.text)
	return nil
}

// openNext opens the next file; false when there is none or it is an error.
func (r *Reader) openNext() bool {
	if len(r.names) == 0 {
		r.finish()
		return false
	}
	name := r.names[0]
	r.names = r.names[1:]
	var err error
	if name == "-" {
		err = r.start(stdinName, r.stdin, nil)
	} else if f, openErr := os.Open(name); openErr != nil {
		err = fmt.Errorf("pgn: %w", openErr)
	} else if err = r.start(name, f, f.Close); err != nil {
		f.Close()
	}
	if err != nil {
		r.fail(err)
	}
	return err == nil
}

// endInput closes the input that was read to its end, or as far as it goes, and
// returns the error that ended it.
func (r *Reader) endInput() error {
	in := r.in
	r.in = nil
	in.shut() // a file that was only read has no data to lose when it is closed
	if err := r.split.w.err; err != nil && err != io.EOF {
		return in.wrap(err, r.number)
	}
	return nil
}

// next goes to the next record of the input.
func (r *Reader) next() bool {
	s := &r.split
	for s.header() {
		if s.ended && s.w.err != io.EOF {
			return false // the text is cut off, maybe inside the tags
		}
		r.head.File = r.in.name
		r.head.Number = r.number + 1
		r.head.Offset = s.w.offset()
		r.head.text = s.w.text()[1:]
		r.head.tags = s.tags
		drop := len(s.tags) > 0 && !r.wanted()
		s.movetext(drop)
		if s.empty {
			continue
		}
		if len(s.tags) == 0 {
			// Only now is it known that there is a game.
			drop = !r.wanted()
		}
		if drop {
			r.number++
			r.skipped++
			continue
		}

		bad := s.bad
		r.parse.terminated = false
		if bad == nil {
			r.game.Number = r.head.Number
			r.game.File = r.head.File
			r.game.Offset = r.head.Offset
			bad = r.parse.game(&r.game, s.w.text()[:1+s.end], s.body, s.tags, r.comments)
		}
		if s.ended && s.w.err != io.EOF && !r.parse.terminated {
			return false // the text is cut off inside the game
		}
		r.number++
		if bad == nil {
			r.good = true
		} else {
			r.bad = &SyntaxError{r.in.name, r.number, r.head.Offset + int64(bad.at), bad.reason, bad.err}
		}
		return true
	}
	return false
}

// wanted asks the filter about the current game.
func (r *Reader) wanted() bool {
	return r.keep == nil || r.split.bad != nil || r.keep(&r.head)
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

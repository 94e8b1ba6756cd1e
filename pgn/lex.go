package pgn

import (
	"bytes"

	"transcend/pgn/internal/movetext"
)

// kind is the kind of a token of movetext.
type kind uint8

const (
	kindMore     kind = iota // the text ends inside a token; read more of it
	kindEOF                  // end of the text
	kindSection              // start of the next tag section, not consumed
	kindMove                 // what should be a move
	kindNumber               // move number, dots
	kindNote                 // NAG, "!?", "+-", "e.p."
	kindComment              // comment; s and e enclose its text
	kindUnclosed             // comment without an end; e is where the next tag section starts, or the end
	kindOpen                 // "("
	kindClose                // ")"
	kindResult               // termination marker
	kindStray                // a byte that means nothing here
)

// class says how a byte of movetext is taken.
type class uint8

const (
	classWord  class = iota // part of a word
	classSpace              // white space
	classSelf               // ends a word, and is or starts another token
	classWide               // may be the first byte of a white space of several bytes
)

// classes holds the class of each byte. Control characters are white space.
var classes = func() (t [256]class) {
	for c := 0; c <= ' '; c++ {
		t[c] = classSpace
	}
	for _, c := range []byte(`{}()[];$*<>"%`) {
		t[c] = classSelf
	}
	t[0xc2], t[0xe2], t[0xef] = classWide, classWide, classWide
	return t
}()

// wideSpace returns the length of the UTF-8 white space at the start of b: a
// no-break space, a byte order mark, a zero-width space, or an ellipsis, which
// stands for the dots of a move number. It returns 0 when there is none, and -1
// when b is too short to tell.
func wideSpace(b []byte) int {
	switch {
	case len(b) >= 2 && b[0] == 0xc2:
		if b[1] == 0xa0 {
			return 2
		}
		return 0
	case len(b) >= 3:
		switch string(b[:3]) {
		case "\ufeff", "\u200b", "\u2026":
			return 3
		}
		return 0
	}
	return -1
}

// lexer cuts movetext into tokens. It allocates nothing and goes back over
// nothing but the start of a token that the text ended in.
type lexer struct {
	b    []byte // b[i-1] is there: a line end before the first byte of a stream
	i    int    // where the next token is looked for
	s, e int    // the token
	last bool   // b ends where the text ends
}

// next goes to the next token. After kindMore the lexer is used no more.
func (x *lexer) next() kind {
	b, i := x.b, x.i
	for {
		if i >= len(b) {
			x.i, x.s, x.e = i, i, i
			return x.short(kindEOF)
		}
		c := b[i]
		switch classes[c] {
		case classSpace:
			i++
			continue
		case classWide:
			n := wideSpace(b[i:])
			if n < 0 && !x.last {
				return kindMore
			}
			if n > 0 {
				i += n
				continue
			}
			return x.word(i)
		case classWord:
			return x.word(i)
		}

		x.s, x.e, x.i = i, i+1, i+1
		switch c {
		case '{':
			return x.comment()
		case ';':
			x.s = i + 1
			if !x.line(i) {
				return kindMore
			}
			return kindComment
		case '%':
			if !isLineEnd(b[i-1]) {
				return kindStray
			}
			if !x.line(i) {
				return kindMore
			}
			i = x.i
			continue
		case '$':
			return x.note(i)
		case '(':
			return kindOpen
		case ')':
			return kindClose
		case '*':
			return kindResult
		case '[':
			return x.bracket(i)
		}
		return kindStray
	}
}

// short returns kindMore when there is more text to come, k otherwise.
func (x *lexer) short(k kind) kind {
	if x.last {
		return k
	}
	return kindMore
}

// line ends the token where the line of b[i] ends, and is false when that is still to come.
func (x *lexer) line(i int) bool {
	n := lineEnd(x.b[i:])
	if n < 0 {
		if !x.last {
			return false
		}
		n = len(x.b) - i
	}
	x.e, x.i = i+n, i+n
	return true
}

// note takes the numeric glyph whose dollar sign is at i.
func (x *lexer) note(i int) kind {
	j := i + 1
	for j < len(x.b) && isDigit(x.b[j]) {
		j++
	}
	if j == len(x.b) && !x.last {
		return kindMore
	}
	x.e, x.i = j, j
	return kindNote
}

// bracket says whether the bracket at i, which is the token so far, begins tags.
func (x *lexer) bracket(i int) kind {
	b := x.b
	// At the start of a line the bracket alone says that tags begin,
	// be they malformed; inside a line it takes a whole tag to say so.
	if b[i-1] == '\n' {
		if i+1 == len(b) {
			return x.short(kindStray)
		}
		if isLetter(b[i+1]) {
			x.i = i
			return kindSection
		}
	}
	switch tagShape(b, i) {
	case shapeTag:
		x.i = i
		return kindSection
	case shapeShort:
		return x.short(kindStray)
	}
	return kindStray
}

// comment takes the comment whose opening brace is at x.s.
func (x *lexer) comment() kind {
	// Both ends are looked for in a stretch of text that grows, so that a comment
	// takes time in proportion to its own length, whatever comes after it.
	text := x.b[x.i:]
	for size := 1 << 10; ; size *= 4 {
		part := text[:min(size, len(text))]
		end := bytes.IndexByte(part, '}')
		if end >= 0 {
			part = part[:end]
		}
		whole := len(part) == len(text) && x.last
		if section := sectionStart(part); section >= 0 {
			x.e = x.i + section
			x.i = x.e
			return kindUnclosed
		}
		switch {
		case end >= 0:
			x.s, x.e, x.i = x.i, x.i+end, x.i+end+1
			return kindComment
		case whole:
			x.e, x.i = len(x.b), len(x.b)
			return kindUnclosed
		case len(part) == len(text):
			return kindMore
		}
	}
}

// word takes the word that starts at i and says what it is.
func (x *lexer) word(i int) kind {
	b := x.b
	j := i + 1
	for ; j < len(b); j++ {
		if k := classes[b[j]]; k != classWord {
			if k == classWide {
				n := wideSpace(b[j:])
				if n < 0 && !x.last {
					return kindMore
				}
				if n <= 0 {
					continue
				}
			}
			break
		}
	}
	if j == len(b) && !x.last {
		return kindMore
	}
	x.s, x.e, x.i = i, j, j
	for {
		// Most words are moves, and most of these start with a letter.
		c := b[i]
		if c >= 'A' {
			x.s = i
			if c == 'e' && (string(b[i:j]) == "e.p." || string(b[i:j]) == "ep") {
				return kindNote
			}
			return kindMove
		}
		switch {
		case isDigit(c):
			if isResult(b[i:j]) {
				x.s = i
				return kindResult
			}
			k := i + 1
			for k < j && isDigit(b[k]) {
				k++
			}
			if k < j && b[k] != '.' && !isLetter(b[k]) {
				x.s = i
				return kindMove // "0-0", and what is no move either: "1/2", "1-0!"
			}
			i = k
		case c == '.':
			i++
		default:
			x.s = i
			if j-i == 2 && b[i] == '-' && b[i+1] == '-' {
				return kindMove
			}
			for _, c := range b[i:j] {
				if bytes.IndexByte(glyphs, c) < 0 {
					return kindMove
				}
			}
			return kindNote
		}
		if i == j {
			return kindNumber
		}
	}
}

// glyphs are the characters of stand-alone annotations: "!?", "+-", "=".
var glyphs = []byte("!?+-=/#~")

func isResult(b []byte) bool {
	switch len(b) {
	case 3:
		return string(b) == "1-0" || string(b) == "0-1"
	case 7:
		return string(b) == "1/2-1/2"
	}
	return false
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isLineEnd(c byte) bool { return c == '\n' || c == '\r' }

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func isNameByte(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' }

// lineEnd returns the index of the first line end, -1 when there is none. It
// looks not much further than that.
func lineEnd(b []byte) int {
	for from, size := 0, 256; from < len(b); size *= 2 {
		part := b[from:min(from+size, len(b))]
		n := bytes.IndexByte(part, '\n')
		if n >= 0 {
			part = part[:n]
		}
		if r := bytes.IndexByte(part, '\r'); r >= 0 {
			return from + r
		}
		if n >= 0 {
			return from + n
		}
		from += len(part)
	}
	return -1
}

type shape uint8

const (
	shapeOther shape = iota // no tag
	shapeTag                // a tag's name and opening quote
	shapeShort              // the text ends too early to tell
)

// tagShape says whether a tag starts at b[i], which is a bracket.
func tagShape(b []byte, i int) shape {
	j := i + 1
	for j < len(b) && isBlank(b[j]) {
		j++
	}
	name := j
	for j < len(b) && isNameByte(b[j]) {
		j++
	}
	if j == name && j < len(b) {
		return shapeOther
	}
	for j < len(b) && isBlank(b[j]) {
		j++
	}
	if j >= len(b) {
		return shapeShort
	}
	if b[j] != '"' {
		return shapeOther
	}
	return shapeTag
}

// sectionStart looks for the place where reading can go on when all else is
// lost, a comment without an end for one: a line that starts with [Event ", or a
// line that starts with any tag after an empty line. It returns the index of the
// bracket, or -1. A line that b ends in before the quote is not taken for one.
func sectionStart(b []byte) int {
	for i := 0; ; {
		j := bytes.IndexByte(b[i:], '\n')
		if j < 0 || i+j+1 == len(b) {
			return -1
		}
		i += j + 1
		if b[i] != '[' || tagShape(b, i) != shapeTag {
			continue
		}
		if bytes.HasPrefix(b[i:], []byte("[Event")) && !isNameByte(b[i+6]) {
			return i
		}
		for k := i - 2; k >= 0; k-- {
			if b[k] == '\n' {
				return i
			}
			if b[k] != '\r' && !isBlank(b[k]) {
				break
			}
		}
	}
}

// status is the outcome of a search in text that may not be all there.
type status uint8

const (
	found   status = iota
	more           // the text ends too early to tell
	unclear        // quickEnd only: it takes a closer look
)

// exactEnd returns the index where the movetext that starts at b[i] ends: after
// its termination marker, where the next tag section starts, or at the end of
// the text. empty says that nothing in it makes a game: no move, nothing
// broken.
func exactEnd(b []byte, i int, last bool) (end int, empty bool, st status) {
	x := lexer{b: b, i: i, last: last}
	depth := 0
	empty = true
	for {
		switch x.next() {
		case kindMore:
			return 0, false, more
		case kindEOF, kindSection:
			return x.s, empty, found
		case kindUnclosed:
			return x.e, false, found
		case kindOpen:
			depth++
			empty = false
		case kindClose:
			depth = max(depth-1, 0)
			empty = false
		case kindResult:
			if depth == 0 {
				return x.i, empty, found
			}
		case kindMove, kindStray:
			empty = false
		}
	}
}

// quickEnd is exactEnd for the movetext of a game with tags, at the speed of a
// byte search: it looks for a line that starts with a tag, and makes sure that
// nothing before that line could make exactEnd stop elsewhere. Where it cannot be
// sure it says unclear, and then end is how far it looked.
func quickEnd(b []byte, i int, last bool) (end int, st status) {
	comments := false
	for end = i; ; {
		k, brace := movetext.Next(b, end)
		comments = comments || brace
		end = k + 1
		marker := k < len(b) && b[k] != '\n'
		if marker {
			switch {
			case b[k] == '"':
				return end, unclear // a tag inside a line, or after a lone CR
			case b[k] == '*':
			case b[k-1] == '1' && b[k+1] == '0', b[k-1] == '0' && b[k+1] == '1':
				end = k + 2
			case b[k-1] == '2' && b[k+1] == '1':
				end = min(k+4, len(b))
			default:
				continue
			}
			// After a termination marker there must be nothing else.
			for k = end; k < len(b) && classes[b[k]] == classSpace; k++ {
			}
			if k < len(b) && (b[k] != '[' || b[k-1] != '\n') {
				return k, unclear
			}
			k--
		}
		switch {
		case k+2 >= len(b) && !last:
			return 0, more
		case k+2 == len(b) && marker:
			return k + 2, unclear
		case k+2 >= len(b):
			end = len(b)
		case isLetter(b[k+2]):
			end = k + 1
		case marker:
			return k + 2, unclear
		default:
			continue
		}
		break
	}

	// An open comment: its brace has no closing brace after it.
	if text := b[i:end]; comments && bytes.LastIndexByte(text, '{') > bytes.LastIndexByte(text, '}') {
		return end, unclear
	}
	return end, found
}

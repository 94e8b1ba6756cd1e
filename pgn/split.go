package pgn

import (
	"bytes"
	"io"
	"strconv"
)

const (
	// The text of one game is in one piece in the window, so its size is bounded
	// by MaxTagSection + MaxMovetext. A search that asks for more text sees this
	// much past the limit before it gives up, so that the verdict on a game does
	// not depend on how its text was cut into reads.
	limitSlack = 4 << 10

	// quickLimit is the size of a movetext above which the next tag section is no
	// longer taken for its end before it was read as a whole: there may be a small
	// game and then many without tags.
	quickLimit = 128 << 10
)

// tagSpan is where the parts of a tag are, counted from the game's first byte.
type tagSpan struct {
	name, nameEnd, value, valueEnd int32
	escaped                        bool // the value has escapes in it
}

// splitter cuts a text into games: the spans of the tags and of the movetext of
// one game after the other. It looks no closer at the movetext than it takes to
// find its end.
type splitter struct {
	w window

	// The current game starts at w.pos; these count from there.
	tags     []tagSpan
	tag      tagSpan  // the one being read
	body     int      // where the movetext starts
	end      int      // where the game ends
	resync   bool     // the game has no end but the next tag section
	bad      *problem // the first that is wrong with the tags
	badBuf   problem
	empty    bool // neither tags nor anything else that makes a game
	ended    bool // end is the end of the text
	names    tagNames
	exact    bool // never take the quick way; for tests
	exactFor int64
}

// reset starts a new text.
func (s *splitter) reset(r io.Reader, blocks blockReader) {
	s.w.reset(r, blocks)
	s.exactFor = 0
	s.drop()
}

func (s *splitter) drop() {
	s.tags = s.tags[:0]
	s.body, s.end, s.resync, s.bad, s.empty, s.ended = 0, 0, false, nil, false, false
}

// fail notes what is wrong with the tags, unless something was noted before.
func (s *splitter) fail(at int, reason string, err error) {
	if s.bad == nil {
		s.badBuf = problem{at, reason, err}
		s.bad = &s.badBuf
	}
}

// header leaves the current game and goes to the next one, up to the end of its
// tags. It returns false at the end of the text.
func (s *splitter) header() bool {
	s.w.pos += s.end
	if s.resync {
		s.skipToSection()
	}
	s.w.settle()
	s.drop()
	if !s.skipSpace() {
		return false
	}

	event := false // an Event tag was seen
	k := 0
	expected := &s.names.first
	for {
		k = s.regularTags(k, &expected, &event)
		next, lines, comment, ok := s.skipTagSpace(k)
		k = next
		if k > MaxTagSection {
			s.tooLarge(k, k, tagsTooLong)
			return true
		}
		if !ok {
			s.ended = true
		}
		if !ok || s.w.text()[1+k] != '[' {
			if comment >= 0 {
				k = comment // it belongs to the movetext
			}
			break
		}
		b := s.w.text()[1+k:]

		n, st := parseTag(b, s.w.err != nil, k, &s.tag)
		for st == more {
			if len(b) > MaxTagSection+limitSlack {
				s.tooLarge(k, k+1, tagsTooLong)
				return true
			}
			s.w.more()
			b = s.w.text()[1+k:]
			n, st = parseTag(b, s.w.err != nil, k, &s.tag)
		}
		if st != found {
			if s.bad == nil {
				s.fail(k, "malformed tag "+quoted(b[:n]), nil)
			}
			k += n
			continue
		}

		name := b[int(s.tag.name)-k : int(s.tag.nameEnd)-k]
		isEvent := string(name) == "Event"
		if k > 0 && (isEvent && event || lines > 1 && (isEvent || s.has(name))) {
			break // the next game
		}
		event = event || isEvent
		if len(s.tags) == MaxTags {
			s.tooLarge(k, k, "more than "+strconv.Itoa(MaxTags)+" tags")
			return true
		}
		s.tags = append(s.tags, s.tag)
		k += n
		expected = s.names.follow(expected, name)
	}
	s.body = k
	return true
}

const (
	tagsTooLong = "the tags take more than 1 MiB"       // MaxTagSection
	textTooLong = "the movetext takes more than 16 MiB" // MaxMovetext
)

// tooLarge gives the current game up because of what is at its byte k; reading
// goes on at the first tag section from byte resume on.
func (s *splitter) tooLarge(k, resume int, reason string) {
	s.fail(k, reason, ErrTooLarge)
	s.body, s.end = resume, resume
	s.resync = true
}

// has reports whether there is a tag of that name already.
func (s *splitter) has(name []byte) bool {
	text := s.w.text()[1:]
	for i := range s.tags {
		if t := &s.tags[i]; string(text[t.name:t.nameEnd]) == string(name) {
			return true
		}
	}
	return false
}

// movetext finds the end of the current game. When the movetext is too large,
// and skip does not say that nobody wants it, the game is marked as bad.
func (s *splitter) movetext(skip bool) {
	if s.resync {
		return
	}
	b := s.w.text()
	if s.body+1 >= len(b) || b[s.body+1] == '[' {
		s.end = s.body
		return
	}
	for {
		var end int
		var st status
		last := s.w.err != nil
		start := s.w.offset() + int64(s.body)
		if len(s.tags) > 0 && !s.exact && start >= s.exactFor {
			end, st = quickEnd(b, s.body+1, last)
			if st == more && len(b)-1-s.body > quickLimit {
				end, st = len(b), unclear
			}
			if st == unclear {
				// Once over this text is enough, even when there are many games in it.
				s.exactFor = start + int64(end-s.body-1)
			}
		} else {
			st = unclear
		}
		if st == unclear {
			end, s.empty, st = exactEnd(b, s.body+1, last)
			s.empty = s.empty && len(s.tags) == 0 && s.bad == nil
		}
		switch {
		case st == found && end-1-s.body <= MaxMovetext:
			s.end = end - 1
			s.ended = end == len(b) && last
			return
		case st == found || len(b)-1-s.body > MaxMovetext+limitSlack:
			if !skip {
				s.fail(s.body, textTooLong, ErrTooLarge)
			}
			s.end = s.body
			s.resync = true
			s.empty = false
			return
		}
		s.w.more()
		b = s.w.text()
	}
}

// skipSpace goes to the first byte of the next game: over white space and lines
// that start with "%". It returns false at the end of the text.
func (s *splitter) skipSpace() bool {
	w := &s.w
	for {
		for w.pos < w.n && classes[w.buf[w.pos]] == classSpace {
			w.pos++
		}
		if w.pos == w.n {
			if !w.more() {
				return false
			}
			continue
		}
		switch c := w.buf[w.pos]; {
		case classes[c] == classWide:
			n := wideSpace(w.buf[w.pos:w.n])
			if n < 0 && w.more() {
				continue
			}
			if n <= 0 {
				return true
			}
			w.pos += n
		case c == '%' && isLineEnd(w.buf[w.pos-1]):
			for {
				if n := lineEnd(w.buf[w.pos:w.n]); n >= 0 {
					w.pos += n
					break
				}
				w.pos = w.n
				if !w.more() {
					return false
				}
			}
		default:
			return true
		}
	}
}

// skipTagSpace goes over what may stand between tags, from byte k of the game
// on: white space, lines that start with "%", and comments from ";" to the end
// of the line. It returns the index of the next byte, the number of line feeds
// before it and the index of the first comment or -1; false at the end of the
// text. It gives up past MaxTagSection.
func (s *splitter) skipTagSpace(k int) (next, lines, comment int, ok bool) {
	comment = -1
	for {
		b := s.w.text()
		i := k + 1
		for i < len(b) && classes[b[i]] == classSpace {
			if b[i] == '\n' {
				lines++
			}
			i++
		}
		k = i - 1
		if i == len(b) {
			if k > MaxTagSection || !s.w.more() {
				return k, lines, comment, false
			}
			continue
		}
		// Before the first tag a ";" is movetext: there may be no tags at all.
		if !(b[i] == '%' && isLineEnd(b[i-1]) || b[i] == ';' && len(s.tags) > 0) {
			return k, lines, comment, true
		}
		if b[i] == ';' && comment < 0 {
			comment = k
		}
		n := lineEnd(b[i:])
		if n < 0 {
			if len(b)-i <= MaxTagSection+limitSlack && s.w.more() {
				continue
			}
			n = len(b) - i
		}
		k += n
	}
}

// skipToSection goes to the next place where reading can go on; see
// sectionStart. Its memory does not depend on how far that is.
func (s *splitter) skipToSection() {
	w := &s.w
	w.pos = min(w.pos, w.n)
	for {
		last := w.err != nil
		b := w.text()
		if at := sectionStart(b); at >= 0 {
			w.pos += at - 1
			return
		}
		if last {
			w.pos = w.n
			return
		}
		// What sectionStart looks at around the end of the text stays.
		if keep := 1 << 10; w.n-w.pos > keep {
			w.pos = w.n - keep
		}
		w.more()
	}
}

// parseTag reads the tag at b[0], which is a bracket and byte k of the game. It
// returns the length of
// the tag, for a malformed one that of the rest of its line; st is found, more
// or, for a malformed tag, unclear.
func parseTag(b []byte, last bool, k int, t *tagSpan) (n int, st status) {
	i := 1
	for i < len(b) && isBlank(b[i]) {
		i++
	}
	name := i
	for i < len(b) && b[i] > ' ' && b[i] != '"' && b[i] != '[' && b[i] != ']' {
		i++
	}
	nameEnd := i
	for i < len(b) && isBlank(b[i]) {
		i++
	}
	value := i + 1
	named := i < len(b) && b[i] == '"' && isNameByte(b[name])
	if named {
		if end, n, escaped := tagValue(b, value); n > 0 {
			*t = tagSpan{int32(k + name), int32(k + nameEnd), int32(k + value), int32(k + end), escaped}
			return n, found
		}
	}

	// Not as it should be. When the line ends like a tag, its quotes were not
	// escaped, or a backslash was not.
	n = lineEnd(b)
	if n < 0 {
		if !last {
			return 0, more
		}
		n = len(b)
	}
	if named {
		if end := closingQuote(b[:n]); end >= value {
			*t = tagSpan{int32(k + name), int32(k + nameEnd), int32(k + value), int32(k + end), true}
			return n, found
		}
	}
	return n, unclear
}

// tagValue returns the end of the value that begins at b[i], and that of its tag: 0 when
// the first quote that is not escaped does not close the value and a bracket the tag.
func tagValue(b []byte, i int) (end, n int, escaped bool) {
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			end = i
			i++
			for i < len(b) && isBlank(b[i]) {
				i++
			}
			if i < len(b) && b[i] == ']' {
				return end, i + 1, escaped
			}
			return 0, 0, false
		case '\\':
			escaped = true
			i++
			if i < len(b) && isLineEnd(b[i]) {
				return 0, 0, false
			}
		case '\n', '\r':
			return 0, 0, false
		}
	}
	return 0, 0, false
}

// closingQuote returns the place of the last quote of a line that ends like a tag, and -1 for
// one that does not.
func closingQuote(line []byte) int {
	line, closed := bytes.CutSuffix(bytes.TrimRight(line, " \t"), []byte("]"))
	line, quoted := bytes.CutSuffix(bytes.TrimRight(line, " \t"), []byte(`"`))
	if !closed || !quoted {
		return -1
	}
	return len(line)
}

// appendUnescaped appends a tag value without its escapes: \" and \\. A
// backslash before anything else stands for itself.
func appendUnescaped(dst, b []byte) []byte {
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+1 < len(b) && (b[i+1] == '"' || b[i+1] == '\\') {
			i++
		}
		dst = append(dst, b[i])
	}
	return dst
}

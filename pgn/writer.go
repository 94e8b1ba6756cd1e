package pgn

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"transcend/internal/bitboard"
)

// roster holds the seven tags that every game has, in their order (PGN standard,
// 8.1.1), with the value for what is not known.
var roster = [7]Tag{
	{"Event", "?"}, {"Site", "?"}, {"Date", "????.??.??"}, {"Round", "?"},
	{"White", "?"}, {"Black", "?"}, {"Result", "*"},
}

// lineWidth is the length of the longest line of movetext, without its end (PGN
// standard, 8.2.1: 80 columns with it).
const lineWidth = 79

// Writer writes games in PGN export format: the seven tags of the roster first,
// the others in the order they have, movetext in lines of less than 80 columns.
// What a Reader reads of it is the same game again, with the roster filled and
// in front.
type Writer struct {
	w   io.Writer
	buf []byte
	col int // columns of the current line of movetext that are taken

	wrote bool
}

// NewWriter returns a writer to w. There is nothing to flush: each game is one
// call of w.Write.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write writes one game. The Result tag and the termination marker say what
// g.Result says, whatever the tag said; a game that does not start from the
// initial position gets SetUp and FEN tags. A line end in a tag value becomes
// a space, and so does every run of white space in a comment. A comment with a closing brace, which cannot stand in braces, is
// written as ";" lines.
//
// A zero Start is the initial position. An illegal move or a tag name that PGN does not allow is an error, and nothing
// of the game is written.
func (w *Writer) Write(g *Game) error {
	w.buf = w.buf[:0]
	if w.wrote {
		w.buf = append(w.buf, '\n')
	}
	start := g.Start
	if start == (bitboard.Position{}) {
		start = bitboard.Start()
	}
	if err := w.tags(g, &start); err != nil {
		return err
	}
	w.buf = append(w.buf, '\n')
	if err := w.movetext(g, start); err != nil {
		return err
	}
	w.wrote = true
	if _, err := w.w.Write(w.buf); err != nil {
		return fmt.Errorf("pgn: write: %w", err)
	}
	return nil
}

func (w *Writer) tags(g *Game, start *bitboard.Position) error {
	for _, t := range roster {
		if t.Name == "Result" {
			t.Value = g.Result.String()
		} else if i := indexTag(g.Tags, t.Name); i >= 0 {
			t.Value = g.Tags[i].Value
		}
		w.tag(t)
	}

	fen := ""
	if *start != bitboard.Start() || indexTag(g.Tags, "FEN") >= 0 || g.Tag("SetUp") == "1" {
		fen = start.FEN()
	}
	setUp := false
	for i, t := range g.Tags {
		if indexTag(roster[:], t.Name) >= 0 {
			continue
		}
		if !isTagName(t.Name) {
			return fmt.Errorf("pgn: write: %s is no name for a tag: it takes letters, digits and underscores", strconv.Quote(t.Name))
		}
		switch t.Name {
		case "FEN":
			if indexTag(g.Tags, "FEN") != i {
				continue
			}
			if indexTag(g.Tags, "SetUp") < 0 && !setUp {
				w.tag(Tag{"SetUp", "1"})
				setUp = true
			}
			t.Value = fen
		case "SetUp":
			if fen == "" || setUp {
				continue
			}
			setUp = true
			t.Value = "1"
		}
		w.tag(t)
	}
	if fen != "" && !setUp {
		w.tag(Tag{"SetUp", "1"})
	}
	if fen != "" && indexTag(g.Tags, "FEN") < 0 {
		w.tag(Tag{"FEN", fen})
	}
	return nil
}

func indexTag(tags []Tag, name string) int {
	for i := range tags {
		if tags[i].Name == name {
			return i
		}
	}
	return -1
}

// isTagName says whether the reader takes a name: the standard's characters,
// and those that programs use beside them.
func isTagName(name string) bool {
	if name == "" || !isNameByte(name[0]) {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c == '"' || c == '[' || c == ']' {
			return false
		}
	}
	return true
}

func (w *Writer) tag(t Tag) {
	w.buf = append(w.buf, '[')
	w.buf = append(w.buf, t.Name...)
	w.buf = append(w.buf, ` "`...)
	for i := range len(t.Value) {
		c := t.Value[i]
		switch {
		case c == '"' || c == '\\':
			w.buf = append(w.buf, '\\')
		case isLineEnd(c):
			c = ' '
		}
		w.buf = append(w.buf, c)
	}
	w.buf = append(w.buf, "\"]\n"...)
}

func (w *Writer) movetext(g *Game, pos bitboard.Position) error {
	if n := len(g.Comments); n != 0 && n != len(g.Moves) {
		return fmt.Errorf("pgn: write: %d comments for %d moves: there must be one for each move, or none", n, len(g.Moves))
	}
	w.col = 0
	w.comment(g.Comment)
	number := pos.FullmoveNumber()
	numbered := false // Black's move needs no number
	var word [32]byte
	for i, m := range g.Moves {
		if !pos.IsLegal(m) {
			return fmt.Errorf("pgn: write: ply %d: %w: %s in %s", i+1, bitboard.ErrIllegalMove, m, pos.FEN())
		}
		white := pos.SideToMove() == bitboard.White
		if white || !numbered {
			b := strconv.AppendInt(word[:0], int64(number), 10)
			if white {
				b = append(b, '.')
			} else {
				b = append(b, "..."...)
			}
			w.word(b, true)
		}
		w.word(pos.AppendSAN(word[:0], m), true)
		numbered = true
		pos.Make(m)
		if !white {
			number++
		}
		if len(g.Comments) > 0 && w.comment(g.Comments[i]) {
			numbered = false
		}
	}
	w.word(append(word[:0], g.Result.String()...), true)
	w.buf = append(w.buf, '\n')
	return nil
}

// word appends a word: after a space, or on a new line when the line has no room
// for it and may be broken here.
func (w *Writer) word(b []byte, mayBreak bool) {
	switch {
	case w.col == 0:
	case w.col+1+len(b) > lineWidth && mayBreak:
		w.newLine()
	default:
		w.buf = append(w.buf, ' ')
		w.col++
	}
	w.buf = append(w.buf, b...)
	w.col += len(b)
}

func (w *Writer) newLine() {
	w.buf = append(w.buf, '\n')
	w.col = 0
}

// comment appends a comment; false when there is nothing in it.
func (w *Writer) comment(text string) bool {
	words := commentWords(text)
	if len(words) == 0 {
		return false
	}
	if strings.Contains(text, "}") {
		// From ";" to the end of the line, as many lines as it takes.
		if w.col > 0 {
			w.newLine()
		}
		for _, word := range words {
			if w.col > 0 && w.col+1+len(word) > lineWidth {
				w.newLine()
			}
			if w.col == 0 {
				w.word([]byte{';'}, false)
			}
			w.word([]byte(word), false)
		}
		w.newLine()
		return true
	}
	words[0] = "{" + words[0]
	words[len(words)-1] += "}"
	for len(words) > 0 {
		// A line that starts with "[" looks like a tag, one with "%" is skipped by
		// some programs: such words stay with the one before.
		n := 1
		for n < len(words) && (words[n][0] == '[' || words[n][0] == '%') {
			n++
		}
		w.word([]byte(strings.Join(words[:n], " ")), true)
		words = words[n:]
	}
	return true
}

// commentWords cuts a comment at what the reader takes for white space.
func commentWords(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r < 256 && classes[byte(r)] == classSpace })
}

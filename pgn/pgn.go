// Package pgn reads and writes chess games in Portable Game Notation.
//
// A [Reader] is shaped like bufio.Scanner: Scan goes to the next record, which
// is a good game ([Reader.Game]) or a broken one ([Reader.BadGame]). A broken
// game never ends the stream and never takes its neighbors with it. The input
// may be plain text, zstd, gzip or bzip2, told apart by their first bytes.
//
//	r, err := pgn.Open("games/*.pgn.zst", "more.pgn")
//	if err != nil {
//		return err
//	}
//	defer r.Close()
//	r.Filter(func(h *pgn.Header) bool {
//		white, ok1 := h.WhiteElo()
//		black, ok2 := h.BlackElo()
//		return ok1 && ok2 && max(white, black) <= 1000
//	})
//	for r.Scan() {
//		if bad := r.BadGame(); bad != nil {
//			log.Print(bad)
//			continue
//		}
//		use(r.Game())
//	}
//	return r.Err()
//
// # What is read
//
// The format is that of the PGN standard (Edwards, 1994), with the tolerance
// that files from the wild need:
//
//   - A byte order mark, CRLF or lone CR, missing blank lines, missing or wrong
//     move numbers, "12..." numbers, lines of any length.
//   - Comments in braces, which do not nest, and from ";" to the end of a line;
//     lines that begin with "%"; variations to any depth, which are skipped;
//     NAGs ($6, !?) and evaluation glyphs, which are skipped. Comments of the
//     main line are kept when asked for ([Reader.KeepComments]).
//   - Tag values with \" and \\; a value with unescaped quotes in it ends at the
//     last quote before the closing bracket of its line.
//   - Zero-move games, games without a termination marker, movetext before any
//     tag.
//
// A game starts at its tag section and ends at its termination marker outside
// of variations, or where the next tag section starts. A second Event tag, or
// after an empty line a tag that was there already, starts a new game, too: so a
// game without any movetext takes nothing from the next. Comments and markers
// between games, with neither a tag nor a move, are no game.
//
// A comment whose closing brace is missing breaks its game. Reading goes on
// at the next tag section: a line that starts with [Event "...", or a line that
// starts with any tag after an empty line. The same holds for a game that is
// larger than MaxMovetext or MaxTagSection.
//
// # What is a broken game
//
// Malformed tags, text that is no PGN, an illegal or ambiguous move, a FEN that
// is no legal position, a variant other than standard chess ([ErrVariant];
// Chess960 is not supported), a null move in the main line ([ErrNullMove]; in
// variations they are skipped with the rest).
//
// # Which result counts
//
// The Result tag, when it names one of the three ends of a game; otherwise the
// termination marker. The tag is what a header filter sees, and what the program
// that ended the game wrote; markers are often "*" in annotated or cut games.
// When tag and marker name different ends, [Game.ResultConflict] says so.
package pgn

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"transcend/internal/bitboard"
)

const (
	// MaxMovetext is the size in bytes above which the movetext of one game is
	// reported as broken. The longest possible game of chess takes less than
	// 200 KB; the rest is room for comments.
	MaxMovetext = 16 << 20

	// MaxTagSection is the same for the tags of one game.
	MaxTagSection = 1 << 20

	// MaxTags is the largest number of tags in one game.
	MaxTags = 1000
)

var (
	// ErrVariant is wrapped by the SyntaxError of a game whose Variant tag names
	// something other than standard chess.
	ErrVariant = errors.New("not standard chess")

	// ErrNullMove is wrapped by the SyntaxError of a game with a null move ("--")
	// in its main line, which no legal game has.
	ErrNullMove = errors.New("null move")

	// ErrTooLarge is wrapped by the SyntaxError of a game that exceeds
	// MaxMovetext, MaxTagSection or MaxTags.
	ErrTooLarge = errors.New("game too large")
)

// Tag is one tag pair, its value without the escapes.
type Tag struct{ Name, Value string }

// Game is one game. What the reader hands out is used again for the next game:
// Clone what is to be kept. Strings taken from it stay valid, but hold on to
// some 64 KiB of the text around them; strings.Clone those that are kept one by
// one out of many games.
type Game struct {
	Tags  []Tag             // in the order of the file
	Start bitboard.Position // what Moves begin from
	Moves []bitboard.Move

	// Result is the Result tag, or the termination marker when there is no tag
	// or the tag is no end of a game.
	Result bitboard.Result

	// ResultConflict says that Result tag and termination marker name different
	// ends of the game.
	ResultConflict bool

	// Comment is the text before the first move and Comments[i] the text after
	// Moves[i]; Comments is empty or as long as Moves. The reader fills them only
	// after KeepComments(true), every run of white space made one space.
	Comment  string
	Comments []string

	File   string // name of the input the game was read from
	Number int    // 1 for the first game of File; games that were filtered out or broken count
	Offset int64  // of the game's first byte in the decompressed text
}

// Tag returns the value of the first tag of that name, "" when there is none.
func (g *Game) Tag(name string) string {
	for i := range g.Tags {
		if g.Tags[i].Name == name {
			return g.Tags[i].Value
		}
	}
	return ""
}

// SetTag replaces the value of the tag of that name, or adds the tag at the end.
func (g *Game) SetTag(name, value string) {
	for i := range g.Tags {
		if g.Tags[i].Name == name {
			g.Tags[i].Value = value
			return
		}
	}
	g.Tags = append(g.Tags, Tag{name, value})
}

// Elo returns the rating of one side as its tag gives it; see Header.WhiteElo.
func (g *Game) Elo(c bitboard.Color) (int, bool) {
	name := "WhiteElo"
	if c == bitboard.Black {
		name = "BlackElo"
	}
	return parseElo(g.Tag(name))
}

// Clone returns a copy that shares no memory with g or the reader it came from.
func (g *Game) Clone() *Game {
	c := *g
	c.Tags = make([]Tag, len(g.Tags))
	for i, t := range g.Tags {
		c.Tags[i] = Tag{strings.Clone(t.Name), strings.Clone(t.Value)}
	}
	c.Moves = append([]bitboard.Move(nil), g.Moves...)
	c.Comment = strings.Clone(g.Comment)
	c.Comments = nil
	for _, text := range g.Comments {
		c.Comments = append(c.Comments, strings.Clone(text))
	}
	return &c
}

// SyntaxError is a broken game: a record in the stream, not the end of it.
type SyntaxError struct {
	File   string // name of the input
	Game   int    // number of the game in File, from 1
	Offset int64  // of the place in the decompressed text, in bytes
	Reason string
	Err    error // what caused it, nil when Reason says all
}

// Error returns one line with file, game, offset and reason.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("pgn: %s: game %d: byte %d: %s", e.File, e.Game, e.Offset, e.Reason)
}

// Unwrap returns Err.
func (e *SyntaxError) Unwrap() error { return e.Err }

// Header is what a filter sees of a game before its movetext is looked at. It
// is valid only during the call of the filter.
type Header struct {
	File   string // as in Game
	Number int
	Offset int64

	text []byte // from the game's first byte on
	tags []tagSpan
}

// Bytes returns the value of the first tag of that name without allocating,
// nil when there is none. The bytes are valid only during the call of the
// filter and must not be changed.
func (h *Header) Bytes(name string) []byte {
	for i := range h.tags {
		t := &h.tags[i]
		if int(t.nameEnd-t.name) == len(name) && string(h.text[t.name:t.nameEnd]) == name {
			v := h.text[t.value:t.valueEnd:t.valueEnd]
			if t.escaped {
				v = appendUnescaped(nil, v)
			}
			return v
		}
	}
	return nil
}

// Tag returns the value of the first tag of that name, "" when there is none.
// It allocates the string; Bytes does not.
func (h *Header) Tag(name string) string { return string(h.Bytes(name)) }

// MaxElo is the highest number that is taken for a rating.
const MaxElo = 9999

// Unknown says whether the value of a tag stands for one that is not known: nothing,
// "?", or "????.??.??" for a date, as the standard has it (8.1.1).
func Unknown[T string | []byte](value T) bool {
	switch string(value) {
	case "", "?", "????.??.??":
		return true
	}
	return false
}

// WhiteElo returns White's rating; false when it is missing, no number ("?",
// "-"), or not in 1 to MaxElo. A question mark after the number, with which
// Lichess marks provisional ratings, is allowed.
func (h *Header) WhiteElo() (int, bool) { return parseElo(h.Bytes("WhiteElo")) }

// BlackElo returns Black's rating, as WhiteElo does White's.
func (h *Header) BlackElo() (int, bool) { return parseElo(h.Bytes("BlackElo")) }

// Result returns what the Result tag says, bitboard.Ongoing when it is missing
// or none of the four results. The termination marker has not been read yet.
func (h *Header) Result() bitboard.Result { return parseResult(h.Bytes("Result")) }

// NumTags returns the number of tags.
func (h *Header) NumTags() int { return len(h.tags) }

func parseElo[T string | []byte](s T) (int, bool) {
	for len(s) > 0 && s[0] == ' ' {
		s = s[1:]
	}
	for len(s) > 0 && s[len(s)-1] == ' ' {
		s = s[:len(s)-1]
	}
	if n := len(s); n > 1 && s[n-1] == '?' {
		s = s[:n-1]
	}
	if len(s) == 0 || len(s) > 4 {
		return 0, false
	}
	elo := 0
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		elo = elo*10 + int(c-'0')
	}
	return elo, elo > 0
}

func parseResult(s []byte) bitboard.Result {
	switch string(s) {
	case "1-0":
		return bitboard.WhiteWins
	case "0-1":
		return bitboard.BlackWins
	case "1/2-1/2":
		return bitboard.Draw
	}
	return bitboard.Ongoing
}

// problem is a SyntaxError that does not know its file and game yet; the
// offset counts from the game's first byte.
type problem struct {
	at     int
	reason string
	err    error
}

// quoted returns text for a message: quoted, and cut when it is long.
func quoted(b []byte) string {
	if len(b) > 40 {
		return strconv.Quote(string(b[:40])) + "..."
	}
	return strconv.Quote(string(b))
}

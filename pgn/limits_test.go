package pgn

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
)

// repeated is a text of n copies of a piece, made while it is read.
type repeated struct {
	piece string
	n     int
	rest  string
}

func repeat(piece string, n int) io.Reader {
	// Larger pieces take fewer calls.
	if k := 64<<10/len(piece) + 1; n > k {
		return io.MultiReader(&repeated{piece: strings.Repeat(piece, k), n: n / k}, &repeated{piece: piece, n: n % k})
	}
	return &repeated{piece: piece, n: n}
}

func (r *repeated) Read(b []byte) (int, error) {
	if r.rest == "" {
		if r.n == 0 {
			return 0, io.EOF
		}
		r.n--
		r.rest = r.piece
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// hugeGame is a game that is too large, to be read between small ones.
type hugeGame struct {
	name   string
	huge   func() io.Reader
	offset int // where the reason is found, from the start of the huge game; -1 for somewhere
	reason string
}

// text is the huge game between small ones.
func (g *hugeGame) text() io.Reader {
	return io.MultiReader(
		strings.NewReader("[Event \"a\"]\n\n1. e4 1-0\n\n"),
		g.huge(),
		strings.NewReader("\n\n[Event \"b\"]\n\n1. d4 0-1\n\n[Event \"c\"]\n\n1. c4 *\n"))
}

// hugeGames take about size bytes, or an eighth of it where it is the tags that are too large.
func hugeGames(size int) []hugeGame {
	text := strings.NewReader
	return []hugeGame{
		{"movetext", func() io.Reader {
			return io.MultiReader(text("[Event \"x\"]\n\n"), repeat("1. Nf3 Nf6 2. Ng1 Ng8 ", size/20))
		}, 13, textTooLong},
		{"movetext in lines", func() io.Reader {
			return io.MultiReader(text("[Event \"x\"]\n\n"), repeat("1. Nf3 Nf6\n2. Ng1 Ng8\n", size/20))
		}, 13, textTooLong},
		{"no tags", func() io.Reader { return repeat("1. Nf3 Nf6 2. Ng1 Ng8 ", size/20) }, 0, textTooLong},
		{"one word", func() io.Reader { return io.MultiReader(text("[Event \"x\"]\n\n"), repeat("e4", size/2)) }, 13, textTooLong},
		{"comment", func() io.Reader {
			return io.MultiReader(text("[Event \"x\"]\n\n1. e4 {"), repeat("word ", size/4), text("} 1-0"))
		}, 13, textTooLong},
		{"comment without an end", func() io.Reader {
			return io.MultiReader(text("[Event \"x\"]\n\n1. e4 {"), repeat("word\n[x]\n", size/9))
		}, 13, textTooLong},
		{"line comment", func() io.Reader { return io.MultiReader(text("[Event \"x\"]\n\n1. e4 ;"), repeat("word ", size/4)) }, 13, textTooLong},
		{"variations", func() io.Reader { return io.MultiReader(text("[Event \"x\"]\n\n1. e4 "), repeat("(", size)) }, 13, textTooLong},
		{"tag value", func() io.Reader {
			return io.MultiReader(text("[Event \"x\"]\n[Site \""), repeat("word ", size/40), text("\"]"))
		}, 12, tagsTooLong},
		{"tag name", func() io.Reader {
			return io.MultiReader(text("[Event \"x\"]\n["), repeat("word", size/32), text(" \"x\"]"))
		}, 12, tagsTooLong},
		{"first tag", func() io.Reader { return io.MultiReader(text("[Event \""), repeat("word", size/32), text("\"]")) }, 0, tagsTooLong},
		{"not a tag", func() io.Reader { return io.MultiReader(text("[Event \"x\"]\n[ "), repeat("word ", size/40)) }, 12, tagsTooLong},
		{"line comment between tags", func() io.Reader { return io.MultiReader(text("[Event \"x\"]\n; "), repeat("word ", size/40)) }, -1, tagsTooLong},
		{"tag comments", func() io.Reader { return io.MultiReader(text("[Event \"x\"]\n"), repeat("; word\n", size/56)) }, -1, tagsTooLong},
		{"white space", func() io.Reader { return io.MultiReader(text("[Event \"x\"]\n"), repeat(" \n", size/16)) }, -1, tagsTooLong},
		{"tags", func() io.Reader { return io.MultiReader(text("[Event \"x\"]\n"), repeat("[Site \"y\"]\n", size/88)) }, 12 + 11*(MaxTags-1), "more than 1000 tags"},
		{"malformed tags", func() io.Reader { return io.MultiReader(text("[Event \"x\"]\n"), repeat("[Site y]\n", size/80)) }, 12, `malformed tag "[Site y]"`},
	}
}

// A game that is too large is a broken game, nobody needs the memory for it, and
// the games around it are read.
func TestTooLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of megabytes of text")
	}
	for _, test := range hugeGames(40 << 20) {
		r := newReader(t, test.text(), windowSize)
		// The window is looked at.
		r.Workers(1)
		var cause error
		var got []string
		for r.Scan() {
			got = append(got, describe(r))
			if r.BadGame() != nil {
				cause = r.BadGame()
			}
		}
		offset := 24 + test.offset
		if test.offset < 0 && r.BadGame() == nil && len(got) > 1 {
			fmt.Sscanf(got[1], "2: bad at %d:", &offset)
			if offset < MaxTagSection {
				t.Errorf("%s: too early, at %d", test.name, offset)
			}
		}
		want := []string{"1: e2e4 1-0", fmt.Sprintf("2: bad at %d: %s", offset, test.reason), "3: d2d4 0-1", "4: c2c4 *"}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %.300q\nwant %.300q", test.name, got, want)
		}
		if test.name != "malformed tags" && !errors.Is(cause, ErrTooLarge) {
			t.Errorf("%s: %v does not wrap ErrTooLarge", test.name, cause)
		}
		most := 2 * MaxMovetext
		if test.reason != textTooLong {
			most = 2 * MaxTagSection
		}
		if n := len(r.split.w.buf); n > most {
			t.Errorf("%s: took %d KiB of memory, want %d at most", test.name, n>>10, most>>10)
		}
		r.Close()
	}
}

// Games up to the limit are read.
func TestLarge(t *testing.T) {
	comment := strings.Repeat("word ", 3_000_000)
	text := "[Event \"a\"]\n\n1. e4 {" + comment + "} e5 1-0\n\n[Event \"b\"]\n\n1. d4 0-1 {" + comment + "}"
	want := []string{"1: e2e4 e7e5 1-0", "2: d2d4 0-1"}
	if got := scanText(t, text); !reflect.DeepEqual(got, want) {
		t.Errorf("got %.300q, want %q", got, want)
	}

	// The same without an end to what is dropped: no memory, no limit.
	r := newReader(t, io.MultiReader(repeat(" \n", 40<<20), strings.NewReader("%"), repeat("word ", 20<<20), strings.NewReader("\n1. e4 *")), windowSize)
	if got := scan(t, r); !reflect.DeepEqual(got, []string{"1: e2e4 *"}) {
		t.Errorf("got %.300q", got)
	}
	if n := len(r.split.w.buf); n != windowSize {
		t.Errorf("the window grew to %d bytes", n)
	}

	// A game that the filter drops may be as large as it likes.
	r = newReader(t, io.MultiReader(strings.NewReader("[Event \"x\"]\n\n1. e4 "), repeat("{word} ", 20<<20), strings.NewReader("\n\n[Event \"b\"]\n\n1. d4 0-1")), windowSize)
	r.Filter(func(h *Header) bool { return h.Tag("Event") != "x" })
	if got := scan(t, r); !reflect.DeepEqual(got, []string{"2: d2d4 0-1"}) || r.Skipped() != 1 {
		t.Errorf("got %.300q, %d skipped", got, r.Skipped())
	}
}

// hostileTexts are texts in which a reader that looks too far ahead for every
// game, or again and again for the same one, would be busy for hours: many copies
// of a piece after a large game, which makes the window large, too.
var hostileTexts = []struct {
	name, piece string
	games       int // in one piece, -1 for all that is there is one record
}{
	{"games without tags", "1. e4 1-0 ", 1},
	{"games in one line", "[A \"x\"] 1-0 ", 1},
	{"markers", "1-0 ", 0},
	{"comments without an end", "[Event \"x\"]\n{\n", 1},
	{"comments without an end, in one", "{ [Event \"x\"] ", -1},
	{"comments at CR", "[A \"x\"] ;\r* ", 1},
	{"CR alone", "e4 ;\r%\r", -1},
	{"open variations", "[A \"x\"]\n(", 1},
	{"open brackets", "[", -1},
	{"open tags", "[A \"x\"]\n[", -1},
	{"open names", "x[a", -1},
	{"line feeds and brackets", "\n\n[x", -1},
	{"quotes", "[A \"x\"]\ne4 \"", 1},
	{"quotes in a line", "[A \"x\"] e4 \"", 1},
	{"dashes", "[A \"x\"]\n1-0 1-0-1-0 ", 2},
	{"ellipses", "\u2026\u2026e", -1},
	{"half tags", "[A \"x\n", -1},
	{"tags and empty lines", "[A \"x\"]\n\n[B \"y\"]\n\n", 1},
}

// hostileText is the text of so many copies of a piece, after a game of size bytes.
func hostileText(size int, piece string, n int) io.Reader {
	large := "[Event \"x\"]\n\n1. e4 {" + strings.Repeat("word ", size/5) + "} e5 1-0\n\n"
	return io.MultiReader(strings.NewReader(large), repeat(piece, n))
}

func TestHostile(t *testing.T) {
	for _, test := range hostileTexts {
		size := 4 << 20
		if testing.Short() {
			size = 1 << 20
		}
		n := size / len(test.piece)
		want := 1 + n*test.games
		if test.games < 0 {
			want = 2
		}
		r := newReader(t, hostileText(15_000_000, test.piece, n), windowSize)
		got := 0
		for r.Scan() {
			got++
		}
		if got != want || r.Err() != nil {
			t.Errorf("%s: %d records, want %d; %v", test.name, got, want, r.Err())
		}
		r.Close()
	}
}

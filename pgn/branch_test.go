package pgn

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// TestSmallestInputs: files that end in their first bytes are cut off, and say so.
func TestSmallestInputs(t *testing.T) {
	for _, head := range []string{"\x1f\x8b", "\x1f\x8b\x08", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00", "\x28\xb5\x2f\xfd", "BZh91AY&SY"} {
		path := filepath.Join(t.TempDir(), "cut.pgn")
		if err := os.WriteFile(path, []byte(head), 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := Open(path)
		if err == nil {
			for r.Scan() {
				t.Errorf("%q: a game", head)
			}
			err = r.Err()
			r.Close()
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v", head, err)
		}
	}
}

// TestEscapedLineEnd: a backslash escapes no line end, in the splitter as in the tags.
func TestEscapedLineEnd(t *testing.T) {
	for _, end := range []string{"\n", "\r\n", "\r"} {
		text := "[Event \"a\"]\n\n1. e4 *\n\n[Event \"b\\" + end + "[Site \"c\"]\n\n1. d4 1-0\n\n[Event \"d\"]\n\n1. c4 0-1\n"
		var got []string
		r := newReader(t, strings.NewReader(text), windowSize)
		for r.Scan() {
			got = append(got, describe(r))
		}
		if len(got) != 3 || got[0] != "1: e2e4 *" || !strings.HasPrefix(got[1], "2: bad") || got[2] != "3: c2c4 0-1" || r.Err() != nil {
			t.Errorf("%q: %q, %v", end, got, r.Err())
		}
		sameBothWays(t, "escaped line end", tunings, func() (*Reader, error) { return newReader(t, strings.NewReader(text), windowSize), nil })
	}
}

// TestCutInsideACharacter: white space of several bytes, percent lines and comments are the
// same wherever the pieces end in which the text comes.
func TestCutInsideACharacter(t *testing.T) {
	text := "[Event \"a\"]\n\n1.\u00a0e4\u200be5\ufeff{ c }\u00a02\u2026 Nf3 *\n\n[Event \"b\"]\n\n1.\u00a0d4\u00a01-0\n%\u00a0x"
	want := []string{"1: e2e4 e7e5 g1f3 *", "2: d2d4 1-0"}
	for cut := range len(text) {
		for name, from := range map[string]io.Reader{
			"cut at":      io.MultiReader(strings.NewReader(text[:cut]), strings.NewReader(text[cut:])),
			"moved by":    strings.NewReader(strings.Repeat("\n", cut) + text), // windows end elsewhere
			"cut off":     strings.NewReader(text[:len(text)-cut%3]),
			"in bytes of": iotest.OneByteReader(strings.NewReader(strings.Repeat("\n", cut) + text)),
		} {
			r := newReader(t, from, 64)
			var got []string
			for r.Scan() {
				got = append(got, describe(r))
			}
			if !reflect.DeepEqual(got, want) || r.Err() != nil {
				t.Errorf("%s %d: %q, %v", name, cut, got, r.Err())
			}
		}
	}
}

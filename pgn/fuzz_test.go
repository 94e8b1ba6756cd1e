package pgn

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"transcend/internal/fuzzlimit"
)

// records returns the records of a text with all there is in them, and the good
// games.
func records(t *testing.T, r *Reader) (all []any, good []*Game) {
	r.KeepComments(true)
	defer r.Close()
	for r.Scan() {
		if bad := r.BadGame(); bad != nil {
			if bad.Reason == "" || bad.Game <= 0 || bad.Offset < 0 {
				t.Fatalf("broken game without a place or a reason: %+v", bad)
			}
			all = append(all, bad.Error())
			continue
		}
		g := r.Game().Clone()
		all = append(all, *g)
		good = append(good, g)
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return all, good
}

// FuzzReader reads a text in different ways, which must not matter, and writes the
// good games, which must come back as they were.
func FuzzReader(f *testing.F) {
	for _, test := range texts {
		if len(test.text) < 1000 {
			f.Add([]byte(test.text))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 100_000 {
			return
		}
		fuzzlimit.Watch(t, 256<<20)
		// Compressed data is for FuzzInput; a space makes text of it.
		text := append([]byte(" "), data...)
		want, good := records(t, newReader(t, bytes.NewReader(text), 8<<10))

		exact := newReader(t, bytes.NewReader(text), 8<<10)
		exact.split.exact = true
		if got, _ := records(t, exact); !reflect.DeepEqual(got, want) {
			t.Fatalf("exact: got %v\nwant %v", got, want)
		}
		if got, _ := records(t, newReader(t, iotest.HalfReader(bytes.NewReader(text)), 2)); !reflect.DeepEqual(got, want) {
			t.Fatalf("small window: got %v\nwant %v", got, want)
		}
		rng := rand.New(rand.NewPCG(uint64(len(text)), 1))
		if got, _ := records(t, newReader(t, &pieces{string(text), rng}, 2)); !reflect.DeepEqual(got, want) {
			t.Fatalf("pieces: got %v\nwant %v", got, want)
		}

		// So does a pipeline, with batches that hold much or little.
		for i, tune := range tunings {
			piped := newReader(t, &pieces{string(text), rng}, 64)
			piped.Workers(2 + i)
			piped.tune = tune
			if got, _ := records(t, piped); !reflect.DeepEqual(got, want) {
				t.Fatalf("pipeline %+v: got %v\nwant %v", tune, got, want)
			}
		}

		// With all games dropped the games begin where they did.
		var offsets []int64
		dropping := newReader(t, bytes.NewReader(text), 8<<10)
		dropping.Filter(func(h *Header) bool {
			offsets = append(offsets, h.Offset)
			return false
		})
		broken := len(scan(t, dropping))
		if len(offsets) != dropping.Skipped() || broken+dropping.Skipped() != len(want) {
			t.Fatalf("%d games skipped, %d broken, of %d", dropping.Skipped(), broken, len(want))
		}
		i := 0
		for _, g := range good {
			for i < len(offsets) && offsets[i] < g.Offset {
				i++
			}
			if i == len(offsets) || offsets[i] != g.Offset {
				t.Fatalf("the game at %d was not seen by the filter", g.Offset)
			}
		}

		for _, g := range good {
			if err := roundTrip(t, g); err != nil {
				t.Fatal(err)
			}
		}
		// All of them in one file.
		if again := games(t, fileOf(t, good)); len(again) != len(good) {
			t.Fatalf("%d games written, %d read", len(good), len(again))
		}
	})
}

// FuzzSplit finds the games of a text in the quick way and in the exact one, in one
// piece and in blocks as they come out of a decoder.
func FuzzSplit(f *testing.F) {
	for _, test := range texts {
		if len(test.text) < 1000 {
			f.Add([]byte(test.text), uint64(len(test.text)))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		if len(text) > 100_000 {
			return
		}
		fuzzlimit.Watch(t, 16<<20+uint64(100*len(text)))
		var exact splitter
		exact.exact = true
		want := splitAll(&exact, bytes.NewReader(text), nil)
		if got := splitAll(&splitter{}, bytes.NewReader(text), nil); !slices.Equal(got, want) {
			t.Fatalf("quick: got %v\nwant %v", got, want)
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		for range 2 {
			var s splitter
			s.w.own = make([]byte, 2+rng.IntN(100))
			blocks := &blockText{text: text, rng: rng, most: 1 + rng.IntN(2*len(text)+1)}
			if got := splitAll(&s, nil, blocks); !slices.Equal(got, want) {
				t.Fatalf("blocks: got %v\nwant %v", got, want)
			}
		}
	})
}

// splitAll returns where the games of a text are and what is said about their tags.
func splitAll(s *splitter, r io.Reader, blocks blockReader) (all []string) {
	s.reset(r, blocks)
	for s.header() {
		at := s.w.offset()
		s.movetext(false)
		text := s.w.text()[1 : 1+s.end]
		for len(text) > s.body && classes[text[len(text)-1]] == classSpace {
			text = text[:len(text)-1] // the quick way takes what is before the next game
		}
		all = append(all, fmt.Sprintf("%d %d %v %v %v %+v %q", at, s.body, s.resync, s.empty, s.tags, s.bad, text))
	}
	return all
}

// blockText hands out a text in blocks of random length, some of them empty. The memory
// of a block is not there any more when the next one is asked for.
type blockText struct {
	text, last []byte
	rng        *rand.Rand
	most       int
}

func (b *blockText) Block() ([]byte, error) {
	for i := range b.last {
		b.last[i] = '?'
	}
	if len(b.text) == 0 {
		return nil, io.EOF
	}
	n := min(len(b.text), b.rng.IntN(b.most+1))
	b.last = bytes.Clone(b.text[:n])
	b.text = b.text[n:]
	return b.last, nil
}

func fileOf(t *testing.T, all []*Game) string { return text(t, all...) }

// FuzzWriter writes games with whatever tags and comments and reads them again.
func FuzzWriter(f *testing.F) {
	f.Add("Event", "x", "comment", "another", uint64(1))
	f.Add("Event", `\"`, "}", "{", uint64(2))
	f.Add("SetUp", "1", "; [Event \"x\"]", "% 1-0", uint64(3))
	f.Add("FEN", "rubbish", "\n\n[Event \"x\"]\n", "a\n% b", uint64(4))
	f.Add("Variant", "standard", "\ufeff \u2026", "\xff}\xa0", uint64(5))
	f.Add("1", "\r\n", strings.Repeat("[x ", 60), strings.Repeat("x", 200), uint64(6))
	f.Fuzz(func(t *testing.T, name, value, first, second string, seed uint64) {
		if len(name)+len(value) > 100_000 || len(first)+len(second) > 100_000 {
			return
		}
		clean := func(s string) string { return strings.Join(commentWords(s), " ") }
		fuzzlimit.Watch(t, 256<<20)
		g := randomGame(rand.New(rand.NewPCG(seed, 0)))
		if indexTag(g.Tags, name) < 0 {
			g.Tags = append(g.Tags, Tag{name, strings.Map(func(r rune) rune {
				if r == '\n' || r == '\r' {
					return ' '
				}
				return r
			}, strings.ToValidUTF8(value, "?"))})
		}
		g.Comment = clean(first)
		g.Comments = nil
		if c := clean(second); c != "" {
			for range g.Moves {
				g.Comments = append(g.Comments, c)
			}
		}
		if !isTagName(name) {
			if err := NewWriter(io.Discard).Write(g); err == nil {
				t.Fatalf("tag name %q was written", name)
			}
			return
		}
		if name == "Variant" && !isStandard(value) {
			return // no game the reader takes
		}
		if err := roundTrip(t, g); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzInput reads data that may be compressed, damaged, cut off.
func FuzzInput(f *testing.F) {
	f.Add(zstdData(f, "1. e4 1-0"))
	f.Add(gzipData(f, "1. e4 1-0"))
	f.Add(bzip2Data[0])
	f.Add([]byte("\x53\x2a\x4d\x18\x05\x00\x00\x00hello"))
	f.Add([]byte("1. e4 1-0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		// Twice the largest window: the decoder gets memory for it as it fills.
		fuzzlimit.Watch(t, 2*maxZstdWindow+uint64(100*len(data)))
		r, err := NewReader("data", bytes.NewReader(data))
		if err != nil {
			return
		}
		n := 0
		for r.Scan() && n < 1000 {
			n++
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

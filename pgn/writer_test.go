package pgn

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
	"transcend/internal/golden"
)

// text returns what the writer makes of games.
func text(tb testing.TB, all ...*Game) string {
	tb.Helper()
	var b bytes.Buffer
	w := NewWriter(&b)
	for _, g := range all {
		if err := w.Write(g); err != nil {
			tb.Fatal(err)
		}
	}
	return b.String()
}

// play returns a game of moves in SAN from a position.
func play(tb testing.TB, fen, moves string, result bitboard.Result) *Game {
	tb.Helper()
	return &Game{Start: boardtest.Position(tb, fen), Result: result, Moves: boardtest.Moves(tb, fen, moves)}
}

// sameGame compares what a game is, not where it was read.
func sameGame(a, b *Game) error {
	switch {
	case a.Start != b.Start:
		return fmt.Errorf("start %s, %s", a.Start.FEN(), b.Start.FEN())
	case !reflect.DeepEqual(append([]bitboard.Move{}, a.Moves...), append([]bitboard.Move{}, b.Moves...)):
		return fmt.Errorf("moves %v, %v", a.Moves, b.Moves)
	case a.Result != b.Result:
		return fmt.Errorf("result %v, %v", a.Result, b.Result)
	case a.Comment != b.Comment:
		return fmt.Errorf("comment %q, %q", a.Comment, b.Comment)
	case !reflect.DeepEqual(append([]string{}, a.Comments...), append([]string{}, b.Comments...)):
		return fmt.Errorf("comments %q, %q", a.Comments, b.Comments)
	}
	return nil
}

// sameTags compares tags, but for what the writer is there to change: the order of
// the roster, its unknown values, the result, the position.
func sameTags(a, b *Game) error {
	own := map[string]bool{"Result": true, "FEN": true, "SetUp": true}
	for _, t := range roster {
		if !own[t.Name] && b.Tag(t.Name) != a.Tag(t.Name) && (indexTag(a.Tags, t.Name) >= 0 || b.Tag(t.Name) != t.Value) {
			return fmt.Errorf("%s %q, %q", t.Name, a.Tag(t.Name), b.Tag(t.Name))
		}
		own[t.Name] = true
	}
	rest := func(g *Game) []Tag {
		tags := []Tag{}
		for _, t := range g.Tags {
			if !own[t.Name] {
				tags = append(tags, t)
			}
		}
		return tags
	}
	if !reflect.DeepEqual(rest(a), rest(b)) {
		return fmt.Errorf("tags %q, %q", rest(a), rest(b))
	}
	return nil
}

// roundTrip writes a game, reads it, and says what is not the same.
func roundTrip(tb testing.TB, g *Game) error {
	first := text(tb, g)
	all := games(tb, first)
	if len(all) != 1 {
		return fmt.Errorf("%d games were read from\n%s", len(all), first)
	}
	if err := sameGame(g, all[0]); err != nil {
		return fmt.Errorf("%w in\n%s", err, first)
	}
	if err := sameTags(g, all[0]); err != nil {
		return fmt.Errorf("%w in\n%s", err, first)
	}
	if second := text(tb, all[0]); second != first {
		return fmt.Errorf("written again, it is not the same:\n%s\n%s", first, second)
	}
	return nil
}

func TestWriterGolden(t *testing.T) {
	immortal := play(t, "", `e4 e5 f4 exf4 Bc4 Qh4+ Kf1 b5 Bxb5 Nf6 Nf3 Qh6 d3 Nh5 Nh4 Qg5 Nf5 c6 g4 Nf6 Rg1 cxb5 h4 Qg6 h5 Qg5 Qf3 Ng8
		Bxf4 Qf6 Nc3 Bc5 Nd5 Qxb2 Bd6 Bxg1 e5 Qxa1+ Ke2 Na6 Nxg7+ Kd8 Qf6+ Nxf6 Be7#`, bitboard.WhiteWins)
	immortal.Tags = []Tag{{"ECO", "C33"}, {"White", "Anderssen, Adolf"}, {"Black", "Kieseritzky, Lionel"}, {"Date", "1851.06.21"}, {"Result", "*"}, {"Event", `The "Immortal" \ Game`}, {"Note", "two\nlines"}}

	commented := play(t, "", "e4 e5 Nf3 Nc6 Bb5", bitboard.Ongoing)
	commented.Comment = "Before the first move."
	commented.Comments = []string{
		"[%clk 0:01:00] [%eval 0.3]", "", "A long comment, one that has to be broken into several lines, [Event \"and\"] that must look like 100 % comment in every one of them [%emt 0:00:01]",
		"with { and } in it, so that it cannot stand in braces, and long enough for more than one line", "the  end",
	}

	black := play(t, "4k3/8/8/8/8/8/4P3/4K3 b - - 3 40", "Kd7 e4", bitboard.Draw)
	promotion := play(t, "8/4P1k1/8/8/8/8/6K1/8 w - - 0 1", "e8=Q Kh7 Qf7+", bitboard.Ongoing)
	promotion.Tags = []Tag{{"FEN", "not this"}, {"Event", "x"}}
	empty := &Game{Result: bitboard.BlackWins, Tags: []Tag{{"SetUp", "0"}}}

	got := text(t, immortal, commented, black, promotion, empty)
	golden.Check(t, "writer.golden", got)
	for i, line := range strings.Split(got, "\n") {
		if len(line) > lineWidth && !strings.HasPrefix(line, "[") {
			t.Errorf("line %d has %d characters", i+1, len(line))
		}
	}
	if all := games(t, got); len(all) != 5 {
		t.Errorf("%d games were read, want 5", len(all))
	}
	commented.Comments[4] = "the end" // white space is not kept
	for _, g := range []*Game{commented, black} {
		if err := roundTrip(t, g); err != nil {
			t.Error(err)
		}
	}
}

func TestWriterErrors(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	e4 := play(t, "", "e4", bitboard.Ongoing)
	bad := e4.Clone()
	bad.Moves = append(bad.Moves, bad.Moves[0])
	if err := w.Write(bad); !errors.Is(err, bitboard.ErrIllegalMove) || !strings.HasPrefix(err.Error(), "pgn: write: ply 2: illegal move: e2e4 in ") {
		t.Error(err)
	}
	for _, name := range []string{"", "White Elo", "a\"", "a]", "[", "a\n", "%x"} {
		bad = e4.Clone()
		bad.Tags = []Tag{{name, "x"}}
		if err := w.Write(bad); err == nil || !strings.Contains(err.Error(), "is no name for a tag") {
			t.Errorf("%q: %v", name, err)
		}
	}
	bad = e4.Clone()
	bad.Comments = []string{"a", "b"}
	if err := w.Write(bad); err == nil || err.Error() != "pgn: write: 2 comments for 1 moves: there must be one for each move, or none" {
		t.Error(err)
	}
	if b.Len() > 0 {
		t.Errorf("%q was written", &b)
	}
	if err := w.Write(e4); err != nil || b.Len() == 0 {
		t.Error(err)
	}
	full := errors.New("disk full")
	if err := NewWriter(failing{full}).Write(e4); !errors.Is(err, full) {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// randomGame returns a game of random moves with tags and comments made of what is
// hard to write.
func randomGame(rng *rand.Rand) *Game {
	words := []string{
		"a", "{", "}", "\"", "\\", "[", "]", "[Event", "\"x\"]", "[Event \"x\"]", "%", ";", "1-0", "*", "(", ")", "$1", "\\\"", "e4", "1.", "ü", "\u00a0", "\xff",
		"[%clk 0:00:01]", strings.Repeat("long", 30), "--", "\ufeff", "\u2026",
	}
	phrase := func() string {
		var b strings.Builder
		for range rng.IntN(12) {
			b.WriteString(words[rng.IntN(len(words))])
			if rng.IntN(3) > 0 {
				b.WriteByte(' ')
			}
		}
		return strings.Join(strings.Fields(b.String()), " ")
	}
	clean := func(s string) string { return strings.Join(commentWords(s), " ") }
	g := &Game{Start: bitboard.Start(), Result: bitboard.Result(rng.IntN(4))}
	for _, name := range []string{"Event", "Site", "Round", "Black", "X", "Opening", "White-Elo"} {
		if rng.IntN(2) == 0 {
			g.Tags = append(g.Tags, Tag{name, phrase()})
		}
	}
	rng.Shuffle(len(g.Tags), func(i, j int) { g.Tags[i], g.Tags[j] = g.Tags[j], g.Tags[i] })
	pos := g.Start
	skip := rng.IntN(3)
	n := rng.IntN(60)
	for i := 0; i < skip*7+n; i++ {
		legal := pos.Legal(nil)
		if len(legal) == 0 {
			break
		}
		m := legal[rng.IntN(len(legal))]
		pos.Make(m)
		if i < skip*7 {
			g.Start = pos
		} else {
			g.Moves = append(g.Moves, m)
		}
	}
	if rng.IntN(2) == 0 {
		g.Comment = clean(phrase())
		some := false
		for range g.Moves {
			c := clean(phrase())
			some = some || c != ""
			g.Comments = append(g.Comments, c)
		}
		if !some {
			g.Comments = nil
		}
	}
	return g
}

func TestWriterRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 3000 {
		if err := roundTrip(t, randomGame(rng)); err != nil {
			t.Fatalf("game %d: %v", i, err)
		}
	}
	// Everything the reader can read of the test texts is written and read again.
	for _, test := range texts {
		r := newReader(t, strings.NewReader(test.text), windowSize)
		r.KeepComments(true)
		for r.Scan() {
			if g := r.Game(); g != nil {
				if err := roundTrip(t, g); err != nil {
					t.Errorf("%s: %v", test.name, err)
				}
			}
		}
	}
}

package pgn

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/notnil/chess"

	"transcend/internal/bitboard"
)

// What notnil/chess v1.10.0 gets wrong in files that are legal PGN, one test
// each: the reader of this package must not share it.
func TestDefectsOfPeers(t *testing.T) {
	before, after := "[Event \"before\"]\n\n1. a4 1-0\n\n", "\n\n[Event \"after\"]\n[WhiteElo \"1200\"]\n\n1. h4 0-1\n"
	around := func(middle ...string) []string {
		return append(append([]string{"1: a2a4 1-0"}, middle...), string(rune('2'+len(middle)))+": h2h4 0-1")
	}
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{
			"a game without moves swallows the next one, which gets its rating",
			"[Event \"Rated game\"]\n[WhiteElo \"2900\"]\n[Result \"0-1\"]\n[Termination \"Abandoned\"]\n\n0-1", around("2: 0-1"),
		},
		{"a game that is not there comes at the end of a file", "[Event \"x\"]\n\n1. e4 *", around("2: e2e4 *")},
		{
			"a line over 64 KiB makes games without end",
			"[Event \"x\"]\n\n1. e4 {" + strings.Repeat("long ", 20_000) + "} e5 " + strings.Repeat("2. Nf3 Nf6 3. Ng1 Ng8 ", 20_000) + "1/2-1/2",
			nil, // compared below
		},
		{"a comment before the first move panics", "[Event \"x\"]\n\n{ hello } 1. e4 1-0", around("2: e2e4 1-0")},
		{
			"moves in % lines and ; comments are played",
			"[Event \"x\"]\n\n% 1. d4 d5\n1. e4 ; 1... d5 2. exd5\ne5 1-0", around("2: e2e4 e7e5 1-0"),
		},
		{
			"an illegal move ends the reading",
			"[Event \"x\"]\n\n1. e4 e5 2. Qxf7# 1-0", around("2: bad at 54: illegal move \"Qxf7#\" at ply 3: no such piece can go there"),
		},
		{
			"a quote in a tag goes on to the last one of the line",
			"[Event \"x\"] [Site \"y\"]\n\n1. e4 *", around("2: e2e4 *"),
		},
		{
			"variations and NAGs",
			"[Event \"x\"]\n\n1. e4 $1 (1. d4 (1. c4)) e5 1-0", around("2: e2e4 e7e5 1-0"),
		},
	} {
		r := newReader(t, strings.NewReader(before+test.text+after), windowSize)
		var elos []int
		var got []string
		for r.Scan() {
			got = append(got, describe(r))
			if g := r.Game(); g != nil {
				elo, _ := g.Elo(bitboard.White)
				elos = append(elos, elo)
			}
		}
		if r.Err() != nil {
			t.Error(r.Err())
		}
		if test.want == nil {
			if len(got) != 3 || !strings.HasPrefix(got[1], "2: e2e4 e7e5 g1f3 g8f6 ") || !strings.HasSuffix(got[1], " f3g1 f6g8 1/2-1/2") || strings.Count(got[1], " ") != 80_003 {
				t.Errorf("%s: %d records", test.name, len(got))
			}
		} else if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s:\n got %q\nwant %q", test.name, got, test.want)
		}
		if strings.Contains(test.text, "2900") && !reflect.DeepEqual(elos, []int{0, 2900, 1200}) {
			t.Errorf("ratings %v", elos)
		}
	}

	// Clone keeps the comments, and the clone can be used like the original.
	g := games(t, "{zero} 1. e4 {one} e5 {two} *")[0].Clone()
	if g.Comment != "zero" || !reflect.DeepEqual(g.Comments, []string{"one", "two"}) {
		t.Errorf("the clone has comments %q, %q", g.Comment, g.Comments)
	}
	if err := roundTrip(t, g); err != nil {
		t.Error(err)
	}

	// A position comes back for the third time after a double pawn push: the game
	// that was read must show it, en passant square or not.
	g = games(t, "1. e4 Nf6 2. Nf3 Ng8 3. Ng1 Nf6 4. Nf3 Ng8 5. Ng1 *")[0]
	played := bitboard.NewGame(g.Start)
	for _, m := range g.Moves {
		if err := played.Make(m); err != nil {
			t.Fatal(err)
		}
	}
	if got := played.ClaimableDraw(); got != bitboard.ThreefoldRepetition {
		t.Errorf("after 1. e4 and two rounds of knight moves: %v", got)
	}
}

// notnilScan reads games with the peer's scanner until its end and returns how many.
func notnilScan(r io.Reader) (int, error) {
	s := chess.NewScanner(r)
	n := 0
	for s.Scan() {
		if s.Next() != nil {
			n++
		}
	}
	if err := s.Err(); err != nil && !errors.Is(err, io.EOF) {
		return n, err
	}
	return n, nil
}

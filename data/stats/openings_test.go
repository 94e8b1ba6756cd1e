package stats

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/notnil/chess"
	"github.com/notnil/chess/opening"

	"transcend/data"
	"transcend/data/filter"
	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
	"transcend/internal/realgames"
	"transcend/pgn"
)

// oracle finds openings with the library alone: its rules, its book.
type oracle struct {
	book      *opening.BookECO
	rows      []*opening.Opening
	positions map[string]*opening.Opening // by FEN without en passant and clocks
}

// The library's book takes a third of a second; all tests use one.
var oracleBook *oracle

func newOracle(t testing.TB) *oracle {
	t.Helper()
	if oracleBook != nil {
		return oracleBook
	}
	o := &oracle{book: opening.NewBookECO(), positions: make(map[string]*opening.Opening)}
	o.rows = o.book.Possible(nil)
	slices.SortFunc(o.rows, func(a, b *opening.Opening) int { return strings.Compare(a.PGN(), b.PGN()) })
	for _, row := range o.rows {
		positions, _ := o.play(t, strings.Fields(row.PGN()))
		key := fen(positions[len(positions)-1])
		if other := o.positions[key]; other != nil {
			t.Errorf("%s and %s are the same position", row.PGN(), other.PGN())
		}
		if n := len(positions[len(positions)-1].Board().SquareMap()); n < 20 {
			t.Errorf("%s: %d pieces", row.PGN(), n) // not an opening for Lichess
		}
		o.positions[key] = row
	}
	oracleBook = o
	return o
}

// fen leaves en passant out: the library notes the square after every double
// step, whether or not there is anything to capture.
func fen(p *chess.Position) string {
	return strings.Join(strings.Fields(p.String())[:3], " ")
}

func (o *oracle) play(t testing.TB, ucis []string) (positions []*chess.Position, moves []*chess.Move) {
	t.Helper()
	p := chess.NewGame().Position()
	for _, uci := range ucis {
		m, err := chess.UCINotation{}.Decode(p, uci)
		if err != nil {
			t.Fatal(err)
		}
		p = p.Update(m)
		positions, moves = append(positions, p), append(moves, m)
	}
	return positions, moves
}

// byPosition is the rule of the Openings' comment, in the library's terms.
func (o *oracle) byPosition(positions []*chess.Position) *opening.Opening {
	var found *opening.Opening
	for _, p := range positions[:min(40, len(positions))] {
		if len(p.Board().SquareMap()) < 20 {
			break
		}
		if row := o.positions[fen(p)]; row != nil {
			found = row
		}
	}
	return found
}

func ucis(list []bitboard.Move) []string {
	var out []string
	for _, m := range list {
		out = append(out, m.String())
	}
	return out
}

func sameOpening(b *book, name int, want *opening.Opening) bool {
	if name < 0 || want == nil {
		return name < 0 && want == nil
	}
	return b.names[name].eco == want.Code() && b.names[name].name == want.Title()
}

// Every line of the book, to its end, has the name that the library gives it,
// and so has every line with random moves behind it, unless these come to another
// position of the book. The library goes by moves: where it differs from ours,
// the positions must say why.
func TestBookAgainstLibrary(t *testing.T) {
	o := newOracle(t)
	b := theBook()
	if len(o.rows) != 3397 || len(b.families) != 156 {
		t.Fatalf("%d lines, %d families", len(o.rows), len(b.families))
	}
	rng := rand.New(rand.NewPCG(3, 1))
	transposed := 0
	for _, row := range o.rows {
		line := strings.Fields(row.PGN())
		list := boardtest.Game(t, "", line...).Moves()
		if name := b.classify(list); !sameOpening(b, name, row) {
			t.Errorf("%s: %+v", row.PGN(), b.names[name])
		}
		if rng.IntN(10) > 0 { // the library is slow
			continue
		}
		// Not the whole line, so that what follows may lead back into the book.
		list = list[:1+rng.IntN(len(list))]
		p := bitboard.Start()
		for _, m := range list {
			p.Make(m)
		}
		for range 10 {
			legal := p.Legal(nil)
			if len(legal) == 0 {
				break
			}
			m := legal[rng.IntN(len(legal))]
			p.Make(m)
			list = append(list, m)
		}
		positions, moves := o.play(t, ucis(list))
		name := b.classify(list)
		if !sameOpening(b, name, o.byPosition(positions)) {
			t.Errorf("%v: name %d, want %v", list, name, o.byPosition(positions))
		}
		if byMoves := o.book.Find(moves); !sameOpening(b, name, byMoves) {
			transposed++
		}
	}
	t.Logf("%d games have another name by position than by moves", transposed)
}

// Real games have the names that the library's positions give.
func TestRealOpenings(t *testing.T) {
	dir := realgames.Dir(t)
	o := newOracle(t)
	b := theBook()
	r, err := pgn.Open(filepath.Join(dir, "lichess", "lichess_db_excerpts.pgn.zst"), filepath.Join(dir, "lichess", "lichess_titled.pgn.zst"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	every := 25
	if testing.Short() {
		every = 250
	}
	n, seen, byMoves := 0, 0, 0
	_, err = data.ReadPGN(t.Context(), r, filter.Filter{}, func(g *data.Game) error {
		if n++; n%every != 0 {
			return nil
		}
		seen++
		positions, moves := o.play(t, ucis(g.Moves[:min(45, len(g.Moves))]))
		name, want := b.classify(g.Moves), o.byPosition(positions)
		if !sameOpening(b, name, want) {
			t.Errorf("%s: name %d, want %v", g.Site, name, want)
		}
		if !sameOpening(b, name, o.book.Find(moves)) {
			byMoves++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d games have another name by moves alone", byMoves, seen)
}

// The limit of Lichess: 40 plies.
func TestOpeningLimits(t *testing.T) {
	b := theBook()
	name := func(list []bitboard.Move) string {
		if n := b.classify(list); n >= 0 {
			return b.names[n].name
		}
		return ""
	}
	shuffle := func(n int) (s string) {
		return strings.Repeat("Nf3 Nf6 Ng1 Ng8 ", n)
	}
	// The knights go out and home; then the moves of the Sicilian, at ply 38
	// and, out of reach, at ply 42.
	if got := name(boardtest.Moves(t, "", shuffle(9)+"e4 c5")); got != "Sicilian Defense" {
		t.Errorf("at ply 38: %q", got)
	}
	if got := name(boardtest.Moves(t, "", shuffle(10)+"e4 c5")); got == "Sicilian Defense" {
		t.Errorf("at ply 42: %q", got)
	}
	if name(nil) != "" {
		t.Error("a game without moves has an opening")
	}
}

// A book that contradicts itself is refused.
func TestNewBookErrors(t *testing.T) {
	rows := newOracle(t).rows
	if _, err := newBook(append(slices.Clone(rows), rows[0])); err == nil || !strings.Contains(err.Error(), "has a name already") {
		t.Errorf("a line twice: %v", err)
	}
}

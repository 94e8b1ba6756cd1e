package stats

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/notnil/chess/opening"

	"transcend/internal/bitboard"
)

// openingPlies is where openings are looked for, as Lichess does (OpeningDb of
// scalachess). Lichess also asks for 20 pieces; no position of the list has fewer
// than 22.
const openingPlies = 40

// bookName is a name that the book gives to one or more positions. The same
// name under two codes is two of them.
type bookName struct {
	eco, name string
	family    int // in book.families
}

// book finds the opening of a game by the positions it goes through: what
// transposes into a named position has its name.
type book struct {
	names    []bookName
	families []string
	// keys is a hash table of positions with open addressing, 0: empty; name has
	// the name of each.
	keys [bookSlots]uint64
	name [bookSlots]uint16
	// first has the place of each of White's first moves in firstMoves, from 1.
	first      [1 << 16]uint8
	firstMoves []string // in SAN
}

const bookSlots = 1 << 14 // some five times the rows

// theBook returns the table of openings, made on the first call, which takes
// a third of a second: the library replays its 3,397 lines with a
// slow generator of moves, and gives its table in no other way.
var theBook = sync.OnceValue(func() *book {
	b, err := newBook(opening.NewBookECO().Possible(nil))
	if err != nil {
		// The rows are compiled in, and a test reads them.
		panic(err)
	}
	return b
})

// newBook makes the table from the rows of the library's book.
func newBook(rows []*opening.Opening) (*book, error) {
	b := new(book)
	if len(rows) > bookSlots/2 {
		return nil, fmt.Errorf("data/stats: %d openings do not fit a table of %d", len(rows), bookSlots)
	}
	// The library goes through maps: its order is another one every time.
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b *opening.Opening) int { return cmp.Compare(a.PGN(), b.PGN()) })
	families := make(map[string]int)
	names := make(map[bookName]int)
	for _, row := range rows {
		p := bitboard.Start()
		for uci := range strings.FieldsSeq(row.PGN()) { // coordinates, whatever its name
			m, err := p.ParseUCIMove(uci)
			if err != nil {
				return nil, fmt.Errorf("data/stats: opening %s %q: %w", row.Code(), row.Title(), err)
			}
			p.Make(m)
		}
		family, _, _ := strings.Cut(row.Title(), ":")
		name := bookName{row.Code(), row.Title(), place(families, &b.families, family)}
		if b.find(p.Hash()) >= 0 {
			return nil, fmt.Errorf("data/stats: opening %s %q: its position has a name already", row.Code(), row.Title())
		}
		b.insert(p.Hash(), place(names, &b.names, name))
	}
	start := bitboard.Start()
	for i, m := range start.Legal(nil) {
		b.first[m] = uint8(i + 1)
		b.firstMoves = append(b.firstMoves, string(start.AppendSAN(nil, m)))
	}
	return b, nil
}

// place returns the place of x in list, where it is put if need be.
func place[T comparable](index map[T]int, list *[]T, x T) int {
	i, ok := index[x]
	if !ok {
		i = len(*list)
		index[x] = i
		*list = append(*list, x)
	}
	return i
}

func (b *book) insert(hash uint64, name int) {
	i := hash % bookSlots
	for b.keys[i] != 0 {
		i = (i + 1) % bookSlots
	}
	b.keys[i], b.name[i] = hash, uint16(name)
}

// find returns the name of a position, -1 for one without a name. Two positions
// are taken for the same with a probability of 2^-64 a pair.
func (b *book) find(hash uint64) int {
	for i := hash % bookSlots; b.keys[i] != 0; i = (i + 1) % bookSlots {
		if b.keys[i] == hash {
			return int(b.name[i])
		}
	}
	return -1
}

// classify returns the name of the last named position of a game, -1 when there
// is none.
func (b *book) classify(moves []bitboard.Move) int {
	found := -1
	p := bitboard.Start()
	for _, m := range moves[:min(openingPlies, len(moves))] {
		p.Make(m)
		if name := b.find(p.Hash()); name >= 0 {
			found = name
		}
	}
	return found
}

package league

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"transcend/internal/bitboard"
)

// bookLine is one line of a repertoire.
type bookLine struct {
	// Name is the name of an opening, or moves in UCI notation joined by ".": "e2e4.c7c5".
	Name   string
	Weight int // 1 to maxWeight
}

// Bounds of repertoires.
const (
	maxWeight    = 1_000_000
	maxLines     = 256
	maxLinePlies = 60
)

// Repertoire is lines that a player plays by heart, with either color: in a position that
// lies on some of them, by whatever order of moves, it plays their next moves in proportion to the
// lines' weights. It comes with Parse of a Player (book=italian*3+london); the zero Repertoire has none. It is
// not changed after it was made.
type Repertoire struct {
	lines []bookLine
	moves map[uint64][]Chance // by the position's hash; the moves sorted
}

// newRepertoire makes a repertoire of lines. The line "all" stands for every
// opening that has a name.
func newRepertoire(lines ...bookLine) (Repertoire, error) {
	if len(lines) == 0 {
		return Repertoire{}, nil
	}
	if len(lines) > maxLines {
		return Repertoire{}, fmt.Errorf("league: a repertoire of %d lines: at most %d are possible", len(lines), maxLines)
	}
	r := Repertoire{lines: slices.Clone(lines), moves: make(map[uint64][]Chance)}
	slices.SortFunc(r.lines, func(a, b bookLine) int { return cmp.Compare(a.Name, b.Name) })
	for i, line := range r.lines {
		if i > 0 && r.lines[i-1].Name == line.Name {
			return Repertoire{}, fmt.Errorf("league: the repertoire has the line %s twice", line.Name)
		}
		if line.Weight < 1 || line.Weight > maxWeight {
			return Repertoire{}, fmt.Errorf("league: line %.60q: weight %d: must be 1 to %d", line.Name, line.Weight, maxWeight)
		}
		if line.Name == allLines {
			for _, o := range openings() {
				r.add(o.moves, line.Weight)
			}
			continue
		}
		moves, err := lineMoves(line.Name)
		if err != nil {
			return Repertoire{}, err
		}
		r.add(moves, line.Weight)
	}
	for _, next := range r.moves {
		slices.SortFunc(next, func(a, b Chance) int { return int(a.Move) - int(b.Move) })
		sum := 0.0
		for _, c := range next {
			sum += c.P
		}
		for i := range next {
			next[i].P /= sum
		}
	}
	return r, nil
}

// allLines is the name that stands for all of them.
const allLines = "all"

// add counts a line's moves.
func (r *Repertoire) add(moves []bitboard.Move, weight int) {
	p := bitboard.Start()
next:
	for _, m := range moves {
		hash := p.Hash()
		p.Make(m)
		known := r.moves[hash]
		for i := range known {
			if known[i].Move == m {
				known[i].P += float64(weight)
				continue next
			}
		}
		r.moves[hash] = append(known, Chance{m, float64(weight)})
	}
}

// at returns the moves of the repertoire in a position, nil when it is off the lines.
func (r *Repertoire) at(p *bitboard.Position) []Chance {
	if r.moves == nil {
		return nil
	}
	return r.moves[p.Hash()]
}

// String returns the lines as parseRepertoire reads them.
func (r Repertoire) String() string {
	var b strings.Builder
	for i, line := range r.lines {
		if i > 0 {
			b.WriteByte('+')
		}
		b.WriteString(line.Name)
		if line.Weight != 1 {
			b.WriteByte('*')
			b.WriteString(strconv.Itoa(line.Weight))
		}
	}
	return b.String()
}

// parseRepertoire reads lines joined by "+", each with its weight when it is not 1:
// "italian*3+sicilian-najdorf+e2e4.c7c6". A line that is neither a name nor moves is an
// *UnknownOpeningError.
func parseRepertoire(s string) (Repertoire, error) {
	var lines []bookLine
	for text := range strings.SplitSeq(s, "+") {
		if len(lines) == maxLines {
			return Repertoire{}, fmt.Errorf("league: a repertoire of more than %d lines", maxLines)
		}
		name, weight, weighted := strings.Cut(text, "*")
		line := bookLine{Name: name, Weight: 1}
		if weighted {
			w, err := strconv.Atoi(weight)
			if err != nil {
				return Repertoire{}, fmt.Errorf("league: line %.60q: %.20q is no weight", name, weight)
			}
			line.Weight = w
		}
		lines = append(lines, line)
	}
	return newRepertoire(lines...)
}

// lineMoves returns the moves of a line by its name or its moves.
func lineMoves(name string) ([]bitboard.Move, error) {
	for _, o := range openings() {
		if o.name == name {
			return o.moves, nil
		}
	}
	p := bitboard.Start()
	var moves []bitboard.Move
	for uci := range strings.SplitSeq(name, ".") {
		if len(moves) == maxLinePlies {
			return nil, fmt.Errorf("league: a line of more than %d plies", maxLinePlies)
		}
		m, err := p.ParseUCIMove(uci)
		if err != nil {
			if len(moves) == 0 {
				return nil, &UnknownOpeningError{Name: name}
			}
			return nil, fmt.Errorf("league: line %.60q: ply %d: %w", name, len(moves)+1, err)
		}
		if uci != m.String() {
			return nil, fmt.Errorf("league: line %.60q: ply %d: write %s", name, len(moves)+1, m)
		}
		p.Make(m)
		moves = append(moves, m)
	}
	return moves, nil
}

// UnknownOpeningError is a line of a repertoire that is neither a name nor moves.
type UnknownOpeningError struct{ Name string }

func (e *UnknownOpeningError) Error() string {
	return fmt.Sprintf("league: there is no opening %.60q", e.Name)
}

// Hint lists the names.
func (e *UnknownOpeningError) Hint() string {
	names := []string{allLines}
	for _, o := range openings() {
		names = append(names, o.name)
	}
	return "openings are moves, as e2e4.c7c5, or " + strings.Join(names, ", ")
}

// namedOpening is a line that has a name here.
type namedOpening struct {
	name  string // in lower case with hyphens
	moves []bitboard.Move
}

// openings are all of them.
var openings = sync.OnceValue(func() []namedOpening {
	var all []namedOpening
	for row := range strings.Lines(openingLines) {
		name, san, _ := strings.Cut(strings.TrimSpace(row), " ")
		o := namedOpening{name: name}
		p := bitboard.Start()
		for word := range strings.FieldsSeq(san) {
			m, err := p.ParseSAN(word)
			if err != nil {
				// The lines are compiled in, and a test reads them.
				panic(fmt.Sprintf("league: opening %s: %v", name, err))
			}
			p.Make(m)
			o.moves = append(o.moves, m)
		}
		all = append(all, o)
	}
	return all
})

// openingLines are openings that players below master level meet, of six to twelve plies.
const openingLines = `italian           e4 e5 Nf3 Nc6 Bc4 Bc5 c3 Nf6
two-knights       e4 e5 Nf3 Nc6 Bc4 Nf6 d3 Be7
evans-gambit      e4 e5 Nf3 Nc6 Bc4 Bc5 b4 Bxb4 c3 Ba5
ruy-lopez         e4 e5 Nf3 Nc6 Bb5 a6 Ba4 Nf6 O-O Be7
berlin            e4 e5 Nf3 Nc6 Bb5 Nf6 O-O Nxe4
exchange-lopez    e4 e5 Nf3 Nc6 Bb5 a6 Bxc6 dxc6
scotch            e4 e5 Nf3 Nc6 d4 exd4 Nxd4 Nf6
scotch-gambit     e4 e5 Nf3 Nc6 d4 exd4 Bc4 Nf6
four-knights      e4 e5 Nf3 Nc6 Nc3 Nf6 Bb5 Bb4
ponziani          e4 e5 Nf3 Nc6 c3 Nf6 d4 exd4
petrov            e4 e5 Nf3 Nf6 Nxe5 d6 Nf3 Nxe4
philidor          e4 e5 Nf3 d6 d4 exd4 Nxd4 Nf6
vienna            e4 e5 Nc3 Nf6 f4 d5
bishops-opening   e4 e5 Bc4 Nf6 d3 c6
kings-gambit      e4 e5 f4 exf4 Nf3 g5
center-game       e4 e5 d4 exd4 Qxd4 Nc6 Qe3
danish-gambit     e4 e5 d4 exd4 c3 dxc3 Bc4
sicilian-najdorf  e4 c5 Nf3 d6 d4 cxd4 Nxd4 Nf6 Nc3 a6
sicilian-dragon   e4 c5 Nf3 d6 d4 cxd4 Nxd4 Nf6 Nc3 g6
sicilian-classic  e4 c5 Nf3 Nc6 d4 cxd4 Nxd4 Nf6 Nc3 d6
sveshnikov        e4 c5 Nf3 Nc6 d4 cxd4 Nxd4 Nf6 Nc3 e5
taimanov          e4 c5 Nf3 e6 d4 cxd4 Nxd4 Nc6
alapin            e4 c5 c3 d5 exd5 Qxd5 d4 Nc6
closed-sicilian   e4 c5 Nc3 Nc6 g3 g6 Bg2 Bg7
smith-morra       e4 c5 d4 cxd4 c3 dxc3 Nxc3 Nc6
french-advance    e4 e6 d4 d5 e5 c5 c3 Nc6
french-exchange   e4 e6 d4 d5 exd5 exd5 Nf3 Nf6
french-tarrasch   e4 e6 d4 d5 Nd2 Nf6 e5 Nfd7
winawer           e4 e6 d4 d5 Nc3 Bb4 e5 c5
caro-kann         e4 c6 d4 d5 Nc3 dxe4 Nxe4 Bf5
caro-advance      e4 c6 d4 d5 e5 Bf5 Nf3 e6
panov             e4 c6 d4 d5 exd5 cxd5 c4 Nf6
scandinavian      e4 d5 exd5 Qxd5 Nc3 Qa5 d4 Nf6
alekhine          e4 Nf6 e5 Nd5 d4 d6 Nf3 Bg4
pirc              e4 d6 d4 Nf6 Nc3 g6 f4 Bg7
modern            e4 g6 d4 Bg7 Nc3 d6 Be3 a6
queens-gambit     d4 d5 c4 e6 Nc3 Nf6 Bg5 Be7
exchange-gambit   d4 d5 c4 e6 Nc3 Nf6 cxd5 exd5
accepted-gambit   d4 d5 c4 dxc4 Nf3 Nf6 e3 e6
slav              d4 d5 c4 c6 Nf3 Nf6 Nc3 dxc4
semi-slav         d4 d5 c4 c6 Nf3 Nf6 Nc3 e6
tarrasch          d4 d5 c4 e6 Nc3 c5 cxd5 exd5
albin             d4 d5 c4 e5 dxe5 d4 Nf3 Nc6
london            d4 d5 Bf4 Nf6 e3 c5 c3 Nc6
colle             d4 d5 Nf3 Nf6 e3 e6 Bd3 c5
kings-indian      d4 Nf6 c4 g6 Nc3 Bg7 e4 d6 Nf3 O-O
grunfeld          d4 Nf6 c4 g6 Nc3 d5 cxd5 Nxd5
nimzo-indian      d4 Nf6 c4 e6 Nc3 Bb4 e3 O-O
queens-indian     d4 Nf6 c4 e6 Nf3 b6 g3 Ba6
benoni            d4 Nf6 c4 c5 d5 e6 Nc3 exd5 cxd5 d6
benko             d4 Nf6 c4 c5 d5 b5 cxb5 a6
trompowsky        d4 Nf6 Bg5 e6 e4 h6
budapest          d4 Nf6 c4 e5 dxe5 Ng4 Nf3 Nc6
dutch             d4 f5 g3 Nf6 Bg2 e6 Nf3 Be7
english           c4 e5 Nc3 Nf6 Nf3 Nc6 g3 d5
english-symmetric c4 c5 Nc3 Nc6 g3 g6 Bg2 Bg7
reti              Nf3 d5 c4 e6 g3 Nf6
kings-attack      Nf3 d5 g3 Nf6 Bg2 c6 O-O Bg4
bird              f4 d5 Nf3 Nf6 e3 g6
larsen            b3 e5 Bb2 Nc6 e3 Nf6
`

package data

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"transcend/data/internal/gamehash"
	"transcend/internal/bitboard"
)

// maxText is the longest name, time control, date, site or termination in bytes
// that a corpus keeps; what is longer is cut.
const maxText = 255

// Corpus is a set of games in memory, or a part of one that shares the memory
// of the whole (see Split). A game takes two bytes a move and some forty bytes
// beside its site; a player's name is kept once. Reading is safe for any number of goroutines as long as none
// appends.
type Corpus struct {
	// Provenance says where the games came from. WriteParquet stores it and
	// ReadParquet restores it; parts have that of the whole.
	Provenance Provenance

	games *columns
	part  []uint32 // the games of a part, nil for the whole
}

// columns are the games of a corpus, one entry a game in each slice but for the
// first and the ones that are marked.
type columns struct {
	moves       []bitboard.Move
	movesEnd    []int    // where the game's moves end in moves
	white       []uint16 // ratings, 0: unknown
	black       []uint16
	result      []bitboard.Result
	rated       []Rated
	whiteName   []uint32 // index into names
	blackName   []uint32 // the same, as all of these
	timeControl []uint32
	date        []uint32
	termination []uint32
	sites       []byte   // all sites, one after the other
	sitesEnd    []int    // where the game's site ends in sites
	names       []string // the distinct texts of all games but for the sites
	nameIndex   map[string]uint32
	// unchecked says that the moves were read without replaying them.
	unchecked bool
}

// NewCorpus returns a corpus without games.
func NewCorpus() *Corpus {
	return &Corpus{games: &columns{names: []string{""}, nameIndex: map[string]uint32{"": 0}}}
}

// Append adds a game, of which nothing is kept but a copy. Its moves must be
// legal. Ratings outside 1 to MaxElo become unknown; names and other texts are cut
// after 255 bytes and made valid UTF-8. Appending to a part panics.
func (c *Corpus) Append(g *Game) {
	if c.part != nil {
		panic("data: appending to a part of a corpus")
	}
	d := c.games
	if len(d.movesEnd) == math.MaxUint32 {
		panic("data: a corpus holds at most 2^32-1 games")
	}
	d.moves = append(d.moves, g.Moves...)
	d.movesEnd = append(d.movesEnd, len(d.moves))
	d.white = append(d.white, rating(g.WhiteElo))
	d.black = append(d.black, rating(g.BlackElo))
	d.result = append(d.result, g.Result)
	d.rated = append(d.rated, knownRated(g.Rated))
	d.whiteName = append(d.whiteName, d.name(g.White))
	d.blackName = append(d.blackName, d.name(g.Black))
	d.timeControl = append(d.timeControl, d.name(g.TimeControl))
	d.date = append(d.date, d.name(g.Date))
	d.termination = append(d.termination, d.name(g.Termination))
	d.sites = append(d.sites, clean(g.Site)...)
	d.sitesEnd = append(d.sitesEnd, len(d.sites))
}

func rating(elo int) uint16 {
	if elo < 1 || elo > MaxElo {
		return 0
	}
	return uint16(elo)
}

func knownRated(r Rated) Rated {
	if r > RatedNo {
		return RatedUnknown
	}
	return r
}

// clean makes text from outside fit for a corpus.
func clean(s string) string {
	if len(s) > maxText {
		cut := maxText
		// Not through a character, if the text is made of characters.
		for cut > maxText-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "?")
	}
	return s
}

// name returns the index of s in names, where it is put if need be.
func (d *columns) name(s string) uint32 {
	if i, ok := d.nameIndex[s]; ok {
		return i
	}
	s = strings.Clone(clean(s))
	i, ok := d.nameIndex[s]
	if !ok {
		i = uint32(len(d.names))
		d.names = append(d.names, s)
		d.nameIndex[s] = i
	}
	return i
}

// span returns where entry i lies when ends holds the ends of all.
func span(ends []int, i int) (lo, hi int) {
	if i > 0 {
		lo = ends[i-1]
	}
	return lo, ends[i]
}

// at returns the place of game i of c in the columns.
func (c *Corpus) at(i int) int {
	if c.part != nil {
		return int(c.part[i])
	}
	return i
}

// Len returns the number of games.
func (c *Corpus) Len() int {
	if c.part != nil {
		return len(c.part)
	}
	return len(c.games.movesEnd)
}

// Moves returns the moves of game i, 0 ≤ i < Len(). They belong to the corpus
// and must not be changed.
func (c *Corpus) Moves(i int) []bitboard.Move {
	lo, hi := span(c.games.movesEnd, c.at(i))
	return c.games.moves[lo:hi:hi]
}

// Result returns how game i ended, 0 ≤ i < Len().
func (c *Corpus) Result(i int) bitboard.Result { return c.games.result[c.at(i)] }

// Game returns game i, 0 ≤ i < Len(). Its moves belong to the corpus and must
// not be changed.
func (c *Corpus) Game(i int) Game {
	d, at := c.games, c.at(i)
	lo, hi := span(d.sitesEnd, at)
	return Game{
		White: d.names[d.whiteName[at]], Black: d.names[d.blackName[at]],
		Rated: d.rated[at], Termination: d.names[d.termination[at]],
		WhiteElo: int(d.white[at]), BlackElo: int(d.black[at]), Result: d.result[at],
		TimeControl: d.names[d.timeControl[at]], Date: d.names[d.date[at]], Site: string(d.sites[lo:hi]),
		Moves: c.Moves(i),
	}
}

// All returns the games in order, with their numbers.
func (c *Corpus) All() iter.Seq2[int, Game] {
	return func(yield func(int, Game) bool) {
		for i := range c.Len() {
			if !yield(i, c.Game(i)) {
				return
			}
		}
	}
}

// Plies returns the number of moves of all games together.
func (c *Corpus) Plies() int {
	if c.part == nil {
		return len(c.games.moves)
	}
	n := 0
	for i := range c.part {
		n += len(c.Moves(i))
	}
	return n
}

// Where returns the part with the games whose number keep says yes to. It
// shares the memory of c.
func (c *Corpus) Where(keep func(i int) bool) *Corpus {
	p := &Corpus{Provenance: c.Provenance, games: c.games, part: []uint32{}}
	for i := range c.Len() {
		if keep(i) {
			p.part = append(p.part, uint32(c.at(i)))
		}
	}
	return p
}

// Split divides the games into a part to train on and one to validate on, by the
// hash of their moves (see InValidation): about a fraction of them is held out,
// games with the same moves are on the same side, and neither the order of the
// games nor what else is in the corpus matters.
func (c *Corpus) Split(fraction float64) (training, validation *Corpus) {
	training = c.Where(func(i int) bool { return !InValidation(c.Moves(i), fraction) })
	validation = c.Where(func(i int) bool { return InValidation(c.Moves(i), fraction) })
	return training, validation
}

// WithoutDuplicates returns the part without the games whose moves, result and
// ratings are those of an earlier one. Moves alone would not do: short games are
// played again and again by different people.
func (c *Corpus) WithoutDuplicates() *Corpus {
	d := c.games
	first := make(map[uint64]uint32, c.Len())
	return c.Where(func(i int) bool {
		at := c.at(i)
		moves := c.Moves(i)
		h := gamehash.Content(moves, d.result[at], d.white[at], d.black[at])
		j, ok := first[h]
		if !ok {
			first[h] = uint32(i)
			return true
		}
		other := c.at(int(j))
		// A hash of 64 bits does collide in a corpus of 10^9 games.
		return !(d.result[at] == d.result[other] && d.white[at] == d.white[other] && d.black[at] == d.black[other] &&
			slices.Equal(moves, c.Moves(int(j))))
	})
}

// Duplicates returns how many games WithoutDuplicates leaves out.
func (c *Corpus) Duplicates() int { return c.Len() - c.WithoutDuplicates().Len() }

// Fingerprint is a hash of all games with all that is known of them, in their
// order. A loader's state belongs to the corpus with its fingerprint.
func (c *Corpus) Fingerprint() uint64 {
	d := c.games
	var f fingerprint
	for i := range c.Len() {
		at := c.at(i)
		lo, hi := span(d.sitesEnd, at)
		f.add(c.Moves(i), d.result[at], d.white[at], d.black[at], d.names[d.timeControl[at]], d.names[d.date[at]])
		f.h = gamehash.Bytes(f.h, d.sites[lo:hi])
		f.addV2(d.names[d.whiteName[at]], d.names[d.blackName[at]], d.names[d.termination[at]], d.rated[at])
	}
	return f.sum()
}

// fingerprint is the running hash of Corpus.Fingerprint: for each game add, the
// site by hashBytes, then addV2.
type fingerprint struct{ h, n uint64 }

func (f *fingerprint) add(moves []bitboard.Move, result bitboard.Result, white, black uint16, timeControl, date string) {
	h := gamehash.Number(gamehash.Start^f.h, gamehash.Content(moves, result, white, black))
	f.h = gamehash.Text(gamehash.Text(h, timeControl), date)
	f.n++
}

// addV2 adds what files of version 1 do not have. A game without it leaves the hash
// as it was, so that an old file keeps the fingerprint that checkpoints know.
func (f *fingerprint) addV2(white, black, termination string, rated Rated) {
	if white == "" && black == "" && termination == "" && rated == RatedUnknown {
		return
	}
	h := gamehash.Text(gamehash.Text(gamehash.Text(f.h, white), black), termination)
	f.h = gamehash.Number(h, uint64(rated)+1)
}

func (f *fingerprint) sum() uint64 { return gamehash.Mix(gamehash.Number(gamehash.Start^f.h, f.n)) }

// Checked reports that the moves are known to be legal: the games were made here, or
// replayed when they were read, or by Check.
func (c *Corpus) Checked() bool { return !c.games.unchecked }

// Check replays the games that were read without it (see ParquetOptions)
// and reports the first illegal move. A corpus that passed is known to be legal
// from then on; Check must not run beside anything else that uses the corpus.
func (c *Corpus) Check(ctx context.Context) error {
	if !c.games.unchecked {
		return nil
	}
	if err := c.replay(ctx, 0); err != nil {
		return err
	}
	if c.part == nil {
		c.games.unchecked = false
	}
	return nil
}

// replay plays the games from number from on.
func (c *Corpus) replay(ctx context.Context, from int) error {
	for i := from; i < c.Len(); i++ {
		if i%1024 == 0 && ctx.Err() != nil {
			return fmt.Errorf("data: checking games: %w", context.Cause(ctx))
		}
		p := bitboard.Start()
		for ply, m := range c.Moves(i) {
			if !p.IsLegal(m) {
				return fmt.Errorf("data: game %d: ply %d: move %v (code %d) is %w", i+1, ply+1, m, uint16(m), bitboard.ErrIllegalMove)
			}
			p.Make(m)
		}
	}
	return nil
}

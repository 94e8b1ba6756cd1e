// Package stats describes a collection of games: ratings, time controls,
// lengths, results, openings, dates, players. It takes the games one by one, so
// that a corpus file, a stream of PGN and a corpus in memory are all the same to
// it:
//
//	a := stats.New()
//	for _, g := range corpus.All() {
//		a.Add(&g)
//	}
//	d := a.Description()
//	d.WriteText(os.Stdout, 80)
//	d.Plot("games.svg")
//	json.NewEncoder(os.Stdout).Encode(d)
//
// Its memory is bounded, whatever the input: everything is counted exactly but
// for names. Of players it keeps a million, of time controls and terminations
// 4,096; what happens beyond that is said in the Description (Players.Estimated,
// and the fields beside it).
package stats

import (
	"transcend/data"
	"transcend/data/filter"
	"transcend/internal/bitboard"
)

const (
	// bandWidth is the width in rating points of the bands by which results and
	// time controls are counted.
	bandWidth = 100
	bands     = data.MaxElo/bandWidth + 1
	// maxPlies is where lengths stop to be told apart. By FIDE's rules (9.6.2, 75
	// moves) no game has 18,000.
	maxPlies = 1 << 15
	// Years outside this range are taken for unknown.
	firstYear, lastYear = 1400, 2199

	maxPlayers = 1 << 20
	maxTexts   = 1 << 12 // time controls, terminations
)

// numSpeeds counts filter.Speeds and "unknown", which is the last.
const numSpeeds = 7

// numResults counts the values of bitboard.Result.
const numResults = int(bitboard.Draw) + 1

// results counts games by bitboard.Result.
type results [numResults]int

// cell is one rating band.
type cell struct {
	speeds  [numSpeeds]int
	results results
}

// Accumulator counts games. Its methods must not be called at the same time.
type Accumulator struct {
	book *book

	games, plies int
	length       [numResults][]int // games by plies

	players    [data.MaxElo + 1]int // players by rating, 0: unknown
	maximum    [data.MaxElo + 1]int // games by the higher rating, 0: one is unknown
	difference [data.MaxElo]int     // games by the difference of the ratings
	bands      [bands + 1]cell      // games by the higher rating; the last: unknown

	firstMove []results // by book.firstMoves, from 1; 0: no moves
	opening   []results // by book.names, from 1; 0: none

	months      []int // games by (year-firstYear)*13+month, month 0: unknown
	first, last date

	rated        [3]int // by data.Rated
	names        *counter
	timeControls *counter
	terminations *counter
}

// New returns an Accumulator without games. The first call in a process makes
// the table of openings, which takes a third of a second.
func New() *Accumulator {
	b := theBook()
	return &Accumulator{
		book:         b,
		firstMove:    make([]results, len(b.firstMoves)+1),
		opening:      make([]results, len(b.names)+1),
		months:       make([]int, (lastYear-firstYear+1)*13),
		names:        newCounter(maxPlayers),
		timeControls: newCounter(maxTexts),
		terminations: newCounter(maxTexts),
	}
}

// Add counts a game and keeps nothing of it. The moves must be legal, as those of
// package data are; if they are not, only the opening is wrong.
func (a *Accumulator) Add(g *data.Game) {
	result := int(g.Result) % numResults
	a.games++
	a.plies += len(g.Moves)
	plies := min(len(g.Moves), maxPlies)
	if n := len(a.length[result]); plies >= n {
		a.length[result] = append(a.length[result], make([]int, plies+1-n)...)
	}
	a.length[result][plies]++

	white, black := rating(g.WhiteElo), rating(g.BlackElo)
	a.players[white]++
	a.players[black]++
	band := bands
	if white > 0 && black > 0 {
		higher := max(white, black)
		a.maximum[higher]++
		a.difference[higher-min(white, black)]++
		band = higher / bandWidth
	} else {
		a.maximum[0]++
	}
	a.bands[band].results[result]++
	a.bands[band].speeds[speedIndex(filter.SpeedOf(g.TimeControl))]++

	first := 0
	if len(g.Moves) > 0 {
		first = int(a.book.first[g.Moves[0]])
	}
	a.firstMove[first][result]++
	a.opening[a.book.classify(g.Moves)+1][result]++

	if d, ok := parseDate(g.Date); ok {
		a.months[(d.year()-firstYear)*13+d.month()]++
		if a.first == 0 || d < a.first {
			a.first = d
		}
		a.last = max(a.last, d)
	}

	a.rated[g.Rated%3]++
	for _, name := range [...]string{g.White, g.Black} {
		if name != "" {
			a.names.add(name)
		}
	}
	if g.TimeControl != "" {
		a.timeControls.add(g.TimeControl)
	}
	if g.Termination != "" {
		a.terminations.add(g.Termination)
	}
}

func rating(elo int) int {
	if elo < 1 || elo > data.MaxElo {
		return 0
	}
	return elo
}

// speedIndex returns the place of a speed in filter.Speeds.
func speedIndex(s filter.Speed) int {
	switch s {
	case filter.UltraBullet:
		return 0
	case filter.Bullet:
		return 1
	case filter.Blitz:
		return 2
	case filter.Rapid:
		return 3
	case filter.Classical:
		return 4
	case filter.Correspondence:
		return 5
	}
	return numSpeeds - 1
}

// date is year*10000 + month*100 + day, with 0 for an unknown month or day; the
// zero value is no date. Dates that are known in part come before those of the
// same year or month that are known in full.
type date uint32

func (d date) year() int  { return int(d / 10000) }
func (d date) month() int { return int(d / 100 % 100) }
func (d date) day() int   { return int(d % 100) }

// parseDate reads "2018.06.12" of a PGN tag, with "??" for what is unknown, and
// the shorter "2018.06" and "2018"; "-" and "/" do for ".". Anything else, and a
// year outside firstYear to lastYear, is no date.
func parseDate(s string) (date, bool) {
	year, ok := number(s, 0, 4)
	if !ok || year < firstYear || year > lastYear {
		return 0, false
	}
	month, day := 0, 0
	if len(s) > 4 {
		if month, ok = datePart(s, 4); !ok || month > 12 {
			return 0, false
		}
	}
	if len(s) > 7 {
		if day, ok = datePart(s, 7); !ok || day > 31 || len(s) != 10 {
			return 0, false
		}
	}
	if month == 0 {
		day = 0
	}
	return date(year*10000 + month*100 + day), true
}

// datePart reads ".06" or ".??" at i.
func datePart(s string, i int) (n int, ok bool) {
	if len(s) < i+3 || s[i] != '.' && s[i] != '-' && s[i] != '/' {
		return 0, false
	}
	if s[i+1:i+3] == "??" {
		return 0, true
	}
	return number(s, i+1, 2)
}

// number reads the digits digits of s at i.
func number(s string, i, digits int) (n int, ok bool) {
	if len(s) < i+digits {
		return 0, false
	}
	for _, c := range []byte(s[i : i+digits]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

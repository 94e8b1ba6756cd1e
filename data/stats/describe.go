package stats

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"transcend/data"
	"transcend/internal/bitboard"
)

// FormatVersion is the version of the JSON form of a Description. It changes
// when a key changes its meaning or goes away.
const FormatVersion = 1

// How many of the most frequent a Description lists of what has no bound.
const (
	topPlayers = 100
	topTexts   = 50
)

// Description says what is in a collection of games. Its JSON form has the keys
// below. Every number of games is exact unless it is said otherwise; lengths are
// in plies (half-moves), ratings in the points of the source, shares and scores
// between 0 and 1. Lists are sorted by games, the most first, where nothing else
// is said.
type Description struct {
	Format       int         `json:"format"` // FormatVersion
	Games        int         `json:"games"`
	Plies        Plies       `json:"plies"`
	Ratings      Ratings     `json:"ratings"`
	Speeds       Speeds      `json:"speeds"` // games by speed
	TimeControls Names       `json:"time_controls"`
	Results      Results     `json:"results"`
	Bands        []Band      `json:"bands"` // by rating, upwards; the unknown at the end
	Openings     Openings    `json:"openings"`
	Dates        Dates       `json:"dates"`
	Players      Players     `json:"players"`
	Terminations Names       `json:"terminations"`
	Rated        RatedAndNot `json:"rated"`
}

// Plies are the lengths of games. Histograms are 10 wide.
type Plies struct {
	Total        int          `json:"total"` // of all games
	Distribution              // of games by plies
	WhiteWins    Distribution `json:"white_wins"`
	Draws        Distribution `json:"draws"`
	BlackWins    Distribution `json:"black_wins"`
	Unfinished   Distribution `json:"unfinished"`
}

// Summary describes a distribution. Quantiles are values that occur: the smallest
// one that at least this share of all are not above. All is 0 when Count is.
type Summary struct {
	Count  int     `json:"count"`
	Mean   float64 `json:"mean"`
	Min    int     `json:"min"`
	P5     int     `json:"p5"`
	P25    int     `json:"p25"`
	Median int     `json:"median"`
	P75    int     `json:"p75"`
	P95    int     `json:"p95"`
	Max    int     `json:"max"`
}

// Bin is one bar of a histogram. Bins are equally wide and without gaps from the
// first that counts something to the last.
type Bin struct {
	From  int `json:"from"` // both inclusive
	To    int `json:"to"`
	Count int `json:"count"`
}

// Ratings are the players' ratings. Histograms are 100 wide.
type Ratings struct {
	// Players counts two ratings a game.
	Players Distribution `json:"players"`
	// Maximum is the higher rating of each game, the one that a cap is about.
	Maximum Distribution `json:"game_maximum"`
	// Difference is that of both ratings in a game, without its sign.
	Difference     Summary `json:"difference"`
	UnknownPlayers int     `json:"unknown_players"` // ratings that are missing
	UnknownGames   int     `json:"unknown_games"`   // games in which one is, or both
}

// Distribution is a Summary with its histogram.
type Distribution struct {
	Summary
	Histogram []Bin `json:"histogram"`
}

// Speeds are games by speed, by the rule of filter.SpeedOf.
type Speeds struct {
	UltraBullet    int `json:"ultrabullet"`
	Bullet         int `json:"bullet"`
	Blitz          int `json:"blitz"`
	Rapid          int `json:"rapid"`
	Classical      int `json:"classical"`
	Correspondence int `json:"correspondence"`
	Unknown        int `json:"unknown"`
}

// list returns the counts in the order of filter.Speeds, the unknown at the end.
func (s Speeds) list() [numSpeeds]int {
	return [...]int{s.UltraBullet, s.Bullet, s.Blitz, s.Rapid, s.Classical, s.Correspondence, s.Unknown}
}

func newSpeeds(n [numSpeeds]int) Speeds {
	return Speeds{n[0], n[1], n[2], n[3], n[4], n[5], n[6]}
}

// Results are games by result.
type Results struct {
	WhiteWins  int `json:"white_wins"`
	Draws      int `json:"draws"`
	BlackWins  int `json:"black_wins"`
	Unfinished int `json:"unfinished"` // "*"
	// WhiteScore is (WhiteWins + Draws/2) / finished games, nil without any.
	WhiteScore *float64 `json:"white_score"`
}

// Games returns the number of games with any result.
func (r Results) Games() int { return r.WhiteWins + r.Draws + r.BlackWins + r.Unfinished }

func newResults(n results) Results {
	r := Results{
		WhiteWins: n[bitboard.WhiteWins], Draws: n[bitboard.Draw],
		BlackWins: n[bitboard.BlackWins], Unfinished: n[bitboard.Unknown],
	}
	if finished := r.Games() - r.Unfinished; finished > 0 {
		score := (float64(r.WhiteWins) + float64(r.Draws)/2) / float64(finished)
		r.WhiteScore = &score
	}
	return r
}

// counts is what newResults was made of.
func (r Results) counts() results {
	return results{
		bitboard.WhiteWins: r.WhiteWins, bitboard.Draw: r.Draws,
		bitboard.BlackWins: r.BlackWins, bitboard.Unknown: r.Unfinished,
	}
}

// Band are the games whose higher-rated player is rated From to To, or, with
// Unknown, those in which a rating is missing. Bands are 100 wide, without gaps
// from the first with games to the last.
type Band struct {
	From    int     `json:"from"` // both inclusive
	To      int     `json:"to"`
	Unknown bool    `json:"unknown,omitempty"`
	Games   int     `json:"games"`
	Speeds  Speeds  `json:"speeds"`
	Results Results `json:"results"`
}

// Openings are games by what was played first. Codes and names are those of the
// Lichess opening list that is part of github.com/notnil/chess v1.10.0 (3,397
// lines). A game's opening is that of its last position within 40 plies that the
// list names, however it came about: the rule of Lichess.
type Openings struct {
	FirstMoves []FirstMove `json:"first_moves"` // by games; all that occur
	Families   []Family    `json:"families"`    // names up to the colon; all that occur
	ECO        []ECO       `json:"eco"`         // codes; all that occur, in their order
	Names      []Opening   `json:"names"`       // all that occur
	Unnamed    int         `json:"unnamed"`     // games without a named position
}

// FirstMove is White's first move.
type FirstMove struct {
	Move string `json:"move"` // in SAN
	OpeningResults
}

// Family is a group of openings, such as "Sicilian Defense".
type Family struct {
	Name string `json:"name"`
	OpeningResults
}

// ECO is a code of the Encyclopaedia of Chess Openings, "A00" to "E99".
type ECO struct {
	Code string `json:"code"`
	OpeningResults
}

// Opening is a name with its code.
type Opening struct {
	Code string `json:"eco"`
	Name string `json:"name"`
	OpeningResults
}

// OpeningResults are the games with an opening.
type OpeningResults struct {
	Games int `json:"games"`
	Results
}

func openingResults(n results) OpeningResults {
	r := newResults(n)
	return OpeningResults{r.Games(), r}
}

// Dates are the days on which the games were played, in the source's own zone.
type Dates struct {
	First   string   `json:"first"` // "2018.06.12", "??" for what is unknown; "" without any
	Last    string   `json:"last"`
	Unknown int      `json:"unknown"` // games without a date that can be read
	Years   []Period `json:"years"`   // in order, without gaps
	Months  []Period `json:"months"`  // in order; those with games; "2018.??": unknown month
}

// Period is a year, "2018", or a month, "2018.06".
type Period struct {
	Name  string `json:"name"`
	Games int    `json:"games"`
}

// Players are those who played. A place is one side of one game.
type Players struct {
	// Distinct is the number of different names: exact up to 1,048,576, beyond
	// that Estimated, with the relative standard error Error.
	Distinct  int     `json:"distinct"`
	Estimated bool    `json:"estimated"`
	Error     float64 `json:"error"`
	Places    int     `json:"places"`  // with a name
	Unknown   int     `json:"unknown"` // places without a name
	// Top are the 100 with the most games. Their games may be too few by up to
	// Undercount each, which is 0 unless Estimated.
	Top        []NameCount `json:"top"`
	Undercount int         `json:"undercount"`
	// The share of the places that the most active player, the 10 and the 100
	// most active have.
	Top1   float64 `json:"top_1_share"`
	Top10  float64 `json:"top_10_share"`
	Top100 float64 `json:"top_100_share"`
}

// NameCount is a name and how many games have it.
type NameCount struct {
	Name  string `json:"name"`
	Games int    `json:"games"`
}

// Names are games by the text of a tag. The most frequent 50 are listed; their
// games may be too few by up to Undercount each, which is 0 unless there are more
// than 4,096 different ones and Distinct is an estimate.
type Names struct {
	Distinct   int         `json:"distinct"`
	Unknown    int         `json:"unknown"` // games without the tag
	Top        []NameCount `json:"top"`
	Undercount int         `json:"undercount"`
}

// RatedAndNot are games by whether they counted for the ratings.
type RatedAndNot struct {
	Rated   int `json:"rated"`
	Casual  int `json:"casual"`
	Unknown int `json:"unknown"`
}

// Description says what was added so far. It shares nothing with a, which may go
// on.
func (a *Accumulator) Description() *Description {
	d := &Description{
		Format: FormatVersion, Games: a.games,
		Plies:        a.describePlies(),
		Ratings:      a.describeRatings(),
		TimeControls: a.describeNames(a.timeControls),
		Openings:     a.describeOpenings(),
		Dates:        a.describeDates(),
		Players:      a.describePlayers(),
		Terminations: a.describeNames(a.terminations),
		Bands:        []Band{},
		Rated:        RatedAndNot{a.rated[data.RatedYes], a.rated[data.RatedNo], a.rated[data.RatedUnknown]},
	}
	var all cell
	lo, hi := bands, -1
	for i := range a.bands {
		c := &a.bands[i]
		add(all.speeds[:], c.speeds[:])
		add(all.results[:], c.results[:])
		if i < bands && sum(c.results[:]) > 0 {
			lo, hi = min(lo, i), i
		}
	}
	d.Speeds, d.Results = newSpeeds(all.speeds), newResults(all.results)
	band := func(i int) Band {
		c := &a.bands[i]
		return Band{
			From: i * bandWidth, To: (i+1)*bandWidth - 1,
			Games: sum(c.results[:]), Speeds: newSpeeds(c.speeds), Results: newResults(c.results),
		}
	}
	for i := lo; i <= hi; i++ {
		d.Bands = append(d.Bands, band(i))
	}
	if b := band(bands); b.Games > 0 {
		b.From, b.To, b.Unknown = 0, 0, true
		d.Bands = append(d.Bands, b)
	}
	return d
}

// wideBands returns the bands, or if there are more than fit in a table or a
// figure, bands of twice the width.
func (d *Description) wideBands() []Band {
	const most = 16
	if len(d.Bands) <= most {
		return d.Bands
	}
	var wide []Band
	for _, b := range d.Bands {
		if last := len(wide) - 1; b.Unknown || last < 0 || b.From%(2*bandWidth) == 0 {
			if !b.Unknown {
				b.From -= b.From % (2 * bandWidth)
				b.To = b.From + 2*bandWidth - 1
			}
			wide = append(wide, b)
		} else {
			wide[last] = wide[last].plus(b)
		}
	}
	return wide
}

// plus returns the band with the games of another as well.
func (b Band) plus(c Band) Band {
	speeds, moreSpeeds := b.Speeds.list(), c.Speeds.list()
	add(speeds[:], moreSpeeds[:])
	results, moreResults := b.Results.counts(), c.Results.counts()
	add(results[:], moreResults[:])
	b.Games += c.Games
	b.Speeds, b.Results = newSpeeds(speeds), newResults(results)
	return b
}

func add(to, n []int) {
	for i := range n {
		to[i] += n[i]
	}
}

func sum(counts []int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

func (a *Accumulator) describePlies() Plies {
	var all []int
	for _, n := range a.length {
		if len(n) > len(all) {
			all = append(all, make([]int, len(n)-len(all))...)
		}
		add(all, n)
	}
	return Plies{
		Total: a.plies, Distribution: distribution(all, 0, 10),
		WhiteWins:  distribution(a.length[bitboard.WhiteWins], 0, 10),
		Draws:      distribution(a.length[bitboard.Draw], 0, 10),
		BlackWins:  distribution(a.length[bitboard.BlackWins], 0, 10),
		Unfinished: distribution(a.length[bitboard.Unknown], 0, 10),
	}
}

func (a *Accumulator) describeRatings() Ratings {
	return Ratings{
		Players: distribution(a.players[:], 1, 100), Maximum: distribution(a.maximum[:], 1, 100),
		Difference:     summarize(a.difference[:], 0),
		UnknownPlayers: a.players[0], UnknownGames: a.maximum[0],
	}
}

// distribution describes the values first, first+1, ..., of which counts[value]
// are there, with a histogram of bins of this width.
func distribution(counts []int, first, width int) Distribution {
	return Distribution{summarize(counts, first), histogram(counts, first, width)}
}

// summarize describes the values as distribution has them.
func summarize(counts []int, first int) Summary {
	var s Summary
	total := 0.0
	for v := first; v < len(counts); v++ {
		if n := counts[v]; n > 0 {
			if s.Count == 0 {
				s.Min = v
			}
			s.Max = v
			s.Count += n
			total += float64(n) * float64(v)
		}
	}
	if s.Count == 0 {
		return s
	}
	s.Mean = total / float64(s.Count)
	for _, q := range []struct {
		percent int
		value   *int
	}{{5, &s.P5}, {25, &s.P25}, {50, &s.Median}, {75, &s.P75}, {95, &s.P95}} {
		// The first value with at least percent/100 of all at or below it.
		need := (s.Count*q.percent + 99) / 100
		for v := s.Min; ; v++ {
			if need -= counts[v]; need <= 0 {
				*q.value = v
				break
			}
		}
	}
	return s
}

// histogram sums up counts from the value first on in bins of this width, which
// begin at its multiples.
func histogram(counts []int, first, width int) []Bin {
	bins := []Bin{}
	for v := first; v < len(counts); v++ {
		if counts[v] == 0 {
			continue
		}
		from := v - v%width
		for len(bins) == 0 || bins[len(bins)-1].From < from {
			next := from
			if len(bins) > 0 {
				next = bins[len(bins)-1].From + width
			}
			bins = append(bins, Bin{From: next, To: next + width - 1})
		}
		bins[len(bins)-1].Count += counts[v]
	}
	return bins
}

func (a *Accumulator) describeOpenings() Openings {
	o := Openings{
		FirstMoves: []FirstMove{}, Families: []Family{}, ECO: []ECO{}, Names: []Opening{},
		Unnamed: sum(a.opening[0][:]),
	}
	for i, n := range a.firstMove[1:] {
		if sum(n[:]) > 0 {
			o.FirstMoves = append(o.FirstMoves, FirstMove{a.book.firstMoves[i], openingResults(n)})
		}
	}
	families := make([]results, len(a.book.families))
	codes := make(map[string]results)
	for i, n := range a.opening[1:] {
		if sum(n[:]) == 0 {
			continue
		}
		name := &a.book.names[i]
		o.Names = append(o.Names, Opening{name.eco, name.name, openingResults(n)})
		add(families[name.family][:], n[:])
		code := codes[name.eco]
		add(code[:], n[:])
		codes[name.eco] = code
	}
	for i, n := range families {
		if sum(n[:]) > 0 {
			o.Families = append(o.Families, Family{a.book.families[i], openingResults(n)})
		}
	}
	for code, n := range codes {
		o.ECO = append(o.ECO, ECO{code, openingResults(n)})
	}
	slices.SortFunc(o.FirstMoves, func(a, b FirstMove) int {
		return cmp.Or(cmp.Compare(b.Games, a.Games), cmp.Compare(a.Move, b.Move))
	})
	slices.SortFunc(o.Families, func(a, b Family) int {
		return cmp.Or(cmp.Compare(b.Games, a.Games), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(o.ECO, func(a, b ECO) int { return cmp.Compare(a.Code, b.Code) })
	slices.SortFunc(o.Names, func(a, b Opening) int {
		return cmp.Or(cmp.Compare(b.Games, a.Games), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Name, b.Name))
	})
	return o
}

func (a *Accumulator) describeDates() Dates {
	d := Dates{First: a.first.String(), Last: a.last.String(), Unknown: a.games, Years: []Period{}, Months: []Period{}}
	if a.first == 0 {
		return d
	}
	for year := a.first.year(); year <= a.last.year(); year++ {
		months := a.months[(year-firstYear)*13:][:13]
		n := sum(months)
		d.Unknown -= n
		d.Years = append(d.Years, Period{fmt.Sprintf("%04d", year), n})
		for month, n := range months {
			if n > 0 {
				name := fmt.Sprintf("%04d.%02d", year, month)
				if month == 0 {
					name = fmt.Sprintf("%04d.??", year)
				}
				d.Months = append(d.Months, Period{name, n})
			}
		}
	}
	return d
}

// String returns the date as PGN writes it, "" for no date.
func (d date) String() string {
	if d == 0 {
		return ""
	}
	return strings.ReplaceAll(fmt.Sprintf("%04d.%02d.%02d", d.year(), d.month(), d.day()), ".00", ".??")
}

func (a *Accumulator) describePlayers() Players {
	p := Players{Places: a.names.total, Unknown: 2*a.games - a.names.total, Undercount: a.names.lost, Top: a.names.top(topPlayers)}
	p.Distinct, p.Estimated = a.names.distinct()
	if p.Estimated {
		p.Error = distinctError
	}
	if p.Places > 0 {
		places := 0
		for i, t := range p.Top {
			places += t.Games
			share := float64(places) / float64(p.Places)
			if i < 1 {
				p.Top1 = share
			}
			if i < 10 {
				p.Top10 = share
			}
			p.Top100 = share
		}
	}
	return p
}

func (a *Accumulator) describeNames(c *counter) Names {
	n := Names{Unknown: a.games - c.total, Top: c.top(topTexts), Undercount: c.lost}
	n.Distinct, _ = c.distinct()
	return n
}

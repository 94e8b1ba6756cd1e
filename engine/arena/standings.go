package arena

// Who stands where in a tournament.

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"time"

	"transcend/elo"
	"transcend/elo/joint"
	"transcend/elo/leaderboard"
	"transcend/elo/sprt"
)

// Standing is an entrant's line of the table.
type Standing struct {
	Name   string     `json:"name"`
	Limit  string     `json:"limit,omitempty"`
	Record elo.Record `json:"record"`
	Points float64    `json:"points"`
	Score  float64    `json:"score"`
	// Rating is in Elo points relative to the mean of the players, by maximum
	// likelihood over all games; nil without games, or where it cannot be told.
	Rating   *float64     `json:"rating"`
	Interval elo.Interval `json:"interval"` // 95%; one end is open for a bound
	Byes     int          `json:"byes,omitempty"`
	// Losses counts the games lost by cause; Voids the games that it spoiled
	// without a result.
	Losses map[leaderboard.LossCause]int `json:"losses,omitempty"`
	Voids  int                           `json:"void_games,omitempty"`
	// MaxLatency is by how much the measured time of a move exceeded the time its
	// engine told, at most.
	MaxLatency time.Duration `json:"max_latency_ns,omitempty"`

	fitted joint.Rating // what the table is ordered by, where there is a rating
}

// Crossing is the record of one pair of players.
type Crossing struct {
	First      string          `json:"first"`
	Second     string          `json:"second"`
	Record     elo.Record      `json:"record"` // as First sees it
	Pairs      elo.Pairs       `json:"pairs"`  // pentanomial, of pairs that are complete
	Comparison *elo.Comparison `json:"comparison,omitempty"`
}

// Summary is the result of a tournament.
type Summary struct {
	Tournament int64        `json:"tournament"`
	Kind       string       `json:"kind"`
	Seed       uint64       `json:"seed"`
	Openings   string       `json:"openings"`
	Games      int          `json:"games"`
	Wanted     int          `json:"games_wanted"`
	Standings  []Standing   `json:"standings"` // the best first
	Crosstable []Crossing   `json:"crosstable"`
	SPRT       *sprt.Status `json:"sprt,omitempty"`
}

// Summary counts everything; quick leaves out what takes time. It is not to be called
// while Play runs, but from Show.Finished.
func (t *Tournament) Summary(quick bool) Summary {
	s := Summary{Tournament: t.id, Kind: string(t.o.Kind), Seed: t.o.Seed, Openings: t.o.Openings.String(), Games: len(t.results), Wanted: t.wanted}
	table := make([]Standing, len(t.o.Entrants))
	for i, e := range t.o.Entrants {
		table[i] = Standing{Name: e.Name, Limit: e.Limit, Losses: map[leaderboard.LossCause]int{}, Voids: t.voidsOf(e.Name)}
	}
	var games []joint.Game
	pairs := map[slotKey]int{} // numbers of pairs on one opening, from 1
	crossings := map[[2]int]*Crossing{}
	for i := range t.results {
		r := &t.results[i]
		a, b := &table[r.First], &table[r.Second]
		a.Record.Add(r.Outcome)
		b.Record.Add(elo.Win - r.Outcome)
		if r.firstCause != leaderboard.NotLost {
			a.Losses[r.firstCause]++
		}
		if r.secondCause != leaderboard.NotLost {
			b.Losses[r.secondCause]++
		}
		a.MaxLatency, b.MaxLatency = max(a.MaxLatency, r.latency[0]), max(b.MaxLatency, r.latency[1])
		g := joint.Game{White: r.First, Black: r.Second, Outcome: r.Outcome}
		if !r.FirstWhite {
			g = joint.Game{White: r.Second, Black: r.First, Outcome: elo.Win - r.Outcome}
		}
		if key := (slotKey{r.match, r.slot / 2}); !t.o.NoPairs {
			if pairs[key] == 0 {
				pairs[key] = len(pairs) + 1
			}
			g.Pair = pairs[key]
		}
		games = append(games, g)
		t.cross(crossings, r)
	}
	for _, p := range t.pairings {
		if p.Second < 0 && p.Round < t.roundsBegun() {
			table[p.First].Byes++
			table[p.First].Points += float64(t.o.Games)
		}
	}
	for i := range table {
		table[i].Points += table[i].Record.Points()
		table[i].Score = table[i].Record.Score()
	}
	rate(table, games, quick)
	slices.SortStableFunc(table, func(a, b Standing) int {
		if t.o.Kind == leaderboard.Swiss {
			return cmp.Compare(b.Points, a.Points)
		}
		return cmp.Or(compareRatings(a, b), cmp.Compare(b.Score, a.Score))
	})
	s.Standings = table
	for _, c := range crossings {
		c.compare()
		s.Crosstable = append(s.Crosstable, *c)
	}
	slices.SortFunc(s.Crosstable, func(a, b Crossing) int { return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Second, b.Second)) })
	if t.test != nil {
		status := t.test.run.Status()
		s.SPRT = &status
	}
	return s
}

// roundsBegun is how many rounds have a game.
func (t *Tournament) roundsBegun() int {
	n := 0
	for _, p := range t.pairings {
		n = max(n, p.Round+1)
	}
	return n
}

// cross counts a game in the crosstable; of a pair when its second game comes.
func (t *Tournament) cross(crossings map[[2]int]*Crossing, r *Result) {
	first, second, outcome := r.First, r.Second, r.Outcome
	flip := first > second // a Swiss may pair either way
	if flip {
		first, second, outcome = second, first, elo.Win-outcome
	}
	c := crossings[[2]int{first, second}]
	if c == nil {
		c = &Crossing{First: t.o.Entrants[first].Name, Second: t.o.Entrants[second].Name}
		crossings[[2]int{first, second}] = c
	}
	c.Record.Add(outcome)
	if t.o.NoPairs || r.slot%2 == 0 {
		return
	}
	if i, ok := t.slots[slotKey{r.match, r.slot - 1}]; ok {
		other := t.results[i].Outcome
		if flip {
			other = elo.Win - other
		}
		c.Pairs.Add(outcome, other)
	}
}

// compare fills in the comparison: from pairs when all games are in one.
func (c *Crossing) compare() {
	var comparison elo.Comparison
	var err error
	if 2*c.Pairs.Count() == c.Record.Games() {
		comparison, err = c.Pairs.Compare(0)
	} else {
		comparison, err = c.Record.Compare(0)
	}
	if err == nil {
		c.Comparison = &comparison
	}
}

func (t *Tournament) voidsOf(name string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed[name]
}

// rate fills in the ratings.
func rate(table []Standing, games []joint.Game, quick bool) {
	if len(games) == 0 {
		return
	}
	var players []joint.Player
	for _, s := range table {
		players = append(players, joint.Player{Name: s.Name})
	}
	opt := joint.Options{}
	if quick {
		opt.ProfilePlayers = -1
	}
	fit, err := joint.Rate(players, games, opt)
	if err != nil {
		return
	}
	for i, r := range fit.Ratings {
		// Where nobody is tied to anybody by points in both directions there is no
		// scale, only who won.
		if r.Record.Games() == 0 || r.Side == joint.Unknown || fit.Pools[r.Pool].Core < 2 {
			continue
		}
		table[i].Interval = r.Interval
		rating := r.Rating
		switch r.Side {
		case elo.Above:
			rating = math.Inf(1)
		case elo.Below:
			rating = math.Inf(-1)
		}
		table[i].Rating, table[i].fitted = &rating, r
	}
}

// compareRatings orders the table, the strongest first and who has no rating last.
func compareRatings(a, b Standing) int {
	switch {
	case a.Rating == nil && b.Rating == nil:
		return 0
	case a.Rating == nil:
		return 1
	case b.Rating == nil:
		return -1
	}
	return b.fitted.Compare(a.fitted)
}

// MarshalJSON writes an infinite rating, which has a bound only, as null.
func (s Standing) MarshalJSON() ([]byte, error) {
	type plain Standing
	if s.Rating != nil && math.IsInf(*s.Rating, 0) {
		s.Rating = nil
	}
	return json.Marshal(plain(s))
}

package main

// What "arena match" shows: while it plays, and at the end.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"transcend/elo"
	"transcend/elo/joint"
	"transcend/elo/leaderboard"
	"transcend/elo/sprt"
	"transcend/internal/cli"
)

// standing is an entrant's line of the table.
type standing struct {
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
}

// crossing is the record of one pair of players.
type crossing struct {
	First      string          `json:"first"`
	Second     string          `json:"second"`
	Record     elo.Record      `json:"record"` // as First sees it
	Pairs      elo.Pairs       `json:"pairs"`  // pentanomial, of pairs that are complete
	Comparison *elo.Comparison `json:"comparison,omitempty"`
}

// summary is the result of a tournament.
type summary struct {
	Tournament int64        `json:"tournament"`
	Kind       string       `json:"kind"`
	Seed       uint64       `json:"seed"`
	Openings   string       `json:"openings"`
	Games      int          `json:"games"`
	Wanted     int          `json:"games_wanted"`
	Standings  []standing   `json:"standings"` // the best first
	Crosstable []crossing   `json:"crosstable"`
	SPRT       *sprt.Status `json:"sprt,omitempty"`
}

// summarize counts everything; quick leaves out what takes time.
func (t *tournament) summarize(quick bool) summary {
	s := summary{Tournament: t.id, Kind: t.Tournament, Seed: t.Seed, Openings: t.openings.String(), Games: len(t.results), Wanted: t.wanted}
	table := make([]standing, len(t.entrants))
	for i, e := range t.entrants {
		table[i] = standing{Name: e.name, Limit: e.limit, Losses: map[leaderboard.LossCause]int{}, Voids: t.voidsOf(e.name)}
	}
	var games []joint.Game
	crossings := map[[2]int]*crossing{}
	for i := range t.results {
		r := &t.results[i]
		a, b := &table[r.first], &table[r.second]
		a.Record.Add(r.outcome)
		b.Record.Add(elo.Win - r.outcome)
		if r.firstCause != leaderboard.NotLost {
			a.Losses[r.firstCause]++
		}
		if r.secondCause != leaderboard.NotLost {
			b.Losses[r.secondCause]++
		}
		a.MaxLatency, b.MaxLatency = max(a.MaxLatency, r.latency[0]), max(b.MaxLatency, r.latency[1])
		g := joint.Game{White: r.first, Black: r.second, Outcome: r.outcome}
		if !r.firstWhite {
			g = joint.Game{White: r.second, Black: r.first, Outcome: elo.Win - r.outcome}
		}
		games = append(games, g)
		t.cross(crossings, r)
	}
	for _, p := range t.pairings {
		if p.Second < 0 && p.Round < t.roundsBegun() {
			table[p.First].Byes++
			table[p.First].Points += float64(t.Games)
		}
	}
	for i := range table {
		table[i].Points += table[i].Record.Points()
		table[i].Score = table[i].Record.Score()
	}
	rate(table, games, quick)
	slices.SortStableFunc(table, func(a, b standing) int {
		if t.Tournament == "swiss" {
			return cmp.Compare(b.Points, a.Points)
		}
		return cmp.Or(cmp.Compare(strength(b), strength(a)), cmp.Compare(b.Score, a.Score))
	})
	s.Standings = table
	for _, c := range crossings {
		c.compare()
		s.Crosstable = append(s.Crosstable, *c)
	}
	slices.SortFunc(s.Crosstable, func(a, b crossing) int { return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Second, b.Second)) })
	if t.test != nil {
		status := t.test.Status()
		s.SPRT = &status
	}
	return s
}

// roundsBegun is how many rounds have a game.
func (t *tournament) roundsBegun() int {
	n := 0
	for _, p := range t.pairings {
		n = max(n, p.Round+1)
	}
	return n
}

// cross counts a game in the crosstable; of a pair when its second game comes.
func (t *tournament) cross(crossings map[[2]int]*crossing, r *result) {
	first, second, outcome := r.first, r.second, r.outcome
	flip := first > second // a Swiss may pair either way
	if flip {
		first, second, outcome = second, first, elo.Win-outcome
	}
	c := crossings[[2]int{first, second}]
	if c == nil {
		c = &crossing{First: t.entrants[first].name, Second: t.entrants[second].name}
		crossings[[2]int{first, second}] = c
	}
	c.Record.Add(outcome)
	if t.NoPairs || r.slot%2 == 0 {
		return
	}
	if i, ok := t.slots[slotKey{r.match, r.slot - 1}]; ok {
		other := t.results[i].outcome
		if flip {
			other = elo.Win - other
		}
		c.Pairs.Add(outcome, other)
	}
}

// compare fills in the comparison: from pairs when all games are in one.
func (c *crossing) compare() {
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

func (t *tournament) voidsOf(name string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed[name]
}

// rate fills in the ratings.
func rate(table []standing, games []joint.Game, quick bool) {
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
		table[i].Rating = &rating
	}
}

// strength orders the table.
func strength(s standing) float64 {
	switch {
	case s.Rating == nil:
		return math.Inf(-1)
	case math.IsInf(*s.Rating, 1):
		return s.Interval.Low
	case math.IsInf(*s.Rating, -1):
		return s.Interval.High
	}
	return *s.Rating
}

// MarshalJSON writes an infinite rating, which has a bound only, as null.
func (s standing) MarshalJSON() ([]byte, error) {
	type plain standing
	if s.Rating != nil && math.IsInf(*s.Rating, 0) {
		s.Rating = nil
	}
	return json.Marshal(plain(s))
}

func (s standing) eloCells() (rating, interval string) {
	switch {
	case s.Rating == nil:
		return "-", ""
	case math.IsInf(*s.Rating, 1):
		return fmt.Sprintf("> %.0f", s.Interval.Low), ""
	case math.IsInf(*s.Rating, -1):
		return fmt.Sprintf("< %.0f", s.Interval.High), ""
	}
	return fmt.Sprintf("%+.0f", *s.Rating), fmt.Sprintf("%+.0f to %+.0f", s.Interval.Low, s.Interval.High)
}

// table is the standings as lines.
func (s *summary) table() []string {
	rows := [][]string{{"#", "player", "Elo", "95% interval", "games", "won", "drawn", "lost", "points", "score", "time", "crash", "stall", "illegal", "other", "void", "latency"}}
	for i, e := range s.Standings {
		rating, interval := e.eloCells()
		score := "-"
		if e.Record.Games() > 0 {
			score = fmt.Sprintf("%.1f%%", 100*e.Score)
		}
		lost := func(causes ...leaderboard.LossCause) string {
			n := 0
			for _, c := range causes {
				n += e.Losses[c]
			}
			return fmt.Sprint(n)
		}
		latency := "-"
		if e.MaxLatency > 0 {
			latency = fmt.Sprintf("%dms", e.MaxLatency.Milliseconds())
		}
		rows = append(rows, []string{
			fmt.Sprint(i + 1), e.Name, rating, interval, fmt.Sprint(e.Record.Games()), fmt.Sprint(e.Record.Wins), fmt.Sprint(e.Record.Draws), fmt.Sprint(e.Record.Losses),
			fmt.Sprintf("%.1f", e.Points), score, lost(leaderboard.LostTime), lost(leaderboard.LostCrash), lost(leaderboard.LostStall), lost(leaderboard.LostIllegal),
			lost(leaderboard.LostFormat, leaderboard.LostLength), fmt.Sprint(e.Voids), latency,
		})
	}
	return align(rows)
}

// align pads cells to columns; the second is left-aligned, the others right.
func align(rows [][]string) []string {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for c, cell := range row {
			width[c] = max(width[c], runewidth.StringWidth(cell))
		}
	}
	var lines []string
	for _, row := range rows {
		var line strings.Builder
		for c, cell := range row {
			pad := strings.Repeat(" ", width[c]-runewidth.StringWidth(cell))
			if c > 0 {
				line.WriteString("  ")
			}
			if c == 1 {
				line.WriteString(cell + pad)
			} else {
				line.WriteString(pad + cell)
			}
		}
		lines = append(lines, strings.TrimRight(line.String(), " "))
	}
	return lines
}

// announce says what there is to play.
func (t *tournament) announce(missing, before int) {
	if t.quiet {
		return
	}
	t.block.Printf("%s, %d players, openings %s, seed %d, concurrency %d, database %s", t.Tournament, len(t.entrants), t.openings, t.Seed, t.workerN, t.DB)
	switch {
	case missing == 0 && before > 0:
		t.block.Printf("all %s games were already played; more with --games or --rounds, others with --seed", cli.Count(before))
	case before > 0:
		t.block.Printf("%s games were already played, %s are missing", cli.Count(before), cli.Count(missing))
	}
}

// shown shows a finished game: on a terminal as a table that fills in, in a pipe
// as a line.
func (t *tournament) shown(r result) {
	if t.quiet {
		return
	}
	a, b := t.entrants[r.first].name, t.entrants[r.second].name
	white, black := a, b
	if !r.firstWhite {
		white, black = black, white
	}
	text := [...]string{"0-1", "1/2-1/2", "1-0"}[r.outcome]
	if !r.firstWhite {
		text = [...]string{"1-0", "1/2-1/2", "0-1"}[r.outcome]
	}
	switch {
	case !t.block.Live():
		t.block.Printf("%d/%d: slot %d: %s - %s %s (%s, %d plies)", len(t.results), t.wanted, r.slot+1, white, black, text, r.termination, r.plies)
	case r.error != "":
		t.block.Printf("game %d: %s - %s %s: %s", r.slot+1, white, black, text, r.error)
	}
	if t.block.Live() && time.Since(t.drawn) >= 250*time.Millisecond {
		t.drawn = time.Now()
		t.block.Set(append(t.liveLines(), t.progressLine()))
	}
}

func (t *tournament) liveLines() []string {
	s := t.summarize(true)
	lines := s.table()
	if s.SPRT != nil {
		lines = append(lines, s.SPRT.String())
	}
	return lines
}

func (t *tournament) progressLine() string {
	elapsed := time.Since(t.began)
	left := time.Duration(float64(elapsed) / float64(max(1, t.new)) * float64(t.wanted-len(t.results)))
	return fmt.Sprintf("%s of %s games, %.1f games/min, left %s", cli.Count(len(t.results)), cli.Count(t.wanted), float64(t.new)/elapsed.Minutes(), cli.Duration(left))
}

// report prints the result.
func (t *tournament) report(_ context.Context, stdout io.Writer) error {
	s := t.summarize(false)
	if t.json {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		return e.Encode(s)
	}
	var out strings.Builder
	for _, line := range s.table() {
		out.WriteString(line + "\n")
	}
	if len(t.entrants) == 2 && len(s.Crosstable) == 1 {
		c := s.Crosstable[0]
		fmt.Fprintf(&out, "%s against %s, openings %s, seed %d:\n", c.First, c.Second, s.Openings, s.Seed)
		if c.Comparison != nil {
			fmt.Fprintf(&out, "  %v\n", *c.Comparison)
		}
		fmt.Fprintf(&out, "  Games: %d, Wins: %d, Losses: %d, Draws: %d, Points: %.1f\n", c.Record.Games(), c.Record.Wins, c.Record.Losses, c.Record.Draws, c.Record.Points())
		if c.Pairs.Count() > 0 {
			fmt.Fprintf(&out, "  Ptnml(0-2): %v\n", [5]int(c.Pairs))
		}
	}
	if s.SPRT != nil {
		verdict := map[sprt.Decision]string{sprt.AcceptH0: ": H0 accepted", sprt.AcceptH1: ": H1 accepted"}[s.SPRT.Decision]
		fmt.Fprintf(&out, "  %v%s\n", *s.SPRT, verdict)
	}
	out.WriteString("  Elo: relative to the mean of the players, all games at once; time, crash, stall, illegal, other: games lost by it;\n" +
		"  void: games spoiled without a result; latency: the most by which a move took longer than its engine said\n")
	_, err := io.WriteString(stdout, out.String())
	return err
}

// failures is the error of a tournament in which engines failed.
func (t *tournament) failures() error {
	var names []string
	total := 0
	count := func(seat int, cause leaderboard.LossCause) {
		switch cause {
		case leaderboard.LostIllegal:
			if !t.entrants[seat].isUCI { // a model that does not know the rules is no failure
				return
			}
		case leaderboard.LostCrash, leaderboard.LostStall, leaderboard.LostFormat:
		default:
			return
		}
		total++
		if name := t.entrants[seat].name; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, r := range t.results {
		count(r.first, r.firstCause)
		count(r.second, r.secondCause)
	}
	for _, e := range t.entrants {
		if n := t.voidsOf(e.name); n > 0 {
			total += n
			if !slices.Contains(names, e.name) {
				names = append(names, e.name)
			}
		}
	}
	if total > 0 {
		return cli.WithHint(fmt.Errorf("engines failed in %d games: %s", total, strings.Join(names, ", ")),
			"the table counts what happened; the database has each game with the engine's last words")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.failedAtQuit) > 0 {
		return fmt.Errorf("engines failed when they were told to quit: %s; their games stand", strings.Join(slices.Sorted(maps.Keys(t.failedAtQuit)), ", "))
	}
	return nil
}

// parseJudge reads --judge.
func parseJudge(text string) (entrantConfig, int, error) {
	win := 150
	var rest []string
	for _, word := range strings.Fields(text) {
		if value, ok := strings.CutPrefix(word, "win="); ok {
			if _, err := fmt.Sscanf(value, "%d", &win); err != nil || win < 1 {
				return entrantConfig{}, 0, cli.Usagef("--judge %q: win=%s: want centipawns", text, value)
			}
			continue
		}
		rest = append(rest, word)
	}
	e, err := parseEntrant(strings.Join(rest, " "), entrantConfig{})
	if err == nil && e.TC != "" {
		err = errors.New("a judge has no clock: give it depth=, nodes= or movetime=")
	}
	if err != nil {
		return e, 0, cli.Usagef("--judge: %w", err)
	}
	return e, win, nil
}

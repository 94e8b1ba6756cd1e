package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/pflag"

	"transcend/elo"
	"transcend/elo/joint"
	"transcend/elo/leaderboard"
	"transcend/elo/sprt"
	"transcend/internal/bitboard"
	"transcend/internal/cli"
	"transcend/pgn"
)

const eloHelp = `Compute ratings and tests from results, without playing.

usage: arena elo --wins N --draws N --losses N [--opponent-elo R[+-E]] [--sprt elo0=0,elo1=5]
       arena elo --ptnml N,N,N,N,N [...]
       arena elo --pgn FILE... [--anchor NAME=ELO[+-E]]...
       arena elo --db FILE [...]

From counts: the Elo difference with its likelihood interval (the ± of fastchess
and cutechess beside it), normalized Elo, LOS, draw and pair ratio. --ptnml counts
pairs of games on one opening by the points taken: 0, 1/2, 1, 3/2, 2.

From games: all players at once by maximum likelihood, with draws and the first
move's advantage; two players get the statistics of counts as well. Without --anchor
the mean is --average. An anchor with an error (+-E) may be moved by the games.

examples:
  arena elo --wins 12 --draws 3 --losses 5
  arena elo --wins 61 --draws 9 --losses 30 --opponent-elo 1320+-17
  arena elo --ptnml 34,54,63,64,75 --sprt elo0=0,elo1=5
  arena elo --wins 540 --draws 900 --losses 480 --sprt elo0=0,elo1=5,model=logistic
  arena elo --pgn games.pgn.zst more.pgn --anchor "Stash 15=2140" --bootstrap 1000
  arena elo --db arena.db --anchors stockfish-ccrl-blitz --json

flags:
`

// eloSettings are the flags of arena elo, checked.
type eloSettings struct {
	record     elo.Record
	pairs      *elo.Pairs
	opponent   *elo.Anchor
	test       *sprt.Test
	files      []string
	db         string
	anchors    []elo.Anchor
	anchorSet  string
	confidence float64
	minGames   int
	joint      joint.Options
	json       bool
}

// rateResults is the subcommand "elo".
func rateResults(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, args []string) error {
	s, err := parseEloFlags(args, stdout)
	if err != nil {
		return err
	}
	switch {
	case s.db != "":
		return s.rateDatabase(ctx, stdout)
	case len(s.files) > 0:
		return s.ratePGN(ctx, stdin, stdout, stderr)
	}
	return s.rateCounts(stdout)
}

func parseEloFlags(args []string, stdout io.Writer) (*eloSettings, error) {
	s := &eloSettings{}
	fs := pflag.NewFlagSet(program+" elo", pflag.ContinueOnError)
	fs.SortFlags = false
	fs.IntVar(&s.record.Wins, "wins", 0, "games won")
	fs.IntVar(&s.record.Draws, "draws", 0, "games drawn")
	fs.IntVar(&s.record.Losses, "losses", 0, "games lost")
	ptnml := fs.IntSlice("ptnml", nil, "pairs of games that brought 0, 1/2, 1, 3/2 and 2 points")
	opponent := fs.String("opponent-elo", "", "the opponent's rating, with its standard error: 1500 or 1500+-30")
	test := fs.String("sprt", "", "sequential test: elo0=0,elo1=5[,alpha=0.05,beta=0.05,model=normalized|logistic]")
	pgnFile := fs.StringArray("pgn", nil, "rate the players of this PGN file; - is standard input; more may follow")
	fs.StringVar(&s.db, "db", "", "rate the players of this leaderboard database")
	anchors := fs.StringArray("anchor", nil, "hold a player's rating: NAME=ELO, or NAME=ELO+-E with a standard error; may be repeated")
	fs.StringVar(&s.anchorSet, "anchors", "", "with --db: hold the engines' published ratings, by the anchor set's name")
	fs.Float64Var(&s.joint.Center, "average", 0, "mean rating where there is no anchor")
	fs.IntVar(&s.minGames, "min-games", 1, "leave out players with fewer games, and then those whom that leaves with fewer")
	draws := fs.String("draws-model", string(joint.Davidson), "davidson, or points: a draw is half a win and half a loss, as in Ordo")
	fs.BoolVar(&s.joint.NoAdvantage, "no-advantage", false, "take the advantage of the first move as 0")
	fs.IntVar(&s.joint.Bootstrap, "bootstrap", 0, "also give intervals over this many resamplings of the pairs of games")
	fs.Uint64Var(&s.joint.Seed, "seed", 1, "seed of the resamplings")
	fs.Float64Var(&s.confidence, "confidence", 0.95, "confidence of the intervals")
	fs.BoolVar(&s.json, "json", false, "print JSON")
	err := cli.Parse(fs, args, stdout, func(w io.Writer) { fmt.Fprint(w, eloHelp, fs.FlagUsagesWrapped(100)) })
	if err != nil {
		return nil, err
	}
	given := func(names ...string) string {
		for _, n := range names {
			if fs.Changed(n) {
				return "--" + n
			}
		}
		return ""
	}
	counts, ofGames, ofDB := given("wins", "draws", "losses"), given("pgn"), given("db")
	sources := 0
	for _, source := range []string{counts, given("ptnml"), ofGames, ofDB} {
		if source != "" {
			sources++
		}
	}
	switch {
	case fs.NArg() > 0 && ofGames == "":
		hint := "arena elo --help shows examples"
		if strings.Contains(fs.Arg(0), ".pgn") {
			hint = "arena elo --pgn " + strings.Join(fs.Args(), " ")
		}
		return nil, cli.WithHint(cli.Usagef("unexpected argument %q", fs.Arg(0)), hint)
	case sources == 0:
		return nil, cli.WithHint(cli.Usagef("no results: give counts, --pgn or --db"), "arena elo --wins 12 --draws 3 --losses 5")
	case sources > 1:
		return nil, cli.Usagef("--wins/--draws/--losses, --ptnml, --pgn and --db exclude each other: each is all the results")
	case s.confidence > 1 && s.confidence < 100:
		return nil, cli.WithHint(cli.Usagef("--confidence %v: must be between 0.5 and 1", s.confidence), fmt.Sprintf("--confidence %v", s.confidence/100))
	case !(s.confidence > 0.5 && s.confidence < 1):
		return nil, cli.Usagef("--confidence %v: must be between 0.5 and 1", s.confidence)
	case ofGames+ofDB != "" && given("opponent-elo") != "":
		return nil, cli.WithHint(cli.Usagef("--opponent-elo goes with counts"), "--anchor NAME=ELO holds a player's rating")
	case ofGames+ofDB == "" && given("anchor", "anchors", "average", "min-games", "draws-model", "no-advantage", "bootstrap") != "":
		return nil, cli.WithHint(cli.Usagef("%s needs games: --pgn or --db", given("anchor", "anchors", "average", "min-games", "draws-model", "no-advantage", "bootstrap")),
			"--opponent-elo is the opponent's rating for counts")
	case ofDB == "" && s.anchorSet != "":
		return nil, cli.WithHint(cli.Usagef("--anchors goes with --db, which knows the engines' levels"), "--anchor NAME=ELO names a player of the PGN file")
	}
	s.files = append(*pgnFile, fs.Args()...)
	s.joint.Confidence = s.confidence
	if err := cli.OneOf("draws-model", *draws, string(joint.Davidson), string(joint.Points)); err != nil {
		return nil, err
	}
	s.joint.Model = joint.Model(*draws)
	if b := s.joint.Bootstrap; b < 0 || b == 1 || b > 1_000_000 {
		return nil, cli.WithHint(cli.Usagef("--bootstrap %d: must be 2 to 1000000", b), "--bootstrap 1000")
	}
	if s.minGames < 1 {
		return nil, cli.Usagef("--min-games %d: must be at least 1", s.minGames)
	}
	if !(math.Abs(s.joint.Center) <= elo.MaxRating) {
		return nil, cli.Usagef("--average %v: must be within ±%d", s.joint.Center, elo.MaxRating)
	}
	if counts != "" {
		if err := checkCounts(counts, s.record.Wins, s.record.Draws, s.record.Losses); err != nil {
			return nil, err
		}
	}
	if fs.Changed("ptnml") {
		if len(*ptnml) != 5 {
			return nil, cli.WithHint(cli.Usagef("--ptnml has %d numbers: a pair of games brings 0, 1/2, 1, 3/2 or 2 points, which makes 5", len(*ptnml)),
				"--ptnml 34,54,63,64,75")
		}
		if err := checkCounts("--ptnml", *ptnml...); err != nil {
			return nil, err
		}
		s.pairs = (*elo.Pairs)(*ptnml)
	}
	if *test != "" {
		t, err := sprt.Parse(*test)
		if err != nil {
			return nil, cli.WithHint(cli.Usagef("--sprt: %w", err), "--sprt elo0=0,elo1=5")
		}
		s.test = &t
	}
	if *opponent != "" {
		a, err := parseRating(*opponent)
		if err != nil {
			return nil, cli.WithHint(cli.Usagef("--opponent-elo: %w", err), "--opponent-elo 1500, or 1500+-30 with its standard error")
		}
		a.Name = "the opponent"
		s.opponent = &a
	}
	for _, text := range *anchors {
		i := strings.LastIndex(text, "=")
		if i < 1 {
			return nil, cli.WithHint(cli.Usagef("--anchor %q names no player and rating", text), `--anchor "Stash 15=2140"`)
		}
		a, err := parseRating(text[i+1:])
		if err != nil {
			return nil, cli.WithHint(cli.Usagef("--anchor %q: %w", text, err), `--anchor "Stash 15=2140", or "Stash 15=2140+-20" with its standard error`)
		}
		a.Name = text[:i]
		if slices.ContainsFunc(s.anchors, func(b elo.Anchor) bool { return b.Name == a.Name }) {
			return nil, cli.Usagef("--anchor names %q twice", a.Name)
		}
		s.anchors = append(s.anchors, a)
	}
	return s, nil
}

// maxCount bounds counts of games from the command line; nobody has played
// more.
const maxCount = 1_000_000_000_000

func checkCounts(flag string, counts ...int) error {
	sum := 0
	for _, n := range counts {
		if n < 0 {
			return cli.Usagef("%s: %d games: a count cannot be negative", flag, n)
		}
		if n > maxCount {
			return cli.Usagef("%s: %d games: more than %d are not believed", flag, n, maxCount)
		}
		sum += n
	}
	if sum == 0 {
		return cli.WithHint(cli.Usagef("%s: no games: all counts are 0", flag), "arena elo --wins 12 --draws 3 --losses 5")
	}
	return nil
}

// parseRating reads "1500", "1500+-30" and "1500±30".
func parseRating(s string) (elo.Anchor, error) {
	value, deviation, uncertain := strings.Cut(strings.ReplaceAll(s, "±", "+-"), "+-")
	var a elo.Anchor
	var err error
	if a.Rating, err = strconv.ParseFloat(strings.TrimSpace(value), 64); err != nil {
		return a, fmt.Errorf("%q is no rating", s)
	}
	if !(math.Abs(a.Rating) <= elo.MaxRating) {
		return a, fmt.Errorf("rating %v is not within ±%d", a.Rating, elo.MaxRating)
	}
	if uncertain {
		if a.StandardError, err = strconv.ParseFloat(strings.TrimSpace(deviation), 64); err != nil {
			return a, fmt.Errorf("%q is no standard error", deviation)
		}
		if !(a.StandardError >= 0 && a.StandardError <= elo.MaxRating) {
			return a, fmt.Errorf("standard error %v is not between 0 and %d", a.StandardError, elo.MaxRating)
		}
	}
	return a, nil
}

// rateCounts is the report on results that were given as numbers.
func (s *eloSettings) rateCounts(stdout io.Writer) error {
	report, err := s.reportOn(s.record, s.pairs)
	if err != nil {
		return err
	}
	if s.json {
		return writeJSON(stdout, report)
	}
	return report.write(stdout)
}

// countsReport is everything about one player's games against another.
type countsReport struct {
	Players    []string       `json:"players,omitempty"` // the counted one first
	Record     *elo.Record    `json:"record,omitempty"`
	Pairs      *elo.Pairs     `json:"ptnml,omitempty"`
	Comparison elo.Comparison `json:"comparison"`
	Rating     *elo.Estimate  `json:"rating,omitempty"` // of games against --opponent-elo
	// PairsRating is the rating from pairs, with the opponent's error.
	PairsRating *pairsRating `json:"pairs_rating,omitempty"`
	SPRT        *sprt.Status `json:"sprt,omitempty"`

	opponent *elo.Anchor
}

type pairsRating struct {
	Rating   *float64     `json:"rating"` // null when there is only a bound
	Interval elo.Interval `json:"interval"`
}

func (s *eloSettings) reportOn(record elo.Record, pairs *elo.Pairs) (*countsReport, error) {
	r := &countsReport{opponent: s.opponent}
	var err error
	if pairs != nil {
		r.Pairs = pairs
		r.Comparison, err = pairs.Compare(s.confidence)
	} else {
		r.Record = &record
		r.Comparison, err = record.Compare(s.confidence)
	}
	if err != nil {
		return nil, err
	}
	if s.test != nil {
		status := s.test.Status(record)
		if pairs != nil {
			status = s.test.PairsStatus(*pairs)
		}
		r.SPRT = &status
	}
	if s.opponent == nil {
		return r, nil
	}
	if pairs == nil {
		e, err := elo.EstimateRating([]elo.Result{{Anchor: *s.opponent, Record: record}}, elo.Options{Confidence: s.confidence})
		if err != nil {
			return nil, err
		}
		r.Rating = &e
		return r, nil
	}
	// The interval from pairs, its sides widened by the opponent's error.
	c := r.Comparison
	z := math.Sqrt2 * math.Erfinv(c.Confidence)
	widened := func(side float64) float64 { return math.Hypot(side, z*s.opponent.StandardError) }
	r.PairsRating = &pairsRating{}
	switch c.Side {
	case elo.Above:
		r.PairsRating.Interval = elo.Interval{Low: s.opponent.Rating + c.Interval.Low - z*s.opponent.StandardError, High: math.Inf(1)}
	case elo.Below:
		r.PairsRating.Interval = elo.Interval{Low: math.Inf(-1), High: s.opponent.Rating + c.Interval.High + z*s.opponent.StandardError}
	default:
		rating := s.opponent.Rating + c.Elo
		r.PairsRating.Rating = &rating
		r.PairsRating.Interval = elo.Interval{Low: rating - widened(c.Elo-c.Interval.Low), High: rating + widened(c.Interval.High-c.Elo)}
	}
	return r, nil
}

func (r *countsReport) write(w io.Writer) error {
	c := r.Comparison
	percent := fmt.Sprintf("%g%%", 100*c.Confidence)
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s "+format+"\n", append([]any{name}, args...)...)
	}
	if len(r.Players) == 2 {
		line("players", "%s against %s", printable(r.Players[0]), printable(r.Players[1]))
	}
	if r.Pairs != nil {
		line("pairs", "%s (%s games), Ptnml(0-2): %v", cli.Count(c.Pairs), cli.Count(c.Games), *r.Pairs)
	} else {
		line("games", "%s: %s won, %s drawn, %s lost", cli.Count(c.Games), cli.Count(r.Record.Wins), cli.Count(r.Record.Draws), cli.Count(r.Record.Losses))
	}
	line("score", "%.2f%%", 100*c.Score)
	switch c.Side {
	case elo.Above:
		line("Elo", "> %+.1f (%s, one-sided)", math.Floor(10*c.Interval.Low)/10, percent)
	case elo.Below:
		line("Elo", "< %+.1f (%s, one-sided)", math.Ceil(10*c.Interval.High)/10, percent)
	default:
		line("Elo", "%+.1f [%+.1f, %+.1f] (%s)", c.Elo, c.Interval.Low, c.Interval.High, percent)
		if !math.IsInf(c.NormalizedInterval.High, 1) {
			line("nElo", "%+.1f [%+.1f, %+.1f]", c.NormalizedElo, c.NormalizedInterval.Low, c.NormalizedInterval.High)
		}
	}
	line("LOS", "%.2f%%", 100*c.LOS)
	if c.Pairs > 0 && !math.IsNaN(c.PairRatio) && !math.IsInf(c.PairRatio, 0) {
		line("ratios", "draws %.1f%% of pairs, pairs won/lost %.2f", 100*c.DrawRatio, c.PairRatio)
	} else {
		line("ratios", "draws %.1f%%", 100*c.DrawRatio)
	}
	line("fastchess", "%s", c)
	switch {
	case r.Rating != nil:
		line("rating", "%s against %.0f", r.Rating, r.opponent.Rating)
		if r.Rating.AnchorError > 0 {
			line("", "%s with the opponent's error, %.0f%% of the variance", r.Rating.TotalString(), 100*r.Rating.AnchorShare())
		}
		for _, warning := range r.Rating.Warnings {
			line("note", "%s", warning)
		}
	case r.PairsRating != nil && r.PairsRating.Rating != nil:
		line("rating", "%.0f [%.0f, %.0f] against %.0f±%.0f", *r.PairsRating.Rating, r.PairsRating.Interval.Low, r.PairsRating.Interval.High, r.opponent.Rating, r.opponent.StandardError)
	case r.PairsRating != nil && math.IsInf(r.PairsRating.Interval.High, 1):
		line("rating", "> %.0f against %.0f±%.0f", r.PairsRating.Interval.Low, r.opponent.Rating, r.opponent.StandardError)
	case r.PairsRating != nil:
		line("rating", "< %.0f against %.0f±%.0f", r.PairsRating.Interval.High, r.opponent.Rating, r.opponent.StandardError)
	}
	if r.SPRT != nil {
		words := map[sprt.Decision]string{sprt.Continue: "go on", sprt.AcceptH0: "H0 accepted", sprt.AcceptH1: "H1 accepted"}
		line("SPRT", "%s %s, %s Elo", r.SPRT, words[r.SPRT.Decision], r.SPRT.Test.Model)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printable drops what could move the cursor: names come from files.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// gameList collects games for a joint fit.
type gameList struct {
	players []joint.Player
	index   map[string]int
	games   []joint.Game
	// waiting is the number of a game whose partner with reversed colors and the
	// same start has not come, by who has White and the start.
	waiting map[waitingKey]int
	skipped map[string]int // games left out, by reason
}

type waitingKey struct {
	white, black int
	start        string
}

func newGameList() *gameList {
	return &gameList{index: map[string]int{}, waiting: map[waitingKey]int{}, skipped: map[string]int{}}
}

func (l *gameList) player(name string) int {
	i, ok := l.index[name]
	if !ok {
		i = len(l.players)
		l.index[name] = i
		l.players = append(l.players, joint.Player{Name: name})
	}
	return i
}

// add appends a game. Two games of the same players from the same start with
// reversed colors are a pair.
func (l *gameList) add(white, black int, start string, result bitboard.Result) {
	outcomes := map[bitboard.Result]elo.Outcome{bitboard.WhiteWins: elo.Win, bitboard.Draw: elo.Draw, bitboard.BlackWins: elo.Loss}
	o, ok := outcomes[result]
	switch {
	case !ok:
		l.skipped["without a result"]++
		return
	case white == black:
		l.skipped["of a player against itself"]++
		return
	}
	g := joint.Game{White: white, Black: black, Outcome: o}
	if first, ok := l.waiting[waitingKey{black, white, start}]; ok {
		delete(l.waiting, waitingKey{black, white, start})
		g.Pair = first + 1
		l.games[first].Pair = first + 1
	} else {
		l.waiting[waitingKey{white, black, start}] = len(l.games)
	}
	l.games = append(l.games, g)
}

// prune leaves out players with fewer than least games until all have as many.
func (l *gameList) prune(least int) {
	before := len(l.games)
	count := make([]int, len(l.players))
	for _, g := range l.games {
		count[g.White]++
		count[g.Black]++
	}
	for n := -1; n != len(l.games); {
		n = len(l.games)
		l.games = slices.DeleteFunc(l.games, func(g joint.Game) bool {
			few := count[g.White] < least || count[g.Black] < least
			if few {
				count[g.White]--
				count[g.Black]--
			}
			return few
		})
	}
	if n := before - len(l.games); n > 0 {
		l.skipped["by --min-games"] = n
	}
}

// ratePGN rates the players of PGN files. Only the tags are read, except of games
// that have no Result tag.
func (s *eloSettings) ratePGN(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
	r, err := pgn.OpenWith(stdin, s.files...)
	if err != nil {
		return err
	}
	defer r.Close()
	l := newGameList()
	add := func(tag func(string) string, result bitboard.Result) {
		white, black := tag("White"), tag("Black")
		if white == "" || black == "" || white == "?" || black == "?" {
			l.skipped["without players' names"]++
			return
		}
		l.add(l.player(white), l.player(black), tag("FEN"), result)
	}
	r.Filter(func(h *pgn.Header) bool {
		if h.Result() == bitboard.Unknown {
			return true
		}
		add(h.Tag, h.Result())
		return false
	})
	var kept []*pgn.Game // the filter runs ahead of Scan, so these are added after it
	for r.Scan() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if bad := r.BadGame(); bad != nil {
			l.skipped["that cannot be read"]++
			continue
		}
		kept = append(kept, &pgn.Game{Tags: slices.Clone(r.Game().Tags), Result: r.Game().Result})
	}
	if err := r.Err(); err != nil {
		return err
	}
	for _, g := range kept {
		add(g.Tag, g.Result)
	}
	return s.rateGames(stdout, l, strings.Join(s.files, ", "))
}

// rateDatabase rates the players of a leaderboard, all matches at once.
func (s *eloSettings) rateDatabase(ctx context.Context, stdout io.Writer) error {
	anchored, err := anchorsFor(s.anchorSet)
	if err != nil {
		return err
	}
	store, err := leaderboard.OpenReadOnly(s.db)
	if err != nil {
		return err
	}
	defer store.Close()
	players, err := store.Players(ctx)
	if err != nil {
		return err
	}
	matches, err := store.Matches(ctx)
	if err != nil {
		return err
	}
	// An engine at another limit has another strength: it is another player.
	type entrant struct {
		id    int64
		limit string
	}
	match := map[int64]leaderboard.Match{}
	limits := map[int64]map[string]bool{}
	for _, m := range matches {
		match[m.ID] = m
		for _, e := range []entrant{{m.PlayerID, m.PlayerLimit}, {m.OpponentID, m.OpponentLimit}} {
			if limits[e.id] == nil {
				limits[e.id] = map[string]bool{}
			}
			limits[e.id][e.limit] = true
		}
	}
	byID := map[int64]leaderboard.Player{}
	names := map[string]int{}
	for _, p := range players {
		byID[p.ID] = p
		names[p.Name]++
	}
	l := newGameList()
	number := map[entrant]int{}
	enter := func(e entrant) (int, error) {
		if i, ok := number[e]; ok {
			return i, nil
		}
		p := byID[e.id]
		name := p.Name
		if names[name] > 1 {
			name = fmt.Sprintf("%s #%d", name, e.id)
		}
		if len(limits[e.id]) > 1 {
			name = fmt.Sprintf("%s (%s)", name, cmp.Or(e.limit, "no limit"))
		}
		i := l.player(name)
		number[e] = i
		if s.anchorSet != "" {
			_, a, err := anchored(p, e.limit)
			if err != nil && !errors.Is(err, elo.ErrNoAnchor) {
				return 0, err
			} else if err == nil {
				l.players[i].Anchor = &a
			}
		}
		return i, nil
	}
	for g, err := range store.Games(ctx) {
		if err != nil {
			return err
		}
		m := match[g.MatchID]
		white, black := entrant{m.PlayerID, m.PlayerLimit}, entrant{m.OpponentID, m.OpponentLimit}
		if !g.PlayerWhite {
			white, black = black, white
		}
		w, err := enter(white)
		if err != nil {
			return err
		}
		b, err := enter(black)
		if err != nil {
			return err
		}
		result, _ := bitboard.ParseResult(g.Result)
		l.add(w, b, fmt.Sprintf("%d %s %s", g.MatchID, g.Opening, g.StartFEN), result)
	}
	return s.rateGames(stdout, l, s.db)
}

// gamesReport is the JSON of a joint fit.
type gamesReport struct {
	*joint.Fit
	Games   int            `json:"games"`
	Pairs   int            `json:"pairs"` // of games with reversed colors from one start
	Skipped map[string]int `json:"skipped,omitempty"`
	// Match is there when there are two players.
	Match *countsReport `json:"match,omitempty"`
}

// rateGames fits the games and prints the table.
func (s *eloSettings) rateGames(stdout io.Writer, l *gameList, from string) error {
	l.prune(s.minGames)
	if len(l.games) == 0 {
		var reasons []string
		for _, why := range sortedKeys(l.skipped) {
			reasons = append(reasons, fmt.Sprintf("%d %s", l.skipped[why], why))
		}
		err := fmt.Errorf("no finished games in %s", from)
		if len(reasons) > 0 {
			err = fmt.Errorf("%w (left out: %s)", err, strings.Join(reasons, ", "))
		}
		return err
	}
	for _, a := range s.anchors {
		i, ok := l.index[a.Name]
		if !ok {
			err := cli.Usagef("--anchor %q: there is no such player in %s", a.Name, from)
			var names []string
			for _, p := range l.players {
				names = append(names, p.Name)
			}
			if near := cli.Nearest(a.Name, names); near != "" {
				return cli.WithHint(err, fmt.Sprintf("did you mean %q?", near))
			}
			return cli.WithHint(err, fmt.Sprintf("the players are %s", few(names)))
		}
		l.players[i].Anchor = &a
	}
	fit, err := joint.Rate(l.players, l.games, s.joint)
	if errors.Is(err, joint.ErrTooMany) {
		return cli.WithHint(err, "--min-games 30 leaves out players with few games")
	} else if err != nil {
		return err
	}
	report := &gamesReport{Fit: fit, Games: len(l.games), Skipped: l.skipped}
	for _, g := range l.games {
		if g.Pair != 0 {
			report.Pairs++
		}
	}
	report.Pairs /= 2
	if len(l.players) == 2 {
		if report.Match, err = s.match(l); err != nil {
			return err
		}
	}
	if s.json {
		return writeJSON(stdout, report)
	}
	return s.writeGames(stdout, report)
}

// match is the report on two players, from pairs where all games have partners.
func (s *eloSettings) match(l *gameList) (*countsReport, error) {
	var record elo.Record
	var pairs elo.Pairs
	first := map[int]elo.Outcome{}
	paired := true
	for _, g := range l.games {
		o := g.Outcome
		if g.White != 0 {
			o = elo.Win - o
		}
		record.Add(o)
		if g.Pair == 0 {
			paired = false
		} else if a, ok := first[g.Pair]; ok {
			pairs.Add(a, o)
		} else {
			first[g.Pair] = o
		}
	}
	var counted *elo.Pairs
	if paired {
		counted = &pairs
	}
	r, err := s.reportOn(record, counted)
	if err == nil {
		r.Players = []string{l.players[0].Name, l.players[1].Name}
	}
	return r, err
}

func (s *eloSettings) writeGames(stdout io.Writer, r *gamesReport) error {
	var b strings.Builder
	for k, p := range r.Pools {
		if k > 0 {
			fmt.Fprintf(&b, "\nno game connects the following players with those above:\n")
		}
		order := slices.Clone(p.Players)
		slices.SortStableFunc(order, func(i, j int) int {
			return cmp.Or(cmp.Compare(height(r.Ratings[j]), height(r.Ratings[i])), cmp.Compare(r.Ratings[i].Name, r.Ratings[j].Name))
		})
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
		head := fmt.Sprintf("#\tplayer\trating\t%g%%\t", 100*r.Confidence)
		if s.joint.Bootstrap > 0 {
			head += "bootstrap\t"
		}
		fmt.Fprintln(w, head+"above next\tgames\tscore\twon\tdrawn\tlost\t")
		for place, i := range order {
			x := r.Ratings[i]
			rating, interval := fmt.Sprintf("%.0f", x.Rating), fmt.Sprintf("[%.0f, %.0f]", x.Interval.Low, x.Interval.High)
			switch {
			case x.Side == elo.Above && !math.IsInf(x.Interval.Low, -1):
				rating, interval = fmt.Sprintf("> %.0f", math.Floor(x.Interval.Low)), "one-sided"
			case x.Side == elo.Below && !math.IsInf(x.Interval.High, 1):
				rating, interval = fmt.Sprintf("< %.0f", math.Ceil(x.Interval.High)), "one-sided"
			case x.Side != elo.TwoSided:
				rating, interval = "-", string(x.Side)
			case x.Anchor && x.StandardError == 0:
				interval = "anchor"
			}
			line := fmt.Sprintf("%d\t%s\t%s\t%s\t", place+1, printable(x.Name), rating, interval)
			if s.joint.Bootstrap > 0 {
				cell := "-"
				if x.Bootstrap != nil {
					cell = fmt.Sprintf("[%.0f, %.0f]", x.Bootstrap.Low, x.Bootstrap.High)
				}
				line += cell + "\t"
			}
			next := "-"
			if place+1 < len(order) {
				if d, err := r.Difference(i, order[place+1]); err == nil {
					next = fmt.Sprintf("%.1f%%", 100*d.LOS)
				}
			}
			fmt.Fprintf(w, "%s%s\t%s\t%.1f%%\t%d\t%d\t%d\t\n", line, next, cli.Count(x.Record.Games()), 100*x.Record.Score(), x.Record.Wins, x.Record.Draws, x.Record.Losses)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if p.AdvantageFitted {
			fmt.Fprintf(&b, "first move's advantage %+.1f [%+.1f, %+.1f]", p.Advantage.Value, p.Advantage.Interval.Low, p.Advantage.Interval.High)
		} else {
			fmt.Fprint(&b, "first move's advantage taken as 0")
		}
		if p.DrawRate.Value > 0 {
			fmt.Fprintf(&b, ", draws between equals %.1f%% [%.1f%%, %.1f%%]", 100*p.DrawRate.Value, 100*p.DrawRate.Interval.Low, 100*p.DrawRate.Interval.High)
		}
		fmt.Fprintln(&b)
		if !p.Anchored {
			fmt.Fprintf(&b, "no anchor: the mean of the rated players is %.0f, and the intervals are relative to it\n", s.joint.Center)
		}
		for _, warning := range p.Warnings {
			fmt.Fprintf(&b, "note: %s\n", warning)
		}
	}
	fmt.Fprintf(&b, "%s games, %s pairs with reversed colors", cli.Count(r.Games), cli.Count(r.Pairs))
	for i, why := range sortedKeys(r.Skipped) {
		fmt.Fprintf(&b, "%s%s %s", []string{"; left out: ", ", "}[min(i, 1)], cli.Count(r.Skipped[why]), why)
	}
	fmt.Fprintln(&b)
	if r.Match != nil {
		fmt.Fprintln(&b)
		if err := r.Match.write(&b); err != nil {
			return err
		}
	}
	_, err := io.WriteString(stdout, b.String())
	return err
}

// height orders the table: bounds count as ratings.
func height(r joint.Rating) float64 {
	switch {
	case r.Side == elo.Above && math.IsInf(r.Interval.Low, -1):
		return math.Inf(1)
	case r.Side == elo.Above:
		return r.Interval.Low
	case r.Side == elo.Below:
		return min(r.Interval.High, elo.MaxRating*10)
	case r.Side == joint.Unknown:
		return math.Inf(-1)
	}
	return r.Rating
}

func sortedKeys(m map[string]int) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// few is the first names of a list.
func few(names []string) string {
	if len(names) > 8 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:8], ", "), len(names)-8)
	}
	return strings.Join(names, ", ")
}

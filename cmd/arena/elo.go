package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"transcend/cmd/arena/internal/players"
	"transcend/elo"
	"transcend/elo/curves"
	"transcend/elo/joint"
	"transcend/elo/leaderboard"
	"transcend/elo/results"
	"transcend/elo/sprt"
	"transcend/internal/cli"
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

In a database an engine at another limit, and a model with other settings, is another
player. Games under other conditions (protocol, openings, rules) are rated apart. Below
is what the temperatures of a model show, as in arena table.

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
	record    elo.Record
	pairs     *elo.Pairs
	files     []string
	db        string
	anchors   []elo.Anchor
	anchorSet string
	options   results.Options
	json      bool
}

// rateResults is the subcommand "elo".
func rateResults(ctx context.Context, stdin io.Reader, stdout, _ io.Writer, args []string) error {
	s, err := parseEloFlags(args, stdout)
	if err != nil {
		return err
	}
	if s.db != "" {
		return s.rateDatabase(ctx, stdout)
	}
	var report interface{ WriteText(io.Writer) error }
	if len(s.files) > 0 {
		l, err := results.FromPGN(ctx, stdin, s.files...)
		if err != nil {
			return err
		}
		if err := results.Hold([]*results.List{l}, s.anchors); err != nil {
			return err
		}
		report, err = l.Rate(s.options)
		if err != nil {
			return err
		}
	} else if report, err = results.Count(s.record, s.pairs, s.options); err != nil {
		return err
	}
	if s.json {
		return cli.PrintJSON(stdout, report)
	}
	return report.WriteText(stdout)
}

// parseEloFlags reads the flags of arena elo.
func parseEloFlags(args []string, stdout io.Writer) (*eloSettings, error) {
	s := &eloSettings{}
	var t eloTexts
	fs := cli.FlagSet(program + " elo")
	fs.IntVar(&s.record.Wins, "wins", 0, "games won")
	fs.IntVar(&s.record.Draws, "draws", 0, "games drawn")
	fs.IntVar(&s.record.Losses, "losses", 0, "games lost")
	fs.IntSliceVar(&t.ptnml, "ptnml", nil, "pairs of games that brought 0, 1/2, 1, 3/2 and 2 points")
	fs.StringVar(&t.opponent, "opponent-elo", "", "the opponent's rating, with its standard error: 1500 or 1500+-30")
	fs.StringVar(&t.test, "sprt", "", "sequential test: elo0=0,elo1=5[,alpha=0.05,beta=0.05,model=normalized|logistic]")
	fs.StringArrayVar(&s.files, "pgn", nil, "rate the players of this PGN file; - is standard input; more may follow")
	fs.StringVar(&s.db, "db", "", "rate the players of this leaderboard database")
	fs.StringArrayVar(&t.anchors, "anchor", nil, "hold a player's rating: NAME=ELO, or NAME=ELO+-E with a standard error; may be repeated")
	fs.StringVar(&s.anchorSet, "anchors", "", "with --db: hold the engines' published ratings, by the anchor set's name")
	fs.Float64Var(&s.options.Joint.Center, "average", 0, "mean rating where there is no anchor")
	fs.IntVar(&s.options.MinGames, "min-games", 1, "leave out players with fewer games, and then those whom that leaves with fewer")
	fs.StringVar(&t.draws, "draws-model", string(joint.Davidson), "davidson, or points: a draw is half a win and half a loss, as in Ordo")
	fs.BoolVar(&s.options.Joint.NoAdvantage, "no-advantage", false, "take the advantage of the first move as 0")
	fs.IntVar(&s.options.Joint.Bootstrap, "bootstrap", 0, "also give intervals over this many resamplings of the pairs of games")
	fs.Uint64Var(&s.options.Joint.Seed, "seed", 1, "seed of the resamplings")
	fs.Float64Var(&s.options.Confidence, "confidence", 0.95, "confidence of the intervals")
	fs.BoolVar(&s.json, "json", false, "print the result as one JSON object")
	err := cli.Parse(fs, args, stdout, cli.Help(fs, eloHelp, ""))
	if err != nil {
		return nil, err
	}
	if err := s.checkSources(fs); err != nil {
		return nil, err
	}
	s.files = append(s.files, fs.Args()...)
	if err := cli.OneOf("draws-model", t.draws, string(joint.Davidson), string(joint.Points)); err != nil {
		return nil, err
	}
	s.options.Joint.Model = joint.Model(t.draws)
	if err := s.checkOptions(); err != nil {
		return nil, err
	}
	if err := s.readCounts(fs, t.ptnml); err != nil {
		return nil, err
	}
	if t.test != "" {
		test, err := sprt.Parse(t.test)
		if err != nil {
			return nil, cli.WithHint(cli.Usagef("--sprt: %w", err), "--sprt elo0=0,elo1=5")
		}
		s.options.Test = &test
	}
	if t.opponent != "" {
		a, err := parseRating(t.opponent)
		if err != nil {
			return nil, cli.WithHint(cli.Usagef("--opponent-elo: %w", err), "--opponent-elo 1500, or 1500+-30 with its standard error")
		}
		a.Name = "the opponent"
		s.options.Opponent = &a
	}
	if err := s.holdAll(t.anchors); err != nil {
		return nil, err
	}
	return s, nil
}

// eloTexts are flags of arena elo that are read after all others.
type eloTexts struct {
	ptnml                 []int
	opponent, test, draws string
	anchors               []string
}

// givenOf returns the first of some flags that was given, as "--name", and "" when none was.
func givenOf(fs *pflag.FlagSet, names ...string) string {
	for _, n := range names {
		if fs.Changed(n) {
			return "--" + n
		}
	}
	return ""
}

// countFlags say how many games were won, drawn and lost; gamesFlags those that need games.
var (
	countFlags = []string{"wins", "draws", "losses"}
	gamesFlags = []string{"anchor", "anchors", "average", "min-games", "draws-model", "no-advantage", "bootstrap"}
)

// checkSources checks that the results come from one place, and that the other flags go with it.
func (s *eloSettings) checkSources(fs *pflag.FlagSet) error {
	inPGN, inDB := fs.Changed("pgn"), fs.Changed("db")
	sources := 0
	for _, given := range []bool{givenOf(fs, countFlags...) != "", fs.Changed("ptnml"), inPGN, inDB} {
		if given {
			sources++
		}
	}
	switch {
	case fs.NArg() > 0 && !inPGN:
		hint := "arena elo --help shows examples"
		if strings.Contains(fs.Arg(0), ".pgn") {
			hint = "arena elo --pgn " + strings.Join(fs.Args(), " ")
		}
		return cli.WithHint(cli.Usagef("unexpected argument %q", fs.Arg(0)), hint)
	case sources == 0:
		return cli.WithHint(cli.Usagef("no results: give counts, --pgn or --db"), "arena elo --wins 12 --draws 3 --losses 5")
	case sources > 1:
		return cli.Usagef("--wins/--draws/--losses, --ptnml, --pgn and --db exclude each other: each is all the results")
	case s.options.Confidence > 1 && s.options.Confidence < 100:
		return cli.WithHint(cli.Usagef("--confidence %v: must be between 0.5 and 1", s.options.Confidence), fmt.Sprintf("--confidence %v", s.options.Confidence/100))
	case !(s.options.Confidence > 0.5 && s.options.Confidence < 1):
		return cli.Usagef("--confidence %v: must be between 0.5 and 1", s.options.Confidence)
	case (inPGN || inDB) && fs.Changed("opponent-elo"):
		return cli.WithHint(cli.Usagef("--opponent-elo goes with counts"), "--anchor NAME=ELO holds a player's rating")
	case !inPGN && !inDB && givenOf(fs, gamesFlags...) != "":
		return cli.WithHint(cli.Usagef("%s needs games: --pgn or --db", givenOf(fs, gamesFlags...)),
			"--opponent-elo is the opponent's rating for counts")
	case !inDB && s.anchorSet != "":
		return cli.WithHint(cli.Usagef("--anchors goes with --db, which knows the engines' levels"), "--anchor NAME=ELO names a player of the PGN file")
	}
	return nil
}

// readCounts reads the results that were given as numbers.
func (s *eloSettings) readCounts(fs *pflag.FlagSet, ptnml []int) error {
	if flag := givenOf(fs, countFlags...); flag != "" {
		return checkCounts(flag, s.record.Wins, s.record.Draws, s.record.Losses)
	}
	if !fs.Changed("ptnml") {
		return nil
	}
	if len(ptnml) != 5 {
		return cli.WithHint(cli.Usagef("--ptnml has %d numbers: a pair of games brings 0, 1/2, 1, 3/2 or 2 points, which makes 5", len(ptnml)),
			"--ptnml 34,54,63,64,75")
	}
	s.pairs = (*elo.Pairs)(ptnml)
	return checkCounts("--ptnml", ptnml...)
}

// checkOptions checks the numbers that fits of games take.
func (s *eloSettings) checkOptions() error {
	if b := s.options.Joint.Bootstrap; b < 0 || b == 1 || b > 1_000_000 {
		return cli.WithHint(cli.Usagef("--bootstrap %d: must be 2 to 1000000", b), "--bootstrap 1000")
	}
	if s.options.MinGames < 1 {
		return cli.Usagef("--min-games %d: must be at least 1", s.options.MinGames)
	}
	if !(math.Abs(s.options.Joint.Center) <= elo.MaxRating) {
		return cli.Usagef("--average %v: must be within ±%d", s.options.Joint.Center, elo.MaxRating)
	}
	return nil
}

// holdAll reads the anchors, NAME=ELO.
func (s *eloSettings) holdAll(anchors []string) error {
	for _, text := range anchors {
		i := strings.LastIndex(text, "=")
		if i < 1 {
			return cli.WithHint(cli.Usagef("--anchor %q names no player and rating", text), `--anchor "Stash 15=2140"`)
		}
		a, err := parseRating(text[i+1:])
		if err != nil {
			return cli.WithHint(cli.Usagef("--anchor %q: %w", text, err), `--anchor "Stash 15=2140", or "Stash 15=2140+-20" with its standard error`)
		}
		a.Name = text[:i]
		if slices.ContainsFunc(s.anchors, func(b elo.Anchor) bool { return b.Name == a.Name }) {
			return cli.Usagef("--anchor names %q twice", a.Name)
		}
		s.anchors = append(s.anchors, a)
	}
	return nil
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

// rateDatabase rates the players of a leaderboard, each set of conditions by itself, and
// says what the temperatures of its models show.
func (s *eloSettings) rateDatabase(ctx context.Context, stdout io.Writer) error {
	anchored, err := players.Anchors(s.anchorSet)
	if err != nil {
		return err
	}
	store, err := leaderboard.OpenReadOnly(s.db)
	if err != nil {
		return err
	}
	defer store.Close()
	lists, err := results.FromStore(ctx, store, anchored)
	if err != nil {
		return err
	}
	if err := results.Hold(lists, s.anchors); err != nil {
		return err
	}
	var report struct {
		Fits   []*results.Report `json:"fits"`
		Sweeps []curves.Sweep    `json:"sweeps"`
	}
	err = fmt.Errorf("%s: %w", s.db, results.ErrNoGames)
	for _, l := range lists {
		r, rateErr := l.Rate(s.options)
		if errors.Is(rateErr, results.ErrNoGames) {
			err = rateErr
			continue
		} else if rateErr != nil {
			return rateErr
		}
		report.Fits = append(report.Fits, r)
	}
	if len(report.Fits) == 0 {
		return err
	}
	board, err := store.Leaderboard(ctx, leaderboard.BoardOptions{Anchors: anchored, Orders: -1})
	if err != nil {
		return err
	}
	if report.Sweeps, err = curves.From(board, 0); err != nil {
		return err
	}
	if s.json {
		return cli.PrintJSON(stdout, report)
	}
	for i, r := range report.Fits {
		if i > 0 {
			fmt.Fprintln(stdout)
		}
		if err := r.WriteText(stdout); err != nil {
			return err
		}
	}
	if len(report.Fits) > 1 {
		fmt.Fprintf(stdout, "\ngames under %d different conditions are rated apart: the zero of each table is its own\n", len(report.Fits))
	}
	return curves.WriteVerdicts(stdout, report.Sweeps)
}

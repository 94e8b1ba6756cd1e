package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"transcend/data"
	"transcend/data/lichess"
	"transcend/internal/cli"
)

// origin says which games a corpus is made of: where they are read from and which
// of them are kept. It is part of run.json, where the filter's settings are
// beside the others.
type origin struct {
	PGN        []string `json:"pgn,omitempty"`
	Lichess    []string `json:"lichess,omitempty"` // months and ranges of months, as given
	LichessURL string   `json:"lichess_url,omitempty"`
	// KeepMonths is the directory that months are kept in, "" for none.
	KeepMonths string `json:"keep_months,omitempty"`
	// League is where the games come from when they are played for this.
	League          *leagueSource `json:"league,omitempty"`
	Games           int           `json:"games,omitempty"`
	AcceptTruncated bool          `json:"accept_truncated,omitempty"`
	// Filter is without DropDuplicates, see filter.
	data.Filter
	KeepDuplicates bool `json:"keep_duplicates,omitempty"`

	months  []lichess.Month // of Lichess, after check
	threads int             // that play games of the league; 0: all cores
}

// originFlags are the names of the flags that addFlags adds.
var originFlags = []string{
	"pgn", "lichess", "lichess-url", "keep", "pool", "league-games", "league-seed", "max-gap", "games", "accept-truncated",
	"max-elo", "min-elo", "rating-band", "speed", "rated", "no-bots", "termination", "result",
	"since", "until", "player", "min-plies", "keep-duplicates",
}

// addFlags adds the flags for sources and filter, which are the same in all
// commands that read games.
func (o *origin) addFlags(fs *pflag.FlagSet) {
	fs.StringArrayVar(&o.PGN, "pgn", nil, "games to read: a file, a 'glob' or - for standard input; plain, .zst, .gz or .bz2; may be repeated")
	fs.StringSliceVar(&o.Lichess, "lichess", nil, "months of the Lichess database, read from the net: 2023-01 or 2023-01..2023-10; may be repeated")
	fs.StringVar(&o.LichessURL, "lichess-url", "", "address of the database or a mirror (default "+lichess.DefaultBaseURL+")")
	fs.StringVar(&o.KeepMonths, "keep", "", "keep the months on disk in this directory; read from there next time, taken up where they were cut off")
	o.League = &leagueSource{}
	fs.StringVar(&o.League.Pool, "pool", "", "play the games: between the simulated players of this pool of \"chesstrain league --list\", or of a file (default "+defaultPool+")")
	fs.IntVar(&o.League.Games, "league-games", 0, fmt.Sprintf("games to play (default %s)", cli.Count(defaultLeagueGames)))
	fs.Uint64Var(&o.League.Seed, "league-seed", 1, "seed of the games that are played")
	fs.IntVar(&o.League.MaxGap, "max-gap", defaultMaxGap, "greatest difference of the ratings in a game that is played; 0: any")
	fs.IntVar(&o.Games, "games", 0, "stop when this many games are kept; 0 reads all")
	fs.BoolVar(&o.AcceptTruncated, "accept-truncated", false, "when the last source is cut off, use the games before the cut")

	fs.IntVar(&o.MaxElo, "max-elo", 0, "keep games in which BOTH players are rated at most this; 0 keeps all")
	fs.IntVar(&o.MinElo, "min-elo", 0, "keep games in which both players are rated at least this")
	fs.Var((*bandValue)(&o.RatingBand), "rating-band", "keep games in which both players are rated inside this, as 800-1000")
	fs.Var((*speedsValue)(&o.Speeds), "speed", "keep these, as Lichess counts: ultrabullet, bullet, blitz, rapid, classical, correspondence; with commas")
	fs.BoolVar(&o.RatedOnly, "rated", false, "keep games that are said to be rated")
	fs.BoolVar(&o.NoBots, "no-bots", false, "drop games of programs")
	fs.StringSliceVar(&o.Terminations, "termination", nil, "keep games that ended like this, as normal,time-forfeit")
	fs.StringSliceVar(&o.Results, "result", nil, "keep these results: 1-0, 0-1, 1/2-1/2; with commas")
	fs.StringVar(&o.Since, "since", "", "keep games from this day, month or year on: 2018.06.12, 2018.06, 2018")
	fs.StringVar(&o.Until, "until", "", "keep games up to the end of this day, month or year")
	fs.StringVar(&o.Player, "player", "", "keep the games of this player, in any case")
	fs.IntVar(&o.MinPlies, "min-plies", 2, "keep games of at least this many half-moves")
	fs.BoolVar(&o.KeepDuplicates, "keep-duplicates", false, "keep games whose moves, ratings and result occurred before (finding them takes some 20 bytes a kept game)")
}

// addArgs takes the words behind the flags: a shell expands an unquoted glob into
// several of them.
func (o *origin) addArgs(args []string) error {
	if len(o.PGN) > 0 {
		o.PGN = append(o.PGN, args...)
	} else if len(args) > 0 {
		return cli.WithHint(cli.Usagef("unexpected argument %q", args[0]), "games are given as --pgn "+args[0])
	}
	return nil
}

// settle decides between games that are read and games that are played, by the flags that were given.
func (o *origin) settle(fs *pflag.FlagSet) error {
	played := given(fs, leagueFlags...)
	read := given(fs, "pgn", "lichess")
	switch {
	case len(played) > 0 && len(read) > 0:
		return cli.WithHint(cli.Usagef("%s plays games, and %s reads some", strings.Join(played, ", "), strings.Join(read, ", ")),
			"give one kind of source; games of the league as a file: "+program+" league --games 20000 --out games.pgn.zst")
	case len(played) == 0:
		o.League = nil
	}
	return nil
}

// empty says that no source was given.
func (o *origin) empty() bool { return len(o.PGN) == 0 && len(o.Lichess) == 0 && o.League == nil }

// noSource is the error for no source at all.
func noSource(command string) error {
	return cli.WithHint(cli.Usagef("no games to read: --pgn and --lichess are missing, and no --pool is to play"),
		fmt.Sprintf("games between simulated players: %s --max-elo 1000 --pool %s --league-games 20000", command, defaultPool),
		fmt.Sprintf("real games, from https://database.lichess.org: %s --max-elo 1000 --lichess 2013-01", command))
}

// check looks at everything that can be known to be wrong before games are read.
func (o *origin) check() error {
	switch {
	case o.MaxElo < 0 || o.MinElo < 0 || o.MinPlies < 0:
		return cli.Usagef("--max-elo, --min-elo and --min-plies must not be negative")
	case o.MaxElo > data.MaxElo:
		return cli.Usagef("--max-elo %d: ratings end at %d", o.MaxElo, data.MaxElo)
	case o.Games < 0:
		return cli.Usagef("--games %d: must not be negative", o.Games)
	case len(o.Lichess) == 0 && o.LichessURL != "":
		return cli.WithHint(cli.Usagef("--lichess-url without --lichess"), "say which months: --lichess 2023-01")
	case len(o.Lichess) == 0 && o.KeepMonths != "":
		return cli.WithHint(cli.Usagef("--keep %s is for months of --lichess", o.KeepMonths),
			"files of --pgn are on disk already; for the number of checkpoints there is --keep-checkpoints")
	}
	if o.League != nil {
		if err := o.League.check(); err != nil {
			return err
		}
	}
	filter := o.filter()
	if err := filter.Validate(); err != nil {
		return cli.Usagef("%s", strings.TrimPrefix(err.Error(), "data: filter: "))
	}
	o.months = nil
	for _, s := range o.Lichess {
		months, err := lichess.ParseMonths(s, time.Now())
		if err != nil {
			return cli.Usagef("--lichess %s: %s", s, strings.TrimPrefix(err.Error(), fmt.Sprintf("lichess: months %q: ", s)))
		}
		o.months = append(o.months, months...)
	}
	if o.LichessURL != "" {
		if err := lichess.CheckBaseURL(o.LichessURL); err != nil {
			return cli.Usagef("--lichess-url: %w", err)
		}
	}
	if o.KeepMonths != "" {
		if info, err := os.Stat(o.KeepMonths); err == nil && !info.IsDir() {
			return cli.Usagef("--keep %s: is not a directory", o.KeepMonths)
		}
	}
	return checkInputs(o.PGN)
}

// filter is the filter in force.
func (o *origin) filter() data.Filter {
	f := o.Filter
	f.DropDuplicates = !o.KeepDuplicates
	return f
}

// bandValue is --rating-band.
type bandValue data.Band

func (v *bandValue) String() string {
	if *v == (bandValue{}) {
		return ""
	}
	return data.Band(*v).String()
}

func (v *bandValue) Type() string { return "band" }

func (v *bandValue) Set(s string) error {
	b, err := data.ParseBand(s)
	*v = bandValue(b)
	return trimPackage(err)
}

// speedsValue is --speed.
type speedsValue []data.Speed

func (v *speedsValue) String() string {
	var names []string
	for _, s := range *v {
		names = append(names, string(s))
	}
	return strings.Join(names, ",")
}

func (v *speedsValue) Type() string { return "strings" }

func (v *speedsValue) Set(s string) error {
	for name := range strings.SplitSeq(s, ",") {
		speed, err := data.ParseSpeed(name)
		if err != nil {
			return trimPackage(err)
		}
		*v = append(*v, speed)
	}
	return nil
}

// trimPackage takes the name of the package off an error about a flag.
func trimPackage(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "data: "))
}

// checkInputs reports inputs that cannot be read before anything is started.
func checkInputs(paths []string) error {
	for _, path := range paths {
		if path == "-" {
			continue
		}
		matches, err := filepath.Glob(path)
		if err != nil {
			return cli.Usagef("--pgn %s: %w", path, err)
		}
		if len(matches) == 0 {
			if strings.ContainsAny(path, "*?[") {
				return cli.Usagef("--pgn %s: no file matches", path)
			}
			return cli.Usagef("--pgn %s: no such file", path)
		}
		for _, m := range matches {
			info, err := os.Stat(m)
			if err != nil {
				return cli.Usagef("--pgn %s: %w", path, err)
			}
			if info.IsDir() {
				return cli.WithHint(cli.Usagef("--pgn %s is a directory", m), fmt.Sprintf("give its files: --pgn '%s'", filepath.Join(m, "*.pgn*")))
			}
			f, err := os.Open(m)
			if err != nil {
				return cli.Usagef("--pgn %s: %w", path, err)
			}
			f.Close()
		}
	}
	return nil
}

// given returns the flags among the names that were given, with their dashes.
func given(fs *pflag.FlagSet, names ...string) []string {
	var out []string
	fs.Visit(func(f *pflag.Flag) {
		if slices.Contains(names, f.Name) {
			out = append(out, "--"+f.Name)
		}
	})
	return out
}

// provenance says where the games came from.
func (o *origin) provenance(found gathered) data.Provenance {
	return data.Provenance{
		Program: cli.Version(), Filter: o.filter(), Limit: o.Games, Report: found.report, Sources: found.sources,
	}
}

// playedOn is the scale of the ratings of games that were all played for this, on one scale, "" of others.
func playedOn(sources []data.Source) string {
	if len(sources) == 0 || slices.ContainsFunc(sources, func(s data.Source) bool { return s.Scale != sources[0].Scale }) {
		return ""
	}
	return sources[0].Scale
}

// table returns what was read and dropped, for people.
func (g gathered) table(verbose bool) string {
	table := g.report.String()
	if verbose {
		table = g.report.Verbose()
	}
	return strings.TrimRight(table, "\n")
}

// none returns the error for no game at all: what took them, and what to relax.
func (g gathered) none(o *origin) error {
	if g.report.Kept > 0 {
		return nil
	}
	if g.report.Seen == 0 {
		return cli.WithHint(errors.New("no game is left: there is none in the sources"), "are they PGN? --pgn reads text, .zst, .gz and .bz2")
	}
	var why []string
	var most data.RuleCount
	for _, d := range g.report.Dropped {
		if d.Count > 0 {
			why = append(why, fmt.Sprintf("%s dropped by %s", cli.Count(d.Count), d.Rule))
		}
		if d.Count > most.Count {
			most = d
		}
	}
	if g.report.Errors > 0 {
		why = append(why, cli.Count(g.report.Errors)+" broken")
	}
	err := fmt.Errorf("no game is left of %s (%s)", cli.Count(g.report.Seen), strings.Join(why, ", "))
	if g.report.Errors > most.Count {
		return cli.WithHint(err, "most games are broken: --verbose shows why")
	}
	return cli.WithHint(err, o.relax(most), "--verbose shows examples")
}

// relax says what to do about a rule that dropped most games.
func (o *origin) relax(most data.RuleCount) string {
	flags := map[string]string{
		data.RuleMaxElo:      fmt.Sprintf("raise --max-elo %d", o.MaxElo),
		data.RuleMinElo:      fmt.Sprintf("lower --min-elo %d", o.MinElo),
		data.RuleRatingBand:  fmt.Sprintf("widen --rating-band %v", o.RatingBand),
		data.RuleNoRating:    "most games have no ratings: leave out --max-elo, --min-elo and --rating-band, or give other games",
		data.RuleSpeed:       fmt.Sprintf("give more than --speed %v", (*speedsValue)(&o.Speeds)),
		data.RuleCasual:      "leave out --rated: few games are said to be rated",
		data.RuleBot:         "leave out --no-bots: simulated players are programs",
		data.RuleTermination: "give other values of --termination than " + strings.Join(o.Terminations, ","),
		data.RuleDate:        "widen --since and --until",
		data.RulePlayer:      fmt.Sprintf("is --player %s spelled as in the games?", o.Player),
		data.RuleOtherResult: "give other values of --result than " + strings.Join(o.Results, ","),
		data.RuleMinPlies:    fmt.Sprintf("lower --min-plies %d", o.MinPlies),
		data.RuleDuplicate:   "add --keep-duplicates",
	}
	if hint, ok := flags[most.Rule]; ok {
		return hint
	}
	return fmt.Sprintf("give other games: these are dropped because: %s", most.Meaning)
}

// notCorpus is the error for a file that was to be a corpus.
func notCorpus(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return cli.WithHint(cli.Usagef("%s: no such file", path), fmt.Sprintf("a corpus file is made by %s prepare --pgn FILE --out %s", program, path))
	case strings.Contains(filepath.Base(path), ".pgn"):
		return cli.WithHint(err, "games that are no corpus file are given as --pgn "+path)
	}
	return err
}

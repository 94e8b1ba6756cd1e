// Package source is where the games of a corpus come from and which of them are kept: one group of flags, the same
// in every command that reads games, and the reading itself, with its progress, its report and its errors.
//
// A command adds the flags of an Origin, settles and checks what was given, and gathers the games. A kind of
// source (files, months of Lichess, games that the league plays) is a file with a type that has the
// methods of kind; the package knows no command.
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"transcend/data"
	"transcend/data/filter"
	"transcend/internal/cli"
)

// kind is a kind of source of games. A new one is a type with these methods, embedded in Origin, and a
// line in kinds: the flags of all commands that read games, their messages and run.json follow.
type kind interface {
	// addFlags adds its flags.
	addFlags(fs *pflag.FlagSet)
	// asks are the names of the flags that ask for games of this kind, the one that messages name first.
	asks() []string
	// plays says that the games are played by simulated players, for this and whenever they are read.
	plays() bool
	// example is what to give to a user who gave nothing, "" for none.
	example() (what, flags string)
	// settle learns whether one of the flags that ask was given.
	settle(asked bool)
	// given says that there are games of this kind to read.
	given() bool
	// check reports everything that can be known to be wrong before games are read, flags that are of
	// no use without the kind among them.
	check() error
	// open makes the sources, in the order in which they are read.
	open(ctx context.Context, stdin io.Reader, p *progress) ([]*source, error)
	// goesOn says what is of use of sources that were not read to their end.
	goesOn() []string
}

// kinds are all there are, in the order in which they are read.
func (o *Origin) kinds() []kind { return []kind{&o.pgnFiles, &o.lichessMonths, &o.leagueGames} }

// Origin says which games a corpus is made of: where they are read from and which
// of them are kept. It is part of run.json, where the filter's settings are
// beside the others.
type Origin struct {
	pgnFiles
	lichessMonths
	leagueGames
	Games           int  `json:"games,omitempty"`
	AcceptTruncated bool `json:"accept_truncated,omitempty"`
	// Filter is without DropDuplicates, see filter.
	filter.Filter
	KeepDuplicates bool `json:"keep_duplicates,omitempty"`
}

// Given returns the flags of an Origin that were given, with their dashes.
func Given(flags *pflag.FlagSet) []string {
	all := cli.FlagSet("")
	new(Origin).AddFlags(all)
	var names []string
	all.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return given(flags, names...)
}

// AddFlags adds the flags for sources and filter, which are the same in all
// commands that read games.
func (o *Origin) AddFlags(fs *pflag.FlagSet) {
	for _, k := range o.kinds() {
		k.addFlags(fs)
	}
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

// asks returns the flags of kinds that ask for games: of those that play them, or of those that read.
func (o *Origin) asks(played bool) []string {
	var names []string
	for _, k := range o.kinds() {
		if k.plays() == played {
			names = append(names, k.asks()...)
		}
	}
	return names
}

// Settle decides between games that are read and games that are played, by the flags that were given.
func (o *Origin) Settle(fs *pflag.FlagSet) error {
	played, read := given(fs, o.asks(true)...), given(fs, o.asks(false)...)
	if len(played) > 0 && len(read) > 0 {
		return cli.WithHint(cli.Usagef("%s plays games, and %s reads some", strings.Join(played, ", "), strings.Join(read, ", ")),
			"give one kind of source; games of the league as a file: "+"chesstrain league --games 20000 --out games.pgn.zst")
	}
	for _, k := range o.kinds() {
		k.settle(len(given(fs, k.asks()...)) > 0)
	}
	return nil
}

// Empty says that no source was given.
func (o *Origin) Empty() bool {
	return !slices.ContainsFunc(o.kinds(), kind.given)
}

// Flags names the flags that ask for games, as "--pgn, --lichess or --pool".
func Flags() string {
	var names []string
	for _, k := range new(Origin).kinds() {
		names = append(names, "--"+k.asks()[0])
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// Missing is the error for no source at all; command is what hints begin with.
func Missing(command string) error {
	var read, played, hints []string
	for _, k := range slices.Backward(new(Origin).kinds()) {
		name := "--" + k.asks()[0]
		if k.plays() {
			played = append([]string{name}, played...)
		} else {
			read = append([]string{name}, read...)
		}
		if what, flags := k.example(); what != "" {
			hints = append(hints, fmt.Sprintf("%s: %s --max-elo 1000 %s", what, command, flags))
		}
	}
	return cli.WithHint(cli.Usagef("no games to read: %s are missing, and no %s is to play", strings.Join(read, " and "), strings.Join(played, " or ")), hints...)
}

// Check looks at everything that can be known to be wrong before games are read.
func (o *Origin) Check() error {
	switch {
	case o.MaxElo < 0 || o.MinElo < 0 || o.MinPlies < 0:
		return cli.Usagef("--max-elo, --min-elo and --min-plies must not be negative")
	case o.MaxElo > data.MaxElo:
		return cli.Usagef("--max-elo %d: ratings end at %d", o.MaxElo, data.MaxElo)
	case o.Games < 0:
		return cli.Usagef("--games %d: must not be negative", o.Games)
	}
	filter := o.filter()
	if err := filter.Validate(); err != nil {
		return cli.Usagef("%w", trimPackage(err))
	}
	for _, k := range o.kinds() {
		if err := k.check(); err != nil {
			return err
		}
	}
	return nil
}

// open makes the sources, in the order in which they are read.
func (o *Origin) open(ctx context.Context, stdin io.Reader, p *progress) ([]*source, error) {
	var sources []*source
	for _, k := range o.kinds() {
		if !k.given() {
			continue
		}
		opened, err := k.open(ctx, stdin, p)
		if err != nil {
			return nil, err
		}
		sources = append(sources, opened...)
	}
	return sources, nil
}

// GoesOn says what is of use of sources that were not read to their end.
func (o *Origin) GoesOn() []string {
	var hints []string
	for _, k := range o.kinds() {
		hints = append(hints, k.goesOn()...)
	}
	return hints
}

// filter is the filter in force.
func (o *Origin) filter() filter.Filter {
	f := o.Filter
	f.DropDuplicates = !o.KeepDuplicates
	return f
}

// bandValue is --rating-band.
type bandValue filter.Band

func (v *bandValue) String() string {
	if *v == (bandValue{}) {
		return ""
	}
	return filter.Band(*v).String()
}

func (v *bandValue) Type() string { return "band" }

func (v *bandValue) Set(s string) error {
	b, err := filter.ParseBand(s)
	*v = bandValue(b)
	return trimPackage(err)
}

// speedsValue is --speed.
type speedsValue []filter.Speed

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
		speed, err := filter.ParseSpeed(name)
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
	return fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "filter: "))
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

// CorpusError is the error for a file that was to be a corpus.
func CorpusError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return cli.WithHint(cli.Usagef("%s: no such file", path), fmt.Sprintf("a corpus file is made by chesstrain prepare --pgn FILE --out %s", path))
	case strings.Contains(filepath.Base(path), ".pgn"):
		return cli.WithHint(err, "games that are no corpus file are given as --pgn "+path)
	}
	return err
}

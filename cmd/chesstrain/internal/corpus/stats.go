package corpus

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/term"

	"transcend/cmd/chesstrain/internal/source"
	"transcend/data"
	"transcend/data/stats"
	"transcend/internal/cli"
)

const statsHelp = `Describe games: ratings, speeds, lengths, results, openings, dates, players.

usage: chesstrain stats FILE.parquet [flags]
       chesstrain stats --pgn FILE... | --lichess MONTHS | --pool NAME [flags]

examples:
  chesstrain stats games.parquet
  chesstrain stats runs/max1000-move-tiny/corpus.parquet --plot games.svg
  chesstrain stats --pool ladder --league-games 2000 --max-elo 1500 --json
  chesstrain stats --lichess 2023-01 --speed blitz --games 100000 --plot blitz.png

flags:
`

const statsTail = `
A corpus file is described whole: flags that choose games are for --pgn and --lichess,
whose games are described as they are read; memory grows only by the search for
duplicates, some 20 bytes a game, none with --keep-duplicates. What the filter dropped
goes to standard error.
`

// plotFormats are the endings that --plot knows.
var plotFormats = []string{".svg", ".png", ".pdf"}

// statsOptions are the flags of stats.
type statsOptions struct {
	from                 source.Origin
	corpus               string
	plots                []string
	quiet, verbose, json bool
}

// parseStats reads the command line.
func parseStats(args []string, stdout io.Writer) (*statsOptions, error) {
	var o statsOptions
	flags := cli.FlagSet("chesstrain stats")
	flags.StringVar(&o.corpus, "corpus", "", "the corpus file to describe; the same as naming it without a flag")
	o.from.AddFlags(flags)
	flags.StringArrayVar(&o.plots, "plot", nil, "draw a picture into this file: .svg, .png or .pdf; may be repeated")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "print only the result and errors")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "show examples of what the filter dropped")
	flags.BoolVar(&o.json, "json", false, "print the description as one JSON object")
	if err := cli.Parse(flags, args, stdout, cli.Help(flags, statsHelp, statsTail)); err != nil {
		return nil, err
	}
	if err := o.from.Settle(flags); err != nil {
		return nil, err
	}
	rest := flags.Args()
	if o.from.Empty() && o.corpus == "" && len(rest) > 0 {
		o.corpus, rest = rest[0], rest[1:]
	}
	if err := o.from.AddArgs(rest); err != nil {
		return nil, err
	}
	switch given := source.Given(flags); {
	case o.corpus != "" && len(given) > 0:
		return nil, cli.WithHint(cli.Usagef("a corpus file is described whole: %s cannot be used with %s", strings.Join(given, ", "), o.corpus),
			"choose games when the corpus is made: chesstrain prepare --help")
	case o.corpus == "" && o.from.Empty():
		return nil, cli.WithHint(cli.Usagef("no games to describe: name a corpus file, or give %s", source.Flags()),
			fmt.Sprintf("games between simulated players: chesstrain stats --pool %s --league-games 1000", source.DefaultPool))
	}
	for _, path := range o.plots {
		if !slices.Contains(plotFormats, strings.ToLower(filepath.Ext(path))) {
			return nil, cli.Usagef("--plot %s: the name must end in one of %s", path, strings.Join(plotFormats, ", "))
		}
		if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
			return nil, cli.WithHint(cli.Usagef("--plot %s: there is no directory %s", path, filepath.Dir(path)), "make it: mkdir -p "+filepath.Dir(path))
		}
	}
	return &o, nil
}

// Stats is the subcommand that describes games.
func Stats(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, args []string) error {
	o, err := parseStats(args, stdout)
	if err != nil {
		return err
	}
	a := stats.New()
	if o.corpus != "" {
		err = describeCorpus(ctx, o.corpus, a)
	} else {
		err = o.describeGames(ctx, stdin, stderr, a)
	}
	if err != nil {
		return err
	}
	d := a.Description()
	for _, path := range o.plots {
		if err := d.Plot(path); err != nil {
			return err
		}
	}
	if o.json {
		return cli.PrintJSON(stdout, d)
	}
	return d.WriteText(stdout, textWidth(stdout))
}

// describeGames adds the games of the sources, which are not kept.
func (o *statsOptions) describeGames(ctx context.Context, stdin io.Reader, stderr io.Writer, a *stats.Accumulator) error {
	progress := stderr
	if o.quiet {
		progress = io.Discard
	}
	if err := o.from.Check(); err != nil {
		return err
	}
	found, err := o.from.Gather(ctx, stdin, progress, func(g *data.Game) error {
		a.Add(g)
		return nil
	})
	if err != nil {
		return err
	}
	if found.Warning != nil {
		fmt.Fprintf(stderr, "warning: %v\n", found.Warning)
	}
	fmt.Fprintf(progress, "%s\n", found.Table(o.verbose))
	return found.None()
}

// describeCorpus adds the games of a corpus file. That they are those that were
// written is checked, not that they are legal, which takes as long again.
func describeCorpus(ctx context.Context, path string, a *stats.Accumulator) error {
	corpus, err := data.LoadParquet(ctx, path, data.ParquetOptions{Trust: true})
	if err != nil {
		return source.CorpusError(path, err)
	}
	for i, g := range corpus.All() {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		a.Add(&g)
	}
	return nil
}

// textWidth is the number of columns to write for.
func textWidth(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

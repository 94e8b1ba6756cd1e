// Package corpus is the commands that make and describe games to train on: chesstrain prepare, stats and league.
// A file gets its name when it is complete, and nobody else can be making it.
package corpus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"transcend/cmd/chesstrain/internal/source"
	"transcend/data"
	"transcend/data/filter"
	"transcend/internal/atomicfile"
	"transcend/internal/cli"
)

const prepareHelp = `Make a corpus file: read games once, keep those that fit, train on them many times.

usage: chesstrain prepare --pgn FILE... | --lichess MONTHS | --pool NAME --out FILE.parquet [flags]

examples:
  chesstrain prepare --pool ladder --league-games 20000 --max-elo 1500 --out games.parquet
  chesstrain prepare --lichess 2023-01 --max-elo 1000 --games 500000 --out games.parquet
  chesstrain prepare --lichess 2023-01..2023-10 --max-elo 1000 --keep months --out games.parquet
  chesstrain prepare --pgn 'lichess/*.pgn.zst' --rating-band 800-1000 --speed blitz,rapid --rated --no-bots --out band.parquet
  zstdcat games.pgn.zst | chesstrain prepare --pgn - --player DrNykterstein --since 2020 --san --json --out one.parquet
  chesstrain --corpus games.parquet       train on it

flags:
`

const prepareTail = `
The months of --lichess are read from the net while they are needed and not kept on
disk, unless --keep names a directory. A lost connection is taken up again where it
was lost; a month that was read to its end is compared with the checksum that the
server lists. With --games the reading ends, and the connection is closed, as soon as
there are enough.

The file is Parquet, one row a game, and holds where the games came from and what the
filter dropped. It gets its name when it is complete: a failed, interrupted or killed
prepare leaves the old file, or none. A source that is cut off or damaged is an error,
too, unless --accept-truncated is given and the source is the last one and only cut off.

Memory does not grow with the number of games, but for the search for duplicates:
some 20 bytes a kept game, none with --keep-duplicates.
`

// prepareOptions are the flags of prepare beside those for sources and filter.
type prepareOptions struct {
	output
	san, json, verbose, quietly bool
}

// prepared is what prepare prints with --json beside the filter's report.
type prepared struct {
	Out     string        `json:"out"`
	Bytes   int64         `json:"bytes"`
	Games   int           `json:"games"`
	Plies   int           `json:"plies"`
	Sources []data.Source `json:"sources"`
}

// Prepare is the subcommand that makes a corpus file.
func Prepare(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, args []string) error {
	var from source.Origin
	var o prepareOptions
	flags := cli.FlagSet("chesstrain prepare")
	from.AddFlags(flags)
	flags.StringVarP(&o.path, "out", "o", "", "the corpus file to make, games.parquet for instance")
	flags.BoolVar(&o.force, "force", false, "replace --out if it exists")
	flags.BoolVar(&o.san, "san", false, "add a column with the moves as text (SAN), for other programs; the file grows by more than half")
	flags.BoolVarP(&o.quietly, "quiet", "q", false, "print only the result and errors")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "show examples of what the filter dropped")
	flags.BoolVar(&o.json, "json", false, "print the filter's report as one JSON object: seen, kept, errors, dropped by rule")
	if err := cli.Parse(flags, args, stdout, cli.Help(flags, prepareHelp, prepareTail)); err != nil {
		return err
	}
	if err := from.AddArgs(flags.Args()); err != nil {
		return err
	}
	if err := from.Settle(flags); err != nil {
		return err
	}
	if from.Empty() {
		return source.Missing("chesstrain prepare --out games.parquet")
	}
	if err := o.check(); err != nil {
		return err
	}
	if err := from.Check(); err != nil {
		return err
	}
	progress := stderr
	if o.quietly {
		progress = io.Discard
	}

	unlock, err := o.lock()
	if err != nil {
		return err
	}
	defer unlock()
	found, result, err := o.write(ctx, &from, stdin, progress)
	if err != nil {
		return o.explain(ctx, &from, err)
	}
	if found.Warning != nil {
		fmt.Fprintf(stderr, "warning: %v\n", found.Warning)
	}
	if o.json {
		return writePrepared(stdout, result, found.Report)
	}
	_, err = fmt.Fprintf(stdout, "%s\n%s: %s games, %s moves, %s\n", found.Table(o.verbose),
		o.path, cli.Count(result.Games), cli.Count(result.Plies), cli.Bytes(result.Bytes))
	return err
}

// errNoGame ends the writing of a file that would be empty.
var errNoGame = errors.New("no game")

// write reads the games into the file.
func (o *prepareOptions) write(ctx context.Context, from *source.Origin, stdin io.Reader, stderr io.Writer) (source.Found, prepared, error) {
	var found source.Found
	var reading error
	result := prepared{Out: o.path}
	err := atomicfile.WriteFile(o.path, 0o644, func(w io.Writer) error {
		counted := &counter{w: w}
		pw := data.NewParquetWriter(counted, data.WriteOptions{SAN: o.san})
		found, reading = from.Gather(ctx, stdin, stderr, func(g *data.Game) error {
			result.Plies += len(g.Moves)
			return pw.Write(g)
		})
		if reading != nil {
			return reading
		}
		if found.Report.Kept == 0 {
			return errNoGame
		}
		if err := pw.Close(found.Provenance()); err != nil {
			return err
		}
		// The last moment at which an interruption leaves nothing.
		result.Games, result.Bytes = pw.Games(), counted.n
		return ctx.Err()
	})
	result.Sources = found.Sources
	switch {
	case reading != nil:
		err = reading // what was being written then does not matter
	case errors.Is(err, errNoGame):
		fmt.Fprintln(stderr, found.Table(o.verbose))
		err = found.None()
	}
	return found, result, err
}

// explain says what is left of a prepare that failed.
func (o *prepareOptions) explain(ctx context.Context, from *source.Origin, err error) error {
	_, there := os.Stat(o.path)
	left := fmt.Sprintf("%s was not made", o.path)
	if there == nil {
		left = fmt.Sprintf("%s is as it was", o.path)
	}
	if ctx.Err() != nil {
		return cli.WithHint(fmt.Errorf("stopped: %w", ctx.Err()), append([]string{left}, from.GoesOn()...)...)
	}
	if errors.Is(err, syscall.ENOSPC) {
		return cli.WithHint(err, left+": make room, or choose another disk with --out")
	}
	return err
}

// writePrepared prints the report with what was made in front of it, as one
// object.
func writePrepared(w io.Writer, made prepared, report filter.Report) error {
	first, err := json.Marshal(made)
	if err != nil {
		return err
	}
	second, err := json.Marshal(report)
	if err != nil {
		return err
	}
	both := append(append(bytes.TrimSuffix(first, []byte("}")), ','), bytes.TrimPrefix(second, []byte("{"))...)
	var out bytes.Buffer
	if err := json.Indent(&out, both, "", "  "); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err = w.Write(out.Bytes())
	return err
}

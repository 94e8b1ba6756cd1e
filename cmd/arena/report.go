package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"transcend/cmd/arena/internal/web"
	"transcend/internal/atomicfile"
	"transcend/internal/cli"
)

const reportHelp = `Write the leaderboard and its games as one HTML file that needs nothing else: to
keep, to send, to publish.

usage: arena report [--db FILE] [--out FILE]

It holds what arena serve shows: the table and the plot, the crosstable, losses by
cause, illegal moves, and the latest games move by move. A game takes some 10 kB,
or 70 kB with the choices of its model.

examples:
  arena report
  arena report --db results.db --out results.html --games 1000
  arena report --choices=false --out -

flags:
`

// writeReport is the subcommand "report".
func writeReport(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	fs := cli.FlagSet(program + " report")
	flags := addWebFlags(fs)
	out := fs.String("out", "report.html", "file to write; - is standard output")
	games := fs.Int("games", 100, "the latest games to include; 0: all")
	gallery := fs.Int("gallery", 24, "the latest positions with illegal moves to include; 0: all")
	choices := fs.Bool("choices", true, "ask the models what else they would have played")
	quiet := fs.BoolP("quiet", "q", false, "print errors only")
	err := cli.Parse(fs, args, stdout, cli.Help(fs, reportHelp, ""))
	if err != nil {
		return err
	}
	switch {
	case fs.NArg() > 0:
		return cli.NoArguments(fs, "db")
	case *games < 0 || *gallery < 0:
		return cli.Usagef("--games and --gallery must not be negative")
	}
	site, store, models, err := flags.site(nil)
	if err != nil {
		return err
	}
	defer store.Close()
	players, err := store.Players(ctx)
	if err != nil {
		return err
	}
	models.LookFor(ctx, players)
	var progress io.Writer = stderr
	if *quiet {
		progress = io.Discard
	}
	status := cli.NewStatus(progress)
	defer status.Close()
	options := web.ReportOptions{
		Games: *games, Gallery: *gallery, Choices: *choices, Made: time.Now(),
		Progress: func(done, total int) {
			status.Set(float64(done)/float64(total), fmt.Sprintf(" game %d of %d", done, total))
		},
	}
	if *out == "-" {
		return site.WriteReport(ctx, stdout, options)
	}
	// The old report stays until the new one is whole.
	err = atomicfile.WriteFile(*out, 0o644, func(w io.Writer) error { return site.WriteReport(ctx, w, options) })
	if err != nil {
		return err
	}
	if info, err := os.Stat(*out); err == nil {
		status.Printf("%s: %s bytes", *out, cli.Count(info.Size()))
	}
	return nil
}

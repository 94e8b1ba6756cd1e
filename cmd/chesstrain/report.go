package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"transcend/analysis/reproduction"
	"transcend/internal/atomicfile"
	"transcend/internal/cli"
)

const reportHelp = `Hold stored results against what the papers published.

usage: chesstrain report reproduction [flags]

examples:
  chesstrain report reproduction --results analyses
  chesstrain report reproduction --results analyses --results cap1300 --out docs/results

flags:
`

const reportTail = `
Every claim, figure and table of both papers is a line: their value, ours, interval, data and model, verdict and the
command. What has not been run says so. Results are the report.json files of chesstrain analyze below --results.
The table is written as OUT/reproduction.md, and with the pictures as one page, OUT/reproduction.html.

exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted
`

// report is the subcommand.
func report(ctx context.Context, _ io.Reader, stdout, stderr io.Writer, args []string) error {
	flags := flagSet(program + " report")
	dirs := flags.StringArray("results", []string{"analyses"}, "directory with results of chesstrain analyze; may be repeated")
	out := flags.String("out", ".", "directory of the table and the page")
	quiet := flags.BoolP("quiet", "q", false, "print only errors and the names of the files")
	asJSON := flags.Bool("json", false, "print the lines as JSON instead of the table")
	if err := cli.Parse(flags, args, stdout, showHelp(flags, reportHelp, reportTail)); err != nil {
		return err
	}
	if flags.NArg() != 1 || flags.Arg(0) != "reproduction" {
		return cli.WithHint(cli.Usagef("which report? There is one"), program+" report reproduction")
	}
	for _, dir := range *dirs {
		if _, err := os.Stat(dir); err != nil {
			return cli.WithHint(cli.Usagef("--results %s: %w", dir, err), program+" analyze NAME makes results, below analyses/")
		}
	}
	claims, err := reproduction.Claims()
	if err != nil {
		return err
	}
	stored, err := reproduction.Read(*dirs)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	lines := reproduction.Lines(claims, stored)
	table := reproduction.Markdown(lines)
	page, err := reproduction.HTML(lines, stored)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	for _, f := range []struct{ name, text string }{{"reproduction.md", table}, {"reproduction.html", page}} {
		path := filepath.Join(*out, f.name)
		if err := atomicfile.WriteBytes(path, 0o644, []byte(f.text)); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
		fmt.Fprintln(stderr, path)
	}
	switch {
	case *asJSON:
		return printJSON(stdout, lines)
	case *quiet:
		return nil
	}
	_, err = io.WriteString(stdout, table)
	return err
}

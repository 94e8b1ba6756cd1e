package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"transcend/analysis/reproduction"
	"transcend/internal/atomicfile"
	"transcend/internal/cli"
)

const reportHelp = `Hold stored results against what the papers published.

usage: chesstrain report reproduction [flags]

examples:
  chesstrain report reproduction --results analyses
  chesstrain report reproduction --results analyses --results experiments --results kg --out docs/results

flags:
`

const reportTail = `
Every claim, figure and table of both papers is a line: their value, ours, interval, data and model, verdict and the
command. What has not been run says so, and what would take more than there is here says what it takes. Results are the
files report.json below --results:

  chesstrain analyze NAME        writes OUT/NAME/report.json
  chesstrain experiment NAME     writes OUT/NAME/report.json
  kgtrain NAME, kgtrain all      write OUT/NAME/report.json
  arena table --json, kgtrain graph --json and kgtrain references NAME --json print what is to be kept as a report.json

The table is written as OUT/reproduction.md, with the SVG pictures of modest size beside it as reproduction-*.svg, and with all
pictures as one page, OUT/reproduction.html.

All of it, one command after the other:

%s
exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted
`

// report is the subcommand.
func report(ctx context.Context, _ io.Reader, stdout, stderr io.Writer, args []string) error {
	flags := cli.FlagSet(program + " report")
	dirs := flags.StringArray("results", []string{"analyses"}, "directory with report.json files; may be repeated")
	out := flags.String("out", ".", "directory of the table and the page")
	quiet := flags.BoolP("quiet", "q", false, "print only errors and the names of the files")
	asJSON := flags.Bool("json", false, "print the lines as JSON instead of the table")
	if err := cli.Parse(flags, args, stdout, cli.Help(flags, reportHelp, fmt.Sprintf(reportTail, reproduction.Recipe))); err != nil {
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
	if len(stored) == 0 {
		fmt.Fprintf(stderr, "warning: no report.json below %s: every line says \"not run\"\n", strings.Join(*dirs, ", "))
	}
	lines, curves := reproduction.Lines(claims, stored), reproduction.Curves(stored)
	shown, err := reproduction.Shown(stored)
	if err != nil {
		return err
	}
	command := cli.CommandLine(append([]string{program, "report", "reproduction"}, withoutName(args)...)...)
	table := reproduction.Markdown(lines, curves, shown, command)
	page, err := reproduction.HTML(lines, curves, stored, command)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	write := func(name string, b []byte) error {
		path := filepath.Join(*out, name)
		if err := atomicfile.WriteBytes(path, 0o644, b); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
		fmt.Fprintln(stderr, path)
		return nil
	}
	for _, p := range shown {
		b, err := os.ReadFile(p.From)
		if err != nil {
			return fmt.Errorf("the picture of a report: %w", err)
		}
		if err := write(p.Name, b); err != nil {
			return err
		}
	}
	if err := write("reproduction.html", []byte(page)); err != nil {
		return err
	}
	if err := write("reproduction.md", []byte(table)); err != nil {
		return err
	}
	switch {
	case *asJSON:
		return cli.PrintJSON(stdout, struct {
			Lines  []reproduction.Line  `json:"lines"`
			Curves []reproduction.Curve `json:"curves"`
		}{lines, curves})
	case *quiet:
		return nil
	}
	_, err = io.WriteString(stdout, table)
	return err
}

// withoutName are the arguments but the name of the report, which a command line has first.
func withoutName(args []string) []string {
	i := slices.Index(args, "reproduction")
	return slices.Delete(slices.Clone(args), i, i+1)
}

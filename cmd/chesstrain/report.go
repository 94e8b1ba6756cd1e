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
	r := reproduced{lines: reproduction.Lines(claims, stored), curves: reproduction.Curves(stored)}
	if r.shown, err = reproduction.Shown(stored); err != nil {
		return err
	}
	command := cli.CommandLine(append([]string{program, "report", "reproduction"}, withoutName(args)...)...)
	r.table = reproduction.Markdown(r.lines, r.curves, r.shown, command)
	if r.page, err = reproduction.HTML(r.lines, r.curves, stored, command); err != nil {
		return err
	}
	if err := r.write(*out, stderr); err != nil {
		return err
	}
	switch {
	case *asJSON:
		return cli.PrintJSON(stdout, struct {
			Lines  []reproduction.Line  `json:"lines"`
			Curves []reproduction.Curve `json:"curves"`
		}{r.lines, r.curves})
	case *quiet:
		return nil
	}
	_, err = io.WriteString(stdout, r.table)
	return err
}

// reproduced is what the report is made of.
type reproduced struct {
	lines       []reproduction.Line
	curves      []reproduction.Curve
	shown       []reproduction.Picture
	table, page string
}

// write writes the files into a directory, and their names to w.
func (r *reproduced) write(dir string, w io.Writer) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	write := func(name string, b []byte) error {
		path := filepath.Join(dir, name)
		if err := atomicfile.WriteBytes(path, 0o644, b); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
		fmt.Fprintln(w, path)
		return nil
	}
	for _, p := range r.shown {
		b, err := os.ReadFile(p.From)
		if err != nil {
			return fmt.Errorf("the picture of a report: %w", err)
		}
		if err := write(p.Name, b); err != nil {
			return err
		}
	}
	if err := write("reproduction.html", []byte(r.page)); err != nil {
		return err
	}
	return write("reproduction.md", []byte(r.table))
}

// withoutName are the arguments but the name of the report, which a command line has first.
func withoutName(args []string) []string {
	i := slices.Index(args, "reproduction")
	return slices.Delete(slices.Clone(args), i, i+1)
}

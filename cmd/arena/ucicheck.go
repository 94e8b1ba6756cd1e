package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"transcend/engine/uci"
	"transcend/engine/ucicheck"
	"transcend/internal/cli"
)

const uciCheckHelp = `Examine a UCI engine: named checks, each with a verdict.

usage: arena uci-check --engine CMD [flags]

pass  as the protocol and every tool want it
warn  something that the protocol leaves open, or that only some tools need
fail  a breach: an answer missing, late, not legal, or one too many
skip  does not apply

The exit code is 1 when a check fails, with --strict also when one warns.

examples:
  arena uci-check --engine stockfish
  arena uci-check --engine arena --arg uci --arg=--model=runs/max1500-move-tiny
  arena uci-check --engine ./mine --only go-10ms-clock,infinite --margin 50ms
  arena uci-check --engine ./mine --json

flags:
`

func uciCheck(ctx context.Context, stdout, _ io.Writer, args []string) error {
	fs := cli.FlagSet(program + " uci-check")
	var o ucicheck.Options
	fs.StringVar(&o.Path, "engine", "", "the engine's name or path")
	fs.StringArrayVar(&o.Args, "arg", nil, "argument for the engine; may be repeated")
	fs.StringVar(&o.Dir, "dir", "", "working directory of the engine")
	only := fs.StringSlice("only", nil, "only these checks")
	fs.DurationVar(&o.StartTimeout, "start-timeout", 30*time.Second, "time for uciok and the first readyok")
	fs.DurationVar(&o.Timeout, "timeout", 5*time.Second, "time for every answer that is due at once")
	fs.DurationVar(&o.Margin, "margin", 200*time.Millisecond, "by how much a time limit may be overstepped")
	strict := fs.Bool("strict", false, "warnings fail, too")
	list := fs.Bool("list", false, "print the names of the checks")
	asJSON := fs.Bool("json", false, "print the results as one JSON object")
	quiet := fs.BoolP("quiet", "q", false, "print only what did not pass")
	if err := cli.Parse(fs, args, stdout, cli.Help(fs, uciCheckHelp, "")); err != nil {
		return err
	}
	if *list {
		_, err := fmt.Fprintln(stdout, strings.Join(ucicheck.Names(), "\n"))
		return err
	}
	switch {
	case fs.NArg() > 0 && o.Path == "":
		return cli.NoArguments(fs, "engine")
	case fs.NArg() > 0:
		return cli.WithHint(cli.NoArguments(fs, ""), "arguments for the engine are given with --arg")
	case o.Path == "":
		return cli.WithHint(cli.Usagef("no engine: --engine is missing"), program+" uci-check --engine stockfish")
	case o.Timeout <= 0 || o.StartTimeout <= 0 || o.Margin < 0:
		return cli.Usagef("--timeout and --start-timeout must be positive, --margin not negative")
	}
	for _, name := range *only {
		if err := cli.OneOf("only", name, ucicheck.Names()...); err != nil {
			return err
		}
	}
	path, err := uci.Find(o.Path)
	if err != nil {
		return err
	}
	o.Path = path
	if o.Margin == 0 {
		o.Margin = time.Nanosecond // none, not the default
	}
	var results []ucicheck.Result
	count := map[ucicheck.Verdict]int{}
	err = ucicheck.Run(ctx, o, *only, func(r ucicheck.Result) {
		results = append(results, r)
		count[r.Verdict]++
		if *asJSON || *quiet && r.Verdict == ucicheck.Pass {
			return
		}
		fmt.Fprintf(stdout, "%-4s  %-18s %s\n", r.Verdict, r.Name, r.What)
		if r.Text != "" {
			fmt.Fprintf(stdout, "      %-18s %s\n", "", r.Text)
		}
	})
	if err != nil {
		return err
	}
	if *asJSON {
		if err := cli.PrintJSON(stdout, map[string]any{"engine": path, "args": o.Args, "results": results}); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(stdout, "%d pass, %d warn, %d fail, %d skip\n", count[ucicheck.Pass], count[ucicheck.Warn], count[ucicheck.Fail], count[ucicheck.Skip])
	}
	var bad []string
	for _, r := range results {
		if r.Verdict == ucicheck.Fail || *strict && r.Verdict == ucicheck.Warn {
			bad = append(bad, r.Name)
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("%s: %d checks not passed: %s", path, len(bad), strings.Join(slices.Compact(bad), ", "))
	}
	return nil
}

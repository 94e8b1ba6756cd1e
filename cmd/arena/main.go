// Arena plays models against engines, rates them and keeps the leaderboard.
// See arena --help.
package main

import (
	"context"
	"io"
	"maps"
	"slices"

	"transcend/cmd/arena/internal/match"
	"transcend/cmd/arena/internal/sweep"
	"transcend/internal/cli"
)

const program = "arena"

// usage is the beginning of arena --help.
const usage = `Play models against engines, rate them, keep the leaderboard.

usage: arena [--engine NAME] [--model DIR ...] [--temp LIST] [flags]
       arena --protocol paper [--model DIR ...] [flags]
       arena table | figure [--db FILE]     a sweep's table, verdict and picture again
       arena leaderboard [--db FILE] [--json]
       arena match --engine 'cmd=...' --engine 'cmd=...'    engine against engine
       arena pgn [--db FILE]    the games as PGN
       arena elo --wins N --draws N --losses N, or --pgn FILE... (see arena elo --help)
       arena uci --model DIR              (a model as a UCI engine)
       arena uci-check --engine CMD       (does an engine speak UCI well?)
       arena calibrate --players LIST     (opponents rated on this machine)
       arena concurrency N [--db FILE]    (while games are played)
       arena serve | report | watch [--db FILE]  (in a browser, as one file, in the terminal)

`

func main() { cli.Main(execute) }

// subcommands are what the first argument may be; play is the command without one.
var subcommands = map[string]func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, args []string) error{
	"concurrency": withoutInput(changeConcurrency),
	"elo":         rateResults,
	"figure":      withoutInput(sweep.Figure),
	"leaderboard": withoutInput(showLeaderboard),
	"match":       withoutInput(match.Play),
	"pgn":         withoutInput(writeGames),
	"report":      withoutInput(writeReport),
	"serve":       withoutInput(serve),
	"table":       withoutInput(sweep.Table),
	"calibrate":   withoutInput(makeScale),
	"uci":         serveUCI,
	"uci-check":   withoutInput(uciCheck),
	"watch":       withoutInput(watchArenas),
}

func withoutInput(f func(context.Context, io.Writer, io.Writer, []string) error) func(context.Context, io.Reader, io.Writer, io.Writer, []string) error {
	return func(ctx context.Context, _ io.Reader, stdout, stderr io.Writer, args []string) error {
		return f(ctx, stdout, stderr, args)
	}
}

// play is the command without a subcommand.
func play(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	return sweep.Play(ctx, stdout, stderr, args, sweep.Program{Usage: usage, Subcommands: slices.Sorted(maps.Keys(subcommands))})
}

// execute is the whole command.
func execute(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, args []string) int {
	command := withoutInput(play)
	if len(args) > 0 {
		if sub, ok := subcommands[args[0]]; ok {
			command, args = sub, args[1:]
		}
	}
	if err := command(ctx, stdin, stdout, stderr, args); err != nil {
		return cli.Fail(stderr, program, err)
	}
	return cli.ExitOK
}

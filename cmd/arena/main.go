// Arena plays models against engines, rates them and keeps the leaderboard.
// See arena --help.
package main

import (
	"context"
	"io"

	"transcend/cmd/arena/internal/match"
	"transcend/internal/cli"
)

const program = "arena"

func main() { cli.Main(execute) }

// subcommands are what the first argument may be; play is the command without one.
var subcommands = map[string]func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, args []string) error{
	"concurrency": withoutInput(changeConcurrency),
	"elo":         rateResults,
	"figure":      withoutInput(showFigure),
	"leaderboard": withoutInput(showLeaderboard),
	"match":       withoutInput(match.Play),
	"pgn":         withoutInput(writeGames),
	"report":      withoutInput(writeReport),
	"serve":       withoutInput(serve),
	"table":       withoutInput(showTable),
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

// Arena plays models against engines, rates them and keeps the leaderboard.
// See arena --help.
package main

import (
	"context"
	"io"

	"transcend/internal/cli"
)

const program = "arena"

func main() { cli.Main(execute) }

// execute is the whole command.
func execute(ctx context.Context, _ io.Reader, stdout, stderr io.Writer, args []string) int {
	command := play
	if len(args) > 0 && args[0] == "leaderboard" {
		command, args = showLeaderboard, args[1:]
	}
	if err := command(ctx, stdout, stderr, args); err != nil {
		return cli.Fail(stderr, program, err)
	}
	return cli.ExitOK
}

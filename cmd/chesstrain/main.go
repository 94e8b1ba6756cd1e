// Chesstrain trains a GPT to imitate the players of chess games under a rating
// cap. See chesstrain --help.
package main

import (
	"context"
	"io"

	"transcend/internal/cli"
)

func main() { cli.Main(execute) }

// execute is the whole command.
func execute(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, args []string) int {
	if err := train(ctx, stdin, stdout, stderr, args); err != nil {
		return cli.Fail(stderr, program, err)
	}
	return cli.ExitOK
}

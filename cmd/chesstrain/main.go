// Chesstrain trains a GPT to imitate the players of chess games under a rating
// cap, and makes and describes the corpora to train it on. See chesstrain --help.
package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"transcend/cmd/chesstrain/internal/analyze"
	"transcend/cmd/chesstrain/internal/bench"
	"transcend/cmd/chesstrain/internal/corpus"
	"transcend/internal/cli"
)

func main() { cli.Main(execute) }

// A subcommand is a function like the whole command, but for the exit code.
type subcommand func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, args []string) error

// subcommands by their first word. Without one, chesstrain trains.
var subcommands = []struct {
	name string
	run  subcommand
}{
	{"train", train},
	{"prepare", corpus.Prepare},
	{"stats", corpus.Stats},
	{"league", corpus.League},
	{"experiment", runExperiment},
	{"analyze", analyze.Run},
	{"report", report},
	{"export", export},
	{"bench", bench.Run},
	{"device", bench.Device},
}

// execute is the whole command.
func execute(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, args []string) int {
	err := dispatch(ctx, stdin, stdout, stderr, args)
	if err != nil {
		return cli.Fail(stderr, program, err)
	}
	return cli.ExitOK
}

// dispatch runs the subcommand that the first argument names.
func dispatch(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return train(ctx, stdin, stdout, stderr, args)
	}
	word, args := args[0], args[1:]
	if word == "help" {
		if len(args) == 0 {
			return train(ctx, stdin, stdout, stderr, []string{"--help"})
		}
		word, args = args[0], []string{"--help"}
	}
	var names []string
	for _, c := range subcommands {
		if c.name == word {
			return c.run(ctx, stdin, stdout, stderr, args)
		}
		names = append(names, c.name)
	}
	err := cli.Usagef("unknown command %q", word)
	if near := cli.Nearest(word, names); near != "" {
		return cli.WithHint(err, fmt.Sprintf("did you mean %s %s? The commands are %s", program, near, strings.Join(names, ", ")))
	}
	return cli.WithHint(err, "the commands are "+strings.Join(names, ", "), fmt.Sprintf("games are given as --pgn %s", word))
}

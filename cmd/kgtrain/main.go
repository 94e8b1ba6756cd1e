// Kgtrain is the knowledge-graph experiments of Abreu et al., "A Taxonomy of
// Transcendence" (COLM 2025): graphs, experts, the text that they write, and what an ideal
// learner makes of it. See kgtrain --help.
package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"transcend/internal/cli"
)

const program = "kgtrain"

const mainHelp = `The knowledge-graph experiments of "A Taxonomy of Transcendence" (COLM 2025).

usage: kgtrain COMMAND [flags]

commands:
  graph        make a graph, describe it, divide it into areas of expertise, export it
  text         what experts write: samples, or a whole corpus
  references   what is known without training: votes, ceilings, conditions, baselines
  denoise      experiment 1: train models on the text of experts who err independently
  select       experiment 2: on the text of experts of a few areas each
  generalize   experiment 3: on two-hop facts inside the areas of experts; asked across them
  all          all experiments, one after the other
  report       one page of HTML: graph, experts, texts, results

examples:
  kgtrain graph
  kgtrain graph --scale 0.1 --out small.nt
  kgtrain text --entity-type film --level 3
  kgtrain references denoise --scale 0.2
  kgtrain denoise --dry-run
  kgtrain all --preset laptop --out results

kgtrain COMMAND --help shows the flags of each; kgtrain --version the version.
`

func main() { cli.Main(execute) }

// A subcommand is a function like the whole command, but for the exit code.
type subcommand func(ctx context.Context, stdout, stderr io.Writer, args []string) error

type command struct {
	name string
	run  subcommand
}

// subcommands are all of them.
func subcommands() []command {
	all := []command{
		{"graph", graphCommand},
		{"text", textCommand},
		{"references", referencesCommand},
	}
	for _, e := range experiments() {
		all = append(all, command{e.Name, trainCommand(e)})
	}
	return append(all, command{"all", allCommand}, command{"report", reportCommand})
}

// execute is the whole command.
func execute(ctx context.Context, _ io.Reader, stdout, stderr io.Writer, args []string) int {
	if err := dispatch(ctx, stdout, stderr, args); err != nil {
		return cli.Fail(stderr, program, err)
	}
	return cli.ExitOK
}

// dispatch runs the subcommand that the first argument names.
func dispatch(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	var names []string
	for _, c := range subcommands() {
		names = append(names, c.name)
	}
	if len(args) > 0 && args[0] == "help" {
		args = append(args[1:], "--help")
	}
	if len(args) == 0 {
		return cli.WithHint(cli.Usagef("no command: want one of %s", strings.Join(names, ", ")), program+" --help shows examples")
	}
	if strings.HasPrefix(args[0], "-") {
		flags := flagSet(program)
		version := flags.Bool("version", false, "print the version")
		if err := cli.Parse(flags, args, stdout, func(w io.Writer) { fmt.Fprint(w, mainHelp) }); err != nil {
			return err
		}
		if *version {
			_, err := fmt.Fprintln(stdout, program, cli.Version())
			return err
		}
		return cli.Usagef("no command: want one of %s", strings.Join(names, ", "))
	}
	for _, c := range subcommands() {
		if c.name == args[0] {
			return c.run(ctx, stdout, stderr, args[1:])
		}
	}
	err := cli.Usagef("unknown command %q", args[0])
	if near := cli.Nearest(args[0], names); near != "" {
		return cli.WithHint(err, fmt.Sprintf("did you mean %s %s?", program, near))
	}
	return cli.WithHint(err, "the commands are "+strings.Join(names, ", "))
}

// flagSet begins the flags of a command.
func flagSet(name string) *pflag.FlagSet {
	fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
	fs.SortFlags = false
	return fs
}

// showHelp returns what cli.Parse calls for --help.
func showHelp(fs *pflag.FlagSet, head, tail string) func(io.Writer) {
	return func(w io.Writer) { fmt.Fprint(w, head, fs.FlagUsagesWrapped(100), tail) }
}

// Kgtrain is the knowledge-graph experiments of Abreu et al., "A Taxonomy of
// Transcendence" (COLM 2025): graphs, experts, the text that they write, and what an ideal
// learner makes of it. See kgtrain --help.
package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"transcend/internal/cli"
	"transcend/kg/experiment"
)

const program = "kgtrain"

const mainHead = `The knowledge-graph experiments of "A Taxonomy of Transcendence" (COLM 2025).

usage: kgtrain COMMAND [flags]

commands:
`

const mainTail = `
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
	name, about string
	run         subcommand
}

// plain are the subcommands that train nothing.
func plain() []command {
	return []command{
		{"graph", "make a graph, describe it, divide it into areas of expertise, export it", graphCommand},
		{"text", "what experts write: samples, or a whole corpus", textCommand},
		{"references", "what is known without training: votes, ceilings, conditions, baselines", referencesCommand},
		{"report", "one page of HTML: graph, experts, texts, results", reportCommand},
	}
}

// experiments are the subcommands of the experiments.
func experiments() []command {
	var all []command
	for _, e := range experiment.Experiments() {
		all = append(all, command{e.Name, e.About, trainCommand(e.Name, e)})
	}
	return append(all, command{"all", "all of them, one after the other", trainCommand("all", experiment.Experiments()...)})
}

// subcommands are all of them.
func subcommands() []command { return append(plain(), experiments()...) }

// mainHelp is what kgtrain --help prints.
func mainHelp(w io.Writer) {
	fmt.Fprint(w, mainHead)
	for _, c := range plain() {
		fmt.Fprintf(w, "  %-12s %s\n", c.name, c.about)
	}
	fmt.Fprint(w, "\nexperiments, which train models:\n")
	for _, c := range experiments() {
		fmt.Fprintf(w, "  %-12s %s\n", c.name, c.about)
	}
	fmt.Fprint(w, mainTail)
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
		flags := cli.FlagSet(program)
		if err := cli.Parse(flags, args, stdout, mainHelp); err != nil {
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

package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"transcend/internal/cli"
)

// named is an analysis or an experiment in a list of them.
type named struct {
	Name  string `json:"name"`
	About string `json:"about"` // a line
	Help  string `json:"help"`
}

// tabulate writes a line for each.
func tabulate(w io.Writer, indent string, all []named) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, n := range all {
		fmt.Fprintf(tab, "%s%s\t%s\n", indent, n.Name, n.About)
	}
	return tab.Flush()
}

// listNamed prints the list.
func listNamed(w io.Writer, all []named, asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(w, all)
	}
	return tabulate(w, "", all)
}

// findNamed is the place of the one that is asked for; what says what they are.
func findNamed(what, name string, all []named) (int, error) {
	var names []string
	for i, n := range all {
		if n.Name == name {
			return i, nil
		}
		names = append(names, n.Name)
	}
	err := cli.Usagef("there is no %s %q", what, name)
	if near := cli.Nearest(name, names); near != "" {
		return 0, cli.WithHint(err, "did you mean "+near+"?")
	}
	return 0, cli.WithHint(err, "there are "+strings.Join(names, ", "))
}

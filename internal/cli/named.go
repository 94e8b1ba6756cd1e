package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Named is one of the things that a command does by name, an analysis or an experiment for instance.
type Named struct {
	Name  string `json:"name"`
	About string `json:"about"` // a line
	Help  string `json:"help"`
}

// Tabulate writes a line for each.
func Tabulate(w io.Writer, indent string, all []Named) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, n := range all {
		fmt.Fprintf(tab, "%s%s\t%s\n", indent, n.Name, n.About)
	}
	return tab.Flush()
}

// ListNamed prints what the word list asks for: a line for each, or all as JSON.
func ListNamed(w io.Writer, all []Named, asJSON bool) error {
	if asJSON {
		return PrintJSON(w, all)
	}
	return Tabulate(w, "", all)
}

// FindNamed is the place of the one that is asked for; what says what they are.
func FindNamed(what, name string, all []Named) (int, error) {
	var names []string
	for i, n := range all {
		if n.Name == name {
			return i, nil
		}
		names = append(names, n.Name)
	}
	err := Usagef("there is no %s %q", what, name)
	if near := Nearest(name, names); near != "" {
		return 0, WithHint(err, "did you mean "+near+"?")
	}
	return 0, WithHint(err, "there are "+strings.Join(names, ", "))
}

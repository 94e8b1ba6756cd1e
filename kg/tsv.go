package kg

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"transcend/internal/clip"
)

// tsvColumns are the first line of a TSV file: one edge a line, with the types of
// both ends, so that a line can be read without the others.
var tsvColumns = []string{"head", "head type", "relation", "tail", "tail type"}

// ReadTSV reads a graph from tab-separated values. The first line names the columns:
// head, head type, relation, tail, tail type. Empty lines are skipped. name is what
// errors call the file.
func ReadTSV(name string, r io.Reader) (*Graph, ReadReport, error) {
	var report ReadReport
	b := NewBuilder()
	help := "the first line must be " + strings.Join(tsvColumns, "<tab>")
	header := false
	err := eachLine(name, r, func(n int, line string) error {
		report.Lines = n
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			return nil
		}
		cells := strings.Split(line, "\t")
		if !header {
			if line != strings.Join(tsvColumns, "\t") {
				msg := fmt.Sprintf("the first line is %q, not the columns' names", clip.Text(line, maxQuoted))
				if len(cells) == 3 {
					msg += "; three columns leave out the entities' types, which corruption needs"
				}
				return &SyntaxError{File: name, Line: n, Msg: msg, Help: help}
			}
			header = true
			return nil
		}
		if len(cells) != len(tsvColumns) {
			return fmt.Errorf("%d columns, want %d: %s", len(cells), len(tsvColumns), strings.Join(tsvColumns, ", "))
		}
		head, err := b.Entity(cells[0], cells[1])
		if err != nil {
			return err
		}
		relation, err := b.Relation(cells[2], nil, nil)
		if err != nil {
			return err
		}
		tail, err := b.Entity(cells[3], cells[4])
		if err != nil {
			return err
		}
		isNew, err := b.Edge(head, relation, tail)
		if err == nil && !isNew {
			report.Duplicates++
		}
		return err
	})
	if err != nil {
		return nil, report, err
	}
	g, err := built(name, b)
	return g, report, err
}

// WriteTSV writes the graph as ReadTSV reads it.
func (g *Graph) WriteTSV(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, strings.Join(tsvColumns, "\t"))
	for _, e := range g.Edges {
		head, tail := g.Entities[e.Head], g.Entities[e.Tail]
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", head.Name, g.Types[head.Type], g.Relations[e.Relation].Name, tail.Name, g.Types[tail.Type])
	}
	return out.Flush()
}

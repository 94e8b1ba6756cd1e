package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"transcend/internal/atomicfile"
	"transcend/internal/cli"
	"transcend/kg"
)

const graphHelp = `Make a knowledge graph, or read one, and describe it.

usage: kgtrain graph [flags]

examples:
  kgtrain graph                                 the paper's size, described
  kgtrain graph --scale 0.1 --seed 7 --out small.tsv
  kgtrain graph --in mine.nt --json             your own, with rdf:type of every entity
  kgtrain graph --areas --areas-out areas.tsv   cut into 5,000 areas of expertise

flags:
`

const graphTail = `
A .tsv file has one edge a line: head, head type, relation, tail, tail type, and these
names in its first line. In N-Triples an entity needs an rdf:type and may have an
rdfs:label, its name.

exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted
`

// areaStats describe a clustering.
type areaStats struct {
	Clusters  int     `json:"clusters"`
	Mean      float64 `json:"mean_edges"`
	Median    int     `json:"median_edges"`
	Largest   int     `json:"largest"`
	Smallest  int     `json:"smallest"`
	Entities  float64 `json:"mean_entities"`         // of a cluster
	Within    int     `json:"two_hops_within"`       // two-hop facts with both edges in one cluster
	Connected float64 `json:"connected"`             // share of clusters that are one piece
	Share     float64 `json:"two_hops_within_share"` // of all two-hop facts
}

func graphCommand(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	var from origin
	flags := cli.FlagSet(program + " graph")
	from.addFlags(flags)
	out := flags.StringArray("out", nil, "write the graph into this .tsv or .nt file; may be repeated")
	areas := flags.Bool("areas", false, "divide the edges into areas of expertise and describe them")
	areasOut := flags.String("areas-out", "", "write each edge with its area into this .tsv file")
	if err := cli.Parse(flags, args, stdout, cli.Help(flags, graphHelp, graphTail)); err != nil {
		return err
	}
	if err := cli.NoArguments(flags, "in"); err != nil {
		return err
	}
	for _, path := range *out {
		if err := cli.OneOf("out", strings.ToLower(filepath.Ext(path)), ".tsv", ".nt"); err != nil {
			return cli.Usagef("--out %s: the name must end in .tsv or .nt", path)
		}
	}
	g, err := from.graph(flags, stderr)
	if err != nil {
		return err
	}
	for _, path := range *out {
		write := g.WriteTSV
		if strings.EqualFold(filepath.Ext(path), ".nt") {
			write = g.WriteNTriples
		}
		if err := atomicfile.WriteFile(path, 0o644, write); err != nil {
			return fmt.Errorf("writing the graph: %w", err)
		}
	}
	result := struct {
		kg.Stats
		Seed  uint64     `json:"seed"`
		Areas *areaStats `json:"areas,omitempty"`
	}{Stats: g.Stats(), Seed: from.seed}
	if *areas || *areasOut != "" {
		c, err := from.areas(ctx, g, stderr)
		if err != nil {
			return err
		}
		result.Areas = describeAreas(g, c)
		if *areasOut != "" {
			if err := atomicfile.WriteFile(*areasOut, 0o644, func(w io.Writer) error { return writeAreas(w, g, c) }); err != nil {
				return fmt.Errorf("writing the areas: %w", err)
			}
		}
	}
	if from.asJSON {
		return cli.PrintJSON(stdout, result)
	}
	w := bufio.NewWriter(stdout)
	printStats(w, &result.Stats)
	if a := result.Areas; a != nil {
		fmt.Fprintf(w, "\nareas of expertise: %s, %.1f edges on average (%d to %d, median %d), %.1f entities, %s in one piece\n",
			cli.Count(a.Clusters), a.Mean, a.Smallest, a.Largest, a.Median, a.Entities, cli.Percent(a.Connected, 1))
		fmt.Fprintf(w, "two-hop facts inside an area: %s, %s of all\n", cli.Count(a.Within), cli.Percent(a.Share, 1))
	}
	return w.Flush()
}

func printStats(w io.Writer, s *kg.Stats) {
	fmt.Fprintf(w, "graph %s: %s entities, %d relations, %s edges, %s questions\n", s.Fingerprint, cli.Count(s.Entities), len(s.Relations), cli.Count(s.Edges), cli.Count(s.Queries))
	fmt.Fprintf(w, "degree: mean %.2f, median %d, at most %s (%s); %s of the entities have one edge; power law from 5 on: exponent %.2f\n",
		s.MeanDegree, s.MedianDeg, cli.Count(s.MaxDegree), s.TopDegree, cli.Percent(s.Leaves, 1), s.Tail)
	fmt.Fprintf(w, "connected parts: %s, the largest with %s of the entities\n", cli.Count(s.Components), cli.Percent(s.Largest, 1))
	fmt.Fprintf(w, "two-hop facts: %s of %d pairs of relations\n\n", cli.Count(s.TwoHops), s.Pairs)
	var types []string
	for _, t := range s.Types {
		types = append(types, fmt.Sprintf("%s %s", cli.Count(t.Entities), t.Name))
	}
	fmt.Fprintf(w, "types: %s\n\n", strings.Join(types, ", "))
	fmt.Fprintf(w, "%-24s %7s %7s %7s %7s %7s %9s\n", "relation", "edges", "heads", "tails", "func.", "inverse", "top tail")
	for _, r := range s.Relations {
		fmt.Fprintf(w, "%-24s %7d %7d %7d %7.2f %7.2f %9s\n", r.Name, r.Edges, r.Heads, r.Tails, r.Functionality, r.Inverse, cli.Percent(r.Majority, 1))
	}
}

func describeAreas(g *kg.Graph, cluster []int32) *areaStats {
	k := int(slices.Max(cluster)) + 1
	size := make([]int, k)
	entities := make([]map[int32]int32, k) // with a union-find of each cluster's entities
	find := func(m map[int32]int32, v int32) int32 {
		for m[v] != v {
			v = m[v]
		}
		return v
	}
	for e, c := range cluster {
		if entities[c] == nil {
			entities[c] = map[int32]int32{}
		}
		m, edge := entities[c], g.Edges[e]
		for _, v := range []int32{edge.Head, edge.Tail} {
			if _, ok := m[v]; !ok {
				m[v] = v
			}
		}
		m[find(m, edge.Head)] = find(m, edge.Tail)
		size[c]++
	}
	a := &areaStats{Clusters: k, Mean: float64(len(cluster)) / float64(k), Largest: slices.Max(size), Smallest: slices.Min(size)}
	for _, m := range entities {
		a.Entities += float64(len(m)) / float64(k)
		roots := 0
		for v, parent := range m {
			if v == parent {
				roots++
			}
		}
		if roots == 1 {
			a.Connected += 1 / float64(k)
		}
	}
	slices.SortFunc(size, cmp.Compare[int])
	a.Median = size[k/2]
	total := 0
	for x := range g.TwoHops() {
		total++
		if cluster[x.First] == cluster[x.Second] {
			a.Within++
		}
	}
	if total > 0 {
		a.Share = float64(a.Within) / float64(total)
	}
	return a
}

func writeAreas(w io.Writer, g *kg.Graph, cluster []int32) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, "area\thead\trelation\ttail")
	for e, c := range cluster {
		x := g.Edges[e]
		fmt.Fprintf(out, "%d\t%s\t%s\t%s\n", c, g.Entities[x.Head].Name, g.Relations[x.Relation].Name, g.Entities[x.Tail].Name)
	}
	return out.Flush()
}

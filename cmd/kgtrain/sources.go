package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/spf13/pflag"

	"transcend/internal/cli"
	"transcend/kg"
	"transcend/kg/cluster"
	"transcend/kg/expert"
	"transcend/kg/synth"
	"transcend/kg/text"
)

// origin says which graph a command works on, and how: the flags that all commands share.
type origin struct {
	in       string
	scale    float64
	seed     uint64
	clusters int
	threads  int
	quiet    bool
	asJSON   bool
}

func (o *origin) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.in, "in", "", "read the graph from this .tsv or .nt (N-Triples) file instead of making one")
	fs.Float64Var(&o.scale, "scale", 1, fmt.Sprintf("size of the graph that is made; 1 is the paper's %s entities and %s edges", cli.Count(synth.PaperEntities), cli.Count(synth.PaperEdges)))
	fs.Uint64Var(&o.seed, "seed", 1, "seed of everything random; the same seed gives the same result")
	fs.IntVar(&o.clusters, "clusters", 0, fmt.Sprintf("areas of expertise; 0 is the paper's %d, in proportion to the edges", synth.PaperClusters))
	fs.IntVar(&o.threads, "threads", 0, "threads; 0 is all cores; the result is the same for any number")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "print only the result and errors")
	fs.BoolVar(&o.asJSON, "json", false, "print the result as one JSON object")
}

// graph makes or reads the graph.
func (o *origin) graph(fs *pflag.FlagSet, stderr io.Writer) (*kg.Graph, error) {
	if o.in != "" && fs.Changed("scale") {
		return nil, cli.Usagef("--scale is the size of a graph that is made: it cannot be used with --in")
	}
	if o.threads < 0 {
		return nil, cli.Usagef("--threads %d: want 0 or more", o.threads)
	}
	if o.in == "" {
		if !(o.scale >= synth.MinScale && o.scale <= synth.MaxScale) {
			return nil, cli.Usagef("--scale %g: want %g to %g", o.scale, synth.MinScale, float64(synth.MaxScale))
		}
		return synth.New(synth.Options{Seed: o.seed, Scale: o.scale})
	}
	g, report, err := kg.ReadFile(o.in)
	if err != nil {
		return nil, err
	}
	if !o.quiet {
		fmt.Fprintf(stderr, "%s: %s edges", o.in, cli.Count(len(g.Edges)))
		if report.Duplicates > 0 {
			fmt.Fprintf(stderr, ", %s given more than once", cli.Count(report.Duplicates))
		}
		if report.Literals > 0 {
			fmt.Fprintf(stderr, ", %s texts and numbers left out", cli.Count(report.Literals))
		}
		fmt.Fprintln(stderr)
	}
	return g, nil
}

// areas divides the graph's edges, with a live line.
func (o *origin) areas(ctx context.Context, g *kg.Graph, stderr io.Writer) ([]int32, error) {
	k := o.clusters
	if k == 0 {
		k = max(1, int(math.Round(float64(len(g.Edges))*synth.PaperClusters/synth.PaperEdges)))
	}
	if k < 1 || k > len(g.Edges) {
		return nil, cli.Usagef("--clusters %d: the graph has %d edges", k, len(g.Edges))
	}
	var status *cli.Status
	opts := cluster.Options{Clusters: k, Seed: o.seed, Threads: o.threads}
	if !o.quiet {
		status = cli.NewStatus(stderr)
		defer status.Close()
		opts.Progress = func(done float64) { status.Set(done, "clustering edges") }
	}
	start := time.Now()
	c, err := cluster.Edges(ctx, g, opts)
	if err == nil && status != nil {
		status.Printf("%s edges in %s areas of expertise, %s", cli.Count(len(g.Edges)), cli.Count(k), cli.Duration(time.Since(start)))
	}
	return c, err
}

// beliefs are the flags about how experts are wrong.
type beliefs struct {
	popular, keepTruth bool
	shared             float64
}

func (b *beliefs) addFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&b.popular, "popular", false, "false beliefs name popular entities more often (one chance an edge), instead of all of a relation equally often")
	fs.BoolVar(&b.keepTruth, "keep-truth", false, "a false belief may be true by accident, as in the paper's older code")
	fs.Float64Var(&b.shared, "shared", 0, "share of false beliefs that are one misconception that all share, 0 to 1")
}

func (b *beliefs) corruption() expert.Corruption {
	return expert.Corruption{Popular: b.popular, KeepTruth: b.keepTruth, Shared: b.shared}
}

// bind loads templates, from a file if one is named, for a graph.
func bind(path string, g *kg.Graph) (*text.Writer, error) {
	t := text.Default()
	if path != "" {
		var err error
		if t, err = text.ReadTemplates(path); err != nil {
			return nil, err
		}
	}
	return t.Bind(g)
}

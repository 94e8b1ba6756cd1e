package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"transcend/internal/cli"
	"transcend/kg"
	"transcend/kg/expert"
	"transcend/kg/reference"
)

// known is what is known of an experiment without training.
type known struct {
	experiment string
	about      string // in the help, of lines of up to 80 characters
	// coverage is what --coverage is by default; nil: its experts are those of areas, and neither
	// --experts nor --coverage is about them.
	coverage []float64
	compute  func(*references, context.Context, *kg.Graph, io.Writer, io.Writer) error
}

// allKnown has a line for each of experiment.Experiments.
var allKnown = []known{
	{"denoise", "experts who are right about each fact with the same chance: what the\nmajority of their sentences says, and what sampling from them gives",
		[]float64{0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1}, (*references).denoise},
	{"select", "experts of a few areas who mostly write what they know: the same, the\nceiling 1-(1-c)^n, and Theorem 2.1",
		[]float64{0.01, 0.1}, (*references).selection},
	{"generalize", "two-hop questions within and across areas: how many there are, the condition\nof appendix A.2, and answers without reasoning",
		nil, (*references).generalize},
}

// experimentNames are those that references are of.
func experimentNames() []string {
	var names []string
	for _, k := range allKnown {
		names = append(names, k.experiment)
	}
	return names
}

// referencesHead is how the help begins.
func referencesHead() string {
	var b strings.Builder
	fmt.Fprintf(&b, "What is known about an experiment without training a model.\n\nusage: kgtrain references %s [flags]\n\n", strings.Join(experimentNames(), "|"))
	for _, k := range allKnown {
		fmt.Fprintf(&b, "  %-11s %s\n", k.experiment, strings.ReplaceAll(k.about, "\n", "\n"+strings.Repeat(" ", 14)))
	}
	return b.String() + referencesExamples
}

const referencesExamples = `
examples:
  kgtrain references denoise --scale 0.2
  kgtrain references denoise --experts 100 --coverage 0.2 --popular
  kgtrain references select --alpha 0.9,1 --shared 0.5
  kgtrain references generalize --in mine.tsv --clusters 500

flags:
`

const referencesTail = `
A vote counts all sentences about a head and a relation: greedy takes the most frequent
answer, T=1 each with its frequency. --paragraphs 0 is endless text.

exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted
`

func referencesCommand(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	var r references
	flags := cli.FlagSet(program + " references")
	r.addFlags(flags)
	flags.IntSliceVar(&r.experts, "experts", []int{1, 10, 100, 1000}, "numbers of experts; those over the number of edges are refused")
	cli.Floats(flags, &r.coverage, "coverage", nil, "coverages (default "+defaultCoverages()+")")
	cli.Floats(flags, &r.alpha, "alpha", []float64{0.8, 0.85, 0.9, 0.95, 1}, "select: how much experts know what they know")
	flags.Float64Var(&r.budget, "budget", expert.DefaultBudget, "select: size of the areas that an expert may know, as a multiple of what they know")
	flags.IntVar(&r.pairs, "pairs", 8, "select: compute Theorem 2.1 for the pairs of so many experts")
	flags.Float64Var(&r.temperature, "temperature", 1.5, "a temperature besides 0 and 1")
	flags.IntVar(&r.paragraphs, "paragraphs", 0, "count the sentences of so many paragraphs; 0 is endless text")
	flags.IntVar(&r.train, "train", 80000, "generalize: two-hop examples to learn from, at most")
	flags.IntVar(&r.heldOut, "held-out", 6133, "generalize: two-hop facts within areas that are held out, at scale 1")
	flags.IntVar(&r.across, "across", 64811, "generalize: two-hop facts across areas, at most")
	r.wrong.addFlags(flags)
	if err := cli.Parse(flags, args, stdout, cli.Help(flags, referencesHead(), referencesTail)); err != nil {
		return err
	}
	at := slices.IndexFunc(allKnown, func(k known) bool { return k.experiment == flags.Arg(0) })
	if flags.NArg() != 1 || at < 0 {
		err := cli.Usagef("want one experiment: %s", strings.Join(experimentNames(), ", "))
		if near := cli.Nearest(flags.Arg(0), experimentNames()); near != "" && flags.NArg() > 0 {
			return cli.WithHint(err, fmt.Sprintf("did you mean %s references %s?", program, near))
		}
		return err
	}
	k := &allKnown[at]
	if r.coverage == nil {
		r.coverage = k.coverage
	}
	g, err := r.graph(flags, stderr)
	if err != nil {
		return err
	}
	if err := r.check(k, g); err != nil {
		return err
	}
	if !flags.Changed("held-out") {
		r.heldOut = max(1, int(float64(r.heldOut)*r.share(g)))
	}
	return k.compute(&r, ctx, g, stdout, stderr)
}

// defaultCoverages says what --coverage is when it is not given.
func defaultCoverages() string {
	var parts []string
	for _, k := range allKnown {
		if k.coverage != nil {
			list := strings.ReplaceAll(strings.Trim(fmt.Sprint(k.coverage), "[]"), " ", ",")
			parts = append(parts, list+" for "+k.experiment)
		}
	}
	return strings.Join(parts, ", ")
}

// references are the settings of the command.
type references struct {
	origin
	wrong                  beliefs
	experts                []int
	coverage, alpha        []float64
	budget                 float64
	pairs, paragraphs      int
	temperature            float64
	train, heldOut, across int
}

// check refuses what cannot be before anything is computed.
func (r *references) check(k *known, g *kg.Graph) error {
	for _, n := range r.experts {
		if k.coverage != nil && (n < 1 || n > len(g.Edges)) {
			return cli.WithHint(cli.Usagef("--experts %d: want 1 to the graph's %d edges", n, len(g.Edges)), "give the numbers of experts, --experts 1,10,100, or a larger --scale")
		}
	}
	for _, share := range []struct {
		flag   string
		values []float64
	}{{"coverage", r.coverage}, {"alpha", r.alpha}, {"shared", []float64{r.wrong.shared}}} {
		for _, x := range share.values {
			if !(x >= 0 && x <= 1) {
				return cli.Usagef("--%s %g: want 0 to 1", share.flag, x)
			}
		}
	}
	switch {
	case !(r.temperature > 0) || math.IsInf(r.temperature, 1):
		return cli.Usagef("--temperature %g: want over 0", r.temperature)
	case r.paragraphs < 0 || r.pairs < 2:
		return cli.Usagef("--paragraphs %d and --pairs %d: want at least 0 and 2", r.paragraphs, r.pairs)
	case min(r.train, r.heldOut, r.across) < 1:
		return cli.Usagef("--train, --held-out and --across: want at least 1")
	case !(r.budget >= 1):
		return cli.Usagef("--budget %g: want at least 1", r.budget)
	}
	return nil
}

// cell is one combination's result.
type cell struct {
	Experts   int                           `json:"experts"`
	Coverage  float64                       `json:"coverage"`
	Alpha     *float64                      `json:"alpha,omitempty"`
	Ceiling   float64                       `json:"ceiling"`
	Known     *float64                      `json:"known,omitempty"`
	Vote      *reference.Vote               `json:"vote"`
	Condition *reference.SelectionCondition `json:"theorem_2_1,omitempty"`
}

// run computes a cell.
func (r *references) run(ctx context.Context, team *expert.Team) (*cell, error) {
	if err := team.Prepare(); err != nil {
		return nil, cli.Usagef("%w", err)
	}
	v, err := reference.Plurality(ctx, team, reference.Options{Paragraphs: r.paragraphs, Temperatures: []float64{r.temperature}, Threads: r.threads})
	if err != nil {
		return nil, err
	}
	return &cell{Experts: team.Experts, Vote: v}, nil
}

// table writes rows as they come, or all cells as JSON at the end.
type table struct {
	r      *references
	g      *kg.Graph
	stdout io.Writer
	cells  []*cell

	progress io.Writer
	total    int // cells that are to come
}

// during computes a cell under a live line that says which: large ones take seconds. The line is gone
// when a row is written, which may be in the same terminal.
func (t *table) during(experts int, coverage float64, compute func() error) error {
	status := cli.NewStatus(t.progress)
	defer status.Close()
	status.Set(float64(len(t.cells))/float64(t.total), fmt.Sprintf("%d of %d: %s experts, coverage %g", len(t.cells)+1, t.total, cli.Count(experts), coverage))
	return compute()
}

// newTable begins a table of so many cells.
func (r *references) newTable(g *kg.Graph, cells int, stdout, stderr io.Writer) *table {
	t := &table{r: r, g: g, stdout: stdout, progress: stderr, total: cells}
	if r.quiet {
		t.progress = io.Discard
	}
	return t
}

func (t *table) row(c *cell, format string, args ...any) {
	t.cells = append(t.cells, c)
	if !t.r.asJSON {
		fmt.Fprintf(t.stdout, format, args...)
	}
}

func (t *table) end(experiment string) error {
	if !t.r.asJSON {
		return nil
	}
	return cli.PrintJSON(t.stdout, map[string]any{"experiment": experiment, "graph": t.g.Fingerprint(), "seed": t.r.seed, "paragraphs": t.r.paragraphs,
		"popular": t.r.wrong.popular, "keep_truth": t.r.wrong.keepTruth, "shared": t.r.wrong.shared, "cells": t.cells})
}

func percent(x float64) string { return cli.Percent(x, 1) }

func (r *references) denoise(ctx context.Context, g *kg.Graph, stdout, stderr io.Writer) error {
	t := r.newTable(g, len(r.experts)*len(r.coverage), stdout, stderr)
	if !r.asJSON {
		fmt.Fprintf(stdout, "%7s %8s %8s %8s %8s %8s %8s   %s\n", "experts", "coverage", "greedy", "T=1", fmt.Sprintf("T=%g", r.temperature), "expert", "ceiling", "lowest by relation (greedy)")
	}
	for _, n := range r.experts {
		for _, c := range r.coverage {
			var x *cell
			if err := t.during(n, c, func() (err error) {
				x, err = r.run(ctx, &expert.Team{Graph: g, Experts: n, Seed: r.seed, Coverage: c, Corruption: r.wrong.corruption()})
				return err
			}); err != nil {
				return err
			}
			x.Coverage, x.Ceiling = c, reference.Ceiling(c, n)
			v := x.Vote
			t.row(x, "%7d %8g %8s %8s %8s %8s %8s   %s\n", n, c, percent(v.Greedy), percent(v.Sampled), percent(v.At[0].Accuracy), percent(v.Expert), percent(x.Ceiling), lowest(v))
		}
	}
	return t.end("denoise")
}

// lowest names the three relations with the lowest greedy accuracy.
func lowest(v *reference.Vote) string {
	rs := slices.Clone(v.Relations)
	slices.SortStableFunc(rs, func(a, b reference.RelationVote) int {
		switch {
		case a.Greedy < b.Greedy:
			return -1
		case a.Greedy > b.Greedy:
			return 1
		}
		return 0
	})
	var parts []string
	for _, x := range rs[:min(3, len(rs))] {
		parts = append(parts, fmt.Sprintf("%s %s", x.Name, percent(x.Greedy)))
	}
	return strings.Join(parts, ", ")
}

func (r *references) selection(ctx context.Context, g *kg.Graph, stdout, stderr io.Writer) error {
	areas, err := r.areas(ctx, g, stderr)
	if err != nil {
		return err
	}
	t := r.newTable(g, len(r.experts)*len(r.coverage)*len(r.alpha), stdout, stderr)
	if !r.asJSON {
		fmt.Fprintf(stdout, "%7s %8s %6s %8s %8s %8s %8s %8s %8s   %s\n", "experts", "coverage", "alpha", "greedy", "T=1", fmt.Sprintf("T=%g", r.temperature), "expert", "ceiling", "known", "Theorem 2.1: mean, holds, mixture better")
	}
	for _, n := range r.experts {
		for _, c := range r.coverage {
			for _, alpha := range r.alpha {
				team := &expert.Team{Graph: g, Experts: n, Seed: r.seed, Alpha: alpha, Cluster: areas, Corruption: r.wrong.corruption(),
					Specialists: &expert.Specialists{Coverage: c, Budget: r.budget}}
				var x *cell
				var known float64
				if err := t.during(n, c, func() (err error) {
					if x, err = r.run(ctx, team); err != nil {
						return err
					}
					if known, err = reference.Known(ctx, team); err != nil || n == 1 {
						return err
					}
					x.Condition, err = reference.Selection(ctx, team, r.pairs)
					return err
				}); err != nil {
					return err
				}
				x.Coverage, x.Alpha, x.Ceiling, x.Known = c, &alpha, reference.Ceiling(c, n), &known
				theorem := "-"
				if n > 1 {
					theorem = fmt.Sprintf("%+.4f, %s, %s", x.Condition.Mean, percent(x.Condition.Holds), percent(x.Condition.Better))
				}
				v := x.Vote
				t.row(x, "%7d %8g %6g %8s %8s %8s %8s %8s %8s   %s\n", n, c, alpha, percent(v.Greedy), percent(v.Sampled), percent(v.At[0].Accuracy), percent(v.Expert), percent(x.Ceiling), percent(known), theorem)
			}
		}
	}
	return t.end("select")
}

func (r *references) generalize(ctx context.Context, g *kg.Graph, stdout, stderr io.Writer) error {
	areas, err := r.areas(ctx, g, stderr)
	if err != nil {
		return err
	}
	split, err := g.SplitTwoHops(areas, r.seed, r.train, r.heldOut, r.across)
	if err != nil {
		return cli.WithHint(err, "larger areas (--clusters) hold more of them; --held-out takes fewer")
	}
	a2 := reference.Composition(g, areas, split.Train)
	held, across := reference.TwoHopBaselines(g, split.Train, split.HeldOut), reference.TwoHopBaselines(g, split.Train, split.Across)
	if r.asJSON {
		return cli.PrintJSON(stdout, map[string]any{"experiment": "generalize", "graph": g.Fingerprint(), "seed": r.seed, "train": len(split.Train),
			"held_out": len(split.HeldOut), "across": len(split.Across), "a2": a2, "baselines_held_out": held, "baselines_across": across})
	}
	fmt.Fprintf(stdout, "two-hop facts: %s to learn from, %s held out within areas, %s across areas (the paper's: 80,000, 6,133, 64,811)\n\n",
		cli.Count(len(split.Train)), cli.Count(len(split.HeldOut)), cli.Count(len(split.Across)))
	fmt.Fprintf(stdout, "%-44s %10s %10s   %s\n", "answers without reasoning", "held out", "across", "the paper's")
	for _, row := range []struct {
		what         string
		held, across float64
		paper        string
	}{
		{"head and answer are connected", held.Direct, across.Direct, "8.6%, 8.7%"},
		{"most common answer of the second relation", held.Majority, across.Majority, "15%, 20%"},
		{"most common answer of the two relations", held.PairMajority, across.PairMajority, ""},
		{"most common answer with the head in training", held.CoOccurrence, across.CoOccurrence, "under 5%"},
	} {
		fmt.Fprintf(stdout, "%-44s %10s %10s   %s\n", row.what, percent(row.held), percent(row.across), row.paper)
	}
	fmt.Fprintf(stdout, "\nappendix A.2: %s facts + κ < %s two-hop paths inside areas: holds for κ below %s\n", cli.Count(a2.Facts), cli.Count(a2.Bound), cli.Count(a2.Kappa))
	fmt.Fprintf(stdout, "different questions inside areas: %s, in training %s: composing is simpler for κ below %s\n", cli.Count(a2.Distinct), cli.Count(a2.Trained), cli.Count(a2.KappaTrained))
	return nil
}

// share is the size of the graph as a part of the paper's.
func (r *references) share(g *kg.Graph) float64 { return min(1, float64(len(g.Edges))/54500) }

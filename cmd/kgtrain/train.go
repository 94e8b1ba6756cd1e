package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"transcend/cmd/internal/compute"
	"transcend/internal/cli"
	"transcend/kg"
	"transcend/kg/experiment"
	"transcend/kg/gpt2"
	"transcend/kg/lab"
	"transcend/kg/text"
	"transcend/model"
	"transcend/model/xla"
)

const trainTail = `
presets: laptop  half an hour on two quiet cores; the statistics of the paper's graph, smaller
         paper   the paper's sizes: days, or a larger machine
         tiny    seconds; shows that everything works and decides nothing

Cells are kept in --out and done once: a command that was stopped goes on from there, and
several processes may share the directory. Cells are done side by side, a core each.

exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted
`

// training is the settings of a command that trains.
type training struct {
	settings    lab.Settings
	in          string
	templates   string
	init        string
	scale       float64
	graphSeed   uint64
	shared      float64
	out, only   string
	precision   string
	parallel    int
	threads     int
	checkpoints time.Duration
	keep        bool
	dryRun      bool
	quiet       bool
	asJSON      bool
}

// trainCommand returns the command that does experiments.
func trainCommand(name string, experiments ...lab.Experiment) subcommand {
	return func(ctx context.Context, stdout, stderr io.Writer, args []string) error {
		return runExperiments(ctx, stdout, stderr, args, name, experiments)
	}
}

func (o *training) addFlags(fs *pflag.FlagSet) {
	s := &o.settings
	fs.StringVar(&s.Preset, "preset", lab.PresetLaptop, "size: "+strings.Join(lab.Presets(), ", "))
	fs.StringVar(&o.out, "out", "kg-lab", "directory of all cells and reports")
	fs.StringVar(&o.only, "only", "", "do the cells whose names match, as 'n100-*'; commas between several; no report")
	fs.BoolVar(&o.dryRun, "dry-run", false, "show the cells and about how long they take")
	fs.IntVar(&s.Seeds, "seeds", 0, "seeds of every cell (default by preset)")
	fs.IntSliceVar(&s.Experts, "experts", nil, "numbers of experts (default by preset)")
	cli.Floats(fs, &s.Coverage, "coverage", nil, "shares of the facts that an expert has right (default by preset)")
	cli.Floats(fs, &s.Alpha, "alpha", nil, "select: how much experts keep to what they know (default by preset)")
	cli.Floats(fs, &s.Temperature, "temps", nil, "temperatures besides greedy (default 0.0001,0.001,0.1,1,1.5)")
	fs.StringVar(&o.in, "in", "", "take the graph from this .tsv or .nt (N-Triples) file instead of making one")
	fs.StringVar(&o.templates, "templates", "", "take the words for relations from this file")
	fs.Float64Var(&o.scale, "scale", 0, "size of the graph that is made; 1 is the paper's (default by preset)")
	fs.Uint64Var(&o.graphSeed, "graph-seed", 1, "seed of the graph and its areas of expertise")
	fs.BoolVar(&s.Popular, "popular", false, "false beliefs name popular entities more often")
	fs.BoolVar(&s.KeepTruth, "keep-truth", false, "a false belief may be true by accident")
	fs.BoolVar(&s.TailOnly, "tail-only", false, "false beliefs are about tails only, not about heads half of the time")
	fs.BoolVar(&s.Whole, "whole-paragraphs", false, "models read whole paragraphs, as in the preset paper, and not sentence by sentence")
	fs.Float64Var(&o.shared, "shared", 0, "share of false beliefs that are one misconception that all share, 0 to 1")
	fs.IntVar(&s.Steps, "steps", 0, "training steps of every cell (default by preset)")
	fs.IntVar(&s.Paragraphs, "paragraphs", 0, "train on so many paragraphs again and again, instead of new ones (default by preset)")
	fs.IntVar(&s.Rows, "rows", 0, "rows of a batch (default by preset)")
	fs.Float64Var(&s.LearningRate, "learning-rate", 0, "learning rate (default by preset and optimizer)")
	fs.StringVar(&s.Optimizer, "optimizer", "", strings.Join(model.Optimizers(), " or ")+" (default by preset)")
	fs.IntVar(&s.Layers, "layers", 0, "layers of the model (default by preset)")
	fs.IntVar(&s.Width, "width", 0, "width of the model, a multiple of 32 (default by preset)")
	fs.StringVar(&o.init, "init", "", "start from the GPT-2 in this directory: "+strings.Join(gpt2.Files, ", "))
	fs.StringVar(&o.precision, "precision", "auto", "factors of matrix products: bf16, f32, or auto, the faster one here")
	fs.IntVar(&o.parallel, "parallel", 0, "cells at once (default: one on each core)")
	fs.IntVar(&o.threads, "threads", 1, "threads of one cell; the result is the same for any number (default: 1, more where there are fewer cells than cores)")
	fs.DurationVar(&o.checkpoints, "checkpoint-time", 20*time.Second, "time between checkpoints of a training")
	fs.BoolVar(&o.keep, "keep-models", false, "leave each cell's model in its directory")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "print only the result and errors")
	fs.BoolVar(&o.asJSON, "json", false, "print report.json instead of the report, or the plan as JSON")
	cli.Alias(fs, "temps", "temperatures")
	cli.Alias(fs, "learning-rate", "lr")
}

// trainHead is the help before the flags of the command that does these experiments.
func trainHead(name string, experiments []lab.Experiment) string {
	var b strings.Builder
	if len(experiments) == 1 {
		e := experiments[0]
		fmt.Fprintf(&b, "%s\n\nusage: kgtrain %s [flags]\n\n%s\n\n", e.About, e.Name, e.Help)
	} else {
		fmt.Fprintf(&b, "All experiments, one after the other.\n\nusage: kgtrain all [flags]\n\n")
		for _, e := range experiments {
			fmt.Fprintf(&b, "  %-12s %s\n", e.Name, e.About)
		}
		fmt.Fprintln(&b)
	}
	fmt.Fprintf(&b, "examples:\n  kgtrain %s --dry-run\n  kgtrain %s --preset laptop --out results\n  kgtrain %s --preset tiny --out /tmp/tiny\n\nflags:\n", name, name, name)
	return b.String()
}

// cells are those of an experiment that were asked for, after a look whether each can be done.
func (o *training) cells(ctx context.Context, l *lab.Lab, e *lab.Experiment) ([]lab.Cell, error) {
	cells, err := e.Cells(o.settings)
	if err != nil {
		return nil, cli.Usagef("%w", err)
	}
	if cells, err = cli.Matching(o.only, cells, func(c *lab.Cell) string { return c.Name }); err != nil {
		return nil, err
	}
	for i := range cells {
		if _, err := l.Setup(ctx, &cells[i]); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, cli.Usagef("%s: cell %s: %w", e.Name, cells[i].Name, err)
		}
	}
	return cells, nil
}

// runExperiments does experiments one after the other: the command of one, or all.
func runExperiments(ctx context.Context, stdout, stderr io.Writer, args []string, name string, experiments []lab.Experiment) error {
	var o training
	fs := cli.FlagSet(program + " " + name)
	o.addFlags(fs)
	if err := cli.Parse(fs, args, stdout, cli.Help(fs, trainHead(name, experiments), trainTail)); err != nil {
		return err
	}
	if err := cli.NoArguments(fs, ""); err != nil {
		return err
	}
	for _, flag := range []string{"experts", "coverage", "alpha"} {
		if fs.Changed(flag) && !slices.ContainsFunc(experiments, func(e lab.Experiment) bool { return slices.Contains(e.Varies, flag) }) {
			return cli.WithHint(cli.Usagef("--%s: %s does not vary it", flag, name), "kgtrain "+name+" --help says what it varies")
		}
	}
	if err := o.check(fs); err != nil {
		return err
	}
	l := &lab.Lab{Dir: o.out, Program: cli.Version(), Parallel: o.parallel, CheckpointInterval: o.checkpoints, KeepModels: o.keep}
	plans := make([][]lab.Cell, len(experiments))
	for i := range experiments {
		var err error
		if plans[i], err = o.cells(ctx, l, &experiments[i]); err != nil {
			return err
		}
	}
	if !fs.Changed("threads") {
		o.threads = o.spare(l, plans)
	}
	l.Threads = o.threads
	var err error
	if l.Precision, err = useProducts(o.precision, o.threads); err != nil {
		return err
	}
	if o.dryRun {
		return o.plan(stdout, l, plans)
	}
	var reports []any
	for i := range experiments {
		report, err := o.run(ctx, stdout, stderr, l, &experiments[i], plans[i])
		if err != nil {
			return err
		}
		reports = append(reports, report)
	}
	switch {
	case !o.asJSON:
		return nil
	case len(reports) == 1:
		return cli.PrintJSON(stdout, reports[0])
	}
	return cli.PrintJSON(stdout, reports)
}

// spare is how many threads each cell has where there are more cores than cells left to do.
func (o *training) spare(l *lab.Lab, plans [][]lab.Cell) int {
	todo := 0
	for _, cells := range plans {
		for i := range cells {
			if !l.IsDone(&cells[i]) {
				todo++
			}
		}
	}
	return max(1, cmp.Or(o.parallel, runtime.NumCPU())/max(1, todo))
}

// check refuses what cannot be before anything is made.
func (o *training) check(fs *pflag.FlagSet) error {
	s := &o.settings
	switch {
	case s.Seeds < 0 || s.Seeds > 1000:
		return cli.Usagef("--seeds %d: want 1 to 1000", s.Seeds)
	case s.Steps < 0 || s.Steps > 1<<30 || s.Rows < 0 || s.Rows > 1<<16:
		return cli.Usagef("--steps %d and --rows %d: want numbers over 0", s.Steps, s.Rows)
	case s.Paragraphs < 0 || s.Paragraphs > 1<<40:
		return cli.Usagef("--paragraphs %d: want a number over 0", s.Paragraphs)
	case s.LearningRate < 0 || s.LearningRate > 10 || s.LearningRate != s.LearningRate:
		return cli.Usagef("--learning-rate %g: want a number over 0, at most 10", s.LearningRate)
	case s.Layers < 0 || s.Layers > 200 || s.Width < 0 || s.Width > 1<<14 || s.Width%32 != 0:
		return cli.Usagef("--layers %d and --width %d: want at most 200 layers, and a multiple of 32 as width", s.Layers, s.Width)
	case o.parallel < 0 || o.parallel > 4096 || o.threads < 1 || o.threads > 4096:
		return cli.Usagef("--parallel %d and --threads %d: want 1 to 4096", o.parallel, o.threads)
	case o.checkpoints <= 0:
		return cli.Usagef("--checkpoint-time %v: want a time over 0", o.checkpoints)
	case !(o.shared >= 0 && o.shared <= 1):
		return cli.Usagef("--shared %g: want 0 to 1", o.shared)
	case o.in != "" && fs.Changed("scale"):
		return cli.Usagef("--scale is the size of a graph that is made: it cannot be used with --in")
	case fs.Changed("scale") && !(o.scale > 0):
		return cli.Usagef("--scale %g: want a number over 0", o.scale)
	}
	if err := cli.OneOf("preset", s.Preset, lab.Presets()...); err != nil {
		return err
	}
	if s.Optimizer != "" {
		if err := cli.OneOf("optimizer", s.Optimizer, model.Optimizers()...); err != nil {
			return err
		}
	}
	for _, n := range s.Experts {
		if n < 1 {
			return cli.Usagef("--experts %d: want at least 1", n)
		}
	}
	for _, share := range []struct {
		flag   string
		values []float64
	}{{"coverage", s.Coverage}, {"alpha", s.Alpha}} {
		for _, x := range share.values {
			if !(x >= 0 && x <= 1) {
				return cli.Usagef("--%s %g: want 0 to 1", share.flag, x)
			}
		}
	}
	for _, t := range s.Temperature {
		if !(t > 0 && t <= 1e6) {
			return cli.WithHint(cli.Usagef("--temps %g: want over 0", t), "greedy, which is 0, is always among them")
		}
	}
	if fs.Changed("shared") {
		s.Shared = &o.shared
	}
	return o.readFiles(fs)
}

// readFiles reads what the flags name: what is wrong with it shows before anything is trained, and its hashes
// are a part of what cells are.
func (o *training) readFiles(fs *pflag.FlagSet) error {
	s := &o.settings
	s.Graph.Seed = o.graphSeed
	s.Graph.Scale = o.scale
	if o.in != "" {
		g, _, err := kg.ReadFile(o.in)
		if err != nil {
			return err
		}
		s.Graph.File, s.Graph.Fingerprint, s.Edges = o.in, g.Fingerprint(), len(g.Edges)
	}
	if o.init != "" {
		if err := o.checkInit(fs); err != nil {
			return err
		}
	}
	if o.templates != "" {
		if _, err := text.ReadTemplates(o.templates); err != nil {
			return err
		}
		hash, err := lab.HashFile(o.templates)
		if err != nil {
			return err
		}
		s.Graph.Templates, s.Graph.TemplatesHash = o.templates, hash
	}
	return nil
}

// checkInit reads the pretrained model.
func (o *training) checkInit(fs *pflag.FlagSet) error {
	for _, flag := range []string{"layers", "width"} {
		if fs.Changed(flag) {
			return cli.Usagef("--%s is the shape of a new model: it cannot be used with --init", flag)
		}
	}
	m, _, err := gpt2.Load(o.init)
	if err != nil {
		return err
	}
	o.settings.Init = o.init
	if have, want := m.Config().Context, experiment.Base(o.settings).Model.Context; have < want {
		return fmt.Errorf("the model in %s has a context of %d tokens, the preset %s needs %d", o.init, have, o.settings.Preset, want)
	}
	o.settings.InitHash, err = lab.HashFile(filepath.Join(o.init, "model.safetensors"))
	return err
}

// useProducts installs matrix products of as many threads as a cell has, and returns their
// precision.
func useProducts(name string, threads int) (string, error) {
	precision, err := compute.Precision(xla.Device{}, name)
	if err != nil {
		return "", err
	}
	return precision, compute.UseProductsOn(threads, precision)
}

// plan shows what would be done.
func (o *training) plan(w io.Writer, l *lab.Lab, plans [][]lab.Cell) error {
	cells := slices.Concat(plans...)
	if o.asJSON {
		return cli.PrintJSON(w, cells)
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "cell\texperts\tgraph\tmodel\tbudget\ttime on a core\t")
	seen := map[string]bool{}
	todo := 0
	var total time.Duration
	estimates := l.Estimates(cells)
	for i := range cells {
		c := &cells[i]
		budget := cli.Count(c.Training.Steps) + " steps"
		if c.Training.Steps == 0 {
			budget = fmt.Sprintf("%g epochs of %s", c.Training.Epochs, cli.Count(c.Text.Paragraphs))
		}
		state := "done"
		switch {
		case seen[c.Key()]:
			state = "the same as above"
		case !l.IsDone(c):
			total += estimates[i]
			todo++
			state = "about " + cli.Duration(estimates[i])
		}
		seen[c.Key()] = true
		graph := fmt.Sprintf("scale %g", c.Graph.Scale)
		if c.Graph.File != "" {
			graph = filepath.Base(c.Graph.File)
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\t%s\t\n", c.Name, cli.Count(c.Team.Experts), graph, c.Model, budget, state)
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	at := o.parallel
	if at == 0 {
		at = runtime.NumCPU()
	}
	_, err := fmt.Fprintf(w, "%d cells, %d to do, %d at once: about %s on quiet cores with AMX; a busy machine takes longer\n",
		len(cells), todo, at, cli.Duration(total/time.Duration(max(1, min(at, todo)))))
	return err
}

// run does an experiment and returns its report.json.
func (o *training) run(ctx context.Context, stdout, stderr io.Writer, l *lab.Lab, e *lab.Experiment, cells []lab.Cell) (any, error) {
	progress := stderr
	if o.quiet {
		progress = io.Discard
	}
	v := newTrainView(progress, l, cells)
	defer v.close()
	l.Progress = v.show
	l.Warn = func(text string) { v.block.Printf("warning: %s", text) }
	done, use, err := l.DoAll(ctx, e, cells)
	v.close()
	if err != nil {
		if ctx.Err() != nil {
			return nil, cli.WithHint(fmt.Errorf("stopped: %w", context.Canceled), "the same command goes on from here")
		}
		return nil, err
	}
	if use.Cells > 0 {
		fmt.Fprintln(progress, use)
	}
	if o.only != "" {
		return done, o.printCells(stdout, done)
	}
	report, err := lab.NewReport(e, o.settings, done, use)
	if err != nil {
		return nil, err
	}
	files, err := report.Write(l)
	if err != nil {
		return nil, err
	}
	if !o.asJSON {
		if _, err := fmt.Fprintln(stdout, report.Markdown(".png")); err != nil {
			return nil, err
		}
		fmt.Fprintf(progress, "%s\n", strings.Join(files, "\n"))
	}
	return report.JSON(), nil
}

// printCells prints a line for each cell: what --only shows.
func (o *training) printCells(w io.Writer, done []*lab.Done) error {
	if o.asJSON {
		return nil
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(tab, "cell\tloss\t")
	for _, t := range done[0].Result.Facts.Temperatures {
		fmt.Fprintf(tab, "%s\t", temperatureName(t))
	}
	fmt.Fprintln(tab, "vote\tvote, T=1\ttokens\ttok/s\ttraining\tquestions\tvotes\t")
	for _, d := range done {
		r := &d.Result
		fmt.Fprintf(tab, "%s\t%.3f\t", d.Cell.Name, r.Training.Loss)
		for _, x := range r.Facts.All {
			fmt.Fprintf(tab, "%s\t", percent(x.Mean))
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\t%.1f s\t%.1f s\t\n", percent(r.Vote.Greedy), percent(r.Vote.Sampled), cli.SI(float64(r.Training.Tokens)),
			cli.SI(float64(r.Training.Tokens)/r.Training.Seconds), cli.Duration(time.Duration(r.Training.Seconds*float64(time.Second))), r.Asking, r.Counting)
	}
	return tab.Flush()
}

func temperatureName(t float64) string {
	if t == 0 {
		return "greedy"
	}
	return fmt.Sprintf("T=%g", t)
}

// trainView shows how cells get on: a live table of those at work, and a plain line for each that is
// done; in a pipe also one every half minute.
type trainView struct {
	block    *cli.Block
	cells    []lab.Cell
	at       map[int]lab.Progress // by worker
	fraction []float64
	weight   []float64 // expected seconds, of cells that were not done before
	done     int
	began    time.Time
	said     time.Time
}

func newTrainView(w io.Writer, l *lab.Lab, cells []lab.Cell) *trainView {
	v := &trainView{block: cli.NewBlock(w), cells: cells, at: map[int]lab.Progress{}, fraction: make([]float64, len(cells)), began: time.Now(), said: time.Now()}
	for _, d := range l.Estimates(cells) {
		v.weight = append(v.weight, d.Seconds())
	}
	return v
}

func (v *trainView) show(p lab.Progress) {
	v.fraction[p.Cell] = p.Fraction
	v.at[p.Worker] = p
	if p.Done != nil {
		delete(v.at, p.Worker)
		v.done++
		if v.weight[p.Cell] > 0 { // otherwise it was done before
			r := &p.Done.Result
			var shares []string
			for i, x := range r.Facts.All {
				if t := r.Facts.Temperatures[i]; t == 0 || t >= 1 {
					shares = append(shares, fmt.Sprintf("%s %s", temperatureName(t), percent(x.Mean)))
				}
			}
			v.block.Printf("%d/%d %s: %s; vote %s; loss %.3f, %s tok/s, %s", v.done, len(v.cells), p.Done.Cell.Name, strings.Join(shares, ", "), percent(r.Vote.Greedy),
				r.Training.Loss, cli.SI(float64(r.Training.Tokens)/r.Training.Seconds), cli.Duration(time.Duration((r.Training.Seconds+r.Asking+r.Counting)*float64(time.Second))))
		}
	}
	if !v.block.Live() {
		if time.Since(v.said) >= 30*time.Second {
			v.said = time.Now()
			v.block.Printf("%s", v.summary())
			for _, line := range v.lines() {
				v.block.Printf("%s", line)
			}
		}
		return
	}
	v.block.Set(append(v.lines(), v.summary()))
}

func (v *trainView) lines() []string {
	var lines []string
	for w := range v.at {
		lines = append(lines, fmt.Sprintf("  %-28s %4.0f%%  loss %.3f  %s", v.cells[v.at[w].Cell].Name, 100*v.at[w].Fraction, v.at[w].Loss, v.at[w].Text))
	}
	slices.Sort(lines)
	return lines
}

// summary says how much is done, and when the rest will be.
func (v *trainView) summary() string {
	var all, have float64
	for i, w := range v.weight {
		all += w
		have += w * v.fraction[i]
	}
	s := fmt.Sprintf("%d of %d cells", v.done, len(v.cells))
	if spent := time.Since(v.began); have > 0.01*all && spent > 5*time.Second {
		s += ", left about " + cli.Duration(time.Duration(float64(spent)*(all-have)/have))
	}
	return s
}

func (v *trainView) close() { v.block.Close() }

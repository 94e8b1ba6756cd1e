package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"transcend/analysis/experiment"
	"transcend/analysis/lab"
	"transcend/analysis/lab/judge"
	"transcend/cmd/internal/compute"
	"transcend/data"
	"transcend/engine/device"
	"transcend/internal/cli"
	"transcend/model/xla"
)

const experimentHelp = `Run an experiment with simulated players: games, training, matches, ratings, verdict.

usage: chesstrain experiment NAME [flags]
       chesstrain experiment list
       chesstrain experiment NAME --help      what NAME is about

examples:
  chesstrain experiment list
  chesstrain experiment denoise --preset quick
  chesstrain experiment denoise --dry-run                the plan, and about how long it takes
  chesstrain experiment denoise --only 'rho0.5-seed*'    some cells of it
  chesstrain experiment denoise --out /data/lab          go on there, or begin

experiments:
`

const experimentTail = `
An experiment is a list of cells: a corpus, a model, a training and a seed. Each is done once
and kept below --out, and a stopped or killed command goes on when it is started again;
two of them at once divide the cells. Experiments share cells that are the same. The results are
OUT/NAME/report.md, report.json and the pictures.

--preset tiny ends within seconds and only shows that everything works.

exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (start it again to go on)
`

type experimentOptions struct {
	settings     lab.Settings
	out, only    string
	time         time.Duration
	checkpoints  time.Duration
	precision    string
	threads      int
	device       device.Flags // of decoding
	atOnce       int
	dryRun, json bool
	quiet        bool
}

// runExperiment is the subcommand experiment.
func runExperiment(ctx context.Context, _ io.Reader, stdout, stderr io.Writer, args []string) error {
	var o experimentOptions
	fs := cli.FlagSet(program + " experiment")
	fs.StringVar(&o.settings.Preset, "preset", lab.PresetDefault, "size: default (hours on two cores), quick (minutes), tiny (seconds, decides nothing)")
	fs.StringVar(&o.out, "out", "experiments", "directory of all cells and reports")
	fs.StringVar(&o.only, "only", "", "do the cells whose names match, as 'rho0.5-*'; commas between several")
	fs.IntVar(&o.settings.Seeds, "seeds", 0, "training seeds of the headline cells (default by preset)")
	fs.StringVar(&o.settings.Input, "input", "", "what models are shown, moves or board (default by experiment)")
	fs.IntVar(&o.settings.Steps, "steps", 0, "training steps of every cell (default by preset)")
	fs.DurationVar(&o.time, "time", 0, "time to train every cell instead of steps, as 5m: other machines then train more or less")
	fs.StringVar(&o.precision, "precision", "auto", "factors of matrix products: bf16, f32, or auto, the faster one here")
	compute.AddThreads(fs, &o.threads, "results do not depend on it")
	o.device.Add(fs)
	fs.Lookup("device").Usage = "where models play; they are trained on the CPU: " + strings.TrimPrefix(fs.Lookup("device").Usage, "where models compute: ")
	fs.IntVar(&o.atOnce, "games-at-once", 0, "games that go on at once (default 64; a GPU wants many)")
	fs.DurationVar(&o.checkpoints, "checkpoint-time", 20*time.Second, "time between checkpoints of a training")
	fs.BoolVar(&o.dryRun, "dry-run", false, "show the cells and about how long they take")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "print only the result and errors")
	fs.BoolVar(&o.json, "json", false, "print report.json instead of the report, or the list or the plan as JSON")
	all := experiment.Experiments()
	err := cli.Parse(fs, args, stdout, func(w io.Writer) { helpExperiment(w, fs, all, args) })
	if err != nil {
		return err
	}
	if fs.NArg() != 1 {
		return cli.WithHint(cli.Usagef("which experiment? One name is needed"), program+" experiment list")
	}
	name := fs.Arg(0)
	if name == "list" {
		return cli.ListNamed(stdout, namedExperiments(all), o.json)
	}
	i, err := cli.FindNamed("experiment", name, namedExperiments(all))
	if err != nil {
		return err
	}
	return o.run(ctx, stdout, stderr, &all[i])
}

// helpExperiment is the help of all, or of the one that is named.
func helpExperiment(w io.Writer, fs *pflag.FlagSet, all []judge.Experiment, args []string) {
	for _, e := range all {
		if slices.Contains(args, e.Name) {
			fmt.Fprintf(w, "%s: %s\n\n%s\n\n", e.Name, e.About, e.Help)
		}
	}
	var list strings.Builder
	_ = cli.Tabulate(&list, "  ", namedExperiments(all)) // a Builder takes everything
	cli.Help(fs, experimentHelp+list.String()+"\nflags:\n", experimentTail)(w)
}

func namedExperiments(all []judge.Experiment) (list []cli.Named) {
	for _, e := range all {
		list = append(list, cli.Named{Name: e.Name, About: e.About, Help: e.Help})
	}
	return list
}

// check checks the flags, with the number of cores in the place of 0.
func (o *experimentOptions) check() error {
	switch {
	case o.settings.Seeds < 0 || o.settings.Steps < 0 || o.time < 0 || o.checkpoints < 0:
		return cli.Usagef("--seeds, --steps, --time and --checkpoint-time must not be negative")
	case o.settings.Steps > 0 && o.time > 0:
		return cli.WithHint(cli.Usagef("--steps and --time are both budgets"), "give one of them")
	case o.atOnce < 0 || o.atOnce > 1<<14:
		return cli.Usagef("--games-at-once %d: must be between 1 and %d", o.atOnce, 1<<14)
	}
	if err := compute.AllCores(&o.threads); err != nil {
		return err
	}
	if err := o.device.Check(); err != nil {
		return err
	}
	if err := cli.OneOf("preset", o.settings.Preset, lab.Presets()...); err != nil {
		return err
	}
	if o.settings.Input != "" {
		if err := cli.OneOf("input", o.settings.Input, data.InputMoves, data.InputBoard); err != nil {
			return err
		}
	}
	o.settings.Time = o.time.Seconds()
	return nil
}

// run does an experiment, or shows its plan.
func (o *experimentOptions) run(ctx context.Context, stdout, stderr io.Writer, e *judge.Experiment) error {
	if err := o.check(); err != nil {
		return err
	}
	cells, err := e.Cells(o.settings)
	if err != nil {
		return cli.Usagef("%w", err)
	}
	if cells, err = cli.Matching(o.only, cells, func(c *lab.Cell) string { return c.Name }); err != nil {
		return err
	}
	precision, err := compute.Precision(xla.Device{}, o.precision)
	if err != nil {
		return err
	}
	if err := compute.UseProducts(precision, o.threads); err != nil {
		return err
	}
	place := &lab.Lab{Dir: o.out, Program: cli.Version(), Precision: precision, Threads: o.threads, CheckpointInterval: o.checkpoints, AtOnce: o.atOnce}
	if o.dryRun {
		return o.plan(stdout, place, cells)
	}
	progress := stderr
	if o.quiet {
		progress = io.Discard
	}
	place.Warn = func(text string) { fmt.Fprintf(stderr, "warning: %s\n", text) }
	done, err := o.do(ctx, place, &e.Experiment, cells, progress)
	if err != nil {
		if ctx.Err() != nil {
			return cli.WithHint(fmt.Errorf("stopped: %w", context.Canceled), "the same command goes on from here")
		}
		return err
	}
	report, err := judge.NewReport(e, o.settings, done)
	if err != nil {
		return err
	}
	files, err := report.Write(place)
	if err != nil {
		return err
	}
	if o.json {
		return cli.PrintJSON(stdout, report.JSON())
	}
	if _, err := fmt.Fprint(stdout, report.Markdown()); err != nil {
		return err
	}
	fmt.Fprintf(progress, "%s\n", strings.Join(files, "\n"))
	return nil
}

// do does what is missing of the cells, and shows the progress.
func (o *experimentOptions) do(ctx context.Context, place *lab.Lab, e *lab.Experiment, cells []lab.Cell, progress io.Writer) ([]*lab.Done, error) {
	status := cli.NewStatus(progress)
	defer status.Close()
	v := &experimentView{status: status, cells: cells}
	place.Progress = v.show
	place.Decoders = o.device.Decoders(func(format string, args ...any) { status.Printf(format, args...) })
	defer place.Decoders.Close()
	return place.DoAll(ctx, e, cells, v.begin)
}

// plan shows what would be done.
func (o *experimentOptions) plan(w io.Writer, place *lab.Lab, cells []lab.Cell) error {
	if o.json {
		return cli.PrintJSON(w, cells)
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "cell\texperts\tgames\tmodel\tbudget\ttime\t")
	var total time.Duration
	estimates := place.Estimates(cells)
	for i := range cells {
		c := &cells[i]
		model, budget := "none", "-"
		if !c.Model.None() {
			model = c.Model.String()
			if budget = cli.Count(c.Training.Steps) + " steps"; c.Training.Steps == 0 {
				budget = cli.Duration(time.Duration(c.Training.Seconds * float64(time.Second)))
			}
		}
		state := "done"
		if !place.IsDone(c) {
			total += estimates[i]
			state = "about " + cli.Duration(estimates[i])
		}
		experts := c.Corpus.Players[0]
		if n := len(c.Corpus.Players); n > 1 {
			experts += fmt.Sprintf(" and %d more", n-1)
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\t%s\t\n", c.Name, experts, cli.Count(c.Corpus.Games), model, budget, state)
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d cells, about %s on two quiet cores; a busy machine takes longer\n", len(cells), cli.Duration(total))
	return err
}

// experimentView shows the progress: a live line, or a plain one every ten seconds.
type experimentView struct {
	status *cli.Status
	cells  []lab.Cell
	at     int
	last   time.Time
}

func (v *experimentView) begin(i int) {
	v.at = i
	v.status.Printf("cell %d of %d: %s", i+1, len(v.cells), v.cells[i].Name)
}

func (v *experimentView) show(done float64, text string) {
	text = v.cells[v.at].Name + ": " + text
	if v.status.Live() {
		v.status.Set((float64(v.at)+min(done, 1))/float64(len(v.cells)), " "+text)
		return
	}
	if now := time.Now(); now.Sub(v.last) >= 10*time.Second {
		v.last = now
		v.status.Printf("%s", text)
	}
}

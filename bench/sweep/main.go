// Sweep runs chesstrain once for every combination of some flags' values and
// writes a table of what came out, and the curves as a picture:
//
//	go build -o chesstrain ./cmd/chesstrain
//	go run ./bench/sweep --out sweeps/tiny --vary optimizer=adamw,muon --vary learning-rate=1e-3,2e-3,4e-3 -- \
//		--pgn 'games/*.pgn.zst' --max-elo 1500 --preset tiny --steps 400
//
// What is behind -- goes to every run. Runs that are finished are not made
// again and interrupted ones are resumed, so the command can be repeated, with more
// values too.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"transcend/internal/atomicfile"
	"transcend/internal/cli"
)

func main() { cli.Main(execute) }

func execute(ctx context.Context, _ io.Reader, stdout, stderr io.Writer, args []string) int {
	if err := sweep(ctx, stdout, stderr, args); err != nil {
		return cli.Fail(stderr, "sweep", err)
	}
	return cli.ExitOK
}

// axis is a flag and the values it takes.
type axis struct {
	flag   string
	values []string
}

// outcome is a run and what came of it.
type outcome struct {
	values []string // of the axes
	dir    string

	ValidationLoss float64 `json:"validation_loss"`
	Seconds        float64 `json:"elapsed_s"`
}

func sweep(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	flags := pflag.NewFlagSet("sweep", pflag.ContinueOnError)
	flags.SortFlags = false
	program := flags.String("chesstrain", "./chesstrain", "the program")
	out := flags.String("out", "sweep", "directory of the runs")
	vary := flags.StringArray("vary", nil, "flag=value,value,... of chesstrain; may be repeated")
	picture := flags.String("plot", "", "write the curves of validation loss there (.svg or .png)")
	err := cli.Parse(flags, args, stdout, func(w io.Writer) {
		fmt.Fprintf(w, "usage: sweep --vary learning-rate=1e-3,2e-3 --out DIR -- CHESSTRAIN-FLAGS\n\n%s", flags.FlagUsages())
	})
	if err != nil {
		return err
	}
	var axes []axis
	for _, v := range *vary {
		name, values, ok := strings.Cut(v, "=")
		if !ok || values == "" {
			return cli.Usagef("--vary %s: want flag=value,value", v)
		}
		axes = append(axes, axis{strings.TrimLeft(name, "-"), strings.Split(values, ",")})
	}
	var done []outcome
	for _, values := range combinations(axes) {
		o, err := train(ctx, stderr, *program, *out, axes, values, flags.Args())
		if err != nil {
			return err
		}
		done = append(done, o)
	}
	if *picture != "" {
		if err := drawCurves(*picture, done); err != nil {
			return err
		}
	}
	return writeTable(stdout, axes, done)
}

// combinations lists the values of all axes, the last one changing fastest.
func combinations(axes []axis) [][]string {
	all := [][]string{nil}
	for _, a := range axes {
		var longer [][]string
		for _, head := range all {
			for _, v := range a.values {
				longer = append(longer, append(head[:len(head):len(head)], v))
			}
		}
		all = longer
	}
	return all
}

// train makes one run, or what is missing of it, or reads what it gave.
func train(ctx context.Context, stderr io.Writer, program, out string, axes []axis, values, common []string) (outcome, error) {
	var words, flags []string
	for i, v := range values {
		words = append(words, axes[i].flag+"="+v)
		flags = append(flags, "--"+axes[i].flag+"="+v)
	}
	o := outcome{values: values, dir: filepath.Join(out, strings.ReplaceAll(strings.Join(words, ","), string(filepath.Separator), "_"))}
	result := filepath.Join(o.dir, "evaluation.json")
	if _, err := os.Stat(result); errors.Is(err, fs.ErrNotExist) {
		arguments := append(append([]string{"train", "--quiet", "--json", "--out", o.dir}, common...), flags...)
		if _, err := os.Stat(filepath.Join(o.dir, "run.json")); err == nil {
			arguments = []string{"train", "--quiet", "--json", "--resume", "--out", o.dir}
		}
		c := exec.CommandContext(ctx, program, arguments...)
		c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
		c.Stderr = stderr
		if err := c.Run(); err != nil {
			return o, fmt.Errorf("%s %s: %w", program, strings.Join(arguments, " "), err)
		}
	}
	b, err := os.ReadFile(result)
	if err == nil {
		err = json.Unmarshal(b, &o)
	}
	if err != nil {
		return o, fmt.Errorf("reading what a run gave (%s): %w", result, err)
	}
	fmt.Fprintf(stderr, "%s: %.4f in %.0f s\n", o.dir, o.ValidationLoss, o.Seconds)
	return o, nil
}

// writeTable writes Markdown, a run a row.
func writeTable(w io.Writer, axes []axis, runs []outcome) error {
	b := bufio.NewWriter(w)
	for _, a := range axes {
		fmt.Fprintf(b, "| %s ", a.flag)
	}
	fmt.Fprintf(b, "| validation loss | seconds |\n%s|--:|--:|\n", strings.Repeat("|---", len(axes)))
	for _, o := range runs {
		for _, v := range o.values {
			fmt.Fprintf(b, "| %s ", v)
		}
		fmt.Fprintf(b, "| %.4f | %.0f |\n", o.ValidationLoss, o.Seconds)
	}
	return b.Flush()
}

// point of a curve.
type point struct{ step, loss float64 }

// curve reads the validation losses of a run.
func curve(dir string) ([]point, error) {
	f, err := os.Open(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var points []point
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var m struct {
			Step int      `json:"step"`
			Loss *float64 `json:"validation_loss"`
		}
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		if m.Loss != nil && !math.IsNaN(*m.Loss) {
			points = append(points, point{float64(m.Step), *m.Loss})
		}
	}
	return points, lines.Err()
}

// save writes a picture whole or not at all.
func save(path string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, 0o644, b.Bytes())
}

package main

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"time"

	"transcend/analysis"
	"transcend/data"
	"transcend/data/filter"
	"transcend/internal/cli"
	"transcend/model/blas"
)

// outcome is what a run ends with, as --json prints it.
type outcome struct {
	Run            string         `json:"run"`
	Checkpoint     string         `json:"checkpoint"`
	Steps          int            `json:"steps"`
	ElapsedSeconds float64        `json:"elapsed_s"`
	Seed           uint64         `json:"seed"`
	Tokenizer      string         `json:"tokenizer"`
	Input          string         `json:"input"` // data.InputMoves or data.InputBoard
	Preset         string         `json:"preset"`
	Parameters     int            `json:"parameters"`
	TrainingLoss   float64        `json:"training_loss"`
	ValidationLoss float64        `json:"validation_loss"`
	Moves          analysis.Moves `json:"moves"`
	Corpus         filter.Report  `json:"corpus"`
	Machine        string         `json:"machine"` // that the run ended on

	unit string // what the loss is of, data.Tokenizer's
}

// machine says what a run was made on, as far as it decides how long that took.
func machine(threads int) string {
	text := fmt.Sprintf("%s/%s, %d threads", runtime.GOOS, runtime.GOARCH, threads)
	if kernels, err := blas.New(blas.Options{}); err == nil {
		text += ", " + kernels.Level().String()
	}
	return text
}

func (o *outcome) writeText(w io.Writer) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-18s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("input", "%s", map[string]string{data.InputMoves: "moves", data.InputBoard: "board: the model saw the board before each move"}[o.Input])
	line("steps", "%s in %s", cli.Count(o.Steps), cli.Duration(time.Duration(o.ElapsedSeconds*float64(time.Second))))
	line("validation loss", "%.4f nats a %s (training %.4f)", o.ValidationLoss, o.unit, o.TrainingLoss)
	m := o.Moves
	n := float64(m.Positions)
	line("move match", "%s of %s held-out positions (argmax is the move played)", cli.Percent(float64(m.Match), n), cli.Count(m.Positions))
	line("legal moves", "%s argmax, %s at T=1", cli.Percent(float64(m.LegalArgmax), n), cli.Percent(float64(m.LegalSampled), n))
	for _, p := range m.ByPly {
		line("", "plies %3d-%-3d  match %6s  legal %6s argmax %6s T=1  (%s)", p.From, p.To,
			cli.Percent(float64(p.Match), float64(p.Positions)), cli.Percent(float64(p.LegalArgmax), float64(p.Positions)),
			cli.Percent(float64(p.LegalSampled), float64(p.Positions)), cli.Count(p.Positions))
	}
	line("checkpoint", "%s", o.Checkpoint)
	line("play it", "arena --temp 0.001 --model %s", o.Run)
	_, err := io.WriteString(w, b.String())
	return err
}

// finite makes a number fit for JSON, which has no NaN.
func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}

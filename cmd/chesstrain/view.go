package main

import (
	"fmt"
	"math"
	"time"

	"transcend/internal/cli"
	"transcend/model/run"
)

// view shows a run's progress: a live line on a terminal, a line now and then
// elsewhere.
type view struct {
	status   *cli.Status
	warnf    func(format string, args ...any)
	every    int // steps between plain lines; 0: by time
	last     time.Time
	interval time.Duration
	flops    float64 // a position, forward and backward
	kept     string
}

func newView(t *trainRun) *view {
	v := &view{
		status: cli.NewStatus(t.stderr),
		every:  t.logEvery,
		flops:  t.Model.FLOPsPerToken(t.Model.Context),
		kept:   cli.Percent(float64(t.report.Kept), float64(t.report.Seen)),
	}
	v.warnf = v.status.Printf
	if t.quiet {
		v.warnf = func(format string, args ...any) { fmt.Fprintf(t.warnings, format+"\n", args...) }
	}
	if v.every == 0 && t.Trainer.Steps > 0 {
		v.every = max(1, t.Trainer.Steps/50)
	}
	if t.Time > 0 {
		v.interval = min(time.Minute, time.Duration(t.Time)/50)
	}
	return v
}

func (v *view) close() { v.status.Close() }

func (v *view) observe(e run.Event) {
	v.status.Set(e.Fraction, " "+v.line(e))
	if e.Warning != nil {
		v.warnf("warning: no checkpoint was written; trying again later: %v", e.Warning)
	}
	switch {
	case e.Validated:
		v.plain(e)
	case v.status.Live():
	case v.every > 0 && e.Step%v.every == 0, v.every == 0 && time.Since(v.last) >= v.interval:
		v.plain(e)
	}
}

func (v *view) plain(e run.Event) {
	v.last = time.Now()
	v.status.Printf("%s", v.line(e))
}

// line is the state of the run in one line.
func (v *view) line(e run.Event) string {
	steps := cli.Count(e.Step)
	if e.Steps > 0 {
		steps += "/" + cli.Count(e.Steps)
	}
	validation := "-"
	if !math.IsNaN(e.ValidationLoss) {
		validation = fmt.Sprintf("%.4f", e.ValidationLoss)
	}
	return fmt.Sprintf("step %s  loss %.4f  val %s  %s tok/s  %.1f GFLOP/s  kept %s  left %s",
		steps, e.Loss, validation, cli.SI(e.TokensPerSecond), e.PositionsPerSecond*v.flops/1e9, v.kept, cli.Duration(e.Left))
}

package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"transcend/internal/atomicfile"
	"transcend/model"
)

// progressFile is in every checkpoint: what of the run is neither the model's
// nor the trainer's.
const progressFile = "progress.json"

// progress is the content of progressFile.
type progress struct {
	ElapsedSeconds float64 `json:"elapsed_s"`
}

// Options say how a run is carried out. They do not change what is computed,
// apart from Budget, which decides when the run ends.
type Options struct {
	// Budget ends the run by time: the warm-up-stable-decay schedule stays on
	// its plateau until the decay fills the rest. 0: the trainer's number of
	// steps ends it. Time spent before a resume counts.
	Budget time.Duration
	// Start is when the work on this run began, for Budget; reading the data
	// counts. Zero: now.
	Start time.Time

	EvalEvery          int           // steps between validations; 0: only at the end
	CheckpointEvery    int           // steps between checkpoints; 0: by CheckpointInterval
	CheckpointInterval time.Duration // time between checkpoints; 0: only at the end
	Keep               int           // newest checkpoints kept; 0: all

	// Patience is how long the end of a run waits, trying again and again, when
	// the last checkpoint cannot be written: on a full disk, what was trained
	// must not be lost before somebody made room.
	Patience time.Duration
	// retryAfter is the time between these tries; 0: ten seconds.
	retryAfter time.Duration

	// Validate returns the validation loss in nats a token.
	Validate func(context.Context) (float64, error)
	// Files are put into every checkpoint beside the model.
	Files map[string][]byte
	// Observe is called after every step, evaluation and checkpoint.
	Observe func(Event)
}

// Event is what a run tells its observer.
type Event struct {
	Step  int // steps made
	Steps int // steps in all; 0 while a time budget has not fixed it
	// Fraction is the share of the budget that is used.
	Fraction float64
	// Stats are the step's.
	Stats model.StepStats
	// Loss is the training loss, averaged over the last steps.
	Loss float64
	// TokensPerSecond counts the targets of the last steps.
	TokensPerSecond float64
	// PositionsPerSecond counts all positions that went through the model.
	PositionsPerSecond float64
	Elapsed, Left      time.Duration

	Validated      bool    // a validation was made after this step
	ValidationLoss float64 // the newest; NaN before the first
	Checkpoint     string  // set when a checkpoint was written after this step
	Warning        error   // a checkpoint could not be written; another try follows
}

// Result is how a run ended.
type Result struct {
	Step           int
	Loss           float64 // training loss, averaged over the last steps
	ValidationLoss float64 // at the end; NaN without Validate
	Checkpoint     string  // the last one
	Elapsed        time.Duration
	Tokens         int64 // targets trained on by this call
}

// Resume loads the newest checkpoint of the run and continues from it: the
// trainer, with src set to where it was. When there is no checkpoint yet the
// error is fs.ErrNotExist and the caller starts from the beginning.
func (d *Dir) Resume(src model.Source) (*model.Trainer, error) {
	latest, err := model.LatestCheckpoint(d.path)
	if err != nil {
		return nil, err
	}
	return model.ResumeTrainer(latest, src)
}

// Train steps t until its steps are made or the time is used up, writing
// metrics and checkpoints into d. When ctx ends, Train writes a checkpoint and
// returns what it has with the context's error. A checkpoint that cannot be
// written is a warning while training goes on and an error at the end.
func (d *Dir) Train(ctx context.Context, t *model.Trainer, o Options) (Result, error) {
	l := &loop{dir: d, t: t, o: o, validation: math.NaN()}
	if l.o.Start.IsZero() {
		l.o.Start = time.Now()
	}
	if l.o.Observe == nil {
		l.o.Observe = func(Event) {}
	}
	if t.Config().Steps == 0 && o.Budget == 0 {
		return Result{}, errors.New("run: neither a number of steps nor a time to train for")
	}
	if err := l.restore(); err != nil {
		return Result{}, err
	}
	path := filepath.Join(d.path, MetricsFile)
	if err := trimMetrics(path, t.StepsDone(), l.done()); err != nil {
		return Result{}, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return Result{}, fmt.Errorf("run: %w", err)
	}
	l.metrics = f
	result, err := l.run(ctx)
	if closeErr := f.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("run: %w", closeErr)
	}
	return result, err
}

// loop is the state of one Train call.
type loop struct {
	dir     *Dir
	t       *model.Trainer
	o       Options
	metrics *os.File

	before     time.Duration // spent on this run by earlier processes
	validation float64
	checkpoint string // newest
	saved      int    // step of the newest checkpoint
	savedAt    time.Time
	tokens     int64
	window     window
}

// restore reads what an earlier process spent on the run.
func (l *loop) restore() error {
	l.savedAt = time.Now()
	latest, err := model.LatestCheckpoint(l.dir.path)
	if errors.Is(err, fs.ErrNotExist) || l.t.StepsDone() == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(latest, progressFile))
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	var p progress
	if err := json.Unmarshal(b, &p); err != nil {
		return fmt.Errorf("run: %s: %w", filepath.Join(latest, progressFile), err)
	}
	l.before = time.Duration(p.ElapsedSeconds * float64(time.Second))
	l.checkpoint, l.saved = latest, l.t.StepsDone()
	// One that was killed behind its last save has left the checkpoints before.
	return l.prune()
}

func (l *loop) prune() error {
	if l.o.Keep == 0 {
		return nil
	}
	return model.PruneCheckpoints(l.dir.path, l.o.Keep)
}

func (l *loop) elapsed() time.Duration { return l.before + time.Since(l.o.Start) }

func (l *loop) run(ctx context.Context) (Result, error) {
	for !l.done() {
		if ctx.Err() != nil {
			return l.interrupted(ctx)
		}
		began := time.Now()
		made, err := l.t.Steps(l.launch())
		for i, stats := range made {
			last := i == len(made)-1
			l.window.add(stats, l.t.PositionsPerStep(), time.Since(began)/time.Duration(len(made)))
			l.tokens += int64(stats.Tokens)
			if last {
				l.fixEnd()
			}
			e := l.event(stats)
			e.Step = stats.Step
			if err := l.record(stepRecord(e)); err != nil {
				return l.ended(err)
			}
			if last && err == nil {
				if err := l.look(ctx, &e); err != nil {
					if ctx.Err() != nil {
						return l.interrupted(ctx)
					}
					return l.ended(err)
				}
			}
			l.o.Observe(e)
		}
		if err != nil {
			return l.result(), fmt.Errorf("run: %w", err)
		}
	}
	// The checkpoint first: the validation may take long, and must not be able
	// to lose what was trained.
	if err := l.saveLast(ctx); err != nil {
		return l.result(), err
	}
	e := l.event(l.window.last)
	e.Checkpoint = l.checkpoint
	if l.o.Validate != nil {
		if err := l.validate(ctx, &e); err != nil {
			return l.result(), err
		}
	}
	l.o.Observe(e)
	return l.result(), nil
}

// look validates and writes a checkpoint when it is time to, after the step of e.
func (l *loop) look(ctx context.Context, e *Event) error {
	if l.o.Validate != nil && l.o.EvalEvery > 0 && e.Step%l.o.EvalEvery == 0 && !l.done() {
		if err := l.validate(ctx, e); err != nil {
			return err
		}
	}
	if l.checkpointDue() {
		if err := l.save(); err != nil {
			e.Warning = err
		} else {
			e.Checkpoint = l.checkpoint
		}
	}
	return nil
}

// launch is how many steps to ask for: what the trainer likes best, up to the next
// validation, checkpoint or end.
func (l *loop) launch() int {
	n, done := l.t.Launch(), l.t.StepsDone()
	for _, every := range []int{l.o.EvalEvery, l.o.CheckpointEvery} {
		if every > 0 {
			n = min(n, every-done%every)
		}
	}
	if steps := l.t.Config().Steps; steps > 0 {
		n = min(n, steps-done)
	}
	return n
}

func (l *loop) interrupted(ctx context.Context) (Result, error) { return l.ended(ctx.Err()) }

// ended keeps what was trained when a run ends early, and says why it does.
func (l *loop) ended(why error) (Result, error) {
	if err := l.save(); err != nil {
		why = errors.Join(why, err)
	}
	return l.result(), why
}

func (l *loop) done() bool {
	steps := l.t.Config().Steps
	return steps > 0 && l.t.StepsDone() >= steps
}

// fixEnd fixes the number of steps of a run with a time budget as soon as the
// decay has to begin in order to end with the budget. The pace so far is the
// best guess of the pace to come.
func (l *loop) fixEnd() {
	c := l.t.Config()
	if l.o.Budget == 0 || c.Steps > 0 {
		return
	}
	decay := 0.0
	if c.Schedule == model.ScheduleWSD {
		decay = c.DecayFraction
	}
	if l.elapsed() < time.Duration((1-decay)*float64(l.o.Budget)) {
		return
	}
	done := l.t.StepsDone()
	l.t.SetSteps(max(done, int(math.Round(float64(done)/(1-decay)))))
}

func (l *loop) checkpointDue() bool {
	step := l.t.StepsDone()
	if l.o.CheckpointEvery > 0 {
		return step%l.o.CheckpointEvery == 0
	}
	return l.o.CheckpointInterval > 0 && time.Since(l.savedAt) >= l.o.CheckpointInterval
}

// save writes a checkpoint of the present step, unless there is one.
func (l *loop) save() error {
	l.savedAt = time.Now()
	step := l.t.StepsDone()
	if l.checkpoint != "" && l.saved == step {
		return nil
	}
	b, err := json.Marshal(progress{ElapsedSeconds: l.elapsed().Seconds()})
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	files := map[string][]byte{progressFile: b}
	for name, content := range l.o.Files {
		files[name] = content
	}
	path := filepath.Join(l.dir.path, model.CheckpointName(step))
	if err := l.t.Save(path, files); err != nil {
		// What a failed save left would take the room of the next try.
		return errors.Join(err, atomicfile.RemoveTemporaries(l.dir.path, "checkpoint-"))
	}
	l.checkpoint, l.saved = path, step
	return l.prune()
}

// saveLast is save with the run's patience.
func (l *loop) saveLast(ctx context.Context) error {
	wait := l.o.retryAfter
	if wait == 0 {
		wait = 10 * time.Second
	}
	for began := time.Now(); ; {
		err := l.save()
		if err == nil || time.Since(began) >= l.o.Patience {
			return err
		}
		e := l.event(l.window.last)
		e.Warning = err
		l.o.Observe(e)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

func (l *loop) validate(ctx context.Context, e *Event) error {
	loss, err := l.o.Validate(ctx)
	if err != nil {
		return fmt.Errorf("run: validating after step %d: %w", e.Step, err)
	}
	l.validation = loss
	e.Validated, e.ValidationLoss = true, loss
	return l.record(map[string]any{"step": e.Step, "validation_loss": loss, "elapsed_s": seconds(l.elapsed())})
}

func (l *loop) event(stats model.StepStats) Event {
	e := Event{
		Step: l.t.StepsDone(), Steps: l.t.Config().Steps, Stats: stats,
		Loss: l.window.loss(), ValidationLoss: l.validation,
		Elapsed: l.elapsed(),
	}
	e.TokensPerSecond, e.PositionsPerSecond = l.window.rates()
	switch {
	case e.Steps > 0:
		e.Fraction = float64(e.Step) / float64(e.Steps)
		if e.Step > 0 && l.window.n > 0 {
			e.Left = time.Duration(float64(e.Steps-e.Step) * float64(l.window.meanTime()))
		}
	case l.o.Budget > 0:
		e.Fraction = min(1, float64(e.Elapsed)/float64(l.o.Budget))
		e.Left = max(0, l.o.Budget-e.Elapsed)
	}
	return e
}

func (l *loop) result() Result {
	return Result{
		Step: l.t.StepsDone(), Loss: l.window.loss(), ValidationLoss: l.validation,
		Checkpoint: l.checkpoint, Elapsed: l.elapsed(), Tokens: l.tokens,
	}
}

// record appends one line to the metrics, in one write, so that a line is
// there whole or, after a crash in the middle of it, recognizably not.
func (l *loop) record(m map[string]any) error {
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("run: metrics: %w", err)
	}
	if _, err := l.metrics.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("run: metrics: %w", err)
	}
	return nil
}

func stepRecord(e Event) map[string]any {
	return map[string]any{
		"step": e.Step, "loss": e.Stats.Loss, "grad_norm": e.Stats.GradNorm,
		"learning_rate": e.Stats.LearningRate, "tokens": e.Stats.Tokens,
		"tokens_per_s": math.Round(e.TokensPerSecond), "elapsed_s": seconds(e.Elapsed),
	}
}

func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }

// window averages over the last steps, so that a rate shows the present pace
// and a loss is not the noise of one batch.
type window struct {
	losses, tokens, positions [windowSize]float64
	times                     [windowSize]time.Duration
	n, next                   int
	last                      model.StepStats
}

const windowSize = 20

func (w *window) add(s model.StepStats, positions int, d time.Duration) {
	w.losses[w.next], w.tokens[w.next] = s.Loss, float64(s.Tokens)
	w.positions[w.next], w.times[w.next] = float64(positions), d
	w.next = (w.next + 1) % windowSize
	w.n = min(w.n+1, windowSize)
	w.last = s
}

func (w *window) loss() float64 {
	if w.n == 0 {
		return math.NaN()
	}
	sum := 0.0
	for _, x := range w.losses[:w.n] {
		sum += x
	}
	return sum / float64(w.n)
}

func (w *window) meanTime() time.Duration {
	if w.n == 0 {
		return 0
	}
	var sum time.Duration
	for _, d := range w.times[:w.n] {
		sum += d
	}
	return sum / time.Duration(w.n)
}

func (w *window) rates() (tokens, positions float64) {
	var time float64
	for i := range w.n {
		tokens += w.tokens[i]
		positions += w.positions[i]
		time += w.times[i].Seconds()
	}
	if time == 0 {
		return 0, 0
	}
	return tokens / time, positions / time
}

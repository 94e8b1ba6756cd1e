package lab

// A directory in which cells are done.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"transcend/data"
	"transcend/engine/device"
	"transcend/internal/atomicfile"
	"transcend/model"
)

// Lab is a directory in which cells are done. Matrix products are those that the program
// installed; Precision says which (a model.TrainConfig.Precision).
type Lab struct {
	Dir       string
	Program   string // version, for provenance
	Precision string
	Threads   int // 0: as many as there are cores
	// CheckpointInterval bounds what a killed process loses of a training; 0: 20 seconds.
	CheckpointInterval time.Duration
	// Decoders say where models play and are asked; nil: on the CPU. They are the caller's.
	Decoders *device.Decoders
	// AtOnce is how many games go on at once; 0: 64.
	AtOnce int
	// Progress shows what is going on: the share of the present step that is done, and a
	// text. Several goroutines may call it, one at a time. May be nil.
	Progress func(done float64, text string)
	// Warn tells of what went wrong and was mended. May be nil.
	Warn func(text string)
}

func (l *Lab) show(done float64, format string, args ...any) {
	if l.Progress != nil {
		l.Progress(done, fmt.Sprintf(format, args...))
	}
}

func (l *Lab) warn(format string, args ...any) {
	if l.Warn != nil {
		l.Warn(fmt.Sprintf(format, args...))
	}
}

// Result is what came out of a cell, whichever experiment asked for it.
type Result struct {
	Corpus    CorpusStats    `json:"corpus"`
	Training  *TrainingStats `json:"training,omitempty"` // nil without a model
	Agreement *Agreements    `json:"agreement,omitempty"`
	// Seconds that agreement and games took.
	Seconds float64 `json:"seconds"`
	Program string  `json:"program"`
}

// Done is a cell with everything that is known of it.
type Done struct {
	Cell   Cell
	Result Result
	// Games are those of the model and of the players that the experiment adds, References those
	// of the experts and the league's players.
	Games, References []PlayedGame
	// Extra is what Experiment.Measure returned, as JSON; nil without.
	Extra json.RawMessage
}

// ErrBusy is returned for a cell that another process is doing.
var ErrBusy = errors.New("another process is doing it")

// cellDir is the directory of a cell.
func (l *Lab) cellDir(c *Cell) string {
	// It may have been done under another name.
	if same, err := filepath.Glob(filepath.Join(l.Dir, "cells", "*-"+c.Key())); err == nil && len(same) > 0 {
		return same[0]
	}
	return filepath.Join(l.Dir, "cells", c.Name+"-"+c.Key())
}

// files of an experiment in a cell.
func (e *Experiment) extraFile() string { return "extra-" + e.Name + ".json" }
func (e *Experiment) gamesFile() string { return "games-" + e.Name + ".jsonl" }

// Do does what is missing of a cell and returns it. The error is ErrBusy when another process
// is at it.
func (l *Lab) Do(ctx context.Context, e *Experiment, c *Cell) (*Done, error) {
	dir := l.cellDir(c)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "cell.lock"))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lab: locking %s: %w", dir, err)
	}
	if !ok {
		return nil, fmt.Errorf("lab: cell %s: %w", c.Name, ErrBusy)
	}
	defer lock.Close()
	if err := atomicfile.RemoveTemporaries(dir, ""); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	done, err := l.do(ctx, e, c, dir)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("cell %s: %w", c.Name, err)
	}
	return done, err
}

// do does what is missing of a cell, whose directory is locked.
func (l *Lab) do(ctx context.Context, e *Experiment, c *Cell, dir string) (*Done, error) {
	if err := atomicfile.WriteJSON(filepath.Join(dir, "cell.json"), c); err != nil {
		return nil, err
	}
	done := &Done{Cell: *c}
	proto, err := newProtocol(&c.Measure)
	if err != nil {
		return nil, err
	}
	stats, err := l.corpus(ctx, c)
	if err != nil {
		return nil, err
	}
	setup, err := l.setup(c, stats)
	if err != nil {
		return nil, err
	}
	resultFile := filepath.Join(dir, "result.json")
	have, err := atomicfile.ReadJSON(resultFile, &done.Result)
	if err != nil {
		return nil, err
	}
	if e.Players != nil || e.Measure != nil || !have {
		// Somebody is to ask the model.
		training, release, err := l.model(ctx, c, dir, stats, setup)
		if err != nil {
			return nil, err
		}
		defer release()
		if !have {
			done.Result.Training = training
		}
	}
	began := time.Now()
	if done.References, err = l.references(ctx, c, setup, proto); err != nil {
		return nil, err
	}
	experts, others, err := setup.opponents()
	if err != nil {
		return nil, err
	}
	meet := func(file string, players []Entrant) error {
		games, err := l.play(ctx, filepath.Join(dir, file), c.Seed, proto, gauntlet(players, experts, others, c.Measure.Games))
		done.Games = append(done.Games, games...)
		return err
	}
	if err := meet("games.jsonl", l.modelEntrants(setup, proto)); err != nil {
		return nil, err
	}
	if !have {
		if len(setup.HeldOut) > 0 {
			if done.Result.Agreement, err = l.agreement(ctx, setup); err != nil {
				return nil, err
			}
		}
		done.Result.Corpus, done.Result.Program = *stats, l.Program
		done.Result.Seconds = time.Since(began).Seconds()
		if err := atomicfile.WriteJSON(resultFile, &done.Result); err != nil {
			return nil, err
		}
	}
	if e.Players != nil {
		extra, err := e.Players(ctx, setup)
		if err != nil {
			return nil, fmt.Errorf("lab: %s: players: %w", e.Name, err)
		}
		if err := meet(e.gamesFile(), extra); err != nil {
			return nil, err
		}
	}
	if e.Measure != nil {
		if err := e.measureOnce(ctx, setup, filepath.Join(dir, e.extraFile()), &done.Extra); err != nil {
			return nil, err
		}
	}
	return done, nil
}

// model puts the held-out games and the model, trained if need be, into the setup. release lets go
// of its decoder.
func (l *Lab) model(ctx context.Context, c *Cell, dir string, stats *CorpusStats, setup *Setup) (training *TrainingStats, release func(), err error) {
	release = func() {}
	if setup.HeldOut, err = c.heldOut(stats); err != nil || c.Model.None() {
		return nil, release, err
	}
	if setup.Model, training, err = l.train(ctx, c, dir, stats, setup.HeldOut); err != nil {
		return nil, release, err
	}
	decoders := l.Decoders
	if decoders == nil {
		decoders = new(device.Decoders)
	}
	setup.Batch, err = decoders.Batch(setup.Model, model.BatchOptions{Threads: l.Threads})
	if err != nil {
		return nil, release, err
	}
	return training, func() { decoders.Release(setup.Model) }, nil
}

// measureOnce makes Measure's value, or reads the one that the file has.
func (e *Experiment) measureOnce(ctx context.Context, setup *Setup, path string, extra *json.RawMessage) error {
	have, err := atomicfile.ReadJSON(path, extra)
	if err != nil || have {
		return err
	}
	value, err := e.Measure(ctx, setup)
	if err != nil {
		return fmt.Errorf("lab: %s: %w", e.Name, err)
	}
	if err := atomicfile.WriteJSON(path, value); err != nil {
		return err
	}
	_, err = atomicfile.ReadJSON(path, extra)
	return err
}

// setup collects what does not have to be computed.
func (l *Lab) setup(c *Cell, stats *CorpusStats) (*Setup, error) {
	pool, err := c.Corpus.Pool()
	if err != nil {
		return nil, err
	}
	s := &Setup{Cell: c, Experts: pool, Measured: c.Corpus.MeasuredOf(pool), League: newSimulated, Progress: func(done float64, text string) { l.show(done, "%s", text) }}
	if !c.Model.None() {
		if s.Tokenizer, err = c.Model.tokenizer(); err != nil {
			return nil, err
		}
	}
	s.Training = func(ctx context.Context) (*data.Corpus, error) { return l.training(ctx, c) }
	return s, nil
}

// references are the games of the experts and the league's players with each other. They do not depend on
// the model or the seed, so cells share them.
func (l *Lab) references(ctx context.Context, c *Cell, s *Setup, proto protocol) ([]PlayedGame, error) {
	experts, others, err := s.opponents()
	if err != nil {
		return nil, err
	}
	var players []Entrant
	var names []string
	for _, p := range append(experts, others...) {
		if !slices.Contains(names, p.Name) {
			players, names = append(players, p), append(names, p.Name)
		}
	}
	m := c.Measure
	dir := filepath.Join(l.Dir, "references")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	path := filepath.Join(dir, key([]any{names, m.References, m.Openings, m.MaxPlies, m.Adjudicate, c.Corpus.Version})+".jsonl")
	unlock, err := l.waitLock(ctx, path+".lock", "for the experts' games that another process plays")
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := atomicfile.RemoveTemporaries(filepath.Dir(path), filepath.Base(path)); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	return l.play(ctx, path, referenceSeed, proto, roundRobin(players, m.References))
}

const referenceSeed = 1

// waitLock locks a file, waiting for whoever has it.
func (l *Lab) waitLock(ctx context.Context, path, why string) (func(), error) {
	lock := flock.New(path)
	for {
		ok, err := lock.TryLock()
		if err != nil {
			return nil, fmt.Errorf("lab: locking %s: %w", path, err)
		}
		if ok {
			return func() { lock.Close() }, nil
		}
		l.show(0, "waiting %s", why)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// DoAll does the cells of an experiment in their order and returns them in it. Cells that
// another process is doing are left until all others are done. each is called before a cell; may
// be nil.
func (l *Lab) DoAll(ctx context.Context, e *Experiment, cells []Cell, each func(i int)) ([]*Done, error) {
	all := make([]*Done, len(cells))
	for left := len(cells); left > 0; {
		busy := ""
		before := left
		for i := range cells {
			if all[i] != nil {
				continue
			}
			if each != nil {
				each(i)
			}
			done, err := l.Do(ctx, e, &cells[i])
			if errors.Is(err, ErrBusy) {
				busy = cells[i].Name
				continue
			}
			if err != nil {
				return nil, err
			}
			all[i] = done
			left--
		}
		if left == before {
			l.show(0, "waiting for cell %s, which another process does", cmp.Or(busy, "?"))
			select {
			case <-time.After(2 * time.Second):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
	return all, nil
}

// Estimates are about how long the cells take in turn: 0 for those that are done. What cells share
// counts for the first of them.
func (l *Lab) Estimates(cells []Cell) []time.Duration {
	all := make([]time.Duration, len(cells))
	shared := map[string]bool{}
	once := func(name string, seconds float64) float64 {
		if shared[name] {
			return 0
		}
		shared[name] = true
		return seconds
	}
	for i := range cells {
		c := &cells[i]
		if l.IsDone(c) {
			continue
		}
		corpus, about := l.corpusFiles(c)
		if _, err := os.Stat(about); err == nil {
			shared[corpus] = true
		}
		seconds := once(corpus, float64((c.Corpus.Games+c.Corpus.HeldOut)*c.Corpus.MaxPlies)/pliesPerSecond)
		n := len(c.Corpus.Players) + len(c.Measure.League)
		seconds += once(key([]any{c.Corpus.Players, c.Measure}), float64(c.Measure.References*n*(n-1)/2*c.Measure.MaxPlies)/pliesPerSecond)
		seconds += l.estimateModel(c)
		all[i] = time.Duration(seconds * float64(time.Second))
	}
	return all
}

// estimateModel is about how many seconds the model of a cell takes.
func (l *Lab) estimateModel(c *Cell) float64 {
	if c.Model.None() {
		return 0
	}
	tok, err := c.Model.tokenizer()
	if err != nil {
		return 0
	}
	config, err := c.Model.config(tok)
	if err != nil {
		return 0
	}
	rate := flopsF32
	if l.Precision == model.PrecisionBF16 {
		rate = flopsBF16
	}
	perToken := config.FLOPsPerToken(config.Context)
	seconds := c.Training.Seconds + float64(c.Training.Steps*c.Training.Rows*c.Model.Context)*perToken/rate
	// Two players look at every position; a game is about as long as it may be.
	positions := float64(c.Measure.Positions*2 + len(c.Measure.ModelNames())*c.Measure.Games*c.Measure.MaxPlies)
	return seconds + positions*perToken/3/flopsDecoding
}

// What two quiet cores with AMX do (docs/results/cpu-engine.md), for estimates: moves of players who see
// one ply a second, and nominal FLOP/s of training and of decoding.
const (
	pliesPerSecond = 130_000
	flopsBF16      = 5e11
	flopsF32       = 2.5e11
	flopsDecoding  = 1e11
)

// IsDone reports whether a cell's result is there.
func (l *Lab) IsDone(c *Cell) bool {
	_, err := os.Stat(filepath.Join(l.cellDir(c), "result.json"))
	return err == nil
}

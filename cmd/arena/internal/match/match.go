// Package match is "arena match": engines and models against each other in a round-robin, a gauntlet
// or a Swiss tournament. Play reads the flags and a configuration file (matchConfig), makes the players,
// has engine/arena play what is missing in the database, and shows it: a table that fills in on a
// terminal, a line a game in a pipe, the standings at the end.
package match

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"transcend/cmd/arena/internal/players"
	"transcend/cmd/internal/compute"
	"transcend/elo/leaderboard"
	"transcend/engine"
	"transcend/engine/arena"
	"transcend/engine/device"
	"transcend/engine/match"
	"transcend/engine/uci"
	"transcend/internal/atomicfile"
	"transcend/internal/bitboard"
	"transcend/internal/cli"
	"transcend/model"
)

// threads is what a game of these players needs: only one of them thinks.
func (s *settings) threads() int {
	n := 1
	for _, e := range s.Engines {
		n = max(n, e.Threads())
	}
	return n
}

// workers decides how many games are played at once; warning is what to say when
// that is more than the machine has room for.
func (s *settings) workers() (n int, warning string, err error) {
	cores, threads := runtime.NumCPU(), s.threads()
	if len(s.cores) > 0 {
		cores = len(s.cores)
	}
	n = s.Concurrency
	if n == 0 {
		n = max(1, cores/threads)
	}
	if n*threads <= cores {
		return n, "", nil
	}
	if len(s.cores) > 0 {
		return 0, "", cli.WithHint(cli.Usagef("--affinity: %d games of engines with %d threads need %d processors, and there are %d", n, threads, n*threads, cores),
			fmt.Sprintf("--concurrency %d", max(1, cores/threads)))
	}
	return n, crowded(n, threads, cores), nil
}

// crowded is the warning of more games at once than there is room for.
func crowded(games, threads, cores int) string {
	return fmt.Sprintf("%d games at once with engines of %d threads on %d cores: engines wait for each other, and lose time and games by it", games, threads, cores)
}

// openings reads the openings.
func (s *settings) openings() (*match.Openings, error) {
	opt := match.OpeningOptions{Format: s.Format, Shuffle: s.Order == "random", Seed: s.Seed, Start: s.Start, Plies: s.Plies, Single: s.NoPairs}
	o, err := match.OpeningsNamed(cmp.Or(s.Openings, match.FromTheStart), opt)
	if errors.Is(err, os.ErrNotExist) {
		err = cli.WithHint(err, "--openings builtin and startpos need no file")
	}
	return o, err
}

// Play is the subcommand "match".
func Play(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	s, err := parseFlags(args, stdout)
	if err != nil {
		return err
	}
	if s.saveConfig != "" {
		b, err := json.MarshalIndent(s.matchConfig, "", "  ")
		if err != nil {
			return err
		}
		if err := atomicfile.WriteFile(s.saveConfig, 0o644, func(w io.Writer) error { _, err := w.Write(append(b, '\n')); return err }); err != nil {
			return fmt.Errorf("--save-config: %w", err)
		}
	}
	t := &running{settings: s, stderr: stderr}
	defer t.close()
	if err := t.open(ctx); err != nil {
		return err
	}
	playErr := t.Play(ctx)
	t.block.Close()
	if playErr != nil && t.Played() == 0 {
		return playErr
	}
	// What was played is shown even when it could not go on.
	if err := t.report(stdout); err != nil {
		return errors.Join(playErr, err)
	}
	switch {
	case playErr != nil && ctx.Err() != nil:
		return cli.WithHint(fmt.Errorf("stopped: %w", playErr), "every finished game is stored; start again with the same flags to play the others")
	case playErr != nil:
		return playErr
	}
	return t.Failures()
}

// running is one execution of the command.
type running struct {
	*settings
	*arena.Tournament
	stderr   io.Writer
	store    *leaderboard.Store
	traffic  *trafficLog
	decoders *device.Decoders
	book     *match.Openings
	entrants []arena.Entrant
	workerN  int

	block *cli.Block
	began time.Time
	drawn time.Time // when the live table was
	warn  func(text string)
}

// open prepares everything that can fail before a game is played.
func (t *running) open(ctx context.Context) (err error) {
	progress := t.stderr
	if t.quiet {
		progress = io.Discard
	}
	t.block, t.began = cli.NewBlock(progress), time.Now()
	t.warn = cli.Warner(t.quiet, t.stderr, t.block)
	warning := ""
	if t.workerN, warning, err = t.workers(); err != nil {
		return err
	}
	if warning != "" {
		t.warn(warning)
	}
	if t.book, err = t.openings(); err != nil {
		return err
	}
	if t.Log != "" {
		if t.traffic, err = newTrafficLog(t.Log); err != nil {
			return err
		}
	}
	if err := t.makeEntrants(ctx); err != nil {
		return err
	}
	if t.Judge != "" {
		if err := t.tryJudge(ctx); err != nil {
			return err
		}
	}
	config, err := json.Marshal(t.matchConfig)
	if err != nil {
		return err
	}
	if t.store, err = leaderboard.Open(t.DB); err != nil {
		return err
	}
	o := arena.TournamentOptions{
		Name: t.Name, Kind: leaderboard.TournamentKind(t.matchConfig.Tournament), Rounds: t.Rounds, Games: t.Games, Seeds: t.Seeds, Config: config,
		Entrants: t.entrants, Openings: t.book, NoPairs: t.NoPairs, Seed: t.Seed,
		Rules:     match.Rules{MaxPlies: 2 * t.MaxMoves, NoClaims: t.NoClaims, Resign: t.resign, Draw: t.draw},
		JudgeName: t.Judge, SPRT: t.sprt, Recover: t.Recover, Retries: t.Retries, Concurrency: t.workerN, PGN: t.PGNOut,
		Show: arena.Show{Announced: t.announce, Finished: t.shown, Warn: t.warn, Resized: t.resized},
	}
	if len(t.cores) > 0 {
		o.MaxConcurrency = max(1, len(t.cores)/t.threads())
	}
	if t.Judge != "" {
		o.Judge = t.judge
	}
	t.Tournament, err = arena.NewTournament(ctx, t.store, o)
	return err
}

func (t *running) close() {
	if t.block != nil {
		t.block.Close()
	}
	if t.Tournament != nil {
		t.Close()
	}
	if t.store != nil {
		t.store.Close()
	}
	if t.traffic != nil {
		t.traffic.close()
	}
	if t.decoders != nil {
		t.decoders.Close()
	}
}

// resized says that the number of games at once was changed.
func (t *running) resized(n int) {
	t.block.Printf("%d games at once from now on", n)
	if threads := t.threads(); n*threads > runtime.NumCPU() {
		t.warn(crowded(n, threads, runtime.NumCPU()))
	}
}

// makeEntrants makes and tries every player.
func (t *running) makeEntrants(ctx context.Context) error {
	t.decoders = t.device.Decoders(nil)
	m := t.maker()
	m.Decoders = t.decoders
	if threads := t.threads(); len(t.cores) > 0 {
		m.CPUs = func(worker int) []int { return t.cores[worker*threads : (worker+1)*threads] }
	}
	names := map[string]int{}
	for _, config := range t.Engines {
		if config.Model != "" {
			if !t.book.Blindfold() {
				return cli.WithHint(cli.Usagef("%s: models know a position by its moves alone, and these openings set positions up", config.Label()), "--openings builtin, or a PGN file")
			}
			if err := compute.UseProductsOn(0, model.PrecisionF32); err != nil {
				return err
			}
		}
		e, err := m.Make(ctx, config)
		if err != nil {
			return err
		}
		if names[e.Name]++; names[e.Name] > 1 {
			if config.Name != "" {
				return cli.Usagef("two players are named %q", e.Name)
			}
			e.Name = fmt.Sprintf("%s #%d", e.Name, names[e.Name])
		}
		t.entrants = append(t.entrants, *e)
	}
	return nil
}

// judge starts the engine of --judge.
func (t *running) judge(ctx context.Context) (match.Judge, func() error, error) {
	config, win, err := players.ParseJudge(t.Judge)
	if err != nil {
		return nil, nil, err
	}
	m := t.maker()
	e, err := m.Make(ctx, config)
	if err != nil {
		return nil, nil, err
	}
	p, err := e.New(ctx)
	if err != nil {
		return nil, nil, err
	}
	c := e.Control
	return &match.EngineJudge{Player: p, Limit: engine.Limit{MoveTime: c.MoveTime, Nodes: c.Nodes, Depth: c.Depth}, Win: win}, p.Close, nil
}

// tryJudge asks the judge about the initial position: what is wrong with it should show
// before a game has come to its maximum length.
func (t *running) tryJudge(ctx context.Context) error {
	j, closeJudge, err := t.judge(ctx)
	if err != nil {
		return fmt.Errorf("--judge: %w", err)
	}
	_, _, err = j.Judge(ctx, bitboard.NewGame(bitboard.Start()))
	if err = errors.Join(err, closeJudge()); err != nil {
		return cli.WithHint(fmt.Errorf("--judge: %w", err), "a judge is an engine that tells scores")
	}
	return nil
}

// maker makes players whose processes have the limits of the flags, and whose lines are logged.
func (t *running) maker() *players.Maker {
	cpu, _ := time.ParseDuration(t.CPULimit) // was checked
	m := &players.Maker{Limits: uci.ProcessLimits{Memory: int64(t.MemoryLimit) << 20, CPUTime: cpu}}
	if t.traffic != nil {
		m.Trace = t.traffic.tracer
	}
	return m
}

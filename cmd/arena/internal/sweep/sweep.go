// Package sweep is arena without a subcommand: models at temperatures against rated opponents. Play
// reads the flags, a protocol (sound or the paper's) setting those that were not given, opens models
// and opponents, has engine/arena play what is missing in the database, and prints the ratings and
// what they say about the cap of the training games. Table and Figure show the same again from the
// database alone.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"transcend/analysis/checkpoint"
	"transcend/cmd/arena/internal/checkpoints"
	"transcend/cmd/arena/internal/players"
	"transcend/cmd/internal/compute"
	"transcend/data"
	"transcend/elo/curves"
	"transcend/elo/leaderboard"
	"transcend/engine"
	"transcend/engine/arena"
	"transcend/engine/device"
	"transcend/engine/match"
	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/sampling"
)

// Program is what the sweep's help and messages say of the program that it is a part of.
type Program struct {
	Usage       string   // the beginning of --help: what the program is, and how it is called
	Subcommands []string // for "did you mean"
}

// Play is the command without a subcommand.
func Play(ctx context.Context, stdout, stderr io.Writer, args []string, of Program) error {
	s, err := parseFlags(args, stdout, of)
	if err != nil {
		return err
	}
	var progress io.Writer = stderr
	if s.quiet {
		progress = io.Discard
	}
	a := &sweeping{settings: s, progress: progress, stderr: stderr}
	a.decoders = s.device.Decoders(a.printf)
	defer a.decoders.Close()
	if err := a.open(ctx); err != nil {
		return err
	}
	defer a.close()
	playErr := a.playAll(ctx)
	if before, added := a.sweep.Played(); playErr != nil && before+added == 0 {
		return playErr
	}
	// What was played is shown even when the arena could not go on; the context
	// may have ended.
	if err := a.report(context.WithoutCancel(ctx), stdout); err != nil {
		return errors.Join(playErr, err)
	}
	if playErr != nil && ctx.Err() != nil {
		return cli.WithHint(fmt.Errorf("stopped: %w", playErr), "every finished game is stored; start again with the same flags to play the others")
	}
	return playErr
}

// sweeping is one execution of the command.
type sweeping struct {
	*settings
	progress io.Writer
	stderr   io.Writer // for warnings, also when progress is discarded

	store     *leaderboard.Store
	sweep     *arena.Sweep
	view      *view
	book      *match.Openings
	decoders  *device.Decoders
	anchorsBy leaderboard.AnchorFunc
}

// subject is a model that is measured.
type subject struct {
	dir, name string
	model     *model.Model
	tokenizer data.Tokenizer
	cap       int    // of the ratings it was trained under; 0: unknown
	capScale  string // of cap, "" for that of people

	ideal func(temperature float64) match.Factory // in place of a model
}

// open prepares everything that can fail before a game is played.
func (a *sweeping) open(ctx context.Context) error {
	if err := compute.UseProductsOn(0, model.PrecisionF32); err != nil {
		return err
	}
	if err := a.openBook(); err != nil {
		return err
	}
	if err := a.chooseAnchors(); err != nil {
		return err
	}
	subjects, err := a.openModels()
	if err != nil {
		return err
	}
	opponents, err := a.openOpponents(ctx)
	if err != nil {
		return err
	}
	var contests []*arena.Contest
	for _, s := range subjects {
		for _, t := range a.temps {
			c, err := a.contest(ctx, s, t)
			if err != nil {
				return err
			}
			contests = append(contests, c)
		}
	}
	if a.store, err = leaderboard.Open(a.db); err != nil {
		return err
	}
	a.view = &view{status: cli.NewStatus(a.progress)}
	a.sweep, err = arena.NewSweep(ctx, a.store, arena.SweepOptions{
		Contests: contests, Opponents: opponents, Even: a.choose == chooseEven, Games: a.games, Precision: a.interval, BlackFirst: a.protocol == protocolPaper,
		Protocol: a.protocolName(), Openings: a.book, Limit: a.limit, Rules: match.Rules{MaxPlies: 2 * a.maxMoves, NoClaims: a.noClaims}, Seed: a.seed,
		Rescore: a.rescore(), Retries: a.retries, Concurrency: a.concurrency,
		Show: arena.SweepShow{Warn: cli.Warner(a.quiet, a.stderr, a.view.status), Resized: a.resized, Announced: a.announce, Begun: a.view.show, Finished: a.view.finished, Elsewhere: a.view.elsewhere},
	})
	if err != nil {
		a.store.Close()
	}
	return err
}

func (a *sweeping) close() {
	a.view.status.Close()
	a.sweep.Close()
	a.store.Close()
}

// openBook loads the openings. Models are shown moves, so that only openings from
// the initial position can be played.
func (a *sweeping) openBook() (err error) {
	a.book, err = match.OpeningsNamed(a.openings, match.OpeningOptions{Shuffle: true, Seed: a.seed})
	if err == nil && !a.book.Blindfold() {
		err = cli.WithHint(fmt.Errorf("--openings %s: some do not start from the initial position, and a model is shown moves, not positions", a.openings),
			"--openings builtin, or a file of games or moves")
	}
	return err
}

// openModels loads the checkpoints that --model names, or the newest.
func (a *sweeping) openModels() ([]subject, error) {
	dirs := a.models
	if len(dirs) == 0 {
		dirs = []string{""}
	}
	var subjects []subject
	for _, dir := range dirs {
		var s subject
		var err error
		if s.ideal, err = players.IdealModel(dir); err != nil {
			return nil, err
		}
		if s.ideal != nil {
			subjects = append(subjects, s)
			continue
		}
		if s.dir, err = checkpoint.Find(dir); err != nil {
			return nil, err
		}
		if err := checkpoints.Introduce(a.progress, dir, s.dir); err != nil {
			return nil, err
		}
		s.name = checkpoint.Name(s.dir)
		for _, other := range subjects {
			if other.dir == s.dir {
				return nil, cli.Usagef("--model names %s twice", s.dir)
			}
			if other.name == s.name {
				s.name = s.dir // two runs of the same name
			}
		}
		if s.model, s.tokenizer, err = checkpoint.Load(s.dir); err != nil {
			return nil, err
		}
		s.cap, s.capScale = checkpoints.RatingCap(s.dir), checkpoints.CapScale(s.dir)
		subjects = append(subjects, s)
	}
	return subjects, nil
}

// contest is a model at a temperature.
func (a *sweeping) contest(ctx context.Context, s subject, temperature float64) (*arena.Contest, error) {
	if s.ideal != nil {
		c := &arena.Contest{New: s.ideal(temperature)}
		p, err := c.New(ctx)
		if err != nil {
			return nil, err
		}
		defer p.Close()
		c.Label = p.Name()
		c.Player = leaderboard.Player{Name: p.Name(), Spec: p.Spec()}
		return c, nil
	}
	batch, err := a.decoders.Batch(s.model, a.decoding)
	if err != nil {
		return nil, err
	}
	config := engine.ModelConfig{
		Name:  fmt.Sprintf("%s T=%v", s.name, temperature),
		Model: s.model, Tokenizer: s.tokenizer,
		Sampling: sampling.Settings{Temperature: temperature, TopK: a.topK, TopP: a.topP},
		Policy:   a.policy,
		Batch:    batch,
	}
	if s.cap > 0 {
		config.Details = map[string]string{curves.SpecCap: fmt.Sprint(s.cap)}
		if s.capScale != "" {
			config.Details[curves.SpecCapScale] = s.capScale
		}
	}
	c := &arena.Contest{
		New: func(context.Context) (engine.Player, error) { return engine.NewModelPlayer(config) },
	}
	p, err := c.New(ctx)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	c.Label = p.Name()
	name := p.Name()
	if a.policy.String() != "forfeit-after-5" {
		name += " " + a.policy.String()
	}
	// The name says where the checkpoint lies; the hash of its weights is what
	// makes it this player, wherever it is moved.
	spec := p.Spec()
	delete(spec, leaderboard.SpecName)
	c.Player = leaderboard.Player{Name: players.WithFormat(name, a.decoding), Spec: spec}
	return c, nil
}

// printf writes a line about what is being done.
func (a *sweeping) printf(format string, args ...any) { fmt.Fprintf(a.progress, format+"\n", args...) }

// announce says what there is to play.
func (a *sweeping) announce(now, before, missing int) {
	fmt.Fprintf(a.progress, "%s, %s, seed %d, leaderboard %s\n", a.protocolName(), a.policy, a.seed, a.db)
	switch {
	case now == 0:
		fmt.Fprintf(a.progress, "all %s games were already played; more with --games, others with --seed\n", cli.Count(before))
	case before > 0:
		fmt.Fprintf(a.progress, "%s games were already played, %s are missing\n", cli.Count(before), cli.Count(missing))
	}
	a.view.began, a.view.missing = time.Now(), missing
}

// playAll plays the missing games.
func (a *sweeping) playAll(ctx context.Context) error {
	defer a.view.status.Close()
	return a.sweep.Play(ctx)
}

// rescore is how results differ from those on the board.
func (a *sweeping) rescore() func(*match.Game) {
	if a.defects[defectStalemate] {
		return scoreWhiteStalemate
	}
	return nil
}

// resized says that the number of games at once was changed.
func (a *sweeping) resized(n int) { a.view.status.Printf("%d games at once from now on", n) }

// report prints the result, writes the PGN and draws the pictures.
func (a *sweeping) report(ctx context.Context, stdout io.Writer) error {
	ids := a.sweep.Matches()
	if a.pgnOut != "" {
		if err := arena.WriteMatches(ctx, a.store, a.pgnOut, ids); err != nil {
			return err
		}
	}
	board, err := a.store.Leaderboard(ctx, leaderboard.BoardOptions{
		Matches: ids, Anchors: a.anchorsBy, Seed: a.seed, Glicko: a.defects.glicko(),
	})
	if err != nil {
		return err
	}
	sweeps, err := curves.From(board, a.seed)
	if err != nil {
		return err
	}
	if err := plotAll(sweeps, a.plots, a.withPaper); err != nil {
		return err
	}
	if a.json {
		return writeSweepsJSON(stdout, board, sweeps)
	}
	if err := board.WriteText(stdout); err != nil {
		return err
	}
	return curves.WriteVerdicts(stdout, sweeps)
}

// writeSweepsJSON writes the board with the sweeps beside its rows.
func writeSweepsJSON(w io.Writer, board *leaderboard.Board, sweeps []curves.Sweep) error {
	return cli.PrintJSON(w, struct {
		*leaderboard.Board
		Sweeps []curves.Sweep `json:"sweeps"`
	}{board, sweeps})
}

// view shows how the games go.
type view struct {
	status  *cli.Status
	began   time.Time
	missing int // when play began
	done    int
	shown   time.Time
}

func (v *view) line(c *arena.Contest) string {
	r := c.Record()
	left := "-"
	if v.done > 0 {
		left = cli.Duration(time.Since(v.began) / time.Duration(v.done) * time.Duration(max(0, v.missing-v.done)))
	}
	against := ""
	if names, games := c.Against(); len(names) > 0 && c.Opponents() > 1 {
		levels := make([]string, len(names))
		for i, name := range names {
			levels[i] = fmt.Sprintf("%s: %d", name, games[i])
		}
		against = " (" + strings.Join(levels, ", ") + ")"
	}
	return fmt.Sprintf("%s: %d/%d games%s  +%d =%d -%d  %s  left %s", c.Label, r.Games(), c.Total, against, r.Wins, r.Draws, r.Losses,
		cli.Percent(r.Points(), float64(r.Games())), left)
}

func (v *view) show(c *arena.Contest) {
	v.status.Set(float64(v.done)/float64(max(1, v.missing)), " "+v.line(c))
}

// elsewhere is a game that another arena played.
func (v *view) elsewhere(*arena.Contest) { v.missing-- }

// finished is called by one goroutine at a time.
func (v *view) finished(c *arena.Contest) {
	v.done++
	v.show(c)
	if !v.status.Live() && (time.Since(v.shown) >= 10*time.Second || c.Record().Games() == c.Total) {
		v.shown = time.Now()
		v.status.Printf("%s", v.line(c))
	}
}

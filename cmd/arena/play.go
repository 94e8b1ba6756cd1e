package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"gonum.org/v1/gonum/blas/blas32"

	"transcend/data"
	"transcend/elo"
	"transcend/elo/curves"
	"transcend/elo/ladder"
	"transcend/elo/leaderboard"
	"transcend/engine"
	"transcend/engine/match"
	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/blas"
)

// play is the command without a subcommand.
func play(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	s, err := parseFlags(args, stdout)
	if err != nil {
		return err
	}
	var progress io.Writer = stderr
	if s.quiet {
		progress = io.Discard
	}
	a := &arena{settings: s, progress: progress, warnings: stderr, batches: batches{}, rungs: map[int64]*rung{}}
	if err := a.open(ctx); err != nil {
		return err
	}
	defer a.store.Close()
	playErr := a.playAll(ctx)
	if playErr != nil && a.recorded == 0 && a.before == 0 {
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

// arena is one execution of the command.
type arena struct {
	*settings
	progress io.Writer
	warnings io.Writer // also when progress is discarded
	warning  sync.Mutex

	store     *leaderboard.Store
	book      *match.Openings
	batches   batches
	anchorsBy leaderboard.AnchorFunc

	opponents []*opponent
	contests  []*contest
	rungs     map[int64]*rung // by match
	before    int             // games that were stored when this execution began
	recorded  int             // games that this execution stored
}

// subject is a model that is measured.
type subject struct {
	dir, name string
	model     *model.Model
	tokenizer data.Tokenizer
	cap       int // of the ratings it was trained under; 0: unknown
}

// contest is a model at one temperature against the opponents.
type contest struct {
	label    string
	player   int64 // in the database
	factory  match.Factory
	rungs    []*rung // by opponent
	finished bool
	total    int // games, at most
}

// rung is a contest's match with one opponent; it is made when it is needed.
type rung struct {
	contest  *contest
	opponent *opponent
	match    int64 // 0: not made yet
	outcomes map[int]elo.Outcome
}

// record is the sum of the outcomes of all rungs.
func (c *contest) record() (r elo.Record) {
	for _, g := range c.rungs {
		for _, o := range g.outcomes {
			r.Add(o)
		}
	}
	return r
}

// open prepares everything that can fail before a game is played.
func (a *arena) open(ctx context.Context) error {
	kernels, err := blas.New(blas.Options{})
	if err != nil {
		return err
	}
	blas32.Use(kernels)
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
	if a.opponents, err = a.openOpponents(ctx); err != nil {
		return err
	}
	if a.store, err = leaderboard.Open(a.db); err != nil {
		return err
	}
	for _, s := range subjects {
		for _, t := range a.temps {
			if err = a.addContest(ctx, s, t); err != nil {
				break
			}
		}
	}
	if err != nil {
		a.store.Close()
	}
	return err
}

// openBook loads the openings. Models are shown moves, so that only openings from
// the initial position can be played.
func (a *arena) openBook() (err error) {
	opt := match.OpeningOptions{Shuffle: true, Seed: a.seed}
	switch a.openings {
	case openingsNone:
	case openingsBuiltin:
		a.book, err = match.BuiltinOpenings(opt)
	default:
		a.book, err = match.LoadOpenings(a.openings, opt)
	}
	if err == nil && !a.book.Blindfold() {
		err = cli.WithHint(fmt.Errorf("--openings %s: some do not start from the initial position, and a model is shown moves, not positions", a.openings),
			"--openings builtin, or a file of games or moves")
	}
	return err
}

// openModels loads the checkpoints that --model names, or the newest.
func (a *arena) openModels() ([]subject, error) {
	dirs := a.models
	if len(dirs) == 0 {
		dirs = []string{""}
	}
	var subjects []subject
	for _, dir := range dirs {
		var s subject
		var err error
		if s.dir, err = checkpointIn(dir); err != nil {
			return nil, err
		}
		s.name = checkpointName(s.dir)
		for _, other := range subjects {
			if other.dir == s.dir {
				return nil, cli.Usagef("--model names %s twice", s.dir)
			}
			if other.name == s.name {
				s.name = s.dir // two runs of the same name
			}
		}
		if s.model, s.tokenizer, err = loadCheckpoint(s.dir); err != nil {
			return nil, err
		}
		s.cap = ratingCap(s.dir)
		subjects = append(subjects, s)
	}
	return subjects, nil
}

// addContest finds or makes the player that a model at a temperature is.
func (a *arena) addContest(ctx context.Context, s subject, temperature float64) error {
	config := engine.ModelConfig{
		Name:  fmt.Sprintf("%s T=%v", s.name, temperature),
		Model: s.model, Tokenizer: s.tokenizer,
		Sampling: model.Sampling{Temperature: temperature, TopK: a.topK, TopP: a.topP},
		Policy:   a.policy,
		Batch:    a.batches.of(s.model, a.decoding),
	}
	if s.cap > 0 {
		config.Details = map[string]string{curves.SpecCap: fmt.Sprint(s.cap)}
	}
	c := &contest{
		label:   config.Name,
		factory: func(context.Context) (engine.Player, error) { return engine.NewModelPlayer(config) },
		total:   a.games,
	}
	p, err := c.factory(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	name := p.Name()
	if a.policy.String() != "forfeit-after-5" {
		name += " " + a.policy.String()
	}
	name = suffixed(name, a.decoding)
	// The name says where the checkpoint lies; the hash of its weights is what
	// makes it this player, wherever it is moved.
	spec := p.Spec()
	delete(spec, leaderboard.SpecName)
	if c.player, err = a.store.EnsurePlayer(ctx, leaderboard.Player{Name: name, Spec: spec}); err != nil {
		return err
	}
	for _, o := range a.opponents {
		r := &rung{contest: c, opponent: o}
		c.rungs = append(c.rungs, r)
		// With a choice of opponents, matches are made of those that are chosen.
		if a.choose == chooseEven {
			if err := a.begin(ctx, r); err != nil {
				return err
			}
		}
	}
	if a.choose == chooseEven {
		c.total *= len(a.opponents)
	}
	a.contests = append(a.contests, c)
	return nil
}

// begin finds or makes a rung's match, and reads what was played of it.
func (a *arena) begin(ctx context.Context, r *rung) error {
	if r.match != 0 {
		return nil
	}
	if err := a.try(ctx, r.opponent); err != nil {
		return err
	}
	opponent, err := a.store.EnsurePlayer(ctx, r.opponent.player)
	if err != nil {
		return err
	}
	m := leaderboard.Match{
		PlayerID: r.contest.player, OpponentID: opponent, Protocol: a.protocolName(),
		Openings: a.book.String(), OpponentLimit: a.limit.String(), MaxPlies: 2 * a.maxMoves,
		Seed: a.seed, Program: cli.Version(),
	}
	if a.noClaims {
		m.Options = map[string]string{"claims": "none"}
	}
	if r.match, err = a.store.EnsureMatch(ctx, m); err != nil {
		return err
	}
	a.rungs[r.match] = r
	r.outcomes = map[int]elo.Outcome{}
	for g, err := range a.store.Games(ctx, r.match) {
		if err != nil {
			return err
		}
		r.outcomes[g.Slot] = g.Outcome()
		a.before++
	}
	return nil
}

// next returns the games to be played now; none when all are played. The games
// of a contest's later rounds depend on their outcomes.
func (a *arena) next(ctx context.Context) ([]match.Task, error) {
	var tasks []match.Task
	for i, c := range a.contests {
		if c.finished {
			continue
		}
		slots, err := a.nextOf(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.label, err)
		}
		c.finished = len(slots) == 0
		for _, s := range slots {
			tasks = append(tasks, match.Task{Match: c.rungs[s.Opponent].match, First: i, Second: len(a.contests) + s.Opponent, Slot: s.Number})
		}
	}
	return tasks, nil
}

func (a *arena) nextOf(ctx context.Context, c *contest) (slots []ladder.Slot, err error) {
	if a.choose == chooseEven {
		for i, r := range c.rungs {
			for _, n := range a.slotOrder() {
				if _, played := r.outcomes[n]; !played {
					slots = append(slots, ladder.Slot{Opponent: i, Number: n})
				}
			}
		}
		return slots, nil
	}
	anchors := make([]elo.Anchor, len(c.rungs))
	for i, r := range c.rungs {
		anchors[i] = r.opponent.anchor
	}
	var failed error
	slots, end, err := ladder.Next(anchors, ladder.Options{Games: a.games, Precision: a.precision}, func(s ladder.Slot) (elo.Outcome, bool) {
		if failed == nil {
			failed = a.begin(ctx, c.rungs[s.Opponent])
		}
		o, ok := c.rungs[s.Opponent].outcomes[s.Number]
		return o, ok
	})
	if end == ladder.Precise {
		c.total = c.record().Games()
	}
	return slots, errors.Join(err, failed)
}

// slotOrder is the order in which the games against an opponent are played: by
// number, or as in the paper, which played all games with Black first. An engine
// whose hash passes from game to game plays by it.
func (a *arena) slotOrder() []int {
	var order, white []int
	for n := range a.games {
		if a.protocol == protocolPaper && match.White(n) == 0 {
			white = append(white, n)
		} else {
			order = append(order, n)
		}
	}
	return append(order, white...)
}

// playAll plays the missing games of every contest.
func (a *arena) playAll(ctx context.Context) error {
	tasks, err := a.next(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.progress, "%s, %s, seed %d, leaderboard %s\n", a.protocolName(), a.policy, a.seed, a.db)
	left := -a.before
	for _, c := range a.contests {
		left += c.total
	}
	switch {
	case len(tasks) == 0:
		fmt.Fprintf(a.progress, "all %s games were already played; more with --games, others with --seed\n", cli.Count(a.before))
		return nil
	case a.before > 0:
		fmt.Fprintf(a.progress, "%s games were already played, %s are missing\n", cli.Count(a.before), cli.Count(left))
	}
	v := &view{status: cli.NewStatus(a.progress), began: time.Now(), missing: left}
	defer v.status.Close()
	for ; len(tasks) > 0 && err == nil; tasks, err = a.next(ctx) {
		if err := a.playTasks(ctx, tasks, v); err != nil {
			return err
		}
	}
	return err
}

func (a *arena) playTasks(ctx context.Context, tasks []match.Task, v *view) error {
	warn := func(format string, args ...any) { a.warnf(v, format, args...) }
	live := newInPlay(a.store, arenaName())
	defer live.keep(ctx, warn)()
	r := match.Runner{
		// The claim is for those who watch. The choice of the next games is by what is
		// stored, and two arenas that make the same one are told by ErrSlotTaken.
		Claim: func(t match.Task) (bool, error) {
			if _, err := live.claim(ctx, t); err != nil && ctx.Err() == nil {
				warn("the games in play cannot be shown: %v", err)
			}
			return true, nil
		},
		Left: live.left, Watch: live.watch,
		Rules:    match.Rules{MaxPlies: 2 * a.maxMoves, NoClaims: a.noClaims},
		Seed:     a.seed,
		Openings: a.book, Concurrency: min(a.concurrency, len(tasks)), Retries: a.retries,
		Record: func(t match.Task, g *match.Game) error {
			if a.defects[defectStalemate] {
				scoreWhiteStalemate(g)
			}
			// A game that ended is stored, whatever happens to the context.
			keep := context.WithoutCancel(ctx)
			rung := a.rungs[t.Match]
			err := a.store.RecordGame(keep, stored(t.Match, g))
			live.ended(t)
			if errors.Is(err, leaderboard.ErrSlotTaken) {
				// Another arena was faster. The next choices are by what is stored.
				g, err := a.store.Game(keep, t.Match, t.Slot)
				if err != nil {
					return err
				}
				rung.outcomes[t.Slot] = g.Outcome()
				v.missing--
				return nil
			}
			if err != nil {
				return err
			}
			a.recorded++
			rung.outcomes[t.Slot] = outcome(g)
			v.finished(rung.contest)
			return nil
		},
		Void: func(t match.Task, err error) {
			a.warnf(v, "%s: game %d against %s is void: %v", a.rungs[t.Match].contest.label, t.Slot+1, a.rungs[t.Match].opponent.label, err)
			if err := a.store.RecordVoid(context.WithoutCancel(ctx), voidOf(t.Match, t.Slot, err)); err != nil {
				a.warnf(v, "%v", err)
			}
		},
	}
	for _, c := range a.contests {
		r.Entrants = append(r.Entrants, match.Entrant{New: c.factory})
	}
	for _, o := range a.opponents {
		// The opponent is an anchor: it must not lose by being broken.
		r.Entrants = append(r.Entrants, match.Entrant{New: o.factory, Control: a.limit, IllegalVoids: true})
	}
	v.show(a.rungs[tasks[0].Match].contest)
	return r.Run(ctx, slices.Values(tasks))
}

// warnf writes a warning above the live line, and to standard error where
// progress is not shown.
func (a *arena) warnf(v *view, format string, args ...any) {
	text := fmt.Sprintf("warning: "+format, args...)
	if a.quiet {
		a.warning.Lock() // the workers warn
		defer a.warning.Unlock()
		fmt.Fprintln(a.warnings, text)
		return
	}
	v.status.Printf("%s", text)
}

// report prints the result, writes the PGN and draws the pictures.
func (a *arena) report(ctx context.Context, stdout io.Writer) error {
	var ids []int64
	for id := range a.rungs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	if a.pgnOut != "" {
		if err := writePGN(ctx, a.store, a.pgnOut, ids); err != nil {
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
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
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

func (v *view) line(c *contest) string {
	r := c.record()
	left := "-"
	if v.done > 0 {
		left = cli.Duration(time.Since(v.began) / time.Duration(v.done) * time.Duration(max(0, v.missing-v.done)))
	}
	var levels []string
	for _, r := range c.rungs {
		if n := len(r.outcomes); n > 0 && len(c.rungs) > 1 {
			levels = append(levels, fmt.Sprintf("%s: %d", r.opponent.short, n))
		}
	}
	against := ""
	if len(levels) > 0 {
		against = " (" + strings.Join(levels, ", ") + ")"
	}
	return fmt.Sprintf("%s: %d/%d games%s  +%d =%d -%d  %s  left %s", c.label, r.Games(), c.total, against, r.Wins, r.Draws, r.Losses,
		cli.Percent(r.Points(), float64(r.Games())), left)
}

func (v *view) show(c *contest) {
	v.status.Set(float64(v.done)/float64(max(1, v.missing)), " "+v.line(c))
}

// finished is called by one goroutine at a time.
func (v *view) finished(c *contest) {
	v.done++
	v.show(c)
	if !v.status.Live() && (time.Since(v.shown) >= 10*time.Second || c.record().Games() == c.total) {
		v.shown = time.Now()
		v.status.Printf("%s", v.line(c))
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gonum.org/v1/gonum/blas/blas32"

	"transcend/data"
	"transcend/elo"
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
	a := &arena{settings: s, batches: batches{}, progress: progress, warnings: stderr}
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
	model     *model.Model
	tokenizer data.Tokenizer
	modelDir  string
	batches   batches
	anchorsBy leaderboard.AnchorFunc

	pairings []*pairing
	before   int // games that were stored when this execution began
	recorded int // games that this execution stored
}

// pairing is a model at one temperature against an engine at one level.
type pairing struct {
	subject, opponent match.Factory
	label             string
	matchID           int64
	missing           []int
	record            elo.Record
	total             int
}

// open prepares everything that can fail before a game is played.
func (a *arena) open(ctx context.Context) error {
	kernels, err := blas.New(blas.Options{})
	if err != nil {
		return err
	}
	blas32.Use(kernels)
	if err := a.chooseAnchors(); err != nil {
		return err
	}
	if err := a.openModel(); err != nil {
		return err
	}
	opponents, err := a.opponents(ctx)
	if err != nil {
		return err
	}
	if a.store, err = leaderboard.Open(a.db); err != nil {
		return err
	}
	for _, t := range a.temps {
		for _, o := range opponents {
			p, err := a.pair(ctx, t, o)
			if err != nil {
				a.store.Close()
				return err
			}
			a.pairings = append(a.pairings, p)
			a.before += p.record.Games()
		}
	}
	return nil
}

// openModel loads the checkpoint that --model names, or the newest.
func (a *arena) openModel() (err error) {
	if a.modelDir, err = checkpointIn(a.settings.model); err != nil {
		return err
	}
	a.model, a.tokenizer, err = loadCheckpoint(a.modelDir)
	return err
}

// opponent is an engine at one level, tried once.
type opponent struct {
	factory match.Factory
	player  leaderboard.Player
	limit   string
	label   string
}

// opponents starts each opponent once: what is wrong with it should show
// before the first game.
func (a *arena) opponents(ctx context.Context) ([]opponent, error) {
	if a.engine == builtinRandom {
		p := engine.NewRandomPlayer()
		defer p.Close()
		return []opponent{{
			factory: func(context.Context) (engine.Player, error) { return engine.NewRandomPlayer(), nil },
			player:  leaderboard.Player{Name: p.Name(), Spec: p.Spec()},
			label:   p.Name(),
		}}, nil
	}
	path, err := engine.Find(a.engine)
	if err != nil {
		return nil, err
	}
	levels := make([]*int, 0, len(a.levels))
	for i := range a.levels {
		levels = append(levels, &a.levels[i])
	}
	if len(levels) == 0 {
		if strings.Contains(strings.ToLower(filepath.Base(path)), "stockfish") && !a.setsStrength() {
			zero, one := 0, 1
			levels = []*int{&zero, &one}
		} else {
			levels = []*int{nil}
		}
	}
	if !math.IsNaN(a.anchorElo) && len(levels) > 1 {
		return nil, cli.Usagef("--anchor-elo rates one opponent, and there are %d levels", len(levels))
	}
	var out []opponent
	for _, level := range levels {
		o, err := a.tryEngine(ctx, path, level)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// setsStrength tells whether an --option already decides how strong the engine
// plays.
func (a *arena) setsStrength() bool {
	for _, o := range a.options {
		name, _, _ := strings.Cut(strings.ToLower(o), "=")
		switch strings.TrimSpace(name) {
		case "skill level", "uci_limitstrength", "uci_elo":
			return true
		}
	}
	return false
}

func (a *arena) tryEngine(ctx context.Context, path string, level *int) (opponent, error) {
	config := engine.Config{Path: path, Args: a.engineArgs}
	for _, text := range a.options {
		o, err := engine.ParseOption(text)
		if err != nil {
			return opponent{}, cli.Usagef("--option %q: %w", text, err)
		}
		config.Options = append(config.Options, o)
	}
	if level != nil {
		config.Options = append(config.Options, engine.Option{Name: "Skill Level", Value: fmt.Sprint(*level)})
	}
	factory := func(ctx context.Context) (engine.Player, error) { return engine.StartUCI(ctx, config) }
	p, err := factory(ctx)
	var crash *engine.CrashError
	if errors.As(err, &crash) && crash.During == "uci" {
		err = cli.WithHint(err, "is it a UCI engine? start it by hand and type uci: it should answer uciok")
	}
	if err != nil {
		return opponent{}, err
	}
	defer p.Close()
	label := p.Name()
	if level != nil {
		label = fmt.Sprintf("%s level %d", label, *level)
	}
	return opponent{
		factory: factory, player: leaderboard.Player{Name: label, Spec: p.Spec()},
		limit: a.limit.String(), label: label,
	}, nil
}

// pair finds or makes the match of a temperature and an opponent.
func (a *arena) pair(ctx context.Context, temperature float64, o opponent) (*pairing, error) {
	config := engine.ModelConfig{
		Name:  fmt.Sprintf("%s T=%v", checkpointName(a.modelDir), temperature),
		Model: a.model, Tokenizer: a.tokenizer,
		Sampling: model.Sampling{Temperature: temperature, TopK: a.topK, TopP: a.topP},
		Policy:   a.policy,
		Batch:    a.batches.of(a.model, a.decoding),
	}
	subject := func(context.Context) (engine.Player, error) { return engine.NewModelPlayer(config) }
	p, err := subject(ctx)
	if err != nil {
		return nil, err
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
	subjectID, err := a.store.EnsurePlayer(ctx, leaderboard.Player{Name: name, Spec: spec})
	if err != nil {
		return nil, err
	}
	opponentID, err := a.store.EnsurePlayer(ctx, o.player)
	if err != nil {
		return nil, err
	}
	m := leaderboard.Match{
		PlayerID: subjectID, OpponentID: opponentID,
		Openings: "startpos", OpponentLimit: o.limit, MaxPlies: 2 * a.maxMoves,
		Seed: a.seed, Program: cli.Version(),
	}
	if a.noClaims {
		m.Options = map[string]string{"claims": "none"}
	}
	id, err := a.store.EnsureMatch(ctx, m)
	if err != nil {
		return nil, err
	}
	played := map[int]bool{}
	record := elo.Record{}
	for g, err := range a.store.Games(ctx, id) {
		if err != nil {
			return nil, err
		}
		played[g.Slot] = true
		record.Add(g.Outcome())
	}
	pairing := &pairing{
		subject: subject, opponent: o.factory, matchID: id, record: record,
		label: fmt.Sprintf("T=%v against %s", temperature, o.label),
	}
	for slot := range a.games {
		if !played[slot] {
			pairing.missing = append(pairing.missing, slot)
		}
	}
	pairing.total = record.Games() + len(pairing.missing)
	return pairing, nil
}

// chooseAnchors decides how opponents are rated.
func (a *arena) chooseAnchors() error {
	by, err := anchorsFor(a.anchors)
	if err != nil {
		return err
	}
	if !math.IsNaN(a.anchorElo) {
		rating := a.anchorElo
		by = func(p leaderboard.Player) (elo.AnchorSet, elo.Anchor, error) {
			scale := fmt.Sprintf("own scale, %s at %.0f", p.Name, rating)
			return elo.AnchorSet{Name: "anchor-elo", Version: "1", Scale: scale, Conditions: "as told by --anchor-elo"},
				elo.Anchor{Name: p.Name, Rating: rating}, nil
		}
	}
	a.anchorsBy = by
	return nil
}

// anchorsFor is the anchor set with that name, or, for "", the one that was
// measured with each engine's version.
func anchorsFor(name string) (leaderboard.AnchorFunc, error) {
	if name == "" {
		return leaderboard.DefaultAnchors, nil
	}
	set, err := elo.AnchorSetNamed(name)
	if err != nil {
		err = cli.Usagef("--anchors %s: %w", name, err)
		var names []string
		for _, s := range elo.AnchorSets() {
			names = append(names, s.Name)
		}
		if near := cli.Nearest(name, names); near != "" {
			err = cli.WithHint(err, "did you mean --anchors "+near+"?")
		}
		return nil, err
	}
	return leaderboard.AnchorsFrom(set), nil
}

// playAll plays the missing games of every pairing.
func (a *arena) playAll(ctx context.Context) error {
	missing := 0
	for _, p := range a.pairings {
		missing += len(p.missing)
	}
	fmt.Fprintf(a.progress, "model %s, %s tokens, %s, seed %d, leaderboard %s\n", a.modelDir, a.tokenizer.Name(), a.policy, a.seed, a.db)
	switch {
	case missing == 0:
		fmt.Fprintf(a.progress, "all %s games were already played; more with --games, others with --seed\n", cli.Count(a.before))
		return nil
	case a.before > 0:
		fmt.Fprintf(a.progress, "%s games were already played, %s are missing\n", cli.Count(a.before), cli.Count(missing))
	}
	v := &view{status: cli.NewStatus(a.progress), began: time.Now(), missing: missing}
	defer v.status.Close()
	for _, p := range a.pairings {
		if err := a.playPairing(ctx, p, v); err != nil {
			return err
		}
	}
	return nil
}

func (a *arena) playPairing(ctx context.Context, p *pairing, v *view) error {
	if len(p.missing) == 0 {
		return nil
	}
	v.show(p)
	m := match.Match{
		Players: [2]match.Factory{p.subject, p.opponent},
		Rules: match.Rules{
			Controls: [2]match.Control{1: a.limit}, MaxPlies: 2 * a.maxMoves, NoClaims: a.noClaims,
			// The opponent is an anchor: it must not lose by being broken.
			IllegalVoids: [2]bool{false, true},
		},
		Seed: a.seed, Slots: p.missing, Concurrency: a.concurrency, Retries: a.retries,
		Record: func(g *match.Game) error {
			// A game that ended is stored, whatever happens to the context.
			err := a.store.RecordGame(context.WithoutCancel(ctx), stored(p.matchID, g))
			if errors.Is(err, leaderboard.ErrSlotTaken) {
				return nil // another arena was faster
			}
			if err != nil {
				return err
			}
			a.recorded++
			p.record.Add(outcome(g))
			v.finished(p, g)
			return nil
		},
		Void: func(slot int, err error) {
			a.warnf(v, "game %d is void: %v", slot+1, err)
			if err := a.store.RecordVoid(context.WithoutCancel(ctx), voidOf(p.matchID, slot, err)); err != nil {
				a.warnf(v, "%v", err)
			}
		},
	}
	if err := m.Run(ctx); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("%s: %w", p.label, err)
	}
	v.plain(p)
	return nil
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

// report prints the result and writes the PGN.
func (a *arena) report(ctx context.Context, stdout io.Writer) error {
	var ids []int64
	for _, p := range a.pairings {
		ids = append(ids, p.matchID)
	}
	if a.pgnOut != "" {
		if err := writePGN(ctx, a.store, a.pgnOut, ids); err != nil {
			return err
		}
	}
	board, err := a.store.Leaderboard(ctx, leaderboard.BoardOptions{Matches: ids, Anchors: a.anchorsBy, Seed: a.seed})
	if err != nil {
		return err
	}
	if a.json {
		return board.WriteJSON(stdout)
	}
	return board.WriteText(stdout)
}

// view shows how the games go.
type view struct {
	status  *cli.Status
	began   time.Time
	missing int // when play began
	done    int
	shown   time.Time
}

func (v *view) line(p *pairing) string {
	r := p.record
	left := "-"
	if v.done > 0 {
		left = cli.Duration(time.Since(v.began) / time.Duration(v.done) * time.Duration(v.missing-v.done))
	}
	return fmt.Sprintf("%s: %d/%d games  +%d =%d -%d  %s  left %s", p.label, r.Games(), p.total, r.Wins, r.Draws, r.Losses,
		cli.Percent(r.Points(), float64(r.Games())), left)
}

func (v *view) show(p *pairing) {
	v.status.Set(float64(v.done)/float64(max(1, v.missing)), " "+v.line(p))
}

// finished is called by one goroutine at a time.
func (v *view) finished(p *pairing, g *match.Game) {
	v.done++
	v.show(p)
	if !v.status.Live() && time.Since(v.shown) >= 10*time.Second {
		v.plain(p)
	}
}

func (v *view) plain(p *pairing) {
	v.shown = time.Now()
	v.status.Printf("%s", v.line(p))
}

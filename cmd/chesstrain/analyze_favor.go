package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"transcend/analysis"
	"transcend/analysis/favor"
	"transcend/data"
	"transcend/data/league"
	"transcend/engine"
	"transcend/engine/device"
	"transcend/engine/match"
	"transcend/engine/uci"
	"transcend/internal/cli"
	"transcend/internal/parallel"
	"transcend/model"
)

// favorVersion counts changes of what is computed of a game.
const favorVersion = 1

func analyzeFavor() analysisCommand {
	return analysisCommand{
		name: "favor", about: "expected reward gained by a lower temperature, position by position",
		help: `The paper's Section on favor and its Table 1. A model plays games at the lowest temperature against an
opponent. In every position that it comes to, its moves at each temperature are weighed by rewards: the mover's
probability to win after the move, by Lichess's formula from the score of a strong engine that searches all legal
moves. The gain of a temperature is its expected reward less that at T=1, the mean over positions; intervals are
from resampling games.

Expectations are exact, over the model's whole distribution; --samples 100 draws moves as the paper did. A model of
characters is taken at its characters' temperature; other spellings of a move than the training data's count as
illegal.

Where paper and released code leave a choice, both readings are shown: moves that are not legal count as rewards of 0 (the
code), which rewards a low temperature for being legal more often, or are excluded; intervals by game, or by
position as if positions of one game were independent (the paper). --round rounds rewards to thousandths as
the code does. The defaults search less than the paper's second a position.

Scores are kept in --cache and shared by all analyses. Without Stockfish, --scorer league uses the search of the
simulated players, which is far weaker; every result says who scored.`,
		examples: []string{
			"chesstrain analyze favor --model runs/max1000-move-tiny",
			"chesstrain analyze favor --model shipped --opponent league:800 --scorer league --games 20",
			"chesstrain analyze favor --temps 0.001,0.75,1 --samples 100 --movetime 1s     as the paper",
			"chesstrain analyze favor --corpus games.parquet --games 50     positions of these games instead",
			"chesstrain analyze favor --device cuda --games-at-once 1024 --opponent league:800 --scorer league --games 4096",
		},
		model: true, corpus: true, begin: beginFavor,
	}
}

// scoring are the flags of whoever scores moves.
type scoring struct {
	scorer, cache string
	depth, nodes  int
	moveTime      time.Duration

	defaultNodes int // 0: by scorer
}

// addFlags adds the flags; what scorer is set to is its default.
func (s *scoring) addFlags(fs *pflag.FlagSet) {
	nodes := "default 100000, of the league's search 40000"
	if s.defaultNodes > 0 {
		nodes = fmt.Sprintf("default %d", s.defaultNodes)
	}
	fs.StringVar(&s.scorer, "scorer", cmp.Or(s.scorer, "stockfish"), "who scores moves: stockfish, the path of another UCI engine, or league, the simulated players' search")
	fs.IntVar(&s.depth, "depth", 0, "search every position to this depth")
	fs.IntVar(&s.nodes, "nodes", 0, "search so many nodes of every position ("+nodes+")")
	fs.DurationVar(&s.moveTime, "movetime", 0, "search every position for this time, as 1s: scores then depend on the machine")
	fs.StringVar(&s.cache, "cache", "", "file of scores (default OUT/scores.db)")
}

// limit checks the flags and returns the bound of a search.
func (s *scoring) limit() (favor.Search, error) {
	given := 0
	for _, set := range []bool{s.depth != 0, s.nodes != 0, s.moveTime != 0} {
		if set {
			given++
		}
	}
	switch {
	case given > 1:
		return favor.Search{}, cli.WithHint(cli.Usagef("--depth, --nodes and --movetime all bound the search"), "give one of them")
	case s.depth < 0 || s.nodes < 0 || s.moveTime < 0:
		return favor.Search{}, cli.Usagef("--depth, --nodes and --movetime must be positive")
	case s.scorer == "league" && s.moveTime > 0:
		return favor.Search{}, cli.Usagef("--scorer league searches by --depth or --nodes")
	case given == 0 && s.defaultNodes > 0:
		return favor.Search{Nodes: s.defaultNodes}, nil
	case given == 0 && s.scorer == "league":
		return favor.Search{Nodes: 40_000}, nil
	case given == 0:
		return favor.Search{Nodes: 100_000}, nil
	}
	return favor.Search{Depth: s.depth, Nodes: s.nodes, MoveTime: s.moveTime}, nil
}

// start makes a scorer for one goroutine.
func (s *scoring) start(ctx context.Context, limit favor.Search) (favor.Scorer, error) {
	if s.scorer == "league" {
		return favor.NewLeagueScorer(limit)
	}
	scorer, err := favor.NewEngineScorer(ctx, s.scorer, limit)
	if err != nil {
		return nil, cli.WithHint(err, "--scorer league needs no engine")
	}
	return scorer, nil
}

// open tries the scorer once, before anything that takes long, and opens the file of scores. id is the scorer's identity,
// which is part of what decides results.
func (s *scoring) open(ctx context.Context, a *analyzing, limit favor.Search) (id string, _ *favor.Cache, err error) {
	scorer, err := s.start(ctx, limit)
	if err != nil {
		return "", nil, err
	}
	id = scorer.ID()
	scorer.Close()
	path := cmp.Or(s.cache, filepath.Join(filepath.Dir(a.Dir), "scores.db"))
	cache, err := favor.OpenCache(ctx, path)
	return id, cache, err
}

// visiting are the flags of the games whose positions are looked at.
type visiting struct {
	opponent string
	time     time.Duration
	games    int
}

func (v *visiting) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&v.opponent, "opponent", "stockfish:1", "whom the model plays: stockfish:LEVEL, league:NAME (as league:800), random")
	fs.DurationVar(&v.time, "opponent-time", 100*time.Millisecond, "time of an engine for a move")
	fs.IntVar(&v.games, "games", 100, "games to play, or to take of --corpus")
}

// patience is for engines on a busy machine.
const patience = time.Minute

// factory makes the opponent, which is tried once.
func (v *visiting) factory() (match.Factory, match.Control, error) {
	kind, rest, _ := strings.Cut(v.opponent, ":")
	switch kind {
	case "random":
		return func(context.Context) (engine.Player, error) { return engine.NewRandomPlayer(), nil }, match.Control{}, nil
	case "league":
		player, err := league.Find(rest)
		if err != nil {
			return nil, match.Control{}, cli.Usagef("--opponent %s: %w", v.opponent, err)
		}
		return func(context.Context) (engine.Player, error) { return engine.NewLeaguePlayer(player.Player) }, match.Control{}, nil
	case "stockfish":
		level, err := strconv.Atoi(rest)
		if err != nil || level < 0 || level > 20 {
			return nil, match.Control{}, cli.WithHint(cli.Usagef("--opponent %s: the level must be between 0 and 20", v.opponent), "as stockfish:1")
		}
		path, err := uci.Find("stockfish")
		if err != nil {
			return nil, match.Control{}, cli.WithHint(err, "--opponent league:800 needs no engine")
		}
		return func(ctx context.Context) (engine.Player, error) {
			return uci.Start(ctx, uci.Config{
				Path: path, Options: []uci.Option{{Name: "Skill Level", Value: rest}, {Name: "Threads", Value: "1"}},
				Timeouts: uci.Timeouts{Margin: patience}, // nobody loses on time here
			})
		}, match.Control{MoveTime: v.time}, nil
	}
	return nil, match.Control{}, cli.WithHint(cli.Usagef("--opponent %s: no such player", v.opponent), "stockfish:1, league:800 or random")
}

// temperatures reads a list of them, in rising order.
func parseTemperatures(text string) ([]float64, error) {
	var all []float64
	for part := range strings.SplitSeq(text, ",") {
		t, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil || !(t >= 0 && t <= 100) {
			return nil, cli.Usagef("--temps %s: %q is no temperature from 0 to 100", text, part)
		}
		if slices.Contains(all, t) {
			return nil, cli.Usagef("--temps %s: %v is there twice", text, t)
		}
		all = append(all, t)
	}
	slices.Sort(all)
	return all, nil
}

func beginFavor(fs *pflag.FlagSet) func(context.Context, *analyzing) (analysis.Result, error) {
	f := addFavorFlags(fs, "0.001,0.75,1", "temperatures, 1 among them; games are played at the lowest")
	samples := fs.Int("samples", 0, "draw so many moves a position and temperature instead of taking expectations")
	round := fs.Bool("round", false, "round rewards to thousandths, as the paper's code")
	var on device.Flags
	on.Add(fs)
	atOnce := fs.Int("games-at-once", 0, "games that are played and measured side by side, each with its own opponent and scorer (default --threads; a GPU wants many)")
	return func(ctx context.Context, a *analyzing) (_ analysis.Result, err error) {
		if *samples < 0 || *samples > 100_000 {
			return nil, cli.Usagef("--samples %d: must be up to 100000", *samples)
		}
		if *atOnce < 0 || *atOnce > 1<<14 {
			return nil, cli.Usagef("--games-at-once %d: must be between 1 and %d", *atOnce, 1<<14)
		}
		if err := on.Check(); err != nil {
			return nil, err
		}
		w, err := f.work(a, func(temperatures []float64) error {
			if !slices.Contains(temperatures, 1) {
				return cli.Usagef("--temps %s: 1 is missing, which gains are over", f.temps)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		w.samples, w.round, w.atOnce = *samples, *round, *atOnce
		if on.Elsewhere() {
			decoders := on.Decoders(a.printf)
			defer func() { err = errors.Join(err, decoders.Close()) }()
			if w.batch, err = decoders.Batch(w.m, model.BatchOptions{}); err != nil {
				return nil, err
			}
		}
		return w.run(ctx, &f.visit, f.resamples)
	}
}

// favorFlags are those of analyses that weigh a model's moves in the positions of games.
type favorFlags struct {
	score     scoring
	visit     visiting
	temps     string
	resamples int
}

func addFavorFlags(fs *pflag.FlagSet, temps, usage string) *favorFlags {
	f := new(favorFlags)
	fs.StringVar(&f.temps, "temps", temps, usage)
	fs.IntVar(&f.resamples, "resamples", 10_000, "bootstrap resamples")
	f.visit.addFlags(fs)
	f.score.addFlags(fs)
	return f
}

// work checks the flags, with what else is to be checked of the temperatures, and loads the model.
func (f *favorFlags) work(a *analyzing, check func(temperatures []float64) error) (*favorWork, error) {
	temperatures, err := parseTemperatures(f.temps)
	if err == nil && check != nil {
		err = check(temperatures)
	}
	if err != nil {
		return nil, err
	}
	if f.resamples < 100 || f.resamples > 1_000_000 || f.visit.games < 1 {
		return nil, cli.Usagef("--resamples must be between 100 and 1000000, --games at least 1")
	}
	limit, err := f.score.limit()
	if err != nil {
		return nil, err
	}
	m, tok, err := a.loadModel()
	if err != nil {
		return nil, err
	}
	return &favorWork{a: a, m: m, tok: tok, score: &f.score, limit: limit, temperatures: temperatures}, nil
}

// favorWork is one analysis.
type favorWork struct {
	a            *analyzing
	m            *model.Model
	tok          data.Tokenizer
	score        *scoring
	limit        favor.Search
	temperatures []float64
	samples      int
	round        bool
	atOnce       int           // games; 0: as many as threads
	batch        *engine.Batch // nil: every goroutine decodes for itself
}

func (w *favorWork) run(ctx context.Context, visit *visiting, resamples int) (*favor.Report, error) {
	report := &favor.Report{Temperatures: w.temperatures, Visiting: w.temperatures[0], Samples: w.samples, Rounded: w.round, Tokens: w.tok.Unit() + "s"}
	var cache *favor.Cache
	var err error
	if report.Scorer, cache, err = w.score.open(ctx, w.a, w.limit); err != nil {
		return nil, err
	}
	defer cache.Close()
	source, err := w.source(ctx, visit, report)
	if err != nil {
		return nil, err
	}
	games, err := w.games(ctx, source, report.Scorer, cache)
	if err != nil {
		return nil, err
	}
	if report.Summary, err = favor.Summarize(games, w.temperatures, 1, resamples, w.a.Seed); err != nil {
		return nil, err
	}
	reader, scorer, err := w.reader(ctx)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	defer scorer.Close()
	for _, p := range favor.Worked() {
		e, ok, err := reader.Work(ctx, &p, cache, scorer)
		if err != nil {
			return nil, err
		}
		if !ok {
			w.a.warn(fmt.Sprintf("the position %q is beyond the model's context", p.Name))
			continue
		}
		report.Worked = append(report.Worked, *e)
	}
	return report, nil
}

// gameSource gives games, by numbers, to one goroutine.
type gameSource struct {
	n        int
	settings any
	// start makes what one goroutine plays with; its function returns moves and whose positions count.
	start func(ctx context.Context) (play func(ctx context.Context, i int) (*favor.Visited, [2]bool, error), free func(), err error)
	// atOnce is how many goroutines play and measure; 0: as many as threads.
	atOnce int
}

// source is the games of the corpus, or games against the opponent.
func (w *favorWork) source(ctx context.Context, visit *visiting, report *favor.Report) (*gameSource, error) {
	if w.a.Corpus != "" {
		corpus, err := w.a.loadCorpus(ctx)
		if err != nil {
			return nil, err
		}
		n := min(visit.games, corpus.Len())
		stride := float64(corpus.Len()) / float64(max(n, 1))
		play := func(_ context.Context, i int) (*favor.Visited, [2]bool, error) {
			v := &favor.Visited{}
			for _, m := range corpus.Moves(int(float64(i) * stride)) {
				v.Moves = append(v.Moves, m.String())
			}
			return v, [2]bool{true, true}, nil
		}
		return &gameSource{n: n, atOnce: w.atOnce, settings: "corpus", start: func(context.Context) (func(context.Context, int) (*favor.Visited, [2]bool, error), func(), error) {
			return play, nil, nil
		}}, nil
	}
	factory, control, err := visit.factory()
	if err != nil {
		return nil, err
	}
	tried, err := factory(ctx)
	if err != nil {
		return nil, err
	}
	defer tried.Close()
	report.Opponent = tried.Name()
	if control.MoveTime > 0 {
		report.Opponent = fmt.Sprintf("%s at skill level %s, %v a move", tried.Name(), tried.Spec()["option.Skill Level"], control.MoveTime)
	}
	start := func(ctx context.Context) (func(context.Context, int) (*favor.Visited, [2]bool, error), func(), error) {
		player, err := engine.NewModelPlayer(engine.ModelConfig{
			Model: w.m, Tokenizer: w.tok, Batch: w.batch, Sampling: model.Sampling{Temperature: w.temperatures[0]}, Policy: engine.IllegalPolicy{Kind: engine.ForfeitAfter, Attempts: 5},
		})
		if err != nil {
			return nil, nil, err
		}
		opponent, err := factory(ctx)
		if err != nil {
			player.Close()
			return nil, nil, err
		}
		free := func() { player.Close(); opponent.Close() }
		return func(ctx context.Context, i int) (*favor.Visited, [2]bool, error) {
			v, err := favor.Play(ctx, player, opponent, i, w.a.Seed, control)
			if err != nil {
				return nil, [2]bool{}, err
			}
			return v, [2]bool{v.White, !v.White}, nil
		}, free, nil
	}
	return &gameSource{n: visit.games, atOnce: w.atOnce, start: start, settings: map[string]any{"opponent": tried.Spec(), "control": control, "temperature": w.temperatures[0]}}, nil
}

// measure is what one goroutine measures games with.
type measure[G any] struct {
	of   func(ctx context.Context, i int, moves []string, sides [2]bool) (*G, error)
	free func()
}

// eachGame plays and measures the games that the journals do not have. settings decide what is measured, size counts
// positions for the live line. What a goroutine needs is started when it first has something to do.
func eachGame[G any](ctx context.Context, a *analyzing, source *gameSource, version int, settings any, size func(*G) int, start func(context.Context) (measure[G], error)) ([]G, error) {
	played, err := a.journal(version, source.settings)
	if err != nil {
		return nil, err
	}
	defer played.Close()
	measured, err := a.journal(version, []any{source.settings, settings})
	if err != nil {
		return nil, err
	}
	defer measured.Close()
	games := make([]G, source.n)
	var mu sync.Mutex
	done, positions := 0, 0
	told := func(g *G) {
		mu.Lock()
		defer mu.Unlock()
		done++
		positions += size(g)
		a.progress(float64(done)/float64(source.n), "%s of %s games, %s positions", cli.Count(done), cli.Count(source.n), cli.Count(positions))
	}
	err = parallel.Each(ctx, cmp.Or(source.atOnce, a.Threads), source.n, func() (func(context.Context, int) error, func(), error) {
		w := &gameWorker[G]{source: source, start: start, played: played, measured: measured}
		return func(ctx context.Context, i int) error {
			err := w.do(ctx, i, &games[i])
			if err == nil {
				told(&games[i])
			}
			return err
		}, w.free, nil
	})
	return games, err
}

// gameWorker is a goroutine of eachGame.
type gameWorker[G any] struct {
	source           *gameSource
	start            func(context.Context) (measure[G], error)
	played, measured *analysis.Journal

	play     func(ctx context.Context, i int) (*favor.Visited, [2]bool, error)
	freePlay func()
	measure  *measure[G]
}

func (w *gameWorker[G]) free() {
	if w.freePlay != nil {
		w.freePlay()
	}
	if w.measure != nil {
		w.measure.free()
	}
}

// playedGame is a line of the journal of games.
type playedGame struct {
	Game  *favor.Visited `json:"game"`
	Sides [2]bool        `json:"sides"`
}

func (w *gameWorker[G]) do(ctx context.Context, i int, out *G) error {
	key := strconv.Itoa(i)
	if ok, err := w.measured.Get(key, out); err != nil || ok {
		return err
	}
	var g playedGame
	ok, err := w.played.Get(key, &g)
	if err != nil {
		return err
	}
	if !ok {
		if w.play == nil {
			if w.play, w.freePlay, err = w.source.start(ctx); err != nil {
				return err
			}
		}
		if g.Game, g.Sides, err = w.play(ctx, i); err != nil {
			return err
		}
		if err := w.played.Put(key, g); err != nil {
			return err
		}
	}
	if w.measure == nil {
		m, err := w.start(ctx)
		if err != nil {
			return err
		}
		w.measure = &m
	}
	read, err := w.measure.of(ctx, i, g.Game.Moves, g.Sides)
	if err != nil {
		return fmt.Errorf("game %d: %w", i+1, err)
	}
	*out = *read
	return w.measured.Put(key, read)
}

// games measures the games for favor.
func (w *favorWork) games(ctx context.Context, source *gameSource, scorer string, cache *favor.Cache) ([]favor.Game, error) {
	settings := []any{scorer, w.temperatures, w.samples, w.round}
	size := func(g *favor.Game) int { return len(g.States) }
	return eachGame(ctx, w.a, source, favorVersion, settings, size, func(ctx context.Context) (measure[favor.Game], error) {
		reader, scorer, err := w.reader(ctx)
		if err != nil {
			return measure[favor.Game]{}, err
		}
		return measure[favor.Game]{
			of: func(ctx context.Context, i int, moves []string, sides [2]bool) (*favor.Game, error) {
				return reader.ReadGame(ctx, moves, sides, match.SlotSeed(w.a.Seed, i), cache, scorer)
			},
			free: func() { reader.Close(); scorer.Close() },
		}, nil
	})
}

// reader starts what one goroutine reads positions with.
func (w *favorWork) reader(ctx context.Context) (*favor.Reader, favor.Scorer, error) {
	reader, err := favor.NewReader(w.m, w.tok, w.batch, w.temperatures, w.samples, w.round)
	if err != nil {
		return nil, nil, err
	}
	scorer, err := w.score.start(ctx, w.limit)
	if err != nil {
		reader.Close()
		return nil, nil, err
	}
	return reader, scorer, nil
}

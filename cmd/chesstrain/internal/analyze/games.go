package analyze

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"transcend/analysis"
	"transcend/analysis/favor"
	"transcend/data/league"
	"transcend/engine"
	"transcend/engine/match"
	"transcend/engine/uci"
	"transcend/internal/cli"
	"transcend/internal/parallel"
	"transcend/model/sampling"
)

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

// playFunc returns the moves of a game and whose positions count, White's and Black's.
type playFunc func(ctx context.Context, i int) (*favor.Visited, [2]bool, error)

// gameSource gives games, by numbers, to one goroutine.
type gameSource struct {
	n        int
	opponent string // "" of a corpus
	settings any
	// start makes what one goroutine plays with; free may be nil.
	start func(ctx context.Context) (play playFunc, free func(), err error)
	// atOnce is how many goroutines play and measure; 0: as many as threads.
	atOnce int
}

// source is the games of the corpus, or games against the opponent.
func (w *weighing) source(ctx context.Context, visit *visiting) (*gameSource, error) {
	if w.a.Corpus != "" {
		return w.corpusGames(ctx, visit.games)
	}
	return w.playedGames(ctx, visit)
}

// corpusGames are n games of the corpus, evenly over it.
func (w *weighing) corpusGames(ctx context.Context, n int) (*gameSource, error) {
	corpus, err := w.a.loadCorpus(ctx)
	if err != nil {
		return nil, err
	}
	n = min(n, corpus.Len())
	stride := float64(corpus.Len()) / float64(max(n, 1))
	play := func(_ context.Context, i int) (*favor.Visited, [2]bool, error) {
		v := &favor.Visited{}
		for _, m := range corpus.Moves(int(float64(i) * stride)) {
			v.Moves = append(v.Moves, m.String())
		}
		return v, [2]bool{true, true}, nil
	}
	start := func(context.Context) (playFunc, func(), error) { return play, nil, nil }
	return &gameSource{n: n, atOnce: w.atOnce, settings: "corpus", start: start}, nil
}

// playedGames are games of the model at the lowest temperature against the opponent.
func (w *weighing) playedGames(ctx context.Context, visit *visiting) (*gameSource, error) {
	factory, control, err := visit.factory()
	if err != nil {
		return nil, err
	}
	tried, err := factory(ctx)
	if err != nil {
		return nil, err
	}
	defer tried.Close()
	opponent := tried.Name()
	if control.MoveTime > 0 {
		opponent = fmt.Sprintf("%s at skill level %s, %v a move", tried.Name(), tried.Spec()["option.Skill Level"], control.MoveTime)
	}
	start := func(ctx context.Context) (playFunc, func(), error) {
		player, err := engine.NewModelPlayer(engine.ModelConfig{
			Model: w.m, Tokenizer: w.tok, Batch: w.batch, Sampling: sampling.Settings{Temperature: w.temperatures[0]}, Policy: engine.IllegalPolicy{Kind: engine.ForfeitAfter, Attempts: 5},
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
	settings := map[string]any{"opponent": tried.Spec(), "control": control, "temperature": w.temperatures[0]}
	return &gameSource{n: visit.games, atOnce: w.atOnce, opponent: opponent, settings: settings, start: start}, nil
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

	play     playFunc
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

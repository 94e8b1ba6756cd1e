package analyze

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"transcend/analysis"
	"transcend/analysis/favor"
	"transcend/engine/device"
	"transcend/engine/match"
	"transcend/internal/cli"
	"transcend/model"
)

// favorVersion counts changes of what is computed of a game.
const favorVersion = 1

func analyzeFavor() command {
	return command{
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

func beginFavor(fs *pflag.FlagSet) workFunc {
	f := addWeighingFlags(fs, "0.001,0.75,1", "temperatures, 1 among them; games are played at the lowest")
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
		return w.gains(ctx, &f.visit, f.resamples)
	}
}

// gains is the analysis favor.
func (w *weighing) gains(ctx context.Context, visit *visiting, resamples int) (*favor.Report, error) {
	report := &favor.Report{Temperatures: w.temperatures, Visiting: w.temperatures[0], Samples: w.samples, Rounded: w.round, Tokens: w.tok.Unit() + "s"}
	var cache *favor.Cache
	var err error
	if report.Scorer, cache, err = w.score.open(ctx, w.a, w.limit); err != nil {
		return nil, err
	}
	defer cache.Close()
	source, err := w.source(ctx, visit)
	if err != nil {
		return nil, err
	}
	report.Opponent = source.opponent
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

// games measures the games for favor.
func (w *weighing) games(ctx context.Context, source *gameSource, scorer string, cache *favor.Cache) ([]favor.Game, error) {
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
func (w *weighing) reader(ctx context.Context) (*favor.Reader, favor.Scorer, error) {
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

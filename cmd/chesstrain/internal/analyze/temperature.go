package analyze

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/spf13/pflag"

	"transcend/analysis"
	"transcend/analysis/tempering"
	"transcend/engine/match"
	"transcend/internal/cli"
	"transcend/internal/parallel"
)

// temperatureVersion counts changes of what is computed of a game.
const temperatureVersion = 1

func analyzeTemperature() command {
	return command{
		name: "temperature", about: "a low temperature over moves against one over characters, in the same positions",
		help: `A model of characters that is sampled at a low temperature chooses letter by letter: moves that begin alike vote
together. In two of the five positions that the paper shows, its move at T=0.001 is not the likeliest move at T=1.

Both temperatures are applied to the same distribution, the model's over the legal moves at T=1: how often does the
greedy path over characters end in another move than the likeliest, and what does it cost in the probability to win,
as a strong engine scores the moves (see analyze favor)? Any model can be asked, one of moves as if it wrote them. Of a model of
characters the path that it takes itself is shown, too, illegal moves and all.

The rating: --duels games of both ways to choose against each other, legal moves only, on openings in pairs.
Positions are those of games against --opponent, or of --corpus.`,
		examples: []string{
			"chesstrain analyze temperature --model runs/max1000-char-tiny",
			"chesstrain analyze temperature --model shipped --opponent league:800 --scorer league --games 20 --duels 40",
			"chesstrain analyze temperature --corpus games.parquet --games 30 --temps 0.1,0.5,1",
		},
		model: true, corpus: true, begin: beginTemperature,
	}
}

func beginTemperature(fs *pflag.FlagSet) workFunc {
	f := addWeighingFlags(fs, "0.001,0.1,0.3,0.5,0.75,1", "temperatures; games are played at the lowest")
	duels := fs.Int("duels", 100, "games between both levels at the lowest temperature; 0: none")
	return func(ctx context.Context, a *analyzing) (analysis.Result, error) {
		if *duels < 0 || *duels%2 != 0 {
			return nil, cli.Usagef("--duels %d: must be an even number", *duels)
		}
		w, err := f.work(a, nil)
		if err != nil {
			return nil, err
		}
		return w.levels(ctx, &f.visit, *duels, f.resamples)
	}
}

// levels is the analysis temperature.
func (w *weighing) levels(ctx context.Context, visit *visiting, duels, resamples int) (*tempering.Report, error) {
	id, cache, err := w.score.open(ctx, w.a, w.limit)
	if err != nil {
		return nil, err
	}
	defer cache.Close()
	source, err := w.source(ctx, visit)
	if err != nil {
		return nil, err
	}
	size := func(g *tempering.Game) int { return len(g.States) }
	states, err := eachGame(ctx, w.a, source, temperatureVersion, []any{id, w.temperatures}, size, func(ctx context.Context) (measure[tempering.Game], error) {
		reader, err := tempering.NewReader(w.m, w.tok, w.temperatures)
		if err != nil {
			return measure[tempering.Game]{}, err
		}
		scorer, err := w.score.start(ctx, w.limit)
		if err != nil {
			reader.Close()
			return measure[tempering.Game]{}, err
		}
		return measure[tempering.Game]{
			of: func(ctx context.Context, _ int, moves []string, sides [2]bool) (*tempering.Game, error) {
				return reader.ReadGame(ctx, moves, sides, cache, scorer)
			},
			free: func() { reader.Close(); scorer.Close() },
		}, nil
	})
	if err != nil {
		return nil, err
	}
	report, err := tempering.Summarize(states, w.temperatures, resamples, w.a.Seed)
	if err != nil {
		return nil, err
	}
	report.Scorer, report.Tokens, report.Where = id, w.tok.Unit()+"s", "of the corpus"
	if source.opponent != "" {
		report.Where = fmt.Sprintf("played at T=%v against %s", w.temperatures[0], source.opponent)
	}
	played, err := w.duel(ctx, duels)
	if err != nil {
		return nil, err
	}
	return report, report.Compare(played, w.temperatures[0])
}

// duel plays both levels against each other.
func (w *weighing) duel(ctx context.Context, n int) ([]tempering.Duel, error) {
	openings, err := match.BuiltinOpenings(match.OpeningOptions{Shuffle: true, Seed: w.a.Seed})
	if err != nil {
		return nil, err
	}
	j, err := w.a.journal(temperatureVersion, []any{"duels", w.temperatures[0]})
	if err != nil {
		return nil, err
	}
	defer j.Close()
	games := make([]tempering.Duel, n)
	var mu sync.Mutex
	done := 0
	err = parallel.Each(ctx, w.a.Threads, n, func() (func(context.Context, int) error, func(), error) {
		var players [2]*tempering.Player
		for i, level := range []tempering.Level{tempering.Moves, tempering.Characters} {
			if players[i], err = tempering.NewPlayer(w.m, w.tok, level, w.temperatures[0]); err != nil {
				return nil, nil, err
			}
		}
		free := func() { players[0].Close(); players[1].Close() }
		return func(ctx context.Context, i int) error {
			ok, err := j.Get(strconv.Itoa(i), &games[i])
			if err != nil {
				return err
			}
			if !ok {
				d, err := tempering.Play(ctx, players[0], players[1], openings, i, w.a.Seed)
				if err != nil {
					return err
				}
				games[i] = *d
				if err := j.Put(strconv.Itoa(i), d); err != nil {
					return err
				}
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			w.a.progress(float64(done)/float64(n), "%s of %s games of characters against moves", cli.Count(done), cli.Count(n))
			return nil
		}, free, nil
	})
	return games, err
}

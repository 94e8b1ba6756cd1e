package main

import (
	"context"
	"math/rand/v2"
	"sync"

	"github.com/spf13/pflag"

	"transcend/analysis"
	"transcend/analysis/embed"
	"transcend/analysis/favor"
	"transcend/analysis/hidden"
	"transcend/internal/bitboard"
	"transcend/internal/cli"
	"transcend/internal/parallel"
)

func analyzeEmbed() analysisCommand {
	return analysisCommand{
		name:  "embed",
		about: "the model's last states as a map, by who is winning, half-move and side; boards of its clusters",
		help: `t-SNE (Barnes-Hut) of the residual stream after the last block, or another, one state of each game. White's winning
probability is Lichess's formula of the score of the best move, by the search of the simulated players or, as in the paper, by Stockfish
(--scorer stockfish), whose scores are kept in --cache and shared with analyze favor.`,
		examples: []string{
			"chesstrain analyze embed --model runs/max1000-move-small --corpus runs/max1000-move-small/corpus.parquet",
			"chesstrain analyze embed --model shipped --corpus games.parquet --states 4000 --perplexity 50",
			"chesstrain analyze embed --model shipped --corpus games.parquet --scorer stockfish --nodes 20000",
		},
		model: true, corpus: true,
		begin: func(fs *pflag.FlagSet) func(context.Context, *analyzing) (analysis.Result, error) {
			o := embed.TSNEOptions{Perplexity: 30, Iterations: 750, Theta: 0.5}
			states := fs.Int("states", 1500, "states, each of another game")
			layer := fs.Int("layer", -1, "block after which the states are taken; 0: the embeddings, -1: the last")
			score := scoring{scorer: "league", defaultNodes: 5000}
			score.addFlags(fs)
			clusters := fs.Int("clusters", 8, "clusters whose boards are drawn")
			fs.Float64Var(&o.Perplexity, "perplexity", o.Perplexity, "about how many neighbors a state has")
			fs.IntVar(&o.Iterations, "iterations", o.Iterations, "steps of the descent")
			fs.Float64Var(&o.Theta, "theta", o.Theta, "exactness: 0 is exact and slow, 1 coarse")
			return func(ctx context.Context, a *analyzing) (analysis.Result, error) {
				switch {
				case *states < 10 || *states > 100_000:
					return nil, cli.Usagef("--states %d: must be 10 to 100,000", *states)
				case *clusters < 1 || *clusters > 64:
					return nil, cli.Usagef("--clusters %d: must be 1 to 64", *clusters)
				}
				limit, err := score.limit()
				if err != nil {
					return nil, err
				}
				corpus, err := a.loadCorpus(ctx)
				if err != nil {
					return nil, err
				}
				m, tok, err := a.loadModel()
				if err != nil {
					return nil, err
				}
				if *layer == -1 {
					*layer = m.Config().Layers
				}
				var games []hidden.Game
				rng := rand.New(rand.NewPCG(a.Seed, 0x6d6170))
				for _, i := range rng.Perm(corpus.Len()) {
					moves := corpus.Moves(i)
					if len(moves) == 0 {
						continue
					}
					if games = append(games, hidden.Game{Moves: moves, Plies: []int{rng.IntN(len(moves))}}); len(games) == *states {
						break
					}
				}
				var x []float32
				var points []embed.Point
				err = hidden.Collect(ctx, m, tok, games, []int{*layer}, func(game, k, _ int, p *bitboard.Position, state []float32) {
					x = append(x, state...)
					points = append(points, embed.Point{FEN: p.FEN(), Ply: games[game].Plies[k]})
				}, func(done int) { a.progress(0, "states of %d of %d games", done, len(games)) })
				if err != nil {
					return nil, err
				}
				evaluator, err := evaluatePoints(ctx, a, &score, limit, points)
				if err != nil {
					return nil, err
				}
				y, divergence, err := embed.TSNE(ctx, x, len(points), m.Config().Width, o, func(i int) { a.progress(float64(i)/float64(o.Iterations), "step %d of %d", i, o.Iterations) })
				if err != nil {
					return nil, err
				}
				for i := range points {
					points[i].X, points[i].Y = y[i][0], y[i][1]
				}
				return embed.NewReport(*layer, o, evaluator, divergence, points, *clusters, a.Seed)
			}
		},
	}
}

// evaluatePoints says how likely White wins each position, and by whom. What was scored before is in the cache.
func evaluatePoints(ctx context.Context, a *analyzing, score *scoring, limit favor.Search, points []embed.Point) (string, error) {
	id, cache, err := score.open(ctx, a, limit)
	if err != nil {
		return "", err
	}
	defer cache.Close()
	var mu sync.Mutex
	done := 0
	err = parallel.Each(ctx, a.Threads, len(points), func() (func(context.Context, int) error, func(), error) {
		scorer, err := score.start(ctx, limit)
		if err != nil {
			return nil, nil, err
		}
		return func(ctx context.Context, i int) error {
			p, err := bitboard.ParseFEN(points[i].FEN)
			if err != nil {
				return err
			}
			win := 0.5 // a draw on the board
			if !p.HasLegalMove() {
				if p.InCheck() {
					win = 0
				}
			} else {
				scores, err := cache.Scores(ctx, scorer, &p)
				if err != nil {
					return err
				}
				win = scores[0].Reward()
			}
			if p.SideToMove() == bitboard.Black {
				win = 1 - win
			}
			points[i].Win = win
			mu.Lock()
			defer mu.Unlock()
			done++
			a.progress(float64(done)/float64(len(points)), "scored %d of %d positions", done, len(points))
			return nil
		}, func() { scorer.Close() }, nil
	})
	return id, err
}

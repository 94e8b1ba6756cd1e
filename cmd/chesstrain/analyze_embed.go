package main

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/spf13/pflag"

	"transcend/analysis"
	"transcend/analysis/embed"
	"transcend/analysis/hidden"
	"transcend/analysis/ideal"
	"transcend/data/league/search"
	"transcend/internal/bitboard"
	"transcend/internal/cli"
	"transcend/internal/parallel"
)

func analyzeEmbed() analysisCommand {
	return analysisCommand{
		name:  "embed",
		about: "the model's last states as a map, by who is winning, half-move and side; boards of its clusters",
		help: `t-SNE (Barnes-Hut) of the residual stream after the last block, or another, one state of each game. White's winning
probability is Lichess's formula of the score that the search of the simulated players has with --nodes; what was
searched is kept.`,
		examples: []string{
			"chesstrain analyze embed --model runs/max1000-move-small --corpus runs/max1000-move-small/corpus.parquet",
			"chesstrain analyze embed --model shipped --corpus games.parquet --states 4000 --perplexity 50",
		},
		model: true, corpus: true,
		begin: func(fs *pflag.FlagSet) func(context.Context, *analyzing) (analysis.Result, error) {
			o := embed.TSNEOptions{Perplexity: 30, Iterations: 750, Theta: 0.5}
			states := fs.Int("states", 1500, "states, each of another game")
			layer := fs.Int("layer", -1, "block after which the states are taken; 0: the embeddings, -1: the last")
			nodes := fs.Int("nodes", 5000, "positions that the search looks at for one winning probability")
			clusters := fs.Int("clusters", 8, "clusters whose boards are drawn")
			fs.Float64Var(&o.Perplexity, "perplexity", o.Perplexity, "about how many neighbors a state has")
			fs.IntVar(&o.Iterations, "iterations", o.Iterations, "steps of the descent")
			fs.Float64Var(&o.Theta, "theta", o.Theta, "exactness: 0 is exact and slow, 1 coarse")
			return func(ctx context.Context, a *analyzing) (analysis.Result, error) {
				switch {
				case *states < 10 || *states > 100_000:
					return nil, cli.Usagef("--states %d: must be 10 to 100,000", *states)
				case *nodes < 1:
					return nil, cli.Usagef("--nodes %d: must be 1 or more", *nodes)
				case *clusters < 1 || *clusters > 64:
					return nil, cli.Usagef("--clusters %d: must be 1 to 64", *clusters)
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
				evaluator := fmt.Sprintf("search of the simulated players, nodes=%d", *nodes)
				if err := evaluatePoints(ctx, a, points, *nodes); err != nil {
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

// evaluatePoints searches all positions, a hundred at a time.
func evaluatePoints(ctx context.Context, a *analyzing, points []embed.Point, nodes int) error {
	j, err := a.journal(1, []any{"win", len(points), nodes})
	if err != nil {
		return err
	}
	defer j.Close()
	const part = 100
	for lo := 0; lo < len(points); lo += part {
		some := points[lo:min(lo+part, len(points))]
		a.progress(float64(lo)/float64(len(points)), "searched %d of %d positions", lo, len(points))
		key, wins := fmt.Sprint(lo), make([]float64, len(some))
		known, err := j.Get(key, &wins)
		if err != nil {
			return err
		}
		if !known {
			err := parallel.Each(ctx, a.Threads, len(some), func() (func(context.Context, int) error, func(), error) {
				s := search.New(1 << 20)
				return func(_ context.Context, i int) error {
					p, err := bitboard.ParseFEN(some[i].FEN)
					if err != nil {
						return err
					}
					wins[i] = ideal.WinProbability(s.Search(bitboard.NewGame(p), search.Options{Nodes: nodes}).Score)
					if p.SideToMove() == bitboard.Black {
						wins[i] = 1 - wins[i]
					}
					return nil
				}, nil, nil
			})
			if err != nil {
				return err
			}
			if err := j.Put(key, wins); err != nil {
				return err
			}
		}
		if len(wins) != len(some) {
			return cli.WithHint(fmt.Errorf("%d winning probabilities of %d positions were kept", len(wins), len(some)), "delete "+a.Dir)
		}
		for i := range some {
			some[i].Win = wins[i]
		}
	}
	return nil
}

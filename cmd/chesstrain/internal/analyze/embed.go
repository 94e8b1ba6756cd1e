package analyze

import (
	"context"
	"math/rand/v2"
	"sync"

	"github.com/spf13/pflag"

	"transcend/analysis"
	"transcend/analysis/embed"
	"transcend/analysis/favor"
	"transcend/analysis/hidden"
	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/internal/cli"
	"transcend/internal/parallel"
	"transcend/model"
)

func analyzeEmbed() command {
	return command{
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
		model: true, corpus: true, begin: beginEmbed,
	}
}

// mapping is one analysis embed.
type mapping struct {
	a                       *analyzing
	states, layer, clusters int
	score                   scoring
	o                       embed.TSNEOptions
}

func beginEmbed(fs *pflag.FlagSet) workFunc {
	m := &mapping{score: scoring{scorer: "league", defaultNodes: 5000}, o: embed.TSNEOptions{Perplexity: 30, Iterations: 750, Theta: 0.5}}
	fs.IntVar(&m.states, "states", 1500, "states, each of another game")
	fs.IntVar(&m.layer, "layer", -1, "block after which the states are taken; 0: the embeddings, -1: the last")
	m.score.addFlags(fs)
	fs.IntVar(&m.clusters, "clusters", 8, "clusters whose boards are drawn")
	fs.Float64Var(&m.o.Perplexity, "perplexity", m.o.Perplexity, "about how many neighbors a state has")
	fs.IntVar(&m.o.Iterations, "iterations", m.o.Iterations, "steps of the descent")
	fs.Float64Var(&m.o.Theta, "theta", m.o.Theta, "exactness: 0 is exact and slow, 1 coarse")
	return func(ctx context.Context, a *analyzing) (analysis.Result, error) {
		m.a = a
		return m.run(ctx)
	}
}

// run collects states, asks who wins there, and draws the map.
func (m *mapping) run(ctx context.Context) (analysis.Result, error) {
	switch {
	case m.states < 10 || m.states > 100_000:
		return nil, cli.Usagef("--states %d: must be 10 to 100,000", m.states)
	case m.clusters < 1 || m.clusters > 64:
		return nil, cli.Usagef("--clusters %d: must be 1 to 64", m.clusters)
	}
	limit, err := m.score.limit()
	if err != nil {
		return nil, err
	}
	corpus, err := m.a.loadCorpus(ctx)
	if err != nil {
		return nil, err
	}
	net, tok, err := m.a.loadModel()
	if err != nil {
		return nil, err
	}
	if m.layer == -1 {
		m.layer = net.Config().Layers
	}
	x, points, err := m.collect(ctx, corpus, net, tok)
	if err != nil {
		return nil, err
	}
	evaluator, err := m.evaluate(ctx, limit, points)
	if err != nil {
		return nil, err
	}
	y, divergence, err := embed.TSNE(ctx, x, len(points), net.Config().Width, m.o, func(i int) {
		m.a.progress(float64(i)/float64(m.o.Iterations), "step %d of %d", i, m.o.Iterations)
	})
	if err != nil {
		return nil, err
	}
	for i := range points {
		points[i].X, points[i].Y = y[i][0], y[i][1]
	}
	return embed.NewReport(m.layer, m.o, evaluator, divergence, points, m.clusters, m.a.Seed)
}

// collect returns the states, one after the other, and where they are from.
func (m *mapping) collect(ctx context.Context, corpus *data.Corpus, net *model.Model, tok data.Tokenizer) (x []float32, points []embed.Point, err error) {
	var games []hidden.Game
	rng := rand.New(rand.NewPCG(m.a.Seed, 0x6d6170))
	for _, i := range rng.Perm(corpus.Len()) {
		moves := corpus.Moves(i)
		if len(moves) == 0 {
			continue
		}
		if games = append(games, hidden.Game{Moves: moves, Plies: []int{rng.IntN(len(moves))}}); len(games) == m.states {
			break
		}
	}
	err = hidden.Collect(ctx, net, tok, games, []int{m.layer}, func(game, k, _ int, p *bitboard.Position, state []float32) {
		x = append(x, state...)
		points = append(points, embed.Point{FEN: p.FEN(), Ply: games[game].Plies[k]})
	}, func(done int) { m.a.progress(0, "states of %d of %d games", done, len(games)) })
	return x, points, err
}

// evaluate says how likely White wins each position, and by whom. What was scored before is in the cache.
func (m *mapping) evaluate(ctx context.Context, limit favor.Search, points []embed.Point) (string, error) {
	id, cache, err := m.score.open(ctx, m.a, limit)
	if err != nil {
		return "", err
	}
	defer cache.Close()
	var mu sync.Mutex
	done := 0
	err = parallel.Each(ctx, m.a.Threads, len(points), func() (func(context.Context, int) error, func(), error) {
		scorer, err := m.score.start(ctx, limit)
		if err != nil {
			return nil, nil, err
		}
		return func(ctx context.Context, i int) (err error) {
			if points[i].Win, err = whiteWins(ctx, cache, scorer, points[i].FEN); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			m.a.progress(float64(done)/float64(len(points)), "scored %d of %d positions", done, len(points))
			return nil
		}, func() { scorer.Close() }, nil
	})
	return id, err
}

// whiteWins is the probability that White wins a position, by the score of the best move.
func whiteWins(ctx context.Context, cache *favor.Cache, scorer favor.Scorer, fen string) (float64, error) {
	p, err := bitboard.ParseFEN(fen)
	if err != nil {
		return 0, err
	}
	win := 0.5 // a draw on the board
	if !p.HasLegalMove() {
		if p.InCheck() {
			win = 0
		}
	} else {
		scores, err := cache.Scores(ctx, scorer, &p)
		if err != nil {
			return 0, err
		}
		win = scores[0].Reward()
	}
	if p.SideToMove() == bitboard.Black {
		win = 1 - win
	}
	return win, nil
}

package analyze

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"transcend/analysis/favor"
	"transcend/internal/cli"
)

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

package lab

// The games of a cell: to train on, and held out.

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"transcend/data"
	"transcend/data/league"
	"transcend/internal/atomicfile"
	"transcend/internal/cli"
)

// Pool returns the experts.
func (c *Corpus) Pool() (*league.Pool, error) {
	table := league.Ratings()
	pool := &league.Pool{Name: "experts", Scale: table.Scale}
	if len(c.Ratings) > 0 && len(c.Ratings) != len(c.Players) {
		return nil, fmt.Errorf("lab: %d ratings of %d players", len(c.Ratings), len(c.Players))
	}
	for i, text := range c.Players {
		p, err := league.Parse(text)
		if err != nil {
			return nil, err
		}
		rated := league.Rated{Player: p, Elo: table.Elo(&p)}
		if len(c.Ratings) > 0 {
			rated.Elo, pool.Scale = c.Ratings[i], league.NominalScale
		}
		pool.Players = append(pool.Players, rated)
	}
	for _, i := range c.Measured {
		if i < 0 || i >= len(c.Players) {
			return nil, fmt.Errorf("lab: there is no expert %d of %d", i, len(c.Players))
		}
	}
	return pool, pool.Validate()
}

// MeasuredOf returns the experts of its pool that count.
func (c *Corpus) MeasuredOf(pool *league.Pool) []league.Rated {
	if len(c.Measured) == 0 {
		return pool.Players
	}
	var some []league.Rated
	for _, i := range c.Measured {
		some = append(some, pool.Players[i])
	}
	return some
}

// League returns all games that there are, which are played when they are asked for.
func (c *Corpus) League() (*league.Corpus, error) {
	pool, err := c.Pool()
	if err != nil {
		return nil, err
	}
	rule, err := league.ParseOpeningRule(c.Openings)
	if err != nil {
		return nil, err
	}
	games := &league.Corpus{Pool: pool, Seed: c.Seed, MaxGap: c.MaxGap, Openings: rule, MaxPlies: c.MaxPlies}
	return games, games.Validate()
}

// CorpusStats say what the games are.
type CorpusStats struct {
	Scale string `json:"scale"` // of the ratings in the tags
	// Played are the games that were looked at until there were enough under the cap.
	Played int `json:"played"`
	Games  int `json:"games"` // to train on
	Plies  int `json:"plies"`
	// HeldOut are the numbers of the held-out games; Repeated is how many were left out
	// because they are among those to train on, move by move.
	HeldOut     []int   `json:"held_out"`
	Repeated    int     `json:"repeated"`
	Fingerprint string  `json:"fingerprint"` // of the games to train on
	Seconds     float64 `json:"seconds"`     // to play them
}

// corpusFiles are the names of a corpus's files.
func (l *Lab) corpusFiles(c *Cell) (games, about string) {
	plain := c.Corpus
	plain.Measured = nil
	name := filepath.Join(l.Dir, "corpora", key(plain))
	return name + ".parquet", name + ".json"
}

// corpus makes the games of a cell unless they are there, and says what they are.
func (l *Lab) corpus(ctx context.Context, c *Cell) (*CorpusStats, error) {
	path, about := l.corpusFiles(c)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	// Another process may be at it; what it makes is what this one would make.
	unlock, err := l.waitLock(ctx, path+".lock", "for the games that another process plays")
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := atomicfile.RemoveTemporaries(filepath.Dir(path), strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	stats := new(CorpusStats)
	if ok, err := atomicfile.ReadJSON(about, stats); ok || err != nil {
		return stats, err
	}
	games, err := c.Corpus.League()
	if err != nil {
		return nil, err
	}
	stats.Scale = games.Pool.Scale
	began := time.Now()
	training := data.NewCorpus()
	known := map[uint64]bool{}
	wanted := c.Corpus.Games + c.Corpus.HeldOut
	for g, err := range games.Games(ctx, 0, -1, l.Threads) {
		if err != nil {
			return nil, err
		}
		stats.Played++
		if limit := c.Corpus.MaxElo; limit > 0 && max(g.White.Elo, g.Black.Elo) > limit {
			if stats.Played > 1000 && training.Len() == 0 {
				return nil, fmt.Errorf("lab: cell %s: none of the first %d games is under the cap of %d", c.Name, stats.Played, limit)
			}
			continue
		}
		if training.Len() < c.Corpus.Games {
			training.Append(g.Data())
			stats.Plies += len(g.Moves)
			known[data.HashMoves(g.Moves)] = true
		} else if known[data.HashMoves(g.Moves)] {
			stats.Repeated++
			// Players whose games repeat would never give enough of them.
			if stats.Repeated > 20*c.Corpus.HeldOut {
				break
			}
		} else {
			stats.HeldOut = append(stats.HeldOut, g.Number)
		}
		done := training.Len() + len(stats.HeldOut)
		if training.Len() == c.Corpus.Games && len(stats.HeldOut) >= c.Corpus.HeldOut {
			break
		}
		if stats.Played%64 == 0 {
			rate := float64(stats.Played) / time.Since(began).Seconds()
			l.show(float64(done)/float64(wanted), "games to train on: %s/%s, %.0f a second", cli.Count(done), cli.Count(wanted), rate)
		}
	}
	stats.Games = training.Len()
	stats.Fingerprint = fmt.Sprintf("%016x", training.Fingerprint())
	stats.Seconds = time.Since(began).Seconds()
	training.Provenance = data.Provenance{Program: l.Program, Limit: c.Corpus.Games}
	if err := training.WriteParquet(path); err != nil {
		return nil, err
	}
	return stats, atomicfile.WriteJSON(about, stats)
}

// training reads the games to train on.
func (l *Lab) training(ctx context.Context, c *Cell) (*data.Corpus, error) {
	path, about := l.corpusFiles(c)
	corpus, err := data.LoadParquet(ctx, path, data.ParquetOptions{})
	if err != nil && ctx.Err() == nil {
		return nil, cli.WithHint(err, fmt.Sprintf("delete %s and %s: they are made again", path, about))
	}
	return corpus, err
}

// heldOut plays the held-out games again.
func (c *Cell) heldOut(stats *CorpusStats) ([]*league.Game, error) {
	games, err := c.Corpus.League()
	if err != nil {
		return nil, err
	}
	mover := league.NewMover(0)
	var held []*league.Game
	for _, number := range stats.HeldOut {
		held = append(held, games.Play(mover, number))
	}
	return held, nil
}

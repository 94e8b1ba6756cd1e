package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"transcend/data/league"
	"transcend/internal/cli"
	"transcend/pgn"
)

// leagueSource is games between simulated players that are played when they are read. They come
// as PGN, the very text that "chesstrain league" writes, so that they go through
// the same filter, report and provenance as all others.
type leagueSource struct {
	Pool   string `json:"pool"`
	Games  int    `json:"games"`
	Seed   uint64 `json:"seed"`
	MaxGap int    `json:"max_gap"`
	// Within ends the playing early, so that a slow machine has time left to train; 0: all games
	// are played.
	Within duration `json:"within,omitempty"`
	// Version and PoolID say what the players were when the run began.
	Version string `json:"version"`
	PoolID  string `json:"pool_id"`
	Scale   string `json:"scale"` // of the ratings

	corpus league.Corpus
}

// leagueFlags are the flags that say what is played.
var leagueFlags = []string{"pool", "league-games", "league-seed", "max-gap"}

// What is played when nothing is said: as many games as two cores play in some two minutes.
const (
	defaultPool        = league.Club
	defaultLeagueGames = 40_000
	defaultMaxGap      = 200

	// playingShare is the part of a run's time after which no more games are played, when their number
	// was not given.
	playingShare = 3
)

// check fills in what was not given and opens the pool. Of a run that is resumed it makes sure
// that the games are still the same.
func (l *leagueSource) check() (err error) {
	fill(&l.Games, defaultLeagueGames)
	if l.Pool == "" {
		l.Pool = defaultPool
	}
	if l.Games < 1 || l.Games > maxLeagueGames {
		return cli.Usagef("--league-games %d: must be from 1 to %s", l.Games, cli.Count(maxLeagueGames))
	}
	l.corpus = league.Corpus{Seed: l.Seed, MaxGap: l.MaxGap}
	if l.corpus.Pool, err = openPool(l.Pool); err != nil {
		return err
	}
	if err := checkLeague(&l.corpus); err != nil {
		return err
	}
	id := l.corpus.Pool.ID()
	if l.Version != "" && (l.Version != league.Version || l.PoolID != id) {
		return cli.WithHint(fmt.Errorf("the games of the pool %s would not be those that the run began with: it was version %s, %s, and is version %s, %s now",
			l.Pool, l.Version, l.PoolID, league.Version, id), "begin another run, or go on with the program that began it")
	}
	l.Version, l.PoolID, l.Scale = league.Version, id, l.corpus.Pool.Scale
	return nil
}

// leaguePrefix begins the names of sources that are played.
const leaguePrefix = "league "

// name names the games in progress and provenance.
func (l *leagueSource) name() string {
	return fmt.Sprintf(leaguePrefix+"pool=%s,games=%d,seed=%d,max-gap=%d,version=%s,players=%s", l.corpus.Pool.Name, l.Games, l.Seed, l.MaxGap, l.Version, l.PoolID)
}

// source plays the games while they are read.
func (l *leagueSource) source(ctx context.Context, threads int) *source {
	s := &source{name: l.name(), label: "pool " + l.corpus.Pool.Name, size: -1, games: l.Games, scale: l.Scale}
	s.open = func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		p := &playing{PipeReader: r}
		p.player.Go(func() { w.CloseWithError(l.play(ctx, threads, w, s)) })
		return p, nil
	}
	return s
}

// play writes the games, and counts them.
func (l *leagueSource) play(ctx context.Context, threads int, w io.Writer, s *source) error {
	b := bufio.NewWriterSize(w, 64<<10)
	pw := pgn.NewWriter(b)
	began := time.Now()
	for g, err := range l.corpus.Games(ctx, 0, l.Games, threads) {
		if err != nil {
			return err
		}
		if err := pw.Write(g.PGN()); err != nil {
			return err
		}
		s.played.Add(1)
		if l.Within > 0 && time.Since(began) > time.Duration(l.Within) {
			break
		}
	}
	return b.Flush()
}

// playing is the games that are being played; Close waits for the players.
type playing struct {
	*io.PipeReader
	player sync.WaitGroup
}

func (p *playing) Close() error {
	err := p.PipeReader.Close()
	p.player.Wait()
	return err
}

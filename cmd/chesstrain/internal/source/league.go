package source

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"transcend/data"
	"transcend/data/league"
	"transcend/internal/cli"
	"transcend/model/run"
	"transcend/pgn"
)

// leagueGames are games that the league plays.
type leagueGames struct {
	// League says which; nil: none are played.
	League *League `json:"league,omitempty"`

	// Threads play the games; 0: all cores. They do not change them.
	Threads int `json:"-"`
}

func (g *leagueGames) addFlags(fs *pflag.FlagSet) {
	g.League = &League{}
	fs.StringVar(&g.League.Pool, "pool", "", "play the games: between the simulated players of this pool of \"chesstrain league --list\", or of a file (default "+DefaultPool+")")
	fs.IntVar(&g.League.Games, "league-games", 0, fmt.Sprintf("games to play (default %s)", cli.Count(defaultLeagueGames)))
	fs.Uint64Var(&g.League.Seed, "league-seed", 1, "seed of the games that are played")
	fs.IntVar(&g.League.MaxGap, "max-gap", DefaultMaxGap, "greatest difference of the ratings in a game that is played; 0: any")
}

func (g *leagueGames) asks() []string {
	return []string{"pool", "league-games", "league-seed", "max-gap"}
}
func (g *leagueGames) plays() bool      { return true }
func (g *leagueGames) given() bool      { return g.League != nil }
func (g *leagueGames) goesOn() []string { return nil }

func (g *leagueGames) example() (what, flags string) {
	return "games between simulated players", "--pool " + DefaultPool + " --league-games 20000"
}

func (g *leagueGames) settle(asked bool) {
	if !asked {
		g.League = nil
	}
}

func (g *leagueGames) check() error {
	if g.League == nil {
		return nil
	}
	return g.League.check()
}

func (g *leagueGames) open(ctx context.Context, _ io.Reader, _ *progress) ([]*source, error) {
	return []*source{g.League.source(ctx, g.Threads)}, nil
}

// League is games between simulated players that are played when they are read. They come
// as PGN, the very text that "chesstrain league" writes, so that they go through
// the same filter, report and provenance as all others.
type League struct {
	Pool   string `json:"pool"`
	Games  int    `json:"games"`
	Seed   uint64 `json:"seed"`
	MaxGap int    `json:"max_gap"`
	// Within ends the playing early, so that a slow machine has time left to train; 0: all games
	// are played.
	Within run.Duration `json:"within,omitempty"`
	// Version and PoolID say what the players were when the run began.
	Version string `json:"version"`
	PoolID  string `json:"pool_id"`
	Scale   string `json:"scale"` // of the ratings

	corpus league.Corpus
}

// What is played when nothing is said, as many games as two cores play in some two minutes; and how many can be
// asked for.
const (
	DefaultPool        = league.Club
	DefaultMaxGap      = 200
	defaultLeagueGames = 40_000
	MaxLeagueGames     = 1_000_000_000
)

// DefaultLeague is what is played when no source is given; Check fills in pool and number.
func DefaultLeague() *League { return &League{Seed: 1, MaxGap: DefaultMaxGap} }

// ScaleNow is the scale of the ratings: the recorded one, or, of a run from before it was recorded, that of
// the players, whose ratings are in their ID. It is "" where these are not what they were.
func (l *League) ScaleNow() string {
	if now := *l; l.Scale == "" && now.check() == nil {
		return now.Scale
	}
	return l.Scale
}

// OpenPool gives a corpus that is to be played the pool that --pool names, and checks it whole.
func OpenPool(c *league.Corpus, name string) (err error) {
	if c.Pool, err = league.OpenPool(name); err != nil {
		err = cli.Usagef("--pool: %w", err)
		if near := cli.Nearest(name, league.Ratings().PoolNames()); near != "" {
			err = cli.WithHint(err, "did you mean --pool "+near+"?")
		}
		return err
	}
	err = c.Validate()
	switch {
	case err == nil:
		return nil
	case c.MaxGap > 0:
		return cli.WithHint(cli.Usagef("%w", err), "without ratings use --max-gap 0")
	}
	return cli.Usagef("%w", err)
}

// check fills in what was not given and opens the pool. Of a run that is resumed it makes sure
// that the games are still the same.
func (l *League) check() error {
	l.Games, l.Pool = cmp.Or(l.Games, defaultLeagueGames), cmp.Or(l.Pool, DefaultPool)
	if l.Games < 1 || l.Games > MaxLeagueGames {
		return cli.Usagef("--league-games %d: must be from 1 to %s", l.Games, cli.Count(MaxLeagueGames))
	}
	l.corpus = league.Corpus{Seed: l.Seed, MaxGap: l.MaxGap}
	if err := OpenPool(&l.corpus, l.Pool); err != nil {
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

// name names the games in progress and provenance; data.Source.Simulated knows such names.
func (l *League) name() string {
	return fmt.Sprintf("league pool=%s,games=%d,seed=%d,max-gap=%d,version=%s,players=%s", l.corpus.Pool.Name, l.Games, l.Seed, l.MaxGap, l.Version, l.PoolID)
}

// source plays the games while they are read.
func (l *League) source(ctx context.Context, threads int) *source {
	var played atomic.Int64
	return &source{
		name: l.name(), size: -1,
		open: func() (io.ReadCloser, error) {
			r, w := io.Pipe()
			p := &playing{PipeReader: r}
			p.player.Go(func() { w.CloseWithError(l.play(ctx, threads, w, &played)) })
			return p, nil
		},
		about: func(d *data.Source) { d.Name, d.Scale = l.name(), l.Scale },
		line: func(kept, limit int64, seconds float64) (share float64, line string) {
			return l.line(played.Load(), kept, limit, seconds)
		},
	}
}

// line is the live line when so many games are played and kept of a limit, 0 for none.
func (l *League) line(played, kept, limit int64, seconds float64) (share float64, line string) {
	share = float64(played) / float64(l.Games)
	if limit > 0 {
		share = max(share, float64(kept)/float64(limit))
	}
	return share, fmt.Sprintf("pool %s  %s of %s games played, %s kept  %s games/s", l.corpus.Pool.Name, cli.Count(played), cli.Count(l.Games),
		cli.Count(kept), cli.SI(float64(played)/seconds))
}

// play writes the games, and counts them in played.
func (l *League) play(ctx context.Context, threads int, w io.Writer, played *atomic.Int64) error {
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
		played.Add(1)
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

package corpus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/klauspost/compress/zstd"

	"transcend/cmd/chesstrain/internal/source"
	"transcend/cmd/internal/compute"
	"transcend/data/league"
	"transcend/internal/atomicfile"
	"transcend/internal/bitboard"
	"transcend/internal/cli"
	"transcend/pgn"
)

const leagueHelp = `Play games between simulated players whose skill and errors are known.

usage: chesstrain league --games N --pool NAME|FILE --out FILE.pgn.zst [flags]
       chesstrain league --list

examples:
  chesstrain league --games 50000 --out games.pgn.zst
  chesstrain league --games 20000 --pool noise --seed 7 --out noise.pgn.zst
  chesstrain league --games 20000 --pool mine.txt --max-gap 150 --openings named --out mine.pgn.zst
  chesstrain league --games 1000 --pool specialists --out - | less
  chesstrain --max-elo 1000 --pgn games.pgn.zst --time 5m       train on them
  chesstrain league --list                                       the pools and their players

flags:
`

const leagueTail = `
The same seed gives the same games on every machine and any number of cores, and the
first games of a longer file are those of a shorter one. The tags name the players, their
parameters and the seeds.

Players are written as
  random                              every legal move is as likely as the others
  ply1:rho=0.3                        one ply deep; three moves in ten are random
  boltz:depth=2,t=80                  Boltzmann over the scores at two plies, 80 centipawns
  search:nodes=20000                  the best it finds in 20,000 positions
  ply2:blind=knight+fork,miss=0.8     does not see captures by knights and knight forks, 8 times in 10
  ply2:phase=endgame,weak=0.9         a specialist; elsewhere 9 moves in ten are random
  ply1:rho=0.4,shared=7               random moves at the same places as all with shared=7
  ply2:book=italian*3+london,taste=20,seed=5
A pool file has a player a line; its rating and its name may follow.

exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (no file is left)
`

// leagueOptions are the flags of league, and what was counted.
type leagueOptions struct {
	corpus            league.Corpus
	pool, openings    string
	games, threads    int
	list, json, quiet bool
	out               output

	status       *cli.Status
	began, last  time.Time
	plies        int
	random       int
	results      [4]int
	terminations map[string]int
}

// leagueResult is what league prints with --json.
type leagueResult struct {
	Out          string         `json:"out"`
	Bytes        int64          `json:"bytes"`
	Games        int            `json:"games"`
	Plies        int            `json:"plies"`
	Pool         string         `json:"pool"`
	Scale        string         `json:"scale"`
	Seed         uint64         `json:"seed"`
	Results      map[string]int `json:"results"`
	Terminations map[string]int `json:"terminations"`
	RandomMoves  int            `json:"random_moves"`
	Seconds      float64        `json:"seconds"`
	GamesPerSec  float64        `json:"games_per_second"`
}

// League is the subcommand that plays games of the league.
func League(ctx context.Context, _ io.Reader, stdout, stderr io.Writer, args []string) error {
	o := leagueOptions{terminations: map[string]int{}}
	fs := cli.FlagSet("chesstrain league")
	fs.IntVar(&o.games, "games", 0, "games to play")
	fs.StringVar(&o.pool, "pool", source.DefaultPool, "the players: a pool of --list, or a file with a player a line")
	fs.Uint64Var(&o.corpus.Seed, "seed", 1, "seed of the games")
	fs.StringVarP(&o.out.path, "out", "o", "", "the file to make: .pgn, .pgn.zst, or - for standard output")
	fs.BoolVar(&o.out.force, "force", false, "replace --out if it exists")
	fs.IntVar(&o.corpus.MaxGap, "max-gap", source.DefaultMaxGap, "greatest difference of the ratings in a game; 0: any")
	fs.StringVar(&o.openings, "openings", "start", "how games begin beside the players' repertoires: start, named or random:N (N random plies)")
	fs.IntVar(&o.corpus.MaxPlies, "max-plies", league.DefaultMaxPlies, "a game of this many plies ends, as a draw or by --adjudicate")
	fs.IntVar(&o.corpus.Adjudicate, "adjudicate", 0, "such a game is won by who is ahead by so many centipawns; 0: drawn")
	compute.AddThreads(fs, &o.threads, "the games do not depend on it")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "print only the result and errors")
	fs.BoolVar(&o.json, "json", false, "print the result, or the list, as one JSON object")
	fs.BoolVar(&o.list, "list", false, "show the pools and their players")
	if err := cli.Parse(fs, args, stdout, cli.Help(fs, leagueHelp, leagueTail)); err != nil {
		return err
	}
	if err := cli.NoArguments(fs, ""); err != nil {
		return err
	}
	if o.list {
		return listPools(stdout, o.json)
	}
	if err := o.check(); err != nil {
		return err
	}
	progress := stderr
	if o.quiet {
		progress = io.Discard
	}
	result, err := o.run(ctx, stdout, progress)
	if err != nil {
		return o.explain(ctx, err)
	}
	report := stdout
	if o.out.path == "-" {
		report = stderr
	}
	if o.json {
		return cli.PrintJSON(report, result)
	}
	if o.out.path == "-" {
		if o.quiet {
			return nil
		}
		result.Out = "standard output"
	}
	_, err = fmt.Fprintf(report, "%s: %s games of the pool %s (ratings: %s), %s moves, %s; White won %s, Black %s, %s drawn; %.0f games/s\n",
		result.Out, cli.Count(result.Games), result.Pool, result.Scale, cli.Count(result.Plies), cli.Bytes(result.Bytes),
		cli.Percent(float64(o.results[bitboard.WhiteWins]), float64(result.Games)),
		cli.Percent(float64(o.results[bitboard.BlackWins]), float64(result.Games)),
		cli.Percent(float64(o.results[bitboard.Draw]), float64(result.Games)), result.GamesPerSec)
	return err
}

// check reads the flags that need reading.
func (o *leagueOptions) check() (err error) {
	if o.games < 1 || o.games > source.MaxLeagueGames {
		return cli.WithHint(cli.Usagef("--games %d: must be at least 1", o.games), "chesstrain league --games 50000 --out games.pgn.zst")
	}
	if err := compute.AllCores(&o.threads); err != nil {
		return err
	}
	if o.corpus.MaxPlies < 1 {
		return cli.Usagef("--max-plies %d: must be at least 1", o.corpus.MaxPlies)
	}
	if o.corpus.Openings, err = league.ParseOpeningRule(o.openings); err != nil {
		return cli.Usagef("--openings: %w", err)
	}
	if err := source.OpenPool(&o.corpus, o.pool); err != nil {
		return err
	}
	switch {
	case o.out.path == "-":
		return nil
	case o.out.path != "" && !strings.HasSuffix(o.out.path, ".pgn") && !strings.HasSuffix(o.out.path, ".pgn.zst"):
		return cli.WithHint(cli.Usagef("--out %s: games are written as PGN", o.out.path), "name a file that ends in .pgn or .pgn.zst, or - for standard output")
	}
	return o.out.check()
}

// run plays the games into --out.
func (o *leagueOptions) run(ctx context.Context, stdout, progress io.Writer) (*leagueResult, error) {
	o.status = cli.NewStatus(progress)
	defer o.status.Close()
	o.began = time.Now()
	o.last = o.began
	var bytes int64
	var err error
	if o.out.path == "-" {
		counted := &counter{w: stdout}
		err = o.play(ctx, counted)
		bytes = counted.n
	} else {
		var unlock func()
		if unlock, err = o.out.lock(); err != nil {
			return nil, err
		}
		defer unlock()
		err = atomicfile.WriteFile(o.out.path, 0o644, func(w io.Writer) error {
			counted := &counter{w: w}
			defer func() { bytes = counted.n }()
			if !strings.HasSuffix(o.out.path, ".zst") {
				return o.play(ctx, counted)
			}
			// One goroutine: the cores are for the games, and the bytes are always the same.
			z, err := zstd.NewWriter(counted, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1))
			if err != nil {
				return err
			}
			if err := o.play(ctx, z); err != nil {
				z.Close()
				return err
			}
			return z.Close()
		})
	}
	if err != nil {
		return nil, err
	}
	seconds := time.Since(o.began).Seconds()
	result := &leagueResult{
		Out: o.out.path, Bytes: bytes, Games: o.games, Plies: o.plies,
		Pool: o.corpus.Pool.Name, Scale: o.corpus.Pool.Scale, Seed: o.corpus.Seed,
		Results: map[string]int{}, Terminations: o.terminations, RandomMoves: o.random,
		Seconds: seconds, GamesPerSec: float64(o.games) / seconds,
	}
	for r := range o.results {
		result.Results[bitboard.Result(r).String()] = o.results[r]
	}
	delete(result.Results, "*")
	return result, nil
}

// play writes the games.
func (o *leagueOptions) play(ctx context.Context, w io.Writer) error {
	pw := pgn.NewWriter(w)
	done := 0
	for g, err := range o.corpus.Games(ctx, 0, o.games, o.threads) {
		if err != nil {
			return err
		}
		if err := pw.Write(g.PGN()); err != nil {
			return err
		}
		done++
		o.plies += len(g.Moves)
		o.results[g.Result]++
		o.terminations[g.Termination]++
		for _, mark := range g.Marks {
			if mark == league.Random {
				o.random++
			}
		}
		o.show(done)
	}
	return ctx.Err()
}

// show shows the progress: a live line, or a plain one every ten seconds.
func (o *leagueOptions) show(done int) {
	now := time.Now()
	wait := 10 * time.Second
	if o.status.Live() {
		wait = 100 * time.Millisecond
	}
	if now.Sub(o.last) < wait {
		return
	}
	o.last = now
	elapsed := now.Sub(o.began)
	left := time.Duration(float64(elapsed) / float64(done) * float64(o.games-done))
	line := fmt.Sprintf("%s/%s games  %.0f games/s  left %s", cli.Count(done), cli.Count(o.games), float64(done)/elapsed.Seconds(), cli.Duration(left))
	if o.status.Live() {
		o.status.Set(float64(done)/float64(o.games), " "+line)
	} else {
		o.status.Printf("%s", line)
	}
}

// explain says what is left of a league that failed.
func (o *leagueOptions) explain(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	err = fmt.Errorf("stopped: %w", context.Canceled)
	if o.out.path == "-" {
		return err
	}
	return cli.WithHint(err, o.out.path+" was not made, or is as it was")
}

// listPools shows the pools.
func listPools(w io.Writer, asJSON bool) error {
	table := league.Ratings()
	if asJSON {
		return cli.PrintJSON(w, table)
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tab, "ratings: %s (%s)\n", table.Scale, table.Source)
	for _, pool := range table.Pools {
		fmt.Fprintf(tab, "\n%s: %s\n", pool.Name, pool.About)
		players, ok := table.Pool(pool.Name)
		if !ok {
			return errors.New("the table of ratings has a pool that cannot be played: " + pool.Name)
		}
		for i := range players.Players {
			elo := "-"
			if players.Players[i].Elo > 0 {
				elo = fmt.Sprint(players.Players[i].Elo)
			}
			fmt.Fprintf(tab, "  %s\t%s\n", elo, players.Players[i].String())
		}
	}
	return tab.Flush()
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"transcend/cmd/arena/internal/players"
	"transcend/elo"
	"transcend/elo/joint"
	"transcend/engine/calibrate"
	"transcend/engine/match"
	"transcend/internal/atomicfile"
	"transcend/internal/cli"
)

const calibrateHelp = `Rate opponents against each other on this machine, and keep the scale.

usage: arena calibrate --players LIST --out scale.json [flags]
       arena --anchors scale.json ...        (rate a model on that scale)

LIST is players separated by commas. A player is "random" (uniformly random moves),
league:800, a simulated player by its rating, or an engine's name or path with settings after colons:

  level=3, level=0..5, level=0+1+3   UCI "Skill Level", several make several players
  elo=1500, elo=1400+1600            UCI_Elo with UCI_LimitStrength
  movetime=10ms, nodes=100, depth=3  how long it thinks; several of them all apply
  depth=level+1                      as deep as Stockfish settles its move at that level
  option.NAME=VALUE                  any UCI option

league-pool=NAME is the players of a pool, or of a file (chesstrain league --help).
lichess-ai=1..8 is Lichess's computer opponent: Fairy-Stockfish, whose skill levels
go below 0, with Lichess's levels, depths and times (Debian: fairy-stockfish).

Everybody meets everybody in --games games, half with each color, on paired
openings; --within and --gap leave out pairs, --pair-games says how many games some
pairs play, the last rule that fits being the one. Ratings are the maximum likelihood of
all games at once. They are differences from the first player, whose rating is
--first-rating, or hang on the engines that an anchor set rates (--anchors), which keep
those ratings: a local scale, named by a hash of its content, that is never mixed with
another in a table.
Each game is kept in FILE.games when it ends; a calibration that was stopped goes on
with the same command, and plays more with more --games.

examples:
  arena calibrate --players random,stockfish:level=0..5:movetime=10ms --games 100 --out scale.json
  arena calibrate --players stockfish:level=1:movetime=100ms,stockfish:level=1:depth=level+1 --games 400 --out l1.json
  arena calibrate --players lichess-ai=1..4,stockfish:level=0..3:movetime=100ms --within 2 --out lichess.json
  arena calibrate --players stockfish:level=0..5:nodes=25000 --players league-pool=ladder --anchors stockfish-ccrl-40-4 \
      --gap 400 --games 400 --pair-games 'Stockfish* vs *=12' --pair-games 'Stockfish* vs Stockfish*=0' --out league.json

flags:
`

// calibration is one execution of "arena calibrate".
type calibration struct {
	calibrate.Plan
	anchors     string
	out         string
	concurrency int
	retries     int
	firstRating float64
	budget      time.Duration
	json, quiet bool
}

// makeScale is the subcommand "calibrate".
func makeScale(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	c, err := parseCalibration(ctx, stdout, args)
	if err != nil {
		return err
	}
	if c.quiet {
		stderr = io.Discard
	}
	if err := c.hold(); err != nil {
		return err
	}
	games, err := c.open()
	if err != nil {
		return err
	}
	defer games.Close()
	if err := c.play(ctx, stderr, games); err != nil {
		if ctx.Err() != nil {
			return cli.WithHint(fmt.Errorf("stopped: %w", err), "every finished game is kept in "+games.Path()+"; the same command goes on")
		}
		return err
	}
	scale, fit, err := games.Scale()
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(scale, "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if err := atomicfile.WriteBytes(c.out, 0o644, b); err != nil {
		return err
	}
	if c.json {
		_, err = stdout.Write(b)
		return err
	}
	return c.show(stdout, scale, fit)
}

// parseCalibration reads the flags of calibrate, and asks every player for its name.
func parseCalibration(ctx context.Context, stdout io.Writer, args []string) (*calibration, error) {
	c := &calibration{}
	fs := cli.FlagSet(program + " calibrate")
	list := fs.StringArray("players", nil, "who is to be rated; may be repeated")
	fs.IntVar(&c.Games, "games", 100, "games of each pair")
	rules := fs.StringArray("pair-games", nil, "games of some pairs instead, as 'Stockfish* vs *=10'; may be repeated")
	fs.IntVar(&c.Within, "within", 0, "pair only players at most so many places apart in the list; 0: all")
	fs.IntVar(&c.Gap, "gap", 0, "pair only players whose ratings, where they are known before, differ by at most this; 0: all")
	fs.StringVar(&c.anchors, "anchors", "", "hold the engines that this anchor set rates at its ratings, instead of the first player")
	fs.StringVar(&c.out, "out", "scale.json", "the scale")
	openings := fs.String("openings", match.Builtin, "builtin, none (or startpos), or a file of openings (EPD, PGN, lines of moves)")
	fs.IntVar(&c.MaxMoves, "max-moves", 0, "a game of this many full moves is a draw; 0: no limit")
	fs.Float64Var(&c.firstRating, "first-rating", 0, "rating of the first player")
	fs.Uint64Var(&c.Seed, "seed", 1, "seed of the games")
	fs.IntVar(&c.concurrency, "concurrency", runtime.NumCPU(), "games played at once")
	fs.IntVar(&c.retries, "retries", 2, "times a game is tried again after an engine failed")
	fs.DurationVar(&c.budget, "time", 0, "stop after this time and rate what was played; 0: play all games")
	fs.BoolVarP(&c.quiet, "quiet", "q", false, "print only the result and errors")
	fs.BoolVar(&c.json, "json", false, "print the scale as JSON")
	if err := cli.Parse(fs, args, stdout, cli.Help(fs, calibrateHelp, "")); err != nil {
		return nil, err
	}
	switch {
	case fs.NArg() > 0:
		return nil, cli.NoArguments(fs, "players")
	case len(*list) == 0:
		return nil, cli.WithHint(cli.Usagef("nobody to rate: --players is missing"), "--players random,stockfish:level=0..5:movetime=10ms")
	case c.Games < 1 || c.Games > calibrate.MaxPairGames:
		return nil, cli.Usagef("--games %d: must be from 1 to %s", c.Games, cli.Count(calibrate.MaxPairGames))
	case c.concurrency < 1 || c.concurrency > 4096:
		return nil, cli.Usagef("--concurrency %d: must be from 1 to 4096", c.concurrency)
	case c.Within < 0 || c.Gap < 0 || c.MaxMoves < 0 || c.retries < 0 || c.budget < 0:
		return nil, cli.Usagef("--within, --gap, --max-moves, --retries and --time must not be negative")
	case c.anchors != "" && fs.Changed("first-rating"):
		return nil, cli.Usagef("--anchors and --first-rating both say where the scale lies: give one of them")
	case !(c.firstRating >= -elo.MaxRating/2 && c.firstRating <= elo.MaxRating/2):
		return nil, cli.Usagef("--first-rating %v: must be within %d of 0", c.firstRating, elo.MaxRating/2)
	}
	for _, text := range *rules {
		rule, err := calibrate.ParsePairRule(text)
		if errors.Is(err, calibrate.ErrPairRule) {
			return nil, cli.WithHint(cli.Usagef("--pair-games %q is %w", text, err), "--pair-games 'Stockfish* vs *=10'")
		}
		if err != nil {
			return nil, cli.Usagef("--pair-games %q: %w", text, err)
		}
		c.Rules = append(c.Rules, rule)
	}
	var err error
	if c.Openings, err = match.OpeningsNamed(*openings, match.OpeningOptions{Shuffle: true, Seed: c.Seed}); err != nil {
		return nil, err
	}
	c.Players, err = players.ParseList(ctx, *list)
	return c, err
}

// hold holds the engines that the anchor set rates, or the first player.
func (c *calibration) hold() error {
	if c.anchors == "" {
		c.HoldFirst(c.firstRating)
		return nil
	}
	rate, err := players.Anchors(c.anchors)
	if err != nil {
		return err
	}
	err = c.HoldRated(rate)
	if errors.Is(err, elo.ErrNoAnchor) {
		return cli.WithHint(cli.Usagef("--anchors %s rates none of the players: %w", c.anchors, err), "add some that it rates: stockfish:level=0..5:nodes=25000")
	}
	return err
}

// open opens the games that were played before.
func (c *calibration) open() (*calibrate.Games, error) {
	games, err := calibrate.Open(c.out+".games", &c.Plan)
	var other *calibrate.OtherPlanError
	switch {
	case errors.As(err, &other):
		return nil, cli.WithHint(cli.Usagef("%w", err), "give the flags of that one to continue it, or name another --out")
	case errors.Is(err, calibrate.ErrNotGames):
		return nil, fmt.Errorf("%w; name another --out", err)
	}
	return games, err
}

// play plays the games that are missing, and shows how far it is.
func (c *calibration) play(ctx context.Context, progress io.Writer, games *calibrate.Games) error {
	missing := games.Missing()
	fmt.Fprintf(progress, "%d players, seed %d, openings %s; %s games to play, %s played before\n", len(c.Players), c.Seed, c.Openings, cli.Count(missing), cli.Count(games.Played()))
	status := cli.NewStatus(progress)
	defer status.Close()
	began, shown := time.Now(), time.Now()
	return games.Play(ctx, calibrate.PlayOptions{
		Concurrency: c.concurrency, Retries: c.retries, Budget: c.budget,
		Played: func(n int) {
			left := time.Duration(float64(time.Since(began)) / float64(n) * float64(missing-n))
			text := fmt.Sprintf("%s of %s games, %s left", cli.Count(n), cli.Count(missing), cli.Duration(left))
			status.Set(float64(n)/float64(missing), text)
			if !status.Live() && time.Since(shown) > time.Minute {
				shown = time.Now()
				status.Printf("%s", text)
			}
		},
		Void: func(first, second string, game int, err error) {
			status.Printf("warning: game %d of %s and %s is void: %v", game, first, second, err)
		},
	})
}

// show prints the scale.
func (c *calibration) show(stdout io.Writer, s *elo.LocalScale, fit *joint.Fit) error {
	order := make([]int, len(s.Players))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return fit.Ratings[b].Compare(fit.Ratings[a]) })
	w := tabwriter.NewWriter(stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "player\trating\t95%%\tgames\tscore\n")
	for _, i := range order {
		p := s.Players[i]
		rating, interval := fmt.Sprintf("%.0f", p.Rating), fmt.Sprintf("%+.0f %+.0f", p.Interval.Low-p.Rating, p.Interval.High-p.Rating)
		switch {
		case c.Players[i].Held():
			interval = "held"
		case p.Side == elo.Above:
			rating, interval = fmt.Sprintf("> %.0f", p.Interval.Low), "won all"
		case p.Side == elo.Below:
			rating, interval = fmt.Sprintf("< %.0f", p.Interval.High), "lost all"
		case p.Side != elo.TwoSided:
			rating, interval = "?", "no games tie it to the others"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%.1f%%\n", p.Name, rating, interval, p.Record.Games(), 100*p.Record.Score())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, pool := range fit.Pools {
		for _, warning := range pool.Warnings {
			fmt.Fprintf(stdout, "note: %s\n", warning.Text)
		}
	}
	_, err := fmt.Fprintf(stdout, "\nlocal scale %s in %s: rate a model on it with --anchors %s\n", s.ID, c.out, c.out)
	return err
}

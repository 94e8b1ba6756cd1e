package main

import (
	"context"
	"io"

	"transcend/elo/leaderboard"
	"transcend/engine/arena"
	"transcend/internal/cli"
	"transcend/pgn"
)

const pgnHelp = `Write games of the database as PGN.

usage: arena pgn [--db FILE] [--tournament N] [--match N] [--out FILE]

examples:
  arena pgn > all.pgn
  arena pgn --db cup.db --tournament 1 --out cup.pgn

flags:
`

// writeGames is the subcommand "pgn".
func writeGames(ctx context.Context, stdout, _ io.Writer, args []string) error {
	fs := cli.FlagSet(program + " pgn")
	db := fs.String("db", "arena.db", "the database")
	tournament := fs.Int64("tournament", 0, "only the games of this tournament, with the names that players have in it")
	matches := fs.Int64Slice("match", nil, "only the games of these matches")
	out := fs.String("out", "-", "file, - for standard output")
	err := cli.Parse(fs, args, stdout, cli.Help(fs, pgnHelp, ""))
	switch {
	case err != nil:
		return err
	case fs.NArg() > 0:
		return cli.NoArguments(fs, "db")
	case *tournament != 0 && len(*matches) > 0:
		return cli.Usagef("--tournament and --match exclude each other")
	}
	store, err := leaderboard.OpenReadOnly(*db)
	if err != nil {
		return err
	}
	defer store.Close()
	each := func(write func(leaderboard.Game, string, string) error) error {
		if *tournament != 0 {
			return eachTournamentGame(ctx, store, *tournament, write)
		}
		return arena.EachGame(ctx, store, *matches, write)
	}
	if *out != "-" {
		return arena.WritePGN(*out, each)
	}
	w := pgn.NewWriter(stdout)
	return each(func(g leaderboard.Game, white, black string) error {
		p, err := arena.ToPGN(g, white, black)
		if err != nil {
			return err
		}
		return w.Write(p)
	})
}

// eachTournamentGame gives the games of a tournament to write, by pairing and
// slot.
func eachTournamentGame(ctx context.Context, store *leaderboard.Store, id int64, write func(leaderboard.Game, string, string) error) error {
	t, err := store.Tournament(ctx, id)
	if err != nil {
		return cli.WithHint(err, "arena serve, or the table tournaments, lists them")
	}
	pairings, err := store.Pairings(ctx, id)
	if err != nil {
		return err
	}
	// A match's pairings of several rounds are written once, with the first.
	wanted := map[int64]map[int]bool{}
	var order []leaderboard.Pairing
	for _, p := range pairings {
		if p.Second < 0 {
			continue
		}
		if wanted[p.MatchID] == nil {
			wanted[p.MatchID] = map[int]bool{}
			order = append(order, p)
		}
		for slot := p.FirstSlot; slot < p.FirstSlot+p.Games; slot++ {
			wanted[p.MatchID][slot] = true
		}
	}
	for _, p := range order {
		for g, err := range store.Games(ctx, p.MatchID) {
			if err != nil {
				return err
			}
			if !wanted[p.MatchID][g.Slot] {
				continue
			}
			white, black := t.Entrants[p.First].Name, t.Entrants[p.Second].Name
			if !g.PlayerWhite {
				white, black = black, white
			}
			if err := write(g, white, black); err != nil {
				return err
			}
		}
	}
	return nil
}

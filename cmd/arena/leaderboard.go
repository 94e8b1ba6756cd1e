package main

import (
	"context"
	"io"

	"transcend/cmd/arena/internal/players"
	"transcend/elo/leaderboard"
	"transcend/engine/arena"
	"transcend/internal/cli"
)

const leaderboardHelp = `Print the leaderboard: every model and temperature that was played, with its
rating, on each scale.

usage: arena leaderboard [--db FILE] [--json]

examples:
  arena leaderboard
  arena leaderboard --db results.db --json
  arena leaderboard --anchors paper-code

flags:
`

// showLeaderboard is the subcommand "leaderboard".
func showLeaderboard(ctx context.Context, stdout, _ io.Writer, args []string) error {
	fs := cli.FlagSet(program + " leaderboard")
	db := fs.String("db", "arena.db", "the leaderboard, an SQLite database")
	anchors := fs.String("anchors", "", "strengths of the opponents: a set's name, or a local scale's file, NAME.json (default: by the engine's version)")
	pgnOut := fs.String("pgn-out", "", "also write all games as PGN")
	asJSON := fs.Bool("json", false, "print the result as one JSON object")
	err := cli.Parse(fs, args, stdout, cli.Help(fs, leaderboardHelp, ""))
	if err != nil {
		return err
	}
	if err := cli.NoArguments(fs, "db"); err != nil {
		return err
	}
	by, err := players.Anchors(*anchors)
	if err != nil {
		return err
	}
	store, err := leaderboard.OpenReadOnly(*db)
	if err != nil {
		return err
	}
	defer store.Close()
	if *pgnOut != "" {
		if err := arena.WriteMatches(ctx, store, *pgnOut, nil); err != nil {
			return err
		}
	}
	board, err := store.Leaderboard(ctx, leaderboard.BoardOptions{Anchors: by})
	if err != nil {
		return err
	}
	if *asJSON {
		return board.WriteJSON(stdout)
	}
	return board.WriteText(stdout)
}

package main

import (
	"context"
	"io"
	"time"

	"transcend/cmd/arena/internal/players"
	"transcend/cmd/arena/internal/watch"
	"transcend/elo/leaderboard"
	"transcend/internal/cli"
)

const watchHelp = `Watch arenas play: the table and the games in play, drawn anew every second. In a
pipe, or with --json, a line for every finished game, those of the past first.

usage: arena watch [--db FILE] [--interval 1s]

On a terminal it goes on until Ctrl-C. In a pipe it ends when no arena plays any more:
nothing is in play, and nothing was for a second (for a quarter of a minute after an
arena was killed). --follow goes on. The database is only read. NO_COLOR=1 draws the
boards with letters.

examples:
  arena watch
  arena watch --db results.db --interval 5s
  arena watch --once
  arena watch | grep 'illegal move'
  arena watch --new --follow --json >> games.jsonl

flags:
`

// watchArenas is the subcommand "watch".
func watchArenas(ctx context.Context, stdout, _ io.Writer, args []string) error {
	fs := cli.FlagSet(program + " watch")
	db := fs.String("db", "arena.db", "the leaderboard, an SQLite database")
	anchors := fs.String("anchors", "", "strengths of the engines' levels, by name (default: by the engine's version)")
	interval := fs.Duration("interval", time.Second, "time between two looks")
	once := fs.Bool("once", false, "print the table and the games in play once")
	asJSON := fs.Bool("json", false, "print one JSON object a finished game")
	follow := fs.Bool("follow", false, "in a pipe: wait for further arenas, until Ctrl-C")
	onlyNew := fs.Bool("new", false, "in a pipe: only games that end from now on")
	err := cli.Parse(fs, args, stdout, cli.Help(fs, watchHelp, ""))
	if err != nil {
		return err
	}
	switch {
	case fs.NArg() > 0:
		return cli.NoArguments(fs, "db")
	case *interval < 50*time.Millisecond:
		return cli.Usagef("--interval %v: must be at least 50ms", *interval)
	case *once && (*follow || *onlyNew):
		return cli.Usagef("--once shows the moment: --follow and --new are for the games as they end")
	case *once && *asJSON:
		return cli.Usagef("--once and --json exclude each other: arena leaderboard --json prints the table once")
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
	if *once {
		return watch.Once(ctx, stdout, store, by)
	}
	return watch.Watch(ctx, stdout, store, watch.Options{Anchors: by, Interval: *interval, JSON: *asJSON, Follow: *follow, New: *onlyNew})
}

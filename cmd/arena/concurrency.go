package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"transcend/elo/leaderboard"
	"transcend/engine/arena"
	"transcend/internal/cli"
)

const concurrencyHelp = `Change how many games at once the arenas play that write to a database now.

usage: arena concurrency N [--db FILE]

Every arena that plays into it, a match or a sweep, goes on with N games at once, within
a second or two: further games begin, or those that are too many are ended and no others
begun. With --affinity it stays within the processors.

examples:
  arena concurrency 1
  arena concurrency 12 --db cup.db

flags:
`

// changeConcurrency is the subcommand "concurrency".
func changeConcurrency(ctx context.Context, stdout, _ io.Writer, args []string) error {
	fs := cli.FlagSet(program + " concurrency")
	db := fs.String("db", "arena.db", "the database")
	err := cli.Parse(fs, args, stdout, cli.Help(fs, concurrencyHelp, ""))
	if err != nil {
		return err
	}
	if fs.NArg() != 1 {
		return cli.WithHint(cli.Usagef("want one number of games at once"), "arena concurrency 4")
	}
	n, err := strconv.Atoi(fs.Arg(0))
	if err != nil || n < 1 || n > arena.MaxConcurrency {
		return cli.Usagef("%q: want a number of games at once from 1 to %d", fs.Arg(0), arena.MaxConcurrency)
	}
	store, err := leaderboard.OpenReadOnly(*db)
	if err != nil {
		return err
	}
	defer store.Close()
	// Between two short games there is a moment without any.
	arenas := map[string]bool{}
	for began := time.Now(); ; {
		live, err := store.Live(ctx)
		if err != nil {
			return err
		}
		for _, g := range live {
			arenas[g.Arena] = true
		}
		if len(arenas) > 0 || time.Since(began) > arena.MaxPause {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(arena.MaxPause / 50):
		}
	}
	if len(arenas) == 0 {
		return cli.WithHint(fmt.Errorf("no arena plays into %s now", *db), "--concurrency sets the number when one is started")
	}
	if err := arena.AskConcurrency(*db, n); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "asked %d %s for %d games at once\n", len(arenas), map[bool]string{true: "arena", false: "arenas"}[len(arenas) == 1], n)
	return err
}

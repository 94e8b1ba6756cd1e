// Package watch shows in a terminal what arenas play that write into one database: the leaderboard
// and the boards of the games in play, drawn anew, or, where the output is no terminal, a line for
// every game that has ended. The database is only read.
package watch

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"transcend/elo/leaderboard"
	"transcend/internal/cli"
)

// Options say how Watch shows a database.
type Options struct {
	Anchors  leaderboard.AnchorFunc // that the table rates by; nil: by the games' protocol
	Interval time.Duration          // between two looks
	JSON     bool                   // an object a game instead of a line, also on a terminal
	Follow   bool                   // lines go on when no arena plays any more
	New      bool                   // lines only of games that end from now on
}

// Once writes the table and the games in play of this moment.
func Once(ctx context.Context, out io.Writer, store *leaderboard.Store, anchors leaderboard.AnchorFunc) error {
	w := &watcher{store: store, anchors: anchors, began: time.Now()}
	lines, err := w.frame(ctx, screen{width: 100, height: 1 << 20})
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, strings.Join(lines, "\n")+"\n")
	return err
}

// Watch shows the database until ctx ends, which is no error. On a terminal it draws; otherwise it
// writes lines and ends when no arena plays any more.
func Watch(ctx context.Context, out io.Writer, store *leaderboard.Store, o Options) error {
	w := &watcher{store: store, anchors: o.Anchors, began: time.Now()}
	look := func(ctx context.Context) (bool, error) {
		over, err := w.lines(ctx, out, o.JSON)
		return over && !o.Follow, err
	}
	if file, ok := out.(*os.File); ok && cli.IsTerminal(out) && !o.JSON {
		// The alternate screen gives back what was there before.
		fmt.Fprint(out, "\x1b[?1049h\x1b[?25l")
		defer fmt.Fprint(out, "\x1b[?25h\x1b[?1049l")
		look = func(ctx context.Context) (bool, error) { return false, w.draw(ctx, file) }
	} else if err := w.begin(ctx, out, o.JSON, o.New); err != nil {
		return err
	}
	tick := time.NewTicker(o.Interval)
	defer tick.Stop()
	for {
		switch over, err := look(ctx); {
		case err != nil && ctx.Err() == nil:
			return err
		case over:
			return nil
		}
		select {
		case <-ctx.Done():
			return nil // stopping is how it ends
		case <-tick.C:
		}
	}
}

// watcher is what is remembered from one look to the next.
type watcher struct {
	store    *leaderboard.Store
	anchors  leaderboard.AnchorFunc
	began    time.Time
	atStart  int // games when it began
	looked   bool
	revision string
	board    *leaderboard.Board
	players  map[int64]leaderboard.Player
	matches  map[int64]leaderboard.Match
	names    map[int64][2]string // of tournaments, by match
	total    int
	latest   []leaderboard.Game // the latest first

	mark int64     // of the last game that was written as a line
	idle time.Time // since when nothing is in play; zero: something is
}

// look reads what has changed.
func (w *watcher) look(ctx context.Context, rate bool) error {
	revision, err := w.store.Revision(ctx)
	if err != nil || w.looked && revision == w.revision {
		return err
	}
	if w.latest, w.total, err = w.store.FindGames(ctx, leaderboard.Filter{}, 5, 0); err != nil {
		return err
	}
	if !w.looked {
		w.atStart = w.total
	}
	players, err := w.store.Players(ctx)
	if err != nil {
		return err
	}
	matches, err := w.store.Matches(ctx)
	if err != nil {
		return err
	}
	w.players, w.matches = map[int64]leaderboard.Player{}, map[int64]leaderboard.Match{}
	for _, p := range players {
		w.players[p.ID] = p
	}
	for _, m := range matches {
		w.matches[m.ID] = m
	}
	if w.names, err = w.store.MatchNames(ctx); err != nil {
		return err
	}
	if rate {
		if w.board, err = w.store.Leaderboard(ctx, leaderboard.BoardOptions{Anchors: w.anchors, Orders: -1}); err != nil {
			return err
		}
	}
	w.looked, w.revision = true, revision
	return nil
}

// sides are the names of White and Black in a match, without what could move the
// cursor: they come from a file.
func (w *watcher) sides(matchID int64, playerWhite bool) (white, black string) {
	m := w.matches[matchID]
	names, ok := w.names[matchID]
	if !ok {
		for i, id := range []int64{m.PlayerID, m.OpponentID} {
			names[i] = fmt.Sprintf("player %d", id)
			if p, known := w.players[id]; known {
				names[i] = p.Name
			}
		}
	}
	player, opponent := cli.Printable(names[0]), cli.Printable(names[1])
	if playerWhite {
		return player, opponent
	}
	return opponent, player
}

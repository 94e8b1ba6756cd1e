package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"transcend/elo/leaderboard"
	"transcend/engine/arena"
	"transcend/internal/cli"
)

// begin writes how many games there are, and decides with which the lines begin.
func (w *watcher) begin(ctx context.Context, out io.Writer, asJSON, onlyNew bool) error {
	if err := w.look(ctx, false); err != nil {
		return err
	}
	for onlyNew {
		games, last, err := w.store.GamesAfter(ctx, w.mark, page)
		if err != nil {
			return err
		}
		w.mark, onlyNew = last, len(games) == page
	}
	if asJSON {
		return nil
	}
	_, err := fmt.Fprintf(out, "%s: %s games\n", w.store.Path(), cli.Count(w.total))
	return err
}

// page is how many games are read at once.
const page = 200

// lines writes the games that have ended since the last look, and says whether no arena
// plays any more.
func (w *watcher) lines(ctx context.Context, out io.Writer, asJSON bool) (over bool, err error) {
	// Asked before the games: what is in play then is among them later, or in play.
	live, err := w.store.Live(ctx)
	if err != nil {
		return false, err
	}
	if err := w.look(ctx, false); err != nil {
		return false, err
	}
	ended := false
	for {
		games, last, err := w.store.GamesAfter(ctx, w.mark, page)
		if err != nil {
			return false, err
		}
		for _, g := range games {
			line := w.gameLine(g)
			if asJSON {
				if line, err = w.gameJSON(g); err != nil {
					return false, err
				}
			}
			if _, err := fmt.Fprintln(out, line); err != nil {
				return false, err
			}
		}
		w.mark, ended = last, ended || len(games) > 0
		if len(games) < page {
			break
		}
	}
	if len(live) > 0 {
		w.idle = time.Time{}
		return false, nil
	}
	if ended || w.idle.IsZero() {
		w.idle = time.Now()
	}
	return time.Since(w.idle) >= arena.MaxPause, nil
}

func (w *watcher) gameJSON(g leaderboard.Game) (string, error) {
	white, black := w.sides(g.MatchID, g.PlayerWhite)
	b, err := json.Marshal(map[string]any{
		"match": g.MatchID, "slot": g.Slot, "white": white, "black": black, "result": g.Result,
		"termination": g.Termination, "loss_cause": g.LossCause, "opponent_cause": g.OpponentCause, "plies": len(g.Moves), "moves": g.MoveText, "illegal_attempts": g.Illegal,
	})
	return string(b), err
}

func (w *watcher) gameLine(g leaderboard.Game) string {
	white, black := w.sides(g.MatchID, g.PlayerWhite)
	return fmt.Sprintf("%d.%d  %s - %s  %s  %s, %d moves", g.MatchID, g.Slot, white, black, cli.Printable(g.Result), cli.Printable(g.Termination), (len(g.Moves)+1)/2)
}

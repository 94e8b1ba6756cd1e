package calibrate

import (
	"context"
	"slices"
	"time"

	"transcend/engine/match"
)

// PlayOptions say how games are played and who is told.
type PlayOptions struct {
	Concurrency int // games at once
	Retries     int // times a game is tried again after a player failed
	// Budget ends playing when a game ends after this time; 0: all games are played.
	Budget time.Duration
	// Played, when not nil, is told after every game how many this call has played.
	Played func(n int)
	// Void, when not nil, is told of every game, the game'th from 1 of a pair, that a player's
	// failure has ended, by several goroutines.
	Void func(first, second string, game int, err error)
}

// Play plays the games that are missing and keeps each when it ends. That the budget is spent is no
// error.
func (g *Games) Play(ctx context.Context, o PlayOptions) error {
	tasks := g.missing()
	if len(tasks) == 0 {
		return nil
	}
	p := g.plan
	began, played := time.Now(), 0
	r := match.Runner{
		Rules: match.Rules{MaxPlies: 2 * p.MaxMoves},
		Seed:  p.Seed, Openings: p.Openings, Concurrency: o.Concurrency, Retries: o.Retries,
		Void: func(t match.Task, err error) {
			if o.Void != nil {
				o.Void(p.Players[t.First].Name, p.Players[t.Second].Name, t.Slot%MaxPairGames+1, err)
			}
		},
		Record: func(t match.Task, m *match.Game) error {
			err := g.add(game{First: t.First, Second: t.Second, Slot: t.Slot % MaxPairGames,
				Score: m.Score(0), End: m.Termination, Plies: len(m.Moves), Millis: m.Elapsed.Milliseconds()})
			if err != nil {
				return err
			}
			played++
			if o.Played != nil {
				o.Played(played)
			}
			if o.Budget > 0 && time.Since(began) > o.Budget {
				return match.ErrStop
			}
			return nil
		},
	}
	for i := range p.Players {
		// An anchor that breaks is no weaker for it.
		r.Entrants = append(r.Entrants, match.Entrant{New: p.Players[i].New, Control: p.Players[i].Control, IllegalVoids: true})
	}
	return r.Run(ctx, slices.Values(tasks))
}

package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"transcend/elo/leaderboard"
	"transcend/engine/match"
	"transcend/internal/bitboard"
)

// inPlay claims slots and shows their games to whoever watches the database, once
// a second and not at every move: a write waits for other arenas'.
type inPlay struct {
	store *leaderboard.Store
	arena string // tells this process from all others

	mu    sync.Mutex
	games map[slotKey]*leaderboard.Live
}

func newInPlay(store *leaderboard.Store, arena string) *inPlay {
	return &inPlay{store: store, arena: arena, games: map[slotKey]*leaderboard.Live{}}
}

// claim reserves a slot, and begins to show its game. It is false when another
// arena has it.
func (p *inPlay) claim(ctx context.Context, task match.Task) (bool, error) {
	playerWhite := match.White(task.Slot) == 0
	ok, err := p.store.Claim(ctx, p.arena, task.Match, task.Slot, playerWhite)
	if ok {
		p.mu.Lock()
		p.games[slotKey{task.Match, task.Slot}] = &leaderboard.Live{MatchID: task.Match, Slot: task.Slot, PlayerWhite: playerWhite, WhiteClock: -1, BlackClock: -1}
		p.mu.Unlock()
	}
	return ok, err
}

// ended shows a game no more; storing it has freed the slot.
func (p *inPlay) ended(task match.Task) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.games, slotKey{task.Match, task.Slot})
}

// left frees a slot whose game was not ended.
func (p *inPlay) left(task match.Task) {
	p.ended(task)
	// When this fails the claim becomes stale.
	_ = p.store.Release(context.Background(), p.arena, task.Match, task.Slot)
}

// watch notes the moves of a game in play.
func (p *inPlay) watch(task match.Task, g *match.Game) {
	p.mu.Lock()
	defer p.mu.Unlock()
	live := p.games[slotKey{task.Match, task.Slot}]
	if live == nil {
		return
	}
	if len(live.Moves) > len(g.Moves) || len(g.Moves) <= g.BookPlies { // a new try
		live.Moves, live.Evals = nil, nil
		live.StartFEN, live.BookPlies = startFEN(g), g.BookPlies
	}
	for i := len(live.Moves); i < len(g.Moves); i++ {
		live.Moves = append(live.Moves, uint16(g.Moves[i]))
		if i >= g.BookPlies {
			live.Evals = append(live.Evals, evalOf(g, i))
		}
		// Who moved: White at even plies, unless Black begins.
		clock := &live.WhiteClock
		if (i%2 == 1) == (g.Start.SideToMove() == bitboard.White) {
			clock = &live.BlackClock
		}
		*clock = g.Clocks[i]
	}
}

// keep stores the games in play once a second until it is told to stop.
func (p *inPlay) keep(ctx context.Context, warnf func(format string, args ...any)) (stop func()) {
	done := make(chan struct{})
	var keeper sync.WaitGroup
	keeper.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		warned := false
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := p.store.Refresh(ctx, p.arena, p.copies()); err != nil && !warned && ctx.Err() == nil {
				warned = true
				warnf("the games in play cannot be shown: %v", err)
			}
		}
	})
	return func() {
		close(done)
		keeper.Wait()
	}
}

// copies are the games as they stand.
func (p *inPlay) copies() []leaderboard.Live {
	p.mu.Lock()
	defer p.mu.Unlock()
	games := make([]leaderboard.Live, 0, len(p.games))
	for _, g := range p.games {
		c := *g
		c.Moves, c.Evals = slices.Clone(g.Moves), slices.Clone(g.Evals)
		games = append(games, c)
	}
	return games
}

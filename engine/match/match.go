package match

import (
	"context"
	"fmt"
	"sync"

	"transcend/engine"
)

// Factory makes a player for one worker.
type Factory func(context.Context) (engine.Player, error)

// Match is a set of game slots between two players.
type Match struct {
	Players [2]Factory
	Rules   Rules
	Seed    uint64
	// Slots are the numbers of the games to play.
	Slots       []int
	Concurrency int
	// Retries is how often a voided game is tried again, with both players
	// started anew, before the match is given up.
	Retries int

	// Record stores a finished game. It is called by one goroutine at a time;
	// its error ends the match.
	Record func(*Game) error
	// Void is told of every game that a player's failure ended; may be nil.
	Void func(slot int, err error)
}

// SlotSeed is the seed of a slot's game.
func SlotSeed(seed uint64, slot int) uint64 { return mix(seed, uint64(slot)+0x5107) }

// White is the index of the player who has White in a slot: they alternate,
// so an even number of slots is balanced.
func White(slot int) int { return slot % 2 }

// Run plays the slots. Games in play when ctx ends are abandoned, not
// recorded; the error is then the context's. All players are closed when Run
// returns.
func (m *Match) Run(ctx context.Context) error {
	outer := ctx
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)

	slots := make(chan int)
	var feeder sync.WaitGroup
	feeder.Go(func() {
		defer close(slots)
		for _, s := range m.Slots {
			select {
			case slots <- s:
			case <-ctx.Done():
				return
			}
		}
	})

	var workers sync.WaitGroup
	var recording sync.Mutex
	record := func(g *Game) error {
		recording.Lock()
		defer recording.Unlock()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return m.Record(g)
	}
	for range min(max(1, m.Concurrency), max(1, len(m.Slots))) {
		workers.Go(func() {
			w := worker{match: m}
			defer w.close()
			for slot := range slots {
				g, err := w.play(ctx, slot)
				if err == nil {
					err = record(g)
				}
				if err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	workers.Wait()
	feeder.Wait()
	if err := outer.Err(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// worker plays games one after the other with players of its own.
type worker struct {
	match   *Match
	players [2]engine.Player
}

func (w *worker) play(ctx context.Context, slot int) (*Game, error) {
	m := w.match
	for try := 0; ; try++ {
		g, err := w.try(ctx, slot)
		if err == nil {
			g.Slot = slot
			return g, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		w.close()
		if m.Void != nil {
			m.Void(slot, err)
		}
		// A wrong configuration does not mend itself.
		if try >= m.Retries || engine.FailureOf(err) == engine.Setup {
			return nil, fmt.Errorf("game %d given up after %d tries: %w", slot+1, try+1, err)
		}
	}
}

func (w *worker) try(ctx context.Context, slot int) (*Game, error) {
	for i, p := range w.players {
		if p != nil {
			continue
		}
		p, err := w.match.Players[i](ctx)
		if err != nil {
			return nil, fmt.Errorf("match: starting player %d: %w", i+1, err)
		}
		w.players[i] = p
	}
	return Play(ctx, w.players, White(slot), SlotSeed(w.match.Seed, slot), w.match.Rules)
}

func (w *worker) close() {
	for i, p := range w.players {
		if p != nil {
			// A player that failed may fail to close as well; its failure was
			// reported already, and a healthy one has nothing left to lose.
			_ = p.Close()
			w.players[i] = nil
		}
	}
}

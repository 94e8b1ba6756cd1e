package arena

// Who plays which slot now.

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"transcend/elo/leaderboard"
	"transcend/engine/match"
	"transcend/internal/bitboard"
)

// claims are the slots that this process plays. It reserves them, so that no two
// arenas on one database play the same slot, and shows their games to whoever watches
// the database, once a second and not at every move: a write waits for other arenas'.
type claims struct {
	store *leaderboard.Store
	arena string // tells this process from all others
	wish  *wish

	mu      sync.Mutex
	games   map[slotKey]*leaderboard.Live
	waiting []match.Task // that others had when they were last asked for
}

// MaxPause is how long at most an arena plays no game between two: one that has no game in play for
// longer has ended.
const MaxPause = time.Second

// slotKey is a slot of a match.
type slotKey struct {
	match int64
	slot  int
}

func newClaims(store *leaderboard.Store) *claims {
	host, _ := os.Hostname() // an empty one will do
	return &claims{store: store, arena: fmt.Sprintf("%s %d %08x", host, os.Getpid(), rand.Uint32()), wish: newWish(store.Path()), games: map[slotKey]*leaderboard.Live{}}
}

// freeDead frees the slots that arenas of this machine claimed and cannot play any
// more, because they were killed; those of other machines become stale.
func (p *claims) freeDead(ctx context.Context) error {
	games, err := p.store.Live(ctx)
	if err != nil {
		return err
	}
	host, _ := os.Hostname() // as in newClaims
	freed := map[string]bool{p.arena: true}
	for _, g := range games {
		rest, ours := strings.CutPrefix(g.Arena, host+" ")
		number, _, _ := strings.Cut(rest, " ")
		pid, err := strconv.Atoi(number)
		if !ours || err != nil || freed[g.Arena] || isAlive(pid) {
			continue
		}
		freed[g.Arena] = true
		if err := p.store.Release(ctx, g.Arena, 0, 0); err != nil {
			return err
		}
	}
	return nil
}

// isAlive says whether there may be a process of that number.
func isAlive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer p.Release()
	return !errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

// release frees everything that is claimed: what was not played is free for others
// at once. When this fails the claims become stale.
func (p *claims) release() {
	ctx := context.Background()
	_ = p.store.Release(ctx, p.arena, 0, 0)
	if others, err := p.store.Live(ctx); err == nil && len(others) == 0 {
		_ = os.Remove(p.wish.file) // nobody is left to read it
	}
}

// concurrency is the number of games at once: as asked for last, or as at the start.
func (p *claims) concurrency(start int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wish.now > 0 {
		return p.wish.now
	}
	return start
}

// again is how often slots that other arenas have are asked for.
const again = time.Second

// sequence is tasks in their order, and among them those again that other arenas had:
// their games may have ended, or their arenas died.
func (p *claims) sequence(tasks []match.Task) iter.Seq[match.Task] {
	return func(yield func(match.Task) bool) {
		asked := time.Now()
		for _, task := range tasks {
			if time.Since(asked) >= again {
				asked = time.Now()
				p.mu.Lock()
				waiting := p.waiting
				p.waiting = nil
				p.mu.Unlock()
				for _, w := range waiting {
					if !yield(w) {
						return
					}
				}
			}
			if !yield(task) {
				return
			}
		}
	}
}

// awaited notes a task that another arena has.
func (p *claims) awaited(task match.Task) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = append(p.waiting, task)
}

// wait waits a moment for other arenas' games, and frees the slots of those that died.
func (p *claims) wait(ctx context.Context) error {
	p.mu.Lock()
	p.waiting = nil // who waits asks for everything that is missing
	p.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(again):
	}
	return p.freeDead(ctx)
}

// claim reserves a slot, and begins to show its game. It is false when another
// arena has it.
func (p *claims) claim(ctx context.Context, task match.Task) (bool, error) {
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
func (p *claims) ended(task match.Task) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.games, slotKey{task.Match, task.Slot})
}

// left frees a slot whose game was not ended.
func (p *claims) left(task match.Task) {
	p.ended(task)
	// When this fails the claim becomes stale.
	_ = p.store.Release(context.Background(), p.arena, task.Match, task.Slot)
}

// watch notes the moves of a game in play.
func (p *claims) watch(task match.Task, g *match.Game) {
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
func (p *claims) keep(ctx context.Context, show Show) (stop func()) {
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
			p.mu.Lock()
			n := p.wish.look()
			p.mu.Unlock()
			if n > 0 {
				p.wish.pass(n)
				if show.Resized != nil {
					show.Resized(n)
				}
			}
			if err := p.store.Refresh(ctx, p.arena, p.copies()); err != nil && !warned && ctx.Err() == nil {
				warned = true
				show.warnf("the games in play cannot be shown: %v", err)
			}
		}
	})
	return func() {
		close(done)
		keeper.Wait()
	}
}

// copies are the games as they stand.
func (p *claims) copies() []leaderboard.Live {
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

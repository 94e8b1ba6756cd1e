package match

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"

	"transcend/engine"
	"transcend/internal/draw"
)

// Factory makes a player for one worker; see WorkerOf.
type Factory func(context.Context) (engine.Player, error)

type workerKey struct{}

// WorkerOf is the number of the worker, from 0, that a Factory is called for:
// engines that are to stay on certain cores need it.
func WorkerOf(ctx context.Context) int {
	n, _ := ctx.Value(workerKey{}).(int)
	return n
}

// Entrant is who plays, under which conditions.
type Entrant struct {
	New     Factory
	Control Control
	// IllegalVoids and FailuresLose are as in Rules.
	IllegalVoids, FailuresLose bool
	// Restart makes a new player for every game.
	Restart bool
}

// Task is a game to be played: a slot of the match between two entrants, of whom
// First is player 0. Match is whatever tells the caller matches apart.
type Task struct {
	Match         int64
	First, Second int
	Slot          int
}

// Runner plays tasks over several workers.
type Runner struct {
	Entrants []Entrant
	// Rules are those of all games; what differs by player comes from Entrants.
	Rules Rules
	// Judge makes the judge of one worker's games; nil: none.
	Judge    func(context.Context) (Judge, func() error, error)
	Seed     uint64
	Openings *Openings
	// Concurrency is the number of workers, Starts how many players may be started
	// at once (0: as many as there are cores).
	Concurrency, Starts int
	// Retries is how often a voided game is tried again, with both players
	// started anew, before the run is given up.
	Retries int

	// Resize changes the number of workers while Run goes on: one that is too many
	// ends when its game has ended. nil: it stays.
	Resize <-chan int

	// Claim, when not nil, is asked before a game; false leaves it out. Then
	// Elsewhere, when not nil, is told, by one goroutine at a time with Record and
	// with the same meaning of its error.
	Claim     func(Task) (bool, error)
	Elsewhere func(Task) error
	// Record stores a finished game. It is called by one goroutine at a time;
	// its error ends the run. ErrStop ends it without an error.
	Record func(Task, *Game) error
	// Void is told of every game that a player's failure ended, by several
	// goroutines; may be nil.
	Void func(Task, error)
	// Watch is Rules.Watch with the task; several goroutines call it.
	Watch func(Task, *Game)
	// Left is told of every claimed game that was not recorded; may be nil.
	Left func(Task)
	// Quit is told of every player that failed while it was closed, by several
	// goroutines; may be nil. Its games are over, and stand.
	Quit func(entrant int, err error)
}

// ErrStop is what Record returns to end a run early: enough games were played.
var ErrStop = errors.New("match: enough games were played")

// keepPlayers is how many idle players a worker keeps for its next games.
const keepPlayers = 4

// SlotSeed is the seed of a slot's game.
func SlotSeed(seed uint64, slot int) uint64 { return draw.Mix(seed, uint64(slot)+0x5107) }

// White is the index of the player who has White in a slot: they alternate,
// so an even number of slots is balanced.
func White(slot int) int { return slot % 2 }

// Run plays the tasks. Games in play when ctx ends are abandoned, not
// recorded; the error is then the context's. All players are closed when Run
// returns.
func (r *Runner) Run(ctx context.Context, tasks iter.Seq[Task]) error {
	if err := r.Rules.Validate(); err != nil {
		return err
	}
	outer := ctx
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)

	queue, fed := make(chan Task), make(chan struct{})
	var feeder sync.WaitGroup
	feeder.Go(func() {
		defer close(fed)
		defer close(queue)
		for t := range tasks {
			select {
			case queue <- t:
			case <-ctx.Done():
				return
			}
		}
	})
	s := &session{Runner: r, starts: make(chan struct{}, max(1, r.Starts)), running: map[int]bool{}}
	if r.Starts == 0 {
		s.starts = make(chan struct{}, runtime.NumCPU())
	}
	var workers sync.WaitGroup
	start := func(i int) {
		workers.Go(func() {
			w := worker{session: s}
			defer w.close()
			ctx := context.WithValue(ctx, workerKey{}, i)
			for s.stays(i) {
				t, ok := <-queue
				if !ok {
					return
				}
				if err := w.task(ctx, t); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	s.resize(max(1, r.Concurrency), start)
	workers.Go(func() {
		for {
			select {
			case n := <-r.Resize:
				s.resize(max(1, n), start)
			case <-fed:
				return
			case <-ctx.Done():
				return
			}
		}
	})
	workers.Wait()
	feeder.Wait()
	if err := outer.Err(); err != nil {
		return err
	}
	if err := context.Cause(ctx); !errors.Is(err, ErrStop) {
		return err
	}
	return nil
}

// session is what the workers of a run share.
type session struct {
	*Runner
	starts    chan struct{}
	recording sync.Mutex

	workers sync.Mutex
	wanted  int          // workers
	running map[int]bool // by number
}

// resize starts the workers that are missing; those that are too many see it in
// stays.
func (s *session) resize(n int, start func(worker int)) {
	s.workers.Lock()
	defer s.workers.Unlock()
	s.wanted = n
	for i := range n {
		if !s.running[i] {
			s.running[i] = true
			start(i)
		}
	}
}

// stays says whether a worker is to play another game.
func (s *session) stays(worker int) bool {
	s.workers.Lock()
	defer s.workers.Unlock()
	if worker >= s.wanted {
		delete(s.running, worker)
		return false
	}
	return true
}

// one calls f unless the run has ended, by one goroutine at a time.
func (s *session) one(ctx context.Context, f func() error) error {
	s.recording.Lock()
	defer s.recording.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return f()
}

// seat is a player that a worker holds for an entrant. Two entrants of one game
// may be the same, so the side belongs to it.
type seat struct{ entrant, side int }

// worker plays games one after the other with players of its own.
type worker struct {
	*session
	idle  []seat // the players it holds, the latest used last
	held  map[seat]engine.Player
	judge Judge
	done  func() error // closes the judge
}

// task plays and records one game.
func (w *worker) task(ctx context.Context, t Task) error {
	if w.Claim != nil {
		ok, err := w.Claim(t)
		if err != nil {
			return err
		}
		if !ok {
			if w.Elsewhere == nil {
				return nil
			}
			return w.one(ctx, func() error { return w.Elsewhere(t) })
		}
	}
	g, err := w.play(ctx, t)
	if err == nil {
		g.Slot = t.Slot
		err = w.one(ctx, func() error { return w.Record(t, g) })
	}
	if err != nil && w.Left != nil {
		w.Left(t)
	}
	return err
}

func (w *worker) play(ctx context.Context, t Task) (*Game, error) {
	for try := 0; ; try++ {
		g, err := w.try(ctx, t)
		if err == nil {
			return g, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		w.close()
		if w.Void != nil {
			w.Void(t, err)
		}
		// A wrong configuration does not mend itself.
		if try >= w.Retries || engine.FailureOf(err) == engine.Setup {
			return nil, fmt.Errorf("game %d given up after %d tries: %w", t.Slot+1, try+1, err)
		}
	}
}

// try plays the game once.
func (w *worker) try(ctx context.Context, t Task) (*Game, error) {
	var players [2]engine.Player
	seats := [2]seat{{t.First, 0}, {t.Second, 1}}
	rules := w.Rules
	for i, s := range seats {
		p, err := w.player(ctx, s)
		if err != nil {
			return nil, err
		}
		players[i] = p
		e := w.Entrants[s.entrant]
		rules.Controls[i], rules.IllegalVoids[i], rules.FailuresLose[i] = e.Control, e.IllegalVoids, e.FailuresLose
	}
	if w.Watch != nil {
		rules.Watch = func(g *Game) { w.Watch(t, g) }
	}
	if w.Judge != nil {
		if w.judge == nil {
			var err error
			if w.judge, w.done, err = w.Judge(ctx); err != nil {
				return nil, fmt.Errorf("match: starting the judge: %w", err)
			}
		}
		rules.Judge = w.judge
	}
	g, err := Play(ctx, players, White(t.Slot), SlotSeed(w.Seed, t.Slot), w.Openings.At(t.Slot), rules)
	if err != nil {
		return nil, err
	}
	for i, s := range seats {
		if w.Entrants[s.entrant].Restart || g.Loser == i && g.Err != nil {
			w.drop(s)
		}
	}
	w.trim()
	return g, nil
}

// player is the one the worker holds for a seat, or a new one.
func (w *worker) player(ctx context.Context, s seat) (engine.Player, error) {
	for i, other := range w.idle {
		if other == s {
			w.idle = append(append(w.idle[:i], w.idle[i+1:]...), s)
			return w.held[s], nil
		}
	}
	// Many engines that load their networks at once take time from games on the
	// clock.
	select {
	case w.starts <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p, err := w.Entrants[s.entrant].New(ctx)
	<-w.starts
	if err != nil {
		return nil, &StartingError{Player: s.side, Err: err}
	}
	if w.held == nil {
		w.held = map[seat]engine.Player{}
	}
	w.held[s] = p
	w.idle = append(w.idle, s)
	return p, nil
}

// StartingError is a player that could not be made.
type StartingError struct {
	Player int // index
	Err    error
}

func (e *StartingError) Error() string {
	return fmt.Sprintf("match: starting player %d: %v", e.Player+1, e.Err)
}
func (e *StartingError) Unwrap() error { return e.Err }

// trim closes the players that were not used for longest.
func (w *worker) trim() {
	for len(w.idle) > keepPlayers {
		w.drop(w.idle[0])
	}
}

// drop closes a player. The Close of one that has failed already says nothing.
func (w *worker) drop(s seat) {
	for i, other := range w.idle {
		if other == s {
			w.idle = append(w.idle[:i], w.idle[i+1:]...)
			break
		}
	}
	if p := w.held[s]; p != nil {
		if err := p.Close(); err != nil && w.Quit != nil {
			w.Quit(s.entrant, err)
		}
		delete(w.held, s)
	}
}

func (w *worker) close() {
	for len(w.idle) > 0 {
		w.drop(w.idle[0])
	}
	if w.done != nil {
		_ = w.done() // its verdicts are given
		w.judge, w.done = nil, nil
	}
}

package arena

// Sweeps: models at several temperatures against rated opponents.

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"transcend/elo"
	"transcend/elo/ladder"
	"transcend/elo/leaderboard"
	"transcend/engine/match"
	"transcend/internal/cli"
)

// Opponent is an engine that models are measured against.
type Opponent struct {
	Label, Short string
	New          match.Factory
	// Player is complete once the opponent has been tried.
	Player leaderboard.Player
	Tried  bool
	// Try starts it and learns what it is; it sets the fields above.
	Try    func(context.Context, *Opponent) error
	Anchor elo.Anchor // its rating, where opponents are chosen by it
}

// Contest is a model at one temperature against the opponents.
type Contest struct {
	Label  string
	Player leaderboard.Player
	New    match.Factory
	Total  int // games, at most

	id       int64
	rungs    []*rung // by opponent
	finished bool
}

// rung is a contest's match with one opponent; it is made when it is needed.
type rung struct {
	contest  *Contest
	opponent *Opponent
	match    int64 // 0: not made yet
	outcomes map[int]elo.Outcome
}

// Record is the sum of the outcomes against all opponents.
func (c *Contest) Record() (r elo.Record) {
	for _, g := range c.rungs {
		for _, o := range g.outcomes {
			r.Add(o)
		}
	}
	return r
}

// Against is the number of games with each opponent, by its short name, in their
// order; without those that were not met.
func (c *Contest) Against() (names []string, games []int) {
	for _, r := range c.rungs {
		if n := len(r.outcomes); n > 0 {
			names, games = append(names, r.opponent.Short), append(games, n)
		}
	}
	return names, games
}

// Opponents is how many opponents it may meet.
func (c *Contest) Opponents() int { return len(c.rungs) }

// SweepOptions are everything that a sweep is told.
type SweepOptions struct {
	Contests  []*Contest
	Opponents []*Opponent
	// Even plays Games games against each opponent. Otherwise ladder.Next chooses, for
	// Games games of each contest, or until the interval is Precision to each side.
	Even      bool
	Games     int
	Precision float64
	// BlackFirst plays the games with Black before the others, as the paper did.
	BlackFirst bool

	Protocol string // as leaderboard.Match.Protocol
	Openings *match.Openings
	Limit    match.Control // of the opponents
	Rules    match.Rules
	Seed     uint64
	// Rescore changes the result of a finished game before it is stored; nil: not.
	Rescore              func(*match.Game)
	Retries, Concurrency int

	Show SweepShow
}

// SweepShow is told what happens; each of its functions may be nil.
type SweepShow struct {
	Warn    func(text string) // as in Show
	Resized func(games int)
	// Announced is told before the first game how many are to be played now, how many
	// there were before and how many are missing at most.
	Announced func(now, before, missing int)
	// Begun is told of the contest that is played first, Finished of that of every
	// game that ended, by one goroutine at a time.
	Begun, Finished func(*Contest)
	// Elsewhere is told of every game of the sweep that another arena played.
	Elsewhere func(*Contest)
}

// Sweep is one execution of a sweep.
type Sweep struct {
	o      SweepOptions
	show   Show // of the warnings
	store  *leaderboard.Store
	claims *claims

	rungs    map[int64]*rung // by match
	before   int             // games that were stored when this execution began
	recorded int             // games that this execution stored
}

// NewSweep finds or makes the players in the database, which stays the caller's, and,
// where there is no choice of opponents, their matches. Close the sweep.
func NewSweep(ctx context.Context, store *leaderboard.Store, o SweepOptions) (*Sweep, error) {
	s := &Sweep{o: o, show: Show{Warn: o.Show.Warn, Resized: o.Show.Resized}, store: store, claims: newClaims(store), rungs: map[int64]*rung{}}
	for _, c := range o.Contests {
		var err error
		if c.id, err = store.EnsurePlayer(ctx, c.Player); err != nil {
			return nil, err
		}
		c.Total = o.Games
		if o.Even {
			c.Total *= len(o.Opponents)
		}
		for _, opponent := range o.Opponents {
			r := &rung{contest: c, opponent: opponent}
			c.rungs = append(c.rungs, r)
			// With a choice of opponents, matches are made of those that are chosen.
			if o.Even {
				if err := s.begin(ctx, r); err != nil {
					return nil, err
				}
			}
		}
	}
	return s, s.claims.freeDead(ctx)
}

// Close frees what was claimed and not played.
func (s *Sweep) Close() { s.claims.release() }

// Played is the number of games that the database had when the sweep began, and the
// number that this execution added.
func (s *Sweep) Played() (before, added int) { return s.before, s.recorded }

// Matches are the matches of the sweep, in order.
func (s *Sweep) Matches() []int64 {
	var ids []int64
	for id := range s.rungs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// begin finds or makes a rung's match, and reads what was played of it.
func (s *Sweep) begin(ctx context.Context, r *rung) error {
	if r.match != 0 {
		return nil
	}
	if !r.opponent.Tried {
		if err := r.opponent.Try(ctx, r.opponent); err != nil {
			return err
		}
	}
	opponent, err := s.store.EnsurePlayer(ctx, r.opponent.Player)
	if err != nil {
		return err
	}
	m := leaderboard.Match{
		PlayerID: r.contest.id, OpponentID: opponent, Protocol: s.o.Protocol,
		Openings: s.o.Openings.String(), OpponentLimit: s.o.Limit.String(), MaxPlies: s.o.Rules.MaxPlies,
		Seed: s.o.Seed, Program: cli.Version(),
	}
	if s.o.Rules.NoClaims {
		m.Options = map[string]string{"claims": "none"}
	}
	if r.match, err = s.store.EnsureMatch(ctx, m); err != nil {
		return err
	}
	s.rungs[r.match] = r
	r.outcomes = map[int]elo.Outcome{}
	for g, err := range s.store.Games(ctx, r.match) {
		if err != nil {
			return err
		}
		r.outcomes[g.Slot] = g.Outcome()
		s.before++
	}
	return nil
}

// next returns the games to be played now; none when all are played. The games
// of a contest's later rounds depend on their outcomes.
func (s *Sweep) next(ctx context.Context) ([]match.Task, error) {
	var tasks []match.Task
	for i, c := range s.o.Contests {
		if c.finished {
			continue
		}
		slots, err := s.nextOf(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Label, err)
		}
		c.finished = len(slots) == 0
		for _, slot := range slots {
			tasks = append(tasks, match.Task{Match: c.rungs[slot.Opponent].match, First: i, Second: len(s.o.Contests) + slot.Opponent, Slot: slot.Number})
		}
	}
	return tasks, nil
}

func (s *Sweep) nextOf(ctx context.Context, c *Contest) (slots []ladder.Slot, err error) {
	if s.o.Even {
		for i, r := range c.rungs {
			for _, n := range s.slotOrder() {
				if _, played := r.outcomes[n]; !played {
					slots = append(slots, ladder.Slot{Opponent: i, Number: n})
				}
			}
		}
		return slots, nil
	}
	anchors := make([]elo.Anchor, len(c.rungs))
	for i, r := range c.rungs {
		anchors[i] = r.opponent.Anchor
	}
	var failed error
	slots, end, err := ladder.Next(anchors, ladder.Options{Games: s.o.Games, Precision: s.o.Precision}, func(slot ladder.Slot) (elo.Outcome, bool) {
		if failed == nil {
			failed = s.begin(ctx, c.rungs[slot.Opponent])
		}
		o, ok := c.rungs[slot.Opponent].outcomes[slot.Number]
		return o, ok
	})
	if end == ladder.Precise {
		c.Total = c.Record().Games()
	}
	return slots, errors.Join(err, failed)
}

// slotOrder is the order in which the games against an opponent are played: by
// number, or as in the paper, which played all games with Black first. An engine
// whose hash passes from game to game plays by it.
func (s *Sweep) slotOrder() []int {
	var order, white []int
	for n := range s.o.Games {
		if s.o.BlackFirst && match.White(n) == 0 {
			white = append(white, n)
		} else {
			order = append(order, n)
		}
	}
	return append(order, white...)
}

// Play plays the missing games of every contest. What was played up to an error is
// stored.
func (s *Sweep) Play(ctx context.Context) error {
	tasks, err := s.next(ctx)
	if err != nil {
		return err
	}
	if s.o.Show.Announced != nil {
		missing := -s.before
		for _, c := range s.o.Contests {
			missing += c.Total
		}
		s.o.Show.Announced(len(tasks), s.before, missing)
	}
	if len(tasks) == 0 {
		return nil
	}
	defer s.claims.keep(ctx, s.show)()
	if s.o.Show.Begun != nil {
		s.o.Show.Begun(s.rungs[tasks[0].Match].contest)
	}
	r := s.runner(ctx)
	for len(tasks) > 0 {
		r.Concurrency = s.claims.concurrency(s.o.Concurrency)
		if err := r.Run(ctx, s.claims.sequence(tasks)); err != nil {
			return err
		}
		if tasks, err = s.collect(ctx, tasks); err != nil {
			return err
		}
		if len(tasks) == 0 {
			// Of all games of a round it follows what the next one is.
			if tasks, err = s.next(ctx); err != nil {
				return err
			}
			continue
		}
		// Other arenas are playing these.
		if err := s.claims.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// collect takes in the games of tasks that other arenas have played, and returns the
// tasks without a game.
func (s *Sweep) collect(ctx context.Context, tasks []match.Task) (missing []match.Task, err error) {
	for _, t := range tasks {
		if _, played := s.rungs[t.Match].outcomes[t.Slot]; !played {
			if err := s.elsewhere(ctx, t); err != nil {
				return nil, err
			}
			if _, played := s.rungs[t.Match].outcomes[t.Slot]; !played {
				missing = append(missing, t)
			}
		}
	}
	return missing, nil
}

// elsewhere takes in the game of a slot that another arena has, if it has ended.
func (s *Sweep) elsewhere(ctx context.Context, t match.Task) error {
	rung := s.rungs[t.Match]
	if _, known := rung.outcomes[t.Slot]; known {
		return nil
	}
	g, err := s.store.Game(ctx, t.Match, t.Slot)
	if errors.Is(err, leaderboard.ErrNotFound) {
		s.claims.awaited(t)
		return nil
	}
	if err != nil {
		return err
	}
	rung.outcomes[t.Slot] = g.Outcome()
	if s.o.Show.Elsewhere != nil {
		s.o.Show.Elsewhere(rung.contest)
	}
	return nil
}

// runner makes the runner of the sweep.
func (s *Sweep) runner(ctx context.Context) *match.Runner {
	r := &match.Runner{
		Claim:     func(t match.Task) (bool, error) { return s.claims.claim(ctx, t) },
		Elsewhere: func(t match.Task) error { return s.elsewhere(ctx, t) },
		Left:      s.claims.left, Watch: s.claims.watch,
		Rules: s.o.Rules, Seed: s.o.Seed, Openings: s.o.Openings, Resize: s.claims.wish.changed, Retries: s.o.Retries,
		Record: func(t match.Task, g *match.Game) error { return s.record(ctx, t, g) },
		Void: func(t match.Task, err error) {
			s.show.warnf("%s: game %d against %s is void: %v", s.rungs[t.Match].contest.Label, t.Slot+1, s.rungs[t.Match].opponent.Label, err)
			if err := s.store.RecordVoid(context.WithoutCancel(ctx), voidOf(t.Match, t.Slot, err)); err != nil {
				s.show.warnf("%v", err)
			}
		},
	}
	for _, c := range s.o.Contests {
		r.Entrants = append(r.Entrants, match.Entrant{New: c.New})
	}
	for _, o := range s.o.Opponents {
		// The opponent is an anchor: it must not lose by being broken.
		r.Entrants = append(r.Entrants, match.Entrant{New: o.New, Control: s.o.Limit, IllegalVoids: true})
	}
	return r
}

// record stores a finished game.
func (s *Sweep) record(ctx context.Context, t match.Task, g *match.Game) error {
	if s.o.Rescore != nil {
		s.o.Rescore(g)
	}
	// A game that ended is stored, whatever happens to the context.
	keep := context.WithoutCancel(ctx)
	err := s.store.RecordGame(keep, stored(t.Match, g))
	s.claims.ended(t)
	if errors.Is(err, leaderboard.ErrSlotTaken) {
		return s.elsewhere(keep, t)
	}
	if err != nil {
		return err
	}
	s.recorded++
	rung := s.rungs[t.Match]
	rung.outcomes[t.Slot] = outcome(g)
	if s.o.Show.Finished != nil {
		s.o.Show.Finished(rung.contest)
	}
	return nil
}

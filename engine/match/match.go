package match

import "context"

// Match is a set of game slots between two players: a Runner with one pairing.
type Match struct {
	Players [2]Factory
	Rules   Rules
	Seed    uint64
	// Openings may be nil: the initial position.
	Openings *Openings
	// Slots are the numbers of the games to play.
	Slots       []int
	Concurrency int
	// Retries is how often a voided game is tried again, with both players
	// started anew, before the match is given up.
	Retries int

	// Record stores a finished game. It is called by one goroutine at a time;
	// its error ends the match, ErrStop without an error.
	Record func(*Game) error
	// Void is told of every game that a player's failure ended; may be nil.
	Void func(slot int, err error)
}

// Run plays the slots; see Runner.Run.
func (m *Match) Run(ctx context.Context) error {
	r := Runner{
		Rules: m.Rules, Seed: m.Seed, Openings: m.Openings, Retries: m.Retries,
		Concurrency: min(max(1, m.Concurrency), max(1, len(m.Slots))),
		Record:      func(_ Task, g *Game) error { return m.Record(g) },
	}
	for i, p := range m.Players {
		r.Entrants = append(r.Entrants, Entrant{
			New: p, Control: m.Rules.Controls[i], IllegalVoids: m.Rules.IllegalVoids[i], FailuresLose: m.Rules.FailuresLose[i],
		})
	}
	if m.Void != nil {
		r.Void = func(t Task, err error) { m.Void(t.Slot, err) }
	}
	return r.Run(ctx, func(yield func(Task) bool) {
		for _, slot := range m.Slots {
			if !yield(Task{First: 0, Second: 1, Slot: slot}) {
				return
			}
		}
	})
}

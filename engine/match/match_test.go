package match

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"transcend/engine"
	"transcend/internal/bitboard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scripted plays the given moves, then returns err.
type scripted struct {
	moves []string
	err   error
	seeds []uint64
	next  int
	open  *atomic.Int32
}

func (p *scripted) Name() string            { return "scripted" }
func (p *scripted) Spec() map[string]string { return map[string]string{"kind": "scripted"} }
func (p *scripted) NewGame(_ context.Context, seed uint64) error {
	p.seeds = append(p.seeds, seed)
	p.next = 0
	return nil
}
func (p *scripted) Move(_ context.Context, g *bitboard.Game, _ engine.Limit) (engine.Reply, error) {
	if p.next == len(p.moves) {
		return engine.Reply{Attempts: 5, Illegal: 5}, p.err
	}
	m, err := bitboard.ParseUCI(p.moves[p.next])
	p.next++
	return engine.Reply{Move: m, Attempts: 2, Illegal: 1}, err
}
func (p *scripted) Close() error {
	if p.open != nil {
		p.open.Add(-1)
	}
	return nil
}

func script(err error, moves ...string) *scripted { return &scripted{moves: moves, err: err} }

func TestPlayEndings(t *testing.T) {
	shuffle := func(out, back string, n int) []string {
		var moves []string
		for range n {
			moves = append(moves, out, back)
		}
		return moves
	}
	illegal := &engine.IllegalMoveError{Player: "scripted", Texts: []string{"Ke9", "Qz"}}
	tests := []struct {
		name         string
		white, black *scripted
		rules        Rules
		result       bitboard.Result
		termination  string
		loser        int
		cause        Cause
		plies        int
		void         bool
	}{
		{name: "fool's mate", white: script(nil, "f2f3", "g2g4"), black: script(nil, "e7e5", "d8h4"),
			result: bitboard.BlackWins, termination: bitboard.Checkmate.String(), loser: 0, cause: CauseBoard, plies: 4},
		{name: "no legal move found", white: script(nil, "e2e4", "d2d4"), black: script(illegal, "e7e5"),
			result: bitboard.WhiteWins, termination: TerminationIllegal, loser: 1, cause: CauseIllegal, plies: 3},
		{name: "illegal move of an anchor", white: script(nil, "e2e4"), black: script(illegal),
			rules: Rules{IllegalVoids: [2]bool{false, true}}, void: true},
		{name: "context full", white: script(fmt.Errorf("model: %w", engine.ErrContextFull), "e2e4"), black: script(nil, "e7e5"),
			result: bitboard.BlackWins, termination: TerminationContext, loser: 0, cause: CauseLength, plies: 2},
		{name: "resignation", white: script(engine.ErrResigned), black: script(nil),
			result: bitboard.BlackWins, termination: TerminationResigned, loser: 0, cause: CauseResign},
		{name: "crash", white: script(&engine.CrashError{Player: "x"}), black: script(nil), void: true},
		{name: "stall", white: script(nil, "e2e4"), black: script(&engine.TimeoutError{Stalled: true}), void: true},
		{name: "a lie about legality", white: script(nil, "e2e5"), black: script(nil), void: true},
		{name: "threefold repetition", white: script(nil, shuffle("g1f3", "f3g1", 9)...), black: script(nil, shuffle("g8f6", "f6g8", 9)...),
			result: bitboard.Draw, termination: bitboard.ThreefoldRepetition.String(), loser: -1, plies: 8},
		{name: "threefold not claimed", white: script(nil, shuffle("g1f3", "f3g1", 9)...), black: script(nil, shuffle("g8f6", "f6g8", 9)...),
			rules: Rules{NoClaims: true}, result: bitboard.Draw, termination: bitboard.FivefoldRepetition.String(), loser: -1, plies: 16},
		{name: "length", white: script(nil, "e2e4", "d2d4"), black: script(nil, "e7e5", "d7d5"),
			rules: Rules{MaxPlies: 3}, result: bitboard.Draw, termination: TerminationLength, loser: -1, plies: 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, err := Play(context.Background(), [2]engine.Player{tt.white, tt.black}, 0, 1, Opening{}, tt.rules)
			if tt.void {
				var failure *PlayerError
				if !errors.As(err, &failure) {
					t.Fatalf("error = %v, want a void game", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if g.Result != tt.result || g.Termination != tt.termination || g.Loser != tt.loser || g.Cause != tt.cause || len(g.Moves) != tt.plies {
				t.Errorf("got %v %q loser %d cause %q plies %d", g.Result, g.Termination, g.Loser, g.Cause, len(g.Moves))
			}
			if tt.cause == CauseIllegal && !slices.Equal(g.IllegalTexts, illegal.Texts) {
				t.Errorf("illegal texts = %q", g.IllegalTexts)
			}
			for i, p := range []*scripted{tt.white, tt.black} {
				want := Tries{Moves: p.next, Attempts: 2 * p.next, Illegal: p.next}
				if g.Loser == i && g.Cause != CauseBoard {
					want = Tries{p.next + 1, 2*p.next + 5, p.next + 5}
				}
				if g.Tries[i] != want {
					t.Errorf("tries of player %d = %+v, want %+v", i, g.Tries[i], want)
				}
			}
		})
	}
}

func TestPlayersGetDifferentSeeds(t *testing.T) {
	a, b := script(engine.ErrResigned), script(engine.ErrResigned)
	for seed := range uint64(3) {
		if _, err := Play(context.Background(), [2]engine.Player{a, b}, 0, seed, Opening{}, Rules{}); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[uint64]bool{}
	for _, s := range append(a.seeds, b.seeds...) {
		if seen[s] {
			t.Errorf("seed %d was given twice", s)
		}
		seen[s] = true
	}
}

// randomMatch is a match between two random movers; games collects them.
func randomMatch(slots []int, games map[int]*Game) *pairing {
	factory := func(context.Context) (engine.Player, error) { return engine.NewRandomPlayer(), nil }
	return &pairing{
		Players: [2]Factory{factory, factory}, Rules: Rules{MaxPlies: 60}, Seed: 9, Slots: slots, Concurrency: 3,
		Record: func(g *Game) error { games[g.Slot] = g; return nil },
	}
}

func TestSlotsGiveTheSameGamesInAnyPortion(t *testing.T) {
	whole := map[int]*Game{}
	if err := randomMatch([]int{0, 1, 2, 3, 4, 5, 6, 7}, whole).Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	portions := map[int]*Game{}
	for _, slots := range [][]int{{7, 2}, {0}, {6, 5, 4}, {1, 3}} {
		if err := randomMatch(slots, portions).Run(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	distinct := map[string]bool{}
	for slot, g := range whole {
		p := portions[slot]
		if p == nil || !slices.Equal(p.Moves, g.Moves) || p.White != g.White {
			t.Errorf("slot %d differs when it is played in another portion", slot)
		}
		if g.White != slot%2 {
			t.Errorf("slot %d: player %d has White", slot, g.White)
		}
		distinct[fmt.Sprint(g.Moves)] = true
	}
	if len(distinct) != 8 {
		t.Errorf("%d different games in 8 slots", len(distinct))
	}
}

func TestVoidGamesAreTriedAgainWithNewPlayers(t *testing.T) {
	var open atomic.Int32
	var mu sync.Mutex
	made, voids := 0, 0
	factory := func(p *scripted) Factory {
		return func(context.Context) (engine.Player, error) {
			mu.Lock()
			defer mu.Unlock()
			open.Add(1)
			q := *p
			q.open = &open
			if p.err != nil {
				made++
				if made == 3 { // healthy the third time
					q.err = engine.ErrResigned
				}
			}
			return &q, nil
		}
	}
	crash := &engine.CrashError{Player: "x"}
	var recorded []*Game
	m := &pairing{
		Players: [2]Factory{factory(script(crash)), factory(script(nil, "e7e5"))},
		Slots:   []int{4}, Concurrency: 2, Retries: 2,
		Record: func(g *Game) error { recorded = append(recorded, g); return nil },
		Void:   func(int, error) { voids++ },
	}
	if err := m.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(recorded) != 1 || recorded[0].Slot != 4 || voids != 2 {
		t.Errorf("%d games recorded, %d voids; want 1 and 2", len(recorded), voids)
	}
	made = -100 // never healthy
	err := m.Run(context.Background())
	var got *engine.CrashError
	if !errors.As(err, &got) {
		t.Errorf("error after all tries = %v, want the crash", err)
	}
	if n := open.Load(); n != 0 {
		t.Errorf("%d players were left open", n)
	}
}

func TestRunStops(t *testing.T) {
	full := errors.New("disk full")
	m := randomMatch([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, nil)
	n := 0
	m.Record = func(*Game) error {
		if n++; n == 3 {
			return full
		}
		return nil
	}
	if err := m.Run(context.Background()); !errors.Is(err, full) || n != 3 {
		t.Errorf("error = %v after %d games, want disk full after 3", err, n)
	}
	// An interrupted program's context has a cause of its own.
	ctx, cancel := context.WithCancelCause(context.Background())
	n = 0
	m.Record = func(*Game) error {
		if n++; n == 2 {
			cancel(errors.New("interrupt signal received"))
		}
		return nil
	}
	if err := m.Run(ctx); !errors.Is(err, context.Canceled) || n != 2 {
		t.Errorf("error = %v after %d games, want canceled after 2", err, n)
	}
}

// waiting is a player whose game lasts until it is let go.
type waiting struct {
	*scripted
	playing *atomic.Int32
	begun   chan struct{}
	end     chan struct{}
}

func (p waiting) Move(ctx context.Context, _ *bitboard.Game, _ engine.Limit) (engine.Reply, error) {
	p.playing.Add(1)
	defer p.playing.Add(-1)
	p.begun <- struct{}{}
	select {
	case <-p.end:
		return engine.Reply{}, engine.ErrResigned
	case <-ctx.Done():
		return engine.Reply{}, ctx.Err()
	}
}

// TestResize: more games at once begin when more are asked for, and when fewer are,
// each worker that is too many ends with its game.
func TestResize(t *testing.T) {
	var playing, open atomic.Int32
	begun, end, resize := make(chan struct{}), make(chan struct{}), make(chan int)
	entrant := Entrant{New: func(context.Context) (engine.Player, error) {
		open.Add(1)
		return waiting{&scripted{open: &open}, &playing, begun, end}, nil
	}}
	var tasks []Task
	for slot := range 40 {
		tasks = append(tasks, Task{1, 0, 1, slot})
	}
	var recorded atomic.Int32
	r := Runner{Entrants: []Entrant{entrant, entrant}, Concurrency: 1, Resize: resize, Elsewhere: func(Task) error { t.Error("nothing is elsewhere"); return nil },
		Record: func(Task, *Game) error { recorded.Add(1); return nil }}
	done := make(chan error)
	go func() { done <- r.Run(t.Context(), slices.Values(tasks)) }()
	<-begun
	resize <- 3
	<-begun
	<-begun
	if n := playing.Load(); n != 3 {
		t.Fatalf("%d games at once, want 3", n)
	}
	resize <- 1
	resize <- 1   // taken when the one before has been carried out
	for range 3 { // one of them begins another
		end <- struct{}{}
	}
	<-begun
	select {
	case <-begun:
		t.Fatal("two games at once, want 1")
	default:
	}
	resize <- 2
	<-begun
	go func() {
		for range begun {
		}
	}()
	for range 37 {
		end <- struct{}{}
	}
	if err := <-done; err != nil || recorded.Load() != 40 || open.Load() != 0 {
		t.Errorf("%v, %d games, %d players left", err, recorded.Load(), open.Load())
	}
	close(begun)
}

// TestElsewhere: games that others have are left out, and told one at a time; what
// is made of them may end the run.
func TestElsewhere(t *testing.T) {
	entrant := Entrant{New: func(context.Context) (engine.Player, error) { return script(engine.ErrResigned), nil }}
	var tasks []Task
	for slot := range 30 {
		tasks = append(tasks, Task{1, 0, 1, slot})
	}
	played, left := 0, 0
	r := Runner{Entrants: []Entrant{entrant, entrant}, Concurrency: 3,
		Claim:     func(t Task) (bool, error) { return t.Slot%3 != 0, nil },
		Elsewhere: func(Task) error { left++; return nil },
		Record:    func(Task, *Game) error { played++; return nil }}
	if err := r.Run(t.Context(), slices.Values(tasks)); err != nil || played != 20 || left != 10 {
		t.Errorf("%v, %d played, %d left", err, played, left)
	}
	left = 0
	r.Elsewhere = func(Task) error { left++; return ErrStop }
	if err := r.Run(t.Context(), slices.Values(tasks)); err != nil || left != 1 {
		t.Errorf("%v, %d left", err, left)
	}
}

// pairing is a set of game slots between two players: a Runner with one pairing.
type pairing struct {
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
func (m *pairing) Run(ctx context.Context) error {
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

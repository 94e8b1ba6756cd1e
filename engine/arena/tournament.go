// Package arena plays games into a leaderboard's database: a Tournament of engines and
// models, or a Sweep of models over temperatures (Contest) against an engine's levels or
// simulated players (Opponent). What is to be played follows from the schedule and from the
// games that the database has, and from nothing else: an arena that was killed goes on where it
// was, and several of them share the work by claiming slots.
//
// What happens is told to functions of Show and SweepShow. The games of a database are
// written by WritePGN; AskConcurrency reaches the arenas that play into it now.
package arena

// Tournaments.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"transcend/elo"
	"transcend/elo/leaderboard"
	"transcend/elo/sprt"
	"transcend/engine/match"
	"transcend/internal/cli"
)

// Entrant is a player of a tournament.
type Entrant struct {
	match.Entrant
	Name   string             // in this tournament
	Limit  string             // as leaderboard.Match.PlayerLimit
	Player leaderboard.Player // ID is filled in
	// KnowsRules says that its illegal moves are failures: it is an engine, and not a
	// model that was never told the rules.
	KnowsRules bool
}

// TournamentOptions are everything that a tournament is told.
type TournamentOptions struct {
	Name     string // "" is made of the entrants' names
	Kind     leaderboard.TournamentKind
	Entrants []Entrant
	Rounds   int
	Games    int // a pairing and round
	Seeds    int // of a gauntlet
	Config   json.RawMessage

	Openings *match.Openings
	NoPairs  bool // a new opening for every game
	Seed     uint64
	Rules    match.Rules // of all games
	// Judge decides games that reach the maximum of plies; JudgeName is what it is
	// part of the games' identity by. Both may be absent.
	Judge     func(context.Context) (match.Judge, func() error, error)
	JudgeName string
	SPRT      *sprt.Test // nil: none
	// Recover goes on after a crash, a stall or an answer that is not UCI.
	Recover     bool
	Retries     int
	Concurrency int
	// MaxConcurrency bounds what may be asked for while it runs; 0: any number.
	MaxConcurrency int

	PGN string // file for the games, each when it ends; "" for none

	Show Show
}

// Show is told what happens; each of its functions may be nil.
type Show struct {
	// Announced is told once how many games are missing, and how many were played
	// before.
	Announced func(missing, before int)
	// Finished is told of every game of this execution when it is stored, by one
	// goroutine at a time.
	Finished func(Result)
	// Warn is told what the user should know, by several goroutines, and Resized of the
	// number of games at once when another one was asked for.
	Warn    func(text string)
	Resized func(games int)
}

func (s Show) warnf(format string, args ...any) {
	if s.Warn != nil {
		s.Warn(fmt.Sprintf(format, args...))
	}
}

// Tournament is one execution of a tournament.
type Tournament struct {
	o     TournamentOptions
	store *leaderboard.Store
	id    int64

	matches  map[[2]int]int64 // by seats
	pairings []match.Pairing  // so far
	wanted   int              // games in them
	results  []Result         // finished games, as they came
	slots    map[slotKey]int  // index into results
	test     *slotTest        // nil without SPRT
	// failed counts void games, failedAtQuit the engines that failed when they were
	// told to end, by the name of who failed.
	failed, failedAtQuit map[string]int

	pgn *pgnFile
	new int // games finished by this execution

	mu     sync.Mutex // guards failed and failedAtQuit
	claims *claims
}

// Result is what tables need of a finished game.
type Result struct {
	slotKey
	First, Second int // seats
	Outcome       elo.Outcome
	FirstWhite    bool
	Termination   string
	Plies         int
	Error         string

	firstCause, secondCause leaderboard.LossCause
	latency                 [2]time.Duration
}

// Slot is the game's number in its match.
func (r *Result) Slot() int { return r.slot }

// NewTournament finds or makes the tournament and its players in the database, which
// stays the caller's. Close the tournament.
func NewTournament(ctx context.Context, store *leaderboard.Store, o TournamentOptions) (*Tournament, error) {
	t := &Tournament{
		o: o, store: store, claims: newClaims(store),
		matches: map[[2]int]int64{}, slots: map[slotKey]int{}, failed: map[string]int{}, failedAtQuit: map[string]int{},
	}
	t.o.Entrants = slices.Clone(o.Entrants)
	if o.SPRT != nil {
		run, err := sprt.NewRun(*o.SPRT)
		if err != nil {
			return nil, err
		}
		t.test = &slotTest{run: run, single: o.NoPairs, outcomes: map[slotKey]elo.Outcome{}}
	}
	if err := t.register(ctx); err != nil {
		return nil, err
	}
	return t, t.claims.freeDead(ctx)
}

// Close frees what was claimed and not played, and closes the file of games.
func (t *Tournament) Close() {
	t.claims.release()
	if t.pgn != nil {
		t.pgn.close()
	}
}

// Played is the number of finished games, Wanted that of all so far scheduled.
func (t *Tournament) Played() int { return len(t.results) }
func (t *Tournament) Wanted() int { return t.wanted }

// New is the number of games that this execution finished.
func (t *Tournament) New() int { return t.new }

// register finds or makes the tournament and its players.
func (t *Tournament) register(ctx context.Context) error {
	lt := leaderboard.Tournament{
		Name: t.o.Name, Kind: t.o.Kind, Seed: t.o.Seed, Config: t.o.Config, Program: cli.Version(),
		Identity: map[string]string{"openings": t.o.Openings.String(), "rules": fmt.Sprint(t.conditions())},
	}
	if lt.Name == "" {
		lt.Name = t.o.Entrants[0].Name + " and others"
		if len(t.o.Entrants) == 2 {
			lt.Name = t.o.Entrants[0].Name + " against " + t.o.Entrants[1].Name
		}
	}
	switch t.o.Kind {
	case leaderboard.Swiss: // its pairings depend on the number of games
		lt.Identity["games"] = fmt.Sprint(t.o.Games)
	case leaderboard.Gauntlet:
		lt.Identity["seeds"] = fmt.Sprint(t.o.Seeds)
	}
	var err error
	for i := range t.o.Entrants {
		e := &t.o.Entrants[i]
		if e.Player.ID, err = t.store.EnsurePlayer(ctx, e.Player); err != nil {
			return err
		}
		lt.Entrants = append(lt.Entrants, leaderboard.Entrant{PlayerID: e.Player.ID, Name: e.Name, Limit: e.Limit})
	}
	t.id, err = t.store.EnsureTournament(ctx, lt)
	return err
}

// conditions are what a match's identity holds of the rules beside its columns.
func (t *Tournament) conditions() map[string]string {
	options := map[string]string{"failures": "lose"}
	if t.o.Rules.NoClaims {
		options["claims"] = "none"
	}
	if t.o.JudgeName != "" {
		options["judge"] = t.o.JudgeName
	}
	for key, text := range map[string]string{"resign": t.o.Rules.Resign.String(), "draw": t.o.Rules.Draw.String()} {
		if text != "" {
			options[key] = text
		}
	}
	return options
}

// matchID finds or makes the match of two seats.
func (t *Tournament) matchID(ctx context.Context, first, second int) (int64, error) {
	if id, ok := t.matches[[2]int{first, second}]; ok {
		return id, nil
	}
	a, b := &t.o.Entrants[first], &t.o.Entrants[second]
	m := leaderboard.Match{
		PlayerID: a.Player.ID, OpponentID: b.Player.ID, PlayerLimit: a.Limit, OpponentLimit: b.Limit,
		Protocol: "match", Openings: t.o.Openings.String(), MaxPlies: t.o.Rules.MaxPlies, Seed: t.o.Seed, Program: cli.Version(), Options: t.conditions(),
	}
	m.Adjudication = join(t.o.Rules.Resign.String(), t.o.Rules.Draw.String())
	delete(m.Options, "resign")
	delete(m.Options, "draw")
	// Several seats may have the same player, to see what chance does; their
	// matches are not one.
	if t.hasTwin(first) || t.hasTwin(second) {
		m.Options["entrants"] = a.Name + " and " + b.Name
	}
	id, err := t.store.EnsureMatch(ctx, m)
	if err != nil {
		return 0, err
	}
	t.matches[[2]int{first, second}] = id
	return id, nil
}

func join(parts ...string) string {
	out := ""
	for _, p := range parts {
		if p != "" && out != "" {
			out += ", "
		}
		out += p
	}
	return out
}

func (t *Tournament) hasTwin(seat int) bool {
	for i, e := range t.o.Entrants {
		if o := t.o.Entrants[seat]; i != seat && e.Player.ID == o.Player.ID && e.Limit == o.Limit {
			return true
		}
	}
	return false
}

// Play plays what is missing. It ends with the context's error, or without one when
// the schedule or the test is through. What was played up to an error is stored.
func (t *Tournament) Play(ctx context.Context) error {
	if t.o.PGN != "" {
		var err error
		if t.pgn, err = newPGNFile(t.o.PGN); err != nil {
			return err
		}
	}
	t.claims.wish.most = t.o.MaxConcurrency
	defer t.claims.keep(ctx, t.o.Show)()
	n := len(t.o.Entrants)
	switch t.o.Kind {
	case leaderboard.RoundRobin:
		return t.playPairings(ctx, match.RoundRobin(n, t.o.Rounds, t.o.Games))
	case leaderboard.Gauntlet:
		return t.playPairings(ctx, match.Gauntlet(n, t.o.Seeds, t.o.Rounds, t.o.Games))
	}
	for round := range t.o.Rounds {
		pairings, err := match.SwissRound(n, round, t.o.Games, t.pairings, t.scores())
		if err != nil {
			return err
		}
		if err := t.playPairings(ctx, pairings); err != nil {
			return err
		}
	}
	return nil
}

// scores are the points of the pairings played so far.
func (t *Tournament) scores() match.SwissScores {
	scores := match.SwissScores{}
	for _, p := range t.pairings {
		if p.Second < 0 {
			continue
		}
		var sum [2]float64
		for _, slot := range p.Slots() {
			if i, ok := t.slots[slotKey{t.matches[[2]int{p.First, p.Second}], slot}]; ok {
				points := t.results[i].Outcome.Points()
				sum[0] += points
				sum[1] += 1 - points
			}
		}
		scores[p] = sum
	}
	return scores
}

// playPairings plays the missing games of some rounds to their end.
func (t *Tournament) playPairings(ctx context.Context, pairings []match.Pairing) error {
	t.pairings = append(t.pairings, pairings...)
	tasks, err := t.tasks(ctx, pairings)
	if err != nil {
		return err
	}
	if t.pgn != nil {
		if err := t.pgn.publish(); err != nil {
			return err
		}
	}
	if t.new == 0 && t.o.Show.Announced != nil {
		t.o.Show.Announced(len(tasks), t.wanted-len(tasks))
	}
	if t.decided() || len(tasks) == 0 {
		return nil
	}
	r := t.runner(ctx)
	for {
		r.Concurrency = t.claims.concurrency(t.o.Concurrency)
		if err := r.Run(ctx, t.claims.sequence(tasks)); err != nil || t.decided() {
			return err
		}
		// What other arenas are playing is awaited, or played here if they died.
		if tasks, err = t.missing(ctx, tasks); err != nil || len(tasks) == 0 {
			return err
		}
		if err := t.claims.wait(ctx); err != nil {
			return err
		}
	}
}

// tasks registers pairings, reads the games that they have already and returns
// those that are missing.
func (t *Tournament) tasks(ctx context.Context, pairings []match.Pairing) ([]match.Task, error) {
	var all []match.Task
	byRound := map[int][]leaderboard.Pairing{}
	for _, p := range pairings {
		lp := leaderboard.Pairing{Round: p.Round, Board: p.Board, First: p.First, Second: p.Second, FirstSlot: p.FirstSlot, Games: p.Games}
		if p.Second >= 0 {
			var err error
			if lp.MatchID, err = t.matchID(ctx, p.First, p.Second); err != nil {
				return nil, err
			}
		}
		byRound[p.Round] = append(byRound[p.Round], lp)
		for _, slot := range p.Slots() {
			all = append(all, match.Task{Match: lp.MatchID, First: p.First, Second: p.Second, Slot: slot})
		}
	}
	for round, ps := range byRound {
		if err := t.store.SetPairings(ctx, t.id, round, ps); err != nil {
			return nil, err
		}
	}
	t.wanted += len(all)
	if t.test != nil {
		for _, task := range all {
			t.test.schedule(slotKey{task.Match, task.Slot})
		}
	}
	return t.missing(ctx, all)
}

// missing returns those of the tasks that have no game, and takes in the games
// of the others.
func (t *Tournament) missing(ctx context.Context, tasks []match.Task) ([]match.Task, error) {
	wanted := map[slotKey]match.Task{}
	var ids []int64
	for _, task := range tasks {
		key := slotKey{task.Match, task.Slot}
		if _, known := t.slots[key]; !known {
			wanted[key] = task
			if !slices.Contains(ids, task.Match) {
				ids = append(ids, task.Match)
			}
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	for g, err := range t.store.Games(ctx, ids...) {
		if err != nil {
			return nil, err
		}
		if task, ok := wanted[slotKey{g.MatchID, g.Slot}]; ok {
			if err := t.take(task, g); err != nil {
				return nil, err
			}
			delete(wanted, slotKey{g.MatchID, g.Slot})
		}
	}
	left := make([]match.Task, 0, len(wanted))
	for _, task := range tasks {
		if _, ok := wanted[slotKey{task.Match, task.Slot}]; ok {
			left = append(left, task)
		}
	}
	return left, nil
}

// take counts a stored game.
func (t *Tournament) take(task match.Task, g leaderboard.Game) error {
	r := Result{
		slotKey: slotKey{g.MatchID, g.Slot}, First: task.First, Second: task.Second, Outcome: g.Outcome(),
		firstCause: g.LossCause, secondCause: g.OpponentCause, FirstWhite: g.PlayerWhite, Termination: g.Termination,
		Plies: len(g.Moves), Error: g.Error,
	}
	var details struct {
		Latency [2]int64 `json:"latency_us"`
	}
	if len(g.Details) > 0 && json.Unmarshal(g.Details, &details) == nil {
		for i, us := range details.Latency {
			r.latency[i] = time.Duration(us) * time.Microsecond
		}
	}
	t.slots[r.slotKey] = len(t.results)
	t.results = append(t.results, r)
	if t.test != nil {
		t.test.add(r.slotKey, r.Outcome)
	}
	if t.pgn == nil {
		return nil
	}
	white, black := t.o.Entrants[task.First].Name, t.o.Entrants[task.Second].Name
	if !g.PlayerWhite {
		white, black = black, white
	}
	return t.pgn.write(g, white, black)
}

// decided says whether the test is over.
func (t *Tournament) decided() bool {
	return t.test != nil && t.test.run.Status().Decision != sprt.Continue
}

// runner makes the runner of the tournament.
func (t *Tournament) runner(ctx context.Context) *match.Runner {
	r := &match.Runner{
		Rules: t.o.Rules, Judge: t.o.Judge, Seed: t.o.Seed, Openings: t.o.Openings, Resize: t.claims.wish.changed, Retries: t.o.Retries,
		Claim:     func(task match.Task) (bool, error) { return t.claims.claim(ctx, task) },
		Elsewhere: func(task match.Task) error { return t.elsewhere(ctx, task) },
		Left:      t.claims.left, Watch: t.claims.watch,
		Record: func(task match.Task, g *match.Game) error { return t.record(ctx, task, g) },
		Void:   func(task match.Task, err error) { t.void(ctx, task, err) },
		Quit: func(entrant int, err error) {
			t.mu.Lock()
			t.failedAtQuit[t.o.Entrants[entrant].Name]++
			t.mu.Unlock()
			t.o.Show.warnf("%v", err)
		},
	}
	for _, e := range t.o.Entrants {
		r.Entrants = append(r.Entrants, e.Entrant)
	}
	return r
}

// engineFailure ends a match without --recover.
type engineFailure struct {
	name string
	err  error
}

func (e *engineFailure) Error() string { return fmt.Sprintf("%s failed: %v", e.name, e.err) }
func (e *engineFailure) Unwrap() error { return e.err }
func (e *engineFailure) Hint() string {
	return "the game is stored as lost, with what the engine wrote to standard error; --recover starts the engine again and goes on"
}

// elsewhere takes in the game of a slot that another arena has, if it has ended: a
// test must not wait for it until all others are played.
func (t *Tournament) elsewhere(ctx context.Context, task match.Task) error {
	if _, known := t.slots[slotKey{task.Match, task.Slot}]; known {
		return nil
	}
	g, err := t.store.Game(ctx, task.Match, task.Slot)
	if errors.Is(err, leaderboard.ErrNotFound) {
		t.claims.awaited(task)
		return nil
	}
	if err != nil {
		return err
	}
	if err := t.take(task, g); err != nil || !t.decided() {
		return err
	}
	return match.ErrStop
}

// record stores a finished game.
func (t *Tournament) record(ctx context.Context, task match.Task, g *match.Game) error {
	game := stored(task.Match, g)
	// A game that ended is stored, whatever happens to the context.
	err := t.store.RecordGame(context.WithoutCancel(ctx), game)
	t.claims.ended(task)
	if errors.Is(err, leaderboard.ErrSlotTaken) {
		return t.elsewhere(context.WithoutCancel(ctx), task)
	}
	if err != nil {
		return err
	}
	if err := t.take(task, game); err != nil {
		return err
	}
	t.new++
	if t.o.Show.Finished != nil {
		t.o.Show.Finished(t.results[len(t.results)-1])
	}
	switch {
	case t.decided():
		return match.ErrStop
	case !t.o.Recover && (g.Cause == match.CauseCrash || g.Cause == match.CauseStall || g.Cause == match.CauseProtocol):
		return &engineFailure{t.o.Entrants[[2]int{task.First, task.Second}[g.Loser]].Name, g.Err}
	}
	return nil
}

// void stores a game that could not be begun, or not be ended.
func (t *Tournament) void(ctx context.Context, task match.Task, err error) {
	v := voidOf(task.Match, task.Slot, err)
	name := ""
	switch v.By {
	case leaderboard.ByPlayer:
		name = t.o.Entrants[task.First].Name
	case leaderboard.ByOpponent:
		name = t.o.Entrants[task.Second].Name
	}
	t.mu.Lock()
	t.failed[name]++
	t.mu.Unlock()
	t.o.Show.warnf("game %d of %s against %s is void: %v", task.Slot+1, t.o.Entrants[task.First].Name, t.o.Entrants[task.Second].Name, err)
	if err := t.store.RecordVoid(context.WithoutCancel(ctx), v); err != nil {
		t.o.Show.warnf("%v", err)
	}
}

// Failures is the error of a tournament in which engines failed.
func (t *Tournament) Failures() error {
	var names []string
	total := 0
	count := func(seat int, cause leaderboard.LossCause) {
		switch cause {
		case leaderboard.LostIllegal:
			if !t.o.Entrants[seat].KnowsRules {
				return
			}
		case leaderboard.LostCrash, leaderboard.LostStall, leaderboard.LostFormat:
		default:
			return
		}
		total++
		if name := t.o.Entrants[seat].Name; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, r := range t.results {
		count(r.First, r.firstCause)
		count(r.Second, r.secondCause)
	}
	for _, e := range t.o.Entrants {
		if n := t.voidsOf(e.Name); n > 0 {
			total += n
			if !slices.Contains(names, e.Name) {
				names = append(names, e.Name)
			}
		}
	}
	if total > 0 {
		return cli.WithHint(fmt.Errorf("engines failed in %d games: %s", total, strings.Join(names, ", ")),
			"the table counts what happened; the database has each game with the engine's last words")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.failedAtQuit) > 0 {
		return fmt.Errorf("engines failed when they were told to quit: %s; their games stand", strings.Join(slices.Sorted(maps.Keys(t.failedAtQuit)), ", "))
	}
	return nil
}

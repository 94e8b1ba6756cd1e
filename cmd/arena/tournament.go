package main

// Playing a tournament: schedule, slots, the database.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"gonum.org/v1/gonum/blas/blas32"

	"transcend/elo"
	"transcend/elo/leaderboard"
	"transcend/elo/sprt"
	"transcend/engine"
	"transcend/engine/match"
	"transcend/internal/cli"
	"transcend/model/blas"
)

// sprtTest is the test that --sprt asks for.
type sprtTest = sprt.Test

func parseSPRT(text string) (*sprtTest, error) {
	t, err := sprt.Parse(text)
	return &t, err
}

// tournament is one execution of "arena match".
type tournament struct {
	*matchSettings
	stderr   io.Writer
	store    *leaderboard.Store
	traffic  *trafficLog
	openings *match.Openings
	entrants []*entrant
	workerN  int
	id       int64
	arena    string // this process, in the table of games in play

	matches  map[[2]int]int64 // by seats
	pairings []match.Pairing  // so far
	wanted   int              // games in them
	results  []result         // finished games, as they came
	slots    map[slotKey]int  // index into results
	test     *sprt.Run        // nil without --sprt
	// failed counts void games, failedAtQuit the engines that failed when they were
	// told to end, by the name of who failed.
	failed, failedAtQuit map[string]int

	pgn   *pgnFile
	block *cli.Block
	began time.Time
	drawn time.Time // when the live table was
	new   int       // games finished by this execution

	mu   sync.Mutex // guards failed and failedAtQuit
	live *inPlay
}

type slotKey struct {
	match int64
	slot  int
}

// result is what the tables need of a finished game.
type result struct {
	slotKey
	first, second  int // seats
	outcome        elo.Outcome
	firstCause     leaderboard.LossCause
	secondCause    leaderboard.LossCause
	firstWhite     bool
	termination    string
	latency        [2]time.Duration
	elapsed        time.Duration
	plies          int
	opening, error string
}

// newTournament prepares everything that can fail before a game is played.
func newTournament(ctx context.Context, s *matchSettings, stderr io.Writer) (_ *tournament, err error) {
	t := &tournament{
		matchSettings: s, stderr: stderr, began: time.Now(), arena: arenaName(),
		matches: map[[2]int]int64{}, slots: map[slotKey]int{}, failed: map[string]int{}, failedAtQuit: map[string]int{},
	}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	progress := stderr
	if s.quiet {
		progress = io.Discard
	}
	t.block = cli.NewBlock(progress)
	workers, warning, err := s.workers()
	if err != nil {
		return nil, err
	}
	if warning != "" {
		t.warnf("%s", warning)
	}
	t.workerN = workers
	if t.openings, err = s.openings(); err != nil {
		return nil, err
	}
	if t.Log != "" {
		if t.traffic, err = newTrafficLog(t.Log); err != nil {
			return nil, err
		}
	}
	if err := t.makeEntrants(ctx); err != nil {
		return nil, err
	}
	if t.store, err = leaderboard.Open(t.DB); err != nil {
		return nil, err
	}
	t.live = newInPlay(t.store, t.arena)
	if err := t.register(ctx); err != nil {
		return nil, err
	}
	if err := t.freeDead(ctx); err != nil {
		return nil, err
	}
	if s.sprt != nil {
		if t.test, err = sprt.NewRun(*s.sprt); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// arenaName tells this process from all others.
func arenaName() string {
	host, _ := os.Hostname() // an empty one will do
	return fmt.Sprintf("%s %d %08x", host, os.Getpid(), rand.Uint32())
}

// freeDead frees the slots that arenas of this machine claimed and cannot play any
// more, because they were killed; those of other machines become stale.
func (t *tournament) freeDead(ctx context.Context) error {
	games, err := t.store.Live(ctx)
	if err != nil {
		return err
	}
	host, _ := os.Hostname() // as in arenaName
	freed := map[string]bool{t.arena: true}
	for _, g := range games {
		rest, ours := strings.CutPrefix(g.Arena, host+" ")
		number, _, _ := strings.Cut(rest, " ")
		pid, err := strconv.Atoi(number)
		if !ours || err != nil || freed[g.Arena] || isAlive(pid) {
			continue
		}
		freed[g.Arena] = true
		if err := t.store.Release(ctx, g.Arena, 0, 0); err != nil {
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

func (t *tournament) close() {
	if t.block != nil {
		t.block.Close()
	}
	if t.store != nil {
		// What was claimed and not played is free for others at once.
		_ = t.store.Release(context.Background(), t.arena, 0, 0)
		t.store.Close()
	}
	if t.pgn != nil {
		t.pgn.close()
	}
	if t.traffic != nil {
		t.traffic.close()
	}
}

// warnf writes a warning above the live lines, and also when progress is not
// shown.
func (t *tournament) warnf(format string, args ...any) {
	text := "warning: " + fmt.Sprintf(format, args...)
	if t.quiet {
		t.mu.Lock() // the workers warn
		defer t.mu.Unlock()
		fmt.Fprintln(t.stderr, text)
		return
	}
	t.block.Printf("%s", text)
}

// makeEntrants makes and tries every player.
func (t *tournament) makeEntrants(ctx context.Context) error {
	m := &makers{limits: t.processLimits(), traffic: t.traffic}
	if threads := t.threads(); len(t.cores) > 0 {
		m.cpus = func(worker int) []int { return t.cores[worker*threads : (worker+1)*threads] }
	}
	names := map[string]int{}
	for _, config := range t.Engines {
		if config.Model != "" {
			if !t.openings.Blindfold() {
				return cli.WithHint(cli.Usagef("%s: models know a position by its moves alone, and these openings set positions up", config.label()), "--openings builtin, or a PGN file")
			}
			kernels, err := blas.New(blas.Options{})
			if err != nil {
				return err
			}
			blas32.Use(kernels)
		}
		e, err := m.entrant(ctx, config)
		if err != nil {
			return err
		}
		if names[e.name]++; names[e.name] > 1 {
			if config.Name != "" {
				return cli.Usagef("two players are named %q", e.name)
			}
			e.name = fmt.Sprintf("%s #%d", e.name, names[e.name])
		}
		t.entrants = append(t.entrants, e)
	}
	return nil
}

// register finds or makes the tournament and its players.
func (t *tournament) register(ctx context.Context) error {
	config, err := json.Marshal(t.matchConfig)
	if err != nil {
		return err
	}
	lt := leaderboard.Tournament{
		Name: t.Name, Kind: leaderboard.TournamentKind(t.Tournament), Seed: t.Seed, Config: config, Program: cli.Version(),
		Identity: map[string]string{"openings": t.openings.String(), "rules": fmt.Sprint(t.conditions())},
	}
	if lt.Name == "" {
		lt.Name = t.entrants[0].name + " and others"
		if len(t.entrants) == 2 {
			lt.Name = t.entrants[0].name + " against " + t.entrants[1].name
		}
	}
	switch t.Tournament {
	case "swiss": // its pairings depend on the number of games
		lt.Identity["games"] = fmt.Sprint(t.Games)
	case "gauntlet":
		lt.Identity["seeds"] = fmt.Sprint(t.Seeds)
	}
	for _, e := range t.entrants {
		id, err := t.store.EnsurePlayer(ctx, e.player)
		if err != nil {
			return err
		}
		e.player.ID = id
		lt.Entrants = append(lt.Entrants, leaderboard.Entrant{PlayerID: id, Name: e.name, Limit: e.limit})
	}
	t.id, err = t.store.EnsureTournament(ctx, lt)
	return err
}

// rules are the rules of the games.
func (t *tournament) rules() match.Rules {
	return match.Rules{MaxPlies: 2 * t.MaxMoves, NoClaims: t.NoClaims, Resign: t.resign, Draw: t.draw}
}

// conditions are what a match's identity holds of the rules beside its columns.
func (t *tournament) conditions() map[string]string {
	options := map[string]string{"failures": "lose"}
	if t.NoClaims {
		options["claims"] = "none"
	}
	if t.Judge != "" {
		options["judge"] = t.Judge
	}
	for key, text := range map[string]string{"resign": t.resign.String(), "draw": t.draw.String()} {
		if text != "" {
			options[key] = text
		}
	}
	return options
}

// matchID finds or makes the match of two seats.
func (t *tournament) matchID(ctx context.Context, first, second int) (int64, error) {
	if id, ok := t.matches[[2]int{first, second}]; ok {
		return id, nil
	}
	a, b := t.entrants[first], t.entrants[second]
	m := leaderboard.Match{
		PlayerID: a.player.ID, OpponentID: b.player.ID, PlayerLimit: a.limit, OpponentLimit: b.limit,
		Protocol: "match", Openings: t.openings.String(), MaxPlies: 2 * t.MaxMoves, Seed: t.Seed, Program: cli.Version(), Options: t.conditions(),
	}
	m.Adjudication = join(t.resign.String(), t.draw.String())
	delete(m.Options, "resign")
	delete(m.Options, "draw")
	// Several seats may have the same player, to see what chance does; their
	// matches are not one.
	if t.hasTwin(first) || t.hasTwin(second) {
		m.Options["entrants"] = a.name + " and " + b.name
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

func (t *tournament) hasTwin(seat int) bool {
	for i, e := range t.entrants {
		if o := t.entrants[seat]; i != seat && e.player.ID == o.player.ID && e.limit == o.limit {
			return true
		}
	}
	return false
}

// play plays what is missing.
func (t *tournament) play(ctx context.Context) error {
	if t.PGNOut != "" {
		var err error
		if t.pgn, err = newPGNFile(t.PGNOut); err != nil {
			return err
		}
	}
	defer t.block.Close()
	stopLive := t.live.keep(ctx, t.warnf)
	defer stopLive()
	switch t.Tournament {
	case "round-robin":
		return t.playPairings(ctx, match.RoundRobin(len(t.entrants), t.Rounds, t.Games))
	case "gauntlet":
		return t.playPairings(ctx, match.Gauntlet(len(t.entrants), t.Seeds, t.Rounds, t.Games))
	}
	for round := range t.Rounds {
		pairings, err := match.SwissRound(len(t.entrants), round, t.Games, t.pairings, t.scores())
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
func (t *tournament) scores() match.SwissScores {
	scores := match.SwissScores{}
	for _, p := range t.pairings {
		if p.Second < 0 {
			continue
		}
		var sum [2]float64
		for _, slot := range p.Slots() {
			if i, ok := t.slots[slotKey{t.matches[[2]int{p.First, p.Second}], slot}]; ok {
				points := t.results[i].outcome.Points()
				sum[0] += points
				sum[1] += 1 - points
			}
		}
		scores[p] = sum
	}
	return scores
}

// playPairings plays the missing games of some rounds to their end.
func (t *tournament) playPairings(ctx context.Context, pairings []match.Pairing) error {
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
	if t.new == 0 {
		t.announce(len(tasks), t.wanted-len(tasks))
	}
	if t.decided() || len(tasks) == 0 {
		return nil
	}
	r := t.runner(ctx)
	for {
		if err := r.Run(ctx, slices.Values(tasks)); err != nil || t.decided() {
			return err
		}
		// What other arenas are playing is awaited, or played here if they died.
		if tasks, err = t.missing(ctx, tasks); err != nil || len(tasks) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
		if err := t.freeDead(ctx); err != nil {
			return err
		}
	}
}

// tasks registers pairings, reads the games that they have already and returns
// those that are missing.
func (t *tournament) tasks(ctx context.Context, pairings []match.Pairing) ([]match.Task, error) {
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
	return t.missing(ctx, all)
}

// missing returns those of the tasks that have no game, and takes in the games
// of the others.
func (t *tournament) missing(ctx context.Context, tasks []match.Task) ([]match.Task, error) {
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
func (t *tournament) take(task match.Task, g leaderboard.Game) error {
	r := result{
		slotKey: slotKey{g.MatchID, g.Slot}, first: task.First, second: task.Second, outcome: g.Outcome(),
		firstCause: g.LossCause, secondCause: g.OpponentCause, firstWhite: g.PlayerWhite, termination: g.Termination,
		elapsed: g.Elapsed, plies: len(g.Moves), opening: g.Opening, error: g.Error,
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
	t.testGame(r)
	if t.pgn == nil {
		return nil
	}
	white, black := t.entrants[task.First].name, t.entrants[task.Second].name
	if !g.PlayerWhite {
		white, black = black, white
	}
	return t.pgn.write(g, white, black)
}

// testGame gives a game to the test: alone, or with the other of its pair.
func (t *tournament) testGame(r result) {
	if t.test == nil {
		return
	}
	if t.NoPairs {
		t.test.AddGame(r.outcome)
		return
	}
	if i, ok := t.slots[slotKey{r.match, r.slot ^ 1}]; ok {
		t.test.AddPair(t.results[i].outcome, r.outcome)
	}
}

// decided says whether the test is over.
func (t *tournament) decided() bool {
	return t.test != nil && t.test.Status().Decision != sprt.Continue
}

// runner makes the runner of the tournament.
func (t *tournament) runner(ctx context.Context) *match.Runner {
	r := &match.Runner{
		Rules: t.rules(), Seed: t.Seed, Openings: t.openings, Concurrency: t.workerN, Retries: t.Retries,
		Claim: func(task match.Task) (bool, error) { return t.live.claim(ctx, task) },
		Left:  t.live.left, Watch: t.live.watch,
		Record: func(task match.Task, g *match.Game) error { return t.record(ctx, task, g) },
		Void:   func(task match.Task, err error) { t.void(ctx, task, err) },
		Quit: func(entrant int, err error) {
			t.mu.Lock()
			t.failedAtQuit[t.entrants[entrant].name]++
			t.mu.Unlock()
			t.warnf("%v", err)
		},
	}
	if t.Judge != "" {
		r.Judge = t.judge
	}
	for _, e := range t.entrants {
		r.Entrants = append(r.Entrants, e.Entrant)
	}
	return r
}

// judge starts the engine of --judge.
func (t *tournament) judge(ctx context.Context) (match.Judge, func() error, error) {
	config, win, err := parseJudge(t.Judge)
	if err != nil {
		return nil, nil, err
	}
	m := &makers{limits: t.processLimits(), traffic: t.traffic}
	e, err := m.entrant(ctx, config)
	if err != nil {
		return nil, nil, err
	}
	p, err := e.New(ctx)
	if err != nil {
		return nil, nil, err
	}
	c := e.Control
	return &match.EngineJudge{Player: p, Limit: engine.Limit{MoveTime: c.MoveTime, Nodes: c.Nodes, Depth: c.Depth}, Win: win}, p.Close, nil
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

// record stores a finished game.
func (t *tournament) record(ctx context.Context, task match.Task, g *match.Game) error {
	game := stored(task.Match, g)
	// A game that ended is stored, whatever happens to the context.
	err := t.store.RecordGame(context.WithoutCancel(ctx), game)
	t.live.ended(task)
	if errors.Is(err, leaderboard.ErrSlotTaken) {
		return nil // another arena was faster; missing reads its game
	}
	if err != nil {
		return err
	}
	if err := t.take(task, game); err != nil {
		return err
	}
	t.new++
	t.shown(t.results[len(t.results)-1])
	switch {
	case t.decided():
		return match.ErrStop
	case !t.Recover && (g.Cause == match.CauseCrash || g.Cause == match.CauseStall || g.Cause == match.CauseProtocol):
		return &engineFailure{t.entrants[[2]int{task.First, task.Second}[g.Loser]].name, g.Err}
	}
	return nil
}

// void stores a game that could not be begun, or not be ended.
func (t *tournament) void(ctx context.Context, task match.Task, err error) {
	v := voidOf(task.Match, task.Slot, err)
	name := ""
	switch v.By {
	case leaderboard.ByPlayer:
		name = t.entrants[task.First].name
	case leaderboard.ByOpponent:
		name = t.entrants[task.Second].name
	}
	t.mu.Lock()
	t.failed[name]++
	t.mu.Unlock()
	t.warnf("game %d of %s against %s is void: %v", task.Slot+1, t.entrants[task.First].name, t.entrants[task.Second].name, err)
	if err := t.store.RecordVoid(context.WithoutCancel(ctx), v); err != nil {
		t.warnf("%v", err)
	}
}

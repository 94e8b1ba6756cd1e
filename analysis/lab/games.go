package lab

// The games that are played to rate the players of a cell.

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"time"

	"transcend/data/league"
	"transcend/data/league/search"
	"transcend/engine"
	"transcend/engine/match"
	"transcend/internal/atomicfile"
	"transcend/internal/bitboard"
	"transcend/internal/cli"
	"transcend/internal/draw"
)

// protocol is how the games of a cell go.
type protocol struct {
	openings   league.OpeningRule
	maxPlies   int
	adjudicate int
	policy     engine.IllegalPolicy
}

func newProtocol(m *Measure) (p protocol, err error) {
	p.maxPlies, p.adjudicate = m.MaxPlies, m.Adjudicate
	if p.openings, err = league.ParseOpeningRule(m.Openings); err != nil {
		return p, err
	}
	if p.openings.Named {
		return p, errors.New("lab: games are played from start or random:N")
	}
	if p.policy, err = engine.ParseIllegalPolicy(m.Policy); err != nil {
		return p, err
	}
	for _, text := range m.League {
		if _, err := league.Parse(text); err != nil {
			return p, err
		}
	}
	return p, nil
}

// Pairing is that A and B play Games games, in pairs with one opening and colors reversed.
// Openings do not depend on A, so that all players of a cell meet an opponent on the
// same ones.
type Pairing struct {
	A, B  Entrant
	Games int
}

// PlayedGame is a game, a line of a file.
type PlayedGame struct {
	A string `json:"a"`
	B string `json:"b"`
	// Number counts the pairing's games from 0; A has White in even ones.
	Number int `json:"n"`
	// Half are the half points of A: 0, 1 or 2.
	Half  int    `json:"half"`
	Plies int    `json:"plies"`
	End   string `json:"end"`
	// Moves that A was asked for, the Attempts it made, and those that were Illegal.
	Moves    int `json:"moves"`
	Attempts int `json:"attempts"`
	Illegal  int `json:"illegal"`
}

// Forfeit reports that A lost because it named no legal move.
func (g *PlayedGame) Forfeit() bool { return g.Half == 0 && g.End == match.TerminationIllegal }

// atOnce is how many games go on at once: on the CPU a pass of a model over 64 games takes
// hardly longer than one over 8.
func (l *Lab) atOnce() int { return cmp.Or(l.AtOnce, 64) }

// gameSeed is the seed of what the key names.
func gameSeed(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return draw.Mix(h.Sum64(), 0x67616d6573)
}

// play plays what is missing in a file of games and returns all that belong to the
// pairings, in their order.
func (l *Lab) play(ctx context.Context, path string, seed uint64, proto protocol, pairings []Pairing) ([]PlayedGame, error) {
	type place struct {
		a, b string
		n    int
	}
	have := map[place]PlayedGame{}
	err := readLines(path, func(g PlayedGame) { have[place{g.A, g.B, g.Number}] = g })
	if err != nil {
		return nil, err
	}
	var tasks []gameTask
	total := 0
	for i := range pairings {
		p := &pairings[i]
		total += p.Games
		for n := range p.Games {
			if _, ok := have[place{p.A.Name, p.B.Name, n}]; !ok {
				tasks = append(tasks, gameTask{p, n})
			}
		}
	}
	if len(tasks) > 0 {
		if err := l.playTasks(ctx, path, seed, proto, tasks, total, func(g PlayedGame) { have[place{g.A, g.B, g.Number}] = g }); err != nil {
			return nil, err
		}
	}
	games := make([]PlayedGame, 0, total)
	for i := range pairings {
		p := &pairings[i]
		for n := range p.Games {
			games = append(games, have[place{p.A.Name, p.B.Name, n}])
		}
	}
	return games, nil
}

// gameTask is one game of a pairing.
type gameTask struct {
	pairing *Pairing
	number  int
}

// playTasks plays games, total less those that are there, and appends each to the file as it ends; ended is called
// by one goroutine at a time.
func (l *Lab) playTasks(ctx context.Context, path string, seed uint64, proto protocol, tasks []gameTask, total int, ended func(PlayedGame)) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	defer f.Close()
	outer := ctx
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	queue := make(chan gameTask)
	var feeder, workers sync.WaitGroup
	feeder.Go(func() {
		defer close(queue)
		for _, t := range tasks {
			select {
			case queue <- t:
			case <-ctx.Done():
				return
			}
		}
	})
	var mu sync.Mutex
	began, shown, played := time.Now(), time.Time{}, 0
	for range min(l.atOnce(), len(tasks)) {
		workers.Go(func() {
			w := newWorker(proto)
			defer w.close()
			for t := range queue {
				g, err := w.play(ctx, seed, t.pairing, t.number)
				if err != nil {
					cancel(err)
					return
				}
				line, err := json.Marshal(g)
				if err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				// One write a line: a killed process leaves at most its last one unfinished.
				if _, err = f.Write(append(line, '\n')); err == nil {
					ended(g)
					played++
					if now := time.Now(); now.Sub(shown) > 100*time.Millisecond {
						shown = now
						rate := float64(played) / now.Sub(began).Seconds()
						done := total - len(tasks) + played
						l.show(float64(done)/float64(total), "games: %s/%s, %.0f a second, left %s", cli.Count(done), cli.Count(total), rate,
							cli.Duration(time.Duration(float64(total-done)/rate*float64(time.Second))))
					}
				}
				mu.Unlock()
				if err != nil {
					cancel(fmt.Errorf("lab: %w", err))
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
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return nil
}

// readLines reads a file of JSON lines; an unfinished last one is cut off.
func readLines[T any](path string, each func(T)) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	whole := bytes.LastIndexByte(b, '\n') + 1
	if whole < len(b) {
		if err := atomicfile.WriteBytes(path, 0o644, b[:whole]); err != nil {
			return fmt.Errorf("lab: %w", err)
		}
	}
	lines := bufio.NewScanner(bytes.NewReader(b[:whole]))
	for number := 1; lines.Scan(); number++ {
		var v T
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			return cli.WithHint(fmt.Errorf("lab: %s: line %d: %w", path, number, err), "delete the file: its games are played again")
		}
		each(v)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("lab: %s: %w", path, err)
	}
	return nil
}

// worker plays one game at a time.
type worker struct {
	proto  protocol
	mover  *league.Mover // of all simulated players of a game, who take turns
	judge  *judge
	held   map[string]engine.Player // by entrant
	random [bitboard.MaxMoves]bitboard.Move
}

// keepPlayers is how many players a worker holds: a model's has the memory of a game.
const keepPlayers = 4

func newWorker(proto protocol) *worker {
	w := &worker{proto: proto, mover: league.NewMover(0), held: map[string]engine.Player{}}
	if proto.adjudicate > 0 {
		w.judge = &judge{search: search.New(1 << 18), win: proto.adjudicate}
	}
	return w
}

func (w *worker) close() {
	for name, p := range w.held {
		p.Close()
		delete(w.held, name)
	}
}

type moverKey struct{}

func (w *worker) player(ctx context.Context, e *Entrant) (engine.Player, error) {
	if p := w.held[e.Name]; p != nil {
		return p, nil
	}
	p, err := e.New(context.WithValue(ctx, moverKey{}, w.mover))
	if err != nil {
		return nil, fmt.Errorf("lab: %s: %w", e.Name, err)
	}
	w.held[e.Name] = p
	return p, nil
}

func (w *worker) play(ctx context.Context, seed uint64, p *Pairing, number int) (PlayedGame, error) {
	if len(w.held) >= keepPlayers {
		w.close()
	}
	var players [2]engine.Player
	for i, e := range []*Entrant{&p.A, &p.B} {
		var err error
		if players[i], err = w.player(ctx, e); err != nil {
			return PlayedGame{}, err
		}
	}
	base := strconv.FormatUint(seed, 16)
	opening := w.opening(gameSeed(base, p.B.Name, strconv.Itoa(number/2)))
	rules := match.Rules{MaxPlies: w.proto.maxPlies}
	if w.judge != nil {
		rules.Judge = w.judge
	}
	g, err := match.Play(ctx, players, match.White(number), gameSeed(base, p.A.Name, p.B.Name, strconv.Itoa(number)), opening, rules)
	if err != nil {
		return PlayedGame{}, fmt.Errorf("lab: %s against %s, game %d: %w", p.A.Name, p.B.Name, number+1, err)
	}
	return PlayedGame{
		A: p.A.Name, B: p.B.Name, Number: number, Half: int(2 * g.Score(0)), Plies: len(g.Moves), End: g.Termination,
		Moves: g.Tries[0].Moves, Attempts: g.Tries[0].Attempts, Illegal: g.Tries[0].Illegal,
	}, nil
}

// opening is a line of random legal moves that does not end the game.
func (w *worker) opening(seed uint64) match.Opening {
	for try := uint64(0); ; try++ {
		board := bitboard.NewGame(bitboard.Start())
		for ply := range w.proto.openings.RandomPlies {
			moves := board.Position().Legal(w.random[:0])
			if len(moves) == 0 {
				break
			}
			x := draw.Mix(draw.Mix(seed, try), uint64(ply)) >> 11
			if err := board.Make(moves[int(float64(x)*0x1p-53*float64(len(moves)))]); err != nil {
				panic(err) // they are the legal ones
			}
		}
		if result, _ := board.Outcome(); result == bitboard.Ongoing {
			return match.Opening{Name: w.proto.openings.String(), Moves: board.Moves()}
		}
	}
}

// judge gives a game that is too long to who is ahead when the captures are resolved.
type judge struct {
	search *search.Searcher
	win    int // centipawns
}

// Judge implements match.Judge.
func (j *judge) Judge(_ context.Context, g *bitboard.Game) (bitboard.Result, string, error) {
	score := j.search.Search(g, search.Options{Depth: 1}).Score
	ahead := g.Position().SideToMove()
	if score < 0 {
		score, ahead = -score, ahead.Other()
	}
	switch {
	case score < j.win:
		return bitboard.Draw, "even", nil
	case ahead == bitboard.White:
		return bitboard.WhiteWins, "ahead", nil
	}
	return bitboard.BlackWins, "ahead", nil
}

// simulated is a player of the league that uses its worker's memory.
type simulated struct {
	player league.Player
	mover  *league.Mover
	seed   uint64
}

// newSimulated is Setup.League.
func newSimulated(p league.Player) match.Factory {
	return func(ctx context.Context) (engine.Player, error) {
		mover, ok := ctx.Value(moverKey{}).(*league.Mover)
		if !ok {
			mover = league.NewMover(0)
		}
		return &simulated{player: p, mover: mover}, nil
	}
}

func (s *simulated) Name() string { return s.player.Title() }
func (s *simulated) Spec() map[string]string {
	return map[string]string{"kind": "league", "version": league.Version, "player": s.player.String()}
}
func (s *simulated) NewGame(ctx context.Context, seed uint64) error {
	s.seed = seed
	return ctx.Err()
}
func (s *simulated) Move(ctx context.Context, g *bitboard.Game, _ engine.Limit) (engine.Reply, error) {
	if err := ctx.Err(); err != nil {
		return engine.Reply{}, err
	}
	played := s.mover.Play(&s.player, g, s.seed, search.Options{})
	if played.Move == bitboard.NoMove {
		return engine.Reply{}, fmt.Errorf("lab: %s: %w", s.Name(), engine.ErrGameOver)
	}
	return engine.Reply{Move: played.Move, Attempts: 1}, nil
}
func (s *simulated) Close() error { return nil }

// simulatedEntrant is a player of the league in the games.
func simulatedEntrant(p league.Player) Entrant {
	return Entrant{Name: p.String(), New: newSimulated(p)}
}

// ModelName is what a model is called in the games of its cell.
func ModelName(temperature float64) string {
	return ModelPrefix + strconv.FormatFloat(temperature, 'g', -1, 64)
}

// MaskedName is what it is called where it plays among the legal moves only (Measure.Masked).
func MaskedName(temperature float64) string { return ModelName(temperature) + " masked" }

// ModelPrefix begins the names of models, and of nobody else.
const ModelPrefix = "model T="

// ModelNames are what the model of a cell is called in its games.
func (m *Measure) ModelNames() []string {
	var names []string
	for _, t := range m.Temperatures {
		names = append(names, ModelName(t))
	}
	if m.Masked && len(names) > 0 {
		names = append(names, MaskedName(m.Temperatures[0]))
	}
	return names
}

// modelEntrants are the model under its names, none where the cell trains none. Without the
// model itself they have names only: all their games are there.
func (l *Lab) modelEntrants(s *Setup, proto protocol) []Entrant {
	if s.Cell.Model.None() {
		return nil
	}
	var all []Entrant
	for i, name := range s.Cell.Measure.ModelNames() {
		if s.Model == nil {
			all = append(all, Entrant{Name: name})
			continue
		}
		config := engine.ModelConfig{Name: name, Model: s.Model, Tokenizer: s.Tokenizer, Batch: s.Batch, Policy: proto.policy}
		if i < len(s.Cell.Measure.Temperatures) {
			config.Sampling.Temperature = s.Cell.Measure.Temperatures[i]
		} else {
			config.Sampling.Temperature = s.Cell.Measure.Temperatures[0]
			config.Policy = engine.IllegalPolicy{Kind: engine.Mask}
		}
		all = append(all, Entrant{Name: name, New: func(context.Context) (engine.Player, error) {
			return engine.NewModelPlayer(config)
		}})
	}
	return all
}

// opponents of the models: the experts, and the league's players.
func (s *Setup) opponents() (experts, others []Entrant, err error) {
	for i := range s.Measured {
		experts = append(experts, simulatedEntrant(s.Measured[i].Player))
	}
	for _, text := range s.Cell.Measure.League {
		p, err := league.Parse(text)
		if err != nil {
			return nil, nil, err
		}
		others = append(others, simulatedEntrant(p))
	}
	return experts, others, nil
}

// gauntlet lets each player meet every opponent: half of the games are against experts, half
// against the others, an even number against each.
func gauntlet(players, experts, others []Entrant, games int) []Pairing {
	var all []Pairing
	half := games / 2
	if len(others) == 0 {
		half = games
	}
	share := func(total, n, i int) int {
		pairs := (total + 1) / 2
		return 2 * ((i+1)*pairs/n - i*pairs/n)
	}
	for _, a := range players {
		for i, b := range experts {
			all = append(all, Pairing{a, b, share(half, len(experts), i)})
		}
		for i, b := range others {
			all = append(all, Pairing{a, b, share(games-half, len(others), i)})
		}
	}
	return all
}

// roundRobin lets all play all, those of equal text once.
func roundRobin(players []Entrant, games int) []Pairing {
	var all []Pairing
	for i := range players {
		for j := range i {
			if players[i].Name != players[j].Name {
				all = append(all, Pairing{players[j], players[i], 2 * ((games + 1) / 2)})
			}
		}
	}
	return all
}

// Package web shows a leaderboard to people: pages over HTTP that fill in while
// games are played, and the same as one file. Everything comes from the
// database, which is only read, and everything in a page from this program: no
// framework, no network. Without JavaScript every page can be read; with it,
// pages renew themselves and games are stepped through in place.
//
// Names and texts in a database come from anywhere: the templates escape them,
// and the content security policy would not run them either.
package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"transcend/analysis"
	"transcend/elo"
	"transcend/elo/curves"
	"transcend/elo/leaderboard"
	"transcend/engine/arena"
	"transcend/internal/bitboard"
)

// Models finds the models that played, to ask them what else they would have
// played.
type Models interface {
	// Choices of the player at the plies of a game from the initial position. The
	// error says in words for the reader why there are none.
	Choices(ctx context.Context, p leaderboard.Player, moves []bitboard.Move, plies []int) ([]analysis.Choices, error)
	// Cap is the highest rating of the players that it was trained on; 0 when
	// nobody knows.
	Cap(p leaderboard.Player) int
}

// Options of a Site.
type Options struct {
	Store   *leaderboard.Store
	Title   string                 // shown on top; "" is the store's path
	Anchors leaderboard.AnchorFunc // nil: leaderboard.ProtocolAnchors
	Models  Models                 // nil: no choices, no caps
	// Hosts are the names besides localhost and addresses under which the site
	// may be asked for.
	Hosts []string
}

// Site makes the pages.
type Site struct {
	opt       Options
	base      *template.Template // never executed: a report makes its own of it
	templates *template.Template
	style     []byte
	script    []byte

	mu       sync.Mutex // held while a snapshot is made
	snapshot *snapshot

	asking   chan struct{} // one question to a model at a time
	answers  sync.Mutex
	answered map[choicesKey][]analysis.Choices
}

// maxAnswered bounds how many games' choices are remembered.
const maxAnswered = 256

type choicesKey struct {
	player, match int64
	slot, ply     int // ply -1: the whole game
}

// New reads the templates, which are part of the program.
func New(o Options) (*Site, error) {
	s := &Site{opt: o, asking: make(chan struct{}, 1), answered: map[choicesKey][]analysis.Choices{}}
	if s.opt.Title == "" {
		s.opt.Title = o.Store.Path()
	}
	var err error
	if s.base, err = template.New("").Funcs(functions(s.opt.Title)).ParseFS(files, "templates/*.html"); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if s.templates, err = s.base.Clone(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if s.style, err = fs.ReadFile(files, "static/style.css"); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if s.script, err = fs.ReadFile(files, "static/app.js"); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if _, err := pieces(); err != nil {
		return nil, err
	}
	return s, nil
}

// snapshot is what most pages are made of, read at one time.
type snapshot struct {
	revision string
	at       time.Time
	board    *leaderboard.Board
	sweeps   []curves.Sweep // what its models show over temperatures
	players  map[int64]leaderboard.Player
	matches  map[int64]leaderboard.Match
	order    []int64 // of the matches
	tallies  map[int64]leaderboard.Tally
	// names are those that tournaments give their entrants, by match: one player
	// may be several entrants that differ in their limits.
	names map[int64]map[seat]string
}

// seat is a player at a limit.
type seat struct {
	player int64
	limit  string
}

// name is a player under the name it has in a match.
func (s *snapshot) name(match int64, at seat) playerView {
	v := viewPlayer(s.player(at.player))
	if name := s.names[match][at]; name != "" {
		v.Name = shown(name)
	}
	return v
}

// sides are the players of a match, White and Black.
func (s *snapshot) sides(m leaderboard.Match, playerWhite bool) (white, black playerView) {
	player, opponent := s.name(m.ID, seat{m.PlayerID, m.PlayerLimit}), s.name(m.ID, seat{m.OpponentID, m.OpponentLimit})
	if playerWhite {
		return player, opponent
	}
	return opponent, player
}

// games is the number of games.
func (s *snapshot) games() (n int) {
	for _, t := range s.tallies {
		n += t.Record.Games()
	}
	return n
}

// rest is the shortest time between two ratings of everything, as many times as
// long as the last one took: a large database is rated less often.
const rest = 5

// current is the newest snapshot. It is made again when the database has
// changed, by one request; the others wait for it.
func (s *Site) current(ctx context.Context) (*snapshot, error) {
	revision, err := s.opt.Store.Revision(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.snapshot; old != nil && (old.revision == revision || time.Now().Before(old.at)) {
		return old, nil
	}
	began := time.Now()
	snap := &snapshot{revision: revision, players: map[int64]leaderboard.Player{}, matches: map[int64]leaderboard.Match{}}
	// The spread of the paper's number over orders of the games is the expensive
	// part of a board, and not shown here.
	if snap.board, err = s.opt.Store.Leaderboard(ctx, leaderboard.BoardOptions{Anchors: s.opt.Anchors, Orders: -1}); err != nil {
		return nil, err
	}
	if snap.sweeps, err = s.sweeps(snap.board); err != nil {
		return nil, err
	}
	if snap.tallies, err = s.opt.Store.Tallies(ctx); err != nil {
		return nil, err
	}
	players, err := s.opt.Store.Players(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range players {
		snap.players[p.ID] = p
	}
	matches, err := s.opt.Store.Matches(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range matches {
		snap.matches[m.ID] = m
		snap.order = append(snap.order, m.ID)
	}
	names, err := s.opt.Store.MatchNames(ctx)
	if err != nil {
		return nil, err
	}
	snap.names = map[int64]map[seat]string{}
	for id, n := range names {
		m := snap.matches[id]
		snap.names[id] = map[seat]string{{m.OpponentID, m.OpponentLimit}: n[1], {m.PlayerID, m.PlayerLimit}: n[0]}
	}
	now := time.Now()
	snap.at = now.Add(rest * now.Sub(began)) // not made again before
	s.snapshot = snap
	return snap, nil
}

// sweeps are the board's models over temperatures, with the caps that are known from
// their runs as well as those that the database has.
func (s *Site) sweeps(board *leaderboard.Board) ([]curves.Sweep, error) {
	known := &leaderboard.Board{Rows: slices.Clone(board.Rows)}
	for i := range known.Rows {
		p := &known.Rows[i].Player
		if p.Kind() != "model" || s.opt.Models == nil || p.Spec[curves.SpecCap] != "" {
			continue
		}
		if n := s.opt.Models.Cap(*p); n > 0 {
			p.Spec = maps.Clone(p.Spec)
			p.Spec[curves.SpecCap] = strconv.Itoa(n)
		}
	}
	return curves.From(known, 0)
}

// errNoModels is what a reader is told where nothing can be asked.
var errNoModels = errors.New("no model was looked for")

// choices asks the model that played in a game; ply -1 asks at each of its moves
// and, when it lost for want of one, at the end.
func (s *Site) choices(ctx context.Context, g leaderboard.Game, p leaderboard.Player, white bool, ply int) ([]analysis.Choices, error) {
	key := choicesKey{p.ID, g.MatchID, g.Slot, ply}
	s.answers.Lock()
	have, ok := s.answered[key]
	s.answers.Unlock()
	if ok {
		return have, nil
	}
	switch {
	case p.Kind() != "model":
		return nil, errors.New("this player is no model")
	case s.opt.Models == nil:
		return nil, errNoModels
	case g.StartFEN != "" && g.StartFEN != bitboard.StartFEN:
		return nil, errors.New("the game does not begin in the initial position, and a model is shown moves only")
	}
	moves := arena.MovesOf(g.Moves)
	var plies []int
	switch {
	case ply >= 0 && ply <= len(moves):
		plies = []int{ply}
	case ply >= 0:
		return nil, fmt.Errorf("the game has %d plies", len(moves))
	default:
		for i := range moves {
			if (i%2 == 0) == white {
				plies = append(plies, i)
			}
		}
		lost := g.LossCause
		if white != g.PlayerWhite {
			lost = g.OpponentCause
		}
		if lost == leaderboard.LostIllegal {
			plies = append(plies, len(moves)) // what it could have played
		}
	}
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	answer, err := s.opt.Models.Choices(ctx, p, moves, plies)
	if err != nil {
		return nil, err
	}
	s.answers.Lock()
	defer s.answers.Unlock()
	if len(s.answered) >= maxAnswered {
		clear(s.answered)
	}
	s.answered[key] = answer
	return answer, nil
}

// replay plays stored moves from a position. What cannot be played ends the
// replay with an error; the positions up to there are right.
func replay(fen string, codes []uint16) (*bitboard.Game, error) {
	start := bitboard.Start()
	if fen != "" {
		var err error
		if start, err = bitboard.ParseFEN(fen); err != nil {
			return bitboard.NewGame(bitboard.Start()), fmt.Errorf("the position that the game starts from: %w", err)
		}
	}
	g := bitboard.NewGame(start)
	for i, c := range codes {
		if err := g.Make(bitboard.Move(c)); err != nil {
			return g, fmt.Errorf("ply %d cannot be played: %w", i+1, err)
		}
	}
	return g, nil
}

// compareTemperatures orders players of one model.
func compareTemperatures(a, b Point) int { return cmp.Compare(a.Temperature, b.Temperature) }

// outcomes by the words that links use.
var outcomes = map[string]elo.Outcome{"win": elo.Win, "draw": elo.Draw, "loss": elo.Loss}

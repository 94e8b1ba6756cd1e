package league

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"transcend/data"
	"transcend/data/league/search"
	"transcend/internal/bitboard"
	"transcend/internal/draw"
	"transcend/internal/parallel"
	"transcend/pgn"
)

// Corpus is the games of a pool's players, each determined by the settings and its number
// alone: it does not matter which were played before it, or by how many cores.
type Corpus struct {
	Pool *Pool
	Seed uint64
	// MaxGap is the greatest difference of ratings in a game; 0: none.
	MaxGap int
	// Openings is how games begin.
	Openings OpeningRule
	// MaxPlies ends a game; 0: DefaultMaxPlies.
	MaxPlies int
	// Adjudicate gives a game that MaxPlies ended to who is ahead by so many
	// centipawns when the captures are resolved; 0: it is a draw.
	Adjudicate int
}

// DefaultMaxPlies is the length at which games end when nothing else is said.
const DefaultMaxPlies = 300

// OpeningRule is how games of a corpus begin, beside the repertoires of the players.
type OpeningRule struct {
	// Named lets each game begin with one of the openings that have names, cut at a ply drawn from 2 to its
	// end, all as likely as the others.
	Named bool
	// RandomPlies is the number of legal moves, all equally likely, that each game
	// begins with. They are in the game as if the players had played them.
	RandomPlies int
}

// String returns "start", "named" or "random:N".
func (r OpeningRule) String() string {
	switch {
	case r.Named:
		return "named"
	case r.RandomPlies > 0:
		return "random:" + strconv.Itoa(r.RandomPlies)
	}
	return "start"
}

// ParseOpeningRule reads what String returns; anything else is an error.
func ParseOpeningRule(s string) (OpeningRule, error) {
	switch kind, n, _ := strings.Cut(s, ":"); {
	case s == "start":
		return OpeningRule{}, nil
	case s == "named":
		return OpeningRule{Named: true}, nil
	case kind == "random":
		if plies, err := strconv.Atoi(n); err == nil && plies >= 1 && plies <= maxRandomPlies {
			return OpeningRule{RandomPlies: plies}, nil
		}
	}
	return OpeningRule{}, fmt.Errorf("league: openings %.30q: want start, named or random:N with N from 1 to %d", s, maxRandomPlies)
}

const maxRandomPlies = 40

// Validate reports settings that cannot be played.
func (c *Corpus) Validate() error {
	if c.Pool == nil {
		return errors.New("league: a corpus needs a pool")
	}
	if err := c.Pool.Validate(); err != nil {
		return err
	}
	switch {
	case c.MaxGap < 0:
		return fmt.Errorf("league: rating gap %d: must not be negative", c.MaxGap)
	case c.Openings.RandomPlies < 0 || c.Openings.RandomPlies > maxRandomPlies || c.Openings.Named && c.Openings.RandomPlies > 0:
		return fmt.Errorf("league: openings %+v: named ones, or up to %d random plies", c.Openings, maxRandomPlies)
	case c.MaxPlies < 0 || c.MaxPlies > 10_000:
		return fmt.Errorf("league: %d plies a game: must be 1 to 10,000", c.MaxPlies)
	case c.Adjudicate < 0:
		return fmt.Errorf("league: adjudication at %d centipawns: must not be negative", c.Adjudicate)
	}
	if c.MaxGap > 0 {
		for i := range c.Pool.Players {
			if p := &c.Pool.Players[i]; p.Elo == 0 {
				return fmt.Errorf("league: pool %s: %s has no rating, which a rating gap needs", c.Pool.Name, p.Title())
			}
		}
	}
	return nil
}

// Mark is how a move came about.
type Mark uint8

// The marks.
const (
	Searched Mark = iota // by search, taste and temperature
	Random               // by noise
	Booked               // by a repertoire, or by the rule for openings
)

// Game is one game of a corpus.
type Game struct {
	Number int    // from 0
	Seed   uint64 // of the game
	White  *Rated
	Black  *Rated
	Moves  []bitboard.Move
	Marks  []Mark // one for each move
	Result bitboard.Result
	// Termination is the rule that ended the game, as bitboard.Termination has it,
	// "length", or "adjudication".
	Termination string

	corpus *Corpus
}

// Draws of one game.
const (
	drawWhite = 1 + iota
	drawBlack
	drawOpening
	drawOpeningPly
	drawOpeningMove // and as many as there are random plies
)

// Play plays the game of a number, which must not be negative.
func (c *Corpus) Play(m *Mover, number int) *Game {
	seed := draw.Mix(draw.Mix(c.Seed, 0x67616d65), uint64(number))
	pick := func(n int, which uint64) int { return int(uniform(seed, which) * float64(n)) }
	white := pick(len(c.Pool.Players), drawWhite)
	others := c.Pool.Near(white, c.MaxGap)
	black := others[pick(len(others), drawBlack)]
	game := &Game{
		Number: number, Seed: seed, corpus: c,
		White: &c.Pool.Players[white], Black: &c.Pool.Players[black],
	}
	board := bitboard.NewGame(bitboard.Start())
	play := func(move bitboard.Move, mark Mark) {
		if err := board.Make(move); err != nil {
			// Moves come from the legal ones.
			panic(fmt.Sprintf("league: game %d: %v", number, err))
		}
		game.Marks = append(game.Marks, mark)
	}
	switch {
	case c.Openings.Named:
		all := openings()
		line := all[pick(len(all), drawOpening)].moves
		for _, move := range line[:2+pick(len(line)-1, drawOpeningPly)] {
			play(move, Booked)
		}
	case c.Openings.RandomPlies > 0:
		for ply := range c.Openings.RandomPlies {
			moves := m.sorted(board.Position())
			if len(moves) == 0 {
				break
			}
			play(moves[pick(len(moves), drawOpeningMove+uint64(ply))], Booked)
		}
	}

	for {
		if game.Result, game.Termination = c.outcome(m, board); game.Result != bitboard.Ongoing {
			break
		}
		mover := game.White
		if board.Position().SideToMove() == bitboard.Black {
			mover = game.Black
		}
		played := m.Play(&mover.Player, board, seed, search.Options{})
		mark := Searched
		switch {
		case played.Book:
			mark = Booked
		case played.Random:
			mark = Random
		}
		play(played.Move, mark)
	}
	game.Moves = board.Moves()
	return game
}

// outcome is how a game has ended, Ongoing when it has not. A draw that can be claimed is.
func (c *Corpus) outcome(m *Mover, board *bitboard.Game) (bitboard.Result, string) {
	result, why := board.Outcome()
	if result != bitboard.Ongoing {
		return result, why.String()
	}
	if why = board.ClaimableDraw(); why != bitboard.NoTermination {
		return bitboard.Draw, why.String()
	}
	if board.Ply() >= cmp.Or(c.MaxPlies, DefaultMaxPlies) {
		return c.adjudicate(m, board)
	}
	return bitboard.Ongoing, ""
}

// adjudicate decides a game that is too long.
func (c *Corpus) adjudicate(m *Mover, board *bitboard.Game) (bitboard.Result, string) {
	if c.Adjudicate > 0 {
		score := m.search.Search(board, search.Options{Depth: 1}).Score
		ahead := board.Position().SideToMove()
		if score < 0 {
			score, ahead = -score, ahead.Other()
		}
		if score >= c.Adjudicate {
			if ahead == bitboard.White {
				return bitboard.WhiteWins, "adjudication"
			}
			return bitboard.BlackWins, "adjudication"
		}
	}
	return bitboard.Draw, "length"
}

// batch is how many games a worker plays at a time: enough that handing them over costs
// nothing, few enough that nobody waits.
const batch = 16

// Games plays the games from number first on and yields them in their order; n games, or without end
// when n is negative. threads workers play them, as many as there are cores when it is 0. The
// error, after which nothing follows, is the context's or that of Validate. Games stay valid.
// When the loop is left, the workers have ended.
func (c *Corpus) Games(ctx context.Context, first, n, threads int) iter.Seq2[*Game, error] {
	return func(yield func(*Game, error) bool) {
		if err := c.Validate(); err != nil {
			yield(nil, err)
			return
		}
		next := first
		for games, err := range parallel.Ordered(ctx, threads, batches(first, n), c.player) {
			if err != nil {
				yield(nil, fmt.Errorf("league: playing game %d: %w", next+1, err))
				return
			}
			for _, g := range games {
				if !yield(g, nil) {
					return
				}
			}
			next += len(games)
		}
	}
}

// span is so many games from number first on.
type span struct{ first, n int }

// batches divides n games, or games without end when n is negative.
func batches(first, n int) iter.Seq[span] {
	return func(yield func(span) bool) {
		for at := 0; n < 0 || at < n; at += batch {
			s := span{first + at, batch}
			if n >= 0 {
				s.n = min(batch, n-at)
			}
			if !yield(s) {
				return
			}
		}
	}
}

// player returns what plays the games of spans on one goroutine.
func (c *Corpus) player() func(context.Context, span) ([]*Game, error) {
	mover := NewMover(0)
	return func(ctx context.Context, s span) ([]*Game, error) {
		games := make([]*Game, 0, s.n)
		for i := range s.n {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			games = append(games, c.Play(mover, s.first+i))
		}
		return games, nil
	}
}

// site names the game among all.
func (g *Game) site() string {
	return fmt.Sprintf("league/%s/seed%d/game%d", g.corpus.Pool.Name, g.corpus.Seed, g.Number+1)
}

// PGN returns the game with tags that say who played and how it can be played again.
func (g *Game) PGN() *pgn.Game {
	event := "Simulated players (ratings: " + g.corpus.Pool.Scale + ")"
	if g.corpus.Pool.Nominal() {
		event = "Simulated players (nominal ratings, not measured)"
	}
	return &pgn.Game{
		Tags: []pgn.Tag{
			{Name: "Event", Value: event},
			{Name: "Site", Value: g.site()},
			{Name: "Date", Value: "????.??.??"},
			{Name: "Round", Value: "-"},
			{Name: "White", Value: g.White.Title()},
			{Name: "Black", Value: g.Black.Title()},
			{Name: "Result", Value: g.Result.String()},
			{Name: "WhiteElo", Value: eloTag(g.White.Elo)},
			{Name: "BlackElo", Value: eloTag(g.Black.Elo)},
			{Name: "WhiteType", Value: "program"},
			{Name: "BlackType", Value: "program"},
			{Name: "WhitePlayer", Value: g.White.String()},
			{Name: "BlackPlayer", Value: g.Black.String()},
			{Name: "League", Value: fmt.Sprintf("version=%s,seed=%d,openings=%s", Version, g.corpus.Seed, g.corpus.Openings)},
			{Name: "TimeControl", Value: "-"},
			{Name: "Termination", Value: g.Termination},
		},
		Start: bitboard.Start(), Moves: g.Moves, Result: g.Result,
	}
}

// Data returns the game as corpora hold it.
func (g *Game) Data() *data.Game {
	return &data.Game{
		White: g.White.Title(), Black: g.Black.Title(),
		WhiteElo: g.White.Elo, BlackElo: g.Black.Elo,
		Result: g.Result, TimeControl: "-", Site: g.site(), Termination: g.Termination,
		Moves: g.Moves,
	}
}

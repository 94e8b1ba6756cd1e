package data

import (
	"context"
	"errors"
	"fmt"

	"transcend/internal/bitboard"
	"transcend/pgn"
)

// ErrStop, returned by the emit function of ReadPGN, ends the reading without
// an error: enough games were found.
var ErrStop = errors.New("enough games")

// ReadPGN reads all games of r and gives those that f keeps to emit, which may
// use the game until it returns. It takes over r's header filter. The report is
// about the games read so far, whatever the error; the error is the context's,
// emit's, or the one that ended r's input, whose games before it were delivered.
func ReadPGN(ctx context.Context, r *pgn.Reader, f Filter, emit func(*Game) error) (FilterReport, error) {
	if err := f.Validate(); err != nil {
		return FilterReport{}, err
	}
	rules := f.rules()
	c := newCollector(rules)
	headers := 0
	r.Filter(func(h *pgn.Header) bool {
		// Scan does not return for games that are dropped here: to stop it, one
		// has to be let through.
		if headers++; headers%1024 == 0 && ctx.Err() != nil {
			headers--
			return true
		}
		for i := range rules {
			if rules[i].header != nil && rules[i].header(h) {
				c.dropAhead(i, h.File, h.Number, func() string { return rules[i].whyH(h) })
				return false
			}
		}
		return true
	})
	var game Game
	for {
		more := r.Scan()
		c.catchUp(r.Skipped())
		if !more || ctx.Err() != nil {
			break
		}
		g := r.Game()
		if g == nil {
			c.broken(r.BadGame())
			continue
		}
		if i := firstGameRule(rules, g); i >= 0 {
			c.drop(i, g.File, g.Number, func() string { return rules[i].whyG(g) })
			continue
		}
		c.kept()
		game = fromPGN(g)
		if err := emit(&game); err != nil {
			if errors.Is(err, ErrStop) {
				err = nil
			}
			return c.report(), err
		}
	}
	err := r.Err()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		err = fmt.Errorf("data: reading games: %w", err)
	}
	return c.report(), err
}

// firstGameRule returns the first rule that catches a game, -1 for none.
func firstGameRule(rules []rule, g *pgn.Game) int {
	for i := range rules {
		if rules[i].game != nil && rules[i].game(g) {
			return i
		}
	}
	return -1
}

// fromPGN takes from a game what a corpus keeps. It shares g's memory.
func fromPGN(g *pgn.Game) Game {
	out := Game{
		White: known(g.Tag("White")), Black: known(g.Tag("Black")),
		Result: g.Result, Moves: g.Moves, Rated: ratedEvent(g.Tag("Event")), Termination: known(g.Tag("Termination")),
		TimeControl: known(g.Tag("TimeControl")), Date: known(g.Tag("UTCDate")), Site: known(g.Tag("Site")),
	}
	out.WhiteElo, _ = g.Elo(bitboard.White)
	out.BlackElo, _ = g.Elo(bitboard.Black)
	if out.Date == "" {
		out.Date = known(g.Tag("Date"))
	}
	return out
}

// known returns a tag's value, "" when it says that it is unknown.
func known(value string) string {
	if unknown(value) {
		return ""
	}
	return value
}

func unknown[T string | []byte](value T) bool {
	switch string(value) {
	case "", "?", "????.??.??":
		return true
	}
	return false
}

// ReadCorpus reads the games of r that f keeps into memory.
func ReadCorpus(ctx context.Context, r *pgn.Reader, f Filter) (*Corpus, FilterReport, error) {
	c := NewCorpus()
	report, err := ReadPGN(ctx, r, f, func(g *Game) error {
		c.Append(g)
		return nil
	})
	c.Provenance.Filter, c.Provenance.Report = f, report
	return c, report, err
}

package data

import (
	"context"
	"errors"

	"transcend/data/filter"
	"transcend/internal/bitboard"
	"transcend/pgn"
)

// ErrStop, returned by the emit function of ReadPGN, ends the reading without
// an error: enough games were found.
var ErrStop = errors.New("enough games")

// ReadPGN reads all games of r and gives those that f keeps to emit, which may
// use the game until it returns, as filter.Read does.
func ReadPGN(ctx context.Context, r *pgn.Reader, f filter.Filter, emit func(*Game) error) (filter.Report, error) {
	var game Game
	enough := false
	report, err := filter.Read(ctx, r, f, func(g *pgn.Game) error {
		game = fromPGN(g)
		err := emit(&game)
		enough = errors.Is(err, ErrStop)
		return err
	})
	if enough {
		err = nil
	}
	return report, err
}

// fromPGN takes from a game what a corpus keeps. It shares g's memory.
func fromPGN(g *pgn.Game) Game {
	out := Game{
		White: known(g.Tag("White")), Black: known(g.Tag("Black")),
		Result: g.Result, Moves: g.Moves, Rated: ratedBy(g.Tag("Event")), Termination: known(g.Tag("Termination")),
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
	if pgn.Unknown(value) {
		return ""
	}
	return value
}

// ReadCorpus reads the games of r that f keeps into memory.
func ReadCorpus(ctx context.Context, r *pgn.Reader, f filter.Filter) (*Corpus, filter.Report, error) {
	c := NewCorpus()
	report, err := ReadPGN(ctx, r, f, func(g *Game) error {
		c.Append(g)
		return nil
	})
	c.Provenance.Filter, c.Provenance.Report = f, report
	return c, report, err
}

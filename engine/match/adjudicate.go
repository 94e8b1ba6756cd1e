package match

import (
	"context"
	"errors"
	"fmt"

	"transcend/engine"
	"transcend/internal/bitboard"
)

// Resign ends games that a player has given up by its own evaluation: it loses
// when it has told Score centipawns or worse for Moves of its moves in a row.
// With TwoSided the opponent must have told Score or better for as many moves.
// Moves 0: never.
type Resign struct {
	Score, Moves int
	TwoSided     bool
}

// DrawRule ends games that both players hold for equal: from full move From on,
// when both have told scores within Score centipawns for Moves moves in a row.
// Moves 0: never.
type DrawRule struct {
	From, Moves, Score int
}

// String is the rule as part of a match's identity, "" when it is off.
func (r Resign) String() string {
	if r.Moves == 0 {
		return ""
	}
	sides := ""
	if r.TwoSided {
		sides = " two-sided"
	}
	return fmt.Sprintf("resign %dcp %d moves%s", r.Score, r.Moves, sides)
}

// String is as Resign's.
func (r DrawRule) String() string {
	if r.Moves == 0 {
		return ""
	}
	return fmt.Sprintf("draw from %d %d moves %dcp", r.From, r.Moves, r.Score)
}

// Judge decides a game that was cut off at its maximum length. Its errors are
// nobody's loss.
type Judge interface {
	Judge(ctx context.Context, g *bitboard.Game) (result bitboard.Result, why string, err error)
}

// EngineJudge is a Judge that asks an engine: a side that is ahead by Win
// centipawns has won, anything less is a draw.
type EngineJudge struct {
	Player engine.Player
	Limit  engine.Limit
	Win    int
}

// Judge implements Judge.
func (j *EngineJudge) Judge(ctx context.Context, g *bitboard.Game) (bitboard.Result, string, error) {
	if err := j.Player.NewGame(ctx, 0); err != nil {
		return bitboard.Ongoing, "", fmt.Errorf("match: judge: %w", err)
	}
	reply, err := j.Player.Move(ctx, g, j.Limit)
	switch {
	case err != nil:
		return bitboard.Ongoing, "", fmt.Errorf("match: judge: %w", err)
	case reply.Score == nil:
		return bitboard.Ongoing, "", fmt.Errorf("match: judge: %s told no score", j.Player.Name())
	}
	cp := scoreOf(reply.Score)
	if g.Position().SideToMove() == bitboard.Black {
		cp = -cp
	}
	why := fmt.Sprintf("%+.2f by %s", float64(cp)/100, j.Player.Name())
	switch {
	case cp >= j.Win:
		return bitboard.WhiteWins, why, nil
	case cp <= -j.Win:
		return bitboard.BlackWins, why, nil
	}
	return bitboard.Draw, why, nil
}

// mateScore stands for a mate in either direction.
const mateScore = 100_000

// scoreOf is a score in centipawns, mates included.
func scoreOf(s *engine.Score) int {
	switch {
	case s.IsMate && s.Mate > 0:
		return mateScore
	case s.IsMate:
		return -mateScore
	}
	return s.Centipawns
}

// adjudicator counts what the rules of resignation and draws look at.
type adjudicator struct {
	resign    Resign
	draw      DrawRule
	bad, good [2]int // moves in a row with scores that lose, that win, by player
	equal     int    // plies in a row
}

// verdict of a move: nobody (-1) and false, a loser, or a draw.
type verdict struct {
	over  bool
	loser int // -1: a draw
}

// move takes the mover's score for its move, nil when it told none, and the
// number of the full move it was part of.
func (a *adjudicator) move(mover int, s *engine.Score, fullMove int) verdict {
	if s == nil {
		a.bad[mover], a.good[mover], a.equal = 0, 0, 0
		return verdict{loser: -1}
	}
	cp := scoreOf(s)
	count := func(n *int, holds bool) {
		if *n++; !holds {
			*n = 0
		}
	}
	count(&a.bad[mover], cp <= -a.resign.Score)
	count(&a.good[mover], cp >= a.resign.Score)
	count(&a.equal, cp <= a.draw.Score && -cp <= a.draw.Score)
	if a.resign.Moves > 0 {
		for loser := range 2 {
			if a.bad[loser] >= a.resign.Moves && (!a.resign.TwoSided || a.good[1-loser] >= a.resign.Moves) {
				return verdict{true, loser}
			}
		}
	}
	if a.draw.Moves > 0 && fullMove >= a.draw.From && a.equal >= 2*a.draw.Moves {
		return verdict{true, -1}
	}
	return verdict{loser: -1}
}

// Validate reports rules that make no sense.
func (r Rules) Validate() error {
	for _, c := range r.Controls {
		if err := c.Validate(); err != nil {
			return err
		}
	}
	switch {
	case r.Resign.Moves < 0 || r.Resign.Moves > 0 && r.Resign.Score <= 0:
		return fmt.Errorf("match: %v: the score and the moves must be positive", r.Resign)
	case r.Draw.Moves < 0 || r.Draw.Score < 0 || r.Draw.From < 0:
		return fmt.Errorf("match: %v: negative", r.Draw)
	case r.MaxPlies < 0:
		return errors.New("match: a negative maximum of plies")
	}
	return nil
}

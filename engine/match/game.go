// Package match plays games between players: one game, and a match of many
// game slots over several workers, each slot with its own seed and colors, so
// that any subset of the slots can be played, in any order, with the same
// games as a result.
package match

import (
	"context"
	"errors"
	"fmt"
	"time"

	"transcend/engine"
	"transcend/internal/bitboard"
)

// Ways in which a game ends without the rules ending it.
const (
	TerminationIllegal  = "illegal move"
	TerminationContext  = "context full"
	TerminationResigned = "resigned"
	TerminationLength   = "length"
)

// Cause is why a player lost.
type Cause string

// The causes, apart so that a model that cannot move legally is not taken for
// one that is outplayed.
const (
	CauseNone    Cause = ""        // not lost
	CauseIllegal Cause = "illegal" // no legal move found
	CauseLength  Cause = "length"  // the game outgrew the player's context
	CauseResign  Cause = "resign"
	CauseBoard   Cause = "board" // checkmated
)

// Rules say how a game goes beyond the laws of chess.
type Rules struct {
	Limit engine.Limit
	// MaxPlies ends a game as a draw; 0: never. The paper's protocol uses 178.
	MaxPlies int
	// NoClaims leaves threefold repetition and the fifty-move rule unclaimed,
	// so that only fivefold repetition and 75 moves end a game, as in the
	// paper's harness.
	NoClaims bool
	// IllegalVoids[i] makes an illegal move of player i void the game instead of
	// losing it: an anchor that moves illegally is broken, and a win against it
	// measures nothing.
	IllegalVoids [2]bool
}

// Game is a game that was played.
type Game struct {
	Slot  int
	Seed  uint64
	White int // index of the player with the white pieces

	Moves       []bitboard.Move
	Result      bitboard.Result
	Termination string
	// Loser is the index of the player who lost, -1 in a draw; Cause is why.
	Loser int
	Cause Cause

	Replies []engine.Reply // one for each of Moves
	// Tries counts, for each player, the moves that it was asked for, the
	// attempts that it made, and how many of these were illegal.
	Tries [2]Tries
	// IllegalTexts are the last attempts of a player who lost by illegal moves.
	IllegalTexts []string

	Started time.Time
	Elapsed time.Duration
}

// Tries counts a player's attempts to move.
type Tries struct{ Moves, Attempts, Illegal int }

// PlayerError is a player's failure that is no result of chess: a crash, a
// stall, a broken protocol. The game is void.
type PlayerError struct {
	Player int // index
	Name   string
	Ply    int
	Err    error
}

func (e *PlayerError) Error() string {
	return fmt.Sprintf("match: %s failed at ply %d: %v", e.Name, e.Ply+1, e.Err)
}
func (e *PlayerError) Unwrap() error { return e.Err }

// Play plays one game between players[0] and players[1] from the starting
// position; white is the index of the one with the white pieces. An illegal
// move, a full context or a resignation by a player loses the game for it;
// any other failure voids the game with a *PlayerError.
func Play(ctx context.Context, players [2]engine.Player, white int, seed uint64, rules Rules) (*Game, error) {
	g := &Game{Seed: seed, White: white, Loser: -1, Started: time.Now()}
	defer func() { g.Elapsed = time.Since(g.Started) }()
	for i, p := range players {
		// The two must not draw the same random numbers.
		if err := p.NewGame(ctx, mix(seed, uint64(i)+1)); err != nil {
			return nil, playerError(ctx, i, p, 0, err)
		}
	}
	board := bitboard.NewGame(bitboard.Start())
	for {
		if done := g.finish(board, rules); done {
			return g, nil
		}
		mover := white
		if board.Position().SideToMove() == bitboard.Black {
			mover = 1 - white
		}
		reply, err := players[mover].Move(ctx, board, rules.Limit)
		g.Tries[mover].Moves++
		g.Tries[mover].Attempts += reply.Attempts
		g.Tries[mover].Illegal += reply.Illegal
		if err == nil {
			// Players are not trusted with the rules.
			if err = board.Make(reply.Move); err == nil {
				g.Moves = append(g.Moves, reply.Move)
				g.Replies = append(g.Replies, reply)
				continue
			}
			err = fmt.Errorf("played %s: %w", reply.Move, err)
			return nil, playerError(ctx, mover, players[mover], board.Ply(), err)
		}
		switch failure := engine.FailureOf(err); {
		case failure == engine.IllegalMove && !rules.IllegalVoids[mover]:
			g.lose(mover, TerminationIllegal, CauseIllegal)
			var illegal *engine.IllegalMoveError
			if errors.As(err, &illegal) {
				g.IllegalTexts = illegal.Texts
			}
		case failure == engine.Length:
			g.lose(mover, TerminationContext, CauseLength)
		case failure == engine.Resignation:
			g.lose(mover, TerminationResigned, CauseResign)
		default:
			return nil, playerError(ctx, mover, players[mover], board.Ply(), err)
		}
		return g, nil
	}
}

func playerError(ctx context.Context, i int, p engine.Player, ply int, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &PlayerError{i, p.Name(), ply, err}
}

// finish sets the result when the position or the rules end the game.
func (g *Game) finish(board *bitboard.Game, rules Rules) bool {
	result, why := board.Outcome()
	if result == bitboard.Ongoing && !rules.NoClaims {
		if why = board.ClaimableDraw(); why != bitboard.NoTermination {
			result = bitboard.Draw
		}
	}
	switch result {
	case bitboard.Draw:
		g.Result, g.Termination = bitboard.Draw, why.String()
	case bitboard.WhiteWins:
		g.lose(1-g.White, why.String(), CauseBoard)
	case bitboard.BlackWins:
		g.lose(g.White, why.String(), CauseBoard)
	default:
		if rules.MaxPlies == 0 || board.Ply() < rules.MaxPlies {
			return false
		}
		g.Result, g.Termination = bitboard.Draw, TerminationLength
	}
	return true
}

func (g *Game) lose(loser int, termination string, cause Cause) {
	g.Loser, g.Termination, g.Cause = loser, termination, cause
	g.Result = bitboard.WhiteWins
	if loser == g.White {
		g.Result = bitboard.BlackWins
	}
}

// Score is player i's score in the game: 1, 0.5 or 0.
func (g *Game) Score(i int) float64 {
	switch g.Loser {
	case -1:
		return 0.5
	case i:
		return 0
	}
	return 1
}

// mix derives a seed from two numbers (SplitMix64's finalizer).
func mix(a, b uint64) uint64 {
	x := a + b*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Package engine says what plays the games of an arena, a Player, and has the players
// that need no other program: models that know chess only as a sequence of tokens, ideal
// learners, simulated players, and a uniformly random mover. Engines in processes of their
// own are Players of package uci.
//
// An error says whose fault it is and of what kind; FailureOf sorts them:
//
//	*IllegalMoveError  the player named a move that is not legal
//	*CrashError        the engine's process died
//	*TimeoutError      the engine answered too late, or never (Stalled)
//	*ProtocolError     the engine answered something that its protocol does not know
//	ErrContextFull     the game is longer than the model's context
//	ErrResigned        the player wrote a game result instead of a move
//	ErrSetUpPosition   the game began where a model cannot play
//
// Errors of other packages say it by a method Failure() Failure: those of package uci that
// a wrong configuration is the cause of. Errors of a context passed in come back wrapped
// and are nobody's loss.
package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"transcend/internal/bitboard"
)

// A Player chooses moves. One game at a time: NewGame, then Move for each of
// the player's turns. Close may be called at any time and from any goroutine;
// the other methods from one goroutine at a time.
type Player interface {
	// Name is what tables show.
	Name() string
	// Spec is everything that defines the player's results: what kind it is, its
	// version, the hash of its binary or checkpoint, options, temperature, policy.
	// Players with equal Specs are the same player.
	Spec() map[string]string
	// NewGame prepares for a game. Whatever the player draws at random in it
	// follows from seed; give each side a seed of its own.
	NewGame(ctx context.Context, seed uint64) error
	// Move returns a legal move in g's position. g is only read.
	Move(ctx context.Context, g *bitboard.Game, limit Limit) (Reply, error)
	// Close frees what the player holds. Nothing of it is left running, whatever
	// Close returns.
	Close() error
}

// Limit bounds the thinking about one move. Fields that are zero do not bound;
// models and the random mover ignore all of them.
type Limit struct {
	// MoveTime is the time for this move alone, sent in whole milliseconds, at
	// least one.
	MoveTime time.Duration
	Nodes    int
	Depth    int
	// White and Black are the times left on the two clocks, MovesToGo the number
	// of moves to the next time control (0: the rest of the game). They are sent
	// when the clock of the side to move is not zero.
	White, Black       time.Duration
	WhiteInc, BlackInc time.Duration
	MovesToGo          int
}

// Validate reports limits that bound nothing or are negative.
func (l Limit) Validate() error {
	switch {
	case l.MoveTime < 0, l.Nodes < 0, l.Depth < 0, l.White < 0, l.Black < 0, l.WhiteInc < 0, l.BlackInc < 0, l.MovesToGo < 0:
		return fmt.Errorf("engine: limit %+v: negative", l)
	case l.MoveTime == 0 && l.Nodes == 0 && l.Depth == 0 && (l.White == 0 || l.Black == 0):
		return errors.New("engine: a limit needs a move time, nodes, a depth, or both clocks")
	}
	return nil
}

// Budget is how long a search within l may take for the side to move, false
// when no part of l is a time.
func (l Limit) Budget(side bitboard.Color) (time.Duration, bool) {
	clock := l.White
	if side == bitboard.Black {
		clock = l.Black
	}
	switch {
	case l.MoveTime > 0 && clock > 0:
		return min(l.MoveTime, clock), true
	case l.MoveTime > 0:
		return l.MoveTime, true
	case clock > 0:
		return clock, true
	}
	return 0, false
}

// Bound says what a score is worth.
type Bound uint8

// The kinds of scores.
const (
	Exact Bound = iota
	LowerBound
	UpperBound
)

// String returns "exact", "lower" or "upper".
func (b Bound) String() string {
	switch b {
	case Exact:
		return "exact"
	case LowerBound:
		return "lower"
	case UpperBound:
		return "upper"
	}
	return fmt.Sprintf("Bound(%d)", uint8(b))
}

// Score is an engine's last word on the position it moved in, from the view of
// the side to move.
type Score struct {
	Centipawns int
	// Mate is the distance in moves when IsMate is set: negative when the mover
	// is being mated, 0 when it is mated already.
	Mate   int
	IsMate bool
	Bound  Bound

	Depth, SelDepth int
	Nodes           int64
	NPS             int64
	Time            time.Duration // as the engine reports it
	PV              string        // as the engine wrote it
}

// Reply is a player's answer.
type Reply struct {
	Move  bitboard.Move
	Score *Score // nil when the player reported none
	// Elapsed is the measured time: for an engine from the writing of its go
	// command to the arrival of its bestmove, on the monotonic clock.
	Elapsed time.Duration
	// Attempts is how many moves were drawn for this one, Illegal how many of
	// them were not legal. Both are counted by models; for other players it is
	// one attempt. Under the policy "mask" the move played cannot be illegal;
	// there Illegal is 1 when a draw without the mask would have been.
	Attempts, Illegal int
	// Text is the move as the player wrote it, Wrote the attempts before it that were
	// no legal moves.
	Text  string
	Wrote []string
}

// Latency is what the measured time exceeds the time reported by the engine by:
// the cost of pipes and scheduling. It is false when the engine reported none.
func (r Reply) Latency() (time.Duration, bool) {
	if r.Score == nil || r.Score.Time == 0 {
		return 0, false
	}
	return r.Elapsed - r.Score.Time, true
}

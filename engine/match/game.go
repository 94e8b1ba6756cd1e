// Package match plays games between players: one game (Play), many games
// between many players over several workers (Runner), and who meets whom
// (RoundRobin, Gauntlet, SwissRound).
//
// A game's slot decides everything about it: its seed (SlotSeed), who has White
// (White), its opening (Openings.At). So any subset of the slots can be played,
// in any order and on any number of workers, with the same games as a result.
package match

import (
	"context"
	"errors"
	"fmt"
	"time"

	"transcend/engine"
	"transcend/internal/bitboard"
	"transcend/internal/draw"
)

// Ways in which a game ends without the rules ending it.
const (
	TerminationIllegal  = "illegal move"
	TerminationContext  = "context full"
	TerminationResigned = "resigned"
	TerminationLength   = "length"
	TerminationTime     = "time forfeit"
	TerminationCrash    = "crash"
	TerminationStall    = "stall"
	TerminationProtocol = "protocol error"
	// AdjudicatedLoss and AdjudicatedDraw are by the scores that players told.
	AdjudicatedLoss = "adjudicated: resigns"
	AdjudicatedDraw = "adjudicated: draw"
)

// Cause is why a player lost.
type Cause string

// The causes, apart so that a model that cannot move legally, or an engine that
// crashes, is not taken for one that is outplayed. The words are those of
// leaderboard.LossCause.
const (
	CauseNone     Cause = ""        // not lost
	CauseIllegal  Cause = "illegal" // no legal move found
	CauseLength   Cause = "length"  // the game outgrew the player's context
	CauseResign   Cause = "resign"
	CauseBoard    Cause = "board" // checkmated, or adjudicated
	CauseTime     Cause = "time"
	CauseCrash    Cause = "crash"
	CauseStall    Cause = "stall"
	CauseProtocol Cause = "protocol"
)

// Rules say how a game goes beyond the laws of chess. Index i is player i's.
type Rules struct {
	Controls [2]Control
	// MaxPlies ends a game after so many plies of both sides, those of the opening
	// included, as a draw or as Judge says; 0: never. The paper's protocol uses 178.
	MaxPlies int
	Judge    Judge
	// NoClaims leaves threefold repetition and the fifty-move rule unclaimed,
	// so that only fivefold repetition and 75 moves end a game, as in the
	// paper's harness.
	NoClaims bool
	Resign   Resign
	Draw     DrawRule
	// IllegalVoids makes an illegal move void the game instead of losing it: an
	// anchor that moves illegally is broken, and a win against it measures
	// nothing.
	IllegalVoids [2]bool
	// FailuresLose makes a crash, a stall, a broken protocol and lost time in a
	// game lose it, as between engines; without it they void the game, as they
	// say nothing about a model that plays an anchor.
	FailuresLose [2]bool
	// Watch, when not nil, is called after every move, and before the first, with
	// the game so far, which is only to be read and only in the call.
	Watch func(*Game)
}

// Game is a game that was played.
type Game struct {
	Slot  int
	Seed  uint64
	White int // index of the player with the white pieces

	// Start is where the game started, Opening the opening's name, BookPlies how
	// many of Moves were given by it.
	Start     bitboard.Position
	Opening   string
	BookPlies int

	Moves       []bitboard.Move
	Result      bitboard.Result
	Termination string
	// Loser is the index of the player who lost, -1 in a draw; Cause is why.
	Loser int
	Cause Cause
	// Err is the failure that lost the game: a crash, lost time. See
	// engine.StderrOf for what the engine said.
	Err error

	Replies []engine.Reply // one for each of Moves, empty for those of the opening
	// Clocks are the clocks after each of Moves, of the one who moved; negative
	// without a clock.
	Clocks []time.Duration
	// Tries counts, for each player, the moves that it was asked for, the
	// attempts that it made, and how many of these were illegal.
	Tries [2]Tries
	// Latency is, for each player, the largest difference between the time
	// measured for a move and the time its engine told for it; 0 when it told none.
	Latency [2]time.Duration
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
	Moves  []bitboard.Move // up to the failure
	Err    error
}

func (e *PlayerError) Error() string {
	return fmt.Sprintf("match: %s failed at ply %d: %v", e.Name, e.Ply+1, e.Err)
}
func (e *PlayerError) Unwrap() error { return e.Err }

// Play plays one game between players[0] and players[1] from an opening, whose
// zero value is the initial position; white is the index of the one with the
// white pieces. An illegal move, a full context or a resignation by a player
// loses the game for it, and so do the failures that rules.FailuresLose names;
// any other failure voids the game with a *PlayerError.
func Play(ctx context.Context, players [2]engine.Player, white int, seed uint64, opening Opening, rules Rules) (*Game, error) {
	r := referee{
		rules: rules, players: players,
		game:   &Game{Seed: seed, White: white, Loser: -1, Start: opening.start(), Opening: opening.Name, BookPlies: len(opening.Moves), Started: time.Now()},
		board:  bitboard.NewGame(opening.start()),
		clocks: [2]clock{newClock(rules.Controls[0]), newClock(rules.Controls[1])},
		judged: adjudicator{resign: rules.Resign, draw: rules.Draw},
	}
	defer func() { r.game.Elapsed = time.Since(r.game.Started) }()
	if err := r.begin(ctx, opening, seed); err != nil {
		return nil, err
	}
	for {
		over, err := r.finished(ctx)
		if err != nil {
			return nil, err
		}
		if !over {
			over, err = r.move(ctx)
		}
		if err != nil {
			return nil, err
		}
		if over {
			return r.game, nil
		}
	}
}

// referee plays one game.
type referee struct {
	rules   Rules
	players [2]engine.Player
	game    *Game
	board   *bitboard.Game
	clocks  [2]clock
	judged  adjudicator
}

func (r *referee) begin(ctx context.Context, opening Opening, seed uint64) error {
	for i, p := range r.players {
		// The two must not draw the same random numbers.
		if err := p.NewGame(ctx, draw.Mix(seed, uint64(i)+1)); err != nil {
			return r.failure(ctx, i, err)
		}
	}
	for _, m := range opening.Moves {
		if err := r.board.Make(m); err != nil {
			return fmt.Errorf("match: opening %q: %w", opening.Name, err)
		}
		r.record(m, engine.Reply{}, -1)
	}
	r.watch()
	return nil
}

func (r *referee) record(m bitboard.Move, reply engine.Reply, left time.Duration) {
	g := r.game
	g.Moves = append(g.Moves, m)
	g.Replies = append(g.Replies, reply)
	g.Clocks = append(g.Clocks, left)
}

func (r *referee) watch() {
	if r.rules.Watch != nil {
		r.rules.Watch(r.game)
	}
}

// mover is the index of the player to move.
func (r *referee) mover() int {
	if r.board.Position().SideToMove() == bitboard.White {
		return r.game.White
	}
	return 1 - r.game.White
}

// move asks for a move and makes it; over when the game ended with it.
func (r *referee) move(ctx context.Context) (over bool, err error) {
	g, mover := r.game, r.mover()
	pos := r.board.Position()
	clock := &r.clocks[mover]
	reply, err := r.players[mover].Move(ctx, r.board, clock.limit(pos.SideToMove(), &r.clocks[1-mover]))
	g.Tries[mover].Moves++
	g.Tries[mover].Attempts += reply.Attempts
	g.Tries[mover].Illegal += reply.Illegal
	if err != nil {
		return r.failed(ctx, mover, err)
	}
	if latency, ok := reply.Latency(); ok {
		g.Latency[mover] = max(g.Latency[mover], latency)
	}
	if !clock.spend(reply.Elapsed) {
		late := &engine.TimeoutError{Player: r.players[mover].Name(), During: "search", Limit: clock.allowed(), Elapsed: reply.Elapsed}
		return r.failed(ctx, mover, late)
	}
	// Players are not trusted with the rules.
	fullMove := pos.FullmoveNumber()
	if err := r.board.Make(reply.Move); err != nil {
		return false, r.failure(ctx, mover, fmt.Errorf("played %s: %w", reply.Move, err))
	}
	left := time.Duration(-1)
	if clock.running() {
		left = clock.left
	}
	r.record(reply.Move, reply, left)
	r.watch()
	v := r.judged.move(mover, reply.Score, fullMove)
	// A game that the rules end needs no verdict.
	if !v.over || r.endedByRules() {
		return false, nil
	}
	if v.loser < 0 {
		g.Result, g.Termination = bitboard.Draw, AdjudicatedDraw
	} else {
		g.lose(v.loser, AdjudicatedLoss, CauseBoard)
	}
	return true, nil
}

// allowed is what spend accepts.
func (k *clock) allowed() time.Duration {
	if k.control.MoveTime > 0 && (!k.running() || k.control.MoveTime < k.left) {
		return k.control.MoveTime + k.control.Margin
	}
	return k.left + k.control.Margin
}

// failed decides what an error of a player's Move means.
func (r *referee) failed(ctx context.Context, mover int, err error) (over bool, _ error) {
	g := r.game
	lose := func(termination string, cause Cause) (bool, error) {
		g.Err = err
		g.lose(mover, termination, cause)
		return true, nil
	}
	failure := engine.FailureOf(err)
	switch {
	case ctx.Err() != nil:
	case failure == engine.IllegalMove && !r.rules.IllegalVoids[mover]:
		var illegal *engine.IllegalMoveError
		if errors.As(err, &illegal) {
			g.IllegalTexts = illegal.Texts
		}
		return lose(TerminationIllegal, CauseIllegal)
	case failure == engine.Length:
		return lose(TerminationContext, CauseLength)
	case failure == engine.Resignation:
		return lose(TerminationResigned, CauseResign)
	case !r.rules.FailuresLose[mover]:
	case failure == engine.TimeLoss:
		return lose(TerminationTime, CauseTime)
	case failure == engine.Crash:
		return lose(TerminationCrash, CauseCrash)
	case failure == engine.Stall:
		return lose(TerminationStall, CauseStall)
	case failure == engine.Protocol:
		return lose(TerminationProtocol, CauseProtocol)
	}
	return false, r.failure(ctx, mover, err)
}

// failure is the error that voids the game.
func (r *referee) failure(ctx context.Context, i int, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &PlayerError{Player: i, Name: r.players[i].Name(), Ply: r.board.Ply(), Moves: r.game.Moves, Err: err}
}

// outcome is the end of the game by the laws, with the draws that are claimed.
func (r *referee) outcome() (bitboard.Result, bitboard.Termination) {
	result, why := r.board.Outcome()
	if result == bitboard.Ongoing && !r.rules.NoClaims {
		if why = r.board.ClaimableDraw(); why != bitboard.NoTermination {
			result = bitboard.Draw
		}
	}
	return result, why
}

func (r *referee) endedByRules() bool {
	result, _ := r.outcome()
	return result != bitboard.Ongoing
}

// finished sets the result when the position or the rules end the game.
func (r *referee) finished(ctx context.Context) (bool, error) {
	g := r.game
	switch result, why := r.outcome(); result {
	case bitboard.Ongoing:
	case bitboard.Draw:
		g.Result, g.Termination = bitboard.Draw, why.String()
		return true, nil
	default:
		g.settle(result, why.String())
		return true, nil
	}
	if r.rules.MaxPlies == 0 || r.board.Ply() < r.rules.MaxPlies {
		return false, nil
	}
	g.Result, g.Termination = bitboard.Draw, TerminationLength
	if r.rules.Judge == nil {
		return true, nil
	}
	result, why, err := r.rules.Judge.Judge(ctx, r.board)
	if err != nil {
		return false, err
	}
	g.settle(result, TerminationLength+", judged "+why)
	return true, nil
}

// settle ends a game with a result on the board.
func (g *Game) settle(result bitboard.Result, termination string) {
	switch result {
	case bitboard.WhiteWins:
		g.lose(1-g.White, termination, CauseBoard)
	case bitboard.BlackWins:
		g.lose(g.White, termination, CauseBoard)
	default:
		g.Result, g.Termination = bitboard.Draw, termination
	}
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

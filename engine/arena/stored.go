package arena

// From games as they are played to games as the database keeps them.

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"transcend/elo"
	"transcend/elo/leaderboard"
	"transcend/engine"
	"transcend/engine/match"
	"transcend/internal/bitboard"
	"transcend/internal/cli"
)

func outcome(g *match.Game) elo.Outcome {
	switch g.Score(0) {
	case 1:
		return elo.Win
	case 0.5:
		return elo.Draw
	}
	return elo.Loss
}

// stored is a game as the leaderboard keeps it; player 0 is the match's player.
func stored(matchID int64, g *match.Game) leaderboard.Game {
	out := leaderboard.Game{
		MatchID: matchID, Slot: g.Slot, PlayerWhite: g.White == 0, Opening: g.Opening, BookPlies: g.BookPlies, Seed: g.Seed,
		Result: g.Result.String(), Termination: g.Termination,
		PlayerMoves: g.Tries[0].Moves, Attempts: g.Tries[0].Attempts, Illegal: g.Tries[0].Illegal,
		OpponentMoves: g.Tries[1].Moves, OpponentAttempts: g.Tries[1].Attempts, OpponentIllegal: g.Tries[1].Illegal,
		StartedAt: g.Started, Elapsed: g.Elapsed, Program: cli.Version(),
		StartFEN: startFEN(g), Moves: moveCodes(g.Moves), MoveText: moveText(g.Moves), Evals: evalsOf(g),
	}
	if out.Opening == "" {
		out.Opening = "startpos"
	}
	// The words are the same.
	switch cause := leaderboard.LossCause(g.Cause); g.Loser {
	case 0:
		out.LossCause = cause
	case 1:
		out.OpponentCause = cause
	}
	if g.Err != nil {
		out.Error, out.Stderr = g.Err.Error(), engine.StderrOf(g.Err)
	}
	details := map[string]any{}
	if len(g.IllegalTexts) > 0 {
		// What was written instead of a move is worth keeping.
		details["illegal_texts"] = g.IllegalTexts
	}
	if tries := illegalTries(g); len(tries) > 0 {
		details["illegal_tries"] = tries
	}
	if g.Latency != [2]time.Duration{} {
		details["latency_us"] = [2]int64{g.Latency[0].Microseconds(), g.Latency[1].Microseconds()}
	}
	if len(details) > 0 {
		if b, err := json.Marshal(details); err == nil {
			out.Details = b
		}
	}
	return out
}

// illegalTry is what a player wrote before it found the move at a ply.
type illegalTry struct {
	Ply   int      `json:"ply"`
	Texts []string `json:"texts"`
}

// keptTries bounds the plies of a game of which it is kept: a model that was hardly
// trained fails at each.
const keptTries = 10

func illegalTries(g *match.Game) (tries []illegalTry) {
	for ply, r := range g.Replies {
		if len(r.Wrote) > 0 && len(tries) < keptTries {
			tries = append(tries, illegalTry{ply, r.Wrote})
		}
	}
	return tries
}

// startFEN is empty for the initial position.
func startFEN(g *match.Game) string {
	if g.Start == bitboard.Start() {
		return ""
	}
	return g.Start.FEN()
}

func moveCodes(moves []bitboard.Move) []uint16 {
	codes := make([]uint16, len(moves))
	for i, m := range moves {
		codes[i] = uint16(m)
	}
	return codes
}

// MovesOf converts stored codes.
func MovesOf(codes []uint16) []bitboard.Move {
	moves := make([]bitboard.Move, len(codes))
	for i, c := range codes {
		moves[i] = bitboard.Move(c)
	}
	return moves
}

func moveText(moves []bitboard.Move) string {
	var text strings.Builder
	for i, m := range moves {
		if i > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(m.String())
	}
	return text.String()
}

// evalsOf is what the players said about their moves, and how long they took.
func evalsOf(g *match.Game) []leaderboard.Eval {
	var evals []leaderboard.Eval
	for i := g.BookPlies; i < len(g.Moves); i++ {
		evals = append(evals, evalOf(g, i))
	}
	return evals
}

// evalOf is that of one ply.
func evalOf(g *match.Game, ply int) leaderboard.Eval {
	r := &g.Replies[ply]
	e := leaderboard.Eval{Ply: ply, Millis: r.Elapsed.Milliseconds(), NoScore: r.Score == nil}
	if clock := g.Clocks[ply]; clock >= 0 {
		e.ClockMillis = clock.Milliseconds()
	}
	if s := r.Score; s != nil {
		e.Centipawns, e.Mate, e.IsMate, e.Depth, e.SelDepth, e.Nodes = s.Centipawns, s.Mate, s.IsMate, s.Depth, s.SelDepth, s.Nodes
		if s.Bound != engine.Exact {
			e.Bound = s.Bound.String()
		}
	}
	return e
}

// voidOf is a void game as the leaderboard keeps it.
func voidOf(matchID int64, slot int, err error) leaderboard.Void {
	v := leaderboard.Void{
		MatchID: matchID, Slot: slot, By: leaderboard.ByArena,
		Cause: engine.FailureOf(err).String(), Message: err.Error(), Stderr: engine.StderrOf(err),
	}
	player := -1
	var failure *match.PlayerError
	var starting *match.StartingError
	switch {
	case errors.As(err, &failure):
		player, v.Moves = failure.Player, moveCodes(failure.Moves)
	case errors.As(err, &starting):
		player = starting.Player
	}
	switch player {
	case 0:
		v.By = leaderboard.ByPlayer
	case 1:
		v.By = leaderboard.ByOpponent
	}
	return v
}

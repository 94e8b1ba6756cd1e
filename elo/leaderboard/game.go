package leaderboard

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"transcend/elo"
)

// LossCause is why a player lost a game, apart so that a model that cannot move
// legally, or an engine that crashes, is not taken for one that is outplayed.
type LossCause string

// The causes.
const (
	NotLost     LossCause = ""
	LostIllegal LossCause = "illegal" // no legal move found
	LostLength  LossCause = "length"  // the game outgrew the model's context
	LostBoard   LossCause = "board"   // checkmate, or adjudicated
	LostResign  LossCause = "resign"
	LostTime    LossCause = "time"
	LostCrash   LossCause = "crash"
	LostStall   LossCause = "stall"    // gave no answer and was killed
	LostFormat  LossCause = "protocol" // answered what is not UCI
)

// LossCauses lists the causes in the order tables show them.
func LossCauses() []LossCause {
	return []LossCause{LostBoard, LostIllegal, LostLength, LostResign, LostTime, LostCrash, LostStall, LostFormat}
}

// Eval is what the mover's search said about one ply.
type Eval struct {
	Ply        int   `json:"ply"` // 0-based index into Moves
	Centipawns int   `json:"cp"`  // from the mover's view
	Mate       int   `json:"mate,omitempty"`
	IsMate     bool  `json:"is_mate,omitempty"`
	Depth      int   `json:"depth,omitempty"`
	SelDepth   int   `json:"seldepth,omitempty"`
	Nodes      int64 `json:"nodes,omitempty"`
	Millis     int64 `json:"ms,omitempty"` // measured
	// Bound is "lower" or "upper" when the score is no more than that.
	Bound string `json:"bound,omitempty"`
	// NoScore: the mover told no score, only Millis holds.
	NoScore bool `json:"no_score,omitempty"`
	// ClockMillis is the mover's clock after the move, in games with one.
	ClockMillis int64 `json:"clock_ms,omitempty"`
}

// Game is a finished game in a slot of a match.
type Game struct {
	MatchID int64
	Slot    int // from 0
	// PlayerWhite says whether the player under test had White. White and Black
	// are the players' numbers: filled in when reading, ignored when recording.
	PlayerWhite  bool
	White, Black int64

	Opening   string // name or number in the book; may be empty
	StartFEN  string // empty: the initial position
	BookPlies int    // how many of the first Moves came from the opening
	Seed      uint64

	Result      string // "1-0", "0-1" or "1/2-1/2"
	Termination string // in words: "checkmate", "threefold repetition", ...
	LossCause   LossCause
	// OpponentCause is why the opponent lost; empty stands for LostBoard when it
	// did.
	OpponentCause LossCause
	// Error is what went wrong with the engine that lost by failing, Stderr the
	// last it wrote to standard error.
	Error, Stderr string

	Moves    []uint16 // as bitboard.Move: from | to<<6 | promotion<<12
	MoveText string   // UCI or SAN, for readers without a chess library
	Evals    []Eval   // optional

	// How often the player under test was asked for a move, how many moves it
	// proposed, and how many of these were illegal.
	PlayerMoves, Attempts, Illegal int
	// The same of the opponent.
	OpponentMoves, OpponentAttempts, OpponentIllegal int

	Details   json.RawMessage // optional: anything else worth keeping
	StartedAt time.Time
	Elapsed   time.Duration // kept in whole microseconds
	Program   string        // version of the program that played it
}

// Outcome is the result as the player under test sees it.
func (g Game) Outcome() elo.Outcome {
	switch {
	case g.Result == "1/2-1/2":
		return elo.Draw
	case (g.Result == "1-0") == g.PlayerWhite:
		return elo.Win
	}
	return elo.Loss
}

func (g Game) check() error {
	lost, won := false, false
	switch g.Result {
	case "1-0", "0-1":
		lost, won = g.Outcome() == elo.Loss, g.Outcome() == elo.Win
	case "1/2-1/2":
	default:
		return fmt.Errorf("result %q (want 1-0, 0-1 or 1/2-1/2)", g.Result)
	}
	switch {
	case g.Slot < 0:
		return errors.New("negative slot")
	case lost != (g.LossCause != NotLost):
		return fmt.Errorf("result %s with the player having White = %v does not go with the cause of a loss %q", g.Result, g.PlayerWhite, g.LossCause)
	case lost && !slices.Contains(LossCauses(), g.LossCause):
		return fmt.Errorf("unknown cause of a loss %q", g.LossCause)
	case !won && g.OpponentCause != NotLost || won && g.OpponentCause != NotLost && !slices.Contains(LossCauses(), g.OpponentCause):
		return fmt.Errorf("result %s with the player having White = %v does not go with the cause of the opponent's loss %q", g.Result, g.PlayerWhite, g.OpponentCause)
	case g.BookPlies < 0 || g.BookPlies > len(g.Moves):
		return fmt.Errorf("%d plies of the opening among %d moves", g.BookPlies, len(g.Moves))
	case g.OpponentMoves < 0 || g.OpponentAttempts < 0 || g.OpponentIllegal < 0 || g.OpponentIllegal > g.OpponentAttempts:
		return fmt.Errorf("opponent: %d moves, %d attempts, %d of them illegal", g.OpponentMoves, g.OpponentAttempts, g.OpponentIllegal)
	case g.PlayerMoves < 0 || g.Attempts < 0 || g.Illegal < 0 || g.Illegal > g.Attempts:
		return fmt.Errorf("%d moves, %d attempts, %d of them illegal", g.PlayerMoves, g.Attempts, g.Illegal)
	case g.Elapsed < 0:
		return fmt.Errorf("negative duration %v", g.Elapsed)
	case len(g.Details) > 0 && !json.Valid(g.Details):
		return errors.New("details are not JSON")
	}
	return nil
}

// RecordGame stores a finished game in its slot, in one transaction that is on
// disk when it returns nil. When the slot has a game already, nothing changes
// and the error is ErrSlotTaken: another program was faster, or this one
// before it was stopped. After any other error the game may be recorded again.
func (s *Store) RecordGame(ctx context.Context, g Game) error {
	op := fmt.Sprintf("recording game %d of match %d", g.Slot, g.MatchID)
	if err := g.check(); err != nil {
		return fmt.Errorf("leaderboard: %s: %w", op, err)
	}
	if g.Outcome() == elo.Win && g.OpponentCause == NotLost {
		g.OpponentCause = LostBoard
	}
	moves := moveBytes(g.Moves)
	evals, err := evalText(g.Evals)
	if err != nil {
		return fmt.Errorf("leaderboard: %s: %w", op, err)
	}
	var details any
	if len(g.Details) > 0 {
		details = string(g.Details)
	}
	return s.write(ctx, op, func(tx *sql.Tx) error {
		var player, opponent int64
		err := tx.QueryRowContext(ctx, "SELECT player_id, opponent_id FROM matches WHERE id = ?", g.MatchID).Scan(&player, &opponent)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("match %d: %w", g.MatchID, ErrNotFound)
		}
		if err != nil {
			return err
		}
		white, black := player, opponent
		if !g.PlayerWhite {
			white, black = opponent, player
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM live WHERE match_id = ? AND slot = ?", g.MatchID, g.Slot)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO games
			(match_id, slot, white_id, black_id, player_white, opening, start_fen, book_plies, seed, result, score, termination, loss_cause, opponent_cause,
			 plies, moves, move_text, evals, player_moves, attempts, illegal_attempts, opponent_moves, opponent_attempts, opponent_illegal,
			 error, stderr, details, started_at, elapsed_us, program)
			VALUES (`+placeholders(30)+")",
			g.MatchID, g.Slot, white, black, g.PlayerWhite, g.Opening, g.StartFEN, g.BookPlies, strconv.FormatUint(g.Seed, 10), g.Result, int(g.Outcome()), g.Termination,
			string(g.LossCause), string(g.OpponentCause), len(g.Moves), moves, g.MoveText, evals, g.PlayerMoves, g.Attempts, g.Illegal,
			g.OpponentMoves, g.OpponentAttempts, g.OpponentIllegal, g.Error, g.Stderr, details, timeText(g.StartedAt), g.Elapsed.Microseconds(), g.Program)
		if isUnique(err) {
			return ErrSlotTaken
		}
		return err
	})
}

// moveBytes is moves as the database has them.
func moveBytes(moves []uint16) []byte {
	b := make([]byte, 0, 2*len(moves))
	for _, m := range moves {
		b = binary.LittleEndian.AppendUint16(b, m)
	}
	return b
}

// movesOf reads what moveBytes wrote.
func movesOf(b []byte) ([]uint16, error) {
	if len(b)%2 != 0 {
		return nil, fmt.Errorf("%d bytes", len(b))
	}
	var moves []uint16
	for ; len(b) > 0; b = b[2:] {
		moves = append(moves, binary.LittleEndian.Uint16(b))
	}
	return moves, nil
}

// evalText is evaluations as JSON, NULL without any.
func evalText(evals []Eval) (any, error) {
	if len(evals) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(evals)
	return string(b), err
}

// Games yields the games of the given matches, or of all without any, by match
// and slot. It reads from one snapshot of the database, row by row; an error is
// yielded once and ends the iteration.
func (s *Store) Games(ctx context.Context, matchIDs ...int64) iter.Seq2[Game, error] {
	return func(yield func(Game, error) bool) {
		const op = "reading games"
		where, args := inMatches("match_id", matchIDs)
		rows, err := s.reader.QueryContext(ctx, "SELECT "+gameColumns+" FROM games "+where+" ORDER BY match_id, slot", args...)
		if err != nil {
			yield(Game{}, s.wrap(op, err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			g, err := s.scanGame(op, rows)
			if !yield(g, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(Game{}, s.wrap(op, err))
		}
	}
}

// gameColumns are what scanGame reads.
const gameColumns = `match_id, slot, white_id, black_id, player_white, opening, start_fen, book_plies, seed, result, termination, loss_cause, opponent_cause,
	moves, move_text, evals, player_moves, attempts, illegal_attempts, opponent_moves, opponent_attempts, opponent_illegal, error, stderr,
	details, started_at, elapsed_us, program`

func inMatches(column string, ids []int64) (where string, args []any) {
	if len(ids) == 0 {
		return "", nil
	}
	for _, id := range ids {
		args = append(args, id)
	}
	return "WHERE " + column + " IN (" + placeholders(len(ids)) + ")", args
}

func (s *Store) scanGame(op string, rows *sql.Rows) (Game, error) {
	var g Game
	var seed, started string
	var moves []byte
	var evals, details sql.NullString
	var micros int64
	err := rows.Scan(&g.MatchID, &g.Slot, &g.White, &g.Black, &g.PlayerWhite, &g.Opening, &g.StartFEN, &g.BookPlies, &seed, &g.Result,
		&g.Termination, (*string)(&g.LossCause), (*string)(&g.OpponentCause), &moves, &g.MoveText, &evals, &g.PlayerMoves, &g.Attempts, &g.Illegal,
		&g.OpponentMoves, &g.OpponentAttempts, &g.OpponentIllegal, &g.Error, &g.Stderr, &details, &started, &micros, &g.Program)
	if err != nil {
		return Game{}, s.wrap(op, err)
	}
	bad := func(what string, err error) (Game, error) {
		return Game{}, s.damaged(op, "game %d of match %d: %s: %w", g.Slot, g.MatchID, what, err)
	}
	if g.Seed, err = strconv.ParseUint(seed, 10, 64); err != nil {
		return bad("seed", err)
	}
	if g.StartedAt, err = parseTime(started); err != nil {
		return bad("start", err)
	}
	if g.Moves, err = movesOf(moves); err != nil {
		return bad("moves", err)
	}
	if evals.Valid {
		if err := json.Unmarshal([]byte(evals.String), &g.Evals); err != nil {
			return bad("evaluations", err)
		}
	}
	if details.Valid {
		g.Details = json.RawMessage(details.String)
	}
	g.Elapsed = time.Duration(micros) * time.Microsecond
	return g, nil
}

// Culprit is who a void game is to be blamed on.
type Culprit string

// The culprits.
const (
	ByPlayer   Culprit = "player"
	ByOpponent Culprit = "opponent"
	ByArena    Culprit = "arena"
)

// Void is a game that a failure ended before it had a result: a crash at the
// start, an anchor's illegal move. Its slot stays free.
type Void struct {
	MatchID int64
	Slot    int
	By      Culprit
	Cause   string   // in a word: "crash", "stall", "illegal move"
	Message string   // the error
	Stderr  string   // the last of what the engine wrote to standard error
	Moves   []uint16 // up to the failure
	At      time.Time
}

// RecordVoid stores a void game. A zero At is now.
func (s *Store) RecordVoid(ctx context.Context, v Void) error {
	op := fmt.Sprintf("recording the void game %d of match %d", v.Slot, v.MatchID)
	if v.At.IsZero() {
		v.At = time.Now()
	}
	return s.write(ctx, op, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO voids (match_id, slot, culprit, cause, message, stderr, moves, happened_at) VALUES ("+placeholders(8)+")",
			v.MatchID, v.Slot, string(v.By), v.Cause, v.Message, v.Stderr, moveBytes(v.Moves), timeText(v.At))
		return err
	})
}

// Voids returns the void games of the given matches, or of all without any, in
// the order they happened.
func (s *Store) Voids(ctx context.Context, matchIDs ...int64) ([]Void, error) {
	const op = "reading void games"
	where, args := inMatches("match_id", matchIDs)
	rows, err := s.reader.QueryContext(ctx, "SELECT match_id, slot, culprit, cause, message, stderr, moves, happened_at FROM voids "+where+" ORDER BY id", args...)
	if err != nil {
		return nil, s.wrap(op, err)
	}
	defer rows.Close()
	var voids []Void
	for rows.Next() {
		var v Void
		var moves []byte
		var at string
		if err := rows.Scan(&v.MatchID, &v.Slot, (*string)(&v.By), &v.Cause, &v.Message, &v.Stderr, &moves, &at); err != nil {
			return nil, s.wrap(op, err)
		}
		if v.Moves, err = movesOf(moves); err != nil {
			return nil, s.damaged(op, "void game %d of match %d: moves: %w", v.Slot, v.MatchID, err)
		}
		if v.At, err = parseTime(at); err != nil {
			return nil, s.damaged(op, "void game %d of match %d: %w", v.Slot, v.MatchID, err)
		}
		voids = append(voids, v)
	}
	return voids, s.wrap(op, rows.Err())
}

package leaderboard

// Games in play: for watching, and so that two arenas on one file do not play
// the same slot at once. Losing any of it loses nothing: results are in games.

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"
)

// StaleAfter is how long ago a game in play may have been refreshed before its
// arena counts as dead.
const StaleAfter = 15 * time.Second

// Live is a game in play.
type Live struct {
	MatchID     int64
	Slot        int
	Arena       string // the process that plays it: whatever tells it from others
	PlayerWhite bool   // as in Game
	StartFEN    string
	BookPlies   int
	Moves       []uint16
	Evals       []Eval
	// WhiteClock and BlackClock are the clocks at the last move; negative: none.
	WhiteClock, BlackClock time.Duration
	UpdatedAt              time.Time
}

// Claim reserves a slot for an arena. It is false when the slot has a game, or
// another arena is playing it.
func (s *Store) Claim(ctx context.Context, arena string, matchID int64, slot int, playerWhite bool) (bool, error) {
	claimed := false
	err := s.writeLive(ctx, "claiming a slot", func(tx *sql.Tx) error {
		now := time.Now()
		result, err := tx.ExecContext(ctx, `INSERT INTO live (match_id, slot, arena, player_white, start_fen, book_plies, moves, updated_at)
			SELECT ?, ?, ?, ?, '', 0, x'', ? WHERE NOT EXISTS (SELECT 1 FROM games WHERE match_id = ? AND slot = ?)
			ON CONFLICT (match_id, slot) DO UPDATE SET arena = excluded.arena, player_white = excluded.player_white, start_fen = '',
				book_plies = 0, moves = x'', evals = NULL, updated_at = excluded.updated_at
			WHERE arena = excluded.arena OR updated_at < ?`,
			matchID, slot, arena, playerWhite, stamp(now), matchID, slot, stamp(now.Add(-StaleAfter)))
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		claimed = n > 0
		return err
	})
	return claimed, err
}

// Release gives up the slots that an arena has claimed: one, or all of them when
// matchID is 0.
func (s *Store) Release(ctx context.Context, arena string, matchID int64, slot int) error {
	return s.writeLive(ctx, "releasing slots", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM live WHERE arena = ? AND (? = 0 OR match_id = ? AND slot = ?)", arena, matchID, matchID, slot)
		return err
	})
}

// Refresh stores how the games stand that an arena has claimed. A slot that is
// not its own any more stays as it is.
func (s *Store) Refresh(ctx context.Context, arena string, games []Live) error {
	return s.writeLive(ctx, "storing the games in play", func(tx *sql.Tx) error {
		now := stamp(time.Now())
		for _, g := range games {
			evals, err := evalText(g.Evals)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `UPDATE live SET start_fen = ?, book_plies = ?, moves = ?, evals = ?, white_clock_ms = ?, black_clock_ms = ?, updated_at = ?
				WHERE match_id = ? AND slot = ? AND arena = ?`,
				g.StartFEN, g.BookPlies, moveBytes(g.Moves), evals, clockMillis(g.WhiteClock), clockMillis(g.BlackClock), now, g.MatchID, g.Slot, arena); err != nil {
				return err
			}
		}
		return nil
	})
}

// stamp is a time in a form whose order as text is that of time.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func clockMillis(d time.Duration) any {
	if d < 0 {
		return nil
	}
	return d.Milliseconds()
}

// Live returns the games in play whose arenas are alive, by match and slot.
func (s *Store) Live(ctx context.Context) ([]Live, error) {
	const op = "reading the games in play"
	rows, err := s.reader.QueryContext(ctx, `SELECT match_id, slot, arena, player_white, start_fen, book_plies, moves, evals,
		coalesce(white_clock_ms, -1), coalesce(black_clock_ms, -1), updated_at FROM live WHERE updated_at >= ? ORDER BY match_id, slot`,
		stamp(time.Now().Add(-StaleAfter)))
	if err != nil {
		return nil, s.wrap(op, err)
	}
	defer rows.Close()
	var games []Live
	for rows.Next() {
		var g Live
		var moves []byte
		var evals sql.NullString
		var white, black int64
		var updated string
		if err := rows.Scan(&g.MatchID, &g.Slot, &g.Arena, &g.PlayerWhite, &g.StartFEN, &g.BookPlies, &moves, &evals, &white, &black, &updated); err != nil {
			return nil, s.wrap(op, err)
		}
		if g.Moves, err = movesOf(moves); err != nil {
			return nil, s.damaged(op, "slot %d of match %d: moves: %w", g.Slot, g.MatchID, err)
		}
		if evals.Valid {
			if err := json.Unmarshal([]byte(evals.String), &g.Evals); err != nil {
				return nil, s.damaged(op, "slot %d of match %d: evaluations: %w", g.Slot, g.MatchID, err)
			}
		}
		if g.UpdatedAt, err = parseTime(updated); err != nil {
			return nil, s.damaged(op, "slot %d of match %d: %w", g.Slot, g.MatchID, err)
		}
		g.WhiteClock, g.BlackClock = time.Duration(white)*time.Millisecond, time.Duration(black)*time.Millisecond
		games = append(games, g)
	}
	return games, s.wrap(op, rows.Err())
}

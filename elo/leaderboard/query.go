package leaderboard

// What pages ask for: single games, lists of games, counts by match.

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"transcend/elo"
)

// Revision is a text that changes whenever a game, a void game, a match or a
// player is added: it costs a look at the ends of four tables, so that readers
// may ask often.
func (s *Store) Revision(ctx context.Context) (string, error) {
	const op = "asking for changes"
	var games, voids, matches, players int64
	err := s.reader.QueryRowContext(ctx, `SELECT
		(SELECT coalesce(max(id), 0) FROM games), (SELECT coalesce(max(id), 0) FROM voids),
		(SELECT coalesce(max(id), 0) FROM matches), (SELECT coalesce(max(id), 0) FROM players)`).Scan(&games, &voids, &matches, &players)
	if err != nil {
		return "", s.wrap(op, err)
	}
	return fmt.Sprintf("%d-%d-%d-%d", games, voids, matches, players), nil
}

// Game returns the game in a slot; the error is ErrNotFound when there is none.
func (s *Store) Game(ctx context.Context, matchID int64, slot int) (Game, error) {
	const op = "reading a game"
	rows, err := s.reader.QueryContext(ctx, "SELECT "+gameColumns+" FROM games WHERE match_id = ? AND slot = ?", matchID, slot)
	if err != nil {
		return Game{}, s.wrap(op, err)
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return Game{}, s.wrap(op, err)
		}
		return Game{}, fmt.Errorf("leaderboard: game %d of match %d: %w", slot, matchID, ErrNotFound)
	}
	return s.scanGame(op, rows)
}

// Filter chooses games; its zero value chooses all.
type Filter struct {
	Match  int64 // 0: all
	Player int64 // who took part on either side; 0: everybody
	// Outcome of the game as Player sees it, or, without one, as the player under
	// test does; nil: any.
	Outcome *elo.Outcome
	Cause   LossCause // of the loss of the player under test; NotLost: any
	// Illegal keeps games in which somebody proposed an illegal move.
	Illegal bool
}

// where is the condition in SQL.
func (f Filter) where() (string, []any) {
	var parts []string
	var args []any
	add := func(part string, values ...any) { parts, args = append(parts, part), append(args, values...) }
	if f.Match != 0 {
		add("match_id = ?", f.Match)
	}
	if f.Player != 0 {
		add("(white_id = ? OR black_id = ?)", f.Player, f.Player)
	}
	if f.Outcome != nil {
		if f.Player == 0 {
			add("score = ?", int(*f.Outcome))
		} else {
			// The player under test has White where player_white is 1.
			add("CASE WHEN (white_id = ?) = player_white THEN score ELSE 2 - score END = ?", f.Player, int(*f.Outcome))
		}
	}
	if f.Cause != NotLost {
		add("loss_cause = ?", string(f.Cause))
	}
	if f.Illegal {
		add("(illegal_attempts > 0 OR opponent_illegal > 0)")
	}
	if len(parts) == 0 {
		return "", nil
	}
	return "WHERE " + strings.Join(parts, " AND "), args
}

// FindGames returns the games that the filter chooses, the latest first: limit
// of them at most (0: all) after leaving out offset, and how many there are.
func (s *Store) FindGames(ctx context.Context, f Filter, limit, offset int) (games []Game, total int, err error) {
	const op = "finding games"
	tx, err := s.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, 0, s.wrap(op, err)
	}
	defer tx.Rollback()
	where, args := f.where()
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM games "+where, args...).Scan(&total); err != nil {
		return nil, 0, s.wrap(op, err)
	}
	if limit == 0 {
		limit = -1 // SQLite's word for no limit
	}
	rows, err := tx.QueryContext(ctx, "SELECT "+gameColumns+" FROM games "+where+" ORDER BY id DESC LIMIT ? OFFSET ?", append(args, limit, offset)...)
	if err != nil {
		return nil, 0, s.wrap(op, err)
	}
	defer rows.Close()
	for rows.Next() {
		g, err := s.scanGame(op, rows)
		if err != nil {
			return nil, 0, err
		}
		games = append(games, g)
	}
	return games, total, s.wrap(op, rows.Err())
}

// GamesAfter returns the games that were stored after the one that mark stands for, in
// the order in which they were stored, limit of them at most, and the mark of the last.
// Mark 0 is before all.
func (s *Store) GamesAfter(ctx context.Context, mark int64, limit int) (games []Game, last int64, err error) {
	const op = "reading new games"
	tx, err := s.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, mark, s.wrap(op, err)
	}
	defer tx.Rollback()
	const which = " FROM games WHERE id > ? ORDER BY id LIMIT ?"
	if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(id), ?) FROM (SELECT id"+which+")", mark, mark, limit).Scan(&last); err != nil {
		return nil, mark, s.wrap(op, err)
	}
	rows, err := tx.QueryContext(ctx, "SELECT "+gameColumns+which, mark, limit)
	if err != nil {
		return nil, mark, s.wrap(op, err)
	}
	defer rows.Close()
	for rows.Next() {
		g, err := s.scanGame(op, rows)
		if err != nil {
			return nil, mark, err
		}
		games = append(games, g)
	}
	return games, last, s.wrap(op, rows.Err())
}

// Tally is what the games of a match add up to, as the player under test sees
// them.
type Tally struct {
	Record elo.Record
	Black  elo.Record // the part of Record that was played with Black
	Losses map[LossCause]int
	// How many moves the player under test proposed, how many of them were
	// illegal, and in how many games there was one.
	Attempts, Illegal, IllegalGames int
}

// White is the part of Record that was played with White.
func (t Tally) White() elo.Record {
	return elo.Record{Wins: t.Record.Wins - t.Black.Wins, Draws: t.Record.Draws - t.Black.Draws, Losses: t.Record.Losses - t.Black.Losses}
}

// Tallies counts the games of every match that has one, by the match's number.
func (s *Store) Tallies(ctx context.Context) (map[int64]Tally, error) {
	const op = "counting games"
	rows, err := s.reader.QueryContext(ctx, `SELECT match_id, score, loss_cause, player_white, count(*), sum(attempts), sum(illegal_attempts), sum(illegal_attempts > 0)
		FROM games GROUP BY match_id, score, loss_cause, player_white`)
	if err != nil {
		return nil, s.wrap(op, err)
	}
	defer rows.Close()
	tallies := map[int64]Tally{}
	for rows.Next() {
		var match int64
		var score, n, attempts, illegal, illegalGames int
		var cause LossCause
		var white bool
		if err := rows.Scan(&match, &score, &cause, &white, &n, &attempts, &illegal, &illegalGames); err != nil {
			return nil, s.wrap(op, err)
		}
		t := tallies[match]
		var part elo.Record
		switch elo.Outcome(score) {
		case elo.Win:
			part.Wins = n
		case elo.Draw:
			part.Draws = n
		case elo.Loss:
			part.Losses = n
			if t.Losses == nil {
				t.Losses = map[LossCause]int{}
			}
			t.Losses[cause] += n
		default:
			return nil, s.damaged(op, "games of match %d with score %d", match, score)
		}
		t.Record = t.Record.Plus(part)
		if !white {
			t.Black = t.Black.Plus(part)
		}
		t.Attempts += attempts
		t.Illegal += illegal
		t.IllegalGames += illegalGames
		tallies[match] = t
	}
	if err := rows.Err(); err != nil {
		return nil, s.wrap(op, err)
	}
	return tallies, nil
}

// MatchNames are what tournaments call the player under test and the opponent of their
// matches, by the match's number: one player may be several entrants, at other limits or
// twice. A match to which two tournaments give other names is left out.
func (s *Store) MatchNames(ctx context.Context) (map[int64][2]string, error) {
	return s.matchNames(ctx, s.reader)
}

func (s *Store) matchNames(ctx context.Context, q queryer) (map[int64][2]string, error) {
	const op = "reading the names of entrants"
	rows, err := q.QueryContext(ctx, `SELECT DISTINCT p.match_id, a.name, b.name FROM pairings p
		JOIN entrants a ON a.tournament_id = p.tournament_id AND a.seat = p.first_seat
		JOIN entrants b ON b.tournament_id = p.tournament_id AND b.seat = p.second_seat
		WHERE p.match_id IS NOT NULL`)
	if err != nil {
		return nil, s.wrap(op, err)
	}
	defer rows.Close()
	names, several := map[int64][2]string{}, map[int64]bool{}
	for rows.Next() {
		var match int64
		var pair [2]string
		if err := rows.Scan(&match, &pair[0], &pair[1]); err != nil {
			return nil, s.wrap(op, err)
		}
		if _, known := names[match]; known {
			several[match] = true
		}
		names[match] = pair
	}
	for match := range several {
		delete(names, match)
	}
	return names, s.wrap(op, rows.Err())
}

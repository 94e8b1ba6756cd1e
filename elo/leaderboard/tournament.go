package leaderboard

// Tournaments: matches that belong together by a schedule.

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// TournamentKind is how a tournament pairs its entrants.
type TournamentKind string

// The kinds.
const (
	RoundRobin TournamentKind = "round-robin" // everybody against everybody
	Gauntlet   TournamentKind = "gauntlet"    // the first against all others
	Swiss      TournamentKind = "swiss"       // those with equal scores, nobody twice
)

// Tournament is a set of entrants and how they are paired.
type Tournament struct {
	ID   int64          `json:"id"`
	Name string         `json:"name"`
	Kind TournamentKind `json:"kind"`
	Seed uint64         `json:"seed"`
	// Config is the whole configuration as JSON, for people and to start the
	// tournament again from: what "arena match --config" reads.
	Config json.RawMessage `json:"config"`
	// Identity is whatever decides the games besides kind, seed and entrants.
	// It is hashed and not read back.
	Identity map[string]string `json:"-"`

	Entrants []Entrant `json:"entrants"` // by seat

	Program   string    `json:"program,omitempty"`
	CreatedAt time.Time `json:"created_at"`
}

// Entrant is a player of a tournament. Its seat is its index in
// Tournament.Entrants.
type Entrant struct {
	PlayerID int64  `json:"player_id"`
	Name     string `json:"name"`            // in this tournament
	Limit    string `json:"limit,omitempty"` // as Match.PlayerLimit
}

// Pairing is a part of a match that a tournament's schedule asks for: Games
// slots of match MatchID from FirstSlot on. The entrant in seat First is the
// match's player, Second its opponent. A bye has Second -1 and MatchID 0.
type Pairing struct {
	Round     int   `json:"round"`
	Board     int   `json:"board"`
	First     int   `json:"first"`
	Second    int   `json:"second"`
	MatchID   int64 `json:"match_id,omitempty"`
	FirstSlot int   `json:"first_slot"`
	Games     int   `json:"games"`
}

// EnsureTournament finds the tournament with exactly these entrants, kind, seed
// and identity, or adds it, and returns its number. Name and config of one that
// is found become t's.
func (s *Store) EnsureTournament(ctx context.Context, t Tournament) (int64, error) {
	const op = "storing a tournament"
	if len(t.Config) == 0 {
		t.Config = json.RawMessage("{}")
	}
	if !json.Valid(t.Config) {
		return 0, fmt.Errorf("leaderboard: tournament %q: the configuration is not JSON", t.Name)
	}
	if !slices.Contains([]TournamentKind{RoundRobin, Gauntlet, Swiss}, t.Kind) {
		return 0, fmt.Errorf("leaderboard: tournament %q: no kind %q", t.Name, t.Kind)
	}
	var id int64
	err := s.write(ctx, op, func(tx *sql.Tx) error {
		identity := map[string]string{"kind": string(t.Kind), "seed": strconv.FormatUint(t.Seed, 10)}
		for k, v := range t.Identity {
			identity["option."+k] = v
		}
		for seat, e := range t.Entrants {
			var hash string
			switch err := tx.QueryRowContext(ctx, "SELECT hash FROM players WHERE id = ?", e.PlayerID).Scan(&hash); {
			case errors.Is(err, sql.ErrNoRows):
				return fmt.Errorf("player %d: %w", e.PlayerID, ErrNotFound)
			case err != nil:
				return err
			}
			identity[fmt.Sprintf("entrant.%d", seat)] = fmt.Sprintf("%s %s %s", hash, e.Limit, e.Name)
		}
		_, hash := canonical(identity)
		if _, err := tx.ExecContext(ctx, `INSERT INTO tournaments (hash, name, kind, config, seed, program, created_at)
			VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (hash) DO UPDATE SET name = excluded.name, config = excluded.config`,
			hash, t.Name, string(t.Kind), string(t.Config), strconv.FormatUint(t.Seed, 10), t.Program, timeText(time.Now())); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, "SELECT id FROM tournaments WHERE hash = ?", hash).Scan(&id); err != nil {
			return err
		}
		for seat, e := range t.Entrants {
			if _, err := tx.ExecContext(ctx, "INSERT INTO entrants (tournament_id, seat, player_id, name, play_limit) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
				id, seat, e.PlayerID, e.Name, e.Limit); err != nil {
				return err
			}
		}
		return nil
	})
	return id, err
}

// Tournament returns the tournament with that number; the error is ErrNotFound
// when there is none.
func (s *Store) Tournament(ctx context.Context, id int64) (Tournament, error) {
	ts, err := s.tournaments(ctx, "WHERE id = ?", id)
	if err == nil && len(ts) == 0 {
		err = fmt.Errorf("leaderboard: tournament %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return Tournament{}, err
	}
	return ts[0], nil
}

// Tournaments returns all tournaments in the order they were begun.
func (s *Store) Tournaments(ctx context.Context) ([]Tournament, error) { return s.tournaments(ctx, "") }

func (s *Store) tournaments(ctx context.Context, where string, args ...any) ([]Tournament, error) {
	const op = "reading tournaments"
	tx, err := s.reader.BeginTx(ctx, nil)
	if err != nil {
		return nil, s.wrap(op, err)
	}
	defer tx.Rollback()
	rows, err := tx.QueryContext(ctx, "SELECT id, name, kind, config, seed, program, created_at FROM tournaments "+where+" ORDER BY id", args...)
	if err != nil {
		return nil, s.wrap(op, err)
	}
	defer rows.Close()
	var ts []Tournament
	for rows.Next() {
		var t Tournament
		var config, seed, created string
		if err := rows.Scan(&t.ID, &t.Name, (*string)(&t.Kind), &config, &seed, &t.Program, &created); err != nil {
			return nil, s.wrap(op, err)
		}
		t.Config = json.RawMessage(config)
		if t.Seed, err = strconv.ParseUint(seed, 10, 64); err != nil {
			return nil, s.damaged(op, "tournament %d: seed: %w", t.ID, err)
		}
		if t.CreatedAt, err = parseTime(created); err != nil {
			return nil, s.damaged(op, "tournament %d: %w", t.ID, err)
		}
		ts = append(ts, t)
	}
	if err := rows.Err(); err != nil {
		return nil, s.wrap(op, err)
	}
	for i := range ts {
		if ts[i].Entrants, err = s.entrants(ctx, tx, ts[i].ID); err != nil {
			return nil, s.wrap(op, err)
		}
	}
	return ts, nil
}

func (s *Store) entrants(ctx context.Context, q queryer, tournament int64) ([]Entrant, error) {
	rows, err := q.QueryContext(ctx, "SELECT player_id, name, play_limit FROM entrants WHERE tournament_id = ? ORDER BY seat", tournament)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var es []Entrant
	for rows.Next() {
		var e Entrant
		if err := rows.Scan(&e.PlayerID, &e.Name, &e.Limit); err != nil {
			return nil, err
		}
		es = append(es, e)
	}
	return es, rows.Err()
}

// SetPairings replaces what a round of a tournament has paired.
func (s *Store) SetPairings(ctx context.Context, tournament int64, round int, pairings []Pairing) error {
	op := fmt.Sprintf("storing round %d of tournament %d", round+1, tournament)
	return s.write(ctx, op, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM pairings WHERE tournament_id = ? AND round = ?", tournament, round); err != nil {
			return err
		}
		for _, p := range pairings {
			var match any
			if p.Second >= 0 {
				match = p.MatchID
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO pairings (tournament_id, round, board, first_seat, second_seat, match_id, first_slot, games) VALUES ("+placeholders(8)+")",
				tournament, round, p.Board, p.First, p.Second, match, p.FirstSlot, p.Games); err != nil {
				return err
			}
		}
		return nil
	})
}

// Pairings returns what a tournament has paired so far, by round and board.
func (s *Store) Pairings(ctx context.Context, tournament int64) ([]Pairing, error) {
	const op = "reading pairings"
	rows, err := s.reader.QueryContext(ctx, `SELECT round, board, first_seat, second_seat, coalesce(match_id, 0), first_slot, games
		FROM pairings WHERE tournament_id = ? ORDER BY round, board`, tournament)
	if err != nil {
		return nil, s.wrap(op, err)
	}
	defer rows.Close()
	var ps []Pairing
	for rows.Next() {
		var p Pairing
		if err := rows.Scan(&p.Round, &p.Board, &p.First, &p.Second, &p.MatchID, &p.FirstSlot, &p.Games); err != nil {
			return nil, s.wrap(op, err)
		}
		ps = append(ps, p)
	}
	return ps, s.wrap(op, rows.Err())
}

package leaderboard

// Players and matches: what games are played between, and under which
// conditions. Both are found again by the hash of everything that defines them,
// never by name.

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Keys of a player's Spec that have a column of their own. A Spec may have any
// other keys as well; all of them together define the player.
const (
	SpecKind        = "kind"                     // required: "uci", "model", "random", ...
	SpecName        = "name"                     // what a UCI engine calls itself in "id name"
	SpecVersion     = "version"                  //
	SpecSHA256      = "sha256"                   // of an engine's binary
	SpecSkillLevel  = "option.Skill Level"       // an integer
	SpecUCIElo      = "option.UCI_Elo"           // an integer, in force when
	SpecLimited     = "option.UCI_LimitStrength" // this is "true"
	SpecWeights     = "weights"                  // hash of a model's weights
	SpecTokenizer   = "tokenizer"                //
	SpecTemperature = "temperature"              // a number
	SpecTopK        = "top-k"                    // an integer
	SpecTopP        = "top-p"                    // a number
	SpecPolicy      = "policy"                   // what an illegal move leads to
)

// Player is one side of a match: an engine at given options, a model at a given
// temperature.
type Player struct {
	ID int64 `json:"id"`
	// Name is for people. It is no part of what defines the player: the first
	// name that a Spec came with stays.
	Name string `json:"name"`
	// Spec is everything that defines the player's results.
	Spec map[string]string `json:"spec"`
}

// Kind is the Spec's kind.
func (p Player) Kind() string { return p.Spec[SpecKind] }

// normalized is the Spec with numbers in their shortest form and empty values
// left out, so that "0.10" and "0.1" are the same temperature.
func (p Player) normalized() (map[string]string, error) {
	spec := make(map[string]string, len(p.Spec))
	for k, v := range p.Spec {
		if v == "" {
			continue
		}
		switch k {
		case SpecSkillLevel, SpecUCIElo, SpecTopK:
			n, err := strconv.ParseInt(v, 10, 32)
			if err != nil {
				return nil, fmt.Errorf("%s %q is not an integer", k, v)
			}
			v = strconv.FormatInt(n, 10)
		case SpecTemperature, SpecTopP:
			x, err := strconv.ParseFloat(v, 64)
			if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
				return nil, fmt.Errorf("%s %q is not a number from 0 up", k, v)
			}
			v = strconv.FormatFloat(math.Abs(x), 'g', -1, 64)
		}
		spec[k] = v
	}
	if spec[SpecKind] == "" {
		return nil, fmt.Errorf("its spec has no %q", SpecKind)
	}
	return spec, nil
}

// canonical is m as JSON, whose keys encoding/json sorts, and its SHA-256.
func canonical(m map[string]string) (text, hash string) {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // a map of strings always has a JSON form
	}
	sum := sha256.Sum256(b)
	return string(b), hex.EncodeToString(sum[:])
}

// optional is NULL for a key that is not there.
func optional(spec map[string]string, key string) any {
	if v, ok := spec[key]; ok {
		return v
	}
	return nil
}

func optionalInt(spec map[string]string, key string) any {
	if n, err := strconv.ParseInt(spec[key], 10, 64); err == nil {
		return n
	}
	return nil
}

func optionalFloat(spec map[string]string, key string) any {
	if x, err := strconv.ParseFloat(spec[key], 64); err == nil {
		return x
	}
	return nil
}

// EnsurePlayer finds the player with p's Spec, or adds it, and returns its
// number.
func (s *Store) EnsurePlayer(ctx context.Context, p Player) (int64, error) {
	const op = "storing a player"
	spec, err := p.normalized()
	if err != nil {
		return 0, fmt.Errorf("leaderboard: player %q: %w", p.Name, err)
	}
	name := p.Name
	if name == "" {
		name = spec[SpecKind]
	}
	text, hash := canonical(spec)
	var engine any
	if spec[SpecKind] == "uci" {
		engine = optional(spec, SpecName)
	}
	var id int64
	err = s.write(ctx, op, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO players
			(hash, spec, name, kind, engine, version, sha256, skill_level, uci_elo, weights, tokenizer, temperature, top_k, top_p, illegal_policy, created_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING`,
			hash, text, name, spec[SpecKind], engine, optional(spec, SpecVersion), optional(spec, SpecSHA256),
			optionalInt(spec, SpecSkillLevel), optionalInt(spec, SpecUCIElo), optional(spec, SpecWeights), optional(spec, SpecTokenizer),
			optionalFloat(spec, SpecTemperature), optionalInt(spec, SpecTopK), optionalFloat(spec, SpecTopP), optional(spec, SpecPolicy),
			timeText(time.Now())); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT id FROM players WHERE hash = ?", hash).Scan(&id)
	})
	return id, err
}

// Player returns the player with that number; the error is ErrNotFound when
// there is none.
func (s *Store) Player(ctx context.Context, id int64) (Player, error) {
	ps, err := s.players(ctx, s.reader, "WHERE id = ?", id)
	if err == nil && len(ps) == 0 {
		err = fmt.Errorf("leaderboard: player %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return Player{}, err
	}
	return ps[0], nil
}

// Players returns all players in the order they came.
func (s *Store) Players(ctx context.Context) ([]Player, error) { return s.players(ctx, s.reader, "") }

// queryer is a database or a transaction.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (s *Store) players(ctx context.Context, q queryer, where string, args ...any) ([]Player, error) {
	const op = "reading players"
	rows, err := q.QueryContext(ctx, "SELECT id, name, spec FROM players "+where+" ORDER BY id", args...)
	if err != nil {
		return nil, s.wrap(op, err)
	}
	defer rows.Close()
	var ps []Player
	for rows.Next() {
		var p Player
		var spec string
		if err := rows.Scan(&p.ID, &p.Name, &spec); err != nil {
			return nil, s.wrap(op, err)
		}
		if err := json.Unmarshal([]byte(spec), &p.Spec); err != nil {
			return nil, s.damaged(op, "player %d: spec: %w", p.ID, err)
		}
		ps = append(ps, p)
	}
	return ps, s.wrap(op, rows.Err())
}

// damaged is the error for content that this program cannot have written.
func (s *Store) damaged(op, format string, args ...any) error {
	return &Error{Op: op, Path: s.path, Kind: ErrCorrupt, Err: fmt.Errorf(format, args...), Hint: hintCorrupt}
}

// Match is a set of game slots between two players under one configuration.
// All fields but the last two, with both players' specs, make up its identity.
type Match struct {
	ID         int64 `json:"id"`
	PlayerID   int64 `json:"player_id"` // the player under test
	OpponentID int64 `json:"opponent_id"`

	Protocol      string            `json:"protocol,omitempty"`       // "paper", "sound", ...
	Openings      string            `json:"openings,omitempty"`       // "startpos", or a book with its hash
	PlayerLimit   string            `json:"player_limit,omitempty"`   // "movetime 100ms", "nodes 200", "depth 5"; empty: none
	OpponentLimit string            `json:"opponent_limit,omitempty"` //
	MaxPlies      int               `json:"max_plies,omitempty"`      // a game this long is a draw; 0: no limit
	Adjudication  string            `json:"adjudication,omitempty"`   // early ends by score; empty: none
	Seed          uint64            `json:"seed"`
	Options       map[string]string `json:"options,omitempty"` // whatever else decides the games

	Program   string    `json:"program,omitempty"` // version of the program that began it
	CreatedAt time.Time `json:"created_at"`
}

// EnsureMatch finds the match of exactly this configuration, or adds it, and
// returns its number. Starting an arena again with the same configuration gives
// the same match: the slots that have a game need no playing. The number of
// games wanted is no part of a configuration, so that a match can be extended.
func (s *Store) EnsureMatch(ctx context.Context, m Match) (int64, error) {
	const op = "storing a match"
	if m.MaxPlies < 0 {
		return 0, fmt.Errorf("leaderboard: match: %d plies at most", m.MaxPlies)
	}
	if m.Options == nil {
		m.Options = map[string]string{}
	}
	options, _ := canonical(m.Options)
	var id int64
	err := s.write(ctx, op, func(tx *sql.Tx) error {
		config := map[string]string{
			"protocol": m.Protocol, "openings": m.Openings, "player_limit": m.PlayerLimit, "opponent_limit": m.OpponentLimit,
			"max_plies": strconv.Itoa(m.MaxPlies), "adjudication": m.Adjudication, "seed": strconv.FormatUint(m.Seed, 10),
		}
		for k, v := range m.Options {
			config["option."+k] = v
		}
		for key, player := range map[string]int64{"player": m.PlayerID, "opponent": m.OpponentID} {
			var hash string
			switch err := tx.QueryRowContext(ctx, "SELECT hash FROM players WHERE id = ?", player).Scan(&hash); {
			case errors.Is(err, sql.ErrNoRows):
				return fmt.Errorf("%s %d: %w", key, player, ErrNotFound)
			case err != nil:
				return err
			}
			config[key] = hash
		}
		text, hash := canonical(config)
		if _, err := tx.ExecContext(ctx, `INSERT INTO matches
			(hash, config, player_id, opponent_id, protocol, openings, player_limit, opponent_limit, max_plies, adjudication, seed, options, program, created_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING`,
			hash, text, m.PlayerID, m.OpponentID, m.Protocol, m.Openings, m.PlayerLimit, m.OpponentLimit, m.MaxPlies, m.Adjudication,
			strconv.FormatUint(m.Seed, 10), options, m.Program, timeText(time.Now())); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT id FROM matches WHERE hash = ?", hash).Scan(&id)
	})
	return id, err
}

// Match returns the match with that number; the error is ErrNotFound when
// there is none.
func (s *Store) Match(ctx context.Context, id int64) (Match, error) {
	ms, err := s.matches(ctx, s.reader, "WHERE id = ?", id)
	if err == nil && len(ms) == 0 {
		err = fmt.Errorf("leaderboard: match %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return Match{}, err
	}
	return ms[0], nil
}

// Matches returns all matches in the order they were begun.
func (s *Store) Matches(ctx context.Context) ([]Match, error) { return s.matches(ctx, s.reader, "") }

func (s *Store) matches(ctx context.Context, q queryer, where string, args ...any) ([]Match, error) {
	const op = "reading matches"
	rows, err := q.QueryContext(ctx, `SELECT id, player_id, opponent_id, protocol, openings, player_limit, opponent_limit,
		max_plies, adjudication, seed, options, program, created_at FROM matches `+where+" ORDER BY id", args...)
	if err != nil {
		return nil, s.wrap(op, err)
	}
	defer rows.Close()
	var ms []Match
	for rows.Next() {
		var m Match
		var seed, options, created string
		if err := rows.Scan(&m.ID, &m.PlayerID, &m.OpponentID, &m.Protocol, &m.Openings, &m.PlayerLimit, &m.OpponentLimit,
			&m.MaxPlies, &m.Adjudication, &seed, &options, &m.Program, &created); err != nil {
			return nil, s.wrap(op, err)
		}
		if m.Seed, err = strconv.ParseUint(seed, 10, 64); err != nil {
			return nil, s.damaged(op, "match %d: seed: %w", m.ID, err)
		}
		if err := json.Unmarshal([]byte(options), &m.Options); err != nil {
			return nil, s.damaged(op, "match %d: options: %w", m.ID, err)
		}
		if m.CreatedAt, err = parseTime(created); err != nil {
			return nil, s.damaged(op, "match %d: %w", m.ID, err)
		}
		ms = append(ms, m)
	}
	return ms, s.wrap(op, rows.Err())
}

// timeText is t in UTC as RFC 3339, or empty for the zero time.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339Nano, s)
}

// placeholders is "?, ?, ?" for n values.
func placeholders(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

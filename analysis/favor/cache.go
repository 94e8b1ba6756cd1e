package favor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver

	"transcend/internal/bitboard"
	"transcend/internal/cli"
)

// applicationID marks our files in PRAGMA application_id: "TRNF".
const applicationID = 0x54524e46

const schema = `
CREATE TABLE IF NOT EXISTS scorers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS positions (
	scorer INTEGER NOT NULL REFERENCES scorers, position TEXT NOT NULL, scores TEXT NOT NULL,
	PRIMARY KEY (scorer, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (
	scorer INTEGER NOT NULL REFERENCES scorers, position TEXT NOT NULL, until INTEGER NOT NULL,
	PRIMARY KEY (scorer, position)) WITHOUT ROWID;
`

// lease is how long a position is claimed at a time for who is scoring it. Claims are renewed
// meanwhile; those of a killed process end.
const lease = 10 * time.Second

// Cache keeps the scores of positions in an SQLite file, so that no position is scored twice by
// the same scorer, not even by several processes at once. A score is stored in one transaction
// when it is known: a killed process leaves the ones before. The methods may be called from several
// goroutines.
//
// A position is its pieces, side, castling rights, en passant square and half-move clock. What was before
// it is not part of it: scorers do not see repetitions.
type Cache struct {
	path string
	db   *sql.DB

	mu      sync.Mutex
	scorers map[string]int64

	lease time.Duration
}

// OpenCache opens a file of scores, or makes it.
func OpenCache(ctx context.Context, path string) (*Cache, error) {
	c := &Cache{path: path, scorers: map[string]int64{}, lease: lease}
	if err := c.open(ctx); err != nil {
		if c.db != nil {
			c.db.Close()
		}
		return nil, cli.WithHint(fmt.Errorf("favor: scores in %s: %w", path, err), "name another file with --cache")
	}
	return c, nil
}

func (c *Cache) open(ctx context.Context) error {
	abs, err := filepath.Abs(c.path)
	if err != nil {
		return err
	}
	info, err := os.Stat(abs)
	fresh := errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0
	if err != nil && !fresh {
		return err
	}
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: "_txlock=immediate&_pragma=busy_timeout(30000)&_pragma=synchronous(NORMAL)"}
	if c.db, err = sql.Open("sqlite", dsn.String()); err != nil {
		return err
	}
	// Writers of one process queue here and not at the file's lock.
	c.db.SetMaxOpenConns(1)
	if !fresh {
		var id int64
		if err := c.db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
			return err
		}
		// 0: another process is making it, or it is somebody else's.
		var tables int
		if err := c.db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
			return err
		}
		if id != applicationID && (id != 0 || tables > 0) {
			return errors.New("the database is no file of scores")
		}
	}
	// Changing to a log ahead of the file does not wait for other connections.
	for try := 0; ; try++ {
		_, err = c.db.ExecContext(ctx, "PRAGMA journal_mode=WAL")
		if err == nil || !strings.Contains(err.Error(), "locked") || try == 100 || ctx.Err() != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		return err
	}
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, statement := range []string{schema, fmt.Sprintf("PRAGMA application_id=%d", applicationID)} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// Close closes the file.
func (c *Cache) Close() error { return c.db.Close() }

// Len returns how many positions have scores, by all scorers together.
func (c *Cache) Len(ctx context.Context) (n int, err error) {
	err = c.db.QueryRowContext(ctx, "SELECT count(*) FROM positions").Scan(&n)
	return n, err
}

// key is the FEN without the number of the move.
func key(pos *bitboard.Position) string {
	fen := pos.FEN()
	return fen[:strings.LastIndexByte(fen, ' ')]
}

// Scores returns the scores of all legal moves of a position, which must have one: from the file,
// or by the scorer. What another process is scoring is awaited.
func (c *Cache) Scores(ctx context.Context, s Scorer, pos *bitboard.Position) ([]MoveScore, error) {
	scores, err := c.scores(ctx, s, key(pos))
	if err != nil {
		return nil, fmt.Errorf("favor: scoring %s: %w", pos.FEN(), err)
	}
	return scores, nil
}

func (c *Cache) scores(ctx context.Context, s Scorer, position string) ([]MoveScore, error) {
	// The scorer sees what the key says and no more.
	pos, err := bitboard.ParseFEN(position + " 1")
	if err != nil {
		return nil, err
	}
	id, err := c.scorer(ctx, s.ID())
	if err != nil {
		return nil, err
	}
	for {
		text, claimed, err := c.claim(ctx, id, position)
		if err != nil {
			return nil, err
		}
		if text != "" {
			scores, err := readScores(&pos, text)
			if err != nil {
				return nil, cli.WithHint(fmt.Errorf("the stored scores %q: %w", text, err), "delete "+c.path)
			}
			return scores, nil
		}
		if claimed {
			break
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	stop := c.renew(id, position)
	scores, err := s.Score(ctx, bitboard.NewGame(pos))
	stop()
	if err == nil {
		err = checkScores(&pos, scores)
	}
	if err != nil {
		c.release(id, position)
		return nil, err
	}
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO positions VALUES (?, ?, ?)", id, position, writeScores(scores)); err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM claims WHERE scorer=? AND position=?", id, position); err != nil {
		return nil, err
	}
	return scores, tx.Commit()
}

// scorer numbers the scorers.
func (c *Cache) scorer(ctx context.Context, name string) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id, ok := c.scorers[name]; ok {
		return id, nil
	}
	if _, err := c.db.ExecContext(ctx, "INSERT OR IGNORE INTO scorers (name) VALUES (?)", name); err != nil {
		return 0, err
	}
	var id int64
	if err := c.db.QueryRowContext(ctx, "SELECT id FROM scorers WHERE name=?", name).Scan(&id); err != nil {
		return 0, err
	}
	c.scorers[name] = id
	return id, nil
}

// claim looks for the scores of a position, and where there are none, for the right to make them.
func (c *Cache) claim(ctx context.Context, id int64, position string) (scores string, claimed bool, err error) {
	const look = "SELECT scores FROM positions WHERE scorer=? AND position=?"
	err = c.db.QueryRowContext(ctx, look, id, position).Scan(&scores)
	if !errors.Is(err, sql.ErrNoRows) {
		return scores, false, err
	}
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		return "", false, err
	}
	defer tx.Rollback()
	err = tx.QueryRowContext(ctx, look, id, position).Scan(&scores)
	if !errors.Is(err, sql.ErrNoRows) {
		return scores, false, err
	}
	now := time.Now()
	result, err := tx.ExecContext(ctx, `INSERT INTO claims VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET until=excluded.until WHERE until < ?`, id, position, now.Add(c.lease).UnixMilli(), now.UnixMilli())
	if err != nil {
		return "", false, err
	}
	n, err := result.RowsAffected()
	if err != nil {
		return "", false, err
	}
	return "", n == 1, tx.Commit()
}

// renew keeps a claim until stop is called.
func (c *Cache) renew(id int64, position string) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(c.lease / 3)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-tick.C:
				// Without it the position may be scored twice, to the same end.
				_, _ = c.db.Exec("UPDATE claims SET until=? WHERE scorer=? AND position=?", now.Add(c.lease).UnixMilli(), id, position)
			}
		}
	}()
	return func() { close(done); <-ended }
}

// release gives a claim up.
func (c *Cache) release(id int64, position string) {
	_, _ = c.db.Exec("DELETE FROM claims WHERE scorer=? AND position=?", id, position) // it ends by itself
}

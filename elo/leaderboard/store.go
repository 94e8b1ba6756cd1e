// Package leaderboard is the store of every game an arena has played: an SQLite
// file with one row a game slot, written in one transaction when the game has
// ended. From it come the ratings, and what a stopped arena still has to play.
//
// # What is promised
//
// A game for which RecordGame returned nil is in the file, whatever happens to
// the program or the machine afterwards (write-ahead log with synchronous=FULL:
// one fsync a game, which costs nothing beside the time a game takes). A game
// for which it did not is not there, or is there as a whole. Nothing is ever
// deleted or overwritten. Several programs may write to one file: each write
// waits for its turn, and a slot is given to the first that asks.
//
// # The file
//
// PRAGMA application_id is 0x54524e53 ("TRNS"), PRAGMA user_version the
// version of the schema (schema1.sql, schema2.sql). A file of an older version is migrated
// step by step when it is opened for writing, each step a transaction; a newer
// one is refused. SQLite keeps FILE-wal and FILE-shm beside it while it is open;
// they belong to it, and after a crash FILE-wal may hold the latest games: copy
// or move the three together.
package leaderboard

import (
	"context"
	"database/sql"
	_ "embed" // for the schema
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"transcend/internal/atomicfile"
)

// applicationID marks our files in PRAGMA application_id: "TRNS".
const applicationID = 0x54524e53

// Config is how a database is opened.
type Config struct {
	// BusyTimeout is how long a write waits for another program's (0 = 30 s).
	BusyTimeout time.Duration
	// ReadOnly opens an existing database without changing anything.
	ReadOnly bool
}

// Store is an open database. Its methods may be called from many goroutines.
type Store struct {
	path   string
	config Config
	// writer has one connection, so that writes of one program queue in it and
	// not at the file lock. reader has its own, which a write never blocks.
	writer, reader *sql.DB
	// live writes what may be lost (the games in play) without waiting for the
	// disk.
	live *sql.DB
	// turn lets writes of this program queue here: at the file's lock SQLite waits
	// by sleeping.
	turn sync.Mutex
}

//go:embed schema1.sql
var schema1 string

//go:embed schema2.sql
var schema2 string

// migrations are the steps from an empty file to the newest schema: step i
// leads from version i to i+1.
func migrations() []string { return []string{schema1, schema2} }

// Open opens the database, creating or migrating it where necessary. The
// caller closes it.
func Open(path string) (*Store, error) { return OpenWith(path, Config{}) }

// OpenReadOnly opens an existing database for reading: nothing is created or
// changed, and a missing file is fs.ErrNotExist.
func OpenReadOnly(path string) (*Store, error) { return OpenWith(path, Config{ReadOnly: true}) }

// OpenWith is Open with a configuration. Errors are *Error; their Kind says
// what is wrong with the file.
func OpenWith(path string, c Config) (*Store, error) { return open(path, c, migrations()) }

func open(path string, c Config, steps []string) (*Store, error) {
	const op = "opening"
	if c.BusyTimeout == 0 {
		c.BusyTimeout = 30 * time.Second
	}
	s := &Store{path: path, config: c}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, s.wrap(op, err)
	}
	switch info, err := os.Stat(abs); {
	case path == "":
		return nil, &Error{Op: op, Path: `""`, Err: errors.New("no file name")}
	case err == nil && info.IsDir():
		return nil, &Error{Op: op, Path: path, Err: errors.New("a directory"), Hint: "name a file in it"}
	case errors.Is(err, os.ErrNotExist) && c.ReadOnly:
		return nil, missing(op, path)
	case errors.Is(err, os.ErrNotExist):
		if parent := filepath.Dir(abs); !isDir(parent) {
			return nil, &Error{Op: op, Path: path, Kind: ErrCannotOpen, Err: fmt.Errorf("no directory %s", parent), Hint: "create the directory first"}
		}
	}
	ctx := context.Background()
	if c.ReadOnly {
		err = s.openReadOnly(ctx, abs, len(steps))
	} else {
		err = s.openWritable(ctx, abs, steps)
	}
	if err != nil {
		_ = s.Close() // the error that matters is err
		return nil, s.wrap(op, err)
	}
	return s, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func (s *Store) openWritable(ctx context.Context, abs string, steps []string) error {
	// SQLite falls back to reading where it may not write and would say so only
	// at the first write.
	if f, err := os.OpenFile(abs, os.O_RDWR, 0); err == nil {
		f.Close()
	} else if errors.Is(err, os.ErrPermission) {
		return &Error{Op: "opening", Path: s.path, Kind: ErrReadOnly, Err: err, Hint: hintReadOnly}
	}
	var err error
	// BEGIN IMMEDIATE takes the write lock at the start, where the busy timeout
	// applies; a transaction that turned from reading to writing could fail at
	// once.
	s.writer, err = sql.Open("sqlite", s.dsn(abs, "_txlock=immediate", "_pragma=synchronous(FULL)", "_pragma=foreign_keys(ON)"))
	if err != nil {
		return err
	}
	s.writer.SetMaxOpenConns(1)
	var version int
	var fresh bool
	err = s.retryBusy(ctx, func() (err error) {
		version, fresh, err = s.identify(ctx, s.writer)
		return err
	})
	if err != nil {
		return err
	}
	if version > len(steps) {
		return s.newer(version, len(steps))
	}
	if err := s.retryBusy(ctx, func() error { return s.useWAL(ctx) }); err != nil {
		return err
	}
	if err := s.migrate(ctx, steps); err != nil {
		return err
	}
	if fresh {
		// So that a power cut cannot take the name away again.
		if err := atomicfile.SyncDir(filepath.Dir(abs)); err != nil {
			return err
		}
	}
	s.reader, err = sql.Open("sqlite", s.dsn(abs, "_pragma=query_only(ON)"))
	if err != nil {
		return err
	}
	s.reader.SetMaxOpenConns(4)
	s.live, err = sql.Open("sqlite", s.dsn(abs, "_txlock=immediate", "_pragma=synchronous(NORMAL)", "_pragma=foreign_keys(ON)"))
	if err != nil {
		return err
	}
	s.live.SetMaxOpenConns(1)
	return nil
}

func (s *Store) openReadOnly(ctx context.Context, abs string, newest int) error {
	var version int
	var fresh bool
	try := func(params ...string) error {
		if s.reader != nil {
			_ = s.reader.Close()
		}
		var err error
		if s.reader, err = sql.Open("sqlite", s.dsn(abs, params...)); err != nil {
			return err
		}
		s.reader.SetMaxOpenConns(4)
		version, fresh, err = s.identify(ctx, s.reader)
		return err
	}
	err := try("mode=ro")
	if kind := s.wrap("", err); errors.Is(kind, ErrCannotOpen) || errors.Is(kind, ErrReadOnly) {
		// SQLite reads a write-ahead log only where it may create the file that
		// coordinates its readers. Without a log there is nothing to coordinate.
		if _, statErr := os.Stat(abs + "-wal"); errors.Is(statErr, os.ErrNotExist) {
			err = try("mode=ro", "immutable=1")
		}
	}
	switch {
	case err != nil:
		return err
	case version > newest:
		return s.newer(version, newest)
	case fresh:
		return &Error{Op: "opening", Path: s.path, Kind: ErrNotDatabase, Err: errors.New("the file is empty"), Hint: "play some games first, or name another file"}
	case version < newest:
		return &Error{Op: "opening", Path: s.path, Kind: ErrOlderSchema, Hint: fmt.Sprintf("its schema is %d, this program's is %d: open it once where it can be written", version, newest)}
	}
	return nil
}

func (s *Store) newer(version, newest int) error {
	return &Error{Op: "opening", Path: s.path, Kind: ErrNewerSchema,
		Hint: fmt.Sprintf("its schema is %d, this program knows up to %d: use the newer program, or name another file; it was not changed", version, newest)}
}

// dsn is the driver's name for the file. As a URI, it keeps characters like ?
// and % in file names apart from the parameters.
func (s *Store) dsn(abs string, params ...string) string {
	p := filepath.ToSlash(abs)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // a Windows drive
	}
	parts := strings.Split(p, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	// busy_timeout comes first: the later pragmas may have to wait already.
	busy := fmt.Sprintf("_busy_timeout=%d", s.config.BusyTimeout.Milliseconds())
	return "file:" + strings.Join(parts, "/") + "?" + strings.Join(append([]string{busy, "_pragma=trusted_schema(OFF)"}, params...), "&")
}

// identify finds out whose file it is before anything is changed. fresh means
// an empty one.
func (s *Store) identify(ctx context.Context, db *sql.DB) (version int, fresh bool, err error) {
	// One transaction, so that another program creating the file at this moment
	// is seen either before or after.
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return 0, false, err
	}
	defer tx.Rollback()
	var id, tables int
	for query, to := range map[string]*int{
		"PRAGMA application_id": &id, "PRAGMA user_version": &version,
		"SELECT count(*) FROM sqlite_schema": &tables, // also finds a damaged first page
	} {
		if err := tx.QueryRowContext(ctx, query).Scan(to); err != nil {
			return 0, false, err
		}
	}
	switch {
	case id == applicationID:
		return version, false, nil
	case id == 0 && version == 0 && tables == 0:
		return 0, true, nil
	}
	return 0, false, &Error{Op: "opening", Path: s.path, Kind: ErrForeign, Hint: hintNotDatabase}
}

// retryBusy calls f until it is not in the way of another program, for as long
// as the busy timeout. While a file changes to the write-ahead log, which several
// programs that begin on a new file try at once, SQLite answers SQLITE_BUSY
// without waiting: waiting there could be a deadlock.
func (s *Store) retryBusy(ctx context.Context, f func() error) error {
	for began := time.Now(); ; {
		err := f()
		if !isBusy(err) || time.Since(began) >= s.config.BusyTimeout {
			return err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// useWAL turns on the write-ahead log, which stays on.
func (s *Store) useWAL(ctx context.Context) error {
	var mode string
	if err := s.writer.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode); err != nil {
		return err
	}
	if !strings.EqualFold(mode, "wal") {
		return &Error{Op: "opening", Path: s.path, Kind: ErrCannotOpen, Err: fmt.Errorf("SQLite offers the journal mode %q and not a write-ahead log", mode), Hint: "name a file on a local disk"}
	}
	return nil
}

// migrate takes the file to the newest schema, one transaction a step.
func (s *Store) migrate(ctx context.Context, steps []string) error {
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// A step may rebuild a table that others refer to, which SQLite allows only
	// with the references unchecked; each step checks them at its end.
	if _, err := conn.ExecContext(ctx, "PRAGMA foreign_keys=OFF"); err != nil {
		return err
	}
	for {
		done, err := s.migrateOne(ctx, conn, steps)
		if err != nil {
			return err
		}
		if done {
			break
		}
	}
	_, err = conn.ExecContext(ctx, "PRAGMA foreign_keys=ON")
	return err
}

// migrateOne makes one step, and says whether there was none left to make.
func (s *Store) migrateOne(ctx context.Context, conn *sql.Conn, steps []string) (done bool, err error) {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback()
	// Another program may have been here since the file was opened.
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return false, err
	}
	if version > len(steps) {
		return false, s.newer(version, len(steps))
	}
	if version == len(steps) {
		return true, nil
	}
	failed := func(err error) (bool, error) {
		return false, s.wrap(fmt.Sprintf("migrating from schema %d to %d", version, version+1), err)
	}
	if _, err := tx.ExecContext(ctx, steps[version]); err != nil {
		return failed(err)
	}
	switch n, err := violations(ctx, tx); {
	case err != nil:
		return failed(err)
	case n > 0:
		return failed(fmt.Errorf("%d references to missing rows", n))
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d", applicationID, version+1)); err != nil {
		return failed(err)
	}
	if err := tx.Commit(); err != nil {
		return failed(err)
	}
	return version+1 == len(steps), nil
}

// violations counts rows that refer to rows that are not there.
func violations(ctx context.Context, q queryer) (n int, err error) {
	rows, err := q.QueryContext(ctx, "PRAGMA foreign_key_check")
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		n++
	}
	return n, rows.Err()
}

// Path is the name that the store was opened with.
func (s *Store) Path() string { return s.path }

// Close closes the database; the last program to do so folds the write-ahead
// log into the file.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.reader, s.live, s.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return s.wrap("closing", errors.Join(errs...))
}

// Check reads the whole file and verifies its structure, indexes and
// references. The error is ErrCorrupt with what was found.
func (s *Store) Check(ctx context.Context) error {
	const op = "checking"
	var found []string
	rows, err := s.reader.QueryContext(ctx, "PRAGMA integrity_check")
	if err != nil {
		return s.wrap(op, err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return s.wrap(op, err)
		}
		if line != "ok" {
			found = append(found, line)
		}
	}
	if err := rows.Err(); err != nil {
		return s.wrap(op, err)
	}
	switch n, err := violations(ctx, s.reader); {
	case err != nil:
		return s.wrap(op, err)
	case n > 0:
		found = append(found, fmt.Sprintf("%d references to missing rows", n))
	}
	if len(found) > 0 {
		return &Error{Op: op, Path: s.path, Kind: ErrCorrupt, Err: errors.New(strings.Join(found, "; ")), Hint: hintCorrupt}
	}
	return nil
}

// write runs f in one transaction of the writer, which is on disk at the end.
func (s *Store) write(ctx context.Context, op string, f func(*sql.Tx) error) error {
	return s.transact(ctx, s.writer, op, f)
}

// writeLive is write for what a power cut may take.
func (s *Store) writeLive(ctx context.Context, op string, f func(*sql.Tx) error) error {
	return s.transact(ctx, s.live, op, f)
}

func (s *Store) transact(ctx context.Context, db *sql.DB, op string, f func(*sql.Tx) error) error {
	if db == nil {
		return &Error{Op: op, Path: s.path, Kind: ErrReadOnly, Hint: "it was opened for reading only"}
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return s.wrap(op, err)
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return s.wrap(op, err)
	}
	return s.wrap(op, tx.Commit())
}

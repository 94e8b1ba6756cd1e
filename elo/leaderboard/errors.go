package leaderboard

import (
	"errors"
	"fmt"
	"io/fs"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What can be wrong with a database. Every error of a Store that concerns the
// file is an *Error with one of these as its Kind; use errors.Is.
var (
	ErrNotDatabase = errors.New("not an SQLite database")
	ErrForeign     = errors.New("an SQLite database of another program")
	ErrNewerSchema = errors.New("written by a newer version of this program")
	ErrOlderSchema = errors.New("written by an older version of this program")
	ErrCorrupt     = errors.New("the database is damaged")
	ErrLocked      = errors.New("locked by another program")
	ErrReadOnly    = errors.New("the file or its directory is not writable")
	ErrCannotOpen  = errors.New("cannot be opened")
	ErrFull        = errors.New("no space left")
	ErrIO          = errors.New("input/output error")
)

var (
	// ErrSlotTaken: the slot already has a game. Nothing was changed; another
	// arena, or the same one before it was stopped, has played it.
	ErrSlotTaken = errors.New("the slot already has a game")
	// ErrNotFound: no player or match with this number.
	ErrNotFound = errors.New("not in the database")
)

// Error is a failure that concerns the database file.
type Error struct {
	Op   string // what was being done
	Path string
	Kind error  // one of the Err values above, or nil
	Hint string // what a user can do about it
	Err  error  // the cause as SQLite or the system told it; may be nil
}

func (e *Error) Error() string {
	s := fmt.Sprintf("leaderboard: %s: %s", e.Op, e.Path)
	switch {
	case e.Kind != nil && e.Err != nil:
		s += fmt.Sprintf(": %v (%v)", e.Kind, e.Err)
	case e.Kind != nil:
		s += fmt.Sprintf(": %v", e.Kind)
	case e.Err != nil:
		s += fmt.Sprintf(": %v", e.Err)
	}
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Unwrap gives errors.Is and errors.As both the kind and the cause.
func (e *Error) Unwrap() []error {
	var errs []error
	if e.Kind != nil {
		errs = append(errs, e.Kind)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// Hints, by kind.
const (
	hintNotDatabase = "give the name of another file; this one was not changed"
	hintCorrupt     = "keep a copy of it together with its -wal file; \"sqlite3 FILE .recover\" saves what can be read"
	hintLocked      = "wait for the other program or stop it, then run again; what was stored before is safe"
	hintReadOnly    = "SQLite also needs to write FILE-wal and FILE-shm beside the file: change the permissions, or name a file elsewhere"
	hintFull        = "free some space and run again; what was stored before is safe"
	hintIO          = "check the disk, and that the file is not on a network file system; what was stored before is as it was"
)

// wrap turns an error of the driver into an *Error of the right kind. It leaves
// nil, and errors that are explained already, as they are.
func (s *Store) wrap(op string, err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	e := &Error{Op: op, Path: s.path, Err: err}
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return e
	}
	switch se.Code() & 0xff {
	case sqlite3.SQLITE_NOTADB:
		e.Kind, e.Hint = ErrNotDatabase, hintNotDatabase
	case sqlite3.SQLITE_CORRUPT:
		e.Kind, e.Hint = ErrCorrupt, hintCorrupt
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		e.Kind = ErrLocked
		e.Hint = fmt.Sprintf("waited %v; %s", s.config.BusyTimeout, hintLocked)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		e.Kind, e.Hint = ErrReadOnly, hintReadOnly
	case sqlite3.SQLITE_CANTOPEN:
		e.Kind, e.Hint = ErrCannotOpen, hintReadOnly
	case sqlite3.SQLITE_FULL:
		e.Kind, e.Hint = ErrFull, hintFull
	case sqlite3.SQLITE_IOERR:
		e.Kind, e.Hint = ErrIO, hintIO
		if se.Code() == sqlite3.SQLITE_IOERR_SHMSIZE {
			// The shared-memory file could not grow.
			e.Kind, e.Hint = ErrFull, hintFull
		}
	}
	return e
}

// isUnique says whether err is a violation of a UNIQUE constraint.
func isUnique(err error) bool {
	var se *sqlite.Error
	return errors.As(err, &se) && se.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE
}

// missing is the error for a database that should be there and is not.
func missing(op, path string) error {
	return &Error{Op: op, Path: path, Kind: fs.ErrNotExist, Hint: "play some games first, or name another file"}
}

// isBusy says whether err means that another connection is in the way.
func isBusy(err error) bool {
	var se *sqlite.Error
	return errors.As(err, &se) && (se.Code()&0xff == sqlite3.SQLITE_BUSY || se.Code()&0xff == sqlite3.SQLITE_LOCKED)
}

package leaderboard

// Files that are not what they should be, and disks that do not do what they
// should.

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// snapshot is everything in a directory, to see that nothing was changed.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(b)
	}
	return files
}

// filled is a closed database with n games.
func filled(t *testing.T, path string, n int) {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	m := simpleMatch(t, s)
	for i := range n {
		if err := s.RecordGame(context.Background(), simpleGame(m, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestWrongFile: a file that is not ours is refused with its name and the
// reason, and stays as it was.
func TestWrongFile(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(t *testing.T, path string)
		kind error
		say  string
	}{
		{"text", func(t *testing.T, path string) {
			if err := os.WriteFile(path, bytes.Repeat([]byte("1. e4 e5 2. Nf3 "), 300), 0o644); err != nil {
				t.Fatal(err)
			}
		}, ErrNotDatabase, "give the name of another file"},
		{"short text", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("hello"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, ErrNotDatabase, "give the name of another file"},
		{"another program's", func(t *testing.T, path string) {
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec("CREATE TABLE contacts (name TEXT)"); err != nil {
				t.Fatal(err)
			}
		}, ErrForeign, "give the name of another file"},
		{"another program's, marked", func(t *testing.T, path string) {
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec("PRAGMA application_id=42; PRAGMA user_version=1"); err != nil {
				t.Fatal(err)
			}
		}, ErrForeign, "give the name of another file"},
		{"newer", func(t *testing.T, path string) {
			filled(t, path, 1)
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec("PRAGMA user_version=99; PRAGMA journal_mode=DELETE"); err != nil {
				t.Fatal(err)
			}
		}, ErrNewerSchema, "use the newer program"},
		{"header spoiled", func(t *testing.T, path string) {
			filled(t, path, 5)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			copy(b[100:], bytes.Repeat([]byte{0xff}, 400)) // the root page of the schema
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}, ErrCorrupt, ".recover"},
		{"cut off", func(t *testing.T, path string) {
			filled(t, path, 5)
			if err := os.Truncate(path, 1000); err != nil {
				t.Fatal(err)
			}
		}, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "arena.db")
			test.make(t, path)
			before := snapshot(t, dir)
			for _, openIt := range []func(string) (*Store, error){Open, OpenReadOnly} {
				s, err := openIt(path)
				if err == nil {
					s.Close()
					t.Fatal("opened")
				}
				t.Log(err)
				if test.kind != nil && !errors.Is(err, test.kind) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), test.say) {
					t.Errorf("error %v, want %v", err, test.kind)
				}
				var e *Error
				if !errors.As(err, &e) || e.Path != path {
					t.Errorf("%#v", err)
				}
			}
			after := snapshot(t, dir)
			if after["arena.db"] != before["arena.db"] {
				t.Error("the file was changed")
			}
		})
	}
}

func TestWrongPlace(t *testing.T) {
	dir := t.TempDir()
	for path, say := range map[string]string{
		"":                                      "no file name",
		dir:                                     "a directory",
		filepath.Join(dir, "no", "where", "db"): "create the directory first",
	} {
		s, err := Open(path)
		if err == nil {
			s.Close()
			t.Errorf("%q opened", path)
			continue
		}
		if !strings.Contains(err.Error(), say) {
			t.Errorf("%q: %v", path, err)
		}
	}
	// An empty file, as touch or mktemp makes it, is a new database.
	path := filepath.Join(dir, "empty.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReadOnly(path); !errors.Is(err, ErrNotDatabase) {
		t.Errorf("empty file, read-only: %v", err)
	}
	s := mustOpen(t, path)
	simpleMatch(t, s)
}

// TestDamagedPages spoils every page of a file in turn: whatever is found wrong
// is an error, never a panic, and Check or reading finds it.
func TestDamagedPages(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	path := filepath.Join(dir, "arena.db")
	filled(t, path, 60)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	found := 0
	for p := 1; p < len(whole)/page; p++ {
		spoiled := append([]byte(nil), whole...)
		for i := p * page; i < (p+1)*page; i += 3 {
			spoiled[i] ^= 0x5a
		}
		file := filepath.Join(dir, "spoiled.db")
		if err := os.WriteFile(file, spoiled, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := Open(file)
		if err == nil {
			err = s.Check(ctx)
			for _, gameErr := range s.Games(ctx) {
				err = errors.Join(err, gameErr)
			}
			_, boardErr := s.Leaderboard(ctx, BoardOptions{})
			err = errors.Join(err, boardErr, s.RecordGame(ctx, simpleGame(1, 1000)))
			s.Close()
		}
		if err == nil {
			t.Errorf("page %d spoiled: nothing noticed", p)
			continue
		}
		if !strings.Contains(err.Error(), "spoiled.db") {
			t.Errorf("page %d: the error does not name the file: %v", p, err)
		}
		if errors.Is(err, ErrCorrupt) {
			found++
		}
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(file + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
	if pages := len(whole)/page - 1; found < pages*9/10 {
		t.Errorf("of %d damaged pages %d were called damaged", pages, found)
	}
}

// TestDamagedContent: rows that this program cannot have written.
func TestDamagedContent(t *testing.T) {
	ctx := context.Background()
	for name, statement := range map[string]string{
		"seed":    "UPDATE games SET seed = 'x'",
		"start":   "UPDATE games SET started_at = 'yesterday'",
		"evals":   "UPDATE games SET evals = '{'",
		"spec":    "UPDATE players SET spec = '['",
		"match":   "UPDATE matches SET seed = '-1'",
		"options": "UPDATE matches SET options = '5'",
		"created": "UPDATE matches SET created_at = 'today'",
	} {
		s := tempStore(t)
		m := simpleMatch(t, s)
		if err := s.RecordGame(ctx, simpleGame(m, 0)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.writer.Exec(statement); err != nil {
			t.Fatal(err)
		}
		var err error
		for _, gameErr := range s.Games(ctx) {
			err = errors.Join(err, gameErr)
		}
		_, playersErr := s.Players(ctx)
		_, matchesErr := s.Matches(ctx)
		if err = errors.Join(err, playersErr, matchesErr); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), s.path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The schema itself refuses the rest.
	s := tempStore(t)
	m := simpleMatch(t, s)
	if err := s.RecordGame(ctx, simpleGame(m, 0)); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"UPDATE games SET moves = x'00'", "UPDATE games SET result = '*'", "UPDATE games SET score = 0", "UPDATE games SET score = 3",
		"UPDATE games SET loss_cause = 'board'", "UPDATE games SET slot = 'x'", "UPDATE games SET white_id = 77", "DELETE FROM matches",
	} {
		if _, err := s.writer.Exec(statement); err == nil {
			t.Errorf("the schema allows %s", statement)
		}
	}
}

// TestLocked: another program holds the write lock longer than we wait.
func TestLocked(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "arena.db")
	filled(t, path, 1)
	other := mustOpen(t, path)
	tx, err := other.writer.Begin()
	if err != nil {
		t.Fatal(err)
	}
	s, err := OpenWith(path, Config{BusyTimeout: 50 * time.Millisecond})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "waited 50ms") {
		t.Errorf("opening: %v", err)
		if err == nil {
			s.Close()
		}
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	s, err = OpenWith(path, Config{BusyTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if tx, err = other.writer.Begin(); err != nil {
		t.Fatal(err)
	}
	if err := s.RecordGame(ctx, simpleGame(1, 1)); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), path) {
		t.Errorf("recording: %v", err)
	}
	// Reading is never locked out.
	if games := collect(t, s); len(games) != 1 {
		t.Errorf("%d games", len(games))
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := s.RecordGame(ctx, simpleGame(1, 1)); err != nil {
		t.Errorf("after the lock was given back: %v", err)
	}
}

// TestFull: the database may not grow. What was recorded is there, what failed
// is not, and recording goes on when there is space again.
func TestFull(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "arena.db")
	filled(t, path, 3)
	s := mustOpen(t, path)
	if _, err := s.writer.Exec("PRAGMA max_page_count=1"); err != nil { // the present size
		t.Fatal(err)
	}
	recorded := 3
	var err error
	for ; recorded < 1000; recorded++ {
		if err = s.RecordGame(ctx, simpleGame(1, recorded)); err != nil {
			break
		}
	}
	t.Log(err)
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "free some space") {
		t.Fatalf("full: %v", err)
	}
	if games := collect(t, s); len(games) != recorded {
		t.Errorf("%d games, %d were recorded", len(games), recorded)
	}
	if _, err := s.writer.Exec("PRAGMA max_page_count=100000"); err != nil {
		t.Fatal(err)
	}
	if err := s.RecordGame(ctx, simpleGame(1, recorded)); err != nil {
		t.Errorf("with space again: %v", err)
	}
	if err := s.Check(ctx); err != nil {
		t.Error(err)
	}
}

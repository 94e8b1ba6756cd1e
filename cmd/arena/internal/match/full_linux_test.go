package match

import (
	"database/sql"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"transcend/cmd/arena/internal/arenatest"
	"transcend/internal/cli"
)

// TestMatchOnAFullDisk: the match stops with a clear error when the disk is full,
// and goes on when there is space again, with nothing lost.
func TestMatchOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=400k"); err != nil {
		t.Skipf("mounting a small tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	fake := arenatest.Fake(t)
	work := t.TempDir()
	db := filepath.Join(dir, "arena.db")
	args := append([]string{"--games", "200", "--maxmoves", "20", "-q", "--db", db}, arenatest.Fakes(fake, "a", "b")...)
	code, _, errs := play(t, work, args...)
	if code != cli.ExitFailure || !strings.Contains(errs, "arena.db") || !strings.Contains(errs, "what was stored before is") {
		t.Errorf("exit %d\n%s", code, errs)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=16m"); err != nil {
		t.Skipf("enlarging the tmpfs: %v", err)
	}
	// What the arena claimed could not be freed on the full disk, and the process it
	// was, this one, is alive.
	raw, err := sql.Open("sqlite", db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Exec("DELETE FROM live"); err != nil {
		t.Fatal(err)
	}
	raw.Close()
	before := arenatest.StoredGames(t, db)
	if before == 0 || before == 200 {
		t.Errorf("%d games before the disk was full", before)
	}
	if code, _, errs := play(t, work, args...); code != cli.ExitOK {
		t.Errorf("with space again: exit %d\n%s", code, errs)
	}
	if games := arenatest.TournamentGames(t, db); len(games) != 200 {
		t.Errorf("with space again: %d games", len(games))
	}
}

package main

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"transcend/cmd/arena/internal/arenatest"
	"transcend/cmd/internal/commandtest"
	"transcend/elo/leaderboard"
	"transcend/internal/fakeengine"
)

// TestKilledSweepChoosesTheSame kills a sweep whose opponents follow from its results,
// and compares the games with those of one that nobody disturbed.
func TestKilledSweepChoosesTheSame(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes")
	}
	dir := t.TempDir()
	fake, err := fakeengine.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := arenatest.WriteModel(t, dir)
	start := func(db string) *exec.Cmd {
		return commandtest.Start(t, dir, append(arenatest.SweepArgs(fake, checkpoint), "--quiet", "--db", db)...)
	}
	commandtest.Wait(t, start("undisturbed.db"))
	want := gamesOf(t, filepath.Join(dir, "undisturbed.db"))
	killed := filepath.Join(dir, "killed.db")
	// A start is killed when it has stored a few games more, all of them before the last game.
	const kills, between = 5, 8
	var counts []int
	for begun := 1; len(counts) < kills; {
		cmd := start("killed.db")
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		stored := 0
		if len(counts) > 0 {
			stored = counts[len(counts)-1]
		}
		if !waitForGames(t, killed, stored+between, done) {
			cmd.Process.Signal(syscall.SIGKILL)
			<-done
		}
		if stored = len(gamesOf(t, killed)); stored < len(want) {
			counts = append(counts, stored)
			continue
		}
		// It was at its end before it was killed: all over again.
		if begun++; begun > 20 {
			t.Fatalf("no sweep of 20 was killed %d times before it had played all games", kills)
		}
		counts = nil
		removeDatabase(killed)
	}
	commandtest.Wait(t, start("killed.db"))
	got := gamesOf(t, killed)
	t.Logf("games after the kills: %v, %d in the end", counts, len(got))
	arenatest.Compare(t, want, got, 80)
}

// waitForGames waits until a database holds n games, or the process that writes it has ended.
func waitForGames(t *testing.T, path string, n int, done <-chan error) (ended bool) {
	t.Helper()
	var store *leaderboard.Store
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return true
		default:
		}
		if store == nil {
			var err error
			if store, err = leaderboard.OpenReadOnly(path); err != nil {
				store = nil // not made yet
				runtime.Gosched()
				continue
			}
			defer store.Close()
		}
		if _, total, err := store.FindGames(t.Context(), leaderboard.Filter{}, 1, 0); err != nil {
			t.Fatal(err)
		} else if total >= n {
			return false
		}
	}
}

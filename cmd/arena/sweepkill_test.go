package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"transcend/cmd/arena/internal/arenatest"
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
	bin := filepath.Join(dir, "arena")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	fake, err := fakeengine.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := arenatest.WriteModel(t, dir)
	start := func(db string) *exec.Cmd {
		cmd := exec.Command(bin, append(arenatest.SweepArgs(fake, checkpoint), "--quiet", "--db", db)...)
		cmd.Dir = dir
		cmd.Stderr = new(bytes.Buffer)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	if cmd := start("undisturbed.db"); cmd.Wait() != nil {
		t.Fatal(cmd.Stderr)
	}
	want := sweepGames(t, filepath.Join(dir, "undisturbed.db"))
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
		if stored = len(sweepGames(t, killed)); stored < len(want) {
			counts = append(counts, stored)
			continue
		}
		// It was at its end before it was killed: all over again.
		if begun++; begun > 20 {
			t.Fatalf("no sweep of 20 was killed %d times before it had played all games", kills)
		}
		counts = nil
		for _, suffix := range []string{"", "-wal", "-shm"} {
			os.Remove(killed + suffix)
		}
	}
	if cmd := start("killed.db"); cmd.Wait() != nil {
		t.Fatal(cmd.Stderr)
	}
	got := sweepGames(t, killed)
	t.Logf("games after the kills: %v, %d in the end", counts, len(got))
	if len(want) != 80 || len(got) != len(want) {
		t.Fatalf("%d games when killed, %d undisturbed", len(got), len(want))
	}
	for k, g := range want {
		if got[k] != g {
			t.Errorf("%s differs:\n%s\n%s", k, got[k], g)
		}
	}
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

// sweepGames reads what defines each game, by player, opponent and slot.
func sweepGames(t *testing.T, path string) map[string]string {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	store, err := leaderboard.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	games := map[string]string{}
	for g, err := range store.Games(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		m, err := store.Match(context.Background(), g.MatchID)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, id := range []int64{m.PlayerID, m.OpponentID} {
			p, err := store.Player(context.Background(), id)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, p.Name)
		}
		games[fmt.Sprint(names, g.Slot)] = fmt.Sprint(g.PlayerWhite, g.Seed, g.Opening, g.Result, g.MoveText)
	}
	return games
}

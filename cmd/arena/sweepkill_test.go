package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

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
	began := time.Now()
	if cmd := start("undisturbed.db"); cmd.Wait() != nil {
		t.Fatal(cmd.Stderr)
	}
	whole := time.Since(began)
	want := sweepGames(t, filepath.Join(dir, "undisturbed.db"))
	for i := range 6 {
		cmd := start("killed.db")
		time.AfterFunc(whole*time.Duration(i+1)/9, func() { cmd.Process.Signal(syscall.SIGKILL) })
		_ = cmd.Wait()
	}
	killed := len(sweepGames(t, filepath.Join(dir, "killed.db")))
	if cmd := start("killed.db"); cmd.Wait() != nil {
		t.Fatal(cmd.Stderr)
	}
	got := sweepGames(t, filepath.Join(dir, "killed.db"))
	t.Logf("%d games after the kills, %d in the end", killed, len(got))
	if len(want) != 80 || len(got) != len(want) {
		t.Fatalf("%d games when killed, %d undisturbed", len(got), len(want))
	}
	for k, g := range want {
		if got[k] != g {
			t.Errorf("%s differs:\n%s\n%s", k, got[k], g)
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

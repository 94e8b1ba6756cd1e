package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"transcend/cmd/arena/internal/arenatest"
	"transcend/cmd/internal/commandtest"
	"transcend/elo/leaderboard"
	"transcend/internal/fakeengine"
)

func TestMain(m *testing.M) { commandtest.Main(m, main) }

// TestKilledArenaPlaysTheMissingGames kills an arena with SIGKILL at 20 random
// moments and compares the games in the end with those of an arena that nobody
// disturbed. Not one engine process may be left.
func TestKilledArenaPlaysTheMissingGames(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for half a minute")
	}
	dir := t.TempDir()
	fake, err := fakeengine.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := arenatest.WriteModel(t, dir)
	const kills, games = 20, 400
	start := func(db string) *exec.Cmd {
		return commandtest.Start(t, dir, "--engine", fake, "--model", checkpoint, "--temp", "0.5,1", "--games", fmt.Sprint(games/2),
			"--illegal", "mask", "--nodes", "1", "--max-moves", "40", "--seed", "11", "--db", db, "--concurrency", "3", "--quiet")
	}
	whole := commandtest.Wait(t, start("undisturbed.db"))
	want := gamesOf(t, filepath.Join(dir, "undisturbed.db"))

	rng := rand.New(rand.NewPCG(2, uint64(time.Now().UnixNano())))
	killed := filepath.Join(dir, "killed.db")
	var counts []int
	// Kills that come before a game was stored come later and later.
	longest := whole / kills
	for len(counts) < kills {
		if !commandtest.Killed(t, start("killed.db"), time.Duration(rng.Int64N(int64(longest)))) {
			// The machine has become faster: begin again, to be killed again.
			arenatest.Compare(t, want, gamesOf(t, killed), games)
			removeDatabase(killed)
			continue
		}
		counts = append(counts, len(gamesOf(t, killed)))
		if counts[len(counts)-1] == 0 {
			longest = min(longest*3/2, whole)
		}
	}
	t.Logf("games stored after each kill: %v", counts)
	if slices.Max(counts) == 0 {
		t.Error("no game was stored before any kill: the kills came too early to test anything")
	}
	commandtest.Wait(t, start("killed.db"))
	arenatest.Compare(t, want, gamesOf(t, killed), games)
	if runtime.GOOS == "linux" {
		waitForNone(t, fake)
	}
}

// gamesOf reads what defines each game of a database, by player, opponent and slot.
func gamesOf(t *testing.T, path string) map[string]string {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	store, err := leaderboard.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
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
		key := fmt.Sprint(names, g.Slot)
		if _, twice := games[key]; twice {
			t.Fatalf("game %s is there twice", key)
		}
		games[key] = fmt.Sprint(g.PlayerWhite, g.Seed, g.Opening, g.Result, g.Termination, g.LossCause, g.MoveText, g.PlayerMoves, g.Attempts, g.Illegal)
	}
	return games
}

// removeDatabase removes a database that nobody has open.
func removeDatabase(path string) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		os.Remove(path + suffix)
	}
}

// waitForNone waits until no process runs the program, which the kernel sees to
// soon after its owner's death.
func waitForNone(t *testing.T, program string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		left := running(t, program)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("processes left: %v", left)
		}
		runtime.Gosched()
	}
}

func running(t *testing.T, program string) (pids []string) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.TrimSuffix(target, " (deleted)") == program {
			pids = append(pids, filepath.Base(filepath.Dir(link)))
		}
	}
	return pids
}

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"transcend/cmd/arena/internal/arenatest"
	"transcend/cmd/internal/commandtest"
)

// TestKilledTournament kills "arena match" with SIGKILL at random moments, over
// and over on the same database, and compares the games in the end with those of
// a tournament that nobody disturbed. Not one engine process may be left.
// ARENA_TEST_KILLS=200 plays the 2,000 games at 200 kills that are claimed.
func TestKilledTournament(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for several seconds")
	}
	kills, games := 12, 20 // a pairing, of which there are six
	if n, err := strconv.Atoi(os.Getenv("ARENA_TEST_KILLS")); err == nil {
		kills, games = n, 334
	}
	dir := t.TempDir()
	fake := arenatest.Fake(t)
	start := func(db string) *exec.Cmd {
		args := append([]string{"match", "--games", fmt.Sprint(games), "--maxmoves", "30", "--seed", "11", "--db", db, "--concurrency", "2", "-q",
			"--pgn-out", db + ".pgn"}, arenatest.Fakes(fake, "a", "b", "c", "d")...)
		return commandtest.Start(t, dir, args...)
	}
	whole := commandtest.Wait(t, start("undisturbed.db"))
	// What a start costs before the first game: all are played by now.
	life := commandtest.Wait(t, start("undisturbed.db")) + whole/time.Duration(kills)
	want := arenatest.TournamentGames(t, filepath.Join(dir, "undisturbed.db"))

	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(3, seed))
	killed := filepath.Join(dir, "killed.db")
	early := 0
	var counts []int
	for len(counts) < kills {
		if !commandtest.Killed(t, start("killed.db"), time.Duration(rng.Int64N(int64(2*life)))) {
			// All games are played: begin again, to be killed again.
			arenatest.Compare(t, want, arenatest.TournamentGames(t, killed), 6*games)
			removeDatabase(killed)
			continue
		}
		if _, err := os.Stat(killed); err != nil {
			early++ // before the database was made
			counts = append(counts, 0)
			continue
		}
		counts = append(counts, arenatest.StoredGames(t, killed))
	}
	commandtest.Wait(t, start("killed.db"))
	arenatest.Compare(t, want, arenatest.TournamentGames(t, killed), 6*games)
	t.Logf("seed %d: %d kills of %d games, %d before there was a database, the last with %d games stored; undisturbed in %v", seed, kills, 6*games, early, counts[len(counts)-1], whole)
	if slices.Max(counts) == 0 {
		t.Error("no game was stored before any kill: the kills came too early to test anything")
	}
	if runtime.GOOS == "linux" {
		waitForNone(t, fake)
	}
	// The PGN of the last run is whole, whatever became of those before.
	arenatest.CheckPGN(t, killed+".pgn", 6*games)
}

package leaderboard

// Programs that are killed, and programs that share a file. The helper programs
// are this test binary, told by an environment variable what to do.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const helperVariable = "LEADERBOARD_TEST_HELPER"

func TestMain(m *testing.M) {
	helpers := map[string]func(string) error{"arena": helperArena, "readonly": helperReadOnly}
	if helper := helpers[os.Getenv(helperVariable)]; helper != nil {
		if err := helper(os.Getenv("HELPER_DB")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// helperArena opens the database and plays the slots that have no game yet, as
// an arena does, up to HELPER_SLOTS. It prints "recorded N" for each game that
// it was told is stored, "taken N" for each that another program had stored.
func helperArena(path string) error {
	ctx := context.Background()
	slots, err := strconv.Atoi(os.Getenv("HELPER_SLOTS"))
	if err != nil {
		return err
	}
	fmt.Println("started")
	s, err := OpenWith(path, Config{BusyTimeout: time.Minute})
	if err != nil {
		return err
	}
	defer s.Close()
	player, err := s.EnsurePlayer(ctx, Player{Name: "model", Spec: modelSpec("0.1")})
	if err != nil {
		return err
	}
	opponent, err := s.EnsurePlayer(ctx, Player{Name: "Stockfish", Spec: stockfishSpec("17.1", "1")})
	if err != nil {
		return err
	}
	match, err := s.EnsureMatch(ctx, Match{PlayerID: player, OpponentID: opponent, Seed: 1, Program: "helper"})
	if err != nil {
		return err
	}
	played := map[int]bool{}
	for g, err := range s.Games(ctx, match) {
		if err != nil {
			return err
		}
		played[g.Slot] = true
	}
	for slot := range slots {
		if played[slot] {
			continue
		}
		switch err := s.RecordGame(ctx, simpleGame(match, slot)); {
		case errors.Is(err, ErrSlotTaken):
			fmt.Println("taken", slot)
		case err != nil:
			return err
		default:
			fmt.Println("recorded", slot)
		}
	}
	return s.Close()
}

// helper starts this binary as a helper program.
func helper(t *testing.T, path string, slots int) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), helperVariable+"=arena", "HELPER_DB="+path, "HELPER_SLOTS="+strconv.Itoa(slots))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// TestKilled kills an arena with SIGKILL at random moments, over and over on the
// same file: after each kill the file opens and is sound, and every game that
// was acknowledged is in it as it was. In the end the games are those of an
// arena that was never killed.
func TestKilled(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "arena.db")
	const seed = 20
	rng := rand.New(rand.NewPCG(seed, 0))
	kills, slots := 40, 4000
	if testing.Short() {
		kills = 20
	}
	acknowledged := map[int]bool{}
	early := 0
	for kill := range kills {
		cmd, out := helper(t, path, slots)
		// Some kills hit the opening of the file, some the writing of a game. The
		// lines decide roughly when, a few spins of the processor exactly when.
		lines, spins := rng.IntN(60), rng.IntN(2_000_000)
		if kill%4 == 0 {
			lines = 1
		}
		read := func() bool {
			if !out.Scan() {
				return false
			}
			if n, ok := strings.CutPrefix(out.Text(), "recorded "); ok {
				slot, err := strconv.Atoi(n)
				if err != nil || acknowledged[slot] {
					t.Fatalf("kill %d: %q: %v", kill, out.Text(), err)
				}
				acknowledged[slot] = true
			} else if out.Text() != "started" {
				t.Fatalf("kill %d: helper says %q", kill, out.Text())
			}
			return true
		}
		before := len(acknowledged)
		for range lines {
			if !read() {
				t.Fatalf("kill %d: the helper ended by itself", kill)
			}
		}
		x := uint64(kill)
		for range spins {
			x = x*6364136223846793005 + 1
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for read() { // what it said before it died counts
		}
		if err := cmd.Wait(); err == nil {
			t.Fatalf("kill %d: the helper was done before it was killed (%d)", kill, x)
		}
		if len(acknowledged) == before {
			early++
		}

		s, err := Open(path)
		if err != nil {
			t.Fatalf("kill %d: %v", kill, err)
		}
		if err := s.Check(ctx); err != nil {
			t.Fatalf("kill %d: %v", kill, err)
		}
		found := map[int]bool{}
		for _, g := range collect(t, s) {
			found[g.Slot] = true
			want := simpleGame(1, g.Slot)
			want.White, want.Black = g.White, g.Black
			if !reflect.DeepEqual(g, want) {
				t.Fatalf("kill %d: slot %d reads back as %+v", kill, g.Slot, g)
			}
		}
		for slot := range acknowledged {
			if !found[slot] {
				t.Fatalf("kill %d (seed %d): the acknowledged game in slot %d is gone", kill, seed, slot)
			}
		}
		// One game may be stored whose acknowledgment was never said.
		for slot := range found {
			acknowledged[slot] = true
		}
		s.Close()
	}
	t.Logf("%d kills, %d of them before a game was recorded; %d games kept", kills, early, len(acknowledged))

	slots = len(acknowledged) + 50
	cmd, out := helper(t, path, slots)
	for out.Scan() {
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, path)
	games := collect(t, s)
	if len(games) != slots {
		t.Errorf("%d games, want %d", len(games), slots)
	}
	for i, g := range games {
		if g.Slot != i {
			t.Fatalf("game %d is in slot %d", i, g.Slot)
		}
	}
	if ms, err := s.Matches(ctx); err != nil || len(ms) != 1 {
		t.Errorf("%d matches, %v: the match was not found again", len(ms), err)
	}
}

// TestManyPrograms: several arenas begin at the same time on a file that does
// not exist yet, and play the same match. Every slot is recorded by exactly one.
func TestManyPrograms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "arena.db")
	const programs, slots = 4, 150
	var mu sync.Mutex
	by := map[int]int{}
	taken := 0
	var wg sync.WaitGroup
	for p := range programs {
		cmd, out := helper(t, path, slots)
		wg.Go(func() {
			for out.Scan() {
				mu.Lock()
				if n, ok := strings.CutPrefix(out.Text(), "recorded "); ok {
					slot, err := strconv.Atoi(n)
					if _, twice := by[slot]; twice || err != nil {
						t.Errorf("slot %s recorded twice, or %v", n, err)
					}
					by[slot] = p
				} else if strings.HasPrefix(out.Text(), "taken ") {
					taken++
				}
				mu.Unlock()
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("program %d: %v", p, err)
			}
		})
	}
	wg.Wait()
	share := make([]int, programs)
	for _, p := range by {
		share[p]++
	}
	t.Logf("recorded by each program: %v; slots found taken: %d", share, taken)
	s := mustOpen(t, path)
	if games := collect(t, s); len(games) != slots || len(by) != slots {
		t.Errorf("%d games stored, %d recorded, want %d", len(games), len(by), slots)
	}
	if err := s.Check(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestManyMatches: two arenas on one file with matches of their own, while a
// third program reads.
func TestManyMatches(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "arena.db")
	one, two := mustOpen(t, path), mustOpen(t, path)
	a := newMatch(t, one, Player{Spec: modelSpec("0.1")}, Player{Spec: stockfishSpec("17.1", "1")}, Match{})
	b := newMatch(t, two, Player{Spec: modelSpec("1")}, Player{Spec: stockfishSpec("17.1", "1")}, Match{})
	var wg sync.WaitGroup
	for store, match := range map[*Store]int64{one: a, two: b} {
		wg.Go(func() {
			for slot := range 150 {
				if err := store.RecordGame(ctx, simpleGame(match, slot)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	reader, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	last := 0
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		n := len(collect(t, reader))
		if n < last {
			t.Errorf("a reader saw %d games after %d", n, last)
		}
		last = n
	}
	if last != 300 {
		t.Errorf("%d games, want 300", last)
	}
}

// helperReadOnly is run by TestReadOnlyDirectory as a user without rights.
func helperReadOnly(dir string) error {
	ctx := context.Background()
	for _, path := range []string{filepath.Join(dir, "sealed", "arena.db"), filepath.Join(dir, "fileonly", "arena.db"), filepath.Join(dir, "sealed", "new.db")} {
		s, err := Open(path)
		if err == nil {
			s.Close()
			return fmt.Errorf("%s was opened for writing", path)
		}
		fmt.Println(err)
		if !errors.Is(err, ErrReadOnly) && !errors.Is(err, ErrCannotOpen) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "permissions") {
			return fmt.Errorf("%s: not a clear error: %w", path, err)
		}
		if strings.HasSuffix(path, "new.db") {
			continue
		}
		// Reading works all the same.
		ro, err := OpenReadOnly(path)
		if err != nil {
			return err
		}
		n := 0
		for _, err := range ro.Games(ctx) {
			if err != nil {
				return err
			}
			n++
		}
		if n != 2 {
			return fmt.Errorf("%s: %d games read", path, n)
		}
		ro.Close()
	}
	_, err := io.WriteString(os.Stdout, "all as it should be\n")
	return err
}

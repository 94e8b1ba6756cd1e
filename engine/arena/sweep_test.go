package arena

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"transcend/elo"
	"transcend/elo/leaderboard"
	"transcend/engine"
	"transcend/engine/match"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counting is a random mover that counts its games.
type counting struct {
	engine.Player
	games *atomic.Int64
}

func (p counting) NewGame(ctx context.Context, seed uint64) error {
	p.games.Add(1)
	return p.Player.NewGame(ctx, seed)
}

// sweepOf is a sweep of two models that move at random against two opponents.
func sweepOf(t testing.TB, store *leaderboard.Store, even bool, games *atomic.Int64) *Sweep {
	t.Helper()
	player := func(context.Context) (engine.Player, error) { return counting{engine.NewRandomPlayer(), games}, nil }
	opponent := func(context.Context) (engine.Player, error) { return engine.NewRandomPlayer(), nil }
	o := SweepOptions{Even: even, Games: 40, Protocol: "sound", Rules: match.Rules{MaxPlies: 30}, Seed: 7, Concurrency: 2}
	for i := range 2 {
		o.Contests = append(o.Contests, &Contest{Label: fmt.Sprint(i), New: player, Player: leaderboard.Player{Name: fmt.Sprint("model ", i), Spec: map[string]string{"kind": "random", "n": fmt.Sprint(i)}}})
		o.Opponents = append(o.Opponents, &Opponent{Label: fmt.Sprint("opponent ", i), New: opponent, Tried: true,
			Player: leaderboard.Player{Name: fmt.Sprint("opponent ", i), Spec: map[string]string{"kind": "random", "o": fmt.Sprint(i)}}, Anchor: elo.Anchor{Rating: 1000 + 50*float64(i), StandardError: 20}})
	}
	s, err := NewSweep(t.Context(), store, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTwoSweeps: two arenas on one sweep share its games: none is played twice, and
// those of a sweep whose opponents follow from its results are those of one arena.
func TestTwoSweeps(t *testing.T) {
	for _, even := range []bool{true, false} {
		want := map[string]string{}
		for _, arenas := range []int{1, 3} {
			path := filepath.Join(t.TempDir(), "a.db")
			var games atomic.Int64
			var all sync.WaitGroup
			for range arenas {
				store, err := leaderboard.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer store.Close()
				s := sweepOf(t, store, even, &games)
				all.Go(func() {
					defer s.Close()
					if err := s.Play(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			store, err := leaderboard.OpenReadOnly(path)
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			got := map[string]string{}
			for g, err := range store.Games(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				m, err := store.Match(t.Context(), g.MatchID)
				if err != nil {
					t.Fatal(err)
				}
				got[fmt.Sprint(m.PlayerID, m.OpponentID, g.Slot)] = g.MoveText
			}
			n := 80
			if even {
				n = 160
			}
			if len(got) != n || int(games.Load()) != n {
				t.Errorf("even %v, %d arenas: %d games stored, %d played, want %d", even, arenas, len(got), games.Load(), n)
			}
			if live, err := store.Live(t.Context()); err != nil || len(live) != 0 {
				t.Errorf("%d games are still in play, %v", len(live), err)
			}
			if arenas == 1 {
				want = got
				continue
			}
			for key, moves := range want {
				if got[key] != moves {
					t.Errorf("even %v: game %s differs", even, key)
				}
			}
		}
	}
}

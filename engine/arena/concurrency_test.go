package arena

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"transcend/elo/leaderboard"
	"transcend/engine"
	"transcend/engine/match"
	"transcend/internal/bitboard"
)

// gated is a player that thinks until it is let go on.
type gated struct {
	engine.Player
	thinking *atomic.Int32
	begun    chan struct{}
	open     chan struct{} // closed to let everybody go on
}

func (p gated) Move(ctx context.Context, g *bitboard.Game, l engine.Limit) (engine.Reply, error) {
	p.thinking.Add(1)
	defer p.thinking.Add(-1)
	select {
	case p.begun <- struct{}{}:
	case <-p.open:
	case <-ctx.Done():
	}
	select {
	case <-p.open:
	case <-ctx.Done():
	}
	return p.Player.Move(ctx, g, l)
}

// TestConcurrencyChanges: a tournament that plays one game at a time plays three when it is
// asked to, and what was asked for is forgotten when it ends.
func TestConcurrencyChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	if err := AskConcurrency(path, 7); err != nil { // of the past: does not count
		t.Fatal(err)
	}
	store, err := leaderboard.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var thinking atomic.Int32
	begun, open := make(chan struct{}), make(chan struct{})
	o := TournamentOptions{Kind: leaderboard.RoundRobin, Rounds: 1, Games: 6, Rules: match.Rules{MaxPlies: 10}, Concurrency: 1, MaxConcurrency: 3}
	var told atomic.Int32
	o.Show.Resized = func(n int) { told.Store(int32(n)) }
	for _, name := range []string{"a", "b"} {
		o.Entrants = append(o.Entrants, Entrant{Name: name, Player: leaderboard.Player{Name: name, Spec: map[string]string{"kind": "random", "n": name}},
			Entrant: match.Entrant{New: func(context.Context) (engine.Player, error) {
				return gated{engine.NewRandomPlayer(), &thinking, begun, open}, nil
			}}})
	}
	tournament, err := NewTournament(t.Context(), store, o)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- tournament.Play(t.Context()) }()
	<-begun
	if n := thinking.Load(); n != 1 {
		t.Errorf("%d games at once, want 1", n)
	}
	if err := AskConcurrency(path, 9); err != nil {
		t.Fatal(err)
	}
	<-begun
	<-begun
	if n := thinking.Load(); n != 3 || told.Load() != 3 {
		t.Errorf("%d games at once, told %d, want 3", n, told.Load())
	}
	close(open)
	if err := <-done; err != nil || tournament.Played() != 6 {
		t.Errorf("%v, %d games", err, tournament.Played())
	}
	tournament.Close()
	if _, err := os.Stat(concurrencyFile(path)); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
	for _, n := range []int{0, -1, MaxConcurrency + 1} {
		if AskConcurrency(path, n) == nil {
			t.Errorf("%d games at once were asked for", n)
		}
	}
}

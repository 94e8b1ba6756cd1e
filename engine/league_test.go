package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"transcend/data/league"
	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
)

func newLeague(t *testing.T, text string) *LeaguePlayer {
	t.Helper()
	config, err := league.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewLeaguePlayer(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func TestLeaguePlayerPlaysTheSameGameFromASeed(t *testing.T) {
	ctx := context.Background()
	p := newLeague(t, "boltz:depth=1,t=50,rho=0.2")
	play := func(seed uint64) (moves []bitboard.Move) {
		if err := p.NewGame(ctx, seed); err != nil {
			t.Fatal(err)
		}
		g := bitboard.NewGame(bitboard.Start())
		for range 30 {
			reply, err := p.Move(ctx, g, Limit{MoveTime: time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if err := g.Make(reply.Move); err != nil {
				t.Fatal(err)
			}
			moves = append(moves, reply.Move)
		}
		return moves
	}
	first, again, other := play(1), play(1), play(2)
	differ := false
	for i := range first {
		if first[i] != again[i] {
			t.Fatalf("ply %d: %v, the second time %v", i+1, first[i], again[i])
		}
		differ = differ || first[i] != other[i]
	}
	if !differ {
		t.Error("two seeds give one game")
	}
	if s := p.Spec(); s["player"] != "boltz:depth=1,t=50,rho=0.2" || s["version"] != league.Version || s["kind"] != "league" {
		t.Errorf("spec %v", s)
	}
	if p.Name() != "league:boltz:depth=1,t=50,rho=0.2" {
		t.Errorf("name %q", p.Name())
	}
}

func TestLeaguePlayerLimits(t *testing.T) {
	ctx := context.Background()
	p := newLeague(t, "search")
	g := bitboard.NewGame(bitboard.Start())
	for _, limit := range []Limit{{Nodes: 3000}, {Depth: 3}, {MoveTime: 5 * time.Millisecond}, {White: time.Second, Black: time.Second, WhiteInc: time.Millisecond}} {
		reply, err := p.Move(ctx, g, limit)
		if err != nil || reply.Score == nil || reply.Score.PV == "" || reply.Score.Depth < 1 {
			t.Errorf("%+v: %+v, %v", limit, reply, err)
			continue
		}
		if limit.Nodes > 0 && reply.Score.Nodes != int64(limit.Nodes) || limit.Depth > 0 && reply.Score.Depth != limit.Depth {
			t.Errorf("%+v: %+v", limit, reply.Score)
		}
	}
	if _, err := p.Move(ctx, g, Limit{}); !errors.Is(err, league.ErrUnbounded) {
		t.Errorf("without a limit: %v", err)
	}
	mate := boardtest.Game(t, "7k/8/8/8/8/8/R7/1R4K1 w - - 0 1")
	if reply, err := p.Move(ctx, mate, Limit{Depth: 4}); err != nil || !reply.Score.IsMate || reply.Score.Mate != 2 {
		t.Errorf("mate in two: %+v, %v", reply.Score, err)
	}
}

func TestLeaguePlayerStops(t *testing.T) {
	p := newLeague(t, "search")
	g := bitboard.NewGame(bitboard.Start())
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.Move(ctx, g, Limit{Depth: 64}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stopped: %v", err)
	}
	over := boardtest.Game(t, "7k/5Q2/6K1/8/8/8/8/8 b - - 0 1")
	if _, err := p.Move(context.Background(), over, Limit{Depth: 2}); !errors.Is(err, ErrGameOver) {
		t.Errorf("a stalemate: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Move(context.Background(), g, Limit{Depth: 2}); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := NewLeaguePlayer(league.Player{Noise: 2}); err == nil {
		t.Error("a noise of 2 is taken")
	}
}

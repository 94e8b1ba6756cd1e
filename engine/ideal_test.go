package engine

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"transcend/data/league/mixture"
	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
)

func idealPlayer(t *testing.T, text string) *IdealPlayer {
	t.Helper()
	c, err := ParseIdeal(text)
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Mixture()
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewIdealPlayer(c, m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func TestParseIdeal(t *testing.T) {
	c, err := ParseIdeal("pool=noise")
	if err != nil || c != (IdealConfig{Pool: "noise", Temperature: 0.001}) {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = ParseIdeal("pool=a/b.txt,temp=0,posterior=true,chars=1,gap=50,unseen=true,openings=random:4")
	want := IdealConfig{Pool: "a/b.txt", Options: mixture.Options{MaxGap: 50, Unseen: true, RandomPlies: 4}, Posterior: true, Characters: true}
	if err != nil || c != want {
		t.Errorf("%+v, %v", c, err)
	}
	for text, want := range map[string]string{
		"":                       "KEY=VALUE",
		"temp=1":                 "no pool",
		"pool=noise,temp=-1":     "temperature",
		"pool=noise,temp=NaN":    "temperature",
		"pool=noise,temp=cold":   "temp=cold",
		"pool=noise,gap=-5":      "negative",
		"pool=noise,pool=shared": "twice",
		"pool=noise,chars=maybe": "chars=maybe",
		"pool=noise,depth=2":     "no such parameter",
	} {
		var e *IdealTextError
		if _, err := ParseIdeal(text); !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	c, _ = ParseIdeal("pool=nois")
	if _, err := c.Mixture(); err == nil || !strings.Contains(err.Error(), "nois") {
		t.Errorf("a pool that is not there: %v", err)
	}
}

// TestIdealPlaysWhatItSays draws moves and compares with Chances, at both levels.
func TestIdealPlaysWhatItSays(t *testing.T) {
	ctx := context.Background()
	for _, text := range []string{"pool=noise,temp=1", "pool=tastes,temp=0.7,chars=true", "pool=specialists,temp=0.5,posterior=true"} {
		p := idealPlayer(t, text)
		g := boardtest.Game(t, "", "e2e4", "a7a6", "h2h4")
		chances, err := p.Chances(g)
		if err != nil {
			t.Fatal(err)
		}
		const plays = 3000
		seen := map[bitboard.Move]float64{}
		for seed := range uint64(plays) {
			if err := p.NewGame(ctx, seed); err != nil {
				t.Fatal(err)
			}
			r, err := p.Move(ctx, g, Limit{})
			if err != nil {
				t.Fatal(err)
			}
			seen[r.Move]++
		}
		for _, c := range chances {
			if sd := math.Sqrt(plays*c.P*(1-c.P)) + 1; math.Abs(seen[c.Move]-plays*c.P) > 5*sd {
				t.Errorf("%s: %v played %v times, want %.0f", text, c.Move, seen[c.Move], plays*c.P)
			}
		}
	}
}

// TestIdealIsAPlayer plays a game against itself, at the lowest temperature the same twice.
func TestIdealIsAPlayer(t *testing.T) {
	ctx := context.Background()
	var games [2][]bitboard.Move
	for i := range games {
		p := idealPlayer(t, "pool=noise,posterior=true")
		if err := p.NewGame(ctx, 5); err != nil {
			t.Fatal(err)
		}
		g := bitboard.NewGame(bitboard.Start())
		for range 60 {
			r, err := p.Move(ctx, g, Limit{})
			if errors.Is(err, ErrGameOver) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := g.Make(r.Move); err != nil {
				t.Fatal(err)
			}
		}
		games[i] = slices.Clone(g.Moves())
	}
	if !slices.Equal(games[0], games[1]) {
		t.Error("the same seed gave two games")
	}
	p := idealPlayer(t, "pool=noise")
	mated := boardtest.Game(t, "7k/6Q1/6K1/8/8/8/8/8 b - - 0 1")
	if _, err := p.Move(ctx, mated, Limit{}); !errors.Is(err, ErrGameOver) {
		t.Errorf("mated: %v", err)
	}
	p.Close()
	if _, err := p.Move(ctx, mated, Limit{}); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	a, b := idealPlayer(t, "pool=noise,temp=1").Spec(), idealPlayer(t, "pool=noise,temp=1,chars=true").Spec()
	if a["level"] == b["level"] || a["players"] != b["players"] {
		t.Errorf("specs %v and %v", a, b)
	}
}

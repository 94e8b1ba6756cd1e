package engine

import (
	"context"
	"maps"
	"math"
	"strings"
	"testing"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/model/sampling"
)

// TestChancesAreFrequencies compares with the moves that are drawn.
func TestChancesAreFrequencies(t *testing.T) {
	ctx := context.Background()
	// From here both castlings are legal, so that one move begins with another.
	castling := bitboard.NewGame(bitboard.Start())
	for _, m := range []string{"d2d4", "d7d5", "c1f4", "c8f5", "b1c3", "b8c6", "d1d2", "d8d7", "g1f3", "g8f6", "g2g3", "g7g6", "f1g2", "f8g7"} {
		if err := castling.Make(mustUCI(t, castling.Position(), m)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name   string
		tok    data.Tokenizer
		game   *bitboard.Game
		logits map[string]float64
	}{
		{"moves", data.NewMoveTokenizer(), bitboard.NewGame(bitboard.Start()), map[string]float64{"e2e4": 3, "d2d4": 2.5, "e7e5": 2, "g1f3": 1, "a2a3": 0}},
		{"characters", data.NewCharTokenizer(data.CharOptions{}), bitboard.NewGame(bitboard.Start()), map[string]float64{"e": 1, "4": 1.5, "d": 0.7, " ": 1, "N": 0.5, "f": 0.3, "3": 0.4, ";": -1, "x": -1}},
		{"castling", data.NewCharTokenizer(data.CharOptions{}), castling, map[string]float64{"O": 2, "-": 2, " ": 1, "e": 0, "4": 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := scriptedPlayer(t, tt.tok, sampling.Settings{Temperature: 0.8}, "forfeit-after-1", func(text string) map[string]float64 {
				// A draw that begins with a space is read all the same, but no
				// transcript is written like that.
				if strings.HasSuffix(text, ".") {
					without := maps.Clone(tt.logits)
					delete(without, " ")
					return without
				}
				return tt.logits
			})
			chances, err := p.Chances(ctx, tt.game, 0.8)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(tt.game.Position().Legal(nil)); len(chances) != n {
				t.Fatalf("%d moves, %d are legal", len(chances), n)
			}
			const draws = 20000
			counts := map[bitboard.Move]int{}
			if err := p.NewGame(ctx, 1); err != nil {
				t.Fatal(err)
			}
			for range draws {
				if r, err := p.Move(ctx, tt.game, Limit{}); err == nil {
					counts[r.Move]++
				}
			}
			for i, c := range chances {
				if i > 0 && c.P > chances[i-1].P {
					t.Errorf("%s is likelier than the one before it", c.Move)
				}
				got, sd := float64(counts[c.Move])/draws, math.Sqrt(c.P*(1-c.P)/draws)
				if math.Abs(got-c.P) > 5*sd+1e-9 {
					t.Errorf("%s: probability %.4f, drawn %.4f", c.Move, c.P, got)
				}
			}
		})
	}
}

func mustUCI(t *testing.T, p *bitboard.Position, s string) bitboard.Move {
	t.Helper()
	m, err := p.ParseUCIMove(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestChancesChangeNothing plays a game with and without them.
func TestChancesChangeNothing(t *testing.T) {
	ctx := context.Background()
	for _, tok := range []data.Tokenizer{data.NewMoveTokenizer(), data.NewCharTokenizer(data.CharOptions{})} {
		m := tinyModel(t, tok, 300)
		play := func(look bool) (moves []bitboard.Move) {
			p, err := NewModelPlayer(ModelConfig{Model: m, Tokenizer: tok, Sampling: sampling.Settings{Temperature: 1}, Policy: IllegalPolicy{Kind: Mask}})
			if err != nil {
				t.Fatal(err)
			}
			if err := p.NewGame(ctx, 7); err != nil {
				t.Fatal(err)
			}
			g := bitboard.NewGame(bitboard.Start())
			for range 24 {
				if look {
					if _, err := p.Chances(ctx, g, 1); err != nil {
						t.Fatal(err)
					}
				}
				r, err := p.Move(ctx, g, Limit{})
				if err != nil {
					t.Fatal(err)
				}
				if look {
					if _, err := p.Chances(ctx, g, 1); err != nil {
						t.Fatal(err)
					}
				}
				if err := g.Make(r.Move); err != nil {
					t.Fatal(err)
				}
			}
			return append(moves, g.Moves()...)
		}
		a, b := play(false), play(true)
		for i := range a {
			if a[i] != b[i] {
				t.Fatalf("%s: ply %d is %s without and %s with a look at the chances", tok.Name(), i+1, a[i], b[i])
			}
		}
	}
}

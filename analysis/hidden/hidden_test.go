package hidden

import (
	"context"
	"math"
	"testing"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/model"
)

func moves(t *testing.T, words ...string) (list []bitboard.Move) {
	p := bitboard.Start()
	for _, w := range words {
		m, err := p.ParseSAN(w)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
		p.Make(m)
	}
	return list
}

// TestCollect compares the states of games that go through the network beside each other with those of each prefix alone.
func TestCollect(t *testing.T) {
	char := data.NewCharTokenizer(data.CharOptions{})
	move := data.NewMoveTokenizer()
	for _, c := range []struct {
		tok   data.Tokenizer
		input string
	}{{move, data.InputMoves}, {move, data.InputBoard}, {char, data.InputMoves}} {
		enc, err := data.NewEncoder(c.tok, c.input)
		if err != nil {
			t.Fatal(err)
		}
		cfg := model.Config{Layers: 2, Heads: 2, Width: 16, Context: 24, Activation: model.GELU}
		enc.Configure(&cfg)
		m, err := model.New(cfg, 1)
		if err != nil {
			t.Fatal(err)
		}
		games := []Game{
			{moves(t, "e4", "e5", "Nf3", "Nc6", "Bb5", "a6", "Ba4", "Nf6"), []int{0, 3, 8}},
			{moves(t, "d4", "d5"), []int{1, 2}},
			{moves(t, "c4"), nil},
		}
		type key struct{ game, k, layer int }
		got := map[key][]float32{}
		err = Collect(context.Background(), m, c.tok, games, []int{0, 2}, func(game, k, layer int, position *bitboard.Position, state []float32) {
			want := bitboard.Start()
			for _, m := range games[game].Moves[:games[game].Plies[k]] {
				want.Make(m)
			}
			if !position.SamePosition(&want) {
				t.Errorf("game %d, prefix %d: another position", game, k)
			}
			got[key{game, k, layer}] = append([]float32(nil), state...)
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		states := 0
		for game, g := range games {
			for k, ply := range g.Plies {
				prompt := c.tok.AppendPrompt(nil, g.Moves[:ply])
				if len(prompt) > cfg.Context {
					if _, ok := got[key{game, k, 0}]; ok {
						t.Error("a prompt that is too long has a state")
					}
					continue
				}
				board := bitboard.NewGame(bitboard.Start())
				for _, m := range g.Moves[:ply] {
					board.Make(m)
				}
				b := model.Batch{ExtraSlots: cfg.ExtraSlots}
				b.Resize(1, len(prompt))
				clear(b.SegmentStart)
				copy(b.Tokens, prompt)
				copy(b.Extras, enc.AppendExtras(nil, board, 0, len(prompt)))
				for i := range prompt {
					b.Targets[i], b.Positions[i] = -1, int32(i)
				}
				err := m.NewEvaluator().EachStream(&b, func(layer int, stream []float32) {
					if layer == 1 {
						return
					}
					states++
					state := got[key{game, k, layer}]
					for i, want := range stream[(len(prompt)-1)*cfg.Width:] {
						if math.Abs(float64(state[i]-want)) > 1e-5 {
							t.Fatalf("%s %s, game %d, ply %d, layer %d: %v, want %v", c.tok.Name(), c.input, game, ply, layer, state[i], want)
						}
					}
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(got) != states {
			t.Errorf("%d states, want %d", len(got), states)
		}
		if c.tok == char && states == 10 {
			t.Error("no prompt was too long: the test sees less than it should")
		}
	}
}

func TestCollectErrors(t *testing.T) {
	m, err := model.New(model.Config{Layers: 1, Heads: 1, Width: 8, Context: 8, Activation: model.GELU, Vocab: data.NewMoveTokenizer().VocabSize()}, 1)
	if err != nil {
		t.Fatal(err)
	}
	tok := data.NewMoveTokenizer()
	visit := func(int, int, int, *bitboard.Position, []float32) {}
	e4 := moves(t, "e4")
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for name, try := range map[string]func() error{
		"layer": func() error { return Collect(context.Background(), m, tok, nil, []int{2}, visit, nil) },
		"ply": func() error {
			return Collect(context.Background(), m, tok, []Game{{e4, []int{2}}}, []int{0}, visit, nil)
		},
		"order": func() error {
			return Collect(context.Background(), m, tok, []Game{{e4, []int{1, 0}}}, []int{0}, visit, nil)
		},
		"illegal": func() error {
			return Collect(context.Background(), m, tok, []Game{{[]bitboard.Move{e4[0], e4[0]}, []int{2}}}, []int{0}, visit, nil)
		},
		"cancelled": func() error { return Collect(canceled, m, tok, []Game{{e4, []int{1}}}, []int{0}, visit, nil) },
	} {
		if try() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

package analysis

import (
	"context"
	"math"
	"slices"
	"testing"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/model/sampling"
)

// TestGameChoices compares with the logits of each prefix on its own.
func TestGameChoices(t *testing.T) {
	ctx := context.Background()
	tok := data.NewMoveTokenizer()
	m := newModel(t, tok.VocabSize(), 30)
	moves := randomGames(1, 40).Game(0).Moves
	plies := []int{0, 2, 3, 12, 40}
	got, err := GameChoices(ctx, m, tok, sampling.Settings{Temperature: 0.25}, moves, plies, 6)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 { // the context ends before ply 40
		t.Fatalf("%d positions answered, want 4", len(got))
	}
	for i, c := range got {
		ply := plies[i]
		logits, err := m.NewDecoder().Append(tok.AppendPrompt(nil, moves[:ply])...)
		if err != nil {
			t.Fatal(err)
		}
		// The softmax over the moves, in its plain form.
		var sum, legal float64
		game := bitboard.NewGame(bitboard.Start())
		for _, move := range moves[:ply] {
			if err := game.Make(move); err != nil {
				t.Fatal(err)
			}
		}
		for id := range int32(data.NumMoves) {
			p := math.Exp(float64(logits[id]))
			sum += p
			if move, _ := tok.Move(id); game.Position().IsLegal(move) {
				legal += p
			}
		}
		id, _ := tok.ID(moves[ply])
		want := math.Exp(float64(logits[id])) / sum
		if c.Ply != ply || c.Played == nil || c.Played.Move != moves[ply] || math.Abs(c.Played.P-want) > 1e-6 || math.Abs(c.Legal-legal/sum) > 1e-6 {
			t.Errorf("ply %d: %+v, want %v of %v legal", ply, c, want, legal/sum)
		}
		if len(c.Top) != 6 || !slices.IsSortedFunc(c.Top, func(x, y Choice) int { return int(math.Copysign(1, y.P-x.P)) }) {
			t.Errorf("ply %d: top %+v", ply, c.Top)
		}
		// Lower temperatures go to the likely ones.
		if c.Top[0].PT <= c.Top[0].P {
			t.Errorf("ply %d: %v at T=0.25 and %v at T=1", ply, c.Top[0].PT, c.Top[0].P)
		}
	}

	// Characters give the legal moves alone.
	chars := data.NewCharTokenizer(data.CharOptions{})
	cm := newModel(t, chars.VocabSize(), 200)
	all, err := GameChoices(ctx, cm, chars, sampling.Settings{Temperature: 1}, moves, []int{0, 1}, 100)
	if err != nil || len(all) != 2 || len(all[0].Top) != 20 || all[0].Played == nil {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, c := range all[0].Top {
		if !c.Legal || c.P != c.PT {
			t.Errorf("%+v", c)
		}
	}

	if _, err := GameChoices(ctx, m, tok, sampling.Settings{}, []bitboard.Move{moves[0], moves[0]}, []int{2}, 3); err == nil {
		t.Error("an illegal move was shown to the model")
	}
	if _, err := GameChoices(ctx, m, tok, sampling.Settings{}, moves[:3], []int{4}, 3); err == nil {
		t.Error("a ply that the game does not have")
	}
}

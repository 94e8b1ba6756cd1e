package analysis

import (
	"context"
	"math"
	"testing"

	"transcend/data"
	"transcend/data/batches"
	"transcend/model"
	"transcend/model/sampling"
)

// TestBoardInput: every way of asking a model with board input shows it the boards that
// it is trained with.
func TestBoardInput(t *testing.T) {
	ctx := context.Background()
	tok := data.NewMoveTokenizer()
	c := model.Config{Layers: 1, Heads: 2, Width: 16, Context: 50, Activation: model.GELU}
	enc, err := data.NewEncoder(tok, data.InputBoard)
	if err != nil {
		t.Fatal(err)
	}
	enc.Configure(&c)
	m, err := model.New(c, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range m.Tensors() { // so that boards matter
		for i := range x.Data {
			x.Data[i] *= 10
		}
	}
	games := randomGames(5, 30)
	it, err := batches.NewValidation(games, tok, batches.Config{Rows: 1, Context: 31, Input: data.InputBoard})
	if err != nil {
		t.Fatal(err)
	}
	matches := 0
	var b model.Batch
	e := m.NewEvaluator()
	for it.Next(&b) {
		var moves []int32
		var logits [][]float32
		_, err := e.EachLogits(&b, func(i int, x []float32) {
			moves, logits = append(moves, b.Targets[i]), append(logits, append([]float32(nil), x...))
		})
		if err != nil {
			t.Fatal(err)
		}
		var game data.Game
		for i := range games.Len() {
			if id, _ := tok.ID(games.Moves(i)[0]); id == moves[0] && len(games.Moves(i)) == len(moves)-1 {
				if id, _ := tok.ID(games.Moves(i)[1]); id == moves[1] {
					game = games.Game(i)
				}
			}
		}
		if game.Moves == nil {
			t.Fatal("the game is not found")
		}
		plies := []int{0, 1, 7, 8, 29}
		got, err := GameChoices(ctx, m, tok, sampling.Settings{Temperature: 1}, game.Moves, plies, 3)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range got {
			x, sum := logits[plies[i]], 0.0
			for id := range data.NumMoves {
				sum += math.Exp(float64(x[id]))
			}
			id, _ := tok.ID(game.Moves[plies[i]])
			if want := math.Exp(float64(x[id])) / sum; math.Abs(c.Played.P-want) > 1e-5 {
				t.Errorf("ply %d: %v, in training %v", plies[i], c.Played.P, want)
			}
		}
		for ply, x := range logits[:len(game.Moves)] {
			best := int32(0)
			for id := range int32(data.NumMoves) {
				if x[id] > x[best] {
					best = id
				}
			}
			if best == moves[ply] {
				matches++
			}
		}
	}
	quality, err := MoveQuality(ctx, m, tok, games, MoveQualityOptions{})
	if err != nil || quality.Match != matches || quality.Positions != 5*30 {
		t.Errorf("%+v, %v, want %d matches", quality, err, matches)
	}
	longer := randomGames(1, 45).Game(0)
	games.Append(&longer)
	precision, err := ComparePrecision(ctx, m, tok, games, []model.BatchOptions{{Threads: 2}}, 0, 1)
	if err != nil || precision[0].MaxChange > 1e-5 || precision[0].Positions != 5*30+45 {
		t.Errorf("%+v, %v", precision, err)
	}
}

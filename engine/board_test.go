package engine

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"transcend/data"
	"transcend/data/batches"
	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
	"transcend/model"
)

// boardModel is an untrained model with board input, which the board matters to.
func boardModel(t testing.TB, context int) *model.Model {
	t.Helper()
	c := model.Config{Layers: 2, Heads: 2, Width: 16, Context: context, Activation: model.GELU}
	enc, err := data.NewEncoder(data.NewMoveTokenizer(), data.InputBoard)
	if err != nil {
		t.Fatal(err)
	}
	enc.Configure(&c)
	m, err := model.New(c, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range m.Tensors() {
		for i := range x.Data {
			x.Data[i] *= 10
		}
	}
	return m
}

// TestBoardInput compares what a player with board input sees in play, where it takes
// back moves and goes on, with a pass over the game as it is packed for training.
func TestBoardInput(t *testing.T) {
	const context = 150
	tok, m := data.NewMoveTokenizer(), boardModel(t, context)
	rng := rand.New(rand.NewPCG(4, 4))
	g := boardtest.Game(t, "")
	var buf [bitboard.MaxMoves]bitboard.Move
	for g.Ply() < 120 && g.Position().HasLegalMove() {
		legal := g.Position().Legal(buf[:0])
		wantNoError(t, g.Make(legal[rng.IntN(len(legal))]))
	}
	corpus := data.NewCorpus()
	corpus.Append(&data.Game{Moves: g.Moves()})
	held, err := batches.NewValidation(corpus, tok, batches.Config{Rows: 1, Context: context, Input: data.InputBoard})
	wantNoError(t, err)
	b := new(model.Batch)
	if !held.Next(b) {
		t.Fatal("no batch")
	}
	var want [][]float32
	_, err = m.NewEvaluator().EachLogits(b, func(_ int, logits []float32) { want = append(want, append([]float32(nil), logits...)) })
	wantNoError(t, err)

	p, err := NewModelPlayer(ModelConfig{Name: "m", Model: m, Tokenizer: tok, Policy: IllegalPolicy{Kind: Mask}})
	wantNoError(t, err)
	for _, ply := range []int{0, 1, 2, 30, 31, 29, 100, 120, 3} {
		now := boardtest.Game(t, "")
		for _, move := range g.Moves()[:min(ply, g.Ply())] {
			wantNoError(t, now.Make(move))
		}
		if !now.Position().HasLegalMove() {
			continue
		}
		wantNoError(t, p.show(now, nil))
		for i, x := range want[now.Ply()] {
			if math.Abs(float64(p.logits[i]-x)) > 1e-4 {
				t.Fatalf("ply %d: logit %d is %v, in training %v", ply, i, p.logits[i], x)
			}
		}
	}
	if p.Name() != "m board input" || p.Spec()["input"] != "board" {
		t.Errorf("%q, %v", p.Name(), p.Spec())
	}
	if p, err := NewModelPlayer(ModelConfig{Model: tinyModel(t, tok, 20), Tokenizer: tok}); err != nil || p.Spec()["input"] != "" || p.Name() != "model" {
		t.Errorf("without: %v, %v", p.Spec(), err)
	}

	// A whole game, and none from elsewhere.
	if _, err := selfPlay(t, p, 1, 60); err != nil {
		t.Error(err)
	}
	if _, err := p.Move(t.Context(), boardtest.Game(t, "8/8/8/4k3/8/8/8/K6Q b - - 0 1"), Limit{}); err == nil || !strings.Contains(err.Error(), ErrSetUpPosition.Error()) {
		t.Errorf("a set-up position: %v", err)
	}

	// Models whose extra ids are no boards, and boards with characters.
	c := m.Config()
	c.ExtraVocab--
	other, err := model.New(c, 1)
	wantNoError(t, err)
	if _, err := NewModelPlayer(ModelConfig{Model: other, Tokenizer: tok}); err == nil || !strings.Contains(err.Error(), "board input") {
		t.Errorf("another extra vocabulary: %v", err)
	}
	if _, err := NewModelPlayer(ModelConfig{Model: m, Tokenizer: data.NewCharTokenizer(data.CharOptions{})}); err == nil || !strings.Contains(err.Error(), "move tokenizer") {
		t.Errorf("characters: %v", err)
	}
}

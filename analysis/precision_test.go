package analysis

import (
	"math"
	"testing"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/model"
)

func TestComparePrecision(t *testing.T) {
	tok := data.NewMoveTokenizer()
	m, err := model.New(model.Config{Layers: 2, Heads: 2, Width: 32, Context: 30, Vocab: tok.VocabSize(), Activation: model.GELU}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range m.Tensors() { // far from uniform, so that there is something to lose
		for i := range x.Data {
			x.Data[i] *= 5
		}
	}
	games := data.NewCorpus()
	want := 0
	for n := range 70 {
		g := bitboard.NewGame(bitboard.Start())
		var buf [bitboard.MaxMoves]bitboard.Move
		for ply := 0; ply < 3+n%40 && g.Position().HasLegalMove(); ply++ {
			legal := g.Position().Legal(buf[:0])
			if err := g.Make(legal[(n*7+ply*5)%len(legal)]); err != nil {
				t.Fatal(err)
			}
		}
		games.Append(&data.Game{Moves: g.Moves()})
		want += min(len(g.Moves()), 30)
	}
	got, err := ComparePrecision(t.Context(), m, tok, games, []model.BatchOptions{
		{Threads: 2}, {Cache: model.BF16}, {Weights: model.BF16, Cache: model.BF16}, {Weights: model.Int8, Cache: model.BF16},
	}, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range got {
		t.Logf("%+v", c)
		if c.Positions != want || c.Games != games.Len() {
			t.Errorf("%s: %d positions of %d games, want %d of %d", c.Decoder, c.Positions, c.Games, want, games.Len())
		}
		same := float64(c.SameArgmax) / float64(c.Positions)
		if i == 0 {
			if same != 1 || c.MaxKL != 0 || c.MaxChange != 0 {
				t.Errorf("float32 differs from itself: %+v", c)
			}
			continue
		}
		if same < 0.9 || same == 1 && c.MaxKL == 0 || !(c.MeanKL < 0.01) || !(c.MeanKL <= c.MaxKL) || !(c.MaxChange < 0.5) || !(c.MeanTV < 0.1) {
			t.Errorf("%+v", c)
		}
	}
	few, err := ComparePrecision(t.Context(), m, tok, games, []model.BatchOptions{{}}, 1, 1)
	if err != nil || few[0].Games != sideBySide {
		t.Errorf("%+v, %v", few, err)
	}
}

// TestPrecisionCounts checks the figures by hand.
func TestPrecisionCounts(t *testing.T) {
	var c Precision
	c.add([]float64{0.5, 0.5, 0}, []float64{0.25, 0.75, 0})
	c.add([]float64{0, 0.25, 0.75}, []float64{0, 0.25, 0.75})
	kl := 0.5*math.Log(2) + 0.5*math.Log(2.0/3)
	if c.Positions != 2 || c.SameArgmax != 1 || math.Abs(c.MaxKL-kl) > 1e-15 || c.MeanKL != c.MaxKL || c.MeanTV != 0.25 || c.MaxChange != 0.25 || c.MaxMargin != 0 {
		t.Errorf("%+v", c)
	}
}

package analysis

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/model"
)

// randomGames are games of random legal moves.
func randomGames(n, plies int) *data.Corpus {
	c := data.NewCorpus()
	rng := rand.New(rand.NewPCG(1, 1))
	for range n {
		g := bitboard.NewGame(bitboard.Start())
		for g.Ply() < plies {
			moves := g.Position().Legal(nil)
			if len(moves) == 0 {
				break
			}
			if err := g.Make(moves[rng.IntN(len(moves))]); err != nil {
				panic(err)
			}
		}
		c.Append(&data.Game{Result: bitboard.Draw, Moves: g.Moves()})
	}
	return c
}

func newModel(t *testing.T, vocab, context int) *model.Model {
	t.Helper()
	m, err := model.New(model.Config{Layers: 1, Heads: 2, Width: 16, Context: context, Vocab: vocab, Activation: model.GELU}, 1)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestMoveQualityAgainstTheLogits counts again from the logits of each prefix.
func TestMoveQualityAgainstTheLogits(t *testing.T) {
	tok := data.NewMoveTokenizer()
	const length = 40
	m := newModel(t, tok.VocabSize(), length)
	games := randomGames(6, 60)
	got, err := MoveQuality(context.Background(), m, tok, games, MoveQualityOptions{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	var want MoveCounts
	decoder := m.NewDecoder()
	for _, g := range games.All() {
		pos := bitboard.Start()
		for ply, played := range g.Moves {
			prompt := tok.AppendPrompt(nil, g.Moves[:ply])
			if len(prompt) > length {
				break
			}
			decoder.Truncate(0)
			logits, err := decoder.Append(prompt...)
			if err != nil {
				t.Fatal(err)
			}
			best := int32(0)
			for id := range int32(data.NumMoves) {
				if logits[id] > logits[best] {
					best = id
				}
			}
			move, _ := tok.Move(best)
			want.Positions++
			if pos.IsLegal(move) {
				want.LegalArgmax++
			}
			if move == played {
				want.Match++
			}
			pos.Make(played)
		}
	}
	// The samples at T=1 are the one count that the logits do not decide.
	want.LegalSampled = got.LegalSampled
	if got.MoveCounts != want {
		t.Errorf("got %+v, want %+v", got.MoveCounts, want)
	}
	if want.Positions != 6*length || got.Games != 6 {
		t.Errorf("%d positions of %d games, want the context's %d of each of 6", want.Positions, got.Games, length)
	}
	// An untrained model draws nearly uniformly from 1,968 moves, of which some
	// twenty to forty are legal.
	if share := float64(got.LegalSampled) / float64(got.Positions); share > 0.1 {
		t.Errorf("an untrained model samples %.0f%% legal moves", 100*share)
	}
	var sum MoveCounts
	for i, b := range got.ByPly {
		sum.add(b.MoveCounts)
		if b.From > b.To || i > 0 && b.From <= got.ByPly[i-1].To {
			t.Errorf("band %d to %d after %+v", b.From, b.To, got.ByPly[:i])
		}
	}
	if sum != got.MoveCounts {
		t.Errorf("the bands add up to %+v, the whole is %+v", sum, got.MoveCounts)
	}
}

func TestMoveQualityDoesNotDependOnWorkers(t *testing.T) {
	for _, tok := range []data.Tokenizer{data.NewMoveTokenizer(), data.NewCharTokenizer(data.CharOptions{})} {
		m := newModel(t, tok.VocabSize(), 120)
		games := randomGames(20, 30)
		o := MoveQualityOptions{Positions: 200, Seed: 5}
		first, err := MoveQuality(context.Background(), m, tok, games, o)
		if err != nil {
			t.Fatal(err)
		}
		if first.Games != 7 { // of 30 positions each; characters fill the context sooner
			t.Errorf("%s: %d games, want 7", tok.Name(), first.Games)
		}
		before := runtime.GOMAXPROCS(1)
		second, err := MoveQuality(context.Background(), m, tok, games, o)
		runtime.GOMAXPROCS(before)
		if err != nil || !reflect.DeepEqual(first, second) {
			t.Errorf("%s: one worker gives %+v (%v), more give %+v", tok.Name(), second, err, first)
		}
	}
}

func TestMoveQualityStopsWithTheContext(t *testing.T) {
	tok := data.NewMoveTokenizer()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := MoveQuality(ctx, newModel(t, tok.VocabSize(), 40), tok, randomGames(3, 10), MoveQualityOptions{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want canceled", err)
	}
}

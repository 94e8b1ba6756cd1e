package engine

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/model"
	"transcend/model/sampling"
)

// selfPlay has a player play both sides of a game of at most so many plies. It returns
// the moves and how the game ended.
func selfPlay(t testing.TB, p *ModelPlayer, seed uint64, plies int) (moves []bitboard.Move, err error) {
	g := bitboard.NewGame(bitboard.Start())
	if err := p.NewGame(t.Context(), seed); err != nil {
		return nil, err
	}
	for g.Ply() < plies && g.Position().HasLegalMove() {
		r, err := p.Move(t.Context(), g, Limit{})
		if err != nil {
			return moves, err
		}
		if err := g.Make(r.Move); err != nil {
			return moves, err
		}
		moves = append(moves, r.Move)
	}
	return moves, nil
}

// TestBatchedGamesAreIndependent: games of players that share a Batch are those that
// each plays alone, whichever other games run beside them, also where one of them
// outgrows the context.
func TestBatchedGamesAreIndependent(t *testing.T) {
	moveTok, charTok := data.NewMoveTokenizer(), data.NewCharTokenizer(data.CharOptions{})
	for _, test := range []struct {
		name string
		tok  data.Tokenizer
		m    *model.Model
	}{
		// Contexts that are too small for some of the games.
		{"move", moveTok, tinyModel(t, moveTok, 13)},
		{"board", moveTok, boardModel(t, 13)},
		{"char", charTok, tinyModel(t, charTok, 60)},
	} {
		for _, o := range []model.BatchOptions{{}, {Weights: model.BF16, Cache: model.BF16, Threads: 3}, {Weights: model.Int8}} {
			t.Run(fmt.Sprintf("%s/%v", test.name, o.Weights), func(t *testing.T) {
				const games, plies = 24, 14
				tok, m := test.tok, test.m
				player := func(b *Batch, i int) *ModelPlayer {
					policy := IllegalPolicy{Kind: Mask}
					if i%3 == 0 {
						policy = IllegalPolicy{Kind: Resample, Attempts: 1 + i%4}
					}
					p, err := NewModelPlayer(ModelConfig{
						Model: m, Tokenizer: tok, Policy: policy, Batch: b,
						Sampling: sampling.Settings{Temperature: 0.5 + float64(i)/10},
					})
					if err != nil {
						t.Fatal(err)
					}
					return p
				}
				length := func(i int) int { return plies - i%5 }
				b := NewBatch(m, o)
				var moves [games][]bitboard.Move
				var errs [games]error
				var wg sync.WaitGroup
				for i := range games {
					p := player(b, i)
					wg.Go(func() { moves[i], errs[i] = selfPlay(t, p, uint64(i), length(i)) })
				}
				wg.Wait()
				full := 0
				for i := range games {
					want, err := selfPlay(t, player(NewBatch(m, o), i), uint64(i), length(i))
					if !slices.Equal(moves[i], want) || fmt.Sprint(errs[i]) != fmt.Sprint(err) {
						t.Errorf("game %d among others: %v, %v\nalone: %v, %v", i, moves[i], errs[i], want, err)
					}
					if errors.Is(err, ErrContextFull) {
						full++
					} else if err != nil {
						t.Error(err)
					}
				}
				if full == 0 || full == games {
					t.Errorf("%d of %d games outgrew the context: the test wants some", full, games)
				}
			})
		}
	}
}

// TestBatchGathers: what is asked for while a pass is made is one pass.
func TestBatchGathers(t *testing.T) {
	tok := data.NewMoveTokenizer()
	m := tinyModel(t, tok, 20)
	b := NewBatch(m, model.BatchOptions{})
	b.leading = true // as if a pass were being made
	const games = 7
	var decoders [games]*batched
	var wg sync.WaitGroup
	for i := range games {
		decoders[i] = b.newDecoder()
		wg.Go(func() {
			tokens := []int32{int32(i), 3}
			if i == 4 {
				tokens = make([]int32, 21) // more than fit: this one's own misfortune
			}
			_, err := decoders[i].Append(nil, nil, tokens...)
			if (i == 4) != errors.Is(err, model.ErrContextFull) {
				t.Errorf("request %d: %v", i, err)
			}
		})
	}
	for pending := 0; pending < games; {
		runtime.Gosched()
		b.mu.Lock()
		pending = len(b.pending)
		b.mu.Unlock()
	}
	b.pending[0].turn <- true
	wg.Wait()
	// One for all that fails, and then each by itself.
	if b.passes != 1+games || b.leading || len(b.pending) != 0 {
		t.Errorf("%d passes, leading %v, %d pending", b.passes, b.leading, len(b.pending))
	}
	for i, d := range decoders {
		want := 2
		if i == 4 {
			want = 0
		}
		if d.Len() != want {
			t.Errorf("sequence %d has %d tokens, want %d", i, d.Len(), want)
		}
	}
}

// TestBatchOfAnotherModel: a player does not take a batch that decodes something else.
func TestBatchOfAnotherModel(t *testing.T) {
	tok := data.NewMoveTokenizer()
	m, other := tinyModel(t, tok, 20), tinyModel(t, tok, 20)
	if _, err := NewModelPlayer(ModelConfig{Model: m, Tokenizer: tok, Batch: NewBatch(other, model.BatchOptions{})}); err == nil {
		t.Error("no error")
	}
}

// TestPrecisionIsInTheSpec: it changes what is played, so it is part of the player;
// float32 is as it was before there was a choice.
func TestPrecisionIsInTheSpec(t *testing.T) {
	tok := data.NewMoveTokenizer()
	m := tinyModel(t, tok, 20)
	for o, want := range map[model.BatchOptions]bool{{}: false, {Threads: 1}: false, {Weights: model.BF16}: true, {Cache: model.BF16}: true, {Weights: model.Int8}: true} {
		p, err := NewModelPlayer(ModelConfig{Model: m, Tokenizer: tok, Batch: NewBatch(m, o)})
		wantNoError(t, err)
		if _, has := p.Spec()["precision"]; has != want {
			t.Errorf("%+v: %v", o, p.Spec())
		}
	}
}

// BenchmarkBatch measures games of the preset "small" with players that share a Batch,
// against as many players that decode for themselves.
func BenchmarkBatch(b *testing.B) {
	tok := data.NewMoveTokenizer()
	c, ok := model.Preset("small")
	if !ok {
		b.Skip("no such preset")
	}
	c.Vocab, c.Context = tok.VocabSize(), 256
	m, err := model.New(c, 1)
	if err != nil {
		b.Fatal(err)
	}
	const plies = 40
	for _, games := range []int{1, 2, 32} {
		for _, mode := range []string{"alone-f32", "shared-f32", "shared-bf16"} {
			b.Run(fmt.Sprintf("games=%d/%s", games, mode), func(b *testing.B) {
				o := model.BatchOptions{}
				if mode == "shared-bf16" {
					o.Weights, o.Cache = model.BF16, model.BF16
				}
				shared := NewBatch(m, o)
				players := make([]*ModelPlayer, games)
				for i := range players {
					cfg := ModelConfig{Model: m, Tokenizer: tok, Policy: IllegalPolicy{Kind: Mask}, Sampling: sampling.Settings{Temperature: 1}, Batch: shared}
					if mode == "alone-f32" {
						cfg.Batch = nil
					}
					if players[i], err = NewModelPlayer(cfg); err != nil {
						b.Fatal(err)
					}
				}
				for b.Loop() {
					var wg sync.WaitGroup
					for i, p := range players {
						wg.Go(func() {
							if _, err := selfPlay(b, p, uint64(i), plies); err != nil {
								b.Error(err)
							}
						})
					}
					wg.Wait()
				}
				b.ReportMetric(float64(b.N*games*plies)/b.Elapsed().Seconds(), "moves/s")
				if shared.passes > 0 {
					b.ReportMetric(float64(shared.requests)/float64(shared.passes), "games/pass")
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

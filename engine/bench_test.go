package engine

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/internal/cputime"
	"transcend/internal/fakeengine"
	"transcend/model"
	"transcend/model/sampling"
)

// BenchmarkRandomMove measures the random mover alone, the floor for players that
// run in this process.
func BenchmarkRandomMove(b *testing.B) {
	p := NewRandomPlayer()
	line := fakeengine.Game(80)
	g := bitboard.NewGame(bitboard.Start())
	b.ReportAllocs()
	for b.Loop() {
		if g.Ply() == 80 {
			g = bitboard.NewGame(bitboard.Start())
		}
		if _, err := p.Move(b.Context(), g, Limit{}); err != nil {
			b.Fatal(err)
		}
		if err := g.Make(line.Moves()[g.Ply()]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "moves/s")
}

// freeDecoder gives the same logits whatever it is fed, at no cost.
type freeDecoder struct {
	n      int
	logits []float32
}

func (d *freeDecoder) Len() int       { return d.n }
func (d *freeDecoder) Truncate(n int) { d.n = n }
func (d *freeDecoder) Append(choice *sampling.Choice, _ []int32, tokens ...int32) ([]float32, error) {
	d.n += len(tokens)
	if choice != nil {
		choice.Draw(d.logits)
	}
	return d.logits, nil
}

// BenchmarkModelPlayer measures what a model player costs besides its model, in
// games of 80 plies, and prints it next to a move of the preset "tiny".
func BenchmarkModelPlayer(b *testing.B) {
	const plies = 80
	line := fakeengine.Game(plies).Moves()
	play := func(b *testing.B, p *ModelPlayer) {
		g := bitboard.NewGame(bitboard.Start())
		b.ReportAllocs()
		for b.Loop() {
			if g.Ply() == plies {
				g = bitboard.NewGame(bitboard.Start())
				if err := p.NewGame(b.Context(), 1); err != nil {
					b.Fatal(err)
				}
			}
			if _, err := p.Move(b.Context(), g, Limit{}); err != nil {
				b.Fatal(err)
			}
			if err := g.Make(line[g.Ply()]); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "moves/s")
	}
	for _, tok := range []data.Tokenizer{data.NewMoveTokenizer(), data.NewCharTokenizer(data.CharOptions{})} {
		for _, policy := range []IllegalPolicy{{Kind: Mask}, {Kind: Resample, Attempts: 5}} {
			cfg := ModelConfig{Tokenizer: tok, Sampling: sampling.Settings{Temperature: 1}, Policy: policy}
			b.Run(fmt.Sprintf("%s/%v/no model", tok.Name(), policy), func(b *testing.B) {
				p, err := newModelPlayer(cfg, &freeDecoder{logits: make([]float32, tok.VocabSize())}, model.Config{Vocab: tok.VocabSize(), Context: 1023})
				if err != nil {
					b.Fatal(err)
				}
				play(b, p)
			})
			b.Run(fmt.Sprintf("%s/%v/tiny", tok.Name(), policy), func(b *testing.B) {
				c, ok := model.Preset("tiny")
				if !ok {
					b.Skip("no such preset")
				}
				c.Vocab, c.Context = tok.VocabSize(), 1023
				var err error
				if cfg.Model, err = model.New(c, 1); err != nil {
					b.Fatal(err)
				}
				p, err := NewModelPlayer(cfg)
				if err != nil {
					b.Fatal(err)
				}
				play(b, p)
			})
		}
	}
}

// still is a device that takes no time: logits are noise, the same for every pass.
type still struct {
	vocab  int
	logits []float32
	order  []int32
}

func (e *still) Decode(rows []model.DecodeRow, done func([]int32)) error {
	for len(e.order) < len(rows) {
		e.order = append(e.order, int32(len(e.order)))
	}
	if e.logits == nil {
		rng := rand.New(rand.NewPCG(1, 1))
		e.logits = make([]float32, 64*e.vocab)
		for i := range e.logits {
			e.logits[i] = float32(2 * rng.NormFloat64())
		}
	}
	for i := range rows {
		at := rows[i].Slot % 64 * e.vocab
		rows[i].Logits = e.logits[at : at+e.vocab : at+e.vocab]
	}
	done(e.order[:len(rows)])
	return nil
}

func (e *still) Copy(int, int, int) error { return nil }

// BenchmarkGamesHost is what games cost beside the passes: rules, legal moves, choices among
// them, and gathering what thousands of players ask for. A device that decodes fewer
// tokens a second does not wait for the host.
func BenchmarkGamesHost(b *testing.B) {
	for _, tok := range []data.Tokenizer{data.NewMoveTokenizer(), data.NewCharTokenizer(data.CharOptions{})} {
		m := tinyModel(b, tok, 1<<12)
		for _, games := range []int{1024, 4096} {
			b.Run(fmt.Sprintf("%s/%d", tok.Name(), games), func(b *testing.B) {
				batch := NewBatch(m, model.BatchOptions{Engine: &still{vocab: m.Config().Vocab}})
				players := make([]*ModelPlayer, games)
				for i := range players {
					p, err := NewModelPlayer(ModelConfig{Model: m, Tokenizer: tok, Batch: batch,
						Policy: IllegalPolicy{Kind: Mask}, Sampling: sampling.Settings{Temperature: 1}})
					if err != nil {
						b.Fatal(err)
					}
					players[i] = p
				}
				before := cputime.Used()
				for b.Loop() {
					var wg sync.WaitGroup
					for i, p := range players {
						wg.Go(func() {
							if _, err := selfPlay(b, p, uint64(i), 12); err != nil {
								b.Error(err)
							}
						})
					}
					wg.Wait()
				}
				s, cores := b.Elapsed().Seconds(), (cputime.Used() - before).Seconds()
				b.ReportMetric(float64(12*games*b.N)/s, "moves/s")
				b.ReportMetric(float64(batch.requests)/s, "tok/s")
				b.ReportMetric(float64(batch.requests)/cores, "tok/core-s") // whatever else runs here
				b.ReportMetric(float64(batch.requests)/float64(batch.passes), "games/pass")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

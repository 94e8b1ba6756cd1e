package engine

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"transcend/data"
	"transcend/internal/bitboard"
	"transcend/internal/cputime"
	"transcend/internal/fakeengine"
	"transcend/model"
)

// benchGame is a line of play for benchmarks, so that choosing moves costs nothing
// in them.
func benchGame(b *testing.B, plies int) *bitboard.Game {
	g := bitboard.NewGame(bitboard.Start())
	for seed := uint64(1); g.Ply() < plies; seed++ {
		g = bitboard.NewGame(bitboard.Start())
		for g.Ply() < plies && g.Position().HasLegalMove() {
			if err := g.Make(fakeengine.Choose(seed, g.Position())); err != nil {
				b.Fatal(err)
			}
		}
	}
	return g
}

// BenchmarkUCIMove measures moves through one client and an engine that answers
// at once, in games of 80 plies. The ceiling is the same conversation with the
// same engine, written and read without a client.
func BenchmarkUCIMove(b *testing.B) {
	const plies = 80
	line := benchGame(b, plies).Moves()
	path, err := fakeengine.Build(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	report := func(b *testing.B) { b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "moves/s") }

	b.Run("client", func(b *testing.B) {
		c := start(b, Config{Path: path})
		g := bitboard.NewGame(bitboard.Start())
		limit := Limit{MoveTime: time.Second}
		ctx := b.Context()
		b.ReportAllocs()
		b.ResetTimer()
		for b.Loop() {
			if g.Ply() == plies {
				g = bitboard.NewGame(bitboard.Start())
			}
			if _, err := c.Move(ctx, g, limit); err != nil {
				b.Fatal(err)
			}
			if err := g.Make(line[g.Ply()]); err != nil {
				b.Fatal(err)
			}
		}
		report(b)
	})
	b.Run("two games at once", func(b *testing.B) {
		// Two games of two engines each, as a match on two cores plays them.
		b.SetParallelism(1)
		b.RunParallel(func(pb *testing.PB) {
			white, black := start(b, Config{Path: path}), start(b, Config{Path: path})
			limit := Limit{MoveTime: time.Second}
			g := bitboard.NewGame(bitboard.Start())
			for pb.Next() {
				if g.Ply() == plies {
					g = bitboard.NewGame(bitboard.Start())
				}
				c := white
				if g.Ply()%2 == 1 {
					c = black
				}
				if _, err := c.Move(b.Context(), g, limit); err != nil {
					b.Error(err)
					return
				}
				if err := g.Make(line[g.Ply()]); err != nil {
					b.Error(err)
					return
				}
			}
		})
		report(b)
	})
	b.Run("ceiling", func(b *testing.B) {
		cmd := exec.Command(path)
		in, err := cmd.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		defer cmd.Wait()
		defer in.Close()
		commands := make([]string, plies)
		moves := "position startpos"
		for i := range plies {
			if i == 1 {
				moves += " moves"
			}
			if i > 0 {
				moves += " " + line[i-1].String()
			}
			commands[i] = moves + "\nisready\ngo movetime 1000\n"
		}
		scanner := bufio.NewScanner(out)
		i := 0
		for b.Loop() {
			fmt.Fprint(in, commands[i%plies])
			i++
			for scanner.Scan() && scanner.Text()[0] != 'b' {
			}
		}
		report(b)
	})
}

// BenchmarkRandomMove measures the random mover alone, the floor for players that
// run in this process.
func BenchmarkRandomMove(b *testing.B) {
	p := NewRandomPlayer()
	line := benchGame(b, 80)
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
func (d *freeDecoder) Append(choice *model.Choice, _ []int32, tokens ...int32) ([]float32, error) {
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
	line := benchGame(b, plies).Moves()
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
			cfg := ModelConfig{Tokenizer: tok, Sampling: model.Sampling{Temperature: 1}, Policy: policy}
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
						Policy: IllegalPolicy{Kind: Mask}, Sampling: model.Sampling{Temperature: 1}})
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

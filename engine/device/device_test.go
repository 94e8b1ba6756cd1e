package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/spf13/pflag"

	"transcend/data"
	"transcend/engine"
	"transcend/internal/bitboard"
	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/xla"
)

func parsed(t *testing.T, args ...string) (*Flags, error) {
	t.Helper()
	fs := pflag.NewFlagSet("x", pflag.ContinueOnError)
	var f Flags
	f.Add(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return &f, f.Check()
}

func TestFlags(t *testing.T) {
	if f, err := parsed(t); err != nil || f.Elsewhere() {
		t.Errorf("the default: %v", err)
	}
	for _, name := range []string{"gpu", "cuda:0-7", "cuda:x"} {
		if _, err := parsed(t, "--device", name); err == nil || cli.Fail(io.Discard, "x", err) != cli.ExitUsage || len(cli.Hints(err)) == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := parsed(t, "--device", xla.Go); xla.Built != (err == nil) || !xla.Built && !errors.Is(err, xla.ErrNotBuilt) {
		t.Errorf("%s: %v", xla.Go, err)
	}
}

func TestModelsShareADecoder(t *testing.T) {
	m, err := model.New(model.Config{Layers: 1, Heads: 1, Width: 8, Context: 8, Vocab: 9, Activation: model.GELU}, 1)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{xla.CPU}
	if xla.Built {
		names = append(names, xla.Go)
	}
	for _, name := range names {
		f, err := parsed(t, "--device", name)
		if err != nil {
			t.Fatal(err)
		}
		d := f.Decoders(t.Logf)
		bf16 := model.BatchOptions{Weights: model.BF16, Cache: model.BF16}
		first, err1 := d.Batch(m, bf16)
		again, err2 := d.Batch(m, bf16)
		other, err3 := d.Batch(m, model.BatchOptions{})
		if err := errors.Join(err1, err2, err3); err != nil || first != again || first == other {
			t.Errorf("%s: players of one model and precision do not share a decoder, or others do: %v", name, err)
		}
		d.Release(m)
		if b, err := d.Batch(m, bf16); err != nil || b == first {
			t.Errorf("%s: a model that was released: %v", name, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestGamesAreTheCPUs: players of moves, of moves and boards, and of characters play the same
// games on a device, beside each other and one after the other, until the context is full.
func TestGamesAreTheCPUs(t *testing.T) {
	if !xla.Built {
		t.Skip("needs -tags xla")
	}
	moves, characters := data.NewMoveTokenizer(), data.NewCharTokenizer(data.CharOptions{})
	for _, c := range []struct {
		tok     data.Tokenizer
		input   string
		context int
	}{{moves, data.InputMoves, 11}, {moves, data.InputBoard, 14}, {characters, data.InputMoves, 40}} {
		t.Run(c.tok.Name()+" "+c.input, func(t *testing.T) {
			cfg := model.Config{Layers: 2, Heads: 2, Width: 16, Context: c.context, Vocab: c.tok.VocabSize(), Activation: model.GELU}
			enc, err := data.NewEncoder(c.tok, c.input)
			if err != nil {
				t.Fatal(err)
			}
			enc.Configure(&cfg)
			m, err := xla.RandomModel(cfg, 5)
			if err != nil {
				t.Fatal(err)
			}
			var played [2][]string
			for i, name := range []string{xla.CPU, xla.Go} {
				f, err := parsed(t, "--device", name)
				if err != nil {
					t.Fatal(err)
				}
				d := f.Decoders(nil)
				batch, err := d.Batch(m, model.BatchOptions{})
				if err != nil {
					t.Fatal(err)
				}
				for range 2 { // players of the second round take the slots of the first
					played[i] = append(played[i], play(t, engine.ModelConfig{Model: m, Tokenizer: c.tok, Batch: batch, Policy: engine.IllegalPolicy{Kind: engine.Mask}})...)
				}
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			}
			if !slices.Equal(played[0], played[1]) {
				t.Errorf("on the CPU %q\nthere %q", played[0], played[1])
			}
		})
	}
}

// play plays games of both sides by one player each, and returns their moves and ends.
func play(t *testing.T, cfg engine.ModelConfig) []string {
	games := make([]string, 5)
	var wg sync.WaitGroup
	for i := range games {
		config := cfg
		config.Sampling.Temperature = float64(i) / 3
		p, err := engine.NewModelPlayer(config)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer p.Close()
			g := bitboard.NewGame(bitboard.Start())
			err := p.NewGame(context.Background(), uint64(i))
			for err == nil {
				var r engine.Reply
				if r, err = p.Move(context.Background(), g, engine.Limit{}); err == nil {
					err = g.Make(r.Move)
				}
			}
			games[i] = fmt.Sprint(g.Moves(), engine.FailureOf(err))
			if !errors.Is(err, engine.ErrContextFull) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return games
}

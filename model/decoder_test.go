package model

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

var decoderConfigs = []Config{
	{Layers: 2, Heads: 4, Width: 48, Context: 200, Vocab: 31, Activation: GELU},
	{Layers: 1, Heads: 1, Width: 10, Context: 200, Vocab: 7, Bias: true, Activation: GELUTanh},
	{Layers: 3, Heads: 3, Width: 9, Context: 200, Vocab: 5, Bias: true, Activation: GELU},
}

func randomTokens(n, vocab int, seed uint64) []int32 {
	rng := rand.New(rand.NewPCG(seed, 3))
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(rng.IntN(vocab))
	}
	return out
}

// fullLogits are the logits after every token, from one pass over them all.
func fullLogits(t *testing.T, m *Model, tokens []int32) [][]float32 {
	t.Helper()
	b := NewBatch(1, len(tokens))
	copy(b.Tokens, tokens)
	for i := range tokens {
		b.Targets[i], b.Positions[i], b.SegmentStart[i] = 0, int32(i), 0
	}
	var out [][]float32
	_, err := m.NewEvaluator().EachLogits(b, func(_ int, logits []float32) { out = append(out, slices.Clone(logits)) })
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func mustAppend(t testing.TB, d *Decoder, tokens ...int32) []float32 {
	t.Helper()
	logits, err := d.Append(tokens...)
	if err != nil {
		t.Fatal(err)
	}
	return logits
}

func mustSteps(t testing.TB, d *BatchDecoder, steps []Step) {
	t.Helper()
	if err := d.Append(steps); err != nil {
		t.Fatal(err)
	}
}

// TestDecoderMatchesTheFullPass feeds the same sequence in pieces of several
// sizes, over block and tile boundaries.
func TestDecoderMatchesTheFullPass(t *testing.T) {
	for _, cfg := range decoderConfigs {
		m := mustNew(t, cfg, 1)
		randomize(m, 1)
		tokens := randomTokens(cfg.Context, cfg.Vocab, 1)
		want := fullLogits(t, m, tokens)
		for _, pieces := range [][]int{{1}, {200}, {2}, {63, 65, 64}, {1, 130}, {7}} {
			t.Run(fmt.Sprintf("width %d pieces %v", cfg.Width, pieces), func(t *testing.T) {
				d := m.NewDecoder()
				for i := 0; d.Len() < len(tokens); i++ {
					at := d.Len()
					n := min(pieces[i%len(pieces)], len(tokens)-at)
					compare(t, fmt.Sprintf("logits after %d", at+n), mustAppend(t, d, tokens[at:at+n]...), want[at+n-1], 2e-5)
					if t.Failed() {
						return
					}
				}
				if _, err := d.Append(0); !errors.Is(err, ErrContextFull) || d.Len() != len(tokens) {
					t.Errorf("append to a full context: %v, %d tokens", err, d.Len())
				}
			})
		}
	}
}

// TestDecoderTruncate: going back and on gives the bits of a fresh sequence.
func TestDecoderTruncate(t *testing.T) {
	for _, cfg := range decoderConfigs {
		m := mustNew(t, cfg, 1)
		randomize(m, 1)
		tokens := randomTokens(150, cfg.Vocab, 2)
		other := randomTokens(80, cfg.Vocab, 3)
		d := m.NewDecoder()
		mustAppend(t, d, tokens[:100]...)
		mustAppend(t, d, other...)
		d.Truncate(100)
		if d.Len() != 100 {
			t.Fatalf("Len = %d", d.Len())
		}
		got := slices.Clone(mustAppend(t, d, tokens[100:]...))
		fresh := m.NewDecoder()
		mustAppend(t, fresh, tokens[:100]...)
		if want := mustAppend(t, fresh, tokens[100:]...); !slices.Equal(got, want) {
			t.Errorf("width %d: after Truncate the logits differ", cfg.Width)
		}
		d.Truncate(0)
		fresh = m.NewDecoder()
		if got, want := mustAppend(t, d, 1), mustAppend(t, fresh, 1); !slices.Equal(got, want) {
			t.Errorf("width %d: after Truncate(0) the logits differ", cfg.Width)
		}
	}
}

func TestDecoderRefusesAndStaysAsItWas(t *testing.T) {
	cfg := decoderConfigs[0]
	m := mustNew(t, cfg, 1)
	d, same := m.NewDecoder(), m.NewDecoder()
	mustAppend(t, d, 1, 2, 3)
	mustAppend(t, same, 1, 2, 3)
	for _, tokens := range [][]int32{{}, {-1}, {0, int32(cfg.Vocab)}, {math.MaxInt32}, {math.MinInt32}} {
		if _, err := d.Append(tokens...); err == nil {
			t.Errorf("Append(%v) was accepted", tokens)
		}
	}
	if _, err := d.Append(make([]int32, cfg.Context-2)...); !errors.Is(err, ErrContextFull) {
		t.Errorf("too many tokens: %v", err)
	}
	if got, want := mustAppend(t, d, 4), mustAppend(t, same, 4); d.Len() != 4 || !slices.Equal(got, want) {
		t.Error("a refused Append changed the sequence")
	}
	for _, n := range []int{-1, 5} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Truncate(%d) of 4 tokens did not panic", n)
				}
			}()
			d.Truncate(n)
		}()
	}
}

func TestManyDecodersAtOnce(t *testing.T) {
	cfg := decoderConfigs[0]
	m := mustNew(t, cfg, 1)
	const n = 8
	var got [n][]float32
	play := func(i int) []float32 {
		d := m.NewDecoder()
		var logits []float32
		for _, token := range randomTokens(30, cfg.Vocab, uint64(i)) {
			var err error
			if logits, err = d.Append(token); err != nil {
				return nil
			}
		}
		return slices.Clone(logits)
	}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { got[i] = play(i) })
	}
	wg.Wait()
	for i := range n {
		if want := play(i); want == nil || !slices.Equal(got[i], want) {
			t.Errorf("decoder %d: other logits among many than alone", i)
		}
	}
}

func TestDecodingAllocatesNothing(t *testing.T) {
	cfg := decoderConfigs[0]
	d := mustNew(t, cfg, 1).NewDecoder()
	mustAppend(t, d, randomTokens(100, cfg.Vocab, 1)...)
	n := testing.AllocsPerRun(20, func() {
		if _, err := d.Append(1); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("a token allocates %v times", n)
	}
}

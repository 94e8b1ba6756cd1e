package model

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"transcend/model/sampling"
)

var decoderConfigs = []Config{
	{Layers: 2, Heads: 4, Width: 48, Context: 200, Vocab: 31, Activation: GELU},
	{Layers: 1, Heads: 1, Width: 10, Context: 200, Vocab: 7, Bias: true, Activation: GELUTanh},
	{Layers: 3, Heads: 3, Width: 9, Context: 200, Vocab: 5, Bias: true, Activation: GELU},
	{Layers: 2, Heads: 2, Width: 24, Context: 200, Vocab: 9, Activation: GELU, ExtraVocab: 40, ExtraSlots: 5},
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
	b := &Batch{ExtraSlots: m.cfg.ExtraSlots}
	b.Resize(1, len(tokens))
	copy(b.Extras, extrasOf(m.cfg, 0, tokens))
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
	logits, err := d.AppendExtras(extrasOf(d.batch.m.cfg, d.Len(), tokens), tokens...)
	if err != nil {
		t.Fatal(err)
	}
	return logits
}

func mustSteps(t testing.TB, d *BatchDecoder, steps []Step) {
	t.Helper()
	if d.m.cfg.ExtraSlots > 0 {
		for i, s := range steps {
			steps[i].Extras = extrasOf(d.m.cfg, s.Sequence.Len(), s.Tokens)
		}
	}
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
				if _, err := d.AppendExtras(make([]int32, cfg.ExtraSlots), 0); !errors.Is(err, ErrContextFull) || d.Len() != len(tokens) {
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

// batchOptions are the formats and numbers of threads to test, and the bound on
// differences of logits, of standard deviation 1, from those in float32.
var batchOptions = []struct {
	BatchOptions
	bound float64
}{
	{BatchOptions{Threads: 1}, 2e-5},
	{BatchOptions{Threads: 3}, 2e-5},
	{BatchOptions{Cache: BF16, Threads: 2}, 0.03},
	{BatchOptions{Weights: BF16, Cache: BF16, Threads: 2}, 0.06},
	{BatchOptions{Weights: Int8, Threads: 2}, 0.12},
}

func (o BatchOptions) String() string {
	return fmt.Sprintf("weights=%v cache=%v threads=%d", o.Weights, o.Cache, o.Threads)
}

// TestBatchMatchesTheFullPass lets sequences grow, fork, go back and start again
// at random, some in each call and by different numbers of tokens, and compares
// every logit with a pass over the whole of each sequence.
func TestBatchMatchesTheFullPass(t *testing.T) {
	for _, o := range batchOptions {
		t.Run(o.String(), func(t *testing.T) {
			for _, cfg := range decoderConfigs {
				m := mustNew(t, cfg, 1)
				randomize(m, 1)
				rng := rand.New(rand.NewPCG(5, uint64(cfg.Width)))
				d := m.NewBatchDecoder(o.BatchOptions)
				var sequences [12]*Sequence
				var texts [len(sequences)][]int32
				for i := range sequences {
					sequences[i] = d.NewSequence()
				}
				for call := range 20 {
					var steps []Step
					var which []int
					for _, i := range rng.Perm(len(sequences))[:1+rng.IntN(len(sequences))] {
						n := 1
						if rng.IntN(3) == 0 {
							n += rng.IntN(90)
						}
						if len(texts[i])+n > cfg.Context {
							sequences[i].Reset()
							texts[i] = nil
						}
						tokens := randomTokens(n, cfg.Vocab, rng.Uint64())
						texts[i] = append(texts[i], tokens...)
						steps, which = append(steps, Step{Sequence: sequences[i], Tokens: tokens}), append(which, i)
					}
					mustSteps(t, d, steps)
					for k, i := range which {
						if sequences[i].Len() != len(texts[i]) {
							t.Fatalf("%d tokens, want %d", sequences[i].Len(), len(texts[i]))
						}
						want := fullLogits(t, m, texts[i])
						compare(t, fmt.Sprintf("width %d, call %d, sequence %d after %d", cfg.Width, call, i, len(texts[i])), steps[k].Logits, want[len(texts[i])-1], o.bound)
					}
					if t.Failed() {
						return
					}
					i, j := rng.IntN(len(sequences)), rng.IntN(len(sequences))
					if i != j {
						fork, err := sequences[i].Fork()
						if err != nil {
							t.Fatal(err)
						}
						sequences[j].Reset()
						sequences[j], texts[j] = fork, slices.Clone(texts[i])
					}
					i = rng.IntN(len(sequences))
					n := rng.IntN(len(texts[i]) + 1)
					sequences[i].Truncate(n)
					texts[i] = texts[i][:n]
				}
				want := int64(0)
				for _, s := range sequences {
					want += 4*int64(len(s.kv)) + 2*int64(len(s.kv16))
				}
				if d.CacheBytes() != want {
					t.Errorf("CacheBytes is %d, the sequences hold %d", d.CacheBytes(), want)
				}
			}
		})
	}
}

// TestBatchDoesNotMatter: a sequence's logits are the same bits alone and among many,
// in one group of rows or several, by one thread or three, in every format. So is what
// is chosen.
func TestBatchDoesNotMatter(t *testing.T) {
	for _, cfg := range []Config{
		{Layers: 2, Heads: 4, Width: 48, Context: 100, Vocab: 31, Activation: GELU},
		{Layers: 2, Heads: 4, Width: 128, Context: 100, Vocab: 300, Bias: true, Activation: GELU},
		{Layers: 1, Heads: 8, Width: 256, Context: 100, Vocab: 600, Activation: GELU},
		{Layers: 2, Heads: 4, Width: 48, Context: 100, Vocab: 31, Activation: GELU, ExtraVocab: 90, ExtraSlots: 20},
	} {
		m := mustNew(t, cfg, 1)
		randomize(m, 1)
		for _, format := range decodeFormats {
			one := format
			one.Threads = 1
			choice := func(i int) *sampling.Choice {
				return &sampling.Choice{Settings: sampling.Settings{Temperature: 1}, Rand: rand.New(rand.NewPCG(uint64(i), 1))}
			}
			single := m.NewBatchDecoder(one)
			for _, games := range []int{1, 2, 9, 70} {
				many := format
				many.Threads = 1 + 2*(games%2)
				d := m.NewBatchDecoder(many)
				steps := make([]Step, games)
				prompts := make([][]int32, games)
				for i := range steps {
					prompts[i] = randomTokens(1+i%20, cfg.Vocab, uint64(i))
					steps[i] = Step{Sequence: d.NewSequence(), Tokens: prompts[i], Choice: choice(i)}
				}
				mustSteps(t, d, steps)
				for i := range steps {
					steps[i].Tokens = []int32{steps[i].Choice.ID}
				}
				mustSteps(t, d, steps)
				for i := 0; i < games; i += 1 + games/7 {
					s := []Step{{Sequence: single.NewSequence(), Tokens: prompts[i], Choice: choice(i)}}
					mustSteps(t, single, s)
					s[0].Tokens = []int32{s[0].Choice.ID}
					if s[0].Choice.ID != steps[i].Tokens[0] {
						t.Errorf("width %d, %v: sequence %d of %d goes on with %d, alone with %d", cfg.Width, many, i, games, steps[i].Tokens[0], s[0].Choice.ID)
					}
					mustSteps(t, single, s)
					if !slices.Equal(s[0].Logits, steps[i].Logits) {
						t.Errorf("width %d, %v: sequence %d of %d has other logits than alone", cfg.Width, many, i, games)
					}
				}
			}
		}
	}
}

// TestChoice: what an Append draws is what Sample draws from its logits, with the same
// mask and the same random numbers.
func TestChoice(t *testing.T) {
	cfg := decoderConfigs[0]
	m := mustNew(t, cfg, 1)
	randomize(m, 1)
	d := m.NewBatchDecoder(BatchOptions{Threads: 2})
	allow := make([]bool, cfg.Vocab)
	allow[3], allow[7], allow[8] = true, true, true
	var steps []Step
	var twins []*rand.Rand
	for i := range 40 {
		c := &sampling.Choice{Settings: sampling.Settings{Temperature: float64(i%3) / 2}, Rand: rand.New(rand.NewPCG(1, uint64(i)))}
		switch i % 4 {
		case 1:
			c.Allow = allow
		case 2:
			c.Allow = make([]bool, cfg.Vocab) // none
		case 3:
			c.Mask = allow
		}
		steps = append(steps, Step{Sequence: d.NewSequence(), Tokens: randomTokens(1+i%5, cfg.Vocab, uint64(i)), Choice: c})
		twins = append(twins, rand.New(rand.NewPCG(1, uint64(i))))
	}
	steps[4].Choice = nil
	for range 3 {
		mustSteps(t, d, steps)
		for i, s := range steps {
			if c := s.Choice; c != nil {
				drawn := c.Settings.Sample(s.Logits, c.Allow, twins[i])
				want := drawn
				if c.Mask != nil && !c.Mask[drawn] {
					want = c.Settings.Sample(s.Logits, c.Mask, twins[i])
				}
				if int(c.Drawn) != drawn || int(c.ID) != want {
					t.Fatalf("step %d drew %d, then %d, want %d, %d", i, c.Drawn, c.ID, drawn, want)
				}
			}
		}
	}
	for name, c := range map[string]sampling.Choice{
		"negative temperature": {Settings: sampling.Settings{Temperature: -1}},
		"no random numbers":    {Settings: sampling.Settings{Temperature: 1}},
		"short mask":           {Mask: allow[:3]},
	} {
		s := d.NewSequence()
		if err := d.Append([]Step{{Sequence: s, Tokens: []int32{1}, Choice: &c}}); !errors.Is(err, sampling.ErrSettings) || s.Len() != 0 {
			t.Errorf("%s: %v, %d tokens", name, err, s.Len())
		}
	}
}

func TestBatchRefusesAndStaysAsItWas(t *testing.T) {
	cfg := decoderConfigs[0]
	m := mustNew(t, cfg, 1)
	d := m.NewBatchDecoder(BatchOptions{})
	if err := d.Append(nil); err != nil {
		t.Errorf("no steps: %v", err)
	}
	a, b, foreign := d.NewSequence(), d.NewSequence(), m.NewBatchDecoder(BatchOptions{}).NewSequence()
	mustSteps(t, d, []Step{{Sequence: a, Tokens: []int32{1, 2}}, {Sequence: b, Tokens: []int32{3}}})
	one := []int32{1}
	for name, bad := range map[string]struct {
		step Step
		want error
	}{
		"twice":      {Step{Sequence: a, Tokens: one}, nil},
		"foreign":    {Step{Sequence: foreign, Tokens: one}, nil},
		"none":       {Step{Tokens: one}, nil},
		"no tokens":  {Step{Sequence: b}, nil},
		"negative":   {Step{Sequence: b, Tokens: []int32{-1}}, ErrBatch},
		"vocabulary": {Step{Sequence: b, Tokens: []int32{int32(cfg.Vocab)}}, ErrBatch},
		"context":    {Step{Sequence: b, Tokens: make([]int32, cfg.Context)}, ErrContextFull},
	} {
		err := d.Append([]Step{{Sequence: a, Tokens: one}, bad.step})
		if err == nil || bad.want != nil && !errors.Is(err, bad.want) {
			t.Errorf("%s: %v", name, err)
		}
		if a.Len() != 2 || b.Len() != 1 || foreign.Len() != 0 {
			t.Fatalf("%s: a refused Append changed a sequence", name)
		}
	}
}

// TestBatchCacheIsBounded: the bound holds for appending and forking, and what is
// given back may be used again.
func TestBatchCacheIsBounded(t *testing.T) {
	cfg := decoderConfigs[0]
	m := mustNew(t, cfg, 1)
	// Two sequences of 64 tokens: 12 components padded to 16 in the values.
	each := int64(4 * minCapacity * cfg.Layers * cfg.Heads * (12 + 16))
	d := m.NewBatchDecoder(BatchOptions{CacheBytes: 2*each + 1})
	a, b, c := d.NewSequence(), d.NewSequence(), d.NewSequence()
	one := []int32{1}
	mustSteps(t, d, []Step{{Sequence: a, Tokens: one}, {Sequence: b, Tokens: one}})
	if d.CacheBytes() != 2*each {
		t.Fatalf("CacheBytes = %d, want %d", d.CacheBytes(), 2*each)
	}
	if err := d.Append([]Step{{Sequence: a, Tokens: one}, {Sequence: c, Tokens: one}}); !errors.Is(err, ErrCacheFull) {
		t.Errorf("a third sequence: %v", err)
	}
	if _, err := a.Fork(); !errors.Is(err, ErrCacheFull) {
		t.Errorf("a fork: %v", err)
	}
	if err := d.Append([]Step{{Sequence: a, Tokens: make([]int32, minCapacity)}}); !errors.Is(err, ErrCacheFull) {
		t.Errorf("growth: %v", err)
	}
	if a.Len() != 1 || c.Len() != 0 || d.CacheBytes() != 2*each {
		t.Errorf("after refusals: %d and %d tokens, %d bytes", a.Len(), c.Len(), d.CacheBytes())
	}
	b.Reset()
	if d.CacheBytes() != each {
		t.Errorf("after a Reset %d bytes, want %d", d.CacheBytes(), each)
	}
	fork, err := a.Fork()
	if err != nil || fork.Len() != 1 {
		t.Fatalf("a fork after a Reset: %v", err)
	}
}

func TestBatchAllocatesNothing(t *testing.T) {
	cfg := Config{Layers: 2, Heads: 4, Width: 128, Context: 300, Vocab: 300, Activation: GELU}
	m := mustNew(t, cfg, 1)
	for _, o := range batchOptions {
		for _, games := range []int{1, 10, 70} { // by columns, alone, and in groups
			d := m.NewBatchDecoder(o.BatchOptions)
			steps := make([]Step, games)
			for i := range steps {
				steps[i] = Step{
					Sequence: d.NewSequence(), Tokens: randomTokens(2+i%3, cfg.Vocab, uint64(i)),
					Choice: &sampling.Choice{Settings: sampling.Settings{Temperature: 1}, Rand: rand.New(rand.NewPCG(11, 12))},
				}
			}
			mustSteps(t, d, steps)
			for i := range steps {
				steps[i].Tokens = steps[i].Tokens[:1]
			}
			mustSteps(t, d, steps)
			if n := allocations(func() { mustSteps(t, d, steps) }); n != 0 {
				t.Errorf("%v, %d sequences: a step allocates %v times", o.BatchOptions, games, n)
			}
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

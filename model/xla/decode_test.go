//go:build xla

package xla

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/sampling"
)

// openDecoding returns GoMLX's backend in Go.
func openDecoding(t testing.TB) *Decoding {
	t.Helper()
	d, err := OpenDecoding(Options{Device: Device{Kind: Go, Count: 1}, Log: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func newDecodeEngine(t testing.TB, d *Decoding, m *model.Model, o model.BatchOptions) *decoder {
	t.Helper()
	e, err := d.New(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return e.(*decoder)
}

// pair is the same sequence on the device and in package model.
type pair struct{ device, host *model.Sequence }

// versus does the same to both decoders and compares.
type versus struct {
	t            *testing.T
	cfg          model.Config
	rng          *rand.Rand
	device, host *model.BatchDecoder
	pairs        []pair
	worst        float64
	bound        float64
}

func newVersus(t *testing.T, cfg model.Config, o model.BatchOptions, seed uint64, bound float64) (*versus, *decoder) {
	t.Helper()
	m, err := RandomModel(cfg, seed)
	if err != nil {
		t.Fatal(err)
	}
	e := newDecodeEngine(t, openDecoding(t), m, o)
	o.Engine = e
	v := &versus{t: t, cfg: cfg, rng: rand.New(rand.NewPCG(seed, 1)), bound: bound,
		device: m.NewBatchDecoder(o), host: m.NewBatchDecoder(model.BatchOptions{Threads: 1})}
	return v, e
}

func (v *versus) add() {
	v.pairs = append(v.pairs, pair{v.device.NewSequence(), v.host.NewSequence()})
}

// step appends so many random tokens to the pairs given; 0 leaves one out.
func (v *versus) step(lengths []int) {
	v.t.Helper()
	var steps [2][]model.Step
	var extras []int32
	for i, n := range lengths {
		if n == 0 {
			continue
		}
		tokens := make([]int32, n)
		extras = nil
		for j := range tokens {
			tokens[j] = int32(v.rng.IntN(v.cfg.Vocab))
			used := v.cfg.ExtraSlots
			if used > 0 {
				used = v.rng.IntN(used + 1)
			}
			for s := range v.cfg.ExtraSlots {
				id := int32(-1)
				if s < used {
					id = int32(v.rng.IntN(v.cfg.ExtraVocab))
				}
				extras = append(extras, id)
			}
		}
		choice := func() *sampling.Choice {
			return &sampling.Choice{Settings: sampling.Settings{Temperature: 1}, Rand: rand.New(rand.NewPCG(uint64(i), 9))}
		}
		steps[0] = append(steps[0], model.Step{Sequence: v.pairs[i].device, Tokens: tokens, Extras: extras, Choice: choice()})
		steps[1] = append(steps[1], model.Step{Sequence: v.pairs[i].host, Tokens: tokens, Extras: extras, Choice: choice()})
	}
	if len(steps[0]) == 0 {
		return
	}
	got, want := v.device.Append(steps[0]), v.host.Append(steps[1])
	if got != nil || want != nil {
		v.t.Fatalf("device: %v\nCPU: %v", got, want)
	}
	for i := range steps[0] {
		if g, w := steps[0][i].Sequence.Len(), steps[1][i].Sequence.Len(); g != w {
			v.t.Fatalf("%d tokens, want %d", g, w)
		}
		scale, worst := 0.0, 0.0
		for id, w := range steps[1][i].Logits {
			scale = max(scale, math.Abs(float64(w)))
			d := math.Abs(float64(w) - float64(steps[0][i].Logits[id]))
			if !(d <= worst) {
				worst = d
			}
		}
		v.worst = max(v.worst, worst/scale)
		if !(worst <= v.bound*scale) {
			v.t.Fatalf("a sequence of %d tokens: logits differ by %.2g of %.2g", steps[0][i].Sequence.Len(), worst, scale)
		}
		if g, w := steps[0][i].Choice.ID, steps[1][i].Choice.ID; g != w && v.bound < 1e-3 {
			v.t.Fatalf("drawn %d, want %d", g, w)
		}
	}
}

// play is random work on sequences of all lengths: tokens by ones and by many, games that end
// and begin, are taken back and branch off.
func (v *versus) play(sequences, passes int) {
	v.t.Helper()
	for len(v.pairs) < sequences {
		v.add()
	}
	for range passes {
		for i := range v.pairs {
			p := &v.pairs[i]
			switch n := p.host.Len(); {
			case v.rng.IntN(12) == 0:
				p.device.Reset()
				p.host.Reset()
			case v.rng.IntN(6) == 0 && n > 0:
				keep := v.rng.IntN(n + 1)
				p.device.Truncate(keep)
				p.host.Truncate(keep)
			case v.rng.IntN(15) == 0:
				from := v.pairs[v.rng.IntN(len(v.pairs))]
				p.device.Reset()
				p.host.Reset()
				var err [2]error
				p.device, err[0] = from.device.Fork()
				p.host, err[1] = from.host.Fork()
				if err[0] != nil || err[1] != nil {
					v.t.Fatal(err)
				}
			}
		}
		lengths := make([]int, len(v.pairs))
		for i, p := range v.pairs {
			room := v.cfg.Context - p.host.Len()
			n := v.rng.IntN(4)
			if v.rng.IntN(8) == 0 {
				n = v.rng.IntN(v.cfg.Context)
			}
			if lengths[i] = min(n, room); room == 0 {
				p.device.Reset()
				p.host.Reset()
			}
		}
		v.step(lengths)
	}
	v.t.Logf("logits differ by at most %.2g", v.worst)
}

var decodeConfigs = map[string]model.Config{
	"moves":      {Layers: 2, Heads: 2, Width: 16, Context: 40, Vocab: 70, Activation: model.GELU},
	"board":      {Layers: 2, Heads: 4, Width: 16, Context: 24, Vocab: 31, Activation: model.GELU, ExtraVocab: 37, ExtraSlots: 6},
	"characters": {Layers: 2, Heads: 2, Width: 12, Context: 150, Vocab: 32, Bias: true, Activation: model.GELUTanh},
	"tiny":       {Layers: 1, Heads: 1, Width: 4, Context: 3, Vocab: 5, Activation: model.GELU},
}

// TestDecoderEqualsTheCPUs: logits and drawn tokens, over models and the lives of sequences.
func TestDecoderEqualsTheCPUs(t *testing.T) {
	for name, cfg := range decodeConfigs {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(2) {
				v, e := newVersus(t, cfg, model.BatchOptions{}, seed, boundF32)
				v.play(9, 18)
				if e.slots != 16 {
					t.Errorf("room for %d games was made for 9 and a few forks", e.slots)
				}
			}
		})
	}
	t.Run("bf16", func(t *testing.T) {
		v, _ := newVersus(t, decodeConfigs["board"], model.BatchOptions{Weights: model.BF16, Cache: model.BF16}, 5, boundBF16)
		v.play(5, 12)
		if v.worst < 1e-4 {
			t.Error("nothing was rounded")
		}
	})
}

// TestDecoderGrows: games enter while others go on, and the largest parts are cut.
func TestDecoderGrows(t *testing.T) {
	cfg := model.Config{Layers: 1, Heads: 1, Width: 4, Context: 90, Vocab: 7, Activation: model.GELU}
	v, e := newVersus(t, cfg, model.BatchOptions{}, 3, boundF32)
	lengths := []int{}
	for _, games := range []int{3, 20, 700} {
		for len(v.pairs) < games {
			v.add()
			lengths = append(lengths, 5)
		}
		v.step(lengths)
		lengths[0] = 20
		v.step(lengths)
		lengths[0] = 5
	}
	if e.slots != 1024 || e.room != cfg.Context {
		t.Errorf("room for %d games of %d", e.slots, e.room)
	}
	for i := range lengths {
		lengths[i] = 3
	}
	v.step(lengths) // 2100 tokens
	if e.used != 2 {
		t.Errorf("%d parts", e.used)
	}
}

// TestDecoderRefuses what the CPU's refuses, and stays as it was.
func TestDecoderRefuses(t *testing.T) {
	cfg := decodeConfigs["moves"]
	v, _ := newVersus(t, cfg, model.BatchOptions{}, 8, boundF32)
	v.add()
	v.step([]int{38})
	for _, tokens := range [][]int32{{1, 2, 3}, {}, {70}, {-1}} {
		steps := [2][]model.Step{{{Sequence: v.pairs[0].device, Tokens: tokens}}, {{Sequence: v.pairs[0].host, Tokens: tokens}}}
		got, want := v.device.Append(steps[0]), v.host.Append(steps[1])
		if got == nil || want == nil || got.Error() != want.Error() {
			t.Errorf("%v: %v, want %v", tokens, got, want)
		}
	}
	v.step([]int{2})
	if _, err := v.device, v.device.Append([]model.Step{{Sequence: v.pairs[0].device, Tokens: []int32{1}}}); !errors.Is(err, model.ErrContextFull) {
		t.Errorf("a full context: %v", err)
	}
}

func TestDecodingOptions(t *testing.T) {
	m, err := RandomModel(decodeConfigs["tiny"], 1)
	if err != nil {
		t.Fatal(err)
	}
	d := openDecoding(t)
	if _, err := d.New(m, model.BatchOptions{Weights: model.Int8}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("int8: %v", err)
	}
	if _, err := OpenDecoding(Options{Device: Device{Kind: CUDA, Count: 2}}); err == nil || cli.Fail(new(strings.Builder), "x", err) != cli.ExitUsage {
		t.Errorf("two devices: %v", err)
	}
	// Memory that is known not to suffice.
	e := newDecodeEngine(t, d, m, model.BatchOptions{})
	e.memory = 30_000
	b := m.NewBatchDecoder(model.BatchOptions{Engine: e})
	var steps []model.Step
	for range 300 {
		steps = append(steps, model.Step{Sequence: b.NewSequence(), Tokens: []int32{1}})
	}
	err = b.Append(steps)
	if !errors.Is(err, ErrMemory) || !strings.Contains(strings.Join(cli.Hints(err), " "), "about 64 games at once fit: --concurrency 64") {
		t.Errorf("%v %q", err, cli.Hints(err))
	}
	if err := b.Append(steps[:30]); err != nil {
		t.Errorf("fewer: %v", err)
	}
}

// BenchmarkDecoding is a pass of games with 32 tokens each, beside the CPU's decoder. On the
// backend in Go it says what the graph costs there, and nothing about a GPU.
func BenchmarkDecoding(b *testing.B) {
	cfg := model.Config{Layers: 2, Heads: 2, Width: 32, Context: 64, Vocab: 1970, Activation: model.GELU}
	m, err := RandomModel(cfg, 1)
	if err != nil {
		b.Fatal(err)
	}
	d, err := OpenDecoding(Options{Device: Device{Kind: Go, Count: 1}})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	const games = 64
	rates := map[string]float64{}
	for _, name := range []string{"cpu", Go} {
		b.Run(name, func(b *testing.B) {
			var o model.BatchOptions
			if name == Go {
				e := newDecodeEngine(b, d, m, o)
				defer e.Close()
				o.Engine = e
			}
			dec := m.NewBatchDecoder(o)
			var steps []model.Step
			for range games {
				steps = append(steps, model.Step{Sequence: dec.NewSequence(), Tokens: make([]int32, 32)})
			}
			for b.Loop() {
				for i := range steps {
					steps[i].Sequence.Truncate(min(32, steps[i].Sequence.Len()))
				}
				if err := dec.Append(steps); err != nil {
					b.Fatal(err)
				}
				for i := range steps {
					steps[i].Tokens = steps[i].Tokens[:1]
				}
			}
			rates[name] = float64(games*b.N) / b.Elapsed().Seconds()
			b.ReportMetric(rates[name], "tok/s")
			if name == Go {
				b.ReportMetric(rates[name]/rates["cpu"], "of-cpu")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

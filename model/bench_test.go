package model

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	kernels "transcend/model/blas"
	"transcend/model/sampling"
)

// eachBLAS runs a benchmark with gonum's own products and with ours, which is
// the peer of the other in the same run. peak is the f32 FMA rate of the
// machine, all threads, in GFLOP/s; 0 where it cannot be measured.
func eachBLAS(b *testing.B, bench func(b *testing.B, peak float64)) {
	ours, err := kernels.New(kernels.Options{})
	if err != nil {
		b.Fatal(err)
	}
	bf16, err := kernels.New(kernels.Options{Precision: kernels.BF16})
	if err != nil {
		b.Logf("without bf16: %v", err)
	}
	peak := kernels.Peak(kernels.Auto, kernels.F32, runtime.GOMAXPROCS(0), 50*time.Millisecond)
	for _, c := range []struct {
		name string
		impl blas.Float32
		ok   bool
	}{{"gonum", blas32.Implementation(), true}, {"f32", ours, true}, {"bf16", bf16, err == nil}} {
		if !c.ok {
			continue
		}
		b.Run("blas="+c.name, func(b *testing.B) {
			useBLAS(b, c.impl)
			bench(b, peak)
		})
	}
}

// benchShapes are those that the results are stated for (docs/results).
var benchShapes = []struct {
	cfg  Config
	rows int
}{
	{Config{Layers: 4, Heads: 4, Width: 128, Context: 128, Vocab: 2048, Activation: GELU}, 64},
	{Config{Layers: 8, Heads: 8, Width: 256, Context: 128, Vocab: 2048, Activation: GELU}, 32},
	{Config{Layers: 8, Heads: 8, Width: 512, Context: 256, Vocab: 2048, Activation: GELU}, 16},
}

// segmentSource gives random tokens, all with a target, in segments of 40 to 100
// tokens as games have them, or, whole, in one segment a row.
type segmentSource struct {
	rng   *rand.Rand
	vocab int
	whole bool
}

func (s *segmentSource) Next(b *Batch) error {
	for i := range b.Tokens {
		b.Tokens[i], b.Targets[i] = int32(s.rng.IntN(s.vocab)), int32(s.rng.IntN(s.vocab))
	}
	for row := 0; row < len(b.Tokens); row += b.Context {
		left, start := 0, 0
		for t := range b.Context {
			if left == 0 {
				left, start = 40+s.rng.IntN(61), t
				if s.whole {
					left = b.Context
				}
			}
			b.SegmentStart[row+t], b.Positions[row+t] = int32(start), int32(t-start)
			left--
		}
	}
	return nil
}

func (s *segmentSource) State() ([]byte, error) { return nil, nil }
func (s *segmentSource) Restore([]byte) error   { return nil }

// BenchmarkTrain measures whole training steps of one micro batch on packed
// segments and on rows that are one segment each. GFLOP/s counts
// Config.FLOPsPerToken at the full context. The number of threads is GOMAXPROCS.
func BenchmarkTrain(b *testing.B) {
	for _, s := range benchShapes {
		c := s.cfg
		for _, whole := range []bool{false, true} {
			name := "games"
			if whole {
				name = "whole"
			}
			b.Run(fmt.Sprintf("shape=%d,%d,%d,%d,%d,%d/segments=%s", c.Layers, c.Heads, c.Width, c.Context, c.Vocab, s.rows, name), func(b *testing.B) {
				eachBLAS(b, func(b *testing.B, peak float64) {
					tc := DefaultTrainConfig()
					tc.Rows, tc.Steps = s.rows, 1<<20
					tr, err := NewTrainer(mustNew(b, c, 1), tc, &segmentSource{rng: rand.New(rand.NewPCG(1, 2)), vocab: c.Vocab, whole: whole})
					if err != nil {
						b.Fatal(err)
					}
					mustStep(b, tr)
					b.ReportAllocs()
					for b.Loop() {
						mustStep(b, tr)
					}
					tokens := float64(s.rows*c.Context*b.N) / b.Elapsed().Seconds()
					gflops := tokens * c.FLOPsPerToken(c.Context) / 1e9
					b.ReportMetric(tokens, "tok/s")
					b.ReportMetric(gflops, "GFLOP/s")
					if peak > 0 {
						b.ReportMetric(100*gflops/peak, "%peak-f32")
					}
					b.ReportMetric(0, "ns/op")
				})
			})
		}
	}
}

// decodeShape is the shape that the results on decoding are stated for.
var decodeShape = Config{Layers: 8, Heads: 8, Width: 256, Context: 128, Vocab: 2048, Activation: GELU}

// decodeFormats are the formats of weights and caches that decoding is measured in.
var decodeFormats = []BatchOptions{{}, {Weights: BF16, Cache: BF16}, {Weights: Int8, Cache: BF16}}

// BenchmarkDecode measures games side by side, one token each at a time, with
// caches from empty to the whole context: a token is a move, drawn from all at
// temperature 1. vs-1 is the ratio to one game in the same run. The number of threads is
// GOMAXPROCS.
func BenchmarkDecode(b *testing.B) {
	m := mustNew(b, decodeShape, 1)
	for _, o := range decodeFormats {
		b.Run("weights="+o.Weights.String(), func(b *testing.B) {
			single := 0.0
			for _, games := range []int{1, 8, 64, 256} {
				b.Run(fmt.Sprintf("games=%d", games), func(b *testing.B) {
					d := m.NewBatchDecoder(o)
					steps := make([]Step, games)
					for i := range steps {
						steps[i] = Step{
							Sequence: d.NewSequence(), Tokens: []int32{int32(i)},
							Choice: &sampling.Choice{Settings: sampling.Settings{Temperature: 1}, Rand: rand.New(rand.NewPCG(uint64(i), 1))},
						}
					}
					game := func() {
						for i := range steps {
							steps[i].Sequence.Truncate(0)
						}
						for range decodeShape.Context {
							mustSteps(b, d, steps)
							for i := range steps {
								steps[i].Tokens[0] = steps[i].Choice.ID
							}
						}
					}
					game() // the caches grow
					b.ReportAllocs()
					for b.Loop() {
						game()
					}
					rate := float64(games*decodeShape.Context*b.N) / b.Elapsed().Seconds()
					if games == 1 {
						single = rate
					}
					b.ReportMetric(rate, "tok/s")
					if single > 0 {
						b.ReportMetric(rate/single, "vs-1")
					}
					b.ReportMetric(0, "ns/op")
				})
			}
		})
	}
}

// BenchmarkPrefill measures the whole context in one call.
func BenchmarkPrefill(b *testing.B) {
	m := mustNew(b, decodeShape, 1)
	tokens := randomTokens(decodeShape.Context, decodeShape.Vocab, 1)
	for _, o := range decodeFormats {
		b.Run("weights="+o.Weights.String(), func(b *testing.B) {
			d := m.NewBatchDecoder(o)
			steps := []Step{{Sequence: d.NewSequence(), Tokens: tokens}}
			for b.Loop() {
				steps[0].Sequence.Truncate(0)
				mustSteps(b, d, steps)
			}
			b.ReportMetric(float64(len(tokens)*b.N)/b.Elapsed().Seconds(), "tok/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

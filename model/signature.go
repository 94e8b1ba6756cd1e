package model

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"

	"transcend/model/sampling"
)

// Signature trains a small model of a fixed shape for some steps on a fixed
// synthetic source, samples some tokens from it, and returns a hash of all
// weights and tokens. It changes exactly when what training or sampling
// computes changes in any bit: across commits of this package, and across BLAS
// implementations and the processors they choose their kernels by, but not
// with the number of threads. Compare it on one machine with one BLAS.
func Signature(steps, tokens int) (string, error) {
	cfg := Config{Layers: 2, Heads: 4, Width: 64, Context: 96, Vocab: 64, Activation: GELU}
	m, err := New(cfg, 1)
	if err != nil {
		return "", err
	}
	tc := DefaultTrainConfig()
	tc.Rows, tc.Accumulate, tc.LearningRate, tc.Warmup, tc.Steps = 4, 2, 3e-3, 10, max(steps, 1)
	t, err := NewTrainer(m, tc, newSyntheticSource(cfg.Vocab, 1))
	if err != nil {
		return "", err
	}
	for range steps {
		if _, err := t.Step(); err != nil {
			return "", err
		}
	}
	hash := sha256.New()
	if err := binary.Write(hash, binary.LittleEndian, m.p.flat); err != nil {
		return "", fmt.Errorf("model: signature: %w", err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	settings := sampling.Settings{Temperature: 0.8}
	d, next := m.NewDecoder(), int32(0)
	for range tokens {
		if d.Len() == cfg.Context {
			d.Truncate(0)
		}
		logits, err := d.Append(next)
		if err != nil {
			return "", err
		}
		next = int32(settings.Sample(logits, nil, rng))
		if err := binary.Write(hash, binary.LittleEndian, next); err != nil {
			return "", fmt.Errorf("model: signature: %w", err)
		}
	}
	return hex.EncodeToString(hash.Sum(nil)[:8]), nil
}

// syntheticSource is an endless stream of segments of a noisy arithmetic
// progression modulo the vocabulary: text that a small model learns quickly
// but, because of the noise, never entirely.
type syntheticSource struct {
	vocab int
	pcg   *rand.PCG
	rng   *rand.Rand
}

const (
	syntheticStream  = 0x73796e74 // "synt"
	syntheticNoise   = 0.1        // probability that a token is a uniformly random one
	syntheticSegment = 24         // mean length of a segment
)

func newSyntheticSource(vocab int, seed uint64) *syntheticSource {
	pcg := rand.NewPCG(seed, syntheticStream)
	return &syntheticSource{vocab: vocab, pcg: pcg, rng: rand.New(pcg)}
}

// Next fills each row with segments that continue to its end. Token 0 begins a
// segment; the next two say where the progression starts and by how much it
// goes up.
func (s *syntheticSource) Next(b *Batch) error {
	for r := range b.Rows {
		start, value, stride := 0, 0, 0
		for t := range b.Context {
			i := r*b.Context + t
			if t == 0 || s.rng.IntN(syntheticSegment) == 0 {
				start, value = t, 0
				stride = 1 + s.rng.IntN(min(4, s.vocab))
			}
			b.Tokens[i] = int32(value)
			b.Positions[i] = int32(t - start)
			b.SegmentStart[i] = int32(start)
			b.Targets[i] = -1
			if t > start {
				b.Targets[i-1] = int32(value)
			}
			value = (value + stride) % s.vocab
			if s.rng.Float64() < syntheticNoise {
				value = s.rng.IntN(s.vocab)
			}
		}
	}
	return nil
}

func (s *syntheticSource) State() ([]byte, error) { return s.pcg.MarshalBinary() }

func (s *syntheticSource) Restore(state []byte) error { return s.pcg.UnmarshalBinary(state) }

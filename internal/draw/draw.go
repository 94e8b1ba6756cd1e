// Package draw is random numbers for things that are made in parts. A
// stream is named by a seed and a path of numbers (an expert, an edge), so any
// part of a corpus can be made without the parts before it, and the same seed gives
// the same text in every version of Go.
package draw

import (
	"math"
	"math/bits"
)

// Stream is a sequence of random numbers: SplitMix64 (Steele, Lea and Flood 2014).
// The zero value is a stream too. One goroutine at a time may use it.
type Stream struct{ state uint64 }

const gamma = 0x9e3779b97f4a7c15

// mix is the finalizer of SplitMix64, a permutation of 64-bit numbers.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// New returns the stream of that seed and path.
func New(seed uint64, path ...uint64) Stream {
	s := mix(seed + gamma)
	for _, p := range path {
		s = mix(s ^ mix(p+gamma)*gamma)
	}
	return Stream{s}
}

// Mix derives a number from two: the b-th that a stream with the state a returns, counted from 1.
func Mix(a, b uint64) uint64 { return mix(a + b*gamma) }

// Uint64 returns 64 random bits.
func (s *Stream) Uint64() uint64 {
	s.state += gamma
	return mix(s.state)
}

// Float64 returns a number in [0, 1).
func (s *Stream) Float64() float64 { return float64(s.Uint64()>>11) * 0x1p-53 }

// IntN returns a number from 0 to n-1; n must be positive. Its bias is below n/2^64.
func (s *Stream) IntN(n int) int {
	hi, _ := bits.Mul64(s.Uint64(), uint64(n))
	return int(hi)
}

// Chance is true with probability p.
func (s *Stream) Chance(p float64) bool { return s.Float64() < p }

// Normal returns a standard normal number (Box and Muller 1958).
func (s *Stream) Normal() float64 {
	return math.Sqrt(-2*math.Log(1-s.Float64())) * math.Cos(2*math.Pi*s.Float64())
}

// Shuffle puts x in random order (Fisher and Yates).
func Shuffle[T any](s *Stream, x []T) {
	for i := len(x) - 1; i > 0; i-- {
		j := s.IntN(i + 1)
		x[i], x[j] = x[j], x[i]
	}
}

// Pick returns one of x, which must not be empty.
func Pick[T any](s *Stream, x []T) T { return x[s.IntN(len(x))] }

// Package bf16 converts between float32 and bf16, its upper half, as the instructions do that kernels use.
package bf16

import "math"

// Narrow is x rounded to bf16 as VCVTNEPS2BF16 does it: to nearest even, subnormals to zero of their
// sign, NaN to NaN.
func Narrow(x float32) uint16 {
	b := math.Float32bits(x)
	switch {
	case b&0x7f800000 == 0:
		return uint16(b >> 16 & 0x8000)
	case x != x:
		return uint16(b>>16 | 0x40)
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// Widen is the number that w stands for.
func Widen(w uint16) float32 { return math.Float32frombits(uint32(w) << 16) }

//go:build !noasm

package blas

// widenersOf returns the kernels of a level that the CPU has, nil for gonum's.
func widenersOf(level Level) *wideners {
	switch {
	case level >= AVX512:
		return &wideners{bf16: widenBF16AVX512, int8: widenInt8AVX512, tiles: int8ToBF16AVX512, multiply: multiplyAVX512}
	case level == AVX2:
		return &wideners{bf16: widenBF16AVX2, int8: widenInt8AVX2, multiply: multiplyAVX2}
	}
	return nil
}

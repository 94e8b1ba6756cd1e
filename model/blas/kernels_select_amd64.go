//go:build !noasm

package blas

import "golang.org/x/sys/cpu"

// Supported returns the highest level that this CPU, its operating system and
// this build can run.
func Supported() Level {
	x := &cpu.X86 // its AVX flags are set only where the system saves the registers
	switch {
	case !(x.HasAVX2 && x.HasFMA && x.HasBMI2):
		return Gonum
	case !(x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL):
		return AVX2
	case !x.HasAVX512BF16:
		return AVX512
	}
	return AVX512BF16
}

// kernelsOf returns the kernels of a level, nil where it has none of that
// precision.
func kernelsOf(level Level, p Precision) *kernels {
	switch {
	case p == BF16 && level >= AVX512BF16:
		return &kernels{
			lanes: 16, pair: 2, rows: 14, columns: 32,
			gemm:      gemmBF16_14x32,
			narrow:    gemmBF16_14x16,
			packRowsA: packTransposeBF16_14,
			packColsA: packCopyBF16_16,
			packRowsB: packCopyBF16_32,
			packColsB: packTransposeBF16_16,
		}
	case p == BF16:
		return nil
	case level >= AVX512:
		return &kernels{
			lanes: 16, pair: 1, rows: 14, columns: 32,
			gemm: gemmAVX512_14x32, narrow: gemmAVX512_14x16,
			wide: []wideKernel{
				{rows: 2, columns: 128, gemm: gemmAVX512_2x128},
				{rows: 6, columns: 64, gemm: gemmAVX512_6x64},
			},
			dot: []dotKernel{
				{rows: 4, dot: dotAVX512_4x4},
				{rows: 3, dot: dotAVX512_3x4},
				{rows: 2, dot: dotAVX512_2x8},
				{rows: 1, dot: dotAVX512_1x8},
			},
			packRowsA: packTransposeAVX512_14,
			packColsA: packCopyAVX512_16,
			packRowsB: packCopyAVX512_32,
			packColsB: packTransposeAVX512_16,
		}
	case level == AVX2:
		return &kernels{
			lanes: 8, pair: 1, rows: 6, columns: 16,
			gemm: gemmAVX2_6x16, narrow: gemmAVX2_6x8,
			wide: []wideKernel{
				{rows: 2, columns: 32, gemm: gemmAVX2_2x32},
			},
			dot: []dotKernel{
				{rows: 2, dot: dotAVX2_2x4},
				{rows: 1, dot: dotAVX2_1x8},
			},
			packRowsA: packTransposeAVX2_6,
			packColsA: packCopyAVX2_8,
			packRowsB: packCopyAVX2_16,
			packColsB: packTransposeAVX2_8,
		}
	}
	return nil
}

// peakLoop returns a loop of n rounds of multiply-adds on registers and the
// floating-point operations of a round.
func peakLoop(level Level, p Precision) (loop func(n int), flops float64) {
	const accumulators = 12 // peakAccumulators in gen
	switch {
	case p == BF16 && level >= AVX512BF16:
		return peakBF16, accumulators * 16 * 4
	case p == BF16:
		return nil, 0
	case level >= AVX512:
		return peakAVX512, accumulators * 16 * 2
	case level == AVX2:
		return peakAVX2, accumulators * 8 * 2
	}
	return nil, 0
}

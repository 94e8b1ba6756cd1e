//go:build !noasm

package blas

import (
	"errors"
	"fmt"

	"golang.org/x/sys/cpu"
)

// Supported returns the highest level that this CPU, its operating system and
// this build can run. The first call asks the operating system for the use of tile
// registers where the CPU has them.
func Supported() Level {
	level := vectors()
	if level == AVX512BF16 && amxMissing() == nil {
		return AMX
	}
	return level
}

// amxMissing returns why tiles cannot be used, nil if they can.
func amxMissing() error {
	if !cpu.X86.HasAMXTile || !cpu.X86.HasAMXBF16 {
		return errors.New("the CPU has no AMX-TILE with AMX-BF16")
	}
	const saved = 1<<17 | 1<<18 // XCR0: tile configuration and data
	if state := xcr0(); state&saved != saved {
		return fmt.Errorf("the operating system does not save tile registers (XCR0 is %#x)", state)
	}
	return amxPermission()
}

// missing returns why level is not supported here, "" where that is plain.
func missing(level Level) string {
	if level == AMX {
		if err := amxMissing(); err != nil {
			return err.Error()
		}
	}
	return ""
}

// vectors returns the highest level without tiles.
func vectors() Level {
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

// tilesOf returns the tile kernels of a level, nil where it has none.
func tilesOf(level Level) *tileKernels {
	if level < AMX {
		return nil
	}
	return &tileKernels{
		multiply:  amxMultiply,
		packRowsA: amxPackRows,
		packColsA: amxPackColumns,
		packRowsB: amxPackPairs,
		packColsB: packTransposeTiles_16,

		packRowsA16: amxPackRows16,
		packColsA16: amxPackColumns16,
		packRowsB16: amxPackPairs16,
		round:       roundToBF16,
	}
}

// peakLoop returns a loop of n rounds of multiply-adds on registers, the rounds of about
// a millisecond, and the floating-point operations of a round.
func peakLoop(level Level, p Precision) (loop func(n int), rounds int, flops float64) {
	const accumulators = 12     // peakAccumulators in gen
	const millisecond = 300_000 // rounds of vectors: two million cycles
	switch {
	case p == BF16 && level >= AMX:
		return peakAMX, millisecond / 32, accumulators * 16 * 16 * 32 * 2
	case p == BF16 && level >= AVX512BF16:
		return peakBF16, millisecond, accumulators * 16 * 4
	case p == BF16:
		return nil, 0, 0
	case level >= AVX512:
		return peakAVX512, millisecond, accumulators * 16 * 2
	case level == AVX2:
		return peakAVX2, millisecond, accumulators * 8 * 2
	}
	return nil, 0, 0
}

//go:build !noasm

package vec

import "transcend/model/blas"

// kernelsOf returns the implementation for a level that this CPU has.
func kernelsOf(level blas.Level) *kernels {
	switch {
	case level >= blas.AVX512:
		return &avx512
	case level == blas.AVX2:
		return &avx2
	}
	return &plain
}

var avx512 = kernels{
	add:               addAVX512,
	addSum:            addSumAVX512,
	scale:             scaleAVX512,
	mix:               mixAVX512,
	addRows:           addRowsAVX512,
	sum:               sumAVX512,
	maximum:           maximumAVX512,
	squaredDistance:   squaredDistanceAVX512,
	normalizeBias:     normalizeBiasAVX512,
	normalize:         normalizeAVX512,
	normBackwardSums:  normBackwardSumsAVX512,
	normBackwardApply: normBackwardApplyAVX512,
	expSum:            expSumAVX512,
	geluErf:           geluErfAVX512,
	geluTanh:          geluTanhAVX512,
	geluErfGrad:       geluErfGradAVX512,
	geluTanhGrad:      geluTanhGradAVX512,
	sumSquares:        sumSquaresAVX512,
	adamW:             adamWAVX512,
}

var avx2 = kernels{
	add:               addAVX2,
	addSum:            addSumAVX2,
	scale:             scaleAVX2,
	mix:               mixAVX2,
	addRows:           addRowsAVX2,
	sum:               sumAVX2,
	maximum:           maximumAVX2,
	squaredDistance:   squaredDistanceAVX2,
	normalizeBias:     normalizeBiasAVX2,
	normalize:         normalizeAVX2,
	normBackwardSums:  normBackwardSumsAVX2,
	normBackwardApply: normBackwardApplyAVX2,
	expSum:            expSumAVX2,
	geluErf:           geluErfAVX2,
	geluTanh:          geluTanhAVX2,
	geluErfGrad:       geluErfGradAVX2,
	geluTanhGrad:      geluTanhGradAVX2,
	sumSquares:        sumSquaresAVX2,
	adamW:             adamWAVX2,
}

//go:build !noasm

package attention

import "transcend/model/blas"

// halfOf returns the kernels for caches in bf16 that go with k.
func halfOf(k *kernels) *halfKernels {
	switch k {
	case &withAVX512:
		h := &halfAVX512
		if blas.Supported() < blas.AVX512BF16 {
			h = &halfAVX512F
		}
		return h
	case &withAVX2:
		return &halfAVX2
	}
	return &plainHalf
}

// The conversion without AVX-512 BF16 gives the same bits.
var (
	halfAVX512  = halfKernels{scores: scoresAVX512, sum: sumAVX512, widenPairs: widenPairsAVX512, widen: widenAVX512, narrow: narrowAVX512BF16}
	halfAVX512F = halfKernels{scores: scoresAVX512, sum: sumAVX512, widenPairs: widenPairsAVX512, widen: widenAVX512, narrow: narrowAVX2}
	halfAVX2    = halfKernels{scores: scoresAVX2, sum: sumAVX2, widenPairs: widenPairsAVX2, widen: widenAVX2, narrow: narrowAVX2}
)

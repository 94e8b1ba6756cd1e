// Command gen writes the assembly kernels of package blas, with their Go
// declarations, by means of avo. It is a module of its own so that avo is no
// dependency of the program. Run it through go generate in model/blas.
package main

import (
	"github.com/mmcloughlin/avo/build"
)

func main() {
	build.ConstraintExpr("!noasm")

	for _, s := range []shape{{v: 2, r: 14}, {v: 1, r: 14}, {v: 4, r: 6}, {v: 8, r: 2}} {
		gemm(avx512F32, s)
	}
	for _, s := range []shape{{v: 2, r: 14}, {v: 1, r: 14}} {
		gemm(avx512BF16, s)
	}
	for _, s := range []shape{{v: 2, r: 6}, {v: 1, r: 6}, {v: 4, r: 2}} {
		gemm(avx2F32, s)
	}

	for _, k := range []kind{avx512F32, avx512BF16, avx2F32} {
		packCopy(k, 1)
		packCopy(k, 2)
	}
	packTranspose512(avx512F32, 16, false)
	packTranspose512(avx512F32, 14, false)
	packTranspose512(avx512BF16, 16, false)
	packTranspose512(avx512BF16, 14, false)
	packTranspose256(8)
	packTranspose256(6)

	for _, s := range [][2]int{{4, 4}, {3, 4}, {2, 8}, {1, 8}} {
		dot(avx512F32, s[0], s[1])
	}
	for _, s := range [][2]int{{2, 4}, {1, 8}} {
		dot(avx2F32, s[0], s[1])
	}

	for _, k := range []kind{avx512F32, avx512BF16, avx2F32} {
		peak(k)
	}

	amxState()
	amxMultiply()
	for _, s := range []source{{}, {bf16: true}} {
		amxPackRows(s)
		amxPackColumns(s)
		amxPackPairs(s)
	}
	roundBF16()
	packTranspose512(avx512BF16, 16, true)
	amxPeak()

	build.Generate()
}

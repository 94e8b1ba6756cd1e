// Command packed writes the assembly of packed.go in model/blas: the widening of
// factors that are stored in fewer bits than they are multiplied in. Run it through
// go generate in model/blas.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// vectors is an instruction set.
type vectors struct {
	name  string
	lanes int // float32 in a register
	reg   [4]VecPhysical
}

var sets = []vectors{
	{"AVX512", 16, [4]VecPhysical{Z0, Z1, Z2, Z3}},
	{"AVX2", 8, [4]VecPhysical{Y0, Y1, Y2, Y3}},
}

func main() {
	ConstraintExpr("!noasm")
	for _, v := range sets {
		v.kernel("widenBF16", "uint16", "float32", "sets dst to n numbers, a multiple of 16, in bf16.", 2, 4, func(r VecPhysical, src, dst Mem) {
			VPMOVZXWD(src, r)
			VPSLLD(U8(16), r, r)
			VMOVUPS(r, dst)
		})
		v.kernel("widenInt8", "int8", "float32", "sets dst to n integers, a multiple of 16.", 1, 4, func(r VecPhysical, src, dst Mem) {
			VPMOVSXBD(src, r)
			VCVTDQ2PS(r, r)
			VMOVUPS(r, dst)
		})
		v.kernel("multiply", "float32", "float32", "multiplies dst by src, n numbers, a multiple of 16.", 4, 4, func(r VecPhysical, src, dst Mem) {
			VMOVUPS(src, r)
			VMULPS(dst, r, r)
			VMOVUPS(r, dst)
		})
	}
	// Integers below 128 in magnitude are the upper halves of their float32.
	sets[0].kernel("int8ToBF16", "int8", "uint16", "sets dst to n integers, a multiple of 16, in bf16.", 1, 2, func(r VecPhysical, src, dst Mem) {
		VPMOVSXBD(src, r)
		VCVTDQ2PS(r, r)
		VPSRLD(U8(16), r, r)
		VPMOVDW(r, dst)
	})
	Generate()
}

// kernel emits a loop that takes 16 numbers a round from src, of srcSize bytes each,
// to dst.
func (v vectors) kernel(name, srcType, dstType, doc string, srcSize, dstSize int, body func(r VecPhysical, src, dst Mem)) {
	TEXT(name+v.name, NOSPLIT, fmt.Sprintf("func(n int, src *%s, dst *%s)", srcType, dstType))
	Pragma("noescape")
	Doc(name + v.name + " " + doc)
	n, src, dst := RCX, RSI, RDI
	Load(Param("n"), n)
	Load(Param("src"), src)
	Load(Param("dst"), dst)
	SUBQ(U8(16), n)
	JL(LabelRef("done"))
	Label("loop")
	for i := range 16 / v.lanes {
		body(v.reg[i], Mem{Base: src, Disp: i * v.lanes * srcSize}, Mem{Base: dst, Disp: i * v.lanes * dstSize})
	}
	ADDQ(U8(16*srcSize), src)
	ADDQ(U8(16*dstSize), dst)
	SUBQ(U8(16), n)
	JGE(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()
}

package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// kind is an instruction set together with the precision of the inputs.
type kind int

const (
	avx512F32 kind = iota
	avx512BF16
	avx2F32
)

// name is the suffix of the kernel's Go name.
func (k kind) name() string {
	return [...]string{"AVX512", "BF16", "AVX2"}[k]
}

// lanes is the number of float32 accumulators in a vector register. A lane of
// the bf16 kernels takes a pair of adjacent k, so that a step of the inner loop
// covers two values of k but moves the same number of bytes.
func (k kind) lanes() int {
	if k == avx2F32 {
		return 8
	}
	return 16
}

// vectorBytes is the size of a vector register.
func (k kind) vectorBytes() int { return 4 * k.lanes() }

// reg returns vector register i.
func (k kind) reg(i int) VecPhysical {
	if k == avx2F32 {
		return ymm[i]
	}
	return zmm[i]
}

var zmm = [...]VecPhysical{
	Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15,
	Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31,
}

var ymm = [...]VecPhysical{
	Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11, Y12, Y13, Y14, Y15,
	Y16, Y17, Y18, Y19, Y20, Y21, Y22, Y23, Y24, Y25, Y26, Y27, Y28, Y29, Y30, Y31,
}

var xmm = [...]VecPhysical{
	X0, X1, X2, X3, X4, X5, X6, X7, X8, X9, X10, X11, X12, X13, X14, X15,
	X16, X17, X18, X19, X20, X21, X22, X23, X24, X25, X26, X27, X28, X29, X30, X31,
}

// zero clears vector register i.
func (k kind) zero(i int) {
	if k == avx2F32 {
		VXORPS(ymm[i], ymm[i], ymm[i])
		return
	}
	VPXORD(zmm[i], zmm[i], zmm[i])
}

// madd emits acc += x*y lane by lane: a fused multiply-add, or the dot product
// of two bf16 pairs added to acc.
func (k kind) madd(x, y, acc int) {
	if k == avx512BF16 {
		vdpbf16ps(x, y, acc)
		return
	}
	VFMADD231PS(k.reg(x), k.reg(y), k.reg(acc))
}

// vdpbf16ps emits VDPBF16PS Zx, Zy, Zacc (EVEX.512.F3.0F38.W0 52 /r), which
// neither avo nor the Go assembler knows.
func vdpbf16ps(x, y, acc int) {
	Comment(fmt.Sprintf("VDPBF16PS Z%d, Z%d, Z%d", x, y, acc))
	evex0F38(0b10, 0x52, x, y, acc)
}

// vcvtne2ps2bf16 emits VCVTNE2PS2BF16 Zlow, Zhigh, Zdst (EVEX.512.F2.0F38.W0
// 72 /r): the lower half of dst is low rounded to bf16, the upper half high.
func vcvtne2ps2bf16(low, high, dst int) {
	Comment(fmt.Sprintf("VCVTNE2PS2BF16 Z%d, Z%d, Z%d", low, high, dst))
	evex0F38(0b11, 0x72, low, high, dst)
}

// evex0F38 emits a 512-bit three-register instruction of opcode map 0F38 with
// W = 0, no mask and the given prefix bits (Intel SDM volume 2, section 2.7.1).
func evex0F38(pp, opcode byte, rm, vvvv, dst int) {
	inverted := func(n, bit, to int) byte { return byte((^n>>bit)&1) << to }
	p0 := inverted(dst, 3, 7) | inverted(rm, 4, 6) | inverted(rm, 3, 5) | inverted(dst, 4, 4) | 0b010
	p1 := byte(^vvvv&15)<<3 | 1<<2 | pp
	p2 := byte(0b10)<<5 | inverted(vvvv, 4, 3)
	modRM := byte(0b11)<<6 | byte(dst&7)<<3 | byte(rm&7)
	Instruction(&ir.Instruction{Opcode: "LONG", Operands: []Op{
		U32(0x62 | uint32(p0)<<8 | uint32(p1)<<16 | uint32(p2)<<24),
	}})
	Instruction(&ir.Instruction{Opcode: "WORD", Operands: []Op{
		U16(uint16(opcode) | uint16(modRM)<<8),
	}})
}

// label names a jump target by what it is for and a number.
func label(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// slidingMask returns a table of 16 words of ones followed by 16 of zeros: the
// AVX2 mask of the first n lanes starts at word 16-n.
func slidingMask() Mem {
	if !maskDefined {
		maskDefined = true
		maskTable = GLOBL("laneMask", 8|16) // RODATA|NOPTR
		for i := range 32 {
			v := uint32(0xffffffff)
			if i >= 16 {
				v = 0
			}
			DATA(4*i, U32(v))
		}
	}
	return maskTable
}

var (
	maskDefined bool
	maskTable   Mem
)

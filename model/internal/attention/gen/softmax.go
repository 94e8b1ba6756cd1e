package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Bytes from the start of a stats block to each of its arrays; see stats in
// the package.
const (
	statsMax    = 0
	statsSum    = 64
	statsNewMax = 128
	statsPart   = 192
	statsFactor = 256
)

// Registers that softmax and gradient share.
var (
	sRows  = RDI
	sLimit = RSI // keys in the tile
	sSeen  = RDX // keys that the current row sees, before it is clamped to 0..limit
	sAt    = RCX // byte in the row
	sFull  = RAX // bytes of whole visible vectors
	sRem   = R11 // visible lanes of the vector after these
	sEnd   = R12 // bytes of the row in whole panels
	sTmp   = R13
)

// rowLimits sets sFull, sRem and the mask for the current row.
func (k isa) rowLimits() {
	MOVQ(sSeen, sFull)
	CMPQ(sFull, sLimit)
	CMOVQGT(sLimit, sFull)
	XORQ(sTmp, sTmp)
	TESTQ(sFull, sFull)
	CMOVQLT(sTmp, sFull)
	MOVQ(sFull, sRem)
	ANDQ(U8(k.lanes()-1), sRem)
	SUBQ(sRem, sFull)
	SHLQ(U8(2), sFull)
	MOVQ(sRem, sAt)
	k.setMask(sAt, sTmp)
}

// rowEnd sets sEnd from sLimit.
func rowEnd() {
	LEAQ(Mem{Base: sLimit, Disp: panel - 1}, sEnd)
	ANDQ(I8(-panel), sEnd)
	SHLQ(U8(2), sEnd)
}

// softmax emits the online softmax of a tile of scores, in base 2: row i of s
// sees its first seen+i columns (of limit); these become 2^(s−max), the others
// 0 up to a whole panel, and max, sum and factor of the stats are brought up to
// date.
func softmax(k isa) {
	k.begin("softmax", "func(rows, limit, seen int, s *float32, row uintptr, stats *float32)", "takes a tile of scores to weights; see softmax in gen.")
	s, row, stats := RBX, R8, R9
	at := func(disp int) Mem { return Mem{Base: s, Index: sAt, Scale: 1, Disp: disp} }
	Load(Param("rows"), sRows)
	Load(Param("limit"), sLimit)
	Load(Param("seen"), sSeen)
	Load(Param("s"), s)
	Load(Param("row"), row)
	Load(Param("stats"), stats)
	rowEnd()
	k.loadConstants()
	const (
		top     = 0 // the row's maximum
		sum     = 1
		x       = 2
		t, p, l = 3, 4, 5
		nothing = 6
	)
	k.zero(nothing)

	Label("row")
	k.rowLimits()
	VBROADCASTSS(Mem{Base: stats, Disp: statsMax}, k.v(top))
	for i := 1; i < 4; i++ {
		k.copy(top, i)
	}
	XORQ(sAt, sAt)
	LEAQ(Mem{Base: sFull, Disp: -4 * k.bytes()}, sTmp)
	JMP(LabelRef("fourTest"))
	Label("four")
	for i := range 4 {
		VMAXPS(at(i*k.bytes()), k.v(i), k.v(i))
	}
	ADDQ(U32(4*k.bytes()), sAt)
	Label("fourTest")
	CMPQ(sAt, sTmp)
	JLE(LabelRef("four"))
	JMP(LabelRef("oneTest"))
	Label("one")
	VMAXPS(at(0), k.v(0), k.v(0))
	ADDQ(U8(k.bytes()), sAt)
	Label("oneTest")
	CMPQ(sAt, sFull)
	JLT(LabelRef("one"))
	TESTQ(sRem, sRem)
	JZ(LabelRef("top"))
	if k == avx512 {
		VMAXPS(at(0), k.v(1), K1, k.v(1))
	} else {
		VMOVUPS(at(0), k.v(x+2))
		VBLENDVPS(k.v(mask), k.v(x+2), k.v(1), k.v(x+2))
		VMAXPS(k.v(x+2), k.v(1), k.v(1))
	}
	Label("top")
	VMAXPS(k.v(1), k.v(0), k.v(0))
	VMAXPS(k.v(3), k.v(2), k.v(2))
	VMAXPS(k.v(2), k.v(0), k.v(0))
	k.fold(top, t, VMAXPS)
	VMOVSS(xmm[top], Mem{Base: stats, Disp: statsNewMax})

	k.zero(sum)
	XORQ(sAt, sAt)
	JMP(LabelRef("expTest"))
	Label("exp")
	VMOVUPS(at(0), k.v(x))
	VSUBPS(k.v(top), k.v(x), k.v(x))
	k.exp2(x, t, p, l)
	VMOVUPS(k.v(x), at(0))
	VADDPS(k.v(x), k.v(sum), k.v(sum))
	ADDQ(U8(k.bytes()), sAt)
	Label("expTest")
	CMPQ(sAt, sFull)
	JLT(LabelRef("exp"))
	TESTQ(sRem, sRem)
	JZ(LabelRef("clear"))
	k.loadMasked(at(0), x)
	VSUBPS(k.v(top), k.v(x), k.v(x))
	k.exp2(x, t, p, l)
	k.keepMasked(x)
	VMOVUPS(k.v(x), at(0))
	VADDPS(k.v(x), k.v(sum), k.v(sum))
	ADDQ(U8(k.bytes()), sAt)
	JMP(LabelRef("clear"))
	Label("zeros")
	VMOVUPS(k.v(nothing), at(0))
	ADDQ(U8(k.bytes()), sAt)
	Label("clear")
	CMPQ(sAt, sEnd)
	JLT(LabelRef("zeros"))
	k.fold(sum, t, VADDPS)
	VMOVSS(xmm[sum], Mem{Base: stats, Disp: statsPart})
	ADDQ(U8(4), stats)
	ADDQ(row, s)
	INCQ(sSeen)
	DECQ(sRows)
	JNZ(LabelRef("row"))

	// All rows at once: what came before is scaled to the new maximum.
	Load(Param("stats"), stats)
	VMOVUPS(Mem{Base: stats, Disp: statsNewMax}, k.v(top))
	VMOVUPS(Mem{Base: stats, Disp: statsMax}, k.v(x))
	VSUBPS(k.v(top), k.v(x), k.v(x))
	k.exp2(x, t, p, l)
	VMOVUPS(k.v(x), Mem{Base: stats, Disp: statsFactor})
	VMOVUPS(k.v(top), Mem{Base: stats, Disp: statsMax})
	VMOVUPS(Mem{Base: stats, Disp: statsPart}, k.v(sum))
	VFMADD231PS(Mem{Base: stats, Disp: statsSum}, k.v(x), k.v(sum))
	VMOVUPS(k.v(sum), Mem{Base: stats, Disp: statsSum})
	end()
}

// finish emits what follows the last tile: max becomes max + log₂ sum, and
// factor 1/sum. log₂ is by s = (m−1)/(m+1), |s| < 0.172, and five terms of the
// series of the inverse hyperbolic tangent.
func finish(k isa) {
	k.begin("finish", "func(stats *float32)", "sets max to max + log2(sum) and factor to 1/sum.")
	stats := R9
	v := k.v
	Load(Param("stats"), stats)
	// AVX-512 registers of exp2 are free here.
	konst := func(c constant, to int) {
		VBROADCASTSS(c.mem(), v(to))
	}
	VMOVUPS(Mem{Base: stats, Disp: statsSum}, v(0))
	konst(expOne, 1)
	VDIVPS(v(0), v(1), v(2))
	VMOVUPS(v(2), Mem{Base: stats, Disp: statsFactor})
	konst(logHalf, 3)
	VPSUBD(v(3), v(0), v(4))
	VPSRAD(U8(23), v(4), v(5)) // exponent
	konst(logMant, 6)
	if k == avx512 {
		VPANDD(v(6), v(4), v(4))
	} else {
		VPAND(v(6), v(4), v(4))
	}
	VPADDD(v(3), v(4), v(4)) // mantissa in √½..√2
	VCVTDQ2PS(v(5), v(5))
	VSUBPS(v(1), v(4), v(6))
	VADDPS(v(1), v(4), v(4))
	VDIVPS(v(4), v(6), v(6)) // s
	VMULPS(v(6), v(6), v(4))
	konst(logTerm4, 7)
	for c := logTerm3; c >= logTerm0; c-- {
		konst(c, 8)
		VFMADD213PS(v(8), v(4), v(7))
	}
	VFMADD213PS(v(5), v(6), v(7))
	VSUBPS(v(0), v(0), v(0)) // NaN where the sum is NaN or infinite
	VADDPS(v(0), v(7), v(7))
	VADDPS(Mem{Base: stats, Disp: statsMax}, v(7), v(7))
	VMOVUPS(v(7), Mem{Base: stats, Disp: statsMax})
	end()
}

// gradient emits the backward pass's step on a tile: row i of p sees its first
// seen+i columns (of limit); there p becomes 2^(p−lse[i]) and dp
// p·(dp−delta[i]), elsewhere both become 0 up to a whole panel.
func gradient(k isa) {
	k.begin("gradient", "func(rows, limit, seen int, p, dp *float32, row uintptr, lse, delta *float32)", "takes scores to weights and the weights' gradients to those of the scores; see gradient in gen.")
	ps, dps, row, lse, delta := RBX, R15, R8, R9, R10
	inP := Mem{Base: ps, Index: sAt, Scale: 1}
	inDP := Mem{Base: dps, Index: sAt, Scale: 1}
	Load(Param("rows"), sRows)
	Load(Param("limit"), sLimit)
	Load(Param("seen"), sSeen)
	Load(Param("p"), ps)
	Load(Param("dp"), dps)
	Load(Param("row"), row)
	Load(Param("lse"), lse)
	Load(Param("delta"), delta)
	rowEnd()
	k.loadConstants()
	const (
		top, d  = 0, 1
		x       = 2
		t, p, l = 3, 4, 5
		nothing = 6
		y       = 7
	)
	k.zero(nothing)

	Label("row")
	k.rowLimits()
	VBROADCASTSS(Mem{Base: lse}, k.v(top))
	VBROADCASTSS(Mem{Base: delta}, k.v(d))
	XORQ(sAt, sAt)
	JMP(LabelRef("test"))
	Label("vector")
	VMOVUPS(inP, k.v(x))
	VSUBPS(k.v(top), k.v(x), k.v(x))
	k.exp2(x, t, p, l)
	VMOVUPS(k.v(x), inP)
	VMOVUPS(inDP, k.v(y))
	VSUBPS(k.v(d), k.v(y), k.v(y))
	VMULPS(k.v(x), k.v(y), k.v(y))
	VMOVUPS(k.v(y), inDP)
	ADDQ(U8(k.bytes()), sAt)
	Label("test")
	CMPQ(sAt, sFull)
	JLT(LabelRef("vector"))
	TESTQ(sRem, sRem)
	JZ(LabelRef("clear"))
	k.loadMasked(inP, x)
	VSUBPS(k.v(top), k.v(x), k.v(x))
	k.exp2(x, t, p, l)
	k.keepMasked(x)
	VMOVUPS(k.v(x), inP)
	k.loadMasked(inDP, y)
	VSUBPS(k.v(d), k.v(y), k.v(y))
	VMULPS(k.v(x), k.v(y), k.v(y))
	k.keepMasked(y)
	VMOVUPS(k.v(y), inDP)
	ADDQ(U8(k.bytes()), sAt)
	JMP(LabelRef("clear"))
	Label("zeros")
	VMOVUPS(k.v(nothing), inP)
	VMOVUPS(k.v(nothing), inDP)
	ADDQ(U8(k.bytes()), sAt)
	Label("clear")
	CMPQ(sAt, sEnd)
	JLT(LabelRef("zeros"))
	ADDQ(U8(4), lse)
	ADDQ(U8(4), delta)
	ADDQ(row, ps)
	ADDQ(row, dps)
	INCQ(sSeen)
	DECQ(sRows)
	JNZ(LabelRef("row"))
	end()
}

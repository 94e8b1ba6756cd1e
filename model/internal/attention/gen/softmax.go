package main

import (
	"math"

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
	sSeen  = RDX // keys that the current row sees, before it is clamped to the limit
	sAt    = RCX // byte in the row
	sFull  = RAX // bytes of the vectors that all rows see whole
	sEnd   = R12 // bytes of the row in whole panels
	sTmp   = R13
)

// The columns of a tile are three parts, the same for all rows so that every loop
// has the same length: vectors that all rows see whole, vectors on the diagonal,
// and, beyond sEnd, nothing. tileParts sets sFull and sEnd.
func (k isa) tileParts() {
	MOVQ(sSeen, sFull) // row 0 sees the least
	CMPQ(sFull, sLimit)
	CMOVQGT(sLimit, sFull)
	XORQ(sTmp, sTmp)
	TESTQ(sFull, sFull)
	CMOVQLT(sTmp, sFull)
	ANDQ(I8(-k.lanes()), sFull)
	SHLQ(U8(2), sFull)
	LEAQ(Mem{Base: sLimit, Disp: panel - 1}, sEnd)
	ANDQ(I8(-panel), sEnd)
	SHLQ(U8(2), sEnd)
}

// laneNumbers is where the numbers of the lanes are kept.
const laneNumbers = 6

// diagonalMask makes the mask of the lanes of the vector at sAt that the row
// sees. x is a scratch register below 16.
func (k isa) diagonalMask(x int) {
	MOVQ(sSeen, sTmp)
	CMPQ(sTmp, sLimit)
	CMOVQGT(sLimit, sTmp)
	SHLQ(U8(2), sTmp)
	SUBQ(sAt, sTmp)
	SARQ(U8(2), sTmp)
	if k == avx512 {
		VPBROADCASTD(sTmp.As32(), k.v(x))
		VPCMPGTD(k.v(laneNumbers), k.v(x), K1)
		return
	}
	VMOVD(sTmp.As32(), xmm[x])
	VPBROADCASTD(xmm[x], k.v(x))
	VPCMPGTD(k.v(laneNumbers), k.v(x), k.v(mask))
}

func (k isa) loadLaneNumbers() {
	words := make([]uint32, panel)
	for i := range words {
		words[i] = uint32(i)
	}
	VMOVUPS(table("laneNumbers", words), k.v(laneNumbers))
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
	k.tileParts()
	k.loadConstants()
	k.loadLaneNumbers()
	const (
		top     = 0 // the row's maximum
		sum     = 1
		x       = 2
		t, p, l = 3, 4, 5
		hidden  = 7 // −∞
	)
	MOVL(U32(bits(math.Inf(-1))), sTmp.As32())
	VMOVD(sTmp.As32(), xmm[hidden])
	VBROADCASTSS(xmm[hidden], k.v(hidden))

	Label("row")
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
	JMP(LabelRef("diagonalTest"))
	Label("diagonal") // what the row does not see becomes −∞
	k.diagonalMask(4)
	if k == avx512 {
		VMOVAPS(k.v(hidden), k.v(4))
		VMOVUPS(at(0), K1, k.v(4))
	} else {
		VMOVUPS(at(0), k.v(4))
		VBLENDVPS(k.v(mask), k.v(4), k.v(hidden), k.v(4))
	}
	VMOVUPS(k.v(4), at(0))
	VMAXPS(k.v(4), k.v(1), k.v(1))
	ADDQ(U8(k.bytes()), sAt)
	Label("diagonalTest")
	CMPQ(sAt, sEnd)
	JLT(LabelRef("diagonal"))
	VMAXPS(k.v(1), k.v(0), k.v(0))
	VMAXPS(k.v(3), k.v(2), k.v(2))
	VMAXPS(k.v(2), k.v(0), k.v(0))
	k.fold(top, t, VMAXPS)
	VMOVSS(xmm[top], Mem{Base: stats, Disp: statsNewMax})

	k.zero(sum)
	XORQ(sAt, sAt)
	Label("exp")
	VMOVUPS(at(0), k.v(x))
	VSUBPS(k.v(top), k.v(x), k.v(x))
	k.exp2(x, t, p, l)
	VMOVUPS(k.v(x), at(0))
	VADDPS(k.v(x), k.v(sum), k.v(sum))
	ADDQ(U8(k.bytes()), sAt)
	CMPQ(sAt, sEnd)
	JLT(LabelRef("exp"))
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
	k.tileParts()
	k.loadConstants()
	k.loadLaneNumbers()
	const (
		top, d  = 0, 1
		x       = 2
		t, p, l = 3, 4, 5
		y       = 7
	)
	step := func() {
		VMOVUPS(inP, k.v(x))
		VSUBPS(k.v(top), k.v(x), k.v(x))
		k.exp2(x, t, p, l)
		VMOVUPS(inDP, k.v(y))
		VSUBPS(k.v(d), k.v(y), k.v(y))
		VMULPS(k.v(x), k.v(y), k.v(y))
	}
	store := func() {
		VMOVUPS(k.v(x), inP)
		VMOVUPS(k.v(y), inDP)
		ADDQ(U8(k.bytes()), sAt)
	}

	Label("row")
	VBROADCASTSS(Mem{Base: lse}, k.v(top))
	VBROADCASTSS(Mem{Base: delta}, k.v(d))
	XORQ(sAt, sAt)
	JMP(LabelRef("test"))
	Label("vector")
	step()
	store()
	Label("test")
	CMPQ(sAt, sFull)
	JLT(LabelRef("vector"))
	JMP(LabelRef("diagonalTest"))
	Label("diagonal")
	k.diagonalMask(x)
	step()
	k.keepMasked(x)
	k.keepMasked(y)
	store()
	Label("diagonalTest")
	CMPQ(sAt, sEnd)
	JLT(LabelRef("diagonal"))
	ADDQ(U8(4), lse)
	ADDQ(U8(4), delta)
	ADDQ(row, ps)
	ADDQ(row, dps)
	INCQ(sSeen)
	DECQ(sRows)
	JNZ(LabelRef("row"))
	end()
}

package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The kernels of the bf16 caches (cachebf16.go in package attention).

// and keeps the bits of register mask in register i.
func (k isa) and(mask, i int) {
	if k == avx2 {
		VPAND(ymm[mask], ymm[i], ymm[i])
		return
	}
	VPANDD(zmm[mask], zmm[i], zmm[i])
}

// splat sets all lanes of register i (below 16) to a word.
func (k isa) splat(word uint32, i int) {
	MOVL(U32(word), EAX)
	VMOVD(EAX, xmm[i])
	VPBROADCASTD(xmm[i], k.v(i))
}

func cacheKernels() {
	for _, k := range []isa{avx512, avx2} {
		scores(k)
		sum(k)
		widenPairs(k)
		widen(k)
	}
	narrowAVX512BF16()
	narrowAVX2()
}

// scores emits, for panels of 16 keys in pairs of components,
//
//	s[16p+x] = Σ q[2c]·key[p][c][x].low + Σ q[2c+1]·key[p][c][x].high
//
// each sum a chain of fused multiply-adds.
func scores(k isa) {
	k.begin("scores", "func(panels, pairs int, q *float32, keys *uint16, s *float32)", "multiplies a query by panels of keys; see scores in gen.")
	panels, c, q, keys, s := RDI, RCX, RSI, RBX, R8
	pairs, at, stride, stride3, qAt := R9, RDX, R10, R11, R12
	Load(Param("panels"), panels)
	Load(Param("pairs"), pairs)
	Load(Param("q"), q)
	Load(Param("keys"), keys)
	Load(Param("s"), s)
	MOVQ(pairs, stride)
	SHLQ(U8(6), stride)
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	const (
		even, odd, word, low, mask = 8, 9, 10, 11, 12
	)
	k.splat(0xffff0000, mask)
	each := panel / k.lanes() // vectors in a panel
	block := func(name string, vectors int) {
		for i := range vectors {
			k.zero(i)
			k.zero(4 + i)
		}
		MOVQ(keys, at)
		MOVQ(q, qAt)
		MOVQ(pairs, c)
		Label(name)
		VBROADCASTSS(Mem{Base: qAt}, k.v(even))
		VBROADCASTSS(Mem{Base: qAt, Disp: 4}, k.v(odd))
		for i := range vectors {
			m := Mem{Base: at, Disp: i % each * k.bytes()}
			switch p := i / each; p {
			case 0:
			case 3:
				m.Index, m.Scale = stride3, 1
			default:
				m.Index, m.Scale = stride, uint8(p)
			}
			VMOVUPS(m, k.v(word))
			VPSLLD(U8(16), k.v(word), k.v(low))
			k.and(mask, word)
			VFMADD231PS(k.v(even), k.v(low), k.v(i))
			VFMADD231PS(k.v(odd), k.v(word), k.v(4+i))
		}
		ADDQ(U8(64), at)
		ADDQ(U8(8), qAt)
		DECQ(c)
		JNZ(LabelRef(name))
		for i := range vectors {
			VADDPS(k.v(4+i), k.v(i), k.v(i))
			VMOVUPS(k.v(i), Mem{Base: s, Disp: i * k.bytes()})
		}
		ADDQ(U32(vectors*k.bytes()), s)
	}
	wide := 4 / each
	Label("many")
	CMPQ(panels, U8(wide))
	JL(LabelRef("few"))
	block("manyPairs", 4)
	LEAQ(Mem{Base: keys, Index: stride, Scale: uint8(wide)}, keys)
	SUBQ(U8(wide), panels)
	JMP(LabelRef("many"))
	Label("few")
	TESTQ(panels, panels)
	JZ(LabelRef("done"))
	block("onePairs", each)
	ADDQ(stride, keys)
	DECQ(panels)
	JMP(LabelRef("few"))
	Label("done")
	end()
}

// sum emits sumStrands of rows in bf16, which follow each other.
func sum(k isa) {
	k.begin("sum", "func(n, panels int, weights *float32, rows *uint16, dst *float32)", "adds up rows of panels, each times its weight; see sum in gen.")
	temp := 0
	k.sumStrands(2, func(panels, row GPPhysical) {
		MOVQ(panels, row)
		SHLQ(U8(5), row)
	}, func(from Mem, weight, sum VecPhysical) {
		t := k.v(12 + temp%4)
		temp++
		VPMOVZXWD(from, t)
		VPSLLD(U8(16), t, t)
		VFMADD231PS(t, weight, sum)
	})
	end()
}

// widenPairs emits, for n times sixteen pairs, the low halves of the pairs and then the
// high ones, as float32.
func widenPairs(k isa) {
	k.begin("widenPairs", "func(n int, src *uint16, dst *float32)", "sets dst to n times the 16 low and the 16 high halves of pairs in bf16.")
	n, src, dst := RCX, RSI, RDI
	Load(Param("n"), n)
	Load(Param("src"), src)
	Load(Param("dst"), dst)
	k.splat(0xffff0000, 2)
	Label("loop")
	for i := range panel / k.lanes() {
		VMOVUPS(Mem{Base: src, Disp: i * k.bytes()}, k.v(0))
		VPSLLD(U8(16), k.v(0), k.v(1))
		k.and(2, 0)
		VMOVUPS(k.v(1), Mem{Base: dst, Disp: i * k.bytes()})
		VMOVUPS(k.v(0), Mem{Base: dst, Disp: 64 + i*k.bytes()})
	}
	ADDQ(U8(64), src)
	SUBQ(I32(-128), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	end()
}

// widen emits the conversion of n times sixteen numbers.
func widen(k isa) {
	k.begin("widen", "func(n int, src *uint16, dst *float32)", "sets dst to n times 16 numbers in bf16.")
	n, src, dst := RCX, RSI, RDI
	Load(Param("n"), n)
	Load(Param("src"), src)
	Load(Param("dst"), dst)
	Label("loop")
	for i := range panel / k.lanes() {
		VPMOVZXWD(Mem{Base: src, Disp: i * k.bytes() / 2}, k.v(i))
		VPSLLD(U8(16), k.v(i), k.v(i))
		VMOVUPS(k.v(i), Mem{Base: dst, Disp: i * k.bytes()})
	}
	ADDQ(U8(32), src)
	ADDQ(U8(64), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	end()
}

// narrowAVX512BF16 emits the rounding of n times sixteen numbers by VCVTNEPS2BF16,
// which avo does not know (EVEX.512.F3.0F38.W0 72 /r; here Z0 to Y0).
func narrowAVX512BF16() {
	begin("narrowAVX512BF16", "func(n int, src *float32, dst *uint16)", "rounds n times 16 numbers to bf16.")
	n, src, dst := RCX, RSI, RDI
	Load(Param("n"), n)
	Load(Param("src"), src)
	Load(Param("dst"), dst)
	Label("loop")
	VMOVUPS(Mem{Base: src}, Z0)
	Comment("VCVTNEPS2BF16 Z0, Y0")
	Instruction(&ir.Instruction{Opcode: "LONG", Operands: []Op{U32(0x487ef262)}})
	Instruction(&ir.Instruction{Opcode: "WORD", Operands: []Op{U16(0xc072)}})
	VMOVUPS(Y0, Mem{Base: dst})
	ADDQ(U8(64), src)
	ADDQ(U8(32), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	end()
}

// narrowAVX2 emits the same with integers, to the same bits: subnormals become zero,
// NaN stays NaN.
func narrowAVX2() {
	k := avx2
	k.begin("narrow", "func(n int, src *float32, dst *uint16)", "rounds n times 16 numbers to bf16.")
	n, src, dst := RCX, RSI, RDI
	const (
		bias, one, quiet, exponent, sign, none = 8, 9, 10, 11, 12, 13
		x, high, t, m                          = 2, 3, 4, 5
	)
	k.splat(0x7fff, bias)
	k.splat(1, one)
	k.splat(0x40, quiet)
	k.splat(0x7f800000, exponent)
	k.splat(0x8000, sign)
	k.zero(none)
	Load(Param("n"), n)
	Load(Param("src"), src)
	Load(Param("dst"), dst)
	Label("loop")
	for i := range 2 {
		r := k.v(i)
		VMOVUPS(Mem{Base: src, Disp: 32 * i}, k.v(x))
		VPSRLD(U8(16), k.v(x), k.v(high))
		VPAND(k.v(one), k.v(high), k.v(t))
		VPADDD(k.v(bias), k.v(t), k.v(t))
		VPADDD(k.v(x), k.v(t), k.v(t))
		VPSRLD(U8(16), k.v(t), r)
		const unordered = 3
		VCMPPS(U8(unordered), k.v(x), k.v(x), k.v(m))
		VPOR(k.v(quiet), k.v(high), k.v(t))
		VBLENDVPS(k.v(m), k.v(t), r, r)
		VPAND(k.v(exponent), k.v(x), k.v(t))
		VPCMPEQD(k.v(none), k.v(t), k.v(m))
		VPAND(k.v(sign), k.v(high), k.v(t))
		VBLENDVPS(k.v(m), k.v(t), r, r)
	}
	VPACKUSDW(k.v(1), k.v(0), k.v(0))
	VPERMQ(U8(0xd8), k.v(0), k.v(0))
	VMOVUPS(k.v(0), Mem{Base: dst})
	ADDQ(U8(64), src)
	ADDQ(U8(32), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	end()
}

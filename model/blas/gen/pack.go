package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const packSignature = "func(k int, src *float32, ld uintptr, dst *float32, dstStep uintptr, n int)"

// packCopy emits the packing of a matrix whose rows run along the panel: for each
// l in [0,k) it copies n values at src + l*ld to dst + l*dstStep and clears the
// rest of v vectors. The bf16 kernel rounds two rows at a time and interleaves
// them into pairs; an odd last row is paired with zeros, and dstStep is the
// distance between pairs.
func packCopy(k kind, v int) {
	TEXT(fmt.Sprintf("packCopy%s_%d", k.name(), v*k.lanes()), NOSPLIT, packSignature)
	Pragma("noescape")
	Doc(fmt.Sprintf("packCopy%s_%d packs k rows of n <= %d values; see packCopy in gen.", k.name(), v*k.lanes(), v*k.lanes()))
	count, src, ld, dst, step, n := RCX, RSI, RDX, RDI, R8, R9
	Load(Param("k"), count)
	Load(Param("src"), src)
	Load(Param("ld"), ld)
	Load(Param("dst"), dst)
	Load(Param("dstStep"), step)
	Load(Param("n"), n)
	bytes := k.vectorBytes()
	mask := []OpmaskPhysical{K1, K2}

	if k == avx2F32 {
		LEAQ(slidingMask(), RAX)
		NEGQ(n)
		for j := range v {
			VMOVUPS(Mem{Base: RAX, Index: n, Scale: 4, Disp: 64 + 32*j}, ymm[8+j])
		}
		Label("loop")
		for j := range v {
			VMASKMOVPS(Mem{Base: src, Disp: j * bytes}, ymm[8+j], ymm[j])
			VMOVUPS(ymm[j], Mem{Base: dst, Disp: j * bytes})
		}
		ADDQ(ld, src)
		ADDQ(step, dst)
		DECQ(count)
		JNZ(LabelRef("loop"))
		VZEROUPPER()
		RET()
		return
	}

	MOVL(U32(0xffffffff), EAX)
	BZHIL(R9L, EAX, EAX)
	KMOVW(EAX, K1)
	SHRL(U8(16), EAX)
	KMOVW(EAX, K2)
	if k == avx512F32 {
		Label("loop")
		for j := range v {
			VMOVUPS_Z(Mem{Base: src, Disp: j * bytes}, mask[j], zmm[j])
			VMOVUPS(zmm[j], Mem{Base: dst, Disp: j * bytes})
		}
		PREFETCHT0(Mem{Base: src, Index: ld, Scale: 8})
		if v == 2 {
			PREFETCHT0(Mem{Base: src, Index: ld, Scale: 8, Disp: bytes})
		}
		ADDQ(ld, src)
		ADDQ(step, dst)
		DECQ(count)
		JNZ(LabelRef("loop"))
		VZEROUPPER()
		RET()
		return
	}

	VMOVDQU16(interleave(), zmm[31])
	pair := func(odd bool) {
		for j := range v {
			VMOVUPS_Z(Mem{Base: src, Disp: j * bytes}, mask[j], zmm[2*j])
			if odd {
				VPXORD(zmm[2*j+1], zmm[2*j+1], zmm[2*j+1])
			} else {
				VMOVUPS_Z(Mem{Base: src, Index: ld, Scale: 1, Disp: j * bytes}, mask[j], zmm[2*j+1])
			}
			vcvtne2ps2bf16(2*j, 2*j+1, 2*j)
			VPERMW(zmm[2*j], zmm[31], zmm[2*j])
			VMOVUPS(zmm[2*j], Mem{Base: dst, Disp: j * bytes})
		}
	}
	SUBQ(U8(2), count)
	JLT(LabelRef("odd"))
	Label("loop")
	pair(false)
	PREFETCHT0(Mem{Base: src, Index: ld, Scale: 8})
	LEAQ(Mem{Base: src, Index: ld, Scale: 2}, src)
	PREFETCHT0(Mem{Base: src, Index: ld, Scale: 8})
	ADDQ(step, dst)
	SUBQ(U8(2), count)
	JGE(LabelRef("loop"))
	Label("odd")
	ADDQ(U8(2), count)
	JZ(LabelRef("done"))
	pair(true)
	Label("done")
	VZEROUPPER()
	RET()
}

// interleave is the VPERMW index that turns a register of 16 low and 16 high
// halves into 16 pairs.
func interleave() Mem {
	if !interleaveDefined {
		interleaveDefined = true
		interleaveTable = GLOBL("interleaveHalves", 8|16)
		for i := range 16 {
			DATA(4*i, U32(uint32(i)|uint32(i+16)<<16))
		}
	}
	return interleaveTable
}

var (
	interleaveDefined bool
	interleaveTable   Mem
)

// packTranspose512 emits the packing of a matrix whose rows run across the panel:
// value l of row i, at src + i*ld + 4*l, goes to dst + l*dstStep + 4*i. There are
// n <= rows rows; the lanes after them, up to 16, are cleared. The bf16 kernel
// rounds pairs of adjacent values, an odd last one with a zero, and dstStep is
// the distance between pairs.
//
// With tiles set, another tile is skipped after every 16 steps: the panel has two side by
// side.
//
// It transposes 16 by 16 words at a time: two rounds of unpacks inside 128-bit
// lanes, two rounds of lane shuffles.
func packTranspose512(k kind, rows int, tiles bool) {
	name := fmt.Sprintf("packTranspose%s_%d", k.name(), rows)
	if tiles {
		name = fmt.Sprintf("packTransposeTiles_%d", rows)
	}
	TEXT(name, NOSPLIT, packSignature)
	Pragma("noescape")
	Doc(fmt.Sprintf("%s packs n <= %d rows of k values; see packTranspose512 in gen.", name, rows))
	count, ld, dst, step, n := RCX, RDX, RDI, R8, R9
	src, src7, src14, ld3, ld5, last := RSI, RAX, RBX, R10, R11, R12
	Load(Param("k"), count)
	Load(Param("src"), src)
	Load(Param("ld"), ld)
	Load(Param("dst"), dst)
	Load(Param("dstStep"), step)
	Load(Param("n"), n)
	LEAQ(Mem{Base: ld, Index: ld, Scale: 2}, ld3)
	LEAQ(Mem{Base: ld, Index: ld, Scale: 4}, ld5)
	chunk := 16 // values of a row in one transposition
	if k == avx512BF16 {
		chunk = 32
	}
	MOVL(U32(0xffffffff), EAX)
	KMOVW(EAX, K1)
	KMOVW(EAX, K2)
	MOVQ(U32(16), last) // steps to store

	Label("loop")
	CMPQ(count, U8(chunk))
	JGE(LabelRef("load"))
	TESTQ(count, count)
	JZ(LabelRef("done"))
	// The last, short chunk: loads are masked, and only the steps there are stored.
	MOVL(U32(0xffffffff), EAX)
	BZHIL(ECX, EAX, EAX)
	KMOVW(EAX, K1)
	SHRL(U8(16), EAX)
	KMOVW(EAX, K2)
	MOVQ(count, last)
	if k == avx512BF16 {
		INCQ(last)
		SHRQ(U8(1), last)
	}
	MOVQ(U32(uint32(chunk)), count)

	Label("load")
	load := func(at Mem, i int) {
		VMOVUPS_Z(at, K1, zmm[i])
		if k == avx512BF16 {
			at.Disp += 64
			VMOVUPS_Z(at, K2, zmm[16+i])
			vcvtne2ps2bf16(i, 16+i, i)
		}
	}
	CMPQ(n, U8(rows))
	JLT(LabelRef("fewrows"))
	LEAQ(Mem{Base: ld3, Index: ld, Scale: 4}, src7)
	LEAQ(Mem{Base: src, Index: src7, Scale: 2}, src14)
	ADDQ(src, src7)
	for i := range 16 {
		if i >= rows {
			VPXORD(zmm[i], zmm[i], zmm[i])
			continue
		}
		base, r := src, i
		switch {
		case i >= 14:
			base, r = src14, i-14
		case i >= 7:
			base, r = src7, i-7
		}
		switch r {
		case 0:
			load(Mem{Base: base}, i)
		case 1, 2, 4:
			load(Mem{Base: base, Index: ld, Scale: uint8(r)}, i)
		case 3, 6:
			load(Mem{Base: base, Index: ld3, Scale: uint8(r / 3)}, i)
		case 5:
			load(Mem{Base: base, Index: ld5, Scale: 1}, i)
		}
	}

	Label("transpose")
	a := transpose16()
	CMPQ(last, U8(16))
	JNE(LabelRef("fewsteps"))
	for i := range 16 {
		VMOVUPS(a[i], Mem{Base: dst})
		ADDQ(step, dst)
	}
	if tiles {
		ADDQ(U32(tileBytes), dst)
	}
	ADDQ(U32(uint32(4*chunk)), src)
	SUBQ(U8(chunk), count)
	JNZ(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()

	Label("fewsteps")
	for i := range 16 {
		VMOVUPS(a[i], Mem{Base: dst})
		ADDQ(step, dst)
		DECQ(last)
		JZ(LabelRef("done"))
	}
	JMP(LabelRef("done"))

	Label("fewrows")
	for i := range 16 {
		VPXORD(zmm[i], zmm[i], zmm[i])
	}
	MOVQ(src, src7)
	for i := range rows - 1 {
		load(Mem{Base: src7}, i)
		CMPQ(n, U8(i+1))
		JEQ(LabelRef("transpose"))
		ADDQ(ld, src7)
	}
	JMP(LabelRef("transpose"))
}

// transpose16 emits the transposition of 16 registers of 16 words, 0 to 15, through
// the others, and returns the rows of the result.
func transpose16() []VecPhysical {
	a := func(i int) VecPhysical { return zmm[i] }
	b := func(i int) VecPhysical { return zmm[16+i] }
	for i := 0; i < 16; i += 2 {
		VUNPCKLPS(a(i+1), a(i), b(i))
		VUNPCKHPS(a(i+1), a(i), b(i+1))
	}
	for g := 0; g < 16; g += 4 {
		VUNPCKLPD(b(g+2), b(g), a(g))
		VUNPCKHPD(b(g+2), b(g), a(g+1))
		VUNPCKLPD(b(g+3), b(g+1), a(g+2))
		VUNPCKHPD(b(g+3), b(g+1), a(g+3))
	}
	// a(4g+j), lane l: step 4l+j of rows 4g..4g+3.
	for j := range 4 {
		VSHUFF32X4(U8(0x88), a(4+j), a(j), b(j))
		VSHUFF32X4(U8(0xdd), a(4+j), a(j), b(4+j))
		VSHUFF32X4(U8(0x88), a(12+j), a(8+j), b(8+j))
		VSHUFF32X4(U8(0xdd), a(12+j), a(8+j), b(12+j))
	}
	for j := range 4 {
		VSHUFF32X4(U8(0x88), b(8+j), b(j), a(j))
		VSHUFF32X4(U8(0xdd), b(8+j), b(j), a(8+j))
		VSHUFF32X4(U8(0x88), b(12+j), b(4+j), a(4+j))
		VSHUFF32X4(U8(0xdd), b(12+j), b(4+j), a(12+j))
	}
	rows := make([]VecPhysical, 16)
	for i := range rows {
		rows[i] = a(i)
	}
	return rows
}

// packTranspose256 is packTranspose512 for AVX2: 8 by 8 words at a time.
func packTranspose256(rows int) {
	TEXT(fmt.Sprintf("packTransposeAVX2_%d", rows), NOSPLIT, packSignature)
	Pragma("noescape")
	Doc(fmt.Sprintf("packTransposeAVX2_%d packs n <= %d rows of k values; see packTranspose256 in gen.", rows, rows))
	count, src, ld, dst, step, n := RCX, RSI, RDX, RDI, R8, R9
	row, last, table := RAX, R12, R13
	Load(Param("k"), count)
	Load(Param("src"), src)
	Load(Param("ld"), ld)
	Load(Param("dst"), dst)
	Load(Param("dstStep"), step)
	Load(Param("n"), n)
	LEAQ(slidingMask(), table)
	MOVQ(U32(8), last)
	VMOVUPS(Mem{Base: table}, Y15)

	Label("loop")
	CMPQ(count, U8(8))
	JGE(LabelRef("load"))
	TESTQ(count, count)
	JZ(LabelRef("done"))
	MOVQ(count, last)
	NEGQ(count)
	VMOVUPS(Mem{Base: table, Index: count, Scale: 4, Disp: 64}, Y15)
	MOVQ(U32(8), count)

	Label("load")
	for i := range 8 {
		VXORPS(ymm[i], ymm[i], ymm[i])
	}
	MOVQ(src, row)
	for i := range rows {
		VMASKMOVPS(Mem{Base: row}, Y15, ymm[i])
		if i < rows-1 {
			CMPQ(n, U8(i+1))
			JEQ(LabelRef("transpose"))
			ADDQ(ld, row)
		}
	}
	Label("transpose")
	// Y15 is the mask, so the eighth temporary goes back to a register that the
	// same unpack has just read for the last time.
	for i := 0; i < 6; i += 2 {
		VUNPCKLPS(ymm[i+1], ymm[i], ymm[8+i])
		VUNPCKHPS(ymm[i+1], ymm[i], ymm[9+i])
	}
	VUNPCKLPS(Y7, Y6, Y14)
	VUNPCKHPS(Y7, Y6, Y7)
	t := []VecPhysical{Y8, Y9, Y10, Y11, Y12, Y13, Y14, Y7}
	for g := 0; g < 8; g += 4 {
		u := []VecPhysical{Y0, Y1, Y2, Y3}
		if g == 4 {
			u = []VecPhysical{Y4, Y5, Y6, Y7}
		}
		VUNPCKLPD(t[g+2], t[g], u[0])
		VUNPCKHPD(t[g+2], t[g], u[1])
		VUNPCKLPD(t[g+3], t[g+1], u[2])
		VUNPCKHPD(t[g+3], t[g+1], u[3])
	}
	out := []VecPhysical{Y8, Y9, Y10, Y11, Y0, Y1, Y2, Y3}
	for j := range 4 {
		VPERM2F128(U8(0x20), ymm[4+j], ymm[j], ymm[8+j])
		VPERM2F128(U8(0x31), ymm[4+j], ymm[j], ymm[j])
	}
	CMPQ(last, U8(8))
	JNE(LabelRef("fewsteps"))
	for i := range 8 {
		VMOVUPS(out[i], Mem{Base: dst})
		ADDQ(step, dst)
	}
	ADDQ(U8(32), src)
	SUBQ(U8(8), count)
	JNZ(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()

	Label("fewsteps")
	for i := range 8 {
		VMOVUPS(out[i], Mem{Base: dst})
		ADDQ(step, dst)
		DECQ(last)
		JZ(LabelRef("done"))
	}
	JMP(LabelRef("done"))
}

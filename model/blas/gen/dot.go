package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// dot emits the kernel for a few rows of A against the rows of B, both contiguous
// along k:
//
//	C[i][j] = alpha * sum_l A[i][l]*B[j][l] + beta * C[i][j]   0 <= i < r, 0 <= j < n
//
// Nothing is packed, and B is read once. s rows of B go at a time, then one at a
// time. Every element is the same sum: lanes stride over k, the lanes are then
// added in a fixed tree.
func dot(k kind, r, s int) {
	TEXT(fmt.Sprintf("dot%s_%dx%d", k.name(), r, s), NOSPLIT,
		"func(n, k int, a *float32, lda uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, alpha, beta float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("dot%s_%dx%d multiplies %d rows of A by n rows of B; see dot in gen.", k.name(), r, s, r))
	n, ldb, c := RDI, RDX, R12
	Load(Param("n"), n)
	Load(Param("ldb"), ldb)
	Load(Param("c"), c)
	Load(Param("b"), R15)
	LEAQ(Mem{Base: ldb, Index: ldb, Scale: 2}, R10)
	LEAQ(Mem{Base: ldb, Index: ldb, Scale: 4}, R11)
	if r > 1 {
		Load(Param("lda"), R9)
		LEAQ(Mem{Base: R9, Index: R9, Scale: 2}, R14)
	}
	// The mask of the last, short vector.
	Load(Param("k"), RCX)
	ANDL(U8(k.lanes()-1), ECX)
	if k == avx2F32 {
		LEAQ(slidingMask(), RAX)
		NEGQ(RCX)
		VMOVUPS(Mem{Base: RAX, Index: RCX, Scale: 4, Disp: 64}, Y15)
	} else {
		MOVL(U32(0xffffffff), EAX)
		BZHIL(ECX, EAX, EAX)
		KMOVW(EAX, K1)
	}
	Load(Param("k"), R13)
	SHLQ(U8(2), R13)
	ANDQ(I32(-int32(k.vectorBytes())), R13) // bytes of whole vectors
	Label("rows")
	CMPQ(n, U8(s))
	JLT(LabelRef("single"))
	dotTile(k, r, s, "many")
	SUBQ(U8(s), n)
	JMP(LabelRef("rows"))
	Label("single")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	dotTile(k, r, 1, "one")
	DECQ(n)
	JMP(LabelRef("single"))
	Label("done")
	VZEROUPPER()
	RET()
}

// dotTile emits r rows of A against s rows of B from R15, which it moves on.
func dotTile(k kind, r, s int, name string) {
	a, b, b7, ldb, c := RAX, RBX, R8, RDX, R12
	acc := func(i, j int) int { return i*s + j }
	aReg := func(i int) int { return r*s + i }
	bReg := r*s + r
	Load(Param("a"), a)
	MOVQ(R15, b)
	if s > 7 {
		LEAQ(Mem{Base: R10, Index: ldb, Scale: 4}, b7)
		ADDQ(b, b7)
	}
	for i := range r * s {
		k.zero(i)
	}
	rowA := func(i int) Mem {
		switch i {
		case 0:
			return Mem{Base: a}
		case 1, 2:
			return Mem{Base: a, Index: R9, Scale: uint8(i)}
		case 3:
			return Mem{Base: a, Index: R14, Scale: 1}
		}
		panic("row out of reach")
	}
	rowB := func(j int) Mem {
		switch j {
		case 0:
			return Mem{Base: b}
		case 1, 2, 4:
			return Mem{Base: b, Index: ldb, Scale: uint8(j)}
		case 3, 6:
			return Mem{Base: b, Index: R10, Scale: uint8(j / 3)}
		case 5:
			return Mem{Base: b, Index: R11, Scale: 1}
		case 7:
			return Mem{Base: b7}
		}
		panic("row out of reach")
	}
	MOVQ(R13, RCX)
	TESTQ(RCX, RCX)
	JZ(LabelRef(name + "tail"))
	Label(name + "loop")
	for i := range r {
		VMOVUPS(rowA(i), k.reg(aReg(i)))
	}
	for j := range s {
		if r == 1 {
			VFMADD231PS(rowB(j), k.reg(aReg(0)), k.reg(acc(0, j)))
			continue
		}
		VMOVUPS(rowB(j), k.reg(bReg))
		for i := range r {
			VFMADD231PS(k.reg(bReg), k.reg(aReg(i)), k.reg(acc(i, j)))
		}
	}
	ADDQ(U8(k.vectorBytes()), a)
	ADDQ(U8(k.vectorBytes()), b)
	if s > 7 {
		ADDQ(U8(k.vectorBytes()), b7)
	}
	SUBQ(U8(k.vectorBytes()), RCX)
	JNZ(LabelRef(name + "loop"))
	Label(name + "tail")
	Load(Param("k"), RCX)
	ANDL(U8(k.lanes()-1), ECX)
	JZ(LabelRef(name + "reduce"))
	load := func(m Mem, dst int) {
		if k == avx2F32 {
			VMASKMOVPS(m, Y15, ymm[dst])
			return
		}
		VMOVUPS_Z(m, K1, zmm[dst])
	}
	for i := range r {
		load(rowA(i), aReg(i))
	}
	for j := range s {
		load(rowB(j), bReg)
		for i := range r {
			VFMADD231PS(k.reg(bReg), k.reg(aReg(i)), k.reg(acc(i, j)))
		}
	}

	Label(name + "reduce")
	t := r * s // first register after the accumulators
	if k != avx2F32 {
		for i := range r * s {
			VEXTRACTF64X4(U8(1), zmm[i], ymm[t])
			VADDPS(ymm[t], ymm[i], ymm[i])
		}
	}
	// alpha and beta above the accumulators, which are now the low halves.
	alpha, beta := t+1, t+2
	VBROADCASTSS(NewParamAddr("alpha", 64), xmm[alpha])
	VBROADCASTSS(NewParamAddr("beta", 68), xmm[beta])
	MOVL(NewParamAddr("beta", 68), ECX)
	ADDL(ECX, ECX)
	Load(Param("ldc"), a)
	MOVQ(c, b)
	for i := range r {
		for j := 0; j < s; j += 4 {
			x := acc(i, j)
			if s == 1 {
				VHADDPS(ymm[x], ymm[x], ymm[x])
				VHADDPS(ymm[x], ymm[x], ymm[x])
			} else {
				VHADDPS(ymm[x+1], ymm[x], ymm[x])
				VHADDPS(ymm[x+3], ymm[x+2], ymm[x+2])
				VHADDPS(ymm[x+2], ymm[x], ymm[x])
			}
			if k == avx2F32 {
				VEXTRACTF128(U8(1), ymm[x], xmm[t])
			} else {
				VEXTRACTF32X4(U8(1), ymm[x], xmm[t]) // reaches the upper registers
			}
			VADDPS(xmm[t], xmm[x], xmm[x])
			VMULPS(xmm[alpha], xmm[x], xmm[x])
			skip := label("%soverwrite%d_%d", name, i, j)
			TESTL(ECX, ECX)
			JZ(LabelRef(skip))
			if s == 1 {
				VFMADD231SS(Mem{Base: b}, xmm[beta], xmm[x])
				Label(skip)
				VMOVSS(xmm[x], Mem{Base: b})
			} else {
				VFMADD231PS(Mem{Base: b, Disp: 4 * j}, xmm[beta], xmm[x])
				Label(skip)
				VMOVUPS(xmm[x], Mem{Base: b, Disp: 4 * j})
			}
		}
		if i < r-1 {
			ADDQ(a, b)
		}
	}
	ADDQ(U8(4*s), c)
	// The next s rows of B.
	if s == 1 {
		ADDQ(ldb, R15)
	} else {
		LEAQ(Mem{Base: R15, Index: ldb, Scale: uint8(s)}, R15)
	}
}

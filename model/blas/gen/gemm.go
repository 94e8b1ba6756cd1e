package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// shape is the tile that a kernel keeps in registers: r rows of v vectors.
type shape struct{ v, r int }

// Registers of the gemm kernels.
var (
	gM     = RDI // rows left
	gK     = RCX // steps left in the inner loop; a scratch pointer outside it
	gA     = RAX // rows 0..6 of A
	gA7    = R8  // rows 7..13 of A
	gB     = RBX
	gBStep = RDX
	gAStep = RSI
	gRow   = R9  // bytes between rows of A
	gRow3  = R10 // three times that
	gRow5  = R11 // five times that
	gC     = R12
	gLdC   = R13
	gBase  = R15 // first row of the current block of A
	gFetch = R14 // the row of C that is asked for next
)

// rowAddress is where the kernel finds row i of A at the current step.
func rowAddress(i int) Mem {
	base := gA
	if i >= 7 {
		base, i = gA7, i-7
	}
	switch i {
	case 0:
		return Mem{Base: base}
	case 1, 2, 4:
		return Mem{Base: base, Index: gRow, Scale: uint8(i)}
	case 3, 6:
		return Mem{Base: base, Index: gRow3, Scale: uint8(i / 3)}
	case 5:
		return Mem{Base: base, Index: gRow5, Scale: 1}
	}
	panic("row out of reach")
}

// gemm emits the kernel of one kind and tile shape:
//
//	C[0:m][0:n] = alpha * A * B + beta * C
//
// A is read one element a row and step, at a + i*aRow + l*aStep, and moves on by
// aBlock after every r rows: so it may be a packed panel, a matrix or a
// transposed one. B is read a whole vector at a time, at b + l*bStep, and must be
// readable over all v vectors. All strides are bytes. An element of C is the same
// chain of fused multiply-adds whatever the tile it falls in, so how the caller
// cuts a product up never shows in the result.
func gemm(k kind, s shape) {
	width := s.v * k.lanes()
	masked := s.v <= 2 // wider ones are for whole vectors only
	sig := "func(m, k int, a *float32, aRow, aStep, aBlock uintptr, b *float32, bStep uintptr, c *float32, ldc uintptr, alpha, beta float32, n int)"
	TEXT(fmt.Sprintf("gemm%s_%dx%d", k.name(), s.r, width), NOSPLIT, sig)
	Pragma("noescape")
	if masked {
		Doc(fmt.Sprintf("gemm%s_%dx%d multiplies m rows of A by at most %d columns of B; see gemm in gen.", k.name(), s.r, width, width))
	} else {
		Doc(fmt.Sprintf("gemm%s_%dx%d multiplies m rows of A by exactly %d columns of B (n is not read).", k.name(), s.r, width, width))
	}
	Load(Param("m"), gM)
	Load(Param("a"), gBase)
	Load(Param("aRow"), gRow)
	Load(Param("aStep"), gAStep)
	Load(Param("bStep"), gBStep)
	Load(Param("c"), gC)
	Load(Param("ldc"), gLdC)
	LEAQ(Mem{Base: gRow, Index: gRow, Scale: 2}, gRow3)
	LEAQ(Mem{Base: gRow, Index: gRow, Scale: 4}, gRow5)
	if masked && k != avx2F32 {
		Load(Param("n"), RCX)
		MOVL(U32(0xffffffff), EAX)
		BZHIL(ECX, EAX, EAX)
		KMOVW(EAX, K1)
		SHRL(U8(16), EAX)
		KMOVW(EAX, K2)
	}

	Label("rows")
	for r := s.r; r >= 2; r-- {
		CMPQ(gM, U8(r))
		if r == s.r {
			JGE(LabelRef(label("tile%d", r)))
		} else {
			JEQ(LabelRef(label("tile%d", r)))
		}
	}
	CMPQ(gM, U8(1))
	JNE(LabelRef("done"))

	for r := 1; r <= s.r; r++ {
		Label(label("tile%d", r))
		tile(k, s, r, masked)
		if r < s.r {
			JMP(LabelRef("done"))
			continue
		}
		SUBQ(U8(r), gM)
		ADDQ(NewParamAddr("aBlock", 40), gBase)
		JMP(LabelRef("rows"))
	}

	Label("done")
	VZEROUPPER()
	RET()
}

// tile emits the product of r rows: clear the accumulators, run over k, and
// combine with C. It leaves gC at the row after the last.
func tile(k kind, s shape, r int, masked bool) {
	v := s.v
	acc := func(i, j int) int { return i*v + j }
	// When registers are short, B is a memory operand of the multiply-add.
	free := 32
	if k == avx2F32 {
		free = 16
	}
	free -= s.r * v
	bInRegisters := free > v
	broadcasts := free
	if bInRegisters {
		broadcasts -= v
	}
	broadcasts = min(broadcasts, 2)
	bReg := func(j int) int { return s.r*v + j }
	aReg := func(i int) int {
		if bInRegisters {
			return s.r*v + v + i%broadcasts
		}
		return s.r*v + i%broadcasts
	}

	MOVQ(gBase, gA)
	if r > 7 {
		LEAQ(Mem{Base: gRow3, Index: gRow, Scale: 4}, gA7)
		ADDQ(gBase, gA7)
	}
	Load(Param("b"), gB)
	// C is wanted at the end of the loop. Where that is long, a row is asked for now and then:
	// all at once they would keep A and B waiting.
	const unroll = 16
	spread := masked && r == s.r
	if spread {
		MOVQ(gC, gFetch)
		CMPQ(NewParamAddr("k", 8), U32(unroll*uint32(r)))
		JGE(LabelRef(label("fetched%d", r)))
	}
	MOVQ(gC, gK)
	for i := range r {
		for off := 0; off < v*k.vectorBytes(); off += 64 {
			PREFETCHT0(Mem{Base: gK, Disp: off})
		}
		if i < r-1 {
			ADDQ(gLdC, gK)
		}
	}
	if spread {
		Label(label("fetched%d", r))
	}
	Load(Param("k"), gK)
	for i := range r {
		for j := range v {
			k.zero(acc(i, j))
		}
	}

	step := func() {
		if bInRegisters {
			for j := range v {
				VMOVUPS(Mem{Base: gB, Disp: j * k.vectorBytes()}, k.reg(bReg(j)))
			}
		}
		for off := 0; off < v*k.vectorBytes(); off += 64 {
			PREFETCHT0(Mem{Base: gB, Index: gBStep, Scale: 8, Disp: off})
		}
		if k != avx512BF16 && spread {
			// Rows of a transposed A may be far apart; a tile takes a part of a line, or of two.
			PREFETCHT0(Mem{Base: gA, Index: gAStep, Scale: 8, Disp: 4 * (r - 1)})
			if k == avx512F32 { // the short steps of AVX2 have no time for the first, which the tile before took
				PREFETCHT0(Mem{Base: gA, Index: gAStep, Scale: 8})
			}
		}
		for i := range r {
			VBROADCASTSS(rowAddress(i), k.reg(aReg(i)))
			for j := range v {
				if bInRegisters {
					k.madd(aReg(i), bReg(j), acc(i, j))
				} else {
					VFMADD231PS(Mem{Base: gB, Disp: j * k.vectorBytes()}, k.reg(aReg(i)), k.reg(acc(i, j)))
				}
			}
		}
		ADDQ(gBStep, gB)
		ADDQ(gAStep, gA)
		if r > 7 {
			ADDQ(gAStep, gA7)
		}
	}
	if r == s.r {
		SUBQ(U8(unroll), gK)
		JLT(LabelRef(label("tail%d", r)))
		Label(label("unrolled%d", r))
		if spread {
			for off := 0; off < v*k.vectorBytes(); off += 64 {
				PREFETCHT0(Mem{Base: gFetch, Disp: off})
			}
			ADDQ(gLdC, gFetch)
		}
		for range unroll {
			step()
		}
		SUBQ(U8(unroll), gK)
		JGE(LabelRef(label("unrolled%d", r)))
		Label(label("tail%d", r))
		ADDQ(U8(unroll), gK)
		JZ(LabelRef(label("combine%d", r)))
	}
	Label(label("step%d", r))
	step()
	DECQ(gK)
	JNZ(LabelRef(label("step%d", r)))
	Label(label("combine%d", r))

	// The registers after the accumulators are free now.
	t := func(i int) VecPhysical { return k.reg(s.r*v + i) }
	alpha, beta := t(0), t(0)
	VBROADCASTSS(NewParamAddr("alpha", 80), alpha)
	for i := range r {
		for j := range v {
			VMULPS(alpha, k.reg(acc(i, j)), k.reg(acc(i, j)))
		}
	}
	at := func(j int) Mem { return Mem{Base: gC, Disp: j * k.vectorBytes()} }
	if masked && k == avx2F32 {
		Load(Param("n"), gK)
		CMPQ(gK, U8(v*k.lanes()))
		JEQ(LabelRef(label("whole%d", r)))
		table := slidingMask()
		LEAQ(table, gA)
		NEGQ(gK)
		VMOVUPS(Mem{Base: gA, Index: gK, Scale: 4, Disp: 64}, t(1))
		if v == 2 {
			VMOVUPS(Mem{Base: gA, Index: gK, Scale: 4, Disp: 96}, t(2))
		}
		combine(k, r, v, label("masked%d", r), beta, func(i, j int) {
			VMASKMOVPS(at(j), t(1+j), t(3))
			VFMADD231PS(t(3), beta, k.reg(acc(i, j)))
		}, func(i, j int) {
			VMASKMOVPS(k.reg(acc(i, j)), t(1+j), at(j))
		})
		JMP(LabelRef(label("end%d", r)))
		Label(label("whole%d", r))
	}
	mask := []OpmaskPhysical{K1, K2}
	combine(k, r, v, label("full%d", r), beta, func(i, j int) {
		if masked && k != avx2F32 {
			VFMADD231PS(at(j), beta, mask[j], k.reg(acc(i, j)))
			return
		}
		VFMADD231PS(at(j), beta, k.reg(acc(i, j)))
	}, func(i, j int) {
		if masked && k != avx2F32 {
			VMOVUPS(k.reg(acc(i, j)), mask[j], at(j))
			return
		}
		VMOVUPS(k.reg(acc(i, j)), at(j))
	})
	Label(label("end%d", r))
}

// combine emits the rows of C, once with beta and once, where beta
// is zero and C must not be read (it may hold NaN), without.
func combine(k kind, r, v int, name string, beta VecPhysical, add, store func(i, j int)) {
	MOVL(NewParamAddr("beta", 84), EAX)
	ADDL(EAX, EAX) // drops the sign: -0 is zero too
	JZ(LabelRef(name + "overwrite"))
	VBROADCASTSS(NewParamAddr("beta", 84), beta)
	rows := func(withC bool) {
		for i := range r {
			for j := range v {
				if withC {
					add(i, j)
				}
				store(i, j)
			}
			ADDQ(gLdC, gC)
		}
	}
	rows(true)
	JMP(LabelRef(name + "done"))
	Label(name + "overwrite")
	rows(false)
	Label(name + "done")
}

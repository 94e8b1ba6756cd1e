package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// copyRows emits the kernel that packs and unpacks rows:
//
//	dst[i][0:cols] = src[i][0:cols]·factor[i], dst[i][cols:width] = 0
//
// width is cols, or cols rounded up to whole panels. Strides are bytes;
// factorStep may be 0.
func copyRows(k isa) {
	k.begin("copyRows", "func(rows, cols, width int, src *float32, srcRow uintptr, dst *float32, dstRow uintptr, factor *float32, factorStep uintptr)",
		"copies rows times a factor each; see copyRows in gen.")
	rows, src, srcRow, dst, dstRow, factor, factorStep := RDI, RSI, R8, RBX, R9, R10, R11
	full, width, i, rem := RAX, RDX, RCX, R12
	Load(Param("rows"), rows)
	Load(Param("cols"), full)
	Load(Param("width"), width)
	Load(Param("src"), src)
	Load(Param("srcRow"), srcRow)
	Load(Param("dst"), dst)
	Load(Param("dstRow"), dstRow)
	Load(Param("factor"), factor)
	Load(Param("factorStep"), factorStep)
	MOVQ(full, rem)
	ANDQ(U8(k.lanes()-1), rem)
	SUBQ(rem, full)
	SHLQ(U8(2), full)
	SHLQ(U8(2), width)
	MOVQ(rem, i)
	k.setMask(i, R13)
	k.zero(2)

	Label("row")
	VBROADCASTSS(Mem{Base: factor}, k.v(0))
	XORQ(i, i)
	JMP(LabelRef("test"))
	Label("vector")
	VMULPS(Mem{Base: src, Index: i, Scale: 1}, k.v(0), k.v(1))
	VMOVUPS(k.v(1), Mem{Base: dst, Index: i, Scale: 1})
	ADDQ(U8(k.bytes()), i)
	Label("test")
	CMPQ(i, full)
	JLT(LabelRef("vector"))
	TESTQ(rem, rem)
	JZ(LabelRef("clear"))
	k.loadMasked(Mem{Base: src, Index: i, Scale: 1}, 1)
	VMULPS(k.v(0), k.v(1), k.v(1))
	k.keepMasked(1) // 0·∞
	LEAQ(Mem{Base: i, Disp: k.bytes()}, R13)
	CMPQ(R13, width)
	JLE(LabelRef("whole"))
	k.storeMasked(1, Mem{Base: dst, Index: i, Scale: 1})
	JMP(LabelRef("next"))
	Label("whole")
	VMOVUPS(k.v(1), Mem{Base: dst, Index: i, Scale: 1})
	MOVQ(R13, i)
	JMP(LabelRef("clear"))
	Label("zeros")
	VMOVUPS(k.v(2), Mem{Base: dst, Index: i, Scale: 1})
	ADDQ(U8(k.bytes()), i)
	Label("clear")
	CMPQ(i, width)
	JLT(LabelRef("zeros"))
	Label("next")
	ADDQ(srcRow, src)
	ADDQ(dstRow, dst)
	ADDQ(factorStep, factor)
	DECQ(rows)
	JNZ(LabelRef("row"))
	end()
}

// transpose emits the kernel that makes a panel of 16 rows: column j of the
// rows becomes dst[j][0:16]. cols is a multiple of four, srcRow bytes.
func transpose(k isa) {
	k.begin("transpose", "func(cols int, src *float32, srcRow uintptr, dst *float32)", "makes a panel of 16 rows; see transpose in gen.")
	cols, src, row, row3, dst := RDI, RSI, R8, R9, RBX
	bases := []GPPhysical{RSI, R10, R11, R12}
	Load(Param("cols"), cols)
	Load(Param("src"), src)
	Load(Param("srcRow"), row)
	Load(Param("dst"), dst)
	LEAQ(Mem{Base: row, Index: row, Scale: 2}, row3)
	for i := 1; i < 4; i++ {
		LEAQ(Mem{Base: bases[i-1], Index: row, Scale: 4}, bases[i])
	}
	pieces := k.lanes() / 4 // quarters of a panel in a register
	at := func(i int) Mem { // row i of the panel
		base := bases[i/4]
		switch i % 4 {
		case 0:
			return Mem{Base: base}
		case 3:
			return Mem{Base: base, Index: row3, Scale: 1}
		}
		return Mem{Base: base, Index: row, Scale: uint8(i % 4)}
	}
	Label("columns")
	for part := range panel / k.lanes() {
		// Register r gets rows r, r+4, ... of this part, four columns each: then
		// a transposition inside each quarter is one of the whole.
		for r := range 4 {
			first := part*k.lanes() + r
			VMOVUPS(at(first), xmm[r])
			for p := 1; p < pieces; p++ {
				if k == avx512 {
					VINSERTF32X4(U8(p), at(first+4*p), zmm[r], zmm[r])
				} else {
					VINSERTF128(U8(p), at(first+4*p), ymm[r], ymm[r])
				}
			}
		}
		v := k.v
		VUNPCKLPS(v(1), v(0), v(4))
		VUNPCKHPS(v(1), v(0), v(5))
		VUNPCKLPS(v(3), v(2), v(6))
		VUNPCKHPS(v(3), v(2), v(7))
		VUNPCKLPD(v(6), v(4), v(8))
		VUNPCKHPD(v(6), v(4), v(9))
		VUNPCKLPD(v(7), v(5), v(10))
		VUNPCKHPD(v(7), v(5), v(11))
		for j := range 4 {
			VMOVUPS(v(8+j), Mem{Base: dst, Disp: 4*panel*j + part*k.bytes()})
		}
	}
	for _, b := range bases {
		ADDQ(U8(16), b)
	}
	ADDQ(U32(4*4*panel), dst)
	SUBQ(U8(4), cols)
	JNZ(LabelRef("columns"))
	end()
}

// rowDots emits dst[i] = x[i]·y[i] for rows of cols numbers. Strides are bytes.
func rowDots(k isa) {
	k.begin("rowDots", "func(rows, cols int, x *float32, xRow uintptr, y *float32, yRow uintptr, dst *float32)", "sets dst[i] to the inner product of row i of x and of y.")
	rows, full, x, xRow, y, yRow, dst, i, rem := RDI, RAX, RSI, R8, RBX, R9, R10, RCX, R12
	Load(Param("rows"), rows)
	Load(Param("cols"), full)
	Load(Param("x"), x)
	Load(Param("xRow"), xRow)
	Load(Param("y"), y)
	Load(Param("yRow"), yRow)
	Load(Param("dst"), dst)
	MOVQ(full, rem)
	ANDQ(U8(k.lanes()-1), rem)
	SUBQ(rem, full)
	SHLQ(U8(2), full)
	MOVQ(rem, i)
	k.setMask(i, R13)
	Label("row")
	k.zero(0)
	XORQ(i, i)
	JMP(LabelRef("test"))
	Label("vector")
	VMOVUPS(Mem{Base: x, Index: i, Scale: 1}, k.v(1))
	VFMADD231PS(Mem{Base: y, Index: i, Scale: 1}, k.v(1), k.v(0))
	ADDQ(U8(k.bytes()), i)
	Label("test")
	CMPQ(i, full)
	JLT(LabelRef("vector"))
	TESTQ(rem, rem)
	JZ(LabelRef("fold"))
	k.loadMasked(Mem{Base: x, Index: i, Scale: 1}, 1)
	k.loadMasked(Mem{Base: y, Index: i, Scale: 1}, 2)
	VFMADD231PS(k.v(1), k.v(2), k.v(0))
	Label("fold")
	k.fold(0, 1, VADDPS)
	VMOVSS(xmm[0], Mem{Base: dst})
	ADDQ(U8(4), dst)
	ADDQ(xRow, x)
	ADDQ(yRow, y)
	DECQ(rows)
	JNZ(LabelRef("row"))
	end()
}

// weightedSum emits dst[0:16·panels] = Σⱼ weight[j]·rows[j], in four strands
// (j mod 4) that are added at the end.
func weightedSum(k isa) {
	k.begin("weightedSum", "func(n, panels int, weights *float32, rows *float32, row uintptr, dst *float32)", "sets dst to the sum of n rows of whole panels, each times its weight; see weightedSum in gen.")
	k.sumStrands(4, func(_, row GPPhysical) {
		Load(Param("row"), row)
	}, func(from Mem, weight, sum VecPhysical) {
		VFMADD231PS(from, weight, sum)
	})
	end()
}

// sumStrands emits dst[0:16·panels] = Σⱼ weight[j]·row[j] in four strands (j mod 4) of fused
// multiply-adds, which are added at the end. A number of a row has size bytes; distance sets
// row to those from one row to the next.
func (k isa) sumStrands(size int, distance func(panels, row GPPhysical), multiplyAdd func(from Mem, weight, sum VecPhysical)) {
	n, panels, weights, rows, row, row3, dst, at := RCX, RDI, RAX, RSI, R8, R9, RBX, R10
	Load(Param("panels"), panels)
	Load(Param("rows"), rows)
	Load(Param("dst"), dst)
	distance(panels, row)
	LEAQ(Mem{Base: row, Index: row, Scale: 2}, row3)
	vector := k.lanes() * size
	block := func(vectors int, name string) {
		Load(Param("n"), n)
		Load(Param("weights"), weights)
		MOVQ(rows, at)
		for i := range 4 * vectors {
			k.zero(i)
		}
		add := func(strand int) {
			VBROADCASTSS(Mem{Base: weights, Disp: 4 * strand}, k.v(8+strand))
			for j := range vectors {
				m := Mem{Base: at, Disp: j * vector}
				switch strand {
				case 3:
					m.Index, m.Scale = row3, 1
				case 1, 2:
					m.Index, m.Scale = row, uint8(strand)
				}
				multiplyAdd(m, k.v(8+strand), k.v(strand*vectors+j))
			}
		}
		SUBQ(U8(4), n)
		JLT(LabelRef(name + "tail"))
		Label(name + "four")
		for s := range 4 {
			add(s)
		}
		ADDQ(U8(16), weights)
		LEAQ(Mem{Base: at, Index: row, Scale: 4}, at)
		SUBQ(U8(4), n)
		JGE(LabelRef(name + "four"))
		Label(name + "tail")
		ADDQ(U8(4), n)
		for s := range 3 {
			JZ(LabelRef(name + "sum"))
			add(s)
			DECQ(n)
		}
		Label(name + "sum")
		for j := range vectors {
			VADDPS(k.v(vectors+j), k.v(j), k.v(j))
			VADDPS(k.v(3*vectors+j), k.v(2*vectors+j), k.v(2*vectors+j))
			VADDPS(k.v(2*vectors+j), k.v(j), k.v(j))
			VMOVUPS(k.v(j), Mem{Base: dst, Disp: j * k.bytes()})
		}
		ADDQ(U32(vectors*vector), rows)
		ADDQ(U32(vectors*k.bytes()), dst)
	}
	if k == avx512 {
		Label("pairs")
		CMPQ(panels, U8(2))
		JLT(LabelRef("single"))
		block(2, "pair")
		SUBQ(U8(2), panels)
		JMP(LabelRef("pairs"))
		Label("single")
		TESTQ(panels, panels)
		JZ(LabelRef("done"))
		block(1, "one")
	} else {
		Label("panel")
		TESTQ(panels, panels)
		JZ(LabelRef("done"))
		block(2, "one")
		DECQ(panels)
		JMP(LabelRef("panel"))
	}
	Label("done")
}

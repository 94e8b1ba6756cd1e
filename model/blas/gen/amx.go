package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A tile register holds 16 rows of 64 bytes. The kernel keeps a block of 32×32
// float32 of C in four of them and has two each for A and B.
const (
	tileRows  = 16
	tileBytes = 1024
	panelRows = 2 * tileRows  // rows of A, or columns of B, in a panel
	tileStep  = 2 * tileBytes // bytes of a panel for a step of 32 values of k
	fewSteps  = 4             // in which the next block of C is asked for if there are no more,
	manySteps = 16            // and if there are
)

// Tile registers: C at tileC + 2*row + column, then A and B.
const (
	tileC = 0
	tileA = 4
	tileB = 6
)

// gprNumber is the number of a general register in an encoding.
func gprNumber(r GPPhysical) byte {
	for i, x := range []GPPhysical{RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15} {
		if x == r {
			return byte(i)
		}
	}
	panic("not a 64-bit general register")
}

// emit writes bytes that neither avo nor the Go assembler has a name for.
func emit(comment string, bytes ...byte) {
	Comment(comment)
	for _, b := range bytes {
		Instruction(&ir.Instruction{Opcode: "BYTE", Operands: []Op{U8(b)}})
	}
}

// The prefix field pp of VEX.
const (
	ppNone = 0b00
	pp66   = 0b01
	ppF3   = 0b10
	ppF2   = 0b11
)

// vexRegisters encodes VEX.128.pp.0F38.W0 opcode with register operands (Intel
// SDM volume 2, section 2.3.5).
func vexRegisters(comment string, pp, opcode, modRMReg, modRMRM, vvvv byte) {
	emit(comment, 0xc4, 0b111<<5|0b00010, (^vvvv&15)<<3|pp, opcode, 0b11<<6|modRMReg<<3|modRMRM)
}

// vexTileMemory encodes the same with the memory operand base + index + disp, in
// which index is the distance of the tile's rows.
func vexTileMemory(comment string, pp, opcode, tile byte, m Mem) {
	base, index := gprNumber(m.Base.(GPPhysical)), gprNumber(m.Index.(GPPhysical))
	p0 := byte(0b1<<7) | (^index>>3&1)<<6 | (^base>>3&1)<<5 | 0b00010
	d := uint32(int32(m.Disp))
	emit(comment, 0xc4, p0, 0b1111<<3|pp, opcode,
		0b10<<6|tile<<3|0b100, (index&7)<<3|base&7,
		byte(d), byte(d>>8), byte(d>>16), byte(d>>24))
}

func ldtilecfg(base GPPhysical) {
	n := gprNumber(base)
	if n&7 == 4 || n&7 == 5 {
		panic("base needs another addressing mode")
	}
	emit("LDTILECFG (base)", 0xc4, 0b11<<6|(^n>>3&1)<<5|0b00010, 0b1111<<3|ppNone, 0x49, n&7)
}

// prefetchw emits PREFETCHW disp(base).
func prefetchw(base GPPhysical, disp byte) {
	n := gprNumber(base)
	emit("PREFETCHW", 0x40|n>>3, 0x0f, 0x0d, 0b01<<6|1<<3|n&7, disp)
}

func tilerelease() { emit("TILERELEASE", 0xc4, 0xe2, 0x78, 0x49, 0xc0) }

func tilezero(t int) {
	vexRegisters(fmt.Sprintf("TILEZERO TMM%d", t), ppF2, 0x49, byte(t), 0, 0)
}

func tileloadd(t int, m Mem) {
	vexTileMemory(fmt.Sprintf("TILELOADD TMM%d", t), ppF2, 0x4b, byte(t), m)
}

// tileloaddt1 hints that the first-level cache need not keep the lines.
func tileloaddt1(t int, m Mem) {
	vexTileMemory(fmt.Sprintf("TILELOADDT1 TMM%d", t), pp66, 0x4b, byte(t), m)
}

func tilestored(t int, m Mem) {
	vexTileMemory(fmt.Sprintf("TILESTORED TMM%d", t), ppF3, 0x4b, byte(t), m)
}

// tdpbf16ps emits c += a*b.
func tdpbf16ps(c, a, b int) {
	vexRegisters(fmt.Sprintf("TDPBF16PS TMM%d += TMM%d * TMM%d", c, a, b), ppF3, 0x5c, byte(c), byte(a), byte(b))
}

// tileConfig returns the configuration of eight full tiles (Intel SDM volume 2,
// LDTILECFG): palette 1, then columns in bytes and rows.
func tileConfig() Mem {
	if !tileConfigDefined {
		tileConfigDefined = true
		tileConfigTable = GLOBL("tileConfig", 8|16) // RODATA|NOPTR
		DATA(0, U64(1))
		DATA(8, U64(0))
		for i := range 4 {
			v := uint64(0)
			if i < 2 {
				v = 0x0040_0040_0040_0040
			}
			DATA(16+8*i, U64(v))
		}
		DATA(48, U64(0x1010_1010_1010_1010))
		DATA(56, U64(0))
	}
	return tileConfigTable
}

var (
	tileConfigDefined bool
	tileConfigTable   Mem
)

// Registers of amxMultiply.
var (
	xA       = RSI // current step of the panels
	xB       = RDI
	xSteps   = RCX
	xPanelA  = RAX
	xPanelB  = RBX
	xTile    = RDX // where the block of C is kept: C itself or the scratch block
	xTileRow = R10 // distance of its rows
	xC       = R11 // the block in C
	xRows    = R12 // rows and columns left, this block's included
	xColumns = R13
	xRowC    = R14 // first block of this row of blocks
	xPanel   = R15 // bytes of a panel
	x64      = R8
	xAhead   = R9 // row of C to ask for
)

// amxMultiply emits the kernel for packed panels:
//
//	C[0:m][0:n] = A * B           mode 0
//	C[0:m][0:n] += A * B          mode 1, one chain of sums with what is in C
//	C[0:m][0:n] = alpha*A*B + beta*C   mode 2
//
// A panel of A is 32 rows, for each step two tiles of 16 rows of 32 values; a panel
// of B is 32 columns, for each step two tiles of 16 rows, pairs of adjacent k, of 16
// columns. Places beyond the matrix are zeros, if they meet any that are not. Whole tiles of C are loaded and stored where they lie;
// others, and all in mode 2, go through 4 KiB of scratch.
//
// With few steps the kernel waits for C, so the first four steps of a block ask for the
// lines of the next one. With many steps that is in the way of the loads of A and B.
//
// A panel of B passes by once for every panel of A, which should stay in the first-level
// cache meanwhile, so B is loaded with a hint that it need not.
//
// Tiles are configured first and released last: a goroutine is not preempted within
// assembly, so no other code sees tile state, and the kernel saves none of it when it
// switches threads.
func amxMultiply() {
	TEXT("amxMultiply", NOSPLIT, "func(m, n, steps int, a, b, c *float32, ldc uintptr, alpha, beta float32, mode int, scratch *float32)")
	Pragma("noescape")
	Doc("amxMultiply multiplies packed panels by TDPBF16PS; see amxMultiply in gen.")
	param := func(offset int) Mem {
		return NewParamAddr(map[int]string{0: "m", 8: "n", 16: "steps", 32: "b", 48: "ldc", 56: "alpha", 60: "beta", 64: "mode", 72: "scratch"}[offset], offset)
	}
	LEAQ(tileConfig(), xA)
	ldtilecfg(xA)
	MOVQ(U32(64), x64)
	Load(Param("m"), xRows)
	Load(Param("steps"), xPanel)
	SHLQ(U8(11), xPanel)
	Load(Param("a"), xPanelA)
	Load(Param("c"), xRowC)

	Label("rows")
	MOVQ(param(32), xPanelB)
	MOVQ(param(8), xColumns)
	MOVQ(xRowC, xC)

	Label("columns")
	MOVQ(xC, xTile)
	MOVQ(param(48), xTileRow)
	CMPQ(param(64), U8(2))
	JEQ(LabelRef("scratch"))
	for _, left := range []GPPhysical{xRows, xColumns} {
		next := "rowsfit"
		if left == xColumns {
			next = "columnsfit"
		}
		CMPQ(left, U8(2*tileRows))
		JGE(LabelRef(next))
		CMPQ(left, U8(tileRows))
		JNE(LabelRef("scratch"))
		Label(next)
	}
	Label("choose")
	MOVQ(xPanelA, xA)
	MOVQ(xPanelB, xB)
	MOVQ(param(16), xSteps)
	CMPQ(xRows, U8(tileRows))
	JLE(LabelRef("lowblock"))
	CMPQ(xColumns, U8(tileRows))
	JLE(LabelRef("block2x1"))
	for _, s := range [][2]int{{2, 2}, {2, 1}, {1, 2}, {1, 1}} {
		if s == [2]int{1, 2} {
			Label("lowblock")
			CMPQ(xColumns, U8(tileRows))
			JLE(LabelRef("block1x1"))
		}
		amxBlock(s[0], s[1], param(64))
	}

	Label("stored")
	CMPQ(xTile, xC)
	JNE(LabelRef("copyout"))
	Label("next")
	ADDQ(U32(4*panelRows), xC)
	ADDQ(xPanel, xPanelB)
	SUBQ(U8(panelRows), xColumns)
	JG(LabelRef("columns"))
	ADDQ(xPanel, xPanelA)
	MOVQ(param(48), xTileRow)
	SHLQ(U8(5), xTileRow)
	ADDQ(xTileRow, xRowC)
	SUBQ(U8(panelRows), xRows)
	JG(LabelRef("rows"))
	tilerelease()
	VZEROUPPER()
	RET()

	// The block is not whole tiles of C, or has to be scaled: it is made in the
	// scratch block.
	masks := func() {
		// K1, K2: the first and second 16 of the columns left.
		MOVQ(xColumns, xA)
		MOVQ(U32(panelRows), xB)
		CMPQ(xA, xB)
		CMOVQGT(xB, xA)
		MOVL(U32(0xffffffff), EDI)
		BZHIL(ESI, EDI, EDI)
		KMOVW(EDI, K1)
		SHRL(U8(16), EDI)
		KMOVW(EDI, K2)
		// Rows of this block.
		MOVQ(xRows, xSteps)
		MOVQ(U32(panelRows), xB)
		CMPQ(xSteps, xB)
		CMOVQGT(xB, xSteps)
		MOVQ(xC, xB)
		MOVQ(param(72), xA)
	}
	Label("scratch")
	CMPQ(param(64), U8(1))
	JNE(LabelRef("useScratch"))
	masks()
	Label("copyin")
	VMOVUPS_Z(Mem{Base: xB}, K1, Z0)
	VMOVUPS_Z(Mem{Base: xB, Disp: 64}, K2, Z1)
	VMOVUPS(Z0, Mem{Base: xA})
	VMOVUPS(Z1, Mem{Base: xA, Disp: 64})
	ADDQ(xTileRow, xB)
	SUBQ(I32(-128), xA)
	DECQ(xSteps)
	JNZ(LabelRef("copyin"))
	Label("useScratch")
	MOVQ(param(72), xTile)
	MOVQ(U32(128), xTileRow)
	JMP(LabelRef("choose"))

	Label("copyout")
	masks()
	MOVQ(param(48), xTileRow)
	CMPQ(param(64), U8(2))
	JEQ(LabelRef("scale"))
	Label("copyrow")
	VMOVUPS(Mem{Base: xA}, Z0)
	VMOVUPS(Mem{Base: xA, Disp: 64}, Z1)
	VMOVUPS(Z0, K1, Mem{Base: xB})
	VMOVUPS(Z1, K2, Mem{Base: xB, Disp: 64})
	ADDQ(xTileRow, xB)
	SUBQ(I32(-128), xA)
	DECQ(xSteps)
	JNZ(LabelRef("copyrow"))
	JMP(LabelRef("next"))

	Label("scale")
	VBROADCASTSS(param(56), Z2)
	VBROADCASTSS(param(60), Z3)
	MOVL(param(60), EDX)
	ADDL(EDX, EDX) // drops the sign: -0 is zero too
	Label("scalerow")
	VMULPS(Mem{Base: xA}, Z2, Z0)
	VMULPS(Mem{Base: xA, Disp: 64}, Z2, Z1)
	TESTL(EDX, EDX)
	JZ(LabelRef("overwrite")) // C may hold NaN
	VFMADD231PS(Mem{Base: xB}, Z3, K1, Z0)
	VFMADD231PS(Mem{Base: xB, Disp: 64}, Z3, K2, Z1)
	Label("overwrite")
	VMOVUPS(Z0, K1, Mem{Base: xB})
	VMOVUPS(Z1, K2, Mem{Base: xB, Disp: 64})
	ADDQ(xTileRow, xB)
	SUBQ(I32(-128), xA)
	DECQ(xSteps)
	JNZ(LabelRef("scalerow"))
	JMP(LabelRef("next"))
}

// amxBlock emits a block of C of the given number of tiles.
func amxBlock(down, across int, mode Mem) {
	name := fmt.Sprintf("block%dx%d", down, across)
	inC := func(f func(t int, m Mem)) {
		if down == 2 {
			MOVQ(xTileRow, xPanelC)
			SHLQ(U8(4), xPanelC)
			ADDQ(xTile, xPanelC)
		}
		for i := range down {
			for j := range across {
				base := xTile
				if i == 1 {
					base = xPanelC
				}
				f(tileC+2*i+j, Mem{Base: base, Index: xTileRow, Scale: 1, Disp: 64 * j})
			}
		}
	}
	Label(name)
	CMPQ(mode, U8(1))
	JEQ(LabelRef(name + "load"))
	for i := range down {
		for j := range across {
			tilezero(tileC + 2*i + j)
		}
	}
	JMP(LabelRef(name + "ready"))
	Label(name + "load")
	inC(tileloadd)
	MOVQ(xPanelA, xA)
	Label(name + "ready")
	loadA := func(i int) {
		tileloadd(tileA+i, Mem{Base: xA, Index: x64, Scale: 1, Disp: i * tileBytes})
	}
	loadB := func(j int) {
		tileloaddt1(tileB+j, Mem{Base: xB, Index: x64, Scale: 1, Disp: j * tileBytes})
	}
	step := func() {
		for i := range down {
			loadA(i)
			for j := range across {
				if i == 0 {
					loadB(j)
				}
				tdpbf16ps(tileC+2*i+j, tileA+i, tileB+j)
			}
		}
		ADDQ(U32(tileStep), xA)
		ADDQ(U32(tileStep), xB)
		DECQ(xSteps)
	}
	// ahead asks for some rows of the next block of C.
	ahead := func(rows int) {
		for range rows {
			prefetchw(xAhead, 0)
			prefetchw(xAhead, 64)
			ADDQ(xTileRow, xAhead)
		}
	}
	if down*across == 4 {
		LEAQ(Mem{Base: xTile, Disp: 4 * panelRows}, xAhead)
		CMPQ(xSteps, U8(fewSteps))
		JG(LabelRef(name + "many"))
		for range fewSteps {
			ahead(panelRows / fewSteps)
			step()
			JZ(LabelRef(name + "done"))
		}
		Label(name + "many")
		for range manySteps {
			ahead(panelRows / manySteps)
			step()
			JZ(LabelRef(name + "done"))
		}
	}
	Label(name + "step")
	step()
	JNZ(LabelRef(name + "step"))
	Label(name + "done")
	inC(tilestored)
	JMP(LabelRef("stored"))
}

// xPanelC is the second row of tiles; the panel of A is done with, or set again, when
// it is used.
var xPanelC = xA

// amxPeak emits a loop of n rounds of TDPBF16PS on registers: four accumulators, which
// cover the latency, three times each.
func amxPeak() {
	TEXT("peakAMX", NOSPLIT, "func(n int)")
	Pragma("noescape")
	Doc("peakAMX runs n rounds of 12 multiplications of tiles, of which 4 are independent at a time.")
	Load(Param("n"), RCX)
	LEAQ(tileConfig(), RAX)
	ldtilecfg(RAX)
	for i := range 8 {
		tilezero(i)
	}
	Label("loop")
	for range peakAccumulators / 4 {
		for i := range 2 {
			for j := range 2 {
				tdpbf16ps(tileC+2*i+j, tileA+i, tileB+j)
			}
		}
	}
	DECQ(RCX)
	JNZ(LabelRef("loop"))
	tilerelease()
	RET()
}

// amxState emits the reading of XCR0, which says whether the operating system saves
// tiles. It must only be called where CPUID has OSXSAVE.
func amxState() {
	TEXT("xcr0", NOSPLIT, "func() uint32")
	Doc("xcr0 returns the lower half of the extended control register 0.")
	XORL(ECX, ECX)
	XGETBV()
	Store(EAX, ReturnIndex(0))
	RET()
}

// source is the type of the values that are packed for tiles: float32, which is rounded
// on the way, or bf16.
type source struct {
	bf16 bool
}

// name is a kernel's name for values of the type.
func (s source) name(kernel string) string {
	if s.bf16 {
		return kernel + "16"
	}
	return kernel
}

func (s source) goType() string {
	if s.bf16 {
		return "uint16"
	}
	return "float32"
}

// bytes is the size of n values.
func (s source) bytes(n int) int {
	if s.bf16 {
		return 2 * n
	}
	return 4 * n
}

// load emits the loading of 16 values, those of the mask if there is one.
func (s source) load(m Mem, mask OpmaskPhysical, to int) {
	switch {
	case s.bf16 && mask == nil:
		VPMOVZXWD(m, zmm[to])
	case s.bf16:
		VPMOVZXWD_Z(m, mask, zmm[to])
	case mask == nil:
		VMOVUPS(m, zmm[to])
	default:
		VMOVUPS_Z(m, mask, zmm[to])
	}
}

// pair emits the words of two rows that are loaded in registers: the value of even
// below that of odd. It leaves them in even and destroys odd, except a zero. Z31 is
// interleave().
func (s source) pair(even, odd int, zero bool) {
	switch {
	case s.bf16 && zero:
	case s.bf16:
		VPSLLD(U8(16), zmm[odd], zmm[odd])
		VPORD(zmm[odd], zmm[even], zmm[even])
	default:
		vcvtne2ps2bf16(even, odd, even)
		VPERMW(zmm[even], Z31, zmm[even])
	}
}

// amxPackRows emits the packing of rows that run along k into a panel of A: value l of
// row i, at src + i*ld + 4*l, goes to tile row i of the step of l. There are rows <= 32
// of them; rows after them are cleared, and so is what is left of the last step.
func amxPackRows(s source) {
	name := s.name("amxPackRows")
	TEXT(name, NOSPLIT, "func(k int, src *"+s.goType()+", ld uintptr, dst *float32, rows int)")
	Pragma("noescape")
	Doc(name + " packs rows <= 32 of k values into a panel of A; see amxPackRows in gen.")
	k, src, ld, dst, rows, row, from, to := R8, RSI, RDX, RDI, R9, R10, R11, R12
	Load(Param("k"), k)
	Load(Param("src"), src)
	Load(Param("ld"), ld)
	Load(Param("dst"), dst)
	Load(Param("rows"), rows)
	// As many steps of a row at a time as leave the first-level cache in peace.
	const most = 8
	VPXORD(Z2, Z2, Z2)
	Label("group")
	XORQ(row, row)
	MOVQ(src, R13)
	MOVQ(dst, R15)
	Label("row")
	MOVQ(R13, from)
	MOVQ(R15, to)
	MOVQ(k, RCX)
	MOVQ(U32(32*most), RAX)
	CMPQ(RCX, RAX)
	CMOVQGT(RAX, RCX)
	CMPQ(row, rows)
	JGE(LabelRef("clear"))
	SUBQ(U8(32), RCX)
	JLT(LabelRef("rest"))
	Label("step")
	VMOVUPS(Mem{Base: from}, Z0)
	if !s.bf16 {
		VMOVUPS(Mem{Base: from, Disp: 64}, Z1)
		vcvtne2ps2bf16(0, 1, 0)
	}
	VMOVUPS(Z0, Mem{Base: to})
	ADDQ(U32(s.bytes(32)), from)
	ADDQ(U32(tileStep), to)
	SUBQ(U8(32), RCX)
	JGE(LabelRef("step"))
	Label("rest")
	ADDQ(U8(32), RCX)
	JZ(LabelRef("nextrow"))
	MOVL(U32(0xffffffff), EAX)
	BZHIL(ECX, EAX, EAX)
	if s.bf16 {
		KMOVD(EAX, K1)
		VMOVDQU16_Z(Mem{Base: from}, K1, Z0)
	} else {
		KMOVW(EAX, K1)
		SHRL(U8(16), EAX)
		KMOVW(EAX, K2)
		VMOVUPS_Z(Mem{Base: from}, K1, Z0)
		VMOVUPS_Z(Mem{Base: from, Disp: 64}, K2, Z1)
		vcvtne2ps2bf16(0, 1, 0)
	}
	VMOVUPS(Z0, Mem{Base: to})
	JMP(LabelRef("nextrow"))
	Label("clear")
	VMOVUPS(Z2, Mem{Base: to})
	ADDQ(U32(tileStep), to)
	SUBQ(U8(32), RCX)
	JG(LabelRef("clear"))
	Label("nextrow")
	ADDQ(ld, R13)
	ADDQ(U8(64), R15)
	INCQ(row)
	CMPQ(row, U8(panelRows))
	JLT(LabelRef("row"))
	ADDQ(U32(s.bytes(32*most)), src)
	ADDQ(U32(most*tileStep), dst)
	SUBQ(U32(32*most), k)
	JG(LabelRef("group"))
	VZEROUPPER()
	RET()
}

// amxPackColumns emits the packing of rows that run along m into panels of A: value i
// of row l, at src + l*ld + 4*i, goes to tile row i. Panels are panel bytes apart. Places
// of a last tile that has some rows are cleared, and so is what is left of the last
// step.
//
// Two rows of the matrix become one of pairs, and 16 of these are transposed. All panels
// get a step before any gets the next, so that the matrix is read in its order.
func amxPackColumns(s source) {
	name := s.name("amxPackColumns")
	TEXT(name, NOSPLIT, "func(k int, src *"+s.goType()+", ld uintptr, dst *float32, panel uintptr, rows int)")
	Pragma("noescape")
	Doc(name + " packs k rows of values along m into panels of A; see amxPackColumns in gen.")
	k, src, ld, dst, panel, rows, odd, ahead := RCX, RSI, RDX, RDI, R8, R9, R10, R11
	from, to, second := R12, R13, R14L
	Load(Param("k"), k)
	Load(Param("src"), src)
	Load(Param("ld"), ld)
	Load(Param("dst"), dst)
	Load(Param("panel"), panel)
	VMOVDQU16(interleave(), Z31)
	MOVQ(ld, ahead) // to the row of the next step
	SHLQ(U8(5), ahead)

	Label("step")
	MOVQ(src, from)
	MOVQ(dst, to)
	XORL(second, second)
	Load(Param("rows"), rows)
	Label("tile")
	MOVQ(rows, RBX)
	MOVQ(U32(tileRows), RAX)
	CMPQ(RBX, RAX)
	CMOVQGT(RAX, RBX)
	MOVL(U32(0xffff), EAX)
	BZHIL(EBX, EAX, EAX)
	KMOVW(EAX, K1)
	MOVQ(from, RBX)
	CMPQ(k, U8(32))
	JLT(LabelRef("rest"))
	LEAQ(Mem{Base: RBX, Index: ld, Scale: 1}, odd)
	for i := range 16 {
		s.load(Mem{Base: RBX}, K1, i)
		s.load(Mem{Base: odd}, K1, 30)
		PREFETCHT0(Mem{Base: RBX, Index: ahead, Scale: 1})
		PREFETCHT0(Mem{Base: odd, Index: ahead, Scale: 1})
		if i < 15 {
			LEAQ(Mem{Base: RBX, Index: ld, Scale: 2}, RBX)
			LEAQ(Mem{Base: odd, Index: ld, Scale: 2}, odd)
		}
		s.pair(i, 30, false)
	}
	Label("transpose")
	for i, r := range transpose16() {
		VMOVUPS(r, Mem{Base: to, Disp: 64 * i})
	}
	VMOVDQU16(interleave(), Z31)
	ADDQ(U8(s.bytes(tileRows)), from)
	SUBQ(U8(tileRows), rows)
	JLE(LabelRef("nextstep"))
	// The second tile of a panel, or the first of the next.
	ADDQ(U32(tileBytes), to)
	XORL(U8(1), second)
	JNZ(LabelRef("tile"))
	LEAQ(Mem{Base: to, Index: panel, Scale: 1, Disp: -tileStep}, to)
	JMP(LabelRef("tile"))
	Label("nextstep")
	ADDQ(ahead, src)
	ADDQ(U32(tileStep), dst)
	SUBQ(U8(32), k)
	JG(LabelRef("step"))
	VZEROUPPER()
	RET()

	Label("rest")
	for i := range 16 {
		VPXORD(zmm[i], zmm[i], zmm[i])
	}
	MOVQ(k, RAX)
	for i := range 16 {
		s.load(Mem{Base: RBX}, K1, i)
		VPXORD(Z30, Z30, Z30)
		CMPQ(RAX, U8(2))
		JLT(LabelRef(label("odd%d", i)))
		s.load(Mem{Base: RBX, Index: ld, Scale: 1}, K1, 30)
		Label(label("odd%d", i))
		s.pair(i, 30, false)
		LEAQ(Mem{Base: RBX, Index: ld, Scale: 2}, RBX)
		SUBQ(U8(2), RAX)
		JLE(LabelRef("transpose"))
	}
	JMP(LabelRef("transpose"))
}

// amxPackPairs emits the packing of rows that run along n into panels of B: values j of
// rows 2p and 2p+1, at src + l*ld + 4*j, become a word of tile row p. Panels are panel
// bytes apart. Columns beyond n are cleared, and so is what is left of the last step.
//
// All panels get two rows before any gets the next, so that the matrix is read in its order.
func amxPackPairs(s source) {
	name := s.name("amxPackPairs")
	TEXT(name, NOSPLIT, "func(k int, src *"+s.goType()+", ld uintptr, dst *float32, panel uintptr, n int)")
	Pragma("noescape")
	Doc(name + " packs k rows of values along n into panels of B; see amxPackPairs in gen.")
	k, src, ld, dst, panel, n, odd, even, to, pairs := RCX, RSI, RDX, RDI, R8, R9, R10, R11, R12, R13
	Load(Param("k"), k)
	Load(Param("src"), src)
	Load(Param("ld"), ld)
	Load(Param("dst"), dst)
	Load(Param("panel"), panel)
	VMOVDQU16(interleave(), Z31)
	VPXORD(Z30, Z30, Z30)
	Load(Param("n"), RBX)
	ANDL(U8(panelRows-1), EBX)
	MOVL(U32(0xffffffff), EAX)
	BZHIL(EBX, EAX, EAX)
	KMOVW(EAX, K1)
	SHRL(U8(16), EAX)
	KMOVW(EAX, K2)
	MOVQ(U32(tileRows), pairs) // left in this step

	// row emits a pair of rows of all panels.
	row := func(name string, rows int) {
		MOVQ(dst, to)
		MOVQ(src, even)
		LEAQ(Mem{Base: src, Index: ld, Scale: 1}, odd)
		Load(Param("n"), n)
		panelOf := func(masked bool) {
			load := func(base Register, j, to int) {
				var mask OpmaskPhysical
				if masked {
					mask = []OpmaskPhysical{K1, K2}[j]
				}
				s.load(Mem{Base: base, Disp: s.bytes(tileRows * j)}, mask, to)
			}
			for j := range 2 {
				if rows == 0 {
					VMOVUPS(Z30, Mem{Base: to, Disp: j * tileBytes})
					continue
				}
				load(even, j, 2*j)
				second := 30
				if rows == 2 {
					second = 2*j + 1
					load(odd, j, second)
				}
				s.pair(2*j, second, rows == 1)
				VMOVUPS(zmm[2*j], Mem{Base: to, Disp: j * tileBytes})
			}
		}
		SUBQ(U8(panelRows), n)
		JLT(LabelRef(name + "rest"))
		Label(name + "panel")
		panelOf(false)
		ADDQ(U32(s.bytes(panelRows)), even)
		ADDQ(U32(s.bytes(panelRows)), odd)
		ADDQ(panel, to)
		SUBQ(U8(panelRows), n)
		JGE(LabelRef(name + "panel"))
		Label(name + "rest")
		ADDQ(U8(panelRows), n)
		JZ(LabelRef(name + "end"))
		panelOf(true)
		Label(name + "end")
		ADDQ(U8(64), dst)
		DECQ(pairs)
	}
	Label("loop")
	CMPQ(k, U8(2))
	JLT(LabelRef("last"))
	row("pair", 2)
	JNZ(LabelRef("samestep"))
	MOVQ(U32(tileRows), pairs)
	ADDQ(U32(tileBytes), dst)
	Label("samestep")
	LEAQ(Mem{Base: src, Index: ld, Scale: 2}, src)
	SUBQ(U8(2), k)
	JNZ(LabelRef("loop"))
	JMP(LabelRef("clear"))
	Label("last")
	row("single", 1)
	JZ(LabelRef("done"))
	Label("clear")
	CMPQ(pairs, U8(tileRows))
	JEQ(LabelRef("done"))
	Label("clearrow")
	row("zero", 0)
	JNZ(LabelRef("clearrow"))
	Label("done")
	VZEROUPPER()
	RET()
}

// roundBF16 emits the rounding of n values: to nearest even, subnormals to zero, as
// packing does it.
func roundBF16() {
	TEXT("roundToBF16", NOSPLIT, "func(n int, src *float32, dst *uint16)")
	Pragma("noescape")
	Doc("roundToBF16 rounds n values; see roundBF16 in gen.")
	n, src, dst := RCX, RSI, RDI
	Load(Param("n"), n)
	Load(Param("src"), src)
	Load(Param("dst"), dst)
	SUBQ(U8(32), n)
	JLT(LabelRef("rest"))
	Label("loop")
	VMOVUPS(Mem{Base: src}, Z0)
	VMOVUPS(Mem{Base: src, Disp: 64}, Z1)
	vcvtne2ps2bf16(0, 1, 0)
	VMOVUPS(Z0, Mem{Base: dst})
	ADDQ(U32(128), src)
	ADDQ(U8(64), dst)
	SUBQ(U8(32), n)
	JGE(LabelRef("loop"))
	Label("rest")
	ADDQ(U8(32), n)
	JZ(LabelRef("done"))
	MOVL(U32(0xffffffff), EAX)
	BZHIL(ECX, EAX, EAX)
	KMOVD(EAX, K3)
	KMOVW(EAX, K1)
	SHRL(U8(16), EAX)
	KMOVW(EAX, K2)
	VMOVUPS_Z(Mem{Base: src}, K1, Z0)
	VMOVUPS_Z(Mem{Base: src, Disp: 64}, K2, Z1)
	vcvtne2ps2bf16(0, 1, 0)
	VMOVDQU16(Z0, K3, Mem{Base: dst})
	Label("done")
	VZEROUPPER()
	RET()
}

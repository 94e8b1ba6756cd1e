package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Registers of product.
var (
	pPanels = RDI
	pDepth  = RCX
	pA      = RAX // rows 0..5 of A; outside the inner loop a pointer into C
	pA6     = R8  // rows 6..11 of A
	pAStep  = RSI
	pRow    = R9 // bytes between rows of A, three and five times that
	pRow3   = R10
	pRow5   = R11
	pB      = RBX
	pBStep  = RDX
	pBPanel = R15 // bytes between panels of B
	pC      = R12
	pCRow   = R13
)

// tileRows is the most rows of A that product takes, tilePanels the panels of B
// that it does together with them.
func (k isa) tileRows() int   { return [...]int{12, 6}[k] }
func (k isa) tilePanels() int { return [...]int{2, 1}[k] }

func rowOfA(i int) Mem {
	base := pA
	if i >= 6 {
		base, i = pA6, i-6
	}
	switch i {
	case 0:
		return Mem{Base: base}
	case 3:
		return Mem{Base: base, Index: pRow3, Scale: 1}
	case 5:
		return Mem{Base: base, Index: pRow5, Scale: 1}
	}
	return Mem{Base: base, Index: pRow, Scale: uint8(i)}
}

// product emits the kernel that does every product of the attention: for rows
// i, panels p and lanes x of 16,
//
//	C[i][16p+x] = (add ? C[i][16p+x] : 0) + Σₗ A[i][l]·B[l][p][x]
//
// A is read an element at a time at a + i·aRow + l·aStep, so it may be
// transposed; B sixteen at a time at b + l·bStep + p·bPanel, so it may be
// panels of keys or rows of values. An element of C is one chain of fused
// multiply-adds over l, whatever the tile it falls in. Strides are bytes.
func product(k isa) {
	k.begin("product", "func(rows, panels, depth int, a *float32, aRow, aStep uintptr, b *float32, bStep, bPanel uintptr, c *float32, cRow uintptr, add bool)",
		"multiplies at most the tile's rows of A by panels of B; see product in gen.")
	Load(Param("panels"), pPanels)
	Load(Param("aRow"), pRow)
	Load(Param("aStep"), pAStep)
	Load(Param("bStep"), pBStep)
	Load(Param("bPanel"), pBPanel)
	Load(Param("c"), pC)
	Load(Param("cRow"), pCRow)
	LEAQ(Mem{Base: pRow, Index: pRow, Scale: 2}, pRow3)
	LEAQ(Mem{Base: pRow, Index: pRow, Scale: 4}, pRow5)
	Load(Param("rows"), pDepth)
	for r := k.tileRows(); r > 1; r-- {
		CMPQ(pDepth, U8(r))
		JEQ(LabelRef(label("rows%d", r)))
	}
	// One row: a query against a cache, many panels at a time.
	LEAQ(Mem{Base: pBPanel, Index: pBPanel, Scale: 2}, pRow3)
	LEAQ(Mem{Base: pBPanel, Index: pBPanel, Scale: 4}, pRow5)
	LEAQ(Mem{Base: pRow3, Index: pBPanel, Scale: 4}, pRow)
	wide := [...]int{8, 4}[k]
	rowLoop(k, 1, []int{wide, wide / 2, wide / 4, 1})
	for r := 2; r <= k.tileRows(); r++ {
		Label(label("rows%d", r))
		if k.tilePanels() == 2 {
			rowLoop(k, r, []int{2, 1})
		} else {
			rowLoop(k, r, []int{1})
		}
	}
	Label("done")
	end()
}

// panelOfB is where panel p lies; from 2 on, for a single row, whose registers
// for the rows of A hold multiples of pBPanel.
func panelOfB(p int) Mem {
	switch p {
	case 0:
		return Mem{Base: pB}
	case 3:
		return Mem{Base: pB, Index: pRow3, Scale: 1}
	case 5:
		return Mem{Base: pB, Index: pRow5, Scale: 1}
	case 6:
		return Mem{Base: pB, Index: pRow3, Scale: 2}
	case 7:
		return Mem{Base: pB, Index: pRow, Scale: 1}
	}
	return Mem{Base: pB, Index: pBPanel, Scale: uint8(p)}
}

// rowLoop emits the loop over the panels for r rows, in steps of each of the
// widths, the largest first.
func rowLoop(k isa, r int, widths []int) {
	done := -1
	for i, w := range widths {
		if w == done || w < 1 {
			continue
		}
		done = w
		Label(label("r%dw%d", r, w))
		CMPQ(pPanels, U8(w))
		last := i == len(widths)-1 || w == 1
		if last {
			JLT(LabelRef("done"))
		} else {
			JLT(LabelRef(label("r%dw%d", r, widths[i+1])))
		}
		productTile(k, r, w)
		SUBQ(U8(w), pPanels)
		JMP(LabelRef(label("r%dw%d", r, w)))
		if last {
			return
		}
	}
}

// productTile emits one tile of r rows and w panels and moves b and c on.
func productTile(k isa, r, w int) {
	name := label("r%dw%d", r, w)
	each := panel / k.lanes() // vectors in a panel
	n := w * each
	acc := func(i, j int) VecPhysical { return k.v(i*n + j) }
	at := func(m Mem, j int) Mem { return m.Offset(j % each * k.bytes()) }
	inC := func(j int) Mem { return Mem{Base: pA, Disp: j * k.bytes()} }

	Load(Param("b"), pB)
	Load(Param("depth"), pDepth)
	MOVBLZX(NewParamAddr("add", 88), EAX)
	TESTL(EAX, EAX)
	JNZ(LabelRef(name + "add"))
	for i := range r * n {
		k.zero(i)
	}
	JMP(LabelRef(name + "begin"))
	Label(name + "add")
	MOVQ(pC, pA)
	for i := range r {
		for j := range n {
			VMOVUPS(inC(j), acc(i, j))
		}
		if i < r-1 {
			ADDQ(pCRow, pA)
		}
	}
	Label(name + "begin")
	Load(Param("a"), pA)
	if r > 6 {
		LEAQ(Mem{Base: pRow3, Index: pRow3, Scale: 1}, pA6)
		ADDQ(pA, pA6)
	}

	free := r * n // first register after the accumulators
	registers := [...]int{32, 16}[k]
	Label(name + "step")
	switch {
	case r == 1:
		VBROADCASTSS(rowOfA(0), k.v(free))
		for j := range n {
			VFMADD231PS(at(panelOfB(j/each), j), k.v(free), acc(0, j))
		}
	case n == 1:
		VMOVUPS(panelOfB(0), k.v(free))
		for i := range r {
			VFMADD231PS_BCST(rowOfA(i), k.v(free), acc(i, 0))
		}
	default:
		for j := range n {
			VMOVUPS(at(panelOfB(j/each), j), k.v(free+j))
		}
		broadcasts := min(registers-free-n, 6)
		for i := range r {
			t := k.v(free + n + i%broadcasts)
			VBROADCASTSS(rowOfA(i), t)
			for j := range n {
				VFMADD231PS(t, k.v(free+j), acc(i, j))
			}
		}
	}
	ADDQ(pBStep, pB)
	ADDQ(pAStep, pA)
	if r > 6 {
		ADDQ(pAStep, pA6)
	}
	DECQ(pDepth)
	JNZ(LabelRef(name + "step"))

	MOVQ(pC, pA)
	for i := range r {
		for j := range n {
			VMOVUPS(acc(i, j), inC(j))
		}
		if i < r-1 {
			ADDQ(pCRow, pA)
		}
	}
	ADDQ(U32(w*panel*4), pC)
	// The next panels of B: the argument is this function's to change.
	Load(Param("b"), pB)
	m := panelOfB(w)
	if w == 8 {
		m = Mem{Base: pB, Index: pBPanel, Scale: 8}
	}
	LEAQ(m, pB)
	MOVQ(pB, NewParamAddr("b", 48))
}

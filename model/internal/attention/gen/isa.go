package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// isa is an instruction set; its methods emit what the two do differently, so
// that most kernels are written once.
type isa int

const (
	avx512 isa = iota
	avx2
)

// panel is the number of keys side by side in a packed panel, on every
// instruction set.
const panel = 16

func (k isa) name() string { return [...]string{"AVX512", "AVX2"}[k] }

// lanes is the number of float32 in a vector register, bytes its size.
func (k isa) lanes() int { return [...]int{16, 8}[k] }
func (k isa) bytes() int { return 4 * k.lanes() }

var (
	zmm = [...]VecPhysical{
		Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15,
		Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31,
	}
	ymm = [...]VecPhysical{Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11, Y12, Y13, Y14, Y15}
	xmm = [...]VecPhysical{X0, X1, X2, X3, X4, X5, X6, X7, X8, X9, X10, X11, X12, X13, X14, X15}
)

// v is vector register i, x its lowest four lanes (i below 16).
func (k isa) v(i int) VecPhysical {
	if k == avx2 {
		return ymm[i]
	}
	return zmm[i]
}

func (k isa) zero(i int) {
	if k == avx2 {
		VXORPS(ymm[i], ymm[i], ymm[i])
		return
	}
	VPXORD(zmm[i], zmm[i], zmm[i])
}

func (k isa) copy(from, to int) { VMOVAPS(k.v(from), k.v(to)) }

// mask is the register that selects the lanes of a row's last, partial vector:
// K1, or vector 15 with ones in these lanes.
const mask = 15

// setMask makes the mask of the first n lanes (n below the number of lanes) and
// overwrites n and the scratch register.
func (k isa) setMask(n, scratch GPPhysical) {
	if k == avx512 {
		MOVL(U32(0xffffffff), scratch.As32().(Register))
		BZHIL(n.As32().(Register), scratch.As32().(Register), scratch.As32().(Register))
		KMOVW(scratch.As32().(Register), K1)
		return
	}
	LEAQ(laneMask(), scratch)
	NEGQ(n)
	VMOVUPS(Mem{Base: scratch, Index: n, Scale: 4, Disp: 32}, k.v(mask))
}

// loadMasked reads the mask's lanes and zeroes the others.
func (k isa) loadMasked(from Mem, to int) {
	if k == avx512 {
		VMOVUPS_Z(from, K1, k.v(to))
		return
	}
	VMASKMOVPS(from, k.v(mask), k.v(to))
}

// storeMasked writes the mask's lanes.
func (k isa) storeMasked(from int, to Mem) {
	if k == avx512 {
		VMOVUPS(k.v(from), K1, to)
		return
	}
	VMASKMOVPS(k.v(from), k.v(mask), to)
}

// keepMasked zeroes the lanes outside the mask.
func (k isa) keepMasked(i int) {
	if k == avx512 {
		VMOVAPS_Z(k.v(i), K1, k.v(i))
		return
	}
	VANDPS(k.v(mask), k.v(i), k.v(i))
}

// fold combines all lanes of register i by op and leaves the result in every
// lane. The order is the same on both: halves, quarters, pairs.
func (k isa) fold(i, scratch int, op func(...Op)) {
	a, t := k.v(i), k.v(scratch)
	if k == avx512 {
		VSHUFF64X2(U8(0x4e), a, a, t)
		op(t, a, a)
		VSHUFF64X2(U8(0xb1), a, a, t)
		op(t, a, a)
	} else {
		VPERM2F128(U8(1), a, a, t)
		op(t, a, a)
	}
	VPERMILPS(U8(0x4e), a, t)
	op(t, a, a)
	VPERMILPS(U8(0xb1), a, t)
	op(t, a, a)
}

// Constants of exp2 and of finish. Each is stored eight times, for AVX2, which
// reads them in place; AVX-512 keeps those of exp2 in registers.
type constant int

const (
	expLow   constant = iota // below it 2ˣ counts as 0
	expMagic                 // 1.5·2²³: leaves the nearest integer in the low bits
	expOne
	exp0 // coefficients of (2ʳ−1)/r, Cephes exp2f.c
	exp1
	exp2c
	exp3
	exp4
	exp5
	constants
)

const (
	logHalf  constant = iota + constants // bits of √½
	logMant                              // bits of the mantissa
	logTerm0                             // 2/ln 2 · 1/(2i+1)
	logTerm1
	logTerm2
	logTerm3
	logTerm4
	allConstants
)

func bits(x float64) uint32 { return math.Float32bits(float32(x)) }

var constantBits = [allConstants]uint32{
	expLow: bits(-125.5), expMagic: bits(12582912), expOne: bits(1),
	exp0: bits(6.931472028550421e-1), exp1: bits(2.402264791363012e-1), exp2c: bits(5.550332471162809e-2),
	exp3: bits(9.618437357674640e-3), exp4: bits(1.339887440266574e-3), exp5: bits(1.535336188319500e-4),
	logHalf: 0x3f3504f3, logMant: 0x007fffff,
	logTerm0: bits(2 / math.Ln2), logTerm1: bits(2 / math.Ln2 / 3), logTerm2: bits(2 / math.Ln2 / 5),
	logTerm3: bits(2 / math.Ln2 / 7), logTerm4: bits(2 / math.Ln2 / 9),
}

var (
	tables    = map[string]Mem{}
	laneWords = 8
)

// table returns read-only words, defined at first use.
func table(name string, words []uint32) Mem {
	m, ok := tables[name]
	if !ok {
		m = GLOBL(name, 8|16) // RODATA|NOPTR
		for i, w := range words {
			DATA(4*i, U32(w))
		}
		tables[name] = m
	}
	return m
}

// laneMask is eight words of ones, then eight of zeros: the mask of the first n
// lanes starts at word 8−n.
func laneMask() Mem {
	words := make([]uint32, 2*laneWords)
	for i := range laneWords {
		words[i] = 0xffffffff
	}
	return table("laneMask", words)
}

func (c constant) mem() Mem {
	var words []uint32
	for _, w := range constantBits {
		for range laneWords {
			words = append(words, w)
		}
	}
	return table("constants", words).Offset(4 * laneWords * int(c))
}

// constantBase is the first of the AVX-512 registers that hold the constants of
// exp2.
const constantBase = 16

// loadConstants prepares for exp2.
func (k isa) loadConstants() {
	if k == avx512 {
		for c := range constants {
			VBROADCASTSS(c.mem(), k.v(constantBase+int(c)))
		}
	}
}

// c is a constant of exp2 as an operand.
func (k isa) c(c constant) Op {
	if k == avx512 {
		return k.v(constantBase + int(c))
	}
	return c.mem()
}

// exp2 replaces register x by 2ˣ, for x up to 127; below −125.5 that is 0, and
// NaN stays NaN. Relative error below 2e-7. Three registers of scratch.
func (k isa) exp2(x, t, p, low int) {
	X, T, P := k.v(x), k.v(t), k.v(p)
	const notLess = 5 // true for NaN
	if k == avx512 {
		VCMPPS(U8(notLess), k.c(expLow), X, K2)
	} else {
		VCMPPS(U8(notLess), k.c(expLow), X, k.v(low))
	}
	VADDPS(k.c(expMagic), X, T)
	VSUBPS(k.c(expMagic), T, P)
	VSUBPS(P, X, X) // r, exactly
	VPSLLD(U8(23), T, T)
	if k == avx512 {
		VPADDD(k.c(expOne), T, T) // the power of two
	} else {
		VPADDD(k.c(expOne), T, T)
	}
	if k == avx512 {
		VMOVAPS(k.c(exp5), P)
	} else {
		VMOVUPS(k.c(exp5), P)
	}
	for c := exp4; c >= exp0; c-- {
		VFMADD213PS(k.c(c), X, P)
	}
	VMULPS(X, P, X)
	if k == avx512 {
		VFMADD213PS_Z(T, T, K2, X)
	} else {
		VFMADD213PS(T, T, X)
		VANDPS(k.v(low), X, X)
	}
}

func label(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// begin starts a kernel.
func (k isa) begin(name, signature, doc string) {
	begin(name+k.name(), signature, doc)
}

func begin(name, signature, doc string) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + " " + doc)
}

func end() {
	VZEROUPPER()
	RET()
}

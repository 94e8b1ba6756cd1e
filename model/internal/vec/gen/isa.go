package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/gotypes"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// isa is an instruction set to emit a kernel for. All kernels take 16 numbers at
// a time, lane i of a sum being element i modulo 16: AVX2 does that in two halves
// of eight. Multiply-adds are not fused. So every instruction set, and the plain
// Go twin, computes the same bits.
type isa int

const (
	avx512 isa = iota
	avx2
)

func (k isa) String() string { return [...]string{"AVX512", "AVX2"}[k] }

// halves is the number of registers that 16 numbers take.
func (k isa) halves() int { return [...]int{1, 2}[k] }

func (k isa) reg() VecVirtual {
	if k == avx2 {
		return YMM()
	}
	return ZMM()
}

// opcode is an instruction with a memory or register operand, and its form whose
// memory operand is one number broadcast to all lanes.
type opcode struct{ full, broadcast func(...Op) }

var (
	opAdd = opcode{VADDPS, VADDPS_BCST}
	opSub = opcode{VSUBPS, VSUBPS_BCST}
	opMul = opcode{VMULPS, VMULPS_BCST}
	opDiv = opcode{VDIVPS, VDIVPS_BCST}
	opMax = opcode{VMAXPS, VMAXPS_BCST}
	opMin = opcode{VMINPS, VMINPS_BCST}
)

// constants are the numbers that have been written to the data section.
var constants = map[string]bool{}

// constant returns the address of a table of eight times the same bits.
func constant(bits uint32) Mem {
	name := fmt.Sprintf("c%08x", bits)
	if !constants[name] {
		constants[name] = true
		GLOBL(name, RODATA|NOPTR)
		for i := range 8 {
			DATA(4*i, U32(bits))
		}
	}
	return NewDataAddr(Symbol{Name: name, Static: true}, 0)
}

// slidingMask is the address of 16 words of ones followed by 16 of zeros.
func slidingMask() Mem {
	const name = "slidingMask"
	if !constants[name] {
		constants[name] = true
		GLOBL(name, RODATA|NOPTR)
		for i := range 32 {
			x := uint32(0)
			if i < 16 {
				x = math.MaxUint32
			}
			DATA(4*i, U32(x))
		}
	}
	return NewDataAddr(Symbol{Name: name, Static: true}, 0)
}

// op emits a op b, lane by lane. Either may be a register or a float64, which
// stands for itself in all lanes; b may be memory.
func (k isa) op(o opcode, a, b any) VecVirtual {
	dst := k.reg()
	first, ok := a.(Op)
	if !ok {
		first = k.broadcast(a.(float64))
	}
	switch b := b.(type) {
	case float64:
		m := constant(math.Float32bits(float32(b)))
		if k == avx512 {
			o.broadcast(m, first, dst)
		} else {
			o.full(m, first, dst)
		}
	case Op:
		o.full(b, first, dst)
	}
	return dst
}

func (k isa) add(a, b any) VecVirtual { return k.op(opAdd, a, b) }
func (k isa) sub(a, b any) VecVirtual { return k.op(opSub, a, b) }
func (k isa) mul(a, b any) VecVirtual { return k.op(opMul, a, b) }
func (k isa) div(a, b any) VecVirtual { return k.op(opDiv, a, b) }

// max is the larger of a and b, and b where one of them is NaN.
func (k isa) max(a, b any) VecVirtual { return k.op(opMax, a, b) }

// min is the smaller of a and b, and b where one of them is NaN.
func (k isa) min(a, b any) VecVirtual { return k.op(opMin, a, b) }

// horner is (…(c₀·x + c₁)·x + …) + cₙ.
func (k isa) horner(x VecVirtual, c ...float64) VecVirtual {
	y := k.mul(x, c[0])
	for i, ci := range c[1:] {
		if i > 0 {
			y = k.mul(y, x)
		}
		y = k.add(y, ci)
	}
	return y
}

func (k isa) sqrt(x VecVirtual) VecVirtual {
	dst := k.reg()
	VSQRTPS(x, dst)
	return dst
}

// abs clears the sign.
func (k isa) abs(x VecVirtual) VecVirtual {
	dst := k.reg()
	m := constant(math.MaxInt32)
	if k == avx512 {
		VANDPS_BCST(m, x, dst)
	} else {
		VANDPS(m, x, dst)
	}
	return dst
}

// selectBySign is a where x is 0 or above, or -0, or NaN with a clear sign,
// else b: the sign bit decides.
func (k isa) selectBySign(x, a, b VecVirtual) VecVirtual {
	dst := k.reg()
	if k == avx2 {
		VBLENDVPS(x, b, a, dst)
		return dst
	}
	VPMOVD2M(x, K2)
	VBLENDMPS(b, a, K2, dst)
	return dst
}

// broadcast returns a register that holds x in all lanes.
func (k isa) broadcast(x float64) VecVirtual {
	dst := k.reg()
	VBROADCASTSS(constant(math.Float32bits(float32(x))), dst)
	return dst
}

// param returns a register that holds a float32 parameter in all lanes.
func (k isa) param(name string) VecVirtual {
	dst := k.reg()
	VBROADCASTSS(address(Param(name)), dst)
	return dst
}

// address is where a parameter or result lies. The instructions that avo has for
// moving a float32 from there are SSE's, which stall where the upper parts of
// registers are in use.
func address(c gotypes.Component) Mem {
	b, err := c.Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// result stores the lowest lane of x.
func result(x VecVirtual, i int) { VMOVSS(x.AsX(), address(ReturnIndex(i))) }

// paramAt returns element i of the array that a parameter points to in all lanes.
func (k isa) paramAt(pointer Register, i int) VecVirtual {
	dst := k.reg()
	VBROADCASTSS(Mem{Base: pointer, Disp: 4 * i}, dst)
	return dst
}

func (k isa) zero() VecVirtual {
	dst := k.reg()
	if k == avx2 {
		VXORPS(dst, dst, dst)
	} else {
		VPXORD(dst, dst, dst)
	}
	return dst
}

// accumulator is 16 lanes of a sum.
type accumulator []VecVirtual

func (k isa) newSum() accumulator {
	var a accumulator
	for range k.halves() {
		a = append(a, k.zero())
	}
	return a
}

// total adds the 16 lanes: those eight apart, then four, two, one.
func (k isa) total(a accumulator) VecVirtual { return k.reduce(a, VADDPS) }

// reduce combines the 16 lanes: those eight apart, then four, two, one. The
// upper one is the second operand of the instruction.
func (k isa) reduce(a accumulator, combine func(...Op)) VecVirtual {
	y := YMM()
	if k == avx2 {
		combine(a[1], a[0], y)
	} else {
		high := YMM()
		VEXTRACTF32X8(U8(1), a[0], high)
		combine(high, a[0].AsY(), y)
	}
	x, t := XMM(), XMM()
	if k == avx2 {
		VEXTRACTF128(U8(1), y, t)
	} else {
		VEXTRACTF32X4(U8(1), y, t)
	}
	combine(t, y.AsX(), x)
	VPERMILPS(U8(0b1110), x, t)
	combine(t, x, x)
	VPERMILPS(U8(0b01), x, t)
	combine(t, x, x)
	return x
}

// step is the body of a kernel's loop for one half of 16 elements, the last of
// which may lie past the end.
type step struct {
	isa
	half  int
	tail  bool
	index Register   // bytes
	mask  VecVirtual // AVX2, tail
}

func (s *step) at(base Register) Mem {
	return Mem{Base: base, Index: s.index, Scale: 1, Disp: 32 * s.half}
}

// load returns elements of the array at base; 0 past the end.
func (s *step) load(base Register) VecVirtual {
	dst := s.reg()
	switch {
	case !s.tail:
		VMOVUPS(s.at(base), dst)
	case s.isa == avx2:
		VMASKMOVPS(s.at(base), s.mask, dst)
	default:
		VMOVUPS_Z(s.at(base), K1, dst)
	}
	return dst
}

// store writes elements of the array at base.
func (s *step) store(x VecVirtual, base Register) {
	switch {
	case !s.tail:
		VMOVUPS(x, s.at(base))
	case s.isa == avx2:
		VMASKMOVPS(x, s.mask, s.at(base))
	default:
		VMOVUPS(x, K1, s.at(base))
	}
}

// addTo adds x to a sum.
func (s *step) addTo(a accumulator, x VecVirtual) {
	acc := a[s.half]
	switch {
	case !s.tail:
		VADDPS(x, acc, acc)
	case s.isa == avx2:
		t := s.reg()
		VANDPS(x, s.mask, t)
		VADDPS(t, acc, acc)
	default:
		VADDPS(x, acc, K1, acc)
	}
}

// begin opens a function.
func begin(k isa, name, signature, doc string) {
	TEXT(name+k.String(), NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + k.String() + " " + doc)
}

// loop emits body for all elements of arrays as long as the named one.
func (k isa) loop(first string, body func(s *step)) {
	n, index, whole := GP64(), GP64(), GP64()
	Load(Param(first).Len(), n)
	MOVQ(n, whole)
	SHLQ(U8(2), whole)
	ANDQ(I8(-64), whole)
	XORQ(index, index)
	JMP(LabelRef("test"))
	Label("loop")
	for half := range k.halves() {
		body(&step{isa: k, half: half, index: index})
	}
	ADDQ(U8(64), index)
	Label("test")
	CMPQ(index, whole)
	JLT(LabelRef("loop"))
	ANDQ(U8(15), n)
	JZ(LabelRef("done"))
	if k == avx512 {
		mask := GP32()
		MOVL(U32(math.MaxUint32), mask)
		BZHIL(n.As32(), mask, mask)
		KMOVW(mask, K1)
		body(&step{isa: k, index: index, tail: true})
	} else {
		table := GP64()
		LEAQ(slidingMask(), table)
		NEGQ(n)
		for half := range 2 {
			mask := YMM()
			VMOVUPS(Mem{Base: table, Index: n, Scale: 4, Disp: 64 + 32*half}, mask)
			body(&step{isa: k, half: half, index: index, tail: true, mask: mask})
		}
	}
	Label("done")
}

// end closes a function.
func end() {
	VZEROUPPER()
	RET()
}

func base(param string) Register { return Load(Param(param).Base(), GP64()) }

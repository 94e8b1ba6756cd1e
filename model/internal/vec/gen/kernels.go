package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The kernels; what they compute is said at the functions of package vec.

func add(k isa) {
	begin(k, "add", "func(dst, a, b []float32)", "is addGo.")
	dst, a, b := base("dst"), base("a"), base("b")
	k.loop("dst", func(s *step) { s.store(s.add(s.load(a), s.load(b)), dst) })
	end()
}

func addSum(k isa) {
	begin(k, "addSum", "func(dst, a, b []float32) float32", "is addSumGo.")
	dst, a, b := base("dst"), base("a"), base("b")
	acc := k.newSum()
	k.loop("dst", func(s *step) {
		x := s.add(s.load(a), s.load(b))
		s.store(x, dst)
		s.addTo(acc, x)
	})
	result(k.total(acc), 0)
	end()
}

func scale(k isa) {
	begin(k, "scale", "func(x []float32, by float32)", "is scaleGo.")
	x, by := base("x"), k.param("by")
	k.loop("x", func(s *step) { s.store(s.mul(s.load(x), by), x) })
	end()
}

func mix(k isa) {
	begin(k, "mix", "func(dst, src []float32, alpha, beta float32)", "is mixGo.")
	dst, src, alpha, beta := base("dst"), base("src"), k.param("alpha"), k.param("beta")
	k.loop("dst", func(s *step) {
		s.store(s.add(s.mul(s.load(dst), alpha), s.mul(s.load(src), beta)), dst)
	})
	end()
}

// addRows keeps 64 columns of dst in registers while it goes through the rows, then
// 16 at a time, then what is left of them.
func addRows(k isa) {
	begin(k, "addRows", "func(dst, table []float32, index []int32)", "is addRowsGo.")
	dst, table, index := base("dst"), base("table"), base("index")
	rows, columns, stride := GP64(), GP64(), GP64()
	Load(Param("index").Len(), rows)
	Load(Param("dst").Len(), columns)
	MOVQ(columns, stride)
	SHLQ(U8(2), stride)
	// each emits body for the byte offset of every row.
	each := func(name string, body func(row Register)) {
		i, row := GP64(), GP64()
		XORQ(i, i)
		JMP(LabelRef(name + "Test"))
		Label(name + "Row")
		MOVLQSX(Mem{Base: index, Index: i, Scale: 4}, row)
		IMULQ(stride, row)
		body(row)
		INCQ(i)
		Label(name + "Test")
		CMPQ(i, rows)
		JLT(LabelRef(name + "Row"))
	}
	size := 64 / k.halves()
	for _, block := range []struct {
		name    string
		columns int
	}{{"wide", 64}, {"narrow", 16}} {
		JMP(LabelRef(block.name))
		Label(block.name + "Columns")
		var sum []VecVirtual
		for v := range block.columns / 16 * k.halves() {
			sum = append(sum, k.reg())
			VMOVUPS(Mem{Base: dst, Disp: v * size}, sum[v])
		}
		each(block.name, func(row Register) {
			for v, s := range sum {
				VADDPS(Mem{Base: table, Index: row, Scale: 1, Disp: v * size}, s, s)
			}
		})
		for v, s := range sum {
			VMOVUPS(s, Mem{Base: dst, Disp: v * size})
		}
		ADDQ(I32(4*block.columns), dst)
		ADDQ(I32(4*block.columns), table)
		SUBQ(U8(block.columns), columns)
		Label(block.name)
		CMPQ(columns, U8(block.columns))
		JGE(LabelRef(block.name + "Columns"))
	}
	TESTQ(columns, columns)
	JZ(LabelRef("done"))
	if k == avx512 {
		mask, sum := GP32(), k.reg()
		MOVL(U32(math.MaxUint32), mask)
		BZHIL(columns.As32(), mask, mask)
		KMOVW(mask, K1)
		VMOVUPS_Z(Mem{Base: dst}, K1, sum)
		each("tail", func(row Register) { VADDPS(Mem{Base: table, Index: row, Scale: 1}, sum, K1, sum) })
		VMOVUPS(sum, K1, Mem{Base: dst})
	} else {
		slide := GP64()
		LEAQ(slidingMask(), slide)
		NEGQ(columns)
		var mask, sum [2]VecVirtual
		for h := range mask {
			mask[h], sum[h] = k.reg(), k.reg()
			VMOVUPS(Mem{Base: slide, Index: columns, Scale: 4, Disp: 64 + 32*h}, mask[h])
			VMASKMOVPS(Mem{Base: dst, Disp: 32 * h}, mask[h], sum[h])
		}
		each("tail", func(row Register) {
			for h, s := range sum {
				t := k.reg()
				VMASKMOVPS(Mem{Base: table, Index: row, Scale: 1, Disp: 32 * h}, mask[h], t)
				VADDPS(t, s, s)
			}
		})
		for h, s := range sum {
			VMASKMOVPS(s, mask[h], Mem{Base: dst, Disp: 32 * h})
		}
	}
	Label("done")
	end()
}

func sum(k isa) {
	begin(k, "sum", "func(x []float32) float32", "is sumGo.")
	x, acc := base("x"), k.newSum()
	k.loop("x", func(s *step) { s.addTo(acc, s.load(x)) })
	result(k.total(acc), 0)
	end()
}

func maximum(k isa) {
	begin(k, "maximum", "func(x []float32) float32", "is maximumGo.")
	x := base("x")
	var acc accumulator
	for range k.halves() {
		acc = append(acc, k.broadcast(math.Inf(-1)))
	}
	k.loop("x", func(s *step) {
		v, m := s.load(x), acc[s.half]
		switch {
		case !s.tail:
			VMAXPS(m, v, m)
		case s.isa == avx2:
			t := s.reg()
			VBLENDVPS(s.mask, v, m, t)
			VMAXPS(m, t, m)
		default:
			VMAXPS(m, v, K1, m)
		}
	})
	result(k.reduce(acc, VMAXPS), 0)
	end()
}

func squaredDistance(k isa) {
	begin(k, "squaredDistance", "func(x []float32, from float32) float32", "is squaredDistanceGo.")
	x, from, acc := base("x"), k.param("from"), k.newSum()
	k.loop("x", func(s *step) {
		d := s.sub(s.load(x), from)
		s.addTo(acc, s.mul(d, d))
	})
	result(k.total(acc), 0)
	end()
}

func normalize(k isa, bias bool) {
	if bias {
		begin(k, "normalizeBias", "func(dst, x, w, b []float32, mean, rstd float32)", "is normalizeBiasGo.")
	} else {
		begin(k, "normalize", "func(dst, x, w []float32, mean, rstd float32)", "is normalizeGo.")
	}
	dst, x, w := base("dst"), base("x"), base("w")
	b := w
	if bias {
		b = base("b")
	}
	mean, rstd := k.param("mean"), k.param("rstd")
	k.loop("dst", func(s *step) {
		y := s.mul(s.mul(s.sub(s.load(x), mean), rstd), s.load(w))
		if bias {
			y = s.add(y, s.load(b))
		}
		s.store(y, dst)
	})
	end()
}

func normBackwardSums(k isa) {
	begin(k, "normBackwardSums", "func(dw, dy, x, w []float32, mean, rstd float32) (sumG, sumH float32)", "is normBackwardSumsGo.")
	dw, dy, x, w := base("dw"), base("dy"), base("x"), base("w")
	mean, rstd := k.param("mean"), k.param("rstd")
	g, h := k.newSum(), k.newSum()
	k.loop("dw", func(s *step) {
		norm := s.mul(s.sub(s.load(x), mean), rstd)
		y := s.load(dy)
		s.store(s.add(s.load(dw), s.mul(y, norm)), dw)
		gi := s.mul(y, s.load(w))
		s.addTo(g, gi)
		s.addTo(h, s.mul(gi, norm))
	})
	result(k.total(g), 0)
	result(k.total(h), 1)
	end()
}

func normBackwardApply(k isa) {
	begin(k, "normBackwardApply", "func(dx, dy, x, w []float32, mean, rstd, meanG, meanH float32)", "is normBackwardApplyGo.")
	dx, dy, x, w := base("dx"), base("dy"), base("x"), base("w")
	mean, rstd, g, h := k.param("mean"), k.param("rstd"), k.param("meanG"), k.param("meanH")
	k.loop("dx", func(s *step) {
		norm := s.mul(s.sub(s.load(x), mean), rstd)
		t := s.sub(s.sub(s.mul(s.load(dy), s.load(w)), g), s.mul(norm, h))
		s.store(s.add(s.load(dx), s.mul(t, rstd)), dx)
	})
	end()
}

func expSum(k isa) {
	begin(k, "expSum", "func(dst, x []float32, shift float32) float32", "is expSumGo.")
	dst, x, shift, acc := base("dst"), base("x"), k.param("shift"), k.newSum()
	k.loop("dst", func(s *step) {
		e := s.exp(s.sub(s.load(x), shift))
		s.store(e, dst)
		s.addTo(acc, e)
	})
	result(k.total(acc), 0)
	end()
}

func sumSquares(k isa) {
	begin(k, "sumSquares", "func(x []float32) float64", "is sumSquaresGo.")
	x := base("x")
	var acc accumulator // eight doubles, or four, each
	for range 2 * k.halves() {
		acc = append(acc, k.zero())
	}
	k.loop("x", func(s *step) {
		v := s.load(x)
		low, high := v.AsX(), XMM().AsX()
		if k == avx512 {
			low, high = v.AsY(), YMM().AsY()
			VEXTRACTF32X8(U8(1), v, high)
		} else {
			VEXTRACTF128(U8(1), v, high)
		}
		for i, part := range []Op{low, high} {
			d := k.reg()
			VCVTPS2PD(part, d)
			VMULPD(d, d, d)
			a := acc[2*s.half+i]
			VADDPD(d, a, a)
		}
	})
	// 16 lanes to 8, to 4.
	y := YMM()
	if k == avx512 {
		VADDPD(acc[1], acc[0], acc[0])
		t := YMM()
		VEXTRACTF64X4(U8(1), acc[0], t)
		VADDPD(t, acc[0].AsY(), y)
	} else {
		VADDPD(acc[2], acc[0], acc[0])
		VADDPD(acc[3], acc[1], acc[1])
		VADDPD(acc[1], acc[0], y)
	}
	r, t := XMM(), XMM()
	if k == avx512 {
		VEXTRACTF64X2(U8(1), y, t)
	} else {
		VEXTRACTF128(U8(1), y, t)
	}
	VADDPD(t, y.AsX(), r)
	VPERMILPD(U8(1), r, t)
	VADDSD(t, r, r)
	VMOVSD(r, address(ReturnIndex(0)))
	end()
}

func adamW(k isa) {
	begin(k, "adamW", "func(w, g, m, v []float32, c *[9]float32)", "is adamWGo.")
	w, g, m, v := base("w"), base("g"), base("m"), base("v")
	c := Load(Param("c"), GP64())
	var p [9]Op
	for i := range p {
		if k == avx512 {
			p[i] = k.paramAt(c, i)
		}
	}
	// With 16 registers there is no room for all of them.
	param := func(i int) Op {
		if k == avx512 {
			return p[i]
		}
		return k.paramAt(c, i)
	}
	k.loop("w", func(s *step) {
		x := s.mul(s.load(g), param(0))
		mi := s.add(s.mul(s.load(m), param(2)), s.mul(x, param(4)))
		s.store(mi, m)
		vi := s.add(s.mul(s.load(v), param(3)), s.mul(s.mul(x, x), param(5)))
		s.store(vi, v)
		d := s.add(s.mul(s.sqrt(vi), param(7)), param(8))
		s.store(s.sub(s.mul(s.load(w), param(1)), s.div(s.mul(mi, param(6)), d)), w)
	})
	end()
}

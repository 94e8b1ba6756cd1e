package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// exp emits eˣ; see exp in package vec for the method.
func (k isa) exp(x VecVirtual) VecVirtual {
	x = k.min(89.0, k.max(-88.0, x))
	const magic = 12582912 + 127
	t := k.add(k.mul(x, 1.44269504088896341), float64(magic))
	n := k.sub(t, float64(magic))
	r := k.sub(k.sub(x, k.mul(n, 0.693359375)), k.mul(n, -2.12194440e-4))
	y := k.horner(r, 0.001381454, 0.008368745, 0.04166839, 0.16666521, 0.49999994)
	y = k.add(k.add(k.mul(y, k.mul(r, r)), r), 1.0)
	power := k.reg()
	VPSLLD(U8(23), t, power)
	return k.mul(y, power)
}

// An activation emits s and, when asked to, ds such that GELU is x·s and its
// derivative s + x·ds.
type activation func(k isa, x VecVirtual, slope bool) (s, ds VecVirtual)

// gaussian emits the distribution function and density of N(0, 1).
func gaussian(k isa, x VecVirtual, slope bool) (cdf, pdf VecVirtual) {
	e := k.exp(k.mul(k.mul(x, -0.5), x))
	t := k.div(1.0, k.add(k.mul(k.abs(x), 0.3275911*0.70710678118654752), 1.0))
	tail := k.horner(t, 0.5*1.061405429, 0.5*-1.453152027, 0.5*1.421413741, 0.5*-0.284496736, 0.5*0.254829592)
	tail = k.mul(tail, k.mul(t, e))
	cdf = k.selectBySign(x, k.sub(1.0, tail), tail)
	if slope {
		pdf = k.mul(e, 0.39894228040143268)
	}
	return cdf, pdf
}

// logistic emits (1+tanh u)/2 of the tanh form of GELU and its derivative.
func logistic(k isa, x VecVirtual, slope bool) (s, ds VecVirtual) {
	const scale, cubic = 0.79788456080286536, 0.044715
	xx := k.mul(x, x)
	// −2u
	u := k.mul(x, k.add(k.mul(xx, -2*scale*cubic), -2*scale))
	s = k.div(1.0, k.add(k.exp(u), 1.0))
	if slope {
		ds = k.mul(k.mul(s, k.sub(1.0, s)), k.add(k.mul(xx, 6*scale*cubic), 2*scale))
	}
	return s, ds
}

func gelu(k isa, name string, f activation) {
	begin(k, name, "func(dst, x []float32)", "is "+name+"Go.")
	dst, x := base("dst"), base("x")
	k.loop("dst", func(s *step) {
		v := s.load(x)
		y, _ := f(k, v, false)
		s.store(s.mul(v, y), dst)
	})
	end()
}

func geluGrad(k isa, name string, f activation) {
	begin(k, name, "func(y, x, dy []float32)", "is "+name+"Go.")
	y, x, dy := base("y"), base("x"), base("dy")
	k.loop("y", func(s *step) {
		v := s.load(x)
		c, d := f(k, v, true)
		slope := s.add(c, s.mul(v, d))
		s.store(s.mul(s.load(dy), slope), dy)
		s.store(s.mul(v, c), y)
	})
	end()
}

// Command gen writes the assembly kernels of package vec, with their Go
// declarations, by means of avo. It is a module of its own so that avo is no
// dependency of the program. Run it through go generate in model/internal/vec.
package main

import "github.com/mmcloughlin/avo/build"

func main() {
	build.ConstraintExpr("!noasm")
	for _, k := range []isa{avx512, avx2} {
		add(k)
		addSum(k)
		scale(k)
		mix(k)
		addRows(k)
		sum(k)
		maximum(k)
		squaredDistance(k)
		normalize(k, true)
		normalize(k, false)
		normBackwardSums(k)
		normBackwardApply(k)
		expSum(k)
		gelu(k, "geluErf", gaussian)
		gelu(k, "geluTanh", logistic)
		geluGrad(k, "geluErfGrad", gaussian)
		geluGrad(k, "geluTanhGrad", logistic)
		sumSquares(k)
		adamW(k)
	}
	build.Generate()
}

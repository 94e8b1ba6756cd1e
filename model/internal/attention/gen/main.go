// Command gen writes the assembly kernels of package attention, with their Go
// declarations, by means of avo. It is a module of its own so that avo is no
// dependency of the program. Run it through go generate in
// model/internal/attention.
package main

import "github.com/mmcloughlin/avo/build"

func main() {
	build.ConstraintExpr("!noasm")
	for _, k := range []isa{avx512, avx2} {
		product(k)
		copyRows(k)
		transpose(k)
		softmax(k)
		gradient(k)
		finish(k)
		rowDots(k)
		weightedSum(k)
	}
	build.Generate()
}

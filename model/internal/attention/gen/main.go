// Command gen writes the assembly kernels of package attention, with their Go
// declarations, by means of avo. It is a module of its own so that avo is no
// dependency of the program. Run it through go generate in
// model/internal/attention.
package main

import (
	"flag"

	"github.com/mmcloughlin/avo/build"
)

func main() {
	cache := flag.Bool("cache", false, "write the kernels of the bf16 caches, and not the others")
	flag.Parse()
	build.ConstraintExpr("!noasm")
	if *cache {
		cacheKernels()
	} else {
		kernels()
	}
	build.Generate()
}

func kernels() {
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
}

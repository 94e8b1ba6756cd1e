package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// peakAccumulators is how many independent multiply-adds a round of peak holds:
// more than latency times ports of any CPU so far.
const peakAccumulators = 12

// peak emits a loop of n rounds of peakAccumulators multiply-adds that touch no
// memory: the ceiling that the products are measured against.
func peak(k kind) {
	TEXT("peak"+k.name(), NOSPLIT, "func(n int)")
	Pragma("noescape")
	Doc("peak" + k.name() + " runs n rounds of 12 independent multiply-adds on registers.")
	Load(Param("n"), RCX)
	for i := range peakAccumulators + 2 {
		k.zero(i)
	}
	Label("loop")
	for i := range peakAccumulators {
		k.madd(peakAccumulators, peakAccumulators+1, i)
	}
	DECQ(RCX)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

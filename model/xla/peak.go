//go:build xla

package xla

import (
	"fmt"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" //lint:ignore ST1001 equations read like equations
)

// peakChain is how many products Peak makes one after the other in a program.
const peakChain = 16

// Peak is the best rate of bf16 products of n×n matrices on one device, in floating-point
// operations a second: a chain of products in one program, repeated for the given time.
func Peak(e Engine, n int, during time.Duration) (float64, error) {
	en := e.(*engine)
	best := 0.0
	err := catch(func() error {
		shape := shapes.Make(dtypes.BFloat16, n, n)
		g := NewGraph(en.backend, "peak")
		defer g.Finalize()
		x, w := Parameter(g, "x", shape), Parameter(g, "w", shape)
		for range peakChain {
			x = Dot(x, w).WithAccumulatorDType(dtypes.InvalidDType).General([]int{1}, nil, []int{0}, nil)
		}
		if err := g.Compile(ReduceAllSum(ConvertDType(x, dtypes.Float32))); err != nil {
			return err
		}
		// Powers of two that keep the products where they are.
		ones := make([]bfloat16.BFloat16, n*n)
		for i := range ones {
			ones[i] = bfloat16.FromFloat32(1 / float32(n))
		}
		var inputs []compute.Buffer
		for range 2 {
			b, err := en.backend.BufferFromFlatData(0, ones, shape)
			if err != nil {
				return err
			}
			defer func() { _ = b.Finalize() }()
			inputs = append(inputs, b)
		}
		for began := time.Now(); best == 0 || time.Since(began) < during; {
			start := time.Now()
			out, err := g.Executable().Execute(inputs, nil, 0)
			if err != nil {
				return err
			}
			var sum [1]float32
			if err := out[0].ToFlatData(sum[:]); err != nil {
				return err
			}
			_ = out[0].Finalize()
			rate := peakChain * 2 * float64(n) * float64(n) * float64(n) / time.Since(start).Seconds()
			best = max(best, rate)
		}
		return nil
	})
	if err != nil {
		return 0, en.explain(fmt.Errorf("xla: products of %d x %d on %s: %w", n, n, en.name, err), 0, 0)
	}
	return best, nil
}

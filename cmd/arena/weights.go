package main

import (
	"fmt"
	"runtime"

	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/blas"
)

// weightsHelp is the text of --weights.
const weightsHelp = "how models hold their weights: f32, bf16, int8, or auto, bf16 where this CPU multiplies it fast; all but f32 are other players"

// batchOptions reads a value of --weights; "" is f32. Where weights are rounded, so are
// keys and values.
func batchOptions(weights string) (model.BatchOptions, error) {
	if weights == "" {
		return model.BatchOptions{}, nil
	}
	if err := cli.OneOf("weights", weights, "auto", "f32", "bf16", "int8"); err != nil {
		return model.BatchOptions{}, err
	}
	if weights == "auto" {
		impl, err := blas.New(blas.Options{})
		if err != nil {
			return model.BatchOptions{}, err
		}
		weights = "f32"
		if impl.BF16Fast() {
			weights = "bf16"
		}
	}
	format, err := model.ParseFormat(weights)
	if err != nil {
		return model.BatchOptions{}, fmt.Errorf("--weights: %w", err)
	}
	o := model.BatchOptions{Weights: format}
	if format != model.F32 {
		o.Cache = model.BF16
	}
	return o, nil
}

// suffixed is a player's name with the format of its weights, unless that is f32.
func suffixed(name string, o model.BatchOptions) string {
	if o.Weights == model.F32 {
		return name
	}
	return name + " " + o.Weights.String()
}

// leaveOne is the threads for a decoder where one is kept free for a clock.
func leaveOne() model.BatchOptions {
	return model.BatchOptions{Threads: max(1, runtime.GOMAXPROCS(0)-1)}
}

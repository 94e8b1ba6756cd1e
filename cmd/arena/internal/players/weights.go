package players

import (
	"fmt"

	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/blas"
)

// WeightsHelp is the text of --weights.
const WeightsHelp = "how models hold their weights: f32, bf16, int8, or auto, bf16 where this CPU multiplies it fast; all but f32 are other players"

// ParseWeights reads a value of --weights; "" is f32. Where weights are rounded, so are
// keys and values.
func ParseWeights(weights string) (model.BatchOptions, error) {
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

// WithFormat is a player's name with the format of its weights, unless that is f32.
func WithFormat(name string, o model.BatchOptions) string {
	if o.Weights == model.F32 {
		return name
	}
	return name + " " + o.Weights.String()
}

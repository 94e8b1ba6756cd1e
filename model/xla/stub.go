//go:build !xla

package xla

import (
	"fmt"

	"transcend/internal/cli"
	"transcend/model"
)

// Built says whether this program was built with the tag xla.
const Built = false

// New is an error: this program has no GPU support.
func New(_ model.Config, _ model.TrainConfig, o Options) (Engine, error) {
	return nil, cli.WithHint(fmt.Errorf("xla: device %v: %w", o.Device, ErrNotBuilt),
		"build one that has it: CGO_ENABLED=1 go build -tags xla ./cmd/chesstrain", "or train on the CPU: --device cpu")
}

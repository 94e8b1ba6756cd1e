//go:build !xla

package xla

import (
	"time"

	"transcend/model"
)

// Built says whether this program was built with the tag xla.
const Built = false

// New is an error: this program has no GPU support.
func New(_ model.Config, _ model.TrainConfig, o Options) (Engine, error) {
	return nil, o.Ready()
}

// Check is an error, as New is.
func Check(Engine, *model.Model, *model.Batch) (Parity, error) { return Parity{}, ErrNotBuilt }

// Peak is an error, as New is.
func Peak(Engine, int, time.Duration) (float64, error) { return 0, ErrNotBuilt }

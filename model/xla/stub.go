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

// CheckDecoder is an error, as New is.
func CheckDecoder(*Decoding, *model.Model, model.BatchOptions, uint64) (Parity, error) {
	return Parity{}, ErrNotBuilt
}

// Peak is an error, as New is.
func Peak(Engine, int, time.Duration) (float64, error) { return 0, ErrNotBuilt }

// Decoding is a device on which models decode: here there is none.
type Decoding struct{}

// OpenDecoding is an error, as New is.
func OpenDecoding(o Options) (*Decoding, error) { return nil, o.Ready() }

// Name says what the work is done on.
func (*Decoding) Name() string { return "" }

// New is an error, as that of the package is.
func (*Decoding) New(*model.Model, model.BatchOptions) (Decoder, error) {
	return nil, ErrNotBuilt
}

// Close does nothing.
func (*Decoding) Close() error { return nil }

//go:build xla && !(cgo && linux && (amd64 || arm64))

package xla

import (
	"fmt"

	"transcend/internal/cli"
)

// openCUDA is an error: a plugin is a C library.
func (d *device) openCUDA(bool) error {
	return cli.WithHint(fmt.Errorf("xla: device %v: %w: it was built without cgo, or not for Linux", d.options.Device, ErrNotBuilt),
		"build one that has it: CGO_ENABLED=1 go build -tags xla ./cmd/chesstrain", "or train on the CPU: --device cpu")
}

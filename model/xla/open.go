//go:build xla

package xla

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/gomlx/compute/gobackend"
)

// open opens the device of the options.
func (e *engine) open() error {
	d := e.options.Device
	switch d.Kind {
	case Go:
		backend, err := gobackend.New("")
		if err != nil {
			return fmt.Errorf("xla: GoMLX's Go backend: %w", err)
		}
		e.backend, e.name = backend, "GoMLX's backend in Go"
		return nil
	case CUDA:
		return e.openCUDA()
	}
	return fmt.Errorf("xla: device %v needs no engine", d)
}

// deviceMemory asks nvidia-smi for the memory of GPU number n, in bytes; 0 if it does not
// say.
func deviceMemory(n int) int64 {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "nvidia-smi", "-i", strconv.Itoa(n), "--query-gpu=memory.total", "--format=csv,noheader,nounits").Output()
	if err != nil {
		return 0
	}
	mib, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil || mib < 0 {
		return 0
	}
	return mib << 20
}

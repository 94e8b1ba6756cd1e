//go:build xla

package xla

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
)

// device is an opened device, or several.
type device struct {
	options Options
	backend compute.Backend
	name    string
	memory  int64 // of one device, bytes; 0: not known
}

// openDevice opens the device of the options. exact wants products in float32 to be that.
func openDevice(o Options, exact bool) (d device, err error) {
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	d.options = o
	err = catch(func() error {
		switch o.Device.Kind {
		case Go:
			d.name = "GoMLX's backend in Go"
			d.backend, err = gobackend.New("")
			if err != nil {
				return fmt.Errorf("xla: GoMLX's Go backend: %w", err)
			}
			return nil
		case CUDA:
			return d.openCUDA(exact)
		}
		return fmt.Errorf("xla: device %v needs no engine", o.Device)
	})
	if err != nil {
		return d, err
	}
	if n := d.backend.NumDevices(); o.Device.Count > 1 && n < o.Device.Count {
		d.backend.Finalize()
		return d, fmt.Errorf("xla: --device %v: there are %d devices", o.Device, n)
	}
	return d, nil
}

// run executes a program. What is donated is gone afterwards.
func (d *device) run(exec compute.Executable, inputs []compute.Buffer, donate []bool) ([]compute.Buffer, error) {
	outputs, err := exec.Execute(inputs, donate, 0)
	if err != nil || d.options.Device.Kind == Go {
		return outputs, err // the Go backend frees or reuses what is donated
	}
	for i, b := range inputs {
		if donate[i] {
			_ = b.Finalize() // PJRT keeps it until the program has read it
		}
	}
	return outputs, nil
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

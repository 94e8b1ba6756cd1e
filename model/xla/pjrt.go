//go:build xla && cgo && linux && (amd64 || arm64)

package xla

import (
	"fmt"
	"os"
	"strings"

	backend "github.com/gomlx/go-xla/compute/xla"

	"transcend/internal/cli"
)

// openCUDA loads the plugin and opens the GPUs.
func (d *device) openCUDA(exact bool) error {
	chosen := d.options.Device
	path, err := prepareCUDA(d.options.Plugin)
	if err != nil {
		return err
	}
	d.options.Log("PJRT plugin: %s", path)
	// Given an absolute path GoMLX installs nothing; this is for good measure.
	backend.EnableAutoInstall(false)
	for name, value := range map[string]string{"GOPJRT_CUDA_CHECKS": "0", "XLA_FLAGS": xlaFlags(os.Getenv("XLA_FLAGS"), path)} {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("xla: %w", err)
		}
	}
	var visible []string
	for i := range chosen.Count {
		visible = append(visible, fmt.Sprint(chosen.First+i))
	}
	b, err := backend.New(config(path, visible, exact))
	if err != nil {
		return cli.WithHint(fmt.Errorf("xla: opening %v with %s: %w", chosen, path, err),
			"nvidia-smi shows which GPUs there are and what uses them; the plugin wants the CUDA libraries of its wheel beside it, and a driver as new as they are",
			"or train on the CPU: --device cpu")
	}
	d.backend, d.name = b, fmt.Sprintf("%v (%s)", chosen, b.Description())
	d.memory = deviceMemory(chosen.First)
	return nil
}

// config is GoMLX's text for a plugin and its options. Products in float32 are to be that,
// not in TF32, where the precision asked for is f32.
func config(path string, visible []string, exact bool) string {
	parts := []string{path, "visible_devices=" + strings.Join(visible, ";"), "preallocate=true", "memory_fraction=0.92"}
	if exact {
		parts = append(parts, "tf32=false")
	}
	return strings.Join(parts, ",")
}

// xlaFlags adds to the flags what a run needs that can be resumed exactly (no additions in
// any order), and where CUDA's tools are, unless they say so themselves.
func xlaFlags(flags, plugin string) string {
	add := func(name, value string) {
		if value != "" && !strings.Contains(flags, name) {
			flags = strings.TrimSpace(flags + " " + name + "=" + value)
		}
	}
	add("--xla_gpu_deterministic_ops", "true")
	add("--xla_gpu_cuda_data_dir", dataDir(plugin))
	return flags
}

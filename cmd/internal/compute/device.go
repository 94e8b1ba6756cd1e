package compute

import (
	"github.com/spf13/pflag"

	"transcend/internal/cli"
	"transcend/model/xla"
)

// DeviceFlags say where the steps of a training are made.
type DeviceFlags struct {
	name, plugin, attention string
	launch                  int
	chosen                  xla.Device // after Check
}

// Add adds the flags.
func (d *DeviceFlags) Add(fs *pflag.FlagSet) {
	fs.StringVar(&d.name, "device", xla.CPU, "where to train: cpu, cuda, cuda:N (a GPU), cuda:0-7 (several, which share every batch), auto (a GPU where there is one), or "+xla.Go+" (the graph without XLA, slow, for tests); needs a program built with -tags xla")
	fs.StringVar(&d.plugin, "pjrt", "", "PJRT plugin for CUDA, or a directory or Python environment to look for it in (default: see docs/results/gpu.md; nothing is downloaded)")
	fs.StringVar(&d.attention, "attention", xla.AttentionAuto, "on a GPU: fused (cuDNN), plain, or auto")
	fs.IntVar(&d.launch, "launch", 0, "steps a launch on a device (default 16 on a GPU)")
}

// Check reads what was given and makes sure that the device is there.
func (d *DeviceFlags) Check() error {
	var err error
	if d.chosen, err = xla.ParseDevice(d.name); err != nil {
		return err
	}
	if err := cli.OneOf("attention", d.attention, xla.AttentionAuto, xla.AttentionFused, xla.AttentionPlain); err != nil {
		return err
	}
	if d.launch < 0 || d.launch > 1024 {
		return cli.Usagef("--launch %d: must be between 1 and 1024", d.launch)
	}
	d.chosen = d.Options(nil).Resolve()
	return d.Options(nil).Ready()
}

// Elsewhere says whether the steps are made by something else than package model.
func (d *DeviceFlags) Elsewhere() bool { return d.chosen.Kind != xla.CPU }

// Options are for who opens the device, after Check; log, which may be nil, is told what takes long.
func (d *DeviceFlags) Options(log func(string, ...any)) xla.Options {
	return xla.Options{Device: d.chosen, Plugin: d.plugin, Launch: d.launch, Attention: d.attention, Log: log}
}

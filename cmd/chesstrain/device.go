package main

import (
	"github.com/spf13/pflag"

	"transcend/internal/cli"
	"transcend/model"
	"transcend/model/xla"
)

// deviceFlags say where the steps are made.
type deviceFlags struct {
	name, plugin, attention string
	launch                  int
	chosen                  xla.Device // after check
}

func (d *deviceFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&d.name, "device", xla.CPU, "where to train: cpu, cuda, cuda:N (a GPU), cuda:0-7 (several, which share every batch), auto (a GPU where there is one), or "+xla.Go+" (the graph without XLA, slow, for tests); needs a program built with -tags xla")
	fs.StringVar(&d.plugin, "pjrt", "", "PJRT plugin for CUDA, or a directory or Python environment to look for it in (default: see docs/results/gpu.md; nothing is downloaded)")
	fs.StringVar(&d.attention, "attention", xla.AttentionAuto, "on a GPU: fused (cuDNN), plain, or auto")
	fs.IntVar(&d.launch, "launch", 0, "steps a launch on a device (default 16 on a GPU)")
}

// check reads what was given.
func (d *deviceFlags) check() error {
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
	d.chosen = d.options(nil).Resolve()
	return d.options(nil).Ready()
}

// engine says whether the steps are made elsewhere than by package model.
func (d *deviceFlags) engine() bool { return d.chosen.Kind != xla.CPU }

func (d *deviceFlags) options(log func(string, ...any)) xla.Options {
	return xla.Options{Device: d.chosen, Plugin: d.plugin, Launch: d.launch, Attention: d.attention, Log: log}
}

func (d *deviceFlags) open(cfg model.Config, train model.TrainConfig, log func(string, ...any)) (xla.Engine, error) {
	return xla.New(cfg, train, d.options(log))
}

// devicePrecision is resolvePrecision for a device: a GPU is faster in bf16.
func devicePrecision(d xla.Device, name string) (string, error) {
	if d.Kind == "" || d.Kind == xla.CPU {
		return resolvePrecision(name)
	}
	if err := cli.OneOf("precision", name, precisions...); err != nil {
		return "", err
	}
	switch {
	case name != "auto":
		return name, nil
	case d.Kind == xla.CUDA:
		return model.PrecisionBF16, nil
	default:
		return model.PrecisionF32, nil
	}
}

// Package device says where the models of a command decode: on the CPU, or on a GPU by
// package model/xla, which a program has when it is built with the tag xla. Flags are what a
// command is told of it, Decoders make one engine.Batch for all players of a model.
package device

import (
	"fmt"

	"github.com/spf13/pflag"

	"transcend/engine"
	"transcend/model"
	"transcend/model/xla"
)

// Flags are --device and --pjrt of commands that play with models.
type Flags struct {
	name, plugin string
	chosen       xla.Device // after Check
}

// Add registers the flags.
func (f *Flags) Add(fs *pflag.FlagSet) {
	fs.StringVar(&f.name, "device", xla.CPU, "where models compute: cpu, cuda, cuda:N (a GPU), auto (a GPU where there is one), or "+xla.Go+" (the GPU's program without XLA, slow, for tests); needs a program built with -tags xla")
	fs.StringVar(&f.plugin, "pjrt", "", "PJRT plugin for CUDA, or a directory or Python environment to look for it in (nothing is downloaded)")
}

// Check reads what was given and says what keeps the device from being used.
func (f *Flags) Check() error {
	chosen, err := xla.ParseDevice(f.name)
	if err != nil {
		return err
	}
	if err := xla.CheckDecoding(chosen); err != nil {
		return err
	}
	o := xla.Options{Device: chosen, Plugin: f.plugin}
	o.Device = o.Resolve()
	f.chosen = o.Device
	return o.Ready()
}

// Elsewhere says whether models compute elsewhere than on the CPU.
func (f *Flags) Elsewhere() bool { return f.chosen.Kind != "" && f.chosen.Kind != xla.CPU }

// Decoders makes decoders there. log is told what an operator wants to know; it may be nil.
func (f *Flags) Decoders(log func(format string, args ...any)) *Decoders {
	return &Decoders{elsewhere: f.Elsewhere(), options: xla.Options{Device: f.chosen, Plugin: f.plugin, Log: log}}
}

// Decoders are the decoders of the models of a command, which the players of each share. The
// zero value decodes on the CPU. It is for one goroutine at a time.
type Decoders struct {
	elsewhere bool
	options   xla.Options
	opened    *xla.Decoding // when the first model needs it
	batches   map[key]made
}

type made struct {
	batch  *engine.Batch
	engine xla.Decoder // nil on the CPU
}

type key struct {
	model          *model.Model
	weights, cache model.Format
}

// Batch returns the decoder of a model with the formats of o.
func (d *Decoders) Batch(m *model.Model, o model.BatchOptions) (*engine.Batch, error) {
	k := key{m, o.Weights, o.Cache}
	if m, ok := d.batches[k]; ok {
		return m.batch, nil
	}
	var there xla.Decoder
	if d.elsewhere {
		if d.opened == nil {
			opened, err := xla.OpenDecoding(d.options)
			if err != nil {
				return nil, err
			}
			d.opened = opened
			if d.options.Log != nil {
				d.options.Log("device: %s", opened.Name())
			}
		}
		var err error
		if there, err = d.opened.New(m, o); err != nil {
			return nil, fmt.Errorf("device %v: %w", d.options.Device, err)
		}
		o.Engine = there
	}
	if d.batches == nil {
		d.batches = map[key]made{}
	}
	d.batches[k] = made{engine.NewBatch(m, o), there}
	return d.batches[k].batch, nil
}

// Release gives a model's memory back. Its players must not play any more.
func (d *Decoders) Release(m *model.Model) {
	for k, x := range d.batches {
		if k.model != m {
			continue
		}
		if x.engine != nil {
			x.engine.Close()
		}
		delete(d.batches, k)
	}
}

// Close gives the device back. Nobody may play any more.
func (d *Decoders) Close() error {
	if d.opened == nil {
		return nil
	}
	opened := d.opened
	d.opened, d.batches = nil, nil
	return opened.Close()
}

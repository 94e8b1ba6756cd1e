package model

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"transcend/internal/atomicfile"
	kernels "transcend/model/blas"
	"transcend/model/safetensors"
)

// Export writes the model for use alone, without what a trainer needs to go on: the directory
// dir, which must not exist, with config.json, model.safetensors and files by name.
// Load reads it.
//
// weights, F32 or BF16, is how the matrices of the blocks are stored. Embeddings, norms and biases
// are float32 in any case, as they are in a BatchDecoder: one with the weights BF16 computes the
// same bits from what Load reads as from the model itself.
func (m *Model) Export(dir string, weights Format, files map[string][]byte) error {
	if weights != F32 && weights != BF16 {
		return fmt.Errorf("model: exporting %s: weights cannot be stored as %s, only as %s and %s", dir, weights, F32, BF16)
	}
	for name := range files {
		if err := checkExtraName(name); err != nil {
			return err
		}
	}
	config, err := m.configJSON()
	if err != nil {
		return err
	}
	tensors := m.p.hfTensors(m.cfg)
	for i, f := range m.p.fields(m.cfg) {
		if weights == BF16 && f.hidden {
			tensors[i].Data, tensors[i].BF16 = nil, kernels.BF16Words(*f.view)
		}
	}
	err = atomicfile.WriteDir(dir, func(tmp string) error {
		for name, b := range files {
			if err := os.WriteFile(filepath.Join(tmp, name), b, 0o644); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(tmp, configFile), config, 0o644); err != nil {
			return err
		}
		_, err := writeHashed(filepath.Join(tmp, weightsFile), func(w io.Writer) error {
			return safetensors.Write(w, tensors, map[string]string{"format": "pt"})
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("model: exporting: %w", err)
	}
	return nil
}

// configJSON is the content of config.json.
func (m *Model) configJSON() ([]byte, error) {
	b, err := json.MarshalIndent(newHFConfig(m.cfg), "", "  ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// Totals reads how far a checkpoint's trainer had come: its steps, and the targets that it had
// trained on. Errors wrap ErrCheckpoint.
func Totals(dir string) (steps int, tokens int64, err error) {
	s, err := readState(dir)
	if err != nil {
		return 0, 0, err
	}
	return s.Step, s.Tokens, nil
}

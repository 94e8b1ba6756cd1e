package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"transcend/internal/atomicfile"
	"transcend/model/safetensors"
)

// A checkpoint is a directory:
//
//	config.json            the model's shape     } what Hugging Face
//	model.safetensors      the weights           } GPT2LMHeadModel reads, or, with
//	                       extra ids, something like it of another model_type
//	optimizer.safetensors  moments by TrainConfig.Moments: exp_avg.NAME and
//	                       exp_avg_sq.NAME of the tensors that AdamW updates,
//	                       momentum_buffer.NAME of Muon's; with a moving
//	                       average, param.NAME
//	trainer.json           everything else of the Trainer; size and SHA-256 of
//	                       every other file
//
// and whatever files the caller adds (tokenizer, settings). It appears under
// its name complete or not at all.
//
// model.safetensors is the model for use. When the trainer keeps a moving average
// of the weights it is that average, and the weights that training goes on
// from are the tensors param.NAME.
const (
	optimizerFile = "optimizer.safetensors"
	trainerFile   = "trainer.json"
	// keepFile, which is the user's to make, marks a checkpoint that PruneCheckpoints
	// leaves alone.
	keepFile = "KEEP"

	trainerFormat = 1
)

// trainerState is trainer.json.
type trainerState struct {
	Format     int                   `json:"format"`
	Step       int                   `json:"step"`
	Tokens     int64                 `json:"tokens"`
	DecayStart int                   `json:"decay_start"`
	Train      TrainConfig           `json:"train"`
	RNG        []byte                `json:"rng"`    // rand.PCG, base64
	Source     []byte                `json:"source"` // Source.State, base64
	Files      map[string]fileDigest `json:"files"`
}

type fileDigest struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Save writes a checkpoint directory with everything ResumeTrainer needs, and
// files by name beside it (a tokenizer, say). dir must not exist, except as an
// unusable checkpoint, which is replaced; a complete one is fs.ErrExist. When
// Save fails, or the machine does, dir is not there.
func (t *Trainer) Save(dir string, files map[string][]byte) error {
	if err := t.Sync(); err != nil {
		return fmt.Errorf("model: saving checkpoint: %w", err)
	}
	state, err := t.state()
	if err != nil {
		return err
	}
	for name := range files {
		if err := checkExtraName(name); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("model: saving checkpoint %s: %w", dir, err)
	}
	if _, err := os.Lstat(dir); err == nil {
		if checkComplete(dir) == nil {
			return fmt.Errorf("model: saving checkpoint %s: %w", dir, fs.ErrExist)
		}
		if err := discard(dir); err != nil {
			return fmt.Errorf("model: saving checkpoint %s: %w", dir, err)
		}
	}
	err = atomicfile.WriteDir(dir, func(tmp string) error {
		return t.writeFiles(tmp, state, files)
	})
	if err != nil {
		return fmt.Errorf("model: saving checkpoint: %w", err)
	}
	return nil
}

func (t *Trainer) state() (*trainerState, error) {
	var source []byte
	var err error
	if len(t.queue) > 0 {
		source = t.queue[0].source
	} else if source, err = t.src.State(); err != nil {
		return nil, fmt.Errorf("model: saving checkpoint: state of the source: %w", err)
	}
	rng, err := t.pcg.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("model: saving checkpoint: random numbers: %w", err)
	}
	return &trainerState{
		Format: trainerFormat, Step: t.step, Tokens: t.tokens, DecayStart: t.decayStart,
		Train: t.cfg, RNG: rng, Source: source, Files: map[string]fileDigest{},
	}, nil
}

func checkExtraName(name string) error {
	switch name {
	case configFile, weightsFile, optimizerFile, trainerFile, keepFile:
		return fmt.Errorf("model: saving checkpoint: the name %q is the checkpoint's own", name)
	}
	if name == "" || name != filepath.Base(name) || !filepath.IsLocal(name) || strings.ContainsAny(name, `/\`) {
		return fmt.Errorf("model: saving checkpoint: %q is not a plain file name", name)
	}
	return nil
}

func (t *Trainer) writeFiles(dir string, state *trainerState, files map[string][]byte) error {
	put := func(name string, write func(io.Writer) error) error {
		d, err := writeHashed(filepath.Join(dir, name), write)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		state.Files[name] = d
		return nil
	}
	config, err := t.model.configJSON()
	if err != nil {
		return err
	}
	if err := put(configFile, bytesWriter(config)); err != nil {
		return err
	}
	err = put(weightsFile, func(w io.Writer) error {
		return safetensors.Write(w, t.Result().p.hfTensors(t.model.cfg), map[string]string{"format": "pt"})
	})
	if err != nil {
		return err
	}
	err = put(optimizerFile, func(w io.Writer) error {
		return safetensors.Write(w, t.optimizerTensors(), nil)
	})
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := put(name, bytesWriter(files[name])); err != nil {
			return err
		}
	}
	// Last, with the digests of the others.
	b, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, trainerFile), append(b, '\n'), 0o644)
}

func bytesWriter(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

func writeHashed(path string, write func(io.Writer) error) (d fileDigest, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return d, err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	w := &digestWriter{hash: sha256.New(), w: f}
	if err := write(w); err != nil {
		return d, err
	}
	return w.digest(), nil
}

// digestWriter passes bytes on and takes their digest.
type digestWriter struct {
	hash hash.Hash
	size int64
	w    io.Writer
}

func (d *digestWriter) Write(b []byte) (int, error) {
	n, err := d.w.Write(b)
	d.hash.Write(b[:n])
	d.size += int64(n)
	return n, err
}

func (d *digestWriter) digest() fileDigest {
	return fileDigest{Size: d.size, SHA256: hex.EncodeToString(d.hash.Sum(nil))}
}

// optimizerTensors are views of what optimizer.safetensors holds: kind after kind, and
// of a kind all tensors that have it in the order of the flat buffer.
func (t *Trainer) optimizerTensors() []safetensors.Tensor {
	var ts []safetensors.Tensor
	add := func(prefix string, flat []float32, want func(LayoutTensor) bool) {
		for _, l := range Layout(t.model.cfg) {
			if want(l) {
				end := l.At + l.Size
				ts = append(ts, safetensors.Tensor{Name: prefix + "." + l.Name, Shape: l.Shape, Data: flat[l.At:end:end]})
			}
		}
	}
	buffers := [][]float32{t.opt.m, t.opt.v}
	for _, kind := range optimizers {
		for i, moment := range kind.moments {
			add(moment, buffers[i], func(l LayoutTensor) bool { return t.cfg.OptimizerOf(l) == kind.name })
		}
	}
	if t.average != nil {
		add("param", t.model.p.flat, func(LayoutTensor) bool { return true })
	}
	return ts
}

// ResumeTrainer continues a run from a checkpoint: weights, moments, schedule,
// random numbers, and src, which is put where it was. What it computes from
// there is, bit for bit, what the run would have computed. Every file is
// verified against its digest first. Errors wrap ErrCheckpoint and name the
// file; src may have been moved.
func ResumeTrainer(dir string, src Source) (*Trainer, error) {
	state, err := readState(dir)
	if err != nil {
		return nil, err
	}
	if err := state.verify(dir); err != nil {
		return nil, err
	}
	m, err := Load(dir)
	if err != nil {
		return nil, err
	}
	if state.Step < 0 || state.Tokens < 0 {
		return nil, checkpointError(dir, trainerFile, fmt.Errorf("step %d, %d tokens", state.Step, state.Tokens))
	}
	pcg := new(rand.PCG)
	if err := pcg.UnmarshalBinary(state.RNG); err != nil {
		return nil, checkpointError(dir, trainerFile, fmt.Errorf("random numbers: %w", err))
	}
	t, err := NewTrainer(m, state.Train, src)
	if err != nil {
		return nil, checkpointError(dir, trainerFile, err)
	}
	// m is the average, if there is one, and so is what NewTrainer made of it; the
	// weights themselves are among the optimizer's tensors.
	if err := readTensors(filepath.Join(dir, optimizerFile), t.optimizerTensors()); err != nil {
		return nil, checkpointError(dir, optimizerFile, err)
	}
	t.pcg, t.rng = pcg, rand.New(pcg)
	t.step, t.tokens, t.decayStart = state.Step, state.Tokens, state.DecayStart
	if err := src.Restore(state.Source); err != nil {
		return nil, checkpointError(dir, trainerFile, fmt.Errorf("position in the data: %w", err))
	}
	return t, nil
}

func readState(dir string) (*trainerState, error) {
	b, err := os.ReadFile(filepath.Join(dir, trainerFile))
	if err != nil {
		return nil, checkpointError(dir, trainerFile, err)
	}
	s := new(trainerState)
	d := json.NewDecoder(bytes.NewReader(b))
	// A field we do not know may be one that decides what is computed.
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, checkpointError(dir, trainerFile, err)
	}
	if s.Format != trainerFormat {
		return nil, checkpointError(dir, trainerFile, fmt.Errorf("format %d, this version reads %d", s.Format, trainerFormat))
	}
	for name := range s.Files {
		if name != filepath.Base(name) || !filepath.IsLocal(name) {
			return nil, checkpointError(dir, trainerFile, fmt.Errorf("lists %q, which is not a plain file name", name))
		}
	}
	for _, name := range []string{configFile, weightsFile, optimizerFile} {
		if _, ok := s.Files[name]; !ok {
			return nil, checkpointError(dir, trainerFile, fmt.Errorf("does not list %s", name))
		}
	}
	return s, nil
}

// verify compares every listed file with its digest.
func (s *trainerState) verify(dir string) error {
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		if err := verifyFile(filepath.Join(dir, name), s.Files[name]); err != nil {
			return checkpointError(dir, name, fmt.Errorf("%w; resume from an older checkpoint", err))
		}
	}
	return nil
}

func verifyFile(path string, want fileDigest) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	d := &digestWriter{hash: sha256.New(), w: io.Discard}
	if _, err := io.Copy(d, f); err != nil {
		return err
	}
	got := d.digest()
	switch {
	case got.Size != want.Size:
		return fmt.Errorf("%d bytes, was written with %d", got.Size, want.Size)
	case got.SHA256 != want.SHA256:
		return errors.New("changed since it was written (SHA-256 differs)")
	}
	return nil
}

// readTensors fills want from a file that must hold exactly these.
func readTensors(path string, want []safetensors.Tensor) error {
	f, err := safetensors.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, t := range want {
		info, ok := f.Lookup(t.Name)
		if !ok {
			return fmt.Errorf("tensor %q is missing", t.Name)
		}
		if !slices.Equal(info.Shape, t.Shape) {
			return fmt.Errorf("tensor %q has shape %v, the model has %v", t.Name, info.Shape, t.Shape)
		}
		if err := f.ReadFloat32(t.Name, t.Data); err != nil {
			return err
		}
	}
	if n := len(f.Tensors()); n != len(want) {
		return fmt.Errorf("%d tensors, the run has %d", n, len(want))
	}
	return nil
}

const checkpointPrefix = "checkpoint-"

// CheckpointName is the directory name of the checkpoint after a step:
// checkpoint-00000500.
func CheckpointName(step int) string { return fmt.Sprintf("%s%08d", checkpointPrefix, step) }

// checkpointStep is the inverse of CheckpointName.
func checkpointStep(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, checkpointPrefix)
	if !ok {
		return 0, false
	}
	step, err := strconv.Atoi(digits)
	return step, err == nil && step >= 0 && CheckpointName(step) == name
}

// checkpoints lists the steps of the directories in runDir that are named like
// checkpoints, newest first.
func checkpoints(runDir string) ([]int, error) {
	entries, err := os.ReadDir(runDir)
	if err != nil {
		return nil, fmt.Errorf("model: checkpoints: %w", err)
	}
	var steps []int
	for _, e := range entries {
		if step, ok := checkpointStep(e.Name()); ok && e.IsDir() {
			steps = append(steps, step)
		}
	}
	slices.Sort(steps)
	slices.Reverse(steps)
	return steps, nil
}

// checkComplete reports what keeps dir from being a complete checkpoint: every
// listed file there in its size. (ResumeTrainer also verifies the content.)
func checkComplete(dir string) error {
	s, err := readState(dir)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return checkpointError(dir, name, err)
		}
		if info.Size() != s.Files[name].Size {
			return checkpointError(dir, name, fmt.Errorf("%d bytes, was written with %d", info.Size(), s.Files[name].Size))
		}
	}
	return nil
}

// LatestCheckpoint returns the path of the complete checkpoint with the
// highest step in runDir. fs.ErrNotExist means that there is none at all;
// when there are some but none is complete the error wraps ErrCheckpoint and
// says what each lacks.
func LatestCheckpoint(runDir string) (string, error) {
	steps, err := checkpoints(runDir)
	if err != nil {
		return "", err
	}
	var broken []error
	for _, step := range steps {
		dir := filepath.Join(runDir, CheckpointName(step))
		err := checkComplete(dir)
		if err == nil {
			return dir, nil
		}
		broken = append(broken, err)
	}
	if broken == nil {
		return "", fmt.Errorf("model: no checkpoint in %s: %w", runDir, fs.ErrNotExist)
	}
	return "", fmt.Errorf("model: no complete checkpoint in %s (remove the broken ones to start anew): %w", runDir, brokenError{broken})
}

// brokenError joins the reasons without being fs.ErrNotExist, although a
// reason may be that a file is missing: a damaged run is not an empty one.
type brokenError struct{ reasons []error }

func (e brokenError) Error() string        { return errors.Join(e.reasons...).Error() }
func (e brokenError) Is(target error) bool { return target == ErrCheckpoint }

// PruneCheckpoints removes all complete checkpoints in runDir but the newest
// keep and those in which there is a file KEEP, and what a killed Save or PruneCheckpoints
// left behind. Only the process that trains in runDir may call it. Incomplete
// checkpoints are neither counted nor touched.
func PruneCheckpoints(runDir string, keep int) error {
	if keep < 1 {
		return fmt.Errorf("model: pruning checkpoints in %s: asked to keep %d, want at least 1", runDir, keep)
	}
	if err := atomicfile.RemoveTemporaries(runDir, checkpointPrefix); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	steps, err := checkpoints(runDir)
	if err != nil {
		return err
	}
	kept := 0
	for _, step := range steps {
		dir := filepath.Join(runDir, CheckpointName(step))
		if checkComplete(dir) != nil {
			continue
		}
		if kept < keep {
			kept++
			continue
		}
		if _, err := os.Lstat(filepath.Join(dir, keepFile)); err == nil {
			continue
		}
		if err := discard(dir); err != nil {
			return fmt.Errorf("model: pruning checkpoints: %w", err)
		}
	}
	return nil
}

// discard removes a directory under a temporary name, so that no half of it is
// ever seen under its own.
func discard(dir string) error {
	// RemoveTemporaries knows the name by ".tmp-".
	tmp, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".tmp-removed-*")
	if err != nil {
		return err
	}
	err = os.Rename(dir, filepath.Join(tmp, filepath.Base(dir)))
	return errors.Join(err, os.RemoveAll(tmp))
}

package xla

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"transcend/internal/cli"
	"transcend/model"
)

// Kinds of devices.
const (
	CPU  = "cpu"  // package model itself, no engine
	CUDA = "cuda" // NVIDIA, through a PJRT plugin
	// Go is GoMLX's backend in Go: the graph without XLA, slow, for tests.
	Go = "gomlx-go"
	// Auto is CUDA where there is a driver and a plugin, else CPU.
	Auto = "auto"
)

var (
	// ErrNotBuilt is returned by a program that was built without the tag xla.
	ErrNotBuilt = errors.New("this program was built without GPU support")
	// ErrNoDriver is returned where no NVIDIA driver is loaded.
	ErrNoDriver = errors.New("no NVIDIA driver")
	// ErrNoPlugin is returned where no PJRT plugin is found.
	ErrNoPlugin = errors.New("no PJRT plugin for CUDA found")
	// ErrMemory is returned where the device's memory does not suffice.
	ErrMemory = errors.New("out of device memory")
)

// Device is where a model is trained.
type Device struct {
	Kind  string // CPU, CUDA, Go or Auto
	First int    // number of the (first) GPU
	Count int    // GPUs that share a batch
}

// ParseDevice reads auto, cpu, gomlx-go, cuda, cuda:1, or cuda:0-7, eight GPUs that
// share every batch.
func ParseDevice(s string) (Device, error) {
	kind, numbers, given := strings.Cut(s, ":")
	d := Device{Kind: kind, Count: 1}
	bad := func() (Device, error) {
		return Device{}, cli.WithHint(cli.Usagef("--device %s: no such device", s),
			"auto, cpu, cuda, cuda:N for GPU number N, cuda:0-7 for eight that share a batch, or "+Go+", which is slow and for tests")
	}
	if !slices.Contains([]string{Auto, CPU, CUDA, Go}, kind) || given && kind != CUDA {
		return bad()
	}
	if !given {
		return d, nil
	}
	first, last, several := strings.Cut(numbers, "-")
	if !several {
		last = first
	}
	a, err1 := strconv.Atoi(first)
	b, err2 := strconv.Atoi(last)
	if err1 != nil || err2 != nil || a < 0 || b < a || b-a >= 64 {
		return bad()
	}
	d.First, d.Count = a, b-a+1
	return d, nil
}

func (d Device) String() string {
	switch {
	case d.Kind != CUDA:
		return d.Kind
	case d.Count > 1:
		return fmt.Sprintf("%s:%d-%d", CUDA, d.First, d.First+d.Count-1)
	default:
		return fmt.Sprintf("%s:%d", CUDA, d.First)
	}
}

// Forms of attention.
const (
	AttentionAuto  = "auto"  // fused on CUDA in bf16, if it compiles
	AttentionFused = "fused" // the backend's (cuDNN), never all scores in memory
	AttentionPlain = "plain" // products and a softmax
)

// Options choose and set up a device. They do not change what is computed, but for
// rounding.
type Options struct {
	Device    Device
	Plugin    string // path of a PJRT plugin or of a directory to look in; "" searches
	Launch    int    // steps a launch; 0: 16 on CUDA, else 1
	Attention string // "" is AttentionAuto
	// Log is told what an operator wants to know: the plugin, the time to compile.
	Log func(format string, args ...any)
}

// Resolve replaces Auto by what is there.
func (o Options) Resolve() Device {
	if o.Device.Kind != Auto {
		return o.Device
	}
	if Built && hasDriver("/") {
		if _, err := FindPlugin(o.Plugin); err == nil {
			return Device{Kind: CUDA, Count: 1}
		}
	}
	return Device{Kind: CPU, Count: 1}
}

// Ready reports what is known to keep the device from being used before any work is done.
func (o Options) Ready() error {
	switch {
	case o.Device.Kind == CPU:
		return nil
	case !Built:
		return cli.WithHint(fmt.Errorf("xla: device %v: %w", o.Device, ErrNotBuilt),
			"build one that has it: CGO_ENABLED=1 go build -tags xla ./cmd/...", "or use the CPU: --device cpu")
	case o.Device.Kind == CUDA:
		_, err := prepareCUDA(o.Plugin)
		return err
	default:
		return nil
	}
}

// hasDriver says whether the kernel has NVIDIA's driver; root is "/" but in tests.
func hasDriver(root string) bool {
	for _, path := range []string{"proc/driver/nvidia/version", "dev/nvidiactl", "dev/dxg"} { // the last is WSL's
		if _, err := os.Stat(filepath.Join(root, path)); err == nil {
			return true
		}
	}
	return false
}

// pluginNames are those of GoMLX and of the wheels jax-cuda13-pjrt and jax-cuda12-pjrt.
var pluginNames = []string{
	"pjrt_c_api_cuda_plugin.so", "pjrt_c_api_cuda*_plugin.so", "xla_cuda_plugin.so",
	"jax_plugins/xla_cuda13/xla_cuda_plugin.so", "jax_plugins/xla_cuda12/xla_cuda_plugin.so",
	"lib/python3*/site-packages/jax_plugins/xla_cuda13/xla_cuda_plugin.so",
	"lib/python3*/site-packages/jax_plugins/xla_cuda12/xla_cuda_plugin.so",
}

// searchPlaces are the directories in which FindPlugin looks, in order: those of
// PJRT_PLUGIN_LIBRARY_PATH, GoMLX's own, and Python's, for the plugin inside an installed
// jax-cuda wheel. Patterns are in the form of filepath.Match.
func searchPlaces() []string {
	var places []string
	for _, dir := range filepath.SplitList(os.Getenv("PJRT_PLUGIN_LIBRARY_PATH")) {
		if dir != "" {
			places = append(places, dir)
		}
	}
	home, err := os.UserHomeDir()
	if err == nil {
		places = append(places, filepath.Join(home, ".local/lib/go-xla"), filepath.Join(home, ".local/lib/go-xla/nvidia"))
	}
	places = append(places, "/usr/local/lib/go-xla", "/usr/local/lib/go-xla/nvidia")
	for _, env := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if dir := os.Getenv(env); dir != "" {
			places = append(places, dir)
		}
	}
	if err == nil {
		places = append(places, filepath.Join(home, ".local/lib/python3*/site-packages"))
	}
	return append(places, "/usr/local/lib/python3*/dist-packages", "/usr/local/lib/python3*/site-packages",
		"/usr/lib/python3/dist-packages", "/usr/lib/python3*/site-packages", "/opt/venv")
}

// FindPlugin returns the absolute path of a PJRT plugin: path itself if it is a file, the
// first in it if it is a directory, or, for "", the first in searchPlaces. Nothing is ever
// downloaded.
func FindPlugin(path string) (string, error) {
	places := []string{path}
	if path == "" {
		places = searchPlaces()
	} else if info, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("xla: --pjrt: %w", err)
	} else if !info.IsDir() {
		return filepath.Abs(path)
	}
	for _, place := range places {
		for _, name := range pluginNames {
			found, err := filepath.Glob(filepath.Join(place, name))
			if err == nil && len(found) > 0 {
				return filepath.Abs(found[len(found)-1]) // the newest Python
			}
		}
	}
	if path != "" {
		return "", cli.WithHint(fmt.Errorf("xla: --pjrt %s: %w", path, ErrNoPlugin),
			"give the .so itself, or a Python environment in which jax-cuda13-pjrt is installed")
	}
	return "", cli.WithHint(fmt.Errorf("xla: %w", ErrNoPlugin),
		`install one: pip install "jax[cuda13]", whose plugin is used without Python; or name it by --pjrt PATH`,
		"looked in "+strings.Join(places, ", "))
}

// prepareCUDA says what keeps CUDA from being used and where its plugin is.
func prepareCUDA(plugin string) (string, error) {
	if runtime.GOOS != "linux" {
		return "", cli.WithHint(fmt.Errorf("xla: CUDA on %s: %w", runtime.GOOS, errors.ErrUnsupported), "use Linux, or --device cpu")
	}
	path, err := FindPlugin(plugin)
	if err != nil {
		return "", err
	}
	if !hasDriver("/") {
		return "", cli.WithHint(fmt.Errorf("xla: %w: neither /proc/driver/nvidia/version nor /dev/nvidiactl is there", ErrNoDriver),
			"load the driver (nvidia-smi then shows the GPU); in a container, start it with --gpus all", "or train on the CPU: --device cpu")
	}
	return path, nil
}

// dataDir is the directory of CUDA's tools and libraries of an installed wheel, which XLA
// wants to know for what it compiles; "" if the plugin is elsewhere.
func dataDir(plugin string) string {
	packages := filepath.Dir(filepath.Dir(filepath.Dir(plugin))) // site-packages/jax_plugins/xla_cuda13/x.so
	for _, name := range []string{"nvidia/cu13", "nvidia/cuda_nvcc"} {
		dir := filepath.Join(packages, name)
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
	}
	return ""
}

// trainingBytes estimates the device memory that training needs for micro batches of the given
// size: fixed is that of the state, twice because XLA writes the new one beside the old,
// and perRow that of one row's activations and gradients.
func trainingBytes(c model.Config, t model.TrainConfig, context int, fused bool) (fixed, perRow int64) {
	n, w, heads := int64(c.NumParams()), int64(c.Width), int64(c.Heads)
	var state int64 // numbers
	for _, tensor := range model.Layout(c) {
		for part := range stateParts {
			if kept(t, part, tensor) {
				state += int64(tensor.Size)
			}
		}
	}
	fixed = 4*2*state + 4*n // and the gradient
	narrow := int64(4)
	if t.Precision == model.PrecisionBF16 {
		narrow = 2
		fixed += 2 * n
	}
	// A token keeps two residual streams and the LayerNorms' statistics in float32, and
	// what products read: two normed, queries, keys, values, heads, before and after GELU.
	block := 2*4*w + 14*narrow*w + 16
	if !fused {
		block += heads * int64(context) * (4 + narrow)
	}
	blocks := int64(c.Layers)
	perToken := blocks * block
	if t.Recompute {
		perToken = blocks*4*w + 2*block
	}
	perToken += 12*4*w + 3*4*int64(c.Vocab) // the backward pass's own, and logits
	return fixed, perToken * int64(context)
}

// suggestRows is the largest number of rows whose estimate fits into memory, below the
// one that did not; for an unknown memory, half of that.
func suggestRows(c model.Config, t model.TrainConfig, context, rows int, fused bool, memory int64) int {
	fit := rows / 2
	if memory > 0 {
		fixed, perRow := trainingBytes(c, t, context, fused)
		fit = min(fit, int((memory*9/10-fixed)/perRow))
	}
	return max(fit, 0)
}

// memoryError says what to do about an error that says that memory ran out.
func memoryError(err error, c model.Config, t model.TrainConfig, context, rows int, fused bool, memory int64) error {
	err = fmt.Errorf("xla: a micro batch of %d rows of %d tokens: %w (%v)", rows, context, ErrMemory, firstLine(err))
	fit := suggestRows(c, t, context, rows, fused, memory)
	if fit == 0 {
		return cli.WithHint(err, "even one row may not fit: --recompute keeps less for the backward pass; a smaller --preset or --context needs less")
	}
	accumulate := (rows*max(1, t.Accumulate) + fit - 1) / fit
	hint := fmt.Sprintf("about %d rows fit: --rows %d --accumulate %d is as large a step", fit, fit, accumulate)
	if memory == 0 {
		hint = fmt.Sprintf("try half: --rows %d --accumulate %d is as large a step", fit, accumulate)
	}
	if !t.Recompute {
		return cli.WithHint(err, hint, "or --recompute, which keeps less for the backward pass and takes a third more work")
	}
	return cli.WithHint(err, hint)
}

// CheckDecoding says whether models can decode on a device, which has to be one.
func CheckDecoding(d Device) error {
	if d.Count > 1 {
		return cli.WithHint(cli.Usagef("--device %v: a model decodes on one GPU", d),
			fmt.Sprintf("--device cuda:%d; for more, start a program for each: they share the work", d.First))
	}
	return nil
}

// isMemoryError recognizes XLA's and CUDA's words.
func isMemoryError(err error) bool {
	s := strings.ToLower(err.Error())
	return strings.Contains(s, "resource_exhausted") || strings.Contains(s, "out of memory") || strings.Contains(s, "cuda_error_out_of_memory")
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	if len(line) > 300 {
		line = line[:300] + "…"
	}
	return line
}

// Decoder is a model.DecodeEngine on a device.
type Decoder interface {
	model.DecodeEngine
	// Close gives the device's memory back.
	Close()
}

// Engine is a model.Engine on a device.
type Engine interface {
	model.Engine
	// Name says what the work is done on.
	Name() string
	// Close gives the device's memory back.
	Close() error
}

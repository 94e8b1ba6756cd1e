package xla

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"transcend/internal/cli"
	"transcend/model"
)

func TestParseDevice(t *testing.T) {
	for text, want := range map[string]Device{
		"auto": {Auto, 0, 1}, "cpu": {CPU, 0, 1}, "cuda": {CUDA, 0, 1}, "cuda:3": {CUDA, 3, 1},
		"cuda:0-7": {CUDA, 0, 8}, "cuda:2-2": {CUDA, 2, 1}, "gomlx-go": {Go, 0, 1},
	} {
		if d, err := ParseDevice(text); err != nil || d != want {
			t.Errorf("%s: %+v, %v, want %+v", text, d, err, want)
		} else if again, err := ParseDevice(d.String()); err != nil || again != d {
			t.Errorf("%s is written %v, which is %+v, %v", text, d, again, err)
		}
	}
	for _, text := range []string{"", "gpu", "cuda:", "cuda:-1", "cuda:a", "cuda:3-2", "cuda:0-99", "cpu:1", "cuda:1-", "cuda:0,1"} {
		if d, err := ParseDevice(text); err == nil || len(cli.Hints(err)) == 0 {
			t.Errorf("%q: %+v, %v, want an error with a hint", text, d, err)
		}
	}
}

// touch makes an empty file in dir.
func touch(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFindPlugin looks in the documented places, in their order, with no home, and in
// what --pjrt names.
func TestFindPlugin(t *testing.T) {
	home, env, venv := t.TempDir(), t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", "")
	t.Setenv("VIRTUAL_ENV", "")
	t.Setenv("CONDA_PREFIX", "")
	if path, err := FindPlugin(""); err == nil {
		t.Skipf("this machine has a plugin: %s", path)
	} else if !errors.Is(err, ErrNoPlugin) || !strings.Contains(strings.Join(cli.Hints(err), " "), filepath.Join(home, ".local/lib/go-xla")) {
		t.Errorf("error = %v, hints %q", err, cli.Hints(err))
	}
	expect := func(arg, want string) {
		t.Helper()
		if got, err := FindPlugin(arg); err != nil || got != want {
			t.Errorf("FindPlugin(%q) = %q, %v, want %q", arg, got, err, want)
		}
	}
	t.Setenv("VIRTUAL_ENV", venv)
	wheel := touch(t, venv, "lib/python3.12/site-packages/jax_plugins/xla_cuda12/xla_cuda_plugin.so")
	expect("", wheel)
	newer := touch(t, venv, "lib/python3.12/site-packages/jax_plugins/xla_cuda13/xla_cuda_plugin.so")
	expect("", newer)
	own := touch(t, home, ".local/lib/go-xla/nvidia/pjrt_c_api_cuda_plugin.so")
	expect("", own)
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", env)
	first := touch(t, env, "pjrt_c_api_cuda_13_plugin.so")
	expect("", first)
	expect(venv, newer)
	expect(filepath.Join(venv, "lib/python3.12/site-packages"), newer)
	expect(wheel, wheel)
	if _, err := FindPlugin(t.TempDir()); !errors.Is(err, ErrNoPlugin) || len(cli.Hints(err)) == 0 {
		t.Errorf("an empty directory: %v", err)
	}
	if _, err := FindPlugin(filepath.Join(venv, "none.so")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
	touch(t, venv, "lib/python3.12/site-packages/nvidia/cu13/nvvm/x")
	if got, want := dataDir(newer), filepath.Join(venv, "lib/python3.12/site-packages/nvidia/cu13"); got != want {
		t.Errorf("data in %q, want %q", got, want)
	}
	if got := dataDir(own); got != "" {
		t.Errorf("data of GoMLX's own plugin in %q", got)
	}
	// The plugin is there, a driver is not.
	if !hasDriver("/") {
		if _, err := prepareCUDA(""); !errors.Is(err, ErrNoDriver) || !strings.Contains(strings.Join(cli.Hints(err), " "), "nvidia-smi") {
			t.Errorf("without a driver: %v, hints %q", err, cli.Hints(err))
		}
		if d := (Options{Device: Device{Kind: Auto, Count: 1}}).Resolve(); d.Kind != CPU {
			t.Errorf("auto is %v", d)
		}
	}
	root := t.TempDir()
	if hasDriver(root) {
		t.Error("a driver in an empty directory")
	}
	touch(t, root, "dev/nvidiactl")
	if !hasDriver(root) {
		t.Error("no driver where there is one")
	}
}

func TestMemoryErrors(t *testing.T) {
	cfg, _ := model.Preset("paper")
	cfg.Vocab = 32
	tc := model.DefaultTrainConfig()
	tc.Rows, tc.Accumulate, tc.Precision = 500, 2, model.PrecisionBF16
	cause := errors.New("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 123 bytes\nand much more")
	if !isMemoryError(cause) || isMemoryError(errors.New("INVALID_ARGUMENT: shapes")) {
		t.Error("memory errors are not told apart")
	}
	err := memoryError(cause, cfg, tc, 1024, 500, true, 80<<30)
	hints := strings.Join(cli.Hints(err), "; ")
	rows := suggestRows(cfg, tc, 1024, 500, true, 80<<30)
	fixed, perRow := trainingBytes(cfg, tc, 1024, true)
	if need := fixed + int64(rows)*perRow; rows < 20 || need > 80<<30 || need+perRow < 70<<30 && rows < 250 {
		t.Errorf("%d rows, which need %d bytes", rows, need)
	}
	if !errors.Is(err, ErrMemory) || strings.Contains(err.Error(), "much more") || !strings.Contains(hints, "--rows") || !strings.Contains(hints, "--recompute") {
		t.Errorf("error %v, hints %s", err, hints)
	}
	if n := suggestRows(cfg, tc, 1024, 8, true, 0); n != 4 {
		t.Errorf("half of 8 rows is %d", n)
	}
	if n := suggestRows(cfg, tc, 1024, 8, true, 1<<20); n != 0 {
		t.Errorf("%d rows fit into a megabyte", n)
	}
	// More of anything needs more.
	_, small := trainingBytes(cfg, tc, 512, true)
	_, plain := trainingBytes(cfg, tc, 1024, false)
	again := tc
	again.Recompute = true
	_, less := trainingBytes(cfg, again, 1024, true)
	muon, average := tc, tc
	muon.Optimizer, average.EMA = model.OptimizerMuon, 0.9
	fewer, _ := trainingBytes(cfg, muon, 1024, true)
	more, _ := trainingBytes(cfg, average, 1024, true)
	var hidden int64
	for _, l := range model.Layout(cfg) {
		if l.Hidden {
			hidden += int64(l.Size)
		}
	}
	if n := int64(cfg.NumParams()); fixed-fewer != 2*4*hidden || more-fixed != 2*4*n {
		t.Errorf("the state takes %d bytes with Muon, %d with AdamW, %d with an average", fewer, fixed, more)
	}
	if !slices.IsSorted([]int64{less, perRow, plain}) || small*2 != perRow {
		t.Errorf("recomputed %d, fused %d, plain %d, half the context %d", less, perRow, plain, small)
	}
}

func TestNotBuilt(t *testing.T) {
	if Built {
		t.Skip("built with the tag xla")
	}
	for _, kind := range []string{CUDA, Go} {
		o := Options{Device: Device{Kind: kind, Count: 1}}
		if _, err := New(model.Config{}, model.TrainConfig{}, o); !errors.Is(err, ErrNotBuilt) || !strings.Contains(strings.Join(cli.Hints(err), " "), "-tags xla") {
			t.Errorf("%s: %v, hints %q", kind, err, cli.Hints(err))
		}
	}
	if d := (Options{Device: Device{Kind: Auto, Count: 1}}).Resolve(); d.Kind != CPU {
		t.Errorf("auto is %v", d)
	}
}

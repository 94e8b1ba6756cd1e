//go:build unix

package uci

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"transcend/engine"
	"transcend/internal/boardtest"
)

// scriptEngine is an engine that calls itself what a shell command prints, and
// knows no more than the handshake.
func scriptEngine(t *testing.T, command string) Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "engine.sh")
	script := "#!/bin/sh\nwhile read -r line; do case $line in uci) echo id name " + command + "; echo uciok;; isready) echo readyok;; quit) exit;; esac; done\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return Config{Path: path}
}

func TestProcessLimits(t *testing.T) {
	cfg := scriptEngine(t, "$(ulimit -v) $(ulimit -t)")
	cfg.Limits = ProcessLimits{Memory: 1 << 30, CPUTime: 77 * time.Second}
	c := start(t, cfg)
	if c.Name() != "1048576 77" {
		t.Errorf("limits in force: %s", c.Name())
	}
	if spec := c.Spec(); spec["program"] != "engine.sh" || len(spec["sha256"]) != 64 {
		t.Errorf("the limits hide the engine: %v", spec)
	}
	// An engine that lives on too little memory fails to start, and says so.
	small := fake()
	small.Limits.Memory = 1 << 20
	_, err := Start(t.Context(), small)
	var crash *engine.CrashError
	if !errors.As(err, &crash) {
		t.Errorf("a start in 1 MiB: %v", err)
	}
}

func TestCPUs(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes are bound to processors on Linux only")
	}
	cfg := scriptEngine(t, "$(grep Cpus_allowed_list /proc/self/status)")
	cfg.Limits.CPUs = []int{0}
	if c := start(t, cfg); c.Name() != "Cpus_allowed_list: 0" {
		t.Errorf("bound to processor 0: %q", c.Name())
	}
	cfg.Limits.CPUs = []int{1000}
	if _, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "binding to processors [1000]") {
		t.Errorf("bound to a processor that is not there: %v", err)
	}
	// The threads of this program are free again.
	cfg.Limits.CPUs = nil
	if c := start(t, cfg); runtime.NumCPU() > 1 && c.Name() == "Cpus_allowed_list: 0" {
		t.Errorf("unbound: %q", c.Name())
	}
}

func TestInitLines(t *testing.T) {
	cfg := fake()
	cfg.Init = []string{"setoption name Hash value 32"}
	c := start(t, cfg)
	mustMove(t, c, boardtest.Game(t, ""), engine.Limit{Depth: 1})
	if c.Spec()["init"] != "setoption name Hash value 32" {
		t.Errorf("spec: %v", c.Spec())
	}
	cfg.Init = []string{"hello"} // the fake engine ends at what it does not know
	if _, err := Start(t.Context(), cfg); engine.FailureOf(err) != engine.Crash {
		t.Errorf("an unknown command: %v", err)
	}
	cfg.Init = []string{"a\nb"}
	if _, err := Start(t.Context(), cfg); err == nil {
		t.Error("a line break in an initial command")
	}
}

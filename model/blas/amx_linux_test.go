//go:build amd64 && !noasm

package blas

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestTilesUnderSignals multiplies on many goroutines while signals arrive from
// everywhere: preemption by the garbage collector, the profiler, and SIGURG sent by hand.
// Each of them saves and restores the tile registers of the thread that it hits.
func TestTilesUnderSignals(t *testing.T) {
	if Supported() < AMX {
		t.Skip("no AMX here: ", amxMissing())
	}
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	rng := rand.New(rand.NewPCG(21, 22))
	impl := newImplementation(t, Options{Level: AMX, Precision: BF16})
	impl.e.tuning.minWorkTiles, impl.e.tuning.tileParallelWork = 1, 1
	const goroutines = 12
	problems := make([]problem, goroutines)
	want := make([][]float32, goroutines)
	for i := range problems {
		problems[i] = newProblem(rng, transposes[i%2], transposes[i/2%2], 130+rng.IntN(100), 130+rng.IntN(100), 300+rng.IntN(300), scalars[1+i%3], float32(i%2), true)
		want[i] = problems[i].tileTwin(problems[i].tileDepth(impl.e.tuning))
	}
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		t.Log("without the profiler: ", err) // one is running already
	} else {
		defer pprof.StopCPUProfile()
	}
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	stop := make(chan struct{})
	var noise sync.WaitGroup
	noise.Go(func() {
		var kept []byte
		for {
			select {
			case <-stop:
				runtime.KeepAlive(kept)
				return
			default:
			}
			kept = make([]byte, 1<<20)
			runtime.GC()
		}
	})
	noise.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			for tid := range threads(t) {
				// A thread may have ended meanwhile.
				if err := unix.Tgkill(os.Getpid(), tid, unix.SIGURG); err != nil && !errors.Is(err, unix.ESRCH) {
					t.Error(err)
					return
				}
			}
			runtime.Gosched()
		}
	})
	var work sync.WaitGroup
	for i, p := range problems {
		work.Go(func() {
			for range rounds {
				for e, got := range p.run(impl) {
					if got != want[i][e] && (got == got || want[i][e] == want[i][e]) {
						t.Errorf("%v: element %d is %v, want %v", p, e, got, want[i][e])
						return
					}
				}
			}
		})
	}
	work.Wait()
	close(stop)
	noise.Wait()
}

// threads yields the thread numbers of this process.
func threads(t *testing.T) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		entries, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Error(err)
			return
		}
		for _, e := range entries {
			var tid int
			if _, err := fmt.Sscan(e.Name(), &tid); err == nil && !yield(tid) {
				return
			}
		}
	}
}

// TestTilesRefused runs itself in a process with a thread whose signal stack is too small
// for tile registers, so that the kernel does not permit them.
func TestTilesRefused(t *testing.T) {
	const child = "TRANSCEND_TEST_SMALL_SIGNAL_STACK"
	if os.Getenv(child) == "" {
		if Supported() < AMX {
			t.Skip("no AMX here: ", amxMissing())
		}
		c := exec.Command(os.Args[0], "-test.run=^TestTilesRefused$", "-test.v")
		c.Env = append(os.Environ(), child+"=1", "GODEBUG=asyncpreemptoff=1", EnvLevel+"=")
		if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "refused as it should be") {
			t.Fatalf("child: %v\n%s", err, out)
		}
		return
	}
	type stack struct {
		sp    uintptr
		flags int32
		size  uintptr
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	memory, err := unix.Mmap(-1, 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	small, old := stack{sp: uintptr(unsafe.Pointer(&memory[0])), size: 8192}, stack{}
	if _, _, e := unix.RawSyscall(unix.SYS_SIGALTSTACK, uintptr(unsafe.Pointer(&small)), uintptr(unsafe.Pointer(&old)), 0); e != 0 {
		t.Fatal(e)
	}
	best, why := Supported(), amxMissing()
	if _, _, e := unix.RawSyscall(unix.SYS_SIGALTSTACK, uintptr(unsafe.Pointer(&old)), 0, 0); e != 0 {
		t.Fatal(e)
	}
	if best != AVX512BF16 || !errors.Is(why, unix.ENOSPC) {
		t.Fatalf("level %v, %v; want %v and ENOSPC", best, why, AVX512BF16)
	}
	_, err = New(Options{Level: AMX})
	if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), why.Error()) || !strings.Contains(err.Error(), "the best here is avx512bf16") {
		t.Fatalf("New: %v", err)
	}
	if impl := newImplementation(t, Options{Precision: BF16}); impl.Level() != AVX512BF16 || impl.BF16Fast() {
		t.Fatalf("New chose %v", impl.Level())
	}
	t.Log("refused as it should be: ", err)
}

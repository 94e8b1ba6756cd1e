package uci

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"transcend/engine"
	"transcend/internal/bitboard"
	"transcend/internal/fakeengine"
)

// testEnv marks every process that descends from this test run.
const testEnv = "TRANSCEND_ENGINE_TEST"

func TestMain(m *testing.M) {
	fakeengine.RunIfAsked()
	if os.Getenv(ownerEnv) != "" {
		ownEngines()
	}
	os.Setenv(testEnv, fmt.Sprintf("%d.%d", os.Getpid(), time.Now().UnixNano()))
	code := m.Run()
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "goroutines left:", err)
		code = 1
	}
	if left := processes(testEnv + "=" + os.Getenv(testEnv)); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "processes left:", left)
		code = 1
	}
	if left := children(os.Getpid()); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "children left:", left)
		code = 1
	}
	os.Exit(code)
}

// ownerEnv makes the test binary a process that owns engines and waits to be
// killed; see ownEngines.
const ownerEnv = "TRANSCEND_ENGINE_TEST_OWNER"

// ownEngines starts engines that would each survive in a different way, says so,
// and waits.
func ownEngines() {
	for _, flags := range ownedEngines {
		c, err := Start(context.Background(), fake(strings.Fields(flags)...))
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		if strings.Contains(flags, "stall go") {
			g := bitboard.NewGame(bitboard.Start())
			go func() { _, _ = c.Move(context.Background(), g, engine.Limit{Depth: 1}) }()
		}
	}
	fmt.Println("ready")
	time.Sleep(time.Minute)
	os.Exit(1)
}

var ownedEngines = []string{
	"",
	"-ignore-eof -ignore-term",
	"-stall go -ignore-term",
	"-ignore-eof -chatter",
	"-grandchild",
}

// processes returns the live processes, but this one, whose environment holds
// the variable; nil on systems without /proc.
func processes(variable string) []int {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	var pids []int
	for _, file := range files {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil || pid == os.Getpid() {
			continue
		}
		// Empty for zombies, an error for what has ended or is not ours.
		env, err := os.ReadFile(file)
		if err == nil && bytes.Contains(append([]byte{0}, env...), []byte("\x00"+variable+"\x00")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// children returns the children of a process, zombies included.
func children(parent int) []int {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	var pids []int
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		// The name may hold anything but is followed by the last parenthesis.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// fake is the configuration of a fake engine with these flags.
func fake(flags ...string) Config {
	path, env := fakeengine.Self()
	return Config{Path: path, Args: flags, Env: env}
}

// start starts a fake engine that is closed with the test, in which nothing may
// go wrong before it.
func start(t testing.TB, cfg Config) *Engine {
	t.Helper()
	c, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// mustMove is a move that must succeed.
func mustMove(t testing.TB, p engine.Player, g *bitboard.Game, limit engine.Limit) engine.Reply {
	t.Helper()
	r, err := p.Move(context.Background(), g, limit)
	if err != nil {
		t.Fatal(err)
	}
	if !g.Position().IsLegal(r.Move) {
		t.Fatalf("%s played %v in %s", p.Name(), r.Move, g.Position().FEN())
	}
	return r
}

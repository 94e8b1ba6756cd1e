package ucicheck

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"transcend/engine/uci"
	"transcend/internal/fakeengine"
)

func TestMain(m *testing.M) {
	fakeengine.RunIfAsked()
	os.Exit(m.Run())
}

// fake runs checks on a fake engine with faults.
func fake(t *testing.T, o Options, flags string, only ...string) map[string]Result {
	t.Helper()
	path, env := fakeengine.Self()
	o.Path, o.Env = path, env
	if flags != "" {
		o.Args = strings.Split(flags, ";")
	}
	got := map[string]Result{}
	if err := Run(context.Background(), o, only, func(r Result) { got[r.Name] = r }); err != nil {
		t.Fatal(err)
	}
	return got
}

// sound is what the fake engine can do: it takes unknown commands and unasked
// stops for faults of its client, and answers every search at once.
var sound = []string{"handshake", "id", "options", "newgame", "go-depth", "go-nodes", "go-movetime", "go-clocks", "go-black", "go-one-clock",
	"position-moves", "position-fen", "position-fen-moves", "en-passant", "promotion", "castled", "one-move", "long-game", "info", "info-score", "info-pv",
	"game", "quit", "eof"}

func TestSoundEngine(t *testing.T) {
	for _, flags := range []string{"", "-crlf", "-split", "-flood;1000", "-no-options", "-stderr;100000"} {
		only := sound
		if flags != "" {
			only = []string{"handshake", "options", "go-depth", "game", "quit"}
		}
		got := fake(t, Options{Timeout: 30 * time.Second, Margin: 30 * time.Second}, flags, only...)
		if len(got) != len(only) {
			t.Errorf("%q: %d results of %d", flags, len(got), len(only))
		}
		for name, r := range got {
			if r.Verdict != Pass && !(r.Verdict == Warn && strings.Contains(r.Text, "where no margin is given")) {
				t.Errorf("%q: %s: %s: %s", flags, name, r.Verdict, r.Text)
			}
		}
	}
}

// TestFaults gives one fault at a time, and wants the check that is for it to say
// so.
func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		flags, check string
		want         Verdict
		text         string
	}{
		{"-uciok;none", "handshake", Fail, `no "uciok"`},
		{"-mute;isready", "handshake", Fail, `no "readyok"`},
		{"-crash;uci", "handshake", Fail, "the engine ended (exit status 33)"},
		{"-close-stdout;uci", "handshake", Fail, ""},
		{"-odd-options", "options", Fail, ""},
		{"-mute;ucinewgame", "newgame", Pass, ""}, // nothing is to be seen of it
		{"-crash;ucinewgame", "newgame", Fail, "the engine ended"},
		{"-stray", "newgame", Fail, "came unasked"},
		{"-bestmove;illegal", "go-depth", Fail, "is not legal"},
		{"-bestmove;garbage", "go-depth", Fail, "is not legal"},
		{"-bestmove;none", "go-depth", Fail, "is not legal"},
		{"-bestmove;zero", "go-depth", Fail, "is not legal"},
		{"-bestmove;empty", "go-depth", Fail, "names no move"},
		{"-mute;go", "go-depth", Fail, `no "bestmove"`},
		{"-stall;go", "go-depth", Fail, `no "bestmove"`},
		{"-crash;go;-stderr;10", "go-depth", Fail, `it complained: "last words"`},
		{"-double", "go-depth", Fail, "came unasked"},
		{"-late;400ms", "go-movetime", Fail, "is the margin"},
		{"-late;400ms", "game", Fail, ""},
		{"", "infinite", Fail, "came unasked"},
		{"-until-stop", "infinite", Pass, ""},
		{"-until-stop;-ignore-stop", "infinite", Fail, `no "bestmove"`},
		{"-scores;depth banana", "info", Fail, "no number after depth"},
		{"-scores;depth 1 score 30", "info", Fail, "neither cp nor mate"},
		{"-scores;depth 1 score cp 3 pv e7e5", "info", Fail, "is not legal"},
		{"-scores;depth 1 nonsense 3", "info", Fail, "means nothing"},
		{"-scores;depth 1 nodes 3", "info-score", Warn, "no info line with a score"},
		{"-scores;depth 1 score cp 3 pv a2a3", "info-pv", Warn, "bestmove"},
		{"-garbage", "info", Warn, "is no info line"},
		{"-ignore-quit", "quit", Fail, "still runs"},
		{"-crash;quit", "quit", Warn, "exit status 33"},
		{"-ignore-eof", "eof", Fail, "still runs"},
	} {
		t.Run(tt.flags+" "+tt.check, func(t *testing.T) {
			t.Parallel()
			o := Options{Timeout: 30 * time.Second, Margin: 20 * time.Millisecond}
			if tt.want != Pass && (strings.HasPrefix(tt.text, `no "`) || tt.text == "still runs" || strings.Contains(tt.flags, "close-stdout")) {
				o.Timeout, o.StartTimeout = 500*time.Millisecond, 5*time.Second
				if tt.check == "handshake" {
					o.StartTimeout = 500 * time.Millisecond
				}
			}
			r, ok := fake(t, o, tt.flags, tt.check)[tt.check]
			if r.Verdict != tt.want || !strings.Contains(r.Text, tt.text) {
				// On a machine with no time for the engine what is healthy is late as well.
				o.Timeout, o.StartTimeout = 20*o.Timeout, 20*o.StartTimeout
				r, ok = fake(t, o, tt.flags, tt.check)[tt.check]
			}
			if !ok || r.Verdict != tt.want || !strings.Contains(r.Text, tt.text) {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestNothingStarts skips what cannot be looked at.
func TestNothingStarts(t *testing.T) {
	got := fake(t, Options{StartTimeout: 300 * time.Millisecond}, "-uciok;none")
	if len(got) != len(Names()) {
		t.Fatalf("%d results", len(got))
	}
	for name, r := range got {
		if (name == "handshake") != (r.Verdict == Fail) || name != "handshake" && r.Verdict != Skip {
			t.Errorf("%s: %s", name, r.Verdict)
		}
	}
	err := Run(context.Background(), Options{Path: "/nonexistent/engine"}, nil, func(r Result) {
		if r.Verdict == Pass {
			t.Errorf("%+v", r)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// TestStockfish: an engine that everybody uses passes.
func TestStockfish(t *testing.T) {
	path, err := uci.Find("stockfish")
	if err != nil {
		t.Skip("needs stockfish (apt install stockfish)")
	}
	dir := t.TempDir()
	var reported []string
	err = Run(context.Background(), Options{Path: path, Dir: dir, Timeout: 30 * time.Second, Margin: 10 * time.Second}, nil, func(r Result) {
		reported = append(reported, r.Name)
		if r.Verdict == Fail {
			t.Errorf("%s: %s", r.Name, r.Text)
		}
	})
	if err != nil {
		t.Error(err)
	}
	if !slices.Equal(reported, Names()) {
		t.Errorf("reported %v, want all: %v", reported, Names())
	}
	wantEmpty(t, dir)
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("a file appeared: %q", e.Name())
	}
}

// TestSettingDefaultsWritesNothing: an engine that opens what its options name
// finds no name in a default that is empty, and is not told of its log.
func TestSettingDefaultsWritesNothing(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the engine of this test is a shell script")
	}
	path, dir := filepath.Join(t.TempDir(), "engine.sh"), t.TempDir()
	script := `#!/bin/sh
while read -r line; do
	case "$line" in
	uci) printf '%s\n' 'option name Debug Log File type string default engine.log' 'option name Book type string default <empty>' 'option name Hash type spin default 1 min 1 max 9' uciok ;;
	isready) echo readyok ;;
	"setoption name Debug Log File"* | "setoption name Book value"?* | "setoption name Hash value 1") touch "${line#*value}" ;;
	quit) exit ;;
	esac
done
`
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	var got []Result
	if err := Run(context.Background(), Options{Path: path, Dir: dir, Timeout: 30 * time.Second}, []string{"set-options"}, func(r Result) { got = append(got, r) }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Verdict != Pass {
		t.Errorf("%+v", got)
	}
	// That options were set at all is seen by the one that has a name in it.
	if err := os.Remove(filepath.Join(dir, " 1")); err != nil {
		t.Error(err)
	}
	wantEmpty(t, dir)
}

// TestGrandchildren: what an engine started ends with it, also when the engine is
// killed.
func TestGrandchildren(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes are looked for in /proc")
	}
	path, env := fakeengine.Self()
	mark := fmt.Sprintf("TRANSCEND_UCICHECK_TEST=%d", time.Now().UnixNano())
	o := Options{Path: path, Env: append(env, mark), Args: []string{"-grandchild", "-ignore-term"}, Timeout: 30 * time.Second}
	seen := 0
	if err := Run(context.Background(), o, []string{"handshake"}, func(r Result) {
		seen = len(processes(mark))
		if r.Verdict != Pass {
			t.Errorf("%+v", r)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if seen != 2 {
		t.Errorf("%d processes while it ran, want an engine and its child: this tests nothing", seen)
	}
	// The child is no child of ours: its end is seen when the system has reaped it.
	for deadline := time.Now().Add(20 * time.Second); len(processes(mark)) > 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("processes %v are left", processes(mark))
		}
	}
}

// processes are those with the variable in their environment.
func processes(variable string) []string {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	var pids []string
	for _, file := range files {
		// Empty for zombies, an error for what has ended or is not ours.
		env, err := os.ReadFile(file)
		if err == nil && bytes.Contains(env, []byte("\x00"+variable+"\x00")) {
			pids = append(pids, filepath.Base(filepath.Dir(file)))
		}
	}
	return pids
}

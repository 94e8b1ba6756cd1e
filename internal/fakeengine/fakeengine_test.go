package fakeengine

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"transcend/internal/bitboard"
)

func TestMain(m *testing.M) {
	RunIfAsked()
	os.Exit(m.Run())
}

// run talks to an engine in this process.
func run(t *testing.T, flags, input string) (stdout, stderr string, code int) {
	t.Helper()
	var out, err bytes.Buffer
	code = Main(strings.Fields(flags), strings.NewReader(input), &out, &err)
	return out.String(), err.String(), code
}

// moves returns the bestmoves in an engine's output.
func moves(output string) []string {
	var ms []string
	for line := range strings.Lines(output) {
		if m, ok := strings.CutPrefix(line, "bestmove"); ok {
			ms = append(ms, strings.TrimSpace(m))
		}
	}
	return ms
}

func TestConversation(t *testing.T) {
	out, errOut, code := run(t, "", "uci\nsetoption name Seed value 7\nsetoption name Clear Hash\nisready\nucinewgame\nposition startpos\ngo depth 1\nposition startpos moves e2e4 e7e5\nisready\ngo movetime 1\n"+
		"position startpos moves e2e4\ngo nodes 1\nposition fen 4k3/8/8/8/8/8/8/R3K2R w KQ - 0 1 moves e1g1\ngo depth 1\nquit\n")
	if code != 0 || errOut != "" {
		t.Fatalf("code %d, %s", code, errOut)
	}
	if !strings.HasPrefix(out, "id name Fake 1.0\n") || strings.Count(out, "uciok\n") != 1 || strings.Count(out, "readyok\n") != 2 {
		t.Errorf("said\n%s", out)
	}
	var want []string
	for _, played := range [][]string{{}, {"e2e4", "e7e5"}, {"e2e4"}} {
		p := bitboard.Start()
		for _, s := range played {
			m, err := p.ParseUCIMove(s)
			if err != nil {
				t.Fatal(err)
			}
			p.Make(m)
		}
		want = append(want, Choose(7, &p).String())
	}
	p, err := bitboard.ParseFEN("4k3/8/8/8/8/8/8/R4RK1 b - - 1 1")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, Choose(7, &p).String())
	if got := moves(out); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("played %v, want %v", got, want)
	}
	if Choose(7, &p) == bitboard.NoMove {
		t.Error("no move")
	}
}

// TestViolations: what a client may not do ends the engine.
func TestViolations(t *testing.T) {
	for _, input := range []string{
		"hello\n", "uci\nstop\n", "position startpos moves e2e5\n", "position\n", "position fen x\n", "go\n",
		"setoption name Nothing value 1\n", "setoption Hash 1\n", "setoption name Seed value x\n",
	} {
		if _, errOut, code := run(t, "", input); code != ExitViolation || !strings.Contains(errOut, "violation") {
			t.Errorf("%q: code %d, %q", input, code, errOut)
		}
	}
	for _, input := range []string{"go depth 1\nisready\n", "go depth 1\nposition startpos\n", "go depth 1\ngo depth 1\n", "go depth 1\nucinewgame\n"} {
		if _, _, code := run(t, "-until-stop", input); code != ExitViolation {
			t.Errorf("%q: code %d", input, code)
		}
	}
	for _, flags := range []string{"-crash nowhere", "-bestmove strange", "-no-such-flag", "extra"} {
		if _, errOut, code := run(t, flags, ""); code != ExitViolation || errOut == "" {
			t.Errorf("%s: code %d, %q", flags, code, errOut)
		}
	}
}

func TestFaults(t *testing.T) {
	const game = "uci\nisready\nposition startpos\ngo depth 1\nposition startpos\ngo depth 1\nquit\n"
	for flags, check := range map[string]func(out string, code int) bool{
		"-crash uci":               func(out string, code int) bool { return out == "" && code == ExitCrash },
		"-crash go -after 2":       func(out string, code int) bool { return len(moves(out)) == 1 && code == ExitCrash },
		"-crash quit":              func(out string, code int) bool { return len(moves(out)) == 2 && code == ExitCrash },
		"-exit-code 3 -crash quit": func(out string, code int) bool { return code == 3 },
		"-mute isready":            func(out string, code int) bool { return !strings.Contains(out, "readyok") && code == 0 },
		"-uciok none":              func(out string, code int) bool { return !strings.Contains(out, "uciok") },
		"-uciok maybe":             func(out string, code int) bool { return strings.Contains(out, "\nmaybe\n") },
		"-bestmove none":           func(out string, code int) bool { return moves(out)[0] == "(none)" },
		"-bestmove zero -after 2":  func(out string, code int) bool { return moves(out)[0] != "0000" && moves(out)[1] == "0000" },
		"-bestmove empty":          func(out string, code int) bool { return moves(out)[0] == "" },
		"-no-newline":              func(out string, code int) bool { return !strings.HasSuffix(out, "\n") && len(moves(out)) == 1 },
		"-crlf":                    func(out string, code int) bool { return strings.Count(out, "\r\n") == strings.Count(out, "\n") },
		"-double":                  func(out string, code int) bool { return len(moves(out)) == 4 },
		"-flood 100":               func(out string, code int) bool { return strings.Count(out, "info") == 202 },
		"-long-line 100000":        func(out string, code int) bool { return len(out) > 200_000 },
		"-split":                   func(out string, code int) bool { return len(moves(out)) == 2 && code == 0 },
		"-no-options":              func(out string, code int) bool { return !strings.Contains(out, "option") },
		"-ignore-quit":             func(out string, code int) bool { return code == 0 },
	} {
		if out, errOut, code := run(t, flags, game); !check(out, code) {
			t.Errorf("%s: code %d\n%s%s", flags, code, out, errOut)
		}
	}
}

// TestPrograms runs the engine in both ways that tests of other packages do.
func TestPrograms(t *testing.T) {
	built, err := Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	self, env := Self()
	for _, cmd := range []*exec.Cmd{exec.Command(built, "-name", "X"), exec.Command(self, "-name", "X")} {
		cmd.Env = append(os.Environ(), env...)
		cmd.Stdin = strings.NewReader("uci\nquit\n")
		out, err := cmd.Output()
		if err != nil || !strings.HasPrefix(string(out), "id name X\n") {
			t.Errorf("%s: %v\n%s", cmd.Path, err, out)
		}
	}
}

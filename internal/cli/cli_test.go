package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

type hinting struct{}

func (hinting) Error() string { return "it broke" }
func (hinting) Hint() string  { return "mend it" }

func TestFail(t *testing.T) {
	tests := []struct {
		err  error
		code int
		want string
	}{
		{errors.New("no room"), ExitFailure, "x: error: no room\n"},
		{Usagef("bad flag"), ExitUsage, "x: error: bad flag\n"},
		{fmt.Errorf("stopped: %w", context.Canceled), ExitInterrupted, "x: interrupted\n"},
		{fmt.Errorf("outer: %w", WithHint(Usagef("inner"), "do this")), ExitUsage, "x: error: outer: inner\nx: hint: do this\n"},
		{fmt.Errorf("playing: %w", hinting{}), ExitFailure, "x: error: playing: it broke\nx: hint: mend it\n"},
		{errors.Join(errors.New("a"), WithHint(errors.New("b"), "c")), ExitFailure, "x: error: a; b\nx: hint: c\n"},
		{errors.Join(context.Canceled, errors.New("disk full")), ExitFailure, "x: error: context canceled; disk full\n"},
		{pflag.ErrHelp, ExitOK, ""},
	}
	for _, tt := range tests {
		var b bytes.Buffer
		if code := Fail(&b, "x", tt.err); code != tt.code {
			t.Errorf("Fail(%v) = %d, want %d", tt.err, code, tt.code)
		}
		if b.String() != tt.want {
			t.Errorf("Fail(%v) printed %q, want %q", tt.err, b.String(), tt.want)
		}
	}
	if WithHint(nil, "h") != nil {
		t.Error("a hint on no error is an error")
	}
}

func TestParse(t *testing.T) {
	newSet := func() *pflag.FlagSet {
		fs := pflag.NewFlagSet("prog", pflag.ContinueOnError)
		fs.Int("max-elo", 0, "")
		fs.String("pgn", "", "")
		return fs
	}
	help := func(w io.Writer) { io.WriteString(w, "the help") }
	var out bytes.Buffer
	err := Parse(newSet(), []string{"--max-elp", "3"}, &out, help)
	if err == nil || err.Error() != "unknown flag --max-elp" {
		t.Fatalf("error = %v", err)
	}
	if h := strings.Join(Hints(err), "|"); !strings.Contains(h, "--max-elo?") {
		t.Errorf("hints = %q, want the nearest flag", h)
	}
	if err := Parse(newSet(), []string{"--zzzzzzzz"}, &out, help); strings.Contains(strings.Join(Hints(err), ""), "mean") {
		t.Error("a flag that resembles none got a suggestion")
	}
	if err := Parse(newSet(), []string{"--max-elo", "many"}, &out, help); err == nil || Fail(io.Discard, "x", err) != ExitUsage {
		t.Errorf("a bad value gave %v", err)
	}
	if out.Len() != 0 {
		t.Errorf("errors printed %q to standard output", out.String())
	}
	if err := Parse(newSet(), []string{"--help"}, &out, help); !errors.Is(err, pflag.ErrHelp) || out.String() != "the help"+exitCodes {
		t.Errorf("help: error %v, output %q", err, out.String())
	}
	out.Reset()
	own := "the help\n\nexit codes: 0 done, 1 stopped\n"
	Parse(newSet(), []string{"--help"}, &out, func(w io.Writer) { io.WriteString(w, own) })
	if out.String() != own {
		t.Errorf("help with exit codes of its own: %q", out.String())
	}
}

func TestNearest(t *testing.T) {
	for _, tt := range []struct{ word, want string }{
		{"tinny", "tiny"}, {"smal", "small"}, {"paper", "paper"}, {"enormous", ""},
	} {
		if got := Nearest(tt.word, []string{"tiny", "small", "paper"}); got != tt.want {
			t.Errorf("Nearest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}

func TestFormats(t *testing.T) {
	for got, want := range map[string]string{
		Count(1234567): "1,234,567", Count(-1234): "-1,234", Count(999): "999", Count(0): "0",
		Percent(1, 8): "12.5%", Percent(1, 0): "-",
		Duration(3*time.Minute + 4*time.Second): "3m04s", Duration(62 * time.Minute): "1h02m", Duration(-time.Hour): "0s",
		SI(12345): "12.3k", SI(950): "950", SI(1.2e6): "1.20M",
		Bytes(1234567): "1.2 MB", Bytes(999): "999 B",
		CommandLine("p", "c", "a b", "c", "it's", ""): `p c 'a b' c 'it'\''s' ''`,
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestStatusInAPipeWritesPlainLinesOnly(t *testing.T) {
	var b bytes.Buffer
	s := NewStatus(&b)
	s.Set(0.5, "never seen")
	s.Printf("line %d", 1)
	s.Close()
	if b.String() != "line 1\n" {
		t.Errorf("wrote %q", b.String())
	}
}

func TestMatching(t *testing.T) {
	items := []string{"a-1", "a-2", "b-1"}
	same := func(s *string) string { return *s }
	for _, c := range []struct {
		only string
		want string
	}{{"", "a-1 a-2 b-1"}, {"a-*", "a-1 a-2"}, {"b-1,a-1", "a-1 b-1"}, {"*-1,a-?", "a-1 a-2 b-1"}} {
		got, err := Matching(c.only, items, same)
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("--only %q: %v, %v", c.only, got, err)
		}
	}
	for _, only := range []string{"c", "a-1,c", "[", "a-1,"} {
		if _, err := Matching(only, items, same); Fail(io.Discard, "program", err) != ExitUsage {
			t.Errorf("--only %q: %v", only, err)
		}
	}
}

func TestAliasAndFloats(t *testing.T) {
	fs := pflag.NewFlagSet("program", pflag.ContinueOnError)
	var some, none []float64
	Floats(fs, &some, "temps", []float64{0.001, 1, 1.5}, "temperatures")
	Floats(fs, &none, "coverage", nil, "shares (default by preset)")
	Alias(fs, "temps", "temperatures")
	Alias(fs, "coverage", "cover")
	usage := fs.FlagUsages()
	if !strings.Contains(usage, "(default 0.001,1,1.5)") || strings.Contains(usage, "[]") || strings.Contains(usage, "--temperatures") {
		t.Error(usage)
	}
	if !slices.Equal(some, []float64{0.001, 1, 1.5}) || none != nil {
		t.Errorf("%v, %v", some, none)
	}
	if err := Parse(fs, []string{"--temperatures", "0.5,2", "--cover=1"}, io.Discard, nil); err != nil || !slices.Equal(some, []float64{0.5, 2}) || !slices.Equal(none, []float64{1}) {
		t.Errorf("%v, %v, %v", some, none, err)
	}
	if !fs.Changed("temps") {
		t.Error("a flag that was given by its other name is not changed")
	}
}

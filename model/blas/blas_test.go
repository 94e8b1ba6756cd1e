package blas

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func TestNew(t *testing.T) {
	best := Supported()
	tests := []struct {
		name      string
		options   Options
		env       string
		level     Level
		precision Precision
		err       string // part of the message
	}{
		{name: "default", level: best},
		{name: "forced", options: Options{Level: Gonum}, level: Gonum},
		{name: "bf16 on gonum", options: Options{Level: Gonum, Precision: BF16}, level: Gonum},
		{name: "environment", env: "gonum", level: Gonum},
		{name: "environment in capitals", env: "GONUM", level: Gonum},
		{name: "environment auto", env: "auto", level: best},
		{name: "options beat the environment", options: Options{Level: Gonum}, env: "nonsense", level: Gonum},
		{name: "unknown environment", env: "sse9", err: `TRANSCEND_BLAS: blas: unknown level "sse9" (known: auto, gonum, avx2`},
		{name: "negative threads", options: Options{Threads: -1}, err: "must not be negative"},
		{name: "unknown precision", options: Options{Precision: 7}, err: "unknown precision"},
		{name: "unknown level", options: Options{Level: 9}, err: "not supported"},
	}
	for _, l := range Levels()[1:] {
		c := struct {
			name      string
			options   Options
			env       string
			level     Level
			precision Precision
			err       string
		}{name: l.String(), options: Options{Precision: BF16}, env: l.String(), level: l}
		if l > best {
			c.err = "of environment variable TRANSCEND_BLAS: not supported here"
		}
		if l >= AVX512BF16 {
			c.precision = BF16
		}
		tests = append(tests, c)
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(EnvLevel, c.env)
			impl, err := New(c.options)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want one with %q", err, c.err)
				}
				if strings.Contains(c.err, "not supported") != errors.Is(err, ErrUnsupported) {
					t.Errorf("errors.Is(%v, ErrUnsupported) = %v", err, errors.Is(err, ErrUnsupported))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if impl.BF16Fast() != (c.level == AMX) {
				t.Errorf("BF16Fast() = %v at level %v", impl.BF16Fast(), c.level)
			}
			if impl.Level() != c.level || impl.Precision() != c.precision {
				t.Errorf("%v in %v, want %v in %v", impl.Level(), impl.Precision(), c.level, c.precision)
			}
		})
	}
	if (Implementation{}).Level() != Gonum || (Implementation{}).Precision() != F32 {
		t.Error("the zero value is not gonum's own")
	}
}

func TestNames(t *testing.T) {
	for _, l := range append(Levels(), Auto) {
		if got, err := ParseLevel(l.String()); got != l || err != nil {
			t.Errorf("ParseLevel(%q) = %v, %v", l, got, err)
		}
	}
	if all := Levels(); all[0] != Gonum || all[len(all)-1] != AMX || len(all) != int(AMX) {
		t.Errorf("Levels() = %v", all)
	}
	if Level(9).String() != "Level(9)" || Precision(9).String() != "Precision(9)" {
		t.Error("names of unknown values:", Level(9), Precision(9))
	}
}

// TestLevelsAreTested: .ci/levels runs the tests at every level.
func TestLevelsAreTested(t *testing.T) {
	script, err := os.ReadFile("../../.ci/levels")
	if err != nil {
		t.Skip(err)
	}
	var names []string
	for _, l := range Levels() {
		names = append(names, l.String())
	}
	if want := "for level in " + strings.Join(names, " ") + "; do"; !strings.Contains(string(script), want) {
		t.Errorf(".ci/levels has not the line %q", want)
	}
}

func TestPeak(t *testing.T) {
	if got := Peak(Gonum, F32, 1, time.Millisecond); got != 0 {
		t.Errorf("peak of gonum is %v", got)
	}
	for _, l := range Levels()[1:] {
		for p := F32; p <= BF16; p++ {
			there := l <= Supported() && (p == F32 || l >= AVX512BF16)
			if got := Peak(l, p, 2, time.Millisecond); (got > 0) != there {
				t.Errorf("Peak(%v, %v) = %v", l, p, got)
			}
		}
	}
}

package uci

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"transcend/engine"
)

func TestParseOption(t *testing.T) {
	for in, want := range map[string]Option{
		"Skill Level=5":      {"Skill Level", "5"},
		"  Skill   Level =5": {"Skill Level", "5"},
		"Clear Hash":         {"Clear Hash", ""},
		"A=b=c":              {"A", "b=c"},
		"Path=":              {"Path", ""},
	} {
		if got, err := ParseOption(in); err != nil || got != want {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "=5", "  "} {
		if got, err := ParseOption(in); err == nil {
			t.Errorf("%q: %+v", in, got)
		}
	}
}

func TestParseOptionInfo(t *testing.T) {
	spin := func(name, def string, lo, hi int64) OptionInfo {
		return OptionInfo{Name: name, Type: Spin, Default: def, Min: lo, Max: hi, HasMin: true, HasMax: true}
	}
	for in, want := range map[string]OptionInfo{
		"name Skill Level type spin default 20 min 0 max 20":    spin("Skill Level", "20", 0, 20),
		"name  Wide   Name  type  SPIN  min -5 max 5 default 0": spin("Wide Name", "0", -5, 5),
		"name Backwards type spin max 9 min 1 default 3":        spin("Backwards", "3", 1, 9),
		"name Clear Hash type button":                           {Name: "Clear Hash", Type: Button},
		"name Path type string default <empty>":                 {Name: "Path", Type: String},
		"name Note type string":                                 {Name: "Note", Type: String},
		"name Type Min type string default a name b":            {Name: "Type Min", Type: String, Default: "a name b"},
		"name Min Depth min type string default type of":        {Name: "Min Depth min", Type: String, Default: "type of"},
		"name NoType":                                               {Name: "NoType"},
		"name Odd type widget default x":                            {Name: "Odd", Default: "x"},
		"name Broken type spin min low max high":                    {Name: "Broken", Type: Spin},
		"name S type combo default Very Solid var Very Solid var B": {Name: "S", Type: Combo, Default: "Very Solid", Vars: []string{"Very Solid", "B"}},
	} {
		if got, ok := parseOptionInfo(in); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\ngot  %+v, %v\nwant %+v", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "name", "type spin", "default 3 name X", "Skill Level type spin"} {
		if got, ok := parseOptionInfo(in); ok {
			t.Errorf("%q: %+v", in, got)
		}
	}
}

func TestCheckOptions(t *testing.T) {
	var announced []OptionInfo
	for _, line := range []string{
		"name Threads type spin default 1 min 1 max 8", "name Hash type spin default 16 min 1 max 64",
		"name Skill Level type spin default 20 min 0 max 20", "name Clear Hash type button",
		"name Ponder type check default false", "name Style type combo default Normal var Normal var Very Risky",
		"name SyzygyPath type string default <empty>", "name UCI_Chess960 type check default false",
		"name UCI_LimitStrength type check default false", "name UCI_Elo type spin default 1320 min 1320 max 3190",
		"name UCI_Variant type combo default chess var chess var atomic", "name Free type spin",
	} {
		o, ok := parseOptionInfo(line)
		if !ok {
			t.Fatal(line)
		}
		announced = append(announced, o)
	}
	tests := []struct {
		settings string // separated by ;
		want     string // the same, or the error between slashes
	}{
		{"", ""},
		{"skill level=07;HASH=64;threads=8", "Threads=8;Skill Level=7;Hash=64"},
		{"Hash=1;Hash=2;Threads=1", "Threads=1;Hash=1;Hash=2"},
		{"Clear Hash", "Clear Hash="},
		{"Clear Hash=1", "/takes no value/"},
		{"ponder=TRUE", "Ponder=true"},
		{"Ponder=1", "/neither true nor false/"},
		{"Style=very risky", "Style=Very Risky"},
		{"Style=wild", "/none of Normal, Very Risky/"},
		{"Skill Level=21", "/outside [0, 20]/"},
		{"Skill Level=-1", "/outside [0, 20]/"},
		{"Skill Level=2.5", "/not a whole number/"},
		{"Skill Level=", "/not a whole number/"},
		{"Free=-99999", "Free=-99999"},
		{"SyzygyPath=", "SyzygyPath="},
		{"SyzygyPath=/a b=c", "SyzygyPath=/a b=c"},
		{"Skil Level=3", `/no such option|"Skill Level"/`},
		{"skill=3", `/no such option|"Skill Level"/`},
		{"Elo=1500", `/no such option|"UCI_Elo"/`},
		{"Quantum=3", "/no such option/"},
		{"UCI_Chess960=false", "UCI_Chess960=false"},
		{"UCI_Chess960=true", "/only standard chess/"},
		{"UCI_Variant=atomic", "/only standard chess/"},
		{"SyzygyPath=/tb;Skill Level=20", "SyzygyPath=/tb;Skill Level=20"},
		{"SyzygyPath=/tb;Skill Level=3", "/skill limit/"},
		{"UCI_LimitStrength=true;UCI_Elo=1400;SyzygyPath=/tb", "/skill limit/"},
	}
	for _, test := range tests {
		t.Run(test.settings, func(t *testing.T) {
			var settings []Option
			for s := range strings.SplitSeq(test.settings, ";") {
				if s != "" {
					o, err := ParseOption(s)
					if err != nil {
						t.Fatal(err)
					}
					settings = append(settings, o)
				}
			}
			options, err := checkOptions("X", announced, settings)
			if want, isError := strings.CutPrefix(test.want, "/"); isError {
				var e *OptionError
				if !errors.As(err, &e) {
					t.Fatalf("got %v, %v, want an OptionError", options, err)
				}
				for part := range strings.SplitSeq(strings.TrimSuffix(want, "/"), "|") {
					if !strings.Contains(err.Error()+e.Hint(), part) {
						t.Errorf("%v (%s) does not say %s", err, e.Hint(), part)
					}
				}
				if engine.FailureOf(err) != engine.Setup {
					t.Errorf("FailureOf is %v", engine.FailureOf(err))
				}
				return
			}
			var got []string
			for _, o := range options {
				got = append(got, o.Name+"="+o.Value)
			}
			if err != nil || strings.Join(got, ";") != test.want {
				t.Errorf("got %v, %v, want %s", got, err, test.want)
			}
		})
	}
	for _, evil := range []Option{{"Hash\nquit", "1"}, {"SyzygyPath", "a\nquit"}, {"SyzygyPath", "a\rb"}} {
		if _, err := checkOptions("X", announced, []Option{evil}); err == nil {
			t.Errorf("%+v is accepted", evil)
		}
	}
	if _, err := checkOptions("X", nil, []Option{{"Hash", "1"}}); err == nil || !strings.Contains(err.Error(), "has no options") {
		t.Errorf("got %v", err)
	}
}

// TestOptionsOfAnEngine: a wrong option ends the start, and the engine.
func TestOptionsOfAnEngine(t *testing.T) {
	cfg := fake()
	cfg.Options = []Option{{"Skil Levl", "3"}}
	_, err := Start(t.Context(), cfg)
	var e *OptionError
	if !errors.As(err, &e) || e.Player != "Fake 1.0" || !reflect.DeepEqual(e.Near, []string{`"Skill Level"`}) {
		t.Errorf("got %+v", err)
	}
	odd := start(t, fake("-odd-options"))
	if o := findOption(odd.Options(), "wide name"); o == nil || o.Min != -5 || o.Max != 5 {
		t.Errorf("got %+v", o)
	}
	if _, err := Start(t.Context(), func() Config {
		cfg := fake("-no-options")
		cfg.Options = []Option{{"Hash", "16"}}
		return cfg
	}()); engine.FailureOf(err) != engine.Setup {
		t.Errorf("got %v", err)
	}
}

func TestFoldSeed(t *testing.T) {
	tests := []struct {
		o    OptionInfo
		seed uint64
		want string
	}{
		{OptionInfo{Type: Spin, Min: 0, Max: 9, HasMin: true, HasMax: true}, 123, "3"},
		{OptionInfo{Type: Spin, Min: -5, Max: 4, HasMin: true, HasMax: true}, 12, "-3"},
		{OptionInfo{Type: Spin, Min: -1 << 63, Max: 1<<63 - 1, HasMin: true, HasMax: true}, 1 << 63, "0"},
		{OptionInfo{Type: Spin, Min: 7, Max: 7, HasMin: true, HasMax: true}, 1<<64 - 1, "7"},
		{OptionInfo{Type: Spin, HasMin: true}, 1<<64 - 1, "18446744073709551615"},
		{OptionInfo{Type: String}, 5, "5"},
	}
	for _, test := range tests {
		if got := foldSeed(&test.o, test.seed); got != test.want {
			t.Errorf("%+v, %d: got %s, want %s", test.o, test.seed, got, test.want)
		}
	}
}

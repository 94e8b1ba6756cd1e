package league

import (
	"errors"
	"reflect"
	"testing"
)

func TestTextsAreCanonical(t *testing.T) {
	for text, want := range map[string]string{
		"random":                         "random",
		"ply1:rho=0.3":                   "ply1:rho=0.3",
		"ply1:rho=0.30":                  "ply1:rho=0.3",
		"ply1:rho=0":                     "ply1",
		"ply1:rho=-0":                    "ply1",
		"ply1:rho=1":                     "random:depth=1",
		"boltz:t=80,depth=2":             "boltz:depth=2,t=80",
		"ply2:t=80":                      "boltz:depth=2,t=80",
		"search:depth=3":                 "ply3",
		"search:nodes=500":               "search:nodes=500",
		"ply4:nodes=500":                 "ply4:nodes=500",
		"search":                         "search",
		"search:seed=7":                  "search:seed=7",
		"ply2:blind=fork+knight":         "ply2:blind=knight+fork",
		"ply2:blind=fork,miss=1":         "ply2:blind=fork",
		"ply2:blind=fork,miss=0":         "ply2",
		"ply2:blind=fork,miss=0.25":      "ply2:blind=fork,miss=0.25",
		"ply2:weak=0.9,phase=endgame":    "ply2:phase=endgame,weak=0.9",
		"ply2:phase=opening,weak=0.5":    "ply2:phase=opening",
		"ply2:phase=opening,weak=0":      "ply2:phase=opening,weak=0",
		"ply1:rho=1,phase=middlegame":    "ply1:rho=1,phase=middlegame",
		"ply1:shared=0":                  "ply1:shared=0",
		"ply1:book=london+italian*3":     "ply1:book=italian*3+london",
		"ply1:book=london*1":             "ply1:book=london",
		"ply1:book=e2e4.c7c5*2+all":      "ply1:book=all+e2e4.c7c5*2",
		"ply1:seed=18446744073709551615": "ply1:seed=18446744073709551615",
		"ply1:taste=20,seed=0":           "ply1:taste=20",
	} {
		p, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := p.String(); got != want {
			t.Errorf("%s is written as %s, want %s", text, got, want)
		}
		again, err := Parse(p.String())
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("%s parses back to %+v (%v), want %+v", p.String(), again, err, p)
		}
	}
	for _, text := range models {
		if p := mustParse(t, text); p.String() != text {
			t.Errorf("%s is written as %s", text, p.String())
		}
	}
}

func TestTextErrors(t *testing.T) {
	for _, text := range []string{
		"", ":", "ply", "ply0", "ply65", "plyx", "pawn", "ply1:", "ply1:rho", "ply1:rho=", "ply1:rho=2", "ply1:rho=-0.1",
		"ply1:rho=nan", "ply1:rho=0.1,rho=0.2", "ply1:depth=2", "random:rho=0.5", "boltz", "boltz:depth=2", "boltz:t=0",
		"ply1:t=1e-9", "ply1:t=99999", "ply1:speed=3", "ply1:blind=horse", "ply1:miss=0.5", "ply1:weak=0.5", "ply1:phase=any", "ply1:phase=start",
		"ply1:nodes=0", "ply1:nodes=99999999999999999999", "ply1:taste=-1", "ply1:taste=2000", "ply1:book=", "ply1:book=unheard-of",
		"ply1:book=italian+italian", "ply1:book=italian*0", "ply1:book=italian*x", "ply1:book=e2e5", "ply1:book=e2e4.e2e4",
		"ply1:seed=-1", "ply1:shared=x", "ply1:rho=0.1,",
	} {
		p, err := Parse(text)
		var textError *TextError
		if !errors.As(err, &textError) || textError.Hint() == "" {
			t.Errorf("%q: %+v, error %v", text, p, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range models {
		f.Add(text)
	}
	for _, text := range []string{"ply1:book=e2e4.c7c5*2+all", "search:seed=7", "ply3:blind=fork,miss=0.5,phase=opening,weak=0.1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		canonical := p.String()
		again, err := Parse(canonical)
		if err != nil {
			t.Fatalf("%q is written as %q, which does not parse: %v", text, canonical, err)
		}
		if again.String() != canonical || !reflect.DeepEqual(again, p) {
			t.Fatalf("%q is written as %q and then %q", text, canonical, again.String())
		}
	})
}

package elo

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
)

func TestDefaultAnchorSet(t *testing.T) {
	for _, test := range []struct{ idName, want string }{
		{"Stockfish 16", StockfishBlitz2023},
		{"Stockfish 16.1", StockfishBlitz2023},
		{"Stockfish 17", StockfishBlitz2023},
		{"Stockfish 17.1", StockfishBlitz2023},
		{"Stockfish 18", StockfishBlitz2023},
		{"stockfish 17", StockfishBlitz2023},
		{"Stockfish dev-20240101-abcdef01", StockfishBlitz2023},
		{"Stockfish dev-20230122-nogit", StockfishBlitz2023},
		{"Stockfish dev-20230121-nogit", StockfishCCRL2019},
		{"Stockfish 15.1", StockfishCCRL2019},
		{"Stockfish 15", StockfishCCRL2019},
		{"Stockfish 11 64 BMI2", StockfishCCRL2019},
		{"Stockfish 14.1", StockfishCCRL2019},
		{"Stockfish 050521 64 POPCNT", StockfishCCRL2019},
		{"Stockfish 19", ""},
		{"Stockfish 10 64", ""},
		{"Stockfish 230418 64", ""},
		{"Stockfish", ""},
		{"Stockfish dev", ""},
		{"Stockfish dev-garbage", ""},
		{"Stockfish NNUE", ""},
		{"Stockfish 16x", ""},
		{"Stockfish 16.x", ""},
		{"Stockfish 999999", ""},
		{"Fairy-Stockfish 14", ""},
		{"Komodo 14", ""},
		{"", ""},
	} {
		s, err := DefaultAnchorSet(test.idName)
		if test.want == "" {
			if !errors.Is(err, ErrNoAnchor) || !strings.Contains(err.Error(), StockfishBlitz2023) || !strings.Contains(err.Error(), PaperCode) {
				t.Errorf("%q: set %q, error %v", test.idName, s.ID(), err)
			}
			continue
		}
		if err != nil || s.Name != test.want || !s.Covers(test.idName) {
			t.Errorf("%q: set %q, error %v; want %q", test.idName, s.ID(), err, test.want)
		}
	}
}

// TestAnchorValues compares with the facts collected from Stockfish's sources
// and the paper's code.
func TestAnchorValues(t *testing.T) {
	for set, want := range map[string][]float64{
		StockfishBlitz2023: {1320, 1468, 1608, 1742, 1923, 2204, 2363, 2500, 2596, 2703, 2788},
		StockfishCCRL2019:  {1347, 1490, 1597, 1694, 1785, 1871, 1954, 2035, 2113, 2189, 2264},
		PaperCode:          {0, 1554, 1759, 1867, 2006, 2148, 0},
		PaperFigure:        {0, 1552, 0, 1842, 0, 2142, 0},
	} {
		s, err := AnchorSetNamed(set)
		if err != nil {
			t.Fatal(err)
		}
		for level, r := range want {
			a, err := s.Anchor(SkillLevel, level)
			if r == 0 {
				if !errors.Is(err, ErrNoAnchor) {
					t.Errorf("%s level %d: %+v, %v", set, level, a, err)
				}
				continue
			}
			if err != nil || math.Abs(a.Rating-r) > 0.51 {
				t.Errorf("%s level %d: %+v, %v; want %v", set, level, a, err, r)
			}
		}
		if _, err := s.Anchor(SkillLevel, 20); !errors.Is(err, ErrNoAnchor) {
			t.Errorf("%s: level 20 is full strength, which no set rates: %v", set, err)
		}
	}
}

// TestBlitzFormula: the UCI_Elo formula of Stockfish 16 to 18 inverts to within
// UCIEloError (root mean square) of the measured levels that it was fitted to.
func TestBlitzFormula(t *testing.T) {
	s, err := AnchorSetNamed(StockfishBlitz2023)
	if err != nil {
		t.Fatal(err)
	}
	level := func(elo float64) float64 {
		e := (elo - 1320) / 1870
		return min(max(((37.2473*e-40.8525)*e+22.2943)*e-0.311438, 0), 19)
	}
	sum := 0.0
	for l := 0; l <= 10; l++ {
		lo, hi := 1320.0, 3190.0
		for range 100 {
			if mid := (lo + hi) / 2; level(mid) <= float64(l) {
				lo = mid
			} else {
				hi = mid
			}
		}
		a, err := s.Anchor(SkillLevel, l)
		if err != nil {
			t.Fatal(err)
		}
		sum += (lo - a.Rating) * (lo - a.Rating)
	}
	if rms := math.Sqrt(sum / 11); math.Abs(rms-s.UCIEloError) > 1 {
		t.Errorf("formula and levels differ by %.1f points, the set says %v", rms, s.UCIEloError)
	}
}

func TestAnchorSets(t *testing.T) {
	seen := map[string]bool{}
	scales := map[string]bool{}
	for _, s := range AnchorSets() {
		if s.Name == "" || s.Version == "" || s.Scale == "" || s.Engines == "" || s.Conditions == "" || s.Source == "" || seen[s.Name] || scales[s.Scale] {
			t.Errorf("set incomplete, or its name or scale used twice: %+v", s)
		}
		seen[s.Name], scales[s.Scale] = true, true
		for i := 1; i < len(s.Levels); i++ {
			if s.Levels[i].Level <= s.Levels[i-1].Level || s.Levels[i].Rating <= s.Levels[i-1].Rating {
				t.Errorf("%s: levels do not rise at %+v", s.Name, s.Levels[i])
			}
		}
		byID, err := AnchorSetNamed(s.ID())
		if err != nil || byID.Name != s.Name {
			t.Errorf("%s not found by its id: %v", s.ID(), err)
		}
		if _, err := json.Marshal(s); err != nil {
			t.Error(err)
		}
		// A caller's change does not reach the next caller.
		s.Levels[0].Rating = -1
		if AnchorSets()[len(seen)-1].Levels[0].Rating == -1 {
			t.Errorf("%s: shared state", s.Name)
		}
	}
	if _, err := AnchorSetNamed("fide"); err == nil || !strings.Contains(err.Error(), StockfishCCRL2019) {
		t.Errorf("unknown set: %v", err)
	}
}

func TestDefaultAnchor(t *testing.T) {
	s, a, err := DefaultAnchor("Stockfish 17.1", SkillLevel, 1)
	if err != nil || s.Name != StockfishBlitz2023 || a != (Anchor{"Stockfish 17.1 level 1", 1467.6, 16}) {
		t.Errorf("%s %+v %v", s.ID(), a, err)
	}
	_, a, err = DefaultAnchor("Stockfish 15.1", UCIElo, 1500)
	if err != nil || a.Rating != 1500 || a.Name != "Stockfish 15.1 UCI_Elo 1500" {
		t.Errorf("%+v %v", a, err)
	}
	for name, f := range map[string]func() error{
		"UCI_Elo below the range": func() error { _, _, err := DefaultAnchor("Stockfish 17", UCIElo, 1319); return err },
		"UCI_Elo above the range": func() error { _, _, err := DefaultAnchor("Stockfish 15", UCIElo, 2851); return err },
		"level 20":                func() error { _, _, err := DefaultAnchor("Stockfish 17", SkillLevel, 20); return err },
		"negative level":          func() error { _, _, err := DefaultAnchor("Stockfish 17", SkillLevel, -1); return err },
		"unknown option":          func() error { _, _, err := DefaultAnchor("Stockfish 17", "Contempt", 1); return err },
		"unknown engine":          func() error { _, _, err := DefaultAnchor("Crafty", SkillLevel, 1); return err },
		"paper, UCI_Elo": func() error {
			s, _ := AnchorSetNamed(PaperCode)
			_, err := s.Anchor(UCIElo, 1500)
			return err
		},
	} {
		if err := f(); !errors.Is(err, ErrNoAnchor) || !strings.HasPrefix(err.Error(), "elo: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseStockfish(f *testing.F) {
	for _, s := range []string{"Stockfish 16.1", "Stockfish dev-20240101-x", "Stockfish 050519 64", "Fairy-Stockfish 14", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		set, err := DefaultAnchorSet(s)
		if err == nil && !set.Covers(s) {
			t.Errorf("%q got the set %s that does not cover it", s, set.ID())
		}
	})
}

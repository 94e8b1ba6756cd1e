package mixture

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"

	"transcend/internal/boardtest"
)

func near(a, b []float64, within float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Abs(x-y) <= within })
}

func TestTemper(t *testing.T) {
	for _, c := range []struct {
		p    []float64
		tau  float64
		want []float64
	}{
		{[]float64{0.2, 0.5, 0.3}, 1, []float64{0.2, 0.5, 0.3}},
		{[]float64{0.2, 0.5, 0.3}, 0, []float64{0, 1, 0}},
		{[]float64{0.4, 0.2, 0.4}, 0, []float64{0.5, 0, 0.5}},
		{[]float64{0.4, 0.2, 0.4}, 0.001, []float64{0.5, 0, 0.5}},
		{[]float64{0.2, 0.4}, 0.5, []float64{0.2, 0.8}},
		{[]float64{0.1, 0.4}, 2, []float64{1. / 3, 2. / 3}},
		{[]float64{0, 3, 1}, 1, []float64{0, 0.75, 0.25}},
		{[]float64{0, 0}, 0.1, []float64{0, 0}},
		// The paper's picture (appendix C): the mean of 0.6/0.4/0 and 0/0.4/0.6 becomes
		// 0.05/0.90/0.05 at about 0.10 over logits.
		{[]float64{0.3, 0.4, 0.3}, 0.1, []float64{0.0507, 0.8986, 0.0507}},
	} {
		got := Temper(nil, c.p, c.tau)
		if !near(got, c.want, 5e-4) {
			t.Errorf("%v at %v: %v, want %v", c.p, c.tau, got, c.want)
		}
	}
	for _, tau := range []float64{-1, math.NaN(), math.Inf(1)} {
		if CheckTemperature(tau) == nil {
			t.Errorf("temperature %v is taken", tau)
		}
	}
}

// texts makes Texts of words.
func texts(words ...string) *Texts {
	t := &Texts{texts: words}
	for i := range words {
		t.order = append(t.order, i)
	}
	t.sort()
	return t
}

// TestCharactersByHand has the position of the paper's second main figure (released notebook): of
// 100 samples 34 were Nf4, and 39 rook moves, of which Rfe8 was the likeliest. Greedy decoding of
// characters plays a rook move, greedy choice of moves Nf4.
func TestCharactersByHand(t *testing.T) {
	words := texts("Nf4", "Rfe8", "Rg4", "Rd2+", "Qg6", "Qxe7")
	p := []float64{0.34, 0.14, 0.09, 0.16, 0.10, 0.17}
	if got := words.Temper(nil, p, 0); !near(got, []float64{0, 0, 0, 1, 0, 0}, 0) {
		t.Errorf("characters at 0: %v", got)
	}
	if got := Temper(nil, p, 0); got[0] != 1 {
		t.Errorf("moves at 0: %v", got)
	}
	if got := words.Temper(nil, p, 1); !near(got, p, 1e-15) {
		t.Errorf("characters at 1: %v", got)
	}
	// At 0.5: N, R, Q as squares, within R all three by the second character, within Q as well.
	all := 0.34*0.34 + 0.39*0.39 + 0.27*0.27
	r, q := 0.39*0.39/all, 0.27*0.27/all
	rs := 0.14*0.14 + 0.09*0.09 + 0.16*0.16
	qs := 0.10*0.10 + 0.17*0.17
	want := []float64{0.34 * 0.34 / all, r * 0.14 * 0.14 / rs, r * 0.09 * 0.09 / rs, r * 0.16 * 0.16 / rs, q * 0.1 * 0.1 / qs, q * 0.17 * 0.17 / qs}
	if got := words.Temper(nil, p, 0.5); !near(got, want, 1e-12) {
		t.Errorf("characters at 0.5: %v, want %v", got, want)
	}
}

// TestCharactersBySampling draws character by character, from conditional probabilities found by
// going over all moves, and compares frequencies.
func TestCharactersBySampling(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const draws = 20_000
	for _, fen := range []string{
		"r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1", // O-O and O-O-O
		"8/8/8/1Q3Q2/8/1Q6/6k1/K7 w - - 0 1",   // Qa1-like prefixes: Qb5d3 and so on
		"1n5k/P1P5/8/8/8/8/8/K7 w - - 0 1",     // promotions
		middlegame,
	} {
		pos := boardtest.Position(t, fen)
		moves := pos.Legal(nil)
		p := make([]float64, len(moves))
		total := 0.0
		for i := range p {
			p[i] = rng.ExpFloat64() * rng.ExpFloat64()
			total += p[i]
		}
		for i := range p {
			p[i] /= total
		}
		for _, tau := range []float64{0.3, 0.7, 1.5} {
			exact := NewTexts(&pos, moves).Temper(nil, p, tau)
			if math.Abs(floats.Sum(exact)-1) > 1e-12 {
				t.Fatalf("%s at %v: sum %v", fen, tau, floats.Sum(exact))
			}
			seen := make([]float64, len(moves))
			for range draws {
				prefix := ""
				for !strings.HasSuffix(prefix, " ") {
					mass := map[byte]float64{}
					for i, m := range moves {
						if text := pos.SAN(m) + " "; strings.HasPrefix(text, prefix) {
							mass[text[len(prefix)]] += p[i]
						}
					}
					var chars []byte
					for c := range mass {
						chars = append(chars, c)
					}
					slices.Sort(chars)
					norm := 0.0
					for _, c := range chars {
						norm += math.Pow(mass[c], 1/tau)
					}
					u := rng.Float64() * norm
					next := chars[len(chars)-1]
					for _, c := range chars {
						if u -= math.Pow(mass[c], 1/tau); u < 0 {
							next = c
							break
						}
					}
					prefix += string(next)
				}
				for i, m := range moves {
					if pos.SAN(m)+" " == prefix {
						seen[i]++
					}
				}
			}
			for i := range moves {
				sd := math.Sqrt(draws*exact[i]*(1-exact[i])) + 1
				if math.Abs(seen[i]-draws*exact[i]) > 5*sd {
					t.Errorf("%s at %v: %s %v times, want %.1f", fen, tau, pos.SAN(moves[i]), seen[i], draws*exact[i])
				}
			}
		}
	}
}

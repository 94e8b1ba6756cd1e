package theory

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestPaperToy is the picture of appendix C.
func TestPaperToy(t *testing.T) {
	s := Toy()
	if got := s.At(1, Logits); math.Abs(got-0.4) > 1e-15 || math.Abs(s.best()-0.4) > 1e-15 {
		t.Errorf("R(mixture) %v, best expert %v, want 0.4 for both", got, s.best())
	}
	// The paper's picture has 5/90/5 and no temperature: each convention has its own.
	for c, tau := range map[Convention]float64{Logits: 0.1, Probabilities: 0.035} {
		if got := s.At(tau, c); math.Abs(got-0.9) > 0.005 {
			t.Errorf("%v at %v: %v, want 0.90", c, tau, got)
		}
		if got := s.At(0, c); got != 1 {
			t.Errorf("%v: argmax %v", c, got)
		}
	}
	// By hand: exp(0.4/tau) / (exp(0.4/tau) + 2 exp(0.3/tau)) at tau 1.
	if got, want := s.At(1, Probabilities), 1/(1+2*math.Exp(-0.1)); math.Abs(got-want) > 1e-15 {
		t.Errorf("softmax of probabilities at 1: %v, want %v", got, want)
	}
	if got := s.All(); math.Abs(got) > 1e-15 {
		t.Errorf("Theorem 2.1 with even weights: %v, want 0", got)
	}
	// The same errors in both: nothing to cancel.
	s.Experts[1] = s.Experts[0]
	if s.At(0, Logits) > s.best() {
		t.Error("experts that err alike were transcended")
	}
}

// TestCheck tries the propositions, and that the settings have both sides of each.
func TestCheck(t *testing.T) {
	// How often, of 1,000, somebody transcends at least and at most.
	sides := map[string][2]int{"Proposition 1": {0, 0}, "Proposition 2": {100, 1000}, "Proposition 3": {1000, 1000}, "Proposition 4": {500, 900}, "Theorem 2.1": {10, 300}}
	checked := Check(3, 3000)
	if len(checked) != len(sides) {
		t.Fatalf("%d propositions", len(checked))
	}
	for _, p := range checked {
		if p.Violations > 0 {
			t.Errorf("%s: %d of %d settings contradict it: %+v", p.Name, p.Violations, p.Tried, p.First)
		}
		share, side := 1000*p.Transcended/max(p.Tried, 1), sides[p.Name]
		if p.Tried < 1000 || share < side[0] || share > side[1] {
			t.Errorf("%s: %d of %d settings transcend: the check sees one side only", p.Name, p.Transcended, p.Tried)
		}
	}
	// What contradicts is counted.
	var p Proposition
	p.see(Edge(), true, false)
	p.see(Toy(), false, true)
	if p.Tried != 2 || p.Transcended != 1 || p.Violations != 1 || p.First.At(0, Logits) != 0.5 {
		t.Errorf("%+v", p)
	}
}

// TestProposition1 has the edges that are not the mixture with even weights.
func TestProposition1(t *testing.T) {
	zero := &Setting{Test: []float64{1}, Experts: [][][]float64{{{1, 0}}}, Rewards: [][]float64{{0, 1}}}
	if got, want := zero.At(1, Probabilities), 1/(1+math.E); math.Abs(got-want) > 1e-15 || zero.best() != 0 {
		t.Errorf("zero mass under softmax of probabilities: %v, want %v", got, want)
	}
	if zero.At(0.5, Logits) != 0 || zero.At(0, Probabilities) != 0 {
		t.Error("an output without probability got some")
	}
}

// TestProposition2Edges are the counterexamples to its letter.
func TestProposition2Edges(t *testing.T) {
	// Equality: all low temperatures transcend, the argmax does not.
	s := Edge()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	if s.At(0, Logits) != 0.5 || s.best() != 0.5 {
		t.Errorf("argmax %v, best %v, want 0.5 for both", s.At(0, Logits), s.best())
	}
	for _, tau := range []float64{0.5, 0.3, 0.2, 0.1, 0.07} {
		if s.At(tau, Logits) <= 0.5 {
			t.Errorf("at %v: %v", tau, s.At(tau, Logits))
		}
	}
	for _, tau := range []float64{0.04, 0.03, 0.02} {
		if s.At(tau, Probabilities) <= 0.5 {
			t.Errorf("probabilities at %v: %v", tau, s.At(tau, Probabilities))
		}
	}
	// A tie: an argmax that takes the first output of the mixture would have reward 1, the limit has 0.5,
	// and the best expert 0.5 too: no low temperature transcends.
	s = &Setting{Test: []float64{1}, Experts: [][][]float64{{{0.5, 0.5}}}, Rewards: [][]float64{{1, 0}}}
	for _, c := range Conventions {
		for _, tau := range []float64{0, 1e-6, 0.01, 0.9} {
			if got := s.At(tau, c); got != 0.5 {
				t.Errorf("%v: a tie at %v gives %v", c, tau, got)
			}
		}
	}
}

// TestProposition3 compares both conventions with the closed form of their highest temperature.
func TestProposition3(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		s, rho, n := noisySetting(rng)
		for _, c := range Conventions {
			edge := NoisyThreshold(rho, n, c)
			if below, above := s.At(edge*0.99, c), s.At(edge*1.01, c); !(below > s.best()) || !(above < s.best()) {
				t.Fatalf("%v, rho %v of %d: threshold %v has %v below and %v above, the expert %v", c, rho, n, edge, below, above, s.best())
			}
			if got := s.Highest(edge/50, edge*2, c); math.Abs(got-edge) > 1e-6*edge {
				t.Fatalf("%v: the search has %v, the formula %v", c, got, edge)
			}
		}
	}
	// Rewards that do not depend on the output, which the paper excludes.
	s := &Setting{Test: []float64{1}, Experts: [][][]float64{{{0.6, 0.4}}}, Rewards: [][]float64{{1, 1}}}
	if s.At(0, Logits) > s.best() || s.Highest(1e-3, 2, Logits) != 0 {
		t.Error("equal rewards were transcended")
	}
}

// TestTheorem checks Theorem 2.1 on random settings with any weights: where the mixture itself
// transcends, the sum over pairs is positive; it is not sufficient, and no single pair of three is necessary.
func TestTheorem(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	transcended, insufficient, fails, pairs := 0, 0, 0, 0
	for range 6000 {
		k := 2 + rng.IntN(3)
		s := randomSetting(rng, k, false)
		above, all, byPair := s.At(1, Logits)-s.best(), s.All(), 0.0
		negative := false
		for a := range k {
			for b := range a {
				byPair += s.Pair(a, b)
				negative = negative || s.Pair(a, b) < 0
			}
		}
		if math.Abs(all-byPair) > 1e-12 {
			t.Fatalf("sum over pairs %v, all at once %v", byPair, all)
		}
		switch {
		case above > 1e-12 && all <= 0:
			t.Fatalf("the mixture is %v above the best expert, and the theorem's side is %v", above, all)
		case above > 1e-12:
			transcended++
			if k > 2 && negative {
				pairs++
			}
			if k == 2 && negative {
				t.Fatalf("two experts transcended with %v", s.Pair(0, 1))
			}
		case all > 0:
			insufficient++
		default:
			fails++
		}
	}
	if transcended < 50 || insufficient < 50 || fails < 50 || pairs == 0 {
		t.Errorf("%d transcend (%d with a negative pair), %d fulfill the inequality without, %d do not: the test sees too little", transcended, pairs, insufficient, fails)
	}
	// Weight on the worse expert everywhere: it must fail.
	s := &Setting{
		Test:    []float64{0.5, 0.5},
		Experts: [][][]float64{{{1, 0}, {0, 1}}, {{0, 1}, {1, 0}}},
		Weights: [][]float64{{0.1, 0.9}, {0.9, 0.1}}, Rewards: [][]float64{{1, 0}, {1, 0}},
	}
	if s.All() >= 0 || s.At(1, Logits) > s.best() {
		t.Errorf("weights on the worse expert: %v", s.All())
	}
	// By hand: (1-0)(0.9-0.1) in one input and (0-1)(0.1-0.9) in the other.
	s.Weights = [][]float64{{0.9, 0.1}, {0.1, 0.9}}
	if math.Abs(s.All()-0.8) > 1e-15 || math.Abs(s.At(1, Logits)-0.9) > 1e-15 {
		t.Errorf("weights on the better expert: %v, reward %v", s.All(), s.At(1, Logits))
	}
}

func TestValidate(t *testing.T) {
	for name, spoil := range map[string]func(s *Setting){
		"no expert":           func(s *Setting) { s.Experts = nil },
		"sum":                 func(s *Setting) { s.Experts[0][0][0] = 0.7 },
		"negative":            func(s *Setting) { s.Experts[0][0] = []float64{1.2, 0, -0.2} },
		"not a number":        func(s *Setting) { s.Test[0] = math.NaN() },
		"outputs":             func(s *Setting) { s.Experts[0][0] = []float64{1} },
		"inputs":              func(s *Setting) { s.Experts[0] = nil },
		"rewards":             func(s *Setting) { s.Rewards = nil },
		"infinite reward":     func(s *Setting) { s.Rewards[0][1] = math.Inf(1) },
		"weights of nobody":   func(s *Setting) { s.Weights = [][]float64{{1}} },
		"weights of no input": func(s *Setting) { s.Weights = [][]float64{} },
	} {
		s := Toy()
		spoil(s)
		if s.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

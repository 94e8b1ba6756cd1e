package theory

import (
	"math"
	"math/rand/v2"
	"testing"
)

func random(rng *rand.Rand, n int) []float64 {
	p, total := make([]float64, n), 0.0
	for i := range p {
		p[i] = rng.ExpFloat64() * rng.ExpFloat64()
		if rng.IntN(5) == 0 { // outputs without any probability are part of the theory
			p[i] = 0
		}
		total += p[i]
	}
	if total == 0 {
		p[rng.IntN(n)], total = 1, 1
	}
	for i := range p {
		p[i] /= total
	}
	return p
}

func randomSetting(rng *rand.Rand, experts int, even bool) *Setting {
	inputs, outputs := 1+rng.IntN(4), 2+rng.IntN(3)
	s := &Setting{Test: random(rng, inputs)}
	for range experts {
		var e [][]float64
		for range inputs {
			e = append(e, random(rng, outputs))
		}
		s.Experts = append(s.Experts, e)
	}
	for range inputs {
		if !even {
			s.Weights = append(s.Weights, random(rng, experts))
		}
		r := make([]float64, outputs)
		for y := range r {
			r[y] = rng.Float64()
		}
		s.Rewards = append(s.Rewards, r)
	}
	return s
}

func best(s *Setting) float64 { r, _ := s.Best(); return r }

// TestPaperToy is the picture of appendix C.
func TestPaperToy(t *testing.T) {
	s := Toy()
	if got := s.At(1, Logits); math.Abs(got-0.4) > 1e-15 || math.Abs(best(s)-0.4) > 1e-15 {
		t.Errorf("R(mixture) %v, best expert %v, want 0.4 for both", got, best(s))
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
	if s.At(0, Logits) > best(s) {
		t.Error("experts that err alike were transcended")
	}
}

// TestProposition1 has linearity on its side, and the two edges that are not the mixture with even weights.
func TestProposition1(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		s := randomSetting(rng, 1+rng.IntN(4), true)
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		if s.At(1, Logits) > best(s)+1e-12 {
			t.Fatalf("the mixture has %v, the best expert %v: %+v", s.At(1, Logits), best(s), s)
		}
		if math.Abs(s.All()) > 1e-12 {
			t.Fatalf("even weights give %v in Theorem 2.1", s.All())
		}
	}
	zero := &Setting{Test: []float64{1}, Experts: [][][]float64{{{1, 0}}}, Rewards: [][]float64{{0, 1}}}
	if got, want := zero.At(1, Probabilities), 1/(1+math.E); math.Abs(got-want) > 1e-15 || best(zero) != 0 {
		t.Errorf("zero mass under softmax of probabilities: %v, want %v", got, want)
	}
	if zero.At(0.5, Logits) != 0 || zero.At(0, Probabilities) != 0 {
		t.Error("an output without probability got some")
	}
}

// TestProposition2 checks both directions, away from the equality where the converse fails.
func TestProposition2(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, c := range Conventions {
		transcended := 0
		for range 3000 {
			s := randomSetting(rng, 2+rng.IntN(3), true)
			argmax := s.At(0, c)
			if math.Abs(argmax-best(s)) < 1e-3 || s.nearTie(0.01) {
				continue // too close for a finite temperature to decide
			}
			cold := true
			for _, tau := range []float64{1e-3, 1e-4, 1e-5} {
				if c == Probabilities {
					tau /= 100 // differences of probabilities are small, of logarithms not
				}
				cold = cold && s.At(tau, c) > best(s)
			}
			if cold != (argmax > best(s)) {
				t.Fatalf("%v: argmax %v, best expert %v, low temperatures transcend: %v", c, argmax, best(s), cold)
			}
			if argmax > best(s) {
				transcended++
			}
		}
		if transcended < 100 || transcended > 2900 {
			t.Errorf("%v: %d of 3000 random settings transcend: the test sees one side only", c, transcended)
		}
	}
}

// nearTie reports an input whose two likeliest outputs differ by less than a share.
func (s *Setting) nearTie(share float64) bool {
	for x := range s.Test {
		first, second := 0.0, 0.0
		for _, v := range s.Mixture(x) {
			if v > first {
				first, second = v, first
			} else {
				second = max(second, v)
			}
		}
		if second > first*(1-share) {
			return true
		}
	}
	return false
}

// TestProposition2Edges are the counterexamples to its letter.
func TestProposition2Edges(t *testing.T) {
	// Equality: all low temperatures transcend, the argmax does not.
	s := Edge()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	if s.At(0, Logits) != 0.5 || best(s) != 0.5 {
		t.Errorf("argmax %v, best %v, want 0.5 for both", s.At(0, Logits), best(s))
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
		n, rho := 2+rng.IntN(6), 0.001+0.998*rng.Float64()
		f, rewards := make([]float64, n), make([]float64, n)
		for y := range f {
			f[y], rewards[y] = rho/float64(n), rng.Float64()
		}
		at := rng.IntN(n)
		f[at] += 1 - rho
		rewards[at] = 1.5
		s := &Setting{Test: []float64{1}, Experts: [][][]float64{{f}}, Rewards: [][]float64{rewards}}
		for _, c := range Conventions {
			edge := NoisyThreshold(rho, n, c)
			if below, above := s.At(edge*0.99, c), s.At(edge*1.01, c); !(below > best(s)) || !(above < best(s)) {
				t.Fatalf("%v, rho %v of %d: threshold %v has %v below and %v above, the expert %v", c, rho, n, edge, below, above, best(s))
			}
			if got := s.Highest(edge/50, edge*2, c); math.Abs(got-edge) > 1e-6*edge {
				t.Fatalf("%v: the search has %v, the formula %v", c, got, edge)
			}
		}
	}
	// Rewards that do not depend on the output, which the paper excludes.
	s := &Setting{Test: []float64{1}, Experts: [][][]float64{{{0.6, 0.4}}}, Rewards: [][]float64{{1, 1}}}
	if s.At(0, Logits) > best(s) || s.Highest(1e-3, 2, Logits) != 0 {
		t.Error("equal rewards were transcended")
	}
}

// TestProposition4 has experts that are each right in their part and uniform elsewhere.
func TestProposition4(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for range 300 {
		experts, outputs := 2+rng.IntN(4), 2+rng.IntN(4)
		parts := experts + rng.IntN(4)
		s := &Setting{Test: make([]float64, parts), Experts: make([][][]float64, experts)}
		touched := 1 + rng.IntN(experts)
		for x := range parts {
			owner := x % experts
			if owner < touched {
				s.Test[x] = rng.Float64() + 0.01
			}
			rewards := make([]float64, outputs)
			for y := range rewards {
				rewards[y] = rng.Float64()
			}
			right := rng.IntN(outputs)
			rewards[right] = 1.1
			s.Rewards = append(s.Rewards, rewards)
			for i := range experts {
				f := make([]float64, outputs)
				for y := range f {
					f[y] = 1 / float64(outputs)
				}
				if i == owner {
					clear(f)
					f[right] = 1
				}
				s.Experts[i] = append(s.Experts[i], f)
			}
		}
		total := 0.0
		for _, p := range s.Test {
			total += p
		}
		for x := range s.Test {
			s.Test[x] /= total
		}
		for _, c := range Conventions {
			if got, want := s.At(1e-4, c) > best(s)+1e-9, touched > 1; got != want {
				t.Fatalf("%v: %d of %d parts touched: low temperature %v, best expert %v", c, touched, experts, s.At(1e-4, c), best(s))
			}
		}
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
		above, all, byPair := s.At(1, Logits)-best(s), s.All(), 0.0
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
	if s.All() >= 0 || s.At(1, Logits) > best(s) {
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

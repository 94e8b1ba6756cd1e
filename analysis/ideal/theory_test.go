package ideal

import (
	"math"
	"math/rand/v2"
	"testing"
)

// world is a small setting of the theory: inputs with probabilities, experts' distributions and
// rewards of outputs.
type world struct {
	p       []float64     // by input
	experts [][][]float64 // by expert and input
	g       [][]float64   // by input and expert
	rewards [][]float64   // by input
}

func (w *world) reward(f func(x int) []float64) (r float64) {
	for x, p := range w.p {
		r += p * Expected(f(x), w.rewards[x])
	}
	return r
}

func (w *world) best() float64 {
	best := math.Inf(-1)
	for _, e := range w.experts {
		best = max(best, w.reward(func(x int) []float64 { return e[x] }))
	}
	return best
}

func (w *world) mixture(x int) []float64 {
	f := make([]float64, len(w.rewards[x]))
	for i, e := range w.experts {
		for y, v := range e[x] {
			f[y] += w.g[x][i] * v
		}
	}
	return f
}

func (w *world) at(tau float64) float64 {
	return w.reward(func(x int) []float64 { return Temper(nil, w.mixture(x), tau) })
}

func (w *world) theorem() (sum float64) {
	for x, p := range w.p {
		r, ones := make([]float64, len(w.experts)), make([]float64, len(w.experts))
		for i, e := range w.experts {
			r[i], ones[i] = Expected(e[x], w.rewards[x]), 1
		}
		sum += p * pairSum(r, w.g[x], ones)
	}
	return sum
}

func random(rng *rand.Rand, n int) []float64 {
	p, total := make([]float64, n), 0.0
	for i := range p {
		p[i] = rng.ExpFloat64() * rng.ExpFloat64()
		total += p[i]
	}
	for i := range p {
		p[i] /= total
	}
	return p
}

func randomWorld(rng *rand.Rand, experts int, even bool) *world {
	inputs, outputs := 1+rng.IntN(4), 2+rng.IntN(3)
	w := &world{p: random(rng, inputs)}
	for range experts {
		var e [][]float64
		for range inputs {
			e = append(e, random(rng, outputs))
		}
		w.experts = append(w.experts, e)
	}
	for range inputs {
		g := random(rng, experts)
		if even {
			for i := range g {
				g[i] = 1 / float64(experts)
			}
		}
		w.g = append(w.g, g)
		r := make([]float64, outputs)
		for y := range r {
			r[y] = rng.Float64()
		}
		w.rewards = append(w.rewards, r)
	}
	return w
}

// TestPaperToy is the picture of appendix C (Zhang et al. 2024): two experts, 0.6/0.4/0 and
// 0/0.4/0.6, the middle one right.
func TestPaperToy(t *testing.T) {
	w := &world{
		p: []float64{1}, experts: [][][]float64{{{0.6, 0.4, 0}}, {{0, 0.4, 0.6}}},
		g: [][]float64{{0.5, 0.5}}, rewards: [][]float64{{0, 1, 0}},
	}
	if got := w.at(1); math.Abs(got-0.4) > 1e-15 || math.Abs(w.best()-0.4) > 1e-15 {
		t.Errorf("R(mixture) %v, best expert %v, want 0.4 for both", got, w.best())
	}
	if got := w.at(0.1); math.Abs(got-0.9) > 0.002 {
		t.Errorf("at 0.1 %v, want 0.90", got)
	}
	if got := w.at(0); got != 1 {
		t.Errorf("argmax %v", got)
	}
	if got := w.theorem(); math.Abs(got) > 1e-15 {
		t.Errorf("Theorem 2.1 with even weights: %v, want 0", got)
	}
	// The same errors in both: nothing to cancel.
	w.experts[1] = w.experts[0]
	if w.at(0) > w.best() {
		t.Error("experts that err alike were transcended")
	}
}

// TestPropositions checks Propositions 1 and 2 on random settings with even weights: sampling the
// mixture never transcends, and the argmax does so exactly when all low temperatures do.
func TestPropositions(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	transcended := 0
	for range 3000 {
		w := randomWorld(rng, 2+rng.IntN(3), true)
		best := w.best()
		if w.at(1) > best+1e-12 {
			t.Fatalf("Proposition 1: the mixture has %v, the best expert %v", w.at(1), best)
		}
		if math.Abs(w.theorem()) > 1e-12 {
			t.Fatalf("even weights give %v in Theorem 2.1", w.theorem())
		}
		argmax := w.at(0)
		if math.Abs(argmax-best) < 1e-3 {
			continue // too close for a finite temperature to decide
		}
		cold := true
		for _, tau := range []float64{1e-3, 1e-4, 1e-5} {
			cold = cold && w.at(tau) > best
		}
		if cold != (argmax > best) && !w.nearTie(0.01) {
			t.Fatalf("Proposition 2: argmax %v, best expert %v, low temperatures transcend: %v", argmax, best, cold)
		}
		if argmax > best {
			transcended++
		}
	}
	if transcended < 100 || transcended > 2900 {
		t.Errorf("%d of 3000 random settings transcend: the test sees one side only", transcended)
	}
}

// nearTie reports an input whose two likeliest outputs differ by less than a share.
func (w *world) nearTie(share float64) bool {
	for x := range w.p {
		f := w.mixture(x)
		first, second := 0.0, 0.0
		for _, v := range f {
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

// TestNoisyAndComplementary are Propositions 3 and 4: any noise below 1 cancels; experts that are
// right in parts and uniform elsewhere add up, when more than one part is met.
func TestNoisyAndComplementary(t *testing.T) {
	uniform, right := []float64{0.25, 0.25, 0.25, 0.25}, []float64{0, 0, 1, 0}
	for _, rho := range []float64{0.01, 0.5, 0.9, 0.999} {
		noisy := make([]float64, 4)
		for y := range noisy {
			noisy[y] = rho*uniform[y] + (1-rho)*right[y]
		}
		w := &world{p: []float64{1}, experts: [][][]float64{{noisy}}, g: [][]float64{{1}}, rewards: [][]float64{{0, 0.5, 1, 0.2}}}
		if !(w.at(0) > w.best()) || w.at(0) != 1 {
			t.Errorf("rho %v: argmax %v, expert %v", rho, w.at(0), w.best())
		}
	}
	w := &world{
		p:       []float64{0.7, 0.3},
		experts: [][][]float64{{right, uniform}, {uniform, right}},
		g:       [][]float64{{0.5, 0.5}, {0.5, 0.5}}, rewards: [][]float64{{0, 0, 1, 0}, {0, 0, 1, 0}},
	}
	if w.at(0) != 1 || w.best() >= 1 {
		t.Errorf("complementary experts: argmax %v, best %v", w.at(0), w.best())
	}
	w.p = []float64{1, 0}
	if w.at(0) > w.best() {
		t.Error("one part alone was transcended")
	}
}

// TestTheorem checks Theorem 2.1 (Abreu et al. 2025) on random settings with any weights: where the
// mixture itself transcends, the sum over pairs is positive; and it is not sufficient.
func TestTheorem(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	transcended, insufficient, fails := 0, 0, 0
	for range 4000 {
		w := randomWorld(rng, 2+rng.IntN(3), false)
		above, theorem := w.at(1)-w.best(), w.theorem()
		switch {
		case above > 0 && theorem <= 0:
			t.Fatalf("the mixture is %v above the best expert, and the theorem's side is %v", above, theorem)
		case above > 0:
			transcended++
		case theorem > 0:
			insufficient++
		default:
			fails++
		}
	}
	if transcended < 50 || insufficient < 50 || fails < 50 {
		t.Errorf("%d transcend, %d fulfill the inequality without, %d do not: the test sees too little", transcended, insufficient, fails)
	}
	// Weight on the worse expert everywhere: it must fail.
	w := &world{
		p:       []float64{0.5, 0.5},
		experts: [][][]float64{{{1, 0}, {0, 1}}, {{0, 1}, {1, 0}}},
		g:       [][]float64{{0.1, 0.9}, {0.9, 0.1}}, rewards: [][]float64{{1, 0}, {1, 0}},
	}
	if w.theorem() >= 0 || w.at(1) > w.best() {
		t.Errorf("weights on the worse expert: %v", w.theorem())
	}
	// By hand: (1-0)(0.9-0.1) in one input and (0-1)(0.1-0.9) in the other.
	w.g = [][]float64{{0.9, 0.1}, {0.1, 0.9}}
	if math.Abs(w.theorem()-0.8) > 1e-15 || math.Abs(w.at(1)-0.9) > 1e-15 {
		t.Errorf("weights on the better expert: %v, reward %v", w.theorem(), w.at(1))
	}
}

// TestToyLinearModel has the setting of the paper's Figure 7 with the learner left out: experts see
// W + noise, answer its argmax, and the mixture is their vote. Diverse experts are transcended,
// equal ones are not.
func TestToyLinearModel(t *testing.T) {
	const dim, classes, experts, points = 100, 10, 5, 1500
	for _, c := range []struct {
		sigma float64
		above bool
	}{{0, false}, {1, true}, {3, true}} {
		rng := rand.New(rand.NewPCG(7, 8))
		matrix := func(base []float64, sigma float64) []float64 {
			w := make([]float64, classes*dim)
			for i := range w {
				w[i] = sigma * rng.NormFloat64()
				if base != nil {
					w[i] += base[i]
				}
			}
			return w
		}
		truth := matrix(nil, 1)
		var seen [experts][]float64
		for i := range seen {
			seen[i] = matrix(truth, c.sigma)
		}
		w := world{}
		w.experts = make([][][]float64, experts)
		x := make([]float64, dim)
		answer := func(m []float64) []float64 {
			y, best := make([]float64, classes), math.Inf(-1)
			at := 0
			for k := range classes {
				dot := 0.0
				for i, v := range x {
					dot += m[k*dim+i] * v
				}
				if dot > best {
					best, at = dot, k
				}
			}
			y[at] = 1
			return y
		}
		for range points {
			for i := range x {
				x[i] = rng.NormFloat64()
			}
			w.p = append(w.p, 1./points)
			w.rewards = append(w.rewards, answer(truth))
			w.g = append(w.g, []float64{0.2, 0.2, 0.2, 0.2, 0.2})
			for i := range seen {
				w.experts[i] = append(w.experts[i], answer(seen[i]))
			}
		}
		if got := w.at(0) > w.best()+1e-9; got != c.above {
			t.Errorf("sigma %v: argmax %.3f, best expert %.3f", c.sigma, w.at(0), w.best())
		}
	}
}

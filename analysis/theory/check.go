package theory

import (
	"math"
	"math/rand/v2"
)

// Proposition is what became of one in random settings.
type Proposition struct {
	Name  string `json:"name"`
	Says  string `json:"says"`
	Tried int    `json:"settings"`
	// Transcended is in how many of them somebody did.
	Transcended int `json:"transcended"`
	Violations  int `json:"violations"`
	// First is the first setting that contradicts it.
	First *Setting `json:"first_violation,omitempty"`
}

// see counts a setting.
func (p *Proposition) see(s *Setting, transcended, holds bool) {
	p.Tried++
	if transcended {
		p.Transcended++
	}
	if !holds {
		p.Violations++
		if p.First == nil {
			p.First = s
		}
	}
}

// near is how far apart two rewards have to be before a finite temperature tells which is larger.
const near = 1e-3

// Check tries Propositions 1 to 4 of Zhang et al. (2024) and Theorem 2.1 of Abreu et al. (2025) on n random settings each: one to
// four experts, few inputs and outputs, outputs without probability among them. Propositions 2 to 4 are tried with both
// conventions, a setting each; settings too close to equality for a finite temperature are passed over.
func Check(seed uint64, n int) []Proposition {
	rng := rand.New(rand.NewPCG(seed, 0x7468656f7279))
	one := Proposition{Name: "Proposition 1", Says: "the mixture with even weights is not above its best expert"}
	two := Proposition{Name: "Proposition 2", Says: "low temperatures transcend if and only if the argmax does"}
	three := Proposition{Name: "Proposition 3", Says: "an expert with uniform noise is surpassed at a low temperature"}
	four := Proposition{Name: "Proposition 4", Says: "experts who are right on parts are surpassed if two parts or more are tested, and only then"}
	theorem := Proposition{Name: "Theorem 2.1", Says: "where the mixture with any weights transcends, the sum over pairs is positive"}
	for range n {
		s := randomSetting(rng, 1+rng.IntN(4), true)
		above := s.At(1, Logits) - s.best()
		one.see(s, above > 1e-12, above <= 1e-12 && math.Abs(s.All()) <= 1e-12)

		s = randomSetting(rng, 2+rng.IntN(3), false)
		above = s.At(1, Logits) - s.best()
		theorem.see(s, above > 1e-12, above <= 1e-12 || s.All() > 0)

		for _, c := range Conventions {
			s = randomSetting(rng, 2+rng.IntN(3), true)
			if argmax := s.At(0, c); math.Abs(argmax-s.best()) >= near && !s.nearTie(10*near) {
				cold := true
				for _, tau := range []float64{1e-3, 1e-4, 1e-5} {
					if c == Probabilities {
						tau /= 100 // differences of probabilities are small, of logarithms not
					}
					cold = cold && s.At(tau, c) > s.best()
				}
				two.see(s, cold, cold == (argmax > s.best()))
			}
			s, rho, outputs := noisySetting(rng)
			edge := NoisyThreshold(rho, outputs, c)
			cold := s.At(edge*0.99, c) > s.best()
			three.see(s, cold, cold && s.At(edge*1.01, c) < s.best())

			s, touched := partsSetting(rng)
			cold = s.At(1e-4, c) > s.best()+1e-9
			four.see(s, cold, cold == (touched > 1))
		}
	}
	return []Proposition{one, two, three, four, theorem}
}

func (s *Setting) best() float64 {
	r, _ := s.Best()
	return r
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

// random is a distribution over n outcomes, some of which have no probability.
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

// randomSetting has experts with any answers; even leaves their weights equal.
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

// noisySetting is Proposition 3's: one expert, who with probability rho answers any of the outputs.
func noisySetting(rng *rand.Rand) (s *Setting, rho float64, outputs int) {
	outputs, rho = 2+rng.IntN(6), 0.001+0.998*rng.Float64()
	f, rewards := make([]float64, outputs), make([]float64, outputs)
	for y := range f {
		f[y], rewards[y] = rho/float64(outputs), rng.Float64()
	}
	at := rng.IntN(outputs)
	f[at] += 1 - rho
	rewards[at] = 1.5
	return &Setting{Test: []float64{1}, Experts: [][][]float64{{f}}, Rewards: [][]float64{rewards}}, rho, outputs
}

// partsSetting is Proposition 4's: experts who are each right in their part of the inputs and uniform elsewhere. touched
// is of how many experts inputs are tested.
func partsSetting(rng *rand.Rand) (s *Setting, touched int) {
	experts, outputs := 2+rng.IntN(4), 2+rng.IntN(4)
	parts := experts + rng.IntN(4)
	s = &Setting{Test: make([]float64, parts), Experts: make([][][]float64, experts)}
	touched = 1 + rng.IntN(experts)
	total := 0.0
	for x := range parts {
		owner := x % experts
		if owner < touched {
			s.Test[x] = rng.Float64() + 0.01
			total += s.Test[x]
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
	for x := range s.Test {
		s.Test[x] /= total
	}
	return s, touched
}

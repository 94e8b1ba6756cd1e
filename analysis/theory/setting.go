// Package theory computes the finite settings of the theory of transcendence exactly: experts as tables of
// probabilities, their mixture at any temperature, and what the propositions say of them.
//
// Sources: Zhang et al. 2024, Propositions 1 to 4 and appendix C; Abreu et al. 2025, Theorem 2.1. What
// each says is at the function that computes its sides; where it fails at an edge, that is said
// there, and a test has the counterexample.
package theory

import (
	"errors"
	"fmt"
	"math"

	"transcend/analysis/ideal"
	"transcend/data/league/mixture"
)

// Setting is a finite one: inputs x with test probabilities, k experts f_i(y|x), how likely an input is each
// expert's, and rewards r(x,y). Every input may have its own number of outputs.
type Setting struct {
	// Test is ptest(x) by input, in sum 1.
	Test []float64 `json:"test"`
	// Experts are f_i(y|x) by expert, input and output.
	Experts [][][]float64 `json:"experts"`
	// Weights are g(i|x) by input and expert. nil: 1/k, as in the first paper, whose experts share
	// one law of inputs.
	Weights [][]float64 `json:"weights,omitempty"`
	// Rewards are r(x,y) by input and output.
	Rewards [][]float64 `json:"rewards"`
}

// tolerance of sums that must be 1.
const tolerance = 1e-9

// Validate reports what is no setting: tables of other shapes, distributions that are none.
func (s *Setting) Validate() error {
	if len(s.Test) == 0 || len(s.Experts) == 0 {
		return errors.New("theory: a setting needs an input and an expert")
	}
	if err := distribution(s.Test); err != nil {
		return fmt.Errorf("theory: test law: %w", err)
	}
	if len(s.Rewards) != len(s.Test) || s.Weights != nil && len(s.Weights) != len(s.Test) {
		return fmt.Errorf("theory: %d inputs with rewards for %d and weights for %d", len(s.Test), len(s.Rewards), len(s.Weights))
	}
	for x, rewards := range s.Rewards {
		if len(rewards) == 0 {
			return fmt.Errorf("theory: input %d has no outputs", x)
		}
		for _, r := range rewards {
			if math.IsNaN(r) || math.IsInf(r, 0) {
				return fmt.Errorf("theory: input %d has a reward of %v", x, r)
			}
		}
		if s.Weights == nil {
			continue
		}
		if len(s.Weights[x]) != len(s.Experts) {
			return fmt.Errorf("theory: input %d has weights for %d of %d experts", x, len(s.Weights[x]), len(s.Experts))
		}
		if err := distribution(s.Weights[x]); err != nil {
			return fmt.Errorf("theory: weights of input %d: %w", x, err)
		}
	}
	for i, e := range s.Experts {
		if len(e) != len(s.Test) {
			return fmt.Errorf("theory: expert %d answers %d of %d inputs", i+1, len(e), len(s.Test))
		}
		for x, f := range e {
			if len(f) != len(s.Rewards[x]) {
				return fmt.Errorf("theory: expert %d has %d outputs for input %d, where %d have rewards", i+1, len(f), x, len(s.Rewards[x]))
			}
			if err := distribution(f); err != nil {
				return fmt.Errorf("theory: expert %d, input %d: %w", i+1, x, err)
			}
		}
	}
	return nil
}

func distribution(p []float64) error {
	sum := 0.0
	for _, v := range p {
		if !(v >= 0) || v > 1+tolerance {
			return fmt.Errorf("%v is no probability", v)
		}
		sum += v
	}
	if math.Abs(sum-1) > tolerance {
		return fmt.Errorf("probabilities add up to %v", sum)
	}
	return nil
}

// Convention is what a temperature does to a distribution. The two agree on the order of outputs
// and on the limit 0, the argmax, and on nothing else.
type Convention int

const (
	// Logits is what models do: softmax(log q / tau), that is q^(1/tau). 1 changes nothing, and what
	// has no probability never gets any.
	Logits Convention = iota
	// Probabilities is the softmax that the first paper writes down: softmax(q / tau), of the probabilities. 1 is
	// not the identity, and every output gets some probability at every temperature above 0.
	Probabilities
)

func (c Convention) String() string {
	if c == Probabilities {
		return "probabilities"
	}
	return "logits"
}

// Conventions are both.
var Conventions = []Convention{Logits, Probabilities}

// Temper writes q at a temperature into dst, which is made longer as needed and may be q, and returns
// it. At 0 the most probable outputs share it evenly, which is the limit of both conventions.
func (c Convention) Temper(dst, q []float64, tau float64) []float64 {
	if c == Logits || tau == 0 {
		return mixture.Temper(dst, q, tau)
	}
	if cap(dst) < len(q) {
		dst = make([]float64, len(q))
	}
	dst = dst[:len(q)]
	best, sum := 0.0, 0.0
	for _, v := range q {
		best = max(best, v)
	}
	for y, v := range q {
		dst[y] = math.Exp((v - best) / tau)
		sum += dst[y]
	}
	for y := range dst {
		dst[y] /= sum
	}
	return dst
}

// Reward is R(f), the expectation over ptest of f's expected reward; f gives the distribution at an input.
func (s *Setting) Reward(f func(x int) []float64) (r float64) {
	for x, p := range s.Test {
		r += p * ideal.Expected(f(x), s.Rewards[x])
	}
	return r
}

// Expert is R(f_i).
func (s *Setting) Expert(i int) float64 {
	return s.Reward(func(x int) []float64 { return s.Experts[i][x] })
}

// Best is max_i R(f_i), the one to transcend, and whose it is.
func (s *Setting) Best() (reward float64, expert int) {
	reward = math.Inf(-1)
	for i := range s.Experts {
		if r := s.Expert(i); r > reward {
			reward, expert = r, i
		}
	}
	return reward, expert
}

// weight is g(i|x).
func (s *Setting) weight(x, i int) float64 {
	if s.Weights == nil {
		return 1 / float64(len(s.Experts))
	}
	return s.Weights[x][i]
}

// Mixture is fbar(y|x), the sum over i of g(i|x) f_i(y|x): what cross-entropy has as its minimum.
func (s *Setting) Mixture(x int) []float64 {
	f := make([]float64, len(s.Rewards[x]))
	for i, e := range s.Experts {
		for y, v := range e[x] {
			f[y] += s.weight(x, i) * v
		}
	}
	return f
}

// At is the mixture's reward at a temperature. At 0 it is that of the argmax, with ties shared evenly.
//
// Proposition 1: sampling the mixture itself does not transcend, R(fbar) <= max_i R(f_i), because R is linear and
// a mean is no larger than the largest. That needs the same weights at all inputs: with others (the second
// paper's) the mixture may well transcend. It says nothing of tau = 1 under Probabilities, which is not
// the mixture: {1, 0} with rewards {0, 1} is transcended there.
//
// Proposition 2: R(argmax fbar) > max_i R(f_i) if and only if there is a tau in (0,1) with
// R(fbar_tau') > max_i R(f_i) for all tau' <= tau. "If the argmax transcends, so do all low temperatures"
// holds by continuity, for an argmax that shares ties: one that picks the first of equal outputs is
// not the limit. The converse fails where R(argmax fbar) is exactly max_i R(f_i): the limit may be reached from
// above. See Edge.
//
// Proposition 3: one expert f_rho = rho uniform + (1-rho) optimal is transcended at a low enough
// temperature for every rho in (0,1). Where rewards do not depend on the output, which the
// paper excludes, nothing is; see NoisyThreshold.
//
// Proposition 4: inputs are divided, expert i is optimal on part i and uniform elsewhere. If ptest touches
// at least two parts, a low enough temperature transcends. Again rewards must depend on the
// output in two of the parts that are touched.
func (s *Setting) At(tau float64, c Convention) float64 {
	return s.Reward(func(x int) []float64 { return c.Temper(nil, s.Mixture(x), tau) })
}

// Pair is the left side of Theorem 2.1 for experts a and b:
//
//	E_x~ptest [(r_x(f_a) - r_x(f_b)) (g(a|x) - g(b|x))] > 0
//
// Theorem 2.1: for two experts this is necessary for the mixture itself, at temperature 1, to transcend. It is
// not sufficient, says nothing of other temperatures (the 0.6/0.4/0 example has 0 on the left side and
// transcends at low ones), and of more than two experts no pair need have it: see All.
func (s *Setting) Pair(a, b int) (sum float64) {
	for x, p := range s.Test {
		difference := ideal.Expected(s.Experts[a][x], s.Rewards[x]) - ideal.Expected(s.Experts[b][x], s.Rewards[x])
		sum += p * difference * (s.weight(x, a) - s.weight(x, b))
	}
	return sum
}

// All is the sum of Pair over all pairs. For k experts the theorem's proof, adding up R(fbar) - R(f_a) > 0 over
// all a, shows that it must be positive where the mixture transcends.
func (s *Setting) All() (sum float64) {
	k := len(s.Experts)
	rewards, weights, ones := make([]float64, k), make([]float64, k), make([]float64, k)
	for x, p := range s.Test {
		for i, e := range s.Experts {
			rewards[i], weights[i], ones[i] = ideal.Expected(e[x], s.Rewards[x]), s.weight(x, i), 1
		}
		sum += p * ideal.PairSum(rewards, weights, ones)
	}
	return sum
}

// NoisyThreshold is the temperature below which the expert of Proposition 3, rho uniform + (1-rho) on one best
// output of n, is transcended: 1 for Logits, and (1-rho) / ln(1 + n(1-rho)/rho) for Probabilities, where
// softmax keeps the odds of the best output as they were.
func NoisyThreshold(rho float64, n int, c Convention) float64 {
	if c == Logits {
		return 1
	}
	return (1 - rho) / math.Log1p(float64(n)*(1-rho)/rho)
}

// Highest is the highest temperature up to which all lower ones transcend, as far as a grid of 4,000 between
// low and high sees, refined by bisection; 0 when the lowest does not transcend, high when all do.
func (s *Setting) Highest(low, high float64, c Convention) float64 {
	const steps = 4000
	best, _ := s.Best()
	above := func(tau float64) bool { return s.At(tau, c) > best }
	if !above(low) {
		return 0
	}
	ratio := math.Pow(high/low, 1./steps)
	from := low
	for range steps {
		to := from * ratio
		if above(to) {
			from = to
			continue
		}
		for range 60 {
			if middle := (from + to) / 2; above(middle) {
				from = middle
			} else {
				to = middle
			}
		}
		return from
	}
	return high
}

// Toy is the example of appendix C (Zhang et al. 2024): two experts, 0.6/0.4/0 and 0/0.4/0.6, the middle output
// right. Their mixture 0.3/0.4/0.3 has the right mode, which neither has.
func Toy() *Setting {
	return &Setting{
		Test: []float64{1}, Experts: [][][]float64{{{0.6, 0.4, 0}}, {{0, 0.4, 0.6}}}, Rewards: [][]float64{{0, 1, 0}},
	}
}

// Edge is where the converse of Proposition 2 fails: the mixture's argmax is the first output, whose reward 0.5 is
// that of the better expert, so it does not transcend; what is left at a low temperature lies
// nearly all on the second output, with reward 1, so all low temperatures do.
func Edge() *Setting {
	return &Setting{
		Test:    []float64{1},
		Experts: [][][]float64{{{1, 0, 0, 0, 0}}, {{0.4, 0.25, 0.15, 0.1, 0.1}}},
		Rewards: [][]float64{{0.5, 1, 0, 0, 0}},
	}
}

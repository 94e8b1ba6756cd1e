// Package sprt has the sequential probability ratio test of two Elo differences
// as fishtest and fastchess run it: generalized likelihood ratios of trinomial
// (games) or pentanomial (pairs) counts, in logistic or normalized Elo.
//
// The log-likelihood ratio is
//
//	LLR = sum_i n_i log(p1_i / p0_i),
//
// p0 and p1 being the likeliest distributions of a result, given the counts
// n_i, whose Elo is exactly Elo0 or Elo1 (M. Van den Bergh, "A practical
// introduction to the GSPRT" and "Comments on Normalized Elo", cantate.be/Fishtest).
// Counts of 0 are replaced by 1/1000, as both programs do. Under a fixed
// distribution the LLR is asymptotically a Brownian motion, so that Wald's bounds
// log(beta/(1-alpha)) and log((1-beta)/alpha) hold both error rates.
package sprt

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"transcend/elo"
	"transcend/elo/internal/multinomial"
)

// Model says in which unit Elo0 and Elo1 are.
type Model string

// The models.
const (
	// Normalized Elo: (score - 1/2)/sigma * 800/ln 10, sigma the standard deviation
	// of a game. The length of the test then does not depend on the draw rate.
	Normalized Model = "normalized"
	// Logistic Elo: -400 log10(1/score - 1).
	Logistic Model = "logistic"
)

// Test is a test of H0, the difference is Elo0, against H1, it is Elo1.
type Test struct {
	Elo0  float64 `json:"elo0"`
	Elo1  float64 `json:"elo1"`
	Alpha float64 `json:"alpha"` // probability of accepting H1 when H0 is true
	Beta  float64 `json:"beta"`  // probability of accepting H0 when H1 is true
	Model Model   `json:"model"`
}

// New is the test with both error probabilities 5%, in normalized Elo,
// fastchess's defaults.
func New(elo0, elo1 float64) Test { return Test{elo0, elo1, 0.05, 0.05, Normalized} }

// maxElo bounds Elo0 and Elo1. At 1000 normalized Elo the score is 2.9 standard
// deviations from even; fishtest stops at ±1200 logistic Elo.
const maxElo = 1000

// Validate says what is wrong with the settings, with an example of right ones.
func (t Test) Validate() error {
	switch {
	case !(math.Abs(t.Elo0) <= maxElo && math.Abs(t.Elo1) <= maxElo):
		return fmt.Errorf("sprt: elo0 %v and elo1 %v must be within ±%d", t.Elo0, t.Elo1, maxElo)
	case !(t.Elo0 < t.Elo1):
		return fmt.Errorf("sprt: elo0 %v must be less than elo1 %v", t.Elo0, t.Elo1)
	case !(t.Alpha > 0 && t.Alpha < 1 && t.Beta > 0 && t.Beta < 1 && t.Alpha+t.Beta < 1):
		return fmt.Errorf("sprt: alpha %v and beta %v must be between 0 and 1 and their sum less than 1", t.Alpha, t.Beta)
	case t.Model != Normalized && t.Model != Logistic:
		return fmt.Errorf("sprt: no model %q (there are %s and %s)", t.Model, Normalized, Logistic)
	}
	return nil
}

// Parse reads "elo0=0,elo1=5,alpha=0.05,beta=0.05,model=normalized"; elo0 and
// elo1 are needed, the rest is New's.
func Parse(s string) (Test, error) {
	t := New(math.NaN(), math.NaN())
	numbers := map[string]*float64{"elo0": &t.Elo0, "elo1": &t.Elo1, "alpha": &t.Alpha, "beta": &t.Beta}
	seen := map[string]bool{}
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		key, value, _ := strings.Cut(part, "=")
		if seen[key] {
			return t, fmt.Errorf("sprt: %q is given twice", key)
		}
		seen[key] = true
		if key == "model" {
			t.Model = Model(value)
			continue
		}
		to := numbers[key]
		if to == nil {
			return t, fmt.Errorf("sprt: no setting %q (there are elo0, elo1, alpha, beta and model)", key)
		}
		var err error
		if *to, err = strconv.ParseFloat(value, 64); err != nil {
			return t, fmt.Errorf("sprt: %s: %q is no number", key, value)
		}
	}
	if !seen["elo0"] || !seen["elo1"] {
		return t, fmt.Errorf("sprt: %q does not say both elo0 and elo1", s)
	}
	return t, t.Validate()
}

// String is what Parse reads.
func (t Test) String() string {
	return fmt.Sprintf("elo0=%v,elo1=%v,alpha=%v,beta=%v,model=%s", t.Elo0, t.Elo1, t.Alpha, t.Beta, t.Model)
}

// Bounds are Wald's: H0 is accepted at or below lower, H1 at or above upper.
func (t Test) Bounds() (lower, upper float64) {
	return math.Log(t.Beta / (1 - t.Alpha)), math.Log((1 - t.Beta) / t.Alpha)
}

// LLR is the log-likelihood ratio of single games; 0 without any.
func (t Test) LLR(r elo.Record) float64 {
	return t.llr([]float64{float64(r.Losses), float64(r.Draws), float64(r.Wins)}, 1)
}

// PairsLLR is the log-likelihood ratio of pairs; 0 without any.
func (t Test) PairsLLR(p elo.Pairs) float64 {
	counts := make([]float64, len(p))
	for i, c := range p {
		counts[i] = float64(c)
	}
	return t.llr(counts, 2)
}

// unit is 800/ln 10, a standard deviation of a game in normalized Elo.
const unit = 800 / math.Ln10

func (t Test) llr(counts []float64, gamesEach float64) float64 {
	if multinomial.Total(counts) == 0 {
		return 0
	}
	for i := range counts {
		if counts[i] == 0 {
			counts[i] = 1e-3
		}
	}
	distribution := func(e float64) []float64 {
		if t.Model == Logistic {
			return withScore(counts, elo.Expected(e, 0))
		}
		return withT(counts, e/unit*math.Sqrt(gamesEach))
	}
	return multinomial.LogLikelihood(counts, distribution(t.Elo1)) - multinomial.LogLikelihood(counts, distribution(t.Elo0))
}

// withScore is the likeliest distribution with mean score s.
func withScore(counts []float64, s float64) []float64 {
	phi, p := make([]float64, len(counts)), make([]float64, len(counts))
	for i := range phi {
		phi[i] = multinomial.Score(i, len(counts)) - s
	}
	multinomial.Constrained(counts, phi, p)
	return p
}

// withT is the likeliest distribution with (mean - 1/2)/sigma = t: the
// constraint is linearized about the last estimate, from the uniform
// distribution on (Van den Bergh, "Comments on Normalized Elo", section 4.1).
func withT(counts []float64, t float64) []float64 {
	k := len(counts)
	p, next, phi := make([]float64, k), make([]float64, k), make([]float64, k)
	for i := range p {
		p[i] = 1 / float64(k)
	}
	// The map contracts; the bound is for counts where it does so slowly. Its
	// fixed point does not depend on the start.
	for range 100 {
		mean, variance, _, _ := multinomial.Moments(p)
		sigma := math.Sqrt(variance)
		for i := range phi {
			d := (multinomial.Score(i, k) - mean) / sigma
			phi[i] = multinomial.Score(i, k) - 0.5 - t*sigma*(1+d*d)/2
		}
		multinomial.Constrained(counts, phi, next)
		change := 0.0
		for i := range p {
			change = max(change, math.Abs(next[i]-p[i]))
		}
		p, next = next, p
		if change < 1e-9 {
			break
		}
	}
	return p
}

// Decision is how a test stands.
type Decision string

// The decisions.
const (
	Continue Decision = "continue"
	AcceptH0 Decision = "H0"
	AcceptH1 Decision = "H1"
)

// Status is a test with games in it.
type Status struct {
	Test     Test     `json:"test"`
	LLR      float64  `json:"llr"`
	Lower    float64  `json:"lower"`
	Upper    float64  `json:"upper"`
	Decision Decision `json:"decision"`
}

// Fraction is how far the LLR has come to the bound on its side: 0 to 1 and
// more, negative toward H0. fastchess prints it as a percentage.
func (s Status) Fraction() float64 {
	if s.LLR < 0 {
		return -s.LLR / s.Lower
	}
	return s.LLR / s.Upper
}

// String is "LLR: 2.25 (76.4%) (-2.94, 2.94) [0.00, 2.00]", as fastchess has it.
func (s Status) String() string {
	return fmt.Sprintf("LLR: %.2f (%.1f%%) (%.2f, %.2f) [%.2f, %.2f]", s.LLR, 100*s.Fraction(), s.Lower, s.Upper, s.Test.Elo0, s.Test.Elo1)
}

// Status of the test after these games, looked at once. A test that is looked
// at after every game, as it should be, is a Run.
func (t Test) Status(r elo.Record) Status { return t.status(t.LLR(r)) }

// PairsStatus is Status for pairs.
func (t Test) PairsStatus(p elo.Pairs) Status { return t.status(t.PairsLLR(p)) }

func (t Test) status(llr float64) Status {
	s := Status{Test: t, LLR: llr, Decision: Continue}
	s.Lower, s.Upper = t.Bounds()
	if llr >= s.Upper {
		s.Decision = AcceptH1
	} else if llr <= s.Lower {
		s.Decision = AcceptH0
	}
	return s
}

// Run is a test of a match that is being played. Its decision is the first one:
// games that were under way when a bound was crossed do not take it back. A
// test is of games or of pairs, not of both: pairs add nothing to Record. It is
// not safe for concurrent use.
type Run struct {
	Test   Test
	Record elo.Record // games added one by one
	Pairs  elo.Pairs  // pairs added
	status Status
}

// NewRun starts a test.
func NewRun(t Test) (*Run, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	return &Run{Test: t, status: t.status(0)}, nil
}

// AddGame counts one game and returns the state after it. It panics after
// AddPair.
func (r *Run) AddGame(o elo.Outcome) Status {
	if r.Pairs.Count() > 0 {
		panic("sprt: a single game in a test of pairs")
	}
	r.Record.Add(o)
	return r.update(r.Test.LLR(r.Record))
}

// AddPair counts one pair of games on one opening with colors reversed, and
// returns the state after it. It panics after AddGame.
func (r *Run) AddPair(first, second elo.Outcome) Status {
	if r.Record.Games() > 0 {
		panic("sprt: a pair in a test of single games")
	}
	r.Pairs.Add(first, second)
	return r.update(r.Test.PairsLLR(r.Pairs))
}

func (r *Run) update(llr float64) Status {
	s := r.Test.status(llr)
	if r.status.Decision != Continue {
		s.Decision = r.status.Decision
	}
	r.status = s
	return s
}

// Status is the state after the last game.
func (r *Run) Status() Status { return r.status }

// Plan is what to expect of a test.
type Plan struct {
	AcceptH1     float64 `json:"accept_h1"`    // probability
	Observations float64 `json:"observations"` // expected number of games, or of pairs
}

// Plan predicts the test for observations drawn from the given distribution:
// three probabilities for games (loss, draw, win) or five for pairs. The LLR is
// taken for a Brownian motion with the drift and the variance that it has per
// observation under that distribution; with h = 2 drift/variance and bounds a < 0 < b,
//
//	P(H1) = (exp(-h a) - 1) / (exp(-h a) - exp(-h b)),
//	E(length) = (a (1-P) + b P) / drift     (-a b / variance without drift).
//
// The overshoot over the bound is neglected, which makes it a few observations
// too short.
func (t Test) Plan(probabilities []float64) (Plan, error) {
	if err := t.Validate(); err != nil {
		return Plan{}, err
	}
	if n := len(probabilities); n != 3 && n != 5 {
		return Plan{}, fmt.Errorf("sprt: %d probabilities: a game has 3 results, a pair 5", n)
	}
	for _, p := range probabilities {
		if !(p >= 0 && p <= 1) {
			return Plan{}, fmt.Errorf("sprt: impossible probabilities %v", probabilities)
		}
	}
	if sum := multinomial.Total(probabilities); math.Abs(sum-1) > 1e-6 {
		return Plan{}, fmt.Errorf("sprt: the probabilities %v sum to %v", probabilities, sum)
	}
	gamesEach := float64(len(probabilities)-1) / 2
	counts := make([]float64, len(probabilities))
	for i, p := range probabilities {
		counts[i] = max(p*1e9, 1e-3) // far from where the replacement of zeros matters
	}
	var p0, p1 []float64
	if t.Model == Logistic {
		p0, p1 = withScore(counts, elo.Expected(t.Elo0, 0)), withScore(counts, elo.Expected(t.Elo1, 0))
	} else {
		p0, p1 = withT(counts, t.Elo0/unit*math.Sqrt(gamesEach)), withT(counts, t.Elo1/unit*math.Sqrt(gamesEach))
	}
	drift, variance := 0.0, 0.0
	for i, p := range probabilities {
		drift += p * math.Log(p1[i]/p0[i])
	}
	for i, p := range probabilities {
		d := math.Log(p1[i]/p0[i]) - drift
		variance += p * d * d
	}
	if variance == 0 {
		return Plan{}, fmt.Errorf("sprt: results that are always the same cannot be planned for")
	}
	a, b := t.Bounds()
	h := 2 * drift / variance
	if math.Abs(h*(b-a)) < 1e-6 {
		return Plan{-a / (b - a), -a * b / variance}, nil
	}
	pass := math.Expm1(-h*a) / (math.Expm1(-h*a) - math.Expm1(-h*b))
	return Plan{pass, (a*(1-pass) + b*pass) / drift}, nil
}

package joint

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"transcend/elo"
	"transcend/internal/trials"
)

// averaged is what the model's parameters are over all openings whose bias is normal: the
// fit of endless games. The average over openings of a logistic curve is flatter than the
// curve of one, and there are fewer draws: ratings, which are about scores over a book, the
// advantage and the draw rate are these, and not those of an opening without bias.
func averaged(t *testing.T, truth []float64, advantage, nu, bias float64) (at point) {
	ids := make([]int, len(truth))
	for i := range ids {
		ids[i] = i
	}
	c := newCore(named(len(truth)), ids, Options{})
	var edges []edge
	for i := range truth {
		for j := range truth {
			if i == j {
				continue
			}
			e := edge{white: i, black: j}
			total := 0.0
			for z := -5.0; z <= 5; z += 0.05 {
				weight := math.Exp(-z * z / 2)
				m, q, d, _ := moments(truth[i]-truth[j]+advantage+bias*z, nu)
				e.win += weight * (m - d/2)
				e.draw += weight * d
				e.loss += weight * (q - d/2)
				total += weight
			}
			e.win, e.draw, e.loss = 1e4*e.win/total, 1e4*e.draw/total, 1e4*e.loss/total
			edges = append(edges, e)
		}
	}
	c.setEdges(edges)
	if err := c.maximize(); err != nil {
		t.Fatal(err)
	}
	return c.at
}

// spread compares stated errors with how estimates vary.
type spread struct{ n, sum, squares, stated float64 }

func (s *spread) add(x, standardError float64) {
	s.n, s.sum, s.squares, s.stated = s.n+1, s.sum+x, s.squares+x*x, s.stated+standardError
}

func (s spread) deviation() float64 { return math.Sqrt(s.squares/s.n - s.sum*s.sum/(s.n*s.n)) }

// TestCoverage: every interval of a fit against known truth, in tournaments from the
// model itself, with anchors that are off by their stated errors, and with openings
// whose bias the model does not know.
func TestCoverage(t *testing.T) {
	type world struct {
		name      string
		truth     []float64
		rounds    int // pairs of games for every pairing
		advantage float64
		nu        float64
		bias      float64 // sd in points of the openings
		anchors   float64 // standard error of players 0 and 1 as anchors; 0: none
		fixed     bool    // player 0 is an exact anchor
		resample  int
		low, high float64 // accepted coverage of the bootstrap's interval
	}
	for _, w := range []world{
		{"6 players, 10 pairs each", []float64{-150, -50, 0, 20, 80, 100}, 10, 30, 1, 0, 0, false, 0, 0, 0},
		{"4 players, 2 pairs each, few draws", []float64{-200, 0, 50, 150}, 2, 30, 0.2, 0, 0, false, 0, 0, 0},
		{"2 players, 30 pairs", []float64{-60, 60}, 30, 40, 1, 0, 0, false, 200, 0.925, 0.97},
		{"4 players, 10 pairs, many draws", []float64{-50, 0, 20, 30}, 10, 20, 6, 0, 0, false, 200, 0.925, 0.97},
		{"4 players, 10 pairs, biased openings", []float64{-50, 0, 20, 30}, 10, 0, 0.5, 300, 0, false, 200, 0.925, 0.97},
		{"2 players, 100 pairs, biased openings", []float64{-60, 60}, 100, 40, 1, 200, 0, false, 0, 0, 0},
		{"6 players, 10 pairs, slightly biased", []float64{-150, -50, 0, 20, 80, 100}, 10, 30, 1, 60, 0, false, 0, 0, 0},
		{"one exact anchor, biased openings", []float64{1500, 1400, 1450, 1600}, 20, 30, 1, 200, 0, true, 0, 0, 0},
		{"one exact anchor", []float64{1500, 1400, 1450, 1600}, 10, 30, 1, 0, 0, true, 0, 0, 0},
		{"two anchors off by 40", []float64{1500, 1600, 1400, 1550}, 10, 30, 1, 0, 40, false, 0, 0, 0},
	} {
		n := trials.Or(300)
		if w.resample > 0 {
			n = trials.Or(200)
		}
		rng := rand.New(rand.NewPCG(51, 52))
		played := w.truth // what games are drawn from; w is what they are counted against
		trueH, trueD := w.advantage, w.nu/(w.nu+2)
		if w.bias > 0 {
			at := averaged(t, w.truth, w.advantage, w.nu, w.bias)
			trueH, trueD = at.h, math.Exp(at.logNu)/(math.Exp(at.logNu)+2)
			w.truth = at.r
			if shift := played[0] - at.r[0]; w.fixed {
				for i := range w.truth {
					w.truth[i] += shift
				}
			}
		}
		last := len(w.truth) - 1
		var games []Game
		var ratings, advantages spread
		var normal, profile, bootstrap, difference, profileDifference, bootstrapDifference, advantage, draws, rated int
		for trial := range n {
			players := named(len(w.truth))
			truth := append([]float64(nil), w.truth...)
			if w.anchors > 0 {
				for i := range 2 {
					players[i].Anchor = &elo.Anchor{Rating: truth[i] + w.anchors*rng.NormFloat64(), StandardError: w.anchors}
				}
			} else if w.fixed {
				players[0].Anchor = &elo.Anchor{Rating: truth[0]}
			}
			games = games[:0]
			for i := range truth {
				for j := range i {
					for range w.rounds {
						b, pair := w.advantage+w.bias*rng.NormFloat64(), len(games)+1
						games = append(games, Game{i, j, outcome(rng, played[i]-played[j]+b, w.nu), pair},
							Game{j, i, outcome(rng, played[j]-played[i]+b, w.nu), pair})
					}
				}
			}
			f := mustRate(t, players, games, Options{Bootstrap: w.resample, Seed: uint64(trial)})
			p, x := f.Pools[0], f.Ratings[last]
			if p.Core < len(truth) {
				continue // somebody won or lost everything
			}
			rated++
			ratings.add(x.Rating, x.StandardError)
			advantages.add(p.Advantage.Value, p.Advantage.StandardError)
			at := truth[last]
			if !p.Anchored {
				for _, r := range truth {
					at -= r / float64(len(truth))
				}
			}
			count := func(c *int, iv elo.Interval, value float64) {
				if iv.Contains(value) {
					*c++
				}
			}
			count(&profile, x.Interval, at)
			count(&normal, elo.Interval{Low: x.Rating - f.z*x.StandardError, High: x.Rating + f.z*x.StandardError}, at)
			d, err := f.Difference(last, 1)
			if len(truth) == 2 {
				d, err = f.Difference(1, 0)
			}
			if err != nil {
				t.Fatal(err)
			}
			between := truth[last] - truth[1]
			if len(truth) == 2 {
				between = truth[1] - truth[0]
			}
			count(&difference, d.Interval, between)
			j := 1
			if len(truth) == 2 {
				j = 0
			}
			iv, err := differenceProfile(f, last, j)
			if err != nil {
				t.Fatal(err)
			}
			count(&profileDifference, iv, between)
			if p.AdvantageFitted {
				count(&advantage, p.Advantage.Interval, trueH)
			}
			count(&draws, p.DrawRate.Interval, trueD)
			if w.resample > 0 {
				count(&bootstrap, *x.Bootstrap, at)
				count(&bootstrapDifference, *d.Bootstrap, between)
			}
		}
		share := func(c int) float64 { return float64(c) / float64(rated) }
		cell := func(c int) string {
			if w.resample == 0 {
				return "-"
			}
			return fmt.Sprintf("%.3f", share(c))
		}
		t.Logf("| %s | %.3f | %.3f | %s | %.3f | %.3f | %s | %.3f | %.3f |", w.name, share(normal), share(profile), cell(bootstrap),
			share(difference), share(profileDifference), cell(bootstrapDifference), share(advantage), share(draws))
		// Of some seventy checks none should fail by chance, also with the few trials of -short.
		const sigmas = 3.7
		slack := sigmas * math.Sqrt(0.95*0.05/float64(rated))
		check := func(name string, c int, low, high float64) {
			if share(c) < low-slack || share(c) > high+slack {
				t.Errorf("%s: %s covers %.3f of %d, want %v to %v", w.name, name, share(c), rated, low, high)
			}
		}
		if rated < n*9/10 {
			t.Errorf("%s: only %d of %d tournaments could be rated", w.name, rated, n)
		}
		if w.resample > 0 {
			check("bootstrap", bootstrap, w.low, w.high)
			check("bootstrap of the difference", bootstrapDifference, w.low, w.high)
		}
		if w.bias >= 200 {
			// Counting needs many trials to see it; the sizes of errors do not.
			for name, s := range map[string]spread{"rating": ratings, "advantage": advantages} {
				if ratio := s.stated / s.n / s.deviation(); math.Abs(ratio-1) > sigmas/math.Sqrt(2*s.n) {
					t.Errorf("%s: the standard error of the %s is %.2f times what it is", w.name, name, ratio)
				}
			}
		}
		// With 24 games in all the likelihood's intervals are not yet what they say.
		least := 0.94
		if len(games) < 50 {
			least = 0.92
		}
		check("profile", profile, least, 0.965)
		check("normal", normal, 0.93, 0.975)
		check("difference", difference, 0.93, 0.975)
		check("profile of the difference", profileDifference, least, 0.965)
		check("advantage", advantage, 0.93, 0.97)
		check("draw rate", draws, 0.92, 0.98)
	}
}

package elo

// Simulations with known truth: how often the intervals hold it. The counts in
// doc comments come from here (go test -run Coverage -v).

import (
	"math"
	"math/rand/v2"
	"testing"
)

// coverageOfAll is the exact probability, for each true expected score in
// scores, that the interval after n games against one anchor holds the truth:
// every possible record, weighted with its probability. drawRate(p) is the true
// probability of a draw.
func coverageOfAll(t *testing.T, n int, scores []float64, drawRate func(p float64) float64) []float64 {
	logFactorial := make([]float64, n+1)
	for i := 2; i <= n; i++ {
		logFactorial[i] = logFactorial[i-1] + math.Log(float64(i))
	}
	term := func(k int, p float64) float64 {
		if k == 0 {
			return 0
		}
		return float64(k) * math.Log(p)
	}
	cover := make([]float64, len(scores))
	for w := 0; w <= n; w++ {
		for d := 0; w+d <= n; d++ {
			l := n - w - d
			e := mustEstimate(t, one(1500, w, d, l), Options{})
			for i, p := range scores {
				dr := drawRate(p)
				logProb := logFactorial[n] - logFactorial[w] - logFactorial[d] - logFactorial[l] +
					term(w, p-dr/2) + term(d, dr) + term(l, 1-p-dr/2)
				if e.Sampling.Contains(1500 + Difference(p)) {
					cover[i] += math.Exp(logProb)
				}
			}
			if drawRate(0.5) == 0 && d == 0 {
				// The records with draws cannot happen: skip them.
				break
			}
		}
	}
	return cover
}

// TestCoverageExact: against one anchor, averaged over true ratings within ±400
// points of it, the 95% interval covers between 93 and 97%, from 10 games on,
// with and without draws. At single ratings it swings more, which is inherent
// in counting points: the worst is checked too, so that it cannot grow unseen.
func TestCoverageExact(t *testing.T) {
	var scores []float64
	for d := -400.0; d <= 400; d += 10 {
		scores = append(scores, Expected(d, 0))
	}
	counts := []int{5, 10, 20, 50, 100}
	if testing.Short() {
		counts = []int{5, 10, 20}
	}
	for _, n := range counts {
		// share of the largest draw rate possible, 2 min(p, 1-p).
		for _, share := range []float64{0, 0.2, 0.5, 0.8} {
			cover := coverageOfAll(t, n, scores, func(p float64) float64 { return share * 2 * min(p, 1-p) })
			mean, worst, at := 0.0, 2.0, 0.0
			for i, c := range cover {
				mean += c / float64(len(cover))
				if c < worst {
					worst, at = c, Difference(scores[i])
				}
			}
			t.Logf("%3d games, draw share %.1f: mean %.4f, worst %.4f (at %+.0f)", n, share, mean, worst, at)
			low, high, floor := 0.93, 0.97, 0.91
			if n < 10 || n == 10 && share > 0.5 {
				high = 0.99 // so few games can only be covered from above
			}
			switch {
			case n < 20:
				floor = 0.88
			case share > 0:
				floor = 0.925
			}
			if mean < low || mean > high || worst < floor {
				t.Errorf("%d games, draw share %v: mean coverage %.4f, worst %.4f; want the mean in [%v, %v] and the worst above %v", n, share, mean, worst, low, high, floor)
			}
		}
	}
}

// play draws a record of n games at expected score p and a draw rate of share
// times the largest possible.
func play(rng *rand.Rand, n int, p, share float64) Record {
	d := share * 2 * min(p, 1-p)
	var r Record
	for range n {
		switch u := rng.Float64(); {
		case u < p-d/2:
			r.Wins++
		case u < p+d/2:
			r.Draws++
		default:
			r.Losses++
		}
	}
	return r
}

// TestCoverageLadder: several anchors, as in the paper's protocol (three levels)
// and in cheaper ones, at fixed truths; and with anchors whose published
// ratings are off by their stated errors, where the total interval must cover.
func TestCoverageLadder(t *testing.T) {
	trials := 6000
	if testing.Short() {
		trials = 1000
	}
	slack := 3 * math.Sqrt(0.05*0.95/float64(trials)) // three standard errors of the simulation
	paper := []float64{1554, 1867, 2148}
	for _, test := range []struct {
		name       string
		truth      float64
		anchors    []float64
		games      int // per anchor
		share      float64
		anchorSE   float64
		scaleError float64
	}{
		{"paper's levels", 1500, paper, 100, 0, 0, 0},
		{"paper's levels, draws", 1500, paper, 100, 0.4, 0, 0},
		{"paper's levels, weak model", 1100, paper, 100, 0.2, 0, 0},
		{"paper's levels, strong model", 2000, paper, 100, 0.5, 0, 0},
		{"three games a level", 1700, paper, 3, 0.3, 0, 0},
		{"ten games a level", 1700, paper, 10, 0.3, 0, 0},
		{"two levels, 100 games", 1300, []float64{1320, 1468}, 50, 0.1, 0, 0},
		{"two levels, mostly draws", 1400, []float64{1320, 1468}, 20, 0.9, 0, 0},
		{"anchors off", 1500, paper, 100, 0.3, 40, 0},
		{"scale off", 1500, paper, 100, 0.3, 0, 51},
		{"both off, few games", 1700, paper, 10, 0.3, 20, 51},
		{"both off, many games", 1400, []float64{1320, 1468}, 500, 0.1, 16, 51},
	} {
		rng := rand.New(rand.NewPCG(42, 1))
		sampling, total := 0, 0
		for range trials {
			shift := test.scaleError * rng.NormFloat64()
			var rs []Result
			for _, a := range test.anchors {
				published := a + shift + test.anchorSE*rng.NormFloat64()
				rs = append(rs, Result{Anchor{"", published, test.anchorSE}, play(rng, test.games, Expected(test.truth, a), test.share)})
			}
			e := mustEstimate(t, rs, Options{ScaleError: test.scaleError})
			if e.Sampling.Contains(test.truth) {
				sampling++
			}
			if e.Total.Contains(test.truth) {
				total++
			}
		}
		s, tot := float64(sampling)/float64(trials), float64(total)/float64(trials)
		t.Logf("%-30s total %.4f, sampling only %.4f", test.name, tot, s)
		low, high := 0.93-slack, 0.97+slack
		if tot < low || tot > high {
			t.Errorf("%s: coverage %.4f, want 93 to 97 %%", test.name, tot)
		}
		if test.scaleError > 0 && s > 0.9 {
			t.Errorf("%s: the sampling interval covers %.4f although the scale is off: the simulation does not simulate it", test.name, s)
		}
	}
}

// TestCoverageOneSided: a bound is only wrong when a result happened that has
// probability under 5%. At the truth where it is hardest the share of wrong
// bounds among all trials is just under 5%, and never above.
func TestCoverageOneSided(t *testing.T) {
	for _, n := range []int{1, 3, 10, 30, 100} {
		worst := 0.0
		for d := -800.0; d < 1600; d++ {
			p := Expected(d, 0)
			allWon := math.Pow(p, float64(n))
			e := mustEstimate(t, one(0, n, 0, 0), Options{})
			if !e.Sampling.Contains(d) {
				worst = max(worst, allWon)
			}
		}
		t.Logf("%d games: wrong bounds at the hardest truth %.4f", n, worst)
		if worst > 0.05 || worst < 0.045 {
			t.Errorf("%d games: wrong bounds in %.4f of the trials, want just under 0.05", n, worst)
		}
	}
	// Over two anchors, at a truth where everything is won rather often, with
	// published ratings off by the stated errors.
	trials := 40000
	if testing.Short() {
		trials = 10000
	}
	for _, test := range []struct {
		name     string
		truth    float64
		se, tau  float64
		anchors  []float64
		gamesPer int
	}{
		{"exact anchors, all won in just under 5 %", 1725, 0, 0, []float64{1400, 1500}, 8},
		{"anchors off by 30, scale by 51", 1750, 30, 51, []float64{1400, 1500}, 8},
		{"scale off by 51", 2000, 0, 51, []float64{1400, 1500}, 30},
	} {
		rng := rand.New(rand.NewPCG(3, 3))
		bounds, wrong := 0, 0
		for range trials {
			shift := test.tau * rng.NormFloat64()
			var rs []Result
			for _, a := range test.anchors {
				rs = append(rs, Result{Anchor{"", a + shift + test.se*rng.NormFloat64(), test.se}, play(rng, test.gamesPer, Expected(test.truth, a), 0)})
			}
			if w := Total(rs); w.Wins != w.Games() {
				continue
			}
			e := mustEstimate(t, rs, Options{ScaleError: test.tau})
			bounds++
			if !e.Total.Contains(test.truth) {
				wrong++
			}
		}
		t.Logf("%s: %d bounds in %d trials, %d wrong (%.4f of all trials)", test.name, bounds, trials, wrong, float64(wrong)/float64(trials))
		if wrong == 0 || float64(wrong)/float64(trials) > 0.05 {
			t.Errorf("%s: %d of %d trials gave a wrong bound", test.name, wrong, trials)
		}
	}
}

// TestUnbiased: the mean of many estimates is near the truth, for draw rates
// that the estimator knows nothing of.
func TestUnbiased(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	const trials = 2000
	for _, share := range []float64{0, 0.5, 0.95} {
		sum := 0.0
		for range trials {
			var rs []Result
			for _, a := range []float64{1400, 1600} {
				rs = append(rs, Result{Anchor{"", a, 0}, play(rng, 200, Expected(1550, a), share)})
			}
			sum += mustEstimate(t, rs, Options{}).Rating
		}
		if mean := sum / trials; math.Abs(mean-1550) > 2 {
			t.Errorf("draw share %v: mean estimate %.2f, truth 1550", share, mean)
		}
	}
}

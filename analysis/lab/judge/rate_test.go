package judge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"transcend/analysis/lab"
	"transcend/elo"
)

// truth is the ratings of experts, of others, and of a model.
type truth struct {
	experts []float64
	others  []float64
	// model's rating at each temperature, for each training seed.
	seeds [][]float64
}

var verdictTemperatures = []float64{0.001, 0.1, 0.5, 1}

// simulate draws the games that a cell would have played.
func (tr truth) simulate(rng *rand.Rand, games, references int) []*lab.Done {
	outcome := func(d float64) int {
		// Davidson's relation with a tenth of draws between equals.
		m := 1 / (1 + math.Pow(10, -d/400))
		draw := 0.2 * math.Sqrt(m*(1-m))
		switch u := rng.Float64(); {
		case u < m-draw/2:
			return 2
		case u < m+draw/2:
			return 1
		}
		return 0
	}
	type player struct {
		name   string
		rating float64
	}
	var cell lab.Cell
	var experts, others, all []player
	for i, r := range tr.experts {
		name := fmt.Sprintf("ply1:rho=0.5,seed=%d", i+1)
		cell.Corpus.Players = append(cell.Corpus.Players, name)
		experts = append(experts, player{name, r})
	}
	for i, r := range tr.others {
		name := fmt.Sprintf("ply2:rho=0.5,seed=%d", i+1)
		cell.Measure.League = append(cell.Measure.League, name)
		others = append(others, player{name, r})
	}
	all = append(append(all, experts...), others...)
	var shared []lab.PlayedGame
	for i := range all {
		for j := range i {
			for n := range references {
				shared = append(shared, lab.PlayedGame{A: all[i].name, B: all[j].name, Number: n, Half: outcome(all[i].rating - all[j].rating)})
			}
		}
	}
	var cells []*lab.Done
	for s, ratings := range tr.seeds {
		d := &lab.Done{Cell: cell, References: shared}
		d.Cell.Name, d.Cell.Group, d.Cell.Headline = fmt.Sprintf("a-seed%d", s+1), "a", true
		d.Cell.Seed = uint64(s + 1)
		d.Cell.Model.Layers = 1
		d.Cell.Measure.Temperatures, d.Cell.Measure.Games = verdictTemperatures, games
		for i, rating := range ratings {
			for k, opponents := range [][]player{experts, others} {
				for n := range games / 2 {
					o := opponents[n%len(opponents)]
					d.Games = append(d.Games, lab.PlayedGame{A: lab.ModelName(verdictTemperatures[i]), B: o.name, Number: n + k*games, Half: outcome(rating - o.rating)})
				}
			}
		}
		cells = append(cells, d)
	}
	return cells
}

func verdictOf(t *testing.T, cells []*lab.Done) *Verdict {
	t.Helper()
	r, err := NewReport(&Experiment{Experiment: lab.Experiment{Name: "test"}}, lab.Settings{}, cells)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Verdicts) != 1 {
		t.Fatalf("%d verdicts", len(r.Verdicts))
	}
	return &r.Verdicts[0]
}

// TestVerdicts draws results from known ratings. A model exactly as strong as the best expert
// may be called transcending at most as often as the 2.5% that its interval leaves
// above; one that is 100 points above all must be found.
func TestVerdicts(t *testing.T) {
	experts := []float64{400, 400, 400, 400}
	others := []float64{200, 400, 600, 800}
	constant := func(x float64) []float64 { return []float64{x, x, x, x} }
	rng := rand.New(rand.NewPCG(1, 2))
	type counts struct{ transcends, any, below, covered int }
	count := func(tr truth, trials int) (c counts) {
		for range trials {
			v := verdictOf(t, tr.simulate(rng, 200, 20))
			if v.Claim == Transcends {
				c.transcends++
			}
			if v.Any == Transcends {
				c.any++
			}
			if v.Claim == NotAbove {
				c.below++
			}
			// Ratings are relative to the mean of all players.
			sum, n := 0.0, 0.0
			for _, group := range [][]float64{tr.experts, tr.others} {
				for _, r := range group {
					sum, n = sum+r, n+1
				}
			}
			for _, s := range tr.seeds {
				for _, r := range s {
					sum, n = sum+r, n+1
				}
			}
			if truth := tr.seeds[0][0] - sum/n; v.Model.Interval.Low <= truth && truth <= v.Model.Interval.High {
				c.covered++
			}
		}
		return c
	}
	const trials = 60
	// The true chance of a false claim is far below 2.5%: 6 of 60 would have one of 0.1% if
	// it were 2.5%.
	for _, seeds := range []int{1, 3} {
		tr := truth{experts: experts, others: others}
		for range seeds {
			tr.seeds = append(tr.seeds, constant(400))
		}
		c := count(tr, trials)
		if c.transcends > 3 || c.any > 3 {
			t.Errorf("%d seeds as strong as the experts: of %d trials %d claimed transcendence, %d at any temperature", seeds, trials, c.transcends, c.any)
		}
		if c.covered < trials*85/100 {
			t.Errorf("%d seeds: the interval held the truth in %d of %d trials", seeds, c.covered, trials)
		}
		for i := range tr.seeds {
			tr.seeds[i] = constant(600)
		}
		if c := count(tr, trials/3); c.transcends < trials/3*9/10 || c.any < trials/3*9/10 {
			t.Errorf("%d seeds 200 above the experts: of %d trials %d found it, %d at any temperature", seeds, trials/3, c.transcends, c.any)
		}
		for i := range tr.seeds {
			tr.seeds[i] = constant(200)
		}
		if c := count(tr, trials/3); c.transcends > 0 || c.below < trials/3*9/10 {
			t.Errorf("%d seeds 200 below: of %d trials %d claimed transcendence, %d said below", seeds, trials/3, c.transcends, c.below)
		}
	}
	// Only the headline temperature counts for the headline claim.
	tr := truth{experts: experts, others: others, seeds: [][]float64{{400, 700, 400, 400}}}
	c := count(tr, 10)
	if c.transcends > 1 || c.any < 10 {
		t.Errorf("a model that is stronger at another temperature: %d headline claims, %d at any temperature", c.transcends, c.any)
	}
	// Seeds of which one is lucky are not transcendence.
	tr.seeds = [][]float64{constant(650), constant(380), constant(390)}
	if c := count(tr, 10); c.transcends > 0 {
		t.Errorf("one seed of three is above the experts: %d claims in 10", c.transcends)
	}
	// A single strong expert among weak ones is the one to surpass.
	tr = truth{experts: []float64{300, 300, 300, 600}, others: others, seeds: [][]float64{constant(500)}}
	if c := count(tr, 10); c.transcends > 0 {
		t.Errorf("a model above all experts but one: %d claims in 10", c.transcends)
	}
}

func TestCompare(t *testing.T) {
	expert := func(low, high float64) Estimate { return Estimate{Interval: elo.Interval{Low: low, High: high}} }
	experts := []Estimate{expert(380, 420), expert(390, 430)}
	for _, tt := range []struct {
		low, high float64
		want      Claim
	}{
		{431, 500, Transcends},
		{430, 500, NotShown},
		{100, 389, NotAbove},
		{100, 390, NotShown},
		{500, math.Inf(1), Transcends},
		{math.Inf(-1), 300, NotAbove},
		{math.NaN(), 300, NotMeasurable},
	} {
		if got := Compare(elo.Interval{Low: tt.low, High: tt.high}, experts); got != tt.want {
			t.Errorf("[%v, %v]: %s, want %s", tt.low, tt.high, got, tt.want)
		}
	}
	if got := Compare(elo.Interval{Low: 1, High: 2}, nil); got != NotMeasurable {
		t.Errorf("without experts: %s", got)
	}
}

// TestMasked: games among the legal moves only, under the name that the lab plays them by, are rated
// beside the verdict and are no part of it.
func TestMasked(t *testing.T) {
	cells := truth{experts: []float64{0, 10}, others: []float64{-100, 100}, seeds: [][]float64{{50, 40, 0, -50}}}.simulate(rand.New(rand.NewPCG(1, 2)), 200, 20)
	before := *verdictOf(t, cells)
	d := cells[0]
	d.Cell.Measure.Masked = true
	names := d.Cell.Measure.ModelNames()
	for _, g := range d.Games {
		if g.A == names[0] {
			g.A, g.Half = names[len(names)-1], 2
			if g.Number%20 == 0 {
				g.Half = 0
			}
			d.Games = append(d.Games, g)
		}
	}
	v := verdictOf(t, cells)
	if before.Masked != nil || v.Masked == nil || v.Masked.Rating < v.Model.Rating+100 || v.MaskedClaim != Transcends {
		t.Errorf("19 of 20 games won among legal moves: %+v (%s), the model at %v", v.Masked, v.MaskedClaim, v.Model)
	}
	if v.Claim != before.Claim || v.Head != before.Head {
		t.Errorf("the verdict became %s (%+v), it was %s (%+v)", v.Claim, v.Head, before.Claim, before.Head)
	}
}

// TestOver checks the interval over seeds by simulation.
func TestOver(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const trials = 4000
	covered := 0
	for range trials {
		var seeds []Estimate
		for range 3 {
			truth := 500 + 40*rng.NormFloat64()
			seeds = append(seeds, Estimate{Rating: truth + 15*rng.NormFloat64(), StandardError: 15})
		}
		if e := over(seeds); e.Interval.Low <= 500 && 500 <= e.Interval.High {
			covered++
		}
	}
	if covered < trials*94/100 || covered > trials*97/100 {
		t.Errorf("the interval over three seeds held the truth in %d of %d trials, want 95%%", covered, trials)
	}
	same := Estimate{Rating: 500, StandardError: 15}
	if e := over([]Estimate{same, same, same}); e.StandardError < 15/math.Sqrt(3)-1e-9 {
		t.Errorf("seeds that agree by chance: standard error %v, below that of their games", e.StandardError)
	}
}

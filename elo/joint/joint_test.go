package joint

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"slices"
	"testing"
	"time"

	"transcend/elo"
)

// versus is n games each way between two players with the given results for
// the first, colors alternating.
func versus(a, b int, r elo.Record) []Game {
	var games []Game
	add := func(o elo.Outcome, n int) {
		for range n {
			if len(games)%2 == 0 {
				games = append(games, Game{White: a, Black: b, Outcome: o})
			} else {
				games = append(games, Game{White: b, Black: a, Outcome: elo.Win - o})
			}
		}
	}
	add(elo.Win, r.Wins)
	add(elo.Draw, r.Draws)
	add(elo.Loss, r.Losses)
	return games
}

func named(n int) []Player {
	players := make([]Player, n)
	for i := range players {
		players[i].Name = fmt.Sprintf("P%d", i)
	}
	return players
}

func mustRate(t testing.TB, players []Player, games []Game, opt Options) *Fit {
	t.Helper()
	f, err := Rate(players, games, opt)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// differenceProfile is the profile-likelihood interval of the difference of
// players i and j, a contrast of two ratings.
func differenceProfile(f *Fit, i, j int) (elo.Interval, error) {
	d, err := f.Difference(i, j)
	if err != nil {
		return elo.Interval{}, err
	}
	p := &f.Pools[f.Ratings[i].Pool]
	contrast := make([]float64, p.core.size())
	if v := p.core.variable[p.core.index[i]]; v >= 0 {
		contrast[v]++
	}
	if v := p.core.variable[p.core.index[j]]; v >= 0 {
		contrast[v]--
	}
	iv, ok := p.profile(contrast, d.Value.Value, f.z)
	if !ok {
		return d.Interval, nil
	}
	return iv, nil
}

// TestTwoPlayers: with one opponent the model is saturated, so the difference
// and its error are the closed forms of fastchess, and the draw rate and all
// else follow.
func TestTwoPlayers(t *testing.T) {
	for _, r := range []elo.Record{{Wins: 12, Draws: 3, Losses: 5}, {Wins: 136, Draws: 111, Losses: 96}, {Wins: 34, Losses: 356}, {Wins: 500, Draws: 9000, Losses: 500}} {
		f := mustRate(t, named(2), versus(0, 1, r), Options{NoAdvantage: true})
		d, err := f.Difference(0, 1)
		if err != nil {
			t.Fatal(err)
		}
		c, _ := r.Compare(0)
		se := math.Sqrt((c.Score*(1-c.Score) - float64(r.Draws)/float64(r.Games())/4) / float64(r.Games()))
		want := pointsPerNat * se / (c.Score * (1 - c.Score))
		profile, err := differenceProfile(f, 0, 1)
		t.Logf("%v: %+v, draw rate %+v, profile %v, elo.Compare %v", r, d.Value, f.Pools[0].DrawRate, profile, c.Interval)
		if math.Abs(d.Value.Value-c.Elo) > 1e-4 || math.Abs(d.StandardError-want) > 1e-3*want || math.Abs(f.Ratings[0].Rating+f.Ratings[1].Rating) > 1e-9 {
			t.Errorf("%v: %+v, want %v ± %v", r, d, c.Elo, want)
		}
		if err != nil || math.Abs(profile.Low-c.Interval.Low) > 0.03*(c.Interval.High-c.Interval.Low) {
			t.Errorf("%v: profile %v, elo has %v, %v", r, profile, c.Interval, err)
		}
	}
}

// TestAgainstEstimateRating: one player against fixed anchors and without draws
// is the likelihood of elo.EstimateRating.
func TestAgainstEstimateRating(t *testing.T) {
	players := []Player{{Name: "model"}, {"level 1", &elo.Anchor{Rating: 1554}}, {"level 3", &elo.Anchor{Rating: 1867}}, {"level 5", &elo.Anchor{Rating: 2148}}}
	records := []elo.Record{{Wins: 40, Losses: 60}, {Wins: 9, Losses: 91}, {Wins: 3, Losses: 97}}
	var games []Game
	var results []elo.Result
	for i, r := range records {
		games = append(games, versus(0, i+1, r)...)
		results = append(results, elo.Result{Anchor: *players[i+1].Anchor, Record: r})
	}
	f := mustRate(t, players, games, Options{NoAdvantage: true})
	e, _ := elo.EstimateRating(results, elo.Options{})
	got := f.Ratings[0]
	t.Logf("%+v; EstimateRating %v", got, e)
	if math.Abs(got.Rating-e.Rating) > 1e-4 || math.Abs(got.StandardError-e.SamplingError) > 1e-3 ||
		math.Abs(got.Interval.Low-e.Sampling.Low) > 0.01 || math.Abs(got.Interval.High-e.Sampling.High) > 0.01 || !got.Profile {
		t.Errorf("%+v, EstimateRating %+v", got, e)
	}
	if f.Ratings[1].Rating != 1554 || f.Ratings[1].StandardError != 0 || !f.Pools[0].Anchored {
		t.Errorf("the anchor moved: %+v", f.Ratings[1])
	}
	// With uncertain anchors the error grows as EstimateRating has it, to the
	// order in which the games move the anchors too.
	for i := 1; i < 4; i++ {
		players[i].Anchor.StandardError = 10
		results[i-1].Anchor.StandardError = 10
	}
	f = mustRate(t, players, games, Options{NoAdvantage: true})
	e, _ = elo.EstimateRating(results, elo.Options{})
	if want := math.Hypot(e.SamplingError, e.AnchorError); math.Abs(f.Ratings[0].StandardError-want) > 0.02*want {
		t.Errorf("with uncertain anchors %v, EstimateRating %v", f.Ratings[0].StandardError, want)
	}
}

// tournament draws games of a round robin from the model itself.
func tournament(rng *rand.Rand, truth []float64, advantage, nu float64, rounds int) []Game {
	var games []Game
	for i := range truth {
		for j := range i {
			for range rounds {
				pair := len(games) + 1
				games = append(games,
					Game{i, j, outcome(rng, truth[i]-truth[j]+advantage, nu), pair},
					Game{j, i, outcome(rng, truth[j]-truth[i]+advantage, nu), pair})
			}
		}
	}
	return games
}

func outcome(rng *rand.Rand, d, nu float64) elo.Outcome {
	m, _, pDraw, _ := moments(d, nu)
	switch u := rng.Float64(); {
	case u < m-pDraw/2:
		return elo.Win
	case u < m+pDraw/2:
		return elo.Draw
	}
	return elo.Loss
}

// TestDerivatives compares the gradient with finite differences of the
// likelihood, and the information with the mean of squared gradients.
func TestDerivatives(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	players := named(5)
	players[1].Anchor = &elo.Anchor{Rating: 100, StandardError: 30}
	players[2].Anchor = &elo.Anchor{Rating: -50}
	games := tournament(rng, []float64{0, 100, -50, 250, -200}, 40, 1.3, 5)
	c := newCore(players, []int{0, 1, 2, 3, 4}, Options{})
	edges, _ := aggregate(games, c.index, Davidson)
	c.setEdges(edges)
	for i := range c.at.r {
		c.at.r[i] += 80 * rng.NormFloat64()
	}
	c.at.h, c.at.logNu = -70, 0.7
	c.at.r[2] = -50
	n := c.size()
	gradient := make([]float64, n)
	byNu, _ := c.derivatives(c.at, gradient, nil)
	const step = 1e-3
	difference := func(move func(p *point, by float64)) float64 {
		up, down := c.at.clone(), c.at.clone()
		move(&up, step)
		move(&down, -step)
		return (c.logLikelihood(up) - c.logLikelihood(down)) / (2 * step)
	}
	check := func(name string, got, want float64) {
		if math.Abs(got-want) > 1e-6*max(1, math.Abs(want)) {
			t.Errorf("%s: %v, finite difference %v", name, got, want)
		}
	}
	for i, v := range c.variable {
		if v >= 0 {
			check(players[i].Name, gradient[v], difference(func(p *point, by float64) { p.r[i] += by }))
		}
	}
	check("advantage", gradient[c.hIndex()], difference(func(p *point, by float64) { p.h += by }))
	check("log nu", byNu, difference(func(p *point, by float64) { p.logNu += by }))
	// The probabilities sum to 1, keep the mean, and obey Davidson's relation.
	for _, d := range []float64{0, 1, -300, 900, -4000} {
		for _, nu := range []float64{1e-6, 0.5, 2, 2.0000001, 300} {
			m, q, x, v := moments(d, nu)
			lw, lx, ll := logs(m, q, x, nu)
			w, l := math.Exp(lw), math.Exp(ll)
			if math.Abs(w+x+l-1) > 1e-12 || math.Abs(w+x/2-m) > 1e-12 || math.Abs(2*lx-2*math.Log(nu)-lw-ll) > 1e-9 || math.Abs(v-(w+x/4-m*m)) > 1e-12 {
				t.Errorf("d %v, nu %v: %v %v %v, m %v, var %v", d, nu, w, x, l, m, v)
			}
		}
	}
}

// TestRecovers: from many games the truth comes back, advantage and draw rate
// included, and in the bootstrap and profile intervals too.
func TestRecovers(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	truth := []float64{-300, -100, 0, 150, 250}
	f := mustRate(t, named(5), tournament(rng, truth, 35, 1.5, 1000), Options{Bootstrap: 150, Seed: 1})
	for i, r := range f.Ratings {
		t.Logf("%+v %v", r, *r.Bootstrap)
		if math.Abs(r.Rating-truth[i]) > 4*r.StandardError || r.StandardError > 5 || !r.Profile ||
			math.Abs(r.Interval.High-r.Rating-1.96*r.StandardError) > 0.25 || math.Abs((r.Bootstrap.High-r.Bootstrap.Low)/(r.Interval.High-r.Interval.Low)-1) > 0.4 {
			t.Errorf("truth %v: %+v", truth[i], r)
		}
	}
	p := f.Pools[0]
	if math.Abs(p.Advantage.Value-35) > 4*p.Advantage.StandardError || math.Abs(p.DrawRate.Value-1.5/3.5) > 4*p.DrawRate.StandardError || p.DrawRate.StandardError > 0.01 {
		t.Errorf("%+v", p)
	}
	d, err := f.Difference(4, 0)
	if err != nil || math.Abs(d.Value.Value-550) > 4*d.StandardError || d.LOS < 0.9999 || d.Bootstrap == nil || !d.Bootstrap.Contains(d.Value.Value) {
		t.Errorf("%+v %v", d, err)
	}
}

// TestSides: what has no finite rating gets a bound or is said to be apart.
func TestSides(t *testing.T) {
	players := named(8)
	games := versus(0, 1, elo.Record{Wins: 6, Draws: 2, Losses: 4}) // the core
	games = append(games, versus(2, 0, elo.Record{Wins: 8})...)     // won all
	games = append(games, versus(3, 2, elo.Record{Wins: 8})...)     // beat the one above
	games = append(games, versus(4, 1, elo.Record{Losses: 5})...)   // lost all
	games = append(games, versus(5, 2, elo.Record{Losses: 3})...)   // lost to one above: not comparable
	games = append(games, versus(6, 7, elo.Record{Draws: 1})...)    // another pool
	f := mustRate(t, players, games, Options{NoAdvantage: true})
	var sides []Side
	for _, r := range f.Ratings {
		sides = append(sides, r.Side)
	}
	want := []Side{elo.TwoSided, elo.TwoSided, elo.Above, elo.Above, elo.Below, Unknown, elo.TwoSided, elo.TwoSided}
	if !reflect.DeepEqual(sides, want) || len(f.Pools) != 2 || f.Pools[0].Core != 2 || f.Ratings[6].Pool != 1 {
		t.Errorf("%v, pools %+v", sides, f.Pools)
	}
	r0 := f.Ratings[0]
	e, _ := elo.EstimateRating([]elo.Result{{Anchor: elo.Anchor{Rating: r0.Rating, StandardError: r0.StandardError}, Record: elo.Record{Wins: 8}}}, elo.Options{})
	if f.Ratings[2].Interval != e.Total || !math.IsInf(f.Ratings[3].Interval.Low, -1) || math.IsInf(f.Ratings[4].Interval.High, 0) || math.IsInf(e.Total.Low, 0) {
		t.Errorf("%+v, want %+v", f.Ratings, e.Total)
	}
	for _, pair := range [][2]int{{0, 2}, {2, 3}, {0, 6}} {
		if _, err := f.Difference(pair[0], pair[1]); !errors.Is(err, ErrNotComparable) {
			t.Errorf("%v: %v", pair, err)
		}
	}
	// Anchors tie what games do not.
	players[0].Anchor, players[6].Anchor = &elo.Anchor{Rating: 1500}, &elo.Anchor{Rating: 2000}
	f = mustRate(t, players, games, Options{})
	if d, err := f.Difference(7, 1); len(f.Pools) != 1 || err != nil || d.Value.Value < 400 {
		t.Errorf("%+v %v", d, err)
	}
	// Only one game, won: nobody has a rating, both have a bound or none.
	f = mustRate(t, named(2), []Game{{0, 1, elo.Win, 0}}, Options{})
	t.Logf("%+v", f.Ratings)
	if f.Pools[0].Core != 1 {
		t.Errorf("%+v", f)
	}
}

// TestComponents compares with reachability in both directions.
func TestComponents(t *testing.T) {
	rng := rand.New(rand.NewPCG(61, 62))
	for range 300 {
		n := 1 + rng.IntN(12)
		edges := make([][]int, n)
		for range rng.IntN(2*n + 1) {
			i := rng.IntN(n)
			edges[i] = append(edges[i], rng.IntN(n))
		}
		component := components(edges)
		for i := range n {
			from := reach([]int{i}, edges)
			for j := range n {
				if same := from[j] && reach([]int{j}, edges)[i]; same != (component[i] == component[j]) {
					t.Fatalf("%v: %v, but %d and %d: %v", edges, component, i, j, same)
				}
			}
		}
	}
}

// TestCompare: in a table, ratings are in order, and who took points from another that took none
// back, not even through others, stands above it, however low its bound.
func TestCompare(t *testing.T) {
	rng := rand.New(rand.NewPCG(63, 64))
	bounds := 0
	for range 300 {
		n := 2 + rng.IntN(8)
		var games []Game
		took := make([][]int, n)
		for range 1 + rng.IntN(3*n) {
			i, j, o := rng.IntN(n), rng.IntN(n), elo.Outcome(rng.IntN(3))
			if i == j {
				continue
			}
			games = append(games, Game{i, j, o, 0})
			if o != elo.Loss {
				took[i] = append(took[i], j)
			}
			if o != elo.Win {
				took[j] = append(took[j], i)
			}
		}
		if len(games) == 0 {
			continue
		}
		f := mustRate(t, named(n), games, Options{})
		for i, a := range f.Ratings {
			for j, b := range f.Ratings {
				c := a.Compare(b)
				if c != -b.Compare(a) || i == j && c != 0 {
					t.Fatalf("%v: %+v and %+v: %d", games, a, b, c)
				}
				switch {
				case a.Side == elo.TwoSided && b.Side == elo.TwoSided && a.Pool == b.Pool:
					if c != cmp.Compare(a.Rating, b.Rating) {
						t.Fatalf("%v: %+v and %+v: %d", games, a, b, c)
					}
				case a.Side == Unknown || b.Side == Unknown:
					if a.Side != Unknown && len(took[i]) > 0 && c <= 0 {
						t.Fatalf("%v: %+v is not above %+v", games, a, b)
					}
				case slices.Contains(took[i], j) && !reach([]int{j}, took)[i]:
					bounds++
					if c <= 0 {
						t.Fatalf("%v: %+v is not above %+v", games, a, b)
					}
				}
			}
		}
	}
	if bounds < 100 {
		t.Errorf("%d players above another", bounds)
	}
}

// TestPairsTogether: pairs that all end 1-1 say without error that the players are
// equal, as long as their games stay together.
func TestPairsTogether(t *testing.T) {
	var games []Game
	for i := range 40 {
		// White wins in half of the pairs, Black in the others.
		o := elo.Outcome(2 * (i % 2))
		games = append(games, Game{0, 1, o, i + 1}, Game{1, 0, o, i + 1})
	}
	f := mustRate(t, named(2), games, Options{Bootstrap: 50})
	if b := f.Ratings[0].Bootstrap; b == nil || math.Abs(b.Low) > 1e-3 || math.Abs(b.High) > 1e-3 {
		t.Errorf("pairs: %v", b)
	}
	for i := range games {
		games[i].Pair = 0
	}
	f = mustRate(t, named(2), games, Options{Bootstrap: 50})
	if b := f.Ratings[0].Bootstrap; b == nil || b.High-b.Low < 20 {
		t.Errorf("single games: %v", b)
	}
}

// TestBoundByColor: to win with Black says more where White has the advantage.
func TestBoundByColor(t *testing.T) {
	var games []Game
	for i := range 100 {
		o := []elo.Outcome{elo.Win, elo.Win, elo.Loss, elo.Draw}[i%4]
		games = append(games, Game{0, 1, o, 0}, Game{1, 0, o, 0})
	}
	for range 5 {
		games = append(games, Game{2, 0, elo.Win, 0}, Game{0, 3, elo.Loss, 0})
	}
	f := mustRate(t, named(4), games, Options{})
	h := f.Pools[0].Advantage.Value
	if d := f.Ratings[3].Interval.Low - f.Ratings[2].Interval.Low; h < 50 || math.Abs(d-2*h) > 1e-3 {
		t.Errorf("bounds %v and %v, advantage %v", f.Ratings[2].Interval, f.Ratings[3].Interval, h)
	}
}

// TestAdvantageUnknown: what the games cannot tell is not invented.
func TestAdvantageUnknown(t *testing.T) {
	var games []Game
	for i := range 20 {
		games = append(games, Game{0, 1, elo.Outcome(i % 3), 0})
	}
	f := mustRate(t, named(2), games, Options{})
	if p := f.Pools[0]; p.AdvantageFitted || len(p.Warnings) != 1 || p.Warnings[0].Code != WarnAdvantage {
		t.Errorf("same colors: %+v", p)
	}
	games = nil
	for i := range 20 {
		games = append(games, Game{i % 2, 1 - i%2, elo.Win, 0})
	}
	f = mustRate(t, named(2), games, Options{})
	if p := f.Pools[0]; p.AdvantageFitted || len(p.Warnings) != 1 || math.Abs(f.Ratings[0].Rating) > 1e-6 {
		t.Errorf("White won all: %+v", p)
	}
	f = mustRate(t, named(2), versus(0, 1, elo.Record{Draws: 40}), Options{})
	t.Logf("%+v %+v", f.Ratings[0], f.Pools[0])
	if r := f.Ratings[0]; r.Rating != 0 || !(r.Interval.High > 0.5 && r.Interval.High < 20) || !f.Pools[0].AdvantageFitted {
		t.Errorf("only draws: %+v", r)
	}
}

// TestDrawsOfEveryModel: each says what a draw is, half of the points of a game to each
// side, and one that there is not counts nothing in silence.
func TestDrawsOfEveryModel(t *testing.T) {
	for _, m := range Models() {
		var e edge
		e.add(elo.Draw, 2, m)
		if e.win+e.draw/2 != 1 || e.loss+e.draw/2 != 1 {
			t.Errorf("%s counts two draws as %+v", m, e)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("draws of a model that there is not were counted")
		}
	}()
	new(edge).add(elo.Draw, 1, "bradley-terry")
}

func TestErrors(t *testing.T) {
	one := []Game{{0, 1, elo.Draw, 0}}
	bad := named(2)
	bad[0].Anchor = &elo.Anchor{Rating: math.NaN()}
	for name, f := range map[string]func() (*Fit, error){
		"no games":       func() (*Fit, error) { return Rate(named(2), nil, Options{}) },
		"no players":     func() (*Fit, error) { return Rate(nil, one, Options{}) },
		"against itself": func() (*Fit, error) { return Rate(named(2), []Game{{1, 1, elo.Draw, 0}}, Options{}) },
		"outcome":        func() (*Fit, error) { return Rate(named(2), []Game{{0, 1, 7, 0}}, Options{}) },
		"negative":       func() (*Fit, error) { return Rate(named(2), []Game{{-1, 1, 1, 0}}, Options{}) },
		"anchor":         func() (*Fit, error) { return Rate(bad, one, Options{}) },
		"confidence":     func() (*Fit, error) { return Rate(named(2), one, Options{Confidence: 1}) },
		"model":          func() (*Fit, error) { return Rate(named(2), one, Options{Model: "elo"}) },
		"bootstrap":      func() (*Fit, error) { return Rate(named(2), one, Options{Bootstrap: 1}) },
		"center":         func() (*Fit, error) { return Rate(named(2), one, Options{Center: math.Inf(1)}) },
	} {
		if fit, err := f(); err == nil {
			t.Errorf("%s: %+v", name, fit)
		}
	}
}

// TestAgainstPython compares both models with an independent implementation
// (testdata/tournament.py): Davidson's with its errors, and Ordo's condition that
// everybody's expected points are those obtained.
func TestAgainstPython(t *testing.T) {
	data, err := os.ReadFile("testdata/tournament.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Games           [][5]int
		Ratings, Errors []float64
		Advantage       float64
		AdvantageError  float64 `json:"advantage_error"`
		DrawRate        float64 `json:"draw_rate"`
		Difference06    float64 `json:"difference_error_0_6"`
		LogLikelihood   float64 `json:"log_likelihood"`
		Ordo            []float64
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	var games []Game
	for _, g := range want.Games {
		for o, n := range []int{g[4], g[3], g[2]} {
			for range n {
				games = append(games, Game{g[0], g[1], elo.Outcome(o), 0})
			}
		}
	}
	near := func(name string, got, want, tolerance float64) {
		t.Helper()
		if math.Abs(got-want) > tolerance {
			t.Errorf("%s: %v, Python %v", name, got, want)
		}
	}
	f := mustRate(t, named(len(want.Ratings)), games, Options{})
	for i, r := range f.Ratings {
		near(r.Name, r.Rating, want.Ratings[i], 1e-3)
		near(r.Name+" error", r.StandardError, want.Errors[i], 1e-3)
	}
	p := f.Pools[0]
	near("advantage", p.Advantage.Value, want.Advantage, 1e-3)
	near("advantage error", p.Advantage.StandardError, want.AdvantageError, 1e-3)
	near("draw rate", p.DrawRate.Value, want.DrawRate, 1e-6)
	near("likelihood", p.LogLikelihood, want.LogLikelihood, 1e-5)
	d, err := f.Difference(0, 6)
	if err != nil {
		t.Fatal(err)
	}
	near("difference", d.StandardError, want.Difference06, 1e-3)
	f = mustRate(t, named(len(want.Ordo)), games, Options{Model: Points, NoAdvantage: true})
	for i, r := range f.Ratings {
		near(r.Name+" by points", r.Rating, want.Ordo[i], 1e-3)
	}
}

// TestOddTournaments: whatever the games are, there is an answer without an error,
// a NaN or an interval that leaves out its rating.
func TestOddTournaments(t *testing.T) {
	rng := rand.New(rand.NewPCG(71, 72))
	for trial := range 600 {
		n := 2 + rng.IntN(6)
		players := named(n)
		for i := range players {
			if rng.IntN(4) == 0 {
				players[i].Anchor = &elo.Anchor{Rating: 2000 * rng.NormFloat64() / 2, StandardError: float64(rng.IntN(3)) * 30}
			}
		}
		var games []Game
		kinds := [][]elo.Outcome{{0, 1, 2}, {0, 2}, {1}, {2}, {1, 2}, {0, 1, 1, 1, 1, 1, 1, 1, 1}}[rng.IntN(6)]
		for range 1 + rng.IntN(30) {
			w := rng.IntN(n)
			games = append(games, Game{w, (w + 1 + rng.IntN(n-1)) % n, kinds[rng.IntN(len(kinds))], rng.IntN(10)})
		}
		f, err := Rate(players, games, Options{Bootstrap: 10, Seed: uint64(trial), Center: 1000, Model: Models()[trial%len(Models())]})
		if err != nil {
			t.Fatalf("trial %d: %v: %v", trial, games, err)
		}
		for i, r := range f.Ratings {
			if r.Record.Games() == 0 {
				continue
			}
			if math.IsNaN(r.Rating) || math.IsInf(r.Rating, 0) || math.IsNaN(r.StandardError) || math.IsInf(r.StandardError, 0) ||
				math.IsNaN(r.Interval.Low) || math.IsNaN(r.Interval.High) || r.Side == elo.TwoSided && !r.Interval.Contains(r.Rating) {
				t.Fatalf("trial %d: %v: player %d %+v", trial, games, i, r)
			}
		}
		if _, err := json.Marshal(f); err != nil {
			t.Fatalf("trial %d: %v", trial, err)
		}
	}
}

// TestDeterministic: the same numbers for any number of cores and any order of
// the games, bootstrap included.
func TestDeterministic(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	games := tournament(rng, []float64{0, 50, 100, -100, 30, 10}, 20, 1, 4)
	opt := Options{Bootstrap: 40, Seed: 9}
	a := mustRate(t, named(6), games, opt)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	b := mustRate(t, named(6), games, opt)
	if !reflect.DeepEqual(a.Ratings, b.Ratings) {
		t.Errorf("%+v\n%+v", a.Ratings, b.Ratings)
	}
	c := mustRate(t, named(6), games, Options{Bootstrap: 40, Seed: 10})
	if reflect.DeepEqual(a.Ratings[0].Bootstrap, c.Ratings[0].Bootstrap) {
		t.Error("the seed does not decide")
	}
}

// large is a tournament with many players in which everybody meets a few.
func large(players, games int) []Game {
	rng := rand.New(rand.NewPCG(7, 8))
	truth := make([]float64, players)
	for i := range truth {
		truth[i] = 300 * rng.NormFloat64()
	}
	gs := make([]Game, games)
	for n := range gs {
		i := rng.IntN(players)
		j := (i + 1 + rng.IntN(players-1)) % players
		gs[n] = Game{i, j, outcome(rng, truth[i]-truth[j]+30, 1), 0}
	}
	return gs
}

func TestLarge(t *testing.T) {
	start := time.Now()
	f := mustRate(t, named(300), large(300, 20000), Options{Bootstrap: 20})
	t.Logf("300 players, 20,000 games, 20 resamplings: %v, %d iterations, core %d", time.Since(start), f.Pools[0].Iterations, f.Pools[0].Core)
}

// BenchmarkRate is the promise of the documentation: 1,000 players and 100,000
// games in seconds.
func BenchmarkRate(b *testing.B) {
	games := large(1000, 100000)
	for _, resamplings := range []int{0, 100} {
		b.Run(fmt.Sprintf("bootstrap=%d", resamplings), func(b *testing.B) {
			for b.Loop() {
				mustRate(b, named(1000), games, Options{Bootstrap: resamplings})
			}
		})
	}
}

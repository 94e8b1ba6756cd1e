package elo

import (
	"math"
	"strings"
	"testing"
)

// TestGlickmanExample reproduces the worked example of Glickman's paper, which
// prints 1464.06, 151.52 and 0.05999. The paper computes by hand with four
// digits: mu' = 0.8722^2 * (-0.272) = -0.2069 gives its 1464.06, where exact
// arithmetic gives 1464.0507; and its volatility is 0.0599960 cut off.
func TestGlickmanExample(t *testing.T) {
	got, err := Glicko2Config{Tau: 0.5}.Update(Glicko2{1500, 200, 0.06}, []Glicko2Game{
		{1400, 30, Win}, {1550, 100, Loss}, {1700, 300, Loss},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.4f %.4f %.7f", got.Rating, got.RD, got.Volatility)
	if math.Abs(got.Rating-1464.06) > 0.01 {
		t.Errorf("rating %.4f, the paper has 1464.06", got.Rating)
	}
	if math.Abs(got.RD-151.52) > 0.005 {
		t.Errorf("RD %.4f, the paper has 151.52", got.RD)
	}
	if math.Floor(got.Volatility*1e5) != 5999 {
		t.Errorf("volatility %.7f, the paper has 0.05999", got.Volatility)
	}
	// With the paper's rounded intermediate values the published rating follows.
	sum := math.Round(1e3*(0.9955*(1-0.639)+0.9531*(0-0.432)+0.7242*(0-0.303))) / 1e3
	mu := math.Round(1e4*0.8722*0.8722*sum) / 1e4
	if r := math.Round(100*(1500+173.7178*mu)) / 100; r != 1464.06 {
		t.Errorf("the paper's own steps give %v", r)
	}
}

func TestGlicko2EmptyPeriod(t *testing.T) {
	got, err := Glicko2Config{}.Update(Glicko2{1700, 50, 0.06}, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Step 6 of the paper: sqrt(phi^2 + sigma^2) in natural units.
	want := math.Hypot(50, 0.06*173.7178)
	if got.Rating != 1700 || got.Volatility != 0.06 || math.Abs(got.RD-want) > 1e-9 {
		t.Errorf("got %+v, want RD %v and the rest as it was", got, want)
	}
}

// TestGlicko2Period checks that a period is not a sequence of games: its games
// are all compared with the rating before it, in any order.
func TestGlicko2Period(t *testing.T) {
	p := Glicko2{1500, 200, 0.06}
	a := []Glicko2Game{{1400, 30, Win}, {1550, 100, Loss}, {1700, 300, Draw}}
	b := []Glicko2Game{a[2], a[0], a[1]}
	ra, _ := Glicko2Config{}.Update(p, a)
	rb, _ := Glicko2Config{}.Update(p, b)
	if math.Abs(ra.Rating-rb.Rating) > 1e-9 || math.Abs(ra.RD-rb.RD) > 1e-9 {
		t.Errorf("order inside a period matters: %+v, %+v", ra, rb)
	}
	// Drawing with an equal changes nothing but the deviation.
	r, _ := Glicko2Config{}.Update(p, []Glicko2Game{{1500, 0, Draw}})
	if r.Rating != 1500 || r.RD >= 200 {
		t.Errorf("a draw with an equal gave %+v", r)
	}
}

func TestGlicko2RejectsNonsense(t *testing.T) {
	ok := Glicko2{1500, 200, 0.06}
	game := []Glicko2Game{{1500, 0, Win}}
	for name, f := range map[string]func() (Glicko2, error){
		"NaN rating":      func() (Glicko2, error) { return Glicko2Config{}.Update(Glicko2{math.NaN(), 200, 0.06}, game) },
		"zero RD":         func() (Glicko2, error) { return Glicko2Config{}.Update(Glicko2{1500, 0, 0.06}, game) },
		"no volatility":   func() (Glicko2, error) { return Glicko2Config{}.Update(Glicko2{1500, 200, 0}, game) },
		"infinite rival":  func() (Glicko2, error) { return Glicko2Config{}.Update(ok, []Glicko2Game{{math.Inf(1), 0, Win}}) },
		"negative RD":     func() (Glicko2, error) { return Glicko2Config{}.Update(ok, []Glicko2Game{{1500, -1, Win}}) },
		"unknown outcome": func() (Glicko2, error) { return Glicko2Config{}.Update(ok, []Glicko2Game{{1500, 0, 3}}) },
		"negative tau":    func() (Glicko2, error) { return Glicko2Config{Tau: -1}.Update(ok, game) },
		"paper, NaN":      func() (Glicko2, error) { return PaperGlicko2([]PaperGame{{math.NaN(), Win}}) },
		"paper, no games": func() (Glicko2, error) { return PaperGlicko2(nil) },
		"paper, outcome":  func() (Glicko2, error) { return PaperGlicko2([]PaperGame{{1500, 7}}) },
	} {
		if _, err := f(); err == nil || !strings.HasPrefix(err.Error(), "elo: ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := PaperGlicko2Spread([]PaperGame{{1500, Win}}, 0, 1); err == nil {
		t.Error("spread over no orders accepted")
	}
	if _, err := PaperGlicko2Spread(nil, 5, 1); err == nil {
		t.Error("spread over no games accepted")
	}
}

func repeat(outcomes []Outcome, n int) []PaperGame {
	var games []PaperGame
	for range n {
		for _, o := range outcomes {
			games = append(games, PaperGame{1554, o})
		}
	}
	return games
}

// TestPaperGlicko2 compares with numbers obtained from the paper's published
// code: 50 wins and 50 losses against level 1 in three orders.
func TestPaperGlicko2(t *testing.T) {
	for _, test := range []struct {
		name  string
		games []PaperGame
		want  float64
	}{
		{"wins first", append(repeat([]Outcome{Win}, 50), repeat([]Outcome{Loss}, 50)...), 1243},
		{"losses first", append(repeat([]Outcome{Loss}, 50), repeat([]Outcome{Win}, 50)...), 1872},
		{"alternating, loss first", repeat([]Outcome{Loss, Win}, 50), 1559},
	} {
		got, err := PaperGlicko2(test.games)
		if err != nil {
			t.Fatal(err)
		}
		if math.Round(got.Rating) != test.want {
			t.Errorf("%s: %.2f, the paper's code gives %v", test.name, got.Rating, test.want)
		}
	}
}

// TestPaperGlicko2Floor: the comment in the paper's code says that the RD
// cannot fall below 59.73. That is the fixed point against an equal opponent at
// the initial volatility, 1/phi^2 = 1/(phi^2+sigma^2) + 1/4.
func TestPaperGlicko2Floor(t *testing.T) {
	const sigma2 = 0.06 * 0.06
	floor := glickoScale * math.Sqrt((-sigma2+math.Sqrt(sigma2*sigma2+16*sigma2))/2)
	if math.Abs(floor-59.73) > 0.01 {
		t.Errorf("fixed point %.3f, want 59.73", floor)
	}
	// 300 games, the paper's number, reach it; the volatility hardly moves.
	p, err := PaperGlicko2(repeat([]Outcome{Draw, Win, Loss}, 100))
	if err != nil {
		t.Fatal(err)
	}
	long, err := PaperGlicko2(repeat([]Outcome{Draw, Win, Loss}, 5000))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("after 300 games %+v, after 15000 games %+v", p, long)
	if math.Abs(p.RD-floor) > 1 {
		t.Errorf("RD %.2f after 300 games, want about %.2f", p.RD, floor)
	}
	// Only the slow decay of the volatility lets it sink further.
	if long.RD < 50 || long.Volatility > p.Volatility {
		t.Errorf("after 15000 games %+v", long)
	}
}

// TestPaperGlicko2Spread compares with the survey's measurement over 200 random
// orders of the same 50 wins and 50 losses: mean 1555, sd 26, range 1498-1636.
func TestPaperGlicko2Spread(t *testing.T) {
	games := repeat([]Outcome{Win, Loss}, 50)
	s, err := PaperGlicko2Spread(games, 2000, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", s)
	if math.Abs(s.Mean-1555) > 5 || math.Abs(s.SD-26) > 4 || s.Min > 1510 || s.Min < 1440 || s.Max < 1600 || s.Max > 1680 {
		t.Errorf("spread %+v, expected about mean 1555, sd 26, and a range around 1498-1636", s)
	}
	again, _ := PaperGlicko2Spread(games, 2000, 1)
	other, _ := PaperGlicko2Spread(games, 2000, 2)
	if s != again || s == other {
		t.Errorf("the seed does not decide: %+v, again %+v, other seed %+v", s, again, other)
	}
	if games[0].Outcome != Win || games[1].Outcome != Loss {
		t.Error("the caller's games were shuffled")
	}
	one, err := PaperGlicko2Spread(games, 1, 1)
	if err != nil || one.Orders != 1 || one.Mean < 1400 || one.SD != 0 || one.Min != one.Max || one.Mean != one.Min {
		t.Errorf("spread of one order: %+v", one)
	}
}

func FuzzGlicko2(f *testing.F) {
	f.Add(1500.0, 350.0, 0.06, 1500.0, 30.0, uint8(2), 1.0)
	f.Add(-10000.0, 10000.0, 10.0, 10000.0, 0.0, uint8(2), 10.0)
	f.Add(10000.0, 1e-9, 1e-9, -10000.0, 0.0, uint8(0), 0.01)
	f.Fuzz(func(t *testing.T, rating, rd, vol, opp, oppRD float64, outcome uint8, tau float64) {
		p, err := Glicko2Config{Tau: tau}.Update(Glicko2{rating, rd, vol}, []Glicko2Game{{opp, oppRD, Outcome(outcome)}})
		if err != nil {
			return
		}
		if math.IsNaN(p.Rating) || math.IsInf(p.Rating, 0) || !(p.RD > 0) || math.IsInf(p.RD, 0) || !(p.Volatility >= 0) || math.IsInf(p.Volatility, 0) {
			t.Errorf("%v %v %v against %v %v, outcome %v, tau %v: %+v", rating, rd, vol, opp, oppRD, outcome, tau, p)
		}
		if e := Expected(opp, rating); outcome == uint8(Win) && p.Rating < rating || outcome == uint8(Loss) && p.Rating > rating && e > 0 {
			t.Errorf("outcome %v moved the rating from %v to %v", outcome, rating, p.Rating)
		}
	})
}

func BenchmarkPaperGlicko2(b *testing.B) {
	games := repeat([]Outcome{Win, Loss, Draw}, 100)
	for b.Loop() {
		if _, err := PaperGlicko2(games); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(games))/b.Elapsed().Seconds(), "games/s")
}

// TestPaperFloor: 300 games lost in the paper's order end where its Figure 1 has the
// models with caps 1300 and 1500 at T=1.5: 809 ± 175 and 808 ± 176, read off to about 3.
func TestPaperFloor(t *testing.T) {
	var games []PaperGame
	for i := range 300 {
		games = append(games, PaperGame{[]float64{1552, 1842, 2142}[i/100], Loss})
	}
	g, err := PaperGlicko2(games)
	if err != nil || math.Abs(g.Rating-808.3) > 0.1 || math.Abs(g.RD-175.8) > 0.1 {
		t.Errorf("%+v, %v", g, err)
	}
	// A single draw shows.
	for i := range games {
		one := append([]PaperGame(nil), games...)
		one[i].Outcome = Draw
		if g, err := PaperGlicko2(one); err != nil || g.Rating < 831 {
			t.Errorf("a draw in game %d: %+v, %v", i+1, g, err)
		}
	}
}

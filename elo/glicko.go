package elo

// Glicko-2: Mark E. Glickman, "Example of the Glicko-2 system" (2013), and the
// way the Transcendence paper uses it.

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// glickoScale is the paper's constant for 400/ln 10, rounded as published so
// that the published digits come out.
const glickoScale = 173.7178

// Glicko2 is a player's state in the Glicko-2 system.
type Glicko2 struct {
	Rating     float64 `json:"rating"`
	RD         float64 `json:"rd"` // rating deviation: a standard error, in points
	Volatility float64 `json:"volatility"`
}

// Glicko2Config are the constants of the system. The zero value means the
// values of Glickman's example.
type Glicko2Config struct {
	Tau     float64 // how fast volatility changes; 0 = 0.5
	Epsilon float64 // convergence of the volatility iteration; 0 = 1e-6
}

// Glicko2Game is one game of a rating period: the opponent's rating and RD
// before the period, and the outcome.
type Glicko2Game struct {
	Opponent   float64
	OpponentRD float64
	Outcome    Outcome
}

// Update is one rating period (steps 2 to 8 of the paper). A period without
// games lets the RD grow by the volatility.
func (c Glicko2Config) Update(p Glicko2, games []Glicko2Game) (Glicko2, error) {
	if c.Tau == 0 {
		c.Tau = 0.5
	}
	if c.Epsilon == 0 {
		c.Epsilon = 1e-6
	}
	if !(c.Tau > 0 && c.Tau <= 10) || !(c.Epsilon > 0 && c.Epsilon <= 1) {
		return p, fmt.Errorf("elo: glicko-2: tau %v and epsilon %v must be in (0, 10] and (0, 1]", c.Tau, c.Epsilon)
	}
	if err := p.check(); err != nil {
		return p, err
	}
	for i, g := range games {
		if !(math.Abs(g.Opponent) <= MaxRating && g.OpponentRD >= 0 && g.OpponentRD <= MaxRating) || g.Outcome > Win {
			return p, fmt.Errorf("elo: glicko-2: game %d: impossible opponent %v, RD %v, or outcome %v", i+1, g.Opponent, g.OpponentRD, g.Outcome)
		}
	}
	return c.update(p, games), nil
}

func (p Glicko2) check() error {
	if !(math.Abs(p.Rating) <= MaxRating && p.RD > 0 && p.RD <= MaxRating && p.Volatility > 0 && p.Volatility <= 10) {
		return fmt.Errorf("elo: glicko-2: impossible player: rating %v, RD %v, volatility %v", p.Rating, p.RD, p.Volatility)
	}
	return nil
}

func (c Glicko2Config) update(p Glicko2, games []Glicko2Game) Glicko2 {
	mu, phi := (p.Rating-1500)/glickoScale, p.RD/glickoScale
	if len(games) == 0 {
		p.RD = glickoScale * math.Hypot(phi, p.Volatility)
		return p
	}
	// Step 3 and 4: v is the variance of the rating that these games alone
	// would give, delta the improvement that they suggest.
	information, surprise := 0.0, 0.0
	for _, game := range games {
		muJ, phiJ := (game.Opponent-1500)/glickoScale, game.OpponentRD/glickoScale
		g := 1 / math.Sqrt(1+3*phiJ*phiJ/(math.Pi*math.Pi))
		x := g * (mu - muJ)
		e, notE := 1/(1+math.Exp(-x)), 1/(1+math.Exp(x))
		information += g * g * e * notE
		surprise += g * (game.Outcome.Points() - e)
	}
	v := 1 / information
	sigma := c.volatility(p.Volatility, phi, v, v*surprise)
	// Steps 6 to 8.
	phiStar2 := phi*phi + sigma*sigma
	phi2 := 1 / (1/phiStar2 + information)
	return Glicko2{
		Rating:     p.Rating + glickoScale*phi2*surprise,
		RD:         glickoScale * math.Sqrt(phi2),
		Volatility: sigma,
	}
}

// volatility is step 5: the Illinois variant of regula falsi on f.
func (c Glicko2Config) volatility(sigma, phi, v, delta float64) float64 {
	a := math.Log(sigma * sigma)
	f := func(x float64) float64 {
		ex := math.Exp(x)
		d := phi*phi + v + ex
		return ex*(delta*delta-d)/(2*d*d) - (x-a)/(c.Tau*c.Tau)
	}
	A, B := a, 0.0
	if d := delta*delta - phi*phi - v; d > 0 {
		B = math.Log(d)
	} else {
		k := 1.0
		for f(a-k*c.Tau) < 0 {
			k++
		}
		B = a - k*c.Tau
	}
	fA, fB := f(A), f(B)
	// It converges in a handful of steps; the bound is against inputs at the
	// edge of float64, where A and B may stop approaching each other.
	for i := 0; math.Abs(B-A) > c.Epsilon && i < 200; i++ {
		if fB == fA {
			break
		}
		C := A + (A-B)*fA/(fB-fA)
		fC := f(C)
		if fC*fB <= 0 {
			A, fA = B, fB
		} else {
			fA /= 2
		}
		B, fB = C, fC
	}
	return math.Exp(A / 2)
}

// PaperGame is one game of the Transcendence paper's procedure: against an
// opponent of fixed rating and RD 0.
type PaperGame struct {
	Opponent float64
	Outcome  Outcome
}

// PaperGlicko2Start is the state the paper's evaluation starts every model
// with (GlickoCalc in its eval/glicko2.py).
func PaperGlicko2Start() Glicko2 { return Glicko2{Rating: 1500, RD: 500, Volatility: 0.06} }

// PaperGlicko2 is the rating procedure of the Transcendence paper's code, named
// paper-glicko2: Glicko-2 from 1500/500/0.06 with tau 0.5, opponents fixed with
// RD 0, and one rating period a game, in the order given (the paper's: one
// opponent level after the other, Black games before White games).
//
// It is a moving average: the result rests on about the last 35 to 130 games
// and depends on their order, and the RD stops falling at about 59.7 however
// many games are played (it sinks a little further over thousands of games, as
// the volatility decays). EstimateRating has neither fault; use this to compare
// with published numbers. It returns ErrNoGames without games.
func PaperGlicko2(games []PaperGame) (Glicko2, error) {
	if len(games) == 0 {
		return Glicko2{}, ErrNoGames
	}
	for i, g := range games {
		if !(math.Abs(g.Opponent) <= MaxRating) || g.Outcome > Win {
			return Glicko2{}, fmt.Errorf("elo: paper-glicko2: game %d: impossible opponent rating %v or outcome %v", i+1, g.Opponent, g.Outcome)
		}
	}
	return paperGlicko2(games), nil
}

func paperGlicko2(games []PaperGame) Glicko2 {
	c := Glicko2Config{Tau: 0.5, Epsilon: 1e-6}
	p := PaperGlicko2Start()
	period := make([]Glicko2Game, 1)
	for _, g := range games {
		period[0] = Glicko2Game{Opponent: g.Opponent, Outcome: g.Outcome}
		p = c.update(p, period)
	}
	return p
}

// Spread is how a number varies over orders of the same games.
type Spread struct {
	Orders int     `json:"orders"`
	Mean   float64 `json:"mean"`
	SD     float64 `json:"sd"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// PaperGlicko2Spread is the spread of PaperGlicko2's rating over random orders
// of the games: how much of the number is an accident of the order. The seed
// fixes the orders; games is not changed. Cost: orders * len(games) updates of
// about 0.2 µs.
func PaperGlicko2Spread(games []PaperGame, orders int, seed uint64) (Spread, error) {
	if orders < 1 {
		return Spread{}, fmt.Errorf("elo: paper-glicko2: spread over %d orders", orders)
	}
	if _, err := PaperGlicko2(games); err != nil {
		return Spread{}, err
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	shuffled := append([]PaperGame(nil), games...)
	s := Spread{Orders: orders, Min: math.Inf(1), Max: math.Inf(-1)}
	sumSquares := 0.0 // of deviations, by Welford's recurrence
	for i := range orders {
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		r := paperGlicko2(shuffled).Rating
		s.Min, s.Max = min(s.Min, r), max(s.Max, r)
		d := r - s.Mean
		s.Mean += d / float64(i+1)
		sumSquares += d * (r - s.Mean)
	}
	if orders > 1 {
		s.SD = math.Sqrt(sumSquares / float64(orders-1))
	}
	return s, nil
}

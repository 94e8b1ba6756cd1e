package ideal

import (
	"context"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"transcend/data/league"
	"transcend/data/league/leaguetest"
	"transcend/data/league/search"
	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
)

func TestWinProbability(t *testing.T) {
	// The released pairs have +3.03 pawns at 0.753.
	for score, want := range map[int]float64{0: 0.5, 303: 0.753, -303: 0.247, search.Mate - 3: 1, -search.Mate + 4: 0} {
		if got := winProbability(score); math.Abs(got-want) > 5e-4 {
			t.Errorf("%d: %v, want %v", score, got, want)
		}
	}
}

// TestRewards has a mate in one, a move into mate, and scores that do not depend on the order.
func TestRewards(t *testing.T) {
	s := search.New(1 << 20)
	g := boardtest.Game(t, "6k1/5ppp/8/8/8/7q/5P1P/3R2K1 w - - 0 40")
	moves := g.Position().Legal(nil)
	slices.Sort(moves)
	r := Judge{Depth: 3}.Rewards(nil, s, g, moves)
	for i, m := range moves {
		switch san := g.Position().SAN(m); {
		case san == "Rd8#" && r[i] < 0.9999:
			t.Errorf("mate has reward %v", r[i])
		case r[i] < 0 || r[i] > 1 || san != "Rd8#" && r[i] > 0.9:
			t.Errorf("%s has reward %v", san, r[i])
		}
	}
	if (Judge{}).Validate() == nil || (Judge{Nodes: 5}).Validate() != nil {
		t.Error("judges are not told apart")
	}
}

func games(c *league.Corpus, n int) (all []*league.Game) {
	mover := league.NewMover(0)
	for number := range n {
		all = append(all, c.Play(mover, number))
	}
	return all
}

var small = EvaluateOptions{
	Share: 0.3, Judge: Judge{Depth: 2}, Temperatures: []float64{0, 0.5, 1},
}

// TestEvaluate adds up from the players' own distributions what it says of experts and mixtures.
func TestEvaluate(t *testing.T) {
	p := leaguetest.Pool(t, "ply1:rho=0.3,seed=1", "ply1:rho=0.3,seed=2", "ply1:phase=opening,weak=0.8", "ply1:rho=0.9")
	o := small
	o.Share = 0
	o.Corpus = &league.Corpus{Pool: p, Seed: 9, MaxPlies: 30, Openings: league.OpeningRule{RandomPlies: 3}}
	o.Games = games(o.Corpus, 2)
	e, err := Evaluate(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	mover, searcher := league.NewMover(0), search.New(1<<20)
	want := map[int]float64{}
	count, opening := 0, 0
	cold := e.find(0.5, false, false)
	for number := range 2 {
		game := o.Games[number]
		g := bitboard.NewGame(bitboard.Start())
		for ply, move := range game.Moves {
			if ply < 3 {
				if err := g.Make(move); err != nil {
					t.Fatal(err)
				}
				continue
			}
			count++
			if league.PhaseOf(g.Position()) == league.Opening {
				opening++
			}
			var mixed []float64
			var moves []bitboard.Move
			for i := range p.Players {
				chances, err := mover.Distribution(&p.Players[i].Player, g)
				if err != nil {
					t.Fatal(err)
				}
				if mixed == nil {
					mixed = make([]float64, len(chances))
					for _, c := range chances {
						moves = append(moves, c.Move)
					}
				}
				for k, c := range chances {
					mixed[k] += c.P / 4
				}
			}
			r := o.Judge.Rewards(nil, searcher, g, moves)
			rho := []float64{0.3, 0, 0.9}
			if league.PhaseOf(g.Position()) != league.Opening {
				rho[1] = 0.8
			}
			best, err := mover.Intended(&p.Players[0].Player, g)
			if err != nil {
				t.Fatal(err)
			}
			mean, meant := sum(r)/float64(len(r)), r[slices.Index(moves, best)]
			for kind, x := range rho {
				want[kind] += x*mean + (1-x)*meant
			}
			norm := 0.0
			for _, x := range mixed {
				norm += x * x
			}
			for k, x := range mixed {
				want[cold] += x * x / norm * r[k]
			}
			if err := g.Make(move); err != nil {
				t.Fatal(err)
			}
		}
	}
	if e.Positions != count || e.Count(All) != count || e.Count(phasePart(league.Opening)) != opening {
		t.Errorf("%d positions, %d of the opening; want %d and %d", e.Count(All), e.Count(phasePart(league.Opening)), count, opening)
	}
	for row, x := range want {
		if got := e.Mean(row, Reward, All).Value; math.Abs(got-x/float64(count)) > 1e-9 {
			t.Errorf("%s: reward %v, want %v", e.Rows[row].Name, got, x/float64(count))
		}
	}
	if e.Rows[0].Experts != 2 || e.Rows[1].Experts != 1 || e.bestExpert(phasePart(league.Opening)) != 1 {
		t.Errorf("experts %+v, best of the opening %d", e.Rows[:3], e.bestExpert(phasePart(league.Opening)))
	}
	total := 0
	for _, b := range Bands() {
		total += e.Count(b)
	}
	if total != count {
		t.Errorf("the bands have %d positions of %d", total, count)
	}
	// The theorem's sum over pairs of players, from the pairs of kinds: players of one kind do not
	// differ, and there are two of the first.
	pairs := 0.0
	for _, x := range []struct {
		a, b int
		n    float64
	}{{0, 1, 2}, {0, 2, 2}, {1, 2, 1}} {
		est, ok := e.TheoremPair(x.a, x.b, All)
		if !ok {
			t.Fatal("no pairs")
		}
		pairs += x.n * est.Value
	}
	if got := e.Theorem(All).Value; math.Abs(got-pairs) > 1e-9 {
		t.Errorf("sum over pairs %v, theorem %v", pairs, got)
	}
	if w := e.Weight(0, All).Value + e.Weight(1, All).Value + e.Weight(2, All).Value; math.Abs(w-1) > 1e-9 {
		t.Errorf("weights sum to %v", w)
	}
}

// TestEvaluateFinds what theory says: independent noise is transcended at low temperature and not at 1,
// shared noise at none, and an interval is around its value.
func TestEvaluateFinds(t *testing.T) {
	run := func(name string, threads int) *Evaluation {
		o := small
		o.Corpus = &league.Corpus{Pool: leaguetest.Named(t, name), Seed: 5, MaxPlies: 100}
		o.Games, o.Threads = games(o.Corpus, 12), threads
		o.Others = []Policy{{Names: []string{"first", "nothing"}, New: func() (PolicyFunc, error) {
			return func(_ context.Context, _ *bitboard.Game, _ []bitboard.Move, out [][]float64) (bool, error) {
				out[0][0] = 1
				return true, nil
			}, nil
		}}}
		e, err := Evaluate(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	e := run("noise", 1)
	argmax, sampled := e.find(0, false, false), e.find(1, false, false)
	if x := e.AboveBest(argmax, All); !x.Above(0) || x.Value < x.Low || x.Value > x.High {
		t.Errorf("independent noise: argmax above the best expert by %+v", x)
	}
	if x := e.AboveBest(sampled, All); math.Abs(x.Value) > 1e-12 {
		t.Errorf("equal experts: the mixture is %+v above them", x)
	}
	if x := e.Mean(argmax, Agreement, phasePart(league.Middlegame)); math.Abs(x.Value-1) > 1e-12 {
		t.Errorf("argmax agrees with the noise-free move in %+v", x)
	}
	if x := e.Mean(len(e.Rows)-1, Legal, All); x.Value != 0 {
		t.Errorf("a policy of nothing is legal in %+v", x)
	}
	if x := e.Difference(argmax, sampled, Reward, All); !x.Above(0) {
		t.Errorf("argmax less sampling: %+v", x)
	}
	if again := run("noise", 3); !reflect.DeepEqual(e, again) {
		t.Error("three threads give other sums than one")
	}
	shared := run("shared", 2)
	if x := shared.AboveBest(shared.find(0, true, false), phasePart(league.Middlegame)); math.Abs(x.Value) > 1e-12 {
		t.Errorf("shared noise is transcended by %+v", x)
	}
}

func TestEvaluateRefuses(t *testing.T) {
	noise := league.Corpus{Pool: leaguetest.Named(t, "noise"), MaxPlies: 20}
	for want, change := range map[string]func(*EvaluateOptions){
		"at least one game": func(o *EvaluateOptions) { o.Games = nil },
		"share":             func(o *EvaluateOptions) { o.Share = 2 },
		"number of nodes":   func(o *EvaluateOptions) { o.Judge = Judge{} },
		"temperature":       func(o *EvaluateOptions) { o.Temperatures = []float64{-1} },
		"named opening":     func(o *EvaluateOptions) { o.Corpus.Openings.Named = true },
		"none of the positions": func(o *EvaluateOptions) {
			o.Share = 1e-12
		},
	} {
		o := small
		corpus := noise
		o.Corpus, o.Games = &corpus, games(&corpus, 1)
		change(&o)
		if _, err := Evaluate(context.Background(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o := small
	o.Corpus, o.Games = &noise, games(&noise, 1)
	if _, err := Evaluate(ctx, o); err == nil {
		t.Error("a canceled evaluation ended well")
	}
}

// bestExpert returns the row of the expert with the highest reward in a part.
func (e *Evaluation) bestExpert(part Part) int {
	best, at := math.Inf(-1), 0
	for _, row := range e.experts() {
		total := 0.0
		for i := range e.games {
			total += e.games[i].rows[row][part][Reward]
		}
		if total > best {
			best, at = total, row
		}
	}
	return at
}

// find returns the row of a mixture, -1 when there is none.
func (e *Evaluation) find(tau float64, posterior, characters bool) int {
	return slices.Index(e.Rows, Row{
		Name: mixtureName(tau, posterior, characters), Kind: "mixture", Tau: tau, Posterior: posterior, Characters: characters,
	})
}

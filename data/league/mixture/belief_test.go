package mixture

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/floats"

	"transcend/data/league"
	"transcend/data/league/leaguetest"
	"transcend/internal/bitboard"
	"transcend/internal/boardtest"
)

// TestPosterior compares with Bayes' rule over all pairs of players, written out.
func TestPosterior(t *testing.T) {
	p := leaguetest.Pool(t, "random 400", "ply1:rho=0.6 450", "boltz:depth=1,t=200 500", "ply1:rho=0.5,book=italian+london 520", "ply1:rho=0.1,phase=endgame 900")
	mover := league.NewMover(0)
	for _, gap := range []int{0, 60} {
		m := mixture(t, p, Options{MaxGap: gap})
		for number := range 4 {
			game := (&league.Corpus{Pool: p, Seed: 11, MaxGap: gap, MaxPlies: 14}).Play(league.NewMover(0), number)
			b := m.NewBelief(bitboard.Start())
			g := bitboard.NewGame(bitboard.Start())
			n := len(p.Players)
			pairs := make([][]float64, n)
			for i := range pairs {
				pairs[i] = make([]float64, n)
				near := p.Near(i, gap)
				for _, j := range near {
					pairs[i][j] = 1 / float64(n*len(near))
				}
			}
			for ply, move := range game.Moves {
				var white, black [5]float64
				all := 0.0
				for i := range pairs {
					for j, x := range pairs[i] {
						white[i] += x
						black[j] += x
						all += x
					}
				}
				for i := range n {
					for side, want := range [2]float64{white[i] / all, black[i] / all} {
						if got := b.Weights(nil, bitboard.Color(side))[i]; math.Abs(got-want) > 1e-12 {
							t.Fatalf("gap %d, game %d, ply %d, side %d, player %d: %v, want %v", gap, number, ply, side, i, got, want)
						}
					}
				}
				for i := range n {
					chances, err := mover.Distribution(&p.Players[i].Player, g)
					if err != nil {
						t.Fatal(err)
					}
					for _, c := range chances {
						if c.Move != move {
							continue
						}
						for j := range n {
							if g.Position().SideToMove() == bitboard.White {
								pairs[i][j] *= c.P
							} else {
								pairs[j][i] *= c.P
							}
						}
					}
				}
				if err := b.See(move); err != nil {
					t.Fatal(err)
				}
				if err := g.Make(move); err != nil {
					t.Fatal(err)
				}
			}
			if b.Impossible() != 0 {
				t.Errorf("%d moves of the pool's own were impossible", b.Impossible())
			}
		}
	}
}

// TestPosteriorOfLongGames has likelihoods that no float64 holds, and a player who alone explains
// either side but cannot have played both.
func TestPosteriorOfLongGames(t *testing.T) {
	m := mixture(t, leaguetest.Pool(t, "ply1", "random", "ply1:rho=0.5"), Options{})
	b := m.NewBelief(bitboard.Start())
	b.logs = [2][]float64{{0, -2000, -2001}, {0, -2000, -2001}}
	with := math.Exp(-1)
	want := []float64{0.5, 0.5 / (1 + with), 0.5 * with / (1 + with)}
	for _, side := range []bitboard.Color{bitboard.White, bitboard.Black} {
		if w := b.Weights(nil, side); !near(w, want, 1e-12) {
			t.Errorf("%v: %v, want %v", side, w, want)
		}
	}
}

// TestImpossible has moves that nobody in the pool plays: they tell nothing.
func TestImpossible(t *testing.T) {
	p := leaguetest.Pool(t, "ply1:rho=0.3,book=italian", "ply1:rho=0.3,book=london", "ply1:rho=0.1,book=london")
	m := mixture(t, p, Options{})
	g := boardtest.Game(t, "", "a2a3", "e7e5", "h2h3")
	b := m.NewBelief(g.StartPosition())
	if err := b.Follow(g); err != nil {
		t.Fatal(err)
	}
	if b.Impossible() != 1 {
		t.Errorf("%d impossible moves, want that of the start alone", b.Impossible())
	}
	if w := b.Weights(nil, bitboard.White); math.Abs(floats.Sum(w)-1) > 1e-12 {
		t.Errorf("weights %v", w)
	}
	// Another game: it begins again.
	other := boardtest.Game(t, "", "d2d4")
	if err := b.Follow(other); err != nil {
		t.Fatal(err)
	}
	if w := b.Weights(nil, bitboard.White); w[0] != 0 || math.Abs(w[1]-0.5) > 1e-12 || b.Impossible() != 0 {
		t.Errorf("after d4 %v, %d impossible", w, b.Impossible())
	}
	if err := b.See(other.Moves()[0]); err == nil {
		t.Error("an illegal move was seen")
	}
}

package match

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestRoundRobinAndGauntlet(t *testing.T) {
	for _, tt := range []struct {
		pairings []Pairing
		want     int // pairs
	}{
		{RoundRobin(5, 3, 4), 10}, {RoundRobin(2, 1, 7), 1}, {Gauntlet(5, 1, 2, 4), 4}, {Gauntlet(6, 2, 1, 2), 8},
	} {
		slots := map[[2]int][]int{}
		boards := map[[2]int]bool{}
		for _, p := range tt.pairings {
			if p.First >= p.Second || boards[[2]int{p.Round, p.Board}] {
				t.Errorf("pairing %+v", p)
			}
			boards[[2]int{p.Round, p.Board}] = true
			slots[[2]int{p.First, p.Second}] = append(slots[[2]int{p.First, p.Second}], p.Slots()...)
		}
		if len(slots) != tt.want {
			t.Errorf("%d pairs, want %d", len(slots), tt.want)
		}
		for pair, s := range slots {
			for i, slot := range s {
				if i != slot {
					t.Errorf("slots of %v: %v", pair, s)
					break
				}
			}
		}
	}
	for _, p := range Gauntlet(6, 2, 1, 2) {
		if p.First >= 2 || p.Second < 2 {
			t.Errorf("gauntlet pairing %+v", p)
		}
	}
}

// playSwiss plays a Swiss tournament in which the lower number wins, with a
// random upset now and then.
func playSwiss(t *testing.T, entrants, rounds, games int, rng *rand.Rand) ([]Pairing, []float64) {
	t.Helper()
	var all []Pairing
	scores := SwissScores{}
	points := make([]float64, entrants)
	for round := range rounds {
		ps, err := SwissRound(entrants, round, games, all, scores)
		if err != nil {
			t.Fatal(err)
		}
		again, err := SwissRound(entrants, round, games, all, scores)
		if err != nil || !slices.Equal(ps, again) {
			t.Fatalf("another round %d: %v", round, err)
		}
		seen := make([]bool, entrants)
		for i, p := range ps {
			if p.Board != i || p.Round != round {
				t.Fatalf("pairing %+v", p)
			}
			for _, e := range []int{p.First, p.Second} {
				if e >= 0 && seen[e] {
					t.Fatalf("%d plays twice in round %d", e, round)
				} else if e >= 0 {
					seen[e] = true
				}
			}
			if p.Second < 0 {
				points[p.First] += float64(games)
				continue
			}
			first := float64(games)
			if (p.First > p.Second) != (rng != nil && rng.IntN(5) == 0) {
				first = 0
			}
			scores[p] = [2]float64{first, float64(games) - first}
			points[p.First] += first
			points[p.Second] += float64(games) - first
		}
		if slices.Contains(seen, false) {
			t.Fatalf("round %d leaves somebody out: %v", round, seen)
		}
		all = append(all, ps...)
	}
	return all, points
}

func TestSwiss(t *testing.T) {
	for _, entrants := range []int{2, 3, 4, 5, 8, 13, 32, 100} {
		rounds := SwissRounds(entrants)
		_, points := playSwiss(t, entrants, rounds, 2, nil)
		for i, p := range points {
			if i > 0 && p >= points[0] && entrants > 3 {
				t.Errorf("%d entrants: the strongest has %v points, number %d %v", entrants, points[0], i, p)
			}
		}
		for seed := range uint64(5) {
			all, _ := playSwiss(t, entrants, rounds, 2, rand.New(rand.NewPCG(seed, 1)))
			met, byes := map[[2]int]int{}, map[int]int{}
			for _, p := range all {
				if p.Second < 0 {
					byes[p.First]++
				} else {
					met[pair(p.First, p.Second)]++
				}
			}
			for who, n := range met {
				// As many rounds as finds a winner never need a rematch, but for 2 or 3.
				if n > 1 && entrants > 3 {
					t.Errorf("%d entrants, seed %d: %v met %d times", entrants, seed, who, n)
				}
			}
			for e, n := range byes {
				if n > 1 {
					t.Errorf("%d entrants, seed %d: %d has %d byes", entrants, seed, e, n)
				}
			}
		}
	}
}

// TestSwissManyRounds: more rounds than there are opponents end in rematches, and
// not in a search without an end.
func TestSwissManyRounds(t *testing.T) {
	for _, entrants := range []int{4, 5, 8} {
		all, _ := playSwiss(t, entrants, 2*entrants, 1, rand.New(rand.NewPCG(1, 2)))
		met, white := map[[2]int]int{}, make([]int, entrants)
		for _, p := range all {
			if p.Second < 0 {
				continue
			}
			met[pair(p.First, p.Second)]++
			w := p.First
			if White(p.FirstSlot) == 1 {
				w = p.Second
			}
			white[w]++
		}
		least, most := slices.Min(white), slices.Max(white)
		if most-least > 3 {
			t.Errorf("%d entrants: White %v times", entrants, white)
		}
		for who, n := range met {
			if n > 4 {
				t.Errorf("%d entrants: %v met %d times", entrants, who, n)
			}
		}
	}
}

func TestSwissErrors(t *testing.T) {
	ps, err := SwissRound(4, 0, 2, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := SwissRound(4, 1, 2, ps, nil); err == nil {
		t.Error("a round was paired before the one before was over")
	}
	if _, err := SwissRound(1, 0, 2, nil, nil); err == nil {
		t.Error("a Swiss of one")
	}
	if fmt.Sprint(SwissRounds(2), SwissRounds(3), SwissRounds(8), SwissRounds(9)) != "1 2 3 4" {
		t.Error("rounds that find a winner")
	}
}

package match

import (
	"cmp"
	"fmt"
	"slices"
)

// Pairing is a meeting of two entrants: Games slots from FirstSlot on of the match
// in which First is player 0 and Second player 1. A bye has Second -1 and no
// games.
type Pairing struct {
	Round, Board     int
	First, Second    int
	FirstSlot, Games int
}

// Slots are the pairing's slots in order.
func (p Pairing) Slots() []int {
	slots := make([]int, p.Games)
	for i := range slots {
		slots[i] = p.FirstSlot + i
	}
	return slots
}

// RoundRobin pairs everybody with everybody, rounds times, games games each time.
// In each match slots go on from round to round, so that openings do.
func RoundRobin(entrants, rounds, games int) []Pairing {
	var ps []Pairing
	for round := range rounds {
		board := 0
		for i := range entrants {
			for j := i + 1; j < entrants; j++ {
				ps = append(ps, Pairing{round, board, i, j, round * games, games})
				board++
			}
		}
	}
	return ps
}

// Gauntlet pairs each of the first seeds entrants with all that are not among
// them.
func Gauntlet(entrants, seeds, rounds, games int) []Pairing {
	var ps []Pairing
	for round := range rounds {
		board := 0
		for i := range seeds {
			for j := seeds; j < entrants; j++ {
				ps = append(ps, Pairing{round, board, i, j, round * games, games})
				board++
			}
		}
	}
	return ps
}

// SwissScores are the points of finished pairings: of First and of Second.
type SwissScores map[Pairing][2]float64

// maxSwissSteps bounds the search for pairings without rematches.
const maxSwissSteps = 200_000

// SwissRound pairs a round of a Swiss tournament, numbered from 0, from the
// pairings of the rounds before and their scores. Those with equal points meet,
// the upper half of them against the lower half (FIDE's Dutch order), nobody
// meets anybody twice while that can be helped, and with an odd number the lowest
// without a bye has one, which counts a full score. The entrants' order is that
// of their seeding. The same arguments give the same pairings.
func SwissRound(entrants, round, games int, before []Pairing, scores SwissScores) ([]Pairing, error) {
	if entrants < 2 || games < 1 {
		return nil, fmt.Errorf("match: a Swiss round of %d entrants with %d games each", entrants, games)
	}
	s := swiss{points: make([]float64, entrants), met: map[[2]int]int{}}
	byes := make([]int, entrants)
	firsts := make([]int, entrants) // how often more of the games began with White
	for _, p := range before {
		if p.Second < 0 {
			byes[p.First]++
			s.points[p.First] += float64(games)
			continue
		}
		score, ok := scores[p]
		if !ok {
			return nil, fmt.Errorf("match: round %d is not over: no score of %d against %d", p.Round+1, p.First+1, p.Second+1)
		}
		s.points[p.First] += score[0]
		s.points[p.Second] += score[1]
		s.met[pair(p.First, p.Second)]++
		first := p.First
		if White(p.FirstSlot) == 1 {
			first = p.Second
		}
		firsts[first]++
	}
	order := make([]int, entrants)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.points[b], s.points[a]) })
	bye := -1
	if entrants%2 == 1 {
		bye = order[entrants-1]
		for _, e := range order { // the last with the fewest byes
			if byes[e] <= byes[bye] {
				bye = e
			}
		}
		order = slices.DeleteFunc(order, func(e int) bool { return e == bye })
	}
	pairs := s.pair(order)
	var ps []Pairing
	slot := round * games
	for board, p := range pairs {
		a, b := p[0], p[1]
		// Who was First less often is now; slots decide which color that is.
		if swap := firsts[a] > firsts[b]; swap != (White(slot) == 1) {
			a, b = b, a
		}
		ps = append(ps, Pairing{round, board, a, b, slot, games})
	}
	if bye >= 0 {
		ps = append(ps, Pairing{Round: round, Board: len(ps), First: bye, Second: -1, FirstSlot: slot})
	}
	return ps, nil
}

// SwissRounds is the number of rounds that finds a single winner: the logarithm
// of the number of entrants to base 2, rounded up.
func SwissRounds(entrants int) int {
	n := 1
	for 1<<n < entrants {
		n++
	}
	return n
}

func pair(a, b int) [2]int { return [2]int{min(a, b), max(a, b)} }

// swiss searches pairings.
type swiss struct {
	points []float64
	met    map[[2]int]int
	steps  int
}

// pair pairs all of order: first without rematches, then with as few as it takes.
func (s *swiss) pair(order []int) [][2]int {
	for allowed := 0; ; allowed++ {
		s.steps = 0
		if pairs, ok := s.search(order, allowed); ok {
			return pairs
		}
	}
}

// search pairs the first of order with somebody and goes on with the rest.
func (s *swiss) search(order []int, rematches int) ([][2]int, bool) {
	if len(order) == 0 {
		return nil, true
	}
	if s.steps++; s.steps > maxSwissSteps && rematches == 0 {
		return nil, false
	}
	top := order[0]
	for _, i := range s.candidates(order) {
		e := order[i]
		if s.met[pair(top, e)] > rematches {
			continue
		}
		rest := slices.Concat(order[1:i], order[i+1:])
		if pairs, ok := s.search(rest, rematches); ok {
			return append([][2]int{{top, e}}, pairs...), true
		}
	}
	return nil, false
}

// candidates are the indices of order[0]'s opponents, best first: its own group
// of equal points from the middle down, then up, then the other groups in order.
func (s *swiss) candidates(order []int) []int {
	group := 1
	for group < len(order) && s.points[order[group]] == s.points[order[0]] {
		group++
	}
	out := make([]int, 0, len(order)-1)
	middle := max(1, group/2)
	for i := middle; i < group; i++ {
		out = append(out, i)
	}
	for i := middle - 1; i >= 1; i-- {
		out = append(out, i)
	}
	for i := group; i < len(order); i++ {
		out = append(out, i)
	}
	return out
}

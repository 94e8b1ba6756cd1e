package league

import (
	"fmt"
	"slices"

	"transcend/data/league/search"
	"transcend/internal/bitboard"
)

// Together is what several players would do in one position.
type Together struct {
	Moves []bitboard.Move // the legal ones, in the order of their codes
	// P has a row for each player: the probability of every move, as Distribution gives it.
	P [][]float64
	// Intended are the players' moves without noise, as Intended gives them; NoMove of one
	// that does not search.
	Intended []bitboard.Move
	Searches int // that were made
}

// Together returns what Distribution and Intended return for each of the players. Players
// whose search is the same share it: ten that differ by their noise cost one search.
func (m *Mover) Together(players []*Player, g *bitboard.Game) (*Together, error) {
	m.shared = &sharedSearches{}
	defer func() { m.shared = nil }()
	t := &Together{Moves: slices.Clone(m.sorted(g.Position()))}
	p := make([]float64, len(players)*len(t.Moves))
	for _, player := range players {
		chances, err := m.Distribution(player, g)
		if err != nil {
			return nil, err
		}
		row := p[:len(t.Moves):len(t.Moves)]
		p = p[len(t.Moves):]
		for i, c := range chances {
			row[i] = c.P
		}
		intended := bitboard.NoMove
		if player.Depth > 0 || player.Nodes > 0 {
			if intended, err = m.Intended(player, g); err != nil {
				return nil, fmt.Errorf("league: %s: %w", player, err)
			}
		}
		t.P = append(t.P, row)
		t.Intended = append(t.Intended, intended)
	}
	t.Searches = len(m.shared.made)
	return t, nil
}

// sharedSearches remembers the searches of one position.
type sharedSearches struct {
	made []sharedSearch
}

type sharedSearch struct {
	options search.Options
	result  search.Result
}

// search returns the result of an equal search, or makes one. It stays valid until the
// position is left.
func (s *sharedSearches) search(searcher *search.Searcher, g *bitboard.Game, o search.Options) search.Result {
	for i := range s.made {
		if s.made[i].options == o {
			return s.made[i].result
		}
	}
	r := searcher.Search(g, o)
	r.Moves, r.PV = slices.Clone(r.Moves), nil
	s.made = append(s.made, sharedSearch{o, r})
	return r
}

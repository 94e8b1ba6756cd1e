package arena

import (
	"transcend/elo"
	"transcend/elo/sprt"
)

// slotTest gives games to a sequential test in the order of their slots, each when all
// before it have ended: single games, or pairs on one opening.
//
// In the order in which they end, what is known at any moment is richer in short games
// than the match is, and another concurrency, a second arena or a restart would make
// another test of the same games. In the order of the slots every look is at the first
// n observations, which are independent of how long they took, so that the error rates
// are those of the test. It costs a wait for the games in play, no more.
type slotTest struct {
	run      *sprt.Run
	single   bool // no pairs
	order    []slotKey
	next     int // the first of order that was not given to the test
	wanted   map[slotKey]bool
	outcomes map[slotKey]elo.Outcome
}

// schedule appends a slot to the order. A pair is where its second game is.
func (t *slotTest) schedule(key slotKey) {
	if t.wanted == nil {
		t.wanted = map[slotKey]bool{}
	}
	t.wanted[key] = true
	if t.single || key.slot%2 == 1 && t.wanted[slotKey{key.match, key.slot - 1}] {
		t.order = append(t.order, key)
	}
}

// add takes the outcome of a game of the first player's.
func (t *slotTest) add(key slotKey, o elo.Outcome) {
	t.outcomes[key] = o
	for ; t.next < len(t.order); t.next++ {
		last := t.order[t.next]
		o, ok := t.outcomes[last]
		if !ok {
			return
		}
		if t.single {
			t.run.AddGame(o)
			continue
		}
		first, ok := t.outcomes[slotKey{last.match, last.slot - 1}]
		if !ok {
			return
		}
		t.run.AddPair(first, o)
	}
}

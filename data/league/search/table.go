package search

import "transcend/internal/bitboard"

type bound uint8

const (
	exact bound = iota
	lower       // the score is at least this
	upper       // at most
)

// entry is what the table knows of a position: 12 bytes.
type entry struct {
	key   uint32 // upper half of the hash; the lower half is the place
	move  bitboard.Move
	score int16 // mates count from this position
	run   uint16
	depth int8
	bound bound
}

// table is a transposition table, one entry a place. An entry counts in the
// search that wrote it only, so that a search depends on nothing before it.
type table struct {
	entries []entry
	run     uint16
}

// start forgets everything.
func (t *table) start() {
	if t.run++; t.run == 0 {
		clear(t.entries)
		t.run = 1
	}
}

func (t *table) probe(hash uint64) *entry {
	e := &t.entries[hash&uint64(len(t.entries)-1)]
	if e.run == t.run && e.key == uint32(hash>>32) {
		return e
	}
	return nil
}

func (t *table) store(hash uint64, m bitboard.Move, score, depth, ply int, b bound) {
	e := &t.entries[hash&uint64(len(t.entries)-1)]
	key := uint32(hash >> 32)
	if e.run == t.run {
		if e.key != key {
			if int(e.depth) > depth+3 && b != exact {
				return
			}
		} else if m == bitboard.NoMove {
			m = e.move
		}
	}
	switch {
	case score >= mateBound:
		score += ply
	case score <= -mateBound:
		score -= ply
	}
	*e = entry{key: key, move: m, score: int16(score), run: t.run, depth: int8(min(depth, 127)), bound: b}
}

// scoreAt is the entry's score as seen from the root.
func (e *entry) scoreAt(ply int) int {
	score := int(e.score)
	switch {
	case score >= mateBound:
		score -= ply
	case score <= -mateBound:
		score += ply
	}
	return score
}

// settles reports that the entry's score says all that a search between alpha and beta could.
func (e *entry) settles(score, alpha, beta int) bool {
	return e.bound == exact || e.bound == lower && score >= beta || e.bound == upper && score <= alpha
}

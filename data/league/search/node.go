package search

import (
	"math/bits"

	"transcend/internal/bitboard"
)

// search returns the score of the frame at ply for the side to move there: exact
// between alpha and beta, a bound outside. mayPass is false after a null move.
func (s *Searcher) search(ply, depth, alpha, beta int, mayPass bool) int {
	f := &s.frames[ply]
	f.pvN = 0
	if s.drawn(ply) {
		s.out()
		return 0
	}
	if depth <= 0 {
		return s.quiesce(ply, alpha, beta)
	}
	if s.out() {
		return 0
	}
	moves := f.pos.Legal(f.moves[:0])
	if len(moves) == 0 {
		return f.ended(ply)
	}
	if ply >= maxPly {
		return f.evaluate()
	}
	// No mate from here is shorter than those.
	alpha, beta = max(alpha, -Mate+ply), min(beta, Mate-ply-1)
	if alpha >= beta {
		return alpha
	}
	child := &s.frames[ply+1]
	pv := beta-alpha > 1
	first := bitboard.NoMove
	if e := s.table.probe(f.pos.Hash()); e != nil {
		first = e.move
		if score := e.scoreAt(ply); !pv && int(e.depth) >= depth && e.settles(score, alpha, beta) {
			return score
		}
	}
	if f.check {
		if s.maxDepth >= 3 && ply < 2*s.maxDepth {
			depth++
		}
	} else {
		f.static = f.evaluate()
		if !pv && beta < mateBound && beta > -mateBound {
			if score, enough := s.farAhead(f, child, ply, depth, beta, mayPass); enough {
				return score
			}
		}
	}
	for i, m := range moves {
		f.order[i] = s.rate(f, m, first)
	}
	return s.searchMoves(f, child, ply, depth, alpha, beta, moves)
}

// ended is the score of a frame without a legal move: mate or stalemate.
func (f *frame) ended(ply int) int {
	if f.check {
		return -Mate + ply
	}
	return 0
}

// farAhead reports whether f, in which there is no check, stands so well that score, which
// is beta or more, needs no look at its moves; or that the search has to end. ply is f's,
// child the frame after it.
func (s *Searcher) farAhead(f, child *frame, ply, depth, beta int, mayPass bool) (score int, enough bool) {
	// So far ahead that what can be lost in the depth left does not matter.
	if depth <= 4 && f.static-80*depth >= beta {
		return f.static, true
	}
	// Null move: who is ahead even after passing need not look further. Not
	// where only pawns are left, for there passing may be what saves.
	if !mayPass || depth < 3 || f.static < beta || f.power(f.pos.SideToMove()) == 0 {
		return 0, false
	}
	child.board = f.board
	child.pos.Pass()
	child.check = false
	score = -s.search(ply+1, depth-3-depth/5, -beta, -beta+1, false)
	if s.stopped {
		return 0, true
	}
	return min(score, mateBound-1), score >= beta
}

// searchMoves searches the moves of f, which are rated, and puts the score into the
// table. ply is f's, child the frame after it.
func (s *Searcher) searchMoves(f, child *frame, ply, depth, alpha, beta int, moves []bitboard.Move) int {
	pv := beta-alpha > 1
	best, bestMove := -infinite, bitboard.NoMove
	kind := upper
	quiets := 0
	blind := s.options.Blind
	for i := range moves {
		pick(moves, f.order[:len(moves)], i)
		m := moves[i]
		if blind != 0 && blind.Hides(&f.pos, m) {
			continue
		}
		quiet := !tactical(&f.pos, m)
		s.descend(f, child, m)
		var score int
		if best == -infinite {
			score = -s.search(ply+1, depth-1, -beta, -alpha, true)
		} else {
			reduction := 0
			if quiet && !f.check && !child.check {
				if !pv && depth <= 3 && quiets > 4+depth*depth*2 && best > -mateBound {
					continue // late among many: they are not the ones
				}
				reduction = f.reduction(i, quiets, depth, pv)
			}
			score = s.scout(ply, depth-1, reduction, alpha, beta)
		}
		if s.stopped {
			return 0
		}
		if quiet {
			quiets++
		}
		if score <= best {
			continue
		}
		best, bestMove = score, m
		if score > alpha {
			alpha, kind = score, exact
			if pv {
				f.follow(m, child)
			}
		}
		if score >= beta {
			kind = lower
			if quiet {
				s.reward(f, moves[:i], m, depth)
			}
			break
		}
	}
	if best == -infinite {
		return f.evaluate() // it sees no move
	}
	if kind == upper {
		bestMove = bitboard.NoMove
	}
	s.table.store(f.pos.Hash(), bestMove, best, depth, ply, kind)
	return best
}

// scout searches a move of the frame at ply that is not the first; the next frame has
// made it. Only when it turns out to be above alpha is it searched in full depth, and
// with all of the window.
func (s *Searcher) scout(ply, depth, reduction, alpha, beta int) int {
	score := -s.search(ply+1, depth-reduction, -alpha-1, -alpha, true)
	if score > alpha && reduction > 0 {
		score = -s.search(ply+1, depth, -alpha-1, -alpha, true)
	}
	if score > alpha && score < beta {
		score = -s.search(ply+1, depth, -beta, -alpha, true)
	}
	return score
}

// follow makes m, and what child expects after it, the line of f.
func (f *frame) follow(m bitboard.Move, child *frame) {
	f.pv[0] = m
	f.pvN = 1 + copy(f.pv[1:], child.pv[:child.pvN])
}

// reduction says by how much the search of the quiet move at place i is shortened; quiets
// were tried before it.
func (f *frame) reduction(i, quiets, depth int, pv bool) int {
	if depth < 3 || quiets < 2 {
		return 0
	}
	r := reductions[min(depth, 31)][min(i, 63)]
	if pv {
		r--
	}
	if f.order[i] >= rateKiller {
		r--
	}
	return max(0, min(r, depth-2))
}

// reductions says by how much the search of a late quiet move is shortened, by
// depth and by the move's place.
var reductions = func() (table [32][64]int) {
	for depth := range table {
		for place := range table[depth] {
			// About log2(depth)*log2(place)/3.
			table[depth][place] = bits.Len(uint(depth)) * bits.Len(uint(place)) / 5
		}
	}
	return table
}()

// drawn reports a draw by the fifty-move rule, by material, or by repetition: for
// the second time since the root, or for the third time in the game. A mate by the last of the
// fifty moves is none.
func (s *Searcher) drawn(ply int) bool {
	f := &s.frames[ply]
	clock := f.pos.HalfmoveClock()
	if clock >= 100 && (!f.check || f.pos.HasLegalMove()) || f.pos.InsufficientMaterial() {
		return true
	}
	hash := f.pos.Hash()
	before := 0
	for back := 4; back <= clock; back += 2 {
		if back <= ply {
			if s.frames[ply-back].pos.Hash() == hash {
				return true
			}
			continue
		}
		i := len(s.past) - (back - ply)
		if i < 0 {
			break
		}
		if s.past[i] == hash {
			if before++; before == 2 {
				return true
			}
		}
	}
	return false
}

// quiesce resolves captures and promotions, and checks to the side to move, until
// the position is quiet enough for its evaluation.
func (s *Searcher) quiesce(ply, alpha, beta int) int {
	f := &s.frames[ply]
	f.pvN = 0
	if s.out() {
		return 0
	}
	best := -infinite
	if !f.check || ply >= maxPly {
		if f.pos.InsufficientMaterial() {
			return 0
		}
		best = f.evaluate()
		if best >= beta || ply >= maxPly {
			return best
		}
		alpha = max(alpha, best)
	}
	stand := best
	moves := f.pos.Legal(f.moves[:0])
	if len(moves) == 0 {
		return f.ended(ply)
	}
	n := 0
	for _, m := range moves {
		if f.check || tactical(&f.pos, m) {
			moves[n], f.order[n] = m, s.rate(f, m, bitboard.NoMove)
			n++
		}
	}
	moves = moves[:n]
	blind := s.options.Blind
	for i := range moves {
		pick(moves, f.order[:len(moves)], i)
		m := moves[i]
		if blind != 0 && blind.Hides(&f.pos, m) {
			continue
		}
		if !f.check {
			// Not enough even when nothing is lost for it.
			if gain := stand + captureValue(&f.pos, m) + 120; gain <= alpha {
				best = max(best, gain)
				continue
			}
			if loses(&f.pos, m) {
				continue
			}
		}
		child := &s.frames[ply+1]
		s.descend(f, child, m)
		score := -s.quiesce(ply+1, -beta, -alpha)
		if s.stopped {
			return 0
		}
		if score > best {
			if best = score; score >= beta {
				return score
			}
			alpha = max(alpha, score)
		}
	}
	if best == -infinite {
		return f.evaluate() // in check, and it sees no way out
	}
	return best
}

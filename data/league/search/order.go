package search

import (
	"math/bits"

	"transcend/internal/bitboard"
)

// Classes of moves by which they are searched, from the first: the table's move,
// captures and promotions by what they take and what takes it, killers, quiet
// moves by their history.
const (
	rateFirst    = 1 << 28
	rateTactical = 1 << 24
	rateKiller   = 1 << 22
)

// worth of a piece in exchanges, in centipawns.
var worth = [8]int{bitboard.Pawn: 100, bitboard.Knight: 320, bitboard.Bishop: 330, bitboard.Rook: 500, bitboard.Queen: 960, bitboard.King: 20_000}

// rate returns how early a legal move is to be searched: the greater the earlier.
func (s *Searcher) rate(f *frame, m, first bitboard.Move) int32 {
	if m == first {
		return rateFirst
	}
	from, to := m.From(), m.To()
	piece := f.pos.PieceAt(from)
	taken := f.pos.PieceAt(to).Type()
	promotion := m.Promotion()
	var rating int32
	switch {
	case taken != bitboard.NoPieceType || promotion == bitboard.Queen:
		rating = rateTactical + int32(16*(worth[taken&7]+worth[promotion&7])-worth[piece.Type()&7]/16)
	case piece.Type() == bitboard.Pawn && (from^to)&7 != 0:
		rating = rateTactical + int32(15*worth[bitboard.Pawn])
	case promotion != bitboard.NoPieceType:
		rating = -1 << 20
	case m == f.killers[0]:
		rating = rateKiller + 1
	case m == f.killers[1]:
		rating = rateKiller
	default:
		rating = int32(s.history[piece.Color()][from&63][to&63])
	}
	return rating
}

// tactical reports whether a move captures or makes a queen.
func tactical(p *bitboard.Position, m bitboard.Move) bool {
	from, to := m.From(), m.To()
	return p.Occupied()>>(to&63)&1 != 0 || m.Promotion() == bitboard.Queen ||
		(from^to)&7 != 0 && p.Pieces(p.SideToMove(), bitboard.Pawn)>>(from&63)&1 != 0
}

// pick swaps the best of the moves from i on to i. Equal ones stay in the order in which
// they were generated, as far as a swap leaves it.
func pick(moves []bitboard.Move, order []int32, i int) {
	best := i
	for j := i + 1; j < len(order); j++ {
		if order[j] > order[best] {
			best = j
		}
	}
	moves[i], moves[best] = moves[best], moves[i]
	order[i], order[best] = order[best], order[i]
}

// reward remembers a quiet move that refuted the position, and that those tried before
// it did not.
func (s *Searcher) reward(f *frame, before []bitboard.Move, m bitboard.Move, depth int) {
	s.learned = true
	if f.killers[0] != m {
		f.killers[0], f.killers[1] = m, f.killers[0]
	}
	us := f.pos.SideToMove()
	bonus := min(depth*depth*8, 1200)
	s.learn(us, m, bonus)
	for _, other := range before {
		if !tactical(&f.pos, other) {
			s.learn(us, other, -bonus)
		}
	}
}

// learn moves a history towards its bound, 16,384.
func (s *Searcher) learn(c bitboard.Color, m bitboard.Move, bonus int) {
	h := &s.history[c&1][m.From()&63][m.To()&63]
	*h += int16(bonus - int(*h)*max(bonus, -bonus)/16384)
}

// captureValue is what a capture or promotion wins at most.
func captureValue(p *bitboard.Position, m bitboard.Move) int {
	taken := p.PieceAt(m.To()).Type()
	if promotion := m.Promotion(); promotion != bitboard.NoPieceType {
		return worth[taken&7] + worth[promotion&7] - worth[bitboard.Pawn]
	}
	if taken == bitboard.NoPieceType {
		return worth[bitboard.Pawn] // en passant
	}
	return worth[taken&7]
}

// loses reports that a capture loses material by the exchanges on its square, pins
// and checks left aside.
func loses(p *bitboard.Position, m bitboard.Move) bool {
	from, to := m.From(), m.To()
	attacker := p.PieceAt(from).Type()
	gain := captureValue(p, m)
	if m.Promotion() != bitboard.NoPieceType || gain >= worth[attacker&7] || attacker == bitboard.King {
		return false
	}
	// The swap algorithm with two running bounds instead of a list: balance is
	// what the side that moves next can count on if it stops.
	us := p.SideToMove()
	occ := p.Occupied()&^(1<<from) | 1<<to
	if p.PieceAt(to) == bitboard.NoPiece {
		occ &^= 1 << (to ^ 8)
	}
	diagonal := p.Pieces(0, bitboard.Bishop) | p.Pieces(1, bitboard.Bishop) | p.Pieces(0, bitboard.Queen) | p.Pieces(1, bitboard.Queen)
	straight := p.Pieces(0, bitboard.Rook) | p.Pieces(1, bitboard.Rook) | p.Pieces(0, bitboard.Queen) | p.Pieces(1, bitboard.Queen)
	attackers := p.Attackers(bitboard.White, to) | p.Attackers(bitboard.Black, to)
	balance := gain - worth[attacker&7] // after the other side has taken the attacker for nothing
	side := us
	for {
		side ^= 1
		attackers |= bitboard.Attacks(bitboard.Bishop, to, occ)&diagonal | bitboard.Attacks(bitboard.Rook, to, occ)&straight
		attackers &= occ
		own := attackers & p.ByColor(side)
		if own == 0 {
			break
		}
		next := bitboard.Pawn
		var set uint64
		for ; next <= bitboard.King; next++ {
			if set = own & p.Pieces(side, next); set != 0 {
				break
			}
		}
		if next == bitboard.King && attackers&p.ByColor(side^1) != 0 {
			break // the king may not take what is protected
		}
		occ &^= 1 << bits.TrailingZeros64(set)
		balance = -balance - 1 - worth[next&7]
		if balance >= 0 {
			// Even if this piece is lost for nothing, the side that took comes out
			// ahead; the other would rather have stopped.
			side ^= 1
			break
		}
	}
	return side == us
}

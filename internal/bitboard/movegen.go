package bitboard

import "math/bits"

// MaxMoves is the largest number of legal moves in a position that a game can
// reach (N. Petrovic, 1964). No position with more is known among those that
// ParseFEN accepts either, so a buffer of this capacity does not grow; Legal
// would grow it.
const MaxMoves = 218

// scan is what move generation needs to know about a position, from the view
// of the side to move.
type scan struct {
	own, opp, occ uint64
	king          Square
	danger        uint64 // squares the opponent attacks, seen through our king; empty if he has no free square
	checkers      uint64
	target        uint64 // where a piece other than the king must go: all, or the answers to a check

	// Pin rays with the pinner at their end. A piece that stands on one may
	// move along it only. No move of a slider or pawn leads from one ray to
	// another of the same set, so the rays need not be told apart. Rays on which
	// a piece of the opponent's stands between are here too and do nothing.
	straightPins, diagonalPins uint64
}

func (p *Position) scan(v *scan) {
	us := p.side & 1
	own, opp := p.color[us], p.color[us^1]
	occ := own | opp
	king := lowest(p.kings() & own)
	pawns, knights := p.pawns()&opp, p.knights()&opp
	diagonal, straight := p.diagonalSliders()&opp, p.straightSliders()&opp

	checkers := pawnAttacks[us][king&63]&pawns | knightAttacks[king&63]&knights
	target := ^uint64(0)
	if checkers != 0 {
		target = checkers
	}
	var straightPins, diagonalPins uint64
	for set := rookLines[king&63] & straight; set != 0; set &= set - 1 {
		ray := between[king&63][lowest(set)&63]
		switch blockers := ray & occ &^ (set & -set); {
		case blockers == 0:
			checkers |= set & -set
			target &= ray
		case blockers&(blockers-1) == 0:
			straightPins |= ray
		}
	}
	for set := bishopLines[king&63] & diagonal; set != 0; set &= set - 1 {
		ray := between[king&63][lowest(set)&63]
		switch blockers := ray & occ &^ (set & -set); {
		case blockers == 0:
			checkers |= set & -set
			target &= ray
		case blockers&(blockers-1) == 0:
			diagonalPins |= ray
		}
	}

	// A king without a free square beside it needs no map of the attacks: he
	// cannot castle either.
	var danger uint64
	if kingAttacks[king&63]&^own != 0 {
		through := occ &^ (1 << king)
		down := -upOf(us) // the way the opponent's pawns go
		danger = kingAttacks[lowest(p.kings()&opp)&63] |
			bits.RotateLeft64(pawns&^fileA, down-1) | bits.RotateLeft64(pawns&^fileH, down+1)
		for set := knights; set != 0; set &= set - 1 {
			danger |= knightAttacks[lowest(set)&63]
		}
		for set := diagonal; set != 0; set &= set - 1 {
			danger |= bishopAttacks(lowest(set), through)
		}
		for set := straight; set != 0; set &= set - 1 {
			danger |= rookAttacks(lowest(set), through)
		}
	}

	*v = scan{own: own, opp: opp, occ: occ, king: king, danger: danger, checkers: checkers,
		target: target, straightPins: straightPins, diagonalPins: diagonalPins}
}

// Legal appends all legal moves to dst. Their order is fixed but means nothing.
// It does not allocate when dst has room; see MaxMoves.
func (p *Position) Legal(dst []Move) []Move {
	var v scan
	p.scan(&v)
	us := p.side & 1

	dst = appendMoves(dst, v.king, kingAttacks[v.king&63]&^(v.own|v.danger))
	if v.checkers&(v.checkers-1) != 0 {
		return dst // a double check: only the king can move
	}
	target := v.target &^ v.own
	if v.checkers == 0 {
		if p.canCastle(us, WhiteKingside, v.occ, v.danger) {
			dst = append(dst, NewMove(v.king, v.king+2, 0))
		}
		if p.canCastle(us, WhiteQueenside, v.occ, v.danger) {
			dst = append(dst, NewMove(v.king, v.king-2, 0))
		}
	}

	for set := p.knights() & v.own &^ (v.straightPins | v.diagonalPins); set != 0; set &= set - 1 {
		from := lowest(set)
		dst = appendMoves(dst, from, knightAttacks[from&63]&target)
	}
	sliders := p.diagonalSliders() & v.own &^ v.straightPins
	for set := sliders &^ v.diagonalPins; set != 0; set &= set - 1 {
		from := lowest(set)
		dst = appendMoves(dst, from, bishopAttacks(from, v.occ)&target)
	}
	for set := sliders & v.diagonalPins; set != 0; set &= set - 1 {
		from := lowest(set)
		dst = appendMoves(dst, from, bishopAttacks(from, v.occ)&target&v.diagonalPins)
	}
	sliders = p.straightSliders() & v.own &^ v.diagonalPins
	for set := sliders &^ v.straightPins; set != 0; set &= set - 1 {
		from := lowest(set)
		dst = appendMoves(dst, from, rookAttacks(from, v.occ)&target)
	}
	for set := sliders & v.straightPins; set != 0; set &= set - 1 {
		from := lowest(set)
		dst = appendMoves(dst, from, rookAttacks(from, v.occ)&target&v.straightPins)
	}

	m := p.pawnMoves(&v)
	up := upOf(us)
	dst = appendPawnMoves(dst, m.single, up)
	dst = appendPawnMoves(dst, m.double, 2*up)
	dst = appendPawnMoves(dst, m.left, up-1)
	dst = appendPawnMoves(dst, m.right, up+1)
	if p.enPassant < NoSquare {
		for set := pawnAttacks[us^1][p.enPassant&63] & p.pawns() & v.own; set != 0; set &= set - 1 {
			if from := lowest(set); p.safeEnPassant(from, p.enPassant) {
				dst = append(dst, NewMove(from, p.enPassant, 0))
			}
		}
	}
	return dst
}

// upOf returns the difference of squares of one step forward.
func upOf(c Color) int { return 8 - int(c)*16 }

func appendMoves(dst []Move, from Square, targets uint64) []Move {
	for ; targets != 0; targets &= targets - 1 {
		dst = append(dst, NewMove(from, lowest(targets), 0))
	}
	return dst
}

// appendPawnMoves appends moves by their targets; step leads from origin to target.
func appendPawnMoves(dst []Move, targets uint64, step int) []Move {
	for set := targets &^ (rank1 | rank8); set != 0; set &= set - 1 {
		to := lowest(set)
		dst = append(dst, NewMove(Square(int(to)-step), to, 0))
	}
	for set := targets & (rank1 | rank8); set != 0; set &= set - 1 {
		to := lowest(set)
		m := NewMove(Square(int(to)-step), to, 0)
		dst = append(dst, m|Move(Queen)<<12, m|Move(Knight)<<12, m|Move(Rook)<<12, m|Move(Bishop)<<12)
	}
	return dst
}

// pawnTargets holds the target squares of all legal pawn moves but en passant.
type pawnTargets struct{ single, double, left, right uint64 }

func (p *Position) pawnMoves(v *scan) pawnTargets {
	us := p.side & 1
	up := upOf(us)
	pawns := p.pawns() & v.own
	// Pawns do not stand on the first and last rank, so a rotation is a shift.
	pushers := pawns &^ v.diagonalPins
	single := (bits.RotateLeft64(pushers&^v.straightPins, up) |
		bits.RotateLeft64(pushers&v.straightPins, up)&v.straightPins) &^ v.occ
	third := rank3
	if us == Black {
		third = rank6
	}
	double := bits.RotateLeft64(single&third, up) &^ v.occ
	takers := pawns &^ v.straightPins
	free, pinned := takers&^v.diagonalPins, takers&v.diagonalPins
	left := bits.RotateLeft64(free&^fileA, up-1) | bits.RotateLeft64(pinned&^fileA, up-1)&v.diagonalPins
	right := bits.RotateLeft64(free&^fileH, up+1) | bits.RotateLeft64(pinned&^fileH, up+1)&v.diagonalPins
	return pawnTargets{single & v.target, double & v.target, left & v.opp & v.target, right & v.opp & v.target}
}

// castlingPath holds, by color and wing (kingside first), the squares between
// king and rook, which must be empty, and those the king crosses or lands on,
// which must not be attacked.
var castlingPath = [2][2]struct{ empty, unattacked uint64 }{
	{{0x60, 0x60}, {0x0e, 0x0c}},
	{{0x60 << 56, 0x60 << 56}, {0x0e << 56, 0x0c << 56}},
}

// canCastle reports whether the side c, not in check, may castle to the wing
// named by WhiteKingside or WhiteQueenside.
func (p *Position) canCastle(c Color, wing CastlingRights, occ, danger uint64) bool {
	path := &castlingPath[c&1][(wing>>1)&1]
	return p.castling>>(2*(c&1))&wing != 0 && occ&path.empty == 0 && danger&path.unattacked == 0
}

// HasLegalMove reports whether the side to move has a legal move.
func (p *Position) HasLegalMove() bool {
	return p.countLegal() != 0
}

// countLegal returns the number of legal moves without listing them.
func (p *Position) countLegal() int {
	var v scan
	p.scan(&v)
	us := p.side & 1

	n := count(kingAttacks[v.king&63] &^ (v.own | v.danger))
	if v.checkers&(v.checkers-1) != 0 {
		return n
	}
	target := v.target &^ v.own
	if v.checkers == 0 && p.castling != 0 {
		if p.canCastle(us, WhiteKingside, v.occ, v.danger) {
			n++
		}
		if p.canCastle(us, WhiteQueenside, v.occ, v.danger) {
			n++
		}
	}
	for set := p.knights() & v.own &^ (v.straightPins | v.diagonalPins); set != 0; set &= set - 1 {
		n += count(knightAttacks[lowest(set)&63] & target)
	}
	sliders := p.diagonalSliders() & v.own &^ v.straightPins
	for set := sliders &^ v.diagonalPins; set != 0; set &= set - 1 {
		n += count(bishopAttacks(lowest(set), v.occ) & target)
	}
	for set := sliders & v.diagonalPins; set != 0; set &= set - 1 {
		n += count(bishopAttacks(lowest(set), v.occ) & target & v.diagonalPins)
	}
	sliders = p.straightSliders() & v.own &^ v.diagonalPins
	for set := sliders &^ v.straightPins; set != 0; set &= set - 1 {
		n += count(rookAttacks(lowest(set), v.occ) & target)
	}
	for set := sliders & v.straightPins; set != 0; set &= set - 1 {
		n += count(rookAttacks(lowest(set), v.occ) & target & v.straightPins)
	}
	m := p.pawnMoves(&v)
	n += count(m.single) + count(m.double) + count(m.left) + count(m.right)
	if last := rank1 | rank8; (m.single|m.left|m.right)&last != 0 {
		n += 3 * (count(m.single&last) + count(m.left&last) + count(m.right&last))
	}
	if p.enPassant < NoSquare {
		for set := pawnAttacks[us^1][p.enPassant&63] & p.pawns() & v.own; set != 0; set &= set - 1 {
			if p.safeEnPassant(lowest(set), p.enPassant) {
				n++
			}
		}
	}
	return n
}

// IsLegal reports whether m is a legal move, for any 16 bits, without
// generating the others.
func (p *Position) IsLegal(m Move) bool {
	from, to, promo := m.From(), m.To(), m.Promotion()
	us := p.side & 1
	if m>>15 != 0 || p.color[us]>>from&1 == 0 || p.color[us]>>to&1 != 0 {
		return false
	}
	moved := p.typeAt(from)
	if moved != Pawn {
		if promo != NoPieceType {
			return false
		}
		if moved == King && from == squareE1|squareA8*Square(us) && (to == from+2 || to == from-2) {
			return p.legalCastling(from, to)
		}
		return attacksFrom(moved, from, p.Occupied())>>to&1 != 0 && p.safe(from, to)
	}

	if last := to < 8 || to >= 56; last != (promo != NoPieceType) || last && (promo < Knight || promo > Queen) {
		return false
	}
	if pawnAttacks[us][from]>>to&1 != 0 {
		if to == p.enPassant {
			return p.safeEnPassant(from, to)
		}
		return p.color[us^1]>>to&1 != 0 && p.safe(from, to)
	}
	return p.pushes(from, to) && p.safe(from, to)
}

// pushes reports whether a pawn of the side to move could advance from from to
// to, leaving check aside.
func (p *Position) pushes(from, to Square) bool {
	us := p.side & 1
	up := upOf(us)
	occ := p.Occupied()
	switch int(to) - int(from) {
	case up:
		return occ>>to&1 == 0
	case 2 * up:
		home := 1 + 5*int(us)
		return from.Rank() == home && occ>>to&1 == 0 && occ>>(int(from)+up)&1 == 0
	}
	return false
}

// legalCastling reports whether the king on its home square from may castle to to.
func (p *Position) legalCastling(from, to Square) bool {
	us := p.side & 1
	wing, step := WhiteKingside, 1
	if to < from {
		wing, step = WhiteQueenside, -1
	}
	occ := p.Occupied()
	return p.canCastle(us, wing, occ, 0) &&
		(p.attackers(from, occ)|p.attackers(Square(int(from)+step), occ)|p.attackers(to, occ))&p.color[us^1] == 0
}

// Perft returns the number of legal move sequences of the given length; 1 for
// a depth of zero or less. The last move of each is counted, not played.
func Perft(p *Position, depth int) uint64 {
	if depth <= 0 {
		return 1
	}
	if depth == 1 {
		return uint64(p.countLegal())
	}
	var buf [MaxMoves]Move
	var nodes uint64
	var next Position // outside the loop, or the recursion moves it to the heap
	for _, m := range p.Legal(buf[:0]) {
		next = *p
		next.Make(m)
		nodes += Perft(&next, depth-1)
	}
	return nodes
}

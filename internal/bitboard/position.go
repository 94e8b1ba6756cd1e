package bitboard

import (
	"math"
	"math/bits"
)

// Position is a chess position with everything the rules need to go on from
// it, except the positions before it (see Game). It is a plain value of seven
// words without pointers: assignment copies it, == compares it.
//
// Positions come from Start and ParseFEN, and from Make. The zero Position has
// no kings; asking it questions does not panic, but the answers mean nothing.
//
// The en passant square is kept only while a capture on it is legal. That is
// the rule of FIDE 9.2.3 for telling positions apart, and makes SamePosition and
// Hash follow from the fields.
type Position struct {
	// The squares whose PieceType has bit 0, 1, 2 set. Three planes hold six
	// kinds of piece; sliders fall out of them as plane0&(plane1|plane2)
	// (bishop 3, queen 5) and plane2&^plane1 (rook 4, queen 5).
	plane [3]uint64
	color [2]uint64 // squares by the color of what stands there
	hash  uint64

	fullmove  uint16
	halfmove  uint16
	side      Color
	castling  CastlingRights
	enPassant Square
}

// Start returns the initial position of chess.
func Start() Position {
	p := Position{
		plane: [3]uint64{
			0x2cff00000000ff2c, // pawns, bishops, queens
			0x7600000000000076, // knights, bishops, kings
			0x9900000000000099, // rooks, queens, kings
		},
		color:     [2]uint64{0xffff, 0xffff << 48},
		fullmove:  1,
		castling:  WhiteKingside | WhiteQueenside | BlackKingside | BlackQueenside,
		enPassant: NoSquare,
	}
	p.hash = p.computeHash()
	return p
}

// SideToMove returns the side whose move it is.
func (p *Position) SideToMove() Color { return p.side }

// HalfmoveClock returns the number of plies since the last capture or pawn move.
func (p *Position) HalfmoveClock() int { return int(p.halfmove) }

// FullmoveNumber returns the number of the move in the game, 1 at its start.
func (p *Position) FullmoveNumber() int { return int(p.fullmove) }

// EnPassant returns the square behind a pawn that has just moved two squares
// when it can legally be captured there, and NoSquare otherwise.
func (p *Position) EnPassant() Square { return p.enPassant }

// CastlingRights returns the castling rights of both sides.
func (p *Position) CastlingRights() CastlingRights { return p.castling }

// PieceAt returns the piece on a square, NoPiece when it is empty or no square.
func (p *Position) PieceAt(s Square) Piece {
	if s >= NoSquare {
		return NoPiece
	}
	return NewPiece(Color(p.color[Black]>>s&1), p.typeAt(s))
}

// typeAt returns the kind of piece on s, which must be a square.
func (p *Position) typeAt(s Square) PieceType {
	s &= 63
	return PieceType(p.plane[0]>>s&1 | p.plane[1]>>s&1<<1 | p.plane[2]>>s&1<<2)
}

// Pieces returns the set of squares (bit 0 is a1, bit 63 is h8) on which a
// piece of the given color and kind stands.
func (p *Position) Pieces(c Color, t PieceType) uint64 {
	return p.ofType(t) & p.color[c&1]
}

// Occupied returns the set of squares on which anything stands.
func (p *Position) Occupied() uint64 { return p.color[White] | p.color[Black] }

// ByColor returns the set of squares on which anything of one color stands.
func (p *Position) ByColor(c Color) uint64 { return p.color[c&1] }

// ofType returns the squares of both colors that hold a kind of piece.
func (p *Position) ofType(t PieceType) uint64 {
	switch t {
	case Pawn:
		return p.pawns()
	case Knight:
		return p.knights()
	case Bishop:
		return p.plane[0] & p.plane[1]
	case Rook:
		return p.plane[2] &^ (p.plane[0] | p.plane[1])
	case Queen:
		return p.plane[0] & p.plane[2]
	case King:
		return p.kings()
	}
	return 0
}

func (p *Position) pawns() uint64           { return p.plane[0] &^ (p.plane[1] | p.plane[2]) }
func (p *Position) knights() uint64         { return p.plane[1] &^ (p.plane[0] | p.plane[2]) }
func (p *Position) diagonalSliders() uint64 { return p.plane[0] & (p.plane[1] | p.plane[2]) }
func (p *Position) straightSliders() uint64 { return p.plane[2] &^ p.plane[1] }
func (p *Position) kings() uint64           { return p.plane[1] & p.plane[2] }

// king returns the square of a side's king.
func (p *Position) king(c Color) Square { return lowest(p.kings() & p.color[c&1]) }

// Hash returns the Zobrist hash of what FIDE 9.2.3 compares: the placement, the
// side to move, the castling rights, and the file of an en passant capture that
// is legal. The keys are fixed: a hash means the same in every run.
func (p *Position) Hash() uint64 { return p.hash }

// SamePosition reports whether two positions are the same by FIDE 9.2.3: all
// but the move counters.
func (p *Position) SamePosition(q *Position) bool {
	return p.hash == q.hash && p.plane == q.plane && p.color == q.color &&
		p.side == q.side && p.castling == q.castling && p.enPassant == q.enPassant
}

func (p *Position) computeHash() uint64 {
	hash := castlingKeys[p.castling&15]
	for set := p.Occupied(); set != 0; set &= set - 1 {
		s := lowest(set)
		hash ^= pieceKeys[p.PieceAt(s)&15][s&63]
	}
	if p.side == Black {
		hash ^= blackKey
	}
	if p.enPassant < NoSquare {
		hash ^= enPassantKeys[p.enPassant&7]
	}
	return hash
}

// attackers returns the pieces of both colors that attack s when occ is
// occupied. Pieces outside occ still count: mask the result.
func (p *Position) attackers(s Square, occ uint64) uint64 {
	pawns := p.pawns()
	return pawnAttacks[Black][s&63]&pawns&p.color[White] |
		pawnAttacks[White][s&63]&pawns&p.color[Black] |
		knightAttacks[s&63]&p.knights() |
		kingAttacks[s&63]&p.kings() |
		bishopAttacks(s, occ)&p.diagonalSliders() |
		rookAttacks(s, occ)&p.straightSliders()
}

// Checkers returns the set of pieces that give check to the side to move.
func (p *Position) Checkers() uint64 {
	return p.attackers(p.king(p.side), p.Occupied()) & p.color[p.side.Other()&1]
}

// InCheck reports whether the side to move is in check.
func (p *Position) InCheck() bool { return p.Checkers() != 0 }

// Attackers returns the pieces of one color that attack a square, whether or
// not they are pinned.
func (p *Position) Attackers(c Color, s Square) uint64 {
	if s >= NoSquare {
		return 0
	}
	return p.attackers(s, p.Occupied()) & p.color[c&1]
}

// Checkmate reports whether the side to move is mated.
func (p *Position) Checkmate() bool { return p.InCheck() && !p.HasLegalMove() }

// Stalemate reports whether the side to move has no legal move and is not in check.
func (p *Position) Stalemate() bool { return !p.InCheck() && !p.HasLegalMove() }

// InsufficientMaterial reports whether no sequence of legal moves can mate, so
// far as the material alone tells (FIDE 5.2.2): king against king, king and one
// knight against king, or kings and any number of bishops that all stand on
// squares of one color. Blocked positions, dead for other reasons, are not found.
func (p *Position) InsufficientMaterial() bool {
	if (p.pawns() | p.straightSliders()) != 0 {
		return false
	}
	bishops, knights := p.diagonalSliders(), p.knights()
	if knights == 0 {
		return bishops&darkSquares == 0 || bishops&^darkSquares == 0
	}
	return bishops == 0 && knights&(knights-1) == 0
}

// castlingKept holds, by square, the castling rights that survive a move from
// or to that square.
var castlingKept = [64]CastlingRights{
	15 &^ WhiteQueenside, 15, 15, 15, 15 &^ (WhiteKingside | WhiteQueenside), 15, 15, 15 &^ WhiteKingside,
	15, 15, 15, 15, 15, 15, 15, 15,
	15, 15, 15, 15, 15, 15, 15, 15,
	15, 15, 15, 15, 15, 15, 15, 15,
	15, 15, 15, 15, 15, 15, 15, 15,
	15, 15, 15, 15, 15, 15, 15, 15,
	15, 15, 15, 15, 15, 15, 15, 15,
	15 &^ BlackQueenside, 15, 15, 15, 15 &^ (BlackKingside | BlackQueenside), 15, 15, 15 &^ BlackKingside,
}

// Make plays m, which must be legal: it is not checked, and an illegal move
// leaves a position that means nothing. To take a move back, keep a copy.
func (p *Position) Make(m Move) {
	from, to := m.From(), m.To()
	us := p.side & 1
	them := us ^ 1
	moved, taken := p.typeAt(from), p.typeAt(to)

	// Lift both pieces, put the mover down as what it has become.
	placed := moved
	if promo := m.Promotion(); promo != NoPieceType {
		placed = promo
	}
	target := uint64(1) << to
	both := uint64(1)<<from | target
	p.plane[0] = p.plane[0]&^both | uint64(placed&1)<<to
	p.plane[1] = p.plane[1]&^both | uint64(placed>>1&1)<<to
	p.plane[2] = p.plane[2]&^both | uint64(placed>>2&1)<<to
	p.color[us] ^= both
	p.color[them] &^= target

	hash := p.hash ^ blackKey ^
		pieceKeys[NewPiece(us, moved)&15][from] ^
		pieceKeys[NewPiece(us, placed)&15][to] ^
		pieceKeys[(Piece(taken)|Piece(them)<<3)&15][to]

	if kept := p.castling & castlingKept[from] & castlingKept[to]; kept != p.castling {
		hash ^= castlingKeys[p.castling&15] ^ castlingKeys[kept&15]
		p.castling = kept
	}
	enPassant := p.enPassant
	if enPassant != NoSquare {
		hash ^= enPassantKeys[enPassant&7]
		p.enPassant = NoSquare
	}
	if p.halfmove < math.MaxUint16 {
		p.halfmove++
	}
	if us == Black && p.fullmove < math.MaxUint16 {
		p.fullmove++
	}
	p.side = them
	if taken != NoPieceType {
		p.halfmove = 0
	}

	switch moved {
	case Pawn:
		p.halfmove = 0
		switch {
		case to == enPassant:
			victim := to ^ 8
			p.plane[0] &^= 1 << victim
			p.color[them] &^= 1 << victim
			hash ^= pieceKeys[NewPiece(them, Pawn)&15][victim&63]
		case from^to == 16:
			// From the second to the fourth rank or from the seventh to the
			// fifth; the square passed over is to^8 for both.
			if p.canCaptureEnPassant(to ^ 8) {
				p.enPassant = to ^ 8
				hash ^= enPassantKeys[to&7]
			}
		}
	case King:
		if from^to == 2 && (from == squareE1 || from == squareE8) {
			// Castling: e1 (100) and g1 (110), e1 and c1 (010) differ in bits 1, or 1 and 2.
			p.moveRook(us, to+1, to-1, &hash)
		} else if from^to == 6 && (from == squareE1 || from == squareE8) {
			p.moveRook(us, to-2, to+1, &hash)
		}
	}
	p.hash = hash
}

// Pass gives the move to the other side, as searches do to see what a position
// threatens. The side to move must not be in check. The halfmove clock starts
// again: no position from before a pass repeats after it.
func (p *Position) Pass() {
	p.hash ^= blackKey
	if p.enPassant != NoSquare {
		p.hash ^= enPassantKeys[p.enPassant&7]
		p.enPassant = NoSquare
	}
	p.side ^= 1
	p.halfmove = 0
}

func (p *Position) moveRook(c Color, from, to Square, hash *uint64) {
	both := uint64(1)<<from | uint64(1)<<to
	p.plane[2] ^= both
	p.color[c&1] ^= both
	keys := &pieceKeys[NewPiece(c, Rook)&15]
	*hash ^= keys[from&63] ^ keys[to&63]
}

// canCaptureEnPassant reports whether the side to move has a legal capture on
// target, the square a pawn has just passed over.
func (p *Position) canCaptureEnPassant(target Square) bool {
	us := p.side & 1
	for set := pawnAttacks[us^1][target&63] & p.pawns() & p.color[us]; set != 0; set &= set - 1 {
		if p.safeEnPassant(lowest(set), target) {
			return true
		}
	}
	return false
}

// safeEnPassant reports whether the en passant capture leaves the mover's king
// out of check. Both pawns leave the board's line of sight at once, which pins
// do not describe, so it looks at the position after the capture.
func (p *Position) safeEnPassant(from, target Square) bool {
	victim := uint64(1) << (target ^ 8)
	occ := (p.Occupied() | 1<<target) &^ (1<<from | victim)
	return p.attackers(p.king(p.side), occ)&p.color[p.side&1^1]&^victim == 0
}

// safe reports whether a pseudo-legal move that is neither castling nor en
// passant leaves the mover's king out of check.
func (p *Position) safe(from, to Square) bool {
	us := p.side & 1
	king := p.king(us)
	if from == king {
		king = to
	}
	occ := p.Occupied()&^(1<<from) | 1<<to
	return p.attackers(king, occ)&p.color[us^1]&^(1<<to) == 0
}

// count returns the number of squares in a set.
func count(set uint64) int { return bits.OnesCount64(set) }

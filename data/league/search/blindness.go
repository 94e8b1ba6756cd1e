package search

import (
	"fmt"
	"math/bits"
	"strings"

	"transcend/internal/bitboard"
)

// Blindness is a set of kinds of moves that a search does not see, neither its
// own nor the opponent's, at any depth. The zero value sees all. Where nothing
// but such moves is possible the search takes its evaluation for the score; at
// the root it considers them all, for it has to move.
type Blindness uint16

// What a search may be blind to. A fork is a knight's move that attacks two or
// more of the opponent's queens, rooks and king at once. A back-rank mate is mate by a rook or
// queen along the first rank of the mated king.
const (
	PawnCaptures   Blindness = 1 << bitboard.Pawn
	KnightCaptures Blindness = 1 << bitboard.Knight
	BishopCaptures Blindness = 1 << bitboard.Bishop
	RookCaptures   Blindness = 1 << bitboard.Rook
	QueenCaptures  Blindness = 1 << bitboard.Queen
	KingCaptures   Blindness = 1 << bitboard.King
	KnightForks    Blindness = 1 << 7
	BackRankMates  Blindness = 1 << 8
)

const allCaptures = PawnCaptures | KnightCaptures | BishopCaptures | RookCaptures | QueenCaptures | KingCaptures

var blindnessNames = [...]struct {
	kind Blindness
	name string
}{
	{PawnCaptures, "pawn"}, {KnightCaptures, "knight"}, {BishopCaptures, "bishop"}, {RookCaptures, "rook"},
	{QueenCaptures, "queen"}, {KingCaptures, "king"}, {KnightForks, "fork"}, {BackRankMates, "backrank"},
}

// String returns the names of the set joined by "+", captures by the piece that
// captures: "knight+fork", "" for the empty set.
func (b Blindness) String() string {
	var names []string
	for _, n := range blindnessNames {
		if b&n.kind != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, "+")
}

// ParseBlindness reads what String returns, in any order.
func ParseBlindness(s string) (Blindness, error) {
	var b Blindness
	if s == "" {
		return 0, nil
	}
next:
	for name := range strings.SplitSeq(s, "+") {
		for _, n := range blindnessNames {
			if n.name == name {
				b |= n.kind
				continue next
			}
		}
		return 0, fmt.Errorf("search: %.30q is nothing to be blind to (want pawn, knight, bishop, rook, queen, king, fork or backrank)", name)
	}
	return b, nil
}

// Hides reports whether a search with this blindness overlooks a legal move.
func (b Blindness) Hides(p *bitboard.Position, m bitboard.Move) bool {
	if b == 0 {
		return false
	}
	from, to := m.From(), m.To()
	kind := p.PieceAt(from).Type()
	if b&allCaptures&(1<<kind) != 0 && (p.PieceAt(to) != bitboard.NoPiece || kind == bitboard.Pawn && (from^to)&7 != 0) {
		return true
	}
	if b&KnightForks != 0 && kind == bitboard.Knight {
		them := p.SideToMove().Other()
		targets := p.Pieces(them, bitboard.Queen) | p.Pieces(them, bitboard.Rook) | p.Pieces(them, bitboard.King)
		if bits.OnesCount64(targets&^(1<<to)&bitboard.Attacks(bitboard.Knight, to, 0)) >= 2 {
			return true
		}
	}
	if b&BackRankMates != 0 {
		them := p.SideToMove().Other()
		king := p.Pieces(them, bitboard.King)
		home := uint64(0xff)
		if them == bitboard.Black {
			home <<= 56
		}
		// Castling can mate along a rank, but not the first of the other side.
		heavy := kind == bitboard.Rook || kind == bitboard.Queen || m.Promotion() >= bitboard.Rook
		if heavy && king&home != 0 && home>>to&1 != 0 {
			next := *p
			next.Make(m)
			return next.Checkers()>>to&1 != 0 && next.Checkmate()
		}
	}
	return false
}

package bitboard

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// StartFEN is the initial position of chess in Forsyth-Edwards notation.
const StartFEN = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"

// ParseFEN reads a position in Forsyth-Edwards notation. The fields may be
// separated by any number of spaces; both counters, or the second, may be
// missing and are then 0 and 1, and a move number 0 is read as 1.
//
// Everything else must hold, so that no later call can go wrong: one king on
// each side; no pawn on the first or last rank; the side that is not to move not
// in check; no castling right without king and rook at home; an en passant
// square behind a pawn that can have come from its home square; no more pieces
// than a game can have (at most eight pawns, and no more promoted pieces than
// pawns are missing).
//
// The en passant square is dropped when no capture on it is legal, so
// that FEN is canonical: ParseFEN(p.FEN()) gives p.
func ParseFEN(s string) (Position, error) {
	p, reason := parseFEN(s)
	if reason != "" {
		return Position{}, fmt.Errorf("bitboard: not a FEN: %q: %s", clip(s), reason)
	}
	return p, nil
}

func parseFEN(s string) (Position, string) {
	fields := strings.Fields(s)
	if len(fields) < 4 || len(fields) > 6 {
		return Position{}, fmt.Sprintf("it has %d fields, want 6: placement, side, castling, en passant and two counters", len(fields))
	}
	p := Position{enPassant: NoSquare, fullmove: 1}
	if reason := p.parsePlacement(fields[0]); reason != "" {
		return p, reason
	}

	switch fields[1] {
	case "w":
		p.side = White
	case "b":
		p.side = Black
	default:
		return p, "the side to move is neither w nor b"
	}

	if reason := p.parseCastling(fields[2]); reason != "" {
		return p, reason
	}
	var reason string
	if len(fields) > 4 {
		if p.halfmove, reason = parseCounter(fields[4]); reason != "" {
			return p, reason
		}
	}
	if len(fields) > 5 {
		if p.fullmove, reason = parseCounter(fields[5]); reason != "" {
			return p, reason
		}
		p.fullmove = max(p.fullmove, 1)
	}
	if p.attackers(p.king(p.side.Other()), p.Occupied())&p.color[p.side] != 0 {
		return p, "the side to move could capture the king"
	}
	if reason := p.parseEnPassant(fields[3]); reason != "" {
		return p, reason
	}
	p.hash = p.computeHash()
	return p, ""
}

func (p *Position) parsePlacement(field string) string {
	rank, file := 7, 0
	for _, c := range []byte(field) {
		switch {
		case c == '/':
			if file != 8 || rank == 0 {
				return "a rank of the placement does not have eight squares, or there are not eight ranks"
			}
			rank, file = rank-1, 0
		case '1' <= c && c <= '8':
			file += int(c - '0')
			if file > 8 {
				return "a rank of the placement has more than eight squares"
			}
		default:
			t := pieceTypeOf(c &^ 0x20)
			if t == NoPieceType {
				return "the placement has a letter that is no piece"
			}
			if file == 8 {
				return "a rank of the placement has more than eight squares"
			}
			p.put(Square(rank<<3|file), NewPiece(Color(c>>5&1), t))
			file++
		}
	}
	if rank != 0 || file != 8 {
		return "the placement does not have eight ranks of eight squares"
	}

	if p.pawns()&(rank1|rank8) != 0 {
		return "a pawn stands on the first or last rank"
	}
	for c := White; c <= Black; c++ {
		number := func(t PieceType) int { return count(p.Pieces(c, t)) }
		if number(King) != 1 {
			return fmt.Sprintf("%s has %d kings", c, number(King))
		}
		promoted := max(number(Knight)-2, 0) + max(number(Bishop)-2, 0) + max(number(Rook)-2, 0) + max(number(Queen)-1, 0)
		if number(Pawn)+promoted > 8 {
			return fmt.Sprintf("%s has more pieces than a game can have", c)
		}
	}
	return ""
}

// put places a piece on an empty square; it does not keep the hash.
func (p *Position) put(s Square, piece Piece) {
	t := uint64(piece.Type())
	p.plane[0] |= t & 1 << s
	p.plane[1] |= t >> 1 & 1 << s
	p.plane[2] |= t >> 2 & 1 << s
	p.color[piece.Color()] |= 1 << s
}

func (p *Position) parseCastling(field string) string {
	if field == "-" {
		return ""
	}
	for _, c := range []byte(field) {
		i := strings.IndexByte("KQkq", c)
		if i < 0 {
			return "the castling rights have a letter other than K, Q, k and q"
		}
		right := CastlingRights(1 << i)
		if p.castling&right != 0 {
			return "a castling right is given twice"
		}
		p.castling |= right
		side := Color(i >> 1)
		rook := [4]Square{squareH1, squareA1, squareH8, squareA8}[i]
		if p.PieceAt(squareE1+56*Square(side)) != NewPiece(side, King) || p.PieceAt(rook) != NewPiece(side, Rook) {
			return fmt.Sprintf("castling right %q, but king or rook is not at home", c)
		}
	}
	return ""
}

// parseEnPassant checks and sets the en passant square; everything else of the
// position is there.
func (p *Position) parseEnPassant(field string) string {
	if field == "-" {
		return ""
	}
	s, err := ParseSquare(field)
	if err != nil {
		return "the en passant field is neither a square nor -"
	}
	rank, them := 5, p.side.Other()
	if p.side == Black {
		rank = 2
	}
	// The pawn stands on s^8, behind it the passed square s, behind that its home.
	home := Square(int(s) + upOf(p.side))
	if s.Rank() != rank || p.PieceAt(s) != NoPiece || p.PieceAt(s^8) != NewPiece(them, Pawn) || p.PieceAt(home) != NoPiece {
		return fmt.Sprintf("no pawn can just have passed over the en passant square %s", s)
	}
	if p.canCaptureEnPassant(s) {
		p.enPassant = s
	}
	return ""
}

func parseCounter(field string) (uint16, string) {
	for _, c := range []byte(field) {
		if c < '0' || c > '9' {
			return 0, "a move counter is not a number"
		}
	}
	n, err := strconv.ParseUint(field, 10, 16)
	if err != nil {
		return 0, fmt.Sprintf("a move counter is not a number up to %d", math.MaxUint16)
	}
	return uint16(n), ""
}

// FEN returns the position in Forsyth-Edwards notation. The en passant square
// is written only when a capture on it is legal.
func (p *Position) FEN() string {
	var buf [96]byte
	return string(p.AppendFEN(buf[:0]))
}

// AppendFEN appends what FEN returns.
func (p *Position) AppendFEN(dst []byte) []byte {
	for rank := 7; rank >= 0; rank-- {
		empty := byte(0)
		for file := range 8 {
			piece := p.PieceAt(Square(rank<<3 | file))
			if piece == NoPiece {
				empty++
				continue
			}
			if empty > 0 {
				dst = append(dst, '0'+empty)
				empty = 0
			}
			dst = append(dst, pieceLetters[piece&15])
		}
		if empty > 0 {
			dst = append(dst, '0'+empty)
		}
		if rank > 0 {
			dst = append(dst, '/')
		}
	}
	dst = append(dst, ' ', "wb"[p.side&1], ' ')
	dst = p.castling.append(dst)
	dst = append(dst, ' ')
	dst = append(dst, p.enPassant.String()...)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, uint64(p.halfmove), 10)
	dst = append(dst, ' ')
	return strconv.AppendUint(dst, uint64(p.fullmove), 10)
}

// String draws the board with White below, and the FEN under it.
func (p *Position) String() string {
	var b strings.Builder
	for rank := 7; rank >= 0; rank-- {
		for file := range 8 {
			c := byte('.')
			if piece := p.PieceAt(Square(rank<<3 | file)); piece != NoPiece {
				c = pieceLetters[piece&15]
			}
			b.WriteByte(c)
			if file < 7 {
				b.WriteByte(' ')
			}
		}
		b.WriteByte('\n')
	}
	b.WriteString(p.FEN())
	return b.String()
}

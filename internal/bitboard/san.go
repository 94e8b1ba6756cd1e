package bitboard

import (
	"errors"
	"fmt"
	"unsafe"
)

// What a SANError wraps beside ErrIllegalMove.
var (
	// ErrNotation says that a text has no meaning as a move.
	ErrNotation = errors.New("not a move in algebraic notation")
	// ErrAmbiguousMove says that more than one legal move fits the text.
	ErrAmbiguousMove = errors.New("ambiguous move")
)

// SANError is the error of ParseSAN.
type SANError struct {
	SAN    string // the text, shortened when it is long
	Reason string // what is wrong, for people
	Err    error  // ErrNotation, ErrIllegalMove or ErrAmbiguousMove
}

// Error describes the error with the text in question.
func (e *SANError) Error() string {
	return fmt.Sprintf("bitboard: %v: %q: %s", e.Err, e.SAN, e.Reason)
}

// Unwrap returns Err.
func (e *SANError) Unwrap() error { return e.Err }

// sanFault is why a text is not a legal move. The reasons are numbers while the
// text is parsed, so that the error is only built when there is one.
type sanFault uint8

const (
	sanOK sanFault = iota
	sanNoTarget
	sanNoOrigin
	sanBadPromotion
	sanPieceNeeded
	sanNotLastRank
	sanOwnPiece
	sanNoMover
	sanExposed
	sanAmbiguous
	sanCastling
)

var sanFaults = [...]struct {
	err    error
	reason string
}{
	sanNoTarget:     {ErrNotation, "it names no target square"},
	sanNoOrigin:     {ErrNotation, "what stands before the target square is no piece, file or rank"},
	sanBadPromotion: {ErrNotation, "a pawn becomes Q, R, B or N, and nothing else becomes anything"},
	sanPieceNeeded:  {ErrNotation, "a pawn on the last rank must become a piece, as in e8=Q"},
	sanNotLastRank:  {ErrIllegalMove, "a pawn becomes another piece on the last rank only"},
	sanOwnPiece:     {ErrIllegalMove, "a piece of the same color stands on the target square"},
	sanNoMover:      {ErrIllegalMove, "no such piece can go there"},
	sanExposed:      {ErrIllegalMove, "the king would be in check"},
	sanAmbiguous:    {ErrAmbiguousMove, "more than one such piece can go there"},
	sanCastling:     {ErrIllegalMove, "castling to this side is not possible now"},
}

// ParseSAN reads a move in standard algebraic notation and finds the legal move
// that it means. It takes what real games contain:
//
//   - check and mate signs and annotations (+ # ! ?) at the end, there or not,
//     right or wrong;
//   - "e.p." or "ep" after a capture;
//   - castling with the letter O, the digit 0 or a small o;
//   - captures with x or : or without a sign; the sign is not compared with the board,
//     except that a pawn captures only when the text has a sign or names a file;
//   - promotions as e8=Q, e8Q, e8(Q) and e8/Q, the piece in either case;
//   - more of the origin than is needed, up to long algebraic notation: Ng1f3,
//     Ng1-f3, e2-e4, e2e4;
//   - P before a pawn move, and the pieces k, q, r and n in lower case. A
//     small b is always a file.
//
// Anything else, and a text that fits no legal move or more than one, is a
// *SANError. A king's two-square move is castling and is not read from Kg1.
func (p *Position) ParseSAN(s string) (Move, error) {
	m, fault := p.parseSAN(s)
	if fault != sanOK {
		f := &sanFaults[fault]
		return NoMove, &SANError{SAN: clip(s), Reason: f.reason, Err: f.err}
	}
	return m, nil
}

// ParseSANBytes is ParseSAN for text in a buffer, which it does not keep.
func (p *Position) ParseSANBytes(s []byte) (Move, error) {
	// The string lives as long as the call: the error holds a copy.
	return p.ParseSAN(unsafe.String(unsafe.SliceData(s), len(s)))
}

// sanText is what a text says, before the board is asked.
type sanText struct {
	piece    PieceType
	to       Square
	origin   uint64 // the squares the move may start from, by the text
	promo    PieceType
	captures bool // the text may be a pawn's capture: it has a sign or a file
}

func (p *Position) parseSAN(s string) (Move, sanFault) {
	s = trimSAN(s)
	if len(s) >= 3 && isO(s[0]) {
		return p.parseCastlingSAN(s)
	}
	t, fault := splitSAN(s)
	if fault != sanOK {
		return NoMove, fault
	}
	return p.resolve(&t)
}

// trimSAN takes annotations off the end.
func trimSAN(s string) string {
	for len(s) > 0 {
		switch s[len(s)-1] {
		case '+', '#', '!', '?', ' ':
			s = s[:len(s)-1]
		case '.':
			if len(s) < 4 || s[len(s)-4:] != "e.p." {
				return s
			}
			s = s[:len(s)-4]
		case 'p':
			if len(s) < 2 || s[len(s)-2] != 'e' {
				return s
			}
			s = s[:len(s)-2]
		default:
			return s
		}
	}
	return s
}

func isO(c byte) bool { return c == 'O' || c == '0' || c == 'o' }

func (p *Position) parseCastlingSAN(s string) (Move, sanFault) {
	if len(s) != 3 && len(s) != 5 || s[1] != '-' || !isO(s[2]) || len(s) == 5 && (s[3] != '-' || !isO(s[4])) {
		return NoMove, sanNoTarget
	}
	from := squareE1 | squareA8*Square(p.side&1)
	to := from + 2
	if len(s) == 5 {
		to = from - 2
	}
	if !p.legalCastling(from, to) {
		return NoMove, sanCastling
	}
	return NewMove(from, to, NoPieceType), sanOK
}

// splitSAN takes a text without annotations apart.
func splitSAN(s string) (t sanText, fault sanFault) {
	if len(s) < 2 {
		return t, sanNoTarget
	}
	if last := s[len(s)-1]; last-'1' > 7 {
		// Not a rank: a promotion, or nothing.
		if last == ')' && len(s) > 3 && s[len(s)-3] == '(' {
			last = s[len(s)-2]
			s = s[:len(s)-3]
		} else {
			s = s[:len(s)-1]
			if sign := s[len(s)-1]; sign == '=' || sign == '/' {
				s = s[:len(s)-1]
			}
		}
		t.promo = pieceTypeOf(last &^ 0x20)
		if len(s) < 2 || t.promo == NoPieceType {
			return t, sanNoTarget
		}
	}
	file, rank := s[len(s)-2]-'a', s[len(s)-1]-'1'
	if file > 7 || rank > 7 {
		return t, sanNoTarget
	}
	t.to = Square(rank<<3 | file)
	s = s[:len(s)-2]

	t.piece = Pawn
	if len(s) > 0 && s[0]-'a' > 7 {
		if piece := pieceTypeOf(s[0] &^ 0x20); piece != NoPieceType {
			t.piece = piece
			s = s[1:]
		}
	}
	if t.promo != NoPieceType && (t.piece != Pawn || t.promo < Knight || t.promo > Queen) {
		return t, sanBadPromotion
	}
	if len(s) > 0 {
		switch s[len(s)-1] {
		case 'x', ':':
			t.captures = true
			s = s[:len(s)-1]
		case '-':
			s = s[:len(s)-1]
		}
	}
	t.origin = ^uint64(0)
	if len(s) > 0 && s[0]-'a' < 8 {
		t.origin = fileA << (s[0] - 'a')
		t.captures = true
		s = s[1:]
	}
	if len(s) > 0 && s[0]-'1' < 8 {
		t.origin &= rank1 << ((s[0] - '1') << 3)
		s = s[1:]
	}
	if len(s) > 0 {
		return t, sanNoOrigin
	}
	return t, sanOK
}

// resolve finds the one legal move that fits. It looks at the pieces of the
// right kind that reach the target, not at all moves.
func (p *Position) resolve(t *sanText) (Move, sanFault) {
	us := p.side & 1
	own, occ := p.color[us], p.Occupied()
	if own>>t.to&1 != 0 {
		return NoMove, sanOwnPiece
	}
	if t.piece == Pawn {
		return p.resolvePawn(t)
	}
	candidates := attacksFrom(t.piece, t.to, occ) & p.ofType(t.piece) & own & t.origin
	if candidates == 0 {
		return NoMove, sanNoMover
	}
	move := NoMove
	for ; candidates != 0; candidates &= candidates - 1 {
		if from := lowest(candidates); p.safe(from, t.to) {
			if move != NoMove {
				return NoMove, sanAmbiguous
			}
			move = NewMove(from, t.to, NoPieceType)
		}
	}
	if move == NoMove {
		return NoMove, sanExposed
	}
	return move, sanOK
}

func (p *Position) resolvePawn(t *sanText) (Move, sanFault) {
	us := p.side & 1
	if last := uint64(1)<<t.to&(rank1|rank8) != 0; last != (t.promo != NoPieceType) {
		if last {
			return NoMove, sanPieceNeeded
		}
		return NoMove, sanNotLastRank
	}
	pawns := p.pawns() & p.color[us] & t.origin
	var candidates uint64
	if p.color[us^1]>>t.to&1 != 0 || t.to == p.enPassant {
		if t.captures {
			candidates = pawnAttacks[us^1][t.to] & pawns
		}
	} else {
		up := upOf(us)
		// On the first two ranks, seen from the mover, these are no squares.
		one, two := Square(int(t.to)-up), Square(int(t.to)-2*up)
		if one < NoSquare && pawns>>one&1 != 0 {
			candidates = 1 << one
		} else if two < NoSquare && pawns>>two&1 != 0 && p.pushes(two, t.to) {
			candidates = 1 << two
		}
	}
	if candidates == 0 {
		return NoMove, sanNoMover
	}
	move := NoMove
	for ; candidates != 0; candidates &= candidates - 1 {
		from := lowest(candidates)
		if t.to == p.enPassant && !p.safeEnPassant(from, t.to) || t.to != p.enPassant && !p.safe(from, t.to) {
			continue
		}
		if move != NoMove {
			return NoMove, sanAmbiguous
		}
		move = NewMove(from, t.to, t.promo)
	}
	if move == NoMove {
		return NoMove, sanExposed
	}
	return move, sanOK
}

// SAN returns the legal move m in standard algebraic notation, with as much of
// the origin as is needed to tell it from other legal moves, and + or # when it
// gives check or mate.
func (p *Position) SAN(m Move) string {
	var buf [8]byte
	return string(p.AppendSAN(buf[:0], m))
}

// AppendSAN appends what SAN returns. The text means nothing when m is not legal.
func (p *Position) AppendSAN(dst []byte, m Move) []byte {
	from, to := m.From(), m.To()
	switch moved := p.typeAt(from); {
	case moved == King && from&7 == squareE1 && to == from+2:
		dst = append(dst, "O-O"...)
	case moved == King && from&7 == squareE1 && to == from-2:
		dst = append(dst, "O-O-O"...)
	case moved == Pawn:
		if from&7 != to&7 {
			dst = append(dst, 'a'+byte(from&7), 'x')
		}
		dst = append(dst, 'a'+byte(to&7), '1'+byte(to>>3))
		if promo := m.Promotion(); promo != NoPieceType {
			dst = append(dst, '=', typeLetters[promo])
		}
	default:
		dst = append(dst, typeLetters[moved])
		dst = p.appendOrigin(dst, moved, from, to)
		if p.Occupied()>>to&1 != 0 {
			dst = append(dst, 'x')
		}
		dst = append(dst, 'a'+byte(to&7), '1'+byte(to>>3))
	}
	next := *p
	next.Make(m)
	if next.InCheck() {
		if next.HasLegalMove() {
			return append(dst, '+')
		}
		return append(dst, '#')
	}
	return dst
}

// appendOrigin appends what tells the piece on from from others of its kind
// that could legally go to to: the file if that is enough, else the rank, else both
// (PGN standard, 8.2.3.4).
func (p *Position) appendOrigin(dst []byte, t PieceType, from, to Square) []byte {
	rivals := attacksFrom(t, to, p.Occupied()) & p.ofType(t) & p.color[p.side&1] &^ (1 << from)
	if t == King || rivals == 0 {
		return dst
	}
	var other, sameFile, sameRank bool
	for ; rivals != 0; rivals &= rivals - 1 {
		s := lowest(rivals)
		if !p.safe(s, to) {
			continue
		}
		other = true
		sameFile = sameFile || s&7 == from&7
		sameRank = sameRank || s>>3 == from>>3
	}
	if other && (!sameFile || sameRank) {
		dst = append(dst, 'a'+byte(from&7))
	}
	if sameFile {
		dst = append(dst, '1'+byte(from>>3))
	}
	return dst
}

// ParseUCIMove reads a move as UCI writes it and checks that it is legal.
// Castling may also be written as the king taking his own rook (e1h1), as
// Chess960 programs do.
func (p *Position) ParseUCIMove(s string) (Move, error) {
	m, err := ParseUCI(s)
	if err != nil {
		return NoMove, err
	}
	us := p.side & 1
	home := squareE1 | squareA8*Square(us)
	if m.From() == home && m.Promotion() == NoPieceType && p.PieceAt(home) == NewPiece(us, King) && p.PieceAt(m.To()) == NewPiece(us, Rook) {
		switch m.To() {
		case home + 3:
			m = NewMove(home, home+2, NoPieceType)
		case home - 4:
			m = NewMove(home, home-2, NoPieceType)
		}
	}
	if !p.IsLegal(m) {
		return NoMove, fmt.Errorf("bitboard: %w: %q in %s", ErrIllegalMove, clip(s), p.FEN())
	}
	return m, nil
}

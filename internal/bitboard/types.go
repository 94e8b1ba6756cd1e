package bitboard

import (
	"errors"
	"fmt"
	"math/bits"
)

// Color is a side: White or Black.
type Color uint8

// The two sides.
const (
	White Color = 0
	Black Color = 1
)

// Other returns the opposing side.
func (c Color) Other() Color { return c ^ 1 }

// String returns "white" or "black".
func (c Color) String() string {
	switch c {
	case White:
		return "white"
	case Black:
		return "black"
	}
	return fmt.Sprintf("Color(%d)", uint8(c))
}

// PieceType is a kind of piece without its color.
type PieceType uint8

// The kinds of pieces. The numbers are part of the Move encoding, and the three
// bits of each number are the three bit planes of a Position.
const (
	NoPieceType PieceType = 0
	Pawn        PieceType = 1
	Knight      PieceType = 2
	Bishop      PieceType = 3
	Rook        PieceType = 4
	Queen       PieceType = 5
	King        PieceType = 6
)

const (
	typeLetters  = "?PNBRQK?"
	pieceLetters = "?PNBRQK??pnbrqk?"
)

// String returns the English letter of the piece in upper case, as SAN writes
// it, "P" for a pawn, and "?" for anything that is no piece type.
func (t PieceType) String() string {
	if t > King {
		t = NoPieceType
	}
	return typeLetters[t : t+1]
}

// Piece is a colored piece: the PieceType in bits 0-2, the Color in bit 3.
type Piece uint8

// NoPiece is what stands on an empty square.
const NoPiece Piece = 0

// NewPiece returns the piece of kind t and color c, NoPiece for NoPieceType.
func NewPiece(c Color, t PieceType) Piece {
	if t == NoPieceType {
		return NoPiece
	}
	return Piece(t) | Piece(c)<<3
}

// Color returns the side the piece belongs to; it means nothing for NoPiece.
func (p Piece) Color() Color { return Color(p >> 3 & 1) }

// Type returns the kind of the piece.
func (p Piece) Type() PieceType { return PieceType(p & 7) }

// String returns the letter FEN uses: upper case for White, lower case for
// Black, "?" for anything that is no piece.
func (p Piece) String() string {
	if p > 15 {
		p = NoPiece
	}
	return pieceLetters[p : p+1]
}

// Square is one of the 64 squares: a1 is 0, b1 is 1, h8 is 63.
type Square uint8

// NoSquare stands for the absence of a square.
const NoSquare Square = 64

// Squares that the rules name.
const (
	squareA1 Square = 0
	squareC1 Square = 2
	squareD1 Square = 3
	squareE1 Square = 4
	squareG1 Square = 6
	squareH1 Square = 7
	squareA8 Square = 56
	squareE8 Square = 60
	squareH8 Square = 63
)

// NewSquare returns the square on a file (0 is the a-file) and a rank (0 is the
// first rank), NoSquare when one of them is outside 0-7.
func NewSquare(file, rank int) Square {
	if uint(file) > 7 || uint(rank) > 7 {
		return NoSquare
	}
	return Square(rank<<3 | file)
}

// ParseSquare reads a square written as in "e4".
func ParseSquare(s string) (Square, error) {
	if len(s) == 2 && s[0]-'a' < 8 && s[1]-'1' < 8 {
		return Square(s[0]-'a') | Square(s[1]-'1')<<3, nil
	}
	return NoSquare, fmt.Errorf("bitboard: not a square: %q", clip(s))
}

// File returns the file of the square, 0 for the a-file.
func (s Square) File() int { return int(s & 7) }

// Rank returns the rank of the square, 0 for the first rank.
func (s Square) Rank() int { return int(s >> 3) }

// String returns the square as in "e4", "-" for NoSquare and what lies beyond.
func (s Square) String() string {
	if s >= NoSquare {
		return "-"
	}
	return squareNames[s*2 : s*2+2]
}

const squareNames = "a1b1c1d1e1f1g1h1a2b2c2d2e2f2g2h2a3b3c3d3e3f3g3h3a4b4c4d4e4f4g4h4" +
	"a5b5c5d5e5f5g5h5a6b6c6d6e6f6g6h6a7b7c7d7e7f7g7h7a8b8c8d8e8f8g8h8"

// Move is a move in 16 bits: the origin in bits 0-5, the target in bits 6-11,
// the PieceType a pawn becomes in bits 12-14 (0, or 2 to 5), bit 15 zero.
// Castling is the king's move by two squares (e1g1). The same bits are what
// corpus files hold, so the encoding does not change.
type Move uint16

// NoMove is no move. It would go from a1 to a1, which no move does.
const NoMove Move = 0

// NewMove packs a move. promo is NoPieceType for everything but a promotion.
func NewMove(from, to Square, promo PieceType) Move {
	return Move(from&63) | Move(to&63)<<6 | Move(promo&7)<<12
}

// From returns the square the move starts from.
func (m Move) From() Square { return Square(m & 63) }

// To returns the square the move ends on.
func (m Move) To() Square { return Square(m >> 6 & 63) }

// Promotion returns the piece a pawn becomes, NoPieceType for most moves.
func (m Move) Promotion() PieceType { return PieceType(m >> 12 & 7) }

// String returns the move as UCI writes it: "e2e4", "e7e8q", "0000" for NoMove.
func (m Move) String() string {
	var buf [5]byte
	return string(m.AppendUCI(buf[:0]))
}

// AppendUCI appends what String returns.
func (m Move) AppendUCI(dst []byte) []byte {
	if m == NoMove {
		return append(dst, "0000"...)
	}
	from, to := m.From(), m.To()
	dst = append(dst, 'a'+byte(from&7), '1'+byte(from>>3), 'a'+byte(to&7), '1'+byte(to>>3))
	if t := m.Promotion(); t != NoPieceType {
		dst = append(dst, typeLetters[t]|0x20)
	}
	return dst
}

// ParseUCI reads a move written as UCI writes it: "e2e4", "e7e8q", "0000" for
// NoMove. It looks at the syntax alone; Position.ParseUCIMove also asks the
// rules. The letter of a promotion may be in upper case, as some programs send it.
func ParseUCI(s string) (Move, error) {
	if s == "0000" {
		return NoMove, nil
	}
	if len(s) < 4 || len(s) > 5 || s[0]-'a' > 7 || s[1]-'1' > 7 || s[2]-'a' > 7 || s[3]-'1' > 7 {
		return NoMove, fmt.Errorf("bitboard: not a UCI move: %q", clip(s))
	}
	from := Square(s[0]-'a') | Square(s[1]-'1')<<3
	to := Square(s[2]-'a') | Square(s[3]-'1')<<3
	if from == to {
		return NoMove, fmt.Errorf("bitboard: not a UCI move: %q goes nowhere", clip(s))
	}
	promo := NoPieceType
	if len(s) == 5 {
		promo = pieceTypeOf(s[4] &^ 0x20)
		if promo < Knight || promo > Queen {
			return NoMove, fmt.Errorf("bitboard: not a UCI move: %q: a pawn becomes n, b, r or q", clip(s))
		}
	}
	return NewMove(from, to, promo), nil
}

// pieceTypeOf returns the piece type of an upper-case letter, NoPieceType for
// any other byte.
func pieceTypeOf(letter byte) PieceType {
	switch letter {
	case 'P':
		return Pawn
	case 'N':
		return Knight
	case 'B':
		return Bishop
	case 'R':
		return Rook
	case 'Q':
		return Queen
	case 'K':
		return King
	}
	return NoPieceType
}

// CastlingRights is a set of castling rights.
type CastlingRights uint8

// The four castling rights.
const (
	WhiteKingside  CastlingRights = 1
	WhiteQueenside CastlingRights = 2
	BlackKingside  CastlingRights = 4
	BlackQueenside CastlingRights = 8
)

// String returns the rights as FEN writes them: "KQkq", "-" for none.
func (r CastlingRights) String() string {
	var buf [4]byte
	return string(r.append(buf[:0]))
}

func (r CastlingRights) append(dst []byte) []byte {
	if r&15 == 0 {
		return append(dst, '-')
	}
	for i, letter := range [4]byte{'K', 'Q', 'k', 'q'} {
		if r>>i&1 != 0 {
			dst = append(dst, letter)
		}
	}
	return dst
}

// Result is how a game ended, as PGN writes it.
type Result uint8

// The four results of PGN.
const (
	Ongoing   Result = iota // "*": not over, or unknown
	WhiteWins               // "1-0"
	BlackWins               // "0-1"
	Draw                    // "1/2-1/2"
)

// Unknown is Ongoing: PGN writes both as "*".
const Unknown = Ongoing

// String returns the result as PGN writes it.
func (r Result) String() string {
	switch r {
	case WhiteWins:
		return "1-0"
	case BlackWins:
		return "0-1"
	case Draw:
		return "1/2-1/2"
	}
	return "*"
}

// ParseResult reads one of PGN's four results.
func ParseResult(s string) (Result, error) {
	switch s {
	case "*":
		return Ongoing, nil
	case "1-0":
		return WhiteWins, nil
	case "0-1":
		return BlackWins, nil
	case "1/2-1/2":
		return Draw, nil
	}
	return Ongoing, fmt.Errorf("bitboard: not a result: %q: want 1-0, 0-1, 1/2-1/2 or *", clip(s))
}

// Termination is the rule by which a game is over or a draw may be claimed.
type Termination uint8

// The rules that end games, with their articles in the FIDE Laws of Chess (2023).
const (
	NoTermination        Termination = iota
	Checkmate                        // 5.1.1
	Stalemate                        // 5.2.1
	InsufficientMaterial             // 5.2.2
	FiftyMoves                       // 9.3, on claim
	SeventyFiveMoves                 // 9.6.2, automatic
	ThreefoldRepetition              // 9.2, on claim
	FivefoldRepetition               // 9.6.1, automatic
)

// String returns the name of the rule, "none" for NoTermination.
func (t Termination) String() string {
	names := [...]string{"none", "checkmate", "stalemate", "insufficient material", "fifty moves",
		"seventy-five moves", "threefold repetition", "fivefold repetition"}
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("Termination(%d)", uint8(t))
}

// ErrIllegalMove is what an attempt to play a move against the rules wraps.
var ErrIllegalMove = errors.New("illegal move")

// clip shortens text from outside for an error message.
func clip(s string) string {
	const most = 90
	if len(s) <= most {
		// A copy: an error must not keep the caller's buffer alive, and the
		// parsers' arguments must not escape to the heap.
		return string(append([]byte(nil), s...))
	}
	return string(append([]byte(nil), s[:most]...)) + "..."
}

// lowest returns the lowest square of a set that is not empty.
func lowest(set uint64) Square { return Square(bits.TrailingZeros64(set)) }

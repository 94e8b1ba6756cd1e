package data

import (
	"fmt"

	"transcend/internal/bitboard"
)

// NumMoves is the number of moves that some piece can make on an empty board:
// 1,792 pairs of squares that a queen or a knight connects (castling, king and
// pawn moves are among them) and 176 promotions.
const NumMoves = 1968

// MoveTokenizer writes a game as one token a move. It has 1,970 tokens, in an
// order that is part of every checkpoint and does not change:
//
//   - 0 to 1791: from a square to another that a queen or a knight could reach
//     on an empty board, by from square, then by to square (a1, b1, ... h8);
//   - 1792 to 1967: promotions, by from square (so Black's, a2-h2, before
//     White's, a7-h7), then by to square, then by piece: knight, bishop, rook,
//     queen;
//   - 1968: "<game>", the separator; 1969: "<pad>".
//
// A move's text is its UCI notation; castling is the king's move (e1g1).
type MoveTokenizer struct {
	moves [NumMoves]bitboard.Move
	// ids is indexed by the 15 bits of a move; -1 for what no piece can do.
	ids [1 << 15]int16
}

// NewMoveTokenizer builds the table.
func NewMoveTokenizer() *MoveTokenizer {
	t := new(MoveTokenizer)
	for i := range t.ids {
		t.ids[i] = -1
	}
	n := 0
	add := func(m bitboard.Move) {
		t.moves[n] = m
		t.ids[m] = int16(n)
		n++
	}
	for from := range 64 {
		for to := range 64 {
			if queenMove(from, to) || knightMove(from, to) {
				add(bitboard.NewMove(bitboard.Square(from), bitboard.Square(to), bitboard.NoPieceType))
			}
		}
	}
	for from := range 64 {
		for to := range 64 {
			white := from>>3 == 6 && to>>3 == 7
			black := from>>3 == 1 && to>>3 == 0
			if !white && !black || distance(from&7, to&7) > 1 {
				continue
			}
			for promo := bitboard.Knight; promo <= bitboard.Queen; promo++ {
				add(bitboard.NewMove(bitboard.Square(from), bitboard.Square(to), promo))
			}
		}
	}
	return t
}

func distance(a, b int) int { return max(a-b, b-a) }

// queenMove reports whether a queen on an empty board goes from one square to
// the other.
func queenMove(from, to int) bool {
	files, ranks := distance(from&7, to&7), distance(from>>3, to>>3)
	return from != to && (files == 0 || ranks == 0 || files == ranks)
}

// knightMove reports the same of a knight.
func knightMove(from, to int) bool {
	files, ranks := distance(from&7, to&7), distance(from>>3, to>>3)
	return files == 1 && ranks == 2 || files == 2 && ranks == 1
}

// Name returns "move".
func (t *MoveTokenizer) Name() string { return "move" }

// Unit returns "move".
func (t *MoveTokenizer) Unit() string { return "move" }

// VocabSize returns 1,970.
func (t *MoveTokenizer) VocabSize() int { return NumMoves + 2 }

// Separator returns the id of "<game>".
func (t *MoveTokenizer) Separator() int32 { return NumMoves }

// Pad returns the id of "<pad>".
func (t *MoveTokenizer) Pad() int32 { return NumMoves + 1 }

// ID returns the token of a move, false for a code that no piece could play on
// any board.
func (t *MoveTokenizer) ID(m bitboard.Move) (int32, bool) {
	if int(m) >= len(t.ids) || t.ids[m] < 0 {
		return -1, false
	}
	return int32(t.ids[m]), true
}

// Move returns the move of a token, false for the two that are no move and for
// ids outside the vocabulary.
func (t *MoveTokenizer) Move(id int32) (bitboard.Move, bool) {
	if id < 0 || id >= NumMoves {
		return bitboard.NoMove, false
	}
	return t.moves[id], true
}

// AppendGame implements Tokenizer: "<game>" and one token a move.
func (t *MoveTokenizer) AppendGame(dst []int32, g *Game) []int32 {
	return t.AppendPrompt(dst, g.Moves)
}

// AppendPrompt implements Tokenizer: every prefix of a game is a prompt.
func (t *MoveTokenizer) AppendPrompt(dst []int32, moves []bitboard.Move) []int32 {
	dst = append(dst, t.Separator())
	for i, m := range moves {
		id, ok := t.ID(m)
		if !ok {
			panic(fmt.Sprintf("data: tokenizing a game: ply %d: %v (%#04x) is no move of any piece", i+1, m, uint16(m)))
		}
		dst = append(dst, id)
	}
	return dst
}

// DecodeGame implements Tokenizer. It replays the moves, so what it returns is
// a legal game.
func (t *MoveTokenizer) DecodeGame(ids []int32) ([]bitboard.Move, error) {
	if len(ids) == 0 || ids[0] != t.Separator() {
		return nil, fmt.Errorf("data: decoding a game: it does not start with %s: %w", t.Text(t.Separator()), ErrNotAGame)
	}
	moves := make([]bitboard.Move, 0, len(ids)-1)
	p := bitboard.Start()
	for i, id := range ids[1:] {
		m, ok := t.Move(id)
		if !ok {
			return nil, fmt.Errorf("data: decoding a game: token %d is %d, not a move: %w", i+1, id, ErrNotAGame)
		}
		if !p.IsLegal(m) {
			return nil, fmt.Errorf("data: decoding a game: ply %d: %v is illegal: %w", i+1, m, ErrNotAGame)
		}
		p.Make(m)
		moves = append(moves, m)
	}
	return moves, nil
}

// AppendMove implements Tokenizer: one token, which every legal move has.
func (t *MoveTokenizer) AppendMove(dst []int32, _ *bitboard.Position, m bitboard.Move) []int32 {
	id, _ := t.ID(m)
	return append(dst, id)
}

// MoveEnds returns nil: a token is a move.
func (t *MoveTokenizer) MoveEnds() []int32 { return nil }

// MaxMoveTokens returns 1.
func (t *MoveTokenizer) MaxMoveTokens() int { return 1 }

// ReadMove implements Tokenizer: the text of the first token.
func (t *MoveTokenizer) ReadMove(sampled []int32) (text string, complete bool) {
	if len(sampled) == 0 {
		return "", false
	}
	return t.Text(sampled[0]), true
}

// ParseMove implements Tokenizer: text in UCI notation.
func (t *MoveTokenizer) ParseMove(p *bitboard.Position, text string) (bitboard.Move, error) {
	m, err := p.ParseUCIMove(text)
	if err != nil {
		return bitboard.NoMove, fmt.Errorf("data: reading a sampled move: %w", err)
	}
	return m, nil
}

// Text implements Tokenizer: "e2e4", "a7a8q", "<game>", "<pad>".
func (t *MoveTokenizer) Text(id int32) string {
	if m, ok := t.Move(id); ok {
		return m.String()
	}
	switch id {
	case t.Separator():
		return "<game>"
	case t.Pad():
		return "<pad>"
	}
	return ""
}

// MarshalJSON implements Tokenizer.
func (t *MoveTokenizer) MarshalJSON() ([]byte, error) { return marshalTokenizer(t, false) }

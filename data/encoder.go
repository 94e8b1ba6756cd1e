package data

import (
	"fmt"
	"math/bits"
	"slices"

	"transcend/internal/bitboard"
	"transcend/internal/clip"
	"transcend/model"
)

// What a model is shown of a game beside its tokens.
const (
	// InputMoves is the paper's: nothing. The model has to track the board.
	InputMoves = "moves"
	// InputBoard shows with every token the board that it leads to, before the move
	// that is to be predicted; see AppendBoard.
	InputBoard = "board"
)

// Encoder writes games as one model reads them: a tokenizer, and what goes with its
// tokens as extra ids (model.Batch.Extras). The zero value is no encoder.
type Encoder struct {
	Tokenizer Tokenizer
	input     string
}

// NewEncoder returns the encoder of tokens by tok and of an input, "" being InputMoves.
// InputBoard needs tokens that are moves.
func NewEncoder(tok Tokenizer, input string) (Encoder, error) {
	switch input {
	case "", InputMoves:
		return Encoder{tok, InputMoves}, nil
	case InputBoard:
		if !WholeMoves(tok) {
			return Encoder{}, fmt.Errorf("data: encoder: board input goes with the move tokenizer, not with %q, where a token is a part of a move", tok.Name())
		}
		return Encoder{tok, InputBoard}, nil
	}
	return Encoder{}, fmt.Errorf("data: encoder: unknown input %q (want %s or %s)", clip.Text(input, quoted), InputMoves, InputBoard)
}

// EncoderOf returns the encoder for a model of that configuration with the tokenizer
// of its checkpoint.
func EncoderOf(tok Tokenizer, c model.Config) (Encoder, error) {
	input := InputMoves
	if c.ExtraVocab != 0 || c.ExtraSlots != 0 {
		if c.ExtraVocab != BoardVocab || c.ExtraSlots != BoardSlots {
			return Encoder{}, fmt.Errorf("data: encoder: the model takes %d extra ids, %d a token: not board input as this program knows it (%d, %d a token)",
				c.ExtraVocab, c.ExtraSlots, BoardVocab, BoardSlots)
		}
		input = InputBoard
	}
	return NewEncoder(tok, input)
}

// Input is InputMoves or InputBoard.
func (e Encoder) Input() string { return e.input }

// Configure sets what of a model's configuration depends on what it is shown: Vocab,
// ExtraVocab and ExtraSlots.
func (e Encoder) Configure(c *model.Config) {
	c.Vocab, c.ExtraVocab, c.ExtraSlots = e.Tokenizer.VocabSize(), 0, 0
	if e.input == InputBoard {
		c.ExtraVocab, c.ExtraSlots = BoardVocab, BoardSlots
	}
}

// AppendExtras appends the extra ids of the tokens from to to-1 of the prompt for g's
// next move (AppendPrompt of g.Moves()): none with InputMoves.
func (e Encoder) AppendExtras(dst []int32, g *bitboard.Game, from, to int) []int32 {
	if e.input == InputBoard {
		for ply := from; ply < to; ply++ {
			dst = AppendBoard(dst, g.PositionAt(ply))
		}
	}
	return dst
}

// The extra ids of a board, which are part of every checkpoint with board input and do
// not change:
//
//   - 0 to 767: a piece on a square, 64·k + square (a1, b1, ... h8) with k 0 to 5 for
//     White's pawn, knight, bishop, rook, queen and king, 6 to 11 for Black's;
//   - 768 to 771: the right to castle: White's kingside and queenside, Black's;
//   - 772 to 779: a pawn on file a to h can be captured en passant;
//   - 780: Black is to move.
const (
	boardCastling  = 12 * 64
	boardEnPassant = boardCastling + 4
	boardBlack     = boardEnPassant + 8

	// BoardVocab is the number of ids, BoardSlots how many of them a position has at
	// most: 32 pieces, 4 rights, a pawn and the side.
	BoardVocab = boardBlack + 1
	BoardSlots = 32 + 4 + 1 + 1
)

// AppendBoard appends the ids of a position, BoardSlots numbers: first those of the
// pieces, from a1 to h8, in the end -1 where there are fewer. Of more than 32 pieces,
// which no game leads to, those that come last are left out.
func AppendBoard(dst []int32, p *bitboard.Position) []int32 {
	dst = slices.Grow(dst, BoardSlots)
	dst = dst[:len(dst)+BoardSlots]
	ids, n := (*[BoardSlots]int32)(dst[len(dst)-BoardSlots:]), 0
	for occupied := p.Occupied(); occupied != 0 && n < 32; occupied &= occupied - 1 {
		square := bitboard.Square(bits.TrailingZeros64(occupied))
		piece := p.PieceAt(square)
		ids[n] = 64*(6*int32(piece.Color())+int32(piece.Type())-1) + int32(square)
		n++
	}
	rights := p.CastlingRights()
	for i, right := range [...]bitboard.CastlingRights{bitboard.WhiteKingside, bitboard.WhiteQueenside, bitboard.BlackKingside, bitboard.BlackQueenside} {
		if rights&right != 0 {
			ids[n] = boardCastling + int32(i)
			n++
		}
	}
	if s := p.EnPassant(); s != bitboard.NoSquare {
		ids[n] = boardEnPassant + int32(s.File())
		n++
	}
	if p.SideToMove() == bitboard.Black {
		ids[n] = boardBlack
		n++
	}
	for ; n < BoardSlots; n++ {
		ids[n] = -1
	}
	return dst
}

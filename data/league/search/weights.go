package search

import "transcend/internal/bitboard"

// weight is a value in the middlegame and one in the endgame, in centipawns, in
// one word so that both are added at once: the first in the upper 16 bits, the
// second in the lower ones, each between -2^14 and 2^14 in every sum.
type weight int32

func pair(middle, end int) weight { return weight(middle<<16) + weight(end) }

func (w weight) middle() int { return int((w + 1<<15) >> 16) }
func (w weight) end() int    { return int(int16(w)) }

// The numbers of the evaluation. They were written down from what chess books say
// of pieces and squares and are regular in file and rank: TestWeights has what
// must hold between them.
var (
	pieceValue = [8]weight{
		bitboard.Pawn: pair(85, 105), bitboard.Knight: pair(325, 305), bitboard.Bishop: pair(340, 320),
		bitboard.Rook: pair(480, 530), bitboard.Queen: pair(980, 980),
	}

	bishopPair  = pair(28, 48)
	doubledPawn = pair(-8, -18)
	lonePawn    = pair(-11, -9) // no own pawn on the files beside it
	// passedPawn is by rank, counted from its own side.
	passedPawn = [8]weight{0, pair(2, 10), pair(4, 15), pair(8, 32), pair(22, 58), pair(48, 100), pair(80, 160), 0}
	// passedKing is what a square of distance between a passed pawn's next square
	// and the other king is worth, beyond that to the own king.
	passedKing = [8]weight{3: pair(0, 3), 4: pair(0, 6), 5: pair(0, 9), 6: pair(0, 11)}

	openFile     = pair(24, 12) // a rook on a file without pawns
	halfOpenFile = pair(11, 8)  // without own ones
	shield       = pair(11, 0)  // an own pawn on the three files of the king, one or two ranks before it

	// mobility is the worth of a square that a piece attacks and that neither an
	// own piece stands on nor an enemy pawn attacks, above mobilityZero of them.
	mobility     = [8]weight{bitboard.Knight: pair(4, 4), bitboard.Bishop: pair(4, 5), bitboard.Rook: pair(2, 4), bitboard.Queen: pair(1, 3)}
	mobilityZero = [8]int{bitboard.Knight: 4, bitboard.Bishop: 6, bitboard.Rook: 6, bitboard.Queen: 12}

	// ringAttack is what an attack of a piece on a square beside the enemy king is
	// worth.
	ringAttack = [8]weight{bitboard.Knight: pair(6, 0), bitboard.Bishop: pair(5, 0), bitboard.Rook: pair(8, 0), bitboard.Queen: pair(7, 1)}
)

// tempo is worth the move.
const tempo = 12

// phaseOf is what a piece adds to the phase of a position: 24 is the start, 0 the
// end with kings and pawns.
var phaseOf = [8]int8{bitboard.Knight: 1, bitboard.Bishop: 1, bitboard.Rook: 2, bitboard.Queen: 4}

// wholePhase is the phase of the starting position.
const wholePhase = 24

// squareWeights holds, by piece with its color and by square, the worth of the
// piece there, positive for White: material and place.
var squareWeights = makeSquareWeights()

func makeSquareWeights() (table [16][64]weight) {
	for t := bitboard.Pawn; t <= bitboard.King; t++ {
		for square := range 64 {
			w := pieceValue[t] + placeWeight(t, square&7, square>>3)
			table[bitboard.NewPiece(bitboard.White, t)][square] = w
			table[bitboard.NewPiece(bitboard.Black, t)][square^56] = -w
		}
	}
	return table
}

// placeWeight is the worth of a white piece's place; the file counts from the a-file,
// the rank from White's.
func placeWeight(t bitboard.PieceType, file, rank int) weight {
	inFile := min(file, 7-file) // 0 at the edge, 3 in the middle
	inRank := min(rank, 7-rank)
	center := inFile + inRank
	switch t {
	case bitboard.Pawn:
		middle := [8]int{0, 0, 1, 6, 14, 28, 50, 0}[rank] - 4*(3-inFile)
		if inFile == 3 {
			middle += [8]int{0, -12, 4, 20, 16, 8, 0, 0}[rank]
		} else if inFile == 2 && rank >= 3 {
			middle += 4
		}
		return pair(middle, [8]int{0, 0, 3, 10, 24, 45, 70, 0}[rank])
	case bitboard.Knight:
		middle := 9*center - 36
		if rank >= 3 && rank <= 5 {
			middle += 10
		}
		if rank == 0 {
			middle -= 10
		}
		return pair(middle, 8*center-30)
	case bitboard.Bishop:
		middle := 4*center - 14
		if rank == 0 {
			middle -= 10
		}
		return pair(middle, 3*center-11)
	case bitboard.Rook:
		middle := 4*inFile - 7
		if rank == 6 {
			middle += 18
		}
		return pair(middle, [8]int{-4, -4, 0, 4, 6, 8, 12, 6}[rank])
	case bitboard.Queen:
		middle := center - 4
		if rank >= 2 && rank <= 4 {
			middle -= 4
		}
		return pair(middle, 7*center-24)
	case bitboard.King:
		middle := -18 * rank
		switch {
		case rank > 1:
		case inFile == 1, inFile == 0:
			middle += 24
		case inFile == 2:
			middle += 2
		case inFile == 3:
			middle -= 10
		}
		return pair(max(middle, -75), 11*center-38)
	}
	return 0
}

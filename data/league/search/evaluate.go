package search

import (
	"math/bits"

	"transcend/internal/bitboard"
)

// board is a position and the part of its evaluation that moves change piece by
// piece.
type board struct {
	pos   bitboard.Position
	sum   weight // material and places, White's minus Black's
	phase int8
}

func newBoard(p *bitboard.Position) board {
	b := board{pos: *p}
	for set := p.Occupied(); set != 0; set &= set - 1 {
		s := bitboard.Square(bits.TrailingZeros64(set))
		piece := p.PieceAt(s)
		b.sum += squareWeights[piece&15][s&63]
		b.phase += phaseOf[piece.Type()&7]
	}
	return b
}

// make plays a legal move.
func (b *board) make(m bitboard.Move) {
	from, to := m.From(), m.To()
	piece := b.pos.PieceAt(from)
	taken := b.pos.PieceAt(to)
	placed := piece
	if promotion := m.Promotion(); promotion != bitboard.NoPieceType {
		placed = bitboard.NewPiece(piece.Color(), promotion)
		b.phase += phaseOf[promotion&7]
	}
	b.sum += squareWeights[placed&15][to&63] - squareWeights[piece&15][from&63]
	switch {
	case taken != bitboard.NoPiece:
		b.sum -= squareWeights[taken&15][to&63]
		b.phase -= phaseOf[taken.Type()&7]
	case piece.Type() == bitboard.Pawn && (from^to)&7 != 0:
		// En passant: the pawn taken stands beside the one that takes.
		b.sum -= squareWeights[bitboard.NewPiece(piece.Color().Other(), bitboard.Pawn)&15][(to^8)&63]
	case piece.Type() == bitboard.King && from^to == 2:
		b.castle(piece.Color(), to+1, to-1)
	case piece.Type() == bitboard.King && from^to == 6:
		b.castle(piece.Color(), to-2, to+1)
	}
	b.pos.Make(m)
}

func (b *board) castle(c bitboard.Color, from, to bitboard.Square) {
	rook := &squareWeights[bitboard.NewPiece(c, bitboard.Rook)&15]
	b.sum += rook[to&63] - rook[from&63]
}

const (
	fileA uint64 = 0x0101010101010101
	fileH uint64 = fileA << 7
)

// evaluate returns the worth of the position to the side to move, in centipawns.
func (b *board) evaluate() int {
	p := &b.pos
	w := b.sum
	occ := p.Occupied()
	var pawns, pawnAttacks, ring [2]uint64
	pawns[0], pawns[1] = p.Pieces(bitboard.White, bitboard.Pawn), p.Pieces(bitboard.Black, bitboard.Pawn)
	pawnAttacks[0] = (pawns[0]&^fileA)<<7 | (pawns[0]&^fileH)<<9
	pawnAttacks[1] = (pawns[1]&^fileH)>>7 | (pawns[1]&^fileA)>>9
	var kings [2]bitboard.Square
	for c := range kings {
		kings[c] = bitboard.Square(bits.TrailingZeros64(p.Pieces(bitboard.Color(c), bitboard.King)) & 63)
		ring[c] = bitboard.Attacks(bitboard.King, kings[c], occ)
	}

	w += pawnStructure(pawns[0], pawns[1], kings[0], kings[1])
	w -= pawnStructure(bits.ReverseBytes64(pawns[1]), bits.ReverseBytes64(pawns[0]), kings[1]^56, kings[0]^56)

	for c := range bitboard.Color(2) {
		var side weight
		own := p.ByColor(c)
		free := ^(own | pawnAttacks[c^1])
		for t := bitboard.Knight; t <= bitboard.Queen; t++ {
			set := p.Pieces(c, t)
			if t == bitboard.Bishop && set&(set-1) != 0 {
				side += bishopPair
			}
			for ; set != 0; set &= set - 1 {
				s := bitboard.Square(bits.TrailingZeros64(set))
				attacks := bitboard.Attacks(t, s, occ)
				side += mobility[t] * weight(bits.OnesCount64(attacks&free)-mobilityZero[t])
				side += ringAttack[t] * weight(bits.OnesCount64(attacks&ring[c^1]))
				if t == bitboard.Rook {
					if file := fileA << (s & 7); file&pawns[c] == 0 {
						if file&pawns[c^1] == 0 {
							side += openFile
						} else {
							side += halfOpenFile
						}
					}
				}
			}
		}
		if c == bitboard.Black {
			side = -side
		}
		w += side
	}

	phase := min(int(b.phase), wholePhase)
	score := (w.middle()*phase + w.end()*(wholePhase-phase)) / wholePhase
	if p.SideToMove() == bitboard.Black {
		score = -score
	}
	score += tempo
	// Who has no pawns needs more than a minor piece to win.
	if winner := p.SideToMove(); (score > 0) != (winner == bitboard.White) {
		if pawns[1] == 0 && b.drawish(bitboard.Black) {
			score /= 8
		}
	} else if pawns[0] == 0 && b.drawish(bitboard.White) {
		score /= 8
	}
	return score
}

// drawish reports that a side without pawns is not ahead by more than a minor
// piece, which rarely wins.
func (b *board) drawish(c bitboard.Color) bool {
	return b.power(c)-b.power(c^1) <= 1
}

// power counts pieces as phases do.
func (b *board) power(c bitboard.Color) int {
	p := &b.pos
	n := 0
	for t := bitboard.Knight; t <= bitboard.Queen; t++ {
		n += int(phaseOf[t]) * bits.OnesCount64(p.Pieces(c, t))
	}
	return n
}

// pawnStructure is the worth of white pawns and the shelter of the white king;
// for Black's the board is turned around.
func pawnStructure(own, enemy uint64, ownKing, enemyKing bitboard.Square) weight {
	var w weight
	// Files with own pawns, as squares of the first rank.
	files := own | own>>32
	files |= files >> 16
	files = (files | files>>8) & 0xff
	beside := files<<1 | files>>1
	w += doubledPawn * weight(bits.OnesCount64(own)-bits.OnesCount64(files))
	w += lonePawn * weight(bits.OnesCount64(own&^(beside&0xff*fileA)))

	// Squares that an enemy pawn stands before or attacks on its way down.
	span := enemy
	span |= span >> 8
	span |= span >> 16
	span |= span >> 32
	stopped := span>>8 | (span&^fileA)>>9 | (span&^fileH)>>7
	for set := own &^ stopped; set != 0; set &= set - 1 {
		s := bitboard.Square(bits.TrailingZeros64(set))
		rank := int(s >> 3)
		if own&(fileA<<((s+8)&63)) != 0 {
			continue // an own pawn is before it
		}
		w += passedPawn[rank&7]
		if scale := passedKing[rank&7]; scale != 0 {
			w += scale * weight(distance(enemyKing, s+8)-distance(ownKing, s+8))
		}
	}

	// The files of the king and beside it, one and two ranks before him.
	near := uint64(1) << ownKing
	near |= (near&^fileA)>>1 | (near&^fileH)<<1
	near = near<<8 | near<<16
	w += shield * weight(bits.OnesCount64(own&near))
	return w
}

// distance is how many moves a king needs between two squares.
func distance(a, b bitboard.Square) int {
	files, ranks := int(a&7)-int(b&7), int(a>>3)-int(b>>3)
	return max(files, -files, ranks, -ranks)
}
